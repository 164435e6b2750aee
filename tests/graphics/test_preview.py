import os
from pathlib import Path
from typing import Any

import pytest

from biofeed.errors import UsageError
from biofeed.graphics import preview as module
from biofeed.graphics.context import Context, headless
from biofeed.graphics.preview import made_up_frame, preview
from biofeed.messages import DRIVES

TEXT = """/*
title = "World"
mood = "test"
soundscape = "probe"
*/
vec3 scene(vec2 p) { return vec3(0.1); }
"""


def test_the_made_up_session_stays_within_the_words_bounds_and_moves_slowly() -> None:
    frames = [made_up_frame(tick, "probe") for tick in range(0, 36_000, 7)]
    for name in DRIVES:
        values = [getattr(frame.drive, name) for frame in frames]
        assert min(values) >= 0.0
        assert max(values) <= 1.0
    assert made_up_frame(77, "probe") == made_up_frame(77, "probe")


def test_an_unknown_scene_is_told_before_any_window_opens() -> None:
    with pytest.raises(UsageError, match="there is no scene nowhere"):
        preview("nowhere", print)


def test_a_changed_file_is_drawn_and_a_broken_one_told_of(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = tmp_path / "world.frag"
    world.write_text(TEXT)
    (tmp_path / "probe.toml").write_text('[[voice]]\nkind = "silence"\n')
    monkeypatch.setattr(module, "WATCH_S", 0.0)
    stage = headless((64, 36))
    said: list[tuple[str, Any]] = []
    texts = iter([TEXT.replace("0.1", "x"), TEXT.replace("title", "titel"), TEXT.replace("0.1", "0.2")])

    def poll() -> list[str]:
        """Each look at the keys comes with another text on disk, and at last somebody stops."""
        text = next(texts, None)
        if text is None:
            return ["stop"]
        world.write_text(text)
        os.utime(world, ns=(1, world.stat().st_mtime_ns + 1_000_000_000))
        return []

    monkeypatch.setattr(stage, "poll", poll)
    preview(str(world), lambda kind, value: said.append((kind, value)), context=stage)
    errors = [value for kind, value in said if kind == "error"]
    assert errors[0] == "world.frag:6: `x' undeclared"
    assert errors[1].startswith("world.frag:")
    assert len(errors) == 2
    assert said[-1] == ("event", "stop")
