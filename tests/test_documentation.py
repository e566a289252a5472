"""What the documentation shows is true: its examples are run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import gridloom
from gridloom.scenarios.campaigns.campaign import read_campaign
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.types import known_types

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def _modules() -> list[str]:
    return [
        "gridloom",
        *(m.name for m in pkgutil.walk_packages(gridloom.__path__, "gridloom.")),
    ]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def _in_readme(name: str, folder: Path) -> Path:
    """Write the README's file of this name."""
    examples = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    (example,) = (each for each in examples if each.startswith(f"name: {name}\n"))
    path = folder / f"{name}.yaml"
    path.write_text(example, encoding="utf-8")
    return path


def test_the_readmes_scenario_is_valid(tmp_path: Path) -> None:
    scenario = read_scenario(_in_readme("my-street", tmp_path)).scenario()
    assert sorted(scenario.simulators) == ["ev", "grid", "load", "pv"]


def test_the_readmes_campaign_is_valid(tmp_path: Path) -> None:
    campaign = read_campaign(_in_readme("my-study", tmp_path))
    assert len(campaign) == 2 * 3 * 20
    assert campaign.point(120).document.scenario().variant == "amas"


def test_the_readmes_commands_exist() -> None:
    from gridloom.scenarios.cli import app

    commands = {
        each.name or each.callback.__name__ for each in app.registered_commands if each.callback
    }
    shown = set(re.findall(r"^    gridloom (\w+)", README, flags=re.MULTILINE))
    assert shown
    assert shown <= commands


@pytest.mark.parametrize("kind", ["simulators", "controllers"])
def test_every_type_says_what_it_is(kind: str) -> None:
    for entry_point in known_types(kind).values():  # type: ignore[arg-type]
        shipped = entry_point.load()
        assert shipped.__doc__
        for key, field in shipped.Config.model_fields.items():
            assert field.description or key == "type", f"{entry_point.name}: {key}"
