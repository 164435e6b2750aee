"""The picture process: the newest ControlFrame from a pipe becomes a picture, and keys go back as events.

What is sent back, as (kind, value): ("ready", the renderer's name) after the first picture, ("event", a word of
`Context.poll`), ("picture", {...}) once a second, ("error", a sentence). None or the pipe's end: it fades and ends.
STOP waits for nobody: the picture goes into the calm by itself, whatever the engine is busy with (H-11).
"""

import dataclasses
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from biofeed.calm import CALM
from biofeed.errors import OutputError, SceneError
from biofeed.flow import CALM_S
from biofeed.graphics.context import Context, window
from biofeed.graphics.governor import Governor
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import DRIVES, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Scene

SILENCE_S = 1.0  # without a frame, then calm
GLIDE_S = 2.0  # into the calm where nobody asked for it, out of it, and from the calm to black at the end
LONGEST_STEP_S = 0.25  # a picture that comes later than that is late by this process's own standing still
LONGEST_STEP_TICKS = 60  # a world that was not told anything for a while goes on from where it was
RAISE_TICKS, RAISE_STEPS = 6, 11  # the guard takes a tenth of a second at once; in a second it is at the calm's light
_STATUS_S = 1.0
_TICK_S = 1.0 / TICKS_PER_S


class Pipe(Protocol):
    """As much of a multiprocessing Connection as is used here."""

    def poll(self, timeout: float) -> bool: ...

    def recv(self) -> Any: ...

    def send(self, obj: Any) -> None: ...


class Calm:
    """What to draw when frames come, stop coming and come again, and after a STOP: nothing jumps.

    A STOP stands until the engine has answered it, by its calm or by a second of anything else; without an engine it
    stands for good. One that `begins_calm` follows a picture that died.
    """

    def __init__(self, scene: str, begins_calm: bool = False) -> None:
        self._last = ControlFrame(0, 0.0, Drive(), scene, Levels(), "arriving", "")
        self._silent_s = SILENCE_S if begins_calm else 0.0
        self._ticks: float | None = None  # None until the first frame has come
        self._trust = 0.0 if begins_calm else 1.0
        self._light = 1.0
        self._asked_at: int | None = None  # the engine's tick at a STOP that it has not answered yet
        self.is_forgotten = False  # an engine that came back did not know of the STOP
        self._rest = 1.0 if begins_calm else 0.0  # as it is shown

    def __call__(self, fresh: ControlFrame | None, dt_s: float, is_over: bool) -> ControlFrame:
        """The frame to draw `dt_s` after the last one; `fresh` is the newest that came since, if any."""
        was_silent = self.is_silent
        if fresh and was_silent and self.is_stopped and not self._is_asked and self._does_not_know(fresh):
            self._asked_at = fresh.tick
            self.is_forgotten = True
        if fresh and self._asked_at is not None:
            is_late = fresh.tick > self._asked_at + TICKS_PER_S
            self._asked_at = None if _is_calm(fresh) or fresh.state == "ended" or is_late else self._asked_at
        self._silent_s = 0.0 if fresh else self._silent_s + dt_s
        is_calm = is_over or self.is_silent
        step = dt_s / GLIDE_S
        self._trust = max(0.0, self._trust - step) if is_calm else min(1.0, self._trust + step)
        if fresh and (self._ticks is None or not was_silent):
            ticks = float(fresh.tick - self._last.tick)
        else:
            ticks = dt_s * TICKS_PER_S if is_calm or fresh or self._is_asked else 0.0
        pace = 1.0 if self._is_asked and self._rest < 1.0 else self._trust  # light rises by the frames' own time
        if self._ticks is None:
            self._ticks = ticks if fresh or self._is_asked else None
        else:
            self._ticks += min(max(0.0, ticks), LONGEST_STEP_TICKS) * pace
        self._last = fresh or self._last
        is_wanted = self._is_asked or self._last.state == "calm" or (is_over and not self.is_dark)
        rest = 1.0 if is_wanted else max(self._last.rest, 1.0 - self._part)
        self._rest = min(max(rest, self._rest - step), self._rest + dt_s / CALM_S)
        if is_over and self._rest == 1.0:  # first the calm, then the dark
            self._light = max(0.0, self._light - step)
        return self._shown()

    def stop(self) -> None:
        """From the next frame on it goes into the calm."""
        self._asked_at = self._last.tick

    @property
    def is_stopped(self) -> bool:
        """True from a STOP on until the session has been resumed."""
        return self._is_asked or _is_calm(self._last)

    @property
    def _is_asked(self) -> bool:
        return self._asked_at is not None

    def _does_not_know(self, fresh: ControlFrame) -> bool:
        """Whether this is an engine that goes on from before a STOP which died with another one."""
        goes_on = fresh.tick < self._last.tick + TICKS_PER_S // 2  # session time stood still
        return goes_on and not _is_calm(fresh) and fresh.state not in ("ending", "ended")

    @property
    def is_dark(self) -> bool:
        """True when the end's fade is done."""
        return self._light * max(self._last.levels.picture, self._rest) <= 0.0

    @property
    def is_silent(self) -> bool:
        """True when no frame has come for long."""
        return self._silent_s >= SILENCE_S

    def _shown(self) -> ControlFrame:
        """The last frame, as far as it is trusted and no STOP stands against it; what remains is the calm."""
        state = "calm" if self._is_asked else self._last.state
        shown = dataclasses.replace(self._last, tick=int(self._ticks or 0), state=state, rest=self._rest)
        part = self._part
        if part == self._light == 1.0:
            return shown
        neutral = Drive()
        values = {name: getattr(neutral, name) for name in DRIVES}
        drive = Drive(**{name: low + (getattr(self._last.drive, name) - low) * part for name, low in values.items()})
        fade = self._light * self._light  # the eye sees the end of a straight ramp as a drop
        levels = self._last.levels if fade == 1.0 else dataclasses.replace(self._last.levels, picture=0.0)
        return dataclasses.replace(shown, drive=drive, levels=levels, rest=self._rest * fade)

    @property
    def _part(self) -> float:
        """Of the last frame, 0..1, as far as it is trusted."""
        return self._trust * self._trust * (3.0 - 2.0 * self._trust)


def _is_calm(frame: ControlFrame) -> bool:
    return frame.state == "calm" or (frame.state == "ending" and frame.rest > 0.0)


class Show:
    """The process's loop, one picture at a time; a world that does not compile gives way to the calm."""

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
        begins_calm: bool = False,
    ) -> None:
        self._pipe = pipe
        self._context = context
        self._scenes = dict(scenes)
        self._enter(first)
        self._now_s = now_s
        self._sleep = sleep
        self._calm = Calm(first, begins_calm)
        self._is_over = False
        self._is_leaving = False  # a second stop was given
        self._is_ready = False
        self._drawn_s = self._told_s = now_s()
        self._took_s: list[float] = []
        self._gain = 1.0
        try:
            self.renderer = Renderer(context, self._scenes.get(first, CALM), context.size, seed, settings)
        except SceneError as error:
            self._send("error", str(error))
            self.renderer = Renderer(context, CALM, context.size, seed, settings)
        is_fixed = bool(settings and settings.scale)
        self._governor = None if is_fixed else Governor(self.renderer.scale, context.size[1])
        self._n_steps = 0
        if begins_calm:
            self._raise()

    def _raise(self) -> None:
        """The whole calm, before anybody sees it: the guard's light rises in a window that is hidden."""
        raise_calm(self.renderer)
        self._context.present()
        self._context.show()
        self.renderer.show_again()
        self._context.present()

    def step(self) -> bool:
        """Waits for a frame, at most a tick, and shows a picture; False when all is over and dark."""
        fresh = self._take()
        self._answer()
        now_s = self._now_s()
        frame = self._calm(fresh, min(now_s - self._drawn_s, LONGEST_STEP_S), self._is_over)
        self._drawn_s = now_s
        if self._calm.is_forgotten:
            self._calm.is_forgotten = False
            self._send("event", "stop")
        if frame.scene != self._name:
            self._change(frame.scene)
        if self._context.size != self.renderer.size and min(self._context.size) > 0:
            self.renderer.resize(self._context.size)
        self._n_steps += 1
        governor = self._governor if frame.rest == 0.0 else None  # what the calm costs says nothing of the world
        if governor and self._n_steps % governor.every:
            self.renderer.advance(frame)
            return True
        began_s = self._now_s()
        self.renderer.draw(frame)
        self._context.gl.finish()
        self._took_s.append(self._now_s() - began_s)
        if governor:
            self.renderer.set_scale(governor(self._took_s[-1]))
        self._context.present()
        if self.renderer.guard:
            self._gain = min(self._gain, self.renderer.guard.correction.gain)
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
        """Hears the window, and obeys a STOP before anybody else knows of it."""
        self._is_leaving = self._is_leaving and self._calm.is_stopped
        for word in self._context.poll():
            if word == "full_screen":
                self._context.toggle_full_screen()
            self._is_leaving = self._is_leaving or (word == "leave" and self._calm.is_stopped)
            if word in ("stop", "leave"):
                self._calm.stop()
            self._send("event", word)
        if self._is_leaving and self._calm.is_silent:
            self._is_over = True  # nobody else could end it

    def _enter(self, name: str) -> None:
        self._name = name
        bindings = self._scenes[name].bindings.values() if name in self._scenes else ()
        self._context.asks = any(binding.source == "touch" for binding in bindings)

    def _change(self, name: str) -> None:
        self._enter(name)
        if name not in self._scenes:
            self._send("error", f"there is no scene {name} to show")
            return
        try:
            self.renderer.set_scene(self._scenes[name])
        except SceneError as error:
            self._send("error", str(error))
            self.renderer.set_scene(CALM)

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


def raise_calm(renderer: Renderer) -> None:
    """Draws the whole calm until the guard's light has risen to it: for a window that nobody sees yet."""
    frame = ControlFrame(0, 0.0, Drive(), CALM.name, Levels(), "calm", "", 1.0)
    for n in range(RAISE_STEPS):
        renderer.draw(dataclasses.replace(frame, tick=n * RAISE_TICKS))


def picture_process(
    pipe: Pipe,
    scenes: Mapping[str, Scene],
    first: str,
    size: tuple[int, int] | None,
    full_screen: bool,
    seed: int,
    settings: Settings,
    begins_calm: bool = False,
) -> None:
    """The spawned process's target: a window, from first picture to last. Exit code 1 when there is no window.

    One that `begins_calm` is seen only when it shows the whole calm: the picture before it died.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides how a session ends
    try:
        context = window(size, full_screen, "biofeed", is_hidden=begins_calm)
    except OutputError as error:
        pipe.send(("error", str(error)))
        sys.exit(1)
    show = Show(pipe, context, scenes, first, seed, settings, begins_calm=begins_calm)
    while show.step():
        pass
    context.close()
