"""One soundscape at work: control frames aim its knobs, and it renders grains of 64 frames, stereo at 48 kHz.

What a soundscape binds to the body is smoothed twice, then ramped over each grain. All that a stretch of grains holds
follows from the soundscape, the seed, the frames, and the grains before; never from how many are asked for at once.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed.bindings import Bindings
from biofeed.errors import nearest
from biofeed.messages import DRIVES, LEVELS, SAMPLE_RATE_HZ, ControlFrame
from biofeed.scene import Soundscape, Voice
from biofeed.sound import loudness, space
from biofeed.sound.fades import slope
from biofeed.sound.harmony import Harmony, hour, neighbours
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.voices import COMMON, KINDS, Knob, Sounding, check_number, check_voice

Floats = npt.NDArray[np.float64]
# Two of these in a row turn 60 steps a second into a line without corners, and delay a breath by only 60 ms.
GLIDE_KEEP = math.exp(-GRAIN_FRAMES / SAMPLE_RATE_HZ / 0.03)
# Below is nothing to hear, only strain on a speaker: the corner of the high-pass, and where it lets nothing through.
RUMBLE_HZ, NOTCH_HZ = 39.0, 19.0
# The loudness to which every soundscape is brought by its mean over so many seconds, within so many dB either way.
EVEN_LUFS, EVEN_S, EVEN_GLIDE_S, EVEN_DB = -21.3, 40.0, 1.5, 4.5
SWELL_DB, SWELL_S = 2.0, 0.3  # what stands out by more is held back; told by the mean over so long
# What sinks below its mean sinks by half, down to so much: no swell begins so far down that it grows too fast (H-06).
LULL_DB = 12.0
# Under the person's own music a noise stays at -12 dB; what has tones of its own would quarrel with it, and is silent.
UNDER_BED = 0.25
NOISES = frozenset({"sea", "wind", "rain", "leaves", "fire", "brook"})

_DRIVES, _LEVELS = attrgetter(*DRIVES), attrgetter(*LEVELS)

MIX = {
    "level_db": Knob(0.0, -40.0, 20.0),
    "root_hz": Knob(110.0, 40.0, 400.0),
    "t60_s": Knob(4.0, 0.5, 15.0),  # the room's reverberation time
    "damping": Knob(0.4, 0.0, 0.9),  # how soon the room swallows its highs
    "arc": Knob(0.1, 0.0, 0.5),  # how far the hour darkens, thins and lowers it
}


@dataclass(slots=True)
class _Part:
    """A voice of the patch."""

    rows: slice  # of all knobs, those of its kind
    common: slice  # and the common ones
    sounding: Sounding
    way: float  # where on its path it begins to roam
    spot: tuple[Floats, Floats, Floats] | None  # what space.spot keeps; None: it never leaves the middle


class Patch:
    """Renders one soundscape."""

    def __init__(self, soundscape: Soundscape, seed: int, count: int, has_bed: bool) -> None:
        """count: which patch of the session it is; has_bed: music lies under the cues. Raises SceneError."""
        self.soundscape = soundscape
        mix, hz, chords = _tuning(soundscape)
        self._harmony = Harmony(hz, chords, _random(seed, count, 0))
        self._clock = 0
        self._lowered = 0.0  # how far the high tones are drawn down
        self._arc = mix["arc"]
        self._gain = 10.0 ** (mix["level_db"] / 20.0)
        self._parts: list[_Part] = []
        bindings = {}
        self._base = [0.0]  # row 0 of all knobs is the master level
        ranges = [(0.0, 10.0)]
        self._bound: dict[str, int] = {}  # rows by the bindings' names
        self._bright: list[int] = []
        self._dense: list[int] = []
        self._cues: list[int] = []
        self._kept: dict[int, float] = {}  # of a voice's level, beside music
        for index, voice in enumerate(soundscape.voices):
            knobs = check_voice(soundscape, voice)
            for row, (name, knob) in enumerate(knobs.items(), len(self._base)):
                if name in voice.bindings:
                    bindings[f"{index} {name}"] = voice.bindings[name]
                    self._bound[f"{index} {name}"] = row
                self._base.append(float(voice.constants.get(name, knob.default)))
                ranges.append((knob.low, knob.high))
                if name == "brightness":
                    self._bright.append(row)
                elif name == "density":
                    self._dense.append(row)
            self._add(voice, len(self._base) - len(knobs), _random(seed, count, index + 1), has_bed)
        self._bindings = Bindings(bindings)
        self._low, self._high = np.array(ranges).T
        self._target = np.array(self._base)
        self._firsts = np.array([part.common.start for part in self._parts])
        self._is_turned = np.array([part.spot is not None for part in self._parts])
        self._is_awake = np.zeros(len(self._parts), np.bool_)
        self._state = np.zeros((len(self._base), 2))
        self._buffers: dict[int, tuple[Floats, Floats, Floats, Floats]] = {}
        self._echo = np.zeros((2, 4096 + GRAIN_FRAMES), np.float32)
        self._smear = np.zeros((2, 2, 1024 + GRAIN_FRAMES), np.float32)
        self._lines = np.zeros((8, 8192 + GRAIN_FRAMES), np.float32)
        self._line_gain = 10.0 ** (-3.0 * space.LINES / (mix["t60_s"] * SAMPLE_RATE_HZ))
        self._damping, self._low_pass = mix["damping"], np.zeros(8)
        self._high_pass, self._rumble = space.high_pass(RUMBLE_HZ, NOTCH_HZ), np.zeros((2, 4))
        # Beside music cues grow neither to fill the place of what it silences nor in their own pauses.
        reach_db, lull_db = (0.0, 0.0) if has_bed else (EVEN_DB, LULL_DB)
        power = loudness.power(EVEN_LUFS) / self._gain**2
        parts = (GRAIN_FRAMES / SAMPLE_RATE_HZ / time_s for time_s in (SWELL_S, EVEN_S, EVEN_GLIDE_S))
        swell, lull = 10.0 ** (SWELL_DB / 10.0), 10.0 ** (-lull_db / 10.0)
        self._even = np.array([power, *parts, 10.0 ** (reach_db / 20.0), swell, lull])
        self._trim = np.array([0.0, 0.0, power, power, 1.0, 1.0])

    def aim(self, frame: ControlFrame, fade: float) -> None:
        """Begins a tick: where each knob is headed, and the chord.

        A frame with a number that is not sane leaves the knobs where they were headed.
        """
        numbers = _DRIVES(frame.drive) + _LEVELS(frame.levels)
        if math.isfinite(sum(numbers)) and max(numbers) < 10.0 and min(numbers) > -10.0:
            self._retarget(frame, fade)
        self._harmony(self._lowered)
        space.awake(self._target, self._state, self._firsts, self._is_awake)
        if self._clock == 0:
            self._state[1:] = self._target[1:, None]
            self._is_awake[:] = True  # so that every voice's kernel is loaded when the sound begins, and not later

    def render(self, n_grains: int) -> npt.NDArray[np.float32]:
        """The next grains of the present tick, (64 n_grains, 2), unlimited."""
        edges, outs, dry, send = self._buffer(n_grains)
        space.glide(self._target, self._state, GLIDE_KEEP, edges)
        for part, out, is_awake in zip(self._parts, outs, self._is_awake, strict=True):
            if is_awake:
                part.sounding(out, edges[part.rows], self._clock)
                if part.spot:
                    space.spot(out, edges[part.common], self._clock, part.way, *part.spot)
        space.gather(outs, edges, self._firsts, self._is_turned, self._is_awake, dry, send)
        space.room(
            send, dry, self._clock, GRAIN_FRAMES, self._line_gain, self._damping,
            self._echo, self._smear, self._lines, self._low_pass,
        )  # fmt: skip
        block = np.empty((GRAIN_FRAMES * n_grains, 2), np.float32)
        space.finish(dry, edges[0], self._high_pass, self._rumble, self._trim, self._even, block)
        self._clock += GRAIN_FRAMES * n_grains
        return block

    def _add(self, voice: Voice, first: int, random: np.random.Generator, has_bed: bool) -> None:
        """A voice whose knobs begin at row `first`."""
        kind = KINDS[voice.kind]
        if kind.cue:
            self._cues.append(first)
        elif has_bed:
            self._kept[first] = UNDER_BED if voice.kind in NOISES else 0.0
        constants = {name: float(voice.constants.get(name, knob.default)) for name, knob in kind.constants.items()}
        sounding = kind.make(constants, self._harmony, random)
        leaves = any(name in voice.bindings or voice.constants.get(name) for name in ("place", "roam"))
        spot = (np.zeros((2, 2 * GRAIN_FRAMES)), np.zeros(2), np.zeros(1)) if leaves else None
        common = slice(first, first + len(COMMON))
        self._parts.append(_Part(slice(common.stop, len(self._base)), common, sounding, float(random.random()), spot))

    def _retarget(self, frame: ControlFrame, fade: float) -> None:
        levels = frame.levels
        target = self._base.copy()
        for name, value in self._bindings(frame).items():
            target[self._bound[name]] = value
        target[0] = self._gain * slope(levels.sound) * fade
        now = hour(frame.drive.progress)
        bright = 1.0 - self._arc * (1.0 - now.bright)
        dense = 2.0 * min(1.0, max(0.0, levels.density)) * (1.0 - self._arc * (1.0 - now.dense))
        cue = slope(levels.cue)
        for row in self._bright:
            target[row] *= bright
        for row in self._dense:
            target[row] *= dense
        for row in self._cues:
            target[row] *= cue
        for row, kept in self._kept.items():
            target[row] *= kept
        self._target = np.minimum(np.maximum(target, self._low), self._high)
        self._lowered = self._arc * now.low

    def _buffer(self, n_grains: int) -> tuple[Floats, Floats, Floats, Floats]:
        """The knobs' edges, each voice's sound, the mix and what goes into the room; made once for each length."""
        if n_grains not in self._buffers:
            n = GRAIN_FRAMES * n_grains
            edges = np.zeros((len(self._base), n_grains + 1))
            self._buffers[n_grains] = (edges, np.zeros((len(self._parts), 2, n)), np.zeros((2, n)), np.zeros((2, n)))
        return self._buffers[n_grains]


def check(soundscape: Soundscape) -> None:
    """Raises SceneError when the soundscape cannot be played."""
    _tuning(soundscape)
    for voice in soundscape.voices:
        check_voice(soundscape, voice)


def _random(seed: int, count: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=(count, part))))


def _tuning(soundscape: Soundscape) -> tuple[dict[str, float], npt.NDArray[np.float64], list[list[int]]]:
    """The mix's numbers, the tones in Hz (tones,), and the chords as indices of tones."""
    mix = dict(soundscape.mix)
    ratios, names = mix.pop("tones", ["1/1", "3/2", "2/1"]), mix.pop("chords", None)
    for key in mix:
        if key not in MIX:
            known = (*MIX, "tones", "chords")
            raise soundscape.error(key, f"{key} is not a word of [mix]{nearest(key, known)}")
    numbers = {name: check_number(soundscape, name, mix.get(name, knob.default), knob) for name, knob in MIX.items()}
    if not isinstance(ratios, list) or not ratios or not all(isinstance(ratio, str) for ratio in ratios):
        raise soundscape.error("tones", 'tones must be a list of ratios to the root: ["1/1", "3/2"]')
    hz = np.array([numbers["root_hz"] * _ratio(soundscape, ratio) for ratio in ratios])
    names = [ratios] if names is None else names
    if not isinstance(names, list) or not names or not all(isinstance(chord, list) and chord for chord in names):
        raise soundscape.error("chords", "chords must be a list of lists of tones")
    for tone in (tone for chord in names for tone in chord):
        if tone not in ratios:
            raise soundscape.error("chords", f"{tone} is not one of the tones{nearest(str(tone), ratios)}")
    chords = [[ratios.index(tone) for tone in chord] for chord in names]
    for chord, near in zip(names, neighbours(chords), strict=True):
        if not near and len(chords) > 1:
            raise soundscape.error("chords", f"the chord {chord} shares two tones with no other: it cannot be reached")
    return numbers, hz, chords


def _ratio(soundscape: Soundscape, text: Any) -> float:
    try:
        value = float(Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise soundscape.error("tones", f"{text} is not a ratio such as 3/2") from error
    if not 0.25 <= value <= 16.0:
        raise soundscape.error("tones", f"{text} lies outside 1/4 to 16")
    return value
