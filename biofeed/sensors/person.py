"""A simulated body: a guide's level goes in, pulse (500 Hz) and belt force (50 Hz) come out, with the truth beside.

The heart is an integral pulse-frequency modulator (Rompelman 1977; Brennan et al. 2001) driven by the volume of a
breathing oscillator, a 0.1 Hz baroreflex resonance, slow drifts and arousal. The breath follows a guide that it has to
make out from its level alone; being led well calms, being pushed tires. Everything advances on one fixed grid, with
noise drawn second by second, so that results do not depend on how time was cut.
"""

import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biofeed.sensors.people import Person, Spell
from biofeed.sensors.person_kernel import (
    BELT_EVERY,
    NOISE_ROWS,
    NORMALS,
    PARAMETER_TYPE,
    PARAMETERS,
    PPG_HZ,
    RING,
    SPELL,
    STATE_TYPE,
    UNIFORMS,
    advance_body,
)

__all__ = ["BELT_EVERY", "PPG_HZ", "Body", "Samples", "Truth"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What the sensors would measure before they digitise it; sample i is step `first_step + i`, belt every tenth."""

    first_step: int
    ppg: Floats  # (n,), in heights of a typical pulse, free of its mean
    finger_off: npt.NDArray[np.bool_]  # (n,)
    belt: Floats  # (m,), N
    belt_off: npt.NDArray[np.bool_]  # (m,)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What really happened, each array (m,) at 50 Hz except `beat_s`."""

    time_s: Floats
    volume: Floats  # 1 is the swing of a quiet breath
    phase: Floats  # cycles 0..1: 0 inhale onset, 0.5 exhale onset
    arousal: Floats  # 0..1
    hr_bpm: Floats  # what drives the beats
    rate_per_min: Floats  # the breath's rate, before its breath-to-breath spread
    willingness: Floats  # 0..1
    beat_s: Floats  # (n_beats,) when the heart beat; the pulse reaches the finger about 0.2 s later


def _is_off(spans: tuple[tuple[float, float], ...], time_s: Floats, period_s: float) -> npt.NDArray[np.bool_]:
    within_s = time_s % period_s
    off = np.zeros(len(time_s), dtype=np.bool_)
    for start_s, stop_s in spans:
        off |= (within_s >= start_s) & (within_s < stop_s)
    return off


def _under(spells: tuple[Spell, ...], time_s: Floats) -> Floats:
    """What comes over the person at those times: (n, len(SPELL)), as the kernel wants it."""
    rows: Floats = np.empty((len(time_s), len(SPELL)))
    rows[:] = (1.0, 1.0, 0.0, 1.0, 0.0)
    for spell in spells:
        now = (time_s >= spell.from_s) & (time_s < spell.to_s)
        if now.any():
            rows[now] *= (spell.rate, spell.depth, 1.0, spell.follow, 1.0)
            rows[now] += (0.0, 0.0, spell.arousal, 0.0, float(spell.holds))
    return rows


class Body:
    """One person's body. The same person, seed and perceptions give the same samples, however time was cut.

    `step_s` is the length of one step of body time: who samples with a skewed clock passes the skewed length.
    """

    def __init__(self, person: Person, seed: int, step_s: float = 1.0 / PPG_HZ) -> None:
        self.person = person
        self.step_s = step_s
        self._rng = np.random.default_rng([seed, zlib.crc32(person.name.encode())])
        self._parameters = np.array([tuple(getattr(person, name) for name in PARAMETERS)], dtype=PARAMETER_TYPE)
        self._state = np.zeros(1, dtype=STATE_TYPE)
        self._ring = np.full((RING, 3), 1.0)
        self._ring[:, 0] = np.inf
        self._step = 0
        self._sees = (np.nan, 0.0)  # guide, stir
        self._seen: deque[tuple[float, tuple[float, float]]] = deque()
        self._normal = np.empty((0, NORMALS))
        self._uniform = np.empty((0, UNIFORMS))
        self._truth = np.empty((0, 7))
        self._n_truth = 0
        self._beats: list[float] = []
        self._settle()

    def _settle(self) -> None:
        """A body that has been there before the first sample: in some breath, at its own arousal."""
        p, s = self.person, self._state[0]
        s["extreme"], s["attention"], s["in_s"], s["out_s"] = np.nan, 1.0, 2.0, 3.0
        s["willing"], s["arousal"], s["rate"] = p.willingness, p.arousal, p.rate_per_min
        s["phase"], s["stretch"], s["share"] = self._rng.uniform(0.0, 0.98), 1.0, p.inhale_fraction
        s["v_peak"], s["v_mean"], s["v_late"] = p.depth, 0.4 * p.depth, 0.4 * p.depth
        s["cycle"], s["threshold"] = self._rng.uniform(0.0, 0.9), 1.0
        s["sigh_s"], s["apnoea_s"] = -30.0, self._rng.uniform(15.0, 30.0)
        s["mayer_bp"], s["slow"] = self._rng.normal(0.0, p.mayer_bpm), self._rng.normal(0.0, p.slow_bpm)
        s["grip"], s["worn"], s["creep"] = 1.0, 1.0, 0.4 * p.belt_swing * p.depth
        s["ppg_dc"], s["motion_s"], s["motion_len"] = 0.5 * p.perfusion, -10.0, 1.0

    def perceive(self, time_s: float, guide: float | None, stir: float = 0.0) -> None:
        """The person sees the guide's level 0..1, or no guide, from `time_s` until told otherwise.

        `stir` says how much livelier (to 1) or stiller (to -1) the world is than at first.
        """
        self._seen.append((time_s, (np.nan if guide is None else guide, stir)))

    def advance(self, until_s: float) -> Samples:
        """All steps up to and with `until_s` that were not taken yet; none when there are none."""
        first = self._step
        stop = max(int(np.floor(until_s / self.step_s + 1e-9)) + 1, first)
        time_s: Floats = np.arange(first, stop, dtype=np.float64) * self.step_s
        period_s = self.person.off_period_s
        off = np.stack(
            [_is_off(spans, time_s, period_s) for spans in (self.person.finger_off_s, self.person.belt_off_s)], axis=1
        )
        seen, spells = self._seen_at(time_s), _under(self.person.spells, time_s)
        n = stop - first
        ppg, beats = np.empty(n), np.empty(n)
        belt, truth = np.empty(n // BELT_EVERY + 1), np.empty((n // BELT_EVERY + 1, 7))
        n_belt = done = 0
        while done < n:
            row = self._step % NOISE_ROWS
            if row == 0:
                self._normal = self._rng.standard_normal((NOISE_ROWS, NORMALS))
                self._uniform = self._rng.random((NOISE_ROWS, UNIFORMS))
            end = min(n, done + NOISE_ROWS - row)
            part, rows = slice(done, end), slice(row, row + end - done)
            more_belt, n_beats = advance_body(
                self._parameters, self._state, self._ring, self._step, self.step_s, seen[part], spells[part],
                off[part], self._normal[rows], self._uniform[rows], ppg[part], belt[n_belt:], truth[n_belt:], beats,
            )  # fmt: skip
            n_belt += more_belt
            self._beats.extend(beats[:n_beats].tolist())
            self._step += end - done
            done = end
        self._remember(truth[:n_belt])
        return Samples(first, ppg, off[:, 0], belt[:n_belt], off[(-first) % BELT_EVERY :: BELT_EVERY, 1])

    def _seen_at(self, time_s: Floats) -> Floats:
        seen: Floats = np.empty((len(time_s), 2))
        seen[:] = self._sees
        while self._seen and len(time_s) and self._seen[0][0] < time_s[-1]:
            seen_s, self._sees = self._seen.popleft()
            seen[np.searchsorted(time_s, seen_s, side="right") :] = self._sees
        return seen

    def _remember(self, rows: Floats) -> None:
        if self._n_truth + len(rows) > len(self._truth):
            grown = np.empty((2 * len(self._truth) + len(rows) + 512, 7))
            grown[: self._n_truth] = self._truth[: self._n_truth]
            self._truth = grown
        self._truth[self._n_truth : self._n_truth + len(rows)] = rows
        self._n_truth += len(rows)

    @property
    def truth(self) -> Truth:
        """All that happened so far."""
        time_s, volume, phase, arousal, hr_bpm, rate_per_min, willing = self._truth[: self._n_truth].T.copy()
        return Truth(time_s, volume, phase, arousal, hr_bpm, rate_per_min, willing, np.array(self._beats))
