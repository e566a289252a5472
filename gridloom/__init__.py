"""Co-simulation of smart-grid coordination: one grid, many controllers, comparable results.

>>> import gridloom
>>> sorted(gridloom.__all__)
['__version__', 'open_campaign', 'open_record', 'read_scenario', 'run']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridloom.scenarios.campaigns.results import open_campaign
    from gridloom.scenarios.reader import read_scenario
    from gridloom.scenarios.results.record import open_record
    from gridloom.scenarios.runner import run

__all__ = ["__version__", "open_campaign", "open_record", "read_scenario", "run"]

_HOMES = {
    "open_campaign": "gridloom.scenarios.campaigns.results",
    "open_record": "gridloom.scenarios.results.record",
    "read_scenario": "gridloom.scenarios.reader",
    "run": "gridloom.scenarios.runner",
}


def __getattr__(name: str) -> object:
    """Import what is asked for only then: the start of a short run is imports."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gridloom")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gridloom' has no attribute '{name}'")
