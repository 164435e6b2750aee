"""The last pass on either kind of renderer: even light, no bands, no pattern that the eye finds, true measures."""

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics.context import Context
from biofeed.graphics.guard import GRID, NONE, Correction
from biofeed.graphics.last_pass import LastPass, blue_noise
from biofeed.limits import RED_SHARE

SIZE = (256, 128)
Texels = npt.NDArray[np.float32]


def low_share(noise: npt.NDArray[np.floating]) -> float:
    """The part of the noise's power that lies below a quarter of a cycle per pixel."""
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    hz = np.hypot(*np.meshgrid(np.fft.fftfreq(noise.shape[1]), np.fft.fftfreq(noise.shape[0])))
    return float(power[hz < 0.25].sum() / power.sum())


def presented(
    context: Context, is_software: bool, texels: Texels, ticks: range, correction: Correction = NONE, peak: float = 1.0
) -> npt.NDArray[np.float64]:
    """What is shown of a picture, (ticks, height, width, 3), in code values."""
    last_pass = LastPass(context.gl, is_software)
    picture = context.gl.texture(SIZE, 4, data=texels.astype(np.float16).tobytes(), dtype="f2")
    texture = context.gl.texture(SIZE, 4)
    shown = context.gl.framebuffer([texture])
    rows = []
    for tick in ticks:
        last_pass.present(picture, shown, SIZE, tick, correction, peak)
        rows.append(np.frombuffer(shown.read(components=3), np.uint8).reshape(SIZE[1], SIZE[0], 3))
    for made in (shown, texture, picture):
        made.release()
    last_pass.release()
    return np.array(rows, dtype=np.float64)


def flat(value: float) -> Texels:
    return np.full((SIZE[1], SIZE[0], 4), value, np.float32)


def linear(code: float) -> float:
    """Linear light of a code value that is not near black."""
    return float(((code / 255.0 + 0.055) / 1.055) ** 2.4)


def linear_of(shown: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean colour of pictures of one colour, (3,), linear light."""
    code = shown.mean(axis=(0, 1, 2)) / 255.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def test_the_noise_has_every_value_once_and_no_low_frequencies() -> None:
    noise = blue_noise(64)
    assert np.array_equal(np.sort(noise.ravel()), (np.arange(4096, dtype=np.float32) + 0.5) / 4096)
    assert low_share(noise) < 1e-3
    assert low_share(np.random.default_rng(2).random((64, 64))) > 0.15  # what white noise has
    assert np.array_equal(noise, blue_noise(64))


@pytest.mark.parametrize("is_software", [True, False])
def test_dither_keeps_the_light_and_hides_in_the_finest_grain(context: Context, is_software: bool) -> None:
    for value in (10.2, 10.5, 10.9, 100.37):
        shown = presented(context, is_software, flat(value / 255.0), range(64))
        assert shown.mean() == pytest.approx(value, abs=0.06)  # half floats end a twentieth of a code value apart
        assert set(np.unique(shown)) <= {np.floor(value), np.ceil(value)}
    half = presented(context, is_software, flat(10.5 / 255.0), range(1))[0, :, :128, 1]
    assert low_share(half) < 0.08


@pytest.mark.parametrize("is_software", [True, False])
def test_over_time_every_pixel_gets_the_light_that_it_should(context: Context, is_software: bool) -> None:
    shown = presented(context, is_software, flat(10.5 / 255.0), range(64))
    assert np.abs(shown.mean(axis=0) - 10.5).max() < 0.12


@pytest.mark.parametrize("is_software", [True, False])
def test_a_gain_scales_linear_light(context: Context, is_software: bool) -> None:
    shown = presented(context, is_software, flat(120.0 / 255.0), range(8), Correction(gain=0.25))
    assert linear(shown.mean()) == pytest.approx(0.25 * linear(120.0), rel=0.02)


def test_a_contrast_leads_every_colour_to_the_ground(context: Context) -> None:
    texels = flat(0.2)
    texels[:, 128:] = 0.8
    shown = presented(context, True, texels, range(16), Correction(contrast=0.25, ground=0.3)).mean(axis=0)
    dark, bright = linear(0.2 * 255), linear(0.8 * 255)
    assert linear(shown[:, :120].mean()) == pytest.approx(0.25 * dark + 0.75 * 0.3, rel=0.02)
    assert linear(shown[:, 136:].mean()) == pytest.approx(0.25 * bright + 0.75 * 0.3, rel=0.02)


def test_saturated_reds_keep_their_light_and_lose_their_saturation(context: Context) -> None:
    for red, others in ((1.0, 0.0), (0.9, 0.2), (0.3, 0.02), (0.7, 0.45), (0.5, 0.6)):
        texels = flat(others)
        texels[..., 0] = red
        plain = linear_of(presented(context, True, texels, range(16)))
        turned = linear_of(presented(context, True, texels, range(16), Correction(is_red=True)))
        weights = np.array([0.2126, 0.7152, 0.0722])
        assert turned @ weights == pytest.approx(plain @ weights, rel=0.03)
        assert turned[0] / turned.sum() < RED_SHARE
        if plain[0] / plain.sum() < 0.7:
            assert turned == pytest.approx(plain, abs=2e-3)


def test_no_channel_is_brighter_than_the_peak(context: Context) -> None:
    shown = presented(context, True, flat(1.0), range(4), peak=0.5)
    assert linear(shown.max()) == pytest.approx(0.5, abs=0.01)
    low = presented(context, True, flat(0.4), range(4))
    assert np.array_equal(presented(context, True, flat(0.4), range(4), peak=0.5), low)


def test_cells_are_the_means_of_the_fourth_channel(context: Context) -> None:
    """A picture of two texels to a cell, and one in which cells share texels."""
    for size in ((640, 360), (400, 200)):
        x = np.linspace(0.0, 1.0, size[0])
        texels = np.zeros((size[1], size[0], 4), np.float32)
        texels[..., 3] = x * np.linspace(0.5, 1.0, size[1])[:, None]
        cells, has_red = measured(context, texels)
        assert cells.shape == GRID
        assert not has_red
        wanted = np.linspace(0.0, 1.0, GRID[1]) * np.linspace(0.5, 1.0, GRID[0])[:, None]
        assert np.abs(cells - wanted).max() < 8e-3
        assert abs(cells.mean() - texels[..., 3].mean()) < 2e-3


def test_a_saturated_red_is_told_and_its_light_kept(context: Context) -> None:
    texels = np.full((360, 640, 4), 0.5, np.float32)
    assert not measured(context, texels)[1]
    texels[100:102, 200:202, 1:3] = 0.21  # R 0.214, G and B 0.036 in linear light: a share of 0.75
    assert not measured(context, texels)[1]
    texels[100:102, 200:202, 1:3] = 0.184  # 0.79, which eight bits may show as 0.80
    assert measured(context, texels)[1]
    texels[100:102, 200:202, 1:3] = 0.1  # 0.91
    cells, has_red = measured(context, texels)
    assert has_red
    assert np.abs(cells - 0.5).max() < 1e-3
    texels[100:102, 200:202] *= 0.35  # R - G - B is 0.022
    assert not measured(context, texels)[1]


def measured(context: Context, texels: Texels) -> tuple[Texels, bool]:
    last_pass = LastPass(context.gl, True)
    picture = context.gl.texture(texels.shape[1::-1], 4, data=texels.astype(np.float16).tobytes(), dtype="f2")
    found = last_pass.cells(picture)
    picture.release()
    last_pass.release()
    return found
