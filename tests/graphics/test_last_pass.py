"""The last pass on either kind of renderer: even light, no bands, no pattern that the eye finds, true measures."""

import numpy as np
import numpy.typing as npt
import pytest

from biofeed.graphics.context import Context
from biofeed.graphics.last_pass import LastPass, blue_noise

SIZE = (256, 128)
Texels = npt.NDArray[np.float32]


def low_share(noise: npt.NDArray[np.floating]) -> float:
    """The part of the noise's power that lies below a quarter of a cycle per pixel."""
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    hz = np.hypot(*np.meshgrid(np.fft.fftfreq(noise.shape[1]), np.fft.fftfreq(noise.shape[0])))
    return float(power[hz < 0.25].sum() / power.sum())


def presented(
    context: Context, is_software: bool, texels: Texels, ticks: range, gain: float = 1.0
) -> npt.NDArray[np.float64]:
    """What is shown of a picture, (ticks, height, width), in code values of its green channel."""
    last_pass = LastPass(context.gl, is_software)
    picture = context.gl.texture(SIZE, 4, data=texels.astype(np.float16).tobytes(), dtype="f2")
    texture = context.gl.texture(SIZE, 4)
    shown = context.gl.framebuffer([texture])
    rows = []
    for tick in ticks:
        last_pass.present(picture, shown, SIZE, tick, gain)
        rows.append(np.frombuffer(shown.read(components=3), np.uint8).reshape(SIZE[1], SIZE[0], 3)[..., 1])
    for made in (shown, texture, picture):
        made.release()
    last_pass.release()
    return np.array(rows, dtype=np.float64)


def flat(value: float) -> Texels:
    return np.full((SIZE[1], SIZE[0], 4), value, np.float32)


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
    half = presented(context, is_software, flat(10.5 / 255.0), range(1))[0][:, :128]
    assert low_share(half) < 0.08


@pytest.mark.parametrize("is_software", [True, False])
def test_over_time_every_pixel_gets_the_light_that_it_should(context: Context, is_software: bool) -> None:
    shown = presented(context, is_software, flat(10.5 / 255.0), range(64))
    assert np.abs(shown.mean(axis=0) - 10.5).max() < 0.12


@pytest.mark.parametrize("is_software", [True, False])
def test_a_gain_scales_linear_light(context: Context, is_software: bool) -> None:
    def linear(code: float) -> float:
        return float(((code / 255.0 + 0.055) / 1.055) ** 2.4)

    shown = presented(context, is_software, flat(120.0 / 255.0), range(8), gain=0.25)
    assert linear(shown.mean()) == pytest.approx(0.25 * linear(120.0), rel=0.02)


def test_cells_are_the_means_of_the_fourth_channel(context: Context) -> None:
    texels = flat(0.3)
    texels[..., 3] = np.linspace(0.0, 1.0, SIZE[0])[None, :]
    last_pass = LastPass(context.gl, True)
    picture = context.gl.texture(SIZE, 4, data=texels.astype(np.float16).tobytes(), dtype="f2")
    cells = last_pass.cells(picture)
    assert cells.shape == (18, 32)
    wanted = texels[0, :, 3].reshape(32, 8).mean(axis=1)
    assert np.abs(cells - wanted).max() < 2e-3
    picture.release()
    last_pass.release()
