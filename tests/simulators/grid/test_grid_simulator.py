"""The model `Grid`: ports, policies, outputs and constants."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower
import pytest

from gridloom.simulators.errors import DivergenceError, ScenarioError, SimulatorError
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.grid.unbalance import voltage_unbalance_percent
from gridloom.simulators.model import BuildContext, Direction

GRID_OUTPUTS = {
    "voltage_pu",
    "bus_voltage_pu",
    "line_current_a",
    "line_power_kw",
    "line_loading_percent",
    "transformer_loading_percent",
    "losses_kw",
    "slack_power_kw",
    "slack_reactive_power_kvar",
    "unsolved",
}


@pytest.fixture
def three_houses(two_bus_net: Any) -> Any:
    """Single-phase houses a, b and c at the end of the cable instead of the symmetric one."""
    for phase in "abc":
        power = {f"p_{phase}_mw": 0.001}
        pandapower.create_asymmetric_load(two_bus_net, 1, name=f"house {phase}", **power)
    two_bus_net.load = two_bus_net.load.iloc[:0]
    return two_bus_net


def inputs(*power_kw: float) -> dict[str, Any]:
    return {
        "power_kw": np.array(power_kw, dtype=float),
        "reactive_power_kvar": np.zeros(len(power_kw)),
    }


def test_importing_the_model_is_light() -> None:
    code = (
        "import sys, gridloom.simulators.grid.simulator;"
        "print([m for m in ('pandapower', 'pandas', 'power_grid_model', 'scipy')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("phases", ["balanced", "unbalanced"])
@pytest.mark.parametrize("engine", ["pgm", "pandapower"])
def test_every_output_has_the_shape_of_its_port(
    phases: str, engine: str, three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    grid = grid_of(three_houses, phases=phases, engine=engine)
    outputs = grid.step(0, inputs(1, 2, 3))
    ports = {port.name: port for port in grid.ports if port.direction is Direction.OUTPUT}
    extra = {"voltage_unbalance_percent"} if phases == "unbalanced" else set()
    assert set(ports) == set(outputs) == GRID_OUTPUTS | extra
    for name, port in ports.items():
        assert outputs[name].shape == port.shape
        assert outputs[name].dtype == np.float64
    labels = ("a", "b", "c") if phases == "unbalanced" else ("balanced",)
    assert ports["bus_voltage_pu"].dimensions[0].labels == labels
    assert ports["line_current_a"].dimensions[0].labels == labels
    assert not ports["line_power_kw"].recorded
    assert not ports["line_loading_percent"].recorded


def test_inputs_stand_at_the_connection_points(
    three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    grid = grid_of(three_houses)
    assert grid.offers_connection_points
    assert grid.connection_points == ("house a", "house b", "house c")
    needed = {p.name: p.required for p in grid.ports if p.direction is Direction.INPUT}
    assert needed == {"power_kw": True, "reactive_power_kvar": False}
    for port in grid.ports[:3]:
        assert port.elements is not None
        assert port.elements.kind == "connection_point"
        assert port.elements.owner == "grid"
        assert port.elements.connection_points == port.elements.names == grid.connection_points


def test_reactive_power_may_be_absent(two_bus_net: Any, grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(two_bus_net)
    alone = grid.step(0, {"power_kw": np.array([5.0])})
    assert alone["voltage_pu"] == grid.step(1, inputs(5.0))["voltage_pu"]


def test_phases_are_chosen_by_what_the_network_has(
    three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    assert grid_of(three_houses).unbalanced
    assert not grid_of(three_houses, phases="balanced").unbalanced
    del three_houses.line["r0_ohm_per_km"]
    three_houses.line["x0_ohm_per_km"] = np.nan
    balanced = grid_of(three_houses)
    assert not balanced.unbalanced
    assert any("line.r0_ohm_per_km" in remark for remark in balanced.remarks())
    assert not any("r0" in remark for remark in grid_of(three_houses, phases="balanced").remarks())
    with pytest.raises(ScenarioError) as caught:
        grid_of(three_houses, phases="unbalanced")
    (problem,) = caught.value.problems
    assert problem.key == ("phases",)
    assert "line.r0_ohm_per_km, line.x0_ohm_per_km" in problem.message


def test_symmetric_loads_are_solved_balanced(
    two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    assert not grid_of(two_bus_net).unbalanced
    assert grid_of(two_bus_net, phases="unbalanced").unbalanced


def test_voltage_is_that_of_the_phase_a_house_is_on(
    three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    pandapower.create_load(three_houses, 1, p_mw=0.0, name="workshop")
    grid = grid_of(three_houses)
    power = {"house a": 0.0, "house b": 5.0, "house c": -2.0, "workshop": 1.0}
    outputs = grid.step(0, inputs(*(power[name] for name in grid.connection_points)))
    voltage = dict(zip(grid.connection_points, outputs["voltage_pu"], strict=True))
    a, b, c = outputs["bus_voltage_pu"][1]
    assert (voltage["house a"], voltage["house b"], voltage["house c"]) == (a, b, c)
    assert voltage["workshop"] == pytest.approx((a + b + c) / 3)
    assert b < a < c


def test_unbalance_is_negative_over_positive_sequence() -> None:
    turn = np.exp(2j * np.pi / 3)
    one = np.ones(1)
    positive = np.stack([one, one / turn, one * turn], axis=-1)
    negative = np.stack([one, one * turn, one / turn], axis=-1)
    zero = np.stack([one, one, one], axis=-1)
    mixed = 0.98 * positive + 0.02 * 1j * negative + 0.05 * zero
    assert voltage_unbalance_percent(mixed) == pytest.approx(100 * 0.02 / 0.98)
    assert voltage_unbalance_percent(positive) == pytest.approx(0.0, abs=1e-12)


def test_loading_is_of_the_worst_phase_over_the_rating(
    three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    grid = grid_of(three_houses, line_ratings_a={"cable": 50.0})
    outputs = grid.step(0, inputs(1.0, 8.0, 0.0))
    worst = outputs["line_current_a"][0].max()
    assert outputs["line_current_a"][0].argmax() == 1
    assert outputs["line_loading_percent"][0] == pytest.approx(100 * worst / 50.0)


@pytest.mark.parametrize("engine", ["pgm", "pandapower"])
def test_transformer_loading_is_apparent_power_over_rated(
    engine: str, grid_of: Callable[..., Grid]
) -> None:
    net = pandapower.create_empty_network()
    high, low = pandapower.create_bus(net, vn_kv=20), pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, high)
    pandapower.create_transformer(net, high, low, "0.4 MVA 20/0.4 kV", parallel=2, df=0.8)
    pandapower.create_load(net, low, p_mw=0.0)
    outputs = grid_of(net, engine=engine).step(0, inputs(300.0))
    apparent = np.hypot(outputs["slack_power_kw"], outputs["slack_reactive_power_kvar"])
    expected = 100 * apparent / (400 * 2 * 0.8)
    assert outputs["transformer_loading_percent"] == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("signal", ["power_kw", "reactive_power_kvar"])
def test_an_input_that_is_not_finite_names_its_element(
    bad: float, signal: str, three_houses: Any, grid_of: Callable[..., Grid]
) -> None:
    given = inputs(1, 1, 1)
    given[signal][1] = bad
    with pytest.raises(SimulatorError, match=rf"{signal} is {bad}") as caught:
        grid_of(three_houses).step(60, given)
    assert caught.value.time == 60
    assert caught.value.element == "house b"


@pytest.mark.parametrize("engine", ["pgm", "pandapower"])
def test_divergence_ends_the_run_and_names_time_and_bus(
    engine: str, two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    grid = grid_of(two_bus_net, engine=engine)
    with pytest.raises(DivergenceError) as first:
        grid.step(0, inputs(500.0))
    assert "bus 'end'" in str(first.value)
    assert "largest injection: 500.0 kW" in str(first.value)
    grid.step(60, inputs(100.0))
    with pytest.raises(DivergenceError) as later:
        grid.step(120, inputs(500.0))
    assert later.value.time == 120
    assert later.value.simulator == "grid"
    assert "bus 'end'" in str(later.value)
    assert "lowest voltage at the last solved step" in str(later.value)


@pytest.mark.parametrize("engine", ["pgm", "pandapower"])
@pytest.mark.parametrize("phases", ["balanced", "unbalanced"])
def test_divergence_can_be_held_without_passing_off_old_values(
    engine: str, phases: str, two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    grid = grid_of(two_bus_net, engine=engine, phases=phases, on_divergence="hold")
    solved = grid.step(0, inputs(10.0))
    assert grid.summary() == {"unsolved_steps": 0.0}
    held = grid.step(60, inputs(500.0))
    assert float(held.pop("unsolved")) == 1.0
    assert all(np.isnan(values).all() for values in held.values())
    for port in grid.ports:
        if port.direction is Direction.OUTPUT and port.name != "unsolved":
            assert held[port.name].shape == port.shape
    again = grid.step(120, inputs(10.0))
    assert float(again["unsolved"]) == 0.0
    np.testing.assert_allclose(again["bus_voltage_pu"], solved["bus_voltage_pu"], atol=1e-9)
    assert grid.summary() == {"unsolved_steps": 1.0}


def test_a_worst_bus_is_found_beside_buses_without_supply(
    two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    dark = pandapower.create_bus(two_bus_net, vn_kv=0.4, name="dark")
    pandapower.create_load(two_bus_net, dark, p_mw=0.0, name="dark house")
    grid = grid_of(two_bus_net)
    outputs = grid.step(0, inputs(50.0, 1.0))
    assert np.isnan(outputs["voltage_pu"]).tolist() == [False, True]
    with pytest.raises(DivergenceError, match="bus 'end'"):
        grid.step(60, inputs(500.0, 1.0))


def test_constants_follow_the_ports(three_houses: Any, grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(three_houses, voltage_limits_pu=[0.95, 1.05], line_ratings_a={"cable": 65.0})
    static = {variable.name: variable for variable in grid.static()}
    size = {"bus": 2, "line": 1, "transformer": 0, "source": 1, "connection_point": 3}
    for variable in static.values():
        assert variable.values.shape == tuple(size[name] for name in variable.dimensions)
        assert variable.long_name
    assert static["line_rated_current_a"].values.tolist() == [65.0]
    assert static["connection_point_bus"].values.tolist() == [1, 1, 1]
    assert static["connection_point_phase"].values.tolist() == ["a", "b", "c"]
    assert static["connection_point_phase"].values.dtype.kind == "U"
    assert float(static["voltage_limit_low_pu"].values) == 0.95
    assert float(static["voltage_limit_high_pu"].values) == 1.05


def test_repairs_and_simplifications_can_be_read(context: BuildContext) -> None:
    config = GridConfig.model_validate({"type": "grid", "network": {"name": "ieee_european_lv"}})
    grid = Grid(config, context)
    assert grid.unbalanced
    assert len(grid.remarks()) >= 4
    assert any("power factor 0.95" in note for note in grid.remarks())


def test_keys_of_errors_are_relative_to_the_grid(
    two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    pandapower.create_gen(two_bus_net, 1, p_mw=0.01)
    with pytest.raises(ScenarioError, match="engine: pandapower") as caught:
        grid_of(two_bus_net)
    assert caught.value.problems[0].key == ("engine",)
    grid_of(two_bus_net, engine="pandapower").step(0, inputs(1.0))
