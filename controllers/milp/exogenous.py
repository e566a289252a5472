"""What nobody controls: power at the connection points, as it will be or as it is forecast."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridloom.controllers.milp.problem import IntArray
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import Direction, FloatArray, Forecast, Model, Outputs
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import POWER, REACTIVE_POWER


@dataclass(frozen=True, kw_only=True)
class Exogenous:
    """Mean power in each interval of the run; arrays are (connection_point, interval)."""

    power_kw: FloatArray
    reactive_power_kvar: FloatArray

    def blended(
        self, measured: tuple[FloatArray, FloatArray], now_s: int, interval_s: int, decay_s: int
    ) -> "Exogenous":
        """Return expectations that begin with what was measured and forget it.

        The measurement weighs exp(-lead time / decay) at the middle of an interval.

        Args:
            measured: (connection_point,) each, active and reactive power just before now.
            now_s: when it was measured.
            interval_s: length of the intervals.
            decay_s: time in which the weight falls to 1/e.
        """
        middle_s = (np.arange(self.power_kw.shape[1]) + 0.5) * interval_s
        lead_s = np.maximum(middle_s - now_s, 0.0)
        weight = np.where(middle_s > now_s, np.exp(-lead_s / decay_s), 0.0)

        def blend(expected: FloatArray, seen: FloatArray) -> FloatArray:
            blended: FloatArray = expected + weight * (seen[:, np.newaxis] - expected)
            return blended

        return replace(
            self,
            power_kw=blend(self.power_kw, measured[0]),
            reactive_power_kvar=blend(self.reactive_power_kvar, measured[1]),
        )


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The models beside the controlled one, and the places where they meet it."""

    models: Mapping[str, Model]
    points: tuple[str, ...]
    """The plan's connection points."""
    interval_s: int
    duration_s: int

    @property
    def senders(self) -> dict[str, Model]:
        """The models that draw power at connection points."""
        return {name: model for name, model in self.models.items() if sites(model)}

    def as_it_will_be(self, futures: Mapping[str, Outputs]) -> Exogenous:
        """Add up what the models will send.

        Args:
            futures: by model, means over `interval_s`; see `Model.future`.
        """

        def series(name: str, signal: str) -> FloatArray | None:
            sent = futures.get(name, {}).get(signal)
            return None if sent is None else sent.T

        return self._total(series)

    def as_forecast(self, forecasts: Mapping[str, Forecast]) -> Exogenous:
        """Add up what the models were expected to send before delivery.

        What is known of a model's elements together only is spread evenly over them.

        Args:
            forecasts: by model; element by element where that is known.
        """

        def series(name: str, signal: str) -> FloatArray | None:
            forecast = forecasts.get(name)
            if forecast is None:
                return None
            expected = {
                POWER.name: forecast.power_kw,
                REACTIVE_POWER.name: forecast.reactive_power_kvar,
            }[signal]
            if expected is None:
                return None
            means = resampled(expected, forecast.interval_s, self.interval_s, self._intervals)
            count = len(sites(self.models[name]))
            return means.T if means.ndim > 1 else np.tile(means / count, (count, 1))

        return self._total(series)

    def require_whole_steps(self) -> None:
        """Refuse intervals that cut the steps of a model in two.

        Raises:
            ScenarioError: they do.
        """
        for name, model in self.senders.items():
            if self.interval_s % model.step_size:
                raise ScenarioError(
                    Problem(
                        message=f"intervals of {format_duration(self.interval_s)} cut the steps "
                        f"of '{name}', {format_duration(model.step_size)}, in two",
                        key=("interval",),
                        expected=f"a multiple of {format_duration(model.step_size)}",
                    )
                )

    @property
    def _intervals(self) -> int:
        return -(-self.duration_s // self.interval_s)

    def _total(self, series: Callable[[str, str], FloatArray | None]) -> Exogenous:
        """Add up (element, interval) of all models at the connection points."""
        place = {name: number for number, name in enumerate(self.points)}
        totals = {s.name: np.zeros((len(self.points), self._intervals)) for s in _SIGNALS}
        for name, model in self.senders.items():
            at = np.array([place[site] for site in sites(model)], dtype=np.int64)
            for signal, total in totals.items():
                values = series(name, signal)
                if values is not None:
                    np.add.at(total, at, values)
        return Exogenous(
            power_kw=totals[POWER.name], reactive_power_kvar=totals[REACTIVE_POWER.name]
        )


_SIGNALS = (POWER, REACTIVE_POWER)


def sites(model: Model) -> tuple[str, ...]:
    """Return the connection point of each element that draws power; empty if there is none."""
    for port in model.ports:
        is_output = port.direction is Direction.OUTPUT
        if port.signal == POWER and is_output and port.elements is not None:
            return port.elements.connection_points or ()
    return ()


def connection_points(models: Mapping[str, Model]) -> tuple[str, ...]:
    """Return the grid's connection points, or without a grid those where anything is connected."""
    for model in models.values():
        if model.offers_connection_points and model.connection_points is not None:
            return model.connection_points
    return tuple(dict.fromkeys(site for model in models.values() for site in sites(model)))


def positions(names: tuple[str, ...], within: tuple[str, ...]) -> IntArray:
    """Return where each of the names stands among others."""
    place = {name: number for number, name in enumerate(within)}
    return np.array([place[name] for name in names], dtype=np.int64)


def resampled(values: FloatArray, length_s: int, interval_s: int, intervals: int) -> FloatArray:
    """Return the means over other intervals: (time, ...) to (interval, ...).

    Exact, however they overlap. Beyond its end a series holds its last value.

    Args:
        values: means over intervals of `length_s`, the first of which begins at 0.
        length_s: length of the given intervals.
        interval_s: length of the wanted intervals.
        intervals: how many of them.
    """
    integral = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    at = np.arange(intervals + 1) * (interval_s / length_s)
    whole = np.minimum(at.astype(np.int64), len(values) - 1)
    column = (-1, *(1 for _ in values.shape[1:]))
    until = integral[whole] + (at - whole).reshape(column) * values[whole]
    means: FloatArray = np.diff(until, axis=0) * (length_s / interval_s)
    return means
