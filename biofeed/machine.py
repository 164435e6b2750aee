"""Commands about this machine: which ports answer, what works and what to do about the rest, and the kernels."""

import argparse
import ctypes.util
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from biofeed import kernels, scene
from biofeed.clock import MonotonicClock
from biofeed.errors import BiofeedError, SensorError
from biofeed.graphics.context import headless
from biofeed.sensors import ports

SESSION_BYTES = 3 * 200_000_000  # thrice what 90 minutes of bytes take: enough to begin with


def warm(_asked: argparse.Namespace) -> int:
    """Compiles every kernel that is not in the cache yet, and says how far it is."""
    kernels.warm(functools.partial(print, flush=True))
    return 0


def sensors(asked: argparse.Namespace) -> int:
    """Listens to every port; 0 when one of them gives signals."""
    clock = MonotonicClock()
    reports = []
    for port in ports.list_ports():
        if not asked.json:
            print(f"{port.url}: {port.description}, listening ...", flush=True)
        report = ports.probe(port.url, 8.0, clock.now_s)
        reports.append(report)
        if not asked.json:
            print(f"  {report.detail}")
            for stream in report.streams:
                rate = "nothing came" if stream.measured_hz is None else f"{stream.measured_hz:.1f} Hz"
                print(f"  {stream.kind}: {rate} (nominal {stream.nominal_hz:g} Hz), {stream.n_lost} packets lost")
    if asked.json:
        print(json.dumps({"sensors": [asdict(report) | {"answers": report.answers} for report in reports]}))
    elif not reports:
        print("no serial port is here; plug the sensor in, or try `biofeed demo`, which needs none")
    return 0 if any(report.answers for report in reports) else 1


def check(asked: argparse.Namespace) -> int:
    """Tries each part of the machine; 1 when a session cannot be held."""
    parts: tuple[tuple[str, bool, Callable[[], str]], ...] = (
        ("picture", True, _picture),
        ("screen", False, _screen),
        ("sound", False, _sound),
        ("ports", False, _ports),
        ("disk", True, _disk),
        ("clock", True, _clock),
        ("kernels", False, _kernels),
        ("scenes", True, _scenes),
    )
    found: list[dict[str, object]] = []
    for name, needed, tried in parts:
        try:
            found.append({"part": name, "works": True, "detail": tried()})
        except BiofeedError as error:
            found.append({"part": name, "works": False, "needed": needed, "detail": str(error)})
    if asked.json:
        print(json.dumps({"check": found}))
    for part in found if not asked.json else []:
        sign = "works " if part["works"] else ("FAILS " if part["needed"] else "absent")
        print(f"{sign} {part['part']}: {part['detail']}")
    return 1 if any(not part["works"] and part["needed"] for part in found) else 0


def _picture() -> str:
    context = headless((64, 64))
    name, software = context.renderer_name, context.is_software
    context.close()
    return f"{name}{', drawn by the processor' if software else ''}"


def _screen() -> str:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise BiofeedError("there is no screen; `biofeed demo` writes a film instead")
    return "there is one"


def _sound() -> str:
    """Asks PortAudio in a process of its own: a broken sound system may take its caller down."""
    asking = "import sounddevice as s; print(s.query_devices(kind='output')['name'])"
    told = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, timeout=30, check=False)
    if told.returncode == 0:
        return told.stdout.strip()
    if not ctypes.util.find_library("portaudio") and sys.platform.startswith("linux"):
        raise BiofeedError("the PortAudio library is missing; on Debian: apt-get install libportaudio2")
    raise BiofeedError("there is no sound output; a session goes on without, and says so")


def _ports() -> str:
    listed = ports.list_ports()
    if not listed:
        raise SensorError("no serial port is here; plug the sensor in and look again")
    closed = [port.url for port in listed if port.url.startswith("/dev") and not os.access(port.url, os.R_OK | os.W_OK)]
    if closed:
        raise SensorError(ports.explain_open_error(PermissionError(13, "Permission denied"), closed[0]))
    return ", ".join(port.url for port in listed)


def _disk() -> str:
    free = shutil.disk_usage(Path.home()).free
    if free < SESSION_BYTES:
        wanted = f"make room for {SESSION_BYTES / 1e6:.0f} MB"
        raise BiofeedError(f"only {free / 1e6:.0f} MB are free in {Path.home()}; {wanted}")
    return f"{free / 1e9:.0f} GB free"


def _clock() -> str:
    """How late this machine wakes a sleeper, at worst of a hundred times a tenth of a tick."""
    clock = MonotonicClock()
    late_s = 0.0
    for _ in range(100):
        due_s = clock.now_s() + 1.0 / 600.0
        clock.sleep_until(due_s)
        late_s = max(late_s, clock.now_s() - due_s)
    return f"wakes at most {late_s * 1e3:.1f} ms late of 16.7 ms a tick"


def _kernels() -> str:
    if not kernels.are_ready():
        raise BiofeedError("not compiled yet; `biofeed warm` does it now, or the next session before it begins")
    return "compiled"


def _scenes() -> str:
    return ", ".join(scene.load(name).title for name in scene.names())
