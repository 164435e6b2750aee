"""Regular stripes in the picture that is about to be shown: how much of its contrast about the mean may stay."""

import numpy as np
import numpy.typing as npt

from biofeed.graphics.patterns import Patterns
from biofeed.limits import STRIPE_PART

# Every kind of window is looked at once in LOOK_S, one after the other, so that no picture waits for all of them.
# A look, and the fall from full contrast to none after it, are done within the half second of `limits.STRIPE_S`.
LOOK_S = 0.2
FALL_S = 0.2
RISE_S = 5.0  # from none to full contrast
PART = 0.8 * STRIPE_PART  # of the picture: eight bits and dither need some room

Floats = npt.NDArray[np.float32]


class Stripes:
    """What it gives moves smoothly, and is exactly 1.0 while there are none."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._patterns = Patterns(shape)
        self._kept = [1.0] * self._patterns.n_looks  # where the contrast goes, by the last look of each kind
        self._next = 0
        self._due = 0.0  # looks
        self._contrast = 1.0

    def __call__(self, dt_s: float, luminance: Floats) -> float:
        """The contrast (0..1) for the picture that is `dt_s` after the one before; relative, (rows, columns)."""
        n = len(self._kept)
        self._due += n * dt_s / LOOK_S
        for _ in range(min(int(self._due), n)):
            found = self._patterns.look(self._next, luminance)
            self._kept[self._next] = min((pattern.faint for pattern in found if pattern.part >= PART), default=1.0)
            self._next = (self._next + 1) % n
        self._due %= 1.0
        low, high = self._contrast - dt_s / FALL_S, self._contrast + dt_s / RISE_S
        self._contrast = min(max(min(self._kept, default=1.0), low), high)
        return self._contrast
