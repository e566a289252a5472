"""The appliances of the synthetic households: ratings, cycles, use over the day.

Ratings and cycle lengths follow the appliances of the CREST demand model (Richardson, Thomson,
Infield and Clifford, "Domestic electricity use: a high-resolution energy demand model", Energy and
Buildings 42, 2010, doi 10.1016/j.enbuild.2010.05.023); ownership, starts a day and the curves are
set so that the statistics listed in `household` come out. The program is our own.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.simulators.model import FloatArray

MINUTES_PER_DAY = 1440

_ACTIVE_WEEKDAY = (
    *(0.14, 0.10, 0.08, 0.08, 0.08, 0.12, 0.24, 0.48, 0.54, 0.52, 0.48, 0.46),
    *(0.48, 0.46, 0.44, 0.48, 0.58, 0.66, 0.72, 0.72, 0.72, 0.70, 0.60, 0.36),
)
_ACTIVE_WEEKEND = (
    *(0.20, 0.14, 0.10, 0.08, 0.08, 0.10, 0.16, 0.30, 0.46, 0.58, 0.62, 0.62),
    *(0.62, 0.58, 0.56, 0.58, 0.62, 0.66, 0.70, 0.72, 0.72, 0.70, 0.62, 0.42),
)
"""Share of households with somebody at home and awake, at the middle of each hour."""

_USE = {
    "drinks": (*(0.3,) * 6, *(1.0,) * 17, 0.5),
    "washing": (
        *(0.0, 0.0, 0.0, 0.0, 0.1, 0.3, 2.4, 3.0, 2.6, 2.4, 1.0, 0.6),
        *(0.4, 0.3, 0.3, 0.4, 0.7, 0.9, 1.1, 0.9, 0.8, 0.8, 0.8, 0.3),
    ),
    "cooking": (
        *(0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.6, 1.0, 0.8, 0.5, 0.5, 1.3),
        *(1.2, 0.5, 0.4, 0.9, 1.8, 2.6, 2.8, 1.3, 0.6, 0.4, 0.2, 0.1),
    ),
    "chores": (
        *(0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1.2, 1.6, 2.2, 1.8, 1.6),
        *(1.2, 0.9, 1.1, 1.3, 1.2, 0.9, 1.0, 1.0, 0.9, 0.8, 0.6, 0.2),
    ),
    "evening": (
        *(0.1, 0.05, 0.05, 0.05, 0.05, 0.2, 0.8, 1.2, 1.0, 0.8, 0.6, 0.5),
        *(0.5, 0.5, 0.7, 1.1, 1.6, 1.9, 2.2, 2.2, 2.2, 2.1, 1.6, 0.5),
    ),
}
"""Relative readiness of active people to start an appliance, at the middle of each hour."""


@dataclass(frozen=True, kw_only=True)
class Appliance:
    """A kind of appliance that people start."""

    name: str
    ownership: float
    """Share of households that have one."""
    starts_per_day: float
    """Mean over owners."""
    cycle: tuple[tuple[float, float], ...]
    """Phases of one use in order: power in kW, mean length in minutes."""
    length_spread: float
    """Standard deviation of a use's length over its mean."""
    use: str
    """Which curve of use over the day."""

    @property
    def energy_kwh_per_day(self) -> float:
        """Mean over all households."""
        per_use = sum(power * minutes / 60 for power, minutes in self.cycle)
        return self.ownership * self.starts_per_day * per_use


STANDBY_KW = 0.05
"""Mean of what a household always draws."""
COLD_KW, COLD_RUN_MIN, COLD_PERIOD_MIN = 0.155, 13.0, 42.0
"""Compressor of refrigerator and freezer: power, mean run, mean time between starts."""


def _appliance(
    name: str,
    ownership: float,
    starts_per_day: float,
    cycle: tuple[tuple[float, float], ...],
    length_spread: float,
    use: str,
) -> Appliance:
    return Appliance(
        name=name,
        ownership=ownership,
        starts_per_day=starts_per_day,
        cycle=cycle,
        length_spread=length_spread,
        use=use,
    )


APPLIANCES = (
    _appliance("kettle", 0.97, 3.8, ((2.6, 3),), 0.1, "drinks"),
    _appliance("microwave oven", 0.85, 1.0, ((1.3, 5),), 0.4, "cooking"),
    _appliance("hob", 0.45, 1.0, ((2.4, 16),), 0.3, "cooking"),
    _appliance("oven", 0.60, 0.6, ((2.1, 27),), 0.3, "cooking"),
    _appliance("small cooking appliance", 1.0, 1.0, ((1.0, 4),), 0.4, "cooking"),
    _appliance("electric shower", 0.50, 0.85, ((8.5, 4),), 0.2, "washing"),
    _appliance("water heater", 0.50, 2.6, ((3.0, 21),), 0.1, "washing"),
    _appliance("washing machine", 0.90, 0.55, ((2.0, 18), (0.25, 60)), 0.1, "chores"),
    _appliance("tumble dryer", 0.35, 0.3, ((2.5, 55),), 0.2, "chores"),
    _appliance("dishwasher", 0.40, 0.6, ((1.9, 18), (0.1, 20), (1.9, 12)), 0.1, "evening"),
    _appliance("vacuum cleaner or iron", 0.95, 0.3, ((1.5, 20),), 0.5, "chores"),
    _appliance("television", 1.0, 3.4, ((0.14, 90),), 0.5, "evening"),
    _appliance("computer", 0.8, 2.6, ((0.15, 90),), 0.5, "chores"),
    _appliance("lamp", 1.0, 10.5, ((0.12, 65),), 0.8, "evening"),
)


def active_share(*, weekend: bool) -> FloatArray:
    """Return the share of households with active people at every minute of the day: (minute,)."""
    return _over_the_day(_ACTIVE_WEEKEND if weekend else _ACTIVE_WEEKDAY)


def use_over_day(use: str) -> FloatArray:
    """Return one curve of use at every minute of the day, relative: (minute,)."""
    return _over_the_day(_USE[use])


def _over_the_day(hourly: tuple[float, ...]) -> FloatArray:
    middles = np.arange(24) * 60 + 29.5
    return np.interp(np.arange(MINUTES_PER_DAY), middles, hourly, period=MINUTES_PER_DAY)
