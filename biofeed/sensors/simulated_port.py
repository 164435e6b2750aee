"""The cable between a simulated device and the host: a real pseudo-terminal, or a local socket where there is none.

A thread of its own puts the device's bytes on the wire as time passes and hands it what the host writes. When nobody
reads, whole frames are dropped and the device is told, as real firmware would; it never waits.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable

from biofeed.sensors.simulated import SimulatedDevice

STEP_S = 0.005  # a board's own loop is quicker; this is below what a USB bridge adds


class SimulatedPort:
    """A device on a wire. `url` opens with pyserial; it changes when the cable is plugged in again."""

    def __init__(self, device: SimulatedDevice, now_s: Callable[[], float]) -> None:
        self._device = device
        self._now_s = now_s
        self._guide: tuple[float, float | None] | None = None
        self._done = threading.Event()
        self._lock = threading.Lock()  # plugging happens in another thread than feeding
        self._wire: _Wire | None = None
        self._held = b""  # the end of a write that found no room for all of it
        self._thread = threading.Thread(target=self._run, name="simulated device", daemon=True)
        self.url = ""
        self.n_dropped = 0  # bytes that nobody was there to take
        self.replug()

    def start(self) -> None:
        """Power on: from here on the device lives by `now_s`."""
        self._thread.start()

    def set_guide(self, time_s: float, guide: float | None) -> None:
        """What the person sees; returns at once."""
        self._guide = (time_s, guide)

    def unplug(self) -> None:
        """The cable is pulled: the host's port fails."""
        with self._lock:
            if self._wire:
                self._wire.close()
            self._wire = None

    def replug(self) -> None:
        """The cable is plugged in, under a `url` of its own."""
        self.unplug()
        with self._lock:
            self._wire = _PtyWire() if hasattr(os, "openpty") else _SocketWire()
            self.url = self._wire.url
            self._held = b""

    def close(self) -> None:
        """Power off."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self.unplug()

    def _run(self) -> None:
        while not self._done.wait(STEP_S):
            self._step(self._now_s())

    def _step(self, time_s: float) -> None:
        guide, self._guide = self._guide, None
        if guide:
            self._device.perceive(*guide)
        data = self._device.advance(time_s)
        with self._lock:
            if self._wire is None:
                self.n_dropped += len(data)
                return
            heard = self._wire.read()
            self._held = self._held[self._wire.write(self._held) :]
            if (
                data and not self._held
            ):  # a frame is never torn: what does not fit waits, what comes behind it is dropped
                self._held = data[self._wire.write(data) :]
            elif data:
                self.n_dropped += len(data)
                self._device.drop()
        if heard:
            self._device.receive(heard, time_s)


class _PtyWire:
    """The device's end of a pseudo-terminal in raw mode."""

    def __init__(self) -> None:
        import tty  # noqa: PLC0415 - there is no such module where there is no terminal

        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.url = os.ttyname(self._theirs)

    def read(self) -> bytes:
        try:
            return os.read(self._ours, 4096)
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        """How many bytes there was room for."""
        try:
            return os.write(self._ours, data)
        except OSError:
            return 0

    def close(self) -> None:
        os.close(self._theirs)
        os.close(self._ours)


class _SocketWire:
    """A server on this machine that takes one host at a time."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._host: socket.socket | None = None
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"

    def read(self) -> bytes:
        if self._host is None:
            with contextlib.suppress(OSError):
                self._host, _ = self._server.accept()
                self._host.setblocking(False)
        if self._host is None:
            return b""
        try:
            data = self._host.recv(4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._host.close()
            self._host = None
        return data

    def write(self, data: bytes) -> int:
        """How many bytes there was somebody, and room, for."""
        try:
            return self._host.send(data) if self._host else 0
        except OSError:
            return 0

    def close(self) -> None:
        if self._host:
            self._host.close()
        self._server.close()


_Wire = _PtyWire | _SocketWire
