"""Loading, losses and exchange of a grid, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import (
    LINE_CURRENT,
    LOSSES,
    SLACK_POWER,
    TRANSFORMER_LOADING,
    UNSOLVED,
)

NAN = np.nan


def _lines(rows: Any, current_a: Any, rated_a: list[float], **more: Any) -> Any:
    names = [f"L{k + 1}" for k in range(len(rated_a))]
    current_a = np.asarray(current_a, dtype=float)
    return rows(
        signals={LINE_CURRENT: current_a},
        kinds={LINE_CURRENT: ("line", names)},
        phases=("a", "b", "c") if current_a.shape[2] == 3 else ("balanced",),
        static={"line_rated_current_a": (("line",), rated_a), **more.pop("static", {})},
        **more,
    )


def test_loading_and_overload_of_the_worst_phase(evaluate: Any, rows: Any) -> None:
    # Steps of 10 s. L1 (50 A): worst phase 40, 60, 55, unsolved; L2 (100 A): 30 throughout
    l1 = [[40, 10, 10], [10, 60, 52], [55, 55, 0], [NAN, NAN, NAN]]
    current_a = np.array([[phases, [30, 20, 10]] for phases in l1])
    static = {
        "line_from_bus": (("line",), [1, 0]),
        "bus_nominal_voltage_kv": (("bus",), [11.0, 0.4]),
    }
    kpis = evaluate(grid=_lines(rows, current_a, [50.0, 100.0], static=static, step_s=10))
    assert kpis["line_loading_max_percent", ""] == pytest.approx(120.0)
    assert kpis["line_loading_max_percent", "L1"] == pytest.approx(120.0)
    assert kpis["line_current_max_a", "L1"] == 60.0
    assert kpis["line_overload_duration_s", "L1"] == 20.0
    assert kpis["line_overload_duration_s", ""] == 20.0
    assert kpis["overloaded_lines", ""] == 1.0
    # Second step: b by 10 A, c by 2 A; third: a and b by 5 A each. At 0.4 kV / sqrt(3) and 10 s:
    excess_as = (10 + 2 + 5 + 5) * 10
    assert kpis["line_overload_kvah", "L1"] == pytest.approx(0.4 / np.sqrt(3) * excess_as / 3600)
    assert kpis["line_overload_kvah", ""] == kpis["line_overload_kvah", "L1"]
    assert ("line_loading_max_percent", "L2") not in kpis  # never reaches 80 %


def test_time_with_an_overloaded_line_counts_once(evaluate: Any, rows: Any) -> None:
    current_a = np.array([[[11.0], [9.0]], [[11.0], [11.0]], [[9.0], [11.0]], [[10.0], [10.0]]])
    kpis = evaluate(grid=_lines(rows, current_a, [10.0, 10.0]))
    assert kpis["line_overload_duration_s", "L1"] == 2.0
    assert kpis["line_overload_duration_s", "L2"] == 2.0
    assert kpis["line_overload_duration_s", ""] == 3.0
    assert kpis["overloaded_lines", ""] == 2.0
    assert ("line_overload_kvah", "") not in kpis  # nominal voltages are not recorded


def test_only_the_ten_most_loaded_lines_are_listed(evaluate: Any, rows: Any) -> None:
    current_a = np.arange(79.0, 99.0).reshape(1, 20, 1)  # L1 79 %, L2 80 %, ... L20 98 %
    kpis = evaluate(grid=_lines(rows, current_a, [100.0] * 20))
    listed = [of for name, of in kpis if name == "line_loading_max_percent"]
    assert listed == ["", *(f"L{k}" for k in range(20, 10, -1))]


def test_line_of_unknown_rating_or_without_supply_is_not_judged(evaluate: Any, rows: Any) -> None:
    current_a = np.array([[[500.0], [NAN], [9.0]]])
    kpis = evaluate(grid=_lines(rows, current_a, [NAN, 10.0, 10.0]))
    assert kpis["line_loading_max_percent", ""] == pytest.approx(90.0)
    assert kpis["overloaded_lines", ""] == 0.0


def test_no_solved_step_is_not_a_perfect_grid(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(grid=_lines(rows, np.full((3, 1, 1), NAN), [10.0]))
    assert np.isnan(kpis["line_loading_max_percent", ""])


def test_transformers_losses_exchange_and_unsolved_steps(evaluate: Any, rows: Any) -> None:
    grid = rows(
        signals={
            LINE_CURRENT: np.zeros((3, 1, 1)),
            TRANSFORMER_LOADING: np.array([[40.0, 20.0], [NAN, NAN], [50.0, 70.0]]),
            LOSSES: np.array([2.0, NAN, 4.0]),
            SLACK_POWER: np.array([-5.0, NAN, 12.0]),
            UNSOLVED: np.array([0.0, 1.0, 0.0]),
        },
        kinds={LINE_CURRENT: ("line", ["L1"]), TRANSFORMER_LOADING: ("transformer", ["T1", "T2"])},
        step_s=60,
    )
    kpis = evaluate(grid=grid)
    assert kpis["transformer_loading_max_percent", ""] == 70.0
    assert kpis["transformer_loading_max_percent", "T1"] == 50.0
    assert kpis["losses_kwh", ""] == pytest.approx(6.0 * 60 / 3600)
    assert kpis["import_peak_kw", ""] == 12.0
    assert kpis["export_peak_kw", ""] == 5.0
    assert kpis["unsolved_steps", ""] == 1.0


def test_grid_that_never_exports_has_no_peak_export(evaluate: Any, rows: Any) -> None:
    grid = rows(
        signals={LINE_CURRENT: np.zeros((2, 1, 1)), SLACK_POWER: np.array([3.0, 4.0])},
        kinds={LINE_CURRENT: ("line", ["L1"])},
    )
    assert evaluate(grid=grid)["export_peak_kw", ""] == 0.0


def test_grid_without_transformers(evaluate: Any, rows: Any) -> None:
    grid = rows(
        signals={LINE_CURRENT: np.zeros((2, 1, 1)), TRANSFORMER_LOADING: np.zeros((2, 0))},
        kinds={LINE_CURRENT: ("line", ["L1"]), TRANSFORMER_LOADING: ("transformer", [])},
    )
    assert ("transformer_loading_max_percent", "") not in evaluate(grid=grid)
