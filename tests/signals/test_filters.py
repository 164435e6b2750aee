"""Filters against SciPy as an oracle, and the promise that cuts change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from biofeed.signals.filters import Cascade, bessel_lowpass, delay_s, highpass, settled


def as_sos(sections):
    return np.insert(sections, 3, 1.0, axis=1)


@pytest.mark.parametrize(("corner_hz", "rate_hz"), [(0.7, 25.0), (8.0, 500.0), (10.0, 1000.0)])
def test_the_highpass_is_the_butterworth_of_order_two(corner_hz, rate_hz):
    oracle = signal.butter(2, corner_hz, "high", fs=rate_hz, output="sos")
    assert as_sos(highpass(corner_hz, rate_hz)) == pytest.approx(oracle, abs=1e-9)


@pytest.mark.parametrize(("corner_hz", "rate_hz"), [(2.0, 50.0), (8.0, 500.0), (20.0, 250.0)])
def test_the_bessel_lowpass_halves_power_at_its_corner_and_delays_all_below_alike(corner_hz, rate_hz):
    sections = bessel_lowpass(corner_hz, rate_hz)
    _, gain = signal.freqz_sos(as_sos(sections), [corner_hz], fs=rate_hz)
    assert abs(gain[0]) == pytest.approx(np.sqrt(0.5), abs=0.02)
    delays = [delay_s(sections, rate_hz, hz) for hz in np.linspace(0.05, 0.6, 5) * corner_hz]
    assert np.ptp(delays) < 0.06 * delays[0]
    oracle = signal.group_delay((sections[0, :3], [1.0, *sections[0, 3:]]), [0.1 * corner_hz], fs=rate_hz)[1][0]
    assert delay_s(sections, rate_hz, 0.1 * corner_hz) == pytest.approx(oracle / rate_hz, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=10).filter(any))
def test_any_cut_of_a_stream_gives_the_very_same_samples(sizes):
    x = np.random.default_rng(0).normal(size=400)
    sections = np.concatenate([highpass(1.0, 100.0), bessel_lowpass(10.0, 100.0)])
    whole, cut, parts, at, turn = Cascade(sections)(x), Cascade(sections), [], 0, 0
    while at < x.size:
        size = sizes[turn % len(sizes)]
        parts.append(cut(x[at : at + size]))
        at, turn = at + size, turn + 1
    assert np.array_equal(np.concatenate(parts), whole)
    oracle = signal.sosfilt(as_sos(sections), x, zi=settled(sections, x[0]))[0]
    assert whole == pytest.approx(oracle, abs=1e-9)


def test_a_standing_value_passes_the_lowpass_and_not_the_highpass_from_the_first_sample_on():
    x = np.full(20, 7.0)
    assert Cascade(bessel_lowpass(5.0, 100.0))(x) == pytest.approx(x)
    assert Cascade(highpass(5.0, 100.0))(x) == pytest.approx(np.zeros(20), abs=1e-9)
