"""The signal stages as the recordings' harness wants them: made with a sampling rate, fed by `push(chunk)`.

`Ecg` and `Ppg` return beat times and keep `withdrawn`; `Respiration` (belt or impedance), `PpgRespiration` and
`EcgRespiration` (breath without a belt) return phase, rate and onsets. Nothing is computed here.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from biofeed.messages import Beat, Chunk, Stream
from biofeed.signals import respiration
from biofeed.signals.cardiac import Beats
from biofeed.signals.modulation import Modulation
from biofeed.signals.pipeline import GOOD
from biofeed.signals.quality import Quality

WIDE = 2**31 - 1  # a recording does not say where its converter's limits are
COUNT = 1e-6


class _Fed:
    """One stream's samples as Chunks, each with its quality."""

    kind = ""

    def __init__(self, fs: float) -> None:
        self.stream = Stream(0, self.kind, float(fs), count_min=-WIDE, count_max=WIDE, scale=COUNT)
        self._judge = Quality(self.stream)
        self._n = 0

    def _chunk(self, x: npt.ArrayLike) -> tuple[Chunk, npt.NDArray[np.float64]]:
        values = np.asarray(x, np.float64)[:, None]
        chunk = Chunk(self.kind, self._n / self.stream.rate_hz, self.stream.rate_hz, values, "1", 1.0, self._n == 0)
        self._n += values.shape[0]
        return chunk, self._judge(chunk)

    @property
    def _end_s(self) -> float:
        return self._n / self.stream.rate_hz


class _Heart(_Fed):
    def __init__(self, fs: float) -> None:
        super().__init__(fs)
        self._beats = Beats(self.stream)
        self.withdrawn: list[tuple[float, float]] = []  # beat time, time at which it was withdrawn
        self.qualities: list[tuple[float, float]] = []  # beat time, quality

    def push(self, x: npt.ArrayLike) -> list[float]:
        beats = []
        for told in self._beats(*self._chunk(x)):
            if isinstance(told, Beat):
                beats.append(told.time_s)
                self.qualities.append((told.time_s, told.quality))
            else:
                self.withdrawn.append((told.time_s, told.at_s))
        return beats


class Ecg(_Heart):
    kind = "ecg"


class Ppg(_Heart):
    kind = "ppg"


class Respiration(_Fed):
    """Impedance breath: its unit tells the stage which way it goes, and which landmark people mark in it."""

    kind = "resp"

    def __init__(self, fs: float) -> None:
        super().__init__(fs)
        stream = replace(self.stream, unit=respiration.IMPEDANCE)
        self._breath = respiration.Respiration(stream, respiration.Settings(predict_s=0.0))

    def push(self, x: npt.ArrayLike) -> dict[str, object]:
        breath = self._breath
        chunk, quality = self._chunk(x)
        breath(chunk, quality)
        breath.at(self._end_s - 0.5 * (len(quality) + 1) / self.stream.rate_hz)  # the chunk's middle, for all of it
        phase = np.nan if breath.phase is None or breath.quality < GOOD else breath.phase
        rate = np.nan if breath.mean_breaths_per_min is None else breath.mean_breaths_per_min
        told = {word: [time_s for kind, time_s in breath.onsets if kind == word] for word in ("inhale", "exhale")}
        return {"phase": np.full(len(quality), phase), "rate": rate, "exp": told["exhale"], "insp": told["inhale"]}


class _Modulated(_Fed):
    def __init__(self, fs: float) -> None:
        super().__init__(fs)
        self._beats = Beats(self.stream)
        self._breath = Modulation(self.stream)

    def push(self, x: npt.ArrayLike) -> dict[str, object]:
        breath = self._breath
        chunk, quality = self._chunk(x)
        breath(chunk, quality, list(self._beats(chunk, quality)))
        breath.at(self._end_s)
        return {"rate": np.nan if breath.breaths_per_min is None else breath.breaths_per_min}


class PpgRespiration(_Modulated):
    kind = "ppg"


class EcgRespiration(_Modulated):
    kind = "ecg"
