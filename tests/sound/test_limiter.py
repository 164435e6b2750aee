"""The last gate on sound: whatever comes in, what leaves it is finite, below the ceiling, and never leaps."""

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.limiter import Limiter

CEILING = 10.0 ** (-7.0 / 20.0)
Sound = npt.NDArray[np.float32]


def limited(sound: Sound, cuts: list[int] | None = None) -> Sound:
    limiter = Limiter()
    return np.concatenate([limiter(np.ascontiguousarray(part)) for part in np.split(sound, sorted(cuts or []))])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(0, 700), st.just(2)), elements=st.floats(width=32)))
def test_any_numbers_whatever_give_finite_sound_below_the_ceiling(sound: Sound) -> None:
    out = limited(sound)
    assert out.shape == sound.shape
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0.0) <= CEILING + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4000), max_size=12))
def test_the_result_does_not_depend_on_how_the_sound_was_cut(seed: int, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    sound = (random.normal(0.0, 0.6, (4000, 2)) * random.choice([0.01, 1.0, 20.0], (4000, 1))).astype(np.float32)
    sound[random.integers(0, 4000, 3)] = np.nan
    assert np.array_equal(limited(sound), limited(sound, cuts))


def level(sound: Sound) -> npt.NDArray[np.float64]:
    """Power by 10 ms."""
    rows = sound[: len(sound) // 480 * 480].astype(np.float64).reshape(-1, 480, 2)
    return np.asarray(np.square(rows).mean(axis=(1, 2)))


def test_a_sudden_noise_over_a_quiet_bed_is_held_down() -> None:
    random = np.random.default_rng(1)
    bed = random.normal(0.0, 0.02, (4 * SAMPLE_RATE_HZ, 2))
    bed[2 * SAMPLE_RATE_HZ :] *= 15.0  # 23 dB at once
    power = level(limited(bed.astype(np.float32)))
    before, just_after = power[150:195].mean(), power[201:215].max()
    assert 10.0 * np.log10(just_after / before) < 9.0  # 6 dB at once, and what a meter of 10 ms lets through


def test_what_is_not_a_number_becomes_silence_that_fades_in_again() -> None:
    tone = 0.006 * np.sin(2.0 * np.pi * 220.0 * np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ)
    sound = np.stack([tone, tone], axis=1).astype(np.float32)
    sound[3 * SAMPLE_RATE_HZ] = np.inf
    power = level(limited(sound))
    assert power[302:306].max() < 0.05 * power[250]
    assert power[-1] > 0.5 * power[250]
    assert np.diff(np.sqrt(power[303:])).max() < 0.1 * np.sqrt(power[250])


def test_a_constant_offset_goes_away() -> None:
    sound = np.full((5 * SAMPLE_RATE_HZ, 2), 0.2, np.float32)
    assert np.abs(limited(sound)[-SAMPLE_RATE_HZ:]).max() < 1e-3
