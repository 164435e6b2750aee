"""`biofeed bench`: figures of this machine, each with the floor or budget that it is held against."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import moderngl
import numpy as np

from biofeed import config, scene
from biofeed.clock import MonotonicClock
from biofeed.engine import Engine, Over, run
from biofeed.graphics.context import Context, headless
from biofeed.graphics.preview import made_up_frame
from biofeed.graphics.renderer import Renderer
from biofeed.live import Mailbox, Session
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, Entry, Input, Reading, Received
from biofeed.offline import SimulatedIntake
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.sound.limiter import Limiter
from biofeed.sound.loudness import integrated_lufs
from biofeed.sound.synth import Synth

SETTLE_S = 5.0  # kernels load, the port opens, the decoder makes up its mind
SIZES = ((1280, 720), (1920, 1080))
FLOOR_SHADER = """#version 330 core
uniform sampler2D picture;
out vec4 color;
void main() { color = texture(picture, gl_FragCoord.xy / vec2(%d.0, %d.0)); }
"""


def bench(asked: argparse.Namespace) -> int:
    """Measures and prints, as lines or as one JSON object."""
    measures: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "latency": latency,
        "signals": signals,
        "render": render,
        "sound": sound,
    }
    figures = measures[asked.what](asked)
    if asked.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        rows = value if isinstance(value, list) else [{name: value}]
        for row in rows:
            cells = (f"{key} {item:.3f}" if isinstance(item, float) else f"{key} {item}" for key, item in row.items())
            print("  ".join(cells))
    return 0


def latency(asked: argparse.Namespace) -> dict[str, Any]:
    """A live session on a real pseudo-terminal, without picture and sound.

    How long a step takes, and how long bytes wait from the return of the read call until their frame is out.
    """
    settings = config.load(asked.config).lasting(max(20.0, asked.seconds))
    engine = Engine(settings.engine, "tide")
    clock = MonotonicClock()
    mailbox = Mailbox()
    simulated = SimulatedPort(SimulatedDevice("calm", 1), clock.now_s)
    simulated.start()
    port = SerialPort(simulated.url, "sensor0", clock.now_s, mailbox.put, settings.port)
    waits_ms: list[float] = []
    steps_ms: list[float] = []
    step = engine.step

    def timed(tick: int, time_s: float, inputs: Sequence[Any]) -> ControlFrame:
        began_s = time.perf_counter()
        frame = step(tick, time_s, inputs)
        if time_s >= SETTLE_S:
            steps_ms.append((time.perf_counter() - began_s) * 1e3)
        return frame

    def measure(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        now_s = clock.now_s()
        if frame.time_s >= SETTLE_S:
            waits_ms.extend((now_s - entry.arrival_s) * 1e3 for entry in entries if isinstance(entry, Received))
        simulated.set_guide(frame.time_s, frame.drive.guide)

    engine.step = timed  # type: ignore[method-assign]  # the measured session is otherwise the live one
    try:
        port.start()
        Session(engine, clock, mailbox, [], lambda *_: None).run([measure])
    finally:
        port.close()
        simulated.close()
    return {
        "step_ms_median": float(np.median(steps_ms)),
        "step_ms_p99": float(np.percentile(steps_ms, 99)),
        "bytes_to_frame_ms_median": float(np.median(waits_ms)),
        "bytes_to_frame_ms_p99": float(np.percentile(waits_ms, 99)),
        "tick_ms": 1e3 / TICKS_PER_S,
        "n_steps": len(steps_ms),
        "n_reads": len(waits_ms),
    }


def signals(asked: argparse.Namespace) -> dict[str, Any]:
    """The core offline, fed with a simulated person's decoded inputs: session seconds for each second of one core."""
    length_s = max(60.0, asked.seconds)
    settings = config.load(asked.config).lasting(length_s)
    intake = SimulatedIntake("calm", 1, length_s)
    inputs = [intake(tick, tick / TICKS_PER_S) for tick in range(int(length_s) * TICKS_PER_S)]

    def fed(n_ticks: int) -> None:
        def feed(tick: int, _time_s: float) -> tuple[Sequence[Entry], Sequence[Input]]:
            if tick == n_ticks:
                raise Over
            return inputs[tick]

        run(Engine(settings.engine, "tide"), lambda _time_s: None, feed, [])

    fed(len(inputs) // 2)  # until every kernel is loaded
    began_s = time.process_time()
    fed(len(inputs))
    return {"core_times_real_time": length_s / (time.process_time() - began_s), "floor": 1.0}


def render(asked: argparse.Namespace) -> dict[str, Any]:
    """Every scene at every size, drawn to memory: whole frames, against one textured pass at full size (the floor)."""
    picture = config.load(asked.config).picture
    rows = []
    renderer_name = ""
    for name in scene.names():
        world = scene.load(name)
        for size in SIZES:
            context = headless(size)
            renderer_name = context.renderer_name
            floor_ms = float(np.median(_floor_ms(context, size)))
            drawn = Renderer(context, world, size, 1, picture)
            frames_ms: list[float] = []
            end_s = time.monotonic() + asked.seconds / len(SIZES) / len(scene.names())
            tick = 30 * TICKS_PER_S
            while time.monotonic() < end_s or len(frames_ms) < 30:
                began_s = time.perf_counter()
                drawn.draw(made_up_frame(tick, name))
                context.gl.finish()
                frames_ms.append((time.perf_counter() - began_s) * 1e3)
                tick += 1
            settled_ms = np.array(frames_ms[10:])
            rows.append(
                {
                    "scene": name,
                    "width": size[0],
                    "height": size[1],
                    "fps_median": 1e3 / float(np.median(settled_ms)),
                    "fps_low1": 1e3 / float(np.percentile(settled_ms, 99)),
                    "ms_median": float(np.median(settled_ms)),
                    "ms_p99": float(np.percentile(settled_ms, 99)),
                    "floor_ms": floor_ms,
                }
            )
            drawn.close()
            context.close()
    return {"renderer": renderer_name, "render": rows}


def sound(asked: argparse.Namespace) -> dict[str, Any]:
    """Every soundscape with its limiter: processor seconds for each second of sound, its peak and its loudness."""
    settings = config.load(asked.config)
    rows = []
    for name in scene.names():
        synth, limiter = Synth(scene.load(name).soundscape, 1), Limiter(settings.sound)
        n_ticks = int(max(20.0, asked.seconds)) * TICKS_PER_S
        began_s = time.process_time()
        blocks = [limiter(synth(made_up_frame(tick, name))) for tick in range(n_ticks)]
        used_s = time.process_time() - began_s
        samples = np.concatenate(blocks)[10 * SAMPLE_RATE_HZ :]
        rows.append(
            {
                "soundscape": name,
                "cpu_s_per_s": used_s / (n_ticks / TICKS_PER_S),
                "peak_dbfs": float(20.0 * np.log10(np.abs(samples).max() + 1e-12)),
                "lufs": integrated_lufs(samples),
            }
        )
    return {"sound": rows}


def _floor_ms(context: Context, size: tuple[int, int]) -> list[float]:
    """One textured pass at full size, and nothing else."""
    gl = context.gl
    texture = gl.texture((640, 360), 4, dtype="f2")
    target = gl.framebuffer([gl.texture(size, 4)])
    program = gl.program(
        vertex_shader="#version 330 core\nvoid main() { gl_Position = vec4("
        "vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }",
        fragment_shader=FLOOR_SHADER % size,
    )
    array = gl.vertex_array(program, [])
    target.use()
    texture.use(0)
    times_ms = []
    for _ in range(30):
        began_s = time.perf_counter()
        array.render(moderngl.TRIANGLES, vertices=3)
        gl.finish()
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    return times_ms[5:]
