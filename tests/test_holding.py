"""A session that goes on in its own capsule after its engine died, and what the operator reads while it runs."""

import multiprocessing
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed import holding, offline, scene, supervisor
from biofeed.children import Beating, Slots
from biofeed.cli import SESSION
from biofeed.clock import VirtualClock
from biofeed.config import Config, as_table
from biofeed.engine import Engine, run
from biofeed.graphics.context import KEYS
from biofeed.holding import State, Teller, hold, resume
from biofeed.messages import CONTROLS, TICKS_PER_S, Command, ControlFrame, Drive, Entry, Input, Levels
from biofeed.sensors.intake import Decoding
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder

CONFIG = Config().lasting(60.0)
ASKED = {60: ("volume", 0.5), 150: ("stop", None)}
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def frame(time_s: float, reason: str = "leading") -> ControlFrame:
    return ControlFrame(round(time_s * 60), time_s, Drive(), "tide", Levels(), "running", reason)


@pytest.fixture
def teller() -> Teller:
    return Teller(600.0)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_every_ten_seconds_tells_what_the_loop_does(teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    for time_s in (0.0, 0.5, 9.9, 10.0, 19.0):
        teller.frame(frame(time_s))
    assert lines(capsys) == ["   0 s of 600: leading", "  10 s of 600: leading"]


def test_a_control_that_is_turned_shows_at_once_and_for_some_seconds(
    teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    teller.frame(frame(0.0))
    teller.command(Command(60, "volume", 0.75), 1.0)
    teller.frame(frame(1.0))
    teller.command(Command(120, "density", 0.625), 2.0)
    teller.command(Command(120, "silence", 1.0), 2.0)
    teller.frame(frame(2.0))
    teller.frame(frame(12.0))
    assert lines(capsys) == [
        "   0 s of 600: leading",
        "   1 s of 600: volume 75%; leading",
        "   2 s of 600: silence, volume 75%, density 62%; leading",
        "  12 s of 600: leading",
    ]


@pytest.mark.parametrize("control", ["intensity", *CONTROLS])
def test_every_control_is_told(control: str, teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    teller.command(Command(60, control, 1.0), 1.0)
    teller.frame(frame(1.0))
    assert control in lines(capsys)[0]


def test_a_command_that_turns_nothing_leaves_the_line_as_it_is(
    teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    teller.frame(frame(0.0))
    for kind, value in (("pause", None), ("scene", "aurora"), ("inhale", None), ("press", None)):
        teller.command(Command(60, kind, value), 1.0)
    teller.frame(frame(1.0))
    assert len(lines(capsys)) == 1


@pytest.mark.hazard("H-19")
def test_what_the_children_report_is_told(teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    teller.child("sound", "error", "no sound")
    teller.child("picture", "picture", {"fps": 60.0})
    teller.say("the recording stopped early")
    assert lines(capsys) == ["sound: no sound", "the recording stopped early"]


@pytest.mark.parametrize(("level_dba", "told"), [(None, "0 s of 600: leading"), (61.6, "0 s of 600, 62 dBA: leading")])
def test_sound_that_came_late_and_its_level_at_the_ear_are_told(
    level_dba: float | None, told: str, teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    for gaps in (0, 2, 2):
        teller.child("sound", "sound", {"gaps": gaps, "guard": {"level_dba": level_dba}})
    teller.frame(frame(0.0))
    late, line = lines(capsys)
    assert late.startswith("sound: 2 gaps")
    assert line.strip() == told


@pytest.mark.parametrize("text", [SESSION, README], ids=["help", "README"])
def test_every_key_is_documented(text: str) -> None:
    names = {"escape": "Esc", "space": "Space", "return": "Return"}
    for key in set(KEYS) - {"f11"}:
        name = re.escape(names.get(key, key))
        assert re.search(rf"[\s`]{name}[\s`,;]", text, re.IGNORECASE), key


class Recorded(list[list[Entry]]):
    """The entries of every tick."""

    def __repr__(self) -> str:
        return f"{len(self)} ticks"


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """What entered the engine in four seconds, in which a therapist turned the volume, and STOP was asked for."""
    intake, ticks = offline.SimulatedIntake("calm", 1, 4.0), Recorded()

    def told(tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        entries, inputs = intake(tick, time_s)
        asked = [Command(tick, *ASKED[tick])] if tick in ASKED else []
        ticks.append([*asked, *entries])
        return ticks[-1], [*asked, *inputs]

    run(Engine(CONFIG.engine, "tide"), VirtualClock().sleep_until, told, [intake.watch])
    return ticks


def play(
    recorder: Recorder, state: State, recorded: Recorded, ticks: Sequence[int], slots: Slots, save_at: int = -1
) -> list[ControlFrame]:
    """Those ticks, as an engine that is alive does them; its state is kept after `save_at`."""
    frames = []
    for tick in ticks:
        if tick == 60:
            state.controls["volume"] = 0.5  # as it was asked for
        frames.append(state.engine.step(tick, tick / TICKS_PER_S, state.decode(recorded[tick])))
        recorder.tick(tick, recorded[tick], digest_of(frames[-1]))
        if tick == save_at:
            slots.put(tick, bytes(ForkingPickler.dumps(tuple(state))))
        if tick % 15 == 14:
            while recorder.recorded_tick != tick:
                recorder._wake.set()  # as it wakes by itself, only sooner
    return frames


@pytest.mark.hazard("H-24", "H-27")
@settings(max_examples=6, deadline=None)
@given(st.integers(1, 200), st.integers(0, 200), st.floats(0.0, 1.0), st.booleans())
def test_a_torn_capsule_goes_on_and_replays_as_one(
    recorded: Recorded, n_ticks: int, saved_at: int, torn_at: float, is_kept: bool
) -> None:
    """Wherever the engine died, whatever of the last record was written, with or without a state in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder, slots = Path(name) / "capsule", Slots()
        opening = Opening("2026-01-01T00:00:00+00:00", 1, "tide", 60.0, as_table(CONFIG))
        recorder = Recorder(folder, opening, {})
        first = State(Engine(CONFIG.engine, "tide"), Decoding(), dict(CONTROLS))
        frames = play(recorder, first, recorded, range(n_ticks), slots, saved_at if is_kept else -1)
        recorder.close(None)
        cut = Capsule.open(folder).cut(before=n_ticks - 1)
        size = (folder / "log.bin").stat().st_size
        os.truncate(folder / "log.bin", cut.n_bytes + round(torn_at * (size - cut.n_bytes)))
        if not is_kept:
            slots = Slots()
        cut, state = resume(Capsule.open(folder), slots, lambda: None)
        assert n_ticks - 2 * 15 <= cut.n_ticks <= n_ticks
        assert state.controls["volume"] == (0.5 if cut.n_ticks > 60 else 1.0)
        recorder = Recorder.resume(cut)
        after = play(recorder, state, recorded, range(cut.n_ticks, 240), slots)
        recorder.close("ended")
        capsule = Capsule.open(folder)
        assert capsule.torn is None
        assert capsule.n_ticks == 240
        assert offline.replay(capsule).first_difference is None
        whole = frames[: cut.n_ticks] + after
        assert [frame.state for frame in whole[150:]] == ["calm"] * 90


@pytest.mark.hazard("H-24", "H-27")
def test_what_cannot_be_replayed_is_left_out(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "capsule", Opening("", 1, "tide", 60.0, as_table(CONFIG)), {})
    play(recorder, State(Engine(CONFIG.engine, "tide"), Decoding(), dict(CONTROLS)), recorded, range(200), Slots())
    recorder.close(None)
    step = Engine.step

    def fails(self: Engine, tick: int, time_s: float, inputs: Sequence[Input]) -> ControlFrame:
        if tick == 150:
            raise RuntimeError("a fault")
        return step(self, tick, time_s, inputs)

    monkeypatch.setattr(Engine, "step", fails)
    cut, _ = resume(Capsule.open(tmp_path / "capsule"), Slots(), lambda: None)
    assert 150 - 15 <= cut.n_ticks <= 150
    Recorder.resume(cut).close("given up")
    assert Capsule.open(tmp_path / "capsule").n_ticks == cut.n_ticks


@pytest.mark.hazard("H-24", "H-27")
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no pseudo-terminal on this system")
def test_an_engine_that_is_killed_goes_on_in_the_same_capsule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real session with a simulated person: its engine is killed twice, once before it had left a state."""
    folder = tmp_path / "capsule"

    def recorded_ticks() -> int:
        return Capsule.open(folder).n_ticks if (folder / "capsule.json").exists() else 0

    def act() -> None:
        until_s = time.monotonic() + 60.0
        for n_ticks in (2 * TICKS_PER_S, 4 * TICKS_PER_S, 5 * TICKS_PER_S):
            while recorded_ticks() < n_ticks and time.monotonic() < until_s:
                time.sleep(0.02)
            engines = [process for process in multiprocessing.active_children() if process.name == "engine"]
            if n_ticks < 5 * TICKS_PER_S and engines and engines[0].pid:
                os.kill(engines[0].pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=act)
    thread.start()
    world = {"tide": scene.load("tide")}
    finished = hold(Config().lasting(60.0), world, "tide", 1, "simulated:calm", folder, [])
    thread.join()
    assert finished
    capsule = Capsule.open(folder)
    assert (capsule.ended, capsule.torn) == ("ended", None)
    assert offline.replay(capsule).first_difference is None
    ticks = list(capsule.ticks())
    assert [tick.tick for tick in ticks] == list(range(len(ticks)))
    commands = [entry.kind for tick in ticks for entry in tick.entries if isinstance(entry, Command)]
    assert commands == ["break", "break", "end"]


def dies(control: Beating, *_: object, **__: object) -> None:
    raise RuntimeError("no engine")


@pytest.mark.hazard("H-24")
def test_a_session_that_is_given_up_closes_its_capsule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(holding, "engine_process", dies)
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0,))
    world = {"tide": scene.load("tide")}
    assert not hold(CONFIG, world, "tide", 1, "simulated:calm", tmp_path / "capsule", [])
    assert Capsule.open(tmp_path / "capsule").ended == "given up"
    assert lines(capsys)[-1] == "the engine does not stay alive: the session is given up"
