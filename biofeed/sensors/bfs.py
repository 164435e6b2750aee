"""BFS/1, the wire protocol of `hardware/protocol.md`: bytes to and from messages, without any I/O.

A frame is COBS(body + CRC-16) and a zero byte. The device clock counts microseconds in 32 bits; ticks and sequence
numbers leave here unwrapped.
"""

import binascii
import json
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from biofeed.messages import Fault, Hello, Input, Packet, Pong, Stream
from biofeed.sensors.descriptor import FMT_RANGES, Layout, parse_descriptor

VERSION = 1
PAGE_BYTES = 200  # JSON bytes of one HELLO page: a page fits the buffers of a 2 kB microcontroller
MAX_FRAME_BYTES = 2048  # longest encoded frame; more without a delimiter is noise

# Sample formats on the wire, little endian. u10in16 is a 10-bit converter's value in 16 bits, i24 three packed bytes.
FMT_DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "u10in16": np.dtype("<u2"),
    "i16": np.dtype("<i2"),
    "i24": np.dtype(("u1", 3)),
    "i32": np.dtype("<i4"),
}
_US = 1_000_000
_WRAP = 2**32  # of the device clock and of ping tokens
_REWIND_US = 1 * _US  # streams interleave by less than this; more means that the clock restarted
_LEAP_US = 60 * _US  # longer than any buffer on the way holds data back
_ROUND_TRIP_US = 5 * _US  # a slower answer was asked for by somebody else


class Type(IntEnum):
    """The first byte of a body; others are skipped by both sides."""

    HELLO = 0x01
    DATA = 0x02
    PONG = 0x03
    STAT = 0x04
    EVENT = 0x05
    LOG = 0x06
    ERR = 0x07
    HELLO_REQUEST = 0x81
    PING = 0x82
    START = 0x83
    STOP = 0x84


class Decoder(Protocol):
    """Bytes of one device in, messages out; the same messages however the bytes are cut."""

    @property
    def name(self) -> str:
        """What it decodes; empty while that is not settled."""

    def __call__(self, data: bytes, arrival_s: float) -> list[Input]:
        """The messages that `data` completes; `arrival_s` is when the read that brought it returned."""


def _cobs_encode(data: bytes) -> bytes:
    out = bytearray()
    blocks = data.split(b"\0")
    for block in blocks[:-1]:
        out += _cobs_block(block) or b"\x01"
        if block and len(block) % 254 == 0:
            out.append(1)
    return bytes(out + (_cobs_block(blocks[-1]) or b"\x01"))


def _cobs_block(block: bytes) -> bytes:
    """A run without zeros in groups of at most 254 bytes, each after a byte that holds its length plus one."""
    return b"".join(bytes([len(part) + 1]) + part for part in (block[i : i + 254] for i in range(0, len(block), 254)))


def _cobs_decode(data: bytes) -> bytes | None:
    """The inverse; None when a group runs past the end."""
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        code = data[at]
        after = at + code
        if code == 0 or after > end:
            return None
        out += data[at + 1 : after]
        if code < 255 and after < end:
            out.append(0)
        at = after
    return bytes(out)


def encode_frame(body: bytes) -> bytes:
    """One frame as it goes over the wire: COBS(body + CRC-16/CCITT-FALSE, little endian), then a zero."""
    return _cobs_encode(body + struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))) + b"\0"


def decode_frame(encoded: bytes) -> bytes | None:
    """The body of the bytes between two delimiters; None when COBS or checksum say that they are damaged."""
    plain = _cobs_decode(encoded)
    if plain is None or len(plain) < 3 or binascii.crc_hqx(plain[:-2], 0xFFFF) != int.from_bytes(plain[-2:], "little"):
        return None
    return plain[:-2]


class FrameSplitter:
    """Cuts a byte stream at its delimiters. Both ends of the wire use it; what it holds back is bounded."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False  # an overlong frame was told; drop bytes up to the next delimiter

    def __call__(self, data: bytes) -> list[bytes | None]:
        """The bodies that `data` completes, in order; None for each bad frame. Empty frames are passed over."""
        return [body for _, body in self.sized(data)]

    def sized(self, data: bytes) -> list[tuple[int, bytes | None]]:
        """The same with the number of encoded bytes (delimiter not counted; for an overlong frame the limit)."""
        found: list[tuple[int, bytes | None]] = []
        *complete, rest = data.split(b"\0")
        for piece in complete:
            self._hold(piece, found)
            if self._held:
                found.append((len(self._held), decode_frame(bytes(self._held))))
            self._held.clear()
            self._skipping = False
        self._hold(rest, found)
        return found

    def _hold(self, piece: bytes, found: list[tuple[int, bytes | None]]) -> None:
        if self._skipping:
            return
        self._held += piece
        if len(self._held) > MAX_FRAME_BYTES:
            found.append((MAX_FRAME_BYTES, None))
            self._held.clear()
            self._skipping = True


# Device side: bodies, to be framed by encode_frame.


def hello_bodies(boot_id: int, descriptor: Mapping[str, Any]) -> list[bytes]:
    """The HELLO pages of a descriptor (its keys stand in hardware/protocol.md)."""
    text = json.dumps(descriptor, ensure_ascii=False, separators=(",", ":")).encode()
    pieces = [text[i : i + PAGE_BYTES] for i in range(0, len(text), PAGE_BYTES)]
    head = struct.Struct("<BBHBB")
    return [head.pack(Type.HELLO, VERSION, boot_id, k, len(pieces)) + piece for k, piece in enumerate(pieces)]


def data_body(stream: int, seq: int, t_us: int, flags: int, counts: npt.NDArray[np.int32], fmt: str) -> bytes:
    """Samples (n, channels) of one stream, `t_us` being the first one's; seq and t_us are wrapped here.

    Raises ValueError when a count does not fit `fmt`.
    """
    low, high = FMT_RANGES[fmt]
    if counts.size and not (low <= int(counts.min()) and int(counts.max()) <= high):
        raise ValueError(f"counts must lie from {low} to {high} to be sent as {fmt}")
    head = struct.pack("<BBHIB", Type.DATA, stream, seq % 2**16, t_us % _WRAP, flags)
    if fmt == "i24":
        return head + counts.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    return head + counts.astype(FMT_DTYPES[fmt]).tobytes()


def pong_body(token: int, t_rx_us: int, t_tx_us: int) -> bytes:
    """The answer to a ping: its token, and when it was heard and answered."""
    return struct.pack("<BIII", Type.PONG, token % _WRAP, t_rx_us % _WRAP, t_tx_us % _WRAP)


def event_body(code: int, t_us: int) -> bytes:
    """Something happened at `t_us`: 1 button, 2 lead off, 3 lead on, 4 beat."""
    return struct.pack("<BBI", Type.EVENT, code, t_us % _WRAP)


def log_body(text: str) -> bytes:
    """A line for the developer of the firmware."""
    return bytes([Type.LOG]) + text.encode()


def err_body(code: int, text: str) -> bytes:
    """An error for the operator."""
    return bytes([Type.ERR, code]) + text.encode()


# Host side: whole frames. A delimiter goes first, so that noise before a command cannot spoil it.


def hello_request() -> bytes:
    """Asks for HELLO."""
    return b"\0" + encode_frame(bytes([Type.HELLO_REQUEST]))


def ping(sent_s: float) -> bytes:
    """Asks for the device's time; the token is the session time in microseconds."""
    return b"\0" + encode_frame(struct.pack("<BI", Type.PING, round(sent_s * _US) % _WRAP))


def start(mask: int) -> bytes:
    """Starts the streams whose bits (1 << id) are set, stops the others."""
    return b"\0" + encode_frame(bytes([Type.START, mask]))


def stop() -> bytes:
    """Stops all streams."""
    return b"\0" + encode_frame(bytes([Type.STOP]))


def _counts(payload: bytes, layout: Layout) -> npt.NDArray[np.int32]:
    """Samples as int32 (n_samples, n_channels); ValueError when they do not fill whole rows."""
    dtype = FMT_DTYPES[layout.fmt]
    row_bytes = dtype.itemsize * layout.channels
    if not payload or len(payload) % row_bytes:
        raise ValueError(f"{len(payload)} bytes of samples are not whole rows of {row_bytes} bytes")
    raw = np.frombuffer(payload, dtype)
    if layout.fmt == "i24":
        wide = raw.astype(np.int32)
        raw = wide[:, 0] | wide[:, 1] << 8 | (wide[:, 2] ^ 0x80) - 0x80 << 16
    return raw.astype(np.int32).reshape(-1, layout.channels)


class BfsDecoder:
    """The host's side of BFS/1 for one device. Whatever the bytes are, it raises nothing."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._split = FrameSplitter()
        self._boot_id: int | None = None
        self._pages: list[bytes] = []
        self._told: bytes | None = None  # descriptor of the last Hello that was emitted
        self._streams: dict[int, tuple[Stream, Layout]] = {}  # empty: DATA cannot be understood
        self._seqs: dict[int, int] = {}
        self._clock: tuple[int, float] | None = None  # last ticks, and when they arrived

    @property
    def name(self) -> str:
        return "bfs"

    def __call__(self, data: bytes, arrival_s: float) -> list[Input]:
        out: list[Input] = []
        for n_bytes, body in self._split.sized(data):
            if body is None:
                out.append(Fault(self._device, arrival_s, "checksum", n_bytes))
                continue
            try:
                message = self._message(body, arrival_s)
            except ValueError as error:
                message = Fault(self._device, arrival_s, f"format: {error}", n_bytes)
            if message is not None:
                out.append(message)
        return out

    def _message(self, body: bytes, arrival_s: float) -> Input | None:
        try:
            if body[0] == Type.HELLO:
                return self._hello(body, arrival_s)
            if body[0] == Type.DATA:
                return self._data(body, arrival_s)
            if body[0] == Type.PONG:
                return self._pong(body, arrival_s)
            if body[0] == Type.ERR:
                words = "".join(c if c.isprintable() else " " for c in body[2:].decode(errors="replace"))
                return Fault(self._device, arrival_s, f"device: {words or 'error'} ({body[1]})", len(body))
        except (struct.error, IndexError):
            raise ValueError(f"a body of type {body[0]} is too short") from None
        return None

    def _hello(self, body: bytes, arrival_s: float) -> Hello | None:
        _, version, boot_id, page, pages = struct.unpack_from("<BBHBB", body)
        if version != VERSION:
            raise ValueError(f"HELLO of protocol version {version}; this host speaks {VERSION}")
        if page >= pages:
            raise ValueError(f"HELLO page {page} of {pages}")
        if boot_id != self._boot_id:  # the device restarted: nothing that was known of it holds
            self._boot_id, self._clock, self._told = boot_id, None, None
            self._pages, self._streams, self._seqs = [], {}, {}
        if page == 0:
            self._pages = []
        if page != len(self._pages):
            return None  # a page was lost; HELLO comes again
        self._pages.append(body[6:])
        if page + 1 < pages:
            return None
        text, self._pages = b"".join(self._pages), []
        if text == self._told:
            return None
        try:
            names, streams = parse_descriptor(text)
        except ValueError as error:
            raise ValueError(f"HELLO: {error}") from None
        self._told, self._streams = text, streams
        listed = tuple(stream for stream, _ in streams.values())
        return Hello(self._device, arrival_s, boot_id, names["dev"], names["sn"], names["fw"], 1e-6, listed)

    def _data(self, body: bytes, arrival_s: float) -> Packet | None:
        _, number, seq, t_us, flags = struct.unpack_from("<BBHIB", body)
        if not self._streams:
            return None
        if number not in self._streams:
            raise ValueError(f"DATA of stream {number}, which HELLO does not name")
        stream, layout = self._streams[number]
        counts = _counts(body[9:], layout)
        ticks = self._unwrap(t_us, arrival_s)
        last = self._seqs.get(number, seq)
        seq = last + (seq - last) % 2**16
        self._seqs[number] = seq
        return Packet(self._device, stream.id, seq, ticks, arrival_s, flags, counts)

    def _pong(self, body: bytes, arrival_s: float) -> Pong | None:
        _, token, t_rx_us, t_tx_us = struct.unpack_from("<BIII", body)
        arrival_us = round(arrival_s * _US)
        trip_us = (arrival_us - token) % _WRAP
        if not self._streams or trip_us > _ROUND_TRIP_US:
            return None
        heard = self._unwrap(t_rx_us, arrival_s)
        return Pong(self._device, (arrival_us - trip_us) / _US, heard, self._unwrap(t_tx_us, arrival_s), arrival_s)

    def _unwrap(self, t_us: int, arrival_s: float) -> int:
        """The device clock without its wrap: the value nearest to what the host's own clock lets expect.

        A leap is a restart whose HELLO got lost (or a host that slept): ValueError, and DATA waits for the next HELLO.
        """
        if self._clock is None:
            self._clock = t_us, arrival_s
            return t_us
        last, last_s = self._clock
        expected = last + round((arrival_s - last_s) * _US)
        ticks = expected + (t_us - expected + _WRAP // 2) % _WRAP - _WRAP // 2
        self._clock = ticks, arrival_s
        if ticks < last - _REWIND_US or ticks > expected + _LEAP_US:
            self._streams, self._told, self._seqs = {}, None, {}
            raise ValueError(f"the device's clock leapt by {(ticks - last) / _US:.1f} s without HELLO")
        return ticks
