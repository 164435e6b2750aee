"""Regular patterns at their edges: just six pairs, just the contrast, just light enough; shares of whole spectra."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics import patterns
from biofeed.graphics.patterns import Pattern, Patterns
from biofeed.limits import STRIPE_PAIRS

Light = npt.NDArray[np.float32]
Shape = tuple[int, int]
SIDE = 64
SQUARE = (SIDE, SIDE)
EIGHT = patterns._Candidate(1.0, 8.0, 8 / SIDE, ((0.0, 8 / SIDE),))  # eight upright pairs to 64 cells
FAINT = 0.05  # contrast: half of what provokes anybody


def wave(down: float, across: float, shape: Shape = SQUARE) -> Light:
    """A sine of amplitude 1 with so many pairs down and across the picture."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.sin(math.tau * (down * y / shape[0] + across * x / shape[1]) + 1.0).astype(np.float32)


def noise(shape: Shape = SQUARE) -> Light:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def look(picture: Light, is_block: bool = False) -> list[patterns._Candidate]:
    return patterns._Look(picture.shape, [(0, 0)], is_block)(picture)


class Plane:
    """A picture's whole spectrum, from which the shares are taken by their definitions."""

    def __init__(self, picture: Light) -> None:
        rows, columns = picture.shape
        window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
        mean = (picture * window).sum() / window.sum()
        self.power = np.abs(np.fft.fft2((picture - mean) * window)) ** 2
        y, x = np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :]
        self.ring = np.rint(np.hypot(y, x) * min(rows, columns))

    def near(self, down: int, across: int) -> float:
        """What a peak, its eight neighbours and their mirror have."""
        return 2.0 * float(np.roll(self.power, (1 - down, 1 - across), (0, 1))[:3, :3].sum())

    def share(self, down: int, across: int) -> float:
        return self.near(down, across) / self.rest(self.ring[down, across])

    def rest(self, ring: float) -> float:
        """What is a third as fine, and finer."""
        return float(self.power[self.ring >= ring // 3].sum())

    def ring_share(self, ring: int) -> float:
        return float(self.power[np.abs(self.ring - ring) <= 1].sum()) / self.rest(ring)


@pytest.mark.parametrize("shape", [SQUARE, (48, 80), (90, 64)])
@pytest.mark.parametrize(("down", "across"), [(0, 8), (8, 0), (8, 1), (-8, 1), (6, 7), (-7, 6), (15, 20), (3, 31)])
def test_a_peak_s_share_is_of_all_that_is_a_third_as_fine_and_finer(shape: Shape, down: int, across: int) -> None:
    picture = 0.4 + 0.1 * wave(down, across, shape) + 0.02 * noise(shape) + 0.02 * wave(1, 1, shape)
    (found,) = look(picture)
    assert found.share == pytest.approx(Plane(picture).share(down, across), rel=1e-4)
    assert found.pairs == abs(down) + across
    assert found.fineness == pytest.approx(math.hypot(down / shape[0], across / shape[1]))
    assert found.at == (pytest.approx((down / shape[0], across / shape[1])),)


@pytest.mark.parametrize(("down", "across"), [(0, 8), (8, 0), (8, 1), (-8, 1), (8, 2), (6, 6), (-6, 6)])
def test_a_peak_and_its_mirror_are_one(down: int, across: int) -> None:
    found = look(0.4 + 0.1 * wave(down, across), is_block=True)[0]
    assert found.share == pytest.approx(1.0, abs=1e-3)
    assert len(found.at) == 1


@pytest.mark.parametrize(("part", "n_peaks"), [(0.69, 1), (0.72, 2), (1.0, 2)])
def test_checks_are_two_peaks_where_the_second_has_half_of_the_first(part: float, n_peaks: int) -> None:
    picture = 0.4 + 0.1 * wave(3, 12) + 0.1 * part * wave(12, -3) + 0.03 * noise()
    plane = Plane(picture)
    found = look(picture, is_block=True)[0]
    assert found.share == pytest.approx(plane.share(3, 12) + plane.share(-12, 3), rel=1e-4)
    assert len(found.at) == n_peaks
    assert len(look(picture)[0].at if look(picture) else [0]) == 1  # a band is of another shape than the picture


@pytest.mark.parametrize(("across", "is_counted"), [(14, True), (13, False)])
def test_a_second_peak_that_is_coarser_than_seven_tenths_is_a_form(across: int, is_counted: bool) -> None:
    picture = 0.4 + 0.1 * wave(0, 20) + 0.08 * wave(across, 0)
    plane = Plane(picture)
    found = look(picture, is_block=True)[0]
    assert found.share == pytest.approx(plane.share(0, 20) + is_counted * plane.share(across, 0), abs=2e-3)


@pytest.mark.hazard("H-03")
def test_a_pattern_between_the_lines_of_the_spectrum_is_found_among_noise() -> None:
    """Its height is spread over four of them, and its share is little over what counts."""
    stripes, checks = 0.1 * wave(8.5, 8.5), 0.1 * wave(8.5, 8.5) + 0.1 * wave(8.5, -8.5)
    for pattern, level, is_block in ((stripes, 0.05, False), (checks, 0.08, True)):
        assert 0.55 <= look(0.5 + pattern + np.float32(level) * noise(), is_block)[0].share < 0.7


@pytest.mark.hazard("H-03")
def test_many_coarser_stripes_do_not_hide_fine_ones() -> None:
    """Stripes a third as fine are forms, however many directions they have, and however strong they are."""
    forms = sum(wave(*at) for at in ((0, 8), (8, 0), (5, 6), (-5, 6), (3, 7), (-3, 7), (7, 3), (-7, 3)))
    picture = 0.4 + 0.03 * forms + 0.02 * wave(0, 30)
    for is_block in (True, False):
        assert look(picture, is_block)[0].at == (pytest.approx((0.0, 30 / SIDE)),)


def test_of_a_second_peak_that_is_higher_as_much_counts_as_the_first_has() -> None:
    picture = 0.4 + 0.1 * wave(0, 20) + 0.09 * wave(21, 0) + 0.2 * wave(0, 5)
    plane = Plane(picture)
    first, second = plane.share(21, 0), plane.share(0, 20)
    assert first > second
    found = look(picture, is_block=True)[0]
    assert found.share == pytest.approx(first + plane.near(21, 0) / plane.near(0, 20) * second, rel=1e-3)
    assert found.at == (pytest.approx((21 / SIDE, 0.0)), pytest.approx((0.0, 20 / SIDE)))


@pytest.mark.parametrize("pairs", [6, 10, 25])
def test_a_ring_s_share_is_of_all_that_is_a_third_as_fine_and_finer(pairs: int) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    picture = (0.4 + 0.2 * np.cos(math.tau * pairs / SIDE * np.hypot(y, x)) + 0.03 * noise()).astype(np.float32)
    found = look(picture, is_block=True)[-1]
    assert found.at is None
    assert found.share == pytest.approx(max(Plane(picture).ring_share(pairs + k) for k in (-1, 0, 1)), rel=1e-4)
    assert found.pairs == pytest.approx(pairs, abs=1.0)
    assert found.fineness == pytest.approx(found.pairs / SIDE)


def test_rings_are_told_in_blocks_and_in_nothing_else() -> None:
    picture = 0.4 + 0.2 * wave(0, 12)
    assert [it.at is None for it in look(picture, is_block=True)] == [False, True]
    assert [it.at is None for it in look(picture)] == [False]


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("pairs", [4, 5, 6, 7, 31, 32])
def test_six_pairs_count_and_five_do_not(pairs: int) -> None:
    for picture in (0.4 + 0.2 * wave(0, pairs), 0.4 + 0.2 * wave(pairs, 0), 0.4 + 0.2 * wave(pairs - 2, 2)):
        assert bool(look(picture, is_block=True)) is (pairs > STRIPE_PAIRS)


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("down", [0, 8])
def test_the_contrast_is_michelson_s_and_counts_from_a_tenth_on(down: int) -> None:
    """Of a sine it is the amplitude over the mean: 0.100, but for what is rounded."""
    gate = Patterns(SQUARE)
    for contrast, part in ((0.101, 1.0), (0.099, 0.0)):
        for index in (0, 1 if down else 0):
            for found in gate.look(index, 0.4 * (1.0 + contrast * wave(2 * down, 16 - down))):
                assert found.part == part
                assert found.faint == pytest.approx(FAINT / contrast, rel=2e-3)


@pytest.mark.hazard("H-03")
def test_what_has_less_than_half_of_that_contrast_is_not_looked_at() -> None:
    for is_block in (True, False):
        assert look(0.4 * (1.0 + 0.0505 * wave(0, 8)), is_block)
        assert not look(0.4 * (1.0 + 0.0495 * wave(0, 8)), is_block)


@pytest.mark.hazard("H-03")
def test_stripes_count_where_their_light_reaches_a_tenth() -> None:
    gate = Patterns(SQUARE)
    for light, part in ((0.1005, 1.0), (0.0995, 0.0)):
        for found in gate.look(0, light / 1.6 * (1.0 + 0.6 * wave(0, 8))):
            assert found.part == part
    assert gate.look(0, 0.0995 / 1.6 * (1.0 + 0.6 * wave(0, 8)))[0] == Pattern(8.0, 0.0, 1.0)


def test_a_window_of_which_a_tenth_is_nearly_light_enough_is_looked_at() -> None:
    """The lightest cell of ten, and of eleven, has 0.085, the next 0.077 and 0.078."""
    for cells, is_looked_at in ((10, True), (11, False)):
        x = np.arange(8 * cells) % cells
        picture = np.tile(0.0425 * (1.0 + np.cos(math.tau * x / cells)), (40, 1)).astype(np.float32)
        assert bool(look(picture)) is is_looked_at


def waxing(ground: tuple[float, float], swing: tuple[float, float]) -> tuple[Light, Light, Light]:
    """Upright stripes, eight pairs to 64 cells, whose ground and swing go once from the first value to the other and
    back over the picture's width: the picture, its ground and its swing."""
    part = 0.5 - 0.5 * np.cos(math.tau * np.arange(4 * SIDE) / (4 * SIDE))
    g, s = (np.broadcast_to(a + (b - a) * part, (SIDE, 4 * SIDE)).astype(np.float32) for a, b in (ground, swing))
    return g + s * wave(0, 32, (SIDE, 4 * SIDE)), g, s


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(
    ("ground", "swing"),
    [
        ((0.4, 0.4), (0.4, 0.0)),
        ((0.4, 0.2), (0.3, 0.15)),  # the same contrast everywhere
        ((0.2, 0.8), (0.15, 0.15)),  # the same swing
        ((0.3, 0.6), (0.28, 0.06)),
    ],
)
def test_a_pattern_ends_where_less_than_six_tenths_of_it_are_left(
    ground: tuple[float, float], swing: tuple[float, float]
) -> None:
    """Six tenths of the contrast, or of the swing, that all but 2 % of the picture stay under."""
    picture, g, s = waxing(ground, swing)
    has_it = (s / g >= 0.6 * np.percentile(s / g, 98.0)) | (s >= 0.6 * np.percentile(s, 98.0))
    part = Patterns(picture.shape)._pattern(picture, EIGHT).part
    assert part == pytest.approx((has_it & (s / g >= 0.1)).mean(), abs=0.01)


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(
    ("ground", "swing"), [((0.2, 0.6), (0.1, 0.1)), ((0.6, 0.2), (0.5, 0.02)), ((0.1, 0.9), (0.1, 0.3))]
)
def test_what_is_left_of_stripes_on_any_ground_is_faint(
    ground: tuple[float, float], swing: tuple[float, float]
) -> None:
    picture, g, s = waxing(ground, swing)
    mean = picture.mean()
    kept = Patterns(picture.shape)._pattern(picture, EIGHT).faint
    left = kept * s / (mean + kept * (g - mean))
    assert np.percentile(left, 98.0) == pytest.approx(FAINT, rel=0.035)


@pytest.mark.hazard("H-03")
def test_a_pattern_beside_nothing_is_told_where_it_is() -> None:
    picture = np.full((SIDE, 4 * SIDE), 0.4, np.float32)
    picture[:, :SIDE] += 0.3 * wave(0, 8)
    assert Patterns(picture.shape)._pattern(picture, EIGHT).part == pytest.approx(0.25, abs=0.01)


@pytest.mark.hazard("H-03")
def test_the_strongest_stripes_decide_what_is_faint_even_over_a_twelfth_of_the_picture() -> None:
    swing = np.where(np.abs(np.arange(4 * SIDE) - 100) < 11, np.float32(0.36), np.float32(0.06))
    picture = np.float32(0.4) + swing * wave(0, 32, (SIDE, 4 * SIDE))
    assert Patterns(picture.shape)._pattern(picture, EIGHT).faint * 0.36 / 0.4 < 1.1 * FAINT


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("at", [EIGHT.at, None])
def test_the_filter_leaves_other_patterns_out(at: tuple[tuple[float, float], ...] | None) -> None:
    candidate = patterns._Candidate(1.0, 8.0, 8 / SIDE, at)
    picture = 0.4 + 0.2 * wave(0, 8) + 0.1 * wave(0, 22) + 0.1 * wave(24, 0)
    assert Patterns(SQUARE)._pattern(picture, candidate).faint == pytest.approx(FAINT * 0.4 / 0.2, rel=2e-3)


@pytest.mark.hazard("H-03")
def test_forms_under_rings_are_no_part_of_them() -> None:
    """One that is five times as strong and a quarter as fine: all of it in the swing would leave a fifth."""
    ring = patterns._Candidate(1.0, 16.0, 16 / SIDE, None)
    alone = 0.5 + 0.05 * wave(0, 16)
    without, beside = (Patterns(SQUARE)._pattern(it, ring).faint for it in (alone, alone + 0.25 * wave(4, 0)))
    assert without == pytest.approx(0.5, rel=2e-3)
    assert beside > 0.5 * without


def test_what_is_faint_everywhere_is_left_as_it_is() -> None:
    for contrast in (0.0, 0.049):
        found = Patterns(SQUARE)._pattern(np.float32(0.4) * (1.0 + contrast * wave(0, 8)), EIGHT)
        assert (found.part, found.faint) == (0.0, 1.0)


@pytest.mark.hazard("H-03")
def test_the_filter_takes_both_directions_of_checks() -> None:
    candidate = patterns._Candidate(1.0, 8.0, 8 / SIDE, ((0.0, 8 / SIDE), (8 / SIDE, 0.0)))
    found = Patterns(SQUARE)._pattern(0.4 + 0.1 * wave(0, 8) + 0.1 * wave(8, 0), candidate)
    assert found.faint == pytest.approx(FAINT * 0.4 / math.hypot(0.1, 0.1), rel=2e-3)


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("shape", [(64, 128), (180, 320), (66, 98)])
def test_windows_are_a_quarter_of_the_picture_and_lie_half_a_window_apart_from_edge_to_edge(shape: Shape) -> None:
    whole, blocks, bands, pillars = Patterns(shape)._looks
    assert whole._corners == [(0, 0)]
    assert whole._shape == shape
    for look, steps in ((blocks, (2, 2)), (bands, (6, 0)), (pillars, (0, 6))):
        assert np.prod(look._shape) == pytest.approx(np.prod(shape) / 4, rel=0.05)
        for axis, n in enumerate(steps):
            places = sorted({corner[axis] for corner in look._corners})
            assert len(places) == n + 1
            assert places[0] == 0
            assert places[-1] + look._shape[axis] == shape[axis]
            assert np.diff(places) == pytest.approx([look._shape[axis] / 2] * n, abs=1.0)
        assert len(look._corners) == (steps[0] + 1) * (steps[1] + 1)
    assert [it._is_block for it in (whole, blocks, bands, pillars)] == [True, True, False, False]


@pytest.mark.hazard("H-03")
def test_the_window_with_the_most_regular_pattern_is_told() -> None:
    picture = np.float32(0.4) + 0.1 * noise((128, 128))
    stripes = picture.copy()
    stripes[96:] += 0.15 * wave(0, 16, (32, 128))
    (found,) = Patterns((128, 128))._looks[2](stripes)
    assert found.share == pytest.approx(Plane(stripes[96:]).share(0, 16), rel=1e-4)
    assert found.at == (pytest.approx((0.0, 0.125)),)
    assert [bool(look(picture)) for look in Patterns((128, 128))._looks] == [False] * 4


def test_in_fewer_than_32_cells_nothing_is_looked_for() -> None:
    assert Patterns((32, 40)).n_looks == Patterns((40, 32)).n_looks == 4
    assert Patterns((31, 200)).n_looks == Patterns((200, 31)).n_looks == 0
    assert Patterns((31, 200))(0.4 + 0.2 * wave(0, 50, (31, 200))) is None


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([[], [], [], []], None),
        ([[0.0], [], [], []], None),
        ([[], [0.05], [], []], 0.05),
        ([[0.1, 0.2], [0.15], [], [0.24]], 0.24),
        ([[0.1], [0.25], [0.9], []], 0.25),
        ([[0.1], [], [0.3, 0.5], [0.9]], 0.3),
    ],
)
def test_the_first_pattern_that_fills_a_quarter_is_told_or_the_one_that_fills_most(
    parts: list[list[float]], told: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Patterns(SQUARE)
    monkeypatch.setattr(gate, "look", lambda index, _: [Pattern(9.0, part, 1.0) for part in parts[index]])
    found = gate(np.zeros(SQUARE, np.float32))
    assert (found.part if found else None) == told
