"""What devices that obey setpoints have in common."""

from collections.abc import Sequence

from gridloom.simulators.model import Direction, ElementSet, Port
from gridloom.simulators.signals import POWER_SETPOINT, Signal


def steered_ports(
    elements: ElementSet, recorded: Sequence[Signal], told: Sequence[Signal]
) -> tuple[Port, ...]:
    """Return the ports of devices that take a setpoint each.

    Args:
        elements: the devices.
        recorded: what they send, to be recorded unless the scenario says otherwise.
        told: what they send for the sake of those who steer them.
    """
    return (
        Port(signal=POWER_SETPOINT, direction=Direction.INPUT, elements=elements),
        *(
            Port(signal=signal, direction=Direction.OUTPUT, elements=elements, recorded=kept)
            for signals, kept in ((recorded, True), (told, False))
            for signal in signals
        ),
    )
