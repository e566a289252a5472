"""Which networks the radial engine takes, what it says of others, and who solves them then."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.choice import build_engine
from gridloom.simulators.grid.config import EngineName
from gridloom.simulators.grid.network import network_of
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.grid.radial.engine import NotRadialError, RadialEngine
from gridloom.simulators.grid.simulator import Grid

CABLE = {
    "length_km": 0.5,
    "r_ohm_per_km": 0.4,
    "x_ohm_per_km": 0.1,
    "c_nf_per_km": 0.0,
    "max_i_ka": 0.2,
    "r0_ohm_per_km": 1.6,
    "x0_ohm_per_km": 0.4,
    "c0_nf_per_km": 0.0,
}


def add_line(net: Any, one: int, other: int, name: str) -> None:
    pandapower.create_line_from_parameters(net, one, other, name=name, **CABLE)


def with_loop(net: Any) -> None:
    third = pandapower.create_bus(net, vn_kv=0.4)
    add_line(net, 1, third, "east")
    add_line(net, third, 0, "west")


def with_parallel_line(net: Any) -> None:
    add_line(net, 1, 0, "twin")


def with_second_source(net: Any) -> None:
    far = pandapower.create_bus(net, vn_kv=0.4)
    add_line(net, 1, far, "east")
    pandapower.create_ext_grid(net, far)


def with_switch_over_line(net: Any) -> None:
    pandapower.create_switch(net, 0, 1, et="b")


def with_three_windings(net: Any) -> None:
    high, medium = pandapower.create_bus(net, vn_kv=110), pandapower.create_bus(net, vn_kv=20)
    low = pandapower.create_bus(net, vn_kv=10)
    pandapower.create_transformer3w(net, high, medium, low, std_type="63/25/38 MVA 110/20/10 kV")
    pandapower.create_ext_grid(net, high)


def with_constant_current(net: Any) -> None:
    pandapower.create_load(net, 1, p_mw=0.01, const_i_p_percent=50.0, const_i_q_percent=50.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_loop, "a loop through line 'cable', line 'east', line 'west'"),
        (with_parallel_line, "a loop through line 'cable', line 'twin'"),
        (with_switch_over_line, "a loop through line 'cable'"),
        (with_second_source, "line 'cable', line 'east' join what several external grids"),
        (with_three_windings, "a three-winding-transformer"),
        (with_constant_current, "loads of constant current"),
    ],
)
def test_what_is_not_radial_is_refused_with_its_reason(
    change: Callable[[Any], None], reason: str, two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    change(two_bus_net)
    with pytest.raises(ScenarioError) as caught:
        grid_of(two_bus_net, engine="radial", background="net", phases="balanced")
    (problem,) = caught.value.problems
    assert problem.key == ("engine",)
    assert reason in problem.message
    assert "engine: auto" in str(problem.suggestion)
    grid = grid_of(two_bus_net, background="net", phases="balanced")
    (remark,) = grid.remarks()
    assert remark.startswith("solved by power-grid-model, as the network is not radial: ")
    assert reason in remark
    inputs = {"power_kw": np.full(len(grid.connection_points), 5.0)}
    assert np.isfinite(grid.step(0, inputs)["voltage_pu"]).all()


def test_without_earth_behind_a_transformer_the_zero_sequence_floats(
    radial_net: Callable[..., Any],
) -> None:
    net = radial_net("YNd", 30.0)
    RadialEngine(network_of(net), unbalanced=False)
    net.trafo["name"] = "station"
    with pytest.raises(NotRadialError, match="nothing is earthed behind transformer station"):
        RadialEngine(network_of(net), unbalanced=True)


def test_several_islands_each_have_their_source(two_bus_net: Any) -> None:
    """An island is solved as if it were alone."""
    alone = RadialEngine(network_of(two_bus_net), unbalanced=True)
    expected = alone.solve(np.array([9.0]), np.array([2.0]))
    one, other = (pandapower.create_bus(two_bus_net, vn_kv=0.4) for _ in range(2))
    pandapower.create_ext_grid(two_bus_net, other, vm_pu=1.03)
    add_line(two_bus_net, one, other, "island")
    pandapower.create_load(two_bus_net, one, p_mw=0.0)
    network = network_of(two_bus_net)
    found = RadialEngine(network, unbalanced=True).solve(np.array([9.0, 4.0]), np.array([2.0, 0]))
    np.testing.assert_array_equal(found.bus_voltage_pu[:2], expected.bus_voltage_pu)
    np.testing.assert_array_equal(found.line_current_a[0], expected.line_current_a[0])
    pgm = PowerGridModelEngine(network, unbalanced=True)
    both = pgm.solve(np.array([9.0, 4.0]), np.array([2.0, 0]))
    np.testing.assert_allclose(found.bus_voltage_pu, both.bus_voltage_pu, rtol=0, atol=1e-8)
    assert float(found.slack_power_kw) == pytest.approx(float(both.slack_power_kw), abs=1e-5)


def test_without_any_supply_everything_is_nan(two_bus_net: Any) -> None:
    pandapower.create_switch(two_bus_net, 0, 0, et="l", closed=False)
    network = network_of(two_bus_net)
    engine = RadialEngine(network, unbalanced=True)
    assert engine.supplied_buses.tolist() == [True, False]
    solution = engine.solve(np.array([1e6]), np.zeros(1))
    assert np.abs(solution.bus_voltage_pu[0]) == pytest.approx([1, 1, 1])
    assert np.isnan(solution.bus_voltage_pu[1]).all()
    assert float(solution.slack_power_kw) == pytest.approx(0.0, abs=1e-9)


def test_auto_is_radial_where_it_can_be_and_says_so(
    two_bus_net: Any, grid_of: Callable[..., Grid]
) -> None:
    for _ in range(3):
        end = pandapower.create_bus(two_bus_net, vn_kv=0.4)
        add_line(two_bus_net, end - 1, end, f"line {end}")
    grid = grid_of(two_bus_net)
    assert grid.remarks() == ("solved by the radial sweep: 5 buses reduced to 1 nodes",)
    chosen = {
        name: type(build_engine(name, grid.network, unbalanced=False)).__name__
        for name in (EngineName.AUTO, EngineName.RADIAL, EngineName.PGM)
    }
    assert list(chosen.values()) == ["RadialEngine", "RadialEngine", "PowerGridModelEngine"]


def test_what_nobody_takes_is_not_sent(two_bus_net: Any, grid_of: Callable[..., Grid]) -> None:
    inputs = {"power_kw": np.array([20.0])}
    for engine in ("radial", "pgm"):
        grid = grid_of(two_bus_net, engine=engine, phases="unbalanced")
        everything = grid.step(0, inputs)
        for taken in ({"voltage_pu"}, {"losses_kw", "line_loading_percent"}, set[str]()):
            grid.take_outputs(frozenset(taken))
            outputs = grid.step(0, inputs)
            assert set(outputs) == taken
            for name, values in outputs.items():
                np.testing.assert_array_equal(values, everything[name])
