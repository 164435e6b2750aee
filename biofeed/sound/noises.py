"""Kernels that sound in filtered noise: sea, wind, rain, leaves, fire, and a breath that hears which way the air goes.

Each adds one stretch of frames to `out` (2, frames), about -20 dBFS strong at full drive; the two channels are
independent, and the mix narrows them. `edges` (knobs, grains + 1) holds the knobs at the grains' edges. A grain is
worked whole: white noise is written into a buffer, coloured, and carved by filters whose cut-offs hold for the grain
and whose strengths ramp over it. All randomness is a hash of `key` and the frame counter `clock`, so noise never
repeats and depends on nothing else.
"""

import math

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Pair = tuple[float, float]
RATE_HZ = 48_000.0


@kernel
def scramble(x: int | np.int64) -> np.uint32:
    """A 32-bit integer hash (C. Wellons, hash prospector: bias 0.17), in arithmetic that vectorises."""
    y = np.uint32(x)
    y ^= np.uint32(y >> np.uint32(16))
    y = np.uint32(y * np.uint32(0x7FEB352D))
    y ^= np.uint32(y >> np.uint32(15))
    y = np.uint32(y * np.uint32(0x846CA68B))
    y ^= np.uint32(y >> np.uint32(16))
    return y


@kernel
def white(key: int, index: int | np.int64) -> float:
    """-1..1, uniform, one number of the stream `key`."""
    return float(np.int32(scramble(np.int64(index) + np.int64(scramble(key))))) / 2147483648.0


@kernel
def wander(key: int, turns: float) -> float:
    """-1..1: a smooth path through random points, one per turn; it never comes back to where it was."""
    at = math.floor(turns)
    x = turns - at
    a, b = white(key, np.int64(at)), white(key, np.int64(at) + 1)
    return a + (b - a) * x * x * (3.0 - 2.0 * x)


@kernel
def octaves(x: float) -> float:
    """2 to the power x within 2e-7, by arithmetic alone: a library's own may differ from one processor to the next."""
    at = math.floor(x)
    f = x - at
    p = 1.0 + f * (
        0.69314698 + f * (0.24022956 + f * (0.05548587 + f * (0.00968458 + f * (0.00123955 + f * 0.00021437))))
    )
    return math.ldexp(p, int(at))


@kernel
def warp(hz: float) -> float:
    """A cut-off frequency as the filter's coefficient, tan(pi hz / rate) within 0.1 %."""
    x = math.pi * min(max(hz, 20.0), 16_000.0) / RATE_HZ
    return x * (15.0 - x * x) / (15.0 - 6.0 * x * x)


@kernel
def hiss(x: Floats, key: int, first: int) -> None:
    """White noise, -1..1."""
    start = np.int64(first) + np.int64(scramble(key))
    for i in range(x.size):
        x[i] = float(np.int32(scramble(start + i))) / 2147483648.0


@kernel
def spray(x: Floats, key: int, first: int, share: float) -> None:
    """Single samples of either sign, many small and few large, with silence between; share of them per sample."""
    start = np.int64(first) + np.int64(scramble(key))
    floor, scale = 1.0 - share, 1.0 / max(share, 1e-9)
    for i in range(x.size):
        w = float(np.int32(scramble(start + i))) / 2147483648.0
        over = max(abs(w) - floor, 0.0) * scale
        x[i] = over * over * over if w > 0.0 else -over * over * over


@kernel
def redden(x: Floats, key: int, first: int, state: Floats, floor_hz: float) -> None:
    """Fills x (2, n) with pink noise, -3 dB per octave above 40 Hz within 1 dB, less what lies under a floor.

    White noise through three one-poles whose corners lie 3 octaves apart, then a gentle high-pass; state (2, 4).
    """
    for c in range(2):
        hiss(x[c], key + c, first)
    below = 2.0 * math.pi * floor_hz / RATE_HZ
    keep = 1.0 - below
    a0, a1, a2, a3 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    b0, b1, b2, b3 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    for i in range(x.shape[1]):
        w = x[0, i]
        a0 = 0.9948 * a0 + 0.0052 * w
        a1 = 0.9589 * a1 + 0.0411 * w
        a2 = 0.7150 * a2 + 0.2850 * w
        w = (2.6 * a0 + a1) + (0.42 * a2 + 0.09 * w)
        a3 = keep * a3 + below * w
        x[0, i] = w - a3
        w = x[1, i]
        b0 = 0.9948 * b0 + 0.0052 * w
        b1 = 0.9589 * b1 + 0.0411 * w
        b2 = 0.7150 * b2 + 0.2850 * w
        w = (2.6 * b0 + b1) + (0.42 * b2 + 0.09 * w)
        b3 = keep * b3 + below * w
        x[1, i] = w - b3
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = a0, a1, a2, a3
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = b0, b1, b2, b3


@kernel
def carve(x: Floats, out: Floats, at: int, state: Floats, cuts: Pair, damping: float, low: float, to: Pair) -> None:
    """Adds x (2, n) through a state-variable filter: `low` of its low pass, the rest of its band pass.

    `cuts` (from `warp`) and the strengths `to`, which it ramps to, are for left and right; state (2, 3) is each
    channel's two numbers and the strength reached.

    The trapezoidal form (Zavalishin, The Art of VA Filter Design; Simper 2013), which bears cut-offs that move; left
    and right in one loop, since each recursion alone would leave the processor waiting.
    """
    if state[0, 2] == 0.0 and state[1, 2] == 0.0 and to[0] == 0.0 and to[1] == 0.0:
        return
    n = x.shape[1]
    # As a step of two numbers, a' = aa a + ab b + ax x and b' = -ab a + bb b + bx x: the shortest chain per sample.
    p = 1.0 / (1.0 + cuts[0] * (cuts[0] + damping))
    aa, ab, bb = 2.0 * p - 1.0, -2.0 * cuts[0] * p, 1.0 - 2.0 * cuts[0] * cuts[0] * p
    p = 1.0 / (1.0 + cuts[1] * (cuts[1] + damping))
    cc, cd, dd = 2.0 * p - 1.0, -2.0 * cuts[1] * p, 1.0 - 2.0 * cuts[1] * cuts[1] * p
    a, b, left = state[0, 0], state[0, 1], state[0, 2]
    c, d, right = state[1, 0], state[1, 1], state[1, 2]
    d_left, d_right = (to[0] - left) / n, (to[1] - right) / n
    low, band = 0.5 * low, 0.5 * (1.0 - low)
    for i in range(n):
        v = x[0, i]
        a_next = aa * a + (ab * b - ab * v)
        b_next = bb * b + ((1.0 - bb) * v - ab * a)
        out[0, at + i] += (left + d_left * i) * (low * (b_next + b) + band * (a_next + a))
        a, b = a_next, b_next
        v = x[1, i]
        c_next = cc * c + (cd * d - cd * v)
        d_next = dd * d + ((1.0 - dd) * v - cd * c)
        out[1, at + i] += (right + d_right * i) * (low * (d_next + d) + band * (c_next + c))
        c, d = c_next, d_next
    state[0, 0], state[0, 1], state[0, 2] = a, b, to[0]
    state[1, 0], state[1, 1], state[1, 2] = c, d, to[1]


@kernel
def puff(x: Floats, dots: Floats, key: int, first: int, share: float, swiftness: float, state: Floats) -> None:
    """White noise in soft bursts at random times; fills x (2, n), and dots (2, n) as a scratch; state (2, 2)."""
    n = x.shape[1]
    for c in range(2):
        spray(dots[c], key + 2 * c, first, share)
        hiss(x[c], key + 2 * c + 1, first)
    keep = 1.0 - swiftness
    a, b, c, d = state[0, 0], state[0, 1], state[1, 0], state[1, 1]
    for i in range(n):
        a = keep * a + (swiftness * abs(dots[0, i]) + 1e-20)  # kept away from denormal numbers
        b = keep * b + swiftness * a
        x[0, i] *= b
        c = keep * c + (swiftness * abs(dots[1, i]) + 1e-20)
        d = keep * d + swiftness * c
        x[1, i] *= d
    state[0, 0], state[0, 1], state[1, 0], state[1, 1] = a, b, c, d


@kernel
def sea(
    out: Floats,
    edges: Floats,
    clock: int,
    key: int,
    wave: Floats,  # (3,) cycles of the sea's own wave, its rate in Hz, the count of waves
    tilt: Floats,  # (2, 4)
    filters: Floats,  # (2, 2, 3)
) -> None:
    """Surf: a dark body and a bright foam; knobs: brightness, density (lapping), waves (its own slow waves)."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    x = np.empty((2, n))
    for g in range(grains):
        bright, density, waves = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        if wave[1] == 0.0:  # the first wave is under way somewhere
            wave[0], wave[1] = 0.5 + 0.5 * white(key + 6, 0), 0.1
        wave[0] += wave[1] * n / RATE_HZ
        if wave[0] >= 1.0:
            wave[0] -= 1.0
            wave[2] += 1.0
            wave[1] = 1.0 / (10.5 + 3.0 * white(key + 7, np.int64(wave[2])))  # waves of 7.5 to 13.5 s
        rise = wave[0] / 0.42 if wave[0] < 0.42 else (1.0 - wave[0]) / 0.58
        crest = rise * rise * (3.0 - 2.0 * rise)
        lift = bright + 0.3 * waves * (crest - 0.6)
        first = clock + g * n
        turn = (first + n) / RATE_HZ
        lap_left = wander(key + 11, 2.3 * turn) + 0.6 * wander(key + 13, 5.1 * turn)
        lap_right = wander(key + 12, 2.3 * turn) + 0.6 * wander(key + 14, 5.1 * turn)
        strength = 0.62 * (1.0 - 0.8 * waves * (1.0 - crest))
        left, right = strength * (1.0 + 0.28 * density * lap_left), strength * (1.0 + 0.28 * density * lap_right)
        body = warp(150.0 * octaves(3.6 * lift))
        foam_hz = 620.0 * octaves(3.1 * lift)
        foam_left = warp(foam_hz * octaves(0.45 * density * lap_left))
        foam_right = warp(foam_hz * octaves(0.45 * density * lap_right))
        foam = 0.08 + 0.56 * max(lift, 0.0)
        redden(x, key, first, tilt, 90.0)
        carve(x, out, g * n, filters[0], (body, body), 1.3, 0.35, (1.2 * left, 1.2 * right))
        carve(x, out, g * n, filters[1], (foam_left, foam_right), 1.1, 0.0, (foam * left, foam * right))


@kernel
def wind(out: Floats, edges: Floats, clock: int, key: int, tilt: Floats, filters: Floats) -> None:
    """Two soft resonances that wander over noise; knobs: pitch, brightness, density (gusts).

    tilt (2, 4), filters (2, 2, 3).
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    x = np.empty((2, n))
    for g in range(grains):
        pitch, bright, gusts = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        first = clock + g * n
        turn = (first + n) / RATE_HZ
        gust = 0.6 * wander(key + 21, 0.13 * turn) + 0.4 * wander(key + 22, 0.41 * turn)
        low_hz = 180.0 * octaves(3.58 * pitch)
        damping = 0.75 - 0.35 * bright
        cut_left = warp(low_hz * octaves(0.4 * gust + 0.2 * wander(key + 23, 0.23 * turn)))
        cut_right = warp(low_hz * octaves(0.4 * gust + 0.2 * wander(key + 24, 0.23 * turn)))
        upper_left = warp(2.2 * low_hz * octaves(0.3 * gust + 0.26 * wander(key + 25, 0.31 * turn)))
        upper_right = warp(2.2 * low_hz * octaves(0.3 * gust + 0.26 * wander(key + 26, 0.31 * turn)))
        left = 0.8 * (1.0 + 0.6 * gusts * (gust + 0.3 * wander(key + 27, 0.7 * turn)))
        right = 0.8 * (1.0 + 0.6 * gusts * (gust + 0.3 * wander(key + 28, 0.7 * turn)))
        upper = 0.2 + 0.5 * bright
        redden(x, key, first, tilt, 110.0)
        carve(x, out, g * n, filters[0], (cut_left, cut_right), damping, 0.0, (left, right))
        carve(x, out, g * n, filters[1], (upper_left, upper_right), damping, 0.0, (upper * left, upper * right))


@kernel
def breath(
    out: Floats,
    edges: Floats,
    clock: int,
    key: int,
    flow: Floats,  # (5,) the swell's slope, smoothed twice; how strongly the air goes in, and out; its dimmed highs
    tilt: Floats,  # (2, 4)
    filters: Floats,  # (2, 2, 3)
) -> None:
    """Air that moves as the knob (swell) moves: rising is high, slender and near, falling is low, full and wide."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    grain_s = n / RATE_HZ
    step = grain_s / 0.07
    x, shared = np.empty((2, n)), np.empty(n)
    for g in range(grains):
        swell, bright = edges[0, g + 1], edges[1, g + 1]
        slope = (swell - edges[0, g]) / grain_s
        for stage in range(2):
            flow[stage] += step * (slope - flow[stage])
            slope = flow[stage]
        # Half strength at 0.2 /s, a slow breath's mean flow: faster breathing is hardly louder. Squared, and slow to
        # rise: at a turn of the breath the air swells in out of nothing, dark at first.
        square = slope * slope
        strength = square / (square + 0.04)
        for way in range(2):
            wanted = strength if (slope > 0.0) == (way == 0) else 0.0
            flow[2 + way] += grain_s / 0.22 * (wanted - flow[2 + way])
        inward, outward = flow[2], flow[3]
        near = warp(900.0 * octaves(1.3 * swell + bright - 0.5 - 1.5 * (1.0 - inward)))
        far = warp(300.0 * octaves(1.3 * swell + bright - 0.5 - 0.7 * (1.0 - outward)))
        first = clock + g * n
        hiss(shared, key + 2, first)
        redden(x, key, first, tilt, 200.0)
        carve(x, out, g * n, filters[0], (far, far), 1.2, 0.3, (1.6 * outward, 1.6 * outward))
        # The inhale is mostly what both ears share: it stands in front; the exhale spreads round the head.
        dim = flow[4]
        for i in range(n):
            dim = 0.74 * dim + 0.26 * shared[i]
            shared[i] = 2.0 * dim
        flow[4] = dim
        for c in range(2):
            for i in range(n):
                x[c, i] = 0.5 * x[c, i] + shared[i]
        carve(x, out, g * n, filters[1], (near, near), 0.7, 0.0, (0.42 * inward, 0.42 * inward))


@kernel
def rain(out: Floats, edges: Floats, clock: int, key: int, tilt: Floats, filters: Floats) -> None:
    """Rain: a veil far off over the water, and a patter of drops too many to count; knobs: brightness, density, patter.

    Showers come and go by themselves; the patter falls on leaves (dark) or on the lake (bright). tilt (2, 4),
    filters (4, 2, 3).
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    x = np.empty((2, n))
    for g in range(grains):
        bright, density, patter = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        first = clock + g * n
        turn = (first + n) / RATE_HZ
        shower = 0.7 * wander(key + 31, 0.047 * turn) + 0.3 * wander(key + 32, 0.19 * turn)
        left = 1.0 + 0.35 * shower + 0.18 * wander(key + 33, 0.29 * turn)
        right = 1.0 + 0.35 * shower + 0.18 * wander(key + 34, 0.29 * turn)
        veil = 0.85 * (0.25 + 0.75 * density)
        low, high = warp(480.0 * octaves(0.9 * bright)), warp(1900.0 * octaves(1.5 * bright + 0.3 * shower))
        redden(x, key, first, tilt, 160.0)
        carve(x, out, g * n, filters[0], (low, low), 1.5, 0.0, (1.1 * veil * left, 1.1 * veil * right))
        veil *= 0.6 + 1.2 * bright
        carve(x, out, g * n, filters[1], (high, high), 1.5, 0.0, (veil * left, veil * right))
        share = (60.0 + 900.0 * density * density) * (1.0 + 0.5 * shower) / RATE_HZ
        for c in range(2):
            spray(x[c], key + 2 + c, first, share)
        # Each ear's leaves and water answer at other pitches, which drift.
        leaf_left = warp(900.0 * octaves(bright + 0.4 * wander(key + 35, 0.61 * turn)))
        leaf_right = warp(1050.0 * octaves(bright + 0.4 * wander(key + 36, 0.67 * turn)))
        ring_left = warp(2300.0 * octaves(0.8 * bright + 0.5 * wander(key + 37, 3.1 * turn)))
        ring_right = warp(2700.0 * octaves(0.8 * bright + 0.5 * wander(key + 38, 3.7 * turn)))
        body, ring = 2.0 * patter, 1.3 * patter * (0.3 + 0.7 * bright)
        carve(x, out, g * n, filters[2], (leaf_left, leaf_right), 0.5, 0.3, (body * left, body * right))
        carve(x, out, g * n, filters[3], (ring_left, ring_right), 0.22, 0.0, (ring * left, ring * right))


@kernel
def leaves(out: Floats, edges: Floats, clock: int, key: int, tilt: Floats, filters: Floats, flutter: Floats) -> None:
    """Leaves in gusts that cross from one side to the other; knobs: brightness, density (of gusts), motion (wind).

    tilt (2, 4), filters (2, 2, 3), flutter (2, 2).
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    x, dots = np.empty((2, n)), np.empty((2, n))
    for g in range(grains):
        bright, density, motion = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        first = clock + g * n
        turn = (first + n) / RATE_HZ
        lag = 1.4 * wander(key + 40, 0.05 * turn)  # s, by which a gust reaches one ear before the other
        gust_left = 0.6 * wander(key + 41, 0.11 * (turn + lag)) + 0.4 * wander(key + 42, 0.37 * (turn + lag))
        gust_right = 0.6 * wander(key + 41, 0.11 * (turn - lag)) + 0.4 * wander(key + 42, 0.37 * (turn - lag))
        left = motion * (0.6 + 0.7 * density * gust_left)
        right = motion * (0.6 + 0.7 * density * gust_right)
        left, right = max(left, 0.15 * motion), max(right, 0.15 * motion)
        body = 2.0 * left * (1.0 + 0.25 * wander(key + 43, 4.3 * turn))
        body_right = 2.0 * right * (1.0 + 0.25 * wander(key + 44, 4.7 * turn))
        cut_left, cut_right = warp(700.0 * octaves(bright + left)), warp(700.0 * octaves(bright + right))
        redden(x, key, first, tilt, 200.0)
        carve(x, out, g * n, filters[0], (cut_left, cut_right), 1.3, 0.25, (body, body_right))
        # The rustle itself: each leaf a short soft burst, the more of them the stronger the wind.
        share = (20.0 + 240.0 * (left + right) * 0.5) / RATE_HZ
        puff(x, dots, key + 2, first, share, 0.012, flutter)
        cut_left, cut_right = warp(2300.0 * octaves(1.2 * bright)), warp(2600.0 * octaves(1.2 * bright))
        carve(x, out, g * n, filters[1], (cut_left, cut_right), 0.9, 0.0, (60.0 * left, 60.0 * right))


@kernel
def fire(out: Floats, edges: Floats, clock: int, key: int, tilt: Floats, filters: Floats, sparks: Floats) -> None:
    """A fire in a hearth: a low flutter, a breath of flame, and embers that tick softly, in small flocks.

    Knobs: brightness, density (of the ticking). A tick rises in 8 ms and stays near the fire's own level. tilt (2, 4),
    filters (3, 2, 3), sparks (2, 2).
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    x, dots = np.empty((2, n)), np.empty((2, n))
    for g in range(grains):
        bright, density = edges[0, g + 1], edges[1, g + 1]
        first = clock + g * n
        turn = (first + n) / RATE_HZ
        slow = wander(key + 51, 0.17 * turn)
        left = 1.0 + 0.22 * slow + 0.25 * wander(key + 52, 2.9 * turn) + 0.16 * wander(key + 53, 6.7 * turn)
        right = 1.0 + 0.22 * slow + 0.25 * wander(key + 54, 3.1 * turn) + 0.16 * wander(key + 55, 6.1 * turn)
        roar = warp(120.0 * octaves(0.8 * bright + 0.3 * slow))
        flame = warp(520.0 * octaves(1.2 * bright + 0.3 * slow))
        redden(x, key, first, tilt, 90.0)
        carve(x, out, g * n, filters[0], (roar, roar), 1.1, 0.1, (0.8 * left, 0.8 * right))
        air = 0.1 + 0.35 * bright
        carve(x, out, g * n, filters[1], (flame, flame), 1.3, 0.0, (air * left, air * right))
        flock = max(0.0, 0.35 + wander(key + 56, 0.31 * turn))
        share = (0.6 + 7.0 * density) * flock * flock / RATE_HZ
        puff(x, dots, key + 4, first, share, 0.006, sparks)
        tick_left = warp(2100.0 * octaves(0.5 * bright + 0.8 * wander(key + 57, 5.3 * turn)))
        tick_right = warp(2300.0 * octaves(0.5 * bright + 0.8 * wander(key + 58, 5.9 * turn)))
        carve(x, out, g * n, filters[2], (tick_left, tick_right), 0.6, 0.0, (55.0, 55.0))
