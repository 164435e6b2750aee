"""The picture process: the newest ControlFrame from a pipe becomes a picture, and keys go back as events.

What is sent back, as (kind, value): ("ready", the renderer's name) after the first picture, ("event", a word of
`context.KEYS`), ("picture", {...}) once a second, ("error", a sentence). None or the pipe's end: it fades and ends.
"""

import dataclasses
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from biofeed.errors import OutputError, SceneError
from biofeed.graphics.context import Context, window
from biofeed.graphics.governor import Governor
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import DRIVES, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Scene, parse

SILENCE_S = 1.0  # without a frame, then calm
GLIDE_S = 2.0  # into the calm, out of it, and to black at the end
DIM = 0.3  # of the light while calm
LONGEST_STEP_TICKS = 60  # a world that was not told anything for a while goes on from where it was
_STATUS_S = 1.0
_TICK_S = 1.0 / TICKS_PER_S

FALLBACK = parse(
    "calm",
    {
        "calm.frag": """/*
title = "Calm"
mood = "a still, dim glow for when a world cannot be drawn"
soundscape = "calm"
[uniforms]
u_glow = { from = "breath", low = 0.5, high = 1.0, curve = "smooth", smooth_s = 0.5 }
*/
uniform float u_glow;
vec3 scene(vec2 p) {
    return vec3(0.012, 0.02, 0.035) + u_glow * vec3(0.05, 0.06, 0.07) * exp(-dot(p, p));
}
""",
        "calm.toml": '[[voice]]\nkind = "silence"\n',
    },
)


class Pipe(Protocol):
    """As much of a multiprocessing Connection as is used here."""

    def poll(self, timeout: float) -> bool: ...

    def recv(self) -> Any: ...

    def send(self, obj: Any) -> None: ...


class Calm:
    """What to draw when frames come, stop coming and come again: nothing ever jumps, and silence is dim and still."""

    def __init__(self, scene: str) -> None:
        self._last = ControlFrame(0, 0.0, Drive(), scene, Levels(), "arriving", "")
        self._silent_s = 0.0
        self._ticks: float | None = None  # None until the first frame has come
        self._trust = 1.0
        self._light = 1.0

    def __call__(self, fresh: ControlFrame | None, dt_s: float, is_over: bool) -> ControlFrame:
        """The frame to draw `dt_s` after the last one; `fresh` is the newest that came since, if any."""
        was_silent = self.is_silent
        self._silent_s = 0.0 if fresh else self._silent_s + dt_s
        is_calm = is_over or self.is_silent
        step = dt_s / GLIDE_S
        self._trust = max(0.0, self._trust - step) if is_calm else min(1.0, self._trust + step)
        if is_over:
            self._light = max(0.0, self._light - step)
        if fresh and (self._ticks is None or not was_silent):
            ticks = float(fresh.tick - self._last.tick)
        else:
            ticks = dt_s * TICKS_PER_S if is_calm or fresh else 0.0
        if self._ticks is None:
            self._ticks = ticks if fresh else None
        else:
            self._ticks += min(max(0.0, ticks), LONGEST_STEP_TICKS) * self._trust
        self._last = fresh or self._last
        return self._shown()

    @property
    def is_dark(self) -> bool:
        """True when the end's fade is done."""
        return self._light * self._last.levels.picture <= 0.0

    @property
    def is_silent(self) -> bool:
        """True when no frame has come for long."""
        return self._silent_s >= SILENCE_S

    def _shown(self) -> ControlFrame:
        """The last frame, as far as it is trusted; the rest is neutral, dim, and does not move."""
        part = self._trust * self._trust * (3.0 - 2.0 * self._trust)
        if part == self._light == 1.0:
            return dataclasses.replace(self._last, tick=int(self._ticks or 0))
        neutral = Drive()
        values = {name: getattr(neutral, name) for name in DRIVES}
        drive = Drive(**{name: low + (getattr(self._last.drive, name) - low) * part for name, low in values.items()})
        fade = self._light * self._light  # the eye sees the end of a straight ramp as a drop
        light = self._last.levels.picture * (DIM + (1.0 - DIM) * part) * fade
        levels = dataclasses.replace(self._last.levels, picture=light)
        return dataclasses.replace(self._last, tick=int(self._ticks or 0), drive=drive, levels=levels)


class Show:
    """The process's loop, one picture at a time; a world that does not compile gives way to a still, dim glow."""

    def __init__(
        self,
        pipe: Pipe,
        context: Context,
        scenes: Mapping[str, Scene],
        first: str,
        seed: int,
        settings: Settings | None = None,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pipe = pipe
        self._context = context
        self._scenes = dict(scenes)
        self._name = first
        self._now_s = now_s
        self._sleep = sleep
        self._calm = Calm(first)
        self._is_over = False
        self._is_ready = False
        self._drawn_s = self._told_s = now_s()
        self._took_s: list[float] = []
        self._gain = 1.0
        try:
            self.renderer = Renderer(context, self._scenes.get(first, FALLBACK), context.size, seed, settings)
        except SceneError as error:
            self._send("error", str(error))
            self.renderer = Renderer(context, FALLBACK, context.size, seed, settings)
        is_fixed = bool(settings and settings.scale)
        self._governor = None if is_fixed else Governor(self.renderer.scale, context.size[1])
        self._n_steps = 0

    def step(self) -> bool:
        """Waits for a frame, at most a tick, and shows a picture; False when all is over and dark."""
        fresh = self._take()
        self._answer()
        now_s = self._now_s()
        frame = self._calm(fresh, now_s - self._drawn_s, self._is_over)
        self._drawn_s = now_s
        if frame.scene != self._name:
            self._change(frame.scene)
        if self._context.size != self.renderer.size and min(self._context.size) > 0:
            self.renderer.resize(self._context.size)
        self._n_steps += 1
        if self._governor and self._n_steps % self._governor.every:
            self.renderer.advance(frame)
            return True
        began_s = self._now_s()
        self.renderer.draw(frame)
        self._context.gl.finish()
        self._took_s.append(self._now_s() - began_s)
        if self._governor:
            self.renderer.set_scale(self._governor(self._took_s[-1]))
        self._context.present()
        if self.renderer.guard:
            self._gain = min(self._gain, self.renderer.guard.gain)
        if not self._is_ready:
            self._is_ready = True
            self._send("ready", self._context.renderer_name)
        self._tell()
        return not (self._is_over and self._calm.is_dark)

    def reload(self, scene: Scene) -> None:
        """Puts a changed text of the world in place; one that does not compile is told of and not shown."""
        try:
            self.renderer.reload(scene)
        except SceneError as error:
            self._send("error", str(error))

    def _take(self) -> ControlFrame | None:
        """The newest frame that has come."""
        fresh = None
        if self._is_over:
            self._sleep(_TICK_S)
            return None
        try:
            wait_s = _TICK_S
            while not self._is_over and self._pipe.poll(wait_s):
                wait_s = 0.0
                got = self._pipe.recv()
                if isinstance(got, ControlFrame):
                    fresh = got
                self._is_over = got is None
        except (EOFError, OSError):  # the engine is gone
            self._is_over = True
        return fresh

    def _answer(self) -> None:
        for word in self._context.poll():
            if word == "full_screen":
                self._context.toggle_full_screen()
            elif word == "stop" and self._calm.is_silent:
                self._is_over = True  # nobody else could end it
            self._send("event", word)

    def _change(self, name: str) -> None:
        self._name = name
        if name not in self._scenes:
            self._send("error", f"there is no scene {name} to show")
            return
        try:
            self.renderer.set_scene(self._scenes[name])
        except SceneError as error:
            self._send("error", str(error))
            self.renderer.set_scene(FALLBACK)

    def _tell(self) -> None:
        passed_s = self._drawn_s - self._told_s
        if passed_s < _STATUS_S:
            return
        self._send(
            "picture",
            {
                "fps": len(self._took_s) / passed_s,
                "draw_ms": statistics.median(self._took_s) * 1e3,
                "size": self.renderer.size,
                "internal_size": self.renderer.internal_size,
                "guard_gain": self._gain,
            },
        )
        self._told_s = self._drawn_s
        self._took_s = []
        self._gain = 1.0

    def _send(self, kind: str, value: Any) -> None:
        try:
            self._pipe.send((kind, value))
        except OSError:
            self._is_over = True


def picture_process(
    pipe: Pipe,
    scenes: Mapping[str, Scene],
    first: str,
    size: tuple[int, int] | None,
    full_screen: bool,
    seed: int,
    settings: Settings,
) -> None:
    """The spawned process's target: a window, from first picture to last. Exit code 1 when there is no window."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides how a session ends
    try:
        context = window(size, full_screen, "biofeed")
    except OutputError as error:
        pipe.send(("error", str(error)))
        sys.exit(1)
    show = Show(pipe, context, scenes, first, seed, settings)
    while show.step():
        pass
    context.close()
