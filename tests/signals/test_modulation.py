"""Breath without a belt: found in whatever it modulates, not found where nothing is, gone with the finger."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Beat, Chunk, Stream, Withdrawn
from biofeed.signals.cardiac import Beats
from biofeed.signals.modulation import Modulation
from biofeed.signals.quality import Quality

PPG = Stream(0, "ppg", 100.0, count_max=65535, scale=1e-4, offset=-2.0, polarity=1)
ECG = Stream(0, "ecg", 250.0, count_max=65535, scale=1e-4, offset=-2.0)
PULSE = ((1.0, 0.16, 3.2), (0.3, 0.34, 1.8), (0.3, 0.40, 12.0))  # height, time to peak, shape
PQRST = ((0.12, -0.16, 0.025), (-0.1, -0.03, 0.01), (1.0, 0.0, 0.011), (-0.2, 0.03, 0.011), (0.25, 0.25, 0.04))
EACH = [("baseline",), ("amplitude",), ("interval",), ("baseline", "amplitude", "interval")]


def body(stream, rate, seconds, what=EACH[-1], hr_bpm=68.0, noise=0.01, seed=1):
    """Values (n, 1) of a PPG or ECG, beat height 1, modulated by a breath of `rate` per minute."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * stream.rate_hz)) / stream.rate_hz
    grid_s = np.arange(0.0, seconds, 0.002)
    turn = 2.0 * np.pi * rate / 60.0
    hr = hr_bpm + 3.0 * np.sin(turn * grid_s) * ("interval" in what)
    cycles = np.cumsum(hr / 60.0 * 0.002)
    beats_s = np.interp(np.arange(1.0, cycles[-1]), cycles, grid_s)
    values = noise * random.normal(size=time_s.size) + 0.15 * np.sin(turn * time_s) * ("baseline" in what)
    for beat_s in beats_s + 0.003 * random.normal(size=beats_s.size):
        height = 1.0 + 0.1 * np.sin(turn * beat_s) * ("amplitude" in what)
        near = slice(*np.searchsorted(time_s, (beat_s - 0.4, beat_s + 2.0)))
        age = time_s[near] - beat_s
        if stream.kind == "ecg":
            values[near] += height * sum(a * np.exp(-0.5 * ((age - b) / c) ** 2) for a, b, c in PQRST)
        else:
            x = np.maximum(age, 1e-6)
            values[near] += height * sum(a * np.exp(c * (np.log(x / b) + 1.0 - x / b)) for a, b, c in PULSE)
    return values[:, None]


def followed(stream, values, sizes=(10,), stage=None):
    """Rows of (time, breaths_per_min or NaN, quality) after each chunk, and the stage."""
    judge, beats, breath, rows = Quality(stream), Beats(stream), stage or Modulation(stream), []
    at = turn = 0
    while at < len(values):
        part = values[at : at + sizes[turn % len(sizes)]]
        chunk = Chunk(stream.kind, at / stream.rate_hz, stream.rate_hz, part, "1", 1.0, turn == 0)
        quality = judge(chunk)
        breath(chunk, quality, list(beats(chunk, quality)))
        at, turn = at + len(part), turn + 1
        breath.at(at / stream.rate_hz)
        rate = np.nan if breath.breaths_per_min is None else breath.breaths_per_min
        rows.append((at / stream.rate_hz, rate, breath.quality))
    return np.array(rows), breath


@pytest.mark.parametrize("stream", [PPG, ECG], ids=["ppg", "ecg"])
@pytest.mark.parametrize("what", EACH, ids="+".join)
@pytest.mark.parametrize("rate", [4.0, 6.0, 10.0, 15.0, 22.0, 30.0])
def test_the_rate_is_found_in_each_modulation_alone_and_in_all(stream, what, rate):
    rows, breath = followed(stream, body(stream, rate, 90.0, what), sizes=(50,))
    told = rows[np.isfinite(rows[:, 1]), :2]
    assert told.size, breath.reason
    assert np.abs(told[told[:, 0] > 40.0, 1] - rate).max() < 1.0
    if len(what) > 1:
        assert told[0, 0] < 45.0
        assert np.isfinite(rows[rows[:, 0] > 45.0, 1]).all()


@pytest.mark.parametrize("stream", [PPG, ECG], ids=["ppg", "ecg"])
@pytest.mark.parametrize("seed", range(6))
def test_a_pulse_without_breath_is_not_trusted(stream, seed):
    values = body(stream, 10.0, 150.0, (), hr_bpm=55.0 + 6.0 * seed, noise=(0.01, 0.03)[seed % 2], seed=seed)
    rows, breath = followed(stream, values, sizes=(50,))
    assert np.isfinite(rows[:, 1]).mean() < 0.1
    assert np.median(rows[rows[:, 0] > 45.0, 2]) < 0.5
    assert breath.age_s is not None


def test_a_breath_that_changes_is_followed():
    values = np.concatenate([body(PPG, 16.0, 90.0), body(PPG, 7.0, 90.0)])
    rows, _ = followed(PPG, values)
    assert rows[np.searchsorted(rows[:, 0], 80.0), 1] == pytest.approx(16.0, abs=0.7)
    assert rows[-1, 1] == pytest.approx(7.0, abs=0.7)


def test_without_a_finger_nothing_is_told_within_a_second():
    values = body(PPG, 12.0, 70.0)
    values[6000:] = 0.02 + 0.0001 * np.random.default_rng(0).integers(0, 2, (1000, 1))
    rows, breath = followed(PPG, values)
    assert np.isfinite(rows[rows[:, 0] < 59.0, 1][-1])
    assert np.isnan(rows[rows[:, 0] > 61.0, 1]).all()
    assert breath.reason == "finger is off"
    assert breath.quality == 0.0


def test_before_enough_is_known_it_says_so():
    rows, breath = followed(PPG, body(PPG, 12.0, 30.0))
    assert np.isnan(rows[:, 1]).all()
    assert breath.reason == "learning your breath from the pulse"
    assert breath.age_s is None


@pytest.mark.parametrize("gap_s", [0.5, 1.5, 30.0])
def test_a_short_gap_is_waited_out_and_a_long_one_is_learned_after(gap_s):
    values = body(PPG, 12.0, 140.0)
    judge, beats, breath, known = Quality(PPG), Beats(PPG), Modulation(PPG), {}
    for at in range(0, len(values), 10):
        start_s = at / 100.0
        if 60.0 <= start_s < 60.0 + gap_s:
            continue
        chunk = Chunk(
            "ppg",
            start_s,
            100.0,
            values[at : at + 10],
            "1",
            1.0,
            at == 0 or start_s - 0.1 < 60.0 + gap_s <= start_s + 0.001,
        )
        quality = judge(chunk)
        breath(chunk, quality, list(beats(chunk, quality)))
        breath.at(start_s + 0.1)
        known[round(start_s, 1)] = breath.breaths_per_min
    assert known[59.0] == pytest.approx(12.0, abs=1.0)
    assert known[139.0] == pytest.approx(12.0, abs=1.0)
    assert (known[round(66.0 + gap_s, 1)] is None) == (gap_s > 2.0)


def test_a_beat_that_was_withdrawn_measures_nothing():
    values = body(PPG, 12.0, 70.0)
    judge, beats = Quality(PPG), Beats(PPG)
    plain, told_twice = Modulation(PPG), Modulation(PPG)
    for at in range(0, len(values), 10):
        chunk = Chunk("ppg", at / 100.0, 100.0, values[at : at + 10], "1", 1.0, at == 0)
        quality = judge(chunk)
        told = list(beats(chunk, quality))
        plain(chunk, quality, told)
        end_s = at / 100.0 + 0.1
        false = [] if at % 50 else [Beat(end_s - 0.05, None, 1.0), Withdrawn(end_s - 0.05, end_s)]
        told_twice(chunk, quality, sorted([*told, *false], key=lambda item: item.time_s))
    plain.at(70.0)
    told_twice.at(70.0)
    assert plain.breaths_per_min is not None
    assert told_twice.breaths_per_min == plain.breaths_per_min


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=6).filter(any))
def test_any_cut_of_a_stream_gives_the_same_rate(sizes):
    values = body(PPG, 14.0, 50.0)
    _, whole = followed(PPG, values, sizes=(5000,))
    _, cut = followed(PPG, values, sizes=sizes if sum(sizes) > 50 else [*sizes, 200])
    assert whole.breaths_per_min == pytest.approx(14.0, abs=1.0)
    assert cut.breaths_per_min == pytest.approx(whole.breaths_per_min, abs=1e-9)
    assert cut.quality == pytest.approx(whole.quality, abs=1e-9)


@pytest.mark.parametrize("bad", [1e300, np.nan, np.inf])
def test_what_no_sensor_can_measure_leaves_no_trace(bad):
    values = body(PPG, 12.0, 120.0)
    judge, beats, breath = Quality(PPG), Beats(PPG), Modulation(PPG)
    for at in range(0, len(values), 10):
        chunk = Chunk("ppg", at / 100.0, 100.0, values[at : at + 10], "1", 1.0, at == 0)
        quality = judge(chunk)
        told = list(beats(chunk, quality))
        is_bad = 1000 <= at < 1200
        breath(replace(chunk, values=np.full((10, 1), bad)) if is_bad else chunk, quality, told)
    breath.at(120.0)
    assert breath.breaths_per_min == pytest.approx(12.0, abs=0.5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nothing_in_a_signal_raises(seed):
    random = np.random.default_rng(seed)
    values = body(PPG, 12.0, 60.0)
    for bad in (np.nan, np.inf, -np.inf, 1e300, 0.0):
        first = random.integers(0, len(values))
        values[first : first + random.integers(1, 200)] = bad
    breath = Modulation(replace(PPG, polarity=-1))
    at = 0
    while at < len(values):
        n = int(random.integers(0, 300))
        rate_hz = float(random.choice([100.0, 100.0, 100.0, 100.5, 250.0]))
        part = values[at : at + n]
        chunk = Chunk("ppg", at / 100.0, rate_hz, part, "1", 1.0, bool(random.random() < 0.02))
        told = [Beat(float(at / 100.0 + random.normal()), None, 1.0) for _ in range(random.integers(0, 3))]
        breath(chunk, random.choice([0.0, 1.0], size=len(part)), told)
        breath.at(at / 100.0)
        assert breath.breaths_per_min is None or 0.0 < breath.breaths_per_min <= 45.0
        assert 0.0 <= breath.quality <= 1.0
        at += n
