"""The hearing dose of a session (H-07): loudness in, Pa2h and part of a week's allowance out, once it is calibrated.

What is counted is K-weighted (ITU-R BS.1770), which the guard has at hand. Nowhere does that weigh a sound less than
A-weighting does, within 0.03 dB, where both are even at 1 kHz: the dose errs to the high side, by 3 dB at 500 Hz and by
17 dB at 100 Hz. The level is that of the sound played; what else reaches the ear is not known here.
"""

from dataclasses import dataclass

from biofeed.limits import DOSE_PA2H_PER_WEEK, LEVEL_CAP_DBA, QUIETEST_LUFS
from biofeed.sound import loudness

REFERENCE_PA2 = 20e-6**2  # 0 dB of sound pressure (IEC 61672-1)


def lufs(power: float) -> float | None:
    """The loudness of a K-weighted power; None for silence."""
    return loudness.lufs(power) if power > 0.0 else None


def cap_lufs(calibration_dba: float) -> float:
    """The loudness that gives the highest level that is allowed at the ear."""
    return QUIETEST_LUFS + LEVEL_CAP_DBA - calibration_dba


@dataclass(slots=True)
class Dose:
    """What the ear has taken in since the session began.

    calibration_dba: the level at the ear, in dBA, while sound of -23 LUFS is played.
    """

    calibration_dba: float
    pa2h: float = 0.0

    def add(self, power_s: float) -> None:
        """Counts sound: K-weighted power, both channels summed, times the seconds that it lasted."""
        pa2 = REFERENCE_PA2 * 10.0 ** (self.calibration_dba / 10.0) / loudness.power(QUIETEST_LUFS)
        self.pa2h += power_s * pa2 / 3600.0

    @property
    def week_part(self) -> float:
        """How much of a week's allowance that is (ITU-T H.870: 80 dBA for 40 h); 1 is all of it."""
        return self.pa2h / DOSE_PA2H_PER_WEEK

    def level_dba(self, lufs: float) -> float:
        """The level at the ear of sound that loud."""
        return self.calibration_dba + lufs - QUIETEST_LUFS
