"""Writes a session capsule while the session runs: ticks go in, a folder comes out that survives a kill at any instant.

The engine's loop only appends to a queue. A thread of its own writes whole records and asks the disk to keep them, so
a slow disk costs no tick. What is written lies in the file at the latest 0.25 s after its tick and on the disk 0.5 s
after it, while the disk keeps up. When the disk is full or does not follow, recording stops with one sentence in
`trouble`, and the session goes on.
"""

import contextlib
import errno
import hashlib
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from biofeed.errors import CapsuleError
from biofeed.messages import TICKS_PER_S
from biofeed.session.capsule import (
    DIGEST_BYTES,
    END,
    TICKS,
    Cut,
    Entry,
    Opening,
    Tick,
    clock_text,
    end_payload,
    file_path,
    opening_bytes,
    record,
    ticks_payload,
)

WRITE_S = 0.2  # between two writes: a kill loses less than the second that is promised, with room for a busy machine
SYNC_S = 0.3  # at least, between two requests to the disk: at every second write
WAKE_TICKS = 1024  # sessions faster than real time wake the writer early ...
CAPACITY_TICKS = 16384  # ... and after 4.5 minutes of real time without an answer the disk is given up
BATCH_TICKS = 4096  # in one record: bounds what a single damaged byte can cost
CLOSE_S = 20.0  # the longest wait for the last write

_sync_file = getattr(os, "fdatasync", os.fsync)  # spares the write of the file's times where the system can


class Recorder:
    """The writer of one capsule; `tick` and `close` are called from one thread."""

    def __init__(self, folder: Path, opening: Opening, files: Mapping[str, str]) -> None:
        """Creates the capsule; CapsuleError when the folder holds something or cannot be written."""
        create(folder, opening, files)
        self._begin(Cut(Path(folder), 0, 0, hashlib.sha256()))

    @classmethod
    def resume(cls, cut: Cut) -> Self:
        """Goes on with a capsule, where it was cut: what follows there is given up. Raises CapsuleError."""
        made = cls.__new__(cls)
        made._begin(cut)
        return made

    def _begin(self, cut: Cut) -> None:
        self._folder = cut.path
        self.trouble: str | None = None  # why the recording has stopped, in one sentence
        # The last one in the file: a kill of this process cannot take it back.
        self.recorded_tick: int | None = cut.n_ticks - 1 if cut.n_ticks else None
        self._queue: deque[Tick] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._ended: str | None = None
        self._why: str | None = None
        self._n_ticks = cut.n_ticks
        self._digests = cut.digests.copy()
        self._size = cut.n_bytes  # bytes of whole records
        self._log = _open(self._folder, cut.n_bytes)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def tick(self, tick: int, entries: Sequence[Entry], digest: bytes) -> None:
        """Takes in one tick, numbers rising; returns at once, whatever the disk does."""
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(digest)}")
        if self.trouble is not None:
            return
        waiting = len(self._queue)
        if waiting >= CAPACITY_TICKS:
            self._stop(f"the disk does not keep up: recording stopped at {clock_text(tick / TICKS_PER_S)}")
            return
        self._queue.append(Tick(tick, tuple(entries), digest))
        if waiting == WAKE_TICKS:
            self._wake.set()

    def close(self, ended: str | None) -> None:
        """Writes what is left and the last record, which says why the session ended; a second call does nothing.

        With None there is no last record: the session is to go on.
        """
        if not self._is_closing:
            self._ended = ended
            self._is_closing = True
            self._wake.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._stop(f"the disk has not answered for {CLOSE_S:.0f} s: the end of the recording may be missing")

    def _stop(self, why: str) -> None:
        if self.trouble is None:
            self._why = why
            self.trouble = f"{why}; what was recorded before is kept in {self._folder}"

    def _run(self) -> None:
        try:
            synced_s = time.monotonic()
            while True:
                self._wake.wait(WRITE_S)
                self._wake.clear()
                is_closing = self._is_closing  # read before the queue: nothing that came before `close` is missed
                self._write_queue()
                if is_closing and self._ended is not None:
                    self._write_end(self._why or self._ended)
                if is_closing or time.monotonic() - synced_s >= SYNC_S:
                    _sync_file(self._log)
                    synced_s = time.monotonic()
                if is_closing:
                    return
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            self._give_up("the disk is full" if full else f"the recording cannot be written ({error.strerror})")
        except (struct.error, ValueError, AttributeError, TypeError) as error:
            self._give_up(f"the recording cannot be written (a tick is malformed: {error})")
        finally:
            os.close(self._log)

    def _write_queue(self) -> None:
        while self._queue:
            ticks = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_TICKS))]
            self._append(record(TICKS, ticks_payload(ticks)))
            for tick in ticks:
                self._digests.update(tick.digest)
            self._n_ticks += len(ticks)
            self.recorded_tick = ticks[-1].tick

    def _write_end(self, ended: str) -> None:
        self._append(record(END, end_payload(ended, self.recorded_tick, self._n_ticks, self._digests.hexdigest())))

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._log, view) :]
        self._size += len(data)

    def _give_up(self, why: str) -> None:
        """Takes the unfinished record back, so that the last one can say in its place why nothing follows."""
        at = clock_text(((self.recorded_tick or 0) + 1) / TICKS_PER_S)
        self._stop(f"{why}: recording stopped at {at}")
        with contextlib.suppress(OSError):
            os.ftruncate(self._log, self._size)
            self._write_end(self._why or why)
        with contextlib.suppress(OSError):
            os.ftruncate(self._log, self._size)
            _sync_file(self._log)


def create(folder: Path, opening: Opening, files: Mapping[str, str]) -> None:
    """The folder with everything but ticks, on the disk. capsule.json comes last: it is what makes it a capsule.

    Raises CapsuleError when the folder holds something or cannot be written.
    """
    folder = Path(folder)
    head = opening_bytes(opening, files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            what = "holds a capsule already" if (folder / "capsule.json").exists() else "is not empty"
            raise CapsuleError(f"{folder} {what}: give a folder of its own to each session")
        (folder / "files").mkdir()
        for name, text in files.items():
            place = folder / "files" / file_path(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            _put(place, text.encode())
        os.close(os.open(folder / "log.bin", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        for place in (folder / "files", *(folder / "files").rglob("*")):
            if place.is_dir():
                _sync_folder(place)
        _put(folder / "capsule.json", head)
        _sync_folder(folder.parent)
    except OSError as error:
        raise CapsuleError(f"the capsule {folder} cannot be created: {error.strerror}") from None


def _open(folder: Path, n_bytes: int) -> int:
    """The log's descriptor, to go on after so many bytes of it."""
    try:
        log = os.open(folder / "log.bin", os.O_WRONLY | os.O_APPEND | _BINARY)
        os.ftruncate(log, n_bytes)
    except OSError as error:
        raise CapsuleError(f"the capsule {folder} cannot be written: {error.strerror}") from None
    return log


_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would turn newlines in the log otherwise


def _put(place: Path, data: bytes) -> None:
    """The file, whole or not at all, on the disk when this returns."""
    draft = place.with_name(place.name + ".part")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
