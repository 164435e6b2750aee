"""A walk through an hour of each world: what changes in picture and sound, and how alike any two ten minutes are.

    python benchmarks/walk.py [SCENE ...] [--minutes 60]

The made-up hour of hour.py with seed 1: a picture of 160x90 every 2 s, the sound whole, both told every 10 s. Writes
docs/scenes/NAME/walk.svg and docs/scenes/walk.md. Under two CPU minutes a world; as many worlds at once as there are
cores.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import drawing
import hour
import numpy as np
import numpy.typing as npt
import walk_chart

from biofeed import scene
from biofeed.graphics import measures
from biofeed.graphics.context import headless
from biofeed.graphics.renderer import Renderer
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

FOLDER = Path(__file__).parent.parent / "docs" / "scenes"
SIZE, THUMBNAIL, SEED = (160, 90), (32, 18), 1
STEP_S, PICTURE_S = 10, 2
BANDS = 24  # thirds of an octave, 40 Hz to 12 kHz
COLUMNS_PER_S = 8
SILENT_DB = -90.0
STRETCH = 600 // STEP_S  # steps of ten minutes
MINUTE = 60 // STEP_S
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What an hour was, every 10 s; the first axis of all is time."""

    colour: Floats  # (n, 3) OKLab of the mean light
    luminance: Floats  # (n,)
    thumbnail: Floats  # (n, 18, 32, 3) OKLab
    bands: Floats  # (n, 24) dB of full scale
    centroid_hz: Floats  # (n,) of the power in the bands, on a log scale as pitch is heard
    flux_db_per_s: Floats  # (n,) how fast the bands rise, on average: what begins, and how much of it


def seen(name: str, minutes: float) -> tuple[Floats, Floats, Floats]:
    """Colour, luminance and thumbnail every 10 s, each the mean of five pictures: about a breath."""
    renderer = Renderer(headless(SIZE), scene.load(name), SIZE, SEED, guarded=False)
    steps: list[Floats] = []
    held: list[Floats] = []
    for second in range(round(60 * minutes)):
        frame = hour.frame(float(second), name)
        renderer.advance(frame)
        if second % PICTURE_S == 0:
            renderer.draw(frame)
            held.append(measures.reduced(renderer.read(), THUMBNAIL))
        if second % STEP_S == STEP_S - 1:
            steps.append(np.mean(held, axis=0))
            held.clear()
    light = np.array(steps)
    mean = light.mean(axis=(1, 2))
    return measures.oklab(mean), mean @ [0.2126, 0.7152, 0.0722], measures.oklab(light)


def heard(name: str, minutes: float) -> tuple[Floats, Floats, Floats]:
    """Band levels, centroid and flux every 10 s, of the sound with all gates."""
    synth, limiter = Synth(scene.load(name).soundscape, SEED), Limiter()
    bands, centroid, flux = [], [], []
    for step in range(round(60 * minutes / STEP_S)):
        ticks = range(step * STEP_S * TICKS_PER_S, (step + 1) * STEP_S * TICKS_PER_S)
        sound = np.concatenate([limiter(synth(hour.frame(tick / TICKS_PER_S, name))) for tick in ticks])
        assert sound.shape[0] == STEP_S * SAMPLE_RATE_HZ
        hz, level = drawing.spectra(sound.astype(np.float64), COLUMNS_PER_S, BANDS)
        level = np.maximum(level, SILENT_DB)
        power = (10.0 ** (level / 10.0)).mean(axis=1)
        bands.append(10.0 * np.log10(power))
        centroid.append(float(np.exp((power * np.log(hz)).sum() / power.sum())))
        smooth = np.apply_along_axis(lambda x: np.convolve(x, np.ones(2) / 2.0, "valid"), 1, level)
        flux.append(float(np.maximum(np.diff(smooth, axis=1), 0.0).mean() * COLUMNS_PER_S))
    return np.array(bands), np.array(centroid), np.array(flux)


def walk(name: str, minutes: float) -> Walk:
    return Walk(*seen(name, minutes), *heard(name, minutes))


def features(told: Walk) -> Floats:
    """(n, features): deviations from the hour's mean; picture and sound weigh the same."""
    groups = []
    for group in (told.thumbnail.reshape(told.luminance.size, -1), told.bands):
        away = group - group.mean(axis=0)
        groups.append(away / max(float(np.sqrt((away**2).sum(axis=1).mean())), 1e-9))
    return np.concatenate(groups, axis=1)


def likeness(x: Floats, one: int, other: int) -> float:
    """The correlation of two stretches, step by step, of how they deviate from the hour: 1 the same, 0 strangers."""
    a, b = x[one : one + STRETCH], x[other : other + STRETCH]
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@dataclass(frozen=True, slots=True)
class Alike:
    """The two ten-minute stretches of an hour that are most alike and do not overlap."""

    likeness: float
    begin_s: tuple[int, int]
    colour: float  # mean distance of their thumbnails in OKLab; 0.02 is just seen side by side
    level_db: float  # mean distance of their bands


def most_alike(told: Walk) -> Alike:
    """Of all pairs; one of them begins at a whole minute, the other at any step."""
    x = features(told)
    last = x.shape[0] - STRETCH
    pairs = [
        (likeness(x, one, other), one, other)
        for one in range(0, last + 1, MINUTE)
        for other in range(one + STRETCH, last + 1)
    ]
    alike, one, other = max(pairs, default=(0.0, 0, 0))
    colour = np.linalg.norm(told.thumbnail[one : one + STRETCH] - told.thumbnail[other : other + STRETCH], axis=-1)
    level_db = np.abs(told.bands[one : one + STRETCH] - told.bands[other : other + STRETCH])
    return Alike(alike, (one * STEP_S, other * STEP_S), float(colour.mean()), float(level_db.mean()))


def matrix(told: Walk) -> Floats:
    """The likeness of the hour's ten-minute parts to each other."""
    x = features(told)
    starts = range(0, x.shape[0] - STRETCH + 1, STRETCH)
    return np.array([[likeness(x, one, other) for other in starts] for one in starts])


def one(job: tuple[str, float]) -> tuple[str, Alike, Walk]:
    """One world's walk, drawn."""
    name, minutes = job
    told = walk(name, minutes)
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
    chart = walk_chart.chart(scene.load(name).title, STEP_S, told.colour, told.luminance, told.centroid_hz,
                             told.flux_db_per_s, matrix(told))  # fmt: skip
    (FOLDER / name / "walk.svg").write_text(chart)
    return name, most_alike(told), told


def page(results: list[tuple[str, Alike, Walk]]) -> str:
    """The page in Markdown."""
    worst = max(results, key=lambda result: result[1].likeness)
    title = scene.load(worst[0]).title
    lines = [
        "# A walk through an hour",
        "",
        "Drawn by `python benchmarks/walk.py`: each world with its sound for an hour, with a made-up person whose "
        "breath slows from 14 to 6 a minute (`benchmarks/hour.py`), seed 1. Everything is told every 10 s, about a "
        "breath: the mean colour of the picture, its relative luminance, where the sound's power lies (the centroid of "
        "its bands on a log scale), and how much begins in it (the mean rise of its bands, dB/s).",
        "",
        "How alike are two stretches of ten minutes? A step of 10 s is described by a picture of 32x18 in OKLab and by "
        "the level in 24 bands of a third of an octave, both as deviations from the hour's mean and scaled to weigh "
        "the same. The likeness of two stretches is the correlation of these numbers, step by step: 1 for the same ten "
        "minutes again, 0 for strangers, below 0 for opposites. All pairs that do not overlap are compared, one of "
        "them beginning at a whole minute, the other at any step. A loop would show as a number near 1; a world that "
        "goes on slowly is a little like itself a while ago. The last two columns say how far the two most alike "
        "stretches are apart: 0.02 in OKLab is just seen side by side.",
        "",
        f"The largest likeness found is {worst[1].likeness:.2f} ({title}).",
        "",
        "| world | likeness of the most alike | they begin at | colours apart, OKLab | bands apart, dB |",
        "|---|---|---|---|---|",
    ]
    for name, alike, _ in results:
        spans = " and ".join(f"{at_s // 60}:{at_s % 60:02d}" for at_s in alike.begin_s)
        lines.append(
            f"| [{scene.load(name).title}]({name}.md) | {alike.likeness:.2f} | {spans} | {alike.colour:.3f} "
            f"| {alike.level_db:.1f} |"
        )
    for name, _, _ in results:
        title = scene.load(name).title
        lines += ["", f"![{title}: colour, luminance, centroid, flux and likeness over an hour]({name}/walk.svg)"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="a walk through an hour of each world")
    parser.add_argument("scenes", nargs="*", metavar="SCENE")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the hour; 20 at least to compare ten minutes")
    asked = parser.parse_args()
    jobs = [(name, asked.minutes) for name in asked.scenes or scene.names()]
    results = []
    with ProcessPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as pool:
        for result in pool.map(one, jobs):
            print(f"{result[0]}: most alike {result[1].likeness:.2f}, {result[1].begin_s} s", flush=True)
            results.append(result)
    (FOLDER / "walk.md").write_text(page(results))


if __name__ == "__main__":
    main()
