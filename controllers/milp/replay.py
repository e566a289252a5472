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
from gridloom.simulators.grid.extremes import Extreme, ExtremeSearch
from gridloom.simulators.grid.schedule import ScheduleCheck, ScheduleTally, power_flows
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import FloatArray, Outputs
from gridloom.simulators.quantities import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A schedule in the AC power flow, compared with the linear model of a plan."""

    cosine_similarity: float
    """Of the power drawn from the external grid."""
    linear_slack_kw: FloatArray
    """(interval,)"""
    current_error_a: Extreme | None
    """Largest difference of a line current, of the phase where it is; None if nothing is solved."""
    voltage_error_pu: Extreme | None
    """Largest difference of a bus voltage, likewise."""
    check: ScheduleCheck
    """What the AC power flow says."""


def replay_plan(
    grid: Grid, power_kw: FloatArray, reactive_power_kvar: FloatArray, *, interval_s: int
) -> Replay:
    """Solve injections by the AC power flow and by the linear model of plans.

    Args:
        grid: whose engine solves them.
        power_kw: (connection_point, interval), load convention.
        reactive_power_kvar: likewise.
        interval_s: length of the intervals.
    """
    linear = LinearGrid(grid)
    tally = ScheduleTally(grid, interval_s)
    current = ExtremeSearch(linear.feeder.line_names, interval_s)
    voltage = ExtremeSearch(linear.feeder.bus_names, interval_s)
    linear_kw = []
    for first, solved in power_flows(grid, power_kw, reactive_power_kvar):
        tally.add(first, solved)
        chunk = slice(first, first + len(solved.slack_power_kw))
        expected = linear.flows(power_kw[:, chunk], reactive_power_kvar[:, chunk])
        linear_kw.append(expected.slack_power_kw)
        actual_pu = np.abs(solved.bus_voltage_pu)
        current.add(np.abs(_by_time(expected.line_current_a) - solved.line_current_a), first)
        voltage.add(np.abs(_by_time(expected.bus_voltage_pu) - actual_pu), first)
    check = tally.check()
    linear_slack_kw = np.concatenate([np.zeros(0), *linear_kw])
    return Replay(
        cosine_similarity=cosine_similarity(linear_slack_kw, check.slack_power_kw),
        linear_slack_kw=linear_slack_kw,
        current_error_a=current.found,
        voltage_error_pu=voltage.found,
        check=check,
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


def _by_time(values: FloatArray) -> FloatArray:
    """Reorder (element, phase, time) to (time, element, phase)."""
    return np.moveaxis(values, -1, 0)
