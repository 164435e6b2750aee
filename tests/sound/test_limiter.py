"""The last gate on sound: whatever comes in, what leaves it is finite, below the ceiling, and never leaps."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biofeed import limits
from biofeed.errors import SettingError
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.settings import build
from biofeed.sound import guard
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.limiter import LATENCY_FRAMES, OFFSET, PEAK_MARGIN_DB, Limiter, Settings
from biofeed.sound.loudness import true_peak_dbfs

CEILING_DBFS = Settings().ceiling_dbfs
CEILING = 10.0 ** (CEILING_DBFS / 20.0)
GLIDE = 1.0 / (guard.SMOOTH_GRAINS * GRAIN_FRAMES)  # most that the gain moves from a frame to the next
LEAST_NORMAL = float(np.finfo(np.float32).tiny)
Sound = npt.NDArray[np.float32]


def limited(sound: Sound, cuts: list[int] | None = None, rules: Settings | None = None) -> Sound:
    limiter = Limiter(rules)
    return np.concatenate([limiter(np.ascontiguousarray(part)) for part in np.split(sound, sorted(cuts or []))])


def tone(level: float, hz: float, seconds: float) -> Sound:
    wave = level * np.sin(2.0 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def faded(sound: Sound) -> Sound:
    """With ends that go to nothing: a meter of true peaks sees a sound that breaks off as a peak."""
    ramp = np.minimum(1.0, np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / 480.0)
    return (sound * ramp[:, None]).astype(np.float32)


@pytest.mark.hazard("H-08")
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 2**32 - 1)), min_size=1, max_size=6))
def test_any_bits_whatever_in_blocks_of_any_size_give_finite_sound_below_the_ceiling(
    blocks: list[tuple[int, int]],
) -> None:
    limiter = Limiter()
    for size, seed in blocks:
        bits = np.random.default_rng(seed).integers(0, 2**32, (size, 2), np.uint32)
        out = limiter(bits.view(np.float32))
        assert out.shape == (size, 2)
        assert np.isfinite(out).all()
        assert np.abs(out).max(initial=0.0) <= CEILING
        assert not ((np.abs(out) < LEAST_NORMAL) & (out != 0.0)).any()


@pytest.mark.hazard("H-08")
@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(0, 700), st.just(2)), elements=st.floats(width=32)))
def test_any_numbers_whatever_give_finite_sound_below_the_ceiling(sound: Sound) -> None:
    out = limited(np.concatenate([sound, np.zeros((LATENCY_FRAMES, 2), np.float32)]))
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0.0) <= CEILING


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 9000), max_size=12))
def test_the_result_does_not_depend_on_how_the_sound_was_cut(seed: int, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    sound = (random.normal(0.0, 0.6, (9000, 2)) * random.choice([0.01, 1.0, 20.0], (9000, 1))).astype(np.float32)
    sound[random.integers(0, 9000, 3)] = np.nan
    assert np.array_equal(limited(sound), limited(sound, cuts))


@pytest.mark.hazard("H-08")
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-24.0, -18.0]))
def test_true_peaks_stay_under_a_ceiling_that_calm_sound_is_far_above(seed: int, ceiling_dbfs: float) -> None:
    """Chords of high tones, whose peaks lie between samples, once they are as loud as they may become."""
    random = np.random.default_rng(seed)
    time_s = np.arange(12 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    hz, turn = random.uniform(2_000.0, 16_000.0, (3, 1)), random.uniform(0.0, 6.3, (3, 1))
    wave = 0.05 * np.sin(2.0 * np.pi * hz * time_s + turn).sum(axis=0) * np.exp(0.5 * np.sin(7.0 * time_s))
    limiter = Limiter(Settings(ceiling_dbfs=ceiling_dbfs))
    out = limiter(np.stack([wave, -wave], axis=1).astype(np.float32))[8 * SAMPLE_RATE_HZ :]
    assert true_peak_dbfs(faded(out)) <= ceiling_dbfs
    assert true_peak_dbfs(faded(out)) > ceiling_dbfs - 2.0 * PEAK_MARGIN_DB - 1.0 or limiter.least_gain == 1.0


def test_calm_sound_comes_out_bit_by_bit_and_late() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.02, (14 * SAMPLE_RATE_HZ, 2))
    sound = np.diff(noise, axis=0, prepend=0.0).astype(np.float32)  # without what an offset's filter would hear
    sound *= (10.0 ** (np.minimum(0.0, np.arange(len(sound)) / SAMPLE_RATE_HZ - 11.0) * 2.5 / 20.0))[:, None]
    limiter = Limiter()
    out, least = [], []
    for start in range(0, len(sound), 800):
        out.append(limiter(sound[start : start + 800]))
        least.append(limiter.least_gain)
    assert min(least) == 1.0
    assert np.array_equal(np.concatenate(out)[LATENCY_FRAMES:], sound[:-LATENCY_FRAMES])


def level(sound: Sound) -> npt.NDArray[np.float64]:
    """Power by 10 ms."""
    rows = sound[: len(sound) // 480 * 480].astype(np.float64).reshape(-1, 480, 2)
    return np.asarray(np.square(rows).mean(axis=(1, 2)))


@pytest.mark.hazard("H-06")
def test_a_sudden_noise_over_a_quiet_bed_is_held_down() -> None:
    random = np.random.default_rng(1)
    bed = random.normal(0.0, 0.003, (4 * SAMPLE_RATE_HZ, 2))
    bed[2 * SAMPLE_RATE_HZ :] *= 15.0  # 23 dB at once
    power = level(limited(bed.astype(np.float32)))
    before, just_after = power[150:195].mean(), power[201:215].max()
    assert 10.0 * np.log10(just_after / before) < limits.ONSET_DB


@pytest.mark.hazard("H-08")
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -9.0]))
def test_a_fault_adds_no_step_to_a_smooth_sound(seed: int, fault: float) -> None:
    random = np.random.default_rng(seed)
    smooth = tone(0.006, 220.0, 3.0)
    sound = smooth.copy()
    for at in random.integers(SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ, 5):
        sound[at : at + int(random.integers(1, 3000)), int(random.integers(0, 2))] = fault
    steps = np.abs(np.diff(limited(sound), axis=0)).max()
    assert steps <= np.abs(np.diff(smooth, axis=0)).max() + 0.006 * GLIDE + 1e-6


@pytest.mark.hazard("H-08")
def test_what_is_not_a_number_becomes_silence_that_fades_in_again() -> None:
    sound = tone(0.006, 220.0, 8.0)
    sound[3 * SAMPLE_RATE_HZ] = np.inf
    power = level(limited(sound))
    assert power[302:306].max() < 0.05 * power[250]
    assert power[-1] > 0.5 * power[250]
    assert np.diff(np.sqrt(power[303:])).max() < 0.1 * np.sqrt(power[250])


@pytest.mark.hazard("H-08")
def test_a_click_over_a_quiet_bed_is_held_to_what_was_heard_before() -> None:
    bed = np.random.default_rng(1).normal(0.0, 0.003, (4 * SAMPLE_RATE_HZ, 2)).astype(np.float32)
    bed[3 * SAMPLE_RATE_HZ] = 0.9
    out = limited(bed)
    assert np.abs(out).max() < 0.9 / 10.0 ** (12.0 / 20.0)
    assert np.array_equal(out[2 * SAMPLE_RATE_HZ :][:480], bed[2 * SAMPLE_RATE_HZ - LATENCY_FRAMES :][:480])


@pytest.mark.hazard("H-08")
@pytest.mark.parametrize("offset", [0.2, -0.9])
def test_a_constant_offset_goes_away(offset: float) -> None:
    sound = np.full((5 * SAMPLE_RATE_HZ, 2), offset, np.float32)
    assert np.abs(limited(sound)[-SAMPLE_RATE_HZ:]).max() < OFFSET + 1e-6


def test_settings_only_tighten_the_limits() -> None:
    loose = {"ceiling_dbfs": -0.9, "rise_db_per_s": 3.1, "onset_db": limits.ONSET_DB, "calibration_dba": 101.0}
    for name, value in loose.items():
        with pytest.raises(SettingError, match=name):
            build(Settings, {name: value}, "sound")
    with pytest.raises(SettingError, match="calibration_dba"):
        build(Settings, {"calibration_dba": "loud"}, "sound")
    assert build(Settings, {"calibration_dba": 60}, "sound").calibration_dba == 60.0
    assert Settings().calibration_dba is None
