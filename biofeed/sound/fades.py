"""How a level between silence and full sounds as gain."""

import numpy as np
import numpy.typing as npt

FADE_FROM_DB = -30.0  # where a fade begins, after a first tenth from nothing: over 10 s that is 3 dB a second (H-06)


def slope(way: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The gain at `way` (0 silence .. 1 full): even in decibels, which is how the ear takes it."""
    held = np.clip(np.asarray(way, np.float64), 0.0, 1.0)
    return np.asarray(np.minimum(1.0, 10.0 * held) * 10.0 ** (FADE_FROM_DB / 20.0 * (1.0 - held)))
