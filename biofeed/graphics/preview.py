"""A scene's live preview: drawn on a made-up breath, and anew whenever its files change; no engine, no sensor.

With a window an author has a panel over the picture (`panel`): each drive and level runs by itself or is held there.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from biofeed.body import Touch
from biofeed.calm import CALM
from biofeed.errors import SceneError
from biofeed.graphics.context import Context, window
from biofeed.graphics.panel import HOUR_MIN, Panel
from biofeed.graphics.panel_drawing import Drawing
from biofeed.graphics.picture import Show
from biofeed.graphics.renderer import Settings
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Scene, folders, load, names

WATCH_S = 0.5
FADE_IN_S = 3.0
ASIDE_S = 8.0  # what the sound says stands on the panel for so long
ROUND_S = 10.0  # the made-up breath comes round in this: another minute begins where it is
_TICK_S = 1.0 / TICKS_PER_S
_TURNS = {"richer": ("intensity", 0.15), "calmer": ("intensity", -0.15)}
_ROWS = {"volume": "sound", "brightness": "picture"}  # what a control is called on the panel
_STEP = 0.125


class Sound(Protocol):
    """What plays a world's soundscape beside the picture."""

    def play(self, world: Scene, seed: int) -> None:
        """Goes over to this world. Raises SceneError when its soundscape cannot be played."""

    def send(self, frame: ControlFrame) -> None: ...

    def poll(self) -> list[tuple[str, Any]]: ...

    def close(self) -> None: ...


def preview(
    which: str,
    report: Callable[[str, Any], None],
    size: tuple[int, int] | None = None,
    full_screen: bool = False,
    seed: int = 1,
    settings: Settings | None = None,
    context: Context | None = None,
    sound: Sound | None = None,
    intensity: float | None = None,
    others: Sequence[str] | None = None,
) -> None:
    """One world on a made-up breath, drawn anew whenever its files change, until the person stops it.

    `report(kind, value)` hears what the picture process would send. While a text is broken the last good one stays.
    `intensity` is held from the start when given; `others` are the worlds that the arrow keys lead to, or all of the
    folder. Raises UsageError when there is no such scene, OutputError when there is no window.
    """
    wrong = []
    try:
        world = load(which)
    except SceneError as error:
        wrong.append(str(error))
        world = CALM
    context = context or window(size, full_screen, f"biofeed: {which}")
    desk = Desk(which, world, report, context, seed, settings or Settings(), sound, intensity, others)
    for said in wrong:
        desk.hear("error", said)
    try:
        while desk.step():
            pass
    finally:
        desk.close()
        context.close()


class Desk:
    """What an author works at: the picture, the panel over it, the sound beside it, and a watch on the files."""

    def __init__(
        self,
        which: str,
        world: Scene,
        report: Callable[[str, Any], None],
        context: Context,
        seed: int,
        settings: Settings,
        sound: Sound | None = None,
        intensity: float | None = None,
        others: Sequence[str] | None = None,
    ) -> None:
        self._which, self._world, self._report = which, world, report
        self._others = others
        self._context, self._settings, self._sound = context, settings, sound
        context.is_desk = True
        start = {"motion": settings.motion, "light": settings.light, "colours": settings.safe, "seed": float(seed)}
        self.panel = Panel(world, context.size, start | ({} if intensity is None else {"intensity": intensity}))
        self.cycle = Cycle(which, self.hear, self.panel, sound)
        self.show = Show(self.cycle, context, {which: world}, which, seed, settings)
        self._drawing: Drawing | None = None
        if context.screen is not None:
            self._drawing = Drawing(context)
            context.on_event, context.on_present = self._on_event, self._draw_panel
        self._stamp, self._looked_s = _stamp(which), time.monotonic()
        self._tuned = self._wanted()
        self._aside_until_s = 0.0
        self._asked_seed = seed
        self._sounding: tuple[str, int] | None = None  # the soundscape's text and the seed that are played
        self._play()

    def step(self) -> bool:
        """One picture; False when the author has stopped it."""
        if self.cycle.is_stopped or not self.show.step():
            return False
        if self._context.size != self.panel.size:
            self.panel.resize(self._context.size)
        self._tune()
        for kind, value in self._sound.poll() if self._sound else ():
            if kind in ("error", "supervisor"):
                self.panel.aside, self._aside_until_s = str(value), time.monotonic() + ASIDE_S
                self._report(kind, value)
        if self.panel.aside and time.monotonic() >= self._aside_until_s:
            self.panel.aside = ""
        if self.cycle.turned:
            self._turn_to(self.cycle.turned)
            self.cycle.turned = 0
        self._watch()
        return True

    def hear(self, kind: str, value: Any) -> None:
        """Takes what the picture says; what is wrong with the world stands on the panel until it is put right."""
        if kind == "error":
            self.panel.note = f"{self.panel.note}\n{value}".strip()
        self._report(kind, value)

    def close(self) -> None:
        """Gives everything back but the context."""
        if self._sound:
            self._sound.close()
        if self._drawing:
            self._drawing.close()
        self.show.renderer.close()

    def _wanted(self) -> tuple[Settings, int]:
        """The panel's settings and seed."""
        world = self.panel.world
        settings = dataclasses.replace(
            self._settings, motion=world["motion"], light=world["light"], safe=world["colours"]
        )
        return settings, round(world["seed"])

    def _tune(self) -> None:
        wanted, minute = self._wanted(), self.panel.jump_min
        if minute is not None:
            self.cycle.jump(minute * 60.0)
            self.panel.jump_min = None
        if wanted != self._tuned or minute is not None:
            self.show.renderer.tune(*wanted, self.cycle.time_s if minute is not None else None)
            self._tuned = wanted
        if self._tuned[1] != self._asked_seed and not self.panel.is_dragged:
            self._play()

    def _play(self) -> None:
        """Lets the sound follow the world and the seed."""
        self._asked_seed = self._tuned[1]
        wanted = self._world.soundscape.text, self._asked_seed
        if self._sound is None or wanted == self._sounding:
            return
        try:
            self._sound.play(dataclasses.replace(self._world, name=self.cycle.scene), self._asked_seed)
            self._sounding = wanted
        except SceneError as error:
            self.hear("error", str(error))

    def _watch(self) -> None:
        """Looks now and then whether a file has changed."""
        if time.monotonic() - self._looked_s >= WATCH_S:
            self._looked_s = time.monotonic()
            if self._stamp != (stamp := _stamp(self._which)):
                self._stamp = stamp
                self._reload()

    def _turn_to(self, step: int) -> None:
        """Goes on to the next world of the folder, or back."""
        known = names() if self._others is None else self._others
        if not known:
            return
        at = known.index(self._which) if self._which in known else -1
        self._which = known[(at + step) % len(known)]
        self._stamp = _stamp(self._which)
        self._reload()

    def _reload(self) -> None:
        self.panel.note = ""
        try:
            self._world = load(self._which)
        except SceneError as error:
            self.hear("error", str(error))
            return
        self.show.reload(self._world)
        self.panel.set_scene(self._world)
        self._play()

    def _draw_panel(self) -> None:
        if self._drawing and self._context.screen is not None:
            self._drawing(self.panel, self._context.screen, time.monotonic())

    def _on_event(self, event: Any) -> bool:
        return on_event(self.panel, event, time.monotonic())


def on_event(panel: Panel, event: Any, now_s: float) -> bool:
    """A window's event for the panel; True when it was meant for it."""
    import pygame  # noqa: PLC0415 - what draws without a screen must run where SDL cannot be loaded

    if event.type == pygame.KEYDOWN:
        return panel.key(pygame.key.name(event.key))
    if event.type == pygame.MOUSEBUTTONDOWN:
        return event.button > 3 or panel.press(event.pos[0], event.pos[1], event.button, now_s)
    if event.type == pygame.MOUSEMOTION:
        return panel.move(event.pos[0], event.pos[1])
    if event.type == pygame.MOUSEBUTTONUP:
        return panel.release()
    if event.type == pygame.MOUSEWHEEL:
        x, y = pygame.mouse.get_pos()
        return panel.wheel(x, y, event.y)
    return False


class Cycle:
    """A pipe whose other end is a made-up session at 60 frames a second, with what the panel holds in place."""

    def __init__(
        self, scene: str, report: Callable[[str, Any], None], panel: Panel | None = None, sound: Sound | None = None
    ) -> None:
        self.scene = scene
        self._report = report
        self._panel = panel
        self._sound = sound
        self._touch = Touch()
        self._start_s = time.monotonic()
        self._n_frames = 0
        self._tick = -1  # of what is shown; it stands still in a pause
        self._jumped = 0  # ticks of session time beyond it
        self._is_paused = False
        self._is_pressed = False
        self.turned = 0  # worlds further on, as asked for by keys; whoever goes there clears it
        self.is_stopped = False

    @property
    def time_s(self) -> float:
        """Session time."""
        return (self._tick + self._jumped) / TICKS_PER_S

    def jump(self, time_s: float) -> None:
        """Goes on from about this moment of the session."""
        rounds = round((time_s - self.time_s) / ROUND_S)
        self._jumped += round(max(rounds * ROUND_S, -self.time_s) * TICKS_PER_S)

    def poll(self, timeout: float) -> bool:
        left_s = self._start_s + self._n_frames * _TICK_S - time.monotonic()
        if 0.0 < left_s <= timeout:
            time.sleep(left_s)
        return left_s <= timeout

    def recv(self) -> ControlFrame:
        self._n_frames += 1
        self._tick += 0 if self._is_paused and self._tick >= 0 else 1
        made_up = made_up_frame(self._tick + self._jumped, self.scene)
        touch = self._touch(_TICK_S, self._is_pressed)
        self._is_pressed = False
        fade = min(1.0, self._n_frames / TICKS_PER_S / FADE_IN_S)
        frame = dataclasses.replace(
            made_up,
            tick=self._tick,
            drive=dataclasses.replace(made_up.drive, touch=touch, progress=min(1.0, self.time_s / 60.0 / HOUR_MIN)),
            levels=dataclasses.replace(made_up.levels, picture=fade, sound=fade),
        )
        frame = self._panel.hold(frame) if self._panel else frame
        if self._sound:
            self._sound.send(frame)
        return frame

    def send(self, obj: tuple[str, Any]) -> None:
        kind, value = obj
        if kind == "event":
            self._obey(str(value))
        self._report(*obj)

    def _obey(self, word: str) -> None:
        """The keys of a session, as far as they mean something here."""
        panel = self._panel
        if word == "stop":
            self.is_stopped = True
        elif word == "pause":
            self._is_paused = not self._is_paused
        elif word == "press":
            self._is_pressed = True
        elif word in ("next_scene", "previous_scene"):
            self.turned += 1 if word == "next_scene" else -1
        elif panel and word == "silence":
            if panel.held.get("sound") == 0.0:
                panel.free("sound")
            else:
                panel.set("sound", 0.0)
        elif panel and word in _TURNS:
            panel.nudge(*_TURNS[word])
        elif panel and word[-1] in "+-":
            name = _ROWS.get(word[:-1], word[:-1])
            panel.nudge(name, _STEP if word[-1] == "+" else -_STEP)


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
