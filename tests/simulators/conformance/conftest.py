"""The simulators to be checked, importable here and in processes started by a test."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture
def specimens(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of right and wrong simulators."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    return importlib.import_module("specimens")


@pytest.fixture
def command(specimens: ModuleType) -> str:
    """Command line that starts the right simulator; another one is named by replacing `Boiler`."""
    return f"{sys.executable} {FOLDER / 'specimens.py'} Boiler {{address}}"
