"""The product's budgets of time, each measured as a person meets it.

    python benchmarks/budgets.py import             # `import biofeed.cli`, at most 120 ms
    python benchmarks/budgets.py start              # from the command to the first picture, at most 2 s
    python benchmarks/budgets.py minute --scene S   # a minute of 720p at 60/s with sound to MP4, at most 90 s
    python benchmarks/budgets.py hour --scene S     # an hour of pictures with sound beside, none over 100 ms

`start` needs a display; on a server, run it in `xvfb-run`. `--scene all` takes each world in turn. Exit code 1 when
a budget is missed.
"""

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from biofeed import scene
from biofeed.bench_render import sound_beside
from biofeed.graphics.context import headless
from biofeed.graphics.governor import Governor
from biofeed.graphics.preview import made_up_frame
from biofeed.graphics.renderer import Renderer
from biofeed.messages import TICKS_PER_S

SIZE = (1280, 720)
RUNS = 7
LONGEST_S = 0.1  # of a picture, in an hour


def import_ms(_asked: argparse.Namespace) -> bool:
    """The best of a few runs, less what an empty interpreter takes."""

    def best_s(code: str) -> float:
        times = []
        for _ in range(RUNS):
            began_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - began_s)
        return min(times)

    took_ms = (best_s("import biofeed.cli") - best_s("pass")) * 1e3
    print(f"import biofeed.cli: {took_ms:.0f} ms (budget 120)")
    return took_ms <= 120.0


def start_s(asked: argparse.Namespace) -> bool:
    """A live session with a window: the operator's line that names the renderer follows the first picture."""
    times = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            command = ["-m", "biofeed.cli", "demo", "--seconds", "20", "--out", folder, "--scene", asked.scene]
            began_s = time.perf_counter()
            session = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
            assert session.stderr is not None
            for line in session.stderr:
                if line.startswith("picture: "):
                    times.append(time.perf_counter() - began_s)
                    break
            session.terminate()
            session.communicate()
    if not times:
        print("no picture came: is there a display?")
        return False
    print(f"start to first picture: {', '.join(f'{took:.2f}' for took in times)} s (budget 2)")
    return min(times) <= 2.0


def minute_s(asked: argparse.Namespace) -> bool:
    """`biofeed render` as it is typed."""
    within = True
    for name in _names(asked.scene):
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "minute.mp4"
            command = ["-m", "biofeed.cli", "render", "--scene", name, "--seconds", "60", "--out", str(film)]
            began_s = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took_s = time.perf_counter() - began_s
            print(
                f"{name}: a minute to MP4 in {took_s:.0f} s, {film.stat().st_size / 1e6:.0f} MB (budget 90 s)",
                flush=True,
            )
        within = within and took_s <= 90.0
    return within


def hour_ms(asked: argparse.Namespace) -> bool:
    """Pictures at 60 a second, the governor at work; a picture takes from its beginning until it is finished."""
    within = True
    for name in _names(asked.scene):
        world = scene.load(name)
        with sound_beside(world.soundscape), _sleeper() as late, headless(SIZE) as context:
            drawn = Renderer(context, world, SIZE, 1)
            governor = Governor(drawn.scale, SIZE[1])
            times: list[float] = []
            tick, began_s = 0, time.perf_counter()
            while tick < asked.minutes * 60.0 * TICKS_PER_S:
                time.sleep(max(0.0, began_s + tick / TICKS_PER_S - time.perf_counter()))
                late.value, used_s, drawing_s = 0.0, time.process_time(), time.perf_counter()
                drawn.draw(made_up_frame(tick, name))
                context.gl.finish()
                times.append(time.perf_counter() - drawing_s)
                if times[-1] > LONGEST_S and len(times) > TICKS_PER_S:
                    time.sleep(0.02)  # the sleeper may wake last
                    print(
                        f"{name}: {times[-1] * 1e3:.0f} ms at {tick / TICKS_PER_S / 60.0:.1f} min, in which it used "
                        f"{(time.process_time() - used_s) * 1e3:.0f} ms of processors; a process beside it that only "
                        f"sleeps was {late.value * 1e3:.0f} ms late",
                        flush=True,
                    )
                drawn.set_scale(governor(times[-1]))
                tick = max(tick + governor.every, int((time.perf_counter() - began_s) * TICKS_PER_S))
            drawn.close()
        times_ms = np.array(times[TICKS_PER_S:]) * 1e3  # the first ones compile
        over = int((times_ms > LONGEST_S * 1e3).sum())
        print(
            f"{name}: {asked.minutes:g} min at {SIZE[0]}x{SIZE[1]}, median {np.median(times_ms):.1f} ms, "
            f"p99 {np.percentile(times_ms, 99):.1f}, longest {times_ms.max():.0f} ms, {over} over 100 ms (budget 0); "
            f"last computed height {drawn.internal_size[1]}",
            flush=True,
        )
        within = within and over == 0
    return within


@contextmanager
def _sleeper() -> Iterator[Any]:
    """The latest, in s, that a process which only sleeps woke too late since the value was set to 0.

    A machine that stands still as a whole is late for it, too; one that is only busy lets a sleeper through at once.
    """
    spawning = multiprocessing.get_context("spawn")
    late = spawning.RawValue("d", 0.0)
    process = spawning.Process(target=_sleep, args=(late,), daemon=True)
    process.start()
    try:
        yield late
    finally:
        process.kill()
        process.join()


def _sleep(late: Any) -> None:
    nap_s = 0.002
    while True:
        began_s = time.perf_counter()
        time.sleep(nap_s)
        late.value = max(late.value, time.perf_counter() - began_s - nap_s)


def _names(asked: str) -> list[str]:
    return scene.names() if asked == "all" else [asked]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measures = {"import": import_ms, "start": start_s, "minute": minute_s, "hour": hour_ms}
    parser.add_argument("what", choices=measures)
    parser.add_argument("--scene", default="tide", help="a name, or all (default: tide)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of `hour` (default 60)")
    asked = parser.parse_args()
    return 0 if measures[asked.what](asked) else 1


if __name__ == "__main__":
    sys.exit(main())
