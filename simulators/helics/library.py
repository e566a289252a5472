"""The optional package `helics`: loaded only by scenarios that need it."""

import importlib
import shutil
from pathlib import Path
from typing import Any

from gridloom.simulators.errors import Problem, ScenarioError


def load_helics() -> Any:
    """Return the module `helics`.

    Raises:
        ScenarioError: it is not installed, or cannot be loaded here.
    """
    try:
        return importlib.import_module("helics")
    except (ImportError, OSError) as error:  # OSError: the shared library does not load
        raise ScenarioError(
            Problem(
                message="a federation of HELICS needs the package 'helics', which is not installed"
                if isinstance(error, ModuleNotFoundError)
                else f"the package 'helics' cannot be loaded: {error}",
                key=("type",),
                suggestion='pip install "gridloom[helics]"',
            )
        ) from error


def broker_program(helics: Any) -> str:
    """Return the path of the program `helics_broker`: the package's own, else the one on the path.

    Raises:
        ScenarioError: there is none.
    """
    shipped = Path(helics.__file__).parent / "install" / "bin"
    found = shutil.which("helics_broker", path=str(shipped)) or shutil.which("helics_broker")
    if found is None:
        raise ScenarioError(
            Problem(
                message="there is no program 'helics_broker' to start",
                key=("broker",),
                expected="the address of a broker that you start, such as "
                "{address: tcp://127.0.0.1:23404}",
            )
        )
    return found
