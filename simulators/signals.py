"""Every quantity that models exchange, once: name, unit, sign and meaning.

From here come the attributes in the mosaik META, the attributes in the record and the tables of
the documentation. Sign, everywhere at a connection point, is the **load convention**: positive
means from the grid into the resource, so that a PV plant's power is negative.

A plug-in that exchanges something new makes its own `Signal`; nothing needs to be registered.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

LOAD_CONVENTION = "from the grid into the resource"

Statistic: TypeAlias = Literal["mean", "min", "max", "last"]
"""What can be kept of a time with several values; 'last' is the last one that is not NaN."""


class Information(StrEnum):
    """What a controller may be told; each signal belongs to exactly one of these."""

    MEASUREMENTS = "measurements"
    """Measured at the end of the last step."""
    FORECAST = "forecast"
    """What was expected before delivery, with its stated error."""
    SESSIONS_PLUGGED_IN = "sessions_plugged_in"
    """State and limits of the vehicles that are plugged in now; nothing about later arrivals."""
    DECLARED_DEPARTURES = "declared_departures"
    """When the drivers of the vehicles plugged in now said they would leave."""
    PERFECT = "perfect"
    """The future as it will be: for baselines and bounds only."""


class MeetsAt(StrEnum):
    """How an output finds its inputs when the scenario does not say."""

    CONNECTION_POINT = "connection_point"
    """Ports of the same signal connect where their elements share a connection point."""
    ELEMENT = "element"
    """Ports of the same signal connect only when they speak of the very same elements."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A physical or economic quantity that ports exchange."""

    name: str
    """Name with its unit as suffix, as in `power_kw`."""
    unit: str
    """Unit as UDUNITS reads it (netCDF attribute `units`)."""
    long_name: str
    positive: str = ""
    """What a positive value means, for quantities that have a direction."""
    extensive: bool = False
    """Whether values of several sources at one place add up (powers do, voltages do not)."""
    meets_at: MeetsAt = MeetsAt.ELEMENT
    information: Information = Information.MEASUREMENTS
    may_be_nan: bool = False
    """Whether NaN is a legal value (no vehicle, bus without supply, step not solved)."""
    cell_method: str = "mean"
    """CF `cell_methods` over a step: 'mean' holds over [t, t + step), 'point' is its end."""
    statistics: tuple[Statistic, ...] = ()
    """What is recorded besides the value itself where a row of the record covers several steps."""
    each_step: bool = False
    """Whether steps cannot be put together to one row: each tells of another solve, or negotiation,
    and a model that sends this records them all."""
    reproducible: bool = True
    """Whether the same scenario and seed give the same values: all but wall times do."""


_AT_CONNECTION_POINT = MeetsAt.CONNECTION_POINT

# What flows at connection points
POWER = Signal(
    name="power_kw",
    unit="kW",
    long_name="active power",
    positive=LOAD_CONVENTION,
    extensive=True,
    meets_at=_AT_CONNECTION_POINT,
)
REACTIVE_POWER = Signal(
    name="reactive_power_kvar",
    unit="kvar",
    long_name="reactive power",
    positive=LOAD_CONVENTION,
    extensive=True,
    meets_at=_AT_CONNECTION_POINT,
)
VOLTAGE = Signal(
    name="voltage_pu",
    unit="1",
    long_name="voltage magnitude at the connection point, mean of its phases, per unit of nominal",
    meets_at=_AT_CONNECTION_POINT,
    may_be_nan=True,
    statistics=("min", "max"),
)
VOLTAGE_UNBALANCE = Signal(
    name="voltage_unbalance_percent",
    unit="percent",
    long_name="negative over positive sequence voltage at the connection point",
    meets_at=_AT_CONNECTION_POINT,
    may_be_nan=True,
)

# The grid
BUS_VOLTAGE = Signal(
    name="bus_voltage_pu",
    unit="1",
    long_name="voltage magnitude, phase to neutral, per unit of nominal",
    may_be_nan=True,
    statistics=("min", "max"),
)
LINE_CURRENT = Signal(
    name="line_current_a",
    unit="A",
    long_name="current magnitude, larger of the two ends",
    may_be_nan=True,
    statistics=("max",),
)
LINE_POWER = Signal(
    name="line_power_kw",
    unit="kW",
    long_name="active power entering the line at its from end",
    positive="from the from bus to the to bus",
    may_be_nan=True,
)
LINE_LOADING = Signal(
    name="line_loading_percent",
    unit="percent",
    long_name="current of the most loaded phase over the rated current",
    may_be_nan=True,
    statistics=("max",),
)
TRANSFORMER_LOADING = Signal(
    name="transformer_loading_percent",
    unit="percent",
    long_name="apparent power of the more loaded side over the rated power",
    may_be_nan=True,
    statistics=("max",),
)
LOSSES = Signal(
    name="losses_kw",
    unit="kW",
    long_name="active power lost in lines and transformers",
    may_be_nan=True,
)
SLACK_POWER = Signal(
    name="slack_power_kw",
    unit="kW",
    long_name="active power drawn from the external grid",
    positive="from the external grid into this grid",
    may_be_nan=True,
    statistics=("min", "max"),
)
SLACK_REACTIVE_POWER = Signal(
    name="slack_reactive_power_kvar",
    unit="kvar",
    long_name="reactive power drawn from the external grid",
    positive="from the external grid into this grid",
    may_be_nan=True,
)
UNSOLVED = Signal(
    name="unsolved",
    unit="1",
    long_name="1 where the power flow has no solution at this step, else 0",
)

# Expectations
EXPECTED_POWER = Signal(
    name="expected_power_kw",
    unit="kW",
    long_name="mean active power expected of the short-term interval that the next step is in",
    positive=LOAD_CONVENTION,
    extensive=True,
    meets_at=_AT_CONNECTION_POINT,
    information=Information.FORECAST,
    cell_method="point",
)

# Photovoltaics and wind
IRRADIANCE = Signal(
    name="irradiance_w_per_m2",
    unit="W m-2",
    long_name="global irradiance on the plane of the modules",
)
WIND_SPEED = Signal(
    name="wind_speed_m_per_s",
    unit="m s-1",
    long_name="wind speed at hub height",
)

# Storage and electric vehicles
POWER_SETPOINT = Signal(
    name="power_setpoint_kw",
    unit="kW",
    long_name="active power asked for by the controller",
    positive=LOAD_CONVENTION,
)
PLUGGED_IN = Signal(
    name="plugged_in",
    unit="1",
    long_name="1 while a vehicle is plugged in at the end of the step, else 0",
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
STATE_OF_CHARGE = Signal(
    name="state_of_charge",
    unit="1",
    long_name="stored energy over energy capacity, at the end of the step",
    information=Information.SESSIONS_PLUGGED_IN,
    may_be_nan=True,
    cell_method="point",
    statistics=("last",),
)
STATE_OF_HEALTH = Signal(
    name="state_of_health",
    unit="1",
    long_name="usable over original energy capacity, at the end of the step",
    information=Information.SESSIONS_PLUGGED_IN,
    may_be_nan=True,
    cell_method="point",
)
POWER_MIN = Signal(
    name="power_min_kw",
    unit="kW",
    long_name="lowest active power possible in the next step",
    positive=LOAD_CONVENTION,
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
POWER_MAX = Signal(
    name="power_max_kw",
    unit="kW",
    long_name="highest active power possible in the next step",
    positive=LOAD_CONVENTION,
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
ENERGY_REQUIRED = Signal(
    name="energy_required_kwh",
    unit="kWh",
    long_name="energy to be drawn from the next step on to reach the required state",
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
STORED_ENERGY = Signal(
    name="stored_energy_kwh",
    unit="kWh",
    long_name="energy in the vehicle of the next step, at its beginning",
    information=Information.SESSIONS_PLUGGED_IN,
    may_be_nan=True,
    cell_method="point",
)
ENERGY_CAPACITY = Signal(
    name="energy_capacity_kwh",
    unit="kWh",
    long_name="energy capacity of the vehicle in the next step",
    information=Information.SESSIONS_PLUGGED_IN,
    may_be_nan=True,
    cell_method="point",
)
RATED_CHARGING = Signal(
    name="rated_charging_kw",
    unit="kW",
    long_name="rated power of charging in the next step, whatever the state of charge",
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
RATED_DISCHARGING = Signal(
    name="rated_discharging_kw",
    unit="kW",
    long_name="rated power of discharging in the next step, whatever the state of charge",
    information=Information.SESSIONS_PLUGGED_IN,
    cell_method="point",
)
REQUIRED_STATE_OF_CHARGE = Signal(
    name="required_state_of_charge",
    unit="1",
    long_name="state of charge that the vehicle of the next step needs at departure",
    information=Information.SESSIONS_PLUGGED_IN,
    may_be_nan=True,
    cell_method="point",
)
DEPARTURE = Signal(
    name="departure_s",
    unit="s",
    long_name="declared departure, seconds since the start of the scenario",
    information=Information.DECLARED_DEPARTURES,
    may_be_nan=True,
    cell_method="point",
)

# Flexible demand
BASELINE_POWER = Signal(
    name="baseline_power_kw",
    unit="kW",
    long_name="active power that would be drawn unasked in the next step",
    positive=LOAD_CONVENTION,
    information=Information.FORECAST,
    cell_method="point",
)
ENERGY_SHIFTED = Signal(
    name="energy_shifted_kwh",
    unit="kWh",
    long_name="energy drawn since the start beyond what would have been drawn unasked",
    positive="more has been drawn",
    cell_method="point",
)

# Market
POSITION = Signal(
    name="position_kw",
    unit="kW",
    long_name="power bought day-ahead by the balance responsible party",
    positive="net consumption of the portfolio",
)
IMBALANCE = Signal(
    name="imbalance_kwh",
    unit="kWh",
    long_name="allocated volume minus position since the settlement period began, end of the step",
    positive="shortage: the portfolio consumes more than planned",
    cell_method="point",
)
BUYING_PRICE = Signal(
    name="buying_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price paid for consumption beyond the position in the next step",
    cell_method="point",
)
SELLING_PRICE = Signal(
    name="selling_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price received for consumption short of the position in the next step",
    cell_method="point",
)
