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


KINDS = {
    "ppg": Kind(noise_hz=10.0, n_short=7, n_long=30, flat_share=0.03, flat_counts=1.5, leap=4.0),
    "ecg": Kind(noise_hz=40.0, n_short=7, n_long=30, flat_share=0.003, flat_counts=1.5, leap=8.0),
    # A pause in breathing is flat, too: only a signal without the least movement has lost its belt.
    "resp": Kind(noise_hz=4.0, n_short=8, n_long=120, flat_share=0.0, flat_counts=0.0, leap=8.0),
}

IN_BUCKET, LOW, HIGH, POWER, CLIPPED, BUCKETS, USUAL, QUALITY, FAULT, BAD_BUCKETS, TOLD_OFF, SIZE = range(12)


@compiled
def _judge(
    x: Floats, rough: Floats, is_off: bool, low: float, high: float, count: float, limits: Floats, ring: Floats, s: Floats, out: Floats
) -> None:
    """`ring` is (n_long, 4): low, high, noise power, share clipped; `limits`: bucket size and the fields of Kind."""
    n_bucket, n_short, n_long = int(limits[0]), int(limits[1]), ring.shape[0]
    flat_share, flat_counts, leap = limits[2], limits[3], limits[4]
    noise_low, noise_high = limits[5], limits[6]
    margin = 0.002 * (high - low)
    for i in range(x.shape[0]):
        v = x[i]
        if s[IN_BUCKET] == 0.0:
            s[LOW] = v
            s[HIGH] = v
            s[POWER] = 0.0
            s[CLIPPED] = 0.0
            s[TOLD_OFF] = 0.0
        s[LOW] = min(s[LOW], v)
        s[HIGH] = max(s[HIGH], v)
        s[POWER] += rough[i] * rough[i]
        if v <= low + margin or v >= high - margin:
            s[CLIPPED] += 1.0
        if is_off:
            s[TOLD_OFF] = 1.0
            s[QUALITY] = 0.0
            s[FAULT] = 1.0
        s[IN_BUCKET] += 1.0
        if s[IN_BUCKET] >= n_bucket:
            at = int(s[BUCKETS]) % n_long
            ring[at, 0] = s[LOW]
            ring[at, 1] = s[HIGH]
            ring[at, 2] = s[POWER] / n_bucket
            ring[at, 3] = s[CLIPPED] / n_bucket
            s[BUCKETS] += 1.0
            s[IN_BUCKET] = 0.0
            n = min(int(s[BUCKETS]), n_long)
            short_low = long_low = np.inf
            short_high = long_high = -np.inf
            power = clipped = 0.0
            m = min(n, n_short)
            for k in range(n):
                row = (at - k) % n_long
                long_low = min(long_low, ring[row, 0])
                long_high = max(long_high, ring[row, 1])
                if k < m:
                    short_low = min(short_low, ring[row, 0])
                    short_high = max(short_high, ring[row, 1])
                    power += ring[row, 2] / m
                    clipped += ring[row, 3] / m
            short, long = short_high - short_low, long_high - long_low
            usual = s[USUAL]
            noise = np.sqrt(power) / max(long, 1e-12)
            fault, quality = 0.0, 1.0
            if usual > 0.0 and short > leap * usual:
                fault, quality = 4.0, 0.2
            if noise > noise_low:
                good = max(0.0, (noise_high - noise) / (noise_high - noise_low))
                if good < quality:
                    quality = good
                    fault = 3.0 if good < 0.5 else fault
            # noise where a pulse was: the contact is lost though the signal moves
            if usual > 0.0 and flat_share > 0.0 and short < 0.35 * usual and np.sqrt(power) > noise_high * short:
                fault, quality = 1.0, 0.0
            if n >= n_short and short <= max(flat_counts * count, flat_share * usual):
                fault, quality = 1.0, 0.0
            if clipped > 0.1:
                good = max(0.0, 1.0 - clipped / 0.3)
                if good < quality:
                    quality = good
                    fault = 2.0
            if s[TOLD_OFF] > 0.0:
                fault, quality = 1.0, 0.0
            if quality < 0.5:
                s[BAD_BUCKETS] += 1.0
                if s[BAD_BUCKETS] > 100.0:  # 10 s: what was usual is not any more
                    s[USUAL] = 0.0
            else:
                s[BAD_BUCKETS] = 0.0
                if usual == 0.0 and n >= min(n_long, 30):
                    s[USUAL] = long
                elif usual > 0.0:
                    s[USUAL] += 0.02 * (min(long, 2.0 * usual) - usual)  # 5 s
            # down at once, up within a second: what has just come back is not yet good
            s[QUALITY] = min(quality, s[QUALITY] + 0.1)
            s[FAULT] = fault
        out[i] = s[QUALITY]


class Quality:
    """Judges one stream: `quality(chunk)` returns (n_samples,) 0..1; channel 0 is what is judged."""

    def __init__(self, stream: Stream) -> None:
        kind = KINDS[stream.kind]
        ends = (stream.count_min * stream.scale + stream.offset, stream.count_max * stream.scale + stream.offset)
        self._low, self._high, self._count = min(ends), max(ends), abs(stream.scale)
        rate_hz = stream.rate_hz
        self._rough = Cascade(highpass(min(kind.noise_hz, 0.3 * rate_hz), rate_hz))
        self._limits = np.array(
            [
                max(1, round(BUCKET_S * rate_hz)),
                kind.n_short,
                kind.flat_share,
                kind.flat_counts,
                kind.leap,
                NOISE_LOW,
                NOISE_HIGH,
            ]
        )
        self._ring = np.zeros((kind.n_long, 4))
        self._state = np.zeros(SIZE)

    @property
    def fault(self) -> str:
        """What is wrong at the last sample: off, limit, noise, motion, or nothing."""
        return FAULTS[int(self._state[FAULT])]

    def __call__(self, chunk: Chunk) -> Floats:
        values = np.ascontiguousarray(chunk.values[:, 0])
        if chunk.is_start:
            self._rough.reset()
        out = np.empty(values.shape[0])
        rough = self._rough(values)
        _judge(
            values, rough, chunk.quality <= 0.0, self._low, self._high, self._count, self._limits, self._ring, self._state, out
        )
        return out
