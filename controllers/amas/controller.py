"""The adaptive multi-agent system of ADEMIS: vehicles that listen to their own line and party.

Source: Zafar et al., "Adaptive Multi-Agent System and MILP Optimization Comparison for Grid
Stability and Commitment Mismatch in Smart Grids", ISGT Europe 2021, eqs. (29)-(35).
"""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.amas.balance import BalanceAgent
from gridloom.controllers.amas.charging import Heard, change_kw, fading_kw
from gridloom.controllers.amas.config import AmasConfig, Balance, Rule
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
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    IMBALANCE,
    LINE_CURRENT,
    LINE_POWER,
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

_GRID_SIGNALS = (LINE_CURRENT, LINE_POWER, BUS_VOLTAGE, TRANSFORMER_LOADING)
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
        *_GRID_SIGNALS,
        IMBALANCE,
    )
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)
    tells: ClassVar[tuple[Signal, ...]] = (MESSAGES, MESSAGE_BYTES)

    def __init__(self, config: AmasConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._config = config
        fades = config.rule is not Rule.LITERAL and config.fade_out > self.step_size
        self._fade_s = config.fade_out if fades else 0
        self._require_own_pace()
        points = self._charging_points()
        self._power_kw = np.zeros(len(points))
        """What each vehicle asked for last."""
        self._departure_s = np.full(len(points), np.nan)
        self._congestion = self._congestion_agents(points)
        self._settlement = self._published()
        self._balance: BalanceAgent | None = None
        self._natural: NaturalImbalance | None = None
        portfolio = frozenset() if self._settlement is None else self._settlement.portfolio
        self._in_portfolio = np.array([point in portfolio for point in points], dtype=np.bool_)
        if self._settlement is not None and self._in_portfolio.any():
            self._balance = BalanceAgent(
                self._settlement, config, rated_kw=self._rated_kw(), step_s=self.step_size
            )
            if config.brp is Balance.WORTHWHILE:
                self._natural = NaturalImbalance(
                    self._settlement, self._in_portfolio, self.step_size
                )

    def _require_own_pace(self) -> None:
        """Refuse to decide more often than devices obey and meters tell.

        The agents would answer to the same measurement again and again.
        """
        heeded = (self.controlled, self.teller(LINE_CURRENT), self.teller(IMBALANCE))
        for model in heeded:
            if model is not None and self.step_size % model.step_size:
                raise ScenarioError(
                    Problem(
                        message=f"its agents step every {format_duration(self.step_size)}, "
                        f"'{model.name}' every {format_duration(model.step_size)}",
                        key=("step_size",),
                        expected="a multiple of the step sizes of its devices, grid and market",
                    )
                )

    def _charging_points(self) -> tuple[str, ...]:
        """Return the connection point of each vehicle."""
        elements = next(p for p in self.ports if p.signal == POWER_SETPOINT).elements
        return () if elements is None else elements.connection_points or elements.names

    def _congestion_agents(self, points: tuple[str, ...]) -> CongestionAgents | None:
        grid = self.teller(LINE_CURRENT)
        if grid is None:
            return None
        silent = [s.name for s in _GRID_SIGNALS if not self.hears(s)]
        if silent:
            raise ScenarioError(
                Problem(
                    message=f"'{grid.name}' tells line currents but not {listing(silent)}",
                    key=("type",),
                    expected="a grid that tells all of them: direction and voltage matter too",
                )
            )
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
        """Return the rated power of the portfolio's charging points together."""
        told = {constant.name: constant.values for constant in self.controlled.static()}
        if _RATED_POWER in told:
            rated_kw = np.asarray(told[_RATED_POWER], dtype=np.float64)
            return float(rated_kw[self._in_portfolio].sum())
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
        balance = self._balance_criticality(time, observation)
        self._forget_who_left(observation[DEPARTURE.name])
        relief = self._relief(observation, rated_kw)
        heard = Heard(
            own=self._own_criticality(time, observation, rated_kw),
            balance=np.where(self._in_portfolio, balance, 0.0),
            lower=relief.lower,
            higher=relief.higher,
            share=relief.share,
        )
        change = change_kw(heard, self._power_kw, rated_kw, self._config, self.step_size)
        allowed_kw = self._allowed_kw(rated_kw, observation[DEPARTURE.name] - time)
        lowest_kw = np.maximum(observation[POWER_MIN.name], -allowed_kw)
        highest_kw = np.minimum(observation[POWER_MAX.name], allowed_kw)
        self._power_kw = np.clip(self._power_kw + change, lowest_kw, highest_kw)
        messages = relief.messages
        if self._balance is not None:  # meters tell the party, the party tells its vehicles
            messages += self._balance.meters
            messages += int(np.count_nonzero(rated_kw[self._in_portfolio])) if balance else 0
        return {
            POWER_SETPOINT.name: self._power_kw,
            MESSAGES.name: np.asarray(float(messages)),
            MESSAGE_BYTES.name: np.asarray(float(messages * MESSAGE_SIZE_BYTES)),
        }

    def _forget_who_left(self, departure_s: FloatArray) -> None:
        """Let who has just come begin at 0 kW, even where another has just left."""
        stays = departure_s == self._departure_s  # false where nobody is: NaN
        self._power_kw = np.where(stays, self._power_kw, 0.0)
        self._departure_s = departure_s.copy()

    def _relief(self, observation: Observation, rated_kw: FloatArray) -> Relief:
        if self._congestion is None:
            nothing = np.zeros(len(rated_kw))
            return Relief(lower=nothing, higher=nothing, share=nothing + 1.0, messages=0)
        return self._congestion.hear(observation, rated_kw)

    def _balance_criticality(self, time: int, observation: Observation) -> float:
        if self._balance is None:
            return 0.0
        natural_kwh = 0.0
        if self._natural is not None:
            natural_kwh = self._natural.at(time, observation, self._power_kw)
        return self._balance.criticality(time, float(observation[IMBALANCE.name]), natural_kwh)

    def _own_criticality(
        self, time: int, observation: Observation, rated_kw: FloatArray
    ) -> FloatArray:
        margin_kwh = self._config.state_of_charge_margin * observation[ENERGY_CAPACITY.name]
        required_kwh = (
            observation[REQUIRED_STATE_OF_CHARGE.name] * observation[ENERGY_CAPACITY.name]
        )
        above_kwh = np.maximum(observation[STORED_ENERGY.name] - required_kwh, 0.0)
        # What it must draw from the grid, losses included, and what it would like to have above.
        missing_kwh = observation[ENERGY_REQUIRED.name] + margin_kwh - above_kwh
        missing_kwh = np.nan_to_num(missing_kwh)
        remaining_s = observation[DEPARTURE.name] - time - self._fade_s / 2.0
        return vehicle_criticality(missing_kwh, rated_kw, remaining_s)

    def _allowed_kw(self, rated_kw: FloatArray, remaining_s: FloatArray) -> FloatArray:
        """Return the most that each vehicle allows itself, so that it leaves without a jerk."""
        if not self._fade_s:
            return rated_kw
        return fading_kw(rated_kw, remaining_s, self._fade_s, self.step_size)
