"""Kernels round the voices: knobs that glide, a voice's place in the mix, the room, the finished sound.

All work grain by grain (64 frames), and their inner loops carry nothing from sample to sample where that can be had:
compilers turn such loops into vector code without touching the order of a sum, so every processor gives the same bits.
"""

import math

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
RATE_HZ = 48_000.0
# Delays of the room's lines: primes between 42 and 116 ms, no two near a simple ratio, so its colour stays even. All
# delays in this file are longer than a grain: a grain can be read before it is written.
LINES = np.array([2011, 2389, 2903, 3389, 3907, 4391, 4973, 5573])
ALLPASSES = np.array([[241, 557], [277, 613]])  # per channel: they smear an onset before it enters the lines
# The first reflections of a wide room, per ear: delays in frames (8 to 47 ms), and gains; every second one
# comes across from the other side.
ECHOES = np.array([[383, 677, 1031, 1409, 1831, 2251], [421, 631, 1093, 1373, 1873, 2203]])
ECHO_GAINS = np.array([0.30, 0.26, -0.20, -0.16, 0.13, 0.10])
# Time between the ears: half of what a head of 8.75 cm radius gives at most (Woodworth 1938), in frames, for each ear.
EAR_FRAMES = 15.7
SILENT = 1e-6  # a level of which nothing is heard: such a voice rests
LEAST_ORBIT_S = 20.0  # what moves faster asks for attention
SHADOW_HZ = 1500.0  # above this the head stands in the way


@kernel
def glide(target: Floats, state: Floats, keep: float, edges: Floats) -> None:
    """Each knob through two one-poles at grain rate; target (knobs,), state (knobs, 2), edges (knobs, grains + 1)."""
    for k in range(target.size):
        aim, one, two = target[k], state[k, 0], state[k, 1]
        if one == aim and two == aim:
            edges[k] = aim
            continue
        edges[k, 0] = two
        for g in range(1, edges.shape[1]):
            one = aim + (one - aim) * keep
            two = one + (two - one) * keep
            if abs(one - aim) < 1e-9 and abs(two - aim) < 1e-9:
                one, two = aim, aim
            edges[k, g] = two
        state[k, 0], state[k, 1] = one, two


@kernel
def mixed(out: Floats, into: Floats, same: Floats, other: Floats) -> None:
    """Adds `out` (2, frames) to `into`, each channel through the gain of its own side and of the other, ramped.

    same, other (grains + 1,).
    """
    grains = same.size - 1
    n = out.shape[1] // grains
    for c in range(2):
        for g in range(grains):
            x, y = out[c, g * n : (g + 1) * n], out[1 - c, g * n : (g + 1) * n]
            z = into[c, g * n : (g + 1) * n]
            a, b = same[g], other[g]
            d_a, d_b = (same[g + 1] - a) / n, (other[g + 1] - b) / n
            for i in range(n):
                z[i] += x[i] * (a + d_a * i) + y[i] * (b + d_b * i)


@kernel
def place(out: Floats, edges: Floats, is_turned: bool, dry: Floats, send: Floats) -> None:
    """Adds a voice to the mix by its common knobs: level, width, space (0 near, 1 far), and more; (5, grains + 1).

    is_turned: `spot` has seen to the width.
    """
    level, far = 0.5 * edges[0], edges[2]
    width = np.ones(level.size) if is_turned else edges[1]
    same, other = level * (1.0 + width), level * (1.0 - width)
    near = 1.0 - 0.7 * far
    mixed(out, dry, same * near, other * near)
    mixed(out, send, same * far, other * far)


@kernel
def swing(turns: float) -> float:
    """-1..1, a smooth swing of one turn: two parabolas, close to a sine."""
    x = float(turns - np.floor(turns))
    return 16.0 * x * (0.5 - x) if x < 0.5 else -16.0 * (x - 0.5) * (1.0 - x)


@kernel
def lead(place: float) -> float:
    """-1..1: how far ahead the sound is at an ear: the angle and its sine, as Woodworth has it, within 0.01."""
    return place * (1.222 - 0.222 * place * place)


@kernel
def heard(y: Floats, x: Floats, delay: float, gain: float, end: float) -> None:
    """Adds to y (n,) what lies `delay` frames before the second half of x (2 n,), its gain ramped to `end`.

    Between frames by four points (Catmull-Rom): the highs do not dim there.
    """
    n = y.size
    at = n - delay
    k = int(at)
    f = at - k
    a = -0.5 * f + f * f - 0.5 * f * f * f
    b = 1.0 - 2.5 * f * f + 1.5 * f * f * f
    c = 0.5 * f + 2.0 * f * f - 1.5 * f * f * f
    d = -0.5 * f * f + 0.5 * f * f * f
    x0, x1, x2, x3 = x[k - 1 : k - 1 + n], x[k : k + n], x[k + 1 : k + 1 + n], x[k + 2 : k + 2 + n]
    step = (end - gain) / n
    for i in range(n):
        y[i] += (gain + step * i) * ((a * x0[i] + b * x1[i]) + (c * x2[i] + d * x3[i]))


@kernel
def spot(out: Floats, edges: Floats, clock: int, start: float, past: Floats, low: Floats, side: Floats) -> None:
    """Turns a voice, in place, to where it stands by its common knobs, (5, grains + 1).

    The fourth is its place (-1 left .. 1 right), the fifth how far it roams. What both channels share comes to the
    nearer ear sooner, louder and brighter; what they do not share gives way as the voice leaves the middle. With roam
    the place wanders on a path that does not repeat, an orbit taking 20 s or longer. start: where on that path it
    begins; past (2, 2 n): shared and own sound of the grain before, then of this one; low (2,): the shadow's state;
    side (1,): the place at the last edge.
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    passed = SHADOW_HZ * 2.0 * np.pi / RATE_HZ
    ears = np.empty((2, n))
    shared, own = past[0], past[1]
    for g in range(grains):
        turn = (clock + (g + 1) * n) / RATE_HZ / (1.3 * LEAST_ORBIT_S)
        path = 0.62 * swing(start + turn) + 0.38 * swing(2.0 * start + turn * 0.618034)
        p0, p1 = side[0], min(1.0, max(-1.0, edges[3, g + 1] + edges[4, g + 1] * path))
        if clock == 0 and g == 0:
            p0 = p1
        side[0] = p1
        left, right = out[0, g * n : (g + 1) * n], out[1, g * n : (g + 1) * n]
        wide, step = 0.5 * edges[1, g], 0.5 * (edges[1, g + 1] - edges[1, g]) / n
        sums, differences = shared[n:], own[n:]
        for i in range(n):
            sums[i] = 0.5 * (left[i] + right[i])
            differences[i] = (wide + step * i) * (left[i] - right[i])
        ears[:] = 0.0
        for c in range(2):
            a0, a1 = (p0, p1) if c else (-p0, -p1)  # 1: this ear is the near one
            heard(ears[c], shared, 2.0 + EAR_FRAMES * (1.0 - lead(a0)), 1.0 + 0.3 * a0, 0.0)
            heard(ears[c], shared, 2.0 + EAR_FRAMES * (1.0 - lead(a1)), 0.0, 1.0 + 0.3 * a1)
        # The far ear hears through the head. Both at once, because each waits only for its own last sample.
        one, other = low[0], low[1]
        s0, s1, t0, t1 = max(0.0, 0.8 * p0), max(0.0, 0.8 * p1), max(0.0, -0.8 * p0), max(0.0, -0.8 * p1)
        ds, dt = (s1 - s0) / n, (t1 - t0) / n
        for i in range(n):
            x, y = ears[0, i], ears[1, i]
            one = one * (1.0 - passed) + passed * x
            other = other * (1.0 - passed) + passed * y
            ears[0, i] = x + (s0 + ds * i) * (one - x)
            ears[1, i] = y + (t0 + dt * i) * (other - y)
        low[0], low[1] = one if abs(one) > 1e-30 else 0.0, other if abs(other) > 1e-30 else 0.0
        w, dw = 1.0 - abs(p0), (abs(p0) - abs(p1)) / n
        late = own[n - 18 : 2 * n - 18]
        for i in range(n):
            x = (w + dw * i) * late[i]
            left[i] = ears[0, i] + x
            right[i] = ears[1, i] - x
        for i in range(n):
            shared[i] = sums[i]
            own[i] = differences[i]


@kernel
def store(line: Singles, at: int, x: Floats) -> None:
    """Writes a grain; the line's first grain also stands behind its end, so that no reading ever wraps."""
    part = line[at : at + x.size]
    for i in range(x.size):
        part[i] = x[i] + 1e-20  # keeps away from denormal numbers, which some processors handle slowly
    if at == 0:
        line[line.size - x.size :] = part


@kernel
def diffuse(x: Floats, past: Singles, through: Floats) -> None:
    """One allpass over a grain, in place; `through` is what its line takes in."""
    for i in range(x.size):
        through[i] = x[i] - 0.6 * past[i]
        x[i] = past[i] + 0.6 * through[i]


@kernel
def add(x: Floats, y: Singles, gain: float) -> None:
    for i in range(x.size):
        x[i] += gain * y[i]


@kernel
def scale(x: Floats, y: Singles, gain: float) -> None:
    for i in range(x.size):
        x[i] = gain * y[i]


@kernel
def feed(x: Floats, y: Floats, sums: Floats, fed: Floats, sign: float) -> None:
    for i in range(x.size):
        x[i] = y[i] - sums[i] + sign * fed[i]


@kernel
def spread(x: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    for i in range(x.size):
        x[i] += 0.25 * ((a[i] + b[i]) - (c[i] + d[i]))


@kernel
def ring(y: Floats, low: Floats, damping: float, gain: Floats) -> None:
    """Damps and weakens what comes out of four lines, in place: y (4, n), low (4,), gain (4,).

    Four at a time, because each waits for its own last sample and not for the others'.
    """
    a, b, c, d = low[0], low[1], low[2], low[3]
    one, two, three, four = y[0], y[1], y[2], y[3]
    for i in range(y.shape[1]):
        a = one[i] + a * damping
        b = two[i] + b * damping
        c = three[i] + c * damping
        d = four[i] + d * damping
        one[i], two[i], three[i], four[i] = a * gain[0], b * gain[1], c * gain[2], d * gain[3]
    low[0], low[1], low[2], low[3] = a, b, c, d


@kernel
def total(y: Floats, sums: Floats) -> None:
    """A quarter of the lines' sum, y (8, n)."""
    a, b, c, d, e, f, g, h = y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]
    for i in range(sums.size):
        sums[i] = 0.25 * (((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i])))


@kernel
def awake(target: Floats, state: Floats, firsts: Whole, is_awake: Flags) -> None:
    """Whether each voice is to be heard in a tick: its level, the first of its knobs, is not nothing nor goes there."""
    for v in range(firsts.size):
        row = firsts[v]
        is_awake[v] = max(target[row], state[row, 0], state[row, 1]) > SILENT


@kernel
def gather(
    outs: Floats, edges: Floats, firsts: Whole, is_turned: Flags, is_awake: Flags, dry: Floats, send: Floats
) -> None:
    """Fills dry and send with all voices that are awake: outs (voices, 2, frames), which are silent again after it."""
    dry[:] = 0.0
    send[:] = 0.0
    for v in range(firsts.size):
        if is_awake[v]:
            place(outs[v], edges[firsts[v] : firsts[v] + 5], is_turned[v], dry, send)
            outs[v] = 0.0


@kernel
def room(
    send: Floats,
    dry: Floats,
    clock: int,
    n: int,  # frames of a grain
    gain: Floats,  # (8,) per pass of each line
    damping: float,
    echo: Singles,  # (2, size + n): size a power of two
    smear: Singles,  # (2, 2, size + n)
    lines: Singles,  # (8, size + n)
    low: Floats,  # (8,) state of the damping
) -> None:
    """Adds to `dry` the first reflections of `send`, and a diffuse reverberation: two allpasses a channel, eight lines.

    The structure is Jot's feedback delay network with a Householder matrix (AES 90th convention, 1991).
    """
    echo_mask, smear_mask, mask = echo.shape[1] - n - 1, smear.shape[2] - n - 1, lines.shape[1] - n - 1
    x, y = np.empty((2, n)), np.empty((8, n))
    column, sums = np.empty(n), np.empty(n)
    for g in range(send.shape[1] // n):
        at, here = clock + g * n, slice(g * n, (g + 1) * n)
        for c in range(2):
            store(echo[c], at & echo_mask, send[c, here])
            fed = x[c]
            past = send[c, here]
            for i in range(n):
                fed[i] = past[i]
            for a in range(2):
                begin = (at - ALLPASSES[c, a]) & smear_mask
                diffuse(fed, smear[c, a, begin : begin + n], column)
                store(smear[c, a], at & smear_mask, column)
        for c in range(2):
            for tap in range(ECHOES.shape[1]):
                begin = (at - ECHOES[c, tap]) & echo_mask
                add(dry[c, here], echo[(c + tap) & 1, begin : begin + n], ECHO_GAINS[tap])
        for k in range(8):
            begin = (at - LINES[k]) & mask
            scale(y[k], lines[k, begin : begin + n], 1.0 - damping)
        ring(y[:4], low[:4], damping, gain[:4])
        ring(y[4:], low[4:], damping, gain[4:])
        total(y, sums)
        for c in range(2):
            spread(dry[c, here], y[c], y[2 + c], y[4 + c], y[6 + c])
        for k in range(8):
            feed(column, y[k], sums, x[k & 1], 1.0 if k < 4 else -1.0)
            store(lines[k], at & mask, column)


@kernel
def biquad(left: Floats, right: Floats, b0: float, b1: float, b2: float, a1: float, a2: float, state: Floats) -> None:
    """Filters both channels of a grain in place; state (4,). Both at once: each waits for its own last sample only."""
    one, two, three, four = state[0], state[1], state[2], state[3]
    for i in range(left.size):
        x, y = left[i], right[i]
        u, v = b0 * x + one, b0 * y + three
        one, three = (b1 * x + two) - a1 * u, (b1 * y + four) - a1 * v
        two, four = b2 * x - a2 * u, b2 * y - a2 * v
        left[i], right[i] = u, v
    state[0], state[1] = one if abs(one) > 1e-30 else 0.0, two if abs(two) > 1e-30 else 0.0
    state[2], state[3] = three if abs(three) > 1e-30 else 0.0, four if abs(four) > 1e-30 else 0.0


@kernel
def loud(left: Floats, right: Floats, low: Floats) -> float:
    """The power of a grain, both channels added, roughly as the ear weighs it (BS.1770: 4 dB more above 1.5 kHz)."""
    power = 0.0
    l0, l1 = low[0], low[1]
    for i in range(left.size):
        l0 += 0.18 * (left[i] - l0)
        l1 += 0.18 * (right[i] - l1)
        a, b = left[i] + 0.58 * (left[i] - l0), right[i] + 0.58 * (right[i] - l1)
        power += a * a + b * b
    low[0], low[1] = l0, l1
    return power / left.size


@kernel
def finish(
    dry: Floats,
    master: Floats,  # (grains + 1,)
    rumble: Floats,  # (2, 5): two biquads, b0 b1 b2 a1 a2
    state: Floats,  # (2, 4)
    trim: Floats,  # (6,): the ear's low-pass twice, power lately and over long, the gain from that and the whole gain
    even: Floats,  # (7,): power to come to; parts of a grain in power lately, over long, gain; most gain; swell; lull
    block: Singles,
) -> None:
    """The mix without rumble, brought to one loudness, times the master level, as (frames, 2) float32.

    The trim is far slower than a breath: it evens chords, seeds and hours. What swells beyond `even[5]` times the power
    over long swells on by a quarter of it in dB; what sinks below that power, by half, down to `even[6]` times of it.
    """
    grains = master.size - 1
    n = dry.shape[1] // grains
    for g in range(grains):
        left, right = dry[0, g * n : (g + 1) * n], dry[1, g * n : (g + 1) * n]
        for s in range(2):
            r = rumble[s]
            biquad(left, right, r[0], r[1], r[2], r[3], r[4], state[s])
        power = loud(left, right, trim)
        trim[2] += (power - trim[2]) * even[1]
        trim[3] += (power - trim[3]) * even[2]
        wanted = min(max(np.sqrt(even[0] / max(trim[3], 1e-12)), 1.0 / even[4]), even[4])
        trim[4] += (wanted - trim[4]) * even[3]
        ratio = trim[2] / max(trim[3], 1e-12)
        eighth = np.sqrt(np.sqrt(np.sqrt(max(ratio / even[5], 1.0))))
        lull = np.sqrt(np.sqrt(min(max(ratio, even[6]), 1.0)))
        from_gain = master[g] * trim[5]
        trim[5] = trim[4] / (eighth * eighth * eighth * lull)
        step = (master[g + 1] * trim[5] - from_gain) / n
        y = block[g * n : (g + 1) * n]
        for i in range(n):
            gain = from_gain + step * i
            y[i, 0] = left[i] * gain
            y[i, 1] = right[i] * gain


@kernel
def lay(bed: Singles, level: Floats, block: Singles) -> None:
    """Adds music (frames, 2) to the finished block, its level (grains + 1,) ramped."""
    grains = level.size - 1
    n = block.shape[0] // grains
    for g in range(grains):
        step = (level[g + 1] - level[g]) / n
        for i in range(n):
            gain = level[g] + step * i
            block[g * n + i, 0] += gain * bed[g * n + i, 0]
            block[g * n + i, 1] += gain * bed[g * n + i, 1]


def high_pass(hz: float, notch_hz: float) -> Floats:
    """The biquads of `finish`: fourth order, with a Butterworth's poles and one pair of zeros at notch_hz, (2, 5)."""
    w = math.tan(math.pi * hz / RATE_HZ)
    rows = []
    for damping, zero_hz in ((0.7653668647, notch_hz), (1.8477590650, 0.0)):  # of the two pairs of poles
        z = math.tan(math.pi * zero_hz / RATE_HZ) ** 2
        scale = 1.0 / (1.0 + damping * w + w * w)
        poles = [2.0 * (w * w - 1.0) * scale, (1.0 - damping * w + w * w) * scale]
        rows.append([(1.0 + z) * scale, 2.0 * (z - 1.0) * scale, (1.0 + z) * scale, *poles])
    return np.array(rows)
