"""How fast a world moves, measured: at most 2 degrees/s at full motion, and nothing at all without.

Against sickness and vertigo: optical flow under 2 degrees/s in a picture 40 degrees wide, a still frame of reference,
and no motion in space in the hours after an infusion.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from world import BODY, FINE, STILL, breathing, opened, picture, world_of

from biofeed import scene
from biofeed.graphics import measures
from biofeed.graphics.renderer import Settings
from biofeed.messages import TICKS_PER_S, Drive

STEP_TICKS = 12  # between two pictures: things move some pixels at most, and the dither's grain counts little
MOST_DEG_PER_S = 2.0
STILL_DEG_PER_S = 0.05
# Light that wells up in one place shifts the centre of what it lights by a hair, and correlation cannot tell that from
# motion: a few blocks may seem to go that fast, most of them may not even go STILL_DEG_PER_S.
LIT_DEG_PER_S = 0.10
INHALE_S = 4.0
LIVES = {
    "6 breaths/min": breathing(6.0),
    "12 breaths/min": breathing(12.0),
    "restless, 12 breaths/min": breathing(12.0, body=replace(BODY, calm=0.0, coherence=0.0, progress=0.6)),
    "drift alone": lambda _: Drive(progress=0.5),
}
each_world = pytest.mark.parametrize("name", scene.names())


def flows(name: str, drive: Callable[[float], Drive], settings: Settings | None = None) -> list[measures.Flow]:
    """The flow at five moments of a breath of 10 s, or of two of 5 s."""
    found = []
    with opened(name, settings, size=FINE) as world:
        world.live(0.5, drive)
        for _ in range(5):
            before = world.draw(drive(world.tick / TICKS_PER_S))
            world.live(STEP_TICKS / TICKS_PER_S, drive)
            after = world.draw(drive(world.tick / TICKS_PER_S))
            found.append(measures.flow(before, after, STEP_TICKS / TICKS_PER_S))
            world.live(2.0 - STEP_TICKS / TICKS_PER_S, drive)
    return found


@pytest.mark.hazard("H-09")
@each_world
def test_at_full_motion_the_picture_flows_slowly_and_as_its_manifest_says(name: str) -> None:
    fastest = 0.0
    for life, drive in LIVES.items():
        for flow in flows(name, drive):
            assert flow.p95 <= MOST_DEG_PER_S, life
            assert flow.matched > 0.7, life  # what is not found again may have gone anywhere
            fastest = max(fastest, flow.p95)
    declared = world_of(name).flow_deg_per_s
    assert declared <= MOST_DEG_PER_S
    assert fastest < 1.25 * declared + 0.15
    assert declared < 4.0 * fastest + 0.6  # an author knows of soft wide forms that no texture gives away


@pytest.mark.hazard("H-09")
@each_world
@pytest.mark.parametrize("who", ["breath", "guide"])
def test_without_motion_nothing_is_moved_by_breath_or_guide(name: str, who: str) -> None:
    empty, half, full = (picture(name, replace(BODY, **{who: x}), STILL, size=FINE) for x in (0.0, 0.5, 1.0))
    for before, after in ((empty, half), (half, full)):
        flow = measures.flow(before, after, INHALE_S / 2.0)
        assert np.percentile(np.append(flow.deg_per_s, 0.0), 75.0) <= STILL_DEG_PER_S
        assert flow.p95 <= LIT_DEG_PER_S


@pytest.mark.hazard("H-09")
@each_world
def test_without_motion_nothing_is_moved_by_time(name: str) -> None:
    with opened(name, STILL, size=FINE) as world:
        before = world.draw(Drive())
        world.live(10.0, lambda _: Drive())
        assert measures.flow(before, world.draw(Drive()), 10.0).most <= STILL_DEG_PER_S


@each_world
def test_half_the_motion_is_slower_than_all_of_it(name: str) -> None:
    def speed(motion: float) -> float:
        with opened(name, Settings(motion=motion), size=FINE) as world:
            before = world.draw()
            world.live(0.5, lambda _: BODY)
            return measures.flow(before, world.draw(), 0.5).p95

    assert speed(0.3) < max(0.8 * speed(1.0), STILL_DEG_PER_S)
