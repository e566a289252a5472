"""The planner as a controller: it plans now and then and sends setpoints once an interval.

Source: the MILP of Zafar et al., ISGT Europe 2021, eqs. (11)-(28), closed over the simulation.
"""

import logging
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    Observation,
    Setpoints,
)
from gridloom.controllers.messages import MESSAGE_SIZE_BYTES
from gridloom.controllers.milp.case import PlanningCase, as_fleet
from gridloom.controllers.milp.config import Foresight, MilpConfig, OnFailure, Terminal
from gridloom.controllers.milp.exogenous import Surroundings, connection_points
from gridloom.controllers.milp.expectations import GridExpectations
from gridloom.controllers.milp.forecasting import ForecastForesight
from gridloom.controllers.milp.foresight import PerfectForesight, PlanningForesight
from gridloom.controllers.milp.linear_flow import linear_grid
from gridloom.controllers.milp.network import FlowGraph, flow_graph
from gridloom.controllers.milp.options import NetworkDetail
from gridloom.controllers.milp.plan_checks import PlanChecks
from gridloom.controllers.milp.portfolio import Portfolio
from gridloom.controllers.telemetry import (
    MESSAGE_BYTES,
    MESSAGES,
    SOLVE_BOUND,
    SOLVE_GAP,
    SOLVE_OBJECTIVE,
    SOLVE_RELAXED,
    SOLVE_STATUS,
    SOLVE_TIME,
)
from gridloom.simulators.errors import SolveError, listing
from gridloom.simulators.model import Direction, FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import (
    DEPARTURE,
    ENERGY_CAPACITY,
    ENERGY_REQUIRED,
    IMBALANCE,
    LOSSES,
    POWER,
    POWER_MAX,
    POWER_SETPOINT,
    RATED_CHARGING,
    RATED_DISCHARGING,
    REACTIVE_POWER,
    REQUIRED_STATE_OF_CHARGE,
    STORED_ENERGY,
    Information,
    Signal,
)

if TYPE_CHECKING:
    from gridloom.controllers.milp.planning import Planned, Planning

_log = logging.getLogger(__name__)

_SOLVE = (SOLVE_STATUS, SOLVE_OBJECTIVE, SOLVE_BOUND, SOLVE_GAP, SOLVE_RELAXED, SOLVE_TIME)


class Milp(Controller):
    """A central planner: all vehicles, the whole run or a receding horizon.

    It plans at the start and every `resolve_every`, and sends the setpoints of the current interval
    in between. A fleet that falls behind is not waited for. Vehicles that come before the plan
    knows of them wait for the next setpoint; without a new plan by then they charge uncoordinated.

    Messages: every plan needs one on the state of each charging point; every interval, each
    charging point is sent one setpoint.
    """

    Config = MilpConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {
            Information.MEASUREMENTS,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
            Information.FORECAST,
        }
    )
    observes: ClassVar[tuple[Signal, ...]] = (
        DEPARTURE,
        ENERGY_CAPACITY,
        ENERGY_REQUIRED,
        POWER_MAX,
        RATED_CHARGING,
        RATED_DISCHARGING,
        REQUIRED_STATE_OF_CHARGE,
        STORED_ENERGY,
    )
    surroundings: ClassVar[tuple[Signal, ...]] = (POWER, REACTIVE_POWER, IMBALANCE)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)
    tells: ClassVar[tuple[Signal, ...]] = (MESSAGES, MESSAGE_BYTES, *_SOLVE)

    def __init__(self, config: MilpConfig, context: ControlContext) -> None:
        self._config = config
        super().__init__(config, context)
        self.case = self._planning_case(context)
        self.case.require_consistent()
        grid = next((m for m in context.models.values() if m.offers_connection_points), None)
        plans_grid = config.network is not NetworkDetail.NONE
        self._grid = None if grid is None else linear_grid(grid, required=plans_grid)
        self._graph = self._flow_graph()
        self._checks = PlanChecks(grid if config.check_plans else None, config.interval)
        self._expectations = GridExpectations(self._grid, self.case.points, self._checks)
        self._ports = (*self._ports, *self._expectations.ports)
        self._planning: Planning | None = None
        self._planned: Planned | None = None
        """The plan that is followed."""
        self._setpoints_kw: FloatArray | None = None
        places = len(self.case.point_of_place)
        self._expected_departure_s = np.full(places, np.nan)
        """(charging_point,), of the vehicles that the plan knows."""
        self._sent_kw = np.zeros(places)

    def _planning_case(self, context: ControlContext) -> PlanningCase:
        config = self._config
        others = {n: m for n, m in context.models.items() if m is not self.controlled}
        surroundings = Surroundings(
            models=others,
            points=connection_points(context.models),
            interval_s=config.interval,
            duration_s=context.build.duration_s,
        )
        return PlanningCase(
            fleet=as_fleet(self.controlled),
            portfolio=Portfolio.of(
                self.teller(IMBALANCE), perfect=self._config.foresight is Foresight.PERFECT
            ),
            surroundings=surroundings,
            horizon_s=config.horizon,
            speculation=config.speculation,
            reachable_at_end=config.terminal is Terminal.REACHABLE,
            battery_price_eur_per_kwh=config.battery_price_eur_per_kwh,
        )

    def _flow_graph(self) -> FlowGraph | None:
        if self._grid is None:
            return None
        options = self._config.network_options(unbalanced=self._grid.unbalanced)
        return flow_graph(self._grid.feeder, options)

    @property
    @override
    def granted(self) -> frozenset[Information]:
        if self._config.foresight is Foresight.PERFECT:
            return self.information | {Information.PERFECT}
        return self.information

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        planning = self._start()
        planning.foresight.notice(time, observation, self._sent_kw)
        planned = self.plan(time, observation) if self._is_due(time, observation) else None
        self._sent_kw = self._setpoints(time, observation)
        telemetry = {} if planned is None else planned.telemetry
        places = len(self._sent_kw)
        messages = float(places * (1 if planned is None else 2))
        return {
            POWER_SETPOINT.name: self._sent_kw,
            MESSAGES.name: np.asarray(messages),
            MESSAGE_BYTES.name: np.asarray(messages * MESSAGE_SIZE_BYTES),
            **{s.name: np.asarray(telemetry.get(s.name, np.nan)) for s in _SOLVE},
            **self._expectations.at(self._interval_at(time)),
        }

    def plan(self, time: int, observation: Observation) -> "Planned":
        """Make a plan and follow it from now on; without one, keep to the last.

        Raises:
            SolveError: there is none, and the scenario wants the run to stop then.
        """
        planned = self._start().make(time, observation)
        if planned.plan is None:
            if self._config.on_failure is OnFailure.STOP:
                raise SolveError(self.name, time, "no plan", planned.cause)
            return planned
        self._planned = planned
        self._setpoints_kw = planned.foreseen.setpoints_kw(planned.plan)
        self._expected_departure_s = observation[DEPARTURE.name].copy()
        self._expectations.expect(*planned.foreseen.injections(planned.plan))
        return planned

    def plan_ahead(self) -> "Planned":
        """Make the plan of the start without running: from what is known before the first step."""
        inputs = [port for port in self.ports if port.direction is Direction.INPUT]
        known = self.case.fleet.initial_outputs()
        observation = {port.name: known.get(port.name, port.blank()) for port in inputs}
        self._start().foresight.notice(0, observation, self._sent_kw)
        return self.plan(0, observation)

    def _start(self) -> "Planning":
        """Return the machinery of planning, made when it is first needed."""
        if self._planning is None:
            # Solvers are slow to import, and a scenario is validated without them.
            from gridloom.controllers.milp.planning import Planning

            config = self._config
            value = config.energy_value_eur_per_mwh
            mean = self.case.portfolio.mean_price_eur_per_mwh
            self._planning = Planning(
                self.name,
                self._foresight(),
                config.plan_options(mean if value is None else value),
                self._graph,
                self.case.fleet.elements.names,
            )
        return self._planning

    def _foresight(self) -> PlanningForesight:
        case, config = self.case, self._config
        if config.foresight is Foresight.PERFECT:
            futures = self.futures(config.interval)
            self._warn_of_unforeseen(futures)
            return PerfectForesight(case, futures)
        forecasts = self.forecasts()
        self._warn_of_unforeseen(forecasts)
        return ForecastForesight(case, forecasts, case.fleet.forecast(), config.persistence)

    def _warn_of_unforeseen(self, foreseen: Container[str]) -> None:
        unknown = [name for name in self.case.surroundings.senders if name not in foreseen]
        if unknown:
            _log.warning("%s: plans do not foresee what %s draws", self.name, listing(unknown))

    def _is_due(self, time: int, observation: Observation) -> bool:
        every_s = self._config.resolve_every
        if every_s is None:
            return time == 0
        departure_s = observation[DEPARTURE.name]
        is_new = ~np.isnan(departure_s) & ~self._is_known(departure_s)
        return time % every_s == 0 or (self._config.resolve_on_arrival and bool(is_new.any()))

    def _is_known(self, departure_s: FloatArray) -> NDArray[np.bool_]:
        """Return at which charging points the plan knows the vehicle: (charging_point,)."""
        if self._config.foresight is Foresight.PERFECT:
            return np.ones(len(departure_s), dtype=bool)
        known: NDArray[np.bool_] = departure_s == self._expected_departure_s
        return known

    def _setpoints(self, time: int, observation: Observation) -> FloatArray:
        hours = self._config.interval / SECONDS_PER_HOUR
        uncoordinated_kw: FloatArray = np.minimum(
            observation[POWER_MAX.name], observation[ENERGY_REQUIRED.name] / hours
        )
        interval = self._interval_at(time)
        if interval is None or self._setpoints_kw is None:
            return uncoordinated_kw
        planned_kw = self._setpoints_kw[:, interval]
        departure_s = observation[DEPARTURE.name]
        return np.where(self._is_known(departure_s), planned_kw, uncoordinated_kw)

    def _interval_at(self, time: int) -> int | None:
        """Return the interval of the plan that begins now, None without any."""
        if self._planned is None:
            return None
        window = self._planned.foreseen.window
        return window.interval_at(time) if time < window.end_s else None

    @override
    def summary(self) -> Mapping[str, float]:
        """Return how many plans were made, what it took, and how many overload a line in AC."""
        counters = {} if self._planning is None else self._planning.counters
        names = ("solves", "relaxed_solves", "solves_without_plan", "branch_and_bound_nodes")
        solves = {name: float(counters.get(name, 0)) for name in names}
        return solves | {name: float(count) for name, count in self._checks.counters.items()}

    @override
    def remarks(self) -> tuple[str, ...]:
        """Return what the plans do not know, and which binaries nothing depends on."""
        config, limits = self._config, self.case.fleet.limits
        market = self.teller(IMBALANCE)
        remarks = []
        if config.network is not NetworkDetail.NONE and self._grid is None:
            remarks.append("there is no grid, whose limits plans could respect")
        joins_phases = self._graph is not None and self._graph.phases == 1
        if self._grid is not None and self._grid.unbalanced and joins_phases:
            remarks.append("plans limit the sum of the phases, not each of them")
        if market is not None and any(port.signal == LOSSES for port in market.ports):
            remarks.append("the market settles losses, which plans do not foresee")
        if limits.charge_efficiency == limits.discharge_efficiency == 1.0:
            remarks.append(
                "no binaries of eqs. (17)-(18) are needed: without losses, to charge and discharge "
                "at once equals to do neither"
            )
        return tuple(remarks)
