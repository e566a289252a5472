"""Plans: the best schedule for a problem, and whatever has to be solved on the way to it."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gridloom.controllers.milp.formulation import formulate
from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.numbers import Numbers, numbers_of
from gridloom.controllers.milp.numbers_network import network_numbers
from gridloom.controllers.milp.options import Binaries, Exclusivity, PlanOptions
from gridloom.controllers.milp.problem import Plan, PlanningProblem
from gridloom.controllers.milp.softening import SLACK, SOFT, soften
from gridloom.controllers.milp.solution import NoSolution, Outcome, Solution, Status
from gridloom.controllers.milp.solver import Optimum, PersistentModel
from gridloom.controllers.milp.structure import Structure, structure_of
from gridloom.simulators.errors import listing
from gridloom.simulators.model import FloatArray

_TOLERANCE = 1e-8
"""Relative to an optimum, by how much the next stage may worsen it."""
_LEAST = 1e-5
"""At least by so much: 1e-8 EUR."""
_BOTH_KW = 1e-5
"""Power up to which charging and discharging at the same time is rounding."""

_CAUSES = {
    Status.INFEASIBLE: "no schedule keeps all limits",
    Status.LIMIT: "a limit of the solver was reached before any schedule was found",
    Status.FAILED: "the solver gave up",
}
_Attempt: TypeAlias = tuple[Outcome, dict[str, FloatArray]]
"""What became of it, and the values of all variables by name."""


def numbers_for(
    problem: PlanningProblem, options: PlanOptions, graph: FlowGraph | None, structure: Structure
) -> Numbers:
    """Return all numbers of a problem's model."""
    numbers = numbers_of(problem, options, structure)
    if graph is not None:
        network_numbers(numbers, problem, graph, structure)
    if structure.elastic:
        soften(numbers, problem)
    return numbers


def pyomo_model(
    problem: PlanningProblem, options: PlanOptions, graph: FlowGraph | None = None
) -> Any:
    """Return the problem as a `pyomo.environ.ConcreteModel`, for any solver that Pyomo knows.

    It has the binaries of eqs. (17)-(18) unless `Binaries.NEVER` is chosen. Its objective is in
    1e-3 EUR.
    """
    structure = structure_of(
        problem, options, charge_binaries=options.binaries is not Binaries.NEVER
    )
    return formulate(structure, numbers_for(problem, options, graph, structure), graph)


def plan_in(model: Any, problem: PlanningProblem) -> Plan:
    """Return the plan in a model of `pyomo_model` that some solver has solved."""
    values = {
        name: np.array([one.value for one in getattr(model, name).values()]).reshape(shape)
        for name, shape in (
            ("charge", problem.shape),
            ("discharge", problem.shape),
            ("energy", problem.shape),
            ("imbalance", (-1,)),
        )
    }
    if problem.storages.reactive_max_kvar is not None:
        reactive = np.array([one.value for one in model.reactive.values()])
        values["reactive"] = reactive.reshape(problem.shape)
    return _plan(values, problem)


class Planner:
    """Solves one problem after another; models are kept while the structure stays the same."""

    def __init__(self, options: PlanOptions, graph: FlowGraph | None = None) -> None:
        self.options = options
        self.graph = graph
        self._models: dict[tuple[bool, bool], PersistentModel] = {}

    def solve(self, problem: PlanningProblem) -> Outcome:
        """Return the best plan, or why there is none.

        Raises:
            ValueError: the problem contradicts itself; see `numbers_of`.
        """
        outcome, _ = self._solve(problem, elastic=False)
        return outcome

    def relax(self, problem: PlanningProblem) -> tuple[Outcome, dict[str, FloatArray]]:
        """Return the plan that exceeds limits as little as can be, and by how much.

        Excess comes by the name of the limited variable and in its shape, in the unit of the
        variable; there is none without a plan. See `relax_in_full`, and `elastic.diagnose` for
        words.
        """
        outcome, values = self.relax_in_full(problem)
        return outcome, {name: values[name + SLACK] for name in SOFT if name + SLACK in values}

    def relax_in_full(self, problem: PlanningProblem) -> tuple[Outcome, dict[str, FloatArray]]:
        """Return the plan that exceeds limits as little as can be, and all variables by name.

        Limits give way in the order of `softening.SOFT`; of the plans that exceed them
        equally, the best is chosen. What devices can do is never exceeded.

        Raises:
            ValueError: the problem contradicts itself; see `numbers_of`.
        """
        return self._solve(problem, elastic=True)

    def _solve(self, problem: PlanningProblem, *, elastic: bool) -> _Attempt:
        binaries = self.options.binaries
        attempt = self._attempt(
            problem, charge_binaries=binaries is Binaries.ALWAYS, elastic=elastic
        )
        proven = getattr(attempt[0], "exclusivity", None) is not Exclusivity.UNPROVEN
        if binaries is not Binaries.AUTO or proven:
            return attempt
        return self._attempt(problem, charge_binaries=True, elastic=elastic)

    def _attempt(
        self, problem: PlanningProblem, *, charge_binaries: bool, elastic: bool
    ) -> _Attempt:
        structure = structure_of(
            problem, self.options, charge_binaries=charge_binaries, elastic=elastic
        )
        numbers = numbers_for(problem, self.options, self.graph, structure)
        if self.graph is not None and numbers.overloaded.any() and not elastic:
            return _overloaded(self.graph, numbers), {}
        model = self._model(structure, numbers)
        began = perf_counter()
        staged = _staged(model, numbers, tie_break=self.options.tie_break)
        wall_s = perf_counter() - began
        if not staged.last.is_usable:
            return NoSolution(
                status=staged.last.status, cause=_CAUSES[staged.last.status], wall_s=wall_s
            ), {}
        values = model.by_name(staged.last)
        objective = model.total(staged.last, numbers.costs) + numbers.cost_offset
        bound = min(staged.priced.bound, objective)
        solution = Solution(
            plan=_plan(values, problem),
            status=staged.priced.status,
            objective_eur=1e-3 * objective,
            bound_eur=1e-3 * bound,
            gap=(objective - bound) / max(abs(objective), 1.0),
            wall_s=wall_s,
            nodes=staged.nodes,
            exclusivity=_exclusivity(problem, structure, values),
        )
        return solution, values

    def _model(self, structure: Structure, numbers: Numbers) -> PersistentModel:
        """Return the model of this structure, loaded: the one of the last time if it still fits."""
        kind = (structure.charge_binaries, structure.elastic)
        model = self._models.get(kind)
        if model is not None and model.structure == structure and model.fits(numbers):
            model.load(numbers)
            return model
        self._models[kind] = PersistentModel(
            structure,
            numbers,
            self.graph,
            relative_gap=self.options.relative_gap,
            node_limit=self.options.node_limit,
        )
        return self._models[kind]


class _Staged(NamedTuple):
    """Solves one after another, each among the optima of the one before."""

    priced: Optimum
    """The end of the stage that minimised the objective."""
    last: Optimum
    nodes: int


def _staged(model: PersistentModel, numbers: Numbers, *, tie_break: bool) -> _Staged:
    """Minimise penalties if there are any, then costs, then throughput: lexicographically.

    Throughput is minimised among plans that charge, discharge and settle in the same directions as
    the cheapest that was found.
    """
    stages = [(numbers.penalties, 0.0)] if numbers.penalties else []
    stages.append((numbers.costs, numbers.cost_offset))
    priced_at = len(stages) - 1
    if tie_break:
        stages.append((numbers.throughput, 0.0))
    optima: list[Optimum] = []
    try:
        for costs, offset in stages:
            if len(optima) > priced_at:
                # Binaries had their say; 5 s instead of 30 s for 55 vehicles and 60 intervals.
                model.fix_binaries(optima[-1])
            optimum = model.solve(costs, offset)
            if not optimum.is_usable and len(optima) > priced_at:
                break  # a tie that cannot be broken for rounding
            optima.append(optimum)
            if not optimum.is_usable:
                break
            least = model.total(optimum, costs)
            model.cap(costs, least + max(_LEAST, _TOLERANCE * abs(least + offset)))
    finally:
        model.uncap()
    return _Staged(
        priced=optima[min(priced_at, len(optima) - 1)],
        last=optima[-1],
        nodes=sum(optimum.nodes for optimum in optima),
    )


def _overloaded(graph: FlowGraph, numbers: Numbers) -> NoSolution:
    arcs = np.flatnonzero(numbers.overloaded.any(axis=(1, 2)))
    names = listing([graph.names[arc] for arc in arcs])
    return NoSolution(
        status=Status.INFEASIBLE,
        cause=f"reactive power that nobody controls exceeds the limit of {names}",
        wall_s=0.0,
    )


def _plan(values: Mapping[str, FloatArray], problem: PlanningProblem) -> Plan:
    power_kw = values["charge"] - values["discharge"]
    reactive = values.get("reactive", problem.storages.tan_phi * power_kw)
    return Plan(
        power_kw=power_kw,
        reactive_power_kvar=reactive,
        energy_kwh=np.where(problem.storages.connected, values["energy"], np.nan),
        imbalance_kwh=values["imbalance"],
    )


def _exclusivity(
    problem: PlanningProblem, structure: Structure, values: Mapping[str, FloatArray]
) -> Exclusivity:
    storages = problem.storages
    if structure.charge_binaries:
        return Exclusivity.INTEGER
    if np.isclose(storages.charge_efficiency * storages.discharge_efficiency, 1.0, rtol=1e-12):
        return Exclusivity.LOSSLESS
    if not ((storages.charge_max_kw > 0) & (storages.discharge_max_kw > 0)).any():
        return Exclusivity.ONE_WAY
    does_both = np.minimum(values["charge"], values["discharge"]) > _BOTH_KW
    return Exclusivity.UNPROVEN if does_both.any() else Exclusivity.RELAXATION
