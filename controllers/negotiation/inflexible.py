"""Agents of what nobody decides: they declare what wind, sun and customers are about to do."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import EXPECTED_POWER, Information, Signal


class InflexibleAgent(Agent):
    """One agent for all devices of a simulator: its schedule is their day-ahead forecast.

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
        expected_kw = average_over_periods(forecast, self.step_size, context.build.duration_s)
        self._schedule_kw = expected_kw[np.newaxis]
        self._now = 0
        self._expected_kw = 0.0

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return self._schedule_kw

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        self._now = time // self.step_size
        self._expected_kw = float(observation[EXPECTED_POWER.name].sum())

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        """Return what is expected now, and of the later intervals what was expected day-ahead."""
        count = len(request.buying_price_eur_per_mwh)
        profile_kw = np.zeros((1, count))
        later = self._schedule_kw[:, self._now : self._now + count]
        profile_kw[:, : later.shape[1]] = later
        profile_kw[:, 0] = self._expected_kw
        return profile_kw

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        return {}
