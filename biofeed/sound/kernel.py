"""What all kernels share: the grid, and one way of compiling them that gives every x86 processor the same bits."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

GRAIN_FRAMES = 64  # 750 grains a second are finer than any gesture; knobs, events and filters move from grain to grain

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """`function` compiled at its first call, with strict IEEE arithmetic, and kept on disk.

    The kept code is chosen by the kernel's own file alone: a kernel calls only kernels of its own file, and takes every
    number that another file owns as an argument (the grain's length too, or it follows from an array's shape).
    """
    return cast(Function, numba.njit(cache=True, fastmath=False)(function))
