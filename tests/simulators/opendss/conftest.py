"""Circuits and networks that the tests of OpenDSS share; all are skipped without dss-python."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.network import Network, read_network
from gridloom.simulators.model import BuildContext
from gridloom.simulators.opendss.config import OpenDssConfig
from gridloom.simulators.opendss.simulator import OpenDss

CircuitOf: TypeAlias = Callable[..., OpenDss]

BASES = "Set VoltageBases=[0.4]\nCalcVoltageBases\n"


@pytest.fixture(autouse=True)
def _dss() -> None:
    pytest.importorskip("dss")


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    return BuildContext(
        name="grid",
        start=datetime(2024, 1, 1, tzinfo=UTC),
        duration_s=3600,
        seed=1,
        folders=(tmp_path,),
    )


@pytest.fixture
def circuit_of(context: BuildContext, tmp_path: Path) -> CircuitOf:
    """Build the model of a circuit given as text."""

    def build(text: str, *, bases: str = BASES, **keys: Any) -> OpenDss:
        (tmp_path / "Master.dss").write_text(text + bases, encoding="utf-8")
        config = {"type": "opendss", "network": {"file": "Master.dss"}, **keys}
        return OpenDss(OpenDssConfig.model_validate(config), context)

    return build


@pytest.fixture(scope="session")
def ieee_network() -> Network:
    context = BuildContext(
        name="grid", start=datetime(2024, 1, 1, tzinfo=UTC), duration_s=60, seed=1
    )
    config = GridConfig.model_validate({"type": "grid", "network": {"name": "ieee_european_lv"}})
    return read_network(config, context)
