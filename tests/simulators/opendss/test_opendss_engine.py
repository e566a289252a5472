"""gridloom's networks in OpenDSS: against power-grid-model, which another team wrote."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandapower
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.choice import build_engine
from gridloom.simulators.grid.config import EngineName, GridConfig
from gridloom.simulators.grid.engine import NoSolutionError, PowerFlowEngine, PowerFlowSolution
from gridloom.simulators.grid.network import Network, network_of, read_network
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.opendss.engine import OpenDssEngine

both_phases = pytest.mark.parametrize("unbalanced", [False, True], ids=["balanced", "unbalanced"])
TOLERANCES = {  # of the task: pu, A, kW, percent
    "bus_voltage_pu": 1e-6,
    "line_current_a": 1e-3,
    "line_power_kw": 1e-3,
    "transformer_loading_percent": 1e-3,
    "losses_kw": 1e-3,
    "slack_power_kw": 1e-3,
    "slack_reactive_power_kvar": 1e-3,
}


def assert_agree(found: PowerFlowSolution, expected: PowerFlowSolution) -> None:
    """Compare magnitudes: a balanced OpenDSS circuit leaves phase shifts out."""
    for name, tolerance in TOLERANCES.items():
        one, other = np.abs(getattr(found, name)), np.abs(getattr(expected, name))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=name)


def assert_identical(found: PowerFlowSolution, expected: PowerFlowSolution) -> None:
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)


def injections(count: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield consumption, export, both mixed, and nothing."""
    rng = np.random.default_rng(20)
    for low, high in ((0, 6), (-5, 0), (-5, 7), (0, 0)):
        yield rng.uniform(low, high, count), rng.uniform(low, high, count) / 3


@both_phases
def test_the_reference_feeder_is_solved_as_power_grid_model_does(
    unbalanced: bool, ieee_network: Network
) -> None:
    found = OpenDssEngine(ieee_network, unbalanced=unbalanced)
    expected = PowerGridModelEngine(ieee_network, unbalanced=unbalanced)
    for power, reactive in injections(55):
        solution = found.solve(power, reactive)
        assert_agree(solution, expected.solve(power, reactive))
        # what the source gives is what loads and branches take
        balance = float(solution.slack_power_kw) - power.sum() - float(solution.losses_kw)
        assert balance == pytest.approx(0, abs=1e-5)


def test_phases_keep_their_angles(ieee_network: Network) -> None:
    """The transformer is a Dyn1: its low-voltage side lags by 30 degrees."""
    power, reactive = next(injections(55))
    engines = [
        each(ieee_network, unbalanced=True) for each in (OpenDssEngine, PowerGridModelEngine)
    ]
    found, expected = (engine.solve(power, reactive).bus_voltage_pu for engine in engines)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@both_phases
def test_a_solution_does_not_depend_on_what_was_solved_before(
    unbalanced: bool, ieee_network: Network
) -> None:
    """Bit by bit: in another order, in another session, after a step without a solution."""
    steps = list(injections(55))
    engine = OpenDssEngine(ieee_network, unbalanced=unbalanced)
    forwards = [engine.solve(*step) for step in steps]
    with pytest.raises(NoSolutionError):
        engine.solve(np.full(55, 500.0), np.zeros(55))
    backwards = [engine.solve(*step) for step in reversed(steps)][::-1]
    afresh = [OpenDssEngine(ieee_network, unbalanced=unbalanced).solve(*step) for step in steps]
    for one, other, third in zip(forwards, backwards, afresh, strict=True):
        assert_identical(other, one)
        assert_identical(third, one)


def two_bus_net() -> Any:
    net = pandapower.create_empty_network()
    source, end = (pandapower.create_bus(net, vn_kv=0.4, name=name) for name in ("source", "end"))
    pandapower.create_ext_grid(net, source, vm_pu=1.0)
    add_line(net, source, end)
    pandapower.create_load(net, end, p_mw=0.0, name="house")
    return net


def add_line(net: Any, one: int, other: int, **keys: Any) -> int:
    values = {
        "length_km": 0.5,
        "r_ohm_per_km": 0.4,
        "x_ohm_per_km": 0.1,
        "c_nf_per_km": 0.0,
        "max_i_ka": 0.2,
        "r0_ohm_per_km": 1.6,
        "x0_ohm_per_km": 0.4,
        "c0_nf_per_km": 0.0,
    }
    return int(pandapower.create_line_from_parameters(net, one, other, **{**values, **keys}))


def far_end_voltage(source: float, impedance: complex, power: complex) -> float:
    """The biquadratic of the two-bus power flow, V, ohm and VA; the upper solution."""
    half = source**2 / 2 - (impedance.real * power.real + impedance.imag * power.imag)
    return float(np.sqrt(half + np.sqrt(half**2 - abs(impedance * power) ** 2)))


@pytest.fixture(scope="module", params=[False, True], ids=["balanced", "unbalanced"])
def line_engine(request: pytest.FixtureRequest) -> PowerFlowEngine:
    pytest.importorskip("dss")
    return OpenDssEngine(network_of(two_bus_net()), unbalanced=request.param)


@given(power=st.complex_numbers(max_magnitude=150, allow_nan=False))
def test_a_single_line_follows_its_closed_form(
    line_engine: PowerFlowEngine, power: complex
) -> None:
    solution = line_engine.solve(np.array([power.real]), np.array([power.imag]))
    impedance = 0.5 * (0.4 + 0.1j)
    voltage = far_end_voltage(400.0, impedance, 1e3 * power)
    current = abs(1e3 * power) / np.sqrt(3) / voltage
    np.testing.assert_allclose(np.abs(solution.bus_voltage_pu[1]), voltage / 400, atol=1e-7)
    np.testing.assert_allclose(solution.line_current_a[0], current, atol=1e-4)
    losses_kw = 3e-3 * impedance.real * current**2
    assert float(solution.losses_kw) == pytest.approx(losses_kw, abs=1e-4)
    assert float(solution.slack_power_kw) == pytest.approx(power.real + losses_kw, abs=1e-4)


def test_near_the_limit_of_what_a_line_can_carry() -> None:
    """P max = V^2 / 2 / (R + |Z|) at unity power factor: 196.97 kW."""
    engine = OpenDssEngine(network_of(two_bus_net()), unbalanced=False)
    voltage = far_end_voltage(400.0, 0.2 + 0.05j, 196.5e3) / 400
    solution = engine.solve(np.array([196.5]), np.zeros(1))
    assert np.abs(solution.bus_voltage_pu[1, 0]) == pytest.approx(voltage, abs=1e-7)
    with pytest.raises(NoSolutionError, match="did not converge"):
        engine.solve(np.array([197.5]), np.zeros(1))


def test_rows_of_a_batch_without_solution_are_nan() -> None:
    engine = OpenDssEngine(network_of(two_bus_net()), unbalanced=True)
    batch = engine.solve_batch(np.array([[10.0], [250.0], [-20.0]]), np.zeros((3, 1)))
    assert all(np.isnan(values[1]).all() for values in vars(batch).values())
    for row, power in ((0, 10.0), (2, -20.0)):
        single = engine.solve(np.array([power]), np.zeros(1))
        for name, values in vars(single).items():
            np.testing.assert_array_equal(getattr(batch, name)[row], values)
    with pytest.raises(ValueError, match="finite"):
        engine.solve(np.array([np.nan]), np.zeros(1))


def transformer_net(group: str, shift: float, **keys: Any) -> Network:
    """10 kV, cable, transformer, cable, and two single-phase houses at 0.4 kV."""
    net = pandapower.create_empty_network()
    grid, high, low, end = (pandapower.create_bus(net, vn_kv=kv) for kv in (10, 10, 0.4, 0.4))
    pandapower.create_ext_grid(net, grid, vm_pu=1.01, s_sc_max_mva=100.0, rx_max=0.3)
    for one, other in ((grid, high), (low, end)):
        add_line(net, one, other, c_nf_per_km=200.0, c0_nf_per_km=100.0, parallel=2)
    values = {
        "sn_mva": 0.4,
        "vn_hv_kv": 10.2,
        "vn_lv_kv": 0.41,
        "vk_percent": 4.0,
        "vkr_percent": 1.0,
        "pfe_kw": 1.3,
        "i0_percent": 0.9,
        "shift_degree": shift,
        "vector_group": group,
        **keys,
    }
    pandapower.create_transformer_from_parameters(net, high, low, **values)
    for phase in "ab":
        pandapower.create_asymmetric_load(net, end, name=phase, **{f"p_{phase}_mw": 0.01})
    return network_of(net)


@pytest.mark.parametrize(
    ("group", "shift"),
    [("Dyn", hour * 30) for hour in (-1, 1, 3, 5, 7, 9)]
    + [("Dyn11", 330), ("YNyn", 0), ("YNyn", 120), ("YNyn0", 240)],
)
def test_vector_groups(group: str, shift: float) -> None:
    """Every clock that a delta and a star can make; houses on two phases draw unequally."""
    network = transformer_net(group, shift, pfe_kw=0.0, i0_percent=0.0)
    power, reactive = np.array([10.0, -4.0]), np.array([2.0, 1.0])
    found, expected = (
        each(network, unbalanced=True).solve(power, reactive)
        for each in (OpenDssEngine, PowerGridModelEngine)
    )
    np.testing.assert_allclose(found.bus_voltage_pu, expected.bus_voltage_pu, rtol=0, atol=1e-6)
    assert_agree(found, expected)


@both_phases
@pytest.mark.parametrize("side", ["hv", "lv"])
@pytest.mark.parametrize("no_load", [(1.3, 0.9), (1.3, 0.0), (0.0, 0.9)])
def test_taps_and_magnetising(unbalanced: bool, side: str, no_load: tuple[float, float]) -> None:
    taps = {"tap_side": side, "tap_pos": 2, "tap_neutral": 0, "tap_step_percent": 2.5}
    taps |= {"tap_min": -3, "tap_max": 3, "tap_changer_type": "Ratio", "parallel": 2}
    network = transformer_net("Dyn", 150, pfe_kw=no_load[0], i0_percent=no_load[1], **taps)
    power, reactive = np.array([10.0, -4.0]), np.array([2.0, 1.0])
    found, expected = (
        each(network, unbalanced=unbalanced).solve(power, reactive)
        for each in (OpenDssEngine, PowerGridModelEngine)
    )
    assert_agree(found, expected)


@pytest.mark.parametrize("background", ["none", "net"])
@pytest.mark.parametrize(
    "name",
    [
        "create_cigre_network_lv",
        "create_kerber_landnetz_kabel_1",
        "create_synthetic_voltage_control_lv_network",
        "simple_four_bus_system",
        "simple_mv_open_ring_net",
    ],
)
def test_named_networks(name: str, background: str, context: BuildContext) -> None:
    config = {"type": "grid", "network": {"name": name}, "background": background}
    network = read_network(GridConfig.model_validate(config), context)
    count = len(network.connection_points.names)
    power, reactive = np.linspace(-3, 5, count), np.linspace(1, -1, count)
    found, expected = (
        each(network, unbalanced=False).solve(power, reactive)
        for each in (OpenDssEngine, PowerGridModelEngine)
    )
    assert_agree(found, expected)


@both_phases
def test_switches_islands_and_shunts(unbalanced: bool) -> None:
    """What an open switch cuts off is NaN; a line open at its far end is charged from the other."""
    net = two_bus_net()
    beside, open_end, dark, off = (pandapower.create_bus(net, vn_kv=0.4) for _ in range(4))
    pandapower.create_switch(net, 1, beside, et="b")
    add_line(net, beside, open_end, c_nf_per_km=300.0, c0_nf_per_km=200.0)
    pandapower.create_switch(net, open_end, 1, et="l", closed=False)
    add_line(net, beside, dark)
    pandapower.create_switch(net, beside, 2, et="l", closed=False)
    add_line(net, 1, off, in_service=False)
    pandapower.create_shunt(net, beside, q_mvar=-0.02, p_mw=0.001)
    for bus in (beside, dark):
        pandapower.create_load(net, bus, p_mw=0.0)
    network = network_of(net)
    power, reactive = np.array([20.0, 5.0, 3.0]), np.array([3.0, -1.0, 0.0])
    found, expected = (
        each(network, unbalanced=unbalanced).solve(power, reactive)
        for each in (OpenDssEngine, PowerGridModelEngine)
    )
    assert_agree(found, expected)
    assert np.isnan(found.bus_voltage_pu[dark]).all()
    assert np.isnan(found.line_current_a[2:]).all()
    assert (found.line_current_a[1] > 0).all()  # the charging current


@both_phases
def test_two_sources(unbalanced: bool) -> None:
    net = two_bus_net()
    far = pandapower.create_bus(net, vn_kv=0.4)
    add_line(net, 1, far)
    pandapower.create_ext_grid(net, far, vm_pu=1.02, va_degree=0.5, s_sc_max_mva=1.0, rx_max=0.4)
    network = network_of(net)
    found, expected = (
        each(network, unbalanced=unbalanced).solve(np.array([30.0]), np.array([5.0]))
        for each in (OpenDssEngine, PowerGridModelEngine)
    )
    assert_agree(found, expected)


def test_what_is_not_written_is_refused() -> None:
    net = two_bus_net()
    pandapower.create_ward(net, 1, ps_mw=0.01, qs_mvar=0.0, pz_mw=0.0, qz_mvar=0.0)
    pandapower.create_gen(net, 1, p_mw=0.01)
    with pytest.raises(ScenarioError) as raised:
        OpenDssEngine(network_of(net), unbalanced=False)
    assert {problem.key for problem in raised.value.problems} == {("engine",)}
    assert "'ward'" in str(raised.value)
    assert "'gen'" in str(raised.value)
    assert "engine: pgm" in str(raised.value)


@pytest.mark.parametrize(("group", "shift"), [("Yzn", 30), ("Yyn", 0), ("YNyn", 180)])
def test_vector_groups_that_opendss_lacks_are_refused(group: str, shift: float) -> None:
    with pytest.raises(ScenarioError, match=f"vector group {group}"):
        OpenDssEngine(transformer_net(group, shift), unbalanced=True)
    OpenDssEngine(transformer_net(group, shift), unbalanced=False)


def test_a_grid_may_name_opendss_as_its_engine() -> None:
    engine: PowerFlowEngine = build_engine(
        EngineName.OPENDSS, network_of(two_bus_net()), unbalanced=False
    )
    assert isinstance(engine, OpenDssEngine)
