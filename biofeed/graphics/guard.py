"""The last pass over the finished picture, as numbers: its luminance on a grid in, how far to calm it out.

It only ever makes the picture darker, flatter or less red. One gain for all of it is enough for every limit on light:
dimming everything alike scales every luminance, so a gain always exists that holds any upper limit (0 is black), and it
draws no edge and shifts no colour.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.graphics.stripes import Stripes
from biofeed.limits import (
    FLASH_DELTA,
    FLASH_FIELD,
    FLASH_FIELD_PART,
    FLASH_WINDOW_S,
    LUMINANCE_RISE_PER_S,
    MEAN_LUMINANCE,
    PEAK_LUMINANCE,
    RED_DELTA,
)
from biofeed.settings import bounded, check

GRID = (180, 320)  # cells (rows, columns): 0.1 degree where WCAG's 10 take a third; finer patterns may alternate
FLASH = 0.9 * FLASH_DELTA  # 8 bits, dither and what lies between cells need some room
LONGEST_STEP_S = 0.1  # a picture that stalled may not jump
RED_SEEN = 0.5 * RED_DELTA  # of saturated red in a cell: between two that are under this there is no transition
GAIN_STEPS = 10  # halvings by which a gain is sought: it is at most a thousandth lower than it had to be

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settings:
    """How calm the light is; it can be made calmer than the limits, never livelier."""

    rise_per_s: float = bounded(
        LUMINANCE_RISE_PER_S, 0.01, LUMINANCE_RISE_PER_S, "/s", "how fast the whole picture may brighten, of full range"
    )
    mean_max: float = bounded(
        MEAN_LUMINANCE["full"], 0.02, MEAN_LUMINANCE["full"], "1", "highest mean luminance of the picture"
    )
    peak_max: float = bounded(PEAK_LUMINANCE["full"], 0.05, PEAK_LUMINANCE["full"], "1", "highest luminance anywhere")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Correction:
    """What the last pass does to a picture, in this order; the one without arguments does nothing."""

    is_red: bool = False  # saturated reds are turned away from saturation, their luminance kept
    contrast: float = 1.0  # about `ground`
    ground: float = 0.0  # mean relative luminance
    gain: float = 1.0  # in linear light


NONE = Correction()


class Guard:
    """Holds five limits on what is shown; falling is always free, and the first picture rises from black.

    1. The picture's mean relative luminance rises at most `rise_per_s`, and stays under `mean_max`.
    2. In every field of a third by a third of the picture, less than a quarter of the cells rise by `FLASH` twice
       within `FLASH_WINDOW_S`, with a fall of `FLASH` between: at most one general flash (WCAG 2.2, 2.3.1) a second.
    3. No red is saturated (WCAG 2.2): where there is none, no transition to or from one can be.
    4. Regular stripes are faint.
    5. No luminance is over `peak_max`: the last pass clips there, always.

    A picture that holds them by itself is not touched.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._mean = 0.0
        self._eyes: tuple[_Cells, Stripes] | None = None  # for pictures of the last one's shape
        self.correction = NONE  # the last one given

    def __call__(self, dt_s: float, luminance: Floats, has_red: bool = False) -> Correction:
        """The correction of the picture that is about to be shown, `dt_s` after the one before.

        `luminance` (rows, columns) is its mean relative luminance by cell as drawn; what is not a number counts as
        white. `has_red` tells of cells in which R - G - B of saturated reds is `RED_SEEN` or more, in linear light.
        """
        dt_s = min(max(dt_s, 0.0), LONGEST_STEP_S)
        if self._eyes is None or self._eyes[0].shape != luminance.shape:
            rows, columns = luminance.shape
            self._eyes = _Cells(luminance.shape), Stripes((rows, columns))
        cells, stripes = self._eyes
        bright = cells.take(luminance)
        mean = float(bright.mean())
        contrast = stripes(dt_s, bright)
        if contrast < 1.0:
            bright *= np.float32(contrast)
            bright += np.float32((1.0 - contrast) * mean)
        allowed = min(self._mean + self._settings.rise_per_s * dt_s, self._settings.mean_max)
        gain = cells.most(dt_s, 1.0 if mean <= allowed else allowed / mean)
        self._mean = gain * mean
        cells.show(gain)
        is_calm = not has_red and contrast == gain == 1.0
        self.correction = NONE if is_calm else Correction(has_red, contrast, mean, gain)
        return self.correction


class _Cells:
    """What each cell has shown: whether it is up or down, its extreme since it turned, when it rose and offended.

    A luminance times its cell's sign grows while the cell goes on as it went last: so one comparison tells of either
    kind that it turns. The arrays stay, as new memory costs more than what is done with it.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._now_s = 0.0
        self._is_up = np.zeros(shape, dtype=bool)
        self._sign = np.full(shape, -1.0, np.float32)  # 1 of those that are up, -1 of those that are down
        self._extreme = np.zeros(shape, np.float32)  # times sign; of the up ones the peak, of the down ones the trough
        self._rose_s = np.full(shape, -math.inf)  # when the last rise of FLASH ended, shown or held back
        self._would_rise = np.zeros(shape, dtype=bool)
        self._offended_s = np.full(shape, -math.inf)  # when a rise was last shown that came too soon after another
        self._field = tuple(math.ceil(n / FLASH_FIELD) for n in shape)
        self._spared = math.ceil(FLASH_FIELD_PART * math.prod(self._field)) - 1  # of a field's cells: they may flash
        self._bright, self._signed, self._turned = (np.zeros(shape, np.float32) for _ in range(3))
        self._turns, self._goes_on = (np.zeros(shape, dtype=bool) for _ in range(2))

    def take(self, luminance: Floats) -> Floats:
        """The next picture, within 0..1; what is not a number is 1. It may be changed until `most` is asked for."""
        np.fmin(luminance, 1.0, out=self._bright)
        return np.maximum(self._bright, 0.0, out=self._bright)

    def most(self, dt_s: float, gain: float) -> float:
        """The highest gain up to that one with which every field keeps its promise, `dt_s` after the last picture."""
        self._now_s += dt_s
        self._compare()
        would_rise = self._turns & ~self._is_up
        would_before, self._would_rise = self._would_rise, would_rise
        if not would_rise.any():
            return gain
        is_held = would_rise & (self._rose_s > self._now_s - FLASH_WINDOW_S)
        self._rose_s[is_held & ~would_before] = self._now_s  # a rise that is tried counts: who goes on stays held
        has_offended = self._offended_s > self._now_s - FLASH_WINDOW_S
        if np.count_nonzero(is_held | has_offended) <= self._spared:
            return gain
        limit = np.where(is_held, np.float32(FLASH) - self._extreme, np.float32(math.inf))
        limit[has_offended] = -math.inf  # these are among the spared already
        if self._is_kept(gain * self._bright > limit):
            return gain
        low, high = 0.0, gain
        for _ in range(GAIN_STEPS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._is_kept(middle * self._bright > limit) else (low, middle)
        return low

    def show(self, gain: float) -> None:
        """Takes note of what is shown: the picture taken, with that gain."""
        if gain < 1.0:
            self._bright *= np.float32(gain)
            self._compare()
        np.greater(self._signed, self._extreme, out=self._goes_on)
        np.maximum(self._signed, self._extreme, out=self._extreme)
        self._goes_on &= self._is_up
        rises = self._turns & ~self._is_up
        if rises.any():
            self._offended_s[rises & (self._rose_s > self._now_s - FLASH_WINDOW_S)] = self._now_s
        np.copyto(self._rose_s, self._now_s, where=self._goes_on | rises)  # a rise that goes on has not ended yet
        if self._turns.any():
            self._extreme[self._turns] = -self._signed[self._turns]
            self._sign[self._turns] *= -1.0
            self._is_up ^= self._turns

    def _compare(self) -> None:
        """Which cells turn with the picture as it is."""
        np.multiply(self._bright, self._sign, out=self._signed)
        np.subtract(self._extreme, np.float32(FLASH), out=self._turned)
        np.less(self._signed, self._turned, out=self._turns)

    def _is_kept(self, violates: Bools) -> bool:
        """Whether every field has no more cells of that kind than are spared."""
        if np.count_nonzero(violates) <= self._spared:
            return True
        sums = np.zeros((self.shape[0] + 1, self.shape[1] + 1), np.int32)
        violates.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, out=sums[1:, 1:])
        rows, columns = self._field
        fields = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
        return int(fields.max()) <= self._spared
