"""Finds the classes that a scenario's `type:` names.

Shipped types and plug-ins are entry points of the groups `gridloom.simulators` and
`gridloom.controllers`; `my_module:MyModel` names a class directly.
"""

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.quantities import ModelConfig

Kind: TypeAlias = Literal["simulators", "controllers"]
"""The two places of a scenario where types are named."""
KINDS: tuple[Kind, ...] = ("simulators", "controllers")


def known_types(kind: Kind) -> dict[str, EntryPoint]:
    """Return the shipped types and the plug-ins' by name, in alphabetic order; imports none."""
    return dict(_entry_points(kind))


@cache
def _entry_points(kind: Kind) -> dict[str, EntryPoint]:
    # What is installed is looked up once: it means to open every installed package's metadata.
    found = entry_points(group=f"gridloom.{kind}")
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def find_type(kind: Kind, name: str, folders: Sequence[Path] = ()) -> type[Any]:
    """Return the class that ``name`` means.

    Args:
        kind: simulators or controllers.
        name: name of an entry point, or `module:Class`.
        folders: where `module` is looked up before the installed packages.

    Raises:
        ScenarioError: there is none of that name, it cannot be imported, or it is no model; keys
            are relative to the model's configuration.
    """
    known = known_types(kind)
    if name in known:
        loaded = _load(name, known[name])
    elif ":" in name:
        loaded = _load_direct(name, folders)
    else:
        raise ScenarioError(_unknown(kind, name, known))
    config = getattr(loaded, "Config", None)
    if not isinstance(loaded, type) or not _is_config(config):
        raise _refusal(
            f"'{name}' is no model: it lacks a class 'Config' of its keys",
            expected="a class derived from gridloom's Model or Controller",
        )
    return loaded


def _is_config(config: object) -> bool:
    return isinstance(config, type) and issubclass(config, ModelConfig)


def _unknown(kind: Kind, name: str, known: Iterable[str]) -> Problem:
    other: Kind = "controllers" if kind == "simulators" else "simulators"
    belongs = f"'{name}' belongs under '{other}:'" if name in known_types(other) else ""
    return Problem(
        message=f"there is no {kind.removesuffix('s')} type '{name}'",
        key=("type",),
        expected=f"one of {listing(list(known), limit=20)}, or my_module:MyModel",
        suggestion=belongs or nearest(name, known),
    )


def _load(name: str, entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:
        raise _not_importable(name, entry.value, error) from error


def _load_direct(name: str, folders: Sequence[Path]) -> object:
    module_name, _, path = name.partition(":")
    try:
        module = _import(module_name, folders)
    except ScenarioError:
        raise
    except Exception as error:
        raise _not_importable(name, module_name, error) from error
    if not hasattr(module, path):
        classes = [n for n, value in vars(module).items() if _is_model(value, module_name)]
        raise _refusal(
            f"the module '{module_name}' has no class '{path}'",
            expected=f"one of {listing(classes)}" if classes else "",
            suggestion=nearest(path, classes),
        )
    return getattr(module, path)


def _is_model(value: object, module_name: str) -> bool:
    own = getattr(value, "__module__", "") == module_name
    return own and _is_config(getattr(value, "Config", None))


def _import(module_name: str, folders: Sequence[Path]) -> ModuleType:
    """Import a module, from the scenario's folders first."""
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise _refusal(f"'{module_name}' is no name of a module", expected="my_module:MyModel")
    top = module_name.partition(".")[0]
    paths = [str(folder.resolve()) for folder in folders]
    importlib.invalidate_caches()
    found = PathFinder.find_spec(top, paths)
    loaded = sys.modules.get(top)
    if found and found.origin and loaded and getattr(loaded, "__file__", None) != found.origin:
        raise _refusal(
            f"{found.origin} cannot be imported: another module '{top}' is loaded already",
            suggestion="give the file another name",
        )
    with first_on_path(paths):
        return importlib.import_module(module_name)


@contextmanager
def first_on_path(paths: Sequence[str]) -> Iterator[None]:
    """Look up modules in these folders first, during the block."""
    before = list(sys.path)
    sys.path[:0] = paths
    try:
        yield
    finally:
        sys.path[:] = before


def _not_importable(name: str, module: str, error: Exception) -> ScenarioError:
    return _refusal(
        f"the type '{name}' cannot be imported from {module}: {type(error).__name__}: {error}",
        suggestion="the module must be installed, or lie beside the scenario file"
        if isinstance(error, ModuleNotFoundError)
        else "",
    )


def _refusal(message: str, *, expected: str = "", suggestion: str = "") -> ScenarioError:
    return ScenarioError(
        Problem(message=message, key=("type",), expected=expected, suggestion=suggestion)
    )
