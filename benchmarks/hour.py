"""A made-up hour: the control frames of a person who calms down under a world, for any second of it.

Breathing slows from 14 to 6 a minute in the first twenty minutes and stays there; the heart follows it; calm and
coherence grow. No chance is in it: a second always gives the same frame, and frames may be asked for in any order.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt

from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels

HOUR_S = 3600.0
LEVELS = Levels(picture=1.0, sound=1.0, intensity=0.6)
_GRID_S = 0.05
_LEAD_S = 0.4  # the guide is a little ahead of who follows it
_INHALE = 0.42  # of a breath


def breaths_per_min(time_s: float) -> float:
    """14 at first, 6 from the twentieth minute on, a little faster again in the last five."""
    settling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, time_s / 1200.0)))
    waking = max(0.0, (time_s - 3300.0) / 300.0)
    return 14.0 - 8.0 * settling + 2.0 * min(1.0, waking) + 0.35 * math.sin(time_s / 37.0)


@cache
def _cycles() -> npt.NDArray[np.float64]:
    """Breaths since the start, every 50 ms of a bit more than the hour."""
    at = np.arange(0.0, HOUR_S + 60.0, _GRID_S)
    rates = np.array([breaths_per_min(time_s) for time_s in at.tolist()])
    return np.concatenate([[0.0], np.cumsum(rates[:-1]) * _GRID_S / 60.0])


def cycles(time_s: float) -> float:
    """Breaths since the start; whole numbers are the onsets of inhales."""
    k, part = divmod(max(0.0, time_s) / _GRID_S, 1.0)
    before, after = _cycles()[int(k) : int(k) + 2]
    return float(before + (after - before) * part)


def level(cycle: float) -> float:
    """0 empty .. 1 full; the exhale is the longer part and ends in a rest."""
    phase = cycle % 1.0
    if phase < _INHALE:
        return 0.5 - 0.5 * math.cos(math.pi * phase / _INHALE)
    return (0.5 + 0.5 * math.cos(math.pi * (phase - _INHALE) / (1.0 - _INHALE))) ** 1.3


def drive(time_s: float) -> Drive:
    """What the world is told of the person at that second."""
    settled = 1.0 - math.exp(-time_s / 900.0)
    breath = level(cycles(time_s))
    beats = 1.25 * time_s - 0.15 * (time_s - 900.0 * settled) + 0.25 * math.sin(2.0 * math.pi * cycles(time_s))
    since_press_s = (time_s - 47.0) % 420.0
    return Drive(
        breath=breath,
        guide=level(cycles(time_s + _LEAD_S)),
        pulse=math.exp(-6.0 * (beats % 1.0)),
        calm=0.35 + 0.45 * settled + 0.05 * math.sin(time_s / 83.0),
        coherence=max(0.0, 0.75 * settled + 0.08 * math.sin(time_s / 131.0)),
        effort=0.2 * math.exp(-time_s / 600.0),
        progress=min(1.0, time_s / HOUR_S),
        confidence=min(1.0, time_s / 15.0),
        touch=min(since_press_s / 0.4, math.exp(-(since_press_s - 0.4) / 3.0)),
    )


def frame(time_s: float, scene: str, **changed: float) -> ControlFrame:
    """The control frame of the nearest tick, with some drives set otherwise."""
    tick = round(time_s * TICKS_PER_S)
    told = replace(drive(tick / TICKS_PER_S), **changed)
    return ControlFrame(tick, tick / TICKS_PER_S, told, scene, LEVELS, "running", "")


def turn(time_s: float, is_full: bool) -> float:
    """The first time after `time_s` at which the lungs are full, or empty."""
    cycle = cycles(time_s)
    wanted = math.ceil(cycle - _INHALE) + _INHALE if is_full else math.ceil(cycle)
    return float(np.interp(wanted, _cycles(), np.arange(_cycles().size) * _GRID_S))
