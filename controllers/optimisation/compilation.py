"""From a Pyomo model to the sparse matrix that a persistent solver keeps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, TypeAlias

import highspy
import numpy as np
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from gridloom.simulators.model import FloatArray

IntArray: TypeAlias = NDArray[np.int64]
Bounds: TypeAlias = Mapping[str, tuple[FloatArray, FloatArray]]
"""Lower and upper bounds by the name of the variables or constraints, shaped like these."""


class HasBounds(Protocol):
    """The numbers of a model, as far as its layout depends on them."""

    @property
    def variables(self) -> Bounds:
        """Of variables."""

    @property
    def rows(self) -> Bounds:
        """Of constraints."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where variables and constraints lie: by name, in order of declaration."""

    columns: dict[str, slice]
    rows: dict[str, slice]
    skipped: dict[str, NDArray[np.bool_]]
    """By name of the rows, which have no bound and therefore no coefficients either."""

    @classmethod
    def of(cls, numbers: HasBounds) -> "Layout":
        """Number all that has numbers."""
        return cls(
            columns=_places({name: low.shape for name, (low, _) in numbers.variables.items()}),
            rows=_places({name: low.shape for name, (low, _) in numbers.rows.items()}),
            skipped={
                name: np.isinf(low) & np.isinf(high) for name, (low, high) in numbers.rows.items()
            },
        )

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(max(place.stop for place in self.columns.values()))

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(max(place.stop for place in self.rows.values()))


def compiled(model: Any, layout: Layout, integer: Collection[str] = ()) -> highspy.HighsLp:
    """Return matrix and integrality of a Pyomo model; bounds and costs are left at 0.

    Pyomo's compiler orders columns and rows as it meets them, leaves out variables that have no
    coefficient, and writes a constraint with two different bounds twice.

    Args:
        model: whose variables and constraints are called as in the layout.
        layout: where they are to lie.
        integer: names of the variables that are integer.
    """
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    column_of, row_of = _column_of(model, layout), _row_of(model, layout)
    at_column = np.array([column_of[id(variable)] for variable in form.columns], dtype=np.int64)
    at_row = np.array([row_of[id(entry.constraint)] for entry in form.rows], dtype=np.int64)
    once = np.zeros(len(at_row), dtype=bool)
    once[np.unique(at_row, return_index=True)[1]] = True
    entries = form.A.tocoo()
    kept = once[entries.row]
    lp = _lp(at_row[entries.row[kept]], at_column[entries.col[kept]], entries.data[kept], layout)
    if integer:
        kinds = np.full(layout.width, highspy.HighsVarType.kContinuous)
        for name in integer:
            kinds[layout.columns[name]] = highspy.HighsVarType.kInteger
        lp.integrality_ = kinds.tolist()
    return lp


def _column_of(model: Any, layout: Layout) -> dict[int, int]:
    return {
        id(variable): place.start + number
        for name, place in layout.columns.items()
        for number, variable in enumerate(getattr(model, name).values())
    }


def _row_of(model: Any, layout: Layout) -> dict[int, int]:
    return {
        id(constraint): place.start + number
        for name, place in layout.rows.items()
        for number, constraint in zip(
            np.flatnonzero(~layout.skipped[name]).tolist(),
            getattr(model, name).values(),
            strict=True,
        )
    }


def _lp(row: IntArray, column: IntArray, value: FloatArray, layout: Layout) -> highspy.HighsLp:
    """Return the matrix column by column."""
    order = np.lexsort((row, column))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = layout.width, layout.height
    lp.col_cost_ = lp.col_lower_ = lp.col_upper_ = np.zeros(layout.width)
    lp.row_lower_ = lp.row_upper_ = np.zeros(layout.height)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.searchsorted(column[order], np.arange(layout.width + 1))
    lp.a_matrix_.index_ = row[order]
    lp.a_matrix_.value_ = value[order]
    return lp


def _places(shapes: dict[str, tuple[int, ...]]) -> dict[str, slice]:
    """Number what has these shapes, one name after another."""
    places, begin = {}, 0
    for name, shape in shapes.items():
        places[name] = slice(begin, begin + prod(shape))
        begin += prod(shape)
    return places
