"""Device counts on session time: Packets, Pongs and Hellos go in, Chunks in physical units come out.

The device counts, the host fits: host_s = offset + (1 + skew) * device_s per device, from the pings with the least
round trip, or from the least delayed packet of each second. A fitted line moves; time stamps do not jump with it:
each stream slews towards the line. Result depends only on the order of the inputs, not on how ticks group them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from biofeed.messages import Chunk, Flag, Hello, Input, LinkChanged, LinkState, Packet, Pong, Stream
from biofeed.settings import bounded, check
from biofeed.signals.filters import Floats, compiled

SETTLE_S = 0.3  # after a start the port may hand over a backlog: its samples cannot be placed in time
BUCKET_S = 1.0  # one point of the line per second: the least delayed packet in it
STEP_S = 0.1  # a clock wrong by more has no past worth keeping: the stream starts afresh
CATCH_UP_S = 1.0  # time constant of the slew
NOISE_S = 0.001  # spread of least-delay points under 16 ms bursts
COUNTER_TICK_S = 1e-4  # a longer tick is a sample counter: its nominal rate may be far off
SKEW_LIMIT = (0.005, 0.2)  # crystals and ceramic resonators; sample counters of text boards
SKEW_SPREAD = (0.002, 0.05)  # prior of the skew before the data say more
POINTS = 128
PACE_PACKETS = 100  # a stream's own period on the device's clock is averaged over so many packets


@dataclass(frozen=True)
class Settings:
    window_s: float = bounded(90.0, 30.0, 120.0, "s", "how much of the past the clock fit looks at")
    slew_ms_per_s: float = bounded(5.0, 1.0, 20.0, "ms/s", "how fast time stamps follow a better fit")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """A Chunk with the device and stream that it came from."""

    device: str
    stream: Stream
    chunk: Chunk


@compiled
def fit_line(
    x: Floats, y: Floats, weight: Floats, is_envelope: bool, noise: float, spread: float, limit: float
) -> Floats:
    """Robust line y = x + offset + skew * (x - x[-1]): returns offset, skew.

    With `is_envelope` errors in y are one-sided (delays): the start is the lower hull's edge under the centre (Moon,
    Skelly, Towsley 1999), and late points lose their weight. Skew has a zero-mean prior of width `spread`.
    """
    n = x.shape[0]
    r = y - x
    x0 = x[n - 1]
    skew = 0.0
    offset = float(np.min(r))
    if is_envelope and n > 1:
        hull = np.empty(n, np.int64)
        m = 0
        for i in range(n):
            while m > 1:
                a, b = hull[m - 2], hull[m - 1]
                if (r[b] - r[a]) * (x[i] - x[a]) >= (r[i] - r[a]) * (x[b] - x[a]):
                    m -= 1
                else:
                    break
            hull[m] = i
            m += 1
        centre = np.mean(x)
        for k in range(m - 1):
            a, b = hull[k], hull[k + 1]
            if x[b] > x[a] and (x[b] >= centre or k == m - 2):
                skew = min(max((r[b] - r[a]) / (x[b] - x[a]), -limit), limit)
                break
        offset = float(np.min(r - skew * (x - x0)))
    for turn in range(6):
        sw = sx = sy = sxx = sxy = 0.0
        for i in range(n):
            e = (r[i] - offset - skew * (x[i] - x0)) / noise
            w = weight[i]
            if is_envelope or turn > 0:
                w *= 1.0 / (1.0 + e * e) if (e > 0.0 or not is_envelope) else 1.0
            u = x[i] - x0
            sw += w
            sx += w * u
            sy += w * r[i]
            sxx += w * u * u
            sxy += w * u * r[i]
        sxx += (noise / spread) ** 2
        det = sw * sxx - sx * sx
        if det <= 0.0 or sw <= 0.0:
            break
        skew = min(max((sw * sxy - sx * sy) / det, -limit), limit)
        offset = (sy - skew * sx) / sw
    return np.array([offset, skew])


class Clock:
    """The fit of one device's clock since its last restart; device seconds in, session seconds out."""

    def __init__(self, tick_s: float, window_s: float) -> None:
        is_counter = tick_s > COUNTER_TICK_S
        self.is_counter = is_counter
        self._limit, self._spread = SKEW_LIMIT[is_counter], SKEW_SPREAD[is_counter]
        self._window_s = window_s
        self._least: list[tuple[float, float]] = []  # device_s, arrival_s of each second's least delayed packet
        self._bucket = -1
        self._pings: list[tuple[float, float, float]] = []  # device_s, host_s, round trip
        self._next_fit_s = -math.inf
        self._anchor_s = 0.0  # device time at which `_offset_s` holds
        self._offset_s = 0.0
        self.skew = 0.0
        self.is_set = False

    def at_s(self, device_s: float) -> float:
        """The session time at which the device's clock showed `device_s`."""
        return device_s + self._offset_s + self.skew * (device_s - self._anchor_s)

    def heard(self, device_s: float, arrival_s: float) -> None:
        """A packet whose last sample ends at `device_s` has arrived."""
        bucket = int(arrival_s // BUCKET_S)
        if bucket != self._bucket or not self._least:
            self._bucket = bucket
            self._least.append((device_s, arrival_s))
            del self._least[:-POINTS]
        else:
            then_s, then_arrival_s = self._least[-1]
            if arrival_s - then_arrival_s < (device_s - then_s) * (1.0 + self.skew):
                self._least[-1] = (device_s, arrival_s)
        if arrival_s >= self._next_fit_s:
            self._fit(arrival_s)

    def answered(self, device_s: float, host_s: float, round_trip_s: float) -> None:
        """A ping: both clocks at the middle of the exchange."""
        self._pings.append((device_s, host_s, round_trip_s))
        del self._pings[:-POINTS]
        self._fit(host_s)

    def lost_samples(self) -> bool:
        """A counter that stood still while samples were lost makes every later packet look late."""
        late = [arrival_s - self.at_s(device_s) for device_s, arrival_s in self._least[-4:-1]]
        return self.is_counter and len(late) == 3 and min(late) > STEP_S

    def _fit(self, host_s: float) -> None:
        is_young = len(self._least) < 10
        self._next_fit_s = host_s + (0.1 if is_young else BUCKET_S)
        rows: list[tuple[float, float, float]]
        if self._pings:
            recent = [row for row in self._pings if row[1] > host_s - self._window_s] or self._pings[-1:]
            least_s = min(row[2] for row in recent)
            rows = [(d, h, 1.0 / (1.0 + ((trip - least_s) / NOISE_S) ** 2) ** 2) for d, h, trip in recent]
        else:
            rows = [(d, h, 1.0) for d, h in self._least if h > host_s - self._window_s] or [(*self._least[-1], 1.0)]
        table = np.array(rows)
        x, y, weight = (np.ascontiguousarray(column) for column in table.T)
        fitted = fit_line(x, y, weight, not self._pings, NOISE_S, self._spread, self._limit)
        self._offset_s, self.skew = float(fitted[0]), float(fitted[1])
        self._anchor_s = float(x[-1])
        self.is_set = True


class _Line:
    """One stream's place on the time line: where its next sample falls, and how fast it is slewed there."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.seq: int | None = None
        self.device_s = 0.0  # device time of the next sample expected
        self.last_s = 0.0  # device time of the last packet's first sample
        self.n_last = 0  # and its number of samples
        self.pace = 1.0  # sample period on the device's clock over the nominal one
        self.n_paced = 0
        self.end_s = -math.inf  # session time up to which samples were handed on
        self.is_broken = True  # the next chunk does not continue the last one

    def place(self, clock: Clock, packet: Packet, device_s: float, slew: float) -> Chunk | None:
        """The packet as a Chunk; None when nothing of it lies after what was handed on already."""
        stream, counts = self.stream, packet.counts
        nominal_s = 1.0 / stream.rate_hz
        is_start = (
            self.is_broken or packet.seq != (self.seq or 0) + 1 or bool(packet.flags & (Flag.OVERRUN | Flag.TX_DROP))
        )
        is_start = is_start or abs(device_s - self.device_s) > max(1.5 * nominal_s, 0.01)
        if not is_start and self.n_last:
            pace = (device_s - self.last_s) / (self.n_last * nominal_s)
            self.n_paced = min(self.n_paced + 1, PACE_PACKETS)
            self.pace += (pace - self.pace) / self.n_paced
        true_s = clock.at_s(device_s)
        error_s = 0.0 if is_start else true_s - self.end_s
        if abs(error_s) > STEP_S:
            is_start, error_s = True, 0.0
        start_s = true_s if is_start else self.end_s
        if clock.is_counter:
            slew = max(slew, 0.02)  # a counter's first skew is a guess: it has farther to go
        stretch = (1.0 + clock.skew) * self.pace + min(max(error_s / CATCH_UP_S, -slew), slew)
        rate_hz = stream.rate_hz / stretch
        self.seq, self.is_broken = packet.seq, False
        n = counts.shape[0]
        self.last_s, self.n_last = device_s, n
        self.device_s = device_s + n * nominal_s * self.pace
        first = 0
        if 0.0 < self.end_s - start_s < STEP_S:  # a little early: slewed back, as everything else is
            start_s, error_s = self.end_s, true_s - self.end_s
        elif start_s < self.end_s:  # a fresh start may lie in time already told: never twice
            first = min(n, math.ceil((self.end_s - start_s) * rate_hz))
        if first == n and n > 0:
            self.is_broken = True
            return None
        start_s += first / rate_hz
        self.end_s = start_s + (n - first) / rate_hz
        is_good = not packet.flags & (Flag.LEAD_OFF | Flag.RAIL_LOW | Flag.RAIL_HIGH)
        values = counts[first:].astype(np.float64) * stream.scale + stream.offset
        return Chunk(stream.kind, start_s, rate_hz, values, stream.unit, float(is_good), is_start)


class _Device:
    def __init__(self, hello: Hello, window_s: float) -> None:
        self.hello = hello
        self._window_s = window_s
        self.restart()

    def restart(self) -> None:
        self.clock = Clock(self.hello.tick_s, self._window_s)
        self.first_s: float | None = None  # arrival of the first packet since the restart
        old = getattr(self, "lines", {})
        self.lines = {stream.id: _Line(stream) for stream in self.hello.streams}
        for key, line in old.items():
            if key in self.lines:
                self.lines[key].end_s = line.end_s

    def told(self, hello: Hello) -> None:
        """A Hello again: a restart if the device has booted since, else its streams may have changed."""
        is_boot = hello.boot_id != self.hello.boot_id or hello.tick_s != self.hello.tick_s
        has_changed = hello.streams != self.hello.streams
        self.hello = hello
        if is_boot or has_changed:
            self.restart()

    def packet(self, packet: Packet, slew: float) -> tuple[Stream, Chunk] | None:
        line = self.lines.get(packet.stream)
        if line is None or packet.counts.shape[0] == 0 or packet.seq == line.seq:
            return None
        device_s = packet.ticks * self.hello.tick_s
        if line.seq is not None and (packet.seq < line.seq or device_s < line.device_s - STEP_S - 1.0):
            self.restart()  # the device began again without saying so
            line = self.lines[packet.stream]
        if self.first_s is None:
            self.first_s = packet.arrival_s
        self.clock.heard(device_s + (packet.counts.shape[0] - 1) / line.stream.rate_hz, packet.arrival_s)
        if self.clock.lost_samples():
            self.restart()
            return None
        if packet.arrival_s < self.first_s + SETTLE_S:
            line.seq = packet.seq
            return None
        chunk = line.place(self.clock, packet, device_s, slew)
        return None if chunk is None else (line.stream, chunk)


class Timing:
    """All devices' clocks: `__call__(inputs)` returns the Chunks of the packets among them, in their order."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._devices: dict[str, _Device] = {}

    def skew(self, device: str) -> float | None:
        """How much longer the device's second is than the host's, as a fraction; None before a first packet."""
        known = self._devices.get(device)
        return known.clock.skew if known and known.clock.is_set else None

    def __call__(self, inputs: Iterable[Input]) -> list[Timed]:
        chunks: list[Timed] = []
        for item in inputs:
            if isinstance(item, Packet):
                if item.device in self._devices:
                    placed = self._devices[item.device].packet(item, self._settings.slew_ms_per_s / 1000.0)
                    if placed:
                        chunks.append(Timed(item.device, *placed))
            elif isinstance(item, Hello):
                if item.device in self._devices:
                    self._devices[item.device].told(item)
                else:
                    self._devices[item.device] = _Device(item, self._settings.window_s)
            elif isinstance(item, Pong) and item.device in self._devices:
                device = self._devices[item.device]
                tick_s = device.hello.tick_s
                trip_s = item.arrival_s - item.sent_s - (item.replied - item.heard) * tick_s
                middle_s = (item.sent_s + item.arrival_s) / 2.0
                device.clock.answered((item.heard + item.replied) / 2.0 * tick_s, middle_s, trip_s)
            elif isinstance(item, LinkChanged) and item.state is LinkState.OPENING and item.device in self._devices:
                self._devices[item.device].restart()
        return chunks
