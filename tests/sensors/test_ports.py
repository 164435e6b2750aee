"""Ports by name and by what answers on them; a report for each, and a sentence for what is wrong."""

import errno
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import serial
from serial.tools import list_ports as listing
from serial.tools.list_ports_common import ListPortInfo

from biofeed.errors import SensorError
from biofeed.messages import LinkChanged, LinkState, Received
from biofeed.sensors import bfs, ports
from biofeed.sensors.port_names import PortInfo, explain_loss, identity_of, locate
from biofeed.sensors.ports import PortReport, StreamReport

DESCRIPTOR = {"p": "bfs", "dev": "Belt", "sn": "7", "streams": [{"id": 0, "kind": "resp", "rate": 50, "fmt": "u16"}]}
HELLO = b"\0" + b"".join(bfs.encode_frame(body) for body in bfs.hello_bodies(1, DESCRIPTOR))


def data(k: int) -> bytes:
    return bfs.encode_frame(bfs.data_body(0, k, 20_000 * k, 0, np.array([[k]], np.int32), "u16"))


class Bench:
    """A clock by hand, and a port owner that plays a script: one (state or bytes) a step, every 20 ms."""

    def __init__(self, script: list[LinkState | bytes]) -> None:
        self.now_s = 0.0
        self.script = script
        self.is_closed = False
        self.state = LinkState.CLOSED

    def __call__(self, url: str, device: str, now_s: Callable[[], float], emit: Callable[[Any], None]) -> Any:
        self.url, self.device, self.emit = url, device, emit
        return self

    def step(self) -> float:
        self.now_s += 0.02
        act = self.script.pop(0) if self.script else b""
        if isinstance(act, LinkState):
            self.state = act
            self.emit(LinkChanged(self.device, self.now_s, act, f"it is {act}"))
        elif act:
            self.emit(Received(self.device, self.now_s, act))
        return 0.0

    def close(self) -> None:
        self.is_closed = True
        self.emit(LinkChanged(self.device, self.now_s, LinkState.CLOSED, "closed"))

    def report(self, seconds: float = 3.0) -> PortReport:
        return ports.probe("COM3", seconds, lambda: self.now_s, port=self)  # type: ignore[arg-type]


def test_a_report_tells_streams_rate_loss_and_framing() -> None:
    pieces = [data(k) for k in range(100)]
    pieces[40] = b"\x05damaged\0"
    del pieces[60:62]
    bench = Bench([LinkState.OPENING, HELLO, *pieces, LinkState.STREAMING])
    report = bench.report()
    assert (report.url, report.decoder, report.device) == ("COM3", "bfs", "Belt 7")
    (stream,) = report.streams
    assert (stream.kind, stream.nominal_hz, stream.n_lost) == ("resp", 50.0, 3)
    assert stream.measured_hz == pytest.approx(50.0 * 96 / 97)
    assert report.quality == pytest.approx(97 / 98)
    assert report.detail == "it is streaming"
    assert report.answers
    assert bench.is_closed


def test_what_came_at_another_line_speed_does_not_count() -> None:
    report = Bench(
        [LinkState.OPENING, b"\x01\x02\0" * 30 + data(0) + data(1), LinkState.OPENING, b"512\n" * 9]
    ).report()
    assert report.decoder == "text"
    assert report.quality == 1.0


def test_a_port_that_does_not_open_is_reported_at_once_with_the_reason() -> None:
    bench = Bench([LinkState.OPENING, LinkState.BACKOFF])
    report = bench.report(60.0)
    assert bench.now_s < 1.0
    assert (report.decoder, report.quality, report.answers, report.detail) == ("", None, False, "it is backoff")


def test_a_silent_port_has_no_quality_and_no_rate() -> None:
    report = Bench([LinkState.OPENING, LinkState.WAIT_BOOT]).report()
    assert (report.streams, report.quality, report.n_bytes) == ((), None, 0)


def test_probing_a_real_missing_port_says_what_to_do() -> None:
    report = ports.probe("/dev/nonesuch", 1.0, iter(np.arange(0.0, 9.0, 0.1)).__next__, sleep=lambda _: None)
    assert not report.answers
    assert "plug the sensor in" in report.detail


def report(url: str, rate_hz: float | None) -> PortReport:
    return PortReport(url, "", "", (StreamReport("ppg", 50.0, rate_hz, 0),), None, 0, f"{url} is silent")


USB = [PortInfo("COM4", "a", "1:1:A"), PortInfo("COM5", "b", "1:1:B"), PortInfo("COM1", "board", None)]


def test_a_named_port_is_itself_and_a_single_usb_port_is_taken_unasked() -> None:
    assert ports.find("COM9") == "COM9"
    assert ports.find("auto", listed=lambda: [USB[0], USB[2]]) == "COM4"


def test_of_several_ports_the_one_that_answers_is_taken() -> None:
    rates = {"COM4": None, "COM5": 50.0}
    assert ports.find("auto", listed=lambda: USB, ask=lambda url, *_: report(url, rates[url])) == "COM5"


@pytest.mark.parametrize(
    ("listed", "words"), [([], "no sensor found"), (USB[2:], "no sensor found"), (USB, "COM4 is silent")]
)
def test_no_sensor_is_an_error_that_says_what_to_do(listed: list[PortInfo], words: str) -> None:
    with pytest.raises(SensorError, match=words) as caught:
        ports.find("auto", listed=lambda: listed, ask=lambda url, *_: report(url, None))
    assert "--sensor" in str(caught.value)


def test_the_systems_ports_are_listed_usb_first_with_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    def info(device: str, **values: Any) -> ListPortInfo:
        found = ListPortInfo(device)
        for name, value in values.items():
            setattr(found, name, value)
        return found

    found = [
        info("/dev/ttyS0"),
        info("/dev/ttyUSB0", vid=0x1A86, pid=0x7523, location="1-1.2"),
        info("/dev/ttyACM0", vid=0x2341, pid=0x43, serial_number="75", location="1-2"),
    ]
    monkeypatch.setattr(listing, "comports", lambda: found)
    assert [(port.url, port.identity) for port in ports.list_ports()] == [
        ("/dev/ttyACM0", "2341:0043:75"),
        ("/dev/ttyUSB0", "1A86:7523@1-1.2"),
        ("/dev/ttyS0", None),
    ]


def test_a_device_is_located_by_identity_then_model_then_path() -> None:
    a, b = PortInfo("COM4", "", "1A86:7523@1-1"), PortInfo("COM5", "", "1A86:7523@1-2")
    assert locate("COM4", "1A86:7523@1-2", [a, b]) == "COM5"
    assert locate("COM4", "1A86:7523@1-9", [b]) == "COM5"  # the only one of its model: it moved to another socket
    assert locate("COM4", "1A86:7523@1-9", [a, b]) is None
    assert locate("COM4", "2341:0043:75", [a]) is None  # another device took its name
    assert locate("COM4", None, []) == "COM4"
    assert locate("socket://far:1", None, []) == "socket://far:1"
    assert identity_of("COM5", [a, b]) == b.identity


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.ENOENT, "could not open port"), "there is no port COM4: plug the sensor in"),
        (serial.SerialException("could not open port 'COM4': FileNotFoundError(2, 'x')"), "there is no port"),
        (serial.SerialException("could not open port 'COM4': PermissionError(13, 'Access is denied.')"), "in use"),
        (serial.SerialException(errno.EBUSY, "could not open port"), "in use by another program"),
        (
            serial.SerialException("Could not configure port: (25, 'Inappropriate ioctl for device')"),
            "not a serial port",
        ),
        (OSError(errno.EIO, "Input/output error"), "unplug the sensor"),
        (serial.SerialException("Could not open port socket://x: refused"), "cannot be opened"),
    ],
)
def test_every_way_not_to_open_has_a_sentence(error: Exception, words: str) -> None:
    assert words in ports.explain_open_error(error, "COM4")


@pytest.mark.skipif(os.name != "posix", reason="groups own ports on POSIX systems")
def test_no_permission_names_the_group_and_the_command() -> None:
    sentence = ports.explain_open_error(serial.SerialException(errno.EACCES, "could not open port"), "/dev/nonesuch")
    assert "group dialout" in sentence
    assert "sudo usermod -aG dialout $USER" in sentence


def test_a_loss_names_the_cable_or_a_second_reader() -> None:
    shared = serial.SerialException("device reports readiness to read but returned no data (multiple access on port?)")
    assert "another program" in explain_loss(shared, os.devnull, 60.0)
    assert "check the cable" in explain_loss(OSError(5, "gone"), "COM4", 60.0)
