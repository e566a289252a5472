"""What of a planning problem shapes the model; everything else are numbers that may change."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.milp.options import Objective, PlanOptions
from gridloom.controllers.milp.problem import PlanningProblem
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Two problems of equal structure differ in bounds, right-hand sides and costs only."""

    intervals: int
    interval_h: float
    storage_point: tuple[int, ...]
    """(storage,)"""
    in_portfolio: tuple[bool, ...]
    """(storage,)"""
    period: tuple[int, ...]
    """(interval,), settlement period."""
    periods: int
    charge_efficiency: float
    discharge_efficiency: float
    tan_phi: float
    free_reactive: bool
    limits_apparent: bool
    charge_binaries: bool
    """One binary a storage and interval: charge or discharge, eqs. (17)-(18)."""
    settlement_binaries: tuple[int, ...]
    """Settlement periods with a binary: shortage or surplus."""
    elastic: bool
    """Whether limits may be exceeded at a penalty."""

    @property
    def storages(self) -> int:
        """How many there are."""
        return len(self.storage_point)


def structure_of(
    problem: PlanningProblem,
    options: PlanOptions,
    *,
    charge_binaries: bool = False,
    elastic: bool = False,
) -> Structure:
    """Return the structure of the model for a problem."""
    storages, settlement = problem.storages, problem.settlement
    split = options.settlement_binaries | ~is_convex(problem, options)
    return Structure(
        intervals=problem.shape[1],
        interval_h=problem.interval_h,
        storage_point=tuple(storages.point.tolist()),
        in_portfolio=tuple(settlement.in_portfolio[storages.point].tolist()),
        period=tuple(settlement.period.tolist()),
        periods=len(settlement.position_kwh),
        charge_efficiency=storages.charge_efficiency,
        discharge_efficiency=storages.discharge_efficiency,
        tan_phi=storages.tan_phi,
        free_reactive=storages.reactive_max_kvar is not None,
        limits_apparent=storages.apparent_max_kva is not None,
        charge_binaries=charge_binaries,
        settlement_binaries=tuple(np.flatnonzero(split).tolist()),
        elastic=elastic,
    )


def surplus_pays(problem: PlanningProblem, options: PlanOptions) -> FloatArray:
    """Return what a surplus earns in the objective: (period,), EUR/MWh."""
    price = problem.settlement.surplus_eur_per_mwh
    return np.zeros_like(price) if options.objective is Objective.SHORTAGE else price


def is_convex(problem: PlanningProblem, options: PlanOptions) -> NDArray[np.bool_]:
    """Return whether the cost of the imbalance is convex: (period,).

    It is the larger of two lines, and a linear program finds it, where shortage costs at least
    what surplus earns. Else to be short and long at once would pay without bound.
    """
    shortage = problem.settlement.shortage_eur_per_mwh
    convex: NDArray[np.bool_] = shortage >= surplus_pays(problem, options)
    return convex
