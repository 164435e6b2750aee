"""The report says what the session held: no more, no less, and nothing that judges."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up import session

from biofeed.session.report import History, report_html

FORBIDDEN = ("normal", "safe", "healthy", "good", "bad", "stable", "excellent", "fail", "you may leave", "alarm")
VOID = {"meta", "br", "link", "hr", "img"}


class Balance(HTMLParser):
    """Keeps the open elements; whatever is closed must be the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        for name, value in attrs:
            assert name not in ("src", "onload", "onclick")
            assert name != "href" or (value or "").startswith("#")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def words(history: History) -> str:
    page = Balance()
    page.feed(report_html(history))
    page.close()
    assert page.open == []
    return re.sub(r"\s+", " ", " ".join(page.text))


@pytest.fixture(scope="module")
def four_minutes() -> History:
    return session(240.0)


@pytest.mark.hazard("H-32")
def test_the_page_is_whole_and_needs_nothing_from_outside(four_minutes: History) -> None:
    html = report_html(four_minutes)
    assert html.lower().startswith("<!doctype html>")
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "<svg" in html
    words(four_minutes)


def test_its_numbers_are_the_session_s(four_minutes: History) -> None:
    told = words(four_minutes)
    rates = [
        reading.features.hr_bpm
        for reading in four_minutes.readings
        if reading.features.hr_bpm is not None and reading.features.heart.quality >= 0.5
    ]
    assert f"{np.median(rates):.0f} /min heart rate, median" in told
    trusted = [reading.features.breath for reading in four_minutes.readings]
    share = np.mean([trust.quality >= 0.5 and (trust.age_s or 0.0) <= 3.0 for trust in trusted])
    assert f"{100.0 * share:.1f} %" in told
    assert f"seed {four_minutes.opening.seed}" in told.lower() or f"Seed {four_minutes.opening.seed}" in told


@pytest.mark.hazard("H-17", "H-18", "H-19", "H-42")
def test_it_never_judges_and_says_what_it_is_not(four_minutes: History) -> None:
    told = words(four_minutes).lower()
    for word in FORBIDDEN:
        assert not re.search(rf"\b{word}\b", told), word
    assert "not a medical device" in told
    assert "not for monitoring" in told
    assert "not a vital sign" in told
    assert "simulated person" in told


@pytest.mark.hazard("H-17")
def test_a_gap_stays_a_gap() -> None:
    whole = session(120.0)
    readings = list(whole.readings)
    hole = range(60 * 60, 80 * 60)
    for tick in hole:
        features = replace(readings[tick].features, hr_bpm=None)
        readings[tick] = replace(readings[tick], features=features)
    without = report_html(replace(whole, readings=readings))
    lines = [len(re.findall(r"[Mm]", path)) for path in re.findall(r'class="line[^"]*heart[^"]*" d="([^"]+)"', without)]
    before = [
        len(re.findall(r"[Mm]", path))
        for path in re.findall(r'class="line[^"]*heart[^"]*" d="([^"]+)"', report_html(whole))
    ]
    assert lines
    assert sum(lines) > sum(before)


@pytest.mark.hazard("H-30")
def test_what_people_wrote_is_shown_and_not_run(four_minutes: History) -> None:
    opening = replace(four_minutes.opening, scene="<script>alert(1)</script>", person="<b>")
    frames = [replace(frame, scene=opening.scene, reason="<script>") for frame in four_minutes.frames]
    html = report_html(replace(four_minutes, opening=opening, frames=frames))
    assert "<script>" not in html.lower()
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize("n_ticks", [0, 1, 2])
def test_a_session_of_next_to_nothing_has_a_report(n_ticks: int, four_minutes: History) -> None:
    short = replace(
        four_minutes,
        frames=four_minutes.frames[:n_ticks],
        readings=four_minutes.readings[:n_ticks],
        links=[],
        ended=None,
    )
    assert "not known" in words(short)


def test_a_replay_that_differs_is_told(four_minutes: History) -> None:
    assert four_minutes.recorded_digest
    equal = words(replace(four_minutes, replayed_digest=four_minutes.recorded_digest))
    other = words(replace(four_minutes, replayed_digest="0" * 64))
    assert equal != other


@pytest.mark.hazard("H-07", "H-24")
def test_it_tells_when_time_stood_still_and_what_the_ear_took_in(four_minutes: History) -> None:
    breaks = [(60.0, 3600.0), *((70.0 + n, 0.4) for n in range(9))]
    told = words(replace(four_minutes, breaks=breaks, week_part=0.00125))
    assert "Stood still at 1:00 for 60:00 min, at 1:10 for 1 s, " in told
    assert "and 4 times more" in told
    assert "Hearing dose 0.12 % of a week" in told
    plain = words(four_minutes)
    assert "Stood still" not in plain
    assert "Hearing dose not known" in plain


def test_ninety_minutes_fit_into_two_megabytes() -> None:
    four = session(300.0)
    long = replace(four, frames=list(four.frames) * 18, readings=list(four.readings) * 18)
    moved = [replace(frame, tick=tick, time_s=tick / 60.0) for tick, frame in enumerate(long.frames)]
    readings = [
        replace(reading, features=replace(reading.features, time_s=tick / 60.0))
        for tick, reading in enumerate(long.readings)
    ]
    assert len(report_html(replace(long, frames=moved, readings=readings)).encode()) < 2_000_000
