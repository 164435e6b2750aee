"""Kernels that sound in filtered noise: sea, wind, and a breath that hears which way the air goes.

Each fills `out` (2, frames) with one tick, about -20 dBFS strong at full drive; the two channels are independent, and
the mix narrows them. `edges` (knobs, grains + 1) holds the knobs at the grains' edges; filters ramp between them.
All randomness is a hash of `key` and the frame counter `clock`, so noise never repeats and depends on nothing else.
"""

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
RATE_HZ = 48_000.0


@kernel
def white(key: int, index: int | np.int64) -> float:
    """-1..1, uniform: a 32-bit integer hash (C. Wellons, hash prospector: bias 0.17) of two words."""
    x = (np.uint64(index) + np.uint64(key) * np.uint64(0x9E3779B9)) & np.uint64(0xFFFFFFFF)
    x ^= np.uint64(key >> 16)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return float(np.int64(x)) / 2147483648.0 - 1.0


@kernel
def wander(key: int, turns: float) -> float:
    """-1..1: a smooth path through random points, one per turn; it never comes back to where it was."""
    at = np.floor(turns)
    x = turns - at
    a, b = white(key, np.int64(at)), white(key, np.int64(at) + 1)
    return a + (b - a) * x * x * (3.0 - 2.0 * x)


@kernel
def band(state: Floats, x: float, g: float, damping: float) -> tuple[float, float, float]:
    """Low, band and high pass of a trapezoidal state-variable filter (Zavalishin, The Art of VA Filter Design)."""
    high = (x - (g + damping) * state[0] - state[1]) / (1.0 + g * (g + damping))
    v = g * high
    middle = v + state[0]
    state[0] = v + middle
    v = g * middle
    low = v + state[1]
    state[1] = v + low
    return low, middle, high


@kernel
def warp(hz: float) -> float:
    """A cut-off frequency as the filter's coefficient."""
    return np.tan(np.pi * min(max(hz, 20.0), 16_000.0) / RATE_HZ)


@kernel
def pink(state: Floats, x: float) -> float:
    """White to -3 dB per octave above 40 Hz, within 1 dB: three one-poles whose corners lie 3 octaves apart."""
    state[0] += 0.0052 * (x - state[0])
    state[1] += 0.0411 * (x - state[1])
    state[2] += 0.2850 * (x - state[2])
    return 2.6 * state[0] + 1.0 * state[1] + 0.42 * state[2] + 0.09 * x


@kernel
def sea(
    out: Floats,
    edges: Floats,
    clock: int,
    key: int,
    wave: Floats,  # (3,) cycles of the sea's own wave, its rate in Hz, the count of waves
    tilt: Floats,  # (2, 3)
    filters: Floats,  # (2, 3, 2)
    held: Floats,  # (2, 3): body cut, foam cut, strength
) -> None:
    """Surf: a dark body and a bright foam; knobs: brightness, density (lapping), waves (its own slow waves)."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    floor_g = warp(75.0)
    for g in range(grains):
        bright, density, waves = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        wave[0] += wave[1] * n / RATE_HZ
        if wave[0] >= 1.0:
            wave[0] -= 1.0
            wave[2] += 1.0
            wave[1] = 1.0 / (10.5 + 3.0 * white(key + 7, np.int64(wave[2])))  # waves of 7.5 to 13.5 s
        x = wave[0] / 0.42 if wave[0] < 0.42 else (1.0 - wave[0]) / 0.58
        crest = x * x * (3.0 - 2.0 * x)
        lift = bright + 0.3 * waves * (crest - 0.6)
        turn = (clock + (g + 1) * n) / RATE_HZ
        for c in range(2):
            lap = wander(key + 11 + c, 2.3 * turn) + 0.6 * wander(key + 13 + c, 5.1 * turn)
            body_g = warp(130.0 * 14.0**lift)
            foam_g = warp(520.0 * 9.0**lift * 1.35 ** (density * lap))
            strength = (1.0 - 0.8 * waves * (1.0 - crest)) * (1.0 + 0.28 * density * lap)
            d_body, d_foam = (body_g - held[c, 0]) / n, (foam_g - held[c, 1]) / n
            d_strength = (strength - held[c, 2]) / n
            foam_gain = 0.55 * max(lift, 0.0)
            at, first = g * n, clock + g * n
            for i in range(n):
                held[c, 0] += d_body
                held[c, 1] += d_foam
                held[c, 2] += d_strength
                x = pink(tilt[c], white(key + c, first + i))
                _, _, x = band(filters[c, 0], x, floor_g, 1.2)
                body, _, _ = band(filters[c, 1], x, held[c, 0], 1.3)
                _, foam, _ = band(filters[c, 2], x, held[c, 1], 1.1)
                out[c, at + i] += 0.5 * held[c, 2] * (body + foam_gain * foam)
            held[c, 0], held[c, 1], held[c, 2] = body_g, foam_g, strength


@kernel
def wind(out: Floats, edges: Floats, clock: int, key: int, filters: Floats, held: Floats) -> None:
    """Two soft resonances that wander over noise; knobs: pitch, brightness, density (gusts).

    filters (2, 3, 2); held (2, 3): the two cuts and the strength.
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    floor_g = warp(110.0)
    for g in range(grains):
        pitch, bright, gusts = edges[0, g + 1], edges[1, g + 1], edges[2, g + 1]
        turn = (clock + (g + 1) * n) / RATE_HZ
        gust = 0.6 * wander(key + 21, 0.13 * turn) + 0.4 * wander(key + 22, 0.41 * turn)
        low_hz = 180.0 * 12.0**pitch
        damping = 0.75 - 0.35 * bright
        for c in range(2):
            cut_a = warp(low_hz * 1.30 ** (gust + 0.5 * wander(key + 23 + c, 0.23 * turn)))
            cut_b = warp(low_hz * 2.2 * 1.35 ** (0.7 * gust + 0.6 * wander(key + 25 + c, 0.31 * turn)))
            strength = 1.0 + 0.6 * gusts * (gust + 0.3 * wander(key + 27 + c, 0.7 * turn))
            d_a, d_b, d_s = (cut_a - held[c, 0]) / n, (cut_b - held[c, 1]) / n, (strength - held[c, 2]) / n
            at, first = g * n, clock + g * n
            for i in range(n):
                held[c, 0] += d_a
                held[c, 1] += d_b
                held[c, 2] += d_s
                _, _, x = band(filters[c, 0], white(key + c, first + i), floor_g, 1.2)
                _, a, _ = band(filters[c, 1], x, held[c, 0], damping)
                _, b, _ = band(filters[c, 2], x, held[c, 1], damping)
                out[c, at + i] += 0.55 * held[c, 2] * (a + (0.25 + 0.5 * bright) * b)
            held[c, 0], held[c, 1], held[c, 2] = cut_a, cut_b, strength


@kernel
def breath(
    out: Floats,
    edges: Floats,
    clock: int,
    key: int,
    flow: Floats,  # (3,) the swell before, and its slope smoothed twice
    tilt: Floats,  # (2, 3)
    filters: Floats,  # (2, 3, 2)
    held: Floats,  # (2, 4): in cut, out cut, in strength, out strength
) -> None:
    """Air that moves as the knob (swell) moves: rising is high, slender and near, falling is low, full and wide."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    grain_s = n / RATE_HZ
    keep = 1.0 - grain_s / 0.07  # 70 ms, twice: the turn of a breath is soft, and still felt at once
    floor_g = warp(140.0)
    if clock == 0:
        flow[0] = edges[0, 0]
    for g in range(grains):
        swell, bright = edges[0, g + 1], edges[1, g + 1]
        slope = (swell - flow[0]) / grain_s
        flow[0] = swell
        flow[1] = slope + (flow[1] - slope) * keep
        flow[2] = flow[1] + (flow[2] - flow[1]) * keep
        rising, falling = max(flow[2], 0.0), max(-flow[2], 0.0)
        # Half strength at 0.2 /s, a slow breath's mean flow: faster breathing is hardly louder.
        inward, outward = rising / (rising + 0.2), falling / (falling + 0.2)
        in_g = warp(700.0 * 3.0**swell * 2.0 ** (bright - 0.5))
        out_g = warp(260.0 * 2.6**swell * 2.0 ** (bright - 0.5))
        for c in range(2):
            steps = (
                (in_g - held[c, 0]) / n,
                (out_g - held[c, 1]) / n,
                (inward - held[c, 2]) / n,
                (outward - held[c, 3]) / n,
            )
            at, first = g * n, clock + g * n
            for i in range(n):
                for j in range(4):
                    held[c, j] += steps[j]
                own = white(key + c, first + i)
                shared = white(key + 2, first + i)
                # The inhale is mostly what both ears share: it stands in front; the exhale spreads round the head.
                _, near, _ = band(filters[c, 0], 0.85 * shared + 0.35 * own, held[c, 0], 0.6)
                _, _, x = band(filters[c, 1], pink(tilt[c], own), floor_g, 1.3)
                far, _, _ = band(filters[c, 2], x, held[c, 1], 1.2)
                out[c, at + i] += 0.42 * held[c, 2] * near + 0.9 * held[c, 3] * far
            held[c, 0], held[c, 1], held[c, 2], held[c, 3] = in_g, out_g, inward, outward
