"""The simulated body: it repeats by seed, breathes unevenly, follows, calms, tires, and its heart knows its breath."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.errors import UsageError
from biofeed.sensors import people
from biofeed.sensors.person import PPG_HZ, Body, Truth

Floats = npt.NDArray[np.float64]


def lived(name: str, seconds: float, seed: int = 1) -> Body:
    body = Body(people.person(name), seed)
    body.advance(seconds)
    return body


def led(name: str, seconds: float, rate_per_min: float, seed: int = 1) -> Truth:
    """A body that sees a guide of that rate, 60 times a second, as a raised cosine."""
    body = Body(people.person(name), seed)
    for tick in range(int(seconds * 60)):
        time_s = tick / 60.0
        body.perceive(time_s, 0.5 - 0.5 * math.cos(2.0 * math.pi * rate_per_min / 60.0 * time_s))
        body.advance(time_s)
    return body.truth


def breaths(truth: Truth, since_s: float = 0.0) -> Floats:
    """When each inhale began."""
    turned = np.flatnonzero(np.diff(truth.phase) < -0.5)
    return np.asarray(truth.time_s[turned][truth.time_s[turned] >= since_s])


def rate(truth: Truth, since_s: float) -> float:
    return 60.0 / float(np.median(np.diff(breaths(truth, since_s))))


def ibis(truth: Truth) -> Floats:
    return np.diff(truth.beat_s)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(people.names()), st.integers(0, 1000), st.lists(st.floats(0.0, 6.0), max_size=8))
def test_the_same_seed_lives_the_same_life_however_time_was_cut(name: str, seed: int, cuts: list[float]) -> None:
    whole, cut = Body(people.person(name), seed), Body(people.person(name), seed)
    one = whole.advance(6.0)
    parts = [cut.advance(time_s) for time_s in [*sorted(cuts), 6.0]]
    assert np.array_equal(one.ppg, np.concatenate([part.ppg for part in parts]))
    assert np.array_equal(one.belt, np.concatenate([part.belt for part in parts]))
    assert np.array_equal(one.belt_off, np.concatenate([part.belt_off for part in parts]))
    assert np.array_equal(whole.truth.beat_s, cut.truth.beat_s)


def test_another_seed_is_another_life() -> None:
    assert not np.array_equal(
        Body(people.person("calm"), 1).advance(4.0).ppg, Body(people.person("calm"), 2).advance(4.0).ppg
    )


@pytest.mark.parametrize("name", people.names())
def test_everybody_s_heart_and_breath_keep_their_own_pace(name: str) -> None:
    who, truth = people.person(name), lived(name, 180.0).truth
    hr = 60.0 / float(np.mean(ibis(truth)))
    assert 0.85 * who.hr_bpm < hr < 1.25 * who.hr_bpm
    if not who.apnoea_per_min:
        assert 0.7 * who.rate_per_min < rate(truth, 0.0) < 1.35 * who.rate_per_min
    assert np.isfinite(truth.volume).all()
    assert (truth.arousal >= 0.0).all()
    assert (truth.arousal <= 1.0).all()


def test_no_two_breaths_are_alike_and_some_are_sighs() -> None:
    truth = lived("anxious", 300.0).truth
    lengths = np.diff(breaths(truth))
    assert lengths.std() / lengths.mean() > 0.08
    at = np.searchsorted(truth.time_s, breaths(truth))
    depths = np.array([np.ptp(truth.volume[a:b]) for a, b in itertools.pairwise(at)])
    assert depths.max() > 1.7 * np.median(depths)
    inhales = np.array(
        [np.mean(truth.phase[a:b] < 0.5) for a, b in itertools.pairwise(at)]
    )  # the share of time with phase below a half is the inhale's
    assert inhales.std() > 0.01


def test_the_heart_speeds_up_with_the_inhale() -> None:
    truth = lived("calm", 240.0).truth
    beat_hr = 60.0 / ibis(truth)
    phase = np.interp(truth.beat_s[1:], truth.time_s, np.unwrap(2.0 * np.pi * truth.phase)) / (2.0 * np.pi) % 1.0
    wave = np.abs(np.mean((beat_hr - beat_hr.mean()) * np.exp(2j * np.pi * phase))) * 2.0
    assert wave > 1.0  # beats/min: respiratory sinus arrhythmia
    fast = lived("tachycardia", 240.0).truth
    fast_hr = 60.0 / ibis(fast)
    fast_phase = np.interp(fast.beat_s[1:], fast.time_s, np.unwrap(2.0 * np.pi * fast.phase)) / (2.0 * np.pi) % 1.0
    assert np.abs(np.mean((fast_hr - fast_hr.mean()) * np.exp(2j * np.pi * fast_phase))) * 2.0 < 0.6 * wave


def test_the_tachogram_has_a_baroreflex_wave_of_its_own() -> None:
    ratios = []
    for seed in range(4):
        truth = lived("calm", 400.0, seed).truth
        grid = np.arange(10.0, 390.0, 0.25)
        series = np.interp(grid, truth.beat_s[1:], 60.0 / ibis(truth))
        power = np.abs(np.fft.rfft((series - series.mean()) * np.hanning(len(series)))) ** 2
        hz = np.fft.rfftfreq(len(series), 0.25)
        ratios.append(power[(hz > 0.07) & (hz < 0.13)].mean() / power[(hz > 0.14) & (hz < 0.18)].mean())
    assert np.median(ratios) > 2.0


def test_an_irregular_heart_has_no_order() -> None:
    x = ibis(lived("irregular", 240.0).truth)
    assert x.std() / x.mean() > 0.12
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.35


def test_apnoea_really_stops_the_breath() -> None:
    truth = lived("apnoea", 240.0).truth
    assert np.diff(breaths(truth)).max() > 9.0


def test_a_willing_body_follows_and_calms_and_an_unwilling_one_does_neither() -> None:
    follower = led("calm", 150.0, 10.0)
    assert rate(follower, 90.0) == pytest.approx(10.0, abs=0.6)
    assert follower.arousal[-50:].mean() < 0.85 * follower.arousal[50:500].mean()
    other = led("unwilling", 150.0, 10.0)
    assert rate(other, 90.0) > 11.5


def test_being_pushed_tires() -> None:
    truth = led("anxious", 240.0, 3.0)
    assert truth.willingness[-1] < 0.6 * truth.willingness[0]
    assert truth.arousal[-500:].mean() > 0.9 * truth.arousal[:500].mean()


def test_the_pulse_reaches_the_finger_a_fifth_of_a_second_after_the_beat() -> None:
    body = Body(people.person("calm"), 1)
    ppg = body.advance(60.0).ppg
    lags_s = []
    for beat_s in body.truth.beat_s[5:-3]:
        at = int(beat_s * PPG_HZ)
        rise = np.diff(ppg[at : at + PPG_HZ // 2])
        lags_s.append(int(rise.argmax()) / PPG_HZ)
    assert 0.15 < np.median(lags_s) < 0.40


def test_an_unknown_person_is_a_usage_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean calm"):
        people.person("clam")


def test_everybody_is_described_in_one_sentence() -> None:
    assert {"calm", "anxious", "pain", "apnoea", "irregular", "noisy", "sensor_off", "tachycardia", "shallow"} <= set(
        people.names()
    )
    for name in people.names():
        assert people.person(name).about.endswith(".")
