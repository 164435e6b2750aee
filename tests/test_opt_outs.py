"""A world with a tag that the person opted out of is never offered, by no way at all."""

import json
from pathlib import Path

import pytest
from certified import certify

from biofeed import cli, worlds
from biofeed.errors import UsageError

ALL, BROKEN = worlds.found()
TAGS = sorted({*worlds.TAGS, *(tag for world in ALL.values() for tag in world.tags)})
SHADER = (
    '/*\ntitle = "M"\nmood = "m"\ntags = ["moths"]\nsoundscape = "tide"\n*/\nvec3 scene(vec2 p) { return vec3(0.1); }\n'
)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.hazard("H-12")
@pytest.mark.parametrize("tag", TAGS)
def test_no_way_leads_to_a_world_with_the_tag(tag: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with_it = {name for name, world in ALL.items() if tag in world.tags}
    assert with_it.isdisjoint(worlds.offered(ALL, [tag]))
    assert {*worlds.offered(ALL, [tag]), *with_it} == set(ALL)
    first = next(name for name in ALL if name not in with_it)
    assert with_it.isdisjoint(worlds.beside(first, [tag], lambda _: None))  # what the arrow keys go round
    assert with_it.isdisjoint(worlds.beside(None, [tag], lambda _: None))
    _, out, _ = told(capsys, "scenes", "--json", "--avoid", tag)
    assert with_it.isdisjoint(entry["name"] for entry in json.loads(out)["scenes"])
    for name in with_it:
        for command in (("render", "--out", str(tmp_path / "x.png")), ("demo", "--headless"), ("session",)):
            code, _, error = told(capsys, *command, "--scene", name, "--avoid", tag)
            assert code == 2
            assert f"the scene {name} has the tag {tag}" in error
            assert len(error.splitlines()) == 1


@pytest.mark.hazard("H-12")
def test_the_settings_file_s_opt_outs_hold_for_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = tmp_path / "biofeed.toml"
    settings.write_text('[world]\navoid = ["water"]\n')
    code, out, _ = told(capsys, "scenes", "--config", str(settings))
    assert "tide" not in out
    code, _, error = told(capsys, "render", "--scene", "tide", "--config", str(settings), "--out", "x.png")
    assert (code, error) == (2, "biofeed: the scene tide has the tag water, which is to be avoided\n")


@pytest.mark.hazard("H-12")
def test_a_tag_that_nobody_knows_is_a_mistake_and_no_permission() -> None:
    with pytest.raises(UsageError, match=r"there is no tag watr to avoid; did you mean water\?"):
        worlds.beside(None, ["watr"], lambda _: None)
    with pytest.raises(UsageError, match="there is no tag watr"):
        worlds.load("tide", ["watr"])


def test_a_tag_may_be_avoided_that_no_world_has() -> None:
    unused = [tag for tag in worlds.TAGS if not any(tag in world.tags for world in ALL.values())]
    assert unused
    assert worlds.offered(ALL, unused) == ALL


def test_a_world_of_one_s_own_brings_its_own_tags(tmp_path: Path) -> None:
    path = tmp_path / "mine.frag"
    path.write_text(SHADER)
    certify(path)
    assert next(iter(worlds.beside(str(path), ["fire"], lambda _: None))) == "mine"
    with pytest.raises(UsageError, match="the scene mine has the tag moths"):
        worlds.load(str(path), ["moths"])


def test_without_a_name_another_world_takes_the_first_one_s_place() -> None:
    assert worlds.load(None).name == worlds.FIRST
    instead = worlds.load(None, ALL[worlds.FIRST].tags[:1])
    assert not set(instead.tags) & set(ALL[worlds.FIRST].tags[:1])
    with pytest.raises(UsageError, match="which is to be avoided"):
        worlds.load(None, {tag for world in ALL.values() for tag in world.tags})


def test_a_session_begins_with_the_world_that_was_asked_for_and_has_all_the_others() -> None:
    said: list[str] = []
    shown = worlds.beside("tide", [], said.append)
    assert next(iter(shown)) == "tide"
    assert set(shown) == set(ALL)
    assert len(said) == len(BROKEN)


def test_the_list_is_aligned_and_its_json_tells_tags_and_comfort(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(capsys, "scenes")
    lines = out.splitlines()
    at = lines[0].index("mood")
    assert lines[0].split() == ["name", "deg/s", "tags", "mood"]
    for name, line in zip(ALL, lines[1:], strict=False):
        assert line.startswith(name)
        assert line[at:].startswith(ALL[name].title)
        assert line[at - 2 : at] == "  "
    _, out, _ = told(capsys, "scenes", "--json")
    tide = next(entry for entry in json.loads(out)["scenes"] if entry["name"] == "tide")
    assert set(tide) == {"name", "title", "mood", "tags", "comfort"}
    assert set(tide["comfort"]) == {"flow", "contrast"}


def test_a_recording_is_drawn_as_it_was_held(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    for choice in (("--comfort", "gentle"), ("--avoid", "water"), ("--colours", "safe")):
        code, _, error = told(capsys, "render", "--from", str(tmp_path / "none"), *choice, "--out", str(out))
        assert code == 2
        assert f"leave {choice[0]} out" in error
