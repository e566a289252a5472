"""Agents with their devices, built without a grid, and the linear program that judges answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.controller import ControlContext
from gridloom.controllers.drive.agents.deferrable_load import DeferrableLoadAgent
from gridloom.controllers.drive.agents.ev import EvAgent
from gridloom.controllers.drive.agents.heat_pump import HeatPumpAgent
from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent
from gridloom.controllers.drive.agents.pv import PvAgent
from gridloom.controllers.drive.agents.storage import StorageAgent
from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.negotiation.terms import Terms
from gridloom.simulators.deferrable_load import DeferrableLoad
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.heat_pump import HeatPump
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.pv import Pv
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.storage import Storage

Keys: TypeAlias = dict[str, Any]

KINDS: dict[str, tuple[Any, Any, Keys]] = {
    "ev": (
        EvFleet,
        EvAgent,
        {
            "sessions": [],
            "energy_capacity_kwh": 20.0,
            "rated_power_kw": 4.0,
            "charge_efficiency": 0.9,
            "discharge_efficiency": 0.8,
        },
    ),
    "deferrable_load": (DeferrableLoad, DeferrableLoadAgent, {"jobs": []}),
    "heat_pump": (
        HeatPump,
        HeatPumpAgent,
        {"rated_power_kw": 3.0, "forecast": "perfect", "building": {"spread": 0.2}},
    ),
    "storage": (
        Storage,
        StorageAgent,
        {
            "energy_capacity_kwh": 10.0,
            "rated_power_kw": 5.0,
            "throughput_cost_eur_per_mwh": 50.0,
        },
    ),
    "pv": (
        Pv,
        PvAgent,
        {
            "irradiance": {
                "generator": "widen_munkhammar",
                "latitude_deg": 44.84,
                "longitude_deg": -0.58,
                "resolution": "1min",
            },
            "area_m2": {"a": 20.0, "b": 40.0, "c": 60.0},
            "curtailable": True,
            "short_term": {"interval": "15min", "method": "known"},
        },
    ),
}
INTERVAL_S = 900
POINTS = ("a", "b", "c")


def built(
    kind: str,
    intervals: int,
    *,
    count: int | None = None,
    step_s: int = INTERVAL_S,
    start_h: int = 0,
    agent: Mapping[str, Any] | None = None,
    **keys: Any,
) -> ProximalAgent:
    """Build three devices of a kind, at a, b and c, and their agents.

    Args:
        kind: see `KINDS`.
        intervals: of a quarter of an hour, of the run.
        count: intervals that are negotiated; all by default; 0: there is no coordinator.
        step_s: of the devices.
        start_h: hour of the day, UTC, at which the run begins.
        agent: keys of the agents, and their `kind` where it is not that of the devices.
        keys: keys of the devices.
    """
    given = dict(agent or {})
    device, _, usual = KINDS[kind]
    _, made_by, _ = KINDS[given.pop("kind", kind)]

    def context(name: str) -> BuildContext:
        return BuildContext(
            name=name,
            start=datetime(2021, 3, 24, start_h, tzinfo=UTC),
            duration_s=intervals * INTERVAL_S,
            seed=3,
            connection_points=POINTS,
        )

    config = device.Config.model_validate(
        {"type": "x", "step_size": format_duration(step_s), "at": list(POINTS), **usual, **keys}
    )
    terms = Terms(coordinator="lead", interval_s=INTERVAL_S, count=count or intervals)
    made: ProximalAgent = made_by(
        made_by.Config.model_validate(
            {"type": "x", "controls": "device", "step_size": "15min", **given}
        ),
        ControlContext(
            build=context("agent"),
            models={"device": device(config, context("device"))},
            coordinators={} if count == 0 else {"lead": terms},
        ),
    )
    return made


class Steered:
    """Devices under their agents, stepped by hand: what a run does, without mosaik."""

    def __init__(self, agent: ProximalAgent) -> None:
        self.agent = agent
        self.device = agent.controlled
        self.observation: dict[str, FloatArray] = self.device.initial_outputs()
        self.sent: list[dict[str, FloatArray]] = []

    def answer(
        self,
        number: int,
        price_eur_per_mwh: Any,
        target_kw: Any = None,
        penalty_eur_per_kw2: float = 0.0,
    ) -> FloatArray:
        """Open a negotiation before an interval, and ask; return the answers."""
        time = number * self.agent.interval_s
        self.agent.prepare(time, self.observation)
        self.agent.open(time)
        price = np.broadcast_to(
            np.asarray(price_eur_per_mwh, dtype=np.float64), (self.agent.count,)
        )
        return self.agent.answer(
            FlexibilityRequest(
                round=0,
                start_s=time,
                interval_s=self.agent.interval_s,
                buying_price_eur_per_mwh=price,
                selling_price_eur_per_mwh=price,
                target_kw=None if target_kw is None else np.asarray(target_kw, dtype=np.float64),
                penalty_eur_per_kw2=penalty_eur_per_kw2,
            )
        )

    def step(self, number: int, order_kw: FloatArray) -> FloatArray:
        """Carry out an order through an interval; return the devices' mean power."""
        begin = number * self.agent.interval_s
        inputs = self.agent.setpoints(begin, order_kw)
        drawn = []
        for time in range(begin, begin + self.agent.interval_s, self.device.step_size):
            self.observation = self.device.step(time, inputs)
            self.sent.append(self.observation)
            drawn.append(self.observation["power_kw"])
        mean: FloatArray = np.mean(drawn, axis=0)
        return mean


def cheapest_eur(
    price_eur_per_kw: FloatArray, matrix: Any, lower: Any, upper: Any, bounds: Any
) -> float:
    """Return the least cost of a device, by HiGHS.

    Args:
        price_eur_per_kw: of each column.
        matrix: (row, column).
        lower: of the rows.
        upper: of the rows.
        bounds: (column, 2).
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    found = milp(
        price_eur_per_kw,
        constraints=LinearConstraint(matrix, lower, upper),
        bounds=Bounds(*np.asarray(bounds, dtype=np.float64).T),
    )
    assert found.success, found.message
    return float(found.fun)


@pytest.fixture(scope="session")
def drive_agent() -> Any:
    """Build an agent from what differs from the simplest one; see `built`."""
    return built


@pytest.fixture(scope="session")
def steered() -> type[Steered]:
    """See `Steered`."""
    return Steered


@pytest.fixture(scope="session")
def optimum_eur() -> Any:
    """See `cheapest_eur`."""
    return cheapest_eur
