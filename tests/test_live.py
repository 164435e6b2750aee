"""The live shell on a real pseudo-terminal: it records, replays exactly, outlives its children, and survives a kill."""

import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from biofeed import offline
from biofeed.children import Beating, Child, ChildPlan
from biofeed.clock import MonotonicClock
from biofeed.config import Config, as_table
from biofeed.engine import Engine
from biofeed.live import STALL_S, Mailbox, Session
from biofeed.messages import TICKS_PER_S, Command, ControlFrame, Entry, LinkState, Reading, Received
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder

CONFIG = Config().lasting(60.0)


def echo(pipe: Beating, dies_at: int | None) -> None:
    """A child that says which tick it saw, presses keys, and may die."""
    pipe.send(("ready", os.getpid()))
    while (frame := pipe.recv()) is not None:
        if frame.tick == dies_at:
            os._exit(3)
        if frame.tick % 10 == 0:
            pipe.send(("saw", frame.tick))
    pipe.send(("done", None))


def sulk(pipe: Beating) -> None:
    """A child that never reads what it is sent."""
    pipe.poll(600.0)
    while True:
        pass


def fail(pipe: Beating) -> None:
    raise RuntimeError("no picture")


class Held:
    """A session that is asked to end at a tick, and what came of it."""

    def __init__(
        self, folder: Path, children: Sequence[ChildPlan], end_at: int, unplug_at: int = -1, stop_at: int = -1
    ) -> None:
        self.said: list[tuple[str, str, Any]] = []
        self.frames: list[ControlFrame] = []
        self.readings: list[Reading] = []
        engine = Engine(CONFIG.engine, "tide")
        opening = Opening("2026-01-01T00:00:00+00:00", 1, "tide", 60.0, as_table(CONFIG))
        recorder = Recorder(folder, opening, {})
        clock, mailbox = MonotonicClock(), Mailbox()
        simulated = SimulatedPort(SimulatedDevice("calm", 1), clock.now_s)
        simulated.start()
        port = SerialPort(simulated.url, "sensor0", clock.now_s, mailbox.put, CONFIG.port)
        fed = [Child(plan) for plan in children]
        lines = [child.line for child in fed]
        session = Session(engine, clock, mailbox, lines, lambda *said: self.said.append(said), ["aurora", "tide"])

        def record(frame: ControlFrame, reading: Reading, entries: Sequence[Entry]) -> None:
            recorder.tick(frame.tick, entries, digest_of(frame))
            self.frames.append(frame)
            self.readings.append(reading)
            if frame.tick == stop_at:
                session.ask("stop")
            if frame.tick == end_at:
                session.ask("end")
            if frame.tick == unplug_at:
                simulated.unplug()

        port.start()
        session.run([record])
        port.close()
        simulated.close()
        recorder.close("ended")
        session.close(0.5)
        self.finished = sum(child.close(lambda *_: None, 1.0) for child in fed) == len(fed)
        self.capsule = Capsule.open(folder)


def test_a_live_session_is_recorded_and_replays_to_the_very_same_frames(tmp_path: Path) -> None:
    held = Held(tmp_path / "capsule", [ChildPlan("echo", echo, (None,))], end_at=10 * TICKS_PER_S)
    assert held.finished
    assert ("echo", "done", None) in held.said
    assert held.frames[-1].state == "ended"
    assert any(reading.features.hr_bpm for reading in held.readings)
    result = offline.replay(held.capsule)
    assert result.first_difference is None
    assert result.n_ticks == len(held.frames)
    received = [entry for tick in held.capsule.ticks() for entry in tick.entries if isinstance(entry, Received)]
    assert sum(len(entry.data) for entry in received) > 10_000


@pytest.mark.hazard("H-24")
def test_a_child_that_dies_and_one_that_hangs_hold_up_nothing(tmp_path: Path) -> None:
    plans = [ChildPlan("mortal", echo, (20,)), ChildPlan("sulking", sulk, ())]
    held = Held(tmp_path / "capsule", plans, end_at=5 * TICKS_PER_S)
    assert [frame.tick for frame in held.frames] == list(range(len(held.frames)))
    assert not held.finished  # one had failed, the other had to be killed


def sing(pipe: Beating) -> None:
    """A child that plays sound for an ear, at first one that is not calibrated."""
    for week_part in (None, 0.25):
        pipe.send(("sound", {"gaps": 0, "guard": {"week_part": week_part}}))
    while pipe.recv() is not None:
        pass


@pytest.mark.hazard("H-07")
def test_the_hearing_dose_is_on_the_record(tmp_path: Path) -> None:
    held = Held(tmp_path / "capsule", [ChildPlan("sound", sing, ())], end_at=3 * TICKS_PER_S)
    assert offline.history(held.capsule).week_part == 0.25
    assert offline.replay(held.capsule).first_difference is None


@pytest.mark.hazard("H-24")
def test_a_child_s_failure_is_told_in_a_sentence() -> None:
    child = Child(ChildPlan("clumsy", fail, ()))
    said: list[tuple[str, Any]] = []
    assert not child.close(lambda *words: said.append(words), 10.0)
    assert [kind for kind, _ in said] == ["error"]
    assert re.fullmatch(r"it failed \(test_live\.py:\d+: RuntimeError: no picture\)", said[0][1])
    assert child.death() == "the clumsy process ended with code 1"


@pytest.mark.hazard("H-24")
def test_a_machine_that_slept_goes_on_where_it_was_and_makes_up_for_nothing() -> None:
    class Sleeping(MonotonicClock):
        """Time that passes by itself, and once for an hour."""

        now = 0.0

        def now_s(self) -> float:
            return self.now

        def sleep_until(self, time_s: float) -> None:
            self.now = max(self.now, time_s) + (3600.0 if time_s == 1.0 else 0.01)

        def turn_back(self, by_s: float) -> None:
            self.now -= by_s

    engine, mailbox, clock = Engine(CONFIG.engine, "tide"), Mailbox(), Sleeping()
    stalls: list[float] = []
    mailbox.put(Received("sensor0", 3600.0, b"stale"))
    session = Session(
        engine, clock, mailbox, [], lambda *_: None, ["tide"], on_stall=lambda: stalls.append(clock.now_s())
    )
    ticks: list[tuple[int, tuple[Entry, ...], float]] = []

    def note(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        ticks.append((frame.tick, tuple(entries), clock.now_s()))
        mailbox.put(Received("sensor0", clock.now_s(), b"stale" if frame.tick == TICKS_PER_S - 1 else b""))
        if frame.tick == 2 * TICKS_PER_S:
            session.ask("end")

    session.run([note])
    assert stalls == [1.0]
    assert ticks[-1][0] == len(ticks) - 1 < 3 * TICKS_PER_S
    assert all(abs(now_s - tick / TICKS_PER_S) < STALL_S for tick, _, now_s in ticks)
    assert ticks[TICKS_PER_S][1] == (Command(TICKS_PER_S, "break", pytest.approx(3600.0)),)


@pytest.mark.hazard("H-11")
def test_a_stop_is_recorded_and_replays_and_the_sensors_stay_on_the_record(tmp_path: Path) -> None:
    held = Held(tmp_path / "capsule", [], end_at=5 * TICKS_PER_S, stop_at=2 * TICKS_PER_S)
    states = [frame.state for frame in held.frames]
    assert states[2 * TICKS_PER_S + 1 : 5 * TICKS_PER_S + 1] == ["calm"] * (3 * TICKS_PER_S)
    assert held.frames[3 * TICKS_PER_S].rest == 1.0
    assert offline.replay(held.capsule).first_difference is None
    ticks = list(held.capsule.ticks())[3 * TICKS_PER_S : 5 * TICKS_PER_S]
    assert sum(len(entry.data) for tick in ticks for entry in tick.entries if isinstance(entry, Received)) > 1_000


def test_however_many_keys_are_struck_they_are_one_stop_and_leaving_is_another() -> None:
    engine = Engine(CONFIG.engine, "tide")
    session = Session(engine, MonotonicClock(), Mailbox(), [], lambda *_: None, ["tide"])
    states = []
    for tick in range(60):
        entries, inputs = session._intake(tick, tick / TICKS_PER_S)
        frame = engine.step(tick, tick / TICKS_PER_S, inputs)
        session._show(frame, engine.reading, entries)
        states.append(frame.state)
        for event in ("stop", "stop") if tick < 50 else ("leave",):
            session.on_event(event)
    assert states == ["arriving"] + ["calm"] * 50 + ["ending"] * 9


def test_the_same_key_that_pauses_goes_on_from_a_pause_and_from_the_calm() -> None:
    engine = Engine(CONFIG.engine, "tide")
    session = Session(engine, MonotonicClock(), Mailbox(), [], lambda *_: None, ["tide"])
    asked = []
    for tick in range(120):
        kind = {0: "pause", 40: "stop"}.get(tick)
        frame = engine.step(tick, tick / TICKS_PER_S, [Command(tick, kind)] if kind else [])
        session._show(frame, engine.reading, [])
        session.on_event("pause")
        asked += [entry.kind for entry in session._intake(tick, 0.0)[0] if isinstance(entry, Command)]
    assert set(asked) == {"resume"}


def test_a_signal_ends_the_session_without_the_calm() -> None:
    session = Session(Engine(CONFIG.engine, "tide"), MonotonicClock(), Mailbox(), [], lambda *_: None, [])
    session._on_signal(15, None)
    entries, _ = session._intake(0, 0.0)
    assert entries == [Command(0, "end")]
    with pytest.raises(KeyboardInterrupt):
        session._on_signal(15, None)


@pytest.mark.hazard("H-19", "H-22")
def test_a_cable_that_is_pulled_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    held = Held(tmp_path / "capsule", [], end_at=6 * TICKS_PER_S, unplug_at=4 * TICKS_PER_S)
    told = offline.history(held.capsule)
    assert LinkState.LOST in [link.state for link in told.links]
    assert held.frames[-1].state == "ended"
    assert held.readings[-1].features.breath_level is None
    assert held.readings[-1].features.hr_bpm is None


@pytest.mark.parametrize(
    ("event", "kind", "value"),
    [
        ("stop", "stop", None),
        ("leave", "stop", None),
        ("pause", "pause", None),
        ("richer", "intensity", 0.65),
        ("calmer", "intensity", 0.35),
        ("next_scene", "scene", "aurora"),
        ("previous_scene", "scene", "aurora"),
        ("press", "press", None),
        ("silence", "silence", 1.0),
        ("volume-", "volume", 0.875),
        ("density+", "density", 0.625),
    ],
)
def test_a_key_becomes_a_command_at_the_next_tick(event: str, kind: str, value: float | str | None) -> None:
    engine = Engine(CONFIG.engine, "tide")
    session = Session(engine, MonotonicClock(), Mailbox(), [], lambda *_: None, ["aurora", "tide"])
    session._show(engine.step(0, 0.0, []), engine.reading, [])
    session.on_event(event)
    entries, inputs = session._intake(1, 1.0 / TICKS_PER_S)
    assert [(entry.kind, entry.value) for entry in entries] == [(kind, value)]  # type: ignore[union-attr]
    assert inputs == entries


@pytest.mark.hazard("H-27")
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no pseudo-terminal on this system")
def test_a_session_that_is_killed_leaves_a_capsule_that_replays(tmp_path: Path) -> None:
    path = Path(__file__).parent.parent / "benchmarks" / "kill.py"
    spec = importlib.util.spec_from_file_location("kill", path)
    assert spec
    assert spec.loader
    kill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kill)
    for number, until_tick in enumerate((7, 95, 220)):
        n_missing, capsule = kill.kill_one(tmp_path / str(number), until_tick)
        assert n_missing <= TICKS_PER_S
        assert offline.replay(capsule).first_difference is None
