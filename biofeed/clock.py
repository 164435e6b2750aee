"""Where time comes from: what passes on this machine, and seconds since a session began, by it or by hand."""

import time
from typing import Protocol

_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", None)  # Linux stops time.monotonic while the machine sleeps


def now_s() -> float:
    """Seconds on the clock that all processes share; they pass while the machine sleeps, too, and never go back."""
    return time.monotonic() if _ASLEEP_TOO is None else time.clock_gettime(_ASLEEP_TOO)


class Clock(Protocol):
    """What a shell asks of time; the core never sees it."""

    def now_s(self) -> float:
        """Seconds since the session began."""

    def sleep_until(self, time_s: float) -> None:
        """Returns when session time has reached `time_s`; at once when it already has."""


class MonotonicClock:
    """Real time; whatever happens to the wall clock, it goes back only when it is turned back."""

    def __init__(self, begins_s: float = 0.0) -> None:
        """It stands at `begins_s` now: not 0 for a session that goes on."""
        self._start_s = now_s() - begins_s

    def now_s(self) -> float:
        return now_s() - self._start_s

    def turn_back(self, by_s: float) -> None:
        """Leaves time out: it stands lower by so much from here on."""
        self._start_s += by_s

    def sleep_until(self, time_s: float) -> None:
        left_s = time_s - self.now_s()
        if left_s > 0.0:
            time.sleep(left_s)


class VirtualClock:
    """Time that passes only by being slept through: offline work and tests run as fast as they can."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    def sleep_until(self, time_s: float) -> None:
        self._now_s = max(self._now_s, time_s)
