"""Bindings: bounded, smooth, the same whatever ticks are skipped; and what they tell of how a breath goes."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed.bindings import CURVES, SOURCES, Binding, Bindings, Shape
from biofeed.messages import ControlFrame, Drive, Levels


def frame(tick: int, **drive: float) -> ControlFrame:
    return ControlFrame(tick, tick / 60.0, replace(Drive(), **drive), "still", Levels(), "running", "")


@given(st.sampled_from(CURVES), st.floats(0, 1), st.floats(-5, 5), st.floats(-5, 5))
def test_a_binding_stays_between_its_low_and_high(curve: str, x: float, low: float, high: float) -> None:
    value = Binding("breath", low, high, curve).target(x)
    assert min(low, high) - 1e-9 <= value <= max(low, high) + 1e-9


def test_smoothing_takes_a_time_constant_whatever_ticks_are_skipped() -> None:
    for step in (1, 3, 20):
        bindings = Bindings({"x": Binding("breath", smooth_s=0.5)})
        bindings(frame(0, breath=0.0))
        for tick in range(step, 61, step):
            value = bindings(frame(tick, breath=1.0))["x"]
        assert value == pytest.approx(1.0 - math.exp(-2.0))


def test_an_integrated_binding_moves_on_and_never_jumps_when_its_source_does() -> None:
    bindings = Bindings({"x": Binding("calm", low=1.0, high=3.0, integrate=True)})
    places = [bindings(frame(tick, calm=float(tick % 2)))["x"] for tick in range(61)]
    assert places[-1] == pytest.approx(2.0)
    assert max(b - a for a, b in itertools.pairwise(places)) <= 3.0 / 60.0 + 1e-9


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_a_number_from_0_to_1(source: str) -> None:
    bindings = Bindings({"x": Binding(source)})
    told = [bindings(frame(tick, breath=0.5 - 0.5 * math.cos(tick / 60.0), confidence=1.0))["x"] for tick in range(600)]
    assert all(0.0 <= x <= 1.0 for x in told)


def breathe(lengths_s: list[float], inhale: float = 0.4, confidence: float = 1.0) -> list[dict[str, float]]:
    """What the shape tells at 60 ticks a second over breaths of these lengths, each from empty to empty."""
    shape, told = Shape(), []
    for length_s in lengths_s:
        for tick in range(round(60 * length_s)):
            x = tick / 60.0 / length_s
            phase = 0.5 * x / inhale if x < inhale else 0.5 + 0.5 * (x - inhale) / (1.0 - inhale)
            told.append(dict(shape(1.0 / 60.0, 0.5 - 0.5 * math.cos(2.0 * math.pi * phase), confidence)))
    return told


def test_a_long_exhale_tells_more_than_a_short_one_and_an_inhale_nothing() -> None:
    long, short = breathe([10.0] * 6), breathe([4.0] * 15)
    assert max(now["exhale"] for now in long) > 0.8
    assert max(now["exhale"] for now in short) < 0.5
    inhaled = 5 * 600 + 230  # nearly at the end of the sixth inhale
    assert long[inhaled]["exhale"] < 0.05


def test_even_breaths_are_told_from_uneven_ones_and_nothing_is_claimed_before_five() -> None:
    even, uneven = breathe([8.0] * 10), breathe([4.0, 9.0, 5.0, 11.0, 4.0, 8.0, 5.0, 10.0, 4.0, 9.0])
    assert even[-1]["even"] > 0.95
    assert uneven[-1]["even"] < 0.1
    assert max(now["even"] for now in even[: 4 * 480]) < 0.05


def test_without_trust_or_without_a_breath_nothing_is_claimed() -> None:
    assert all(now == {"exhale": 0.0, "even": 0.0} for now in breathe([8.0] * 8, confidence=0.0))
    shape = Shape()
    for now in itertools.chain(breathe([8.0] * 8)):
        assert set(now) == {"exhale", "even"}
    for tick in range(60 * 60):
        level = 0.5 - 0.5 * math.cos(2.0 * math.pi * tick / 480.0) if tick < 30 * 60 else 0.5
        last = dict(shape(1.0 / 60.0, level, 1.0))
    assert last["even"] < 0.1


def test_a_tremble_is_no_turn_of_the_breath() -> None:
    shape = Shape()
    for tick in range(600):
        fall = 1.0 - tick / 600.0 + 0.03 * math.sin(tick)
        told = dict(shape(1.0 / 60.0, min(1.0, max(0.0, fall)), 1.0))
    assert told["exhale"] > 0.9
