"""What the body tells becomes what the world does: a Reading goes in each tick, a Drive and its reason come out.

The guide matches the person, then leads (the exhale first, then the rate), and yields when it is not followed; what is
slow (calm, coherence) never drives what is fast (breath, pulse). Without trust in the breath all of it glides to
neutral. More arousal (a faster heart, a faster or deeper breath) never makes the world livelier than it is at the
person's own rest. H and R numbers are hazards and rules of the clinical reference.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from biofeed import pacer
from biofeed.body import FirstMedian, Reach, Slow, Swell, clip, known, rest_travel_per_s
from biofeed.limits import EXCESS, INHALE_LOW, LEAD_GLIDE_PER_MIN2, LEAD_HIGH_PER_MIN, LEAD_LOW_PER_MIN
from biofeed.messages import Breath, Drive, Features, Reading
from biofeed.settings import bounded, check
from biofeed.signals.baseline import Baseline

TRUST_LOST, TRUST_REGAINED = 0.4, 0.5  # quality; H-17 shows nothing below 0.5, and the gap keeps it from flickering
STALE_S, DOUBT_S, GLIDE_S = 1.0, 0.3, 1.5  # R8: the age or doubt that ends trust, and the glide, stay under 3 s
REGAIN_S, RETURN_S = 2.0, 3.0  # longer than the glide, so that values return from neutral and never jump
BREATH_SLEW = 2.0  # full ranges per s: a breath in 0.8 s peaks at 1.96; what is faster is a seam in the signal
LEARN_BREATHS = 3  # breaths before the guide shows the person's own rate
STEADY_S = 20.0  # matched for so long before it leads (again)
MATCH_SLEW = 0.25  # /min per s: towards the person's own rate, well above the rate at which it leads away
MATCH_INHALE = 0.45  # inhale share while matching; leading lengthens the exhale from there
EXHALE_S = 40.0  # time for the first 5 % of exhale
FIRST_SHARE = 0.75  # of the person's own rate: the aim that worked best in Leslie 2019, arXiv 1907.08844
HOLD_S = 30.0  # rest at the first aim, doubled with each time that it yields
LOST_SHARE = 1.1  # of the rate at which a person was lost: next time the guide rests there before it asks for more
DRIFT_LIMIT = 0.25  # breaths by which the guide may miss one breath of a person who follows
SLIP_LIMIT = 0.25  # a quarter breath: beyond it the guide says inhale while the person exhales
YIELD_BREATHS = 3  # H-15
YIELD_S, YIELD_MAX_S = 30.0, 240.0  # waits; doubled with each time that it yields
GENTLEST = 0.125  # of the glide, halved with each time that it yields
FORGIVE_SHARE = 0.85  # of the rate at which leading began: who has come along so far is led less gently next time
EXCESS_BREATHS = 5  # H-14: rate, or rate times depth, above EXCESS over so many breaths: over-breathing
EXCESS_OVER = 1.15  # it is over below this: what went on a little more gently would be led again
FADE_OUT_S, FADE_IN_S = 2.0, 6.0  # of what the guide shows: it ceases to ask sooner than it begins to
EFFORT_S = 5.0  # time constant
SPEAK_S = 3.0  # a reason stands at least this long: it is read by people


@dataclass(frozen=True, slots=True)
class Settings:
    """What a clinician may choose; the bounds are those of rule R6."""

    match_s: float = bounded(40.0, 20.0, 180.0, "s", "how long the person's own breathing is learned before leading")
    glide_per_min2: float = bounded(
        LEAD_GLIDE_PER_MIN2, 0.05, LEAD_GLIDE_PER_MIN2, "/min2", "how fast the guide slows down while it is followed"
    )
    target_per_min: float = bounded(
        6.0, LEAD_LOW_PER_MIN, LEAD_HIGH_PER_MIN, "/min", "the slowest rate that the guide leads to"
    )
    inhale_fraction: float = bounded(
        0.40, INHALE_LOW, MATCH_INHALE, "1", "inhale share of a breath that the guide leads to"
    )
    guide: pacer.Settings = field(default_factory=pacer.Settings)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Decision:
    """The drives (progress is left at 0) and, in words for the operator, why they are as they are."""

    drive: Drive
    reason: str


DEFAULTS = Settings()


def is_believable(features: Features) -> bool:
    """Whether the breath may move the world: its level is known, fresh and of fair quality."""
    trust = features.breath
    fresh = trust.age_s is not None and trust.age_s <= STALE_S
    return fresh and trust.quality >= TRUST_LOST and known(features.breath_level) is not None


class Adaptation:
    """The loop from body to world; one call per tick."""

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        self._guidance = Guidance(settings)
        self._slow = Slow()
        self._swell = Swell()
        self._reach = Reach()
        self._baseline = Baseline()
        self._time_s: float | None = None
        self._trusted = False
        self._doubt_s = 0.0  # for how long the trust has been other than it seems
        self._weight = 0.0  # of the body against neutral, 0..1
        self._confidence = Drive().confidence
        self._breath = Drive().breath  # the last level that was believed
        self._far = 1.0  # how far it may move the world
        self._reason = ""
        self._reason_left_s = 0.0

    @property
    def rate_per_min(self) -> float:
        """The rate to which the guide is told to go at this tick."""
        return self._guidance.rate_per_min

    def __call__(self, time_s: float, reading: Reading, pacing: bool, calm_request: bool) -> Decision:
        """The decision at `time_s`; `pacing` allows leading, `calm_request` lets the guide rest altogether."""
        dt_s = min(max(time_s - self._time_s, 0.0), 0.1) if self._time_s is not None else 0.0
        self._time_s = time_s
        features = reading.features
        self._weigh(dt_s, features)
        if self._trusted and is_believable(features):
            level = clip(features.breath_level or 0.0, 0.0, 1.0)
            step = BREATH_SLEW * dt_s if self._weight > 0.0 else 1.0
            before, self._breath = self._breath, clip(level, self._breath - step, self._breath + step)
            moved = self._breath - before if self._weight > 0.0 else 0.0
            self._far = self._reach(dt_s, moved, self._guidance.baseline_per_min)
        own_per_min, rest_per_min = self._guidance.own_per_min, self._guidance.baseline_per_min
        breath = 0.5 + self._far * (self._breath - 0.5)
        guide, effort, text = self._guidance(dt_s, time_s, reading, breath, self._trusted, pacing, calm_request)
        self._baseline(reading)
        calm, coherence = self._slow(dt_s, features, self._baseline, own_per_min, rest_per_min)
        pulse = self._swell(dt_s, time_s, reading.beats, features)
        neutral, weight = Drive(), self._weight
        drive = Drive(
            breath=neutral.breath + weight * (breath - neutral.breath),
            guide=neutral.guide + weight * (guide - neutral.guide),
            pulse=weight * pulse,
            calm=neutral.calm + weight * (calm - neutral.calm),
            coherence=weight * coherence,
            effort=weight * effort,
            confidence=self._confidence,
        )
        self._speak(dt_s, text)
        return Decision(drive, self._reason)

    def _weigh(self, dt_s: float, features: Features) -> None:
        wanted = TRUST_LOST if self._trusted else TRUST_REGAINED
        good = is_believable(features) and features.breath.quality >= wanted
        age_s = features.breath.age_s
        is_stale = age_s is None or age_s > STALE_S
        self._doubt_s = self._doubt_s + dt_s if good != self._trusted else 0.0
        patience_s = REGAIN_S if not self._trusted else 0.0 if is_stale else DOUBT_S
        if good != self._trusted and self._doubt_s >= patience_s:
            self._trusted, self._doubt_s = good, 0.0
        rise, fall = dt_s / RETURN_S, dt_s / GLIDE_S
        self._weight = clip(float(self._trusted), self._weight - fall, self._weight + rise)
        if good or not self._trusted:
            quality = clip(features.breath.quality, 0.0, 1.0) if self._trusted else 0.0
            self._confidence = clip(quality, self._confidence - fall, self._confidence + rise)

    def _speak(self, dt_s: float, text: str) -> None:
        self._reason_left_s = max(0.0, self._reason_left_s - dt_s)
        if text != self._reason and self._reason_left_s == 0.0:
            self._reason = text
            self._reason_left_s = SPEAK_S


class Guidance:
    """Decides what the guide invites to: rests, listens, matches, leads or yields, and says why."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pacer = pacer.Pacer(settings.guide)
        self.rate_per_min = settings.guide.start_per_min
        self.own_per_min: float | None = None  # the person's present rate
        self._inhale = MATCH_INHALE
        self._mode = "neutral"
        self._text = "neutral: no sensor yet"
        self._mode_s = 0.0  # in this mode
        self._told, self._told_per_min = "", 0.0  # what the reason says while matching
        self._led, self._mirrored = 0.0, 0.0  # shares of the guide that the pacer and the person's own breath give
        self._effort = 0.0
        self._aim_per_min = settings.target_per_min
        self._lost_per_min = 0.0  # where the person may be lost again
        self._from_per_min = 0.0  # where this leading began
        self._hold_s = 0.0
        self._breaths = 0  # since listening began
        self._relation: float | None = None  # the guide's turns, modulo 1, at the person's inhale onsets
        self._misses = 0
        self._followed_s = 0.0
        self._last_end_s = 0.0
        self._yields = 0
        self._is_excess = False
        self._learned_s = 0.0
        self._own_rate = FirstMedian()
        self._own_minute = FirstMedian()  # rate times swing
        self._rates: deque[float] = deque(maxlen=EXCESS_BREATHS)
        self._minutes: deque[float] = deque(maxlen=EXCESS_BREATHS)

    @property
    def baseline_per_min(self) -> float | None:
        """The person's own rate before any leading, None until it is learned."""
        return self._own_rate.value if self._learned_s >= self._settings.match_s else None

    def __call__(
        self,
        dt_s: float,
        time_s: float,
        reading: Reading,
        breath: float,
        trusted: bool,
        pacing: bool,
        calm_request: bool,
    ) -> tuple[float, float, str]:
        """The guide's value, the effort it asks, and the reason; `breath` is the person's level.

        Only while it leads does the pacer show. Matched, it runs along unseen and the guide is the person's own breath:
        somebody who follows a guide that follows them would slow down by every lag between the two.
        """
        features = reading.features
        rate = known(features.breaths_per_min)
        self.own_per_min = rate if trusted and rate is not None and rate > 0.0 else None
        if trusted:
            for whole in reading.breaths:
                self._hear(time_s, whole)
            if self._mode not in ("leading", "yielding"):
                self._learned_s += dt_s
        self._mode_s += dt_s
        mode = self._next(time_s, trusted, pacing, calm_request)
        if mode != self._mode:
            self._enter(mode, time_s)
        self._tell(features, pacing)
        self._steer(dt_s, features)
        guide = self._pacer(dt_s, self.rate_per_min, self._inhale)
        leads = self._mode == "leading"
        mirrors = self._mode in ("matching", "yielding") and not self._is_excess
        self._led = clip(float(leads), self._led - dt_s / FADE_OUT_S, self._led + dt_s / FADE_IN_S)
        self._mirrored = clip(float(mirrors), self._mirrored - dt_s / FADE_OUT_S, self._mirrored + dt_s / FADE_IN_S)
        self._effort += (self._asked() - self._effort) * -math.expm1(-dt_s / EFFORT_S)
        far = min(1.0, rest_travel_per_s(self.baseline_per_min) * 30.0 / self._pacer.rate_per_min)
        value = 0.5 + far * self._led * (guide.level - 0.5) + self._mirrored * (breath - 0.5)
        return clip(value, 0.0, 1.0), self._effort, self._text

    def _hear(self, time_s: float, breath: Breath) -> None:
        """Judges one breath: did it take about as long as the guide's, and did it keep its relation to the guide?"""
        length_s = breath.inhale_s + breath.exhale_s
        swing = breath.depth if breath.swing is None else breath.swing
        if not (math.isfinite(length_s) and length_s > 0.0 and math.isfinite(swing)):
            return
        rate = 60.0 / length_s
        end_s = breath.start_s + length_s
        guide_hz = self._pacer.rate_per_min / 60.0
        drift = guide_hz * length_s - 1.0
        relation = self._pacer.turns - guide_hz * (time_s - end_s)
        if self._relation is None:
            self._relation = relation
        slip = (relation - self._relation + 0.5) % 1.0 - 0.5
        self._relation += slip / 3.0  # what a person's constant lag becomes at another rate is no slip
        if abs(drift) <= DRIFT_LIMIT and abs(slip) <= SLIP_LIMIT:
            self._misses = 0
            self._followed_s += length_s
        else:
            self._misses, self._followed_s = self._misses + 1, 0.0
        self._breaths += 1
        self._last_end_s = end_s
        self._rates.append(rate)
        self._minutes.append(rate * swing)
        if self.baseline_per_min is None:
            self._own_rate.add(rate)
            self._own_minute.add(rate * swing)

    def _next(self, time_s: float, trusted: bool, pacing: bool, calm_request: bool) -> str:
        if not trusted:
            return "neutral"
        if calm_request:
            return "resting"
        own, mode = self.own_per_min, self._mode
        is_slow = own is not None and own < LEAD_LOW_PER_MIN - (0.3 if mode in ("matching", "yielding") else 0.0)
        if mode in ("neutral", "listening", "resting"):
            is_ready = self._breaths >= LEARN_BREATHS and own is not None and not is_slow
            return "matching" if is_ready else "listening"
        if mode == "leading":
            silent = (time_s - self._last_end_s) * self._pacer.rate_per_min / 60.0 > YIELD_BREATHS + 0.5
            if not pacing:
                return "matching"
            return "yielding" if silent or self._misses >= YIELD_BREATHS or self._excess() else mode
        if is_slow:
            return "listening"  # the guide never runs slower than it may lead: it rests
        wait_s = min(YIELD_S * 2.0 ** (self._yields - 1), YIELD_MAX_S) if mode == "yielding" else STEADY_S
        is_heard = own is not None and len(self._minutes) == EXCESS_BREATHS
        may_lead = pacing and self.baseline_per_min is not None and is_heard and not self._excess()
        if may_lead and self._misses == 0 and self._mode_s >= wait_s:
            return "leading"
        return mode if pacing else "matching"

    def _enter(self, mode: str, time_s: float) -> None:
        if mode == "neutral":
            self._forget()
            self._breaths = 0
            self._rates.clear()
            self._minutes.clear()
        elif mode == "listening":
            self._text = "listening: learning your breath"
        elif mode == "matching":
            self._told = ""
        elif mode == "leading":
            self._pacer.free()
            self._last_end_s, self._from_per_min = time_s, self.rate_per_min
            first = FIRST_SHARE * (self.baseline_per_min or 0.0)
            self._aim_per_min = first if first < self.rate_per_min else 0.0
            self._aim_per_min = max(self._aim_per_min, self._settings.target_per_min, self._lost_per_min)
            self._hold_s = min(HOLD_S * 2.0**self._yields, YIELD_MAX_S)
            self._text = self._plan()
        elif mode == "yielding":
            self._yields += 1
            self._lost_per_min = LOST_SHARE * self.rate_per_min
            self._is_excess = self._excess()
            why = "breathing more than at rest" if self._is_excess else f"{YIELD_BREATHS} breaths without the guide"
            self._text = self._back(why)
            self._forget()
        else:
            self._text = "resting: the guide asks nothing"
        if mode != "yielding":
            self._is_excess = False
        self._mode, self._mode_s = mode, 0.0

    def _forget(self) -> None:
        self._relation, self._misses, self._followed_s = None, 0, 0.0

    def _tell(self, features: Features, pacing: bool) -> None:
        """Keeps the texts that carry a measured value or a foreign reason up to date, in coarse steps."""
        if self._mode == "neutral":
            waits = "waiting for a steady breath" if is_believable(features) else "the breath is not trusted"
            self._text = f"neutral: {features.breath.reason or waits}"
        elif self._mode == "matching":
            word = "matching" if pacing else "following"
            own = self.own_per_min
            is_told = word == self._told and (own is None or abs(own - self._told_per_min) < 1.0)
            if not is_told:
                self._told, self._told_per_min = word, own or self.rate_per_min
                self._text = f"{word}: your breath is at {self._told_per_min:.1f}/min"
        elif self._mode == "yielding" and not self._is_excess and self._excess():
            self._is_excess, self._text = True, self._back("breathing more than at rest")

    def _steer(self, dt_s: float, features: Features) -> None:
        if self._mode == "leading":
            self._lead(dt_s)
            return
        phase = known(features.breath_phase)
        if self.own_per_min is not None:
            wanted = clip(self.own_per_min, LEAD_LOW_PER_MIN, pacer.FASTEST_PER_MIN)
            step = MATCH_SLEW * dt_s
            self.rate_per_min += clip(wanted - self.rate_per_min, -step, step)
            self._inhale = min(MATCH_INHALE, self._inhale + 0.05 * dt_s / STEADY_S)
            if phase is not None:
                self._pacer.align(phase)
        else:
            self._pacer.free()

    def _lead(self, dt_s: float) -> None:
        """Lengthens the exhale, then slows down; a breath that is not followed stops both until one is."""
        if self._misses:
            return
        gentle = max(GENTLEST, 0.5**self._yields)
        target = self._settings.inhale_fraction
        if self._inhale > target:
            self._inhale = max(target, self._inhale - 0.05 * dt_s / EXHALE_S * gentle)
            if self._inhale == target:
                self._text = self._plan()
        elif self.rate_per_min > self._aim_per_min:
            step = self._settings.glide_per_min2 * gentle * dt_s / 60.0
            self.rate_per_min = max(self._aim_per_min, self.rate_per_min - step)
            if self.rate_per_min < FORGIVE_SHARE * self._from_per_min:
                self._from_per_min, self._yields = self.rate_per_min, max(0, self._yields - 1)
            if self.rate_per_min == self._aim_per_min:
                self._text = self._plan()
        elif self._aim_per_min > self._settings.target_per_min:
            self._hold_s -= dt_s
            if self._hold_s <= 0.0:
                self._aim_per_min = self._settings.target_per_min
                self._text = self._plan()

    def _back(self, why: str) -> str:
        return f"yielding: {why}, going back to {self.own_per_min or self.rate_per_min:.1f}/min"

    def _plan(self) -> str:
        longer = self._inhale - self._settings.inhale_fraction
        stayed = f"you stayed with it for {self._followed_s:.0f} s"
        if longer > 0.0:
            return f"leading: exhale {max(1.0, 100.0 * longer):.0f} % longer, {stayed}"
        if self.rate_per_min > self._aim_per_min:
            return f"leading: from {self.rate_per_min:.1f} towards {self._aim_per_min:.1f}/min, {stayed}"
        return f"leading: resting at {self.rate_per_min:.1f}/min, {stayed}"

    def _excess(self) -> bool:
        """Whether the last breaths were more than the person's own at rest, but for the greatest: it may be a sigh."""
        if len(self._minutes) < EXCESS_BREATHS:
            return False
        limit = EXCESS_OVER if self._is_excess else EXCESS
        heard = ((self._rates, self._own_rate.value), (self._minutes, self._own_minute.value))
        return any(own is not None and sum(sorted(last)[:-1]) > limit * own * (len(last) - 1) for last, own in heard)

    def _asked(self) -> float:
        """How far the guide is below the person's own rate at rest, so that breathing faster cannot raise it (H-20)."""
        rest = self.baseline_per_min
        return clip(1.0 - self.rate_per_min / rest, 0.0, 1.0) if self._mode == "leading" and rest else 0.0
