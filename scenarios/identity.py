"""What makes two runs the same: everything that determines their results, as one hash.

The resolved scenario and the content of its files (`Scenario.digest`), the code of gridloom and of
the plug-ins that the scenario names, and the versions of the libraries that compute.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
from importlib.metadata import version as installed_version
from pathlib import Path

from pydantic import BaseModel

import gridloom.controllers
import gridloom.scenarios
import gridloom.simulators
from gridloom.scenarios.provenance import versions
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.types import KINDS, find_type

_DIGITS = 16
"""Two of ten million runs are alike by chance once in 400,000 campaigns."""


def run_digest(scenario: Scenario, folders: Sequence[Path]) -> str:
    """Return the identity of a run in sixteen hexadecimal digits.

    Args:
        scenario: what is run.
        folders: where its relative file names are looked up.

    Raises:
        ScenarioError: a file does not exist.
    """
    files = [path for _key, path in scenario.input_paths(folders)]
    identity = hashlib.sha256(scenario.digest_with(files).encode())
    identity.update(own_code())
    for name in sorted(_foreign_modules(scenario, folders)):
        identity.update(_code_of(name, folders))
    for included in _included(files):
        identity.update(included.read_bytes())
    for name, version in versions().items():
        identity.update(f"{name} {version}\n".encode())
    return identity.hexdigest()[:_DIGITS]


@cache
def own_code() -> bytes:
    """Return the hash of gridloom's own modules: a version number stays while it is worked on."""
    code = hashlib.sha256()
    for package in (gridloom.simulators, gridloom.controllers, gridloom.scenarios):
        root = Path(package.__path__[0]).resolve()
        for module in sorted(root.rglob("*.py")):
            code.update(module.relative_to(root.parent).as_posix().encode())
            code.update(module.read_bytes())
    return code.digest()


def is_repeatable(scenario: Scenario) -> bool:
    """Whether the same scenario gives the same results for all that gridloom can know.

    What runs elsewhere, started by others, may have changed since.
    """
    for kind in KINDS:
        for config in getattr(scenario, kind).values():
            started_by_others = (
                getattr(config, "connect", None) is not None
                or isinstance(getattr(config, "broker", "start"), BaseModel)
                or (getattr(config, "federates", 0) or 0) > len(getattr(config, "commands", ()))
            )
            if started_by_others:
                return False
    return True


def _foreign_modules(scenario: Scenario, folders: Sequence[Path]) -> set[str]:
    """Return the modules of the models that are not gridloom's own."""
    found: set[str] = set()
    for kind in KINDS:
        for config in getattr(scenario, kind).values():
            model = find_type(kind, config.type, folders)
            if not model.__module__.startswith("gridloom."):
                found.add(model.__module__)
            python = getattr(config, "python", None)
            if isinstance(python, str):
                found.add(python.partition(":")[0])
    return found


def _code_of(module: str, folders: Sequence[Path]) -> bytes:
    """Return the hash of a module's code with what lies beside it; of nothing if it is nowhere.

    A module may import others from its folder, and a package is more than one module.
    """
    code = hashlib.sha256(module.encode())
    top = module.partition(".")[0]
    spec = PathFinder.find_spec(top, [*(str(f.resolve()) for f in folders), *sys.path])
    if spec is None:
        return code.digest()
    if spec.submodule_search_locations:
        sources = [s for root in spec.submodule_search_locations for s in Path(root).rglob("*.py")]
    else:
        origin = Path(spec.origin or "")
        ours = any(origin.is_relative_to(folder.resolve()) for folder in folders)
        sources = list(origin.parent.glob("*.py")) if ours else [origin]
    for source in sorted(source for source in sources if source.is_file()):
        code.update(source.name.encode())
        code.update(source.read_bytes())
    for distribution in sorted(set(_distributions().get(top, ()))):
        code.update(f"{distribution} {installed_version(distribution)}".encode())
    return code.digest()


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return what is installed, by top-level module: looking takes a second."""
    return packages_distributions()


def _included(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that circuit files of OpenDSS include."""
    from gridloom.simulators.opendss.script import included_files

    for path in files:
        if path.suffix.lower() == ".dss":
            yield from (each for each in included_files(path) if each.is_file())
