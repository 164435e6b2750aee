"""How far a signal can be believed, sample by sample, from what is physical: contact, limits, flatness, noise, motion.

Samples in the stream's unit go in; quality 0..1 per sample comes out, and `fault` says in one word what is wrong.
"""

from dataclasses import dataclass

import numpy as np

from biofeed.messages import Chunk, Stream
from biofeed.signals.filters import Cascade, Floats, compiled, highpass

GOOD, OFF, LIMIT, NOISE, MOTION = range(5)
FAULTS = ("", "off", "limit", "noise", "motion")
BUCKET_S = 0.1  # the judgement is renewed ten times a second
NOISE_LOW, NOISE_HIGH = 0.06, 0.13  # noise rms over signal range: below no harm; white noise alone gives 0.15


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between signals."""

    noise_hz: float  # above this the signal itself holds little
    n_short: int  # buckets in which a lost contact must show
    n_long: int  # buckets that hold a whole beat or breath
    flat_share: float  # of the usual range: less movement than this in the short window means no contact
    flat_counts: float  # never less than this, in device counts
    leap: float  # a short-window range of this many usual ranges is motion
    weak_share: (
        float  # of the usual swing: less for WEAK_BUCKETS means that the pulse is gone; 0 where rests are normal
    )
    swing_hz: float  # the swing is what lies above this; 0: all of the signal


KINDS = {
    "ppg": Kind(
        noise_hz=10.0, n_short=7, n_long=30, flat_share=0.03, flat_counts=1.5, leap=4.0, weak_share=0.4, swing_hz=0.7
    ),
    "ecg": Kind(
        noise_hz=40.0, n_short=7, n_long=30, flat_share=0.003, flat_counts=1.5, leap=8.0, weak_share=0.25, swing_hz=0.7
    ),
    # A pause in breathing is flat, too: only a signal without the least movement has lost its belt.
    "resp": Kind(
        noise_hz=4.0, n_short=8, n_long=120, flat_share=0.0, flat_counts=0.0, leap=8.0, weak_share=0.0, swing_hz=0.0
    ),
}

CLEAN_BUCKETS = 30  # 3 s without a fault before anything is learned of the swing
WEAK_BUCKETS = 15  # 1.5 s hold a beat at 40/min
# fmt: off
(
    IN_BUCKET, LOW, HIGH, POWER, CLIPPED, BUCKETS, USUAL, QUALITY, FAULT, BAD_BUCKETS, TOLD_OFF, SWING_LOW, SWING_HIGH,
    SINCE_BAD, SIZE,
) = range(15)
# fmt: on


@compiled
def _evaluate(ring: Floats, s: Floats, n_short: int, count: float, limits: Floats) -> tuple[float, float]:
    """Fault and quality at the end of a bucket, from the rows of the last `n_short` and of all buckets."""
    flat_share, flat_counts, leap, weak_share, noise_low, noise_high = limits
    n_long, last, usual = ring.shape[0], int(s[BUCKETS]) - 1, s[USUAL]
    n = min(last + 1, n_long)
    m = min(n, n_short)
    short_low = long_low = np.inf
    short_high = long_high = -np.inf
    swing_low, swing_high = np.inf, -np.inf
    power = clipped = 0.0
    for k in range(n):
        row = ring[(last - k) % n_long]
        long_low, long_high = min(long_low, row[0]), max(long_high, row[1])
        if k < WEAK_BUCKETS:
            swing_low, swing_high = min(swing_low, row[4]), max(swing_high, row[5])
        if k < m:
            short_low, short_high = min(short_low, row[0]), max(short_high, row[1])
            power += row[2] / m
            clipped += row[3] / m
    short, long, rough = short_high - short_low, long_high - long_low, np.sqrt(power)
    fault, quality = 0.0, 1.0
    if usual > 0.0 and short > leap * usual:
        fault, quality = 4.0, 0.2
    noise = min(max((noise_high - rough / max(long, 1e-12)) / (noise_high - noise_low), 0.0), 1.0)
    if noise < quality:
        fault, quality = (3.0 if noise < 0.5 else fault), noise
    # far less movement than a pulse makes: the contact is lost though the signal moves
    is_bare = n >= WEAK_BUCKETS and swing_high - swing_low < weak_share * usual
    # a coarse belt may stand still on one count through a pause; a fine one never does
    is_fine = flat_counts > 0.0 or usual > 100.0 * count
    is_flat = n >= n_short and (short if is_fine else long) <= max(flat_counts * count, flat_share * usual)
    if is_bare or is_flat:
        fault, quality = 1.0, 0.0
    within = min(max(1.0 - clipped / 0.3, 0.0), 1.0) if clipped > 0.1 else 1.0
    if within < quality:
        fault, quality = 2.0, within
    if s[TOLD_OFF] > 0.0:
        fault, quality = 1.0, 0.0
    _adapt(s, quality, swing_high - swing_low if weak_share > 0.0 else long, s[SINCE_BAD] >= CLEAN_BUCKETS)
    return fault, quality


@compiled
def _adapt(s: Floats, quality: float, span: float, is_clean: bool) -> None:
    """What swing is usual: followed over 5 s while the signal is good, learned again after 10 s of a bad one."""
    if quality < 0.5:
        s[BAD_BUCKETS] += 1.0
        if s[BAD_BUCKETS] > 100.0:
            s[USUAL] = 0.0
        return
    s[BAD_BUCKETS] = 0.0
    if not is_clean:
        return
    if s[USUAL] == 0.0:
        s[USUAL] = span
    else:
        s[USUAL] += 0.02 * (min(span, 2.0 * s[USUAL]) - s[USUAL])


@compiled
def _judge(
    x: Floats,
    rough: Floats,
    swing: Floats,
    is_off: bool,
    ends: Floats,
    sizes: Floats,
    limits: Floats,
    ring: Floats,
    s: Floats,
    out: Floats,
) -> None:
    """Writes the quality of each sample of x (n,) to `out`.

    `rough` and `swing` are x above the noise and the swing corner; `ends`: least and greatest value, one count; `ring`
    (n_long, 6): lowest, highest value, noise power, share clipped, lowest and highest swing of each bucket.
    """
    n_bucket = sizes[0]
    margin = 0.002 * (ends[1] - ends[0])
    for i in range(x.shape[0]):
        v = x[i]
        if s[IN_BUCKET] == 0.0:
            s[LOW] = s[HIGH] = v
            s[SWING_LOW] = s[SWING_HIGH] = swing[i]
            s[POWER] = s[CLIPPED] = s[TOLD_OFF] = 0.0
        s[LOW], s[HIGH] = min(s[LOW], v), max(s[HIGH], v)
        s[SWING_LOW], s[SWING_HIGH] = min(s[SWING_LOW], swing[i]), max(s[SWING_HIGH], swing[i])
        s[POWER] += rough[i] * rough[i]
        if v <= ends[0] + margin or v >= ends[1] - margin:
            s[CLIPPED] += 1.0
        if is_off:
            s[TOLD_OFF] = s[FAULT] = 1.0
            s[QUALITY] = 0.0
        s[IN_BUCKET] += 1.0
        if s[IN_BUCKET] >= n_bucket:
            row = ring[int(s[BUCKETS]) % ring.shape[0]]
            row[0], row[1], row[2], row[3] = s[LOW], s[HIGH], s[POWER] / n_bucket, s[CLIPPED] / n_bucket
            row[4], row[5] = s[SWING_LOW], s[SWING_HIGH]
            s[BUCKETS] += 1.0
            s[IN_BUCKET] = 0.0
            fault, quality = _evaluate(ring, s, int(sizes[1]), ends[2], limits)
            # down at once, up within two seconds: what has just come back is not yet good
            s[SINCE_BAD] = 0.0 if quality < 0.5 else s[SINCE_BAD] + 1.0
            s[QUALITY], s[FAULT] = min(quality, max(0.1 if quality > 0.0 else 0.0, (s[SINCE_BAD] - 10.0) / 10.0)), fault
        out[i] = s[QUALITY]


class Quality:
    """Judges one stream: `quality(chunk)` returns (n_samples,) 0..1; channel 0 is what is judged."""

    def __init__(self, stream: Stream) -> None:
        kind = KINDS[stream.kind]
        ends = (stream.count_min * stream.scale + stream.offset, stream.count_max * stream.scale + stream.offset)
        self._ends = np.array([min(ends), max(ends), abs(stream.scale)])
        rate_hz = stream.rate_hz
        self._rough = Cascade(highpass(min(kind.noise_hz, 0.3 * rate_hz), rate_hz))
        self._swing = Cascade(highpass(kind.swing_hz, rate_hz)) if kind.swing_hz > 0.0 else None
        self._sizes = np.array([max(1.0, round(BUCKET_S * rate_hz)), kind.n_short])
        self._limits = np.array([kind.flat_share, kind.flat_counts, kind.leap, kind.weak_share, NOISE_LOW, NOISE_HIGH])
        self._ring = np.zeros((kind.n_long, 6))
        self._state = np.zeros(SIZE)

    @property
    def fault(self) -> str:
        """What is wrong at the last sample: off, limit, noise, motion, or nothing."""
        return FAULTS[int(self._state[FAULT])]

    def __call__(self, chunk: Chunk) -> Floats:
        values = np.ascontiguousarray(chunk.values[:, 0])
        if chunk.is_start:
            self._rough.reset()
            if self._swing:
                self._swing.reset()
        out = np.empty(values.shape[0])
        rough = self._rough(values)
        swing = self._swing(values) if self._swing else values
        is_off = chunk.quality <= 0.0
        _judge(values, rough, swing, is_off, self._ends, self._sizes, self._limits, self._ring, self._state, out)
        return out
