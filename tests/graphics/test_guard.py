import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.errors import SettingError
from biofeed.graphics import guard
from biofeed.graphics.guard import FLASH, GRID, Guard

SLEW_PER_S = 0.10


@st.composite
def films(draw: st.DrawFn) -> tuple[float, list[np.ndarray]]:
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


@settings(max_examples=60, deadline=None)
@given(films())
def test_whatever_the_picture_does_its_mean_rises_no_faster_than_the_limit(
    film: tuple[float, list[np.ndarray]],
) -> None:
    dt_s, pictures = film
    gate = Guard()
    mean = 0.0
    for picture in pictures:
        shown = gate(dt_s, picture) * picture.mean()
        assert shown <= mean + SLEW_PER_S * dt_s + 1e-12
        mean = shown


@settings(max_examples=60, deadline=None)
@given(films())
def test_no_quarter_of_any_field_flashes_twice_within_a_second(film: tuple[float, list[np.ndarray]]) -> None:
    assert most_that_flash_twice(*film) < 0.25


def test_a_rise_that_went_on_after_a_dip_counts_from_where_it_ended() -> None:
    part = np.random.default_rng(2).random(GRID) < 0.3
    dips = [*range(7, 19), *range(30, 42), *range(53, 65)]
    pictures = [np.where(part, 0.12 if index in dips else 0.9, 0.9) for index in range(66)]
    assert most_that_flash_twice(1 / 30, pictures) < 0.25


def most_that_flash_twice(dt_s: float, pictures: list[np.ndarray]) -> float:
    """The largest part of any field of what the guard shows that rises by a flash's height twice within a second."""
    gate = Guard()
    shown = np.array([gate(dt_s, picture) * picture for picture in pictures])
    extreme, is_up = np.zeros(GRID), np.zeros(GRID, dtype=bool)
    rises = np.zeros(shown.shape, dtype=bool)  # a rise by a flash's height, after a fall by as much
    for index, level in enumerate(shown):
        falls = is_up & (level < extreme - 0.1)
        rises[index] = ~is_up & (level > extreme + 0.1)
        extreme = np.where(is_up, np.maximum(extreme, level), np.minimum(extreme, level))
        extreme = np.where(falls | rises[index], level, extreme)
        is_up = (is_up | rises[index]) & ~falls
    second = math.ceil(1.0 / dt_s)
    field = (GRID[0] // 3, round(GRID[1] / 3))
    most = 0.0
    for index in range(len(pictures)):
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
        assert gate(1 / 60, level * breath * texture) == 1.0


def test_a_small_sparkle_on_a_steady_picture_passes_once_the_mean_allows_it() -> None:
    gate = Guard()
    ground = np.full(GRID, 0.1)
    for _ in range(120):
        gate(1 / 60, ground)
    sparkle = ground.copy()
    sparkle[9, 16] = 0.8  # 1 cell of 576: the mean rises by 0.0012
    gains = [gate(1 / 60, sparkle if index % 20 < 10 else ground) for index in range(120)]
    assert gains == [1.0] * 120


def test_cells_that_are_not_a_number_count_as_white() -> None:
    gate, white = Guard(), Guard()
    bad = np.full(GRID, np.nan)
    bad[0] = np.inf
    assert [gate(1 / 60, bad) for _ in range(10)] == [white(1 / 60, np.ones(GRID)) for _ in range(10)]


def test_white_rises_from_black_in_ten_seconds_and_falls_at_once() -> None:
    gate = Guard()
    white = np.ones(GRID)
    gains = [gate(1 / 60, white) for _ in range(600)]
    assert gains[0] == pytest.approx(SLEW_PER_S / 60)
    assert gains[-1] == pytest.approx(1.0)
    assert gate(1 / 60, np.zeros(GRID)) == 1.0
    assert gate(1 / 60, white) == pytest.approx(SLEW_PER_S / 60)


def test_a_stalled_picture_may_not_jump() -> None:
    assert Guard()(5.0, np.ones(GRID)) == pytest.approx(SLEW_PER_S * guard.LONGEST_STEP_S)


def test_a_strobe_whose_mean_is_steady_is_dimmed_until_it_is_no_flash() -> None:
    gate = Guard()
    half = np.zeros(GRID)
    half[:, ::2] = 1.0
    shown = []
    for index in range(900):
        picture = half if index // 6 % 2 else 1.0 - half  # stripes that swap at 5 Hz
        shown.append(gate(1 / 60, picture) * picture)
    swing = np.ptp(np.array(shown[-60:]), axis=0)
    assert swing.max() <= FLASH + 1e-6
    assert swing.max() > 0.0


def test_the_limit_can_be_made_calmer_and_never_livelier() -> None:
    assert Guard(guard.Settings(rise_per_s=0.05))(1 / 60, np.ones(GRID)) == pytest.approx(0.05 / 60)
    with pytest.raises(SettingError, match="rise_per_s"):
        guard.Settings(rise_per_s=0.2)
