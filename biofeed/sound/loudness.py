"""How loud finished sound is, and how calm: (frames, 2) samples at 48 kHz in, LUFS, LU and decibels out."""

import numpy as np
import numpy.typing as npt

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
STEP_FRAMES = SAMPLE_RATE_HZ // 10  # a quarter of a block: blocks of 400 ms that overlap by 75 %
BLOCK_STEPS, SHORT_STEPS = 4, 30  # momentary: 400 ms, short-term: 3 s
OFFSET_DB = 0.691  # between the logarithm of a K-weighted power and LUFS: a 997 Hz sine's loudness is then its level
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU, RANGE_GATE_LU = -10.0, -20.0
# b0, b1, b2, a1, a2 at 48 kHz: the head's shelf, then the high-pass (ITU-R BS.1770-4, annex 1, tables 1 and 2).
K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
OVERSAMPLING = 4  # for true peaks: 192 kHz sees a peak between samples within 0.7 dB at worst (BS.1770-4, annex 2)
PEAK_TAPS = 32  # of the interpolator, per phase: flat to 20 kHz within 0.1 dB
HOP_FRAMES = 240  # 5 ms: how finely onsets are looked at
ONSET_HOPS, BEFORE_HOPS = 4, 60  # 20 ms, in which the ear takes loudness in, against the 300 ms before
BED_HOPS, TOP_HOPS = 2000, 100  # 10 s of what was heard before an onset, and half a second in which it reaches its top
RUMBLE_HZ = 30.0
SPECTRUM_FRAMES = 1 << 16  # 0.7 Hz a line


@kernel
def _powers(
    samples: Singles,  # (frames, 2)
    weighting: Floats,  # (stages, 5)
    powers: Floats,  # (steps,) filled with each step's mean square, both channels summed
    step_frames: int,
) -> None:
    for c in range(2):
        state = np.zeros((weighting.shape[0], 2))
        for step in range(powers.size):
            total = 0.0
            for i in range(step * step_frames, (step + 1) * step_frames):
                x = float(samples[i, c])
                for k in range(weighting.shape[0]):
                    b0, b1, b2, a1, a2 = weighting[k]
                    y = b0 * x + state[k, 0]
                    state[k, 0] = b1 * x - a1 * y + state[k, 1]
                    state[k, 1] = b2 * x - a2 * y
                    x = y
                total += x * x
            powers[step] += total / step_frames


@kernel
def _peak(samples: Singles, phases: Floats, reach: float) -> float:
    """The highest absolute value of samples (frames, channels), and between them at phases (phases, taps).

    reach: how far above its samples a value between them can stand at most; what cannot be the highest is passed over.
    """
    highest, taps = 0.0, phases.shape[1]
    for c in range(samples.shape[1]):
        for i in range(samples.shape[0]):
            highest = max(highest, float(abs(samples[i, c])))
    room = np.zeros(512)
    for c in range(samples.shape[1]):
        for start in range(0, samples.shape[0] + 1 - taps, room.size):
            n = min(room.size, samples.shape[0] + 1 - taps - start)
            near = 0.0
            for i in range(start, start + n + taps - 1):
                near = max(near, float(abs(samples[i, c])))
            if near * reach <= highest:
                continue
            for p in range(phases.shape[0]):
                room[:n] = 0.0
                for k in range(taps):  # the taps outside: each inner loop is vector code
                    weight = phases[p, k]
                    for i in range(n):
                        room[i] += weight * samples[start + i + k, c]
                for i in range(n):
                    highest = max(highest, abs(room[i]))
    return highest


def powers(samples: Singles, step_frames: int = STEP_FRAMES) -> Floats:
    """The K-weighted power of each whole step, both channels summed."""
    filled = np.zeros(len(samples) // step_frames)
    _powers(np.ascontiguousarray(samples, np.float32), K_WEIGHTING, filled, step_frames)
    return filled


def block_powers(samples: Singles, n_steps: int = BLOCK_STEPS) -> Floats:
    """The K-weighted power of every block of 400 ms (`n_steps` of 100 ms), one each 100 ms; none of shorter sound."""
    return _means(powers(samples), n_steps)


def lufs(power: float) -> float:
    """A K-weighted power as loudness; -inf for none."""
    return float(-OFFSET_DB + 10.0 * np.log10(power)) if power > 0.0 else -np.inf


def power(lufs: float) -> float:
    """The K-weighted power, both channels summed, of a loudness."""
    return float(10.0 ** ((lufs + OFFSET_DB) / 10.0))


def gated_lufs(blocks: Floats) -> float:
    """The loudness of block powers together by ITU-R BS.1770-4, with both gates; -inf for silence."""
    blocks = _above(blocks, ABSOLUTE_GATE_LUFS)
    if blocks.size:
        blocks = _above(blocks, lufs(float(blocks.mean())) + RELATIVE_GATE_LU)
    return lufs(float(blocks.mean())) if blocks.size else -np.inf


def integrated_lufs(samples: Singles) -> float:
    """Programme loudness of the whole; -inf for silence."""
    return gated_lufs(block_powers(samples))


def momentary_lufs(samples: Singles) -> Floats:
    """Loudness over 400 ms, one each 100 ms."""
    return _lufs(block_powers(samples))


def short_term_lufs(samples: Singles) -> Floats:
    """Loudness over 3 s, one each 100 ms."""
    return _lufs(block_powers(samples, SHORT_STEPS))


def range_lu(samples: Singles) -> float:
    """Loudness range by EBU Tech 3342: from the 10th to the 95th percentile of what is not quiet; 0 for silence."""
    blocks = _above(block_powers(samples, SHORT_STEPS), ABSOLUTE_GATE_LUFS)
    if blocks.size == 0:
        return 0.0
    low, high = np.percentile(_lufs(_above(blocks, lufs(float(blocks.mean())) + RANGE_GATE_LU)), [10.0, 95.0])
    return float(high - low)


def true_peak_dbfs(samples: Singles) -> float:
    """The highest value between the samples too, by fourfold oversampling; -inf for silence."""
    half = PEAK_TAPS // 2
    padded = np.concatenate([np.zeros((half, 2)), samples, np.zeros((half, 2))]).astype(np.float32)
    phases = _phases()
    return _db(_peak(np.asfortranarray(padded), phases, float(np.abs(phases).sum(axis=1).max())))


def onset_rises_db(samples: Singles) -> Floats:
    """How far each 20 ms stand above the mean of the 300 ms before, K-weighted, one each 5 ms.

    What lies under the absolute gate counts as being at it: nobody hears a rise there.
    """
    hops = powers(samples, HOP_FRAMES) + power(ABSOLUTE_GATE_LUFS)
    if hops.size < ONSET_HOPS + BEFORE_HOPS:
        return np.zeros(0)
    after, before = _means(hops[BEFORE_HOPS:], ONSET_HOPS), _means(hops, BEFORE_HOPS)
    return np.asarray(10.0 * np.log10(after / before[: after.size]))


def attacks_s(samples: Singles, least_rise_db: float = 3.0) -> Floats:
    """How long each onset takes, from a tenth to nine tenths of its way up; an onset is a rise of at least so much.

    The envelope is the level over 20 ms, so nothing is shorter than about 16 ms.
    """
    rises = onset_rises_db(samples)
    level = np.sqrt(_means(powers(samples, HOP_FRAMES), ONSET_HOPS))
    found, at = [], 0
    while at < rises.size:
        peak = at + int(np.argmax(rises[at : at + BEFORE_HOPS]))
        if rises[peak] < least_rise_db:
            at += BEFORE_HOPS
            continue
        top = peak + BEFORE_HOPS + int(np.argmax(level[peak + BEFORE_HOPS : peak + 2 * BEFORE_HOPS]))
        foot = max(0, top - 2 * BEFORE_HOPS) + int(np.argmin(level[max(0, top - 2 * BEFORE_HOPS) : top + 1]))
        way = (level[foot : top + 1] - level[foot]) / (level[top] - level[foot])
        first = int(np.flatnonzero(way <= 0.1)[-1])
        found.append((int(np.argmax(way >= 0.9)) - first) * HOP_FRAMES / SAMPLE_RATE_HZ)
        at = top + BEFORE_HOPS // 2
    return np.asarray(found, np.float64)


def short_term_rises_db(samples: Singles, floor_lufs: float) -> Floats:
    """How far short-term loudness grows within a second, one each 100 ms; what is fainter counts as `floor_lufs`."""
    silence = np.zeros((SHORT_STEPS * STEP_FRAMES, 2), np.float32)  # that every sound comes out of
    floored = np.maximum(short_term_lufs(np.concatenate([silence, samples])), floor_lufs)
    return np.asarray(floored[10:] - floored[:-10])


def fast_onsets_db(samples: Singles, floor_lufs: float, onset_s: float) -> Floats:
    """How far each onset goes that takes less than `onset_s` from 10 to 90 % of its rise, 0 where none is; every 5 ms.

    It rises from the bed: the mean of the last 10 s, silence left out, and no fainter than `floor_lufs`. The level is
    the K-weighted amplitude over 10 ms.
    """
    hops = powers(samples, HOP_FRAMES)
    floor = power(floor_lufs)
    n_before = round(onset_s * SAMPLE_RATE_HZ / HOP_FRAMES)
    is_heard = hops > floor
    ends = np.maximum(np.arange(hops.size) - n_before, 0)
    begins = np.maximum(ends - BED_HOPS, 0)
    total, count = (np.concatenate([[0.0], np.cumsum(v)]) for v in (hops * is_heard, is_heard))
    bed = np.sqrt(np.maximum(floor, (total[ends] - total[begins]) / np.maximum(1.0, count[ends] - count[begins])))
    level = np.sqrt(_means(np.concatenate([[0.0], hops]), 2))
    windows = np.lib.stride_tricks.sliding_window_view
    top = windows(np.concatenate([level, np.zeros(TOP_HOPS)]), TOP_HOPS + 1).max(axis=1)
    least = windows(np.concatenate([np.zeros(n_before), level]), n_before + 1).min(axis=1)
    rise = np.maximum(level - bed, 0.0) / 0.9
    is_fast = (top >= bed + rise) & (least <= bed + 0.1 * rise)
    return np.where(is_fast, 20.0 * np.log10(1.0 + rise / bed), 0.0)


def crest_db(samples: Singles) -> float:
    """The highest sample above the root mean square of both channels."""
    x = np.asarray(samples, np.float64)
    return _db(float(np.abs(x).max())) - _db(float(np.sqrt(np.square(x).mean())))


def offset(samples: Singles) -> float:
    """The largest constant part of a channel."""
    return float(np.abs(np.asarray(samples, np.float64).mean(axis=0)).max())


def spectrum(samples: Singles, n_frames: int = SPECTRUM_FRAMES) -> tuple[Floats, Floats]:
    """Hz, and the mean power at each, of both channels; over stretches of `n_frames` that overlap by half."""
    window = np.hanning(n_frames)
    starts = range(0, len(samples) - n_frames + 1, n_frames // 2)
    total = np.zeros(n_frames // 2 + 1)
    for start in starts:
        part = samples[start : start + n_frames] * window[:, None]
        total += np.square(np.abs(np.fft.rfft(part, axis=0))).sum(axis=1)
    hz = np.arange(total.size, dtype=np.float64) * (SAMPLE_RATE_HZ / n_frames)
    return hz, total / max(1, len(starts))


def rumble_db(samples: Singles) -> float:
    """Power below 30 Hz against all power; -inf for silence."""
    hz, power = spectrum(samples)
    return 0.5 * _db(float(power[hz < RUMBLE_HZ].sum() / max(power.sum(), 1e-30)))


def centroid_hz(samples: Singles) -> float:
    """The middle of the spectrum's power; 0 for silence."""
    hz, power = spectrum(samples)
    return float((hz * power).sum() / max(power.sum(), 1e-30))


def _phases() -> Floats:
    """The interpolator's taps a quarter, a half and three quarters of the way: a sinc under a Kaiser window."""
    half = PEAK_TAPS // 2
    shifts = np.arange(1, OVERSAMPLING)[:, None] / OVERSAMPLING
    t = np.arange(PEAK_TAPS) - (half - 1) - shifts
    taps = np.sinc(t) * np.i0(5.0 * np.sqrt(np.maximum(0.0, 1.0 - np.square(t / half))))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True))


def _means(steps: Floats, n: int) -> Floats:
    """The mean of every n in a row."""
    if steps.size < n:
        return np.zeros(0)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(steps, n).mean(axis=1))


def _above(blocks: Floats, gate_lufs: float) -> Floats:
    return np.asarray(blocks[blocks > power(gate_lufs)])


def _lufs(blocks: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(-OFFSET_DB + 10.0 * np.log10(blocks))


def _db(value: float) -> float:
    return float(20.0 * np.log10(value)) if value > 0.0 else -np.inf
