"""Draws docs/scenes: a page for each world with its pictures, its sound and its mapping, and a sheet of all of them.

    python benchmarks/gallery.py [SCENE ...]

Pictures and sound are the product's own, of the made-up hour in hour.py with seed 1; a picture is computed with
1280x720 pixels and kept with 640x360. Some 5 CPU seconds a scene; sheet and list are always of all of them.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import drawing
import hour
import numpy as np
import numpy.typing as npt

from biofeed import scene
from biofeed.bindings import SOURCES, Binding
from biofeed.graphics import measures
from biofeed.graphics.context import Context, headless
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S
from biofeed.scene import Scene
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

FOLDER = Path(__file__).parent.parent / "docs" / "scenes"
SIZE, PORTRAIT, TILE = (1280, 720), (608, 1080), (480, 270)
SEED = 1
# All are of full lungs, so that they can be compared; the breath itself is shown after twelve minutes.
FULL_S = {minute: hour.turn(60.0 * minute, is_full=True) for minute in (1, 12, 20, 50)}
EMPTY_S = hour.turn(FULL_S[12], is_full=False)
SOUND_S, SOUND_FROM_S, SOUND_RUN_UP_S = 60.0, 1200.0, 30.0
LOOKS = {  # file -> caption, when, settings, size, drives set otherwise
    "inhale": ("breathed in", FULL_S[12], Settings(), SIZE, {}),
    "exhale": ("breathed out", EMPTY_S, Settings(), SIZE, {}),
    "minute-1": ("minute 1", FULL_S[1], Settings(), SIZE, {}),
    "minute-20": ("minute 20", FULL_S[20], Settings(), SIZE, {}),
    "minute-50": ("minute 50", FULL_S[50], Settings(), SIZE, {}),
    "alone": ("no sensor: the world drifts by itself", FULL_S[12], Settings(), SIZE, {"confidence": 0.0}),
    "low-light": ("low light", FULL_S[12], Settings(light=0.0), SIZE, {}),
    "still": ("no motion, as after an infusion", FULL_S[12], Settings(motion=0.0), SIZE, {}),
    "safe": ("colours safe for every eye", FULL_S[12], Settings(safe=1.0), SIZE, {}),
    "portrait": ("upright, on a ceiling", FULL_S[12], Settings(), PORTRAIT, {}),
}
PAIRS = (
    ("inhale", "exhale"),
    ("minute-1", "minute-20"),
    ("minute-50", "alone"),
    ("low-light", "still"),
    ("safe", "portrait"),
)


def halved(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Half as wide and high, mixed as light."""
    return measures.encoded(measures.reduced(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2)))


def at(world: Scene, context: Context, look: str) -> npt.NDArray[np.uint8]:
    """A picture of the hour, after all that came before it."""
    _, when_s, settings, size, changed = LOOKS[look]
    renderer = Renderer(context, world, size, SEED, replace(settings, scale=1.0), guarded=False)
    for time_s in np.concatenate([np.arange(0.0, when_s - 30.0, 0.5), np.arange(max(0.0, when_s - 30.0), when_s, 0.1)]):
        renderer.advance(hour.frame(float(time_s), world.name, **changed))
    renderer.draw(hour.frame(when_s, world.name, **changed))
    rgb = renderer.read()
    renderer.close()
    return halved(rgb)


def heard(world: Scene) -> npt.NDArray[np.float64]:
    """A minute of its sound, (n, 2), with all gates."""
    synth, limiter = Synth(world.soundscape, SEED), Limiter()
    first = round((SOUND_FROM_S - SOUND_RUN_UP_S) * TICKS_PER_S)
    n_ticks = round((SOUND_RUN_UP_S + SOUND_S) * TICKS_PER_S)
    blocks = [limiter(synth(hour.frame((first + k) / TICKS_PER_S, world.name))) for k in range(n_ticks)]
    return np.concatenate(blocks)[-round(SOUND_S * SAMPLE_RATE_HZ) :].astype(np.float64)


def comments(text: str) -> Iterator[tuple[str, str]]:
    """What a manifest's comments say of each drive: (its name, what it does)."""
    for line in text.partition("*/")[0].splitlines():
        if line.startswith("# "):
            for part in line[2:].split("; "):
                word, _, does = part.partition(": ")
                if does and word in SOURCES:
                    yield word, does


def row(name: str, binding: Binding) -> str:
    """One line of a table of bindings."""
    span = f"{binding.low:g} .. {binding.high:g}" + (" a second, summed" if binding.integrate else "")
    soft = f"{binding.smooth_s:g} s" if binding.smooth_s else "-"
    return f"| {name} | {binding.source} | {span} | {binding.curve.replace('_', ' ')} | {soft} |"


def table(world: Scene, looks: Sequence[str]) -> list[str]:
    """Pictures side by side, with their captions above."""
    told = [LOOKS[look][0] for look in looks]
    shown = [f"![{world.title}, {LOOKS[look][0]}]({world.name}/{look}.jpg)" for look in looks]
    return [f"| {' | '.join(told)} |", "|---" * len(looks) + "|", f"| {' | '.join(shown)} |", ""]


def page(world: Scene) -> str:
    """The page in Markdown."""
    text, sound = world.files[f"{world.name}.frag"], world.soundscape
    lines = [
        f"# {world.title}",
        "",
        f"*{world.mood}*",
        "",
        f"Tags: {', '.join(world.tags)}. Optical flow at full motion: {world.flow_deg_per_s:g} degrees/s in a picture "
        f"40 degrees wide. Contrast: {world.contrast:g} of 1. To see it with a slider for every drive: "
        f"`biofeed scene {world.name}`.",
        "",
    ]
    for pair in PAIRS:
        lines += table(world, pair)
    lines += ["## How the picture follows", ""]
    lines += [f"- **{word}**: {does}" for word, does in comments(text)]
    lines += ["", "| uniform | follows | from .. to | curve | smoothed over |", "|---|---|---|---|---|"]
    lines += [row(f"`{name}`", binding) for name, binding in world.bindings.items()]
    lines += ["", "## How the sound follows", ""]
    lines += [" ".join(line[2:] for line in sound.text.splitlines()[: _head(sound.text)]), ""]
    lines += [
        f"![a minute of {sound.title}'s sound: frequency over time, breath and guide below]({world.name}/sound.jpg)",
        "",
        f"The 21st minute; louder is brighter, over {drawing.RANGE_DB:g} dB, with {drawing.TILT_DB:g} dB added per "
        "octave, as the ear weighs it; below, the breath and the guide that it followed.",
        "",
        "| voice, kind | knob | follows | from .. to | curve | smoothed over |",
        "|---|---|---|---|---|---|",
    ]
    for voice in sound.voices:
        for name, binding in voice.bindings.items():
            lines.append(f"| {voice.name}, {voice.kind} {row(f'`{name}`', binding)}")
    return "\n".join(lines) + "\n"


def _head(text: str) -> int:
    """How many lines of comment a soundscape begins with."""
    return next((k for k, line in enumerate(text.splitlines()) if not line.startswith("# ")), 0)


def index(worlds: list[Scene]) -> str:
    """The list of all worlds."""
    lines = [
        "# Worlds",
        "",
        "Pages, pictures and spectrograms are drawn by `python benchmarks/gallery.py`, the "
        "[walk through an hour](walk.md) by `python benchmarks/walk.py`; both show the same made-up hour with seed 1.",
        "",
        "![all worlds](contact.jpg)",
        "",
        "| world | | tags | flow, degrees/s |",
        "|---|---|---|---|",
    ]
    lines += [f"| [{w.title}]({w.name}.md) | {w.mood} | {', '.join(w.tags)} | {w.flow_deg_per_s:g} |" for w in worlds]
    return "\n".join(lines) + "\n"


def contact(worlds: list[Scene], context: Context) -> npt.NDArray[np.uint8]:
    """Every world at minute 20, with its name."""
    tiles = []
    for world in worlds:
        tile = measures.encoded(measures.reduced(at(world, context, "minute-20"), TILE))
        drawing.write(tile, world.title, 12, tile.shape[0] - 26, drawing.INK, 24)
        tiles.append(tile)
    return drawing.sheet(tiles, 3 if len(tiles) % 3 == 0 else 2)


def main() -> None:
    names = sys.argv[1:] or scene.names()
    context = headless(SIZE)
    for name in names:
        began_s = time.process_time()
        world = scene.load(name)
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        for look in LOOKS:
            drawing.save(FOLDER / name / f"{look}.jpg", at(world, context, look))
        seconds = np.arange(0.0, SOUND_S, 0.05) + SOUND_FROM_S
        drives = [hour.drive(float(second)) for second in seconds]
        breath, guide = (np.array([getattr(drive, who) for drive in drives]) for who in ("breath", "guide"))
        drawing.save(FOLDER / name / "sound.jpg", drawing.spectrogram(heard(world), breath, guide, SOUND_FROM_S))
        (FOLDER / f"{name}.md").write_text(page(world))
        print(f"{name}: {time.process_time() - began_s:.0f} CPU s", flush=True)
    worlds = [scene.load(name) for name in scene.names()]
    drawing.save(FOLDER / "contact.jpg", contact(worlds, context))
    (FOLDER / "README.md").write_text(index(worlds))
    total = sum(path.stat().st_size for path in FOLDER.rglob("*.*"))
    print(f"{FOLDER.name}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
