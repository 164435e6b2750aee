"""The kinds of voices that a soundscape may name, their knobs and constants, and the state that each needs to run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from biofeed.errors import nearest
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.scene import Soundscape, Voice
from biofeed.sound import noises, tones
from biofeed.sound.harmony import Harmony

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Knob:
    """A number that a soundscape sets: its default and its range."""

    default: float
    low: float = 0.0
    high: float = 1.0


class Sounding(Protocol):
    """A voice that runs: adds its next tick to out (2, frames), given its own knobs' edges (knobs, grains + 1)."""

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None: ...


Make = Callable[[Mapping[str, float], Harmony, np.random.Generator], Sounding]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of voice: knobs may be bound to the body, constants may not."""

    make: Make
    knobs: Mapping[str, Knob]
    constants: Mapping[str, Knob] = field(default_factory=dict)


# Every voice has these, in this order; `space` sends it from near (0) into the room (1).
COMMON = {"level": Knob(0.5, 0.0, 2.0), "width": Knob(0.8), "space": Knob(0.3)}


class Pad:
    """Also the guide: the same harmonic tones, heard through a band that moves with brightness."""

    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        self._harmony = harmony
        self._hz = harmony.hz * constants["register"]
        order = np.arange(1, int(constants["partials"]) + 1)
        shape = (self._hz.size, order.size, 2)
        # Tones higher up are softer (2 dB per octave), as the ear likes its chords.
        self._tone = (self._hz / self._hz.min()) ** -0.33
        self._tilt = np.asarray(0.1 * order ** -constants["tilt"], dtype=np.float64)
        self._focus = constants["focus"]
        self._lfo_hz = random.uniform(0.011, 0.083, (*shape, 3))
        self._lfo_start = random.random((*shape, 3))
        self._phase = random.random(shape)
        self._held = np.zeros((*shape, 3))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        weight = np.asarray(self._harmony.weight * self._tone, dtype=np.float64)
        tones.pad(
            out, edges, clock, self._hz, weight, self._tilt, self._focus,
            self._lfo_hz, self._lfo_start, self._phase, self._held,
        )  # fmt: skip


class Bowls:
    """Strokes at times that never repeat, on tones of the present chord; knobs: density, brightness."""

    STROKES = 8

    def __init__(
        self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator, ratio: Floats
    ) -> None:
        self._harmony = harmony
        self._random = random
        self._register = constants["register"]
        self._attack_s = constants["attack_s"]
        self._ratio = ratio
        self._decay_s = constants["decay_s"] / (1.0 + 0.9 * (ratio - 1.0))
        self._split_hz = np.minimum(0.45 * ratio, 2.2)  # beats stay slow
        self._start = np.full(self.STROKES, -1, np.int64)
        self._hz = np.ones(self.STROKES)
        self._gain = np.zeros((self.STROKES, ratio.size))
        self._place = np.zeros(self.STROKES)
        self._phase = np.zeros((self.STROKES, ratio.size, 2))
        self._held = np.zeros((self.STROKES, ratio.size, 2, 3))
        self._wait = float(random.uniform(0.2, 0.7))  # of a mean interval, until the next stroke

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        per_min = 8.0 * float(edges[0, -1])
        self._wait -= per_min / 60.0 * out.shape[1] / SAMPLE_RATE_HZ
        if self._wait <= 0.0:
            self._wait += float(self._random.uniform(0.45, 1.55))
            self._strike(clock, float(edges[1, -1]))
        tones.bowls(
            out, edges, clock, self._start, self._hz, self._gain, self._place,
            self._ratio, self._decay_s, self._split_hz, self._attack_s, self._phase, self._held,
        )  # fmt: skip

    def _strike(self, clock: int, brightness: float) -> None:
        free = np.flatnonzero(self._start < 0)
        hz = self._harmony.pick() * self._register
        strength = float(self._random.uniform(0.45, 1.0))
        place = float(self._random.uniform(-0.28, 0.28))
        if free.size == 0:
            return
        s = int(free[0])
        self._start[s], self._hz[s], self._place[s] = clock, hz, place
        # Higher strokes softer, and each mode by brightness softer than the one below.
        loud = 0.33 * strength * (300.0 / max(hz, 300.0)) ** 0.5
        self._gain[s] = loud * (0.12 + 0.5 * brightness) ** np.arange(self._ratio.size)
        self._gain[s, self._ratio * hz > tones.HIGHEST_HZ] = 0.0
        self._phase[s] = 0.0
        self._held[s] = 0.0


def _bowls(constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> Sounding:
    # Modes of a thick rim, as bowls ring (Inacio, Henrique, Antunes, Acta Acustica 92, 2006), nearly.
    return Bowls(constants, harmony, random, np.array([1.0, 2.77, 5.18, 8.16]))


def _chimes(constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> Sounding:
    # Near-harmonic, as blown or rubbed glass: clear without the clang of metal.
    return Bowls(constants, harmony, random, np.array([1.0, 2.0, 3.01, 4.98]))


class Sea:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del constants, harmony
        self._key = int(random.integers(1 << 31))
        self._wave = np.array([float(random.random()), 0.1, 0.0])
        self._tilt, self._filters, self._held = np.zeros((2, 3)), np.zeros((2, 3, 2)), np.zeros((2, 3))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        noises.sea(out, edges, clock, self._key, self._wave, self._tilt, self._filters, self._held)


class Wind:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del constants, harmony
        self._key = int(random.integers(1 << 31))
        self._filters, self._held = np.zeros((2, 3, 2)), np.zeros((2, 3))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        noises.wind(out, edges, clock, self._key, self._filters, self._held)


class Breath:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del constants, harmony
        self._key = int(random.integers(1 << 31))
        self._flow, self._tilt = np.zeros(3), np.zeros((2, 3))
        self._filters, self._held = np.zeros((2, 3, 2)), np.zeros((2, 4))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        noises.breath(out, edges, clock, self._key, self._flow, self._tilt, self._filters, self._held)


class Pulse:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del harmony, random
        self._hz = constants["pitch_hz"]
        self._phase, self._held = np.zeros(1), np.zeros((1, 3))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        del clock
        tones.pulse(out, edges, self._hz, self._phase, self._held)


def _struck(register: float, attack_s: float, decay_s: float) -> dict[str, Knob]:
    # Attacks of at least 50 ms: nothing in a world of rest begins suddenly.
    return {
        "register": Knob(register, 0.25, 8.0),
        "attack_s": Knob(attack_s, 0.05, 2.0),
        "decay_s": Knob(decay_s, 0.5, 12.0),
    }


def _tonal(focus: float, partials: float) -> dict[str, Knob]:
    return {
        "register": Knob(1.0, 0.5, 8.0),
        "partials": Knob(partials, 1.0, 12.0),
        "tilt": Knob(1.3, 0.3, 3.0),
        "focus": Knob(focus, 0.0, 6.0),
    }


KINDS = {
    "pad": Kind(Pad, {"brightness": Knob(0.35), "motion": Knob(0.6)}, _tonal(0.0, 7.0)),
    "guide": Kind(Pad, {"brightness": Knob(0.4), "motion": Knob(0.5)}, _tonal(1.6, 6.0)),
    "sea": Kind(Sea, {"brightness": Knob(0.5), "density": Knob(0.5), "waves": Knob(0.5)}),
    "wind": Kind(Wind, {"pitch": Knob(0.4), "brightness": Knob(0.5), "density": Knob(0.5)}),
    "breath": Kind(Breath, {"swell": Knob(0.5), "brightness": Knob(0.5)}),
    "bowls": Kind(_bowls, {"density": Knob(0.25), "brightness": Knob(0.4)}, _struck(1.0, 0.15, 6.0)),
    "chimes": Kind(_chimes, {"density": Knob(0.25), "brightness": Knob(0.4)}, _struck(4.0, 0.08, 3.0)),
    "pulse": Kind(Pulse, {"swell": Knob(0.0)}, {"pitch_hz": Knob(65.0, 45.0, 110.0)}),
}


def check_voice(soundscape: Soundscape, voice: Voice) -> dict[str, Knob]:
    """The voice's knobs by name, in its kernel's order after the common ones.

    Raises SceneError at the line of an unknown kind or parameter, or of a value out of its range.
    """
    if voice.kind not in KINDS:
        what = f"{voice.kind} is not a kind of voice{nearest(voice.kind, KINDS)}"
        raise soundscape.error(voice.kind, what, voice)
    kind = KINDS[voice.kind]
    knobs = {**COMMON, **kind.knobs}
    known = {**knobs, **kind.constants}
    for name in (*voice.constants, *voice.bindings):
        if name not in known:
            what = f"{name} is not a parameter of {voice.kind}{nearest(name, known)}"
            raise soundscape.error(name, what, voice)
    for name, value in voice.constants.items():
        check_number(soundscape, name, value, known[name], voice)
    for name, binding in voice.bindings.items():
        if name not in knobs:
            raise soundscape.error(name, f"{name} is fixed while it sounds: give it a number", voice)
        if binding.integrate:
            raise soundscape.error(name, f"{name} cannot be integrated: it would grow without end", voice)
        for end in (binding.low, binding.high):
            check_number(soundscape, name, end, knobs[name], voice)
    return knobs


def check_number(soundscape: Soundscape, name: str, value: object, knob: Knob, voice: Voice | None = None) -> float:
    """`value` as a number within the knob's range; raises SceneError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not knob.low <= value <= knob.high:
        what = f"{name} must be a number from {knob.low:g} to {knob.high:g}, not {value!r}"
        raise soundscape.error(name, what, voice)
    return float(value)
