"""Beats from electrocardiograms: found at every rate and either way up, timed, withdrawn; none where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import beat_times, cardiogram, f1

from biofeed.signals.ecg import EcgDetector


def detected(volt, rate_hz, sizes=None, quality=None, detector=None):
    """Rows of a whole signal, fed in pieces of the given sizes, over and over."""
    detector = detector or EcgDetector(rate_hz)
    quality = np.ones(volt.size) if quality is None else quality
    rows, place, turn = [np.empty((0, 4))], 0, 0
    while place < volt.size:
        size = sizes[turn % len(sizes)] if sizes else volt.size
        piece = slice(place, place + size)
        rows.append(detector(np.ascontiguousarray(volt[piece]), quality[piece], place / rate_hz, rate_hz))
        place, turn = place + size, turn + 1
    return np.concatenate(rows)


def standing(rows):
    """Times of the beats that were not withdrawn."""
    gone = set(rows[rows[:, 3] > 0.0, 0])
    return np.array([row[0] for row in rows if row[3] == 0.0 and row[0] not in gone])


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 1000.0])
@pytest.mark.parametrize("hr_bpm", [40.0, 75.0, 130.0, 190.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_all_beats_are_found_at_every_rate_and_either_way_up(rate_hz, hr_bpm, sign):
    truth_s = beat_times(40.0, hr_bpm)
    seen_s = standing(detected(sign * cardiogram(truth_s, 40.0, rate_hz), rate_hz))
    inside = truth_s[(truth_s > 4.0) & (truth_s < 39.5)]
    assert f1(inside, seen_s[(seen_s > 3.9) & (seen_s < 39.6)]) >= 0.99


@pytest.mark.parametrize("rate_hz", [25.0, 50.0])
def test_a_coarse_ecg_still_gives_the_beats(rate_hz):
    truth_s = beat_times(40.0)
    fine = cardiogram(truth_s, 40.0, 1000.0)
    seen_s = standing(detected(fine[:: int(1000.0 / rate_hz)].copy(), rate_hz))
    inside = truth_s[(truth_s > 4.0) & (truth_s < 39.0)]
    assert f1(inside, seen_s[(seen_s > 3.9) & (seen_s < 39.2)]) >= 0.95


def test_beats_are_timed_finer_than_a_sample_and_told_soon():
    truth_s = beat_times(60.0)
    rows = detected(cardiogram(truth_s, 60.0, 125.0), 125.0)
    beats = rows[(rows[:, 3] == 0.0) & (rows[:, 0] > 5.0)]
    errors_s = np.array([at_s - truth_s[np.argmin(np.abs(truth_s - at_s))] for at_s in beats[:, 0]])
    assert np.std(errors_s) < 0.003
    assert abs(np.median(errors_s)) < 0.02
    assert np.median(beats[:, 2] - beats[:, 0]) < 0.12


def test_an_early_wide_beat_is_told_and_the_t_wave_is_not():
    truth_s = np.delete(np.arange(1.0, 40.0, 0.8), 31)  # the pause after the early beat
    volt = cardiogram(truth_s, 40.0, 250.0, t_height=0.5)
    at_s = truth_s[30] + 0.45
    time_s = np.arange(volt.size) / 250.0
    volt -= 1.3 * np.exp(-0.5 * ((time_s - at_s) / 0.02) ** 2)
    seen_s = standing(detected(volt, 250.0))
    expected = np.sort(np.append(truth_s[truth_s > 4.0], at_s))
    assert f1(expected, seen_s[seen_s > 3.9]) == 1.0


def test_a_tall_p_wave_told_as_a_beat_is_withdrawn_within_half_a_second():
    truth_s = np.arange(1.0, 60.0, 0.9)
    volt = cardiogram(truth_s, 60.0, 250.0)
    time_s = np.arange(volt.size) / 250.0
    for beat_s in truth_s[30:]:
        volt += 0.6 * np.exp(-0.5 * ((time_s - beat_s + 0.24) / 0.012) ** 2)
    rows = detected(volt, 250.0)
    withdrawn = rows[rows[:, 3] == 1.0]
    told = {row[0]: row[2] for row in rows if row[3] == 0.0}
    assert withdrawn.shape[0] > 0
    assert all(row[0] in told and 0.0 <= row[2] - told[row[0]] <= 0.5 for row in withdrawn)
    seen_s = standing(rows)
    assert f1(truth_s[truth_s > 4.0], seen_s[seen_s > 3.9]) > 0.98


def test_nothing_is_told_of_a_flat_line_or_without_contact():
    assert detected(np.zeros(10_000), 250.0).shape[0] == 0
    truth_s = beat_times(40.0)
    volt = cardiogram(truth_s, 40.0, 250.0)
    quality = np.ones(volt.size)
    quality[4000:7000] = 0.0
    seen_s = standing(detected(volt, 250.0, quality=quality))
    assert not np.any((seen_s > 16.0) & (seen_s < 28.0))
    assert np.any(seen_s > 31.0)


def test_the_shapes_outlive_a_gap_and_no_beat_is_told_of_it():
    truth_s = beat_times(40.0)
    volt = cardiogram(truth_s, 40.0, 250.0)
    detector = EcgDetector(250.0)
    detected(volt[:5000], 250.0, detector=detector)
    detector.restart(1.0)
    rows = detector(volt[5250:].copy(), np.ones(volt.size - 5250), 21.0, 250.0)
    seen_s = standing(rows)
    assert seen_s.min() > 21.0
    assert f1(truth_s[(truth_s > 21.6) & (truth_s < 39.5)], seen_s[(seen_s > 21.5) & (seen_s < 39.6)]) == 1.0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8).filter(any), st.integers(0, 9))
def test_any_cut_gives_the_same_rows(sizes, seed):
    rng = np.random.default_rng(seed)
    volt = cardiogram(beat_times(12.0), 12.0, 250.0) + 0.2 * rng.normal(size=3000)
    quality = np.ones(3000)
    quality[1500:1600] = 0.0
    whole, cut = detected(volt, 250.0, None, quality), detected(volt, 250.0, sizes, quality)
    assert cut == pytest.approx(whole, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([25.0, 125.0, 360.0]),
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 1e9, -1e9, 1e-12, 5.0]), min_size=1, max_size=400),
)
def test_wild_samples_never_raise_and_rows_are_in_order(rate_hz, values):
    volt = np.repeat(np.array(values), 5)
    rows = detected(volt, rate_hz, [3, 0, 50])
    assert np.isfinite(rows).all()
    assert np.all(np.diff(rows[:, 2]) >= 0.0)
    assert np.all(rows[:, 0] <= rows[:, 2])
