"""How lively a world is, as it is told: control frames go in, one number out, and each part of it, 1 at the most.

The parts are what moves or asks: the travel per second of breath, guide and pulse, the effort that is asked, and how
far calm is from stilling the world. Each is 1 where it is at its highest for a person at rest (20 breaths/min, 50
beats/min). Levels, progress and touch are told by clock and hands, never by the body, and are looked at by themselves.
"""

import math

from biofeed.body import REST_HIGH_PER_MIN
from biofeed.messages import Drive

MEMORY_S = 10.0  # time constant: more than a breath
BREATH_TRAVEL = 2.0 * REST_HIGH_PER_MIN / 60.0  # full ranges per s: up and down, 20 times a minute
PULSE_TRAVEL = 2.0 * 50.0 / 60.0
WEIGHTS = {"breath": 0.35, "guide": 0.25, "pulse": 0.15, "effort": 0.10, "unrest": 0.15}


class Lively:
    """`lively(dt_s, drive)` once a frame; `parts` holds what it is made of."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(WEIGHTS, 0.0)
        self._last: Drive | None = None

    def __call__(self, dt_s: float, drive: Drive) -> float:
        last = self._last or drive
        self._last = drive
        keep = math.exp(-dt_s / MEMORY_S)
        for name, most in (("breath", BREATH_TRAVEL), ("guide", BREATH_TRAVEL), ("pulse", PULSE_TRAVEL)):
            travel = abs(getattr(drive, name) - getattr(last, name)) / dt_s / most
            self.parts[name] = keep * self.parts[name] + (1.0 - keep) * travel
        self.parts["effort"] = drive.effort
        self.parts["unrest"] = 2.0 * (1.0 - drive.calm)  # 1 at the neutral
        return sum(weight * self.parts[name] for name, weight in WEIGHTS.items())
