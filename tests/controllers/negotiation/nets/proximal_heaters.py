"""Heaters in several nets, for tests: devices, their agents, and a coordinator that keeps a script.

A heater values its power at b - a p (EUR/kWh). Asked at a price c it draws (b - c) / a; asked with
a target as well it minimises a p^2 / 2 - (b - c) p + rho / 2 (p - base - target)^2, so it draws
(b - c + rho (base + target)) / (a + rho). Nothing limits it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.negotiation.agent import Agent, AgentConfig
from gridloom.controllers.negotiation.coordinator import Coordinator, CoordinatorConfig
from gridloom.controllers.negotiation.messages import FlexibilityRequest, Requests
from gridloom.controllers.negotiation.terms import Net, Terms
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    IntArray,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import Config, ModelConfig
from gridloom.simulators.signals import (
    EXPECTED_POWER,
    POWER,
    POWER_SETPOINT,
    STORED_ENERGY,
    Information,
    Signal,
)

PREPARED = Signal(name="prepared_s", unit="s", long_name="when the agents were prepared last")
SEEN = Signal(name="seen_kwh", unit="kWh", long_name="energy observed where they were prepared")


class DevicesConfig(ModelConfig):
    """Keys of devices at connection points."""

    points: list[str]
    forecast_apart: bool = True
    """Whether their forecasts are known one by one."""


class Devices(Model):
    """Something at each connection point."""

    Config = DevicesConfig

    def __init__(self, config: DevicesConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = tuple(config.points)
        self.devices = ElementSet(
            kind="device", owner=self.name, names=points, connection_points=points
        )
        self._forecast_apart = config.forecast_apart
        self._duration_s = context.duration_s

    def port(self, signal: Signal, direction: Direction = Direction.OUTPUT) -> Port:
        return Port(signal=signal, direction=direction, elements=self.devices)


class Heaters(Devices):
    """Draw what they are told, and add it up."""

    def __init__(self, config: DevicesConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self._stored_kwh = np.zeros(len(self.devices))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        setpoint = self.port(POWER_SETPOINT, Direction.INPUT)
        return (setpoint, self.port(POWER), self.port(STORED_ENERGY))

    @override
    def initial_outputs(self) -> Outputs:
        return {STORED_ENERGY.name: self._stored_kwh}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = inputs[POWER_SETPOINT.name].copy()
        self._stored_kwh = self._stored_kwh + power_kw * self.step_size / 3600
        return {POWER.name: power_kw, STORED_ENERGY.name: self._stored_kwh}


class Plants(Devices):
    """Feed in 1, 2, 3, ... kW day-ahead, and a watt more for every second of the run."""

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (self.port(POWER), self.port(EXPECTED_POWER))

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        steps = self._duration_s // self.step_size
        power_kw = np.tile(self._kw(0), (steps, 1))
        known_apart = by_element and self._forecast_apart
        return Forecast(
            interval_s=self.step_size, power_kw=power_kw if known_apart else power_kw.sum(axis=1)
        )

    @override
    def initial_outputs(self) -> Outputs:
        return {EXPECTED_POWER.name: self._kw(0)}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {POWER.name: self._kw(time), EXPECTED_POWER.name: self._kw(time + self.step_size)}

    def _kw(self, time: int) -> FloatArray:
        power_kw: FloatArray = -1.0 - np.arange(len(self.devices), dtype=np.float64) - 0.001 * time
        return power_kw


class ScaledConfig(ModelConfig):
    """Keys of a plant that tells one number for all its devices."""


class Farm(Model):
    """Expects one power for all its plants, wherever they are."""

    Config = ScaledConfig

    def __init__(self, config: ScaledConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._duration_s = context.duration_s

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (Port(signal=EXPECTED_POWER, direction=Direction.OUTPUT),)

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        steps = self._duration_s // self.step_size
        return Forecast(interval_s=self.step_size, power_kw=np.full(steps, -6.0))

    @override
    def initial_outputs(self) -> Outputs:
        return {EXPECTED_POWER.name: np.asarray(-6.5)}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {EXPECTED_POWER.name: np.asarray(-6.5)}


class Asked(Config):
    """What every net asks in one round."""

    price: list[float]
    """EUR/MWh, a net each."""
    target: list[float] | None = None
    """kW, a net each."""
    penalty: float = 0.0


class ScriptConfig(CoordinatorConfig):
    """Keys of a coordinator that keeps a script."""

    nets: dict[str, list[str]]
    """Connection points of each."""
    script: list[Asked]

    @override
    def terms(self, name: str, simulators: Mapping[str, Model]) -> Terms:
        parts = tuple(Net(name=net, points=tuple(points)) for net, points in self.nets.items())
        return replace(super().terms(name, simulators), parts=parts)


class Script(Coordinator):
    """Asks as it is written, and orders what was offered last."""

    Config = ScriptConfig
    information = frozenset()
    observes = decides = ()

    def __init__(self, config: ScriptConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._script = config.script
        self._time = self._line = 0

    @override
    def begin(self, time: int, observation: Observation, scheduled_kw: FloatArray) -> None:
        self._time, self._line = time, 0

    @override
    def propose(self, number: int, offered_kw: FloatArray) -> Requests | None:
        if self._line == len(self._script):
            return None
        asked = self._script[self._line]
        self._line += 1
        price = np.repeat(np.array(asked.price)[:, np.newaxis], self.terms.count, axis=1)
        target = asked.target
        return Requests(
            round=number,
            start_s=self._time,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=price,
            selling_price_eur_per_mwh=price,
            target_kw=None
            if target is None
            else np.repeat(np.array(target)[:, np.newaxis], self.terms.count, axis=1),
            penalty_eur_per_kw2=asked.penalty,
        )

    @override
    def order(self, offered_kw: FloatArray) -> FloatArray:
        return offered_kw.copy()

    @override
    def outcome(self, carried_out_kw: FloatArray) -> Setpoints:
        return {}


class HeaterAgentConfig(AgentConfig):
    """Keys of agents of heaters."""

    a: list[float]
    b: list[float]
    scheduled_kw: float = 2.0


class HeaterAgents(Agent):
    """One agent for each heater."""

    Config = HeaterAgentConfig
    information = frozenset({Information.SESSIONS_PLUGGED_IN})
    observes = (STORED_ENERGY,)
    decides = (POWER_SETPOINT,)
    tells = (PREPARED, SEEN)

    def __init__(self, config: HeaterAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._a, self._b = (np.array(each)[:, np.newaxis] for each in (config.a, config.b))
        self._scheduled_kw = config.scheduled_kw
        self._known_at_s, self._seen_kwh = -1, -1.0

    @property
    @override
    def schedule_kw(self) -> FloatArray:
        return np.full((len(self.agents), self.intervals), self._scheduled_kw)

    @override
    def agent_names(self) -> tuple[str, ...]:
        (port,) = (p for p in self.controlled.ports if p.signal == POWER_SETPOINT)
        assert port.elements is not None
        return port.elements.names

    @override
    def agent_nets(self) -> IntArray:
        assert self.terms is not None
        return self.terms.nets_at(self.agent_names())

    @override
    def prepare(self, time: int, observation: Observation) -> None:
        self._known_at_s = time
        self._seen_kwh = float(observation[STORED_ENERGY.name].sum())

    @override
    def answer(self, request: FlexibilityRequest) -> FloatArray:
        return self.answer_nets(Requests.of_one(request))

    @override
    def answer_nets(self, requests: Requests) -> FloatArray:
        margin = self._b - requests.buying_price_eur_per_mwh[self.nets] / 1000
        rho, target_kw = requests.penalty_eur_per_kw2, requests.target_kw
        asked_kw = self.base_kw + (0.0 if target_kw is None else target_kw[self.nets])
        drawn_kw: FloatArray = (margin + rho * asked_kw) / (self._a + rho)
        return drawn_kw

    @override
    def setpoints(self, time: int, order_kw: FloatArray) -> Setpoints:
        return self._told(order_kw[:, 0].copy())

    def _told(self, setpoint_kw: FloatArray) -> Setpoints:
        return {
            POWER_SETPOINT.name: setpoint_kw,
            PREPARED.name: np.asarray(float(self._known_at_s)),
            SEEN.name: np.asarray(self._seen_kwh),
        }


class SteppingHeaterAgents(HeaterAgents):
    """Step more often than is negotiated, and carry on with the setpoints of the begin."""

    tracks: ClassVar[bool] = True


class TrackingHeaterAgents(SteppingHeaterAgents):
    """Draw more, within an interval, by a tenth of the energy that they observe."""

    @override
    def track(self, time: int, observation: Observation) -> Setpoints:
        begun_kw = super().track(time, observation)[POWER_SETPOINT.name]
        return self._told(begun_kw + 0.1 * observation[STORED_ENERGY.name])
