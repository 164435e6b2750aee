"""The compiled breath tracker: state in one array, one sample after the other, whatever the cut. See respiration.py."""

import numpy as np

from biofeed.signals.filters import Floats, compiled

# fmt: off
(
    SIGN, STALE, OFFSET, TAINT, HEADING, EXTREME, EXTREME_AT, TURNS, BREATHS, LOW, HIGH, AMPLITUDE, DUTY, RATE_HZ,
    PHASE, PHASE_S, PULL, ERROR, HELD, VALUE, PEAK_S, PEAK, TROUGH_S, TROUGH, LAST_TURN_S, N_RECENT, N_SAMPLE, N_STEP,
    LOW_AT, HIGH_AT, RAW_DUTY, PERIODS, _P2, _P3, SPAN, SLIPS, OFF_S, SIZE,
) = range(38)
# fmt: on

TURN_SHARE = 0.2  # of the breath's range: going back by so much confirms a turning point
SPAN_S = 12.0  # the range seen in this time also says what a turn is: a pulse in the belt is no breath
TAINT_S = 0.3  # a breath with a longer hole in it is not told
FORGET_S = 3.0  # without a signal for so long, the range has to be learned again
EARLIER = 1.15  # depth that grows with the square of time would give 1.37, but pulse and noise show 90 % early
SLIP_SHARE = 0.6  # of the breath's range, within SLIP_S
PERIOD_LOW_S, PERIOD_HIGH_S = 1.2, 40.0  # 50 and 1.5 breaths/min: the edges of what is called a breath
MOVE_S = 0.16  # over this time movement is compared with the waveform's
# How far value and movement scatter about the waveform, and the phase about its prediction. Chosen on simulated belts
# at 3-25/min; they are not the best for impedance breath of intensive care (BIDMC).
VALUE_SPREAD, MOVE_SPREAD, PHASE_SPREAD, CORRECT_S = 0.2, 0.6, 0.06, 0.25
FREE_TURNS = 3  # until then the phase is set, afterwards only pulled
POLARITY_BREATHS = 4  # breaths looked at before the shape decides which way is up
POLARITY_DUTY = 0.56  # people inhale faster than they exhale: a longer rise is a fall upside down


def is_learned(turns: int, breaths: int, is_open: bool) -> bool:
    """Enough turning points for a phase; more when the polarity has to be learned from the shape."""
    return turns >= FREE_TURNS and (not is_open or breaths >= POLARITY_BREATHS)


@compiled
def _wave(template: Floats, phase: float) -> float:
    n = template.shape[0]
    place = (phase - np.floor(phase)) * n
    k = int(place)
    a, b = template[k % n], template[(k + 1) % n]
    return float(a + (place - k) * (b - a))


@compiled
def _crossing(history: Floats, n: int, stop: int, heading: float, extreme: float, depth: float) -> float:
    """The last time before step n at which the signal was within `depth` of the extreme."""
    size = history.shape[1]
    for j in range(n - 1, stop - 1, -1):
        here = heading * (extreme - history[0, j % size])
        if here <= depth:
            after = heading * (extreme - history[0, (j + 1) % size])
            part = (depth - here) / (after - here) if after > here else 0.0
            t = history[1, j % size]
            return float(t + part * (history[1, (j + 1) % size] - t))
    return float(history[1, stop % size])


@compiled
def _turn_time(history: Floats, n: int, at: int, heading: float, extreme: float, depth: float) -> float:
    """When the turn began: extrapolated from when its depth passed 30 % and 90 % of what confirmed it."""
    size = history.shape[1]
    shallow = _crossing(history, n, at, heading, extreme, 0.3 * depth)
    deep = _crossing(history, n, at, heading, extreme, 0.9 * depth)
    first = at
    while first > max(0, n - size + 2) and heading * (extreme - history[0, (first - 1) % size]) <= 0.3 * depth:
        first -= 1
    return float(min(max(shallow - EARLIER * (deep - shallow), history[1, first % size]), shallow))


@compiled
def _learn(history: Floats, n: int, template: Floats, s: Floats, end_s: float, end: float, gain: float) -> None:
    """Blends the breath that has just ended into the waveform, each half stretched to half of the phase."""
    size, bins = history.shape[1], template.shape[0]
    half = bins // 2
    j = max(0, n - size + 2)
    for k in range(bins):
        if k < half:
            t = s[TROUGH_S] + (s[PEAK_S] - s[TROUGH_S]) * k / half
            base = s[TROUGH]
        else:
            t = s[PEAK_S] + (end_s - s[PEAK_S]) * (k - half) / half
            base = end
        while j < n - 1 and history[1, (j + 1) % size] <= t:
            j += 1
        a, b = history[:, j % size], history[:, (j + 1) % size]
        part = min(max((t - a[1]) / (b[1] - a[1]), 0.0), 1.0) if b[1] > a[1] else 0.0
        u = (a[0] + part * (b[0] - a[0]) - base) / max(s[PEAK] - base, 1e-12)
        template[k] += gain * (min(max(u, 0.0), 1.0) - template[k])


@compiled
def _turn(
    history: Floats, template: Floats, s: Floats, n: int, t: float, depth: float, lag: float, rows: Floats
) -> int:
    """A turning point is certain: update range, rate, duty and waveform; returns 1 when it ends a Breath."""
    heading, extreme = s[HEADING], s[EXTREME]
    turn_s = _turn_time(history, n, int(s[EXTREME_AT]), heading, extreme, depth)
    gain = 0.5 if s[TURNS] < 5.0 else 0.25
    told = 0
    if heading > 0.0:
        s[PEAK_S], s[PEAK] = turn_s, extreme
        s[HIGH] += gain * (extreme - s[HIGH])
    else:
        inhale, exhale = s[PEAK_S] - s[TROUGH_S], turn_s - s[PEAK_S]
        is_whole = s[TURNS] >= 2.0 and inhale > 0.2 and exhale > 0.2
        if is_whole and PERIOD_LOW_S < inhale + exhale < PERIOD_HIGH_S and s[TAINT] == 0.0:
            s[BREATHS] += 1.0
            for k in range(2):
                s[PERIODS + k] = s[PERIODS + k + 1]
            s[PERIODS + 2] = inhale + exhale
            duty = min(max(inhale / (inhale + exhale), 0.2), 0.7)
            s[RAW_DUTY] += (duty - s[RAW_DUTY]) / min(s[BREATHS], 6.0)
            s[DUTY] += (duty - s[DUTY]) * (0.6 if s[BREATHS] < 3.0 else 0.3)
            a, b, c = s[PERIODS], s[PERIODS + 1], s[PERIODS + 2]
            usual = max(min(a, b), min(max(a, b), c)) if a > 0.0 else c
            s[RATE_HZ] = 1.0 / usual
            _learn(history, n, template, s, turn_s, extreme, 0.5 if s[BREATHS] < 3.0 else 0.3)
            rows[0, 0], rows[0, 1], rows[0, 2] = s[TROUGH_S] - lag, inhale, exhale
            rows[0, 3] = min(max((s[PEAK] - s[TROUGH]) / max(s[AMPLITUDE], 1e-12), 0.0), 1.0)
            told = 1
        s[TAINT] = 0.0
        s[TROUGH_S], s[TROUGH] = turn_s, extreme
        s[LOW] += gain * (extreme - s[LOW])
    s[TURNS] += 1.0
    s[LAST_TURN_S] = turn_s
    s[AMPLITUDE] = max(s[HIGH] - s[LOW], 1e-12)
    if s[RATE_HZ] <= 0.0 and s[TURNS] >= 2.0:
        s[RATE_HZ] = 0.5 / max(abs(s[PEAK_S] - s[TROUGH_S]), 0.6)
    share = 0.5 / (1.0 - s[DUTY]) if heading > 0.0 else 0.5 / s[DUTY]
    seen = (0.5 if heading > 0.0 else 0.0) + min((t - turn_s) * s[RATE_HZ] * share, 0.3)
    if s[TURNS] <= FREE_TURNS:
        s[PHASE], s[PULL] = seen, 0.0
    else:
        off = seen - s[PHASE]
        s[PULL] = 0.6 * (off - np.floor(off + 0.5))
    s[HEADING] = -heading
    s[EXTREME], s[EXTREME_AT] = history[0, n % history.shape[1]], n
    return told


@compiled
def _follow(history: Floats, template: Floats, s: Floats, n: int, y: float, step_s: float) -> None:
    """Predict the phase over one step, correct it by value and movement, and never run it backwards."""
    size = history.shape[1]
    now = s[PHASE]
    speed = s[RATE_HZ] * (0.5 / s[DUTY] if now < 0.5 else 0.5 / (1.0 - s[DUTY]))
    ahead = now + speed * step_s
    back = max(1, round(MOVE_S / step_s))
    u = (y - s[LOW]) / s[AMPLITUDE]
    moved = (y - history[0, (n - back) % size]) / s[AMPLITUDE] if n >= back else 0.0
    spread = max(MOVE_SPREAD * speed * back * step_s, 0.01)
    best, least = ahead, np.inf
    for k in range(-24, 25):
        q = ahead + k / 128.0
        wave = _wave(template, q)
        a = (u - wave) / VALUE_SPREAD
        b = (moved - (wave - _wave(template, q - speed * back * step_s))) / spread
        c = k / 128.0 / PHASE_SPREAD
        cost = a * a + b * b + c * c
        if cost < least:
            best, least = q, cost
    pull = s[PULL] * min(1.0, step_s / 0.2)
    s[PULL] -= pull
    then = ahead + (best - ahead) * min(1.0, step_s / CORRECT_S) + pull
    then = max(now, min(then, now + 3.0 * speed * step_s))
    if s[HEADING] * (s[EXTREME] - y) < 0.03 * s[AMPLITUDE]:  # no sign of the turn yet: wait a little beyond it
        stop = 0.52 if s[HEADING] > 0.0 else 1.02
        place = then + 1.0 if stop > 1.0 and then < 0.25 else then
        if stop < place < stop + 0.25:
            then = max(now, then - (place - stop))
    s[PHASE] = then - np.floor(then)
    s[ERROR] += min(step_s / 2.5, 1.0) * (abs(u - _wave(template, s[PHASE])) - s[ERROR])


@compiled
def _span(history: Floats, n: int, steps: int) -> float:
    """The range of the signal over the last steps."""
    size = history.shape[1]
    low = high = history[0, n % size]
    for k in range(0, min(steps, size - 2), 4):
        low = min(low, history[0, (n - k) % size])
        high = max(high, history[0, (n - k) % size])
    return float(high - low)


@compiled
def _still(history: Floats, s: Floats, n: int, step_s: float) -> float:
    """1 when the breath has moved by less than a quarter of its range for one and a half expected breaths."""
    steps = int(1.5 / (s[RATE_HZ] * step_s))
    return 1.0 if n >= steps and _span(history, n, steps) < 0.25 * s[AMPLITUDE] else 0.0


@compiled
def _sample(x: float, dt: float, config: Floats, s: Floats, z: Floats, unit: Floats, recent: Floats) -> float:
    """One raw sample: a slip of the belt is taken out, then the low-pass; returns its output."""
    value = s[SIGN] * x - s[OFFSET]
    if s[STALE] > 0.0:
        s[STALE] = s[TURNS] = s[BREATHS] = s[HEADING] = s[RATE_HZ] = s[N_STEP] = 0.0
        s[HELD] = s[ERROR] = s[TAINT] = s[SLIPS] = s[SPAN] = s[AMPLITUDE] = 0.0
        s[PERIODS : PERIODS + 3] = 0.0
        recent[:] = value
        z[0], z[1] = unit[0] * value, unit[1] * value
        s[LOW] = s[HIGH] = value
    spot = int(s[N_RECENT]) % recent.shape[0]
    s[SLIPS] -= s[SLIPS] * dt / 10.0
    if s[BREATHS] >= 3.0 and abs(value - recent[spot]) > SLIP_SHARE * max(s[AMPLITUDE], s[SPAN]):
        s[SLIPS] += 1.0
        s[TAINT] = 1.0
        s[OFFSET] += value - recent[spot]
        value = recent[spot]
        recent[:] = value
        if s[SLIPS] > 2.5:  # slip after slip: it is the range that was learned wrong
            s[STALE] = 1.0
            s[OFFSET] = 0.0
    recent[spot] = value
    s[N_RECENT] += 1.0
    y = config[4] * value + z[0]
    z[0] = config[5] * value - config[7] * y + z[1]
    z[1] = config[6] * value - config[8] * y
    return float(y)


@compiled
def _heads(y: float, n: int, t: float, floor: float, s: Floats) -> float:
    """Follows the extreme of the half breath that is under way; returns the depth that would end it."""
    if s[HEADING] != 0.0:
        if s[HEADING] * (y - s[EXTREME]) > 0.0:
            s[EXTREME], s[EXTREME_AT] = y, n
        late = max((t - s[LAST_TURN_S]) * s[RATE_HZ] - 1.0, 0.0)  # overdue: a shallower breath may have begun
        usual = s[AMPLITUDE] * max(1.0 - 0.5 * late, 0.3)
        return float(max(TURN_SHARE * max(usual, 0.8 * s[SPAN]), 0.5 * floor))
    if y <= s[LOW] or n == 0:
        s[LOW], s[LOW_AT] = y, n
    if y >= s[HIGH] or n == 0:
        s[HIGH], s[HIGH_AT] = y, n
    s[AMPLITUDE] = s[HIGH] - s[LOW]
    depth = 0.3 * s[AMPLITUDE]
    if s[AMPLITUDE] > floor:
        if s[HIGH_AT] > s[LOW_AT] and y < s[HIGH] - depth:
            s[HEADING], s[EXTREME], s[EXTREME_AT] = 1.0, s[HIGH], s[HIGH_AT]
        elif s[LOW_AT] > s[HIGH_AT] and y > s[LOW] + depth:
            s[HEADING], s[EXTREME], s[EXTREME_AT] = -1.0, s[LOW], s[LOW_AT]
    return float(depth)


@compiled
def _step(
    y: float, t: float, step_s: float, config: Floats, s: Floats, history: Floats, template: Floats, rows: Floats
) -> int:
    """One step of the tracker; returns 1 when a Breath has ended."""
    size, n = history.shape[1], int(s[N_STEP])
    s[N_STEP] += 1.0
    history[0, n % size], history[1, n % size] = y, t
    s[VALUE], s[PHASE_S] = y, t
    if n % 8 == 0:
        s[SPAN] = _span(history, n, min(n, int(SPAN_S / step_s)))
    depth = _heads(y, n, t, config[1], s)
    told = 0
    if s[HEADING] != 0.0 and s[HEADING] * (s[EXTREME] - y) > depth:
        s[EXTREME_AT] = max(s[EXTREME_AT], n - size + 2)
        told = _turn(history, template, s, n, t, depth, config[2], rows)
        if config[3] > 0.0 and s[BREATHS] >= POLARITY_BREATHS and s[RAW_DUTY] > POLARITY_DUTY:
            s[SIGN] = -s[SIGN]
            s[STALE] = 1.0
            s[RAW_DUTY] = s[OFFSET] = 0.0
    elif s[TURNS] >= 2.0 and s[AMPLITUDE] > 0.0 and s[RATE_HZ] > 0.0:
        if n % 8 == 0:
            s[HELD] = _still(history, s, n, step_s)
        if s[HELD] == 0.0:
            _follow(history, template, s, n, y, step_s)
    return told


@compiled
def track(
    x: Floats,
    good: Floats,
    start_s: float,
    dt: float,
    config: Floats,
    s: Floats,
    z: Floats,
    unit: Floats,
    recent: Floats,
    history: Floats,
    template: Floats,
    rows: Floats,
) -> int:
    """Advances the tracker by x (n,); writes rows of start_s, inhale_s, exhale_s, depth; returns how many.

    `config`: samples per step, least range, low-pass delay, is the polarity open, five filter coefficients. `z`, `unit`
    (2,): the filter's memory, and that for a standing 1. `history` (2, n): value and time of the last steps.
    """
    every = int(config[0])
    found = 0
    for i in range(x.shape[0]):
        if good[i] <= 0.0:  # nothing is measured: after a while, what was learned of the range may be wrong
            s[OFF_S] += dt
            if s[OFF_S] > TAINT_S:
                s[TAINT] = 1.0
            if s[OFF_S] > FORGET_S:
                s[STALE] = 1.0
                s[OFFSET] = 0.0
            continue
        s[OFF_S] = 0.0
        y = _sample(x[i], dt, config, s, z, unit, recent)
        s[N_SAMPLE] += 1.0
        if int(s[N_SAMPLE]) % every == 0:
            found += _step(y, start_s + i * dt, every * dt, config, s, history, template, rows[found:])
    return found
