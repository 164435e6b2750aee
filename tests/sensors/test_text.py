"""Text that boards print: what is accepted, what is refused, every cut, and noise."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed.messages import Fault, Hello, Input, Packet
from biofeed.sensors.text import TextDecoder

FIRST = b"37\r\n"  # the end of a line that began before the port was opened

# As PulseSensor Playground prints them: beats between the samples; a lock after the start values.
VISUALIZER = FIRST + b"S537\r\nS510\r\nB68\r\nQ874\r\nS494\r\nS491\r\nS495\r\nS504\r\nS513\r\n"
PLOTTER = FIRST + b"0,750,530\r\n0,750,505\r\n0,750,493\r\n0,750,492\r\n68,874,595\r\n68,874,640\r\n0,600,511\r\n"
MANY = FIRST + b"".join(b"a%d\r\nb%d\r\nB71\r\nN840\r\n" % (500 + k, 600 + k) for k in range(7))
NAMED = FIRST + b"".join(b"belt:%d.25, Pulse:%d, t:%d\n" % (k, 500 + k, 20 * k) for k in range(7))
CORPUS = VISUALIZER + b"oops\n" + PLOTTER[4:] + MANY[4:] + NAMED[4:]


def decode(*pieces: bytes) -> list[Input]:
    decoder = TextDecoder("sensor0")
    return [event for piece in pieces for event in decoder(piece, 3.0)]


def hellos(events: list[Input]) -> list[Hello]:
    return [event for event in events if isinstance(event, Hello)]


def values(events: list[Input], kind: str) -> list[float]:
    """What the streams of this kind carried, in units."""
    found: list[float] = []
    stream = None
    for event in events:
        if isinstance(event, Hello):
            stream = next((s for s in event.streams if s.kind == kind), None)
        elif isinstance(event, Packet) and stream and event.stream == stream.id:
            found += [count * stream.scale + stream.offset for count in event.counts[:, 0]]
    return found


def plain(events: list[Input]) -> list[str]:
    return [
        repr((e.stream, e.seq, e.ticks, e.counts.tolist(), e.arrival_s)) if isinstance(e, Packet) else repr(e)
        for e in events
    ]


@given(st.lists(st.integers(0, len(CORPUS)), max_size=12).map(sorted))
def test_any_cuts_give_the_same_events(cuts: list[int]) -> None:
    edges = [0, *cuts, len(CORPUS)]
    assert plain(decode(*(CORPUS[a:b] for a, b in itertools.pairwise(edges)))) == plain(decode(CORPUS))


def test_every_single_split_gives_the_same_events() -> None:
    whole = plain(decode(CORPUS))
    assert all(plain(decode(CORPUS[:at], b"", CORPUS[at:])) == whole for at in range(len(CORPUS)))


@pytest.mark.hazard("H-21")
def test_noise_never_raises_and_settles_on_nothing() -> None:
    noise = random.Random(3).randbytes(100_000)
    assert hellos(decode(noise)) == []


@given(st.text(alphabet="0123456789.,:;eE+-naNinfSabB \t\r\nppg", max_size=400))
def test_near_misses_never_raise(text: str) -> None:
    for event in decode(b"\n" + b"ppg:1\n" * 5 + text.encode() + b"\n"):
        assert not isinstance(event, Packet) or event.counts.shape == (1, 1)


def test_pulse_sensor_lines_are_a_pulse_wave_and_its_own_beats_are_left_out() -> None:
    events = decode(VISUALIZER)
    (hello,) = hellos(events)
    assert hello.name == "PulseSensor"
    assert hello.tick_s == 0.02
    assert [(s.kind, s.count_min, s.count_max) for s in hello.streams] == [("ppg", 0, 1023)]
    assert values(events, "ppg") == [537, 510, 494, 491, 495, 504, 513]
    packets = [event for event in events if isinstance(event, Packet)]
    assert [packet.seq for packet in packets] == [packet.ticks for packet in packets] == list(range(7))


def test_the_plotters_three_columns_are_told_from_three_signals() -> None:
    events = decode(PLOTTER)
    assert values(events, "ppg") == [530, 505, 493, 492, 595, 640, 511]
    assert values(events, "bpm")[-3:] == [68, 68, 0]
    assert [s.kind for s in hellos(decode(FIRST + b"512,300,77\n" * 5))[0].streams] == ["ppg", "resp", "value3"]


def test_several_pulse_sensors_come_as_rounds() -> None:
    events = decode(MANY)
    assert [s.kind for s in hellos(events)[0].streams] == ["ppg", "ppg2"]
    assert values(events, "ppg") == [500, 501, 502, 503, 504, 505, 506]
    assert values(events, "ppg2") == [600, 601, 602, 603, 604, 605, 606]


def test_names_are_understood_decimals_are_kept_and_time_is_no_signal() -> None:
    events = decode(NAMED)
    assert [(s.kind, s.scale) for s in hellos(events)[0].streams] == [("resp", 0.001), ("ppg", 1.0)]
    assert values(events, "resp") == pytest.approx([0.25, 1.25, 2.25, 3.25, 4.25, 5.25, 6.25])


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("512", ["ppg"]),
        ("-512.5", ["ppg"]),
        ("512 300", ["ppg", "resp"]),
        ("512\t300", ["ppg", "resp"]),
        ("512, 300,", ["ppg", "resp"]),
        ("1,2,3,4", ["ppg", "resp", "value3", "value4"]),
        ("ecg:1 thorax:2", ["ecg", "resp"]),
        ("IR=123456, BPM=72.35, Avg BPM=71", ["ppg", "bpm", "avg bpm"]),
        ("millis:55,breath0:2,temp:21.5", ["resp", "temp"]),
        ("ppg1:1,ppg2:2", ["ppg", "ppg2"]),
    ],
)
def test_these_lines_are_accepted(line: str, kinds: list[str]) -> None:
    (hello,) = hellos(decode(FIRST + f"{line}\n".encode() * 5))
    assert [stream.kind for stream in hello.streams] == kinds


@pytest.mark.parametrize(
    "line",
    [
        "",
        "!",
        "hello",
        "12:30:45",
        "load:0x3fff",
        "ppg:",
        "ppg:1,2",
        "1,two",
        "ppg:1,ppg:2",
        "B68",
        "\x80512",
        "5_1",
        "²",
    ],
)
def test_these_lines_are_refused(line: str) -> None:
    assert decode(FIRST + f"{line}\n".encode() * 9) == []


def test_four_equal_lines_do_not_settle_it_and_text_between_starts_over() -> None:
    assert decode(FIRST + b"512\n" * 4 + b"boot\n" + b"512\n" * 4) == []


def test_the_first_line_is_thrown_away() -> None:
    assert values(decode(b"9\n" + b"512\n" * 5), "ppg") == [512] * 5


def test_a_line_that_does_not_parse_is_a_fault_and_leaves_a_gap() -> None:
    events = decode(FIRST + b"512\n" * 5 + b"5\xff2\n" + b"513\n")
    fault, last = events[-2:]
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.n_bytes) == ("format", 3)
    assert isinstance(last, Packet)
    assert (last.seq, last.ticks) == (6, 6)


def test_a_value_that_the_device_does_not_know_is_left_out() -> None:
    events = decode(FIRST + b"1 2\n" * 5 + b"nan 3\n" + b"4 ovf\n" + b"5 6\n")
    assert values(events, "ppg") == [1, 1, 1, 1, 1, 4, 5]
    assert values(events, "resp") == [2, 2, 2, 2, 2, 3, 6]
    assert [e.seq for e in events if isinstance(e, Packet) and e.stream == 0] == [0, 1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("huge", [b"99999999999", b"1e99", b"9" * 200 + b"e99", b"1e999"])
def test_a_value_that_no_count_can_hold_is_no_sample(huge: bytes) -> None:
    events = decode(FIRST + b"1.5\n" * 5 + huge + b"\n2\n")
    assert values(events, "ppg") == pytest.approx([1.5] * 5 + [2.0])


def test_an_endless_line_is_held_only_up_to_the_cap() -> None:
    decoder = TextDecoder("sensor0")
    decoder(FIRST + b"1\n" * 5, 0.0)
    for _ in range(100):
        assert decoder(b"1" * 1000, 1.0) == []
    (fault, packet) = decoder(b"\n1\n", 2.0)
    assert isinstance(fault, Fault)
    assert isinstance(packet, Packet)


def test_other_columns_settle_anew_under_another_boot_id_and_nothing_of_them_is_lost() -> None:
    events = decode(FIRST + b"512\n" * 5 + b"512 300\n" * 6)
    first, second = hellos(events)
    assert first.boot_id != second.boot_id
    assert values(events, "resp") == [300] * 6
    assert sum(isinstance(event, Fault) for event in events) == 5


def test_a_decoder_made_afresh_has_another_boot_id() -> None:
    before, after = TextDecoder("sensor0"), TextDecoder("sensor0")
    lines = FIRST + b"512\n" * 5
    (first,), (second,) = hellos(before(lines, 3.0)), hellos(after(lines, 8.5))
    assert first.boot_id != second.boot_id


@pytest.mark.parametrize(
    ("before", "after", "scale", "top"),
    [(b"S512", b"S2048", 1.0, 4095), (b"512", b"512.25", 0.001, 2**31 - 1), (b"S512", b"S9000", 1.0, 2**31 - 1)],
)
def test_a_value_beyond_what_was_declared_widens_the_declaration(
    before: bytes, after: bytes, scale: float, top: int
) -> None:
    events = decode(FIRST + (before + b"\n") * 6 + after + b"\n")
    last = hellos(events)[-1].streams[0]
    assert (last.kind, last.scale, last.count_max) == ("ppg", scale, top)
    assert values(events, "ppg")[-1] == pytest.approx(float(after.lstrip(b"S")))
