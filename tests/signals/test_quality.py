"""Trust in a signal: what a lost contact, rails, flatness, noise and motion do to it, and how soon."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import BELT, PULSE, beat_times, belt, chunks, pulse

from biofeed.signals.quality import Quality

BEAT_S = beat_times(30.0)
CLEAN = pulse(BEAT_S, 30.0)


def judged(stream, counts, sizes=(10,)):
    judge = Quality(stream)
    told = [judge(chunk) for chunk in chunks(stream, counts, list(sizes))]
    return np.concatenate(told), judge.fault


def test_a_clean_pulse_and_a_clean_belt_are_trusted_within_three_seconds_and_ever_after():
    assert judged(PULSE, CLEAN)[0][1500:].min() > 0.9
    for rate in (3.0, 12.0, 25.0):
        assert judged(BELT, belt(rate, 60.0)[2])[0][150:].min() > 0.9


@pytest.mark.hazard("H-22")
@pytest.mark.parametrize("lost", ["flat", "low rail", "high rail"])
def test_a_finger_that_is_off_is_known_within_one_second(lost):
    counts = CLEAN.copy()
    counts[7500:] = {"flat": 500.0, "low rail": 0.0, "high rail": 1023.0}[lost]
    quality, fault = judged(PULSE, counts)
    assert quality[7400] > 0.9
    assert quality[8000:].max() == 0.0
    assert fault in ("off", "limit")


def test_noise_in_place_of_a_pulse_is_no_pulse_after_two_seconds():
    counts = CLEAN.copy()
    counts[7500:] = np.round(500.0 + np.random.default_rng(1).normal(0.0, 6.0, counts.size - 7500))
    quality, fault = judged(PULSE, counts)
    assert quality[8500:].max() < 0.1
    assert fault in ("off", "noise")


@pytest.mark.hazard("H-22")
@pytest.mark.parametrize("value", [0.0, 4095.0, 1234.0])
def test_a_belt_that_is_off_is_known_within_one_second(value):
    counts = belt(12.0, 60.0)[2]
    counts[2000:] = value
    quality, _ = judged(BELT, counts)
    assert quality[1990] > 0.9
    assert quality[2051:].max() < 0.5


def test_a_pause_in_breathing_is_no_lost_belt():
    counts = belt(12.0, 60.0)[2]
    counts[1500:2000] = counts[1500] + np.random.default_rng(0).integers(-2, 3, 500)
    assert judged(BELT, counts)[0][1500:2000].min() > 0.9


def test_what_the_device_says_of_its_contact_counts_at_once():
    judge = Quality(PULSE)
    for chunk in chunks(PULSE, CLEAN[:5000], [10]):
        good = judge(chunk)
    bad = judge(replace(chunks(PULSE, CLEAN[5000:5010], [10])[0], quality=0.0, is_start=False))
    assert good[-1] > 0.9
    assert bad.max() == 0.0
    assert judge.fault == "off"


def test_strong_noise_on_a_pulse_takes_trust_away():
    assert judged(PULSE, pulse(BEAT_S, 30.0, noise=0.6))[0][2000:].max() < 0.5


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8).filter(any))
def test_any_cut_of_a_stream_gives_the_very_same_quality(sizes):
    counts = CLEAN[:6000].copy()
    counts[3000:3600] = 1023.0
    assert np.array_equal(judged(PULSE, counts, sizes)[0], judged(PULSE, counts)[0])
