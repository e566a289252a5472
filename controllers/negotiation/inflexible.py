"""Agents of what nobody decides: they declare what wind, sun and customers are about to do."""

from functools import cached_property
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest, Requests
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.model import FloatArray, Forecast, IntArray
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import EXPECTED_POWER, Information, Signal


class InflexibleAgent(Agent):
    """One agent for all devices of a simulator, of each net: its schedule is their forecast.

    Shortly before each interval it declares what the devices now expect (their key `short_term`);
    the difference is what flexible agents are asked to make up for.
    """

    Config = AgentConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.FORECAST})
    observes: ClassVar[tuple[Signal, ...]] = (EXPECTED_POWER,)
    decides: ClassVar[tuple[Signal, ...]] = ()
    is_flexible: ClassVar[bool] = False

    def __init__(self, config: AgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        forecast = self.controlled.forecast()
        if forecast is None:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' makes no forecast to schedule by",
                    key=("controls",),
                    expected="devices that make one, such as pv, wind or load",
                )
            )
        told_s = getattr(self.controlled, "short_term_interval_s", self.step_size)
        if told_s != self.step_size:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' expects the next {format_duration(told_s)}, "
                    f"and its agent is asked for the next {format_duration(self.step_size)}",
                    key=("controls",),
                    expected=f"short_term: {{interval: {format_duration(self.step_size)}}} of "
                    f"'{self.controlled.name}'",
                )
            )
        self._schedule_kw = self._forecast_kw(forecast, context.build.duration_s)
        self._now = 0
        self._expected_kw = self._schedule_kw[:, 0].copy()

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return self._schedule_kw

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        self._now = time // self.step_size
        self._expected_kw = self._by_agent(np.asarray(observation[EXPECTED_POWER.name]))

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        """Return what is expected now, and of the later intervals what was expected day-ahead."""
        count = len(request.buying_price_eur_per_mwh)
        profile_kw = np.zeros((len(self.agents), count))
        later = self._schedule_kw[:, self._now : self._now + count]
        profile_kw[:, : later.shape[1]] = later
        profile_kw[:, 0] = self._expected_kw
        return profile_kw

    @override
    def answer_nets(self, requests: Requests) -> FloatArray:
        return self.answer(requests.of(0))  # it does not matter what is asked

    @override
    def agent_names(self) -> tuple[str, ...]:
        """Return the name of each agent: one for each net that it has devices in."""
        if len(self._own_nets) == 1:
            return super().agent_names()
        assert self.terms is not None  # noqa: S101 -- it has nets
        return tuple(self.terms.nets.names[net] for net in self._own_nets)

    @override
    def agent_nets(self) -> IntArray:
        return self._own_nets.copy()

    @cached_property
    def _own_nets(self) -> IntArray:
        """The nets that it has devices in, in order."""
        return np.unique(self.device_nets(EXPECTED_POWER))

    @cached_property
    def _agent_of(self) -> IntArray:
        """(device,), the agent that speaks for each."""
        agents: IntArray = np.searchsorted(self._own_nets, self.device_nets(EXPECTED_POWER))
        return agents

    def _by_agent(self, device_kw: FloatArray) -> FloatArray:
        """Return the sums over each agent's devices: (..., agent)."""
        count = len(self.agents)
        if count == 1:
            total_kw: FloatArray = np.atleast_1d(device_kw).sum(axis=-1, keepdims=True)
            return total_kw
        sums = [device_kw[..., self._agent_of == agent].sum(axis=-1) for agent in range(count)]
        return np.stack(sums, axis=-1)

    def _forecast_kw(self, forecast: Forecast, duration_s: int) -> FloatArray:
        """Return the devices' day-ahead forecast: (agent, interval of the run)."""
        if len(self.agents) == 1:
            expected_kw: FloatArray = average_over_periods(forecast, self.step_size, duration_s)
            return expected_kw[np.newaxis]
        apart = self.controlled.forecast(by_element=True)
        if apart is None or apart.power_kw.ndim == 1:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' forecasts the sum of its devices only, and "
                    "they are in several nets",
                    key=("controls",),
                    expected="devices whose forecasts are known one by one, or that share a net",
                )
            )
        sums_kw = self._by_agent(apart.power_kw).T
        return np.stack(
            [
                average_over_periods(
                    Forecast(interval_s=apart.interval_s, power_kw=power_kw),
                    self.step_size,
                    duration_s,
                )
                for power_kw in sums_kw
            ]
        )

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        return {}
