"""From what came in at a tick (bytes, cable states, commands) to the engine's inputs: one decoder for each device.

A port that opens again gets a fresh decoder, so that a recording replays from its bytes and cable states alone.
"""

from collections.abc import Sequence

from biofeed.messages import Entry, Input, LinkChanged, LinkState, Received
from biofeed.sensors.detect import AutoDecoder


class Decoding:
    """Turns entries into inputs, in order; keeps every device's decoder between ticks."""

    def __init__(self) -> None:
        self._decoders: dict[str, AutoDecoder] = {}

    def __call__(self, entries: Sequence[Entry]) -> list[Input]:
        inputs: list[Input] = []
        for entry in entries:
            if isinstance(entry, Received):
                decoder = self._decoders.setdefault(entry.device, AutoDecoder(entry.device))
                inputs += decoder(entry.data, entry.arrival_s)
            else:
                if isinstance(entry, LinkChanged) and entry.state is LinkState.OPENING:
                    self._decoders.pop(entry.device, None)
                inputs.append(entry)
        return inputs
