"""Tables in text files: a CSV goes in, its wanted columns and its times come out as numbers, each with its line.

Any of the usual separators, a header or none, a line of units, comments, quotes, blank cells, decimal commas. What is
no number is named with its file and line.
"""

import csv
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from biofeed.errors import RecordingError

Floats = npt.NDArray[np.float64]

BLANK = {"", "nan", "na", "n/a", "null", "none", "-", "--", "?"}  # what programs write where nothing was measured
TIME_WORDS = {"time", "times", "t", "timestamp", "timestamps", "elapsed", "clock", "date", "datetime"}
UNIT_WORDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "usec": 1e-6, "micros": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The wanted columns, NaN in blank cells; times in `unit_s` (None: the file does not say it)."""

    names: list[str]
    values: list[Floats]  # each (n_rows,)
    lines: npt.NDArray[np.int64]  # (n_rows,), from 1
    times: Floats | None = None
    time_name: str = ""
    unit_s: float | None = None
    is_torn: bool = False  # the last line is not whole: it is left out


def is_time(name: str) -> bool:
    """Whether a column of that name holds times."""
    words = _words(name)
    return bool(words) and (words[0] in TIME_WORDS or all(word in UNIT_WORDS for word in words))


def time_unit_s(name: str) -> float | None:
    """The unit that the name of a column of times says."""
    return next((UNIT_WORDS[word] for word in _words(name) if word in UNIT_WORDS), None)


def read_table(path: Path, choose: Callable[[list[str]], list[int]], by_time: bool) -> Table:
    """The columns that `choose` picks from the header's names (numbers where there is none).

    With `by_time` the first column of times is read, too. Raises RecordingError with file and line.
    """
    try:
        with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
            separator = _separator(file)
            file.seek(0)
            return _Reading(path.name, separator).table(_rows(file, separator), choose, by_time)
    except (csv.Error, UnicodeError) as error:
        raise RecordingError(f"{path.name} is not a table of text: {error}") from error


class _Reading:
    """One pass over a file's rows."""

    def __init__(self, name: str, separator: str) -> None:
        self._name = name
        self._has_comma = separator != ","  # a decimal comma can be told from a separator

    def table(
        self, rows: Iterator[tuple[int, list[str]]], choose: Callable[[list[str]], list[int]], by_time: bool
    ) -> Table:
        top = next(rows, None)
        if top is None:
            raise RecordingError(f"{self._name} is empty")
        has_header = not all(self._is_value(cell) for cell in top[1])
        names = [_bare(cell) for cell in top[1]] if has_header else [str(k) for k in range(len(top[1]))]
        picked = choose(names)
        clock = None
        if by_time and has_header:
            clock = next((k for k, name in enumerate(names) if is_time(name) and k not in picked), None)
        numbers = [array("d") for _ in picked]
        times, lines = array("d"), array("q")
        is_clock = False  # times as 0:01.250 or 2026-01-31T12:00:00: they say their unit themselves
        trouble: RecordingError | None = None
        first = True
        for line, cells in rows if has_header else chain([top], rows):
            if trouble is not None:
                raise trouble
            if first and has_header and not any(self._is_value(cell) for cell in cells if _bare(cell)):
                first = False  # the line of units below the names
                continue
            first = False
            try:
                row = [self._value(cells, k, names) for k in picked]
                if clock is not None:
                    time, says_unit = self._time(cells, clock, names)
                    is_clock = is_clock or says_unit
                    times.append(time)
            except ValueError as error:
                trouble = RecordingError(f"{self._name}:{line}: {error}")
                continue
            lines.append(line)
            for column, value in zip(numbers, row, strict=True):
                column.append(value)
        if not lines:
            raise trouble or RecordingError(f"{self._name} has names but no samples")
        return Table(
            [names[k] for k in picked],
            [np.array(column) for column in numbers],
            np.array(lines, np.int64),
            np.array(times) if clock is not None else None,
            names[clock] if clock is not None else "",
            None if clock is None else 1.0 if is_clock else time_unit_s(names[clock]),
            trouble is not None,
        )

    def _value(self, cells: list[str], k: int, names: list[str]) -> float:
        try:
            return float(cells[k])
        except IndexError:
            raise ValueError(f"{len(cells)} cells, but the column {names[k]} is number {k} (from 0)") from None
        except ValueError:
            return self._plain(cells[k], names[k])

    def _plain(self, cell: str, name: str) -> float:
        text = _bare(cell)
        if text.lower() in BLANK:
            return float("nan")
        try:
            return float(text.replace(",", ".") if self._has_comma else text)
        except ValueError:
            raise ValueError(
                f"column {name} holds {text[:40]!r}, no number: leave the cell empty where nothing was measured"
            ) from None

    def _time(self, cells: list[str], k: int, names: list[str]) -> tuple[float, bool]:
        """The time in a cell, and whether it says its own unit."""
        text = _bare(cells[k]) if k < len(cells) else ""
        seconds = _clock_s(text)
        if seconds is not None:
            return seconds, True
        value = self._plain(text, names[k])
        if not np.isfinite(value):
            raise ValueError(f"no time stands in column {names[k]}: give --rate HZ to do without times")
        return value, False

    def _is_value(self, cell: str) -> bool:
        text = _bare(cell)
        if text.lower() in BLANK or _clock_s(text) is not None:
            return True
        try:
            float(text.replace(",", ".") if self._has_comma else text)
        except ValueError:
            return False
        return True


def _clock_s(text: str) -> float | None:
    """Seconds of a clock's time (1:02:03.5, 2:03.5) or of a date with time (ISO 8601); None when it is neither."""
    if ":" not in text:
        return None
    match = re.fullmatch(r"\[?(?:(\d{1,4}):)?(\d{1,5}):(\d{1,2}(?:\.\d{1,9})?)\]?", text, re.ASCII)
    if match:
        return 3600.0 * int(match[1] or 0) + 60.0 * int(match[2]) + float(match[3])
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _bare(cell: str) -> str:
    return cell.strip().strip("'\"").strip()


def _words(name: str) -> list[str]:
    return re.findall(r"[a-zµ]+", name.lower())


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _separator(file: TextIO) -> str:
    """What stands between cells; a blank stands for any white space."""
    lines = (line for line in file if line.strip() and not line.lstrip().startswith("#"))
    first, second = next(lines, ""), next(lines, "")
    for separator in "\t;,|":
        if separator in first:
            return separator
    return " " if len((second or first).split()) > 1 else ","


def _rows(file: TextIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells; comments and empty lines are left out."""
    if separator == " ":
        for number, line in enumerate(file, 1):
            cells = line.split()
            if cells and not cells[0].startswith("#"):
                yield number, cells
        return
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
    for cells in reader:
        if cells and not cells[0].lstrip().startswith("#"):
            yield reader.line_num, cells
