"""Whatever is done to a stream, its stages say what they know or that they do not: no exception, nothing invented."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_faults import CLEAN

from biofeed.messages import Beat, Chunk, Withdrawn
from biofeed.signals.cardiac import Beats
from biofeed.signals.modulation import Modulation
from biofeed.signals.quality import Quality
from biofeed.signals.respiration import Respiration

SECONDS = 24.0
WAYS = ("missing", "saturated", "still", "huge", "gap", "reset")


@dataclass(frozen=True, slots=True)
class Wound:
    """What is done to the stream from `at_s` on for `length_s`."""

    way: str
    at_s: float
    length_s: float


WOUNDS = st.lists(
    st.builds(Wound, st.sampled_from(WAYS), st.floats(6.0, 20.0), st.floats(0.05, 4.0)), min_size=1, max_size=3
)
SIZES = st.lists(st.integers(0, 900), min_size=1, max_size=6).filter(any)


def pieces(kind, wounds):
    """(start_s, values) of each unbroken piece of the wounded stream, and the spans (s) that hold no signal."""
    stream, make = CLEAN[kind]
    counts = make()[: round(SECONDS * stream.rate_hz)].copy()
    cuts, blind = [], []
    for wound in wounds:
        first, last = (round(at_s * stream.rate_hz) for at_s in (wound.at_s, wound.at_s + wound.length_s))
        part = counts[first:last]
        if wound.way in ("gap", "reset"):
            cuts.append((first, last, wound.way))
        elif part.size:
            fill = {"missing": np.nan, "saturated": stream.count_max, "still": part[0], "huge": 1e300}[wound.way]
            counts[first:last] = fill
        if wound.way in ("gap", "missing", "huge"):
            blind.append((wound.at_s, wound.at_s + wound.length_s))
    values = counts * stream.scale + stream.offset
    told, begin, shift_s = [], 0, 0.0
    for first, last, way in sorted(cuts):
        if first > begin:
            told.append((begin / stream.rate_hz + shift_s, values[begin:first]))
        shift_s -= 5.0 if way == "reset" else 0.0  # the clock begins again, in the past
        begin = max(begin, last)
    told.append((begin / stream.rate_hz + shift_s, values[begin:]))
    return stream, told, blind, any(way == "reset" for _, _, way in cuts)


def followed(kind, wounds, sizes):
    """All that the stages tell of the wounded stream, cut into such sizes."""
    stream, parts, blind, is_reset = pieces(kind, wounds)
    judge = Quality(stream)
    heart, modulation, breath = Beats(stream), None, None
    if kind == "belt":
        breath = Respiration(stream)
    else:
        modulation = Modulation(stream)
    told, qualities, turn = [], [], 0
    for start_s, values in parts:
        place, is_start = 0, True
        while place < values.size:
            size = sizes[turn % len(sizes)]
            turn += 1
            piece = values[place : place + size, None]
            chunk = Chunk(
                stream.kind, start_s + place / stream.rate_hz, stream.rate_hz, piece, stream.unit, 1.0, is_start
            )
            quality = judge(chunk)
            qualities.append(quality)
            if breath is not None:
                told += breath(chunk, quality)
                breath.at(chunk.start_s)
                assert breath.phase is None or 0.0 <= breath.phase < 1.0
                assert breath.level is None or 0.0 <= breath.level <= 1.0
            else:
                events = heart(chunk, quality)
                modulation(chunk, quality, events)
                modulation.at(chunk.start_s)
                told += events
            place += piece.shape[0]
            is_start = is_start and piece.shape[0] == 0
    return told, np.concatenate(qualities), blind, is_reset


@pytest.mark.parametrize("kind", sorted(CLEAN))
@settings(max_examples=25, deadline=None)
@given(wounds=WOUNDS, sizes=SIZES)
def test_wounds_of_every_kind_are_survived_and_nothing_is_told_of_what_was_not_there(kind, wounds, sizes):
    told, quality, blind, is_reset = followed(kind, wounds, sizes)
    assert np.isfinite(quality).all()
    assert quality.min() >= 0.0
    assert quality.max() <= 1.0
    if kind == "belt":
        for breath in told:
            numbers = (breath.start_s, breath.inhale_s, breath.exhale_s, breath.depth)
            assert np.isfinite(numbers).all()
            assert min(breath.inhale_s, breath.exhale_s) > 0.0
        return
    beats = [event for event in told if isinstance(event, Beat)]
    known_s = {beat.time_s for beat in beats}
    assert all(event.time_s in known_s for event in told if isinstance(event, Withdrawn))
    for beat in beats:
        assert np.isfinite(beat.time_s)
        assert 0.0 <= beat.quality <= 1.0
        assert beat.ibi_ms is None or 273.0 <= beat.ibi_ms <= 2400.0
        if is_reset:
            continue  # then two moments have one time
        assert not any(from_s + 0.05 < beat.time_s < to_s - 0.05 for from_s, to_s in blind)
        if beat.ibi_ms is not None:
            before_s = beat.time_s - beat.ibi_ms / 1000.0
            assert not any(before_s < from_s and to_s < beat.time_s and to_s - from_s > 0.01 for from_s, to_s in blind)


@pytest.mark.parametrize("kind", sorted(CLEAN))
@settings(max_examples=10, deadline=None)
@given(wounds=WOUNDS, sizes=SIZES)
def test_how_a_wounded_stream_is_cut_changes_nothing(kind, wounds, sizes):
    whole, quality, _, _ = followed(kind, wounds, [100_000])
    cut, cut_quality, _, _ = followed(kind, wounds, sizes)
    assert np.allclose(cut_quality, quality, atol=1e-9)
    assert len(cut) == len(whole)
    for one, other in zip(cut, whole, strict=True):
        assert type(one) is type(other)
        for name in one.__slots__:
            a, b = getattr(one, name), getattr(other, name)
            assert a == b if isinstance(a, str | type(None)) else a == pytest.approx(b, abs=1e-6)
