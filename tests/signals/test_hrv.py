"""Rate and variability: right on rhythms whose answer is known, None where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Beat, Breath
from biofeed.signals.hrv import Variability


def told(ibis_ms, quality=1.0, start_s=0.0) -> tuple[Variability, float]:
    """The measures after beats with these intervals, and the time of the last beat."""
    known, now_s = Variability(), start_s
    known.beat(Beat(now_s, None, quality))
    for ibi_ms in ibis_ms:
        now_s += ibi_ms / 1000.0
        known.beat(Beat(now_s, float(ibi_ms), quality))
    known.at(now_s)
    return known, now_s


def swinging(hz: float, seconds: float, depth_ms: float = 60.0) -> list[float]:
    ibis, now_s = [], 0.0
    while now_s < seconds:
        ibis.append(850.0 + depth_ms * np.sin(2 * np.pi * hz * now_s))
        now_s += ibis[-1] / 1000.0
    return ibis


def test_a_rhythm_that_alternates_by_forty_milliseconds_has_just_that_rmssd():
    known, _ = told([800.0, 840.0] * 60)
    assert known.hr_bpm == pytest.approx(60_000.0 / 820.0, rel=0.03)
    assert known.rmssd_ms == pytest.approx(40.0)
    assert known.sdnn_ms == pytest.approx(20.0, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(700.0, 900.0), min_size=100, max_size=140))
def test_rmssd_and_sdnn_are_their_definitions_over_their_windows(ibis_ms):
    known, now_s = told(ibis_ms)
    times = np.cumsum(ibis_ms) / 1000.0
    renewed_s = times[np.abs(times - now_s) < 1.0]  # slow measures are renewed once a second
    options = []
    for end_s in renewed_s:
        inside = times <= end_s
        x, t = np.array(ibis_ms)[inside], times[inside]
        pairs = np.diff(x)[t[1:] > end_s - 60.0]
        options.append(np.sqrt(np.mean(pairs**2)))
    if not known.is_irregular:
        assert min(abs(known.rmssd_ms - option) for option in options) < 1e-6
        assert known.sdnn_ms == pytest.approx(np.std(ibis_ms, ddof=1), rel=0.05)


def test_each_measure_is_none_until_its_window_holds_enough():
    known, _ = told([820.0] * 2)
    assert known.hr_bpm is None
    known, _ = told([820.0, 830.0] * 10)
    assert known.hr_bpm is not None
    assert (known.rmssd_ms, known.sdnn_ms, known.coherence) == (None, None, None)
    known, _ = told([820.0, 830.0] * 32)
    assert known.rmssd_ms is not None
    assert known.coherence is None
    known, _ = told([820.0, 830.0] * 50)
    assert None not in (known.sdnn_ms, known.coherence)


def test_bad_beats_measure_nothing():
    known, _ = told([820.0, 830.0] * 60, quality=0.3)
    assert (known.hr_bpm, known.rmssd_ms, known.sdnn_ms, known.coherence) == (None,) * 4


def test_all_measures_end_when_beats_stay_away():
    known, now_s = told(swinging(0.1, 150.0))
    assert None not in (known.hr_bpm, known.rmssd_ms, known.sdnn_ms, known.coherence)
    known.at(now_s + 5.5)
    assert (known.hr_bpm, known.rmssd_ms, known.sdnn_ms, known.coherence, known.rsa_bpm) == (None,) * 5


def test_an_irregular_rhythm_is_recognised_and_breathing_at_six_a_minute_is_not_one():
    random = np.random.default_rng(0)
    known, _ = told(np.clip(random.normal(750.0, 190.0, 160), 350.0, 1300.0))
    assert known.is_irregular
    assert (known.rmssd_ms, known.sdnn_ms, known.coherence) == (None, None, None)
    assert known.hr_bpm is not None
    assert not told(swinging(0.1, 150.0, 130.0))[0].is_irregular


def test_an_interval_across_a_gap_makes_no_pair():
    known = Variability()
    for begin_s, ibi_s in ((0.0, 0.8), (30.0, 0.9)):
        known.beat(Beat(begin_s, None, 1.0))
        for k in range(1, 34):
            known.beat(Beat(begin_s + k * ibi_s, 1000.0 * ibi_s, 1.0))
    known.at(60.0)
    assert known.rmssd_ms == pytest.approx(0.0, abs=1e-6)


def test_coherence_is_high_for_one_rhythm_low_for_many_and_always_within_bounds():
    one = told(swinging(0.1, 100.0))[0].coherence
    random = np.random.default_rng(2)
    many = told(np.clip(random.normal(850.0, 50.0, 120), 700.0, 1000.0))[0].coherence
    assert 0.8 < one <= 1.0
    assert 0.0 <= many < 0.45
    assert told([850.0] * 120)[0].coherence is None  # no variation: nothing to be coherent


def test_rsa_is_the_swing_of_the_rate_within_the_breath_and_none_with_a_bad_beat_in_it():
    known, now_s = told([1000.0, 900.0, 800.0, 900.0, 1000.0, 1000.0])
    breath = Breath(now_s - 5.0, 2.0, 3.0, 1.0)
    known.breath(breath)
    known.at(now_s)
    assert known.rsa_bpm == pytest.approx(75.0 - 60.0)
    known.beat(Beat(now_s + 1.0, 1000.0, 0.2))
    known.breath(Breath(now_s - 4.0, 2.0, 3.0, 1.0))
    known.at(now_s)
    assert known.rsa_bpm is None
