"""A meter by others: ffmpeg's ebur128, through PyAV."""

import math
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from biofeed.messages import SAMPLE_RATE_HZ

EVERY_FRAMES = SAMPLE_RATE_HZ // 10


@dataclass(frozen=True)
class Meter:
    """What ffmpeg says."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbfs: float
    short_term_lufs: npt.NDArray[np.float64]  # over 3 s, every 100 ms; before the first 3 s it says nothing of use


def ffmpeg(sound: npt.NDArray[np.float32]) -> Meter:
    """Measures (frames, 2) at 48 kHz."""
    graph = Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE_HZ, format="flt", layout="stereo")
    meter, sink = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    said: dict[str, float] = {}
    short = []
    for start in range(0, len(sound), EVERY_FRAMES):
        block = av.AudioFrame.from_ndarray(sound[start : start + EVERY_FRAMES].reshape(1, -1), "flt", "stereo")
        block.sample_rate, block.pts = SAMPLE_RATE_HZ, start
        source.push(block)
        try:
            while True:
                metadata = sink.pull().metadata
                said = {key.removeprefix("lavfi.r128."): float(value) for key, value in metadata.items()}
                short.append(said["S"])
        except av.BlockingIOError:
            continue
    return Meter(said["I"], said["LRA"], 20.0 * math.log10(said["true_peak"]), np.array(short))
