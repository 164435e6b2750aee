"""The room, the finish and the partials, each against what its numbers say."""

from dataclasses import replace

import numpy as np
import pytest

from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, Levels
from biofeed.scene import parse_soundscape
from biofeed.sound import space
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.patch import NOTCH_HZ, RUMBLE_HZ
from biofeed.sound.synth import Synth


@pytest.mark.parametrize("t60_s", [2.0, 4.0, 8.0])
def test_the_room_dies_away_as_fast_as_it_says(t60_s: float) -> None:
    n = int(t60_s * SAMPLE_RATE_HZ) // GRAIN_FRAMES * GRAIN_FRAMES
    send, dry = np.zeros((2, n)), np.zeros((2, n))
    send[:, 0] = 1.0
    gain = 10.0 ** (-3.0 * space.LINES / (t60_s * SAMPLE_RATE_HZ))
    space.room(
        send, dry, 0, GRAIN_FRAMES, gain, 0.0, np.zeros((2, 4096 + GRAIN_FRAMES), np.float32),
        np.zeros((2, 2, 1024 + GRAIN_FRAMES), np.float32), np.zeros((8, 8192 + GRAIN_FRAMES), np.float32), np.zeros(8),
    )  # fmt: skip
    left = np.square(dry.sum(axis=0))[::-1].cumsum()[::-1]  # Schroeder's backward sum
    level_db = 10.0 * np.log10(left / left[0] + 1e-30)
    five, thirty_five = (int(np.argmax(level_db < level)) for level in (-5.0, -35.0))
    assert 2.0 * (thirty_five - five) / SAMPLE_RATE_HZ == pytest.approx(t60_s, rel=0.1)
    first = np.flatnonzero(np.abs(dry[0]) > 1e-3)[0] / SAMPLE_RATE_HZ
    assert 0.005 < first < 0.02  # a first reflection, before the lines give anything back
    likeness = np.corrcoef(dry[0, 5000:], dry[1, 5000:])[0, 1]
    assert abs(likeness) < 0.2  # diffuse: what comes to one ear is not what comes to the other


def test_rumble_is_taken_out_and_nothing_else() -> None:
    n = 1000 * GRAIN_FRAMES
    dry, block = np.zeros((2, n)), np.zeros((n, 2), np.float32)
    dry[:, 0] = 1.0
    still = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    trim = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    space.finish(dry, np.ones(1001), space.high_pass(RUMBLE_HZ, NOTCH_HZ), np.zeros((2, 4)), trim, still, block)
    assert np.array_equal(block[:, 0], block[:, 1])
    gain_db = 20.0 * np.log10(np.abs(np.fft.rfft(block[:, 0])) + 1e-12)
    hz = np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE_HZ)
    assert gain_db[hz < 25.0].max() < -20.0
    assert np.abs(gain_db[hz > 65.0]).max() < 1.0
    assert np.abs(gain_db[hz > 200.0]).max() < 0.1


@pytest.mark.parametrize("motion", [0.0, 1.0])
def test_a_pad_has_its_partials_and_nothing_between_them(motion: float) -> None:
    text = '[mix]\nroot_hz = 220.0\ntones = ["1/1"]\n[[voice]]\nkind = "pad"\nlevel = 1.0\nspace = 0.0\npartials = 3\n'
    synth = Synth(parse_soundscape("x.toml", f"{text}motion = {motion}\n"), 1)
    frames = (replace(made_up_frame(tick, "x"), levels=Levels(1.0, 1.0)) for tick in range(600))
    sound = np.concatenate([synth(frame) for frame in frames])[2 * SAMPLE_RATE_HZ :, 0]
    power_db = 20.0 * np.log10(np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) + 1e-12)
    hz = np.fft.rfftfreq(len(sound), 1.0 / SAMPLE_RATE_HZ)
    tops = []
    for partial_hz in (220.0, 440.0, 660.0):
        near = np.abs(hz - partial_hz) < 10.0
        top = hz[near][np.argmax(power_db[near])]
        assert top == pytest.approx(partial_hz, abs=1.6 * motion + 0.2)  # its strands may drift so far
        tops.append(power_db[near].max())
    assert tops == sorted(tops, reverse=True)
    between = np.min([np.abs(hz - partial_hz) for partial_hz in (220.0, 440.0, 660.0)], axis=0) > 40.0
    assert power_db[between].max() < tops[0] - 80.0  # what evening out the level leaves
