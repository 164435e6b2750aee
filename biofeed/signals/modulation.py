"""Breath without a belt: samples and Beats of a PPG or ECG go in, breaths per minute with its own trust comes out.

Breath moves the signal itself, and each beat's height, shape and distance (baseline, amplitude and frequency
modulation; Charlton et al. 2018, doi:10.1109/RBME.2017.2763681). Each series on a 4 Hz grid has the spectrum of its
last 32 s, its background of drift taken off; their mean feeds a Bayes filter over rates, which follows a rate that
lasts and leaves one that leaps. It trusts itself as far as belief, power and the series' own peaks gather at one rate.

Known limits: a strong 0.1 Hz wave of blood pressure in a person who breathes shallowly is told as 6/min; extra beats
in a fixed pattern may be told as a rate; above 0.95 of half the heart rate no breath is seen.
"""

import math
from collections import deque

import numpy as np

from biofeed.messages import Beat, Chunk, Stream, Withdrawn
from biofeed.signals.filters import Floats, bessel_lowpass, settled
from biofeed.signals.modulation_kernel import (
    BAD_T,
    BEGIN,
    FILLED,
    HEIGHT,
    IS_SET,
    LAST_T,
    N_VALUE,
    NYQUIST_SHARE,
    RING,
    SIZE,
    TICKS,
    USUAL_S,
    WINDOW,
    N,
    beat,
    fuse,
    share,
    take,
)
from biofeed.signals.rings import NEVER_S

TICK_S = 0.25
SERIES = {"ppg": 7, "ecg": 6}  # the slow signal, what a beat measures, and its interval
IN_UNIT = 5  # so many of them are heights in the signal's unit
SHALLOW = 0.015  # of the pulse's height or interval: what swings less is noise, not breath
WAVE_HZ = {"ppg": 8.0, "ecg": 40.0}  # what a beat is measured on
SLOW_HZ = 0.8
DUE_S = 0.9  # after so long a beat's wave is complete, and a beat that was none has been withdrawn
BRIDGE_S = 2.0  # a gap in the samples up to here is no new beginning
STALE_S = 10.0  # without fresh evidence for so long, no rate stands
CYCLE = 8  # ticks in which every series has its turn: the rate is renewed each 2 s, and no tick costs much
RATES = np.arange(3.0, 40.01, 0.5)  # per minute
DRIFT = 0.5  # /min that a breath rate changes in a cycle
NEAR = 1.5  # /min: beliefs so close are the same rate
DOUBTED, BELIEVED = (
    0.1,
    0.46,
)  # clarity that gives quality 0 and 1; at 0.28, half, a rate errs by 1.5/min on the average
WEIGHT = 0.4  # of a cycle's evidence; the first window's counts in full
STEADY, FIRST = 0.25, 0.5  # of a cycle's clarity that counts at once: a chance agreement does not last
AGREE = 0.7  # how much of the clarity needs the series to agree
LOBE = 0.3876  # squared width of a Hann window's peak, in bins squared: how far a power law moves it
GOOD = 0.5


class Modulation:
    """One stream's breath: feed `modulation(chunk, quality, told)`; `at(time_s)` sets what is known.

    After `at`: breaths_per_min (None when not trusted), quality 0..1, age_s of the newest evidence, `reason` in words.
    There is no phase: bodies differ by up to half a breath in what inhaling raises.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rate_hz = 0.0
        self._sign = -1.0 if stream.polarity < 0 else 1.0
        self.breaths_per_min: float | None = None
        self.quality = 0.0
        self.reason = "learning your breath from the pulse"
        self.age_s: float | None = None
        self._restart()

    def _restart(self) -> None:
        n = SERIES[self._stream.kind]
        self._state = np.zeros(SIZE)
        self._state[BAD_T] = self._state[LAST_T] = NEVER_S
        self._rows, self._times = np.zeros((n, RING)), np.zeros(RING)
        self._measured, self._ibis = np.zeros((2, n - 1)), np.zeros(9)
        self._past = np.zeros((n - 1, N_VALUE))
        self._facts = np.zeros((n, 2))  # lift and amplitude of each series
        self._mean = np.zeros(RATES.size)
        self._shares = np.zeros((n, RATES.size))
        self._pending: deque[float] = deque()
        self._last_s = NEVER_S
        self._turn = 0
        self._window = 0  # column before which the cycle's windows end
        self._forget()
        self._is_off = False
        self._end_s = NEVER_S

    def _forget(self) -> None:
        """The series begin anew: what was believed says nothing of what comes."""
        self._begun = self._state[BEGIN]
        self._belief = np.full(RATES.size, 1.0 / RATES.size)
        self._rate = 0.0  # per minute, where the belief is
        self._clarity = 0.0
        self._known_s: float | None = None  # time of the newest evidence

    def _design(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._n_tick = max(1, round(TICK_S * rate_hz))
        self._left = self._n_tick
        self._sections = np.concatenate(
            [bessel_lowpass(WAVE_HZ[self._stream.kind], rate_hz), bessel_lowpass(SLOW_HZ, rate_hz)]
        )
        self._unit = np.concatenate([settled(section[None], 1.0) for section in self._sections])
        self._memory = np.zeros((2, 2))
        self._ring = np.zeros(round((DUE_S + TICK_S + 3.5) * rate_hz) + 8)
        time_s = np.arange(WINDOW) * self._n_tick / rate_hz
        turn = 2.0 * np.pi * RATES[:, None] / 60.0 * time_s
        window = np.hanning(WINDOW + 2)[1:-1]
        self._cosine, self._sine = np.cos(turn) * window, np.sin(turn) * window
        ramp = np.linspace(-1.0, 1.0, WINDOW)
        self._trend = np.ascontiguousarray(np.linalg.qr(np.vander(ramp, 3))[0].T)
        away = (RATES[:, None] - RATES) / DRIFT
        spread = np.exp(-0.5 * away * away)
        self._spread = spread / spread.sum(axis=0)
        self._restart()

    def __call__(self, chunk: Chunk, quality: Floats, told: list[Beat | Withdrawn]) -> None:
        n = chunk.values.shape[0]
        if abs(chunk.rate_hz - self._rate_hz) > 0.1 * self._rate_hz:
            self._design(chunk.rate_hz)
        if chunk.is_start and n:
            self._begin(chunk.start_s)
        for item in told:
            if isinstance(item, Beat):
                self._pending.append(item.time_s)
            elif item.time_s in self._pending:
                self._pending.remove(item.time_s)
        x = np.ascontiguousarray(chunk.values[:, 0]) * self._sign
        dt = 1.0 / chunk.rate_hz
        first = 0
        while first < n:
            last = min(n, first + self._left)
            self._left -= last - first
            is_tick = self._left == 0
            take(
                x, quality, first, last, chunk.start_s, dt, is_tick, self._sections, self._unit, self._memory,
                self._state, self._ring, self._rows, self._times,
            )  # fmt: skip
            if is_tick:
                self._left = self._n_tick
                self._tick(chunk.start_s + (last - 1) * dt, dt)
            first = last
        if n:
            self._end_s = chunk.start_s + n * dt
            self._is_off = bool(quality[-1] <= 0.0)

    def _begin(self, start_s: float) -> None:
        """The samples do not continue those before: waves are cut, and after a long gap all is learned anew."""
        gap_s = start_s - self._end_s
        if not 0.0 <= gap_s <= BRIDGE_S:
            self._restart()
        tick_s, last = self._n_tick / self._rate_hz, int(self._state[TICKS]) - 1
        for k in range(1, round(gap_s / tick_s) + 1 if last >= 0 else 0):  # the columns that are missing
            self._rows[0, (last + k) % RING] = self._rows[0, last % RING]
            self._times[(last + k) % RING] = self._times[last % RING] + k * tick_s
            self._state[TICKS] += 1.0
        self._pending.clear()
        self._last_s = NEVER_S
        self._state[N] = self._state[IS_SET] = 0.0
        self._memory[:] = 0.0
        self._left = self._n_tick

    def _tick(self, now_s: float, dt: float) -> None:
        while self._pending and self._pending[0] + DUE_S <= now_s:
            time_s = self._pending.popleft()
            beat(
                time_s, self._last_s, now_s, dt, self._stream.kind == "ecg", self._state, self._ring, self._ibis,
                self._past, self._rows, self._times, self._measured,
            )  # fmt: skip
            self._last_s = time_s
        turn, n = self._turn, self._rows.shape[0]
        if turn == 0:
            if self._state[BEGIN] != self._begun:
                self._forget()
            filled = int(self._state[FILLED])
            if filled - self._begun < WINDOW or filled <= self._window:
                return
            self._window = filled
        self._turn = (turn + 1) % CYCLE
        if turn < n:
            top_hz = NYQUIST_SHARE / (2.0 * self._state[USUAL_S])
            share(
                self._rows[turn], self._window, RATES / 60.0, top_hz, self._trend, self._cosine, self._sine,
                self._shares[turn], self._facts[turn],
            )  # fmt: skip
        if turn == CYCLE - 1:
            self._conclude()

    def _conclude(self) -> None:
        """The rate that is believed in, and how clear it is: belief, power and the series' own peaks lie near it."""
        is_first = self._known_s is None
        fuse(self._shares, 1.0 if is_first else WEIGHT, self._spread, self._belief, self._mean)
        near = np.abs(RATES - RATES[np.argmax(self._belief)]) <= NEAR
        belief = float(self._belief[near].sum())
        rate = float(RATES[near] @ self._belief[near]) / belief
        column_s = self._n_tick / self._rate_hz
        rate -= float(self._facts[:, 0].mean()) * LOBE * (60.0 / (WINDOW * column_s)) ** 2 / rate
        first_s, last_s = self._times[(self._window - WINDOW) % RING], self._times[(self._window - 1) % RING]
        seen_s = max(float(last_s - first_s), column_s)
        self._rate = rate * (WINDOW - 1) * column_s / seen_s  # the true rate of sampling may differ
        agree = float(near[self._shares.argmax(axis=1)].mean())
        clarity = belief * math.sqrt(float(self._mean[near].sum()) * (1.0 - AGREE + AGREE * agree))
        swing = max(
            self._facts[:IN_UNIT, 1].max() / max(self._state[HEIGHT], 1e-12), self._facts[-1, 1] / self._state[USUAL_S]
        )
        if swing < SHALLOW:
            clarity = 0.0
        self._clarity += (FIRST if is_first else STEADY) * (clarity - self._clarity)
        self._known_s = float(last_s)

    def at(self, time_s: float) -> None:
        """Sets what stands at `time_s`."""
        self.breaths_per_min, self.quality = None, 0.0
        self.age_s = None if self._known_s is None else time_s - self._known_s
        if self._is_off:
            self.reason = "finger is off" if self._stream.kind == "ppg" else "the electrodes are off"
        elif self.age_s is None:
            self.reason = "learning your breath from the pulse"
        elif self.age_s > STALE_S:
            self.reason = "too few heart beats fit to show the breath"
        else:
            self.quality = min(max((self._clarity - DOUBTED) / (BELIEVED - DOUBTED), 0.0), 1.0)
            self.reason = "" if self.quality >= GOOD else "the breath hardly shows in the pulse"
            if self.quality >= GOOD:
                self.breaths_per_min = self._rate
