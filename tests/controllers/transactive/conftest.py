"""Microgrids for the tests of agents: devices, a market and the agents, built without a grid."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.terms import Terms
from gridloom.controllers.transactive.ev_agent import EvAgent
from gridloom.controllers.transactive.flexible_load_agent import FlexibleLoadAgent
from gridloom.controllers.transactive.generator_agent import GeneratorAgent
from gridloom.controllers.transactive.optimising_agent import OptimisingAgent
from gridloom.controllers.transactive.storage_agent import StorageAgent
from gridloom.simulators.energy_market import EnergyMarket, EnergyMarketConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.flexible_load import FlexibleLoad
from gridloom.simulators.generator import Generator
from gridloom.simulators.model import BuildContext, FloatArray, Model
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.storage import Storage

AgentOf: TypeAlias = Callable[..., OptimisingAgent]
RequestOf: TypeAlias = Callable[..., FlexibilityRequest]

KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "storage": (
        Storage,
        StorageAgent,
        {
            "energy_capacity_kwh": 20.0,
            "rated_power_kw": 5.0,
            "charge_efficiency": 0.9,
            "discharge_efficiency": 0.9,
        },
    ),
    "generator": (
        Generator,
        GeneratorAgent,
        {"power_max_kw": 10.0, "marginal_cost_eur_per_mwh": [40.0, 60.0]},
    ),
    "flexible_load": (
        FlexibleLoad,
        FlexibleLoadAgent,
        {"profile": {"generator": "household"}, "forecast": {"resolution": "1h"}},
    ),
    "ev": (
        EvFleet,
        EvAgent,
        {
            "sessions": [],
            "energy_capacity_kwh": 20.0,
            "rated_power_kw": 4.0,
            "charge_efficiency": 0.9,
            "discharge_efficiency": 0.9,
        },
    ),
}


def microgrid(
    kind: str, day_ahead: Any, *, interval_s: int = 3600, count: int | None = 5, **given: Any
) -> OptimisingAgent:
    """Build one device of a kind (or those at ``points``), a market, and its agents.

    Args:
        kind: see `KINDS`.
        day_ahead: price of each interval of the run, EUR/MWh; no spread in real time.
        interval_s: length of the intervals, and steps.
        count: of the coordinator's terms; None: there is no coordinator.
        given: keys of the device, keys of the agent after `agent_`, and `points`.
    """
    device, agent, keys = KINDS[kind]
    points = tuple(given.pop("points", ("a",)))
    prices = np.asarray(day_ahead, dtype=float)
    duration_s = len(prices) * interval_s

    def context(name: str) -> BuildContext:
        start = datetime(2021, 3, 24, tzinfo=UTC)
        return BuildContext(
            name=name, start=start, duration_s=duration_s, seed=3, connection_points=points
        )

    step_size = format_duration(interval_s)
    of_agent = {k.removeprefix("agent_"): given.pop(k) for k in [*given] if k.startswith("agent_")}
    made = {"type": "x", "step_size": given.pop("step_size", step_size), "at": list(points)}
    market = EnergyMarketConfig.model_validate(
        {
            "type": "energy_market",
            "step_size": step_size,
            "settlement_period": step_size,
            "day_ahead_eur_per_mwh": prices.tolist(),
            "real_time": {"spread_eur_per_mwh": 0.0},
        }
    )
    models: dict[str, Model] = {
        "market": EnergyMarket(market, context("market")),
        "device": device(
            device.Config.model_validate({**made, **keys, **given}), context("device")
        ),
    }
    terms = Terms(coordinator="mcu", interval_s=interval_s, count=count or 1)
    keys_of_agent = {"type": "x", "step_size": step_size, "controls": "device", **of_agent}
    built: OptimisingAgent = agent(
        agent.Config.model_validate(keys_of_agent),
        ControlContext(
            build=context("agent"), models=models, coordinators={"mcu": terms} if count else {}
        ),
    )
    return built


def make_request(agent: OptimisingAgent, buying: Any, selling: Any = None) -> FlexibilityRequest:
    """Ask for offers at these prices, an interval each."""
    price = np.asarray(buying, dtype=float)
    return FlexibilityRequest(
        round=0,
        start_s=agent.now * agent.step_size,
        interval_s=agent.step_size,
        buying_price_eur_per_mwh=price,
        selling_price_eur_per_mwh=price if selling is None else np.asarray(selling, dtype=float),
    )


class Steered:
    """A device under its agent, stepped by hand: what a run does, without mosaik."""

    def __init__(self, agent: OptimisingAgent) -> None:
        self.agent = agent
        self.device = agent.controlled
        blank = {p.name: p.blank() for p in agent.ports if p.signal in agent.observes}
        self.observation: dict[str, FloatArray] = blank | self.device.initial_outputs()
        self.power_kw: list[FloatArray] = []

    def prepare(self, number: int) -> None:
        """Let the agent see the devices before an interval."""
        self.agent.prepare(number * self.agent.step_size, self.observation)

    def step(self, number: int, order_kw: Any) -> FloatArray:
        """Order, and step the devices through an interval; return their mean power.

        Args:
            number: of the interval.
            order_kw: (agent,), for it alone; the later ones as scheduled; or (agent, interval).
        """
        begin = number * self.agent.step_size
        ordered_kw = np.asarray(order_kw, dtype=np.float64)
        if ordered_kw.ndim == 1:
            later_kw = self.agent.schedule_kw[:, number + 1 :]
            ordered_kw = np.hstack([ordered_kw[:, np.newaxis], later_kw])
        inputs: Mapping[str, FloatArray] = self.agent.setpoints(begin, ordered_kw)
        powers = []
        for time in range(begin, begin + self.agent.step_size, self.device.step_size):
            self.observation = self.device.step(time, inputs)
            powers.append(self.observation["power_kw"])
        mean: FloatArray = np.mean(powers, axis=0)
        self.power_kw.append(mean)
        return mean


@pytest.fixture(scope="session")
def agent_of() -> AgentOf:
    """Build an agent from what differs from the simplest one; see `microgrid`."""
    return microgrid


@pytest.fixture(scope="session")
def request_of() -> RequestOf:
    """Build a request; see `make_request`."""
    return make_request


@pytest.fixture(scope="session")
def steered() -> type[Steered]:
    """See `Steered`."""
    return Steered
