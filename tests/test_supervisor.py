"""The supervisor over real processes: whoever is killed, hangs or fails is started again, and nobody else notices."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import actors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed import children, supervisor
from biofeed.children import ChildPlan, Slots
from biofeed.limits import CRASH_TO_CALM_S
from biofeed.supervisor import EARLY_S, START_PATIENCE_S, Kept, Supervisor, Watch

pytestmark = [
    pytest.mark.hazard("H-24"),
    pytest.mark.skipif(os.name != "posix", reason="processes are killed and stopped by signals"),
]
PATIENCE_S = 30.0  # of these tests, on a machine that is busy


class Told:
    """What the processes have noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def notes(self) -> list[str]:
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def wait(self, pattern: str, n: int = 1) -> re.Match[str]:
        """The nth note that matches."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            found = [match for line in self.notes if (match := re.fullmatch(pattern, line))]
            if len(found) >= n:
                return found[n - 1]
            time.sleep(0.01)
        raise AssertionError(f"never {n} times {pattern!r}: {self.notes}")

    def strike(self, who: str, number: signal.Signals, n: int = 1) -> None:
        """Sends a signal to the nth process of that name."""
        os.kill(int(self.wait(rf"{who} (\d+).*", n).group(1)), number)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def plans(folder: Path, *names: str) -> list[ChildPlan]:
    return [ChildPlan(name, actors.listener, (folder, name), again={"is_again": True}) for name in names]


def held(
    told: Told, children: Sequence[ChildPlan], act: Callable[[], None], behind: ChildPlan | None = None
) -> tuple[bool, Supervisor, list[str]]:
    """A session during which `act` is done, and which ends then."""
    said: list[str] = []
    made = Supervisor(ChildPlan("engine", actors.engine, (told.folder,)), children, behind, said.append)
    failures: list[BaseException] = []

    def play() -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=play)
    thread.start()
    finished = made.run()
    thread.join()
    assert not failures, failures
    assert not multiprocessing.active_children()
    return finished, made, said


def test_an_engine_that_is_killed_goes_on_where_it_was_and_its_children_never_see_an_end(told: Told) -> None:
    def act() -> None:
        for n in (1, 2):
            told.wait("picture at .*", n)
            told.strike("engine", signal.SIGKILL, n)
            told.wait("engine .* again", n)
        told.wait("picture at .*", 3)
        told.wait("sound at .*", 3)

    finished, _, said = held(told, plans(told.folder, "picture", "sound"), act)
    assert finished
    assert said == ["the engine process ended with code -9"] * 2
    counted = [int(match.group(1)) for line in told.notes if (match := re.match(r"engine \d+ from (\d+)", line))]
    assert counted[0] == 0 < counted[1] < counted[2]
    assert len([line for line in told.notes if re.match(r"(picture|sound) \d+", line)]) == 2
    assert told.notes.count("picture ends") == 1
    assert "picture lost everybody" not in told.notes


def test_a_child_that_is_killed_comes_back_while_the_engine_goes_on(told: Told) -> None:
    def act() -> None:
        told.wait("picture at .*")
        told.strike("picture", signal.SIGKILL)
        told.wait("engine hears pipe picture")
        told.wait(r"picture \d+ again")
        seen = len([line for line in told.notes if line.startswith("picture at")])
        told.wait("picture at .*", seen + 2)

    finished, _, said = held(told, plans(told.folder, "picture", "sound"), act)
    assert finished
    assert said == ["the picture process ended with code -9", "the picture process was started again"]
    assert len([line for line in told.notes if re.match(r"engine \d+ from", line)]) == 1
    assert len([line for line in told.notes if re.match(r"sound \d+", line)]) == 1


@pytest.mark.parametrize("who", ["engine", "picture"])
def test_who_hangs_is_killed_and_comes_back(who: str, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "EARLY_S", 1.0)
    monkeypatch.setattr(supervisor, "ENGINE_PATIENCE_S", 1.0)
    monkeypatch.setattr(supervisor, "CHILD_PATIENCE_S", 1.0)

    def act() -> None:
        told.wait("picture at .*")
        told.strike(who, signal.SIGSTOP)
        told.wait(rf"{who} \d+.* again")

    finished, _, said = held(told, plans(told.folder, "picture"), act)
    assert finished
    assert said[0] == f"the {who} process did not move any more and was killed"


def test_an_engine_that_dies_again_and_again_is_given_up_and_the_children_end(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0,))
    said: list[str] = []
    engine = ChildPlan("engine", actors.failing_engine, (told.folder,))
    made = Supervisor(engine, plans(told.folder, "picture"), None, said.append)
    assert not made.run()
    assert made.has_given_up
    assert len([line for line in told.notes if line.startswith("engine")]) == supervisor.SHORT_LIVES
    assert told.notes[-1] == "picture ends"
    assert re.fullmatch(r"engine: it failed \(actors\.py:\d+: RuntimeError: it is broken\)", said[0])
    assert said[-1] == "the engine does not stay alive: the session is given up"


def test_who_leaves_by_themselves_ends_the_session(told: Told) -> None:
    children = [ChildPlan("picture", actors.listener, (told.folder, "picture", 50))]
    finished, _, said = held(told, children, lambda: told.wait("engine hears ask end") and None)
    assert finished
    assert said == []


def test_what_lies_behind_comes_forward_and_a_key_there_is_a_stop(told: Told) -> None:
    def act() -> None:
        told.wait("behind hears calm")  # once the picture covers it
        told.wait("picture at .*")
        told.strike("picture", signal.SIGKILL)
        told.wait("engine hears ask stop")
        told.wait(r"picture \d+ again")
        told.strike("behind", signal.SIGKILL)
        told.wait(r"behind \d+ again")
        told.wait("behind hears calm", 2)

    behind = ChildPlan("behind", actors.behind, (told.folder,), again={"is_again": True})
    finished, _, _ = held(told, plans(told.folder, "picture"), act, behind)
    assert finished
    births = [line.split()[0] for line in told.notes if re.match(r"(behind|picture) \d+ first", line)]
    assert births == ["behind", "picture"]  # a later window would take the focus
    assert told.notes.count("behind ends") == 1


def test_when_the_supervisor_is_killed_the_others_go_on_to_the_end(told: Told) -> None:
    text = (
        "import sys; from pathlib import Path; import actors\n"
        "from biofeed.children import ChildPlan; from biofeed.supervisor import Supervisor\n"
        "if __name__ == '__main__':\n"
        "    folder = Path(sys.argv[1])\n"
        "    children = [ChildPlan('picture', actors.listener, (folder, 'picture'))]\n"
        "    Supervisor(ChildPlan('engine', actors.engine, (folder,)), children, None, print).run()\n"
    )
    script = told.folder / "session.py"
    script.write_text(text)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(supervisor.__file__).parent.parent)])
    with subprocess.Popen([sys.executable, script, told.folder], env={**os.environ, "PYTHONPATH": paths}) as above:
        told.wait("picture at .*")
        above.kill()
    told.wait("engine is alone")
    seen = len([line for line in told.notes if line.startswith("picture at")])
    told.wait("picture at .*", seen + 2)
    (told.folder / "end").touch()
    told.wait("picture ends")
    assert "picture lost everybody" not in told.notes


def test_a_second_signal_ends_at_once(told: Told) -> None:
    def act() -> None:
        told.wait("picture at .*")
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        held(told, plans(told.folder, "picture"), act)
    assert told.notes.count("picture ends") == 1


@given(
    st.lists(st.tuples(st.floats(0.0, 6.0), st.booleans()), min_size=1, max_size=30),
    st.floats(1.0, 4.0),
    st.sampled_from([0.0, 10.0]),
)
def test_a_watch_barks_exactly_when_nothing_beat_for_long(
    looks: list[tuple[float, bool]], patience_s: float, early_s: float
) -> None:
    watch, now_s, last_s, beats = Watch(patience_s, 0.0, early_s), 0.0, 0.0, 0
    for passed_s, has_beaten in looks:
        now_s += passed_s
        if has_beaten:
            beats, last_s = beats + 1, now_s
        limit_s = patience_s if beats and now_s >= early_s else START_PATIENCE_S
        assert watch.is_hung(beats, now_s) == (now_s - last_s > limit_s)


def test_nobody_is_to_blame_for_a_machine_that_slept() -> None:
    watch = Watch(3.0, 0.0)
    assert not watch.is_hung(1, 0.0)
    watch.forgive(3600.0)
    assert not watch.is_hung(1, 3602.0)
    assert watch.is_hung(1, 3604.0)


def test_who_hangs_again_soon_is_given_twice_the_time() -> None:
    """A machine that is merely slow is not kept from its work by being begun again and again."""
    process = SimpleNamespace(is_alive=lambda: alive[0], kill=lambda: alive.clear() or alive.append(False), exitcode=-9)
    process.join = lambda: None
    kept = Kept(ChildPlan("engine", actors.engine, ()), 3.0, EARLY_S)
    now_s = 0.0
    for patience_s in (3.0, 6.0, 12.0):
        alive = [True]
        kept.spawned = SimpleNamespace(process=process, beats=1)  # type: ignore[assignment]
        kept.begin(now_s)
        assert kept.check(now_s + EARLY_S) is None
        assert kept.check(now_s + EARLY_S + patience_s) is None
        assert "did not move" in (kept.check(now_s + EARLY_S + patience_s + 0.1) or "")
        now_s += 30.0


def test_a_hang_is_found_while_there_is_time_for_the_calm() -> None:
    assert supervisor.CHILD_PATIENCE_S + 2.0 * supervisor.CHECK_S < CRASH_TO_CALM_S


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=50)), max_size=8), st.integers(0, 50))
def test_slots_keep_the_two_latest_states(steps: list[tuple[int, bytes]], below: int) -> None:
    with mock.patch.object(children, "STATE_BYTES", 40):
        slots, put, number = Slots(), [], 0
        for step, data in steps:
            number += step + 1
            slots.put(number, data)
            put += [(number, data)] if len(data) <= 40 else []
    fitting = [pair for pair in put[-2:] if pair[0] < below]
    assert slots.latest(below) == (fitting[-1] if fitting else None)
