"""The numbers behind a report: a session's frames and readings go in; trust, guide, breaths and decisions come out.

Times are session time in s. Unknown is NaN in arrays and None elsewhere. A value counts only while its signal is
trusted; what is not trusted is never shown or counted as a number.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from biofeed.messages import TICKS_PER_S, ControlFrame, Features, LinkChanged, Reading, Trust
from biofeed.session.capsule import Opening

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TRUST_QUALITY, TRUST_AGE_S = 0.5, 3.0  # H-17: below, or older, a value is not shown
GUIDE_LOW, GUIDE_HIGH = 0.4, 0.6  # the guide has to swing through both to count: a faded one asks nothing
GUIDE_SHORTEST_S, GUIDE_LONGEST_S = 1.5, 30.0  # the pacer runs from 2 to 40/min
WITHIN_CYCLES = 1.0 / 6.0  # a breath this near to the guide's is within it; by chance a third would be


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A session as its report needs it, from a replay: one reading per frame, and what is known of the recording."""

    opening: Opening
    frames: Sequence[ControlFrame] = ()
    readings: Sequence[Reading] = ()
    links: Sequence[LinkChanged] = ()
    breaks: Sequence[tuple[float, float]] = ()  # (at, for so long) that session time stood still, s
    week_part: float | None = None  # of a week's hearing dose; None: the level at the ear was not calibrated
    faults: int = 0  # pieces of what the sensors sent that could not be read
    recorded_digest: str | None = None
    replayed_digest: str | None = None  # None: it was not replayed
    torn: str | None = None  # what of the log could not be used, in a sentence
    ended: str | None = None  # None: the recording broke off


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time and what held in it; `last` differs from `text` when its figures changed within."""

    start_s: float
    stop_s: float
    text: str
    last: str = ""

    @property
    def length_s(self) -> float:
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure over the trusted time: median and the range that holds 90 % of it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One body signal over the readings' times: whether it is trusted, and why not."""

    trusted: Bools
    doubts: tuple[Span, ...]

    @property
    def share(self) -> float | None:
        """Trusted time over all time; None without any reading."""
        return float(self.trusted.mean()) if self.trusted.size else None


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What the report shows."""

    end_s: float
    time_s: Floats  # of the readings
    heart: Signal
    breath: Signal
    frame_s: Floats
    guide: Floats  # 0..1
    onsets_s: Floats  # inhale onsets of the guide
    starts_s: Floats  # inhale onsets of the person
    offsets: Floats  # of those, in guide cycles -0.5..0.5 (later is positive); NaN without a guide
    led: Bools  # whether the guide led when that breath began
    beats_s: Floats
    decisions: tuple[Span, ...]
    values: dict[str, Floats]  # by the field's name in Features, NaN where it is not known or not trusted
    paced: Bools  # of the readings: whether the guide led

    def spread(self, name: str, where: Bools | None = None) -> Spread | None:
        """The measure's spread over the trusted time; None when it was never known."""
        values = self.values[name] if where is None else self.values[name][where]
        values = values[~np.isnan(values)]
        if not values.size:
            return None
        low, median, high = np.percentile(values, (5.0, 50.0, 95.0))
        return Spread(float(median), float(low), float(high))

    def within(self, where: Bools) -> tuple[int, int]:
        """How many breaths lay within the guide, of how many that had a guide."""
        offsets = self.offsets[where & ~np.isnan(self.offsets)]
        return int((np.abs(offsets) <= WITHIN_CYCLES).sum()), int(offsets.size)

    def relation(self, where: Bools) -> tuple[float, float] | None:
        """The breaths' mean place in the guide's cycle (-0.5..0.5, later is positive) and its steadiness 0..1."""
        offsets = self.offsets[where & ~np.isnan(self.offsets)]
        if not offsets.size:
            return None
        mean = complex(np.exp(2j * np.pi * offsets).mean())
        return math.atan2(mean.imag, mean.real) / (2.0 * math.pi), abs(mean)


HEART_MEASURES = ("hr_bpm", "rmssd_ms", "sdnn_ms", "pnn50", "lf_hf", "rsa_bpm", "coherence")
BREATH_MEASURES = ("breaths_per_min", "breath_level")


def summarize(history: History) -> Summary:
    """All numbers of the report."""
    features = [reading.features for reading in history.readings]
    time_s = np.array([item.time_s for item in features], dtype=np.float64)
    frame_s = np.array([frame.time_s for frame in history.frames], dtype=np.float64)
    last_s = max(frame_s[-1] if frame_s.size else 0.0, time_s[-1] if time_s.size else 0.0)
    end_s = float(last_s) + 1.0 / TICKS_PER_S if frame_s.size or time_s.size else 0.0
    known = {
        name: _finite(np.array([getattr(item, name) for item in features], dtype=np.float64))
        for name in HEART_MEASURES + BREATH_MEASURES
    }
    heart = _signal(features, lambda item: item.heart, known["hr_bpm"], time_s, end_s)
    breath = _signal(features, lambda item: item.breath, known["breath_level"], time_s, end_s)
    values = {name: np.where(heart.trusted, known[name], np.nan) for name in HEART_MEASURES}
    values |= {name: np.where(breath.trusted, known[name], np.nan) for name in BREATH_MEASURES}
    guide = np.array([frame.drive.guide for frame in history.frames], dtype=np.float64)
    onsets_s = guide_onsets(frame_s, guide)
    starts_s = np.array([item.start_s for reading in history.readings for item in reading.breaths], dtype=np.float64)
    gone_s = {item.time_s for reading in history.readings for item in reading.withdrawn}
    told = (item for reading in history.readings for item in reading.beats)
    beats = (item for item in told if item.quality >= TRUST_QUALITY and item.time_s not in gone_s)
    decisions = _spans(((frame.time_s, frame.reason) for frame in history.frames), end_s)
    return Summary(
        end_s=end_s,
        time_s=time_s,
        heart=heart,
        breath=breath,
        frame_s=frame_s,
        guide=guide,
        onsets_s=onsets_s,
        starts_s=starts_s,
        offsets=offsets_to(onsets_s, starts_s),
        led=_led(decisions, starts_s),
        beats_s=np.array([item.time_s for item in beats], dtype=np.float64),
        decisions=decisions,
        values=values,
        paced=_led(decisions, time_s),
    )


def mode_of(reason: str) -> str:
    """The word before the colon: what the loop did; the rest says why."""
    return reason.partition(":")[0].strip()


def guide_onsets(time_s: Floats, guide: Floats) -> Floats:
    """When the guide was at its lowest between two rises: its inhale onsets, (n,) s."""
    side = np.where(guide > GUIDE_HIGH, 1, np.where(guide < GUIDE_LOW, -1, 0))
    at = np.flatnonzero(side)
    if not at.size:
        return np.zeros(0)
    edges = np.flatnonzero(np.diff(side[at])) + 1
    onsets = []
    for run in np.split(at, edges)[:-1]:  # the last one is not over
        if side[run[0]] < 0:
            low = guide[run[0] : run[-1] + 1]
            onsets.append(time_s[run[0] : run[-1] + 1][low <= low.min() + 1e-9].mean())
    return np.array(onsets, dtype=np.float64)


def guide_cycles(onsets_s: Floats) -> tuple[Floats, Floats]:
    """Start and length of every whole cycle of the guide, s."""
    lengths = np.diff(onsets_s)
    whole = (lengths >= GUIDE_SHORTEST_S) & (lengths <= GUIDE_LONGEST_S)
    return onsets_s[:-1][whole], lengths[whole]


def offsets_to(onsets_s: Floats, starts_s: Floats) -> Floats:
    """Where in the guide's cycle each breath began: cycles -0.5..0.5 after the nearest onset, NaN without a cycle."""
    offsets = np.full(starts_s.shape, np.nan)
    starts, lengths = guide_cycles(onsets_s)
    if not starts.size:
        return offsets
    k = np.searchsorted(starts, starts_s, side="right") - 1
    place = (starts_s - starts[k]) / lengths[k]
    inside = (k >= 0) & (place < 1.0)
    offsets[inside] = (place[inside] + 0.5) % 1.0 - 0.5
    return offsets


def _signal(
    features: Sequence[Features], trust_of: Callable[[Features], Trust], value: Floats, time_s: Floats, end_s: float
) -> Signal:
    trusts = [trust_of(item) for item in features]
    quality = np.array([trust.quality for trust in trusts], dtype=np.float64)
    age_s = np.array([trust.age_s for trust in trusts], dtype=np.float64)
    trusted = (quality >= TRUST_QUALITY) & (age_s <= TRUST_AGE_S) & ~np.isnan(value)
    reasons = (
        (at, "" if good else trust.reason or "not said why")
        for at, good, trust in zip(time_s.tolist(), trusted.tolist(), trusts, strict=True)
    )
    return Signal(trusted, tuple(span for span in _spans(reasons, end_s) if span.text))


def _spans(texts: Iterable[tuple[float, str]], end_s: float) -> tuple[Span, ...]:
    """Equal neighbours become one span; texts that differ in figures only count as equal."""
    spans: list[Span] = []
    key = None
    for text, group in groupby(texts, key=lambda item: item[1]):
        start_s = next(group)[0]
        kind = re.sub(r"[\d.]+", "0", text)
        if spans and kind == key:
            spans[-1] = Span(spans[-1].start_s, end_s, spans[-1].text, text)
            continue
        if spans:
            spans[-1] = Span(spans[-1].start_s, start_s, spans[-1].text, spans[-1].last)
        spans.append(Span(start_s, end_s, text, text))
        key = kind
    return tuple(spans)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _led(decisions: Sequence[Span], time_s: Floats) -> Bools:
    led = np.zeros(time_s.shape, dtype=np.bool_)
    for span in decisions:
        if mode_of(span.text) == "leading":
            led |= (time_s >= span.start_s) & (time_s < span.stop_s)
    return led
