"""Processes for tests of the supervisor: an engine that counts, and who listens to it. Each notes what befalls it."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from biofeed.children import Beating, Line, Slots

STEP_S = 0.01


def note(folder: Path, words: str) -> None:
    """A line in `notes`, whole even when the writer is killed."""
    log = os.open(folder / "notes", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(log, f"{words}\n".encode())
    os.close(log)


def engine(
    control: Beating,
    folder: Path,
    lines: Mapping[str, tuple[Connection, int | None]],
    slots: Slots,
    died_s: float | None,
) -> None:
    """Counts a hundred times a second, from where the one before it was; "end" ends it."""
    kept = slots.latest(below=1 << 40)
    count = kept[0] + 1 if kept else 0
    note(folder, f"engine {os.getpid()} from {count} {'again' if died_s else 'first'}")
    fed = {name: Line(name, *line) for name, line in lines.items()}
    asked: list[Any] = []

    def obey() -> None:
        try:
            while True:
                asked.append(control.pipe.recv())
        except (EOFError, OSError):
            note(folder, "engine is alone")

    threading.Thread(target=obey, daemon=True).start()
    is_over = False
    while not is_over:
        control.beat()
        for kind, value in [asked.pop(0) for _ in range(len(asked))]:
            note(folder, f"engine hears {kind} {value[0] if kind == 'pipe' else value}")
            if kind == "pipe":
                fed[value[0]] = Line(*value)
            is_over = is_over or (kind, value) == ("ask", "end") or kind == "interrupt"
        for line in fed.values():
            line.send(count)  # type: ignore[arg-type]  # whatever can be pickled
            for said in line.poll():
                note(folder, f"engine hears {said[0]} {said[1]}")
        slots.put(count, b"")
        count += 1
        time.sleep(STEP_S)
        is_over = is_over or (folder / "end").exists()
    with contextlib.suppress(OSError):
        control.send(("over", "ended"))
    for line in fed.values():
        line.end()
    until_s = time.monotonic() + 10.0
    while any(line.is_open for line in fed.values()) and time.monotonic() < until_s:
        for line in fed.values():
            line.poll()
        time.sleep(STEP_S)


def failing_engine(control: Beating, folder: Path, **_: Any) -> None:
    note(folder, f"engine {os.getpid()}")
    control.beat()
    raise RuntimeError("it is broken")


def listener(pipe: Beating, folder: Path, name: str, leaves_at: int = -1, is_again: bool = False) -> None:
    """Notes its birth and its end, and each hundredth number."""
    note(folder, f"{name} {os.getpid()} {'again' if is_again else 'first'}")
    try:
        while True:
            if not pipe.poll(STEP_S):
                continue
            count = pipe.recv()
            if count is None or (isinstance(count, int) and 0 < leaves_at <= count):
                break
            if isinstance(count, str):
                note(folder, f"{name} hears {count}")
            elif count % 100 == 0:
                note(folder, f"{name} at {count}")
    except EOFError:
        note(folder, f"{name} lost everybody")
    note(folder, f"{name} ends")


def behind(pipe: Beating, folder: Path, is_again: bool = False) -> None:
    """In the place of the backdrop: the person strikes a key as soon as it comes forward."""
    note(folder, f"behind {os.getpid()} {'again' if is_again else 'first'}")
    while (word := pipe.recv() if pipe.poll(STEP_S) else "") is not None:
        if word:
            note(folder, f"behind hears {word}")
        if word == "front":
            pipe.send(("event", "stop"))
    note(folder, "behind ends")
