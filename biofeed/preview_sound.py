"""The sound beside a scene's preview: one sound process at a time, fed with the frames that the picture gets."""

import threading
from typing import Any

from biofeed.children import Child, ChildPlan
from biofeed.messages import ControlFrame
from biofeed.scene import Scene
from biofeed.sound.limiter import Settings
from biofeed.sound.output import FADE_OUT_S, sound_process
from biofeed.sound.synth import check

PATIENCE_S = 3.0 + FADE_OUT_S


class PreviewSound:
    """Plays a world; another soundscape, or another seed, is another process, while the one before fades out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: Child | None = None
        self._closing: list[threading.Thread] = []

    def play(self, world: Scene, seed: int) -> None:
        """Goes over to this world. Raises SceneError when its soundscape cannot be played, and nothing changes."""
        check(world.soundscape)
        self._leave()
        args = ({world.name: world.soundscape}, world.name, seed, self._settings)
        self._child = Child(ChildPlan("sound", sound_process, args, kept=False))

    def send(self, frame: ControlFrame) -> None:
        """The newest frame."""
        if self._child:
            self._child.line.send(frame)

    def poll(self) -> list[tuple[str, Any]]:
        """What the sound process has said since the last call, and when it died."""
        if self._child is None:
            return []
        told = self._child.death()
        return self._child.line.poll() + ([("supervisor", told)] if told else [])

    def close(self) -> None:
        """Fades out and ends."""
        self._leave()
        for thread in self._closing:
            thread.join()

    def _leave(self) -> None:
        """Ends the present process in a thread of its own: the picture does not wait for a fade."""
        if self._child:
            args = (lambda _kind, _value: None, PATIENCE_S)
            thread = threading.Thread(target=self._child.close, args=args, name="closing")
            thread.start()
            self._closing = [other for other in self._closing if other.is_alive()] + [thread]
            self._child = None
