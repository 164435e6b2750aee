"""The sound process without a device: none finds the ring empty, frames that stop fade out, no card is one sentence."""

from collections import deque
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from biofeed import clock, scene
from biofeed.graphics.preview import made_up_frame
from biofeed.messages import SAMPLE_RATE_HZ, ControlFrame, Levels
from biofeed.sound import output
from biofeed.sound.limiter import Limiter, Settings
from biofeed.sound.output import PILE, Device, Playing, Presence, Ring
from biofeed.sound.synth import TICK_FRAMES, Synth

SOUNDS = {path.stem: scene.soundscape(path) for path in scene.folders()[1].glob("*.toml")}


class FakePipe:
    """What the engine sent, and what the process said."""

    def __init__(self) -> None:
        self.waiting: deque[ControlFrame | None] = deque()
        self.said: list[tuple[str, Any]] = []
        self.is_broken = False

    def poll(self, timeout: float) -> bool:
        if self.is_broken:
            raise BrokenPipeError
        return bool(self.waiting)

    def recv(self) -> Any:
        return self.waiting.popleft()

    def send(self, obj: Any) -> None:
        self.said.append(obj)


def frame(tick: int, name: str = "tide") -> ControlFrame:
    return replace(made_up_frame(tick, name), levels=Levels(1.0, 1.0, 0.5))


def test_what_is_written_is_read_in_order_however_it_is_cut() -> None:
    ring, random = Ring(2000), np.random.default_rng(1)
    sent = random.normal(0.0, 1.0, (40_000, 2)).astype(np.float32)
    got, at = [], 0
    while at < len(sent):
        n = int(min(random.integers(1, 700), 2000 - ring.n_waiting, len(sent) - at))
        ring.write(sent[at : at + n])
        at += n
        out = np.empty((min(int(random.integers(1, 700)), ring.n_waiting), 2), np.float32)
        ring.read_into(out)
        got.append(out)
    heard = np.concatenate(got)
    assert np.array_equal(heard, sent[: len(heard)])
    with pytest.raises(ValueError, match="full"):
        ring.write(np.zeros((2001, 2), np.float32))


@pytest.mark.hazard("H-06", "H-24")
def test_frames_that_stop_fade_out_and_come_back_slowly() -> None:
    presence = Presence()
    assert presence(None, False) is None
    for tick in range(180):
        heard = presence(frame(tick), False)
    assert heard
    assert heard.levels.sound == pytest.approx(1.0)
    levels = [presence(None, False).levels.sound for _ in range(90)]  # type: ignore[union-attr]
    assert levels[20] == pytest.approx(1.0)
    assert levels[-1] == pytest.approx(0.0, abs=0.02)
    back = [presence(frame(300 + tick), False).levels.sound for tick in range(130)]  # type: ignore[union-attr]
    assert back[60] < 0.6
    assert back[-1] == pytest.approx(1.0)
    assert max(np.abs(np.diff(levels + back))) < 0.02


@pytest.mark.parametrize("is_broken", [False, True])
def test_the_end_fades_out_before_it_is_done(is_broken: bool) -> None:
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings())
    out = np.empty((TICK_FRAMES, 2), np.float32)
    power = []
    for tick in range(240):
        if tick < 150:
            pipe.waiting.append(frame(tick))
        elif tick == 150:
            pipe.is_broken = is_broken
            pipe.waiting.append(None)
        playing.listen()
        playing.render()
        assert playing.low <= playing.ring.n_waiting < playing.full + TICK_FRAMES
        playing.read_into(out)
        power.append(float(np.square(out).mean()))
    assert playing.is_done
    assert power[140] > 1e-7
    assert power[-1] < 1e-3 * power[140]


def test_a_change_of_scene_reaches_the_synthesiser() -> None:
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings())
    other = next(name for name in SOUNDS if name != "tide")
    out = np.empty((TICK_FRAMES, 2), np.float32)
    quiet = []
    for tick in range(500):
        pipe.waiting.append(frame(tick, "tide" if tick < 150 else other))
        playing.listen()
        playing.render()
        playing.read_into(out)
        quiet.append(float(np.abs(out).max()))
    assert min(quiet[250:330]) < 1e-3
    assert quiet[-1] > 1e-3


def test_no_device_is_told_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def broken() -> ModuleType:
        tries.append(1)
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(output, "_sounddevice", broken)
    pipe = FakePipe()
    device = Device(Playing(pipe, SOUNDS, "tide", 1, Settings()))
    assert [device.keep_open(now_s) for now_s in (0.0, 1.0, 6.0, 12.0)] == [False] * 4
    assert len(tries) == 3
    assert [kind for kind, _ in pipe.said] == ["error"]
    assert "the session goes on without" in pipe.said[0][1]


def heard_live(arrivals: list[int], latency_s: float) -> tuple[Playing, npt.NDArray[np.float32]]:
    """A session in which arrivals[k] frames come in the k-th sixtieth of a second."""
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings(latency_s=latency_s))
    playing.load()
    heard, tick = [], 0
    for n in arrivals:
        for _ in range(n):
            pipe.waiting.append(frame(tick, "tide" if tick < 200 else "aurora"))
            tick += 1
        playing.listen()
        playing.render()
        out = np.empty((TICK_FRAMES, 2), np.float32)
        playing.read_into(out)
        heard.append(out)
    return playing, np.concatenate(heard)


def rendered_offline(n_ticks: int) -> npt.NDArray[np.float32]:
    synth, limiter = Synth(SOUNDS["tide"], 1), Limiter()
    blocks = []
    for tick in range(n_ticks):
        if tick == 200:
            synth.set_soundscape(SOUNDS["aurora"])
        blocks.append(limiter(synth(frame(tick, "tide" if tick < 200 else "aurora"))))
    return np.concatenate(blocks)


@pytest.mark.parametrize("latency_s", [0.03, 0.1])
def test_a_live_session_sounds_sample_for_sample_as_its_offline_rendering(latency_s: float) -> None:
    """Frames come one by one; some late, and then two at once."""
    playing, heard = heard_live([1] * 100 + ([0, 2] if latency_s == 0.1 else [1, 1]) * 50 + [1] * 400, latency_s)
    assert (playing.n_held, playing.n_dropped) == (0, 0)
    offline = rendered_offline(600)
    lead = playing.low
    assert np.array_equal(heard[lead:], offline[: len(heard) - lead])
    assert np.abs(offline[: len(heard) - lead]).max() > 0.01


def test_what_came_while_kernels_loaded_is_not_lost() -> None:
    playing, heard = heard_live([90] + [1] * 300, 0.1)
    assert (playing.n_held, playing.n_dropped) == (0, 0)
    skipped = 89 * TICK_FRAMES
    offline = rendered_offline(390)[skipped:]
    assert np.array_equal(heard[playing.low :], offline[: len(heard) - playing.low])


@pytest.mark.hazard("H-08")
def test_late_frames_are_held_and_those_that_pile_up_give_way_without_a_gap() -> None:
    playing, heard = heard_live([1] * 100 + [0] * 12 + [12] + [1] * 100, 0.1)
    assert playing.n_held > 8
    assert playing.n_dropped == 12 - PILE
    assert np.abs(np.diff(heard[60 * TICK_FRAMES :], axis=0)).max() < 0.1


@pytest.mark.hazard("H-08")
def test_a_device_that_asks_for_much_at_once_gets_it() -> None:
    """After it was late it refills its whole buffer before the renderer's next turn: nothing is zero, nothing jumps."""
    playing, before = heard_live([1] * 200, 0.1)
    heard = [before[-TICK_FRAMES:]]
    for _ in range(20):
        heard.append(np.empty((playing.block_frames, 2), np.float32))
        playing.read_into(heard[-1])
    burst = np.concatenate(heard)
    assert playing.n_held > 8
    assert np.abs(burst).max(axis=1).reshape(-1, 16).max(axis=1).min() > 0.0
    assert np.abs(np.diff(burst, axis=0)).max() < 0.1


@pytest.mark.parametrize("latency_s", [0.03, 0.1, 0.3])
def test_the_callback_s_blocks_fit_twice_into_what_lies_ahead(latency_s: float) -> None:
    playing = Playing(FakePipe(), SOUNDS, "tide", 1, Settings(latency_s=latency_s))
    assert 2 * playing.block_frames <= playing.low
    assert playing.device_latency_s == latency_s
    assert playing.full <= 0.05 * SAMPLE_RATE_HZ  # what waits beside is heard later, too


@pytest.mark.hazard("H-06", "H-24")
def test_sound_that_comes_back_fades_in() -> None:
    """In the middle of a session: what came while kernels loaded is not heard, and the rest begins from silence."""
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings(), fades_in=True)
    pipe.waiting.extend(frame(5000 + tick) for tick in range(90))
    out = np.empty((TICK_FRAMES, 2), np.float32)
    power = []
    for tick in range(240):
        pipe.waiting.append(frame(5090 + tick))
        playing.listen()
        playing.render()
        playing.read_into(out)
        power.append(float(np.square(out).mean()))
    assert max(power[:6]) < 1e-2 * max(power[-30:])
    assert max(power[:60]) < 0.5 * max(power[-30:])
    assert power[-1] > 1e-7


@pytest.mark.hazard("H-06", "H-24")
def test_sound_that_had_no_device_goes_on_unheard_and_fades_in() -> None:
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings())
    out = np.empty((TICK_FRAMES, 2), np.float32)
    power = []
    for tick in range(500):
        pipe.waiting.append(frame(tick))
        playing.listen()
        if 200 <= tick < 260:
            playing.pass_by()
            continue
        playing.render()
        playing.read_into(out)
        power.append(float(np.square(out).mean()))
    assert max(power[200:206]) < 1e-2 * max(power[170:200])
    assert max(power[200:230]) < 0.3 * max(power[170:200])
    assert max(power[-30:]) > 0.3 * max(power[170:200])
    assert playing.n_dropped == 0


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every stream that a device opened."""
    opened: list[Any] = []

    class Stream:
        active = True

        def __init__(self, callback: Any, **_: Any) -> None:
            self.callback = callback
            opened.append(self)

        def start(self) -> None: ...

        def close(self) -> None:
            self.active = False

    sound = ModuleType("sound")
    sound.OutputStream = Stream  # type: ignore[attr-defined]
    sound.query_devices = lambda **_: {"name": "card"}  # type: ignore[attr-defined]
    monkeypatch.setattr(output, "_sounddevice", lambda: sound)
    return opened


@pytest.mark.hazard("H-06", "H-24")
def test_after_a_silence_that_nobody_asked_for_sound_fades_in(
    opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the machine slept: the device asks again, of a process that stood still meanwhile."""
    pipe = FakePipe()
    playing = Playing(pipe, SOUNDS, "tide", 1, Settings())
    device = Device(playing)
    status = SimpleNamespace(output_underflow=False)
    time_s, power = [0.0], []
    monkeypatch.setattr(clock, "now_s", lambda: time_s[0])
    out = np.empty((TICK_FRAMES, 2), np.float32)
    for tick in range(600):
        pipe.waiting.append(frame(tick))
        playing.listen()
        if device.keep_open(time_s[0]):
            playing.render()
        else:
            playing.pass_by()
        time_s[0] += 1.5 if tick == 300 else 1.0 / 60.0
        opened[-1].callback(out, TICK_FRAMES, None, status)
        power.append(float(np.square(out).mean()))
    before = max(power[250:300])
    assert max(power[300:360]) == 0.0
    assert max(power[362:390]) < 0.3 * before
    assert max(power[-30:]) > 0.3 * before
    assert min(power[280:300]) > 1e-3 * before


@pytest.mark.hazard("H-24")
def test_a_device_that_asks_for_nothing_is_opened_again(opened: list[Any]) -> None:
    device = Device(Playing(FakePipe(), SOUNDS, "tide", 1, Settings()))
    status = SimpleNamespace(output_underflow=False)
    now_s = 0.0
    while now_s < 10.0:
        now_s += 0.5
        assert device.keep_open(now_s)
        opened[-1].callback(np.empty((TICK_FRAMES, 2), np.float32), TICK_FRAMES, None, status)
    assert len(opened) == 1
    for _ in range(20):  # it falls silent
        now_s += 0.5
        device.keep_open(now_s)
    assert len(opened) == 2
    assert not opened[0].active
