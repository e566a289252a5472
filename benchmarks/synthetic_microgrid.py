"""A microgrid of any size under an MCU, built without a grid, and its negotiations step by step.

A quarter of the agents each: batteries, generators, flexible households, fleets of vehicles that
book. Populations have at most 100 agents, a fleet is one. Wind fails its forecast and is to be made
up for; it is large enough for both directions, and too small or too large at times. Hourly steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import thread_time
from typing import Any

import numpy as np

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.inflexible import InflexibleAgent
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    REQUEST_ARRIVES,
    REQUEST_BUYING_PRICE,
    REQUEST_SELLING_PRICE,
)
from gridloom.controllers.transactive.ev_agent import EvAgent
from gridloom.controllers.transactive.flexible_load_agent import FlexibleLoadAgent
from gridloom.controllers.transactive.generator_agent import GeneratorAgent
from gridloom.controllers.transactive.mcu import Mcu, McuConfig
from gridloom.controllers.transactive.optimising_agent import OptimisingAgent
from gridloom.controllers.transactive.storage_agent import StorageAgent
from gridloom.simulators.energy_market import EnergyMarket
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.flexible_load import FlexibleLoad
from gridloom.simulators.generator import Generator
from gridloom.simulators.model import BuildContext, Direction, FloatArray, Model, Outputs
from gridloom.simulators.storage import Storage
from gridloom.simulators.wind import Wind

STEP_S = 3600
VEHICLES = 10
"""Of a fleet."""
POPULATION = 100
"""Agents, at most."""
DAY_AHEAD = [54, 52, 51, 50, 51, 53, 58, 63, 66, 64, 62, 60, 59, 58, 57, 58, 61, 66, 72, 74, 70, 65]
"""EUR/MWh, from midnight on; repeated."""
AGENTS: dict[type[Model], type[Agent]] = {
    Storage: StorageAgent,
    Generator: GeneratorAgent,
    FlexibleLoad: FlexibleLoadAgent,
    EvFleet: EvAgent,
    Wind: InflexibleAgent,
}


@dataclass(kw_only=True)
class Clearing:
    """What one negotiation took, CPU seconds, and what was said."""

    rounds: int = 0
    first_s: float = 0.0
    """Round 0, in which agents take over the state of their devices; coordinator included."""
    later_s: float = 0.0
    """All other rounds."""
    order_s: float = 0.0
    setpoints_s: float = 0.0
    """Afterwards, once stepped: what agents take to carry out the order."""
    messages: float = 0.0
    bytes: float = 0.0
    surplus_kw: float = 0.0
    requests: list[FlexibilityRequest] = field(default_factory=list)
    order_kw: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def total_s(self) -> float:
        """From the first request to the order."""
        return self.first_s + self.later_s + self.order_s


class Microgrid:
    """Devices, their agents, and the MCU, which clears and steps."""

    def __init__(self, agents: int, hours: int, ahead: int) -> None:
        """Build all models.

        Args:
            agents: flexible ones, a quarter of each kind.
            hours: of the run.
            ahead: intervals that agents look beyond the present one.
        """
        self._duration_s = hours * STEP_S
        self._rng = np.random.default_rng(1)
        self.market = EnergyMarket(
            EnergyMarket.Config.model_validate(
                {
                    "type": "energy_market",
                    "step_size": "1h",
                    "settlement_period": "1h",
                    "day_ahead_eur_per_mwh": np.resize(DAY_AHEAD, hours).astype(float).tolist(),
                    "position_kw": [0.0],
                    "real_time": {"relative_error_std": 0.2, "spread_eur_per_mwh": 40.0},
                }
            ),
            self._context("market", ("wind",)),
        )
        self._devices = [self._wind(agents)]
        for kind, drawn in enumerate((self._storage, self._generator, self._load, self._fleet)):
            left = agents // 4 + (kind < agents % 4)
            while left:
                size = 1 if drawn == self._fleet else min(left, POPULATION)
                self._devices.append(drawn(f"{drawn.__name__[1:]}{left}", size))
                left -= size
        config = {"type": "mcu", "step_size": "1h", "controls": "market"}
        mcu = McuConfig.model_validate({**config, "horizon": f"{ahead}h"})
        coordinators = {"mcu": mcu.terms("mcu", {})}
        self.agents = [self._agent(device, coordinators) for device in self._devices]
        self.agents.sort(key=lambda agent: agent.name)
        self.mcu = Mcu(
            mcu,
            ControlContext(
                build=self._context("mcu"),
                models={"market": self.market},
                agents={agent.name: agent for agent in self.agents},
            ),
        )
        blanks = {p.name: p.blank() for p in self.market.ports if p.direction is Direction.INPUT}
        self._no_power = blanks
        self._told: dict[str, Outputs] = {
            model.name: self._blanks(model) | model.initial_outputs()
            for model in (self.market, *self._devices)
        }

    @property
    def flexible(self) -> list[OptimisingAgent]:
        """The populations that negotiate."""
        return [agent for agent in self.agents if isinstance(agent, OptimisingAgent)]

    def clear(self, time: int) -> Clearing:
        """Negotiate the interval that begins at ``time``."""
        clearing = Clearing()
        offers = {OFFER_POWER.name: np.zeros((len(self.mcu.agents), self.mcu.terms.count))}
        number, took_s = 0, 0.0
        while True:
            begin = thread_time()
            request = self.mcu.round(time, number, {**self._told["market"], **offers})
            if request is None:
                clearing.later_s += thread_time() - begin
                break
            offers = {OFFER_POWER.name: self._answered(time, number, request)}
            took_s = thread_time() - begin
            if number == 0:
                clearing.first_s = took_s
            else:
                clearing.later_s += took_s
            clearing.requests.append(self._message(time, number, request))
            number += 1
        begin = thread_time()
        told = self.mcu.decide(time, self._told["market"])
        clearing.order_s = thread_time() - begin
        clearing.rounds = number
        clearing.messages = float(told["messages"].sum())
        clearing.bytes = float(told["message_bytes"].sum())
        clearing.surplus_kw = float(told["expected_surplus_kw"])
        clearing.order_kw = told[ORDER_POWER.name]
        return clearing

    def step(self, time: int, clearing: Clearing) -> None:
        """Let all carry out the order."""
        for party, agent in zip(self.mcu.parties, self.agents, strict=True):
            device = agent.controlled
            mine = {ORDER_POWER.name: clearing.order_kw[party.rows]}
            begin = thread_time()
            setpoints = agent.decide(time, {**self._told[device.name], **mine})
            clearing.setpoints_s += thread_time() - begin
            self._told[device.name] = device.step(time, setpoints)
        self._told["market"] = self.market.step(time, self._no_power)

    def _answered(self, time: int, number: int, request: Outputs) -> FloatArray:
        """Return what all answer to a request: (agent, interval)."""
        offered = []
        for party, agent in zip(self.mcu.parties, self.agents, strict=True):
            mine = {**request, REQUEST_ARRIVES.name: request[REQUEST_ARRIVES.name][party.rows]}
            observed = self._told[agent.controlled.name] if number == 0 else {}
            offered.append(agent.round(time, number, {**observed, **mine})[OFFER_POWER.name])
        return np.vstack(offered)

    @staticmethod
    def _message(time: int, number: int, request: Outputs) -> FlexibilityRequest:
        prices = (REQUEST_BUYING_PRICE, REQUEST_SELLING_PRICE)
        buying, selling = (request[signal.name][0] for signal in prices)
        return FlexibilityRequest(
            round=number,
            start_s=time,
            interval_s=STEP_S,
            buying_price_eur_per_mwh=buying,
            selling_price_eur_per_mwh=selling,
        )

    @staticmethod
    def _blanks(model: Model) -> Outputs:
        return {p.name: p.blank() for p in model.ports if p.direction is Direction.OUTPUT}

    def _context(self, name: str, points: tuple[str, ...] | None = None) -> BuildContext:
        return BuildContext(
            name=name,
            start=datetime(2020, 6, 15, tzinfo=UTC),
            duration_s=self._duration_s,
            seed=1,
            connection_points=points,
        )

    def _agent(self, device: Model, coordinators: Mapping[str, Any]) -> Agent:
        kind = AGENTS[type(device)]
        context = ControlContext(
            build=self._context(f"{device.name}_agent"),
            models={device.name: device, "market": self.market},
            coordinators=coordinators,
        )
        config = {"type": "x", "step_size": "1h", "controls": device.name}
        built: Agent = kind(kind.Config.model_validate(config), context)
        return built

    def _device(self, kind: type[Model], name: str, size: int, **keys: object) -> Any:
        points = tuple(f"{name}_{number}" for number in range(size))
        config = kind.Config.model_validate({"type": "x", "step_size": "1h", **keys})
        return kind(config, self._context(name, points))

    def _between(self, name: str, size: int, low: float, high: float) -> dict[str, float]:
        """Draw a value for each device."""
        drawn = self._rng.uniform(low, high, size).tolist()
        return {f"{name}_{number}": value for number, value in enumerate(drawn)}

    def _wind(self, agents: int) -> Model:
        return self._device(
            Wind,
            "wind",
            1,
            rated_power_kw=5.0 * agents,
            wind_speed={"generator": "weibull_ar1", "mean_m_per_s": 7.5},
            forecast={"resolution": "1h", "relative_error_std": 0.3},
            short_term={"method": "known"},
        )

    def _storage(self, name: str, size: int) -> Model:
        return self._device(
            Storage,
            name,
            size,
            energy_capacity_kwh=self._between(name, size, 10.0, 30.0),
            rated_power_kw=self._between(name, size, 3.0, 8.0),
            throughput_cost_eur_per_mwh=4.0,
        )

    def _generator(self, name: str, size: int) -> Model:
        return self._device(
            Generator,
            name,
            size,
            power_max_kw=self._between(name, size, 5.0, 15.0),
            power_min_kw=2.0,
            ramp_kw_per_h=5.0,
            marginal_cost_eur_per_mwh=np.sort(self._rng.uniform(45.0, 95.0, 3)).tolist(),
        )

    def _load(self, name: str, size: int) -> Model:
        return self._device(
            FlexibleLoad,
            name,
            size,
            profile={"generator": "household"},
            forecast={"resolution": "1h"},
        )

    def _fleet(self, name: str, size: int) -> Model:
        return self._device(
            EvFleet,
            name,
            VEHICLES * size,
            sessions=self._sessions(name),
            v2g=True,
            rated_power_kw=3.7,
            state_of_charge_limits=[0.2, 1.0],
            forecast={"resolution": "1h", "bookings": True},
        )

    def _sessions(self, name: str) -> list[dict[str, object]]:
        """Draw stays of 6 to 12 h, 1 to 5 h apart."""
        sessions: list[dict[str, object]] = []
        for number in range(VEHICLES):
            arrival_h = self._rng.uniform(-8.0, 1.0)
            while arrival_h * STEP_S < self._duration_s:
                departure_h = arrival_h + self._rng.uniform(6.0, 12.0)
                sessions.append(
                    {
                        "charging_point": f"{name}_{number}",
                        "arrival": f"{round(arrival_h * 60)}min",
                        "departure": f"{round(departure_h * 60)}min",
                        "arrival_state_of_charge": round(self._rng.uniform(0.25, 0.6), 3),
                    }
                )
                arrival_h = departure_h + self._rng.uniform(1.0, 5.0)
        return sessions
