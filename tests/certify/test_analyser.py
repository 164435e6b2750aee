"""Light, patterns and flow over time, at any size and rate, and of a film as of the pictures it was made from."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import limits
from biofeed.certificates import Figures, verdict
from biofeed.certify.analyser import Analyser
from biofeed.certify.films import pictures
from biofeed.errors import UsageError
from biofeed.graphics import measures
from biofeed.graphics.film import Film

Bytes = npt.NDArray[np.uint8]
SIZE = (320, 180)
X, Y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))


def grey(light: float | npt.NDArray[np.float64], size: tuple[int, int] = SIZE) -> Bytes:
    return measures.encoded(
        np.broadcast_to(np.asarray(light, dtype=np.float64), (size[1], size[0]))[:, :, None].repeat(3, 2)
    )


def fails(figures: Figures, comfort: str = "full") -> set[str]:
    return {judged.limit for judged in verdict(figures, comfort) if not judged.holds}


@pytest.mark.hazard("H-05")
def test_mean_and_peak_are_judged_by_the_comfort_preset() -> None:
    for mean, failing in ((0.10, set()), (0.20, {"post-infusion"}), (0.35, {"gentle", "post-infusion"}), (0.6, None)):
        analyser = Analyser((64, 36), 30.0, has_flow=False)
        analyser.add(grey(mean, (64, 36)))
        seen = analyser.figures()
        assert seen.mean == pytest.approx(mean, abs=0.005)
        assert seen.peak == pytest.approx(mean, abs=0.005)
        dark = {comfort for comfort in limits.MEAN_LUMINANCE if "mean luminance" in fails(seen, comfort)}
        assert dark == (set(limits.MEAN_LUMINANCE) if failing is None else failing)


@pytest.mark.hazard("H-05")
@pytest.mark.parametrize("fps", [24.0, 60.0, 144.0])
@pytest.mark.parametrize(("per_s", "holds"), [(0.05, True), (0.095, True), (0.12, False)])
def test_the_fastest_rise_is_that_of_the_mean_within_a_second(fps: float, per_s: float, holds: bool) -> None:
    analyser = Analyser((64, 36), fps, has_flow=False)
    for n in range(round(4.0 * fps)):
        t = n / fps
        analyser.add(grey(0.05 + per_s * (min(t, 2.0) - max(0.0, t - 2.0)), (64, 36)))  # up, then down as fast
    seen = analyser.figures()
    assert seen.rise_per_s == pytest.approx(per_s, abs=0.006)
    assert ("luminance rise" not in fails(seen)) is holds


@pytest.mark.hazard("H-03")
@pytest.mark.parametrize(("seconds", "fails_it"), [(0.4, False), (0.8, True)])
@pytest.mark.parametrize("fps", [24.0, 60.0, 144.0])
def test_stripes_may_stay_for_half_a_second(fps: float, seconds: float, fails_it: bool) -> None:
    analyser = Analyser(SIZE, fps, has_flow=False)
    stripes, plain = grey(0.2 + 0.15 * np.sin(X * 0.5)), grey(0.2)
    for n in range(round(2.0 * fps)):
        analyser.add(stripes if 0.5 <= n / fps < 0.5 + seconds else plain)
    seen = analyser.figures()
    assert ("stripes" in fails(seen)) is fails_it
    assert seen.stripe_part > 0.9
    assert seen.stripe_pairs == pytest.approx(25.0, abs=1.5)


@pytest.mark.hazard("H-09")
@pytest.mark.parametrize(("deg_per_s", "holds"), [(1.2, True), (2.8, False)])
def test_a_picture_that_drifts_is_told_in_degrees_a_second(deg_per_s: float, holds: bool) -> None:
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE[1], SIZE[0])))
    fy, fx = np.fft.fftfreq(SIZE[1])[:, None], np.fft.rfftfreq(SIZE[0])[None, :]
    spectrum *= np.exp(-(fy**2 + fx**2) / (2.0 * 0.06**2))
    analyser = Analyser(SIZE, 60.0)
    for n in range(90):
        px = deg_per_s * n / 60.0 * SIZE[0] / measures.WIDTH_DEG
        drawn = np.fft.irfft2(spectrum * np.exp(-2j * np.pi * fx * px), (SIZE[1], SIZE[0]))
        analyser.add(grey(0.1 * np.exp(0.5 * drawn / drawn.std())))
    seen = analyser.figures()
    assert seen.flow_deg_per_s == pytest.approx(deg_per_s, rel=0.06)
    assert seen.flow_found > 0.9
    assert ("flow" not in fails(seen)) is holds


def test_a_large_picture_is_seen_as_its_parts_mean_light_and_a_tall_one_as_well() -> None:
    for size in ((1600, 900), (360, 640), (33, 21), (1, 1)):
        analyser = Analyser(size, 60.0)
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
        analyser.add(picture)
        assert analyser.figures().mean == pytest.approx(measures.luminance(picture).mean(), abs=0.01)
    with pytest.raises(ValueError, match="is not one of"):
        analyser.add(np.zeros((2, 2, 3), dtype=np.uint8))


def test_the_same_pictures_give_the_same_figures() -> None:
    def seen() -> Figures:
        analyser = Analyser((64, 36), 60.0, has_flow=False)
        rng = np.random.default_rng(5)
        for _ in range(40):
            analyser.add(rng.integers(0, 256, (36, 64, 3)).astype(np.uint8))
        return analyser.figures()

    assert seen() == seen()


@pytest.mark.hazard("H-01")
def test_a_film_is_judged_as_the_pictures_that_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "strobe.mp4"
    shown = [grey(0.35 if n // 5 % 2 else 0.02, (128, 72)) for n in range(60)]
    with Film(path, (128, 72), 30, sample_rate_hz=None) as film:
        for picture in shown:
            film.picture(picture)
    direct, decoded = Analyser((128, 72), 30.0, has_flow=False), Analyser((128, 72), 1.0, has_flow=False)
    for picture in shown:
        direct.add(picture)
    for time_s, picture in pictures(path):
        decoded.add(picture, time_s)
    one, other = direct.figures(), decoded.figures()
    assert (other.pictures, other.flashes) == (60, 3)
    assert other.flashes == one.flashes
    assert other.seconds == pytest.approx(one.seconds, abs=0.01)
    assert other.mean == pytest.approx(one.mean, abs=0.01)


def test_what_is_no_film_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_text("no film")
    with pytest.raises(UsageError, match=r"x\.mp4 cannot be read as a video"):
        next(pictures(path))
    with pytest.raises(UsageError, match="cannot be read"):
        next(pictures(tmp_path / "none.mp4"))
