"""Beats of a pulse wave: samples go in, rows of told and withdrawn beats come out, on session time.

Bessel low-pass, sum of the rising slope over one upstroke (Zong et al. 2003), thresholds that follow the person. The
fiducial is the upstroke's half height, which scatters least; a beat is told where the upstroke levels off.
"""

import numpy as np

from biofeed.signals.filters import Cascade, Floats, bessel_lowpass, delay_s
from biofeed.signals.ppg_kernel import (
    CAN_TURN,
    CONFIG_SIZE,
    DELAY_S,
    LAST_S,
    N_RINGS,
    N_SHAPE,
    SIGN,
    SIZE,
    STOOD_S,
    WIDTH,
    N,
    detect,
    forget_level,
)
from biofeed.signals.rings import NEVER_S

CORNER_HZ = 8.0  # upstroke energy lies below
SUM_S = 0.12  # about one upstroke
RING_S = 1.0  # a shape and the wait for the second look
SHORT_GAP_S = 2.0  # level and shape outlive a gap shorter than this


class PpgDetector:
    """One pulse stream's beats; polarity +1: rises with blood volume, -1: falls, 0: learn it."""

    def __init__(self, rate_hz: float, polarity: int = 0) -> None:
        self._polarity = polarity
        self._levels = np.zeros(8)
        self._waiting = np.zeros((4, 3))
        self._template = np.zeros(N_SHAPE)
        self._state = np.zeros(SIZE)
        self._state[LAST_S] = self._state[STOOD_S] = NEVER_S
        self._state[SIGN] = -1.0 if polarity < 0 else 1.0
        self._design(rate_hz)

    def _design(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        sections = bessel_lowpass(CORNER_HZ, rate_hz)
        self._filter = Cascade(sections)
        self._rings = np.zeros((N_RINGS, round(RING_S * rate_hz) + 8))
        self._config = np.zeros(CONFIG_SIZE)
        self._config[WIDTH] = max(2, round(SUM_S * rate_hz))
        self._config[DELAY_S] = delay_s(sections, rate_hz, 3.0)
        self._config[CAN_TURN] = self._polarity == 0
        self._state[N] = 0.0

    def restart(self, gap_s: float) -> None:
        """After a hole of `gap_s`: filters and sums are forgotten; level and shape outlive a short one."""
        self._filter.reset()
        self._state[N] = 0.0
        if not 0.0 <= gap_s < SHORT_GAP_S:
            forget_level(self._state)

    def __call__(self, x: Floats, quality: Floats, start_s: float, rate_hz: float) -> Floats:
        """x (n,), finite, and its quality (n,); returns rows (m, 4): time_s, quality, known_s, is_withdrawn.

        time_s is the fiducial's, known_s that of the sample at which the row became known. A row with is_withdrawn = 1
        takes back the beat told at exactly its time_s, within half a second of telling it.
        """
        if x.shape[0] == 0:
            return np.empty((0, 4))
        if abs(rate_hz - self._rate_hz) > 0.1 * self._rate_hz:
            self._design(rate_hz)
        rows = np.empty((3 * x.shape[0], 4))
        found = detect(
            self._filter(x),
            quality,
            start_s,
            1.0 / rate_hz,
            self._config,
            self._state,
            self._rings,
            self._levels,
            self._waiting,
            self._template,
            rows,
        )
        return rows[:found]
