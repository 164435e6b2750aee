"""What the documents say is true: files exist, layers are the proven ones, and the first scene really is one."""

import re
import textwrap
import tomllib
from pathlib import Path

from biofeed import cli, scene

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def test_the_readme_s_first_scene_is_a_scene() -> None:
    shader = re.search(r"```glsl\n(.*?)```", README, re.DOTALL)
    assert shader
    text = textwrap.dedent(shader.group(1)).strip() + "\n"
    sound = (ROOT / "audio" / "tide.toml").read_text()
    made = scene.parse("mine", {"mine.frag": text, "tide.toml": sound})
    assert made.title == "Mine"
    assert set(made.bindings) == {"u_swell", "u_lead"}


def test_every_command_that_a_document_names_exists() -> None:
    listed = next(action.choices for action in cli._parser()._actions if action.choices)
    assert listed
    named = set(re.findall(r"^biofeed ([a-z]+)", README, re.MULTILINE)) | set(re.findall(r"`biofeed ([a-z]+)", README))
    assert len(named) >= 6
    assert named <= set(listed)


def test_every_file_that_the_architecture_names_exists() -> None:
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.(?:py|md|frag|toml))`", ARCHITECTURE))
    assert len(named) > 15
    for name in named:
        assert (ROOT / "biofeed" / name).is_file() or (ROOT / name).is_file(), name
    for name in re.findall(r"`((?:[a-z_]+\.)+)([A-Za-z_]+)`", ARCHITECTURE):
        parts = [part for part in name[0].split(".") if part]
        module = ROOT / "biofeed" / Path(*parts)
        if name[1] not in ("py", "md", "frag", "toml") and module.with_suffix(".py").is_file():
            assert name[1] in module.with_suffix(".py").read_text(), name


def test_the_architecture_s_layers_are_the_ones_that_are_proven() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    proven = [{part.strip().removeprefix("biofeed.") for part in layer.split("|")} for layer in contract["layers"]]
    block = re.search(r"```\n(cli\n.*?)```", ARCHITECTURE, re.DOTALL)
    assert block
    told = [{part.strip() for part in line.split("|")} for line in block.group(1).splitlines()]
    assert told == proven


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
