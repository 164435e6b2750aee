"""What each command does: arguments in, files and sentences out. Long work shows its progress on standard error."""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biofeed import __version__, config, kernels, offline, recordings, worlds
from biofeed import analyze as analysis
from biofeed.children import ChildPlan
from biofeed.config import Config
from biofeed.engine import Sink
from biofeed.errors import OutputError, SceneError, UsageError, nearest
from biofeed.filming import Canvas, film_process, filming
from biofeed.flow import Settings as FlowSettings
from biofeed.graphics.film import check_size
from biofeed.graphics.preview import preview
from biofeed.holding import FILM_PATIENCE_S, backdrop, hold, screen_and_sound
from biofeed.messages import TICKS_PER_S, ControlFrame, Reading
from biofeed.preview_sound import PreviewSound
from biofeed.scene import Scene, parse
from biofeed.sensors import people as persons
from biofeed.sensors import ports
from biofeed.session.capsule import Capsule
from biofeed.session.report import report_html

CHOICES = ("avoid", "comfort", "colours")  # of the settings' table [world], and options of the command line


def demo(asked: argparse.Namespace) -> int:
    """A session with a simulated person on a real pseudo-terminal, then its report."""
    _known_person(asked.person)
    settings = _settings(asked).lasting(asked.seconds)
    shown = worlds.beside(asked.scene, settings.world.avoid, _say)
    first = next(iter(shown.values()))
    _hear_music(asked.music)
    headless = asked.headless or not _has_screen()
    _make_folder(asked.out)
    folder = asked.out / "capsule"
    _clear_capsule(folder)
    film = asked.out / "demo.mp4"
    if headless:
        check_size(asked.size)
        canvas = Canvas(shown, first.name, asked.seed, asked.size, music=asked.music)
        args = (canvas, settings, film)
        children = [ChildPlan("film", film_process, args, waiting=None, kept=False, patience_s=FILM_PATIENCE_S)]
    else:
        children = screen_and_sound(settings, shown, first.name, asked.seed, full_screen=False, music=asked.music)
    kernels.see_to(_say)
    _say(f"biofeed demo: {first.title} with the simulated person {asked.person}, {asked.seconds:g} s in real time")
    finished = hold(settings, shown, first.name, asked.seed, f"simulated:{asked.person}", folder, children)
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
    settings = _settings(asked).lasting(asked.minutes * 60.0)
    shown = worlds.beside(asked.scene, settings.world.avoid, _say)
    first = next(iter(shown.values()))
    _hear_music(asked.music)
    url = ports.find(asked.sensor)
    ports.require(url)
    if not _has_screen():
        raise OutputError("there is no screen here; `biofeed demo --headless` shows what a session is")
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    folder = asked.out or _data_folder() / "sessions" / f"{started}-{first.name}-{secrets.token_hex(2)}"
    kernels.see_to(_say)
    children = screen_and_sound(settings, shown, first.name, asked.seed, not asked.window, asked.music)
    behind = None if asked.window else backdrop(settings, asked.seed)
    finished = hold(settings, shown, first.name, asked.seed, url, folder, children, behind)
    print(f"capsule  {folder}")
    return 0 if finished else 1


def render(asked: argparse.Namespace) -> int:
    """A scene, drawn offline."""
    settings = _settings(asked).lasting(asked.seconds)
    if asked.capsule:
        for option in CHOICES:
            if getattr(asked, option):
                raise UsageError(f"a recorded session is drawn as it was held: leave --{option} out")
    capsule = Capsule.open(asked.capsule) if asked.capsule else None
    if capsule:
        shown, name, seed = _recorded_worlds(capsule), capsule.opening.scene, capsule.opening.seed
        settings = config.from_table(capsule.opening.settings)
    else:
        _known_person(asked.person)
        world = worlds.load(asked.scene, settings.world.avoid)
        shown, name, seed = {world.name: world}, world.name, asked.seed
    length_s = capsule.n_ticks / TICKS_PER_S if capsule else settings.engine.flow.duration_s
    at_s = None
    if asked.out.suffix.lower() == ".png":
        at_s = length_s / 2.0 if asked.at is None else asked.at
        if not 0.0 < at_s <= length_s:
            raise UsageError(f"--at {at_s:g} is not within the {length_s:g} s of the session")
    until_s = length_s if at_s is None else at_s
    _hear_music(asked.music)
    canvas = Canvas(shown, name, seed, asked.size, asked.fps, at_s, not asked.unguarded, asked.music)
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
    """The worlds that may be offered; a broken one, or one that is not certified, is named with the reason."""
    found, broken = worlds.found()
    offered = worlds.offered(found, _settings(asked).world.avoid)
    refused = worlds.objections(offered)
    if asked.json:
        told: list[dict[str, Any]] = [{"name": name, "error": str(error)} for name, error in broken.items()]
        for name, world in offered.items():
            comfort = {"flow": world.flow_deg_per_s, "contrast": world.contrast}
            told.append(
                {"name": name, "title": world.title, "mood": world.mood, "tags": list(world.tags), "comfort": comfort}
                | ({"not_certified": refused[name]} if name in refused else {})
            )
        print(json.dumps({"scenes": sorted(told, key=lambda entry: str(entry["name"]))}))
    else:
        rows = [("name", "deg/s", "tags", "mood")]
        for name, world in offered.items():
            flow = f"{world.flow_deg_per_s:.2f}"
            rows.append((name, flow, ", ".join(world.tags) or "-", f"{world.title}: {world.mood}"))
        name_width, tags_width = (max(len(row[index]) for row in rows) for index in (0, 2))
        for name, flow, tags, mood in rows:
            print(f"{name:{name_width}}  {flow:>5}  {tags:{tags_width}}  {mood}")
        for name, problem in {**broken, **refused}.items():
            print(f"{name:{name_width}}  {'not certified: ' if name in refused else ''}{problem}")
    return 1 if broken else 0


def scene(asked: argparse.Namespace) -> int:
    """A world in a window, followed while its file is edited."""
    if not _has_screen():
        raise OutputError(
            "there is no screen here; `biofeed render --scene NAME --out FILE.png` draws a picture instead"
        )
    settings = _settings(asked)
    flow = settings.engine.flow
    found, broken = worlds.found()
    with contextlib.suppress(SceneError):  # the window shows a broken world's mistake
        worlds.load(asked.scene, settings.world.avoid)
    preview(
        asked.scene,
        _tell_preview,
        asked.size,
        seed=asked.seed,
        settings=settings.picture,
        sound=None if asked.mute else PreviewSound(settings.sound),
        intensity=flow.intensity if flow.intensity != FlowSettings().intensity else None,
        others=sorted([*worlds.offered(found, settings.world.avoid), *broken]),
    )
    return 0


def _tell_preview(kind: str, value: Any) -> None:
    if kind in ("error", "supervisor"):
        _say(str(value))


def people(asked: argparse.Namespace) -> int:
    """The simulated persons."""
    if asked.json:
        print(json.dumps({"people": [{"name": who.name, "about": who.about} for who in persons.PEOPLE.values()]}))
    for who in persons.PEOPLE.values() if not asked.json else []:
        print(f"{who.name:12} {who.about}")
    return 0


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


def _settings(asked: argparse.Namespace) -> Config:
    """The settings file's, with what was chosen on the command line laid over it."""
    chosen = {name: getattr(asked, name, None) for name in CHOICES}
    return config.load(asked.config, {name: value for name, value in chosen.items() if value})


def _recorded_worlds(capsule: Capsule) -> dict[str, Scene]:
    files = capsule.files
    return {Path(file).stem: parse(Path(file).stem, files) for file in files if file.endswith(".frag")}


def _known_person(name: str) -> None:
    if name not in persons.PEOPLE:
        raise UsageError(f"there is no simulated person {name}{nearest(name, persons.PEOPLE)}")


def _hear_music(path: Path | None) -> None:
    """Tells what the person's music is, before anything else begins. Raises UsageError."""
    if path:
        from biofeed.sound.music import Music

        _say(Music(path).about)


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
