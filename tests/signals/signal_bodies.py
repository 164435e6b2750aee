"""Made-up bodies with their truth, for the tests of the signal path: belts, pulses, and the packets that carry them."""

import numpy as np
import numpy.typing as npt

from biofeed.messages import Chunk, Hello, Packet, Stream

Floats = npt.NDArray[np.float64]

BELT = Stream(1, "resp", 50.0, unit="N", count_min=0, count_max=4095, scale=0.005, polarity=1)
PULSE = Stream(0, "ppg", 500.0, count_min=0, count_max=1023, polarity=1)


def belt(rate_per_min: float, seconds: float, seed: int = 1, spread: float = 0.05) -> tuple[Floats, Floats, Floats]:
    """Times, phase in cycles and counts at 50 Hz: inhale 40 %, an end-expiratory rest, noise, drift, heart ripple."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 50)) / 50.0
    phase, volume = np.empty_like(time_s), np.empty_like(time_s)
    begin_s, first = 0.0, 0
    while first < time_s.size:
        length_s = 60.0 / rate_per_min * np.exp(spread * random.normal())
        duty, depth = np.clip(0.4 * (1.0 + 0.08 * random.normal()), 0.25, 0.55), np.exp(0.1 * random.normal())
        last = int(np.searchsorted(time_s, begin_s + length_s))
        share = (time_s[first:last] - begin_s) / length_s
        p = np.where(share < duty, 0.5 * share / duty, 0.5 + 0.5 * (share - duty) / (1.0 - duty))
        out = np.clip((2.0 * p - 1.0) / 0.8, 0.0, 1.0)
        wave = np.where(p < 0.5, 0.5 - 0.5 * np.cos(2.0 * np.pi * p), 0.5 + 0.5 * np.cos(np.pi * out))
        phase[first:last], volume[first:last] = p, depth * wave
        begin_s, first = begin_s + length_s, last
    sensed = volume + 0.1 * np.sin(2 * np.pi * time_s / 97.0) + 0.02 * np.sin(2 * np.pi * 1.15 * time_s)
    return time_s, phase, np.round(2000.0 + 500.0 * (sensed + 0.01 * random.normal(size=time_s.size)))


def beat_times(seconds: float, hr_bpm: float = 68.0, rsa_bpm: float = 6.0, breath_hz: float = 0.1) -> Floats:
    """When a heart beats whose rate swings with the breath (integral pulse-frequency modulation)."""
    grid_s = np.arange(0.0, seconds, 0.002)
    cycles = np.cumsum((hr_bpm + 0.5 * rsa_bpm * np.sin(2 * np.pi * breath_hz * grid_s)) / 60.0 * 0.002)
    return np.interp(np.arange(1.0, cycles[-1]), cycles, grid_s)


def pulse(beats_s: Floats, seconds: float, rate_hz: float = 500.0, noise: float = 0.01, seed: int = 1) -> Floats:
    """Counts (n,): each beat a systolic and a dicrotic wave on a run-off, with breath-like wander and noise."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    volume = np.zeros_like(time_s)
    for beat_s in beats_s:
        first, last = np.searchsorted(time_s, (beat_s, beat_s + 2.0))
        age = time_s[first:last] - beat_s
        for height, peak_s, shape in ((1.0, 0.16, 3.2), (0.3, 0.34, 1.8), (0.3, 0.40, 12.0)):
            x = np.maximum(age, 1e-6) / peak_s
            volume[first:last] += height * np.exp(shape * (np.log(x) + 1.0 - x))
    volume += 0.15 * np.sin(2 * np.pi * 0.1 * time_s) + noise * random.normal(size=time_s.size)
    return np.clip(np.round(350.0 + 160.0 * volume), 0, 1023)


def cardiogram(
    beats_s: Floats, seconds: float, rate_hz: float, t_height: float = 0.25, noise: float = 0.02, seed: int = 1
) -> Floats:
    """Volts (n,): P, R, S and T waves as bells, with breath-like wander and noise; the R wave is at the beat."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    volt = noise * np.random.default_rng(seed).normal(size=time_s.size) + 0.2 * np.sin(2 * np.pi * 0.2 * time_s)
    for beat_s in beats_s:
        for at_s, height, width_s in (
            (0.0, 1.0, 0.011),
            (0.03, -0.2, 0.01),
            (0.28, t_height, 0.04),
            (-0.16, 0.1, 0.025),
        ):
            volt += height * np.exp(-0.5 * ((time_s - beat_s - at_s) / width_s) ** 2)
    return volt


def chunks(stream: Stream, counts: Floats, sizes: list[int], start_s: float = 0.0) -> list[Chunk]:
    """The counts cut into Chunks of the given sizes in turn, for ever; sizes of 0 give empty Chunks."""
    cut, at, turn = [], 0, 0
    while at < counts.size:
        size = sizes[turn % len(sizes)]
        values = counts[at : at + size, None] * stream.scale + stream.offset
        begin_s = start_s + at / stream.rate_hz
        cut.append(Chunk(stream.kind, begin_s, stream.rate_hz, values, stream.unit, 1.0, at == 0 and turn == 0))
        at, turn = at + size, turn + 1
    return cut


def hello(boot_id: int = 1, tick_s: float = 1e-6, streams: tuple[Stream, ...] = (PULSE, BELT)) -> Hello:
    return Hello("sensor0", 0.0, boot_id, "test", "1", "1.0.0", tick_s, streams)


def packets(
    stream: Stream,
    counts: Floats,
    n_each: int,
    skew: float = 0.0,
    start_s: float = 0.0,
    wire_s: float = 0.003,
    burst_s: float = 0.016,
    boot_ticks: int = 5_000_000,
) -> list[Packet]:
    """The counts as a device sends them: its second lasts 1 + skew of ours, and arrivals come in bursts."""
    told = []
    for seq in range(counts.size // n_each):
        device_s = seq * n_each / stream.rate_hz
        done_s = start_s + (device_s + (n_each - 1) / stream.rate_hz) * (1.0 + skew) + wire_s
        arrival_s = np.ceil(done_s / burst_s) * burst_s if burst_s > 0.0 else done_s
        values = counts[seq * n_each : (seq + 1) * n_each].astype(np.int32)[:, None]
        ticks = boot_ticks + round(device_s * 1e6)
        told.append(Packet("sensor0", stream.id, seq, ticks, float(arrival_s), 0, values))
    return told


def f1(truth_s: Floats, found_s: Floats, tolerance_s: float = 0.15) -> float:
    """Harmonic mean of sensitivity and precision after one constant lag."""
    if not found_s.size or not truth_s.size:
        return 0.0
    lag_s = np.median([found_s[np.argmin(np.abs(found_s - beat_s))] - beat_s for beat_s in truth_s])
    hits = sum(np.abs(found_s - lag_s - beat_s).min() <= tolerance_s for beat_s in truth_s)
    return float(2.0 * hits / (truth_s.size + found_s.size))
