"""The radial engine against power-grid-model and OpenDSS, which others wrote."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.engine import NoSolutionError, PowerFlowEngine
from gridloom.simulators.grid.network import Network, network_of, read_network
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.grid.radial.engine import RadialEngine
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.opendss.engine import OpenDssEngine

AssertAgree: TypeAlias = Callable[..., None]
both_phases = pytest.mark.parametrize("unbalanced", [False, True], ids=["balanced", "unbalanced"])
HOUSES = 55
PGM_ROUNDING = {"pu": 5e-8, "other": 1e-4}
"""Of power-grid-model next to closed switches and ideal sources: admittances of 1e8 and 1e10 pu."""


@dataclass(repr=False)
class Pair:
    radial: RadialEngine
    pgm: PowerGridModelEngine
    network: Network
    unbalanced: bool


@pytest.fixture(scope="module", params=[False, True], ids=["balanced", "unbalanced"])
def pair(request: pytest.FixtureRequest, ieee_network: Network) -> Pair:
    unbalanced = bool(request.param)
    return Pair(
        RadialEngine(ieee_network, unbalanced=unbalanced),
        PowerGridModelEngine(ieee_network, unbalanced=unbalanced),
        ieee_network,
        unbalanced,
    )


def injections(seed: int, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    idle = rng.uniform(size=HOUSES) < 0.2  # some draw nothing at all
    power, reactive = rng.uniform(low, high, HOUSES), rng.uniform(low, high, HOUSES) / 2
    return np.where(idle, 0.0, power), np.where(idle, 0.0, reactive)


spans = st.sampled_from([(0.0, 4.0), (-6.0, 0.0), (-6.0, 6.0), (0.0, 0.0)])


@given(seed=st.integers(0, 2**32 - 1), span=spans)
@settings(max_examples=25, deadline=None)
def test_every_bus_and_branch_of_the_feeder_is_as_power_grid_model_has_it(
    pair: Pair, assert_agree: AssertAgree, seed: int, span: tuple[float, float]
) -> None:
    power, reactive = injections(seed, *span)
    assert_agree(pair.radial.solve(power, reactive), pair.pgm.solve(power, reactive))
    assert pair.radial.newton_fallbacks == 0


def test_the_feeder_is_as_opendss_has_it(pair: Pair) -> None:
    pytest.importorskip("dss")
    opendss = OpenDssEngine(pair.network, unbalanced=pair.unbalanced)
    for seed, span in enumerate([(0.0, 4.0), (-6.0, 0.0), (-6.0, 6.0)]):
        power, reactive = injections(seed, *span)
        found, expected = (each.solve(power, reactive) for each in (pair.radial, opendss))
        for name, tolerance in (("bus_voltage_pu", 1e-6), ("line_current_a", 1e-3)):
            one, other = (np.abs(getattr(each, name)) for each in (found, expected))
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=name)
        for name in ("losses_kw", "slack_power_kw", "slack_reactive_power_kvar"):
            assert float(getattr(found, name)) == pytest.approx(
                float(getattr(expected, name)), abs=1e-3
            )


def largest_share(engine: PowerFlowEngine, power: FloatArray, reactive: FloatArray) -> float:
    """Return by how much the powers can be multiplied before there is no solution, by bisection."""
    low, high = 1.0, 1000.0
    while high / low > 1.0001:
        middle = float(np.sqrt(low * high))
        try:
            engine.solve(middle * power, middle * reactive)
            low = middle
        except NoSolutionError:
            high = middle
    return low


def test_near_the_limit_of_what_the_feeder_can_carry(pair: Pair, assert_agree: AssertAgree) -> None:
    """The limit is power-grid-model's, by Newton-Raphson; beyond it both find nothing."""
    power, reactive = injections(5, 0.5, 2.0)
    limit = largest_share(pair.pgm, power, reactive)
    for share in (0.95, 0.99, 0.999):
        both = share * limit * power, share * limit * reactive
        assert_agree(pair.radial.solve(*both), pair.pgm.solve(*both))
    with pytest.raises(NoSolutionError):
        pair.radial.solve(1.002 * limit * power, 1.002 * limit * reactive)


def test_unequal_loads_near_the_limit(pair: Pair, assert_agree: AssertAgree) -> None:
    """One house far out draws nearly all the feeder can bring it."""
    power, reactive = np.zeros(HOUSES), np.zeros(HOUSES)
    power[-1], reactive[-1] = 1.0, 0.3
    limit = largest_share(pair.pgm, power, reactive)
    for share in (0.95, 0.99, 0.999):
        both = share * limit * power, share * limit * reactive
        assert_agree(pair.radial.solve(*both), pair.pgm.solve(*both))
    with pytest.raises(NoSolutionError):
        pair.radial.solve(1.002 * limit * power, 1.002 * limit * reactive)


@both_phases
@pytest.mark.parametrize("keeps_background", [False, True])
@pytest.mark.parametrize(
    "transformer",
    [
        ("Dyn", 150.0, {}),
        ("Dyn", 330.0, {"tap_side": "lv", "tap_pos": -2}),
        ("YNyn", 0.0, {"i0_percent": 3.0}),
        ("YNyn", 180.0, {}),
        ("Yzn", 150.0, {"parallel": 1}),
        ("YNd", 30.0, {}),
    ],
)
def test_every_element_of_a_radial_network(
    unbalanced: bool,
    keeps_background: bool,
    transformer: tuple[str, float, dict[str, Any]],
    radial_net: Callable[..., Any],
    assert_agree: AssertAgree,
) -> None:
    group, shift, keys = transformer
    network = network_of(radial_net(group, shift, **keys), keeps_background=keeps_background)
    if group == "YNd" and unbalanced:
        pytest.skip("its low-voltage side is not earthed: see test_radial_qualification")
    pair = [e(network, unbalanced=unbalanced) for e in (RadialEngine, PowerGridModelEngine)]
    rng = np.random.default_rng(4)
    count = len(network.connection_points.names)
    for low, high in ((0, 0), (0, 20), (-20, 5)):
        power, reactive = rng.uniform(low, high, count), rng.uniform(low, high, count) / 3
        found, expected = (engine.solve(power, reactive) for engine in pair)
        assert np.isnan(expected.bus_voltage_pu).any(axis=1).sum() == 1  # the bus without supply
        assert_agree(found, expected)


@pytest.mark.parametrize("background", ["none", "net"])
@pytest.mark.parametrize(
    "name",
    [
        "create_cigre_network_lv",
        "create_cigre_network_mv",
        "create_kerber_landnetz_freileitung_1",
        "create_kerber_landnetz_kabel_1",
        "create_synthetic_voltage_control_lv_network",
        "four_loads_with_branches_out",
        "simple_four_bus_system",
        "simple_mv_open_ring_net",
        pytest.param("create_kerber_vorstadtnetz_kabel_1", marks=pytest.mark.slow),
        pytest.param("mv_oberrhein", marks=pytest.mark.slow),
    ],
)
def test_named_networks(
    name: str, background: str, context: BuildContext, assert_agree: AssertAgree
) -> None:
    config = {"type": "grid", "network": {"name": name}, "background": background}
    compare(read_network(GridConfig.model_validate(config), context), assert_agree)


@pytest.mark.slow
@pytest.mark.parametrize("code", ["1-LV-rural1--0-sw", "1-LV-semiurb4--0-sw", "1-LV-urban6--0-sw"])
def test_simbench_networks(code: str, context: BuildContext, assert_agree: AssertAgree) -> None:
    pytest.importorskip("simbench")
    config = {"type": "grid", "network": {"simbench": code}, "background": "net"}
    compare(read_network(GridConfig.model_validate(config), context), assert_agree)


def compare(network: Network, assert_agree: AssertAgree) -> None:
    radial = RadialEngine(network, unbalanced=False)
    pgm = PowerGridModelEngine(network, unbalanced=False)
    count = len(network.connection_points.names)
    power, reactive = np.linspace(-3, 5, count), np.linspace(1, -1, count)
    assert_agree(radial.solve(power, reactive), pgm.solve(power, reactive), **PGM_ROUNDING)
    assert radial.newton_fallbacks == 0


@both_phases
@pytest.mark.parametrize("switches", [1, 2])
def test_closed_switches(
    unbalanced: bool, switches: int, radial_net: Callable[..., Any], assert_agree: AssertAgree
) -> None:
    network = network_of(radial_net(switches=switches))
    pair = [e(network, unbalanced=unbalanced) for e in (RadialEngine, PowerGridModelEngine)]
    power = np.linspace(-10, 20, len(network.connection_points.names))
    found, expected = (engine.solve(power, power / 3) for engine in pair)
    assert_agree(found, expected, **PGM_ROUNDING)


def test_line_charging_follows_the_frequency_of_the_network(
    radial_net: Callable[..., Any], assert_agree: AssertAgree
) -> None:
    """At 60 Hz cables draw 60/50 of what they draw at 50 Hz, in both engines."""
    charging = []
    for frequency in (50.0, 60.0):
        net = radial_net(i0_percent=0.0, pfe_kw=0.0)
        net.f_hz = frequency
        net.shunt = net.shunt.iloc[:0]
        net.ward = net.ward.iloc[:0]
        network = network_of(net)
        idle = np.zeros(len(network.connection_points.names))
        radial = RadialEngine(network, unbalanced=False).solve(idle, idle)
        assert_agree(radial, PowerGridModelEngine(network, unbalanced=False).solve(idle, idle))
        charging.append(float(radial.slack_reactive_power_kvar))
    assert charging[0] < -50
    assert charging[1] / charging[0] == pytest.approx(1.2, rel=0.005)  # it lifts voltage
