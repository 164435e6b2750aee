"""Whether the sound guard has anything to do in sessions as they are: how fast each soundscape's loudness grows.

    python benchmarks/swells.py [NAME ...] [--minutes 11] [--people calm anxious] [--seeds 1 2]

Whole sessions with simulated persons, from the fade-in to the fade-out, a press of the button now and then among them.
Told are the largest rise within a second of the loudness over 3 s, before the guard and with its time (what is fainter
than the guard's floor counts as the floor), and what the guard does: its least gain, and how long it is below one.
Exits with 1 where the loudness rises faster than the limit, or where the guard has anything to do.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np

from biofeed import limits, scene
from biofeed.clock import VirtualClock
from biofeed.config import Config
from biofeed.engine import Engine, run
from biofeed.messages import TICKS_PER_S, Command, ControlFrame, Entry, Input, Reading
from biofeed.offline import SimulatedIntake
from biofeed.sound import loudness
from biofeed.sound.limiter import FAINT_LUFS, Limiter
from biofeed.sound.synth import Synth

PRESS_S = 41  # no breath's multiple: it falls on every part of one


@dataclass(frozen=True, slots=True)
class Told:
    """What one session's sound was."""

    lufs: float
    rise_db: float
    rise_at_s: float
    arriving_db: float  # the largest rise while it fades in
    guard_db: float
    guard_at_s: float
    guard_s: float  # for so long the guard held something back


@lru_cache(maxsize=4)
def session(person: str, seed: int, minutes: float) -> list[ControlFrame]:
    """The control frames of a whole session."""
    intake, frames = SimulatedIntake(person, seed, 60.0 * minutes), []

    def pressed(tick: int, time_s: float) -> tuple[Sequence[Entry], Sequence[Input]]:
        entries, inputs = intake(tick, time_s)
        is_press = tick % (PRESS_S * TICKS_PER_S) == PRESS_S * TICKS_PER_S // 2
        return entries, [*inputs, Command(tick, "press")] if is_press else inputs

    def keep(frame: ControlFrame, reading: Reading, entries: Sequence[Entry]) -> None:
        intake.watch(frame, reading, entries)
        frames.append(frame)

    run(Engine(Config().lasting(60.0 * minutes).engine, "x"), VirtualClock().sleep_until, pressed, [keep])
    return frames


def told(name: str, person: str, seed: int, minutes: float) -> Told:
    """A session's sound, before the guard and in it."""
    frames = session(person, seed, minutes)
    synth, limiter = Synth(scene.soundscape(scene.folders()[1] / f"{name}.toml"), seed), Limiter()
    blocks, gains = [], []
    for frame in frames:
        blocks.append(synth(frame))
        limiter(blocks[-1])
        gains.append(limiter.least_gain)
    sound, gain = np.concatenate(blocks), np.array(gains)
    rises = loudness.short_term_rises_db(sound, FAINT_LUFS)
    arrived = 10 * sum(frame.state == "arriving" for frame in frames) // TICKS_PER_S
    return Told(
        lufs=loudness.integrated_lufs(sound),
        rise_db=float(rises.max()),
        rise_at_s=0.1 * float(rises.argmax()) + 1.0,
        arriving_db=float(rises[:arrived].max()),
        guard_db=float(20.0 * np.log10(gain.min())),
        guard_at_s=float(gain.argmin() / TICKS_PER_S),
        guard_s=float((gain < 1.0).sum()) / TICKS_PER_S,
    )


def main() -> int:
    names = sorted(path.stem for path in scene.folders()[1].glob("*.toml"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=names, help="soundscapes; all when none is named")
    parser.add_argument("--minutes", type=float, default=11.0, help="of each session")
    parser.add_argument("--people", nargs="+", default=["calm", "anxious"], metavar="PERSON")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    cases = [(n, p, s) for p, s, n in itertools.product(asked.people, asked.seeds, asked.names)]
    is_missed = False
    print(f"rise: dB in 1 s, {limits.LOUDNESS_RISE_DB_PER_S:g} at most; guard: 0 dB and 0 s\n")
    heads = (f"{head:>8}" for head in ("LUFS", "rise", "at s", "in fade", "guard", "at s", "for s"))
    print(f"{'':16}{'person':12}{'seed':>4}{''.join(heads)}")
    with ProcessPoolExecutor(asked.processes) as pool:
        minutes = [asked.minutes] * len(cases)
        for case, one in zip(cases, pool.map(told, *zip(*cases, strict=True), minutes), strict=True):
            is_over = one.rise_db > limits.LOUDNESS_RISE_DB_PER_S or one.guard_s > 0.0
            is_missed |= is_over
            name, person, seed = case
            figures = "".join(f"{figure:8.2f}" for figure in astuple(one))
            print(f"{name:16}{person:12}{seed:4}{figures}{'  MISSED' * is_over}", flush=True)
    return 1 if is_missed else 0


if __name__ == "__main__":
    sys.exit(main())
