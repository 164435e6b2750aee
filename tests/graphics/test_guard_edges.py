"""The picture guard at its edges: what is just a flash, a second or a quarter of a field, and what is just none."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics import guard
from biofeed.graphics.guard import FLASH, GRID, NONE, RED_SEEN, Correction, Guard
from biofeed.limits import RED_DELTA

Light = npt.NDArray[np.float32]
SMALL = (18, 32)  # cells: fields of 6 by 11, of which 16 are less than a quarter
STEP_S = 1 / 64  # whole in binary: 64 of them are a second to the last bit
HELD = 131 / 1024  # of 0.7: the highest of 1024 gains that leaves it less than `FLASH` over black


def flat(level: float, shape: tuple[int, int] = SMALL) -> Light:
    return np.full(shape, level, np.float32)


def gains(pictures: list[Light]) -> list[float]:
    """The gains that flashes leave of those pictures, one every `STEP_S`."""
    cells = guard._Cells(pictures[0].shape)
    given = []
    for picture in pictures:
        cells.take(picture)
        given.append(cells.most(STEP_S, 1.0))
        cells.show(given[-1])
    return given


def at(levels: dict[int, float], n: int) -> list[Light]:
    """`n` black pictures, but flat ones of that level at those indices."""
    return [flat(levels.get(index, 0.0)) for index in range(n)]


def lit(areas: dict[int, list[Light]], n: int) -> list[Light]:
    """`n` black pictures; at those indices the given areas (0 and 1) are at 0.7."""
    return [np.float32(0.7) * sum(areas.get(index, []), flat(0.0)) for index in range(n)]


def cells_of(n: int, top: int = 0, left: int = 0, shape: tuple[int, int] = SMALL) -> Light:
    """That many cells, five to a row, from a corner on."""
    area = np.zeros(shape, np.float32)
    for index in range(n):
        area[top + index // 5, left + index % 5] = 1.0
    return area


def test_no_correction_does_nothing_and_is_the_one_that_is_given_before_a_picture_came() -> None:
    assert Correction(is_red=False, contrast=1.0, ground=0.0, gain=1.0) == NONE
    gate = Guard()
    assert gate.correction is NONE
    given = gate(STEP_S, flat(1.0))
    assert gate.correction is given
    assert given == Correction(ground=1.0, gain=pytest.approx(0.1 * STEP_S))


@pytest.mark.hazard("H-01")
def test_a_cell_is_square_and_a_tenth_of_a_degree_where_a_third_of_the_width_is_ten() -> None:
    assert GRID[0] * 16 == GRID[1] * 9
    assert 0.08 < 30.0 / GRID[1] <= 0.1


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("height", "is_held"), [(0.088, False), (0.092, True)])
def test_nine_tenths_of_a_flash_s_height_may_flicker(height: float, is_held: bool) -> None:
    given = gains([flat(0.3), flat(0.3 + height)] * 20)
    assert (min(given) < 1.0) is is_held


@pytest.mark.hazard("H-02")
def test_between_two_reds_that_are_not_seen_there_is_no_transition_and_every_other_is_seen() -> None:
    assert RED_SEEN + RED_SEEN == RED_DELTA


@pytest.mark.hazard("H-05")
def test_no_more_than_a_tenth_of_a_second_counts_and_nothing_less_than_none() -> None:
    assert Guard()(0.1, flat(1.0)).gain == pytest.approx(0.01)
    assert Guard()(5.0, flat(1.0)).gain == pytest.approx(0.01)
    assert Guard()(-0.05, flat(1.0)).gain == 0.0
    assert Guard()(0.0, flat(0.0)) is NONE


@pytest.mark.parametrize(("value", "counts_as"), [(math.nan, 1.0), (math.inf, 1.0), (1.05, 1.0), (-0.05, 0.0)])
def test_what_no_light_can_be_counts_as_white_or_black(value: float, counts_as: float) -> None:
    odd, usual = flat(0.2), flat(0.2)
    odd[:9], usual[:9] = value, counts_as
    assert Guard()(STEP_S, odd) == Guard()(STEP_S, usual)
    assert np.array_equal(odd[:9], np.full((9, 32), np.float32(value)), equal_nan=True)  # the picture's own are left


def test_a_grid_of_another_shape_goes_on_from_the_same_mean() -> None:
    gate = Guard()
    for _ in range(64):
        gate(STEP_S, flat(0.05))
    assert gate(STEP_S, flat(0.5, (9, 16))).gain == pytest.approx((0.05 + 0.1 * STEP_S) / 0.5)


def flattened(contrast: float, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """A guard that has stripes always, and shows a dark half beside a light one, their mean 0.4."""
    monkeypatch.setattr(guard, "Stripes", lambda _: lambda *_: contrast)
    gate = Guard()
    for _ in range(400):
        gate(STEP_S, halves(0.2, 0.6))
    return gate


def halves(dark: float, light: float) -> Light:
    picture = flat(dark)
    picture[:, 16:] = light
    return picture


@pytest.mark.hazard("H-03")
def test_contrast_is_taken_about_the_mean_and_told_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = flattened(0.5, monkeypatch)
    assert gate(STEP_S, halves(0.2, 0.6)) == Correction(contrast=0.5, ground=pytest.approx(0.4))


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(
    ("contrast", "swing", "is_held"), [(0.5, 0.17, False), (0.5, 0.19, True), (0.95, 0.092, False)]
)
def test_flashes_are_told_from_what_is_left_of_the_contrast(
    contrast: float, swing: float, is_held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = flattened(contrast, monkeypatch)
    pictures = [halves(0.2 + swing, 0.6 - swing), halves(0.2, 0.6)] * 10
    assert (min(gate(STEP_S, picture).gain for picture in pictures) < 1.0) is is_held


@pytest.mark.hazard("H-01")
def test_a_flash_beside_faint_stripes_is_dimmed_to_where_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = flattened(0.5, monkeypatch)
    for picture in (halves(0.6, 0.2), halves(0.2, 0.6)):  # 0.3 and 0.5 swap: each half has risen or fallen by 0.2
        assert gate(STEP_S, picture).gain == 1.0
    assert gate(STEP_S, halves(0.6, 0.2)).gain == math.floor((0.3 + FLASH) / 0.5 * 1024) / 1024


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("later", "is_held"), [(2, True), (63, True), (64, False), (65, False)])
def test_a_second_rise_is_held_within_a_second_to_the_very_picture(later: int, is_held: bool) -> None:
    given = gains(at({1: 0.7, 1 + later: 0.7}, 70))
    assert given[1 + later] == (HELD if is_held else 1.0)
    assert set(given[: 1 + later] + given[2 + later :]) == {1.0}


@pytest.mark.hazard("H-01")
def test_a_rise_in_steps_is_one_and_does_not_count_against_another_place() -> None:
    first, other = flat(0.0), flat(0.0)
    first[:, :16], other[:, 16:] = 1.0, 1.0
    levels = [np.float32(level) * first for level in (0.0, 0.3, 0.6, 0.9)]
    assert set(gains([*levels, levels[-1] + np.float32(0.9) * other])) == {1.0}


@pytest.mark.hazard("H-01")
def test_a_fall_in_steps_is_one_and_the_next_rise_is_held() -> None:
    given = gains([flat(level) for level in (0.0, 0.9, 0.5, 0.3, 0.9)])
    assert given[:4] == [1.0] * 4
    assert given[4] == math.floor((0.3 + FLASH) / 0.9 * 1024) / 1024


@pytest.mark.hazard("H-01")
def test_the_second_begins_where_the_rise_ended() -> None:
    up = [flat(0.3 + 0.01 * index) for index in range(31)]
    still = [flat(0.6)] * 40
    dark = [flat(0.0)] * 40
    assert gains([flat(0.0), *up, *dark, flat(0.7)])[-1] == HELD  # 71 pictures after it began, 41 after it ended
    assert set(gains([flat(0.0), *up, *still, *dark, flat(0.7)])) == {1.0}  # standing still is no rising


@pytest.mark.hazard("H-01")
def test_a_rise_and_a_fall_of_just_that_height_are_none() -> None:
    just = float(np.float32(FLASH))
    assert set(gains(at({1: 0.7, 33: just, 65: 0.7}, 70))) == {1.0}
    assert set(gains(at({1: 0.7} | dict.fromkeys(range(2, 33), just) | {33: 2 * just, 65: 0.7}, 70))) == {1.0}
    assert set(gains(at({1: 2 * just, 2: just, 3: 2.5 * just}, 4))) == {1.0}


@pytest.mark.hazard("H-01")
def test_the_gain_may_leave_just_that_height() -> None:
    for highest in (1.0, 0.5):
        cells = guard._Cells(SMALL)
        for level in (0.0, 0.7, 0.0):
            cells.take(flat(level))
            assert cells.most(STEP_S, 1.0) == 1.0
            cells.show(1.0)
        cells.take(2 * flat(FLASH))
        assert cells.most(STEP_S, highest) == 0.5


@pytest.mark.hazard("H-01")
def test_what_counts_is_what_the_gain_has_left() -> None:
    """From 0.95 of 0.7 a fall of less than `FLASH` is none, and the way back to 0.7 no second rise."""
    cells = guard._Cells(SMALL)
    for level, gain in ((0.7, 0.95), (0.95 * 0.7 - FLASH + 0.005, 1.0)):
        cells.take(flat(level))
        assert cells.most(STEP_S, gain) == gain
        cells.show(gain)
    cells.take(flat(0.7))
    assert cells.most(STEP_S, 1.0) == 1.0


@pytest.mark.hazard("H-01")
def test_who_rises_too_soon_is_held_for_a_second_and_every_further_try_begins_another() -> None:
    """A rise at picture 1; one that stays from picture 11 on; or tries at 11 and 21, and one more."""
    stays = gains(at({1: 0.7} | dict.fromkeys(range(11, 90), 0.7), 90))
    assert stays[11:75] == [HELD] * 64
    assert set(stays[75:]) == {1.0}
    for last, gain in ((75, HELD), (84, HELD), (85, 1.0)):
        assert gains(at({1: 0.7, 11: 0.7, 21: 0.7, last: 0.7}, 90))[last] == gain


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("shape", "spared"), [((18, 32), 16), ((18, 30), 14)])  # 16.5 and 15 are a quarter
def test_less_than_a_quarter_of_every_field_may_flash(shape: tuple[int, int], spared: int) -> None:
    for n, is_held in ((spared, False), (spared + 1, True)):
        area = cells_of(spared, shape=shape) + cells_of(n, 10, 20, shape)  # in fields that share no cell
        assert (min(gains([0 * area, np.float32(0.7) * area] * 10)) < 1.0) is is_held


@pytest.mark.hazard("H-01")
def test_cells_that_flashed_count_against_their_field_for_a_second() -> None:
    """16 cells rise a second time at picture 11; one beside them does so at picture 74, and at 75."""
    many, one = cells_of(16), cells_of(1, 0, 6)
    for last, is_held in ((74, True), (75, False)):
        given = gains(lit({1: [many], 11: [many], 40: [one], last: [one]}, 80))
        assert given[last] == (HELD if is_held else 1.0)


@pytest.mark.hazard("H-01")
def test_cells_that_rise_again_after_just_a_second_do_not_count() -> None:
    many, one = cells_of(16), cells_of(1, 0, 6)
    assert set(gains(lit({1: [many], 65: [many], 70: [one], 80: [one]}, 90))) == {1.0}
