"""What every world in the folder must keep, whatever body and command say: light, calm, and an answer to breath."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import scene
from biofeed.errors import OutputError
from biofeed.graphics.context import Context, headless
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import DRIVES, TICKS_PER_S, ControlFrame, Drive, Levels

SIZE = (160, 90)
RUN_UP = 4 * TICKS_PER_S  # the guard's light rises from black
BODY = Drive(breath=0.5, guide=0.5, calm=0.6, coherence=0.4, progress=0.3, confidence=1.0)
Picture = npt.NDArray[np.float64]  # relative luminance (height, width)


@pytest.fixture(scope="module")
def context() -> Any:
    try:
        made = headless(SIZE)
    except OutputError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def luminance(rgb: npt.NDArray[np.uint8]) -> Picture:
    x = rgb / 255.0
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


class World:
    """A world drawn with given drives, after the guard has let its light rise."""

    def __init__(self, context: Context, name: str, seed: int = 1, settings: Settings | None = None) -> None:
        self.name = name
        self.renderer = Renderer(context, scene.load(name), SIZE, seed, settings)
        self.tick = 0

    def draw(self, drive: Drive, n_ticks: int = RUN_UP, every: int = 6) -> Picture:
        for _ in range(0, n_ticks, every):
            self.tick += every
            levels = Levels(1.0, 1.0, 0.6)
            self.renderer.draw(
                ControlFrame(self.tick, self.tick / TICKS_PER_S, drive, self.name, levels, "running", "")
            )
        return luminance(self.renderer.read())


@pytest.mark.parametrize("name", scene.names())
def test_at_every_extreme_of_every_drive_a_world_is_neither_dark_nor_bright_nor_broken(
    name: str, context: Context
) -> None:
    world = World(context, name)
    extremes = [BODY, Drive(), Drive(*[0.0] * len(DRIVES)), Drive(*[1.0] * len(DRIVES))]
    extremes += [replace(BODY, **{drive: value}) for drive in DRIVES for value in (0.0, 1.0)]
    for drive in extremes:
        picture = world.draw(drive)
        assert 0.002 < picture.mean() < 0.20
        assert np.percentile(picture, 99) < 0.8
        assert picture.std() > 0.002


@pytest.mark.parametrize("name", scene.names())
def test_breath_moves_the_whole_picture_and_the_guide_a_gentler_part_of_it(name: str, context: Context) -> None:
    world = World(context, name)
    empty, full = world.draw(replace(BODY, breath=0.0)), world.draw(replace(BODY, breath=1.0))
    low, high = world.draw(replace(BODY, guide=0.0)), world.draw(replace(BODY, guide=1.0))
    scale = full.mean()
    by_breath, by_guide = np.abs(full - empty).mean() / scale, np.abs(high - low).mean() / scale
    assert by_breath > 0.12
    assert 0.02 < by_guide < by_breath


@pytest.mark.parametrize("name", scene.names())
def test_a_heart_beat_changes_luminance_by_less_than_a_fiftieth(name: str, context: Context) -> None:
    still = Settings(motion=0.0)
    world = World(context, name, settings=still)
    before, after = world.draw(replace(BODY, pulse=0.0)), world.draw(replace(BODY, pulse=1.0))
    assert np.abs(after - before).max() < 0.02
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("name", scene.names())
def test_without_motion_a_world_stands_still_and_with_it_it_moves_slowly(name: str, context: Context) -> None:
    still = World(context, name, settings=Settings(motion=0.0))
    before = still.draw(BODY, 8 * RUN_UP)
    after = still.draw(BODY, 10 * TICKS_PER_S)
    assert np.abs(after - before).max() < 0.012  # dither, one code value
    moving = World(context, name)
    before = moving.draw(BODY, 8 * RUN_UP)
    assert np.abs(moving.draw(BODY, 1, 1) - before).max() < 0.06
    assert np.abs(moving.draw(BODY, 20 * TICKS_PER_S) - before).mean() > 0.0005


@pytest.mark.parametrize("name", scene.names())
def test_two_seeds_are_two_nights_and_an_hour_does_not_come_back(name: str, context: Context) -> None:
    one, two = World(context, name, 1), World(context, name, 2)
    first = one.draw(BODY)
    assert np.abs(first - two.draw(BODY)).mean() > 0.002
    one.tick = 3500 * TICKS_PER_S
    assert np.abs(first - one.draw(BODY)).mean() > 0.001


@pytest.mark.parametrize("name", scene.names())
def test_low_light_is_darker_by_far(name: str, context: Context) -> None:
    full = World(context, name).draw(BODY)
    dim = World(context, name, settings=Settings(light=0.0)).draw(BODY)
    assert dim.mean() < 0.5 * full.mean()
