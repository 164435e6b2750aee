"""The command line: arguments in, one call to `commands` out. Heavy modules are imported late."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from biofeed import __version__
from biofeed.errors import BiofeedError

EXAMPLES = """\
examples:
  biofeed demo                          a whole session with a simulated person, one minute
  biofeed session --sensor auto         a session with the belt and clip on a serial port
  biofeed scene tide                    look at a world while you edit it, with a slider for all that moves it
  biofeed session --avoid water --comfort gentle
  biofeed render --scene aurora --at 40 --out aurora.png
  biofeed replay demo/capsule           the same session again, and whether every frame is equal

biofeed is not a medical device: it does not monitor, diagnose or treat.
"""

SESSION = """\
STOP is any key, a click, a pad's button, or a window that loses the focus: at once a still, warm, dim picture and a
soft bed of sound, which stay. Esc once more leaves. In a world that asks for the person's one button (constellations,
lanterns), Space and the pad's first button are that button.

With Ctrl held down, for whoever sits beside the person:
  Space         pause, and go on, also after a STOP   I            "breathe in now" was said
  up, down      a richer, a calmer world              left, right   another world
  Return        the person's one button               Esc or Q      STOP
  F, or F11 without Ctrl   full screen or window

and live controls, each of them gliding to where it was turned; the terminal shows how they stand:
  - =   volume       m     silence, and back          [ ]   brightness
  , .   level of the voices that carry breath and guide
  9 0   how much there is in the world
  7 8   how much an interactive world asks
"""

ANALYZE = """\
A signal is NAME=COLUMN or NAME=COLUMN:KIND. COLUMN is a name in the file or a number from 0; KIND is ppg, ecg or resp,
and may be left out where NAME tells it (pulse, ecg, belt ...). EDF and WFDB files know their rates; a CSV or NPZ file
needs --rate, or a column of times (time, t, ms ...).

examples:
  biofeed analyze night.csv --signal pulse=PLETH --signal belt=RESP --out night
  biofeed analyze log.csv --signal chest=2:resp --rate 50 --out log
  biofeed analyze 100.hea --signal heart=MLII:ecg --out 100

DIR gets beats.csv, breaths.csv, features.csv (10 rows a second) and measures.json, which says what the measures are.
An empty cell means "not known"; heart_reason and breath_reason say why. Times are in s from the recording's start.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 done, 1 it failed (one sentence says what), 2 it was called wrongly."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if not hasattr(asked, "run"):
        parser.print_help()
        return 0
    try:
        return int(asked.run(asked))
    except BiofeedError as error:
        print(f"biofeed: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone: `biofeed people | head`
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("biofeed: stopped", file=sys.stderr)
        return 1


def _late(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """The command, imported when it runs: `--help` and mistakes answer at once."""

    def run(asked: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f"biofeed.{module}"), function)(asked))

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biofeed",
        description="A world of light and sound that moves with breath and heart.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"biofeed {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, about: str, module: str = "commands") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        made.set_defaults(run=_late(module, name))
        return made

    demo = add("demo", "a whole session with a simulated person on a real pseudo-terminal")
    demo.formatter_class, demo.epilog = argparse.RawDescriptionHelpFormatter, SESSION
    demo.add_argument("--seconds", type=_seconds, default=60.0, help="how long (20 to 5400; default 60)")
    demo.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where results go (default: demo)")
    demo.add_argument("--headless", action="store_true", help="no window and no sound card: write demo.mp4 instead")
    _world(demo)
    _choices(demo)
    demo.add_argument("--person", default="calm", help="who breathes; `biofeed people` lists them (default: calm)")
    demo.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of demo.mp4 (default 1280x720)")

    _session(add("session", "one session with a person"))

    _render(add("render", "draw a scene offline with a simulated person, the same bytes each time"))

    replay = add("replay", "run a recorded session again and compare every control frame")
    replay.add_argument("capsule", type=Path, metavar="CAPSULE")
    replay.add_argument("--out", type=Path, metavar="FILE", help="also draw it: .mp4, .wav or .npz")
    replay.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="default 1280x720")
    replay.add_argument("--json", action="store_true", help="one JSON object")

    report = add("report", "the report of a recorded session, one self-contained HTML file")
    report.add_argument("capsule", type=Path, metavar="CAPSULE")
    report.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html")

    _analyze(add("analyze", "a recording (CSV, EDF, NPZ, WFDB) through the live signal path"))

    for name, about, module in (
        ("scenes", "list the worlds", "commands"),
        ("people", "list the simulated persons", "commands"),
        ("sensors", "list the ports, what answers there, and why not", "machine"),
        ("check", "what works on this machine, and what to do about what does not", "machine"),
    ):
        listing = add(name, about, module)
        listing.add_argument("--json", action="store_true", help="one JSON object")
        if name == "scenes":
            _avoid(listing)

    scene = add("scene", "open a world in a window and follow its file while you edit it")
    scene.add_argument("scene", metavar="NAME", help="a scene's name, or a .frag file")
    scene.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="default 1280x720")

    scene.add_argument("--seed", type=int, default=1, metavar="K", help="which hour it begins with (default 1)")
    scene.add_argument("--mute", action="store_true", help="the picture alone")
    _manner(scene)

    _certify(
        add(
            "certify", "measure a scene at its extremes, or a video, against every limit on pictures", "certify.command"
        )
    )

    bench = add("bench", "measure this machine", "bench")
    bench.add_argument("what", choices=("latency", "render", "sound", "signals"))
    bench.add_argument("--scene", metavar="S", help="of `render`: only this one")
    bench.add_argument("--seconds", type=float, default=20.0, help="how long to measure (default 20)")
    bench.add_argument("--json", action="store_true", help="one JSON object")

    add("warm", "compile the kernels once, so that the first session starts at once", "machine")
    for command in commands.choices.values():
        command.add_argument("--config", type=Path, metavar="FILE", help="settings in a TOML file")
    return parser


def _session(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, SESSION
    _world(parser)
    _choices(parser)
    parser.add_argument("--sensor", default="auto", metavar="auto|URL", help="a port, socket://..., or auto (default)")
    parser.add_argument("--minutes", type=_minutes, default=20.0, help="how long (0.5 to 90; default 20)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the capsule goes (default: your data folder)")
    parser.add_argument("--window", action="store_true", help="a window instead of the full screen")


def _render(parser: argparse.ArgumentParser) -> None:
    _world(parser)
    _choices(parser)
    parser.add_argument("--person", default="calm", help="who breathes (default: calm)")
    parser.add_argument("--seconds", type=_seconds, default=60.0, help="session length (20 to 5400; default 60)")
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="default 1280x720")
    parser.add_argument("--fps", type=_fps, default=60, help="pictures a second, 1 to 60 (default 60)")
    parser.add_argument("--at", type=float, metavar="T", help="for .png: the moment, in seconds (default: the middle)")
    parser.add_argument("--from", dest="capsule", type=Path, metavar="CAPSULE", help="a recorded session instead")
    parser.add_argument("--unguarded", action="store_true", help="leave the last gates out; for tests only")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".mp4, .wav, .png or .npz")


def _analyze(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, ANALYZE
    parser.add_argument("file", type=Path, metavar="FILE", help=".csv, .tsv, .txt, .edf, .bdf, .npz, .hea")
    parser.add_argument(
        "--signal",
        action="append",
        required=True,
        metavar="NAME=COLUMN[:KIND]",
        help="what to analyse; may be repeated",
    )
    parser.add_argument("--rate", type=_rate, metavar="HZ", help="samples a second, where the file does not say it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the tables go")


def _certify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "which", nargs="?", metavar="SCENE|FILE|all", help="a scene or .frag file, all, or a video file"
    )
    parser.add_argument("--check", action="store_true", help="draw nothing: does every certificate fit its scene?")
    parser.add_argument("--seconds", type=_long_enough, metavar="N", help="of each extreme (6 to 600; default 7)")
    parser.add_argument("--comfort", choices=("full", "gentle", "post-infusion"), help="of a video (default: full)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", metavar="S", help="`biofeed scenes` lists them (default: tide)")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="K", help="the same seed gives the same world (default 1)"
    )


def _choices(parser: argparse.ArgumentParser) -> None:
    """What a person chooses beforehand."""
    _avoid(parser)
    _manner(parser)
    parser.add_argument(
        "--music", type=Path, metavar="FILE", help="the person's own, under the cues: WAV, FLAC, OGG or MP3"
    )


def _avoid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--avoid",
        type=_words,
        default=(),
        metavar="TAG,TAG",
        help="offer no world with these tags, such as water,height; `biofeed scenes` shows them",
    )


def _manner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--comfort",
        choices=("full", "gentle", "post-infusion"),
        help="how much moves, shines and leads (default: full); single settings of a file win over it",
    )
    parser.add_argument(
        "--colours",
        choices=("full", "safe"),
        help="safe: told apart with a colour-vision deficiency, too (default: full)",
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())


def _bounded(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what} from {low:g} to {high:g}")
    return value


def _seconds(text: str) -> float:
    return _bounded(text, 20, 5400, "seconds")


def _long_enough(text: str) -> float:
    return _bounded(text, 6, 600, "seconds")


def _minutes(text: str) -> float:
    return _bounded(text, 0.5, 90, "minutes")


def _rate(text: str) -> float:
    return _bounded(text, 1, 20_000, "samples a second")


def _fps(text: str) -> int:
    return int(_bounded(text, 1, 60, "pictures a second"))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 7680 and 16 <= int(height) <= 7680):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720 (16 to 7680 each)")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
