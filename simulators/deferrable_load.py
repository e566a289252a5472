"""Deferrable demand: appliances whose jobs may run at any time until a deadline."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Tag
from typing_extensions import override

from gridloom.simulators.deferrable_generator import DailyJobs
from gridloom.simulators.deferrable_jobs import Job, JobFile, JobTable, read_jobs
from gridloom.simulators.errors import listing
from gridloom.simulators.ev_occupancy import Occupancy
from gridloom.simulators.ev_schedule import uncoordinated_schedule
from gridloom.simulators.ev_sessions import whole_steps
from gridloom.simulators.model import (
    BuildContext,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.profiles.placement import points_at
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Config,
    Duration,
    Finite,
    ModelConfig,
)
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REACTIVE_POWER,
    REQUIRED_STATE_OF_CHARGE,
    STORED_ENERGY,
)
from gridloom.simulators.steered import steered_ports

_RECORDED = (POWER, REACTIVE_POWER, ENERGY_REQUIRED)
_FOR_CONTROLLERS = (
    POWER_MIN,
    POWER_MAX,
    DEPARTURE,
    STORED_ENERGY,
    ENERGY_CAPACITY,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REQUIRED_STATE_OF_CHARGE,
)
_TOLERANCE_KWH = 1e-9
"""What rounding may leave of a job that is done."""


def _form_of(value: Any) -> str | None:
    """Return the tag of the form in which jobs are given, None for none of them."""
    if isinstance(value, list | tuple):
        return "list"
    keys = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    return next((form for form in ("file", "generator") if form in keys), None)


class JobForecast(Config):
    """What is expected day-ahead: every job runs at rated power as soon as it is released."""

    resolution: Duration = 900
    """The expectation is averaged over this time."""
    relative_bias: Finite = 0.0
    """Share by which the expectation is too high."""
    bookings: bool = False
    """Whether households book their jobs the day before and keep to what they booked: then their
    agents know all of them day-ahead."""


class DeferrableLoadConfig(ModelConfig):
    """Appliances whose jobs may run at any time until a deadline."""

    at: str | list[str] = "all"
    """Connection points that have an appliance: all, a group, a name or a list of these."""
    jobs: Annotated[
        Annotated[list[Job], Tag("list")]
        | Annotated[JobFile, Tag("file")]
        | Annotated[DailyJobs, Tag("generator")],
        Discriminator(
            _form_of,
            custom_error_type="jobs",
            custom_error_message="expected a list of jobs, 'file: jobs.csv', or 'generator: "
            "daily_jobs' with its keys",
        ),
    ]
    """What is to be done when: a list, a CSV file, or a generator."""
    tan_phi: Finite = 0.0
    """Reactive over active power."""
    forecast: JobForecast = JobForecast()
    """What is expected of them, day-ahead."""


class DeferrableLoad(Model):
    """Appliances, one at each connection point; each has one job at a time, or none.

    A job draws its energy between release and deadline and may be interrupted and modulated:
    0 <= p <= rated power. Setpoints are obeyed as long as time suffices: the lowest possible power
    rises to what is needed so that rated power finishes the job by its deadline. Every job that can
    be done is done, whoever steers. What is left at the deadline of one that cannot is lost.

    To a controller each job is like a vehicle that comes empty, is full when it has its energy, and
    leaves at the deadline: it sends the same signals as `EvFleet`, so that `type: basic` runs every
    job at once.
    """

    Config = DeferrableLoadConfig

    def __init__(self, config: DeferrableLoadConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._config = config
        self._duration_s = context.duration_s
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="appliance", owner=self.name, names=points, connection_points=points
        )
        source = config.jobs
        self.jobs: JobTable = (
            source.draw(points, context)
            if isinstance(source, DailyJobs)
            else read_jobs(source, points, context)
        )
        """What is to be done when."""
        self.tan_phi = config.tan_phi
        """Reactive over active power."""
        self._ports = steered_ports(self.elements, _RECORDED, _FOR_CONTROLLERS)
        sessions = self.jobs.as_sessions()
        self._occupancy = Occupancy(sessions, len(points), self.step_size)
        _, self._job_end_s = whole_steps(sessions, self.step_size)
        n = len(points)
        self._energy_kwh = np.zeros(n)
        self._remaining_kwh = np.zeros(n)
        self._rated_kw = np.zeros(n)
        self._end_s = np.zeros(n)
        self._deadline_s = np.full(n, np.nan)
        self._begin(0)
        self._limits_kw = self._limits(0)

    @property
    def booked(self) -> JobTable | None:
        """All jobs if households book them the day before, else None: then nobody may know them."""
        return self.jobs if self._config.forecast.bookings else None

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return self._in_next_step()

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._limits_kw)
        left_kwh = self._remaining_kwh - power_kw * (self.step_size / SECONDS_PER_HOUR)
        self._remaining_kwh = np.where(left_kwh > _TOLERANCE_KWH, left_kwh, 0.0)
        sent = {POWER.name: power_kw, REACTIVE_POWER.name: power_kw * self.tan_phi}
        # Whoever decides on the next step is told what there is to do when it begins.
        following = time + self.step_size
        if following >= self._occupancy.next_change_s:
            self._begin(following)
        self._limits_kw = self._limits(following)
        return {**sent, **self._in_next_step()}

    def _begin(self, time: int) -> None:
        """End the jobs whose time is over by ``time`` and begin those that are released."""
        over, released = self._occupancy.advance(time)
        for values, nothing in (
            (self._energy_kwh, 0.0),
            (self._remaining_kwh, 0.0),
            (self._rated_kw, 0.0),
            (self._deadline_s, np.nan),
        ):
            values[over] = nothing
        jobs = self.jobs.take(released)
        self._energy_kwh[jobs.appliance] = jobs.energy_kwh
        self._remaining_kwh[jobs.appliance] = jobs.energy_kwh
        self._rated_kw[jobs.appliance] = jobs.rated_power_kw
        self._deadline_s[jobs.appliance] = jobs.deadline_s
        self._end_s[jobs.appliance] = self._job_end_s[released]

    def _limits(self, time: int) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest power of the step at ``time``: (appliance,) each.

        The lowest leaves no more than rated power can draw in the steps after it.
        """
        hours = self.step_size / SECONDS_PER_HOUR
        later_h = np.maximum(self._end_s - time - self.step_size, 0.0) / SECONDS_PER_HOUR
        highest_kw = np.minimum(self._rated_kw, self._remaining_kwh / hours)
        urgent_kw = (self._remaining_kwh - self._rated_kw * later_h) / hours
        return np.clip(urgent_kw, 0.0, highest_kw), highest_kw

    def _in_next_step(self) -> Outputs:
        """Return what can be asked for in the next step, and what there is to do."""
        lowest_kw, highest_kw = self._limits_kw
        has_job = self._occupancy.plugged_in
        nothing = np.zeros(len(self.elements))
        return {
            ENERGY_REQUIRED.name: self._remaining_kwh.copy(),
            POWER_MIN.name: lowest_kw,
            POWER_MAX.name: highest_kw,
            DEPARTURE.name: self._deadline_s.copy(),
            STORED_ENERGY.name: np.where(has_job, self._energy_kwh - self._remaining_kwh, np.nan),
            ENERGY_CAPACITY.name: np.where(has_job, self._energy_kwh, np.nan),
            RATED_CHARGING.name: self._rated_kw.copy(),
            RATED_DISCHARGING.name: nothing,
            REQUIRED_STATE_OF_CHARGE.name: np.where(has_job, 1.0, np.nan),
        }

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return what all jobs draw if they run at rated power as soon as they are released.

        Always the sum: expected are jobs, not whose they are.
        """
        settings = self._config.forecast
        power_kw = uncoordinated_schedule(
            self.jobs.as_sessions(),
            charge_efficiency=1.0,
            step_s=self.step_size,
            interval_s=settings.resolution,
            duration_s=self._duration_s,
        )
        return Forecast(
            interval_s=settings.resolution, power_kw=power_kw * (1.0 + settings.relative_bias)
        )

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        rated_kw = np.zeros(len(self.elements))
        np.maximum.at(rated_kw, self.jobs.appliance, self.jobs.rated_power_kw)
        rated = StaticVariable(
            name="rated_power_kw",
            values=rated_kw,
            dimensions=(self.elements.kind,),
            unit="kW",
            long_name="highest rated power of each appliance's jobs",
        )
        return (rated, *self.jobs.static())

    @override
    def remarks(self) -> tuple[str, ...]:
        """Return which jobs cannot be done by their deadlines."""
        missing_kwh = self.jobs.impossible_kwh(self.step_size)
        rows = np.flatnonzero(missing_kwh > _TOLERANCE_KWH)
        if not len(rows):
            return ()
        names = [self.elements.names[appliance] for appliance in self.jobs.appliance[rows]]
        remark = (
            f"{len(rows)} of {len(self.jobs)} jobs have too little time for their energy, even at "
            f"rated power: {listing(names)}"
        )
        return (remark,)
