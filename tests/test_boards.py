"""From any board's bytes to the engine: the README's first sensor is understood, and garbage moves nothing."""

from collections.abc import Iterator

import numpy as np
import pytest

from biofeed.config import Config
from biofeed.engine import Engine
from biofeed.messages import TICKS_PER_S, Features, LinkChanged, LinkState, Received
from biofeed.sensors import people
from biofeed.sensors.intake import Decoding
from biofeed.sensors.person import Body


def hobby_board(body: Body, seconds: float) -> Iterator[bytes]:
    """What the README's sketch prints, tick by tick: a line every 21.2 ms, without any clock."""
    period_s, k, belt_N = 0.0212, 0, 0.0
    for tick in range(int(seconds * TICKS_PER_S)):
        lines = b""
        while (k + 1) * period_s <= tick / TICKS_PER_S:
            samples = body.advance(k * period_s)
            belt_N = float(samples.belt[-1]) if len(samples.belt) else belt_N
            pulse = float(samples.ppg[-1]) if len(samples.ppg) else 0.0
            lines += f"pulse:{int(np.clip(512 + 190 * pulse, 0, 1023))} belt:{int(belt_N * 1023 / 25)}\r\n".encode()
            k += 1
        yield lines


def believed(chunks: Iterator[bytes]) -> list[Features]:
    """What the engine knows at each tick when a port gives these bytes."""
    decode, engine, known = Decoding(), Engine(Config().lasting(60.0).engine, "tide"), []
    decode([LinkChanged("sensor0", 0.0, LinkState.OPENING, "opening")])
    for tick, data in enumerate(chunks):
        time_s = tick / TICKS_PER_S
        frame = engine.step(tick, time_s, decode([Received("sensor0", time_s, data)] if data else []))
        assert all(0.0 <= value <= 1.0 for value in (frame.drive.breath, frame.drive.pulse, frame.drive.confidence))
        known.append(engine.reading.features)
    return known


def test_the_readme_s_first_sensor_is_understood_without_a_clock_or_a_known_polarity() -> None:
    body = Body(people.person("calm"), 1)
    known = believed(hobby_board(body, 50.0))
    truth = body.truth
    assert known[-1].hr_bpm == pytest.approx(60.0 / np.mean(np.diff(truth.beat_s)), abs=5.0)
    assert known[-1].breaths_per_min == pytest.approx(np.median(truth.rate_per_min), abs=2.0)
    late = range(35 * TICKS_PER_S, 48 * TICKS_PER_S)
    level = [known[tick].breath_level for tick in late]
    assert None not in level
    volume = np.interp([tick / TICKS_PER_S for tick in late], truth.time_s, truth.volume)
    assert np.corrcoef(np.array(level, float), volume)[0, 1] > 0.8


@pytest.mark.hazard("H-21")
@pytest.mark.parametrize("kind", ["noise", "zeros", "text"])
def test_bytes_that_mean_nothing_move_nothing(kind: str) -> None:
    random = np.random.default_rng(1)

    def garbage() -> Iterator[bytes]:
        for _ in range(20 * TICKS_PER_S):
            if kind == "text":
                yield b"boot: rst cause 2, error 0x3f\r\n"
            else:
                yield random.bytes(40) if kind == "noise" else bytes(40)

    for features in believed(garbage()):
        assert features.hr_bpm is None
        assert features.breaths_per_min is None
        assert features.breath_level is None
