"""Every soundscape in the folder, and the synthesiser under any frames: the same samples, calm, and no click."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import scene
from biofeed.errors import SceneError
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import DRIVES, SAMPLE_RATE_HZ, ControlFrame, Drive, Levels
from biofeed.scene import parse_soundscape, soundscape
from biofeed.sound.limiter import LATENCY_FRAMES, Limiter
from biofeed.sound.loudness import integrated_lufs
from biofeed.sound.synth import TICK_FRAMES, Synth, check

Sound = npt.NDArray[np.float32]
FILES = sorted((scene.folders()[1]).glob("*.toml"))


def played(path: Path, seconds: float, seed: int = 1, guarded: bool = True) -> Sound:
    synth, limiter = Synth(soundscape(path), seed), Limiter()
    ticks = (synth(made_up_frame(tick, path.stem)) for tick in range(round(seconds * 60)))
    return np.concatenate([limiter(block) if guarded else block for block in ticks])


@pytest.fixture(scope="module")
def minute(path: Path) -> Sound:
    return played(path, 60.0)


def test_the_same_seed_gives_the_same_samples_and_another_one_does_not(path: Path) -> None:
    first, again, other = played(path, 4.0), played(path, 4.0), played(path, 4.0, seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (4 * SAMPLE_RATE_HZ, 2)
    assert first.dtype == np.float32


def test_it_is_quiet_even_and_without_offset_or_rumble(minute: Sound) -> None:
    running = minute[15 * SAMPLE_RATE_HZ :].astype(np.float64)
    assert np.isfinite(minute).all()
    assert np.abs(minute).max() <= 10 ** (-7.0 / 20.0)
    assert np.abs(running.mean(axis=0)).max() < 1e-3
    assert -25.5 < integrated_lufs(running.astype(np.float32)) < -21.0
    power = np.abs(np.fft.rfft(running[: 30 * SAMPLE_RATE_HZ, 0] * np.hanning(30 * SAMPLE_RATE_HZ))) ** 2
    hz = np.fft.rfftfreq(30 * SAMPLE_RATE_HZ, 1.0 / SAMPLE_RATE_HZ)
    assert power[hz < 25.0].sum() < 1e-5 * power.sum()


def test_the_limiter_has_nothing_to_do(path: Path) -> None:
    synth, limiter = Synth(soundscape(path), 1), Limiter()
    least = []
    for tick in range(30 * 60):
        limiter(synth(made_up_frame(tick, path.stem)))
        least.append(limiter.least_gain)
    assert min(least[15 * 60 :]) > 10 ** (-0.1 / 20.0)


def test_inhale_and_exhale_are_told_apart_with_eyes_closed(path: Path) -> None:
    def held(breath: float) -> tuple[float, float]:
        synth = Synth(soundscape(path), 1)
        drive = Drive(breath=breath, guide=0.5, calm=0.6, confidence=1.0, progress=0.3)
        frames = (
            ControlFrame(tick, tick / 60.0, drive, path.stem, Levels(1.0, 1.0, 0.5), "running", "")
            for tick in range(12 * 60)
        )
        sound = np.concatenate([synth(frame) for frame in frames])[4 * SAMPLE_RATE_HZ :].mean(axis=1)
        power = np.abs(np.fft.rfft(sound)) ** 2
        hz = np.fft.rfftfreq(len(sound), 1.0 / SAMPLE_RATE_HZ)
        return float((hz * power).sum() / power.sum()), float(np.sqrt(np.square(sound).mean()))

    (empty_hz, empty), (full_hz, full) = held(0.0), held(1.0)
    assert full_hz > 1.2 * empty_hz
    assert full > empty  # by little: loudness is evened, so that no swell grows too fast (H-06)


def clicks(sound: Sound) -> int:
    """Samples whose second difference stands 30 times above the median of its 20 ms, and is not tiny."""
    x = sound.mean(axis=1).astype(np.float64)
    bend = np.abs(np.diff(x, 2))
    window = SAMPLE_RATE_HZ // 50
    rows = bend[: len(bend) // window * window].reshape(-1, window)
    return int((rows > np.maximum(30.0 * np.median(rows, axis=1, keepdims=True), 2e-3)).sum())


@pytest.mark.hazard("H-08")
def test_drives_that_jump_at_every_tick_do_not_click(path: Path) -> None:
    random = np.random.default_rng(3)
    synth = Synth(soundscape(path), 1)
    blocks = []
    for tick in range(20 * 60):
        drive = Drive(*random.integers(0, 2, len(DRIVES)).astype(float))
        levels = Levels(1.0, 1.0, float(random.integers(0, 2)))
        blocks.append(synth(ControlFrame(tick, tick / 60.0, drive, path.stem, levels, "running", "")))
    assert clicks(np.concatenate(blocks)) == 0


@pytest.mark.hazard("H-08")
def test_silence_is_silent_and_what_is_not_a_number_stays_out(path: Path) -> None:
    synth = Synth(soundscape(path), 1)
    quiet = [synth(replace(made_up_frame(tick, path.stem), levels=Levels(1.0, 0.0, 0.5))) for tick in range(120)]
    assert np.abs(np.concatenate(quiet)).max() == 0.0
    wild = Drive(*[float("nan"), float("inf"), -1e300, 1e300, 0.0, 0.0, 0.0, 0.0])
    for tick in range(120, 180):
        assert np.isfinite(synth(replace(made_up_frame(tick, path.stem), drive=wild))).all()


@pytest.mark.hazard("H-44")
def test_three_minutes_hold_no_second_twice(path: Path) -> None:
    sound = played(path, 180.0, guarded=False).mean(axis=1)[10 * SAMPLE_RATE_HZ :]
    seconds = sound[: len(sound) // SAMPLE_RATE_HZ * SAMPLE_RATE_HZ].reshape(-1, SAMPLE_RATE_HZ)
    shapes = seconds / np.linalg.norm(seconds, axis=1, keepdims=True)
    likeness = np.abs(shapes @ shapes.T) - np.eye(len(shapes))
    assert likeness.max() < 0.95


@pytest.mark.hazard("H-06")
def test_another_soundscape_takes_over_through_silence() -> None:
    one, two = soundscape(FILES[0]), soundscape(FILES[1])
    synth = Synth(one, 1)
    for tick in range(300):
        synth(made_up_frame(tick, "x"))
    synth.set_soundscape(two)
    blocks = [synth(made_up_frame(300 + tick, "x")) for tick in range(600)]
    loud = [float(np.abs(block).max()) for block in blocks]
    assert min(loud) < 1e-4
    assert loud[-1] > 0.005
    assert clicks(np.concatenate(blocks)) == 0


GOOD = '[mix]\n[[voice]]\nkind = "pad"\nlevel = 0.5\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('"pad"', '"pda"'), "x.toml:3: pda is not"),
        (GOOD.replace("level", "levle"), "x.toml:4: levle is not"),
        (GOOD.replace("0.5", "50.0"), "x.toml:4: level"),
        (GOOD.replace("[mix]", "[mix]\nreverb = 3"), "x.toml:2: reverb is not"),
    ],
)
def test_a_mistake_in_a_voice_is_named_with_its_line(text: str, message: str) -> None:
    check(parse_soundscape("x.toml", GOOD))
    with pytest.raises(SceneError) as caught:
        check(parse_soundscape("x.toml", text))
    assert str(caught.value).startswith(message)


def test_calm_sound_passes_the_limiter_untouched_and_late() -> None:
    sound = played(FILES[0], 20.0, guarded=False)
    limiter = Limiter()
    out = np.concatenate([limiter(block) for block in np.split(sound, len(sound) // TICK_FRAMES)])
    late = sound[15 * SAMPLE_RATE_HZ - LATENCY_FRAMES : -LATENCY_FRAMES]
    change = out[15 * SAMPLE_RATE_HZ :] - late  # what the filter against a constant offset does, and nothing else
    assert np.sqrt(np.square(change).mean()) < 0.04 * np.sqrt(np.square(late).mean())


def test_a_tone_s_loudness_is_what_the_standard_says() -> None:
    time_s = np.arange(20 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = np.sin(2.0 * np.pi * 997.0 * time_s)
    left = np.stack([tone, 0.0 * tone], axis=1).astype(np.float32)
    assert integrated_lufs(left) == pytest.approx(-3.01, abs=0.05)  # ITU-R BS.1770-4, annex 1
    assert integrated_lufs(0.1 * left) == pytest.approx(-23.01, abs=0.05)
    assert integrated_lufs(np.zeros_like(left)) == float("-inf")


def test_every_frame_of_a_minute_is_there(minute: Sound) -> None:
    assert len(minute) == 60 * SAMPLE_RATE_HZ
    tick_levels = np.square(minute.astype(np.float64)).mean(axis=1).reshape(-1, TICK_FRAMES).mean(axis=1)
    assert all(level > 0.0 for level in tick_levels[60:])
    assert max(b / a for a, b in itertools.pairwise(tick_levels[15 * 60 :])) < 4.0  # no onset above 6 dB in a tick
