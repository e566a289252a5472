"""What a population was expected to draw before delivery, with a stated error."""

from collections.abc import Callable
from typing import Self

import numpy as np
from pydantic import model_validator

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray, Forecast
from gridloom.simulators.profiles.autoregression import correlated
from gridloom.simulators.profiles.wide_csv import read_series
from gridloom.simulators.quantities import (
    Config,
    Duration,
    Finite,
    InputFile,
    NonNegative,
    format_duration,
)

_USUAL_RESOLUTION_S = 900
_AT_ONCE_S = 3600
"""Time of which the steps are computed at once: as much as when they are played back."""


class ForecastConfig(Config):
    """The power expected before delivery: averages of what comes true, with a stated error.

    It is derived from the truth. Plans made before delivery may use it; it is no measurement.
    """

    resolution: Duration | None = None
    """Length of the intervals over which the expectation is flat, from the scenario's start on;
    unless given 15 minutes, or the next longer multiple of the step size."""
    relative_bias: Finite = 0.0
    """Systematic error: 0.15 expects 15 % more of what comes, in the same direction."""
    relative_error_std: NonNegative = 0.0
    """Standard deviation of a Gaussian error of each interval, relative to its average."""
    error_correlation_time: Duration | None = None
    """Time after which the correlation of the errors has fallen to 1/e; the errors of the intervals
    are independent unless given."""
    file: InputFile | None = None
    """CSV file that has the expectation itself instead (times as in a profile's file)."""
    column: str = "power_kw"
    """Its column: total of all elements in kW, positive from the grid into the resource."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        errors = self.relative_bias, self.relative_error_std, self.error_correlation_time
        if self.file is not None and any(errors):
            raise ValueError("a forecast from a file has its own error: leave out the others")
        return self


def make_forecast(
    config: ForecastConfig,
    context: BuildContext,
    totals: Callable[[int, int], FloatArray],
    step_size: int,
    until_s: int,
) -> Forecast:
    """Make the forecast of a population.

    Args:
        config: The forecast's keys.
        context: Source of the random errors, which have a stream of their own.
        totals: Gives the power of all elements together that the model will send over the steps
            from start to stop in kW: (step,).
        step_size: Seconds between steps.
        until_s: End of the last step.

    Raises:
        ScenarioError: the forecast's file is missing or malformed.
    """
    interval = interval_s(config, step_size)
    if config.file is not None:
        path = context.file(config.file, "forecast", "file")
        expected = read_series(path, [config.column], 1.0, context, until_s)
        given = _interval_means(
            lambda start, stop: expected.means(start, stop, step_size)[:, 0],
            interval,
            step_size,
            until_s,
        )
        return Forecast(interval_s=interval, power_kw=given)
    means = _interval_means(totals, interval, step_size, until_s)
    factor = relative_errors(config, context, len(means), interval)
    return Forecast(interval_s=interval, power_kw=means * factor)


def flat_forecast(
    power_kw: FloatArray, step_size: int, duration_s: int, *, by_element: bool
) -> Forecast:
    """Return the forecast of devices that are expected to keep one power.

    Args:
        power_kw: (element,), load convention.
        step_size: Seconds between steps.
        duration_s: End of the run.
        by_element: Each element apart.
    """
    length_s = interval_s(ForecastConfig(), step_size)
    rows = -(-duration_s // length_s)
    each: FloatArray = np.tile(power_kw, (rows, 1))
    return Forecast(interval_s=length_s, power_kw=each if by_element else each.sum(axis=1))


def relative_errors(
    config: ForecastConfig, context: BuildContext, intervals: int, length_s: int
) -> FloatArray:
    """Return what is expected over what comes true, for so many intervals: (interval,).

    The first are the same however many there are.
    """
    noise = context.rng("forecast").standard_normal(intervals)
    errors = correlated(noise, length_s, config.error_correlation_time) * config.relative_error_std
    factor: FloatArray = 1 + config.relative_bias + errors
    return factor


def interval_s(config: ForecastConfig, step_size: int) -> int:
    """Return the length of the forecast's intervals, a whole number of steps.

    Raises:
        ScenarioError: the resolution asked for is none.
    """
    if config.resolution is None:
        return -(-_USUAL_RESOLUTION_S // step_size) * step_size
    require_whole_steps(config.resolution, step_size, "forecast", "resolution")
    return config.resolution


def require_whole_steps(length_s: int, step_size: int, *key: str) -> None:
    """Refuse a length of time that is no whole number of steps.

    Raises:
        ScenarioError: it is none; it stands at ``key``.
    """
    if length_s % step_size:
        raise ScenarioError(
            Problem(
                message=f"{format_duration(length_s)} is not a multiple of the step size",
                key=key,
                expected=f"a multiple of {format_duration(step_size)}",
            )
        )


def _interval_means(
    totals: Callable[[int, int], FloatArray], length_s: int, step_size: int, until_s: int
) -> FloatArray:
    """Average the steps of each interval: (interval,); the last interval may be cut short."""
    stretch_s = max(1, _AT_ONCE_S // length_s) * length_s
    means = [
        means_of_steps(totals(start, min(start + stretch_s, until_s)), length_s // step_size)
        for start in range(0, until_s, stretch_s)
    ]
    return np.concatenate(means)


def means_of_steps(values: FloatArray, steps: int) -> FloatArray:
    """Return the means of so many steps each: (interval, ...); the last may be cut short.

    Args:
        values: (step, ...).
        steps: in an interval.
    """
    whole = len(values) // steps * steps
    means: FloatArray = values[:whole].reshape(-1, steps, *values.shape[1:]).mean(axis=1)
    if whole == len(values):
        return means
    return np.concatenate([means, values[whole:].mean(axis=0, keepdims=True)])
