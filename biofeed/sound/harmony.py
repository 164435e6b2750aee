"""What moves slowly: a walk over chords in just intonation, tones that come and go in cycles, and the arc of the hour.

In come tones, chords and progress; out comes how strongly each tone sounds. All of it follows from the seed and the
count of ticks.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.messages import TICKS_PER_S
from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]

# Long enough to forget that the harmony moves, short enough that an hour has fifty of them; no dwell repeats.
DWELL_S = (40.0, 120.0)
CROSS_S = (10.0, 20.0)
# Each tone swells and sinks in a cycle of its own, between these; spread by the golden section, no two of them are in a
# simple ratio, and their pattern does not come back within a session.
CYCLE_S = (23.0, 41.0)
CYCLE_DEPTH = 0.45
GOLDEN = 0.6180339887
VOICED = 0.825  # a tone's mean weight in its chord; one is 0.65 to 1
HIGHER_SOFTER = 0.33  # 2 dB per octave, as the ear likes its chords


@dataclass(frozen=True, slots=True)
class Hour:
    """Where the session is: each 0..1 of how far a soundscape lets the hour change it."""

    bright: float
    dense: float
    low: float


# Arrive: open, with little in it. Settle: the world is all there. Deepen: dark, sparse and low. Return: it opens again.
_ARC = (
    (0.00, Hour(0.85, 0.45, 0.15)),
    (0.08, Hour(1.00, 0.80, 0.00)),
    (0.25, Hour(0.75, 1.00, 0.20)),
    (0.50, Hour(0.15, 0.25, 0.85)),
    (0.68, Hour(0.00, 0.00, 1.00)),
    (0.86, Hour(0.60, 0.60, 0.40)),
    (1.00, Hour(1.00, 0.70, 0.00)),
)


def hour(progress: float) -> Hour:
    """The arc at `progress` (0..1), smooth from one of its points to the next."""
    x = min(1.0, max(0.0, progress))
    for (begin, one), (end, other) in itertools.pairwise(_ARC):
        if x <= end:
            t = (x - begin) / (end - begin)
            t = t * t * (3.0 - 2.0 * t)
            return Hour(
                one.bright + (other.bright - one.bright) * t,
                one.dense + (other.dense - one.dense) * t,
                one.low + (other.low - one.low) * t,
            )
    return _ARC[-1][1]


@kernel
def _weigh(
    one: Floats,
    other: Floats,
    way: float,
    start: Floats,
    cycle_hz: Floats,
    time_s: float,
    height: Floats,
    low: float,
    soft: Floats,
    power: float,
    weight: Floats,
) -> None:
    """Fills `weight`: from one chord to the other, each tone in its cycle, drawn down; always of the same power."""
    told = 0.0
    for t in range(weight.size):
        turn = start[t] + time_s * cycle_hz[t]
        x = 2.0 * abs(turn - np.floor(turn) - 0.5)
        swell = 1.0 - CYCLE_DEPTH * x * x * (3.0 - 2.0 * x)
        weight[t] = (one[t] + (other[t] - one[t]) * way) * swell * (1.0 - low * height[t])
        told += (weight[t] * soft[t]) ** 2
    weight *= np.sqrt(power / told)


def neighbours(chords: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each chord, the others that share at least two tones with it: the steps that the ear hardly notices."""
    sets = [set(chord) for chord in chords]
    return [[j for j, other in enumerate(sets) if j != i and len(one & other) >= 2] for i, one in enumerate(sets)]


class Harmony:
    """A random walk over neighbouring chords; each call advances one tick and gives the tones' weights, 0..1."""

    def __init__(
        self, hz: npt.NDArray[np.float64], chords: Sequence[Sequence[int]], random: np.random.Generator
    ) -> None:
        """hz (tones,), ascending; chords as indices into it."""
        self.hz = hz
        self.weight = np.zeros(hz.size)
        self._height = (hz - hz.min()) / max(1e-9, hz.max() - hz.min())
        self._chords = chords
        self._neighbours = neighbours(chords)
        self._random = random
        # How strongly a tone is played; few tones are as loud as many, and low ones as high ones (HIGHER_SOFTER).
        self.soft = np.asarray((hz / hz.min()) ** -HIGHER_SOFTER, dtype=np.float64)
        mean = VOICED * (1.0 - 0.5 * CYCLE_DEPTH)
        self._power = float(np.mean([np.sum((mean * self.soft[list(chord)]) ** 2) for chord in chords]))
        self._chord = int(random.integers(len(chords)))
        self._from = self._to = self._voicing()
        self._age = 0
        self._tick = 0
        share = (GOLDEN * np.arange(hz.size) + float(random.random())) % 1.0
        self._cycle_hz = np.asarray(1.0 / (CYCLE_S[0] + (CYCLE_S[1] - CYCLE_S[0]) * share), dtype=np.float64)
        self._start = random.random(hz.size)
        self._plan()

    def __call__(self, low: float = 0.0) -> npt.NDArray[np.float64]:
        """`low` (0..1) draws the weight down from the high tones."""
        self._age += 1
        self._tick += 1
        x = min(1.0, self._age / self._cross)
        way = x * x * (3.0 - 2.0 * x)
        time_s = self._tick / TICKS_PER_S
        _weigh(
            self._from, self._to, way, self._start, self._cycle_hz, time_s, self._height, low, self.soft, self._power,
            self.weight,
        )  # fmt: skip
        if self._age >= self._cross + self._dwell:
            choices = self._neighbours[self._chord]
            if choices:
                self._chord = choices[int(self._random.integers(len(choices)))]
            self._from, self._to = self._to, self._voicing()
            self._age = 0
            self._plan()
        return self.weight

    def _voicing(self) -> npt.NDArray[np.float64]:
        """The chord with its tones a little unequal, so that it is another one whenever it comes back."""
        weight = np.zeros(self.hz.size)
        tones = list(self._chords[self._chord])
        weight[tones] = 0.65 + 2.0 * (VOICED - 0.65) * self._random.random(len(tones))
        return weight

    def _plan(self) -> None:
        self._dwell = int(TICKS_PER_S * self._random.uniform(*DWELL_S))
        self._cross = int(TICKS_PER_S * self._random.uniform(*CROSS_S))
