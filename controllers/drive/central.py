"""The centralised optimum: one linear program of all devices and nets, solved by HiGHS."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.tariffs import Prices
from gridloom.controllers.proximal.population import Population
from gridloom.simulators.model import FloatArray, IntArray

if TYPE_CHECKING:
    from highspy import HighsLp


@dataclass(frozen=True, kw_only=True)
class Share:
    """A population of devices in the program."""

    population: Population
    leaf: IntArray
    """(device,), the net that each belongs to: place among the leaves."""


@dataclass(frozen=True, kw_only=True)
class CentralOptimum:
    """What the program found."""

    profiles_kw: tuple[FloatArray, ...]
    """Of each population: (device, interval)."""
    price: FloatArray
    """(net, interval), what a kW more there would cost through an interval."""
    cost_eur: float
    """Energy, contracts and overload, of what nobody decides included."""
    columns: int
    wall_time_s: float
    """Of the solver alone."""
    cpu_time_s: float
    """Likewise; it has one thread."""


class NoOptimumError(RuntimeError):
    """The solver found none; says what it did."""


def central_optimum(
    tree: NetTree,
    prices: Prices,
    shares: Sequence[Share],
    fixed_kw: FloatArray,
    *,
    time_limit_s: float | None = None,
) -> CentralOptimum:
    """Solve the problem that nets and devices negotiate about.

    Args:
        tree: the nets.
        prices: at their ties.
        shares: the devices.
        fixed_kw: (leaf, interval), what is drawn besides.
        time_limit_s: of the solver; for benchmarks only, runs must not depend on it.

    Raises:
        NoOptimumError: the solver found none.
    """
    # Solvers are slow to import, and most scenarios do without.
    import highspy

    program = _Program(tree, prices, shares, fixed_kw)
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, float] = {"output_flag": False, "threads": 1}
    if time_limit_s is not None:
        options["time_limit"] = time_limit_s
    for option, value in options.items():
        solver.setOptionValue(option, value)
    solver.passModel(program.as_highs())
    begin_s = process_time()
    solver.run()
    cpu_time_s = process_time() - begin_s
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise NoOptimumError(solver.modelStatusToString(status))
    solution = solver.getSolution()
    values = np.asarray(solution.col_value)
    return CentralOptimum(
        profiles_kw=program.profiles_kw(values),
        price=np.asarray(solution.row_dual)[program.balance],
        cost_eur=float(solver.getInfo().objective_function_value),
        columns=len(values),
        wall_time_s=solver.getRunTime(),
        cpu_time_s=cpu_time_s,
    )


class _Program:
    """Columns and rows of all devices, then flows, trade and overload of the nets."""

    def __init__(
        self, tree: NetTree, prices: Prices, shares: Sequence[Share], fixed_kw: FloatArray
    ) -> None:
        # Builds sparse matrices of the devices; as slow to import.
        from gridloom.controllers.proximal.lp import linear_piece

        self._shares = shares
        # Only where feeding in may cost is there a reason to waste energy.
        waste = bool((prices.selling < 0.0).any() or np.isfinite(tree.export_limit_kw).any())
        self._pieces = [linear_piece(share.population, waste=waste) for share in shares]
        self._first = np.concatenate(
            [[0], np.cumsum([len(piece.cost) for piece in self._pieces])]
        ).astype(np.int64)
        self._cost = [piece.cost for piece in self._pieces]
        self._lower = [piece.lower for piece in self._pieces]
        self._upper = [piece.upper for piece in self._pieces]
        self._row_lower = [piece.row_lower for piece in self._pieces]
        self._row_upper = [piece.row_upper for piece in self._pieces]
        self._rows = sum(len(piece.row_lower) for piece in self._pieces)
        first_row = np.concatenate(
            [[0], np.cumsum([len(piece.row_lower) for piece in self._pieces])]
        ).astype(np.int64)
        entries = [piece.entries for piece in self._pieces]
        self._row = [e.row + first for e, first in zip(entries, first_row, strict=False)]
        self._column = [e.column + first for e, first in zip(entries, self._first, strict=False)]
        self._value = [e.value for e in entries]
        self._columns = int(self._first[-1])
        self._nets(tree, prices, fixed_kw)

    def _add_columns(self, cost: FloatArray, lower: float, upper: FloatArray | float) -> IntArray:
        count = len(cost)
        self._cost.append(cost)
        self._lower.append(np.full(count, lower))
        self._upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), (count,)))
        self._columns += count
        return np.arange(self._columns - count, self._columns)

    def _add_rows(self, lower: FloatArray, upper: FloatArray) -> IntArray:
        self._row_lower.append(lower)
        self._row_upper.append(upper)
        self._rows += len(lower)
        return np.arange(self._rows - len(lower), self._rows)

    def _enter(self, row: IntArray, column: IntArray, value: FloatArray | float) -> None:
        self._row.append(row)
        self._column.append(column)
        self._value.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (len(row),)))

    def _nets(self, tree: NetTree, prices: Prices, fixed_kw: FloatArray) -> None:
        """Add flow into every net: that of its devices and the nets within it."""
        nets, intervals = len(tree), len(prices.buying)
        inf = np.full(nets * intervals, np.inf)
        flow = self._add_columns(np.zeros(nets * intervals), -np.inf, inf)
        flow = flow.reshape(nets, intervals)
        fixed = np.zeros((nets, intervals))
        fixed[tree.leaves] = fixed_kw
        self.balance = balance = self._add_rows(fixed.ravel(), fixed.ravel()).reshape(flow.shape)
        self._enter(balance.ravel(), flow.ravel(), 1.0)
        inner = np.flatnonzero(tree.parent >= 0)
        self._enter(balance[tree.parent[inner]].ravel(), flow[inner].ravel(), -1.0)
        for share, piece, first in zip(self._shares, self._pieces, self._first, strict=False):
            power = piece.power
            device, interval = np.divmod(power.row, intervals)
            at = balance[tree.leaves[share.leaf[device]], interval]
            self._enter(at, power.column + first, -power.value)
        for root in tree.roots:
            self._tie(flow[root], prices)
        for net in np.flatnonzero(np.isfinite(tree.import_limit_kw)):
            self._limit(flow[net], float(tree.import_limit_kw[net]), 1.0, prices.overload)
        for net in np.flatnonzero(np.isfinite(tree.export_limit_kw)):
            self._limit(flow[net], float(tree.export_limit_kw[net]), -1.0, prices.overload)

    def _tie(self, flow: IntArray, prices: Prices) -> None:
        bought = self._add_columns(prices.buying, 0.0, np.inf)
        sold = self._add_columns(-prices.selling, 0.0, np.inf)
        nothing = np.zeros(len(flow))
        traded = self._add_rows(nothing, nothing)
        for column, value in ((flow, 1.0), (bought, -1.0), (sold, 1.0)):
            self._enter(traded, column, value)

    def _limit(self, flow: IntArray, limit_kw: float, sign: float, price: float) -> None:
        excess = self._add_columns(np.full(len(flow), price), 0.0, np.inf)
        within = self._add_rows(np.full(len(flow), -np.inf), np.full(len(flow), limit_kw))
        self._enter(within, flow, sign)
        self._enter(within, excess, -1.0)

    def as_highs(self) -> "HighsLp":
        """Return the program as HiGHS takes it."""
        from highspy import HighsLp, MatrixFormat
        from scipy.sparse import csc_array

        rows, columns = np.concatenate(self._row), np.concatenate(self._column)
        matrix = csc_array(
            (np.concatenate(self._value), (rows, columns)), shape=(self._rows, self._columns)
        )
        model = HighsLp()
        model.num_col_, model.num_row_ = self._columns, self._rows
        model.col_cost_ = np.concatenate(self._cost)
        model.col_lower_ = np.concatenate(self._lower)
        model.col_upper_ = np.concatenate(self._upper)
        model.row_lower_ = np.concatenate(self._row_lower)
        model.row_upper_ = np.concatenate(self._row_upper)
        model.a_matrix_.format_ = MatrixFormat.kColwise
        model.a_matrix_.start_ = matrix.indptr
        model.a_matrix_.index_ = matrix.indices
        model.a_matrix_.value_ = matrix.data
        return model

    def profiles_kw(self, values: FloatArray) -> tuple[FloatArray, ...]:
        """Return the profiles of each population: (device, interval)."""
        found: list[FloatArray] = []
        for share, piece, first in zip(self._shares, self._pieces, self._first, strict=False):
            shape = share.population.count, share.population.intervals
            drawn_kw = piece.power.value * values[piece.power.column + first]
            profile_kw = np.bincount(piece.power.row, drawn_kw, shape[0] * shape[1]).astype(float)
            found.append(profile_kw.reshape(shape))
        return tuple(found)
