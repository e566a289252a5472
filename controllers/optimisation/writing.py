"""Writes linear programs for readers: the text in Pyomo, the numbers apart from it, by name.

Pyomo is imported where something is written: it is slow to import, and scenarios are validated
without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from gridloom.simulators.model import FloatArray

Range: TypeAlias = tuple[FloatArray, FloatArray]
"""Lower and upper bounds, infinite where there is none."""


@dataclass(kw_only=True)
class Numbers:
    """All that changes from one solve to the next, by the name of what has it, shaped like it."""

    variables: dict[str, Range]
    rows: dict[str, Range]
    costs: dict[str, FloatArray] = field(default_factory=dict)
    """By name of the variables, a unit of each; nothing where a variable is for free."""
    offset: float = 0.0
    """Of the objective: what is paid whatever is decided."""

    def value(self, values: Mapping[str, FloatArray]) -> float:
        """Return the objective at these values of the variables."""
        paid = (float(np.vdot(cost, values[name])) for name, cost in self.costs.items())
        return self.offset + sum(paid)


class Formulation(Protocol):
    """The constraints of a program, with all coefficients that never change."""

    def __call__(self, rows: "Rows") -> None:
        """Write the body of every constraint that has bounds."""


class Rows:
    """Writes constraints into a block, each between the numbers of the same name."""

    def __init__(self, block: Any, numbers: Numbers) -> None:
        self.block = block
        """Has the variables, by the names that they have in the numbers."""
        self._bounds = numbers.rows

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a constraint."""
        return self._bounds[name][0].shape

    def write(self, name: str, body: Callable[..., Any]) -> None:
        """Add lower <= body(index) <= upper for every index that has a bound."""
        import pyomo.environ as pyo

        lower, upper = self._bounds[name]

        def rule(_: Any, *index: int) -> Any:
            low, high = _finite(lower[index]), _finite(upper[index])
            if low is None and high is None:
                return pyo.Constraint.Skip
            return body(*index) == low if low == high else (low, body(*index), high)

        setattr(self.block, name, pyo.Constraint(*map(range, lower.shape), rule=rule))


def write(block: Any, formulate: Formulation, numbers: Numbers) -> None:
    """Add a program's variables and constraints to a block."""
    import pyomo.environ as pyo

    for name, (lower, upper) in numbers.variables.items():
        setattr(block, name, pyo.Var(*map(range, lower.shape), bounds=_between(lower, upper)))
    formulate(Rows(block, numbers))


def total(block: Any, costs: Mapping[str, FloatArray]) -> Any:
    """Return the sum of costs times variables."""
    import pyomo.environ as pyo

    return pyo.quicksum(
        cost * variable
        for name, each in costs.items()
        for cost, variable in zip(each.ravel().tolist(), getattr(block, name).values(), strict=True)
        if cost
    )


def program(formulate: Formulation, numbers: Numbers) -> Any:
    """Return a program as a `pyomo.environ.ConcreteModel`."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel(name="program")
    write(model, formulate, numbers)
    model.objective = pyo.Objective(expr=total(model, numbers.costs) + numbers.offset)
    return model


def values_of(block: Any, name: str, shape: tuple[int, ...]) -> FloatArray:
    """Return the values of a solved block's variables."""
    found = [variable.value for variable in getattr(block, name).values()]
    return np.array(found, dtype=np.float64).reshape(shape)


def equal_to(value: FloatArray) -> Range:
    """Return bounds that leave one value."""
    return value, value


def at_least(limit: FloatArray) -> Range:
    """Return bounds without an upper one."""
    return limit, np.full_like(limit, np.inf)


def at_most(limit: FloatArray) -> Range:
    """Return bounds without a lower one."""
    return np.full_like(limit, -np.inf), limit


def free(*shape: int) -> Range:
    """Return no bounds."""
    return np.full(shape, -np.inf), np.full(shape, np.inf)


def _between(lower: FloatArray, upper: FloatArray) -> Callable[..., Any]:
    def rule(_: Any, *index: int) -> tuple[float | None, float | None]:
        return _finite(lower[index]), _finite(upper[index])

    return rule


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None
