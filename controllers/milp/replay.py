"""Replays a schedule in the AC power flow: how good was the linear model, and do limits hold?

The cosine similarity of both grid profiles is the measure of Zafar et al., ISGT Europe 2021. It
tells of the shape, so the largest errors of currents and voltages stand beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridloom.controllers.milp.case import PlanningCase
from gridloom.controllers.milp.linear_flow import LinearGrid
from gridloom.controllers.milp.stays import stays_of_sessions
from gridloom.simulators.grid.engine import PowerFlowEngine, PowerFlowSolution
from gridloom.simulators.model import FloatArray, Model, Outputs
from gridloom.simulators.quantities import SECONDS_PER_HOUR

_AT_ONCE = 1024
"""Power flows solved in one batch, to bound the memory."""


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The largest value of something, and where and when it was."""

    value: float
    """NaN if nothing was solved."""
    element: str = ""
    time_s: int = 0
    """Seconds since the start of the run."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A schedule in the AC power flow, compared with the linear model of a plan."""

    cosine_similarity: float
    """Of the power drawn from the external grid."""
    linear_slack_kw: FloatArray
    """(interval,)"""
    slack_kw: FloatArray
    """(interval,), NaN where there is no solution."""
    current_error_a: Extreme
    """Largest difference of a line current, of the phase where it is."""
    voltage_error_pu: Extreme
    """Largest difference of a bus voltage, likewise."""
    loading_percent: Extreme
    """Most loaded line in the AC power flow."""
    unsolved: int
    """Intervals without a solution."""


def replay_plan(
    grid: Model,
    engine: PowerFlowEngine,
    power_kw: FloatArray,
    reactive_power_kvar: FloatArray,
    *,
    interval_s: int,
) -> Replay:
    """Solve injections by the AC power flow and by the linear model of plans.

    Args:
        grid: for its constants and names.
        engine: of the same grid.
        power_kw: (connection_point, interval), load convention.
        reactive_power_kvar: likewise.
        interval_s: length of the intervals.
    """
    linear = LinearGrid(grid)
    told = {each.name: each.values for each in grid.static()}
    rated_a = np.asarray(told["line_rated_current_a"], dtype=np.float64)
    slack: list[tuple[FloatArray, FloatArray]] = []
    worst: dict[str, Extreme] = {
        name: Extreme(value=np.nan) for name in ("current", "voltage", "loading")
    }
    for first in range(0, power_kw.shape[1], _AT_ONCE):
        chunk = slice(first, first + _AT_ONCE)
        solved = engine.solve_batch(power_kw[:, chunk].T, reactive_power_kvar[:, chunk].T)
        expected = linear.flows(power_kw[:, chunk], reactive_power_kvar[:, chunk])
        slack.append((expected.slack_power_kw, solved.slack_power_kw))
        lines, buses = linear.feeder.line_names, linear.feeder.bus_names
        found = {
            "current": (expected.line_current_a - _by_element(solved.line_current_a), lines),
            "voltage": (expected.bus_voltage_pu - _by_element(_magnitude(solved)), buses),
            "loading": (
                100.0 * _by_element(solved.line_current_a) / rated_a[:, np.newaxis, np.newaxis],
                lines,
            ),
        }
        for name, (values, names) in found.items():
            here = _extreme(np.abs(values), names, first, interval_s)
            worst[name] = here if not worst[name].value >= here.value else worst[name]
    linear_kw, slack_kw = (np.concatenate(part) for part in zip(*slack, strict=True))
    return Replay(
        cosine_similarity=cosine_similarity(linear_kw, slack_kw),
        linear_slack_kw=linear_kw,
        slack_kw=slack_kw,
        current_error_a=worst["current"],
        voltage_error_pu=worst["voltage"],
        loading_percent=worst["loading"],
        unsolved=int(np.isnan(slack_kw).sum()),
    )


def injections(
    case: PlanningCase, futures: Mapping[str, Outputs], setpoints_kw: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what all devices draw if vehicles follow setpoints: (connection_point, interval) each.

    Vehicles draw while they are there, whatever their batteries hold.

    Args:
        case: whose intervals are wanted.
        futures: of everything but the vehicles, means over these intervals.
        setpoints_kw: (charging_point, interval).
    """
    exogenous = case.surroundings.as_it_will_be(futures)
    stays = stays_of_sessions(case.fleet)
    present = np.zeros(setpoints_kw.shape)
    hours = stays.present_h(case.run_edges_s)
    np.add.at(present, stays.place, hours * (SECONDS_PER_HOUR / case.interval_s))
    drawn_kw = setpoints_kw * present
    power_kw = exogenous.power_kw.copy()
    reactive_kvar = exogenous.reactive_power_kvar.copy()
    np.add.at(power_kw, case.point_of_place, drawn_kw)
    np.add.at(reactive_kvar, case.point_of_place, drawn_kw * case.fleet.tan_phi)
    return power_kw, reactive_kvar


def with_interval(case: PlanningCase, interval_s: int) -> PlanningCase:
    """Return a case with other intervals.

    Raises:
        ScenarioError: they fit neither the market nor the devices.
    """
    changed = replace(case, surroundings=replace(case.surroundings, interval_s=interval_s))
    changed.require_consistent()
    return changed


def cosine_similarity(first: FloatArray, second: FloatArray) -> float:
    """Return sum x y / sqrt(sum x^2 sum y^2) over where both are known; NaN if either is 0."""
    known = np.isfinite(first) & np.isfinite(second)
    x, y = first[known], second[known]
    length = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / length if length else np.nan


def _magnitude(solved: PowerFlowSolution) -> FloatArray:
    magnitude: FloatArray = np.abs(solved.bus_voltage_pu)
    return magnitude


def _by_element(values: FloatArray) -> FloatArray:
    """Reorder (time, element, phase) to (element, phase, time)."""
    return np.moveaxis(values, 0, -1)


def _extreme(values: FloatArray, names: tuple[str, ...], first: int, interval_s: int) -> Extreme:
    """Return the largest of (element, phase, interval), of which the first is given."""
    if not np.isfinite(values).any():
        return Extreme(value=np.nan)
    at = np.unravel_index(int(np.nanargmax(values)), values.shape)
    return Extreme(
        value=float(values[at]),
        element=names[int(at[0])],
        time_s=(first + int(at[-1])) * interval_s,
    )
