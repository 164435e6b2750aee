"""The compiled ECG beat detector: one sample after the other, whatever the cut. See ecg.py."""

from typing import NamedTuple

import numpy as np

from biofeed.signals.filters import Floats, compiled
from biofeed.signals.rings import NEVER_S, ring_at

# fmt: off
(
    N, SUM, LEVEL, NOISE, SINCE_S, HOLE_S, LAST_S, LAST_HEIGHT, LAST_LIKENESS, BEFORE_S, USUAL_S, N_HEIGHTS,
    N_INTERVALS, N_MAYBE, IS_PENDING, PENDING_S, SIZE,
) = range(17)
WIDTH, CONFIRM, QRS_DELAY_S, BROAD_DELAY_S, FINE_DELAY_S, CONFIG_SIZE = range(6)
QRS, BROAD, FINE, ENERGY, TIME, N_RINGS = range(6)  # band-passed signals, their short-time energy, session time
AT, HEIGHT, LIKENESS, N_OF_MAYBE = range(4)
NOTHING, WAVE, BEAT, BETTER = range(4)
# fmt: on
LEARN_S = 2.0  # holds a beat at 30/min
BLIND_S = 0.3  # after a hole the filters settle
FORGET_S = 2.0  # after a longer hole the level is learned again
THRESHOLD = 0.35  # of the way from the noise to the usual beat
LATE_EASE = 0.4  # the threshold comes down by so much when a beat is overdue
LIKENESS_WEIGHT = 0.6  # how far a familiar or a strange shape moves the threshold
FALSE_PENALTY = 0.3  # for a shape like those that had to be withdrawn
RARE_PENALTY = 0.5  # of likeness, for a shape seen much less often than the usual one
LEAST_LEVEL = 3.0  # times the noise: below there are no beats to be told from it
REFRACTORY_S, REPLACE_S, T_WAVE_S = 0.2, 0.3, 0.36
REPLACE = 1.2  # a wave so much weightier shows that the one just before it was a P wave or noise
SURE = 0.8  # likeness from which a beat is believed to be one: the rhythm is learned from these
ON_TIME = 0.15  # of the usual interval: a sure beat so near to its time shows that a strange one just before was false
WITHDRAW_S = 0.5  # nothing told longer ago is withdrawn
KNOWN = 0.97  # a wave so much like the person's beats is not replaced
T_HEIGHT, T_LIKENESS = 0.6, 0.9  # a T wave is lower than its QRS and does not look like one
SEARCH_BACK, SEARCH_EASE = 1.66, 0.5  # of the usual interval; of the threshold (Pan and Tompkins 1985)
STAND_S = 0.4  # a beat that has stood so long is learned from
N_POINTS, STEP_S, SHIFT = 25, 0.008, 2  # the compared shape: 192 ms; shifts that are tried either way
N_CLASSES = 4  # shapes of beats; one more is that of false waves
SAME = 0.8  # correlation from which two beats are of one shape
FADE_S = 60.0  # a shape not seen for so long counts a third
MOST_SEEN = 50.0
CENTRE_S = 0.07  # half width of the window whose centre of gravity is the fiducial


class Memory(NamedTuple):
    """All that the detector knows between samples."""

    s: Floats  # (SIZE,)
    rings: Floats  # (N_RINGS, n)
    heights: Floats  # (8,) of the last beats
    intervals: Floats  # (8,) s
    maybe: Floats  # (64, N_OF_MAYBE) peaks since the last beat that were not taken
    shapes: Floats  # (N_CLASSES + 1, N_POINTS), of norm 1
    seen: Floats  # (N_CLASSES + 1, 2): how often, and when last (s)
    pending: Floats  # (N_POINTS,) shape of the last beat, not yet learned


def new_memory(rate_hz: float) -> Memory:
    """A detector that knows nothing."""
    s = np.zeros(SIZE)
    s[LAST_S] = s[BEFORE_S] = NEVER_S
    s[USUAL_S] = 0.8
    rings = np.zeros((N_RINGS, round(0.5 * rate_hz) + 8))
    shapes, seen = np.zeros((N_CLASSES + 1, N_POINTS)), np.zeros((N_CLASSES + 1, 2))
    return Memory(s, rings, np.zeros(8), np.zeros(8), np.zeros((64, N_OF_MAYBE)), shapes, seen, np.zeros(N_POINTS))


@compiled
def _centre(ring: Floats, near: float, half: int, newest: int, is_sharp: bool) -> float:
    """Centre of gravity (step) of the wave's size, or its fourth power, round `near`; found twice, the second time
    round the first."""
    size = ring.shape[0]
    for _ in range(2):
        weight = moment = 0.0
        middle = int(np.round(near))
        for j in range(max(middle - half, newest - size + 1, 0), min(middle + half, newest) + 1):
            a = abs(ring[j % size])
            if is_sharp:
                a = a * a * a * a
            weight += a
            moment += a * j
        if weight <= 0.0:
            return near
        near = moment / weight
    return near


@compiled
def _correlation(shape: Floats, known: Floats) -> float:
    """The best correlation of two shapes (N_POINTS,) of norm 1 over small shifts."""
    best = -1.0
    for shift in range(-SHIFT, SHIFT + 1):
        total = 0.0
        for j in range(SHIFT, N_POINTS - SHIFT):
            total += shape[j] * known[j + shift]
        best = max(best, total)
    return best


@compiled
def _learn(m: Memory, row: int, shape: Floats, t: float) -> None:
    count = m.seen[row, 0] + 1.0
    m.seen[row, 0], m.seen[row, 1] = min(count, MOST_SEEN), t
    known = m.shapes[row]
    known += (shape - known) / min(count, 8.0)
    known /= max(np.sqrt(np.sum(known * known)), 1e-12)


@compiled
def _weight(m: Memory, row: int, t: float) -> float:
    """How often a shape was seen, fading."""
    return float(m.seen[row, 0] * np.exp(-(t - m.seen[row, 1]) / FADE_S))


@compiled
def _learn_pending(m: Memory, t: float) -> None:
    """The last beat has stood: its shape joins the one that it is like, or takes the place of the least used."""
    m.s[IS_PENDING] = 0.0
    best, likeness, least = 0, -1.0, 0
    for row in range(N_CLASSES):
        if m.seen[row, 0] > 0.0:
            same = _correlation(m.pending, m.shapes[row])
            if same > likeness:
                best, likeness = row, same
        if _weight(m, row, t) < _weight(m, least, t):
            least = row
    if likeness <= SAME:
        best = least
        m.seen[best, 0] = 0.0
    _learn(m, best, m.pending, t)


@compiled
def _likeness(m: Memory, shape: Floats, t: float) -> tuple[float, bool]:
    """How like the person's usual beats (0.5 while none is known), and whether more like the false ones."""
    likeness, best, most = -1.0, -1, 0.0
    for row in range(N_CLASSES):
        most = max(most, _weight(m, row, t))
        if m.seen[row, 0] >= 3.0:
            same = _correlation(shape, m.shapes[row])
            if same > likeness:
                likeness, best = same, row
    if best < 0:
        likeness = 0.5
    else:
        likeness -= RARE_PENALTY * (1.0 - min(2.0 * _weight(m, best, t) / max(most, 1e-12), 1.0))
    is_false = False
    if m.seen[N_CLASSES, 0] >= 2.0:
        false = _correlation(shape, m.shapes[N_CLASSES])
        is_false = false > 0.85 and false > likeness
    return likeness, is_false


@compiled
def _share(likeness: float) -> float:
    """Where the threshold lies between noise (0) and usual beat (1)."""
    return float(THRESHOLD * (1.0 + LIKENESS_WEIGHT * (0.7 - max(likeness, 0.0))))


@compiled
def _take(m: Memory, at_s: float, height: float, likeness: float) -> None:
    """Level, interval and place of a beat."""
    s = m.s
    since = at_s - s[LAST_S]
    if 0.25 < since < 2.5 and (min(likeness, s[LAST_LIKENESS]) > SURE or s[N_INTERVALS] < 8.0):
        m.intervals[int(s[N_INTERVALS]) % 8] = since
        s[N_INTERVALS] += 1.0
        s[USUAL_S] = np.median(m.intervals[: min(int(s[N_INTERVALS]), 8)])
    m.heights[int(s[N_HEIGHTS]) % 8] = height
    s[N_HEIGHTS] += 1.0
    if s[N_HEIGHTS] >= 3.0:
        s[LEVEL] = np.median(m.heights[: min(int(s[N_HEIGHTS]), 8)])
    else:
        s[LEVEL] += 0.3 * (height - s[LEVEL])
    s[BEFORE_S] = s[LAST_S]
    s[LAST_S], s[LAST_HEIGHT], s[LAST_LIKENESS] = at_s, height, likeness


@compiled
def _fiducial(m: Memory, middle: float, dt: float, config: Floats) -> float:
    """Session time of the wave whose energy is centred on step `middle`."""
    newest, half = int(m.s[N]) - 1, int(np.round(CENTRE_S / dt))
    onset = middle - config[QRS_DELAY_S] / dt
    broad = _centre(m.rings[BROAD], onset + config[BROAD_DELAY_S] / dt, half, newest, False)
    fine = _centre(m.rings[FINE], onset + config[FINE_DELAY_S] / dt, half, newest, True)
    broad_s = ring_at(m.rings[TIME], broad, newest) - config[BROAD_DELAY_S]
    fine_s = ring_at(m.rings[TIME], fine, newest) - config[FINE_DELAY_S]
    return float(0.5 * (broad_s + fine_s))


@compiled
def _verdict(s: Floats, at_s: float, t: float, height: float, likeness: float) -> int:
    """What a peak over the threshold is: BEAT, BETTER (a beat, and the one before it was none) or WAVE (of a beat)."""
    since = at_s - s[LAST_S]
    own, last = height * (0.3 + max(likeness, 0.0)) ** 2, s[LAST_HEIGHT] * (0.3 + max(s[LAST_LIKENESS], 0.0)) ** 2
    is_known = s[LAST_LIKENESS] >= KNOWN and since >= REFRACTORY_S
    if since < REPLACE_S and own > REPLACE * last and not is_known:
        return BETTER
    if since < REFRACTORY_S or (since < T_WAVE_S and height < T_HEIGHT * s[LAST_HEIGHT] and likeness < T_LIKENESS):
        return WAVE
    is_due = abs(at_s - s[BEFORE_S] - s[USUAL_S]) < ON_TIME * s[USUAL_S]
    is_strange = s[LAST_LIKENESS] < min(likeness - 0.15, SURE)
    return BETTER if is_due and is_strange and likeness > SURE and t - s[LAST_S] < WITHDRAW_S else BEAT


@compiled
def _peak(m: Memory, top: int, dt: float, config: Floats, rows: Floats, found: int) -> int:
    """A maximum of the energy at step `top` has stood: a beat, a better one than the last, or nothing?"""
    s, newest = m.s, int(m.s[N]) - 1
    height, t = m.rings[ENERGY, top % m.rings.shape[1]], m.rings[TIME, newest % m.rings.shape[1]]
    middle = top - 0.5 * config[WIDTH]
    at_s = _fiducial(m, middle, dt, config)
    shape = np.empty(N_POINTS)
    for j in range(N_POINTS):
        shape[j] = ring_at(m.rings[QRS], middle + (j - N_POINTS // 2) * STEP_S / dt, newest)
    shape /= max(np.sqrt(np.sum(shape * shape)), 1e-300)
    likeness, is_false = _likeness(m, shape, t)
    since = at_s - s[LAST_S]
    late = min(max((since / s[USUAL_S] - 1.2) / 0.6, 0.0), 1.0)
    share = (_share(likeness) + (FALSE_PENALTY if is_false else 0.0)) * (1.0 - LATE_EASE * late)
    verdict = NOTHING
    if height > s[NOISE] + share * (s[LEVEL] - s[NOISE]):
        verdict = _verdict(s, at_s, t, height, likeness)
    if verdict == BETTER:
        rows[found, 0], rows[found, 1], rows[found, 2], rows[found, 3] = s[LAST_S], 0.0, t, 1.0
        found += 1
        if s[IS_PENDING] > 0.0 and 0.12 < since < REPLACE_S:
            _learn(m, N_CLASSES, m.pending, t)
        s[N_HEIGHTS] = max(s[N_HEIGHTS] - 1.0, 0.0)
        s[LAST_S] = s[BEFORE_S]
    if verdict >= BEAT:
        _take(m, at_s, height, likeness)
        rows[found, 0], rows[found, 1], rows[found, 2], rows[found, 3] = at_s, likeness, t, 0.0
        s[N_MAYBE] = 0.0
        m.pending[:] = shape
        s[IS_PENDING], s[PENDING_S] = 1.0, at_s
        return found + 1
    if verdict == NOTHING:
        s[NOISE] += 0.1 * (min(height, s[LEVEL]) - s[NOISE])
    if s[N_MAYBE] < m.maybe.shape[0] and since > 0.25:
        row = m.maybe[int(s[N_MAYBE])]
        row[AT], row[HEIGHT], row[LIKENESS] = at_s, height, likeness
        s[N_MAYBE] += 1.0
    return found


@compiled
def _search_back(m: Memory, t: float, rows: Floats, found: int) -> int:
    """No beat for long: was the highest of the peaks that were not taken one?"""
    s = m.s
    best = -1
    for j in range(int(s[N_MAYBE])):
        at_s, height = m.maybe[j, AT], m.maybe[j, HEIGHT]
        threshold = SEARCH_EASE * (s[NOISE] + _share(m.maybe[j, LIKENESS]) * (s[LEVEL] - s[NOISE]))
        since = at_s - s[LAST_S]
        is_free = since > 0.3 and (since > 0.4 or height > T_HEIGHT * s[LAST_HEIGHT])
        if is_free and height > threshold and (best < 0 or height > m.maybe[best, HEIGHT]):
            best = j
    left = 0
    if best >= 0:
        at_s, height, likeness = m.maybe[best, AT], m.maybe[best, HEIGHT], m.maybe[best, LIKENESS]
        _take(m, at_s, height, 1.0)
        rows[found, 0], rows[found, 1], rows[found, 2], rows[found, 3] = at_s, 0.5 * likeness, t, 0.0
        found += 1
        for j in range(best, int(s[N_MAYBE])):
            if m.maybe[j, AT] > at_s + 0.25:
                m.maybe[left] = m.maybe[j]
                left += 1
    s[N_MAYBE] = left
    return found


@compiled
def _is_top(energy: Floats, top: int, reach: int) -> bool:
    """True when no value within `reach` steps either way is higher."""
    size = energy.shape[0]
    value = energy[top % size]
    if value <= 0.0:
        return False
    for j in range(1, reach + 1):  # noqa: SIM110 - a generator does not compile
        if energy[(top - j) % size] > value or energy[(top + j) % size] >= value:
            return False
    return True


@compiled
def skip(m: Memory, gap_s: float) -> None:
    """Time that says nothing: sums and rings are forgotten, after a long hole the level as well."""
    s = m.s
    m.rings[: ENERGY + 1, :] = 0.0
    s[HOLE_S] = max(s[HOLE_S], 0.0) + gap_s
    s[SUM] = s[N_MAYBE] = s[IS_PENDING] = 0.0
    if s[HOLE_S] > FORGET_S:
        s[SINCE_S] = s[LEVEL] = s[NOISE] = s[N_HEIGHTS] = 0.0


@compiled
def _add(m: Memory, qrs: float, broad: float, fine: float, dt: float, width: int) -> float:
    """Takes a sample of the three bands in; returns the energy, 0 while the filters settle after a hole."""
    s, n, size = m.s, int(m.s[N]) - 1, m.rings.shape[1]
    if n % size == 0:  # the running sum starts afresh: rounding does not pile up
        s[SUM] = 0.0
        for k in range(1, width):
            s[SUM] += m.rings[QRS, (n - k) % size] ** 2
    else:
        s[SUM] -= m.rings[QRS, (n - width) % size] ** 2
    s[SUM] += qrs * qrs
    m.rings[QRS, n % size], m.rings[BROAD, n % size], m.rings[FINE, n % size] = qrs, broad, fine
    if s[HOLE_S] > 0.0:
        s[HOLE_S] = -BLIND_S
    is_blind = s[HOLE_S] < 0.0
    s[HOLE_S] = min(s[HOLE_S] + dt, 0.0)
    energy = 0.0 if is_blind else np.sqrt(max(s[SUM], 0.0) / width)
    m.rings[ENERGY, n % size] = energy
    return float(energy)


@compiled
def detect(
    qrs: Floats, broad: Floats, fine: Floats, quality: Floats, start_s: float, dt: float, config: Floats, m: Memory,
    rows: Floats,
) -> int:  # fmt: skip
    """Takes (n,) samples of three bands; writes rows (time_s, likeness, known_s, is_withdrawn), returns how many."""
    s, reach = m.s, int(config[CONFIRM])
    found = 0
    for i in range(qrs.shape[0]):
        t = start_s + i * dt
        s[N] += 1.0
        m.rings[TIME, int(s[N] - 1.0) % m.rings.shape[1]] = t
        if quality[i] <= 0.0:
            skip(m, dt)
            continue
        energy = _add(m, qrs[i], broad[i], fine[i], dt, int(config[WIDTH]))
        s[SINCE_S] += dt
        if s[SINCE_S] < LEARN_S:
            if s[SINCE_S] > BLIND_S:
                s[LEVEL] = max(s[LEVEL], 0.7 * energy)
            continue
        if t - s[LAST_S] > 2.0:  # nothing found: the level comes down to what there is
            s[LEVEL] *= 1.0 - 0.5 * dt
        s[LEVEL] = max(s[LEVEL], LEAST_LEVEL * s[NOISE])
        if s[IS_PENDING] > 0.0 and t - s[PENDING_S] > STAND_S:
            _learn_pending(m, t)
        top = int(s[N]) - 1 - reach
        if _is_top(m.rings[ENERGY], top, reach):
            found = _peak(m, top, dt, config, rows, found)
        if s[N_MAYBE] > 0.0 and s[N_INTERVALS] >= 3.0 and t - s[LAST_S] > SEARCH_BACK * s[USUAL_S] + 0.2:
            found = _search_back(m, t, rows, found)
    return found
