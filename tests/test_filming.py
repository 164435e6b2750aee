"""Frames into files: the same arguments give the same bytes, and every kind of file holds what it says."""

from pathlib import Path

import av
import numpy as np
import pytest

from biofeed import offline, scene
from biofeed.config import Config
from biofeed.filming import Canvas, filming

SETTINGS = Config().lasting(20.0)
SIZE = (96, 54)


def paint(out: Path, until_s: float, *, seed: int = 1, fps: int = 10, guarded: bool = True, name: str = "tide") -> None:
    canvas = Canvas({name: scene.load(name)}, name, seed, SIZE, fps, None, guarded)
    with filming(canvas, SETTINGS, out) as film:
        offline.simulate(SETTINGS, name, "calm", seed, until_s, [lambda frame, _reading, _entries: film(frame)])


def test_rendering_twice_gives_the_very_same_frames_audio_and_control_table(tmp_path: Path) -> None:
    for name in ("a", "b"):
        paint(tmp_path / f"{name}.npz", 12.0)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as made:
        assert made["frames"].shape == (120, SIZE[1], SIZE[0], 3)
        assert made["frames"].dtype == np.uint8
        assert made["audio"].shape == (12 * 48_000, 2)
        assert made["audio"].dtype == np.float32
        assert len(made["control"]) == 12 * 60
        assert made["frames"][-1].mean() > made["frames"][0].mean()
        assert np.abs(made["audio"]).max() > 0.001


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    for seed in (1, 2):
        paint(tmp_path / f"{seed}.npz", 8.0, seed=seed, fps=1)
    with np.load(tmp_path / "1.npz") as one, np.load(tmp_path / "2.npz") as two:
        assert not np.array_equal(one["frames"], two["frames"])
        assert not np.array_equal(one["audio"], two["audio"])


def test_a_film_holds_every_picture_and_every_sample(tmp_path: Path) -> None:
    paint(tmp_path / "a.mp4", 2.0, fps=30)
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert film.streams.video[0].frames == 60
        assert (film.streams.video[0].width, film.streams.video[0].height) == SIZE
        assert sum(frame.samples for frame in film.decode(audio=0)) == pytest.approx(96_000, abs=2048)


def test_a_wav_holds_the_sound_alone(tmp_path: Path) -> None:
    paint(tmp_path / "a.wav", 2.0)
    with av.open(str(tmp_path / "a.wav")) as sound:
        assert sound.streams.audio[0].rate == 48_000
        assert sum(frame.samples for frame in sound.decode(audio=0)) == 96_000


def test_what_breaks_off_leaves_no_file_behind(tmp_path: Path) -> None:
    canvas = Canvas({"tide": scene.load("tide")}, "tide", 1, SIZE)
    with pytest.raises(ZeroDivisionError), filming(canvas, SETTINGS, tmp_path / "a.mp4"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
