"""Regular patterns are found in every orientation, width and place; what nature draws is none."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed import limits
from biofeed.graphics.patterns import Pattern, Patterns

Floats = npt.NDArray[np.float64]
ROWS, COLUMNS = 180, 320
Y, X = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float64)
LOOK = Patterns((ROWS, COLUMNS))


def wave(pairs: float, degrees: float = 0.0, is_square: bool = True, phase: float = 0.0) -> Floats:
    """Stripes 0 and 1, so many pairs to the picture's width where they stand upright."""
    angle = math.radians(degrees)
    sine = np.sin((X * math.cos(angle) + Y * math.sin(angle)) * math.tau * pairs / COLUMNS + phase)
    return np.where(sine > 0.0, 1.0, 0.0) if is_square else 0.5 + 0.5 * sine


def between(low: float, high: float, pattern: Floats) -> Floats:
    return low + (high - low) * pattern


def noise(slope: float, seed: int) -> Floats:
    """Noise whose amplitude falls with the frequency to that power: 0 white, 1 as in landscapes, 2 and 3 clouds."""
    f = np.hypot(np.fft.fftfreq(ROWS)[:, None], np.fft.fftfreq(COLUMNS)[None, :])
    f[0, 0] = 1.0
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal((ROWS, COLUMNS)))
    drawn = np.fft.ifft2(spectrum * f**-slope).real
    return np.clip(0.5 + 0.2 * (drawn - drawn.mean()) / drawn.std(), 0.0, 1.0)


def counts(pattern: Pattern | None) -> bool:
    return pattern is not None and pattern.part >= limits.STRIPE_PART


@pytest.mark.hazard("H-03")
@settings(max_examples=30, deadline=None)
@given(
    pairs=st.floats(8.0, 90.0),
    degrees=st.floats(0.0, 180.0),
    phase=st.floats(0.0, 6.0),
    contrast=st.floats(0.2, 1.0),
    is_square=st.booleans(),
)
def test_stripes_count_at_every_angle_width_and_contrast(
    pairs: float, degrees: float, phase: float, contrast: float, is_square: bool
) -> None:
    if pairs < 11.0 and degrees > 30.0:
        pairs += 6.0  # the picture is not as high as it is wide
    stripes = between(0.4 * (1.0 - contrast), 0.4 * (1.0 + contrast), wave(pairs, degrees, is_square, phase))
    assert counts(LOOK(stripes))


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(("pairs", "is_counted"), [(3, False), (4, False), (5, False), (6, True), (7, True)])
def test_more_than_five_pairs_count(pairs: int, is_counted: bool) -> None:
    assert counts(LOOK(wave(pairs))) is is_counted
    assert counts(LOOK(wave(pairs * COLUMNS / ROWS, 90.0))) is is_counted


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(("contrast", "is_counted"), [(0.06, False), (0.20, True)])
def test_faint_stripes_do_not_count(contrast: float, is_counted: bool) -> None:
    assert counts(LOOK(between(0.5 * (1.0 - contrast), 0.5 * (1.0 + contrast), wave(16, 20.0)))) is is_counted


@pytest.mark.hazard("H-03")
def test_dark_stripes_do_not_count() -> None:
    assert counts(LOOK(between(0.0, 1.3 * limits.STRIPE_LIGHT, wave(16))))
    assert not counts(LOOK(between(0.0, 0.7 * limits.STRIPE_LIGHT, wave(16))))


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("side_px", [5.0, 8.0, 12.5, 20.0])
@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_checks_count(side_px: float, slant: float) -> None:
    assert counts(LOOK((np.floor((X + slant * Y) / side_px) + np.floor((Y - slant * X) / side_px)) % 2.0))


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.2, 0.2), (0.0, 1.0)])
@pytest.mark.parametrize("pairs", [12, 14, 20, 40])  # six rings and more across the height
def test_concentric_rings_count(pairs: int, centre: tuple[float, float]) -> None:
    radius = np.hypot(X - centre[0] * COLUMNS, Y - centre[1] * ROWS)
    assert counts(LOOK(np.where(np.sin(radius * math.tau * pairs / COLUMNS) > 0.0, 1.0, 0.0)))


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(("part", "is_counted"), [(0.16, False), (0.20, False), (0.30, True), (0.5, True)])
def test_stripes_over_a_quarter_of_the_picture_count(part: float, is_counted: bool) -> None:
    left = np.full((ROWS, COLUMNS), 0.3)
    left[:, : round(part * COLUMNS)] = wave(40)[:, : round(part * COLUMNS)]
    assert counts(LOOK(left)) is is_counted
    corner = noise(1.0, 0)
    high, wide = (round(math.sqrt(part) * n) for n in (ROWS, COLUMNS))
    corner[:high, :wide] = wave(24, 30.0)[:high, :wide]
    assert counts(LOOK(corner)) is is_counted


@pytest.mark.hazard("H-03")
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), pairs=st.floats(15.0, 60.0), degrees=st.floats(0.0, 180.0))
def test_forms_under_the_stripes_do_not_hide_them(seed: int, pairs: float, degrees: float) -> None:
    assert counts(LOOK(np.clip(0.6 * noise(2.0, seed) + 0.4 * wave(pairs, degrees), 0.0, 1.0)))


@pytest.mark.hazard("H-03")
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), slope=st.floats(0.0, 3.0))
def test_noise_of_every_natural_spectrum_does_not_count(seed: int, slope: float) -> None:
    assert not counts(LOOK(noise(slope, seed)))


@pytest.mark.hazard("H-03")
def test_single_edges_and_flat_pictures_do_not_count() -> None:
    assert LOOK(np.zeros((ROWS, COLUMNS))) is None
    assert LOOK(np.ones((ROWS, COLUMNS))) is None
    assert not counts(LOOK(np.where(X + Y < 200.0, 0.1, 0.9)))
    assert not counts(LOOK(np.where(np.hypot(X - 160.0, Y - 90.0) < 50.0, 0.9, 0.1)))
