"""The synthesiser: control frames in, 60 a second, sound out (48 kHz, stereo, unlimited).

Sound is made in grains of 64 frames on a grid tied to the sample counter. A tick has 800 frames; a grain belongs to the
tick in which it begins, so a tick has thirteen grains or twelve. Same soundscape, seed, frames and music give the same
samples, however they are asked for: tick by tick, or any number of grains at once.
"""

from collections import deque
from typing import Protocol

import numpy as np
import numpy.typing as npt

from biofeed.calm import CALM
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Soundscape
from biofeed.sound import space
from biofeed.sound.fades import slope
from biofeed.sound.kernel import GRAIN_FRAMES
from biofeed.sound.patch import GLIDE_KEEP, Patch, check

__all__ = ["GRAIN_FRAMES", "TICK_FRAMES", "Bed", "Synth", "check"]

TICK_FRAMES = SAMPLE_RATE_HZ // TICKS_PER_S
FADE_DOWN_S, FADE_UP_S = 2.0, 4.0  # between two soundscapes
CALM_TAIL_S = 1.0  # the master level's way to nothing, after the last of a rest
REST = 12  # ticks of silence between them, in which the smoothed master level really arrives at nothing


class Bed(Protocol):
    """Music that lies under the cues: the next `n_frames` of it, (n_frames, 2)."""

    def __call__(self, n_frames: int) -> npt.NDArray[np.float32]: ...


class Synth:
    """Renders one soundscape, or passes from one to another, over a bed of music if there is one.

    As far as a frame is at rest, the calm's own bed sounds in the place of all that, at the same master level.
    """

    def __init__(self, soundscape: Soundscape, seed: int, bed: Bed | None = None) -> None:
        """Raises SceneError when the soundscape names what does not exist."""
        self._seed = seed
        self._bed = bed
        self._bed_level = np.zeros((1, 2))
        self._bed_target = np.zeros(1)
        self._count = 0
        self._patch = Patch(soundscape, seed, 0, bed is not None)
        self._calm = Patch(CALM.soundscape, seed, 0, has_bed=False)
        self._calm_s = 0.0  # for so long it is still to be heard
        self._calm.aim(ControlFrame(0, 0.0, Drive(), "calm", Levels(), "calm", ""), 0.0)
        self._calm.render(1)  # its kernels are loaded before anybody needs it
        self._next: Soundscape | None = None
        self._fade = 1.0
        self._rest = 0
        self._is_broken = False
        self._frames: deque[ControlFrame] = deque()
        self._frame: ControlFrame | None = None
        self._grain = 0  # the next one to be rendered
        self._tick = -1  # to which the last one belonged
        self._rest_of_grain = np.zeros((0, 2), np.float32)
        if bed:
            silence = np.zeros((GRAIN_FRAMES, 2), np.float32)
            space.lay(silence, np.zeros(2), silence)  # its kernel is loaded before the sound begins

    def set_soundscape(self, soundscape: Soundscape) -> None:
        """Fades down, goes over to `soundscape`, and fades up again. Raises SceneError, and then nothing changes."""
        check(soundscape)
        self._next = None if soundscape == self._patch.soundscape else soundscape

    def __call__(self, frame: ControlFrame) -> npt.NDArray[np.float32]:
        """The next tick: 800 frames, (800, 2); finite always."""
        self.feed(frame)
        due = self._grain * GRAIN_FRAMES - len(self._rest_of_grain) + TICK_FRAMES
        whole = np.concatenate([self._rest_of_grain, self.render(-(-due // GRAIN_FRAMES) - self._grain)])
        self._rest_of_grain = whole[TICK_FRAMES:]
        return whole[:TICK_FRAMES]

    def feed(self, frame: ControlFrame) -> None:
        """Says how the next tick that has no frame yet shall sound."""
        self._frames.append(frame)

    def render(self, n_grains: int) -> npt.NDArray[np.float32]:
        """The next grains, (64 n_grains, 2); finite always. A tick without a frame sounds by the one before it."""
        blocks = []
        end = self._grain + n_grains
        while self._grain < end:
            tick = self._grain * GRAIN_FRAMES // TICK_FRAMES
            if tick != self._tick:
                self._tick = tick
                self._begin()
            n = min(end, -(-(tick + 1) * TICK_FRAMES // GRAIN_FRAMES)) - self._grain
            blocks.append(self._render(n))
            self._grain += n
        return np.concatenate(blocks) if len(blocks) != 1 else blocks[0]

    def _begin(self) -> None:
        """A tick begins."""
        if self._frames:
            self._frame = self._frames.popleft()
        if self._frame is None:
            raise ValueError("a sound needs its first frame")
        if self._is_broken:
            self._restart(self._patch.soundscape)
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
        rest = min(1.0, max(0.0, self._frame.rest))  # not a number is no rest
        left = (1.0 - rest) * (1.0 - rest)
        self._patch.aim(self._frame, self._fade * self._fade * left)
        self._calm_s = CALM_TAIL_S if rest > 0.0 else max(0.0, self._calm_s - 1.0 / TICKS_PER_S)
        if self._calm_s > 0.0:
            self._calm.aim(self._frame, 1.0 - left)
        if abs(self._frame.levels.sound) <= 1.0:
            self._bed_target[0] = slope(self._frame.levels.sound) * left

    def _render(self, n: int) -> npt.NDArray[np.float32]:
        """Grains of one tick; the calm's bed needs nothing of a world, and is heard over one that has failed."""
        block = self._world(n)
        if self._calm_s > 0.0:
            block += self._calm.render(n)
        return block

    def _world(self, n: int) -> npt.NDArray[np.float32]:
        block = np.zeros((n * GRAIN_FRAMES, 2), np.float32) if self._is_broken else self._patch.render(n)
        if not np.isfinite(block).all():  # a voice has failed: silence to the end of the tick, then it begins anew
            good = int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0]) // GRAIN_FRAMES * GRAIN_FRAMES
            block[good:] = 0.0
            self._is_broken = True
        if self._bed:
            edges = np.empty((1, n + 1))
            space.glide(self._bed_target, self._bed_level, GLIDE_KEEP, edges)
            space.lay(self._bed(n * GRAIN_FRAMES), edges[0], block)
        return block

    def _restart(self, soundscape: Soundscape) -> None:
        self._count += 1
        self._patch = Patch(soundscape, self._seed, self._count, self._bed is not None)
        self._fade = 0.0
        self._is_broken = False
