"""What is expected shortly before delivery, after the day-ahead forecast and before the truth."""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import model_validator

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.forecast import require_whole_steps
from gridloom.simulators.quantities import Config, Duration, NonNegative

_NOTHING_YET = -1


class ShortTermConfig(Config):
    """The mean power expected of the interval that comes next, told step by step.

    `persistence` looks at the past alone: it expects the mean of the last complete interval, and
    in the first one what the day-ahead forecast says of its beginning (0 where that is a total from
    a file). `known` is what is known shortly before delivery: the mean as it will be, with a
    stated error.
    """

    interval: Duration | None = None
    """Length of the intervals, from the scenario's start on; unless given the step size."""
    method: Literal["persistence", "known"] = "persistence"
    """Where the expectation comes from."""
    relative_error_std: NonNegative = 0.0
    """With `known`: standard deviation of a Gaussian error of each interval, relative to its mean
    and common to all devices."""

    @model_validator(mode="after")
    def _error_of_what_is_known(self) -> Self:
        if self.relative_error_std and self.method != "known":
            raise ValueError(
                "relative_error_std needs method: known; persistence has its own error"
            )
        return self


class ShortTerm:
    """Tells what is expected of each interval, computed once an interval."""

    def __init__(
        self,
        config: ShortTermConfig,
        context: BuildContext,
        mean: Callable[[int, int], FloatArray],
        first: Callable[[], FloatArray],
        *,
        step_size: int,
        until_s: int,
    ) -> None:
        """Tell what a population expects of itself.

        Args:
            config: The expectation's keys.
            context: Source of the random errors, which have streams of their own.
            mean: Gives the mean power of each element over the steps from start to stop in kW.
            first: Gives what nothing but the day-ahead forecast says of the first interval.
            step_size: Seconds between steps.
            until_s: End of the last step.

        Raises:
            ScenarioError: the intervals are no whole number of steps.
        """
        if config.interval is not None:
            require_whole_steps(config.interval, step_size, "short_term", "interval")
        self._config = config
        self._context = context
        self._mean = mean
        self._first = first
        self._interval_s = config.interval or step_size
        self._until_s = until_s
        self._last = (until_s - 1) // self._interval_s
        self._number = _NOTHING_YET
        self._expected: FloatArray

    def at(self, time: int) -> FloatArray:
        """Return the mean expected of the interval that a step at ``time`` is in: (element,), kW.

        After the run's end it is still told of the last interval.
        """
        number = min(time // self._interval_s, self._last)
        if number != self._number:
            self._expected = self._of(number)
            self._number = number
        return self._expected

    def _of(self, number: int) -> FloatArray:
        start = number * self._interval_s
        if self._config.method == "known":
            will_be = self._mean(start, min(start + self._interval_s, self._until_s))
            return will_be * (1.0 + self._error(number))
        return self._mean(start - self._interval_s, start) if number else self._first()

    def _error(self, number: int) -> float:
        if not self._config.relative_error_std:
            return 0.0
        rng = self._context.rng(f"short_term/{number}")
        return float(rng.standard_normal() * self._config.relative_error_std)
