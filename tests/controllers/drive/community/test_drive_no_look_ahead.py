"""Nobody knows what is neither booked, nor forecast, nor here: another future changes nothing now.

After two hours demand is another, of which the day-ahead forecast, from a file, knows nothing; and
a vehicle that arrives then stays longer, which its uncoordinated schedule, the forecast, does not
show.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

HOUSES = ("h1", "h2", "h3", "h4", "h5", "h6")
CHANGE = 8
"""Steps up to when both futures are the same."""


def demand_file(folder: Path, name: str, later_kw: float) -> str:
    """Write a course of demand by quarters of an hour, the same up to the change."""
    rows = ["time_s," + ",".join(HOUSES)]
    for step in range(17):
        powers_kw = [0.5 + 0.3 * np.sin(step + house) for house in range(len(HOUSES))]
        if step >= CHANGE:
            powers_kw = [later_kw + 0.1 * house for house in range(len(HOUSES))]
        rows.append(f"{900 * step}," + ",".join(f"{kw:.3f}" for kw in powers_kw))
    path = folder / f"{name}.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path.name


def with_future(
    community: Any, later_kw: float, departure: str, *, booked: bool = False, **keys: Any
) -> dict[str, Any]:
    """Return a scenario whose second half is as told."""
    scenario: dict[str, Any] = community.scenario(duration="3h", horizon="3h", **keys)
    (community.folder / "expected.csv").write_text(
        "time_s,power_kw\n" + "".join(f"{900 * step},4.0\n" for step in range(17))
    )
    load, ev = scenario["simulators"]["load"], scenario["simulators"]["ev"]
    load["profile"] = {"file": demand_file(community.folder, f"{later_kw:g}", later_kw)}
    load["forecast"] = {"file": "expected.csv"}
    ev["at"] = ["h1", "h3"]
    arrives = {"arrival_state_of_charge": 0.5, "required_state_of_charge": 0.6}
    ev["sessions"] = [
        {"charging_point": "h1", "arrival": "0s", "departure": "3h", **arrives},
        {"charging_point": "h3", "arrival": "2h", "departure": departure, **arrives},
    ]
    ev["forecast"]["bookings"] = booked
    return scenario


def halves(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was sent up to the change, and after.

    What a device tells of the step to come is of the second half from the last step before it on;
    what is decided is not.
    """
    ahead = {"load/expected_power_kw", "ev/plugged_in"}
    by_ev = {name for name in found if name.startswith("ev/") and name != "ev/power_kw"}
    before = {n: v[:CHANGE] for n, v in found.items() if n not in ahead | by_ev}
    return before, {name: values[CHANGE:] for name, values in found.items()}


@pytest.mark.parametrize(
    "keys",
    [{}, {"algorithm": "central"}, {"secure_aggregation": {}}],
    ids=["tree_sharing", "central", "secure"],
)
def test_another_future_changes_nothing_before(
    community: Any, differing: Any, keys: dict[str, Any]
) -> None:
    one, other = (
        community.run(with_future(community, later_kw, departure, **keys))
        for later_kw, departure in ((0.2, "3h"), (2.5, "4h"))
    )
    before, after = zip(halves(one), halves(other), strict=True)
    assert "drive/order_power_kw" in before[0]
    assert differing(*before) == []
    assert {"load/power_kw", "ev/power_kw", "drive/order_power_kw"} <= set(differing(*after))


def test_what_is_booked_changes_the_plan_before(community: Any, differing: Any) -> None:
    """So that the same comparison would find somebody who knows more."""
    one, other = (
        community.run(with_future(community, 0.2, departure, booked=True))
        for departure in ("3h", "4h")
    )
    before, _ = zip(halves(one), halves(other), strict=True)
    assert "drive/order_power_kw" in differing(*before)
