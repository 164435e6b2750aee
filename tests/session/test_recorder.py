"""The recorder: nothing that it has written is ever lost, whatever kills it, and it never holds up a tick."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from biofeed.errors import CapsuleError
from biofeed.messages import TICKS_PER_S, Command, LinkChanged, LinkState, Received
from biofeed.session import recorder as recorder_module
from biofeed.session.capsule import Capsule, Opening, Tick, frames_digest
from biofeed.session.recorder import CAPACITY_TICKS, SYNC_S, WRITE_S, Recorder

OPENING = Opening("2026-03-02T09:30:00+00:00", seed=7, scene="tide", duration_s=60.0)
FILES = {"tide.frag": "void main() {}\n", "lib/noise.glsl": "float n;\n"}

# Ten seconds of session in each second, three reads a tick; tells after each tick what is already in the file.
CHILD = """
import sys, time
from pathlib import Path
from biofeed.messages import Received
from biofeed.session.capsule import Opening
from biofeed.session.recorder import Recorder
print("ready", flush=True)
recorder = Recorder(Path(sys.argv[1]), Opening("", seed=7, scene="tide", duration_s=60.0), {"tide.frag": "x" * 5000})
print("open", flush=True)
for tick in range(10**9):
    recorder.tick(tick, [Received("sensor0", tick / 60, bytes(60)) for _ in range(3)], tick.to_bytes(8, "little"))
    print(recorder.recorded_tick if recorder.recorded_tick is not None else -1, flush=True)
    time.sleep(1 / 600)
"""

# Files of this process may not grow beyond the limit: what a full disk does, without one.
FULL = """
import resource, signal, sys, time
from pathlib import Path
from biofeed.messages import Received
from biofeed.session.capsule import Opening
from biofeed.session.recorder import Recorder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = Recorder(Path(sys.argv[1]), Opening("", seed=7, scene="tide", duration_s=60.0), {})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
tick = 0
while recorder.trouble is None:
    recorder.tick(tick, [Received("sensor0", tick / 60, bytes(60))], tick.to_bytes(8, "little"))
    while tick % 200 == 0 and recorder.trouble is None and recorder.recorded_tick != tick:
        time.sleep(0.01)
    tick += 1
for more in range(100):
    recorder.tick(tick + more, [], bytes(8))
recorder.close("ended")
print(recorder.recorded_tick, tick)
print(recorder.trouble)
"""


def some_ticks(n_ticks: int) -> list[Tick]:
    entries = (
        Received("sensor0", 0.25, b"\x00\xff" * 20),
        LinkChanged("sensor0", 0.5, LinkState.STREAMING, "a belt"),
        Command(2, "scene", "meadow"),
    )
    return [Tick(k, entries[: k % 4], k.to_bytes(8, "big")) for k in range(n_ticks)]


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    ticks = some_ticks(3000)
    recorder = Recorder(tmp_path / "s", OPENING, FILES)
    for tick in ticks:
        recorder.tick(tick.tick, list(tick.entries), tick.digest)
    recorder.close("stop was asked for")
    recorder.close("again")
    capsule = Capsule.open(tmp_path / "s")
    assert recorder.trouble is None
    assert recorder.recorded_tick == 2999
    assert list(capsule.ticks()) == ticks
    assert capsule.ended == "stop was asked for"
    assert capsule.digest == frames_digest(tick.digest for tick in ticks)
    assert (capsule.opening, capsule.files, capsule.torn, capsule.changed) == (OPENING, FILES, None, None)


def test_a_session_without_a_tick_is_a_capsule_too(tmp_path: Path) -> None:
    Recorder(tmp_path / "s", OPENING, {}).close("interrupted")
    capsule = Capsule.open(tmp_path / "s")
    assert (capsule.n_ticks, capsule.ended, capsule.torn, capsule.files) == (0, "interrupted", None, {})


@pytest.mark.hazard("H-27")
def test_what_is_waiting_comes_within_a_second_also_when_the_disk_is_asked_to_keep_it() -> None:
    assert 0.0 < WRITE_S <= 0.25
    assert WRITE_S < SYNC_S + WRITE_S <= 0.5


def test_a_quiet_tick_costs_at_most_16_bytes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s", OPENING, {})
    empty = (tmp_path / "s" / "log.bin").stat().st_size
    per_write = int(WRITE_S * TICKS_PER_S)
    for tick in range(per_write):
        recorder.tick(tick, [], bytes(8))
    recorder.close("")
    end = Capsule.open(tmp_path / "s")
    assert end.n_ticks == per_write
    size = (tmp_path / "s" / "log.bin").read_bytes().rindex(b'{"ended"') - 13 - empty
    assert size <= 16 * per_write


@pytest.mark.parametrize("held", ["a capsule", "a file"])
def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, held: str) -> None:
    place = tmp_path / "s"
    if held == "a capsule":
        Recorder(place, OPENING, FILES).close("")
    else:
        place.mkdir()
        (place / "letter.txt").write_text("mine")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(CapsuleError, match="holds a capsule already" if held == "a capsule" else "is not empty"):
        Recorder(place, OPENING, FILES)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_place_where_nothing_can_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "s"):
        with pytest.raises(CapsuleError, match="cannot be created"):
            Recorder(place, OPENING, FILES)


@pytest.mark.hazard("H-28")
def test_a_disk_that_does_not_answer_never_holds_up_a_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    write = os.write
    monkeypatch.setattr(recorder_module.os, "write", lambda fd, data: answers.wait(60) and write(fd, data))
    recorder = Recorder(tmp_path / "s", OPENING, {})
    n_ticks = 2 * CAPACITY_TICKS + 5000
    for tick in range(n_ticks):
        recorder.tick(tick, [], tick.to_bytes(8, "little"))
    assert "does not keep up" in str(recorder.trouble)
    answers.set()
    recorder.close("ended")
    capsule = Capsule.open(tmp_path / "s")
    assert CAPACITY_TICKS <= capsule.n_ticks < n_ticks
    assert [tick.tick for tick in capsule.ticks()] == list(range(capsule.n_ticks))
    assert "does not keep up" in str(capsule.ended)


@pytest.mark.hazard("H-28")
def test_a_disk_that_breaks_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "s", OPENING, {})
    written = threading.Event()
    write = os.write

    def breaks(descriptor: int, data: bytes) -> int:
        if written.is_set():
            raise OSError(5, "Input/output error")
        written.set()
        return write(descriptor, data)

    monkeypatch.setattr(recorder_module.os, "write", breaks)
    recorder.tick(0, [], bytes(8))
    assert written.wait(10)
    recorder.tick(1, [], bytes(8))
    recorder.close("ended")
    assert "Input/output error" in str(recorder.trouble)
    capsule = Capsule.open(tmp_path / "s")
    assert (capsule.n_ticks, capsule.ended, capsule.torn) == (1, None, None)


def test_a_digest_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s", OPENING, {})
    with pytest.raises(ValueError, match="8 bytes"):
        recorder.tick(0, [], b"short")
    recorder.close("")


def test_a_tick_that_cannot_be_written_stops_the_recording_and_not_the_session(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s", OPENING, {})
    recorder.tick(-1, [], bytes(8))
    recorder.close("")
    assert "malformed" in str(recorder.trouble)
    assert Capsule.open(tmp_path / "s").n_ticks == 0


@pytest.mark.hazard("H-28")
@pytest.mark.skipif(os.name != "posix", reason="limits of a process are a POSIX thing")
@pytest.mark.parametrize("limit", [20_000, 20_007, 50_000])
def test_a_full_disk_stops_the_recording_and_keeps_what_was_recorded(tmp_path: Path, limit: int) -> None:
    run = [sys.executable, "-c", FULL, str(tmp_path / "s"), str(limit)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    recorded, offered = (int(word) for word in out[0].split())
    assert "the disk is full: recording stopped at" in out[1]
    capsule = Capsule.open(tmp_path / "s")
    assert [tick.tick for tick in capsule.ticks()] == list(range(recorded + 1))
    assert 0 <= recorded < offered
    assert capsule.torn is None
    assert capsule.ended is None or "the disk is full" in capsule.ended


@pytest.mark.hazard("H-27")
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX thing")
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_any_instant_keeps_all_that_was_told_to_be_kept(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "s")], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        # some die while the folder is made, the others in the first seconds of the session
        delay_s = chance.uniform(0.0, 0.01) if seed < 4 else chance.uniform(0.05, 0.8)
        timer = threading.Timer(delay_s, child.send_signal, (signal.SIGKILL,))
        timer.start()
        told = child.stdout.read().split()
        timer.join()
    is_open, acked = b"open" in told, max((int(word) for word in told if word.lstrip(b"-").isdigit()), default=-1)
    if not is_open and not (tmp_path / "s" / "capsule.json").exists():
        return  # killed before there was a capsule
    capsule = Capsule.open(tmp_path / "s")
    assert [tick.tick for tick in capsule.ticks()] == list(range(capsule.n_ticks))
    assert all(tick.digest == tick.tick.to_bytes(8, "little") for tick in capsule.ticks())
    assert capsule.n_ticks > acked
    assert not capsule.is_damaged
    assert capsule.changed is None
    assert capsule.ended is None
