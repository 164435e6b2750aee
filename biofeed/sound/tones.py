"""Kernels that sound in sines: pads and guides, struck bowls and chimes, a soft pulse.

Each fills `out` (2, frames) with one tick, about -20 dBFS strong at full drive. `edges` (knobs, grains + 1) holds the
knobs at the grains' edges: a kernel computes every partial's frequency and amplitude at an edge and ramps linearly to
it from the edge before, which it keeps in `held`. So no parameter ever steps, and a voice begins from silence.
`clock` counts frames since the voice began.
"""

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
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
def add_partial(
    left: Floats, right: Floats, phase: float, held: Floats, hz: float, to_left: float, to_right: float
) -> float:
    """Adds one partial over a grain, from `held` (hz, left, right) to the given values; returns its phase after it."""
    n = left.size
    f0 = held[0] / RATE_HZ
    bend = (hz - held[0]) / RATE_HZ * 0.5 / n
    l0, r0 = held[1], held[2]
    dl, dr = (to_left - l0) / n, (to_right - r0) / n
    for i in range(n):
        x = float(i)
        s = sine(phase + x * (f0 + bend * x))
        left[i] += s * (l0 + dl * x)
        right[i] += s * (r0 + dr * x)
    held[0], held[1], held[2] = hz, to_left, to_right
    end = phase + n * (f0 + bend * n)
    return end - np.floor(end)


@kernel
def pad(
    out: Floats,
    edges: Floats,
    clock: int,
    hz: Floats,  # (tones,)
    weight: Floats,  # (tones,) 0..1: the chord
    tilt: Floats,  # (partials,) amplitude of each harmonic before brightness
    focus: float,  # 0: a soft low-pass; more: a band around the brightness, narrower
    lfo_hz: Floats,  # (tones, partials, 2 strands, 3): of pitch, strength, place
    lfo_start: Floats,  # same shape, cycles
    phase: Floats,  # (tones, partials, 2)
    held: Floats,  # (tones, partials, 2, 3)
) -> None:
    """A chord of harmonic tones, each partial in two strands that drift slowly; knobs: brightness, motion."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    for g in range(grains):
        left, right = out[0, g * n : (g + 1) * n], out[1, g * n : (g + 1) * n]
        time_s = (clock + (g + 1) * n) / RATE_HZ
        cut_hz = 150.0 * 64.0 ** edges[0, g + 1]
        motion = edges[1, g + 1]
        for t in range(hz.size):
            for h in range(tilt.size):
                base_hz = hz[t] * (h + 1)
                x = base_hz / cut_hz
                off = focus * (x - 1.0 / x)
                strength = weight[t] * tilt[h] / ((1.0 + x * x * x * x) ** (0.5 if focus == 0.0 else 0.25))
                strength /= 1.0 + off * off
                silent = strength < 1e-6 or base_hz > HIGHEST_HZ
                for k in range(2):
                    keep = held[t, h, k]
                    if silent and keep[1] == 0.0 and keep[2] == 0.0:
                        continue
                    start, rate_hz = lfo_start[t, h, k], lfo_hz[t, h, k]
                    drift = sine(start[0] + rate_hz[0] * time_s)
                    swell = sine(start[1] + rate_hz[1] * time_s)
                    place = (0.32 if k else -0.32) + 0.18 * sine(start[2] + rate_hz[2] * time_s)
                    drift_hz = motion * min(DRIFT_HZ, 0.0015 * base_hz) * drift
                    amplitude = 0.0 if silent else strength * (1.0 - 0.45 * motion * (1.0 + swell))
                    if keep[0] == 0.0:
                        keep[0] = base_hz + drift_hz
                    to_left, to_right = amplitude * (0.5 - place), amplitude * (0.5 + place)
                    phase[t, h, k] = add_partial(
                        left, right, phase[t, h, k], keep, base_hz + drift_hz, to_left, to_right
                    )


@kernel
def bowls(
    out: Floats,
    edges: Floats,
    clock: int,
    start: npt.NDArray[np.int64],  # (strikes,) clock of the stroke, -1: none
    hz: Floats,  # (strikes,)
    gain: Floats,  # (strikes, modes)
    place: Floats,  # (strikes,) -0.5..0.5
    ratio: Floats,  # (modes,)
    decay_s: Floats,  # (modes,) time constant
    split_hz: Floats,  # (modes,) between a mode's two strands
    attack_s: float,
    phase: Floats,  # (strikes, modes, 2)
    held: Floats,  # (strikes, modes, 2, 3)
) -> None:
    """Struck modes with a soft, raised-cosine attack; each mode is a pair that beats slowly, as real bowls do."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    for g in range(grains):
        left, right = out[0, g * n : (g + 1) * n], out[1, g * n : (g + 1) * n]
        for s in range(start.size):
            age_s = (clock + (g + 1) * n - start[s]) / RATE_HZ
            if start[s] < 0 or age_s <= 0.0:
                continue
            rise = 0.5 + 0.5 * sine(0.5 * age_s / attack_s - 0.25) if age_s < attack_s else 1.0
            sounding = False
            for m in range(ratio.size):
                strength = gain[s, m] * rise * np.exp(-age_s / decay_s[m])
                if strength < 1e-6 and held[s, m, 0, 1] == 0.0:
                    continue
                sounding = True
                strength = strength if strength >= 1e-6 else 0.0
                for k in range(2):
                    mode_hz = hz[s] * ratio[m] + (split_hz[m] if k else -split_hz[m]) * 0.5
                    side = place[s] + (0.2 if k else -0.2)
                    held[s, m, k, 0] = mode_hz
                    to_left, to_right = strength * (0.5 - side), strength * (0.5 + side)
                    phase[s, m, k] = add_partial(left, right, phase[s, m, k], held[s, m, k], mode_hz, to_left, to_right)
            if not sounding and age_s > attack_s:
                start[s] = -1


@kernel
def pulse(out: Floats, edges: Floats, hz: float, phase: Floats, held: Floats) -> None:
    """One low sine that swells with its knob (swell); phase (1,), held (1, 3)."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    for g in range(grains):
        left, right = out[0, g * n : (g + 1) * n], out[1, g * n : (g + 1) * n]
        strength = 0.14 * edges[0, g + 1] ** 2
        held[0, 0] = hz
        phase[0] = add_partial(left, right, phase[0], held[0], hz, strength, strength)
