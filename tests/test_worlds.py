"""What every world in the folder must keep, whatever body and command say: light, calm, and an answer to breath."""

import itertools
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt
import pytest
from world import BODY, FINE, LEVELS, STILL, breathing, opened, picture, world_of

from biofeed import limits, scene
from biofeed.graphics import measures
from biofeed.graphics.guard import NONE
from biofeed.graphics.patterns import Patterns
from biofeed.graphics.renderer import Settings
from biofeed.messages import DRIVES, TICKS_PER_S, Drive, Levels

LOW_LIGHT = Settings(light=0.0)
EXTREMES = [BODY, Drive(), Drive(*[0.0] * len(DRIVES)), Drive(*[1.0] * len(DRIVES))]
EXTREMES += [replace(BODY, **{drive: value}) for drive in DRIVES for value in (0.0, 1.0)]
SHAPES = {"4:3": (120, 90), "16:9": (160, 90), "21:9": (210, 90), "9:16": (90, 160)}
each_world = pytest.mark.parametrize("name", scene.names())
Floats = npt.NDArray[np.float64]


def light(name: str, *args: object, **words: object) -> Floats:
    """The relative luminance of a picture."""
    return measures.luminance(picture(name, *args, **words))  # type: ignore[arg-type]  # passed on as they are


def grain(luminance: Floats) -> float:
    """The rms contrast between neighbouring parts of 8 x 8 cells: texture, and not the picture's large shapes."""
    rows, columns = (n // 8 for n in luminance.shape)
    cells = np.log(luminance + 0.004)[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return float(cells.std(axis=(1, 3)).mean())


@pytest.mark.hazard("H-41")
@each_world
def test_at_every_extreme_of_every_drive_a_world_is_neither_dark_nor_bright_nor_broken(name: str) -> None:
    for drive in EXTREMES:
        seen = light(name, drive)
        assert 0.01 < seen.mean() < 0.20, drive
        assert np.percentile(seen, 99) < 0.8, drive
        assert seen.std() > 0.002, drive


@pytest.mark.hazard("H-41")
@each_world
def test_at_every_level_a_therapist_can_set_a_world_is_neither_dark_nor_bright_nor_broken(name: str) -> None:
    usual = light(name)
    for level in fields(Levels)[2:]:
        ends = [light(name, levels=replace(LEVELS, **{level.name: value})) for value in (0.0, 1.0)]
        for seen in ends:
            assert 0.008 < seen.mean() < 0.20, level.name
            assert np.percentile(seen, 99) < 0.8, level.name
    assert usual.std() > 0.002


@each_world
def test_a_live_control_says_how_much_there_is(name: str) -> None:
    scale = light(name).mean()
    changes = []
    for level in ("density", "intensity"):
        little, much = (light(name, levels=replace(LEVELS, **{level: value})) for value in (0.0, 1.0))
        changes.append(np.abs(much - little).mean() / scale)
    assert max(changes) > 0.03


@each_world
@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape_of_picture_light_is_spread_and_nothing_is_empty(name: str, shape: str) -> None:
    for seed in (1, 2, 3):
        for drive in (BODY, replace(BODY, breath=1.0, guide=1.0, progress=0.6)):
            seen = light(name, drive, size=SHAPES[shape], seed=seed)
            usual = light(name, drive, seed=seed)
            assert 0.01 < seen.mean() < 0.20
            assert 1.0 / 3.0 < seen.mean() / usual.mean() < 3.0  # composed for this shape, not cut out of another
            thirds = [part.sum() for row in np.array_split(seen, 3) for part in np.array_split(row, 3, axis=1)]
            assert max(thirds) < 0.6 * seen.sum()  # not all of it in one corner
            assert sum(part > 0.02 * seen.sum() for part in thirds) >= 5
            assert grain(seen) > 0.3 * grain(usual)


@each_world
def test_breath_moves_the_whole_picture_and_the_guide_a_gentler_part_of_it(name: str) -> None:
    empty, full = light(name, replace(BODY, breath=0.0)), light(name, replace(BODY, breath=1.0))
    low, high = light(name, replace(BODY, guide=0.0)), light(name, replace(BODY, guide=1.0))
    scale = full.mean()
    by_breath, by_guide = np.abs(full - empty).mean() / scale, np.abs(high - low).mean() / scale
    assert by_breath > 0.12
    assert 0.02 < by_guide < by_breath


@each_world
def test_without_motion_breath_is_still_seen_as_light(name: str) -> None:
    empty, full = (light(name, replace(BODY, breath=value), STILL) for value in (0.0, 1.0))
    assert np.abs(full - empty).mean() / full.mean() > 0.08
    low, high = (light(name, replace(BODY, guide=value), STILL) for value in (0.0, 1.0))
    assert np.abs(high - low).mean() / high.mean() > 0.015


@pytest.mark.hazard("H-13", "H-18")
@each_world
def test_without_trust_a_world_keeps_its_light_and_texture_drifts_and_asks_nothing(name: str) -> None:
    trusted, alone = light(name), light(name, replace(BODY, confidence=0.0))
    assert 0.6 < alone.mean() / trusted.mean() < 1.6
    assert grain(alone) > 0.6 * grain(trusted)
    for drive in ("breath", "guide"):
        low, high = (light(name, replace(BODY, confidence=0.0, **{drive: value})) for value in (0.0, 1.0))
        assert np.abs(high - low).mean() / alone.mean() < 0.01, drive
    with opened(name) as world:
        pictures = []
        for _ in range(4):
            pictures.append(measures.luminance(world.draw(Drive())))
            world.live(6.0, lambda _: Drive())
    changes = [np.abs(b - a).mean() / a.mean() for a, b in itertools.pairwise(pictures)]
    assert max(changes) > 0.01


@pytest.mark.hazard("H-04")
@each_world
def test_a_heart_beat_changes_luminance_by_less_than_a_fiftieth(name: str) -> None:
    for settings in (Settings(), STILL):
        before, after = (picture(name, replace(BODY, pulse=value), settings) for value in (0.0, 1.0))
        assert np.abs(measures.luminance(after) - measures.luminance(before)).max() < 0.02
        assert (before != after).any(axis=2).mean() > 0.002  # softly, but not nothing


@each_world
def test_without_motion_a_world_stands_still_and_with_it_it_moves_slowly(name: str) -> None:
    with opened(name, STILL) as still:
        before = still.draw().astype(int)
        still.live(10.0, lambda _: BODY)
        assert np.abs(still.draw() - before).max() <= 1  # the dither
    with opened(name) as moving:
        before = measures.luminance(moving.draw())
        moving.tick += 1
        assert np.abs(measures.luminance(moving.draw()) - before).max() < 0.06
        moving.live(20.0, lambda _: BODY)
        assert np.abs(measures.luminance(moving.draw()) - before).mean() > 0.0005


@each_world
def test_every_drive_that_a_manifest_binds_is_seen(name: str) -> None:
    bound = {binding.source for binding in world_of(name).bindings.values()}
    for drive in bound & set(DRIVES):
        low, high = (picture(name, replace(BODY, **{drive: value})) for value in (0.0, 1.0))
        assert (low != high).any(axis=2).mean() > 0.002, drive


@pytest.mark.hazard("H-01")
@each_world
def test_the_guard_has_nothing_to_do_while_a_world_breathes(name: str) -> None:
    drive = breathing(12.0)
    with opened(name, guarded=True) as world:
        guard = world.renderer.guard
        assert guard
        corrections = []
        for k in range(100):
            world.tick += 6
            world.draw(replace(drive(world.tick / TICKS_PER_S), pulse=float(k % 10 < 3), touch=float(k > 80)))
            corrections.append(guard.correction)
    assert set(corrections[40:]) == {NONE}  # light has risen from black by then


@each_world
def test_two_seeds_are_two_nights_and_an_hour_does_not_come_back(name: str) -> None:
    first = light(name)
    others = [light(name, seed=seed) for seed in (2, 3, 4)]
    assert min(np.abs(other - first).mean() for other in others) / first.mean() > 0.10
    late = light(name, at_s=3500.0)
    assert np.abs(late - first).mean() / first.mean() > 0.02
    assert np.array_equal(picture(name), picture(name))


@pytest.mark.hazard("H-41")
@each_world
def test_low_light_is_darker_by_far_and_still_there(name: str) -> None:
    full = light(name)
    for drive in EXTREMES:
        dim = light(name, drive, LOW_LIGHT)
        assert 0.002 < dim.mean() < 0.15
        assert np.percentile(dim, 99) > 0.01
        assert np.percentile(dim, 99) < 0.5
    assert light(name, BODY, LOW_LIGHT).mean() < 0.5 * full.mean()


@pytest.mark.hazard("H-03")
@each_world
def test_no_quarter_of_the_picture_is_a_regular_grating(name: str) -> None:
    for progress in (0.1, 0.6):
        for full in (0.0, 1.0):
            drive = replace(BODY, breath=full, guide=full, progress=progress)
            found = Patterns((FINE[1], FINE[0]))(light(name, drive, size=FINE).astype(np.float32))
            assert found is None or found.part < limits.STRIPE_PART


@pytest.mark.skipif("mandala" not in scene.names(), reason="the folder has no mandala")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mandala_s_contours_are_of_middling_fractal_dimension(seed: int) -> None:
    breaths = [light("mandala", replace(BODY, breath=breath), size=(512, 288), seed=seed) for breath in (0.0, 0.5, 1.0)]
    assert 1.3 < np.mean([measures.contour_dimension(seen) for seen in breaths]) < 1.5
