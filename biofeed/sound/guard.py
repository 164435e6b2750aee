"""The kernels of the last stage: a stream of frames in any cuts, judged and held grain by grain, and played on.

Everything is decided on a grid of grains tied to the sample counter, and most of it once a grain, so that it costs
little, and so that the result does not depend on the cuts. A grain is played when the ones after it are known: the
gain is down before what calls for it comes out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

LOOK_GRAINS = 8  # 11 ms: over so many is the level taken of which an onset is told
SMOOTH_GRAINS = 3  # 4 ms: over so many does a gain glide
AHEAD_GRAINS = LOOK_GRAINS + SMOOTH_GRAINS - 1  # between a grain's coming in and its going out
STEP_GRAINS = 75  # 100 ms: how often short-term loudness is looked at
SHORT_STEPS, RISE_STEPS, BED_STEPS = 30, 10, 100  # 3 s, 1 s and 10 s of these
BED_ENDS = 2  # steps at either end of which a meter's 10 s may hold some or none: what rises just now is none of it
HOP_GRAINS = 3  # 4 ms: so finely is heard sound told from silence, which does not count
ONSET_GRAINS = 113  # 151 ms: from a tenth to nine tenths of a rise at least

# "long" is the gain for loudness over long, "began" and "edge" those of the last played grain.
_LEVELS = ("reference", "bed", "lately", "allowed", "long_power", "heard_power", "asked_power", "step_power", "energy")
_HOPS = ("hop_power", "step_heard", "n_heard")
_GAINS = ("trust", "release", "began", "edge", "long", "long_wanted", "least")
_COUNTS = ("filled", "grain", "n_high")
STATE = np.dtype([(name, "f8") for name in _LEVELS + _HOPS + _GAINS] + [(name, "i8") for name in _COUNTS])
_PEAKS = ("fault_peak", "ceiling", "sure", "crest", "sure_low", "offset", "tiny")  # amplitudes, and factors of such
_POWERS = (
    "onset",
    "sudden",
    "quiet",
    "rise",
    "fall",
    "faint",
    "short_rise",
    "short_room",
    "short_cap",
    "long_cap",
    "long_silent",
)
_KEEPS = ("offset", "trust", "lately", "release", "long_up", "long_down", "long_glide")
RULES = np.dtype([(name, "f8") for name in (*_PEAKS, *_POWERS, *(f"{name}_keep" for name in _KEEPS), "near_one")])


class Memory(NamedTuple):
    """What the guard keeps. A grain's frames lie flat: left, right, left, right."""

    state: npt.NDArray[np.void]  # (1,) of STATE
    inbox: Singles  # (2 n,) the grain that is coming in
    outbox: Singles  # (2 n,) the grain that is going out
    delay: Floats  # (AHEAD_GRAINS + 1, 2 n) those between, sane and without offset
    powers: Floats  # (AHEAD_GRAINS + 1,) and their power, K-weighted, both channels summed
    looks: Floats  # (LOOK_GRAINS,) and of the last ones
    levels: Floats  # (AHEAD_GRAINS + 1,) the level that each of them ends, as power
    wanted: Floats  # (AHEAD_GRAINS + 1,) the gain that each of them asks for
    held: Floats  # (SMOOTH_GRAINS,) the gains over which one is averaged
    offset: Floats  # (3, 2) by channel: two low-passes that tell the offset, and what is taken away
    weighted: Floats  # (2, 4) by channel: state of the K-weighting
    lows: Floats  # (ONSET_GRAINS,) level of what goes out, as power, by grains; those between are among them
    steps: Floats  # (SHORT_STEPS,) mean power of what went out, by steps
    beds: Floats  # (2, BED_STEPS + BED_ENDS) of what was heard of it: summed power of hops, and how many they were
    shorts: Floats  # (RISE_STEPS,) the mean of SHORT_STEPS steps at each of the last steps


@kernel
def _mean(values: Floats) -> float:
    """For a few values a plain loop takes a fraction of the time that an array's own method does."""
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total / values.size


@kernel
def _least(values: Floats) -> float:
    least = values[0]
    for i in range(values.size):
        least = min(least, values[i])
    return float(least)


@kernel
def _clean(x: Singles, y: Floats, fault_peak: float, tiny: float) -> bool:
    """Fills y with the grain x; a frame that is not sane, in either channel, is silence. True when there was none."""
    n_wild = 0
    for i in range(x.size):
        a = abs(x[i])
        n_wild += not a <= fault_peak  # not a number compares as false
        y[i] = x[i] if a > tiny else np.float32(0.0)
    if n_wild:
        for i in range(0, x.size, 2):
            if not (abs(x[i]) <= fault_peak and abs(x[i + 1]) <= fault_peak):
                y[i] = y[i + 1] = 0.0
    return n_wild == 0


@kernel
def _center(y: Floats, offset: Floats, keep: float, most: float) -> None:
    """Takes a constant offset beyond `most` out of the grain, in place."""
    n = y.size // 2
    p, q, r, s = 0.0, 0.0, 0.0, 0.0
    for i in range(0, y.size, 4):  # four sums at once: each waits for its own last sample only
        p, q, r, s = p + y[i], q + y[i + 1], r + y[i + 2], s + y[i + 3]
    for c, mean in enumerate(((p + r) / n, (q + s) / n)):
        one = mean + (offset[0, c] - mean) * keep
        two = one + (offset[1, c] - one) * keep
        offset[0, c] = one if abs(one) > 1e-30 else 0.0  # kept away from denormal numbers
        offset[1, c] = two if abs(two) > 1e-30 else 0.0
        before = offset[2, c]
        taken = two - min(most, max(-most, two))
        if before != 0.0 or taken != 0.0:
            for i in range(n):
                y[2 * i + c] -= before + (taken - before) * (i / n)
            offset[2, c] = taken


@kernel
def _power(y: Floats, weighting: Floats, state: Floats) -> float:
    """The grain's K-weighted power, both channels summed. Both at once: each waits for its own last sample only."""
    b0, b1, b2, a1, a2 = weighting[0]
    d1, d2 = weighting[1, 3], weighting[1, 4]  # the high-pass has 1, -2, 1 above
    p0, p1, p2, p3 = state[0]
    q0, q1, q2, q3 = state[1]
    total = 0.0
    for i in range(0, y.size, 2):
        x, v = y[i], y[i + 1]
        s, t = b0 * x + p0, b0 * v + q0
        p0, q0 = (b1 * x + p1) - a1 * s, (b1 * v + q1) - a1 * t
        p1, q1 = b2 * x - a2 * s, b2 * v - a2 * t
        x, v = s + p2, t + q2
        p2, q2 = (p3 - 2.0 * s) - d1 * x, (q3 - 2.0 * t) - d1 * v
        p3, q3 = s - d2 * x, t - d2 * v
        total += x * x + v * v
    for c, row in enumerate(((p0, p1, p2, p3), (q0, q1, q2, q3))):
        for k in range(4):
            state[c, k] = row[k] if abs(row[k]) > 1e-30 else 0.0  # kept away from denormal numbers
    return total / (y.size // 2)


@kernel
def _true_peak(past: Floats, y: Floats, phases: Floats) -> float:
    """The highest value of a grain and between its samples, phases (phases, taps); past: the grain before."""
    n, taps = y.size // 2, phases.shape[1]
    line, room = np.empty(n + taps - 1), np.empty(n)
    highest = 0.0
    for c in range(2):
        for i in range(taps - 1):
            line[i] = past[past.size + c - 2 * (taps - 1 - i)]
        for i in range(n):
            line[taps - 1 + i] = y[2 * i + c]
            highest = max(highest, abs(y[2 * i + c]))
        for p in range(phases.shape[0]):
            room[:] = 0.0
            for k in range(taps):  # the taps outside: the inner loop is vector code
                weight = phases[p, k]
                for i in range(n):
                    room[i] += weight * line[i + k]
            for i in range(n):
                highest = max(highest, abs(room[i]))
    return highest


@kernel
def _play(y: Floats, out: Singles, start: float, end: float, ceiling: float) -> None:
    """Fills out with the grain, its gain ramped; what rounding or an odd wave leaves above the ceiling is cut there."""
    n = y.size // 2
    step = (end - start) / n
    for i in range(n):
        gain = start + step * i
        out[2 * i] = min(ceiling, max(-ceiling, y[2 * i] * gain))
        out[2 * i + 1] = min(ceiling, max(-ceiling, y[2 * i + 1] * gain))


@kernel
def allow(m: Memory, rules: npt.NDArray[np.void]) -> None:
    """Tells the power that may be kept up for the next second: the mean of 3 s then never grows too fast or too far."""
    s, r = m.state[0], rules[0]
    # Above the loudness that is allowed for long, for as long as what was heard so far makes up for it.
    cap = min(r.short_cap, r.long_cap * min(r.short_room, max(1.0, (r.long_cap / s.heard_power) ** 2)))
    short = m.steps[-SHORT_STEPS:]
    past = short.sum()
    s.allowed = np.inf
    for k in range(1, RISE_STEPS + 1):
        past -= short[k - 1]
        most = min(cap, r.short_rise * max(r.faint, m.shorts[k - 1]))
        s.allowed = min(s.allowed, max(0.0, most * SHORT_STEPS - past) / k)


@kernel
def _over_long(mean: float, power: float, up_keep: float, down_keep: float, silent: float) -> float:
    """The mean a step later; silence does not count."""
    if power <= silent:
        return mean
    return power + (mean - power) * (up_keep if power > mean else down_keep)


@kernel
def _least_mean(beds: Floats) -> float:
    """The least mean power of 10 s, wherever they begin and end; 0 where one of them is silent."""
    least, last = np.inf, beds.shape[1] - 1
    for begin in range(BED_ENDS + 1):
        total, count = 0.0, 0.0
        for k in range(begin, last + 1):
            total += beds[0, k]
            count += beds[1, k]
            if k >= last - BED_ENDS:
                least = min(least, total / max(1.0, count))
    return least


@kernel
def _step(m: Memory, rules: npt.NDArray[np.void]) -> None:
    """Every 100 ms: how loud the next ones may be, and where the gain for loudness over long is headed."""
    s, r = m.state[0], rules[0]
    power, asked = s.step_power / STEP_GRAINS, s.asked_power / STEP_GRAINS
    s.step_power = s.asked_power = 0.0
    m.steps[:-1] = m.steps[1:]
    m.steps[-1] = power
    m.shorts[:-1] = m.shorts[1:]
    m.shorts[-1] = _mean(m.steps[-SHORT_STEPS:])
    m.beds[:, :-1] = m.beds[:, 1:]
    m.beds[0, -1], m.beds[1, -1] = s.step_heard, s.n_heard
    s.step_heard = s.n_heard = 0.0
    s.bed = np.sqrt(max(r.quiet, _least_mean(m.beds)))
    s.heard_power = _over_long(s.heard_power, power, r.long_up_keep, r.long_down_keep, r.long_silent)
    s.long_power = _over_long(s.long_power, asked, r.long_up_keep, r.long_down_keep, r.long_silent)
    s.long_wanted = min(1.0, np.sqrt(r.long_cap / s.long_power))
    allow(m, rules)


# The kernels below take the arrays they need and not the whole memory: handing it on costs more than what they do.


@kernel
def _by_loudness(
    state: npt.NDArray[np.void], rules: npt.NDArray[np.void], lows: Floats, power: float, level: float
) -> float:
    """The gain that a grain asks for by its power and by the level that it ends."""
    s, r = state[0], rules[0]
    gain = s.trust
    if level > r.onset * s.reference:
        gain = min(gain, np.sqrt(r.onset * s.reference / level))
    high, free = np.sqrt(level), r.sudden * s.bed
    if high - s.bed > free:  # further only if a tenth of the way was passed long enough ago
        most = s.bed + max(free, 9.0 * (r.sure_low * np.sqrt(_least(lows)) - s.bed))
        gain = min(gain, most / high)
    asked = power * gain * gain
    s.asked_power += asked
    asked *= s.long * s.long
    s.lately = asked + (s.lately - asked) * r.lately_keep
    if s.lately > s.allowed:
        gain *= np.sqrt(s.allowed / s.lately)
    return float(gain)


@kernel
def _by_dip(
    state: npt.NDArray[np.void], rules: npt.NDArray[np.void], lows: Floats, levels: Floats, wanted: Floats, gain: float
) -> float:
    """The gain that a grain asks for because of what it does to those before it, which are to be played at it too.

    They dip, and what comes after a dip may be an onset from there. Where it would be, no more than what may rise at
    once is left of it. levels: with this grain's own; wanted: without.
    """
    s, r = state[0], rules[0]
    if gain >= min(_least(wanted), s.release):
        return gain
    size = levels.size
    lowest = highest = levels[0]
    for k in range(1, size):
        lowest, highest = min(lowest, levels[k]), max(highest, levels[k])
    high, free = np.sqrt(highest), r.sudden * s.bed
    least = min(np.sqrt(_least(lows)), gain * np.sqrt(lowest))
    if gain * high > s.bed + max(free, 9.0 * (r.sure_low * least - s.bed)):
        gain = (s.bed + free) / high
    for k in range(1, size):
        at = (s.grain - k) % lows.size
        lows[at] = max(r.quiet, min(lows[at], gain * gain * levels[(s.grain - k) % size]))
    return float(gain)


@kernel
def _by_peak(
    state: npt.NDArray[np.void], rules: npt.NDArray[np.void], past: Floats, y: Floats, phases: Floats, gain: float
) -> float:
    """The gain that a grain asks for by its peaks too; past: the grain before."""
    s, r = state[0], rules[0]
    most = min(r.ceiling, r.crest * np.sqrt(s.reference)) / s.long
    sure, n_high = most * r.sure, 0
    for i in range(y.size):
        n_high += abs(y[i]) > sure
    if n_high or s.n_high:  # most grains have no sample from which a peak could come
        peak = _true_peak(past, y, phases)
        if peak * gain > most:
            gain = most / peak
    s.n_high = n_high
    return gain


@kernel
def _glide(state: npt.NDArray[np.void], rules: npt.NDArray[np.void], wanted: Floats, held: Floats) -> float:
    """Where the gain glides to: the least that any grain inside asks for, and slowly back up."""
    s, r = state[0], rules[0]
    s.release = min(_least(wanted), 1.0 + (s.release - 1.0) * r.release_keep)
    if s.release > r.near_one:
        s.release = 1.0
    s.long = s.long_wanted + (s.long - s.long_wanted) * r.long_glide_keep
    if abs(s.long - s.long_wanted) < 1.0 - r.near_one:
        s.long = s.long_wanted
    held[s.grain % held.size] = s.release
    return _mean(held) * float(s.long)


@kernel
def _grain(m: Memory, rules: npt.NDArray[np.void], weighting: Floats, phases: Floats) -> None:
    """A whole grain has come in; fills the outbox with the one that is due."""
    s, r = m.state[0], rules[0]
    size = m.wanted.size
    at, before = s.grain % size, (s.grain - 1) % size
    y = m.delay[at]
    is_sane = _clean(m.inbox, y, r.fault_peak, r.tiny)
    s.trust = 1.0 + (s.trust - 1.0) * r.trust_keep if is_sane else 0.0
    if s.trust > r.near_one:
        s.trust = 1.0
    _center(y, m.offset, r.offset_keep, r.offset)
    power = _power(y, weighting, m.weighted)
    m.powers[at] = m.looks[s.grain % LOOK_GRAINS] = power
    level = max(r.quiet, _mean(m.looks) * s.long * s.long)
    by_loudness = _by_loudness(m.state, rules, m.lows, power, level)
    by_peak = _by_peak(m.state, rules, m.delay[before], y, phases, by_loudness)
    m.levels[at], m.wanted[at] = level, 1.0
    gain = _by_dip(m.state, rules, m.lows, m.levels, m.wanted, by_peak)
    if by_peak < by_loudness:  # a peak may lie before this grain's first frame
        m.wanted[before] = min(m.wanted[before], gain)
    m.wanted[at] = gain
    heard = max(r.quiet, level * min(gain, s.release) ** 2)
    m.lows[s.grain % m.lows.size] = heard
    s.reference = min(heard, s.reference * r.rise) if heard > s.reference else max(heard, s.reference * r.fall)
    edge = _glide(m.state, rules, m.wanted, m.held)
    s.grain += 1
    due = s.grain % size
    _play(m.delay[due], m.outbox, s.edge, edge, r.ceiling)
    played = m.powers[due] * (s.edge * s.edge + s.edge * edge + edge * edge) / 3.0
    s.step_power += played
    s.energy += played
    s.hop_power += played
    if s.grain % HOP_GRAINS == 0:
        if s.hop_power > 0.25 * HOP_GRAINS * r.quiet:  # not all of it was silence
            s.step_heard += s.hop_power / HOP_GRAINS
            s.n_heard += 1.0
        s.hop_power = 0.0
    s.began, s.edge = s.edge, edge
    s.least = min(s.least, edge)
    if s.grain % STEP_GRAINS == 0:
        _step(m, rules)


@kernel
def guard(
    x: Singles,  # (frames, 2)
    y: Singles,  # (frames, 2)
    m: Memory,
    rules: npt.NDArray[np.void],  # (1,) of RULES
    weighting: Floats,  # (2, 5)
    phases: Floats,  # (phases, taps)
) -> float:
    """Fills y with what is due while x comes in; returns the least gain at which that is played."""
    s = m.state[0]
    s.least = min(s.began, s.edge)
    size, i = m.inbox.size // 2, 0
    while i < x.shape[0]:
        n = min(x.shape[0] - i, size - s.filled)
        for k in range(n):
            at = 2 * (s.filled + k)
            m.inbox[at], m.inbox[at + 1] = x[i + k, 0], x[i + k, 1]
            y[i + k, 0], y[i + k, 1] = m.outbox[at], m.outbox[at + 1]
        s.filled += n
        i += n
        if s.filled == size:
            s.filled = 0
            _grain(m, rules, weighting, phases)
    return float(s.least)
