"""Pictures made to do harm, through the last gate and out again: what is shown must hold every limit.

    python benchmarks/adversarial.py [--pictures 1000000] [--seed 1] [--keep FOLDER]

Films of random length and rate (24 to 144 a second) are drawn from strobes, swaps of saturated colours, stripes,
checks, rings, patches and noise that flicker, drift and jump; `graphics/guard.py` and `graphics/last_pass.py` calm them
as they would in a session, and the analyser of `biofeed certify` looks at what comes out. Exit code 1 when a limit is
broken. With --keep the first pictures of the worst films are left there, as drawn and as shown.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import moderngl
import numpy as np
import numpy.typing as npt

from biofeed import limits
from biofeed.certificates import Figures
from biofeed.certify.analyser import Analyser
from biofeed.graphics.context import headless
from biofeed.graphics.film import write_png
from biofeed.graphics.guard import Guard
from biofeed.graphics.last_pass import LastPass
from biofeed.graphics.program import COLOR, full_screen

SIZE = (640, 360)
RATES = (24, 25, 30, 48, 50, 60, 72, 90, 120, 144)
FILM_S = (6.0, 14.0)
SCENE_S = (0.3, 4.0)
ROUNDING = 0.004  # of full luminance: eight bits

SHAPES = (
    "#version 330 core\n"
    + COLOR
    + """
out vec4 color;
uniform vec3 a, b;
uniform vec4 place;  // middle and half size of a patch
uniform vec2 across;  // direction of stripes, times pairs to the height
uniform float level, drift, grain, turn;
uniform int kind;
float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
void main() {
    vec2 p = 2.0 * (gl_FragCoord.xy / vec2(640.0, 360.0)) - 1.0;
    vec2 q = p * vec2(16.0 / 9.0, 1.0);
    float x = level;
    if (kind == 1) x = step(0.5, fract(0.5 * dot(q, across) + drift)) * level;
    if (kind == 2) x = abs(step(0.5, fract(0.5 * dot(q, across) + drift)) - step(0.5, fract(q.y * grain + level)));
    if (kind == 3) x = abs(p.x - place.x) < place.z && abs(p.y - place.y) < place.w ? level : 0.3;
    if (kind == 4) x = hash(floor(gl_FragCoord.xy / grain) + 37.0 * turn);
    if (kind == 5) x = 0.5 + 0.5 * sin(6.2832 * (length(q) * length(across) + drift)) * level;
    if (kind == 6) x = step(0.5, fract(level + hash(floor(gl_FragCoord.xy / (16.0 * grain)))));
    if (kind == 7) x = abs(step(0.5, fract(0.5 * (gl_FragCoord.x + gl_FragCoord.y) / grain)) - step(0.5, level));
    vec3 c = mix(a, b, clamp(x, 0.0, 1.0));
    color = vec4(biofeed_encode(c), biofeed_luminance(c));
}
"""
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One harmful thing for a while; every number is drawn at random."""

    values: dict[str, float | int | tuple[float, ...]]
    hz: float
    wave: str
    drift_hz: float

    def at(self, index: int, fps: int, random: np.random.Generator) -> dict[str, float | int | tuple[float, ...]]:
        phase = index * self.hz / fps
        level = {
            "square": float(phase % 1.0 < 0.5),
            "sine": 0.5 + 0.5 * float(np.sin(2.0 * np.pi * phase)),
            "saw": phase % 1.0,
            "spike": float(phase % 1.0 < self.hz / fps),
            "random": float(random.random()),
            "steady": 1.0,
            "jump": float(index > 2),
        }[self.wave]
        return self.values | {
            "level": level,
            "drift": index * self.drift_hz / fps,
            "turn": float(index if self.hz > 3 else 0),
        }


def scene(random: np.random.Generator) -> Scene:
    def colour() -> tuple[float, ...]:
        pure = ((0, 0, 0), (1, 1, 1), (1, 0, 0), (0, 0, 1), (1, 0.1, 0), (0.2, 0.2, 0.2), (0.09, 0.09, 0.09))
        if random.random() < 0.7:
            return tuple(float(c) for c in pure[random.integers(len(pure))])
        return tuple(random.random(3).tolist())

    pairs = float(np.exp(random.uniform(np.log(2.0), np.log(90.0))))
    angle = float(random.choice([0.0, np.pi / 2, random.uniform(0.0, np.pi)]))
    values: dict[str, float | int | tuple[float, ...]] = {
        "a": colour(),
        "b": colour(),
        "kind": int(random.integers(8)),
        "across": (pairs * float(np.cos(angle)), pairs * float(np.sin(angle))),
        "place": (*random.uniform(-1.0, 1.0, 2).tolist(), *random.uniform(0.1, 1.0, 2).tolist()),
        "grain": float(random.choice([4.0, 6.0, 9.0, 16.0, 33.0, 60.0])),
    }
    waves = ("square", "square", "sine", "saw", "spike", "random", "steady", "jump")
    return Scene(
        values, float(random.uniform(1.0, 60.0)), str(random.choice(waves)), float(random.choice([0.0, 1.0, 7.0]))
    )


class Mill:
    """Draws harmful pictures into a texture as a world would, and shows them through the last gate."""

    def __init__(self, gl: moderngl.Context, is_software: bool) -> None:
        self._picture = gl.texture(SIZE, 4, dtype="f2")
        self._picture.repeat_x = self._picture.repeat_y = False
        self._drawn = gl.framebuffer([self._picture])
        self._shown = gl.framebuffer([gl.texture(SIZE, 4)])
        self._program, self._array = full_screen(gl, SHAPES)
        self._last_pass = LastPass(gl, is_software)

    def show(
        self, values: dict[str, float | int | tuple[float, ...]], guard: Guard, dt_s: float, index: int
    ) -> npt.NDArray[np.uint8]:
        self._drawn.use()
        for name, value in values.items():
            if name in self._program:
                self._program[name] = value
        self._array.render(vertices=3)
        self._picture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        correction = guard(dt_s, *self._last_pass.cells(self._picture))
        self._last_pass.present(self._picture, self._shown, SIZE, index, correction)
        return self._read(self._shown)

    def drawn(self) -> npt.NDArray[np.uint8]:
        """The last picture as it was before the gate."""
        light = np.frombuffer(self._drawn.read(components=3, dtype="f4"), np.float32).reshape(SIZE[1], SIZE[0], 3)
        return np.rint(255.0 * np.clip(light, 0.0, 1.0)).astype(np.uint8)

    def _read(self, shown: moderngl.Framebuffer) -> npt.NDArray[np.uint8]:
        return np.frombuffer(shown.read(components=3), np.uint8).reshape(SIZE[1], SIZE[0], 3)


def film(mill: Mill, seed: int, keep: Path | None) -> tuple[Analyser, int]:
    """One film; what was shown of it is in the analyser."""
    random = np.random.default_rng(seed)
    fps = int(random.choice(RATES))
    guard, analyser = Guard(), Analyser(SIZE, fps, has_flow=False)
    n = round(fps * random.uniform(*FILM_S))
    playing, left, since = scene(random), 0, 0
    for index in range(n):
        if left == 0:
            playing, left, since = scene(random), round(fps * random.uniform(*SCENE_S)), index
        left -= 1
        shown = mill.show(playing.at(index - since, fps, random), guard, 1.0 / fps, index)
        analyser.add(shown)
        if keep and index % (fps // 4) == 0:
            write_png(keep / f"{seed}-{index:04d}-shown.png", shown[::-1])
            write_png(keep / f"{seed}-{index:04d}-drawn.png", mill.drawn()[::-1])
    return analyser, n


def broken(figures: Figures) -> list[str]:
    """The limits that those figures break, each as a word with its figure."""
    highest = {
        "flashes": limits.FLASHES_PER_S,
        "red_flashes": 0,
        "stripes_s": limits.STRIPE_S,
        "rise_per_s": limits.LUMINANCE_RISE_PER_S + ROUNDING,
        "mean": limits.MEAN_LUMINANCE["full"] + ROUNDING,
    }
    return [f"{name} {getattr(figures, name)}" for name, most in highest.items() if getattr(figures, name) > most]


@cache
def mill() -> Mill:
    """This process's own."""
    context = headless(SIZE).__enter__()
    return Mill(context.gl, context.is_software)


def judged(seed: int, keep: Path | None = None) -> tuple[int, int, Figures]:
    """The film of that seed: the seed again, how many pictures, and what they did."""
    analyser, n = film(mill(), seed, keep)
    return seed, n, analyser.figures()


def films(first: int, n_pictures: int) -> Iterator[tuple[int, int, Figures]]:
    """Films from that seed on, judged on every core, in the order in which they are done."""
    os.environ["LP_NUM_THREADS"] = "1"  # a software renderer's: the cores have a film each
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        cores = os.cpu_count() or 1
        waiting = {pool.submit(judged, first + k) for k in range(cores)}
        following, n_shown = first + cores, 0
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for it in done:
                n_shown += it.result()[1]
                yield it.result()
            while n_shown < n_pictures and len(waiting) < cores:
                waiting.add(pool.submit(judged, following))
                following += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="draw the film of this seed alone, and keep its pictures here")
    asked = parser.parse_args()
    n_shown = n_films = n_bad = 0
    began_s = told_s = time.monotonic()
    worst: dict[str, float] = {}
    for seed, n, figures in [judged(asked.seed, asked.keep)] if asked.keep else films(asked.seed, asked.pictures):
        n_shown, n_films = n_shown + n, n_films + 1
        for name in ("flashes", "red_flashes", "stripes_s", "rise_per_s", "mean", "sustained_s"):
            worst[name] = max(worst.get(name, 0.0), float(getattr(figures, name)))
        bad = broken(figures)
        if bad:
            n_bad += 1
            print(f"film of seed {seed}: {', '.join(bad)}", flush=True)
        if time.monotonic() - told_s > 30.0:
            told_s = time.monotonic()
            rate = n_shown / (told_s - began_s)
            left_s = (asked.pictures - n_shown) / rate
            told = f"{n_shown} pictures, {rate:.0f}/s, {left_s / 60:.0f} min left; worst {worst}"
            print(told, file=sys.stderr, flush=True)
    print(f"{n_shown} pictures in {n_films} films: {n_bad} films over a limit; worst {worst}")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
