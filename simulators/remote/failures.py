"""Errors of gridloom on their way between its processes: raised there, raised anew here."""

import json
from typing import Any

from gridloom.simulators.errors import (
    DivergenceError,
    GridloomError,
    Problem,
    ScenarioError,
    SimulatorError,
    SolveError,
)
from gridloom.simulators.remote.channel import RemoteFailure, with_traceback

_SIMULATOR_ERRORS = {each.__name__: each for each in (SimulatorError, DivergenceError)}


def explain(error: Exception) -> list[str]:
    """Return what the other side needs to raise an error of gridloom anew."""
    details: dict[str, Any] = {}
    match error:
        case SimulatorError():
            details = {"time": error.time, "cause": error.cause, "element": error.element}
        case SolveError():
            details = {"time": error.time, "status": error.status, "cause": error.cause}
        case ScenarioError():
            details = {
                "problems": [
                    [p.message, list(p.key), p.expected, p.suggestion] for p in error.problems
                ]
            }
        case _:
            return with_traceback(error)
    return [type(error).__name__, str(error), json.dumps(details)]


def raised_anew(name: str, failure: RemoteFailure) -> GridloomError | None:
    """Return the error that the served model ``name`` raised, or None if it was another kind."""
    try:
        return _raised_anew(name, failure.kind, json.loads(failure.traceback))
    except (ValueError, TypeError, KeyError):  # somebody else's error of the same name
        return None


def _raised_anew(name: str, failed_as: str, details: Any) -> GridloomError | None:
    if failed_as in _SIMULATOR_ERRORS:
        kind = _SIMULATOR_ERRORS[failed_as]
        return kind(name, details["time"], details["cause"], element=details["element"])
    if failed_as == SolveError.__name__:
        return SolveError(name, details["time"], details["status"], details["cause"])
    if failed_as == ScenarioError.__name__:
        return ScenarioError(
            *(
                Problem(message=message, key=tuple(key), expected=expected, suggestion=suggestion)
                for message, key, expected, suggestion in details["problems"]
            )
        )
    return None
