"""Regular light-dark stripes in a picture: relative luminance in; how many pairs, over which part of it, out.

Windows of several shapes (all of the picture, a quarter as a block, as a band and as a column) are seen as spectra.
Stripes and checks put their contrast into few narrow peaks, rings into a thin ring; clouds, leaves and noise spread it.
Where a window is regular, the picture is filtered to that pattern, and what part of it has its contrast is measured.
Every orientation, width and place counts, and forms that the pattern lies over do not hide it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft2, rfft2

from biofeed import limits

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Of a window's contrast, from a third of the pattern's fineness on (coarser are forms that it lies over): so much in
# at most two peaks, or in one thin ring of the spectrum, is regular. Noise with natural spectra (1/f^0 to 1/f^3) stays
# under 0.35 and 0.25, stripes have 0.65 to 1, checks and rings 0.6 to 0.8.
PEAKED, RINGED = 0.55, 0.65
LEAST_CELLS = 32  # along a picture's shorter side: in fewer, noise looks regular
LIT, LIT_PART = 0.8 * limits.STRIPE_LIGHT, 0.1  # luminance that so much of a window has, where stripes could be in it
PEAKS = 4  # the highest of a window's spectrum are looked at
EDGE = 0.6  # of the pattern's full contrast: where less of it is left, it has ended
WIDTH = 0.4  # of the filter, in finenesses: it lets see where the pattern ends, to half a pair
FAINT = 0.5 * limits.STRIPE_CONTRAST  # what `Pattern.faint` leaves of it


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular pattern."""

    pairs: float  # of light and dark, across the window
    part: float  # of the picture that has it at `limits.STRIPE_CONTRAST` or more, 0..1
    faint: float  # contrast about the picture's mean, 0..1, with which `FAINT` is left of it


class Patterns:
    """Looks for regular patterns in pictures of one shape (rows, columns)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        rows, columns = shape
        half, quarter = (rows // 2, columns // 2), (rows // 4, columns // 4)
        blocks = [(y, x) for y in (0, half[0] // 2, rows - half[0]) for x in (0, half[1] // 2, columns - half[1])]
        bands = [(round(y), 0) for y in np.linspace(0, rows - quarter[0], 7)]
        pillars = [(0, round(x)) for x in np.linspace(0, columns - quarter[1], 7)]
        self._shape = shape
        self._fy, self._fx = _frequencies(shape)
        self._looks: list[_Look] = []
        if min(shape) >= LEAST_CELLS:
            self._looks.append(_Look(shape, [(0, 0)], is_block=True))
            self._looks.append(_Look(half, blocks, is_block=True))
            self._looks.append(_Look((quarter[0], columns), bands))
            self._looks.append(_Look((rows, quarter[1]), pillars))
        self.n_looks = len(self._looks)

    def __call__(self, luminance: Floats) -> Pattern | None:
        """The first pattern that fills `STRIPE_PART` of the picture, else the one that fills most, else None."""
        found: Pattern | None = None
        for index in range(self.n_looks):
            for pattern in self.look(index, luminance):
                if pattern.part > (found.part if found else 0.0):
                    found = pattern
                if pattern.part >= limits.STRIPE_PART:
                    return found
        return found

    def look(self, index: int, luminance: Floats) -> list[Pattern]:
        """The patterns that the windows of one shape, of `n_looks`, show."""
        return [self._pattern(luminance, candidate) for candidate in self._looks[index](luminance)]

    def _pattern(self, luminance: Floats, candidate: "_Candidate") -> Pattern:
        """How far the candidate's pattern goes, and how strong it is."""
        fy, fx = self._fy[:, None], self._fx
        mean = float(luminance.mean())
        spectrum = rfft2(luminance - np.float32(mean))
        if candidate.at is None:
            off = np.hypot(fy, fx) - candidate.fineness
            keep = np.exp(-0.5 * (off / (WIDTH * candidate.fineness)) ** 2)
        else:
            width = WIDTH * candidate.fineness
            keep = np.zeros(spectrum.shape, np.float32)
            for y, x in candidate.at:
                for sign in (1.0, -1.0):
                    keep += np.exp(-0.5 * ((fy - sign * y) ** 2 + (fx - sign * x) ** 2) / width**2)
        pattern = irfft2(spectrum * np.minimum(keep, 1.0), s=self._shape)
        soften = np.exp(-2.0 * (math.pi * 0.5 / candidate.fineness) ** 2 * (fy**2 + fx**2))  # over half a pair
        swing = np.sqrt(2.0 * np.maximum(irfft2(rfft2(pattern**2) * soften, s=self._shape), 0.0))
        ground = mean + irfft2(spectrum * soften, s=self._shape)
        contrast = swing / np.maximum(ground, 1e-3)
        is_light = ground + swing >= limits.STRIPE_LIGHT
        if not is_light.any():
            return Pattern(candidate.pairs, 0.0, 1.0)
        full, full_swing = (float(np.percentile(x[is_light], 98.0)) for x in (contrast, swing))
        # The second holds on a ground that differs from place to place.
        has_it = (contrast >= EDGE * full) | (swing >= EDGE * full_swing)
        part = float((is_light & has_it & (contrast >= limits.STRIPE_CONTRAST)).mean())
        # With the contrast k about the mean m a swing s on a ground g becomes k s on m + k (g - m).
        over = float(np.percentile((swing - FAINT * (ground - mean))[is_light], 98.0))
        return Pattern(candidate.pairs, part, min(1.0, FAINT * mean / max(over, 1e-6)))


@dataclass(frozen=True, slots=True)
class _Candidate:
    share: float  # of its window's contrast
    pairs: float
    fineness: float  # cycles a cell
    at: tuple[tuple[float, float], ...] | None  # cycles a cell down and right, of one peak or two; None: a ring


class _Look:
    """Windows of one shape, each with its upper left corner."""

    def __init__(self, shape: tuple[int, int], corners: list[tuple[int, int]], is_block: bool = False) -> None:
        self._corners = corners
        self._is_block = is_block  # of the picture's own shape: rings and checks can be told there
        rows, columns = self._shape = shape
        self._window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1]).astype(np.float32)
        self._weight, self._energy = float(self._window.sum()), float((self._window**2).sum())
        self._fy, self._fx = _frequencies(shape)
        fineness = np.hypot(self._fy[:, None], self._fx)
        self._pairs = np.rint(np.abs(self._fy[:, None]) * rows + self._fx * columns)  # 5.5 and more may be 6
        self._step = 1.0 / min(rows, columns)  # rings are as thin as the window lets a pattern be sharp
        self._ring = np.rint(fineness / self._step).astype(np.int64)
        self._by_ring = np.argsort(self._ring, axis=None, kind="stable")
        self._starts = np.unique(self._ring.ravel()[self._by_ring], return_index=True)[1]
        signs = np.where((self._fx > 0.0) & (self._fx < 0.5), 2.0, 1.0)  # of a half spectrum
        self._signs = np.broadcast_to(signs, self._ring.shape).ravel()[self._by_ring].astype(np.float32)
        self._many = (self._pairs > limits.STRIPE_PAIRS).astype(np.float32)

    def __call__(self, luminance: Floats) -> list[_Candidate]:
        """The most regular peaks, and the most regular ring, of all windows, where they are regular enough."""
        rows, columns = self._shape
        windows = [luminance[y : y + rows, x : x + columns] for y, x in self._corners]
        windows = [part for part in windows if np.count_nonzero(part >= LIT) >= LIT_PART * part.size]
        if not windows:
            return []
        parts = np.stack(windows)
        mean = np.einsum("nyx,yx->n", parts, self._window) / self._weight
        parts = (parts - mean[:, None, None]) * self._window
        varies = np.einsum("nyx,nyx->n", parts, parts) > (0.3 * limits.STRIPE_CONTRAST * mean) ** 2 * self._energy
        if not varies.any():
            return []
        spectrum = rfft2(parts[varies])
        power = spectrum.real**2 + spectrum.imag**2
        sorted_power = np.take(power.reshape(len(power), self._ring.size), self._by_ring, axis=1) * self._signs
        rings = np.add.reduceat(sorted_power, self._starts, axis=1)
        above = np.maximum(np.cumsum(rings[:, ::-1], axis=1)[:, ::-1], 1e-12)  # what is as fine or finer
        # Half of what counts: a fainter one is none.
        faint = (0.5 * limits.STRIPE_CONTRAST * mean[varies]) ** 2 * self._energy * rows * columns / 2.0
        found = [self._peaks(power, above, faint)]
        found += [self._ring_of(rings, above, faint)] if self._is_block else []
        return [it for it, least in zip(found, (PEAKED, RINGED), strict=False) if it and it.share >= least]

    def _peaks(self, power: Floats, above: Floats, faint: Floats) -> _Candidate | None:
        """The peak, or two, with the highest share of a window's contrast; power (windows, rows, columns)."""
        ratio = power / np.take(above, self._ring // 3, axis=1) * self._many
        # A peak is the highest of nine that share what it has, on either side of the spectrum.
        least = PEAKED / 9.0 / 2.0 / (2.0 if self._is_block else 1.0)
        hopeful = ratio.max(axis=(1, 2)) >= least
        if not hopeful.any():
            return None
        power, above, faint, ratio = power[hopeful], above[hopeful], faint[hopeful], ratio[hopeful]
        n, rows, columns = power.shape
        window, two, at = np.arange(n), np.arange(-2, 3), np.s_[:, None, None]
        found = []
        for _ in range(PEAKS):
            y, x = np.divmod(ratio.reshape(n, rows * columns).argmax(axis=1), columns)
            around = _around(power, y, x)
            near = around.sum(axis=1)
            is_peak = power[window, y, x] >= around.max(axis=1)
            rest = above[window, self._ring[y, x] // 3]
            found.append((y, x, near, np.where(is_peak, 2.0 * near / rest, 0.0)))
            for sign in (1, -1):  # a peak near the left edge is seen from the other side, too
                down, across = sign * (y[at] + two[:, None]) % rows, sign * (x[at] + two)
                is_there = (across >= 0) & (across < columns)
                ratio[window[at], np.where(is_there, down, y[at]), np.where(is_there, across, x[at])] = 0.0
        shares = np.stack([np.where(2.0 * near >= faint, share, 0.0) for _, _, near, share in found])
        first = shares.argmax(axis=0)
        told = []
        for k in range(n):
            y, x, near, _ = (column[k] for column in found[first[k]])
            total, peaks = float(shares[first[k], k]), [(float(self._fy[y]), float(self._fx[x]))]
            others = [it for i, it in enumerate(found) if i != first[k]] if self._is_block else []
            fine = [it for it in others if self._ring[it[0][k], it[1][k]] >= 0.7 * self._ring[y, x]]
            if total > 0.0 and fine:
                y2, x2, near2, share2 = (column[k] for column in max(fine, key=lambda it: float(it[2][k])))
                total += min(float(near2), float(near)) / max(float(near2), 1e-12) * float(share2)
                if near2 > 0.5 * near:
                    peaks.append((float(self._fy[y2]), float(self._fx[x2])))
            fineness = float(np.hypot(self._fy[y], self._fx[x]))
            told.append(_Candidate(total, float(self._pairs[y, x]), fineness, tuple(peaks)))
        return max(told, key=lambda it: it.share, default=None)

    def _ring_of(self, rings: Floats, above: Floats, faint: Floats) -> _Candidate:
        """The thin ring with the highest share of a window's contrast; rings (windows, rings)."""
        thin = rings.copy()
        thin[:, 1:] += rings[:, :-1]
        thin[:, :-1] += rings[:, 1:]
        at = np.arange(rings.shape[1])
        # So many across the shorter side: coarser rings are as well told as stripes.
        counts = (at > limits.STRIPE_PAIRS) & (thin >= faint[:, None])
        counts[:, 1:-1] &= (rings[:, 1:-1] >= rings[:, :-2]) & (rings[:, 1:-1] >= rings[:, 2:])
        share = np.where(counts, thin / above[:, at // 3], 0.0)
        _, ring = np.unravel_index(int(share.argmax()), share.shape)
        return _Candidate(float(share.max()), float(ring), float(ring) * self._step, None)


def _around(power: Floats, y: Ints, x: Ints) -> Floats:
    """Of half spectra (windows, rows, columns): one place of each and its eight neighbours, (windows, 9)."""
    n, rows, columns = power.shape
    down, across = y[:, None, None] + np.arange(-1, 2)[:, None], x[:, None, None] + np.arange(-1, 2)
    down, across = np.where(across < 0, -down, down) % rows, np.abs(across)  # what lies left of the first column
    near = power[np.arange(n)[:, None, None], down, np.minimum(across, columns - 1)]
    return np.asarray((near * (across < columns)).reshape(n, 9))


def _frequencies(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Cycles a cell, down and right, of a half spectrum."""
    return np.fft.fftfreq(shape[0]).astype(np.float32), np.fft.rfftfreq(shape[1]).astype(np.float32)
