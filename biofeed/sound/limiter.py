"""The last stage of sound: blocks of (frames, 2) float32 in, the same number out, 15 ms later (H-06, H-07, H-08).

It only ever makes sound quieter. What is not a number, or absurdly large, becomes silence that fades in again. There is
no constant offset, and no true peak above the ceiling. Nothing stands out at once from what was heard before, nor does
the loudness of 3 s grow by more than 3 dB in a second. What is loud for long is brought down slowly; what is quiet for
long is told, not raised. On calm sound it does nothing: the gain is exactly 1, and the same bits come out.
"""

from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from biofeed import limits
from biofeed.errors import SettingError
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.settings import bounded, check
from biofeed.sound import dose, guard, loudness
from biofeed.sound.kernel import GRAIN_FRAMES

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
LATENCY_FRAMES = (guard.AHEAD_GRAINS + 1) * GRAIN_FRAMES
STEP_S = guard.STEP_GRAINS * GRAIN_FRAMES / SAMPLE_RATE_HZ
FAULT_PEAK = 8.0  # 18 dB over full scale: no voice reaches it, so it is a fault and not a loud passage
FAULT_RELEASE_S = 1.0  # time constant with which sound comes back after a fault
OFFSET = 5e-4  # -66 dBFS: a constant offset up to here is left alone, and what is beyond goes away
OFFSET_S = 0.16  # time constant, twice, of the mean that tells the offset: 1 Hz is far below what voices play
QUIET_LUFS = -45.0  # below this nothing startles: sound may rise to it freely
FALL_DB_PER_S = 6.0  # how fast what counts as heard before is forgotten: a pause of a second is not yet silence
FAINT_LUFS = -36.0  # short-term loudness below it counts as this: how fast it grows there, nobody minds
CREST_DB = 24.0  # of a peak above what was heard before: a click is not told by its level, which is short
LATELY_S = 0.2  # time constant of the level that is held to the rise of short-term loudness
LONG_UP_S, LONG_DOWN_S = 10.0, 60.0  # of the loudness over long: slower down, because pauses do not make up for it
LONG_GLIDE_S = 0.2  # time constant of its gain
LONG_MARGIN_DB = 0.5  # gates of BS.1770 leave quiet stretches out, which the mean over long does not quite
SHORT_ROOM_DB = 3.0  # of short-term loudness above what is allowed for long
SILENT_LUFS = -70.0  # absolute gate of BS.1770
ONSET_MARGIN_DB = 0.5  # a meter's bed of 10 s, in finer steps, and its 10 ms lie elsewhere
LOW_MARGIN_DB = 1.0  # the same of the lowest level before an onset
RISE_MARGIN_DB = 0.1  # a meter's steps of 100 ms lie elsewhere
PEAK_MARGIN_DB = 0.5  # by which four values a sample can miss a peak at 20 kHz (BS.1770-4, annex 2)
NEAR_ONE = 1.0 - 1e-6  # a gain this close is one: the step cannot be heard, and calm sound passes untouched
TINY = 1e-30  # no sample is smaller but for zero: processors handle denormal numbers slowly
# The interpolator for true peaks, at -3/8, -1/8, 1/8 and 3/8 of a sample (ITU-R BS.1770-4, annex 2).
_OUTER = [
    0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
    0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500,
]  # fmt: skip
_INNER = [
    -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
    0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375,
]  # fmt: skip
PHASES = np.array([_OUTER, _INNER, _INNER[::-1], _OUTER[::-1]])


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gate allows, never more than the limits do, and how far ahead sound is made."""

    ceiling_dbfs: float = bounded(-6.0, -24.0, limits.TRUE_PEAK_DBTP, "dB", "highest true peak")
    release_s: float = bounded(0.25, 0.2, 2.0, "s", "how slowly the level comes back; faster would pump")
    onset_db: float = bounded(8.5, 3.0, 8.5, "dB", "how far sound may rise at once above what was heard before")
    rise_db_per_s: float = bounded(
        3.0, 1.0, limits.LOUDNESS_RISE_DB_PER_S, "dB/s", "how fast loudness may grow, over 3 s (H-06)"
    )
    latency_s: float = bounded(
        0.06, 0.03, 0.3, "s", "kept by the sound card: less is sooner, more bears a busy machine"
    )
    calibration_dba: float | None = field(
        default=None,
        metadata={"unit": "dB", "why": "level at the ear, in dBA, of sound of -23 LUFS; then its dose is told (H-07)"},
    )

    def __post_init__(self) -> None:
        check(self)
        low, high = 30.0, 100.0  # from a whisper to what is a fault of the measurement
        dba = self.calibration_dba
        if dba is not None and not (isinstance(dba, int | float) and low <= dba <= high):
            raise SettingError(f"Settings.calibration_dba is {dba!r}; it must lie from {low} to {high} dB")


class Report(TypedDict):
    """How loud it is, and what was held back since the last report."""

    least_gain: float  # 1: nothing was held back
    long_lufs: float | None  # over the last minute or so; None: silence
    short_lufs: float | None  # over the last 3 s
    is_quiet: bool  # over long, quieter than the limits have it: told, and not raised
    level_dba: float | None  # at the ear, over the last 3 s; None: not calibrated, or silence
    week_part: float | None  # of a week's dose, since the session began; None: not calibrated


def _keep(time_s: float, every_s: float = GRAIN_FRAMES / SAMPLE_RATE_HZ) -> float:
    """Of a one-pole."""
    return float(np.exp(-every_s / time_s))


def _rules(settings: Settings) -> npt.NDArray[np.void]:
    grain_s = GRAIN_FRAMES / SAMPLE_RATE_HZ
    ceiling = 10.0 ** ((settings.ceiling_dbfs - PEAK_MARGIN_DB) / 20.0)
    long_lufs, short_lufs = limits.LOUDEST_LUFS - LONG_MARGIN_DB, np.inf
    if settings.calibration_dba is not None:
        short_lufs = dose.cap_lufs(settings.calibration_dba)
        long_lufs = min(long_lufs, short_lufs)
    values = {
        "fault_peak": FAULT_PEAK,
        "ceiling": float(np.float32(ceiling)),
        "sure": 1.0 / np.abs(PHASES).sum(axis=1).max(),
        "crest": 10.0 ** (CREST_DB / 20.0),
        "onset": 10.0 ** (settings.onset_db / 10.0),
        "sudden": 0.9 * (10.0 ** (min(settings.onset_db, limits.ONSET_DB - ONSET_MARGIN_DB) / 20.0) - 1.0),
        "sure_low": 10.0 ** (-LOW_MARGIN_DB / 20.0),
        "quiet": loudness.power(QUIET_LUFS),
        "rise": 10.0 ** (settings.rise_db_per_s * grain_s / 10.0),
        "fall": 10.0 ** (-FALL_DB_PER_S * grain_s / 10.0),
        "faint": loudness.power(FAINT_LUFS),
        "short_rise": 10.0 ** ((settings.rise_db_per_s - RISE_MARGIN_DB) / 10.0),
        "short_room": 10.0 ** (SHORT_ROOM_DB / 10.0),
        "short_cap": loudness.power(short_lufs),
        "long_cap": loudness.power(long_lufs),
        "long_silent": loudness.power(SILENT_LUFS),
        "offset": OFFSET,
        "offset_keep": _keep(OFFSET_S),
        "trust_keep": _keep(FAULT_RELEASE_S),
        "lately_keep": _keep(LATELY_S),
        "release_keep": _keep(settings.release_s),
        "long_up_keep": _keep(LONG_UP_S, STEP_S),
        "long_down_keep": _keep(LONG_DOWN_S, STEP_S),
        "long_glide_keep": _keep(LONG_GLIDE_S),
        "near_one": NEAR_ONE,
        "tiny": TINY,
    }
    rules = np.zeros(1, guard.RULES)
    for name, value in values.items():
        rules[name] = value
    return rules


def _memory(rules: npt.NDArray[np.void]) -> guard.Memory:
    state = np.zeros(1, guard.STATE)
    for name in ("trust", "release", "began", "edge", "long", "long_wanted", "least"):
        state[name] = 1.0
    state["reference"] = rules["quiet"]
    state["bed"] = np.sqrt(rules["quiet"])
    state["long_power"] = state["heard_power"] = rules["long_cap"]
    flat, ahead = 2 * GRAIN_FRAMES, guard.AHEAD_GRAINS + 1
    memory = guard.Memory(
        state=state,
        inbox=np.zeros(flat, np.float32),
        outbox=np.zeros(flat, np.float32),
        delay=np.zeros((ahead, flat)),
        powers=np.zeros(ahead),
        levels=np.full(ahead, float(rules["quiet"][0])),
        looks=np.zeros(guard.LOOK_GRAINS),
        wanted=np.ones(ahead),
        held=np.ones(guard.SMOOTH_GRAINS),
        offset=np.zeros((3, 2)),
        weighted=np.zeros((2, 4)),
        lows=np.full(guard.ONSET_GRAINS, float(rules["quiet"][0])),
        steps=np.zeros(guard.SHORT_STEPS),
        beds=np.zeros((2, guard.BED_STEPS + guard.BED_ENDS)),
        shorts=np.zeros(guard.RISE_STEPS),
    )
    guard.allow(memory, rules)
    return memory


class Limiter:
    """The gate with its memory; results do not depend on how the sound was cut into blocks."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.least_gain = 1.0  # of the last block: 1 means that it passed untouched
        self.dose = None if settings.calibration_dba is None else dose.Dose(settings.calibration_dba)
        self._rules = _rules(settings)
        self._memory = _memory(self._rules)
        self._least_told, self._energy_told = 1.0, 0.0

    def __call__(self, block: Singles) -> Singles:
        """The gated sound, `LATENCY_FRAMES` later; (frames, 2), any number of frames, always finite."""
        x = np.ascontiguousarray(block, np.float32)
        out = np.empty_like(x)
        self.least_gain = guard.guard(x, out, self._memory, self._rules, loudness.K_WEIGHTING, PHASES)
        self._least_told = min(self._least_told, self.least_gain)
        return out

    def report(self) -> Report:
        """What is to be told now and then."""
        state = self._memory.state[0]
        long_lufs = dose.lufs(float(state["heard_power"]))
        short_lufs = dose.lufs(float(self._memory.steps[-guard.SHORT_STEPS :].mean()))
        told = Report(
            least_gain=self._least_told,
            long_lufs=long_lufs,
            short_lufs=short_lufs,
            is_quiet=long_lufs is not None and long_lufs < limits.QUIETEST_LUFS,
            level_dba=None,
            week_part=None,
        )
        self._least_told = 1.0
        if self.dose:
            energy = float(state["energy"])
            self.dose.add((energy - self._energy_told) * GRAIN_FRAMES / SAMPLE_RATE_HZ)
            self._energy_told = energy
            told["level_dba"] = None if short_lufs is None else self.dose.level_dba(short_lufs)
            told["week_part"] = self.dose.week_part
        return told
