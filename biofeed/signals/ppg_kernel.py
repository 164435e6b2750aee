"""The compiled pulse detector: all memory in arrays, one sample after the other, whatever the cut. See ppg.py.

An upstroke is judged where it levels off, by the slope it summed up; a beat is told there, and looked at again when its
run-off has been seen: a wave without one is withdrawn. Only what stands teaches the level, the interval and the shape.
"""

import numpy as np

from biofeed.signals.filters import Floats, compiled
from biofeed.signals.rings import NEVER_S, ring_at

# fmt: off
(
    N, LAST_Y, SUM, MEAN, SINCE_S, HOLE_S, SIGN, TWIST, POWER, IN_RISE, STEEPEST, STEEPEST_AT, STRENGTH, IS_JUDGED,
    LAST_S, LAST_STRENGTH, PRIOR_S, PRIOR_STRENGTH, STOOD_S, USUAL_S, UNEVEN, LIKE, N_LEVELS, FIRST_LEVEL, N_TEMPLATE,
    BUSY, N_WAITING, STOOD_STRENGTH, STOOD_SINCE_S, N_PAIRS, SIZE,
) = range(31)
WIDTH, DELAY_S, CAN_TURN, CONFIG_SIZE = range(4)
WAVE, SLOPE, TIME, N_RINGS = range(4)
BEAT_S, PLACE, BEAT_STRENGTH = range(3)  # a beat that waits for the second look
# fmt: on
LEARN_S, SETTLE_S = 2.0, 0.15  # the first holds a beat at 30/min; the second is the filter's and the sum's memory
KEEP_S = 10.0  # a hole this long: the finger may be another one
FOOT, CREST = 0.25, 0.3  # of the steepest slope: where an upstroke begins and ends
FIDUCIAL = 0.55  # of the height between them
REFRACTORY_S = 0.24  # 250/min
AT_ONCE_S, AT_ONCE = 0.33, 1.7  # an upstroke so much stronger so soon after a beat: that one was none
SLOWEST_S = LOST_S = 2.0  # 30/min: longer is no interval, and the pulse is lost
BASE, LATE = 0.12, 0.08  # of the usual strength: weaker is no beat; the lower one when a beat is overdue
LOST, FRESH = 3.0, 0.4  # after so many intervals without a beat nothing says that one is due: the threshold then
LEAST_LEVEL = 2.0  # the usual beat stands out from the mean of the feature by so much at least
DICROTIC = 0.6  # of the usual strength: weaker, and so soon after a beat, it is the dicrotic wave
DICROTIC_S, LAST_DICROTIC_S = 0.45, 0.42  # times the root of the interval (as the QT interval goes); never later
N_SURE_PAIRS = 4.0  # of a strong and a weak beat one after the other: no chance
BUSY_HZ = 6.0  # so many upstrokes a second are noise: a heart reaches 4
N_SHAPE, SHAPE_STEP_S, BEFORE = 31, 0.02, 10  # the wave from 0.2 s before the fiducial to 0.4 s after it
N_RISE = 14  # points of it that are known when a beat is told
LOOK_S = 0.5  # after the fiducial: the second look
N_KNOWN = 3.0  # beats before a template says anything
SURE = 8.0  # beats of one shape: the pulse is known, and so which way is up


@compiled
def _forget(s: Floats, rings: Floats) -> None:
    """After a hole: nothing of the sums and rings is true any more."""
    s[SUM] = s[MEAN] = s[SINCE_S] = s[POWER] = s[TWIST] = s[IN_RISE] = s[BUSY] = s[N_WAITING] = s[N_PAIRS] = 0.0
    s[LAST_S] = s[PRIOR_S] = s[STOOD_S] = NEVER_S
    rings[:, :] = 0.0


@compiled
def forget_level(s: Floats) -> None:
    """After a long hole: another finger, perhaps another person."""
    s[N_LEVELS] = s[FIRST_LEVEL] = s[N_TEMPLATE] = s[USUAL_S] = s[UNEVEN] = s[LIKE] = 0.0


@compiled
def _turn(slope: float, dt: float, s: Floats, rings: Floats) -> None:
    """Blood volume rises faster than it falls: slopes skewed downwards are upside down."""
    bound = 4.0 * np.sqrt(s[POWER]) if s[SINCE_S] > 1.0 else np.inf  # one jerk of the hand decides nothing
    steep = min(max(slope, -bound), bound)
    s[POWER] += dt / 3.0 * (steep * steep - s[POWER])
    s[TWIST] += dt / 3.0 * (steep * steep * steep - s[TWIST])
    is_open = s[SINCE_S] > 4.0 and s[N_TEMPLATE] < SURE
    if is_open and s[SIGN] * s[TWIST] < -0.5 * s[POWER] ** 1.5:
        s[SIGN] = -s[SIGN]
        forget_level(s)
        _forget(s, rings)


@compiled
def _feature(y: float, t: float, dt: float, config: Floats, s: Floats, rings: Floats) -> float:
    """Takes one sample in; returns the mean of the rising slope over the width of an upstroke."""
    size, width, n = rings.shape[1], int(config[WIDTH]), int(s[N])
    slope = (y - s[LAST_Y]) / dt
    s[LAST_Y] = y
    if config[CAN_TURN] > 0.0:
        _turn(slope, dt, s, rings)
    rise = max(s[SIGN] * slope, 0.0)
    rings[WAVE, n % size], rings[SLOPE, n % size], rings[TIME, n % size] = s[SIGN] * y, rise, t
    if n % size == 0:  # the running sum starts afresh: rounding does not pile up
        s[SUM] = 0.0
        for k in range(min(width, n + 1)):
            s[SUM] += rings[SLOPE, (n - k) % size]
    else:
        s[SUM] += rise - (rings[SLOPE, (n - width) % size] if n >= width else 0.0)
    s[N] += 1.0
    s[SINCE_S] += dt
    total = max(s[SUM], 0.0) / width
    s[MEAN] += dt / 3.0 * (total - s[MEAN])
    s[BUSY] -= dt / 2.0 * s[BUSY]
    return float(total)


@compiled
def _is_ready(total: float, s: Floats, levels: Floats) -> bool:
    """False while the level is being learned, or the filter settles."""
    if s[N_LEVELS] > 0.0:
        return bool(s[SINCE_S] >= SETTLE_S)
    if s[SINCE_S] >= SETTLE_S:
        s[FIRST_LEVEL] = max(s[FIRST_LEVEL], 0.8 * total)
    if s[SINCE_S] < LEARN_S or s[FIRST_LEVEL] <= 0.0:
        return False
    levels[:] = s[FIRST_LEVEL]
    s[N_LEVELS] = 1.0
    return True


@compiled
def _is_crest(total: float, level: float, s: Floats, rings: Floats) -> bool:
    """True once in each upstroke, where it levels off."""
    n = int(s[N]) - 1
    slope = rings[SLOPE, n % rings.shape[1]]
    if s[IN_RISE] == 0.0:
        if slope > 0.0 and total > 0.8 * LATE * level:
            s[IN_RISE], s[IS_JUDGED] = 1.0, 0.0
            s[STEEPEST], s[STEEPEST_AT], s[STRENGTH] = slope, n, total
        return False
    if slope > s[STEEPEST]:  # steeper than before a rest on the way up: that was no crest
        s[STEEPEST], s[STEEPEST_AT], s[IS_JUDGED] = slope, n, 0.0
    s[STRENGTH] = max(s[STRENGTH], total)
    is_crest = s[IS_JUDGED] == 0.0 and slope < CREST * s[STEEPEST]
    if is_crest:
        s[IS_JUDGED] = 1.0
    if slope <= 0.0:
        s[IN_RISE] = 0.0
    return bool(is_crest)


@compiled
def _fiducial(dt: float, s: Floats, rings: Floats) -> float:
    """Where the upstroke just ended crosses FIDUCIAL of its height: a step, as a fraction."""
    size, n, foot = rings.shape[1], int(s[N]) - 1, int(s[STEEPEST_AT])
    first = max(foot - int(0.3 / dt), n - size + 3, 1)
    while foot > first and rings[SLOPE, foot % size] > FOOT * s[STEEPEST]:
        foot -= 1
    low = rings[WAVE, foot % size]
    aim = low + FIDUCIAL * (rings[WAVE, n % size] - low)
    above = foot + 1
    while above < n and rings[WAVE, above % size] < aim:
        above += 1
    a, b = rings[WAVE, (above - 1) % size], rings[WAVE, above % size]
    return float(above - 1 + min(max((aim - a) / (b - a), 0.0), 1.0) if b > a else above)


@compiled
def _shape(place: float, dt: float, s: Floats, rings: Floats, shape: Floats) -> None:
    """The wave round step `place`, SHAPE_STEP_S apart, as many points as `shape` has."""
    n = int(s[N]) - 1
    for k in range(shape.shape[0]):
        shape[k] = ring_at(rings[WAVE], place + (k - BEFORE) * SHAPE_STEP_S / dt, n)


@compiled
def _likeness(a: Floats, b: Floats) -> float:
    """Correlation of two shapes, 0 where there is none."""
    x, y = a - np.mean(a), b - np.mean(b)
    power = np.sum(x * x) * np.sum(y * y)
    return float(np.sum(x * y) / np.sqrt(power)) if power > 0.0 else 0.0


@compiled
def _threshold(since: float, last: float, s: Floats) -> float:
    """Share of the level above which an upstroke `since` seconds after a beat of the share `last` is a beat."""
    usual = s[USUAL_S] if s[USUAL_S] > 0.0 else 0.8
    if since > LOST * usual:
        return FRESH
    late = min(max(2.0 * (since / usual - 1.0), 0.0), 1.0)
    least = BASE - (BASE - LATE) * late
    dicrotic_s = min(DICROTIC_S * np.sqrt(usual), LAST_DICROTIC_S)
    soon = min(max((1.1 * dicrotic_s - since) / (0.2 * dicrotic_s), 0.0), 1.0)
    return float(least + soon * max(DICROTIC * min(last, 1.0) - least, 0.0))


@compiled
def _quality(place: float, since: float, dt: float, force: float, s: Floats, rings: Floats, template: Floats) -> float:
    """How like the known pulse an upstroke is: in shape, in strength, and in time; so, too, the last beats."""
    if s[N_TEMPLATE] < N_KNOWN or s[USUAL_S] == 0.0:
        return 0.4
    rise = np.empty(N_RISE)
    _shape(place, dt, s, rings, rise)
    like = min((_likeness(rise, template[:N_RISE]) - 0.3) / 0.5, (s[LIKE] - 0.2) / 0.4)
    odd = s[UNEVEN] + 0.75 * min(abs(np.log(since / s[USUAL_S])), 0.5) + 0.2 * abs(np.log(force))
    return float(min(max(like, 0.0), 1.0) * min(max(1.0 - (odd - 0.21) / 0.4, 0.1), 1.0))


@compiled
def _pair(since: float, strength: float, s: Floats) -> None:
    """Strong, weak, strong, weak: dicrotic waves were taken for beats, and the heart beats half as fast."""
    if strength < DICROTIC * s[STOOD_STRENGTH] and since < LAST_DICROTIC_S:
        s[N_PAIRS] += 1.0
    elif strength * DICROTIC < s[STOOD_STRENGTH]:
        s[N_PAIRS] = 0.0
    if s[N_PAIRS] >= N_SURE_PAIRS:
        s[USUAL_S] = min(since + s[STOOD_SINCE_S], SLOWEST_S)
        s[N_PAIRS] = 0.0


@compiled
def _learn(
    beat_s: float, strength: float, level: float, shape: Floats, s: Floats, levels: Floats, template: Floats
) -> None:
    """A beat that stands teaches the level, the interval and the shape."""
    levels[int(s[N_LEVELS]) % levels.shape[0]] = min(max(strength, 0.3 * level), 2.5 * level)
    s[N_LEVELS] += 1.0
    since = beat_s - s[STOOD_S]
    _pair(since, strength, s)
    s[STOOD_S], s[STOOD_STRENGTH], s[STOOD_SINCE_S] = beat_s, strength, since
    if 0.27 < since < SLOWEST_S:
        if s[USUAL_S] > 0.0:
            s[UNEVEN] += 0.3 * (abs(np.log(since / s[USUAL_S])) - s[UNEVEN])
        s[USUAL_S] += (since - s[USUAL_S]) * (0.2 if s[USUAL_S] > 0.0 else 1.0)
    shape -= np.mean(shape)
    norm = np.sqrt(np.sum(shape * shape))
    likeness, known = _likeness(shape, template), s[N_TEMPLATE]
    if norm > 0.0 and (known < N_KNOWN or likeness > 0.5):
        template += (shape / norm - template) / (min(known, 7.0) + 1.0)
        s[N_TEMPLATE] = known + 1.0
    elif likeness < 0.3:
        s[N_TEMPLATE] = max(known - 0.5, 0.0)  # a template that nothing fits any more is learned again


@compiled
def _is_pulse(shape: Floats, likeness: float, is_first: bool) -> bool:
    """After the second look: does the wave run off as a pulse does? The first after a pause must also look like one."""
    crest = BEFORE + int(np.argmax(shape[BEFORE : BEFORE + 13]))
    height = shape[crest] - np.min(shape[:BEFORE])
    drop = (shape[crest] - np.min(shape[crest:])) / max(height, 1e-300)
    if is_first:
        return bool(drop > 0.2 and likeness > 0.5)
    return bool(drop > 0.05 and (drop > 0.2 or likeness > 0.4))


@compiled
def _is_extra(s: Floats, waiting: Floats) -> bool:
    """Weaker than the beat after it, which comes just when it is due without this one."""
    if s[N_WAITING] < 2.0 or waiting[0, BEAT_STRENGTH] > 0.8 * waiting[1, BEAT_STRENGTH]:
        return False
    return bool(abs(waiting[1, BEAT_S] - s[STOOD_S] - s[USUAL_S]) < 0.15 * s[USUAL_S])


@compiled
def _level(s: Floats, levels: Floats) -> float:
    """Strength of the usual beat: the third of the last eight, so that dicrotic waves do not pull it down."""
    return float(max(np.sort(levels)[5], LEAST_LEVEL * s[MEAN]))


@compiled
def _told(rows: Floats, found: int, time_s: float, quality: float, known_s: float, is_withdrawn: float) -> int:
    """Writes one row; returns how many there are."""
    rows[found, 0], rows[found, 1], rows[found, 2], rows[found, 3] = time_s, quality, known_s, is_withdrawn
    return found + 1


@compiled
def _look_again(
    t: float,
    level: float,
    dt: float,
    s: Floats,
    rings: Floats,
    levels: Floats,
    waiting: Floats,
    template: Floats,
    rows: Floats,
    found: int,
) -> int:
    """The first waiting beat's second look: it stands and teaches, or it is withdrawn."""
    shape = np.empty(N_SHAPE)
    _shape(waiting[0, PLACE], dt, s, rings, shape)
    likeness = _likeness(shape, template)
    s[LIKE] += 0.3 * (likeness - s[LIKE])
    is_first = waiting[0, BEAT_S] - s[STOOD_S] > LOST * s[USUAL_S]
    if s[N_TEMPLATE] < SURE or (_is_pulse(shape, likeness, is_first) and not _is_extra(s, waiting)):
        _learn(waiting[0, BEAT_S], waiting[0, BEAT_STRENGTH], level, shape, s, levels, template)
    else:
        found = _told(rows, found, waiting[0, BEAT_S], 0.0, t, 1.0)
    for k in range(int(s[N_WAITING]) - 1):
        waiting[k] = waiting[k + 1]
    s[N_WAITING] -= 1.0
    return found


@compiled
def _judge(
    t: float,
    level: float,
    good: float,
    dt: float,
    delay_s: float,
    s: Floats,
    rings: Floats,
    waiting: Floats,
    template: Floats,
    rows: Floats,
    found: int,
) -> int:
    """Is the upstroke just ended a beat? It is told if so, and takes the place of a far weaker one just before it."""
    force = s[STRENGTH] / level
    if force > BASE:
        s[BUSY] += 0.5
    place = _fiducial(dt, s, rings)
    beat_s = ring_at(rings[TIME], place, int(s[N]) - 1) - delay_s
    since = beat_s - s[LAST_S]
    is_instead = since < AT_ONCE_S and s[N_WAITING] > 0.0 and s[STRENGTH] > AT_ONCE * s[LAST_STRENGTH]
    last_s, last_strength = s[LAST_S], s[LAST_STRENGTH]
    if is_instead:
        last_s, last_strength = s[PRIOR_S], s[PRIOR_STRENGTH]
        since = beat_s - last_s
    if since < REFRACTORY_S or s[BUSY] > BUSY_HZ or force < _threshold(since, last_strength / level, s):
        return found
    k = int(s[N_WAITING])
    if is_instead:
        k -= 1
        found = _told(rows, found, waiting[k, BEAT_S], 0.0, t, 1.0)
    waiting[k, BEAT_S], waiting[k, PLACE], waiting[k, BEAT_STRENGTH] = beat_s, place, s[STRENGTH]
    s[N_WAITING] = k + 1.0
    s[PRIOR_S], s[PRIOR_STRENGTH], s[LAST_S], s[LAST_STRENGTH] = last_s, last_strength, beat_s, s[STRENGTH]
    return _told(rows, found, beat_s, good * _quality(place, since, dt, force, s, rings, template), t, 0.0)


@compiled
def detect(
    y: Floats,
    good: Floats,
    start_s: float,
    dt: float,
    config: Floats,
    s: Floats,
    rings: Floats,
    levels: Floats,
    waiting: Floats,
    template: Floats,
    rows: Floats,
) -> int:
    """Advances the detector by filtered samples y (n,) of quality `good` (n,).

    Memory: s (SIZE,), rings (N_RINGS, m): wave, rising slope, time; levels (8,): strengths of the last beats; waiting
    (4, 3): beats not yet looked at again; template (N_SHAPE,). Writes rows (3 n, 4) of time_s, quality, known_s and
    is_withdrawn, and returns how many. s[N] = 0 marks a first sample after a hole.
    """
    found = 0
    for i in range(y.shape[0]):
        if not good[i] > 0.0:
            s[N] = 0.0
            s[HOLE_S] += dt
            continue
        if s[N] == 0.0:
            s[LAST_Y] = y[i]
            if s[HOLE_S] > KEEP_S:
                forget_level(s)
            s[HOLE_S] = 0.0
            _forget(s, rings)
        t = start_s + i * dt
        total = _feature(y[i], t, dt, config, s, rings)
        if not _is_ready(total, s, levels):
            continue
        at_s = t - config[DELAY_S]
        if min(at_s - s[LAST_S], s[SINCE_S]) > LOST_S:
            levels *= 1.0 - dt  # nothing found: the level comes down to what there is
        level = _level(s, levels)
        if s[N_WAITING] > 0.0 and at_s - waiting[0, BEAT_S] >= LOOK_S:
            found = _look_again(t, level, dt, s, rings, levels, waiting, template, rows, found)
        if _is_crest(total, level, s, rings):
            found = _judge(t, level, good[i], dt, config[DELAY_S], s, rings, waiting, template, rows, found)
    return found
