"""A program that fills its job like water takes part as its agent in Python does."""

import sys
from typing import Any

import numpy as np
import pytest

PROGRAM = '''
"""The agent of one appliance as a program: plain Python, and nothing but the mosaik API."""
import sys
import mosaik_api_v3

ATTRIBUTES = [
    "E", "P_set", "round", "unasked_power_kw", "request_buying_price_eur_per_mwh",
    "request_target_kw", "request_penalty_eur_per_kw2", "offer_power_kw", "order_power_kw",
]
INTERVAL_S, HOURS = 900, 0.25


def filled(level_kw, energy_kwh, rated_kw):
    """Return clip(level + nu, 0, rated) whose energy is as asked: nu from its breakpoints."""
    def drawn(nu):
        return [min(max(v + nu, 0.0), rated_kw) for v in level_kw]
    total_kw = energy_kwh / HOURS
    edges = sorted({-v for v in level_kw} | {rated_kw - v for v in level_kw})
    low = max(e for e in edges if sum(drawn(e)) <= total_kw or e == edges[0])
    inside = [v for v in level_kw if 0.0 <= v + low < rated_kw]
    rest = total_kw - sum(drawn(low))
    return drawn(low + (rest / len(inside) if inside else 0.0))


def cheapest(price, energy_kwh, rated_kw):
    """Return the profile that costs least."""
    profile, left_kw = [0.0] * len(price), energy_kwh / HOURS
    for number in sorted(range(len(price)), key=lambda n: price[n]):
        profile[number] = min(rated_kw, left_kw)
        left_kw -= profile[number]
    return profile


class Appliance(mosaik_api_v3.Simulator):
    def __init__(self):
        params = ["rated_kw", "deadline_s"]
        model = {"public": True, "params": params, "attrs": ATTRIBUTES}
        super().__init__({"type": "hybrid", "models": {"Appliance": model}})

    def create(self, number, model, rated_kw, deadline_s):
        self.rated_kw, self.deadline_s = rated_kw, deadline_s
        return [{"eid": "appliance", "type": model}]

    def step(self, time, inputs, max_advance):
        told = {name: next(iter(values.values())) for name, values in inputs["appliance"].items()}
        if "E" in told:
            self.energy_kwh = told["E"][0]
        if "round" not in told:
            self.said = {"P_set": [told["order_power_kw"][0]]}
            return None
        self.base = told.get("unasked_power_kw", getattr(self, "base", None))
        window = max((self.deadline_s - time) // INTERVAL_S, 0)
        price = [p * HOURS / 1000 for p in told["request_buying_price_eur_per_mwh"]][:window]
        rho, rest = told["request_penalty_eur_per_kw2"], [0.0] * (len(self.base) - window)
        if not window or not rho:
            profile = cheapest(price, self.energy_kwh, self.rated_kw) + rest
        else:
            ahead = zip(self.base, told["request_target_kw"], price)
            level = [base + target - p / rho for base, target, p in ahead]
            profile = filled(level, self.energy_kwh, self.rated_kw) + rest
        if rho:
            self.base = profile
        self.said = {"offer_power_kw": profile}

    def get_data(self, outputs):
        return {"appliance": {n: self.said[n] for n in outputs["appliance"] if n in self.said}}

if __name__ == "__main__":
    sys.exit(mosaik_api_v3.start_simulation(Appliance()))
'''
JOB = {
    "connection_point": "h4",
    "release": "0s",
    "deadline": "3h",
    "energy_kwh": 1.5,
    "rated_power_kw": 2.0,
}


def with_one_appliance(community: Any, *, program: bool, **keys: Any) -> dict[str, Any]:
    """Return the scenario whose only appliance has an agent in Python, or a program."""
    scenario: dict[str, Any] = community.scenario(horizon="4h", **keys)
    scenario["simulators"]["washer"] |= {"at": ["h4"], "jobs": [JOB]}
    if program:
        (community.folder / "appliance.py").write_text(PROGRAM, encoding="utf-8")
        scenario["controllers"]["washer_agent"] = {
            "type": "external_agent",
            "controls": "washer",
            "step_size": "15min",
            "information": ["sessions_plugged_in"],
            "command": [sys.executable, "appliance.py", "{address}"],
            "create": {
                "model": "Appliance",
                "parameters": {"rated_kw": 2.0, "deadline_s": 3 * 3600},
            },
            "schedule_kw": [2.0] * 3 + [0.0] * 13,
            "receives": {"energy_required_kwh": "E"},
            "sends": {"power_setpoint_kw": "P_set"},
        }
    return scenario


@pytest.mark.parametrize(
    "keys",
    [
        {},
        pytest.param({"gap": 0.003}, marks=pytest.mark.slow),
        pytest.param({"channel": {"loss": 0.2}}, marks=pytest.mark.slow),
        pytest.param({"secure_aggregation": {}}, marks=pytest.mark.slow),
    ],
    ids=["plain", "thorough", "lossy", "secure"],
)
def test_it_ends_with_the_same_plans(community: Any, keys: dict[str, Any]) -> None:
    ours = community.run(with_one_appliance(community, program=True, **keys))
    theirs = community.run(with_one_appliance(community, program=False, **keys))
    drawn_kw = theirs["washer/power_kw"]
    assert drawn_kw.sum() * 0.25 == pytest.approx(1.5)
    assert not np.allclose(drawn_kw[:3], 2.0)  # it was moved from where it was scheduled
    assert (theirs["drive/negotiation_rounds"] == ours["drive/negotiation_rounds"]).all()
    names = [n for n in theirs if n.endswith(("/power_kw", "/plan_cost_eur", "/order_power_kw"))]
    assert len(names) == 9
    for name in names:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-9, rtol=0, err_msg=name)
