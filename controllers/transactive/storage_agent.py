"""Agents of stationary batteries: they charge when energy is cheap, and stay true to their day."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.optimisation.writing import Numbers, Rows, at_least, at_most, equal_to
from gridloom.controllers.transactive.deviation import (
    PENALTY_EUR_PER_MWH,
    deviation_numbers,
    padded,
    write_deviation,
)
from gridloom.controllers.transactive.optimising_agent import (
    OptimisingAgent,
    OptimisingAgentConfig,
    of_type,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import Fraction
from gridloom.simulators.signals import POWER_SETPOINT, STORED_ENERGY, Information, Signal
from gridloom.simulators.storage import Storage


class StorageAgentConfig(OptimisingAgentConfig):
    """One agent for each battery of a storage simulator."""

    final_state_of_charge: Fraction | None = None
    """Least state of charge at the end of the run; default: that of its beginning."""


@dataclass(frozen=True, kw_only=True)
class StorageProgram:
    """Equations of a battery, in kW and kWh.

    That it either charges or discharges is relaxed to shares of rated power that add up to at most
    1: exact unless burning energy pays, which takes negative prices.
    """

    hours: float
    charge_efficiency: float
    discharge_efficiency: float
    rated_power_kw: float
    discharge_power_kw: float

    def __call__(self, rows: Rows) -> None:
        """Write them."""
        block = rows.block
        (count,) = rows.shape("balance")
        gain, loss = self.charge_efficiency * self.hours, self.hours / self.discharge_efficiency
        # As shares of the larger rated power; a battery that cannot discharge has bounds of 0.
        most_kw = max(self.rated_power_kw, self.discharge_power_kw)
        charging = most_kw / self.rated_power_kw
        discharging = most_kw / (self.discharge_power_kw or most_kw)

        def balance(t: int) -> object:
            before = block.energy[t - 1] if t else 0.0
            return block.energy[t] - before - gain * block.charge[t] + loss * block.discharge[t]

        write_deviation(rows)
        rows.write("drawn", lambda t: block.power[t] - block.charge[t] + block.discharge[t])
        rows.write("balance", balance)
        rows.write(
            "either", lambda t: charging * block.charge[t] + discharging * block.discharge[t]
        )
        rows.write("returned", lambda t: block.energy[count - 1] + block.shortfall[t])


class StorageAgent(OptimisingAgent):
    """Owes the energy that it planned day-ahead by the end of the time it looks ahead.

    At the end of the run it owes what it began with, or `final_state_of_charge`.
    """

    Config = StorageAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.FORECAST, Information.SESSIONS_PLUGGED_IN}
    )
    observes: ClassVar[tuple[Signal, ...]] = (STORED_ENERGY,)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: StorageAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._storage = of_type(self.controlled, Storage, ["storage"])
        capacity_kwh = self._storage.energy_capacity_kwh
        self._stored_kwh: FloatArray = self._storage.initial_state_of_charge * capacity_kwh
        final = config.final_state_of_charge
        low, high = (
            self._storage.limits.state_of_charge_min,
            self._storage.limits.state_of_charge_max,
        )
        if final is not None and not low <= final <= high:
            raise ScenarioError(
                Problem(
                    message=f"{final:g} is outside the state_of_charge_limits of "
                    f"'{self._storage.name}'",
                    key=("final_state_of_charge",),
                    expected=f"{low:g} to {high:g}",
                )
            )
        self._final_kwh = self._stored_kwh if final is None else final * capacity_kwh
        self._planned_kwh = np.array([optimum["energy"] for optimum in self.schedule()])

    @override
    def formulation(self, row: int) -> StorageProgram:
        storage = self._storage
        return StorageProgram(
            hours=self.hours,
            charge_efficiency=storage.limits.charge_efficiency,
            discharge_efficiency=storage.limits.discharge_efficiency,
            rated_power_kw=float(storage.rated_power_kw[row]),
            discharge_power_kw=float(storage.discharge_power_kw[row]),
        )

    @override
    def numbers(self, row: int, begin: int, count: int) -> Numbers:
        storage, limits = self._storage, self._storage.limits
        scheduled_kw = self.scheduled_kw(row, begin, count)
        inside = padded(np.ones(len(scheduled_kw)), count)
        capacity_kwh, stored_kwh = storage.energy_capacity_kwh[row], self._stored_kwh[row]
        end = begin + len(scheduled_kw)
        owed_kwh = self._final_kwh if end == self.intervals else self._planned_kwh[:, end - 1]
        lowest_kwh = min(limits.state_of_charge_min * capacity_kwh, stored_kwh)
        highest_kwh = max(limits.state_of_charge_max * capacity_kwh, stored_kwh)
        nothing = np.zeros(count)
        start_kwh = np.where(np.arange(count) == 0, stored_kwh, 0.0)
        most_kw = max(storage.rated_power_kw[row], storage.discharge_power_kw[row])
        numbers = deviation_numbers(scheduled_kw, count)
        numbers.variables |= {
            "charge": (nothing, storage.rated_power_kw[row] * inside),
            "discharge": (nothing, storage.discharge_power_kw[row] * inside),
            "energy": (np.full(count, lowest_kwh), np.full(count, highest_kwh)),
            "shortfall": at_least(np.zeros(1)),
        }
        numbers.rows |= {
            "drawn": equal_to(nothing),
            "balance": equal_to(start_kwh),
            "either": at_most(np.full(count, most_kw)),
            "returned": at_least(owed_kwh[row : row + 1]),
        }
        wear = np.full(count, storage.throughput_cost_eur_per_mwh[row] * self.hours)
        numbers.costs |= {
            "charge": wear,
            "discharge": wear,
            "shortfall": np.full(1, PENALTY_EUR_PER_MWH),
        }
        return numbers

    @override
    def observe(self, time: int, observation: Observation) -> None:
        self._stored_kwh = observation[STORED_ENERGY.name].copy()
