"""The port's owner over a real pseudo-terminal and a real socket, in its own thread."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from biofeed.messages import Hello, LinkChanged, LinkState, Packet, Received
from biofeed.sensors import bfs
from biofeed.sensors.detect import AutoDecoder
from biofeed.sensors.serial_port import SerialPort

DESCRIPTOR = {"p": "bfs", "dev": "Tester", "streams": [{"id": 0, "kind": "ppg", "rate": 500, "fmt": "u16"}]}
HELLO = b"\0" + b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(1, DESCRIPTOR))


def data(seq: int) -> bytes:
    return bfs.encode_frame(bfs.data_body(0, seq, 20_000 * seq, 0, np.array([[seq]], np.int32), "u16"))


class Board:
    """A BFS device at the far end of a real pseudo-terminal."""

    def __init__(self, link: Path, boot_id: int) -> None:
        tty = pytest.importorskip("tty")
        self._master, slave = os.openpty()
        tty.setraw(slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        self._slave = slave
        self._hello = b"\0" + b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(boot_id, DESCRIPTOR))
        self._split = bfs.FrameSplitter()
        self._unplugged = threading.Event()
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        seq = 0
        os.set_blocking(self._master, False)
        while not self._unplugged.wait(0.005):
            with contextlib.suppress(OSError):
                self.heard += [body for body in self._split(os.read(self._master, 4096)) if body]
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, (self._hello if seq % 20 == 0 else b"") + data(seq))
            seq += 1

    def unplug(self) -> None:
        self._unplugged.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.heard += [body for body in self._split(os.read(self._master, 4096)) if body]
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def boards() -> Iterator[list[Board]]:
    plugged: list[Board] = []
    yield plugged
    for board in plugged:
        board.unplug()


@pytest.mark.hazard("H-22")
@pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
def test_over_a_real_pty_it_streams_survives_an_unplug_and_reconnects(tmp_path: Path, boards: list[Board]) -> None:
    link = tmp_path / "sensor"
    told: list[Received | LinkChanged] = []
    grown = threading.Condition()

    def take(message: Received | LinkChanged) -> None:
        with grown:
            told.append(message)
            grown.notify_all()

    def events() -> list[object]:
        decoder = AutoDecoder("sensor0")
        found: list[object] = []
        for message in told:
            if isinstance(message, Received):
                found += decoder(message.data, message.arrival_s)
            elif message.state is LinkState.OPENING:
                decoder = AutoDecoder("sensor0")
        return found

    def wait_for(claim: Callable[[], bool]) -> None:
        with grown:
            assert grown.wait_for(claim, timeout=60.0), [m for m in told if isinstance(m, LinkChanged)]

    boards.append(Board(link, boot_id=1))
    port = SerialPort(str(link), "sensor0", time.monotonic, take)
    port.start()
    try:
        wait_for(lambda: sum(isinstance(event, Packet) for event in events()) >= 20)
        boards.pop().unplug()
        wait_for(lambda: any(isinstance(m, LinkChanged) and m.state is LinkState.LOST for m in told))
        boards.append(Board(link, boot_id=2))
        wait_for(lambda: any(isinstance(event, Hello) and event.boot_id == 2 for event in events()))
        first = len(told)
        wait_for(lambda: len(told) > first + 20)
    finally:
        port.close()
    boards[-1].unplug()
    board = boards.pop()
    states = [message.state for message in told if isinstance(message, LinkChanged)]
    assert states.count(LinkState.STREAMING) == 2
    assert states[-1] is LinkState.CLOSED
    assert {bfs.Type.PING, bfs.Type.STOP} <= {body[0] for body in board.heard}
    arrivals = [message.arrival_s for message in told if isinstance(message, Received)]
    assert arrivals == sorted(arrivals)


@pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
def test_a_second_owner_of_the_same_port_is_refused_in_words(tmp_path: Path, boards: list[Board]) -> None:
    link = tmp_path / "sensor"
    boards.append(Board(link, boot_id=1))
    first = SerialPort(str(link), "sensor0", time.monotonic, lambda _: None)
    second = SerialPort(str(link), "sensor1", time.monotonic, lambda _: None)
    try:
        first.step()
        second.step()
        assert second.state is LinkState.BACKOFF
        assert "in use by another program" in second.detail
    finally:
        first.close()
        second.close()


def test_a_socket_is_read_in_blocks_though_it_never_says_how_much_waits() -> None:
    sent = HELLO + b"".join(data(k) for k in range(200))
    told: list[Received | LinkChanged] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}", "sensor0", time.monotonic, told.append)
        port.step()
        far_end, _ = server.accept()
        with far_end:
            far_end.sendall(sent)
            while sum(len(m.data) for m in told if isinstance(m, Received)) < len(sent):
                port.step()
        port.step()  # the far end is gone
        assert port.state is LinkState.BACKOFF
        port.close()
    pieces = [message.data for message in told if isinstance(message, Received)]
    assert b"".join(pieces) == sent
    assert len(pieces) < 50
    assert LinkState.LOST in [message.state for message in told if isinstance(message, LinkChanged)]
