"""What is written in a world's files: GLSL that every driver takes, a manifest that tells the mapping, a soundscape."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from world import world_of

from biofeed import scene
from biofeed.graphics.program import source
from biofeed.scene import folders
from biofeed.sound import synth

SHADERS, AUDIO = folders()
GLSL = sorted([*SHADERS.glob("*.frag"), *SHADERS.glob("lib/*.glsl")])
MOST_TURNS = 16  # of a loop: a pixel that looks at more is too slow without a graphics card
MOST_LINES = 400
TOLD = ("breath", "guide", "pulse", "calm", "coherence", "progress", "confidence")
each_world = pytest.mark.parametrize("name", scene.names())
each_file = pytest.mark.parametrize("path", GLSL, ids=lambda path: path.name)


def code(text: str) -> str:
    """GLSL without its comments, on the same lines."""
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


@each_world
@pytest.mark.skipif(
    shutil.which("glslangValidator") is None, reason="glslangValidator (glslang-tools) is not installed"
)
def test_the_reference_compiler_accepts_the_shader(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.frag"
    path.write_text(source(world_of(name)))
    done = subprocess.run(["glslangValidator", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout, done.stdout


@each_file
def test_glsl_is_ascii_without_tabs_in_files_of_a_readable_length(path: Path) -> None:
    text = path.read_bytes()
    assert text.isascii()
    assert b"\t" not in text
    assert b"\r" not in text
    assert text.endswith(b"\n")
    assert text.count(b"\n") <= MOST_LINES


@pytest.mark.hazard("H-12")
@each_file
def test_a_world_needs_neither_textures_nor_extensions_nor_a_frame_before(path: Path) -> None:
    text = code(path.read_text())
    for word in (r"\bsampler\w*", r"\btexture\w*\s*\(", r"\btexelFetch\w*\s*\(", r"#\s*extension", r"#\s*version"):
        assert not re.search(word, text), word


@each_file
def test_a_loop_is_short_and_its_length_is_written_down(path: Path) -> None:
    text = code(path.read_text())
    assert not re.search(r"\bwhile\b", text)
    constants = {name: int(value) for name, value in re.findall(r"const int (\w+)\s*=\s*(\d+)", text)}
    constants |= {name: int(value) for name, value in re.findall(r"#define (\w+)\s+(\d+)\b", text)}
    for head in re.findall(r"\bfor\s*\(([^)]*)\)", text):
        found = re.fullmatch(r"\s*int (\w+) = (-?\w+); \1 (<=?) (-?\w+); (?:\1\+\+|\+\+\1)\s*", head)
        assert found, f"for ({head}): count with an int in steps of one, up to a constant"
        start, stop = (constants.get(word.lstrip("-")) for word in (found[2], found[4]))
        start, stop = (int(w) if n is None else n for w, n in ((found[2], start), (found[4], stop)))
        assert stop - start + (found[3] == "<=") <= MOST_TURNS, head


@each_file
def test_nothing_undefined_by_the_language_is_written_as_numbers(path: Path) -> None:
    """smoothstep whose edges do not rise, and a power of a negative number, are whatever a driver makes of them."""
    text = code(path.read_text())
    number = r"\s*(-?\d*\.\d+|-?\d+\.\d*)\s*"
    for low, high in re.findall(rf"smoothstep\({number},{number},", text):
        assert float(low) < float(high), (low, high)
    assert not re.search(r"\bpow\(\s*-", text)


@each_world
def test_a_manifest_tells_what_each_drive_does_and_binds_it(name: str) -> None:
    world = world_of(name)
    manifest = world.files[f"{name}.frag"].split("*/")[0]
    comments = " ".join(line.strip() for line in manifest.splitlines() if line.strip().startswith("#"))
    bound = {binding.source for binding in world.bindings.values()}
    for drive in TOLD:
        assert re.search(rf"\b{drive}\b[^:;]*:", comments), drive
        assert drive in bound, drive
    assert bound & {"density", "intensity"}
    for binding_source in bound:
        assert re.search(rf"\b{binding_source}\b", comments), binding_source


@pytest.mark.hazard("H-12")
@each_world
def test_a_manifest_says_whom_the_world_suits(name: str) -> None:
    world = world_of(name)
    assert world.tags
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", tag) for tag in world.tags)
    assert len(world.mood.split()) >= 3
    assert 0.0 < world.flow_deg_per_s <= 2.0
    assert 0.0 < world.contrast <= 1.0


@each_world
def test_a_world_has_a_soundscape_that_plays_and_follows_breath_guide_and_trust(name: str) -> None:
    soundscape = world_of(name).soundscape
    synth.check(soundscape)
    bound = {binding.source for voice in soundscape.voices for binding in voice.bindings.values()}
    assert {"breath", "guide", "confidence"} <= bound
    assert any(voice.kind == "guide" for voice in soundscape.voices)


def test_no_two_worlds_share_title_mood_or_soundscape() -> None:
    worlds = [world_of(name) for name in scene.names()]
    for words in zip(*((world.title, world.mood, world.soundscape.file) for world in worlds), strict=True):
        assert len(set(words)) == len(words)


def test_every_soundscape_in_the_folder_is_some_world_s() -> None:
    used = {world_of(name).soundscape.file for name in scene.names()}
    assert {path.name for path in AUDIO.glob("*.toml")} == used
