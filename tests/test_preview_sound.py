"""The sound beside a preview, with a stand-in for the sound process: who is asked, who is told, and how it ends."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import pytest

from biofeed import preview_sound, scene
from biofeed.errors import SceneError
from biofeed.messages import ControlFrame, Drive, Levels
from biofeed.preview_sound import PreviewSound
from biofeed.scene import Soundscape
from biofeed.sound.limiter import Settings

TIDE = scene.load("tide")


def echo(pipe: Connection, soundscapes: Mapping[str, Soundscape], first: str, seed: int, _settings: Settings) -> None:
    """A sound process that says what it is to play, and which ticks it heard of; tick 13 kills it."""
    pipe.send(("ready", (sorted(soundscapes), first, seed)))
    while (frame := pipe.recv()) is not None:
        pipe.send(("heard", frame.tick))
        if frame.tick == 13:
            os._exit(3)


def frame(tick: int) -> ControlFrame:
    return ControlFrame(tick, tick / 60, Drive(), "tide", Levels(), "running", "")


def until(sound: PreviewSound, wanted: Callable[[tuple[str, Any]], bool]) -> Any:
    """What was said first that is wanted; the test's own time limit ends a wait for nothing."""
    while True:
        for said in sound.poll():
            if wanted(said):
                return said[1]
        if sound._child:
            with contextlib.suppress(OSError):
                sound._child.line._pipe.poll(0.05)  # gives way to the process that is to say it


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Iterator[PreviewSound]:
    monkeypatch.setattr(preview_sound, "sound_process", echo)
    made = PreviewSound(Settings())
    yield made
    made.close()


def test_it_plays_hears_and_goes_over_to_another_seed(sound: PreviewSound) -> None:
    sound.send(frame(1))  # nobody is there yet
    assert sound.poll() == []
    sound.play(TIDE, 4)
    assert until(sound, lambda said: said[0] == "ready") == (["tide"], "tide", 4)
    sound.send(frame(7))
    assert until(sound, lambda said: said[0] == "heard") == 7
    sound.play(TIDE, 5)
    assert until(sound, lambda said: said[0] == "ready") == (["tide"], "tide", 5)
    sound.send(frame(8))
    assert until(sound, lambda said: said[0] == "heard") == 8


def test_a_soundscape_that_cannot_be_played_leaves_the_one_before(sound: PreviewSound) -> None:
    sound.play(TIDE, 1)
    voice = replace(TIDE.soundscape.voices[0], kind="seaa")
    broken = replace(TIDE, soundscape=replace(TIDE.soundscape, voices=(voice,)))
    with pytest.raises(SceneError, match="did you mean sea"):
        sound.play(broken, 1)
    sound.send(frame(9))
    assert until(sound, lambda said: said[0] == "heard") == 9


def test_a_process_that_dies_is_told_of_once(sound: PreviewSound) -> None:
    sound.play(TIDE, 1)
    sound.send(frame(13))
    assert until(sound, lambda said: said[0] == "supervisor") == "the sound process ended with code 3"
    assert sound.poll() == []
