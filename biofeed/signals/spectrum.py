"""Spectra of what is not evenly spaced: times and intervals go in, power per frequency or a ratio of powers comes out.

Lomb-Scargle interpolates nothing: resampled intervals lose power in the upper band (Laguna, Moody, Mark 1998, doi
10.1109/10.678605). Coherence looks at the lower band and is resampled, in the one way that is declared.
"""

import numpy as np

from biofeed.signals.filters import Floats

LF_HZ, HF_HZ = (0.04, 0.15), (0.15, 0.4)  # Task Force 1996, doi 10.1161/01.CIR.93.5.1043
STEPS = 2  # frequencies per resolvable one, 1 / length
COHERENCE_WINDOW_S = 64.0
COHERENCE_RATE_HZ = 2.0  # intervals are interpolated linearly at this rate
COHERENCE_POINTS = 512  # the 128 samples are padded to these: bins of 0.0039 Hz
COHERENCE_PEAK_HZ = (0.04, 0.26)  # where the peak is looked for
COHERENCE_TOTAL_HZ = (0.0033, 0.4)
COHERENCE_HALF_WIDTH_HZ = 0.015

LF_HF_DEFINITION = (
    f"power in {LF_HZ[0]:g}-{LF_HZ[1]:g} Hz over power in {HF_HZ[0]:g}-{HF_HZ[1]:g} Hz, Lomb-Scargle on the uneven "
    f"intervals, linear trend removed, no taper, {STEPS} frequencies per 1/length"
)
COHERENCE_DEFINITION = (
    f"power within {COHERENCE_HALF_WIDTH_HZ:g} Hz of the highest peak in {COHERENCE_PEAK_HZ[0]:g}-"
    f"{COHERENCE_PEAK_HZ[1]:g} Hz over power in {COHERENCE_TOTAL_HZ[0]:g}-{COHERENCE_TOTAL_HZ[1]:g} Hz; intervals "
    f"linear at {COHERENCE_RATE_HZ:g} Hz over {COHERENCE_WINDOW_S:g} s, linear trend removed, Hann window, padded to "
    f"{COHERENCE_POINTS} points"
)


def lomb_scargle(times_s: Floats, values: Floats, hz: Floats) -> Floats:
    """Power (n_hz,) of values (n,) at times (n,): at each frequency, of the least-squares fit of a sine.

    The mean is removed first. Not normalised: a sine of amplitude a gives about a * a * n / 4. After Lomb 1976 and
    Scargle 1982 (doi 10.1086/160554).
    """
    y = values - values.mean()
    turn = 2.0 * np.pi * hz[:, None] * (times_s - times_s[0])
    tau = 0.5 * np.arctan2(np.sin(2.0 * turn).sum(axis=1), np.cos(2.0 * turn).sum(axis=1))[:, None]
    cosine, sine = np.cos(turn - tau), np.sin(turn - tau)
    tiny = np.finfo(np.float64).tiny
    in_phase = (cosine @ y) ** 2 / np.maximum((cosine**2).sum(axis=1), tiny)
    across = (sine @ y) ** 2 / np.maximum((sine**2).sum(axis=1), tiny)
    return np.asarray(0.5 * (in_phase + across))


def lf_hf(times_s: Floats, ibis_ms: Floats) -> float | None:
    """Power of the intervals in LF over that in HF, their trend removed; None when HF holds next to nothing."""
    length_s = float(times_s[-1] - times_s[0])
    ramp = times_s - times_s.mean()
    x = ibis_ms - ibis_ms.mean()
    x = x - ramp * (ramp @ x) / (ramp @ ramp)
    step_hz = 1.0 / (STEPS * length_s)
    hz = np.arange(np.ceil(LF_HZ[0] / step_hz), np.floor(HF_HZ[1] / step_hz) + 1.0) * step_hz
    power = lomb_scargle(times_s, x, hz)
    low = float(power[hz < LF_HZ[1]].sum())
    high = float(power[hz >= HF_HZ[0]].sum())
    return low / high if high > 1e-6 else None


def coherence(times_s: Floats, ibis_ms: Floats, end_s: float) -> float | None:
    """How much of the heart rhythm's variation lies at one frequency, 0..1, as hrv.DEFINITIONS has it.

    None when the intervals (n,) that end at the times (n,) do not fill the window, or do not vary.
    """
    n = round(COHERENCE_WINDOW_S * COHERENCE_RATE_HZ)
    grid = end_s - COHERENCE_WINDOW_S + (np.arange(n) + 1) / COHERENCE_RATE_HZ
    if len(times_s) < 2 or times_s[0] > grid[0] + 1.0:
        return None
    x = np.interp(grid, times_s, ibis_ms)
    ramp = np.arange(n) - (n - 1) / 2.0
    x = x - x.mean()
    x -= ramp * (ramp @ x) / (ramp @ ramp)
    power = np.abs(np.fft.rfft(x * np.hanning(n), COHERENCE_POINTS)) ** 2
    hz = np.fft.rfftfreq(COHERENCE_POINTS, 1.0 / COHERENCE_RATE_HZ)
    total = float(power[(hz >= COHERENCE_TOTAL_HZ[0]) & (hz <= COHERENCE_TOTAL_HZ[1])].sum())
    if total <= 1e-6:
        return None
    band = np.flatnonzero((hz >= COHERENCE_PEAK_HZ[0]) & (hz <= COHERENCE_PEAK_HZ[1]))
    peak_hz = hz[band[int(np.argmax(power[band]))]]
    near = power[np.abs(hz - peak_hz) <= COHERENCE_HALF_WIDTH_HZ].sum()
    return min(1.0, float(near) / total)
