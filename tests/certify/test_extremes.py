"""Scenes are measured through the real renderer and guard, and the certificate says what was seen there."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from biofeed import certificates, cli, scene
from biofeed.certify import extremes
from biofeed.certify.extremes import EXTREMES, Extreme, Moment
from biofeed.errors import OutputError
from biofeed.graphics.context import headless
from biofeed.graphics.film import Film
from biofeed.messages import DRIVES, LEVELS

SHADER = """/*
title = "M"
mood = "m"
soundscape = "tide"
[uniforms]
u_pulse = { from = "pulse" }
*/
uniform float u_pulse;
"""
CALM = SHADER + "vec3 scene(vec2 p) { return vec3(0.1 + 0.02 * u_pulse); }\n"
STROBE = SHADER + "vec3 scene(vec2 p) { return vec3(step(0.5, fract(4.0 * u_time)) + 0.01 * u_pulse); }\n"
GUARDED, UNGUARDED = (
    next(one for one in EXTREMES if one.life is extremes.breath and one.is_guarded is is_guarded)
    for is_guarded in (True, False)
)


@pytest.fixture(autouse=True)
def _needs_gl() -> None:
    try:
        headless((16, 16)).close()
    except OutputError as error:
        pytest.skip(str(error))


def certify(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    path.write_text(text)
    code = cli.main(["certify", str(path), "--json"])
    return code, json.loads(capsys.readouterr().out)["scenes"][0]


@pytest.mark.hazard("H-01")
def test_a_strobe_is_held_by_the_guard_and_not_certified_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extremes, "SECONDS", 2.0)
    monkeypatch.setattr(extremes, "EXTREMES", (GUARDED, UNGUARDED))
    code, told = certify(tmp_path / "mine.frag", STROBE, capsys)
    assert (code, told["certified"]) == (1, False)
    assert isinstance(told["violations"], list)
    assert all(sentence.startswith(UNGUARDED.name) for sentence in told["violations"])
    assert f"{UNGUARDED.name}: WCAG flashes: 4 general flashes in a second" in told["violations"][0]
    path = str(tmp_path / "mine.frag")
    assert "does not hold every limit" in (certificates.objection(path, scene.load(path)) or "")


@pytest.mark.hazard("H-30")
def test_a_calm_scene_is_certified_with_the_same_bytes_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extremes, "SECONDS", 2.0)
    monkeypatch.setattr(extremes, "EXTREMES", (Extreme("raw", extremes.random, is_raw=True, every=2),))
    path = tmp_path / "mine.frag"
    code, told = certify(path, CALM, capsys)
    assert (code, told["certified"]) == (0, True)
    beside = path.with_suffix(".certificate")
    first = beside.read_bytes()
    assert certificates.objection(str(path), scene.load(str(path))) is None
    cli.main(["certify", str(path)])
    shown = capsys.readouterr().out
    assert beside.read_bytes() == first
    assert f"certified  {beside}" in shown
    assert "mine" in shown.splitlines()[0]


@pytest.mark.hazard("H-30")
def test_nothing_is_certified_when_a_gate_changes_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.frag"
    path.write_text(CALM)
    hashes = iter(("before", "after"))
    monkeypatch.setattr(extremes, "EXTREMES", ())
    monkeypatch.setattr(extremes, "sources", lambda _: next(hashes))
    assert cli.main(["certify", str(path)]) == 1
    assert "a gate was changed while mine was measured" in capsys.readouterr().err
    assert not path.with_suffix(".certificate").exists()


@pytest.mark.hazard("H-01")
def test_a_film_is_judged_limit_by_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "strobe.mp4"
    with Film(path, (64, 36), 30, sample_rate_hz=None) as film:
        for n in range(45):
            film.picture(np.full((36, 64, 3), 120 if n // 3 % 2 else 20, dtype=np.uint8))
    assert cli.main(["certify", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILS  WCAG flashes: 5 general flashes in a second")
    assert any(line.startswith("holds  WCAG red flashes: 0 red flashes") for line in lines)
    assert cli.main(["certify", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["figures"]["pictures"] == 45


@pytest.mark.hazard("H-04")
def test_the_lives_reach_the_extremes_and_stay_words_of_drive_and_levels() -> None:
    rng = np.random.default_rng(0)
    seconds = 10.0
    for extreme in EXTREMES:
        seen: dict[str, list[float]] = {}
        for tick in range(600):
            for name, value in extreme.life(Moment(tick / 60.0, seconds, rng)).items():
                assert name in (*DRIVES, *LEVELS, "rest")
                assert 0.0 <= value <= 1.0
                seen.setdefault(name, []).append(value)
        for name in {"pulse", "breath", "confidence"} & set(seen):
            if len(set(seen[name])) > 1:
                assert (min(seen[name]), max(seen[name])) == pytest.approx((0.0, 1.0), abs=0.05), extreme.name
    pulse = [extremes.heart(Moment(tick / 240.0, seconds, rng))["pulse"] for tick in range(2400)]
    rises = sum(b > a for a, b in itertools.pairwise(pulse))
    beats = seconds * sum(extremes.HEART_PER_MIN) / 2.0 / 60.0
    assert rises == pytest.approx(2.0 * beats, abs=4)


@pytest.mark.hazard("H-20")
def test_a_breath_goes_from_the_slowest_to_the_fastest() -> None:
    level = [extremes.breath(Moment(t / 100.0, 20.0, np.random.default_rng(0)))["breath"] for t in range(2000)]
    tops = [n / 100.0 for n in range(1, 1999) if level[n - 1] < level[n] >= level[n + 1]]
    lasts = 60.0 / (tops[-1] - tops[-2])
    assert 30.0 < lasts < 40.0
    assert tops[1] - tops[0] > 2.5 * (tops[-1] - tops[-2])
    assert math.isclose(level[0], 0.0)


def test_the_extremes_have_names_of_their_own_and_cover_what_the_issue_asks() -> None:
    names = [extreme.name for extreme in EXTREMES]
    assert len(set(names)) == len(names)
    assert {extreme.comfort for extreme in EXTREMES} == {"full", "gentle", "post-infusion"}
    assert {extreme.colours for extreme in EXTREMES} == {"full", "safe"}
    assert sum(not extreme.is_guarded for extreme in EXTREMES) == 1
    assert any(extreme.turns for extreme in EXTREMES)
