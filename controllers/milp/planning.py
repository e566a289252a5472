"""One plan after another: foresee, solve, relax where nothing else helps, and say so."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from gridloom.controllers.controller import Observation
from gridloom.controllers.milp.elastic import Limit, Violation, diagnose
from gridloom.controllers.milp.foresight import Foreseen, PlanningForesight
from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.options import PlanOptions
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import Plan
from gridloom.controllers.milp.solution import NoSolution, Outcome, Solution, Status
from gridloom.controllers.telemetry import (
    SOLVE_BOUND,
    SOLVE_GAP,
    SOLVE_OBJECTIVE,
    SOLVE_RELAXED,
    SOLVE_STATUS,
    SOLVE_TIME,
)
from gridloom.simulators.quantities import format_duration

_log = logging.getLogger(__name__)

_TOLD = 5
"""Violations that are told; the record has their sum."""
OPTIMAL, FEASIBLE, RELAXED, NO_PLAN = 0.0, 1.0, 2.0, 3.0
"""Values of `SOLVE_STATUS`."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What came of an attempt to plan."""

    foreseen: Foreseen
    plan: Plan | None
    """None where there is none."""
    telemetry: Mapping[str, float]
    """By the name of the signals."""
    cause: str
    """Why there is no plan, or why limits were relaxed; '' otherwise."""


class Planning:
    """Makes the plans of one controller and counts what it took."""

    def __init__(
        self,
        name: str,
        foresight: PlanningForesight,
        options: PlanOptions,
        graph: FlowGraph | None,
        charging_points: tuple[str, ...],
    ) -> None:
        """Begin without a plan.

        Args:
            name: of the controller, for what is logged.
            foresight: what the plans rest on.
            options: objective, binaries and the like.
            graph: what of the grid they respect.
            charging_points: names of whom they are for.
        """
        self.foresight = foresight
        self._name = name
        self._planner = Planner(options, graph)
        self._graph = graph
        self._charging_points = charging_points
        self.counters: Counter[str] = Counter()

    def make(self, time: int, observation: Observation) -> Planned:
        """Make a plan for the time from now on."""
        began = perf_counter()
        foreseen = self.foresight.foresee(time, observation)
        outcome = self._planner.solve(foreseen.problem)
        relaxed, cause = 0.0, ""
        if isinstance(outcome, NoSolution) and outcome.status is Status.INFEASIBLE:
            outcome, relaxed, cause = self._relax(foreseen, outcome.cause)
        if isinstance(outcome, NoSolution):
            cause = outcome.cause
        wall_s = perf_counter() - began
        self._report(time, outcome, cause)
        return Planned(
            foreseen=foreseen,
            plan=outcome.plan if isinstance(outcome, Solution) else None,
            telemetry={
                **_telemetry(outcome, relaxed, is_relaxed=bool(cause)),
                SOLVE_TIME.name: wall_s,
            },
            cause=cause,
        )

    def _relax(self, foreseen: Foreseen, cause: str) -> tuple[Outcome, float, str]:
        """Return the plan that exceeds limits as little as can be, how much, and which."""
        found = diagnose(self._planner, foreseen.problem, self._charging_points)
        relaxed = sum(each.excess for each in found.violations if each.limit is not Limit.VOLTAGE)
        told = [_told(violation, foreseen) for violation in found.violations[:_TOLD]]
        if len(found.violations) > _TOLD:
            told.append(f"and {len(found.violations) - _TOLD} more")
        return found.outcome, relaxed, "; ".join((cause, *told))

    def _report(self, time: int, outcome: Outcome, cause: str) -> None:
        self.counters["solves"] += 1
        if isinstance(outcome, NoSolution):
            self.counters["solves_without_plan"] += 1
            _log.warning("%s: no plan at %d s: %s", self._name, time, cause)
            return
        self.counters["branch_and_bound_nodes"] += outcome.nodes
        if cause:
            self.counters["relaxed_solves"] += 1
            _log.warning("%s: limits relaxed at %d s: %s", self._name, time, cause)
        _log.info(
            "%s: plan at %d s: %s, %.6g EUR (at least %.6g), %s",
            self._name,
            time,
            outcome.status,
            outcome.objective_eur,
            outcome.bound_eur,
            f"charging and discharging exclude each other: {outcome.exclusivity}",
        )


def _told(violation: Violation, foreseen: Foreseen) -> str:
    """Return what happens and since when."""
    if violation.limit is Limit.IMBALANCE:
        return str(violation)
    window = foreseen.window
    since_s = window.start_s + violation.first * window.interval_s
    return f"{violation.words}, {format_duration(since_s)} after the start"


def _telemetry(outcome: Outcome, relaxed: float, *, is_relaxed: bool) -> dict[str, float]:
    if isinstance(outcome, NoSolution):
        return {SOLVE_STATUS.name: NO_PLAN}
    kept = OPTIMAL if outcome.status is Status.OPTIMAL else FEASIBLE
    return {
        SOLVE_STATUS.name: RELAXED if is_relaxed else kept,
        SOLVE_OBJECTIVE.name: outcome.objective_eur,
        SOLVE_BOUND.name: outcome.bound_eur,
        SOLVE_GAP.name: outcome.gap,
        SOLVE_RELAXED.name: relaxed,
    }
