"""The compiled breath tracker: its state in a few arrays, one sample after the other, whatever the cut.

Two parts work side by side. Behind the present, a symmetric smoother shows the turning points as they were: they give
breaths, rate and the waveform by phase. At the present, a grid of probabilities (`breath_grid.py`) is moved on and
weighed by how well value and movement fit that waveform; its mean is the phase.
"""

import numpy as np

from biofeed.signals.breath_grid import BINS, SPEED_STEP, SPEEDS, expect, mean, place, wander, weigh
from biofeed.signals.filters import Floats, compiled, section

# fmt: off
(
    SIGN, STALE, OFFSET, TAINT, OFF_S, SLIPS, N_RECENT, N_SAMPLE, N_STEP, VALUE, VALUE_S, HEADING, EXTREME, LEAST,
    TURNS, BREATHS, PEAK, PEAK_S, ONSET, BACK, LOW, AMPLITUDE, SPREAD, DUTY, RATE_HZ, IS_LIVE, THETA, FOCUS, SPEED_HZ,
    ERROR, HELD, TOLD_S, IS_SETTLED, AGAINST, TURN_S, SIZE,
) = range(36)
# fmt: on
KEPT = 32  # breaths
PERIOD_LOW_S, PERIOD_HIGH_S = 1.2, 40.0  # 50 and 1.5 breaths/min: the edges of what is called a breath
TAINT_S = 0.3  # a breath with a longer hole in it is not told
FORGET_S = 3.0  # without a signal for so long, the range has to be learned again
SLIP_SHARE = 0.6  # of the breath's range, within SLIP_S
SLIPS_MOST = 2.5  # in some 10 s: then the belt moves, or the range was learned wrong, and is learned again
TURN_SHARE, RANGE_S = 0.3, 64.0  # of the range seen in this time: going back by so much is a turning point
SHORT_RANGE_S, SIGH_SHARE = 20.0, 0.6  # after a sigh the range of the breaths since counts, down to this share
START_S = 3.0  # so much has to be seen before the first turning point
RISE_LOW, RISE_HIGH = 0.15, 0.5  # heights of the rise between which its beginning is extrapolated from,
RISE_BACK, RISE_MOST_S = 0.9, 0.25  # by this share of their distance: a rise begins like a sine's square
STEEP_SHARE, STEEP_PART = 0.35, 0.06  # of the steepest, over this part: a bead hardly changes while no air moves
# Where an inhale begins: where the rise does; at the least value, for impedance, whose rests are never still and where
# people mark it there; where the steep part of the rise does, for the temperature of the breath.
RISE, LEAST_VALUE, STEEP_RISE = LANDMARKS = (0.0, 1.0, 2.0)
GAIN, LOW_GAIN = 0.15, 0.2  # of the waveform, by breath; of the level it rests at
MOVE_BREATHS, MOVE_LOW_S, MOVE_HIGH_S = 0.12, 0.2, 1.5  # over this time movement is compared with the waveform's
FIRST_SPREAD, SPREAD_MOST = 0.12, 0.5  # variance of the log depth
ODD_DEPTH, ODD_GAIN = 0.5, 0.1  # a breath much deeper or shallower than usual teaches less
SIGH_BREATHS = 5.0  # until then one deep breath among them does not make the range
HELD_BREATHS, HELD_SHARE = 1.5, 0.25  # moving by less than this share of the range for so many breaths: held
POLARITY_BREATHS = 5  # breaths looked at before the shape says which way is up
AGAINST_LEAST, AGAINST_BREATHS = 0.1, 3.0  # how clearly and how lastingly it must look upside down
HEARD_S = (0.3, 2.3)  # who is told to breathe in does so between these times after it


@compiled
def _cycle(theta: float, duty: float) -> float:
    """Phase 0..1 at a place 0..1 in the breath's time."""
    return 0.5 * theta / duty if theta < duty else 0.5 + 0.5 * (theta - duty) / (1.0 - duty)


@compiled
def _median(values: Floats) -> float:
    """The median of those above 0, 0 when there are none."""
    kept = np.sort(values[values > 0.0])
    n = kept.shape[0]
    return float(0.5 * (kept[(n - 1) // 2] + kept[n // 2])) if n else 0.0


@compiled
def _keep(row: Floats, value: float) -> None:
    """The newest value comes last, the oldest goes."""
    for k in range(KEPT - 1):
        row[k] = row[k + 1]
    row[KEPT - 1] = value


@compiled
def _at(row: Floats, place: float) -> float:
    """A ring's value at a fractional step."""
    n, first = row.shape[0], int(np.floor(place))
    a, b = row[first % n], row[(first + 1) % n]
    return float(a + (place - first) * (b - a))


@compiled
def _learn(history: Floats, shape: Floats, s: Floats, before: float, up: float, down: float, gain: float) -> None:
    """Blends a breath, from the peak at step `before` over the onset to the peak, into the waveform and its scatter.

    `up` and `down`: how far it rose and fell. `shape` (8, BINS): value, movement and their variances by phase, then by
    place in the breath's time, the scatter smoothed.
    """
    low, back = _at(history[2], s[ONSET]), s[BACK]
    for k in range(BINS):
        f = 2.0 * k / BINS
        at = s[ONSET] + (s[PEAK] - s[ONSET]) * f if f < 1.0 else before + (s[ONSET] - before) * (f - 1.0)
        depth, y = up if f < 1.0 else down, _at(history[0], at)
        seen = ((y - low) / depth, (y - _at(history[0], max(at - back, 0.0))) / depth)
        for j in range(2):
            off = seen[j] - shape[j, k]
            if s[BREATHS] <= 1.0:
                shape[j, k], shape[2 + j, k] = seen[j], 0.02 / (1 + j)
            else:
                shape[2 + j, k] += gain * (off * off - shape[2 + j, k])
                shape[j, k] += gain * off
    for k in range(BINS):
        at = _cycle(k / BINS, s[DUTY]) * BINS
        for j in range(2):
            shape[4 + j, k], shape[6 + j, k] = _at(shape[j], at), 0.0
            for m in range(-2, 3):
                shape[6 + j, k] += (3.0 - abs(m)) / 9.0 * shape[2 + j, (int(at) + m) % BINS]


@compiled
def _steep(values: Floats, first: int, last: int, way: float) -> int:
    """The step from `first` to `last` at which the steepest part of the rise (`way` 1) or of the fall (-1) begins."""
    size, far = values.shape[0], max(3, int(STEEP_PART * (last - first)))
    steepest, most = first, 0.0
    for i in range(first, last - far):
        slope = way * (values[(i + far) % size] - values[i % size])
        if slope > most:
            steepest, most = i, slope
    while steepest > first:
        slope = way * (values[(steepest + far - 1) % size] - values[(steepest - 1) % size])
        if slope < STEEP_SHARE * most:
            break
        steepest -= 1
    return steepest


@compiled
def _onset(history: Floats, first: int, last: int, most_back: float, landmark: float) -> float:
    """The step at which the rise to the peak at `last` began: see LANDMARKS."""
    size = history.shape[1]
    lowest = first
    for i in range(first, last + 1):
        if history[2, i % size] < history[2, lowest % size]:
            lowest = i
    if landmark == LEAST_VALUE:
        return float(lowest)
    if landmark == STEEP_RISE:
        return float(_steep(history[0], lowest, last, 1.0))
    low, high = history[2, lowest % size], history[2, last % size]
    early = late = lowest
    for i in range(lowest, last):
        share = (history[0, i % size] - low) / max(high - low, 1e-12)
        if share <= RISE_LOW:
            early = i
        if share <= RISE_HIGH:
            late = i
    return max(early - RISE_BACK * (late - early), lowest - most_back)


@compiled
def _peak(
    history: Floats,
    shape: Floats,
    kept: Floats,
    s: Floats,
    at: int,
    dt: float,
    lag: float,
    landmark: float,
    row: Floats,
) -> int:
    """The top of a breath at step `at` is certain: updates what is known of breaths; returns 1 when one has ended."""
    size = history.shape[1]
    before, onset = s[PEAK], s[ONSET]
    s[PEAK], s[PEAK_S], s[ONSET] = at, history[1, at % size], -1.0
    s[TURNS] += 1.0
    if before < s[TAINT] <= at:
        kept[2] = 0.0
    _keep(kept[2], s[PEAK_S] - lag)
    if s[TURNS] < 2.0 or before < s[TAINT] <= at:
        return 0
    rise = _onset(history, int(before), at, RISE_MOST_S / dt, landmark)
    rise_s, top_s, low = _at(history[1], rise), history[1, int(before) % size], _at(history[2], rise)
    period_s, inhale_s = s[PEAK_S] - top_s, s[PEAK_S] - rise_s
    up, down = history[2, at % size] - low, history[2, int(before) % size] - low
    if not PERIOD_LOW_S < period_s < PERIOD_HIGH_S or min(inhale_s, period_s - inhale_s) < 0.15 or min(up, down) <= 0.0:
        return 0
    _keep(kept[0], period_s)
    _keep(kept[1], min(max(inhale_s / period_s, 0.1), 0.85))
    _keep(kept[3], up)
    s[RATE_HZ], s[DUTY] = 1.0 / _median(kept[0, -5:]), _median(kept[1, -9:])
    s[BACK] = max(1.0, round(min(max(MOVE_BREATHS / s[RATE_HZ], MOVE_LOW_S), MOVE_HIGH_S) / dt))
    if s[BREATHS] == 0.0:
        s[LOW], s[AMPLITUDE], s[SPREAD] = low, 0.5 * (up + down), FIRST_SPREAD
    gain = max(GAIN, 1.0 / (s[BREATHS] + 1.0))
    if abs(np.log(up / _median(kept[3]))) > ODD_DEPTH:
        gain *= ODD_GAIN
    s[SPREAD] += gain * (min(np.log(up / s[AMPLITUDE]) ** 2, SPREAD_MOST) - s[SPREAD])
    s[LOW] += max(gain, LOW_GAIN) * (low - s[LOW])
    s[AMPLITUDE] += gain * (up - s[AMPLITUDE]) if s[BREATHS] >= SIGH_BREATHS else _median(kept[3]) - s[AMPLITUDE]
    s[BREATHS] += 1.0
    s[ONSET] = rise
    _learn(history, shape, s, before, up, down, gain)
    if onset < 0.0:
        return 0
    begin_s, swing = _at(history[1], onset), history[2, int(before) % size] - _at(history[2], onset)
    row[0], row[1], row[2] = begin_s - lag, top_s - begin_s, rise_s - top_s
    row[3], row[4] = min(max(swing / s[AMPLITUDE], 0.0), 1.0), swing
    return 1


@compiled
def _span(row: Floats, n: int, steps: int) -> float:
    """The range of the last steps."""
    size = row.shape[0]
    low = high = row[n % size]
    for k in range(0, min(steps, n, size - 1), 2):
        low, high = min(low, row[(n - k) % size]), max(high, row[(n - k) % size])
    return float(high - low)


@compiled
def _depth(smooth: Floats, first: int, n: int) -> float:
    """What share of the recent range confirms a turning point."""
    size = smooth.shape[0]
    values = np.empty((n - first) // 4 + 1)
    for k in range(values.shape[0]):
        values[k] = smooth[(first + 4 * k) % size]
    values.sort()
    last = values.shape[0] - 1
    return float(TURN_SHARE * (values[int(0.95 * last)] - values[int(0.05 * last)]))


@compiled
def _turning(history: Floats, s: Floats, n: int, half: int, dt: float, floor: float) -> int:
    """Follows the smoothed signal at step n; returns the step of a peak that has just become certain, else -1."""
    size = history.shape[1]
    if n * dt < START_S:
        return -1
    if n % 12 == 0 or s[LEAST] == 0.0:
        long = _depth(history[2], max(half, n - int(RANGE_S / dt)), n)
        short = _depth(history[2], max(half, n - int(SHORT_RANGE_S / dt)), n)
        s[LEAST] = max(min(short, long), SIGH_SHARE * long, 0.5 * floor)
    here = history[2, n % size]
    if s[HEADING] == 0.0:
        s[HEADING], s[EXTREME] = -1.0, n
    if s[HEADING] * (here - history[2, int(s[EXTREME]) % size]) > 0.0:
        s[EXTREME] = n
    if s[HEADING] * (history[2, int(s[EXTREME]) % size] - here) <= s[LEAST]:
        return -1
    peak = int(s[EXTREME]) if s[HEADING] > 0.0 else -1
    s[TURN_S] = history[1, int(s[EXTREME]) % size]
    s[HEADING], s[EXTREME] = -s[HEADING], n
    return peak


@compiled
def _against(shape: Floats, s: Floats) -> float:
    """How far the waveform looks upside down: people inhale faster than they exhale, and rest with empty lungs."""
    low = high = 0.0
    for k in range(BINS):
        low += 1.0 / BINS if shape[4, k] < 0.3 else 0.0
        high += 1.0 / BINS if shape[4, k] > 0.7 else 0.0
    return float(s[DUTY] - 0.45 + 0.5 * (high - low))


@compiled
def _falls(history: Floats, shape: Floats, s: Floats, is_peak: bool, t: float, dt: float) -> bool:
    """True when the signal turns out to fall with inhaled volume: by the inhale that was asked for, else by shape."""
    size, n = history.shape[1], int(s[N_STEP]) - 1
    if s[TOLD_S] > 0.0 and t >= s[TOLD_S] + HEARD_S[1]:
        n_heard = min(n, int((HEARD_S[1] - HEARD_S[0]) / dt))
        moved = history[0, n % size] - history[0, (n - n_heard) % size]
        s[TOLD_S] = 0.0
        s[IS_SETTLED] = 1.0 if abs(moved) > max(0.5 * _span(history[0], n, n_heard), 0.3 * s[AMPLITUDE]) else 0.0
        return bool(moved < 0.0 and s[IS_SETTLED] > 0.0)
    if not is_peak or s[IS_SETTLED] > 0.0 or s[BREATHS] < POLARITY_BREATHS:
        return False
    s[AGAINST] = s[AGAINST] + 1.0 if _against(shape, s) > AGAINST_LEAST else 0.0
    return bool(s[AGAINST] >= AGAINST_BREATHS)


@compiled
def _sample(
    x: float, dt: float, config: Floats, s: Floats, z: Floats, unit: Floats, recent: Floats, kept: Floats
) -> float:
    """One raw sample: a slip of the belt is taken out, then the low-pass; returns its output."""
    value = s[SIGN] * x - s[OFFSET]
    if s[STALE] > 0.0:
        s[STALE] = s[N_STEP] = s[TURNS] = s[BREATHS] = s[HEADING] = s[LEAST] = s[RATE_HZ] = s[IS_LIVE] = 0.0
        s[HELD] = s[ERROR] = s[TAINT] = s[SLIPS] = s[AMPLITUDE] = 0.0
        s[AGAINST], s[ONSET] = 0.0, -1.0
        kept[:] = 0.0
        recent[:] = value
        z[0], z[1] = unit[0] * value, unit[1] * value
    spot = int(s[N_RECENT]) % recent.shape[0]
    s[SLIPS] -= s[SLIPS] * dt / 10.0
    is_leap = s[BREATHS] >= 3.0 and abs(value - recent[spot]) > SLIP_SHARE * s[AMPLITUDE]
    if is_leap and config[9] == RISE:
        s[SLIPS] += 1.0
        s[TAINT] = s[N_STEP]
        s[OFFSET] += value - recent[spot]
        value = recent[spot]
        recent[:] = value
        if s[SLIPS] > SLIPS_MOST:
            s[STALE], s[OFFSET] = 1.0, 0.0
    recent[spot] = value
    s[N_RECENT] += 1.0
    return float(section(config[4:9], z, value))


@compiled
def _still(history: Floats, s: Floats, n: int, dt: float) -> float:
    """For how many breaths the signal has moved by less than HELD_SHARE of its range; at most HELD_BREATHS."""
    for k in range(3, 0, -1):
        breaths = HELD_BREATHS * k / 3.0
        steps = int(breaths / (s[RATE_HZ] * dt))
        if n >= steps and _span(history[0], n, steps) < HELD_SHARE * s[AMPLITUDE]:
            return breaths
    return 0.0


@compiled
def _step(
    y: float, t: float, dt: float, config: Floats, s: Floats, smoother: Floats, circle: Floats, history: Floats,
    shape: Floats, kept: Floats, model: Floats, prior: Floats, turn: Floats, grids: Floats, fit: Floats, row: Floats,
) -> int:  # fmt: skip
    """One step of the tracker; returns 1 when a Breath has ended."""
    size, n, half = history.shape[1], int(s[N_STEP]), smoother.shape[0] // 2
    since_s = t - s[VALUE_S] if n > 0 else dt  # longer after a short gap
    s[N_STEP] += 1.0
    history[0, n % size], history[1, n % size] = y, t
    s[VALUE], s[VALUE_S] = y, t
    told, peak = 0, -1
    if n >= 2 * half:
        smooth = 0.0
        for k in range(2 * half + 1):
            smooth += smoother[k] * history[0, (n - k) % size]
        history[2, (n - half) % size] = smooth
        peak = _turning(history, s, n - half, half, dt, config[1])
    if peak >= 0:
        if config[9] == STEEP_RISE:
            peak = _steep(history[0], peak, n - half // 2, -1.0)
        told = _peak(history, shape, kept, s, peak, dt, config[2], config[9], row)
        if s[BREATHS] > 0.0:
            for w in range(SPEEDS):
                turn[1, w] = s[RATE_HZ] * np.exp(SPEED_STEP * (w - SPEEDS // 2))
            expect(shape[4:], s[SPREAD], model, prior)
            place(grids[0], turn, prior, s[DUTY], t - s[PEAK_S], s[IS_LIVE] == 0.0)
            s[IS_LIVE] = 1.0
    if config[3] > 0.0 and _falls(history, shape, s, peak >= 0, t, dt):
        s[SIGN], s[OFFSET], s[STALE] = -s[SIGN], 0.0, 1.0
        return 0
    if s[IS_LIVE] == 0.0:
        return told
    for w in range(SPEEDS):
        turn[0, w] = (turn[0, w] + turn[1, w] * since_s * BINS) % BINS
    if n % 8 == 0:
        s[HELD] = _still(history, s, n, dt)
    if s[HELD] >= HELD_BREATHS:
        return told
    breaths = dt * s[RATE_HZ]
    value = (y - s[LOW]) / s[AMPLITUDE]
    moved = (y - history[0, (n - int(s[BACK])) % size]) / s[AMPLITUDE]
    weigh(grids[0], turn, model, fit, value, moved, breaths)
    wander(grids[0], grids[1], turn, prior, breaths)
    s[THETA], s[FOCUS], s[SPEED_HZ], depth = mean(grids[0], turn, circle, config[10])
    off = abs(value - depth * _at(shape[4], (s[THETA] - s[SPEED_HZ] * config[10]) % 1.0 * BINS))
    s[ERROR] += min(breaths, 1.0) * (min(off / max(depth, 1.0), 1.0) - s[ERROR])
    return told


@compiled
def track(
    x: Floats, good: Floats, start_s: float, dt: float, config: Floats, s: Floats, z: Floats, unit: Floats,
    recent: Floats, smoother: Floats, circle: Floats, history: Floats, shape: Floats, kept: Floats, model: Floats,
    prior: Floats, turn: Floats, grids: Floats, fit: Floats, rows: Floats,
) -> int:  # fmt: skip
    """Advances the tracker by x (n,); writes rows of start_s, inhale_s, exhale_s, depth and depth in the unit.

    Returns how many. `config`: samples per step, least range, low-pass delay, is the polarity open, five filter
    coefficients, one of LANDMARKS, how far ahead the place is told. `z`, `unit` (2,): the filter's memory, and that for
    a standing 1. `history` (3, n): value, time, smoothed value of the last steps. `kept` (3, KEPT): the last periods,
    shares of the inhale, times of tops. `grids` (2, ROWS, BINS): probabilities, scratch.
    """
    every = int(config[0])
    found = 0
    for i in range(x.shape[0]):
        if not (
            good[i] > 0.0 and np.isfinite(x[i])
        ):  # nothing is measured: after a while, what was learned of the range may be wrong
            s[OFF_S] += dt
            if s[OFF_S] > TAINT_S:
                s[TAINT] = s[N_STEP]
            if s[OFF_S] > FORGET_S:
                s[STALE] = 1.0
                s[OFFSET] = 0.0
            continue
        s[OFF_S] = 0.0
        y = _sample(x[i], dt, config, s, z, unit, recent, kept)
        s[N_SAMPLE] += 1.0
        if int(s[N_SAMPLE]) % every == 0:
            found += _step(
                y, start_s + i * dt, every * dt, config, s, smoother, circle, history, shape, kept, model, prior, turn,
                grids, fit, rows[found],
            )  # fmt: skip
    return found
