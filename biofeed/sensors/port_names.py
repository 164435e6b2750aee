"""Which serial ports there are, who sits at them, and why one of them does not open, in words."""

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports as _listing


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port of this machine."""

    url: str
    description: str
    identity: str | None  # of what is plugged in; survives another port name. None: not a USB device


def list_ports() -> list[PortInfo]:
    """All serial ports, USB devices first. Call it from the thread that opens: on Windows a scan blocks an open."""
    found = []
    for info in sorted(_listing.comports()):
        identity = None
        if info.vid is not None:
            identity = f"{info.vid:04X}:{info.pid or 0:04X}"
            identity += f":{info.serial_number}" if info.serial_number else f"@{info.location or info.device}"
        found.append(PortInfo(info.device, info.description, identity))
    return sorted(found, key=lambda port: port.identity is None)


def identity_of(url: str, ports: Sequence[PortInfo]) -> str | None:
    """What sits at `url`; None when the system does not say."""
    real = os.path.realpath(url)
    return next((port.identity for port in ports if port.url in (url, real)), None)


def locate(url: str, identity: str | None, ports: Sequence[PortInfo]) -> str | None:
    """Where the device that was at `url` is to be found; None while it is absent.

    By identity, whatever the port's name; a device without a serial number that moved to another socket is taken when
    it is the only one of its model; what has no identity is looked for at its path.
    """
    if "://" in url:
        return url
    if identity is not None:
        same = [port.url for port in ports if port.identity == identity]
        if not same and "@" in identity:
            model = identity.split("@")[0]
            same = [port.url for port in ports if port.identity and port.identity.split("@")[0] == model]
            same = same if len(same) == 1 else []
        if same:
            return url if url in same or os.path.realpath(url) in same else same[0]
        if identity_of(url, ports) is not None:
            return None  # another device took the place
    if url.startswith("/") and not Path(url).exists():
        return None
    return url


def is_absence(error: BaseException) -> bool:
    """True when a port did not open because it is not there."""
    return getattr(error, "errno", None) in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or "FileNotFound" in str(error)


def explain_open_error(error: BaseException, url: str) -> str:
    """A sentence for the person at the keyboard: what is wrong with the port and what to do."""
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.EACCES and os.name == "posix":
        group = _group(url)
        return f"no permission for {url} (group {group}): run 'sudo usermod -aG {group} $USER', then log in again"
    if code in (errno.EBUSY, errno.EAGAIN) or "PermissionError(13" in text or "Access is denied" in text:
        return f"{url} is in use by another program: close it (a serial monitor, another biofeed), then try again"
    if is_absence(error):
        return f"there is no port {url}: plug the sensor in; 'biofeed sensors' lists the ports"
    if code == errno.EIO:
        return f"{url} does not answer: unplug the sensor, plug it in again"
    if code == errno.ENOTTY or "Inappropriate ioctl" in text:
        return f"{url} is not a serial port; 'biofeed sensors' lists the ports"
    if isinstance(error, ValueError):
        return f"{url} is not a port that can be opened: {text}"
    return f"{url} cannot be opened: {text}"


def explain_loss(error: BaseException, url: str, open_s: float) -> str:
    """A sentence for a port that failed after having been open for `open_s` seconds."""
    if open_s < 2.0 and sys.platform == "linux" and "://" not in url:
        return (
            f"{url} vanished right after it was opened: brltty or ModemManager may have taken it; "
            "stop them (sudo apt remove brltty; sudo systemctl stop ModemManager) and plug the sensor in again"
        )
    if "multiple access" in str(error) and Path(url).exists():
        return f"{url} was lost: the cable came off, or another program reads the same port"
    return f"{url} was lost: check the cable ({str(error)[:80]})"


def _group(url: str) -> str:
    """The group that owns the port: dialout on Debian, uucp on Arch."""
    try:
        return Path(url).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"
