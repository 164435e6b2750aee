"""Heart beats from PPG or ECG: samples go in, Beats on session time come out, each with interval, label and quality.

The detectors (ecg.py, ppg.py) tell a beat as soon as it can be told and withdraw it, at most half a second later, when
what follows shows that it was none. Here a beat gets the interval that it ends and a label by comparison with the
usual interval. Nothing is repaired, and after a gap there is no interval.
"""

import statistics
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from biofeed.messages import Beat, BeatLabel, Chunk, Stream, Withdrawn
from biofeed.signals.ecg import EcgDetector
from biofeed.signals.filters import Floats, finite
from biofeed.signals.ppg import PpgDetector

IBI_LOW_MS, IBI_HIGH_MS = 273.0, 2400.0  # 220 to 25/min: outside there is no interval, only a gap
USUAL_BEATS, LEAST_USUAL = 8, 3  # intervals whose median is the usual one; with fewer none is
ODD_SHARE = 0.2  # an interval this far from the usual one is early or late
STEP_SHARE = 0.15  # ... unless it is this near to the one before, if that was normal: a breath swings the heart far
MISSED_SHARE = 0.15  # an interval this near, in usual ones, to two or three of them holds beats that were not seen


class Detector(Protocol):
    """What finds beats in one kind of signal."""

    def restart(self, gap_s: float) -> None: ...

    def __call__(self, x: Floats, quality: Floats, start_s: float, rate_hz: float) -> Floats: ...


@dataclass(slots=True)
class _Told:
    time_s: float
    ibi_ms: float | None
    label: str


def label_of(ibi_ms: float | None, usual_ms: float | None, normal_ms: float | None = None) -> str:
    """What an interval is beside the usual one and the one just before, if that was normal (ms; None is not known)."""
    if ibi_ms is None or usual_ms is None:
        return BeatLabel.UNKNOWN
    ratio = ibi_ms / usual_ms
    if abs(ratio - 1.0) <= ODD_SHARE or (normal_ms is not None and abs(ibi_ms / normal_ms - 1.0) <= STEP_SHARE):
        return BeatLabel.NORMAL
    if ratio < 1.0:
        return BeatLabel.EARLY
    whole = round(ratio)
    return BeatLabel.MISSED if whole >= 2 and abs(ratio / whole - 1.0) <= MISSED_SHARE else BeatLabel.LATE


class Beats:
    """One stream's beats: `beats(chunk, quality)` returns what became certain within the chunk, in order."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rate_hz = 0.0
        self._detector: Detector
        self._told: deque[_Told] = deque(maxlen=USUAL_BEATS + 1)
        self._holes_s: deque[tuple[float, float]] = deque(maxlen=8)  # from, to: no interval goes across one
        self._end_s = 0.0
        self._held = 0.0  # the last finite sample

    def __call__(self, chunk: Chunk, quality: Floats) -> list[Beat | Withdrawn]:
        n = chunk.values.shape[0]
        if n == 0:
            return []
        if abs(chunk.rate_hz - self._rate_hz) > 0.1 * self._rate_hz:
            self._rate_hz = chunk.rate_hz
            is_ecg = self._stream.kind == "ecg"
            self._detector = EcgDetector(chunk.rate_hz) if is_ecg else PpgDetector(chunk.rate_hz, self._stream.polarity)
            self._holes_s.append((-np.inf, chunk.start_s))
        elif chunk.is_start:
            gap_s = chunk.start_s - self._end_s
            self._detector.restart(gap_s if gap_s >= 0.0 else np.inf)
            self._holes_s.append((self._end_s if gap_s >= 0.0 else -np.inf, chunk.start_s))
        self._end_s = chunk.start_s + n / chunk.rate_hz
        x, quality = finite(np.ascontiguousarray(chunk.values[:, 0]), quality, self._held)
        self._held = float(x[-1])
        if quality.min() <= 0.0:
            for k in np.flatnonzero(quality <= 0.0).tolist():
                self._hole(chunk.start_s + k / chunk.rate_hz, 1.0 / chunk.rate_hz)
        rows = self._detector(x, quality, chunk.start_s, chunk.rate_hz)
        return [
            self._withdraw(time_s, known_s) if is_withdrawn else self._beat(time_s, like)
            for time_s, like, known_s, is_withdrawn in rows.tolist()
        ]

    def _hole(self, at_s: float, step_s: float) -> None:
        """A sample without a signal."""
        if self._holes_s and at_s - self._holes_s[-1][1] <= 1.5 * step_s:
            self._holes_s[-1] = (self._holes_s[-1][0], at_s)
        else:
            self._holes_s.append((at_s, at_s))

    def _beat(self, time_s: float, quality: float) -> Beat:
        before = self._told[-1] if self._told else None
        ibi_ms = normal_ms = None
        if before is not None:
            is_broken = any(from_s < time_s and to_s > before.time_s for from_s, to_s in self._holes_s)
            ibi_ms = None if is_broken else _plausible(1000.0 * (time_s - before.time_s))
            normal_ms = before.ibi_ms if before.label == BeatLabel.NORMAL else None
        known = [told.ibi_ms for told in self._told if told.ibi_ms is not None]
        usual_ms = statistics.median(known) if len(known) >= LEAST_USUAL else None
        label = label_of(ibi_ms, usual_ms, normal_ms)
        self._told.append(_Told(time_s, ibi_ms, label))
        return Beat(time_s, ibi_ms, min(max(quality, 0.0), 1.0), label)

    def _withdraw(self, time_s: float, at_s: float) -> Withdrawn:
        for k, told in enumerate(self._told):
            if told.time_s == time_s:
                if k + 1 < len(self._told):
                    after = self._told[k + 1]
                    whole = None if after.ibi_ms is None or told.ibi_ms is None else after.ibi_ms + told.ibi_ms
                    after.ibi_ms = None if whole is None else _plausible(whole)
                del self._told[k]
                break
        return Withdrawn(time_s, at_s)


def _plausible(ibi_ms: float) -> float | None:
    return ibi_ms if IBI_LOW_MS <= ibi_ms <= IBI_HIGH_MS else None
