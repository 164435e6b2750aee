"""The calm's picture and bed: dim, warm, still and level at every shape of screen; soft, low and even in the ear."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from world import context

from biofeed import scene
from biofeed.calm import CALM
from biofeed.graphics.preview import made_up_frame
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.limits import LUMINANCE_RISE_PER_S, RED_SHARE, STOP_CALM_S
from biofeed.messages import SAMPLE_RATE_HZ, ControlFrame, Drive, Levels
from biofeed.sound.loudness import integrated_lufs
from biofeed.sound.synth import Synth, check

SHAPES = [(320, 180), (240, 180), (101, 180), (480, 180)]


def drawn(size: tuple[int, int], light: float = 1.0, safe: float = 0.0, rest: float = 1.0) -> npt.NDArray[np.float64]:
    """The calm picture in linear light, (height, width, 3)."""
    renderer = Renderer(context(), CALM, size, 1, Settings(light=light, safe=safe, scale=1.0), guarded=False)
    renderer.draw(ControlFrame(0, 0.0, Drive(), "calm", Levels(), "calm", "", rest))
    v = renderer.read() / 255.0
    renderer.close()
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


@pytest.mark.hazard("H-05", "H-10", "H-11")
@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("safe", [0.0, 1.0])
def test_the_calm_picture_is_dim_warm_and_never_saturated_red(size: tuple[int, int], safe: float) -> None:
    light = drawn(size, safe=safe)
    mean = (light @ [0.2126, 0.7152, 0.0722]).mean()
    assert 0.03 < mean < 0.6 * LUMINANCE_RISE_PER_S * STOP_CALM_S  # out of the dark within a second, with some room
    red, green, blue = light.mean(axis=(0, 1))
    assert red > 1.3 * green > 1.5 * blue
    assert (light[..., 0] / light.sum(axis=-1)).max() < RED_SHARE
    assert (light @ [0.2126, 0.7152, 0.0722]).min() > 0.002  # no corner is black


@pytest.mark.parametrize("size", SHAPES)
def test_it_has_a_level_horizon_and_no_other_edge(size: tuple[int, int]) -> None:
    light = drawn(size) @ [0.2126, 0.7152, 0.0722]
    steps = np.abs(np.diff(light, axis=0))
    rows = steps.argmax(axis=0) / size[1]
    assert rows.max() - rows.min() < 0.05
    assert 0.5 < rows.mean() < 0.65
    assert np.abs(np.diff(light, axis=1)).max() < 0.01


def test_low_light_dims_it_and_leaves_nobody_in_the_dark() -> None:
    full, low = (drawn((160, 90), light=light).mean() for light in (1.0, 0.0))
    assert low == pytest.approx(0.5 * full, rel=0.1)


def test_its_texts_are_a_scene_like_any_other_and_bind_nothing() -> None:
    check(CALM.soundscape)
    assert CALM.bindings == {}
    assert not any(voice.bindings for voice in CALM.soundscape.voices)
    assert scene.parse("calm", CALM.files) == CALM
    assert "calm" not in scene.names()


@pytest.fixture(scope="module")
def heard() -> npt.NDArray[np.float32]:
    """Twelve seconds of a world, then a STOP, and sixteen of its bed."""
    synth = Synth(scene.load("tide").soundscape, 1)
    blocks = []
    for tick in range(28 * 60):
        rest = min(1.0, max(0.0, (tick - 720) / 48))
        levels = Levels(1.0 - rest, 1.0 - 0.2 * rest, 0.5)
        blocks.append(synth(replace(made_up_frame(tick, "tide"), rest=rest, levels=levels)))
    return np.concatenate(blocks)


def test_the_bed_is_there_within_a_second_and_lies_under_the_world(heard: npt.NDArray[np.float32]) -> None:
    stop = 12 * SAMPLE_RATE_HZ
    world = integrated_lufs(heard[4 * SAMPLE_RATE_HZ : stop])
    bed = integrated_lufs(heard[stop + SAMPLE_RATE_HZ :])
    assert -10.0 < bed - world < -4.0
    tenths = np.square(heard[stop : stop + 3 * SAMPLE_RATE_HZ]).reshape(30, -1).mean(axis=1)
    level_db = 10.0 * np.log10(tenths)
    assert np.diff(level_db).max() < 3.0  # nothing sets in
    assert level_db.min() > 10.0 * np.log10(np.square(heard[-SAMPLE_RATE_HZ:]).mean()) - 8.0  # nor is there a hole


def test_the_bed_is_the_same_whatever_the_body_does() -> None:
    """In the calm nothing that is heard follows drives."""
    one, other = (Synth(scene.load("tide").soundscape, 1) for _ in range(2))
    for tick in range(420):
        still = ControlFrame(tick, tick / 60, Drive(), "tide", Levels(0.0, 0.8, 0.3), "calm", "", 1.0)
        lively = replace(still, drive=replace(made_up_frame(7 * tick, "tide").drive))
        blocks = [one(still), other(lively)]
    assert np.abs(blocks[0] - blocks[1]).max() < 1e-6
    assert np.abs(blocks[0]).max() > 1e-3
