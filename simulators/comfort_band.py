"""Which indoor temperatures people find comfortable, by time of day."""

from datetime import time
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from gridloom.simulators.ev_generators import LocalTime
from gridloom.simulators.model import FloatArray
from gridloom.simulators.profiles.clock import LocalClock
from gridloom.simulators.quantities import Config, Finite

TemperatureLimits: TypeAlias = tuple[Finite, Finite]
"""Lowest and highest comfortable indoor temperature in °C."""


class SetBack(Config):
    """Other limits for a part of every day."""

    begin: LocalTime
    """Time of day from which they hold."""
    end: LocalTime
    """Time of day until which they hold, after midnight if it is before `begin`."""
    temperature_limits_c: TemperatureLimits
    """Lowest and highest comfortable indoor temperature."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.begin == self.end:
            raise ValueError("begin and end are the same time of day")
        refuse_empty_band(self.temperature_limits_c)
        return self

    def holds(self, second_of_day: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell at which seconds since local midnight these limits hold."""
        begin, end = _second(self.begin), _second(self.end)
        after, before = second_of_day >= begin, second_of_day < end
        return after & before if begin < end else after | before


class ComfortBand:
    """The lowest and the highest comfortable indoor temperature at every time."""

    def __init__(
        self, limits_c: TemperatureLimits, set_backs: list[SetBack], clock: LocalClock
    ) -> None:
        """Hold ``limits_c`` but where a set-back holds; the last of several counts."""
        self._limits_c = limits_c
        self._set_backs = set_backs
        self._clock = clock

    def at(self, times_s: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the lower and upper limits at ascending times: (time,) each, °C."""
        low, high = (np.full(len(times_s), limit) for limit in self._limits_c)
        _, second_of_day = self._clock.wall(times_s)
        for set_back in self._set_backs:
            inside = set_back.holds(second_of_day)
            low[inside], high[inside] = set_back.temperature_limits_c
        return low, high


def refuse_empty_band(limits_c: TemperatureLimits) -> None:
    """Refuse a lower limit that is not below the upper one.

    Raises:
        ValueError: it is not.
    """
    low, high = limits_c
    if low >= high:
        raise ValueError(f"temperature_limits_c: {low:g} is not below {high:g}")


def _second(of_day: time) -> int:
    return of_day.hour * 3600 + of_day.minute * 60 + of_day.second
