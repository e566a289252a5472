"""What makes two networks the same: all that determines how one is read, as one hash."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.config import REFERENCE_NETWORK, GridConfig
from gridloom.simulators.model import BuildContext
from gridloom.simulators.quantities import ModelConfig

_OTHER_KEYS = {*ModelConfig.model_fields, "engine", "phases", "voltage_limits_pu", "on_divergence"}
"""Keys of a grid that do not shape its network; whatever is not named here is taken to."""
_LIBRARIES = (
    "gridloom",
    "numpy",
    "pandapower",
    "pandas",
    "power-grid-model",
    "power-grid-model-io",
    "simbench",
)


def network_identity(config: GridConfig, context: BuildContext) -> str | None:
    """Return the identity of the network that a grid's configuration means, in hexadecimal digits.

    It covers the configuration, the content of the file, the code that reads networks and the
    versions of the libraries that take part. Where pandapower builds the network it may draw, so
    that the seed counts.

    Returns:
        None where the file is not there: reading it will say so.
    """
    source = config.network
    told: list[object] = [config.model_dump(exclude=_OTHER_KEYS), _versions()]
    if source.name is not None and source.name != REFERENCE_NETWORK:
        told.append((context.name, context.seed))
    identity = hashlib.sha256(_CODE)
    identity.update(repr(told).encode())
    if source.file is not None:
        try:
            identity.update(context.file(source.file).read_bytes())
        except (ScenarioError, OSError):
            return None
    return identity.hexdigest()


def _code() -> bytes:
    """Return the hash of the modules that read and convert networks, and of those they use."""
    code = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for module in sorted([*here.rglob("*.py"), *here.parent.glob("*.py")]):
        code.update(module.relative_to(here.parent).as_posix().encode())
        code.update(module.read_bytes())
    return code.digest()


_CODE = _code()
"""Of the modules as they are imported: they may change on disk while they run."""


@cache
def _versions() -> tuple[str, ...]:
    return tuple(f"{name} {_version(name)}" for name in _LIBRARIES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
