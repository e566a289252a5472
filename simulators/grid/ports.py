"""What a grid receives and sends."""

from gridloom.simulators.grid.engine import PHASES
from gridloom.simulators.grid.network import Network
from gridloom.simulators.model import Dimension, Direction, ElementSet, Port
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    LINE_LOADING,
    LINE_POWER,
    LOSSES,
    POWER,
    REACTIVE_POWER,
    SLACK_POWER,
    SLACK_REACTIVE_POWER,
    TRANSFORMER_LOADING,
    UNSOLVED,
    VOLTAGE,
    VOLTAGE_UNBALANCE,
)

FIELDS = {
    BUS_VOLTAGE.name: "bus_voltage_pu",
    VOLTAGE.name: "bus_voltage_pu",
    VOLTAGE_UNBALANCE.name: "bus_voltage_pu",
    LINE_CURRENT.name: "line_current_a",
    LINE_LOADING.name: "line_current_a",
    LINE_POWER.name: "line_power_kw",
    TRANSFORMER_LOADING.name: "transformer_loading_percent",
    LOSSES.name: "losses_kw",
    SLACK_POWER.name: "slack_power_kw",
    SLACK_REACTIVE_POWER.name: "slack_reactive_power_kvar",
}
"""The fields of a `PowerFlowSolution` that outputs are made of."""
ALL_FIELDS = frozenset(FIELDS.values())


def grid_ports(owner: str, network: Network, *, unbalanced: bool) -> tuple[Port, ...]:
    """Return the ports of a grid.

    Args:
        owner: name of the grid model.
        network: what it simulates.
        unbalanced: three phases; otherwise one that stands for all.
    """
    names = network.connection_points.names
    points = ElementSet(kind="connection_point", owner=owner, names=names, connection_points=names)
    buses = ElementSet(kind="bus", owner=owner, names=network.bus_names)
    lines = ElementSet(kind="line", owner=owner, names=network.line_names)
    transformers = ElementSet(kind="transformer", owner=owner, names=network.transformer_names)
    phase = (Dimension(name="phase", labels=PHASES if unbalanced else ("balanced",)),)
    out = Direction.OUTPUT
    unbalance = (Port(signal=VOLTAGE_UNBALANCE, direction=out, elements=points),)
    return (
        Port(signal=POWER, direction=Direction.INPUT, elements=points),
        Port(signal=REACTIVE_POWER, direction=Direction.INPUT, elements=points, required=False),
        Port(signal=VOLTAGE, direction=out, elements=points),
        *(unbalance if unbalanced else ()),
        Port(signal=BUS_VOLTAGE, direction=out, elements=buses, dimensions=phase),
        Port(signal=LINE_CURRENT, direction=out, elements=lines, dimensions=phase),
        Port(signal=LINE_POWER, direction=out, elements=lines, dimensions=phase, recorded=False),
        Port(signal=LINE_LOADING, direction=out, elements=lines, recorded=False),
        Port(signal=TRANSFORMER_LOADING, direction=out, elements=transformers),
        *(
            Port(signal=signal, direction=out)
            for signal in (LOSSES, SLACK_POWER, SLACK_REACTIVE_POWER, UNSOLVED)
        ),
    )
