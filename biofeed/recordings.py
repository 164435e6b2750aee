"""Recordings of bodies: a CSV, EDF, NPZ or WFDB file goes in, tracks come out, in counts as a board would send them.

CSV and NPZ need numpy alone; EDF needs edfio and WFDB needs wfdb, the optional extra `recordings`. What is not a
finite number was not recorded: it ends a run of samples, and the next one begins after it.
"""

import importlib
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed.errors import BiofeedError, RecordingError, UsageError, nearest
from biofeed.tables import is_time, read_table, time_unit_s

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WIDE = 2**31 - 2  # where the file does not say where the converter's limits are
LARGEST = 1e30  # no measurement is larger in any unit
DECIMALS = 10  # a text's numbers are counts of a power of ten
RATES = ("fs", "rate_hz", "rate", "sampling_rate")  # what an NPZ file may call it
GAP = 1.5  # sample periods: a longer step means that samples are missing
JITTERY = 0.05  # with a larger share of such steps the times are those of arrivals
JITTER_S = 0.1
PAUSE_S = 3600.0  # a longer gap is a mistake in the times, or two recordings
ROUND = 1e-6  # a rate this near to a whole number is that: the rest is the rounding of the times
LATEST = 1e19  # in any unit: nanoseconds since 1970 are 1.8e18
SHORTEST_S = 1e-5  # between samples
STRETCHED = 0.002  # of the range: so near to both ends only what was made to fill it


@dataclass(frozen=True, slots=True)
class Run:
    """Samples `first` to before `stop` follow each other evenly; the first one is of `start_s`."""

    first: int
    stop: int
    start_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One signal of a recording; value = counts * scale + offset, in `unit`. Times count from the recording's start."""

    column: str
    rate_hz: float
    counts: npt.NDArray[np.int32]  # (n_samples,); 0 where nothing was recorded, which is in no run
    runs: tuple[Run, ...]
    unit: str
    scale: float
    offset: float
    count_min: int
    count_max: int

    @property
    def end_s(self) -> float:
        last = self.runs[-1]
        return last.start_s + (last.stop - last.first) / self.rate_hz


@dataclass(frozen=True, slots=True)
class Converter:
    """What a file says of the converter that made its counts."""

    scale: float
    offset: float
    count_min: int
    count_max: int


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One signal as its file has it."""

    name: str
    values: Floats  # (n_samples,); NaN where nothing was recorded
    rate_hz: float | None = None
    times_s: Floats | None = None  # of each sample, from the recording's start
    unit: str = "1"
    converter: Converter | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """The tracks that were asked for, and what the person should know of how they were read."""

    tracks: tuple[Track, ...]
    notes: tuple[str, ...] = ()

    @property
    def end_s(self) -> float:
        return max(track.end_s for track in self.tracks)


def read(path: Path, columns: Sequence[str], rate_hz: float | None = None) -> Recording:
    """The recording with a track for each of these columns, named or by their numbers from 0.

    `rate_hz` is for files that say neither rate nor times, or whose times are wrong. Raises RecordingError when the
    file cannot be used, UsageError when there is no such column or the rate is missing or contradicts the file.
    """
    reader = _reader(path)
    notes: list[str] = []
    try:
        found = reader(path, columns, rate_hz is None, notes)
    except OSError as error:
        raise RecordingError(f"{error.filename or path} cannot be read: {error.strerror or error}") from error
    return Recording(tuple(_track(path, column, rate_hz) for column in found), tuple(notes))


def pick(path: Path, wanted: str, names: Sequence[str]) -> int:
    """The column's place: its name, case and outer blanks aside, or its number from 0. Raises UsageError."""
    plain = [name.strip().lower() for name in names]
    hits = [k for k, name in enumerate(plain) if name == wanted.strip().lower()]
    if len(hits) > 1:
        raise UsageError(f"{path.name} has {len(hits)} columns {wanted}: name it by its number, {hits[0]} or {hits[1]}")
    if hits:
        return hits[0]
    if wanted.strip().isdecimal():
        if int(wanted) < len(names):
            return int(wanted)
        raise UsageError(f"{path.name} has no column {wanted}: its {len(names)} columns count from 0")
    raise UsageError(f"{path.name} has no column {wanted}{nearest(wanted, [name.strip() for name in names])}")


Reader = Callable[[Path, Sequence[str], bool, list[str]], list[Column]]


def _reader(path: Path) -> Reader:
    readers: dict[str, Reader] = {
        ".csv": _csv, ".tsv": _csv, ".txt": _csv, ".npz": _npz, ".edf": _edf, ".bdf": _edf, ".hea": _wfdb, ".dat": _wfdb
    }  # fmt: skip
    suffix = path.suffix.lower()
    if suffix not in readers and path.with_name(path.name + ".hea").is_file():
        return _wfdb  # a record goes by its name alone
    if not path.exists():
        raise RecordingError(f"there is no file {path}")
    if path.is_dir():
        raise RecordingError(f"{path} is a folder: name the file in it")
    if suffix not in readers:
        raise RecordingError(f"{path.name} is of no kind that is known: a recording ends in {', '.join(readers)}")
    return readers[suffix]


def _csv(path: Path, columns: Sequence[str], by_time: bool, notes: list[str]) -> list[Column]:
    table = read_table(path, lambda names: [pick(path, wanted, names) for wanted in columns], by_time)
    if table.is_torn:
        notes.append(f"{path.name}: the last line is torn and left out")
    times_s = None
    if table.times is not None:
        times_s, unit_s = _seconds(table.times, table.unit_s, lambda k: f"{path.name}:{table.lines[k]}")
        if table.unit_s is None and unit_s < 1.0:
            word = "milliseconds" if unit_s == 1e-3 else "microseconds"
            notes.append(f"{path.name}: the times of column {table.time_name} are read as {word}")
    return [Column(name, values, None, times_s) for name, values in zip(table.names, table.values, strict=True)]


def _npz(path: Path, columns: Sequence[str], by_time: bool, _notes: list[str]) -> list[Column]:
    arrays = _opened(path, lambda: _arrays(path))
    rates = [float(arrays[key]) for key in RATES if key in arrays and arrays[key].size == 1]
    signals: dict[str, Floats] = {}
    for key, array in arrays.items():
        if array.ndim == 1 and array.size > 1:
            signals[key] = array.astype(np.float64)
        elif array.ndim == 2:
            signals |= {f"{key}[{k}]": array[:, k].astype(np.float64) for k in range(array.shape[1])}
    names = list(signals)
    found = []
    for wanted in columns:
        name = names[pick(path, wanted, names)]
        values, times_s = signals[name], None
        timing = next((key for key in names if is_time(key) and signals[key].size == values.size), None)
        if by_time and not rates and timing is not None and timing != name:
            times_s, _ = _seconds(signals[timing], time_unit_s(timing), lambda k: f"{path.name}, sample {k}")
        found.append(Column(name, values, rates[0] if rates else None, times_s))
    return found


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {}
        for key in archive.files:
            try:
                array = archive[key]
            except ValueError:  # an array of objects: whatever it is, it is no signal
                continue
            if array.dtype.kind in "iufb":
                arrays[key] = array
        return arrays


def _edf(path: Path, columns: Sequence[str], _by_time: bool, notes: list[str]) -> list[Column]:
    edfio = _library("edfio", path)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reads = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
        file = _opened(path, lambda: reads(path))
        if not _opened(path, lambda: file.is_continuous):
            raise RecordingError(f"{path.name} is interrupted (EDF+D): cut it into continuous files first")
        names = [signal.label for signal in file.signals]
        picked = [pick(path, wanted, names) for wanted in columns]
        found: list[Column] = _opened(path, lambda: [_edf_column(file.signals[k]) for k in picked])
    notes += [f"{path.name}: {warning.message}" for warning in warned]
    return found


def _edf_column(signal: Any) -> Column:
    low, high = int(signal.digital_min), int(signal.digital_max)
    scale = (signal.physical_max - signal.physical_min) / (high - low)
    offset = signal.physical_min - scale * low
    converter = Converter(scale, offset, low, high)
    unit = signal.physical_dimension or "1"
    values = signal.digital.astype(np.float64) * scale + offset
    return Column(signal.label, values, float(signal.sampling_frequency), None, unit, converter)


def _wfdb(path: Path, columns: Sequence[str], _by_time: bool, _notes: list[str]) -> list[Column]:
    name = path.with_suffix("") if path.suffix.lower() in (".hea", ".dat") else path
    if not name.with_name(name.name + ".hea").is_file():
        raise RecordingError(f"there is no header {name.name}.hea beside {path.name}: a WFDB record needs both")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wfdb's own, about pandas
        wfdb = _library("wfdb", path)
        record = _opened(path, lambda: wfdb.rdrecord(str(name), smooth_frames=False))
    names = [str(label) for label in record.sig_name or ()]
    picked = [pick(path, wanted, names) for wanted in columns]
    found: list[Column] = _opened(path, lambda: [_wfdb_column(record, k) for k in picked])
    return found


def _wfdb_column(record: Any, k: int) -> Column:
    def told(name: str) -> Any:
        """What the header says of this signal; a record of several segments does not keep all of it."""
        values = getattr(record, name)
        return values[k] if values and values[k] is not None else None

    values = record.p_signal[:, k] if record.e_p_signal is None else record.e_p_signal[k]
    gain, baseline, bits, zero = told("adc_gain"), told("baseline"), told("adc_res") or 0, told("adc_zero") or 0
    low, high = (zero - 2 ** (bits - 1), zero + 2 ** (bits - 1) - 1) if 1 < bits <= 24 else (-WIDE, WIDE)
    converter = Converter(1.0 / gain, -baseline / gain, low, high) if gain and baseline is not None else None
    rate_hz = float(record.fs) * (told("samps_per_frame") or 1 if record.e_p_signal is not None else 1)
    unit = told("units") or "1"
    return Column(str(record.sig_name[k]), np.asarray(values, np.float64), rate_hz, None, unit, converter)


def _library(name: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RecordingError(
            f"{path.name} needs the package {name}, which is not installed: pip install 'biofeed[recordings]'"
        ) from error


def _opened(path: Path, what: Callable[[], Any]) -> Any:
    try:
        return what()
    except (OSError, BiofeedError):
        raise
    except Exception as error:  # torn files make readers raise anything
        said = " ".join(str(error).split()) or type(error).__name__
        raise RecordingError(f"{path.name} cannot be read as a {path.suffix or 'WFDB'} file: {said[:120]}") from error


def _seconds(times: Floats, unit_s: float | None, where: Callable[[int], str]) -> tuple[Floats, float]:
    """The times from the first one on, and their unit: if nothing says it, one that gives over 2 samples a second."""
    far = np.flatnonzero(~(np.abs(times) < LATEST))
    if far.size:
        raise RecordingError(f"{where(int(far[0]))}: this is no time: give --rate HZ to do without times")
    back = np.flatnonzero(np.diff(times) < 0.0)
    if back.size:
        raise RecordingError(f"{where(int(back[0]) + 1)}: the time goes back: sort the file, or give --rate HZ")
    if unit_s is None:
        step = float(np.median(np.diff(times))) if times.size > 1 else 0.0
        unit_s = 1.0 if step <= 0.5 else 1e-3 if step <= 500.0 else 1e-6
    return (times - times[0]) * unit_s, unit_s


def _track(path: Path, column: Column, rate_hz: float | None) -> Track:
    """The column in counts and runs."""
    every, values = 1, column.values
    known = np.isfinite(values)
    if not known.any():
        raise RecordingError(f"{path.name}: column {column.name} holds no number")
    if np.abs(values[known]).max() > LARGEST:
        raise RecordingError(f"{path.name}: column {column.name} holds values over {LARGEST:g}: no measurement does")
    if column.rate_hz is None:
        first, every = _spacing(known)
        values, known = values[first::every], known[first::every]
    runs = [Run(0, values.size, 0.0)]
    if column.rate_hz is not None:
        if rate_hz is not None and abs(rate_hz / column.rate_hz - 1.0) > 0.01:
            raise UsageError(f"{path.name} says that {column.name} has {column.rate_hz:g} Hz: leave --rate out")
        rate_hz = column.rate_hz
    elif rate_hz is not None:
        runs = [Run(0, values.size, first / rate_hz)]
        rate_hz /= every
    elif column.times_s is not None:
        rate_hz, runs = _runs(path, column.times_s[first::every])
    else:
        raise UsageError(f"{path.name} says neither times nor rate: give --rate HZ")
    converter = column.converter if column.converter and column.converter.scale else _converter(values[known])
    counts = np.zeros(values.size, np.int32)
    counts[known] = np.clip(np.rint((values[known] - converter.offset) / converter.scale), -WIDE, WIDE)
    limits = converter.count_min, converter.count_max
    margin = STRETCHED * (limits[1] - limits[0])
    if counts[known].min() <= limits[0] + margin and counts[known].max() >= limits[1] - margin:
        limits = -WIDE, WIDE  # an export that was stretched to the whole range: its ends are no limits
    whole = tuple(_whole_runs(runs, known, rate_hz))
    return Track(column.name, rate_hz, counts, whole, column.unit, converter.scale, converter.offset, *limits)


def _spacing(known: Bools) -> tuple[int, int]:
    """The first row with a value, and the rows to the next: a slow signal fills every n-th row of a fast one."""
    rows = np.flatnonzero(known)
    every = int(np.gcd.reduce(np.diff(rows))) if rows.size > 1 else 1
    return (int(rows[0]), every) if every > 1 else (0, 1)


def _runs(path: Path, times_s: Floats) -> tuple[float, list[Run]]:
    """The rate that the times tell, and the runs between gaps, each on an even line through its times."""
    advice = "give --rate HZ to have the samples taken as even"
    n = times_s.size
    reach = min(50, n - 1)
    period_s = float(np.median(times_s[reach:] - times_s[: n - reach])) / reach if reach else 0.0
    if period_s < SHORTEST_S:
        raise RecordingError(f"{path.name}: its times do not advance: {advice}")
    steps_s = np.diff(times_s)
    if n > 1 and steps_s.max() > PAUSE_S:
        at = int(np.argmax(steps_s))
        raise RecordingError(
            f"{path.name}: after {times_s[at]:.1f} s there is nothing for {steps_s[at]:.0f} s: analyse the parts alone"
        )
    longest_s = GAP * period_s
    if np.mean(steps_s > longest_s) > JITTERY:
        longest_s = max(longest_s, JITTER_S)
    cuts = [0, *(np.flatnonzero(steps_s > longest_s) + 1).tolist(), n]
    spans = list(itertools.pairwise(cuts))
    across = along = 0.0  # of all runs' least-squares lines: sample by time, sample by sample
    for first, stop in spans:
        place = np.arange(stop - first) - (stop - first - 1) / 2.0
        across += float(place @ (times_s[first:stop] - times_s[first]))
        along += float(place @ place)
    rate_hz = along / across if 0.95 * period_s * along < across < 1.05 * period_s * along else 1.0 / period_s
    if abs(rate_hz / max(round(rate_hz), 1) - 1.0) < ROUND:
        rate_hz = float(round(rate_hz))
    runs: list[Run] = []
    for first, stop in spans:
        even_s = np.arange(stop - first) / rate_hz
        start_s = float(np.mean(times_s[first:stop] - even_s))
        if np.abs(times_s[first:stop] - start_s - even_s).max() > max(JITTER_S, 2.0 / rate_hz):
            raise RecordingError(f"{path.name}: its times are not even around {times_s[first]:.1f} s: {advice}")
        runs.append(Run(first, stop, max(start_s, runs[-1].start_s) if runs else max(start_s, 0.0)))
    return rate_hz, runs


def _whole_runs(runs: Sequence[Run], known: Bools, rate_hz: float) -> list[Run]:
    """The runs cut where nothing was recorded."""
    whole = []
    for run in runs:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known[run.first : run.stop], [False]])))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            whole.append(Run(run.first + begin, run.first + end, run.start_s + begin / rate_hz))
    return whole


def _converter(values: Floats) -> Converter:
    """Counts of the coarsest power of ten that holds every value exactly, else 2**31 steps over the range."""
    greatest = float(np.abs(values).max())
    for k in range(DECIMALS):
        if greatest * 10.0**k > WIDE:
            break
        scaled = values * 10.0**k
        if np.abs(scaled - np.rint(scaled)).max() <= 1e-15 * greatest * 10.0**k:
            return Converter(1.0 / 10.0**k, 0.0, -WIDE, WIDE)
    low, high = float(values.min()), float(values.max())
    scale = max((high - low) / 2**31, greatest / 2**52, math.ulp(0.0) * 2**52)
    return Converter(scale, (low + high) / 2.0, -WIDE, WIDE)
