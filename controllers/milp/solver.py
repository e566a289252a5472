"""One persistent HiGHS model: compiled from Pyomo once, then only bounds and costs change."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.formulation import formulate
from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.numbers import BINARIES, BINARY_IN, Numbers
from gridloom.controllers.milp.solution import Status
from gridloom.controllers.milp.structure import Structure
from gridloom.controllers.optimisation.compilation import Layout, compiled
from gridloom.simulators.model import FloatArray

_FEASIBLE = 2  # kSolutionStatusFeasible of HighsInfo.primal_solution_status
_LIMITS = (
    highspy.HighsModelStatus.kSolutionLimit,
    highspy.HighsModelStatus.kIterationLimit,
    highspy.HighsModelStatus.kTimeLimit,
)
_INFEASIBLE = (
    highspy.HighsModelStatus.kInfeasible,
    # Devices bound all that has a price, so that no plan is unbounded.
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """The end of one solve."""

    status: Status
    values: FloatArray
    """(column,), empty where there is no solution."""
    objective: float
    """1e-3 EUR, as `bound`."""
    bound: float
    nodes: int
    wall_s: float

    @property
    def is_usable(self) -> bool:
        """Whether there is a solution."""
        return self.status in (Status.OPTIMAL, Status.FEASIBLE)


class PersistentModel:
    """A compiled model that is loaded with numbers and solved, again and again.

    Columns and rows are the variables and constraints of the Pyomo model in order of declaration;
    each keeps its place for good. A linear program starts from the basis of the last first stage,
    branch and bound from the last solution. Deterministic: one
    thread, a fixed seed, no limit of time.
    """

    def __init__(
        self,
        structure: Structure,
        numbers: Numbers,
        graph: FlowGraph | None,
        *,
        relative_gap: float,
        node_limit: int | None,
    ) -> None:
        self.structure = structure
        layout = Layout.of(numbers)
        self._columns, self._rows, self._skipped = layout.columns, layout.rows, layout.skipped
        self._width, self._height = layout.width, layout.height
        self._shapes = {name: low.shape for name, (low, _) in numbers.variables.items()}
        self._is_integer = bool(numbers.big_m)
        self._big_m = numbers.big_m
        self._highs = _solver(relative_gap, node_limit)
        integer = sorted(BINARIES & layout.columns.keys())
        self._highs.passModel(compiled(formulate(structure, numbers, graph), layout, integer))
        self._last: FloatArray | None = None
        self._basis = highspy.HighsBasis()
        self.load(numbers)

    def fits(self, numbers: Numbers) -> bool:
        """Return whether no constraint that was left out for want of a bound has one now."""
        return not any(
            np.isfinite(bound[self._skipped[name]]).any()
            for name, bounds in numbers.rows.items()
            for bound in bounds
        )

    def load(self, numbers: Numbers) -> None:
        """Take over bounds and right-hand sides; costs come with each solve."""
        lower, upper = _joined(numbers.variables, self._columns)
        self._highs.changeColsBounds(self._width, _range(self._width), lower, upper)
        lower, upper = _joined(numbers.rows, self._rows)
        self._highs.changeRowsBounds(self._height, _range(self._height), lower, upper)
        for name, factors in numbers.big_m.items():
            column, row = self._columns[BINARY_IN[name]], self._rows[name]
            for place in np.flatnonzero(factors.ravel() != self._big_m[name].ravel()).tolist():
                self._highs.changeCoeff(
                    row.start + place, column.start + place, float(factors.ravel()[place])
                )
        self._big_m = numbers.big_m

    def solve(self, costs: dict[str, FloatArray], offset: float = 0.0) -> Optimum:
        """Minimise the sum of costs times variables."""
        began = perf_counter()
        cost = self._vector(costs)
        self._highs.changeColsCost(self._width, _range(self._width), cost)
        self._highs.changeObjectiveOffset(offset)
        if self._is_integer and self._last is not None:
            self._highs.setSolution(self._width, _range(self._width), self._last)
        self._highs.run()
        optimum = self._optimum(began)
        if optimum.is_usable:
            self._last = optimum.values
        return optimum

    def cap(self, costs: dict[str, FloatArray], limit: float) -> None:
        """Keep the sum of costs times variables at most at a limit, until `uncap`."""
        cost = self._vector(costs)
        priced = np.flatnonzero(cost).astype(np.int32)
        if self._highs.getNumRow() == self._height:
            self._basis = self._highs.getBasis()
        self._highs.addRow(-np.inf, limit, len(priced), priced, cost[priced])
        # Presolve gains far more from the cap than the basis of another objective is worth:
        # 3 s instead of 40 s for every line and bus of the IEEE European LV feeder.
        self._highs.clearSolver()

    def fix_binaries(self, optimum: Optimum) -> None:
        """Hold the binaries at their values, until `load`."""
        for name in BINARIES & self._columns.keys():
            column = np.arange(self._width, dtype=np.int32)[self._columns[name]]
            value = np.round(optimum.values[column])
            self._highs.changeColsBounds(len(column), column, value, value)

    def uncap(self) -> None:
        """Drop what `cap` has added."""
        added = np.arange(self._height, self._highs.getNumRow(), dtype=np.int32)
        if len(added):
            self._highs.deleteRows(len(added), added)
            self._highs.setBasis(self._basis)

    def by_name(self, optimum: Optimum) -> dict[str, FloatArray]:
        """Return the values of all variables."""
        return {
            name: optimum.values[place].reshape(self._shapes[name])
            for name, place in self._columns.items()
        }

    def total(self, optimum: Optimum, costs: dict[str, FloatArray]) -> float:
        """Return the sum of costs times variables."""
        return float(self._vector(costs) @ optimum.values)

    def _vector(self, costs: dict[str, FloatArray]) -> FloatArray:
        vector = np.zeros(self._width)
        for name, cost in costs.items():
            vector[self._columns[name]] = cost.ravel()
        return vector

    def _optimum(self, began: float) -> Optimum:
        info, ended = self._highs.getInfo(), self._highs.getModelStatus()
        has_solution = info.primal_solution_status == _FEASIBLE
        if ended == highspy.HighsModelStatus.kOptimal:
            status = Status.OPTIMAL
        elif ended in _LIMITS:
            status = Status.FEASIBLE if has_solution else Status.LIMIT
        else:
            status = Status.INFEASIBLE if ended in _INFEASIBLE else Status.FAILED
        usable = status in (Status.OPTIMAL, Status.FEASIBLE)
        objective = info.objective_function_value
        return Optimum(
            status=status,
            values=np.array(self._highs.getSolution().col_value) if usable else np.zeros(0),
            objective=objective,
            bound=info.mip_dual_bound if self._is_integer else objective,
            nodes=max(0, info.mip_node_count),
            wall_s=perf_counter() - began,
        )


def _solver(relative_gap: float, node_limit: int | None) -> Any:
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {
        "output_flag": False,
        "parallel": "off",
        "threads": 1,
        "random_seed": 0,
        "mip_rel_gap": relative_gap,
    }
    if node_limit is not None:
        options["mip_max_nodes"] = node_limit
    for name, value in options.items():
        highs.setOptionValue(name, value)
    return highs


def _range(count: int) -> NDArray[np.int32]:
    return np.arange(count, dtype=np.int32)


def _joined(
    bounds: dict[str, tuple[FloatArray, FloatArray]], places: dict[str, slice]
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper bounds of all names, one after another."""
    lower = np.concatenate([bounds[name][0].ravel() for name in places])
    upper = np.concatenate([bounds[name][1].ravel() for name in places])
    return lower, upper
