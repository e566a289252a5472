"""The energy balance of batteries: state of charge, feasible power, wear.

Equations (12)-(19) of Zafar et al. (ISGT Europe 2021), vectorised over batteries. As printed,
(12) has its efficiencies the wrong way round, which creates energy; here a charged kWh stores
``charge_efficiency`` kWh, and a discharged kWh takes ``1 / discharge_efficiency`` from the store.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Config, Fraction, Positive


class Ageing(Config):
    """Wear of a battery by use (state of health, eqs. 15-16), linear in energy throughput."""

    cycle_life: Positive = 3000
    """Full equivalent cycles until the end of life."""
    end_of_life_state_of_health: Fraction = 0.8
    """State of health at which the battery counts as worn out."""


@dataclass(frozen=True, kw_only=True)
class BatteryLimits:
    """Bounds of the state of charge and the efficiencies, shared by a population."""

    state_of_charge_min: float
    state_of_charge_max: float
    charge_efficiency: float
    discharge_efficiency: float


def power_envelope(
    limits: BatteryLimits,
    state_of_charge: FloatArray,
    capacity_kwh: FloatArray,
    discharging_kw: FloatArray,
    charging_kw: FloatArray,
    step_s: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest power each battery can keep up for one step.

    Equations (13)-(14) and (17)-(19).

    Args:
        limits: bounds and efficiencies.
        state_of_charge: (battery,), at the beginning of the step.
        capacity_kwh: (battery,).
        discharging_kw: (battery,), rated power of discharging, positive.
        charging_kw: (battery,), rated power of charging, positive.
        step_s: length of the step.

    Returns:
        (battery,) each, kW in load convention: lowest <= 0 <= highest. A battery outside its
        bounds may only move back towards them.
    """
    hours = step_s / SECONDS_PER_HOUR
    room = np.maximum(limits.state_of_charge_max - state_of_charge, 0.0) * capacity_kwh
    stock = np.maximum(state_of_charge - limits.state_of_charge_min, 0.0) * capacity_kwh
    highest = np.minimum(charging_kw, room / (limits.charge_efficiency * hours))
    # Subtracted from 0, because negating would make it -0.0 where nothing can be discharged.
    lowest = 0.0 - np.minimum(discharging_kw, stock * limits.discharge_efficiency / hours)
    return lowest, highest


def stored_energy_change(limits: BatteryLimits, power_kw: FloatArray, step_s: int) -> FloatArray:
    """Return the change of stored energy in kWh when ``power_kw`` flows for one step (eq. 12).

    Args:
        limits: bounds and efficiencies.
        power_kw: (battery,), load convention: positive charges.
        step_s: length of the step.
    """
    hours = step_s / SECONDS_PER_HOUR
    charged = np.maximum(power_kw, 0.0) * limits.charge_efficiency
    discharged = np.maximum(-power_kw, 0.0) / limits.discharge_efficiency
    change: FloatArray = (charged - discharged) * hours
    return change


def wear(ageing: Ageing, power_kw: FloatArray, capacity_kwh: FloatArray, step_s: int) -> FloatArray:
    """Return the loss of state of health when ``power_kw`` flows for one step (eqs. 15-16).

    Linear in throughput at the connection point: ``cycle_life`` full cycles, of two capacities of
    throughput each, lead from 1 to ``end_of_life_state_of_health``. The paper does not print its
    coefficients; these are parameters of the scenario.

    Args:
        ageing: how the battery wears.
        power_kw: (battery,), load convention.
        capacity_kwh: (battery,), original energy capacity.
        step_s: length of the step.
    """
    throughput_kwh = np.abs(power_kw) * (step_s / SECONDS_PER_HOUR)
    per_kwh = (1.0 - ageing.end_of_life_state_of_health) / (2.0 * ageing.cycle_life * capacity_kwh)
    loss: FloatArray = throughput_kwh * per_kwh
    return loss
