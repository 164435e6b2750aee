"""STOP, measured on real processes: how long from the event to the first changed picture, and to the whole calm?

    xvfb-run -a python benchmarks/stop.py [--tries 1000] [--size 640x360] [--seed 1]

A live session with a simulated person on a real pseudo-terminal runs in one process, its picture in another, in a
window. At random instants a key, a click, a pad's button, Esc or a lost window is put into the window's queue, in any
world, at any light, while it arrives, runs, changes or is paused; in a third of the tries the engine is held up at that
moment, as by a dead disk. Every picture is read back just before it is shown. Calm is where no later picture differs
by more than dither, and what is left is dim and warm. The way back is shortened. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import functools
import os
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed import flow, worlds
from biofeed.children import Beating, Child, ChildPlan
from biofeed.clock import MonotonicClock
from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.graphics import measures, picture
from biofeed.graphics.context import window
from biofeed.graphics.renderer import Settings
from biofeed.limits import FLASH_WINDOW_S, STOP_CALM_S, STOP_FIRST_CHANGE_S
from biofeed.live import Mailbox, Session
from biofeed.messages import ControlFrame
from biofeed.scene import Scene
from biofeed.sensors.serial_port import SerialPort
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.sensors.simulated_port import SimulatedPort

WATCH_S = 1.3  # after the event
BACK_S = 0.1  # out of the calm, for the next try
ASK_S = 0.5  # between two requests for the way back
HELD_UP_S = 1.2
DITHER = 3  # code values between two pictures of the same light
MEAN = (0.02, 0.06)  # relative luminance of the calm picture


class Pipe:
    """The real pipe, with another world and another light in each try."""

    def __init__(self, pipe: Beating, first: str) -> None:
        self.poll, self.send = pipe.poll, pipe.send
        self._pipe = pipe
        self.scene, self.light = first, 1.0
        self.state = "arriving"

    def recv(self) -> Any:
        frame = self._pipe.recv()
        if not isinstance(frame, ControlFrame):
            return frame
        self.state = frame.state
        light = frame.levels.picture if frame.state == "calm" else self.light
        return replace(frame, scene=self.scene, levels=replace(frame.levels, picture=light))


class Trial:
    """One try after the other: waits, strikes, watches, and asks for the way back."""

    def __init__(self, show: picture.Show, pipe: Pipe, names: list[str], tries: int, seed: int) -> None:
        import pygame  # noqa: PLC0415

        self._pygame: Any = pygame
        self._show, self._pipe, self._names = show, pipe, names
        self._random = np.random.default_rng(seed)
        self.left = tries
        self._struck_s: float | None = None
        self._seen: list[tuple[float, float, npt.NDArray[np.int16]]] = []
        self._plan = ""
        self._is_back = False
        self._asked_s = 0.0

    def saw(self, shown_s: float, rest: float, image: npt.NDArray[np.uint8]) -> None:
        """A picture was shown, so far on its way into the calm."""
        self._seen.append((shown_s, rest, image.astype(np.int16)))
        if self._struck_s is None:
            self._seen = self._seen[-1:]
            if not self._is_back and rest == 0.0:
                self._is_back = True
                self._begin()
            elif not self._is_back and shown_s > self._asked_s + ASK_S:  # an engine that was held up may not have heard
                self._asked_s = shown_s
                self._press(self._pygame.K_SPACE, self._pygame.KMOD_LCTRL)
        elif shown_s > self._struck_s + WATCH_S:
            self._judge(self._struck_s)

    def _begin(self) -> None:
        self._pipe.scene = str(self._random.choice(self._names))
        self._pipe.light = float(self._random.choice([0.1, 0.5, 1.0]))
        if self._random.random() < 0.2:
            self._press(self._pygame.K_SPACE, self._pygame.KMOD_LCTRL)
        # A way back as quick as this one, and a light that jumps, are half a flash: it is over before the strike.
        wait_s = FLASH_WINDOW_S + float(self._random.uniform(0.1, 0.8))
        threading.Timer(wait_s, self._strike).start()

    def _press(self, key: int, mod: int = 0) -> None:
        self._pygame.event.post(
            self._pygame.event.Event(self._pygame.KEYDOWN, key=key, mod=mod, unicode="", scancode=0)
        )

    def _strike(self) -> None:
        """In a thread of its own: at any instant of the loop."""
        pygame = self._pygame
        is_held_up = self._random.random() < 1.0 / 3.0
        kind = str(self._random.choice(["key", "escape", "click", "pad", "focus", "minimised"]))
        self._plan = f"{kind}, {self._pipe.state}, {self._pipe.scene}{', engine held up' if is_held_up else ''}"
        if is_held_up:
            self._pipe.send(("hold", HELD_UP_S))
        made = {
            "click": [pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(9, 9))],
            "pad": [pygame.event.Event(pygame.JOYBUTTONDOWN, button=3, instance_id=0)],
            "focus": [pygame.event.Event(kind) for kind in (pygame.WINDOWFOCUSGAINED, pygame.WINDOWFOCUSLOST)],
            "minimised": [pygame.event.Event(pygame.WINDOWMINIMIZED)],
        }
        self._struck_s = time.monotonic()
        for event in made.get(kind, []):
            pygame.event.post(event)
        if kind in ("key", "escape"):
            self._press(pygame.K_ESCAPE if kind == "escape" else pygame.K_x)

    def _judge(self, struck_s: float) -> None:
        before = self._seen[0][2]
        after = [(at_s - struck_s, rest, image) for at_s, rest, image in self._seen if at_s > struck_s]
        last = after[-1][2]
        light = luminance(last)
        is_warm = bool((np.diff(last.reshape(-1, 3).mean(axis=0)) < 0.0).all())
        changed = (at_s for at_s, rest, image in after if rest > 0.0 and np.abs(image - before).max() > DITHER)
        first_s = next(changed, np.inf)
        calm_s = 0.0
        for (_, _, image), (later_s, _, _) in zip(reversed(after[:-1]), reversed(after[1:]), strict=True):
            if np.abs(image - last).max() > DITHER:
                calm_s = later_s
                break
        calm_s = calm_s if is_warm and MEAN[0] < light < MEAN[1] else np.inf
        self._pipe.send(("stop", (first_s, calm_s, light, len(after), self._plan)))
        self.left -= 1
        self._struck_s, self._is_back = None, False


def luminance(image: npt.NDArray[np.int16]) -> float:
    """Mean relative luminance of a picture in sRGB."""
    return float(measures.luminance(image.astype(np.uint8)).mean())


def watched(pipe: Beating, scenes: dict[str, Scene], first: str, size: tuple[int, int], tries: int, seed: int) -> None:
    """The picture process, every picture of which is read back."""
    picture.GLIDE_S = BACK_S  # the way back alone
    context = window(size, False, "stop")
    asked = Pipe(pipe, first)
    show = picture.Show(asked, context, scenes, first, 1, Settings())
    trial = Trial(show, asked, list(scenes), tries, seed)
    present, draw = context.present, show.renderer.draw
    drawn: list[float] = []

    def note_and_draw(frame: ControlFrame) -> None:
        drawn[:] = [frame.rest]
        draw(frame)

    def read_and_present() -> None:
        image = show.renderer.read()[::4, ::4]
        present()
        trial.saw(time.monotonic(), drawn[0], image)

    show.renderer.draw = note_and_draw  # type: ignore[method-assign]
    context.present = read_and_present  # type: ignore[method-assign]
    context.toggle_full_screen = lambda: None  # type: ignore[method-assign]
    while trial.left > 0 and show.step():
        pass
    pipe.send(("over", None))
    context.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--size", default="640x360", metavar="WxH")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    width, height = (int(part) for part in asked.size.split("x"))
    flow.LEAVE_CALM_S = BACK_S
    config = Config().lasting(5400.0)
    shown = worlds.beside(None, (), print)
    first = next(iter(shown))
    told: list[tuple[float, float, float, int, str]] = []
    clock, mailbox = MonotonicClock(), Mailbox()
    simulated = SimulatedPort(SimulatedDevice("calm", 1), clock.now_s)
    simulated.start()
    port = SerialPort(simulated.url, "sensor0", clock.now_s, mailbox.put, config.port)

    def listen(_child: str, kind: str, value: Any) -> None:
        if kind == "hold":
            time.sleep(value)
        elif kind == "stop":
            told.append(value)
            late = value[0] > STOP_FIRST_CHANGE_S or value[1] > STOP_CALM_S
            if late or len(told) % 25 == 0:
                first_s, calm_s, light, n_shown, plan = value
                print(
                    f"{len(told):4} first {first_s * 1e3:4.0f} ms, calm {calm_s * 1e3:5.0f} ms, {n_shown} pictures, "
                    f"light {light:.3f}: {plan}",
                    flush=True,
                )
        elif kind == "over":
            session.ask("end")
        elif kind == "error":
            print(kind, value, flush=True)
            session.ask("end")

    def look(frame: ControlFrame, *_: Any) -> None:
        death = child.death() if frame.tick % 60 == 0 else None
        if death and len(told) < asked.tries:
            print(death, flush=True)
            session.ask("end")

    args = (dict(shown), first, (width, height), asked.tries, asked.seed)
    child = Child(ChildPlan("picture", watched, args))
    session = Session(Engine(config.engine, first), clock, mailbox, [child.line], listen, [])
    port.start()
    try:
        with contextlib.suppress(KeyboardInterrupt):  # what was measured until then is told
            session.run([look])
    finally:
        port.close()
        simulated.close()
        child.close(functools.partial(listen, "picture"), 5.0)
    return report(told)


def report(told: list[tuple[float, float, float, int, str]]) -> int:
    if not told:
        return 1
    first, calm, light = (np.array([row[column] for row in told]) for column in range(3))
    is_met = True
    for name, values, bar_s in (("first changed picture", first, STOP_FIRST_CHANGE_S), ("calm", calm, STOP_CALM_S)):
        p50, p99 = (float(np.percentile(values, part, method="higher")) for part in (50, 99))
        spread = f"p50 {p50 * 1e3:.0f}, p99 {p99 * 1e3:.0f}, max {values.max() * 1e3:.0f} ms"
        print(f"{name}: {spread}; the bar for p99 is {bar_s * 1e3:.0f} ms")
        is_met = is_met and p99 <= bar_s
    rate = np.median([row[3] / WATCH_S for row in told])
    print(f"{len(told)} tries; light of the calm {light.min():.3f} to {light.max():.3f}; {rate:.0f} pictures a second")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
