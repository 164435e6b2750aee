"""The command line as scripts and people meet it: exit codes, one clear sentence for each mistake, stable JSON."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from biofeed import cli, commands, offline, scene
from biofeed.config import Config, as_table
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder

SHADER = """/*
title = "Mine"
mood = "a lamp that breathes"
soundscape = "tide"
[uniforms]
u_swell = { from = "breath", low = 0.3, high = 1.0 }
*/
uniform float u_swell;
vec3 scene(vec2 p) { return vec3(u_swell * exp(-dot(p, p))); }
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="session")
def capsule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "capsule"
    settings = Config().lasting(20.0)
    world = scene.load("tide")
    opening = Opening("2026-01-01T00:00:00+00:00", 1, "tide", 20.0, as_table(settings), ("simulated:calm",), "calm")
    recorder = Recorder(folder, opening, world.files)

    def record(frame: object, _reading: object, entries: object) -> None:
        tick = frame.tick  # type: ignore[attr-defined]
        recorder.tick(tick, entries, digest_of(frame))  # type: ignore[arg-type]
        while tick == 600 and (recorder.recorded_tick or 0) < tick:
            time.sleep(0.01)  # what was told so far stands in a record of its own

    offline.simulate(settings, "tide", "calm", 1, 21.0, [record])
    recorder.close("ended")
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("render", "--scene", "tied", "--out", "x.png"), 2, "there is no scene tied; did you mean tide?"),
        (("render", "--person", "clam", "--out", "x.png"), 2, "there is no simulated person clam; did you mean calm?"),
        (("render", "--out", "x.gif"), 2, "x.gif: the output must end in .mp4, .wav, .png or .npz"),
        (("render", "--out", "nowhere/x.png"), 1, "nowhere/x.png cannot be written: there is no folder nowhere"),
        (("render", "--at", "70", "--out", "x.png"), 2, "--at 70 is not within the 60 s of the session"),
        (("render", "--size", "641x360", "--out", "x.mp4"), 2, "a film's width and height must be even"),
        (("demo", "--scene", "aurra", "--headless"), 2, "there is no scene aurra"),
        (("demo", "--person", "nobody", "--headless"), 2, "there is no simulated person nobody"),
        (("session", "--sensor", "/dev/ttyNONE"), 1, "there is no port /dev/ttyNONE: plug the sensor in"),
        (("session", "--sensor", "warble://x"), 1, "warble://x is not a port that can be opened"),
        (("replay", "nothing-here"), 1, "there is no capsule at nothing-here"),
        (("report", "nothing-here"), 1, "there is no capsule at nothing-here"),
        (("scene", "missing.frag"), 1, "there is no screen here"),
        (("people", "--config", "none.toml"), 0, ""),
        (("render", "--config", "none.toml", "--out", "x.png"), 2, "the settings file none.toml cannot be read"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_exit_code(
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    found, _, error = said(capsys, *arguments)
    assert found == code
    assert sentence in error
    assert len(error.splitlines()) == (1 if code else 0)
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ("dmeo",),
        ("demo", "--seconds", "soon"),
        ("demo", "--seconds", "5"),
        ("render", "--size", "big", "--out", "x.png"),
    ],
)
def test_a_wrong_call_exits_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("exp(-dot(p, p))", "exp(-dot(p, q))"), "mine.frag:9: "),
        (("low = 0.3", "low = "), "mine.frag:6: the manifest is not TOML"),
        (
            ('soundscape = "tide"', 'soundscape = "tidy"'),
            "mine.frag:4: there is no soundscape tidy; did you mean tide?",
        ),
        (
            ("uniform float u_swell;", "uniform float u_swel;"),
            "mine.frag:8: u_swel is not bound; did you mean u_swell?",
        ),
    ],
)
def test_a_broken_scene_is_named_with_its_line(
    change: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.frag"
    path.write_text(SHADER.replace(*change))
    code, _, error = said(capsys, "render", "--scene", str(path), "--size", "64x36", "--out", str(tmp_path / "x.png"))
    assert code == 1
    assert sentence in error
    assert not (tmp_path / "x.png").exists()


def test_a_scene_of_ones_own_is_drawn_from_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.frag"
    path.write_text(SHADER)
    out = tmp_path / "mine.png"
    code, told, error = said(
        capsys, "render", "--scene", str(path), "--size", "64x36", "--seconds", "20", "--at", "9", "--out", str(out)
    )
    assert (code, error) == (0, "")
    assert told.strip() == str(out)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_an_unknown_key_in_the_settings_is_named_with_its_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = tmp_path / "biofeed.toml"
    settings.write_text("[engine.adaptation]\ntarget = 5\n")
    code, _, error = said(capsys, "render", "--config", str(settings), "--out", str(tmp_path / "x.png"))
    assert code == 2
    assert "engine.adaptation.target is not a setting; did you mean target_per_min?" in error


def test_replay_tells_whether_every_frame_is_equal(capsule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "replay", str(capsule), "--json")
    told = json.loads(out)
    assert code == 0
    assert told["equal"] is True
    assert told["digest"] == told["recorded"]
    assert told["frames"] == Capsule.open(capsule).n_ticks


def test_a_torn_capsule_replays_as_far_as_it_goes_and_says_so(
    capsule: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(capsule, torn)
    log = torn / "log.bin"
    os.truncate(log, log.stat().st_size * 2 // 3)
    code, out, _ = said(capsys, "replay", str(torn), "--json")
    told = json.loads(out)
    assert code == 0
    assert told["equal"] is True
    assert 0 < told["frames"] < Capsule.open(capsule).n_ticks
    assert told["torn"]


def test_a_capsule_from_a_later_version_is_refused_in_words(
    capsule: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    later = tmp_path / "later"
    shutil.copytree(capsule, later)
    opening = later / "capsule.json"
    table = json.loads(opening.read_text())
    assert table["format"] == 1
    opening.write_text(opening.read_text().replace('"format":1', '"format":9').replace('"format": 1', '"format": 9'))
    code, _, error = said(capsys, "replay", str(later))
    assert code == 1
    assert "format 9" in error
    assert "update biofeed" in error


def test_a_capsule_is_drawn_as_it_was_recorded(
    capsule: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "again.wav"
    code, _, _ = said(capsys, "render", "--from", str(capsule), "--out", str(out))
    assert code == 0
    n_ticks = Capsule.open(capsule).n_ticks
    assert out.stat().st_size == pytest.approx(n_ticks * 800 * 2 * 4, abs=200)  # stereo, 32-bit float


def test_a_report_is_written_for_a_capsule(capsule: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    code, _, _ = said(capsys, "report", str(capsule), "--out", str(out))
    assert code == 0
    assert "<svg" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["scenes", "people", "check"])
def test_json_prints_one_object_and_nothing_else(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, error = said(capsys, what, "--json")
    assert set(json.loads(out)) == {what}
    assert error == ""


def test_help_teaches_and_needs_nothing_heavy() -> None:
    heavy = "import sys; import biofeed.cli; print(sorted({'numpy', 'numba', 'moderngl', 'av'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    told = subprocess.run([sys.executable, "-m", "biofeed.cli", "--help"], capture_output=True, text=True, check=True)
    assert "biofeed demo" in told.stdout
    assert "not a medical device" in told.stdout


def test_every_command_that_the_help_lists_exists() -> None:
    parser = cli._parser()
    listed = next(action.choices for action in parser._actions if action.dest == "COMMAND" or action.choices)
    assert listed
    assert {
        "demo",
        "session",
        "render",
        "replay",
        "scenes",
        "scene",
        "people",
        "sensors",
        "report",
        "check",
        "bench",
    } <= set(listed)
    assert callable(commands.demo)
