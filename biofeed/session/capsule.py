"""The session capsule: a folder that holds all that entered the engine, and so the whole session. This is its reader.

    capsule.json   the opening: versions, seed, scene, settings, sensors; carries its own SHA-256 and that of each file
    files/         the scene's and the soundscape's texts, under the names that they go by (`lib/noise.glsl`)
    log.bin        records: mark (4 bytes), payload's length u32, type u8, CRC-32 of length + type + payload, payload

All numbers are little-endian. A record of ticks holds a table (tick u32, number of entries u16, digest 8 bytes) and
then all entries, so a tick is whole or absent. The mark tells a torn tail (nothing whole follows) from damage (it
does). Reading never changes a capsule: what cannot be used is left out and said in `torn`, and an altered text in
`changed`; a capsule that cannot be read at all is a CapsuleError.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Self

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
    settings: Mapping[str, Any] = field(default_factory=dict)  # what TOML can hold
    sensors: tuple[str, ...] = ()  # URLs: sensor0, sensor1 ...
    person: str | None = None  # who is simulated; None: a human being
    version: str = __version__  # of biofeed
    format: int = FORMAT


class Cut(NamedTuple):
    """The part of a log from which a session can go on: its whole records of ticks, in bytes and in ticks."""

    path: Path
    n_bytes: int
    n_ticks: int
    digests: Any  # SHA-256 over them, as hashlib gives it: it goes on, too


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


def opening_bytes(opening: Opening, files: Mapping[str, str]) -> bytes:
    """`capsule.json`, with the files' SHA-256 and its own; CapsuleError when it holds what JSON cannot."""
    for name in files:
        file_path(name)
    try:
        table = asdict(opening) | {"files": {name: _sha256(text.encode()) for name, text in files.items()}}
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

    `torn` says in a sentence what of the log could not be used: an unfinished record at its end, or, when `is_damaged`,
    all that follows the first broken byte. `changed` says which text is not as it was recorded. `ended` is None when
    the recording broke off. `digest` is frames_digest over the `n_ticks` usable ticks.
    """

    def __init__(self, path: Path, opening: Opening, files: Mapping[str, str], changed: str | None, log: bytes) -> None:
        self.path = path
        self.opening = opening
        self.files = dict(files)  # the scene's and the soundscape's texts by name
        self.changed = changed
        self.torn: str | None = None
        self.is_damaged = False
        self.ended: str | None = None
        self.n_ticks = 0
        self._log = log
        self._records: list[tuple[int, int]] = []  # payloads of ticks: start, stop
        self.digest = self._scan()

    @classmethod
    def open(cls, path: Path) -> Self:
        """The capsule at `path`; CapsuleError when there is none that this biofeed can read."""
        path = Path(path)
        return cls(path, *_read_opening(path), _read(path, "log.bin"))

    def ticks(self, first: int = 0) -> Iterator[Tick]:
        """Every usable tick from that one on, in order."""
        for start, stop in self._records:
            table, at = self._table(start, stop)
            if not len(table) or table["tick"][-1] < first:
                continue
            cursor = _Cursor(self._log, at, stop)
            for row in table:
                entries = tuple(cursor.entry() for _ in range(int(row["n_entries"])))
                if row["tick"] >= first:
                    yield Tick(int(row["tick"]), entries, row["digest"].tobytes())

    def cut(self, before: int | None = None) -> Cut:
        """The records up to the last usable one; with `before` only those whose ticks are all under it."""
        n_bytes, n_ticks, digests = 0, 0, hashlib.sha256()
        for start, stop in self._records:
            table, _ = self._table(start, stop)
            if before is not None and len(table) and table["tick"][-1] >= before:
                break
            n_bytes, n_ticks = stop, n_ticks + len(table)
            digests.update(table["digest"].tobytes())
        return Cut(self.path, n_bytes, n_ticks, digests)

    def _scan(self) -> str:
        """Checks every record once, up to the first that is not whole; returns the digest."""
        at, last = 0, -1
        sha256 = hashlib.sha256()
        end: dict[str, Any] | None = None
        while end is None and (found := _record_at(self._log, at)):
            kind, start, stop = found
            if kind == END:
                end = _read_end(self._log[start:stop])
            elif kind == TICKS:
                table, _ = self._table(start, stop)
                numbers = table["tick"].astype(np.int64)
                if not (np.diff(numbers, prepend=last) > 0).all():
                    break
                last = int(numbers[-1]) if len(numbers) else last
                sha256.update(table["digest"].tobytes())
                self.n_ticks += len(table)
                self._records.append((start, stop))
            else:
                break
            at = stop
        log, rest = self.path / "log.bin", len(self._log) - at
        whole = f"the {self.n_ticks} ticks before it ({clock_text((last + 1) / TICKS_PER_S)} of the session) are whole"
        if rest and (_record_at(self._log, at) or _has_record_after(self._log, at)):
            self.is_damaged = True
            self.torn = f"{log} is damaged at byte {at} of {len(self._log)} and was read up to there; {whole}"
        elif rest:
            self.torn = f"{log} ends in an unfinished record of {rest} bytes, which was left out; {whole}"
        if end is not None:
            self.ended = str(end.get("ended"))
            if (end.get("n_ticks"), end.get("sha256")) != (self.n_ticks, sha256.hexdigest()):
                self.is_damaged = True
                self.torn = f"{log} does not hold the ticks that its last record speaks of; {whole}"
        return sha256.hexdigest()

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


def _read_end(payload: bytes) -> dict[str, Any]:
    try:
        end = json.loads(payload)
    except (ValueError, RecursionError):
        end = None
    return end if isinstance(end, dict) else {}


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


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise CapsuleError(f"the capsule {folder} lacks {name}") from None
    except OSError as error:
        raise CapsuleError(f"{folder / name} cannot be read: {error.strerror}") from None


def _read_opening(folder: Path) -> tuple[Opening, dict[str, str], str | None]:
    """The opening, the files' texts, and a sentence when one of them is not as it was recorded."""
    place = folder / "capsule.json"
    try:
        is_capsule = place.is_file()
    except OSError as error:
        raise CapsuleError(f"{folder} cannot be read: {error.strerror}") from None
    if not is_capsule:
        raise CapsuleError(f"there is no capsule at {folder}: a capsule is a folder with a capsule.json")
    try:
        table = json.loads(_read(folder, "capsule.json"))
        version = int(table["format"])
        is_same = table.pop("sha256", None) == _sha256(_canonical(table))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise CapsuleError(f"{place} is no capsule's opening, or is damaged") from None
    if version > FORMAT:
        raise CapsuleError(
            f"the capsule {folder} is of format {version}, this biofeed reads up to {FORMAT}: update biofeed"
        )
    changed = None if is_same else f"{place} was changed after the recording"
    wrong = _KINDS.keys() ^ table.keys()
    wrong |= {name for name, kinds in _KINDS.items() if name in table and not isinstance(table[name], kinds)}
    if wrong:
        raise CapsuleError(f"{place} is damaged: {', '.join(sorted(wrong))} is not as it should be")
    files: dict[str, str] = {}
    for name, sha256 in table.pop("files").items():
        data = _read(folder, str("files" / file_path(name)))
        files[name] = data.decode(errors="replace")
        if _sha256(data) != sha256:
            changed = f"{folder / 'files' / name} was changed after the recording"
    return Opening(**(table | {"sensors": tuple(map(str, table["sensors"]))})), files, changed


_KINDS: dict[str, type | tuple[type, ...]] = {
    "started_utc": str,
    "seed": int,
    "scene": str,
    "duration_s": (int, float),
    "files": dict,
    "settings": dict,
    "sensors": list,
    "person": (str, type(None)),
    "version": str,
    "format": int,
}
