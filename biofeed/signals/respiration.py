"""Breath from a belt, a thermistor or impedance: samples go in, phase, level, rate, onsets and Breaths come out.

Phase 0 is the inhale's onset, 0.5 the exhale's; level 0 is empty, 1 full. Both are told for the moment of display,
`predict_s` after they are asked for. An onset is where the rise begins or ends; for impedance, whose rests are never
still, it is the extremum of the signal below 1 Hz, which is what people mark there (BIDMC, Pimentel et al. 2017).
"""

import math
import statistics
from collections import deque
from dataclasses import dataclass

import numpy as np

from biofeed.messages import Breath, Chunk, Stream
from biofeed.settings import bounded, check
from biofeed.signals.breath_grid import BINS, DEPTHS, ROWS, SPEEDS
from biofeed.signals.breath_kernel import (
    AMPLITUDE,
    BREATHS,
    DUTY,
    ERROR,
    FOCUS,
    HELD,
    HELD_BREATHS,
    IS_LIVE,
    IS_SETTLED,
    KEPT,
    LEAST_VALUE,
    LOW,
    N_STEP,
    PEAK,
    PEAK_S,
    POLARITY_BREATHS,
    RATE_HZ,
    RISE,
    SIGN,
    SIZE,
    SPEED_HZ,
    STALE,
    STEEP_RISE,
    TAINT,
    TAINT_S,
    THETA,
    TOLD_S,
    TURN_S,
    TURNS,
    VALUE,
    VALUE_S,
    track,
)
from biofeed.signals.filters import Floats, bessel_lowpass, delay_s, settled

CORNER_HZ = 5.0  # what the grid sees: all of a breath, and a constant 43 ms late
SMOOTH_HZ, SMOOTH_S = 1.0, 2.0  # what turning points are looked for in: zero phase, seen so much later
STEP_HZ = 25.0  # the tracker runs near this rate
SLIP_S = 0.12  # a belt that slips moves by most of a breath in this time; no breath does
HISTORY = 4096  # tracker steps: over 64 s
BRIDGE_S = 1.0  # the tracker coasts over a shorter gap; after a longer one it learns again
AHEAD_S = 0.6  # no farther than this is the phase ever predicted
FLOOR_COUNTS = 6.0  # less movement than this is the converter's noise
MEAN_S = 32.0  # the mean rate's window
OVERDUE = 2.5  # expected breaths without one
HURRY = 6.0  # times the breath's own pace: no faster does the shown phase catch up
SIGH = 2.0  # times the usual depth
IMPEDANCE, WARMTH = "Ohm", ("Cel", "K", "mK")  # UCUM; impedance rises with the air in the lungs, inhaled air cools
USUAL = 9  # breaths that say what is usual
PAUSE_BREATHS = 0.5  # a rest of so much of a breath is a pause or a hold


@dataclass(frozen=True)
class Settings:
    predict_s: float = bounded(0.05, 0.0, 0.3, "s", "how far ahead phase and level are told: the time until display")

    def __post_init__(self) -> None:
        check(self)


def _smoother(rate_hz: float) -> Floats:
    """A symmetric low-pass (2 n + 1,): the gain is 1 / (1 + (f / SMOOTH_HZ)^8)."""
    n, size = max(1, round(SMOOTH_S * rate_hz)), 4096
    gain = 1.0 / (1.0 + (np.fft.rfftfreq(size, 1.0 / rate_hz) / SMOOTH_HZ) ** 8)
    answer = np.fft.fftshift(np.fft.irfft(gain, size))[size // 2 - n : size // 2 + n + 1]
    answer *= 0.5 + 0.5 * np.cos(np.pi * np.arange(-n, n + 1) / (n + 1))
    return np.asarray(answer / answer.sum())


class Respiration:
    """One stream's breath: `respiration(chunk, quality)` returns the Breaths that ended; `at(time_s)` sets the rest.

    After `at`: phase and level (None when not trusted), breaths_per_min (of the last breaths), mean_breaths_per_min
    (over 32 s or the last three breaths), `state` ("inhale", "exhale", "pause", "hold", "unknown"), quality 0..1 with
    `reason` in words, and `onsets`, the ("inhale" or "exhale", time_s) that the phase has passed since the last `at`.
    """

    def __init__(self, stream: Stream, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._stream = stream
        self._landmark = LEAST_VALUE if stream.unit == IMPEDANCE else STEEP_RISE if stream.unit in WARMTH else RISE
        polarity = stream.polarity or (-1 if self._landmark == STEEP_RISE else 1)
        self._sign = -1.0 if polarity < 0 else 1.0
        self._is_open = stream.polarity == 0 and self._landmark == RISE
        self._rate_hz = self._lag_s = 0.0
        self._end_s = -math.inf
        self._state = np.zeros(SIZE)
        self._kept = np.zeros((4, KEPT))
        self._shape = np.zeros((8, BINS))
        self._model = np.zeros((5, DEPTHS, BINS))
        self._prior = np.zeros(DEPTHS)
        self._turn = np.zeros((2, SPEEDS))
        self._grids = np.zeros((2, ROWS, BINS))
        self._fit = np.zeros((DEPTHS, BINS))
        turn = 2.0 * np.pi * np.arange(BINS) / BINS
        self._circle = np.stack([np.cos(turn), np.sin(turn)])
        self._depths: deque[float] = deque(maxlen=USUAL)
        self._restart()
        self.phase: float | None = None
        self.level: float | None = None
        self.breaths_per_min: float | None = None
        self.mean_breaths_per_min: float | None = None
        self.state = "unknown"
        self.onsets: list[tuple[str, float]] = []
        self.quality = 0.0
        self.reason = "learning your breath"
        self.age_s: float | None = None  # since the last turning point that is certain

    def _restart(self) -> None:
        s = self._state
        keep = s[SIGN] or self._sign, s[IS_SETTLED], s[TOLD_S]
        s[:] = 0.0
        s[SIGN], s[IS_SETTLED], s[TOLD_S] = keep
        s[STALE] = 1.0
        s[DUTY] = 0.45
        self._kept[:] = 0.0
        self._depths.clear()
        self._shown: float | None = None
        self._shown_s = 0.0
        self._turns = 0.0
        self._rate: float | None = None
        self._mean_rate: float | None = None

    def _design(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        sections = bessel_lowpass(CORNER_HZ, rate_hz)
        self._lag_s = delay_s(sections, rate_hz, 0.3)
        self._memory = np.zeros(2)
        self._recent = np.zeros(max(2, round(SLIP_S * rate_hz)))
        self._history = np.zeros((3, HISTORY))
        every = max(1, round(rate_hz / STEP_HZ))
        self._smoother = _smoother(rate_hz / every)
        lead_s = self._lag_s + self._settings.predict_s
        floor = FLOOR_COUNTS * abs(self._stream.scale)
        self._config = np.array(
            [every, floor, self._lag_s, self._is_open, *sections[0], self._landmark, lead_s], np.float64
        )
        self._unit = settled(sections, 1.0)[0]
        self._restart()

    def __call__(self, chunk: Chunk, quality: Floats) -> list[Breath]:
        n = chunk.values.shape[0]
        if n == 0:
            return []
        if abs(chunk.rate_hz - self._rate_hz) > 0.1 * self._rate_hz:
            self._design(chunk.rate_hz)
        if chunk.is_start:
            gap_s = chunk.start_s - self._end_s
            if not 0.0 <= gap_s <= BRIDGE_S:
                self._restart()
            elif gap_s > TAINT_S:
                self._state[TAINT] = self._state[N_STEP]
        self._end_s = chunk.start_s + n / chunk.rate_hz
        rows = np.empty((2 + int(n / chunk.rate_hz), 5))  # no breath is shorter than a second
        found = track(
            np.ascontiguousarray(chunk.values[:, 0]), quality, chunk.start_s, 1.0 / chunk.rate_hz, self._config,
            self._state, self._memory, self._unit, self._recent, self._smoother, self._circle, self._history,
            self._shape, self._kept, self._model, self._prior, self._turn, self._grids, self._fit, rows,
        )  # fmt: skip
        told = []
        for start_s, inhale_s, exhale_s, depth, swing in rows[:found].tolist():
            usual = statistics.median_high(self._depths) if len(self._depths) >= 3 else math.inf
            told.append(Breath(start_s, inhale_s, exhale_s, depth, swing > SIGH * usual, swing))
            self._depths.append(swing)
        return told

    def told_inhale(self, time_s: float) -> None:
        """The person was asked at `time_s` to breathe in now: if the signal falls upon it, it is turned for good."""
        self._state[TOLD_S] = time_s

    def at(self, time_s: float) -> None:
        """Sets what is known at `time_s`: phase and level are those of `time_s + predict_s`."""
        s = self._state.tolist()  # numbers out of an array cost more, one by one, than all of them at once
        self.onsets = []
        self.state = "unknown"
        self.age_s = time_s - s[TURN_S] + self._lag_s if s[TURNS] > 0.0 else None
        overdue = max(time_s - s[PEAK_S] - SMOOTH_S, 0.0) * s[RATE_HZ]  # in expected breaths
        self._rates(s, overdue)
        self.quality, self.reason = self._trust(s, time_s, overdue)
        if self.quality <= 0.0 or s[IS_LIVE] == 0.0:
            self.phase = self.level = self._shown = None
            return
        phase = _phase(s[THETA] + s[SPEED_HZ] * min(max(time_s - s[VALUE_S], 0.0), AHEAD_S), s[DUTY])
        if self._shown is not None:  # a correction waits or hurries: what is shown never leaps and never runs backwards
            ahead = (phase - self._shown + 0.5) % 1.0 - 0.5
            most = HURRY * s[SPEED_HZ] * max(time_s - self._shown_s, 0.0)
            phase = (self._shown + min(max(ahead, 0.0), most)) % 1.0
            self._tell(phase, time_s)
        self.phase, self._shown, self._shown_s = phase, phase, time_s
        at_value = s[THETA] - s[SPEED_HZ] * (self._lag_s + self._settings.predict_s)
        moved = self._wave(phase) - self._wave(_phase(at_value, s[DUTY]))
        self.level = min(max((s[VALUE] - s[LOW]) / s[AMPLITUDE] + moved, 0.0), 1.0)
        self.state = "inhale" if phase < 0.5 else "exhale"
        if s[HELD] >= PAUSE_BREATHS:
            self.state = "hold" if self.level > 0.5 else "pause"

    def _rates(self, s: list[float], overdue: float) -> None:
        if s[TURNS] != self._turns:  # they change with a turning point only
            self._turns = s[TURNS]
            self._rate, self._mean_rate = _last_rate(self._kept[0]), _mean_rate(self._kept[2])
        is_known = overdue < OVERDUE and s[HELD] < HELD_BREATHS
        self.breaths_per_min = self._rate if is_known else None
        self.mean_breaths_per_min = self._mean_rate if is_known else None

    def _trust(self, s: list[float], time_s: float, overdue: float) -> tuple[float, str]:
        n_needed = POLARITY_BREATHS if self._is_open and not s[IS_SETTLED] else 1
        if s[BREATHS] < n_needed:
            return 0.3 * min(s[TURNS] / 3.0, 1.0), "learning your breath"
        if s[HELD] >= HELD_BREATHS or overdue > OVERDUE:
            return 0.0 if s[HELD] >= HELD_BREATHS else max(0.0, OVERDUE + 0.5 - overdue), "no breath movement is seen"
        if time_s - s[VALUE_S] > BRIDGE_S:
            return 0.0, "no breath signal comes"
        fit = min(max(1.0 - (s[ERROR] - 0.12) / 0.25, 0.0), 1.0)
        quality = min(fit, max(2.0 * s[FOCUS] - 0.4, 0.05), 1.0) * (0.7 if s[TAINT] > s[PEAK] else 1.0)
        return quality, "" if quality >= 0.5 else "the breath signal is unclear"

    def _tell(self, phase: float, time_s: float) -> None:
        """Onsets that the shown phase has passed since the last time, with the moment of passing."""
        assert self._shown is not None
        moved, step_s = (phase - self._shown) % 1.0, time_s - self._shown_s
        for word, edge in (("inhale", 1.0), ("exhale", 0.5)):
            to_edge = (edge - self._shown) % 1.0
            if 0.0 < to_edge <= moved:
                onset_s = self._shown_s + step_s * to_edge / moved + self._settings.predict_s
                self.onsets.append((word, onset_s))

    def _wave(self, phase: float) -> float:
        place = phase * BINS
        k = int(place)
        a, b = self._shape[0, k % BINS], self._shape[0, (k + 1) % BINS]
        return float(a + (place - k) * (b - a))


def _last_rate(periods_s: Floats) -> float | None:
    """Breaths per minute of the median of the last three periods."""
    known = periods_s[-3:][periods_s[-3:] > 0.0]
    return 60.0 / float(np.median(known)) if known.size else None


def _mean_rate(peaks_s: Floats) -> float | None:
    """Breaths per minute over MEAN_S or the last three breaths, from the times of their tops."""
    known = peaks_s[peaks_s > 0.0]
    n = max(int(np.count_nonzero(known > known[-1:] - MEAN_S)), min(4, known.size))
    return 60.0 * (n - 1) / float(known[-1] - known[-n]) if n >= 2 else None


def _phase(theta: float, duty: float) -> float:
    """Phase 0..1 at a place in the breath's time."""
    theta %= 1.0
    return 0.5 * theta / duty if theta < duty else 0.5 + 0.5 * (theta - duty) / (1.0 - duty)
