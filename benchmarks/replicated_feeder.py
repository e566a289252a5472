"""The IEEE European LV feeder, many times under one medium-voltage grid: topology alone.

Nothing is solved here: controllers are told drawn measurements, so that a decision can be timed on
grids that no power flow needs to be built for.
"""

from datetime import UTC, datetime

import numpy as np
from typing_extensions import override

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import (
    BuildContext,
    Dimension,
    Direction,
    ElementSet,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    LINE_POWER,
    TRANSFORMER_LOADING,
    Signal,
)

TRUNK_RATED_A = 65.0
"""Of every low-voltage line, as LINE117 in the reference case."""
FEEDERS_A_STRING = 10
"""Feeders along one string of the medium-voltage grid."""
_POSITIONS = {
    "line_from_bus": "bus",
    "line_to_bus": "bus",
    "transformer_hv_bus": "bus",
    "transformer_lv_bus": "bus",
    "connection_point_bus": "bus",
    "bus_node": "bus",
}
"""Constants that count along a dimension."""
_TOLD = (
    ("line", LINE_CURRENT),
    ("line", LINE_POWER),
    ("bus", BUS_VOLTAGE),
    ("transformer", TRANSFORMER_LOADING),
)


class ReplicatedFeeder(Model):
    """Feeders whose transformers hang on strings of medium-voltage cable from one source."""

    offers_connection_points = True

    def __init__(self, context: BuildContext, feeders: int) -> None:
        super().__init__(context, 1)
        start = datetime(2021, 1, 1, tzinfo=UTC)
        keys = {"type": "grid", "network": {"name": "ieee_european_lv"}, "phases": "balanced"}
        one = Grid(
            GridConfig.model_validate(keys),
            BuildContext(name="one", start=start, duration_s=60, seed=0),
        )
        self.feeders = feeders
        self._constants = _replicate(one.static(), feeders)
        sizes = {told.dimensions: len(told.values) for told in self._constants if told.dimensions}
        self._elements = {
            kind: ElementSet(
                kind=kind,
                owner=context.name,
                names=tuple(f"{kind} {i}" for i in range(sizes[(kind,)])),
            )
            for kind in ("bus", "line", "transformer", "connection_point")
        }
        self.connection_points: tuple[str, ...] = self._elements["connection_point"].names

    @property
    def agents(self) -> int:
        """Lines, transformers and buses."""
        return sum(len(self._elements[kind]) for kind in ("bus", "line", "transformer"))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        phase = (Dimension(name="phase", labels=("balanced",)),)
        return tuple(_port(signal, self._elements[kind], phase) for kind, signal in _TOLD)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._constants

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        raise NotImplementedError("nothing is solved here")


def _port(signal: Signal, elements: ElementSet, phase: tuple[Dimension, ...]) -> Port:
    dimensions = () if signal is TRANSFORMER_LOADING else phase
    return Port(signal=signal, direction=Direction.OUTPUT, elements=elements, dimensions=dimensions)


def _replicate(one: tuple[StaticVariable, ...], feeders: int) -> tuple[StaticVariable, ...]:
    """Return the constants of all feeders, and of the strings between their transformers.

    A string is a row of lines from one feeder's high-voltage bus to the next one's; the first of
    every string begins at the source's bus, that of feeder 0.
    """
    told = {constant.name: constant for constant in one}
    buses = len(told["bus_node"].values)
    high = int(told["transformer_hv_bus"].values[0]) + buses * np.arange(feeders)
    before = np.where(np.arange(feeders) % FEEDERS_A_STRING, np.roll(high, 1), high[0])[1:]
    strings = {
        "line_from_bus": before,
        "line_to_bus": high[1:],
        "line_rated_current_a": np.full(feeders - 1, 400.0),
        "line_resistance_ohm": np.full(feeders - 1, 0.1),
        "line_reactance_ohm": np.full(feeders - 1, 0.1),
        "line_in_service": np.ones(feeders - 1, dtype=np.int8),
        "line_length_km": np.full(feeders - 1, 1.0),
    }
    replicated = []
    for constant in one:
        values, name = constant.values, constant.name
        if name == "line_rated_current_a":
            values = np.full(len(values), TRUNK_RATED_A)
        if constant.dimensions and constant.dimensions != ("source",):
            offset = buses * np.arange(feeders)[:, np.newaxis] if name in _POSITIONS else 0
            tiled = np.tile(values, (feeders, 1))
            values = (tiled + offset if name in _POSITIONS else tiled).ravel()
        if name in strings:
            values = np.concatenate([values, strings[name]])
        replicated.append(StaticVariable(name=name, values=values, dimensions=constant.dimensions))
    return tuple(replicated)


def measurements(
    grid: ReplicatedFeeder, rng: np.random.Generator, count: int = 16
) -> list[Outputs]:
    """Draw what the grid tells at the end of several steps.

    In a third of the feeders the first tenth of the lines carries 70 to 105 % of its rating and
    differs from step to step; one feeder in twenty has voltages near the lower limit; power flows
    downwards everywhere but in one feeder in ten.
    """
    lines, buses, transformers = (
        len(next(port for port in grid.ports if port.signal is signal).elements or ())
        for signal in (LINE_CURRENT, BUS_VOLTAGE, TRANSFORMER_LOADING)
    )
    own = (lines - grid.feeders + 1) // grid.feeders
    feeder_of = np.append(np.repeat(np.arange(grid.feeders), own), np.zeros(grid.feeders - 1))
    in_feeder = np.append(np.tile(np.arange(own), grid.feeders), np.full(grid.feeders - 1, own))
    loaded = (feeder_of % 3 == 0) & (in_feeder < own // 10)
    low = np.repeat(np.arange(grid.feeders) % 20 == 0, buses // grid.feeders)
    downwards = np.where(feeder_of % 10 == 1, -1.0, 1.0)
    base = rng.uniform(0.05, 0.5, lines)
    drawn = []
    for _ in range(count):
        loading = np.where(loaded, rng.uniform(0.7, 1.05), base) + rng.normal(0.0, 0.01, lines)
        current_a = TRUNK_RATED_A * np.abs(loading)
        voltage_pu = np.where(low, 0.925, 1.0) + rng.normal(0.0, 0.004, buses)
        drawn.append(
            {
                LINE_CURRENT.name: current_a[:, np.newaxis],
                LINE_POWER.name: (downwards * current_a * 0.72)[:, np.newaxis],
                BUS_VOLTAGE.name: voltage_pu[:, np.newaxis],
                TRANSFORMER_LOADING.name: rng.uniform(20.0, 85.0, transformers),
            }
        )
    return drawn
