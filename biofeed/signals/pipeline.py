"""The whole signal path, once per tick: the tick's inputs go in, a Reading comes out: Features, beats and breaths.

Every stream of a kind that is understood has its own lane of stages, made when its first samples come. The first live
lane of each kind speaks; when it fails, the next one does. What is not known is None, and Trust says why in words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from biofeed.messages import (
    Beat,
    Breath,
    Command,
    Features,
    Hello,
    Input,
    LinkChanged,
    LinkState,
    Reading,
    Stream,
    Trust,
    Withdrawn,
)
from biofeed.signals.cardiac import Beats
from biofeed.signals.filters import Floats
from biofeed.signals.hrv import IRREGULAR, NAMES, Measured, Variability
from biofeed.signals.modulation import Modulation
from biofeed.signals.quality import Quality
from biofeed.signals.respiration import Respiration
from biofeed.signals.respiration import Settings as RespirationSettings
from biofeed.signals.timing import Settings as TimingSettings
from biofeed.signals.timing import Timed, Timing

HEART, BREATH = ("ppg", "ecg"), ("resp",)
SILENT_S = 1.0  # no samples for so long: no data
GOOD = 0.5
HEART_AGE_S = 3.0
NO_BEAT_S = 3.0  # a good signal without a beat for so long is not a pulse
VARIABILITY = tuple(name for name in NAMES if name != "hr_bpm")  # which has an age of its own
APART_SHARE, APART_PER_MIN, APART_S = 0.25, 3.0, 30.0  # from here on belt and pulse tell different breaths
APART_QUALITY = 0.7
ODD_QUALITY = 0.35  # of a good pulse at an odd time
N_RECENT = 5  # beats whose quality says how well the pulse is understood

OF_PULSE = {
    "off": "finger is off",
    "limit": "pulse sensor is at its limit",
    "noise": "pulse signal is noisy",
    "motion": "the hand is moving",
}
OF_ECG = {
    "off": "an electrode is off",
    "limit": "ECG is at its limit",
    "noise": "ECG is noisy",
    "motion": "the ECG cable is moving",
}
OF_BREATH = {
    "off": "belt is off",
    "limit": "belt sensor is at its limit",
    "noise": "belt signal is noisy",
    "motion": "the belt is moving",
}


@dataclass(frozen=True)
class Settings:
    timing: TimingSettings = field(default_factory=TimingSettings)
    respiration: RespirationSettings = field(default_factory=RespirationSettings)


class _Lane:
    """One stream's stages and what is known of its trust."""

    def __init__(self, device: str, stream: Stream) -> None:
        self.device, self.stream = device, stream
        self.judge = Quality(stream)
        self.quality = 0.0
        self.end_s = 0.0  # session time up to which samples have come
        self.good_s: float | None = None  # of the last good sample

    def take(self, item: Timed) -> Floats:
        chunk = item.chunk
        quality = self.judge(chunk)
        n = quality.shape[0]
        if n:
            self.end_s = chunk.start_s + n / chunk.rate_hz
            self.quality = float(quality[-1])
            if self.quality >= GOOD:
                self.good_s = self.end_s
        return quality

    def is_live(self, time_s: float) -> bool:
        return self.quality > 0.0 and time_s - self.end_s < SILENT_S

    def trust(self, time_s: float, words: dict[str, str], link: str) -> Trust:
        """What the samples alone say: silence, contact, noise."""
        age_s = None if self.good_s is None else max(0.0, time_s - self.good_s)
        silent_s = time_s - self.end_s
        if silent_s >= SILENT_S:
            return Trust(0.0, age_s, link or f"no data from {self.device} for {silent_s:.0f} s")
        if self.judge.fault and self.quality < GOOD:
            return Trust(self.quality, age_s, words[self.judge.fault])
        return Trust(self.quality, age_s, "" if self.quality >= GOOD else "waiting for a steady signal")


L = TypeVar("L", bound=_Lane)


class _Heart(_Lane):
    def __init__(self, device: str, stream: Stream) -> None:
        super().__init__(device, stream)
        self.beats = Beats(stream)
        self.modulation = Modulation(stream)
        self.recent: list[Beat] = []
        self.since_s = math.inf  # when the signal last became good

    def push(self, item: Timed) -> list[Beat | Withdrawn]:
        was_good = self.quality >= GOOD
        quality = self.take(item)
        told = self.beats(item.chunk, quality)
        self.modulation(item.chunk, quality, told)
        if self.quality >= GOOD and not was_good:
            self.since_s = self.end_s
        for event in told:
            if isinstance(event, Beat):
                self.recent = [*self.recent, event][-N_RECENT:]
            else:
                self.recent = [beat for beat in self.recent if beat.time_s != event.time_s]
        return told

    def heard(self, time_s: float, link: str, is_irregular: bool) -> Trust:
        trust = self.trust(time_s, OF_ECG if self.stream.kind == "ecg" else OF_PULSE, link)
        if trust.quality < GOOD:
            return trust
        last_s = self.recent[-1].time_s if self.recent else -math.inf
        if time_s - last_s > NO_BEAT_S:
            waits = time_s - self.since_s < NO_BEAT_S
            return Trust(0.3, trust.age_s, "looking for the pulse" if waits else "no heart beat is found in the signal")
        shape = sum(beat.quality for beat in self.recent) / len(self.recent)
        # an irregular rhythm is no fault of the signal: its beats are low for their times, not for their shape
        quality = min(trust.quality, min(shape / ODD_QUALITY, 1.0) if is_irregular else shape)
        if is_irregular:
            return Trust(quality, trust.age_s, IRREGULAR)
        return Trust(quality, trust.age_s, "" if quality >= GOOD else "the pulse is unclear")

    def breath(self, time_s: float) -> tuple[float | None, Trust]:
        """The breath rate that the heart's signal shows, with its own trust."""
        known = self.modulation
        known.at(time_s)
        return known.breaths_per_min, Trust(known.quality, known.age_s, known.reason)


class _Belt(_Lane):
    def __init__(self, device: str, stream: Stream, settings: RespirationSettings) -> None:
        super().__init__(device, stream)
        self.breath = Respiration(stream, settings)

    def push(self, item: Timed) -> list[Breath]:
        return self.breath(item.chunk, self.take(item))

    def heard(self, time_s: float, link: str) -> Trust:
        trust = self.trust(time_s, OF_BREATH, link)
        self.breath.at(time_s)
        if trust.quality < GOOD:
            return trust
        return Trust(min(trust.quality, self.breath.quality), trust.age_s, self.breath.reason)


class Pipeline:
    """`pipeline(time_s, inputs) -> Reading`: pure, once per tick; of Commands only `inhale` is looked at."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._timing = Timing(self._settings.timing)
        self._hearts: dict[tuple[str, int], _Heart] = {}
        self._belts: dict[tuple[str, int], _Belt] = {}
        self._links: dict[str, str] = {}  # what is wrong with a device's cable, in words
        self._kinds: set[str] = set()
        self._variability = Variability()
        self._heart: _Heart | None = None
        self._belt: _Belt | None = None
        self._apart_s: float | None = None  # since when belt and pulse tell different breaths

    def __call__(self, time_s: float, inputs: Sequence[Input]) -> Reading:
        self._note(time_s, inputs)
        events: list[tuple[_Heart, Beat | Withdrawn]] = []
        breaths: list[tuple[_Belt, Breath]] = []
        for timed in self._timing(inputs):
            key, kind = (timed.device, timed.stream.id), timed.stream.kind
            if kind in HEART:
                heart = self._hearts.get(key)
                if heart is None or heart.stream != timed.stream:
                    heart = self._hearts[key] = _Heart(timed.device, timed.stream)
                events += [(heart, event) for event in heart.push(timed)]
            elif kind in BREATH:
                belt = self._belts.get(key)
                if belt is None or belt.stream != timed.stream:
                    belt = self._belts[key] = _Belt(timed.device, timed.stream, self._settings.respiration)
                breaths += [(belt, breath) for breath in belt.push(timed)]
        self._heart = _speaker(self._heart, list(self._hearts.values()), time_s)
        self._belt = _speaker(self._belt, list(self._belts.values()), time_s)
        told = [event for lane, event in events if lane is self._heart]
        told_breaths = tuple(breath for lane, breath in breaths if lane is self._belt)
        for event in told:
            if isinstance(event, Beat):
                self._variability.beat(event)
            else:
                self._variability.withdraw(event)
        for breath in told_breaths:
            self._variability.breath(breath)
        features = self._features(time_s)
        return Reading(
            features,
            tuple(event for event in told if isinstance(event, Beat)),
            told_breaths,
            tuple(event for event in told if isinstance(event, Withdrawn)),
            tuple(self._belt.breath.onsets) if self._belt and features.breath_phase is not None else (),
        )

    def measured(self) -> dict[str, Measured]:
        """The heart's measures with validity and age, as of the last tick."""
        return self._variability.measured()

    def _note(self, time_s: float, inputs: Sequence[Input]) -> None:
        """What the inputs say beside samples: which streams there are, the cable, and that an inhale was asked for."""
        for item in inputs:
            if isinstance(item, Hello):
                self._kinds.update(stream.kind for stream in item.streams)
            elif isinstance(item, LinkChanged):
                self._links[item.device] = "" if item.state is LinkState.STREAMING else item.detail
            elif isinstance(item, Command) and item.kind == "inhale":
                for belt in self._belts.values():
                    belt.breath.told_inhale(time_s)

    def _features(self, time_s: float) -> Features:
        known = self._variability
        known.at(time_s)
        heart, breath = self._absent(HEART, "pulse sensor"), self._absent(BREATH, "breath belt")
        hr_bpm = breaths_per_min = phase = level = pulse_breaths_per_min = None
        state = "unknown"
        pulse_breath = Trust(reason=heart.reason)
        if self._heart is not None:
            heart = self._heart.heard(time_s, self._links.get(self._heart.device, ""), known.is_irregular)
            pulse_breaths_per_min, pulse_breath = self._heart.breath(time_s)
            is_recent = known.last_good_s is not None and time_s - known.last_good_s <= HEART_AGE_S
            if heart.quality >= GOOD and is_recent and heart.age_s is not None and heart.age_s <= HEART_AGE_S:
                hr_bpm = known.hr_bpm
        if self._belt is not None:
            tracker = self._belt.breath
            breath = self._belt.heard(time_s, self._links.get(self._belt.device, ""))
            breath = self._compared(time_s, breath, tracker.mean_breaths_per_min, pulse_breaths_per_min)
            if breath.quality >= GOOD:
                phase, level, breaths_per_min = tracker.phase, tracker.level, tracker.breaths_per_min
                state = tracker.state
        has_heart = heart.quality > 0.0
        return Features(
            time_s,
            hr_bpm=hr_bpm,
            breaths_per_min=breaths_per_min,
            breath_phase=phase,
            breath_level=level,
            breath_state=state,
            heart=heart,
            breath=breath,
            pulse_breaths_per_min=pulse_breaths_per_min,
            pulse_breath=pulse_breath,
            **{name: getattr(known, name) if has_heart else None for name in VARIABILITY},
        )

    def _compared(self, time_s: float, breath: Trust, belt: float | None, pulse: float | None) -> Trust:
        """The belt's trust beside the breath that the pulse shows: less when the two differ for long.

        It is no veto, for the pulse may be the one that errs; half and double are the same breath to a spectrum.
        """
        is_apart = False
        if belt is not None and pulse is not None and breath.quality >= GOOD:
            ratio = max(belt, pulse) / min(belt, pulse)
            is_apart = ratio > 1.0 + APART_SHARE and abs(ratio - 2.0) > APART_SHARE
            is_apart = is_apart and abs(belt - pulse) > APART_PER_MIN
        if not is_apart:
            self._apart_s = None
            return breath
        if self._apart_s is None:
            self._apart_s = time_s
        if time_s - self._apart_s < APART_S:
            return breath
        quality = breath.quality * APART_QUALITY
        return Trust(
            quality, breath.age_s, breath.reason if quality >= GOOD else "belt and pulse show different breaths"
        )

    def _absent(self, kinds: tuple[str, ...], name: str) -> Trust:
        if any(kind in self._kinds for kind in kinds):
            return Trust(reason=f"waiting for the first samples of the {name}")
        wrong = [words for words in self._links.values() if words]
        if not self._kinds:
            return Trust(reason=wrong[-1] if wrong else "no sensor yet")
        return Trust(reason=f"no {name} yet")


def _speaker(now: L | None, lanes: list[L], time_s: float) -> L | None:
    """The first live lane; when none lives, the one that spoke last."""
    for lane in lanes:
        if lane.is_live(time_s):
            return lane
    return now if now is not None or not lanes else lanes[0]
