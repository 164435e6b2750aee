"""The last gate on numbers: whatever the layers before it say, what leaves it is finite, bounded, slow and calm.

It sees the finished drives and levels of a tick and only ever makes them calmer. The table below is the one place for
every bound; H and R numbers are hazards and rules of the clinical reference.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from biofeed.limits import LUMINANCE_RISE_PER_S
from biofeed.messages import DRIVES, LEVELS, Drive, Levels
from biofeed.settings import bounded, check


class Limit(NamedTuple):
    """How fast a value may move, in full ranges (0..1) per second; `neutral` is where it goes when it is not known."""

    neutral: float
    rise_per_s: float
    fall_per_s: float
    is_body: bool  # glides to neutral when the body's signals are not trusted


LIMITS = {
    # A full breath in 0.8 s (25/min, a third of it inhale) as a raised cosine peaks at pi / 2 / 0.8 s = 1.96/s.
    "breath": Limit(0.5, 2.0, 2.0, True),
    "guide": Limit(0.5, 2.0, 2.0, True),
    # H-04, R3: a full swell takes 167 ms up and 667 ms down or more, so at 2 beats/s 0.6 of it passes, at 3 only 0.4.
    "pulse": Limit(0.0, 6.0, 1.5, True),
    # H-21: what evolves the scene moves at most 5 %/s; what asks or claims less may do so faster.
    "calm": Limit(0.5, 0.05, 0.05, True),
    "coherence": Limit(0.0, 0.05, 0.05, True),
    "effort": Limit(0.0, 0.05, 0.4, True),
    "progress": Limit(0.0, 0.05, 0.05, False),
    "confidence": Limit(0.0, 0.2, 0.4, True),
    # H-05, H-06: what a button brings swells in no less than 0.4 s, and leaves over seconds.
    "touch": Limit(0.0, 2.5, 1.0, False),
    # H-05, H-06: brightness and sound rise over ten seconds, faster than any onset may; both leave in no less than 1 s.
    "picture": Limit(0.0, LUMINANCE_RISE_PER_S, 1.0, False),
    "sound": Limit(0.0, 0.1, 1.0, False),
    "intensity": Limit(0.0, 0.05, 0.5, False),
    "cue": Limit(1.0, 0.1, 1.0, False),
    "density": Limit(0.5, 0.05, 0.5, False),
    "load": Limit(0.3, 0.05, 0.5, False),
}
GLIDE_PER_S = 0.4  # R8: from any value to neutral in 2.5 s, under the 3 s allowed
EASE_S = 3.0  # trust that has come back gives the fast drives their speed back over this time
LONGEST_STEP_S = 0.1  # after a stall the world goes on from where it was; it does not catch up
NOTE_S = 3.0  # a note stays this long after its cause: it is read by people


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings can only tighten the table, never loosen it."""

    pulse_max: float = bounded(1.0, 0.0, 1.0, "1", "the strongest swell after a heart beat; 0 turns it off")
    intensity_max: float = bounded(1.0, 0.0, 1.0, "1", "the richest that the world may become")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Gated:
    """What picture and sound are told; the note says what had to be held back, and is empty otherwise."""

    drive: Drive
    levels: Levels
    note: str


DEFAULTS = Settings()


class Gate:
    """Keeps what it let through last, so that nothing steps; one call per tick."""

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        self._highest = {"pulse": settings.pulse_max, "intensity": settings.intensity_max}
        self._out: dict[str, float] = {name: getattr(Drive(), name) for name in DRIVES}
        self._out |= {name: min(getattr(Levels(), name), self._highest.get(name, 1.0)) for name in LEVELS}
        self._ease = 0.0
        self._note = ""
        self._note_left_s = 0.0

    def __call__(self, dt_s: float, drive: Drive, levels: Levels, trusted: bool) -> Gated:
        """The drive and levels for this tick, `dt_s` (0..0.1) seconds after the one before."""
        dt_s = min(max(dt_s, 0.0), LONGEST_STEP_S) if math.isfinite(dt_s) else 0.0
        self._ease = min(1.0, self._ease + dt_s / EASE_S) if trusted else 0.0
        wrong: list[str] = []
        for source, names in ((drive, DRIVES), (levels, LEVELS)):
            for name in names:
                value = float(getattr(source, name))
                if not 0.0 <= value <= 1.0:  # also true of what is not a number
                    wrong.append(name)
                self._out[name] = self._move(name, value, dt_s, trusted)
        self._take_note(dt_s, wrong, trusted)
        return Gated(
            Drive(**{name: self._out[name] for name in DRIVES}),
            Levels(**{name: self._out[name] for name in LEVELS}),
            self._note,
        )

    def _move(self, name: str, wanted: float, dt_s: float, trusted: bool) -> float:
        limit = LIMITS[name]
        rise, fall = limit.rise_per_s, limit.fall_per_s
        if limit.is_body and not trusted:
            wanted, rise, fall = limit.neutral, GLIDE_PER_S, GLIDE_PER_S
        elif limit.is_body:
            rise, fall = self._eased(rise), self._eased(fall)
        if not math.isfinite(wanted):
            wanted = limit.neutral
        wanted = min(max(wanted, 0.0), self._highest.get(name, 1.0))
        last = self._out[name]
        return min(max(wanted, last - fall * dt_s), last + rise * dt_s)

    def _eased(self, per_s: float) -> float:
        slow = min(per_s, GLIDE_PER_S)
        return slow + self._ease * (per_s - slow)

    def _take_note(self, dt_s: float, wrong: list[str], trusted: bool) -> None:
        if wrong:
            note = f"gate: out of bounds and held back: {', '.join(wrong)}"
        elif not trusted:
            note = "gate: the body's signals are not trusted, all of it rests"
        else:
            note = ""
        self._note_left_s = max(0.0, self._note_left_s - dt_s)
        if note and note != self._note and self._note_left_s == 0.0:
            self._note = note
            self._note_left_s = NOTE_S
        elif note and note == self._note:
            self._note_left_s = NOTE_S
        elif not note and self._note_left_s == 0.0:
            self._note = ""
