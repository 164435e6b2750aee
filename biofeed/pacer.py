"""The breathing guide: a rate and an inhale share go in, a phase and a level come out, tick by tick.

The phase is integrated, never computed from the time of day, so no sequence of rates makes it jump; the level is a
raised cosine of the phase, so it moves smoothly and never holds.
"""

import math
from dataclasses import dataclass

from biofeed.limits import INHALE_HIGH, INHALE_LOW, LEAD_HIGH_PER_MIN, LEAD_LOW_PER_MIN
from biofeed.settings import bounded, check

SLOWEST_PER_MIN, FASTEST_PER_MIN = 2.0, 40.0  # breathing that is physiologic (H-17): the guide may match no other
RATE_SLEW_PER_S = 0.1  # the rate changes by at most this share of itself per second: no kink in the level
ALIGN_S = 4.0  # time constant of a glide to a wanted phase: about one breath at 15/min
LONGEST_STEP_S = 0.25  # a late tick must not throw the guide forward


@dataclass(frozen=True, slots=True)
class Settings:
    start_per_min: float = bounded(
        6.0, LEAD_LOW_PER_MIN, LEAD_HIGH_PER_MIN, "/min", "rate before the person's own is known"
    )
    align_share: float = bounded(0.25, 0.05, 0.5, "1", "how far a glide to a wanted phase may bend the rate")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Guide:
    """Where the guide is: phase in cycles (0 inhale onset, 0.5 exhale onset), level 0 (empty) to 1 (full)."""

    phase: float
    level: float


DEFAULTS = Settings()


class Pacer:
    """Integrates the guide's phase; one call per tick."""

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        self._settings = settings
        self._rate_per_min = settings.start_per_min
        self._bend_per_min = 0.0  # what alignment adds to the rate
        self._left = 0.0  # cycles still to be made up by alignment
        self._breaths = 0  # whole breaths guided
        self._turn = 0.0  # share of this breath's time that has passed, 0..1
        self._inhale = 0.4  # inhale share of this breath; a breath ends in the shape in which it began

    @property
    def rate_per_min(self) -> float:
        """The rate at which the guide really runs, alignment included."""
        return self._rate_per_min + self._bend_per_min

    @property
    def turns(self) -> float:
        """Breaths guided since the start, with the share of the present one's time."""
        return self._breaths + self._turn

    def __call__(self, dt_s: float, rate_per_min: float, inhale_fraction: float) -> Guide:
        """Moves on by `dt_s` seconds (0..0.25) towards `rate_per_min`; what is not a number changes nothing."""
        dt_s = _clip(dt_s, 0.0, LONGEST_STEP_S) if math.isfinite(dt_s) else 0.0
        if math.isfinite(rate_per_min):
            wanted = _clip(rate_per_min, SLOWEST_PER_MIN, FASTEST_PER_MIN)
            step = RATE_SLEW_PER_S * self._rate_per_min * dt_s
            self._rate_per_min += _clip(wanted - self._rate_per_min, -step, step)
        self._bend(dt_s)
        self._left -= self._bend_per_min / 60.0 * dt_s
        self._turn += self.rate_per_min / 60.0 * dt_s
        if self._turn >= 1.0:
            self._turn -= 1.0
            self._breaths += 1
            if math.isfinite(inhale_fraction):
                self._inhale = _clip(inhale_fraction, INHALE_LOW, INHALE_HIGH)
        if self._turn < self._inhale:
            phase = 0.5 * self._turn / self._inhale
        else:
            phase = 0.5 + 0.5 * (self._turn - self._inhale) / (1.0 - self._inhale)
        return Guide(phase, 0.5 - 0.5 * math.cos(2.0 * math.pi * phase))

    def align(self, phase: float) -> None:
        """Glides, the shorter way round, until the guide is where it would be had it been at `phase` at this moment."""
        if not math.isfinite(phase):
            return
        phase %= 1.0
        share = self._inhale
        turn = 2.0 * phase * share if phase < 0.5 else share + (2.0 * phase - 1.0) * (1.0 - share)
        self._left = (turn - self._turn + 0.5) % 1.0 - 0.5

    def free(self) -> None:
        """Ends a glide to a wanted phase: the guide keeps the phase that it has."""
        self._left = 0.0

    def _bend(self, dt_s: float) -> None:
        most = self._settings.align_share * self._rate_per_min
        low = max(-most, SLOWEST_PER_MIN - self._rate_per_min)
        high = min(most, FASTEST_PER_MIN - self._rate_per_min)
        step = RATE_SLEW_PER_S * self._rate_per_min * dt_s
        wanted = _clip(self._left * 60.0 / ALIGN_S, low, high)
        self._bend_per_min += _clip(wanted - self._bend_per_min, -step, step)
        self._bend_per_min = _clip(self._bend_per_min, low, high)


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
