"""Control frames into files, one after the other in one thread: MP4, WAV, one PNG, or NPZ arrays.

Nothing here depends on how fast the machine is: the same frames give the same pictures on the same GL driver, and the
same samples.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from biofeed.config import Config
from biofeed.errors import BiofeedError, OutputError, UsageError
from biofeed.graphics.context import headless
from biofeed.graphics.film import Film, write_png, write_wav
from biofeed.graphics.renderer import Renderer
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, control_table
from biofeed.scene import Scene
from biofeed.sound.limiter import Limiter
from biofeed.sound.music import Music
from biofeed.sound.synth import Synth

PNG_RUN_UP_S = 4.0  # a single picture is drawn from this long before it: the guard's light has to rise from black


@dataclass(frozen=True, slots=True)
class Canvas:
    """What to draw, and how; `at_s` is the moment of a single picture. `guarded` False leaves the last gates out."""

    scenes: Mapping[str, Scene]
    scene: str
    seed: int
    size: tuple[int, int]
    fps: int = TICKS_PER_S
    at_s: float | None = None
    guarded: bool = True
    music: Path | None = None  # the person's own, under the cues


class Sheet(Protocol):
    """Where pictures and sound go."""

    def frame(self, frame: ControlFrame) -> None: ...

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None: ...

    def sound(self, samples: npt.NDArray[np.float32]) -> None: ...

    def close(self) -> None: ...

    def discard(self) -> None: ...


class Filming:
    """Paints every frame it is given; a `with` that breaks off leaves no half-written file behind."""

    def __init__(self, canvas: Canvas, config: Config, sheet: Sheet, pictured: bool, sounding: bool) -> None:
        world = canvas.scenes[canvas.scene]
        self._canvas = canvas
        self._scene = canvas.scene
        self._sheet = sheet
        self._context = headless(canvas.size) if pictured else None
        self._renderer = None
        if self._context:
            self._renderer = Renderer(self._context, world, canvas.size, canvas.seed, config.picture, canvas.guarded)
        bed = Music(canvas.music) if canvas.music and sounding else None
        self._synth = Synth(world.soundscape, canvas.seed, bed) if sounding else None
        self._limiter = Limiter(config.sound) if canvas.guarded else None
        self._n_pictures = 0

    def __call__(self, frame: ControlFrame) -> None:
        self._follow(frame)
        self._sheet.frame(frame)
        if self._synth:
            block = self._synth(frame)
            self._sheet.sound(self._limiter(block) if self._limiter else block)
        if self._renderer:
            self._paint(self._renderer, frame)

    def __enter__(self) -> "Filming":
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if self._renderer and self._context:
            self._renderer.close()
            self._context.close()
        if kind is None:
            self._sheet.close()
        else:
            self._sheet.discard()

    def _follow(self, frame: ControlFrame) -> None:
        if frame.scene != self._scene and frame.scene in self._canvas.scenes:
            self._scene = frame.scene
            world = self._canvas.scenes[frame.scene]
            if self._renderer:
                self._renderer.set_scene(world)
            if self._synth:
                self._synth.set_soundscape(world.soundscape)

    def _paint(self, renderer: Renderer, frame: ControlFrame) -> None:
        """A picture at each tick on which one falls; before a single picture only the run-up is drawn."""
        at_s = self._canvas.at_s
        if at_s is not None and frame.time_s < at_s - PNG_RUN_UP_S:
            renderer.advance(frame)
        elif frame.tick * self._canvas.fps >= self._n_pictures * TICKS_PER_S:
            renderer.draw(frame)
            self._sheet.picture(renderer.read())
            self._n_pictures += 1


class FilmSheet:
    """An MP4 with picture and sound."""

    def __init__(self, path: Path, size: tuple[int, int], fps: int) -> None:
        self._film = Film(path, size, fps, SAMPLE_RATE_HZ)
        self.picture = self._film.picture
        self.sound = self._film.sound
        self.close = self._film.close
        self.discard = self._film.discard

    def frame(self, frame: ControlFrame) -> None:
        """A film holds no numbers."""


class Arrays:
    """Keeps everything, and writes what the ending asks for.

    .npz: `frames` uint8 (n, h, w, 3), `audio` float32 (m, 2), `control` table; .wav: the sound; .png: the last picture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames: list[npt.NDArray[np.uint8]] = []
        self._audio: list[npt.NDArray[np.float32]] = [np.zeros((0, 2), np.float32)]
        self._control: list[ControlFrame] = []

    def frame(self, frame: ControlFrame) -> None:
        self._control.append(frame)

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        if self._path.suffix.lower() == ".png":
            self._frames.clear()
        self._frames.append(rgb)

    def sound(self, samples: npt.NDArray[np.float32]) -> None:
        self._audio.append(samples)

    def close(self) -> None:
        suffix = self._path.suffix.lower()
        audio = np.concatenate(self._audio)
        if suffix == ".wav":
            write_wav(self._path, audio)
        elif suffix == ".png":
            write_png(self._path, self._frames[-1])
        else:
            try:
                np.savez(self._path, frames=np.array(self._frames), audio=audio, control=control_table(self._control))
            except OSError as error:
                raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error

    def discard(self) -> None:
        """Nothing was written."""


def filming(canvas: Canvas, config: Config, out: Path) -> Filming:
    """What paints into that file, by its ending. Raises UsageError for an ending that is not known."""
    suffix = out.suffix.lower()
    if suffix not in (".mp4", ".wav", ".png", ".npz"):
        raise UsageError(f"{out.name}: the output must end in .mp4, .wav, .png or .npz")
    if not out.parent.is_dir():
        raise OutputError(f"{out} cannot be written: there is no folder {out.parent}")
    sheet = FilmSheet(out, canvas.size, canvas.fps) if suffix == ".mp4" else Arrays(out)
    return Filming(canvas, config, sheet, pictured=suffix != ".wav", sounding=suffix != ".png")


def film_process(pipe: Connection, canvas: Canvas, config: Config, out: Path) -> None:
    """A child of the live shell that paints every frame it is sent, at its own pace, and says how far it is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with filming(canvas, config, out) as film:
            while (frame := _next(pipe)) is not None:
                film(frame)
                if frame.tick % 30 == 0:
                    pipe.send(("film", frame.time_s))
    except BiofeedError as error:
        pipe.send(("error", str(error)))
        raise SystemExit(1) from error


def _next(pipe: Connection) -> ControlFrame | None:
    """The next frame; None when it is over, or the engine is gone."""
    try:
        frame: ControlFrame | None = pipe.recv()
    except (EOFError, OSError):
        return None
    return frame
