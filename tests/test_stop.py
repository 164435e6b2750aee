"""STOP from every state (H-11): a room of engine, shell and picture process on virtual time, walked through at random.

What is held at every tick: a stop is obeyed within a tick of its own process, whole within a second, with or without an
engine; no command, no sensor and no press brings motion back but a resume of the whole calm; nothing rises too fast.
"""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as runs
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from room import TICK_S, Room

from biofeed.flow import CALM_S
from biofeed.graphics.context import KEYS
from biofeed.graphics.picture import GLIDE_S
from biofeed.limits import STOP_CALM_S
from biofeed.messages import (
    COMMANDS,
    DRIVES,
    LEVELS,
    TICKS_PER_S,
    Drive,
)
from biofeed.safety import GLIDE_PER_S, LIMITS

CALM_TICKS = round(STOP_CALM_S * TICKS_PER_S)
NEUTRAL = {name: getattr(Drive(), name) for name in ("breath", "guide", "pulse", "touch")}  # what moves a world
ON_THE_WAY = 0.5 - GLIDE_PER_S * STOP_CALM_S + 1e-6  # what no longer is trusted glides at that rate, and is not drawn
VALUES = st.one_of(st.none(), st.floats(), st.sampled_from(["tide", "aurora", "", 0.0, 1.0]))
FUZZ = st.sampled_from([kind for kind in (*COMMANDS, "dance") if kind not in ("stop", "end", "resume")])
THERAPIST = st.sampled_from(sorted({word for word in KEYS.values() if word not in ("stop", "pause")}))


class Stops(RuleBasedStateMachine):
    """The room and all that people, sensors and machines may do in it."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.stopped_at: int | None = None  # the room's tick of the stop that stands
        self.n_checked = self.n_engine = 0

    @initialize(seconds=st.sampled_from([0.0, 0.5, 5.0, 20.0, 50.0, 57.0]))
    def begin(self, seconds: float) -> None:
        self.run(1 + round(seconds * TICKS_PER_S))

    @rule(n=st.integers(1, 100))
    def wait(self, n: int) -> None:
        self.run(n)

    @rule(words=st.sampled_from([["stop"], ["stop", "stop"], ["leave"]]))
    def stop(self, words: list[str]) -> None:
        """A key, several at once, or Esc."""
        n_frames, n_shown = len(self.room.frames), len(self.room.shown)
        was = self.room.frames[-1].state
        is_quiet = not (self.room.is_hung or self.room.sent or self.room.session._asked)
        if self.stopped_at is None:
            self.stopped_at = self.room.now_ticks
        self.room.words += words
        self.run(3)
        if self.room.is_on:
            assert self.room.shown[n_shown].state in ("calm", "ending", "ended")  # the very next picture
            assert self.room.shown[n_shown].rest > 0.0 or self.room.shown[n_shown].levels.picture == 0.0
        if not self.room.is_hung and was in ("arriving", "running", "paused"):
            assert self.room.frames[n_frames + 2].state == "calm"  # the tick after the one that heard it
        if not self.room.is_hung and was == "calm" and words == ["leave"]:
            assert self.room.frames[-1].state in ("ending", "ended")
        if is_quiet and was == "calm" and words != ["leave"]:
            assert self.room.frames[-1].state == "calm"

    @rule(of_console=st.sampled_from(["stop", "end"]))
    def command(self, of_console: str) -> None:
        self.room.session.ask(of_console)
        self.run(1)
        if not self.room.is_hung and of_console == "end":
            assert self.room.frames[-1].state in ("ending", "ended")

    @rule()
    def close_the_window(self) -> None:
        if self.stopped_at is None:
            self.stopped_at = self.room.now_ticks
        self.room.words += ["stop", "leave"]
        self.run(3)
        if not self.room.is_hung:
            assert self.room.frames[-1].state in ("ending", "ended")

    @rule()
    def toggle_pause(self) -> None:
        """Pauses, goes on from a pause, or resumes out of a calm that is whole."""
        self.room.words.append("pause")
        self.run(2)

    @rule(n=st.integers(0, 90))
    def stop_and_go_on(self, n: int) -> None:
        """Somebody else's hand is quicker than the calm, or not."""
        self.stop(["stop"])
        self.run(n)
        self.toggle_pause()
        self.run(2)

    @rule(word=THERAPIST)
    def turn(self, word: str) -> None:
        self.room.words.append(word)
        self.run(1)

    @rule(kind=FUZZ, value=VALUES)
    def fuzz(self, kind: str, value: Any) -> None:
        self.room.session.ask(kind, value)
        self.run(1)

    @rule()
    def flap_the_sensor(self) -> None:
        self.room.body.is_on = not self.room.body.is_on
        self.run(1)

    @precondition(lambda self: not self.room.is_gone)
    @rule()
    def hang_or_heal_the_engine(self) -> None:
        """A disk, a lock or a network that holds it up."""
        self.room.is_hung = not self.room.is_hung
        self.run(1)

    @precondition(lambda self: self.room.now_ticks > 300)
    @rule()
    def kill_the_engine(self) -> None:
        self.room.is_hung = self.room.is_gone = True
        self.run(1)

    def run(self, n: int) -> None:
        for _ in range(n):
            self.room.tick()
            self._follow()

    def _follow(self) -> None:
        """Which stop stands: that of a key from its tick on, until the engine leaves a calm that was whole."""
        for before, after in pairwise(self.room.frames[self.n_engine :]):
            if before.state == "calm" and after.state == "arriving":
                assert before.rest == 1.0
                self.stopped_at = None
            if before.state != "calm" and after.state == "calm" and self.stopped_at is None:
                self.stopped_at = self.room.now_ticks
        self.n_engine = max(0, len(self.room.frames) - 1)
        shown = self.room.shown[-1]
        if not self.room.is_on or self.stopped_at is None:
            return
        if self.room.now_ticks - self.stopped_at > CALM_TICKS:
            assert shown.state in ("calm", "ending", "ended")
            assert self.room.painter.left == 0.0 or shown.levels.picture == 0.0

    @invariant()
    def frames_hold_their_limits(self) -> None:
        checked = self.room.frames[self.n_checked :]
        for before, after in pairwise(checked):
            for name in DRIVES + LEVELS:
                was, now = (getattr(f.drive if name in DRIVES else f.levels, name) for f in (before, after))
                limit = LIMITS[name]
                assert 0.0 <= now <= 1.0
                assert -max(limit.fall_per_s, 0.4) * TICK_S - 1e-9 <= now - was
                assert now - was <= max(limit.rise_per_s, 0.4 if limit.is_body else 0.0) * TICK_S + 1e-9
            assert -TICK_S / 3.0 - 1e-9 <= after.rest - before.rest <= TICK_S / CALM_S + 1e-9
            assert after.rest == 0.0 or after.state != "running"
        for n, frame in enumerate(checked[CALM_TICKS:]):
            if all(other.state == "calm" for other in checked[n : n + CALM_TICKS + 1]):
                assert (frame.rest, frame.levels.picture) == (1.0, 0.0)
                assert {name: getattr(frame.drive, name) for name in NEUTRAL} == pytest.approx(NEUTRAL, abs=ON_THE_WAY)
        self.n_checked = max(0, len(self.room.frames) - CALM_TICKS - 2)

    @invariant()
    def pictures_go_into_the_calm_no_faster_than_light_may_rise(self) -> None:
        rests = [frame.rest for frame in self.room.shown[-200:]]
        steps = [b - a for a, b in pairwise(rests)]
        assert not steps or max(steps) <= TICK_S / CALM_S + 1e-9
        ticks = [frame.tick for frame in self.room.shown[-200:]]
        assert ticks == sorted(ticks)

    def teardown(self) -> None:
        """From wherever it ended up: a stop gives the calm in a second, and leaving it ends, with the engine dead."""
        if not self.room.is_on or self.room.is_gone or self.room.show._is_leaving:
            return
        self.room.is_hung = True
        self.stop(["stop"])
        self.run(CALM_TICKS)
        assert self.room.shown[-1].rest == 1.0 or self.room.frames[-1].state in ("ending", "ended")
        self.room.words.append("leave")
        self.run(round((CALM_S + GLIDE_S + 1.1) * TICKS_PER_S))
        assert not self.room.is_on


@pytest.mark.hazard("H-11")
def test_stop_from_every_state_and_out_of_any_trouble() -> None:
    phases = (Phase.reuse, Phase.generate)  # shrinking a minute of ticks takes many
    often = runs(max_examples=30, stateful_step_count=25, deadline=None, phases=phases)
    run_state_machine_as_test(Stops, settings=often)


def room_in(state: str) -> Room:
    """A room whose session is there."""
    room = Room()
    seconds = {"arriving": 3.0, "returning": 52.0, "ending": 56.5}.get(state, 20.0)
    for _ in range(round(seconds * TICKS_PER_S)):
        room.tick()
    table: dict[str, list[tuple[str, str | None]]] = {
        "paused": [("pause", None)],
        "changing": [("scene", "aurora")],
        "resumed": [("stop", None)],
    }
    asked = table.get(state, [])
    for kind, value in asked:
        room.session.ask(kind, value)
    for _ in range(75 if asked else 0):
        room.tick()
    if state == "resumed":
        room.session.ask("resume")
        for _ in range(4 * TICKS_PER_S):
            room.tick()
    return room


@pytest.mark.hazard("H-11")
@pytest.mark.parametrize("trouble", ["none", "sensor dead", "engine held up", "engine held up for long"])
@pytest.mark.parametrize("state", ["arriving", "running", "paused", "changing", "resumed", "returning", "ending"])
def test_every_state_in_any_trouble_is_calm_within_a_second(state: str, trouble: str) -> None:
    room = room_in(state)
    room.body.is_on = trouble != "sensor dead"
    room.is_hung = trouble.startswith("engine")
    for _ in range(300 if trouble.endswith("long") else 0):
        room.tick()
    n_shown = len(room.shown)
    room.words.append("stop")
    for _ in range(CALM_TICKS):
        room.tick()
    rests = [frame.rest for frame in room.shown[n_shown:]]
    assert rests[0] > 0.0  # the very next picture
    assert room.painter.left == 0.0
    assert rests[-1] == 1.0 or (state == "ending" and room.shown[-1].levels.picture == 0.0)


@pytest.mark.hazard("H-11")
@pytest.mark.parametrize("kind", [*(kind for kind in COMMANDS if kind not in ("stop", "end", "resume")), "dance"])
def test_no_command_but_a_resume_brings_a_calm_back_to_life(kind: str) -> None:
    room = room_in("running")
    room.words.append("stop")
    for n in range(3 * TICKS_PER_S):
        if n in (10, 60, 100):
            for value in (None, 0.0, 1.0, "aurora"):
                room.session.ask(kind, value)
        room.tick()
    assert (room.frames[-1].state, room.frames[-1].rest, room.shown[-1].rest) == ("calm", 1.0, 1.0)
    assert {name: getattr(room.frames[-1].drive, name) for name in NEUTRAL} == pytest.approx(NEUTRAL, abs=1e-6)


@pytest.mark.hazard("H-11")
def test_a_resume_counts_once_the_calm_is_whole_and_leads_back_slowly() -> None:
    room = room_in("running")
    room.words += ["stop", "stop", "pause"]
    for _ in range(2 * TICKS_PER_S):
        room.tick()
    assert room.shown[-1].rest == 1.0
    room.words.append("pause")
    for _ in range(4 * TICKS_PER_S):
        room.tick()
    assert 0.0 < room.shown[-1].rest < 0.5
    for _ in range(6 * TICKS_PER_S):
        room.tick()
    assert (room.shown[-1].state, room.shown[-1].rest) == ("running", 0.0)


@pytest.mark.hazard("H-11")
@pytest.mark.parametrize("is_hung", [False, True])
def test_escape_once_more_leaves_and_nothing_else_does(is_hung: bool) -> None:
    room = room_in("running")
    room.words.append("leave")
    for n in range(3 * TICKS_PER_S):
        room.words += ["stop"] if n % 7 == 0 else []
        room.tick()
    assert room.frames[-1].state == "calm"
    room.is_hung = is_hung
    room.words.append("leave")
    for _ in range(6 * TICKS_PER_S):
        room.tick()
        assert room.painter.left == 0.0 or room.shown[-1].levels.picture == 0.0
    assert room.is_ended or not room.is_on
