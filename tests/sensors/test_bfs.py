"""BFS/1: the conformance kit of hardware/vectors.jsonl, every cut, every damaged byte, and noise."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Fault, Hello, Input, Packet, Pong
from biofeed.sensors import bfs
from biofeed.sensors.descriptor import FMT_RANGES

VECTORS = Path(__file__).parents[2] / "hardware" / "vectors.jsonl"
LINES = [json.loads(line) for line in VECTORS.read_text().splitlines()]
DESCRIPTOR = {
    "p": "bfs",
    "v": 1,
    "dev": "Tester",
    "sn": "7",
    "fw": "1.0.0",
    "streams": [
        {"id": 0, "kind": "ppg", "unit": "1", "rate": [500, 1], "n": 10, "fmt": "u10in16", "min": 0, "max": 1023},
        {"id": 1, "kind": "resp", "unit": "N", "rate": 50, "n": 1, "fmt": "i24", "scale": 1e-5, "pol": "+inhale"},
    ],
}


def told(events: list[Input]) -> list[dict[str, Any]]:
    """Events as plain data, as they stand in the kit; arrival is left out, it belongs to the host."""
    plain = []
    for event in events:
        if isinstance(event, Hello):
            streams = [
                [s.id, s.kind, s.rate_hz, s.unit, s.count_min, s.count_max, s.scale, s.offset, s.polarity]
                for s in event.streams
            ]
            names = [event.name, event.serial, event.firmware]
            plain.append({"type": "hello", "boot_id": event.boot_id, "names": names, "streams": streams})
        elif isinstance(event, Packet):
            counts = event.counts.tolist()
            plain.append(
                {"type": "packet", "stream": event.stream, "seq": event.seq, "ticks": event.ticks}
                | {"flags": event.flags, "counts": counts}
            )
        elif isinstance(event, Pong):
            plain.append({"type": "pong", "sent_s": event.sent_s, "heard": event.heard, "replied": event.replied})
        elif isinstance(event, Fault):
            plain.append({"type": "fault", "reason": event.reason, "n_bytes": event.n_bytes})
    return plain


def decoded(pieces: list[bytes], arrival_s: float = 10.0) -> list[dict[str, Any]]:
    decoder = bfs.BfsDecoder("sensor0")
    return told([event for piece in pieces for event in decoder(piece, arrival_s)])


def hello(boot_id: int = 1, descriptor: Any = DESCRIPTOR) -> bytes:
    return b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(boot_id, descriptor))


def data(seq: int, t_us: int, counts: list[int] | None = None) -> bytes:
    samples = np.array([counts or [500 + seq % 100] * 10], np.int32).T
    return bfs.encode_frame(bfs.data_body(0, seq, t_us, 0, samples, "u10in16"))


STREAM = hello() + b"".join(data(k, 20_000 * k) for k in range(5)) + bfs.encode_frame(bfs.pong_body(9_000_000, 5, 6))


@pytest.mark.parametrize("line", [line for line in LINES if "expect" in line], ids=lambda line: line["name"])
def test_every_vector_of_the_kit_decodes_as_it_says_at_every_split(line: dict[str, Any]) -> None:
    raw = bytes.fromhex(line["hex"])
    assert decoded([raw]) == line["expect"]
    assert decoded([bytes([byte]) for byte in raw]) == line["expect"]
    for at in line.get("cut", range(len(raw))):
        assert decoded([raw[:at], b"", raw[at:]]) == line["expect"]


@pytest.mark.parametrize("line", [line for line in LINES if "bodies" in line], ids=lambda line: line["name"])
def test_every_vector_of_the_kit_is_what_the_encoder_makes_of_its_bodies(line: dict[str, Any]) -> None:
    bodies = [bytes.fromhex(body) for body in line["bodies"]]
    raw = bytes.fromhex(line["hex"])
    assert bfs.FrameSplitter()(raw) == bodies
    assert b"".join(bfs.encode_frame(body) for body in bodies) == raw.lstrip(b"\0")


def test_host_commands_are_those_of_the_kit() -> None:
    made = {
        "host: hello?": bfs.hello_request(),
        "host: ping": bfs.ping(4295.0),
        "host: start": bfs.start(0b11),
        "host: stop": bfs.stop(),
    }
    kit = {line["name"]: bytes.fromhex(line["hex"]) for line in LINES if line["name"] in made}
    assert kit == made


def test_the_checksum_is_crc_16_ccitt_false() -> None:
    frame = bfs.encode_frame(b"123456789")
    assert frame == b"\x0c123456789\xb1\x29\x00"  # check value 29B1, low byte first


@given(st.binary(max_size=1200).map(lambda raw: raw.replace(b"\x07", b"\0")))
def test_a_frame_has_no_zero_but_its_last_byte_and_gives_its_body_back(body: bytes) -> None:
    frame = bfs.encode_frame(body)
    assert frame.index(0) == len(frame) - 1
    assert len(frame) <= len(body) + 2 + 2 + (len(body) + 2) // 254
    if body:
        assert bfs.FrameSplitter()(frame) == [body]


@pytest.mark.parametrize("n", [0, 1, 251, 252, 253, 254, 255, 506, 508, 510])
def test_cobs_holds_at_the_edges_of_its_groups(n: int) -> None:
    for body in (b"\x05" * n + b"\1", b"\x05" * n + b"\0", b"\0" + b"\x05" * n, b"\x05" * n + b"\0" + b"\x06" * n):
        assert bfs.FrameSplitter()(bfs.encode_frame(body)) == [body]


@pytest.mark.parametrize("fmt", list(bfs.FMT_DTYPES))
@given(seed=st.integers(0, 2**32), n=st.integers(1, 20), channels=st.integers(1, 3))
@settings(max_examples=20)
def test_samples_of_every_format_come_back_as_they_were_sent(fmt: str, seed: int, n: int, channels: int) -> None:
    low, high = FMT_RANGES[fmt]
    counts = np.random.default_rng(seed).integers(low, high, (n, channels), endpoint=True).astype(np.int32)
    counts[0, 0] = high
    counts[-1, -1] = low
    descriptor = DESCRIPTOR | {"streams": [{"id": 3, "kind": "ecg", "rate": 250, "fmt": fmt, "ch": channels}]}
    frame = bfs.encode_frame(bfs.data_body(3, 1, 2, 16, counts, fmt))
    *_, packet = bfs.BfsDecoder("sensor0")(hello(1, descriptor) + frame, 1.0)
    assert isinstance(packet, Packet)
    assert packet.counts.dtype == np.int32
    assert np.array_equal(packet.counts, counts)
    assert packet.flags == 16
    with pytest.raises(ValueError, match="counts must lie"):
        bfs.data_body(3, 1, 2, 0, np.array([[high + 1]], np.int64), fmt)  # type: ignore[arg-type]


def test_formats_of_the_wire_and_of_the_descriptor_are_the_same() -> None:
    assert bfs.FMT_DTYPES.keys() == FMT_RANGES.keys()


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_any_cuts_give_the_same_events(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    assert decoded([STREAM[a:b] for a, b in itertools.pairwise(edges)]) == decoded([STREAM])


def test_one_damaged_byte_costs_one_frame_and_two_at_a_delimiter() -> None:
    body = b"".join(data(k, 20_000 * k) for k in range(5))
    whole = decoded([hello() + body])
    for at, byte in enumerate(body):
        for damaged in {byte ^ 1, byte ^ 0x80, 0, 255} - {byte}:
            events = decoded([hello() + body[:at] + bytes([damaged]) + body[at + 1 :] + b"\0"])
            good = [event for event in events if event["type"] != "fault"]
            assert all(event in whole for event in good)
            assert len(whole) - len(good) <= (2 if byte == 0 else 1)
            assert len(good) < len(events)  # the loss is told


@pytest.mark.hazard("H-21")
def test_noise_never_raises_and_a_good_frame_after_it_is_heard() -> None:
    noise = random.Random(5)
    decoder = bfs.BfsDecoder("sensor0")
    for _ in range(100):
        decoder(noise.randbytes(1000), 1.0)
    events = decoder(b"\0" + hello() + data(1, 1), 1.0)
    assert [event["type"] for event in told(events)][-2:] == ["hello", "packet"]


@given(st.binary(max_size=40), st.sampled_from(list(bfs.Type)))
@settings(max_examples=300)
def test_a_valid_frame_with_any_body_never_raises(tail: bytes, kind: bfs.Type) -> None:
    decoder = bfs.BfsDecoder("sensor0")
    decoder(hello(), 1.0)
    events = decoder(bfs.encode_frame(bytes([kind]) + tail), 1.0)
    assert all(isinstance(event, Packet | Pong | Fault | Hello) for event in events)


def test_a_stream_without_delimiters_is_held_only_up_to_the_cap_and_told_once() -> None:
    split = bfs.FrameSplitter()
    told_bad = [body for _ in range(100) for body in split(b"\x01" * 1000)]
    assert told_bad == [None]
    assert split(b"\0" + bfs.stop()) == [bytes([bfs.Type.STOP])]


def test_hello_is_told_once_until_something_changes() -> None:
    decoder = bfs.BfsDecoder("sensor0")
    assert len(decoder(hello(), 1.0)) == 1
    assert decoder(hello(), 2.0) == []
    (renamed,) = decoder(hello(1, DESCRIPTOR | {"dev": "Other"}), 3.0)
    (restarted,) = decoder(hello(2, DESCRIPTOR | {"dev": "Other"}), 4.0)
    assert isinstance(renamed, Hello)
    assert isinstance(restarted, Hello)
    assert (renamed.name, renamed.boot_id, restarted.boot_id) == ("Other", 1, 2)


def test_data_before_hello_is_passed_over() -> None:
    assert decoded([data(1, 1)]) == []


def test_clock_and_sequence_are_unwrapped_and_restart_with_the_boot_id() -> None:
    decoder = bfs.BfsDecoder("sensor0")
    decoder(hello(1), 0.0)
    packets = decoder(data(65534, 2**32 - 30_000) + data(65535, 2**32 - 10_000) + data(1, 30_000), 5.0)
    assert [(p["seq"], p["ticks"]) for p in told(packets)] == [
        (65534, 2**32 - 30_000),
        (65535, 2**32 - 10_000),
        (65537, 2**32 + 30_000),
    ]
    again = told(decoder(hello(2) + data(0, 1234), 6.0))
    assert (again[1]["seq"], again[1]["ticks"]) == (0, 1234)


def test_a_silence_of_several_wraps_does_not_lose_count_of_them() -> None:
    decoder = bfs.BfsDecoder("sensor0")
    decoder(hello() + data(0, 1_000_000), 10.0)
    true_us = 1_000_000 + 3 * 2**32 + 77_000_000
    (packet,) = told(decoder(data(9, true_us), 10.0 + (true_us - 1_000_000) * 1.00004 / 1e6))
    assert packet["ticks"] == true_us


@pytest.mark.parametrize("uptime_s", [5, 600, 4000])
def test_a_restart_whose_hello_was_lost_stops_the_data_until_hello_comes(uptime_s: int) -> None:
    decoder = bfs.BfsDecoder("sensor0")
    decoder(hello(1) + data(500, uptime_s * 1_000_000), 100.0)
    (fault,) = told(decoder(data(0, 500_000), 102.0))
    assert "without HELLO" in fault["reason"]
    assert decoder(data(1, 520_000), 102.0) == []
    events = told(decoder(hello(2) + data(2, 540_000), 102.1))
    assert [event["type"] for event in events] == ["hello", "packet"]
    assert events[1]["ticks"] == 540_000


def test_a_pong_replays_from_its_bytes_alone_over_the_wrap_of_its_token() -> None:
    sent_s, arrival_s = 4294.9 + 0.0000005, 4295.001
    (body,) = bfs.FrameSplitter()(bfs.ping(sent_s))
    assert body is not None
    token = int.from_bytes(body[1:5], "little")
    decoder = bfs.BfsDecoder("sensor0")
    decoder(hello(), 0.0)
    (pong,) = decoder(bfs.encode_frame(bfs.pong_body(token, 100, 120)), arrival_s)
    assert isinstance(pong, Pong)
    assert pong.sent_s == pytest.approx(sent_s, abs=1e-6)
    assert (pong.heard, pong.replied, pong.arrival_s) == (100, 120, arrival_s)


def test_a_pong_that_answers_somebody_elses_ping_is_passed_over() -> None:
    assert decoded([hello() + bfs.encode_frame(bfs.pong_body(1_000_000, 1, 2))], 10.0)[1:] == []


def stream(**changes: Any) -> dict[str, Any]:
    first = {key: value for key, value in (DESCRIPTOR["streams"][0] | changes).items() if value is not None}  # type: ignore[index, operator]
    return DESCRIPTOR | {"streams": [first]}


@pytest.mark.parametrize(
    ("descriptor", "words"),
    [
        ([1], "p"),
        (DESCRIPTOR | {"p": "xyz"}, '"p":"bfs"'),
        (DESCRIPTOR | {"streams": []}, "streams"),
        (DESCRIPTOR | {"streams": 5}, "streams"),
        (DESCRIPTOR | {"streams": [7]}, "an object"),
        (DESCRIPTOR | {"streams": [*DESCRIPTOR["streams"], DESCRIPTOR["streams"][0]]}, "same id"),  # type: ignore[misc, index]
        (DESCRIPTOR | {"dev": 5}, "dev must be"),
        (stream(id=256), "id must be"),
        (stream(id=0.5), "whole number"),
        (stream(kind=None), "kind must be a short text, not missing"),
        (stream(kind=""), "kind is empty"),
        (stream(kind="x" * 101), "kind must be"),
        (stream(rate=0), "rate must be above 0"),
        (stream(rate=-1), "rate must be"),
        (stream(rate=10_001), "rate must be"),
        (stream(rate=[500, 0]), "denominator"),
        (stream(rate=[500]), "rate must be"),
        (stream(rate="fast"), "rate must be"),
        (stream(rate=True), "rate must be"),
        (stream(rate=float("nan")), "NaN is not a number"),
        (stream(rate=10**400), "rate must be"),
        (stream(scale=float("inf")), "Infinity is not a number"),
        (stream(scale=0), "scale is 0"),
        (stream(off="x"), "off must be"),
        (stream(fmt="f32"), "fmt 'f32' is unknown; known are u8"),
        (stream(ch=0), "ch must be"),
        (stream(n=0), "n must be"),
        (stream(min=5, max=5), "not below"),
        (stream(max=2**40), "max must be"),
        (stream(pol="inhale"), "pol must begin"),
    ],
)
def test_an_absurd_descriptor_is_a_fault_that_says_why(descriptor: Any, words: str) -> None:
    events = decoded([hello(1, descriptor) + data(0, 0)])
    assert [event["type"] for event in events] == ["fault"]
    assert events[0]["reason"].startswith("format: HELLO: ")
    assert words in events[0]["reason"]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[" * 40_000, b'{"p":"bfs","streams":[{"rate":1e999}]}', b"9" * 5000]
)
def test_hello_that_is_no_json_is_a_fault(text: bytes) -> None:
    pieces = [text[i : i + 200] for i in range(0, len(text), 200)] or [b""]
    frames = [bfs.encode_frame(bytes([1, 1, 9, 0, k, len(pieces)]) + piece) for k, piece in enumerate(pieces)]
    assert [event["type"] for event in decoded(frames)] == ["fault"]


def test_a_lost_page_of_hello_waits_for_the_next_hello() -> None:
    pages = [bfs.encode_frame(body) for body in bfs.hello_bodies(1, DESCRIPTOR)]
    assert len(pages) >= 2
    assert decoded(pages[1:]) == []
    assert [event["type"] for event in decoded(pages[1:] + pages)] == ["hello"]
    assert [event["type"] for event in decoded(pages[:1] + pages)] == ["hello"]


def test_a_fraction_is_a_rate_and_missing_bounds_are_those_of_the_format() -> None:
    (event,) = decoded([hello(1, stream(rate=[125, 7], min=None, max=None, fmt="i16"))])
    assert event["streams"] == [[0, "ppg", 125 / 7, "1", -32768, 32767, 1.0, 0.0, 0]]


def test_a_devices_error_is_a_fault_in_its_words() -> None:
    (fault,) = decoded([bfs.encode_frame(bfs.err_body(4, "belt: no\x1b answer"))])
    assert fault["reason"] == "device: belt: no  answer (4)"
