"""The meters against what is known: a standard's own signals, and sounds whose level was made on purpose."""

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound import loudness

Sound = npt.NDArray[np.float32]


def tone(seconds: float, hz: float, peak_db: float, phase: float = 0.0) -> Sound:
    x = np.sin(2.0 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ + phase)
    return (10.0 ** (peak_db / 20.0) * x[:, None] * np.ones(2)).astype(np.float32)


def test_the_standard_s_tones_read_as_they_must() -> None:
    """EBU Tech 3341, cases 1 to 3: a tone of 1 kHz at -23 dBFS on both channels is -23 LUFS, gaps do not count."""
    assert loudness.integrated_lufs(tone(20.0, 1000.0, -23.0)) == pytest.approx(-23.0, abs=0.1)
    assert loudness.integrated_lufs(tone(20.0, 1000.0, -33.0)) == pytest.approx(-33.0, abs=0.1)
    gated = np.concatenate([tone(10.0, 1000.0, -36.0), tone(60.0, 1000.0, -23.0), tone(10.0, 1000.0, -36.0)])
    assert loudness.integrated_lufs(gated) == pytest.approx(-23.0, abs=0.1)
    assert loudness.integrated_lufs(np.zeros((SAMPLE_RATE_HZ, 2), np.float32)) == -np.inf


def test_the_series_are_one_each_100_ms() -> None:
    sound = np.concatenate([tone(5.0, 1000.0, -40.0), tone(5.0, 1000.0, -20.0)])
    momentary, short = loudness.momentary_lufs(sound), loudness.short_term_lufs(sound)
    assert (len(momentary), len(short)) == (97, 71)
    assert momentary[[0, 46, 50, -1]] == pytest.approx([-40.0, -40.0, -20.0, -20.0], abs=0.1)
    assert short[[0, 20, 50, -1]] == pytest.approx([-40.0, -40.0, -20.0, -20.0], abs=0.1)
    assert len(loudness.momentary_lufs(sound[:1000])) == 0


@pytest.mark.parametrize(("one_db", "other_db", "range_lu"), [(-20.0, -30.0, 10.0), (-20.0, -15.0, 5.0)])
def test_the_range_is_what_the_standard_says(one_db: float, other_db: float, range_lu: float) -> None:
    """EBU Tech 3342, cases 1 and 2."""
    sound = np.concatenate([tone(20.0, 1000.0, one_db), tone(20.0, 1000.0, other_db)])
    assert loudness.range_lu(sound) == pytest.approx(range_lu, abs=0.5)
    assert loudness.range_lu(np.zeros_like(sound)) == 0.0


@pytest.mark.parametrize(
    ("hz", "phase"), [(12_000.0, np.pi / 4.0), (8_000.0, np.pi / 3.0), (6_000.0, np.pi / 8.0), (997.0, 0.0)]
)
def test_a_peak_between_the_samples_is_found(hz: float, phase: float) -> None:
    """As EBU Tech 3341 asks in cases 15 to 18: read within +0.2 and -0.4 dB, of a tone that does not begin at once."""
    sound = (tone(0.5, hz, -6.0, phase) * np.hanning(24_000)[:, None]).astype(np.float32)
    assert -0.4 < loudness.true_peak_dbfs(sound) + 6.0 < 0.2


def test_the_ends_of_a_sound_hold_no_false_peak() -> None:
    assert loudness.true_peak_dbfs(np.zeros((100, 2), np.float32)) == -np.inf
    assert loudness.true_peak_dbfs(np.zeros((0, 2), np.float32)) == -np.inf
    one = np.zeros((100, 2), np.float32)
    one[50, 1] = 0.5
    assert loudness.true_peak_dbfs(one) == pytest.approx(-6.02, abs=0.05)


def swelling(attack_s: float, up_db: float) -> Sound:
    """Steady for 2 s, then louder by so much within that time."""
    t_s = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    gain = 1.0 + (10.0 ** (up_db / 20.0) - 1.0) * np.clip((t_s - 2.0) / attack_s, 0.0, 1.0)
    return (tone(4.0, 1000.0, -40.0) * gain[:, None]).astype(np.float32)


@pytest.mark.parametrize("up_db", [3.0, 6.0, 12.0])
def test_a_step_is_an_onset_of_its_own_height(up_db: float) -> None:
    rises = loudness.onset_rises_db(swelling(0.001, up_db))
    assert rises.max() == pytest.approx(up_db, abs=0.2)
    assert abs(float(np.argmax(rises)) * 0.005 + 0.3 - 2.0) < 0.02
    assert loudness.onset_rises_db(swelling(3.0, up_db)).max() < 0.5 * up_db
    assert loudness.onset_rises_db(np.zeros((48_000, 2), np.float32)).max() == 0.0


@pytest.mark.parametrize("attack_s", [0.05, 0.1, 0.2])
def test_an_attack_takes_as_long_as_it_was_made(attack_s: float) -> None:
    found = loudness.attacks_s(swelling(attack_s, 12.0))
    assert len(found) == 1
    assert found[0] == pytest.approx(0.8 * attack_s, abs=0.02)
    assert len(loudness.attacks_s(tone(4.0, 1000.0, -20.0))) == 0


def test_crest_offset_rumble_and_middle_of_a_tone() -> None:
    sound = tone(4.0, 1000.0, -6.0) + np.float32(0.01)
    assert loudness.crest_db(tone(4.0, 1000.0, -6.0)) == pytest.approx(3.01, abs=0.01)
    assert loudness.offset(sound) == pytest.approx(0.01, abs=1e-4)
    assert loudness.centroid_hz(tone(4.0, 1000.0, -6.0)) == pytest.approx(1000.0, abs=1.0)
    assert loudness.rumble_db(tone(4.0, 40.0, -6.0)) < -60.0
    low = tone(4.0, 1000.0, -6.0) + tone(4.0, 20.0, -26.0)
    assert loudness.rumble_db(low) == pytest.approx(-20.0, abs=0.2)
