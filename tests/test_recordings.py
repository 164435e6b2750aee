"""Recordings as people have them: every kind of file gives the very samples it holds, or one sentence that helps."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from biofeed import recordings
from biofeed.errors import BiofeedError, RecordingError, UsageError
from biofeed.recordings import Track, read


def wave(n: int, rate_hz: float = 50.0) -> np.ndarray:
    return np.round(np.sin(2 * np.pi * 0.25 * np.arange(n) / rate_hz), 4)


def values(track: Track) -> np.ndarray:
    """What the track holds, NaN outside its runs."""
    held = np.full(track.counts.size, np.nan)
    for run in track.runs:
        held[run.first : run.stop] = track.counts[run.first : run.stop] * track.scale + track.offset
    return held


def text(tmp_path: Path, lines: str, name: str = "body.csv") -> Path:
    path = tmp_path / name
    path.write_text(lines, encoding="utf-8")
    return path


def refused(path: Path, column: str = "belt", rate_hz: float | None = None) -> str:
    with pytest.raises(BiofeedError) as error:
        read(path, [column], rate_hz)
    assert str(error.value).count("\n") == 0
    return str(error.value)


@pytest.mark.parametrize(
    "lines",
    [
        "time,belt\n0.00,1.5\n0.02,-2.25\n0.04,3\n",
        "belt,time_ms\r\n1.5,0\r\n-2.25,20\r\n3,40\r\n",
        "Time (ms);Belt\n1000;1,5\n1020;-2,25\n1040;3\n",
        "# a comment, with commas\ntime\tbelt\ns\tN\n0.00\t1.5\n0.02\t-2.25\n0.04\t3\n",
        "'Elapsed time','belt'\n'mm:ss.mmm','mV'\n'0:00.000',1.5\n'0:00.020',-2.25\n'0:00.040',3\n",
        "timestamp,belt\n2026-01-31T12:00:00.00,1.5\n2026-01-31T12:00:00.02,-2.25\n2026-01-31T12:00:00.04,3\n",
        "\ufefft belt\n0 1.5\n20 -2.25\n40 3\n",
        "micros,belt\n0,1.5\n20000,-2.25\n40000,3",
    ],
)
def test_a_table_of_any_kind_gives_its_samples_and_its_rate(lines: str, tmp_path: Path) -> None:
    (track,) = read(text(tmp_path, lines), ["belt"]).tracks
    assert track.rate_hz == pytest.approx(50.0)
    np.testing.assert_allclose(values(track), [1.5, -2.25, 3.0], rtol=1e-12)


def test_a_table_without_names_is_read_by_number_and_rate(tmp_path: Path) -> None:
    (track,) = read(text(tmp_path, "5,1.5\n6,-2.25\n"), ["1"], 25.0).tracks
    assert (track.rate_hz, track.scale, list(track.counts)) == (25.0, 0.01, [150, -225])


def test_a_table_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "body.csv"
    path.write_bytes("time,belt\n0,1\n0.1,2\n".encode("utf-16"))
    assert read(path, ["belt"]).tracks[0].rate_hz == pytest.approx(10.0)


def test_what_was_not_measured_ends_a_run_and_is_never_a_value(tmp_path: Path) -> None:
    rows = ["1", "2", "", "nan", "5", "inf", "7", "N/A", "9"]
    (track,) = read(text(tmp_path, "belt\n" + "\n".join(f"{row}," for row in rows)), ["belt"], 10.0).tracks
    np.testing.assert_array_equal(values(track), [1, 2, np.nan, np.nan, 5, np.nan, 7, np.nan, 9])
    assert [(run.first, run.start_s) for run in track.runs] == [(0, 0.0), (4, 0.4), (6, 0.6), (8, 0.8)]


def test_a_jump_of_the_times_is_a_gap_and_their_rounding_is_none(tmp_path: Path) -> None:
    times = np.arange(720) / 360.0
    times[400:] += 5.0
    lines = "time,belt\n" + "".join(f"{time:.3f},{k % 7}\n" for k, time in enumerate(times))
    (track,) = read(text(tmp_path, lines), ["belt"]).tracks
    assert track.rate_hz == pytest.approx(360.0, rel=1e-4)
    assert [(run.first, run.stop) for run in track.runs] == [(0, 400), (400, 720)]
    assert track.runs[1].start_s == pytest.approx(times[400], abs=0.001)


def test_times_of_arrival_in_bursts_are_laid_on_a_line(tmp_path: Path) -> None:
    times = np.ceil(np.arange(1000) / 250.0 / 0.016) * 0.016
    lines = "time,belt\n" + "".join(f"{time:.3f},{k % 7}\n" for k, time in enumerate(times))
    (track,) = read(text(tmp_path, lines), ["belt"]).tracks
    assert track.rate_hz == pytest.approx(250.0, rel=0.01)
    assert len(track.runs) == 1


def test_a_slow_signal_in_the_rows_of_a_fast_one_has_its_own_rate(tmp_path: Path) -> None:
    lines = "time,pulse,belt\n" + "".join(f"{k / 100:.2f},{k % 5},{k if k % 4 == 1 else ''}\n" for k in range(100))
    pulse, belt = read(text(tmp_path, lines), ["pulse", "belt"]).tracks
    assert (pulse.rate_hz, belt.rate_hz) == (pytest.approx(100.0), pytest.approx(25.0))
    assert (len(belt.runs), belt.runs[0].start_s) == (1, pytest.approx(0.01))
    assert list(belt.counts[:3]) == [1, 5, 9]
    assert read(text(tmp_path, lines), ["belt"], 100.0).tracks[0].rate_hz == pytest.approx(25.0)


def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    found = read(text(tmp_path, "time,belt\n0,1\n0.1,2\n0.2"), ["belt"])
    assert found.tracks[0].counts.size == 2
    assert found.notes == ("body.csv: the last line is torn and left out",)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=50)
    | st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50)
)
def test_counts_lose_nothing_that_a_converter_could_tell(samples: list[float]) -> None:
    converter = recordings._converter(np.array(samples))
    counts = np.rint((np.array(samples) - converter.offset) / converter.scale)
    assert np.abs(counts).max() <= 2**31 - 1
    error = np.abs(counts * converter.scale + converter.offset - samples).max()
    assert error <= np.ptp(samples) * 2.0**-31 + np.abs(samples).max() * 2.0**-50


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300)
    | st.text("0123456789.,;\t \n\r\"'#-+eEnaifmst:T", max_size=300).map(
        lambda drawn: ("belt,time\n" + drawn).encode()
    ),
    column=st.sampled_from(["belt", "0", "1", "time"]),
    rate_hz=st.sampled_from([None, 50.0]),
)
@example(data=b"belt,t\n1,1\n2,1e18\n3,3e18\n", column="belt", rate_hz=None)
@example(data=b"belt,t\n1,1e308\n2,-1e308\n", column="belt", rate_hz=None)
@example(data=b"belt,t\n1e308,1\n-1e308,2\n", column="belt", rate_hz=None)
@example(data=b"belt,t\n1,0\n2,5e-324\n", column="belt", rate_hz=None)
@example(data=b"5e-324,1\n0,1\n", column="0", rate_hz=50.0)
@example(data=b"belt,time\n1,0001-01-01T00:00:00+23:59\n2,9999-12-31T23:59:59-23:59\n", column="belt", rate_hz=None)
@example(data=b"\xff\xfe\x00", column="0", rate_hz=50.0)
@example(data=b'a,b\n"' + b"x" * 140_000, column="0", rate_hz=50.0)
def test_any_bytes_are_a_table_or_one_sentence(data: bytes, column: str, rate_hz: float | None, tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(data)
    try:
        (track,) = read(path, [column], rate_hz).tracks
    except BiofeedError as error:
        sentence = str(error)
        assert sentence.count("\n") == 0
    else:
        assert np.isfinite([track.rate_hz, track.scale, track.offset, track.end_s]).all()
        assert track.runs
        assert all(0 <= run.first < run.stop <= track.counts.size for run in track.runs)
        assert all(
            a.stop <= b.first and a.start_s <= b.start_s for a, b in zip(track.runs, track.runs[1:], strict=False)
        )


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "body.csv is empty"),
        ("time,belt\n", "body.csv has names but no samples"),
        ("time,belt\n0,1\n0.1,soft\n0.2,3\n", "body.csv:3: column belt holds 'soft', no number"),
        ("time,belt\n0,1\n0.1\n0.2,3\n", "body.csv:3: 1 cells, but the column belt is number 1 (from 0)"),
        ("time,belt\n0,1\n0.2,3\n0.1,3\n", "body.csv:4: the time goes back"),
        ("time,belt\n0,1\n,3\n0.1,3\n", "body.csv:3: no time stands in column time"),
        ("time,belt\n0,1\n0,3\n0,3\n", "body.csv: its times do not advance"),
        ("time,bell\n0,1\n", "body.csv has no column belt; did you mean bell?"),
        ("belt,belt,time\n0,1,2\n", "body.csv has 2 columns belt: name it by its number, 0 or 1"),
        ("belt\n1\n2\n", "body.csv says neither times nor rate: give --rate HZ"),
        ("time,belt\n0,1\n0.1,2\n0.2,2\n9e8,3\n", "body.csv: after 0.2 s there is nothing for 900000000 s"),
        ("time,belt\n0,\n0.1,nan\n", "body.csv: column belt holds no number"),
        ("time,belt\n0,1e35\n0.1,1\n", "body.csv: column belt holds values over 1e+30"),
    ],
)
def test_a_bad_table_is_told_with_file_line_and_what_to_do(lines: str, sentence: str, tmp_path: Path) -> None:
    assert refused(text(tmp_path, lines)).startswith(sentence)


def test_times_that_run_at_two_paces_are_told(tmp_path: Path) -> None:
    times = np.concatenate([np.arange(500) / 100.0, 5.0 + np.arange(500) / 120.0])
    lines = "time,belt\n" + "".join(f"{time:.4f},1\n" for time in times)
    assert "are not even around" in refused(text(tmp_path, lines))
    assert read(text(tmp_path, lines), ["belt"], 100.0).tracks[0].end_s == pytest.approx(10.0)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv") == f"there is no file {tmp_path / 'none.csv'}"
    assert "is a folder" in refused(tmp_path)
    assert "a recording ends in .csv" in refused(text(tmp_path, "x", "body.pdf"))


def test_numpy_archives_give_arrays_and_columns_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "body.npz"
    belt = wave(200).astype(np.float32)
    np.savez(path, fs=50, belt=belt, both=np.column_stack([belt, belt + 1.0]), note="x", odd=np.array([None, 1]))
    found = read(path, ["belt", "both[1]", "0"]).tracks
    assert [track.rate_hz for track in found] == [50.0, 50.0, 50.0]
    np.testing.assert_allclose(values(found[0]), belt, atol=1e-9)
    np.testing.assert_allclose(values(found[1]), belt + 1.0, atol=1e-9)
    with pytest.raises(UsageError, match="says that belt has 50 Hz: leave --rate out"):
        read(path, ["belt"], 60.0)
    np.savez(path, t=np.arange(200) / 20.0, belt=belt)
    assert read(path, ["belt"]).tracks[0].rate_hz == pytest.approx(20.0)
    path.write_bytes(path.read_bytes()[:300])
    assert "body.npz cannot be read as a .npz file" in refused(path)


def test_edf_signals_keep_their_rates_units_and_limits(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    path = tmp_path / "body.edf"
    belt = edfio.EdfSignal(
        wave(500), 50, label="belt", physical_dimension="N", physical_range=(-2, 2), digital_range=(-2048, 2047)
    )
    edfio.Edf([belt, edfio.EdfSignal(wave(1250, 125.0), 125, label="PLETH")]).write(path)
    found = read(path, ["belt", "pleth"]).tracks
    assert [(track.rate_hz, track.unit, track.end_s) for track in found] == [(50.0, "N", 10.0), (125.0, "1", 10.0)]
    np.testing.assert_allclose(values(found[0]), wave(500), atol=0.0006)
    assert (found[0].count_min, found[0].count_max) == (-2048, 2047)
    assert found[1].count_max > 2**30  # stretched to the whole range by who wrote it: no limit
    path.write_bytes(path.read_bytes()[:-100])
    (track,) = read(path, ["belt"]).tracks
    assert track.end_s == pytest.approx(9.0)
    path.write_bytes(path.read_bytes()[:200])
    assert "body.edf cannot be read as a .edf file" in refused(path)


@pytest.mark.filterwarnings("ignore::Warning")  # wfdb's writer, about pandas
def test_wfdb_records_keep_rates_units_and_gaps(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    held = wave(1000)
    held[300:400] = np.nan
    wfdb.wrsamp(
        "body", fs=50, units=["N", "mV"], sig_name=["belt", "II"], p_signal=np.column_stack([held, wave(1000) * 3.0]),
        fmt=["16", "16"], write_dir=str(tmp_path),
    )  # fmt: skip
    for name in ("body", "body.hea", "body.dat"):
        belt, _ = read(tmp_path / name, ["belt", "1"]).tracks
        assert (belt.rate_hz, belt.unit) == (50.0, "N")
        assert [(run.first, run.stop, run.start_s) for run in belt.runs] == [(0, 300, 0.0), (400, 1000, 8.0)]
        np.testing.assert_allclose(values(belt), held, atol=1e-4)
    fast = {"e_p_signal": [wave(500, 250.0), wave(100)], "samps_per_frame": [5, 1]}
    wfdb.wrsamp(
        "two", fs=50, units=["mV", "N"], sig_name=["II", "belt"], fmt=["16", "16"], write_dir=str(tmp_path), **fast
    )
    assert [track.rate_hz for track in read(tmp_path / "two", ["II", "belt"]).tracks] == [250.0, 50.0]
    (tmp_path / "parts.hea").write_text("parts/2 2 50 2000\nbody 1000\nbody 1000\n")
    (parts, _) = read(tmp_path / "parts.hea", ["belt", "II"]).tracks
    np.testing.assert_allclose(values(parts), np.concatenate([held, held]), atol=1e-4)
    (tmp_path / "body.dat").unlink()
    assert "body.dat" in refused(tmp_path / "body.hea")
    (tmp_path / "body.hea").write_bytes(b"body two 3\nx")
    assert "body.hea cannot be read" in refused(tmp_path / "body.hea")


@pytest.mark.parametrize(("name", "package"), [("body.edf", "edfio"), ("body.hea", "wfdb")])
def test_a_missing_package_is_said_with_what_installs_it(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = text(tmp_path, "x", name)
    assert refused(path) == (
        f"{name} needs the package {package}, which is not installed: pip install 'biofeed[recordings]'"
    )


def test_errors_of_recordings_exit_with_1_and_wrong_calls_with_2() -> None:
    assert (RecordingError("").exit_code, UsageError("").exit_code) == (1, 2)
