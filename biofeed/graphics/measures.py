"""What can be said of a finished picture in numbers: luminance, colour, motion between two of them, fractal dimension.

Pictures come in as `Renderer.read` gives them: (height, width, 3) uint8, display-encoded sRGB, the top row first.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

WIDTH_DEG = 40.0  # of visual angle that a picture fills where nothing else is said: a large screen at two metres

# OKLab (Ottosson 2020, bottosson.github.io/posts/oklab): linear sRGB -> cones, cube root, -> lightness and two hues.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

# Viénot, Brettel, Mollon (1999), doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3: linear sRGB to cone
# responses, and the one that is missing told from the two that are left, so that white and blue stay as they are.
_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
_LACKING = {
    "deuteranope": np.array([[1.0, 0.0, 0.0], [0.494207, 0.0, 1.24827], [0.0, 0.0, 1.0]]),
    "protanope": np.array([[0.0, 2.02344, -2.52581], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
}
DICHROMATS = tuple(_LACKING)

# Motion is sought block by block, in a picture 256 px wide that shows 40 degrees: a block is then 3.75 degrees wide.
_BLOCK_PX, _REACH_PX = 24, 4  # blocks overlap their neighbours by half; so far is each one looked for
_FLOOR = 0.006  # added to luminance before the logarithm: one code value in the dark is no texture
_TEXTURE = (
    0.05  # rms of log luminance in a block: softer ones show the dither of 8 bits, and a light that comes and goes
)
_LIKENESS = 0.75  # correlation that two blocks need to be the same thing, seen twice
_AT_REST = 0.0015  # correlation per px^2 by which the shorter of two equal ways wins: along an edge there are many


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Optical flow between two pictures: the speed of each block that has a texture to tell it by."""

    deg_per_s: Floats  # (n_blocks,)
    textured: float  # 0..1: part of all blocks that had a texture in both pictures
    matched: float  # 0..1: part of these that were found again; the rest changed, or went further than was looked

    @property
    def p95(self) -> float:
        """The speed that 95 of 100 blocks keep below; 0 when none could be told."""
        return float(np.percentile(self.deg_per_s, 95.0)) if self.deg_per_s.size else 0.0

    @property
    def most(self) -> float:
        """The fastest block."""
        return float(self.deg_per_s.max(initial=0.0))


def linear(rgb: Bytes) -> Floats:
    """Linear light 0..1 of sRGB code values (IEC 61966-2-1), same shape."""
    x = rgb / 255.0
    return np.asarray(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4), dtype=np.float64)


def encoded(light: Floats) -> Bytes:
    """sRGB code values of linear light, clipped to 0..1, same shape."""
    c = np.clip(light, 0.0, 1.0)
    v = np.where(c <= 0.0031308, c * 12.92, 1.055 * c ** (1.0 / 2.4) - 0.055)
    return np.rint(255.0 * v).astype(np.uint8)


def luminance(rgb: Bytes) -> Floats:
    """Relative luminance 0..1, (height, width)."""
    return np.asarray(linear(rgb) @ [0.2126, 0.7152, 0.0722], dtype=np.float64)


def oklab(light: Floats) -> Floats:
    """OKLab of linear light, (..., 3) each: lightness 0..1, green-red and blue-yellow about -0.4..0.4."""
    return np.asarray(np.cbrt(light @ TO_CONES.T) @ TO_LAB.T, dtype=np.float64)


def mean_colour(rgb: Bytes) -> Floats:
    """OKLab (3,) of the picture's mean light, as it falls on the wall behind."""
    return oklab(linear(rgb).reshape(-1, 3).mean(axis=0))


def as_seen_by(dichromat: str, rgb: Bytes) -> Bytes:
    """The picture as a `DICHROMATS` eye tells it apart (Viénot 1999): what looks the same there is the same here."""
    matrix = np.linalg.inv(_TO_LMS) @ _LACKING[dichromat] @ _TO_LMS
    return encoded(linear(rgb) @ matrix.T)


def reduced(rgb: Bytes, size: tuple[int, int]) -> Floats:
    """Mean linear light of each cell of a coarser picture (width, height): (height, width, 3)."""
    light = linear(rgb)
    for axis, n in ((0, size[1]), (1, size[0])):
        edges = np.linspace(0, light.shape[axis], n + 1).round().astype(np.int64)
        light = np.add.reduceat(light, edges[:-1], axis=axis) / np.diff(edges).reshape(-1, *[1] * (2 - axis))
    return light


def flow(before: Bytes, after: Bytes, dt_s: float, width_deg: float = WIDTH_DEG) -> Flow:
    """How fast things move from one picture to the other, where the picture's width fills `width_deg` of visual angle.

    Light that changes is not motion: blocks of log luminance, without their slow gradients, are found again by
    normalised correlation, so neither a brighter nor a flatter picture moves. Forms with edges softer than a degree
    and nothing in them are not followed. Made for pictures about 256 px wide; displacements up to 4 px are found, to
    a tenth of a pixel.
    """
    a, b = _texture(before), _texture(after)
    around = range(-_REACH_PX, _REACH_PX + 1)
    likeness = np.array([[_likeness(a, b, y, x) for x in around] for y in around])
    itself = np.array([[_likeness(a, a, y, x) for x in (-1, 0, 1)] for y in (-1, 0, 1)])
    textured = np.minimum(_contrast(_shifted(a, 0, 0)), _contrast(_shifted(b, 0, 0))) > _TEXTURE
    way = np.array([[y * y + x * x for x in around] for y in around])
    chosen = likeness[:, :, textured]
    y, x, peak = _peaks(chosen, chosen - _AT_REST * way[:, :, None])
    # A block cuts its texture off where it ends, which bends the peak; the same picture twice tells by how much.
    near = slice(_REACH_PX - 1, _REACH_PX + 2)
    bend_y, bend_x, _ = _peaks(itself[:, :, textured], itself[:, :, textured] - _AT_REST * way[near, near, None])
    y, x = y - bend_y, x - bend_x
    known = peak > _LIKENESS
    deg_per_px = width_deg / before.shape[1]
    speed = np.hypot(x, y)[known] * deg_per_px / dt_s
    return Flow(speed, float(textured.mean()), float(known.mean()) if known.size else 1.0)


def box_dimension(points: npt.NDArray[np.bool_], smallest_px: int = 2, largest_px: int = 32) -> float:
    """The box-counting dimension of a set of pixels (height, width): the slope of log count over log 1 / size.

    Boxes go from `smallest_px` to `largest_px` in powers of two; of each size, the grid that needs the fewest counts.
    """
    sizes = [2**k for k in range(math.ceil(math.log2(smallest_px)), math.floor(math.log2(largest_px)) + 1)]
    counts = []
    for size in sizes:
        offsets = {0, size // 4, size // 2, 3 * size // 4}
        counts.append(min(_boxes(points, size, dy, dx) for dy in offsets for dx in offsets))
    return float(-np.polyfit(np.log(sizes), np.log(np.maximum(counts, 1)), 1)[0])


def contour_dimension(light: Floats, levels: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85)) -> float:
    """The mean box-counting dimension of a picture's contours: where luminance (height, width) crosses its quantiles.

    1 is a picture of smooth edges, 2 one of noise; people find 1.3 to 1.5 the most restful (Taylor and Spehar 2016,
    doi:10.1007/978-1-4939-3995-4_30).
    """
    found = []
    for level in np.quantile(light, levels):
        is_up = light > level
        edge = np.zeros(light.shape, dtype=np.bool_)
        edge[:, 1:] |= is_up[:, 1:] != is_up[:, :-1]
        edge[1:, :] |= is_up[1:, :] != is_up[:-1, :]
        found.append(box_dimension(edge, 2, min(light.shape) // 8))
    return float(np.mean(found))


def _boxes(points: npt.NDArray[np.bool_], size: int, dy: int, dx: int) -> int:
    height, width = points.shape
    padded = np.pad(points, ((dy, -(height + dy) % size), (dx, -(width + dx) % size)))
    cells = padded.reshape(padded.shape[0] // size, size, padded.shape[1] // size, size)
    return int(cells.any(axis=(1, 3)).sum())


def _texture(rgb: Bytes) -> Floats:
    """Log luminance between two scales, about 0.1 and 1 degree: without the dither's grain and the soft edges of light.

    A soft edge whose light changes seems to shift by a good part of its width; what is finer tells place from light.
    """
    x = np.log(luminance(rgb) + _FLOOR)
    fine = _smooth(x, 1)
    coarse = fine
    for _ in range(3):  # three boxes are nearly a bell
        coarse = _smooth(coarse, _BLOCK_PX // 8)
    return fine - coarse


def _smooth(x: Floats, radius: int) -> Floats:
    """The mean over squares of 2 radius + 1 pixels, the edges repeated."""
    size = 2 * radius + 1
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(x, pad, mode="edge"), axis=axis)
        n = x.shape[axis]
        high = np.take(sums, np.arange(size, size + n), axis=axis)
        x = (high - np.take(sums, np.arange(n), axis=axis)) / size
    return x


def _contrast(x: Floats) -> Floats:
    """The rms of each block, about its mean."""
    return np.sqrt(np.maximum(_means(x * x) - _means(x) ** 2, 0.0))


def _likeness(a: Floats, b: Floats, y: int, x: int) -> Floats:
    """Normalised correlation of each block of `a` with what lies y px further down and x px further right in `b`."""
    here, there = _shifted(a, 0, 0), _shifted(b, y, x)
    both = _means(here * there) - _means(here) * _means(there)
    return np.asarray(both / np.maximum(_contrast(here) * _contrast(there), 1e-12), dtype=np.float64)


def _shifted(x: Floats, down: int, right: int) -> Floats:
    """The part that every step of the search leaves inside, seen from a step further."""
    height, width = x.shape
    return x[_REACH_PX + down : height - _REACH_PX + down, _REACH_PX + right : width - _REACH_PX + right]


def _means(x: Floats) -> Floats:
    """The mean of each block."""
    return np.asarray(_shares(x.shape[0]) @ x @ _shares(x.shape[1]).T, dtype=np.float64)


@cache
def _shares(n_px: int) -> Floats:
    """How much each pixel of a row counts in each block: (n_blocks, n_px)."""
    starts = np.arange(0, n_px - _BLOCK_PX + 1, _BLOCK_PX // 2)[:, None]
    at = np.arange(n_px)[None, :]
    return np.asarray(((at >= starts) & (at < starts + _BLOCK_PX)) / _BLOCK_PX, dtype=np.float64)


def _peaks(likeness: Floats, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Where each block (last axis) went, px down and right, between the steps by a parabola; and how alike it is."""
    side, n = score.shape[0], score.shape[2]
    best = score.reshape(side * side, n).argmax(axis=0)
    row, column, block = best // side, best % side, np.arange(n)
    up, down = score[np.maximum(row - 1, 0), column, block], score[np.minimum(row + 1, side - 1), column, block]
    left, right = score[row, np.maximum(column - 1, 0), block], score[row, np.minimum(column + 1, side - 1), block]
    top = score[row, column, block]

    def between(low: Floats, high: Floats) -> Floats:
        bend = 2.0 * top - low - high
        return np.where(bend > 1e-9, 0.5 * (high - low) / np.maximum(bend, 1e-9), 0.0)

    y = row - (side // 2) + between(up, down) * ((row > 0) & (row < side - 1))
    x = column - (side // 2) + between(left, right) * ((column > 0) & (column < side - 1))
    return y, x, likeness[row, column, block]
