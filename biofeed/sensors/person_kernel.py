"""The simulated body's compiled steps: one row of guide and noise in, one sample of pulse and belt out, state kept.

Everything that runs at 500 Hz stands in this one file: the compiler's cache looks at a kernel's own file alone.
"""

from typing import Any

import numba
import numpy as np

from biofeed.sensors.people import Person

PPG_HZ = 500
BELT_EVERY = 10  # belt and truth: every tenth step, 50 Hz
REST_N = 9.0  # force of a belt that is put on as it should be, at rest
NOISE_ROWS = PPG_HZ  # noise is drawn for one second at a time
RING = 8  # beats whose waves may still be seen at the finger

SPELL = ("rate", "depth", "arousal", "follow", "holds")  # columns of what comes over the person, as in people.Spell
_S_RATE, _S_DEPTH, _S_AROUSAL, _S_FOLLOW, _S_HOLDS = range(len(SPELL))
# columns of the normal and of the uniform noise
_N_DRIFT, _N_VOLUME, _N_MOOD, _N_MAYER, _N_SLOW, _N_BEAT, _N_TONE, _N_WANDER, _N_PPG, _N_BELT = range(10)
_N_MOVE_PPG, _N_MOVE_BELT, _N_TIME, _N_DEPTH, _N_SHARE = range(10, 15)
_U_SIGH, _U_APNOEA, _U_SURGE, _U_LAPSE, _U_ECTOPIC, _U_SLIP, _U_MOTION, _U_SIZE = range(8)
NORMALS, UNIFORMS = 15, 8
PARAMETERS = tuple(name for name, kind in Person.__annotations__.items() if kind is float)
PARAMETER_TYPE = np.dtype([(name, np.float64) for name in PARAMETERS])
STATE_TYPE = np.dtype(
    [
        (name, np.float64)
        for name in (
            # the guide as it is made out
            "direction extreme extreme_s turn_s turn_at turns in_s out_s jerk",
            # following
            "follow sync willing strain attention arousal surge mood habit",
            # breath
            "phase rate drift stretch_ar depth_ar stretch share v_start v_peak rest volume",
            "sigh_s apnoea_s hold_s chemo",
            # heart
            "v_late v_mean baro_bp baro_lp mayer_bp mayer_lp slow cycle threshold beat_s beats repay hr_bpm",
            # sensors
            "tone wander grip ppg_dc creep play slip slip_to worn motion_s motion_len motion_size move_ppg move_belt",
        )
        for name in name.split()
    ]
)


@numba.njit(cache=True, fastmath=False)
def _watch(s: Any, t: float, guide: float) -> None:
    """Makes out the guide's turning points, and from them the lengths of its inhale and exhale."""
    if np.isnan(guide):
        s.turns, s.direction, s.extreme = 0.0, 0.0, np.nan
        return
    if np.isnan(s.extreme):
        s.extreme, s.extreme_s = guide, t
    s.jerk *= 1.0 - 0.002 / 20.0
    if s.direction == 0.0:
        if abs(guide - s.extreme) > 0.04:  # less than this is not taken for a movement
            s.direction = 1.0 if guide > s.extreme else -1.0
            s.extreme, s.extreme_s = guide, t
    elif (guide - s.extreme) * s.direction > 0.0:
        s.extreme, s.extreme_s = guide, t
    elif (s.extreme - guide) * s.direction > 0.04:
        half_s = s.extreme_s - s.turn_s
        rose = s.direction > 0.0
        if s.turns >= 1.0:
            known_s = s.in_s if rose else s.out_s
            if s.turns >= 3.0:
                s.jerk = max(s.jerk, min(max((abs(half_s - known_s) / known_s - 0.12) / 0.3, 0.0), 1.0))
            if rose:
                s.in_s = half_s
            else:
                s.out_s = half_s
        s.turns += 1.0
        s.turn_s, s.turn_at = s.extreme_s, 0.5 if rose else 0.0
        s.direction = -s.direction
        s.extreme, s.extreme_s = guide, t
    if s.turns >= 3.0 and t - s.turn_s > 1.8 * max(s.in_s, s.out_s) + 1.0:
        s.turns, s.direction, s.extreme = 0.0, 0.0, np.nan  # it stands still: nothing to follow


@numba.njit(cache=True, fastmath=False)
def _guide_phase(s: Any, since_s: float) -> float:
    """The guide's phase in cycles, `since_s` after its last turning point; a missing turn is expected, once."""
    first_s, second_s = (s.in_s, s.out_s) if s.turn_at == 0.0 else (s.out_s, s.in_s)
    if since_s < 0.0:
        return s.turn_at + 0.5 * since_s / second_s
    if since_s < first_s:
        return s.turn_at + 0.5 * since_s / first_s
    return s.turn_at + min(0.5 + 0.5 * (since_s - first_s) / second_s, 1.0)


@numba.njit(cache=True, fastmath=False)
def _follow(p: Any, s: Any, t: float, dt: float, stir: float, spell: Any, n: Any, u: Any) -> float:
    """Mood and willingness; returns how much faster than of itself the breath runs, to meet the guide's phase."""
    if u[_U_SURGE] < p.surge_per_min * dt / 60.0:
        s.surge += p.surge * (0.5 + u[_U_SIZE])
    if u[_U_LAPSE] < p.lapse_per_min * dt / 60.0:
        s.attention = -0.5 - u[_U_SIZE]  # below 0 the guide is forgotten; it comes back within half a minute
    s.attention = min(s.attention + dt / 20.0, 1.0)
    s.surge -= s.surge * dt / 15.0
    s.mood += -s.mood * dt / 90.0 + 0.04 * np.sqrt(2.0 * dt / 90.0) * n[_N_MOOD]

    comfort = p.rate_per_min * np.exp(0.7 * (s.arousal - p.arousal) + s.habit) * (1.0 + 0.25 * s.chemo) * spell[_S_RATE]
    known = 1.0 if s.turns >= 3.0 and s.attention > 0.0 else 0.0
    s.follow += (known * s.willing * spell[_S_FOLLOW] - s.follow) * dt / 4.0
    wanted, pull, strain, agree = comfort, 1.0, 0.0, 0.0
    if known > 0.0:
        guide_rate = 60.0 / (s.in_s + s.out_s)
        ask = guide_rate / comfort
        strain = min(max((0.66 - ask) / 0.2, 0.0) + max((ask - 1.45) / 0.4, 0.0) + s.jerk, 1.0)
        wanted += s.follow * (min(max(guide_rate, 0.55 * comfort), 1.5 * comfort) - comfort)
        ahead = 2.0 * np.pi * (_guide_phase(s, t - p.lag_s - s.turn_s) - s.phase)
        pull = 1.0 + 0.5 * s.follow * np.sin(ahead)
        agree = np.cos(ahead)
    s.sync += (agree * s.follow - s.sync) * dt / 10.0
    s.strain += (strain - s.strain) * dt / 8.0
    s.rate += (wanted - s.rate) * dt / (p.adapt_s if known > 0.0 else 3.0)

    led = max(s.sync, 0.0) * (1.0 - s.strain)
    s.habit += (-s.habit / 200.0 + led * np.log(s.rate / comfort) / 60.0) * dt
    s.willing += ((p.willingness - s.willing) / 120.0 - s.strain * s.willing / p.tires_s) * dt
    slower = min(max((p.rate_per_min - s.rate) / (0.3 * p.rate_per_min), 0.0), 1.0)
    mood = p.arousal * (1.0 - p.calms * led * (0.4 + 0.6 * slower)) + s.mood + s.surge + 0.3 * s.strain
    mood += spell[_S_AROUSAL] + p.stirs * stir
    is_quick = s.surge > 0.02 or spell[_S_AROUSAL] > 0.0
    s.arousal += (min(max(mood, 0.02), 1.0) - s.arousal) * dt / (8.0 if is_quick else 45.0)
    return pull


@numba.njit(cache=True, fastmath=False)
def _inhale_begins(p: Any, s: Any, t: float, spell: Any, n: Any, u: Any) -> None:
    """Draws the breath to come: its length, the inhale's share and its depth."""
    own = 1.0 - 0.65 * s.follow  # a led breath is more even than a free one
    s.stretch_ar = 0.35 * s.stretch_ar + 0.94 * n[_N_TIME]
    s.depth_ar = 0.3 * s.depth_ar + 0.5 * n[_N_TIME] + 0.8 * n[_N_DEPTH]  # long breaths are deep ones
    s.stretch = np.exp(p.breath_spread * own * s.stretch_ar)
    share = p.inhale_fraction
    if s.turns >= 3.0:
        share += s.follow * (min(max(s.in_s / (s.in_s + s.out_s), 0.25), 0.6) - share)
    s.share = min(max(share * (1.0 + 0.10 * own * n[_N_SHARE]), 0.2), 0.65)
    # ventilation stays about what the body needs, so slow breaths are deeper
    depth = p.depth * min((p.rate_per_min / s.rate) ** 0.6, 2.0) * np.exp(p.depth_spread * own * s.depth_ar)
    depth *= spell[_S_DEPTH]
    if u[_U_SIGH] < p.sigh_per_min * own / s.rate and t - s.sigh_s > 30.0:
        s.sigh_s = t
        depth *= 2.0 + 0.6 * u[_U_SIZE]
        s.stretch *= 1.4
    s.v_start = s.volume
    s.v_peak = s.rest + depth * (1.0 + 0.8 * s.chemo)


@numba.njit(cache=True, fastmath=False)
def _breathe(p: Any, s: Any, t: float, dt: float, pull: float, spell: Any, n: Any, u: Any) -> None:
    """One step of phase and lung volume."""
    s.drift += -s.drift * dt / 50.0 + p.rate_drift * np.sqrt(2.0 * dt / 50.0) * n[_N_DRIFT]
    s.rest += -s.rest * dt / 40.0 + 0.06 * p.depth * np.sqrt(2.0 * dt / 40.0) * n[_N_VOLUME]
    holds = t < s.hold_s
    if holds and spell[_S_HOLDS] > 0.0:
        s.hold_s = t + 1.5 * dt
    s.chemo += ((1.0 - s.chemo) / 15.0 if holds else -s.chemo / 8.0) * dt
    if not holds:
        cycle_s = 60.0 * s.stretch / (s.rate * np.exp(s.drift * (1.0 - 0.8 * s.follow)))
        is_inhale = s.phase < 0.5
        share = s.share if is_inhale else 1.0 - s.share
        s.phase += 0.5 * pull * dt / (share * cycle_s)
        if is_inhale and s.phase >= 0.5 and spell[_S_HOLDS] > 0.0:
            s.phase, s.hold_s = 0.5, t + 1.5 * dt
        if s.phase >= 1.0:
            if p.apnoea_per_min > 0.0 and t > s.apnoea_s:
                s.hold_s = t + p.apnoea_s * (0.75 + 0.5 * u[_U_APNOEA])
                s.apnoea_s = s.hold_s + (60.0 / p.apnoea_per_min - p.apnoea_s) * (0.7 + 0.6 * u[_U_SIZE])
                s.phase = 1.0 - 1e-9
            else:
                s.phase -= 1.0
                _inhale_begins(p, s, t, spell, n, u)
    if s.phase < 0.5:
        filled = 0.5 - 0.5 * np.cos(np.pi * (2.0 * s.phase) ** 0.9)  # flow peaks early in the inhale
        s.volume = s.v_start + (s.v_peak - s.v_start) * filled
    else:  # passive emptying, about exponential, then rest
        pause = p.pause_fraction * (1.0 - 0.5 * s.follow)
        out = min((2.0 * s.phase - 1.0) / (1.0 - pause), 1.0)
        left = 1.0 - (1.0 - np.exp(-3.6 * out**1.6)) / (1.0 - np.exp(-3.6))
        s.volume = s.rest + (s.v_peak - s.rest) * left


@numba.njit(cache=True, fastmath=False)
def _beat(p: Any, s: Any, t: float, dt: float, n: Any, u: Any) -> float:
    """One step of the heart; returns how long before `t` it beat, or -1."""
    s.v_late += (s.volume - s.v_late) * dt / 0.35  # the vagus answers the lung within about a third of a second
    s.v_mean += (s.volume - s.v_mean) * dt / 20.0
    swing = s.v_late - s.v_mean
    w = 2.0 * np.pi * 0.1  # the baroreflex loop resonates near 0.1 Hz (Vaschillo et al. 2002)
    s.baro_bp += w * dt * (swing - s.baro_lp - 0.6 * s.baro_bp)
    s.baro_lp += w * dt * s.baro_bp
    s.mayer_bp += -w * dt * (s.mayer_lp + 0.24 * s.mayer_bp) + p.mayer_bpm * np.sqrt(0.48 * w * dt) * n[_N_MAYER]
    s.mayer_lp += w * dt * s.mayer_bp
    s.slow += -s.slow * dt / 30.0 + p.slow_bpm * np.sqrt(2.0 * dt / 30.0) * n[_N_SLOW]
    vagal = min(max(1.25 - s.arousal, 0.15), 1.2)
    rsa = p.rsa_bpm * vagal * (swing + 1.3 * 0.6 * s.baro_bp)
    chemo = (-7.0 if t < s.hold_s else 11.0) * s.chemo
    hr = p.hr_bpm * np.exp(0.35 * (s.arousal - p.arousal)) + rsa + s.mayer_bp + s.slow + chemo
    s.hr_bpm = min(max(hr, 35.0), 210.0)
    s.cycle += s.hr_bpm / 60.0 * dt
    if s.cycle < s.threshold:
        return -1.0
    late_s = (s.cycle - s.threshold) * 60.0 / s.hr_bpm
    s.cycle -= s.threshold
    s.threshold = min(max(1.0 + max(p.irregularity, 0.003) * n[_N_BEAT], 0.5), 1.9) + s.repay
    s.repay = 0.0
    if u[_U_ECTOPIC] < p.ectopic_per_min / s.hr_bpm:
        s.threshold, s.repay = 0.62, 0.36  # early, then a compensatory pause
    return late_s


@numba.njit(cache=True, fastmath=False)
def _wave(age_s: float, peak_s: float, shape: float) -> float:
    x = age_s / peak_s
    return np.exp(shape * (np.log(x) + 1.0 - x)) if x > 0.0 else 0.0


@numba.njit(cache=True, fastmath=False)
def _pulse(p: Any, ring: Any, t: float) -> float:
    """Blood volume at the finger: a systolic, a dicrotic and a slow run-off wave for each of the last beats."""
    total = 0.0
    for i in range(ring.shape[0]):
        age_s = (t - ring[i, 0]) / ring[i, 2]
        if 0.0 < age_s < 2.5:
            wave = _wave(age_s, 0.16, 3.2) + 0.30 * _wave(age_s, 0.34, 1.8)
            total += ring[i, 1] * (wave + p.dicrotic * _wave(age_s - 0.27, 0.13, 2.4))
    return total


@numba.njit(cache=True, fastmath=False)
def _move(p: Any, s: Any, t: float, dt: float, n: Any, u: Any) -> float:
    """Movements come as bursts; returns the envelope of the present one."""
    if u[_U_MOTION] < p.motion_per_min * dt / 60.0 and t > s.motion_s + s.motion_len:
        s.motion_s, s.motion_len = t, 0.8 + 2.5 * u[_U_SIZE]
        s.motion_size = p.motion * (0.4 + 1.2 * u[_U_SURGE])
    if u[_U_SLIP] < p.slip_per_min * dt / 60.0:
        s.slip_to = max(s.slip_to - 0.5 - 2.0 * u[_U_SIZE], -5.0)
    s.slip += (s.slip_to - s.slip) * dt / 0.08
    s.slip_to -= s.slip_to * dt / 150.0  # the person, or the breath, pulls it straight again
    s.move_ppg += -s.move_ppg * dt / 0.09 + np.sqrt(2.0 * dt / 0.09) * n[_N_MOVE_PPG]
    s.move_belt += -s.move_belt * dt / 0.25 + np.sqrt(2.0 * dt / 0.25) * n[_N_MOVE_BELT]
    x = (t - s.motion_s) / s.motion_len
    return s.motion_size * np.sin(np.pi * x) ** 2 if 0.0 < x < 1.0 else 0.0


@numba.njit(cache=True, fastmath=False)
def _sense(p: Any, s: Any, t: float, dt: float, pulse: float, off: Any, n: Any, u: Any) -> tuple[float, float]:
    """What finger clip and belt feel: pulse heights, N."""
    move = _move(p, s, t, dt, n, u)
    s.wander += -s.wander * dt / 3.0 + p.wander * np.sqrt(2.0 * dt / 3.0) * n[_N_WANDER]
    s.grip += ((0.0 if off[0] else 1.0) - s.grip) * dt / 0.05
    mains = p.mains * np.sin(2.0 * np.pi * 50.02 * t)
    skin = pulse * (1.0 - 0.3 * min(move, 1.0)) - 0.10 * (s.v_late - s.v_mean) + s.wander + 0.9 * move * s.move_ppg
    room = 6.0 + 0.1 * s.move_ppg + 4.0 * mains  # bare light and hum, far from a finger's shade
    raw = s.grip * skin + (1.0 - s.grip) * room
    s.ppg_dc += (raw - s.ppg_dc) * dt / 2.5  # such clips are AC coupled
    ppg = raw - s.ppg_dc + mains + p.ppg_noise * n[_N_PPG]

    s.worn += ((0.0 if off[1] else 1.0) - s.worn) * dt / 0.12
    stretch = p.belt_swing * s.volume + 0.02 * pulse + 0.8 * move * s.move_belt
    s.creep += (stretch - s.creep) * dt / 15.0
    tight = stretch - p.belt_creep * s.creep
    s.play = min(max(s.play, tight - p.belt_hysteresis), tight + p.belt_hysteresis)
    return ppg, s.worn * (REST_N + s.play + s.slip) + 0.5 * mains + p.belt_noise * n[_N_BELT]


@numba.njit(cache=True, fastmath=False)
def advance_body(
    people: Any, states: Any, ring: Any, first: int, dt: float, seen: Any, spells: Any, off: Any, normal: Any,
    uniform: Any, ppg: Any, belt: Any, truth: Any, beats: Any,
) -> tuple[int, int]:  # fmt: skip
    """Steps `first`, `first + 1`, ... one for each row of `seen`; returns the numbers of belt samples and of beats."""
    p, s = people[0], states[0]
    n_belt = n_beats = 0
    for i in range(seen.shape[0]):
        t = (first + i) * dt
        n, u, spell = normal[i], uniform[i], spells[i]
        _watch(s, t, seen[i, 0])
        pull = _follow(p, s, t, dt, seen[i, 1], spell, n, u)
        _breathe(p, s, t, dt, pull, spell, n, u)
        s.tone += -s.tone * dt / 12.0 + 0.10 * np.sqrt(2.0 * dt / 12.0) * n[_N_TONE]
        late_s = _beat(p, s, t, dt, n, u)
        if late_s >= 0.0:
            beat_s = t - late_s
            ibi_s = min(beat_s - s.beat_s, 2.0) if s.beats > 0.0 else 60.0 / s.hr_bpm
            s.beat_s = beat_s
            beats[n_beats] = beat_s
            n_beats += 1
            slot = ring[int(s.beats) % ring.shape[0]]
            s.beats += 1.0
            transit_s = 0.2 - 0.03 * (s.arousal - 0.3) + 0.008 * (s.v_late - s.v_mean)
            filling = (1.0 - np.exp((0.15 - ibi_s) / 0.3)) / 0.9  # a short pause fills the heart less
            tone = np.exp(s.tone - 0.02 * s.mayer_bp) * (1.15 - 0.5 * s.arousal)
            slot[0] = beat_s + transit_s
            slot[1] = p.perfusion * max(filling, 0.1) * tone * (1.0 - 0.08 * (s.v_late - s.v_mean))
            slot[2] = min(max(np.sqrt(60.0 / s.hr_bpm / 0.9), 0.7), 1.15)
        ppg[i], force_N = _sense(p, s, t, dt, _pulse(p, ring, t), off[i], n, u)
        if (first + i) % BELT_EVERY == 0:
            belt[n_belt] = force_N
            row = truth[n_belt]
            row[0], row[1], row[2], row[3] = t, s.volume, s.phase, s.arousal
            row[4], row[5], row[6] = s.hr_bpm, s.rate, s.willing
            n_belt += 1
    return n_belt, n_beats
