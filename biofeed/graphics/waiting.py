"""Waits until what was drawn is finished, and lets this process's other threads go on meanwhile.

moderngl's calls hold the interpreter lock for as long as a software renderer draws; a call through ctypes does not.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import moderngl

_LIBRARIES = ("libGL.so.1", "libOpenGL.so.0", "opengl32.dll", "/System/Library/Frameworks/OpenGL.framework/OpenGL")


def wait(gl: moderngl.Context) -> None:
    """Returns when all that was drawn in `gl`, the current context, is there.

    Where the library found is not the context's own it returns at once: whatever is read then waits by itself.
    """
    finish = _finish()
    if finish:
        finish()
    else:
        gl.finish()


@cache
def _finish() -> Callable[[], Any] | None:
    for name in _LIBRARIES:
        try:
            found: Callable[[], Any] = ctypes.CDLL(name).glFinish
        except (OSError, AttributeError):
            continue
        return found
    return None
