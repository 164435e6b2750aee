"""Where the picture goes: a GL 3.3 core context, headless through EGL or in a window with its keys; sizes in pixels.

What reaches the window comes out of `Context.poll` as words: "stop" (any key, click or pad button, a lost window),
"leave" (Esc, or the window was closed), "press" (the person's one button, where the world asks for one), and `KEYS`.
"""

import contextlib
import os
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import moderngl

from biofeed.errors import OutputError

# What keys ask for, by pygame's names for them: with Ctrl held down, of whoever sits beside the person; without, of an
# author at the desk. In a session every key alone is the person's STOP (H-11).
KEYS = {
    "escape": "stop",
    "q": "stop",
    "space": "pause",
    "f": "full_screen",
    "f11": "full_screen",
    "up": "richer",
    "down": "calmer",
    "right": "next_scene",
    "left": "previous_scene",
    "i": "inhale",
    "return": "press",
    "-": "volume-",
    "=": "volume+",
    "m": "silence",
    "[": "brightness-",
    "]": "brightness+",
    ",": "cue-",
    ".": "cue+",
    "9": "density-",
    "0": "density+",
    "7": "load-",
    "8": "load+",
}
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "swiftshader", "gdi generic")
_WHEEL = (4, 5)  # a mouse wheel's turns are told as buttons, too
_CHANGE_POLLS = 60  # a second
_EGL_DEVICES = 4  # tried in turn: the first may be a card that this user may not open
_LOST = ("GL_OUT_OF_MEMORY", "GL_UNKNOWN_ERROR")  # OpenGL 3.3 has no name for a context that was lost
_WINDOW_PART = 0.8  # of the desktop, when no size is asked for


class Context:
    """A GL context and the place that it draws to; made by `headless` or `window` below, current after it is made.

    `gl` is moderngl's context, `screen` the window's framebuffer or None, `size` the picture's width and height.
    """

    def __init__(self, gl: moderngl.Context, size: tuple[int, int], pygame: ModuleType | None = None) -> None:
        self.gl = gl
        self.size = size
        self.screen: moderngl.Framebuffer | None = gl.screen if pygame else None
        self.renderer_name = str(gl.info["GL_RENDERER"])
        self.is_software = any(name in self.renderer_name.lower() for name in _SOFTWARE)
        self._pygame: Any = pygame
        self._inputs = Inputs(pygame) if pygame else None
        self.asks = False  # whether the world that is shown asks for the person's one button
        self.is_desk = False  # whether an author works here: keys then mean what `KEYS` says, and no more
        # An author's tool: hears every event first (True: it keeps it), and draws over the picture, beyond the guard.
        self.on_event: Callable[[Any], bool] | None = None
        self.on_present: Callable[[], None] | None = None

    def make_current(self) -> None:
        """GL calls from here on mean this context; only a process with several of them can tell the difference."""
        if self.screen is None:
            # Not in a `with`, which leaves no context at all when nested; moderngl's stub gives the method no types.
            self.gl.__enter__()  # type: ignore[no-untyped-call]

    def poll(self) -> list[str]:
        """What was asked for since the last call, oldest first, in words; brings `size` up to date."""
        if self._pygame is None or self._inputs is None:
            return []
        events = [event for event in self._pygame.event.get() if not (self.on_event and self.on_event(event))]
        self.size = self._pygame.display.get_window_size()
        return self._inputs.at_desk(events) if self.is_desk else self._inputs(events, self.asks)

    def toggle_full_screen(self) -> None:
        """Between window and full screen, where the desktop can do that."""
        if self._pygame is None:
            return
        try:
            self._pygame.display.toggle_fullscreen()
        except self._pygame.error:
            return
        if self._inputs:
            self._inputs.expect_change()
        self._pygame.mouse.set_visible(not self._pygame.display.is_fullscreen())

    def show(self) -> None:
        """Puts the window before all others; what is drawn has to be presented once more."""
        if self._pygame is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pygame knows no other way to the display's window
            place = self._pygame.Window.from_display_module()
        place.show()
        with contextlib.suppress(self._pygame.error):  # where only the person may give the focus
            place.focus()

    def present(self) -> None:
        """Shows what was drawn; in a window it waits for the display's next refresh.

        Raises OutputError when the graphics driver has lost it.
        """
        if self.on_present:
            self.on_present()
        if self._pygame is not None:
            self._pygame.display.flip()
            if self.gl.error in _LOST:
                raise OutputError("the graphics driver has lost the picture")

    def __enter__(self) -> "Context":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the context and the window back."""
        self.gl.release()
        if self._pygame is not None:
            self._pygame.joystick.quit()
            self._pygame.display.quit()


class Inputs:
    """Window events in, words out."""

    def __init__(self, pygame: ModuleType) -> None:
        self._pygame: Any = pygame
        self._has_focus = False  # a window that never had it has not lost it
        self._changing = 0  # calls for which a loss is the window's own doing
        self._pads: dict[int, Any] = {}  # a pad is heard while it is held here
        names = ("K_LSHIFT", "K_RSHIFT", "K_LCTRL", "K_RCTRL", "K_LALT", "K_RALT", "K_LGUI", "K_RGUI", "K_MODE")
        self._modifiers = {getattr(pygame, name) for name in names}

    def __call__(self, events: Sequence[Any], asks: bool) -> list[str]:
        """What events of a session ask for, oldest first; `asks` as in Context."""
        words: list[str] = []
        is_lost = False
        self._changing = max(0, self._changing - 1)
        for event in events:
            if event.type == self._pygame.WINDOWFOCUSGAINED:
                self._has_focus, is_lost = True, False  # lost and regained at once is not lost
            elif event.type == self._pygame.WINDOWFOCUSLOST:
                is_lost = is_lost or (self._has_focus and self._changing == 0)
                self._has_focus = False
            else:
                words += self._words(event, asks)
        return [*words, "stop"] if is_lost else words

    def at_desk(self, events: Sequence[Any]) -> list[str]:
        """What an author's events ask for, oldest first."""
        pygame = self._pygame
        words: list[str | None] = []
        for event in events:
            if event.type == pygame.QUIT:
                words.append("stop")
            elif event.type == pygame.KEYDOWN:
                words.append(KEYS.get(pygame.key.name(event.key)))
            elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                words.append("press")
        return [word for word in words if word]

    def expect_change(self) -> None:
        """The window is about to change by itself, and may lose the focus for a moment."""
        self._changing = _CHANGE_POLLS

    def _words(self, event: Any, asks: bool) -> list[str]:
        pygame = self._pygame
        button = "press" if asks else "stop"
        if event.type == pygame.KEYDOWN:
            return self._key(event, button)
        if event.type == pygame.MOUSEBUTTONDOWN:
            return [] if event.button in _WHEEL else ["stop"]
        if event.type == pygame.JOYBUTTONDOWN:
            return [button if event.button == 0 else "stop"]
        if event.type == pygame.JOYHATMOTION:
            return [] if tuple(event.value) == (0, 0) else ["stop"]
        if event.type == pygame.JOYDEVICEADDED:
            with contextlib.suppress(pygame.error):  # it is gone already
                pad = pygame.joystick.Joystick(event.device_index)
                self._pads[pad.get_instance_id()] = pad
        if event.type == pygame.JOYDEVICEREMOVED:
            self._pads.pop(event.instance_id, None)
        if event.type == pygame.WINDOWMINIMIZED:
            return ["stop"]
        return ["stop", "leave"] if event.type == pygame.QUIT else []

    def _key(self, event: Any, button: str) -> list[str]:
        pygame = self._pygame
        name = pygame.key.name(event.key)
        if name == "f11":
            return ["full_screen"]
        if event.key in self._modifiers or event.mod & (pygame.KMOD_ALT | pygame.KMOD_GUI):
            return []
        if event.mod & pygame.KMOD_CTRL:
            return [KEYS[name]] if name in KEYS else []
        return ["leave" if name == "escape" else button if name == "space" else "stop"]


def headless(size: tuple[int, int] = (1280, 720)) -> Context:
    """A context without a screen. Raises OutputError when EGL is not there."""
    problem: Exception | None = None
    for index in range(_EGL_DEVICES):
        settings: Any = {"backend": "egl", "device_index": index}  # Any: moderngl's stub takes settings for dicts
        try:
            return Context(moderngl.create_context(standalone=True, require=330, **settings), size)
        except Exception as error:  # glcontext raises nothing narrower
            problem = problem or error
    raise OutputError(
        f"there is no OpenGL 3.3 without a screen ({problem}); "
        "on Debian: apt-get install libegl1 libgl1-mesa-dri libgl1"
    )


def window(size: tuple[int, int] | None, full_screen: bool, title: str, is_hidden: bool = False) -> Context:
    """A window (`size` None: most of the desktop) or the full screen. Raises OutputError when neither opens.

    One that `is_hidden` is there for `Context.show`.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would greet on standard output
    import pygame  # noqa: PLC0415 - what draws without a screen must run where SDL cannot be loaded

    display = pygame.display
    try:
        display.init()
        attributes = {
            pygame.GL_CONTEXT_MAJOR_VERSION: 3,
            pygame.GL_CONTEXT_MINOR_VERSION: 3,
            pygame.GL_CONTEXT_PROFILE_MASK: pygame.GL_CONTEXT_PROFILE_CORE,
            pygame.GL_CONTEXT_FLAGS: pygame.GL_CONTEXT_FORWARD_COMPATIBLE_FLAG,  # macOS gives 3.3 only so
        }
        for attribute, value in attributes.items():
            display.gl_set_attribute(attribute, value)
        desktop = display.get_desktop_sizes()[0]
        if full_screen:
            size = desktop
        elif size is None:
            size = (int(desktop[0] * _WINDOW_PART), int(desktop[1] * _WINDOW_PART))
        flags = pygame.OPENGL | pygame.DOUBLEBUF | (pygame.FULLSCREEN if full_screen else pygame.RESIZABLE)
        flags |= pygame.HIDDEN if is_hidden else 0
        try:
            display.set_mode(size, flags, vsync=1)
        except pygame.error:  # a driver without vertical sync
            display.set_mode(size, flags)
        display.set_caption(title)
        pygame.mouse.set_visible(not full_screen)
        with contextlib.suppress(pygame.error):  # without pads the keys and the mouse remain
            pygame.joystick.init()
        gl = moderngl.create_context(require=330)
    except Exception as error:  # pygame.error, and glcontext raises nothing narrower than Exception
        display.quit()
        raise OutputError(
            f"no window with OpenGL 3.3 can be opened ({error}); without a screen use --headless"
        ) from error
    return Context(gl, display.get_window_size(), pygame)
