"""A scene's live preview: drawn on a made-up breath, and anew whenever its files change; no engine, no sensor."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biofeed.errors import SceneError
from biofeed.graphics.context import Context, window
from biofeed.graphics.picture import FALLBACK, Show
from biofeed.graphics.renderer import Settings
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import folders, load

WATCH_S = 0.5
_TICK_S = 1.0 / TICKS_PER_S


def preview(
    which: str,
    report: Callable[[str, Any], None],
    size: tuple[int, int] | None = None,
    full_screen: bool = False,
    seed: int = 1,
    settings: Settings | None = None,
    context: Context | None = None,
) -> None:
    """One world on a made-up breath, drawn anew whenever its files change, until the person stops it.

    `report(kind, value)` hears what the picture process would send. While a text is broken the last good one stays.
    Raises UsageError when there is no such scene, OutputError when there is no window.
    """
    try:
        world = load(which)
    except SceneError as error:
        report("error", str(error))
        world = FALLBACK
    context = context or window(size, full_screen, f"biofeed: {which}")
    cycle = Cycle(which, report)
    show = Show(cycle, context, {which: world}, which, seed, settings)
    stamp, looked_s = _stamp(which), time.monotonic()
    while not cycle.is_stopped and show.step():
        if time.monotonic() - looked_s < WATCH_S:
            continue
        looked_s = time.monotonic()
        if stamp != (stamp := _stamp(which)):
            try:
                show.reload(load(which))
            except SceneError as error:
                report("error", str(error))
    show.renderer.close()
    context.close()


class Cycle:
    """A pipe whose other end is a made-up session at 60 frames a second."""

    def __init__(self, scene: str, report: Callable[[str, Any], None]) -> None:
        self._scene = scene
        self._report = report
        self._start_s = time.monotonic()
        self._tick = -1
        self.is_stopped = False

    def poll(self, timeout: float) -> bool:
        left_s = self._start_s + (self._tick + 1) * _TICK_S - time.monotonic()
        if 0.0 < left_s <= timeout:
            time.sleep(left_s)
        return left_s <= timeout

    def recv(self) -> ControlFrame:
        self._tick += 1
        return made_up_frame(self._tick, self._scene)

    def send(self, obj: tuple[str, Any]) -> None:
        self.is_stopped = self.is_stopped or obj == ("event", "stop")
        self._report(*obj)


def made_up_frame(tick: int, scene: str) -> ControlFrame:
    """A slow session as a function of time alone: six breaths a minute, the other words in their own slow rounds."""
    time_s = tick / TICKS_PER_S

    def wave(period_s: float, lag_s: float = 0.0) -> float:
        return 0.5 - 0.5 * math.cos(2.0 * math.pi * (time_s - lag_s) / period_s)

    drive = Drive(
        breath=wave(10.0, 0.3),
        guide=wave(10.0),
        pulse=math.exp(-8.0 * (time_s % 1.0)) * (1.0 - math.exp(-40.0 * (time_s % 1.0))),
        calm=wave(120.0),
        coherence=wave(180.0),
        effort=0.3 * wave(75.0),
        progress=min(1.0, time_s / 600.0),
        confidence=1.0 - wave(240.0) ** 8,
    )
    levels = Levels(picture=min(1.0, time_s / 3.0), sound=min(1.0, time_s / 10.0), intensity=0.5)
    return ControlFrame(tick, time_s, drive, scene, levels, "running", "a preview: nobody's breath")


def _stamp(which: str) -> list[tuple[str, int]]:
    """Changes whenever a file does that the scene may be made of."""
    shaders, audio = folders()
    places = [(shaders, "*.frag"), (shaders, "lib/*.glsl"), (audio, "*.toml")]
    if which.endswith(".frag"):
        folder = Path(which).parent
        places += [(folder, "*.frag"), (folder, "lib/*.glsl"), (folder, "*.toml")]
    stamp = []
    for folder, pattern in places:
        for path in sorted(folder.glob(pattern)):
            try:
                stamp.append((str(path), path.stat().st_mtime_ns))
            except OSError:  # an editor is just replacing it
                continue
    return stamp
