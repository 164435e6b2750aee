"""Heart rate and its variability from Beats and Breaths; `DEFINITIONS` says what each measure is, in which window.

Only good beats count: quality at least 0.5, and labelled NORMAL where beats are labelled. Nothing is repaired. A
measure is None until its window holds enough, when it is stale and (but for the heart rate) when the rhythm is
irregular; `why(name)` says so in words, `age_s(name)` how old the newest beat or breath is that it rests on.
"""

import cmath
import math
from collections import deque
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from biofeed.messages import Beat, BeatLabel, Breath, Withdrawn
from biofeed.signals import spectrum
from biofeed.signals.filters import Floats

Bools = npt.NDArray[np.bool_]

IRREGULAR = "heart-rhythm measures are not available: the rhythm is irregular"
GOOD = 0.5
N_BEATS = 512  # 120 s at 256/min
HR_WINDOW_S, HR_INTERVALS = 8.0, 3
RMSSD_WINDOW_S, RMSSD_PAIRS, RMSSD_SPAN_S = 60.0, 30, 45.0
PNN_MS = 50.0
SDNN_WINDOW_S, SDNN_INTERVALS, SDNN_SPAN_S = 120.0, 45, 60.0
LF_HF_WINDOW_S, LF_HF_SPAN_S, LF_HF_EVERY_S = 120.0, 110.0, 5.0
LF_HF_BEATS_PER_S = 2.0 * spectrum.HF_HZ[1]  # fewer cannot show the upper end of HF
RSA_BEATS, RSA_AGE_S = 3, 20.0  # a breath at 3/min lasts 20 s
PHASE_BREATHS, PHASE_WINDOW_S, PHASE_POINTS = 6, 180.0, 16
PHASE_LOCK = 0.7  # Rayleigh's test: six random angles reach this once in twenty times
STALE_S = 5.0  # without a good beat for so long, no measure stands
CLEAR = 0.1  # a beat of good shape at an odd time has this at least; one of bad shape says nothing of the rhythm
IRREGULAR_SHARE, REGULAR_SHARE = 0.15, 0.10  # of odd intervals, above and below: what is said does not flicker
IRREGULAR_BEATS, IRREGULAR_WINDOW_S = 20, 60.0
ODD = 0.2  # an interval this far from the median of its five neighbours is odd
WHOLE, HOLE_S = 0.9, 3.0  # a spectrum needs this share of its window's intervals to be good, and no longer hole
SAME_S = 0.001  # two times of beats that differ by less are the same


@dataclass(frozen=True, slots=True)
class Definition:
    """What a measure is: one row of docs/signals.md."""

    name: str  # in Features
    unit: str  # UCUM
    window_s: float | None  # None: one breath, or some
    needs: str
    definition: str
    source: str
    delay_s: float  # after a sudden change of the body, half of it shows
    limits: str


DEFINITIONS = (
    Definition(
        "hr_bpm", "/min", HR_WINDOW_S, f"{HR_INTERVALS} good intervals",
        "60 over the median interval", "Task Force 1996", 4.0,
        "a median: one odd interval does not show",
    ),
    Definition(
        "rmssd_ms", "ms", RMSSD_WINDOW_S,
        f"{RMSSD_PAIRS} pairs of adjacent normal intervals over at least {RMSSD_SPAN_S:g} s",
        "root mean square of successive differences", "Task Force 1996", 30.0,
        "from a pulse the scatter of its beat times adds to it: 12 ms of scatter alone give 29 ms",
    ),
    Definition(
        "sdnn_ms", "ms", SDNN_WINDOW_S, f"{SDNN_INTERVALS} normal intervals over at least {SDNN_SPAN_S:g} s",
        "standard deviation of the normal intervals", "Task Force 1996", 55.0,
        "grows with the window: compare it with itself, not with a day's",
    ),
    Definition(
        "pnn50", "1", RMSSD_WINDOW_S, "as rmssd_ms",
        f"share of successive differences over {PNN_MS:g} ms", "Task Force 1996", 30.0,
        "30 pairs give steps of 0.03",
    ),
    Definition(
        "lf_hf", "1", LF_HF_WINDOW_S,
        f"{LF_HF_SPAN_S:g} s, {100 * WHOLE:g} % of the intervals normal, no hole over {HOLE_S:g} s, "
        f"at least {60 * LF_HF_BEATS_PER_S:g} beats/min",
        f"{spectrum.LF_HF_DEFINITION}; renewed every {LF_HF_EVERY_S:g} s",
        "Task Force 1996; Lomb 1976, Scargle 1982, doi 10.1086/160554", 45.0,
        "no balance of nerves: breathing slower than 9/min puts its own swing into LF",
    ),
    Definition(
        "rsa_bpm", "/min", None, f"one breath with {RSA_BEATS} beats in it, all good",
        "highest minus lowest instantaneous rate within the breath", "Grossman, Taylor 2007", 10.0,
        "with 3 beats in a fast breath the extremes are often missed: it reads low",
    ),
    Definition(
        "breath_heart_phase", "{cycle}", None,
        f"{PHASE_BREATHS} breaths within {PHASE_WINDOW_S:g} s with good beats throughout, whose angles agree "
        f"(mean resultant length at least {PHASE_LOCK:g})",
        "where in the breath (0 inhale onset, 0.5 exhale onset) the heart rate's first harmonic is highest: mean "
        "resultant angle over the breaths; the rate is linear between the middles of its intervals, its trend from "
        "end to end of the breath removed",
        "Mardia, Jupp 2000 (circular mean; Rayleigh's test, p = 0.05)", 30.0,
        "from a pulse clip it is late by the change of the pulse's travel time within the breath",
    ),
    Definition(
        "coherence", "1", spectrum.COHERENCE_WINDOW_S, f"{100 * WHOLE:g} % good intervals, no hole over {HOLE_S:g} s",
        spectrum.COHERENCE_DEFINITION,
        "own; after McCraty et al.", 45.0,
        "compares with itself only: estimators of this name differ by orders of magnitude; a pure sine gives 0.86",
    ),
)  # fmt: skip
NAMES = tuple(item.name for item in DEFINITIONS)


def declaration() -> list[dict[str, str | float | None]]:
    """DEFINITIONS as JSON can hold them: stored beside measures, so that like can be compared with like."""
    return [asdict(item) for item in DEFINITIONS]


NOTHING: dict[str, float | None] = dict.fromkeys(NAMES)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure as it stands: value None with a reason, or with the age of the newest beat or breath it rests on."""

    value: float | None
    age_s: float | None
    reason: str


class Variability:
    """Measures that stand at a time: feed `beat`, `withdraw` and `breath` in the order in which they became known.

    Read the attributes, `why` and `age_s` after `at(time_s)`. The result depends only on that order.
    """

    def __init__(self) -> None:
        self.hr_bpm: float | None = None
        self.rmssd_ms: float | None = None
        self.sdnn_ms: float | None = None
        self.pnn50: float | None = None
        self.lf_hf: float | None = None
        self.rsa_bpm: float | None = None
        self.breath_heart_phase: float | None = None
        self.breath_heart_lock: float | None = None  # mean resultant length, 0..1: how constant that phase is
        self.coherence: float | None = None
        self.is_irregular = False
        self.last_good_s: float | None = None
        self._now_s = -math.inf
        self._beats: deque[Beat] = deque(maxlen=N_BEATS)
        self._breaths: deque[Breath] = deque(maxlen=PHASE_BREATHS)  # that wait for the beat after their end
        self._turns: deque[tuple[float, complex]] = deque(maxlen=PHASE_BREATHS)  # end of a breath, its angle
        self._next_slow_s = self._next_lf_hf_s = -math.inf
        self._value: dict[str, float | None] = dict.fromkeys(NAMES)
        self._from_s = dict.fromkeys(NAMES, -math.inf)  # newest beat or breath that the value rests on
        self._lack = {item.name: f"needs {item.needs}" for item in DEFINITIONS}

    def beat(self, beat: Beat) -> None:
        """A beat that has become known; one that is not later than the last is not taken."""
        if self._beats and beat.time_s <= self._beats[-1].time_s:
            return
        self._beats.append(beat)
        while self._beats[0].time_s < beat.time_s - SDNN_WINDOW_S:
            self._beats.popleft()
        if beat.quality >= GOOD:
            self.last_good_s = beat.time_s
        self._renew_rate()
        while self._breaths and beat.ibi_ms is not None and _middle_s(beat) >= _end_s(self._breaths[0]):
            self._turn(self._breaths.popleft())
        if beat.time_s >= self._next_slow_s:  # once a second is enough for what changes in minutes
            self._next_slow_s = beat.time_s + 1.0
            self._renew(beat.time_s)

    def withdraw(self, withdrawn: Withdrawn) -> None:
        """The beat goes; the interval that began there reaches back to the beat before, and its label is not known."""
        beats = self._beats
        at = next((k for k, item in enumerate(beats) if abs(item.time_s - withdrawn.time_s) < SAME_S), None)
        if at is None:
            return
        gone = beats[at]
        del beats[at]
        if at < len(beats):
            after = beats[at]
            if after.ibi_ms is not None and abs(after.time_s - after.ibi_ms / 1000.0 - gone.time_s) < SAME_S:
                merged_ms = None if gone.ibi_ms is None else after.ibi_ms + gone.ibi_ms
                beats[at] = replace(after, ibi_ms=merged_ms, label=BeatLabel.UNKNOWN)
        self.last_good_s = next((item.time_s for item in reversed(beats) if item.quality >= GOOD), None)
        self._next_slow_s = -math.inf
        self._renew_rate()

    def breath(self, breath: Breath) -> None:
        """The RSA of the breath that has just ended; its angle follows with the next beat."""
        inside = [item for item in self._beats if breath.start_s <= item.time_s <= _end_s(breath)]
        rates = [60_000.0 / item.ibi_ms for item in inside if item.ibi_ms is not None and _is_usable(item)]
        is_whole = len(inside) >= RSA_BEATS and len(rates) == len(inside)
        self._set("rsa_bpm", max(rates) - min(rates) if is_whole else None, _end_s(breath))
        self._breaths.append(breath)

    def at(self, time_s: float) -> None:
        """Sets what stands at `time_s`."""
        self._now_s = time_s
        is_fresh = self.last_good_s is not None and time_s - self.last_good_s <= STALE_S
        self.hr_bpm = self._value["hr_bpm"] if is_fresh else None
        known = self._value if is_fresh and not self.is_irregular else NOTHING
        self.rmssd_ms, self.sdnn_ms, self.pnn50 = known["rmssd_ms"], known["sdnn_ms"], known["pnn50"]
        self.lf_hf, self.coherence = known["lf_hf"], known["coherence"]
        self.rsa_bpm = known["rsa_bpm"] if time_s - self._from_s["rsa_bpm"] <= RSA_AGE_S else None
        is_recent = known is not NOTHING and time_s - self._from_s["breath_heart_phase"] <= RSA_AGE_S
        self.breath_heart_lock = self._lock() if is_recent else None
        self.breath_heart_phase = known["breath_heart_phase"] if is_recent else None

    def measured(self) -> dict[str, Measured]:
        """Every measure of DEFINITIONS as it stands."""
        return {name: Measured(getattr(self, name), self.age_s(name), self.why(name)) for name in NAMES}

    def why(self, name: str) -> str:
        """Why that measure is None; empty where it is known."""
        if getattr(self, name) is not None:
            return ""
        if self.last_good_s is None:
            return "no good heart beat yet"
        if self._now_s - self.last_good_s > STALE_S:
            return f"no good heart beat for {self._now_s - self.last_good_s:.0f} s"
        if self.is_irregular and name != "hr_bpm":
            return IRREGULAR
        return self._lack[name]

    def age_s(self, name: str) -> float | None:
        """Seconds since the newest beat or breath that the measure rests on; None where it is None."""
        return None if getattr(self, name) is None else max(0.0, self._now_s - self._from_s[name])

    def _set(self, name: str, value: float | None, from_s: float) -> None:
        self._value[name] = value
        self._from_s[name] = from_s

    def _renew_rate(self) -> None:
        recent: list[float] = []
        now_s = from_s = self._beats[-1].time_s if self._beats else -math.inf
        for item in reversed(self._beats):
            if item.time_s <= now_s - HR_WINDOW_S:
                break
            if item.ibi_ms is not None and item.quality >= GOOD and item.label != BeatLabel.MISSED:
                from_s = from_s if recent else item.time_s
                recent.append(item.ibi_ms)
        rate = 60_000.0 / float(np.median(recent)) if len(recent) >= HR_INTERVALS else None
        self._set("hr_bpm", rate, from_s)

    def _turn(self, breath: Breath) -> None:
        """The angle of the heart rate's first harmonic in that breath joins the last ones."""
        end_s = _end_s(breath)
        beats = [item for item in self._beats if item.ibi_ms is not None]
        first = next((k for k in range(len(beats) - 1, -1, -1) if _middle_s(beats[k]) <= breath.start_s), None)
        if first is None or end_s <= breath.start_s:
            return
        last = next(k for k in range(first, len(beats)) if _middle_s(beats[k]) >= end_s)
        inside = beats[first : last + 1]
        times = np.array([_middle_s(item) for item in inside])
        if len(inside) < RSA_BEATS + 2 or not all(map(_is_usable, inside)) or np.diff(times).max() > HOLE_S:
            return
        rates = np.array([60_000.0 / item.ibi_ms for item in inside if item.ibi_ms is not None])
        phase = (np.arange(PHASE_POINTS) + 0.5) / PHASE_POINTS
        place_s = breath.start_s + np.interp(phase, (0.0, 0.5, 1.0), (0.0, breath.inhale_s, end_s - breath.start_s))
        begin, end = np.interp((breath.start_s, end_s), times, rates)
        trend = begin + (end - begin) * (place_s - breath.start_s) / (end_s - breath.start_s)
        harmonic = complex(np.mean((np.interp(place_s, times, rates) - trend) * np.exp(2j * np.pi * phase)))
        if abs(harmonic) > 1e-6:
            self._turns.append((end_s, harmonic / abs(harmonic)))
        while self._turns and self._turns[0][0] < end_s - PHASE_WINDOW_S:
            self._turns.popleft()
        lock = self._lock()
        is_locked = lock is not None and lock >= PHASE_LOCK
        angle = cmath.phase(sum(turn for _, turn in self._turns)) / (2.0 * math.pi) % 1.0 if is_locked else None
        self._set("breath_heart_phase", angle, end_s)

    def _lock(self) -> float | None:
        if len(self._turns) < PHASE_BREATHS:
            return None
        return abs(sum(turn for _, turn in self._turns)) / PHASE_BREATHS

    def _renew(self, now_s: float) -> None:
        timed = [item for item in self._beats if item.ibi_ms is not None]
        times = np.array([item.time_s for item in timed])
        ibis = np.array([item.ibi_ms for item in timed], np.float64)
        usable = np.array([_is_usable(item) for item in timed], np.bool_)
        clear = [item.quality >= CLEAR and item.label != BeatLabel.MISSED for item in timed]
        share = _odd_share(ibis[(times > now_s - IRREGULAR_WINDOW_S) & np.array(clear, np.bool_)])
        self.is_irregular = share > (REGULAR_SHARE if self.is_irregular else IRREGULAR_SHARE)
        for name in ("rmssd_ms", "pnn50", "sdnn_ms", "coherence"):
            self._set(name, None, now_s)
        if usable.sum() < 2:
            self._set("lf_hf", None, now_s)
            return
        # a pair is adjacent when the second interval begins where the first one ends
        adjacent = np.abs(times[1:] - ibis[1:] / 1000.0 - times[:-1]) < SAME_S
        pair = adjacent & usable[1:] & usable[:-1] & (times[1:] > now_s - RMSSD_WINDOW_S)
        differences = np.diff(ibis)[pair]
        if differences.size >= RMSSD_PAIRS and now_s - times[1:][pair][0] >= RMSSD_SPAN_S:
            from_s = float(times[1:][pair][-1])
            self._set("rmssd_ms", float(np.sqrt(np.mean(differences**2))), from_s)
            self._set("pnn50", float(np.mean(np.abs(differences) > PNN_MS)), from_s)
        good_s, good_ms = times[usable], ibis[usable]
        from_s = float(good_s[-1])
        if good_s.size >= SDNN_INTERVALS and now_s - good_s[0] >= SDNN_SPAN_S:
            self._set("sdnn_ms", float(np.std(good_ms, ddof=1)), from_s)
        recent = times > now_s - spectrum.COHERENCE_WINDOW_S - 2.0
        if _is_whole(times[recent], usable[recent]):
            kept = recent & usable
            self._set("coherence", spectrum.coherence(times[kept], ibis[kept], now_s), from_s)
        if now_s >= self._next_lf_hf_s:
            self._next_lf_hf_s = now_s + LF_HF_EVERY_S
            length_s = float(good_s[-1] - good_s[0])
            is_long = length_s >= LF_HF_SPAN_S and good_s.size >= LF_HF_BEATS_PER_S * length_s
            ratio = spectrum.lf_hf(good_s, good_ms) if is_long and _is_whole(times, usable) else None
            self._set("lf_hf", ratio, from_s)


def _end_s(breath: Breath) -> float:
    return breath.start_s + breath.inhale_s + breath.exhale_s


def _middle_s(beat: Beat) -> float:
    """The middle of the interval that the beat ends."""
    return beat.time_s - (beat.ibi_ms or 0.0) / 2000.0


def _is_usable(beat: Beat) -> bool:
    """Whether the interval says something of the rhythm's variation; an unlabelled one does by its quality."""
    return beat.ibi_ms is not None and beat.quality >= GOOD and beat.label in (BeatLabel.NORMAL, BeatLabel.UNKNOWN)


def _is_whole(times_s: Floats, usable: Bools) -> bool:
    """Enough of the intervals are usable, and no hole is long: a spectrum of the rest is one of the rhythm."""
    kept = times_s[usable]
    return kept.size > 1 and usable.mean() >= WHOLE and float(np.diff(kept).max()) <= HOLE_S


def _odd_share(ibis_ms: Floats) -> float:
    """The share of intervals that lie over 20 % from the median of their neighbours; 0 where there are too few."""
    if ibis_ms.size < IRREGULAR_BEATS:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(ibis_ms, 5)
    odd = np.abs(windows[:, 2] - np.median(windows, axis=1)) > ODD * np.median(windows, axis=1)
    return float(odd.mean())
