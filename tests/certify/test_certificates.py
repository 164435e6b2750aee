"""A scene is offered with a certificate that fits it and holds every limit, and without one it is not."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from certified import CALM, certify

from biofeed import certificates, cli, scene, worlds
from biofeed.certificates import Certificate, Figures, Run, as_text, objection, parse, path_of, sources, violations
from biofeed.errors import SceneError

SHADER = (
    '/*\ntitle = "M"\nmood = "m"\ntags = ["moths"]\nsoundscape = "tide"\n*/\n#include "lib/mine.glsl"\n'
    "vec3 scene(vec2 p) { return light(); }\n"
)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A scene of one's own, with an include and a soundscape beside it."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mine.glsl").write_text("vec3 light() { return vec3(0.1); }\n")
    (tmp_path / "tide.toml").write_text((scene.folders()[1] / "tide.toml").read_text())
    path = tmp_path / "mine.frag"
    path.write_text(SHADER)
    return path


def said_of(path: Path) -> str:
    return objection(str(path), scene.load(str(path))) or ""


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.hazard("H-01", "H-02", "H-03", "H-30")
def test_every_scene_of_the_folder_has_a_certificate_that_fits_and_holds_every_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = told(capsys, "certify", "--check")
    assert code == 0, out
    assert out == f"{len(scene.names())} of {len(scene.names())} scenes are certified\n"
    made_of = {path.stem for path in certificates.folder().glob("*.toml")}
    assert made_of == set(scene.names())  # and none is left of a scene that is gone


@pytest.mark.hazard("H-01", "H-30")
def test_a_scene_without_a_certificate_is_not_offered_and_says_what_to_do(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"the scene mine has no certificate; `biofeed certify {mine}` measures it" in said_of(mine)
    with pytest.raises(SceneError, match=r"mine\.frag: it is not offered to a person: .* has no certificate"):
        worlds.beside(str(mine), [], lambda _: None)
    for command in (("demo", "--headless"), ("session",)):
        code, _, error = told(capsys, *command, "--scene", str(mine))
        assert (code, len(error.splitlines())) == (1, 1)
        assert "has no certificate" in error
    code, out, _ = told(capsys, "certify", str(mine), "--check")
    assert (code, out) == (1, f"{said_of(mine)}\n")


@pytest.mark.hazard("H-30")
def test_an_author_loads_and_draws_a_scene_that_is_not_certified(mine: Path) -> None:
    assert worlds.load(str(mine)).name == "mine"


@pytest.mark.hazard("H-30")
def test_a_certificate_that_fits_lets_the_scene_be_offered(mine: Path) -> None:
    certify(mine)
    assert said_of(mine) == ""
    assert next(iter(worlds.beside(str(mine), [], lambda _: None))) == "mine"


@pytest.mark.hazard("H-30")
@pytest.mark.parametrize("which", ["mine.frag", "lib/mine.glsl", "tide.toml"])
def test_a_change_of_shader_include_or_soundscape_asks_for_a_new_certificate(mine: Path, which: str) -> None:
    certify(mine)
    changed = mine.parent / which
    changed.write_text(changed.read_text() + ("// " if which != "tide.toml" else "# ") + "changed\n")
    assert "was changed after it was certified; `biofeed certify" in said_of(mine)


@pytest.mark.hazard("H-30")
def test_a_change_of_a_gate_asks_for_a_new_certificate(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certify(mine)
    monkeypatch.setattr(certificates, "GATES", (*certificates.GATES, "engine.py"))
    assert "or a gate behind it, was changed after it was certified" in said_of(mine)


def test_all_gates_exist_and_the_last_ones_are_among_them() -> None:
    package = Path(certificates.__file__).parent
    assert all((package / name).is_file() for name in certificates.GATES)
    assert {"graphics/guard.py", "graphics/last_pass.py", "limits.py"} <= set(certificates.GATES)


@pytest.mark.hazard("H-01")
def test_a_certificate_that_holds_a_violation_is_none(mine: Path) -> None:
    for figures, comfort, what in (
        (replace(CALM, flashes=4, flashes_at_s=3.5, flashes_x=0.1, flashes_y=0.9), "full", "at 3.5 s, bottom left"),
        (replace(CALM, red_flashes=2, red_at_s=1.0), "full", "red flashes: 2 red flashes in a second"),
        (replace(CALM, sustained_s=4.0), "full", "sustained flashes"),
        (replace(CALM, stripes_s=0.6), "full", "stripes: 0.6 s of regular stripes"),
        (replace(CALM, mean=0.2), "post-infusion", "mean luminance: 0.2"),
        (replace(CALM, peak=0.9), "gentle", "peak luminance: 0.9"),
        (replace(CALM, rise_per_s=0.2), "full", "luminance rise: 0.2"),
        (replace(CALM, flow_deg_per_s=2.5), "full", "flow: 2.5 degrees/s"),
    ):
        certify(mine, figures, comfort)
        assert "does not hold every limit" in said_of(mine)
        assert what in said_of(mine)
    certify(mine, replace(CALM, flashes=1, stripes_s=0.5, mean=0.15, rise_per_s=0.1), "post-infusion")
    assert said_of(mine) == ""


@pytest.mark.parametrize(
    "text", ["", "scene = 1", "no toml", 'scene="mine"\nsources="x"\ndriver="d"\n[[run]]\nname="a"\ncomfort="full"\n']
)
def test_a_certificate_that_cannot_be_read_is_named(mine: Path, text: str) -> None:
    path_of(str(mine)).write_text(text)
    assert "the certificate mine.certificate of the scene mine cannot be read" in said_of(mine)


@pytest.mark.parametrize("old", ['comfort = "full"', "mean = 0", 'driver = "none"'])
def test_a_certificate_with_a_wrong_or_missing_entry_cannot_be_read(mine: Path, old: str) -> None:
    path = certify(mine)
    for new in (f'{old.split(" ", maxsplit=1)[0]} = "wrong"', ""):
        if old.startswith("driver") and new:
            continue  # any driver will do
        path.write_text(path.read_text().replace(old, new, 1))
        assert "cannot be read" in said_of(mine)
        certify(mine)


def test_another_scene_s_certificate_does_not_fit(mine: Path) -> None:
    path = certify(mine)
    path.write_text(path.read_text().replace('scene = "mine"', 'scene = "other"'))
    assert "was changed after it was certified" in said_of(mine)


def test_a_certificate_without_a_run_is_none(mine: Path) -> None:
    world = scene.load(str(mine))
    path_of(str(mine)).write_text(as_text(Certificate("mine", sources(world), "none", ())) + "run = []\n")
    assert "nothing was measured" in said_of(mine)


def test_a_certificate_is_the_same_after_reading_and_writing_it_and_has_no_date() -> None:
    figures = Figures(10, 1.5, 1, 0.5, 0.25, 0.75, 0, -1.0, -1.0, -1.0, 0.0, 0.1, 7.0, 0.2, 0.03, 0.4, 0.05, -1.0, -1.0)
    made = Certificate("mine", "0" * 64, "a driver", (Run("one", "full", figures), Run("two", "gentle", figures)))
    assert parse(as_text(made)) == made
    assert violations(made) == []
    assert "20" not in as_text(made).replace("0" * 64, "")


@pytest.mark.hazard("H-30")
def test_the_hash_knows_which_text_stands_where(mine: Path) -> None:
    world = scene.load(str(mine))
    names = list(world.files)
    swapped = {**world.files, names[0]: world.files[names[1]], names[1]: world.files[names[0]]}
    assert sources(replace(world, files=swapped)) != sources(world)
    backwards = dict(reversed(world.files.items()))
    assert sources(replace(world, files=backwards)) == sources(world)


@pytest.mark.hazard("H-30")
def test_without_a_name_the_first_certified_world_is_shown_and_who_is_left_out_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [name for name in scene.names() if name != worlds.FIRST]
    monkeypatch.setattr(certificates, "objection", lambda which, _: "no" if which == worlds.FIRST else None)
    said: list[str] = []
    assert list(worlds.beside(None, [], said.append)) == others
    assert said == ["left out: no"]
    monkeypatch.setattr(certificates, "objection", lambda _which, _scene: "no")
    with pytest.raises(SceneError, match="no scene can be offered: no"):
        worlds.beside(None, [], said.append)


@pytest.mark.hazard("H-30")
def test_the_list_of_scenes_says_who_is_not_certified(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "objection", lambda which, _: "it blinks" if which == "tide" else None)
    _, out, _ = told(capsys, "scenes")
    assert [line.split() for line in out.splitlines() if "blinks" in line] == [
        ["tide", "not", "certified:", "it", "blinks"]
    ]
    _, out, _ = told(capsys, "scenes", "--json")
    refused = {entry["name"]: entry["not_certified"] for entry in json.loads(out)["scenes"] if "not_certified" in entry}
    assert refused == {"tide": "it blinks"}


def test_a_check_as_json_tells_both_kinds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "objection", lambda which, _: "it blinks" if which == "tide" else None)
    code, out, _ = told(capsys, "certify", "--check", "--json")
    answer = json.loads(out)
    assert code == 1
    assert answer["objections"] == {"tide": "it blinks"}
    assert answer["certified"] == [name for name in scene.names() if name != "tide"]


def test_a_check_draws_nothing() -> None:
    loaded = (
        "import sys; from biofeed import cli; cli.main(['certify', '--check']); "
        "sys.exit(any(name in sys.modules for name in ('moderngl', 'numba', 'av')))"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=False).returncode == 0


def test_certify_asks_for_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "certify")[::2] == (
        2,
        "biofeed: say what to certify: a scene, all, or a video file; or --check\n",
    )
    assert told(capsys, "certify", "aurra")[0] == 2
