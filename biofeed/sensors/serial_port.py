"""The one thread that owns a serial port: opens, reads, asks for the time, closes, comes back after a loss.

Out go `Received` (bytes with the moment their read returned) and `LinkChanged` (the cable's state, in words). Decoding
is somebody else's work; a private decoder here only tells when the line speed is right and what the device speaks.
"""

import atexit
import contextlib
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import serial

from biofeed.messages import Hello, LinkChanged, LinkState, Packet, Received
from biofeed.sensors.bfs import hello_request, ping, start, stop
from biofeed.sensors.detect import AutoDecoder
from biofeed.sensors.port_names import (
    PortInfo,
    explain_loss,
    explain_open_error,
    identity_of,
    is_absence,
    list_ports,
    locate,
)
from biofeed.settings import bounded, check, choice

# Whatever pyserial and the system throw when a cable comes off, by platform and moment.
_FAILURES: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError)
with contextlib.suppress(ImportError):  # Windows has no termios
    import termios

    _FAILURES += (termios.error,)  # not an OSError

_OPEN_FAILURES: tuple[type[Exception], ...] = (ValueError, NotImplementedError, *_FAILURES)

_READ_S = 0.02  # longest wait in one read: what a stop or a ping may be late
_MAX_READ = 4096
_LISTEN_S = 1.5  # to noise, before the next line speed is tried
_STALL_S = 1.0
_ASK_S = 2.0  # between questions to a port that never said anything
_MUTE_S = 10.0  # without writing, after a device did not take what was written
_BACKOFF_S = (0.25, 5.0)  # shortest and longest wait before another try
_ABSENT_S = 1.0  # longest wait while the port is missing: looking is cheap, and a person waits
_ALL_STREAMS = 0xFF


class Line(NamedTuple):
    """How bits go over the wire; 8 data bits and 1 stop bit always."""

    baud: int
    parity: str  # N or O

    def __str__(self) -> str:
        return f"{self.baud} baud" + ("" if self.parity == "N" else " with odd parity")


# In the order of what boards use; 19200 8O1 is an old pulse oximeter's.
LINES = (Line(115200, "N"), Line(9600, "N"), Line(57600, "N"), Line(19200, "O"))


class Port(Protocol):
    """What is used of a pyserial port."""

    baudrate: int
    parity: str

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> Any: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """How a serial port is used."""

    baud: int = bounded(0, 0, 4_000_000, "Bd", "line speed; 0 tries the usual ones in turn")
    dtr: str = choice(
        "on", ("on", "off"), "boards with native USB are silent without it; off keeps some from restarting"
    )
    boot_s: float = bounded(4.0, 0.5, 30.0, "s", "how long a board may take to start before it counts as silent")

    def __post_init__(self) -> None:
        check(self)


def open_port(url: str, line: Line, dtr: bool) -> Port:
    """Opens a port by pyserial: a name, a path, or a URL (socket://, rfc2217://, loop://)."""
    options = {} if url.startswith("rfc2217://") else {"write_timeout": 1.0}  # pyserial's client knows none
    port = serial.serial_for_url(
        url, do_not_open=True, baudrate=line.baud, parity=line.parity, timeout=_READ_S, exclusive=True, **options
    )
    port.dtr = dtr
    port.open()
    with contextlib.suppress(AttributeError, *_OPEN_FAILURES):
        port.set_low_latency_mode(True)  # FTDI chips hold bytes back for 16 ms otherwise
    return port  # type: ignore[no-any-return]  # pyserial has no types


class SerialPort:
    """A sensor's cable. `start()` runs it in its own thread; tests and probes call `step()` themselves.

    `emit` is called from that thread and must not block. OPENING means: the bytes after it are for a fresh decoder.
    """

    def __init__(
        self,
        url: str,
        device: str,
        now_s: Callable[[], float],
        emit: Callable[[Received | LinkChanged], None],
        settings: Settings = Settings(),
        *,
        open_url: Callable[[str, Line, bool], Port] = open_port,
        ports: Callable[[], Sequence[PortInfo]] = list_ports,
    ) -> None:
        self.state = LinkState.CLOSED
        self.detail = "not opened yet"
        self._url, self._device, self._now_s, self._emit, self._settings = url, device, now_s, emit, settings
        self._open_url, self._ports = open_url, ports
        self._is_socket = url.startswith("socket://")
        self._lines = (Line(settings.baud, "N"),) if settings.baud else LINES[:1] if self._is_socket else LINES
        self._line = 0  # index of the line speed in use; the one that worked is kept
        self._identity: str | None = None
        self._port: Port | None = None
        self._jitter = np.random.default_rng(zlib.crc32(url.encode()))
        self._tries = 0
        self._retry_s = -np.inf
        self._speaks_bfs = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._opened_s = 0.0
        self._is_silent = True
        self._restart(0.0)

    def start(self) -> None:
        """Begins to open, read and come back, until `close()`."""
        self._thread = threading.Thread(target=self._run, name=f"port {self._device}", daemon=True)
        atexit.register(self.close)
        self._thread.start()

    def close(self) -> None:
        """Stops the device, if it knows how to be stopped, and lets go of the port. May be called more than once."""
        self._stopping.set()
        if self._thread is None:
            self._shut()
        elif self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)  # longer than a write may take; an open that hangs must not hang the exit
        atexit.unregister(self.close)

    def step(self) -> float:
        """One act: opens the port when that is due, or reads once. Returns the seconds to wait before the next."""
        port = self._port
        if port is None:
            return self._open()
        try:
            data = port.read(max(1, port.in_waiting))
            now_s = self._now_s()
            while self._is_socket and 0 < len(data) < _MAX_READ and port.in_waiting:
                data += port.read(1)  # a socket never says how much is waiting
        except _FAILURES as error:
            self._lose(error)
            return 0.0
        if data:
            self._emit(Received(self._device, now_s, data))
            self._hear(data, now_s)
        act = self._next_line if self._watch(now_s) else self._talk
        try:
            act(port, now_s)
        except serial.SerialTimeoutException:
            self._ask_s = self._ping_s = now_s + _MUTE_S
        except _FAILURES as error:
            self._lose(error)
        return 0.0

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                wait_s = self.step()
                if wait_s > 0.0:
                    self._stopping.wait(wait_s)
        finally:
            self._shut()

    def _shut(self) -> None:
        if self._port is not None and self._speaks_bfs:
            with contextlib.suppress(*_FAILURES):
                self._port.write(stop())
        self._drop()
        self._tell(LinkState.CLOSED, f"{self._url} is closed")

    def _drop(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        network = getattr(port, "_socket", None)  # pyserial leaves it open when the far end is gone already
        with contextlib.suppress(*_FAILURES):
            port.close()
        if network is not None:
            network.close()

    def _tell(self, state: LinkState, detail: str) -> None:
        if (state, detail) != (self.state, self.detail):
            self.state, self.detail = state, detail
            self._emit(LinkChanged(self._device, self._now_s(), state, detail))

    def _restart(self, now_s: float) -> None:
        """Forgets what was heard: the port was opened, or its speed was changed."""
        self._decoder = AutoDecoder(self._device)
        self._since_s = now_s  # of this line speed
        self._first_s: float | None = None  # first byte at this line speed
        self._heard_s = now_s
        self._event_s = now_s  # last HELLO or sample
        self._ask_s = now_s
        self._pings = 0
        self._ping_s = now_s

    def _open(self) -> float:
        now_s = self._now_s()
        if now_s < self._retry_s:
            return float(self._retry_s - now_s)
        ports = () if "://" in self._url else self._ports()
        url = locate(self._url, self._identity, ports)
        if url is None:
            self._tell(LinkState.ABSENT, f"{self._url} is not there: plug the sensor in")
            return self._back_off(_ABSENT_S)
        line = self._lines[self._line]
        self._tell(LinkState.OPENING, f"opening {url} at {line}")
        try:
            self._port = self._open_url(url, line, self._settings.dtr == "on")
        except _OPEN_FAILURES as error:
            state = LinkState.ABSENT if is_absence(error) else LinkState.BACKOFF
            self._tell(state, explain_open_error(error, url))
            return self._back_off()
        self._identity = identity_of(url, ports) or self._identity
        self._url = url if self._identity else self._url
        self._opened_s = self._now_s()
        self._is_silent = True  # since it was opened, at any line speed
        self._restart(self._opened_s)
        self._tell(LinkState.WAIT_BOOT, f"{url} is open; waiting for the sensor to start")
        if self._speaks_bfs:
            self._event_s -= _STALL_S  # it did before: ask at once
        return 0.0

    def _back_off(self, high_s: float = _BACKOFF_S[1]) -> float:
        wait_s = min(high_s, _BACKOFF_S[0] * 2.0 ** min(self._tries, 10)) * float(self._jitter.uniform(0.75, 1.0))
        self._tries += 1
        self._retry_s = self._now_s() + wait_s
        return wait_s

    def _lose(self, error: BaseException) -> None:
        self._drop()
        why = explain_loss(error, self._url, self._now_s() - self._opened_s)
        self._tell(LinkState.LOST, why)
        self._back_off()
        self._tell(LinkState.BACKOFF, f"{why}; it will be tried again")

    def _hear(self, data: bytes, now_s: float) -> None:
        self._is_silent = False
        self._heard_s = now_s
        self._first_s = now_s if self._first_s is None else self._first_s
        is_known = bool(self._decoder.name)
        if any(isinstance(event, Hello | Packet) for event in self._decoder(data, now_s)):
            self._event_s = now_s
        elif self._decoder.name and not is_known:
            self._event_s = -np.inf  # frames, but no HELLO: ask for it at once
        if self._decoder.name:
            self._tries = 0
            self._speaks_bfs = self._decoder.name == "bfs"

    def _watch(self, now_s: float) -> bool:
        """Tells the state that follows from what was heard, and when. True: it is time for another line speed."""
        line = self._lines[self._line]
        if self._first_s is None:
            if now_s - self._since_s >= self._settings.boot_s:
                self._tell(LinkState.STALLED, f"{self._url} is open but silent: is the sensor's program running?")
        elif now_s - self._heard_s >= _STALL_S:
            self._tell(LinkState.STALLED, f"{self._url} fell silent: check the sensor")
        elif self._decoder.name:
            words = "BFS/1" if self._speaks_bfs else "text lines"
            self._tell(LinkState.STREAMING, f"receiving {words} from {self._url} at {line}")
        else:
            self._tell(LinkState.IDENTIFY, f"bytes come from {self._url} at {line}; what they say is not known yet")
            is_over = now_s >= max(self._opened_s + self._settings.boot_s, self._first_s + _LISTEN_S)
            return is_over and len(self._lines) > 1
        return False

    def _next_line(self, port: Port, now_s: float) -> None:
        self._line = (self._line + 1) % len(self._lines)
        line = self._lines[self._line]
        self._tell(LinkState.OPENING, f"trying {self._url} at {line}")
        port.baudrate, port.parity = line
        self._restart(now_s)
        self._tell(LinkState.WAIT_BOOT, f"listening to {self._url} at {line}")

    def _talk(self, port: Port, now_s: float) -> None:
        """Pings a device that speaks BFS, wakes one that was stopped; never writes to one that speaks otherwise."""
        is_bfs = self._decoder.name == "bfs"
        is_mute = self._is_silent and now_s - self._opened_s >= self._settings.boot_s
        is_known = self._first_s is None and self._speaks_bfs
        if (is_bfs or is_mute or is_known) and now_s >= self._ask_s and now_s - self._event_s >= _STALL_S:
            self._ask_s = now_s + (_STALL_S if is_bfs else _ASK_S)
            port.write(hello_request() + start(_ALL_STREAMS))
        if is_bfs and now_s >= self._ping_s:
            self._ping_s = now_s + (0.2 if self._pings < 4 else 1.0)  # five in the first second, then one a second
            self._pings += 1
            port.write(ping(self._now_s()))
