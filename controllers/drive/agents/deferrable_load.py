"""Agents of appliances in a negotiation with targets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.drive.agents.jobs import JobAgent, Jobs
from gridloom.controllers.drive.agents.proximal_agent import of_type
from gridloom.controllers.drive.agents.span import Span
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.proximal.successive import Turns
from gridloom.simulators.deferrable_jobs import JobTable
from gridloom.simulators.deferrable_load import DeferrableLoad
from gridloom.simulators.ev_sessions import whole_steps
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_REQUIRED,
    RATED_CHARGING,
    Information,
    Signal,
)


class DeferrableLoadAgent(JobAgent):
    """Runs each job when energy is cheap, and done by its deadline.

    It knows of the jobs that are released; of those to come only where households book them. What
    can wait until after the time that is planned may wait.
    """

    Config = AgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {
            Information.FORECAST,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
        }
    )
    observes: ClassVar[tuple[Signal, ...]] = (ENERGY_REQUIRED, RATED_CHARGING, DEPARTURE)

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._appliances = of_type(self.controlled, DeferrableLoad, "deferrable_load")
        booked = self._appliances.booked
        self._booked: Jobs | None = None
        if booked is not None:
            jobs = self._of_table(booked)
            self._booked = jobs.apart(self.interval_s)
            self._schedule_kw = jobs.uncoordinated_kw(
                len(self.agents), self.intervals, self.interval_s
            )
        else:
            expected_kw = average_over_periods(
                self._appliances.forecast(), self.interval_s, context.build.duration_s
            )
            self._schedule_kw = self.equal_shares_kw(expected_kw)

    @override
    def known(self, span: Span, observation: Observation) -> tuple[Jobs, Sequence[Turns]]:
        remaining_kwh = observation[ENERGY_REQUIRED.name]
        if self._booked is None:
            return self._released(span, observation).within(span), ()
        jobs = self._booked
        begun = (jobs.begin_s <= span.start_s) & (span.start_s < jobs.end_s)
        energy_kwh = np.where(begun, remaining_kwh[jobs.agent], jobs.energy_kwh)
        return replace(jobs, energy_kwh=energy_kwh).within(span), ()

    def _released(self, span: Span, observation: Observation) -> Jobs:
        """Return the jobs that may run now."""
        deadline_s = observation[DEPARTURE.name]
        agent = np.flatnonzero(~np.isnan(deadline_s))
        step_s = self._appliances.step_size
        return Jobs(
            agent=agent,
            begin_s=np.full(len(agent), float(span.start_s)),
            end_s=np.floor(deadline_s[agent] / step_s) * step_s,
            energy_kwh=observation[ENERGY_REQUIRED.name][agent],
            rated_power_kw=observation[RATED_CHARGING.name][agent],
        )

    def _of_table(self, table: JobTable) -> Jobs:
        begin_s, end_s = whole_steps(table.as_sessions(), self._appliances.step_size)
        return Jobs(
            agent=table.appliance,
            begin_s=np.maximum(begin_s, 0.0),
            end_s=end_s,
            energy_kwh=table.energy_kwh,
            rated_power_kw=table.rated_power_kw,
        )
