"""The breath tracker's present: probabilities over place in the breath, rate and depth, moved on and weighed.

The "bar pointer" of Whiteley, Cemgil and Godsill (2006): it holds several guesses at once, and what has been seen
decides between them. Lengths of time count in breaths, so that it is the same filter at 3 and at 30/min. A row of the
grid is one depth and rate; its places turn with the rate by an offset alone. (The compiler's cache looks at a kernel's
own file: after a change here, `breath_kernel.py` has to be touched, too.)
"""

import numpy as np

from biofeed.signals.filters import Floats, compiled

BINS, SPEEDS, DEPTHS = 64, 9, 5
ROWS = SPEEDS * DEPTHS
SPEED_STEP, DEPTH_STEP = 0.12, 0.4  # in log rate and log depth, about the usual ones
VALUE_FLOOR, MOVE_FLOOR = 0.05, 0.04  # least scatter about the waveform, of the range
TAIL = 2.0  # degrees of freedom of that scatter (Student): far off is no farther than off
# in breaths: how long one misfit lasts; how far place and log rate wander (variance per breath)
MEMORY, WANDER, SPEED_WANDER = 0.08, 0.0067, 0.01
SPEED_HOME = 2.0  # how strongly the rate is drawn to the usual one
DEPTH_FLOOR = 0.1  # least spread of the log depth
BOTTOM, REDRAWN, ELSEWHERE = 0.06, 50.0, 0.5  # near the onset a depth is drawn anew, so often per breath
FIRST_SPREAD, TURN_SPREAD = 0.25, 0.12  # of log rate and of the place after a turning point


@compiled
def place(grid: Floats, turn: Floats, prior: Floats, duty: float, since_s: float, is_first: bool) -> None:
    """A peak `since_s` ago says where the breath must be: the grid's beginning, later one more witness."""
    for w in range(SPEEDS):
        if is_first:
            turn[0, w] = 0.0
        z = SPEED_STEP * (w - SPEEDS // 2) / FIRST_SPREAD
        for k in range(BINS):
            e = (k + turn[0, w]) / BINS - duty - since_s * turn[1, w]
            e = (e - np.floor(e + 0.5)) / TURN_SPREAD
            near = np.exp(-0.5 * e * e)
            for a in range(DEPTHS):
                r = a * SPEEDS + w
                grid[r, k] = np.exp(-0.5 * z * z) * prior[a] * near if is_first else grid[r, k] * (1.0 + near)


@compiled
def expect(shape: Floats, spread: float, model: Floats, prior: Floats) -> None:
    """What each depth leads to expect at each place, from the waveform by time `shape` (4, BINS).

    `model` (5, DEPTHS, BINS): value, movement, one over the variance of each, log of their product's root; `prior`
    (DEPTHS,) from the variance `spread` of the log depth.
    """
    total = 0.0
    for a in range(DEPTHS):
        z = DEPTH_STEP * (a - DEPTHS // 2)
        depth = np.exp(z)
        prior[a] = np.exp(-0.5 * z * z / (spread + DEPTH_FLOOR * DEPTH_FLOOR))
        total += prior[a]
        for k in range(BINS):
            value = depth * depth * shape[2, k] + VALUE_FLOOR * VALUE_FLOOR
            moved = depth * depth * shape[3, k] + MOVE_FLOOR * MOVE_FLOOR
            model[0, a, k], model[1, a, k] = depth * shape[0, k], depth * shape[1, k]
            model[2, a, k], model[3, a, k] = 1.0 / (TAIL * value), 1.0 / (TAIL * moved)
            model[4, a, k] = 0.5 * np.log(value * moved)
    for a in range(DEPTHS):
        prior[a] /= total


@compiled
def weigh(grid: Floats, turn: Floats, model: Floats, fit: Floats, value: float, moved: float, breaths: float) -> None:
    """Multiplies the grid by how likely value and movement are at each place and depth, and makes its sum 1."""
    top = -np.inf
    for a in range(DEPTHS):
        for k in range(BINS):
            x, y = value - model[0, a, k], moved - model[1, a, k]
            off = (1.0 + x * x * model[2, a, k]) * (1.0 + y * y * model[3, a, k])
            fit[a, k] = -0.5 * (TAIL + 1.0) * np.log(off) - model[4, a, k]
            top = max(top, fit[a, k])
    trust = min(breaths / MEMORY, 1.0)
    total = 0.0
    for a in range(DEPTHS):
        for k in range(BINS):
            fit[a, k] = np.exp(trust * (fit[a, k] - top))
        for w in range(SPEEDS):
            r, first = a * SPEEDS + w, int(turn[0, w])
            part = turn[0, w] - first
            for k in range(BINS):
                at = (k + first) % BINS
                grid[r, k] *= fit[a, at] + part * (fit[a, (at + 1) % BINS] - fit[a, at])
                total += grid[r, k]
    for r in range(ROWS):
        for k in range(BINS):
            grid[r, k] = grid[r, k] / max(total, 1e-300) + 1e-7 / (ROWS * BINS)


@compiled
def wander(grid: Floats, old: Floats, turn: Floats, prior: Floats, breaths: float) -> None:
    """What may have changed within so many breaths: place, rate (with a pull to the usual one) and depth."""
    near = min(0.5 * WANDER * BINS * BINS * breaths, 0.4)
    swap = min(0.5 * SPEED_WANDER / (SPEED_STEP * SPEED_STEP) * breaths, 0.2)
    for r in range(ROWS):
        for k in range(BINS):
            around = grid[r, (k + 1) % BINS] + grid[r, (k - 1) % BINS]
            old[r, k] = grid[r, k] * (1.0 - 2.0 * near) + near * around
    redrawn, elsewhere = 1.0 - np.exp(-REDRAWN * breaths), 1.0 - np.exp(-ELSEWHERE * breaths)
    for w in range(SPEEDS):
        for k in range(BINS):
            at = ((k + int(turn[0, w])) % BINS) / BINS
            share = redrawn if min(at, 1.0 - at) < BOTTOM else elsewhere
            mass = 0.0
            for a in range(DEPTHS):
                mass += old[a * SPEEDS + w, k]
            for a in range(DEPTHS):
                old[a * SPEEDS + w, k] += share * (prior[a] * mass - old[a * SPEEDS + w, k])
    for r in range(ROWS):
        for k in range(BINS):
            grid[r, k] = (1.0 - 2.0 * swap) * old[r, k]
    for r in range(ROWS):
        w = r % SPEEDS
        home = 1.0 - SPEED_HOME * SPEED_STEP * (w - SPEEDS // 2)
        for side in (-1, 1):
            to = w + side if 0 <= w + side < SPEEDS else w
            share = swap * (home if side > 0 else 2.0 - home)
            shift = turn[0, w] - turn[0, to]
            first = int(np.floor(shift))
            part = shift - first
            for k in range(BINS):
                at = (k + first) % BINS
                grid[r - w + to, at] += share * (1.0 - part) * old[r, k]
                grid[r - w + to, (at + 1) % BINS] += share * part * old[r, k]


@compiled
def mean(grid: Floats, turn: Floats, circle: Floats, lead_s: float) -> tuple[float, float, float, float]:
    """The circular mean of the place, `lead_s` ahead; how narrow it is, 0..1; the mean rate in Hz; the mean depth."""
    x = y = rate_hz = depth = 0.0
    for w in range(SPEEDS):
        a = b = mass = 0.0
        for d in range(DEPTHS):
            part = 0.0
            for k in range(BINS):
                p = grid[d * SPEEDS + w, k]
                a += p * circle[0, k]
                b += p * circle[1, k]
                part += p
            mass += part
            depth += part * np.exp(DEPTH_STEP * (d - DEPTHS // 2))
        angle = 2.0 * np.pi * (turn[0, w] / BINS + turn[1, w] * lead_s)
        x += a * np.cos(angle) - b * np.sin(angle)
        y += a * np.sin(angle) + b * np.cos(angle)
        rate_hz += mass * turn[1, w]
    theta = np.arctan2(y, x) / (2.0 * np.pi)
    return theta - np.floor(theta), float(np.hypot(x, y)), rate_hz, depth
