"""The governor on made-up machines: it arrives, rests, forgives a late picture, and no step of it can be seen."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from biofeed.graphics.context import Context
from biofeed.graphics.governor import BAND, GROW, LOWEST, LOWEST_LINES, SHRINK, Governor
from biofeed.graphics.renderer import Renderer
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import load

TICK_S = 1.0 / TICKS_PER_S
Cost = Callable[[float], float]


def machine(fixed_ms: float, full_ms: float) -> Cost:
    """What a picture costs there: so much for any, and so much for computing every pixel of it."""
    return lambda scale: (fixed_ms + full_ms * scale * scale) / 1e3


def run(governor: Governor, cost: Cost, pictures: int) -> list[float]:
    return [governor(cost(governor.scale)) for _ in range(pictures)]


@pytest.mark.hazard("H-36")
@pytest.mark.parametrize(("fixed_ms", "full_ms"), [(4.0, 30.0), (4.0, 60.0), (2.0, 16.0), (6.0, 40.0)])
def test_it_arrives_where_a_picture_fits_and_stays_there(fixed_ms: float, full_ms: float) -> None:
    governor, cost = Governor(0.5, 1080), machine(fixed_ms, full_ms)
    run(governor, cost, 3000)
    assert governor.every == 1
    assert BAND[0] * TICK_S * 0.9 < cost(governor.scale) < BAND[1] * TICK_S * 1.1 or governor.scale == 1.0
    assert len(set(run(governor, cost, 3000))) == 1


def test_a_fast_machine_computes_every_pixel() -> None:
    governor = Governor(0.5, 1080)
    run(governor, machine(0.5, 2.0), 2000)
    assert governor.scale == 1.0


@pytest.mark.hazard("H-43")
def test_a_machine_too_slow_for_sixty_shows_an_even_thirty_and_comes_back_when_it_can() -> None:
    governor = Governor(0.5, 1080)
    run(governor, machine(12.0, 60.0), 1500)
    assert governor.every == 2
    assert governor.scale > LOWEST
    run(governor, machine(1.0, 6.0), 4000)
    assert governor.every == 1
    assert governor.scale > 0.9


@pytest.mark.hazard("H-43")
def test_a_while_of_other_work_does_not_leave_it_at_thirty() -> None:
    governor, cost = Governor(0.5, 720), machine(4.0, 28.0)
    run(governor, lambda scale: 3.0 * cost(scale), 1000)
    assert governor.every == 2
    run(governor, cost, 2500)
    assert governor.every == 1
    assert len(set(run(governor, cost, 3000)[600:])) == 1
    assert governor.every == 1


@pytest.mark.hazard("H-43")
def test_a_machine_that_never_fits_sixty_is_tried_more_and_more_seldom() -> None:
    governor, cost = Governor(0.5, 1080), machine(12.0, 60.0)
    run(governor, cost, 2000)
    wide = cost(governor.scale)
    trying = [cost(scale) < 0.9 * wide for scale in run(governor, cost, 30 * 3600)]
    assert governor.every == 2
    assert 3 <= sum(now and not before for before, now in itertools.pairwise(trying)) <= 7
    assert np.mean(trying) < 0.1


def test_single_late_pictures_change_nothing() -> None:
    calm, disturbed, cost = Governor(0.5, 1080), Governor(0.5, 1080), machine(4.0, 32.0)
    for n in range(2000):
        calm(cost(calm.scale))
        disturbed(0.2 if n % 60 == 30 else cost(disturbed.scale))
    assert disturbed.scale == pytest.approx(calm.scale, rel=0.08)
    assert disturbed.every == 1


@pytest.mark.hazard("H-43")
@runs(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=400), st.floats(0.0, 3.0), st.integers(16, 4320))
def test_whatever_a_picture_costs_no_step_is_large_and_no_size_out_of_bounds(
    costs_s: list[float], start: float, height: int
) -> None:
    governor = Governor(start, height)
    scales = [governor.scale, *(governor(cost_s) for cost_s in costs_s)]
    assert all(LOWEST <= scale <= 1.0 for scale in scales)
    assert all(scale * height >= min(LOWEST_LINES, height) - 1e-6 for scale in scales)
    assert all(SHRINK - 1e-9 <= b / a <= GROW + 1e-9 for a, b in itertools.pairwise(scales))


@pytest.mark.hazard("H-43")
@pytest.mark.parametrize("scale", [0.36, 0.5, 0.8])
def test_a_step_changes_neither_light_nor_sharpness_so_that_one_could_see_it(scale: float, context: Context) -> None:
    world = load("aurora")
    renderer = Renderer(context, world, (1280, 720), 1, guarded=False)
    drive = Drive(breath=0.7, calm=0.6, progress=0.4, confidence=1.0)
    frame = ControlFrame(6000, 100.0, drive, world.name, Levels(1.0, 1.0, 0.5), "running", "")
    pictures = []
    for part in (scale, scale * SHRINK):
        renderer.set_scale(part)
        renderer.draw(frame)
        pictures.append(renderer.read().astype(np.float64).mean(axis=2))
    renderer.close()
    before, after = pictures
    assert after.mean() == pytest.approx(before.mean(), rel=0.003)
    edges = [np.abs(np.diff(picture, axis=1)).mean() for picture in pictures]
    assert edges[1] == pytest.approx(edges[0], rel=0.05)
    assert np.abs(after - before).mean() < 1.5  # code values, the dither's own among them
