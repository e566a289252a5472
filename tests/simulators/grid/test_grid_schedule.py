"""Schedules in the power flow: what a batch says is what single power flows say."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.grid import schedule
from gridloom.simulators.grid.extremes import Extreme, ExtremeSearch
from gridloom.simulators.grid.schedule import ScheduleVerdict, check_schedule
from gridloom.simulators.model import FloatArray

INTERVAL_S = 900


@pytest.fixture(scope="session")
def street_net() -> Any:
    """A row of four houses behind a transformer."""
    from pandapower.networks import create_kerber_landnetz_freileitung_1

    return create_kerber_landnetz_freileitung_1(n_lines=4, l_lines_in_km=0.06)


@pytest.fixture
def street(street_net: Any, grid_of: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **keys: grid_of(deepcopy(street_net), **keys)


def drawn(points: int, intervals: int, most_kw: float = 20.0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    shape = (points, intervals)
    return rng.uniform(-most_kw, most_kw, shape), rng.uniform(-2.0, 3.0, shape)


def as_steps(grid: Any, power_kw: FloatArray, reactive_kvar: FloatArray) -> list[Any]:
    return [
        grid.step(time, {"power_kw": kw, "reactive_power_kvar": kvar})
        for time, (kw, kvar) in enumerate(zip(power_kw.T, reactive_kvar.T, strict=True))
    ]


@pytest.mark.parametrize("engine", ["radial", "pgm", "pandapower"])
def test_a_batch_equals_steps(street: Callable[..., Any], engine: str) -> None:
    """Every number against the outputs of the same grid, stepped interval by interval."""
    grid = street(engine=engine)
    power_kw, reactive_kvar = drawn(4, 9)
    steps = as_steps(grid, power_kw, reactive_kvar)
    check = check_schedule(grid, power_kw, reactive_kvar, INTERVAL_S)
    loading = np.array([step["line_loading_percent"] for step in steps])
    assert check.line_loading_percent == pytest.approx(loading.max(axis=1), rel=1e-9)
    for name, values in (
        ("slack_power_kw", check.slack_power_kw),
        ("losses_kw", check.losses_kw),
    ):
        assert values == pytest.approx([float(step[name]) for step in steps], abs=1e-7)
    voltage_pu = np.array([step["voltage_pu"] for step in steps])
    row, point = divmod(int(voltage_pu.argmin()), voltage_pu.shape[1])
    low = check.verdict.voltage_low_pu
    assert low is not None
    assert low.value == pytest.approx(voltage_pu.min(), abs=1e-9)
    assert (low.element, low.time_s) == (grid.connection_points[point], row * INTERVAL_S)
    row, line = divmod(int(loading.argmax()), loading.shape[1])
    worst = check.verdict.line_loading_percent
    assert worst is not None
    assert (worst.element, worst.time_s) == (grid.network.line_names[line], row * INTERVAL_S)
    losses_kwh = sum(float(step["losses_kw"]) for step in steps) / 4
    assert check.verdict.losses_kwh == pytest.approx(losses_kwh, abs=1e-7)


@pytest.mark.parametrize("engine", ["radial", "pgm"])
def test_steps_do_not_depend_on_checks(street: Callable[..., Any], engine: str) -> None:
    """To the last bit, unsolvable schedules among them; also where a step takes voltages alone."""
    power_kw, reactive_kvar = drawn(4, 6)
    undisturbed, disturbed = street(engine=engine), street(engine=engine)
    for grid in (undisturbed, disturbed):
        grid.take_outputs(frozenset({"voltage_pu"}))
    collapse = power_kw.copy()
    collapse[:, 3] = 5000.0
    check = check_schedule(disturbed, collapse, reactive_kvar, INTERVAL_S)
    assert np.flatnonzero(np.isfinite(check.line_loading_percent)).tolist() == [0, 1, 2, 4, 5]
    for one, other in zip(
        as_steps(undisturbed, power_kw, reactive_kvar),
        as_steps(disturbed, power_kw, reactive_kvar),
        strict=True,
    ):
        assert one.keys() == other.keys() == {"voltage_pu"}
        assert one["voltage_pu"].tobytes() == other["voltage_pu"].tobytes()


def test_one_interval_is_what_pandapower_says(street: Callable[..., Any], street_net: Any) -> None:
    import pandapower

    grid = street()
    power_kw, reactive_kvar = drawn(4, 1)
    verdict = check_schedule(grid, power_kw, reactive_kvar, INTERVAL_S).verdict
    net = deepcopy(street_net)
    for (table, index), name in grid.network.connection_points.of_element.items():
        at = grid.connection_points.index(name)
        net[table].loc[index, ["p_mw", "q_mvar"]] = (
            power_kw[at, 0] / 1e3,
            reactive_kvar[at, 0] / 1e3,
        )
    pandapower.runpp(net, trafo_model="pi", calculate_voltage_angles=True, tolerance_mva=1e-10)
    at_loads = net.res_bus.vm_pu[net.load.bus]
    sides = [
        np.hypot(net.res_trafo[f"p_{at}_mw"], net.res_trafo[f"q_{at}_mvar"]) for at in ("hv", "lv")
    ]
    transformer = 100 * np.max(sides) / net.trafo.sn_mva.iloc[0]
    for found, expected, tolerance in (
        (verdict.line_loading_percent, net.res_line.loading_percent.max(), 1e-5),
        (verdict.transformer_loading_percent, transformer, 1e-5),
        (verdict.voltage_low_pu, at_loads.min(), 1e-7),
        (verdict.voltage_high_pu, at_loads.max(), 1e-7),
    ):
        assert found is not None
        assert found.value == pytest.approx(expected, abs=tolerance)
        assert found.time_s == 0
    lost_kw = 1e3 * (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum())
    assert verdict.losses_kwh == pytest.approx(lost_kw / 4, abs=1e-6)


def test_overload_by_hand(two_bus_net: Any, grid_of: Callable[..., Any]) -> None:
    """Two of three quarters above 20 A: current from the voltage at the house, closed form."""
    grid = grid_of(two_bus_net, phases="balanced", line_ratings_a={"cable": 20.0})
    power_kw = np.array([[20.0, 5.0, 15.0]])
    verdict = check_schedule(grid, power_kw, np.zeros((1, 3)), INTERVAL_S).verdict
    # For Q = 0, u = V^2 solves u^2 + (2 R P - E^2) u + (R^2 + X^2) P^2 = 0.
    r, x, e = 0.2, 0.05, 400.0
    p = 1e3 * power_kw[0]
    b = 2 * r * p - e**2
    volts = np.sqrt((-b + np.sqrt(b**2 - 4 * (r**2 + x**2) * p**2)) / 2)
    amps = p / (np.sqrt(3) * volts)
    above_a = np.maximum(amps - 20.0, 0.0)
    assert (above_a > 0).tolist() == [True, False, True]
    assert verdict.overload_s == 1800.0
    assert verdict.overload_kvah == pytest.approx(0.4 * np.sqrt(3) * above_a.sum() * 0.25, rel=1e-6)
    loading, low = verdict.line_loading_percent, verdict.voltage_low_pu
    assert loading is not None
    assert low is not None
    assert (loading.element, loading.time_s) == ("cable", 0)
    assert loading.value == pytest.approx(5 * amps[0])
    assert (low.element, low.time_s) == (grid.connection_points[0], 0)
    assert low.value == pytest.approx(volts[0] / 400)
    assert verdict.is_overloaded
    assert not verdict.keeps_limits


@pytest.mark.parametrize(
    ("limits", "rated_a", "kept"),
    [([0.9, 1.1], 40.0, True), ([0.99, 1.1], 40.0, False), ([0.9, 1.1], 25.0, False)],
)
def test_limits(
    two_bus_net: Any,
    grid_of: Callable[..., Any],
    limits: list[float],
    rated_a: float,
    kept: bool,
) -> None:
    """20 kW behind 0.2 ohm: 29.6 A and 0.974 pu."""
    grid = grid_of(
        two_bus_net, phases="balanced", line_ratings_a={"cable": rated_a}, voltage_limits_pu=limits
    )
    verdict = check_schedule(grid, np.full((1, 1), 20.0), np.zeros((1, 1)), 60).verdict
    assert verdict.keeps_limits is kept
    assert verdict.is_overloaded is (rated_a < 29)


def test_phases_count_apart(two_bus_net: Any, grid_of: Callable[..., Any]) -> None:
    """6 kW on one phase: the supply voltage is that phase's, the energy above the rating too."""
    import pandapower

    two_bus_net.load = two_bus_net.load.iloc[:0]
    pandapower.create_asymmetric_load(two_bus_net, 1, p_b_mw=1e-3, name="house")
    two_bus_net.ext_grid[["s_sc_max_mva", "rx_max", "x0x_max", "r0x0_max"]] = (1e4, 0.1, 1.0, 0.1)
    grid = grid_of(two_bus_net, phases="unbalanced", line_ratings_a={"cable": 20.0})
    power_kw = np.array([[6.0]])
    step = as_steps(grid, power_kw, np.zeros((1, 1)))[0]
    verdict = check_schedule(grid, power_kw, np.zeros((1, 1)), 3600).verdict
    amps = step["line_current_a"][0]
    assert amps[1] > 20 > amps[0]
    assert verdict.overload_kvah == pytest.approx(0.4 / np.sqrt(3) * (amps[1] - 20), rel=1e-9)
    assert verdict.voltage_low_pu is not None
    assert verdict.voltage_low_pu.value == pytest.approx(step["voltage_pu"][0], rel=1e-12)
    assert verdict.voltage_high_pu == verdict.voltage_low_pu  # of other phases nobody is supplied


def test_batches_add_up(street: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """However the memory cuts the schedule: the same, and of equal extremes the first."""
    grid = street()
    power_kw, reactive_kvar = (np.tile(each, 3) for each in drawn(4, 5))
    whole = check_schedule(grid, power_kw, reactive_kvar, 60)
    rows: list[int] = []
    solve = grid.solve_batch

    def counting(power_kw: FloatArray, *more: Any) -> Any:
        rows.append(len(power_kw))
        return solve(power_kw, *more)

    monkeypatch.setattr(grid, "solve_batch", counting)
    monkeypatch.setattr(schedule, "_MOST_BYTES", 1000)
    parts = check_schedule(grid, power_kw, reactive_kvar, 60)
    assert len(rows) > 2
    assert sum(rows) == 15
    one, other = asdict(whole.verdict), asdict(parts.verdict)
    assert one.pop("losses_kwh") == pytest.approx(other.pop("losses_kwh"), rel=1e-12)
    assert one.pop("overload_kvah") == pytest.approx(other.pop("overload_kvah"), rel=1e-12)
    assert one == other
    assert one["line_loading_percent"]["time_s"] < 300
    assert parts.slack_power_kw.tobytes() == whole.slack_power_kw.tobytes()


def test_no_interval_says_nothing(street: Callable[..., Any]) -> None:
    check = check_schedule(street(), np.zeros((4, 0)), np.zeros((4, 0)), 60)
    assert check.slack_power_kw.shape == check.line_loading_percent.shape == (0,)
    assert check.verdict.line_loading_percent is None
    assert check.verdict.voltage_low_pu is None
    assert check.verdict.overload_s is None
    assert check.verdict.losses_kwh is None
    assert check.verdict.unsolved == 0


@pytest.mark.parametrize("engine", ["radial", "pgm", "pandapower"])
def test_what_has_no_solution_is_counted_and_left_out(
    two_bus_net: Any, grid_of: Callable[..., Any], engine: str
) -> None:
    """At most E^2 / (2 (R + Z)) = 394 kW arrive behind 0.2 + 0.05j ohm."""
    grid = grid_of(two_bus_net, engine=engine, phases="balanced")
    power_kw = np.array([[10.0, 420.0, 20.0]])
    check = check_schedule(grid, power_kw, np.zeros((1, 3)), 3600)
    assert check.verdict.unsolved == 1
    assert not check.verdict.keeps_limits
    assert np.isnan(check.slack_power_kw).tolist() == [False, True, False]
    assert check.verdict.line_loading_percent is not None
    assert check.verdict.line_loading_percent.time_s == 7200
    lost_kw = check.slack_power_kw[[0, 2]] - [10.0, 20.0]
    assert check.verdict.losses_kwh == pytest.approx(lost_kw.sum(), rel=1e-6)
    nothing = check_schedule(grid, power_kw[:, 1:2], np.zeros((1, 1)), 60).verdict
    assert nothing.unsolved == 1
    assert nothing.line_loading_percent is None
    assert nothing.voltage_low_pu is None
    assert nothing.losses_kwh is None


@pytest.mark.parametrize("engine", ["radial", "pgm"])
def test_islands_do_not_count(two_bus_net: Any, grid_of: Callable[..., Any], engine: str) -> None:
    """A house that no source reaches has no voltage, which violates nothing."""
    import pandapower

    island = pandapower.create_bus(two_bus_net, vn_kv=0.4, name="island")
    pandapower.create_load(two_bus_net, island, p_mw=0.0, name="hut")
    grid = grid_of(two_bus_net, engine=engine, phases="balanced")
    alone = grid_of(deepcopy(two_bus_net), engine=engine, phases="balanced")
    check = check_schedule(grid, np.array([[10.0], [50.0]]), np.zeros((2, 1)), 60)
    without = check_schedule(alone, np.array([[10.0], [0.0]]), np.zeros((2, 1)), 60)
    assert check.verdict == without.verdict
    assert check.verdict.unsolved == 0
    assert check.verdict.voltage_low_pu is not None
    assert check.verdict.voltage_low_pu.element == grid.connection_points[0]
    assert check.verdict.keeps_limits


@pytest.mark.parametrize(
    ("power", "reactive", "told"),
    [
        (np.zeros((3, 5)), np.zeros((4, 5)), r"power_kw has the shape \(3, 5\).* 4 connection"),
        (np.zeros(4), np.zeros(4), r"power_kw has the shape \(4,\)"),
        (np.zeros((4, 5)), np.zeros((5, 4)), "reactive_power_kvar has the shape"),
        (np.zeros((4, 5)), np.zeros((4, 6)), "5 intervals, reactive_power_kvar 6"),
        (np.full((4, 2), [0.0, np.nan]), np.zeros((4, 2)), "power_kw is nan at '.*' in interval 1"),
    ],
)
def test_what_is_no_schedule_is_refused(
    street: Callable[..., Any], power: FloatArray, reactive: FloatArray, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        check_schedule(street(), power, reactive, 60)


def test_a_verdict_survives_being_taken_apart(street: Callable[..., Any]) -> None:
    verdict = check_schedule(street(), *drawn(4, 3), 60).verdict
    assert ScheduleVerdict.of_parts(asdict(verdict)) == verdict
    with pytest.raises(TypeError):
        ScheduleVerdict.of_parts({"x": 1})


def test_extremes_by_hand() -> None:
    search = ExtremeSearch(["a", "b"], 10, lowest=True)
    nan = np.nan
    assert search.add(np.full((1, 2, 2), nan), 0).tolist() == pytest.approx([nan], nan_ok=True)
    assert search.found is None
    search.add(np.array([[[5.0, 4.0], [nan, 3.0]], [[3.0, 9.0], [nan, nan]]]), 1)
    search.add(np.array([[[3.0, 3.0], [3.0, 3.0]]]), 3)
    assert search.found == Extreme(value=3.0, element="b", time_s=10)
