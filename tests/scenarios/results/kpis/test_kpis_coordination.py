"""Messages, solves and plans of controllers, worked out by hand."""

import json
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.telemetry import (
    MESSAGE_BYTES,
    MESSAGES,
    PLANNED_BUS_VOLTAGE,
    PLANNED_LINE_CURRENT,
    PLANNED_LINE_LOADING,
    PLANNED_SLACK_POWER,
    SOLVE_GAP,
    SOLVE_STATUS,
    SOLVE_TIME,
)
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.decisions import computing_time_kpis
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    POWER,
    POWER_SETPOINT,
    SLACK_POWER,
)

POINTS = ("charging_point", ["P1", "P2"])
NAN = np.nan


def _controller(rows: Any, signals: Any, **rest: Any) -> Any:
    return rows(signals=signals, role="controller", **rest)


def _times(record: Any, **wall_times: float) -> dict[tuple[str, str], float]:
    for name, seconds in wall_times.items():
        record.attrs[name] = seconds
    return {(kpi.name, kpi.of): kpi.value for kpi in computing_time_kpis(record)}


def test_messages_add_up_over_steps_and_agents(evaluate: Any, rows: Any) -> None:
    """Two minutes of 30 s, two agents: 4 x (3 + 1) messages, of two devices."""
    kpis = evaluate(
        charging=_controller(
            rows,
            {
                POWER_SETPOINT: np.ones((4, 2)),
                MESSAGES: np.tile([3.0, 1.0], (4, 1)),
                MESSAGE_BYTES: np.full(4, 100.0),
            },
            kinds={POWER_SETPOINT: POINTS, MESSAGES: POINTS},
            step_s=30,
        )
    )
    assert kpis["messages", ""] == 16.0
    assert kpis["messages_per_device_and_minute", ""] == 16.0 / 2 / 2
    assert kpis["message_bytes", ""] == 400.0
    assert kpis["message_bytes_per_device_and_minute", ""] == 100.0


def test_devices_are_those_that_the_controller_controls(record: Any, rows: Any) -> None:
    opened = record(
        ev=rows(signals={POWER: np.ones((60, 2))}, kinds={POWER: POINTS}),
        charging=_controller(rows, {MESSAGES: np.full(60, 4.0)}),
    )
    assert "messages_per_device_and_minute" not in {kpi.name for kpi in compute_kpis(opened)}
    opened.attrs["scenario"] = json.dumps({"controllers": {"charging": {"controls": "ev"}}})
    kpis = {kpi.name: kpi.value for kpi in compute_kpis(opened)}
    assert kpis["messages_per_device_and_minute"] == 240 / 2


def test_silence_about_messages_is_not_zero(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        charging=_controller(
            rows, {POWER_SETPOINT: np.ones((4, 2))}, kinds={POWER_SETPOINT: POINTS}
        )
    )
    assert ("messages", "") not in kpis


def test_several_controllers_carry_their_names(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        one=_controller(rows, {MESSAGES: np.ones(3)}),
        other=_controller(rows, {MESSAGES: np.full(3, 2.0), SOLVE_STATUS: np.zeros(3)}),
    )
    assert (kpis["messages", "one"], kpis["messages", "other"]) == (3.0, 6.0)
    assert kpis["solves", "other"] == 3.0
    assert ("messages", "") not in kpis


def test_solves_are_the_steps_with_a_status(evaluate: Any, rows: Any) -> None:
    """Optimal, none, within a limit, none, no plan: three solves, two without an optimum."""
    kpis = evaluate(
        plan=_controller(
            rows,
            {
                SOLVE_STATUS: np.array([0.0, NAN, 1.0, NAN, 3.0]),
                SOLVE_GAP: np.array([0.0, NAN, 0.02, NAN, NAN]),
            },
        )
    )
    assert kpis["solves", ""] == 3.0
    assert kpis["solves_not_optimal", ""] == 2.0
    assert kpis["solve_relative_gap_max", ""] == 0.02


def test_wall_times_are_told_apart_from_reproducible_indicators(record: Any, rows: Any) -> None:
    """0.8 s for four decisions of which two solve, 0.3 and 0.1 s."""
    opened = record(plan=_controller(rows, {SOLVE_TIME: np.array([0.3, NAN, 0.1, NAN])}))
    assert compute_kpis(opened) == []
    times = _times(opened, wall_time_plan_s=0.8)
    assert times["decision_wall_time_ms", ""] == pytest.approx(200.0)
    assert times["decisions_wall_time_s", ""] == 0.8
    assert times["solve_wall_time_mean_s", ""] == pytest.approx(0.2)
    assert times["solve_wall_time_max_s", ""] == 0.3


def _grid(rows: Any, slack_kw: Any, current_a: Any, voltage_pu: Any) -> Any:
    current_a = np.asarray(current_a, dtype=float)
    return rows(
        signals={SLACK_POWER: slack_kw, LINE_CURRENT: current_a, BUS_VOLTAGE: voltage_pu},
        kinds={LINE_CURRENT: ("line", ["L1", "L2"]), BUS_VOLTAGE: ("bus", ["B1", "B2"])},
        phases=("a", "b")[: current_a.shape[2]],
    )


def test_plan_is_compared_with_means_over_its_intervals(evaluate: Any, rows: Any) -> None:
    """Actual means over 2 s: (3, 4) kW; planned (4, 3): cos = (12 + 12) / (5 x 5) = 0.96."""
    kpis = evaluate(
        grid=_grid(
            rows,
            np.array([1.0, 5.0, 4.0, 4.0]),
            [[[10.0], [1.0]], [[20.0], [1.0]], [[30.0], [1.0]], [[30.0], [3.0]]],
            np.array([[[1.0], [0.98]], [[1.0], [1.0]], [[1.0], [1.0]], [[1.0], [1.0]]]),
        ),
        plan=_controller(
            rows,
            {
                PLANNED_SLACK_POWER: np.array([4.0, 3.0]),
                # Means are 15 and 30 A on L1, 1 and 2 A on L2; another order of the lines
                PLANNED_LINE_CURRENT: np.array([[1.5, 14.0], [2.0, 33.0]]),
                PLANNED_BUS_VOLTAGE: np.array([[1.0, 1.0], [1.0, 1.0]]),
            },
            kinds={
                PLANNED_LINE_CURRENT: ("line", ["L2", "L1"]),
                PLANNED_BUS_VOLTAGE: ("bus", ["B1", "B2"]),
            },
            step_s=2,
        ),
    )
    assert kpis["plan_cosine_similarity", ""] == pytest.approx(0.96)
    assert kpis["plan_worst_line_current_difference_a", ""] == pytest.approx(3.0)
    assert kpis["plan_worst_line_current_difference_a", "L1"] == pytest.approx(3.0)
    assert kpis["plan_worst_voltage_difference_pu", "B2"] == pytest.approx(0.01)


def test_steps_without_plan_or_solution_count_for_nothing(evaluate: Any, rows: Any) -> None:
    """Only the third second has both: one interval is parallel to itself."""
    kpis = evaluate(
        grid=_grid(
            rows,
            np.array([1.0, NAN, 2.0]),
            [[[5.0], [5.0]], [[NAN], [NAN]], [[7.0], [5.0]]],
            np.ones((3, 2, 1)),
        ),
        plan=_controller(
            rows,
            {
                PLANNED_SLACK_POWER: np.array([NAN, 9.0, 8.0]),
                PLANNED_LINE_CURRENT: np.array([[NAN, NAN], [0.0, 0.0], [6.0, 5.0]]),
            },
            kinds={PLANNED_LINE_CURRENT: ("line", ["L1", "L2"])},
        ),
    )
    assert kpis["plan_cosine_similarity", ""] == pytest.approx(1.0)
    assert kpis["plan_worst_line_current_difference_a", "L1"] == 1.0


def test_a_balanced_plan_is_held_against_every_phase(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        grid=_grid(rows, np.ones(1), [[[10.0, 16.0], [5.0, 5.0]]], np.ones((1, 2, 2))),
        plan=_controller(
            rows,
            {PLANNED_LINE_CURRENT: np.array([[12.0, 5.0]])},
            kinds={PLANNED_LINE_CURRENT: ("line", ["L1", "L2"])},
        ),
    )
    assert kpis["plan_worst_line_current_difference_a", "L1"] == 4.0


def test_a_plan_of_nothing_that_is_recorded_gives_nothing(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        grid=_grid(rows, np.zeros(2), np.ones((2, 2, 1)), np.ones((2, 2, 1))),
        plan=_controller(
            rows,
            {
                PLANNED_SLACK_POWER: np.zeros(2),
                PLANNED_LINE_CURRENT: np.ones((2, 1)),
            },
            kinds={PLANNED_LINE_CURRENT: ("line", ["elsewhere"])},
        ),
    )
    assert not [name for name, _ in kpis if name.startswith("plan_")]


@pytest.mark.parametrize(("second", "simulated"), [(NAN, 90.0), (110.0, 175.0)])
def test_planned_loading_stands_beside_the_simulated_one(
    evaluate: Any, rows: Any, second: float, simulated: float
) -> None:
    """Means over 2 s: 15 and 35 A of 20 on L1, 9 A of 10 on L2; where there is a plan."""
    current_a = np.array([[[10.0], [9.0]], [[20.0], [9.0]], [[35.0], [9.0]], [[35.0], [9.0]]])
    grid = rows(
        signals={LINE_CURRENT: current_a},
        kinds={LINE_CURRENT: ("line", ["L1", "L2"])},
        static={"line_rated_current_a": (("line",), [20.0, 10.0])},
    )
    signals = {PLANNED_LINE_LOADING: np.array([80.0, second])}
    kpis = evaluate(grid=grid, plan=_controller(rows, signals, step_s=2))
    assert kpis["plan_line_loading_max_percent", ""] == np.fmax(80.0, second)
    assert kpis["plan_line_loading_simulated_max_percent", ""] == pytest.approx(simulated)


def test_without_planned_loading_there_is_nothing_to_compare(evaluate: Any, rows: Any) -> None:
    grid = rows(
        signals={LINE_CURRENT: np.ones((2, 1, 1))},
        kinds={LINE_CURRENT: ("line", ["L1"])},
        static={"line_rated_current_a": (("line",), [20.0])},
    )
    kpis = evaluate(grid=grid, plan=_controller(rows, {PLANNED_LINE_LOADING: np.full(2, NAN)}))
    assert ("plan_line_loading_max_percent", "") not in kpis
