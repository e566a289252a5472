"""The agent of a fleet of electric vehicles: it charges when energy is cheap, by departure.

Where drivers book their stays, it schedules them day-ahead and looks ahead to those still to come.
Otherwise its schedule is what the fleet was expected to draw uncoordinated, and it knows of nobody
who is not plugged in: see `fleet_foresight`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.milp.problem import Storages
from gridloom.controllers.milp.window import Window
from gridloom.controllers.optimisation.writing import Numbers, Rows, at_most, equal_to
from gridloom.controllers.transactive.deviation import (
    PENALTY_EUR_PER_MWH,
    deviation_numbers,
    padded,
    write_deviation,
)
from gridloom.controllers.transactive.fleet_foresight import (
    OBSERVED,
    BookedVehicles,
    FleetForesight,
    PresentVehicles,
)
from gridloom.controllers.transactive.optimising_agent import (
    OptimisingAgent,
    OptimisingAgentConfig,
    of_type,
)
from gridloom.controllers.transactive.vehicles import ahead, owing
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import FloatArray
from gridloom.simulators.prices import means_over
from gridloom.simulators.signals import POWER_SETPOINT, Information, Signal

_LATER_EUR_PER_MWH = PENALTY_EUR_PER_MWH / 100.0
"""Of straying from what is agreed for later intervals: above prices, below that of now."""
_URGENCY_EUR_PER_MWH = 1e-3
"""Of orders that vehicles could share in many ways, those who leave first get most."""


@dataclass(frozen=True, kw_only=True)
class EvProgram:
    """Equations of all charging points, in kW and kWh.

    `start` is the energy at the begin of an interval: that of the interval before, unless a vehicle
    arrives. That a vehicle either charges or discharges is relaxed to a sum of at most the larger
    rated power: exact unless burning energy pays, which takes negative prices.
    """

    hours: float
    charge_efficiency: float
    discharge_efficiency: float

    def __call__(self, rows: Rows) -> None:
        """Write them."""
        block = rows.block
        points, _ = rows.shape("balance")
        gain, loss = self.charge_efficiency * self.hours, self.hours / self.discharge_efficiency

        def drawn(t: int) -> object:
            charged = sum(block.charge[n, t] for n in range(points))
            return block.power[t] - charged + sum(block.discharge[n, t] for n in range(points))

        def balance(n: int, t: int) -> object:
            change = gain * block.charge[n, t] - loss * block.discharge[n, t]
            return block.energy[n, t] - block.start[n, t] - change

        write_deviation(rows)
        rows.write("drawn", drawn)
        rows.write("balance", balance)
        rows.write("carry", lambda n, t: block.start[n, t + 1] - block.energy[n, t])
        rows.write("either", lambda n, t: block.charge[n, t] + block.discharge[n, t])


class EvAgent(OptimisingAgent):
    """One agent for a whole fleet; it distributes what it is ordered to draw among the vehicles.

    What a vehicle needs by its departure comes first, as far as rated power reaches it, then the
    order. Vehicles that stay beyond the time it looks ahead have by then what was planned for them:
    day-ahead if they are booked, else what uncoordinated charging would have stored.
    """

    Config = OptimisingAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {
            Information.FORECAST,
            Information.MEASUREMENTS,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
        }
    )
    observes: ClassVar[tuple[Signal, ...]] = OBSERVED
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: OptimisingAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        fleet = self._fleet = of_type(self.controlled, EvFleet, ["ev_fleet"])
        self._duration_s = context.build.duration_s
        self._foresight: FleetForesight
        if fleet.booked is not None:
            self._foresight = booked = BookedVehicles(fleet, self.step_size)
            (optimum,) = self.schedule()
            booked.plan(optimum["energy"])
        else:
            self._foresight = PresentVehicles(fleet, self.step_size, self.intervals)
            expected = fleet.forecast()
            self._schedule_kw[0] = means_over(
                expected.power_kw, expected.interval_s, self.step_size, self._duration_s
            )

    @property
    @override
    def knows_run(self) -> bool:
        return self._fleet.booked is not None

    @override
    def agent_names(self) -> tuple[str, ...]:
        return (self.controlled.name,)

    @override
    def formulation(self, row: int) -> EvProgram:
        limits = self._fleet.limits
        return EvProgram(
            hours=self.hours,
            charge_efficiency=limits.charge_efficiency,
            discharge_efficiency=limits.discharge_efficiency,
        )

    @override
    def numbers(self, row: int, begin: int, count: int) -> Numbers:
        limits, _ = self._ahead(begin, count)
        scheduled_kw = self.scheduled_kw(row, begin, count)
        others_kw = self._foresight.others_kw(begin, scheduled_kw)
        if not self._foresight.ends_with_run:
            scheduled_kw = padded(scheduled_kw, count)
        numbers = deviation_numbers(scheduled_kw, count)
        _bound(numbers, limits)
        numbers.rows["drawn"] = equal_to(padded(others_kw, count))
        return numbers

    @override
    def observe(self, time: int, observation: Observation) -> None:
        self._foresight.observe(time, observation)

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return what each charging point shall draw while a vehicle is there.

        The vehicles' own program, with the order in place of the schedule and penalties on missing
        it: first in this interval, then in the later ones, so that what is agreed stays possible.
        """
        ordered_kw = padded(order_kw[0, : self.count], self.count)
        numbers = self.program(0, self.now, self.count)
        numbers.rows["deviation"] = equal_to(ordered_kw)
        rank = np.argsort(np.argsort(self._leaving_s(), kind="stable"))
        numbers.costs["charge"] = np.zeros(numbers.variables["charge"][0].shape)
        numbers.costs["charge"][:, 0] = _URGENCY_EUR_PER_MWH * self.hours * rank / len(rank)
        self._programs[0].load(numbers)
        penalty = np.full(self.count, _LATER_EUR_PER_MWH)
        penalty[0] = PENALTY_EUR_PER_MWH
        best = self.optimum(0, penalty, -penalty)
        mean_kw = best["charge"][:, 0] - best["discharge"][:, 0]
        _, hours = self._ahead(self.now, self.count)
        present = hours[:, 0] > 0
        setpoint_kw = np.zeros(len(mean_kw))
        np.divide(mean_kw * self.hours, hours[:, 0], out=setpoint_kw, where=present)
        return {POWER_SETPOINT.name: setpoint_kw}

    def _leaving_s(self) -> FloatArray:
        """Return when each charging point's next departure is; infinite where none is known."""
        leaving_s = np.full(len(self._fleet.elements), np.inf)
        stays = self._foresight.stays
        stays = stays.where(stays.end_s > self.now * self.step_size)
        np.minimum.at(leaving_s, stays.place, stays.end_s)
        return leaving_s

    def _ahead(self, begin: int, count: int) -> tuple[Storages, FloatArray]:
        """Return limits and presence in the intervals from one on; see `vehicles.ahead`."""
        start_s = begin * self.step_size
        end_s = start_s + count * self.step_size
        if self._foresight.ends_with_run:
            end_s = min(end_s, self._duration_s)
        stays, planned_kwh = self._foresight.stays, self._foresight.planned_kwh(end_s)
        if planned_kwh is not None:
            stays = owing(stays, end_s, planned_kwh)
        window = Window(
            start_s=start_s,
            now_s=start_s,
            end_s=end_s,
            interval_s=self.step_size,
            intervals=count,
        )
        return ahead(stays, self._fleet, window)


def _bound(numbers: Numbers, limits: Storages) -> None:
    """Add the limits of all charging points."""
    shape = limits.charge_max_kw.shape
    nothing, anything = np.zeros(shape), np.full(shape, np.inf)
    connected, enters = limits.connected, limits.enters
    continues = connected & ~enters
    known = np.where(enters, limits.entering_kwh, 0.0)
    numbers.variables |= {
        "charge": (nothing, limits.charge_max_kw),
        "discharge": (nothing, limits.discharge_max_kw),
        "start": (np.where(continues, -anything, known), np.where(continues, anything, known)),
        "energy": (
            np.where(connected, limits.energy_min_kwh, 0.0),
            np.where(connected, limits.energy_max_kwh, 0.0),
        ),
    }
    carries = np.where(continues, 0.0, np.inf)[:, 1:]
    numbers.rows |= {
        "balance": equal_to(nothing),
        "carry": (-carries, carries),
        "either": at_most(np.maximum(limits.charge_max_kw, limits.discharge_max_kw)),
    }
