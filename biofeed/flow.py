"""The session's course: ticks and commands go in; state, scene and master levels come out, and nothing steps.

arriving > running > ending > ended, with a pause in between at any time. A timed session returns and ends by itself.
STOP leads from every state to the calm, which stays until it is left, by a second stop to the end or by a resume to
the arrival (H-11). H and R numbers are hazards and rules of the clinical reference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from biofeed.body import Touch
from biofeed.limits import SESSION_MAX_S, STOP_CALM_S
from biofeed.messages import CONTROLS, TICKS_PER_S, Command, Levels
from biofeed.settings import bounded, check, choice

State = Literal["arriving", "running", "paused", "calm", "ending", "ended"]

PAUSED = Levels(picture=0.5, sound=0.4, intensity=0.3)  # dim and still, but not dark: the person is not left alone
CALM = Levels(picture=0.0, sound=0.8, intensity=0.3)  # no light of the world; the bed sounds 6 dB below it
CALM_S = 0.8 * STOP_CALM_S  # from any world into the calm; the rest of the second is for the picture that is under way
LEAVE_CALM_S = 6.0  # out of it again: nobody is surprised by what they just left
RETURN_INTENSITY = 0.3
RETURN_S, RETURN_SHARE = 60.0, 0.1  # the way back: the last minute, in a short session its last tenth
DIM_S = 2.0  # a scene fades out before another takes its place
STOP_SOUND_S = 1.5  # R5: silent within 2 s of stop
INTENSITY_RISE_PER_S, INTENSITY_FALL_PER_S = 0.05, 0.25  # H-21
CONTROL_PER_S = 0.1  # what a therapist turns is on its way at once, and never steps
PAUSE_MAX_S = 900.0  # H-25: nothing goes on unattended for ever; of the calm as well
LONGEST_STEP_TICKS = 6  # after a stall the fades go on from where they were


@dataclass(frozen=True, slots=True)
class Settings:
    duration_s: float = bounded(1200.0, 20.0, SESSION_MAX_S, "s", "length of the session, fades included, pauses not")
    fade_in_s: float = bounded(12.0, 10.0, 60.0, "s", "from dark and silent to full; 10 s is the least that calms")
    fade_out_s: float = bounded(4.0, 3.0, 10.0, "s", "from full to dark at the end and on stop")
    intensity: float = bounded(0.5, 0.0, 1.0, "1", "how rich the world is until it is asked to be otherwise")
    pacing: str = choice("on", ("on", "off"), "whether the guide may lead; off after an infusion until staff allow it")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class FlowState:
    """The session at one tick; `pacing` tells whether the guide may lead, `note` what is going on, in words.

    `touch` is the swell after the person's button, `rest` 0..1 how far the calm has taken the world's place.
    """

    state: State
    scene: str
    levels: Levels
    progress: float
    pacing: bool
    note: str
    touch: float
    rest: float


DEFAULTS = Settings()


class Flow:
    """Keeps the session's state; one call per tick."""

    def __init__(self, settings: Settings = DEFAULTS, scene: str = "") -> None:
        self._settings = settings
        self._scene = scene
        self._next_scene: str | None = None
        self._state: State = "arriving"
        self._levels = Levels(intensity=settings.intensity)
        self._intensity = settings.intensity  # as asked for
        self._controls = dict(CONTROLS)  # as asked for
        self._touch = Touch()
        self._pacing = settings.pacing == "on"
        self._rest = 0.0
        self._is_calm = False  # by a stop, and until a resume
        self._is_asked = False  # that it ends
        self._active_s = 0.0
        self._waited_s = 0.0  # in this pause or calm
        self._tick: int | None = None
        self._time_s = 0.0

    def __call__(self, tick: int, time_s: float, commands: Sequence[Command]) -> FlowState:
        """The state after `commands`; a command that means nothing, here or now, changes nothing."""
        first = self._tick is None
        dt_s = min(max(tick - (self._tick or 0), 0), LONGEST_STEP_TICKS) / TICKS_PER_S if not first else 0.0
        passed_s = max(time_s - self._time_s, 0.0) if not first else 0.0
        self._tick, self._time_s = tick, time_s
        for command in commands:
            self._obey(command)
        if self._state in ("paused", "calm"):
            self._waited_s += passed_s
        elif self._state != "ended":
            self._active_s += passed_s
        self._advance()
        self._fade(dt_s)
        progress = min(1.0, self._active_s / self._settings.duration_s)
        pacing = self._pacing and self._state == "running" and not self._is_returning
        touch = self._touch(dt_s, not self._is_calm and any(command.kind == "press" for command in commands))
        return FlowState(self._state, self._scene, self._levels, progress, pacing, self._note(), touch, self._rest)

    @property
    def _ending_at_s(self) -> float:
        return self._settings.duration_s - self._settings.fade_out_s

    @property
    def _is_returning(self) -> bool:
        return self._active_s >= self._ending_at_s - min(RETURN_S, RETURN_SHARE * self._settings.duration_s)

    def _obey(self, command: Command) -> None:
        if self._state in ("ending", "ended"):
            self._is_asked = self._is_asked or command.kind in ("stop", "end")
            self._is_calm = self._is_calm or command.kind == "stop"
            return
        value = command.value
        number = _number(value)
        if command.kind == "end" or (command.kind == "stop" and self._state == "calm"):
            self._state, self._is_asked = "ending", True
        elif command.kind == "stop":
            self._state, self._waited_s, self._is_calm = "calm", 0.0, True
        elif command.kind == "pause" and self._state in ("arriving", "running"):
            self._state, self._waited_s = "paused", 0.0
        elif command.kind == "resume" and (self._state == "paused" or (self._state == "calm" and self._rest == 1.0)):
            self._state, self._is_calm = "arriving", False  # a calm is never left before it is whole
        elif command.kind == "scene" and isinstance(value, str) and value:
            self._next_scene = value if value != self._scene else None
        elif command.kind == "intensity" and number is not None:
            self._intensity = min(max(number, 0.0), 1.0)
        elif command.kind == "pacing" and number is not None:
            self._pacing = number > 0.5
        elif command.kind in CONTROLS and number is not None:
            self._controls[command.kind] = min(max(number, 0.0), 1.0)

    def _advance(self) -> None:
        if self._state == "arriving" and self._active_s >= self._settings.fade_in_s and self._rest == 0.0:
            self._state = "running"
        is_waiting = self._state in ("paused", "calm")
        is_over = self._waited_s >= PAUSE_MAX_S if is_waiting else self._active_s >= self._ending_at_s
        if self._state not in ("ending", "ended") and is_over:
            self._state = "ending"
        if self._state == "ending" and self._rest > 0.0:
            self._is_calm = True  # who was on the way back from a calm goes back into it
        if self._state == "ending" and self._levels.picture == self._levels.sound == self._rest == 0.0:
            self._state = "ended"

    def _fade(self, dt_s: float) -> None:
        """Moves the levels towards what the state wants, never faster than the fades allow."""
        rise = dt_s / self._settings.fade_in_s
        out = dt_s / self._settings.fade_out_s
        intensity = self._intensity
        if self._state in ("ending", "ended"):
            goal = Levels(0.0, 0.0, min(intensity, RETURN_INTENSITY))
        elif self._state in ("paused", "calm"):
            held = PAUSED if self._state == "paused" else CALM
            goal = Levels(held.picture, held.sound, min(intensity, held.intensity))
        else:
            goal = Levels(1.0, 1.0, min(intensity, RETURN_INTENSITY) if self._is_returning else intensity)
        controls = self._controls
        volume = 0.0 if controls["silence"] > 0.5 else controls["volume"]
        goal = replace(goal, picture=goal.picture * controls["brightness"], sound=goal.sound * volume)
        picture_fall = sound_fall = out
        if self._is_calm:
            picture_fall = dt_s / STOP_CALM_S
        if self._state == "ending" and self._is_asked:
            sound_fall = dt_s / STOP_SOUND_S
        if self._next_scene is not None and self._state in ("arriving", "running", "paused"):
            goal = replace(goal, picture=0.0, sound=0.0)
            picture_fall = sound_fall = dt_s / DIM_S
        now = self._levels
        step = CONTROL_PER_S * dt_s
        self._levels = Levels(
            _towards(now.picture, goal.picture, rise, picture_fall),
            _towards(now.sound, goal.sound, rise, sound_fall),
            _towards(now.intensity, goal.intensity, INTENSITY_RISE_PER_S * dt_s, INTENSITY_FALL_PER_S * dt_s),
            _towards(now.cue, controls["cue"], step, step),
            _towards(now.density, controls["density"], step, step),
            _towards(now.load, controls["load"], step, step),
        )
        # Where a second stop follows at once, the calm comes all the same, and leaves when the world's light has gone.
        is_rising = self._state == "calm" or (self._is_calm and self._levels.picture > 0.0)
        leave_s = LEAVE_CALM_S if self._state in ("arriving", "paused") else self._settings.fade_out_s
        self._rest = _towards(self._rest, 1.0 if is_rising else 0.0, dt_s / CALM_S, dt_s / leave_s)
        is_dark = self._levels.picture == self._levels.sound == 0.0
        if self._next_scene is not None and (is_dark or self._rest == 1.0):
            self._scene, self._next_scene = self._next_scene, None

    def _note(self) -> str:
        if self._state == "ended":
            return "ended"
        if self._state == "ending":
            why = "stop was asked for" if self._is_calm else "it was asked for"
            return f"ending: {why}" if self._is_asked else "ending: the time is over"
        if self._state == "calm":
            return "calm: stop was asked for"
        if self._next_scene is not None:
            return f"scene: fading to {self._next_scene}"
        if self._state == "paused":
            return "paused: as asked for"
        if self._is_returning:
            return "returning: the session comes to its end"
        return "arriving: fading in" if self._state == "arriving" else ""


def _number(value: float | str | None) -> float | None:
    """What is a finite number, and not so large that none can hold it."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _towards(value: float, goal: float, rise: float, fall: float) -> float:
    return min(max(goal, value - fall), value + rise)
