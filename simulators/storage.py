"""Stationary batteries."""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.battery import (
    Ageing,
    BatteryLimits,
    power_envelope,
    stored_energy_change,
    wear,
)
from gridloom.simulators.model import (
    BuildContext,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.profiles.forecast import flat_forecast
from gridloom.simulators.profiles.placement import (
    PerElement,
    PerElementOrZero,
    per_element,
    points_at,
)
from gridloom.simulators.quantities import Finite, Fraction, ModelConfig, NonNegative
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REACTIVE_POWER,
    REQUIRED_STATE_OF_CHARGE,
    STATE_OF_CHARGE,
    STATE_OF_HEALTH,
    STORED_ENERGY,
)
from gridloom.simulators.steered import steered_ports

_RECORDED = (POWER, REACTIVE_POWER, STATE_OF_CHARGE, STATE_OF_HEALTH)
_FOR_CONTROLLERS = (
    POWER_MIN,
    POWER_MAX,
    ENERGY_REQUIRED,
    DEPARTURE,
    STORED_ENERGY,
    ENERGY_CAPACITY,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REQUIRED_STATE_OF_CHARGE,
)


class StorageConfig(ModelConfig):
    """Stationary batteries."""

    at: str | list[str] = "all"
    """Connection points that have a battery: all, a group, a name or a list of these."""
    energy_capacity_kwh: PerElement
    """Of each battery."""
    rated_power_kw: PerElement
    """Of charging."""
    discharge_power_kw: PerElementOrZero | None = None
    """Rated power of discharging; unless given that of charging."""
    state_of_charge_limits: tuple[Fraction, Fraction] = (0.0, 1.0)
    """Lowest and highest state of charge that a controller may reach."""
    charge_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Stored over drawn energy."""
    discharge_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Fed in over energy taken from the store."""
    initial_state_of_charge: Fraction = 0.5
    """At the beginning of the scenario."""
    throughput_cost_eur_per_mwh: NonNegative = 0.0
    """Cost of wear per MWh through the connection point, in either direction."""
    tan_phi: Finite = 0.0
    """Reactive over active power."""
    ageing: Ageing = Ageing()
    """How use wears the batteries."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.state_of_charge_limits
        if low >= high:
            raise ValueError(f"state_of_charge_limits: {low:g} is not below {high:g}")
        if not low <= self.initial_state_of_charge <= high:
            raise ValueError(
                f"initial_state_of_charge {self.initial_state_of_charge:g} is outside "
                f"state_of_charge_limits [{low:g}, {high:g}]"
            )
        return self


class Storage(Model):
    """Stationary batteries, one at each connection point; they obey as far as their state allows.

    To a controller each is like a vehicle that stays until the end of the run and needs no energy
    by then: it sends the same signals as `EvFleet`. Energy balance, bounds and wear: see `battery`.
    """

    Config = StorageConfig

    def __init__(self, config: StorageConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="battery", owner=self.name, names=points, connection_points=points
        )
        low, high = config.state_of_charge_limits
        self.limits = BatteryLimits(
            state_of_charge_min=low,
            state_of_charge_max=high,
            charge_efficiency=config.charge_efficiency,
            discharge_efficiency=config.discharge_efficiency,
        )
        """Bounds and efficiencies that all batteries share."""
        self.energy_capacity_kwh = self._of_each(config.energy_capacity_kwh, "energy_capacity_kwh")
        """(battery,)"""
        self.rated_power_kw = self._of_each(config.rated_power_kw, "rated_power_kw")
        """(battery,), of charging."""
        self.discharge_power_kw = self.rated_power_kw
        """(battery,), rated power of discharging, positive."""
        if config.discharge_power_kw is not None:
            self.discharge_power_kw = self._of_each(config.discharge_power_kw, "discharge_power_kw")
        self.initial_state_of_charge = np.full(len(points), config.initial_state_of_charge)
        """(battery,)"""
        self.throughput_cost_eur_per_mwh = np.full(len(points), config.throughput_cost_eur_per_mwh)
        """(battery,), cost of wear per MWh through the connection point, in either direction."""
        self._tan_phi = config.tan_phi
        self._ageing = config.ageing
        self._duration_s = context.duration_s
        self._ports = steered_ports(self.elements, _RECORDED, _FOR_CONTROLLERS)
        self._state_of_charge = self.initial_state_of_charge
        self._state_of_health = np.ones(len(points))
        self._envelope_kw = self._envelope()
        self._constants = self._told_throughout()

    def _of_each(self, given: float | dict[str, float], key: str) -> FloatArray:
        return per_element(given, self.elements.names, key, "battery")

    def _envelope(self) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest power possible in the next step."""
        return power_envelope(
            self.limits,
            self._state_of_charge,
            self.energy_capacity_kwh,
            self.discharge_power_kw,
            self.rated_power_kw,
            self.step_size,
        )

    def _told_throughout(self) -> Outputs:
        """Return what controllers are told that never changes."""
        nothing = np.zeros(len(self.elements))
        return {
            ENERGY_REQUIRED.name: nothing,
            REQUIRED_STATE_OF_CHARGE.name: nothing,
            DEPARTURE.name: nothing + float(self._duration_s),
            ENERGY_CAPACITY.name: self.energy_capacity_kwh,
            RATED_CHARGING.name: self.rated_power_kw,
            RATED_DISCHARGING.name: self.discharge_power_kw,
        }

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return self._state()

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._envelope_kw)
        change_kwh = stored_energy_change(self.limits, power_kw, self.step_size)
        loss = wear(self._ageing, power_kw, self.energy_capacity_kwh, self.step_size)
        self._state_of_charge = self._state_of_charge + change_kwh / self.energy_capacity_kwh
        self._state_of_health = self._state_of_health - loss
        self._envelope_kw = self._envelope()
        return {
            POWER.name: power_kw,
            REACTIVE_POWER.name: power_kw * self._tan_phi,
            **self._state(),
        }

    def _state(self) -> Outputs:
        """Return the state at the end of a step, and what is possible in the next."""
        lowest_kw, highest_kw = self._envelope_kw
        return {
            STATE_OF_CHARGE.name: self._state_of_charge,
            STATE_OF_HEALTH.name: self._state_of_health,
            POWER_MIN.name: lowest_kw,
            POWER_MAX.name: highest_kw,
            STORED_ENERGY.name: self._state_of_charge * self.energy_capacity_kwh,
            **self._constants,
        }

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return 0 kW: nobody has asked for anything yet."""
        idle_kw = np.zeros(len(self.elements))
        return flat_forecast(idle_kw, self.step_size, self._duration_s, by_element=by_element)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        columns = (
            ("rated_power_kw", self.rated_power_kw, "kW", "rated power of charging"),
            ("rated_discharge_power_kw", self.discharge_power_kw, "kW", "rated power, discharging"),
            ("rated_energy_capacity_kwh", self.energy_capacity_kwh, "kWh", "energy capacity"),
            (
                "throughput_cost_eur_per_mwh",
                self.throughput_cost_eur_per_mwh,
                "EUR/MWh",
                "cost of wear per MWh through the connection point, in either direction",
            ),
        )
        return tuple(
            StaticVariable(
                name=name,
                values=values,
                dimensions=(self.elements.kind,),
                unit=unit,
                long_name=long_name,
            )
            for name, values, unit, long_name in columns
        )
