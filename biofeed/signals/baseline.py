"""The person's own range: Readings go in, percentiles of each measure over the first two trusted minutes come out.

Nothing downstream needs to know what is usual for people: `share` says where a value lies within what is usual for
this one. Percentiles stand from 30 s on and stay as they are from 120 s on; a second counts when its signal is trusted.
"""

import math

import numpy as np

from biofeed.messages import Reading

LENGTH_S, FIRST_S = 120, 30  # one value a second
TRUSTED = 0.5  # quality: what is below is shown to nobody either (H-17)
HEART = ("hr_bpm", "rmssd_ms", "rsa_bpm", "coherence")
BREATH = ("breaths_per_min", "depth")
MEASURES = HEART + BREATH
PERCENTILES = (10.0, 50.0, 90.0)


class Baseline:
    """`baseline(reading)` once a tick; then `percentiles(name)` and `share(name, value)`."""

    def __init__(self) -> None:
        self._values = {name: np.empty(LENGTH_S) for name in MEASURES}
        self._n = dict.fromkeys(MEASURES, 0)
        self._known: dict[str, tuple[float, float, float]] = {}
        self._second = -math.inf
        self._depth: float | None = None

    def __call__(self, reading: Reading) -> None:
        features = reading.features
        if reading.breaths:
            self._depth = reading.breaths[-1].depth
        if features.breath.quality < TRUSTED:
            self._depth = None
        second = math.floor(features.time_s)
        if second <= self._second:
            return
        self._second = second
        if features.heart.quality >= TRUSTED:
            for name in HEART:
                self._add(name, getattr(features, name))
        if features.breath.quality >= TRUSTED:
            self._add("breaths_per_min", features.breaths_per_min)
            self._add("depth", self._depth)

    def percentiles(self, name: str) -> tuple[float, float, float] | None:
        """The 10th, 50th and 90th percentile; None before 30 trusted seconds."""
        return self._known.get(name)

    def share(self, name: str, value: float | None) -> float | None:
        """Where the value lies from the person's own 10th (0) to 90th percentile (1); None when that is not known."""
        known = self._known.get(name)
        if known is None or value is None or not math.isfinite(value) or known[2] <= known[0]:
            return None
        return min(max((value - known[0]) / (known[2] - known[0]), 0.0), 1.0)

    def _add(self, name: str, value: float | None) -> None:
        n = self._n[name]
        if value is None or not math.isfinite(value) or n == LENGTH_S:
            return
        self._values[name][n] = value
        self._n[name] = n + 1
        if n + 1 >= FIRST_S:
            low, middle, high = np.percentile(self._values[name][: n + 1], PERCENTILES).tolist()
            self._known[name] = (low, middle, high)
