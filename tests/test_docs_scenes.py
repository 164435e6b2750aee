"""The gallery shows the worlds there are: a page for each, whose tables name every binding, and pictures that exist."""

import re
from pathlib import Path

import pytest
from world import world_of

from biofeed import scene

FOLDER = Path(__file__).parent.parent / "docs" / "scenes"
MOST_BYTES = 6_000_000
each_world = pytest.mark.parametrize("name", scene.names())


@each_world
def test_a_world_has_a_page_that_names_every_binding_of_picture_and_sound(name: str) -> None:
    world = world_of(name)
    page = (FOLDER / f"{name}.md").read_text()
    assert page.startswith(f"# {world.title}\n")
    assert world.mood in page
    for tag in world.tags:
        assert tag in page
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in page.splitlines() if line[:1] == "|"]
    told = {tuple(row[:3]) for row in rows} | {tuple(row[:4]) for row in rows}
    for uniform, binding in world.bindings.items():
        span = f"{binding.low:g} .. {binding.high:g}" + (" a second, summed" if binding.integrate else "")
        assert (f"`{uniform}`", binding.source, span) in told
    for voice in world.soundscape.voices:
        for knob, binding in voice.bindings.items():
            span = f"{binding.low:g} .. {binding.high:g}" + (" a second, summed" if binding.integrate else "")
            assert (f"{voice.name}, {voice.kind}", f"`{knob}`", binding.source, span) in told


@pytest.mark.hazard("H-12")
def test_the_list_names_every_world_and_no_other() -> None:
    listed = re.findall(r"^\| \[([^\]]+)\]\((\w+)\.md\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert listed == [(world_of(name).title, name) for name in scene.names()]


def test_every_link_of_the_gallery_leads_somewhere_and_every_picture_is_shown() -> None:
    shown = set()
    for page in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (FOLDER / target).is_file(), (page.name, target)
            shown.add(FOLDER / target)
    assert {path for path in FOLDER.rglob("*") if path.suffix in (".jpg", ".png", ".svg")} <= shown


def test_the_gallery_is_small_enough_to_be_carried_along() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MOST_BYTES
