"""The named simulated persons: all that the body model in `person.py` needs to know of somebody, in plain numbers.

The defaults are a healthy resting adult (field values of textbooks: 12-16 breaths/min, 60-75 beats/min); each named
person changes a few of them. Breath depth 1 is the tidal volume of quiet breathing. `drawn` makes as many more
persons as are asked for, each at random within the ranges that stand there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from biofeed.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Spell:
    """What comes over a person from one time of the session to another; factors of two spells at once multiply."""

    from_s: float
    to_s: float
    rate: float = 1.0  # of breathing, times what the person would breathe
    depth: float = 1.0
    arousal: float = 0.0  # added
    follow: float = 1.0  # what is left of the willingness to follow
    holds: bool = False  # from the next full inhale on the breath is held


@dataclass(frozen=True, slots=True)
class Person:
    """One person and how their sensors sit; every number is fixed for the person, moods and drifts are the model's."""

    name: str
    about: str  # one sentence in plain words

    # breathing
    rate_per_min: float = 13.0  # left alone, at the resting arousal
    rate_drift: float = 0.06  # standard deviation of the slow drift, relative
    breath_spread: float = 0.08  # breath to breath, relative
    inhale_fraction: float = 0.40  # of the breath
    pause_fraction: float = 0.22  # of the exhale half that is end-expiratory rest
    depth: float = 1.0
    depth_spread: float = 0.12
    sigh_per_min: float = 0.2  # a sigh every five minutes (Vlemincx et al. 2013: about 10 an hour at rest)
    apnoea_per_min: float = 0.0
    apnoea_s: float = 0.0  # mean length

    # mood, and following a guide
    arousal: float = 0.3  # at rest
    surge_per_min: float = 0.0  # waves of pain or panic
    surge: float = 0.0  # how much arousal one wave adds
    willingness: float = 0.85  # how far the guide is followed when nothing speaks against it
    lag_s: float = 0.35  # from seeing to breathing
    adapt_s: float = 5.0  # time constant of the rate
    calms: float = 0.55  # part of the arousal that goes when led well
    tires_s: float = 45.0  # time constant of losing willingness while being pushed
    lapse_per_min: float = 0.0  # attention drifts off
    stirs: float = 0.0  # arousal that the liveliest world adds; 0: the world is looked at and no more
    spells: tuple[Spell, ...] = ()

    # heart and pulse
    hr_bpm: float = 66.0  # at the resting arousal
    rsa_bpm: float = 6.0  # peak to trough for a quiet breath without arousal
    mayer_bpm: float = 1.6  # standard deviation of the 0.1 Hz baroreflex component
    slow_bpm: float = 1.6  # standard deviation of the component below 0.04 Hz
    ectopic_per_min: float = 0.0
    irregularity: float = 0.0  # standard deviation of the intervals, relative, as in atrial fibrillation
    perfusion: float = 1.0  # pulse height at the finger
    dicrotic: float = 0.33  # height of the dicrotic wave; stiff or constricted arteries show less

    # how the sensors sit
    belt_swing: float = 2.2  # force swing of a quiet breath
    belt_creep: float = 0.12  # part of a stretch that relaxes within 15 s
    belt_hysteresis: float = 0.05
    belt_noise: float = 0.012
    slip_per_min: float = 0.05
    motion_per_min: float = 0.15
    motion: float = 1.0  # strength of a movement, in pulse heights
    ppg_noise: float = 0.012  # in pulse heights, as are the next two
    mains: float = 0.008
    wander: float = 0.06
    off_period_s: float = 120.0  # the two scripts below repeat
    finger_off_s: tuple[tuple[float, float], ...] = ()  # from, to
    belt_off_s: tuple[tuple[float, float], ...] = ()

    # the device they were given
    skew_ppm: float | None = None  # None: drawn by seed
    corrupt_per_byte: float = 0.0
    drop_per_frame: float = 0.0


_ALL = (
    Person("calm", "A healthy, rested adult who gladly follows the guide."),
    Person(
        "anxious",
        "Breathes fast and unevenly, sighs often, and calms down when led with patience.",
        rate_per_min=19.0, rate_drift=0.10, breath_spread=0.16, pause_fraction=0.08, depth=0.85, depth_spread=0.25,
        inhale_fraction=0.44, sigh_per_min=0.8, arousal=0.7, surge_per_min=0.3, surge=0.12, willingness=0.65,
        lag_s=0.5, adapt_s=10.0, tires_s=30.0, hr_bpm=88.0, rsa_bpm=4.5, perfusion=0.8, dicrotic=0.25,
        motion_per_min=0.6,
    ),
    Person(
        "pain",
        "Guards against pain: short shallow breaths, and waves that make breath and heart jump.",
        rate_per_min=18.0, rate_drift=0.12, breath_spread=0.20, pause_fraction=0.15, depth=0.65, depth_spread=0.28,
        inhale_fraction=0.38, sigh_per_min=0.4, arousal=0.65, surge_per_min=1.2, surge=0.30, willingness=0.55,
        lag_s=0.6, adapt_s=12.0, tires_s=25.0, hr_bpm=84.0, rsa_bpm=4.0, perfusion=0.75, dicrotic=0.25,
        motion_per_min=1.0, slip_per_min=0.15,
    ),
    Person(
        "apnoea",
        "Stops breathing for ten to twenty seconds about once a minute, then recovers with deep breaths.",
        rate_per_min=14.0, breath_spread=0.12, sigh_per_min=0.05, apnoea_per_min=1.2, apnoea_s=14.0, arousal=0.25,
        willingness=0.3, lag_s=0.9, adapt_s=15.0, hr_bpm=68.0, rsa_bpm=5.0,
    ),
    Person(
        "irregular",
        "The heart beats without order, as in atrial fibrillation; the breath is ordinary.",
        rate_per_min=15.0, hr_bpm=82.0, rsa_bpm=0.4, mayer_bpm=0.5, irregularity=0.20, ectopic_per_min=2.0,
        arousal=0.4, willingness=0.7, dicrotic=0.22,
    ),
    Person(
        "noisy",
        "An ordinary body, but restless, with a loose belt, a bad cable and mains hum.",
        motion_per_min=3.0, motion=2.2, slip_per_min=1.0, ppg_noise=0.06, mains=0.06, wander=0.25, belt_noise=0.06,
        belt_hysteresis=0.15, rate_drift=0.09, ectopic_per_min=0.5, corrupt_per_byte=2e-4, drop_per_frame=0.004,
    ),
    Person(
        "sensor_off",
        "An ordinary body whose finger clip and belt come off for some seconds, again and again.",
        finger_off_s=((20.0, 32.0), (80.0, 88.0), (100.0, 112.0)), belt_off_s=((45.0, 60.0), (100.0, 112.0)),
    ),
    Person(
        "tachycardia",
        "A regular but fast heart, about 120 beats a minute, that hardly answers the breath.",
        rate_per_min=16.0, hr_bpm=120.0, rsa_bpm=1.2, mayer_bpm=0.7, slow_bpm=1.2, arousal=0.5, willingness=0.75,
        perfusion=0.7, dicrotic=0.18,
    ),
    Person(
        "shallow",
        "Breathes so shallowly that the belt sees little more than its own noise and the heart.",
        rate_per_min=17.0, depth=0.28, depth_spread=0.2, pause_fraction=0.15, belt_noise=0.02, rsa_bpm=5.0,
        sigh_per_min=0.1, arousal=0.4, willingness=0.7, hr_bpm=72.0,
    ),
    Person(
        "panicking",
        "Gasps about thirty times a minute with a racing heart, and is easily overtaxed.",
        rate_per_min=29.0, rate_drift=0.12, breath_spread=0.18, pause_fraction=0.02, depth=0.9, depth_spread=0.3,
        inhale_fraction=0.48, sigh_per_min=1.0, arousal=0.92, surge_per_min=0.8, surge=0.2, willingness=0.4,
        lag_s=0.7, adapt_s=14.0, calms=0.4, tires_s=18.0, hr_bpm=114.0, rsa_bpm=4.0, perfusion=0.55, dicrotic=0.12,
        motion_per_min=2.0, motion=1.5,
    ),
    Person(
        "sleepy",
        "Half asleep: slow breaths with long rests, and the guide is often forgotten.",
        rate_per_min=10.5, breath_spread=0.10, pause_fraction=0.38, inhale_fraction=0.36, depth=1.05, arousal=0.12,
        willingness=0.6, lag_s=1.0, adapt_s=12.0, lapse_per_min=1.0, hr_bpm=56.0, rsa_bpm=8.0, slow_bpm=2.4,
        perfusion=1.2, dicrotic=0.42,
    ),
    Person(
        "unwilling",
        "A healthy adult who does not follow the guide at all.",
        willingness=0.03, rate_per_min=14.0, hr_bpm=70.0, arousal=0.4, motion_per_min=0.5,
    ),
    Person(
        "panic",
        "An ordinary body that panic overcomes in mid-session: it stays for minutes, goes, and comes back.",
        spells=(
            Spell(240.0, 420.0, rate=1.5, depth=1.2, arousal=0.6, follow=0.3),
            Spell(540.0, 600.0, rate=1.6, depth=1.1, arousal=0.7, follow=0.2),
            Spell(900.0, 1080.0, rate=1.4, depth=1.3, arousal=0.6, follow=0.3),
        ),
        arousal=0.35, hr_bpm=70.0,
    ),
    Person(
        "breath_hold",
        "Holds the breath again and again, from ten seconds to a minute, and recovers with deep breaths.",
        spells=tuple(
            Spell(start_s, start_s + hold_s, holds=True)
            for start_s, hold_s in ((200.0, 10.0), (260.0, 20.0), (330.0, 30.0), (420.0, 45.0), (540.0, 60.0),
                                    (700.0, 60.0), (850.0, 15.0), (900.0, 15.0), (1000.0, 50.0))
        ),
        willingness=0.7,
    ),
    Person(
        "hyperventilating",
        "Begins in mid-session to breathe fast and deep, for minutes, and does so again later.",
        spells=(
            Spell(240.0, 480.0, rate=1.9, depth=2.2, arousal=0.3, follow=0.3),
            Spell(780.0, 1020.0, rate=1.6, depth=2.6, arousal=0.2, follow=0.5),
        ),
        rate_per_min=14.0, arousal=0.35,
    ),
    Person(
        "asleep",
        "Falls asleep after some minutes: slower and shallower breaths, a slower heart, and no guide is followed.",
        spells=(Spell(210.0, 7200.0, rate=0.8, depth=0.65, arousal=-0.25, follow=0.0),),
        rate_per_min=12.0, hr_bpm=60.0, rsa_bpm=8.0, arousal=0.28,
    ),
    Person(
        "belt_off",
        "An ordinary body that takes the belt off and puts it on again, for seconds and for minutes.",
        off_period_s=900.0, belt_off_s=((210.0, 300.0), (420.0, 424.0), (430.0, 436.0), (560.0, 740.0)),
    ),
)  # fmt: skip

PEOPLE: dict[str, Person] = {person.name: person for person in _ALL}


def person(name: str) -> Person:
    """The person of that name; UsageError with the nearest right name when there is none."""
    if name not in PEOPLE:
        raise UsageError(f"there is no simulated person called {name!r}{nearest(name, PEOPLE)}")
    return PEOPLE[name]


# What `drawn` draws from, evenly, in the units of Person: wider than healthy people at rest, within what is survived.
DRAWN = {
    "rate_per_min": (7.0, 30.0), "rate_drift": (0.03, 0.18), "breath_spread": (0.04, 0.25), "depth": (0.5, 1.4),
    "inhale_fraction": (0.33, 0.50), "pause_fraction": (0.0, 0.4), "depth_spread": (0.08, 0.35),
    "sigh_per_min": (0.0, 1.2), "arousal": (0.1, 0.9), "surge_per_min": (0.0, 1.5), "surge": (0.0, 0.4),
    "willingness": (0.0, 1.0), "lag_s": (0.1, 1.2), "adapt_s": (3.0, 18.0), "calms": (0.2, 0.7),
    "tires_s": (15.0, 60.0), "lapse_per_min": (0.0, 1.2),
    "hr_bpm": (48.0, 130.0), "rsa_bpm": (0.5, 9.0), "ectopic_per_min": (0.0, 1.0),
    "perfusion": (0.5, 1.3), "belt_noise": (0.005, 0.04), "slip_per_min": (0.0, 0.5), "motion_per_min": (0.0, 2.0),
}  # fmt: skip
FIRST_SPELL_S = 150.0  # the person is known by then
SPELLS_MAX = 4


def drawn(seed: int, until_s: float) -> Person:
    """A person at random, the same for the same seed and time, with some spells that begin before `until_s`."""
    rng = np.random.default_rng([seed, 20])
    values: dict[str, Any] = {name: float(rng.uniform(low, high)) for name, (low, high) in DRAWN.items()}
    spells: list[Spell] = []
    belt_off_s: list[tuple[float, float]] = []
    for _ in range(int(rng.integers(0, SPELLS_MAX + 1))):
        from_s = float(rng.uniform(FIRST_SPELL_S, max(until_s, FIRST_SPELL_S + 1.0)))
        much = float(rng.uniform(0.0, 1.0))
        to_s = from_s + float(rng.uniform(20.0, 240.0))
        kind = int(rng.integers(6))
        if kind == 0:  # panics
            spells.append(Spell(from_s, to_s, rate=1.2 + 0.5 * much, depth=0.9 + 0.5 * much, arousal=0.7, follow=0.3))
        elif kind == 1:  # holds the breath
            spells.append(Spell(from_s, from_s + 10.0 + 50.0 * much, holds=True))
        elif kind == 2:  # pants
            spells.append(Spell(from_s, to_s, rate=1.5 + 0.8 * much, depth=0.4 + 0.4 * much, arousal=0.4, follow=0.4))
        elif kind == 3:  # hyperventilates
            spells.append(Spell(from_s, to_s, rate=1.3 + 0.7 * much, depth=1.5 + 1.2 * much, arousal=0.3, follow=0.6))
        elif kind == 4:  # falls asleep
            spells.append(Spell(from_s, to_s, rate=0.75, depth=0.5 + 0.3 * much, arousal=-0.3, follow=0.0))
        else:
            belt_off_s.append((from_s, from_s + 1.0 + 90.0 * much))
    return Person(
        f"drawn-{seed}", "Somebody at random.", spells=tuple(spells), belt_off_s=tuple(belt_off_s), off_period_s=1e6,
        **values,
    )  # fmt: skip


def names() -> tuple[str, ...]:
    """All names, in the order in which they are listed to people."""
    return tuple(PEOPLE)
