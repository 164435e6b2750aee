"""Beats from pulse waves: found, timed, labelled; none where there is no signal."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import PULSE, beat_times, chunks, f1, pulse

from biofeed.messages import Beat, BeatLabel, Stream, Withdrawn
from biofeed.signals.cardiac import Beats
from biofeed.signals.quality import Quality


def found(stream: Stream, counts: np.ndarray, sizes=(10,), start_s=0.0) -> list[Beat]:
    judge, beats, told = Quality(stream), Beats(stream), []
    for chunk in chunks(stream, counts, list(sizes), start_s):
        told += beats(chunk, judge(chunk))
    gone = {event.time_s for event in told if isinstance(event, Withdrawn)}
    return [event for event in told if isinstance(event, Beat) and event.time_s not in gone]


@pytest.mark.parametrize("rate_hz", [50.0, 125.0, 500.0, 1000.0])
@pytest.mark.parametrize("hr_bpm", [45.0, 70.0, 120.0, 160.0])
def test_all_beats_of_a_clean_pulse_with_rsa_are_found_at_every_rate(rate_hz, hr_bpm):
    stream = replace(PULSE, rate_hz=rate_hz)
    truth_s = beat_times(60.0, hr_bpm)
    told = found(stream, pulse(truth_s, 60.0, rate_hz), sizes=(7,))
    seen_s = np.array([beat.time_s for beat in told])
    truth_s = truth_s[(truth_s > 5.0) & (truth_s < 58.0)]
    assert f1(truth_s, seen_s[(seen_s > 5.0) & (seen_s < 58.2)]) >= 0.99


def test_beats_are_timed_finer_than_a_sample():
    truth_s = beat_times(60.0)
    stream = replace(PULSE, rate_hz=100.0)
    seen_s = np.array([beat.time_s for beat in found(stream, pulse(truth_s, 60.0, 100.0, noise=0.003))])
    late_s = np.array([seen_s[np.argmin(np.abs(seen_s - beat_s - 0.08))] - beat_s for beat_s in truth_s[8:-2]])
    assert np.std(late_s) < 0.004
    assert 0.02 < np.median(late_s) < 0.14  # the steepest upstroke of a wave that begins at the beat


def test_intervals_are_those_of_the_heart_and_good_beats_have_good_quality():
    truth_s = beat_times(60.0)
    told = [beat for beat in found(PULSE, pulse(truth_s, 60.0)) if beat.time_s > 6.0]
    ibis_ms = np.array([beat.ibi_ms for beat in told])
    true_ms = 1000.0 * np.interp([beat.time_s - 0.08 for beat in told], truth_s[1:], np.diff(truth_s))
    assert np.abs(ibis_ms - true_ms).mean() < 15.0
    assert min(beat.quality for beat in told) > 0.7


@pytest.mark.hazard("H-17")
def test_a_missed_beat_is_labelled_and_not_repaired():
    truth_s = beat_times(40.0)
    gone = int(np.searchsorted(truth_s, 25.0))
    told = found(PULSE, pulse(np.delete(truth_s, gone), 40.0))
    odd = [beat for beat in told if beat.time_s > 6.0 and beat.ibi_ms is not None and beat.ibi_ms > 1300.0]
    assert len(odd) == 1
    assert odd[0].ibi_ms == pytest.approx(1000.0 * (truth_s[gone + 1] - truth_s[gone - 1]), abs=25.0)
    assert odd[0].label == BeatLabel.MISSED
    assert {beat.label for beat in told if beat.time_s > 6.0} == {BeatLabel.NORMAL, BeatLabel.MISSED}


@pytest.mark.hazard("H-22")
@pytest.mark.parametrize("lost", [0.0, 512.0, 1023.0])
def test_no_beat_is_told_after_the_finger_is_off_for_a_second(lost):
    counts = pulse(beat_times(40.0), 40.0)
    counts[10_000:15_000] = lost
    told = found(PULSE, counts)
    assert not [beat for beat in told if 21.0 < beat.time_s < 30.5]
    after = [beat for beat in told if beat.time_s >= 30.5]
    assert len(after) > 5
    assert after[0].ibi_ms is None


def test_noise_alone_is_no_heart():
    noise = np.round(512.0 + np.random.default_rng(0).normal(0.0, 30.0, 30 * 500))
    assert not [beat for beat in found(PULSE, noise) if beat.quality >= 0.5]


def test_after_a_gap_there_is_no_interval_and_nothing_is_told_of_the_gap():
    counts = pulse(beat_times(40.0), 40.0)
    judge, beats = Quality(PULSE), Beats(PULSE)
    told = []
    for chunk in chunks(PULSE, counts, [10]):
        if not 20.0 <= chunk.start_s < 22.5:
            is_start = chunk.is_start or 22.5 <= chunk.start_s < 22.5 + 0.019
            heard = replace(chunk, is_start=is_start)
            told += [event for event in beats(heard, judge(heard)) if isinstance(event, Beat)]
    assert not [beat for beat in told if 20.0 <= beat.time_s < 22.4]
    assert next(beat for beat in told if beat.time_s > 22.4).ibi_ms is None


def test_an_inverted_pulse_of_unknown_polarity_is_turned_round():
    truth_s = beat_times(60.0)
    upside_down = 1023.0 - pulse(truth_s, 60.0)
    told = found(replace(PULSE, polarity=0), upside_down)
    seen_s = np.array([beat.time_s for beat in told])
    assert f1(truth_s[(truth_s > 15) & (truth_s < 58)], seen_s[(seen_s > 15) & (seen_s < 58.2)]) >= 0.98


def test_a_jerk_of_the_hand_does_not_turn_a_known_pulse_upside_down():
    truth_s = beat_times(60.0)
    counts = pulse(truth_s, 60.0)
    counts[15_000:15_100] -= 340.0  # a fall far steeper than any pulse, then slowly back
    counts[15_100:16_000] -= np.linspace(340.0, 0.0, 900)
    seen_s = np.array([beat.time_s for beat in found(replace(PULSE, polarity=0), counts)])
    late = (truth_s > 35.0) & (truth_s < 58.0)
    assert f1(truth_s[late], seen_s[(seen_s > 35.0) & (seen_s < 58.2)]) >= 0.98


def test_r_waves_of_an_ecg_are_found_where_they_are():
    truth_s = beat_times(60.0)
    time_s = np.arange(60 * 250) / 250.0
    volt = 0.02 * np.random.default_rng(0).normal(size=time_s.size) + 0.2 * np.sin(2 * np.pi * 0.2 * time_s)
    for beat_s in truth_s:
        for at_s, height, width_s in ((0.0, 1.0, 0.011), (0.03, -0.2, 0.01), (0.28, 0.25, 0.04), (-0.16, 0.1, 0.025)):
            volt += height * np.exp(-0.5 * ((time_s - beat_s - at_s) / width_s) ** 2)
    stream = Stream(0, "ecg", 250.0, count_min=-4096, count_max=4096)
    told = [beat.time_s for beat in found(stream, np.round(1000.0 * volt)) if 4.0 < beat.time_s < 59.0]
    errors = [np.abs(truth_s - beat_s).min() for beat_s in told]
    assert len(told) == np.sum((truth_s > 4.0) & (truth_s < 59.0))
    assert max(errors) < 0.03


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=8).filter(any))
def test_any_cut_of_a_stream_gives_the_same_beats(sizes):
    counts = pulse(beat_times(16.0), 16.0)
    counts[4000:4300] = 1023.0
    whole, cut = found(PULSE, counts), found(PULSE, counts, sizes)
    assert [beat.time_s for beat in cut] == pytest.approx([beat.time_s for beat in whole], abs=1e-9)
    assert [beat.quality for beat in cut] == pytest.approx([beat.quality for beat in whole], abs=1e-9)
    assert [beat.ibi_ms is None for beat in cut] == [beat.ibi_ms is None for beat in whole]
