"""Kernels that plan strokes on tones of the present chord, and one that sounds them as softly plucked strings.

A voice that is struck or plucked keeps a few slots, one stroke each. `plan` decides grain by grain which slot begins
and with what; the kernel that sounds (here or in tones.py) then runs over the same grains. `dice` (1,) is the state of
a random generator; all times are in frames of `clock`, so nothing depends on how many grains a call has.
"""

import math

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
RATE_HZ = 48_000.0
CALLED = 0.12  # a knob that rises through this calls a stroke: early in a soft swell, and above its last remains
FLOCK_S = 0.42  # mean time between the tones of a gathered chord: a slow arpeggio
FLOCK = 4  # strokes at most


@kernel
def roll(dice: npt.NDArray[np.uint64]) -> float:
    """0..1, uniform (xorshift64*: S. Vigna, ACM Trans. Math. Softw. 42, 2016)."""
    x = dice[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    dice[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@kernel
def silent(until: Ints, at: int) -> int:
    """The first slot whose stroke has died away, or -1."""
    for s in range(until.size):
        if until[s] <= at:
            return s
    return -1


@kernel
def tone(hz: Floats, weight: Floats, choice: float, below: float) -> float:
    """A tone of the chord in Hz, by `choice` (0..1); or the next above `below`, and the lowest after the highest."""
    count, higher = 0, 0
    for t in range(hz.size):
        sounds = weight[t] > 0.5 * weight.max()
        count += sounds
        higher += sounds and hz[t] <= 1.001 * below
    count = max(count, 1)
    wanted = higher % count if below > 0.0 else int(choice * count)
    for t in range(hz.size):
        if weight[t] > 0.5 * weight.max():
            if wanted == 0:
                return float(hz[t])
            wanted -= 1
    return float(hz[0])


@kernel
def plan(
    edges: Floats,  # (4, grains + 1): density, brightness, call, gather
    grain_frames: int,
    clock: int,
    per_min: float,  # strokes at full density
    hz: Floats,  # (tones,)
    weight: Floats,  # (tones,) 0..1: the chord
    dice: npt.NDArray[np.uint64],
    wait: Floats,  # (4,) until the next stroke in mean intervals, s until a gathered one, strokes left, last tone
    start: Ints,  # (slots,) clock at which the stroke begins, -1: none yet
    until: Ints,  # (slots,) clock at which it has died away
    note: Floats,  # (slots, 4): hz, strength, place -0.5..0.5, brightness
    life: int,  # frames that a stroke sounds
) -> int:
    """Begins strokes and returns how many; a call or a due stroke finds the next slot that has died away, or none.

    Strokes come at random times; one rises with the knob `call`; with `gather` a stroke draws others of the chord
    after it, upwards.
    """
    begun = 0
    for g in range(edges.shape[1] - 1):
        at = clock + g * grain_frames
        passed_s = grain_frames / RATE_HZ
        wait[0] -= per_min / 60.0 * edges[0, g + 1] * passed_s
        due = wait[0] <= 0.0
        if due:
            wait[0] += 0.45 + 1.1 * roll(dice)
        called = edges[2, g] < CALLED <= edges[2, g + 1]
        followed = False
        if wait[2] > 0.0:
            wait[1] -= passed_s
            followed = wait[1] <= 0.0
        if not (due or called or followed):
            continue
        if followed:
            wait[2] -= 1.0
        elif roll(dice) < edges[3, g + 1]:
            wait[2] = math.floor(1.0 + roll(dice) * (FLOCK - 0.01))
        wait[1] = FLOCK_S * (0.75 + 0.5 * roll(dice))
        strength, place, choice = 0.45 + 0.55 * roll(dice), 0.56 * roll(dice) - 0.28, roll(dice)
        slot = silent(until, at)
        if slot < 0:
            continue
        wait[3] = tone(hz, weight, choice, wait[3] if followed else 0.0)
        start[slot], until[slot] = at, at + life
        note[slot, 0], note[slot, 1], note[slot, 2], note[slot, 3] = wait[3], strength, place, edges[1, g + 1]
        begun += 1
    return begun


@kernel
def pluck(line: Floats, period: float, brightness: float, dice: npt.NDArray[np.uint64]) -> None:
    """Fills a string's line with the shape of a soft pluck: dark noise, less its own echo from the plucked point."""
    size = int(period) + 3
    smooth = 0.06 + 0.3 * brightness
    a = b = 0.0
    for i in range(2 * size):  # twice round, so that the smoothing joins its own end
        a += smooth * (2.0 * roll(dice) - 1.0 - a)
        b += smooth * (a - b)
        line[i % size] = b
    echo = max(1, int(0.19 * period))
    mean = 0.0
    for i in range(size - 1, -1, -1):
        line[i] -= 0.8 * line[(i - echo) % size] if i >= echo else 0.0
        mean += line[i] / size
    power = 1e-12
    for i in range(size):
        line[i] -= mean
        power += line[i] * line[i] / size
    for i in range(size):
        line[i] /= math.sqrt(power)


@kernel
def strings(
    out: Floats,
    edges: Floats,
    clock: int,
    start: Ints,  # (slots,)
    until: Ints,  # (slots,)
    note: Floats,  # (slots, 4), as `plan` writes it
    register: float,
    attack_s: float,
    decay_s: float,  # time constant of the fundamental at 220 Hz
    dice: npt.NDArray[np.uint64],
    lines: Floats,  # (slots, size): size a power of two, longer than the lowest string's period
    held: Floats,  # (slots, 2): the loop's last sample, the strength reached
) -> None:
    """Plucked strings, each a delay that feeds back through a gentle low pass, heard through a slow attack.

    The loop is that of Karplus and Strong (Computer Music Journal 7(2), 1983), with the fractional delay of Jaffe and
    Smith (same issue). Knobs: those of `plan`.
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    mask = lines.shape[1] - 1
    for g in range(grains):
        at = clock + g * n
        for s in range(start.size):
            if start[s] < 0 or at < start[s] or at >= until[s]:
                continue
            hz = min(note[s, 0] * register, 2400.0)
            blur = 0.42 - 0.3 * note[s, 3]  # of the loop's two-point average: its delay, too
            delay = RATE_HZ / hz - blur
            if at == start[s]:
                lines[s, :] = 0.0
                pluck(lines[s], delay, note[s, 3], dice)
                held[s, 0] = held[s, 1] = 0.0
            whole = int(delay)
            part = delay - whole
            keep = math.exp(-1.0 / (hz * decay_s * math.sqrt(220.0 / hz)))
            age_s = (at + n - start[s]) / RATE_HZ
            x = min(1.0, age_s / attack_s)
            y = min(1.0, (until[s] - at - n) / (0.1 * (until[s] - start[s])))
            strength = 0.2 * note[s, 1] * x * x * (3.0 - 2.0 * x) * y
            step = (strength - held[s, 1]) / n
            left, right = 0.5 - note[s, 2], 0.5 + note[s, 2]
            last, gain = held[s, 0], held[s, 1]
            base = at - start[s] + whole + 3  # the pluck lies in the line from 0 on
            for i in range(n):
                now = base + i
                x = lines[s, (now - whole) & mask]
                x += part * (lines[s, (now - whole - 1) & mask] - x)
                y = x + blur * (last - x)
                last = x
                lines[s, now & mask] = keep * y
                gain += step
                out[0, g * n + i] += gain * left * y
                out[1, g * n + i] += gain * right * y
            held[s, 0], held[s, 1] = last, strength
