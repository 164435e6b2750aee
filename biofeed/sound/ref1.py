"""REF1, the patch by which sound engines are compared: what soundscapes are measured against.

48 kHz, stereo: 48 sines, each with a drifting pitch, a moving strength and a place of its own; white noise through four
moving band-passes a channel; eight chimes of four resonators, one struck every 0.6 s; a feedback delay network of eight
lines; a limiter with 5 ms of look-ahead. Modulators move every 64 frames and ramp between. Written plainly, one sample
after the other, as such a patch is written. On one core of an AMD EPYC (Zen 4) SuperCollider's scsynth takes 0.0185
processor seconds for a second of it, and a first version in numba took 0.0095.
"""

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
RATE_HZ = 48_000.0
GRAIN = 64
BLOCK = 512
LINES = np.array([1433, 1601, 1867, 2053, 2251, 2399, 2617, 2797])
T60_S, DAMPING, WET = 4.0, 0.35, 0.35
CEILING, LOOK_AHEAD = 0.7, 240
STRIKE_FRAMES, BURST_FRAMES = 28_800, 96  # a chime every 0.6 s, excited by 2 ms of noise
BEND = 4.0 * np.log(2.0) / 1200.0  # 4 cents


def numbers() -> dict[str, Floats]:
    """The patch as arrays."""
    order, k = np.arange(1, 13), np.arange(48)
    place = (0.5 + 0.45 * np.sin(2.399963 * k)) * np.pi / 2.0
    chime_hz = 523.25 * 2.0 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12.0)
    mode_hz = chime_hz[:, None] * np.array([1.0, 2.756, 5.404, 8.933])
    radius = 10.0 ** (-3.0 / (np.array([3.0, 1.6, 0.8, 0.4]) * RATE_HZ))
    turn = 2.0 * np.pi * mode_hz / RATE_HZ
    return {
        "hz": (np.array([110.0, 165.0, 220.0, 247.5])[:, None] * order).ravel(),
        "strength": np.tile(0.10 / order**1.3, 4),
        "drift_hz": 0.03 + 0.17 * ((k * 0.618034) % 1.0),
        "swell_hz": 0.02 + 0.11 * ((k * 0.381966 + 0.3) % 1.0),
        "pan": np.stack([np.cos(place), np.sin(place)]),
        "bands": np.array(
            [
                [180.0, 500.0, 1400.0, 3800.0],  # Hz
                [0.9, 1.2, 1.5, 1.0],  # Q
                [0.30, 0.21, 0.12, 0.072],  # gain
                [0.11, 0.083, 0.067, 0.131],  # modulation, Hz
            ]
        ),
        "modes": np.stack(
            [
                2.0 * radius * np.cos(turn),
                np.broadcast_to(-radius * radius, turn.shape),
                np.array([1.0, 0.5, 0.25, 0.12]) * 0.12 * np.sin(turn) * (1.0 - radius) * 60.0,
            ]
        ),
        "line_gain": 10.0 ** (-3.0 * LINES / (T60_S * RATE_HZ)),
    }


@kernel
def sine(cycles: float) -> float:
    """sin(2 pi cycles) within 3e-7, by a polynomial."""
    q = cycles - np.floor(cycles + 0.5)
    z = q * q
    p = 25.1327351251 + z * (-64.8346168013 + z * (67.0380336102 + z * (-38.0636286429 + z * 12.0736626635)))
    return float(q * (0.25 - z) * p)


@kernel
def noise(x: int) -> float:
    """-1..1, a hash of a counter."""
    y = np.uint32(x)
    y = np.uint32((y ^ (y >> np.uint32(16))) * np.uint32(0x7FEB352D))
    y = np.uint32((y ^ (y >> np.uint32(15))) * np.uint32(0x846CA68B))
    return float(np.int32(y ^ (y >> np.uint32(16)))) / 2147483648.0


@kernel
def partials(
    out: Floats,
    clock: int,
    hz: Floats,
    strength: Floats,
    drift_hz: Floats,
    swell_hz: Floats,
    pan: Floats,
    bend: float,
    phase: Floats,
    held: Floats,
) -> None:
    """48 sines; held (48, 2): frequency and strength at the last edge."""
    for g in range(out.shape[1] // 64):
        time_s = (clock + (g + 1) * 64) / 48_000.0
        left, right = out[0, g * 64 : (g + 1) * 64], out[1, g * 64 : (g + 1) * 64]
        for k in range(hz.size):
            f1 = hz[k] * (1.0 + bend * sine(drift_hz[k] * time_s)) / 48_000.0
            a1 = strength[k] * (0.7 + 0.3 * sine(swell_hz[k] * time_s))
            f0, a0 = held[k, 0], held[k, 1]
            curve, step = (f1 - f0) / 128.0, (a1 - a0) / 64.0
            start, to_left, to_right = phase[k], pan[0, k], pan[1, k]
            for i in range(64):
                x = float(i)
                s = sine(start + x * (f0 + curve * x)) * (a0 + step * x)
                left[i] += to_left * s
                right[i] += to_right * s
            end = start + 64.0 * (f0 + curve * 64.0)
            phase[k] = end - np.floor(end)
            held[k, 0], held[k, 1] = f1, a1


@kernel
def bands(out: Floats, clock: int, shape: Floats, held: Floats, state: Floats) -> None:
    """Noise through four band-passes a channel; held (4, 2): coefficient and gain; state (2, 4, 2)."""
    for g in range(out.shape[1] // 64):
        time_s = (clock + (g + 1) * 64) / 48_000.0
        for b in range(4):
            lfo = sine(shape[3, b] * time_s)
            g1 = np.tan(np.pi * shape[0, b] * 2.0**lfo / 48_000.0)
            a1 = shape[2, b] * (0.6 + 0.4 * lfo)
            step, rise = (g1 - held[b, 0]) / 64.0, (a1 - held[b, 1]) / 64.0
            damping = 1.0 / shape[1, b]
            for c in range(2):
                w, a, one, two = held[b, 0], held[b, 1], state[c, b, 0], state[c, b, 1]
                for i in range(64):
                    x = noise(2 * (clock + g * 64 + i) + c)
                    high = (x - (w + damping) * one - two) / (1.0 + w * (w + damping))
                    middle = w * high + one
                    one = w * high + middle
                    low = w * middle + two
                    two = w * middle + low
                    out[c, g * 64 + i] += a * damping * middle
                    w += step
                    a += rise
                state[c, b, 0], state[c, b, 1] = one, two
            held[b, 0], held[b, 1] = g1, a1


@kernel
def chimes(out: Floats, clock: int, modes: Floats, every: int, burst: int, state: Floats) -> None:
    """Two-pole resonators, one chime struck after the other; modes (3, 8, 4), state (2, 8, 4)."""
    x, struck = np.zeros(out.shape[1]), np.zeros(out.shape[1], np.int64)
    for i in range(x.size):
        at = clock + i
        if at % every < burst:
            x[i], struck[i] = noise(at), (at // every) % 8
    for v in range(8):
        place = 0.2 + 0.6 * v / 7.0
        a, b, gain = modes[0, v], modes[1, v], modes[2, v]
        one, two = state[0, v], state[1, v]
        for i in range(x.size):
            hit = x[i] if struck[i] == v else 0.0
            total = 0.0
            for m in range(4):
                y = gain[m] * hit + a[m] * one[m] + b[m] * two[m] + 1e-20
                two[m], one[m] = one[m], y
                total += y
            out[0, i] += total * (1.0 - place)
            out[1, i] += total * place


@kernel
def room(out: Floats, clock: int, gain: Floats, damping: float, wet: float, lines: Floats, low: Floats) -> None:
    """Eight lines with damping, a Householder matrix between them; lines (8, 4096), low (8,)."""
    y = np.empty(8)
    for i in range(out.shape[1]):
        at, total = clock + i, 0.0
        for k in range(8):
            x = lines[k, (at - LINES[k]) & 4095]
            low[k] = x + (low[k] - x) * damping
            y[k] = low[k] * gain[k]
            total += y[k]
        for k in range(8):
            lines[k, at & 4095] = y[k] - 0.25 * total + out[k & 1, i] + 1e-20
        out[0, i] += wet * 0.5 * (y[0] + y[2] + y[4] + y[6])
        out[1, i] += wet * 0.5 * (y[1] + y[3] + y[5] + y[7])


@kernel
def limit(out: Floats, clock: int, ceiling: float, past: Floats, wanted: Floats, state: Floats, y: Floats) -> None:
    """Look-ahead of 240 frames, gains averaged over them; past (2, 240), wanted (2, 240), state (2,): sum, gain."""
    for i in range(out.shape[1]):
        at = (clock + i) % past.shape[1]
        peak = max(abs(out[0, i]), abs(out[1, i]))
        gain = ceiling / peak if peak > ceiling else 1.0
        state[1] = min(gain, 1.0 + (state[1] - 1.0) * 0.9999)
        state[0] += state[1] - wanted[0, at]
        wanted[0, at] = state[1]
        smooth = state[0] / past.shape[1]
        for c in range(2):
            y[i, c] = past[c, at] * smooth
            past[c, at] = out[c, i]


class Ref1:
    """The patch at work: each call is the next block, (512, 2)."""

    def __init__(self) -> None:
        self._clock = 0
        self._n = n = numbers()
        self._phase, self._held = np.zeros(48), np.stack([n["hz"] / RATE_HZ, np.zeros(48)], axis=1)
        self._band_held, self._band_state = np.full((4, 2), 0.01), np.zeros((2, 4, 2))
        self._ring, self._lines, self._low = np.zeros((2, 8, 4)), np.zeros((8, 4096)), np.zeros(8)
        self._past, self._wanted = np.zeros((2, LOOK_AHEAD)), np.ones((2, LOOK_AHEAD))
        self._gain = np.array([float(LOOK_AHEAD), 1.0])

    def __call__(self) -> Floats:
        n, clock = self._n, self._clock
        out, y = np.zeros((2, BLOCK)), np.empty((BLOCK, 2))
        partials(
            out, clock, n["hz"], n["strength"], n["drift_hz"], n["swell_hz"], n["pan"], BEND, self._phase, self._held
        )
        bands(out, clock, n["bands"], self._band_held, self._band_state)
        chimes(out, clock, n["modes"], STRIKE_FRAMES, BURST_FRAMES, self._ring)
        room(out, clock, n["line_gain"], DAMPING, WET, self._lines, self._low)
        limit(out, clock, CEILING, self._past, self._wanted, self._gain, y)
        self._clock += BLOCK
        return y
