"""Finds out what a device speaks by listening: bytes in, messages of the decoder that proved itself out."""

import re

from biofeed.messages import Hello, Input
from biofeed.sensors.bfs import BfsDecoder, Decoder, FrameSplitter, Type
from biofeed.sensors.text import TextDecoder

HELD_BYTES = 8192  # what is kept until the format is settled: more than the frames or lines that settle it

_PIECES = re.compile(rb"[^\n\0]*[\n\0]|[^\n\0]+")  # ends of lines and of frames: where a format can prove itself


class AutoDecoder:
    """BFS/1 or text, whichever comes. BFS proves itself by a HELLO or two valid frames, text by five equal lines.

    What was held until then goes through the decoder that won, with its arrival times; after that this is that decoder.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._split = FrameSplitter()
        self._n_frames = 0
        self._text = TextDecoder(device)
        self._held: list[tuple[bytes, float]] = []
        self._n_held = 0
        self._settled: Decoder | None = None

    @property
    def name(self) -> str:
        """ "bfs" or "text"; empty until that is settled."""
        return self._settled.name if self._settled else ""

    def __call__(self, data: bytes, arrival_s: float) -> list[Input]:
        at = 0
        for match in _PIECES.finditer(data) if self._settled is None else ():
            at = match.end()
            piece = match.group()
            self._hold(piece, arrival_s)
            self._settled = self._judge(piece, arrival_s)
            if self._settled:
                out = [each for part, part_s in self._held for each in self._settled(part, part_s)]
                self._held = []
                return out + self._settled(data[at:], arrival_s)
        return self._settled(data, arrival_s) if self._settled else []

    def _hold(self, piece: bytes, arrival_s: float) -> None:
        self._held.append((piece, arrival_s))
        self._n_held += len(piece)
        while self._n_held > HELD_BYTES:
            oldest, oldest_s = self._held[0]
            extra = self._n_held - HELD_BYTES
            self._held[:1] = [(oldest[extra:], oldest_s)] if len(oldest) > extra else []
            self._n_held -= min(extra, len(oldest))

    def _judge(self, piece: bytes, arrival_s: float) -> Decoder | None:
        for body in self._split(piece):
            if body is not None and body[0] < Type.HELLO_REQUEST:  # else it is the host's own words, echoed
                self._n_frames += 2 if body[0] == Type.HELLO else 1
        if self._n_frames >= 2:
            return BfsDecoder(self._device)
        if any(isinstance(each, Hello) for each in self._text(piece, arrival_s)):
            return TextDecoder(self._device)
        return None
