"""The kinds of voices that a soundscape may name, their knobs and constants, and the state that each needs to run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from biofeed.errors import nearest
from biofeed.messages import SAMPLE_RATE_HZ
from biofeed.scene import Soundscape, Voice
from biofeed.sound import motes, noises, strings, tones
from biofeed.sound.harmony import Harmony
from biofeed.sound.kernel import GRAIN_FRAMES

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
    cue: bool = False  # it speaks to the person: it stays when their own music lies under the world


# Every voice has these, in this order; `space` sends it from near (0) into the room (1), `place` stands it from left
# (-1) to right (1), and with `roam` it wanders from there, slowly.
COMMON = {
    "level": Knob(0.5, 0.0, 2.0),
    "width": Knob(0.8),
    "space": Knob(0.3),
    "place": Knob(0.0, -1.0, 1.0),
    "roam": Knob(0.0),
}


class Pad:
    """Also the guide: the same harmonic tones, heard through a band that moves with brightness."""

    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        self._harmony = harmony
        self._hz = harmony.hz * constants["register"]
        order = np.arange(1, int(constants["partials"]) + 1)
        shape = (self._hz.size, order.size, 2)
        self._tilt = np.asarray(0.1 * order ** -constants["tilt"], dtype=np.float64)
        self._focus = constants["focus"]
        self._lfo = np.concatenate([random.uniform(0.011, 0.083, (3, *shape)), random.random((3, *shape))])
        self._phase, self._near = random.random(shape), np.zeros(self._hz.size)
        self._table, self._held = tones.tables(np.outer(self._hz, order))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        weight = np.asarray(self._harmony.weight * self._harmony.soft, dtype=np.float64)
        tones.pad(
            out, edges, clock, self._hz, weight, self._tilt, self._focus,
            self._lfo, self._phase, self._near, self._table, self._held,
        )  # fmt: skip


class Strokes:
    """Slots for strokes at times that never repeat, on tones of the present chord; also those that a knob calls."""

    KNOBS: ClassVar = {"density": Knob(0.25), "brightness": Knob(0.4), "call": Knob(0.0), "gather": Knob(0.0)}

    def __init__(self, slots: int, life_s: float, harmony: Harmony, random: np.random.Generator) -> None:
        self._harmony = harmony
        self._life = round(life_s * SAMPLE_RATE_HZ)
        self._dice = _dice(random)
        self._wait = np.array([random.uniform(0.2, 0.7), 0.0, 0.0, 0.0])
        self.start, self.until = np.full(slots, -1, np.int64), np.zeros(slots, np.int64)
        self.note = np.ones((slots, 4))

    def __call__(self, edges: Floats, clock: int) -> npt.NDArray[np.intp]:
        """The slots whose strokes begin in this call."""
        begun = strings.plan(
            edges, GRAIN_FRAMES, clock, 8.0, self._harmony.hz, self._harmony.weight, self._dice,
            self._wait, self.start, self.until, self.note, self._life,
        )  # fmt: skip
        return np.flatnonzero(self.start >= clock) if begun else np.zeros(0, np.intp)


class Bowls:
    """Modes that ring, struck softly."""

    def __init__(
        self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator, ratio: Floats
    ) -> None:
        self._register = constants["register"]
        self._attack_s = constants["attack_s"]
        self._ratio = ratio
        self._decay_s = constants["decay_s"] / (1.0 + 0.9 * (ratio - 1.0))
        self._split_hz = np.minimum(0.45 * ratio, 2.2)  # beats stay slow
        self._strokes = Strokes(8, self._attack_s + 13.0 * constants["decay_s"], harmony, random)
        count = self._strokes.start.size
        self._hz, self._gain, self._place = np.ones(count), np.zeros((count, ratio.size)), np.zeros(count)
        self._table, self._held = tones.tables(np.zeros((count, ratio.size)))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        for s in self._strokes(edges, clock):
            hz, strength, self._place[s], brightness = self._strokes.note[s]
            hz *= self._register
            # Higher strokes softer, and each mode by brightness softer than the one below.
            loud = 0.33 * strength * (300.0 / max(hz, 300.0)) ** 0.5
            self._gain[s] = loud * (0.12 + 0.5 * brightness) ** np.arange(self._ratio.size)
            self._gain[s, self._ratio * hz > tones.HIGHEST_HZ] = 0.0
            self._hz[s] = hz
        tones.bowls(
            out, edges, clock, self._strokes.start, self._hz, self._gain, self._place,
            self._ratio, self._decay_s, self._split_hz, self._attack_s, self._table, self._held,
        )  # fmt: skip


def _bowls(constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> Sounding:
    # Modes of a thick rim, as bowls ring (Inacio, Henrique, Antunes, Acta Acustica 92, 2006), nearly.
    return Bowls(constants, harmony, random, np.array([1.0, 2.77, 5.18, 8.16]))


def _chimes(constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> Sounding:
    # Near-harmonic, as blown or rubbed glass: clear without the clang of metal.
    return Bowls(constants, harmony, random, np.array([1.0, 2.0, 3.01, 4.98]))


class Noise:
    """Any voice of filtered noise: a key of its own, and the arrays that its kernel remembers in."""

    def __init__(self, random: np.random.Generator, kernel: Callable[..., None], *shapes: tuple[int, ...]) -> None:
        self._key = int(random.integers(1 << 31))
        self._kernel = kernel
        self._state = [np.zeros(shape) for shape in shapes]

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        self._kernel(out, edges, clock, self._key, *self._state)


def _noise(kernel: Callable[..., None], *shapes: tuple[int, ...]) -> Make:
    def make(constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> Sounding:
        del constants, harmony
        return Noise(random, kernel, *shapes)

    return make


class Strings:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        self._register, self._attack_s, self._decay_s = (constants[k] for k in ("register", "attack_s", "decay_s"))
        lowest_hz = float(harmony.hz.min()) * constants["register"]
        self._strokes = Strokes(6, 7.0 * constants["decay_s"] * max(1.0, (220.0 / lowest_hz) ** 0.5), harmony, random)
        self._dice = _dice(random)
        self._lines, self._held = np.zeros((self._strokes.start.size, 4096)), np.zeros((self._strokes.start.size, 2))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        strokes = self._strokes
        strokes(edges, clock)
        strings.strings(
            out, edges, clock, strokes.start, strokes.until, strokes.note,
            self._register, self._attack_s, self._decay_s, self._dice, self._lines, self._held,
        )  # fmt: skip


class Drops:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del harmony
        self._dice = _dice(random)
        self._motes = np.zeros((32, motes.FIELDS))
        self._constants = [constants[name] for name in ("per_s", "rise_s", "fall_s", "span")]

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        motes.drops(out, edges, self._dice, self._motes, *self._constants)


class Birds:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del constants, harmony
        self._dice = _dice(random)
        self._motes, self._singers = np.zeros((12, motes.FIELDS)), np.zeros((5, 9))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        motes.birds(out, edges, self._dice, self._motes, self._singers)


def _dice(random: np.random.Generator) -> npt.NDArray[np.uint64]:
    return random.integers(1, 1 << 63, 1, dtype=np.uint64)


class Pulse:
    def __init__(self, constants: Mapping[str, float], harmony: Harmony, random: np.random.Generator) -> None:
        del harmony, random
        self._hz = constants["pitch_hz"]
        self._table, self._held = tones.tables(np.array([self._hz]))

    def __call__(self, out: Floats, edges: Floats, clock: int) -> None:
        tones.pulse(out, edges, clock, self._hz, self._table, self._held)


def _struck(register: float, attack_s: float, decay_s: float) -> dict[str, Knob]:
    # Attacks of at least 50 ms: nothing in a world of rest begins suddenly.
    return {
        "register": Knob(register, 0.25, 8.0),
        "attack_s": Knob(attack_s, 0.05, 2.0),
        "decay_s": Knob(decay_s, 0.5, 12.0),
    }


def _wet(per_s: float, rise_s: float, fall_s: float, span: float) -> dict[str, Knob]:
    return {
        "per_s": Knob(per_s, 0.1, 200.0),
        "rise_s": Knob(rise_s, 0.008, 0.5),
        "fall_s": Knob(fall_s, 0.01, 1.0),
        "span": Knob(span, 0.0, 4.0),
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
    "guide": Kind(Pad, {"brightness": Knob(0.4), "motion": Knob(0.5)}, _tonal(1.6, 6.0), cue=True),
    "sea": Kind(
        _noise(noises.sea, (3,), (2, 4), (2, 2, 3)), {"brightness": Knob(0.5), "density": Knob(0.5), "waves": Knob(0.5)}
    ),
    "wind": Kind(
        _noise(noises.wind, (2, 4), (2, 2, 3)), {"pitch": Knob(0.4), "brightness": Knob(0.5), "density": Knob(0.5)}
    ),
    "rain": Kind(
        _noise(noises.rain, (2, 4), (4, 2, 3)), {"brightness": Knob(0.5), "density": Knob(0.5), "patter": Knob(0.5)}
    ),
    "leaves": Kind(
        _noise(noises.leaves, (2, 4), (2, 2, 3), (2, 2)),
        {"brightness": Knob(0.5), "density": Knob(0.5), "motion": Knob(0.5)},
    ),
    "fire": Kind(_noise(noises.fire, (2, 4), (3, 2, 3), (2, 2)), {"brightness": Knob(0.4), "density": Knob(0.4)}),
    "strings": Kind(Strings, Strokes.KNOBS, _struck(1.0, 0.06, 2.5)),
    "drops": Kind(Drops, {"density": Knob(0.5), "pitch": Knob(0.5)}, _wet(4.0, 0.05, 0.12, 2.0)),
    "brook": Kind(Drops, {"density": Knob(0.5), "pitch": Knob(0.4)}, _wet(90.0, 0.012, 0.035, 2.4)),
    "birds": Kind(Birds, {"density": Knob(0.5), "pitch": Knob(0.5)}),
    "breath": Kind(
        _noise(noises.breath, (5,), (2, 4), (2, 2, 3)), {"swell": Knob(0.5), "brightness": Knob(0.5)}, cue=True
    ),
    "bowls": Kind(_bowls, Strokes.KNOBS, _struck(1.0, 0.15, 6.0)),
    "chimes": Kind(_chimes, Strokes.KNOBS, _struck(4.0, 0.08, 3.0)),
    "pulse": Kind(Pulse, {"swell": Knob(0.0)}, {"pitch_hz": Knob(65.0, 45.0, 110.0)}, cue=True),
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
