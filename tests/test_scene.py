"""Manifests, soundscapes, bindings and includes: what is right is taken whole, what is wrong is named with its line."""

import contextlib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed import scene
from biofeed.errors import SceneError, UsageError
from biofeed.messages import ControlFrame, Drive, Levels

SOUND = """title = "Still"
[mix]
level = 0.5
[[voice]]
kind = "pad"
level = { from = "breath", low = 0.1, high = 0.4, smooth_s = 0.2 }
pitch = 110.0
"""
SHADER = """/*
title = "Still"
mood = "quiet"
tags = ["dark"]
soundscape = "still"

[uniforms]
u_swell = { from = "breath", low = 0.2, high = 1.0, curve = "smooth", smooth_s = 0.1 }
*/
#include "lib/a.glsl"
uniform float u_swell;
vec3 scene(vec2 p) { return vec3(u_swell * a(p)); }
"""
LIB = "float a(vec2 p) { return p.x; }\n"
FILES = {"still.frag": SHADER, "lib/a.glsl": LIB, "still.toml": SOUND}


def frame(tick: int, **drive: float) -> ControlFrame:
    return ControlFrame(tick, tick / 60.0, replace(Drive(), **drive), "still", Levels(), "running", "")


def test_a_scene_keeps_every_text_it_was_made_from_and_parses_again_from_them() -> None:
    made = scene.parse("still", FILES | {"other.frag": "broken", "lib/unused.glsl": ""})
    assert made.files == FILES
    assert scene.parse("still", made.files) == made


def test_line_directives_keep_the_lines_of_every_file_true() -> None:
    made = scene.parse("still", FILES)
    place = (0, 0)
    seen = {}
    for line in made.glsl.splitlines():
        if line.startswith("#line"):
            _, number, index = line.split()
            place = (int(index), int(number))
            continue
        seen[line] = (made.glsl_files[place[0]], place[1])
        place = (place[0], place[1] + 1)
    assert seen["uniform float u_swell;"] == ("still.frag", 11)
    assert seen["float a(vec2 p) { return p.x; }"] == ("lib/a.glsl", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("u_swell = {", "u_swel = {"), "still.frag:11: u_swell is not bound; did you mean u_swel?"),
        (('from = "breath"', 'from = "breth"'), "still.frag:8: u_swell: breth is not a source; did you mean breath?"),
        (('curve = "smooth"', 'curve = "smoth"'), "still.frag:8: u_swell: smoth is not a curve; did you mean smooth?"),
        (("low = 0.2", "lo = 0.2"), "still.frag:8: u_swell: lo is not a word of a binding; did you mean low?"),
        (('mood = "quiet"', 'mod = "quiet"'), 'still.frag:1: the manifest needs mood = "..."'),
        (('mood = "quiet"', 'mood = "quiet'), "still.frag:3: the manifest is not TOML: Illegal character '\\n'"),
        (("smooth_s = 0.1", "smooth_s = -1"), "still.frag:8: u_swell: smooth_s cannot be negative"),
        (("high = 1.0", "high = nan"), "still.frag:8: u_swell must be a number, not nan"),
        (("uniform float u_swell", "uniform vec2 u_swell"), "still.frag:11: u_swell must be a float"),
        (("uniform float u_swell;", ""), "still.frag:8: u_swell is bound but not declared"),
        (("uniform float u_swell;", "uniform float u_time;"), "still.frag:11: u_time is given to every scene"),
        (('"lib/a.glsl"', '"lib/b.glsl"'), "still.frag:10: cannot include lib/b.glsl; did you mean lib/a.glsl?"),
        (
            ('soundscape = "still"', 'soundscape = "stil"'),
            "still.frag:5: there is no soundscape stil; did you mean still?",
        ),
        (("/*", "// no manifest"), "still.frag:1: a scene begins with its manifest"),
        (('tags = ["dark"]', "comfort = 3"), "still.frag:1: [comfort] and [uniforms] must be tables"),
    ],
)
def test_a_mistake_in_a_manifest_is_named_with_its_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(SceneError) as caught:
        scene.parse("still", FILES | {"still.frag": SHADER.replace(*change)})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('kind = "pad"', ""), 'still.toml:4: a [[voice]] needs kind = "..."'),
        (('from = "breath"', 'from = "xyzzy"'), "still.toml:6: level: xyzzy is not a source; known are breath"),
        (("[mix]", "[mux]"), "still.toml:2: mux is not a word of a soundscape; did you mean mix?"),
        (("[[voice]]", "[voice]"), "still.toml: a soundscape needs a [mix] table and at least one [[voice]]"),
    ],
)
def test_a_mistake_in_a_soundscape_is_named_with_its_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(SceneError) as caught:
        scene.parse("still", FILES | {"still.toml": SOUND.replace(*change)})
    assert str(caught.value).startswith(message)


@pytest.mark.hazard("H-30")
@given(st.text())
def test_no_text_whatever_gives_anything_but_a_scene_or_a_scene_error(text: str) -> None:
    for files in (FILES | {"still.frag": text}, FILES | {"still.frag": f"/*{text}*/"}, FILES | {"still.toml": text}):
        with contextlib.suppress(SceneError):
            assert scene.parse("still", files).files


def test_an_unknown_scene_is_a_usage_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=re.escape("there is no scene tied; did you mean tide?")):
        scene.load("tied")


@pytest.mark.parametrize("name", scene.names())
def test_every_scene_that_lies_in_the_folder_is_whole(name: str) -> None:
    world = scene.load(name)
    assert world.name == name
    assert world.tags
    assert "breath" in {binding.source for binding in world.bindings.values()}
    assert "guide" in {binding.source for binding in world.bindings.values()}
    for uniform in world.bindings:
        assert len(re.findall(rf"\b{uniform}\b", world.files[f"{name}.frag"])) > 2  # bound, declared, and used
    bound = {binding.source for voice in world.soundscape.voices for binding in voice.bindings.values()}
    assert {"breath", "guide"} <= bound
