"""The session capsule: a folder that holds all that entered the engine, and so the whole session. This is its reader.

    capsule.json   the opening: versions, seed, scene, settings, sensors; carries its own SHA-256 and that of each file
    files/         the scene's and the soundscape's texts, under the names that they go by (`lib/noise.glsl`)
    log.bin        records: mark (4 bytes), payload's length u32, type u8, CRC-32 of length + type + payload, payload

All numbers are little-endian. A record of ticks holds a table (tick u32, number of entries u16, digest 8 bytes) and then
all entries, so a tick is whole or absent. The mark tells a torn tail (nothing whole follows) from damage (it does).
Reading never changes a capsule. Everything that can be wrong with one is a CapsuleError or a sentence in `torn`,
`damaged` or `changed`.
"""

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from biofeed import __version__
from biofeed.errors import CapsuleError
from biofeed.messages import TICKS_PER_S, Command, ControlFrame, LinkChanged, LinkState, Received, frame_bytes

FORMAT = 1
MARK = b"\xb1\x0f\xee\xd1"  # no text and no small number looks like it
TICKS, END = 1, 2  # types of records
DIGEST_BYTES = 8

_HEAD = struct.Struct("<4sIBI")
_ROW = struct.Struct(f"<IH{DIGEST_BYTES}s")
_TABLE = np.dtype([("tick", "<u4"), ("n_entries", "<u2"), ("digest", f"V{DIGEST_BYTES}")])

Entry = Received | LinkChanged | Command


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known when a session begins; with the log it is all that a replay needs."""

    started_utc: str  # ISO 8601, for people: nothing is computed from it
    seed: int
    scene: str
    duration_s: float  # as planned
    files: Mapping[str, str] = field(default_factory=dict)  # name -> text
    settings: Mapping[str, Any] = field(default_factory=dict)  # what TOML can hold
    sensors: tuple[str, ...] = ()  # URLs: sensor0, sensor1 ...
    person: str | None = None  # who is simulated; None: a human being
    biofeed: str = __version__
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of the engine: all that entered it, and the digest of the frame that came out."""

    tick: int
    entries: tuple[Entry, ...]
    digest: bytes  # 8 bytes, see digest_of


def digest_of(frame: ControlFrame) -> bytes:
    """Eight bytes that stand for the frame: equal frames give equal digests."""
    return hashlib.blake2b(frame_bytes(frame), digest_size=DIGEST_BYTES).digest()


def frames_digest(digests: Iterable[bytes]) -> str:
    """The digest of a whole run of frames, hexadecimal: `Capsule.digest` and a replay's are compared by it."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()


def clock_text(time_s: float) -> str:
    """Session time for people: m:ss."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


# Writing: values to bytes.


def opening_bytes(opening: Opening) -> bytes:
    """`capsule.json`, the files' texts replaced by their SHA-256; CapsuleError when it holds what JSON cannot."""
    table = asdict(opening) | {"files": {name: _sha256(text.encode()) for name, text in opening.files.items()}}
    for name in opening.files:
        file_path(name)
    try:
        table["sha256"] = _sha256(_canonical(table))
        return json.dumps(table, indent=2, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise CapsuleError(f"the session's settings cannot be written to a capsule: {error}") from None


def file_path(name: str) -> PurePosixPath:
    """The place of a file under `files/`; CapsuleError when the name leads out of it."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name:
        raise CapsuleError(f"{name!r} cannot be a file of a capsule: give a relative name, as lib/noise.glsl")
    return path


def record(kind: int, payload: bytes) -> bytes:
    """One record of the log."""
    size_and_kind = struct.pack("<IB", len(payload), kind)
    return MARK + size_and_kind + struct.pack("<I", zlib.crc32(payload, zlib.crc32(size_and_kind))) + payload


def ticks_payload(ticks: Sequence[Tick]) -> bytes:
    """The payload of a record of ticks; struct.error when a number does not fit."""
    rows = [_ROW.pack(tick.tick, len(tick.entries), tick.digest) for tick in ticks]
    entries = [_entry_bytes(entry) for tick in ticks for entry in tick.entries]
    return b"".join((struct.pack("<I", len(ticks)), *rows, *entries))


def end_payload(ended: str, tick: int | None, n_ticks: int, sha256: str) -> bytes:
    """The payload of the last record: why the session ended, its last tick, and the digest of all frames."""
    return json.dumps({"ended": ended, "tick": tick, "n_ticks": n_ticks, "sha256": sha256}).encode()


def _entry_bytes(entry: Entry) -> bytes:
    if isinstance(entry, Received):
        return b"\x01" + _blob(entry.device) + struct.pack("<d", entry.arrival_s) + _blob(entry.data)
    if isinstance(entry, LinkChanged):
        head = b"\x02" + _blob(entry.device) + struct.pack("<d", entry.time_s)
        return head + _blob(entry.state.value) + _blob(entry.detail)
    head = b"\x03" + struct.pack("<q", entry.tick) + _blob(entry.kind)
    if entry.value is None:
        return head + b"\x00"
    if isinstance(entry.value, str):
        return head + b"\x02" + _blob(entry.value)
    return head + b"\x01" + struct.pack("<d", entry.value)


def _blob(value: str | bytes) -> bytes:
    # surrogatepass: a port's name may hold bytes that are no UTF-8, and must come back as it was
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical(table: Mapping[str, Any]) -> bytes:
    return json.dumps(table, sort_keys=True, allow_nan=False).encode()


# Reading: bytes to values.


class Capsule:
    """A recorded session, opened for reading.

    `torn`, `damaged` and `changed` are sentences or None: an unfinished record at the end was left out; the log is
    broken in the middle and only what comes before is given; a text was altered after the recording. `ended` is None
    when the recording broke off.
    """

    def __init__(self, path: Path, opening: Opening, changed: str | None, log: bytes) -> None:
        self.path = path
        self.opening = opening
        self.changed = changed
        self.torn: str | None = None
        self.damaged: str | None = None
        self.ended: str | None = None
        self._log = log
        self._records: list[tuple[int, int]] = []  # payloads of ticks: start, stop
        self._scan()

    @classmethod
    def open(cls, path: Path) -> Self:
        """The capsule at `path`; CapsuleError when there is none that this biofeed can read."""
        opening, changed = _read_opening(Path(path))
        return cls(Path(path), opening, changed, _read(Path(path) / "log.bin"))

    @property
    def files(self) -> dict[str, str]:
        """The scene's and the soundscape's texts by name."""
        return dict(self.opening.files)

    def ticks(self) -> Iterator[Tick]:
        """Every recorded tick in order; CapsuleError after the last usable one when the log is damaged."""
        for start, stop in self._records:
            table, at = self._table(start, stop)
            cursor = _Cursor(self._log, at, stop)
            for row in table:
                entries = tuple(cursor.entry() for _ in range(int(row["n_entries"])))
                yield Tick(int(row["tick"]), entries, row["digest"].tobytes())
        if self.damaged:
            raise CapsuleError(self.damaged)

    def _scan(self) -> None:
        """Checks every record once; what follows the first bad one is torn off or damaged."""
        at, last = 0, -1
        sha256, self.n_ticks = hashlib.sha256(), 0
        end: dict[str, Any] | None = None
        while end is None and (found := _record_at(self._log, at)):
            kind, start, stop = found
            if kind == END:
                end = json.loads(self._log[start:stop])
            elif kind == TICKS:
                table, _ = self._table(start, stop)
                steps = np.diff(table["tick"].astype(np.int64), prepend=last)
                if not (steps > 0).all():
                    break
                last = int(table["tick"][-1]) if len(table) else last
                sha256.update(table["digest"].tobytes())
                self.n_ticks += len(table)
                self._records.append((start, stop))
            else:
                break
            at = stop
        self.digest = sha256.hexdigest()
        log = self.path / "log.bin"
        usable = f"the {self.n_ticks} ticks before it ({clock_text((last + 1) / TICKS_PER_S)} of the session) are whole"
        rest = len(self._log) - at
        if rest and (_record_at(self._log, at) or _has_record_after(self._log, at)):
            self.damaged = f"{log} is damaged at byte {at} of {len(self._log)}; {usable}"
        elif rest:
            self.torn = f"{log} ends in an unfinished record of {rest} bytes, which was left out; {usable}"
        if end is not None:
            self.ended = str(end["ended"])
            if (end["n_ticks"], end["sha256"]) != (self.n_ticks, self.digest):
                self.damaged = (
                    f"{log} does not hold the {end['n_ticks']} ticks that its last record speaks of; {usable}"
                )

    def _table(self, start: int, stop: int) -> tuple[npt.NDArray[np.void], int]:
        (n_ticks,) = struct.unpack_from("<I", self._log, start)
        at = start + 4 + n_ticks * _TABLE.itemsize
        if at > stop:
            raise CapsuleError(f"{self.path / 'log.bin'} is no log of a capsule: a record is shorter than it says")
        return np.frombuffer(self._log, _TABLE, n_ticks, start + 4), at


def _record_at(log: bytes, at: int) -> tuple[int, int, int] | None:
    """Type, start and stop of the payload of the whole record that begins at `at`; None when there is none."""
    if at + _HEAD.size > len(log):
        return None
    mark, size, kind, crc = _HEAD.unpack_from(log, at)
    start, stop = at + _HEAD.size, at + _HEAD.size + size
    if mark != MARK or stop > len(log):
        return None
    view = memoryview(log)
    if zlib.crc32(view[start:stop], zlib.crc32(view[at + 4 : at + 9])) != crc:
        return None
    return kind, start, stop


def _has_record_after(log: bytes, at: int) -> bool:
    while (at := log.find(MARK, at + 1)) >= 0:
        if _record_at(log, at):
            return True
    return False


class _Cursor:
    """Takes values off a stretch of bytes; CapsuleError when they do not fit in it."""

    def __init__(self, data: bytes, at: int, stop: int) -> None:
        self._data, self._at, self._stop = data, at, stop

    def entry(self) -> Entry:
        try:
            kind = self._bytes(1)
            if kind == b"\x01":
                return Received(self._text(), self._number("<d"), self._blob())
            if kind == b"\x02":
                return LinkChanged(self._text(), self._number("<d"), LinkState(self._text()), self._text())
            if kind == b"\x03":
                return Command(self._number("<q"), self._text(), self._value())
        except ValueError as error:  # UnicodeDecodeError among them
            raise CapsuleError(f"the log of the capsule holds an entry that cannot be read: {error}") from None
        raise CapsuleError(f"the log of the capsule holds an entry of the unknown kind {kind[0]}")

    def _value(self) -> float | str | None:
        kind = self._bytes(1)
        if kind == b"\x00":
            return None
        return self._text() if kind == b"\x02" else float(self._number("<d"))

    def _bytes(self, size: int) -> bytes:
        if self._at + size > self._stop:
            raise CapsuleError("the log of the capsule holds an entry that is longer than its record")
        self._at += size
        return self._data[self._at - size : self._at]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(8))[0]

    def _blob(self) -> bytes:
        return self._bytes(struct.unpack("<I", self._bytes(4))[0])

    def _text(self) -> str:
        return self._blob().decode("utf-8", "surrogatepass")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CapsuleError(f"the capsule {path.parent} lacks {path.name}") from None
    except OSError as error:
        raise CapsuleError(f"{path} cannot be read: {error.strerror}") from None


def _read_opening(path: Path) -> tuple[Opening, str | None]:
    """The opening, and a sentence when it or a file is not as it was recorded."""
    place = path / "capsule.json"
    try:
        is_capsule = place.is_file()
    except OSError as error:
        raise CapsuleError(f"{path} cannot be read: {error.strerror}") from None
    if not is_capsule:
        raise CapsuleError(f"there is no capsule at {path}: a capsule is a folder with a capsule.json")
    try:
        table = json.loads(_read(place))
        version = table["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CapsuleError(f"{place} is no capsule's opening, or is damaged") from None
    if version != FORMAT:
        raise CapsuleError(
            f"the capsule {path} is of format {version!r}, this biofeed reads up to {FORMAT}: update biofeed"
        )
    check = table.pop("sha256", None)
    changed = None if check == _sha256(_canonical(_finite(table))) else f"{place} was changed after the recording"
    wrong = {item.name for item in fields(Opening)} ^ set(table)
    wrong |= {name for name, kinds in _KINDS.items() if name in table and not isinstance(table[name], kinds)}
    if wrong:
        raise CapsuleError(f"{place} is damaged: {', '.join(sorted(wrong))} is not as it should be")
    texts: dict[str, str] = {}
    for name, sha256 in table["files"].items():
        data = _read(path / "files" / file_path(name))
        texts[name] = data.decode(errors="replace")
        if _sha256(data) != sha256:
            changed = f"{path / 'files' / name} was changed after the recording"
    return Opening(**(table | {"files": texts, "sensors": tuple(map(str, table["sensors"]))})), changed


_KINDS: dict[str, type | tuple[type, ...]] = {
    "started_utc": str,
    "seed": int,
    "scene": str,
    "duration_s": (int, float),
    "files": dict,
    "settings": dict,
    "sensors": list,
    "person": (str, type(None)),
    "biofeed": str,
}


def _finite(value: Any) -> Any:
    """JSON in Python reads NaN and Infinity, which no capsule is written with; they count as a change."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
