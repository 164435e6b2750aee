"""Pictures of where the stages err most: `python benchmarks/worst.py OUT [SET ...]` (needs matplotlib and recordings).

For each set the ten stretches with the most errors, at most two of one record: signal, truth above, told below, errors
red; for breath the true and the told phase. Recordings are never copied into the project, nor are these pictures.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import streaming
from scores import CHUNK_S, harness

mpl.use("Agg")
from matplotlib import pyplot as plt

SETS = {
    "mitdb": ("mitdb", "ecg", "Ecg", 8.0),
    "nst118": ("nst118", "ecg", "Ecg", 8.0),
    "ppg": ("bidmc", "ppg", "Ppg", 10.0),
    "troika": ("troika", "ppg", "Ppg", 8.0),
    "breath": ("bidmc", "resp", "Respiration", 40.0),
}
N_WORST, N_EACH = 10, 2


def fed(make: Any, x: Any, rate_hz: float) -> tuple[Any, list[Any]]:
    stage, size = make(rate_hz), max(1, round(CHUNK_S * rate_hz))
    return stage, [stage.push(x[k : k + size]) for k in range(0, x.size, size)]


def stretches(name: str, record: str) -> list[dict[str, Any]]:
    """Every stretch of a record with how bad it is, worst first."""
    bench = harness()
    assert bench is not None
    folder, signal, adaptor, length_s = SETS[name]
    _, rate_hz, data = next(bench.records(folder, signal, [record]))
    x, excluded = bench.clean(data[f"sig_{signal}"]), data["excl"].reshape(-1, 2)
    if excluded.size and (excluded[:, 1] - excluded[:, 0]).sum() > 0.4 * x.size / rate_hz:
        return []
    stage, told = fed(getattr(streaming, adaptor), x, rate_hz)
    judge = _breath if name == "breath" else _beats
    found = judge(bench, data, x, rate_hz, stage, told)
    rows = []
    for begin_s in np.arange(12.0, x.size / rate_hz - length_s - 1.0, length_s):
        inside = (found["at_s"] >= begin_s) & (found["at_s"] < begin_s + length_s)
        inside &= ~bench.inside(found["at_s"], excluded)
        bad = float(found["bad"][inside].sum())
        if bad > 0.0:
            part = slice(int(begin_s * rate_hz), int((begin_s + length_s) * rate_hz))
            marks = {
                key: value[(value > begin_s) & (value < begin_s + length_s)] for key, value in found["marks"].items()
            }
            lines = {key: value[part] for key, value in found["lines"].items()}
            time_s = np.arange(part.start, part.stop) / rate_hz
            rows.append({"record": record, "bad": bad, "t": time_s, "x": x[part], "marks": marks, "lines": lines})
    return sorted(rows, key=lambda row: -row["bad"])[:N_EACH]


def _beats(bench: ModuleType, data: Any, _x: Any, _rate_hz: float, stage: Any, told: list[Any]) -> dict[str, Any]:
    gone = {beat_s for beat_s, _ in stage.withdrawn}
    found = np.array([beat_s for beats in told for beat_s in beats if beat_s not in gone])
    truth = data["ref_beats"]
    lag_s = 0.0 if stage.kind == "ecg" else bench.best_lag(truth, found)
    found = found - lag_s
    pairs = bench.match(truth, found, bench.TOL)
    missed, false = np.delete(truth, pairs[:, 0]), np.delete(found, pairs[:, 1])
    at_s = np.concatenate([missed, false])
    marks = {"truth": truth, "told": found, "missed": missed, "false": false}
    return {"at_s": at_s, "bad": np.ones(at_s.size), "marks": marks, "lines": {}}


def _breath(bench: ModuleType, data: Any, x: Any, rate_hz: float, _stage: Any, told: list[Any]) -> dict[str, Any]:
    onsets, inhales = bench.resp_reference(data, rate_hz)
    at_s = np.arange(x.size) / rate_hz
    true, is_known, _ = bench.ref_phase(onsets, inhales, at_s)
    phase = np.concatenate([row["phase"] for row in told])
    off = np.where(is_known, np.abs((phase - true + 0.5) % 1.0 - 0.5), 0.0)
    lines = {"true phase": np.where(is_known, true, np.nan), "told phase": phase}
    return {"at_s": at_s, "bad": np.nan_to_num(off) / rate_hz, "marks": {"truth": onsets}, "lines": lines}


def draw(name: str, rows: list[dict[str, Any]], out: Path) -> None:
    figure, panels = plt.subplots(len(rows), 1, figsize=(16, 1.9 * len(rows)), squeeze=False)
    styles = {"truth": ("gv", 1.05), "told": ("k^", -0.05), "missed": ("rv", 1.05), "false": ("r^", -0.05)}
    for panel, row in zip(panels[:, 0], rows, strict=True):
        low, high = float(row["x"].min()), float(row["x"].max())
        panel.plot(row["t"], (row["x"] - low) / max(high - low, 1e-12), lw=0.7)
        for key, line in row["lines"].items():
            panel.plot(row["t"], line, lw=0.8, label=key)
        for key, at_s in row["marks"].items():
            panel.plot(at_s, np.full(at_s.size, styles[key][1]), styles[key][0], ms=5)
        panel.set_title(f"{row['record']}: {row['bad']:.1f}", fontsize=8)
        panel.set_xlim(row["t"][0], row["t"][-1])
    figure.tight_layout()
    figure.savefig(out / f"{name}.png", dpi=60)
    plt.close(figure)


def main() -> None:
    bench = harness()
    if bench is None or len(sys.argv) < 2:
        sys.exit(__doc__ if bench else "no recordings: set BIOFEED_BENCH to the folder with bench.py and data")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or SETS:
        records = [record for record, _, _ in bench.records(*SETS[name][:2])]
        with ProcessPoolExecutor() as pool:
            rows = [row for part in pool.map(stretches, [name] * len(records), records) for row in part]
        worst = sorted(rows, key=lambda row: -row["bad"])[:N_WORST]
        draw(name, worst, out)
        print(name, dict(Counter(row["record"] for row in worst)))


if __name__ == "__main__":
    main()
