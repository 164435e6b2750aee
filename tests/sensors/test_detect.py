"""AutoDecoder: settles on what proves itself, loses nothing, and does not care how the bytes are cut."""

import itertools
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Fault, Hello, Input, Packet
from biofeed.sensors import bfs
from biofeed.sensors.detect import HELD_BYTES, AutoDecoder

DESCRIPTOR = {"p": "bfs", "dev": "Tester", "streams": [{"id": 0, "kind": "ppg", "rate": 500, "fmt": "u16"}]}
HELLO = b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(1, DESCRIPTOR))
DATA = [bfs.encode_frame(bfs.data_body(0, k, 2000 * k, 0, np.array([[k]], np.int32), "u16")) for k in range(20)]
LINES = [b"S%d\r\n" % (500 + k) for k in range(20)]

BFS = b"boot text\nmore of it\n\0" + HELLO + b"".join(DATA)
TEXT = b"ets 2016\r\n\x80\xff" + b"".join(LINES)


def decode(*pieces: bytes) -> tuple[str, list[str]]:
    decoder = AutoDecoder("sensor0")
    return decoder.name, plain([event for piece in pieces for event in decoder(piece, 3.0)])


def plain(events: list[Input]) -> list[str]:
    return [repr((e.stream, e.seq, e.ticks, e.counts.tolist())) if isinstance(e, Packet) else repr(e) for e in events]


def kinds(events: list[Input]) -> list[type]:
    return [type(event) for event in events]


def test_every_single_split_gives_the_same_events() -> None:
    for raw in (BFS, TEXT, BFS + TEXT, TEXT + BFS):
        whole = decode(raw)
        assert all(decode(raw[:at], b"", raw[at:]) == whole for at in range(len(raw)))
        assert decode(*(bytes([byte]) for byte in raw)) == whole


@given(
    st.integers(0, 2**16),
    st.lists(st.integers(0, 3 * HELD_BYTES), max_size=20).map(sorted),
    st.sampled_from([BFS, TEXT]),
)
@settings(max_examples=20)
def test_any_cuts_give_the_same_events_also_after_more_noise_than_is_held(
    seed: int, cuts: list[int], tail: bytes
) -> None:
    raw = random.Random(seed).randbytes(2 * HELD_BYTES) + b"\0\n" + tail
    edges = [0, *cuts, max(len(raw), *cuts, 0)]
    assert decode(*(raw[a:b] for a, b in itertools.pairwise(edges))) == decode(raw)


def test_bfs_settles_at_hello_and_nothing_after_it_is_lost() -> None:
    decoder = AutoDecoder("sensor0")
    events = decoder(BFS, 1.0)
    assert decoder.name == "bfs"
    assert kinds(events) == [Fault, Hello] + [Packet] * 20


def test_two_frames_settle_bfs_without_hello() -> None:
    decoder = AutoDecoder("sensor0")
    assert decoder(DATA[0], 1.0) == []
    assert decoder.name == ""
    assert decoder(DATA[1], 1.1) == []
    assert decoder.name == "bfs"
    assert kinds(decoder(HELLO + DATA[2], 1.2)) == [Hello, Packet]


def test_five_lines_settle_text_and_none_of_them_is_lost() -> None:
    decoder = AutoDecoder("sensor0")
    events = decoder(TEXT, 1.0)
    assert decoder.name == "text"
    assert [int(event.counts[0, 0]) for event in events if isinstance(event, Packet)] == list(range(501, 520))


def test_what_was_held_keeps_the_time_of_its_own_read() -> None:
    decoder = AutoDecoder("sensor0")
    events = [event for k, line in enumerate(LINES) for event in decoder(line, float(k))]
    packets = [event for event in events if isinstance(event, Packet)]
    assert [packet.arrival_s for packet in packets] == [float(k) for k in range(1, 20)]


def test_noise_settles_on_nothing_and_memory_is_bounded() -> None:
    decoder = AutoDecoder("sensor0")
    noise = random.Random(1)
    for _ in range(100):
        assert decoder(noise.randbytes(1000), 1.0) == []
    assert decoder.name == ""
    assert sum(len(piece) for piece, _ in decoder._held) <= HELD_BYTES


def test_once_settled_it_stays() -> None:
    decoder = AutoDecoder("sensor0")
    decoder(TEXT, 1.0)
    decoder(BFS, 2.0)
    assert decoder.name == "text"


def test_the_echo_of_the_hosts_own_words_settles_nothing() -> None:
    decoder = AutoDecoder("sensor0")
    assert decoder((bfs.hello_request() + bfs.start(255) + bfs.ping(1.0)) * 5, 1.0) == []
    assert decoder.name == ""
