"""Recordings through the live path: as a board would send them, tables whole or absent, one sentence per mistake."""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from biofeed import analyze as analysis
from biofeed import cli
from biofeed.errors import UsageError
from biofeed.messages import Beat, Features, Hello, Input, Packet, Reading, Trust, Withdrawn
from biofeed.recordings import read
from biofeed.signals.hrv import NAMES, Measured
from biofeed.signals.timing import Timing

SECONDS = 60.0
BEATS_S = 0.5 + np.cumsum(0.85 + 0.04 * np.sin(2 * np.pi * 0.2 * 0.85 * np.arange(80)))
TABLES = ("beats.csv", "breaths.csv", "features.csv", "measures.json")


def body(rate_hz: float = 100.0, seconds: float = SECONDS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, a pulse and a belt at 12/min, in counts."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    age_s = time_s[:, None] - BEATS_S
    waves = np.exp(-(((age_s - 0.15) / 0.07) ** 2)) + 0.3 * np.exp(-(((age_s - 0.4) / 0.09) ** 2))
    noise = np.random.default_rng(1).normal(size=(2, time_s.size))
    pulse = np.round(2000.0 + 800.0 * waves.sum(axis=1) + 3.0 * noise[0])
    belt = np.round(2000.0 - 500.0 * np.cos(2 * np.pi * 0.2 * time_s) + 3.0 * noise[1])
    return time_s, pulse, belt


def csv_file(path: Path, columns: dict[str, np.ndarray]) -> Path:
    with path.open("w") as file:
        file.write(",".join(columns) + "\n")
        for row in zip(*columns.values(), strict=True):
            file.write(",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) + "\n")
    return path


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open() as file:
        return list(csv.DictReader(file))


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["analyze", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    time_s, pulse, belt = body()
    return csv_file(tmp_path_factory.mktemp("body") / "body.csv", {"time": time_s, "PLETH": pulse, "RESP": belt})


def test_a_table_becomes_beats_breaths_and_features(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, told, error = said(capsys, recording, "--signal", "pulse=PLETH", "--signal", "belt=RESP", "--out", out)
    assert code == 0
    assert "biofeed:" not in error
    assert sorted(path.name for path in out.iterdir()) == sorted(TABLES)
    beats, breaths, features = (rows(out, name) for name in TABLES[:3])
    times = np.array([float(row["time_s"]) for row in beats])
    late_s = np.array([times[np.argmin(np.abs(times - beat_s))] - beat_s for beat_s in BEATS_S[8:66]])
    assert np.ptp(late_s) < 0.05
    assert np.sum((times > BEATS_S[8] - 0.2) & (times < BEATS_S[65] + 0.4)) == 58
    assert list(beats[0]) == ["time_s", "ibi_ms", "quality", "label", "withdrawn_s"]
    assert list(breaths[0]) == ["start_s", "inhale_s", "exhale_s", "depth", "is_sigh", "swing"]
    assert len(breaths) >= 8
    assert len(features) == 601
    assert [float(row["time_s"]) for row in features[:3]] == [0.0, 0.1, 0.2]
    trusts = ("heart", "breath", "pulse_breath")
    named = {item.name for item in fields(Features)} - set(trusts)
    named |= {f"{part}_{item.name}" for part in trusts for item in fields(Trust)}
    named |= {f"{name}_age_s" for name in NAMES}
    assert set(features[0]) == named
    last = features[-1]
    assert 0.0 <= float(last["hr_bpm_age_s"]) < 3.0
    assert all(bool(last[name]) or not last[f"{name}_age_s"] for name in NAMES if name != "rsa_bpm")
    assert (features[0]["hr_bpm"], features[0]["breath_phase"]) == ("", "")
    assert features[0]["heart_reason"]
    assert float(features[-10]["hr_bpm"]) == pytest.approx(60.0 / 0.85, abs=3.0)
    assert float(features[-10]["breaths_per_min"]) == pytest.approx(12.0, abs=0.5)
    measures = json.loads((out / "measures.json").read_text())
    assert {"coherence", "lf_hf"} <= {row["name"] for row in measures["measures"]}
    assert [signal["rate_hz"] for signal in measures["signals"]] == pytest.approx([100.0, 100.0])
    assert "pulse: PLETH as ppg, 100 Hz" in told
    assert "mean heart rate 7" in told
    assert "median rate 12.0/min" in told
    assert "% of the time" in told


def test_every_sample_arrives_at_its_own_time(tmp_path: Path) -> None:
    time_s, pulse, belt = body(seconds=10.0)
    time_s[600:] += 3.0
    path = csv_file(
        tmp_path / "body.csv", {"t": time_s, "pulse": pulse, "belt": np.where(np.arange(1000) % 4, np.nan, belt)}
    )
    asked = analysis.sources(["pulse=pulse", "belt=belt"])
    chunks = [timed.chunk for timed in Timing()(analysis.messages(asked, read(path, ["pulse", "belt"]).tracks))]
    for kind, truth, when in (("ppg", pulse, time_s), ("resp", belt[::4], time_s[::4])):
        mine = [chunk for chunk in chunks if chunk.signal == kind]
        np.testing.assert_array_equal(np.concatenate([chunk.values[:, 0] for chunk in mine]), truth)
        placed = np.concatenate([chunk.start_s + np.arange(len(chunk.values)) / chunk.rate_hz for chunk in mine])
        np.testing.assert_allclose(placed, when, atol=1e-6)
        assert [chunk.start_s for chunk in mine if chunk.is_start] == pytest.approx([0.0, 9.0], abs=1e-6)


def test_messages_come_in_the_order_of_arrival_and_none_before_its_samples(recording: Path) -> None:
    asked = analysis.sources(["pulse=PLETH", "belt=RESP"])
    told = list(analysis.messages(asked, read(recording, ["PLETH", "RESP"]).tracks))
    assert isinstance(told[0], Hello)
    packets = [item for item in told if isinstance(item, Packet)]
    assert all(a.arrival_s <= b.arrival_s for a, b in pairwise(packets))
    assert all(item.arrival_s >= item.ticks * analysis.TICK_S + (len(item.counts) - 1) * 0.0099 for item in packets)


def test_what_was_not_recorded_gives_no_beat_and_says_why(tmp_path: Path) -> None:
    time_s, pulse, belt = body()
    hole = (time_s > 45.0) & (time_s < 55.0)
    path = csv_file(tmp_path / "body.csv", {"pulse": np.where(hole, np.nan, pulse), "belt": belt})
    asked = analysis.sources(["pulse=pulse", "belt=belt"])
    analysis.analyze(asked, read(path, ["pulse", "belt"], 100.0), tmp_path / "out")
    assert not [row for row in rows(tmp_path / "out", "beats.csv") if 45.05 < float(row["time_s"]) < 55.0]
    inside = [row for row in rows(tmp_path / "out", "features.csv") if 49.0 < float(row["time_s"]) < 55.0]
    assert {row["hr_bpm"] for row in inside} == {""}
    assert all("no data" in row["heart_reason"] for row in inside)
    assert all(row["breath_level"] for row in inside)


def test_every_kind_of_file_gives_the_same_tables(recording: Path, tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    _, pulse, belt = body()
    signals = [("PLETH", pulse), ("RESP", belt)]
    limits = {"physical_range": (0, 4095), "digital_range": (0, 4095)}
    edfio.Edf([edfio.EdfSignal(x, 100, label=name, **limits) for name, x in signals]).write(tmp_path / "body.edf")
    np.savez(tmp_path / "body.npz", rate=100.0, **dict(signals))
    asked = analysis.sources(["pulse=PLETH", "belt=RESP"])
    for path in (recording, tmp_path / "body.edf", tmp_path / "body.npz"):
        analysis.analyze(asked, read(path, ["PLETH", "RESP"]), tmp_path / path.suffix[1:])
    for name in TABLES[:3]:
        one, two, three = (rows(tmp_path / kind, name) for kind in ("csv", "edf", "npz"))
        assert len(one) == len(two) == len(three) > 5
        for first, second, third in zip(one, two, three, strict=True):
            assert second == third
            for key, text in first.items():
                equal = text == second[key] or float(text) == pytest.approx(float(second[key]), abs=2e-5)
                assert equal, (name, key, text, second[key])


class Told:
    """A path that tells two beats and takes the first one back, and breaks where it is told to."""

    fails_at_s = np.inf

    def __init__(self, _settings: object) -> None:
        pass

    def __call__(self, time_s: float, _inputs: Sequence[Input]) -> Reading:
        if time_s >= self.fails_at_s:
            raise KeyboardInterrupt
        beats = (Beat(0.9, None, 0.8), Beat(1.7, 800.0, 0.9, "normal")) if time_s == 2.0 else ()
        return Reading(Features(time_s), beats=beats, withdrawn=(Withdrawn(0.9, 2.1),) if time_s == 2.5 else ())

    def measured(self) -> dict[str, Measured]:
        return {}


def test_a_withdrawn_beat_stays_in_the_table_with_the_time_of_its_withdrawal(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "Pipeline", Told)
    summary = analysis.analyze(analysis.sources(["pulse=PLETH"]), read(recording, ["PLETH"]), tmp_path / "out")
    assert (tmp_path / "out" / "beats.csv").read_text().splitlines()[1:] == [
        "0.900000,,0.8,unknown,2.100000",
        "1.700000,800,0.9,normal,",
    ]
    assert any("1 beats (1 withdrawn), mean heart rate 75.0/min" in line for line in summary)


def test_a_run_that_breaks_off_leaves_what_was_there(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(analysis, "Pipeline", Told)
    monkeypatch.setattr(Told, "fails_at_s", 3.0)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "beats.csv").write_text("an older table")
    for out in (kept, tmp_path / "fresh"):
        code, _, error = said(capsys, recording, "--signal", "pulse=PLETH", "--out", out)
        assert (code, error) == (1, "biofeed: stopped\n")
    assert [path.name for path in kept.iterdir()] == ["beats.csv"]
    assert (kept / "beats.csv").read_text() == "an older table"
    assert not (tmp_path / "fresh").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("none.csv", "--signal", "pulse=1"), 1, "there is no file none.csv"),
        (("body.csv", "--signal", "pulse=PLET"), 2, "body.csv has no column PLET; did you mean PLETH?"),
        (("body.csv", "--signal", "pulse=7"), 2, "body.csv has no column 7: its 3 columns count from 0"),
        (("body.csv", "--signal", "PLETH"), 2, "--signal PLETH is not NAME=COLUMN or NAME=COLUMN:KIND"),
        (("body.csv", "--signal", "x=PLETH"), 2, "does not say what x is: add :ppg, :ecg or :resp"),
        (("body.csv", "--signal", "x=PLETH:ppq"), 2, "does not say what x is: add :ppg, :ecg or :resp"),
        (("body.csv", "--signal", "pulse=1", "--signal", "pulse=2"), 2, "--signal pulse=... is given twice"),
        (("body.csv", "--signal", "pulse=1", "--rate", "10"), 2, "pulse has 10 Hz; ppg can be analysed from 20"),
        (("body.csv", "--signal", "pulse=1", "--out", "body.csv/out"), 1, "cannot be written"),
        (("body.csv", "--signal", "pulse=1", "--config", "none.toml"), 2, "the settings file none.toml cannot be read"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_exit_code(
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "body.csv").write_bytes(recording.read_bytes())
    out = () if "--out" in arguments else ("--out", "out")
    found, _, error = said(capsys, *arguments, *out)
    assert found == code
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["body.csv"]


@pytest.mark.parametrize(
    "arguments", [("body.csv",), ("body.csv", "--signal", "pulse=1", "--out", "x", "--rate", "soon")]
)
def test_a_wrong_call_exits_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["analyze", *arguments])
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pulse=3", "ppg"),
        ("PPG_green=x", "ppg"),
        ("ecg=II", "ecg"),
        ("Chest belt=RESP", "resp"),
        ("anything=II:ECG", "ecg"),
        ("belt=PLETH:ppg", "ppg"),
        ("pulse=a:b", "ppg"),
    ],
)
def test_a_signal_s_kind_is_said_or_told_by_its_name(text: str, kind: str) -> None:
    assert analysis.source(text).kind == kind


def test_a_name_of_two_kinds_is_asked_about() -> None:
    with pytest.raises(UsageError, match="does not say what resp from ecg is"):
        analysis.source("resp from ecg=II")


def test_the_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["analyze", "--help"])
    told = capsys.readouterr().out
    assert "biofeed analyze night.csv --signal pulse=PLETH --signal belt=RESP --out night" in told
    assert "heart_reason" in told


def real_records() -> Iterator[Path]:
    data = Path(os.environ.get("BIOFEED_BENCH_DATA", Path(__file__).parents[2] / "shared" / "bench" / "data"))
    yield from sorted((data / "bidmc").glob("bidmc_*.npz"))[:2]


def test_real_bodies_give_their_beats(tmp_path: Path) -> None:
    records = list(real_records())
    if not records:
        pytest.skip("no recordings: set BIOFEED_BENCH_DATA to a folder that holds bidmc/*.npz")
    for path in records:
        asked = analysis.sources(["pulse=sig_ppg", "belt=sig_resp"])
        analysis.analyze(asked, read(path, ["sig_ppg", "sig_resp"]), tmp_path)
        told = rows(tmp_path, "beats.csv")
        times = np.array([float(row["time_s"]) for row in told if not row["withdrawn_s"]])
        with np.load(path) as held:
            truth = held["ref_beats"]
        lag_s = np.median([times[np.argmin(np.abs(times - beat_s))] - beat_s for beat_s in truth])
        truth = truth[truth > 10.0]
        near = [np.abs(times - lag_s - beat_s).min() < 0.15 for beat_s in truth]
        assert np.mean(near) > 0.95
