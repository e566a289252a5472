"""Devices whose power nobody decides: it follows from series that are known when they are built."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.profiles.forecast import (
    ForecastConfig,
    interval_s,
    make_forecast,
    relative_errors,
)
from gridloom.simulators.profiles.playback import Playback
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import POWER, REACTIVE_POWER, Signal


class ExogenousConfig(ModelConfig):
    """Keys that all populations of exogenous devices have."""

    at: str | list[str] = "all"
    """Connection points: all, a group, a name or a list of these."""
    forecast: ForecastConfig = ForecastConfig()
    """What was expected before delivery."""


class Exogenous(Model):
    """One device at each connection point, its outputs computed an hour at a time.

    Every step sends the average over the step, so that energy is kept whatever the step size.
    """

    kind: ClassVar[str]
    """What the devices are."""

    def __init__(
        self, config: ExogenousConfig, context: BuildContext, points: tuple[str, ...]
    ) -> None:
        super().__init__(context, config.step_size)
        interval_s(config.forecast, config.step_size)  # fails early where it does not fit
        self.elements = ElementSet(
            kind=self.kind, owner=context.name, names=points, connection_points=points
        )
        self.until_s = -(-context.duration_s // config.step_size) * config.step_size
        """End of the last step."""
        self._forecast = config.forecast
        self._context = context
        self._playback = Playback(self.compute, config.step_size, self.until_s)

    @property
    @abstractmethod
    def sends(self) -> tuple[Signal, ...]:
        """The signals that `compute` returns."""

    @abstractmethod
    def compute(self, start: int, stop: int) -> Outputs:
        """Return the averages of the steps in [start, stop): arrays (step, element) by signal."""

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return tuple(
            Port(signal=signal, direction=Direction.OUTPUT, elements=self.elements)
            for signal in self.sends
        )

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return self._playback.at(time)

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return the total power expected before delivery, load convention.

        Averages of what comes true over the forecast's intervals, times one plus bias and error:
        see `ForecastConfig`.
        """
        if by_element and self._forecast.file is None:
            return self._forecast_by_element()
        return make_forecast(
            self._forecast, self._context, self._totals, self.step_size, self.until_s
        )

    def _forecast_by_element(self) -> Forecast:
        """Return the same expectation element by element; errors are common to all of them."""
        length_s = interval_s(self._forecast, self.step_size)
        means = self._means(length_s, (POWER, REACTIVE_POWER))
        factor = relative_errors(self._forecast, self._context, len(means[POWER.name]))
        return Forecast(
            interval_s=length_s,
            power_kw=means[POWER.name] * factor[:, np.newaxis],
            reactive_power_kvar=means[REACTIVE_POWER.name] * factor[:, np.newaxis],
        )

    @override
    def future(self, interval_s: int) -> Outputs:
        return self._means(interval_s, self.sends)

    def _means(self, length_s: int, signals: tuple[Signal, ...]) -> Outputs:
        """Return the means over the run's intervals of this length; the last may be cut short."""
        starts = range(0, self.until_s, length_s)
        blocks = [self.compute(start, min(start + length_s, self.until_s)) for start in starts]
        return {s.name: np.array([block[s.name].mean(axis=0) for block in blocks]) for s in signals}

    def _totals(self, start: int, stop: int) -> FloatArray:
        totals: FloatArray = self.compute(start, stop)[POWER.name].sum(axis=1)
        return totals
