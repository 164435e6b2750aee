"""A simulated sensor on a simulated person: host time goes in, the bytes that its firmware puts on the wire come out.

It digitises a `person.Body` with its own skewed clock and speaks BFS/1: a delimiter and HELLO after boot, HELLO every
10 s, pulse at 500 Hz ten samples a frame, belt at 50 Hz one a frame, answers to pings. What comes out does not depend
on how often it is asked.
"""

import struct
import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.messages import Flag
from biofeed.sensors import bfs, people
from biofeed.sensors.person import BELT_EVERY, PPG_HZ, Body

BOOT_S = 0.3  # from power to the first byte
HELLO_S = 10.0
PPG_PER_FRAME = 10
PPG_MID, PPG_PER_HEIGHT, PPG_MAX = 512, 190.0, 1023  # 10 bits, as an Arduino's converter
BELT_PER_N, BELT_MAX = 4095.0 / 25.0, 4095  # a 25 N load cell on 12 bits
_US = 1_000_000
_CLOCK_STEPS = _US // PPG_HZ  # microseconds of device time between steps


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on the wire, beyond what belongs to the person's own device; for tests."""

    corrupt_per_byte: float = 0.0
    drop_per_frame: float = 0.0
    resets_s: tuple[float, ...] = ()  # host times at which the board restarts
    skew_ppm: float | None = None  # None: the person's, or drawn by seed


@dataclass(frozen=True, slots=True, eq=False)
class _Due:
    """What leaves the board at `time_s`: samples of a stream from body step `step` on, or (stream -1) HELLO."""

    time_s: float
    stream: int
    step: int
    counts: npt.NDArray[np.float64]
    is_off: bool


class SimulatedDevice:
    """One board with finger clip and belt. Same person, seed, perceptions and received bytes: the same bytes out."""

    def __init__(self, person: str | people.Person, seed: int, faults: Faults | None = None) -> None:
        """Raises UsageError when there is no person of that name."""
        who = people.person(person) if isinstance(person, str) else person
        faults = faults or Faults()
        self._rng = np.random.default_rng([seed, zlib.crc32(who.name.encode()), 1])
        drawn_ppm = float(self._rng.uniform(-60.0, 60.0))
        skew_ppm = next(x for x in (faults.skew_ppm, who.skew_ppm, drawn_ppm) if x is not None)
        self.skew_ppm = skew_ppm
        self._us_per_s = _US * (1.0 + skew_ppm * 1e-6)  # device microseconds in one host second
        self._body = Body(who, seed, _CLOCK_STEPS / self._us_per_s)
        self._corrupt = max(faults.corrupt_per_byte, who.corrupt_per_byte)
        self._drop = max(faults.drop_per_frame, who.drop_per_frame)
        self._resets_s = sorted(faults.resets_s)
        self._splitter = bfs.FrameSplitter()
        self._waiting: deque[tuple[float, bytes]] = deque()  # when it leaves, frame; in that order
        self._sent_s = 0.0
        self._name = f"simulated {who.name}"
        self._serial = f"SIM-{seed}"
        self._boot_s = 0.0
        self._boot(0.0)

    def perceive(self, time_s: float, guide: float | None, stir: float = 0.0) -> None:
        """The person sees the guide's level, and how lively the world is, from `time_s` on."""
        self._body.perceive(time_s, guide, stir)

    def receive(self, data: bytes, time_s: float) -> None:
        """Bytes from the host: HELLO requests, pings, start and stop; firmware skips anything else."""
        self._run(time_s)
        for body in self._splitter(data):
            if not body:
                continue
            if body[0] == bfs.Type.HELLO_REQUEST:
                for page in self._pages():
                    self._queue(time_s, page)
            elif body[0] == bfs.Type.PING and len(body) == 5 and time_s >= self._boot_s + BOOT_S:
                (token,) = struct.unpack_from("<I", body, 1)
                heard_us = self._device_us(time_s)
                self._queue(time_s, bfs.pong_body(token, heard_us, heard_us + 400))
            elif body[0] == bfs.Type.START and len(body) == 2:
                self._mask = body[1]
            elif body[0] == bfs.Type.STOP:
                self._mask = 0

    def drop(self) -> None:
        """Frames found no room on the wire: the next one of each stream says so."""
        self._is_dropped = [True, True]

    def advance(self, time_s: float) -> bytes:
        """All bytes that have left the board up to host time `time_s` and were not given yet."""
        while self._resets_s and self._resets_s[0] <= time_s:
            reset_s = self._resets_s.pop(0)
            self._run(reset_s)
            while self._waiting and self._waiting[-1][0] > reset_s:
                self._waiting.pop()
            self._sent_s = reset_s
            self._boot(reset_s)
        self._run(time_s)
        out = bytearray()
        while self._waiting and self._waiting[0][0] <= time_s:
            out += self._waiting.popleft()[1]
        return bytes(out)

    def _boot(self, time_s: float) -> None:
        """The board starts: another boot number, clock and sequences from 0, first HELLO after BOOT_S."""
        self._boot_s = time_s
        self._boot_id = int(self._rng.integers(1, 2**16))
        self._mask = 0b11
        self._seq = [0, 0]
        self._is_dropped = [False, False]
        self._held = np.empty(0), np.empty(0, dtype=np.bool_)
        self._held_step = 0
        self._hello_s = time_s + BOOT_S
        self._is_booted = False

    def _device_us(self, time_s: float) -> int:
        return max(0, int((time_s - self._boot_s) * self._us_per_s))

    def _run(self, time_s: float) -> None:
        """Samples the body up to `time_s` and queues the frames that fill up."""
        samples = self._body.advance(time_s)
        due: list[_Due] = []
        while self._hello_s <= time_s:
            due.append(_Due(self._hello_s, -1, 0, np.empty(0), False))
            self._hello_s += HELLO_S
        self._take_ppg(due, samples.first_step, samples.ppg, samples.finger_off)
        first_belt = -(-samples.first_step // BELT_EVERY) * BELT_EVERY
        for i, (force_N, is_off) in enumerate(zip(samples.belt, samples.belt_off, strict=True)):
            step = first_belt + i * BELT_EVERY
            counts = np.array([np.rint(force_N * BELT_PER_N)])
            due.append(_Due(step * self._body.step_s, 1, step, counts, bool(is_off)))
        for item in sorted(due, key=lambda item: (item.time_s, item.stream)):
            self._send(item)

    def _take_ppg(
        self, due: "list[_Due]", first_step: int, ppg: npt.NDArray[np.float64], is_off: npt.NDArray[np.bool_]
    ) -> None:
        if not len(self._held[0]):
            self._held_step = first_step
        values = np.concatenate([self._held[0], ppg])
        offs = np.concatenate([self._held[1], is_off])
        n_frames = len(values) // PPG_PER_FRAME
        for k in range(n_frames):
            part = slice(k * PPG_PER_FRAME, (k + 1) * PPG_PER_FRAME)
            counts = np.rint(PPG_MID + PPG_PER_HEIGHT * values[part])
            step = self._held_step + k * PPG_PER_FRAME
            last_s = (step + PPG_PER_FRAME - 1) * self._body.step_s
            due.append(_Due(last_s, 0, step, counts, bool(offs[part].any())))
        self._held = values[n_frames * PPG_PER_FRAME :], offs[n_frames * PPG_PER_FRAME :]
        self._held_step += n_frames * PPG_PER_FRAME

    def _send(self, item: "_Due") -> None:
        """A DATA frame, or the HELLO that is due; the first HELLO after boot has a delimiter in front."""
        if item.stream < 0:
            for page in ([] if self._is_booted else [None]) + self._pages():
                self._queue(item.time_s, page)
            self._is_booted = True
            return
        if not self._is_booted or not self._mask >> item.stream & 1:
            return
        top, fmt = (PPG_MAX, "u10in16") if item.stream == 0 else (BELT_MAX, "u16")
        flags = Flag.LEAD_OFF * item.is_off | Flag.TX_DROP * self._is_dropped[item.stream]
        self._is_dropped[item.stream] = False
        flags |= Flag.RAIL_LOW * bool(item.counts.min() <= 0)
        flags |= Flag.RAIL_HIGH * bool(item.counts.max() >= top)
        t_us = round(item.step * _CLOCK_STEPS - self._boot_s * self._us_per_s)
        counts = np.clip(item.counts, 0, top).astype(np.int32).reshape(-1, 1)
        self._queue(item.time_s, bfs.data_body(item.stream, self._seq[item.stream], t_us, flags, counts, fmt))
        self._seq[item.stream] += 1

    def _pages(self) -> list[bytes | None]:
        descriptor = {
            "p": "bfs", "v": 1, "dev": self._name, "sn": self._serial, "fw": "1.0.0",
            "streams": [
                {"id": 0, "kind": "ppg", "unit": "1", "rate": [PPG_HZ, 1], "n": PPG_PER_FRAME, "fmt": "u10in16",
                 "min": 0, "max": PPG_MAX, "scale": 1, "off": 0},
                {"id": 1, "kind": "resp", "unit": "N", "rate": [PPG_HZ // BELT_EVERY, 1], "n": 1, "fmt": "u16",
                 "min": 0, "max": BELT_MAX, "scale": 1.0 / BELT_PER_N, "off": 0, "pol": "+inhale"},
            ],
        }  # fmt: skip
        return list(bfs.hello_bodies(self._boot_id, descriptor))

    def _queue(self, time_s: float, body: bytes | None) -> None:
        """Puts a frame (None: a lone delimiter) on the wire, up to 2 ms late, never before the frame in front of it."""
        self._sent_s = max(self._sent_s, time_s + float(self._rng.uniform(0.0005, 0.002)))
        if body is not None and self._rng.random() < self._drop:
            return
        frame = bytearray(b"\0" if body is None else bfs.encode_frame(body))
        if self._corrupt:
            hit = np.flatnonzero(self._rng.random(len(frame)) < self._corrupt)
            for at in hit:
                frame[at] ^= int(self._rng.integers(1, 256))
        self._waiting.append((self._sent_s, bytes(frame)))
