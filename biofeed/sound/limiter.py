"""The last gate on the finished sound: blocks of (frames, 2) float32 in, the same number out, 5 ms later.

It only ever makes sound quieter. Four guards: what is not a number, or absurdly large, becomes silence that fades in
again; no constant offset; loudness may not leap above what was heard a moment before; no peak above the ceiling. On
calm sound it does nothing: the gain is exactly 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.settings import bounded, check
from biofeed.sound.kernel import kernel

Floats = npt.NDArray[np.float64]
LATENCY_FRAMES = 240  # 5 ms: the gain is already down when a peak comes out
WINDOW = LATENCY_FRAMES + 1
ONE = 1 << 40  # gains are averaged as integers: their sum never drifts, and all ones give exactly one
FAULT_PEAK = 8.0  # 18 dB over full scale: no voice reaches it, so it is a fault and not a loud passage
FAULT_RELEASE_S = 1.0  # time constant with which sound comes back after a fault
QUIET_DBFS = -45.0  # below this nothing startles: sound may rise to it freely
METER_S = 0.010  # time constant of the short-term level: the ear takes loudness in over about 20 ms
FALL_DB_PER_S = 20.0  # how fast what counts as heard before is forgotten: a pause of 0.3 s is not yet silence
OFFSET_HZ = 5.0  # corner of the high-pass that removes a constant offset
NEAR_ONE = 1.0 - 1e-6  # a gain this close is one: the step cannot be heard, and calm sound passes untouched

_STATE = np.dtype(
    [(name, np.float64) for name in ("level", "reference", "trust", "least", "gain")]
    + [(name, np.int64) for name in ("position", "least_left", "sum")]
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gate allows, and how far ahead sound is made."""

    ceiling_dbfs: float = bounded(-7.0, -24.0, -1.0, "dB", "highest sample; -7 keeps true peaks under -6")
    release_s: float = bounded(0.25, 0.2, 2.0, "s", "how slowly the level comes back; faster would pump")
    onset_db: float = bounded(6.0, 3.0, 12.0, "dB", "how far sound may rise at once above what was heard before")
    rise_db_per_s: float = bounded(3.0, 1.0, 12.0, "dB/s", "how fast what counts as heard before may grow (H-06)")
    latency_s: float = bounded(
        0.06, 0.03, 0.3, "s", "kept by the sound card: less is sooner, more bears a busy machine"
    )

    def __post_init__(self) -> None:
        check(self)


@kernel
def _gate(
    x: npt.NDArray[np.float32],  # (frames, 2)
    y: npt.NDArray[np.float32],  # (frames, 2)
    state: npt.NDArray[np.void],  # (1,) of _STATE
    offset: Floats,  # (3, 2): offset filter's last input and output, weighting filter's low-pass
    delay: Floats,  # (window, 2): what came in and has not gone out
    wanted: Floats,  # (window,) the gain that each of those frames asks for
    recent: npt.NDArray[np.int64],  # (window,) the gains over which the last one is averaged
    ceiling: float,
    onset: float,  # factor in power
    quiet: float,  # power
    rise: float,  # factor in power per frame
    fall: float,  # factor in power per frame
    keep: Floats,  # (4,) of a one-pole per frame: offset, meter, trust, release
    fault_peak: float,
    near_one: float,
    one: int,
) -> float:
    """Fills y and returns the least gain of the block (1 when it is empty)."""
    s = state[0]
    window = wanted.size
    lowest = 1.0
    for i in range(x.shape[0]):
        at = s.position % window
        s.position += 1
        is_sound = abs(x[i, 0]) <= fault_peak and abs(x[i, 1]) <= fault_peak  # not a number compares as false
        s.trust = 1.0 + (s.trust - 1.0) * keep[2] if is_sound else 0.0
        if s.trust > near_one:
            s.trust = 1.0
        power, peak = 0.0, 0.0
        for c in range(2):
            a = float(x[i, c]) if is_sound else 0.0
            out = a - offset[0, c] + keep[0] * offset[1, c]
            if abs(out) < 1e-25:  # kept away from denormal numbers
                out = 0.0
            offset[0, c], offset[1, c] = a, out
            # The ear's weighting, roughly (ITU-R BS.1770: 4 dB more above 1.5 kHz).
            offset[2, c] += 0.18 * (out - offset[2, c]) + 1e-25
            heard = out + 0.58 * (out - offset[2, c])
            power += heard * heard
            peak = max(peak, abs(out))
            delay[at, c] = out
        s.level = max(quiet, power + (s.level - power) * keep[1])
        s.reference = min(s.level, s.reference * rise) if s.level > s.reference else max(s.level, s.reference * fall)
        gain = s.trust
        if s.level > onset * s.reference:
            gain = min(gain, np.sqrt(onset * s.reference / s.level))
        if peak * gain > ceiling:
            gain = ceiling / peak
        wanted[at] = gain
        # The least gain that any frame still inside asks for, sought again only when the least one has gone out.
        if gain <= s.least:
            s.least, s.least_left = gain, window
        s.least_left -= 1
        if s.least_left == 0:
            s.least = gain
            s.least_left = window - 1
            for age in range(1, window - 1):
                other = wanted[(at - age) % window]
                if other < s.least:
                    s.least, s.least_left = other, window - 1 - age
        s.gain = min(s.least, 1.0 + (s.gain - 1.0) * keep[3])
        if s.gain > near_one:
            s.gain = 1.0
        whole = np.int64(s.gain * one)
        s.sum += whole - recent[at]
        recent[at] = whole
        smooth = s.sum / (window * one)
        lowest = min(lowest, smooth)
        out_at = (at + 1) % window
        y[i, 0] = delay[out_at, 0] * smooth
        y[i, 1] = delay[out_at, 1] * smooth
    return lowest


class Limiter:
    """The gate with its memory; results do not depend on how the sound was cut into blocks."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.least_gain = 1.0  # of the last block: 1 means that it passed untouched
        self._ceiling = 10.0 ** (settings.ceiling_dbfs / 20.0)
        self._onset = 10.0 ** (settings.onset_db / 10.0)
        self._quiet = 10.0 ** (QUIET_DBFS / 10.0)
        self._rise = 10.0 ** (settings.rise_db_per_s / 10.0 / SAMPLE_RATE_HZ)
        self._fall = 10.0 ** (-FALL_DB_PER_S / 10.0 / SAMPLE_RATE_HZ)
        times_s = np.array([1.0 / (2.0 * np.pi * OFFSET_HZ), METER_S, FAULT_RELEASE_S, settings.release_s])
        self._keep = np.exp(-1.0 / (SAMPLE_RATE_HZ * times_s))
        self._state = np.zeros(1, _STATE)
        self._state["level"] = self._state["reference"] = self._quiet
        self._state["trust"] = self._state["least"] = self._state["gain"] = 1.0
        self._state["least_left"], self._state["sum"] = WINDOW, WINDOW * ONE
        self._offset, self._delay = np.zeros((3, 2)), np.zeros((WINDOW, 2))
        self._wanted, self._recent = np.ones(WINDOW), np.full(WINDOW, ONE, np.int64)

    def __call__(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The gated sound, `LATENCY_FRAMES` later; (frames, 2), any number of frames, always finite."""
        out = np.empty_like(block)
        self.least_gain = _gate(
            block, out, self._state, self._offset, self._delay, self._wanted, self._recent,
            self._ceiling, self._onset, self._quiet, self._rise, self._fall, self._keep, FAULT_PEAK, NEAR_ONE, ONE,
        )  # fmt: skip
        return out
