"""Hours of random adversarial sound, and of worlds under random commands, through the sound guard: the worst figures.

python benchmarks/sound_guard.py [--hours 1] [--seed 1]; exits with 1 when a limit is broken. Half of it is made up of
noise, tones, clicks, offsets, faults and silence that follow each other at random, the other half is worlds whose
drives, levels and scenes jump at random, with such things mixed in.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from biofeed import limits, scene
from biofeed.messages import DRIVES, SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.sound import loudness
from biofeed.sound.limiter import FAINT_LUFS, QUIET_LUFS, Limiter, Settings
from biofeed.sound.synth import TICK_FRAMES, Synth

Sound = npt.NDArray[np.float32]
PIECE_S = 300  # five times the longest of the guard's memories
BARS = {
    "not finite, samples": 0.0,
    "true peak, dBTP": Settings().ceiling_dbfs,
    "long-term, LUFS": limits.LOUDEST_LUFS,
    "rise in 1 s of the loudness of 3 s, dB": limits.LOUDNESS_RISE_DB_PER_S,
    "rise of an onset of under 150 ms, dB": limits.ONSET_DB,
    "above 70 dBA, calibrated so that -23 LUFS are 75 dBA, dB": 0.1,
}


@dataclass
class Worst:
    """The highest of each figure, and where it was met."""

    figures: dict[str, float] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, value: float, place: str) -> None:
        if value > self.figures.get(name, -np.inf):
            self.figures[name], self.places[name] = value, place


def part(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random stretch of 20 ms to 12 s: (frames, 2)."""
    n = round(SAMPLE_RATE_HZ * float(np.exp(random.uniform(np.log(0.02), np.log(12.0)))))
    level = 10.0 ** (random.uniform(-80.0, 12.0) / 20.0)
    time_s = np.arange(n)[:, None] / SAMPLE_RATE_HZ
    kind = random.integers(0, 9)
    if kind <= 2:
        sound = random.normal(0.0, level, (n, 2))
    elif kind == 3:
        hz = np.exp(random.uniform(np.log(15.0), np.log(20_000.0), (1, 2)))
        sound = level * np.sin(2.0 * np.pi * hz * time_s + random.uniform(0.0, 6.3))
    elif kind == 4:
        sound = level * np.sign(np.sin(2.0 * np.pi * random.uniform(20.0, 12_000.0) * time_s + np.zeros((1, 2))))
    elif kind == 5:
        sound = np.zeros((n, 2))
    elif kind == 6:
        sound = np.full((n, 2), random.uniform(-1.0, 1.0, (1, 2))) + random.normal(0.0, 0.01, (n, 2))
    elif kind == 7:
        sound = random.normal(0.0, 0.003, (n, 2))
        sound[random.integers(0, n, 1 + n // 9600)] = random.uniform(-4.0, 4.0)
    else:
        n = min(n, SAMPLE_RATE_HZ // 2)
        with np.errstate(invalid="ignore"):
            sound = random.integers(0, 2**32, (n, 2), np.uint32).view(np.float32).astype(np.float64)
    if random.random() < 0.4:
        sound *= 10.0 ** (random.uniform(-60.0, 60.0) * np.arange(n)[:, None] / n / 20.0)
    if random.random() < 0.3:
        sound[np.arange(n) % int(random.uniform(0.05, 2.0) * SAMPLE_RATE_HZ) < random.uniform(0.01, 0.5) * n] = 0.0
    return np.asarray(sound)


def made_up(random: np.random.Generator) -> Iterator[Sound]:
    """Stretches without end."""
    while True:
        with np.errstate(all="ignore"):
            yield part(random).astype(np.float32)


def commanded(random: np.random.Generator) -> Iterator[Sound]:
    """Ticks of worlds whose drives, levels and scene jump, and into which stretches fall."""
    names = scene.names()
    sounds = {name: scene.load(name).soundscape for name in names}
    synth = Synth(sounds[names[int(random.integers(0, len(names)))]], int(random.integers(0, 1000)))
    falling: npt.NDArray[np.float64] = np.zeros((0, 2))
    drive, levels = Drive(), Levels(1.0, 1.0, 0.5)
    tick = 0
    while True:
        if random.random() < 0.05:
            drive = Drive(*random.uniform(0.0, 1.0, len(DRIVES)))
        if random.random() < 0.01:
            levels = Levels(1.0, float(random.integers(0, 2)), float(random.uniform(0.0, 1.0)))
        if random.random() < 0.002:
            synth.set_soundscape(sounds[names[int(random.integers(0, len(names)))]])
        if not len(falling) and random.random() < 0.005:
            falling = part(random)
        block = synth(ControlFrame(tick, tick / TICKS_PER_S, drive, "x", levels, "running", "")).astype(np.float64)
        n = min(len(falling), TICK_FRAMES)
        block[:n] += falling[:n]
        falling = falling[n:]
        tick += 1
        with np.errstate(all="ignore"):
            yield block.astype(np.float32)


def played(source: Iterator[Sound], limiter: Limiter, random: np.random.Generator) -> Sound:
    """A piece of what leaves the guard, asked for in random blocks."""
    out, n_frames = [], 0
    while n_frames < PIECE_S * SAMPLE_RATE_HZ:
        sound = next(source)
        while len(sound):
            n = int(random.integers(0, 5000))
            out.append(limiter(sound[:n]))
            n_frames += len(out[-1])
            sound = sound[n:]
    ramp = np.linspace(1.0, 0.0, 4800, dtype=np.float32)[:, None]  # a wave that breaks off would be a peak
    return np.concatenate([*out, out[-1][-1:] * ramp]) if len(out[-1]) else np.concatenate(out)


def look(worst: Worst, sound: Sound, place: str, calibration_dba: float | None) -> None:
    """Takes the figures of a piece."""
    worst.take("not finite, samples", float((~np.isfinite(sound)).sum()), place)
    worst.take("true peak, dBTP", loudness.true_peak_dbfs(sound), place)
    worst.take("long-term, LUFS", loudness.integrated_lufs(sound), place)
    rises = loudness.short_term_rises_db(sound, FAINT_LUFS)
    worst.take(
        "rise in 1 s of the loudness of 3 s, dB", float(rises.max()), f"{place}, {0.1 * int(rises.argmax()):.1f} s"
    )
    onsets = loudness.fast_onsets_db(sound, QUIET_LUFS, limits.ONSET_S)
    where_s = loudness.HOP_FRAMES / SAMPLE_RATE_HZ * int(onsets.argmax())
    worst.take("rise of an onset of under 150 ms, dB", float(onsets.max()), f"{place}, {where_s:.2f} s")
    if calibration_dba is not None:
        level_dba = calibration_dba + float(loudness.short_term_lufs(sound).max()) - limits.QUIETEST_LUFS
        name = "above 70 dBA, calibrated so that -23 LUFS are 75 dBA, dB"
        worst.take(name, level_dba - limits.LEVEL_CAP_DBA, place)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="of sound, in all")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    worst, least = Worst(), 1.0
    n_pieces = max(2, round(asked.hours * 3600.0 / PIECE_S))
    for piece in range(n_pieces):
        random = np.random.default_rng([asked.seed, piece])
        kind = (made_up, commanded)[piece % 2]
        calibration_dba = 75.0 if piece % 4 >= 2 else None
        limiter = Limiter(Settings(calibration_dba=calibration_dba))
        sound = played(kind(random), limiter, random)
        look(worst, sound, f"piece {piece} ({kind.__name__})", calibration_dba)
        least = min(least, float(limiter.report()["least_gain"] or 0.0))
        print(f"\r{piece + 1} of {n_pieces} pieces of {PIECE_S / 60.0:.0f} min", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    broken = False
    for name, bar in BARS.items():
        if name in worst.figures:
            is_over = worst.figures[name] > bar
            broken |= is_over
            print(f"{name:58} {worst.figures[name]:9.3f}  bar {bar:7.2f}  {worst.places[name]}{'  BROKEN' * is_over}")
    print(f"{'least gain, dB':58} {20.0 * np.log10(max(least, 1e-9)):9.1f}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
