"""The whole core with a simulated person, on virtual time: it repeats exactly, and yields to what is not known."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from biofeed import offline
from biofeed.config import Config, as_table, from_table
from biofeed.engine import Engine
from biofeed.messages import (
    DRIVES,
    TICKS_PER_S,
    Command,
    ControlFrame,
    Entry,
    LinkChanged,
    LinkState,
    Reading,
    frame_bytes,
)
from biofeed.safety import GLIDE_PER_S, LIMITS
from biofeed.session.capsule import Capsule, Opening, digest_of
from biofeed.session.recorder import Recorder

SETTINGS = Config().lasting(60.0)
OPENING = Opening(
    started_utc="2026-01-01T00:00:00+00:00", seed=1, scene="tide", duration_s=60.0, settings=as_table(SETTINGS)
)


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[ControlFrame] = []
        self.readings: list[Reading] = []
        self.entries: list[Sequence[Entry]] = []

    def __call__(self, frame: ControlFrame, reading: Reading, entries: Sequence[Entry]) -> None:
        self.frames.append(frame)
        self.readings.append(reading)
        self.entries.append(entries)


def held(person: str, seed: int, until_s: float = 60.0) -> Kept:
    kept = Kept()
    offline.simulate(SETTINGS, "tide", person, seed, until_s, [kept])
    return kept


def test_the_same_person_and_seed_give_the_very_same_session_and_another_seed_does_not() -> None:
    first, again, other = held("calm", 1, 30.0), held("calm", 1, 30.0), held("calm", 2, 30.0)
    assert [frame_bytes(frame) for frame in first.frames] == [frame_bytes(frame) for frame in again.frames]
    assert [frame_bytes(frame) for frame in first.frames] != [frame_bytes(frame) for frame in other.frames]
    assert len(first.frames) == 30 * 60


def test_a_calm_person_is_understood_and_moves_the_world() -> None:
    kept = held("calm", 1)
    late = [reading.features for reading in kept.readings[30 * 60 : 50 * 60]]
    assert all(features.breaths_per_min and 8.0 < features.breaths_per_min < 18.0 for features in late)
    assert all(features.hr_bpm and 50.0 < features.hr_bpm < 90.0 for features in late)
    breath = [frame.drive.breath for frame in kept.frames[30 * 60 : 50 * 60]]
    assert max(breath) > 0.8
    assert min(breath) < 0.2
    assert kept.frames[45 * 60].drive.confidence > 0.8
    assert kept.frames[-1].time_s < 60.0


@pytest.mark.hazard("H-22")
def test_a_belt_that_comes_off_leaves_no_number_and_a_world_at_rest() -> None:
    kept = held("sensor_off", 1)  # the belt is off from 45 s to 60 s
    for frame, reading in zip(kept.frames[47 * 60 : 55 * 60], kept.readings[47 * 60 : 55 * 60], strict=True):
        assert reading.features.breath_level is None
        assert reading.features.breath_phase is None
        assert "belt" in reading.features.breath.reason
        assert not reading.breaths
        if frame.time_s > 49.0:
            assert frame.drive.confidence == 0.0
            assert frame.drive.breath == pytest.approx(0.5)
            assert frame.drive.guide == pytest.approx(0.5)


@pytest.mark.hazard("H-21")
@pytest.mark.parametrize("person", ["calm", "noisy", "sensor_off", "irregular", "panicking"])
def test_no_drive_ever_leaves_its_bounds_or_jumps(person: str) -> None:
    kept = held(person, 3)
    for before, frame in itertools.pairwise(kept.frames):
        for name in DRIVES:
            value, limit = getattr(frame.drive, name), LIMITS[name]
            assert 0.0 <= value <= 1.0
            assert value - getattr(before.drive, name) <= max(limit.rise_per_s, GLIDE_PER_S) / TICKS_PER_S + 1e-9
            assert getattr(before.drive, name) - value <= max(limit.fall_per_s, GLIDE_PER_S) / TICKS_PER_S + 1e-9


def recorded(folder: Path, person: str, seconds: float) -> Capsule:
    recorder = Recorder(folder, OPENING, {})
    offline.simulate(
        SETTINGS,
        "tide",
        person,
        1,
        seconds,
        [lambda frame, _reading, entries: recorder.tick(frame.tick, entries, digest_of(frame))],
    )
    recorder.close("ended")
    return Capsule.open(folder)


def test_a_recorded_session_replays_to_the_very_same_frames(tmp_path: Path) -> None:
    capsule = recorded(tmp_path / "capsule", "noisy", 25.0)
    result = offline.replay(capsule)
    assert result.first_difference is None
    assert result.digest == result.recorded == capsule.digest
    assert result.n_ticks == 25 * 60


def test_a_replay_that_differs_says_from_which_tick_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "capsule", OPENING, {})

    def forged(frame: ControlFrame, _reading: Reading, entries: Sequence[Entry]) -> None:
        recorder.tick(frame.tick, entries, digest_of(frame) if frame.tick != 100 else b"\0" * 8)

    offline.simulate(SETTINGS, "tide", "calm", 1, 5.0, [forged])
    recorder.close("ended")
    result = offline.replay(Capsule.open(tmp_path / "capsule"))
    assert result.first_difference == 100
    assert result.digest != result.recorded


def test_the_history_of_a_capsule_holds_every_frame_and_every_state_of_the_cable(tmp_path: Path) -> None:
    told = offline.history(recorded(tmp_path / "capsule", "calm", 25.0))
    assert len(told.frames) == len(told.readings) == 25 * 60
    assert [link.state for link in told.links] == [LinkState.OPENING]
    assert all(isinstance(link, LinkChanged) for link in told.links)
    assert told.recorded_digest == told.replayed_digest


@pytest.mark.hazard("H-07", "H-24")
def test_the_history_knows_how_long_time_stood_still_and_the_dose_of_every_sound_process(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "capsule", OPENING, {})
    asked = {0: ("heard", 0.01), 30: ("heard", 0.25), 60: ("break", 3.5), 70: ("heard", 0.125), 80: ("heard", 0.125)}
    engine = Engine(SETTINGS.engine, "tide")
    for tick in range(90):
        commands = [Command(tick, *asked[tick])] if tick in asked else []
        recorder.tick(tick, commands, digest_of(engine.step(tick, tick / 60, commands)))
    recorder.close("ended")
    told = offline.history(Capsule.open(tmp_path / "capsule"))
    assert told.breaks == [(1.0, 3.5)]
    assert told.week_part == pytest.approx(0.25 + 0.125)
    assert told.recorded_digest == told.replayed_digest


def test_settings_survive_the_way_through_a_capsule() -> None:
    assert from_table(as_table(SETTINGS)) == SETTINGS
