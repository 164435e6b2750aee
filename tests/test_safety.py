import itertools
import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from biofeed import limits, safety
from biofeed.messages import DRIVES, LEVELS, Drive, Levels
from biofeed.safety import LIMITS, Gate, Settings

TICK_S = 1.0 / 60.0
WILD = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, 1e300, -1e300, math.nan, math.inf])
)
DRIVE = st.builds(Drive, **dict.fromkeys(DRIVES, WILD))
LEVEL = st.builds(Levels, **dict.fromkeys(LEVELS, WILD))
RUN = st.lists(st.tuples(DRIVE, LEVEL, st.booleans(), st.integers(1, 90)), min_size=1, max_size=12)
RICH = Drive(*[1.0] * len(DRIVES))
FULL = Levels(*[1.0] * len(LEVELS))


def values(gated):
    return {name: getattr(gated.drive, name) for name in DRIVES} | {
        name: getattr(gated.levels, name) for name in LEVELS
    }


def test_the_numbers_of_the_gate_stand_as_written():
    moves = {name: (limit.neutral, limit.rise_per_s, limit.fall_per_s, limit.is_body) for name, limit in LIMITS.items()}
    assert moves == {
        "breath": (0.5, 2.0, 2.0, True),
        "guide": (0.5, 2.0, 2.0, True),
        "pulse": (0.0, 6.0, 1.5, True),
        "calm": (0.5, 0.05, 0.05, True),
        "coherence": (0.0, 0.05, 0.05, True),
        "effort": (0.0, 0.05, 0.4, True),
        "progress": (0.0, 0.05, 0.05, False),
        "confidence": (0.0, 0.2, 0.4, True),
        "touch": (0.0, 2.5, 1.0, False),
        "picture": (0.0, 0.1, 1.0, False),
        "sound": (0.0, 0.1, 1.0, False),
        "intensity": (0.0, 0.05, 0.5, False),
        "cue": (1.0, 0.1, 1.0, False),
        "density": (0.5, 0.05, 0.5, False),
        "load": (0.3, 0.05, 0.5, False),
    }
    assert (safety.GLIDE_PER_S, safety.EASE_S, safety.LONGEST_STEP_S, safety.NOTE_S) == (0.4, 3.0, 0.1, 3.0)
    assert 1.0 / safety.GLIDE_PER_S <= limits.GLIDE_TO_NEUTRAL_S
    assert LIMITS["picture"].rise_per_s == limits.LUMINANCE_RISE_PER_S


def test_every_drive_and_level_has_a_limit_and_body_drives_rest_where_the_neutral_drive_does():
    assert set(LIMITS) == set(DRIVES + LEVELS)
    for item in fields(Drive):
        assert LIMITS[item.name].neutral == item.default


@pytest.mark.hazard("H-01", "H-06", "H-21")
@runs(max_examples=80, deadline=None)
@given(RUN)
def test_whatever_comes_in_what_goes_out_is_within_bounds_and_slews(run):
    gate = Gate()
    last = values(gate(0.0, Drive(), Levels(), False))
    for drive, levels, trusted, n_ticks in run:
        for _ in range(n_ticks):
            out = values(gate(TICK_S, drive, levels, trusted))
            for name, value in out.items():
                limit = LIMITS[name]
                glide = 0.4 if limit.is_body and not trusted else 0.0
                assert 0.0 <= value <= 1.0
                assert value - last[name] <= max(limit.rise_per_s, glide) * TICK_S + 1e-12
                assert last[name] - value <= max(limit.fall_per_s, glide) * TICK_S + 1e-12
            last = out


@pytest.mark.hazard("H-21")
@runs(max_examples=40, deadline=None)
@given(RUN, DRIVE)
def test_without_trust_every_body_drive_is_neutral_within_three_seconds_and_only_nears_it(run, drive):
    gate = Gate()
    for wild, levels, trusted, n_ticks in run:
        for _ in range(n_ticks):
            last = values(gate(TICK_S, wild, levels, trusted))
    for _ in range(180):
        out = values(gate(TICK_S, drive, Levels(), False))
        for name in DRIVES:
            if LIMITS[name].is_body:
                assert abs(out[name] - LIMITS[name].neutral) <= abs(last[name] - LIMITS[name].neutral)
        last = out
    of_body = [name for name in DRIVES if LIMITS[name].is_body]
    assert {name: out[name] for name in of_body} == {name: getattr(Drive(), name) for name in of_body}


def test_from_the_liveliest_state_neutral_is_reached_within_three_seconds():
    gate = Gate()
    for _ in range(3600):
        gate(TICK_S, RICH, FULL, True)
    assert values(gate(TICK_S, RICH, FULL, True)) == dict.fromkeys(DRIVES + LEVELS, 1.0)
    for _ in range(180):
        gated = gate(TICK_S, RICH, FULL, False)
    assert gated.drive == Drive(progress=1.0, touch=1.0)
    assert gated.note == "gate: the body's signals are not trusted, all of it rests"


@pytest.mark.hazard("H-29")
@pytest.mark.parametrize("dt_s", [-1.0, 0.0, math.nan, math.inf, -math.inf])
def test_an_impossible_time_moves_nothing(dt_s):
    gate = Gate()
    before = gate(TICK_S, RICH, FULL, True)
    after = gate(dt_s, Drive(0.0, 0.0), Levels(), True)
    assert (after.drive, after.levels) == (before.drive, before.levels)


@pytest.mark.hazard("H-29")
def test_after_a_stall_the_world_moves_by_a_tenth_of_a_second_at_most():
    gate = Gate()
    assert gate(1000.0, RICH, FULL, True).levels.picture == pytest.approx(0.01)


@pytest.mark.hazard("H-05")
def test_light_rises_in_no_less_than_ten_seconds_and_leaves_in_no_less_than_one():
    gate = Gate()
    up = 0
    while gate(TICK_S, Drive(), FULL, True).levels.picture < 1.0:
        up += 1
    down = 0
    while gate(TICK_S, Drive(), Levels(0.0, 0.0, 0.0), True).levels.picture > 0.0:
        down += 1
    assert 599 <= up <= 601
    assert 59 <= down <= 61


def test_a_real_breath_in_eight_tenths_of_a_second_passes_unchanged():
    gate = Gate()
    for _ in range(240):  # trust eases in
        gate(TICK_S, Drive(breath=0.0), FULL, True)
    for tick in range(480):
        wanted = 0.5 - 0.5 * math.cos(math.pi * tick * TICK_S / 0.8)
        assert gate(TICK_S, Drive(breath=wanted), FULL, True).drive.breath == pytest.approx(wanted, abs=1e-12)


@pytest.mark.hazard("H-04")
@pytest.mark.parametrize(("hz", "swing"), [(2.0, 0.6), (3.0, 0.4), (6.0, 0.2)])
def test_the_faster_a_pulse_the_less_of_it_can_pass(hz, swing):
    gate = Gate()
    for _ in range(300):
        gate(TICK_S, Drive(), FULL, True)
    passed = []
    for tick in range(600):
        cycle = (tick * hz / 60.0) % 1.0
        passed.append(gate(TICK_S, Drive(pulse=float(cycle < 0.2)), FULL, True).drive.pulse)
    assert max(passed[300:]) - min(passed[300:]) <= swing + 6.0 * TICK_S


def test_trust_that_comes_back_gives_the_breath_its_speed_back_slowly():
    gate = Gate()
    first = gate(TICK_S, RICH, FULL, True).drive.breath - 0.5
    assert first <= (0.4 + TICK_S / 3.0 * 1.6) * TICK_S + 1e-12


def test_settings_only_tighten():
    gate = Gate(Settings(pulse_max=0.3, intensity_max=0.2))
    for _ in range(1200):
        gated = gate(TICK_S, RICH, FULL, True)
    assert gated.drive.pulse == 0.3
    assert gated.levels.intensity == 0.2
    assert Gate(Settings(intensity_max=0.2))(0.0, Drive(), Levels(), True).levels.intensity == 0.2


@pytest.mark.hazard("H-21")
def test_a_value_that_is_not_a_number_goes_to_neutral_and_is_named_for_some_seconds():
    gate = Gate()
    for _ in range(600):
        gate(TICK_S, RICH, FULL, True)
    for _ in range(1200):
        gated = gate(TICK_S, Drive(breath=math.nan, calm=math.inf), Levels(picture=math.nan), True)
    assert (gated.drive.breath, gated.drive.calm, gated.levels.picture) == (0.5, 0.5, 0.0)
    assert gated.note == "gate: out of bounds and held back: breath, calm, picture"
    notes = [gate(TICK_S, Drive(), Levels(), True).note for _ in range(240)]
    assert notes[0] == gated.note
    assert notes[-1] == ""


def test_notes_that_alternate_every_tick_do_not_flicker():
    gate = Gate()
    notes = [
        gate(TICK_S, Drive(breath=math.nan if tick % 2 else 0.5), Levels(), tick % 3 > 0).note for tick in range(600)
    ]
    changes = sum(before != after for before, after in itertools.pairwise(notes))
    assert changes <= 4
