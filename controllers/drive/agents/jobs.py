"""Energy that devices are to draw between two times: jobs of appliances, charging of vehicles."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent
from gridloom.controllers.drive.agents.span import Span
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.proximal.population import Population
from gridloom.controllers.proximal.successive import Successive, Turns
from gridloom.simulators.model import FloatArray, IntArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER_SETPOINT


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Jobs as arrays of equal length; a job may be interrupted and modulated up to its rating."""

    agent: IntArray
    """Who does it."""
    begin_s: FloatArray
    """Seconds since the start of the scenario."""
    end_s: FloatArray
    energy_kwh: FloatArray
    """To be drawn between both, at the connection point."""
    rated_power_kw: FloatArray

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Jobs":
        """Return the jobs that are chosen, in this order."""
        return Jobs(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def apart(self, interval_s: int) -> "Jobs":
        """Return jobs no two of which share an interval at one agent, ordered by agent and begin.

        One setpoint cannot serve two jobs: the later one takes part from the next interval on. One
        that ends before that drops out.
        """
        jobs = self.where(np.lexsort((self.begin_s, self.agent)))
        free_s = np.full(len(jobs.agent), -np.inf)
        follows = jobs.agent[1:] == jobs.agent[:-1]
        left_s = np.ceil(jobs.end_s[:-1] / interval_s) * interval_s
        free_s[1:][follows] = left_s[follows]
        late = replace(jobs, begin_s=np.maximum(jobs.begin_s, free_s))
        return late.where(late.begin_s < late.end_s)

    def within(self, span: Span) -> "Jobs":
        """Return what is to be done of them in the time that is planned, by agent and begin.

        Of a job whose time ends later, that is what rated power cannot draw afterwards.
        """
        later_h = np.maximum(self.end_s - span.end_s, 0.0) / SECONDS_PER_HOUR
        jobs = replace(
            self,
            begin_s=np.maximum(self.begin_s, span.start_s),
            end_s=np.minimum(self.end_s, span.end_s),
            energy_kwh=self.energy_kwh - self.rated_power_kw * later_h,
        )
        jobs = jobs.where((jobs.begin_s < jobs.end_s) & (jobs.energy_kwh > 0.0))
        return jobs.where(np.lexsort((jobs.begin_s, jobs.agent)))

    def turns(self, span: Span, weight: FloatArray) -> Turns:
        """Return them as devices; they are `apart` and `within` the span.

        Args:
            span: the time that is planned.
            weight: (agent,).

        Windows are exact to the second: in an interval of which only a part is theirs they draw no
        more, on average, than that part allows.
        """
        from gridloom.controllers.proximal.deferrable import Deferrable

        release, deadline = span.places(self.begin_s), span.places(self.end_s)
        return Turns(
            population=Deferrable(
                rated_power_kw=self.rated_power_kw,
                energy_kwh=self.energy_kwh,
                release=release,
                deadline=deadline,
                intervals=span.count,
                interval_h=span.interval_h,
                weight=weight[self.agent],
            ),
            place=self.agent,
            begin=np.floor(release).astype(np.int64),
            end=np.ceil(deadline).astype(np.int64),
        )

    def present_share(self, span: Span, agents: int) -> FloatArray:
        """Return the share of the present interval in which each may draw: (agent,), else 1."""
        parts = np.minimum(span.places(self.end_s), 1.0) - span.places(self.begin_s)
        now = parts > 0.0
        share = np.ones(agents)
        share[self.agent[now]] = parts[now]
        return share

    def uncoordinated_kw(self, agents: int, intervals: int, interval_s: int) -> FloatArray:
        """Return what they draw if each runs at rated power as soon as it can.

        Returns:
            (agent, interval of the run), means.
        """
        begin_s = np.maximum(self.begin_s, 0.0)
        done_s = begin_s + self.energy_kwh / self.rated_power_kw * SECONDS_PER_HOUR
        stop_s = np.maximum(np.minimum(done_s, self.end_s), begin_s)
        rise_kw = np.zeros((agents, intervals + 1))
        for times_s, step_kw in ((begin_s, self.rated_power_kw), (stop_s, -self.rated_power_kw)):
            at = np.minimum(times_s / interval_s, intervals)
            whole = np.minimum(np.floor(at).astype(np.int64), intervals - 1)
            # Of a step within an interval its mean has the rest, all that follow have it whole.
            np.add.at(rise_kw, (self.agent, whole), step_kw * (whole + 1 - at))
            np.add.at(rise_kw, (self.agent, whole + 1), step_kw * (at - whole))
        return np.cumsum(rise_kw[:, :-1], axis=1)


class JobAgent(ProximalAgent):
    """Agents of devices that have one job after the other, or one vehicle after the other.

    Within an interval setpoints stay as they are at its begin: who comes unannounced waits for the
    next one.
    """

    tracks: ClassVar[bool] = True

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._present_share = np.ones(len(self.agents))

    @abstractmethod
    def known(self, span: Span, observation: Observation) -> tuple[Jobs, Sequence[Turns]]:
        """Return what there is to do in the time that is planned.

        Returns:
            Jobs, `within` it and `apart`; devices that are no jobs and share no interval with them.
        """

    @override
    def renewed(self, time: int, count: int, observation: Observation) -> Population:
        span = Span(start_s=time, interval_s=self.interval_s, count=count)
        jobs, others = self.known(span, observation)
        self._present_share = jobs.present_share(span, len(self.agents))
        return Successive(
            turns=(jobs.turns(span, self.weight), *others),
            count_of_places=len(self.agents),
            intervals=count,
            interval_h=self.interval_h,
        )

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        """Return the setpoints for as long as there is somebody in the interval."""
        mean_kw = super().setpoints(time, order_kw)[POWER_SETPOINT.name]
        return {POWER_SETPOINT.name: mean_kw / self._present_share}

    def equal_shares_kw(self, expected_kw: FloatArray) -> FloatArray:
        """Return what each is expected to draw where only the sum is known: (agent, interval)."""
        return np.tile(expected_kw / len(self.agents), (len(self.agents), 1))
