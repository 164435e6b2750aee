"""How loud finished sound is as a whole: (frames, 2) samples at 48 kHz in, LUFS out."""

import numpy as np
import numpy.typing as npt

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.kernel import kernel

STEP_FRAMES = SAMPLE_RATE_HZ // 10  # a quarter of a block: blocks of 400 ms that overlap by 75 %
BLOCK_STEPS = 4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
# b0, b1, b2, a1, a2 at 48 kHz: the head's shelf, then the high-pass (ITU-R BS.1770-4, annex 1, tables 1 and 2).
K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


@kernel
def _powers(
    samples: npt.NDArray[np.float32],  # (frames, 2)
    weighting: npt.NDArray[np.float64],  # (stages, 5)
    powers: npt.NDArray[np.float64],  # (steps,) filled with each step's mean square, both channels summed
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


def block_powers(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The K-weighted power of every 400 ms block, both channels summed, one each 100 ms; none of shorter sound."""
    steps = np.zeros(len(samples) // STEP_FRAMES)
    _powers(np.ascontiguousarray(samples, np.float32), K_WEIGHTING, steps, STEP_FRAMES)
    if steps.size < BLOCK_STEPS:
        return np.zeros(0)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(steps, BLOCK_STEPS).mean(axis=1))


def lufs(power: float) -> float:
    """A K-weighted power as loudness; -inf for none. The offset makes a 997 Hz sine's power its level."""
    return float(-0.691 + 10.0 * np.log10(power)) if power > 0.0 else -np.inf


def integrated_lufs(samples: npt.NDArray[np.float32]) -> float:
    """Programme loudness of (frames, 2) samples by ITU-R BS.1770-4, with both gates; -inf for silence."""
    powers = block_powers(samples)
    for gate_lufs in (ABSOLUTE_GATE_LUFS, None):
        if powers.size == 0:
            return -np.inf
        threshold = lufs(float(powers.mean())) + RELATIVE_GATE_LU if gate_lufs is None else gate_lufs
        powers = powers[powers > 10.0 ** ((threshold + 0.691) / 10.0)]
    return lufs(float(powers.mean())) if powers.size else -np.inf
