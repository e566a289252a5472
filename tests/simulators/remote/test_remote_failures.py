"""Errors of gridloom read the same, wherever they were raised."""

import asyncio

import pytest

from gridloom.simulators.errors import (
    DivergenceError,
    GridloomError,
    Problem,
    ScenarioError,
    SimulatorError,
    SolveError,
)
from gridloom.simulators.remote.channel import RemoteFailure
from gridloom.simulators.remote.failures import explain, raised_anew

ERRORS = [
    SimulatorError("ev", 60, "no battery", element="charging_point:CP1"),
    SimulatorError("ev", None, "no battery"),
    DivergenceError("ev", 3600, "after 100 iterations"),
    SolveError("ev", 900, "infeasible", "too little power"),
    ScenarioError(
        Problem(
            message="is too short", key=("sessions", 3, "file"), expected="rows", suggestion="?"
        ),
        Problem(message="is missing", key=("at",)),
    ),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_same_error_comes_out(error: GridloomError) -> None:
    kind, message, *further = explain(error)
    anew = raised_anew("ev", RemoteFailure(kind, message, "".join(further)))
    assert anew is not None
    assert type(anew) is type(error)
    assert str(anew) == str(error)
    assert vars(anew) == vars(error)
    assert anew.exit_code == error.exit_code


def test_other_exceptions_come_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(_fails())
    kind, message, *further = explain(caught.value)
    assert (kind, message) == ("ZeroDivisionError", "division by zero")
    assert "_fails" in "".join(further)
    assert raised_anew("ev", RemoteFailure(kind, message, "".join(further))) is None


@pytest.mark.parametrize("traceback", ["", "no JSON", "[]", "5", '{"time": 1}', "null"])
def test_a_foreign_failure_that_bears_our_name(traceback: str) -> None:
    """Nothing keeps a foreign simulator from calling its own exception SimulatorError."""
    assert raised_anew("ev", RemoteFailure("SimulatorError", "x", traceback)) is None


async def _fails() -> None:
    1 / 0  # noqa: B018
