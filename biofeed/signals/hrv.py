"""Heart rate and its variability from Beats and Breaths: hr_bpm, rmssd_ms, sdnn_ms, rsa_bpm, coherence.

Only good beats count (quality at least 0.5); nothing is repaired, and each measure is None until its window holds
enough of them, when it is stale, and (but for the heart rate) when the rhythm is irregular.

| measure | window | needs | definition |
|---|---|---|---|
| hr_bpm | 8 s | 3 intervals | 60 / median interval |
| rmssd_ms | 60 s | 30 pairs of adjacent intervals over at least 45 s | root mean square of successive differences |
| sdnn_ms | 120 s | 45 intervals over at least 60 s | standard deviation of the intervals |
| rsa_bpm | one breath | 3 beats in it, all good | highest minus lowest instantaneous rate |
| coherence | 64 s | 90 % good, no hole over 3 s | see `coherence` |
"""

import math
from collections import deque

import numpy as np

from biofeed.messages import Beat, Breath

GOOD = 0.5
HR_WINDOW_S, HR_INTERVALS = 8.0, 3
RMSSD_WINDOW_S, RMSSD_PAIRS, RMSSD_SPAN_S = 60.0, 30, 45.0
SDNN_WINDOW_S, SDNN_INTERVALS, SDNN_SPAN_S = 120.0, 45, 60.0
RSA_BEATS, RSA_AGE_S = 3, 20.0  # a breath at 3/min lasts 20 s
STALE_S = 5.0  # without a good beat for so long, no measure stands
CLEAR = 0.3  # a beat of good shape at an odd time has this; one of bad shape says nothing of the rhythm
IRREGULAR_SHARE, IRREGULAR_BEATS, IRREGULAR_WINDOW_S = 0.15, 20, 60.0
ODD = 0.2  # an interval this far from the median of its five neighbours is odd
COHERENCE_WINDOW_S = 64.0
COHERENCE_RATE_HZ = 2.0  # intervals are interpolated linearly at this rate
COHERENCE_POINTS = 512  # the 128 samples are padded to these: bins of 0.0039 Hz
COHERENCE_PEAK_HZ = (0.04, 0.26)  # where the peak is looked for
COHERENCE_TOTAL_HZ = (0.0033, 0.4)
COHERENCE_HALF_WIDTH_HZ = 0.015
COHERENCE_GOOD, COHERENCE_HOLE_S = 0.9, 3.0


def coherence(times_s: list[float], ibis_ms: list[float], end_s: float) -> float | None:
    """How much of the heart rhythm's variation lies at one frequency, 0..1.

    Intervals of the last 64 s, linear at 2 Hz, trend removed, Hann window, padded to 512 points; power within
    0.015 Hz of the highest peak in 0.04-0.26 Hz over the power in 0.0033-0.4 Hz. A pure sine gives about 0.86. It
    compares with itself only: other estimators of the same name differ by orders of magnitude.
    """
    n = round(COHERENCE_WINDOW_S * COHERENCE_RATE_HZ)
    grid = end_s - COHERENCE_WINDOW_S + (np.arange(n) + 1) / COHERENCE_RATE_HZ
    if len(times_s) < 2 or times_s[0] > grid[0] + 1.0:
        return None
    x = np.interp(grid, times_s, ibis_ms)
    ramp = np.arange(n) - (n - 1) / 2.0
    x = x - x.mean()
    x -= ramp * (ramp @ x) / (ramp @ ramp)
    power = np.abs(np.fft.rfft(x * np.hanning(n), COHERENCE_POINTS)) ** 2
    hz = np.fft.rfftfreq(COHERENCE_POINTS, 1.0 / COHERENCE_RATE_HZ)
    total = float(power[(hz >= COHERENCE_TOTAL_HZ[0]) & (hz <= COHERENCE_TOTAL_HZ[1])].sum())
    if total <= 1e-6:
        return None
    band = np.flatnonzero((hz >= COHERENCE_PEAK_HZ[0]) & (hz <= COHERENCE_PEAK_HZ[1]))
    peak_hz = hz[band[int(np.argmax(power[band]))]]
    near = power[np.abs(hz - peak_hz) <= COHERENCE_HALF_WIDTH_HZ].sum()
    return min(1.0, float(near) / total)


class Variability:
    """Measures that stand at a time: feed `beat` and `breath`, read the attributes after `at(time_s)`."""

    def __init__(self) -> None:
        self.hr_bpm: float | None = None
        self.rmssd_ms: float | None = None
        self.sdnn_ms: float | None = None
        self.rsa_bpm: float | None = None
        self.coherence: float | None = None
        self.is_irregular = False
        self.last_good_s: float | None = None
        self._beats: deque[Beat] = deque()
        self._rsa_s = -math.inf
        self._hr_bpm: float | None = None
        self._slow: tuple[float | None, float | None, float | None] = (None, None, None)
        self._rsa_bpm: float | None = None
        self._next_slow_s = -math.inf

    def beat(self, beat: Beat) -> None:
        if self._beats and beat.time_s <= self._beats[-1].time_s:
            return
        self._beats.append(beat)
        while self._beats[0].time_s < beat.time_s - SDNN_WINDOW_S:
            self._beats.popleft()
        if beat.quality >= GOOD:
            self.last_good_s = beat.time_s
        recent = []
        for item in reversed(self._beats):
            if item.time_s <= beat.time_s - HR_WINDOW_S:
                break
            if item.ibi_ms is not None and item.quality >= GOOD:
                recent.append(item.ibi_ms)
        self._hr_bpm = 60_000.0 / float(np.median(recent)) if len(recent) >= HR_INTERVALS else None
        if beat.time_s >= self._next_slow_s:  # once a second is enough for what changes in minutes
            self._next_slow_s = beat.time_s + 1.0
            self._renew(beat.time_s)

    def breath(self, breath: Breath) -> None:
        """The RSA of the breath that has just ended."""
        end_s = breath.start_s + breath.inhale_s + breath.exhale_s
        inside = [item for item in self._beats if breath.start_s <= item.time_s <= end_s]
        self._rsa_s = end_s
        self._rsa_bpm = None
        if len(inside) >= RSA_BEATS and all(item.ibi_ms is not None and item.quality >= GOOD for item in inside):
            rates = [60_000.0 / item.ibi_ms for item in inside if item.ibi_ms is not None]
            self._rsa_bpm = max(rates) - min(rates)

    def at(self, time_s: float) -> None:
        """Sets what stands at `time_s`."""
        is_fresh = self.last_good_s is not None and time_s - self.last_good_s <= STALE_S
        self.hr_bpm = self._hr_bpm if is_fresh else None
        is_sound = is_fresh and not self.is_irregular
        self.rmssd_ms, self.sdnn_ms, self.coherence = self._slow if is_sound else (None, None, None)
        self.rsa_bpm = self._rsa_bpm if is_sound and time_s - self._rsa_s <= RSA_AGE_S else None

    def _renew(self, now_s: float) -> None:
        timed = [item for item in self._beats if item.ibi_ms is not None]
        times = np.array([item.time_s for item in timed])
        ibis = np.array([item.ibi_ms for item in timed], np.float64)
        quality = np.array([item.quality for item in timed])
        good = quality >= GOOD
        clear = (quality >= CLEAR) & (times > now_s - IRREGULAR_WINDOW_S)
        self.is_irregular = _is_irregular(ibis[clear])
        rmssd = sdnn = share = None
        if len(timed) > 1:
            # a pair is adjacent when the second interval begins where the first one ends
            adjacent = np.abs(times[1:] - ibis[1:] / 1000.0 - times[:-1]) < 0.001
            pair = adjacent & good[1:] & good[:-1] & (times[1:] > now_s - RMSSD_WINDOW_S)
            differences = np.diff(ibis)[pair]
            if differences.size >= RMSSD_PAIRS and now_s - times[1:][pair][0] >= RMSSD_SPAN_S:
                rmssd = float(np.sqrt(np.mean(differences**2)))
            if good.sum() >= SDNN_INTERVALS and now_s - times[good][0] >= SDNN_SPAN_S:
                sdnn = float(np.std(ibis[good], ddof=1))
            inside = times > now_s - COHERENCE_WINDOW_S - 2.0
            kept = inside & good
            if kept.any() and kept.sum() >= COHERENCE_GOOD * inside.sum():
                held = np.diff(times[kept])
                if held.size and held.max() <= COHERENCE_HOLE_S:
                    share = coherence(times[kept].tolist(), ibis[kept].tolist(), now_s)
        self._slow = (rmssd, sdnn, share)


def _is_irregular(ibis_ms: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """More than 15 % of the intervals lie over 20 % from the median of their neighbours."""
    if ibis_ms.size < IRREGULAR_BEATS:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(ibis_ms, 5)
    odd = np.abs(windows[:, 2] - np.median(windows, axis=1)) > ODD * np.median(windows, axis=1)
    return bool(odd.mean() > IRREGULAR_SHARE)
