"""Session time by hand: it passes only by being slept through, and never goes back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeed.clock import MonotonicClock, VirtualClock, now_s


@pytest.mark.hazard("H-29")
@given(st.lists(st.floats(0, 1e6)))
def test_virtual_time_is_the_latest_time_slept_to(times_s: list[float]) -> None:
    clock = VirtualClock()
    for time_s in times_s:
        clock.sleep_until(time_s)
    assert clock.now_s() == max([0.0, *times_s])


def test_real_time_has_come_when_the_sleep_returns() -> None:
    clock = MonotonicClock()
    clock.sleep_until(0.01)
    assert clock.now_s() >= 0.01
    before_s = clock.now_s()
    clock.sleep_until(0.0)
    assert clock.now_s() >= before_s


@pytest.mark.hazard("H-24")
@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="time.monotonic goes on while such a system sleeps")
def test_time_passes_while_the_machine_sleeps() -> None:
    before_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before_s <= now_s() <= time.clock_gettime(time.CLOCK_BOOTTIME)
