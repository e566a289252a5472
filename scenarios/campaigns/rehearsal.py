"""What a run had to load: whoever starts runs as copies of itself loads it for those to come."""

import gc
import importlib
import sys
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gridloom.scenarios


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a run had to load that its process had not when it began."""

    modules: tuple[str, ...] = ()
    kernels: tuple[tuple[str, str, Any], ...] = ()
    """Module, name and signature of compiled functions."""

    def __bool__(self) -> bool:
        return bool(self.modules or self.kernels)


def rehearsed(known: Collection[str]) -> Rehearsed:
    """Return what this process has loaded beyond ``known`` modules: of installed libraries only.

    What lies beside the user's scenario may change while the campaign runs.
    """
    installed = _installed_folders()
    modules = tuple(
        name
        for name, module in list(sys.modules.items())
        if name not in known and _lies_below(getattr(module, "__file__", None), installed)
    )
    return Rehearsed(modules=modules, kernels=tuple(_kernels()))


def learn(what: Rehearsed) -> None:
    """Load it here too."""
    for name in what.modules:
        with suppress(Exception):  # the run that needs it will say so
            importlib.import_module(name)
    for module, name, signature in what.kernels:
        with suppress(Exception):  # as above
            kernel = getattr(sys.modules[module], name)
            if signature not in kernel.signatures:
                kernel.compile(signature)
    if what:
        gc.freeze()


def _installed_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    own = Path(gridloom.scenarios.__path__[0]).resolve().parent
    return (own, *(Path(paths[name]).resolve() for name in ("stdlib", "purelib", "platlib")))


def _lies_below(file: str | None, folders: Collection[Path]) -> bool:
    return file is not None and any(Path(file).resolve().is_relative_to(f) for f in folders)


def _kernels() -> Iterator[tuple[str, str, Any]]:
    """Yield the compiled functions of gridloom that were called."""
    if "numba" not in sys.modules:
        return
    from numba.core.dispatcher import Dispatcher

    for name, module in list(sys.modules.items()):
        if name.startswith("gridloom."):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, Dispatcher) and value.py_func.__module__ == name:
                    for signature in value.signatures:
                        yield name, attribute, signature
