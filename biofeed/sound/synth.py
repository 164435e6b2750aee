"""The synthesiser: a control frame in, one tick of sound out (800 frames at 48 kHz, stereo).

Everything runs on a control grid of 80 frames tied to the sample counter; ten grains are a tick. What a soundscape
binds to the body is smoothed, then ramped over each grain. Same soundscape, seed and frames give the same samples.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from biofeed.bindings import Bindings
from biofeed.errors import nearest
from biofeed.messages import DRIVES, LEVELS, SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame
from biofeed.scene import Soundscape
from biofeed.sound import space
from biofeed.sound.harmony import Harmony, neighbours
from biofeed.sound.voices import COMMON, KINDS, Knob, check_number, check_voice

TICK_FRAMES = SAMPLE_RATE_HZ // TICKS_PER_S
GRAIN_FRAMES = 80  # divides a tick; 600 grains a second are finer than any gesture
GRAINS = TICK_FRAMES // GRAIN_FRAMES
# Two of these in a row turn 60 steps a second into a line without corners, and delay a breath by only 60 ms.
GLIDE_KEEP = math.exp(-GRAIN_FRAMES / SAMPLE_RATE_HZ / 0.03)
FADE_DOWN_S, FADE_UP_S = 2.0, 4.0  # between two soundscapes
REST = 12  # ticks of silence between them, in which the smoothed master level really arrives at nothing

MIX = {
    "level_db": Knob(0.0, -40.0, 20.0),
    "root_hz": Knob(110.0, 40.0, 400.0),
    "t60_s": Knob(4.0, 0.5, 15.0),  # the room's reverberation time
    "damping": Knob(0.4, 0.0, 0.9),  # how soon the room swallows its highs
    "arc": Knob(0.1, 0.0, 0.5),  # how far the middle of a session darkens and thins
}


class Synth:
    """Renders one soundscape, or passes from one to another; each call is one tick."""

    def __init__(self, soundscape: Soundscape, seed: int) -> None:
        """Raises SceneError when the soundscape names what does not exist."""
        self._seed = seed
        self._count = 0
        self._patch = _Patch(soundscape, seed, 0)
        self._next: Soundscape | None = None
        self._fade = 1.0
        self._rest = 0

    def set_soundscape(self, soundscape: Soundscape) -> None:
        """Fades down, goes over to `soundscape`, and fades up again. Raises SceneError, and then nothing changes."""
        check(soundscape)
        self._next = None if soundscape == self._patch.soundscape else soundscape

    def __call__(self, frame: ControlFrame) -> npt.NDArray[np.float32]:
        """The next 800 frames, (800, 2), unlimited; finite always."""
        if self._next is None:
            self._fade = min(1.0, self._fade + 1.0 / (FADE_UP_S * TICKS_PER_S))
        elif self._fade > 0.0:
            self._fade = max(0.0, self._fade - 1.0 / (FADE_DOWN_S * TICKS_PER_S))
            self._rest = REST
        elif self._rest > 0:
            self._rest -= 1
        else:
            self._restart(self._next)
            self._next = None
        block = self._patch(frame, self._fade * self._fade)
        if not np.isfinite(block).all():
            self._restart(self._patch.soundscape)
            block = np.zeros((TICK_FRAMES, 2), np.float32)
        return block

    def _restart(self, soundscape: Soundscape) -> None:
        self._count += 1
        self._patch = _Patch(soundscape, self._seed, self._count)
        self._fade = 0.0


def check(soundscape: Soundscape) -> None:
    """Raises SceneError when the soundscape cannot be played."""
    _tuning(soundscape)
    for voice in soundscape.voices:
        check_voice(soundscape, voice)


class _Patch:
    """One soundscape at work."""

    def __init__(self, soundscape: Soundscape, seed: int, count: int) -> None:
        self.soundscape = soundscape
        mix, hz, chords = _tuning(soundscape)
        self._harmony = Harmony(hz, chords, _random(seed, count, 0))
        self._clock = 0
        self._arc = mix["arc"]
        self._gain = 10.0 ** (mix["level_db"] / 20.0)
        bindings = {}
        targets = [0.0]  # row 0 of all knobs is the master level
        self._names: list[str] = [""]
        self._ranges = [(0.0, 1.0)]
        self._voices = []
        for index, voice in enumerate(soundscape.voices):
            knobs = check_voice(soundscape, voice)
            kind = KINDS[voice.kind]
            row = len(targets)
            for name, knob in knobs.items():
                key = f"{index} {name}"
                if name in voice.bindings:
                    bindings[key] = voice.bindings[name]
                targets.append(float(voice.constants.get(name, knob.default)))
                self._names.append(key)
                self._ranges.append((knob.low, knob.high))
            constants = {name: float(voice.constants.get(name, knob.default)) for name, knob in kind.constants.items()}
            sounding = kind.make(constants, self._harmony, _random(seed, count, index + 1))
            self._voices.append((row, len(targets), sounding))
        self._bindings = Bindings(bindings)
        self._base = np.array(targets)
        self._low, self._high = np.array(self._ranges).T
        self._rows = {name: row for row, name in enumerate(self._names)}
        self._thinned = [row for row, name in enumerate(self._names) if name.endswith((" brightness", " density"))]
        self._target = self._base.copy()
        self._state = np.zeros((self._base.size, 2))
        self._edges = np.zeros((self._base.size, GRAINS + 1))
        self._out, self._dry, self._send = (np.zeros((2, TICK_FRAMES)) for _ in range(3))
        self._lines, self._smear, self._low_pass = np.zeros((8, 8192)), np.zeros((2, 2, 1024)), np.zeros(8)
        self._line_gain = 10.0 ** (-3.0 * space.LINES / (mix["t60_s"] * SAMPLE_RATE_HZ))
        self._damping = mix["damping"]
        self._rumble = np.zeros((2, 2, 2))

    def __call__(self, frame: ControlFrame, fade: float) -> npt.NDArray[np.float32]:
        self._aim(frame, fade)
        if self._clock == 0:
            self._state[1:] = self._target[1:, None]
        space.glide(self._target, self._state, GLIDE_KEEP, self._edges)
        self._harmony()
        self._dry[:] = 0.0
        self._send[:] = 0.0
        for first, end, sounding in self._voices:
            edges = self._edges[first:end]
            if edges[0].max() < 1e-6:
                continue
            self._out[:] = 0.0
            sounding(self._out, edges[len(COMMON) :], self._clock)
            space.place(self._out, edges[: len(COMMON)], self._dry, self._send)
        space.room(
            self._send, self._dry, self._clock, self._line_gain, self._damping, self._lines, self._smear, self._low_pass
        )
        block = np.empty((TICK_FRAMES, 2), np.float32)
        space.finish(self._dry, self._edges[0], self._rumble, block)
        self._clock += TICK_FRAMES
        return block

    def _aim(self, frame: ControlFrame, fade: float) -> None:
        """Where each knob is headed; a frame with a number that is not sane leaves all where they were."""
        numbers = [getattr(frame.drive, name) for name in DRIVES] + [getattr(frame.levels, name) for name in LEVELS]
        if not all(abs(number) < 10.0 for number in numbers):
            return
        target = self._base.copy()
        # Squared: a straight fade of the level then begins as gently as it ends.
        target[0] = self._gain * min(1.0, max(0.0, frame.levels.sound)) ** 2 * fade
        for name, value in self._bindings(frame).items():
            target[self._rows[name]] = value
        # The hour's arc: it deepens into a darker, sparser middle and comes back.
        deep = self._arc * math.sin(math.pi * min(1.0, max(0.0, frame.drive.progress)))
        target[self._thinned] *= 1.0 - deep
        target[1:] = np.clip(target[1:], self._low[1:], self._high[1:])
        self._target = target


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
