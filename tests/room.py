"""A room for tests of a whole session: engine, shell and picture process on virtual time, with a body that breathes."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

from biofeed.clock import MonotonicClock
from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.graphics import picture
from biofeed.graphics.calm_picture import left_of_world
from biofeed.graphics.picture import Show
from biofeed.live import Mailbox, Session
from biofeed.messages import TICKS_PER_S, ControlFrame, Features, Input, Reading, Trust

TICK_S = 1.0 / TICKS_PER_S


class Body:
    """In the place of the signal path: somebody who breathes fast, or a sensor that is dead."""

    def __init__(self) -> None:
        self.is_on = True

    def __call__(self, time_s: float, inputs: Sequence[Input]) -> Reading:
        if not self.is_on:
            return Reading(Features(time_s))
        level = 0.5 - 0.5 * math.cos(2.0 * math.pi * time_s / 2.5)
        trust = Trust(1.0, 0.0, "")
        return Reading(
            Features(time_s, hr_bpm=70.0, breaths_per_min=24.0, breath_level=level, heart=trust, breath=trust)
        )


class Painter:
    """In the place of the renderer: keeps what it was given to draw."""

    def __init__(self, *_: Any) -> None:
        self.size, self.internal_size, self.scale, self.guard = (64, 36), (64, 36), 1.0, None
        self.frames: list[ControlFrame] = []
        self.left = 1.0  # of the world's light: once it gives way to the calm, what has gone does not come back

    def draw(self, frame: ControlFrame) -> None:
        """As `calm_picture` does it."""
        left = left_of_world(frame.rest)
        gives_way = frame.rest > 0.0 and frame.state in ("calm", "ending")
        self.left = min(self.left, left) if gives_way else left
        self.frames.append(frame)

    advance = draw

    def set_scene(self, _scene: object) -> None: ...

    def set_scale(self, _scale: float) -> None: ...


class Room:
    """Engine, shell and picture process; their pipe brings the newest frame, and events a tick later."""

    def __init__(self) -> None:
        self.body = Body()
        self.engine = Engine(Config().lasting(60.0).engine, "tide")
        self.engine._signals = self.body  # type: ignore[assignment]  # as much of a pipeline as is asked for
        self.session = Session(self.engine, MonotonicClock(), Mailbox(), [], lambda *_: None, ["aurora", "tide"])
        self.words: list[str] = []
        self.sent: list[str] = []
        self.is_hung = self.is_gone = False
        self.now_ticks, self.engine_ticks = 0, 0
        self.frames: list[ControlFrame] = []
        self._fresh: ControlFrame | None = None
        scene = SimpleNamespace(bindings={})
        context: Any = SimpleNamespace(
            size=(64, 36), poll=self._poll, present=lambda: None, gl=SimpleNamespace(finish=lambda: None),
            toggle_full_screen=lambda: None, renderer_name="none", asks=False,
        )  # fmt: skip
        with mock.patch.object(picture, "Renderer", Painter):
            scenes: Any = {"tide": scene, "aurora": scene}
            self.show = Show(self, context, scenes, "tide", 1, None, lambda: self.now_ticks * TICK_S, lambda _: None)
        self.painter: Painter = self.show.renderer  # type: ignore[assignment]  # it stands in its place
        self.shown = self.painter.frames
        self.is_on = True

    def tick(self) -> None:
        self.now_ticks += 1
        while not self.is_hung and self.engine_ticks < self.now_ticks and not self.is_ended:
            self._step()  # ticks are never skipped: an engine that was held up makes up for it
        self.is_on = self.is_on and self.show.step()

    @property
    def is_ended(self) -> bool:
        return bool(self.frames) and self.frames[-1].state == "ended"

    def _step(self) -> None:
        tick, time_s = self.engine_ticks, self.engine_ticks * TICK_S
        entries, inputs = self.session._intake(tick, time_s)
        frame = self.engine.step(tick, time_s, inputs)
        self.session._show(frame, self.engine.reading, entries)
        heard, self.sent = self.sent, []
        for word in heard:
            self.session.on_event(word)
        self.frames.append(frame)
        self._fresh = frame
        self.engine_ticks += 1

    def _poll(self) -> list[str]:
        words, self.words = self.words, []
        return words

    def poll(self, _timeout: float) -> bool:
        if self.is_gone:
            raise EOFError
        return self._fresh is not None

    def recv(self) -> ControlFrame | None:
        fresh, self._fresh = self._fresh, None
        return fresh

    def send(self, said: tuple[str, Any]) -> None:
        if said[0] == "event":
            self.sent.append(said[1])
