from collections.abc import Callable

import pytest

from biofeed.errors import SceneError
from biofeed.graphics.context import Context
from biofeed.graphics.program import Program, errors
from biofeed.scene import Scene

MakeScene = Callable[..., Scene]
BODY = "vec3 scene(vec2 p) {\n    return vec3(0.1);\n}\n"
MANIFEST_LINES = 7  # before the body, with no uniforms


def test_an_error_names_the_line_of_the_scene_itself(context: Context, make_scene: MakeScene) -> None:
    with pytest.raises(SceneError) as caught:
        Program(context.gl, make_scene("vec3 scene(vec2 p) {\n    return vec3(glow);\n}\n"))
    assert (caught.value.file, caught.value.line) == ("probe.frag", MANIFEST_LINES + 2)
    assert "glow" in str(caught.value)


def test_an_error_in_an_included_file_names_that_file_and_its_line(context: Context, make_scene: MakeScene) -> None:
    lib = "float half_of(float x) {\n    return 0.5 * y;\n}\n"
    with pytest.raises(SceneError) as caught:
        Program(context.gl, make_scene('#include "lib/part.glsl"\n' + BODY, lib=lib))
    assert (caught.value.file, caught.value.line) == ("lib/part.glsl", 2)


def test_an_error_behind_an_include_names_the_line_of_the_scene(context: Context, make_scene: MakeScene) -> None:
    body = '#include "lib/part.glsl"\n\nvec3 scene(vec2 p) { return vec3(half_off(p.x)); }\n'
    with pytest.raises(SceneError) as caught:
        Program(context.gl, make_scene(body, lib="float half_of(float x) { return 0.5 * x; }\n"))
    assert (caught.value.file, caught.value.line) == ("probe.frag", MANIFEST_LINES + 3)


@pytest.mark.parametrize(
    "body", ["float f(float x) { return x; }\n", "vec3 scene(vec2 p);\n", "vec3 scene() { return vec3(0); }\n"]
)
def test_a_text_without_a_scene_is_told_what_it_must_define(body: str, context: Context, make_scene: MakeScene) -> None:
    with pytest.raises(SceneError, match=r"probe\.frag: the shader must define `vec3 scene\(vec2 p\)`"):
        Program(context.gl, make_scene(body))


@pytest.mark.parametrize(
    ("log", "line", "message"),
    [
        ("0:10003(5): error: `glow' undeclared", 3, "`glow' undeclared"),
        ('0(10003) : error C1503: undefined variable "glow"', 3, 'undefined variable "glow"'),
        ("ERROR: 0:10003: 'glow' : undeclared identifier", 3, "'glow' : undeclared identifier"),
        ("0:10003(5): warning: unused\n0:10004(1): error: late", 4, "late"),
    ],
)
def test_the_words_of_each_drivers_compiler_lead_to_file_and_line(
    log: str, line: int, message: str, make_scene: MakeScene
) -> None:
    scene = make_scene('#include "lib/part.glsl"\n' + BODY, lib="float a;\n")
    found = next(errors(scene, f"GLSL Compiler failed\n\nfragment_shader\n=====\n{log}\n"))
    assert (found.file, found.line) == ("lib/part.glsl", line)
    assert str(found).endswith(message)


def test_a_broken_reload_keeps_what_was_there(context: Context, make_scene: MakeScene) -> None:
    program = Program(context.gl, good := make_scene(BODY))
    error = program.reload(make_scene("vec3 scene(vec2 p) { return 1; }"))
    assert isinstance(error, SceneError)
    assert program.scene is good
    assert program.reload(better := make_scene(BODY.replace("0.1", "0.2"))) is None
    assert program.scene is better
    program.release()


def test_a_comment_may_be_written_in_any_language(context: Context, make_scene: MakeScene) -> None:
    Program(context.gl, make_scene("// дыхание, 呼吸, Atem — été\n" + BODY)).release()
