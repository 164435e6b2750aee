"""The part of `biofeed bench` that measures sound: every soundscape beside the reference patch REF1, in one run."""

import argparse
import time
from typing import Any

import numpy as np

from biofeed import config, scene
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S
from biofeed.sound.limiter import Limiter
from biofeed.sound.loudness import integrated_lufs
from biofeed.sound.ref1 import BLOCK, Ref1
from biofeed.sound.synth import Synth

BUDGET = 0.02  # processor seconds for a second of sound: a fiftieth of one core
SETTLE_S = 10  # the fade-in is not measured


def sound(asked: argparse.Namespace) -> dict[str, Any]:
    """Every soundscape with its limiter: processor seconds for each second of sound, its peak and its loudness.

    Soundscape and REF1 take turns, a second each, and medians are told: what else runs on the machine slows both.
    """
    settings = config.load(asked.config)
    rows = []
    ref1 = Ref1()
    for name in scene.names():
        synth, limiter = Synth(scene.load(name).soundscape, 1), Limiter(settings.sound)
        blocks, used, reference = [], [], []
        for second in range(max(20, int(asked.seconds))):
            frames = [made_up_frame(second * TICKS_PER_S + tick, name) for tick in range(TICKS_PER_S)]
            began_s = time.process_time()
            blocks += [limiter(synth(frame)) for frame in frames]
            turn_s = time.process_time()
            for _ in range(SAMPLE_RATE_HZ // BLOCK):
                ref1()
            used.append(turn_s - began_s)
            reference.append(time.process_time() - turn_s)
        samples = np.concatenate(blocks)[SETTLE_S * SAMPLE_RATE_HZ :]
        cpu, peer = float(np.median(used[1:])), float(np.median(reference[1:]))
        peer *= SAMPLE_RATE_HZ / (SAMPLE_RATE_HZ // BLOCK * BLOCK)
        rows.append(
            {
                "soundscape": name,
                "cpu_s_per_s": cpu,
                "ref1_cpu_s_per_s": peer,
                "ratio": cpu / peer,
                "peak_dbfs": float(20.0 * np.log10(np.abs(samples).max() + 1e-12)),
                "lufs": integrated_lufs(samples),
            }
        )
    return {"sound": rows, "budget_cpu_s_per_s": BUDGET}
