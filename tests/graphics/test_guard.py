"""The gate on light as numbers: whatever the picture does, what is shown holds the limits; calm ones pass untouched."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.errors import SettingError
from biofeed.graphics import guard
from biofeed.graphics.guard import FLASH, NONE, Correction, Guard
from biofeed.limits import FLASH_DELTA, MEAN_LUMINANCE

SLEW_PER_S = 0.10
GRID = (18, 32)  # cells: the guard takes any grid, and this one is quick to check
Light = npt.NDArray[np.floating]


def shown(correction: Correction, picture: Light) -> Light:
    """What the last pass makes of those cells."""
    return correction.gain * (correction.contrast * picture + (1.0 - correction.contrast) * correction.ground)


@st.composite
def films(draw: st.DrawFn) -> tuple[float, list[Light]]:
    """A step in seconds and pictures: blocks that flicker with their own period and phase over some ground."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dt_s = draw(st.sampled_from([1 / 60, 1 / 30, 1 / 10, 1 / 144]))
    ground = draw(st.sampled_from([0.0, 0.05, 0.2, 0.9]))
    periods = rng.integers(2, 40, GRID)
    phases = rng.integers(0, 40, GRID)
    if draw(st.booleans()):  # all cells alike
        periods[:], phases[:] = periods[0, 0], phases[0, 0]
    part = rng.random(GRID) < draw(st.sampled_from([0.02, 0.3, 1.0]))
    high = draw(st.sampled_from([0.12, 0.5, 1.0]))
    pictures = []
    for index in range(draw(st.integers(20, 150))):
        is_on = part & ((index + phases) % periods < periods / 2)
        pictures.append(np.where(is_on, high, ground))
    return dt_s, pictures


@pytest.mark.hazard("H-05")
@settings(max_examples=60, deadline=None)
@given(films())
def test_whatever_the_picture_does_its_mean_rises_no_faster_than_the_limit(
    film: tuple[float, list[Light]],
) -> None:
    dt_s, pictures = film
    gate = Guard()
    mean = 0.0
    for picture in pictures:
        risen = float(shown(gate(dt_s, picture), picture).mean())
        assert risen <= mean + SLEW_PER_S * dt_s + 1e-7
        assert risen <= MEAN_LUMINANCE["full"] + 1e-7
        mean = risen


@pytest.mark.hazard("H-01")
@settings(max_examples=60, deadline=None)
@given(films())
def test_no_quarter_of_any_field_flashes_twice_within_a_second(film: tuple[float, list[Light]]) -> None:
    assert most_that_flash_twice(*film) < 0.25


def test_a_rise_that_went_on_after_a_dip_counts_from_where_it_ended() -> None:
    part = np.random.default_rng(2).random(GRID) < 0.3
    dips = [*range(7, 19), *range(30, 42), *range(53, 65)]
    pictures = [np.where(part, 0.12 if index in dips else 0.9, 0.9) for index in range(66)]
    assert most_that_flash_twice(1 / 30, pictures) < 0.25


def most_that_flash_twice(dt_s: float, pictures: list[Light]) -> float:
    """The largest part of any field of what the guard shows that rises by a flash's height twice within a second."""
    gate = Guard()
    film = np.array([shown(gate(dt_s, picture), picture) for picture in pictures])
    extreme, is_up = np.zeros(GRID), np.zeros(GRID, dtype=bool)
    rises = np.zeros(film.shape, dtype=bool)  # a rise by a flash's height, after a fall by as much
    for index, level in enumerate(film):
        falls = is_up & (level < extreme - 0.1)
        rises[index] = ~is_up & (level > extreme + 0.1)
        extreme = np.where(is_up, np.maximum(extreme, level), np.minimum(extreme, level))
        extreme = np.where(falls | rises[index], level, extreme)
        is_up = (is_up | rises[index]) & ~falls
    second = math.ceil(1.0 / dt_s)
    field = (GRID[0] // 3, round(GRID[1] / 3))
    most = 0.0
    for index in np.flatnonzero(rises.any(axis=(1, 2))):
        twice = rises[max(0, index - second + 2) : index + 1].sum(axis=0) >= 2
        most = max(most, float(np.lib.stride_tricks.sliding_window_view(twice, field).mean(axis=(2, 3)).max()))
    return most


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.2, 0.5]))
@settings(max_examples=30, deadline=None)
def test_a_picture_that_breathes_slowly_passes_untouched(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    texture = 0.5 + 0.5 * rng.random(GRID)
    gate = Guard()
    period_s = max(6.0, level / 0.04)  # the steepest mean slope stays under the limit
    for index in range(300):
        breath = 0.5 - 0.5 * math.cos(2 * math.pi * index / 60 / period_s)
        assert gate(1 / 60, level * breath * texture) is NONE


def test_a_small_sparkle_on_a_steady_picture_passes_once_the_mean_allows_it() -> None:
    gate = Guard()
    ground = np.full(GRID, 0.1)
    for _ in range(120):
        gate(1 / 60, ground)
    sparkle = ground.copy()
    sparkle[9, 16] = 0.8  # 1 cell of 576: the mean rises by 0.0012
    assert {gate(1 / 60, sparkle if index % 20 < 10 else ground) for index in range(120)} == {NONE}


def test_cells_that_are_not_a_number_count_as_white() -> None:
    gate, white = Guard(), Guard()
    bad = np.full(GRID, np.nan)
    bad[0] = np.inf
    assert [gate(1 / 60, bad) for _ in range(10)] == [white(1 / 60, np.ones(GRID)) for _ in range(10)]


def test_white_rises_from_black_to_the_highest_mean_and_falls_at_once() -> None:
    gate = Guard()
    white = np.ones(GRID)
    gains = [gate(1 / 60, white).gain for _ in range(600)]
    assert gains[0] == pytest.approx(SLEW_PER_S / 60)
    assert gains[299] == pytest.approx(0.5, abs=0.002)
    assert gains[-1] == pytest.approx(0.5)
    assert gate(1 / 60, np.zeros(GRID)) is NONE
    assert gate(1 / 60, white).gain == pytest.approx(SLEW_PER_S / 60)


@pytest.mark.hazard("H-05", "H-41")
def test_a_preset_s_mean_is_never_exceeded() -> None:
    gate = Guard(guard.Settings(mean_max=0.15))
    random = np.random.default_rng(1)
    for _ in range(300):
        picture = random.random(GRID) ** 2
        assert shown(gate(1 / 60, picture), picture).mean() <= 0.15 + 1e-7


@pytest.mark.hazard("H-05")
def test_a_stalled_picture_may_not_jump() -> None:
    assert Guard()(5.0, np.ones(GRID)).gain == pytest.approx(SLEW_PER_S * guard.LONGEST_STEP_S)


@pytest.mark.hazard("H-01")
def test_a_strobe_whose_mean_is_steady_is_calmed_until_it_is_no_flash() -> None:
    gate = Guard()
    half = np.zeros(GRID)
    half[:, :16] = 1.0
    film = []
    for index in range(900):
        picture = half if index // 6 % 2 else 1.0 - half  # halves that swap at 5 Hz
        film.append(shown(gate(1 / 60, picture), picture))
    swing = np.ptp(np.array(film[-60:]), axis=0)
    assert swing.max() <= FLASH + 1e-6
    assert swing.max() > 0.5 * FLASH


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize("hz", [1, 2, 3, 5, 10, 15, 25, 30])
@pytest.mark.parametrize("fps", [24, 60, 144])
def test_a_strobe_of_any_rate_flashes_at_most_once_a_second(hz: int, fps: int) -> None:
    pictures = [np.full(GRID, float(index * hz * 2 // fps % 2)) for index in range(6 * fps)]
    assert most_that_flash_twice(1 / fps, pictures) < 0.25


def test_a_field_may_lie_anywhere() -> None:
    """Just over a quarter of one field flickers, astride any division of the picture; then just under it."""

    def least(n_cells: int, top: int, left: int) -> float:
        part = np.zeros(GRID, dtype=bool)
        part[top : top + 3, left : left + 6] = True
        part[top, left : left + 18 - n_cells] = False
        cells = guard._Cells(GRID)
        gains = []
        for index in range(60):
            picture = np.where(part & (index // 5 % 2 == 0), np.float32(0.8), np.float32(0.3))
            cells.take(picture)
            gains.append(cells.most(1 / 60, 1.0))
            cells.show(gains[-1])
        return min(gains)

    for top, left in ((0, 0), (3, 7), (9, 19), (15, 26)):
        assert least(17, top, left) < 0.9  # of a field's 66 cells
        assert least(16, top, left) == 1.0


@pytest.mark.hazard("H-02")
def test_saturated_red_is_turned_away_and_nothing_else_changes() -> None:
    gate = Guard()
    ground = np.full(GRID, 0.01)
    for _ in range(60):
        gate(1 / 60, ground)
    assert gate(1 / 60, ground, has_red=True) == Correction(is_red=True, ground=pytest.approx(0.01))
    assert gate(1 / 60, ground) is NONE


def test_a_flash_s_height_stays_under_the_limit_by_what_eight_bits_need() -> None:
    assert 0.8 * FLASH_DELTA < FLASH < FLASH_DELTA - 2 / 255


def test_the_limit_can_be_made_calmer_and_never_livelier() -> None:
    assert Guard(guard.Settings(rise_per_s=0.05))(1 / 60, np.ones(GRID)).gain == pytest.approx(0.05 / 60)
    with pytest.raises(SettingError, match="mean_max"):
        guard.Settings(mean_max=0.6)
    with pytest.raises(SettingError, match="rise_per_s"):
        guard.Settings(rise_per_s=0.2)
