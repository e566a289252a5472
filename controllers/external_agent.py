"""An agent that a foreign program computes, coupled through the mosaik API."""

from typing import Annotated

import numpy as np
from pydantic import Field
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.external import ExternalController, ExternalControllerConfig
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.signals import (
    ORDER_POWER,
    REQUEST_BUYING_PRICE,
    REQUEST_PENALTY,
    REQUEST_SELLING_PRICE,
    REQUEST_TARGET,
    SCHEDULED_POWER,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import Finite, format_duration

ROUND = "round"
"""Attribute that tells the number of the round."""
UNASKED = "unasked_power_kw"
"""Attribute that tells what it does unless it is ordered: the base of the first target."""
REQUESTED = (REQUEST_BUYING_PRICE, REQUEST_SELLING_PRICE, REQUEST_TARGET, REQUEST_PENALTY)
NEGOTIATED = (
    ROUND,
    UNASKED,
    SCHEDULED_POWER.name,
    ORDER_POWER.name,
    *(signal.name for signal in REQUESTED),
)
"""Attributes that tell of the negotiation."""


class ExternalAgentConfig(ExternalControllerConfig, AgentConfig):
    """A foreign program that answers a coordinator's requests.

    `receives` and `sends` are those of a controller; what is said in a negotiation goes by the
    names of its signals.
    """

    schedule_kw: Annotated[list[Finite], Field(min_length=1)] | None = None
    """Power scheduled day-ahead for all its devices together, an interval of the coordinator's
    each; a single one holds for all. Default: what the devices forecast."""


class ExternalAgent(ExternalController, Agent):
    """An agent in any language: one that speaks for all devices that it controls."""

    Config = ExternalAgentConfig

    def __init__(self, config: ExternalAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._require_apart()
        given = config.schedule_kw
        schedule_kw = self._forecast_kw() if given is None else self._given_kw(given)
        self._schedule_kw = schedule_kw[np.newaxis]

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return self._schedule_kw

    @property
    def count(self) -> int:
        """Intervals of a profile; without a coordinator, the one that begins now is all."""
        return 1 if self.terms is None else self.terms.count

    def scheduled_ahead_kw(self, time: int) -> FloatArray:
        """Return the schedule of the intervals ahead, (interval,); 0 beyond the end of the run."""
        begin = time // self.step_size
        ahead = self._schedule_kw[0, begin : begin + self.count]
        return np.pad(ahead, (0, self.count - len(ahead)))

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        raise self._elsewhere()

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        raise self._elsewhere()

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        raise self._elsewhere()

    def _elsewhere(self) -> TypeError:
        return TypeError(f"'{self.name}' is asked in its own program, within a run only")

    def _require_apart(self) -> None:
        """Refuse attributes that would tell two things at once."""
        problems = [
            Problem(
                message=f"'{each.name}' is what a negotiation is told by",
                key=("receives", each.signal.name),
                expected="an attribute of another name",
            )
            for each in self.receives
            if each.name in NEGOTIATED
        ]
        if problems:
            raise ScenarioError(*problems)

    def _given_kw(self, given: list[float]) -> FloatArray:
        if len(given) == 1:
            return np.full(self.intervals, given[0])
        if len(given) < self.intervals:
            raise ScenarioError(
                Problem(
                    message=f"{len(given)} values for {self.intervals} intervals of "
                    f"{format_duration(self.step_size)}",
                    key=("schedule_kw",),
                    expected=f"one value for all intervals, or {self.intervals}",
                )
            )
        return np.array(given[: self.intervals], dtype=np.float64)

    def _forecast_kw(self) -> FloatArray:
        forecast = self.controlled.forecast()
        if forecast is None:
            raise ScenarioError(
                Problem(
                    message=f"'{self.controlled.name}' makes no forecast to schedule by",
                    key=("schedule_kw",),
                    expected="schedule_kw: the power of its devices, a value an interval",
                )
            )
        duration_s = self.intervals * self.step_size
        return average_over_periods(forecast, self.step_size, duration_s)
