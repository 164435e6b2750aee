import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from biofeed.body import FirstMedian, Slow, Swell, swell_height
from biofeed.messages import Beat, Features, Reading, Trust
from biofeed.signals.baseline import Baseline

TICK_S = 1.0 / 60.0
GOOD = Trust(1.0, 0.0, "")


def swells(hr_bpm, seconds=30.0, quality=1.0, heart=GOOD, told_bpm=None):
    """The swell's values for a steady heart."""
    swell, values, next_s = Swell(), [], 1.0
    for tick in range(round(seconds * 60)):
        time_s = tick * TICK_S
        beats = []
        if time_s >= next_s:
            beats.append(Beat(next_s, 60000.0 / hr_bpm, quality))
            next_s += 60.0 / hr_bpm
        values.append(swell(TICK_S, time_s, beats, Features(time_s, hr_bpm=told_bpm or hr_bpm, heart=heart)))
    return values


@pytest.mark.hazard("H-04")
def test_a_swell_takes_at_least_150_ms_to_rise_and_about_600_ms_to_fall():
    values = swells(40.0, 2.4)
    peak = values.index(max(values))
    start = next(i for i, value in enumerate(values) if value > 0.0)
    assert max(values) == pytest.approx(1.0, abs=0.01)
    assert (peak - start) * TICK_S >= 0.15
    assert sum(value > 0.0 for value in values[peak:]) * TICK_S == pytest.approx(0.6, abs=0.04)
    assert max(after - before for before, after in itertools.pairwise(values)) <= 6.0 * TICK_S


@pytest.mark.hazard("H-04")
def test_the_faster_the_heart_the_less_the_pulse_moves_the_world():
    courses = [swells(hr, 90.0)[1800:] for hr in (50, 60, 70, 80, 90, 100, 110, 120, 130, 160, 200)]
    means = [sum(values) / len(values) for values in courses]
    tallest = [max(values) for values in courses]
    assert all(after <= before for before, after in itertools.pairwise(means))
    assert tallest == sorted(tallest, reverse=True)
    assert tallest[-3:] == [0.0, 0.0, 0.0]


@pytest.mark.hazard("H-04", "H-20")
@runs(max_examples=200)
@given(st.floats(30.0, 220.0), st.floats(30.0, 220.0))
def test_swell_height_never_rises_with_the_rate_and_takes_the_faster_of_two_claims(one, other):
    low, high = sorted((one, other))
    assert swell_height(Beat(0.0, 60000.0 / high, 1.0), Features(0.0)) <= swell_height(
        Beat(0.0, 60000.0 / low, 1.0), Features(0.0)
    )
    both = swell_height(Beat(0.0, 60000.0 / low, 1.0), Features(0.0, hr_bpm=high))
    assert both == pytest.approx(swell_height(Beat(0.0, None, 1.0), Features(0.0, hr_bpm=high)))


def test_beats_that_are_not_believed_or_of_no_known_rate_move_nothing():
    assert max(swells(60.0, quality=0.49)) == 0.0
    assert max(swells(60.0, heart=Trust(0.39, 0.0, "noisy"))) == 0.0
    assert max(swells(60.0, heart=Trust(math.nan, 0.0, "noisy"))) == 0.0
    assert swell_height(Beat(0.0, None, 1.0), Features(0.0)) == 0.0
    assert swell_height(Beat(0.0, math.nan, 1.0), Features(0.0, hr_bpm=math.inf)) == 0.0
    late = Swell()
    assert late(TICK_S, 10.0, [Beat(8.0, 1000.0, 1.0)], Features(10.0, heart=GOOD)) == 0.0


@pytest.mark.hazard("H-04")
def test_beats_counted_twice_move_less_not_more():
    assert max(swells(150.0, told_bpm=75.0)) == 0.0
    twice = Swell()
    beats = [Beat(0.0, 1000.0, 1.0), Beat(0.1, 1000.0, 1.0)]
    first = twice(TICK_S, 0.1, beats, Features(0.1, heart=GOOD))
    assert 0.0 <= first <= 6.0 * TICK_S


def slow(seconds, **told):
    """Calm and coherence after two steady minutes and then `seconds` of something else."""
    stage, baseline = Slow(), Baseline()
    before = Features(0.0, hr_bpm=70.0, rsa_bpm=6.0, coherence=0.0, heart=GOOD)
    for tick in range(120 * 60):
        if tick % 60 == 0:
            baseline(Reading(replace(before, time_s=tick * TICK_S)))
        stage(TICK_S, before, baseline, 14.0, 14.0)
    own = told.pop("own", 14.0)
    after = Features(0.0, **({"hr_bpm": 70.0, "rsa_bpm": 6.0, "coherence": 0.0, "heart": GOOD} | told))
    return [stage(TICK_S, after, baseline, own, 14.0) for _ in range(round(seconds * 60))]


@pytest.mark.hazard("H-13")
def test_calm_begins_and_stays_in_the_middle_for_a_body_that_stays_as_it_was():
    assert slow(60.0)[-1] == (pytest.approx(0.5), 0.0)


@pytest.mark.parametrize("told", [{"hr_bpm": 60.0}, {"rsa_bpm": 9.0}, {"own": 8.0}])
def test_slower_heart_slower_breath_and_more_sinus_arrhythmia_are_calmer(told):
    assert slow(120.0, **told)[-1][0] > 0.55


@pytest.mark.hazard("H-20")
@runs(max_examples=10, deadline=None)
@given(st.floats(40.0, 180.0), st.floats(0.0, 60.0), st.floats(4.0, 30.0), st.floats(0.0, 15.0))
def test_arousal_never_raises_calm(hr, more_hr, rate, more_rate):
    calm = slow(20.0, hr_bpm=hr, own=rate)
    aroused = slow(20.0, hr_bpm=hr + more_hr, own=rate + more_rate)
    assert all(b[0] <= a[0] + 1e-12 for a, b in zip(calm, aroused, strict=True))


@pytest.mark.parametrize("told", [{"hr_bpm": 140.0}, {"own": 30.0}, {"rsa_bpm": 0.5}, {"hr_bpm": 90.0, "own": 20.0}])
def test_arousal_takes_calm_to_its_neutral_and_no_further(told):
    assert min(calm for calm, _ in slow(120.0, **told)) == 0.5


def test_calm_that_was_reached_is_given_back_over_minutes():
    stage, baseline = Slow(), Baseline()
    for tick in range(40 * 60):
        if tick % 60 == 0:
            baseline(Reading(Features(tick * TICK_S, hr_bpm=70.0, heart=GOOD)))
    calm = [stage(TICK_S, Features(0.0, hr_bpm=56.0, heart=GOOD), baseline, None, None)[0] for _ in range(20 * 60)]
    assert calm[-1] == pytest.approx(1.0 - 0.5 * math.exp(-1.0), abs=0.002)
    lost = [stage(TICK_S, Features(0.0, hr_bpm=120.0, heart=GOOD), baseline, None, None)[0] for _ in range(120 * 60)]
    assert lost[-1] == pytest.approx(0.5 + (calm[-1] - 0.5) * math.exp(-1.0), abs=0.002)


def test_calm_and_coherence_are_slow():
    values = slow(10.0, hr_bpm=30.0, coherence=1.0, own=2.0)
    for before, after in itertools.pairwise(values):
        assert abs(after[0] - before[0]) <= 0.05 * TICK_S
        assert abs(after[1] - before[1]) <= 0.05 * TICK_S
    assert values[-1][1] < 0.5


def test_what_is_not_known_says_nothing():
    stage = Slow()
    for _ in range(600):
        values = stage(TICK_S, Features(0.0, hr_bpm=math.nan, rsa_bpm=None), Baseline(), None, None)
    assert values == (0.5, 0.0)
    assert slow(60.0, hr_bpm=200.0, own=None, heart=Trust(0.1, 0.0, "noisy"))[-1] == (pytest.approx(0.5, abs=0.01), 0.0)


def test_a_baseline_is_the_median_of_the_first_values_that_are_known():
    baseline = FirstMedian()
    for value in (3.0, None, 1.0, 2.0, 4.0):
        baseline.add(value)
        assert baseline.value is None
    baseline.add(100.0)
    assert baseline.value == 3.0
    baseline.add(2.5)
    assert baseline.value == 2.75
    for _ in range(1000):
        baseline.add(1e6)
    assert baseline.value == 1e6
    baseline.add(0.0)
    assert baseline.value == 1e6
