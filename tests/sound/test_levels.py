"""Every soundscape in the folder, measured before the last gate: as loud as agreed, never sudden, and led by breath.

Two meters by others (pyloudnorm, and ffmpeg's ebur128 through PyAV) look at the same sound as ours.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
from meters import ffmpeg

from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Soundscape, soundscape
from biofeed.sound import loudness
from biofeed.sound.synth import Synth

Sound = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
START_S, END_S = 15.0, 57.0  # what is measured: after the fade-in, seven whole breaths
BREATH_S = 6.0
LOUDNESS_LUFS = (-23.0, -18.0)
MOMENTARY_LU, ONSET_DB, TRUE_PEAK_DBFS = 6.0, 6.0, -6.0
ATTACK_S = 0.8 * 0.05  # from a tenth to nine tenths of an attack of 50 ms
FADE_S, FADE_DB_PER_S = 10.0, 3.0
OFFSET, RUMBLE_DB = 1e-3, -50.0
# What each breath must move: brightness by a sixth, and the correlation of the ears by twice what can just be heard
# (0.075, ISO 3382-1, table A.1).
BRIGHTNESS_OCTAVES, CORRELATION = 0.22, 0.15
SHARE = 0.25  # of all that the measure does in that time, that the breath must explain
EDGE_DB = 3.0  # in 20 ms above 1 kHz, from one breath voice alone


def made(sounding: Soundscape, seconds: float, frame: Callable[[int], ControlFrame]) -> Sound:
    synth = Synth(sounding, 1)
    return np.concatenate([synth(frame(tick)) for tick in range(round(seconds * TICKS_PER_S))])


def breathing(tick: int) -> ControlFrame:
    """The made-up session at ten breaths a minute."""
    frame = made_up_frame(tick, "x")

    def wave(lag_s: float) -> float:
        return 0.5 - 0.5 * math.cos(2.0 * math.pi * (frame.time_s - lag_s) / BREATH_S)

    return replace(frame, drive=replace(frame.drive, breath=wave(0.3), guide=wave(0.0)))


def cornered(tick: int) -> ControlFrame:
    """Straight lines: 2 s in, 3 s out, 1 s rest; all there from the first moment."""
    time_s = tick / TICKS_PER_S
    at_s = time_s % BREATH_S
    breath = at_s / 2.0 if at_s < 2.0 else max(0.0, 1.0 - (at_s - 2.0) / 3.0)
    drive = Drive(breath=breath, guide=breath, calm=0.5, coherence=0.5, confidence=1.0)
    return ControlFrame(tick, time_s, drive, "x", Levels(1.0, 1.0, 0.5), "running", "")


def holding(tick: int) -> ControlFrame:
    """Half a breath held, and the session's own beginning."""
    drive = Drive(breath=0.5, guide=0.5, calm=0.5, coherence=0.5, confidence=1.0)
    return replace(made_up_frame(tick, "x"), drive=drive)


@pytest.fixture(scope="module")
def sound(path: Path) -> Sound:
    """Seven breaths, after the fade-in."""
    return made(soundscape(path), END_S, breathing)[round(START_S * SAMPLE_RATE_HZ) :]


@pytest.mark.hazard("H-07")
def test_it_is_as_loud_as_agreed(sound: Sound) -> None:
    low, high = LOUDNESS_LUFS
    assert low <= loudness.integrated_lufs(sound) <= high


@pytest.mark.hazard("H-06")
def test_no_moment_stands_out(sound: Sound) -> None:
    momentary = loudness.momentary_lufs(sound)
    assert momentary.max() <= np.median(momentary) + MOMENTARY_LU


@pytest.mark.hazard("H-07")
def test_peaks_leave_room_before_the_gate(sound: Sound) -> None:
    assert loudness.true_peak_dbfs(sound) < TRUE_PEAK_DBFS


@pytest.mark.hazard("H-06")
def test_nothing_is_sudden(sound: Sound) -> None:
    assert loudness.onset_rises_db(sound).max() <= ONSET_DB


@pytest.mark.hazard("H-06", "H-44")
def test_what_comes_in_takes_its_time(sound: Sound) -> None:
    assert loudness.attacks_s(sound).min(initial=1.0) >= ATTACK_S - 1e-9


def test_there_is_no_offset_and_no_rumble(sound: Sound) -> None:
    assert loudness.offset(sound) < OFFSET
    assert loudness.rumble_db(sound) < RUMBLE_DB


@pytest.mark.hazard("H-06")
def test_it_comes_out_of_silence_over_ten_seconds(path: Path) -> None:
    """By half seconds, against the same sound without a fade: what is left is the fade, without the texture."""

    def unfaded(tick: int) -> ControlFrame:
        return replace(holding(tick), levels=Levels(1.0, 1.0, 0.5))

    faded, whole = (made(soundscape(path), 12.0, frame).astype(np.float64) for frame in (holding, unfaded))
    fade_db = 10.0 * np.log10(np.square(faded).reshape(24, -1).mean(axis=1) + 1e-15)
    fade_db -= 10.0 * np.log10(np.square(whole).reshape(24, -1).mean(axis=1) + 1e-15)
    assert fade_db[-1] == pytest.approx(0.0, abs=0.2)
    assert np.diff(fade_db)[:20].min() > 0.0
    assert 2.0 * np.diff(fade_db)[2:].max() <= FADE_DB_PER_S + 0.3
    assert 0.5 * (np.argmax(fade_db > -0.5) - np.argmax(fade_db > -40.0)) >= FADE_S - 1.0  # ends known to half a second


@pytest.mark.hazard("H-07")
def test_other_meters_read_the_same(sound: Sound) -> None:
    ours, other = loudness.integrated_lufs(sound), ffmpeg(sound)
    assert ours == pytest.approx(other.integrated_lufs, abs=0.1)
    assert ours == pytest.approx(pyloudnorm.Meter(SAMPLE_RATE_HZ).integrated_loudness(sound), abs=0.1)
    assert loudness.true_peak_dbfs(sound) == pytest.approx(other.true_peak_dbfs, abs=0.3)
    assert loudness.range_lu(sound) == pytest.approx(other.range_lu, abs=0.3)


def heard(sound: Sound) -> tuple[Floats, Floats]:
    """Every 100 ms: brightness, the middle of the spectrum of amplitudes in octaves, and the ears' correlation.

    The correlation is taken by octaves, as ears do, in those that stand within 30 dB of the strongest.
    """
    hz = np.fft.rfftfreq(8192, 1.0 / SAMPLE_RATE_HZ)
    octaves = np.searchsorted(hz, 100.0 * 2.0 ** np.arange(8))
    brightness, correlations, powers = [], [], []
    for start in range(0, len(sound) - 8192 + 1, 4800):
        both = np.fft.rfft(sound[start : start + 8192] * np.hanning(8192)[:, None], axis=0)
        size = np.abs(both[octaves[0] :]).sum(axis=1)
        brightness.append(np.log2((hz[octaves[0] :] * size).sum() / size.sum()))
        shared = np.add.reduceat((both[:, 0] * both[:, 1].conj()).real, octaves)[:-1]
        power = np.add.reduceat(np.square(np.abs(both)), octaves)[:-1]
        correlations.append(shared / np.sqrt(power.prod(axis=1)))
        powers.append(power.sum(axis=1))
    mean = np.mean(powers, axis=0)
    return np.array(brightness), np.array(correlations)[:, mean > 1e-3 * mean.max()].mean(axis=1)


def breathed(series: Floats) -> tuple[float, float]:
    """How far a series every 100 ms goes from its lowest to its highest with each breath, and that motion's share.

    The series is smoothed over 0.5 s first: ears follow motion in space no faster (Grantham 1982).
    """
    series = np.convolve(series, np.full(5, 0.2), "valid")
    turns = 2.0 * np.pi * np.arange(series.size) * 0.1 / BREATH_S
    waves = np.stack([f(k * turns) for k in (1, 2) for f in (np.cos, np.sin)], axis=1)
    slow = np.vander(np.linspace(-1.0, 1.0, series.size), 4)  # the session goes on meanwhile
    rest = series - slow @ np.linalg.lstsq(slow, series, rcond=None)[0]
    motion = waves @ np.linalg.lstsq(waves, rest, rcond=None)[0]
    return float(np.ptp(motion)), float(motion.var() / rest.var())


def test_breath_is_heard_in_brightness_and_in_space(sound: Sound) -> None:
    for series, least in zip(heard(sound), (BRIGHTNESS_OCTAVES, CORRELATION), strict=True):
        change, share = breathed(series)
        assert change >= least
        assert share >= SHARE


def test_the_breath_s_own_voice_has_no_edge_at_any_turn(path: Path) -> None:
    whole = soundscape(path)
    own = tuple(voice for voice in whole.voices if voice.kind == "breath")
    assert own
    sound = made(replace(whole, voices=own), 5.0 * BREATH_S, cornered)[round(BREATH_S * SAMPLE_RATE_HZ) :]
    spectrum = np.fft.rfft(sound.astype(np.float64), axis=0)
    spectrum[: round(1000.0 * len(sound) / SAMPLE_RATE_HZ)] = 0.0
    highs = np.square(np.fft.irfft(spectrum, len(sound), axis=0)).sum(axis=1)
    # 20 ms each, one every 10 ms, in the mean of four breaths.
    steps = highs.reshape(4, -1, SAMPLE_RATE_HZ // 100).mean(axis=(0, 2))
    steps = 0.5 * (steps + np.roll(steps, -1)) + 1e-3 * steps.max()
    assert 10.0 * np.log10(steps / np.roll(steps, 2)).max() <= EDGE_DB
