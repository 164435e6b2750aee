"""The part of `biofeed bench` that measures the picture: every scene and size beside its floor, with sound running."""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any

import moderngl
import numpy as np

from biofeed import config, scene
from biofeed.graphics.context import Context, headless
from biofeed.graphics.governor import Governor
from biofeed.graphics.preview import made_up_frame
from biofeed.graphics.program import full_screen
from biofeed.graphics.renderer import Renderer
from biofeed.messages import TICKS_PER_S, ControlFrame
from biofeed.scene import Soundscape
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

SIZES = ((1280, 720), (1920, 1080))
HARDWARE_SIZES = (*SIZES, (3840, 2160), (2 * 2064, 2208))  # the last: both eyes of a headset side by side
START_TICK = 30 * TICKS_PER_S
SETTLED_PICTURES, SETTLE_AT_MOST = 90, 900  # unchanged in size for so many, or no longer waited for
LEAST_PICTURES = 120
FLOOR_PASSES = 120
FLOOR_SHADER = """#version 330 core
uniform sampler2D picture;
uniform vec2 texel;
out vec4 color;
void main() { color = texture(picture, gl_FragCoord.xy * texel); }
"""


def render(asked: argparse.Namespace) -> dict[str, Any]:
    """Whole pictures (scene, guard, last pass) drawn one after the other, the governor choosing the computed size.

    The floor is one textured pass at full size, taken in turns with all of the path that is not the scene (`rest`).
    On a graphics card the GPU's own time for a picture is told too.
    """
    picture = config.load(asked.config).picture
    names = [asked.scene] if asked.scene else scene.names()
    rows = []
    renderer_name = ""
    with headless((64, 64)) as probe:
        sizes = SIZES if probe.is_software else HARDWARE_SIZES
        renderer_name = probe.renderer_name
    for name in names:
        world = scene.load(name)
        with sound_beside(world.soundscape):
            for size in sizes:
                with headless(size) as context:
                    drawn = Renderer(context, world, size, 1, picture)
                    rows.append(_row(context, drawn, name, size, asked.seconds / len(names) / len(sizes)))
                    drawn.close()
    return {"renderer": renderer_name, "render": rows}


def _row(context: Context, drawn: Renderer, name: str, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    governor = Governor(drawn.scale, size[1])
    tick = START_TICK
    frames_ms: list[float] = []
    gpu_ms: list[float] = []
    query = context.gl.query(time=True)

    def draw() -> None:
        nonlocal tick
        with query:
            frames_ms.append(_timed_ms(context, lambda: drawn.draw(made_up_frame(tick, name))))
        gpu_ms.append(query.elapsed / 1e6)
        drawn.set_scale(governor(frames_ms[-1] / 1e3))
        tick += governor.every

    unchanged = 0
    while unchanged < SETTLED_PICTURES and len(frames_ms) < SETTLE_AT_MOST:
        before = drawn.scale
        draw()
        unchanged = unchanged + 1 if drawn.scale == before else 0
    frames_ms.clear()
    gpu_ms.clear()
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s or len(frames_ms) < LEAST_PICTURES:
        draw()
    frames = (made_up_frame(tick + n * governor.every, name) for n in range(FLOOR_PASSES))
    floor_ms, rest_ms, guard_ms = _apart_ms(context, drawn, size, frames)
    median, p99 = float(np.median(frames_ms)), float(np.percentile(frames_ms, 99))
    row = {
        "scene": name,
        "width": size[0],
        "height": size[1],
        "fps_median": 1e3 / median,
        "fps_low1": 1e3 / p99,
        "ms_median": median,
        "ms_p99": p99,
        "floor_ms": floor_ms,
        "rest_to_floor": rest_ms / floor_ms,
        "guard_to_frame": guard_ms / median,
        "ms_to_floor": median / floor_ms,
        "pixels_per_s": size[0] * size[1] * 1e3 / median,
        "computed_height": drawn.internal_size[1],
        "target_fps": TICKS_PER_S / governor.every,
    }
    return row if context.is_software else row | {"gpu_ms_median": float(np.median(gpu_ms))}


def _apart_ms(
    context: Context, drawn: Renderer, size: tuple[int, int], frames: Iterable[ControlFrame]
) -> tuple[float, float, float]:
    """One textured pass at full size, all that a picture costs beyond its scene, and its guard, as long as usual."""
    gl = context.gl
    source = gl.texture((640, 360), 4, dtype="f2")
    texture = gl.texture(size, 4)
    target = gl.framebuffer([texture])
    program, array = full_screen(gl, FLOOR_SHADER)
    program["texel"] = (1.0 / size[0], 1.0 / size[1])

    def floor() -> None:
        source.use(0)
        target.use()
        array.render(moderngl.TRIANGLES, vertices=3)

    guard = drawn.guard
    floors, rests, bares = [], [], []
    for frame in frames:
        drawn.advance(frame)  # the guard looks at some pictures more closely than at others
        floors.append(_timed_ms(context, floor))
        rests.append(_timed_ms(context, drawn.show_again))
        drawn.guard = None
        bares.append(_timed_ms(context, drawn.show_again))
        drawn.guard = guard
    for made in (array, program, target, texture, source):
        made.release()
    floor_ms, rest_ms, bare_ms = (_usual(times[5:]) for times in (floors, rests, bares))
    return floor_ms, rest_ms, rest_ms - bare_ms


def _usual(times: list[float]) -> float:
    """Mean without the tenth that others on this machine held up."""
    return float(np.mean(np.sort(times)[: -len(times) // 10]))


def _timed_ms(context: Context, work: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    work()
    context.gl.finish()
    return (time.perf_counter() - began_s) * 1e3


@contextmanager
def sound_beside(soundscape: Soundscape) -> Iterator[None]:
    """The world's sound, made in real time by a process of its own as in a session, without a sound card."""
    spawning = multiprocessing.get_context("spawn")
    over = spawning.Event()
    process = spawning.Process(target=_play, args=(soundscape, over), daemon=True)
    process.start()
    try:
        yield
    finally:
        over.set()
        process.join()


def _play(soundscape: Soundscape, over: Event) -> None:
    synth, limiter = Synth(soundscape, 1), Limiter()
    began_s, tick = time.monotonic(), 0
    while not over.is_set():
        limiter(synth(made_up_frame(tick, "")))
        tick += 1
        time.sleep(max(0.0, began_s + tick / TICKS_PER_S - time.monotonic()))
