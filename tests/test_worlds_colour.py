"""A world's colours: they turn with the hour, they can be told apart by every eye, and none of them alarms."""

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from world import BODY, picture

from biofeed import scene
from biofeed.graphics import measures
from biofeed.graphics.renderer import Settings

HOURS = {"arrive": 0.02, "settle": 0.30, "deepen": 0.60, "return": 0.98}
HOUR_S = 3600.0
SAFE = Settings(safe=1.0)
# Distances in OKLab: between two plain fields side by side, 0.02 is seen at once by everyone.
CLEAR = 0.02
each_world = pytest.mark.parametrize("name", scene.names())
Floats = npt.NDArray[np.float64]


def lab(rgb: npt.NDArray[np.uint8]) -> Floats:
    return measures.oklab(measures.linear(rgb))


def distances(rgb: npt.NDArray[np.uint8]) -> Floats:
    """How far apart in OKLab the colours of 16 x 9 parts of the picture are, every two of them."""
    parts = measures.oklab(measures.reduced(rgb, (16, 9)).reshape(-1, 3))
    return np.linalg.norm(parts[:, None] - parts[None, :], axis=2)


@each_world
@pytest.mark.parametrize("seed", [1, 2])
def test_the_four_parts_of_the_hour_have_colours_of_their_own(name: str, seed: int) -> None:
    means = {
        part: measures.mean_colour(picture(name, replace(BODY, progress=at), seed=seed, at_s=at * HOUR_S))
        for part, at in HOURS.items()
    }
    for one, other in itertools.combinations(means, 2):
        assert np.linalg.norm(means[one] - means[other]) > CLEAR, (one, other)


@each_world
def test_the_hour_turns_without_a_step(name: str) -> None:
    at = np.linspace(0.0, 1.0, 25)
    means = [measures.mean_colour(picture(name, replace(BODY, progress=x))) for x in at.tolist()]
    steps = np.linalg.norm(np.diff(means, axis=0), axis=1)
    assert steps.max() < 0.05
    assert steps.sum() > 4.0 * CLEAR


@each_world
def test_what_safe_colours_tell_apart_those_tell_apart_who_cannot_tell_red_from_green(name: str) -> None:
    for at in HOURS.values():
        shown = picture(name, replace(BODY, progress=at, breath=0.7), SAFE)
        apart = distances(shown)
        is_clear = apart > 2.0 * CLEAR
        for dichromat in measures.DICHROMATS:
            seen = distances(measures.as_seen_by(dichromat, shown))
            assert np.percentile(seen[is_clear] / apart[is_clear], 2.0) > 0.7


@each_world
def test_what_breath_and_guide_say_is_said_in_lightness_so_that_every_eye_sees_it(name: str) -> None:
    for drive, least in (("breath", 0.012), ("guide", 0.003)):
        ends = [replace(BODY, **{drive: value}) for value in (0.0, 1.0)]
        usual = np.abs(np.subtract(*(lab(picture(name, end))[:, :, 0] for end in ends))).mean()
        safe = np.abs(np.subtract(*(lab(picture(name, end, SAFE))[:, :, 0] for end in ends))).mean()
        assert safe > least
        assert safe > 0.7 * usual


@each_world
def test_safe_colours_keep_the_light(name: str) -> None:
    usual, safe = (measures.luminance(picture(name, BODY, settings)) for settings in (Settings(), SAFE))
    assert safe.mean() == pytest.approx(usual.mean(), rel=0.1)


@pytest.mark.hazard("H-02")
@each_world
def test_no_world_shows_a_large_field_of_saturated_red(name: str) -> None:
    """WCAG 2.2 calls a red saturated from 0.8 of all light on; a flash of it counts from a quarter of a field on."""
    for at in HOURS.values():
        for breath in (0.0, 1.0):
            light = measures.linear(picture(name, replace(BODY, progress=at, breath=breath, guide=breath)))
            red = (light[:, :, 0] > 0.8 * light.sum(axis=2)) & (light[:, :, 0] > 0.05)
            assert red.mean() < 0.02
