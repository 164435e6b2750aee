"""Regular light-dark stripes in a finished picture: relative luminance in; how many pairs, over which part of it, out.

Windows of several shapes (all of the picture, a quarter as a block, as a band and as a column) are seen as spectra.
Stripes and checks put their contrast into few narrow peaks, rings into a thin ring; clouds, leaves and noise spread it.
Where a window is regular, the picture is filtered to that pattern, and what part of it has its contrast is measured.
Every orientation, width and place counts, and forms that the pattern lies over do not hide it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed import limits

Floats = npt.NDArray[np.float64]

# Of a window's contrast, from a third of the pattern's fineness on (coarser are forms that it lies over): so much in
# at most two peaks, or in one thin ring of the spectrum, is regular. Noise with natural spectra (1/f^0 to 1/f^3) stays
# under 0.35 and 0.25, stripes have 0.65 to 1, checks and rings 0.6 to 0.8.
PEAKED, RINGED = 0.55, 0.65
SLACK_PAIRS = 0.5  # a spectrum's lines are whole pairs: 5.5 and more may be 6
EDGE = 0.6  # of the pattern's full contrast: where less of it is left, it has ended
WIDTH = 0.4  # of the filter, in finenesses: it lets see where the pattern ends, to half a pair


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular pattern: light-dark pairs across the window, the part of the picture that has it, its contrast."""

    pairs: float
    part: float  # 0..1
    contrast: float  # Michelson


class Stripes:
    """Looks for regular patterns in pictures of one shape (rows, columns)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        rows, columns = shape
        half, quarter = (rows // 2, columns // 2), (rows // 4, columns // 4)
        blocks = [(y, x) for y in (0, half[0] // 2, rows - half[0]) for x in (0, half[1] // 2, columns - half[1])]
        bands = [(round(y), 0) for y in np.linspace(0, rows - quarter[0], 7)]
        pillars = [(0, round(x)) for x in np.linspace(0, columns - quarter[1], 7)]
        self._shape = shape
        self._fy, self._fx = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)  # cycles a cell
        self._looks = [
            _Look(shape, [(0, 0)], is_block=True),
            _Look(half, blocks, is_block=True),
            _Look((quarter[0], columns), bands),
            _Look((rows, quarter[1]), pillars),
        ]

    def __call__(self, luminance: Floats) -> Pattern | None:
        """The first pattern that fills `STRIPE_PART` of the picture, else the one that fills most, else None."""
        found: Pattern | None = None
        for look in self._looks:
            for candidate in look(luminance):
                part, contrast = self._extent(luminance, candidate)
                if part > (found.part if found else 0.0):
                    found = Pattern(candidate.pairs, part, contrast)
                if part >= limits.STRIPE_PART:
                    return found
        return found

    def _extent(self, luminance: Floats, candidate: "_Candidate") -> tuple[float, float]:
        """The part of the picture that holds the candidate's pattern, and its contrast there."""
        fy, fx = self._fy[:, None], self._fx
        spectrum = np.fft.rfft2(luminance - luminance.mean())
        if candidate.at is None:
            off = np.hypot(fy, fx) - candidate.fineness
            keep = np.exp(-0.5 * (off / (WIDTH * candidate.fineness)) ** 2)
        else:
            width = WIDTH * candidate.fineness
            keep = np.zeros(spectrum.shape)
            for y, x in candidate.at:
                for sign in (1.0, -1.0):
                    keep += np.exp(-0.5 * ((fy - sign * y) ** 2 + (fx - sign * x) ** 2) / width**2)
        pattern = np.fft.irfft2(spectrum * np.minimum(keep, 1.0), s=self._shape)
        soften = np.exp(-2.0 * (np.pi * 0.5 / candidate.fineness) ** 2 * (fy**2 + fx**2))  # over half a pair
        swing = np.sqrt(2.0 * np.maximum(np.fft.irfft2(np.fft.rfft2(pattern**2) * soften, s=self._shape), 0.0))
        ground = luminance.mean() + np.fft.irfft2(spectrum * soften, s=self._shape)
        contrast = swing / np.maximum(ground, 1e-3)
        is_light = ground + swing >= limits.STRIPE_LIGHT
        if not is_light.any():
            return 0.0, 0.0
        full, full_swing = (float(np.percentile(x[is_light], 98.0)) for x in (contrast, swing))
        has_it = (contrast >= EDGE * full) | (
            swing >= EDGE * full_swing
        )  # on a ground that differs from place to place
        return float((is_light & has_it & (contrast >= limits.STRIPE_CONTRAST)).mean()), full


@dataclass(frozen=True, slots=True)
class _Candidate:
    pairs: float
    fineness: float  # cycles a cell
    at: tuple[tuple[float, float], ...] | None  # cycles a cell down and right, of one peak or two; None: a ring


class _Look:
    """Windows of one shape, each with its upper left corner."""

    def __init__(self, shape: tuple[int, int], corners: list[tuple[int, int]], is_block: bool = False) -> None:
        self._corners = corners
        self._is_block = is_block  # of the picture's own shape: rings and checks can be told there
        rows, columns = self._shape = shape
        self._window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
        self._fy, self._fx = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)
        self._fineness = np.hypot(self._fy[:, None], self._fx)
        self._pairs = np.abs(self._fy[:, None]) * rows + self._fx * columns
        self._signs = np.where((self._fx > 0.0) & (self._fx < 0.5), 2.0, 1.0)  # of a half spectrum
        self._step = 1.0 / min(rows, columns)  # rings are as thin as the window lets a pattern be sharp
        self._ring = np.rint(self._fineness / self._step).astype(np.int64)
        least = limits.STRIPE_PAIRS + SLACK_PAIRS
        self._many = self._pairs >= least
        self._first_ring = math.ceil(least)  # across the shorter side: coarser rings are as well told as stripes

    def __call__(self, luminance: Floats) -> list[_Candidate]:
        """The most regular peaks, and the most regular ring, of all windows, where they are regular enough."""
        rows, columns = self._shape
        best: dict[bool, tuple[float, _Candidate]] = {}
        for y, x in self._corners:
            part = luminance[y : y + rows, x : x + columns]
            mean = float((part * self._window).sum() / self._window.sum())
            if part.max() < limits.STRIPE_LIGHT or part.std() < 0.3 * limits.STRIPE_CONTRAST * mean:
                continue
            power = np.abs(np.fft.rfft2((part - mean) * self._window)) ** 2
            rings = np.bincount(self._ring.ravel(), (power * self._signs).ravel()).astype(np.float64)
            above = np.maximum(np.cumsum(rings[::-1])[::-1], 1e-12)  # what is as fine or finer
            faint = (0.5 * limits.STRIPE_CONTRAST * mean) ** 2 * float((self._window**2).sum()) * part.size / 2.0
            judged = [self._peaks(power, above, faint)]
            judged += [self._rings(rings, above, faint)] if self._is_block else []
            for share, candidate in judged:
                is_ring = candidate.at is None
                if share >= (RINGED if is_ring else PEAKED) and share > best.get(is_ring, (0.0, None))[0]:
                    best[is_ring] = share, candidate
        return [candidate for _, candidate in best.values()]

    def _peaks(self, power: Floats, above: Floats, faint: float) -> tuple[float, _Candidate]:
        """The share of contrast that two peaks have, 0 where they are fainter than half of what counts."""
        near = _near(power)
        rest = above[self._ring // 3]
        share = np.where(self._many & (power >= _highest(power)), 2.0 * near / rest, 0.0)
        y, x = (int(n) for n in np.unravel_index(int(share.argmax()), share.shape))
        others = np.where(self._ring >= 0.7 * self._ring[y, x], near, 0.0)
        others[_around(y, x, power.shape)] = 0.0
        if x <= 2:
            others[_around(-y, x, power.shape)] = 0.0  # the same peak, seen from the other side
        y2, x2 = (int(n) for n in np.unravel_index(int(others.argmax()), others.shape))
        second = min(float(others[y2, x2]), float(near[y, x])) if self._is_block else 0.0
        at = [(float(self._fy[y]), float(self._fx[x]))]
        if second > 0.5 * near[y, x]:
            at.append((float(self._fy[y2]), float(self._fx[x2])))
        total = float(share[y, x] + 2.0 * second / rest[y, x]) if 2.0 * near[y, x] >= faint else 0.0
        return total, _Candidate(float(self._pairs[y, x]), float(self._fineness[y, x]), tuple(at))

    def _rings(self, rings: Floats, above: Floats, faint: float) -> tuple[float, _Candidate]:
        """The share of contrast that one thin ring has, 0 where it is fainter than half of what counts."""
        thin = rings.copy()
        thin[1:] += rings[:-1]
        thin[:-1] += rings[1:]
        at = np.arange(rings.size)
        counts = (at >= self._first_ring) & (thin >= faint)
        counts[1:-1] &= (rings[1:-1] >= rings[:-2]) & (rings[1:-1] >= rings[2:])
        share = np.where(counts, thin / above[at // 3], 0.0)
        best = int(share.argmax())
        fineness = max(best, 1) * self._step
        return float(share[best]), _Candidate(float(best), fineness, None)


def _near(power: Floats) -> Floats:
    """Each place of a half spectrum with its eight neighbours."""
    wide = _widened(power)
    lines = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return np.asarray(lines + np.roll(lines, 1, axis=0) + np.roll(lines, -1, axis=0), dtype=np.float64)


def _highest(power: Floats) -> Floats:
    """The highest of each place of a half spectrum and its eight neighbours."""
    wide = _widened(power)
    lines = np.maximum(np.maximum(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])
    return np.asarray(np.maximum(np.maximum(lines, np.roll(lines, 1, axis=0)), np.roll(lines, -1, axis=0)))


def _widened(power: Floats) -> Floats:
    """With what lies left of the first column, and nothing right of the last."""
    left = np.roll(power[::-1, 1], 1)[:, None]
    return np.concatenate((left, power, np.zeros((power.shape[0], 1))), axis=1)


def _around(y: int, x: int, shape: tuple[int, int]) -> tuple[npt.NDArray[np.int64], slice]:
    return (np.arange(y - 2, y + 3) % shape[0])[:, None], slice(max(0, x - 2), x + 3)
