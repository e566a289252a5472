"""The radial engine against closed forms and conservation laws."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.simulators.grid.engine import NoSolutionError, PowerFlowSolution
from gridloom.simulators.grid.network import Network, network_of
from gridloom.simulators.grid.radial.engine import RadialEngine

both_phases = pytest.mark.parametrize("unbalanced", [False, True], ids=["balanced", "unbalanced"])
HOUSES = 55


def two_bus_voltage(source: float, impedance: complex, power: complex) -> float:
    """Return the upper solution of the two-bus biquadratic, V, ohm and VA."""
    half = source**2 / 2 - (impedance.real * power.real + impedance.imag * power.imag)
    return float(np.sqrt(half + np.sqrt(half**2 - abs(impedance * power) ** 2)))


@both_phases
@pytest.mark.parametrize("share", [-3.0, -0.5, 0.0, 0.3, 0.9, 0.99, 0.999, 0.9999, 0.999999])
def test_a_single_line_up_to_the_nose(unbalanced: bool, share: float, two_bus_net: Any) -> None:
    """At unity power factor a line carries up to V^2 / 2 / (R + |Z|)."""
    impedance = 0.5 * (0.4 + 0.1j)
    limit_kw = 1e-3 * 400**2 / 2 / (impedance.real + abs(impedance))
    engine = RadialEngine(network_of(two_bus_net), unbalanced=unbalanced)
    solution = engine.solve(np.array([share * limit_kw]), np.zeros(1))
    voltage = two_bus_voltage(400.0, impedance, 1e3 * share * limit_kw + 0j)
    # next to the nose the closed form itself loses digits, and Newton-Raphson steps in
    tolerance = 1e-9 if share < 0.9999 else 1e-6
    found = np.abs(solution.bus_voltage_pu[1])
    assert found == pytest.approx([voltage / 400] * (3 if unbalanced else 1), abs=tolerance)
    current = 1e3 * abs(share) * limit_kw / np.sqrt(3) / voltage
    assert solution.line_current_a[0] == pytest.approx(current, rel=1e3 * tolerance, abs=1e-6)
    losses_kw = 3e-3 * impedance.real * current**2
    assert float(solution.losses_kw) == pytest.approx(losses_kw, rel=1e4 * tolerance, abs=1e-9)


@both_phases
def test_beyond_the_nose_there_is_nothing(unbalanced: bool, two_bus_net: Any) -> None:
    engine = RadialEngine(network_of(two_bus_net), unbalanced=unbalanced)
    before = engine.solve(np.array([5.0]), np.zeros(1))
    for power_kw in (197.0, 250.0, 1e4, 1e9):  # the limit is 196.97 kW
        with pytest.raises(NoSolutionError):
            engine.solve(np.array([power_kw]), np.zeros(1))
    assert engine.newton_fallbacks == 4
    assert_identical(engine.solve(np.array([5.0]), np.zeros(1)), before)


def test_newton_raphson_steps_in_next_to_the_nose(two_bus_net: Any) -> None:
    engine = RadialEngine(network_of(two_bus_net), unbalanced=False)
    limit_kw = 1e-3 * 400**2 / 2 / (0.2 + abs(0.2 + 0.05j))
    engine.solve(np.array([0.999 * limit_kw]), np.zeros(1))
    assert engine.newton_fallbacks == 0
    power = (1 - 1e-7) * limit_kw
    solution = engine.solve(np.array([power]), np.zeros(1))
    assert engine.newton_fallbacks == 1
    voltage = two_bus_voltage(400.0, 0.2 + 0.05j, 1e3 * power + 0j)
    assert np.abs(solution.bus_voltage_pu[1, 0]) == pytest.approx(voltage / 400, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), high=st.floats(0.0, 5.0), low=st.floats(-5.0, 0.0))
@settings(max_examples=15, deadline=None)
def test_currents_balance_at_every_bus(
    reference: tuple[Network, RadialEngine], seed: int, high: float, low: float
) -> None:
    """Kirchhoff in phases, with line impedances straight from pandapower's tables."""
    network, engine = reference
    rng = np.random.default_rng(seed)
    power, reactive = rng.uniform(low, high, HOUSES), rng.uniform(low, high, HOUSES) / 2
    volts = engine.solve(power, reactive).bus_voltage_pu * 416 / np.sqrt(3)
    lines = network.net.line
    length = lines["length_km"].to_numpy()
    positive, zero = (
        (lines[f"r{n}_ohm_per_km"] + 1j * lines[f"x{n}_ohm_per_km"]).to_numpy() * length
        for n in ("", "0")
    )
    drop = volts[network.line_from_bus] - volts[network.line_to_bus]
    common = drop.mean(axis=1, keepdims=True)
    amps = (drop - common) / positive[:, np.newaxis] + common / zero[:, np.newaxis]
    surplus = np.zeros_like(volts)
    np.add.at(surplus, network.line_to_bus, amps)
    np.subtract.at(surplus, network.line_from_bus, amps)
    points = network.connection_points
    phase = np.argmax(points.phase_mask, axis=1)
    drawn = np.conj(1e3 * (power + 1j * reactive) / volts[points.bus, phase])
    np.subtract.at(surplus, (points.bus, phase), drawn)
    fed = {int(network.transformer_hv_bus[0]), int(network.transformer_lv_bus[0])}
    inner = [bus for bus in range(len(volts)) if bus not in fed]
    assert np.abs(surplus[inner]).max() < 1e-5  # A: a line of 1 mm turns 1e-16 pu into 1e-8 A


@pytest.fixture(scope="module")
def reference(ieee_network: Network) -> tuple[Network, RadialEngine]:
    return ieee_network, RadialEngine(ieee_network, unbalanced=True)


@both_phases
def test_power_is_conserved(unbalanced: bool, ieee_network: Network) -> None:
    engine = RadialEngine(ieee_network, unbalanced=unbalanced)
    rng = np.random.default_rng(8)
    for low, high in ((0.0, 4.0), (-6.0, 2.0)):
        power = rng.uniform(low, high, HOUSES)
        solution = engine.solve(power, power / 4)
        balance = float(solution.slack_power_kw - solution.losses_kw) - power.sum()
        assert balance == pytest.approx(0.0, abs=1e-6)


@both_phases
def test_a_batch_is_its_rows_bit_for_bit(unbalanced: bool, ieee_network: Network) -> None:
    """In any order, from any memory layout, in another engine, next to a row without solution."""
    rng = np.random.default_rng(2)
    power, reactive = rng.uniform(-3, 5, (7, HOUSES)), rng.uniform(-1, 2, (7, HOUSES))
    power[3] = 500.0
    engine = RadialEngine(ieee_network, unbalanced=unbalanced)
    batch = engine.solve_batch(power, reactive)
    columns = np.asfortranarray(power)
    columns.flags.writeable = False
    assert_identical(engine.solve_batch(columns, reactive), batch)
    again = RadialEngine(ieee_network, unbalanced=unbalanced)
    for row in (6, 5, 4, 2, 1, 0):
        single = again.solve(power[row], reactive[row])
        assert_identical(single, row_of(batch, row))
    assert all(np.isnan(values[3]).all() for values in vars(batch).values())
    assert engine.newton_fallbacks == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_injections_that_are_not_finite_are_refused(bad: float, two_bus_net: Any) -> None:
    engine = RadialEngine(network_of(two_bus_net), unbalanced=False)
    for injections in ((np.array([bad]), np.zeros(1)), (np.zeros(1), np.array([bad]))):
        with pytest.raises(ValueError, match="finite"):
            engine.solve(*injections)
        with pytest.raises(ValueError, match="finite"):
            engine.solve_batch(*(values[np.newaxis] for values in injections))


def test_what_is_not_wanted_is_left_out_and_voltages_stay(
    radial_net: Callable[..., Any],
) -> None:
    network = network_of(radial_net())
    engine = RadialEngine(network, unbalanced=True)
    power = np.linspace(1, 5, len(network.connection_points.names))
    whole = engine.solve(power, power / 3)
    engine.want(frozenset({"bus_voltage_pu"}))
    less = engine.solve(power, power / 3)
    np.testing.assert_array_equal(less.bus_voltage_pu, whole.bus_voltage_pu)
    others = {name: values for name, values in vars(less).items() if name != "bus_voltage_pu"}
    assert all(np.isnan(values).all() for values in others.values())
    engine.want(frozenset({"losses_kw"}))
    assert_identical(engine.solve(power, power / 3), whole)


def row_of(batch: PowerFlowSolution, row: int) -> PowerFlowSolution:
    return PowerFlowSolution(**{name: values[row] for name, values in vars(batch).items()})


def assert_identical(found: PowerFlowSolution, expected: PowerFlowSolution) -> None:
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)
