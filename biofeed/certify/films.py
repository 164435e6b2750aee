"""A video file's pictures, one by one: (height, width, 3) uint8 as a screen shows them, and when."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Colorspace

from biofeed.errors import UsageError

_UNSPECIFIED = 2  # of a colour matrix, in ITU-T H.273: players take BT.709


def pictures(path: Path) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """Each picture of the file with its time, s. Raises UsageError when it is no video."""
    try:
        with av.open(str(path)) as film:
            if not film.streams.video:
                raise UsageError(f"{path} holds no video")
            stream = film.streams.video[0]
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or 60)
            size = stream.width, stream.height
            for number, frame in enumerate(film.decode(stream)):
                matrix = Colorspace.ITU709 if frame.colorspace == _UNSPECIFIED else None
                if (frame.width, frame.height) != size:
                    raise UsageError(f"{path} changes the size of its pictures after {number}: judge its parts apart")
                rgb = np.asarray(frame.to_ndarray(format="rgb24", src_colorspace=matrix), dtype=np.uint8)
                yield number / rate if frame.time is None else frame.time, rgb
    except (av.FFmpegError, OSError) as error:
        raise UsageError(f"{path} cannot be read as a video: {error}") from error
