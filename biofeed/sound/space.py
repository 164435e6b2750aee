"""Kernels round the voices: knobs that glide, a voice's place in the mix, the diffuse room, the finished tick."""

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
RATE_HZ = 48_000.0
# Delays of the room's lines: primes between 42 and 116 ms, no two near a simple ratio, so its colour stays even.
LINES = np.array([2011, 2389, 2903, 3389, 3907, 4391, 4973, 5573])
ALLPASSES = np.array([[241, 557], [277, 613]])  # per channel: they smear an onset before it enters the lines


@kernel
def glide(target: Floats, state: Floats, keep: float, edges: Floats) -> None:
    """Each knob through two one-poles at grain rate; target (knobs,), state (knobs, 2), edges (knobs, grains + 1)."""
    for k in range(target.size):
        edges[k, 0] = state[k, 1]
        for g in range(1, edges.shape[1]):
            state[k, 0] = target[k] + (state[k, 0] - target[k]) * keep
            state[k, 1] = state[k, 0] + (state[k, 1] - state[k, 0]) * keep
            if abs(state[k, 1] - target[k]) < 1e-9:
                state[k, 1] = target[k]
            edges[k, g] = state[k, 1]


@kernel
def place(out: Floats, edges: Floats, dry: Floats, send: Floats) -> None:
    """Adds a voice to the mix by its common knobs, edges (3, grains + 1): level, width, space (0 near, 1 far)."""
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    for g in range(grains):
        level, width, space = edges[0, g], edges[1, g], edges[2, g]
        d_level, d_width, d_space = (edges[:, g + 1] - edges[:, g]) / n
        for i in range(n):
            at, x = g * n + i, float(i)
            gain = level + d_level * x
            far = space + d_space * x
            middle = 0.5 * gain * (out[0, at] + out[1, at])
            side = 0.5 * gain * (width + d_width * x) * (out[0, at] - out[1, at])
            left, right = middle + side, middle - side
            dry[0, at] += left * (1.0 - 0.7 * far)
            dry[1, at] += right * (1.0 - 0.7 * far)
            send[0, at] += left * far
            send[1, at] += right * far


@kernel
def room(
    send: Floats,
    dry: Floats,
    clock: int,
    gain: Floats,  # (8,) per pass of each line
    damping: float,
    lines: Floats,  # (8, size): size a power of two
    smear: Floats,  # (2, 2, size)
    low: Floats,  # (8,) state of the damping
) -> None:
    """Adds a diffuse reverberation of `send` to `dry`: two allpasses a channel, eight lines, Householder feedback.

    The structure is Jot's feedback delay network (AES 90th convention, 1991).
    """
    mask = lines.shape[1] - 1
    smear_mask = smear.shape[2] - 1
    y = np.empty(8)
    for i in range(send.shape[1]):
        at = clock + i
        total = 0.0
        for k in range(8):
            x = lines[k, (at - LINES[k]) & mask]
            low[k] = x + (low[k] - x) * damping
            y[k] = low[k] * gain[k]
            total += y[k]
        total *= 0.25
        into = (send[0, i], send[1, i])
        for c in range(2):
            x = into[c] + 1e-20  # keeps the state away from denormal numbers, which some processors handle slowly
            for a in range(2):
                past = smear[c, a, (at - ALLPASSES[c, a]) & smear_mask]
                through = x - 0.6 * past
                smear[c, a, at & smear_mask] = through
                x = past + 0.6 * through
            for k in range(c, 8, 2):
                sign = 1.0 if k < 4 else -1.0
                lines[k, at & mask] = y[k] - total + sign * x
        dry[0, i] += 0.25 * (y[0] + y[2] - y[4] - y[6])
        dry[1, i] += 0.25 * (y[1] + y[3] - y[5] - y[7])


@kernel
def finish(dry: Floats, master: Floats, state: Floats, block: npt.NDArray[np.float32]) -> None:
    """The mix without rumble, times the master level, as (frames, 2) float32.

    The high-pass is a fourth-order Butterworth at 42 Hz: below 30 Hz is nothing to hear, only strain on a speaker.
    master (grains + 1,); state (2, 2, 2).
    """
    grains = master.size - 1
    n = dry.shape[1] // grains
    w = np.tan(np.pi * 42.0 / RATE_HZ)
    for c in range(2):
        for g in range(grains):
            step = (master[g + 1] - master[g]) / n
            for i in range(n):
                x = dry[c, g * n + i]
                for stage in range(2):
                    damping = 0.7653668647 if stage == 0 else 1.8477590650  # of the two pole pairs
                    high = (x - (w + damping) * state[c, stage, 0] - state[c, stage, 1]) / (1.0 + w * (w + damping))
                    v = w * high
                    middle = v + state[c, stage, 0]
                    state[c, stage, 0] = v + middle
                    v = w * middle
                    state[c, stage, 1] += 2.0 * v
                    x = high
                block[g * n + i, c] = x * (master[g] + step * i)
    for c in range(2):
        for stage in range(2):
            for k in range(2):
                if abs(state[c, stage, k]) < 1e-30:
                    state[c, stage, k] = 0.0
