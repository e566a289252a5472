"""A linear program that is compiled from Pyomo once and solved again and again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np

from gridloom.controllers.optimisation.compilation import Layout, compiled
from gridloom.controllers.optimisation.writing import Formulation, Numbers, program, values_of
from gridloom.simulators.model import FloatArray

_OPTIMAL = highspy.HighsModelStatus.kOptimal
_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "parallel": "off",
    "threads": 1,
    "random_seed": 0,
    "solver": "simplex",
    "presolve": "off",  # costs more than it gains where a basis is kept
}


@dataclass(frozen=True, kw_only=True)
class LinearOptimum:
    """The end of one solve."""

    status: str
    """'optimal', or what the solver calls the reason why there is no solution."""
    objective: float
    """With its offset; NaN if there is no solution."""
    values: FloatArray
    """(column,), all variables one after another; empty if there is no solution."""
    layout: Mapping[str, tuple[slice, tuple[int, ...]]]
    """By name of the variables, where they lie among all, and their shape."""

    @property
    def is_optimal(self) -> bool:
        """Whether there is a solution."""
        return self.status == "optimal"

    def __getitem__(self, name: str) -> FloatArray:
        """Return the values of variables, shaped like these."""
        place, shape = self.layout[name]
        return self.values[place].reshape(shape)


class LinearProgram:
    """A persistent HiGHS model: `load` numbers, then `minimise`, and so on.

    Each solve starts from the basis of the last, so that small changes cost little; which of
    several equally good solutions is returned may depend on it. Deterministic: one thread, a
    fixed seed, no limit of time.
    """

    def __init__(self, formulate: Formulation, numbers: Numbers) -> None:
        layout = Layout.of(_bounded(numbers))
        self._columns, self._rows = layout.columns, layout.rows
        self._places = {
            name: (layout.columns[name], low.shape) for name, (low, _) in numbers.variables.items()
        }
        self._every_column = np.arange(layout.width, dtype=np.int32)
        self._every_row = np.arange(layout.height, dtype=np.int32)
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in _OPTIONS.items():
            self._highs.setOptionValue(name, value)
        self._highs.passModel(compiled(program(formulate, _bounded(numbers)), layout))
        self._cost = np.zeros(layout.width)
        self._base_cost = self._cost
        self._offset = 0.0
        self.load(numbers)

    def load(self, numbers: Numbers) -> None:
        """Take over bounds, costs and offset; names and shapes must be those it was made of."""
        columns, rows = self._every_column, self._every_row
        self._highs.changeColsBounds(len(columns), columns, *_joined(numbers.variables))
        self._highs.changeRowsBounds(len(rows), rows, *_joined(numbers.rows))
        self._base_cost = self._vector(np.zeros(len(columns)), numbers.costs)
        self._offset = numbers.offset

    def minimise(self, costs: Mapping[str, FloatArray] | None = None) -> LinearOptimum:
        """Minimise; return the optimum or why there is none.

        Args:
            costs: of variables by name, in place of those that were loaded, for this solve only.
        """
        self._price(self._vector(self._base_cost.copy(), costs or {}))
        self._highs.run()
        if self._highs.getModelStatus() != _OPTIMAL:
            self._highs.clearSolver()  # whatever a bad start has led to, a fresh one does not
            self._highs.run()
        status = self._highs.getModelStatus()
        solved = status == _OPTIMAL
        return LinearOptimum(
            status=self._highs.modelStatusToString(status).lower(),
            objective=self._highs.getObjectiveValue() + self._offset if solved else np.nan,
            values=np.array(self._highs.getSolution().col_value if solved else []),
            layout=self._places,
        )

    def _vector(self, vector: FloatArray, costs: Mapping[str, FloatArray]) -> FloatArray:
        for name, cost in costs.items():
            vector[self._columns[name]] = cost.ravel()
        return vector

    def _price(self, cost: FloatArray) -> None:
        """Tell the solver which costs have changed."""
        changed = np.flatnonzero(cost != self._cost).astype(np.int32)
        if len(changed):
            self._highs.changeColsCost(len(changed), changed, cost[changed])
            self._cost = cost


def reference(formulate: Formulation, numbers: Numbers) -> tuple[float, dict[str, FloatArray]]:
    """Solve the same program as a whole with Pyomo's interface to HiGHS.

    Returns:
        The objective, and the values of the variables by name.

    Raises:
        RuntimeError: there is no solution.
    """
    from pyomo.contrib.appsi.solvers import Highs

    model = program(formulate, numbers)
    Highs().solve(model)
    values = {
        name: values_of(model, name, low.shape) for name, (low, _) in numbers.variables.items()
    }
    return numbers.value(values), values


def _bounded(numbers: Numbers) -> Numbers:
    """Return numbers with which no constraint is left out for want of a bound."""
    nothing = {name: np.zeros(low.shape) for name, (low, _) in numbers.rows.items()}
    return replace(numbers, rows={name: (each, each) for name, each in nothing.items()})


def _joined(bounds: Mapping[str, tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper bounds of all names, one after another."""
    lower = np.concatenate([low.ravel() for low, _ in bounds.values()])
    upper = np.concatenate([high.ravel() for _, high in bounds.values()])
    return lower, upper
