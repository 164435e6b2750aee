import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from biofeed.errors import OutputError, UsageError
from biofeed.graphics.film import Film, write_png, write_wav

SIZE = (96, 54)


def picture(index: int) -> np.ndarray:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return np.stack([(x * 2 + index) % 256, (y * 4) % 256, np.full_like(x, 60)], axis=2).astype(np.uint8)


def tone(n: int) -> np.ndarray:
    return np.repeat(0.2 * np.sin(2 * np.pi * 440 * np.arange(n) / 48_000)[:, None], 2, axis=1).astype(np.float32)


def shoot(path: Path, n: int = 30, fps: int = 30) -> None:
    sound = tone(n * 48_000 // fps)
    with Film(path, SIZE, fps) as film:
        for index in range(n):
            film.picture(picture(index))
            film.sound(sound[index * 1600 : (index + 1) * 1600])
        film.sound(sound[:0])


def test_a_film_plays_with_every_picture_and_every_sample(tmp_path: Path) -> None:
    shoot(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (*SIZE, Fraction(30))
        assert audio.rate == 48_000
        assert audio.duration is not None
        assert audio.time_base is not None
        assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=1024 / 48_000)
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        film.seek(0)
        samples = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)
    assert len(pictures) == 30
    assert np.abs(pictures[10].astype(int) - picture(10)).mean() < 12  # 4:2:0 blurs this picture's saw edges
    assert 48_000 <= samples.shape[1] <= 48_000 + 2 * 1024
    assert np.sqrt((samples[0, 4_800:43_200] ** 2).mean()) == pytest.approx(0.2 / np.sqrt(2), rel=0.05)


def test_colours_come_back_as_they_went_in(tmp_path: Path) -> None:
    flat = np.empty((*SIZE[::-1], 3), dtype=np.uint8)
    flat[:] = (200, 90, 30)
    with Film(tmp_path / "flat.mp4", SIZE, 30, None) as film:
        for _ in range(3):
            film.picture(flat)
    with av.open(str(tmp_path / "flat.mp4")) as film:
        assert not film.streams.audio
        frame = next(film.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited
    shown = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(shown.astype(int) - flat).max() <= 3


def test_the_same_pictures_and_sound_give_the_same_file(tmp_path: Path) -> None:
    shoot(tmp_path / "a.mp4")
    shoot(tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_film_begins_with_its_index_so_that_it_plays_while_it_loads(tmp_path: Path) -> None:
    shoot(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_an_odd_size_is_told_with_the_size_that_works(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1281x721 cannot be, 1280x720 can"):
        Film(tmp_path / "a.mp4", (1281, 721), 30)


def test_a_picture_of_another_size_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shape"), Film(tmp_path / "a.mp4", SIZE, 30, None) as film:
        film.picture(np.zeros((10, 10, 3), dtype=np.uint8))


def test_what_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def break_off() -> None:
        with Film(tmp_path / "a.mp4", SIZE, 30) as film:
            film.picture(picture(0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    for write in (
        lambda path: Film(path, SIZE, 30),
        lambda path: write_png(path, picture(0)),
        lambda path: write_wav(path, tone(10)),
    ):
        with pytest.raises(OutputError, match=r"nowhere.*cannot be written: No such file"):
            write(tmp_path / "nowhere" / "a.out")


def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, *SIZE[::-1], 3), dtype=np.uint8)

    def fill() -> None:
        with Film(tmp_path / "a.mp4", SIZE, 30, None) as film:
            for index in range(200):
                film.picture(noise[index])

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # no file may grow beyond this
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            fill()
        with pytest.raises(OutputError, match="the disk is full"):
            write_wav(tmp_path / "a.wav", tone(50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_png_holds_the_very_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(3))
    with av.open(str(tmp_path / "a.png")) as file:
        read = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(read, picture(3))


def test_a_wav_holds_the_very_samples(tmp_path: Path) -> None:
    sound = tone(1_000)
    write_wav(tmp_path / "a.wav", sound)
    with av.open(str(tmp_path / "a.wav")) as file:
        assert file.streams.audio[0].rate == 48_000
        read = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in file.decode(audio=0)])
    assert np.array_equal(read, sound)
