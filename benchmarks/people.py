"""The loop guard on many simulated persons: `python benchmarks/people.py [--persons 500] [--minutes 10] [--twins 60]`.

Persons whose arousal answers to how lively the world is (the named ones under many seeds, and persons at random) go
through the whole engine, bytes and all. Bars: every drive and level of every frame is finite, within bounds and within
its slew; no level is moved by a body; nothing is livelier than a person's own rest allows; nobody who breathes more
than at rest is led; nobody is led where pacing is off. Some live again: unstirred, which shows whether the world
arouses (nobody runs away), and unstirred without their spells, which shows what arousal makes of the world (the gain).
`--person NAME` looks at one kind alone, `--person named` at those that have names, `--preset` at a comfort preset; a
scene is but a word to the engine, so one stands for all. Exits with 1 when a bar is missed.
"""

import argparse
import itertools
import math
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from lively import BREATH_TRAVEL, Lively  # noqa: E402

from biofeed.body import REST_HIGH_PER_MIN, REST_LOW_PER_MIN, clip  # noqa: E402
from biofeed.clock import VirtualClock  # noqa: E402
from biofeed.config import PRESETS, Config, from_table  # noqa: E402
from biofeed.engine import Engine, Over, run  # noqa: E402
from biofeed.flow import Flow  # noqa: E402
from biofeed.messages import (  # noqa: E402
    DRIVES,
    LEVELS,
    TICKS_PER_S,
    ControlFrame,
    Drive,
    Entry,
    Input,
    Levels,
    Reading,
    Received,
)
from biofeed.safety import GLIDE_PER_S, LIMITS, Gate  # noqa: E402
from biofeed.sensors import bfs, people  # noqa: E402
from biofeed.sensors.intake import Decoding  # noqa: E402
from biofeed.sensors.simulated import SimulatedDevice  # noqa: E402

Floats = npt.NDArray[np.float64]
STIRS = 0.5  # arousal that the liveliest world adds to everybody here
REST_S = (40.0, 75.0)  # how lively the world is then, matched and not led, is what a person is used to
OVER = 1.25  # of what a rest allows, as a mean over WINDOW_S: the first seconds of a panic, and the noise of belts
WINDOW_S = 30.0
OVER_BREATHES = 2.0  # rate times depth of a spell, times the person's own, that nobody may miss
YIELD_S, YIELD_BREATHS = 30.0, 7.0  # after its onset, whichever is longer
RUNAWAY = 0.05  # arousal by which twins may differ by chance, on the mean of many
FIRST, LAST = slice(30, 90), slice(-60, None)  # seconds
COLUMNS = ("lively", "breath", "guide", "pulse", "unrest", "arousal", "hr_bpm", "minute", "leads", "calm", "rest")


@dataclass
class Life:
    """One person's session, a row a second, and what went wrong in it."""

    name: str
    rows: Floats  # (n_seconds, len(COLUMNS))
    wrong: list[str]
    yields: list[tuple[float, str]]  # when, and which

    def column(self, name: str) -> Floats:
        return self.rows[:, COLUMNS.index(name)]


class World:
    """The intake and the sinks of one session: the person's bytes, and the watch over each frame."""

    def __init__(self, person: people.Person, seed: int, config: Config, seconds: float) -> None:
        self.device = SimulatedDevice(person, seed)
        self.decode = Decoding()
        self.seconds = seconds
        self.lively = Lively()
        self.flow, self.gate = Flow(config.engine.flow, "tide"), Gate()
        self.life = Life(person.name, np.empty((0, len(COLUMNS))), [], [])
        self.rows: list[tuple[float, ...]] = []
        self.used_to: list[float] = []
        self.frame: ControlFrame | None = None
        self.engine = Engine(config.engine, "tide")

    def intake(self, tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        if time_s >= self.seconds:
            raise Over
        if tick % TICKS_PER_S == TICKS_PER_S // 2:
            self.device.receive(bfs.ping(time_s), time_s)
        entries: list[Entry] = [Received("sensor0", time_s, self.device.advance(time_s))]
        return entries, self.decode(entries)

    def watch(self, frame: ControlFrame, reading: Reading, _entries: Sequence[Entry]) -> None:
        self._judge(frame)
        lively = self.lively(1.0 / TICKS_PER_S, frame.drive)
        if REST_S[0] <= frame.time_s < REST_S[1]:
            self.used_to.append(lively)
        stir = lively - sum(self.used_to) / len(self.used_to) if self.used_to else 0.0
        self.device.perceive(frame.time_s, frame.drive.guide, clip(stir, -1.0, 1.0))
        reason = frame.reason.split("; ")[-1]
        if reason.startswith("yielding") and (not self.life.yields or self.life.yields[-1][1] != reason):
            self.life.yields.append((frame.time_s, reason))
        if frame.tick % TICKS_PER_S == 0:
            guidance = self.engine._adaptation._guidance
            parts = (self.lively.parts[name] for name in ("breath", "guide", "pulse", "unrest"))
            mode = float(guidance._mode == "leading")
            self.rows.append(
                (lively, *parts, 0.0, 0.0, 0.0, mode, frame.drive.calm, guidance.baseline_per_min or math.nan)
            )

    def _judge(self, frame: ControlFrame) -> None:
        """Finite, bounded, slewed, and levels that nobody but clock and commands has moved."""
        last, self.frame = self.frame, frame
        for source, names in (("drive", DRIVES), ("levels", LEVELS)):
            for name in names:
                value, limit = getattr(getattr(frame, source), name), LIMITS[name]
                if not 0.0 <= value <= 1.0:
                    self._wrong(frame, f"{name} is out of bounds")
                moved = value - getattr(getattr(last, source), name) if last else 0.0
                glide = GLIDE_PER_S if limit.is_body else 0.0
                rise, fall = max(limit.rise_per_s, glide), max(limit.fall_per_s, glide)
                if not -fall / TICKS_PER_S - 1e-9 <= moved <= rise / TICKS_PER_S + 1e-9:
                    self._wrong(frame, f"{name} moves too fast")
        if frame.levels != self._levels(frame):
            self._wrong(frame, "a level was moved by a body")
        if frame.drive.calm < 0.5 - 1e-9:
            self._wrong(frame, "calm is below its neutral")

    def _wrong(self, frame: ControlFrame, text: str) -> None:
        """Tells each kind of fault once."""
        if not any(known.endswith(text) for known in self.life.wrong):
            self.life.wrong.append(f"{frame.time_s:.1f} s: {text}")

    def _levels(self, frame: ControlFrame) -> Levels:
        """What the clock alone says, through a gate of its own that sees no body."""
        told = self.flow(frame.tick, frame.time_s, []).levels
        return self.gate(1.0 / TICKS_PER_S, Drive(), told, True).levels


def live(person: people.Person, seed: int, minutes: float, preset: str = "full") -> Life:
    """That person's session."""
    config = from_table(dict(PRESETS[preset])).lasting(max(60.0 * minutes, 1200.0))
    world = World(person, seed, config, 60.0 * minutes)
    run(world.engine, VirtualClock().sleep_until, world.intake, [world.watch])
    truth = world.device._body.truth
    rows = np.array(world.rows)
    seconds = np.arange(len(rows), dtype=float)
    rows[:, COLUMNS.index("arousal")] = np.interp(seconds, truth.time_s, truth.arousal)
    rows[:, COLUMNS.index("hr_bpm")] = np.interp(seconds, truth.time_s, truth.hr_bpm)
    flow_per_s = np.abs(np.diff(truth.volume, prepend=truth.volume[0])) * 50.0
    minute = np.convolve(flow_per_s, np.ones(500) / 500.0, mode="same")  # ventilation over 10 s
    rows[:, COLUMNS.index("minute")] = np.interp(seconds, truth.time_s, minute)
    world.life.rows = rows
    judge_rest(world.life)
    judge_leading(world.life, person, seconds)
    if config.engine.flow.pacing == "off" and world.life.column("leads").any():
        world.life.wrong.append("led, though pacing is off")
    return world.life


def judge_rest(life: Life) -> None:
    """Nothing is livelier than the person's own rest allows."""
    rest = np.clip(np.nan_to_num(life.column("rest"), nan=REST_HIGH_PER_MIN), REST_LOW_PER_MIN, REST_HIGH_PER_MIN)
    allowed = 2.0 * rest / 60.0 / BREATH_TRAVEL
    for name, most in (("breath", allowed), ("guide", allowed), ("pulse", np.ones(len(rest)))):
        ratio = smooth(life.column(name)) / smooth(most)
        if ratio.max() > OVER:
            life.wrong.append(f"{ratio.argmax()} s: {name} travels {ratio.max():.2f} of what the rest allows")


def judge_leading(life: Life, person: people.Person, seconds: Floats) -> None:
    """Who over-breathes for good (beyond what yielding takes) is not led."""
    for spell in person.spells:
        if spell.rate * spell.depth >= OVER_BREATHES and spell.depth >= 1.0:
            yield_s = max(YIELD_S, YIELD_BREATHS * 60.0 / (person.rate_per_min * spell.rate))
            late = (seconds >= spell.from_s + yield_s) & (seconds < min(spell.to_s, seconds[-1]))
            led_s = float(life.column("leads")[late].sum())
            if led_s > 0.0:
                life.wrong.append(f"{spell.from_s:.0f} s: led for {led_s:.0f} s while breathing more than at rest")


def smooth(values: Floats) -> Floats:
    n = int(min(WINDOW_S, len(values)))
    return np.convolve(values, np.ones(n) / n, mode="valid")


def crowd(n: int, minutes: float, kind: str | None) -> list[tuple[people.Person, int]]:
    """So many persons, each with a seed: three in five are named ones in turn, the others are drawn."""
    named = [people.person(kind)] if kind in people.PEOPLE else list(people.PEOPLE.values())
    n_named = n if kind else math.ceil(0.6 * n)
    who = [(person, 1 + k // len(named)) for k, person in zip(range(n_named), itertools.cycle(named), strict=False)]
    who += [(people.drawn(seed, 60.0 * minutes), seed) for seed in range(1, n - n_named + 1)]
    return [(replace(person, stirs=STIRS), seed) for person, seed in who]


def gains(life: Life, twin: Life) -> tuple[float, float]:
    """What differs on the mean, from when the twins part: liveliness, arousal."""
    apart = np.flatnonzero(np.abs(life.column("arousal") - twin.column("arousal")) > 0.02)
    since = slice(int(apart[0]) if apart.size else len(life.rows) - 1, None)
    lively, arousal = (float(np.mean((life.column(c) - twin.column(c))[since])) for c in ("lively", "arousal"))
    return lively, arousal


def correlation(life: Life) -> float | None:
    """The highest correlation of arousal with how lively the world is 0 to 30 s later, once the person is known."""
    since = int(REST_S[0])
    arousal, lively = (smooth(life.column(name)[since:]) for name in ("arousal", "lively"))
    found = []
    for lag in range(0, 31, 5):
        x, y = arousal[: len(arousal) - lag], lively[lag:]
        if len(x) > 60 and x.std() > 0.02 and y.std() > 1e-3:
            found.append(float(np.corrcoef(x, y)[0, 1]))
    return max(found, default=None)


Job = tuple[str, people.Person, int, float, str]


def task(job: Job) -> tuple[str, Life]:
    return job[0], live(*job[1:])


def tell(lives: list[Life], unstirred: list[tuple[Life, Life]], without: list[tuple[Life, Life]]) -> bool:
    """Prints the figures; whether all bars hold."""
    minutes = sum(len(life.rows) for life in lives) / 60.0
    wrong = [(life.name, text) for life in lives for text in life.wrong]
    names = {life.name if not life.name.startswith("drawn") else "drawn" for life in lives}
    print(f"{len(lives)} persons of {len(names)} kinds, {minutes / 60.0:.1f} h in all")
    print(f"violations: {len(wrong)}")
    for name, text in wrong[:40]:
        print(f"  {name}: {text}")
    first, last = (np.mean([life.column("arousal")[part].mean() for life in lives]) for part in (FIRST, LAST))
    print(f"arousal, first and last minute: {first:.3f} {last:.3f}")
    print(f"times that it yielded: {sum(len(life.yields) for life in lives) / minutes * 10.0:.2f} in 10 min")
    led = np.mean(np.concatenate([life.column("leads") for life in lives]))
    print(f"led: {led:.0%} of the time")
    is_held = not wrong
    if unstirred:
        open_, closed = (np.mean([pair[k].column("arousal")[LAST].mean() for pair in unstirred]) for k in (1, 0))
        print(f"{len(unstirred)} twins, arousal in the last minute: {open_:.3f} unstirred, {closed:.3f} stirred")
        r = [value for _, twin in unstirred if (value := correlation(twin)) is not None]
        if r:  # no bar: in who calms down both fall together; what arousal does to the world is the gain below
            print(f"correlation of the world with unstirred arousal: median {np.median(r):+.2f}, most {max(r):+.2f}")
        is_held = is_held and closed - open_ < RUNAWAY
    if without:
        both = np.array([gains(*pair) for pair in without])
        both = both[both[:, 1] > 0.02]
    if without and len(both):
        lively, arousal = both.mean(axis=0)
        print(f"{len(both)} twins with and without spells: arousal {arousal:+.3f}, liveliness {lively:+.3f}")
        print(f"gain {lively / arousal:+.3f}, of a loop with them {STIRS * lively / arousal:+.3f} (bar: below 0.05)")
        print(f"most that one of them was met by a livelier world: {both[:, 0].max():+.3f}")
        is_held = is_held and STIRS * lively / arousal < 0.05
    return bool(is_held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--twins", type=int, default=60, help="how many of them live again")
    parser.add_argument("--person", choices=(*people.names(), "named"), help="this kind alone")
    parser.add_argument("--preset", choices=list(PRESETS), default="full")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    who = crowd(asked.persons, asked.minutes, asked.person)
    again = set(range(0, len(who), max(1, len(who) // asked.twins))) if asked.twins else set()
    jobs: list[Job] = []
    for k, (person, seed) in enumerate(who):
        jobs.append(("", person, seed, asked.minutes, asked.preset))
        if k in again:
            still = replace(person, stirs=0.0)
            jobs.append(("unstirred", still, seed, asked.minutes, asked.preset))
            if any(spell.arousal > 0.0 for spell in person.spells):
                jobs.append(("without", replace(still, spells=()), seed, asked.minutes, asked.preset))
    lives: list[Life] = []
    unstirred: list[tuple[Life, Life]] = []
    without: list[tuple[Life, Life]] = []
    began_s = time.monotonic()
    with ProcessPoolExecutor(asked.jobs) as pool:
        for done, (kind, life) in enumerate(pool.map(task, jobs), 1):
            left_s = (time.monotonic() - began_s) / done * (len(jobs) - done)
            print(f"\r{done}/{len(jobs)} sessions, {left_s / 60.0:.0f} min to go ", end="", file=sys.stderr, flush=True)
            if kind == "unstirred":
                unstirred.append((lives[-1], life))
            elif kind == "without":
                without.append((unstirred[-1][1], life))
            else:
                lives.append(life)
    print(file=sys.stderr)
    sys.exit(0 if tell(lives, unstirred, without) else 1)


if __name__ == "__main__":
    main()
