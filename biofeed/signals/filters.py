"""Second-order sections: design by formula, a compiled cascade that keeps its state, and the delay to add back.

Coefficients are (n_sections, 5): b0, b1, b2, a1, a2 with a0 = 1. Formulas: R. Bristow-Johnson, "Audio EQ cookbook".
"""

import cmath
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])

BUTTERWORTH_Q = 1.0 / math.sqrt(2.0)
BESSEL_Q = 1.0 / math.sqrt(3.0)  # second order: the flattest delay
BESSEL_SCALE = 1.2736  # second-order Bessel: natural frequency over -3 dB frequency
LARGEST = 1e30  # no measurement is larger in any unit; what is would stay in a filter for minutes
TOP = 0.45  # of the sampling rate: highest corner that a section is designed for


def compiled(function: F) -> F:
    """The function as a cached numba kernel; exact arithmetic, so equal inputs give equal bits."""
    return cast(F, numba.njit(cache=True, fastmath=False)(function))


def _section(kind: str, corner_hz: float, q: float, rate_hz: float) -> Floats:
    turn = 2.0 * math.pi * min(corner_hz, TOP * rate_hz) / rate_hz
    cosine, alpha = math.cos(turn), math.sin(turn) / (2.0 * q)
    side = (1.0 - cosine) / 2.0 if kind == "low" else (1.0 + cosine) / 2.0
    b = np.array([side, 2.0 * side if kind == "low" else -2.0 * side, side])
    return np.concatenate([b, [-2.0 * cosine, 1.0 - alpha]]) / (1.0 + alpha)


def bessel_lowpass(corner_hz: float, rate_hz: float) -> Floats:
    """A low-pass of order 2 with the same delay for all that passes; (1, 5)."""
    return _section("low", corner_hz * BESSEL_SCALE, BESSEL_Q, rate_hz)[None, :]


def highpass(corner_hz: float, rate_hz: float) -> Floats:
    """A Butterworth high-pass of order 2; (1, 5)."""
    return _section("high", corner_hz, BUTTERWORTH_Q, rate_hz)[None, :]


def delay_s(sections: Floats, rate_hz: float, at_hz: float) -> float:
    """Group delay of the cascade at a frequency, from the slope of its phase."""

    def response(hz: float) -> complex:
        z = cmath.exp(-2j * math.pi * hz / rate_hz)
        answer = complex(1.0)
        for b0, b1, b2, a1, a2 in sections.tolist():
            answer *= (b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)
        return answer

    step_hz = 1e-4 * rate_hz
    turn = cmath.phase(response(at_hz + step_hz) / response(at_hz - step_hz))
    return -turn / (4.0 * math.pi * step_hz)


@compiled
def section(c: Floats, z: Floats, value: float) -> float:
    """One sample through one section c (5,) with the memory z (2,)."""
    out: float = c[0] * value + z[0]
    z[0] = c[1] * value - c[3] * out + z[1]
    z[1] = c[2] * value - c[4] * out
    return out


@compiled
def _cascade(c: Floats, z: Floats, x: Floats, y: Floats) -> None:
    for i in range(x.shape[0]):
        v = x[i]
        for k in range(c.shape[0]):
            v = section(c[k], z[k], v)
        y[i] = v


class Cascade:
    """Sections with memory; the first sample after `reset` is taken to have stood there for ever."""

    def __init__(self, sections: Floats) -> None:
        self.sections = sections
        self._memory = np.zeros((sections.shape[0], 2))
        self._is_fresh = True

    def reset(self) -> None:
        self._is_fresh = True

    def __call__(self, x: Floats) -> Floats:
        """Filters (n,) samples; any cut of a stream gives the same result."""
        if x.shape[0] == 0:
            return np.empty(0)
        if self._is_fresh:
            self._is_fresh = False
            self._memory[:] = settled(self.sections, float(x[0]))
        y = np.empty(x.shape[0])
        _cascade(self.sections, self._memory, x, y)
        return y


def finite(x: Floats, quality: Floats, held: float) -> tuple[Floats, Floats]:
    """x (n,) and its quality, where what is no number is replaced by the last one (or `held`) and has quality 0."""
    is_number = np.abs(x) < LARGEST
    if is_number.all():
        return x, quality
    newest = np.maximum.accumulate(np.where(is_number, np.arange(x.shape[0]), -1))
    return np.where(newest < 0, held, x[newest]), np.where(is_number, quality, 0.0)


def settled(sections: Floats, value: float) -> Floats:
    """The memory (n_sections, 2) of a cascade that has seen `value` for ever."""
    memory = np.zeros((sections.shape[0], 2))
    for row, (b0, b1, b2, a1, a2) in zip(memory, sections.tolist(), strict=True):
        out = value * (b0 + b1 + b2) / (1.0 + a1 + a2)
        row[1] = b2 * value - a2 * out
        row[0] = b1 * value - a1 * out + row[1]
        value = out
    return memory
