"""The person's own music, from the command line to the sound, live and offline; what it is, `sound.music` says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biofeed import cli, commands, holding, scene
from biofeed.config import Config
from biofeed.filming import Canvas, filming
from biofeed.graphics.film import write_wav
from biofeed.messages import ControlFrame, Drive, Levels
from biofeed.sound import output

HUM_HZ = 523.25  # no tone of the soundscape


@pytest.fixture
def music(tmp_path: Path) -> Path:
    time_s = np.arange(30 * 48_000) / 48_000
    path = tmp_path / "own.wav"
    write_wav(path, (0.2 * np.sin(2.0 * np.pi * HUM_HZ * time_s)[:, None] * np.ones(2)).astype(np.float32))
    return path


def hum(folder: Path, music: Path | None) -> float:
    """How much of the music's tone there is in a film's last second, of twelve."""
    out = folder / "sound.npz"
    canvas = Canvas({"tide": scene.load("tide")}, "tide", 1, (16, 16), 1, None, True, music)
    with filming(canvas, Config(), out) as film:
        for tick in range(12 * 60):
            levels = Levels(picture=1.0, sound=1.0)
            film(ControlFrame(tick, tick / 60, Drive(), "tide", levels, "running", ""))
    with np.load(out) as made:
        last = made["audio"][-48_000:, 0]
    time_s = np.arange(48_000) / 48_000
    return float(abs(np.exp(-2j * np.pi * HUM_HZ * time_s) @ last) / 48_000)


def test_a_film_has_the_person_s_music_under_its_sound(music: Path, tmp_path: Path) -> None:
    assert hum(tmp_path, music) > 10.0 * hum(tmp_path, None)


def test_the_sound_process_takes_the_music_or_says_why_not(music: Path, tmp_path: Path) -> None:
    class Pipe:
        said: list[Any] = []  # noqa: RUF012 - one pipe, one test

        def send(self, obj: Any) -> None:
            self.said.append(obj)

    bed = output._bed(Pipe(), music)  # type: ignore[arg-type]
    assert bed
    assert bed(480).shape == (480, 2)
    assert output._bed(Pipe(), None) is None  # type: ignore[arg-type]
    assert not Pipe.said
    assert output._bed(Pipe(), tmp_path / "gone.wav") is None  # type: ignore[arg-type]
    assert Pipe.said[0][0] == "error"
    assert "gone.wav" in Pipe.said[0][1]


def test_a_session_hands_the_music_to_the_sound_alone(music: Path) -> None:
    picture, sound = holding.screen_and_sound(Config(), {"tide": scene.load("tide")}, "tide", 1, False, music)
    assert music in sound.args
    assert music not in picture.args


@pytest.mark.parametrize("command", ["session", "demo", "render"])
def test_music_that_cannot_be_read_is_told_before_anything_begins(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = ["--out", "x.wav"] if command == "render" else []
    assert cli.main([command, "--music", "none.wav", *out]) == 2
    error = capsys.readouterr().err
    assert "none.wav" in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_render_says_what_it_found(music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands._hear_music(music)
    assert capsys.readouterr().err.startswith("own.wav: 0 min 30 s at 48 kHz, stereo")
