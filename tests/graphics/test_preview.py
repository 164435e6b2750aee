import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biofeed.calm import CALM
from biofeed.errors import SceneError, UsageError
from biofeed.graphics import preview as module
from biofeed.graphics.context import KEYS, Context, headless
from biofeed.graphics.panel import Panel
from biofeed.graphics.preview import Desk, made_up_frame, on_event, preview
from biofeed.graphics.renderer import Settings
from biofeed.messages import DRIVES, ControlFrame
from biofeed.scene import Scene, load, names

TEXT = """/*
title = "World"
mood = "test"
soundscape = "probe"
*/
vec3 scene(vec2 p) { return vec3(0.1); }
"""


def test_the_made_up_session_stays_within_the_words_bounds_and_moves_slowly() -> None:
    frames = [made_up_frame(tick, "probe") for tick in range(0, 36_000, 7)]
    for name in DRIVES:
        values = [getattr(frame.drive, name) for frame in frames]
        assert min(values) >= 0.0
        assert max(values) <= 1.0
    assert made_up_frame(77, "probe") == made_up_frame(77, "probe")


def test_an_unknown_scene_is_told_before_any_window_opens() -> None:
    with pytest.raises(UsageError, match="there is no scene nowhere"):
        preview("nowhere", print)


def test_a_changed_file_is_drawn_and_a_broken_one_told_of(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = tmp_path / "world.frag"
    world.write_text(TEXT)
    (tmp_path / "probe.toml").write_text('[[voice]]\nkind = "silence"\n')
    monkeypatch.setattr(module, "WATCH_S", 0.0)
    stage = headless((64, 36))
    said: list[tuple[str, Any]] = []
    texts = iter([TEXT.replace("0.1", "x"), TEXT.replace("title", "titel"), TEXT.replace("0.1", "0.2")])

    def poll() -> list[str]:
        """Each look at the keys comes with another text on disk, and at last somebody stops."""
        text = next(texts, None)
        if text is None:
            return ["stop"]
        world.write_text(text)
        os.utime(world, ns=(1, world.stat().st_mtime_ns + 1_000_000_000))
        return []

    monkeypatch.setattr(stage, "poll", poll)
    preview(str(world), lambda kind, value: said.append((kind, value)), context=stage)
    errors = [value for kind, value in said if kind == "error"]
    assert errors[0] == "world.frag:6: `x' undeclared"
    assert errors[1].startswith("world.frag:")
    assert len(errors) == 2
    assert said[-1] == ("event", "stop")


class Heard:
    """A sound that only listens."""

    def __init__(self) -> None:
        self.played: list[tuple[str, str, int]] = []
        self.frames: list[ControlFrame] = []
        self.says: list[tuple[str, Any]] = []
        self.is_closed = False

    def play(self, world: Scene, seed: int) -> None:
        if 'kind = "broken"' in world.soundscape.text:
            raise SceneError("probe.toml", 1, "broken is not a kind of voice")
        self.played.append((world.name, world.soundscape.text, seed))

    def send(self, frame: ControlFrame) -> None:
        self.frames.append(frame)

    def poll(self) -> list[tuple[str, Any]]:
        said, self.says = self.says, []
        return said

    def close(self) -> None:
        self.is_closed = True


class Author:
    """A desk on a picture without a screen, whose author presses keys."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.sound_file = folder / "world.frag", folder / "probe.toml"
        self.file.write_text(TEXT.replace("vec3(0.1)", "vec3(0.1 * u_seed.x, 0.1 * fract(u_time * 0.01), 0.2)"))
        self.sound_file.write_text('[[voice]]\nkind = "silence"\n')
        monkeypatch.setattr(module, "WATCH_S", 0.0)
        self.stage = headless((64, 36))
        self.keys: list[str] = []
        monkeypatch.setattr(self.stage, "poll", self._poll)
        self.said: list[tuple[str, Any]] = []
        self.sound = Heard()
        self.desk = Desk(str(self.file), load(str(self.file)), self._hear, self.stage, 1, Settings(), self.sound)

    def _poll(self) -> list[str]:
        keys, self.keys = self.keys, []
        return keys

    def _hear(self, kind: str, value: Any) -> None:
        self.said.append((kind, value))

    def step(self, *keys: str) -> None:
        self.keys += keys
        assert self.desk.step()

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000_000))


@pytest.fixture
def author(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    made = Author(tmp_path, monkeypatch)
    yield made
    made.desk.close()
    made.stage.close()
    assert made.sound.is_closed


def test_picture_and_sound_get_the_same_frames_with_what_is_held(author: Author) -> None:
    author.desk.panel.set("breath", 0.9)
    author.desk.panel.set("density", 0.1)
    for _ in range(5):
        author.step()
    frame = author.sound.frames[-1]
    assert (frame.drive.breath, frame.levels.density) == (0.9, 0.1)
    assert author.sound.played == [(str(author.file), '[[voice]]\nkind = "silence"\n', 1)]
    assert {heard.scene for heard in author.sound.frames} == {str(author.file)}


def test_another_minute_of_the_hour_is_another_moment_of_the_world(author: Author) -> None:
    author.step()
    before = author.desk.show.renderer.read()
    author.desk.panel.set("minute", 30.0)
    author.step()
    author.step()
    assert author.desk.cycle.time_s == pytest.approx(1800.0, abs=5.5)
    assert author.sound.frames[-1].drive.progress == pytest.approx(0.5, abs=0.01)
    assert not np.array_equal(author.desk.show.renderer.read(), before)
    author.desk.panel.set("minute", 0.0)
    author.step()
    assert 0.0 <= author.desk.cycle.time_s < 10.0


def test_a_jump_keeps_the_breath_where_it_is(author: Author) -> None:
    author.step()
    breath = author.sound.frames[-1].drive.breath
    author.desk.cycle.jump(1234.0)
    author.step()
    assert author.sound.frames[-1].drive.breath == pytest.approx(breath, abs=0.06)


def test_another_seed_is_another_picture_and_another_sound(author: Author) -> None:
    for _ in range(3):
        author.step()
    before = author.desk.show.renderer.read()
    author.desk.panel.set("seed", 2.0)
    author.step()
    author.step()
    assert not np.array_equal(author.desk.show.renderer.read(), before)
    assert [seed for _, _, seed in author.sound.played] == [1, 2]


def test_space_stops_the_time_and_the_sliders_go_on(author: Author) -> None:
    for _ in range(3):
        author.step()
    author.step("pause")
    author.step()
    stopped = author.sound.frames[-1]
    author.desk.panel.set("calm", 0.77)
    author.step()
    assert author.sound.frames[-1].tick == stopped.tick
    assert author.sound.frames[-1].drive.calm == 0.77
    author.step("pause")
    author.step()
    assert author.sound.frames[-1].tick > stopped.tick


def test_keys_do_here_what_they_do_in_a_session(author: Author) -> None:
    author.step()
    held = author.desk.panel.held
    author.step("press")
    for _ in range(12):
        author.step()
    assert author.sound.frames[-1].drive.touch > 0.1
    author.step("density+", "load-", "richer")
    assert held["density"] == pytest.approx(0.625)
    assert held["load"] == pytest.approx(0.175)
    assert held["intensity"] == pytest.approx(0.65)
    author.step("silence")
    assert held["sound"] == 0.0
    author.step("silence")
    assert "sound" not in held
    author.step("brightness-")
    assert held["picture"] < author.sound.frames[-2].levels.picture


def test_every_word_of_the_keys_is_understood(author: Author) -> None:
    for word in sorted(set(KEYS.values()) - {"stop", "full_screen"}):
        author.step(word)
    assert not [value for kind, value in author.said if kind == "error"]


def test_the_arrows_lead_to_the_next_world_of_the_folder(author: Author) -> None:
    author.step()
    author.step("next_scene")
    first = author.desk.panel.scene.name
    author.step("next_scene")
    assert [first, author.desk.panel.scene.name] == names()[:2]
    author.step("previous_scene")
    assert author.desk.panel.scene.name == first
    assert author.sound.played[-1][1] == load(first).soundscape.text
    assert {frame.scene for frame in author.sound.frames} == {str(author.file)}


def test_the_arrows_keep_to_the_worlds_that_are_offered(author: Author) -> None:
    author.desk._others = ["aurora"]
    for _ in range(3):
        author.step("next_scene")
        assert author.desk.panel.scene.name == "aurora"
    author.desk._others = []
    author.step("previous_scene")
    assert author.desk.panel.scene.name == "aurora"


def test_mistakes_stand_on_the_panel_until_they_are_put_right(author: Author) -> None:
    author.step()
    good = author.file.read_text()
    author.write(author.file, good.replace("0.2)", "x)"))
    author.step()
    assert author.desk.panel.note.startswith("world.frag:6: ")
    author.write(author.file, good)
    os.utime(author.file, ns=(1, author.file.stat().st_mtime_ns + 5_000_000_000))
    author.step()
    assert author.desk.panel.note == ""
    author.write(author.sound_file, '[[voice]]\nkind = "broken"\n')
    author.step()
    assert author.desk.panel.note == "probe.toml:1: broken is not a kind of voice"
    assert [value for kind, value in author.said if kind == "error"][-1] == author.desk.panel.note
    author.write(author.sound_file, '[[voice]]\nkind = "silence"\nname = "other"\n')
    os.utime(author.sound_file, ns=(1, author.sound_file.stat().st_mtime_ns + 5_000_000_000))
    author.step()
    assert author.desk.panel.note == ""
    assert len(author.sound.played) == 2


def test_what_the_sound_says_stands_there_for_a_while(author: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    author.sound.says = [("sound", {"gaps": 0}), ("error", "no sound: there is no output device")]
    author.step()
    assert author.desk.panel.aside == "no sound: there is no output device"
    monkeypatch.setattr(module, "ASIDE_S", 0.0)
    author.sound.says = [("error", "no sound at all")]
    author.step()
    assert author.desk.panel.aside == ""
    assert ("error", "no sound at all") in author.said


def test_comfort_is_where_the_panel_begins(context: Context, tmp_path: Path) -> None:
    world = tmp_path / "world.frag"
    world.write_text(TEXT)
    (tmp_path / "probe.toml").write_text('[[voice]]\nkind = "silence"\n')
    stage = headless((64, 36))
    settings = Settings(motion=0.0, light=0.3, safe=1.0)
    desk = Desk(str(world), load(str(world)), lambda *_: None, stage, 3, settings, None, 0.2)
    assert desk.panel.world == {"motion": 0.0, "light": 0.3, "seed": 3.0, "colours": 1.0}
    assert desk.panel.held == {"intensity": 0.2}
    desk.close()
    stage.close()


def test_the_mouse_and_the_keys_of_the_window_reach_the_panel() -> None:
    pygame = pytest.importorskip("pygame")
    panel = Panel(CALM, (1280, 720))
    box = panel.layout.sliders["breath"]
    place = (box.x + box.width // 2, box.y + box.height // 2)

    def heard(kind: int, **values: Any) -> bool:
        return on_event(panel, pygame.event.Event(kind, values), 1.0)

    assert heard(pygame.MOUSEBUTTONDOWN, pos=place, button=1)
    assert heard(pygame.MOUSEMOTION, pos=(box.x + box.width, place[1]))
    assert heard(pygame.MOUSEBUTTONUP, pos=place, button=1)
    assert panel.held == {"breath": 1.0}
    assert heard(pygame.MOUSEBUTTONDOWN, pos=place, button=3)
    assert panel.held == {}
    assert heard(pygame.KEYDOWN, key=pygame.K_TAB)
    assert not heard(pygame.MOUSEBUTTONDOWN, pos=place, button=1)
    assert not heard(pygame.KEYDOWN, key=pygame.K_SPACE)
    assert not heard(pygame.QUIT)
