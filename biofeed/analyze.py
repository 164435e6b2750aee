"""A recording through the live signal path: tracks go in as a board's messages, tick by tick; tables come out.

beats.csv, breaths.csv and features.csv (10 rows a second) hold what the path told, times in s from the recording's
start; measures.json says what the measures are. The four appear together, at the end, or not at all.
"""

import csv
import dataclasses
import heapq
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from biofeed import __version__
from biofeed.errors import OutputError, UsageError
from biofeed.messages import TICKS_PER_S, Beat, Breath, Features, Hello, Input, Packet, Reading, Stream, Trust
from biofeed.recordings import Recording, Track
from biofeed.signals.hrv import NAMES, declaration
from biofeed.signals.pipeline import Pipeline, Settings

KINDS = {
    "ppg": ("ppg", "pulse", "pleth", "bvp", "finger", "photo"),
    "ecg": ("ecg", "ekg", "mlii", "lead"),
    "resp": ("resp", "breath", "belt", "rsp", "chest", "thorax", "thor", "abdomen", "abdo", "thermistor", "impedance"),
}  # the words by which a name tells its kind
RATE_HZ = {"ppg": (20.0, 5000.0), "ecg": (80.0, 10_000.0), "resp": (5.0, 5000.0)}  # outside the stages know nothing
DEVICE = "recording"
TICK_S = 1e-9  # of the device's clock: finer than any recording's times
PACKET_S = 0.02
LEAD_S = 0.5  # the board has run for so long when the recording begins: a port's first packets are not placed
FEATURES_EVERY = 6  # ticks
TRUSTED = 0.5
SINCE = re.compile(r" for \d+ s$")  # how long a reason has held


@dataclass(frozen=True, slots=True)
class Source:
    """One `--signal NAME=COLUMN[:KIND]`."""

    name: str
    column: str
    kind: str


def source(text: str) -> Source:
    """What a `--signal` asks for. Raises UsageError."""
    name, equals, rest = text.partition("=")
    name, rest = name.strip(), rest.strip()
    if not (name and equals and rest):
        raise UsageError(f"--signal {text} is not NAME=COLUMN or NAME=COLUMN:KIND, as in pulse=PLETH:ppg")
    column, colon, kind = rest.rpartition(":")
    if colon and column and kind.strip().lower() in KINDS:
        return Source(name, column.strip(), kind.strip().lower())
    plain = name.lower()
    guessed = [kind for kind, words in KINDS.items() if any(word in plain for word in words)]
    if len(guessed) != 1:
        raise UsageError(f"--signal {text} does not say what {name} is: add :ppg, :ecg or :resp")
    return Source(name, rest, guessed[0])


def sources(texts: Sequence[str]) -> list[Source]:
    """All that is asked for, each name once. Raises UsageError."""
    found = [source(text) for text in texts]
    twice = [name for name, n in Counter(item.name for item in found).items() if n > 1]
    if twice:
        raise UsageError(f"--signal {twice[0]}=... is given twice: each name once")
    return found


def _check_rates(asked: Sequence[Source], tracks: Sequence[Track]) -> None:
    """Raises UsageError when a rate is none that the stages know."""
    for item, track in zip(asked, tracks, strict=True):
        low, high = RATE_HZ[item.kind]
        if not low <= track.rate_hz <= high:
            raise UsageError(
                f"{item.name} has {track.rate_hz:g} Hz; {item.kind} can be analysed from {low:g} to {high:g} Hz"
            )


def messages(asked: Sequence[Source], tracks: Sequence[Track]) -> Iterator[Hello | Packet]:
    """What a board would send that measured these tracks, in the order of arrival; nothing is delayed on the wire."""
    streams = [
        Stream(k, item.kind, track.rate_hz, track.unit, track.count_min, track.count_max, track.scale, track.offset)
        for k, (item, track) in enumerate(zip(asked, tracks, strict=True))
    ]
    lead = Stream(len(streams), "lead", 1.0)  # of no kind that is interpreted
    yield Hello(DEVICE, -LEAD_S, 1, "recording", "", "", TICK_S, (*streams, lead))
    yield Packet(DEVICE, lead.id, 0, round(-LEAD_S / TICK_S), -LEAD_S, 0, np.zeros((1, 1), np.int32))
    yield from heapq.merge(*map(_packets, count(), tracks), key=lambda packet: packet.arrival_s)


def _packets(stream: int, track: Track) -> Iterator[Packet]:
    n_each = max(1, round(PACKET_S * track.rate_hz))
    seq = 0
    for run in track.runs:
        seq += 1  # with the one below a jump: samples are missing
        for first in range(run.first, run.stop, n_each):
            seq += 1
            counts = track.counts[first : min(first + n_each, run.stop), None]
            start_s = run.start_s + (first - run.first) / track.rate_hz
            arrival_s = start_s + (counts.shape[0] - 1) / track.rate_hz
            yield Packet(DEVICE, stream, seq, round(start_s / TICK_S), arrival_s, 0, counts)


def readings(asked: Sequence[Source], tracks: Sequence[Track], pipeline: Pipeline) -> Iterator[tuple[int, Reading]]:
    """Ticks and readings of the live path, from the recording's start to its end."""
    waiting = messages(asked, tracks)
    item = next(waiting, None)
    end_s = max(track.end_s for track in tracks)
    for tick in range(math.ceil(end_s * TICKS_PER_S) + 1):
        time_s = tick / TICKS_PER_S
        due: list[Input] = []
        while item is not None and item.arrival_s <= time_s:
            due.append(item)
            item = next(waiting, None)
        yield tick, pipeline(time_s, due)


@dataclass(slots=True)
class Told:
    """What the path told of a recording, in sum."""

    beats: list[Beat] = field(default_factory=list)
    withdrawn: dict[float, float] = field(default_factory=dict)  # a beat's time: when it was withdrawn
    n_breaths: int = 0
    rates: list[float] = field(default_factory=list)  # breaths per minute while trusted
    n: int = 0  # readings
    trusted: Counter[str] = field(default_factory=Counter)  # by part: heart, breath
    reasons: Mapping[str, Counter[str]] = field(default_factory=lambda: {"heart": Counter(), "breath": Counter()})

    def take(self, reading: Reading) -> None:
        features = reading.features
        self.n += 1
        self.beats += reading.beats
        self.withdrawn.update((item.time_s, item.at_s) for item in reading.withdrawn)
        self.n_breaths += len(reading.breaths)
        for part, trust in (("heart", features.heart), ("breath", features.breath)):
            if trust.quality >= TRUSTED:
                self.trusted[part] += 1
            else:
                self.reasons[part][SINCE.sub("", trust.reason)] += 1
        if features.breaths_per_min is not None and features.breath.quality >= TRUSTED:
            self.rates.append(features.breaths_per_min)

    def lines(self, kinds: Set[str]) -> list[str]:
        """The summary, for people."""
        found = []
        if kinds & {"ppg", "ecg"}:
            stand = [beat for beat in self.beats if beat.time_s not in self.withdrawn]
            good = [beat.ibi_ms for beat in stand if beat.ibi_ms is not None and beat.quality >= TRUSTED]
            gone = f" ({len(self.withdrawn)} withdrawn)" if self.withdrawn else ""
            rate = f"mean heart rate {60_000.0 / float(np.mean(good)):.1f}/min" if good else "heart rate not known"
            found.append(f"heart    {len(stand)} beats{gone}, {rate}, {self._trust('heart')}")
        if "resp" in kinds or self.trusted["breath"]:
            rate = f"median rate {float(np.median(self.rates)):.1f}/min" if self.rates else "rate not known"
            found.append(f"breath   {self.n_breaths} breaths, {rate}, {self._trust('breath')}")
        return found

    def _trust(self, part: str) -> str:
        share = f"trusted {100.0 * self.trusted[part] / max(self.n, 1):.0f} % of the time"
        most = self.reasons[part].most_common(1)
        return share + (f"; else most often: {most[0][0]}" if most and most[0][0] else "")


def analyze(
    asked: Sequence[Source],
    recording: Recording,
    folder: Path,
    settings: Settings | None = None,
    tell: Callable[[float], None] = lambda _time_s: None,
) -> list[str]:
    """Runs the recording through the path and writes the tables to `folder`; returns a summary for people.

    Raises UsageError when a rate is none that the path knows, OutputError when the tables cannot be written.
    """
    tracks = recording.tracks
    _check_rates(asked, tracks)
    told = Told()
    with _together(folder, ("beats.csv", "breaths.csv", "features.csv", "measures.json")) as files:
        beats, breaths, features = (csv.writer(files[name], lineterminator="\n") for name in list(files)[:3])
        breaths.writerow([item.name for item in dataclasses.fields(Breath)])
        features.writerow([*_flat(Features(0.0)), *(f"{name}_age_s" for name in NAMES)])
        pipeline = Pipeline(settings)
        for tick, reading in readings(asked, tracks, pipeline):
            told.take(reading)
            for breath in reading.breaths:
                breaths.writerow(_cells(dataclasses.asdict(breath)))
            if tick % FEATURES_EVERY == 0:
                ages = {f"{name}_age_s": item.age_s for name, item in pipeline.measured().items()}
                features.writerow(_cells(_flat(reading.features) | ages))
                tell(reading.features.time_s)
        beats.writerow(("time_s", "ibi_ms", "quality", "label", "withdrawn_s"))
        for beat in told.beats:
            row = {name: getattr(beat, name) for name in ("time_s", "ibi_ms", "quality", "label")}
            beats.writerow(_cells(row | {"withdrawn_s": told.withdrawn.get(beat.time_s)}))
        said = {
            "version": __version__,
            "signals": [
                {**dataclasses.asdict(item), "rate_hz": track.rate_hz, "unit": track.unit}
                for item, track in zip(asked, tracks, strict=True)
            ],
            "measures": declaration(),
        }
        files["measures.json"].write(json.dumps(said, indent=1) + "\n")
    described = (
        f"{item.name}: {track.column} as {item.kind}, {track.rate_hz:.6g} Hz"
        for item, track in zip(asked, tracks, strict=True)
    )
    return [*described, f"length   {recording.end_s:.1f} s", *told.lines({item.kind for item in asked})]


def _flat(features: Features) -> dict[str, Any]:
    """The features with each Trust as three columns: heart_quality, heart_age_s, heart_reason."""
    row: dict[str, Any] = {}
    for item in dataclasses.fields(features):
        value = getattr(features, item.name)
        if isinstance(value, Trust):
            row |= {f"{item.name}_{part.name}": getattr(value, part.name) for part in dataclasses.fields(value)}
        else:
            row[item.name] = value
    return row


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Times to the microsecond, other numbers to six digits, nothing where nothing is known."""
    return [_cell(name, value) for name, value in row.items()]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}" if name.endswith("_s") else f"{value:.6g}"
    return str(value)


@contextmanager
def _together(folder: Path, names: Sequence[str]) -> Iterator[dict[str, TextIO]]:
    """The files open for writing; they get their names when all is written, and vanish when anything fails."""
    parts = {name: folder / f".{name}.part" for name in names}
    was_there = folder.exists()
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                yield {
                    name: stack.enter_context(part.open("w", encoding="utf-8", newline=""))
                    for name, part in parts.items()
                }
            for name, part in parts.items():
                part.replace(folder / name)
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)
            if not was_there and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        where = error.filename2 or error.filename or folder
        raise OutputError(f"{where} cannot be written: {error.strerror or error}") from error
