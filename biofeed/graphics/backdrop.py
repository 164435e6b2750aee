"""The window behind the picture: words from the supervisor go in; when the picture dies, the calm picture stands there.

It is black until the picture covers it ("calm"), comes forward when the picture is gone ("front"), and ends with None
or the pipe's end. Who strikes a key or clicks while nothing lies before it wants the calm: ("event", "stop") goes back.
"""

import signal
from typing import Any

from biofeed.calm import CALM
from biofeed.graphics.context import Context, window
from biofeed.graphics.picture import Pipe, raise_calm
from biofeed.graphics.renderer import Renderer, Settings
from biofeed.messages import ControlFrame, Drive, Levels

LOOK_S = 0.01
_WHOLE_CALM = ControlFrame(0, 0.0, Drive(), CALM.name, Levels(), "calm", "", 1.0)


class Backdrop:
    """The process's loop; it draws when there is something else to be seen, and otherwise rests."""

    def __init__(self, pipe: Pipe, context: Context, seed: int, settings: Settings) -> None:
        self._pipe = pipe
        self._context = context
        self._renderer = Renderer(context, CALM, context.size, seed, settings)
        self._is_calm = False
        self._is_exposed = True
        import pygame  # noqa: PLC0415 - the window has it loaded

        self._name_of = pygame.event.event_name
        context.on_event = self._keeps

    def step(self) -> bool:
        """Waits a moment, hears, and draws where that is due; False when all is over."""
        word: str | None = ""
        try:
            if self._pipe.poll(LOOK_S):
                word = self._pipe.recv()
        except (EOFError, OSError):
            word = None
        if word is None:
            return False
        for asked in self._context.poll():
            if asked in ("stop", "leave", "press"):
                self._tell_stop()
        if word and not self._is_calm:
            self._is_calm = self._is_exposed = True
            raise_calm(self._renderer)
        if self._is_exposed:
            self._draw()
        if word == "front":
            self._context.show()
            self._draw()
        return True

    def _draw(self) -> None:
        self._is_exposed = False
        if min(self._context.size) > 0 and self._context.size != self._renderer.size:
            self._renderer.resize(self._context.size)
        if self._is_calm:
            self._renderer.draw(_WHOLE_CALM)
        elif self._context.screen is not None:
            self._context.screen.clear()
        self._context.present()

    def _keeps(self, event: Any) -> bool:
        """True for what is no wish of the person's: the window comes and goes behind the picture."""
        is_own = self._name_of(event.type).startswith(("Window", "Video", "Active"))
        self._is_exposed = self._is_exposed or is_own
        return is_own

    def _tell_stop(self) -> None:
        try:
            self._pipe.send(("event", "stop"))
        except OSError:
            self._is_calm = True


def backdrop_process(pipe: Pipe, seed: int, settings: Settings, is_hidden: bool = False) -> None:
    """The spawned process's target. One that `is_hidden` waits for its word to be shown."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides how a session ends
    context = window(None, True, "biofeed", is_hidden)
    backdrop = Backdrop(pipe, context, seed, settings)
    while backdrop.step():
        pass
    context.close()
