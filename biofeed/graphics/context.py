"""Where the picture goes: a GL 3.3 core context, headless through EGL or in a window with its keys; sizes in pixels."""

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import moderngl

from biofeed.errors import OutputError

# What keys ask for, by pygame's names for them. One key ends it calmly; all the others are conveniences.
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
_EGL_DEVICES = 4  # tried in turn: the first may be a card that this user may not open
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
        # An author's tool: hears every event first (True: it keeps it), and draws over the picture, beyond the guard.
        self.on_event: Callable[[Any], bool] | None = None
        self.on_present: Callable[[], None] | None = None

    def make_current(self) -> None:
        """GL calls from here on mean this context; only a process with several of them can tell the difference."""
        if self.screen is None:
            # Not in a `with`, which leaves no context at all when nested; moderngl's stub gives the method no types.
            self.gl.__enter__()  # type: ignore[no-untyped-call]

    def poll(self) -> list[str]:
        """What the person asked for since the last call, oldest first, in words of `KEYS`; brings `size` up to date."""
        if self._pygame is None:
            return []
        pygame = self._pygame
        words = []
        for event in pygame.event.get():
            if self.on_event and self.on_event(event):
                continue
            if event.type == pygame.QUIT:
                words.append("stop")
            elif event.type == pygame.KEYDOWN:
                word = KEYS.get(pygame.key.name(event.key))
                if word:
                    words.append(word)
            elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.JOYBUTTONDOWN) and event.button <= 1:
                words.append("press")
        self.size = pygame.display.get_window_size()
        return words

    def toggle_full_screen(self) -> None:
        """Between window and full screen, where the desktop can do that."""
        if self._pygame is None:
            return
        try:
            self._pygame.display.toggle_fullscreen()
        except self._pygame.error:
            return
        self._pygame.mouse.set_visible(not self._pygame.display.is_fullscreen())

    def present(self) -> None:
        """Shows what was drawn; in a window it waits for the display's next refresh."""
        if self.on_present:
            self.on_present()
        if self._pygame is not None:
            self._pygame.display.flip()

    def __enter__(self) -> "Context":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the context and the window back."""
        self.gl.release()
        if self._pygame is not None:
            self._pygame.display.quit()


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


def window(size: tuple[int, int] | None, full_screen: bool, title: str) -> Context:
    """A window (`size` None: most of the desktop) or the full screen. Raises OutputError when neither opens."""
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
        try:
            display.set_mode(size, flags, vsync=1)
        except pygame.error:  # a driver without vertical sync
            display.set_mode(size, flags)
        display.set_caption(title)
        pygame.mouse.set_visible(not full_screen)
        gl = moderngl.create_context(require=330)
    except Exception as error:  # pygame.error, and glcontext raises nothing narrower than Exception
        display.quit()
        raise OutputError(
            f"no window with OpenGL 3.3 can be opened ({error}); without a screen use --headless"
        ) from error
    return Context(gl, display.get_window_size(), pygame)
