"""A scene is data: a fragment shader with its manifest, and a soundscape; in come texts, out comes a checked `Scene`.

The manifest is TOML inside the shader's first comment, so the compiler's line numbers stay true. A soundscape is a TOML
file with a list of voices. Both bind their parameters to the same words (`bindings.SOURCES`) in the same way:

    u_swell = { from = "breath", low = 0.2, high = 1.0, curve = "smooth", smooth_s = 0.1 }

Every mistake is a SceneError with file, line and the nearest right name.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biofeed.bindings import CURVES, SOURCES, Binding
from biofeed.errors import SceneError, UsageError, nearest

# What the renderer gives to every scene without a binding; declared for it, in this order.
STANDARD_UNIFORMS = {
    "u_time": "float",  # s of session time, scaled by motion
    "u_aspect": "float",  # width / height
    "u_size": "vec2",  # of the picture that this pass draws, px
    "u_seed": "vec4",  # 0..1 each, fixed by the session's seed
    "u_motion": "float",  # 0 still .. 1 full: reduced motion
    "u_light": "float",  # 0 dark .. 1 full: low light
}

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$')
_UNIFORM = re.compile(r"^\s*uniform\s+(\w+)\s+(\w+)\s*;")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of a soundscape: what kind it is, its constants, and its parameters that are bound to the body."""

    name: str
    kind: str
    line: int
    constants: Mapping[str, Any]
    bindings: Mapping[str, Binding]


@dataclass(frozen=True, slots=True)
class Soundscape:
    """A soundscape's file as data; which kinds and parameters exist is the sound engine's to say."""

    file: str
    text: str
    title: str
    mix: Mapping[str, Any]  # constants of the whole: reverb, level ...
    voices: tuple[Voice, ...]

    def error(self, word: str, what: str, voice: Voice | None = None) -> SceneError:
        """The error for `word`, at the line where it stands (inside `voice` when given)."""
        return SceneError(self.file, line_of(self.text, word, voice.line if voice else 1), what)


@dataclass(frozen=True, slots=True)
class Scene:
    """A world, whole: everything that picture and sound need, and every text that it was made from."""

    name: str
    title: str
    mood: str
    tags: tuple[str, ...]
    flow_deg_per_s: float  # optical flow at full motion, as the author declares it
    contrast: float
    bindings: Mapping[str, Binding]
    glsl: str  # with includes in place and #line directives (line, index into glsl_files)
    glsl_files: tuple[str, ...]
    soundscape: Soundscape
    files: Mapping[str, str] = field(repr=False)  # name under shaders/ or audio/ -> text: enough to parse it again


def line_of(text: str, word: str, start: int = 1) -> int:
    """The first line from `start` on that holds `word` as a whole word, else `start`."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    for number, line in enumerate(text.splitlines(), 1):
        if number >= start and pattern.search(line):
            return number
    return start


def parse(name: str, files: Mapping[str, str]) -> Scene:
    """The scene `name` out of texts: `<name>.frag`, what it includes (`lib/*.glsl`), and its soundscape (`*.toml`).

    Raises SceneError.
    """
    file = f"{name}.frag"
    if file not in files:
        raise SceneError(file, 0, "the shader is missing")
    text = files[file]
    table, first_line = _manifest(file, text)
    table = dict(table)
    words = {key: table.pop(key, None) for key in ("title", "mood", "soundscape")}
    for key, value in words.items():
        if not isinstance(value, str) or not value:
            raise SceneError(file, line_of(text, key), f'the manifest needs {key} = "..."')
    tags = table.pop("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise SceneError(file, line_of(text, "tags"), "tags must be a list of words")
    comfort = table.pop("comfort", {})
    uniforms = table.pop("uniforms", {})
    for key in table:
        meant = nearest(key, ("title", "mood", "soundscape", "tags", "comfort", "uniforms"))
        raise SceneError(file, line_of(text, key), f"{key} is not a word of the manifest{meant}")
    if not isinstance(comfort, dict) or not isinstance(uniforms, dict):
        raise SceneError(file, first_line, "[comfort] and [uniforms] must be tables")
    for key in comfort:
        if key not in ("flow", "contrast"):
            raise SceneError(file, line_of(text, key), f"{key} is not in [comfort]{nearest(key, ('flow', 'contrast'))}")
    bindings = {key: _binding(file, text, key, value, first_line) for key, value in uniforms.items()}
    _match_uniforms(file, text, bindings)
    glsl, glsl_files = _assemble(file, files)
    sound_file = f"{words['soundscape']}.toml"
    if sound_file not in files:
        known = [other.removesuffix(".toml") for other in files if other.endswith(".toml")]
        what = f"there is no soundscape {words['soundscape']}{nearest(str(words['soundscape']), known)}"
        raise SceneError(file, line_of(text, "soundscape"), what)
    soundscape = parse_soundscape(sound_file, files[sound_file])
    used = {other: files[other] for other in (*glsl_files, sound_file)}
    return Scene(
        name=name,
        title=str(words["title"]),
        mood=str(words["mood"]),
        tags=tuple(tags),
        flow_deg_per_s=_number(file, text, "flow", comfort.get("flow", 0.0)),
        contrast=_number(file, text, "contrast", comfort.get("contrast", 0.5)),
        bindings=bindings,
        glsl=glsl,
        glsl_files=glsl_files,
        soundscape=soundscape,
        files=used,
    )


def parse_soundscape(file: str, text: str) -> Soundscape:
    """A soundscape's TOML as data. Raises SceneError."""
    table = dict(_toml(file, text, 0))
    title = table.pop("title", file.removesuffix(".toml"))
    mix = table.pop("mix", {})
    voices = table.pop("voice", [])
    for key in table:
        what = f"{key} is not a word of a soundscape{nearest(key, ('title', 'mix', 'voice'))}"
        raise SceneError(file, line_of(text, key), what)
    if not isinstance(mix, dict) or not isinstance(voices, list) or not voices:
        raise SceneError(file, 0, "a soundscape needs a [mix] table and at least one [[voice]]")
    starts = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[voice]]")]
    made = []
    for index, voice in enumerate(voices):
        start = starts[index] if index < len(starts) else 1
        kind = voice.get("kind")
        if not isinstance(kind, str):
            raise SceneError(file, start, 'a [[voice]] needs kind = "..."')
        rest = {key: value for key, value in voice.items() if key not in ("kind", "name")}
        bound = {key: value for key, value in rest.items() if isinstance(value, dict)}
        made.append(
            Voice(
                name=str(voice.get("name", kind)),
                kind=kind,
                line=start,
                constants={key: value for key, value in rest.items() if key not in bound},
                bindings={key: _binding(file, text, key, value, start) for key, value in bound.items()},
            )
        )
    return Soundscape(file, text, str(title), mix, tuple(made))


def soundscape(path: Path) -> Soundscape:
    """The soundscape in that file. Raises SceneError when something is wrong with it, OSError when it is not there."""
    return parse_soundscape(path.name, path.read_text(encoding="utf-8"))


def folders() -> tuple[Path, Path]:
    """Where shaders and soundscapes are: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).parent
    inside = package / "data"
    root = inside if (inside / "shaders").is_dir() else package.parent
    return root / "shaders", root / "audio"


def names(shaders: Path | None = None) -> list[str]:
    """The names of all scenes that lie in the folder, in alphabetical order."""
    return sorted(path.stem for path in (shaders or folders()[0]).glob("*.frag"))


def load(which: str) -> Scene:
    """The scene of that name, or in that file (`my/world.frag`, with its lib and soundscapes beside it or built in).

    Raises UsageError when there is none, SceneError when something is wrong with it.
    """
    shaders, audio = folders()
    places = [(shaders, "*.frag"), (shaders, "lib/*.glsl"), (audio, "*.toml")]
    name = which
    if which.endswith(".frag"):
        path = Path(which)
        if not path.is_file():
            raise UsageError(f"there is no file {which}")
        name = path.stem
        places += [(path.parent, f"{name}.frag"), (path.parent, "lib/*.glsl"), (path.parent, "*.toml")]
    elif which not in names(shaders):
        raise UsageError(f"there is no scene {which}{nearest(which, names(shaders))}")
    return parse(name, _read(places))


def _read(places: Iterable[tuple[Path, str]]) -> dict[str, str]:
    files: dict[str, str] = {}
    for folder, pattern in places:
        for path in sorted(folder.glob(pattern)):
            try:
                files[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise SceneError(path.name, 0, f"cannot be read: {error}") from error
    return files


def _manifest(file: str, text: str) -> tuple[Mapping[str, Any], int]:
    """The manifest's table and the line on which its comment begins."""
    start = text.find("/*")
    end = text.find("*/", start)
    if start < 0 or end < 0 or text[:start].strip():
        raise SceneError(file, 1, "a scene begins with its manifest: /* title = ... */")
    first_line = text.count("\n", 0, start) + 1
    return _toml(file, text[start + 2 : end], first_line - 1), first_line


def _toml(file: str, text: str, lines_before: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        what = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise SceneError(file, line + lines_before, f"the manifest is not TOML: {what}") from error


def _number(file: str, text: str, key: str, value: Any, start: int = 1) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SceneError(file, line_of(text, key, start), f"{key} must be a number, not {value!r}")
    return float(value)


def _binding(file: str, text: str, name: str, table: Any, start: int) -> Binding:
    line = line_of(text, name, start)
    if not isinstance(table, dict) or "from" not in table:
        raise SceneError(file, line, f'{name} needs a source: {name} = {{ from = "breath" }}')
    known = ("from", "low", "high", "curve", "smooth_s", "integrate")
    for key in table:
        if key not in known:
            raise SceneError(file, line, f"{name}: {key} is not a word of a binding{nearest(key, known)}")
    source, curve = table["from"], table.get("curve", "linear")
    if source not in SOURCES:
        raise SceneError(file, line, f"{name}: {source} is not a source{nearest(str(source), SOURCES)}")
    if curve not in CURVES:
        raise SceneError(file, line, f"{name}: {curve} is not a curve{nearest(str(curve), CURVES)}")
    if not isinstance(table.get("integrate", False), bool):
        raise SceneError(file, line, f"{name}: integrate must be true or false")
    smooth_s = _number(file, text, name, table.get("smooth_s", 0.0), line)
    if smooth_s < 0.0:
        raise SceneError(file, line, f"{name}: smooth_s cannot be negative")
    low = _number(file, text, name, table.get("low", 0.0), line)
    high = _number(file, text, name, table.get("high", 1.0), line)
    return Binding(source, low, high, curve, smooth_s, table.get("integrate", False))


def _match_uniforms(file: str, text: str, bindings: Mapping[str, Binding]) -> None:
    """Every declared uniform is bound and every binding is declared as a float; anything else is an error."""
    declared: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _UNIFORM.match(line)
        if found:
            declared[found.group(2)] = (number, found.group(1))
    for name, (number, kind) in declared.items():
        if name in STANDARD_UNIFORMS:
            raise SceneError(file, number, f"{name} is given to every scene; remove its declaration")
        if name not in bindings:
            raise SceneError(file, number, f"{name} is not bound{nearest(name, bindings)}")
        if kind != "float":
            raise SceneError(file, number, f"{name} must be a float: a binding gives one number, not a {kind}")
    for name in bindings:
        if name not in declared:
            what = f"{name} is bound but not declared as `uniform float {name};`{nearest(name, declared)}"
            raise SceneError(file, line_of(text, name), what)


def _assemble(file: str, files: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The shader with each `#include` replaced once by its text; `#line` keeps the compiler's lines true."""
    order: list[str] = []
    lines: list[str] = []

    def take(name: str) -> None:
        index = len(order)
        order.append(name)
        lines.append(f"#line 1 {index}")
        for number, line in enumerate(files[name].splitlines(), 1):
            found = _INCLUDE.match(line)
            if not found:
                lines.append(line)
                continue
            wanted = found.group(1)
            if wanted not in files:
                libs = [other for other in files if other.endswith(".glsl")]
                raise SceneError(name, number, f"cannot include {wanted}{nearest(wanted, libs)}")
            if wanted not in order:
                take(wanted)
            lines.append(f"#line {number + 1} {index}")

    take(file)
    return "\n".join(lines) + "\n", tuple(order)
