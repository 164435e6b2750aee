"""How far a signal can be believed, sample by sample, from what is physical: contact, limits, flatness, noise, motion.

Samples in the stream's unit go in; quality 0..1 per sample comes out, and `fault` says in one word what is wrong.
"""

from dataclasses import dataclass

import numpy as np

from biofeed.messages import Chunk, Stream
from biofeed.signals.filters import Cascade, Floats, bessel_lowpass, compiled, finite, highpass

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
    gone_share: float  # of the usual swing: less in GONE_BUCKETS means that the pulse is gone; 0: rests are normal
    weak_share: float  # of the usual swing: less in WEAK_BUCKETS is little to believe; 0: rests are normal
    swing_hz: float  # the swing is what lies between this and the noise


KINDS = {
    "ppg": Kind(
        noise_hz=10.0, n_short=7, n_long=30, flat_share=0.03, flat_counts=1.5, leap=4.0, gone_share=0.06,
        weak_share=0.4, swing_hz=0.7,
    ),
    # A heart may pause for seconds, with no more than its P waves to be seen.
    "ecg": Kind(
        noise_hz=40.0, n_short=7, n_long=30, flat_share=0.003, flat_counts=1.5, leap=8.0, gone_share=0.03,
        weak_share=0.05, swing_hz=0.7,
    ),
    # A pause in breathing is flat, too: only a signal without the least movement has lost its belt.
    "resp": Kind(
        noise_hz=4.0, n_short=8, n_long=120, flat_share=0.0, flat_counts=0.0, leap=8.0, gone_share=0.0,
        weak_share=0.0, swing_hz=0.05,
    ),
}  # fmt: skip

CLEAN_BUCKETS = 30  # 3 s without a fault before anything is learned of the swing
GONE_BUCKETS = 9  # 0.9 s: what has gone is known within a second
WEAK_BUCKETS = 15  # 1.5 s hold a beat at 40/min
WEAK_QUALITY = 0.3
REST_BUCKETS = (4, 60)  # a stretch without any movement that ends within 6 s is a rest at the end of a range
REST_SHARE = 0.03  # of the usual range: so near to the last one is the same rest
# fmt: off
(
    IN_BUCKET, LOW, HIGH, POWER, CLIPPED, BUCKETS, USUAL, QUALITY, FAULT, BAD_BUCKETS, TOLD_OFF, SWING_LOW, SWING_HIGH,
    SMOOTH_LOW, SMOOTH_HIGH, SINCE_BAD, SWING, COUNT, LAST, STILL, STILL_AT, LOW_REST, LOW_RESTS, HIGH_REST, HIGH_RESTS,
    SIZE,
) = range(26)
# fmt: on


@compiled
def _rest(low: float, high: float, middle: float, s: Floats) -> bool:
    """Is a signal that stands still at a place where it often does, for a while? Belts and impedances that reach an end
    of their range do, breath after breath; a sensor that has come off stands still elsewhere, or for ever."""
    near = REST_SHARE * s[USUAL]
    rest, rests = (LOW_REST, LOW_RESTS) if s[STILL_AT] < middle else (HIGH_REST, HIGH_RESTS)
    if high - low <= s[COUNT] and (s[STILL] == 0.0 or abs(low - s[STILL_AT]) <= s[COUNT]):
        s[STILL] += 1.0
        s[STILL_AT] = low
    else:
        if REST_BUCKETS[0] <= s[STILL] <= REST_BUCKETS[1]:
            s[rests] = s[rests] + 1.0 if abs(s[STILL_AT] - s[rest]) <= near else 1.0
            s[rest] = s[STILL_AT]
        s[STILL] = 0.0
    return bool(s[rests] >= 2.0 and abs(s[STILL_AT] - s[rest]) <= near and s[STILL] <= REST_BUCKETS[1])


@compiled
def _evaluate(ring: Floats, s: Floats, n_short: int, limits: Floats) -> tuple[int, float]:
    """Fault and quality at the end of a bucket, from the rows of the last `n_short` and of all buckets."""
    flat_share, flat_counts, leap, gone_share, weak_share, noise_low, noise_high = limits
    n_long, last, usual = ring.shape[0], int(s[BUCKETS]) - 1, s[USUAL]
    n = min(last + 1, n_long)
    m = min(n, n_short)
    short_low = long_low = np.inf
    short_high = long_high = -np.inf
    swing_low = smooth_low = np.inf
    swing_high = smooth_high = -np.inf
    power = clipped = 0.0
    for k in range(n):
        row = ring[(last - k) % n_long]
        long_low, long_high = min(long_low, row[0]), max(long_high, row[1])
        if k < WEAK_BUCKETS:
            swing_low, swing_high = min(swing_low, row[4]), max(swing_high, row[5])
        if k < GONE_BUCKETS:
            smooth_low, smooth_high = min(smooth_low, row[6]), max(smooth_high, row[7])
        if k < m:
            short_low, short_high = min(short_low, row[0]), max(short_high, row[1])
            power += row[2] / m
            clipped += row[3] / m
    short, long, rough, swing = short_high - short_low, long_high - long_low, np.sqrt(power), swing_high - swing_low
    is_rest = _rest(ring[last % n_long, 0], ring[last % n_long, 1], 0.5 * (long_low + long_high), s)
    fault, quality = GOOD, 1.0
    if usual > 0.0 and short > leap * usual:
        fault, quality = MOTION, 0.2
    noise = min(max((noise_high - rough / max(long, 1e-12)) / (noise_high - noise_low), 0.0), 1.0)
    if noise < quality:
        fault, quality = (NOISE if noise < 0.5 else fault), noise
    if n >= WEAK_BUCKETS and swing < weak_share * s[SWING] and quality > WEAK_QUALITY:
        fault, quality = OFF, WEAK_QUALITY
    # far less movement than a pulse makes: the contact is lost though the signal moves
    is_bare = n >= GONE_BUCKETS and smooth_high - smooth_low < gone_share * s[SWING]
    # a coarse belt may stand still on one count through a pause; a fine one never does
    is_fine = flat_counts > 0.0 or usual > 100.0 * s[COUNT]
    is_flat = n >= n_short and (short if is_fine else long) <= max(flat_counts * s[COUNT], flat_share * usual)
    if is_bare or (is_flat and not (is_rest and flat_counts == 0.0)):
        fault, quality = OFF, 0.0
    within = min(max(1.0 - clipped / 0.3, 0.0), 1.0) if clipped > 0.1 else 1.0
    if within < quality:
        fault, quality = LIMIT, within
    if s[TOLD_OFF] > 0.0:
        fault, quality = OFF, 0.0
    _adapt(s, quality, swing if weak_share > 0.0 else long, swing, s[SINCE_BAD] >= CLEAN_BUCKETS)
    return fault, quality


@compiled
def _adapt(s: Floats, quality: float, span: float, swing: float, is_clean: bool) -> None:
    """What range and swing are usual: followed while the signal is good, let go after 10 s of a bad one.

    The range follows over 5 s. The swing keeps to the lesser ones: a heart whose pulse is weak now and then is not off.
    """
    if quality < 0.5:
        s[BAD_BUCKETS] += 1.0
        if s[BAD_BUCKETS] > 100.0:
            s[USUAL] = 0.0
            s[SWING] *= 0.9985  # by half in 46 s: noise where a pulse was is not soon taken for another
        return
    s[BAD_BUCKETS] = 0.0
    if not is_clean:
        return
    if s[USUAL] == 0.0:
        s[USUAL] = span
        if s[SWING] == 0.0:
            s[SWING] = swing
    else:
        s[USUAL] += 0.02 * (min(span, 2.0 * s[USUAL]) - s[USUAL])
        s[SWING] += (0.1 if swing < s[SWING] else 0.005) * (min(swing, 2.0 * s[SWING]) - s[SWING])


@compiled
def _judge(
    x: Floats,
    rough: Floats,
    smooth: Floats,
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

    `rough` and `smooth` are x above and below the noise corner, `swing` is `smooth` above the swing corner;
    `ends`: least and greatest value, one count; `ring` (n_long, 8): lowest, highest value, noise power, share clipped,
    lowest and highest swing, lowest and highest smooth value of each bucket.
    """
    n_bucket = sizes[0]
    margin = 0.002 * (ends[1] - ends[0])
    for i in range(x.shape[0]):
        v = x[i]
        if s[IN_BUCKET] == 0.0:
            s[LOW] = s[HIGH] = v
            s[SWING_LOW] = s[SWING_HIGH] = swing[i]
            s[SMOOTH_LOW] = s[SMOOTH_HIGH] = smooth[i]
            s[POWER] = s[CLIPPED] = s[TOLD_OFF] = 0.0
        step = abs(v - s[LAST])
        if step > 0.0 and (step < s[COUNT] or s[COUNT] == 0.0):
            s[COUNT] = max(step, ends[2])
        s[LAST] = v
        s[LOW], s[HIGH] = min(s[LOW], v), max(s[HIGH], v)
        s[SWING_LOW], s[SWING_HIGH] = min(s[SWING_LOW], swing[i]), max(s[SWING_HIGH], swing[i])
        s[SMOOTH_LOW], s[SMOOTH_HIGH] = min(s[SMOOTH_LOW], smooth[i]), max(s[SMOOTH_HIGH], smooth[i])
        s[POWER] += rough[i] * rough[i]
        if v <= ends[0] + margin or v >= ends[1] - margin:
            s[CLIPPED] += 1.0
        if is_off:
            s[TOLD_OFF], s[FAULT] = 1.0, OFF
            s[QUALITY] = 0.0
        s[IN_BUCKET] += 1.0
        if s[IN_BUCKET] >= n_bucket:
            row = ring[int(s[BUCKETS]) % ring.shape[0]]
            row[0], row[1], row[2], row[3] = s[LOW], s[HIGH], s[POWER] / n_bucket, s[CLIPPED] / n_bucket
            row[4], row[5], row[6], row[7] = s[SWING_LOW], s[SWING_HIGH], s[SMOOTH_LOW], s[SMOOTH_HIGH]
            s[BUCKETS] += 1.0
            s[IN_BUCKET] = 0.0
            fault, quality = _evaluate(ring, s, int(sizes[1]), limits)
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
        self._smooth = Cascade(bessel_lowpass(kind.noise_hz, rate_hz))
        self._swing = Cascade(highpass(kind.swing_hz, rate_hz))
        self._held = 0.0
        self._sizes = np.array([max(1.0, round(BUCKET_S * rate_hz)), kind.n_short])
        shares = (kind.gone_share, kind.weak_share, NOISE_LOW, NOISE_HIGH)
        self._limits = np.array([kind.flat_share, kind.flat_counts, kind.leap, *shares])
        self._ring = np.zeros((kind.n_long, 8))
        self._state = np.zeros(SIZE)

    @property
    def fault(self) -> str:
        """What is wrong at the last sample: off, limit, noise, motion, or nothing."""
        return FAULTS[int(self._state[FAULT])]

    def __call__(self, chunk: Chunk) -> Floats:
        n = chunk.values.shape[0]
        if n == 0:
            return np.empty(0)
        values, is_number = finite(np.ascontiguousarray(chunk.values[:, 0]), np.ones(n), self._held)
        self._held = float(values[-1])
        if chunk.is_start:
            for filtered in (self._rough, self._smooth, self._swing):
                filtered.reset()
        out = np.empty(n)
        rough, smooth = self._rough(values), self._smooth(values)
        swing = self._swing(smooth)
        is_off = chunk.quality <= 0.0
        _judge(
            values, rough, smooth, swing, is_off, self._ends, self._sizes, self._limits, self._ring, self._state, out
        )
        return np.minimum(out, is_number)
