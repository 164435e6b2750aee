"""One live session, held from its first tick to its last: the port, the engine, the record, and who shows it.

The operator reads on standard error what goes on.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biofeed import config
from biofeed.clock import MonotonicClock
from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.graphics.picture import picture_process
from biofeed.live import ChildPlan, Mailbox, Session
from biofeed.messages import CONTROLS, Command, ControlFrame, Entry, LinkChanged, Reading
from biofeed.scene import Scene
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Opening, digest_of
from biofeed.session.recorder import Recorder
from biofeed.signals.hrv import declaration
from biofeed.sound.output import sound_process

FILM_PATIENCE_S = 3600.0  # a film is finished however slow the machine is
CHILD_PATIENCE_S = 5.0
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
        ChildPlan("picture", picture_process, (dict(worlds), first, size, full_screen, seed, settings.picture)),
        ChildPlan("sound", sound_process, (sounds, first, seed, settings.sound, music), SOUND_WAITING),
    ]


def hold(
    settings: Config,
    worlds: Mapping[str, Scene],
    first: str,
    seed: int,
    sensor: str,
    folder: Path,
    children: list[ChildPlan],
) -> bool:
    """Holds one live session; True when everything that showed it finished by itself."""
    person = sensor.removeprefix("simulated:") if sensor.startswith("simulated:") else None
    engine = Engine(settings.engine, first)
    files = {name: text for world in worlds.values() for name, text in world.files.items()}
    files["measures.json"] = json.dumps(declaration(), indent=1)
    opening = Opening(
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        scene=first,
        settings=config.as_table(settings),
        sensors=(sensor,),
        person=person,
        duration_s=settings.engine.flow.duration_s,
    )
    recorder = Recorder(folder, opening, files)
    clock = MonotonicClock()
    mailbox = Mailbox()
    simulated = SimulatedPort(SimulatedDevice(person, seed), clock.now_s) if person else None
    if simulated:
        simulated.start()
    port = SerialPort(simulated.url if simulated else sensor, "sensor0", clock.now_s, mailbox.put, settings.port)
    told = Teller(settings.engine.flow.duration_s)
    live = Session(engine, clock, mailbox, children, told.child, sorted(worlds))

    def record(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        recorder.tick(frame.tick, entries, digest_of(frame))
        if simulated:
            simulated.set_guide(frame.time_s, frame.drive.guide)
        told.frame(frame)
        for entry in entries:
            if isinstance(entry, LinkChanged):
                told.link(entry)
            elif isinstance(entry, Command):
                told.command(entry, frame.time_s)

    ended = "interrupted"
    try:
        port.start()
        live.run([record])
        ended = "ended"
    finally:
        port.close()
        if simulated:
            simulated.close()
        recorder.close(ended)
        finished = live.close(FILM_PATIENCE_S if any(not plan.kept for plan in children) else CHILD_PATIENCE_S)
        told.close()
        if recorder.trouble:
            told.say(f"the recording stopped early: {recorder.trouble}")
    return finished


class Teller:
    """What the operator reads while a session runs: the loop's state and reason, and what the children report."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._film_s: float | None = None
        self._shown_s = -math.inf
        self._controls: dict[str, float] = {}  # what was turned, as asked for
        self._turned_s: float | None = None
        self._gaps = 0
        self._live = sys.stderr.isatty()

    def frame(self, frame: ControlFrame) -> None:
        if frame.time_s - self._shown_s >= (0.25 if self._live else 10.0):
            self._shown_s = frame.time_s
            film = "" if self._film_s is None else f", film {self._film_s:3.0f} s"
            self._line(
                f"{frame.time_s:4.0f} s of {self._duration_s:g}{film}: {self._turned(frame.time_s)}{frame.reason}"
            )

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
        elif kind in ("error", "supervisor"):
            self._line(f"{child}: {value}", lasting=True)
        elif kind == "ready":
            self._line(f"{child}: {value}")
        elif kind == "sound" and value["gaps"] > self._gaps:
            self._gaps = value["gaps"]
            self._line(f"sound: {self._gaps} gaps so far; a longer latency_s in [sound] helps", lasting=True)

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
        end = "\n" if lasting else ""
        sys.stderr.write(f"\r\x1b[K{text if lasting else text[:110]}{end}" if self._live else f"{text}\n")
        sys.stderr.flush()
