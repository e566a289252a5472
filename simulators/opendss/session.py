"""OpenDSS sessions: an optional package, one context of its own for each circuit."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from gridloom.simulators.errors import Problem, ScenarioError

Session: TypeAlias = Any
"""A context of dss-python (`IDSS`), which shares no circuit with any other."""

TOLERANCE_PU = 1e-11
"""Largest change of a voltage from one iteration to the next, over its base."""
ITERATIONS = 1000
CONSTANT_POWER_PU = (0.1, 3.0)
"""Voltages between which loads draw constant power."""
_BASE_FREQUENCY_HZ = 60.0
"""What OpenDSS takes where a circuit does not say, whatever the environment sets."""


def require_opendss(*key: str) -> Any:
    """Return dss-python's first session, of which all others are made.

    Args:
        key: the scenario's key that asks for OpenDSS.

    Raises:
        ScenarioError: dss-python is not installed.
    """
    try:
        from dss import DSS
    except ImportError as error:
        raise ScenarioError(
            Problem(
                message="OpenDSS needs the package 'dss-python', which is not installed",
                key=key,
                suggestion="pip install 'gridloom[opendss]'",
            )
        ) from error
    return DSS


def open_session(*key: str) -> Session:
    """Return a new session: no windows, no commands of the system, no change of directory.

    Args:
        key: the scenario's key that asks for OpenDSS.

    Raises:
        ScenarioError: dss-python is not installed.
    """
    session = require_opendss(*key).NewContext()
    session.AllowForms = False
    session.AllowEditor = False
    session.AllowChangeDir = False
    session.AllowDOScmd = False
    run(session, ["Clear", f"Set DefaultBaseFrequency={_BASE_FREQUENCY_HZ}"])
    return session


def run(session: Session, commands: Iterable[str]) -> None:
    """Run commands one after the other.

    Raises:
        DSSException: OpenDSS refuses one.
    """
    text = session.Text
    for command in commands:
        text.Command = command


def prepare(session: Session) -> None:
    """Make a circuit ready for snapshots of a scenario's powers, whatever its file has set."""
    settings = (
        "Mode=Snapshot",
        "ControlMode=Off",
        "Algorithm=Normal",
        "LoadModel=PowerFlow",
        "LoadMult=1",
        "Year=0",
    )
    run(session, [f"Set {setting}" for setting in settings])
    solution = session.ActiveCircuit.Solution
    solution.Tolerance = TOLERANCE_PU
    solution.MaxIterations = ITERATIONS


def refusal() -> type[Exception]:
    """Return the type of the errors that OpenDSS itself raises."""
    from dss import DSSException

    refused: type[Exception] = DSSException
    return refused
