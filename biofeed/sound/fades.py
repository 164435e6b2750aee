"""How a level between silence and full sounds as gain: even in decibels, which is how the ear takes it."""

import math

import numpy as np
import numpy.typing as npt

FADE_FROM_DB = -18.0  # where a fade begins, after a first tenth from nothing: over 10 s that is 1.8 dB a second (H-06)


def slope(way: float) -> float:
    """The gain at `way` (0 silence .. 1 full)."""
    held = min(1.0, max(0.0, way))
    return min(1.0, 10.0 * held) * math.pow(10.0, FADE_FROM_DB / 20.0 * (1.0 - held))


def slopes(ways: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same for many."""
    held = np.clip(ways, 0.0, 1.0)
    return np.asarray(np.minimum(1.0, 10.0 * held) * 10.0 ** (FADE_FROM_DB / 20.0 * (1.0 - held)))
