"""Networks that the tests of the grid share."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.network import Network, read_network
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext

GridOf: TypeAlias = Callable[..., Grid]
NetFile: TypeAlias = Callable[[Any], str]


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
def net_file(tmp_path: Path) -> NetFile:
    """Write a pandapower net to a file and return its name."""
    import pandapower

    def write(net: Any) -> str:
        pandapower.to_json(net, str(tmp_path / "net.json"))
        return "net.json"

    return write


@pytest.fixture
def grid_of(context: BuildContext, monkeypatch: pytest.MonkeyPatch) -> GridOf:
    """Build a `Grid` of a pandapower net as from a file, which takes pandapower a second."""

    def build(net: Any, **keys: Any) -> Grid:
        target = "gridloom.simulators.grid.network.read_pandapower_net"
        monkeypatch.setattr(target, lambda source, context: net)
        keys = {"type": "grid", "network": {"file": "net.json"}, **keys}
        return Grid(GridConfig.model_validate(keys), context)

    return build


@pytest.fixture(scope="session")
def ieee_network() -> Network:
    context = BuildContext(
        name="grid", start=datetime(2024, 1, 1, tzinfo=UTC), duration_s=60, seed=1
    )
    config = GridConfig.model_validate({"type": "grid", "network": {"name": "ieee_european_lv"}})
    return read_network(config, context)


@pytest.fixture
def two_bus_net(_two_bus_net: Any) -> Any:
    """A copy of the two-bus net that the test may change."""
    return deepcopy(_two_bus_net)


@pytest.fixture(scope="session")
def _two_bus_net() -> Any:
    """An ideal 0.4 kV source, 500 m of cable with zero-sequence parameters, and one load."""
    import pandapower

    net = pandapower.create_empty_network()
    source, end = (pandapower.create_bus(net, vn_kv=0.4, name=name) for name in ("source", "end"))
    pandapower.create_ext_grid(net, source, vm_pu=1.0)
    pandapower.create_line_from_parameters(
        net,
        source,
        end,
        length_km=0.5,
        r_ohm_per_km=0.4,
        x_ohm_per_km=0.1,
        c_nf_per_km=0.0,
        max_i_ka=0.2,
        r0_ohm_per_km=1.6,
        x0_ohm_per_km=0.4,
        c0_nf_per_km=0.0,
        name="cable",
    )
    pandapower.create_load(net, end, p_mw=0.0, name="house")
    return net
