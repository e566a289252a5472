"""Laws that hold for every injection."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.simulators.grid.network import Network, network_of
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.model import FloatArray

HOUSES = 55
powers_kw = arrays(np.float64, HOUSES, elements=st.floats(-6, 6))
reactive_kvar = arrays(np.float64, HOUSES, elements=st.floats(-2, 2))
few = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module", params=[False, True], ids=["balanced", "unbalanced"])
def engine(request: pytest.FixtureRequest, ieee_network: Network) -> PowerGridModelEngine:
    return PowerGridModelEngine(ieee_network, unbalanced=request.param)


@few
@given(power=powers_kw, reactive=reactive_kvar)
def test_energy_is_conserved(
    engine: PowerGridModelEngine, power: FloatArray, reactive: FloatArray
) -> None:
    """What the external grid gives is drawn or lost, on any mix of import and export."""
    solution = engine.solve(power, reactive)
    losses = float(solution.losses_kw)
    assert losses >= -1e-9
    assert float(solution.slack_power_kw) == pytest.approx(power.sum() + losses, abs=1e-6)


def test_without_load_nothing_flows(engine: PowerGridModelEngine) -> None:
    solution = engine.solve(np.zeros(HOUSES), np.zeros(HOUSES))
    np.testing.assert_allclose(np.abs(solution.bus_voltage_pu), 1.05, rtol=0, atol=1e-9)
    assert solution.line_current_a.max() < 1e-6
    assert float(solution.losses_kw) == pytest.approx(0.0, abs=1e-9)


@few
@given(power=powers_kw)
def test_more_load_never_raises_its_own_voltage(
    engine: PowerGridModelEngine, ieee_network: Network, power: FloatArray
) -> None:
    """On a resistive feeder, a kilowatt more at a house lowers the voltage it sees."""
    points = ieee_network.connection_points
    phase = np.argmax(points.phase_mask, axis=1)
    more = power.copy()
    more[30] += 1.0
    column = phase[30] if engine.solve(power, power * 0).bus_voltage_pu.shape[1] == 3 else 0
    before, after = (
        abs(engine.solve(values, np.zeros(HOUSES)).bus_voltage_pu[points.bus[30], column])
        for values in (power, more)
    )
    assert after < before


def test_line_currents_add_up_where_the_trunk_splits(ieee_network: Network) -> None:
    """Kirchhoff at bus 280: LINE117's houses behind it split into LINE286 and LINE287."""
    engine = PowerGridModelEngine(ieee_network, unbalanced=False)
    solution = engine.solve(np.full(HOUSES, 1.0), np.full(HOUSES, 0.3))
    names, power = ieee_network.line_names, solution.line_power_kw[:, 0]
    bus = int(np.flatnonzero(ieee_network.bus_index == 280)[0])
    (incoming,) = np.flatnonzero(ieee_network.line_to_bus == bus)
    outgoing = np.flatnonzero(ieee_network.line_from_bus == bus)
    assert {names[line] for line in outgoing} == {"LINE286", "LINE287"}
    resistance = float(
        (ieee_network.net.line["r_ohm_per_km"] * ieee_network.net.line["length_km"]).iloc[incoming]
    )
    lost_kw = 3e-3 * resistance * float(solution.line_current_a[incoming, 0]) ** 2
    assert power[incoming] - lost_kw == pytest.approx(power[outgoing].sum(), abs=1e-5)


def test_import_and_export_are_symmetric_for_small_signals(two_bus_net: Any) -> None:
    """V(P) - 1 and 1 - V(-P) differ only in second order: by at most 5 (R P)^2 per unit."""
    engine = PowerGridModelEngine(network_of(two_bus_net), unbalanced=False)
    for power in (0.1, 1.0, 10.0):
        down, up = (
            1 - abs(engine.solve(np.array([sign * power]), np.zeros(1)).bus_voltage_pu[1, 0])
            for sign in (1, -1)
        )
        first_order = 0.2 * 1e3 * power / 400**2  # R P / U^2
        assert down == pytest.approx(first_order, rel=0.1)
        assert abs(down + up) <= 5 * first_order**2


def test_import_and_export_are_symmetric_without_resistance(two_bus_net: Any) -> None:
    """On a lossless line the voltage depends on P squared only, and no power is lost."""
    two_bus_net.line["r_ohm_per_km"] = 0.0
    engine = PowerGridModelEngine(network_of(two_bus_net), unbalanced=False)
    import_, export = (engine.solve(np.array([power]), np.zeros(1)) for power in (40.0, -40.0))
    assert abs(import_.bus_voltage_pu[1, 0]) == pytest.approx(abs(export.bus_voltage_pu[1, 0]))
    np.testing.assert_allclose(import_.line_current_a, export.line_current_a)
    assert float(import_.slack_power_kw) == pytest.approx(40.0, abs=1e-6)
    assert float(export.slack_power_kw) == pytest.approx(-40.0, abs=1e-6)
