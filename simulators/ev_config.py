"""What a scenario can say of a fleet of electric vehicles."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from gridloom.simulators.battery import Ageing
from gridloom.simulators.ev_generators import SessionGenerator
from gridloom.simulators.ev_sessions import Session, SessionFile
from gridloom.simulators.quantities import (
    Config,
    Duration,
    Finite,
    Fraction,
    ModelConfig,
    NonNegative,
    Positive,
)


def _form_of(value: Any) -> str | None:
    """Return the tag of the form in which sessions are given, None for none of them."""
    if isinstance(value, list | tuple):
        return "list"
    keys = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    return next((form for form in ("file", "generator") if form in keys), None)


class ScheduleForecast(Config):
    """The fleet's day-ahead schedule, as its balance responsible party would plan it."""

    resolution: Duration = 900
    """The schedule is averaged over this time; eq. (25) takes 10 min."""
    relative_bias: Finite = 0.0
    """Share by which the schedule is too high."""
    bookings: bool = False
    """Whether drivers book their stays the day before and keep to what they booked: an assumption
    under which arrivals, departures and states of charge on arrival are known day-ahead."""


class EvFleetConfig(ModelConfig):
    """A fleet of electric vehicles."""

    at: str | list[str] = "all"
    """Connection points that have a charging point: 'all', a group, or names."""
    sessions: Annotated[
        Annotated[list[Session], Tag("list")]
        | Annotated[SessionFile, Tag("file")]
        | Annotated[SessionGenerator, Tag("generator")],
        Discriminator(
            _form_of,
            custom_error_type="sessions",
            custom_error_message="expected a list of sessions, 'file: sessions.csv', or a "
            "'generator: ' with its keys",
        ),
    ]
    """Who is plugged in when: a list, a CSV file, or a generator."""
    energy_capacity_kwh: Positive = 40.0
    """Of each vehicle's battery, unless its session says otherwise."""
    rated_power_kw: Positive = 7.0
    """Charging power of each charging point, unless the session says otherwise."""
    discharge_power_kw: NonNegative | None = None
    """Default: `rated_power_kw` with `v2g`, else 0."""
    v2g: bool = False
    """Whether vehicles may feed back into the grid."""
    state_of_charge_limits: tuple[Fraction, Fraction] = (0.0, 1.0)
    """Lowest and highest state of charge that a controller may reach."""
    required_state_of_charge: Fraction = 0.8
    """At departure."""
    charge_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Stored over drawn energy."""
    discharge_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Fed in over energy taken from the store."""
    tan_phi: Finite = 0.0
    """Reactive over active power (eq. 20)."""
    ageing: Ageing = Ageing()
    """How use wears the batteries."""
    forecast: ScheduleForecast = ScheduleForecast()
    """What the fleet is expected to draw, day-ahead."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.state_of_charge_limits
        if low >= high:
            raise ValueError(f"state_of_charge_limits: {low:g} is not below {high:g}")
        if not low <= self.required_state_of_charge <= high:
            raise ValueError(
                f"required_state_of_charge {self.required_state_of_charge:g} is outside "
                f"state_of_charge_limits [{low:g}, {high:g}]"
            )
        if self.discharge_power_kw and not self.v2g:
            raise ValueError("discharge_power_kw needs v2g: true")
        return self
