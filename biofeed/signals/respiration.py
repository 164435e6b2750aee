"""Breath from a belt: samples go in; level 0..1, continuous phase, rate and whole Breaths come out, with trust.

The phase follows a learned waveform: predict by the rate, correct by how well value and movement fit the waveform near
the prediction, pull at each confirmed turning point. It is advanced by the low-pass's constant delay and by
`predict_s`, so that it is the phase at the moment of display. Phase 0 is the inhale's onset, 0.5 the exhale's.
"""

import math
import statistics
from dataclasses import dataclass

import numpy as np

from biofeed.messages import Breath, Chunk, Stream
from biofeed.settings import bounded, check
from biofeed.signals.breath_kernel import (
    AMPLITUDE,
    BREATHS,
    DUTY,
    ERROR,
    EXTREME,
    HEADING,
    HELD,
    HIGH,
    LAST_TURN_S,
    LOW,
    OFFSET,
    PERIODS,
    PHASE,
    PHASE_S,
    RATE_HZ,
    SIGN,
    SIZE,
    STALE,
    TAINT,
    TAINT_S,
    TURNS,
    VALUE,
    is_learned,
    track,
)
from biofeed.signals.filters import Floats, bessel_lowpass, delay_s, settled

CORNER_HZ = 2.0  # over five harmonics of 25/min, and a constant 108 ms
STEP_HZ = 25.0  # the tracker runs at this rate or up to twice it
SLIP_S = 0.12  # a belt that slips moves by most of a breath in this time; no breath does
HISTORY = 2048  # tracker steps: over 40 s, the slowest breath
N_TEMPLATE = 64
BRIDGE_S = 1.0  # the tracker coasts over a shorter gap; after a longer one it learns again
AHEAD_S = 0.6  # no farther than this is the phase ever predicted
FLOOR_COUNTS = 6.0  # less movement than this is the converter's noise


@dataclass(frozen=True)
class Settings:
    predict_s: float = bounded(0.05, 0.0, 0.3, "s", "how far ahead phase and level are told: the time until display")

    def __post_init__(self) -> None:
        check(self)


def median_rate(periods_s: list[float]) -> float | None:
    """Breaths per minute of the median of up to three periods."""
    return 60.0 / statistics.median(periods_s) if periods_s else None


class Respiration:
    """One stream's breath: `respiration(chunk, quality)` returns the Breaths that ended; `at(time_s)` sets the rest.

    After `at`: phase and level (None when not trusted), breaths_per_min, quality 0..1, and `reason` in words.
    """

    def __init__(self, stream: Stream, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._stream = stream
        self._rate_hz = 0.0
        self._end_s = -math.inf
        self._state = np.zeros(SIZE)
        self._template = np.zeros(N_TEMPLATE)
        self._shown: float | None = None
        self._restart()
        self.phase: float | None = None
        self.level: float | None = None
        self.breaths_per_min: float | None = None
        self.quality = 0.0
        self.reason = "learning your breath"
        self.age_s: float | None = None  # since the last turning point

    def _restart(self) -> None:
        sign = self._state[SIGN] or (-1.0 if self._stream.polarity < 0 else 1.0)
        self._state[:] = 0.0
        self._state[SIGN] = sign
        self._state[STALE] = 1.0
        self._state[DUTY] = 0.45
        self._template[:] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_TEMPLATE) / N_TEMPLATE)
        self._shown = None

    def _design(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        sections = bessel_lowpass(CORNER_HZ, rate_hz)
        self._sections = sections
        self._lag_s = delay_s(sections, rate_hz, 0.3)
        self._memory = np.zeros((1, 2))
        self._recent = np.zeros(max(2, round(SLIP_S * rate_hz)))
        self._history = np.zeros((2, HISTORY))
        is_open = self._stream.polarity == 0
        floor = FLOOR_COUNTS * abs(self._stream.scale)
        self._config = np.array(
            [max(1, int(rate_hz // STEP_HZ)), floor, self._lag_s, is_open, *sections[0]], np.float64
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
                self._state[TAINT] = 1.0
        self._end_s = chunk.start_s + n / chunk.rate_hz
        rows = np.empty((2 + int(n / chunk.rate_hz), 4))  # no breath is shorter than a second
        found = track(
            np.ascontiguousarray(chunk.values[:, 0]), quality, chunk.start_s, 1.0 / chunk.rate_hz, self._config,
            self._state, self._memory[0], self._unit, self._recent, self._history, self._template, rows,
        )  # fmt: skip
        return [Breath(*(float(value) for value in row)) for row in rows[:found]]

    def at(self, time_s: float) -> None:
        """Sets what is known at `time_s`: phase and level are those of `time_s + predict_s`."""
        s = self._state.tolist()  # numbers out of an array cost more, one by one, than all of them at once
        turns, rate_hz = int(s[TURNS]), s[RATE_HZ]
        self.age_s = time_s - s[LAST_TURN_S] + self._lag(0.0) if turns else None
        overdue = self.age_s * rate_hz if self.age_s is not None else 0.0  # in expected breaths
        periods = [value for value in s[PERIODS : PERIODS + 3] if value > 0.0]
        self.breaths_per_min = median_rate(periods) if periods and overdue < 2.0 else None
        fit = min(max(1.0 - (s[ERROR] - 0.12) / 0.25, 0.0), 1.0)
        if not is_learned(turns, int(s[BREATHS]), self._stream.polarity == 0):
            self.quality, self.reason = 0.3 * min(turns / 3.0, 1.0), "learning your breath"
        elif s[HELD] > 0.0 or overdue > 1.5:
            self.quality, self.reason = 0.0 if s[HELD] > 0.0 else max(0.0, 2.0 - overdue), "no breath movement is seen"
        else:
            self.quality = fit * (0.7 if s[TAINT] > 0.0 else 1.0)
            self.reason = "" if self.quality >= 0.5 else "the breath signal is unclear"
        if self.quality <= 0.0 or s[AMPLITUDE] <= 0.0 or not turns:
            self.phase = self.level = None
            self._shown = None
            return
        ahead_s = time_s + self._settings.predict_s - s[PHASE_S] + self._lag(0.0)
        phase = self._advanced(s, min(max(ahead_s, 0.0), AHEAD_S))
        if self._shown is not None and (self._shown - phase) % 1.0 < 0.25:
            phase = self._shown  # a correction waits: what is shown never runs backwards
        self.phase = self._shown = phase
        seen = (s[VALUE] - s[LOW]) / s[AMPLITUDE]
        moved = self._wave(phase) - self._wave(s[PHASE])
        self.level = min(max(seen + moved, 0.0), 1.0)

    def _lag(self, default: float) -> float:
        return self._lag_s if self._rate_hz else default

    def _wave(self, phase: float) -> float:
        place = phase * N_TEMPLATE
        k = int(place)
        a, b = self._template[k % N_TEMPLATE], self._template[(k + 1) % N_TEMPLATE]
        return float(a + (place - k) * (b - a))

    def _advanced(self, s: list[float], left_s: float) -> float:
        """The state's phase `left_s` later, at the person's own pace of inhale and exhale."""
        phase, rate_hz, duty = s[PHASE], s[RATE_HZ], s[DUTY]
        # with no sign of the turn, the phase does not run far beyond it
        is_waiting = s[HEADING] * (s[EXTREME] - s[VALUE]) < 0.03 * s[AMPLITUDE]
        stop = 0.54 if s[HEADING] > 0.0 else 1.04
        reach = phase + 1.0 if stop > 1.0 and phase < 0.25 else phase
        for _ in range(3):
            half = reach % 1.0
            speed = rate_hz * (0.5 / duty if half < 0.5 else 0.5 / (1.0 - duty))
            room = (0.5 if half < 0.5 else 1.0) - half
            if speed * left_s <= room or speed <= 0.0:
                reach += speed * left_s
                break
            reach += room
            left_s -= room / speed
        if is_waiting and stop - 0.5 < phase + (1.0 if reach - phase > 0.9 else 0.0) <= stop < reach:
            reach = stop
        return reach % 1.0

    @property
    def offset(self) -> float:
        """How far the belt has slipped in all, in the stream's unit."""
        return float(self._state[OFFSET])

    @property
    def amplitude(self) -> float:
        """The recent range of the breath, in the stream's unit."""
        return float(self._state[HIGH] - self._state[LOW])
