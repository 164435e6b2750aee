import dataclasses
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

from biofeed.calm import CALM
from biofeed.flow import CALM_S
from biofeed.graphics.context import Context
from biofeed.graphics.measures import luminance
from biofeed.graphics.picture import GLIDE_S, SILENCE_S, Calm, Show
from biofeed.limits import LUMINANCE_RISE_PER_S, STOP_CALM_S
from biofeed.messages import ControlFrame
from biofeed.scene import Scene

MakeScene = Callable[..., Scene]
MakeFrame = Callable[..., ControlFrame]
TICK_S = 1 / 60
DITHER = 2  # code values
BODY = "vec3 scene(vec2 p) { return vec3(0.2); }"


class Stage:
    """A Show on a context without a screen, with the parent's end of a real pipe and a clock that is moved by hand."""

    def __init__(
        self, context: Context, scenes: dict[str, Scene], monkeypatch: pytest.MonkeyPatch, begins_calm: bool = False
    ) -> None:
        self.keys: list[str] = []
        self.now_s = 0.0
        monkeypatch.setattr(context, "poll", self._poll)
        self.parent, child = multiprocessing.Pipe()
        self.pipe = Hasty(child)
        self.show = Show(self.pipe, context, scenes, "probe", 1, None, lambda: self.now_s, lambda _: None, begins_calm)

    def _poll(self) -> list[str]:
        keys, self.keys = self.keys, []
        return keys

    def step(self, *frames: ControlFrame | None) -> bool:
        for frame in frames:
            self.parent.send(frame)
        self.now_s += TICK_S
        return self.show.step()

    def said(self) -> list[tuple[str, Any]]:
        words = []
        while self.parent.poll(0):
            words.append(self.parent.recv())
        return words


class Hasty:
    """A pipe whose poll does not wait."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.recv, self.send, self.close = pipe.recv, pipe.send, pipe.close

    def poll(self, timeout: float) -> bool:
        return self._pipe.poll(0)


@pytest.fixture
def stage(context: Context, make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    broken = make_scene("vec3 scene(vec2 p) { return vec3(x); }", name="broken")
    other = make_scene(BODY, name="other")
    made = Stage(context, {"probe": make_scene(BODY), "broken": broken, "other": other}, monkeypatch)
    yield made
    made.show.renderer.close()
    made.parent.close()


def test_it_says_when_it_is_ready_and_tells_of_itself_once_a_second(stage: Stage, make_frame: MakeFrame) -> None:
    for tick in range(130):
        assert stage.step(make_frame(tick))
    said = stage.said()
    assert said[0] == ("ready", stage.show._context.renderer_name)
    told = [value for kind, value in said if kind == "picture"]
    assert len(told) == 2
    assert told[0]["fps"] == pytest.approx(60, rel=0.05)
    assert 0.0 <= told[0]["guard_gain"] <= 1.0


def test_the_newest_frame_wins(stage: Stage, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(stage.show.renderer, "draw", lambda frame: drawn.append(frame.tick))
    stage.step(make_frame(0), make_frame(1), make_frame(2))
    stage.step(make_frame(3), make_frame(4))
    assert drawn == [2, 4]


def test_keys_go_back_as_events(stage: Stage, make_frame: MakeFrame) -> None:
    stage.step(make_frame(0))
    stage.keys = ["pause", "volume+", "stop"]
    assert stage.step(make_frame(1))
    assert [value for kind, value in stage.said() if kind == "event"] == ["pause", "volume+", "stop"]


def test_an_engine_that_was_resumed_meanwhile_takes_the_picture_along(make_frame: MakeFrame) -> None:
    calm = Calm("probe")
    calm(make_frame(0), TICK_S, False)
    calm.stop()
    for tick in range(1, 61):  # it has not heard yet
        assert calm(make_frame(tick), TICK_S, False).state == "calm"
    assert calm(make_frame(62), TICK_S, False).state == "running"
    assert calm(make_frame(63), TICK_S, False).rest < 1.0


def test_the_person_s_button_is_asked_for_where_the_world_has_one(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "uniform float u_touch;\n" + BODY.replace("0.2", "0.2 + 0.1 * u_touch")
    asking = make_scene(body, uniforms='u_touch = { from = "touch" }', name="asking")
    stage = Stage(context, {"probe": make_scene(BODY), "asking": asking}, monkeypatch)
    stage.step(make_frame(0))
    assert not context.asks
    stage.step(make_frame(1, scene="asking"))
    stage.step(make_frame(2, scene="asking"))
    assert context.asks
    stage.show.renderer.close()


@pytest.mark.hazard("H-11")
@pytest.mark.parametrize("engine", ["answers", "is silent", "was silent"])
@pytest.mark.parametrize("lit", [0.0, 0.2, 1.0])
def test_stop_gives_a_warm_still_dim_picture_in_a_second_and_nothing_jumps(
    engine: str, lit: float, stage: Stage, make_frame: MakeFrame
) -> None:
    for tick in range(300):
        stage.step(make_frame(tick, picture=lit))
    for _ in range(30 if engine == "was silent" else 0):
        stage.step()
    means, pictures = [luminance(stage.show.renderer.read()).mean()], [stage.show.renderer.read()]
    stage.keys = ["stop"]
    for n in range(round(STOP_CALM_S / TICK_S)):
        rest = min(1.0, n * TICK_S / CALM_S)
        answer = dataclasses.replace(make_frame(300 + n, picture=lit), state="calm" if n > 1 else "running", rest=rest)
        stage.step(*([answer] if engine == "answers" else []))
        pictures.append(stage.show.renderer.read())
        means.append(luminance(pictures[-1]).mean())
    if lit > 0.0:
        assert np.abs(pictures[1].astype(int) - pictures[0]).max() >= 3  # the very next picture
    assert 0.03 < means[-1] < 0.06
    red, green, blue = pictures[-1].mean(axis=(0, 1))
    assert red > 1.5 * green > 1.5 * blue
    rises = np.diff(means)
    assert rises.max() <= LUMINANCE_RISE_PER_S * TICK_S + 2e-4  # 8 bits and dither
    assert rises.min() > -0.2 * max(means[0], 0.01)
    for _ in range(180):
        stage.step()
    later = stage.show.renderer.read()
    assert np.abs(later.astype(int) - pictures[-1]).max() <= 2
    assert luminance(later).mean() == pytest.approx(means[-1], abs=1e-3)


@pytest.mark.hazard("H-11")
def test_a_stop_before_anything_was_told_is_a_stop(stage: Stage) -> None:
    stage.keys = ["stop"]
    for _ in range(round(STOP_CALM_S / TICK_S)):
        assert stage.step()
    assert 0.03 < luminance(stage.show.renderer.read()).mean() < 0.06


@pytest.mark.hazard("H-11")
def test_after_a_stop_no_world_is_drawn(stage: Stage, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    for tick in range(60):
        stage.step(make_frame(tick))
    stage.keys = ["stop"]
    monkeypatch.setattr(stage.show.renderer, "_draw_world", lambda: pytest.fail("a world was asked"))
    for tick in range(60, 240):
        stage.step(*([make_frame(tick)] if tick < 120 else []))


@pytest.mark.hazard("H-05")
@pytest.mark.parametrize("end", ["none", "closed"])
def test_the_pipes_end_leads_to_the_calm_then_to_black_and_ends(end: str, stage: Stage, make_frame: MakeFrame) -> None:
    for tick in range(180):
        stage.step(make_frame(tick))
    lit = stage.show.renderer.read().mean()
    if end == "none":
        stage.parent.send(None)
    else:
        stage.parent.close()
    means = []
    while True:
        is_on = stage.step()
        means.append(stage.show.renderer.read().mean())
        if not is_on:
            break
    assert len(means) * TICK_S == pytest.approx(CALM_S + GLIDE_S, abs=0.1)
    assert means[0] == pytest.approx(lit, rel=0.05)
    assert np.abs(np.diff(means)).max() < 6.0
    assert means[-1] == 0.0


@pytest.mark.hazard("H-05", "H-24")
def test_a_picture_that_stood_still_itself_takes_up_where_it_was(stage: Stage, make_frame: MakeFrame) -> None:
    """As after the machine slept: the first frame comes a moment later than the first picture."""
    for tick in range(240):
        stage.step(make_frame(tick, breath=1.0))
    seen = [stage.show.renderer.read().mean()]
    stage.now_s += 600.0
    stage.step()
    seen.append(stage.show.renderer.read().mean())
    for tick in range(240, 420):
        stage.step(make_frame(tick, breath=1.0))
        seen.append(stage.show.renderer.read().mean())
    assert min(seen) > 0.9 * seen[0]
    assert abs(seen[-1] - seen[0]) < 0.01 * seen[0]


@pytest.mark.hazard("H-05", "H-24")
def test_when_frames_stop_it_glides_to_a_dim_still_picture_and_stays(stage: Stage, make_frame: MakeFrame) -> None:
    for tick in range(240):
        stage.step(make_frame(tick, breath=1.0))
    lit = stage.show.renderer.read().mean()
    for _ in range(int((SILENCE_S + GLIDE_S) * 60) + 2):
        assert stage.step()
    still = stage.show.renderer.read()
    assert 0.0 < still.mean() < lit
    assert 0.03 < luminance(still).mean() < 0.06
    for _ in range(60):
        stage.step()
    assert np.array_equal(stage.show.renderer.read(), still)
    stage.keys = ["stop", "leave"]  # with an engine that says nothing it must still be possible to end
    assert any(not stage.step() for _ in range(int((CALM_S + GLIDE_S) * 60) + 3))


@pytest.mark.hazard("H-24")
def test_a_world_that_does_not_compile_is_told_of_and_a_calm_one_shown(stage: Stage, make_frame: MakeFrame) -> None:
    stage.step(make_frame(0))
    stage.step(make_frame(1, scene="broken"))
    assert [value for kind, value in stage.said() if kind == "error"] == ["broken.frag:8: `x' undeclared"]
    assert stage.show.renderer.scene is CALM
    stage.step(make_frame(2, scene="other"))
    assert stage.show.renderer.scene.name == "other"
    stage.step(make_frame(3, scene="nowhere"))
    assert stage.said() == [("error", "there is no scene nowhere to show")]
    assert stage.show.renderer.scene.name == "other"


@pytest.mark.hazard("H-24")
def test_a_session_can_begin_with_a_world_that_does_not_compile(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(context, {"probe": make_scene("vec3 scene(vec2 p) { return x; }")}, monkeypatch)
    assert stage.step(make_frame(0))
    assert [kind for kind, _ in stage.said()] == ["error", "ready"]
    stage.show.renderer.close()


def test_the_picture_follows_the_windows_size(
    stage: Stage, context: Context, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.step(make_frame(0))
    monkeypatch.setattr(context, "size", (80, 50))
    stage.step(make_frame(1))
    assert stage.show.renderer.read().shape == (50, 80, 3)


def test_frames_that_come_in_time_are_drawn_as_they_are(make_frame: MakeFrame) -> None:
    calm = Calm("probe")
    for tick in (5, 6, 8, 20):
        assert calm(make_frame(tick, breath=0.9), TICK_S, False) == make_frame(tick, breath=0.9)
        assert calm(None, TICK_S, False) == make_frame(tick, breath=0.9)


@pytest.mark.hazard("H-05")
def test_nothing_jumps_when_frames_stop_and_come_again(make_frame: MakeFrame) -> None:
    calm = Calm("probe")
    shown = [calm(make_frame(tick, breath=1.0, calm=0.0), TICK_S, False) for tick in range(60)]
    shown += [calm(None, TICK_S, False) for _ in range(600)]
    assert shown[-1].drive.breath == 0.5
    assert shown[-1].rest == 1.0
    assert shown[-1].tick == shown[-60].tick
    shown += [calm(make_frame(tick, breath=1.0, calm=0.0), TICK_S, False) for tick in range(660, 900)]
    assert shown[-1].drive == make_frame(0, breath=1.0, calm=0.0).drive
    for name in ("breath", "calm"):
        assert np.abs(np.diff([getattr(frame.drive, name) for frame in shown])).max() < 0.02
    assert np.abs(np.diff([frame.rest for frame in shown])).max() < 0.02
    steps = np.diff([frame.tick for frame in shown])
    assert steps.min() >= 0
    assert steps.max() <= 2


@pytest.mark.hazard("H-24")
def test_a_picture_that_comes_back_is_calm_from_its_first_sight_and_glides_into_the_session(
    context: Context, make_scene: MakeScene, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    shown: list[int] = []
    monkeypatch.setattr(context, "show", lambda: shown.append(len(seen)))
    stage = Stage(context, {"probe": make_scene(BODY)}, monkeypatch, begins_calm=True)
    assert len(shown) == 1
    calm = stage.show.renderer.read()
    assert 0.03 < luminance(calm).mean() < 0.06
    for _ in range(60):  # without an engine it stays
        stage.step()
        assert np.abs(stage.show.renderer.read().astype(int) - calm).max() <= DITHER
    for tick in range(5000, 5240):
        stage.step(make_frame(tick, breath=1.0))
        seen.append(float(luminance(stage.show.renderer.read()).mean()))
    assert np.diff([luminance(calm).mean(), *seen]).max() <= LUMINANCE_RISE_PER_S * TICK_S + 2e-4
    world = Stage(context, {"probe": make_scene(BODY)}, monkeypatch)
    for tick in range(4800, 5240):
        world.step(make_frame(tick, breath=1.0))
    whole = world.show.renderer.read()
    assert seen[-1] == pytest.approx(luminance(whole).mean(), rel=0.02)
    stage.show.renderer.close()
    world.show.renderer.close()


@pytest.mark.hazard("H-11", "H-24")
def test_a_picture_that_comes_back_into_a_stopped_session_stays_calm(make_frame: MakeFrame) -> None:
    calm = Calm("probe", begins_calm=True)
    for tick in range(5000, 5300):
        frame = calm(dataclasses.replace(make_frame(tick, picture=0.0), state="calm", rest=1.0), TICK_S, False)
        assert frame.rest == 1.0


@pytest.mark.hazard("H-11", "H-24")
@pytest.mark.parametrize("knows", [False, True])
def test_a_stop_that_died_with_the_engine_is_told_to_the_next_one(
    knows: bool, stage: Stage, make_frame: MakeFrame
) -> None:
    for tick in range(60):
        stage.step(make_frame(tick))
    stage.keys = ["stop"]
    for tick in range(60, 120):
        stage.step(dataclasses.replace(make_frame(tick), state="calm", rest=min(1.0, (tick - 60) * TICK_S / CALM_S)))
    for _ in range(120):
        stage.step()
    stage.said()
    for tick in range(112, 172):  # the next engine, from where the record ends
        state, rest = ("calm", 1.0) if knows else ("running", 0.0)
        stage.step(dataclasses.replace(make_frame(tick), state=state, rest=rest))
        assert 0.03 < luminance(stage.show.renderer.read()).mean() < 0.06
    assert [value for kind, value in stage.said() if kind == "event"] == ([] if knows else ["stop"])
