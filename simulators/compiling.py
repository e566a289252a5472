"""Functions compiled by Numba, from its cache where there is a folder for one.

Importing this module costs a second. A compiled function must not call itself: Numba cannot load
such a one from its cache, nor whoever calls it, and aborts the process.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[_Function], _Function]:
    """Return a decorator that compiles a function at its first call.

    Args:
        options: of `numba.njit`.
    """

    def compile_one(function: _Function) -> _Function:
        try:
            made: Any = njit(cache=True, **options)(function)
        except RuntimeError:  # no folder can be written
            made = njit(**options)(function)
        kernel: _Function = made
        return kernel

    return compile_one
