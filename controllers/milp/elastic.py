"""Why no schedule keeps all limits, in words, and the schedule that exceeds them least."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from typing_extensions import override

from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.problem import Plan, PlanningProblem
from gridloom.controllers.milp.solution import Outcome, Solution
from gridloom.simulators.model import FloatArray


class Limit(StrEnum):
    """What a plan exceeds."""

    FLOW = "flow"
    """Apparent power of a line or transformer, kVA."""
    VOLTAGE = "voltage"
    """Of a bus, pu."""
    ENERGY = "energy"
    """What a vehicle needs or holds, kWh."""
    IMBALANCE = "imbalance"
    """Of a settlement period, kWh."""


_ORDER = tuple(Limit)
_PHASES = "abc"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One limit, exceeded in one run of intervals."""

    limit: Limit
    name: str
    """Of the storage, line, transformer or bus; '' for the imbalance."""
    excess: float
    """The largest of the run, in the unit of its limit."""
    first: int
    """Interval; settlement period for the imbalance."""
    last: int
    words: str
    """What happens, without when."""

    @override
    def __str__(self) -> str:
        what = "settlement period" if self.limit is Limit.IMBALANCE else "interval"
        if self.first == self.last:
            return f"{self.words} in {what} {self.first}"
        return f"{self.words} from {what} {self.first} to {self.last}"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The schedule that exceeds limits least."""

    outcome: Outcome
    """Its plan is usable; no plan at all means that the problem contradicts itself."""
    violations: tuple[Violation, ...]
    """Lines and transformers first, then voltages, storages and imbalances; the worst of each
    first."""

    @override
    def __str__(self) -> str:
        return "\n".join(str(violation) for violation in self.violations)


def diagnose(planner: Planner, problem: PlanningProblem, storage_names: Sequence[str]) -> Diagnosis:
    """Relax a problem that has no solution and name the limits that cannot be kept.

    Args:
        planner: the one that found no solution.
        problem: what it could not solve.
        storage_names: what to call the storages.
    """
    outcome, values = planner.relax_in_full(problem)
    if not isinstance(outcome, Solution):
        return Diagnosis(outcome=outcome, violations=())
    found = [*_energies(outcome.plan, problem, storage_names), *_imbalances(outcome.plan, problem)]
    graph = planner.graph
    if graph is not None:
        found += _flows(graph, problem, outcome.plan, values)
        if graph.has_voltages:
            found += _voltages(graph, values["voltage"])
    return Diagnosis(outcome=outcome, violations=tuple(sorted(found, key=_severity)))


def _severity(violation: Violation) -> tuple[int, float]:
    return _ORDER.index(violation.limit), -violation.excess


def _flows(
    graph: FlowGraph, problem: PlanningProblem, plan: Plan, values: Mapping[str, FloatArray]
) -> Iterator[Violation]:
    power_kw = values["flow_kw"]
    reactive = values.get("flow_kvar")
    if reactive is None:
        drawn = problem.exogenous_kvar.copy()
        np.add.at(drawn, problem.storages.point, plan.reactive_power_kvar)
        reactive = graph.downstream(graph.in_phases(drawn))
    excess = np.hypot(power_kw, reactive) - graph.limit_kva[:, :, None]
    for (arc, phase), first, last, worst in _runs(excess, 1e-3):
        within = f"phase {_PHASES[phase]} of " if graph.phases > 1 else ""
        yield Violation(
            limit=Limit.FLOW,
            name=graph.names[arc],
            excess=worst,
            first=first,
            last=last,
            words=f"{within}{graph.names[arc]} exceeds its limit by {worst:.3g} kVA",
        )


def _voltages(graph: FlowGraph, voltage: FloatArray) -> Iterator[Violation]:
    low, high = graph.voltage_min_pu[:, None], graph.voltage_max_pu[:, None]
    for side, excess in (("below", low - voltage), ("above", voltage - high)):
        for (node,), first, last, worst in _runs(excess, 1e-6):
            name = graph.node_names[node]
            yield Violation(
                limit=Limit.VOLTAGE,
                name=name,
                excess=worst,
                first=first,
                last=last,
                words=f"the voltage at {name} is {worst:.3g} pu {side} its limit",
            )


def _energies(plan: Plan, problem: PlanningProblem, names: Sequence[str]) -> Iterator[Violation]:
    storages = problem.storages
    departs = storages.leaves.copy()
    departs[:, -1] = False  # whoever is there at the end of the plan may stay on
    below = storages.energy_min_kwh - plan.energy_kwh
    above = plan.energy_kwh - storages.energy_max_kwh
    for side, excess in (
        ("leaves {:.3g} kWh short", np.where(departs, below, np.nan)),
        ("is {:.3g} kWh below its lower limit of energy", np.where(departs, np.nan, below)),
        ("is {:.3g} kWh above its upper limit of energy", above),
    ):
        for (storage,), first, last, worst in _runs(excess, 1e-4):
            yield Violation(
                limit=Limit.ENERGY,
                name=names[storage],
                excess=worst,
                first=first,
                last=last,
                words=f"{names[storage]} {side.format(worst)}",
            )


def _imbalances(plan: Plan, problem: PlanningProblem) -> Iterator[Violation]:
    settlement = problem.settlement
    for side, excess in (
        ("below its lower", settlement.imbalance_min_kwh - plan.imbalance_kwh),
        ("above its upper", plan.imbalance_kwh - settlement.imbalance_max_kwh),
    ):
        for _, first, last, worst in _runs(excess, 1e-4):
            yield Violation(
                limit=Limit.IMBALANCE,
                name="",
                excess=worst,
                first=first,
                last=last,
                words=f"the imbalance is {worst:.3g} kWh {side} limit",
            )


def _runs(
    excess: FloatArray, tolerance: float
) -> Iterator[tuple[tuple[int, ...], int, int, float]]:
    """Yield what exceeds, its first and last interval and its largest excess, run by run.

    Args:
        excess: (..., interval), NaN where there is no limit.
        tolerance: what is not worth a word.
    """
    beyond = np.nan_to_num(excess, nan=-np.inf, neginf=-np.inf) > tolerance
    padded = np.pad(beyond, [(0, 0)] * (beyond.ndim - 1) + [(1, 1)])
    edges = np.diff(padded.astype(np.int8), axis=-1)
    # Row-major order pairs each beginning with the end of the same run.
    for begin, end in zip(np.argwhere(edges == 1), np.argwhere(edges == -1), strict=True):
        *where, first = begin.tolist()
        last = int(end[-1]) - 1
        yield tuple(where), first, last, float(np.max(excess[(*where, slice(first, last + 1))]))
