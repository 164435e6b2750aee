"""The simulated board: firmware that digitises a body with a clock of its own, and a wire on which things go wrong."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Fault, Flag, Hello, Input, Packet, Pong
from biofeed.sensors import bfs, simulated_port
from biofeed.sensors.simulated import Faults, SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort


def heard(device: SimulatedDevice, seconds: float, pings: bool = False) -> list[Input]:
    """All that a host understands that reads 100 times a second."""
    decoder = bfs.BfsDecoder("x")
    events: list[Input] = []
    for step in range(1, int(seconds * 100) + 1):
        time_s = step / 100.0
        if pings and step % 50 == 0:
            device.receive(bfs.ping(time_s), time_s)
        events += decoder(device.advance(time_s), time_s)
    return events


def packets(events: list[Input], stream: int) -> list[Packet]:
    return [event for event in events if isinstance(event, Packet) and event.stream == stream]


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["calm", "noisy", "sensor_off"]), st.lists(st.floats(0.0, 4.0), max_size=10))
def test_the_bytes_do_not_depend_on_how_often_they_are_asked_for(name: str, cuts: list[float]) -> None:
    whole, cut = SimulatedDevice(name, 3), SimulatedDevice(name, 3)
    assert whole.advance(4.0) == b"".join(cut.advance(time_s) for time_s in [*sorted(cuts), 4.0])


def test_it_says_what_it_is_and_then_streams_both_signals_without_a_fault() -> None:
    events = heard(SimulatedDevice("calm", 1), 12.0)
    hello = next(event for event in events if isinstance(event, Hello))
    assert [(stream.kind, stream.rate_hz, stream.polarity) for stream in hello.streams] == [
        ("ppg", 500.0, 0),
        ("resp", 50.0, 1),
    ]
    assert not [event for event in events if isinstance(event, Fault)]
    for stream, n, per_s in ((0, 10, 50), (1, 1, 50)):
        got = packets(events, stream)
        assert 11.4 * per_s < len(got) <= 11.8 * per_s
        assert [packet.seq for packet in got] == list(range(got[0].seq, got[0].seq + len(got)))
        assert {packet.ticks - before.ticks for before, packet in itertools.pairwise(got)} == {20_000}
        assert all(packet.counts.shape == (n, 1) for packet in got)


def test_its_clock_is_as_wrong_as_it_is_told() -> None:
    pongs = [event for event in heard(SimulatedDevice("calm", 1, Faults(skew_ppm=300.0)), 60.0, pings=True)
             if isinstance(event, Pong)]  # fmt: skip
    assert len(pongs) > 100
    slope = np.polyfit([pong.sent_s for pong in pongs], [pong.heard for pong in pongs], 1)[0]
    assert slope / 1e6 - 1.0 == pytest.approx(300e-6, abs=20e-6)
    assert all(0.0 <= pong.arrival_s - pong.sent_s < 0.05 for pong in pongs)


def test_a_restart_is_another_boot_with_a_fresh_hello_and_clock() -> None:
    events = heard(SimulatedDevice("calm", 1, Faults(resets_s=(3.0,))), 6.0)
    hellos = [event for event in events if isinstance(event, Hello)]
    assert len({hello.boot_id for hello in hellos}) == 2
    ticks = [packet.ticks for packet in packets(events, 0)]
    assert min(b - a for a, b in itertools.pairwise(ticks)) < -1_000_000


def test_a_bad_cable_costs_frames_and_invents_none() -> None:
    events = heard(SimulatedDevice("calm", 1, Faults(corrupt_per_byte=0.002, drop_per_frame=0.01)), 20.0)
    clean = heard(SimulatedDevice("calm", 1), 20.0)
    right = {(packet.stream, packet.ticks): packet.counts.tobytes() for packet in packets(clean, 0) + packets(clean, 1)}
    got = packets(events, 0) + packets(events, 1)
    assert len(got) < len(right)
    assert [event for event in events if isinstance(event, Fault)]
    assert all(right[packet.stream, packet.ticks] == packet.counts.tobytes() for packet in got)


def test_a_finger_and_a_belt_that_come_off_are_flagged_at_their_time() -> None:
    events = heard(SimulatedDevice("sensor_off", 1), 65.0)
    for stream, off_s, on_s in ((0, 20.0, 32.0), (1, 45.0, 60.0)):
        flagged = [packet.arrival_s for packet in packets(events, stream) if packet.flags & Flag.LEAD_OFF]
        assert flagged[0] == pytest.approx(off_s, abs=0.1)
        assert flagged[-1] == pytest.approx(on_s, abs=0.1)
        assert len(flagged) == pytest.approx((on_s - off_s) * 50, abs=6)


def test_it_does_as_the_host_says_and_skips_what_it_does_not_know() -> None:
    device, decoder = SimulatedDevice("calm", 1), bfs.BfsDecoder("x")
    decoder(device.advance(1.0), 1.0)
    device.receive(bfs.stop() + b"\x07noise\0" + bfs.encode_frame(b"\xf0what"), 1.0)
    decoder(device.advance(1.1), 1.1)
    assert device.advance(2.0) == b""
    device.receive(bfs.start(0b10), 2.0)
    events = decoder(device.advance(3.0), 3.0)
    assert packets(events, 1)
    assert not packets(events, 0)
    device.receive(bfs.hello_request(), 3.0)
    assert b"simulated calm" in device.advance(3.01)


@contextlib.contextmanager
def plugged(seed: int = 1) -> Iterator[SimulatedPort]:
    began_s = time.monotonic()
    port = SimulatedPort(SimulatedDevice("calm", seed), lambda: time.monotonic() - began_s)
    try:
        yield port
    finally:
        port.close()
        port.close()


def read_hello(url: str) -> Hello:
    decoder, end_s = bfs.BfsDecoder("x"), time.monotonic() + 30.0
    with serial.serial_for_url(url, timeout=0.05) as host:
        host.write(bfs.hello_request())
        while time.monotonic() < end_s:
            for event in decoder(host.read(512), 0.0):
                if isinstance(event, Hello):
                    return event
    raise AssertionError("no HELLO came")


@pytest.mark.parametrize("wire", ["terminal", "socket"])
def test_a_host_reads_it_over_a_real_wire(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if wire == "socket":
        monkeypatch.delattr(simulated_port.os, "openpty", raising=False)
    elif not hasattr(os, "openpty"):
        pytest.skip("there is no pseudo-terminal on this system")
    with plugged() as port:
        assert port.url.startswith("socket://") == (wire == "socket")
        port.start()
        assert read_hello(port.url).name == "simulated calm"
        port.unplug()
        port.replug()
        assert read_hello(port.url).name == "simulated calm"
    assert not [thread for thread in threading.enumerate() if thread.name == "simulated device"]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no pseudo-terminal on this system")
def test_when_nobody_reads_whole_frames_are_dropped_and_nothing_waits() -> None:
    with plugged() as port:
        for step in range(1, 2500):
            port._step(step * 0.02)
        assert port.n_dropped > 4_000
        decoder, events = bfs.BfsDecoder("x"), []
        decoder(SimulatedDevice("calm", 1).advance(1.0), 0.0)  # its twin's HELLO: the next is up to 10 s away
        with serial.serial_for_url(port.url, timeout=0.02) as host:
            for step in range(2500, 2700):
                port._step(step * 0.02)
                events += decoder(host.read(4096), 0.0)
        assert sum(isinstance(event, Fault) for event in events) <= 1  # opening a port throws away what lay in it
        assert [packet for packet in packets(events, 0) if packet.flags & Flag.TX_DROP]
