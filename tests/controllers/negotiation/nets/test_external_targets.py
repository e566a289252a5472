"""A program that answers targets does what the same agent in Python does, to the last bit."""

import sys
from typing import Any

import numpy as np
import pytest

PROGRAM = '''
"""One heater's agent as a program, which remembers what a target is a change of."""
import sys
import mosaik_api_v3

ATTRIBUTES = [
    "P_set", "round", "unasked_power_kw", "request_buying_price_eur_per_mwh",
    "request_target_kw", "request_penalty_eur_per_kw2", "offer_power_kw", "order_power_kw",
]

class Heater(mosaik_api_v3.Simulator):
    def __init__(self):
        model = {"public": True, "params": ["a", "b"], "attrs": ATTRIBUTES}
        super().__init__({"type": "hybrid", "models": {"Heater": model}})

    def create(self, number, model, a, b):
        self.a, self.b = a, b
        return [{"eid": "heater", "type": model}]

    def step(self, time, inputs, max_advance):
        told = {name: next(iter(values.values())) for name, values in inputs["heater"].items()}
        if "round" not in told:
            self.said = {"P_set": [told["order_power_kw"][0]]}
            return None
        self.base = told.get("unasked_power_kw", getattr(self, "base", None))
        margins = [self.b - p / 1000 for p in told["request_buying_price_eur_per_mwh"]]
        rho = told["request_penalty_eur_per_kw2"]
        if not rho:
            self.said = {"offer_power_kw": [margin / self.a for margin in margins]}
            return None
        asked = [base + t for base, t in zip(self.base, told["request_target_kw"])]
        self.base = [(m + rho * p) / (self.a + rho) for m, p in zip(margins, asked)]
        self.said = {"offer_power_kw": self.base}

    def get_data(self, outputs):
        return {"heater": {n: self.said[n] for n in outputs["heater"] if n in self.said}}

if __name__ == "__main__":
    sys.exit(mosaik_api_v3.start_simulation(Heater()))
'''
SCRIPT = [
    {"price": [500.0, 300.0], "target": [1.0, -2.0], "penalty": 0.3},
    {"price": [400.0, 400.0]},
    {"price": [450.0, 350.0], "target": [-0.5, 0.25], "penalty": 0.1},
    {"price": [480.0, 320.0], "target": [-0.1, 0.05], "penalty": 0.2},
]
LOSSY = {"loss": 0.3, "latency_s": 0.3, "drop_out": 0.2}


def with_one_more(nets: Any, *, program: bool, **lead: Any) -> dict[str, Any]:
    """Return a scenario with a fourth heater, in the south, whose agent is a program or is not."""
    scenario: dict[str, Any] = nets.scenario(SCRIPT, seed=3)
    scenario["simulators"]["boiler"] = {"type": nets.kind("Heaters"), "points": ["h4"]}
    controllers = scenario["controllers"]
    controllers["lead"] |= {"nets": {"north": ["h2"], "south": ["h3", "h1", "h4"]}, **lead}
    controllers["boiling"] = {"controls": "boiler", "type": nets.kind("HeaterAgents")} | {
        "a": [0.15],
        "b": [0.85],
        "scheduled_kw": 1.5,
    }
    if program:
        (nets.street.folder / "heater_with_base.py").write_text(PROGRAM, encoding="utf-8")
        controllers["boiling"] = {
            "type": "external_agent",
            "controls": "boiler",
            "information": ["measurements"],
            "command": [sys.executable, "heater_with_base.py", "{address}"],
            "create": {"model": "Heater", "parameters": {"a": 0.15, "b": 0.85}},
            "schedule_kw": [1.5],
            "sends": {"power_setpoint_kw": "P_set"},
        }
    return scenario


@pytest.mark.parametrize(
    "lead",
    [
        {},
        {"channel": LOSSY, "patience": 30},
        pytest.param({"channel": LOSSY, "patience": None}, marks=pytest.mark.slow),
        pytest.param({"channel": LOSSY, "placement": "process"}, marks=pytest.mark.slow),
    ],
    ids=["perfect", "repeated", "impatient", "apart"],
)
def test_a_program_answers_targets_as_an_agent_in_python(nets: Any, lead: dict[str, Any]) -> None:
    """With a channel that loses: answers are repeated, and orders that are lost leave a base."""
    ours = nets.run(with_one_more(nets, program=True, **lead))
    theirs = nets.run(with_one_more(nets, program=False, **lead))
    assert {"boiler/power_kw", "heaters/power_kw", "lead/messages"} <= ours.keys()
    for name, values in ours.items():
        assert values.tobytes() == theirs[name].tobytes(), name


def test_its_powers_by_hand(nets: Any) -> None:
    """Three targets of the south, each a change of the answer before; the first of 1.5 kW."""
    found = nets.run(with_one_more(nets, program=True) | {"duration": "1min"})
    drawn_kw = 1.5
    for price, target_kw, penalty in ((0.3, -2.0, 0.3), (0.35, 0.25, 0.1), (0.32, 0.05, 0.2)):
        drawn_kw = (0.85 - price + penalty * (drawn_kw + target_kw)) / (0.15 + penalty)
    np.testing.assert_allclose(found["boiler/power_kw"], [[drawn_kw]])
