"""Agents that step more often than is negotiated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError

PRICES = [{"price": [500.0, 300.0]}]
BEGUN_KW = (np.array([0.9, 0.8, 0.7]) - [0.3, 0.5, 0.3]) / [0.1, 0.2, 0.05]
"""What h1, h2, h3 draw at these prices: (b - c) / a."""


def every_20s(nets: Any, kind: str, **keys: Any) -> dict[str, Any]:
    """Return a scenario whose agents and heaters step three times an interval."""
    scenario: dict[str, Any] = nets.scenario(PRICES, **keys)
    scenario["controllers"]["heating"] |= {"type": nets.kind(kind), "step_size": "20s"}
    scenario["simulators"]["heaters"]["step_size"] = "20s"
    return scenario


def test_setpoints_of_the_begin_hold_unless_it_tracks(nets: Any) -> None:
    found = nets.run(every_20s(nets, "SteppingHeaterAgents"))
    np.testing.assert_allclose(found["heaters/power_kw"], [BEGUN_KW] * 12)
    assert found["heating/prepared_s"].tolist() == np.repeat([0, 60, 120, 180], 3).tolist()


def test_it_tracks_in_the_steps_between(nets: Any) -> None:
    """By hand: a tenth of the energy stored by the end of the last step is added."""
    found = nets.run(every_20s(nets, "TrackingHeaterAgents"))
    stored_kwh = np.zeros(3)
    expected, seen = list[Any](), list[float]()
    for step in range(12):
        begins = step % 3 == 0
        seen.append(stored_kwh.sum() if begins else seen[-1])
        expected.append(BEGUN_KW + (0.0 if begins else 0.1) * stored_kwh)
        stored_kwh = stored_kwh + expected[-1] * 20 / 3600
    np.testing.assert_allclose(found["heaters/power_kw"], expected)
    assert (found["heaters/power_kw"][1] > BEGUN_KW).all()
    # What it is told before the negotiation is up to date, though it has stepped in between.
    np.testing.assert_allclose(found["heating/seen_kwh"], seen)


@pytest.mark.parametrize(
    ("fuse", "elsewhere"),
    [(True, ()), (False, ("heating",)), pytest.param(True, ("lead",), marks=pytest.mark.slow)],
)
def test_where_it_is_computed_makes_no_difference_to_tracking(
    nets: Any, require_same: Callable[..., None], fuse: bool, elsewhere: tuple[str, ...]
) -> None:
    reference = nets.run(every_20s(nets, "TrackingHeaterAgents"))
    scenario = every_20s(nets, "TrackingHeaterAgents", fuse=fuse)
    for name in elsewhere:
        scenario["controllers"][name]["placement"] = "process"
    require_same(reference, nets.run(scenario))


def test_what_it_scheduled_is_told_in_every_step(nets: Any) -> None:
    found = nets.run(every_20s(nets, "SteppingHeaterAgents"))
    assert found["heating/scheduled_power_kw"].tolist() == [[2.0] * 3] * 12


@pytest.mark.parametrize(
    ("kind", "step_size", "expected"),
    [
        ("HeaterAgents", "20s", "expected: step_size: 1min$"),
        ("SteppingHeaterAgents", "2min", "expected: step_size: 1min, or a part of it"),
        ("SteppingHeaterAgents", "40s", "expected: step_size: 1min, or a part of it"),
    ],
)
def test_steps_that_do_not_fit_the_interval(
    nets: Any, kind: str, step_size: str, expected: str
) -> None:
    scenario = every_20s(nets, kind)
    scenario["controllers"]["heating"]["step_size"] = step_size
    with pytest.raises(ScenarioError, match=f"it steps every {step_size}, 'lead'") as found:
        nets.models(scenario)
    assert found.match(expected)
