"""Rate and variability: right on rhythms whose answer is known, None where it is not."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Beat, BeatLabel, Breath, Features, Withdrawn
from biofeed.signals.hrv import DEFINITIONS, Variability


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


def test_pnn50_is_the_share_of_differences_over_fifty_milliseconds():
    known, _ = told([800.0, 860.0, 900.0, 900.0] * 30)  # of four differences -100 and +60 count
    assert known.pnn50 == pytest.approx(0.5, abs=0.02)
    assert told([800.0, 840.0] * 60)[0].pnn50 == 0.0


def test_lf_hf_follows_the_breath_from_the_upper_band_to_the_lower_one():
    fast, _ = told(swinging(0.25, 150.0))
    slow, _ = told(swinging(0.1, 150.0))
    assert fast.lf_hf < 0.2
    assert slow.lf_hf > 5.0
    short, _ = told(swinging(0.1, 100.0))
    assert short.lf_hf is None
    assert short.why("lf_hf").startswith("needs 110 s")
    dull, _ = told([1500.0, 1520.0] * 60)
    assert dull.lf_hf is None  # at 40/min the upper band cannot be seen


def test_only_normal_intervals_vary_and_a_missed_beat_is_no_slow_heart():
    known, now_s = Variability(), 0.0
    known.beat(Beat(now_s, None, 1.0))
    for k in range(160):
        ibi_ms = 820.0 + 20.0 * (k % 2)
        label = BeatLabel.NORMAL
        if k % 20 == 5:
            ibi_ms, label = 500.0, BeatLabel.EARLY
        elif k % 20 == 6:
            ibi_ms, label = 1150.0, BeatLabel.LATE
        elif k % 30 == 17:
            ibi_ms, label = 1660.0, BeatLabel.MISSED
        now_s += ibi_ms / 1000.0
        known.beat(Beat(now_s, ibi_ms, 1.0, label))
    known.at(now_s)
    assert known.rmssd_ms == pytest.approx(20.0)
    assert known.sdnn_ms == pytest.approx(10.0, abs=0.5)
    assert known.pnn50 == 0.0
    assert known.hr_bpm == pytest.approx(60_000.0 / 830.0, rel=0.02)


def test_a_withdrawn_beat_leaves_the_very_rhythm_that_it_broke():
    def beats(extra: bool) -> Variability:
        known, now_s = Variability(), 0.0
        known.beat(Beat(now_s, None, 1.0))
        for k in range(90):
            ibi_ms = 820.0 + 20.0 * (k % 2)
            if extra and k % 7 == 3:
                known.beat(Beat(now_s + 0.3, 300.0, 0.9))
                known.beat(Beat(now_s + ibi_ms / 1000.0, ibi_ms - 300.0, 1.0))
                known.withdraw(Withdrawn(now_s + 0.3, now_s + 0.6))
            else:
                known.beat(Beat(now_s + ibi_ms / 1000.0, ibi_ms, 1.0))
            now_s += ibi_ms / 1000.0
        known.at(now_s)
        return known

    whole, mended = beats(False), beats(True)
    assert mended.rmssd_ms == pytest.approx(whole.rmssd_ms, abs=1e-6)
    assert mended.hr_bpm == pytest.approx(whole.hr_bpm)
    assert not mended.is_irregular


def test_a_withdrawn_last_beat_takes_its_freshness_along_and_an_unknown_one_nothing():
    known = Variability()
    for k in range(10):
        known.beat(Beat(float(k), 1000.0 if k else None, 1.0))
    known.withdraw(Withdrawn(9.0, 9.4))
    assert known.last_good_s == 8.0
    known.withdraw(Withdrawn(5.5, 9.4))
    known.withdraw(Withdrawn(0.0, 9.4))  # the first one: the interval that began there is none
    known.at(9.4)
    assert known.hr_bpm == pytest.approx(60.0)
    for k in range(9):
        known.withdraw(Withdrawn(float(k), 9.5))
    known.at(9.5)
    assert (known.hr_bpm, known.last_good_s, known.why("hr_bpm")) == (None, None, "no good heart beat yet")


@pytest.mark.parametrize("at", [0.0, 0.25, 0.6, 0.9])
@pytest.mark.parametrize(("rate_per_min", "duty"), [(6.0, 0.5), (6.0, 0.4), (12.0, 0.4)])
def test_breath_heart_phase_is_where_in_the_breath_the_heart_is_fastest(at, rate_per_min, duty):
    length_s = 60.0 / rate_per_min
    known, now_s, end_s = Variability(), 0.0, length_s
    known.beat(Beat(now_s, None, 1.0))
    while now_s < 100.0:
        share = (now_s + 0.4) % length_s / length_s
        phase = 0.5 * share / duty if share < duty else 0.5 + 0.5 * (share - duty) / (1.0 - duty)
        ibi_s = 60.0 / (70.0 + 6.0 * np.cos(2 * np.pi * (phase - at)))
        now_s += ibi_s
        known.beat(Beat(now_s, 1000.0 * ibi_s, 1.0))
        if now_s >= end_s + 0.3:
            known.breath(Breath(end_s - length_s, duty * length_s, (1.0 - duty) * length_s, 1.0))
            end_s += length_s
    known.at(now_s)
    assert known.breath_heart_lock > 0.95
    assert abs((known.breath_heart_phase - at + 0.5) % 1.0 - 0.5) < 0.06


def test_a_heart_that_does_not_follow_the_breath_has_no_phase_in_it():
    random = np.random.default_rng(3)
    known, now_s, end_s, told_phases = Variability(), 0.0, 5.0, 0
    known.beat(Beat(now_s, None, 1.0))
    locks = []
    while now_s < 900.0:
        ibi_s = 0.85 + 0.03 * random.normal()
        now_s += ibi_s
        known.beat(Beat(now_s, 1000.0 * ibi_s, 1.0))
        if now_s >= end_s + 0.3:
            known.breath(Breath(end_s - 5.0, 2.0, 3.0, 1.0))
            end_s += 5.0
            known.at(now_s)
            locks.append(known.breath_heart_lock)
            told_phases += known.breath_heart_phase is not None
    assert locks[:5] == [None] * 5
    assert np.median([lock for lock in locks if lock is not None]) < 0.6
    assert told_phases < 0.15 * len(locks)


def test_every_measure_that_is_none_says_why_and_every_other_one_its_age():
    names = [row.name for row in DEFINITIONS]
    known = Variability()
    known.at(1.0)
    assert {known.why(name) for name in names} == {"no good heart beat yet"}
    known, now_s = told([820.0, 830.0] * 3)
    assert known.why("hr_bpm") == ""
    assert known.why("rmssd_ms") == "needs 30 pairs of adjacent normal intervals over at least 45 s"
    known, now_s = told(swinging(0.1, 150.0))
    known.at(now_s + 2.0)
    assert [name for name in names if known.why(name)] == ["rsa_bpm", "breath_heart_phase"]
    for name in names:
        age_s = known.age_s(name)
        assert (age_s is None) == (getattr(known, name) is None)
        assert age_s is None or 2.0 <= age_s <= 8.5
    known.at(now_s + 9.0)
    assert {known.why(name) for name in names} == {"no good heart beat for 9 s"}
    random = np.random.default_rng(0)
    known, _ = told(np.clip(random.normal(750.0, 190.0, 160), 350.0, 1300.0))
    assert known.why("hr_bpm") == ""
    assert known.why("lf_hf") == "heart-rhythm measures are not available: the rhythm is irregular"


def test_definitions_name_measures_that_the_features_have():
    fields = {item.name for item in dataclasses.fields(Features)}
    assert {row.name for row in DEFINITIONS} <= fields
    for row in DEFINITIONS:
        assert all((row.unit, row.needs, row.definition, row.source, row.limits))
        assert row.delay_s > 0.0
        hash(row)  # frozen


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("hr_bpm", [1000.0, 1000.0], [800.0, 800.0]),
        ("rmssd_ms", [850.0, 870.0], [850.0, 880.0]),
        ("sdnn_ms", [850.0, 870.0], [850.0, 880.0]),
        ("pnn50", [850.0, 860.0], [850.0, 910.0]),
        ("lf_hf", 0.25, 0.1),
        ("coherence", None, 0.1),
    ],
)
def test_half_of_a_sudden_change_shows_after_the_declared_delay(name, before, after):
    random = np.random.default_rng(5)

    def ibi_ms(kind, k: int, now_s: float) -> float:
        if kind is None:
            return float(np.clip(random.normal(850.0, 40.0), 700.0, 1000.0))
        return kind[k % 2] if isinstance(kind, list) else 850.0 + 60.0 * np.sin(2 * np.pi * kind * now_s)

    known, now_s, course = Variability(), 0.0, []
    known.beat(Beat(now_s, None, 1.0))
    for k in range(520):
        beat_ms = ibi_ms(before if now_s < 200.0 else after, k, now_s)
        now_s += beat_ms / 1000.0
        known.beat(Beat(now_s, beat_ms, 1.0))
        known.at(now_s)
        if now_s > 198.0:
            course.append((now_s - 200.0, getattr(known, name)))
    if name == "lf_hf":
        course = [(s, np.log(value)) for s, value in course]
    half = (course[0][1] + course[-1][1]) / 2.0
    half_s = next(s for s, value in course if (value - half) * (course[-1][1] - half) >= 0.0)
    declared_s = next(row.delay_s for row in DEFINITIONS if row.name == name)
    assert half_s == pytest.approx(declared_s, rel=0.25)


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("beat"),
            st.floats(0.05, 4.0),
            st.none() | st.floats(273.0, 2400.0),
            st.floats(0.0, 1.0),
            st.sampled_from(["unknown", "normal", "early", "late", "missed"]),
        ),
        st.tuples(st.just("withdraw"), st.integers(0, 3)),
        st.tuples(st.just("breath"), st.floats(0.0, 8.0), st.floats(0.0, 8.0)),
    ),
    max_size=250,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.booleans())
def test_any_events_give_bounded_measures_or_none_however_often_they_are_read(events, is_steady):
    def course(reads: bool) -> list[float | None]:
        known, now_s, times = Variability(), 0.0, []
        for event in events:
            if event[0] == "beat":
                step_s = 0.8 + 0.02 * event[1] if is_steady else event[1]
                now_s += step_s
                times.append(now_s)
                ibi_ms = 1000.0 * step_s if is_steady else event[2]
                known.beat(Beat(now_s, ibi_ms, 1.0 if is_steady else event[3], event[4]))
            elif event[0] == "withdraw" and event[1] < len(times):
                known.withdraw(Withdrawn(times[-1 - event[1]], now_s))
            elif event[0] == "breath":
                known.breath(Breath(now_s - event[1] - event[2], event[1], event[2], 1.0))
            if reads:
                known.at(now_s + 0.1)
        known.at(now_s + 1.0)
        measures = [getattr(known, row.name) for row in DEFINITIONS]
        for row, value in zip(DEFINITIONS, measures, strict=True):
            assert value is None or (np.isfinite(value) and value >= 0.0)
            assert bool(known.why(row.name)) == (value is None)
            if row.name in ("pnn50", "coherence", "breath_heart_phase") and value is not None:
                assert value <= 1.0
        return measures

    assert course(True) == course(False)


def test_memory_is_fixed_however_fast_beats_come():
    known = Variability()
    for k in range(5000):
        known.beat(Beat(0.01 * k, 10.0 if k else None, 1.0))
        known.breath(Breath(0.01 * k - 0.01, 0.005, 0.005, 1.0))
    known.at(50.0)
    assert len(known._beats) <= 512
    assert len(known._breaths) <= 6
