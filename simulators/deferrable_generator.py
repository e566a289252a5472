"""A generator of jobs from stated distributions and the scenario's seed, day by day."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from gridloom.simulators.deferrable_jobs import JobTable
from gridloom.simulators.ev_generators import LocalTime, TimeSpan
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Config,
    Duration,
    Fraction,
    Positive,
    format_duration,
)

_DAY_S = 86400
_HOUR_S = 3600
_CUT_STD = 3.0
"""Releases are cut at so many standard deviations."""


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound {bounds[0]:g} is above the upper bound {bounds[1]:g}")
    return bounds


class DailyJobs(Config):
    """Jobs around the same times of every day, as households load their appliances.

    At each time of `release` an appliance has a job with `probability`. Releases are normal around
    the local time, cut at three standard deviations; time allowed and energy are uniform. Jobs that
    were released before the scenario's start have run at rated power until then. Labelled
    synthetic: the defaults are a dishwasher that is loaded after dinner.
    """

    generator: Literal["daily_jobs"]
    release: Annotated[tuple[LocalTime, ...], Field(min_length=1)] = (time(19, 30),)
    """Local times of day around which an appliance gets its jobs."""
    release_std: Duration = 3600
    """Standard deviation of the release."""
    probability: Fraction = 0.6
    """That there is a job, at each time and on each day."""
    time_allowed: TimeSpan = (6 * _HOUR_S, 11 * _HOUR_S)
    """From release to deadline, lower and upper bound."""
    energy_kwh: Annotated[tuple[Positive, Positive], AfterValidator(_ascending)] = (0.8, 1.3)
    """Of a job, lower and upper bound."""
    rated_power_kw: Positive = 2.0
    """Most that an appliance draws."""

    @model_validator(mode="after")
    def _never_overlapping(self) -> Self:
        times_s = np.sort([_since_midnight(moment) for moment in self.release])
        gap_s = int(np.diff(times_s, append=times_s[0] + _DAY_S).min())
        # An hour more, for the day on which the clocks change.
        needed_s = self.time_allowed[1] + 2 * int(_CUT_STD) * self.release_std + _HOUR_S
        if gap_s < needed_s:
            raise ValueError(
                f"releases need {needed_s / _HOUR_S:g} h between them, round the clock: the "
                "longest time_allowed, six release_std, and an hour"
            )
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        needed_h = self.energy_kwh[1] / self.rated_power_kw
        if needed_h * SECONDS_PER_HOUR > self.time_allowed[0]:
            raise ValueError(
                f"the largest energy_kwh takes {needed_h:g} h at rated power, more than the "
                f"shortest time_allowed, {format_duration(self.time_allowed[0])}"
            )
        return self

    def draw(self, points: Sequence[str], context: BuildContext) -> JobTable:
        """Return the jobs that the run touches, of one appliance at each of ``points``."""
        rng = context.rng("jobs")
        days = range(-1, context.duration_s // _DAY_S + 3)
        drawn = [self._day(context.start, day, len(points), rng) for day in days]
        jobs, release_s, allowed_s, energy_kwh = (
            np.concatenate(column) for column in zip(*drawn, strict=True)
        )
        run_h = np.maximum(-release_s, 0.0) / SECONDS_PER_HOUR
        table = JobTable(
            appliance=np.tile(np.arange(len(points)), len(jobs) // len(points)),
            release_s=release_s,
            deadline_s=release_s + allowed_s,
            energy_kwh=energy_kwh - self.rated_power_kw * run_h,
            rated_power_kw=np.full(len(jobs), self.rated_power_kw),
        )
        in_run = (table.deadline_s > 0) & (release_s < context.duration_s)
        wanted = (jobs < self.probability) & in_run & (table.energy_kwh > 0)
        return table.take(np.flatnonzero(wanted)).ordered()

    def _day(
        self, start: datetime, day: int, n: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return one day's draws, counted from the start's: (release time x appliance,) each.

        Uniform numbers that decide whether there is a job, releases, times allowed and energies.
        Drawn day by day, so that a longer run begins with the same days.
        """
        on = start.date() + timedelta(days=day)
        shape = (len(self.release), n)
        middle_s = np.array([[_elapsed_s(start, on, moment)] for moment in self.release])
        spread = np.clip(rng.standard_normal(shape), -_CUT_STD, _CUT_STD)
        release_s = np.round(middle_s + spread * self.release_std)
        allowed_s = np.round(rng.uniform(*self.time_allowed, size=shape))
        energy_kwh = rng.uniform(*self.energy_kwh, size=shape)
        jobs = rng.uniform(size=shape)
        return jobs.ravel(), release_s.ravel(), allowed_s.ravel(), energy_kwh.ravel()


def _since_midnight(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _elapsed_s(start: datetime, day: date, moment: time) -> float:
    """Return the time from ``start`` to a local time of day, across changes of the clock."""
    return datetime.combine(day, moment, start.tzinfo).timestamp() - start.timestamp()
