"""A world drawn for a test: which drives, levels and settings go in, the picture that comes out; no guard, no waiting.

What the guard does to a picture is tested where the guard is; here every picture is drawn as the scene made it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import scene
from biofeed.errors import OutputError
from biofeed.graphics.context import Context, headless
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Scene

SIZE = (160, 90)
FINE = (256, 144)  # what motion is measured in
AT_S = 300.0
BODY = Drive(breath=0.5, guide=0.5, calm=0.6, coherence=0.4, progress=0.3, confidence=1.0)
LEVELS = Levels(picture=1.0, sound=1.0)
STILL = Settings(motion=0.0)
Bytes = npt.NDArray[np.uint8]


@cache
def context() -> Context:
    """One for all tests of a process; a machine without OpenGL skips them."""
    try:
        return headless(SIZE)
    except OutputError as error:
        pytest.skip(str(error))


@cache
def world_of(name: str) -> Scene:
    """The scene, read once."""
    return scene.load(name)


class World:
    """A world that goes on: pictures one after the other, in the order of time."""

    def __init__(
        self,
        name: str,
        settings: Settings | None = None,
        seed: int = 1,
        size: tuple[int, int] = SIZE,
        at_s: float = AT_S,
        guarded: bool = False,
    ) -> None:
        self.name = name
        self.tick = round(at_s * TICKS_PER_S)
        self.renderer = Renderer(context(), world_of(name), size, seed, settings, guarded)

    def frame(self, drive: Drive, levels: Levels = LEVELS) -> ControlFrame:
        return ControlFrame(self.tick, self.tick / TICKS_PER_S, drive, self.name, levels, "running", "")

    def draw(self, drive: Drive = BODY, levels: Levels = LEVELS) -> Bytes:
        self.renderer.draw(self.frame(drive, levels))
        return self.renderer.read()

    def live(self, seconds: float, drive: Callable[[float], Drive], every: int = 6) -> None:
        """Lets time pass, with the drive as a function of it, s, every few ticks."""
        for _ in range(0, round(seconds * TICKS_PER_S), every):
            self.tick += every
            self.renderer.advance(self.frame(drive(self.tick / TICKS_PER_S)))


@contextmanager
def opened(name: str, *args: object, **words: object) -> Iterator[World]:
    world = World(name, *args, **words)  # type: ignore[arg-type]  # passed on as they are
    try:
        yield world
    finally:
        world.renderer.close()


def picture(
    name: str,
    drive: Drive = BODY,
    settings: Settings | None = None,
    seed: int = 1,
    size: tuple[int, int] = SIZE,
    at_s: float = AT_S,
    levels: Levels = LEVELS,
) -> Bytes:
    """One picture of a world that has always been in this state: two of the same moment differ by the state alone."""
    with opened(name, settings, seed, size, at_s) as world:
        return world.draw(drive, levels)


def breathing(per_min: float, guide_lag_s: float = 0.5, body: Drive = BODY) -> Callable[[float], Drive]:
    """A drive that breathes evenly, and is led by a guide half a second ahead of it."""

    def drive(time_s: float) -> Drive:
        breath, guide = (
            0.5 - 0.5 * float(np.cos(2.0 * np.pi * per_min / 60.0 * at)) for at in (time_s, time_s + guide_lag_s)
        )
        return replace(body, breath=breath, guide=guide)

    return drive
