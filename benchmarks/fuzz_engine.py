"""Bytes and commands at random into an engine: `python benchmarks/fuzz_engine.py [--bytes 1e7] [--commands 1e6]`.

Bytes come as noise, as a simulated board's BFS/1 frames with damage in them, as whole frames with absurd contents and
good checksums, and as hobby text, with cables that open and close; commands of every kind and of none carry numbers of
every size, words, nothing, and what no command may carry. Bars: no exception, and every frame of every tick is finite,
within bounds and within its slews; scenes change in the dark only. A session that was stopped is followed by another.
Exits with 1 when a bar is missed, and says which seed and tick it was.
"""

import argparse
import math
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from biofeed.config import PRESETS, Config, from_table  # noqa: E402
from biofeed.engine import Engine  # noqa: E402
from biofeed.messages import (  # noqa: E402
    COMMANDS,
    DRIVES,
    LEVELS,
    TICKS_PER_S,
    Command,
    ControlFrame,
    Entry,
    LinkChanged,
    LinkState,
    Received,
)
from biofeed.safety import GLIDE_PER_S, LIMITS  # noqa: E402
from biofeed.sensors import bfs, people  # noqa: E402
from biofeed.sensors.intake import Decoding  # noqa: E402
from biofeed.sensors.simulated import Faults, SimulatedDevice  # noqa: E402

SESSION_S = 120.0  # then the next one begins, with another preset, person and mix
KEPT = {"stop": 0.99, "end": 0.9999}  # shares that are left out: most of a session is to be run, not ended
DEVICES = ("sensor0", "sensor1")
NUMBERS = (
    0.0, 1.0, 0.5, -1.0, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf, 0, 1, -1, 2**63, 10**400, -(10**400),
    True, False,
)  # fmt: skip
WORDS = ("", "tide", "../../etc/passwd", "\0", "\ud800", "a" * 100_000, "nan", "0.5", "\N{SNOWMAN}" * 50, "pause")
ODD = (None, (), [], [1.0], {}, {"a": 1}, b"bytes", 1j, object(), float, np.float64(math.nan), np.int32(3), np.ones(3))


class Source:
    """Bytes of one cable: a mix of kinds that changes from second to second."""

    def __init__(self, chance: random.Random, seed: int) -> None:
        self._chance = chance
        self._device = SimulatedDevice(
            chance.choice(people.names()), seed, Faults(corrupt_per_byte=chance.choice((0.0, 1e-4, 1e-2)))
        )
        self._kind = "board"
        self._seq = 0

    def __call__(self, tick: int, time_s: float) -> bytes:
        if tick % TICKS_PER_S == 0:
            self._kind = self._chance.choice(("board", "board", "board", "noise", "forged", "text", "silence"))
        board = self._device.advance(time_s)
        if self._kind == "board":
            return self._damaged(board) if self._chance.random() < 0.05 else board
        if self._kind == "noise":
            return self._chance.randbytes(self._chance.choice((1, 60, 600)))
        if self._kind == "forged":
            return b"".join(self._forged() for _ in range(self._chance.randint(1, 12)))
        return self._text() if self._kind == "text" else b""

    def _damaged(self, data: bytes) -> bytes:
        """Bytes flipped, left out, doubled, or put elsewhere."""
        cut = self._chance.randrange(len(data) + 1)
        return self._chance.choice(
            (
                data[:cut],
                data[cut:] + data[:cut],
                data + data,
                bytes(byte ^ (self._chance.random() < 0.1) << self._chance.randrange(8) for byte in data),
            )
        )

    def _forged(self) -> bytes:
        """A frame whose checksum is right and whose contents need not make sense."""
        chance = self._chance
        kind = chance.randrange(4)
        if kind == 0:
            return bfs.encode_frame(bytes([chance.randrange(256)]) + chance.randbytes(chance.randrange(1, 80)))
        if kind == 1:
            return bfs.encode_frame(bfs.pong_body(*(chance.randrange(2**32) for _ in range(3))))
        counts = np.array([[chance.choice((0, 1023, 512, chance.randrange(1024)))] for _ in range(10)], np.int32)
        self._seq += chance.choice((1, 1, 1, 0, -1, 1000))
        t_us = chance.choice((0, 2**31, 2**32 - 1, self._seq * 20_000, chance.randrange(2**32)))
        flags = chance.choice((0, 0, 0, chance.randrange(256)))
        stream, fmt = chance.choice(((0, "u10in16"), (1, "u16"), (7, "u16")))
        return bfs.encode_frame(bfs.data_body(stream, self._seq % 2**16, t_us % 2**32, flags, counts, fmt))

    def _text(self) -> bytes:
        """Lines as boards of hobbyists print them, and lines that no board prints."""
        chance = self._chance
        line = chance.choice(
            (
                lambda: f"{chance.randrange(1024)}",
                lambda: f"{chance.randrange(1024)},{chance.randrange(1024)}",
                lambda: f"S{chance.randrange(1024)} B{chance.randrange(2000)} Q{chance.randrange(2000)}",
                lambda: "nan,inf,-inf",
                lambda: "9" * chance.randrange(1, 400),
                lambda: f"{chance.uniform(-1, 1):e}\t{chance.random()}",
                lambda: chance.randbytes(20).decode("latin-1"),
            )
        )
        return "".join(line() + chance.choice(("\n", "\r\n", "\r", "")) for _ in range(4)).encode("utf-8", "replace")


def command(chance: random.Random, tick: int) -> Any:
    """A command of some kind with some value; few of them stop or end the session."""
    kind = chance.choice((*COMMANDS, "dance", "", "\0" * 9, "x" * 10_000))
    if kind in KEPT and chance.random() < KEPT[kind]:
        kind = "press"
    value: Any = chance.choice((chance.choice(NUMBERS), chance.choice(WORDS), chance.choice(ODD), chance.random()))
    return Command(chance.choice((tick, -1, 2**62)), kind, value)


def wrong(last: ControlFrame | None, frame: ControlFrame) -> str:
    """What is wrong with the frame, in words; nothing if nothing is."""
    for source, names in (("drive", DRIVES), ("levels", LEVELS)):
        for name in names:
            value, limit = getattr(getattr(frame, source), name), LIMITS[name]
            if type(value) is not float or not 0.0 <= value <= 1.0:
                return f"{name} is {value!r}"
            glide = GLIDE_PER_S if limit.is_body else 0.0
            moved = (value - getattr(getattr(last, source), name)) * TICKS_PER_S if last else 0.0
            if not -max(limit.fall_per_s, glide) - 1e-6 <= moved <= max(limit.rise_per_s, glide) + 1e-6:
                return f"{name} moves by {moved:.3f}/s"
    if last and frame.scene != last.scene and frame.levels.picture > 0.0:
        return f"the scene changes at a picture level of {frame.levels.picture:.3f}"
    return ""


def config_of(chance: random.Random) -> Config:
    table: dict[str, Any] = {key: dict(value) for key, value in PRESETS[chance.choice(list(PRESETS))].items()}
    return from_table(table).lasting(chance.choice((20.0, 60.0, 600.0, 5400.0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=float, default=1e7)
    parser.add_argument("--commands", type=float, default=1e6)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    n_bytes = n_commands = n_ticks = n_sessions = 0
    found: dict[str, str] = {}  # by what is wrong: once is enough
    began_s = told_s = time.monotonic()
    seed = asked.seed
    while n_bytes < asked.bytes or n_commands < asked.commands:
        n_sessions, seed = n_sessions + 1, seed + 1
        chance = random.Random(seed)
        engine, decode = Engine(config_of(chance).engine, "tide"), Decoding()
        sources = {device: Source(chance, seed) for device in DEVICES}
        last: ControlFrame | None = None
        for tick in range(round(SESSION_S * TICKS_PER_S)):
            time_s = tick / TICKS_PER_S
            entries: list[Entry] = []
            for device, source in sources.items():
                if tick == 0 or chance.random() < 0.002:
                    entries.append(LinkChanged(device, time_s, chance.choice(list(LinkState)), "a cable"))
                entries.append(Received(device, time_s, source(tick, time_s)))
                n_bytes += len(entries[-1].data) if isinstance(entries[-1], Received) else 0
            n_new = chance.randrange(0, 60) if n_commands < asked.commands else 0
            entries += [command(chance, tick) for _ in range(n_new)]
            n_commands, n_ticks = n_commands + n_new, n_ticks + 1
            chance.shuffle(entries)
            try:
                frame = engine.step(tick, time_s, decode(entries))
            except Exception as error:  # whatever it is, it is what is looked for
                found.setdefault(repr(error), f"seed {seed}, tick {tick}: {traceback.format_exc(limit=-3)}")
                break
            if text := wrong(last, frame):
                found.setdefault(text.split(" ")[0], f"seed {seed}, tick {tick}: {text}")
                break
            last = frame
            if frame.state == "ended" or (n_bytes >= asked.bytes and n_commands >= asked.commands):
                break
        if time.monotonic() - told_s > 2.0:
            told_s = time.monotonic()
            shares = f"{n_bytes / asked.bytes:.0%} of bytes, {n_commands / max(asked.commands, 1.0):.0%} of commands"
            print(f"\r{n_sessions} sessions, {shares} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    took_s = time.monotonic() - began_s
    print(f"{n_bytes} bytes, {n_commands} commands, {n_ticks} ticks in {n_sessions} sessions, {took_s:.0f} s")
    print(f"kinds of exceptions and broken limits: {len(found)}")
    for text in found.values():
        print(text)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
