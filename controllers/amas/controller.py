"""The adaptive multi-agent system of ADEMIS: vehicles that listen to their own line and party.

Source: Zafar et al., "Adaptive Multi-Agent System and MILP Optimization Comparison for Grid
Stability and Commitment Mismatch in Smart Grids", ISGT Europe 2021, eqs. (29)-(35).
"""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.amas.balance import BalanceAgent
from gridloom.controllers.amas.charging import Heard, change_kw
from gridloom.controllers.amas.config import AmasConfig, Balance
from gridloom.controllers.amas.congestion import CongestionAgents, Relief
from gridloom.controllers.amas.criticality import vehicle_criticality
from gridloom.controllers.amas.natural_imbalance import NaturalImbalance
from gridloom.controllers.amas.settlement import Settlement
from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    Observation,
    Setpoints,
)
from gridloom.controllers.messages import MESSAGE_SIZE_BYTES
from gridloom.controllers.telemetry import MESSAGE_BYTES, MESSAGES
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    IMBALANCE,
    LINE_CURRENT,
    LINE_POWER,
    POSITION,
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    RATED_CHARGING,
    REQUIRED_STATE_OF_CHARGE,
    STORED_ENERGY,
    TRANSFORMER_LOADING,
    Information,
    Signal,
)

_RATED_POWER = "rated_power_kw"
"""Constant of the controlled devices: rated power of each charging point."""


class Amas(Controller):
    """Each vehicle's agent adapts its power to what the lines above it and its party ask for."""

    Config = AmasConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {
            Information.MEASUREMENTS,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
        }
    )
    observes: ClassVar[tuple[Signal, ...]] = (
        POWER_MIN,
        POWER_MAX,
        RATED_CHARGING,
        STORED_ENERGY,
        ENERGY_CAPACITY,
        REQUIRED_STATE_OF_CHARGE,
        ENERGY_REQUIRED,
        DEPARTURE,
    )
    surroundings: ClassVar[tuple[Signal, ...]] = (
        LINE_CURRENT,
        LINE_POWER,
        BUS_VOLTAGE,
        TRANSFORMER_LOADING,
        IMBALANCE,
        POSITION,
        POWER,
    )
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)
    tells: ClassVar[tuple[Signal, ...]] = (MESSAGES, MESSAGE_BYTES)

    def __init__(self, config: AmasConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._config = config
        self._held_s = max(self.step_size, self.controlled.step_size)
        points = self._charging_points()
        self._power_kw = np.zeros(len(points))
        """What each vehicle asked for last."""
        self._congestion = self._congestion_agents(points)
        self._settlement = self._published()
        self._balance: BalanceAgent | None = None
        self._natural: NaturalImbalance | None = None
        if self._settlement is not None:
            self._balance = BalanceAgent(
                self._settlement, config, rated_kw=self._rated_kw(), step_s=self.step_size
            )
            if config.brp is Balance.WORTHWHILE:
                self._natural = NaturalImbalance(
                    self._settlement, self._metered_points(), len(points), self.step_size
                )

    def _charging_points(self) -> tuple[str, ...]:
        """Return the connection point of each vehicle."""
        elements = next(p for p in self.ports if p.signal == POWER_SETPOINT).elements
        return () if elements is None else elements.connection_points or elements.names

    def _metered_points(self) -> tuple[str, ...]:
        """Return the connection points at which everything but the vehicles is metered."""
        port = next((p for p in self.ports if p.signal == POWER), None)
        return () if port is None or port.elements is None else port.elements.names

    def _congestion_agents(self, points: tuple[str, ...]) -> CongestionAgents | None:
        grid = self.teller(LINE_CURRENT)
        if grid is None:
            return None
        feeder = Feeder.of(grid)
        position = {name: i for i, name in enumerate(feeder.point_names)}
        at = np.array([position[point] for point in points], dtype=np.int64)
        return CongestionAgents(feeder, at, self._config)

    def _published(self) -> Settlement | None:
        """Return the periods and prices of the imbalance market, if there is one."""
        market = self.teller(IMBALANCE)
        if market is not None:
            return Settlement.of(market)
        if self._config.brp is Balance.COMMITMENT:
            return None
        raise ScenarioError(
            Problem(
                message=f"'{self._config.brp}' needs imbalance prices, and nobody tells any",
                key=("brp",),
                expected="a simulator of type imbalance_market",
            )
        )

    def _rated_kw(self) -> float:
        """Return the rated power of all charging points together."""
        told = {constant.name: constant.values for constant in self.controlled.static()}
        if _RATED_POWER in told:
            return float(np.asarray(told[_RATED_POWER], dtype=np.float64).sum())
        raise ScenarioError(
            Problem(
                message=f"'{self.controlled.name}' does not tell its '{_RATED_POWER}'",
                key=("controls",),
                expected="devices whose constants include the rated power of each",
            )
        )

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        rated_kw = observation[RATED_CHARGING.name]
        relief = self._relief(observation, rated_kw)
        balance = self._balance_criticality(time, observation)
        heard = Heard(
            own=self._own_criticality(time, observation, rated_kw),
            balance=balance,
            lower=relief.lower,
            higher=relief.higher,
            share=relief.share,
        )
        change = change_kw(heard, self._power_kw, rated_kw, self._config, self._held_s)
        self._power_kw = np.clip(
            self._power_kw + change, observation[POWER_MIN.name], observation[POWER_MAX.name]
        )
        messages = relief.messages
        if self._settlement is not None:  # meters tell the party, the party tells its vehicles
            messages += len(self._settlement.portfolio)
            messages += int(np.count_nonzero(rated_kw)) if balance else 0
        return {
            POWER_SETPOINT.name: self._power_kw,
            MESSAGES.name: np.asarray(float(messages)),
            MESSAGE_BYTES.name: np.asarray(float(messages * MESSAGE_SIZE_BYTES)),
        }

    def _relief(self, observation: Observation, rated_kw: FloatArray) -> Relief:
        if self._congestion is None:
            nothing = np.zeros(len(rated_kw))
            return Relief(lower=nothing, higher=nothing, share=nothing + 1.0, messages=0)
        return self._congestion.hear(observation, rated_kw)

    def _balance_criticality(self, time: int, observation: Observation) -> float:
        if self._balance is None:
            return 0.0
        natural_kwh = 0.0 if self._natural is None else self._natural.at(time, observation)
        return self._balance.criticality(time, float(observation[IMBALANCE.name]), natural_kwh)

    def _own_criticality(
        self, time: int, observation: Observation, rated_kw: FloatArray
    ) -> FloatArray:
        capacity_kwh = observation[ENERGY_CAPACITY.name]
        aim = observation[REQUIRED_STATE_OF_CHARGE.name] + self._config.state_of_charge_margin
        missing_kwh = np.nan_to_num(aim * capacity_kwh - observation[STORED_ENERGY.name])
        return vehicle_criticality(missing_kwh, rated_kw, observation[DEPARTURE.name] - time)
