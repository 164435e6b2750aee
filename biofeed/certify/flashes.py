"""General and red flashes, counted after WCAG 2.2 (2.3.1) and ITU-R BT.1702-3: cells of light in, flashes a second out.

A cell changes when its value has gone `FLASH_DELTA` (red: more than `RED_DELTA`) away from its last extreme, the other
way than before; two such changes are a flash. What counts is the highest number of flashes that a quarter of the cells
of some 10 degree field each make within one second, in step with each other or not: who looks there sees them together.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from biofeed import limits
from biofeed.sound.kernel import kernel

Cells = npt.NDArray[np.float32]  # (rows, columns)
Marks = npt.NDArray[np.uint8]  # (rows, columns)

# What a cell did last: nothing yet, a change that counts, or one that does not: not dark enough, or not red enough.
_FIRST, _UP, _DOWN, _DOWN_IDLY, _UP_IDLY = 0, 1, 2, 3, 4
_ROUNDING = 1e-6  # single precision: a change of a tenth is one
TIE_S = 1e-6  # two pictures a second apart are not within one second of each other


class Flashes:
    """Counts one kind of change; each picture gives the marks of the cells that changed, and when it was shown."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._low = np.full(shape, np.inf, dtype=np.float32)  # since each cell turned
        self._high = np.full(shape, -np.inf, dtype=np.float32)
        self._state = np.full(shape, _FIRST, dtype=np.uint8)
        self._counts = np.zeros(shape, dtype=np.int32)  # changes of each cell within the last second
        self._marks: deque[tuple[float, Marks]] = deque()  # of those pictures of the last second that changed a cell
        self._spare: list[Marks] = []
        self._field = tuple(max(1, round(n / limits.FLASH_FIELD)) for n in shape)
        self._enough = limits.FLASH_FIELD_PART * self._field[0] * self._field[1]
        self._sums = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int32)
        self._middle = (0.5, 0.5)  # of what flashes in the fullest field, as last looked at
        self._sustained: deque[tuple[float, float]] = deque()  # when, and for how long
        self._last_s: float | None = None
        self.most = 0  # flashes in any second
        self.at_s: float | None = None  # the end of the first second that held so many
        self.where: tuple[float, float] | None = None  # what flashed: 0 left .. 1 right, 0 top .. 1 bottom
        self.sustained_s = 0.0  # of any SUSTAINED_WINDOW_S, in which SUSTAINED_FLASHES_PER_S or more went on

    def marks(self) -> Marks:
        """Where the next picture's changes are to be marked; it holds anything."""
        return self._spare.pop() if self._spare else np.zeros(self._counts.shape, dtype=np.uint8)

    def __call__(self, time_s: float, marks: Marks, n_marked: int) -> None:
        """Takes the changes of the picture that was shown at `time_s`; `marks` is kept until it is a second old."""
        while self._marks and self._marks[0][0] <= time_s - limits.FLASH_WINDOW_S + TIE_S:
            _, old = self._marks.popleft()
            self._counts -= old
            self._spare.append(old)
        if n_marked:
            self._counts += marks
            self._marks.append((time_s, marks))
        else:
            self._spare.append(marks)
        while self._marks and self._holds(self.most + 1):
            self.most += 1
            self.at_s = time_s
            self.where = self._middle
        sustained = limits.SUSTAINED_FLASHES_PER_S
        self._sustain(time_s, bool(self._marks) and self.most >= sustained and self._holds(sustained))

    def _holds(self, flashes: int) -> bool:
        """Whether a quarter of some field's cells flash so often within this second."""
        most, y, x = _fullest(self._counts, 2 * flashes, self._sums, self._field[0], self._field[1])
        if most < self._enough:
            return False
        rows, columns = self._counts.shape
        cells = self._counts[y : y + self._field[0], x : x + self._field[1]] >= 2 * flashes
        down, right = (float(at.mean()) for at in np.nonzero(cells))
        self._middle = (x + right + 0.5) / columns, (y + down + 0.5) / rows
        return True

    def _sustain(self, time_s: float, is_flashing: bool) -> None:
        dt_s = 0.0 if self._last_s is None else time_s - self._last_s
        self._last_s = time_s
        if is_flashing:
            self._sustained.append((time_s, dt_s))
        while self._sustained and self._sustained[0][0] <= time_s - limits.SUSTAINED_WINDOW_S + TIE_S:
            self._sustained.popleft()
        if is_flashing:
            self.sustained_s = max(self.sustained_s, sum(length_s for _, length_s in self._sustained))


class GeneralFlashes(Flashes):
    """Changes of relative luminance by a tenth of the full range, whose darker end is below `FLASH_DARKER_BELOW`."""

    def take(self, time_s: float, luminance: Cells) -> None:
        """The next picture's relative luminance, 0..1."""
        marks = self.marks()
        delta, below = limits.FLASH_DELTA - _ROUNDING, limits.FLASH_DARKER_BELOW
        self(time_s, marks, _general(luminance, self._low, self._high, self._state, marks, delta, below))


class RedFlashes(Flashes):
    """Changes of max(0, R - G - B) in linear light by more than `RED_DELTA`, over, from or to a saturated red."""

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__(shape)
        self._since = np.zeros(shape, dtype=np.uint8)  # whether the cell was saturated since its last extreme

    def take(self, time_s: float, redness: Cells, saturated: Marks) -> None:
        """The next picture's max(0, R - G - B), and 1 where the red is saturated."""
        marks = self.marks()
        delta = limits.RED_DELTA + _ROUNDING
        n_marked = _red(redness, saturated, self._low, self._high, self._state, self._since, marks, delta)
        self(time_s, marks, n_marked)


@kernel
def _general(luminance: Cells, low: Cells, high: Cells, state: Marks, marks: Marks, delta: float, below: float) -> int:
    """Follows every cell by one picture: marks those that changed, and returns how many did."""
    n_marked = 0
    rows, columns = luminance.shape
    for y in range(rows):
        for x in range(columns):
            value = luminance[y, x]
            marks[y, x] = 0
            low[y, x] = min(low[y, x], value)
            high[y, x] = max(high[y, x], value)
            if state[y, x] != _UP and value - low[y, x] >= delta:
                marks[y, x] = 1 if low[y, x] < below else 0
                state[y, x] = _UP
                high[y, x] = value
            elif state[y, x] <= _UP and high[y, x] - value >= delta:
                state[y, x] = _DOWN_IDLY
                low[y, x] = value
            if state[y, x] == _DOWN_IDLY and value < below:
                state[y, x] = _DOWN
                marks[y, x] = 1
            n_marked += marks[y, x]
    return n_marked


@kernel
def _red(
    redness: Cells, saturated: Marks, low: Cells, high: Cells, state: Marks, since: Marks, marks: Marks, delta: float
) -> int:
    """As `_general`; `since` tells whether a saturated red was part of what came since the last extreme."""
    n_marked = 0
    rows, columns = redness.shape
    for y in range(rows):
        for x in range(columns):
            value = redness[y, x]
            marks[y, x] = 0
            is_up = state[y, x] == _UP or state[y, x] == _UP_IDLY
            is_down = state[y, x] == _DOWN or state[y, x] == _DOWN_IDLY
            is_extreme = (not is_down and value >= high[y, x]) or (not is_up and value <= low[y, x])
            low[y, x] = min(low[y, x], value)
            high[y, x] = max(high[y, x], value)
            since[y, x] |= saturated[y, x]
            if not is_up and value - low[y, x] > delta:
                state[y, x] = _UP_IDLY
                high[y, x] = value
                is_extreme = True
            elif not is_down and high[y, x] - value > delta:
                state[y, x] = _DOWN_IDLY
                low[y, x] = value
                is_extreme = True
            if state[y, x] >= _DOWN_IDLY and since[y, x]:
                state[y, x] = _UP if state[y, x] == _UP_IDLY else _DOWN
                marks[y, x] = 1
            if is_extreme:
                since[y, x] = saturated[y, x]
            n_marked += marks[y, x]
    return n_marked


@kernel
def _fullest(
    counts: npt.NDArray[np.int32], least: int, sums: npt.NDArray[np.int32], height: int, width: int
) -> tuple[int, int, int]:
    """How many cells of the fullest field (height, width) have `least` or more, and its first row and column."""
    rows, columns = counts.shape
    for y in range(rows):
        line = 0
        for x in range(columns):
            if counts[y, x] >= least:
                line += 1
            sums[y + 1, x + 1] = sums[y, x + 1] + line
    most, most_y, most_x = 0, 0, 0
    for y in range(rows - height + 1):
        for x in range(columns - width + 1):
            n = sums[y + height, x + width] - sums[y, x + width] - sums[y + height, x] + sums[y, x]
            if n > most:
                most, most_y, most_x = n, y, x
    return most, most_y, most_x
