"""Every module's settings in one TOML file; what is not written there has a default that works.

A key that no module knows is a SettingError that names its path and the nearest right one. A comfort preset stands for
settings; what the file says of them itself wins.
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
from biofeed.limits import MEAN_LUMINANCE, PEAK_LUMINANCE
from biofeed.sensors.serial_port import Settings as PortSettings
from biofeed.sound.limiter import Settings as SoundSettings
from biofeed.worlds import Settings as WorldSettings


def _light(comfort: str) -> dict[str, float]:
    return {"mean_max": MEAN_LUMINANCE[comfort], "peak_max": PEAK_LUMINANCE[comfort]}


# After an infusion nothing moves by itself, nothing leads, and the light is low (H-09, H-16, H-41).
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "full": {},
    "gentle": {"picture": {"motion": 0.4, "light": 0.5, "guard": _light("gentle")}},
    "post-infusion": {
        "picture": {"motion": 0.0, "light": 0.3, "guard": _light("post-infusion")},
        "engine": {"flow": {"pacing": "off", "intensity": 0.2}},
    },
}
PALETTES: Mapping[str, Mapping[str, Any]] = {"full": {}, "safe": {"picture": {"safe": 1.0}}}


@dataclass(frozen=True, slots=True)
class Config:
    """The whole program's settings, a table for each part."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    picture: PictureSettings = field(default_factory=PictureSettings)
    sound: SoundSettings = field(default_factory=SoundSettings)
    port: PortSettings = field(default_factory=PortSettings)
    world: WorldSettings = field(default_factory=WorldSettings)

    def lasting(self, seconds: float) -> "Config":
        """The same, for a session of that length; one of less than two minutes learns the person for a third of it."""
        flow = dataclasses.replace(self.engine.flow, duration_s=seconds)
        match_s = min(self.engine.adaptation.match_s, max(seconds / 3.0, 20.0))
        adaptation = dataclasses.replace(self.engine.adaptation, match_s=match_s)
        return dataclasses.replace(self, engine=dataclasses.replace(self.engine, flow=flow, adaptation=adaptation))


def load(path: Path | None, world: Mapping[str, Any] | None = None) -> Config:
    """The settings in that file, or the defaults when there is none; `world` is laid over its table of that name.

    What was to be avoided stays so: the lists of `avoid` are joined. Raises UsageError.
    """
    table = _read(path) if path else {}
    filed = settings.build(Config, {key: table[key] for key in ("world",) if key in table}, "").world
    said = dict(world or {})
    said["avoid"] = tuple(dict.fromkeys((*filed.avoid, *said.get("avoid", ()))))
    chosen = settings.build(WorldSettings, {**dataclasses.asdict(filed), **said}, "world")
    below = _merged(PRESETS[chosen.comfort], PALETTES[chosen.colours])
    return settings.build(Config, {**_merged(below, table), "world": dataclasses.asdict(chosen)}, "")


def as_table(config: Config) -> dict[str, Any]:
    """The settings as plain tables, for a capsule; `from_table` reads them back."""
    return dataclasses.asdict(config)


def from_table(table: Mapping[str, Any]) -> Config:
    """The settings out of plain tables. Raises SettingError."""
    return settings.build(Config, table, "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the settings file {path} is not TOML: {error}") from error


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables as one, tables within them too; where both have a value, it is the one of `above`."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(under, value)
        else:
            merged[key] = value
    return merged
