"""How the operators are compiled; importing this module costs a second.

Floating-point additions may be reordered when a loop is compiled (sums would not be vectorised
otherwise), not when it runs: a device's answer depends on its own numbers only, never on the slice
that it is part of. Infinities keep their meaning.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

from gridloom.simulators import compiling

_Function = TypeVar("_Function", bound=Callable[..., Any])


def stamp_of(folder: Path) -> tuple[float, int]:
    """Return what changes with any of a folder's modules: its latest time, its size in all."""
    stats = [module.stat() for module in folder.glob("*.py")]
    return max(stat.st_mtime for stat in stats), sum(stat.st_size for stat in stats)


_STAMP = stamp_of(Path(__file__).parent)
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "fastmath": {"reassoc", "contract", "nsz", "nnan"},
}


def compiled(function: _Function) -> _Function:
    """Return the function compiled, from Numba's cache where there is a folder for one."""
    made: Any = compiling.compiled(**_OPTIONS)(function)
    try:
        # Numba looks at the function's own module only, and would use old code of others.
        made._cache._cache_file._source_stamp = _STAMP  # noqa: SLF001
    except AttributeError:  # no cache, or that of another Numba
        made = njit(**_OPTIONS)(function)
    kernel: _Function = made
    return kernel
