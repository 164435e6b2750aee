"""What each command does: arguments in, files and sentences out. Long work shows its progress on standard error."""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biofeed import __version__, config, offline, recordings
from biofeed import analyze as analysis
from biofeed import scene as worlds_of
from biofeed.clock import MonotonicClock
from biofeed.config import Config
from biofeed.engine import Engine, Sink
from biofeed.errors import OutputError, SceneError, UsageError, nearest
from biofeed.filming import Canvas, film_process, filming
from biofeed.graphics.film import check_size
from biofeed.graphics.picture import picture_process
from biofeed.graphics.preview import preview
from biofeed.live import ChildPlan, Mailbox, Session
from biofeed.messages import TICKS_PER_S, ControlFrame, Entry, LinkChanged, Reading
from biofeed.scene import Scene
from biofeed.sensors import people as persons
from biofeed.sensors import ports
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder
from biofeed.session.report import report_html
from biofeed.signals.hrv import declaration
from biofeed.sound.output import sound_process

FILM_PATIENCE_S = 3600.0  # a film is finished however slow the machine is
CHILD_PATIENCE_S = 5.0


def demo(asked: argparse.Namespace) -> int:
    """A session with a simulated person on a real pseudo-terminal, then its report."""
    _known_person(asked.person)
    first = worlds_of.load(asked.scene)
    headless = asked.headless or not _has_screen()
    _make_folder(asked.out)
    settings = config.load(asked.config).lasting(asked.seconds)
    folder = asked.out / "capsule"
    _clear_capsule(folder)
    worlds = _worlds(first)
    film = asked.out / "demo.mp4"
    if headless:
        check_size(asked.size)
        canvas = Canvas(worlds, first.name, asked.seed, asked.size)
        children = [ChildPlan("film", film_process, (canvas, settings, film), newest=False, kept=False)]
    else:
        children = _screen_and_sound(settings, worlds, first.name, asked.seed, full_screen=False)
    _say(f"biofeed demo: {first.title} with the simulated person {asked.person}, {asked.seconds:g} s in real time")
    finished = _hold(settings, worlds, first.name, asked.seed, f"simulated:{asked.person}", folder, children)
    _write_text(asked.out / "report.html", report_html(offline.history(Capsule.open(folder))))
    if not finished:
        raise OutputError("the session is recorded, but the picture or the sound failed; see the sentences above")
    if headless:
        print(f"film     {film}")
    print(f"capsule  {folder}")
    print(f"report   {asked.out / 'report.html'}")
    return 0


def session(asked: argparse.Namespace) -> int:
    """A session with a person: the full screen, sound, and a capsule."""
    first = worlds_of.load(asked.scene)
    url = ports.find(asked.sensor)
    ports.require(url)
    if not _has_screen():
        raise OutputError("there is no screen here; `biofeed demo --headless` shows what a session is")
    settings = config.load(asked.config).lasting(asked.minutes * 60.0)
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    folder = asked.out or _data_folder() / "sessions" / f"{started}-{first.name}-{secrets.token_hex(2)}"
    worlds = _worlds(first)
    children = _screen_and_sound(settings, worlds, first.name, asked.seed, full_screen=not asked.window)
    finished = _hold(settings, worlds, first.name, asked.seed, url, folder, children)
    print(f"capsule  {folder}")
    return 0 if finished else 1


def render(asked: argparse.Namespace) -> int:
    """A scene, drawn offline."""
    settings = config.load(asked.config).lasting(asked.seconds)
    capsule = Capsule.open(asked.capsule) if asked.capsule else None
    if capsule:
        worlds, name, seed = _recorded_worlds(capsule), capsule.opening.scene, capsule.opening.seed
        settings = config.from_table(capsule.opening.settings)
    else:
        _known_person(asked.person)
        first = worlds_of.load(asked.scene)
        worlds, name, seed = {first.name: first}, first.name, asked.seed
    length_s = capsule.n_ticks / TICKS_PER_S if capsule else settings.engine.flow.duration_s
    at_s = None
    if asked.out.suffix.lower() == ".png":
        at_s = length_s / 2.0 if asked.at is None else asked.at
        if not 0.0 < at_s <= length_s:
            raise UsageError(f"--at {at_s:g} is not within the {length_s:g} s of the session")
    until_s = length_s if at_s is None else at_s
    canvas = Canvas(worlds, name, seed, asked.size, asked.fps, at_s, not asked.unguarded)
    with _progress(asked.out.name, until_s) as tell, filming(canvas, settings, asked.out) as film:

        def paint(frame: ControlFrame, _reading: Reading, _entries: object) -> None:
            film(frame)
            tell(frame.time_s)

        if capsule:
            offline.replay(capsule, [paint], until_s)
        else:
            offline.simulate(settings, name, asked.person, seed, until_s, [paint])
    print(asked.out)
    return 0


def replay(asked: argparse.Namespace) -> int:
    """A recorded session again, compared frame by frame."""
    capsule = Capsule.open(asked.capsule)
    with _progress("replay", capsule.n_ticks / TICKS_PER_S) as tell, contextlib.ExitStack() as stack:
        sinks: list[Sink] = [lambda frame, _reading, _entries: tell(frame.time_s)]
        if asked.out:
            canvas = Canvas(_recorded_worlds(capsule), capsule.opening.scene, capsule.opening.seed, asked.size)
            film = stack.enter_context(filming(canvas, config.from_table(capsule.opening.settings), asked.out))
            sinks.append(lambda frame, _reading, _entries: film(frame))
        result = offline.replay(capsule, sinks)
    equal = result.first_difference is None
    if asked.json:
        told = {"digest": result.digest, "recorded": result.recorded, "equal": equal, "frames": result.n_ticks}
        print(json.dumps(told | {"first_difference": result.first_difference, "torn": capsule.torn}))
    else:
        print(f"replayed {result.digest}\nrecorded {result.recorded}")
        if equal:
            print(f"equal: all {result.n_ticks} control frames")
        else:
            print(f"different from tick {result.first_difference} on")
            if capsule.opening.version != __version__:
                print(f"it was recorded with biofeed {capsule.opening.version}; this is {__version__}")
        if capsule.torn:
            print(capsule.torn)
    return 0 if equal else 1


def report(asked: argparse.Namespace) -> int:
    """A recorded session's report."""
    _write_text(asked.out, report_html(offline.history(Capsule.open(asked.capsule))))
    print(asked.out)
    return 0


def analyze(asked: argparse.Namespace) -> int:
    """A recording through the live signal path."""
    settings = config.load(asked.config)
    sources = analysis.sources(asked.signal)
    found = recordings.read(asked.file, [source.column for source in sources], asked.rate)
    for note in found.notes:
        _say(note)
    with _progress(asked.file.name, found.end_s) as tell:
        told = analysis.analyze(sources, found, asked.out, settings.engine.signals, tell)
    print("\n".join(told))
    print(asked.out)
    return 0


def scenes(asked: argparse.Namespace) -> int:
    """The worlds that lie in the folder; a broken one is named with its mistake."""
    found: list[dict[str, Any]] = []
    for name in worlds_of.names():
        try:
            world = worlds_of.load(name)
        except SceneError as error:
            found.append({"name": name, "error": str(error)})
            continue
        found.append({"name": name, "title": world.title, "mood": world.mood, "tags": list(world.tags)})
    if asked.json:
        print(json.dumps({"scenes": found}))
    for entry in found if not asked.json else []:
        print(f"{entry['name']:12} {entry.get('error') or entry['title'] + ': ' + entry['mood']}")
    return 1 if any("error" in entry for entry in found) else 0


def scene(asked: argparse.Namespace) -> int:
    """A world in a window, followed while its file is edited."""
    if not _has_screen():
        raise OutputError(
            "there is no screen here; `biofeed render --scene NAME --out FILE.png` draws a picture instead"
        )
    preview(asked.scene, _tell_preview, asked.size, settings=config.load(asked.config).picture)
    return 0


def _tell_preview(kind: str, value: Any) -> None:
    if kind == "error":
        _say(str(value))


def people(asked: argparse.Namespace) -> int:
    """The simulated persons."""
    if asked.json:
        print(json.dumps({"people": [{"name": who.name, "about": who.about} for who in persons.PEOPLE.values()]}))
    for who in persons.PEOPLE.values() if not asked.json else []:
        print(f"{who.name:12} {who.about}")
    return 0


def _hold(
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
    told = _Teller(settings.engine.flow.duration_s)
    live = Session(engine, clock, mailbox, children, told.child, sorted(worlds))

    def record(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        recorder.tick(frame.tick, entries, digest_of(frame))
        if simulated:
            simulated.set_guide(frame.time_s, frame.drive.guide)
        told.frame(frame)
        for entry in entries:
            if isinstance(entry, LinkChanged):
                told.link(entry)

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
        finished = live.close(FILM_PATIENCE_S if any(not plan.newest for plan in children) else CHILD_PATIENCE_S)
        told.close()
        if recorder.trouble:
            _say(f"the recording stopped early: {recorder.trouble}")
    return finished


class _Teller:
    """What the operator reads while a session runs: the loop's state and reason, and what the children report."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._film_s: float | None = None
        self._shown_s = -1.0
        self._live = sys.stderr.isatty()

    def frame(self, frame: ControlFrame) -> None:
        if frame.time_s - self._shown_s >= (0.25 if self._live else 10.0):
            self._shown_s = frame.time_s
            film = "" if self._film_s is None else f", film {self._film_s:3.0f} s"
            self._line(f"{frame.time_s:4.0f} s of {self._duration_s:g}{film}: {frame.reason}")

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

    def close(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")

    def _line(self, text: str, lasting: bool = False) -> None:
        """On a terminal each line takes the place of the one before, unless that one is to last."""
        end = "\n" if lasting else ""
        sys.stderr.write(f"\r\x1b[K{text if lasting else text[:110]}{end}" if self._live else f"{text}\n")
        sys.stderr.flush()


@contextlib.contextmanager
def _progress(what: str, until_s: float) -> Iterator[Callable[[float], None]]:
    """A line that tells how far long work is; on a terminal it stays one line."""
    live = sys.stderr.isatty()
    shown = [time.monotonic()]

    def tell(time_s: float) -> None:
        if time.monotonic() - shown[0] >= (0.2 if live else 5.0):
            shown[0] = time.monotonic()
            text = f"{what}: {time_s:.0f} s of {until_s:.0f}"
            sys.stderr.write(f"\r\x1b[K{text}" if live else f"{text}\n")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")


def _screen_and_sound(
    settings: Config, worlds: Mapping[str, Scene], first: str, seed: int, full_screen: bool
) -> list[ChildPlan]:
    size = None if full_screen else (1280, 720)
    sounds = {name: world.soundscape for name, world in worlds.items()}
    return [
        ChildPlan("picture", picture_process, (dict(worlds), first, size, full_screen, seed, settings.picture)),
        ChildPlan("sound", sound_process, (sounds, first, seed, settings.sound)),
    ]


def _worlds(first: Scene) -> dict[str, Scene]:
    """Every world that can be shown, `first` among them; another one that is broken is left out and named."""
    worlds = {first.name: first}
    for name in worlds_of.names():
        if name in worlds:
            continue
        try:
            worlds[name] = worlds_of.load(name)
        except SceneError as error:
            _say(f"left out: {error}")
    return worlds


def _recorded_worlds(capsule: Capsule) -> dict[str, Scene]:
    files = capsule.files
    return {Path(file).stem: worlds_of.parse(Path(file).stem, files) for file in files if file.endswith(".frag")}


def _known_person(name: str) -> None:
    if name not in persons.PEOPLE:
        raise UsageError(f"there is no simulated person {name}{nearest(name, persons.PEOPLE)}")


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "biofeed"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "biofeed"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "biofeed"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _clear_capsule(folder: Path) -> None:
    """A demo's capsule gives way to the next demo's; nothing else in the folder is touched."""
    if (folder / "capsule.json").is_file():
        shutil.rmtree(folder)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _say(text: str) -> None:
    print(text, file=sys.stderr)
