"""Every module's settings in one TOML file; what is not written there has a default that works.

A key that no module knows is a SettingError that names its path and the nearest right one.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biofeed import settings
from biofeed.engine import Settings as EngineSettings
from biofeed.errors import UsageError
from biofeed.graphics.renderer import Settings as PictureSettings
from biofeed.sensors.serial_port import Settings as PortSettings
from biofeed.sound.limiter import Settings as SoundSettings


@dataclass(frozen=True, slots=True)
class Config:
    """The whole program's settings, a table for each part."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    picture: PictureSettings = field(default_factory=PictureSettings)
    sound: SoundSettings = field(default_factory=SoundSettings)
    port: PortSettings = field(default_factory=PortSettings)

    def lasting(self, seconds: float) -> "Config":
        """The same, for a session of that length; one of less than two minutes learns the person for a third of it."""
        flow = dataclasses.replace(self.engine.flow, duration_s=seconds)
        match_s = min(self.engine.adaptation.match_s, max(seconds / 3.0, 20.0))
        adaptation = dataclasses.replace(self.engine.adaptation, match_s=match_s)
        return dataclasses.replace(self, engine=dataclasses.replace(self.engine, flow=flow, adaptation=adaptation))


def load(path: Path | None) -> Config:
    """The settings in that file, or the defaults when there is none. Raises UsageError."""
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the settings file {path} is not TOML: {error}") from error
    return settings.build(Config, table, "")


def as_table(config: Config) -> dict[str, Any]:
    """The settings as plain tables, for a capsule; `from_table` reads them back."""
    return dataclasses.asdict(config)


def from_table(table: Mapping[str, Any]) -> Config:
    """The settings out of plain tables. Raises SettingError."""
    return settings.build(Config, table, "")
