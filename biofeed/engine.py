"""The core as a pure function of its logged inputs: `Engine.step(tick, time_s, inputs) -> ControlFrame`, and its loop.

In come decoded sensor inputs and commands, out comes what picture and sound are told. Live and offline run this.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from biofeed.adaptation import Adaptation, is_believable
from biofeed.adaptation import Settings as AdaptationSettings
from biofeed.flow import Flow
from biofeed.flow import Settings as FlowSettings
from biofeed.messages import DRIVES, TICKS_PER_S, Command, ControlFrame, Drive, Entry, Input, Reading
from biofeed.safety import Gate
from biofeed.signals.pipeline import Pipeline
from biofeed.signals.pipeline import Settings as PipelineSettings

Intake = Callable[[int, float], tuple[Sequence[Entry], Sequence[Input]]]
Sink = Callable[[ControlFrame, Reading, Sequence[Entry]], None]


class Over(Exception):
    """Raised by an intake that has nothing more to give: the end of a recording, or of what was asked for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of the core."""

    signals: PipelineSettings = field(default_factory=PipelineSettings)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    flow: FlowSettings = field(default_factory=FlowSettings)


class Engine:
    """One session's core; nothing but the arguments of `step` may vary what it does."""

    def __init__(self, settings: Settings, scene: str) -> None:
        self._signals = Pipeline(settings.signals)
        self._adaptation = Adaptation(settings.adaptation)
        self._flow = Flow(settings.flow, scene)
        self._gate = Gate()
        self.reading: Reading  # of the latest step, for records and reports

    def step(self, tick: int, time_s: float, inputs: Sequence[Input]) -> ControlFrame:
        """The frame for this tick. Ticks come in order, none left out; inputs are those since the last."""
        self.reading = self._signals(time_s, inputs)
        state = self._flow(tick, time_s, [item for item in inputs if isinstance(item, Command)])
        decision = self._adaptation(time_s, self.reading, state.pacing, state.state != "running")
        drive = replace(_rested(replace(decision.drive, touch=state.touch), state.rest), progress=state.progress)
        trusted = is_believable(self.reading.features)
        gated = self._gate(1.0 / TICKS_PER_S, drive, state.levels, trusted)
        notes = (note for note in (state.note, decision.reason, gated.note if trusted else "") if note)
        reason = "; ".join(notes)
        return ControlFrame(tick, time_s, gated.drive, state.scene, gated.levels, state.state, reason, state.rest)


def _rested(drive: Drive, rest: float) -> Drive:
    """What the body drives, as far as the calm lets it: in the calm nothing moves by it."""
    if rest == 0.0:
        return drive
    pairs = {name: (getattr(drive, name), getattr(Drive(), name)) for name in DRIVES}
    return Drive(**{name: value + rest * (neutral - value) for name, (value, neutral) in pairs.items()})


def run(
    engine: Engine, sleep_until: Callable[[float], None], intake: Intake, sinks: Iterable[Sink], first_tick: int = 0
) -> None:
    """Ticks the engine from `first_tick` until its session has ended, or until the intake raises Over."""
    for tick in count(first_tick):
        time_s = tick / TICKS_PER_S
        sleep_until(time_s)
        try:
            entries, inputs = intake(tick, time_s)
        except Over:
            return
        frame = engine.step(tick, time_s, inputs)
        for sink in sinks:
            sink(frame, engine.reading, entries)
        if frame.state == "ended":
            return
