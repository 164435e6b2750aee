"""The author's panel: what it holds, where it lies, what it tells of a manifest, and how it is laid over a picture."""

from collections.abc import Callable
from itertools import pairwise

import moderngl
import numpy as np
import pytest

from biofeed.bindings import SOURCES
from biofeed.graphics.context import Context
from biofeed.graphics.panel import ROWS, Panel, author_s_words, layout, light_wires, sound_wires
from biofeed.graphics.panel_drawing import EVERY_S, Drawing
from biofeed.messages import DRIVES, LEVELS, ControlFrame
from biofeed.scene import Scene, load, names, parse

MakeFrame = Callable[..., ControlFrame]
SIZE = (1280, 720)
SIZES = [(640, 360), (800, 450), (1280, 720), (1024, 768), (1080, 1920), (2560, 1080), (3840, 2160)]

SHADER = """/*
title = "Lamp"
mood = "a lamp that breathes"
soundscape = "lamp"

# breath: the flame grows,
# and its light with it; guide: a ring widens
# calm: stills the air
[uniforms]
u_flame = { from = "breath", low = 0.2, high = 0.9, curve = "ease_in", smooth_s = 0.1 }
u_rise = { from = "exhale", high = 0.5, integrate = true }
u_air = { from = "calm", low = 1.0, high = 0.0 }
*/
uniform float u_flame;
uniform float u_rise;
uniform float u_air;
vec3 scene(vec2 p) { return vec3(u_flame + u_rise + u_air); }
"""
SOUND = """
[[voice]]
name = "hum"
kind = "pad"
level = { from = "breath", low = 0.1, high = 0.4 }
brightness = { from = "calm", low = 0.5, high = 0.2, smooth_s = 5.0 }
[[voice]]
kind = "silence"
"""
LAMP = parse("lamp", {"lamp.frag": SHADER, "lamp.toml": SOUND})


@pytest.fixture
def panel() -> Panel:
    return Panel(LAMP, SIZE)


def middle(panel: Panel, name: str, part: float = 0.5) -> tuple[float, float]:
    """A place on a row's slider, that part of its length from the left."""
    box = panel.layout.sliders[name]
    return box.x + part * box.width, box.y + box.height / 2


def test_every_drive_level_and_source_has_a_row_of_its_own() -> None:
    listed = [row.name for row in ROWS]
    assert len(set(listed)) == len(listed)
    assert {*DRIVES, *LEVELS, *SOURCES, "minute", "motion", "light", "seed", "colours"} == set(listed)
    assert all(row.about for row in ROWS)


def test_what_is_not_touched_passes_through_as_it_is(panel: Panel, make_frame: MakeFrame) -> None:
    frame = make_frame(7, breath=0.3, pulse=0.1)
    assert panel.hold(frame) == frame
    assert panel.text("breath") == "0.30"
    assert not panel.is_held("breath")


def test_a_dragged_slider_holds_its_row_until_it_is_let_go(panel: Panel, make_frame: MakeFrame) -> None:
    assert panel.press(*middle(panel, "breath", 0.25), 1, 0.0)
    assert panel.hold(make_frame(1, breath=0.9)).drive.breath == pytest.approx(0.25, abs=0.01)
    assert panel.move(*middle(panel, "calm", 0.8))  # while dragged, the mouse may leave the row
    assert panel.release()
    frame = panel.hold(make_frame(2, breath=0.9, calm=0.4))
    assert frame.drive.breath == pytest.approx(0.8, abs=0.01)
    assert frame.drive.calm == 0.4
    panel.move(*middle(panel, "calm", 0.1))
    assert panel.held["breath"] == pytest.approx(0.8, abs=0.01)
    assert panel.press(*middle(panel, "breath"), 3, 5.0)
    assert panel.hold(make_frame(3, breath=0.9)).drive.breath == 0.9


def test_a_drag_beyond_the_end_stays_within_the_row_s_bounds(panel: Panel) -> None:
    panel.press(*middle(panel, "load"), 1, 0.0)
    panel.move(5000.0, 0.0)
    assert panel.held["load"] == 1.0
    panel.move(-5000.0, 0.0)
    assert panel.held["load"] == 0.0


def test_a_double_click_lets_a_row_run_again_and_two_slow_clicks_do_not(panel: Panel) -> None:
    place = middle(panel, "guide")
    for now_s in (0.0, 0.2):
        panel.press(*place, 1, now_s)
        panel.release()
    assert not panel.is_held("guide")
    for now_s in (10.0, 12.0):
        panel.press(*place, 1, now_s)
        panel.release()
    assert panel.is_held("guide")


def test_levels_are_held_as_drives_are(panel: Panel, make_frame: MakeFrame) -> None:
    panel.set("density", 0.9)
    panel.set("sound", 0.0)
    levels = panel.hold(make_frame(1)).levels
    assert (levels.density, levels.sound) == (0.9, 0.0)
    panel.key("r")
    assert panel.hold(make_frame(2)).levels == make_frame(2).levels


def test_what_follows_from_the_breath_can_only_be_read(panel: Panel, make_frame: MakeFrame) -> None:
    panel.set("exhale", 1.0)
    assert not panel.held
    for tick in range(240):  # one long breath out
        panel.hold(make_frame(tick, breath=1.0 - tick / 240, confidence=1.0))
    assert panel.values["exhale"] > 0.3


def test_the_world_s_rows_keep_to_their_steps_and_go_back_to_where_they_began() -> None:
    panel = Panel(LAMP, SIZE, {"motion": 0.4, "seed": 3.0, "intensity": 0.2})
    assert panel.world["motion"] == 0.4
    assert panel.held == {"intensity": 0.2}
    panel.set("seed", 7.4)
    panel.set("colours", 0.7)
    panel.set("motion", 0.9)
    assert (panel.world["seed"], panel.text("seed")) == (7.0, "7")
    assert panel.text("colours") == "safe"
    for name in ("seed", "colours", "motion"):
        panel.free(name)
    assert (panel.world["seed"], panel.world["colours"], panel.world["motion"]) == (3.0, 0.0, 0.4)


def test_another_minute_is_asked_for_and_not_held(panel: Panel, make_frame: MakeFrame) -> None:
    panel.press(*middle(panel, "minute", 0.5), 1, 0.0)
    assert panel.jump_min == pytest.approx(30.0, abs=0.5)
    assert not panel.is_held("minute")
    panel.hold(make_frame(60 * 90))
    assert panel.text("minute") == "01:30"


def test_the_wheel_turns_the_row_under_it_a_little(panel: Panel, make_frame: MakeFrame) -> None:
    panel.hold(make_frame(1, calm=0.5))
    assert panel.wheel(*middle(panel, "calm"), 2.0)
    assert panel.held["calm"] == pytest.approx(0.54)
    assert not panel.wheel(*middle(panel, "even"), 1.0)
    assert not panel.wheel(5.0, 5.0, 1.0)


def test_a_hidden_panel_leaves_every_event_to_the_picture(panel: Panel) -> None:
    assert panel.key("tab")
    assert not panel.press(*middle(panel, "breath"), 1, 0.0)
    assert not panel.move(*middle(panel, "breath"))
    assert not panel.wheel(*middle(panel, "breath"), 1.0)
    assert not panel.key("space")
    assert panel.key("h")
    assert panel.press(*middle(panel, "breath"), 1, 1.0)


def test_a_click_beside_the_panel_is_the_picture_s_and_one_between_its_rows_is_nobody_s(panel: Panel) -> None:
    box = panel.layout.panel
    assert not panel.press(box.x - 5, 100, 1, 0.0)
    assert panel.press(box.x + 5, box.y + 5, 1, 0.0)
    assert not panel.held


@pytest.mark.parametrize("size", SIZES)
def test_at_every_size_the_rows_lie_within_the_panel_one_below_the_other(size: tuple[int, int]) -> None:
    places = layout(size)
    panel = places.panel
    assert panel.x >= 0
    assert panel.x + panel.width <= size[0]
    assert panel.y + panel.height <= size[1]
    boxes = list(places.rows.values())
    assert len(boxes) == len(ROWS)
    for above, below in pairwise(boxes):
        assert above.y + above.height <= below.y
    assert boxes[0].y > panel.y
    assert min(box.height for box in boxes) >= (9 if size[1] < 450 else 12)
    assert boxes[-1].y + boxes[-1].height <= places.foot < panel.y + panel.height
    for name, track in places.sliders.items():
        assert panel.x < track.x < track.x + track.width < panel.x + panel.width
        assert places.rows[name].holds(track.x, track.y)


def test_the_mapping_names_every_uniform_and_knob_with_its_range(panel: Panel) -> None:
    assert [(wire.name, wire.text) for wire in light_wires(LAMP, "breath")] == [
        ("u_flame", "0.2 to 0.9, ease in, 0.1 s")
    ]
    assert [(wire.name, wire.text) for wire in light_wires(LAMP, "exhale")] == [("u_rise", "0 to 0.5 per s")]
    assert [(wire.name, wire.text) for wire in sound_wires(LAMP, "calm")] == [("hum: brightness", "0.5 to 0.2, 5 s")]
    assert light_wires(LAMP, "pulse") == sound_wires(LAMP, "pulse") == []


@pytest.mark.parametrize("name", names())
def test_no_binding_of_any_world_is_missing_from_the_mapping(name: str) -> None:
    world = load(name)
    wires = [wire for row in ROWS for wire in (*light_wires(world, row.name), *sound_wires(world, row.name))]
    n_knobs = sum(len(voice.bindings) for voice in world.soundscape.voices)
    assert len(wires) == len(world.bindings) + n_knobs
    assert len({wire.key for wire in wires}) == len(wires)


def test_the_mapping_shows_where_each_parameter_is(panel: Panel, make_frame: MakeFrame) -> None:
    for tick in range(300):
        panel.hold(make_frame(tick, breath=1.0, calm=1.0))
    flame, hum, air = light_wires(LAMP, "breath")[0], sound_wires(LAMP, "breath")[0], light_wires(LAMP, "calm")[0]
    assert flame.part(panel.live[flame.key]) == pytest.approx(1.0, abs=0.01)
    assert panel.live[hum.key] == pytest.approx(0.4)
    assert air.part(panel.live[air.key]) == pytest.approx(1.0)  # from 1 down to 0: it has arrived
    rise = light_wires(LAMP, "exhale")[0]
    assert rise.part(panel.live[rise.key]) is None


def test_the_author_s_own_words_stand_beside_the_mapping() -> None:
    assert author_s_words(LAMP) == {
        "breath": "the flame grows, and its light with it",
        "guide": "a ring widens",
        "calm": "stills the air",
    }


@pytest.fixture
def target(context: Context, monkeypatch: pytest.MonkeyPatch) -> moderngl.Framebuffer:
    monkeypatch.setattr(context, "size", SIZE)
    return context.gl.simple_framebuffer(SIZE)


def seen(target: moderngl.Framebuffer) -> np.ndarray:
    data = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
    return data.reshape(SIZE[1], SIZE[0], 3)[::-1].astype(int)


def test_the_panel_is_laid_over_its_own_place_and_nowhere_else(
    panel: Panel, context: Context, target: moderngl.Framebuffer, make_frame: MakeFrame
) -> None:
    drawing = Drawing(context)
    panel.hold(make_frame(1, breath=0.5))
    target.clear(0.5, 0.5, 0.5)
    drawing(panel, target, 0.0)
    picture, box, card = seen(target), panel.layout.panel, panel.layout.card
    inside = picture[box.y + 30 : box.y + box.height - 30, box.x + 20 : box.x + box.width - 20]
    assert np.median(inside) < 60  # the ground is dark,
    assert inside.max() > 200  # and the letters are not
    assert (picture[:, : card.x] == 128).all() or (picture[:, : card.x] == 127).all()
    panel.key("tab")
    target.clear(0.5, 0.5, 0.5)
    drawing(panel, target, 1.0)
    assert len(np.unique(seen(target))) == 1
    drawing.close()


def test_it_is_painted_again_when_a_value_changes_but_not_more_often_than_can_be_read(
    panel: Panel, context: Context, target: moderngl.Framebuffer, make_frame: MakeFrame
) -> None:
    drawing = Drawing(context)
    pictures = []
    for value, now_s in ((0.2, 0.0), (0.8, EVERY_S / 2), (0.8, EVERY_S * 1.5)):
        panel.hold(make_frame(1, guide=value))
        target.clear(0.0, 0.0, 0.0)
        drawing(panel, target, now_s)
        pictures.append(seen(target))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])
    row = panel.layout.rows["guide"]
    changed = np.abs(pictures[2] - pictures[0]).max(axis=(1, 2)) > 0
    card = panel.layout.card
    assert changed[row.y : row.y + row.height].any()
    assert not np.abs(pictures[2] - pictures[0])[: row.y, card.x + card.width :].any()
    drawing.close()


def test_a_mistake_is_written_under_the_picture_even_when_the_panel_is_hidden(
    panel: Panel, context: Context, target: moderngl.Framebuffer
) -> None:
    drawing = Drawing(context)
    panel.key("tab")
    panel.note = "lamp.frag:18: u_flam is not bound; did you mean u_flame?"
    target.clear(0.0, 0.0, 0.0)
    drawing(panel, target, 0.0)
    rows = seen(target).max(axis=(1, 2))
    assert rows[-60:].max() > 150
    assert rows[: SIZE[1] // 2].max() == 0
    drawing.close()


def test_a_world_without_a_word_or_a_binding_has_a_panel_as_well(make_frame: MakeFrame) -> None:
    bare: Scene = parse(
        "bare",
        {
            "bare.frag": '/*\ntitle = "B"\nmood = "m"\nsoundscape = "b"\n*/\nvec3 scene(vec2 p) { return vec3(0); }\n',
            "b.toml": '[[voice]]\nkind = "silence"\n',
        },
    )
    panel = Panel(bare, SIZE)
    panel.hold(make_frame(1))
    assert (panel.words, panel.live) == ({}, {})
