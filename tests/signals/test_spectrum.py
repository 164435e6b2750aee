"""Spectra: equal to scipy's, right on rhythms whose answer is known."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.signals import spectrum


def heart(seconds: float, **swings_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and intervals of a heart whose interval swings: `hz_0_1=50.0` is 50 ms at 0.1 Hz."""
    times, ibis, now_s = [], [], 0.0
    while now_s < seconds:
        ibi = 850.0
        for name, size_ms in swings_ms.items():
            ibi += size_ms * np.sin(2 * np.pi * float(name[3:].replace("_", ".")) * now_s)
        now_s += ibi / 1000.0
        times.append(now_s)
        ibis.append(ibi)
    return np.array(times), np.array(ibis)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 2.0), st.floats(-100.0, 100.0)), min_size=8, max_size=60),
    st.floats(0.01, 0.4),
)
def test_lomb_scargle_is_scipy_s(beats: list[tuple[float, float]], hz: float) -> None:
    times = np.cumsum([step for step, _ in beats])
    x = np.array([value for _, value in beats])
    grid = np.array([hz, 0.1, 0.25])
    ours = spectrum.lomb_scargle(times, x, grid)
    theirs = scipy.signal.lombscargle(times, x - x.mean(), 2 * np.pi * grid)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * (x @ x + 1.0))


def test_lf_hf_is_the_ratio_of_the_powers_of_two_rhythms() -> None:
    for low_ms, high_ms in ((40.0, 20.0), (20.0, 40.0), (30.0, 30.0)):
        ratio = spectrum.lf_hf(*heart(120.0, hz_0_1=low_ms, hz_0_25=high_ms))
        assert ratio == pytest.approx((low_ms / high_ms) ** 2, rel=0.2)


def test_lf_hf_hardly_changes_where_beats_are_left_out_and_a_trend_is_no_rhythm() -> None:
    times, ibis = heart(120.0, hz_0_1=30.0, hz_0_3=30.0)
    whole = spectrum.lf_hf(times, ibis)
    kept = np.random.default_rng(1).random(times.size) > 0.08
    assert spectrum.lf_hf(times[kept], ibis[kept]) == pytest.approx(whole, rel=0.25)
    assert spectrum.lf_hf(times, ibis + 2.0 * times) == pytest.approx(whole, rel=0.05)


def test_a_rhythm_without_variation_has_no_ratio_and_no_coherence() -> None:
    times = np.arange(1.0, 121.0)
    assert spectrum.lf_hf(times, np.full(120, 1000.0)) is None
    assert spectrum.coherence(times, np.full(120, 1000.0), 120.0) is None


def test_coherence_of_a_pure_sine_is_what_its_declaration_says() -> None:
    for hz in ("0_07", "0_1", "0_2"):
        times, ibis = heart(80.0, **{f"hz_{hz}": 50.0})
        assert spectrum.coherence(times, ibis, float(times[-1])) == pytest.approx(0.86, abs=0.04)
