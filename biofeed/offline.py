"""The offline shell: simulated persons and capsules through the same core, in one thread and on virtual time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from biofeed.clock import VirtualClock
from biofeed.config import Config, from_table
from biofeed.engine import Engine, Over, Sink, run
from biofeed.messages import (
    BREAK,
    HEARD,
    TICKS_PER_S,
    Command,
    ControlFrame,
    Entry,
    Input,
    LinkChanged,
    LinkState,
    Reading,
    Received,
)
from biofeed.sensors import bfs
from biofeed.sensors.intake import Decoding
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.session.capsule import Capsule, Tick, digest_of, frames_digest
from biofeed.session.report import History

SIMULATED = "sensor0"


class SimulatedIntake:
    """A simulated person's bytes at each tick, as a port would have read them; the person sees the guide."""

    def __init__(self, person: str, seed: int, until_s: float) -> None:
        self._device = SimulatedDevice(person, seed)
        self._decode = Decoding()
        self._until_s = until_s

    def __call__(self, tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        if time_s >= self._until_s:
            raise Over
        entries: list[Entry] = []
        if tick == 0:
            entries.append(LinkChanged(SIMULATED, time_s, LinkState.OPENING, "a simulated person is being plugged in"))
        if tick % TICKS_PER_S == TICKS_PER_S // 2:
            self._device.receive(bfs.ping(time_s), time_s)
        data = self._device.advance(time_s)
        if data:
            entries.append(Received(SIMULATED, time_s, data))
        return entries, self._decode(entries)

    def watch(self, frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        """A sink for `run`."""
        self._device.perceive(frame.time_s, frame.drive.guide)


class CapsuleIntake:
    """What a capsule recorded at each tick; ends the session where the recording ends."""

    def __init__(self, capsule: Capsule, until_s: float) -> None:
        self._ticks = capsule.ticks()
        self._until_s = until_s
        self._decode = Decoding()
        self.digests: list[bytes] = []

    def __call__(self, tick: int, time_s: float) -> tuple[Sequence[Entry], Sequence[Input]]:
        recorded = next(self._ticks, None) if time_s < self._until_s else None
        if recorded is None:
            raise Over
        self.digests.append(recorded.digest)
        return recorded.entries, self._decode(recorded.entries)

    def rest(self) -> Iterator[Tick]:
        """Recorded ticks that were not asked for."""
        return self._ticks


def simulate(config: Config, scene: str, person: str, seed: int, until_s: float, sinks: Sequence[Sink]) -> None:
    """A session with a simulated person who follows, or does not, up to that time."""
    intake = SimulatedIntake(person, seed, until_s)
    run(Engine(config.engine, scene), VirtualClock().sleep_until, intake, [*sinks, intake.watch])


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gave: the digests, and the first tick that differs from the recording (None: equal)."""

    digest: str
    recorded: str
    n_ticks: int
    first_difference: int | None


def replay(capsule: Capsule, sinks: Sequence[Sink] = (), until_s: float = math.inf) -> Replayed:
    """The session again up to that time, from its recorded bytes, commands and settings."""
    config = from_table(capsule.opening.settings)
    intake = CapsuleIntake(capsule, until_s)
    digests: list[bytes] = []

    def compare(frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        digests.append(digest_of(frame))

    run(Engine(config.engine, capsule.opening.scene), VirtualClock().sleep_until, intake, [compare, *sinks])
    recorded = intake.digests + [tick.digest for tick in intake.rest()]
    first = next((i for i, (a, b) in enumerate(zip(digests, recorded, strict=False)) if a != b), None)
    if first is None and len(digests) != len(recorded):
        first = min(len(digests), len(recorded))
    return Replayed(frames_digest(digests), frames_digest(recorded), len(digests), first)


def history(capsule: Capsule) -> History:
    """All that a report tells, by replaying the capsule."""
    frames: list[ControlFrame] = []
    readings: list[Reading] = []
    links: list[LinkChanged] = []
    breaks: list[tuple[float, float]] = []
    heard: list[float] = []

    def keep(frame: ControlFrame, reading: Reading, entries: Sequence[Entry]) -> None:
        frames.append(frame)
        readings.append(reading)
        for entry in entries:
            if isinstance(entry, LinkChanged):
                links.append(entry)
            elif isinstance(entry, Command) and isinstance(entry.value, float):
                if entry.kind == BREAK:
                    breaks.append((frame.time_s, entry.value))
                elif entry.kind == HEARD:
                    heard.append(entry.value)

    result = replay(capsule, [keep])
    return History(
        opening=capsule.opening,
        frames=frames,
        readings=readings,
        links=links,
        breaks=breaks,
        week_part=_added_up(heard) if heard else None,
        recorded_digest=result.recorded,
        replayed_digest=result.digest,
        torn=capsule.torn,
        ended=capsule.ended,
    )


def _added_up(counts: Sequence[float]) -> float:
    """What a count reached that begins at nothing anew whenever its process does."""
    return sum(now - before if now >= before else now for before, now in pairwise([0.0, *counts]))
