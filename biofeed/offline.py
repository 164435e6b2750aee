"""The offline shell: simulated persons and capsules through the same core, and frames into files, in one thread.

Time is virtual: nothing here depends on how fast the machine is, so the same arguments give the same bytes.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from biofeed.clock import VirtualClock
from biofeed.config import Config, from_table
from biofeed.engine import Engine, Over, Sink, run
from biofeed.errors import BiofeedError, UsageError
from biofeed.graphics.context import headless
from biofeed.graphics.film import Film, write_png, write_wav
from biofeed.graphics.renderer import Renderer
from biofeed.messages import (
    SAMPLE_RATE_HZ,
    TICKS_PER_S,
    ControlFrame,
    Entry,
    Input,
    LinkChanged,
    LinkState,
    Reading,
    Received,
    control_table,
)
from biofeed.scene import Scene
from biofeed.sensors import bfs
from biofeed.sensors.intake import Decoding
from biofeed.sensors.simulated import SimulatedDevice
from biofeed.session.capsule import Capsule, Tick, digest_of, frames_digest
from biofeed.session.report import History
from biofeed.sound.limiter import Limiter
from biofeed.sound.synth import Synth

Progress = Callable[[float], None]  # told the session time that is done, s
SIMULATED = "sensor0"


class SimulatedIntake:
    """A simulated person's bytes at each tick, as a port would have read them; the person sees the guide."""

    def __init__(self, person: str, seed: int, until_s: float) -> None:
        self._device = SimulatedDevice(person, seed)
        self._decode = Decoding()
        self._until_s = until_s

    def __call__(self, tick: int, time_s: float) -> tuple[list[Entry], list[Input]]:
        if time_s >= self._until_s:
            raise Over
        entries: list[Entry] = []
        if tick == 0:
            entries.append(LinkChanged(SIMULATED, time_s, LinkState.OPENING, "a simulated person"))
        if tick % TICKS_PER_S == TICKS_PER_S // 2:
            self._device.receive(bfs.ping(time_s), time_s)
        data = self._device.advance(time_s)
        if data:
            entries.append(Received(SIMULATED, time_s, data))
        return entries, self._decode(entries)

    def watch(self, frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        """A sink for `run`."""
        self._device.perceive(frame.time_s, frame.drive.guide)


class CapsuleIntake:
    """What a capsule recorded at each tick; ends the session where the recording ends."""

    def __init__(self, capsule: Capsule) -> None:
        self._ticks = capsule.ticks()
        self._decode = Decoding()
        self.digests: list[bytes] = []

    def __call__(self, tick: int, time_s: float) -> tuple[Sequence[Entry], Sequence[Input]]:
        recorded = next(self._ticks, None)
        if recorded is None:
            raise Over
        self.digests.append(recorded.digest)
        return recorded.entries, self._decode(recorded.entries)

    def rest(self) -> Iterator[Tick]:
        """Recorded ticks that were not asked for."""
        return self._ticks


def simulate(config: Config, scene: str, person: str, seed: int, until_s: float, sinks: Sequence[Sink]) -> None:
    """A session with a simulated person who follows, or does not, up to that time."""
    intake = SimulatedIntake(person, seed, until_s)
    run(Engine(config.engine, scene), VirtualClock().sleep_until, intake, [*sinks, intake.watch])


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gave: the digests, and the first tick that differs from the recording (None: equal)."""

    digest: str
    recorded: str
    n_ticks: int
    first_difference: int | None


def replay(capsule: Capsule, sinks: Sequence[Sink] = ()) -> Replayed:
    """The session again, from its recorded bytes, commands and settings."""
    config = from_table(capsule.opening.settings)
    intake = CapsuleIntake(capsule)
    digests: list[bytes] = []

    def compare(frame: ControlFrame, _reading: Reading, _entries: Sequence[Entry]) -> None:
        digests.append(digest_of(frame))

    run(Engine(config.engine, capsule.opening.scene), VirtualClock().sleep_until, intake, [compare, *sinks])
    recorded = intake.digests + [tick.digest for tick in intake.rest()]
    first = next((i for i, (a, b) in enumerate(zip(digests, recorded, strict=False)) if a != b), None)
    if first is None and len(digests) != len(recorded):
        first = min(len(digests), len(recorded))
    return Replayed(frames_digest(digests), frames_digest(recorded), len(digests), first)


def history(capsule: Capsule) -> History:
    """All that a report tells, by replaying the capsule."""
    frames: list[ControlFrame] = []
    readings: list[Reading] = []
    links: list[LinkChanged] = []

    def keep(frame: ControlFrame, reading: Reading, entries: Sequence[Entry]) -> None:
        frames.append(frame)
        readings.append(reading)
        links.extend(entry for entry in entries if isinstance(entry, LinkChanged))

    result = replay(capsule, [keep])
    return History(
        opening=capsule.opening,
        frames=frames,
        readings=readings,
        links=links,
        recorded_digest=result.recorded,
        replayed_digest=result.digest,
        torn=capsule.torn,
        ended=capsule.ended,
    )


class Painter:
    """Frames into pictures and sound, one after the other, each after its guard unless `guarded` is False."""

    def __init__(
        self,
        scenes: Mapping[str, Scene],
        scene: str,
        seed: int,
        config: Config,
        size: tuple[int, int] | None,
        sounding: bool,
        guarded: bool = True,
    ) -> None:
        self._scenes = scenes
        self._scene = scene
        self._context = headless(size) if size else None
        self._renderer = (
            Renderer(self._context, scenes[scene], size, seed, config.picture, guarded)
            if self._context and size
            else None
        )
        self._synth = Synth(scenes[scene].soundscape, seed) if sounding else None
        self._limiter = Limiter(config.sound) if guarded else None

    def follow(self, frame: ControlFrame) -> None:
        """Takes up the frame's scene; call before `picture` and `sound`."""
        if frame.scene != self._scene and frame.scene in self._scenes:
            self._scene = frame.scene
            if self._renderer:
                self._renderer.set_scene(self._scenes[frame.scene])
            if self._synth:
                self._synth.set_soundscape(self._scenes[frame.scene].soundscape)

    def picture(self, frame: ControlFrame) -> npt.NDArray[np.uint8]:
        """The frame's picture, (height, width, 3), top row first."""
        assert self._renderer
        self._renderer.draw(frame)
        return self._renderer.read()

    def sound(self, frame: ControlFrame) -> npt.NDArray[np.float32]:
        """The frame's 800 samples, (800, 2)."""
        assert self._synth
        block = self._synth(frame)
        return self._limiter(block) if self._limiter else block

    def close(self) -> None:
        if self._context:
            self._context.close()


class Writer(Protocol):
    """Where pictures and sound go; `fps` pictures and 48,000 samples a second."""

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None: ...

    def sound(self, samples: npt.NDArray[np.float32]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Canvas:
    """What to draw: None as size or fps leaves out the picture, `sounding` False the sound."""

    scenes: Mapping[str, Scene]
    scene: str
    seed: int
    size: tuple[int, int]
    fps: int
    guarded: bool = True


class Filming:
    """A sink that paints each frame into a writer; a picture is drawn at every tick that a picture falls on."""

    def __init__(self, canvas: Canvas, config: Config, writer: Writer, pictured: bool, sounding: bool) -> None:
        size = canvas.size if pictured else None
        self._painter = Painter(canvas.scenes, canvas.scene, canvas.seed, config, size, sounding, canvas.guarded)
        self._writer = writer
        self._pictured = pictured
        self._sounding = sounding
        self._fps = canvas.fps
        self._n_pictures = 0

    def __call__(self, frame: ControlFrame) -> None:
        self._painter.follow(frame)
        if self._sounding:
            self._writer.sound(self._painter.sound(frame))
        if self._pictured and frame.tick * self._fps >= self._n_pictures * TICKS_PER_S:
            self._writer.picture(self._painter.picture(frame))
            self._n_pictures += 1

    def close(self) -> None:
        self._painter.close()
        self._writer.close()


class ArrayWriter:
    """Everything in one NPZ: `frames` uint8 (n, h, w, 3), `audio` float32 (m, 2), `control` table."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames: list[npt.NDArray[np.uint8]] = []
        self._audio: list[npt.NDArray[np.float32]] = []
        self.control: list[ControlFrame] = []

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        self._frames.append(rgb)

    def sound(self, samples: npt.NDArray[np.float32]) -> None:
        self._audio.append(samples)

    def close(self) -> None:
        audio = np.concatenate(self._audio) if self._audio else np.zeros((0, 2), np.float32)
        np.savez(self._path, frames=np.array(self._frames), audio=audio, control=control_table(self.control))


class SoundWriter:
    """A 32-bit float WAV."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: list[npt.NDArray[np.float32]] = []

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        raise AssertionError("a WAV has no pictures")

    def sound(self, samples: npt.NDArray[np.float32]) -> None:
        self._blocks.append(samples)

    def close(self) -> None:
        write_wav(self._path, np.concatenate(self._blocks) if self._blocks else np.zeros((0, 2), np.float32))


class PngWriter:
    """The last picture, as a PNG."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: npt.NDArray[np.uint8] | None = None

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        self._last = rgb

    def sound(self, samples: npt.NDArray[np.float32]) -> None:
        raise AssertionError("a PNG has no sound")

    def close(self) -> None:
        if self._last is not None:
            write_png(self._path, self._last)


def filming(canvas: Canvas, config: Config, out: Path) -> Filming:
    """What paints into that file, by its ending. Raises UsageError for an ending that is not known."""
    suffix = out.suffix.lower()
    if suffix == ".mp4":
        return Filming(canvas, config, Film(out, canvas.size, canvas.fps, SAMPLE_RATE_HZ), True, True)
    if suffix == ".wav":
        return Filming(canvas, config, SoundWriter(out), False, True)
    if suffix == ".png":
        return Filming(canvas, config, PngWriter(out), True, False)
    if suffix == ".npz":
        return Filming(canvas, config, ArrayWriter(out), True, True)
    raise UsageError(f"{out.name}: the output must end in .mp4, .wav, .png or .npz")


def film_process(pipe: Connection, canvas: Canvas, config: Config, out: Path) -> None:
    """A child of the live shell that paints every frame it is sent, at its own pace, and says how far it is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        film = filming(canvas, config, out)
        while (frame := pipe.recv()) is not None:
            film(frame)
            if frame.tick % 30 == 0:
                pipe.send(("film", frame.time_s))
        film.close()
    except EOFError:  # the engine is gone
        film.close()
    except BiofeedError as error:
        pipe.send(("error", str(error)))
        raise SystemExit(1) from error
