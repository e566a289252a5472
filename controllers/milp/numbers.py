"""The numbers of a plan's model: bounds, right-hand sides and costs, by the name of what has them.

Both the Pyomo model and the persistent solver take them from here. They are all that changes from
one solve to the next of equal structure, but for the coefficients of big-M rows.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.options import Objective, PlanOptions
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.controllers.milp.structure import Structure, surplus_pays
from gridloom.simulators.model import FloatArray

BINARY_IN = {
    "only_charge": "rho",
    "only_discharge": "rho",
    "only_short": "is_short",
    "only_long": "is_short",
}
"""Binary variable of each big-M constraint; both are numbered alike."""
BINARIES = frozenset(BINARY_IN.values())

CIRCLE_SIDES = 16
"""Sides of the polygon inside the circle of apparent power: at most 1.9 % of it are lost, and
none at Q = 0, where it has a corner."""
CIRCLE_ANGLES = (np.arange(CIRCLE_SIDES) + 0.5) * (2 * np.pi / CIRCLE_SIDES)
"""Directions in which the sides lie."""


@dataclass(kw_only=True)
class Numbers:
    """Arrays by the name of the variables or rows they belong to, shaped like these."""

    variables: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    """Lower and upper bounds."""
    rows: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    """Lower and upper bounds of constraints."""
    big_m: dict[str, FloatArray] = field(default_factory=dict)
    """By name of the rows, factor of the binary in them."""
    costs: dict[str, FloatArray] = field(default_factory=dict)
    """By name of the variables, 1e-3 EUR a unit: prices in EUR/MWh times energies in kWh."""
    cost_offset: float = 0.0
    throughput: dict[str, FloatArray] = field(default_factory=dict)
    """By name of the variables, what the tie-break minimises: kWh a unit."""
    penalties: dict[str, FloatArray] = field(default_factory=dict)
    """By name of the variables, what an elastic model minimises first."""
    overloaded: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 1, 0), dtype=bool))
    """(arc, phase, interval), where reactive power that nobody controls exceeds the limit."""


def numbers_of(problem: PlanningProblem, options: PlanOptions, structure: Structure) -> Numbers:
    """Return the numbers of storages and settlement; `network_numbers` adds those of the grid.

    Raises:
        ValueError: a number that must be known is NaN, or a storage that nobody is plugged in at
            may charge.
    """
    _require_known(problem)
    entering = np.nansum(problem.storages.entering_kwh)
    numbers = Numbers(cost_offset=float(_energy_value(options) * entering))
    _storages(numbers, problem)
    _storage_costs(numbers, problem, options)
    if structure.free_reactive:
        _reactive(numbers, problem)
    if structure.charge_binaries:
        _charge_binaries(numbers, problem)
    _settlement(numbers, problem, options)
    if structure.settlement_binaries:
        _settlement_binaries(numbers, problem, structure)
    return numbers


def polygon_kva(radius_kva: FloatArray) -> FloatArray:
    """Return the right-hand sides of a polygon inside circles: (..., side)."""
    inside: FloatArray = radius_kva[..., None] * np.full(CIRCLE_SIDES, np.cos(np.pi / CIRCLE_SIDES))
    return inside


def at_most(limit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return bounds without a lower one."""
    return np.full_like(limit, -np.inf), limit


def equal_to(value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return bounds that leave one value."""
    return value, value


def _require_known(problem: PlanningProblem) -> None:
    storages, settlement = problem.storages, problem.settlement
    for owner, names in (
        (storages, ("charge_max_kw", "discharge_max_kw", "energy_min_kwh", "energy_max_kwh")),
        (settlement, ("position_kwh", "settled_kwh", "imbalance_min_kwh", "imbalance_max_kwh")),
        (settlement, ("shortage_eur_per_mwh", "surplus_eur_per_mwh")),
        (problem, ("exogenous_kw", "exogenous_kvar", "elsewhere_kw")),
    ):
        for name in names:
            if np.isnan(getattr(owner, name)).any():
                raise ValueError(f"{name} is NaN somewhere")
    moves = (storages.charge_max_kw > 0) | (storages.discharge_max_kw > 0)
    if (moves & ~storages.connected).any():
        raise ValueError("a storage may charge while nobody is plugged in")


def _storages(numbers: Numbers, problem: PlanningProblem) -> None:
    """Bounds of eqs. (13)-(16), (19) and the right-hand sides of eq. (12)."""
    storages = problem.storages
    nothing = np.zeros(problem.shape)
    anything = np.full(problem.shape, np.inf)
    enters, connected = storages.enters, storages.connected
    continues = connected & ~enters
    known = np.where(enters, storages.entering_kwh, 0.0)
    numbers.variables |= {
        "charge": (nothing, storages.charge_max_kw),
        "discharge": (nothing, storages.discharge_max_kw),
        "start": (
            np.where(continues, -anything, known),
            np.where(continues, anything, known),
        ),
        "swap": (
            np.where(continues, nothing, -anything)[:, 1:],
            np.where(continues, nothing, anything)[:, 1:],
        ),
        "energy": (
            np.where(connected, storages.energy_min_kwh, 0.0),
            np.where(connected, storages.energy_max_kwh, 0.0),
        ),
    }
    numbers.rows |= {
        "balance": equal_to(nothing),
        "carry": equal_to(nothing[:, 1:]),
    }


def _storage_costs(numbers: Numbers, problem: PlanningProblem, options: PlanOptions) -> None:
    """Wear and the value of energy, eq. (21); throughput for the tie-break."""
    throughput = np.full(problem.shape, problem.interval_h)
    wear = throughput * (1e3 * problem.storages.wear_eur_per_kwh)
    numbers.throughput.update(charge=throughput, discharge=throughput)
    numbers.costs.update(charge=wear, discharge=wear)
    numbers.costs["energy"] = np.where(problem.storages.leaves, -_energy_value(options), 0.0)


def _energy_value(options: PlanOptions) -> float:
    counts = options.objective is Objective.COST_AND_ENERGY
    return options.energy_value_eur_per_mwh if counts else 0.0


def _reactive(numbers: Numbers, problem: PlanningProblem) -> None:
    """Bounds of free reactive power, which takes the place of eq. (20)."""
    storages = problem.storages
    if storages.reactive_max_kvar is not None:
        most = storages.reactive_max_kvar
        numbers.variables["reactive"] = (-most, most)
    if storages.apparent_max_kva is not None:
        numbers.rows["apparent"] = at_most(polygon_kva(storages.apparent_max_kva))


def _charge_binaries(numbers: Numbers, problem: PlanningProblem) -> None:
    """Eqs. (17)-(18): charge <= max rho, discharge <= max (1 - rho)."""
    storages = problem.storages
    nothing, one = np.zeros(problem.shape), np.ones(problem.shape)
    numbers.variables["rho"] = (nothing, one)
    numbers.rows["only_charge"] = at_most(nothing)
    numbers.rows["only_discharge"] = at_most(storages.discharge_max_kw)
    numbers.big_m["only_charge"] = -storages.charge_max_kw
    numbers.big_m["only_discharge"] = storages.discharge_max_kw


def _settlement(numbers: Numbers, problem: PlanningProblem, options: PlanOptions) -> None:
    """Eqs. (21)-(25): imbalance = settled + what is to come - position = shortage - surplus."""
    settlement = problem.settlement
    nothing = np.zeros_like(settlement.position_kwh)
    anything = np.full_like(settlement.position_kwh, np.inf)
    numbers.variables |= {
        "imbalance": (settlement.imbalance_min_kwh, settlement.imbalance_max_kwh),
        "shortage": (nothing, anything),
        "surplus": (nothing, anything),
    }
    numbers.rows |= {
        "settlement": equal_to(_uncontrolled_imbalance(problem)),
        "either": equal_to(nothing),
    }
    numbers.costs["shortage"] = settlement.shortage_eur_per_mwh
    numbers.costs["surplus"] = -surplus_pays(problem, options)


def _uncontrolled_imbalance(problem: PlanningProblem) -> FloatArray:
    """Return the imbalance of every period if no storage moved."""
    settlement = problem.settlement
    to_come = problem.exogenous_kw[settlement.in_portfolio].sum(axis=0) + problem.elsewhere_kw
    return settlement.settled_kwh - settlement.position_kwh + _by_period(problem, to_come)


def _by_period(problem: PlanningProblem, power_kw: FloatArray) -> FloatArray:
    """Return energies: (interval,) kW to (period,) kWh."""
    settlement = problem.settlement
    periods = len(settlement.position_kwh)
    energy_kwh: FloatArray = np.bincount(
        settlement.period, power_kw * problem.interval_h, periods
    ).astype(np.float64)
    return energy_kwh


def _settlement_binaries(numbers: Numbers, problem: PlanningProblem, structure: Structure) -> None:
    """Shortage <= M z, surplus <= M' (1 - z), with the largest that the storages can cause."""
    settled = problem.settlement.in_portfolio[problem.storages.point]
    most = problem.storages.charge_max_kw[settled].sum(axis=0)
    least = -problem.storages.discharge_max_kw[settled].sum(axis=0)
    base = _uncontrolled_imbalance(problem)
    chosen = np.array(structure.settlement_binaries)
    low, high = (np.array(bound) for bound in numbers.variables["imbalance"])
    if structure.elastic:
        low, high = np.full_like(low, -np.inf), np.full_like(high, np.inf)
    shortage = np.maximum(0.0, np.minimum(high, base + _by_period(problem, most)))[chosen]
    surplus = np.maximum(0.0, -np.maximum(low, base + _by_period(problem, least)))[chosen]
    numbers.variables["is_short"] = (np.zeros(len(chosen)), np.ones(len(chosen)))
    numbers.rows["only_short"] = at_most(np.zeros(len(chosen)))
    numbers.rows["only_long"] = at_most(surplus)
    numbers.big_m["only_short"] = -shortage
    numbers.big_m["only_long"] = surplus
