"""Feeders, fleets and markets for the tests of the adaptive multi-agent system."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pytest
from typing_extensions import override

from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.controller import Amas
from gridloom.controllers.controller import ControlContext
from gridloom.scenarios.composer import simulate
from gridloom.scenarios.coupling import couple
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.network import network_of
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.grid.static import static_variables
from gridloom.simulators.market import ImbalanceMarket, ImbalanceMarketConfig
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.signals import POWER

FeederOf: TypeAlias = Callable[..., Feeder]
GridOf: TypeAlias = Callable[..., Grid]
ConfigOf: TypeAlias = Callable[..., AmasConfig]
FleetOf: TypeAlias = Callable[..., EvFleet]
MarketOf: TypeAlias = Callable[..., ImbalanceMarket]
SteadyOf: TypeAlias = Callable[..., Model]
AmasOf: TypeAlias = Callable[..., Amas]
Run: TypeAlias = Callable[..., dict[str, dict[str, FloatArray]]]

HOUR_S = 3600


def context_of(name: str, points: tuple[str, ...] = ()) -> BuildContext:
    start = datetime(2021, 3, 24, 15, tzinfo=UTC)
    return BuildContext(
        name=name, start=start, duration_s=HOUR_S, seed=1, connection_points=points or None
    )


class Telling(Model):
    """A grid of which nothing is known but its constants."""

    def __init__(self, net: Any, limits_pu: tuple[float, float]) -> None:
        super().__init__(context_of("grid"), 1)
        self._told = static_variables(network_of(net), limits_pu)

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return ()

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._told

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        raise NotImplementedError


class Steady(Model):
    """Devices that draw the same power for ever, or what a function of time says."""

    def __init__(
        self, powers_kw: Mapping[str, float], of_time: Callable[[int], float], step_s: int
    ) -> None:
        super().__init__(context_of("steady"), step_s)
        points = tuple(powers_kw)
        self._power_kw = np.array(list(powers_kw.values()))
        self._of_time = of_time
        self.elements = ElementSet(
            kind="device", owner="steady", names=points, connection_points=points
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (Port(signal=POWER, direction=Direction.OUTPUT, elements=self.elements),)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {POWER.name: self._power_kw * self._of_time(time)}


@pytest.fixture
def config_of() -> ConfigOf:
    def make(**keys: Any) -> AmasConfig:
        return AmasConfig.model_validate({"type": "amas", "controls": "ev", **keys})

    return make


@pytest.fixture
def feeder_of() -> FeederOf:
    """Make the feeder of a pandapower net from its constants."""

    def make(net: Any, limits_pu: tuple[float, float] = (0.9, 1.1)) -> Feeder:
        return Feeder.of(Telling(net, limits_pu))

    return make


@pytest.fixture
def grid_of(monkeypatch: pytest.MonkeyPatch) -> GridOf:
    """Build a `Grid` of a pandapower net as from a file, which takes pandapower a second."""

    def build(net: Any, **keys: Any) -> Grid:
        target = "gridloom.simulators.grid.network.read_pandapower_net"
        monkeypatch.setattr(target, lambda source, context: deepcopy(net))
        keys = {"type": "grid", "network": {"file": "net.json"}, **keys}
        return Grid(GridConfig.model_validate(keys), context_of("grid"))

    return build


@pytest.fixture
def fleet_of() -> FleetOf:
    """Make a fleet of sessions, each a dict or a tuple (point, stay until, state of charge)."""

    def make(*sessions: Any, **keys: Any) -> EvFleet:
        rows = [
            each
            if isinstance(each, dict)
            else {
                "charging_point": each[0],
                "arrival": "0s",
                "departure": each[1],
                "arrival_state_of_charge": each[2],
            }
            for each in sessions
        ]
        points = tuple(dict.fromkeys(str(row["charging_point"]) for row in rows))
        config = {
            "type": "ev_fleet",
            "at": list(points),
            "sessions": rows,
            "energy_capacity_kwh": 30,
            "rated_power_kw": 7,
            "v2g": True,
            "state_of_charge_limits": [0.3, 0.8],
            "required_state_of_charge": 0.7,
            "charge_efficiency": 1,
            "discharge_efficiency": 1,
            **keys,
        }
        return EvFleet(EvFleetConfig.model_validate(config), context_of("ev", points))

    return make


@pytest.fixture
def market_of() -> MarketOf:
    def make(*points: str, **keys: Any) -> ImbalanceMarket:
        settings = {
            "type": "imbalance_market",
            "at": list(points),
            "prices": {"shortage_eur_per_mwh": [110.0], "surplus_eur_per_mwh": [90.0]},
            "position_kw": [0.0],
            **keys,
        }
        config = ImbalanceMarketConfig.model_validate(settings)
        return ImbalanceMarket(config, context_of("market", points))

    return make


@pytest.fixture
def steady_of() -> SteadyOf:
    def make(
        of_time: Callable[[int], float] = lambda _time: 1.0, step_s: int = 1, **powers_kw: float
    ) -> Model:
        return Steady(powers_kw, of_time, step_s)

    return make


@pytest.fixture
def amas_of(config_of: ConfigOf) -> AmasOf:
    """Make the agents of the fleet called 'ev' among the models."""

    def make(*models: Model, **keys: Any) -> Amas:
        named = {model.name: model for model in models}
        context = ControlContext(build=context_of("charging"), models=named)
        return Amas(config_of(**keys), context)

    return make


@pytest.fixture
def run() -> Run:
    """Simulate models and return what they sent: (step, ...) by model and signal."""

    def simulated(*models: Model, until_s: int) -> dict[str, dict[str, FloatArray]]:
        named = {model.name: model for model in models}
        sent: dict[str, dict[str, list[FloatArray]]] = {name: {} for name in named}

        def keep(_time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
            for name, signals in outputs.items():
                for signal, values in signals.items():
                    sent[name].setdefault(signal, []).append(values)

        simulate(named, couple(named, []), until_s, keep)
        return {
            name: {signal: np.array(values) for signal, values in signals.items()}
            for name, signals in sent.items()
        }

    return simulated
