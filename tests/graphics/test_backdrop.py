"""The window behind the picture: unseen it is black, then calm and still, and a key there is a STOP."""

import multiprocessing
from collections.abc import Iterator

import numpy as np
import pygame
import pytest

from biofeed.calm import CALM
from biofeed.graphics.backdrop import Backdrop
from biofeed.graphics.context import Context
from biofeed.graphics.measures import luminance
from biofeed.graphics.picture import Show
from biofeed.graphics.renderer import Settings

pytestmark = pytest.mark.hazard("H-24")


class Behind:
    """A backdrop on a context without a screen, with the supervisor's end of its pipe."""

    def __init__(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        self.words: list[str] = []
        self.done: list[str] = []
        monkeypatch.setattr(context, "poll", self._poll)
        monkeypatch.setattr(context, "present", lambda: self.done.append("present"))
        monkeypatch.setattr(context, "show", lambda: self.done.append("show"))
        monkeypatch.setattr(context, "on_event", None)
        self.ours, theirs = multiprocessing.Pipe()
        self.backdrop = Backdrop(theirs, context, 1, Settings())

    def _poll(self) -> list[str]:
        words, self.words = self.words, []
        return words


@pytest.fixture
def behind(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    made = Behind(context, monkeypatch)
    yield made
    made.backdrop._renderer.close()


def test_it_is_the_very_calm_that_a_picture_comes_back_with(
    behind: Behind, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert behind.backdrop.step()
    behind.ours.send("calm")
    assert behind.backdrop.step()
    seen = behind.backdrop._renderer.read()
    assert 0.03 < luminance(seen).mean() < 0.06
    show = Show(multiprocessing.Pipe()[0], context, {"calm": CALM}, "calm", 1, begins_calm=True)
    assert np.abs(show.renderer.read().astype(int) - seen).max() <= 1  # dither
    show.renderer.close()


def test_it_draws_only_when_there_is_something_else_to_see(behind: Behind) -> None:
    behind.backdrop.step()
    behind.ours.send("calm")
    behind.backdrop.step()
    behind.done.clear()
    for _ in range(3):
        behind.backdrop.step()
    assert behind.done == []
    behind.backdrop._keeps(pygame.event.Event(pygame.WINDOWEXPOSED))
    behind.backdrop.step()
    assert behind.done == ["present"]


def test_it_comes_forward_with_the_whole_calm_on_both_sides_of_it(behind: Behind) -> None:
    behind.ours.send("front")
    behind.backdrop.step()
    assert behind.done == ["present", "show", "present"]
    assert 0.03 < luminance(behind.backdrop._renderer.read()).mean() < 0.06


@pytest.mark.hazard("H-11")
def test_a_key_there_is_a_stop_and_a_lost_focus_is_not(behind: Behind) -> None:
    for word in ("stop", "leave", "press", "pause", "volume+"):
        behind.words = [word]
        behind.backdrop.step()
    said = []
    while behind.ours.poll(0):
        said.append(behind.ours.recv())
    assert said == [("event", "stop")] * 3
    for kind in (pygame.WINDOWFOCUSLOST, pygame.WINDOWMINIMIZED, pygame.WINDOWENTER):
        assert behind.backdrop._keeps(pygame.event.Event(kind))
    for kind in (pygame.KEYDOWN, pygame.MOUSEBUTTONDOWN, pygame.JOYBUTTONDOWN, pygame.JOYDEVICEADDED):
        assert not behind.backdrop._keeps(pygame.event.Event(kind))


@pytest.mark.parametrize("end", ["none", "closed"])
def test_it_ends_with_the_session_and_with_the_supervisor(end: str, behind: Behind) -> None:
    assert behind.backdrop.step()
    if end == "none":
        behind.ours.send(None)
    else:
        behind.ours.close()
    assert not behind.backdrop.step()
