"""The live shell: what came in, engine, recorder, and the lines to picture and sound, at 60 ticks a second.

It runs in the engine's process, which never touches GL or sound: sensor bytes, ticks and the disk must not wait for a
frame to be drawn. Nothing that a child does, or fails to do, holds up a tick.
"""

import gc
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from biofeed.children import Line
from biofeed.clock import MonotonicClock
from biofeed.engine import Engine, Sink, run
from biofeed.messages import BREAK, CONTROLS, HEARD, Command, ControlFrame, Entry, Input, Reading
from biofeed.sensors.intake import Decoding

INTENSITY_STEPS = {"richer": 0.15, "calmer": -0.15}  # what a key press asks for
CONTROL_STEPS = {"+": 0.125, "-": -0.125}  # of a therapist's controls
SCENE_STEPS = {"next_scene": 1, "previous_scene": -1}
STALL_S = 2.0  # ticks that are late by less are caught up with; by more, the machine slept


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


class Session:
    """One live session: what came in, what was decided, and the lines to the children who show it.

    `listen(child, kind, value)` hears what the children say; "event" becomes a command at the next tick by itself,
    and the hearing dose goes on the record.
    `on_stall()` is called after the machine slept: session time stood still meanwhile, and what the ports hold is
    stale. `decode`, `controls` (changed here) and `first_tick` are those of a session that goes on.
    """

    def __init__(
        self,
        engine: Engine,
        clock: MonotonicClock,
        mailbox: Mailbox,
        lines: Sequence[Line],
        listen: Callable[[str, str, Any], None],
        scenes: Sequence[str] = (),
        *,
        decode: Decoding | None = None,
        controls: dict[str, float] | None = None,
        first_tick: int = 0,
        on_stall: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._mailbox = mailbox
        self._decode = decode or Decoding()
        self._listen = listen
        self._scenes = list(scenes)
        self._first_tick = first_tick
        self._on_stall = on_stall
        self._asked: deque[tuple[str, float | str | None]] = deque()
        self._is_stopping = self._is_interrupted = False
        self._latest: ControlFrame | None = None
        self._controls = dict(CONTROLS) if controls is None else controls  # as asked for
        self._lines = {line.name: line for line in lines}
        self._laid: deque[tuple[str, Connection, int | None]] = deque()

    def ask(self, kind: str, value: float | str | None = None) -> None:
        """A command for the next tick; from any thread."""
        self._asked.append((kind, value))

    def interrupt(self) -> None:
        """The next tick raises KeyboardInterrupt; from any thread."""
        self._is_interrupted = True

    def lay(self, name: str, pipe: Connection, waiting: int | None) -> None:
        """That child was started, with this pipe; from any thread."""
        self._laid.append((name, pipe, waiting))

    def run(self, sinks: Sequence[Sink]) -> None:
        """The session from its first tick to its end. SIGINT and SIGTERM end it softly; a second one at once."""
        gc.collect()
        gc.freeze()  # what stands now stands for the session: looking through it again would cost milliseconds
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            run(self._engine, self._sleep_until, self._intake, [*sinks, self._show], self._first_tick)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def close(self, patience_s: float) -> None:
        """Tells the children that it is over, and hears them out until they are gone."""
        for line in self._lines.values():
            line.end()
        clock = MonotonicClock()
        while any(line.is_open for line in self._lines.values()) and clock.now_s() < patience_s:
            self._hear()
            time.sleep(0.05)

    def _on_signal(self, number: int, _frame: Any) -> None:
        if self._is_stopping:
            raise KeyboardInterrupt
        self._is_stopping = True
        self.ask("end")

    def _sleep_until(self, time_s: float) -> None:
        self._clock.sleep_until(time_s)
        late_s = self._clock.now_s() - time_s
        if late_s > STALL_S:
            self._clock.turn_back(late_s)
            self._mailbox.take()
            self._on_stall()
            self.ask(BREAK, late_s)

    def _intake(self, tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        if self._is_interrupted:
            raise KeyboardInterrupt
        entries: list[Entry] = [Command(tick, *self._asked.popleft()) for _ in range(len(self._asked))]
        entries += self._mailbox.take()
        return entries, self._decode(entries)

    def _show(self, frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        self._latest = frame
        if self._laid:
            self._hear()  # the last words of who is replaced
        while self._laid:
            name, pipe, waiting = self._laid.popleft()
            if name in self._lines:
                self._lines[name].end()
            self._lines[name] = Line(name, pipe, waiting)
        for line in self._lines.values():
            line.send(frame)
        self._hear()

    def _hear(self) -> None:
        for line in self._lines.values():
            for kind, value in line.poll():
                if kind == "event":
                    self.on_event(str(value))
                elif kind == "sound" and value["guard"]["week_part"] is not None:
                    self.ask(HEARD, value["guard"]["week_part"])
                self._listen(line.name, kind, value)

    def on_event(self, event: str) -> None:
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
