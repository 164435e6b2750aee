"""What the signal stages measure and score, as tables: `python benchmarks/scores.py [--write]`.

Recordings of real people through the harness (bench.py, in $BIOFEED_BENCH or ../shared/bench; its data in
$BIOFEED_BENCH_DATA or beside it), simulated belts with their truth, failing sensors, and speed. --write puts the tables
and the definitions of the measures into docs/signals.md between its marks. Without recordings the other tables are
still made, and it is said.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "signals")]

import streaming  # noqa: E402
from signal_belts import KINDS, breathed  # noqa: E402
from signal_bodies import beat_times, cardiogram, chunks, pulse  # noqa: E402
from signal_faults import BEGIN_S, CLEAN, FAULTS, faulty  # noqa: E402

from biofeed.messages import Beat, Chunk, Stream  # noqa: E402
from biofeed.signals.cardiac import Beats  # noqa: E402
from biofeed.signals.hrv import DEFINITIONS  # noqa: E402
from biofeed.signals.modulation import Modulation  # noqa: E402
from biofeed.signals.quality import Quality  # noqa: E402
from biofeed.signals.respiration import Respiration, Settings  # noqa: E402

Floats = npt.NDArray[np.float64]
PAGE = ROOT / "docs" / "signals.md"
SCORES = ("<!-- scores: written by benchmarks/scores.py -->", "<!-- end of scores -->")
MEASURES = ("<!-- measures: written by benchmarks/scores.py -->", "<!-- end of measures -->")
CHUNK_S = 0.02
TRUST = 0.5
SEEDS = (1, 2, 3)
RATES_PER_MIN = (3.0, 4.5, 6.0, 9.0, 12.0, 16.0, 20.0, 25.0)

Row = tuple[str, str, str]  # what, figure, bar


def harness() -> ModuleType | None:
    """The scoring rules, or None when they or the recordings are not there."""
    folder = Path(os.environ.get("BIOFEED_BENCH", ROOT.parent / "shared" / "bench"))
    data = Path(os.environ.get("BIOFEED_BENCH_DATA", folder / "data"))
    if not (folder / "bench.py").is_file() or not data.is_dir():
        return None
    sys.path.insert(0, str(folder))
    import bench  # noqa: PLC0415

    return bench


def scored(task: tuple[str, str, str, str, str]) -> dict[str, Any]:
    """One record's score: (beats or resp, set, signal, adaptor, record)."""
    bench = harness()
    assert bench is not None
    what, folder, signal, adaptor, record = task
    make = getattr(streaming, adaptor)
    if what == "beats":
        made: list[Any] = []

        def kept(rate_hz: float) -> Any:
            made.append(make(rate_hz))
            return made[-1]

        kept.streaming = True  # type: ignore[attr-defined]
        lag = "0" if signal.startswith("ecg") else "auto"
        rows = bench.bench_beats(kept, folder, signal, lag=lag, chunk=CHUNK_S, recs=[record])[1]
        if not rows:
            return {}
        return rows[0] | trusted(bench, folder, signal, record, made[-1], rows[0]["lag"])
    rows = bench.bench_resp(make, folder, signal, chunk=CHUNK_S, recs=[record])[1]
    return rows[0] | trusted_rate(bench, folder, signal, record, make)


def trusted(bench: ModuleType, folder: str, signal: str, record: str, fed: Any, lag_s: float) -> dict[str, Any]:
    """Hits and errors where beats are trusted: from each beat of quality 0.5 to the next, at most 2 s."""
    _, rate_hz, data = next(bench.records(folder, signal, [record]))
    end_s = data[f"sig_{signal}"].shape[0] / rate_hz
    gone = {beat_s for beat_s, _ in fed.withdrawn}
    told = np.array([(beat_s, quality) for beat_s, quality in fed.qualities if beat_s not in gone])
    if not told.size:
        return {"trust_tp": 0, "trust_fp": 0, "trust_fn": 0, "trust_s": 0.0}
    told = told[np.argsort(told[:, 0])]
    until_s = np.minimum(np.append(told[1:, 0], end_s), told[:, 0] + 2.0)
    good = told[:, 1] >= TRUST
    spans = np.stack([told[good, 0], until_s[good]], axis=1) - lag_s
    truth_s, excluded, found_s = data["ref_beats"], data["excl"].reshape(-1, 2), told[:, 0] - lag_s
    pairs = bench.match(truth_s, found_s, bench.TOL)

    def counted(times_s: Floats) -> npt.NDArray[np.bool_]:
        row = np.searchsorted(spans[:, 0], times_s + 0.1, side="right") - 1
        inside = (row >= 0) & (spans[np.maximum(row, 0), 1] >= times_s - 0.1)
        return inside & (times_s >= bench.WARM) & (times_s <= end_s - 1.0) & ~bench.inside(times_s, excluded)

    is_hit, is_true = np.zeros(truth_s.size, bool), np.zeros(found_s.size, bool)
    is_hit[pairs[:, 0]] = is_true[pairs[:, 1]] = True
    return {
        "trust_tp": int((counted(truth_s) & is_hit).sum()),
        "trust_fn": int((counted(truth_s) & ~is_hit).sum()),
        "trust_fp": int((counted(found_s) & ~is_true).sum()),
        "trust_s": float((spans[:, 1] - spans[:, 0]).sum()),
    }


def trusted_rate(bench: ModuleType, folder: str, signal: str, record: str, make: Any) -> dict[str, Any]:
    """The breath rate's error over those windows at whose end a rate is told, and their share."""
    _, rate_hz, data = next(bench.records(folder, signal, [record]))
    x = bench.clean(data[f"sig_{signal}"])
    ends_s, true = bench.rr_ref_windows(data, x.size / rate_hz)
    fed, size = make(rate_hz), max(1, round(CHUNK_S * rate_hz))
    rates = np.array([fed.push(x[k : k + size])["rate"] for k in range(0, x.size, size)], np.float64)
    told = rates[np.minimum((ends_s * rate_hz).astype(int) // size, rates.size - 1)]
    known, both = np.isfinite(true), np.isfinite(true) & np.isfinite(told)
    return {
        "told": int(both.sum()),
        "windows": int(known.sum()),
        "told_error": float(np.mean(np.abs(told - true)[both])) if both.any() else np.nan,
    }


def tasks(bench: ModuleType) -> Iterator[tuple[str, str, str, str, str]]:
    for what, folder, signal, adaptor in (
        ("beats", "mitdb", "ecg", "Ecg"), ("beats", "nst118", "ecg", "Ecg"), ("beats", "bidmc", "ppg", "Ppg"),
        ("beats", "troika", "ppg", "Ppg"), ("resp", "bidmc", "resp", "Respiration"),
        ("resp", "bidmc", "ppg", "PpgRespiration"), ("resp", "bidmc", "ecg", "EcgRespiration"),
    ):  # fmt: skip
        for record, _, _ in bench.records(folder, signal):
            yield what, folder, signal, adaptor, record


def recordings(bench: ModuleType) -> list[Row]:
    """The issue's table on the records that are here."""
    todo = list(tasks(bench))
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with ProcessPoolExecutor() as pool:
        for done, (task, row) in enumerate(zip(todo, pool.map(scored, todo), strict=True), 1):
            print(f"\r{done}/{len(todo)} records", end="", file=sys.stderr, flush=True)
            if row:
                found.setdefault((task[1], task[3]), []).append(row)
    print(file=sys.stderr)

    def pooled(rows: list[dict[str, Any]], prefix: str = "") -> float:
        return float(bench.prf(*(sum(row[prefix + key] for row in rows) for key in ("tp", "fp", "fn")))[2])

    def mean(rows: list[dict[str, Any]], key: str) -> float:
        return float(bench.nm(rows, key))

    def delay(rows: list[dict[str, Any]]) -> str:
        return f"{1e3 * mean(rows, 'lat50'):.0f} / {1e3 * mean(rows, 'lat95'):.0f} ms"

    mit, noisy = found["mitdb", "Ecg"], found["nst118", "Ecg"]
    finger, wrist, breath = found["bidmc", "Ppg"], found["troika", "Ppg"], found["bidmc", "Respiration"]
    rows: list[Row] = [
        ("MIT-BIH ECG: beats F1, pooled", f"{pooled(mit):.4f}", "at least 0.995"),
        ("worst record", f"{min(row['f1'] for row in mit):.4f}", "at least 0.96"),
        ("time scatter", f"{1e3 * mean(mit, 'jit'):.1f} ms", "at most 7 ms"),
        ("emission delay, median / p95", delay(mit), "120 / 160 ms"),
        ("MIT-BIH 118 with electrode noise: F1", f"{pooled(noisy):.4f}", "at least 0.93"),
        ("BIDMC finger PPG: beats F1, pooled", f"{pooled(finger):.4f}", "at least 0.991"),
        ("worst record", f"{min(row['f1'] for row in finger):.4f}", "at least 0.95"),
        ("heart rate error", f"{mean(finger, 'hr_mae'):.2f}/min", "at most 0.9/min"),
        ("time scatter", f"{1e3 * mean(finger, 'jit'):.1f} ms", "at most 17 ms"),
        ("RMSSD error", f"{mean(finger, 'rmssd_mae'):.1f} ms", "at most 9 ms"),
        ("emission delay, median / p95", delay(finger), "120 / 160 ms"),
        ("TROIKA wrist PPG, running: beats F1", f"{pooled(wrist):.4f}", "at least 0.91"),
        ("F1 where trusted", f"{pooled(wrist, 'trust_'):.4f}", "at least 0.96"),
        ("trusted", f"{sum(r['trust_s'] for r in wrist) / sum(r['dur'] for r in wrist):.0%}", "at least 50 %"),
        ("BIDMC impedance breath: rate error", f"{mean(breath, 'rr_mae'):.2f}/min", "at most 0.45/min"),
        ("phase error, mean", f"{mean(breath, 'ph_mae'):.3f} cycles", "at most 0.055"),
        ("phase told", f"{mean(breath, 'ph_cov'):.0%} of the time", "-"),
        ("exhale onset, median error", f"{1e3 * mean(breath, 'exp_abs'):.0f} ms", "at most 90 ms"),
        ("exhale onset, known after it", f"{1e3 * mean(breath, 'exp_late'):.0f} ms", "at most 100 ms"),
    ]
    for name, adaptor, bar, share in (
        ("PPG", "PpgRespiration", "at most 2.0/min", "at least 60 %"),
        ("ECG", "EcgRespiration", "-", "-"),
    ):
        modulated = found["bidmc", adaptor]
        told = sum(row["told"] for row in modulated) / sum(row["windows"] for row in modulated)
        error = sum(row["told_error"] * row["told"] for row in modulated if row["told"])
        error /= max(1, sum(row["told"] for row in modulated))
        rows += [
            (f"BIDMC breath rate from {name} alone: error where trusted", f"{error:.2f}/min", bar),
            ("trusted", f"{told:.0%}", share),
        ]
    return rows


def phase_error_degrees(kind: str, rate_per_min: float, predict_s: float, seed: int) -> float:
    """Mean phase error of the stage against the truth of the moment that is told, from the fifth breath on."""
    period_s = 60.0 / rate_per_min
    taken = breathed(kind, rate_per_min, max(90.0, 14.0 * period_s), seed)
    stream = taken.stream
    judge, breath = Quality(stream), Respiration(stream, Settings(predict_s=predict_s))
    errors = []
    for k, count in enumerate(taken.counts):
        values = np.full((1, 1), count * stream.scale + stream.offset)
        chunk = Chunk("resp", float(taken.time_s[k]), stream.rate_hz, values, "1", 1.0, k == 0)
        breath(chunk, judge(chunk))
        now_s = float(taken.time_s[k])
        breath.at(now_s)
        at = min(int(np.searchsorted(taken.time_s, now_s + predict_s)), taken.phase.size - 1)
        if now_s > 5.0 * period_s and breath.phase is not None:
            errors.append(abs((breath.phase - taken.phase[at] + 0.5) % 1.0 - 0.5))
    return 360.0 * float(np.mean(errors)) if errors else np.nan


def belts() -> list[Row]:
    """The largest phase error over 3-25 breaths/min for every kind of belt, for the moment and for the display."""
    jobs = list(itertools.product(KINDS, RATES_PER_MIN, (0.0, 0.05), SEEDS))
    with ProcessPoolExecutor() as pool:
        each_error = np.array(list(pool.map(phase_error_degrees, *zip(*jobs, strict=True), chunksize=len(SEEDS))))
    errors = dict(
        zip((job[:3] for job in jobs[:: len(SEEDS)]), each_error.reshape(-1, len(SEEDS)).mean(axis=1), strict=True)
    )
    rows: list[Row] = []
    for kind in KINDS:
        each = ", ".join(f"{errors[kind, rate, 0.05]:.0f}" for rate in RATES_PER_MIN)
        now, ahead = (max(errors[kind, rate, predict_s] for rate in RATES_PER_MIN) for predict_s in (0.0, 0.05))
        rows.append((f"{kind}: phase error at the worst rate", f"{now:.1f} degrees", "at most 15"))
        rows.append((f"with prediction to the display ({each})", f"{ahead:.1f} degrees", "at most 8"))
    return rows


def speed() -> list[Row]:
    """Each stage on 20 ms chunks, one core: how many times real time, at the median of the chunks."""
    rows: list[Row] = []
    signals = {
        "ppg": (125.0, pulse(beat_times(60.0), 60.0, 125.0)),
        "ecg": (360.0, 1000.0 * cardiogram(beat_times(60.0), 60.0, 360.0)),
        "resp": (50.0, breathed("stretch", 12.0, 60.0).counts),
    }
    for kind, (rate_hz, counts) in signals.items():
        stream = Stream(0, kind, rate_hz, count_min=-(2**31) + 1, count_max=2**31 - 1)
        judge = Quality(stream)
        stages: dict[str, Callable[[Chunk, Floats], Any]] = {}
        if kind == "resp":
            breath = Respiration(stream)
            stages["breath"] = lambda chunk, quality, to=breath: (to(chunk, quality), to.at(chunk.start_s))
        else:
            beats, modulation = Beats(stream), Modulation(stream)
            told: list[Any] = []
            stages["beats"] = lambda chunk, quality, to=beats, told=told: told.__setitem__(
                slice(None), to(chunk, quality)
            )
            stages["breath without a belt"] = lambda chunk, quality, to=modulation, told=told: (
                to(chunk, quality, list(told)),
                to.at(chunk.start_s),
            )
        size = max(1, round(CHUNK_S * rate_hz))
        spent: dict[str, list[float]] = {"quality": [], **{name: [] for name in stages}}
        for k in range(0, counts.size - size, size):
            chunk = Chunk(kind, k / rate_hz, rate_hz, counts[k : k + size, None], "1", 1.0, k == 0)
            began = time.process_time()
            quality = judge(chunk)
            spent["quality"].append(time.process_time() - began)
            for name, stage in stages.items():
                began = time.process_time()
                stage(chunk, quality)
                spent[name].append(time.process_time() - began)
        for name, each in spent.items():
            times = size / rate_hz / float(np.mean(each[50:]))
            rows.append((f"{kind}, {name}", f"{times:.0f} times real time", "at least 500"))
    return rows


def failures() -> list[Row]:
    """After how long a sensor that fails is known, and what is told of it later than a second after."""
    rows: list[Row] = []
    for kind, fault in itertools.product(CLEAN, FAULTS):
        if kind == "belt" and fault in ("noise", "mains hum"):
            continue  # to whoever sees the belt alone, noise is a pause and hum sampled at 50 Hz a breath
        taken = faulty(kind, fault)
        rate_hz = taken.stream.rate_hz
        judge, stage = Quality(taken.stream), Respiration(taken.stream) if kind == "belt" else Beats(taken.stream)
        quality, n_after = [], 0
        for chunk in chunks(taken.stream, taken.counts, [max(1, round(CHUNK_S * rate_hz))]):
            quality.append(judge(chunk))
            for event in stage(chunk, quality[-1]):
                ended_s = event.time_s if isinstance(event, Beat) else getattr(event, "start_s", 0.0)
                n_after += ended_s > BEGIN_S + 1.0
        good_s = np.flatnonzero(np.concatenate(quality) >= TRUST) / rate_hz
        known_s = max(float(good_s.max(initial=BEGIN_S)) - BEGIN_S, 0.0)
        rows.append((f"{kind}, {fault}", f"known after {known_s:.1f} s, {n_after} told after", "1 s, none"))
    return rows


def definitions() -> str:
    """hrv.DEFINITIONS as a table."""
    lines = ["| measure | unit | window s | needs | definition | source | half of a change shows after s | limits |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for item in DEFINITIONS:
        window = "-" if item.window_s is None else f"{item.window_s:g}"
        cells = (
            item.name,
            item.unit,
            window,
            item.needs,
            item.definition,
            item.source,
            f"{item.delay_s:g}",
            item.limits,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def put(page: str, marks: tuple[str, str], text: str) -> str:
    """The page with the text between the marks."""
    return f"{page.split(marks[0], maxsplit=1)[0]}{marks[0]}\n\n{text}\n\n{marks[1]}{page.split(marks[1])[1]}"


def table(title: str, rows: list[Row]) -> str:
    lines = [f"### {title}", "", "| what | figure | bar |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/signals.md")
    asked = parser.parse_args()
    bench = harness()
    parts = []
    if bench is None:
        print("no recordings: set BIOFEED_BENCH to the folder that holds bench.py and data", file=sys.stderr)
    else:
        parts.append(table("Recordings of real people", recordings(bench)))
    parts.append(table("Simulated belts, 3-25 breaths/min", belts()))
    parts.append(table("Sensors that fail", failures()))
    parts.append(table("Speed of each stage on 20 ms chunks, one core", speed()))
    text = "\n\n".join(parts)
    print(text)
    if asked.write and bench is not None:
        PAGE.write_text(put(put(PAGE.read_text(), MEASURES, definitions()), SCORES, text))


if __name__ == "__main__":
    main()
