"""The compiled beat detector: state in one array, one sample after the other, whatever the cut. See cardiac.py."""

import numpy as np

from biofeed.signals.filters import Floats, compiled

# fmt: off
(
    N, LAST_Y, SUM, LEVEL, PEAK, PEAK_AT, IN_PEAK, IS_REARMED, LAST_T, LAST_PEAK, USUAL_S, N_TEMPLATE, SINCE_S, SIGN,
    TWIST, POWER, MEAN, SIZE,
) = range(18)
IS_ECG, WIDTH, CONFIRM, REFRACTORY_S, LEARN_S, DELAY_S, CAN_TURN, CONFIG_SIZE = range(8)
# fmt: on
NEVER_S = -1e9
THRESHOLD, LATE_THRESHOLD = 0.33, 0.20  # of the usual beat; the lower one when a beat is overdue
LEAST_LEVEL = 2.0  # a beat stands out from the mean of the feature by so much at least
UNLIKE = 0.3  # correlation with the template below which a wave is not a pulse
SURE = 8.0  # beats of one shape: the pulse is known, and so which way is up
N_LEARN = 3.0  # beats before a template says anything


@compiled
def _forget(s: Floats, rings: Floats) -> None:
    """After a hole: nothing of the sums and rings is true any more."""
    s[SUM] = s[IN_PEAK] = s[PEAK] = 0.0
    s[IS_REARMED] = 1.0
    rings[:, :] = 0.0


@compiled
def _feature(y: float, t: float, dt: float, config: Floats, s: Floats, rings: Floats) -> float:
    """Takes one sample in; returns the feature's mean over the width of one upstroke or QRS."""
    size, width, is_ecg = rings.shape[1], int(config[WIDTH]), config[IS_ECG] > 0.0
    slope = (y - s[LAST_Y]) / dt
    s[LAST_Y] = y
    if config[CAN_TURN] > 0.0:  # blood volume rises faster than it falls: slopes skewed downwards are upside down
        bound = 4.0 * np.sqrt(s[POWER]) if s[SINCE_S] > 1.0 else np.inf  # one jerk of the hand decides nothing
        steep = min(max(slope, -bound), bound)
        s[POWER] += dt / 3.0 * (steep * steep - s[POWER])
        s[TWIST] += dt / 3.0 * (steep * steep * steep - s[TWIST])
        is_open = s[SINCE_S] > 4.0 and s[N_TEMPLATE] < SURE
        if is_open and s[SIGN] * s[TWIST] < -0.5 * s[POWER] ** 1.5:
            s[SIGN] = -s[SIGN]
            s[SINCE_S] = s[LEVEL] = s[N_TEMPLATE] = 0.0
            s[LAST_T] = NEVER_S
            _forget(s, rings)
    n = int(s[N])
    feature = slope * slope if is_ecg else max(s[SIGN] * slope, 0.0)
    if n % size == 0:  # the running sum starts afresh: rounding does not pile up
        s[SUM] = 0.0
        for k in range(1, min(width, n + 1)):
            s[SUM] += rings[0, (n - k) % size]
    elif n >= width:
        s[SUM] -= rings[0, (n - width) % size]
    s[SUM] += feature
    rings[0, n % size] = feature
    rings[1, n % size] = abs(y) if is_ecg else s[SIGN] * slope
    rings[2, n % size] = t
    s[N] += 1.0
    s[SINCE_S] += dt
    total = max(s[SUM], 0.0) / width
    return float(np.sqrt(total) if is_ecg else total)


@compiled
def _is_peak(total: float, t: float, dt: float, config: Floats, s: Floats) -> bool:
    """True when a maximum of the feature has stood for CONFIRM samples."""
    n = s[N] - 1.0
    if s[SINCE_S] < config[LEARN_S]:
        if n > config[WIDTH]:
            s[LEVEL] = max(s[LEVEL], 0.8 * total)
        return False
    since = t - config[DELAY_S] - s[LAST_T]
    if since > 2.0 and s[SINCE_S] > config[LEARN_S] + 2.0:
        s[LEVEL] *= 1.0 - dt  # nothing found: the level comes down to what there is
    s[MEAN] += dt / 3.0 * (total - s[MEAN])
    s[LEVEL] = max(s[LEVEL], LEAST_LEVEL * s[MEAN])
    late = min(max((since / s[USUAL_S] - 1.3) / 0.7, 0.0), 1.0) if s[USUAL_S] > 0.0 else 0.0
    threshold = s[LEVEL] * (THRESHOLD - (THRESHOLD - LATE_THRESHOLD) * late)
    if s[IN_PEAK] == 0.0:
        if total < 0.6 * s[PEAK] or total < threshold or n - s[PEAK_AT] > config[REFRACTORY_S] / dt:
            s[IS_REARMED] = 1.0
        if s[IS_REARMED] > 0.0 and total > threshold and total > 0.0:
            s[IN_PEAK], s[PEAK], s[PEAK_AT] = 1.0, total, n
        return False
    if total > s[PEAK]:
        s[PEAK], s[PEAK_AT] = total, n
    if n - s[PEAK_AT] < config[CONFIRM]:
        return False
    s[IN_PEAK] = s[IS_REARMED] = 0.0
    return True


@compiled
def _likeness(best: int, dt: float, s: Floats, rings: Floats, template: Floats) -> float:
    """Correlation of the wave round step `best` with the template, which learns from it; -2 for no wave at all."""
    size, n = rings.shape[1], int(s[N]) - 1
    shape = np.empty(template.shape[0])
    for k in range(shape.shape[0]):
        place = min(max(best + (k - 10) * 0.02 / dt, n - size + 2.0, 0.0), float(n))
        whole = int(np.floor(place))
        left, right = rings[1, whole % size], rings[1, min(whole + 1, n) % size]
        shape[k] = left + (place - whole) * (right - left)
    shape -= np.mean(shape)
    norm = np.sqrt(np.sum(shape * shape))
    if norm <= 0.0:
        return -2.0
    shape /= norm
    likeness = np.sum(shape * template) / max(np.sqrt(np.sum(template * template)), 1e-12)
    known = s[N_TEMPLATE]
    if known < N_LEARN or likeness > 0.5:
        template += (shape - template) / (min(known, 7.0) + 1.0)
        s[N_TEMPLATE] = known + 1.0
    elif likeness < UNLIKE:
        s[N_TEMPLATE] = max(known - 0.5, 0.0)  # a template that nothing fits any more is learned again
    return float(likeness)


@compiled
def _place(dt: float, config: Floats, s: Floats, rings: Floats) -> tuple[int, float]:
    """The fiducial of the peak just confirmed: step and time, between samples by a parabola."""
    size, n, top = rings.shape[1], int(s[N]) - 1, int(s[PEAK_AT])
    best = top
    for k in range(max(top - int(config[WIDTH]), 0, n - size + 3), top + 1):
        if rings[1, k % size] > rings[1, best % size]:
            best = k
    a, b, c = rings[1, (best - 1) % size], rings[1, best % size], rings[1, (best + 1) % size]
    bend = a - 2.0 * b + c
    part = min(max(0.5 * (a - c) / bend, -0.5), 0.5) if bend < 0.0 and best > 0 else 0.0
    return best, rings[2, best % size] + part * dt - config[DELAY_S]


@compiled
def _beat(dt: float, config: Floats, s: Floats, rings: Floats, template: Floats, row: Floats) -> int:
    """Is the confirmed peak a beat? Writes its time and the quality of its shape; returns 1 if so."""
    best, beat_s = _place(dt, config, s, rings)
    since = beat_s - s[LAST_T]
    if since < config[REFRACTORY_S]:
        return 0
    # the dicrotic (or T) wave: soon after a beat and clearly weaker
    soon = 0.55 if s[USUAL_S] == 0.0 else min(0.55, 0.65 * s[USUAL_S])
    if since < (0.36 if config[IS_ECG] > 0.0 else soon) and s[PEAK] < 0.6 * s[LAST_PEAK]:
        return 0
    is_known = s[N_TEMPLATE] >= N_LEARN
    likeness = _likeness(best, dt, s, rings, template)
    # an ectopic QRS looks like no other beat and still is one: it is told, with low quality
    if likeness < (UNLIKE if is_known and config[IS_ECG] == 0.0 else -1.5):
        return 0
    quality = min(max((likeness - UNLIKE) / 0.5, 0.0), 1.0) if is_known else 0.6
    if s[PEAK] > 3.0 * s[LEVEL] or s[PEAK] < 0.3 * s[LEVEL]:
        quality *= 0.5
    s[LEVEL] += 0.2 * (min(s[PEAK], 2.0 * s[LEVEL]) - s[LEVEL])
    if 0.27 < since < 2.0:
        s[USUAL_S] += (since - s[USUAL_S]) * (0.2 if s[USUAL_S] > 0.0 else 1.0)
    s[LAST_T], s[LAST_PEAK] = beat_s, s[PEAK]
    row[0], row[1] = beat_s, quality
    return 1


@compiled
def detect(
    y: Floats,
    good: Floats,
    start_s: float,
    dt: float,
    config: Floats,
    s: Floats,
    rings: Floats,
    template: Floats,
    rows: Floats,
) -> int:
    """Advances the detector by filtered samples y (n,) of quality `good` (n,); rings are (3, n): feature, wave, time.

    Writes rows of time_s, quality and returns how many. Where quality is 0 nothing is detected and learning starts
    again afterwards; a first sample after a hole is marked by s[N] = 0.
    """
    found = 0
    for i in range(y.shape[0]):
        if good[i] <= 0.0:
            s[N] = s[LEVEL] = s[MEAN] = s[SINCE_S] = s[POWER] = s[TWIST] = 0.0
            s[LAST_T] = NEVER_S
            continue
        if s[N] == 0.0:
            s[LAST_Y] = y[i]
            _forget(s, rings)
        t = start_s + i * dt
        total = _feature(y[i], t, dt, config, s, rings)
        if _is_peak(total, t, dt, config, s) and _beat(dt, config, s, rings, template, rows[found]) > 0:
            rows[found, 1] *= good[i]
            found += 1
    return found
