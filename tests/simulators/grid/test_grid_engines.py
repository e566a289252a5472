"""Engines against closed forms, published solutions and each other."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
import pandapower
import pytest

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.engine import NoSolutionError, PowerFlowEngine, PowerFlowSolution
from gridloom.simulators.grid.network import Network, network_of, read_network
from gridloom.simulators.grid.pandapower import PandapowerEngine
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.model import BuildContext

EngineOf: TypeAlias = Callable[..., PowerFlowEngine]

both_engines = pytest.mark.parametrize("engine_of", [PowerGridModelEngine, PandapowerEngine])
both_phases = pytest.mark.parametrize("unbalanced", [False, True], ids=["balanced", "unbalanced"])


def single_phase(net: Any, phase: str) -> Any:
    """Return the net with its loads moved to one phase."""
    for bus, name in zip(net.load["bus"], net.load["name"], strict=True):
        pandapower.create_asymmetric_load(net, bus, name=name, **{f"p_{phase}_mw": 0.001})
    net.load = net.load.iloc[:0]
    return net


def far_end_voltage(source: float, impedance: complex, power: complex) -> float:
    """Magnitude behind an impedance, from the biquadratic of the two-bus power flow.

    All of one phase, or all of three phases with line-to-line voltages: V, ohm and VA.
    """
    drop = impedance.real * power.real + impedance.imag * power.imag
    half = source**2 / 2 - drop
    return float(np.sqrt(half + np.sqrt(half**2 - abs(impedance * power) ** 2)))


def assert_same(found: PowerFlowSolution, expected: PowerFlowSolution, tolerance: float) -> None:
    for name, values in vars(expected).items():
        np.testing.assert_allclose(
            np.abs(getattr(found, name)),
            np.abs(values),
            rtol=tolerance,
            atol=tolerance,
            err_msg=name,
        )


@both_engines
@both_phases
@pytest.mark.parametrize("power", [30 + 10j, -40 + 0j, 0j, 5 - 8j])
def test_a_single_line_follows_its_closed_form(
    engine_of: EngineOf, unbalanced: bool, power: complex, two_bus_net: Any
) -> None:
    engine = engine_of(network_of(two_bus_net), unbalanced=unbalanced)
    solution = engine.solve(np.array([power.real]), np.array([power.imag]))
    impedance = 0.5 * (0.4 + 0.1j)  # 0.5 km of the cable
    voltage = far_end_voltage(400.0, impedance, 1e3 * power)
    current = abs(1e3 * power) / np.sqrt(3) / voltage
    phases = 3 if unbalanced else 1
    assert np.abs(solution.bus_voltage_pu[1]) == pytest.approx([voltage / 400] * phases, abs=1e-7)
    assert solution.line_current_a[0] == pytest.approx([current] * phases, abs=1e-4)
    losses_kw = 3e-3 * impedance.real * current**2
    assert float(solution.losses_kw) == pytest.approx(losses_kw, abs=1e-5)
    assert float(solution.slack_power_kw) == pytest.approx(power.real + losses_kw, abs=1e-4)
    assert float(solution.line_power_kw[0].sum()) == pytest.approx(power.real + losses_kw, abs=1e-4)
    reactive_kvar = power.imag + 3e-3 * impedance.imag * current**2
    assert float(solution.slack_reactive_power_kvar) == pytest.approx(reactive_kvar, abs=1e-4)


@pytest.mark.parametrize("phase", ["a", "b", "c"])
def test_a_single_phase_load_follows_its_closed_form(phase: str, two_bus_net: Any) -> None:
    """The loop impedance is (2 Z1 + Z0) / 3; the other phases see (Z0 - Z1) / 3."""
    engine = PowerGridModelEngine(network_of(single_phase(two_bus_net, phase)), unbalanced=True)
    power = 6 + 2j
    solution = engine.solve(np.array([power.real]), np.array([power.imag]))
    loaded = "abc".index(phase)
    positive, zero = 0.5 * (0.4 + 0.1j), 0.5 * (1.6 + 0.4j)
    source = 400 / np.sqrt(3)
    voltage = far_end_voltage(source, (2 * positive + zero) / 3, 1e3 * power)
    magnitude = np.abs(solution.bus_voltage_pu[1])
    assert magnitude[loaded] == pytest.approx(voltage / source, abs=1e-9)
    current = abs(1e3 * power) / voltage
    expected_a = [current if phase == loaded else 0.0 for phase in range(3)]
    assert solution.line_current_a[0] == pytest.approx(expected_a, abs=1e-6)
    phasor = solution.bus_voltage_pu[1, loaded] * source
    drop = np.conj(1e3 * power / phasor) * (zero - positive) / 3
    for other in {0, 1, 2} - {loaded}:
        at_source = source * np.exp(-2j * np.pi * other / 3)
        assert magnitude[other] == pytest.approx(abs(at_source - drop) / source, abs=1e-9)


def test_baran_and_wu_33_bus_system(context: BuildContext) -> None:
    """Baran, Wu: Network reconfiguration in distribution systems, 1989: 202.7 kW, 0.9131 pu."""
    config = {"type": "grid", "network": {"name": "case33bw"}, "background": "net"}
    network = read_network(GridConfig.model_validate(config), context)
    idle = np.zeros(len(network.connection_points.names))
    solution = PowerGridModelEngine(network, unbalanced=False).solve(idle, idle)
    assert float(solution.losses_kw) == pytest.approx(202.7, abs=0.05)
    magnitude = np.abs(solution.bus_voltage_pu[:, 0])
    assert magnitude.min() == pytest.approx(0.9131, abs=5e-5)
    assert network.bus_index[int(np.argmin(magnitude))] == 17  # bus 18, counted from 1
    # the tie lines are out of service: they carry nothing, and no zero is claimed
    assert np.isnan(solution.line_current_a).sum() == 5


@pytest.mark.parametrize(
    "name",
    [
        "create_cigre_network_lv",
        "create_cigre_network_mv",
        "create_kerber_landnetz_kabel_1",
        "create_synthetic_voltage_control_lv_network",
        "simple_four_bus_system",
        "simple_mv_open_ring_net",
        pytest.param("mv_oberrhein", marks=pytest.mark.slow),
        pytest.param("create_kerber_dorfnetz", marks=pytest.mark.slow),
        pytest.param("lv_schutterwald", marks=pytest.mark.slow),
    ],
)
def test_named_networks_are_solved_as_pandapower_does(name: str, context: BuildContext) -> None:
    """Against `runpp` of the same net with its own loads and generators."""
    config = {"type": "grid", "network": {"name": name}, "background": "net"}
    network = read_network(GridConfig.model_validate(config), context)
    idle = np.zeros(len(network.connection_points.names))
    solution = PowerGridModelEngine(network, unbalanced=False).solve(idle, idle)
    assert network.repairs == ()
    net = deepcopy(network.net)
    pandapower.runpp(net, calculate_voltage_angles=True, trafo_model="pi", tolerance_mva=1e-9)
    magnitude = np.abs(solution.bus_voltage_pu[:, 0])
    np.testing.assert_allclose(magnitude, net.res_bus["vm_pu"], rtol=0, atol=1e-7)
    lines = net.res_line.loc[np.isfinite(solution.line_power_kw[:, 0])]
    found = solution.line_current_a[np.isfinite(solution.line_power_kw[:, 0]), 0]
    np.testing.assert_allclose(found, 1e3 * lines["i_ka"], rtol=1e-6, atol=1e-4)
    slack_kw = 1e3 * net.res_ext_grid["p_mw"].sum()
    assert float(solution.slack_power_kw) == pytest.approx(slack_kw, rel=1e-7)
    losses_kw = 1e3 * (net.res_line["pl_mw"].sum() + net.res_trafo["pl_mw"].sum())
    assert float(solution.losses_kw) == pytest.approx(losses_kw, rel=1e-6)


@pytest.mark.slow
def test_a_simbench_network(context: BuildContext) -> None:
    simbench = pytest.importorskip("simbench")
    code = "1-LV-rural1--0-sw"
    config = {"type": "grid", "network": {"simbench": code}, "background": "net"}
    network = read_network(GridConfig.model_validate(config), context)
    idle = np.zeros(len(network.connection_points.names))
    solution = PowerGridModelEngine(network, unbalanced=False).solve(idle, idle)
    net = simbench.get_simbench_net(code)
    pandapower.runpp(net, calculate_voltage_angles=True, trafo_model="pi")
    magnitude = np.abs(solution.bus_voltage_pu[:, 0])
    np.testing.assert_allclose(magnitude, net.res_bus["vm_pu"], rtol=0, atol=1e-6)
    for index, bus in net.sgen["bus"].items():  # what the profiles of generators are mapped by
        point = network.connection_points.of_element["sgen", index]
        assert point == network.connection_point_at(bus)


def rich_net() -> Any:
    """Two- and three-winding transformers, taps, shunt, ward, parallel lines, a closed switch."""
    net = pandapower.create_empty_network()
    grid, high, medium, low, far, beside = (
        pandapower.create_bus(net, vn_kv=kv) for kv in (110, 110, 20, 10, 0.4, 0.4)
    )
    pandapower.create_ext_grid(net, grid, vm_pu=1.02, va_degree=20.0)
    pandapower.create_line(net, grid, high, 10, std_type="149-AL1/24-ST1A 110.0", parallel=2)
    pandapower.create_transformer3w(
        net, high, medium, low, std_type="63/25/38 MVA 110/20/10 kV", tap_pos=-3
    )
    pandapower.create_transformer(net, low, far, std_type="0.4 MVA 10/0.4 kV", tap_pos=2)
    pandapower.create_switch(net, far, beside, et="b")
    pandapower.create_shunt(net, medium, q_mvar=-1.0, p_mw=0.01)
    pandapower.create_ward(net, medium, ps_mw=0.5, qs_mvar=0.1, pz_mw=0.3, qz_mvar=0.2)
    pandapower.create_load(net, medium, p_mw=5.0, q_mvar=1.0, name="town")
    pandapower.create_load(net, beside, p_mw=0.2, q_mvar=0.05, name="village")
    pandapower.create_sgen(net, beside, p_mw=0.1, q_mvar=0.02, scaling=0.5)
    pandapower.create_storage(net, low, p_mw=0.3, q_mvar=0.1, max_e_mwh=1.0)
    return net


@pytest.mark.parametrize("keeps_background", [False, True])
def test_engines_agree_on_every_supported_element(keeps_background: bool) -> None:
    network = network_of(rich_net(), keeps_background=keeps_background)
    power, reactive = np.array([3000.0, 80.0, -200.0]), np.array([500.0, 10.0, 0.0])
    fast = PowerGridModelEngine(network, unbalanced=False).solve(power, reactive)
    slow = PandapowerEngine(network, unbalanced=False).solve(power, reactive)
    assert_same(fast, slow, 1e-6)


def test_background_adds_to_what_is_injected(two_bus_net: Any) -> None:
    two_bus_net.load["p_mw"] = 0.010
    two_bus_net.load["scaling"] = 0.5
    pandapower.create_storage(two_bus_net, 1, p_mw=0.002, max_e_mwh=0.01)
    pandapower.create_sgen(two_bus_net, 1, p_mw=0.004)
    alone = PowerGridModelEngine(network_of(two_bus_net), unbalanced=False)
    background = PowerGridModelEngine(
        network_of(two_bus_net, keeps_background=True), unbalanced=False
    )
    nothing = np.zeros(1)
    # 10 kW * 0.5 of load, 2 kW of charging, 4 kW of generation
    assert_same(
        background.solve(np.array([7.0]), nothing),
        alone.solve(np.array([7.0 + 5.0 + 2.0 - 4.0]), nothing),
        1e-9,
    )


@both_engines
@both_phases
def test_a_source_impedance_is_a_line_before_the_source(
    engine_of: EngineOf, unbalanced: bool, two_bus_net: Any
) -> None:
    two_bus_net.ext_grid["s_sc_max_mva"], two_bus_net.ext_grid["rx_max"] = 2.0, 0.5
    engine = engine_of(network_of(two_bus_net), unbalanced=unbalanced)
    solution = engine.solve(np.array([20.0]), np.array([5.0]))
    # Z = U^2 / S with R/X = 0.5, in series with the cable
    reactance = 400**2 / 2e6 / np.hypot(1, 0.5)
    impedance = reactance * (0.5 + 1j) + 0.5 * (0.4 + 0.1j)
    voltage = far_end_voltage(400.0, impedance, 20e3 + 5e3j)
    assert np.abs(solution.bus_voltage_pu[1]) == pytest.approx(voltage / 400, abs=1e-7)
    current = abs(20e3 + 5e3j) / np.sqrt(3) / voltage
    losses_kw = 3e-3 * 0.2 * current**2  # the source's own losses are not the grid's
    assert float(solution.losses_kw) == pytest.approx(losses_kw, abs=1e-5)
    assert float(solution.slack_power_kw) == pytest.approx(20 + losses_kw, abs=1e-4)


def island_net(net: Any) -> Any:
    """Two buses more: one behind an open switch, one out of service."""
    for number in (2, 3):
        bus = pandapower.create_bus(net, vn_kv=0.4, name=f"dark {number}")
        line = pandapower.create_line_from_parameters(
            net,
            1,
            bus,
            length_km=0.1,
            r_ohm_per_km=0.4,
            x_ohm_per_km=0.1,
            c_nf_per_km=0,
            max_i_ka=0.1,
            r0_ohm_per_km=1.6,
            x0_ohm_per_km=0.4,
            c0_nf_per_km=0.0,
        )
        pandapower.create_load(net, bus, p_mw=0.001, name=f"dark house {number}")
        if number == 2:
            pandapower.create_switch(net, 1, line, et="l", closed=False)
            pandapower.create_switch(net, bus, line, et="l", closed=True)
        else:
            net.bus.loc[bus, "in_service"] = False
    return net


@both_engines
@both_phases
def test_what_has_no_supply_is_nan_and_not_zero(
    engine_of: EngineOf, unbalanced: bool, two_bus_net: Any
) -> None:
    reference = engine_of(network_of(two_bus_net), unbalanced=unbalanced)
    lit = reference.solve(np.array([5.0]), np.zeros(1))
    network = network_of(island_net(two_bus_net))
    solution = engine_of(network, unbalanced=unbalanced).solve(np.full(3, 5.0), np.zeros(3))
    assert np.isnan(solution.bus_voltage_pu).any(axis=1).tolist() == [False, False, True, True]
    assert np.isnan(solution.line_current_a).any(axis=1).tolist() == [False, True, True]
    assert np.isnan(solution.line_power_kw).any(axis=1).tolist() == [False, True, True]
    # the houses in the dark draw nothing
    assert float(solution.slack_power_kw) == pytest.approx(float(lit.slack_power_kw), abs=1e-6)
    np.testing.assert_allclose(solution.bus_voltage_pu[:2], lit.bus_voltage_pu, atol=1e-9)


def test_switches_in_series_are_closed_only_if_all_are(two_bus_net: Any) -> None:
    for closed in (True, False):
        pandapower.create_switch(two_bus_net, 0, 0, et="l", closed=closed)
    solution = PowerGridModelEngine(network_of(two_bus_net), unbalanced=False).solve(
        np.ones(1), np.ones(1)
    )
    assert np.isnan(solution.bus_voltage_pu[1]).all()


@both_engines
@both_phases
def test_no_solution_is_an_error_and_the_next_one_is_right(
    engine_of: EngineOf, unbalanced: bool, two_bus_net: Any
) -> None:
    engine = engine_of(network_of(two_bus_net), unbalanced=unbalanced)
    before = engine.solve(np.array([5.0]), np.zeros(1))
    # beyond V^2 / (2 (R + |Z|)) = 197 kW there is no solution
    with pytest.raises(NoSolutionError):
        engine.solve(np.array([250.0]), np.zeros(1))
    assert_same(engine.solve(np.array([5.0]), np.zeros(1)), before, 1e-9)


def test_a_finite_solution_that_lacks_power_is_refused(two_bus_net: Any) -> None:
    """`runpp_3ph` says 'converged' at 6.35 pu where 500 kW have no solution."""
    engine = PandapowerEngine(network_of(two_bus_net), unbalanced=True)
    with pytest.raises(NoSolutionError, match="lacks"):
        engine.solve(np.array([500.0]), np.zeros(1))


def test_newton_raphson_steps_in_near_the_limit(two_bus_net: Any) -> None:
    engine = PowerGridModelEngine(network_of(two_bus_net), unbalanced=False)
    solution = engine.solve(np.array([196.0]), np.zeros(1))
    assert engine.newton_fallbacks == 1
    voltage = far_end_voltage(400.0, 0.2 + 0.05j, 196e3 + 0j)
    assert np.abs(solution.bus_voltage_pu[1, 0]) == pytest.approx(voltage / 400, abs=1e-6)


@both_engines
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_injections_that_are_not_finite_are_refused(
    engine_of: EngineOf, bad: float, two_bus_net: Any
) -> None:
    """power-grid-model would keep the last value: a finite and wrong solution."""
    engine = engine_of(network_of(two_bus_net), unbalanced=False)
    for injections in ((np.array([bad]), np.zeros(1)), (np.zeros(1), np.array([bad]))):
        with pytest.raises(ValueError, match="finite"):
            engine.solve(*injections)
        with pytest.raises(ValueError, match="finite"):
            engine.solve_batch(*(values[np.newaxis] for values in injections))


@both_engines
@both_phases
def test_a_batch_is_many_solutions_and_masks_its_failures(
    engine_of: EngineOf, unbalanced: bool, two_bus_net: Any
) -> None:
    engine = engine_of(network_of(two_bus_net), unbalanced=unbalanced)
    power = np.array([[10.0], [250.0], [-20.0], [196.0]])  # the second has no solution
    batch = engine.solve_batch(power, np.zeros((4, 1)))
    for row in (0, 2, 3):
        single = engine.solve(power[row], np.zeros(1))
        for name, expected in vars(single).items():
            found = getattr(batch, name)[row]
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert all(np.isnan(values[1]).all() for values in vars(batch).values())


def test_single_phase_loads_solve_in_batch(ieee_network: Network) -> None:
    engine = PowerGridModelEngine(ieee_network, unbalanced=True)
    rng = np.random.default_rng(3)
    power, reactive = rng.uniform(-2, 4, (5, 55)), rng.uniform(-1, 1, (5, 55))
    batch = engine.solve_batch(power, reactive)
    single = engine.solve(power[4], reactive[4])
    np.testing.assert_allclose(batch.bus_voltage_pu[4], single.bus_voltage_pu, atol=1e-9)
    assert batch.line_current_a.shape == (5, 905, 3)
