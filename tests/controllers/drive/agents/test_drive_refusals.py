"""Agents refuse devices that they do not know how to plan."""

from typing import Any

import pytest

from gridloom.simulators.errors import ScenarioError


@pytest.mark.parametrize(
    ("devices", "agents", "expected"),
    [("ev", "deferrable_load", "deferrable_load"), ("deferrable_load", "ev", "ev_fleet")],
)
def test_devices_of_another_type(
    drive_agent: Any, devices: str, agents: str, expected: str
) -> None:
    """Both tell the same signals, so that only their type tells them apart."""
    with pytest.raises(ScenarioError, match=f"a simulator of type {expected}") as caught:
        drive_agent(devices, 4, agent={"kind": agents})
    (problem,) = caught.value.problems
    assert problem.key == ("controls",)
    assert "does not know what 'device' can do" in problem.message
