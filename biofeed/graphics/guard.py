"""The last pass over the finished picture, as numbers: cells of relative luminance in, one gain 0..1 for all of it out.

It only ever makes the picture darker. A single gain is enough for two promises: dimming everything alike scales every
luminance, so a gain always exists that holds any upper limit (0 is black), and it draws no edge and shifts no colour.
This is the place of the whole gate: red flashes, stripes and mean luminance caps join here, between the finished
picture and the screen, where no scene, setting or protocol can reach past them.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.settings import bounded, check

GRID = (18, 32)  # cells (rows, columns): one is 1/576 of the picture, far below the 1/36 that WCAG lets flash
FLASH = 0.09  # of full range; WCAG 2.2 counts opposing changes of 0.10, and 8 bits and dither need some room
FLASH_GAP_S = 1.0  # at most one flash a second; WCAG 2.2 fails more than 3
FIELD = 3  # WCAG's 10 degree field is a third of the width and of the height (341x256 of 1024x768)
FIELD_PART = 0.25  # of such a field may flash
LONGEST_STEP_S = 0.1  # a picture that stalled may not jump


@dataclass(frozen=True, slots=True)
class Settings:
    """How calm the light is; it can be made calmer than the limit of 10 % of full range per second, never livelier."""

    rise_per_s: float = bounded(0.10, 0.01, 0.10, "/s", "how fast the whole picture may brighten, of full range")

    def __post_init__(self) -> None:
        check(self)


class Guard:
    """Holds two limits on what is shown; falling is always free, and the first picture rises from black.

    1. The picture's mean relative luminance rises at most `rise_per_s`.
    2. In every field of a third by a third of the picture, less than a quarter of the cells rise by `FLASH` twice
       within `FLASH_GAP_S`, with a fall of `FLASH` between: at most one general flash (WCAG 2.2, 2.3.1) a second.

    A picture that holds both by itself gets exactly 1.0.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._mean = 0.0
        self._cells: _Cells | None = None
        self.gain = 1.0  # the last one given

    def __call__(self, dt_s: float, cells: npt.NDArray[np.floating]) -> float:
        """The gain (0..1, linear light) for the picture that is about to be shown, `dt_s` after the one before.

        `cells` (rows, columns) is its mean relative luminance by cell at gain 1; what is not a number counts as white.
        """
        bright = cells.astype(np.float64)
        if not 0.0 <= bright.min() <= bright.max() <= 1.0:  # also true of what is not a number
            bright = np.clip(np.where(np.isfinite(bright), bright, 1.0), 0.0, 1.0)
        dt_s = min(max(dt_s, 0.0), LONGEST_STEP_S)
        if self._cells is None or self._cells.shape != bright.shape:
            self._cells = _Cells(bright.shape)
        mean = float(bright.mean())
        allowed = self._mean + self._settings.rise_per_s * dt_s
        gain = 1.0 if mean <= allowed else allowed / mean
        gain = min(gain, self._cells.most(dt_s, bright))
        self._mean = gain * mean
        self._cells.show(gain * bright)
        self.gain = gain
        return gain


class _Cells:
    """What each cell has shown: whether it is up or down, its extreme since it turned, when it rose and offended."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._is_up = np.zeros(shape, dtype=bool)
        self._extreme = np.zeros(shape)  # the peak of those that are up, the trough of those that are down
        self._rose_s = np.full(shape, math.inf)  # since the last rise of FLASH ended, shown or held back
        self._would_rise = np.zeros(shape, dtype=bool)
        self._offended_s = np.full(shape, math.inf)  # since the last rise that came too soon after another
        self._field = tuple(max(1, round(n / FIELD)) for n in shape)
        self._spared = math.ceil(FIELD_PART * math.prod(self._field)) - 1  # cells of a field that may do as they like

    def most(self, dt_s: float, bright: npt.NDArray[np.float64]) -> float:
        """The highest gain with which every field keeps its promise, `dt_s` after the last picture shown."""
        self._rose_s += dt_s
        self._offended_s += dt_s
        would_rise = ~self._is_up & (bright > self._extreme + FLASH)
        is_held = would_rise & (self._rose_s < FLASH_GAP_S)
        self._rose_s[is_held & ~self._would_rise] = 0.0  # a rise that is tried counts: who goes on trying stays held
        self._would_rise = would_rise
        if not is_held.any():
            return 1.0
        fits = np.ones(self.shape)
        np.divide(self._extreme + FLASH, bright, out=fits, where=is_held)
        fits[self._offended_s < FLASH_GAP_S] = 0.0  # these are among the spared already
        fields = np.lib.stride_tricks.sliding_window_view(fits, self._field).reshape(-1, math.prod(self._field))
        return float(np.partition(fields, self._spared, axis=1)[:, self._spared].min())

    def show(self, shown: npt.NDArray[np.float64]) -> None:
        """Takes note of what is shown."""
        falls = self._is_up & (shown < self._extreme - FLASH)
        rises = ~self._is_up & (shown > self._extreme + FLASH + 1e-9)  # not by rounding in the gain
        self._offended_s[rises & (self._rose_s < FLASH_GAP_S)] = 0.0
        self._rose_s[rises | (self._is_up & (shown > self._extreme))] = 0.0  # a rise that goes on has not ended yet
        further = np.where(self._is_up, np.maximum(self._extreme, shown), np.minimum(self._extreme, shown))
        self._extreme = np.where(falls | rises, shown, further)
        self._is_up = (self._is_up | rises) & ~falls
