"""The planning problem as a Pyomo model: eqs. (11)-(28) of Zafar et al., ISGT Europe 2021.

Equation (12) as printed creates energy; here it reads E += eta_c P_c dt - P_d dt / eta_d.
All numbers come from `Numbers` by the name of the variable or constraint they bound, so that a
persistent solver can renew them without this model.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pyomo.environ as pyo

from gridloom.controllers.milp.network import FlowGraph
from gridloom.controllers.milp.numbers import BINARIES, CIRCLE_ANGLES, Numbers
from gridloom.controllers.milp.numbers_network import limited_arcs
from gridloom.controllers.milp.softening import CEILING, FLOOR, SLACK, SOFT
from gridloom.controllers.milp.structure import Structure
from gridloom.simulators.model import FloatArray


def formulate(structure: Structure, numbers: Numbers, graph: FlowGraph | None) -> Any:
    """Return the `pyomo.environ.ConcreteModel`; its objective is in 1e-3 EUR.

    Variables and constraints are named as in `Numbers`.
    """
    model = pyo.ConcreteModel(name="plan")
    for name, bounds in numbers.variables.items():
        setattr(model, name, _variables(bounds, pyo.Binary if name in BINARIES else pyo.Reals))
    writer = _Rows(model, numbers)
    _storages(writer, structure)
    _reactive_power(writer)
    _settlement(writer, structure, numbers)
    if graph is not None:
        _flows(writer, structure, graph)
        _limits(writer, structure, graph)
        _voltages(writer, structure, graph)
    _soft_limits(writer)
    model.objective = pyo.Objective(expr=_total(model, numbers.costs) + numbers.cost_offset)
    return model


class _Rows:
    """Writes constraints whose bounds are the numbers of the same name."""

    def __init__(self, model: Any, numbers: Numbers) -> None:
        self.model = model
        self.numbers = numbers

    def has(self, name: str) -> bool:
        return name in self.numbers.rows

    def write(self, name: str, body: Callable[..., Any]) -> None:
        """Add lower <= body(index) <= upper for every index that has a bound."""
        lower, upper = self.numbers.rows[name]

        def rule(_: Any, *index: int) -> Any:
            low, high = _finite(lower[index]), _finite(upper[index])
            if low is None and high is None:
                return pyo.Constraint.Skip
            return body(*index) == low if low == high else (low, body(*index), high)

        setattr(self.model, name, pyo.Constraint(*map(range, lower.shape), rule=rule))


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None


def _variables(bounds: tuple[FloatArray, FloatArray], domain: Any) -> Any:
    lower, upper = bounds

    def rule(_: Any, *index: int) -> tuple[float | None, float | None]:
        return _finite(lower[index]), _finite(upper[index])

    return pyo.Var(*map(range, lower.shape), domain=domain, bounds=rule)


def _total(model: Any, weights: dict[str, FloatArray]) -> Any:
    """Return the weighted sum of variables, as an objective."""
    return pyo.quicksum(
        weight * variable
        for name, factors in weights.items()
        for weight, variable in zip(
            factors.ravel().tolist(), getattr(model, name).values(), strict=True
        )
        if weight
    )


def _storages(rows: _Rows, structure: Structure) -> None:
    """Energy, eq. (12), and charge or discharge, eqs. (17)-(18)."""
    model, hours = rows.model, structure.interval_h
    gain = structure.charge_efficiency * hours
    loss = hours / structure.discharge_efficiency
    # Energy at the start of an interval is that at the end of the one before, plus by how much
    # a vehicle that enters differs from the one before it: `swap`, free there and 0 elsewhere.
    rows.write(
        "balance",
        lambda s, t: (
            model.energy[s, t]
            - model.start[s, t]
            - gain * model.charge[s, t]
            + loss * model.discharge[s, t]
        ),
    )
    rows.write("carry", lambda s, t: model.start[s, t + 1] - model.energy[s, t] - model.swap[s, t])
    if structure.charge_binaries:
        charge_m, discharge_m = (
            rows.numbers.big_m[name] for name in ("only_charge", "only_discharge")
        )
        rows.write(
            "only_charge",
            lambda s, t: model.charge[s, t] + float(charge_m[s, t]) * model.rho[s, t],
        )
        rows.write(
            "only_discharge",
            lambda s, t: model.discharge[s, t] + float(discharge_m[s, t]) * model.rho[s, t],
        )


def _power(model: Any, storage: int, interval: int) -> Any:
    return model.charge[storage, interval] - model.discharge[storage, interval]


def _reactive(model: Any, structure: Structure, storage: int, interval: int) -> Any:
    """Reactive power: free, or by eq. (20)."""
    if structure.free_reactive:
        return model.reactive[storage, interval]
    return structure.tan_phi * _power(model, storage, interval)


def _reactive_power(rows: _Rows) -> None:
    """P^2 + Q^2 <= S^2 at the storages, as a polygon inside the circle."""
    if rows.has("apparent"):
        model, cosine, sine = rows.model, *_directions()
        rows.write(
            "apparent",
            lambda s, t, k: cosine[k] * _power(model, s, t) + sine[k] * model.reactive[s, t],
        )


def _directions() -> tuple[list[float], list[float]]:
    return np.cos(CIRCLE_ANGLES).tolist(), np.sin(CIRCLE_ANGLES).tolist()


def _settlement(rows: _Rows, structure: Structure, numbers: Numbers) -> None:
    """Imbalance of each period, eqs. (24)-(25), split into shortage and surplus, eq. (21)."""
    model = rows.model
    settled = [s for s, inside in enumerate(structure.in_portfolio) if inside]
    within = [
        [t for t, of in enumerate(structure.period) if of == p] for p in range(structure.periods)
    ]
    rows.write(
        "settlement",
        lambda p: (
            model.imbalance[p]
            - structure.interval_h
            * pyo.quicksum(_power(model, s, t) for s, t in product(settled, within[p]))
        ),
    )
    rows.write("either", lambda p: model.imbalance[p] - model.shortage[p] + model.surplus[p])
    if structure.settlement_binaries:
        period = structure.settlement_binaries
        short_m, long_m = (numbers.big_m[name].tolist() for name in ("only_short", "only_long"))
        rows.write(
            "only_short", lambda i: model.shortage[period[i]] + short_m[i] * model.is_short[i]
        )
        rows.write("only_long", lambda i: model.surplus[period[i]] + long_m[i] * model.is_short[i])


def _flows(rows: _Rows, structure: Structure, graph: FlowGraph) -> None:
    """What flows into a node leaves it or is drawn there: eq. (11) at every node."""
    model = rows.model
    arriving, leaving = _incidence(graph)
    drawn: list[list[int]] = [[] for _ in graph.node_names]
    share = graph.point_share[list(structure.storage_point)].tolist()
    for storage, point in enumerate(structure.storage_point):
        if graph.point_node[point] >= 0:
            drawn[graph.point_node[point]].append(storage)

    def balance(flow: Any, draws: Callable[[int, int], Any]) -> Callable[[int, int, int], Any]:
        return lambda n, k, t: (
            pyo.quicksum(flow[a, k, t] for a in arriving[n])
            - pyo.quicksum(flow[a, k, t] for a in leaving[n])
            - pyo.quicksum(share[s][k] * draws(s, t) for s in drawn[n] if share[s][k])
        )

    rows.write("node_kw", balance(model.flow_kw, lambda s, t: _power(model, s, t)))
    if rows.has("node_kvar"):
        rows.write(
            "node_kvar", balance(model.flow_kvar, lambda s, t: _reactive(model, structure, s, t))
        )


def _incidence(graph: FlowGraph) -> tuple[list[list[int]], list[list[int]]]:
    arriving: list[list[int]] = [[] for _ in graph.node_names]
    leaving: list[list[int]] = [[] for _ in graph.node_names]
    for arc, (begin, end) in enumerate(zip(graph.arc_from, graph.arc_to, strict=True)):
        arriving[end].append(arc)
        if begin >= 0:
            leaving[begin].append(arc)
    return arriving, leaving


def _limits(rows: _Rows, structure: Structure, graph: FlowGraph) -> None:
    """P^2 + Q^2 <= S^2 on the arcs, as a polygon; bounds of P do where Q follows from P."""
    if not rows.has("flow_kva"):
        return
    model, arcs = rows.model, limited_arcs(graph)
    cosine, sine = _directions()

    def body(i: int, k: int, t: int, side: int) -> Any:
        a = arcs[i]
        beyond = getattr(model, "flow_kw" + SLACK)[a, k, t] if structure.elastic else 0.0
        return (
            cosine[side] * model.flow_kw[a, k, t] + sine[side] * model.flow_kvar[a, k, t] - beyond
        )

    rows.write("flow_kva", body)


def _voltages(rows: _Rows, structure: Structure, graph: FlowGraph) -> None:
    """Eqs. (26)-(27), solved for the differences of voltage and angle along each arc."""
    if not rows.has("drop"):
        return
    model = rows.model
    begin, end = graph.arc_from.tolist(), graph.arc_to.tolist()
    ratio, resistance, reactance = (
        values.tolist()
        for values in (graph.ratio, graph.resistance_pu_per_kw, graph.reactance_pu_per_kvar)
    )

    def through(flow: Any, arc: int, interval: int) -> Any:
        return pyo.quicksum(flow[arc, phase, interval] for phase in range(graph.phases))

    def drop(a: int, t: int) -> Any:
        above = ratio[a] * model.voltage[begin[a], t] if begin[a] >= 0 else 0.0
        if rows.has("node_kvar"):
            by_reactive = reactance[a] * through(model.flow_kvar, a, t)
        else:  # Q = tan_phi P + what the right-hand side knows
            by_reactive = (structure.tan_phi * reactance[a]) * through(model.flow_kw, a, t)
        by_active = resistance[a] * through(model.flow_kw, a, t)
        return model.voltage[end[a], t] - above + by_active + by_reactive

    def turn(a: int, t: int) -> Any:
        above = model.angle[begin[a], t] if begin[a] >= 0 else 0.0
        by_active = reactance[a] * through(model.flow_kw, a, t)
        by_reactive = resistance[a] * through(model.flow_kvar, a, t)
        return model.angle[end[a], t] - above + by_active - by_reactive

    rows.write("drop", drop)
    if rows.has("turn"):
        rows.write("turn", turn)


def _soft_limits(rows: _Rows) -> None:
    """Lower - slack <= variable <= upper + slack, in an elastic model."""
    for name in SOFT:
        if rows.has(name + FLOOR):
            limited = getattr(rows.model, name)
            slack = getattr(rows.model, name + SLACK)
            rows.write(name + FLOOR, partial(_above, limited, slack))
            rows.write(name + CEILING, partial(_below, limited, slack))


def _above(limited: Any, slack: Any, *index: int) -> Any:
    return limited[index] + slack[index]


def _below(limited: Any, slack: Any, *index: int) -> Any:
    return limited[index] - slack[index]
