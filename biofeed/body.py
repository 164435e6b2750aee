"""Body measures to drives that need no guide: calm and coherence over minutes, how far a breath reaches, two swells.

More arousal never makes the world livelier than it is at the person's own rest (H-20): a faster heart swells less, a
faster breath reaches less far, and calm, which stills a world, is never less than at first. H and R numbers are hazards
and rules of the clinical reference.
"""

import math
from collections.abc import Sequence

from biofeed.messages import Beat, Drive, Features
from biofeed.signals.baseline import Baseline

HEART_TRUST = 0.4  # quality; the same as for the breath
SLOW_S = 20.0  # time constant: a full change of calm starts at no more than 5 %/s (H-21)
LOSE_S = 120.0  # time constant of calm on its way back: who is startled is not met by a world that stirs (H-13, H-20)
REST_LOW_PER_MIN, REST_HIGH_PER_MIN = 12.0, 20.0  # how fast adults breathe at rest
REACH_SLEW = 0.2  # per s: well above what panic asks, well below what is seen as a jump
TRAVEL_S = 6.0  # time constant: over a breath or two, and no longer than panic takes to rise


def known(value: float | None) -> float | None:
    """The value where it is a finite number, else None."""
    return value if value is not None and math.isfinite(value) else None


def clip(value: float, low: float, high: float) -> float:
    """The value, brought within bounds."""
    return min(max(value, low), high)


class Slow:
    """Calm and coherence: what evolves the scene over minutes, relative to the person's own first minutes."""

    def __init__(self) -> None:
        self._calm, self._coherence = Drive().calm, Drive().coherence

    def __call__(
        self, dt_s: float, features: Features, own: Baseline, own_per_min: float | None, rest_per_min: float | None
    ) -> tuple[float, float]:
        """Calm 0.5..1 (0.5 is as at first; slower heart and breath and more sinus arrhythmia raise it), and coherence.

        Worlds are rougher the lower calm is, so no arousal takes it below its neutral. Coherence goes from the person's
        own low (their 10th percentile) to order without any rest.
        """
        hr, rsa, coherence = (known(value) for value in (features.hr_bpm, features.rsa_bpm, features.coherence))
        if not features.heart.quality >= HEART_TRUST:
            hr = rsa = coherence = None
        told: list[float] = []
        own_hr, own_rsa, own_coherence = (own.percentiles(name) for name in ("hr_bpm", "rsa_bpm", "coherence"))
        if hr is not None and own_hr:
            told.append((own_hr[1] - hr) / (0.2 * own_hr[1]))  # a fifth of the rate is a deep change at rest
        if own_per_min is not None and rest_per_min:
            told.append((rest_per_min - own_per_min) / (0.5 * rest_per_min))  # 12/min to 6/min
        if rsa is not None and own_rsa and own_rsa[1] > 0.0:
            told.append((rsa - own_rsa[1]) / own_rsa[1])  # doubles in slow breathing
        calm = 0.5 + 0.5 * clip(sum(told) / len(told), 0.0, 1.0) if told else Drive().calm
        self._calm += (calm - self._calm) * -math.expm1(-dt_s / (SLOW_S if calm > self._calm else LOSE_S))
        low = min(own_coherence[0], 0.9) if own_coherence else 0.0
        wanted = clip(((coherence or 0.0) - low) / (1.0 - low), 0.0, 1.0)
        self._coherence += (wanted - self._coherence) * -math.expm1(-dt_s / SLOW_S)
        return self._calm, self._coherence


def rest_travel_per_s(rest_per_min: float | None) -> float:
    """How far full breaths move the world at rest: up and down once a breath, in full ranges per second.

    The rest is the person's own, within what is usual, and REST_HIGH_PER_MIN as long as it is not known.
    """
    return 2.0 / 60.0 * clip(rest_per_min or REST_HIGH_PER_MIN, REST_LOW_PER_MIN, REST_HIGH_PER_MIN)


class Reach:
    """How far a breath moves the world: the faster and wilder, the less, so that in sum it moves it as at rest."""

    def __init__(self) -> None:
        self._travel_per_s = 0.0
        self._value = 1.0

    def __call__(self, dt_s: float, moved: float, rest_per_min: float | None) -> float:
        """0..1, after the breath's level has moved by `moved` in `dt_s` seconds."""
        if dt_s > 0.0:
            self._travel_per_s += (abs(moved) / dt_s - self._travel_per_s) * -math.expm1(-dt_s / TRAVEL_S)
        wanted = min(1.0, rest_travel_per_s(rest_per_min) / max(self._travel_per_s, 1e-9))
        self._value = clip(wanted, self._value - REACH_SLEW * dt_s, self._value + REACH_SLEW * dt_s)
        return self._value


class Swell:
    """A soft swell after each heart beat that is believed; the faster the heart, the fainter."""

    ATTACK_S, DECAY_S = 0.3, 0.6  # R4: no attack under 150 ms
    REST_S = 0.27  # H-17: 220 beats/min is the fastest heart; what comes sooner is an artefact

    def __init__(self) -> None:
        self._value = self._start = self._peak = 0.0
        self._age_s = math.inf

    def __call__(self, dt_s: float, time_s: float, beats: Sequence[Beat], features: Features) -> float:
        self._age_s += dt_s
        for beat in beats:
            fresh = time_s - beat.time_s <= 1.5
            if beat.quality >= 0.5 and features.heart.quality >= HEART_TRUST and fresh and self._age_s >= self.REST_S:
                self._start, self._peak, self._age_s = self._value, swell_height(beat, features), 0.0
        if self._age_s < self.ATTACK_S:
            rise = math.sin(0.5 * math.pi * self._age_s / self.ATTACK_S) ** 2
            self._value = self._start + (self._peak - self._start) * rise
        elif self._age_s < self.ATTACK_S + self.DECAY_S:
            self._value = self._peak * math.cos(0.5 * math.pi * (self._age_s - self.ATTACK_S) / self.DECAY_S) ** 2
        else:
            self._value = 0.0
        return self._value


def swell_height(beat: Beat, features: Features) -> float:
    """0..1: 1 up to 50 beats/min, falling so that no faster heart moves more in sum; none from 130/min on (H-04, H-20).

    The power makes up for swells that run into each other: the mean of the pulse falls from 50 beats/min on.
    """
    ibi_ms, hr = known(beat.ibi_ms), known(features.hr_bpm)
    rates = [60000.0 / ibi_ms] if ibi_ms is not None and ibi_ms > 0.0 else []
    rates += [hr] if hr is not None and hr > 0.0 else []
    if not rates:
        return 0.0  # a rate that is not known may be a fast one
    fastest = max(rates)
    return math.pow(min(1.0, 50.0 / fastest), 1.3) * clip((130.0 - fastest) / 40.0, 0.0, 1.0)


class Touch:
    """A soft swell after the person's button; pressed again it swells on from where it is, never beyond 1."""

    RISE_S, FALL_S = 0.4, 3.0

    def __init__(self) -> None:
        self._value = 0.0
        self._left_s = 0.0  # of the rise

    def __call__(self, dt_s: float, pressed: bool) -> float:
        self._left_s = self.RISE_S if pressed else max(0.0, self._left_s - dt_s)
        step = dt_s / self.RISE_S if self._left_s > 0.0 else -dt_s / self.FALL_S
        self._value = clip(self._value + step, 0.0, 1.0)
        return self._value


class FirstMedian:
    """The median of a person's first values; the first 120 that are known count, and it is known from the 5th on."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self.value: float | None = None

    def add(self, value: float | None) -> None:
        if value is None or len(self._values) >= 120:
            return
        self._values.append(value)
        ordered, half = sorted(self._values), len(self._values) // 2
        if len(ordered) >= 5:
            self.value = ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])
