import itertools
import math

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from biofeed import pacer
from biofeed.errors import SettingError
from biofeed.pacer import Pacer, Settings

TICK_S = 1.0 / 60.0
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
FASTEST_PHASE_HZ = 40.0 / 60.0 * 0.5 / 0.3  # the fastest rate in the shortest inhale


def forward(before: float, after: float) -> float:
    """How far a phase has moved, in -0.5..0.5 cycles."""
    return (after - before + 0.5) % 1.0 - 0.5


@pytest.mark.hazard("H-14")
def test_the_numbers_of_hazard_14_stand_as_written():
    assert (pacer.LEAD_LOW_PER_MIN, pacer.LEAD_HIGH_PER_MIN) == (4.5, 7.0)
    assert (pacer.SLOWEST_PER_MIN, pacer.FASTEST_PER_MIN) == (2.0, 40.0)
    assert (pacer.INHALE_LOW, pacer.INHALE_HIGH) == (0.3, 0.5)
    with pytest.raises(SettingError):
        Settings(start_per_min=7.1)
    with pytest.raises(SettingError):
        Settings(start_per_min=4.4)


@runs(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, st.booleans()), min_size=2, max_size=150))
def test_phase_never_jumps_nor_goes_back_whatever_is_asked(asked):
    guide = Pacer()
    phase = guide(0.0, 6.0, 0.4).phase
    for rate, inhale, wanted, is_aligned in asked:
        if is_aligned:
            guide.align(wanted)
        after = guide(TICK_S, rate, inhale)
        moved = forward(phase, after.phase)
        assert 0.0 < moved <= FASTEST_PHASE_HZ * TICK_S + 1e-12
        assert 0.0 <= after.phase < 1.0
        assert 0.0 <= after.level <= 1.0
        assert 2.0 <= guide.rate_per_min <= 40.0
        phase = after.phase


@pytest.mark.hazard("H-15")
@runs(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=30),
    st.integers(1, 40),
)
def test_the_level_is_smooth_for_any_sequence_of_rates(asked, n_ticks):
    guide = Pacer()
    levels = []
    for rate, inhale, wanted in asked:
        guide.align(wanted)
        levels += [guide(TICK_S, rate, inhale).level for _ in range(n_ticks)]
    slopes = [(after - before) / TICK_S for before, after in itertools.pairwise(levels)]
    bends = [abs(after - before) / TICK_S for before, after in itertools.pairwise(slopes)]
    # |level''| <= 2 pi^2 f^2 + pi f', with f the fastest phase and f' at most two rate slews of it
    bound = 2.0 * math.pi**2 * FASTEST_PHASE_HZ**2 + math.pi * 2.0 * 0.1 * FASTEST_PHASE_HZ
    assert all(bend <= bound for bend in bends)


@pytest.mark.hazard("H-29")
@pytest.mark.parametrize("dt_s", [-1.0, 0.0, math.nan, math.inf, -math.inf])
def test_no_time_or_an_impossible_time_moves_nothing(dt_s):
    guide = Pacer()
    before = guide(TICK_S, 6.0, 0.4)
    assert guide(dt_s, 30.0, 0.5) == before


def test_a_late_tick_moves_the_guide_by_a_quarter_second_at_most():
    guide = Pacer()
    guide(3600.0, 6.0, 0.4)
    assert guide.turns == pytest.approx(0.25 * 6.0 / 60.0)


@pytest.mark.hazard("H-14")
@pytest.mark.parametrize("inhale", [0.3, 0.4, 0.5, 0.9])
def test_inhale_takes_its_share_of_the_breath_and_exhale_is_never_shorter(inhale):
    guide = Pacer()
    while guide.turns < 1.0:
        guide(TICK_S, 6.0, inhale)
    phases = [guide(TICK_S, 6.0, inhale).phase for _ in range(600)]
    share = sum(phase < 0.5 for phase in phases) / 600
    assert share == pytest.approx(min(inhale, 0.5), abs=0.005)
    assert share <= 0.5 + 0.005


@pytest.mark.hazard("H-15")
def test_the_level_holds_nowhere():
    guide = Pacer()
    levels = [guide(TICK_S, 6.0, 0.4).level for _ in range(1200)]
    still = [abs(after - before) < 1e-6 for before, after in itertools.pairwise(levels)]
    assert max((len(list(run)) for is_still, run in itertools.groupby(still) if is_still), default=0) <= 1


@runs(max_examples=12, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(3.0, 30.0), st.floats(0.0, 20.0))
def test_align_glides_to_where_the_wanted_phase_would_be(wanted, rate, run_s):
    plain, aligned = Pacer(), Pacer()
    for _ in range(int((run_s + 40.0) / TICK_S)):
        plain(TICK_S, rate, 0.4)
        aligned(TICK_S, rate, 0.4)
    phase = aligned(0.0, rate, 0.4).phase
    offset = plain.turns % 1.0
    aligned.align(wanted)
    for _ in range(int(90.0 / TICK_S)):
        plain(TICK_S, rate, 0.4)
        aligned(TICK_S, rate, 0.4)
        assert abs(aligned.rate_per_min - rate) <= 0.25 * rate + 1e-6
    turn = 0.8 * wanted if wanted < 0.5 else 0.4 + 0.6 * (2.0 * wanted - 1.0)
    assert abs(forward(turn - offset, aligned.turns - plain.turns)) < 0.01
    assert 0.0 <= phase < 1.0


def test_free_ends_a_glide():
    guide, plain = Pacer(), Pacer()
    guide.align(0.5)
    guide.free()
    for _ in range(600):
        guide(TICK_S, 6.0, 0.4)
        plain(TICK_S, 6.0, 0.4)
    assert guide.turns == plain.turns


def test_an_inhale_share_that_is_not_a_number_keeps_the_last_one():
    guide, plain = Pacer(), Pacer()
    for _ in range(1500):
        assert guide(TICK_S, 6.0, math.nan) == plain(TICK_S, 6.0, 0.4)
