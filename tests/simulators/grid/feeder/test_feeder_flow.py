"""Linearised voltages and flows of a feeder, against the AC power flow and hand calculations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext, FloatArray

SECOND_ORDER = 4.0
"""By what an error of second order shrinks when its cause is halved."""


@pytest.fixture
def ieee_grid(context: BuildContext) -> Grid:
    keys = {"type": "grid", "network": {"name": "ieee_european_lv"}, "phases": "balanced"}
    return Grid(GridConfig.model_validate(keys), context)


def transformer_net(*, source_at: str = "hv", **changes: Any) -> Any:
    """20 kV and 0.4 kV buses, a transformer without magnetising current, and a load at the end."""
    import pandapower

    net = pandapower.create_empty_network()
    high, low = (pandapower.create_bus(net, vn_kv=kv) for kv in (20.0, 0.41))
    pandapower.create_ext_grid(net, high if source_at == "hv" else low, vm_pu=1.02)
    values = {
        "sn_mva": 0.4,
        "vn_hv_kv": 21.0,
        "vn_lv_kv": 0.4,
        "vk_percent": 6.0,
        "vkr_percent": 1.4,
        "pfe_kw": 0.0,
        "i0_percent": 0.0,
        "tap_side": "hv",
        "tap_neutral": 0,
        "tap_step_percent": 2.5,
        "tap_pos": 0,
        "tap_changer_type": "Ratio",
    }
    pandapower.create_transformer_from_parameters(net, high, low, **{**values, **changes})
    end = pandapower.create_bus(net, vn_kv=0.41 if source_at == "hv" else 20.0)
    pandapower.create_line_from_parameters(
        net,
        end,  # the line points at the source
        low if source_at == "hv" else high,
        length_km=0.2,
        r_ohm_per_km=0.2 if source_at == "hv" else 40.0,
        x_ohm_per_km=0.1 if source_at == "hv" else 50.0,
        c_nf_per_km=0.0,
        max_i_ka=0.3,
        parallel=2,
    )
    pandapower.create_load(net, end, p_mw=0.0)
    return net


def ac_voltage_pu(grid: Grid, power_kw: FloatArray, reactive_kvar: FloatArray) -> FloatArray:
    inputs = {"power_kw": power_kw, "reactive_power_kvar": reactive_kvar}
    return grid.step(0, inputs)["bus_voltage_pu"][:, 0]


def worst_errors_pu(grid: Grid, power_kw: FloatArray, reactive_kvar: FloatArray) -> list[float]:
    """Return the largest voltage error at full, half and quarter injection."""
    feeder = Feeder.of(grid)
    errors = []
    for share in (1.0, 0.5, 0.25):
        linear = feeder.bus_voltage_pu(share * power_kw, share * reactive_kvar)
        errors.append(np.abs(linear - ac_voltage_pu(grid, share * power_kw, share * reactive_kvar)))
    return [float(error.max()) for error in errors]


def test_the_error_of_the_reference_feeder_is_of_second_order(ieee_grid: Grid) -> None:
    """And below 1e-3 pu at the houses' peak of 57.358 kW (the load shapes' minute 565)."""
    power = np.random.default_rng(1).dirichlet(np.ones(55)) * 57.358
    errors = worst_errors_pu(ieee_grid, power, 0.32868 * power)
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(SECOND_ORDER, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(SECOND_ORDER, rel=0.05)


def test_flows_of_the_reference_feeder_lack_its_losses_only(ieee_grid: Grid) -> None:
    """AC flows exceed lossless ones by no more than the losses, everywhere."""
    power = np.random.default_rng(2).uniform(-1.0, 2.0, 55)
    inputs = {"power_kw": power, "reactive_power_kvar": 0.3 * power}
    outputs = ieee_grid.step(0, inputs)
    feeder = Feeder.of(ieee_grid)
    difference = outputs["line_power_kw"][:, 0] - feeder.branch_power(power)[: feeder.lines]
    losses = float(outputs["losses_kw"])
    assert np.abs(difference).max() <= losses + 1e-6
    assert float(outputs["slack_power_kw"]) == pytest.approx(
        feeder.branch_power(power)[feeder.lines] + losses, abs=1e-6
    )


def test_flows_and_voltages_over_time_are_those_of_each_time(ieee_grid: Grid) -> None:
    feeder = Feeder.of(ieee_grid)
    power = np.random.default_rng(3).uniform(-1.0, 2.0, (55, 4))
    flow, voltage = feeder.branch_power(power), feeder.bus_voltage_pu(power, -power)
    for time in range(4):
        now = power[:, time]
        np.testing.assert_allclose(flow[:, time], feeder.branch_power(now), atol=1e-12)
        np.testing.assert_allclose(voltage[:, time], feeder.bus_voltage_pu(now, -now), atol=1e-14)


@pytest.mark.parametrize("source_at", ["hv", "lv"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tap_pos": 3},
        {"tap_pos": -2, "tap_side": "lv"},
        {"tap_pos": 2, "tap_step_degree": 60.0},
        {"tap_pos": 2, "tap_changer_type": "Ideal", "tap_step_percent": np.nan}
        | {"tap_step_degree": 10.0},
        {"parallel": 3, "df": 0.8},
    ],
    ids=["neutral", "hv-tap", "lv-tap", "skewed-tap", "phase-shifter", "parallel"],
)
def test_transformers_agree_with_pandapower(
    grid_of: Callable[..., Grid], source_at: str, changes: dict[str, Any]
) -> None:
    """Without load, ratio and taps to 1e-9; with load, the error is of second order."""
    net = transformer_net(source_at=source_at, **changes)
    grid = grid_of(net, engine="pandapower", phases="balanced")
    feeder = Feeder.of(grid)
    nothing = np.zeros(1)
    no_load = ac_voltage_pu(grid, nothing, nothing)
    np.testing.assert_allclose(feeder.no_load_voltage_pu, no_load, rtol=1e-9)
    np.testing.assert_allclose(feeder.bus_voltage_pu(nothing, nothing), no_load, rtol=1e-9)
    assert feeder.tree.downstream_sign.tolist() == [-1.0, 1.0 if source_at == "hv" else -1.0]
    errors = worst_errors_pu(grid, np.array([60.0]), np.array([20.0]))
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(SECOND_ORDER, rel=0.1)


def test_a_segment_across_a_transformer_drops_what_its_branches_drop(
    grid_of: Callable[..., Grid],
) -> None:
    """From 20 kV to 0.4 kV: V_bottom = ratio V_top - (r P + x Q) / V0_bottom."""
    grid = grid_of(transformer_net(tap_pos=2), phases="balanced")
    feeder = Feeder.of(grid)
    segments = feeder.segments
    assert len(segments) == 1
    top, bottom = (int(bus[0]) for bus in (segments.top_bus, segments.bottom_bus))
    power, reactive = np.array([50.0]), np.array([10.0])
    voltage = feeder.bus_voltage_pu(power, reactive)
    drop = segments.resistance_pu_per_kw * power + segments.reactance_pu_per_kvar * reactive
    expected = segments.ratio * voltage[top] - drop / feeder.no_load_voltage_pu[bottom]
    assert voltage[bottom] == pytest.approx(float(expected[0]), rel=1e-12)


def test_the_source_impedance_lowers_the_voltage_at_the_source(
    grid_of: Callable[..., Grid], two_bus_net: Any
) -> None:
    """Hand calculation: |Z| = 0.4^2 / 2 = 0.08 ohm, R/X = 0.5, then 0.2 + j 0.05 ohm of cable."""
    two_bus_net.ext_grid["s_sc_max_mva"] = 2.0
    two_bus_net.ext_grid["rx_max"] = 0.5
    grid = grid_of(two_bus_net, phases="balanced", source_impedance=True)
    feeder = Feeder.of(grid)
    x_ohm = 0.08 / np.sqrt(1.25)
    drops_v = [(0.5 * x_ohm * 4000 + x_ohm * 1000) / 400, (0.2 * 4000 + 0.05 * 1000) / 400]
    voltage = feeder.bus_voltage_pu(np.array([4.0]), np.array([1.0]))
    np.testing.assert_allclose(voltage, 1.0 - np.cumsum(drops_v) / 400, rtol=1e-12)
    errors = worst_errors_pu(grid, np.array([4.0]), np.array([1.0]))
    assert errors[0] / errors[1] == pytest.approx(SECOND_ORDER, rel=0.05)


def test_two_sources_at_one_bus_act_as_one(grid_of: Callable[..., Grid], two_bus_net: Any) -> None:
    """Two equal sources in parallel: half the impedance of one."""
    import pandapower

    two_bus_net.ext_grid[["s_sc_max_mva", "rx_max"]] = [2.0, 0.5]
    pandapower.create_ext_grid(two_bus_net, 0, s_sc_max_mva=2.0, rx_max=0.5)
    grid = grid_of(two_bus_net, phases="balanced", source_impedance=True)
    load = np.array([4.0])
    x_ohm = 0.04 / np.sqrt(1.25)
    voltage = Feeder.of(grid).bus_voltage_pu(load, 0 * load)
    assert voltage[0] == pytest.approx(1.0 - 0.5 * x_ohm * 4000 / 400**2, rel=1e-12)
    assert voltage[0] == pytest.approx(ac_voltage_pu(grid, load, 0 * load)[0], abs=1e-5)


def test_islands_have_the_voltage_of_their_own_source(grid_of: Callable[..., Grid]) -> None:
    """A load behind one line at each of two sources with 1.00 and 1.03 pu: V0 - R P / V0."""
    import pandapower

    net = pandapower.create_empty_network()
    for voltage in (1.0, 1.03):
        source, end = (int(pandapower.create_bus(net, vn_kv=0.4)) for _ in range(2))
        pandapower.create_ext_grid(net, source, vm_pu=voltage)
        pandapower.create_line_from_parameters(net, source, end, 1.0, 0.2, 0.1, 0.0, 0.2)
        pandapower.create_load(net, end, p_mw=0.0)
    feeder = Feeder.of(grid_of(net, phases="balanced"))
    voltage_pu = feeder.bus_voltage_pu(np.array([2.0, 4.0]), np.zeros(2))
    drops = [0.2 * 2000 / 400**2, 0.2 * 4000 / 400**2 / 1.03]
    np.testing.assert_allclose(voltage_pu, [1.0, 1.0 - drops[0], 1.03, 1.03 - drops[1]], rtol=1e-12)
    assert feeder.segments.parent.tolist() == [-1, -1]
    assert feeder.tree.is_radial


def test_a_grid_without_branches_has_no_segments(grid_of: Callable[..., Grid]) -> None:
    import pandapower

    net = pandapower.create_empty_network()
    bus = pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, bus, vm_pu=1.01)
    pandapower.create_load(net, bus, p_mw=0.0)
    feeder = Feeder.of(grid_of(net, phases="balanced"))
    assert len(feeder.segments) == 0
    assert feeder.segments.of_point.tolist() == [-1]
    assert feeder.bus_voltage_pu(np.ones(1), np.ones(1)).tolist() == [1.01]
    assert feeder.branch_power(np.ones(1)).shape == (0,)
    assert feeder.segments.path_maximum(feeder.segments.over_branches(np.zeros(0))).shape == (0,)


def test_what_has_no_supply_is_nan(grid_of: Callable[..., Grid], two_bus_net: Any) -> None:
    two_bus_net.line["in_service"] = False
    feeder = Feeder.of(grid_of(two_bus_net, phases="balanced"))
    np.testing.assert_array_equal(feeder.bus_voltage_pu(np.ones(1), np.ones(1)), [1.0, np.nan])
    np.testing.assert_array_equal(feeder.branch_power(np.ones(1)), [np.nan])
    assert feeder.segments.of_point.tolist() == [-1]
    assert len(feeder.segments) == 0


def test_a_meshed_grid_has_no_flows_by_topology(
    grid_of: Callable[..., Grid], two_bus_net: Any
) -> None:
    import pandapower

    pandapower.create_line_from_parameters(two_bus_net, 0, 1, 1.0, 0.4, 0.1, 0.0, 0.2)
    feeder = Feeder.of(grid_of(two_bus_net, phases="balanced"))
    assert not feeder.tree.is_radial
    with pytest.raises(ScenarioError, match="'grid' is meshed"):
        feeder.branch_power(np.ones(1))
    with pytest.raises(ScenarioError, match="'grid' is meshed"):
        feeder.bus_voltage_pu(np.ones(1), np.ones(1))


@pytest.mark.slow
def test_simbench_lv_grid(context: BuildContext) -> None:
    """Bus-bus switches, a tapped transformer and cables at 4 kW a house."""
    pytest.importorskip("simbench")
    keys = {
        "type": "grid",
        "network": {"simbench": "1-LV-rural1--0-sw"},
        "engine": "pandapower",
        "phases": "balanced",
    }
    grid = Grid(GridConfig.model_validate(keys), context)
    feeder = Feeder.of(grid)
    assert feeder.tree.is_radial
    points = len(feeder.point_names)
    voltage = feeder.bus_voltage_pu(np.full(points, 4.0), np.full(points, 1.0))
    ac = ac_voltage_pu(grid, np.full(points, 4.0), np.full(points, 1.0))
    np.testing.assert_array_equal(np.isnan(voltage), np.isnan(ac))
    assert np.nanmax(np.abs(voltage - ac)) < 1e-3
