"""Sounds made to startle, to hurt or to break something, and what leaves the guard of them: within every limit.

Two meters by others (pyloudnorm, and ffmpeg's ebur128 through PyAV) look at the same sound as ours.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meters import ffmpeg

from biofeed import limits
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound import loudness
from biofeed.sound.limiter import FAINT_LUFS, LATENCY_FRAMES, QUIET_LUFS, Limiter, Settings

Sound = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
SECONDS = 40.0
TIME_S = np.arange(round(SECONDS * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
METERS_DB = 0.2  # by how much a meter may read true peaks too high (EBU Tech 3341)


def noise(level: float) -> Floats:
    return np.random.default_rng(1).normal(0.0, level, (TIME_S.size, 2))


def both(wave: Floats) -> Floats:
    return np.stack([wave, wave], axis=1)


def gunshots() -> Floats:
    sound = noise(0.01)
    shot = np.random.default_rng(2).normal(0.0, 0.9, (2400, 2)) * np.exp(-np.arange(2400) / 400.0)[:, None]
    for at in range(SAMPLE_RATE_HZ, len(sound) - 2400, round(0.7 * SAMPLE_RATE_HZ)):
        sound[at : at + 2400] += shot
    return sound


def offsets() -> Floats:
    steps = np.random.default_rng(3).uniform(-1.0, 1.0, (math.ceil(SECONDS), 2))
    return noise(0.02) + steps[TIME_S.astype(int)]


def faults() -> Floats:
    sound, random = noise(0.03), np.random.default_rng(4)
    for at in range(5 * SAMPLE_RATE_HZ, len(sound) - 9000, 3 * SAMPLE_RATE_HZ):
        sound[at : at + int(random.integers(1, 9000))] = random.choice([np.nan, np.inf, -np.inf, 1e30])
    return sound


def switched(period_s: float) -> Floats:
    return noise(0.5) * (TIME_S % (2.0 * period_s) >= period_s)[:, None]


def paused_crescendo() -> Floats:
    """As loud as it may become, with holes from which it comes back at once."""
    return noise(0.5) * (TIME_S % 1.7 >= 0.2)[:, None]


def clicks() -> Floats:
    sound = noise(0.003)
    sound[SAMPLE_RATE_HZ :: SAMPLE_RATE_HZ // 2] = 1.0
    return sound


SOUNDS: dict[str, Callable[[], Floats]] = {
    "silence, then full noise": lambda: noise(0.5) * (TIME_S >= 5.0)[:, None],
    "gunshots": gunshots,
    "a slow crescendo of 20 dB": lambda: noise(0.03) * 10.0 ** (np.clip(TIME_S - 15.0, 0.0, 20.0)[:, None] / 20.0),
    "a full square at a quarter of the rate": lambda: both(np.sign(np.sin(0.5 * np.pi * np.arange(TIME_S.size) + 0.8))),
    "a full sine between the samples": lambda: both(np.sin(0.5 * np.pi * np.arange(TIME_S.size) + 0.25 * np.pi)),
    "a full sine": lambda: both(np.sin(2.0 * np.pi * 997.0 * TIME_S)),
    "offsets that jump": offsets,
    "bursts of no numbers": faults,
    "noise switched each 0.3 s": lambda: switched(0.3),
    "noise switched each second": lambda: switched(1.0),
    "noise switched each 7 s": lambda: switched(7.0),
    "noise with holes": paused_crescendo,
    "rumble at 20 Hz": lambda: both(0.9 * np.sin(2.0 * np.pi * 20.0 * TIME_S)),
    "steps of 12 dB": lambda: noise(0.01) * 10.0 ** (np.floor(TIME_S / 15.0)[:, None] * 0.6),
    "clicks": clicks,
    "louder than for long": lambda: noise(0.1),
}


def guarded(sound: Floats, rules: Settings | None = None) -> Sound:
    """What leaves the guard, and its end faded: a meter sees a wave that breaks off as a peak."""
    limiter = Limiter(rules)
    with np.errstate(over="ignore"):
        singles = sound.astype(np.float32)
    out = np.concatenate([limiter(singles[at : at + 4000]) for at in range(0, len(singles), 4000)])
    return np.concatenate([out, out[-1] * np.linspace(1.0, 0.0, 4800, dtype=np.float32)[:, None]])


@pytest.fixture(scope="module", params=SOUNDS)
def heard(request: pytest.FixtureRequest) -> Sound:
    return guarded(SOUNDS[request.param]())


@pytest.mark.hazard("H-06")
def test_it_holds_every_limit_by_our_own_meters(heard: Sound) -> None:
    assert np.isfinite(heard).all()
    assert loudness.true_peak_dbfs(heard) <= Settings().ceiling_dbfs
    assert loudness.integrated_lufs(heard) <= limits.LOUDEST_LUFS
    assert loudness.short_term_rises_db(heard, FAINT_LUFS).max() <= limits.LOUDNESS_RISE_DB_PER_S
    assert loudness.fast_onsets_db(heard, QUIET_LUFS, limits.ONSET_S).max() <= limits.ONSET_DB
    assert np.abs(heard[10 * SAMPLE_RATE_HZ : 35 * SAMPLE_RATE_HZ].mean(axis=0)).max() < 0.02


@pytest.mark.hazard("H-06", "H-07", "H-08")
def test_it_holds_them_by_the_meters_of_others(heard: Sound) -> None:
    meter = ffmpeg(heard)
    assert meter.true_peak_dbfs <= limits.TRUE_PEAK_DBTP
    assert meter.true_peak_dbfs <= Settings().ceiling_dbfs + METERS_DB
    assert meter.integrated_lufs <= limits.LOUDEST_LUFS
    assert pyloudnorm.Meter(SAMPLE_RATE_HZ).integrated_loudness(heard) <= limits.LOUDEST_LUFS
    short = np.fmax(meter.short_term_lufs[30:], FAINT_LUFS)  # none before 3 s, none of silence
    assert (short[10:] - short[:-10]).max() <= limits.LOUDNESS_RISE_DB_PER_S + 0.05


@pytest.mark.hazard("H-08")
@pytest.mark.parametrize("ceiling_dbfs", [-24.0, -20.0])
def test_peaks_between_samples_are_seen_where_nothing_else_holds_them(ceiling_dbfs: float) -> None:
    """The ceiling is set so low that it alone binds; half the sound has its peaks where no sample is."""
    wave = 0.2 * np.sin(0.5 * np.pi * np.arange(TIME_S.size) + 0.25 * np.pi) * np.minimum(1.0, TIME_S / 20.0) ** 2
    heard = guarded(both(wave), Settings(ceiling_dbfs=ceiling_dbfs))
    sample_peak_db = 20.0 * np.log10(np.abs(heard).max())
    assert sample_peak_db < ceiling_dbfs - 2.9
    assert ffmpeg(heard).true_peak_dbfs <= ceiling_dbfs
    assert ceiling_dbfs - 0.9 < loudness.true_peak_dbfs(heard) <= ceiling_dbfs


@pytest.mark.hazard("H-06")
@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.floats(0.02, 4.0), st.floats(-70.0, 0.0)), min_size=2, max_size=8))
def test_whatever_levels_follow_each_other_none_startles(parts: list[tuple[float, float]]) -> None:
    random = np.random.default_rng(len(parts))
    sound = [random.normal(0.0, 10.0 ** (db / 20.0), (round(s * SAMPLE_RATE_HZ), 2)) for s, db in parts]
    heard = guarded(np.concatenate(sound))
    assert loudness.short_term_rises_db(heard, FAINT_LUFS).max(initial=0.0) <= limits.LOUDNESS_RISE_DB_PER_S
    assert loudness.fast_onsets_db(heard, QUIET_LUFS, limits.ONSET_S).max() <= limits.ONSET_DB


@pytest.mark.hazard("H-06")
def test_sound_out_of_silence_grows_up_to_what_it_is_and_not_beyond() -> None:
    """Held down at first; then all of it is there, bit by bit."""
    sound = np.diff(noise(0.02), axis=0, prepend=0.0).astype(np.float32)  # without what an offset's filter would hear
    limiter, least, out = Limiter(), [], []
    for at in range(0, len(sound), 4800):
        out.append(limiter(sound[at : at + 4800]))
        least.append(limiter.least_gain)
    assert least[0] < 0.3
    settled = int(np.flatnonzero(np.array(least) < 1.0)[-1]) + 1
    assert settled < 150
    tail = np.concatenate(out[settled:])
    assert np.array_equal(tail, sound[settled * 4800 - LATENCY_FRAMES : len(sound) - LATENCY_FRAMES])


@pytest.mark.hazard("H-07")
def test_what_is_quiet_for_long_is_told_and_not_raised() -> None:
    quiet = np.random.default_rng(1).normal(0.0, 0.008, (240 * SAMPLE_RATE_HZ // 4, 2)).astype(np.float32)
    limiter = Limiter()
    told = []
    for _ in range(4):
        out = limiter(quiet)
        told.append(limiter.report())
    assert [report["is_quiet"] for report in told] == [False, True, True, True]
    assert told[-1]["least_gain"] == 1.0
    assert np.array_equal(out[LATENCY_FRAMES:], quiet[:-LATENCY_FRAMES])
