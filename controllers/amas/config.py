"""What a scenario can say of the adaptive multi-agent system."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from gridloom.controllers.controller import ControllerConfig
from gridloom.simulators.quantities import (
    Config,
    Duration,
    Finite,
    Fraction,
    NonNegative,
    Positive,
)


class Rule(StrEnum):
    """How a vehicle's agent weighs what it hears (eqs. 34-35)."""

    ROLE_AWARE = "role_aware"
    """Requests are damped by the line that stands against them, relief never is; continuous."""
    LITERAL = "literal"
    """As printed: the more critical side wins, damped by the other; unsafe, for comparison."""


class Balance(StrEnum):
    """What the balance responsible party's agent aims at."""

    COMMITMENT = "commitment"
    """Keep every settlement period's commitment (the paper)."""
    WORTHWHILE = "worthwhile"
    """Keep it where a deviation costs more than the energy it leaves in the vehicles is worth;
    otherwise leave the deviation that forecast errors bring, and create none."""
    PRICE_AWARE = "price_aware"
    """Deviate on purpose wherever the known prices pay for it: speculation, for comparison."""


class Damping(Config):
    """The function h of eq. (35): how much of a request is left, by its antagonist's criticality.

    1 at 0, falling exponentially from `alpha` to `beta` between the thresholds, 0 at 1.
    """

    alpha: Annotated[float, Field(gt=0, le=1)] = 0.8
    beta: Annotated[float, Field(gt=0, le=1)] = 0.3
    threshold_low: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """T_min."""
    threshold_high: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """T_max."""

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if self.threshold_low >= self.threshold_high:
            raise ValueError("threshold_low must be below threshold_high")
        if self.alpha < self.beta:
            raise ValueError("alpha must not be below beta: h falls")
        return self


class AmasConfig(ControllerConfig):
    """Local agents of vehicles, lines, transformers, buses and the balance responsible party."""

    rule: Rule = Rule.ROLE_AWARE
    """How a vehicle's agent weighs what it hears."""
    brp: Balance = Balance.COMMITMENT
    """What the balance responsible party's agent aims at."""
    gain_per_s: Positive = 0.05
    """Share of its rated power by which a vehicle changes its power in a second at most
    criticality (`literal`: 1 a step, as printed)."""
    ramp_kw_per_s: Positive = 0.25
    """Fastest change of a vehicle's power, except to relieve a line or bus."""
    idle_decay_per_s: Fraction = 0.2
    """Share of its power that a vehicle gives up in a second while nobody is critical."""
    fade_out: Duration = 10
    """Time before its declared departure within which a vehicle lets its power fade, so that its
    leaving does not throw the lines above it (`literal`: it leaves at full power)."""
    leak_per_s: Fraction = 0.0
    """Share of its power that a vehicle without need of its own gives up in a second, whoever is
    critical: ends that some feed in what others draw (0: the paper)."""
    idle_below: Fraction = 0.02
    """Criticality below which an agent counts as content."""
    critical_from: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """Share of its limit from which a line, transformer or bus is critical (eq. 29)."""
    line_step: Positive = 0.5
    """Most that the vehicles behind a line together change it in one step, as a share of the band
    between its being critical and its limit; keeps large fleets from overshooting."""
    anticipation_per_a: NonNegative = 0.01
    """K_l of eq. (30): criticality added for each ampere of rise since the last step."""
    balance_power_kw: Positive | None = None
    """K_BRP of eq. (32): power at which the party is most critical; default 26 % of the rated power
    of the portfolio's charging points, which is 100 kW for the paper's 55 of 7 kW."""
    balance_trend: Fraction = 0.0
    """How much of the present deviation of power the party adds to what it asks for: 0 looks at
    energy alone (the paper), 1 asks for just the power that ends the period as it should."""
    shortest_remainder: Duration = 60
    """Remaining time of a settlement period counts as this long at least: the last seconds would
    ask for any power."""
    state_of_charge_margin: Fraction = 0.003
    """How far above its required state of charge a vehicle aims (eq. 33)."""
    energy_value_eur_per_mwh: Finite | None = None
    """Value of a MWh in the vehicles' batteries, for `worthwhile` and `price_aware`; default: the
    mean of all imbalance prices."""
    speculation: Fraction = 0.3
    """`price_aware` alone: share of the charging points' rated power that is bought or sold on
    purpose."""
    damping: Damping = Damping()
    """How much of a request is left against an antagonist."""
