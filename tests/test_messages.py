"""The words' canonical bytes: equal frames, and only those, give equal bytes."""

from dataclasses import fields, replace

import numpy as np
import pytest

from biofeed.messages import DRIVES, LEVELS, ControlFrame, Drive, Levels, control_table, frame_bytes

FRAME = ControlFrame(7, 7 / 60, Drive(), "tide", Levels(), "running", "matching")


def test_every_field_of_a_frame_is_in_its_bytes() -> None:
    others = [
        replace(FRAME, tick=8),
        replace(FRAME, time_s=np.nextafter(FRAME.time_s, 1)),
        replace(FRAME, scene="tidf"),
        replace(FRAME, state="paused"),
        replace(FRAME, reason="leading"),
        replace(FRAME, rest=0.123),
        replace(FRAME, scene="tid", state="erunning"),  # the same letters, cut elsewhere
    ]
    others += [replace(FRAME, drive=replace(Drive(), **{name: 0.123})) for name in DRIVES]
    others += [replace(FRAME, levels=replace(Levels(), **{name: 0.123})) for name in LEVELS]
    assert {item.name for item in fields(FRAME)} == {
        "tick",
        "time_s",
        "drive",
        "scene",
        "levels",
        "state",
        "reason",
        "rest",
    }
    assert len({frame_bytes(frame) for frame in (FRAME, *others)}) == len(others) + 1
    assert frame_bytes(replace(FRAME)) == frame_bytes(FRAME)


def test_the_control_table_holds_the_numbers_of_every_frame() -> None:
    table = control_table([FRAME, replace(FRAME, tick=8, drive=Drive(breath=0.25))])
    assert table["tick"].tolist() == [7, 8]
    assert table["breath"].tolist() == pytest.approx([0.5, 0.25])
    assert set(table.dtype.names or ()) == {"tick", "time_s", *DRIVES, *LEVELS, "rest"}
