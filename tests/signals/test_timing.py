"""Device clocks: fitted under bursts and skew, restarted by boots, never bridging a gap."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_bodies import BELT, PULSE, hello, packets

from biofeed.messages import Flag, Input, LinkChanged, LinkState, Pong, Stream
from biofeed.signals.timing import Timed, Timing


def ramp(seconds: float, stream: Stream = BELT) -> np.ndarray:
    """Counts that say which sample they are."""
    return np.arange(round(seconds * stream.rate_hz)) % 4000.0


def errors_s(told: list[Timed], skew: float, stream: Stream) -> np.ndarray:
    """Start of each chunk against the true time of its first sample; the ramp tells which sample that is."""
    error = []
    for item in told:
        index = item.chunk.values[0, 0] / stream.scale
        error.append(item.chunk.start_s - index / stream.rate_hz * (1.0 + skew))
    return np.array(error)


@pytest.mark.hazard("H-29")
@pytest.mark.parametrize("skew", [0.0, 0.005, -0.005])
@pytest.mark.parametrize("has_ping", [False, True])
def test_the_fit_is_within_two_milliseconds_after_a_minute_of_bursts_and_skew(skew, has_ping):
    inputs: list[Input] = [*packets(BELT, ramp(75.0), 5, skew=skew)]
    if has_ping:
        random = np.random.default_rng(3)
        for second in [0.0, 0.1, 0.2, 0.3, *range(1, 75)]:
            out_s, back_s = 0.002 + random.uniform(0, 0.001), 0.002 + random.uniform(0, 0.016)
            ticks = 5_000_000 + round((second + out_s) / (1.0 + skew) * 1e6)
            inputs.append(Pong("sensor0", float(second), ticks, ticks + 50, second + out_s + back_s))
        inputs.sort(key=lambda item: item.arrival_s)
    timing = Timing()
    told = timing([hello(), *inputs])
    late = errors_s([item for item in told if item.chunk.start_s > 60.0], skew, BELT)
    # without pings the wire's least delay (3 ms) cannot be told from the clock
    assert np.abs(late - (0.0 if has_ping else 0.003)).max() < 0.002
    assert timing.skew("sensor0") == pytest.approx(skew, abs=1e-4)


@pytest.mark.hazard("H-29")
def test_time_stamps_of_a_stream_never_run_backwards_and_chunks_join_without_a_seam():
    told = Timing()([hello(), *packets(BELT, ramp(40.0), 5, skew=0.003)])
    starts = np.array([item.chunk.start_s for item in told])
    ends = np.array([item.chunk.start_s + 5 / item.chunk.rate_hz for item in told])
    assert [item.chunk.is_start for item in told] == [True] + [False] * (len(told) - 1)
    assert np.abs(starts[1:] - ends[:-1]).max() < 1e-9


def test_a_backlog_at_the_start_does_not_shift_time():
    late = [replace(item, arrival_s=max(item.arrival_s, 2.0)) for item in packets(BELT, ramp(20.0), 5)]
    told = Timing()([hello(), *late])
    assert np.abs(errors_s(told, 0.0, BELT)[-50:]).max() < 0.02


def test_a_sample_counter_that_is_not_as_fast_as_it_says_is_found_out():
    stream = Stream(0, "ppg", 50.0)
    true_hz = 49.46  # measured on the PulseSensor visualiser
    told: list[Input] = []
    for index, item in enumerate(packets(stream, np.zeros(3000), 1, skew=50.0 / true_hz - 1.0)):
        told.append(replace(item, ticks=index))
    timing = Timing()
    chunks = timing([hello(tick_s=0.02, streams=(stream,)), *told])
    assert chunks[-1].chunk.rate_hz == pytest.approx(true_hz, rel=2e-3)
    assert chunks[-1].chunk.start_s == pytest.approx(told[-1].arrival_s, abs=0.025)


def test_lost_packets_and_overruns_start_afresh_and_nothing_is_put_in_their_place():
    sent = packets(BELT, ramp(20.0), 5)
    sent[100] = replace(sent[100], flags=Flag.OVERRUN)
    del sent[60:63]
    told = Timing()([hello(), *sent])
    starts = [item for item in told if item.chunk.is_start][1:]
    indexes = [round(item.chunk.values[0, 0] / BELT.scale) for item in starts]
    assert indexes == [63 * 5, 100 * 5]
    assert sum(item.chunk.values.shape[0] for item in told) <= 5 * len(sent)
    assert starts[0].chunk.start_s == pytest.approx(6.3, abs=0.02)


def test_flags_for_a_lost_contact_and_for_rails_set_the_quality_to_zero():
    sent = packets(BELT, ramp(3.0), 5)
    for at, flag in ((20, Flag.LEAD_OFF), (21, Flag.RAIL_LOW), (22, Flag.RAIL_HIGH)):
        sent[at] = replace(sent[at], flags=flag)
    told = Timing()([hello(), *sent])
    bad = [round(item.chunk.values[0, 0] / BELT.scale) // 5 for item in told if item.chunk.quality == 0.0]
    assert bad == [20, 21, 22]


@pytest.mark.hazard("H-29")
@pytest.mark.parametrize("how", ["boot", "link"])
def test_a_restarted_device_gets_a_clock_of_its_own_without_stepping_back_in_time(how):
    first = packets(BELT, ramp(20.0), 5, skew=0.003)
    second = packets(BELT, ramp(20.0), 5, start_s=22.0, boot_ticks=0)
    between: list[Input] = [hello(boot_id=2)]
    if how == "link":
        between = [LinkChanged("sensor0", 21.0, LinkState.OPENING, "opening")]
    told = Timing()([hello(), *first, *between, *second])
    starts = [item.chunk.start_s for item in told]
    assert np.all(np.diff(starts) > 0.0)
    after = [item for item in told if item.chunk.start_s > 21.0]
    assert after[0].chunk.is_start
    assert np.abs(errors_s(after, 0.0, BELT) - 22.0).max() < 0.02


def test_packets_of_an_unknown_device_or_stream_say_nothing():
    timing = Timing()
    assert timing(packets(BELT, ramp(2.0), 5)) == []
    assert timing([hello(streams=(PULSE,)), *packets(BELT, ramp(2.0), 5)]) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
def test_how_ticks_group_the_inputs_changes_nothing(sizes):
    inputs: list[Input] = [hello(), *packets(BELT, ramp(15.0), 5, skew=0.002)]
    whole, parts, cut = Timing()(inputs), [], Timing()
    at = turn = 0
    while at < len(inputs):
        parts += cut(inputs[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    assert [item.chunk.start_s for item in whole] == [item.chunk.start_s for item in parts]
    assert [item.chunk.rate_hz for item in whole] == [item.chunk.rate_hz for item in parts]
