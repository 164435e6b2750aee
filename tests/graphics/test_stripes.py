"""Stripes are found at any angle and made faint; leaves, waves, noise and edges are none."""

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics.guard import GRID, Guard
from biofeed.graphics.stripes import Stripes, regular_contrast
from biofeed.limits import STRIPE_CONTRAST, STRIPE_S

Light = npt.NDArray[np.float64]
Y, X = np.meshgrid(np.linspace(0.0, 1.0, GRID[0]), np.linspace(0.0, 16.0 / 9.0, GRID[1]), indexing="ij")


def stripes(pairs: float, angle_deg: float, contrast: float = 1.0, is_square: bool = True, shift: float = 0.0) -> Light:
    """So many light-dark pairs to the picture's height, mean 0.3."""
    angle = np.deg2rad(angle_deg)
    wave = np.sin(2.0 * np.pi * (pairs * (X * np.cos(angle) + Y * np.sin(angle)) + shift))
    return 0.3 * (1.0 + contrast * (np.sign(wave) if is_square else wave))


def found(picture: Light) -> float:
    return max(regular_contrast(picture[4::8]), regular_contrast(picture.T[4::8]))


def left(pictures: list[Light], dt_s: float = 1 / 60) -> float:
    """The contrast that is let through after those pictures."""
    gate = Stripes()
    return [gate(dt_s, picture) for picture in pictures][-1]


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize("pairs", [8.0, 13.0, 30.0, 60.0])
@pytest.mark.parametrize("angle_deg", [0.0, 20.0, 45.0, 70.0, 90.0])
@pytest.mark.parametrize("is_square", [True, False])
def test_stripes_at_any_angle_are_found(pairs: float, angle_deg: float, is_square: bool) -> None:
    assert found(stripes(pairs, angle_deg, 0.8, is_square)) == pytest.approx(0.8, abs=0.15)


@pytest.mark.hazard("H-03")
def test_stripes_over_a_quarter_of_the_picture_are_found() -> None:
    picture = np.full(GRID, 0.3)
    picture[:90, :160] = stripes(20.0, 0.0)[:90, :160]
    assert found(picture) > 0.5


def test_checks_are_found() -> None:
    assert found(0.3 * (1.0 + np.sign(np.sin(80.0 * X) * np.sin(80.0 * Y)))) > 0.5


def test_what_nature_has_is_not() -> None:
    random = np.random.default_rng(3)
    hz = np.hypot(*np.meshgrid(np.fft.fftfreq(GRID[1]), np.fft.fftfreq(GRID[0])))
    hz[0, 0] = 1.0
    for slope in (0.0, 0.5, 1.0, 1.5):  # from white noise to clouds
        for _ in range(20):
            noise = np.fft.ifft2(np.fft.fft2(random.normal(size=GRID)) / hz**slope).real
            assert found(np.clip(0.3 + 0.15 * noise / noise.std(), 0.0, 1.0)) == 0.0
    edge = np.where(X > 0.9, 0.6, 0.1)
    assert found(edge) == 0.0
    assert found(stripes(2.0, 0.0)) == 0.0  # four pairs over the width
    assert found(stripes(20.0, 0.0, 0.02)) < STRIPE_CONTRAST  # too faint for anybody
    assert found(np.zeros(GRID)) == 0.0


@pytest.mark.hazard("H-03")
def test_stripes_are_faint_within_half_a_second_and_while_they_scroll() -> None:
    n = round(STRIPE_S * 60)
    pictures = [stripes(20.0, 30.0, shift=0.07 * index) for index in range(10 * n)]
    assert left(pictures[:n]) <= STRIPE_CONTRAST
    assert left(pictures) <= STRIPE_CONTRAST


def test_contrast_falls_and_returns_without_a_step() -> None:
    gate = Stripes()
    calm = np.full(GRID, 0.3)
    contrasts = [gate(1 / 60, calm) for _ in range(30)]
    assert contrasts == [1.0] * 30
    contrasts += [gate(1 / 60, stripes(20.0, 0.0)) for _ in range(60)]
    contrasts += [gate(1 / 60, calm) for _ in range(600)]
    assert np.abs(np.diff(contrasts)).max() < 0.06
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
