"""The process above all others of a live session: plans go in, and whoever dies or hangs is started again.

It holds both ends of every pipe. So a child that loses the engine meets silence, not an end, and stays in the calm
until the next engine's frames come; and what goes from engine to child goes past this process. When this process is
killed the others carry the session to its end.
"""

import ctypes
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from biofeed import clock
from biofeed.children import ChildPlan, Slots, Spawned

CHECK_S = 0.25  # between two looks at the pulses; a death is seen at once
ENGINE_PATIENCE_S = 3.0  # without a tick, and it hangs
CHILD_PATIENCE_S = 4.0  # without a look into the pipe: with what the backdrop needs, under limits.CRASH_TO_CALM_S
START_PATIENCE_S = 60.0  # before the first: modules, shaders and kernels load
EARLY_S = 10.0  # the age before which an engine is not blamed either: its kernels load as they are needed
SETTLED_S = 60.0  # who hangs again before this age is given twice the time: the machine may just be slow
SLEPT_S = 2.0  # this process did not run for so long: the machine slept, and nobody is to blame
LONG_LIFE_S = 10.0  # who lived so long is started again at once
BACKOFF_S = (0.0, 1.0, 2.0, 4.0, 8.0)  # and who did not, later with each short life
SHORT_LIVES = 3  # engines in a row that lived shorter than that: the session is given up
BEHIND_S = 3.0  # the longest that the picture waits for the window behind it
SHOWN_BEATS = 30  # of the picture: from here on it covers the window behind
PICTURE = "picture"  # the child's name that the window behind is for
ENGINE_CLOSES_S = 30.0  # it writes its last record, beside the children's own patience


class Watch:
    """Whether a pulse goes on; call `is_hung` now and then."""

    def __init__(self, patience_s: float, now_s: float, early_s: float = 0.0) -> None:
        self._patience_s = patience_s
        self._early_s = early_s
        self._beats = 0
        self._since_s = self._born_s = now_s

    def is_hung(self, beats: int, now_s: float) -> bool:
        if beats != self._beats:
            self._beats, self._since_s = beats, now_s
        is_early = not beats or now_s - self._born_s < self._early_s
        return now_s - self._since_s > (START_PATIENCE_S if is_early else self._patience_s)

    def forgive(self, now_s: float) -> None:
        """Time passed in which nobody could beat."""
        self._since_s = now_s


class Kept:
    """One process that is kept alive: watched, killed when it hangs, and due again after its death."""

    def __init__(self, plan: ChildPlan, patience_s: float, early_s: float = 0.0) -> None:
        self.plan = plan
        self._early_s = early_s
        self.spawned: Spawned | None = None
        self.short_lives = 0  # in a row
        self.has_left = False  # it ended by itself, and well
        self.due_s = 0.0
        self.died_s: float | None = None
        self._patience_s = patience_s
        self._born_s = 0.0
        self._n_hangs = 0  # in a row
        self.watch = Watch(patience_s, 0.0)

    def start(self, now_s: float, more: Mapping[str, Any], gate: Any = None) -> Spawned:
        self.spawned = Spawned(self.plan, more, gate)
        self.begin(now_s)
        return self.spawned

    def begin(self, now_s: float) -> None:
        """From now on it is watched."""
        self._born_s = now_s
        self.watch = Watch(self._patience_s * 2**self._n_hangs, now_s, self._early_s)

    def check(self, now_s: float) -> str | None:
        """A sentence when it is found dead, or hung, which is its death."""
        if self.spawned is None:
            return None
        process = self.spawned.process
        why, age_s = None, now_s - self._born_s
        if process.is_alive() and self.plan.kept and self.watch.is_hung(self.spawned.beats, now_s):
            process.kill()
            process.join()
            why = f"the {self.plan.name} process did not move any more and was killed"
        if process.is_alive():
            return None
        process.join()
        self.has_left = process.exitcode == 0
        self._n_hangs = (self._n_hangs if age_s < SETTLED_S else 0) + 1 if why else 0
        self.short_lives = self.short_lives + 1 if age_s < LONG_LIFE_S else 0
        self.died_s = now_s
        self.due_s = now_s + BACKOFF_S[min(self.short_lives, len(BACKOFF_S) - 1)]
        return why or f"the {self.plan.name} process ended with code {process.exitcode}"

    def bury(self) -> None:
        """Lets go of a dead process's pipe."""
        if self.spawned:
            self.spawned.let_go()
            self.spawned = None


class Supervisor:
    """Holds one live session together: an engine, the children that it feeds, and a window behind the picture.

    The engine's target gets its pipe, its arguments, `lines` (name: pipe, waiting), `slots` for its state, and
    `died_s`, when the one before it died on the clock that all processes share. It says ("over", why) at the end, and
    then tells the children. It hears ("pipe", (name, pipe, waiting)) of a child that was started, ("ask", command), and
    ("interrupt", None).
    """

    def __init__(
        self,
        engine: ChildPlan,
        children: Sequence[ChildPlan],
        behind: ChildPlan | None,
        say: Callable[[str], None],
        now_s: Callable[[], float] = clock.now_s,
    ) -> None:
        self._engine = Kept(engine, ENGINE_PATIENCE_S, EARLY_S)
        self._children = [Kept(plan, CHILD_PATIENCE_S) for plan in children]
        self._behind = Kept(behind, CHILD_PATIENCE_S) if behind else None
        self._is_calm_behind = False
        self._say = say
        self._now_s = now_s
        self._slots = Slots()
        self._gate = multiprocessing.get_context("spawn").RawValue(ctypes.c_bool, False)
        self._is_ending = self._is_stopped = False  # what an engine is still to be asked for
        self._over: str | None = None
        self._n_signals = self._n_heeded = 0
        self._is_finishing = False
        self.has_given_up = False

    def run(self) -> bool:
        """The session from its start to its end; True when everybody finished by themselves, and well.

        SIGINT and SIGTERM end it softly; a second one at once, by a KeyboardInterrupt when all is closed.
        """
        with self._signals():
            began_s = self._now_s()
            if self._behind:
                self._behind.start(began_s, {})
            self._start_children(began_s)
            self._start_engine(began_s)  # after them: it has their pipes from its first tick on
            while self._over is None and not self.has_given_up:
                self._start_children(began_s)
                self._wait()
                self._heed_signals()
                self._check(self._now_s())
            self._is_finishing = True
            finished = self._finish()
        if self._n_signals > 1:
            raise KeyboardInterrupt
        return finished

    def _check(self, now_s: float) -> None:
        """Hears who speaks, sees to who died or hangs, and starts who is due."""
        self._see_to_engine(now_s)
        if self._over is not None or self.has_given_up:
            return
        pictures = (kept.spawned for kept in self._children if kept.plan.name == PICTURE)
        self._gate.value = self._gate.value or all(picture and picture.beats for picture in pictures)
        for kept in self._children:
            self._see_to_child(kept, now_s)
        if self._behind:
            self._see_to_behind(self._behind, now_s)

    def _wait(self) -> None:
        """Returns when somebody died or spoke, at the latest after a moment; and knows when the machine slept."""
        asked_s = self._now_s()
        everybody = [*self._everybody()]
        speakers = [kept.spawned.ours for kept in (self._engine, self._behind) if kept and kept.spawned]
        sentinels = [kept.spawned.process.sentinel for kept in everybody if kept.spawned]
        if sentinels:
            wait([*sentinels, *speakers], CHECK_S)
        else:
            time.sleep(CHECK_S)
        now_s = self._now_s()
        if now_s - asked_s > SLEPT_S:
            for kept in everybody:
                kept.watch.forgive(now_s)

    def _everybody(self) -> Iterator[Kept]:
        yield self._engine
        yield from self._children
        if self._behind:
            yield self._behind

    def _start_engine(self, now_s: float) -> None:
        engine = self._engine
        lines = {kept.plan.name: (kept.spawned.ours, kept.plan.waiting) for kept in self._children if kept.spawned}
        engine.start(now_s, {"lines": lines, "slots": self._slots, "died_s": engine.died_s})
        if self._is_ending:
            self._tell_engine(("ask", "end"))
        if self._is_stopped:
            self._stop()

    def _start_children(self, began_s: float) -> None:
        """The first start, the picture after the window behind it: a later window would take the focus from it."""
        behind = self._behind.spawned if self._behind else None
        now_s = self._now_s()
        is_early = behind is not None and not behind.beats and now_s - began_s < BEHIND_S
        for kept in self._children:
            if kept.spawned is None and kept.died_s is None and not (is_early and kept.plan.name == PICTURE):
                self._lead(kept.plan.name, kept.start(now_s, {}, self._gate))

    def _lead(self, name: str, spawned: Spawned) -> None:
        """The engine that runs gets this child's pipe; the next one gets it at its start."""
        self._tell_engine(("pipe", (name, spawned.ours, spawned.plan.waiting)))

    def _see_to_engine(self, now_s: float) -> None:
        engine = self._engine
        if engine.spawned:
            self._hear_engine(engine.spawned.ours)
            death = engine.check(now_s)
            if death is None or not engine.spawned:
                return
            self._hear_engine(engine.spawned.ours)
            engine.bury()
            if self._over is not None:
                return
            self._say(death)
            for kept in self._children:
                if kept.spawned:
                    kept.spawned.drain()
        if self._over is None and engine.short_lives >= SHORT_LIVES:
            self._say("the engine does not stay alive: the session is given up")
            self.has_given_up = True
        elif self._over is None and now_s >= engine.due_s:
            self._start_engine(now_s)

    def _hear_engine(self, pipe: Connection) -> None:
        for kind, value in _heard(pipe):
            if kind == "over":
                self._over = value
            elif kind == "error":
                self._say(f"engine: {value}")

    def _see_to_child(self, kept: Kept, now_s: float) -> None:
        death = kept.check(now_s)
        if death and kept.plan.kept:
            kept.bury()
            if kept.has_left:  # the person left while nobody else could end it
                self._end_softly()
            else:
                self._say(death)
                if kept.plan.name == PICTURE:
                    self._tell_behind("front")
        elif death:
            self._say(death)
            kept.bury()
        elif kept.spawned is None and kept.died_s is not None and kept.plan.kept and not kept.has_left:
            if now_s >= kept.due_s:
                self._lead(kept.plan.name, kept.start(now_s, kept.plan.again, self._gate))
                self._say(f"the {kept.plan.name} process was started again")
        elif kept.spawned and kept.plan.name == PICTURE and kept.spawned.beats > SHOWN_BEATS:
            self._calm_behind()

    def _see_to_behind(self, kept: Kept, now_s: float) -> None:
        if kept.spawned:
            for kind, value in _heard(kept.spawned.ours):
                if kind == "event":
                    self._stop()
                elif kind == "error":
                    self._say(f"{kept.plan.name}: {value}")
            death = kept.check(now_s)
            if death:
                self._say(death)
                kept.bury()
                self._is_calm_behind = False
        elif now_s >= kept.due_s:
            kept.start(now_s, kept.plan.again)
            if not any(child.spawned and child.spawned.beats for child in self._children if child.plan.name == PICTURE):
                self._tell_behind("front")

    def _calm_behind(self) -> None:
        """What lies behind the picture is calm, as soon as the picture covers it."""
        if not self._is_calm_behind:
            self._is_calm_behind = self._tell_behind("calm")

    def _tell_behind(self, word: str | None) -> bool:
        return self._behind is not None and _tell(self._behind.spawned, word)

    def _end_softly(self) -> None:
        self._is_ending = True
        self._tell_engine(("ask", "end"))

    def _stop(self) -> None:
        self._is_stopped = not self._tell_engine(("ask", "stop"))

    def _tell_engine(self, said: tuple[str, Any]) -> bool:
        return _tell(self._engine.spawned, said)

    def _finish(self) -> bool:
        """The end: who was fed fades out, and is killed only when it does not."""
        self._tell_behind(None)
        finished = not self.has_given_up
        began_s = self._now_s()
        for kept in self._children:
            if kept.spawned is None:
                finished = finished and kept.has_left
                continue
            left_s = kept.plan.patience_s - (self._now_s() - began_s)
            finished = self._end(kept, left_s) and finished
        if self._behind:
            self._end(self._behind, 1.0)
        return self._end(self._engine, ENGINE_CLOSES_S) and finished

    def _end(self, kept: Kept, patience_s: float) -> bool:
        """Waits for it; its feeder sees the end of its pipe. False when it had to be killed, or failed."""
        if kept.spawned is None:
            return False
        process = kept.spawned.process
        until_s = self._now_s() + patience_s
        while process.is_alive() and self._now_s() < until_s:
            if kept in self._children and not (self._engine.spawned and self._engine.spawned.process.is_alive()):
                _tell(kept.spawned, None)  # nobody else can
                process.join(max(0.0, until_s - self._now_s()))
            process.join(CHECK_S)
        has_ended = not process.is_alive()
        if not has_ended:
            process.kill()
            process.join()
        kept.bury()
        return has_ended and process.exitcode == 0

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._n_signals += 1
        if self._is_finishing:
            raise KeyboardInterrupt

    def _heed_signals(self) -> None:
        while self._n_heeded < min(self._n_signals, 2):
            self._n_heeded += 1
            if self._n_heeded == 1:
                self._end_softly()
            elif not self._tell_engine(("interrupt", None)):
                self.has_given_up = True


def _tell(spawned: Spawned | None, said: Any) -> bool:
    """False when there is nobody to hear it."""
    if spawned is None:
        return False
    with suppress(OSError):
        spawned.ours.send(said)
    return True


def _heard(pipe: Connection) -> list[tuple[str, Any]]:
    """What was said since the last call; nothing more comes from who was killed in the middle of a word."""
    said: list[tuple[str, Any]] = []
    with suppress(OSError, EOFError):
        while pipe.poll(0):
            said.append(pipe.recv())
    return said
