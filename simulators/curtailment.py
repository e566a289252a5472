"""Curtailment: plants that feed in less than they could, because they are asked to."""

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from gridloom.simulators.model import Direction, ElementSet, FloatArray, Outputs, Port
from gridloom.simulators.signals import (
    POWER,
    POWER_MIN,
    POWER_SETPOINT,
    REACTIVE_POWER,
    Signal,
)

CURTAILED = Signal(
    name="curtailed_kw",
    unit="kW",
    long_name="active power that could have been fed in and was asked not to be",
)


@dataclass(frozen=True, kw_only=True)
class LimitPort(Port):
    """An input of setpoints that are limits: where nobody sends any, there are none."""

    @override
    def blank(self) -> FloatArray:
        return np.full(self.shape, np.nan)


def curtailment_ports(elements: ElementSet) -> tuple[Port, ...]:
    """Return the ports that plants have besides their own if they can be curtailed."""
    return (
        LimitPort(
            signal=POWER_SETPOINT, direction=Direction.INPUT, elements=elements, required=False
        ),
        Port(signal=CURTAILED, direction=Direction.OUTPUT, elements=elements),
        Port(signal=POWER_MIN, direction=Direction.OUTPUT, elements=elements, recorded=False),
    )


def curtailed(available: Outputs, setpoint_kw: FloatArray) -> Outputs:
    """Return the powers of plants that feed in what is available, but no more than asked.

    Args:
        available: powers of a step if nobody asks for less, load convention: (plant,) by signal.
        setpoint_kw: (plant,), load convention; NaN where nobody asks. Nobody can be asked to draw
            power, or to feed in more than is available.

    Returns:
        Powers and what was curtailed, at least 0: (plant,) by signal. Reactive power keeps its
        ratio to active power.
    """
    available_kw = available[POWER.name]
    limit_kw = np.minimum(setpoint_kw, 0.0) + 0.0  # no -0.0
    power_kw = np.fmax(available_kw, limit_kw)  # of NaN and a number, the number
    share = np.ones_like(power_kw)
    np.divide(power_kw, available_kw, out=share, where=available_kw != 0.0)
    return {
        POWER.name: power_kw,
        REACTIVE_POWER.name: available[REACTIVE_POWER.name] * share,
        CURTAILED.name: power_kw - available_kw,
    }
