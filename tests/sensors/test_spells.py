"""What comes over simulated persons (panic, held breath, over-breathing, sleep, a belt taken off), and random ones."""

from dataclasses import replace

import numpy as np
import pytest

from biofeed.sensors import people
from biofeed.sensors.people import DRAWN, SPELLS_MAX, Spell
from biofeed.sensors.person import Body, Truth


def lived(who: people.Person, seconds: float) -> Truth:
    body = Body(who, 1)
    body.advance(seconds)
    return body.truth


def between(truth: Truth, name: str, from_s: float, to_s: float) -> np.ndarray:
    return np.asarray(getattr(truth, name)[(truth.time_s >= from_s) & (truth.time_s < to_s)])


def swing(truth: Truth, from_s: float, to_s: float) -> float:
    return float(np.ptp(np.percentile(between(truth, "volume", from_s, to_s), (5.0, 95.0))))


def test_panic_comes_steeply_stays_and_comes_back() -> None:
    truth = lived(people.person("panic"), 600.0)
    for name, times in (("rate_per_min", 1.6), ("hr_bpm", 1.15), ("arousal", 2.0)):
        before, during = between(truth, name, 180.0, 240.0).mean(), between(truth, name, 270.0, 420.0).mean()
        assert during > times * before
        assert between(truth, name, 560.0, 600.0).mean() > between(truth, name, 515.0, 540.0).mean()


def test_a_held_breath_stays_full_for_as_long_as_it_is_held_and_drives_breathing_afterwards() -> None:
    truth = lived(people.person("breath_hold"), 480.0)
    held = between(truth, "volume", 424.0, 464.0)  # of 45 s, from the next full inhale on
    assert np.ptp(held) < 0.25 * swing(truth, 100.0, 200.0)
    assert held.mean() > between(truth, "volume", 100.0, 200.0).mean()
    assert np.ptp(between(truth, "phase", 424.0, 464.0)) == 0.0
    assert swing(truth, 466.0, 478.0) > 1.1 * swing(truth, 100.0, 200.0)


def test_over_breathing_is_fast_and_deep() -> None:
    truth = lived(people.person("hyperventilating"), 420.0)
    assert (
        between(truth, "rate_per_min", 270.0, 420.0).mean() > 1.7 * between(truth, "rate_per_min", 100.0, 200.0).mean()
    )
    assert swing(truth, 270.0, 420.0) > 1.15 * swing(truth, 100.0, 200.0)


def test_sleep_is_slow_and_calm_and_follows_nobody() -> None:
    truth = lived(people.person("asleep"), 500.0)
    assert (
        between(truth, "rate_per_min", 300.0, 500.0).mean() < 0.85 * between(truth, "rate_per_min", 60.0, 200.0).mean()
    )
    assert between(truth, "arousal", 400.0, 500.0).mean() < 0.12


def test_a_belt_is_taken_off_and_put_on_again() -> None:
    off = Body(people.person("belt_off"), 1).advance(310.0).belt_off
    assert not off[: 209 * 50].any()
    assert off[212 * 50 : 298 * 50].all()
    assert not off[301 * 50 :].any()


def test_spells_multiply_and_leave_no_trace_before_they_begin() -> None:
    calm = people.person("calm")
    one = replace(calm, spells=(Spell(20.0, 60.0, rate=1.5, depth=1.2), Spell(20.0, 60.0, rate=1.4)))
    plain, changed = lived(calm, 60.0), lived(one, 60.0)
    assert np.array_equal(between(plain, "volume", 0.0, 20.0), between(changed, "volume", 0.0, 20.0))
    ratio = between(changed, "rate_per_min", 45.0, 60.0).mean() / between(plain, "rate_per_min", 45.0, 60.0).mean()
    assert ratio == pytest.approx(2.1, rel=0.1)


@pytest.mark.parametrize(("stirs", "stir", "more"), [(0.0, 1.0, 0.0), (0.5, 1.0, 0.45), (0.5, -0.4, -0.17)])
def test_a_lively_world_arouses_only_whom_it_stirs(stirs: float, stir: float, more: float) -> None:
    who = replace(people.person("calm"), stirs=stirs)
    moved, still = Body(who, 1), Body(who, 1)
    moved.perceive(0.0, None, stir)
    for body in (moved, still):
        body.advance(240.0)
    change = moved.truth.arousal[-500:].mean() - still.truth.arousal[-500:].mean()
    assert change == pytest.approx(more, abs=0.06)


def test_drawn_persons_repeat_by_seed_differ_by_seed_and_lie_within_their_ranges() -> None:
    crowd = [people.drawn(seed, 600.0) for seed in range(200)]
    assert crowd[3] == people.drawn(3, 600.0)
    assert len({who.rate_per_min for who in crowd}) == len(crowd)
    for name, (low, high) in DRAWN.items():
        values = [getattr(who, name) for who in crowd]
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high
    spells = [spell for who in crowd for spell in who.spells]
    assert max(len(who.spells) for who in crowd) <= SPELLS_MAX
    assert any(spell.holds for spell in spells)
    assert any(spell.arousal > 0.5 for spell in spells)
    assert any(spell.follow == 0.0 for spell in spells)
    assert any(who.belt_off_s for who in crowd)
    assert all(150.0 <= spell.from_s <= 600.0 and spell.from_s < spell.to_s for spell in spells)
