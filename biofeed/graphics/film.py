"""Pictures and sound to files: MP4 (H.264, AAC), PNG and WAV; pictures are uint8 (height, width, 3), sound float32."""

import contextlib
import errno
import os
import queue
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from biofeed.errors import OutputError, UsageError
from biofeed.messages import SAMPLE_RATE_HZ

# Adaptive mode 3 gives dark gradients their share of bits; a fixed number of threads gives the same file on machines
# with more or fewer cores. Soft, slow pictures need no more search than this: it takes two thirds of the time for files
# a twelfth longer than veryfast writes; quicker presets write three to six times as much.
_SEARCH = "me=dia:subme=1:bframes=2:b-adapt=0:trellis=0:partitions=none"
_VIDEO = {"preset": "veryfast", "crf": "17", "threads": "2", "x264-params": f"aq-mode=3:{_SEARCH}"}
_TURN_S = 0.0002  # between threads: the encoder's needs the interpreter only for moments, but at once
_WAITING = 8  # pictures and pieces of sound that may wait for the encoder
_SOUND_BITS_PER_S = 192_000
# Code points of ITU-T H.273: BT.709 matrix and primaries, the sRGB curve, limited range.
_MATRIX, _PRIMARIES, _CURVE, _LIMITED = 1, 1, 13, 1


def check_size(size: tuple[int, int]) -> None:
    """Raises UsageError when a film cannot have that width and height: H.264 halves the colour's."""
    if size[0] % 2 or size[1] % 2 or min(size) < 2:
        even = f"{max(2, size[0] // 2 * 2)}x{max(2, size[1] // 2 * 2)}"
        raise UsageError(f"a film's width and height must be even: {size[0]}x{size[1]} cannot be, {even} can")


class Film:
    """An MP4 that grows picture by picture; use it in a `with`: what breaks off leaves no file behind.

    `sample_rate_hz` None makes a silent film. Sound and pictures may come in any order and in pieces of any length.
    Raises UsageError for an odd size, OutputError when the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: int | Fraction,
        sample_rate_hz: int | None = SAMPLE_RATE_HZ,
    ) -> None:
        check_size(size)
        self._path = Path(path)
        self._part = self._path.with_name(f".{self._path.name}.part")
        self._size = size
        self._n_pictures = 0
        self._n_samples = 0
        self._rate_hz = sample_rate_hz
        self._reformatter = VideoReformatter()  # kept: each one sets up its tables afresh
        self._file = av.open(str(self._part), "w", format="mp4", options={"movflags": "+faststart"})
        self._video: VideoStream = self._file.add_stream("libx264", rate=Fraction(fps), options=_VIDEO)
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        codec = self._video.codec_context
        codec.colorspace, codec.color_primaries = _MATRIX, _PRIMARIES
        codec.color_trc, codec.color_range = _CURVE, _LIMITED
        self._audio: AudioStream | None = None
        if sample_rate_hz is not None:
            self._audio = self._file.add_stream("aac", rate=sample_rate_hz, layout="stereo")
            self._audio.bit_rate = _SOUND_BITS_PER_S
        self._trouble: Exception | None = None
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._worker = threading.Thread(target=self._work, name="film", daemon=True)
        try:
            self._file.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise _failed(self._path, error) from error
        self._usual_turn_s = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_S)
        self._worker.start()

    def picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        """Adds the next picture: (height, width, 3), sRGB."""
        if rgb.shape != (self._size[1], self._size[0], 3):
            raise UsageError(f"a picture of the shape {rgb.shape} is not one of this film of {self._size}")
        self._put(lambda: self._encode_picture(np.ascontiguousarray(rgb)))

    def sound(self, samples: npt.NDArray[np.float32]) -> None:
        """Adds the next samples: (n, 2), -1..1, n may be 0."""
        if self._audio is None or self._rate_hz is None:
            raise UsageError("this film is silent")
        if not len(samples):
            return
        flat = np.array(samples, dtype=np.float32).reshape(1, -1)  # a copy: it waits, and its owner goes on
        self._put(lambda: self._encode_sound(flat))

    def close(self) -> None:
        """Writes what is left and gives the file its name. Raises OutputError."""
        self._finish_work()
        self._raise()
        try:
            for stream in (self._video, self._audio):
                if stream is not None:
                    self._file.mux(stream.encode(None))
            self._file.close()
            self._part.replace(self._path)
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise _failed(self._path, error) from error

    def discard(self) -> None:
        """Leaves nothing behind."""
        self._finish_work()
        with contextlib.suppress(av.FFmpegError, OSError):  # the file goes away in any case
            self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _encode_picture(self, rgb: npt.NDArray[np.uint8]) -> None:
        raw = av.VideoFrame.from_numpy_buffer(rgb, format="rgb24")
        frame = self._reformatter.reformat(
            raw, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts = self._n_pictures
        frame.time_base = 1 / self._video.codec_context.framerate
        self._n_pictures += 1
        self._file.mux(self._video.encode(frame))

    def _encode_sound(self, flat: npt.NDArray[np.float32]) -> None:
        assert self._audio is not None
        assert self._rate_hz is not None
        frame = av.AudioFrame.from_ndarray(flat, format="flt", layout="stereo")
        frame.sample_rate = self._rate_hz
        frame.pts = self._n_samples
        frame.time_base = Fraction(1, self._rate_hz)
        self._n_samples += flat.size // 2
        self._file.mux(self._audio.encode(frame))

    def _put(self, work: Callable[[], None]) -> None:
        """Hands work to the encoder's thread: it and the drawing of the next picture share the machine's cores."""
        self._raise()
        self._waiting.put(work)

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            if self._trouble is None:
                try:
                    work()
                except (av.FFmpegError, OSError) as error:
                    self._trouble = error

    def _finish_work(self) -> None:
        if self._worker.is_alive():
            self._waiting.put(None)
            self._worker.join()
            sys.setswitchinterval(self._usual_turn_s)

    def _raise(self) -> None:
        if self._trouble is not None:
            self.discard()
            raise _failed(self._path, self._trouble) from self._trouble


def write_png(path: str | Path, rgb: npt.NDArray[np.uint8]) -> None:
    """One picture, (height, width, 3) sRGB, as a PNG (ISO/IEC 15948). Raises OutputError."""
    height, width, _ = rgb.shape
    rows = np.full(
        (height, 1 + width * 3), 2, dtype=np.uint8
    )  # filter 2: each row as its difference from the one above
    flat = rgb.reshape(height, -1)
    rows[0, 1:] = flat[0]
    rows[1:, 1:] = flat[1:] - flat[:-1]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    parts = (
        chunk(b"IHDR", head),
        chunk(b"sRGB", b"\0"),
        chunk(b"IDAT", zlib.compress(rows.tobytes())),
        chunk(b"IEND", b""),
    )
    _write_file(Path(path), b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def write_wav(path: str | Path, samples: npt.NDArray[np.float32], sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Sound (n, channels) as a WAV of 32 bit floats (format 3). Raises OutputError."""
    data = np.ascontiguousarray(samples, dtype="<f4").tobytes()
    channels = samples.shape[1]
    kind = struct.pack("<HHIIHHH", 3, channels, sample_rate_hz, sample_rate_hz * channels * 4, channels * 4, 32, 0)
    chunks = ((b"fmt ", kind), (b"fact", struct.pack("<I", len(samples))), (b"data", data))
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part for name, part in chunks)
    _write_file(Path(path), b"RIFF" + struct.pack("<I", len(body)) + body)


def _write_file(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _failed(path, error) from error


def _failed(path: Path, error: Exception) -> OutputError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(
            f"{path} cannot be written: the disk is full or a limit is reached; free some space and try again"
        )
    why = os.strerror(number) if isinstance(number, int) and 0 < number < 200 else str(error)
    return OutputError(f"{path} cannot be written: {why}")
