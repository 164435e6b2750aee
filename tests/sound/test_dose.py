"""The hearing dose: a meter's arithmetic, H.870's own example, and what the guard counts of real sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed import limits
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound import dose, loudness
from biofeed.sound.dose import Dose
from biofeed.sound.limiter import Limiter, Settings
from biofeed.sound.loudness import K_WEIGHTING, integrated_lufs


@pytest.mark.hazard("H-07")
def test_forty_hours_at_80_dba_are_a_week_s_allowance() -> None:
    """ITU-T H.870: 1.6 Pa2h."""
    heard = Dose(80.0)
    heard.add(loudness.power(limits.QUIETEST_LUFS) * 40.0 * 3600.0)
    assert heard.pa2h == pytest.approx(limits.DOSE_PA2H_PER_WEEK, rel=0.001)
    assert heard.week_part == pytest.approx(1.0, rel=0.001)


@pytest.mark.hazard("H-07")
def test_half_an_hour_at_the_cap_is_an_eighth_of_a_hundredth_of_a_week() -> None:
    heard = Dose(60.0)
    heard.add(loudness.power(dose.cap_lufs(60.0)) * 1800.0)
    assert heard.level_dba(dose.cap_lufs(60.0)) == pytest.approx(limits.LEVEL_CAP_DBA)
    assert heard.week_part == pytest.approx(0.00125, rel=0.01)


@given(st.lists(st.floats(0.0, 1e3), max_size=8), st.floats(30.0, 100.0))
def test_a_dose_is_the_sum_of_its_parts_and_never_falls(parts: list[float], calibration_dba: float) -> None:
    heard, before = Dose(calibration_dba), 0.0
    for part in parts:
        heard.add(part)
        assert heard.pa2h >= before
        before = heard.pa2h
    whole = Dose(calibration_dba)
    whole.add(sum(parts))
    assert heard.pa2h == pytest.approx(whole.pa2h)


@given(st.floats(-70.0, 0.0))
def test_loudness_and_power_are_each_other_s_inverse(lufs: float) -> None:
    assert dose.lufs(loudness.power(lufs)) == pytest.approx(lufs)
    assert dose.lufs(0.0) is None


def test_what_is_counted_is_nowhere_less_than_a_weighted_sound() -> None:
    """A-weighting after IEC 61672-1, annex E; both are 0 dB at 1 kHz."""
    hz = np.geomspace(20.0, 20_000.0, 500)
    delay = np.exp(-2j * np.pi * hz / SAMPLE_RATE_HZ)
    k = np.ones_like(delay)
    for b0, b1, b2, a1, a2 in K_WEIGHTING:
        k *= (b0 + b1 * delay + b2 * delay**2) / (1.0 + a1 * delay + a2 * delay**2)

    def a(hz: np.ndarray | float) -> np.ndarray | float:
        poles = (hz**2 + 20.6**2) * np.sqrt((hz**2 + 107.7**2) * (hz**2 + 737.9**2)) * (hz**2 + 12194.0**2)
        return 12194.0**2 * hz**4 / poles

    above_db = 20.0 * np.log10(np.abs(k)) - loudness.OFFSET_DB - 20.0 * np.log10(a(hz) / a(1000.0))
    assert above_db.min() > -0.03


def noise(level: float, seconds: float) -> np.ndarray:
    fade = np.minimum(1.0, 10.0 ** ((np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ - 12.0) * 2.5 / 20.0))
    return (np.random.default_rng(1).normal(0.0, level, (len(fade), 2)) * fade[:, None]).astype(np.float32)


@pytest.mark.hazard("H-07")
def test_the_guard_counts_what_it_plays() -> None:
    limiter = Limiter(Settings(calibration_dba=60.0))
    played = np.concatenate([limiter(block) for block in np.array_split(noise(0.03, 40.0), 997)])
    told = limiter.report()
    filtered = integrated_lufs(played[20 * SAMPLE_RATE_HZ :])
    assert told["level_dba"] == pytest.approx(60.0 + filtered - limits.QUIETEST_LUFS, abs=0.3)
    at_1_khz = Dose(60.0)
    at_1_khz.add(loudness.power(filtered) * 28.0 + loudness.power(filtered) * 12.0 / 6.0)
    assert told["week_part"] == pytest.approx(at_1_khz.week_part, rel=0.1)
    assert limiter.report()["week_part"] == told["week_part"]


@pytest.mark.hazard("H-07")
def test_without_a_calibration_no_dose_is_told() -> None:
    limiter = Limiter()
    limiter(noise(0.03, 1.0))
    assert limiter.report()["week_part"] is None
    assert limiter.report()["level_dba"] is None


@pytest.mark.hazard("H-07")
def test_no_three_seconds_are_louder_at_the_ear_than_the_cap() -> None:
    limiter = Limiter(Settings(calibration_dba=78.0))
    levels = []
    for block in np.array_split(noise(0.05, 60.0), 600):
        limiter(block)
        levels.append(limiter.report()["level_dba"])
    heard = [level for level in levels if isinstance(level, float)]
    assert limits.LEVEL_CAP_DBA - 1.5 < max(heard) <= limits.LEVEL_CAP_DBA + 0.1
