"""What power-grid-model's converter gets wrong or leaves open, and what it cannot represent."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.conversion import convert
from gridloom.simulators.grid.network import network_of
from gridloom.simulators.grid.pandapower import PandapowerEngine
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.grid.radial.engine import RadialEngine


@cache
def base_net() -> Any:
    """A 20/0.4 kV transformer without iron losses, ideal source, a cable and a house."""
    net = pandapower.create_empty_network()
    high, low, end = (pandapower.create_bus(net, vn_kv=kv) for kv in (20, 0.4, 0.4))
    pandapower.create_ext_grid(net, high)
    pandapower.create_transformer(net, high, low, std_type="0.4 MVA 20/0.4 kV")
    net.trafo["pfe_kw"] = net.trafo["i0_percent"] = 0.0
    pandapower.create_line(net, low, end, length_km=0.1, std_type="NAYY 4x150 SE")
    net.line["c_nf_per_km"] = 0.0
    net.line["r0_ohm_per_km"], net.line["x0_ohm_per_km"] = 0.8, 0.3
    pandapower.create_load(net, end, p_mw=0.0, name="house")
    return net


def transformer_net(**changes: Any) -> Any:
    """A copy of the base net with columns of its transformer changed."""
    net = deepcopy(base_net())
    for column, value in changes.items():
        if isinstance(value, str) or value is None:
            net.trafo[column] = net.trafo[column].astype(object)
        net.trafo[column] = value
    return net


def no_load_voltage(net: Any) -> float:
    engine = PowerGridModelEngine(network_of(net), unbalanced=False)
    solution = engine.solve(np.zeros(1), np.zeros(1))
    return float(np.abs(solution.bus_voltage_pu[1, 0]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1.0),
        ({"tap_pos": 2}, 1 / 1.05),  # tap on the high side, 2.5 % a step
        ({"tap_pos": -1}, 1 / 0.975),
        ({"tap_pos": 1.5}, 1 / 1.0375),  # the converter truncates to 1
        ({"tap_pos": 4, "tap_max": 2}, 1 / 1.1),  # the solver would confine it to 2
        ({"tap_pos": 2, "tap_side": "lv"}, 1.05),
        ({"tap_pos": np.nan}, 1.0),
        ({"tap_pos": 2, "tap_side": None}, 1.0),
    ],
)
def test_taps_move_the_voltage_without_load(changes: dict[str, Any], expected: float) -> None:
    assert no_load_voltage(transformer_net(**changes)) == pytest.approx(expected, abs=1e-9)


def test_loss_factors_without_capacitance_are_zero() -> None:
    """The converter divides only where there is capacitance, and leaves the rest to chance."""
    arrays = convert(network_of(transformer_net()), unbalanced=False).arrays
    assert arrays["line"]["tan1"].tolist() == [0.0]
    assert arrays["line"]["tan0"].tolist() == [0.0]


@pytest.mark.parametrize("group", [None, "Dyn5", "dyn5", "strange"])
def test_balanced_power_flow_ignores_the_vector_group(group: str | None) -> None:
    assert no_load_voltage(transformer_net(vector_group=group)) == pytest.approx(1.0)


def test_a_missing_vector_group_out_of_service_does_not_matter() -> None:
    net = transformer_net()
    pandapower.create_transformer(net, 0, 1, std_type="0.25 MVA 20/0.4 kV", in_service=False)
    net.trafo["vector_group"] = net.trafo["vector_group"].astype(object)
    net.trafo.loc[1, "vector_group"] = None
    network = network_of(net)
    assert network.missing_zero_sequence == ()
    engine = PowerGridModelEngine(network, unbalanced=True)
    solution = engine.solve(np.ones(1), np.zeros(1))
    assert np.isfinite(solution.bus_voltage_pu).all()
    assert np.isnan(solution.transformer_loading_percent).tolist() == [False, True]


def test_a_vector_group_against_the_phase_shift_is_refused() -> None:
    network = network_of(transformer_net(vector_group="Dyn5", shift_degree=0))
    for engine in (PowerGridModelEngine, RadialEngine):  # whoever solves it
        with pytest.raises(ScenarioError, match="contradicts its phase shift"):
            engine(network, unbalanced=True)


def test_an_unreadable_vector_group_is_refused() -> None:
    network = network_of(transformer_net(vector_group="strange"))
    with pytest.raises(ScenarioError, match="strange"):
        PowerGridModelEngine(network, unbalanced=True)


def test_another_zero_sequence_impedance_is_reported() -> None:
    net = transformer_net(vk0_percent=5.0)
    engine = PowerGridModelEngine(network_of(net), unbalanced=True)
    assert "zero-sequence impedance" in engine.simplifications[0]
    assert PowerGridModelEngine(network_of(net), unbalanced=False).simplifications == ()


def test_engines_agree_unbalanced_behind_a_transformer() -> None:
    """Zero-sequence parameters that the net lacks are those that power-grid-model takes."""
    net = transformer_net(vector_group="Dyn")
    net.load = net.load.iloc[:0]
    pandapower.create_asymmetric_load(net, 2, p_b_mw=0.001, name="house")
    for column in ("vk0_percent", "vkr0_percent", "mag0_percent", "mag0_rx", "si0_hv_partial"):
        net.trafo = net.trafo.drop(columns=column, errors="ignore")
    network = network_of(net)
    power, reactive = np.array([20.0]), np.array([5.0])
    fast = PowerGridModelEngine(network, unbalanced=True).solve(power, reactive)
    slow = PandapowerEngine(network, unbalanced=True).solve(power, reactive)
    for name, expected in vars(slow).items():
        found = np.abs(getattr(fast, name))
        np.testing.assert_allclose(found, np.abs(expected), rtol=2e-5, atol=2e-5, err_msg=name)


def add_generator(net: Any) -> None:
    pandapower.create_gen(net, 1, p_mw=0.01)


def add_impedance(net: Any) -> None:
    pandapower.create_impedance(net, 1, 2, rft_pu=0.01, xft_pu=0.01, sn_mva=1.0)


def add_xward(net: Any) -> None:
    pandapower.create_xward(net, 1, 0, 0, 0, 0, 0.1, 0.1, 1.0)


def add_svc(net: Any) -> None:
    pandapower.create_svc(net, 1, 1.0, -10.0, 1.0, 145.0)


def add_dcline(net: Any) -> None:
    pandapower.create_dcline(net, 1, 2, 0.01, 1.0, 0.001, 1.0, 1.0)


def add_switch_impedance(net: Any) -> None:
    bus = pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_switch(net, 1, bus, et="b", z_ohm=0.1)


def add_conductance(net: Any) -> None:
    net.line["g_us_per_km"] = 1.0


def add_phase_shifter(net: Any) -> None:
    net.trafo["tap_pos"], net.trafo["tap_step_degree"] = 1, 5.0


def add_second_tap(net: Any) -> None:
    net.trafo["tap2_pos"], net.trafo["tap2_neutral"] = 1, 0


def add_odd_shift(net: Any) -> None:
    net.trafo["shift_degree"] = 37.0


@pytest.mark.parametrize(
    ("add", "named"),
    [
        (add_generator, "'gen'"),
        (add_impedance, "'impedance'"),
        (add_xward, "'xward'"),
        (add_svc, "'svc'"),
        (add_dcline, "'dcline'"),
        (add_switch_impedance, "'switch' with an impedance"),
        (add_conductance, "'line' with conductance"),
        (add_phase_shifter, "'trafo' whose tap shifts"),
        (add_second_tap, "'trafo' whose tap shifts"),
        (add_odd_shift, "'trafo' whose phase shift"),
    ],
)
def test_what_cannot_be_represented_is_refused_by_name(
    add: Callable[[Any], None], named: str
) -> None:
    net = transformer_net()
    add(net)
    with pytest.raises(ScenarioError) as caught:
        convert(network_of(net), unbalanced=False)
    (problem,) = caught.value.problems
    assert named in problem.message
    assert problem.key == ("engine",)
    assert "engine: pandapower" in problem.suggestion


def test_elements_out_of_service_are_no_obstacle() -> None:
    net = transformer_net()
    for add in (add_generator, add_impedance, add_xward, add_dcline):
        add(net)
    for table in ("gen", "impedance", "xward", "dcline"):
        net[table]["in_service"] = False
    assert no_load_voltage(net) == pytest.approx(1.0)


def test_all_obstacles_are_reported_at_once() -> None:
    net = transformer_net()
    add_generator(net)
    add_odd_shift(net)
    with pytest.raises(ScenarioError) as caught:
        convert(network_of(net), unbalanced=False)
    assert len(caught.value.problems) == 2


def test_pandapower_solves_what_power_grid_model_does_not() -> None:
    """A voltage-controlled generator holds its bus."""
    net = transformer_net()
    pandapower.create_gen(net, 2, p_mw=0.01, vm_pu=1.02)
    solution = PandapowerEngine(network_of(net), unbalanced=False).solve(np.ones(1), np.zeros(1))
    assert np.abs(solution.bus_voltage_pu[2, 0]) == pytest.approx(1.02, abs=1e-9)
    balance_kw = float(solution.slack_power_kw) + 10.0 - 1.0 - float(solution.losses_kw)
    assert balance_kw == pytest.approx(0.0, abs=1e-5)


def test_a_slack_generator_holds_the_voltage() -> None:
    net = transformer_net()
    net.ext_grid["in_service"] = False
    pandapower.create_gen(net, 0, p_mw=0.0, vm_pu=1.01, slack=True)
    network = network_of(net)
    for engine in (PowerGridModelEngine, PandapowerEngine):
        solution = engine(network, unbalanced=False).solve(np.array([50.0]), np.zeros(1))
        assert np.abs(solution.bus_voltage_pu[0, 0]) == pytest.approx(1.01, abs=1e-9)
        total = 50.0 + float(solution.losses_kw)
        assert float(solution.slack_power_kw) == pytest.approx(total, abs=1e-5)


def test_pandapower_refuses_vector_groups_it_does_not_know() -> None:
    network = network_of(transformer_net(vector_group="Yyn0"))
    with pytest.raises(ScenarioError, match="vector group Yyn"):
        PandapowerEngine(network, unbalanced=True)


def test_conversion_leaves_the_network_as_it_is() -> None:
    net = transformer_net(tap_pos=2)
    tables = {name: net[name].copy() for name in ("trafo", "line", "load", "ext_grid", "switch")}
    network = network_of(net)
    PowerGridModelEngine(network, unbalanced=True)
    PandapowerEngine(network, unbalanced=True)
    for name, before in tables.items():
        assert net[name].equals(before)
