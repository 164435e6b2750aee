"""What kinds of breath sensor would make of one simulated breath: volume in, counts of a 12-bit converter out."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from biofeed.messages import Stream
from biofeed.sensors import people
from biofeed.sensors.person import Body, Truth

Floats = npt.NDArray[np.float64]
RATE_HZ = 50.0
KINDS = ("stretch", "coarse stretch", "pressure", "load cell", "thermistor")
STREAM = Stream(1, "resp", RATE_HZ, count_min=0, count_max=4095)


@dataclass(frozen=True, slots=True, eq=False)
class Breathed:
    """One sensor's recording (n,) at 50 Hz with the truth beside; `stream` says how the sensor is made."""

    time_s: Floats
    phase: Floats  # cycles 0..1: 0 inhale onset, 0.5 exhale onset
    counts: Floats
    stream: Stream


def breathed(kind: str, rate_per_min: float, seconds: float, seed: int = 1) -> Breathed:
    """`kind` is one of KINDS."""
    body = Body(replace(people.person("calm"), rate_per_min=rate_per_min), seed)
    samples = body.advance(seconds)
    truth = body.truth
    n = min(len(truth.time_s), len(samples.belt))
    made = (_stretch, _coarse_stretch, _pressure, _load_cell, _thermistor)
    make = dict(zip(KINDS, made, strict=True))[kind]
    random = np.random.default_rng([seed, 7])
    signal = make(samples.belt[:n], truth, n, random)
    counts = np.clip(np.round(signal), 0, 4095)
    stream = replace(STREAM, unit="Cel") if kind == "thermistor" else replace(STREAM, polarity=1)
    return Breathed(truth.time_s[:n], truth.phase[:n], counts, stream)


def _stretch(belt: Floats, _truth: Truth, _n: int, _random: np.random.Generator) -> Floats:
    """A conductive band: the person's own belt, with creep and hysteresis."""
    return 4095.0 / 25.0 * belt


def _coarse_stretch(belt: Floats, truth: Truth, n: int, random: np.random.Generator) -> Floats:
    """The same on a converter of which a breath moves fifteen counts."""
    return _stretch(belt, truth, n, random) / 25.0


def _pressure(_belt: Floats, truth: Truth, n: int, random: np.random.Generator) -> Floats:
    """An air cushion: stiffer the fuller it is, with a slow leak and the heart's knock."""
    volume = np.maximum(truth.volume[:n], 0.0)
    knock = 0.03 * np.sin(2.0 * np.pi * np.cumsum(truth.hr_bpm[:n]) / 60.0 / RATE_HZ)
    leak = 0.3 * np.exp(-np.arange(n) / RATE_HZ / 300.0)
    return 1200.0 + 500.0 * (volume**1.4 + leak + knock) + 4.0 * random.normal(size=n)


def _load_cell(_belt: Floats, truth: Truth, n: int, random: np.random.Generator) -> Floats:
    """A force sensor in a stiff belt: linear, with posture drifting."""
    drift = 0.2 * np.sin(2.0 * np.pi * np.arange(n) / RATE_HZ / 140.0)
    return 1500.0 + 600.0 * (truth.volume[:n] + drift) + 6.0 * random.normal(size=n)


def _thermistor(_belt: Floats, truth: Truth, n: int, random: np.random.Generator) -> Floats:
    """A bead under the nose: cooled while air goes in, warmed while it goes out, at a time constant of 0.3 s."""
    flow = np.gradient(truth.volume[:n]) * RATE_HZ
    target = 1.0 / (1.0 + np.exp(8.0 * flow))  # 0 ambient air, 1 breath
    warmth, value = np.empty(n), 0.5
    for k in range(n):
        value += (target[k] - value) * (np.abs(flow[k]) / (np.abs(flow[k]) + 0.3)) / RATE_HZ / 0.3
        warmth[k] = value
    return 1000.0 + 1500.0 * warmth + 6.0 * random.normal(size=n)
