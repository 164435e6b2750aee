"""Heart beats from PPG or ECG: samples go in, Beats on session time come out, each with its interval and quality.

PPG: Bessel low-pass, slope, sum of rising slope over one upstroke, adaptive threshold; the fiducial is the steepest
upstroke. ECG: 8-20 Hz band, slope power, the same threshold; the fiducial is the extremum of the band-passed wave.
After slope-sum detectors (Zong et al. 2003) and Pan-Tompkins (1985). Nothing is repaired: what does not fit is told
with low quality, and after a gap there is no interval.
"""

import statistics
from collections import deque

import numpy as np

from biofeed.messages import Beat, Chunk, Stream
from biofeed.signals.beat_kernel import LAST_T, LEVEL, NEVER_S, SIGN, SINCE_S, SIZE, N, detect
from biofeed.signals.filters import Cascade, Floats, bessel_lowpass, delay_s, highpass

PPG_CORNER_HZ = 8.0  # upstroke energy lies below
ECG_BAND_HZ = (8.0, 20.0)  # QRS energy (Thakor et al. 1984)
PPG_SUM_S, ECG_SUM_S = 0.12, 0.10  # about one upstroke; about one QRS
CONFIRM_S = 0.05  # without a higher sum: it was the maximum
PPG_REFRACTORY_S, ECG_REFRACTORY_S = 0.30, 0.24  # 200/min; 250/min
LEARN_S = 2.0  # holds a beat at 30/min
IBI_LOW_MS, IBI_HIGH_MS = 273.0, 2400.0  # 220 to 25/min: outside there is no interval, only a gap
ODD_SHARE = 0.25  # an interval this far from the local median is a missed, false or ectopic beat: low quality
ODD_QUALITY = 0.35
N_SHAPE = 15  # points of the upstroke that are compared with the template, 20 ms apart, from 0.2 s before the fiducial


class Beats:
    """One stream's beats: `beats(chunk, quality)` returns the Beats that became certain within the chunk."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rate_hz = 0.0
        self._last_s: float | None = None  # the beat before, if nothing is missing since
        self._ibis_ms: deque[float] = deque(maxlen=8)  # intervals that fitted, for the local median
        self._template = np.zeros(N_SHAPE)
        self._state = np.zeros(SIZE)
        self._state[LAST_T] = NEVER_S
        self._state[SIGN] = -1.0 if stream.polarity < 0 else 1.0
        self._end_s = 0.0

    def _design(self, rate_hz: float) -> None:
        is_ecg = self._stream.kind == "ecg"
        self._rate_hz = rate_hz
        if is_ecg:
            bands = [highpass(ECG_BAND_HZ[0], rate_hz), bessel_lowpass(ECG_BAND_HZ[1], rate_hz)]
            sections, at_hz = np.concatenate(bands), sum(ECG_BAND_HZ) / 2.0
            delay = delay_s(sections, rate_hz, min(at_hz, 0.4 * rate_hz))
        else:
            sections = bessel_lowpass(PPG_CORNER_HZ, rate_hz)
            delay = delay_s(sections, rate_hz, 0.02 * rate_hz) + 0.5 / rate_hz  # half a sample for the difference
        width = max(2, round((ECG_SUM_S if is_ecg else PPG_SUM_S) * rate_hz))
        self._filter = Cascade(sections)
        self._rings = np.zeros((3, round(0.8 * rate_hz) + 8))
        refractory_s = ECG_REFRACTORY_S if is_ecg else PPG_REFRACTORY_S
        can_turn = not is_ecg and self._stream.polarity == 0
        self._config = np.array(
            [is_ecg, width, max(1, round(CONFIRM_S * rate_hz)), refractory_s, LEARN_S, delay, can_turn], np.float64
        )
        self._state[N] = 0.0

    def __call__(self, chunk: Chunk, quality: Floats) -> list[Beat]:
        n = chunk.values.shape[0]
        if n == 0:
            return []
        if abs(chunk.rate_hz - self._rate_hz) > 0.1 * self._rate_hz:
            self._design(chunk.rate_hz)
        if chunk.is_start:
            self._filter.reset()
            self._last_s = None
            self._state[N] = 0.0
            if not 0.0 <= chunk.start_s - self._end_s < 2.0:  # level and shape outlive a short gap
                self._state[LEVEL] = self._state[SINCE_S] = 0.0
                self._state[LAST_T] = NEVER_S
        self._end_s = chunk.start_s + n / chunk.rate_hz
        rows = np.empty((n, 2))
        smooth = self._filter(np.ascontiguousarray(chunk.values[:, 0]))
        found = detect(
            smooth,
            quality,
            chunk.start_s,
            1.0 / chunk.rate_hz,
            self._config,
            self._state,
            self._rings,
            self._template,
            rows,
        )
        beats = [self._told(float(time_s), float(shape)) for time_s, shape in rows[:found]]
        if n and quality[-1] <= 0.0:
            self._last_s = None
        return beats

    def _told(self, time_s: float, quality: float) -> Beat:
        """The interval to the beat before, and its label: far from the local median is low quality."""
        ibi_ms = None
        if self._last_s is not None:
            ibi_ms = 1000.0 * (time_s - self._last_s)
            if not IBI_LOW_MS <= ibi_ms <= IBI_HIGH_MS:
                ibi_ms = None
        self._last_s = time_s
        if ibi_ms is not None:
            usual_ms = statistics.median(self._ibis_ms) if len(self._ibis_ms) >= 3 else ibi_ms
            if abs(ibi_ms - usual_ms) > ODD_SHARE * usual_ms:
                quality *= ODD_QUALITY
            self._ibis_ms.append(ibi_ms)
        return Beat(time_s, ibi_ms, quality)
