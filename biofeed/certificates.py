"""Certificates: what was measured of a scene at its extremes, for which texts, and whether it holds every limit.

A scene is offered to a person only with a certificate that fits: made from the very texts that it and the gates behind
it have, and without a violation. `biofeed certify` makes them; here they are read, written and judged, without drawing.
"""

import dataclasses
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biofeed import limits
from biofeed.errors import OutputError
from biofeed.scene import Scene

# What stands between every scene and the screen, and what judges: a change there asks for new certificates.
GATES = (
    "limits.py",
    "safety.py",
    "graphics/guard.py",
    "graphics/patterns.py",
    "graphics/stripes.py",
    "graphics/last_pass.py",
    "graphics/program.py",
    "certify/analyser.py",
    "certify/extremes.py",
    "certify/flashes.py",
)
ROUNDING = 0.002  # luminance: of eight bits and dither, in a mean over a picture


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a run of pictures; the highest of any second or picture, where nothing else is said."""

    pictures: int
    seconds: float
    flashes: int  # general, in any second, over a quarter of some 10 degree field
    flashes_at_s: float  # the end of the first such second; -1: there were none
    flashes_x: float  # the middle of what flashed in that field, 0 left .. 1 right
    flashes_y: float  # 0 top .. 1 bottom
    red_flashes: int
    red_at_s: float
    red_x: float
    red_y: float
    sustained_s: float  # of any 5 s, with 2 general or red flashes a second or more
    stripes_s: float  # the longest time that a regular pattern was there without a break
    stripe_pairs: float  # of the pattern that filled most
    stripe_part: float  # of the picture that it filled
    mean: float  # relative luminance of a whole picture
    peak: float  # 99.9th percentile of relative luminance in a picture
    rise_per_s: float  # of the mean within any second
    flow_deg_per_s: float  # 95 of 100 blocks kept below it; -1: not measured
    flow_found: float  # the least part of textured blocks that could be followed; -1: not measured


@dataclass(frozen=True, slots=True)
class Judgement:
    """One limit: whether it holds, and a sentence that says so with the figures."""

    limit: str
    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scene at an extreme, under a comfort preset."""

    name: str
    comfort: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Certificate:
    """All that was measured of a scene, and the hash of the texts that it was measured with."""

    scene: str
    sources: str  # SHA-256
    driver: str  # that drew it: the same one gives the same figures
    runs: tuple[Run, ...]


def verdict(figures: Figures, comfort: str = "full") -> list[Judgement]:
    """Every limit on finished pictures, in the order of the hazard log."""
    flashes, red = figures.flashes, figures.red_flashes
    where = f" at {figures.flashes_at_s:g} s, {_place(figures.flashes_x, figures.flashes_y)}" if flashes else ""
    where_red = f" at {figures.red_at_s:g} s, {_place(figures.red_x, figures.red_y)}" if red else ""
    mean, peak = limits.MEAN_LUMINANCE[comfort], limits.PEAK_LUMINANCE[comfort]
    sustained = f"{limits.SUSTAINED_S:g} of {limits.SUSTAINED_WINDOW_S:g} s"
    told = [
        _most("WCAG flashes", flashes, limits.WCAG_FLASHES_PER_S, f"general flashes in a second{where}"),
        _most("flashes", flashes, limits.FLASHES_PER_S, f"general flashes in a second{where}"),
        _most("WCAG red flashes", red, limits.WCAG_FLASHES_PER_S, f"red flashes in a second{where_red}"),
        _most("red flashes", red, limits.FLASHES_PER_S, f"red flashes in a second{where_red}"),
        Judgement(
            "sustained flashes",
            figures.sustained_s < limits.SUSTAINED_S,
            f"{limits.SUSTAINED_FLASHES_PER_S} flashes a second or more for {figures.sustained_s:.1f} s; "
            f"{sustained} fail",
        ),
        _most(
            "stripes",
            figures.stripes_s,
            limits.STRIPE_S,
            f"s of regular stripes without a break ({figures.stripe_pairs:.0f} pairs, {figures.stripe_part:.0%})",
        ),
        _most(
            "mean luminance", figures.mean, mean, f"of full range, the brightest picture's mean ({comfort})", ROUNDING
        ),
        _most("peak luminance", figures.peak, peak, f"of full range, the 99.9th percentile ({comfort})", ROUNDING),
        _most("luminance rise", figures.rise_per_s, limits.LUMINANCE_RISE_PER_S, "of full range in a second", ROUNDING),
    ]
    if figures.flow_deg_per_s >= 0.0:
        what = f"degrees/s of optical flow ({figures.flow_found:.0%} of blocks followed)"
        told.append(_most("flow", figures.flow_deg_per_s, limits.FLOW_DEG_PER_S, what))
    return told


def violations(certificate: Certificate) -> list[str]:
    """A sentence for each limit that a run did not hold."""
    return [
        f"{run.name}: {judged.limit}: {judged.sentence}"
        for run in certificate.runs
        for judged in verdict(run.figures, run.comfort)
        if not judged.holds
    ]


def sources(scene: Scene) -> str:
    """SHA-256 over the scene's shader, its includes, its soundscape, and the gates behind it."""
    package = Path(__file__).parent
    gates = {f"biofeed/{name}": (package / name).read_text(encoding="utf-8") for name in GATES}
    texts = {**scene.files, **gates}
    digest = hashlib.sha256()
    for name in sorted(texts):
        for part in (name.encode(), texts[name].encode()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def folder() -> Path:
    """Where certificates are: in `safety/` of a checkout, inside the package when installed from a wheel."""
    package = Path(__file__).parent
    inside = package / "data" / "certificates"
    return inside if inside.is_dir() else package.parent / "safety" / "certificates"


def path_of(which: str) -> Path:
    """The certificate's file of a scene by its name, or by its file: then it lies beside it."""
    if which.endswith(".frag"):
        return Path(which).with_suffix(".certificate")
    return folder() / f"{which}.toml"


def objection(which: str, scene: Scene) -> str | None:
    """Why the scene may not be offered to a person, in words, with what to do about it; None when it may be."""
    path = path_of(which)
    remedy = f"`biofeed certify {which}` measures it"
    try:
        certificate = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"the scene {scene.name} has no certificate; {remedy}"
    except (OSError, ValueError) as error:
        return f"the certificate {path.name} of the scene {scene.name} cannot be read ({error}); {remedy} again"
    if certificate.scene != scene.name or certificate.sources != sources(scene):
        return f"the scene {scene.name}, or a gate behind it, was changed after it was certified; {remedy} again"
    broken = violations(certificate)
    if broken or not certificate.runs:
        what = broken[0] if broken else "nothing was measured"
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        return f"the scene {scene.name} does not hold every limit ({what}{more}); change it, then {remedy} again"
    return None


def write(path: Path, certificate: Certificate) -> None:
    """Writes the certificate. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(certificate), encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"the certificate {path} cannot be written: {error.strerror}") from error


def as_text(certificate: Certificate) -> str:
    """TOML without a date: the same figures give the same bytes."""
    lines = [
        "# What `biofeed certify` measured of this scene at its extremes, behind the guard. A change of the scene or",
        "# of a gate asks for a new one; edited by hand it would be a lie. docs/certify.md explains the figures.",
        f'scene = "{certificate.scene}"',
        f'sources = "{certificate.sources}"',
        f'driver = "{certificate.driver}"',
    ]
    for run in certificate.runs:
        lines += ["", "[[run]]", f'name = "{run.name}"', f'comfort = "{run.comfort}"']
        lines += [f"{name} = {value!r}" for name, value in dataclasses.asdict(run.figures).items()]
    return "\n".join(lines) + "\n"


def parse(text: str) -> Certificate:
    """The certificate out of its text. Raises ValueError."""
    table = tomllib.loads(text)
    try:
        runs = tuple(_run(dict(row)) for row in table["run"])
        return Certificate(str(table["scene"]), str(table["sources"]), str(table["driver"]), runs)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks {error}" if isinstance(error, KeyError) else str(error)) from error


def _run(row: Mapping[str, Any]) -> Run:
    rest = {key: value for key, value in row.items() if key not in ("name", "comfort")}
    if str(row["comfort"]) not in limits.MEAN_LUMINANCE:
        raise ValueError(f"{row['comfort']} is no comfort preset")
    if not all(isinstance(value, int | float) for value in rest.values()):
        raise ValueError("a figure is not a number")
    return Run(str(row["name"]), str(row["comfort"]), Figures(**rest))


def _most(limit: str, value: float, most: float, what: str, rounding: float = 0.0) -> Judgement:
    return Judgement(limit, value <= most + rounding, f"{value:.3g} {what}; the limit is {most:g}")


def _place(x: float, y: float) -> str:
    across = ("left", "middle", "right")[min(int(3.0 * x), 2)]
    down = ("top", "middle", "bottom")[min(int(3.0 * y), 2)]
    return "middle" if across == down else f"{down} {across}"
