"""Devices whose power nobody decides: it follows from series that are known when they are built."""

from abc import abstractmethod
from functools import partial
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
    means_of_steps,
    relative_errors,
)
from gridloom.simulators.profiles.playback import Playback
from gridloom.simulators.profiles.short_term import ShortTerm, ShortTermConfig
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import EXPECTED_POWER, POWER, REACTIVE_POWER, Signal

_AT_ONCE_S = 3600
"""Time of which the steps are computed at once, as in their playback."""


class PopulationConfig(ModelConfig):
    """Keys that all populations of forecast devices have."""

    at: str | list[str] = "all"
    """Connection points: all, a group, a name or a list of these."""
    forecast: ForecastConfig = ForecastConfig()
    """What was expected before delivery."""


class ExogenousConfig(PopulationConfig):
    """Keys that all populations of exogenous devices have."""

    short_term: ShortTermConfig = ShortTermConfig()
    """What is expected of the time just ahead, for controllers that are told forecasts."""


class Exogenous(Model):
    """One device at each connection point, its outputs computed an hour at a time.

    Every step sends the average over the step, so that energy is kept whatever the step size, and
    what is expected of the time just ahead.
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
        self.short_term_interval_s = config.short_term.interval or config.step_size
        """Length of the intervals that `EXPECTED_POWER` speaks of."""
        self._short_term = ShortTerm(
            config.short_term,
            context,
            partial(self._playback.mean, POWER.name),
            self._first_expected,
            step_size=config.step_size,
            until_s=self.until_s,
        )
        self._expectation_is_taken = True

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
            Port(
                signal=signal,
                direction=Direction.OUTPUT,
                elements=self.elements,
                recorded=signal is not EXPECTED_POWER,
            )
            for signal in (*self.sends, EXPECTED_POWER)
        )

    @override
    def take_outputs(self, names: frozenset[str]) -> None:
        self._expectation_is_taken = EXPECTED_POWER.name in names

    @override
    def initial_outputs(self) -> Outputs:
        return self._expected_at(0)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        outputs = self._playback.at(time)
        outputs.update(self._expected_at(time + self.step_size))
        return outputs

    def _expected_at(self, time: int) -> Outputs:
        """Return what is told of the interval that the step at ``time`` is in."""
        if not self._expectation_is_taken:
            return {}
        return {EXPECTED_POWER.name: self._short_term.at(time)}

    def _first_expected(self) -> FloatArray:
        """Return what was expected of the beginning day-ahead: (element,), 0 if only the sum is."""
        if self._forecast.file is not None:
            return np.zeros(len(self.elements))
        length_s = interval_s(self._forecast, self.step_size)
        mean = self._playback.mean(POWER.name, 0, min(length_s, self.until_s))
        first: FloatArray = mean * relative_errors(self._forecast, self._context, 1, length_s)
        return first

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
        intervals = len(means[POWER.name])
        factor = relative_errors(self._forecast, self._context, intervals, length_s)
        return Forecast(
            interval_s=length_s,
            power_kw=means[POWER.name] * factor[:, np.newaxis],
            reactive_power_kvar=means[REACTIVE_POWER.name] * factor[:, np.newaxis],
        )

    @override
    def future(self, interval_s: int) -> Outputs | None:
        return self._means(interval_s, self.sends)

    def _means(self, length_s: int, signals: tuple[Signal, ...]) -> Outputs:
        """Return the means over the run's intervals of this length; the last may be cut short."""
        stretch_s = max(1, _AT_ONCE_S // length_s) * length_s
        means: dict[str, list[FloatArray]] = {signal.name: [] for signal in signals}
        for start in range(0, self.until_s, stretch_s):
            stretch = self.compute(start, min(start + stretch_s, self.until_s))
            for name, found in means.items():
                found.append(means_of_steps(stretch[name], length_s // self.step_size))
        return {name: np.concatenate(found) for name, found in means.items()}

    def _totals(self, start: int, stop: int) -> FloatArray:
        totals: FloatArray = self.compute(start, stop)[POWER.name].sum(axis=1)
        return totals
