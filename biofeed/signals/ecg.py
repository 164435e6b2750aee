"""Heart beats from an ECG: the energy of the QRS band over 80 ms, a threshold between noise and usual beat, shapes.

After Pan and Tompkins (1985) and Hamilton (2002), with what the person teaches on the way: up to four shapes of beats
are learned; a peak of a usual shape passes a lower threshold, a strange one a higher. A P wave or a jerk of the
electrode that was told as a beat is withdrawn when the weightier QRS follows within 0.3 s, or a usual beat just when
it was due. The fiducial is the centre of gravity of the wave (4-22 Hz) and of its sharp part (1-40 Hz), half and half:
unlike the extremum it does not jump between the peaks of one QRS.
"""

import numpy as np

from biofeed.signals.ecg_kernel import detect, new_memory, skip
from biofeed.signals.filters import Cascade, Floats, bessel_lowpass, delay_s, highpass

QRS_HZ = (8.0, 20.0)  # QRS energy (Thakor et al. 1984)
BROAD_HZ, FINE_HZ = (4.0, 22.0), (1.0, 40.0)
ENERGY_S = 0.08  # about one QRS
CONFIRM_S = 0.045  # without a higher value: it was the maximum


def _band(corners_hz: tuple[float, float], rate_hz: float) -> tuple[Cascade, float]:
    """The band-pass and its delay (s) at the middle of the QRS band."""
    sections = np.concatenate([highpass(corners_hz[0], rate_hz), bessel_lowpass(corners_hz[1], rate_hz)])
    return Cascade(sections), delay_s(sections, rate_hz, min(sum(QRS_HZ) / 2.0, 0.4 * rate_hz))


class EcgDetector:
    """Beats of one ECG lead at 25-1000 Hz, either way up."""

    def __init__(self, rate_hz: float) -> None:
        bands = [_band(corners_hz, rate_hz) for corners_hz in (QRS_HZ, BROAD_HZ, FINE_HZ)]
        self._filters = [filtered for filtered, _ in bands]
        self._config = np.array(
            [max(2, round(ENERGY_S * rate_hz)), max(1, round(CONFIRM_S * rate_hz)), *(delay for _, delay in bands)]
        )
        self._memory = new_memory(rate_hz)

    def restart(self, gap_s: float) -> None:
        """After a gap in the samples of so many seconds: level and shapes outlive a short one."""
        for filtered in self._filters:
            filtered.reset()
        skip(self._memory, gap_s)

    def __call__(self, x: Floats, quality: Floats, start_s: float, rate_hz: float) -> Floats:
        """x (n,), finite, and its quality (n,); returns rows (m, 4): time_s, likeness, known_s, is_withdrawn."""
        qrs, broad, fine = (filtered(x) for filtered in self._filters)
        rows = np.empty((3 * (x.shape[0] // int(self._config[1]) + 2), 4))
        found = detect(qrs, broad, fine, quality, start_s, 1.0 / rate_hz, self._config, self._memory, rows)
        return rows[:found]
