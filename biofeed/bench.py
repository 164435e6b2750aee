"""`biofeed bench`: figures of this machine, each with the floor or budget that it is held against."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from biofeed import config
from biofeed.bench_render import render
from biofeed.bench_sound import sound
from biofeed.clock import MonotonicClock
from biofeed.engine import Engine, Over, run
from biofeed.live import Mailbox, Session
from biofeed.messages import TICKS_PER_S, ControlFrame, Entry, Input, Reading, Received
from biofeed.offline import SimulatedIntake
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort

SETTLE_S = 5.0  # kernels load, the port opens, the decoder makes up its mind


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
