"""The slow walk over chords in just intonation: in come tones and chords, out comes how strongly each tone sounds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from biofeed.messages import TICKS_PER_S

# Long enough to forget that the harmony moves, short enough that an hour has fifty of them; no dwell repeats.
DWELL_S = (40.0, 120.0)
CROSS_S = (10.0, 20.0)


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
        self._chords = chords
        self._neighbours = neighbours(chords)
        self._random = random
        self._chord = int(random.integers(len(chords)))
        self._from = self._to = self._voicing()
        self._age = 0
        self._plan()

    def __call__(self) -> npt.NDArray[np.float64]:
        self._age += 1
        x = min(1.0, self._age / self._cross)
        self.weight[:] = self._from + (self._to - self._from) * (x * x * (3.0 - 2.0 * x))
        if self._age >= self._cross + self._dwell:
            choices = self._neighbours[self._chord]
            if choices:
                self._chord = choices[int(self._random.integers(len(choices)))]
            self._from, self._to = self._to, self._voicing()
            self._age = 0
            self._plan()
        return self.weight

    def pick(self) -> float:
        """The frequency in Hz of a tone that sounds, for a stroke that must belong."""
        sounding = np.flatnonzero(self.weight > 0.5 * self.weight.max())
        return float(self.hz[sounding[int(self._random.integers(sounding.size))]])

    def _voicing(self) -> npt.NDArray[np.float64]:
        """The chord with its tones a little unequal, so that it is another one whenever it comes back."""
        weight = np.zeros(self.hz.size)
        tones = list(self._chords[self._chord])
        weight[tones] = 0.65 + 0.35 * self._random.random(len(tones))
        return weight

    def _plan(self) -> None:
        self._dwell = int(TICKS_PER_S * self._random.uniform(*DWELL_S))
        self._cross = int(TICKS_PER_S * self._random.uniform(*CROSS_S))
