"""The port's owner, driven step by step with a scripted port and a clock by hand."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import serial

from biofeed.errors import SettingError
from biofeed.messages import LinkChanged, LinkState, Received
from biofeed.sensors import bfs
from biofeed.sensors.port_names import PortInfo
from biofeed.sensors.serial_port import LINES, Line, SerialPort, Settings

DESCRIPTOR = {"p": "bfs", "dev": "Tester", "streams": [{"id": 0, "kind": "ppg", "rate": 500, "fmt": "u16"}]}
HELLO = b"\0" + b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(1, DESCRIPTOR))
DEFAULTS = Settings()


def data(seq: int) -> bytes:
    return bfs.encode_frame(bfs.data_body(0, seq, 20_000 * seq, 0, np.array([[seq]], np.int32), "u16"))


class Wire:
    """A port by script: what is read, what was written, and what goes wrong."""

    def __init__(self, world: "World", line: Line) -> None:
        self.world = world
        self.baudrate, self.parity = line
        self.inbox: list[bytes] = []
        self.written: list[bytes] = []
        self.error: Exception | None = None
        self.write_error: Exception | None = None
        self.is_closed = False

    @property
    def in_waiting(self) -> int:
        if self.error:
            raise self.error
        return len(self.inbox[0]) if self.inbox else 0

    def read(self, size: int) -> bytes:
        if not self.inbox:
            self.world.now_s += 0.02
            return b""
        piece = self.inbox.pop(0)
        assert len(piece) == size
        return piece

    def write(self, data: bytes) -> int:
        if self.write_error:
            raise self.write_error
        self.written.append(data)
        return len(data)

    def close(self) -> None:
        self.is_closed = True
        if self.error:
            raise self.error


class World:
    """One SerialPort in a world where time passes by reading or waiting."""

    def __init__(self, url: str = "loop://bench", settings: Settings = DEFAULTS) -> None:
        self.now_s = 0.0
        self.told: list[Received | LinkChanged] = []
        self.opened: list[tuple[str, Line, bool]] = []
        self.wires: list[Wire] = []
        self.open_errors: list[Exception] = []
        self.ports: list[PortInfo] = []
        self.waits: list[float] = []
        self.port = SerialPort(
            url, "sensor0", lambda: self.now_s, self.told.append, settings, open_url=self.open, ports=lambda: self.ports
        )

    def open(self, url: str, line: Line, dtr: bool) -> Wire:
        self.opened.append((url, line, dtr))
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.wires.append(Wire(self, line))
        return self.wires[-1]

    def step(self) -> None:
        wait_s = self.port.step()
        self.waits.append(wait_s)
        self.now_s += wait_s

    def run(self, seconds: float, send: Callable[[int], bytes] = lambda _: b"") -> None:
        """Lets time pass; `send(k)` comes every 20 ms."""
        end_s = self.now_s + seconds
        k = 0
        while self.now_s < end_s:
            piece = send(k)
            k += 1
            if piece and self.wires and not self.wires[-1].is_closed:
                self.wires[-1].inbox.append(piece)
                self.step()
                self.now_s += 0.02
            else:
                self.step()

    @property
    def wire(self) -> Wire:
        return self.wires[-1]

    def states(self) -> list[LinkState]:
        return [message.state for message in self.told if isinstance(message, LinkChanged)]

    def received(self) -> bytes:
        return b"".join(message.data for message in self.told if isinstance(message, Received))


def frames(written: list[bytes]) -> list[bytes]:
    return [body for body in bfs.FrameSplitter()(b"".join(written)) if body]


def test_bfs_streams_and_every_byte_goes_out_with_the_time_of_its_read() -> None:
    world = World()
    world.step()
    world.now_s = 1.5
    world.wire.inbox = [HELLO, data(1)]
    world.step()
    world.now_s = 2.5
    world.step()
    assert world.states() == [LinkState.OPENING, LinkState.WAIT_BOOT, LinkState.STREAMING]
    received = [message for message in world.told if isinstance(message, Received)]
    assert [(message.arrival_s, message.data) for message in received] == [(1.5, HELLO), (2.5, data(1))]
    assert world.port.detail == "receiving BFS/1 from loop://bench at 115200 baud"


def test_pings_go_out_five_times_in_the_first_second_then_once_a_second() -> None:
    world = World()
    world.run(5.0, lambda k: data(k) if k else HELLO)
    tokens = [int.from_bytes(body[1:5], "little") for body in frames(world.wire.written) if body[0] == bfs.Type.PING]
    assert sum(token < 1_000_000 for token in tokens) == 5
    assert 4 <= sum(token >= 1_000_000 for token in tokens) <= 5


def test_frames_without_hello_make_it_ask_at_once_and_hello_ends_the_asking() -> None:
    world = World()
    world.run(0.1, data)
    assert bytes([bfs.Type.HELLO_REQUEST]) in frames(world.wire.written)
    assert bytes([bfs.Type.START, 255]) in frames(world.wire.written)
    world.wire.written.clear()
    world.run(3.0, lambda k: data(100 + k) if k else HELLO)
    assert bytes([bfs.Type.HELLO_REQUEST]) not in frames(world.wire.written)


def test_nothing_is_ever_written_to_a_device_that_prints_text() -> None:
    world = World()
    world.run(3.0, lambda k: b"S%d\r\n" % (500 + k))
    world.run(8.0)
    world.port.close()
    assert LinkState.STREAMING in world.states()
    assert world.wire.written == []


def test_a_silent_board_counts_as_starting_for_four_seconds_and_is_asked_then() -> None:
    world = World()
    world.run(3.9)
    assert world.port.state is LinkState.WAIT_BOOT
    assert world.wire.written == []
    world.run(4.0)
    assert world.port.state is LinkState.STALLED
    assert "silent" in world.port.detail
    assert len(world.wire.written) == 2
    world.run(0.2, lambda k: data(k) if k else HELLO)
    assert world.port.state is LinkState.STREAMING


def test_a_second_without_bytes_is_a_stall_and_bytes_end_it() -> None:
    world = World()
    world.run(1.0, lambda k: data(k) if k else HELLO)
    world.run(0.9)
    assert world.port.state is LinkState.STREAMING
    world.run(0.3)
    assert world.port.state is LinkState.STALLED
    world.run(0.1, lambda k: data(100 + k))
    assert world.port.state is LinkState.STREAMING


def test_line_speeds_are_tried_in_order_while_nothing_decodes_and_each_is_announced() -> None:
    world = World("COM1")
    seen: list[tuple[int, str]] = []

    def garbage(k: int) -> bytes:
        line = (world.wire.baudrate, world.wire.parity) if world.wires else (0, "")
        if line not in seen:
            seen.append(line)
        return b"\x95\xfe\x00\x11" if line != (19200, "O") else b"512\n"

    world.run(12.0, garbage)
    assert seen[1:] == [tuple(line) for line in LINES]
    assert len(world.opened) == 1  # the port stays open: an Arduino is not restarted each time
    assert world.port.state is LinkState.STREAMING
    assert "19200 baud with odd parity" in world.port.detail
    assert world.states().count(LinkState.OPENING) == len(LINES)
    after = [message for message in world.told if isinstance(message, Received)][-1]
    assert after.data == b"512\n"


def test_a_baud_that_was_chosen_is_kept_and_the_state_says_that_nothing_is_understood() -> None:
    world = World("COM1", Settings(baud=250_000, dtr="off"))
    world.run(10.0, lambda _: b"\x95\xfe\x00\x11")
    assert world.opened == [("COM1", Line(250_000, "N"), False)]
    assert world.port.state is LinkState.IDENTIFY
    assert world.states().count(LinkState.OPENING) == 1


@pytest.mark.hazard("H-22")
@pytest.mark.parametrize(
    "error", [serial.SerialException("gone"), OSError(5, "gone"), TypeError("fd is None"), "termios"], ids=repr
)
def test_whatever_is_thrown_when_the_cable_comes_off_the_port_is_lost_and_comes_back(error: Exception | str) -> None:
    if error == "termios":
        error = pytest.importorskip("termios").error(5, "gone")
    assert isinstance(error, Exception)
    world = World()
    world.run(3.0, lambda k: data(k) if k else HELLO)
    world.wire.error = error
    world.step()
    assert world.states()[-2:] == [LinkState.LOST, LinkState.BACKOFF]
    assert world.wires[0].is_closed
    world.run(1.0, lambda _: HELLO)
    assert world.port.state is LinkState.STREAMING
    assert len(world.wires) == 2


def test_a_reconnected_bfs_device_is_asked_at_once() -> None:
    world = World()
    world.run(1.0, lambda k: data(k) if k else HELLO)
    world.wire.error = OSError(5, "gone")
    world.run(1.0)
    assert len(world.wires) == 2
    assert bytes([bfs.Type.HELLO_REQUEST]) in frames(world.wire.written)


@pytest.mark.hazard("H-22")
def test_tries_are_spaced_out_up_to_five_seconds_with_jitter_and_never_end() -> None:
    def waits() -> list[float]:
        world = World()
        world.open_errors = [OSError(errno.EIO, "no answer") for _ in range(60)]
        while world.open_errors:
            world.step()
        return [wait_s for wait_s in world.waits if wait_s > 0.0]

    first = waits()
    assert len(first) == 60
    assert first == waits()  # seeded
    assert 0.18 <= first[0] <= 0.25
    assert all(3.7 <= wait_s <= 5.0 for wait_s in first[8:])
    assert len(set(first[8:])) > 10


def test_a_port_that_is_not_there_is_looked_for_without_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    world = World(str(path))
    world.run(10.0)
    assert world.port.state is LinkState.ABSENT
    assert world.states() == [LinkState.ABSENT]
    assert max(world.waits) <= 1.0
    path.touch()
    world.run(1.1)
    assert world.opened == [(str(path), LINES[0], True)]


def test_it_comes_back_by_identity_when_the_port_has_another_name() -> None:
    world = World("COM1")
    world.ports = [PortInfo("COM1", "Board", "2341:0043:A1"), PortInfo("COM5", "Other", "2341:0043:B2")]
    world.run(1.0, lambda _: HELLO)
    world.ports = [PortInfo("COM1", "Other", "2341:0043:B2")]
    world.wire.error = OSError(5, "gone")
    world.run(3.0)
    assert world.port.state is LinkState.ABSENT
    world.ports.append(PortInfo("COM1", "Board", "2341:0043:A1"))
    world.run(1.5, lambda _: HELLO)
    assert [url for url, _, _ in world.opened] == ["COM1", "COM1"]
    assert world.port.state is LinkState.STREAMING


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.EACCES, "could not open port"), "usermod -aG"),
        (serial.SerialException(errno.EAGAIN, "Could not exclusively lock port"), "in use by another program"),
        (ValueError("invalid URL, protocol 'x' not known"), "not a port that can be opened"),
    ],
)
def test_a_port_that_does_not_open_says_why_and_is_tried_again(error: Exception, words: str) -> None:
    if "usermod" in words and os.name != "posix":
        pytest.skip("permissions of groups are a POSIX matter")
    world = World()
    world.open_errors = [error]
    world.step()
    assert world.port.state is LinkState.BACKOFF
    assert words in world.port.detail
    world.step()
    assert len(world.opened) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="brltty and ModemManager are Linux programs")
def test_a_port_that_vanishes_within_two_seconds_names_the_usual_thieves() -> None:
    world = World("COM1")
    world.run(1.0)
    world.wire.error = OSError(5, "gone")
    world.step()
    assert "brltty" in world.port.detail
    assert "ModemManager" in world.port.detail


def test_a_device_that_takes_no_bytes_is_read_on() -> None:
    world = World()
    world.step()
    world.wire.write_error = serial.SerialTimeoutException("Write timeout")
    world.run(3.0, lambda k: data(k) if k else HELLO)
    assert world.port.state is LinkState.STREAMING
    assert LinkState.LOST not in world.states()


def test_closing_stops_a_bfs_device_first_and_may_be_done_twice() -> None:
    world = World()
    world.run(0.5, lambda _: HELLO)
    world.port.close()
    world.port.close()
    assert world.wire.written[-1] == bfs.stop()
    assert world.wire.is_closed
    assert world.states().count(LinkState.CLOSED) == 1


def test_an_error_of_the_one_who_is_told_is_not_taken_for_a_lost_cable() -> None:
    world = World()
    world.step()
    world.wire.inbox = [HELLO]

    def broken(message: Received | LinkChanged) -> None:
        raise TypeError("a mistake in the program")

    world.port._emit = broken
    with pytest.raises(TypeError, match="mistake"):
        world.step()


def test_settings_are_bounded() -> None:
    with pytest.raises(SettingError, match="dtr"):
        Settings(dtr="maybe")
