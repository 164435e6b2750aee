"""Finished pictures in, one by one, at any rate; out come their flashes, stripes, light and flow, as `Figures`.

Pictures are (height, width, 3) uint8, display-encoded sRGB. Memory is bounded: a second of marks, and single pictures.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from biofeed import limits
from biofeed.certificates import Figures
from biofeed.certify.flashes import Cells, Flashes, GeneralFlashes, Marks, RedFlashes
from biofeed.graphics import measures
from biofeed.graphics.patterns import Patterns
from biofeed.sound.kernel import kernel

# Cells across the longer side at most, each the mean of its linear light. WCAG sees the picture 30 degrees wide, so one
# is 0.094 degrees: alternating squares of 0.05 degrees average out, as WCAG exempts them; those of 0.1 are still seen.
CELLS = 320
FAINT_RED = 0.1 * limits.RED_DELTA  # of max(0, R - G - B): below it a pixel is black, whatever the share of its red
STRIPES_EVERY_S = 0.1
FLOW_EVERY_S, FLOW_OVER_S = 0.5, 0.1  # a block of 24 cells is followed for 4: up to 5 degrees/s
FLOW_CELLS = 64  # pictures with a shorter side have too few of them to follow
PEAK_PERCENT = 99.9

_LINEAR = measures.linear(np.arange(256, dtype=np.uint8)).astype(np.float32)


class Analyser:
    """Takes pictures of one size in the order of time, and sums up what they did.

    `fps` says when a picture is shown where `add` is told no time. `has_flow` False leaves the slow part out: optical
    flow, for a display whose width fills `width_deg` of visual angle.
    """

    def __init__(
        self,
        size: tuple[int, int],
        fps: float,
        has_flow: bool = True,
        width_deg: float = measures.WIDTH_DEG,
        cells: int = CELLS,
    ) -> None:
        scale = min(1.0, cells / max(size))
        columns, rows = (max(1, round(n * scale)) for n in size)
        self._edges_y = np.linspace(0, size[1], rows + 1).round().astype(np.int64)
        self._edges_x = np.linspace(0, size[0], columns + 1).round().astype(np.int64)
        self._size = size
        self._fps = fps
        self._luminance: Cells = np.zeros((rows, columns), dtype=np.float32)
        self._redness: Cells = np.zeros((rows, columns), dtype=np.float32)
        self._saturated: Marks = np.zeros((rows, columns), dtype=np.uint8)
        self._general, self._red = GeneralFlashes((rows, columns)), RedFlashes((rows, columns))
        self._stripes = _Lasting((rows, columns))
        self._flow = _Flowing(width_deg) if has_flow and min(rows, columns) >= FLOW_CELLS else None
        self._n_pictures = 0
        self._first_s = self._last_s = 0.0
        self._lowest: deque[tuple[float, float]] = deque()  # the rising means of the last second, the lowest first
        self._mean = self._peak = self._rise = 0.0

    def add(self, rgb: npt.NDArray[np.uint8], time_s: float | None = None) -> None:
        """Takes the next picture, shown at `time_s` (later than the one before) or by the rate."""
        if rgb.shape != (self._size[1], self._size[0], 3):
            raise ValueError(f"a picture of the shape {rgb.shape} is not one of {self._size}")
        at_s = self._n_pictures / self._fps if time_s is None else time_s
        if self._n_pictures == 0:
            self._first_s = at_s
        self._n_pictures += 1
        self._last_s = at_s
        sums = _take(
            np.ascontiguousarray(rgb),
            _LINEAR,
            self._edges_y,
            self._edges_x,
            self._luminance,
            self._redness,
            self._saturated,
            limits.RED_SHARE,
            FAINT_RED,
        )
        self._light(at_s, sums / self._luminance.size)
        self._general.take(at_s, self._luminance)
        self._red.take(at_s, self._redness, self._saturated)
        self._stripes(at_s, self._luminance)
        if self._flow:
            self._flow(at_s, self._luminance)

    def figures(self) -> Figures:
        """What the pictures so far did."""
        general, red = self._general, self._red
        return Figures(
            pictures=self._n_pictures,
            seconds=round(self._last_s - self._first_s, 3),
            flashes=general.most,
            **dict(zip(("flashes_at_s", "flashes_x", "flashes_y"), _found(general), strict=True)),
            red_flashes=red.most,
            **dict(zip(("red_at_s", "red_x", "red_y"), _found(red), strict=True)),
            sustained_s=round(max(general.sustained_s, red.sustained_s), 3),
            stripes_s=round(self._stripes.longest_s, 3),
            stripe_pairs=round(self._stripes.pairs, 1),
            stripe_part=round(self._stripes.part, 3),
            mean=round(self._mean, 4),
            peak=round(self._peak, 4),
            rise_per_s=round(self._rise, 4),
            flow_deg_per_s=round(self._flow.fastest_deg_per_s, 3) if self._flow else -1.0,
            flow_found=round(self._flow.found, 3) if self._flow else -1.0,
        )

    def _light(self, at_s: float, mean: float) -> None:
        self._mean = max(self._mean, mean)
        if float(self._luminance.max()) > self._peak:
            self._peak = max(self._peak, float(np.percentile(self._luminance, PEAK_PERCENT)))
        lowest = self._lowest
        while lowest and lowest[0][0] <= at_s - 1.0:
            lowest.popleft()
        while lowest and lowest[-1][1] >= mean:
            lowest.pop()
        lowest.append((at_s, mean))
        self._rise = max(self._rise, mean - lowest[0][1])


class _Lasting:
    """How long regular stripes stay, and the pattern that filled most of a picture."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._look = Patterns(shape)
        self._next_s = -np.inf
        self._since_s: float | None = None
        self.longest_s = self.pairs = self.part = 0.0

    def __call__(self, at_s: float, luminance: Cells) -> None:
        if at_s < self._next_s:
            return
        self._next_s = at_s + STRIPES_EVERY_S - 1e-6
        pattern = self._look(luminance)
        if pattern and pattern.part > self.part:
            self.part, self.pairs = pattern.part, pattern.pairs
        if pattern is None or pattern.part < limits.STRIPE_PART:
            self._since_s = None
            return
        self._since_s = at_s if self._since_s is None else self._since_s
        self.longest_s = max(self.longest_s, at_s - self._since_s + 0.5 * STRIPES_EVERY_S)


class _Flowing:
    """The fastest flow between two pictures a tenth of a second apart, looked at twice a second."""

    def __init__(self, width_deg: float) -> None:
        self._width_deg = width_deg
        self._before: tuple[float, npt.NDArray[np.uint8]] | None = None
        self._next_s = -np.inf
        self.fastest_deg_per_s = 0.0
        self.found = 1.0

    def __call__(self, at_s: float, luminance: Cells) -> None:
        if self._before is None:
            if at_s >= self._next_s:
                self._before = at_s, _grey(luminance)
                self._next_s = at_s + FLOW_EVERY_S - 1e-6
            return
        since_s, before = self._before
        if at_s - since_s < FLOW_OVER_S - 1e-6:
            return
        self._before = None
        flow = measures.flow(before, _grey(luminance), at_s - since_s, self._width_deg)
        self.fastest_deg_per_s = max(self.fastest_deg_per_s, flow.p95)
        self.found = min(self.found, flow.matched)


def _grey(luminance: Cells) -> npt.NDArray[np.uint8]:
    return np.repeat(measures.encoded(luminance.astype(np.float64))[:, :, None], 3, axis=2)


def _found(flashes: Flashes) -> tuple[float, float, float]:
    if flashes.at_s is None or flashes.where is None:
        return -1.0, -1.0, -1.0
    return round(flashes.at_s, 3), round(flashes.where[0], 3), round(flashes.where[1], 3)


@kernel
def _take(
    rgb: npt.NDArray[np.uint8],
    linear: npt.NDArray[np.float32],  # (256,) of a code value
    edges_y: npt.NDArray[np.int64],
    edges_x: npt.NDArray[np.int64],
    luminance: Cells,
    redness: Cells,
    saturated: Marks,
    red_share: float,
    faint: float,
) -> float:
    """Fills the cells with the means of their pixels' linear light; returns the sum of all luminances."""
    total = 0.0
    rows, columns = luminance.shape
    for row in range(rows):
        for column in range(columns):
            r = g = b = np.float32(0.0)
            for y in range(edges_y[row], edges_y[row + 1]):
                for x in range(edges_x[column], edges_x[column + 1]):
                    r += linear[rgb[y, x, 0]]
                    g += linear[rgb[y, x, 1]]
                    b += linear[rgb[y, x, 2]]
            n = np.float32((edges_y[row + 1] - edges_y[row]) * (edges_x[column + 1] - edges_x[column]))
            r, g, b = r / n, g / n, b / n
            luminance[row, column] = np.float32(0.2126) * r + np.float32(0.7152) * g + np.float32(0.0722) * b
            redness[row, column] = max(np.float32(0.0), r - g - b)
            saturated[row, column] = 1 if r >= red_share * (r + g + b) and redness[row, column] >= faint else 0
            total += luminance[row, column]
    return total
