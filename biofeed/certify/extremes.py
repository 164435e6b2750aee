"""A scene at the extremes of body and command, through the real renderer and guard: figures of every run come out.

The drives come from here and not from a person: whatever signals and loop may ever say, the picture must hold. The raw
runs leave even the number gate out, and step every drive at will; the others pass through it, as all sessions do. One
run goes without the guard: a scene must be calm by itself while a person breathes, and not only be kept so.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from biofeed import config
from biofeed.certificates import Certificate, Run, sources
from biofeed.certify.analyser import Analyser
from biofeed.errors import OutputError
from biofeed.graphics.context import Context, headless
from biofeed.graphics.renderer import Renderer
from biofeed.messages import DRIVES, LEVELS, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.safety import Gate
from biofeed.scene import Scene

SIZE = (320, 180)  # a cell of the analyser is a pixel
SECONDS = 7.0  # of each run
AT_S = 300.0  # of session time: the scene is past its arrival
TURN_S = 3.0  # from world to world
HEART_PER_MIN, BREATH_PER_MIN = (40.0, 220.0), (3.0, 40.0)
DOUBLE_S, BEAT_S = 0.12, 0.1  # a beat is counted again so much later; each drives the pulse so long
FLAP_S, PRESS_S, KNOB_S, HOLD_S, STOP_S = 0.5, 0.7, 0.4, 0.125, 0.3
SETTLE_TICKS = 12 * TICKS_PER_S  # the number gate lets a picture rise for 10 s; runs begin at its full light

Body = dict[str, float]  # drives, levels and `rest` by name, 0..1


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run is, of how many seconds, and its random numbers."""

    time_s: float
    seconds: float
    rng: np.random.Generator


Life = Callable[[Moment], Body]


@dataclass(frozen=True, slots=True)
class Extreme:
    """One run: who lives it, in which comfort and colours, and whether the number gate or the guard is left out."""

    name: str
    life: Life
    is_raw: bool = False
    is_guarded: bool = True
    comfort: str = "full"
    colours: str = "full"
    every: int = 1  # ticks from picture to picture
    turns: bool = False  # from the world to itself, as to another one
    has_flow: bool = True  # False where two pictures blend: nothing in them moves, and chance finds blocks again


def heart(at: Moment) -> Body:
    """The slowest heart to the fastest, each beat counted twice, and each a full step of the pulse."""
    low, high = HEART_PER_MIN
    beats = (low * at.time_s + 0.5 * (high - low) * at.time_s**2 / at.seconds) / 60.0
    rate_hz = (low + (high - low) * at.time_s / at.seconds) / 60.0
    since_s = (beats % 1.0) / rate_hz
    return {"pulse": float(since_s < BEAT_S or DOUBLE_S <= since_s < DOUBLE_S + BEAT_S), "breath": 0.5}


def breath(at: Moment) -> Body:
    """The slowest breath to the fastest, as deep as can be, and a guide that does the opposite."""
    low, high = BREATH_PER_MIN
    growth = math.log(high / low) / at.seconds
    level = 0.5 - 0.5 * math.cos(math.tau * low / 60.0 * math.expm1(growth * at.time_s) / growth)
    return {"breath": level, "guide": 1.0 - level}


def random(at: Moment) -> Body:
    """Every drive, and how much there is, anywhere, at either end half of the times: at every tick anew."""
    names = (*DRIVES, "intensity", "density", "load")
    return dict(zip(names, np.clip(at.rng.uniform(-0.5, 1.5, len(names)), 0.0, 1.0).tolist(), strict=True))


def held(at: Moment) -> Body:
    """The same, and the fade of the picture too, each step held for an eighth of a second."""
    body = random(replace(at, rng=np.random.default_rng(int(at.time_s / HOLD_S))))
    return body | {"picture": body["load"]}


def flapping(at: Moment) -> Body:
    """A sensor that comes and goes, at 15 breaths a minute."""
    trust = float(at.time_s % (2.0 * FLAP_S) < FLAP_S)
    level = 0.5 - 0.5 * math.cos(math.tau * at.time_s / 4.0)
    return {"breath": level if trust else 0.5, "guide": level, "confidence": trust, "pulse": trust}


def commands(at: Moment) -> Body:
    """Somebody who presses the button and turns every knob from end to end, without a rest."""
    knob = float(at.time_s % (2.0 * KNOB_S) < KNOB_S)
    turned = dict.fromkeys(LEVELS, knob)
    return turned | {"touch": float(at.time_s % PRESS_S < 0.5 * PRESS_S), "progress": knob}


def stops(at: Moment) -> Body:
    """Somebody who stops it and goes on, again and again; each time the calm takes the place of the world at once."""
    return {"rest": float(at.time_s % (2.0 * STOP_S) < STOP_S), "intensity": 1.0, "density": 1.0}


EXTREMES = (
    Extreme("heart 40 to 220 a minute, counted twice", heart),
    Extreme("breath 3 to 40 a minute", breath),
    Extreme("breath 3 to 40 a minute, without the guard", breath, is_guarded=False),
    Extreme("breath 3 to 40 a minute, post-infusion", breath, comfort="post-infusion"),
    Extreme("all drives at random", random),
    Extreme("all drives at random, raw", random, is_raw=True),
    Extreme("all drives at random, raw, gentle", random, is_raw=True, comfort="gentle"),
    Extreme("all drives at random, raw, post-infusion", random, is_raw=True, comfort="post-infusion"),
    Extreme("drives and light in steps, raw", held, is_raw=True),
    Extreme("drives and light in steps, raw, safe colours, 30 pictures/s", held, is_raw=True, colours="safe", every=2),
    Extreme("a sensor that comes and goes, raw", flapping, is_raw=True),
    Extreme("every knob from end to end, raw", commands, is_raw=True),
    Extreme("stopped and resumed, raw", stops, is_raw=True, has_flow=False),
    Extreme("from world to world", breath, turns=True),
)


def certify(scene: Scene, seconds: float = SECONDS, tell: Callable[[str], None] | None = None) -> Certificate:
    """Measures the scene at every extreme, each for so many seconds.

    Raises OutputError without OpenGL, or when a text was changed meanwhile; SceneError when the scene does not compile.
    """
    measured = sources(scene)
    runs = []
    with headless(SIZE) as context:
        for number, extreme in enumerate(EXTREMES, 1):
            if tell:
                tell(f"{scene.name}: {number} of {len(EXTREMES)}: {extreme.name}")
            analyser = Analyser(SIZE, TICKS_PER_S / extreme.every, extreme.has_flow)
            for picture in pictures(context, scene, extreme, seconds, number):
                analyser.add(picture)
            runs.append(Run(extreme.name, extreme.comfort, analyser.figures()))
        if sources(scene) != measured:
            raise OutputError(f"a gate was changed while {scene.name} was measured; certify it again")
        return Certificate(scene.name, measured, context.renderer_name, tuple(runs))


def pictures(
    context: Context, scene: Scene, extreme: Extreme, seconds: float, seed: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """The finished pictures of one run."""
    rng = np.random.default_rng(seed)
    settings = config.load(None, {"comfort": extreme.comfort, "colours": extreme.colours}).picture
    renderer = Renderer(context, scene, SIZE, seed, settings, extreme.is_guarded)
    turned = 0
    gate = Gate()
    for _ in range(SETTLE_TICKS):
        gate(1.0 / TICKS_PER_S, Drive(confidence=1.0), Levels(picture=1.0), trusted=True)
    first = round(AT_S * TICKS_PER_S)
    try:
        for tick in range(round(seconds * TICKS_PER_S)):
            time_s = tick / TICKS_PER_S
            body = {"picture": 1.0, "confidence": 1.0, **extreme.life(Moment(time_s, seconds, rng))}
            drive = Drive(**{name: body[name] for name in DRIVES if name in body})
            levels = Levels(**{name: body[name] for name in LEVELS if name in body})
            if not extreme.is_raw:
                gated = gate(1.0 / TICKS_PER_S, drive, levels, trusted=True)
                drive, levels = gated.drive, gated.levels
            if extreme.turns and time_s >= (turned + 1) * TURN_S:
                turned += 1
                renderer.set_scene(scene)
            if tick % extreme.every == 0:
                at = first + tick
                rest = body.get("rest", 0.0)
                renderer.draw(ControlFrame(at, at / TICKS_PER_S, drive, scene.name, levels, "running", "", rest))
                yield renderer.read()
    finally:
        renderer.close()
