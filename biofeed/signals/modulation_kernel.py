"""The compiled side of breath without a belt: samples and beats become even series, series a rate. See modulation.py.

`rows` (n_series, RING) holds what breath may modulate, one column per tick (a quarter of a second): the slow signal
itself, then what each beat measures, interpolated between beats.
"""

import numpy as np

from biofeed.signals.filters import Floats, compiled, section

# fmt: off
N, LAST_X, BAD_T, TICKS, BEGIN, FILLED, LAST_T, IBIS, USUAL_S, BEATS, HEIGHT, IS_SET, SIZE = range(13)
# fmt: on
RING = 256  # columns: a window, and what waits for the next beat
WINDOW = 128  # columns of one spectrum: 32 s
N_IBI = 9  # intervals that say which one is usual
ODD_SHARE = 0.25  # an interval or a height this far from the usual one: an ectopic or false beat measures nothing
N_VALUE, WIDE = 31, 3.0  # beats that say what is usual, and how many robust standard deviations a value may be off
HOLE_S = 8.0  # without a beat that fits for so long, the series begin anew
BACKGROUND = 2.0  # steepest power law f ** -BACKGROUND that is taken off a spectrum
HARMONIC = 1.0  # weight of what a rate and its double have in common
NYQUIST_SHARE = 0.95  # of half the heart rate: above, beats cannot tell a breath from its alias
FLOOR, LEAP = 1e-3, 0.01  # least share of a rate; chance of quite another rate in a step


@compiled
def take(x: Floats, quality: Floats, first: int, last: int, start_s: float, dt: float, is_tick: bool, c: Floats,
         unit: Floats, z: Floats, s: Floats, ring: Floats, rows: Floats, times: Floats) -> None:  # fmt: skip
    """Takes samples first..last of x (n,) in; after the last one a column is begun if `is_tick`.

    c (2, 5), z (2, 2): low-passes for what a beat is measured on, kept in `ring`, and for the slow series; `unit` is
    their memory of a standing 1. While the contact is lost, the last good value stands.
    """
    slow = 0.0
    for i in range(first, last):
        if np.isfinite(x[i]) and quality[i] > 0.0:
            s[LAST_X] = x[i]
            if s[IS_SET] == 0.0:
                s[IS_SET] = 1.0
                z[:] = unit * x[i]
        else:
            s[BAD_T] = start_s + i * dt
        ring[int(s[N]) % ring.shape[0]] = section(c[0], z[0], s[LAST_X])
        slow = section(c[1], z[1], s[LAST_X])
        s[N] += 1.0
    if is_tick:
        column = int(s[TICKS]) % RING
        rows[0, column] = slow
        times[column] = start_s + (last - 1) * dt
        s[TICKS] += 1.0


@compiled
def _pulse(ring: Floats, at: int, since: int, rate_hz: float, out: Floats) -> None:
    """What a pulse wave measures: amplitude, mean over the interval, peak, foot, width at half height."""
    size = ring.shape[0]
    foot, peak = np.inf, -np.inf
    for k in range(at - int(0.25 * rate_hz), at + 1):
        foot = min(foot, ring[k % size])
    for k in range(at, at + int(0.35 * rate_hz)):
        peak = max(peak, ring[k % size])
    low, high, total = np.inf, -np.inf, 0.0
    for k in range(since, at):
        v = ring[k % size]
        low, high, total = min(low, v), max(high, v), total + v
    above = 0
    for k in range(since, at):
        if ring[k % size] > 0.5 * (low + high):
            above += 1
    out[0], out[1], out[2], out[3], out[4] = peak - foot, total / (at - since), peak, foot, above / rate_hz


@compiled
def _qrs(ring: Floats, at: int, since: int, rate_hz: float, out: Floats) -> None:
    """What a QRS measures: amplitude within 60 ms of the R peak, mean over the interval, area and rms of the QRS."""
    size, half = ring.shape[0], max(2, int(0.06 * rate_hz))
    total = 0.0
    for k in range(since, at):
        total += ring[k % size]
    low, high, area, mean, power = np.inf, -np.inf, 0.0, 0.0, 0.0
    edge = 0.5 * (ring[(at - half) % size] + ring[(at + half) % size])
    for k in range(at - half, at + half + 1):
        v = ring[k % size] - edge
        low, high, area, mean, power = min(low, v), max(high, v), area + abs(v), mean + v, power + v * v
    n = 2.0 * half + 1.0
    out[0], out[1], out[2] = high - low, total / (at - since), area / n
    out[3] = np.sqrt(max(power / n - (mean / n) ** 2, 0.0))


@compiled
def beat(time_s: float, previous_s: float, end_s: float, dt: float, is_ecg: bool, s: Floats, ring: Floats,
         ibis: Floats, past: Floats, rows: Floats, times: Floats, measured: Floats) -> None:  # fmt: skip
    """Measures the beat at `time_s` and fills the columns up to it; `measured` (2, n_series - 1): last beat, this one.

    `end_s`: time of the ring's newest sample. A beat of an unusual interval or height measures nothing. `past`
    (n_series - 1, N_VALUE): what the beats before measured; a value far off these counts as just so far off.
    """
    ibi = time_s - previous_s
    if not 0.25 < ibi < 2.5:
        return
    ibis[int(s[IBIS]) % N_IBI] = ibi
    s[IBIS] += 1.0
    usual = np.median(ibis[: int(min(s[IBIS], N_IBI))])
    s[USUAL_S] = usual
    newest = int(s[N]) - 1
    at = newest - round((end_s - time_s) / dt)
    since = newest - round((end_s - previous_s) / dt)
    span = int(0.36 / dt)
    is_held = since - span >= max(0, newest + 1 - ring.shape[0]) and at + span <= newest
    if abs(ibi - usual) > ODD_SHARE * usual or previous_s - 0.3 < s[BAD_T] or not is_held:
        return
    fresh = np.empty(measured.shape[1])
    if is_ecg:
        _qrs(ring, at, since, 1.0 / dt, fresh)
    else:
        _pulse(ring, at, since, 1.0 / dt, fresh)
    fresh[fresh.shape[0] - 1] = ibi
    is_alike = True
    for k in range(fresh.shape[0]):
        past[k, int(s[BEATS]) % N_VALUE] = fresh[k]
        known = past[k, : int(min(s[BEATS] + 1.0, N_VALUE))]
        middle = np.median(known)
        reach = WIDE * 1.4826 * np.median(np.abs(known - middle))
        if k == 0:
            s[HEIGHT] = middle
            is_alike = abs(fresh[0] - middle) <= max(reach, ODD_SHARE * middle)
        fresh[k] = min(max(fresh[k], middle - reach), middle + reach)
    s[BEATS] += 1.0
    if not is_alike:
        return
    measured[0] = measured[1]
    measured[1] = fresh
    last_s = s[LAST_T]
    s[LAST_T] = time_s
    s[FILLED] = max(s[FILLED], s[TICKS] - RING)
    is_hole = time_s - last_s > HOLE_S
    while s[FILLED] < s[TICKS] and times[int(s[FILLED]) % RING] <= time_s:
        column = int(s[FILLED]) % RING
        part = (times[column] - last_s) / (time_s - last_s)
        for k in range(measured.shape[1]):
            rows[k + 1, column] = measured[0, k] + part * (measured[1, k] - measured[0, k])
        s[FILLED] += 1.0
    if is_hole:  # nothing is bridged: the series begin here
        s[BEGIN] = s[FILLED]


@compiled
def share(row: Floats, end: int, hz: Floats, top_hz: float, trend: Floats, cosine: Floats, sine: Floats,
          out: Floats, facts: Floats) -> None:  # fmt: skip
    """How the power of the window that ends before column `end` is shared among rates `hz` (n_hz,), to `out`.

    Hann window (within the tables), quadratic trend removed, the power law that fits it best taken off: what drifts
    has no rate. Then every rate is given what it has in common with its double. `facts`: the power of the frequency
    by which it was lifted, and the amplitude of the highest peak.
    """
    n = hz.shape[0]
    y = np.empty(WINDOW)
    for k in range(WINDOW):
        y[k] = row[(end - WINDOW + k) % RING]
    for j in range(trend.shape[0]):
        part = 0.0
        for k in range(WINDOW):
            part += trend[j, k] * y[k]
        for k in range(WINDOW):
            y[k] -= part * trend[j, k]
    used, highest = 0, 0.0
    power = np.zeros(n)
    for i in range(n):
        if hz[i] > top_hz:
            break
        a = b = 0.0
        for k in range(WINDOW):
            a += cosine[i, k] * y[k]
            b += sine[i, k] * y[k]
        power[i] = a * a + b * b
        highest = max(highest, power[i])
        used += 1
    out[:] = facts[:] = 0.0
    if used < 8 or not 0.0 < np.sum(power) < np.inf:
        return
    su = sp = suu = sup = 0.0
    for i in range(used):
        u, p = np.log(hz[i]), np.log(power[i] + 1e-9 * highest)
        su, sp, suu, sup = su + u, sp + p, suu + u * u, sup + u * p
    slope = (used * sup - su * sp) / (used * suu - su * su)
    lift = min(max(-slope, -BACKGROUND), BACKGROUND)
    for i in range(used):
        power[i] *= hz[i] ** lift
    peak = np.argmax(power)
    facts[0], facts[1] = lift, 4.0 / WINDOW * np.sqrt(power[peak] / hz[peak] ** lift)  # a Hann window's mean is 1 / 2
    total = 0.0
    for i in range(used):
        double = round((2.0 * hz[i] - hz[0]) / (hz[1] - hz[0]))
        common = min(power[i], power[double]) if double < used else 0.0
        out[i] = power[i] + HARMONIC * common
        total += out[i]
    for i in range(used):
        out[i] /= total


@compiled
def fuse(shares: Floats, weight: float, spread: Floats, belief: Floats, mean: Floats) -> None:
    """One step of the belief (n_hz,) about the rate: it spreads a little, then meets the mean of the shares.

    A Bayes filter over rates; `spread` (n_hz, n_hz) is what a rate may become until the next step, `weight` how much
    of the evidence is not in the belief yet, since windows overlap. `mean` (n_hz,) takes the mean of the shares.
    """
    n = belief.shape[0]
    fresh = np.zeros(n)
    total = 0.0
    for i in range(n):
        for j in range(n):
            fresh[i] += spread[i, j] * belief[j]
        mean[i] = np.mean(shares[:, i])
        fresh[i] = ((1.0 - LEAP) * fresh[i] + LEAP / n) * (mean[i] + FLOOR) ** weight
        total += fresh[i]
    for i in range(n):
        belief[i] = fresh[i] / total
