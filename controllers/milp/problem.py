"""What a planner knows and wants, as arrays; the formulation in `formulation` reads nothing else.

Storages are the vehicles' charging points. Sign: load convention, so that a shortage (the
portfolio consumes more than planned) is a positive imbalance. Equations by the numbers of Zafar et
al., ISGT Europe 2021.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR

IntArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Storages:
    """The storages' limits in every interval of the plan (eqs. 12-19)."""

    point: IntArray
    """(storage,), position among the grid's connection points."""
    charge_max_kw: FloatArray
    """(storage, interval), 0 while nobody is plugged in."""
    discharge_max_kw: FloatArray
    """(storage, interval), positive."""
    entering_kwh: FloatArray
    """(storage, interval), energy in the store at the beginning of an interval in which a vehicle
    (or the first interval of the plan) begins; NaN where the store goes on from the interval
    before."""
    energy_min_kwh: FloatArray
    """(storage, interval), lowest energy at the end of the interval: bounds of the state of charge,
    and what is required at departure."""
    energy_max_kwh: FloatArray
    """(storage, interval)."""
    leaves: NDArray[np.bool_]
    """(storage, interval), True for the last interval of a vehicle's stay, and for the plan's last
    interval where one is still plugged in: its energy there is worth `energy_value`."""
    charge_efficiency: float
    discharge_efficiency: float
    tan_phi: float = 0.0
    """Reactive over active power (eq. 20) where reactive power is not free."""
    reactive_max_kvar: FloatArray | None = None
    """(storage, interval), reactive power that may be chosen freely within +- this; None: tan_phi
    fixes it."""
    apparent_max_kva: FloatArray | None = None
    """(storage, interval), what active and free reactive power together may not exceed; None: no
    such limit."""
    wear_eur_per_kwh: float = 0.0
    """Cost of battery ageing a kWh of throughput at the connection point; 0: ignored."""

    @property
    def enters(self) -> NDArray[np.bool_]:
        """(storage, interval), whether a vehicle (or the plan) begins here."""
        return ~np.isnan(self.entering_kwh)

    @property
    def connected(self) -> NDArray[np.bool_]:
        """(storage, interval), whether a vehicle is plugged in: it has entered and not left."""
        interval = np.arange(self.leaves.shape[1])
        entered = np.maximum.accumulate(np.where(self.enters, interval, -1), axis=1)
        left = np.maximum.accumulate(np.where(self.leaves, interval, -1), axis=1)
        left_before = np.pad(left[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        connected: NDArray[np.bool_] = entered > left_before
        return connected


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """How the imbalance of the portfolio is priced (eqs. 21-25, 28)."""

    period: IntArray
    """(interval,), settlement period of each interval, from 0."""
    in_portfolio: NDArray[np.bool_]
    """(connection_point,), who belongs to the balance responsible party."""
    position_kwh: FloatArray
    """(period,), energy bought for the whole settlement period, net consumption positive."""
    settled_kwh: FloatArray
    """(period,), allocated energy of the part of the period that lies before the plan."""
    shortage_eur_per_mwh: FloatArray
    """(period,), C- of the paper."""
    surplus_eur_per_mwh: FloatArray
    """(period,), C+ of the paper."""
    imbalance_min_kwh: FloatArray
    """(period,), -inf, or the bound that forbids speculation."""
    imbalance_max_kwh: FloatArray
    """(period,), inf, or the bound that forbids speculation."""


@dataclass(frozen=True, kw_only=True)
class PlanningProblem:
    """A schedule to find: storages, what nobody controls, and the balance to keep."""

    interval_s: int
    storages: Storages
    settlement: Settlement
    exogenous_kw: FloatArray
    """(connection_point, interval), what nobody controls."""
    exogenous_kvar: FloatArray
    """(connection_point, interval)."""
    elsewhere_kw: FloatArray
    """(interval,), expected power of the portfolio that cannot be placed in the grid, as that of
    vehicles still to come."""

    @property
    def shape(self) -> tuple[int, int]:
        """(storages, intervals)."""
        storages, intervals = self.storages.charge_max_kw.shape
        return storages, intervals

    @property
    def interval_h(self) -> float:
        """Length of an interval."""
        return self.interval_s / SECONDS_PER_HOUR

    def injections(self, plan: "Plan") -> tuple[FloatArray, FloatArray]:
        """Return active and reactive power under a plan: (connection_point, interval)."""
        kw, kvar = self.exogenous_kw.copy(), self.exogenous_kvar.copy()
        np.add.at(kw, self.storages.point, plan.power_kw)
        np.add.at(kvar, self.storages.point, plan.reactive_power_kvar)
        return kw, kvar


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule: what each storage is to do in every interval."""

    power_kw: FloatArray
    """(storage, interval), load convention."""
    reactive_power_kvar: FloatArray
    """(storage, interval)."""
    energy_kwh: FloatArray
    """(storage, interval), at the end of the interval; NaN where nobody is plugged in."""
    imbalance_kwh: FloatArray
    """(period,), whole settlement periods, `settled_kwh` included."""
