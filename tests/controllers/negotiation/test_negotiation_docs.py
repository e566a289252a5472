"""The agents that the documentation shows work: alone on a line, each fills it."""

import re
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

DOCS = Path(__file__).resolve().parents[3] / "docs"
LINE_KW = 8.0


def section(document: str, title: str) -> str:
    text = (DOCS / document).read_text(encoding="utf-8")
    return re.split(r"^##+ ", text.partition(f"# {title}\n")[2], flags=re.MULTILINE)[0]


def program(text: str) -> str:
    (found,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return str(found)


def alone(street: Any, name: str, agent: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario with one agent of two heaters, and wind."""
    scenario: dict[str, Any] = street.scenario()
    heaters = scenario["simulators"].pop("west_heaters")
    del scenario["simulators"]["east_heaters"]
    scenario["simulators"]["heaters"] = heaters
    for each in ("west", "east"):
        del scenario["controllers"][each]
    scenario["controllers"][name] = agent
    return scenario


def require_filled(found: dict[str, Any]) -> None:
    """The heaters draw what the line carries and the wind feeds in, 1 kW + 0.06 kW a minute."""
    power_kw = found["heaters/power_kw"].sum(axis=1)
    np.testing.assert_allclose(power_kw, LINE_KW + 1.0 + 0.06 * np.arange(10), atol=1e-6)


@pytest.mark.parametrize("placement", ["inprocess", "process"])
def test_an_agent_in_python(street: Any, placement: str) -> None:
    text = section("extending.md", "Coordinators and agents")
    (street.folder / "heaters_agent.py").write_text(program(text), encoding="utf-8")
    kind = "heaters_agent:HeatersAgent"
    keys = {"controls": "heaters", "a": 50, "b": 700, "placement": placement}
    require_filled(street.run(alone(street, "heating", {"type": kind, **keys})))
    sys.modules.pop("heaters_agent")


def test_an_agent_as_a_program(street: Any) -> None:
    text = section("external-simulators.md", "An agent, too")
    (street.folder / "heaters_agent.py").write_text(program(text), encoding="utf-8")
    yaml = "\n".join(re.findall(r"^    .*$", text.partition("```")[0], flags=re.MULTILINE))
    ((name, agent),) = YAML(typ="safe").load(dedent(yaml))["controllers"].items()
    require_filled(street.run(alone(street, name, agent)))


def test_the_attributes_are_those_of_the_signals() -> None:
    from gridloom.controllers.external_agent import NEGOTIATED

    table = section("external-simulators.md", "An agent, too").partition("|---|")[2]
    named = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    assert {each for cell in named for each in re.findall(r"`(\w+)`", cell)} == set(NEGOTIATED)
