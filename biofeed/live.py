"""The live shell: ports, engine, recorder, and the processes of picture and sound, at 60 ticks a second.

It runs in the engine's process, which never touches GL or sound: sensor bytes, ticks and the disk must not wait for a
frame to be drawn. Nothing that a child does, or fails to do, holds up a tick.
"""

import functools
import gc
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from biofeed.clock import MonotonicClock
from biofeed.engine import Engine, Sink, run
from biofeed.messages import CONTROLS, TICKS_PER_S, Command, ControlFrame, Entry, Input, Reading
from biofeed.sensors.intake import Decoding

INTENSITY_STEPS = {"richer": 0.15, "calmer": -0.15}  # what a key press asks for
CONTROL_STEPS = {"+": 0.125, "-": -0.125}  # of a therapist's controls
SCENE_STEPS = {"next_scene": 1, "previous_scene": -1}
RESTART_AFTER_S = 1.0  # a child that died comes back after this, and with every death a little later
RESTART_AT_MOST_S = 8.0


class Port(Protocol):
    """A sensor's cable: it begins to put entries into the mailbox when started."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class Mailbox:
    """What came in since the last tick, from any thread; bounded: the oldest goes first, and is counted."""

    def __init__(self, limit: int = 8192) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self.n_dropped = 0

    def put(self, entry: Entry) -> None:
        if len(self._entries) == self._entries.maxlen:
            self.n_dropped += 1
        self._entries.append(entry)

    def take(self) -> list[Entry]:
        return [self._entries.popleft() for _ in range(len(self._entries))]


class Outlet:
    """Sends frames to a child from a thread of its own, so that a child that hangs cannot hold up a tick.

    At most `waiting` frames wait: the oldest gives way. With None every frame is sent in the end.
    """

    def __init__(self, pipe: Connection, waiting: int | None) -> None:
        self._pipe = pipe
        self._waiting: deque[ControlFrame] = deque(maxlen=waiting)
        self._change = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def send(self, frame: ControlFrame) -> None:
        with self._change:
            self._waiting.append(frame)
            self._change.notify()

    def close(self) -> None:
        """Lets it send what waits, and then None, by which the child knows that it is over."""
        with self._change:
            self._open = False
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or not self._open)
                frame = self._waiting.popleft() if self._waiting else None
            try:
                self._pipe.send(frame)
            except (OSError, ValueError):  # the child is gone: the supervisor sees to it
                return
            if frame is None:
                return


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A process to spawn: `target(pipe, *args)`; `waiting` as in Outlet; one that is not `kept` stays dead."""

    name: str
    target: Callable[..., None]
    args: tuple[Any, ...]
    waiting: int | None = 1
    kept: bool = True


class Child:
    """A spawned process that gets frames and gives back messages; started again when it dies."""

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.n_deaths = 0
        self._dead_since_s: float | None = None
        self._spawn()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=self.plan.target, args=(theirs, *self.plan.args), name=self.plan.name, daemon=True
        )
        self._process.start()
        theirs.close()
        self._outlet = Outlet(self._pipe, self.plan.waiting)

    def send(self, frame: ControlFrame) -> None:
        self._outlet.send(frame)

    def poll(self) -> list[tuple[str, Any]]:
        """What the child has said since the last call."""
        said: list[tuple[str, Any]] = []
        try:
            while self._pipe.poll(0):
                said.append(self._pipe.recv())
        except (OSError, EOFError):
            pass
        return said

    def supervise(self, now_s: float) -> str | None:
        """Call now and then: starts a dead child again, later each time; gives a sentence when something happened."""
        if self._process.is_alive():
            return None
        if self._dead_since_s is None:
            self._dead_since_s = now_s
            self.n_deaths += 1
            return f"the {self.plan.name} process ended with code {self._process.exitcode}"
        wait_s = min(RESTART_AFTER_S * self.n_deaths, RESTART_AT_MOST_S)
        if self.plan.kept and now_s - self._dead_since_s >= wait_s:
            self._dead_since_s = None
            self._outlet.close()
            self._pipe.close()
            self._spawn()
            return f"the {self.plan.name} process was started again"
        return None

    def close(self, listen: Callable[[str, Any], None], patience_s: float) -> bool:
        """Ends it and hears it out; False when it had to be killed after `patience_s`, or failed."""
        self._outlet.close()
        clock = MonotonicClock()
        while self._process.is_alive() and clock.now_s() < patience_s:
            self._process.join(0.05)
            for kind, value in self.poll():
                listen(kind, value)
        finished = not self._process.is_alive()
        if not finished:
            self._process.kill()
        self._process.join()
        self._pipe.close()
        return finished and self._process.exitcode == 0


class Session:
    """One live session: what came in, what was decided, and the children who show it.

    `listen(child, kind, value)` hears what the children say; "event" becomes a command at the next tick by itself.
    """

    def __init__(
        self,
        engine: Engine,
        clock: MonotonicClock,
        mailbox: Mailbox,
        children: Sequence[ChildPlan],
        listen: Callable[[str, str, Any], None],
        scenes: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._mailbox = mailbox
        self._decode = Decoding()
        self._listen = listen
        self._scenes = list(scenes)
        self._asked: list[tuple[str, float | str | None]] = []
        self._stopping = False
        self._latest: ControlFrame | None = None
        self._controls = dict(CONTROLS)  # as asked for
        self._children = [Child(plan) for plan in children]

    def ask(self, kind: str, value: float | str | None = None) -> None:
        """A command for the next tick."""
        self._asked.append((kind, value))

    def run(self, sinks: Sequence[Sink]) -> None:
        """The session from its first tick to its end. SIGINT and SIGTERM end it softly; a second one at once."""
        gc.collect()
        gc.freeze()  # what stands now stands for the session: looking through it again would cost milliseconds
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            run(self._engine, self._clock.sleep_until, self._intake, [*sinks, self._show])
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def close(self, patience_s: float) -> bool:
        """Ends the children; True when every one of them finished by itself."""
        results = []
        for child in self._children:
            results.append(child.close(functools.partial(self._listen, child.plan.name), patience_s))
        return all(results)

    def _on_signal(self, number: int, _frame: Any) -> None:
        if self._stopping:
            raise KeyboardInterrupt
        self._stopping = True
        self.ask("end")

    def _intake(self, tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        asked, self._asked = self._asked, []
        entries: list[Entry] = [Command(tick, kind, value) for kind, value in asked]
        entries += self._mailbox.take()
        return entries, self._decode(entries)

    def _show(self, frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        self._latest = frame
        supervise = frame.tick % (TICKS_PER_S // 4) == 0
        for child in self._children:
            child.send(frame)
            for kind, value in child.poll():
                if kind == "event":
                    self._on_event(str(value))
                self._listen(child.plan.name, kind, value)
            told = child.supervise(frame.time_s) if supervise else None
            if told:
                self._listen(child.plan.name, "supervisor", told)

    def _on_event(self, event: str) -> None:
        """Keys and buttons, as commands at the next tick; pause is a toggle, and the worlds go round.

        However many keys are struck, they are one stop; the second one, which ends the session, is for who leaves.
        """
        frame = self._latest
        if event == "stop":
            if ("stop", None) not in self._asked and not (frame and frame.state == "calm"):
                self.ask("stop")
        elif event == "leave":
            self.ask("stop")
        elif event in ("inhale", "press"):
            self.ask(event)
        elif event == "silence":
            self._set("silence", 1.0 - self._controls["silence"])
        elif event[:-1] in self._controls and event[-1] in CONTROL_STEPS:
            self._set(event[:-1], self._controls[event[:-1]] + CONTROL_STEPS[event[-1]])
        elif frame and event == "pause":
            self.ask("resume" if frame.state in ("paused", "calm") else "pause")
        elif frame and event in INTENSITY_STEPS:
            self.ask("intensity", min(1.0, max(0.0, frame.levels.intensity + INTENSITY_STEPS[event])))
        elif frame and event in SCENE_STEPS and frame.scene in self._scenes:
            at = self._scenes.index(frame.scene) + SCENE_STEPS[event]
            self.ask("scene", self._scenes[at % len(self._scenes)])

    def _set(self, control: str, value: float) -> None:
        self._controls[control] = min(1.0, max(0.0, value))
        self.ask(control, self._controls[control])
