"""The gate on numbers at its edges: where it begins, what counts as out of bounds, how long it says so."""

import math
from dataclasses import replace

import pytest

from biofeed import safety
from biofeed.messages import DRIVES, LEVELS, Drive, Levels
from biofeed.safety import Gate, Settings

TICK_S = 1.0 / 60.0
RICH = Drive(*[1.0] * len(DRIVES))
FULL = Levels(*[1.0] * len(LEVELS))
EASED = (0.4 + TICK_S / 3.0 * (2.0 - 0.4)) * TICK_S  # the breath's first step with trust: as slow as a glide, nearly


def noted(gate: Gate, drive: Drive, trusted: bool = True) -> str:
    return gate(TICK_S, drive, Levels(), trusted).note


@pytest.mark.hazard("H-21")
def test_the_first_step_with_trust_is_eased_at_the_start_and_after_trust_was_lost() -> None:
    gate = Gate()
    assert gate(TICK_S, RICH, FULL, True).drive.breath == pytest.approx(0.5 + EASED, abs=1e-15)
    for _ in range(600):
        full = gate(TICK_S, RICH, FULL, True).drive.breath
    assert full == 1.0
    lost = gate(TICK_S, RICH, FULL, False).drive.breath
    assert lost == pytest.approx(1.0 - 0.4 * TICK_S, abs=1e-15)
    back = gate(TICK_S, Drive(breath=0.0), FULL, True).drive.breath
    assert back == pytest.approx(lost - EASED, abs=1e-15)


@pytest.mark.hazard("H-21")
def test_trust_gives_all_of_its_speed_back_after_the_ease_and_no_more() -> None:
    gate = Gate()
    for _ in range(200):
        gate(TICK_S, Drive(), FULL, True)
    assert gate(TICK_S, RICH, FULL, True).drive.breath == pytest.approx(0.5 + 2.0 * TICK_S, abs=1e-12)


def test_it_begins_where_the_words_begin_and_no_level_is_held_below_it() -> None:
    gated = Gate()(0.0, RICH, FULL, True)
    assert (gated.drive, gated.levels) == (Drive(), Levels())


@pytest.mark.parametrize(("value", "is_wrong"), [(0.0, False), (1.0, False), (-1e-12, True), (1.0 + 1e-12, True)])
def test_what_is_out_of_bounds_by_a_hair_is_told_at_once_and_what_is_not_never(value: float, is_wrong: bool) -> None:
    note = noted(Gate(), replace(Drive(), calm=value))
    assert note == ("gate: out of bounds and held back: calm" if is_wrong else "")


def test_what_is_too_large_counts_as_one_and_what_is_too_small_as_none() -> None:
    high, low = Gate(), Gate()
    for _ in range(1300):
        up = high(TICK_S, Drive(calm=7.0), Levels(density=7.0), True)
        down = low(TICK_S, Drive(calm=-7.0), Levels(density=-7.0), True)
    assert (up.drive.calm, up.levels.density) == (1.0, 1.0)
    assert (down.drive.calm, down.levels.density) == (0.0, 0.0)


def test_a_note_stays_three_seconds_after_its_cause_and_the_next_waits_for_it() -> None:
    assert safety.NOTE_S == 3.0
    gate = Gate()
    first = noted(gate, Drive(calm=math.nan))
    assert first
    after = [noted(gate, Drive()) for _ in range(200)]
    assert 178 <= after.index("") <= 181
    gate = Gate()
    noted(gate, Drive(calm=math.nan))
    rest = "gate: the body's signals are not trusted, all of it rests"
    told = [noted(gate, Drive(), trusted=False) for _ in range(200)]
    assert 178 <= told.index(rest) <= 181
    assert set(told) == {first, rest}


def test_a_note_whose_cause_goes_on_stays() -> None:
    gate = Gate()
    told = {noted(gate, Drive(calm=math.nan)) for _ in range(400)}
    assert len(told) == 1
    assert sum(noted(gate, Drive()) != "" for _ in range(200)) >= 178


def test_the_settings_are_taken_as_they_are_and_end_at_the_table_s_own() -> None:
    gate = Gate(Settings(pulse_max=0.0, intensity_max=1.0))
    for _ in range(1300):
        gated = gate(TICK_S, RICH, FULL, True)
    assert (gated.drive.pulse, gated.levels.intensity) == (0.0, 1.0)
