"""Kills live sessions without warning at random instants: does each capsule open, and how much is missing?

    python benchmarks/kill.py [--times 20] [--seed 1]

Each session is a process of its own: a simulated person on a real pseudo-terminal, engine and recorder. It tells every
tick as it is handed to the recorder; what the capsule holds is compared with the last tick told. Exit code 1 when a
capsule does not open, does not replay to the same frames, or more than the last second is missing.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from biofeed import offline
from biofeed.clock import MonotonicClock
from biofeed.config import Config, as_table
from biofeed.engine import Engine
from biofeed.live import Mailbox, Session
from biofeed.messages import TICKS_PER_S, ControlFrame, Entry, Reading
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder


def hold(folder: Path) -> None:
    """A live session that writes the number of every tick to standard output, and never ends by itself in a minute."""
    config = Config().lasting(60.0)
    engine = Engine(config.engine, "tide")
    opening = Opening("2026-01-01T00:00:00+00:00", 1, "tide", 60.0, as_table(config), ("simulated:calm",), "calm")
    recorder = Recorder(folder, opening, {})
    clock = MonotonicClock()
    mailbox = Mailbox()
    simulated = SimulatedPort(SimulatedDevice("calm", 1), clock.now_s)
    simulated.start()
    port = SerialPort(simulated.url, "sensor0", clock.now_s, mailbox.put, config.port)
    port.start()

    def record(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        recorder.tick(frame.tick, entries, digest_of(frame))
        simulated.set_guide(frame.time_s, frame.drive.guide)
        os.write(1, f"{frame.tick}\n".encode())

    Session(engine, clock, mailbox, [], lambda *_: None).run([record])


def kill_one(folder: Path, until_tick: int) -> tuple[int, Capsule]:
    """Holds a session and kills it once it has told `until_tick`; gives the ticks that are missing, and the capsule."""
    command = [sys.executable, __file__, "--hold", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout
        told = -1
        for line in session.stdout:
            told = int(line)
            if told >= until_tick:
                session.send_signal(signal.SIGKILL)
                break
        for line in session.stdout:  # what it had told before the kill took effect
            told = int(line) if line.endswith("\n") else told
    capsule = Capsule.open(folder)
    return told + 1 - capsule.n_ticks, capsule


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hold:
        hold(asked.hold)
        return 0
    rng = np.random.default_rng(asked.seed)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.times):
            until_tick = int(rng.integers(1, 8 * TICKS_PER_S))
            n_missing, capsule = kill_one(Path(folder) / str(number), until_tick)
            equal = offline.replay(capsule).first_difference is None
            failed += n_missing > TICKS_PER_S or not equal
            kept = f"{capsule.n_ticks:4} ticks recorded, {n_missing / TICKS_PER_S:.2f} s missing"
            replayed = "equal" if equal else "DIFFERENT"
            print(f"{number + 1:3} killed at tick {until_tick:4}: {kept}, {replayed}; {capsule.torn}", flush=True)
    print(f"{failed} of {asked.times} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
