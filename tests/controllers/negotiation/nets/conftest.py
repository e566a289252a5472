"""A street whose heaters lie in two nets, `north` and `south`, across the order of their names."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.model import Model

SOURCE = Path(__file__).with_name("proximal_heaters.py")
POINTS = ["h1", "h2", "h3"]
NETS = {"north": ["h2"], "south": ["h3", "h1"]}


class Nets:
    """Scenarios of a minute: three heaters with an agent each, and a coordinator with a script."""

    def __init__(self, street: Any) -> None:
        self.street = street
        self.module = f"{street.module}_in_nets"
        (street.folder / f"{self.module}.py").write_text(SOURCE.read_text(encoding="utf-8"))

    def kind(self, name: str) -> str:
        return f"{self.module}:{name}"

    def scenario(self, script: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
        """Return a scenario in which the coordinator asks what the script says."""
        simulators: dict[str, Any] = {"heaters": {"type": self.kind("Heaters"), "points": POINTS}}
        controllers: dict[str, Any] = {
            "heating": {
                "type": self.kind("HeaterAgents"),
                "controls": "heaters",
                "a": [0.1, 0.2, 0.05],
                "b": [0.9, 0.8, 0.7],
            },
            "lead": {
                "type": self.kind("Script"),
                "controls": "heaters",
                "horizon": "2min",
                "nets": NETS,
                "script": script,
            },
        }
        return {
            "name": "nets",
            "start": "2021-06-21T00:00:00Z",
            "duration": "4min",
            "step_size": "1min",
            "simulators": simulators,
            "controllers": controllers,
            **keys,
        }

    def models(self, scenario: dict[str, Any]) -> dict[str, Model]:
        """Return the scenario's models, as they are before the first step."""
        document = read_scenario(self.street.write(scenario))
        return dict(compose(document, document.scenario()).models)

    def run(self, scenario: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.street.run(scenario)
        return found


@pytest.fixture
def nets(street: Any) -> Iterator[Nets]:
    made = Nets(street)
    yield made
    sys.modules.pop(made.module, None)
