"""What a scene's and a soundscape's parameters may follow: frames in, one number per parameter out, smooth and causal.

The sources are the words of `Drive`, three of `Levels`, and two that tell how the breath goes, as the drive shows it.
"""

import itertools
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from biofeed.messages import DRIVES, TICKS_PER_S, ControlFrame

_LEVELS = ("intensity", "density", "load")
_SHAPES = ("exhale", "even")
SOURCES = (*DRIVES, *_LEVELS, *_SHAPES)
CURVES = ("linear", "smooth", "ease_in", "ease_out")


@dataclass(frozen=True, slots=True)
class Binding:
    """One parameter's wire to the body: low..high over source 0..1, bent by curve, smoothed by a one-pole.

    With `integrate` the parameter is the running sum over time (per second): a speed follows the body, and the place
    never jumps.
    """

    source: str
    low: float = 0.0
    high: float = 1.0
    curve: str = "linear"
    smooth_s: float = 0.0
    integrate: bool = False

    def target(self, x: float) -> float:
        """Where the parameter is headed, before smoothing, when its source says `x` (0..1)."""
        if self.curve == "smooth":
            x = x * x * (3.0 - 2.0 * x)
        elif self.curve == "ease_in":
            x = x * x
        elif self.curve == "ease_out":
            x = x * (2.0 - x)
        return self.low + (self.high - self.low) * float(x)


class Bindings:
    """The running values of many bindings; called with each frame that arrives, in order, skipped ticks allowed."""

    def __init__(self, bindings: Mapping[str, Binding]) -> None:
        self._bindings = dict(bindings)
        self._smoothed: dict[str, float] = {}
        self._sums = {name: 0.0 for name, binding in bindings.items() if binding.integrate}
        self._shape = Shape() if any(binding.source in _SHAPES for binding in bindings.values()) else None
        self._tick: int | None = None

    def __call__(self, frame: ControlFrame) -> dict[str, float]:
        """The parameters' values at this frame."""
        dt_s = 0.0 if self._tick is None else max(0, frame.tick - self._tick) / TICKS_PER_S
        self._tick = frame.tick
        shape = self._shape(dt_s, frame.drive.breath, frame.drive.confidence) if self._shape else {}
        values: dict[str, float] = {}
        for name, binding in self._bindings.items():
            target = binding.target(_say(binding.source, frame, shape))
            held = self._smoothed.get(name, target)
            keep = math.exp(-dt_s / binding.smooth_s) if binding.smooth_s > 0.0 else 0.0
            value = target + (held - target) * keep
            self._smoothed[name] = value
            if binding.integrate:
                self._sums[name] += value * dt_s
                value = self._sums[name]
            values[name] = value
        return values


class Shape:
    """How the breath goes, told from its level alone: how long this exhale is already, how alike the last breaths were.

    Both fade with confidence: what is not known of a breath claims nothing. Nothing here is a measure of the person;
    it plays a world.
    """

    LONG_S = 6.0  # an exhale that counts as whole: the longer half of a breath at 5.5/min
    TURN = 0.08  # of the range: a smaller way back is not a turn
    BREATHS = 4
    SPREAD = 0.35  # mean change from breath to breath, of their length, that counts as not even at all
    FORGET_S = 20.0  # without a turn
    SOFT_S = 0.6  # time constant of what is told; the evenness takes four times as long

    def __init__(self) -> None:
        self._extreme = 0.5
        self._is_falling = False
        self._fell_s = 0.0  # how long this exhale has lasted
        self._since_s = 0.0  # the last inhale began
        self._lengths_s: deque[float] = deque(maxlen=self.BREATHS)
        self._told = {"exhale": 0.0, "even": 0.0}

    def __call__(self, dt_s: float, level: float, confidence: float) -> dict[str, float]:
        """`exhale` and `even`, each 0..1, at a breath's level `dt_s` after the one before."""
        self._since_s += dt_s
        self._follow(dt_s, level)
        if self._since_s > self.FORGET_S:
            self._lengths_s.clear()
        wanted = {
            "exhale": min(1.0, self._fell_s / self.LONG_S) if self._is_falling else 0.0,
            "even": self._evenness(),
        }
        for name, soft_s in (("exhale", self.SOFT_S), ("even", 4.0 * self.SOFT_S)):
            self._told[name] += (wanted[name] * confidence - self._told[name]) * -math.expm1(-dt_s / soft_s)
        return self._told

    def _follow(self, dt_s: float, level: float) -> None:
        if self._is_falling:
            self._extreme = min(self._extreme, level)
            self._fell_s += dt_s
            if level > self._extreme + self.TURN:
                self._is_falling, self._extreme = False, level
                if self._since_s <= self.FORGET_S:
                    self._lengths_s.append(self._since_s)
                self._since_s = 0.0
        else:
            self._extreme = max(self._extreme, level)
            if level < self._extreme - self.TURN:
                self._is_falling, self._extreme, self._fell_s = True, level, 0.0

    def _evenness(self) -> float:
        lengths_s = self._lengths_s
        if len(lengths_s) < self.BREATHS:
            return 0.0
        change_s = sum(abs(b - a) for a, b in itertools.pairwise(lengths_s)) / (self.BREATHS - 1)
        return max(0.0, 1.0 - change_s * self.BREATHS / sum(lengths_s) / self.SPREAD)


def _say(source: str, frame: ControlFrame, shape: Mapping[str, float]) -> float:
    if source in _SHAPES:
        return shape[source]
    return float(getattr(frame.levels if source in _LEVELS else frame.drive, source))
