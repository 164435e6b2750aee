"""What the operator reads while a session runs."""

import re
from pathlib import Path

import pytest

from biofeed.cli import SESSION
from biofeed.graphics.context import KEYS
from biofeed.holding import Teller
from biofeed.messages import CONTROLS, Command, ControlFrame, Drive, Levels

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def frame(time_s: float, reason: str = "leading") -> ControlFrame:
    return ControlFrame(round(time_s * 60), time_s, Drive(), "tide", Levels(), "running", reason)


@pytest.fixture
def teller() -> Teller:
    return Teller(600.0)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_every_ten_seconds_tells_what_the_loop_does(teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    for time_s in (0.0, 0.5, 9.9, 10.0, 19.0):
        teller.frame(frame(time_s))
    assert lines(capsys) == ["   0 s of 600: leading", "  10 s of 600: leading"]


def test_a_control_that_is_turned_shows_at_once_and_for_some_seconds(
    teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    teller.frame(frame(0.0))
    teller.command(Command(60, "volume", 0.75), 1.0)
    teller.frame(frame(1.0))
    teller.command(Command(120, "density", 0.625), 2.0)
    teller.command(Command(120, "silence", 1.0), 2.0)
    teller.frame(frame(2.0))
    teller.frame(frame(12.0))
    assert lines(capsys) == [
        "   0 s of 600: leading",
        "   1 s of 600: volume 75%; leading",
        "   2 s of 600: silence, volume 75%, density 62%; leading",
        "  12 s of 600: leading",
    ]


@pytest.mark.parametrize("control", ["intensity", *CONTROLS])
def test_every_control_is_told(control: str, teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    teller.command(Command(60, control, 1.0), 1.0)
    teller.frame(frame(1.0))
    assert control in lines(capsys)[0]


def test_a_command_that_turns_nothing_leaves_the_line_as_it_is(
    teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    teller.frame(frame(0.0))
    for kind, value in (("pause", None), ("scene", "aurora"), ("inhale", None), ("press", None)):
        teller.command(Command(60, kind, value), 1.0)
    teller.frame(frame(1.0))
    assert len(lines(capsys)) == 1


@pytest.mark.hazard("H-19")
def test_what_the_children_report_is_told(teller: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    teller.child("sound", "error", "no sound")
    teller.child("picture", "picture", {"fps": 60.0})
    teller.say("the recording stopped early")
    assert lines(capsys) == ["sound: no sound", "the recording stopped early"]


@pytest.mark.parametrize("text", [SESSION, README], ids=["help", "README"])
def test_every_key_is_documented(text: str) -> None:
    names = {"escape": "Esc", "space": "Space", "return": "Return"}
    for key in set(KEYS) - {"f11"}:
        name = re.escape(names.get(key, key))
        assert re.search(rf"[\s`]{name}[\s`,;]", text, re.IGNORECASE), key
