"""What is plugged in: lists the serial ports, listens to one, and picks one for `--sensor auto`."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from biofeed.errors import SensorError
from biofeed.messages import Fault, Hello, Input, LinkChanged, LinkState, Packet, Received
from biofeed.sensors.detect import AutoDecoder
from biofeed.sensors.port_names import PortInfo, explain_open_error, list_ports
from biofeed.sensors.serial_port import LINES, SerialPort, open_port

__all__ = ["PortInfo", "PortReport", "StreamReport", "explain_open_error", "find", "list_ports", "probe"]

_PROBE_S = 8.0  # a board's start, and then two line speeds


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One signal as it really came."""

    kind: str
    nominal_hz: float
    measured_hz: float | None  # by arrival; None when there was too little to measure
    n_lost: int  # packets that are missing by their numbers


@dataclass(frozen=True, slots=True)
class PortReport:
    """What listening to a port told."""

    url: str
    decoder: str  # "bfs" or "text"; empty when nothing was understood
    device: str  # what it calls itself
    streams: tuple[StreamReport, ...]
    quality: float | None  # share of messages that arrived whole; None when none came
    n_bytes: int
    detail: str  # a sentence: the cable's state, or why there is nothing

    @property
    def answers(self) -> bool:
        """True when signals came."""
        return any(stream.measured_hz for stream in self.streams)


def probe(
    url: str,
    seconds: float,
    now_s: Callable[[], float],
    *,
    port: Callable[..., SerialPort] = SerialPort,
    sleep: Callable[[float], None] = time.sleep,
) -> PortReport:
    """Opens a port for `seconds`, listens, lets go of it. It raises nothing: what went wrong stands in the report."""
    decoder = AutoDecoder("probe")
    events: list[Input] = []
    why: list[str] = []
    n_bytes = 0

    def take(message: Received | LinkChanged) -> None:
        nonlocal decoder, n_bytes
        if isinstance(message, Received):
            n_bytes += len(message.data)
            events.extend(decoder(message.data, message.arrival_s))
        else:
            if message.state is LinkState.OPENING:
                decoder = AutoDecoder("probe")
                events.clear()
            if message.state is not LinkState.CLOSED:
                why.append(message.detail)

    owner = port(url, "probe", now_s, take)
    end_s = now_s() + seconds
    try:
        while now_s() < end_s and owner.state not in (LinkState.ABSENT, LinkState.BACKOFF):
            wait_s = owner.step()
            if wait_s > 0.0:
                sleep(min(wait_s, max(end_s - now_s(), 0.0)))
    finally:
        owner.close()
    return _report(url, decoder.name, events, n_bytes, why[-1] if why else f"{url} was not opened")


def require(url: str) -> None:
    """Opens the port once and lets go of it. Raises SensorError with what is wrong and what to do."""
    try:
        open_port(url, LINES[0], dtr=True).close()
    except (OSError, ValueError) as error:  # pyserial's own are OSErrors; ValueError: an unknown kind of URL
        raise SensorError(explain_open_error(error, url)) from error


def _report(url: str, decoder: str, events: Sequence[Input], n_bytes: int, detail: str) -> PortReport:
    n_packets = sum(isinstance(event, Packet) for event in events)
    n_faults = sum(isinstance(event, Fault) for event in events)
    hello = next((event for event in reversed(events) if isinstance(event, Hello)), None)
    streams: list[StreamReport] = []
    for stream in hello.streams if hello else ():
        packets = [event for event in events if isinstance(event, Packet) and event.stream == stream.id]
        streams.append(StreamReport(stream.kind, stream.rate_hz, _rate_hz(packets), _n_lost(packets)))
    quality = n_packets / (n_packets + n_faults) if n_packets + n_faults else None
    name = f"{hello.name} {hello.serial}".strip() if hello else ""
    return PortReport(url, decoder, name, tuple(streams), quality, n_bytes, detail)


def _rate_hz(packets: Sequence[Packet]) -> float | None:
    """Samples per second by arrival: those after the first read, over the time since then."""
    if not packets or packets[-1].arrival_s - packets[0].arrival_s < 0.5:
        return None
    first_s, last_s = packets[0].arrival_s, packets[-1].arrival_s
    return sum(len(packet.counts) for packet in packets if packet.arrival_s > first_s) / (last_s - first_s)


def _n_lost(packets: Sequence[Packet]) -> int:
    steps = (after.seq - before.seq for before, after in itertools.pairwise(packets))
    return sum(step - 1 for step in steps if step > 1)


def find(
    sensor: str,
    *,
    listed: Callable[[], Sequence[PortInfo]] = list_ports,
    ask: Callable[[str, float, Callable[[], float]], PortReport] = probe,
) -> str:
    """The port for `sensor`: itself, or with "auto" the USB port that a sensor answers on.

    A single USB port is taken as it is. Raises SensorError when there is none, or none of several answers.
    """
    if sensor != "auto":
        return sensor
    urls = [port.url for port in listed() if port.identity is not None]
    if not urls:
        raise SensorError(
            "no sensor found: no USB serial port is there. Plug the sensor in, or name its port with --sensor; "
            "'biofeed demo' needs none"
        )
    if len(urls) == 1:
        return urls[0]
    reports = []
    for url in urls:
        reports.append(ask(url, _PROBE_S, time.monotonic))
        if reports[-1].answers:
            return url
    reasons = "; ".join(report.detail for report in reports)
    raise SensorError(f"no sensor answers on {', '.join(urls)} ({reasons}). Name the port with --sensor")
