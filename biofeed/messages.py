"""The words that modules say to each other: frozen values, in SI units unless a name ends in another one.

Session time (`*_s`) counts from the session's start. What is not known is None, with a reason and an age; nothing here
is ever filled in with a plausible value. `Input` is all that may enter the engine at a tick.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt

TICKS_PER_S = 60  # with 48 kHz sound this is exactly 800 audio frames a tick
SAMPLE_RATE_HZ = 48_000


class LinkState(StrEnum):
    """How a sensor's cable is; every state is shown to the operator in words."""

    ABSENT = "absent"  # no such port
    OPENING = "opening"
    WAIT_BOOT = "wait_boot"  # open, no byte yet: boards restart when a port is opened
    IDENTIFY = "identify"  # bytes come, the format is not settled yet
    STREAMING = "streaming"
    STALLED = "stalled"  # open, but silent for a second
    LOST = "lost"  # the port failed
    BACKOFF = "backoff"  # waiting before the next try
    CLOSED = "closed"  # on purpose


class Flag:
    """Bits of `Packet.flags`, set by the device."""

    OVERRUN = 1  # the device lost samples before these
    TX_DROP = 2  # the device dropped whole frames before this one
    RAIL_LOW = 4
    RAIL_HIGH = 8
    LEAD_OFF = 16  # nothing is attached: finger or belt off


@dataclass(frozen=True, slots=True)
class Received:
    """What one read call returned; decoders turn these into the inputs below. This is what a capsule records."""

    device: str  # the port's name in this session: "sensor0"
    arrival_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """One signal of a device, as the device describes it; value = counts * scale + offset, in `unit` (UCUM)."""

    id: int
    kind: str  # "ppg", "ecg" or "resp"; any other kind is recorded and not interpreted
    rate_hz: float  # nominal: the true rate follows from the clock fit
    unit: str = "1"
    count_min: int = 0
    count_max: int = 1023
    scale: float = 1.0
    offset: float = 0.0
    polarity: int = 0  # +1: rises with inhaled volume (or blood volume), -1: falls, 0: not known


@dataclass(frozen=True, slots=True)
class Hello:
    """A device has said what it is; a boot_id other than the last one means that its clock and sequences restarted."""

    device: str
    arrival_s: float
    boot_id: int
    name: str
    serial: str
    firmware: str
    tick_s: float  # length of one device tick: 1e-6 for a microsecond clock, 1 / rate for a mere sample counter
    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """Consecutive samples of one stream, as decoded."""

    device: str
    stream: int
    seq: int  # unwrapped: a jump by more than one means that packets were lost
    ticks: int  # device clock at the first sample, unwrapped
    arrival_s: float  # when the read call that completed it returned; never a sample's time
    flags: int
    counts: npt.NDArray[np.int32]  # (n_samples, n_channels)


@dataclass(frozen=True, slots=True)
class Pong:
    """One clock exchange: the host asked at `sent_s`, the device heard it at tick `heard` and replied at `replied`."""

    device: str
    sent_s: float
    heard: int
    replied: int
    arrival_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Bytes that could not be decoded, or an error the device reported."""

    device: str
    arrival_s: float
    reason: str  # "checksum", "framing", "format", "device: ..."
    n_bytes: int


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The cable's state changed; `detail` is a sentence for the operator."""

    device: str
    time_s: float
    state: LinkState
    detail: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked for, as a word of `COMMANDS`, with a number 0..1 or the scene's name where one is needed.

    `stop` leads to the calm at once, and out of the calm to the end; `end` leads to the end from everywhere.
    `inhale` is given as the person is asked to breathe in now: it settles which way a belt of unknown polarity goes.
    `break` is nobody's wish and changes nothing: it says for how many seconds session time stood still.
    `press` is the person's one button. From `volume` on they are a therapist's live controls; all of them are ramped.
    """

    tick: int
    kind: str
    value: float | str | None = None


# A therapist's, each 0..1, and where it stands at first.
CONTROLS = {"volume": 1.0, "silence": 0.0, "brightness": 1.0, "cue": 1.0, "density": 0.5, "load": 0.3}
# These change nothing, and are commands to be on the record.
BREAK = "break"  # for how many seconds session time stood still before this tick
HEARD = "heard"  # the part of a week's hearing dose that the sound process has played since it began
COMMANDS = ("pause", "resume", "stop", "end", "scene", "intensity", "pacing", "inhale", "press", *CONTROLS)

Input = Hello | Packet | Pong | Fault | LinkChanged | Command
Entry = Received | LinkChanged | Command  # what comes from outside at a tick: a capsule records these, and they replay


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Evenly spaced samples of one signal on session time."""

    signal: str  # the stream's kind
    start_s: float
    rate_hz: float  # as fitted
    values: npt.NDArray[np.float64]  # (n_samples, n_channels), in `unit`
    unit: str
    quality: float  # 0..1, what the wire and the device's flags say
    is_start: bool  # True when it does not continue the chunk before: stages forget their past


class BeatLabel:
    """What a beat's interval says beside the usual one; nothing is repaired, everything is said."""

    UNKNOWN = "unknown"  # after a gap, or no usual interval yet
    NORMAL = "normal"
    EARLY = "early"  # an ectopic beat, or a false one that was not withdrawn
    LATE = "late"  # the pause after an early beat, or a pause of the heart
    MISSED = "missed"  # about two or three usual intervals: beats in between were not seen


@dataclass(frozen=True, slots=True)
class Beat:
    """A heart beat; ibi_ms is the interval that it ends, None after a gap."""

    time_s: float
    ibi_ms: float | None
    quality: float
    label: str = BeatLabel.UNKNOWN


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The Beat told at `time_s` was none after all: seen so at `at_s`, at most half a second after it was told."""

    time_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Breath:
    """One whole breath, told at its end (the next inhale's onset)."""

    start_s: float
    inhale_s: float
    exhale_s: float
    depth: float  # 0..1 of the person's recent range
    is_sigh: bool = False  # over twice as deep as usual
    swing: float | None = None  # from empty to full, in the signal's own unit: depth forgets, this can be compared


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a signal is to be believed: quality 0..1, seconds since the last good sample, and why if it is not."""

    quality: float = 0.0
    age_s: float | None = None  # None: never seen
    reason: str = "no sensor yet"


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of the body at `time_s`; None is "not known" and `heart.reason` or `breath.reason` says why."""

    time_s: float
    hr_bpm: float | None = None
    rmssd_ms: float | None = None
    sdnn_ms: float | None = None
    coherence: float | None = None  # 0..1
    breaths_per_min: float | None = None
    breath_phase: float | None = None  # cycles 0..1: 0 inhale onset, 0.5 exhale onset
    breath_level: float | None = None  # 0 empty .. 1 full, of the person's recent range
    rsa_bpm: float | None = None
    heart: Trust = field(default_factory=Trust)
    breath: Trust = field(default_factory=Trust)
    pnn50: float | None = None  # 0..1
    lf_hf: float | None = None
    breath_heart_phase: float | None = None  # cycles 0..1: where in the breath the heart is fastest
    breath_state: str = "unknown"  # "inhale", "exhale", "pause" (with empty lungs) or "hold" (with full ones)
    pulse_breaths_per_min: float | None = None  # the breath as the pulse or ECG shows it, without a belt
    pulse_breath: Trust = field(default_factory=Trust)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one tick told of the body: the features, and what became certain since the tick before."""

    features: Features
    beats: tuple[Beat, ...] = ()
    breaths: tuple[Breath, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    onsets: tuple[tuple[str, float], ...] = ()  # ("inhale" or "exhale", session time), as the phase shown passes them


@dataclass(frozen=True, slots=True)
class Drive:
    """The scene's whole world, each 0..1. The defaults are the calm neutral that asks nothing of the person."""

    breath: float = 0.5  # where the person's breath is
    guide: float = 0.5  # where the pacer invites it to be
    pulse: float = 0.0  # a soft swell after each heart beat
    calm: float = 0.5
    coherence: float = 0.0
    effort: float = 0.0  # how much the guide asks beyond where the person is
    progress: float = 0.0  # of the session
    confidence: float = 0.0  # trust in the body's signals
    touch: float = 0.0  # a soft swell after the person pressed the one button


@dataclass(frozen=True, slots=True)
class Levels:
    """What the session and the therapist set, each 0..1; the first two fade the finished picture and sound."""

    picture: float = 0.0
    sound: float = 0.0
    intensity: float = 0.5  # how rich the world is; low is still and dim
    cue: float = CONTROLS["cue"]  # of the voices that carry breath and guide
    density: float = CONTROLS["density"]  # how much there is in the world
    load: float = CONTROLS["load"]  # how much an interactive world asks


@dataclass(frozen=True, slots=True)
class ControlFrame:
    """All that picture and sound are told, 60 times a second."""

    tick: int
    time_s: float
    drive: Drive
    scene: str
    levels: Levels
    state: str  # "arriving", "running", "paused", "calm", "ending" or "ended"
    reason: str  # why the loop does what it does, in words
    rest: float = 0.0  # 0..1: how far the calm has taken the world's place, in picture and sound


DRIVES = tuple(item.name for item in fields(Drive))
LEVELS = tuple(item.name for item in fields(Levels))


def frame_bytes(frame: ControlFrame) -> bytes:
    """The frame as canonical bytes: equal frames, and only those, give equal bytes. Hashes are taken of these."""
    numbers = [frame.time_s]
    numbers += [getattr(frame.drive, name) for name in DRIVES]
    numbers += [getattr(frame.levels, name) for name in LEVELS] + [frame.rest]
    words = [text.encode() for text in (frame.scene, frame.state, frame.reason)]
    head = struct.pack(f"<q{len(numbers)}d", frame.tick, *numbers)
    return head + b"".join(struct.pack("<I", len(word)) + word for word in words)


def control_table(frames: Sequence[ControlFrame]) -> npt.NDArray[np.void]:
    """The frames' numbers as a structured array (n_frames,) with one column per drive and level, and `rest`."""
    kinds = [("tick", "<i8"), ("time_s", "<f8"), *((name, "<f8") for name in (*DRIVES, *LEVELS, "rest"))]
    rows = [
        (
            frame.tick,
            frame.time_s,
            *(getattr(frame.drive, name) for name in DRIVES),
            *(getattr(frame.levels, name) for name in LEVELS),
            frame.rest,
        )
        for frame in frames
    ]
    return np.array(rows, dtype=kinds)
