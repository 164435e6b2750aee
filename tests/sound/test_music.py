"""The person's own music: any file of sound becomes the same calm bed each time, anything else one clear sentence."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.errors import UsageError
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.fades import slope, slopes
from biofeed.sound.loudness import integrated_lufs
from biofeed.sound.music import PASS_SHARE, Music, Resampler

Sound = npt.NDArray[np.float32]
KINDS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def tune(seconds: float, rate_hz: int, channels: int = 2, level: float = 0.2) -> Sound:
    """One tone a channel."""
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    hz = 220.0 * np.array([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0])[:channels]
    return (level * np.sin(2.0 * np.pi * t_s[:, None] * hz)).astype(np.float32)


def written(path: Path, sound: Sound, rate_hz: int, kind: str = "") -> Path:
    form, usual = KINDS[path.suffix[1:]]
    with soundfile.SoundFile(path, "w", rate_hz, sound.shape[1], kind or usual, format=form) as file:
        for start in range(0, len(sound), 4096):  # a long OGG in one call ends the process (soundfile 0.14)
            file.write(sound[start : start + 4096])
    return path


def heard(path: Path, seconds: float) -> Sound:
    bed = Music(path)
    out = np.concatenate([bed(800) for _ in range(round(60.0 * seconds))])
    bed.close()
    return out


def level_db(sound: Sound) -> npt.NDArray[np.float64]:
    """Root mean square by half seconds."""
    rows = sound[: len(sound) // 24_000 * 24_000].astype(np.float64).reshape(-1, 24_000, 2)
    return np.asarray(10.0 * np.log10(np.square(rows).mean(axis=(1, 2)) + 1e-12))


@pytest.fixture(scope="module", params=list(KINDS))
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("music") / f"tune.{request.param}", tune(25.0, 44_100), 44_100)


def test_every_kind_of_file_comes_slowly_to_one_loudness_rests_and_begins_again(path: Path) -> None:
    n_played = -(-soundfile.info(path).frames * 160 // 147)
    n_round = n_played + 20 * SAMPLE_RATE_HZ
    sound = heard(path, 60.0)
    assert integrated_lufs(sound[10 * SAMPLE_RATE_HZ : 17 * SAMPLE_RATE_HZ]) == pytest.approx(-26.0, abs=0.2)
    rising = level_db(sound)[:20]
    assert rising[0] < rising[-1] - 25.0
    assert (np.diff(rising)[2:] <= 0.5 * 3.1).all()
    assert (np.diff(rising) > 0.0).all()
    assert (np.diff(level_db(sound[17 * SAMPLE_RATE_HZ : n_played])) < 0.0).all()
    assert np.abs(sound[n_played:n_round]).max() == 0.0
    assert np.array_equal(sound[n_round:], sound[: len(sound) - n_round])


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([8_000, 44_100, 48_000]), st.lists(st.integers(0, 30_000), max_size=8))
def test_the_samples_do_not_depend_on_how_they_were_asked_for(
    tmp_path_factory: pytest.TempPathFactory, rate_hz: int, cuts: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{rate_hz}.wav"
    if not path.exists():
        written(path, tune(1.1, rate_hz), rate_hz)
    one, other = Music(path), Music(path)
    parts = np.diff([0, *sorted(cuts), 60_000])
    assert np.array_equal(one(60_000), np.concatenate([other(int(n)) for n in parts]))
    one.close()
    other.close()


def resampled(sound: Sound, rate_hz: int) -> npt.NDArray[np.float64]:
    resampler, blocks = Resampler(rate_hz), []
    n_out = len(sound) * SAMPLE_RATE_HZ // rate_hz
    for start in range(0, n_out, 1000):
        n = min(1000, n_out - start)
        missing = resampler.needed(n) - resampler.n_in
        blocks_in = sound[resampler.n_in : resampler.n_in + max(0, missing)]
        resampler.push(np.concatenate([blocks_in, np.zeros((max(0, missing) - len(blocks_in), 2), np.float32)]))
        blocks.append(resampler.pull(n))
    return np.concatenate(blocks)[:, 0]


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 44_100, 44_101, 47_999, 88_200, 96_000, 192_000])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.8, 1.0])
def test_a_tone_stays_that_tone_at_every_rate(rate_hz: int, share: float) -> None:
    """Its level within 0.1 dB, and 80 dB below it everything that it was not: aliases, images, noise."""
    hz = share * min(18_000.0, PASS_SHARE * rate_hz / 2.0)
    sound = np.sin(2.0 * np.pi * hz * np.arange(rate_hz // 2) / rate_hz)[:, None] * np.ones(2)
    out = resampled(sound.astype(np.float32), rate_hz)[2_400:-2_400]
    turns = 2.0 * np.pi * hz * (np.arange(len(out)) + 2_400) / SAMPLE_RATE_HZ
    assert 20.0 * abs(np.log10(2.0 * np.mean(out * np.sin(turns)))) < 0.1
    basis = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    rest = out - basis @ np.linalg.lstsq(basis, out, rcond=None)[0]
    assert 10.0 * np.log10(2.0 * np.mean(rest**2)) < -80.0


@pytest.mark.parametrize(("rate_hz", "hz"), [(96_000, 24_100), (96_000, 40_000), (192_000, 25_000), (192_000, 90_000)])
def test_what_lies_above_hearing_does_not_come_down(rate_hz: int, hz: float) -> None:
    sound = np.sin(2.0 * np.pi * hz * np.arange(rate_hz // 2) / rate_hz)[:, None] * np.ones(2)
    out = resampled(sound.astype(np.float32), rate_hz)[2_400:-2_400]
    assert 10.0 * np.log10(2.0 * np.mean(out**2)) < -80.0


def test_a_fade_is_even_in_decibels() -> None:
    gain = slopes(np.linspace(-0.5, 1.5, 2001))
    assert gain[700:1300:100] == pytest.approx([slope(0.1 * n) for n in range(2, 8)])
    assert (np.diff(gain) >= 0.0).all()
    assert gain[0] == 0.0
    assert gain[-1] == 1.0
    assert gain[1000] == pytest.approx(10.0 ** (-9.0 / 20.0))


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_mono_and_surround_come_to_both_ears(tmp_path: Path, channels: int) -> None:
    sound = heard(written(tmp_path / "many.wav", tune(25.0, 48_000, channels), 48_000), 16.0)[12 * SAMPLE_RATE_HZ :]
    power = np.square(sound).mean(axis=0)
    assert power.min() > 0.5 * power.max()
    assert np.array_equal(sound[:, 0], sound[:, 1]) == (channels == 1)
    assert integrated_lufs(sound) == pytest.approx(-26.0, abs=0.2)


def test_a_quiet_file_is_raised_by_no_more_than_12_db_and_a_silent_one_not_at_all(tmp_path: Path) -> None:
    quiet = Music(written(tmp_path / "quiet.wav", tune(6.0, 48_000, level=0.001), 48_000))
    assert quiet.gain_db == 12.0
    assert "played 12.0 dB louder" in quiet.about
    quiet.close()
    silent = Music(written(tmp_path / "silent.wav", tune(6.0, 48_000, level=0.0), 48_000))
    assert silent.gain_db == 0.0
    assert np.abs(silent(48_000)).max() == 0.0
    silent.close()


def test_a_long_file_is_measured_in_stretches(tmp_path: Path) -> None:
    long = Music(written(tmp_path / "long.wav", tune(200.0, 8_000), 8_000))
    assert "over 60 stretches of 3 s" in long.about
    assert "3 min 20 s at 8 kHz, stereo" in long.about
    assert integrated_lufs(np.concatenate([long(48_000) for _ in range(15)])[12 * SAMPLE_RATE_HZ :]) == pytest.approx(
        -26.0, abs=0.2
    )
    long.close()


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Music(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_played_is_one_sentence(tmp_path: Path) -> None:
    assert "no such music file" in refused(tmp_path / "none.wav")
    assert "no such music file" in refused(tmp_path)
    for name, content in (("song.wav", b"RIFF, not really"), ("song.raw", b"\0" * 1000), ("song.txt", b"la la la")):
        (tmp_path / name).write_bytes(content)
        assert "WAV, FLAC, OGG, MP3" in refused(tmp_path / name)
    (tmp_path / "empty.mp3").write_bytes(b"")
    assert "is empty" in refused(tmp_path / "empty.mp3")
    assert "holds no sound" in refused(written(tmp_path / "short.wav", tune(0.0, 44_100), 44_100))
    assert "1000000 samples a second" in refused(written(tmp_path / "fast.wav", tune(0.01, 44_100), 1_000_000))
    assert "40 channels" in refused(written(tmp_path / "many.wav", np.zeros((100, 40), np.float32), 44_100))
    assert "100 samples a second" in refused(written(tmp_path / "slow.wav", tune(0.1, 44_100), 100))


def test_a_damaged_file_is_named_with_the_place(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.flac", tune(20.0, 44_100), 44_100).read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "cut.flac cannot be decoded at" in refused(cut)
    broken = tune(20.0, 44_100)
    broken[12 * 44_100] = np.nan
    assert "cannot be decoded at 12 s" in refused(written(tmp_path / "nan.wav", broken, 44_100, "FLOAT"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_breaks_off_while_it_plays_fades_out_and_stays_silent(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"tune.{kind}", tune(40.0, 22_050), 22_050)
    bed, other = Music(path), Music(path)
    os.truncate(path, path.stat().st_size * 3 // 5)
    sound = np.concatenate([bed(800) for _ in range(60 * 66)])
    steps = level_db(sound)
    assert steps[20:40].min() > -35.0
    quiet = int(np.argmax(steps[20:] < -100.0)) + 20
    assert 40 < quiet < 60
    assert (np.diff(steps[quiet - 6 : quiet]) < 0.0).all()
    assert np.abs(sound[(quiet + 1) * 24_000 :]).max() == 0.0
    assert np.array_equal(sound, np.concatenate([other(12_345) for _ in range(260)])[: len(sound)])
    bed.close()
    other.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    return {kind: written(folder / f"a.{kind}", tune(2.0, 22_050), 22_050).read_bytes() for kind in KINDS}


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.floats(0.0, 1.0),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 255)), max_size=20),
)
def test_cut_and_garbled_files_play_or_are_refused_and_nothing_else(
    samples: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    cut: float,
    changes: list[tuple[float, int]],
) -> None:
    content = bytearray(samples[kind])
    for where, value in changes:
        content[min(len(content) - 1, int(where**2 * len(content)))] = value  # more of them in the header
    path = tmp_path_factory.getbasetemp() / f"garbled.{kind}"
    path.write_bytes(content[: round(len(content) * cut)])
    try:
        bed = Music(path)
    except UsageError:
        return
    sound = np.concatenate([bed(800) for _ in range(200)])
    bed.close()
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 8.0 * 10.0 ** (12.0 / 20.0)
