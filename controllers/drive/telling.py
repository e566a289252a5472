"""What DRivE tells of its negotiations: prices, plans, rounds, and how near to the optimum."""

import numpy as np

from gridloom.controllers.drive.certificate import Certificate
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.signals import (
    CERTIFIED_GAP,
    CONGESTION_PRICE,
    NET_ORDER,
    NET_PRICE,
    PLAN_BOUND,
    PLAN_COST,
    PLANNED_OVERLOAD,
    PLANNED_POWER,
    PROGNOSIS,
    ROUND_CHANGE,
    ROUND_GAP,
    ROUND_RESIDUAL,
)
from gridloom.controllers.negotiation.terms import Terms
from gridloom.simulators.errors import listing
from gridloom.simulators.model import (
    Dimension,
    Direction,
    ElementSet,
    FloatArray,
    Outputs,
    Port,
    StaticVariable,
)

_TRACED = 240
"""Rounds of which the way to the plan is told."""
_OUT = Direction.OUTPUT
_POINT = "connection_point"


class Telling:
    """Collects what is to be told of a negotiation."""

    def __init__(self, owner: str, tree: NetTree, terms: Terms, duration_s: int) -> None:
        """Prepare.

        Args:
            owner: the coordinator's name.
            tree: the nets.
            terms: intervals and leaves.
            duration_s: of the run.
        """
        self._tree, self._terms = tree, terms
        self.nets = ElementSet(kind="nested_net", owner=owner, names=tree.names)
        """All nets, those that devices belong to and those around them."""
        intervals = -(-duration_s // terms.interval_s)
        self._prognosis_kw = np.full((len(tree), intervals), np.nan)
        self._time = 0
        self._rounds: dict[str, list[float]] = {}

    @property
    def ports(self) -> tuple[Port, ...]:
        """What is told besides the negotiation itself."""
        nets, horizon = self.nets, (self._terms.horizon,)
        rounds = Dimension(name="round", labels=tuple(str(n + 1) for n in range(_TRACED)))
        by_net = (PLANNED_POWER, CONGESTION_PRICE, PROGNOSIS)
        single = (PLAN_COST, PLAN_BOUND, CERTIFIED_GAP, PLANNED_OVERLOAD)
        by_round = (ROUND_RESIDUAL, ROUND_CHANGE, ROUND_GAP)
        return (
            Port(signal=NET_PRICE, direction=_OUT, elements=nets, dimensions=horizon),
            *(Port(signal=signal, direction=_OUT, elements=nets) for signal in by_net),
            Port(signal=NET_ORDER, direction=_OUT, elements=self._terms.nets, recorded=False),
            *(Port(signal=signal, direction=_OUT) for signal in single),
            *(Port(signal=signal, direction=_OUT, dimensions=(rounds,)) for signal in by_round),
        )

    def static(self) -> tuple[StaticVariable, ...]:
        """Return the limits of the nets, how they are nested, and who belongs to them."""
        kind = (self.nets.kind,)
        return (
            StaticVariable(
                name="limit_kw",
                values=self._tree.import_limit_kw,
                dimensions=kind,
                unit="kW",
                long_name="most that may flow into or out of each net; infinite without limit",
            ),
            StaticVariable(
                name="parent",
                values=self._tree.parent,
                dimensions=kind,
                unit="1",
                long_name="place of the net around each; -1 for a root",
            ),
            *self._membership(),
        )

    def _membership(self) -> tuple[StaticVariable, ...]:
        """Return which net each connection point belongs to, the innermost of them."""
        parts = self._terms.parts
        points = [point for part in parts for point in part.points]
        leaf = np.repeat(self._tree.leaves, [len(part.points) for part in parts])
        return (
            StaticVariable(
                name=_POINT, values=np.array(points, dtype=np.str_), dimensions=(_POINT,)
            ),
            StaticVariable(
                name="net_of_connection_point",
                values=leaf,
                dimensions=(_POINT,),
                unit="1",
                long_name="place of the innermost net around each connection point",
            ),
        )

    def remarks(self) -> tuple[str, ...]:
        """Return which limits there are, those of the most connection points first."""
        points = np.array([[float(len(part.points))] for part in self._terms.parts])
        within, limit_kw = self._tree.flows_kw(points)[:, 0], self._tree.import_limit_kw
        told = [
            f"{self._tree.names[net]} {limit_kw[net]:.4g} kW ({within[net]:.0f})"
            for net in np.argsort(-within, kind="stable")
            if np.isfinite(limit_kw[net])
        ]
        return (f"limits, and connection points below: {listing(told)}",) if told else ()

    def begin(self, time: int) -> None:
        """Begin a negotiation."""
        self._time = time
        self._rounds = {s.name: [] for s in (ROUND_RESIDUAL, ROUND_CHANGE, ROUND_GAP)}

    def round(self, residual_kw: float, change_kw: float) -> None:
        """Take note of a round with targets."""
        self._append(residual_kw, change_kw, np.nan)

    def certified(self, gap: float) -> None:
        """Take note of a round that asked how near the plan is."""
        self._append(np.nan, np.nan, gap)

    def knows_prognosis(self, time: int) -> bool:
        """Whether there is one of the interval that begins at ``time``."""
        return not np.isnan(self._prognosis_kw[:, time // self._terms.interval_s]).any()

    def prognosis(self, time: int, flows_kw: FloatArray) -> None:
        """Take note of what was planned before limits were looked at: (net, interval ahead)."""
        begin = time // self._terms.interval_s
        self._prognosis_kw[:, begin : begin + flows_kw.shape[1]] = flows_kw

    def outcome(
        self, drawn_kw: FloatArray, price: FloatArray, certificate: Certificate | None
    ) -> Outputs:
        """Return what is told of the negotiation.

        Args:
            drawn_kw: (leaf, interval ahead), by the plan.
            price: (net, interval ahead), EUR/MWh.
            certificate: of the plan, if anybody looked.
        """
        tree = self._tree
        congestion = np.zeros(len(tree))
        inner = tree.parent >= 0
        told_price = np.zeros((len(tree), self._terms.count))
        told_price[:, : price.shape[1]] = price
        congestion[inner] = told_price[inner, 0] - told_price[tree.parent[inner], 0]
        overload_kw = tree.overload_kw(drawn_kw)
        told = {
            NET_PRICE: told_price,
            PLANNED_POWER: tree.flows_kw(drawn_kw)[:, 0],
            CONGESTION_PRICE: congestion,
            PROGNOSIS: self._prognosis_kw[:, self._time // self._terms.interval_s].copy(),
            NET_ORDER: drawn_kw[:, 0].copy(),
            PLAN_COST: np.nan if certificate is None else certificate.cost_eur,
            PLAN_BOUND: np.nan if certificate is None else certificate.bound_eur,
            CERTIFIED_GAP: np.nan if certificate is None else certificate.gap,
            PLANNED_OVERLOAD: overload_kw.max(initial=0.0),
        }
        by_round = {name: _padded(values) for name, values in self._rounds.items()}
        return {signal.name: np.asarray(value) for signal, value in told.items()} | by_round

    def _append(self, residual_kw: float, change_kw: float, gap: float) -> None:
        values = (residual_kw, change_kw, gap)
        for told, value in zip(self._rounds.values(), values, strict=True):
            told.append(value)


def _padded(values: list[float]) -> FloatArray:
    told = np.full(_TRACED, np.nan)
    told[: len(values)] = values[:_TRACED]
    return told
