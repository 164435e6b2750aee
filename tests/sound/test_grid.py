"""The grid: the same samples whatever number of grains is asked for."""

from pathlib import Path

import numpy as np

from biofeed import scene
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.synth import TICK_FRAMES, Synth

FILES = sorted((scene.folders()[1]).glob("*.toml"))
SECONDS = 3


def fed(path: Path) -> Synth:
    """A synthesiser that has all its frames."""
    synth = Synth(scene.soundscape(path), 5)
    for tick in range(SECONDS * 60):
        synth.feed(made_up_frame(1200 + tick, path.stem))
    return synth


def test_every_block_size_gives_the_same_bits(path: Path) -> None:
    n_grains = SECONDS * SAMPLE_RATE_HZ // GRAIN_FRAMES
    whole = fed(path).render(n_grains)
    assert np.abs(whole).max() > 0.0
    for size in (1, 4, 13, 64):
        synth = fed(path)
        cuts = [min(size, n_grains - at) for at in range(0, n_grains, size)]
        assert np.array_equal(np.concatenate([synth.render(n) for n in cuts]), whole), size
    synth = Synth(scene.soundscape(path), 5)
    ticks = [synth(made_up_frame(1200 + tick, path.stem)) for tick in range(SECONDS * 60)]
    assert {len(tick) for tick in ticks} == {TICK_FRAMES}
    assert np.array_equal(np.concatenate(ticks), whole)


def test_a_change_of_soundscape_falls_on_the_same_sample_however_sound_is_asked_for() -> None:
    one, two = (scene.soundscape(path) for path in FILES[:2])
    heard = []
    for size in (25, 1, 10):  # two ticks have 25 grains
        synth = Synth(one, 1)
        for tick in range(240):
            synth.feed(made_up_frame(tick, "x"))
        blocks = [synth.render(25)]
        synth.set_soundscape(two)
        heard.append(np.concatenate(blocks + [synth.render(size) for _ in range(2500 // size)]))
    assert np.array_equal(heard[0], heard[1])
    assert np.array_equal(heard[0], heard[2])
