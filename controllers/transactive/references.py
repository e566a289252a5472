"""Rules without negotiation that the MCU's are measured by: somebody who knows every device.

`central` knows what all agents know before each interval; `perfect` knows the run's real prices and
what inflexible devices will draw from the start, and of flexible demand what its forecast says.
Both read the agents' own programs, so that all must be
computed in one process; neither is a scheme that anybody could use.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.terms import Terms
from gridloom.controllers.transactive.central import AgentProgram, central_optimum
from gridloom.controllers.transactive.optimising_agent import OptimisingAgent
from gridloom.simulators.errors import Problem, ScenarioError, SimulatorError
from gridloom.simulators.model import FloatArray, Model, Outputs
from gridloom.simulators.signals import POWER


class Omniscient:
    """Schedules all agents at once."""

    def __init__(self, name: str, agents: Sequence[Agent], terms: Terms) -> None:
        """Take over who is to be scheduled.

        Args:
            name: of the controller.
            agents: all that negotiate, in the order of their rows.
            terms: of the negotiation.

        Raises:
            ScenarioError: one of them does not show its program.
        """
        self._name = name
        self._hours = terms.hours
        self._inflexible = [agent for agent in agents if not agent.is_flexible]
        self._agents = [agent for agent in agents if agent.is_flexible]
        for agent in self._agents:
            if not isinstance(agent, OptimisingAgent):
                raise ScenarioError(
                    Problem(
                        message=f"'{agent.name}' does not show how it decides",
                        key=("rule",),
                        expected="agents that schedule their own devices, such as storage_agent",
                    )
                )

    def require_foresight(self) -> None:
        """Refuse agents that do not know the whole run of their devices.

        Raises:
            ScenarioError: vehicles come that have not booked.
        """
        for agent in self._agents:
            if isinstance(agent, OptimisingAgent) and not agent.knows_run:
                raise ScenarioError(
                    Problem(
                        message=f"'{agent.name}' does not know beforehand who will come",
                        key=("rule",),
                        expected=f"forecast: {{bookings: true}} of '{agent.controlled.name}'",
                    )
                )

    def real_deviation_kw(self, futures: Mapping[str, Outputs]) -> FloatArray:
        """Return what inflexible agents will consume beyond schedule: (interval of the run,).

        Raises:
            ScenarioError: what one of them will draw is not known beforehand.
        """
        deviation_kw = np.zeros(self._agents[0].intervals)
        for agent in self._inflexible:
            future = futures.get(agent.controlled.name)
            if future is None:
                raise ScenarioError(
                    Problem(
                        message=f"what '{agent.controlled.name}' will draw is not known beforehand",
                        key=("rule",),
                        expected="another rule",
                    )
                )
            deviation_kw += future[POWER.name].sum(axis=1) - agent.schedule_kw.sum(axis=0)
        return deviation_kw

    def optimum_kw(
        self, begin: int, deviation_kw: FloatArray, buying: FloatArray, selling: FloatArray
    ) -> FloatArray:
        """Return the flexible agents' best power: (agent, interval).

        Args:
            begin: first interval.
            deviation_kw: (interval,), what inflexible agents consume beyond their schedules.
            buying: (interval,), EUR/MWh.
            selling: (interval,).
        """
        count = len(deviation_kw)
        programs = [
            AgentProgram(
                name=f"{agent.name}/{name}",
                formulate=agent.formulation(row),
                numbers=agent.program(row, begin, count),
            )
            for agent in self._prepared(begin)
            for row, name in enumerate(agent.agents.names)
        ]
        found = central_optimum(programs, deviation_kw, buying, selling, self._hours)
        return found.power_kw

    def _prepared(self, begin: int) -> list[OptimisingAgent]:
        """Return the agents, who know the state of their devices.

        Raises:
            SimulatorError: one of them is computed elsewhere.
        """
        agents = [agent for agent in self._agents if isinstance(agent, OptimisingAgent)]
        for agent in agents:
            if not agent.is_prepared_for(begin):
                time = begin * agent.step_size
                cause = f"its rule knows every device, and '{agent.name}' is computed elsewhere"
                raise SimulatorError(self._name, time, cause)
        return agents


def real_prices(market: Model, interval_s: int, intervals: int) -> tuple[FloatArray, FloatArray]:
    """Return the prices at which deviations will be settled: buying and selling, (interval,)."""
    static = {variable.name: np.asarray(variable.values) for variable in market.static()}
    start_s = static["period_start_s"]
    period = np.searchsorted(start_s, np.arange(intervals) * interval_s, side="right") - 1
    return (
        static["imbalance_price_shortage_eur_per_mwh"][period].astype(np.float64),
        static["imbalance_price_surplus_eur_per_mwh"][period].astype(np.float64),
    )
