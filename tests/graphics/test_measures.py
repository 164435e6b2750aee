"""Measures of pictures, on made-up pictures with known answers."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.graphics import measures

Bytes = npt.NDArray[np.uint8]
SIZE = (144, 256)


def soft_noise(seed: int = 0, grain: float = 0.12) -> npt.NDArray[np.float64]:
    """Periodic smooth noise 0..1 in the frequency domain, to be shifted by parts of a pixel exactly."""
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal(SIZE))
    fy, fx = np.fft.fftfreq(SIZE[0])[:, None], np.fft.rfftfreq(SIZE[1])[None, :]
    return spectrum * np.exp(-(fy**2 + fx**2) / (2.0 * (grain / 2.0) ** 2))


def picture(spectrum: npt.NDArray[np.complex128], y: float = 0.0, x: float = 0.0, gain: float = 1.0) -> Bytes:
    """That noise, moved down and right by parts of a pixel, as light of mean 0.1."""
    fy, fx = np.fft.fftfreq(SIZE[0])[:, None], np.fft.rfftfreq(SIZE[1])[None, :]
    moved = np.fft.irfft2(spectrum * np.exp(-2j * np.pi * (fy * y + fx * x)), SIZE)
    grey = gain * 0.1 * np.exp(0.5 * moved / moved.std())
    return measures.encoded(np.repeat(grey[:, :, None], 3, axis=2))


@pytest.mark.hazard("H-09")
@settings(max_examples=20, deadline=None)
@given(y=st.floats(-3.4, 3.4), x=st.floats(-3.4, 3.4), seed=st.integers(0, 5))
def test_a_shifted_picture_moves_by_the_shift_in_degrees_a_second(y: float, x: float, seed: int) -> None:
    noise = soft_noise(seed)
    seen = measures.flow(picture(noise), picture(noise, y, x), 0.5)
    wanted = np.hypot(y, x) * 40.0 / 256 / 0.5
    assert seen.textured > 0.9
    assert seen.matched > 0.9
    assert abs(np.median(seen.deg_per_s) - wanted) < 0.05 * wanted + 0.02
    assert abs(seen.p95 - wanted) < 0.05 * wanted + 0.05


def test_a_wider_display_and_a_shorter_time_make_the_same_shift_faster() -> None:
    noise = soft_noise()
    before, after = picture(noise), picture(noise, 0.0, 2.0)
    once = measures.flow(before, after, 1.0, 40.0)
    assert measures.flow(before, after, 0.5, 40.0).p95 == pytest.approx(2.0 * once.p95)
    assert measures.flow(before, after, 1.0, 80.0).p95 == pytest.approx(2.0 * once.p95)


def test_light_that_changes_does_not_move() -> None:
    noise = soft_noise()
    before = picture(noise)
    assert measures.flow(before, before, 1.0).most == 0.0
    brighter = picture(noise, gain=2.5)
    assert measures.flow(before, brighter, 1.0).p95 < 0.03
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    for reach in (40.0, 90.0):  # a glow that grows in one place
        glow = 1.0 + 3.0 * np.exp(-((y - 70.0) ** 2 + (x - 100.0) ** 2) / (2.0 * reach**2))
        lit = measures.encoded(measures.linear(before) * glow[:, :, None])
        assert measures.flow(before, lit, 1.0).p95 < 0.05


def test_grain_of_one_code_value_is_neither_texture_nor_motion() -> None:
    random = np.random.default_rng(1)
    dark = [(25 + random.integers(0, 2, (*SIZE, 1))).astype(np.uint8).repeat(3, axis=2) for _ in range(2)]
    seen = measures.flow(dark[0], dark[1], 0.1)
    assert seen.textured == 0.0
    assert seen.p95 == seen.most == 0.0
    noise = soft_noise()
    first = measures.encoded(measures.linear(picture(noise)) / 8.0)
    second = np.clip(first.astype(int) + random.integers(-1, 2, (*SIZE, 1)), 0, 255).astype(np.uint8)
    assert measures.flow(first, second, 1.0).p95 < 0.03


def test_an_edge_that_stands_still_does_not_slide_along_itself() -> None:
    random = np.random.default_rng(2)
    edge = np.full((*SIZE, 3), 60, dtype=np.uint8)
    edge[70:] = 120
    first, second = (edge + random.integers(0, 2, (*SIZE, 1), dtype=np.uint8) for _ in range(2))
    assert measures.flow(first, second, 1.0).p95 < 0.08  # half a pixel
    moved = np.roll(edge, 2, axis=0)
    moved[:3] = 60
    seen = measures.flow(edge, moved, 1.0)
    assert seen.p95 == pytest.approx(2.0 * 40.0 / 256, abs=0.06)


def test_a_picture_that_is_another_one_is_not_found_again() -> None:
    assert measures.flow(picture(soft_noise(1)), picture(soft_noise(2)), 1.0).matched < 0.1


def test_a_line_a_curve_of_koch_a_triangle_of_sierpinski_and_a_plane_have_their_dimensions() -> None:
    line = np.zeros((512, 512), dtype=bool)
    line[np.arange(512), (0.37 * np.arange(512)).astype(int) + 20] = True
    assert measures.box_dimension(line, 2, 64) == pytest.approx(1.0, abs=0.05)
    assert measures.box_dimension(np.ones((512, 512), dtype=bool), 2, 64) == pytest.approx(2.0, abs=0.01)
    k = np.arange(512)
    sierpinski = (k[:, None] & k[None, :]) == 0  # Pascal's triangle, odd numbers
    assert measures.box_dimension(sierpinski, 2, 128) == pytest.approx(np.log(3.0) / np.log(2.0), abs=0.03)
    curve = np.array([0.0, 1.0], dtype=complex)
    for _ in range(7):
        step = np.diff(curve) / 3.0
        bend = curve[:-1] + step + step * np.exp(1j * np.pi / 3.0)
        corners = np.stack([curve[:-1], curve[:-1] + step, bend, curve[:-1] + 2.0 * step], axis=1)
        curve = np.append(corners.ravel(), curve[-1])
    koch = np.zeros((400, 1024), dtype=bool)
    koch[(curve.imag * 1020).astype(int), (curve.real * 1020).astype(int)] = True
    assert measures.box_dimension(koch, 2, 128) == pytest.approx(np.log(4.0) / np.log(3.0), abs=0.06)


def test_contours_of_a_disc_are_smooth_and_those_of_noise_are_rough() -> None:
    y, x = np.mgrid[-1.0:1.0:144j, -1.8:1.8:256j]
    disc = np.exp(-(x * x + y * y))
    assert measures.contour_dimension(disc) == pytest.approx(1.0, abs=0.12)
    assert measures.contour_dimension(np.random.default_rng(0).random(SIZE)) > 1.8


def test_white_and_grey_and_blue_look_the_same_to_everyone_and_red_and_green_do_not() -> None:
    row = np.array([[[255, 255, 255], [120, 120, 120], [0, 0, 255], [200, 60, 60], [60, 140, 60]]], dtype=np.uint8)
    for dichromat in measures.DICHROMATS:
        seen = measures.as_seen_by(dichromat, row).astype(int)[0]
        assert np.abs(seen[:3] - row[0, :3]).max() <= 2
        assert np.abs(seen[3:, 0] - seen[3:, 1]).max() <= 2  # red equals green in what is left: all is blue or yellow
        again = measures.as_seen_by(dichromat, seen[None].astype(np.uint8)).astype(int)[0]
        assert np.abs(again - seen).max() <= 2


def test_oklab_gives_white_and_its_author_s_primaries() -> None:
    lab = measures.oklab(np.eye(4, 3) + np.array([[0], [0], [0], [1]]))
    assert lab[3] == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    assert lab[0] == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)  # the author's table for red
    grey = np.full((8, 8, 3), 128, dtype=np.uint8)
    assert measures.mean_colour(grey)[1:] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_picture_made_coarse_keeps_its_mean_light() -> None:
    rgb = picture(soft_noise())
    small = measures.reduced(rgb, (32, 18))
    assert small.shape == (18, 32, 3)
    assert small.mean() == pytest.approx(measures.linear(rgb).mean())
    assert small[0, 0] == pytest.approx(measures.linear(rgb)[:8, :8].mean(axis=(0, 1)))


def test_light_and_code_values_are_each_other_s_inverse() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(measures.encoded(measures.linear(codes)), codes)
    assert measures.luminance(codes)[-1, -1] == pytest.approx(1.0)
