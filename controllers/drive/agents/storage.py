"""Agents of stationary batteries in a negotiation with targets."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.drive.agents.net_tracker import NetTracker
from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent, of_type
from gridloom.controllers.drive.signals import NET_ORDER
from gridloom.controllers.negotiation.agent import AgentConfig
from gridloom.controllers.proximal.population import Population
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import Direction, FloatArray, Port
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Fraction
from gridloom.simulators.signals import (
    POWER,
    POWER_SETPOINT,
    STORED_ENERGY,
    Information,
    Signal,
)
from gridloom.simulators.storage import Storage

_KWH_PER_MWH = 1000.0


class StorageAgentConfig(AgentConfig):
    """One agent for each battery of a storage simulator."""

    final_state_of_charge: Fraction | None = None
    """Least state of charge at the end of the time that is planned; default: that of the run's
    begin."""
    tracking: Fraction = 0.0
    """Share of what its net strays from the plan, as measured a step ago, that the batteries make
    up for in each step within an interval; give them a shorter `step_size` than the negotiation."""


class StorageAgent(ProximalAgent):
    """Charges and discharges as prices have it; ends with the energy that it began with.

    Within an interval batteries can keep their net to its plan: each takes a share of the deviation
    by its rated power. All they need for it is the net's meter and the net's order.
    """

    Config = StorageAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.SESSIONS_PLUGGED_IN, Information.MEASUREMENTS}
    )
    observes: ClassVar[tuple[Signal, ...]] = (STORED_ENERGY,)
    surroundings: ClassVar[tuple[Signal, ...]] = (POWER,)
    tracks: ClassVar[bool] = True

    def __init__(self, config: StorageAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._storage = storage = of_type(self.controlled, Storage, "storage")
        limits, capacity_kwh = storage.limits, storage.energy_capacity_kwh
        share = config.final_state_of_charge
        low, high = limits.state_of_charge_min, limits.state_of_charge_max
        if share is not None and not low <= share <= high:
            raise ScenarioError(
                Problem(
                    message=f"{share:g} is outside the state_of_charge_limits of '{storage.name}'",
                    key=("final_state_of_charge",),
                    expected=f"{low:g} to {high:g}",
                )
            )
        shares = storage.initial_state_of_charge if share is None else share
        self._final_kwh: FloatArray = shares * capacity_kwh
        self.span_kw = storage.rated_power_kw + storage.discharge_power_kw
        if config.tracking and self.interval_s == self.step_size:
            raise ScenarioError(
                Problem(
                    message="there are no steps within an interval in which it could track",
                    key=("tracking",),
                    expected="a step_size below that of the coordinator, such as 1min",
                )
            )
        self._tracker = self._net_tracker(config.tracking)
        self._stored_kwh: FloatArray = storage.initial_state_of_charge * capacity_kwh

    @property
    @override
    def throughput_cost_eur_per_mwh(self) -> FloatArray:
        return self._storage.throughput_cost_eur_per_mwh

    @override
    def renewed(self, time: int, count: int, observation: Observation) -> Population:
        from gridloom.controllers.proximal.batteries import Batteries, Stays

        storage, limits = self._storage, self._storage.limits
        stored_kwh, capacity_kwh = observation[STORED_ENERGY.name], storage.energy_capacity_kwh
        every = np.ones(len(capacity_kwh))
        return Batteries(
            charge_kw=storage.rated_power_kw,
            discharge_kw=storage.discharge_power_kw,
            charge_efficiency=limits.charge_efficiency * every,
            discharge_efficiency=limits.discharge_efficiency * every,
            lower_kwh=np.minimum(limits.state_of_charge_min * capacity_kwh, stored_kwh),
            upper_kwh=np.maximum(limits.state_of_charge_max * capacity_kwh, stored_kwh),
            initial_kwh=stored_kwh.copy(),
            wear_eur_per_kwh=storage.throughput_cost_eur_per_mwh / _KWH_PER_MWH,
            stays=Stays.always(self._final_kwh, count),
            intervals=count,
            interval_h=self.interval_h,
            weight=self.weight,
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        if self._tracker is None or self.terms is None:
            return super().ports
        order = Port(
            signal=NET_ORDER,
            direction=Direction.INPUT,
            elements=self.terms.nets,
            required=False,
        )
        return (*super().ports, order)

    @override
    def listens_to(self, source: str, signal: Signal) -> bool:
        if signal == NET_ORDER:
            return self.terms is not None and source == self.terms.coordinator
        return super().listens_to(source, signal)

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        decided = super().decide(time, observation)
        self._stored_kwh = observation[STORED_ENERGY.name].copy()
        return decided

    @override
    def track(self, time: int, observation: Observation) -> Setpoints:
        if self._tracker is None:
            return super().track(time, observation)
        drawn_kw = self._drawn_kw(observation[STORED_ENERGY.name])
        setpoint_kw = self._tracker.corrected_kw(
            drawn_kw, observation[POWER.name], observation[NET_ORDER.name]
        )
        return {POWER_SETPOINT.name: setpoint_kw}

    def _drawn_kw(self, stored_kwh: FloatArray) -> FloatArray:
        """Return what each battery drew in the last step."""
        limits = self._storage.limits
        change_kw = (stored_kwh - self._stored_kwh) * (SECONDS_PER_HOUR / self.step_size)
        return np.where(
            change_kw > 0.0,
            change_kw / limits.charge_efficiency,
            change_kw * limits.discharge_efficiency,
        )

    def _net_tracker(self, share: float) -> NetTracker | None:
        measured = next((p for p in super().ports if p.signal == POWER), None)
        if not share or self.terms is None or measured is None or measured.elements is None:
            return None
        power_kw = np.minimum(self._storage.rated_power_kw, self._storage.discharge_power_kw)
        points = measured.elements.names
        return NetTracker(self.terms, self.nets, points, share=share, rated_power_kw=power_kw)
