from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from biofeed.errors import SceneError
from biofeed.graphics.context import Context
from biofeed.graphics.guard import NONE
from biofeed.graphics.measures import luminance
from biofeed.graphics.renderer import LOW_LIGHT, SOFTWARE_HEIGHT, VEIL_S, Renderer, Settings
from biofeed.messages import ControlFrame
from biofeed.scene import Scene

MakeScene = Callable[..., Scene]
MakeFrame = Callable[..., ControlFrame]
SIZE = (160, 90)
FLOWING = """uniform float u_swell;
vec3 scene(vec2 p) {
    return vec3(0.3 * u_swell, 0.5 + 0.4 * sin(4.0 * p.x + u_time + TAU * u_seed.x), 0.2 + 0.1 * p.y) * 0.5;
}
"""
SWELL = 'u_swell = { from = "breath", smooth_s = 0.2 }'
FLAT = "vec3 scene(vec2 p) { return vec3(%s); }"
STROBE = "uniform float u_on;\nvec3 scene(vec2 p) { return vec3(1e4) * step(0.5, u_on) * (%s); }"
ON = 'u_on = { from = "breath" }'


@contextmanager
def rendering(context: Context, scene: Scene, size: tuple[int, int] = SIZE, **more: object) -> Iterator[Renderer]:
    renderer = Renderer(context, scene, size, **{"seed": 1, **more})  # type: ignore[arg-type]
    try:
        yield renderer
    finally:
        renderer.close()


def test_the_same_scene_seed_and_frames_give_the_same_bytes(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    def film(seed: int) -> list[bytes]:
        with rendering(context, make_scene(FLOWING, SWELL), seed=seed) as renderer:
            pictures = []
            for tick in range(0, 60, 3):
                renderer.draw(make_frame(tick, breath=tick / 60))
                pictures.append(renderer.read().tobytes())
        return pictures

    assert film(7) == film(7)
    assert film(7) != film(8)


def test_the_top_row_comes_first_and_left_is_left(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    body = "vec3 scene(vec2 p) { return vec3(p.y > 0.5, p.x < -u_aspect * 0.5, 0.0); }"
    with rendering(context, make_scene(body), guarded=False) as renderer:
        renderer.draw(make_frame(0))
        picture = renderer.read()
    assert picture.shape == (90, 160, 3)
    assert picture[5, 80, 0] > 100 > picture[85, 80, 0]
    assert picture[45, 5, 1] > 100 > picture[45, 155, 1]


def test_a_breath_reaches_the_light_through_its_binding(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    body = "uniform float u_swell;\nvec3 scene(vec2 p) { return vec3(u_swell); }"
    with rendering(context, make_scene(body, 'u_swell = { from = "breath", high = 0.5 }'), guarded=False) as renderer:
        means = []
        for tick, breath in enumerate((0.0, 0.5, 1.0)):
            renderer.draw(make_frame(tick, breath=breath))
            means.append(renderer.read().mean())
    assert means[0] == 0.0
    assert means[0] < means[1] < means[2]


def test_grey_light_meets_the_film_curve_that_is_written_down(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    for light, shown in ((0.18, 0.18), (1.0, 0.72), (1000.0, 1.0)):
        with rendering(context, make_scene(FLAT % light), guarded=False) as renderer:
            renderer.draw(make_frame(0))
            assert luminance(renderer.read()).mean() == pytest.approx(shown, abs=0.004)


@pytest.mark.hazard("H-05")
def test_what_is_not_a_number_or_infinite_is_black(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    for value in ("sqrt(-1.0 - u_time)", "1.0 / (u_time * 0.0)", "-3.0", "log(-1.0 - u_time)"):
        with rendering(context, make_scene(FLAT % value), guarded=False) as renderer:
            renderer.draw(make_frame(0))
            assert not renderer.read().any(), value


@pytest.mark.parametrize("hz", [1, 3, 7.5, 15, 30])
def test_a_strobe_never_brightens_faster_than_a_tenth_of_full_range_a_second(
    hz: float, context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    with rendering(context, make_scene(STROBE % "1.0", ON)) as renderer:
        means = [0.0]
        for tick in range(90):
            renderer.draw(make_frame(tick, breath=float(int(tick * 2 * hz / 60) % 2)))
            means.append(float(luminance(renderer.read()).mean()))
    assert np.diff(means).max() <= 0.1 / 60 + 1e-4  # half a code value at the black end is 1.5e-4
    for second in range(0, 90 - 30, 10):
        assert means[second + 30] - means[second] <= 0.05 + 1e-4
    assert max(means) > 0.0


@pytest.mark.hazard("H-01")
def test_a_strobe_in_a_corner_of_a_lit_picture_is_no_flash(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    scene = make_scene(
        "uniform float u_on;\n"
        "vec3 scene(vec2 p) { return p.x > 0.8 && p.y > 0.2 ? vec3(1e4) * step(0.5, u_on) : vec3(0.15); }",
        ON,
    )
    with rendering(context, scene) as renderer:
        corner = []
        for tick in range(360):
            renderer.draw(make_frame(tick, breath=float(tick // 6 % 2)))
            if tick >= 180:
                corner.append(luminance(renderer.read()[5:30, 135:155]).mean())
    assert np.ptp(corner) < 0.1


@pytest.mark.hazard("H-05")
def test_white_comes_from_black_at_the_limit_and_stays_under_the_highest_mean(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    with rendering(context, make_scene(FLAT % "1e4"), size=(64, 36)) as renderer:
        for tick in range(0, 606, 6):
            renderer.draw(make_frame(tick))
            shown = luminance(renderer.read()).mean()
            assert shown <= 0.1 * tick / 60 + 1e-3
    assert shown == pytest.approx(0.5, abs=3e-3)


def test_the_guard_leaves_a_calm_picture_as_it_is_to_the_bit(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    scene = make_scene(FLOWING, SWELL)
    with rendering(context, scene) as guarded, rendering(context, scene, guarded=False) as free:
        for tick in range(0, 480, 5):
            frame = make_frame(tick, picture=min(1.0, tick / 400))
            guarded.draw(frame)
            free.draw(frame)
        assert guarded.guard
        assert guarded.guard.correction is NONE
        assert free.read().any()
        assert np.array_equal(guarded.read(), free.read())


def test_a_dark_gradient_shows_no_bands(context: Context, make_scene: MakeScene, make_frame: MakeFrame) -> None:
    body = "vec3 scene(vec2 p) { return vec3(mix(0.0015, 0.004, p.x / u_aspect * 0.5 + 0.5)); }"
    with rendering(context, make_scene(body), size=(640, 64), guarded=False, settings=Settings(scale=1.0)) as renderer:
        pictures = []
        for tick in range(8):
            renderer.draw(make_frame(tick))
            pictures.append(renderer.read()[..., 1].astype(float))
    columns = np.mean(pictures, axis=(0, 1))
    x = np.arange(640)
    smooth = np.polyval(np.polyfit(x, columns, 3), x)
    assert len(np.unique(pictures[0])) <= 8  # without dither these few levels would be bands of 90 pixels
    assert np.abs(columns - smooth).max() < 0.12  # of a code value; bands would be off by a half
    assert np.abs(columns - smooth).mean() < 0.04


def test_at_full_scale_every_pixel_passes_as_it_is(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    body = "vec3 scene(vec2 p) { return vec3(mod(floor(gl_FragCoord.x) + floor(gl_FragCoord.y), 2.0) * 1e4); }"
    with rendering(context, make_scene(body), guarded=False, settings=Settings(scale=1.0)) as renderer:
        renderer.draw(make_frame(0))
        assert renderer.internal_size == SIZE
        picture = renderer.read()
    assert set(np.unique(picture)) <= {0, 254, 255}  # half floats end a tenth of a code value below white
    assert (picture[:, :, 0] > 0).mean() == 0.5


def test_the_internal_size_follows_the_machine_and_the_setting(context: Context, make_scene: MakeScene) -> None:
    with rendering(context, make_scene(FLAT % "0.1"), size=(1280, 720)) as renderer:
        if context.is_software:
            assert renderer.internal_size == (640, SOFTWARE_HEIGHT)
        renderer.resize((200, 100))
        assert renderer.internal_size == (200, 100)
    with rendering(context, make_scene(FLAT % "0.1"), settings=Settings(scale=0.5)) as renderer:
        assert renderer.internal_size == (80, 45)


def test_a_resize_keeps_the_session_going(context: Context, make_scene: MakeScene, make_frame: MakeFrame) -> None:
    with rendering(context, make_scene(FLAT % "0.2")) as renderer:
        for tick in range(180):
            renderer.draw(make_frame(tick))
        before = renderer.read().mean()
        renderer.resize((322, 181))
        renderer.draw(make_frame(180))
        picture = renderer.read()
    assert picture.shape == (181, 322, 3)
    assert picture.mean() == pytest.approx(before, abs=0.5)


@pytest.mark.hazard("H-05")
def test_another_world_comes_through_black(context: Context, make_scene: MakeScene, make_frame: MakeFrame) -> None:
    with rendering(context, make_scene(FLAT % "0.5, 0.0, 0.0"), size=(32, 18), guarded=False) as renderer:
        levels = []
        for tick in range(180):
            if tick == 10:
                renderer.set_scene(make_scene(FLAT % "0.0, 0.0, 0.5", name="other"))
                assert renderer.scene.name == "other"
            renderer.draw(make_frame(tick))
            levels.append(renderer.read().mean(axis=(0, 1)))
    red, _, blue = np.array(levels).T
    assert red[0] > 100 > red[10 + int(VEIL_S * 60) - 5] > red[70] == 0.0
    assert not blue[:70].any()
    assert blue[-1] > 100
    assert np.abs(np.diff(red)).max() < 15
    assert np.abs(np.diff(blue)).max() < 15


def test_a_broken_world_raises_and_the_one_that_is_there_stays(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    broken = make_scene("vec3 scene(vec2 p) { return vec3(x); }")
    with rendering(context, make_scene(FLAT % "0.3"), guarded=False) as renderer:
        renderer.draw(make_frame(0))
        before = renderer.read()
        for change in (renderer.set_scene, renderer.reload):
            with pytest.raises(SceneError):
                change(broken)
        renderer.draw(make_frame(64))  # the dither's pattern comes round
        assert np.array_equal(renderer.read(), before)


def test_less_motion_slows_the_worlds_time_and_less_light_dims_it(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    clock = "vec3 scene(vec2 p) { return vec3(u_time * 0.1); }"

    def mean_after_a_second(settings: Settings, body: str = clock) -> float:
        with rendering(context, make_scene(body), guarded=False, settings=settings) as renderer:
            renderer.draw(make_frame(0))
            renderer.draw(make_frame(60))
            return float(luminance(renderer.read()).mean())

    assert mean_after_a_second(Settings(motion=0.0)) == 0.0
    assert 0.0 < mean_after_a_second(Settings(motion=0.5)) < mean_after_a_second(Settings())
    dim, as_bright = mean_after_a_second(Settings(light=0.0)), mean_after_a_second(Settings(motion=LOW_LIGHT))
    assert dim == pytest.approx(as_bright, abs=1e-3)


@pytest.mark.hazard("H-43")
def test_skipped_ticks_lead_to_the_same_picture(context: Context, make_scene: MakeScene, make_frame: MakeFrame) -> None:
    scene = make_scene(FLOWING, SWELL)
    with rendering(context, scene, guarded=False) as every, rendering(context, scene, guarded=False) as few:
        for tick in range(61):
            every.draw(make_frame(tick, breath=0.4))
        for tick in (0, 13, 60):
            few.advance(make_frame(tick, breath=0.4))
        few.draw(make_frame(60, breath=0.4))
        assert np.array_equal(every.read(), few.read())
