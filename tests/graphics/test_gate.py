"""The gate on real pictures: worlds made to do harm come out calm, told by the analyser of `biofeed certify`."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import limits
from biofeed.certify.analyser import Analyser, Figures
from biofeed.graphics.context import Context
from biofeed.graphics.guard import Settings as GuardSettings
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import ControlFrame
from biofeed.scene import Scene

MakeScene = Callable[..., Scene]
MakeFrame = Callable[..., ControlFrame]

SIZE = (160, 90)
BODY = "vec3 scene(vec2 p) { return %s; }"
HARM = {
    "a strobe of the whole field": "vec3(step(0.5, fract(u_time * %s)))",
    "pure red and blue in turns": "step(0.5, fract(u_time * %s)) > 0.5 ? vec3(4.0, 0.0, 0.0) : vec3(0.0, 0.0, 4.0)",
    "red out of black": "vec3(4.0 * step(0.5, fract(u_time * %s)), 0.0, 0.0)",
    "stripes that scroll": "vec3(step(0.5, fract(9.0 * p.x + 0.3 * u_time * %s)))",
    "checks that swap": "vec3(mod(floor(5.0 * p.x) + floor(5.0 * p.y) + floor(u_time * 2.0 * %s), 2.0))",
    "a white frame out of black": "vec3(mod(floor(u_time * 60.0), 2.0 * %s) < 1.0 ? 100.0 : 0.0)",
    "what is no number": "vec3(sqrt(-1.0 - fract(u_time * %s)), 1.0 / 0.0, 0.2)",
}


def shown(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame, light: str, settings: Settings, every: int = 1
) -> tuple[Figures, npt.NDArray[np.uint8]]:
    """What three and a half seconds of it do when they have come through the gate, and the last picture."""
    scene = make_scene(BODY % light)
    renderer = Renderer(context, scene, SIZE, 1, settings)
    analyser = Analyser(SIZE, 60 / every, has_flow=False)
    for tick in range(0, 210, every):
        renderer.draw(make_frame(tick))
        picture = renderer.read()
        analyser.add(picture)
    renderer.close()
    return analyser.figures(), picture


@pytest.mark.hazard("H-01", "H-02", "H-03", "H-05")
@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize(("hz", "every"), [(3.0, 2), (7.5, 1), (30.0, 1)])
def test_whatever_a_world_does_what_is_shown_holds_the_limits(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame, harm: str, hz: float, every: int
) -> None:
    figures, _ = shown(context, make_scene, make_frame, HARM[harm] % hz, Settings(scale=1.0), every)
    assert figures.flashes <= limits.FLASHES_PER_S
    assert figures.red_flashes == 0
    assert figures.stripes_s <= limits.STRIPE_S
    assert figures.rise_per_s <= limits.LUMINANCE_RISE_PER_S + 0.004  # eight bits
    assert figures.mean <= limits.MEAN_LUMINANCE["full"] + 0.004


@pytest.mark.hazard("H-01")
def test_the_analyser_sees_the_harm_where_there_is_no_gate(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame
) -> None:
    scene = make_scene(BODY % (HARM["pure red and blue in turns"] % 7.5))
    renderer = Renderer(context, scene, SIZE, 1, Settings(scale=1.0), guarded=False)
    analyser = Analyser(SIZE, 60, has_flow=False)
    for tick in range(120):
        renderer.draw(make_frame(tick))
        analyser.add(renderer.read())
    renderer.close()
    assert analyser.figures().red_flashes >= 7


@pytest.mark.hazard("H-05", "H-41")
def test_a_preset_caps_mean_and_peak(context: Context, make_scene: MakeScene, make_frame: MakeFrame) -> None:
    calm = Settings(scale=1.0, guard=GuardSettings(mean_max=0.15, peak_max=0.5))
    figures, picture = shown(context, make_scene, make_frame, "vec3(p.x > 1.4 ? 100.0 : 0.0)", calm)
    assert figures.peak <= 0.5 + 0.01
    assert picture.max() > 150
    figures, _ = shown(context, make_scene, make_frame, "vec3(100.0)", calm)
    assert 0.14 < figures.mean <= 0.15 + 0.004
