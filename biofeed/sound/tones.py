"""Kernels that sound in sines: pads and guides, struck bowls and chimes, a soft pulse.

Each adds to `out` (2, frames), about -20 dBFS strong at full drive. `edges` (knobs, grains + 1) holds the knobs at the
grains' edges; `clock` counts frames since the voice began, a multiple of a grain.

A partial's frequency hardly changes, so its sine is not computed anew for every sample: a table holds one grain of its
cosine and sine, and at each grain's edge one complex number says how strong it is and where it stands in its cycle.
What sounds between two edges fades linearly from the one to the other (overlap-add with triangular windows). That is
exact for steady partials; for the slow drifts here the error lies 90 dB below the partial. So no parameter ever steps,
and a voice begins from silence.
"""

import math

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import GRAIN_FRAMES, kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]
RATE_HZ = 48_000.0
# Above this a partial is only hiss to the ear, and beats between its two strands would quicken.
HIGHEST_HZ = 9_000.0
# Two strands of a partial drift apart by at most this, so they beat well under 5 Hz (above which it turns to flutter).
DRIFT_HZ = 1.6


@kernel
def sine(cycles: float) -> float:
    """sin(2 pi cycles) within 3e-7: an even polynomial fitted at Chebyshev nodes, with its zeros held exactly."""
    q = cycles - np.floor(cycles + 0.5)
    z = q * q
    p = 25.1327351251 + z * (-64.8346168013 + z * (67.0380336102 + z * (-38.0636286429 + z * 12.0736626635)))
    return q * (0.25 - z) * p


@kernel
def octaves(x: float) -> float:
    """2 to the power x within 2e-7, by arithmetic alone: a library's own may differ from one processor to the next."""
    at = math.floor(x)
    f = x - at
    p = 0.05548587 + f * (0.00968458 + f * (0.00123955 + f * 0.00021437))
    return math.ldexp(1.0 + f * (0.69314698 + f * (0.24022956 + f * p)), int(at))


@kernel
def tabulate(hz: Floats, table: Singles) -> None:
    """One grain and a frame of each partial's cosine and sine: hz (partials,), table (partials, 2, n + 1)."""
    for p in range(hz.size):
        f = hz[p] / RATE_HZ
        for i in range(table.shape[2]):
            table[p, 0, i] = sine(f * i + 0.25)
            table[p, 1, i] = sine(f * i)


def tables(hz: Floats) -> tuple[Singles, Singles]:
    """What a voice of partials keeps: their tables (partials, 2, n + 1), and what is held at an edge, (4, n + 1)."""
    table = np.zeros((hz.size, 2, GRAIN_FRAMES + 1), np.float32)
    tabulate(hz.reshape(-1), table)
    return table, np.zeros((4, GRAIN_FRAMES + 1), np.float32)


@kernel
def gather(edge: Singles, parts: Singles, table: Singles, which: Whole, count: int) -> None:
    """The partials' sum about an edge: its even and odd half for each ear, edge (4, n + 1).

    parts (4, partials): each one's weight in the four; which (partials,): its row in table (rows, 2, n + 1).
    """
    n = edge.shape[1]
    edge[:] = 0.0
    for half in range(2):
        y, z = edge[2 * half], edge[2 * half + 1]
        left, right = parts[2 * half], parts[2 * half + 1]
        p = 0
        while p + 3 <= count:  # three at a time, both ears at once: the table is read half as often
            a, b, c = table[which[p], half], table[which[p + 1], half], table[which[p + 2], half]
            ga, gb, gc = left[p], left[p + 1], left[p + 2]
            ha, hb, hc = right[p], right[p + 1], right[p + 2]
            for i in range(n):
                y[i] += (ga * a[i] + gb * b[i]) + gc * c[i]
                z[i] += (ha * a[i] + hb * b[i]) + hc * c[i]
            p += 3
        while p < count:
            a, ga, ha = table[which[p], half], left[p], right[p]
            for i in range(n):
                y[i] += ga * a[i]
                z[i] += ha * a[i]
            p += 1


@kernel
def cross(out: Floats, at: int, held: Singles, edge: Singles) -> None:
    """Adds a grain of `out` from frame `at` on: what was held fades to the present edge, which is then held."""
    n = held.shape[1] - 1
    step = np.float32(1.0 / n)
    for ear in range(2):
        z = out[ear, at : at + n]
        even, odd = held[ear], held[2 + ear]
        ahead, back = edge[ear], edge[2 + ear]
        for i in range(n):
            x = np.float32(i) * step
            was = even[i] - odd[i]
            z[i] += was + x * ((ahead[n - i] + back[n - i]) - was)
    for row in range(4):
        for i in range(n + 1):
            held[row, i] = edge[row, i]


@kernel
def audible(hz: Floats, weight: Floats, near: Floats, order: int, which: Whole, tone: Whole, base: Floats) -> int:
    """Finds the partials of the tones that sound: rows of the table, tones, Hz; returns how many they are."""
    count = 0
    for t in range(hz.size):
        for h in range(order):
            if (weight[t] > 0.0 or near[t] > 0.0) and hz[t] * (h + 1) <= HIGHEST_HZ:
                which[count], tone[count], base[count] = t * order + h, t, hz[t] * (h + 1)
                count += 1
    return count


@kernel
def colour(base: Floats, shade: float, focus: float, strong: Floats) -> None:
    """Weakens partials by how they lie to the brightness, which is 1 / shade in Hz."""
    for p in range(base.size):
        x = base[p] * shade
        off = focus * (x - 1.0 / x)
        steep = np.sqrt(1.0 + x * x * x * x)
        steep = np.sqrt(steep) if focus > 0.0 else steep
        strong[p] /= steep * (1.0 + off * off)


@kernel
def pad(
    out: Floats,
    edges: Floats,
    clock: int,
    hz: Floats,  # (tones,)
    weight: Floats,  # (tones,) 0..1: the chord
    tilt: Floats,  # (partials,) amplitude of each harmonic before brightness
    focus: float,  # 0: a soft low-pass; more: a band around the brightness, narrower
    lfo: Floats,  # (6, tones, partials, 2 strands): rates in Hz, then starts in cycles, of pitch, strength, place
    phase: Floats,  # (tones, partials, 2) cycles that each strand has drifted
    near: Floats,  # (tones,) the weight as it sounds: 25 ms behind
    table: Singles,  # (tones * partials, 2, n + 1)
    held: Singles,  # (4, n + 1)
) -> None:
    """A chord of harmonic tones, each partial in two strands that drift slowly; knobs: brightness, motion."""
    grains = edges.shape[1] - 1
    n = held.shape[1] - 1
    order, most = tilt.size, hz.size * tilt.size
    which, tone, base = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    count = audible(hz, weight, near, order, which, tone, base)
    # One strand of each partial after the other's: the loops below then run over neighbours.
    own, turned, slope = np.empty((6, 2 * count)), np.empty(2 * count), np.empty(count)
    for k in range(2):
        for p in range(count):
            t, h = tone[p], which[p] - tone[p] * order
            slope[p] = tilt[h]
            turned[k * count + p] = phase[t, h, k]
            for row in range(6):
                own[row, k * count + p] = lfo[row, t, h, k]
    strong, step = np.empty(count), np.empty(count)
    left, right = np.empty((2, 2 * count)), np.empty((2, 2 * count))  # real and imaginary
    parts, edge = np.empty((4, count), np.float32), np.empty((4, n + 1), np.float32)
    for g in range(grains):
        time_s = (clock + (g + 1) * n) / RATE_HZ
        shade = octaves(-6.0 * edges[0, g + 1]) / 150.0
        motion = edges[1, g + 1]
        for t in range(hz.size):
            near[t] = weight[t] + (near[t] - weight[t]) * 0.95
            near[t] = near[t] if near[t] > 1e-6 else 0.0
        for p in range(count):
            loud = near[tone[p]]
            strong[p] = loud * slope[p]
            step[p] = motion * min(DRIFT_HZ, 0.0015 * base[p]) * (n / RATE_HZ) if loud > 0.0 else 0.0
        colour(base[:count], shade, focus, strong)
        for k in range(2):
            lean = 0.32 if k else -0.32
            for p in range(count):
                j = k * count + p
                drift = sine(own[3, j] + own[0, j] * time_s)
                swell = sine(own[4, j] + own[1, j] * time_s)
                place = lean + 0.18 * sine(own[5, j] + own[2, j] * time_s)
                turned[j] += step[p] * drift
                strength = strong[p] * (1.0 - 0.45 * motion * (1.0 + swell))
                at = base[p] * time_s + turned[j]
                re, im = strength * sine(at + 0.25), strength * sine(at)
                left[0, j], left[1, j] = (0.5 - place) * re, (0.5 - place) * im
                right[0, j], right[1, j] = (0.5 + place) * re, (0.5 + place) * im
        for half in range(2):
            for p in range(count):
                parts[2 * half, p] = left[half, p] + left[half, count + p]
                parts[2 * half + 1, p] = right[half, p] + right[half, count + p]
        gather(edge, parts, table, which, count)
        cross(out, g * n, held, edge)
    for k in range(2):
        for p in range(count):
            t, h = tone[p], which[p] - tone[p] * order
            phase[t, h, k] = turned[k * count + p]


@kernel
def bowls(
    out: Floats,
    edges: Floats,
    clock: int,
    start: Whole,  # (strokes,) clock of the stroke, a multiple of a grain; -1: none
    hz: Floats,  # (strokes,)
    gain: Floats,  # (strokes, modes)
    place: Floats,  # (strokes,) -0.5..0.5
    ratio: Floats,  # (modes,)
    decay_s: Floats,  # (modes,) time constant
    split_hz: Floats,  # (modes,) between a mode's two strands
    attack_s: float,
    table: Singles,  # (strokes * modes, 2, n + 1), made here when a stroke begins
    held: Singles,  # (4, n + 1)
) -> None:
    """Struck modes with a soft, raised-cosine attack; each mode is a pair that beats slowly, as real bowls do."""
    grains = edges.shape[1] - 1
    n = held.shape[1] - 1
    modes = ratio.size
    which = np.empty(start.size * modes, np.int64)
    parts, edge = np.empty((4, which.size), np.float32), np.empty((4, n + 1), np.float32)
    for g in range(grains):
        count = 0
        for s in range(start.size):
            age = clock + (g + 1) * n - start[s]
            if start[s] < 0 or age <= 0:
                continue
            if age == n:
                tabulate(hz[s] * ratio, table[s * modes : (s + 1) * modes])
            age_s = age / RATE_HZ
            rise = 0.5 + 0.5 * sine(0.5 * age_s / attack_s - 0.25) if age_s < attack_s else 1.0
            is_over = age_s > attack_s
            for m in range(modes):
                strength = gain[s, m] * rise * octaves(-1.4426950409 * age_s / decay_s[m])
                if strength < 1e-6:
                    continue
                is_over = False
                which[count] = s * modes + m
                parts[:, count] = 0.0
                for k in range(2):
                    at = (hz[s] * ratio[m] + (split_hz[m] if k else -split_hz[m]) * 0.5) * age_s
                    side = place[s] + (0.2 if k else -0.2)
                    re, im = strength * sine(at + 0.25), strength * sine(at)
                    parts[0, count] += (0.5 - side) * re
                    parts[1, count] += (0.5 + side) * re
                    parts[2, count] += (0.5 - side) * im
                    parts[3, count] += (0.5 + side) * im
                count += 1
            if is_over:
                start[s] = -1
        gather(edge, parts, table, which, count)
        cross(out, g * n, held, edge)


@kernel
def pulse(out: Floats, edges: Floats, clock: int, hz: float, table: Singles, held: Singles) -> None:
    """One low sine that swells with its knob (swell); table (1, 2, n + 1), held (4, n + 1)."""
    n = held.shape[1] - 1
    which = np.zeros(1, np.int64)
    parts, edge = np.empty((4, 1), np.float32), np.empty((4, n + 1), np.float32)
    for g in range(edges.shape[1] - 1):
        strength = 0.14 * edges[0, g + 1] ** 2
        at = hz * ((clock + (g + 1) * n) / RATE_HZ)
        parts[:2, 0] = strength * sine(at + 0.25)
        parts[2:, 0] = strength * sine(at)
        gather(edge, parts, table, which, 1)
        cross(out, g * n, held, edge)
