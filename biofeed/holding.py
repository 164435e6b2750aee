"""One live session, held from its first tick to its last: the port, the engine, the record, and who shows it.

`hold` supervises; the session itself is held in the engine's process, which goes on with the capsule that it finds.

The operator reads on standard error what goes on.
"""

import contextlib
import json
import math
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from biofeed import config
from biofeed.children import Beating, ChildPlan, Line, Slots
from biofeed.clock import MonotonicClock, now_s
from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.graphics.backdrop import backdrop_process
from biofeed.graphics.picture import picture_process
from biofeed.live import Mailbox, Session
from biofeed.messages import (
    BREAK,
    CONTROLS,
    TICKS_PER_S,
    Command,
    ControlFrame,
    Entry,
    LinkChanged,
    LinkState,
    Reading,
)
from biofeed.scene import Scene
from biofeed.sensors.intake import Decoding
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Capsule, Cut, Opening, digest_of
from biofeed.session.recorder import Recorder, create
from biofeed.signals.hrv import declaration
from biofeed.sound.output import sound_process
from biofeed.supervisor import Supervisor

FILM_PATIENCE_S = 3600.0  # a film is finished however slow the machine is
SENSOR = "sensor0"
SAVE_TICKS = 10 * TICKS_PER_S  # between two states kept: to replay so much takes a third of a second
LAST_WORD_S = 1.0  # for the outlets' threads
SOUND_WAITING = 600  # frames: every one is a tick of sound, and kernels that load take seconds
_TOLD_S = 6.0  # for so long the operator's line shows what was turned


def screen_and_sound(
    settings: Config,
    worlds: Mapping[str, Scene],
    first: str,
    seed: int,
    full_screen: bool,
    music: Path | None,
) -> list[ChildPlan]:
    """The two children that show a session to the person."""
    size = None if full_screen else (1280, 720)
    sounds = {name: world.soundscape for name, world in worlds.items()}
    return [
        ChildPlan(
            "picture",
            picture_process,
            (dict(worlds), first, size, full_screen, seed, settings.picture),
            again={"begins_calm": True},
        ),
        ChildPlan(
            "sound",
            sound_process,
            (sounds, first, seed, settings.sound, music),
            SOUND_WAITING,
            again={"fades_in": True},
            gives_way=True,
        ),
    ]


def backdrop(settings: Config, seed: int) -> ChildPlan:
    """The window behind a picture that fills the screen."""
    args = (seed, settings.picture)
    return ChildPlan("backdrop", backdrop_process, args, again={"is_hidden": True})


def hold(
    settings: Config,
    worlds: Mapping[str, Scene],
    first: str,
    seed: int,
    sensor: str,
    folder: Path,
    children: Sequence[ChildPlan],
    behind: ChildPlan | None = None,
) -> bool:
    """Holds one live session; True when everything that showed it finished by itself."""
    files = {name: text for world in worlds.values() for name, text in world.files.items()}
    files["measures.json"] = json.dumps(declaration(), indent=1)
    opening = Opening(
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        scene=first,
        settings=config.as_table(settings),
        sensors=(sensor,),
        person=sensor.removeprefix("simulated:") if sensor.startswith("simulated:") else None,
        duration_s=settings.engine.flow.duration_s,
    )
    create(folder, opening, files)
    told = Teller(opening.duration_s)
    engine = ChildPlan("engine", engine_process, (folder, sorted(worlds)))
    supervisor = Supervisor(engine, children, behind, told.say)
    finished = supervisor.run()
    if supervisor.has_given_up and (left := Capsule.open(folder)).ended is None:
        Recorder.resume(left.cut()).close("given up")
    return finished


def engine_process(
    control: Beating,
    folder: Path,
    scenes: Sequence[str],
    lines: Mapping[str, tuple[Connection, int | None]],
    slots: Slots,
    died_s: float | None,
) -> None:
    """The spawned process's target: the session of the capsule in `folder`, from where that stands to its end.

    `lines`, `slots` and `died_s` as the supervisor gives them.
    """
    capsule = Capsule.open(folder)
    to_children = [Line(name, *line) for name, line in lines.items()]
    if capsule.ended is not None:  # the engine before this one died when all was done
        control.send(("over", capsule.ended))
        for line in to_children:
            line.end()
        time.sleep(LAST_WORD_S)
        return
    cut, state = resume(capsule, slots, control.beat)
    recorder = Recorder.resume(cut)
    clock = MonotonicClock(cut.n_ticks / TICKS_PER_S)
    told = Teller(capsule.opening.duration_s)
    sensor = _Sensor(capsule.opening, clock)
    live = Session(
        state.engine,
        clock,
        sensor.mailbox,
        to_children,
        told.child,
        scenes,
        decode=state.decode,
        controls=state.controls,
        first_tick=cut.n_ticks,
        on_stall=sensor.begin_afresh,
    )
    if died_s is not None:
        live.ask(BREAK, now_s() - died_s)
    threading.Thread(target=_obey, args=(control, live, told), name="control", daemon=True).start()

    def record(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        control.beat()
        recorder.tick(frame.tick, entries, digest_of(frame))
        if frame.tick % SAVE_TICKS == SAVE_TICKS - 1:
            slots.put(frame.tick, bytes(ForkingPickler.dumps(tuple(state))))
        sensor.see(frame)
        told.tick(frame, entries)

    ended: str | None = None  # and so it stays when the engine fails: the next one goes on
    try:
        sensor.port.start()
        live.run([record])
        ended = "ended"
    except KeyboardInterrupt:
        ended = "interrupted"
    finally:
        if ended:
            with contextlib.suppress(OSError):
                control.send(("over", ended))
        sensor.close()
        recorder.close(ended)
        if recorder.trouble:
            told.say(f"the recording stopped early: {recorder.trouble}")
    live.close(FILM_PATIENCE_S)  # the supervisor has less patience
    told.close()


class _Sensor:
    """The session's cable, and in a demo the board at its other end."""

    def __init__(self, opening: Opening, clock: MonotonicClock) -> None:
        self.mailbox = Mailbox()
        self._clock = clock
        self._began_s = time.monotonic()
        self._simulated: SimulatedPort | None = None
        url = opening.sensors[0]
        if opening.person:
            self._simulated = SimulatedPort(SimulatedDevice(opening.person, opening.seed), self._board_s)
            self._simulated.start()
            url = self._simulated.url
        settings = config.from_table(opening.settings).port
        self.port = SerialPort(url, SENSOR, clock.now_s, self.mailbox.put, settings)

    def see(self, frame: ControlFrame) -> None:
        """Shows the guide to the simulated person."""
        if self._simulated:
            self._simulated.set_guide(self._board_s(), frame.drive.guide)

    def _board_s(self) -> float:
        """The simulated board's own time: no session holds a board up, but it sleeps when its machine does."""
        return time.monotonic() - self._began_s

    def begin_afresh(self) -> None:
        """What the device counted while session time stood still is no part of its clock's fit."""
        for state, detail in ((LinkState.OPENING, "the machine stood still"), (LinkState.STREAMING, "it goes on")):
            self.mailbox.put(LinkChanged(SENSOR, self._clock.now_s(), state, detail))

    def close(self) -> None:
        self.port.close()
        if self._simulated:
            self._simulated.close()


class State(NamedTuple):
    """All that the ticks up to now have left behind."""

    engine: Engine
    decode: Decoding
    controls: dict[str, float]  # as asked for


def resume(capsule: Capsule, slots: Slots, beat: Callable[[], None]) -> tuple[Cut, State]:
    """The state after the capsule's last tick, from the latest one that was kept, and a replay of the ticks since.

    What cannot be replayed would fail again: the log is then cut before it.
    """
    settings = config.from_table(capsule.opening.settings)
    cut = capsule.cut()
    while True:
        kept = slots.latest(below=cut.n_ticks)
        if kept:
            last, state = kept[0], State(*ForkingPickler.loads(kept[1]))
        else:
            last, state = -1, State(Engine(settings.engine, capsule.opening.scene), Decoding(), dict(CONTROLS))
        tick = last
        try:
            for recorded in islice(capsule.ticks(last + 1), cut.n_ticks - 1 - last):
                tick = recorded.tick
                state.engine.step(tick, tick / TICKS_PER_S, state.decode(recorded.entries))
                for entry in recorded.entries:
                    if isinstance(entry, Command) and entry.kind in CONTROLS and isinstance(entry.value, float):
                        state.controls[entry.kind] = entry.value
                beat()
        except Exception:  # whatever it is: it is the session or these ticks
            cut = capsule.cut(before=tick)
        else:
            return cut, state


def _obey(control: Beating, live: Session, told: "Teller") -> None:
    """What the supervisor says, in a thread of its own: a pipe that is handed over may be waited for."""
    try:
        while True:
            kind, value = control.pipe.recv()
            if kind == "pipe":
                live.lay(*value)
            elif kind == "interrupt":
                live.interrupt()
            elif value == "stop":
                live.on_event("stop")
            else:
                live.ask(value)
    except (EOFError, OSError):
        told.say("the supervisor is gone; the session goes on without it")


class Teller:
    """What the operator reads while a session runs: the loop's state and reason, and what the children report."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._film_s: float | None = None
        self._shown_s = -math.inf
        self._controls: dict[str, float] = {}  # what was turned, as asked for
        self._turned_s: float | None = None
        self._gaps = 0
        self._level_dba: float | None = None  # at the ear
        self._live = sys.stderr.isatty()

    def frame(self, frame: ControlFrame) -> None:
        if frame.time_s - self._shown_s >= (0.25 if self._live else 10.0):
            self._shown_s = frame.time_s
            film = "" if self._film_s is None else f", film {self._film_s:3.0f} s"
            level = "" if self._level_dba is None else f", {self._level_dba:.0f} dBA"
            shown = f"{self._turned(frame.time_s)}{frame.reason}"
            self._line(f"{frame.time_s:4.0f} s of {self._duration_s:g}{film}{level}: {shown}")

    def tick(self, frame: ControlFrame, entries: Sequence[Entry]) -> None:
        """A tick, and what entered it."""
        self.frame(frame)
        for entry in entries:
            if isinstance(entry, LinkChanged):
                self.link(entry)
            elif isinstance(entry, Command):
                self.command(entry, frame.time_s)

    def command(self, command: Command, time_s: float) -> None:
        """Shows at once how the controls stand when one of them was turned."""
        if command.kind in ("intensity", *CONTROLS) and isinstance(command.value, int | float):
            self._controls[command.kind] = float(command.value)
            self._turned_s = time_s
            self._shown_s = -math.inf  # the next line does not wait

    def link(self, link: LinkChanged) -> None:
        self._line(f"{link.device}: {link.detail}", lasting=True)

    def child(self, child: str, kind: str, value: Any) -> None:
        if kind == "film":
            late = self._film_s is not None and value > self._shown_s
            self._film_s = value
            if late and (self._live or value % 10 < 0.25):
                self._line(f"film {value:3.0f} s of {self._duration_s:g}")
        elif kind == "error":
            self._line(f"{child}: {value}", lasting=True)
        elif kind == "ready":
            self._line(f"{child}: {value}")
        elif kind == "sound":
            self._level_dba = value["guard"]["level_dba"]
            if value["gaps"] > self._gaps:
                self._line(f"sound: {value['gaps']} gaps so far; a longer latency_s in [sound] helps", lasting=True)
            self._gaps = value["gaps"]

    def say(self, text: str) -> None:
        """A sentence that stays."""
        self._line(text, lasting=True)

    def close(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")

    def _turned(self, time_s: float) -> str:
        """Every control that was turned so far, for some seconds after the last turn."""
        if self._turned_s is None or time_s - self._turned_s > _TOLD_S:
            return ""
        values = dict(self._controls)
        silence = ["silence" if values.pop("silence") > 0.5 else "no silence"] if "silence" in values else []
        return ", ".join([*silence, *(f"{name} {value:.0%}" for name, value in values.items())]) + "; "

    def _line(self, text: str, lasting: bool = False) -> None:
        """On a terminal each line takes the place of the one before, unless that one is to last."""
        if not _takes(sys.stderr):
            return
        end = "\n" if lasting else ""
        with contextlib.suppress(OSError):  # nobody reads it any more
            sys.stderr.write(f"\r\x1b[K{text if lasting else text[:110]}{end}" if self._live else f"{text}\n")
            sys.stderr.flush()


def _takes(stream: TextIO) -> bool:
    """Whether it takes a line at once: a terminal that is halted (Ctrl-S) does not halt the session."""
    try:
        return bool(select.select([], [stream], [], 0.0)[1])
    except (OSError, ValueError):  # it cannot be waited for
        return True
