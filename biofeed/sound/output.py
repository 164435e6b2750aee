"""The sound process: control frames come in by pipe, sound goes out; without a device it says so and waits.

The main thread renders ahead into a ring; the device's callback copies out of it, and renders by itself what a device
that asks for much at once finds missing there. Each frame is one tick of sound, in order, so that what is heard is,
sample for sample, what an offline rendering of the same frames gives. Only when frames come too late or pile up is one
held or left out. When they stop coming the sound fades out, and it fades in again when they return.
"""

import contextlib
import gc
import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from biofeed import clock
from biofeed.errors import UsageError
from biofeed.messages import SAMPLE_RATE_HZ, TICKS_PER_S, ControlFrame, Drive, Levels
from biofeed.scene import Soundscape
from biofeed.sound.limiter import Limiter, Report, Settings
from biofeed.sound.music import Music
from biofeed.sound.synth import TICK_FRAMES, Bed, Synth

AHEAD_S = 0.03  # waits in the ring beside what the device keeps: more than rendering is late beside a busy picture
SHORT_S = 0.06  # a latency below this needs the shorter blocks
PILE = 4  # frames that may wait for their turn: a stall of 67 ms loses none
START_PILE = 600  # before the first sound is out: kernels load, and no frame is lost
SILENCE_S = 0.5  # without a frame for so long, the engine is not there
FADE_OUT_S, FADE_IN_S = 1.0, 2.0
RETRY_S = 5.0  # between tries to open a device
MUTE_S = 2.0  # an open device that asks for nothing
PAUSE_S = 0.5  # a device that asked for nothing for so long was silent: the machine slept, or stood still
REST_S = 1.0  # after that, in which the sound goes on unheard
STATUS_S = 1.0
PRIORITY = 5  # among real-time processes: as PulseAudio's own
NAP_S = 0.004


class Pipe(Protocol):
    """The part of a Connection that is needed."""

    def poll(self, timeout: float) -> bool: ...

    def recv(self) -> Any: ...

    def send(self, obj: Any) -> None: ...


class Ring:
    """Sound between what renders and the device: written by one at a time, read by one thread."""

    def __init__(self, capacity: int = 16 * TICK_FRAMES) -> None:
        self._data = np.zeros((capacity, 2), np.float32)
        self._written = 0  # ever; written only by the writer
        self._read = 0  # ever; written only by the reader

    @property
    def n_waiting(self) -> int:
        """Frames that can be read."""
        return self._written - self._read

    def write(self, block: npt.NDArray[np.float32]) -> None:
        """Adds a block (frames, 2). Raises ValueError when there is no room for it."""
        size = len(self._data)
        if len(block) > size - self.n_waiting:
            raise ValueError("the ring is full")
        at = self._written % size
        first = min(len(block), size - at)
        self._data[at : at + first] = block[:first]
        self._data[: len(block) - first] = block[first:]
        self._written += len(block)

    def read_into(self, out: npt.NDArray[np.float32]) -> None:
        """Fills `out` (frames, 2), with silence where there is nothing."""
        size = len(self._data)
        n = min(len(out), self.n_waiting)
        at = self._read % size
        first = min(n, size - at)
        out[:first] = self._data[at : at + first]
        out[first:n] = self._data[: n - first]
        out[n:] = 0.0
        self._read += n


class Presence:
    """Whether the engine is there: the frame before, with a sound level that falls when frames stop coming."""

    def __init__(self, fades_in: bool = False) -> None:
        """One that `fades_in` begins in the middle of a session."""
        self.is_unheard = fades_in  # while it is set, what is rendered is not played: sound then begins from silence
        self._frame: ControlFrame | None = None
        self._silent_s = 0.0
        self._fade = 0.0 if fades_in else 1.0  # a session's own levels begin from silence

    def __call__(self, fresh: ControlFrame | None, is_over: bool) -> ControlFrame | None:
        """The frame for the next tick of sound; None before the first one has come."""
        if self._frame is None and fresh is None:
            return None
        self._silent_s = 0.0 if fresh else self._silent_s + 1.0 / TICKS_PER_S
        self._frame = fresh or self._frame
        if is_over or self._silent_s >= SILENCE_S:
            self._fade = max(0.0, self._fade - 1.0 / TICKS_PER_S / FADE_OUT_S)
        elif self.is_unheard:
            self._fade = 0.0
        else:
            self._fade = min(1.0, self._fade + 1.0 / TICKS_PER_S / FADE_IN_S)
        return self._frame and replace(
            self._frame, levels=replace(self._frame.levels, sound=self._frame.levels.sound * self._fade)
        )

    @property
    def is_faded(self) -> bool:
        """True when nothing is to be heard any more."""
        return self._frame is None or self._fade == 0.0


class Playing:
    """The process's loop without its clock and device: takes frames, renders ahead, and knows when it is over."""

    def __init__(
        self,
        pipe: Pipe,
        soundscapes: Mapping[str, Soundscape],
        first: str,
        seed: int,
        settings: Settings,
        bed: Bed | None = None,
        fades_in: bool = False,
    ) -> None:
        self.device_latency_s = settings.latency_s
        self.block_frames = 512 if settings.latency_s >= SHORT_S else 256
        # The ring is filled by what comes while it is below `full`, and by holding a frame when it falls below `low`.
        self.low = max(2 * self.block_frames, round(AHEAD_S * SAMPLE_RATE_HZ))
        self.full = self.low + TICK_FRAMES
        self.n_gaps = 0  # times at which the device got its sound too late
        self.n_held = self.n_dropped = 0  # ticks that sounded without a frame of their own, frames that never sounded
        self.ring = Ring()
        self._pipe = pipe
        self._soundscapes = soundscapes
        self._scene = first
        self._synth = Synth(soundscapes[first], seed, bed)
        self._limiter = Limiter(settings)
        self._presence = Presence(fades_in)
        self._frames: deque[ControlFrame] = deque()
        self._has_begun = False
        self._is_over = False
        self._turn = threading.Lock()  # a tick is rendered by one thread at a time

    def load(self) -> None:
        """Loads the kernels of every soundscape: a change of scene then waits for none."""
        for soundscape in self._soundscapes.values():
            Synth(soundscape, 0)(ControlFrame(0, 0.0, Drive(), "", Levels(), "running", ""))

    def listen(self) -> None:
        """Takes the frames that have come; when they pile up, the oldest give way."""
        try:
            while not self._is_over and self._pipe.poll(0.0):
                got = self._pipe.recv()
                self._is_over = got is None
                if got is not None:
                    self._frames.append(got)
        except (EOFError, OSError):  # the engine is gone
            self._is_over = True
        with self._turn:
            while len(self._frames) > (PILE if self._has_begun else START_PILE):
                self._frames.popleft()
                self.n_dropped += 1

    def pass_by(self) -> None:
        """Where there is no device: the sound goes on unheard, and when there is one again it fades in."""
        self._presence.is_unheard = True
        with self._turn:
            self.ring.read_into(np.empty((self.ring.n_waiting, 2), np.float32))
            while self._frames:
                self._tick(self._frames.popleft())

    def render(self) -> None:
        """Fills the ring by the frames that have come."""
        if not self._has_begun and self._frames:
            self._begin()
        self._presence.is_unheard = self._presence.is_unheard and not self._has_begun
        while self.ring.n_waiting < self.full and self._advance(self.low):
            pass

    def read_into(self, out: npt.NDArray[np.float32]) -> None:
        """Fills what the device asks for, (frames, 2): after a late turn that is more at once than the ring keeps."""
        while self._has_begun and self.ring.n_waiting < len(out):
            self._advance(len(out))
        self.ring.read_into(out)

    def _advance(self, least: int) -> bool:
        """One tick more in the ring, by a frame held if fewer than `least` samples wait; False if there was no need."""
        with self._turn:
            if not self._frames and self.ring.n_waiting >= least:
                return False
            fresh = self._frames.popleft() if self._frames else None
            self.n_held += fresh is None and self._has_begun and not self._is_over
            self.ring.write(self._tick(fresh))
            return True

    def _begin(self) -> None:
        """Sound begins: what came while nothing could be heard yet is rendered, and not played."""
        while len(self._frames) > 1:
            self._tick(self._frames.popleft())
            self.listen()  # rendering takes its time, too
        if self.ring.n_waiting < self.low:
            self.ring.write(np.zeros((self.low - self.ring.n_waiting, 2), np.float32))
        self._has_begun = True  # from here on the callback may render, too

    def _tick(self, fresh: ControlFrame | None) -> npt.NDArray[np.float32]:
        """The next tick of sound, (800, 2)."""
        frame = self._presence(fresh, self._is_over and not self._frames and fresh is None)
        if frame is None:
            return np.zeros((TICK_FRAMES, 2), np.float32)
        if frame.scene != self._scene and frame.scene in self._soundscapes:
            self._scene = frame.scene
            self._synth.set_soundscape(self._soundscapes[frame.scene])
        return self._limiter(self._synth(frame))

    @property
    def is_done(self) -> bool:
        """True when it is over and what was to be heard has faded."""
        return self._is_over and self._presence.is_faded

    def guarded(self) -> Report:
        """How loud it was since the last call, and what the last gate held back."""
        return self._limiter.report()

    @property
    def is_over(self) -> bool:
        """True when no frame will come any more."""
        return self._is_over

    def tell(self, kind: str, value: Any) -> None:
        """Sends a message back."""
        try:
            self._pipe.send((kind, value))
        except OSError:
            self._is_over = True


class Device:
    """The sound card, opened again and again until there is one."""

    def __init__(self, playing: Playing) -> None:
        self._playing = playing
        self._stream: Any = None
        self._tried_s = -RETRY_S
        self._said = ""
        self._n_asked = self._n_heard = 0  # times at which the device asked for sound, and as seen last
        self._heard_s = 0.0
        self._asked_s = math.inf  # when it asked last
        self._rests_until_s = -math.inf

    def keep_open(self, now_s: float) -> bool:
        """True when sound goes out; otherwise tries to open a device, now and then.

        After a silence that nobody asked for it rests a moment, for the sound to fade in.
        """
        if self._stream is not None and self._stream.active and not self._is_mute(now_s):
            return now_s >= self._rests_until_s
        self.close()
        if now_s - self._tried_s < RETRY_S:
            return False
        self._tried_s = now_s
        try:
            sound = _sounddevice()
            self._stream = sound.OutputStream(
                samplerate=SAMPLE_RATE_HZ,
                channels=2,
                dtype="float32",
                blocksize=self._playing.block_frames,
                latency=self._playing.device_latency_s,
                callback=self._on_demand,
            )
            self._heard_s = now_s + RETRY_S
            self._stream.start()  # which may take half a second; it plays silence until the first sound is rendered
            self._playing.tell("ready", str(sound.query_devices(kind="output")["name"]))
        except Exception as error:  # PortAudio's own, or OSError when its library is missing
            self.close()
            why = "there is no output device" if "device -1" in str(error) else str(error).splitlines()[0]
            said = f"no sound: {why}; the session goes on without, and tries again"
            if said != self._said:
                self._playing.tell("error", said)
            self._said = said
        return self._stream is not None

    def _is_mute(self, now_s: float) -> bool:
        """True when a device that is open has asked for nothing for long: a sound server that is gone tells nobody."""
        if self._n_asked != self._n_heard:
            self._n_heard, self._heard_s = self._n_asked, now_s
        return now_s - self._heard_s > MUTE_S

    def _on_demand(self, out: npt.NDArray[np.float32], _frames: int, _time: Any, status: Any) -> None:
        self._n_asked += 1
        asked_s = clock.now_s()
        if asked_s - self._asked_s > PAUSE_S:
            self._rests_until_s = asked_s + REST_S
        self._asked_s = asked_s
        if asked_s < self._rests_until_s:
            out[:] = 0.0
            return
        self._playing.n_gaps += bool(status.output_underflow)
        self._playing.read_into(out)

    def close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):  # a device that is gone cannot be closed well
                self._stream.close()
            self._stream = None


def _bed(pipe: Pipe, music: Path | None) -> Bed | None:
    """The person's music; a file that cannot be played is told of, and the session goes on without."""
    if music is None:
        return None
    try:
        return Music(music)
    except UsageError as error:
        with contextlib.suppress(OSError):  # nobody hears it: the engine is gone
            pipe.send(("error", str(error)))
        return None


def _sounddevice() -> ModuleType:
    """Looked up late, and afresh: PortAudio knows only the devices that were there when it began."""
    import sounddevice  # noqa: PLC0415

    sounddevice._terminate()
    sounddevice._initialize()
    module: ModuleType = sounddevice
    return module


def _hurry() -> None:
    """From here on this process comes before others, as far as the system lets it, and does not stop to tidy up.

    A collection of garbage takes a tenth of a second beside compiled kernels, and finds nothing: ticks leave no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:  # few users have either right; it works without
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except (OSError, AttributeError):
        with contextlib.suppress(OSError, AttributeError):
            os.nice(-10)


def sound_process(
    pipe: Pipe,
    soundscapes: Mapping[str, Soundscape],
    first: str,
    seed: int,
    settings: Settings,
    music: Path | None = None,
    fades_in: bool = False,
) -> None:
    """The spawned process's target: from silence to the end of the session, with the person's own music under it.

    One that `fades_in` begins in the middle of a session.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides how a session ends
    playing = Playing(pipe, soundscapes, first, seed, settings, _bed(pipe, music), fades_in)
    playing.load()
    _hurry()
    device = Device(playing)
    told_s = clock.now_s()
    while not playing.is_done:
        playing.listen()
        now_s = clock.now_s()
        if device.keep_open(now_s):
            playing.render()
        elif playing.is_over:
            break
        else:
            playing.pass_by()
        if now_s - told_s >= STATUS_S:
            told_s = now_s
            counts = {"gaps": playing.n_gaps, "held": playing.n_held, "dropped": playing.n_dropped}
            playing.tell("sound", {**counts, "guard": playing.guarded()})
        time.sleep(NAP_S)
    time.sleep(2.0 * playing.device_latency_s)  # the last of the fade is still on its way
    device.close()
