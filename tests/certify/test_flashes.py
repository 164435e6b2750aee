"""Flashes are counted as WCAG 2.2 and ITU-R BT.1702-3 define them, on pictures with known answers."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed import limits
from biofeed.certificates import Figures, verdict
from biofeed.certify.analyser import Analyser
from biofeed.graphics import measures

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
SMALL = (48, 30)  # width, height: a 10 degree field has 16 x 10 cells
RATES = [24.0, 25.0, 30.0, 50.0, 59.94, 60.0, 120.0, 144.0]
RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def figures(pictures: Iterable[Bytes], fps: float) -> Figures:
    """What these pictures do, as flashes."""
    analyser = None
    for picture in pictures:
        if analyser is None:
            analyser = Analyser((picture.shape[1], picture.shape[0]), fps, has_flow=False)
        analyser.add(picture)
    assert analyser
    return analyser.figures()


def plain(colour: tuple[int, int, int], size: tuple[int, int] = SMALL) -> Bytes:
    """One colour all over."""
    return np.tile(np.array(colour, dtype=np.uint8), (size[1], size[0], 1))


def grey(luminance: float | Floats, size: tuple[int, int] = SMALL) -> Bytes:
    """Grey of that relative luminance, one number or (height, width)."""
    light = np.broadcast_to(np.asarray(luminance, dtype=np.float64), (size[1], size[0]))
    return measures.encoded(np.repeat(light[:, :, None], 3, axis=2))


def strobe(on: Bytes, off: Bytes, per_s: float, fps: float, seconds: float = 2.5) -> list[Bytes]:
    """On and off by halves of a period; the pictures nearest to each turn take it."""
    return [on if 2.0 * per_s * n / fps % 2.0 < 1.0 - 1e-9 else off for n in range(round(seconds * fps))]


def fails(seen: Figures) -> set[str]:
    """The limits on flashes that do not hold."""
    return {judged.limit for judged in verdict(seen) if not judged.holds and "flash" in judged.limit}


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("per_s", [1, 2, 3, 4, 5, 8, 12, 15, 24, 30, 60])
def test_a_strobe_flashes_as_often_as_it_does(per_s: int, fps: float) -> None:
    if per_s > fps / 2.0:
        return
    seen = figures(strobe(plain(WHITE), plain(BLACK), per_s, fps), fps)
    assert seen.flashes == per_s
    assert ("WCAG flashes" in fails(seen)) == (per_s > 3)
    assert ("flashes" in fails(seen)) == (per_s > 1)
    assert seen.red_flashes == 0


@pytest.mark.hazard("H-01")
@settings(max_examples=40, deadline=None)
@given(per_s=st.floats(0.4, 60.0), fps=st.sampled_from(RATES))
def test_a_strobe_of_any_rate_is_told_to_within_one_change(per_s: float, fps: float) -> None:
    per_s = min(per_s, fps / 2.0)
    seen = figures(strobe(plain(WHITE), plain(BLACK), per_s, fps), fps).flashes
    assert math.floor(per_s) <= seen <= math.floor(math.ceil(2.0 * per_s + 1e-6) / 2.0 + 0.5)


@pytest.mark.hazard("H-01")
@settings(max_examples=25, deadline=None)
@given(low=st.floats(0.0, 1.0), high=st.floats(0.0, 1.0), per_s=st.integers(2, 12))
def test_only_changes_of_a_tenth_with_a_dark_enough_end_are_flashes(low: float, high: float, per_s: int) -> None:
    dark, bright = sorted((low, high))
    shown = [float(measures.luminance(grey(x))[0, 0]) for x in (dark, bright)]  # as eight bits have them
    if min(abs(shown[1] - shown[0] - 0.10), abs(shown[0] - 0.80)) < 1e-4:
        return
    counts = shown[1] - shown[0] >= limits.FLASH_DELTA and shown[0] < limits.FLASH_DARKER_BELOW
    assert figures(strobe(grey(bright), grey(dark), per_s, 60.0, 2.0), 60.0).flashes == (per_s if counts else 0)


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(
    ("luminance", "flashes"),
    [
        (lambda t: 0.5 - 0.5 * math.cos(math.tau * t / 10.0), 0),  # a slow fade, up and down
        (lambda t: min(1.0, t / 3.0), 0),  # a fade that goes one way
        (lambda t: float(t > 1.5), 0),  # a single rise
        (lambda t: float(1.5 < t < 1.6), 1),  # a single flash
        (lambda t: 0.04 * math.sin(math.tau * 10.0 * t) + min(0.9, t / 4.0) + 0.05, 0),  # a ripple upon a fade
        (lambda t: 0.9 + 0.08 * math.sin(math.tau * 5.0 * t), 0),  # between two bright states
        (lambda t: (1.0, 0.85, 0.5, 1.0)[int(t * 4.0) % 4], 1),  # a fall in two steps is one
        (lambda t: 0.5 - 0.06 * math.cos(math.tau * 2.0 * t), 2),  # 12 %, soft
    ],
)
def test_fades_ripples_and_steps(luminance: Callable[[float], float], flashes: int) -> None:
    assert figures((grey(luminance(n / 60.0)) for n in range(360)), 60.0).flashes == flashes


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("part", "flashes"), [(0.24, 0), (0.26, 5)])
def test_a_quarter_of_a_ten_degree_field_must_flash_to_count(part: float, flashes: int) -> None:
    size = (300, 150)  # the field has 100 x 50 cells
    for left, top in ((0, 0), (150, 60), (200, 100)):
        lit = np.zeros((150, 300))
        lit[top : top + 50, left : left + round(100 * part)] = 1.0
        seen = figures(strobe(grey(lit, size), grey(0.0, size), 5, 30.0, 2.0), 30.0)
        assert seen.flashes == flashes
        if flashes:
            assert left <= seen.flashes_x * 300 <= left + 100 or left == 0
            assert seen.flashes_at_s == pytest.approx(1.0, abs=0.1)


@pytest.mark.hazard("H-01")
def test_parts_that_flash_in_turn_within_a_second_count_together() -> None:
    halves = np.zeros((30, 48))
    halves[:, ::2] = 1.0
    seen = figures(strobe(grey(halves), grey(1.0 - halves), 4, 60.0), 60.0)
    assert seen.flashes == 4


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("degrees", "flashes"), [(0.05, 0), (0.1, 6), (0.5, 6), (3.0, 6)])
def test_alternating_checks_count_unless_wcag_exempts_them_as_fine(degrees: float, flashes: int) -> None:
    size = (1280, 480)
    side_px = degrees / 30.0 * size[0]  # WCAG: 1024x768, 30 degrees wide
    x, y = (np.floor((np.arange(n) + 0.5) / side_px) for n in size)
    checks = (np.add.outer(y, x) % 2.0).astype(np.uint8)[:, :, None] * np.full(3, 255, dtype=np.uint8)
    assert figures(strobe(checks, 255 - checks, 6, 12.0, 1.2), 12.0).flashes == flashes


@pytest.mark.hazard("H-01")
def test_white_noise_of_single_pixels_is_no_flash_on_a_fine_display_and_is_one_on_a_coarse_one() -> None:
    noise = np.random.default_rng(1)
    fine = [grey(0.4 * noise.random((360, 1280)), (1280, 360)) for _ in range(12)]
    assert figures(fine, 12.0).flashes == 0
    coarse = [grey(noise.random((45, 80)), (80, 45)) for _ in range(24)]
    assert figures(coarse, 12.0).flashes > 3


@pytest.mark.hazard("H-02")
@pytest.mark.parametrize("fps", [24.0, 60.0, 144.0])
@pytest.mark.parametrize("per_s", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("other", [BLUE, BLACK, (180, 180, 180), (0, 255, 0)])
def test_a_saturated_red_that_comes_and_goes_is_a_red_flash(
    other: tuple[int, int, int], per_s: int, fps: float
) -> None:
    seen = figures(strobe(plain(RED), plain(other), per_s, fps), fps)
    assert seen.red_flashes == per_s
    assert ("WCAG red flashes" in fails(seen)) == (per_s > 3)


@pytest.mark.hazard("H-02")
@pytest.mark.parametrize(
    ("one", "other"),
    [(WHITE, BLACK), (BLUE, BLACK), ((200, 120, 120), BLACK), ((30, 0, 0), BLACK), ((60, 0, 0), BLUE)],
)
def test_without_a_saturated_red_or_with_too_little_of_it_there_is_no_red_flash(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    assert figures(strobe(plain(one), plain(other), 6, 30.0), 30.0).red_flashes == 0


@pytest.mark.hazard("H-02")
def test_a_red_flash_needs_no_change_of_luminance() -> None:
    red, teal = plain((255, 0, 0)), plain((0, 118, 140))
    assert abs(measures.luminance(red).mean() - measures.luminance(teal).mean()) < 0.1
    seen = figures(strobe(red, teal, 5, 60.0), 60.0)
    assert (seen.flashes, seen.red_flashes) == (0, 5)


@pytest.mark.hazard("H-01")
@pytest.mark.parametrize(("per_s", "seconds", "is_failure"), [(2, 7.0, True), (2, 3.5, False), (1, 10.0, False)])
def test_two_flashes_a_second_may_not_go_on_for_four_seconds(per_s: int, seconds: float, is_failure: bool) -> None:
    seen = figures(strobe(grey(0.3), grey(0.1), per_s, 60.0, seconds), 60.0)
    assert ("sustained flashes" in fails(seen)) is is_failure
    assert seen.sustained_s <= limits.SUSTAINED_WINDOW_S


def some_light(seed: int, n: int = 90) -> list[Floats]:
    """A picture whose parts flash each between two luminances of its own, at odds with each other."""
    rng = np.random.default_rng(seed)
    light = np.repeat(np.repeat(rng.random((2, 5, 6)), 6, axis=1), 8, axis=2)
    rate = np.repeat(np.repeat(rng.uniform(0.5, 8.0, (5, 6)), 6, axis=0), 8, axis=1)
    return [np.where(rate * k / 30.0 % 1.0 < 0.5, light[0], light[1]) for k in range(n)]


def count(pictures: Iterable[Floats]) -> int:
    return figures((grey(picture) for picture in pictures), 30.0).flashes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), kept=st.floats(0.05, 0.98))
def test_dimming_never_makes_more_flashes(seed: int, kept: float) -> None:
    light = [0.79 * picture for picture in some_light(seed)]  # between two brighter states there are none at first
    assert count(kept * picture for picture in light) <= count(light)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), later=st.integers(1, 45))
def test_the_count_is_the_same_whenever_it_happens_and_either_way_round(seed: int, later: int) -> None:
    light = some_light(seed)
    flashes = count(light)
    assert count([light[0]] * later + light) == flashes
    assert count(picture[:, ::-1] for picture in light) == flashes
    assert count(picture[::-1] for picture in light) == flashes


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), start_s=st.floats(0.0, 1e4))
def test_times_that_are_told_give_what_the_rate_gives(seed: int, start_s: float) -> None:
    light = some_light(seed)
    timed = Analyser(SMALL, 1.0, has_flow=False)
    for n, picture in enumerate(light):
        timed.add(grey(picture), start_s + n / 30.0)
    assert timed.figures().flashes == count(light)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_part_of_a_film_never_flashes_more_than_all_of_it(seed: int) -> None:
    light = some_light(seed)
    assert count(light[20:70]) <= count(light)


def test_memory_stays_bounded_while_every_cell_changes_at_every_picture() -> None:
    analyser = Analyser(SMALL, 144.0, has_flow=False)
    for n in range(1000):
        analyser.add(plain(WHITE if n % 2 else BLACK))
    assert analyser.figures().flashes == 72
    general = analyser._general
    assert len(general._marks) + len(general._spare) <= 146


def plainly(pictures: list[Floats], fps: float) -> int:
    """The definition, read slowly: changes cell by cell, then every field in every second."""
    rows, columns = pictures[0].shape
    changes = np.zeros((len(pictures), rows, columns), dtype=int)
    for y in range(rows):
        for x in range(columns):
            way, extreme, counted = 0, float(pictures[0][y, x]), True
            low = high = extreme
            for n, picture in enumerate(pictures):
                now = float(picture[y, x])
                low, high = min(low, now), max(high, now)
                if way <= 0 and now - (low if way == 0 else extreme) >= 0.1:
                    changes[n, y, x] = (low if way == 0 else extreme) < 0.8
                    way, extreme, counted = 1, now, True
                elif way >= 0 and (high if way == 0 else extreme) - now >= 0.1:
                    way, extreme, counted = -1, now, False
                extreme = max(extreme, now) if way > 0 else min(extreme, now) if way < 0 else extreme
                if way < 0 and not counted and now < 0.8:
                    changes[n, y, x], counted = 1, True
    most = 0
    for n in range(len(pictures)):
        flashes = changes[max(0, n - round(fps) + 1) : n + 1].sum(axis=0) // 2
        for top in range(rows - rows // 3 + 1):
            for left in range(columns - columns // 3 + 1):
                field = np.sort(flashes[top : top + rows // 3, left : left + columns // 3].ravel())[::-1]
                most = max(most, int(field[math.ceil(0.25 * field.size) - 1]))
    return most


@pytest.mark.hazard("H-01")
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 100_000), wildness=st.floats(0.05, 0.6))
def test_a_plain_reading_of_the_definition_gives_the_same_count(seed: int, wildness: float) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, wildness, (40, 9, 12)) * (rng.random((40, 9, 12)) < 0.4)
    light = np.abs((rng.random((9, 12)) + np.cumsum(steps, axis=0) + 1.0) % 2.0 - 1.0)  # reflected into 0..1
    shown = [measures.luminance(grey(picture, (12, 9))) for picture in light]
    assert figures((grey(picture, (12, 9)) for picture in light), 12.0).flashes == plainly(shown, 12.0)
