"""Voltage bands and EN 50160, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.simulators.signals import BUS_VOLTAGE, LINE_CURRENT, VOLTAGE, VOLTAGE_UNBALANCE

NAN = np.nan
POINTS = ("connection_point",)


def _points(rows: Any, voltage_pu: Any, limits: Any = None, *, step_s: int = 60) -> Any:
    """A grid that records one voltage a connection point."""
    voltage_pu = np.asarray(voltage_pu, dtype=float)
    names = [f"H{k + 1}" for k in range(voltage_pu.shape[1])]
    return rows(
        signals={LINE_CURRENT: np.zeros((len(voltage_pu), 1, 1)), VOLTAGE: voltage_pu},
        kinds={LINE_CURRENT: ("line", ["L1"]), VOLTAGE: ("connection_point", names)},
        static=limits or {},
        step_s=step_s,
    )


def test_extremes_and_the_scenario_s_own_limits(evaluate: Any, rows: Any) -> None:
    voltage_pu = [[1.00, 0.94], [1.06, 0.96], [NAN, NAN], [1.00, 0.96]]
    limits = {"voltage_limit_low_pu": ((), 0.95), "voltage_limit_high_pu": ((), 1.05)}
    kpis = evaluate(grid=_points(rows, voltage_pu, limits))
    assert kpis["voltage_min_pu", ""] == kpis["voltage_min_pu", "H2"] == 0.94
    assert kpis["voltage_max_pu", ""] == kpis["voltage_max_pu", "H1"] == 1.06
    # 2 of the 6 solved pairs of step and point
    assert kpis["voltage_outside_limits_percent", ""] == pytest.approx(100 / 3)
    assert kpis["connection_points_outside_limits", ""] == 2.0


def test_without_limits_nothing_is_outside(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(grid=_points(rows, [[0.5]]))
    assert ("connection_points_outside_limits", "") not in kpis


def test_single_phase_customers_are_judged_by_their_own_phase(evaluate: Any, rows: Any) -> None:
    # Phase c of bus B2 is low; H1 (phase a) and H3 (bus B1) do not notice, H2 (three phases) does
    voltage_pu = np.ones((10, 2, 3))
    voltage_pu[:, 1, 2] = 0.8
    grid = rows(
        signals={LINE_CURRENT: np.zeros((10, 1, 3)), BUS_VOLTAGE: voltage_pu},
        kinds={LINE_CURRENT: ("line", ["L1"]), BUS_VOLTAGE: ("bus", ["B1", "B2"])},
        phases=("a", "b", "c"),
        static={
            "connection_point": (POINTS, np.array(["H1", "H2", "H3"])),
            "connection_point_bus": (POINTS, [1, 1, 0]),
            "connection_point_phase": (POINTS, np.array(["a", "abc", "c"])),
            "voltage_limit_low_pu": ((), 0.9),
            "voltage_limit_high_pu": ((), 1.1),
        },
        step_s=60,
    )
    kpis = evaluate(grid=grid)
    assert kpis["voltage_min_pu", "H2"] == 0.8
    assert kpis["connection_points_outside_limits", ""] == 1.0
    assert kpis["connection_points_violating_en50160", ""] == 1.0
    # 5 supply voltages, one of them always low
    assert kpis["voltage_outside_limits_percent", ""] == pytest.approx(20.0)


def test_en50160_judges_means_over_ten_minutes(evaluate: Any, rows: Any) -> None:
    """Two windows of 10 rows: a dip of 1 min passes, the mean of a window counts."""
    dip = np.ones(20)
    dip[3] = 0.5  # mean 0.95
    low = np.ones(20)
    low[10:] = 0.89  # one of two means outside of 10 %
    kpis = evaluate(grid=_points(rows, np.column_stack([dip, low])))
    assert kpis["connection_points_violating_en50160", ""] == 1.0
    assert kpis["voltage_within_en50160_percent", ""] == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("mean_pu", "violations"),
    [(0.86, 0.0), (0.84, 1.0), (1.09, 0.0), (1.11, 1.0)],
)
def test_en50160_allows_five_percent_of_means_a_wider_band(
    evaluate: Any, rows: Any, mean_pu: float, violations: float
) -> None:
    # One of 20 means, 5 %, lies at mean_pu: -15 % and +10 % hold for all means
    voltage_pu = np.ones((20, 1))
    voltage_pu[7] = mean_pu
    kpis = evaluate(grid=_points(rows, voltage_pu, step_s=600))
    assert kpis["connection_points_violating_en50160", ""] == violations


def test_en50160_leaves_out_a_window_that_is_not_full(evaluate: Any, rows: Any) -> None:
    voltage_pu = np.ones((15, 1))
    voltage_pu[10:] = 0.5
    assert (
        evaluate(grid=_points(rows, voltage_pu))["connection_points_violating_en50160", ""] == 0.0
    )


def test_label_says_when_the_run_is_too_short(record: Any, rows: Any) -> None:
    def label(minutes: int) -> str:
        kpis = compute_kpis(record(grid=_points(rows, np.ones((minutes, 1)))))
        return next(k.label for k in kpis if k.name == "connection_points_violating_en50160")

    assert label(5).endswith("(only 5 min)")


def test_label_names_the_length_of_the_means(record: Any, rows: Any, coarsen: Any) -> None:
    """10 min are no whole number of rows of 15 min."""
    steps = record(grid=_points(rows, np.ones((60, 1))))
    violating = "connection_points_violating_en50160"
    fine, coarse = (
        {kpi.name: kpi.label for kpi in compute_kpis(each)} for each in (steps, coarsen(steps, 900))
    )
    assert fine[violating] == "connection points violating EN 50160 by 10-min means (6 means)"
    assert coarse[violating] == "connection points violating EN 50160 by 15-min means (4 means)"
    assert coarse["voltage_within_en50160_percent"].startswith("15-min means")


def test_unbalance_is_the_percentile_of_the_worst_point(evaluate: Any, rows: Any) -> None:
    # 21 means 0.0, 0.1, ... 2.0 at H2: the 95th percentile is the 20th, 1.9 (linear definition)
    unbalance = np.column_stack([np.full(21, 0.5), np.arange(21) / 10])
    grid = rows(
        signals={LINE_CURRENT: np.zeros((21, 1, 3)), VOLTAGE_UNBALANCE: unbalance},
        kinds={
            LINE_CURRENT: ("line", ["L1"]),
            VOLTAGE_UNBALANCE: ("connection_point", ["H1", "H2"]),
        },
        phases=("a", "b", "c"),
        step_s=600,
    )
    assert evaluate(grid=grid)["voltage_unbalance_p95_percent", ""] == pytest.approx(1.9)


def test_no_solved_step_has_no_voltage(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(grid=_points(rows, np.full((12, 2), NAN)))
    assert not [name for name, _ in kpis if "voltage" in name]
