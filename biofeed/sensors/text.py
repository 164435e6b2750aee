"""The plain text that hobby boards print: PulseSensor lines, Arduino `name:value` and positional columns.

Bytes in, messages out. Text carries no clock and no checksum: the tick is one line (nominally 50 a second), and a line
counts only while the set of columns is settled. What is accepted stands in `hardware/protocol.md`.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from biofeed.messages import Fault, Hello, Input, Packet, Stream

RATE_HZ = 50.0  # what PulseSensor sketches aim at (they wait 20 ms); the true rate follows from the clock fit
SETTLE_LINES = 5  # equal lines before a set of columns is believed
MAX_LINE_BYTES = 256

_FINE = 1000  # counts per unit of a column that prints decimals
_INT32 = 2**31 - 1
_ALIASES = {
    "ppg": ("ppg", "pulse", "ir", "signal", "pulsesensor", "bvp"),
    "ecg": ("ecg", "ekg"),
    "resp": ("resp", "breath", "belt", "thorax", "respiration", "breathing", "chest", "abdomen"),
    "bpm": ("bpm", "hr"),
    "time": ("t", "ms", "time", "millis", "us", "micros", "timestamp"),
}
_KINDS = {alias: kind for kind, aliases in _ALIASES.items() for alias in aliases}
_POSITIONAL = ("ppg", "resp")  # what unnamed columns are, from the first
_VALUE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_UNKNOWN = ("nan", "inf", "-inf", "ovf", "-ovf")  # what Arduino's print makes of values that are none
_SAMPLE = re.compile(r"([Sa-l])(\d{1,7})", re.ASCII)  # PulseSensor: S is the only sensor, a, b, ... are several
_BEAT = re.compile(r"[A-Z]\d{1,7}", re.ASCII)  # PulseSensor's own beats; the signal is what counts here


class _Row(NamedTuple):
    """One line (or one round of lines) of numbers; NaN is a value that the device did not know."""

    columns: tuple[str, ...]
    values: tuple[float, ...]
    has_point: tuple[bool, ...]
    arrival_s: float


def _numbers(words: list[str]) -> tuple[tuple[float, ...], tuple[bool, ...]] | None:
    values = []
    for word in words:
        if _VALUE.fullmatch(word):
            value = float(word)
            values.append(value if math.isfinite(value) else math.nan)
        elif word.lower() in _UNKNOWN:
            values.append(math.nan)
        else:
            return None
    return tuple(values), tuple(not word.lstrip("+-").isdigit() for word in words)


def _row(line: str, arrival_s: float) -> _Row | None:
    """A line of columns; None when it is anything else."""
    line = re.sub(r"\s*[:=]\s*", ":", line)
    named = line.find(":") > 0
    words = [word for word in re.split(r"[,\t]+" if named and "," in line else r"[,\s]+", line) if word.strip()]
    columns = tuple(str(k + 1) for k in range(len(words)))
    if named:
        pairs = [word.strip().split(":") for word in words]
        if any(len(pair) != 2 or not re.match(r"[^\W\d]", pair[0]) for pair in pairs):
            return None
        columns, words = tuple(pair[0].lower()[:40] for pair in pairs), [pair[1] for pair in pairs]
    numbers = _numbers(words)
    if not words or numbers is None or len(set(columns)) < len(columns):
        return None
    return _Row(columns, *numbers, arrival_s)


def _is_plotter(rows: list[_Row]) -> bool:
    """True when three columns are PulseSensor's `BPM,IBI,Signal`: the first two tell of the same beats."""
    if len(rows[0].columns) != 3 or rows[0].columns[0] != "1":
        return False
    for row in rows:
        bpm, ibi_ms, signal = row.values
        if any(row.has_point) or not (0 <= bpm <= 255 and 200 <= ibi_ms <= 3000 and 0 <= signal <= 4095):
            return False
        if bpm and not 0.5 < bpm * ibi_ms / 60_000 < 2.0:  # BPM is a mean of ten intervals, IBI the last one
            return False
    return True


class TextDecoder:
    """Lines to messages for one device. Every line becomes one packet of one sample per column."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._line = bytearray()
        self._is_first = True  # the first line may be cut: it is thrown away
        self._round: list[tuple[str, str, float]] = []  # samples of several PulseSensors, until the round is complete
        self._alike: list[_Row] = []  # the latest rows, as far as their columns are equal
        self._columns: tuple[str, ...] = ()  # settled columns; empty while they are not
        self._streams: dict[int, Stream] = {}  # by column; columns that are no signal have none
        self._boot_id = 0
        self._count = 0  # lines since the columns settled

    @property
    def name(self) -> str:
        return "text"

    def __call__(self, data: bytes, arrival_s: float) -> list[Input]:
        out: list[Input] = []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._hold(piece)
            line, self._line = bytes(self._line), bytearray()
            if self._is_first:
                self._is_first = False
            else:
                self._take(line, arrival_s, out)
        self._hold(rest)
        return out

    def _hold(self, piece: bytes) -> None:
        self._line += piece[: MAX_LINE_BYTES + 1 - len(self._line)]

    def _take(self, line: bytes, arrival_s: float, out: list[Input]) -> None:
        text = line.decode("ascii", errors="replace").strip()  # a damaged byte spoils its line, not a digit's place
        if not text or (_BEAT.fullmatch(text) and not text.startswith("S")):
            return
        if len(line) > MAX_LINE_BYTES:
            self._reject(line, arrival_s, out)
            return
        sample = _SAMPLE.fullmatch(text)
        if sample is None:
            row = _row(text, arrival_s)
            if row is None:
                self._reject(line, arrival_s, out)
            else:
                self._accept(row, len(line), out)
            return
        letter, digits = sample.groups()
        if self._round and letter <= self._round[-1][0]:
            self._end_round(out)
        self._round.append((letter, digits, arrival_s))
        if tuple(letter for letter, _, _ in self._round) == self._columns:
            self._end_round(out)

    def _end_round(self, out: list[Input]) -> None:
        letters, digits, arrivals_s = zip(*self._round, strict=True)
        self._round = []
        row = _Row(letters, tuple(map(float, digits)), (False,) * len(digits), arrivals_s[-1])
        self._accept(row, sum(map(len, digits)), out)

    def _reject(self, line: bytes, arrival_s: float, out: list[Input]) -> None:
        self._alike, self._round = [], []
        if self._columns:
            self._count += 1  # the line was a sample's: the gap must show
            out.append(Fault(self._device, arrival_s, "format", len(line)))

    def _accept(self, row: _Row, n_bytes: int, out: list[Input]) -> None:
        if row.columns == self._columns:
            self._alike = []
            if not self._fits(row):
                self._settle([row], out)
            self._emit(row, out)
            return
        if self._columns:
            self._count += 1
            out.append(Fault(self._device, row.arrival_s, "format", n_bytes))
        if self._alike and self._alike[-1].columns != row.columns:
            self._alike = []
        self._alike.append(row)
        if len(self._alike) == SETTLE_LINES:
            rows, self._alike = self._alike, []
            self._settle(rows, out)
            for each in rows:
                self._emit(each, out)

    def _fits(self, row: _Row) -> bool:
        """False when a value needs a finer scale or a wider range than was declared for its column."""
        for k, stream in self._streams.items():
            value = row.values[k]
            if row.has_point[k] and stream.scale == 1.0 and not math.isnan(value):
                return False
            if value > stream.count_max * stream.scale and stream.count_max < _INT32:
                return False
        return True

    def _settle(self, rows: list[_Row], out: list[Input]) -> None:
        """Declares the columns of these rows; widens what was declared when the columns stay the same."""
        row = rows[-1]
        before = self._streams if row.columns == self._columns else {}
        is_pulse_sensor = all(len(c) == 1 and c.isalpha() for c in row.columns)
        kinds = ["ppg" if is_pulse_sensor else _KINDS.get(c.rstrip("_0123456789"), c) for c in row.columns]
        if row.columns[0] == "1":
            kinds = [_POSITIONAL[k] if k < len(_POSITIONAL) else f"value{k + 1}" for k in range(len(kinds))]
            if before[0].kind == "bpm" if before else _is_plotter(rows):
                kinds, is_pulse_sensor = ["bpm", "ibi", "ppg"], True
        self._streams = {}
        for k, kind in enumerate(kinds):
            if kind == "time":
                continue  # the tick is the line; a column of time is no signal
            twins = kinds[:k].count(kind)
            values = [each.values[k] for each in rows if not math.isnan(each.values[k])]
            is_fine = any(each.has_point[k] and not math.isnan(each.values[k]) for each in rows)
            is_fine = is_fine or bool(before and before[k].scale != 1.0)
            low, high = -_INT32, _INT32  # the converter behind the text is not known
            if is_pulse_sensor and kind == "ppg" and not is_fine:
                top = max(values, default=0.0)
                high = 1023 if top <= 1023 else 4095 if top <= 4095 else _INT32  # 10 bits, 12 on newer boards
                low = 0
            scale = 1.0 / _FINE if is_fine else 1.0
            self._streams[k] = Stream(k, f"{kind}{twins + 1}" if twins else kind, RATE_HZ, "1", low, high, scale)
        boot_id = round(row.arrival_s * 1000) % 2**16  # of the time, so that a decoder made afresh has another one
        self._boot_id = boot_id if boot_id != self._boot_id else (boot_id + 1) % 2**16
        self._columns, self._count = row.columns, 0
        name = "PulseSensor" if is_pulse_sensor else "text"
        streams = tuple(self._streams.values())
        out.append(Hello(self._device, row.arrival_s, self._boot_id, name, "", "", 1.0 / RATE_HZ, streams))

    def _emit(self, row: _Row, out: list[Input]) -> None:
        for k, stream in self._streams.items():
            if math.isnan(row.values[k]):
                continue  # not known: the next packet's tick shows the gap
            count = row.values[k] / stream.scale
            if abs(count) > _INT32:
                out.append(Fault(self._device, row.arrival_s, "format", 0))
                continue
            counts = np.array([[round(count)]], np.int32)
            out.append(Packet(self._device, k, self._count, self._count, row.arrival_s, 0, counts))
        self._count += 1
