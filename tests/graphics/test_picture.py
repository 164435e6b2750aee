import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

from biofeed.graphics.context import Context
from biofeed.graphics.picture import DIM, FALLBACK, GLIDE_S, SILENCE_S, Calm, Show
from biofeed.messages import ControlFrame
from biofeed.scene import Scene

MakeScene = Callable[..., Scene]
MakeFrame = Callable[..., ControlFrame]
TICK_S = 1 / 60
BODY = "vec3 scene(vec2 p) { return vec3(0.2); }"


class Stage:
    """A Show on a context without a screen, with the parent's end of a real pipe and a clock that is moved by hand."""

    def __init__(self, context: Context, scenes: dict[str, Scene], monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: list[str] = []
        self.now_s = 0.0
        monkeypatch.setattr(context, "poll", self._poll)
        self.parent, child = multiprocessing.Pipe()
        self.pipe = Hasty(child)
        self.show = Show(self.pipe, context, scenes, "probe", 1, None, lambda: self.now_s, lambda _: None)

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
    stage.keys = ["pause", "stop"]
    assert stage.step(make_frame(1))  # the engine decides what a stop does
    assert [word for word in stage.said() if word[0] == "event"] == [("event", "pause"), ("event", "stop")]


@pytest.mark.parametrize("end", ["none", "closed"])
def test_the_pipes_end_fades_to_black_and_ends(end: str, stage: Stage, make_frame: MakeFrame) -> None:
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
    assert len(means) * TICK_S == pytest.approx(GLIDE_S, abs=0.1)
    assert means[0] == pytest.approx(lit, rel=0.05)
    assert np.abs(np.diff(means)).max() < 6.0
    assert means[-1] == 0.0


def test_when_frames_stop_it_glides_to_a_dim_still_picture_and_stays(stage: Stage, make_frame: MakeFrame) -> None:
    for tick in range(240):
        stage.step(make_frame(tick, breath=1.0))
    lit = stage.show.renderer.read().mean()
    for _ in range(int((SILENCE_S + GLIDE_S) * 60) + 2):
        assert stage.step()
    still = stage.show.renderer.read()
    assert 0.0 < still.mean() < 0.75 * lit
    for _ in range(60):
        stage.step()
    assert np.array_equal(stage.show.renderer.read(), still)
    stage.keys = ["stop"]  # with an engine that says nothing it must still be possible to end
    assert any(not stage.step() for _ in range(int(GLIDE_S * 60) + 2))


def test_a_world_that_does_not_compile_is_told_of_and_a_calm_one_shown(stage: Stage, make_frame: MakeFrame) -> None:
    stage.step(make_frame(0))
    stage.step(make_frame(1, scene="broken"))
    assert [value for kind, value in stage.said() if kind == "error"] == ["broken.frag:8: `x' undeclared"]
    assert stage.show.renderer.scene is FALLBACK
    stage.step(make_frame(2, scene="other"))
    assert stage.show.renderer.scene.name == "other"
    stage.step(make_frame(3, scene="nowhere"))
    assert stage.said() == [("error", "there is no scene nowhere to show")]
    assert stage.show.renderer.scene.name == "other"


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


def test_nothing_jumps_when_frames_stop_and_come_again(make_frame: MakeFrame) -> None:
    calm = Calm("probe")
    shown = [calm(make_frame(tick, breath=1.0, calm=0.0), TICK_S, False) for tick in range(60)]
    shown += [calm(None, TICK_S, False) for _ in range(600)]
    assert shown[-1].drive.breath == 0.5
    assert shown[-1].levels.picture == DIM
    assert shown[-1].tick == shown[-60].tick
    shown += [calm(make_frame(tick, breath=1.0, calm=0.0), TICK_S, False) for tick in range(660, 900)]
    assert shown[-1].drive == make_frame(0, breath=1.0, calm=0.0).drive
    for name in ("breath", "calm"):
        assert np.abs(np.diff([getattr(frame.drive, name) for frame in shown])).max() < 0.02
    assert np.abs(np.diff([frame.levels.picture for frame in shown])).max() < 0.02
    steps = np.diff([frame.tick for frame in shown])
    assert steps.min() >= 0
    assert steps.max() <= 2
