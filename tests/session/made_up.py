"""A made-up session for report tests: a body that follows, loses finger clip and belt for a while, and sighs."""

import math
import random

from biofeed.messages import (
    TICKS_PER_S,
    Beat,
    Breath,
    ControlFrame,
    Drive,
    Features,
    Levels,
    LinkChanged,
    LinkState,
    Reading,
    Trust,
)
from biofeed.session.capsule import Opening
from biofeed.session.summary import History

FINGER_OFF_S, BELT_OFF_S = (150.0, 185.0), (330.0, 348.0)


def reason_at(time_s: float, end_s: float, rate: float, led: bool) -> str:
    if time_s < 10.0:
        return "arriving: fading in"
    if time_s > end_s - 20.0:
        return "ending: the time is over"
    if BELT_OFF_S[0] <= time_s < BELT_OFF_S[1] + 2.0:
        return "neutral: belt is off"
    if time_s < 25.0:
        return "listening: learning your breath"
    if not led:
        return f"matching: your breath is at {rate:.0f}.0/min"
    if time_s < 300.0:
        return "leading: exhale 5 % longer, you stayed with it for 40 s"
    if 600.0 <= time_s < 640.0:
        return "yielding: 3 breaths without the guide, going back to 8.1/min"
    return f"leading: from {rate + 0.4:.1f} towards 6.0/min, you stayed with it for {time_s % 90:.0f} s"


def session(seconds: float, person: str | None = "calm", seed: int = 1) -> History:
    """The whole history; deterministic."""
    chance = random.Random(seed)
    frames, readings = [], []
    guide_phase, phase, heart_phase, start_s = 0.0, 0.1, 0.0, 0.0
    last_beat_s: float | None = None
    n_ticks = round(seconds * TICKS_PER_S)
    wander, drift = 0.0, 0.0
    for tick in range(n_ticks):
        time_s = tick / TICKS_PER_S
        wander = 0.999 * wander + chance.gauss(0.0, 0.012)
        drift = 0.9995 * drift + chance.gauss(0.0, 0.02)
        led = 70.0 <= time_s < seconds - 20.0 and not 600.0 <= time_s < 640.0
        guide_rate = max(6.0, 13.5 - 0.012 * max(0.0, time_s - 70.0))
        guide_phase += guide_rate / 60.0 / TICKS_PER_S
        gap = (guide_phase - phase - 0.06 + 0.5) % 1.0 - 0.5
        rate = guide_rate * (1.0 + 0.3 * gap + 0.25 * wander) if time_s > 30.0 else 13.5 * (1.0 + 0.3 * wander)
        before, phase = phase, phase + rate / 60.0 / TICKS_PER_S
        off = FINGER_OFF_S[0] <= time_s < FINGER_OFF_S[1]
        slip = BELT_OFF_S[0] <= time_s < BELT_OFF_S[1]
        breaths: tuple[Breath, ...] = ()
        if int(phase) > int(before):
            length = time_s - start_s
            breaths = () if slip or time_s < 8 else (Breath(start_s, 0.4 * length, 0.6 * length, 0.8),)
            start_s = time_s
        level = 0.5 - 0.5 * math.cos(2.0 * math.pi * (phase % 1.0) ** 0.85)
        bpm = 74.0 - 0.008 * time_s + 4.0 * math.cos(2.0 * math.pi * (phase - 0.3)) + drift
        heart_before, heart_phase = heart_phase, heart_phase + bpm / 60.0 / TICKS_PER_S
        beats: tuple[Beat, ...] = ()
        if int(heart_phase) > int(heart_before) and not off:
            beats = (Beat(time_s, None if last_beat_s is None else 1000.0 * (time_s - last_beat_s), 0.9),)
            last_beat_s = time_s
        known = time_s > 6.0
        heart_on = known and not off
        heart = (
            Trust(0.9, 0.05, "") if heart_on else Trust(0.0, None if time_s < 6 else time_s - 150.0, "finger is off")
        )
        if not known:
            heart = Trust(0.0, None, "waiting for the first samples of the pulse sensor")
        breath_on = known and not slip
        breath = (
            Trust(0.95, 0.02, "") if breath_on else Trust(0.1, time_s, "belt is off" if known else "no breath belt yet")
        )
        features = Features(
            time_s,
            hr_bpm=bpm - drift * 0.3 if heart_on else None,
            rmssd_ms=34.0 + 3.0 * wander if heart_on and time_s > 60 else None,
            sdnn_ms=52.0 + wander if heart_on and time_s > 80 else None,
            coherence=min(1.0, 0.3 + time_s / 2000) if heart_on and time_s > 70 else None,
            breaths_per_min=rate if breath_on and time_s > 12 else None,
            breath_phase=phase % 1.0 if breath_on else None,
            breath_level=min(1.0, max(0.0, level + 0.02 * wander)) if breath_on else None,
            rsa_bpm=8.0 + wander if heart_on and time_s > 20 else None,
            heart=heart,
            breath=breath,
        )
        readings.append(Reading(features, beats, breaths))
        amplitude = min(1.0, max(0.0, (time_s - 25.0) / 6.0)) * (0.0 if slip else 1.0)
        guide = 0.5 - 0.5 * amplitude * math.cos(2.0 * math.pi * guide_phase)
        drive = Drive(breath=level if breath_on else 0.5, guide=guide, confidence=0.9 if breath_on else 0.0)
        reason = reason_at(time_s, seconds, rate, led)
        frames.append(ControlFrame(tick, time_s, drive, "tide", Levels(1.0, 1.0, 0.5), "running", reason))
    links = [
        LinkChanged("sensor0", 0.0, LinkState.OPENING, "opening /dev/ttyACM0"),
        LinkChanged("sensor0", 0.4, LinkState.WAIT_BOOT, "open; waiting for the board to start"),
        LinkChanged("sensor0", 2.1, LinkState.STREAMING, "belt and pulse <clip> at 115200 baud"),
    ]
    opening = Opening("2026-03-02T09:30:00+00:00", 7, "tide", seconds, sensors=("simulated:calm",), person=person)
    return History(opening, frames, readings, links, (), None, 3, "ab" * 32, "ab" * 32, None, "ended")
