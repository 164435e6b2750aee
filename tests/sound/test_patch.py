"""One soundscape at work: a therapist's controls, a bed of music, places in the room, the hour."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, Levels
from biofeed.scene import parse_soundscape
from biofeed.sound.fades import slope
from biofeed.sound.harmony import hour
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.synth import Synth

Sound = npt.NDArray[np.float32]
FULL = Levels(1.0, 1.0)
SEA = '[[voice]]\nkind = "sea"\nlevel = 0.6\nspace = 0.0\nwidth = 0.0\n'
PAD = '[[voice]]\nkind = "pad"\nlevel = 0.6\n'
GUIDE = '[[voice]]\nkind = "guide"\nlevel = 0.6\n'


def played(text: str, levels: Levels = FULL, seconds: float = 4.0, bed: object = None) -> Sound:
    synth = Synth(parse_soundscape("x.toml", "[mix]\n" + text), 1, bed)  # type: ignore[arg-type]
    return np.concatenate(
        [synth(replace(made_up_frame(tick, "x"), levels=levels)) for tick in range(round(seconds * 60))]
    )


def strength(sound: Sound) -> float:
    """RMS of what follows the first second."""
    return float(np.sqrt(np.square(sound[SAMPLE_RATE_HZ:].astype(np.float64)).mean()))


class Tone:
    """A bed of one sine, 0.1 strong, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, n_frames: int) -> Sound:
        at = sum(self.asked) + np.arange(n_frames)
        self.asked.append(n_frames)
        return np.repeat(0.1 * np.sin(at * 0.05)[:, None], 2, axis=1).astype(np.float32)


def test_the_cue_level_moves_cues_and_nothing_else() -> None:
    none, half = replace(FULL, cue=0.0), replace(FULL, cue=0.5)
    assert strength(played(GUIDE)) > 1e-3
    assert strength(played(GUIDE, none)) < 1e-6
    assert strength(played(GUIDE, half)) == pytest.approx(slope(0.5) * strength(played(GUIDE)), rel=0.01)
    assert np.array_equal(played(SEA, none), played(SEA))


def test_density_is_neutral_at_a_half_and_moves_what_is_sparse() -> None:
    bowls = '[[voice]]\nkind = "bowls"\nlevel = 0.6\ndensity = 0.5\n'
    usual = played(bowls, seconds=40.0)
    assert np.array_equal(played(bowls, replace(FULL, density=0.5), seconds=40.0), usual)
    assert strength(played(bowls, replace(FULL, density=1.0), seconds=40.0)) > 1.2 * strength(usual)
    assert strength(played(bowls, replace(FULL, density=0.0), seconds=40.0)) < 1e-15
    assert strength(usual) > 0.0


def test_music_lies_under_the_cues_at_its_own_level() -> None:
    tone = Tone()
    heard = played(PAD, bed=tone)
    assert sum(tone.asked) == 4 * SAMPLE_RATE_HZ
    assert all(n % GRAIN_FRAMES == 0 for n in tone.asked)
    assert strength(heard) == pytest.approx(0.1 * 0.5**0.5, rel=0.01)
    alone = heard[SAMPLE_RATE_HZ:, 0]
    assert np.allclose(alone, 0.1 * np.sin(np.arange(SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ) * 0.05), atol=1e-4)
    assert strength(played(PAD, replace(FULL, sound=0.0), bed=Tone())) == 0.0


def test_with_music_noises_step_back_and_cues_stay() -> None:
    class Nothing:
        def __call__(self, n_frames: int) -> Sound:
            return np.zeros((n_frames, 2), np.float32)

    # Each near the loudness to which a world is brought, where that lifts nothing and holds nothing back.
    sea, guide = "level_db = 9.0\n" + SEA, "level_db = 16.0\n" + GUIDE.replace("0.6", "2.0")
    assert strength(played(sea, bed=Nothing())) == pytest.approx(0.25 * strength(played(sea)), rel=0.05)
    assert strength(played(guide, bed=Nothing())) == pytest.approx(strength(played(guide)), rel=0.05)


@pytest.mark.parametrize("place", [-1.0, -0.4, 0.4, 1.0])
def test_a_voice_to_one_side_comes_to_that_ear_sooner_louder_and_brighter(place: float) -> None:
    heard = played(f"{SEA}place = {place}\n")[SAMPLE_RATE_HZ:].astype(np.float64)
    near, far = (heard[:, 1], heard[:, 0]) if place > 0.0 else (heard[:, 0], heard[:, 1])
    assert np.square(near).mean() > 1.2 * np.square(far).mean()
    lags = np.arange(-50, 51)
    likeness = [float(near[100:-100] @ np.roll(far, -lag)[100:-100]) for lag in lags]
    frames = 0.0875 / 343.0 * (np.sin(abs(place) * np.pi / 2.0) + abs(place) * np.pi / 2.0) * SAMPLE_RATE_HZ
    assert lags[int(np.argmax(likeness))] == pytest.approx(frames, abs=3.0)  # Woodworth; the shadow adds a little
    power = np.abs(np.fft.rfft(np.stack([near, far]))) ** 2
    assert power[1, 20_000:].sum() / power[1].sum() < power[0, 20_000:].sum() / power[0].sum()


def test_a_voice_that_roams_moves_slowly_from_side_to_side() -> None:
    heard = played(f"{SEA}roam = 1.0\n", seconds=60.0).astype(np.float64)
    power = np.square(heard).reshape(60, SAMPLE_RATE_HZ, 2).mean(axis=1)[1:]
    lean = (power[:, 1] - power[:, 0]) / power.sum(axis=1)
    assert lean.max() > 0.3
    assert lean.min() < -0.3
    assert np.abs(np.diff(lean)).max() < 0.35  # from one side to the other takes many seconds


def test_a_voice_in_the_middle_sounds_alike_on_both_sides() -> None:
    heard = played(SEA)
    assert np.allclose(heard[:, 0], heard[:, 1], rtol=0.0, atol=1e-8)


def test_the_hour_arrives_settles_deepens_and_returns() -> None:
    arrive, settle, deepen, back = (hour(x) for x in (0.0, 0.2, 0.65, 1.0))
    assert arrive.dense < settle.dense
    assert deepen.dense < 0.3 < settle.dense
    assert deepen.bright < 0.2 < back.bright
    assert settle.low < deepen.low > back.low
    path = [hour(x) for x in np.linspace(-0.1, 1.1, 2000)]
    for name in ("bright", "dense", "low"):
        values = np.array([getattr(at, name) for at in path])
        assert values.min() >= 0.0
        assert values.max() <= 1.0
        assert np.abs(np.diff(values)).max() < 0.01


def test_every_soundscape_comes_to_the_same_loudness_slowly_and_swells_stay_swells() -> None:
    sea = f"level_db = 16.0\n{SEA}waves = 1.0\n"
    quiet, usual = (played(sea.replace("0.6", level), seconds=150.0) for level in ("0.4", "0.6"))
    assert strength(quiet[: 5 * SAMPLE_RATE_HZ]) < 0.92 * strength(usual[: 5 * SAMPLE_RATE_HZ])  # as they were set
    late = slice(-60 * SAMPLE_RATE_HZ, None)
    assert strength(quiet[late]) == pytest.approx(strength(usual[late]), rel=0.03)
    waves = np.square(usual[late].astype(np.float64)).reshape(120, -1).mean(axis=1)
    assert waves.max() > 2.0 * waves.min()


def test_under_music_nothing_grows_into_the_place_of_what_is_silent() -> None:
    class Nothing:
        def __call__(self, n_frames: int) -> Sound:
            return np.zeros((n_frames, 2), np.float32)

    heard = played(SEA, seconds=100.0, bed=Nothing())
    early, late = heard[: 20 * SAMPLE_RATE_HZ], heard[-20 * SAMPLE_RATE_HZ :]
    assert strength(late) == pytest.approx(strength(early), rel=0.15)
