"""The loop guard (H-14, H-16, H-20): arousal makes nothing livelier, over-breathing is not led, nothing runs away.

How lively a world is says `lively.py`; benchmarks/people.py looks at the same with hundreds of persons.
"""

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from lively import Lively

from biofeed import config, limits, offline
from biofeed.adaptation import Adaptation
from biofeed.body import REST_HIGH_PER_MIN, REST_LOW_PER_MIN, TRAVEL_S, Reach, rest_travel_per_s
from biofeed.config import PRESETS, Config
from biofeed.flow import Flow
from biofeed.messages import COMMANDS, Beat, Breath, Command, ControlFrame, Drive, Features, Levels, Reading, Trust
from biofeed.safety import Gate
from biofeed.sensors import people
from biofeed.sensors.people import Spell

TICK_S = 1.0 / 60.0
GOOD = Trust(0.95, 0.02, "")
REST_PER_MIN, REST_BPM = 14.0, 66.0


class Breather:
    """Breathes as it is told, without noise, and has a heart: Readings come out, as the pipeline tells them."""

    def __init__(self) -> None:
        self.tick = -1
        self.per_min, self.hr_bpm, self.swing = REST_PER_MIN, REST_BPM, 2.0
        self._phase = self._start_s = 0.0
        self._beat = 0.0

    def __call__(self) -> Reading:
        self.tick += 1
        time_s = self.tick * TICK_S
        self._phase += self.per_min / 60.0 * TICK_S
        self._beat += self.hr_bpm / 60.0 * TICK_S
        breaths: tuple[Breath, ...] = ()
        if self._phase >= 1.0:
            self._phase -= 1.0
            length_s = time_s - self._start_s
            breaths = (Breath(self._start_s, 0.45 * length_s, 0.55 * length_s, 0.9, swing=self.swing),)
            self._start_s = time_s
        beats: tuple[Beat, ...] = ()
        if self._beat >= 1.0:
            self._beat -= 1.0
            beats = (Beat(time_s, 60000.0 / self.hr_bpm, 0.9),)
        level = 0.5 - 0.5 * math.cos(2.0 * math.pi * self._phase)
        features = Features(
            time_s,
            hr_bpm=self.hr_bpm,
            breaths_per_min=self.per_min,
            breath_phase=self._phase,
            breath_level=level,
            heart=GOOD,
            breath=GOOD,
        )
        return Reading(features, beats, breaths)


class Loop:
    """A breather, the loop and the gate; `frames` of seconds at a time."""

    def __init__(self) -> None:
        self.breather, self.adaptation, self.gate = Breather(), Adaptation(), Gate()
        self.reason = ""

    def drives(self, seconds: float, pacing: bool = True) -> Iterator[Drive]:
        for _ in range(round(seconds / TICK_S)):
            reading = self.breather()
            decision = self.adaptation(reading.features.time_s, reading, pacing, False)
            self.reason = decision.reason
            yield self.gate(TICK_S, decision.drive, Levels(), True).drive

    def run(self, seconds: float, pacing: bool = True) -> list[Drive]:
        return list(self.drives(seconds, pacing))


@pytest.fixture(scope="module")
def at_rest() -> Loop:
    """Somebody who has been matched and is at rest."""
    loop = Loop()
    loop.run(70.0, pacing=False)
    return loop


@pytest.fixture(scope="module")
def led() -> Loop:
    """Somebody who is led, and follows for they breathe as the guide does at first."""
    loop = Loop()
    loop.run(75.0)
    assert loop.reason.startswith("leading")
    return loop


def travel(drives: list[Drive], name: str) -> float:
    """Full ranges per second."""
    steps = (abs(getattr(b, name) - getattr(a, name)) for a, b in itertools.pairwise(drives))
    return sum(steps) / (len(drives) - 1) / TICK_S


def course(start: Loop, per_min: float, hr_bpm: float, seconds: float, pacing: bool) -> list[Drive]:
    loop = copy.deepcopy(start)
    loop.breather.per_min, loop.breather.hr_bpm = per_min, hr_bpm
    return loop.run(seconds, pacing)


@pytest.mark.hazard("H-20")
@runs(max_examples=6, deadline=None)
@given(st.floats(14.0, 38.0), st.floats(0.0, 20.0), st.floats(66.0, 140.0), st.floats(0.0, 60.0), st.booleans())
def test_whoever_is_more_aroused_meets_a_world_that_is_not_livelier(
    at_rest: Loop, per_min: float, more: float, hr_bpm: float, more_bpm: float, pacing: bool
) -> None:
    rest = course(at_rest, REST_PER_MIN, REST_BPM, 40.0, False)
    some = course(at_rest, per_min, hr_bpm, 40.0, pacing)
    much = course(at_rest, min(per_min + more, 40.0), hr_bpm + more_bpm, 40.0, pacing)
    for name in ("breath", "guide"):
        assert travel(much[1500:], name) <= 1.05 * travel(rest[1500:], name)
    for name in ("breath", "guide", "pulse"):
        assert travel(much[1500:], name) <= travel(some[1500:], name) + 0.05
    for a, b, calm in zip(some, much, rest, strict=True):
        assert b.effort <= a.effort + 1e-9
        assert b.calm >= 0.5
        assert abs(b.calm - 0.5) <= abs(calm.calm - 0.5) + 1e-9
        assert (b.coherence, b.confidence, b.touch, b.progress) == (a.coherence, a.confidence, a.touch, a.progress)


@pytest.mark.hazard("H-20")
@runs(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(2.0, 40.0), st.floats(40.0, 200.0), st.integers(60, 900)), max_size=5))
def test_whatever_breath_and_heart_do_nothing_travels_further_than_a_rest_allows(
    at_rest: Loop, spans: list[tuple[float, float, int]]
) -> None:
    loop, lively, past = copy.deepcopy(at_rest), Lively(), []
    for per_min, hr_bpm, n_ticks in spans:
        loop.breather.per_min, loop.breather.hr_bpm = per_min, hr_bpm
        for drive in loop.drives(n_ticks * TICK_S):
            lively(TICK_S, drive)
            past.append(dict(lively.parts))
    allowed = REST_PER_MIN / REST_HIGH_PER_MIN
    for parts in past:
        assert parts["breath"] <= 1.35 * allowed  # while a panic rises
        assert parts["guide"] <= 1.35 * allowed
        assert parts["pulse"] <= 1.0
        assert parts["unrest"] <= 1.0


@pytest.mark.hazard("H-20")
@pytest.mark.parametrize("stirs", [0.0, 0.5, 2.0])
def test_a_fright_passes_however_much_the_person_is_moved_by_the_world(stirs: float) -> None:
    loop, lively = Loop(), Lively()
    arousal, rest, past = 0.3, 0.0, []
    for tick, drive in enumerate(loop.drives(170.0)):
        time_s = tick * TICK_S
        stir = lively(TICK_S, drive)
        rest = stir if time_s < 60.0 else rest
        fright = 0.6 if 60.0 <= time_s < 80.0 else 0.0
        wanted = 0.3 + fright + stirs * (stir - rest if time_s >= 60.0 else 0.0)
        arousal += (min(max(wanted, 0.0), 1.0) - arousal) * TICK_S / 8.0
        loop.breather.per_min = REST_PER_MIN * math.exp(1.2 * (arousal - 0.3))
        loop.breather.hr_bpm = REST_BPM * math.exp(0.5 * (arousal - 0.3))
        past.append(arousal)
    assert max(past) > 0.6
    assert past[-1] < 0.35


@pytest.mark.hazard("H-14")
@pytest.mark.parametrize(("per_min", "swing", "yields"), [(1.0, 1.26, False), (1.0, 1.34, True), (1.34, 0.7, True)])
def test_breathing_more_than_at_rest_ends_the_leading_and_it_waits_until_it_is_over(
    led: Loop, per_min: float, swing: float, yields: bool
) -> None:
    loop = copy.deepcopy(led)
    rest_per_min, rest_swing = loop.breather.per_min, loop.breather.swing
    loop.breather.per_min, loop.breather.swing = per_min * rest_per_min, swing * rest_swing
    loop.run(6.5 * 60.0 / loop.breather.per_min + 3.0)
    assert loop.reason.startswith("yielding: breathing more than at rest") == yields
    if not yields:
        return
    drives = loop.run(100.0)
    assert loop.reason.startswith("yielding: breathing more than at rest")
    assert {drive.guide for drive in drives[600:]} == {0.5}
    assert drives[-1].effort < 1e-6
    loop.breather.per_min, loop.breather.swing = rest_per_min, 1.2 * rest_swing
    loop.run(60.0)
    assert loop.reason.startswith("yielding")  # still more than EXCESS_OVER
    loop.breather.swing = 1.1 * rest_swing
    loop.run(60.0)
    assert loop.reason.startswith("leading")


@pytest.mark.hazard("H-14")
def test_one_sigh_is_no_over_breathing(led: Loop) -> None:
    loop = copy.deepcopy(led)
    swing = loop.breather.swing
    for length, deep in ((4.4, 1.0), (4.4, 2.6), (30.0, 1.0)):
        loop.breather.swing = deep * swing
        loop.run(length)
        assert loop.reason.startswith("leading")


@runs(max_examples=30, deadline=None)
@given(st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_a_rest_is_the_person_s_own_within_what_is_usual(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert rest_travel_per_s(low or 1.0) <= rest_travel_per_s(high or 1.0)
    assert 2.0 * REST_LOW_PER_MIN / 60.0 <= rest_travel_per_s(one) <= 2.0 * REST_HIGH_PER_MIN / 60.0
    assert rest_travel_per_s(None) == pytest.approx(2.0 * 20.0 / 60.0)
    assert rest_travel_per_s(8.0) == pytest.approx(2.0 * 12.0 / 60.0)
    assert rest_travel_per_s(15.0) == pytest.approx(0.5)


@runs(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.05, 0.05), max_size=200), st.floats(1.0, 3.0))
def test_what_moves_more_reaches_less_far_and_never_by_a_jump(moves: list[float], times: float) -> None:
    less, more, last = Reach(), Reach(), 1.0
    for moved in moves:
        a, b = less(TICK_S, moved, REST_PER_MIN), more(TICK_S, times * moved, REST_PER_MIN)
        assert b <= a + 1e-12
        assert 0.0 < b <= 1.0
        assert abs(b - last) <= 0.2 * TICK_S + 1e-12
        last = b
    assert more(0.0, 1.0, REST_PER_MIN) == last


def test_a_breath_twice_as_fast_reaches_half_as_far_within_three_time_constants() -> None:
    reach = Reach()
    for tick in range(round(3.0 * TRAVEL_S / TICK_S)):
        moved = 2.0 * rest_travel_per_s(REST_PER_MIN) * TICK_S * (1.0 if tick % 2 else -1.0)
        value = reach(TICK_S, moved, REST_PER_MIN)
    assert value == pytest.approx(0.526, abs=0.005)


@pytest.mark.hazard("H-16")
@runs(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([kind for kind in COMMANDS if kind != "pacing"]), st.sampled_from([None, 0.0, 1.0])),
        max_size=20,
    )
)
def test_after_an_infusion_nothing_but_the_staff_s_command_allows_pacing(asked: list[tuple[str, float | None]]) -> None:
    settings = config.load(None, {"comfort": "post-infusion"}).engine.flow
    assert settings.pacing == "off"
    flow = Flow(replace(settings, fade_in_s=10.0), "tide")
    states = []
    for tick in range(20 * 60):
        at = tick // 30
        commands = [Command(tick, *asked[at])] if tick % 30 == 0 and at < len(asked) else []
        states.append(flow(tick, tick * TICK_S, commands))
    assert not any(state.pacing for state in states)


def test_only_a_preset_that_leads_nobody_is_offered_after_an_infusion() -> None:
    assert PRESETS["post-infusion"]["engine"]["flow"]["pacing"] == "off"
    flow = Flow(config.load(None, {"comfort": "post-infusion"}).engine.flow, "tide")
    for tick in range(20 * 60):
        state = flow(tick, tick * TICK_S, [Command(tick, "pacing", 1.0)] if tick == 900 else [])
    assert state.pacing


class Watched:
    """A sink that keeps the reasons and drives."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self.effort = 0.0

    def __call__(self, frame: ControlFrame, _reading: Reading, _entries: object) -> None:
        reason = frame.reason.split("; ")[-1]
        if not self.told or self.told[-1][1] != reason:
            self.told.append((frame.time_s, reason))
        self.effort = max(self.effort, frame.drive.effort)


@pytest.mark.hazard("H-16")
def test_after_an_infusion_the_whole_engine_leads_nobody() -> None:
    watched = Watched()
    offline.simulate(config.load(None, {"comfort": "post-infusion"}), "tide", "calm", 1, 75.0, [watched])
    assert any(text.startswith("following") for _, text in watched.told)
    assert not any(text.startswith(("leading", "matching")) for _, text in watched.told)
    assert watched.effort == 0.0


@pytest.mark.hazard("H-14")
def test_the_whole_engine_yields_to_who_breathes_deep_at_the_guide_s_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    who = replace(people.person("calm"), spells=(Spell(80.0, 200.0, depth=2.2),))
    monkeypatch.setitem(people.PEOPLE, "calm", who)
    watched = Watched()
    offline.simulate(Config(), "tide", "calm", 1, 115.0, [watched])
    leads_s = [time_s for time_s, text in watched.told if text.startswith("leading")]
    yields_s = [time_s for time_s, text in watched.told if text.startswith("yielding: breathing more than at rest")]
    assert leads_s[0] < 80.0
    assert 80.0 < yields_s[0] < 110.0
    assert max(leads_s) < yields_s[0]


def test_a_scene_is_but_a_word_to_the_loop() -> None:
    told: dict[str, list[tuple[Drive, Levels]]] = {"tide": [], "rain": []}
    for scene, kept in told.items():
        sink = lambda frame, _reading, _entries, kept=kept: kept.append((frame.drive, frame.levels))  # noqa: E731
        offline.simulate(Config(), scene, "calm", 1, 12.0, [sink])
    assert told["tide"] == told["rain"]


def test_the_limits_of_the_guide_are_those_of_the_limits_module() -> None:
    assert (limits.EXCESS, limits.LEAD_LOW_PER_MIN, limits.LEAD_HIGH_PER_MIN) == (1.3, 4.5, 7.0)
    assert (REST_LOW_PER_MIN, REST_HIGH_PER_MIN, TRAVEL_S) == (12.0, 20.0, 6.0)
