"""Compiling: one decorator for every kernel, so that all of them give the same samples on every x86 processor."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """`function` compiled at its first call, with strict IEEE arithmetic, and kept on disk.

    The kept code is chosen by the kernel's own file alone: a kernel calls only kernels of its own file, and takes every
    number that another file owns as an argument.
    """
    return cast(Function, numba.njit(cache=True, fastmath=False)(function))
