"""Electric vehicles: charging sessions, one vehicle a charging point, stepped as arrays."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.simulators.battery import BatteryLimits, power_envelope, stored_energy_change, wear
from gridloom.simulators.errors import listing
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_generators import HomeCharging, PeriodTable
from gridloom.simulators.ev_occupancy import Occupancy
from gridloom.simulators.ev_schedule import uncoordinated_schedule
from gridloom.simulators.ev_session_reader import read_sessions
from gridloom.simulators.ev_sessions import (
    FleetVehicle,
    SessionTable,
    reachable_state_of_charge,
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
from gridloom.simulators.profiles.placement import points_at
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    PLUGGED_IN,
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

_RECORDED = (POWER, REACTIVE_POWER, STATE_OF_CHARGE, PLUGGED_IN, STATE_OF_HEALTH)
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
_TOLERANCE = 1e-9


class EvFleet(Model):
    """One vehicle a charging point; obeys setpoints as far as its battery allows.

    A vehicle is plugged in during the whole steps between its arrival and its departure. What it
    reports with the cell method 'point' describes the end of the step: the last step before its
    departure still tells the state of charge it leaves with, and what can be asked of it in the
    next step is told for the vehicles that are there now.

    Energy balance, bounds and wear: see `battery` (eqs. 12-19); reactive power is ``tan_phi``
    times active power (eq. 20). The state of health is that of the vehicle that uses the charging
    point; it is reported and does not reduce the capacity.
    """

    Config: ClassVar[type[ModelConfig]] = EvFleetConfig

    def __init__(self, config: EvFleetConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._config = config
        self._duration_s = context.duration_s
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="charging_point", owner=self.name, names=points, connection_points=points
        )
        low, high = config.state_of_charge_limits
        self.limits = BatteryLimits(
            state_of_charge_min=low,
            state_of_charge_max=high,
            charge_efficiency=config.charge_efficiency,
            discharge_efficiency=config.discharge_efficiency,
        )
        """Bounds and efficiencies that all vehicles share."""
        self.tan_phi = config.tan_phi
        """Reactive over active power."""
        self.ageing = config.ageing
        """How use wears the batteries."""
        self._vehicle = FleetVehicle(
            required_state_of_charge=config.required_state_of_charge,
            state_of_charge_max=high,
            energy_capacity_kwh=config.energy_capacity_kwh,
            rated_power_kw=config.rated_power_kw,
            charge_efficiency=config.charge_efficiency,
        )
        self.sessions = self._sessions(context)
        """Who is plugged in when."""
        self._ports = steered_ports(self.elements, _RECORDED, _FOR_CONTROLLERS)
        self._occupancy = Occupancy(self.sessions, len(points), self.step_size)
        self._clear()
        self._plug(0)

    def _sessions(self, context: BuildContext) -> SessionTable:
        source, points = self._config.sessions, self.elements.names
        if isinstance(source, PeriodTable | HomeCharging):
            return source.draw(points, self._vehicle, context)
        return read_sessions(source, points, self._vehicle, context)

    def _clear(self) -> None:
        """Begin with no vehicle plugged in."""
        n = len(self.elements)
        self._state_of_charge = np.zeros(n)
        self._state_of_health = np.ones(n)
        self._capacity_kwh = np.full(n, self._vehicle.energy_capacity_kwh)
        self._required = np.zeros(n)
        self._charging_kw = np.zeros(n)
        self._discharging_kw = np.zeros(n)
        self._departure_s = np.full(n, np.nan)
        self._power_limits_kw: tuple[FloatArray, FloatArray] = (np.zeros(n), np.zeros(n))
        self._terms: Outputs = {}

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return {**self._at_end_of_step(), **self._in_next_step()}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._power_limits_kw)
        change_kwh = stored_energy_change(self.limits, power_kw, self.step_size)
        loss = wear(self.ageing, power_kw, self._capacity_kwh, self.step_size)
        self._state_of_charge = self._state_of_charge + change_kwh / self._capacity_kwh
        self._state_of_health = self._state_of_health - loss
        sent = {
            POWER.name: power_kw,
            REACTIVE_POWER.name: power_kw * self.tan_phi,
            **self._at_end_of_step(),
        }
        # Whoever decides on the next step is told who is there when it begins.
        if time + self.step_size >= self._occupancy.next_change_s:
            self._plug(time + self.step_size)
        else:
            self._power_limits_kw = self._envelope()
        return {**sent, **self._in_next_step()}

    def _envelope(self) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest power possible in the next step."""
        return power_envelope(
            self.limits,
            self._state_of_charge,
            self._capacity_kwh,
            self._discharging_kw,
            self._charging_kw,
            self.step_size,
        )

    def _at_end_of_step(self) -> Outputs:
        """Return the state of the vehicles at the end of a step, before any of them leaves."""
        plugged_in = self._occupancy.plugged_in
        return {
            STATE_OF_CHARGE.name: np.where(plugged_in, self._state_of_charge, np.nan),
            PLUGGED_IN.name: plugged_in.astype(np.float64),
            STATE_OF_HEALTH.name: self._state_of_health,
        }

    def _in_next_step(self) -> Outputs:
        """Return what the vehicles that will be there in the next step can do and need."""
        lowest_kw, highest_kw = self._power_limits_kw
        missing = np.maximum(self._required - self._state_of_charge, 0.0)
        return {
            POWER_MIN.name: lowest_kw,
            POWER_MAX.name: highest_kw,
            ENERGY_REQUIRED.name: missing * self._capacity_kwh / self.limits.charge_efficiency,
            STORED_ENERGY.name: np.where(
                self._occupancy.plugged_in, self._state_of_charge * self._capacity_kwh, np.nan
            ),
            **self._terms,
        }

    def _plug(self, time: int) -> None:
        """Unplug who has left and plug in who has come by ``time``."""
        gone, come = self._occupancy.advance(time)
        self._charging_kw[gone] = 0.0
        self._discharging_kw[gone] = 0.0
        self._required[gone] = 0.0
        self._departure_s[gone] = np.nan
        arrived = self.sessions.take(come)
        points = arrived.charging_point
        self._state_of_charge[points] = arrived.arrival_state_of_charge
        self._capacity_kwh[points] = arrived.energy_capacity_kwh
        self._required[points] = arrived.required_state_of_charge
        self._departure_s[points] = arrived.departure_s
        self._charging_kw[points] = arrived.rated_power_kw
        self._discharging_kw[points] = np.minimum(
            arrived.rated_power_kw, self.rated_discharging_kw()
        )
        self._power_limits_kw = self._envelope()
        self._terms = self._terms_of_stay()

    def _terms_of_stay(self) -> Outputs:
        """Return what holds as long as nobody comes or leaves."""
        plugged_in = self._occupancy.plugged_in
        return {
            DEPARTURE.name: self._departure_s.copy(),
            ENERGY_CAPACITY.name: np.where(plugged_in, self._capacity_kwh, np.nan),
            RATED_CHARGING.name: self._charging_kw.copy(),
            RATED_DISCHARGING.name: self._discharging_kw.copy(),
            REQUIRED_STATE_OF_CHARGE.name: np.where(plugged_in, self._required, np.nan),
        }

    @property
    def booked(self) -> SessionTable | None:
        """All sessions if drivers book the day before, else None: then nobody may know them.

        That drivers keep to their bookings to the second is an assumption of `forecast: bookings`.
        """
        return self.sessions if self._config.forecast.bookings else None

    def rated_discharging_kw(self) -> float:
        """Return the rated power of discharging where the vehicle's own is not lower."""
        given = self._config.discharge_power_kw
        if given is None:
            return np.inf if self._config.v2g else 0.0
        return given

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return the uncoordinated schedule: from arrival at rated power to the required state.

        Always the sum: the fleet's operator expects arrivals, not who arrives where.
        """
        settings = self._config.forecast
        power_kw = uncoordinated_schedule(
            self.sessions,
            charge_efficiency=self.limits.charge_efficiency,
            step_s=self.step_size,
            interval_s=settings.resolution,
            duration_s=self._duration_s,
        )
        return Forecast(
            interval_s=settings.resolution, power_kw=power_kw * (1.0 + settings.relative_bias)
        )

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        rated = StaticVariable(
            name="rated_power_kw",
            values=np.full(len(self.elements), self._vehicle.rated_power_kw),
            dimensions=(self.elements.kind,),
            unit="kW",
            long_name="rated charging power of each charging point",
        )
        return (rated, *self.sessions.static())

    @override
    def remarks(self) -> tuple[str, ...]:
        """Return which sessions cannot reach their required state of charge."""
        reached = reachable_state_of_charge(self.sessions, self._vehicle, self.step_size)
        rows = np.flatnonzero(reached < self.sessions.required_state_of_charge - _TOLERANCE)
        if not len(rows):
            return ()
        names = [self.elements.names[point] for point in self.sessions.charging_point[rows]]
        remark = (
            f"{len(rows)} of {len(self.sessions)} sessions are too short for their required state "
            f"of charge, even at rated power: {listing(names)}"
        )
        return (remark,)
