"""Kernels that sound in many short sines, each gliding in pitch: drops on water, a brook's bubbles, birds far away.

Each adds one stretch of frames to `out` (2, frames), about -20 dBFS strong at full drive. `edges` (knobs, grains + 1)
holds the knobs at the grains' edges; what begins is decided grain by grain, with `dice` (1,) as the state of a random
generator. `motes` (count, FIELDS) holds the sines that sound: a mote is a row.
"""

import math

import numpy as np
import numpy.typing as npt

from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Dice = npt.NDArray[np.uint64]
RATE_HZ = 48_000.0
# Of a mote: cycles, Hz, factor of Hz per grain, strength, factor of strength per grain, share of the attack that has
# passed, the same per grain, place -0.5..0.5, cycles of its trill, the same per grain, depth of the trill, and the
# Hz and strength reached at the last edge.
PHASE, HZ, GLIDE, LOUD, KEEP, RISE, RISE_STEP, PLACE, TRILL, TRILL_STEP, DEPTH, HELD_HZ, HELD = range(13)
FIELDS = 13
FAINT = 2e-5  # -94 dBFS: a mote ends


@kernel
def roll(dice: Dice) -> float:
    """0..1, uniform (xorshift64*: S. Vigna, ACM Trans. Math. Softw. 42, 2016)."""
    x = dice[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    dice[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@kernel
def sine(cycles: float) -> float:
    """sin(2 pi cycles) within 3e-7: an even polynomial fitted at Chebyshev nodes, with its zeros held exactly."""
    q = cycles - np.floor(cycles + 0.5)
    z = q * q
    p = 25.1327351251 + z * (-64.8346168013 + z * (67.0380336102 + z * (-38.0636286429 + z * 12.0736626635)))
    return float(q * (0.25 - z) * p)


@kernel
def begin(
    motes: Floats, grain_s: float, hz: float, bend: float, loud: float, rise_s: float, fall_s: float, place: float
) -> int:
    """A mote in the first silent row, which it returns, or -1; its pitch bends by `bend` octaves per fall_s."""
    for m in range(motes.shape[0]):
        if motes[m, LOUD] == 0.0:
            motes[m, PHASE], motes[m, HZ], motes[m, GLIDE] = 0.0, hz, math.exp(0.6931 * bend * grain_s / fall_s)
            motes[m, LOUD], motes[m, KEEP] = loud, math.exp(-grain_s / fall_s)
            motes[m, RISE], motes[m, RISE_STEP], motes[m, PLACE] = 0.0, grain_s / rise_s, place
            motes[m, TRILL] = motes[m, TRILL_STEP] = motes[m, DEPTH] = motes[m, HELD] = 0.0
            motes[m, HELD_HZ] = hz
            return m
    return -1


@kernel
def sound(out: Floats, at: int, n: int, motes: Floats) -> None:
    """Adds all motes over the n frames from `at` on."""
    wave = np.empty(n)
    for m in range(motes.shape[0]):
        mote = motes[m]
        if mote[LOUD] == 0.0:
            continue
        mote[HZ] *= mote[GLIDE]
        mote[TRILL] += mote[TRILL_STEP]
        if mote[RISE] < 1.0:
            mote[RISE] = min(1.0, mote[RISE] + mote[RISE_STEP])
        else:
            mote[LOUD] *= mote[KEEP]
        x = mote[RISE]
        strength = mote[LOUD] * x * x * (3.0 - 2.0 * x)
        if x == 1.0 and strength < FAINT:
            mote[LOUD] = strength = 0.0
        hz = mote[HZ] * (1.0 + mote[DEPTH] * sine(mote[TRILL]))
        phase, f0 = mote[PHASE], mote[HELD_HZ] / RATE_HZ
        bend = (hz - mote[HELD_HZ]) / RATE_HZ * 0.5 / n
        left, right = mote[HELD] * (0.5 - mote[PLACE]), mote[HELD] * (0.5 + mote[PLACE])
        d_left = (strength * (0.5 - mote[PLACE]) - left) / n
        d_right = (strength * (0.5 + mote[PLACE]) - right) / n
        for i in range(n):
            t = float(i)
            wave[i] = sine(phase + t * (f0 + bend * t))
        near, far = out[0, at : at + n], out[1, at : at + n]
        for i in range(n):
            near[i] += wave[i] * (left + d_left * i)
        for i in range(n):
            far[i] += wave[i] * (right + d_right * i)
        end = phase + n * (f0 + bend * n)
        mote[PHASE], mote[HELD_HZ], mote[HELD] = end - np.floor(end), hz, strength


@kernel
def drops(
    out: Floats,
    edges: Floats,
    dice: Dice,
    motes: Floats,
    per_s: float,  # drops at full density
    rise_s: float,
    fall_s: float,  # of a drop of 1 kHz; a larger, lower one rings longer
    span: float,  # octaves over which the drops lie
) -> None:
    """Bubbles that ring as drops close over them, rising in pitch; knobs: density, pitch.

    A bubble's pitch, its damping with pitch and its rise follow van den Doel (ACM Trans. Appl. Percept. 2, 2005).
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    grain_s = n / RATE_HZ
    for g in range(grains):
        density, pitch = edges[0, g + 1], edges[1, g + 1]
        if roll(dice) < per_s * density * grain_s:
            height = roll(dice)
            hz = 260.0 * math.exp(0.6931 * (2.6 * pitch + span * (height - 0.3)))
            size = roll(dice)
            loud = 0.16 * (0.2 + 0.8 * size * size) * math.sqrt(500.0 / max(hz, 500.0))
            fall = fall_s * math.sqrt(1000.0 / hz)
            bend = 0.08 + 0.32 * roll(dice) * roll(dice)
            begin(motes, grain_s, hz, bend, loud, rise_s, fall, 0.9 * (roll(dice) - 0.5))
        sound(out, g * n, n, motes)


@kernel
def birds(
    out: Floats,
    edges: Floats,
    dice: Dice,
    motes: Floats,
    # (singers, 9): Hz, place, notes of its song, note s, bend, trill depth, s until the next note, notes left, pause s
    singers: Floats,
) -> None:
    """A few birds, each with a song and a place of its own, who answer now and then; knobs: density, pitch.

    Every note swells in over at least 50 ms; what is heard of a far bird is its middle, not its edges.
    """
    grains = edges.shape[1] - 1
    n = out.shape[1] // grains
    grain_s = n / RATE_HZ
    for b in range(singers.shape[0]):
        bird = singers[b]
        if bird[0] == 0.0:
            bird[0] = 1900.0 * math.exp(0.6931 * 1.1 * (b + roll(dice)) / singers.shape[0])
            bird[1] = 0.9 * ((b + roll(dice)) / singers.shape[0] - 0.5)
            bird[2], bird[3] = math.floor(2.0 + 4.0 * roll(dice)), 0.07 + 0.16 * roll(dice)
            bird[4], bird[5] = 0.5 * (roll(dice) - 0.6), 0.03 * roll(dice) * roll(dice)
            bird[6], bird[8] = 20.0 * roll(dice), 9.0 + 14.0 * roll(dice)
    for g in range(grains):
        density, pitch = edges[0, g + 1], edges[1, g + 1]
        for b in range(singers.shape[0]):
            bird = singers[b]
            resting = bird[7] <= 0.0
            bird[6] -= grain_s * (density if resting else 1.0)
            if bird[6] > 0.0:
                continue
            if resting:
                bird[7] = max(1.0, bird[2] + math.floor(2.0 * roll(dice) - 0.5))
            # A song falls or rises by steps as it goes on, a little otherwise each time.
            step = bird[4] * (bird[2] - bird[7]) * 0.35 + 0.06 * (roll(dice) - 0.5)
            hz = bird[0] * math.exp(0.6931 * (pitch - 0.5 + step))
            long_s = bird[3] * (0.85 + 0.3 * roll(dice))
            loud = 0.06 * (0.6 + 0.4 * roll(dice))
            m = begin(motes, grain_s, hz, bird[4], loud, 0.05 + 0.3 * long_s, 0.35 * long_s, bird[1])
            if m >= 0:
                motes[m, TRILL_STEP], motes[m, DEPTH] = 26.0 * grain_s, bird[5]
            bird[7] -= 1.0
            last = bird[7] <= 0.0
            bird[6] = bird[8] * (0.4 + 1.2 * roll(dice)) if last else 0.09 + long_s * (1.3 + 0.8 * roll(dice))
        sound(out, g * n, n, motes)
