"""What makes two runs the same: everything that determines their results, as one hash.

The resolved scenario and the content of its files (`Scenario.digest`), the code of gridloom and of
the plug-ins that the scenario names, and the versions of the libraries that compute.
"""

import hashlib
import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import gridloom.controllers
import gridloom.scenarios
import gridloom.simulators
from gridloom.scenarios.provenance import versions
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.types import KINDS, find_type

_DIGITS = 10


def run_digest(scenario: Scenario, folders: Sequence[Path]) -> str:
    """Return the identity of a run in ten hexadecimal digits.

    Args:
        scenario: what is run.
        folders: where its relative file names are looked up.

    Raises:
        ScenarioError: a file does not exist.
    """
    identity = hashlib.sha256(scenario.digest(folders).encode())
    identity.update(own_code())
    for source in sorted(set(_foreign_sources(scenario, folders))):
        identity.update(source.read_bytes())
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


def _foreign_sources(scenario: Scenario, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that define the models which are not gridloom's own."""
    for kind in KINDS:
        for config in getattr(scenario, kind).values():
            model = find_type(kind, config.type, folders)
            if not model.__module__.startswith("gridloom."):
                source = inspect.getsourcefile(model)
                if source is not None:
                    yield Path(source)
