"""A network from the cache: the same to the last bit, and never another one's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid import identity as identity_module
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.conversion import convert
from gridloom.simulators.grid.identity import network_identity
from gridloom.simulators.grid.network import read_network
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext
from gridloom.simulators.signals import POWER, REACTIVE_POWER

READER = "gridloom.simulators.grid.network.read_pandapower_net"

NETWORKS: dict[str, dict[str, Any]] = {
    "reference": {"network": {"name": "ieee_european_lv"}, "line_ratings_a": {"LINE117": 65}},
    "balanced": {"network": {"name": "ieee_european_lv"}, "phases": "balanced"},
    "drawn": {"network": {"name": "create_kerber_vorstadtnetz_kabel_1"}},
    "resources": {
        "network": {"name": "create_cigre_network_mv", "arguments": {"with_der": "all"}},
        "background": "net",
        "source_voltage_pu": 1.02,
    },
    "three windings": {"network": {"name": "example_multivoltage"}, "engine": "pandapower"},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GRIDLOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "networks"


def config_of(**keys: Any) -> GridConfig:
    keys = {"engine": "pgm", **keys}
    return GridConfig.model_validate({"type": "grid", "step_size": "1min", **keys})


def outputs(grid: Grid) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield all that a grid says: constants, and the outputs of a step."""
    for constant in grid.static():
        yield constant.name, constant.values
    power = np.random.default_rng(1).uniform(0, 3, len(grid.connection_points))
    yield from grid.step(0, {POWER.name: power, REACTIVE_POWER.name: power / 4}).items()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_grid_from_the_cache_is_the_same_to_the_last_bit(
    name: str, context: BuildContext, cache: Path
) -> None:
    config = config_of(**NETWORKS[name])
    cold = Grid(config, context)
    told = dict(outputs(cold))
    assert cache.is_dir()
    warm = Grid(config, context)
    assert warm.ports == cold.ports
    assert warm.remarks() == cold.remarks()
    for constant, expected in zip(warm.static(), cold.static(), strict=True):
        assert replace(constant, values=expected.values) == expected
    for (found, values), (expected_name, expected_values) in zip(
        outputs(warm), told.items(), strict=True
    ):
        assert found == expected_name
        assert values.dtype == expected_values.dtype
        assert values.shape == expected_values.shape
        assert values.tobytes() == expected_values.tobytes()


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "balanced"])
def test_every_part_of_the_network_is_kept(name: str, context: BuildContext) -> None:
    config = config_of(**NETWORKS[name])
    cold, warm = (read_network(config, context) for _ in range(2))
    for part, expected in vars(cold).items():
        found = getattr(warm, part)
        if part == "read_net":
            continue
        if isinstance(expected, np.ndarray):
            assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes())
        elif part == "connection_points":
            assert vars(found).keys() == vars(expected).keys()
            assert found.bus.tobytes() == expected.bus.tobytes()
            for tuples in ("names", "phase", "of_element"):
                assert getattr(found, tuples) == getattr(expected, tuples)
        else:
            assert found == expected
    assert warm.net is warm.net
    for table, expected in cold.net.items():
        if hasattr(expected, "columns"):
            assert warm.net[table].equals(expected), table


@pytest.mark.parametrize("unbalanced", [True, False])
def test_the_conversion_is_kept_as_power_grid_model_wants_it(
    unbalanced: bool, context: BuildContext
) -> None:
    from power_grid_model import initialize_array

    config = config_of(**NETWORKS["reference"])
    cold, warm = (convert(read_network(config, context), unbalanced=unbalanced) for _ in range(2))
    assert (warm.next_id, warm.simplifications) == (cold.next_id, cold.simplifications)
    assert warm.bus_ids.tobytes() == cold.bus_ids.tobytes()
    assert list(warm.arrays) == list(cold.arrays)
    for component, expected in cold.arrays.items():
        found = warm.arrays[component]
        assert found.dtype == initialize_array("input", component, 0).dtype
        for field in expected.dtype.names or ():
            assert found[field].tobytes() == expected[field].tobytes()


@pytest.mark.parametrize("engine", ["pgm", "auto"])
def test_the_pandapower_net_is_read_only_if_asked_for(
    engine: str, context: BuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(network={"name": "ieee_european_lv"}, engine=engine)
    Grid(config, context).static()

    def read(*_: object) -> None:
        raise AssertionError("the net is read")

    monkeypatch.setattr(READER, read)
    grid = Grid(config, context)
    dict(outputs(grid))
    with pytest.raises(AssertionError, match="the net is read"):
        _ = grid.network.net


def test_whatever_shapes_the_network_is_part_of_its_identity(context: BuildContext) -> None:
    network = {"name": "ieee_european_lv"}
    kerber = {"name": "create_kerber_landnetz_kabel_1"}
    identities = [
        network_identity(config_of(**keys), context)
        for keys in (
            {"network": network},
            {"network": network, "line_ratings_a": {"LINE117": 65}},
            {"network": network, "line_ratings_a": {"LINE117": 66}},
            {"network": network, "background": "net"},
            {"network": network, "source_voltage_pu": 1.0},
            {"network": network, "source_impedance": False},
            {"network": {**network, "copies": 2}},
            {"network": {"name": "create_cigre_network_mv"}},
            {"network": {"name": "create_cigre_network_mv", "arguments": {"with_der": "all"}}},
            {"network": {"simbench": "1-LV-rural1--0-sw"}},
            {"network": {"simbench": "1-LV-rural2--0-sw"}},
            {"network": kerber},
        )
    ]
    identities += [network_identity(config_of(network=kerber), replace(context, seed=2))]
    identities += [network_identity(config_of(network=kerber), replace(context, name="street"))]
    assert None not in identities
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    "keys",
    [
        {"engine": "radial"},
        {"phases": "balanced"},
        {"voltage_limits_pu": [0.95, 1.05]},
        {"on_divergence": "hold"},
        {"step_size": "5min"},
    ],
)
def test_what_does_not_shape_the_network_is_not(
    keys: dict[str, Any], context: BuildContext
) -> None:
    network = {"name": "ieee_european_lv"}
    expected = network_identity(config_of(network=network), context)
    assert network_identity(config_of(network=network, **keys), context) == expected
    assert network_identity(config_of(network=network), replace(context, seed=2)) == expected


@pytest.mark.parametrize("part", ["_CODE", "_versions"])
def test_other_code_never_reads_an_old_entry(
    part: str, context: BuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(network={"name": "ieee_european_lv"})
    before = network_identity(config, context)
    monkeypatch.setattr(identity_module, part, b"" if part == "_CODE" else lambda: ("numpy 1",))
    assert network_identity(config, context) != before


def test_a_file_counts_by_its_content(
    context: BuildContext, net_file: Any, two_bus_net: Any
) -> None:
    name = net_file(two_bus_net)
    first = read_network(config_of(network={"file": name}), context)
    two_bus_net.line["length_km"] *= 2
    net_file(two_bus_net)
    other = read_network(config_of(network={"file": name}), context)
    assert other.line_length_km == pytest.approx(2 * first.line_length_km)
    assert first.identity != other.identity


def test_a_bad_network_is_refused_every_time(
    context: BuildContext, net_file: Any, two_bus_net: Any, cache: Path
) -> None:
    two_bus_net.line["length_km"] = 0.0
    config = config_of(network={"file": net_file(two_bus_net)})
    told = []
    for _ in range(2):
        with pytest.raises(ScenarioError) as refused:
            read_network(config, context)
        told.append(str(refused.value))
    assert "length_km is wrong" in told[0]
    assert told[0] == told[1]
    assert not cache.exists()


def test_a_network_beyond_the_engine_is_refused_every_time(
    context: BuildContext, net_file: Any, two_bus_net: Any
) -> None:
    import pandapower

    pandapower.create_gen(two_bus_net, 1, p_mw=0.01, vm_pu=1.0)
    config = config_of(network={"file": net_file(two_bus_net)})
    for _ in range(2):
        with pytest.raises(ScenarioError, match="voltage-controlled generator"):
            Grid(config, context)


def test_a_file_that_is_not_there_is_told_as_such(context: BuildContext) -> None:
    config = config_of(network={"file": "lost.json"})
    assert network_identity(config, context) is None
    with pytest.raises(ScenarioError, match=r"'lost\.json' does not exist"):
        read_network(config, context)
