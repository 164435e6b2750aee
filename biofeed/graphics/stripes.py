"""Whether a picture holds regular stripes: its relative luminance on a grid in, the contrast that it may keep out.

Lines through the picture are looked at: along stripes at any angle, checks and gratings a line's change lies in one
narrow band, or repeats itself, and does so alike in many lines, which leaves, waves and clouds do not.
"""

import numpy as np
import numpy.typing as npt

from biofeed.limits import STRIPE_CONTRAST, STRIPE_PAIRS, STRIPE_PART

LOOK_S = 0.1  # between looks
FALL_S = 0.3  # from full contrast to none: with one look before it, within the half second of `limits.STRIPE_S`
RISE_S = 5.0  # and back
EVERY = 8  # cells between two lines
NARROW = 0.58  # of a line's change in one band: then it is regular
REPEATED = 0.8  # of a line's likeness to itself, a pair further on, over that half a pair further on: then it is, too
COARSE = 3  # changes slower than so many pairs a line are forms, not stripes
SHORTEST = 100  # cells of a line: in fewer, noise looks regular
DARK = 0.002  # mean relative luminance of a line in which no stripes are seen

Floats = npt.NDArray[np.floating]


class Stripes:
    """Looks now and then; what it gives moves smoothly, and is exactly 1.0 while there are none."""

    def __init__(self) -> None:
        self.contrast = 1.0
        self._kept = 1.0  # where the contrast goes
        self._waited_s = LOOK_S

    def __call__(self, dt_s: float, luminance: Floats) -> float:
        """The contrast (0..1) about the mean for the picture that is `dt_s` after the one before; (rows, columns)."""
        self._waited_s += dt_s
        if self._waited_s >= LOOK_S:
            self._waited_s = 0.0
            strongest = max(regular_contrast(grid[EVERY // 2 :: EVERY]) for grid in (luminance, luminance.T))
            self._kept = min(1.0, 0.8 * STRIPE_CONTRAST / strongest) if strongest > 0.0 else 1.0
        low, high = self.contrast - dt_s / FALL_S, self.contrast + dt_s / RISE_S
        self.contrast = min(max(self._kept, low), high)
        return self.contrast


def regular_contrast(lines: Floats) -> float:
    """Michelson contrast of regular stripes along those lines (n, cells), 0 where fewer than a quarter have any."""
    n = lines.shape[1]
    if n < SHORTEST:
        return 0.0
    mean = lines.mean(axis=1)
    window = np.hanning(n)
    power = np.abs(np.fft.rfft((lines - mean[:, None]) * window, axis=1)) ** 2
    power[:, :COARSE] = 0.0
    low, high = np.percentile(lines, (5.0, 95.0), axis=1)
    # Of the line, and of what changes along it faster than its forms do: the amplitude of as strong a sine.
    amplitude = np.sqrt(4.0 * power.sum(axis=1) / (n * (window**2).sum()))
    contrast = np.minimum((high - low) / np.maximum(high + low, 2.0 * DARK), amplitude / np.maximum(mean, DARK))
    pairs = np.where(contrast > STRIPE_PART * STRIPE_CONTRAST, np.maximum(_narrow(power), _repeated(power, window)), 0)
    alike = np.convolve(np.bincount(pairs[pairs > 0], minlength=n), np.ones(3), mode="same")  # pairs, to one
    return float(contrast[pairs > 0].max()) if alike.max() > STRIPE_PART * len(lines) else 0.0


def _narrow(power: Floats) -> npt.NDArray[np.int64]:
    """Pairs along each line whose change lies in one narrow band, 0 for the others."""
    band = power.copy()
    band[:, 1:] += power[:, :-1]
    band[:, :-1] += power[:, 1:]
    at = band[:, STRIPE_PAIRS + 1 :].argmax(axis=1) + STRIPE_PAIRS + 1
    share = np.take_along_axis(band, at[:, None], axis=1)[:, 0] > NARROW * power.sum(axis=1)
    return np.where(share, at, 0)


def _repeated(power: Floats, window: Floats) -> npt.NDArray[np.int64]:
    """Pairs along each line that is alike a pair and two pairs further on, and not half-way; 0 for the others."""
    n = window.size
    reach = n // 3 + 2
    whole = np.fft.irfft(power, n, axis=1)[:, :reach]
    fading = np.fft.irfft(np.abs(np.fft.rfft(window)) ** 2, n)[:reach] / (window**2).sum()
    alike = whole / np.maximum(whole[:, :1], 1e-12) / fading
    lags = np.arange(4, n // (STRIPE_PAIRS + 1) + 1)
    comb = alike[:, lags] + alike[:, 2 * lags] - alike[:, lags // 2] - alike[:, lags + lags // 2]
    best = comb.argmax(axis=1)
    is_alike = np.take_along_axis(comb, best[:, None], axis=1)[:, 0] > 2.0 * REPEATED
    return np.where(is_alike, np.rint(n / lags[best]).astype(np.int64), 0)
