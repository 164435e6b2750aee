"""The person's own range: percentiles of the first two trusted minutes, and nothing of anybody else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeed.messages import Breath, Features, Reading, Trust
from biofeed.signals.baseline import MEASURES, Baseline

GOOD, BAD = Trust(1.0, 0.0, ""), Trust(0.2, 5.0, "finger is off")


def told(rates: list[float | None], heart: Trust = GOOD, per_s: int = 60) -> Baseline:
    """A baseline after one heart rate a second, `per_s` readings each."""
    known = Baseline()
    for second, rate in enumerate(rates):
        for k in range(per_s):
            known(Reading(Features(second + k / per_s, hr_bpm=rate, heart=heart)))
    return known


def test_percentiles_are_those_of_the_first_two_minutes_and_stay() -> None:
    rates = np.random.default_rng(0).normal(70.0, 5.0, 300).tolist()
    known = told(rates, per_s=3)
    assert known.percentiles("hr_bpm") == pytest.approx(np.percentile(rates[:120], (10, 50, 90)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.floats(40.0, 180.0), min_size=0, max_size=80), st.floats(0.0, 250.0), st.integers(1, 4))
def test_a_share_is_none_or_from_0_to_1_and_does_not_depend_on_the_ticks(
    rates: list[float | None], value: float, per_s: int
) -> None:
    known = told(rates, per_s=1)
    share = known.share("hr_bpm", value)
    assert share is None or 0.0 <= share <= 1.0
    assert told(rates, per_s=per_s).share("hr_bpm", value) == share
    if sum(rate is not None for rate in rates) < 30:
        assert share is None


def test_the_own_tenth_and_ninetieth_percentile_are_0_and_1() -> None:
    known = told([60.0 + k % 11 for k in range(120)])
    low, middle, high = known.percentiles("hr_bpm") or (0.0, 0.0, 0.0)
    assert (low, middle, high) == (61.0, 65.0, 69.0)
    for value, share in ((50.0, 0.0), (low, 0.0), (middle, 0.5), (high, 1.0), (200.0, 1.0)):
        assert known.share("hr_bpm", value) == pytest.approx(share)


def test_what_is_not_trusted_or_not_known_or_never_varies_gives_no_range() -> None:
    assert told([70.0 + k % 5 for k in range(100)], heart=BAD).percentiles("hr_bpm") is None
    assert told([None] * 100).percentiles("hr_bpm") is None
    constant = told([70.0] * 100)
    assert constant.share("hr_bpm", 70.0) is None
    assert constant.percentiles("hr_bpm") == (70.0, 70.0, 70.0)
    varied = told([70.0 + k % 5 for k in range(100)])
    assert varied.share("hr_bpm", None) is None
    assert varied.share("hr_bpm", float("nan")) is None
    assert all(varied.percentiles(name) is None for name in MEASURES if name != "hr_bpm")


def test_depth_is_that_of_the_last_breath_while_the_breath_is_trusted() -> None:
    known = Baseline()
    for second in range(120):
        breaths = (Breath(second - 4.0, 1.5, 2.5, 0.5 + 0.1 * (second // 4 % 5)),) if second % 4 == 0 else ()
        known(Reading(Features(float(second), breaths_per_min=15.0, breath=GOOD), breaths=breaths))
    assert known.percentiles("depth") == pytest.approx((0.5, 0.7, 0.9))
    assert known.percentiles("breaths_per_min") == (15.0, 15.0, 15.0)


def test_two_people_give_two_ranges() -> None:
    calm, quick = told([50.0 + k % 4 for k in range(60)]), told([110.0 + k % 4 for k in range(60)])
    assert calm.share("hr_bpm", 80.0) == 1.0
    assert quick.share("hr_bpm", 80.0) == 0.0
