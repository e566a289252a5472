"""What agents could reach together: all their programs joined into one, that trades what is left.

The reference that negotiations are measured by. It knows every device; with what the agents know
now it is myopic, with real prices and generation of a whole run it has perfect information.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloom.controllers.optimisation.writing import (
    Formulation,
    Numbers,
    total,
    values_of,
    write,
)
from gridloom.simulators.model import FloatArray

_CERTAIN = 1e-9
"""Relative difference of primal and dual objective, at most."""
_ROUNDING = 1e-6
"""Of dual values, which are prices in EUR/MWh times hours."""
_EUR = 1e-3


@dataclass(frozen=True, kw_only=True)
class AgentProgram:
    """The program of one agent in its present state: see `OptimisingAgent.program`."""

    name: str
    formulate: Formulation
    numbers: Numbers


@dataclass(frozen=True, kw_only=True)
class CentralOptimum:
    """No schedules of these devices cost less."""

    power_kw: FloatArray
    """(agent, interval), load convention."""
    bought_kw: FloatArray
    """(interval,), traded: what all together consume beyond their schedules."""
    sold_kw: FloatArray
    """(interval,), what they consume short of them."""
    objective_eur: float
    """Cost of trade and all agents' own costs: generation, wear, inertia."""
    bound_eur: float
    """Below which nothing can cost, by weak duality from the solver's multipliers."""


def central_model(
    programs: Sequence[AgentProgram],
    deviation_kw: FloatArray,
    buying: FloatArray,
    selling: FloatArray,
    hours: float,
) -> Any:
    """Return the joint program as a `pyomo.environ.ConcreteModel`, its objective in 1e-3 EUR.

    Block `agents[i]` holds the i-th program; see `central_optimum` for the arguments.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name="central")
    intervals = range(len(deviation_kw))
    model.agents = pyo.Block(range(len(programs)))
    for number, program in enumerate(programs):
        write(model.agents[number], program.formulate, program.numbers)
    model.bought = pyo.Var(intervals, bounds=(0.0, None))
    model.sold = pyo.Var(intervals, bounds=(0.0, None))

    def balance(_: Any, t: int) -> Any:
        flexible = pyo.quicksum(agent.up[t] - agent.down[t] for agent in model.agents.values())
        return model.bought[t] - model.sold[t] - flexible == float(deviation_kw[t])

    model.balance = pyo.Constraint(intervals, rule=balance)
    own = pyo.quicksum(
        total(model.agents[number], program.numbers.costs) + program.numbers.offset
        for number, program in enumerate(programs)
    )
    trade = total(model, {"bought": hours * buying, "sold": -hours * selling})
    model.objective = pyo.Objective(expr=own + trade)
    return model


def central_optimum(
    programs: Sequence[AgentProgram],
    deviation_kw: FloatArray,
    buying: FloatArray,
    selling: FloatArray,
    hours: float,
) -> CentralOptimum:
    """Minimise what all agents and their trade cost together.

    Args:
        programs: of all flexible agents, of equally many intervals.
        deviation_kw: (interval,), what inflexible agents consume beyond their schedules.
        buying: (interval,), EUR/MWh, for consuming more than scheduled, all together.
        selling: (interval,), for consuming less; at most the other.
        hours: length of an interval.

    Raises:
        ValueError: buying and selling at once would pay.
        RuntimeError: there is no optimum, or it is not certain.
    """
    from pyomo.contrib.appsi.base import TerminationCondition
    from pyomo.contrib.appsi.solvers import Highs

    if (selling > buying).any():
        raise ValueError("somewhere the selling price is above the buying price")
    model = central_model(programs, deviation_kw, buying, selling, hours)
    solver = Highs()
    solver.config.load_solution = False
    solver.highs_options = {"threads": 1, "parallel": "off", "random_seed": 0}
    ended = solver.solve(model)
    if ended.termination_condition != TerminationCondition.optimal:
        raise RuntimeError(f"no central optimum: {ended.termination_condition.name}")
    solver.load_vars()
    objective = float(ended.best_feasible_objective)
    offset = sum(program.numbers.offset for program in programs)
    terms = np.array([*_dual_terms(solver)])
    bound = float(terms.sum()) + offset
    if abs(objective - bound) > _CERTAIN * max(1.0, float(np.abs(terms).sum())):
        raise RuntimeError(f"the central optimum {objective:g} is not certain: bound {bound:g}")
    shape = deviation_kw.shape
    return CentralOptimum(
        power_kw=np.array([values_of(agent, "power", shape) for agent in model.agents.values()]),
        bought_kw=values_of(model, "bought", shape),
        sold_kw=values_of(model, "sold", shape),
        objective_eur=objective * _EUR,
        bound_eur=bound * _EUR,
    )


def _dual_terms(solver: Any) -> Iterator[float]:
    """Yield what every bound adds to the dual objective: multiplier times bound.

    The sum is at most the cost of every solution, whatever the multipliers of the constraints,
    if those of the variables are what is left of their costs.
    """
    for constraint, multiplier in solver.get_duals().items():
        yield _dual_term(multiplier, constraint.lower, constraint.upper)
    for variable, multiplier in solver.get_reduced_costs().items():
        yield _dual_term(multiplier, variable.lower, variable.upper)


def _dual_term(multiplier: float, lower: Any, upper: Any) -> float:
    bound = lower if multiplier > 0 else upper
    if bound is not None:
        return multiplier * float(bound)
    return 0.0 if abs(multiplier) < _ROUNDING else -np.inf
