"""What the heart's signal adds to the belt's: beats that are withdrawn, the breath without a belt, and a comparison."""

from dataclasses import replace

import numpy as np
from signal_bodies import BELT, beat_times, belt, cardiogram, hello, packets

from biofeed.messages import Command, Stream
from biofeed.signals.pipeline import Pipeline

ECG = Stream(2, "ecg", 250.0, count_min=-4096, count_max=4095, scale=0.001)
SECONDS = 110.0


def ecg_counts(breath_per_min, p_height=0.1, from_s=np.inf):
    """A heart whose rate and R waves swing with the breath; P waves grow tall from `from_s` on."""
    beats_s = beat_times(SECONDS, 66.0, 8.0, breath_per_min / 60.0)
    time_s = np.arange(round(SECONDS * 250)) / 250.0
    volt = cardiogram(beats_s, SECONDS, 250.0) * (1.0 + 0.12 * np.sin(2.0 * np.pi * breath_per_min / 60.0 * time_s))
    for beat_s in beats_s[beats_s > from_s]:
        volt += p_height * np.exp(-0.5 * ((time_s - beat_s + 0.24) / 0.012) ** 2)
    return np.round(1000.0 * volt)


def read(counts, belt_counts=None):
    sent = packets(ECG, counts, 5)
    if belt_counts is not None:
        sent = sorted(sent + packets(BELT, belt_counts, 1), key=lambda item: item.arrival_s)
    pipeline, at, readings = Pipeline(), 0, []
    for tick in range(round(SECONDS * 60)):
        time_s = tick / 60.0
        due = [hello(streams=(ECG, replace(BELT)))] if tick == 0 else []
        while at < len(sent) and sent[at].arrival_s <= time_s:
            due.append(sent[at])
            at += 1
        readings.append(pipeline(time_s, due))
    return readings


def test_a_withdrawn_beat_is_said_once_after_it_was_told_and_leaves_no_trace_in_the_measures():
    readings = read(ecg_counts(12.0, p_height=0.7, from_s=40.0))
    told = {beat.time_s for reading in readings for beat in reading.beats}
    gone = [item for reading in readings for item in reading.withdrawn]
    assert gone
    assert len({item.time_s for item in gone}) == len(gone)
    assert all(item.time_s in told and 0.0 < item.at_s - item.time_s < 1.0 for item in gone)
    assert abs(readings[-1].features.hr_bpm - 66.0) < 6.0
    assert readings[-1].features.rmssd_ms < 80.0


def test_without_a_belt_the_breath_s_rate_is_known_from_the_heart_and_kept_apart_from_the_belt_s():
    last = read(ecg_counts(14.0))[-1].features
    assert last.breaths_per_min is None
    assert last.breath_phase is None
    assert abs(last.pulse_breaths_per_min - 14.0) < 1.0
    assert last.pulse_breath.quality >= 0.5


def test_belt_and_pulse_that_agree_leave_the_trust_and_those_that_differ_for_long_lower_it():
    same = read(ecg_counts(12.0), belt(12.0, SECONDS)[2])[-1].features
    other = read(ecg_counts(12.0), belt(20.0, SECONDS)[2])[-1].features
    assert abs(same.pulse_breaths_per_min - same.breaths_per_min) < 1.5
    assert same.breath.quality > 0.75
    assert other.breath.quality <= 0.7


def test_breathe_in_now_reaches_the_belt_and_settles_which_way_is_up():
    seconds = 60.0
    time_s, phase, counts = belt(12.0, seconds)
    upside_down = replace(BELT, polarity=0)
    sent = packets(upside_down, 4095.0 - counts, 1)
    asked_s = time_s[1:][np.diff(phase) < -0.5]
    asked_s = asked_s[asked_s > 12.0][0]
    pipeline, at, off = Pipeline(), 0, []
    for tick in range(round(seconds * 60)):
        now_s = tick / 60.0
        due = [hello(streams=(upside_down,))] if tick == 0 else []
        due += [Command(tick, "inhale")] if 0.0 <= now_s - asked_s < 1.0 / 60.0 else []
        while at < len(sent) and sent[at].arrival_s <= now_s:
            due.append(sent[at])
            at += 1
        told = pipeline(now_s, due).features.breath_phase
        if told is not None and now_s > asked_s + 12.0:
            true = phase[min(np.searchsorted(time_s, now_s + 0.05), phase.size - 1)]
            off.append(abs((told - true + 0.5) % 1.0 - 0.5))
    assert len(off) > 600
    assert np.mean(off) < 0.08
