"""What becomes of a planning problem: a plan, or a named reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gridloom.controllers.milp.options import Exclusivity
from gridloom.controllers.milp.problem import Plan


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    """Within the gap that was asked for."""
    FEASIBLE = "feasible"
    """A limit was reached; the plan keeps all constraints."""
    INFEASIBLE = "infeasible"
    LIMIT = "limit"
    """A limit was reached before any plan was found."""
    FAILED = "failed"
    """The solver gave up: numerical trouble, or a problem without bound."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A plan and how good it is."""

    plan: Plan
    status: Status
    """`OPTIMAL` or `FEASIBLE`."""
    objective_eur: float
    """With `Objective.COST_AND_ENERGY`, energy counts relative to that at entry: the cost of the
    imbalance less the value of what the vehicles gain."""
    bound_eur: float
    """No plan has a lower objective."""
    gap: float
    """Objective less bound, relative to the objective, or to 1e-3 EUR where that is more."""
    wall_s: float
    """Time in the solver, all stages."""
    nodes: int
    """Of branch and bound; 0 for linear programs."""
    exclusivity: Exclusivity
    """Why no storage charges and discharges at the same time."""


@dataclass(frozen=True, kw_only=True)
class NoSolution:
    """No plan, and why."""

    status: Status
    cause: str
    """In words."""
    wall_s: float


Outcome: TypeAlias = Solution | NoSolution
