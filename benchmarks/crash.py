"""Kills, and stops, each process of live sessions at random instants: what does the screen show, and what is lost?

    xvfb-run -a -s "-screen 0 1280x720x24" python benchmarks/crash.py [--times 20] [--only engine,picture] [--seed 1]

Each session is a real one on the full screen: a simulated person on a pseudo-terminal that outlives everybody, engine,
picture, sound on whatever device there is, the window behind the picture. One of its processes gets SIGKILL in turn;
engine and picture in every tenth try SIGSTOP, as one that hangs. "machine" stops all of them for a while, as one that
sleeps. The screen is read 20 times a second. The supervisor dies last: its session must go on, and end well when the
engine is asked to. Told for each try: until the calm is on the screen (or the world again, where that is sooner), until
the world moves again, ticks lost. Pillow, which it needs, comes with wfdb.

Exit code 1 when one took longer than limits.CRASH_TO_CALM_S, when a screen was black or white or brightened by a jump,
when more than a second of ticks was lost, or when a capsule does not replay to the same frames.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ImageGrab

from biofeed import offline, scene
from biofeed.calm import CALM
from biofeed.children import Beating, ChildPlan
from biofeed.clock import MonotonicClock
from biofeed.config import Config
from biofeed.graphics.context import headless
from biofeed.graphics.measures import luminance
from biofeed.graphics.picture import RAISE_STEPS, RAISE_TICKS
from biofeed.graphics.renderer import Renderer
from biofeed.holding import backdrop, hold, screen_and_sound
from biofeed.limits import CRASH_TO_CALM_S
from biofeed.messages import TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort
from biofeed.session.capsule import Capsule

WORLD = "tide"
SAMPLE_S = 0.05
ALIKE = 2.0  # mean difference in code values: the calm picture, dithered
DARK = 0.004  # mean relative luminance: nothing is that dark in the light of a session that runs
WHITE = 0.5
JUMP = 0.06  # upwards, of full range, between two samples: the calm's own light, and what rises in the time
AGAIN_S = 40.0  # the longest wait for the world
FADE_IN_S = 14.0
HANG_EVERY = 10
UNTOUCHED_S = 3.0  # watched after a death that nobody sees
MACHINE = "machine"
ASLEEP_S = 6.0  # longer than anybody's patience
TICK = struct.Struct("<dq")

Image = npt.NDArray[np.uint8]


def tally(pipe: Beating, file: str) -> None:
    """A child that notes every tick with its time."""
    with Path(file).open("ab", buffering=0) as log:
        while True:
            if pipe.poll(1.0):
                frame = pipe.recv()
                if frame is None:
                    return
                log.write(TICK.pack(time.monotonic(), frame.tick))


def hold_one(folder: Path, url: str) -> None:
    """A session, in a process of its own; tells its processes as a line of JSON whenever they change."""
    settings = Config().lasting(5400.0)
    worlds = {WORLD: scene.load(WORLD)}
    children = [
        *screen_and_sound(settings, worlds, WORLD, 1, True, None),
        ChildPlan("tally", tally, (str(folder / "ticks"),), waiting=None),
    ]

    def tell() -> None:
        told: dict[str, Any] = {}
        while True:
            now = {process.name: process.pid for process in multiprocessing.active_children()}
            if now != told:
                told = now
                os.write(1, f"{json.dumps(told)}\n".encode())
            time.sleep(0.02)

    threading.Thread(target=tell, daemon=True).start()
    hold(settings, worlds, WORLD, 1, url, folder / "capsule", children, backdrop(settings, 1))


@dataclass
class Try:
    """What one death did."""

    who: str
    how: str
    calm_s: float | None = None  # the calm, or the world again where it never was whole
    again_s: float | None = None
    n_lost: int = 0
    darkest: float = 1.0
    brightest: float = 0.0
    jump: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        calm, again = (f"{value:5.2f} s" if value is not None else "   -   " for value in (self.calm_s, self.again_s))
        light = f"light {self.darkest:.3f} to {self.brightest:.3f}, jump {self.jump:+.3f}"
        return f"{self.who:10} {self.how}: calm {calm}, again {again}, {self.n_lost:2} ticks lost, {light}" + (
            f"  FAULT: {'; '.join(self.faults)}" if self.faults else ""
        )


class Screen:
    """The X screen, in samples."""

    def __init__(self) -> None:
        self.calm = calm_picture(self.grab().shape[:2])

    @staticmethod
    def grab() -> Image:
        return np.asarray(ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).convert("RGB"))[::4, ::4]

    def is_calm(self, image: Image) -> bool:
        return bool(np.abs(image.astype(np.int16) - self.calm).mean() < ALIKE)


def calm_picture(shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    size = (shape[1] * 4, shape[0] * 4)
    with headless(size) as context:
        renderer = Renderer(context, CALM, size, 1)
        for n in range(RAISE_STEPS):
            renderer.draw(ControlFrame(n * RAISE_TICKS, 0.0, Drive(), "calm", Levels(), "calm", "", 1.0))
        image = renderer.read()[::4, ::4].astype(np.int16)
        renderer.close()
    return image


class Live:
    """One session and who can be killed in it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.pids: dict[str, int] = {}
        command = [sys.executable, __file__, "--hold", str(folder), "--url", url]
        self.above = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.began_s = time.monotonic()

    def _listen(self) -> None:
        assert self.above.stdout
        for line in self.above.stdout:
            self.pids = json.loads(line)

    def ticks(self) -> npt.NDArray[np.void]:
        """Time and number of every tick that came out of an engine."""
        file = self.folder / "ticks"
        data = file.read_bytes() if file.exists() else b""
        return np.frombuffer(data[: len(data) // TICK.size * TICK.size], [("time_s", "<f8"), ("tick", "<i8")])

    def is_ticking(self) -> bool:
        ticks = self.ticks()
        return bool(len(ticks)) and time.monotonic() - ticks["time_s"][-1] < 0.5


def strike(live: Live, made: Try) -> None:
    if made.who != MACHINE:
        os.kill(live.pids[made.who], signal.SIGKILL if made.how == "killed" else signal.SIGSTOP)
        return
    everybody = [live.above.pid, *live.pids.values()]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(ASLEEP_S)
    for pid in everybody:
        os.kill(pid, signal.SIGCONT)


def watch(screen: Screen, live: Live, made: Try) -> None:
    """Strikes, and follows the screen until the world moves again."""
    last = float(luminance(screen.grab()).mean())
    n_before, pids = len(live.ticks()), live.pids
    strike(live, made)
    struck_s = time.monotonic()
    is_seen = made.who in ("engine", "picture")
    while True:
        time.sleep(SAMPLE_S)
        image = screen.grab()
        at_s = time.monotonic() - struck_s
        light = float(luminance(image).mean())
        made.darkest, made.brightest = min(made.darkest, light), max(made.brightest, light)
        made.jump = max(made.jump, light - last)
        last = light
        is_calm = screen.is_calm(image)
        if is_calm and made.calm_s is None:
            made.calm_s = at_s
        is_new = live.pids == pids if made.who == MACHINE else live.pids.get(made.who, pids[made.who]) != pids[made.who]
        if not is_seen:
            if at_s > UNTOUCHED_S and is_new and live.is_ticking():
                made.again_s = at_s
                break
        elif is_new and not is_calm and live.is_ticking() and live.ticks()["time_s"][-1] > struck_s + 0.2:
            is_back = made.calm_s is not None or (made.who == "engine" and at_s > 1.0)
            if is_back:
                made.again_s = at_s
                break
        if at_s > AGAIN_S:
            made.faults.append("the world did not come again")
            break
    if is_seen and made.calm_s is None:
        made.calm_s = made.again_s
    steps = np.diff(live.ticks()["tick"][max(0, n_before - 1) :])
    made.n_lost = int(max(0, 1 - steps.min(initial=1)))
    judge(made, is_seen)


def judge(made: Try, is_seen: bool) -> None:
    if is_seen and (made.calm_s is None or made.calm_s > CRASH_TO_CALM_S):
        made.faults.append("late")
    if not is_seen and made.calm_s is not None:
        made.faults.append("the picture fell into the calm")
    if made.darkest < DARK:
        made.faults.append("black")
    if made.brightest > WHITE:
        made.faults.append("white")
    if made.jump > JUMP:
        made.faults.append("a jump")
    if made.n_lost > TICKS_PER_S:
        made.faults.append("more than a second lost")


def until(is_so: Any, patience_s: float, what: str) -> None:
    end_s = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(what)
        time.sleep(SAMPLE_S)


def begin(screen: Screen, folder: Path, url: str) -> Live:
    """A session that runs in its full light."""
    folder.mkdir()
    live = Live(folder, url)
    until(lambda: len(live.ticks()) > FADE_IN_S * TICKS_PER_S, 180.0, "the session does not begin")
    until(lambda: luminance(screen.grab()).mean() > 3.0 * DARK, 60.0, "the session stays dark")
    return live


def end(live: Live, is_alone: bool) -> list[str]:
    """Ends the session by a signal to its first process, or to the engine where that is dead; gives what was wrong."""
    os.kill(live.pids["engine"] if is_alone else live.above.pid, signal.SIGTERM)
    faults = []
    try:
        until(lambda: not any(map(is_alive, live.pids.values())), 60.0, "")
    except TimeoutError:
        faults.append(f"still there: {[name for name, pid in live.pids.items() if is_alive(pid)]}")
        for pid in live.pids.values():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    live.above.wait(30.0)
    capsule = Capsule.open(live.folder / "capsule")
    if capsule.ended != "ended" or capsule.torn:
        faults.append(f"the capsule ended {capsule.ended}, {capsule.torn}")
    if offline.replay(capsule).first_difference is not None:
        faults.append("the capsule replays to other frames")
    return faults


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="of each process")
    parser.add_argument("--only", default="engine,picture,sound,backdrop,machine,supervisor", metavar="NAME,NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hold:
        hold_one(asked.hold, asked.url)
        return 0
    rng = np.random.default_rng(asked.seed)
    who = asked.only.split(",")
    board = MonotonicClock()
    device = SimulatedPort(SimulatedDevice("calm", 1), board.now_s)
    device.start()
    screen = Screen()
    tries: list[Try] = []
    with tempfile.TemporaryDirectory() as name:
        inside = [one for one in who if one != "supervisor"]
        n_alone = asked.times if "supervisor" in who else 0
        for number in range(max(n_alone, 1)):  # what is killed within a session is spread over the sessions
            live = begin(screen, Path(name) / str(number), device.url)
            rounds = asked.times * (number + 1) // max(n_alone, 1) - asked.times * number // max(n_alone, 1)
            for n, one in [(n, one) for n in range(rounds) for one in inside]:
                until(lambda: live.is_ticking() and not screen.is_calm(screen.grab()), 60.0, "no session")  # noqa: B023
                time.sleep(float(rng.uniform(1.0, 3.0)))
                hangs = one in ("engine", "picture") and (number + n) % HANG_EVERY == HANG_EVERY - 1
                made = Try(one, "sleeps" if one == MACHINE else "hangs " if hangs else "killed")
                watch(screen, live, made)
                tries.append(made)
                print(f"{len(tries):4} {made}", flush=True)
            made = Try("supervisor", "killed")
            if n_alone:
                time.sleep(float(rng.uniform(0.0, 3.0)))
                os.kill(live.above.pid, signal.SIGKILL)
                time.sleep(UNTOUCHED_S)
                if not live.is_ticking():
                    made.faults.append("the session did not go on")
                if screen.is_calm(screen.grab()):
                    made.faults.append("the picture fell into the calm")
            made.faults += end(live, bool(n_alone))
            tries.append(made)
            print(f"{len(tries):4} {made}", flush=True)
    device.close()
    return report(tries, who)


def report(tries: list[Try], who: list[str]) -> int:
    for one in who:
        of = [made for made in tries if made.who == one]
        faults = sum(bool(made.faults) for made in of)
        print(f"{one:10} {len(of):3} tries, {faults} with a fault", end="")
        for name, values in (("calm", [made.calm_s for made in of]), ("again", [made.again_s for made in of])):
            known = [value for value in values if value is not None]
            if known:
                print(f"; {name} p50 {np.median(known):.2f}, max {max(known):.2f} s", end="")
        print(f"; {max((made.n_lost for made in of), default=0)} ticks lost at most")
    print(f"the limit is {CRASH_TO_CALM_S:g} s; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 1 if any(made.faults for made in tries) else 0


if __name__ == "__main__":
    sys.exit(main())
