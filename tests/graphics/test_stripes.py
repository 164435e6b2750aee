"""Stripes are made faint in time, smoothly, and about the mean; no picture waits for more than one look at it."""

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics import stripes as module
from biofeed.graphics.guard import GRID, Guard
from biofeed.graphics.patterns import Pattern
from biofeed.graphics.stripes import FALL_S, Stripes
from biofeed.limits import STRIPE_CONTRAST, STRIPE_S

Light = npt.NDArray[np.float64]
Y, X = np.meshgrid(np.linspace(0.0, 1.0, GRID[0]), np.linspace(0.0, 16.0 / 9.0, GRID[1]), indexing="ij")


def stripes(pairs: float, angle_deg: float, contrast: float = 1.0, is_square: bool = True, shift: float = 0.0) -> Light:
    """So many light-dark pairs to the picture's height, mean 0.3."""
    angle = np.deg2rad(angle_deg)
    wave = np.sin(2.0 * np.pi * (pairs * (X * np.cos(angle) + Y * np.sin(angle)) + shift))
    return 0.3 * (1.0 + contrast * (np.sign(wave) if is_square else wave))


def left(pictures: list[Light], dt_s: float = 1 / 60) -> float:
    """The contrast that is let through after those pictures."""
    gate = Stripes(GRID)
    return [gate(dt_s, picture) for picture in pictures][-1]


@pytest.mark.hazard("H-03")
def test_stripes_are_faint_within_half_a_second_and_while_they_scroll() -> None:
    n = round(STRIPE_S * 60)
    pictures = [stripes(20.0, 30.0, shift=0.07 * index) for index in range(3 * n)]
    assert left(pictures[:n]) <= STRIPE_CONTRAST
    assert left(pictures) <= STRIPE_CONTRAST


def test_contrast_falls_and_returns_without_a_step() -> None:
    gate = Stripes(GRID)
    calm = np.full(GRID, 0.3)
    contrasts = [gate(1 / 60, calm) for _ in range(30)]
    assert contrasts == [1.0] * 30
    contrasts += [gate(1 / 60, stripes(20.0, 0.0)) for _ in range(60)]
    contrasts += [gate(1 / 60, calm) for _ in range(600)]
    assert np.abs(np.diff(contrasts)).max() <= 1.001 / 60 / FALL_S
    assert contrasts[-1] == 1.0


@pytest.mark.hazard("H-03")
def test_the_guard_flattens_stripes_about_the_mean() -> None:
    gate = Guard()
    for _ in range(300):
        correction = gate(1 / 60, np.full(GRID, 0.3, np.float32))
    for _ in range(60):
        correction = gate(1 / 60, stripes(20.0, 0.0).astype(np.float32))
    assert correction.contrast <= STRIPE_CONTRAST
    assert correction.ground == pytest.approx(0.3, abs=0.01)
    assert correction.gain == pytest.approx(1.0, abs=0.02)


STEP_S = 1 / 64  # whole in binary
FLAT = np.zeros((2, 2), np.float32)


class Told:
    """In the place of what looks: finds the patterns that it was told, and remembers which windows it looked at."""

    n_looks = 4

    def __init__(self) -> None:
        self.looks: list[int] = []
        self.found: dict[int, list[Pattern]] = {}

    def look(self, index: int, luminance: Light) -> list[Pattern]:
        self.looks.append(index)
        return self.found.get(index, [])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr(module, "Patterns", lambda _: made)
    return made


@pytest.mark.hazard("H-03")
def test_every_kind_of_window_is_looked_at_once_in_a_fifth_of_a_second_and_one_at_a_time(told: Told) -> None:
    gate = Stripes((2, 2))
    counts = []
    for _ in range(64):
        gate(STEP_S, FLAT)
        counts.append(len(told.looks))
    assert counts[12 - 1 : 13] == [3, 4]  # 0.2 s are 12.8 pictures
    assert counts[-1] == 20
    assert np.diff([0, *counts]).max() == 1
    assert told.looks == [0, 1, 2, 3] * 5


def test_nothing_is_looked_at_before_its_time_and_after_a_stall_every_kind_is_once(told: Told) -> None:
    gate = Stripes((2, 2))
    gate(0.049, FLAT)
    assert told.looks == []
    gate(1.0, FLAT)
    assert told.looks == [0, 1, 2, 3]


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(("part", "faint", "kept"), [(0.2, 0.3, 0.3), (0.199, 0.3, 1.0), (1.0, 0.0, 0.0)])
def test_a_pattern_over_a_fifth_of_the_picture_is_made_faint(
    told: Told, part: float, faint: float, kept: float
) -> None:
    told.found = {1: [Pattern(9.0, part, faint), Pattern(9.0, 1.0, 1.0)], 2: [Pattern(9.0, 1.0, 1.0)]}
    gate = Stripes((2, 2))
    assert [gate(STEP_S, FLAT) for _ in range(round(STRIPE_S / STEP_S))][-1] == kept


@pytest.mark.hazard("H-03")
def test_it_falls_in_a_fifth_of_a_second_and_returns_in_five(told: Told) -> None:
    gate = Stripes((2, 2))
    told.found = {3: [Pattern(9.0, 1.0, 0.0)]}
    contrasts = [gate(STEP_S, FLAT) for _ in range(32)]
    told.found = {}
    contrasts += [gate(STEP_S, FLAT) for _ in range(400)]
    falls = [step for step in np.diff(contrasts) if step < 0.0]
    assert falls[:-1] == pytest.approx([-STEP_S / 0.2] * 12)
    assert falls[-1] > -STEP_S / 0.2
    assert contrasts[31] == 0.0
    rises = [step for step in np.diff(contrasts) if step > 0.0]
    assert rises == pytest.approx([STEP_S / 5.0] * 320)
    assert contrasts[-1] == 1.0


def test_a_grid_that_is_too_small_for_stripes_keeps_its_contrast() -> None:
    gate = Stripes((18, 32))
    assert {gate(STEP_S, np.eye(18, 32, dtype=np.float32)) for _ in range(64)} == {1.0}
