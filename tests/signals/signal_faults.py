"""What goes wrong with a sensor, from one moment on: clean counts go in, the same with the fault come out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from signal_bodies import BELT, PULSE, Floats, beat_times, belt, cardiogram, pulse

from biofeed.messages import Stream

BEGIN_S, END_S = 30.0, 50.0
HEART = Stream(0, "ecg", 250.0, count_min=-2048, count_max=2047)
CLEAN: dict[str, tuple[Stream, Callable[[], Floats]]] = {
    "pulse": (PULSE, lambda: pulse(beat_times(END_S), END_S)),
    "ecg": (HEART, lambda: np.round(800.0 * cardiogram(beat_times(END_S), END_S, 250.0))),
    "belt": (replace(BELT, polarity=1), lambda: belt(12.0, END_S)[2]),
}


def _still(stream: Stream, part: Floats, _random: np.random.Generator) -> Floats:
    return np.full(part.size, part[0])


def _noise(stream: Stream, part: Floats, random: np.random.Generator) -> Floats:
    """Nothing attached: a few counts of noise on a slow drift."""
    drift = 20.0 * np.sin(2.0 * np.pi * 0.05 * np.arange(part.size) / stream.rate_hz)
    return np.round(part[0] + drift + random.normal(0.0, 3.0, part.size))


def _low_rail(stream: Stream, part: Floats, _random: np.random.Generator) -> Floats:
    return np.full(part.size, float(stream.count_min))


def _high_rail(stream: Stream, part: Floats, _random: np.random.Generator) -> Floats:
    return np.full(part.size, float(stream.count_max))


def _mains(stream: Stream, part: Floats, random: np.random.Generator) -> Floats:
    """An open input: mains hum as large as the signal was."""
    height = 0.5 * (part.max() - part.min())
    hum = height * np.sin(2.0 * np.pi * 50.1 * np.arange(part.size) / stream.rate_hz)
    return np.round(part.mean() + hum + random.normal(0.0, 3.0, part.size))


FAULTS = {"still": _still, "noise": _noise, "low rail": _low_rail, "high rail": _high_rail, "mains hum": _mains}


@dataclass(frozen=True, slots=True, eq=False)
class Faulty:
    """A sensor that fails at BEGIN_S."""

    stream: Stream
    counts: Floats


def faulty(kind: str, fault: str, seed: int = 1) -> Faulty:
    """`kind` of CLEAN with one of FAULTS."""
    stream, make = CLEAN[kind]
    counts = make().copy()
    begin = round(BEGIN_S * stream.rate_hz)
    counts[begin:] = FAULTS[fault](stream, counts[begin:], np.random.default_rng(seed))
    return Faulty(stream, np.clip(counts, stream.count_min, stream.count_max))


def stepped(kind: str, swings: float) -> Faulty:
    """`kind` of CLEAN whose level steps by so many of its swings at BEGIN_S and stays there."""
    stream, make = CLEAN[kind]
    counts = make().copy()
    begin = round(BEGIN_S * stream.rate_hz)
    counts[begin:] += swings * (np.percentile(counts, 98) - np.percentile(counts, 2))
    return Faulty(stream, np.clip(counts, stream.count_min, stream.count_max))
