"""Spawned processes: a plan goes in, a running process with its pipe and its pulse comes out.

A pulse is a number in shared memory that the process counts up as it works. Whoever watches it needs no message, and
nobody ever waits for the watcher.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from biofeed.clock import MonotonicClock
from biofeed.messages import ControlFrame

GATE_S = 5.0  # the longest that anybody gives way
STATE_BYTES = 1 << 22  # an engine's state is a ninth of it, however long it has run


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A process to spawn: `target(pipe, *args)`, in the middle of a session `target(pipe, *args, **again)`.

    `waiting` as in Outlet; one that is not `kept` stays dead; at the end it gets `patience_s` to finish. One that
    `gives_way` loads its modules after the others have.
    """

    name: str
    target: Callable[..., None]
    args: tuple[Any, ...]
    waiting: int | None = 1
    kept: bool = True
    again: Mapping[str, Any] = field(default_factory=dict)
    patience_s: float = 5.0
    gives_way: bool = False


class Beating:
    """A process's end of its pipe; each look into it is a beat of the process's pulse."""

    def __init__(self, pipe: Connection, pulse: Any) -> None:
        self.pipe = pipe
        self._pulse = pulse

    def beat(self) -> None:
        """Counts one more."""
        self._pulse.value += 1

    def poll(self, timeout: float) -> bool:
        self.beat()
        return self.pipe.poll(timeout)

    def recv(self) -> Any:
        self.beat()
        return self.pipe.recv()

    def send(self, obj: Any) -> None:
        self.pipe.send(obj)


class Spawned:
    """A process that runs; both ends of its pipe stay open here until `let_go`, so that neither side sees an end.

    `ours` is the end of whoever feeds it. A plan that gives way waits for the `gate`, a truth in shared memory.
    """

    def __init__(self, plan: ChildPlan, more: Mapping[str, Any] | None = None, gate: Any = None) -> None:
        context = multiprocessing.get_context("spawn")
        self.plan = plan
        self.ours, self.theirs = context.Pipe()
        self._pulse = context.RawValue(ctypes.c_uint64, 0)
        work = bytes(ForkingPickler.dumps((plan.target, plan.args)))  # its modules load where this is read
        self.process = context.Process(
            target=_begin,
            args=(work, self.theirs, self._pulse, dict(more or {}), gate if plan.gives_way else None),
            name=plan.name,
            daemon=True,
        )
        with _unheard(signal.SIGINT):
            self.process.start()

    @property
    def beats(self) -> int:
        """How often it has beaten; 0 until it has begun its work."""
        return int(self._pulse.value)

    def drain(self) -> None:
        """Throws away what nobody has read: a reader that was killed may have left half a message."""
        with contextlib.suppress(OSError, EOFError):
            while self.ours.poll(0):
                if os.name == "posix":
                    os.read(self.ours.fileno(), 1 << 16)
                else:
                    self.ours.recv_bytes()

    def let_go(self) -> None:
        """Closes both ends here: who still holds one of them sees the end once the process is gone."""
        self.ours.close()
        self.theirs.close()


class Slots:
    """Two places in shared memory for the latest states of a process that may be killed at any instant."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._places = [context.RawArray(ctypes.c_char, STATE_BYTES) for _ in range(2)]
        self._heads = [context.RawArray(ctypes.c_int64, (-1, 0)) for _ in range(2)]  # number, length

    def put(self, number: int, data: bytes) -> None:
        """Keeps it in the place of the older one, numbers rising; what is too long is not kept."""
        if len(data) > STATE_BYTES:
            return
        older = min(range(2), key=lambda at: int(self._heads[at][0]))
        head = self._heads[older]
        head[0] = -1  # from here until the number is set, the other one counts
        ctypes.memmove(self._places[older], data, len(data))
        head[1] = len(data)
        head[0] = number

    def latest(self, below: int) -> tuple[int, bytes] | None:
        """The one with the highest number under `below`."""
        found = [at for at in range(2) if 0 <= self._heads[at][0] < below]
        if not found:
            return None
        at = max(found, key=lambda at: int(self._heads[at][0]))
        return int(self._heads[at][0]), ctypes.string_at(self._places[at], int(self._heads[at][1]))


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


class Line:
    """A child's pipe, as its feeder holds it: frames go out, messages come in."""

    def __init__(self, name: str, pipe: Connection, waiting: int | None) -> None:
        self.name = name
        self.is_open = True  # until its other end is gone
        self._pipe = pipe
        self._outlet = Outlet(pipe, waiting)

    def send(self, frame: ControlFrame) -> None:
        self._outlet.send(frame)

    def poll(self) -> list[tuple[str, Any]]:
        """What the child has said since the last call."""
        said: list[tuple[str, Any]] = []
        try:
            while self.is_open and self._pipe.poll(0):
                said.append(self._pipe.recv())
        except (OSError, EOFError):
            self.is_open = False
        return said

    def end(self) -> None:
        """Tells the child, after the frames that wait, that it is over."""
        self._outlet.close()

    def close(self) -> None:
        self._pipe.close()


class Child:
    """A process that is fed from here, and stays dead when it dies."""

    def __init__(self, plan: ChildPlan) -> None:
        spawned = Spawned(plan)
        spawned.theirs.close()
        self.plan = plan
        self.line = Line(plan.name, spawned.ours, plan.waiting)
        self._process = spawned.process
        self._is_told = False

    def death(self) -> str | None:
        """A sentence, once, when it has died."""
        if self._is_told or self._process.is_alive():
            return None
        self._is_told = True
        return f"the {self.plan.name} process ended with code {self._process.exitcode}"

    def close(self, listen: Callable[[str, Any], None], patience_s: float) -> bool:
        """Ends it and hears it out; False when it had to be killed after `patience_s`, or failed."""
        self.line.end()
        clock = MonotonicClock()
        while self._process.is_alive() and clock.now_s() < patience_s:
            self._process.join(0.05)
            for kind, value in self.line.poll():
                listen(kind, value)
        finished = not self._process.is_alive()
        if not finished:
            self._process.kill()
        self._process.join()
        self.line.close()
        return finished and self._process.exitcode == 0


def _begin(work: bytes, pipe: Connection, pulse: Any, more: Mapping[str, Any], gate: Any) -> None:
    """What a spawned process does. One that fails says so in a sentence: nobody lies before a traceback."""
    until_s = time.monotonic() + GATE_S
    while gate is not None and not gate.value and time.monotonic() < until_s:
        time.sleep(0.01)
    try:
        target, args = ForkingPickler.loads(work)
        target(Beating(pipe, pulse), *args, **more)
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(at.filename)}:{at.lineno}"  # noqa: PTH119 - a name, not a place
        with contextlib.suppress(OSError):
            pipe.send(("error", f"it failed ({place}: {type(error).__name__}: {error})"))
        sys.exit(1)


@contextlib.contextmanager
def _unheard(number: int) -> Iterator[None]:
    """A process that is spawned here does not hear this signal until it asks to: it goes to all at a terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, handler)
