"""The whole signal path, tick by tick, from packets as a device sends them to Features with trust."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import BELT, PULSE, beat_times, belt, f1, hello, packets, pulse

from biofeed.messages import Beat, Command, Fault, Input, LinkChanged, LinkState, Packet, Reading
from biofeed.signals.pipeline import Pipeline

SKEW = 0.003
SECONDS = 80.0
BEAT_S = beat_times(SECONDS, breath_hz=0.2)
BELT_S, PHASE, BELT_COUNTS = belt(12.0, SECONDS)
PULSE_COUNTS = pulse(BEAT_S, SECONDS)


def sent(counts_ppg=PULSE_COUNTS, counts_belt=BELT_COUNTS) -> list[Packet]:
    both = packets(PULSE, counts_ppg, 10, SKEW) + packets(BELT, counts_belt, 5, SKEW)
    return sorted(both, key=lambda item: item.arrival_s)


def ticks(
    inputs: Iterable[Input], seconds: float, first: tuple[Input, ...] = (hello(),)
) -> Iterator[tuple[float, list[Input]]]:
    """The inputs that have come by each of 60 ticks a second."""
    waiting, at = list(inputs), 0
    for tick in range(round(seconds * 60)):
        time_s = tick / 60.0
        due = list(first) if tick == 0 else []
        while at < len(waiting) and arrival_s(waiting[at]) <= time_s:
            due.append(waiting[at])
            at += 1
        yield time_s, due


def arrival_s(item: Input) -> float:
    if isinstance(item, LinkChanged):
        return item.time_s
    assert isinstance(item, Packet | Fault)
    return item.arrival_s


def played(inputs: Iterable[Input], seconds: float = SECONDS, first: tuple[Input, ...] = (hello(),)) -> list[Reading]:
    pipeline = Pipeline()
    return [pipeline(time_s, due) for time_s, due in ticks(inputs, seconds, first)]


def reasons(readings: list[Reading], part: str) -> list[str]:
    return [getattr(reading.features, part).reason for reading in readings]


@pytest.fixture(scope="module")
def clean() -> list[Reading]:
    return played(sent())


def test_a_clean_body_is_known_in_heart_and_breath(clean):
    beats = np.array([beat.time_s for reading in clean for beat in reading.beats])
    truth_s = BEAT_S[(BEAT_S > 6.0) & (BEAT_S < 78.0)] * (1.0 + SKEW)
    assert f1(truth_s, beats[(beats > 6.0) & (beats < 78.5)]) >= 0.99
    last = clean[-1].features
    assert last.hr_bpm == pytest.approx(68.0, abs=4.0)
    assert last.breaths_per_min == pytest.approx(12.0, abs=1.5)
    assert None not in (last.rmssd_ms, last.sdnn_ms, last.coherence, last.rsa_bpm)
    assert last.rsa_bpm == pytest.approx(6.0, abs=2.5)
    assert (last.heart.reason, last.breath.reason) == ("", "")
    assert min(last.heart.quality, last.breath.quality) > 0.8


def test_onsets_and_state_are_those_of_the_phase_that_is_told(clean):
    told = [(word, at_s, reading) for reading in clean for word, at_s in reading.onsets if at_s > 40.0]
    assert len(told) >= 12
    assert all(reading.features.breath_state == word for word, _, reading in told)
    assert all(abs(at_s - reading.features.time_s - 0.05) < 0.1 for _, at_s, reading in told)
    inhales = np.array([at_s for word, at_s, _ in told if word == "inhale"])
    assert np.abs(np.diff(inhales) - 5.0).max() < 1.5


def test_phase_is_that_of_the_moment_of_display(clean):
    error = []
    for reading in clean:
        known = reading.features
        if known.time_s > 30.0 and known.breath_phase is not None:
            shown_s = (known.time_s + 0.05) / (1.0 + SKEW)
            true = PHASE[min(int(np.searchsorted(BELT_S, shown_s)), PHASE.size - 1)]
            error.append(360.0 * ((known.breath_phase - true + 0.5) % 1.0 - 0.5))
    assert len(error) > 0.98 * 60 * (SECONDS - 30.0)
    assert np.mean(np.abs(error)) <= 15.0


@pytest.mark.hazard("H-17")
def test_every_measure_of_the_heart_comes_with_its_age_or_its_reason():
    pipeline = Pipeline()
    for time_s, due in ticks(sent(), 20.0):
        last = pipeline(time_s, due).features
    measured = pipeline.measured()
    assert measured["hr_bpm"].value == last.hr_bpm
    assert 0.0 <= measured["hr_bpm"].age_s < 2.0
    assert measured["sdnn_ms"].value is None
    assert measured["sdnn_ms"].age_s is None
    assert "needs 45 normal intervals" in measured["sdnn_ms"].reason


@pytest.mark.hazard("H-17")
def test_what_is_not_known_yet_is_none_with_a_reason(clean):
    first = clean[0].features
    assert (first.hr_bpm, first.breath_phase, first.breath_level, first.breaths_per_min) == (None,) * 4
    assert first.heart.reason
    assert Pipeline()(0.0, []).features.heart.reason == "no sensor yet"
    assert "learning your breath" in reasons(clean, "breath")
    for reading in clean:
        known = reading.features
        assert known.hr_bpm is None or known.heart.quality >= 0.5
        assert known.breath_phase is None or known.breath.quality >= 0.5
        for value in (
            known.coherence,
            known.breath_phase,
            known.breath_level,
            known.heart.quality,
            known.breath.quality,
        ):
            assert value is None or 0.0 <= value <= 1.0


def test_a_finger_off_is_said_within_a_second_and_no_beat_comes_after():
    counts = PULSE_COUNTS.copy()
    counts[20_000:30_000] = 500.0
    readings = played(sent(counts), 70.0)
    off_s, on_s = 40.0 * (1.0 + SKEW), 60.0 * (1.0 + SKEW)
    during = [item for item in readings if off_s + 1.05 < item.features.time_s < on_s]
    assert all(item.features.hr_bpm is None and item.features.heart.quality < 0.5 for item in during)
    assert set(reasons(during, "heart")) == {"finger is off"}
    assert not [beat for item in readings for beat in item.beats if off_s + 0.5 < beat.time_s < on_s]
    assert all(item.features.breath_phase is not None for item in during)
    assert readings[-1].features.hr_bpm is not None


def test_a_silent_cable_is_said_and_nothing_is_made_up():
    heard = [item for item in sent() if not 40.0 < item.arrival_s < 50.0]
    readings = played(heard, 75.0)
    during = [item for item in readings if 41.2 < item.features.time_s < 50.0]
    assert all(item.features.hr_bpm is None and item.features.breath_phase is None for item in during)
    assert "no data from sensor0 for 3 s" in reasons(during, "heart")
    assert not [beat for item in readings for beat in item.beats if 40.0 < beat.time_s < 50.0]
    spans = [(b.start_s, b.start_s + b.inhale_s + b.exhale_s) for item in readings for b in item.breaths]
    assert not [span for span in spans if span[0] < 49.9 and span[1] > 40.1]
    assert readings[-1].features.hr_bpm is not None
    assert readings[-1].features.breath_phase is not None


def test_a_broken_cable_speaks_in_the_words_of_the_link():
    lost = LinkChanged("sensor0", 20.0, LinkState.LOST, "the cable of sensor0 was pulled out")
    inputs: list[Input] = [item for item in sent() if item.arrival_s < 20.0]
    readings = played([*inputs, lost], 25.0)
    assert readings[-1].features.heart.reason == "the cable of sensor0 was pulled out"
    assert readings[-1].features.heart.age_s == pytest.approx(5.0, abs=0.3)


def test_a_device_that_starts_again_is_followed_again():
    second = [
        replace(item, arrival_s=item.arrival_s + 31.0, ticks=item.ticks - 5_000_000)
        for item in sent()
        if item.arrival_s < 40.0
    ]
    inputs = [*(item for item in sent() if item.arrival_s < 30.0), *second]
    pipeline, told = Pipeline(), []
    for time_s, due in ticks(inputs, 70.0):
        boot: list[Input] = [hello(boot_id=2)] if 30.5 <= time_s < 30.5 + 1.0 / 60.0 else []
        told.append(pipeline(time_s, [*boot, *due]))
    beats = [beat for item in told for beat in item.beats]
    assert np.all(np.diff([beat.time_s for beat in beats]) > 0.0)
    assert next(beat for beat in beats if beat.time_s > 30.5).ibi_ms is None
    assert told[-1].features.hr_bpm == pytest.approx(68.0, abs=5.0)


def test_a_second_device_speaks_while_the_first_one_is_silent():
    first = [item for item in sent() if item.arrival_s < 20.0]
    second = [replace(item, device="sensor1") for item in sent()]
    both = sorted([*first, *second], key=lambda item: item.arrival_s)
    readings = played(both, 40.0, (hello(), replace(hello(), device="sensor1")))
    assert readings[-1].features.hr_bpm is not None
    assert readings[-1].features.breath_phase is not None
    times = [beat.time_s for item in readings for beat in item.beats]
    assert np.diff(times).min() > 0.5  # no beat is told twice


def test_commands_and_faults_change_nothing(clean):
    pipeline = Pipeline()
    for expected, (time_s, due) in zip(clean[:1200], ticks(sent(), 20.0), strict=True):
        noise = [Command(0, "pause"), *due, Fault("sensor0", time_s, "checksum", 3)]
        assert pipeline(time_s, noise) == expected


def test_a_heart_without_order_keeps_its_beats_and_loses_its_measures():
    ibis_s = np.clip(np.random.default_rng(4).normal(0.75, 0.19, 130), 0.4, 1.3)
    truth_s = 1.0 + np.cumsum(ibis_s)
    readings = played(packets(PULSE, pulse(truth_s, SECONDS), 10, SKEW), 76.0)
    last = readings[-1].features
    assert last.heart.reason == "heart-rhythm measures are not available: the rhythm is irregular"
    assert (last.rmssd_ms, last.sdnn_ms, last.coherence) == (None, None, None)
    beats: list[Beat] = [beat for item in readings for beat in item.beats]
    assert len(beats) > 0.9 * np.sum(truth_s < 76.0) - 6
    assert last.breath.reason == "waiting for the first samples of the breath belt"


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any))
def test_how_packets_fall_on_ticks_changes_no_beat_and_no_breath(sizes):
    inputs: list[Input] = [hello(), *(item for item in sent() if item.arrival_s < 20.0)]

    def told(groups: Iterable[list[Input]]) -> list[object]:
        pipeline = Pipeline()
        readings = [pipeline(21.0, group) for group in groups]
        return [*(b for item in readings for b in item.beats), *(b for item in readings for b in item.breaths)]

    groups, at, turn = [], 0, 0
    while at < len(inputs):
        groups.append(inputs[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    whole = told([inputs])
    assert len(whole) > 20
    assert told(groups) == whole
