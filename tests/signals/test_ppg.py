"""Beats of pulse waves: found at every rate, timed finer than a sample, withdrawn when they were none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import beat_times, f1, pulse

from biofeed.signals.filters import Floats, finite
from biofeed.signals.ppg import PpgDetector


def rows_of(
    x: Floats, rate_hz: float, polarity: int = 1, sizes: tuple[int, ...] = (), quality: Floats | None = None
) -> Floats:
    """The rows of a whole signal, cut into chunks of the given sizes in turn."""
    detector, told, at, turn = PpgDetector(rate_hz, polarity), [np.empty((0, 4))], 0, 0
    x, good = finite(x, np.ones_like(x) if quality is None else quality, 0.0)
    while at < x.size:
        size = sizes[turn % len(sizes)] if sizes else x.size
        told.append(detector(x[at : at + size], good[at : at + size], at / rate_hz, rate_hz))
        at, turn = at + size, turn + 1
    return np.concatenate(told)


def standing(rows: Floats) -> Floats:
    """The rows of the beats that were not withdrawn."""
    gone = set(rows[rows[:, 3] == 1.0, 0])
    return np.array([row for row in rows if row[3] == 0.0 and row[0] not in gone]).reshape(-1, 4)


@pytest.mark.parametrize("rate_hz", [25.0, 50.0, 125.0, 500.0, 1000.0])
@pytest.mark.parametrize("hr_bpm", [30.0, 45.0, 70.0, 120.0, 200.0])
def test_pulses_are_found_at_every_heart_and_sampling_rate(rate_hz, hr_bpm):
    truth_s = beat_times(40.0, hr_bpm)
    beat_s = standing(rows_of(pulse(truth_s, 40.0, rate_hz), rate_hz))[:, 0]
    late = truth_s[(truth_s > 6.0) & (truth_s < 38.0)]
    found = beat_s[(beat_s > 6.0) & (beat_s < 38.2)]
    assert f1(late, found) >= 0.98
    lag_s = np.array([beat_s[np.argmin(np.abs(beat_s - time_s - 0.1))] - time_s for time_s in late])
    assert 0.02 < np.median(lag_s) < 0.14  # the upstroke of a wave that begins at the beat
    assert np.std(lag_s) < (0.006 if hr_bpm < 150.0 else 0.012)


def test_a_beat_is_known_a_tenth_of_a_second_after_its_fiducial():
    rows = rows_of(pulse(beat_times(40.0), 40.0, 125.0), 125.0)
    delay_s = (rows[:, 2] - rows[:, 0])[rows[:, 3] == 0.0]
    assert np.median(delay_s) < 0.11
    assert delay_s.min() > 0.0
    assert delay_s.max() < 0.16


def test_good_pulses_have_good_quality_and_none_is_withdrawn():
    rows = rows_of(pulse(beat_times(40.0), 40.0, 125.0), 125.0)
    assert not rows[:, 3].any()
    assert rows[rows[:, 0] > 10.0, 1].min() > 0.7


def test_the_dicrotic_wave_is_no_beat_even_where_it_is_strong():
    truth_s = np.cumsum(np.full(60, 0.85))
    time_s = np.arange(50 * 125) / 125.0
    wave = np.zeros_like(time_s)
    for beat_s in truth_s:
        wave += np.exp(-0.5 * ((time_s - beat_s - 0.15) / 0.07) ** 2)
        wave += 0.4 * np.exp(-0.5 * ((time_s - beat_s - 0.50) / 0.07) ** 2)
    beat_s = standing(rows_of(wave, 125.0))[:, 0]
    assert np.abs(np.diff(beat_s[beat_s > 8.0]) - 0.85).max() < 0.02


def test_an_early_weak_beat_and_the_pause_after_it_are_told_as_they_are():
    truth_s = np.cumsum(np.full(50, 0.8))
    truth_s[25] -= 0.25
    weak = pulse(truth_s, 38.0, 125.0, noise=0.0) - 0.7 * (pulse(truth_s[25:26], 38.0, 125.0, noise=0.0) - 350.0)
    beat_s = standing(rows_of(weak, 125.0))[:, 0]
    assert f1(truth_s[8:45], beat_s[(beat_s > truth_s[8]) & (beat_s < truth_s[44] + 0.2)]) == 1.0


def test_a_step_of_the_signal_is_withdrawn_within_half_a_second():
    counts = pulse(beat_times(30.0), 30.0, 125.0)
    held = counts.copy()
    held[2500:] = counts[2499] + 200.0
    rows = rows_of(held, 125.0)
    assert not (standing(rows)[:, 0] > 20.1).any()
    for time_s, _, known_s, _ in rows[rows[:, 3] == 1.0]:
        told = rows[(rows[:, 3] == 0.0) & (rows[:, 0] == time_s)]
        assert told.shape == (1, 4)
        assert 0.0 < known_s - told[0, 2] <= 0.5


def test_a_bump_just_before_the_upstroke_gives_way_to_it():
    truth_s = beat_times(30.0)
    counts = pulse(truth_s, 30.0, 125.0)
    upstroke_s = truth_s[truth_s > 20.0][0]
    age_s = np.arange(counts.size) / 125.0 - upstroke_s
    counts += 45.0 * np.exp(-0.5 * ((age_s + 0.12) / 0.03) ** 2)
    rows = rows_of(counts, 125.0)
    assert (rows[:, 3] == 1.0).sum() == 1
    beat_s = standing(rows)[:, 0]
    assert np.abs(beat_s - upstroke_s - 0.1).min() < 0.05
    assert np.diff(beat_s).min() > 0.6


@pytest.mark.parametrize("polarity", [-1, 0])
def test_an_inverted_pulse_is_turned_round(polarity):
    truth_s = beat_times(60.0)
    upright = standing(rows_of(pulse(truth_s, 60.0, 125.0), 125.0))
    turned = standing(rows_of(1023.0 - pulse(truth_s, 60.0, 125.0), 125.0, polarity))
    after = turned[turned[:, 0] > 15.0, 0]
    np.testing.assert_allclose(after, upright[upright[:, 0] > 15.0, 0], atol=2e-3)


@pytest.mark.parametrize("rate_hz", [25.0, 125.0, 1000.0])
@pytest.mark.parametrize("x", [0.0, 512.0, np.nan, np.inf, 1e300])
def test_of_nothing_no_beat_is_told(rate_hz, x):
    assert rows_of(np.full(round(20 * rate_hz), x), rate_hz).shape == (0, 4)


@pytest.mark.parametrize("rate_hz", [50.0, 125.0, 500.0])
def test_noise_is_no_pulse(rate_hz):
    noise = np.random.default_rng(3).normal(0.0, 30.0, round(40 * rate_hz))
    rows = standing(rows_of(noise, rate_hz, 0))
    assert not (rows[:, 1] >= 0.5).any()
    assert rows.shape[0] < 10  # until it is known for noise


def test_where_quality_is_nothing_no_beat_is_told_and_afterwards_they_are_at_once():
    truth_s = beat_times(40.0)
    good = np.ones(40 * 125)
    good[20 * 125 : 24 * 125] = 0.0
    rows = rows_of(pulse(truth_s, 40.0, 125.0), 125.0, quality=good)
    assert not ((rows[:, 0] > 20.0) & (rows[:, 0] < 24.0)).any()
    back_s = truth_s[truth_s > 24.3][0]
    assert np.abs(rows[:, 0] - back_s - 0.1).min() < 0.08


def test_a_gap_is_not_bridged_and_the_level_outlives_a_short_one():
    counts = pulse(beat_times(40.0), 40.0, 125.0)
    detector, good = PpgDetector(125.0, 1), np.ones(5000)
    detector(counts[:2500], good[:2500], 0.0, 125.0)
    detector.restart(1.0)
    rows = detector(counts[2625:], good[2625:], 21.0, 125.0)
    assert rows[0, 0] > 21.0
    assert rows[0, 0] < 22.5
    assert rows[0, 3] == 0.0


def test_saturated_stretches_and_missing_samples_do_not_end_the_pulse():
    truth_s = beat_times(60.0)
    counts = pulse(truth_s, 60.0, 125.0)
    counts[1250:1500] = 1023.0
    counts[2500:2510] = np.nan
    counts[3000:3001] = np.inf
    beat_s = standing(rows_of(counts, 125.0))[:, 0]
    late = (truth_s > 26.0) & (truth_s < 58.0)
    assert f1(truth_s[late], beat_s[(beat_s > 26.0) & (beat_s < 58.2)]) >= 0.98
    assert not ((beat_s > 10.6) & (beat_s < 12.0)).any()


def test_a_new_sampling_rate_is_taken_up():
    truth_s = beat_times(40.0)
    slow, fast = pulse(truth_s, 40.0, 125.0), pulse(truth_s, 40.0, 250.0)
    detector = PpgDetector(125.0, 1)
    detector(slow[:2500], np.ones(2500), 0.0, 125.0)
    beat_s = standing(detector(fast[5000:], np.ones(5000), 20.0, 250.0))[:, 0]
    late = (truth_s > 21.0) & (truth_s < 38.0)
    assert f1(truth_s[late], beat_s[(beat_s > 21.0) & (beat_s < 38.2)]) >= 0.98


DISTURBED = pulse(beat_times(16.0), 16.0, 125.0)
DISTURBED[900:960] = 1023.0
DISTURBED[1200:1205] = np.nan
UNSURE = np.ones_like(DISTURBED)
UNSURE[1500:1600] = 0.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=8).filter(any))
def test_any_cut_of_a_stream_gives_the_same_rows(sizes):
    whole = rows_of(DISTURBED, 125.0, 0, quality=UNSURE)
    cut = rows_of(DISTURBED, 125.0, 0, tuple(sizes), UNSURE)
    assert whole.shape[0] > 10
    np.testing.assert_allclose(cut, whole, rtol=0.0, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(width=64), max_size=400), st.sampled_from([25.0, 125.0, 1000.0]), st.integers(-1, 1))
def test_whatever_comes_in_rows_are_finite_in_order_and_no_exception(values, rate_hz, polarity):
    rows = rows_of(np.array(values * 3, np.float64), rate_hz, polarity, (50,))
    assert np.isfinite(rows).all()
    assert ((rows[:, 1] >= 0.0) & (rows[:, 1] <= 1.0)).all()
    assert (np.diff(rows[:, 2]) >= 0.0).all()


def test_an_empty_chunk_tells_nothing():
    assert PpgDetector(125.0)(np.empty(0), np.empty(0), 0.0, 125.0).shape == (0, 4)
