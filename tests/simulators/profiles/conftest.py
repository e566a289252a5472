"""Scenarios around the profiles under test."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.model import BuildContext

ContextFactory: TypeAlias = Callable[..., BuildContext]


@pytest.fixture
def make_context(tmp_path: Path) -> ContextFactory:
    """Make a context whose files are in tmp_path: a day from local midnight unless told."""

    def make(start: str = "2021-06-21T00:00:00+00:00", **changes: Any) -> BuildContext:
        defaults: dict[str, Any] = {
            "name": "load",
            "start": datetime.fromisoformat(start),
            "duration_s": 86400,
            "seed": 7,
            "folders": (tmp_path,),
        }
        return BuildContext(**{**defaults, **changes})

    return make
