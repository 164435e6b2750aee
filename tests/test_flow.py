import itertools
import math

import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st

from biofeed import flow
from biofeed.errors import SettingError
from biofeed.flow import Flow, Settings
from biofeed.messages import COMMANDS, Command

VALUES = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["tide", "meadow", "", 0.0, 1.0, 0.3])
)
KINDS = st.sampled_from((*COMMANDS, "dance"))
WHATEVER = st.lists(st.tuples(KINDS, VALUES, st.integers(0, 600)), max_size=12)
LATER = st.lists(st.tuples(KINDS.filter(lambda kind: kind != "end"), VALUES, st.integers(1, 90)), max_size=12)


class Session:
    """A flow that is driven tick by tick and checks on the way what must hold always."""

    def __init__(self, settings=None, scene="tide"):
        self.settings = settings or Settings()
        self._flow = Flow(self.settings, scene)
        self.tick = -1
        self.states = []

    def run(self, seconds, *commands):
        for _ in range(max(1, round(seconds * 60))):
            self.tick += 1
            made = [Command(self.tick, kind, value) for kind, value in commands]
            self.states.append(self._flow(self.tick, self.tick / 60.0, made))
            commands = ()
            self._check()
        return self.states[-1]

    def _check(self):
        now = self.states[-1]
        assert all(0.0 <= level <= 1.0 for level in (now.levels.picture, now.levels.sound, now.levels.intensity))
        assert 0.0 <= now.progress <= 1.0
        assert not now.pacing or now.state == "running"
        assert now.state not in ("running", "ended") or now.rest == 0.0
        if len(self.states) > 1:
            last = self.states[-2]
            rates = (("picture", 0.1, 1.0), ("sound", 0.1, 1 / 1.5), ("intensity", 0.05, 0.25))
            for name, rise, fall in (*rates, ("cue", 0.1, 0.1), ("density", 0.1, 0.1), ("load", 0.1, 0.1)):
                before, after = getattr(last.levels, name), getattr(now.levels, name)
                assert -fall / 60.0 - 1e-12 <= after - before <= rise / 60.0 + 1e-12
            assert -1 / 3 / 60.0 - 1e-12 <= now.rest - last.rest <= 1 / 0.8 / 60.0 + 1e-12
            assert last.scene == now.scene or now.levels.picture == 0.0 or now.rest == 1.0
            assert last.state != "ended" or now.state == "ended"
            assert now.progress >= last.progress


def test_the_numbers_of_the_flow_stand_as_written():
    assert (flow.STOP_SOUND_S, flow.DIM_S, flow.RETURN_S, flow.RETURN_SHARE) == (1.5, 2.0, 60.0, 0.1)
    assert (flow.PAUSED.picture, flow.PAUSED.sound) == (0.5, 0.4)
    assert (flow.CALM.picture, flow.CALM.sound, flow.CALM_S, flow.LEAVE_CALM_S) == (0.0, 0.8, 0.8, 6.0)
    assert Settings() == Settings(duration_s=1200.0, fade_in_s=12.0, fade_out_s=4.0, pacing="on")
    for wrong in ({"duration_s": 19.9}, {"duration_s": 5401.0}, {"fade_in_s": 9.9}, {"fade_out_s": 2.9}):
        with pytest.raises(SettingError):
            Settings(**wrong)


@pytest.mark.hazard("H-11", "H-31")
@runs(max_examples=60, deadline=None)
@given(WHATEVER, LATER)
def test_an_end_ends_every_state_in_seconds_whatever_came_before_and_comes_after(before, after):
    session = Session()
    for kind, value, n_ticks in before:
        session.run(n_ticks / 60.0, (kind, value))
    session.run(0.0, ("end", None))
    assert session.states[-1].state in ("ending", "ended")
    for kind, value, n_ticks in after:
        session.run(n_ticks / 60.0, (kind, value))
    state = session.run(1.0 + session.settings.fade_out_s + 0.1)
    assert state.state == "ended"
    assert (state.levels.picture, state.levels.sound, state.rest) == (0.0, 0.0, 0.0)


@pytest.mark.hazard("H-11")
def test_an_end_is_silent_within_two_seconds():
    session = Session()
    full = session.run(30.0).levels
    assert (full.picture, full.sound) == (1.0, 1.0)
    assert session.run(0.2, ("end", None)).levels.picture < 0.96
    assert session.run(1.4).levels.sound == 0.0
    assert session.run(2.5).state == "ended"
    assert max(state.rest for state in session.states) == 0.0


@pytest.mark.hazard("H-11")
def test_a_stop_is_whole_within_a_second_and_stays_dim_and_still():
    session = Session()
    before = session.run(30.0)
    assert session.run(0.0, ("stop", None)).rest > 0.0
    calm = session.run(1.0)
    assert (calm.state, calm.note, calm.rest, calm.levels.picture) == ("calm", "calm: stop was asked for", 1.0, 0.0)
    assert not calm.pacing
    later = session.run(60.0)
    assert (later.rest, later.levels.picture, later.levels.sound) == (1.0, 0.0, 0.8)
    assert later.progress == before.progress


@pytest.mark.hazard("H-11")
def test_a_second_stop_ends_and_the_calm_comes_whole_even_where_it_follows_at_once():
    session = Session()
    session.run(30.0)
    session.run(0.0, ("stop", None))
    assert session.run(0.0, ("stop", None)).state == "ending"
    rests = [session.run(0.0).rest for _ in range(360)]
    assert max(rests) == 1.0
    assert rests[rests.index(1.0) :] == sorted(rests[rests.index(1.0) :], reverse=True)
    assert session.states[-1].state == "ended"


def test_a_stop_while_the_session_ends_by_itself_is_calm_as_well():
    session = Session(Settings(duration_s=60.0, fade_out_s=10.0))
    assert session.run(50.5).state == "ending"
    session.run(0.0, ("stop", None))
    calm = session.run(1.0)
    assert (calm.state, calm.rest, calm.levels.picture) == ("ending", pytest.approx(1.0, abs=0.05), 0.0)
    assert session.run(11.0).state == "ended"


def test_a_resume_leaves_the_calm_slowly_and_not_before_it_is_whole():
    session = Session()
    session.run(30.0)
    session.run(0.5, ("stop", None))
    assert session.run(1.0, ("resume", None)).state == "calm"
    back = session.run(1.0, ("resume", None))
    assert (back.state, back.rest) == ("arriving", pytest.approx(1.0 - 1.0 / 6.0, abs=0.01))
    assert not session.run(4.9).pacing
    assert session.run(0.3).state == "running"
    assert session.run(8.0).levels.picture == 1.0


def test_who_ends_on_the_way_back_goes_through_the_calm():
    session = Session()
    session.run(30.0)
    session.run(2.0, ("stop", None))
    session.run(4.0, ("resume", None))
    on_the_way = session.run(0.0, ("end", None)).rest
    assert session.run(0.3).rest > on_the_way + 0.3
    assert session.run(0.1).levels.picture == 0.0
    assert session.run(6.0).state == "ended"


def test_another_world_is_chosen_behind_the_calm():
    session = Session()
    session.run(30.0)
    session.run(0.1, ("stop", None))
    assert session.run(0.2, ("scene", "meadow")).scene == "tide"
    chosen = session.run(1.0)
    assert (chosen.scene, chosen.state, chosen.levels.picture) == ("meadow", "calm", 0.0)


@pytest.mark.hazard("H-11", "H-25")
def test_a_calm_that_nobody_leaves_ends():
    session = Session()
    session.run(20.0)
    session.run(0.0, ("stop", None))
    assert session.run(899.0).state == "calm"
    assert session.run(10.0).state == "ended"


@pytest.mark.hazard("H-11", "H-25", "H-36")
@pytest.mark.parametrize("duration_s", [20.0, 60.0, 1200.0])
def test_a_timed_session_arrives_runs_returns_and_ends_by_itself(duration_s):
    session = Session(Settings(duration_s=duration_s))
    last = session.run(duration_s + 0.1)
    states = [state for state, _ in itertools.groupby(item.state for item in session.states)]
    assert states == ["arriving", "running", "ending", "ended"]
    assert last.progress == pytest.approx(1.0, abs=0.01)
    returning = [i for i, item in enumerate(session.states) if item.note.startswith("returning")]
    assert len(returning) / 60.0 == pytest.approx(min(60.0, 0.1 * duration_s), abs=0.1)
    assert not any(session.states[i].pacing for i in returning)
    assert session.states[returning[-1]].levels.intensity < 0.5


@pytest.mark.hazard("H-16")
def test_the_guide_may_lead_only_while_the_session_runs_and_only_where_it_is_allowed():
    session = Session()
    assert not session.run(5.0).pacing
    assert session.run(10.0).pacing
    assert not session.run(1.0, ("pacing", 0.0)).pacing
    assert session.run(1.0, ("pacing", 1.0)).pacing
    assert not session.run(1.0, ("pause", None)).pacing
    unled = Session(Settings(pacing="off"))
    assert not unled.run(20.0).pacing
    assert unled.run(1.0, ("pacing", 1.0)).pacing


def test_a_pause_is_dim_and_calm_stops_the_time_and_goes_on_where_it_was():
    session = Session()
    before = session.run(20.0)
    paused = session.run(30.0, ("pause", None))
    assert (paused.state, paused.note) == ("paused", "paused: as asked for")
    assert (paused.levels.picture, paused.levels.sound, paused.levels.intensity) == (0.5, 0.4, 0.3)
    assert paused.progress == pytest.approx(before.progress, abs=1e-9)
    assert session.run(10.0, ("resume", None)).state == "running"
    assert session.states[-1].levels.picture == 1.0


def test_a_pause_in_the_arrival_comes_back_to_the_arrival():
    session = Session()
    session.run(2.0)
    session.run(5.0, ("pause", None))
    assert session.run(1.0, ("resume", None)).state == "arriving"


@pytest.mark.hazard("H-25")
def test_a_pause_that_nobody_ends_ends_the_session():
    session = Session()
    session.run(20.0)
    session.run(0.0, ("pause", None))
    assert session.run(899.0).state == "paused"
    assert session.run(10.0).state == "ended"


@pytest.mark.hazard("H-05")
def test_a_scene_changes_only_in_the_dark():
    session = Session()
    session.run(20.0)
    fading = session.run(1.0, ("scene", "meadow"))
    assert (fading.scene, fading.note) == ("tide", "scene: fading to meadow")
    assert fading.levels.picture == pytest.approx(0.5, abs=0.02)
    dark = session.run(1.1)
    assert dark.scene == "meadow"
    assert dark.levels.picture < 0.02
    assert session.run(13.0).levels.picture == 1.0


def test_a_change_of_mind_keeps_the_scene():
    session = Session()
    session.run(20.0)
    session.run(1.0, ("scene", "meadow"))
    assert session.run(20.0, ("scene", "tide")).scene == "tide"
    assert session.states[-1].levels.picture == 1.0


@pytest.mark.hazard("H-31")
@pytest.mark.parametrize(
    "command",
    [
        ("scene", ""),
        ("scene", 1.0),
        ("scene", None),
        ("intensity", math.nan),
        ("intensity", 10**400),
        ("intensity", "high"),
        ("intensity", None),
        ("pacing", math.inf),
        ("pacing", None),
        ("resume", None),
        ("volume", math.nan),
        ("cue", "low"),
        ("silence", None),
        ("dance", 1.0),
    ],
)
def test_a_command_that_means_nothing_changes_nothing(command):
    plain, told = Session(), Session()
    plain.run(20.0)
    told.run(19.0)
    told.run(1.0, command)
    assert told.states == plain.states


@pytest.mark.hazard("H-11")
def test_intensity_glides_and_is_bounded():
    session = Session()
    session.run(15.0)
    assert session.run(20.0, ("intensity", 7.0)).levels.intensity == 1.0
    assert session.run(20.0, ("intensity", -7.0)).levels.intensity == 0.0


@pytest.mark.hazard("H-41")
@pytest.mark.parametrize(("control", "level"), [("volume", "sound"), ("brightness", "picture")])
def test_volume_and_brightness_scale_what_the_session_s_fades_allow(control, level):
    session = Session()
    session.run(20.0)
    assert getattr(session.run(10.0, (control, 0.4)).levels, level) == pytest.approx(0.4)
    assert getattr(session.run(10.0, (control, 7.0)).levels, level) == 1.0
    session.run(5.0, ("pause", None))
    paused = {"sound": flow.PAUSED.sound, "picture": flow.PAUSED.picture}[level]
    assert getattr(session.run(10.0, (control, 0.5)).levels, level) == pytest.approx(0.5 * paused)


def test_silence_is_silent_and_lets_the_volume_come_back():
    session = Session()
    session.run(20.0)
    session.run(5.0, ("volume", 0.6))
    assert session.run(6.0, ("silence", 1.0)).levels.sound == 0.0
    assert session.states[-1].levels.picture == 1.0
    assert session.run(15.0, ("silence", 0.0)).levels.sound == pytest.approx(0.6)


@pytest.mark.parametrize("control", ["cue", "density", "load"])
def test_cue_density_and_load_glide_to_where_they_are_set(control):
    session = Session()
    session.run(1.0)
    assert getattr(session.run(12.0, (control, 0.9)).levels, control) == pytest.approx(0.9)
    assert getattr(session.run(12.0, (control, -1.0)).levels, control) == 0.0


def test_a_press_swells_softly_and_leaves():
    session = Session()
    session.run(20.0)
    swell = [session.run(1 / 60.0, ("press", None)).touch]
    swell += [session.run(1 / 60.0).touch for _ in range(5 * 60)]
    assert max(swell) > 0.95
    assert swell.index(max(swell)) >= 22
    assert max(b - a for a, b in itertools.pairwise(swell)) < 0.05
    assert swell[-1] == 0.0


@pytest.mark.hazard("H-43")
def test_after_a_stall_the_fades_go_on_from_where_they_were_and_the_clock_is_kept():
    stalled = Flow(Settings(), "tide")
    stalled(0, 0.0, [])
    after = stalled(600, 10.0, [])
    assert after.levels.picture == pytest.approx(0.1 / 12.0)
    assert after.progress == pytest.approx(10.0 / 1200.0)
