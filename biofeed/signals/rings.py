"""What the compiled detectors share: a ring of recent samples, read between samples, and a time that never was.

The compiler's cache looks at a kernel's own file: after a change here, the kernels that use it have to be touched, too.
"""

import numpy as np

from biofeed.signals.filters import Floats, compiled

NEVER_S = -1e9


@compiled
def ring_at(ring: Floats, place: float, newest: int) -> float:
    """The ring's value at a fractional step, held within what it still holds up to step `newest`."""
    size = ring.shape[0]
    place = min(max(place, newest - size + 1.0, 0.0), float(newest))
    whole = int(np.floor(place))
    left, right = ring[whole % size], ring[min(whole + 1, newest) % size]
    return float(left + (place - whole) * (right - left))
