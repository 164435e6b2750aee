"""The breath: its phase without error, its level, its breaths; nothing where nothing moves."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_belts import KINDS, breathed
from signal_bodies import BELT, belt, chunks

from biofeed.errors import SettingError
from biofeed.messages import Breath, Stream
from biofeed.sensors import people
from biofeed.sensors.person import Body
from biofeed.signals.quality import Quality
from biofeed.signals.respiration import Respiration, Settings

PREDICT_S = 0.05


def followed(counts, stream: Stream = BELT, sizes=(5,)) -> tuple[np.ndarray, list[Breath], Respiration]:
    """Rows of (time the phase is for, phase, level, breaths_per_min, quality), NaN for None; breaths; the stage."""
    judge, breath, rows, told = Quality(stream), Respiration(stream, Settings(PREDICT_S)), [], []
    for chunk in chunks(stream, counts, list(sizes)):
        told += breath(chunk, judge(chunk))
        now_s = chunk.start_s + chunk.values.shape[0] / chunk.rate_hz + 0.01
        breath.at(now_s)
        known = (breath.phase, breath.level, breath.breaths_per_min)
        rows.append([now_s + PREDICT_S, *(np.nan if value is None else value for value in known), breath.quality])
    return np.array(rows), told, breath


def off_degrees(rows, time_s, phase):
    """Signed phase error of every row, by the truth at the moment it is for."""
    true = phase[np.clip(np.searchsorted(time_s, rows[:, 0]), 0, phase.size - 1)]
    return 360.0 * ((rows[:, 1] - true + 0.5) % 1.0 - 0.5)


@pytest.mark.parametrize("rate", [3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0, 25.0])
def test_phase_at_the_moment_of_display_is_within_eight_degrees_on_average_at_every_rate(rate):
    settled_s = 4 * 60.0 / rate
    error = []
    for seed in (1, 2, 3):
        time_s, phase, counts = belt(rate, max(90.0, 15 * 60.0 / rate), seed)
        rows, _, _ = followed(counts)
        error.append(off_degrees(rows, time_s, phase)[rows[:, 0] > settled_s])
    assert np.isfinite(np.concatenate(error)).mean() > 0.98
    assert np.nanmean(np.abs(np.concatenate(error))) <= 8.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [3.0, 6.0, 12.0, 25.0])
def test_every_kind_of_sensor_is_followed_within_fifteen_degrees(kind, rate):
    taken = breathed(kind, rate, max(90.0, 15 * 60.0 / rate))
    rows, _, _ = followed(taken.counts, taken.stream)
    error = off_degrees(rows, taken.time_s, taken.phase)[rows[:, 0] > 5 * 60.0 / rate]
    assert np.isfinite(error).mean() > 0.95
    assert np.nanmean(np.abs(error)) <= 15.0


@pytest.mark.parametrize("name", ["calm", "irregular", "sleepy", "unwilling"])
def test_a_simulated_person_is_followed(name):
    body = Body(people.person(name), seed=3)
    counts = np.clip(np.rint(body.advance(150.0).belt * 163.8), 0, 4095)
    truth = body.truth
    rows, _, _ = followed(counts, replace(BELT, scale=1.0 / 163.8))
    error = off_degrees(rows, truth.time_s, truth.phase)[rows[:, 0] > 25.0]
    assert np.isfinite(error).mean() > 0.9
    assert np.nanmean(np.abs(error)) <= 15.0


@pytest.mark.parametrize("rate", [4.0, 6.0, 12.0, 20.0])
def test_rate_breaths_and_level_are_those_of_the_body(rate):
    seconds = 14 * 60.0 / rate
    time_s, phase, counts = belt(rate, seconds)
    rows, told, _ = followed(counts)
    onsets_s = time_s[1:][np.diff(phase) < -0.5]
    late = [np.abs(onsets_s - breath.start_s).min() * rate / 60.0 for breath in told[1:]]
    assert len(told) >= 10
    assert np.mean(late) < 0.06  # of a breath
    assert rows[-1, 3] == pytest.approx(rate, rel=0.15)
    volume = np.interp(rows[:, 0], time_s, counts)
    good = (rows[:, 0] > 5 * 60.0 / rate) & (rows[:, 0] < time_s[-1])
    assert np.corrcoef(rows[good, 2], volume[good])[0, 1] > 0.9
    assert rows[good, 2].min() >= 0.0
    assert rows[good, 2].max() <= 1.0
    assert all(0.0 <= breath.depth <= 1.0 and breath.inhale_s > 0.0 and breath.exhale_s > 0.0 for breath in told)


def test_phase_never_runs_backwards():
    rows, _, _ = followed(belt(10.0, 90.0, spread=0.2)[2], sizes=(1, 7, 2))
    step = np.diff(rows[rows[:, 4] >= 0.5, 1]) % 1.0
    assert step.size > 1000
    assert step.max() < 0.15  # a step back would be near 1


def test_a_held_breath_freezes_the_phase_and_takes_the_trust():
    counts = belt(12.0, 90.0)[2]
    hold = slice(60 * 50, 85 * 50)
    counts[hold] = counts[hold.start] + np.random.default_rng(0).integers(-3, 4, 25 * 50)
    rows, told, breath = followed(counts[: hold.stop])
    assert breath.phase is None
    assert breath.level is None
    assert breath.breaths_per_min is None
    assert breath.reason == "no breath movement is seen"
    assert not [item for item in told if item.start_s > 61.0]
    held = rows[(rows[:, 0] > 64.0) & np.isfinite(rows[:, 1]), 1]
    assert held.size == 0 or np.ptp(np.unwrap(2 * np.pi * held)) < np.pi


def test_a_slip_of_the_belt_is_no_breath():
    time_s, phase, counts = belt(12.0, 90.0)
    slipped = counts.copy()
    slipped[45 * 50 :] -= 900.0  # 1.8 breaths deep, at once
    plain, told = followed(counts)[1:2][0], followed(slipped)[1]
    assert abs(len(told) - len(plain)) <= 2
    around = [item for item in told if item.start_s < 45.0 < item.start_s + item.inhale_s + item.exhale_s]
    assert not around
    rows = followed(slipped)[0]
    after = np.abs(off_degrees(rows, time_s, phase))[rows[:, 0] > 60.0]
    assert np.nanmean(after) < 20.0


def test_nothing_is_told_of_noise():
    noise = 2000.0 + np.random.default_rng(0).integers(-2, 3, 60 * 50).astype(float)
    rows, told, breath = followed(noise)
    assert told == []
    assert np.isnan(rows[:, 3]).all()
    assert breath.quality < 0.5


def test_a_gap_is_no_breath_and_a_long_one_is_learned_after():
    counts = belt(12.0, 90.0)[2]
    judge, breath, told, quality = Quality(BELT), Respiration(BELT), [], {}
    for chunk in chunks(BELT, counts, [5]):
        if not 40.0 <= chunk.start_s < 48.0:
            heard = replace(chunk, is_start=chunk.is_start or abs(chunk.start_s - 48.0) < 0.01)
            told += breath(heard, judge(heard))
            breath.at(chunk.start_s + 0.1)
            quality[round(chunk.start_s, 1)] = breath.quality
    assert not [item for item in told if item.start_s + item.inhale_s + item.exhale_s > 40.1 and item.start_s < 48.0]
    assert quality[39.0] > 0.9
    assert quality[48.5] < 0.5
    assert quality[80.0] > 0.9


def test_a_belt_of_unknown_polarity_is_turned_by_the_shape_of_the_breath():
    time_s, phase, counts = belt(12.0, 120.0)
    rows, _, _ = followed(4095.0 - counts, replace(BELT, polarity=0))
    error = np.abs(off_degrees(rows, time_s, phase))[rows[:, 0] > 70.0]
    assert np.nanmean(error) < 20.0
    known = followed(4095.0 - counts, replace(BELT, polarity=-1))[0]
    assert np.nanmean(np.abs(off_degrees(known, time_s, phase))[known[:, 0] > 30.0]) < 15.0


def test_an_unknown_belt_that_rises_is_not_turned():
    time_s, phase, counts = belt(12.0, 120.0)
    rows, _, _ = followed(counts, replace(BELT, polarity=0))
    assert np.nanmean(np.abs(off_degrees(rows, time_s, phase))[rows[:, 0] > 30.0]) < 15.0


def test_breathing_in_when_asked_settles_the_polarity():
    time_s, phase, counts = belt(6.0, 90.0)
    onset_s = time_s[1:][np.diff(phase) < -0.5][0]
    stream = replace(BELT, polarity=0)
    judge, breath = Quality(stream), Respiration(stream, Settings(PREDICT_S))
    rows = []
    for chunk in chunks(stream, 4095.0 - counts, [5]):
        if abs(chunk.start_s - onset_s) < 0.05:
            breath.told_inhale(chunk.start_s)
        breath(chunk, judge(chunk))
        breath.at(chunk.start_s + 0.11)
        rows.append([chunk.start_s + 0.11 + PREDICT_S, np.nan if breath.phase is None else breath.phase])
    error = off_degrees(np.array(rows), time_s, phase)
    first = int(np.flatnonzero(np.isfinite(error))[0])
    assert rows[first][0] < onset_s + 30.0  # sooner than the shape could say it
    assert np.nanmean(np.abs(error)) < 15.0


def test_onsets_are_told_when_the_breath_turns():
    time_s, phase, counts = belt(12.0, 120.0)
    judge, breath, told, known_s = Quality(BELT), Respiration(BELT, Settings(PREDICT_S)), [], []
    for chunk in chunks(BELT, counts, [1]):
        breath(chunk, judge(chunk))
        breath.at(chunk.start_s + 0.03)
        told += breath.onsets
        known_s += [chunk.start_s + 0.03] * len(breath.onsets)
        for word, _ in breath.onsets:
            assert breath.state == word
    words = [word for word, _ in told]
    assert all(a != b for a, b in pairwise(words))
    places = phase[:-1], phase[1:]
    true = {
        "inhale": time_s[1:][places[1] - places[0] < -0.5],
        "exhale": time_s[1:][(places[0] < 0.5) & (places[1] >= 0.5)],
    }
    for kind in ("inhale", "exhale"):
        times_s = np.array([at_s for word, at_s in told if word == kind])
        late_s = [times_s[np.abs(times_s - at_s).argmin()] - at_s for at_s in true[kind] if 25.0 < at_s < 118.0]
        assert np.median(np.abs(late_s)) < 0.12
    assert max(np.array(known_s) - [at_s for _, at_s in told]) < 0.1


def test_the_mean_rate_is_that_of_the_last_half_minute():
    time_s, phase, counts = belt(18.0, 100.0)
    breath = followed(counts)[2]
    tops = time_s[1:][(phase[:-1] < 0.5) & (phase[1:] >= 0.5)]
    recent = tops[tops > 65.0]
    assert breath.mean_breaths_per_min == pytest.approx(60.0 * (recent.size - 1) / (recent[-1] - recent[0]), abs=0.6)


def test_a_sigh_is_told_and_a_rest_is_a_pause():
    time_s, phase, counts = belt(12.0, 120.0)
    onsets = np.flatnonzero(np.diff(phase) < -0.5) + 1
    first, last = onsets[12], onsets[13]
    base = counts[first]
    counts[first:last] = base + 2.6 * (counts[first:last] - base)
    judge, breath, sighs, states = Quality(BELT), Respiration(BELT, Settings(PREDICT_S)), [], {}
    end_s = time_s[onsets[18]] - 0.3
    counts[onsets[18] - 15 :] = counts[onsets[18] - 15] + np.random.default_rng(0).integers(
        -3, 4, counts.size - onsets[18] + 15
    )
    for chunk in chunks(BELT, counts, [5]):
        sighs += [item.start_s for item in breath(chunk, judge(chunk)) if item.is_sigh]
        breath.at(chunk.start_s + 0.11)
        states[round(chunk.start_s, 1)] = breath.state
    assert len(sighs) == 1
    assert sighs[0] == pytest.approx(time_s[first], abs=0.7)
    assert "pause" in {state for at_s, state in states.items() if end_s + 2.0 < at_s < end_s + 6.0}
    assert states[round(end_s + 12.0, 1)] == "unknown"


@pytest.mark.parametrize("what", ["constant", "nan", "inf", "limit", "steps"])
def test_what_is_no_breath_tells_no_breath(what):
    counts = belt(12.0, 60.0)[2]
    if what == "constant":
        counts[:] = 2000.0
    elif what == "nan":
        counts[:] = np.nan
    elif what == "inf":
        counts[::7], counts[3::7] = np.inf, -np.inf
        counts[np.isfinite(counts)] = 2000.0
    elif what == "limit":
        counts[:] = 4095.0
    else:
        counts[:] = np.where(np.arange(counts.size) < 1500, 1000.0, 3000.0)
    rows, told, breath = followed(counts, sizes=(5, 0, 1))
    assert told == []
    assert np.isnan(rows[:, 1]).all()
    assert breath.onsets == []
    assert breath.state == "unknown"


def test_a_hole_of_nan_is_no_breath_and_is_learned_after():
    time_s, phase, counts = belt(12.0, 120.0)
    counts[40 * 50 : 46 * 50] = np.nan
    rows, told, _ = followed(counts)
    assert not [b for b in told if b.start_s < 45.9 and b.start_s + b.inhale_s + b.exhale_s > 40.1]
    assert np.isnan(rows[(rows[:, 0] > 41.5) & (rows[:, 0] < 46.0), 1]).all()
    assert np.nanmean(np.abs(off_degrees(rows, time_s, phase))[rows[:, 0] > 75.0]) < 15.0


def test_how_far_it_predicts_has_bounds():
    with pytest.raises(SettingError, match="predict_s"):
        Settings(0.5)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=8).filter(any))
def test_any_cut_of_a_stream_gives_the_same_breaths_and_the_same_phase(sizes):
    counts = belt(15.0, 40.0)[2]
    counts[1000:] += 800.0
    (rows, whole, last), (_, cut, other) = followed(counts), followed(counts, sizes=sizes)
    assert len(whole) > 4
    for a, b in zip(whole, cut, strict=True):
        assert (b.start_s, b.inhale_s, b.exhale_s, b.depth) == pytest.approx(
            (a.start_s, a.inhale_s, a.exhale_s, a.depth), abs=1e-9
        )
    assert other.quality == pytest.approx(last.quality, abs=1e-9)
    assert other.mean_breaths_per_min == pytest.approx(last.mean_breaths_per_min, abs=1e-9)
    assert np.isfinite(rows[-1, 1])
