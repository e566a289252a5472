"""Whether phases are solved apart, and how unequal they are."""

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.config import Phases
from gridloom.simulators.grid.engine import ComplexArray
from gridloom.simulators.grid.network import Network
from gridloom.simulators.model import FloatArray

_ROTATION = np.exp(2j * np.pi / 3)


def is_unbalanced(phases: Phases, network: Network) -> bool:
    """Return whether three phases are solved.

    Raises:
        ScenarioError: they are asked for, but the network has no zero-sequence parameters.
    """
    if phases is Phases.BALANCED:
        return False
    missing = network.missing_zero_sequence
    if phases is Phases.AUTO:
        return network.has_asymmetric_loads() and not missing
    if missing:
        raise ScenarioError(
            Problem(
                message="the network has no zero-sequence parameters: "
                f"{', '.join(missing)} absent or incomplete",
                key=("phases",),
                expected="these columns for every line and transformer in service",
                suggestion="add them to the network's tables, or use 'phases: balanced'",
            )
        )
    return True


def why_balanced(phases: Phases, network: Network) -> str:
    """Say why a network with single-phase connection points is solved balanced though nobody asked.

    Returns:
        '' where there is nothing to say.
    """
    if phases is not Phases.AUTO or not network.has_asymmetric_loads():
        return ""
    missing = ", ".join(network.missing_zero_sequence)
    return (
        "solved balanced, although some connection points are single-phase: the network has no "
        f"zero-sequence parameters ({missing} absent or incomplete)"
    )


def voltage_unbalance_percent(voltage: ComplexArray) -> FloatArray:
    """Return the voltage unbalance factor: negative over positive sequence (IEC 61000-2-2).

    Args:
        voltage: (..., 3), phasors of the phases a, b and c.
    """
    a, b, c = voltage[..., 0], voltage[..., 1], voltage[..., 2]
    positive = a + _ROTATION * b + _ROTATION.conjugate() * c
    negative = a + _ROTATION.conjugate() * b + _ROTATION * c
    percent: FloatArray = 100.0 * np.abs(negative) / np.abs(positive)
    return percent
