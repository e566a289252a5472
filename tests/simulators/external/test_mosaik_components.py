"""The shipped scenario with simulators of the mosaik ecosystem, and the tutorial's examples."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios import library
from gridloom.scenarios.reader import read_scenario

LIBRARY = Path(library.__file__).parent
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "external-simulators.md"

# mosaik-householdsim leaves the closing of its file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def column(name: str, begin: int) -> list[list[float]]:
    """Return the numbers of a shipped file, from the line with the first of them on."""
    lines = (LIBRARY / name).read_text().splitlines()[begin:]
    return [[float(number) for number in line.split(",")[1:]] for line in lines]


def test_the_shipped_scenario_computes_what_its_files_say(
    run_file: Callable[..., dict[str, dict[str, Any]]],
) -> None:
    for module in ("mosaik_csv", "mosaik_components.pv", "mosaik_components.household"):
        pytest.importorskip(module)
    sent = run_file(LIBRARY / "mosaik-components.yaml")
    gc.collect()
    irradiance = np.repeat(np.array(column("mosaik-components.weather.csv", 2))[:12, 0], 15)
    np.testing.assert_array_equal(sent["weather"]["dni_w_per_m2"], irradiance)
    loads = np.repeat(np.array(column("mosaik-components.households.csv", 8))[:12], 15, axis=0)
    np.testing.assert_allclose(sent["load"]["power_kw"], loads / 1000, rtol=1e-15)
    generation = -sent["pv"]["power_kw"]
    # No more than the sun gives on 30 m2 at 20 %, and all five roofs are alike.
    assert (generation >= 0).all()
    assert (generation <= 30 * 0.2 * irradiance[:, None] / 1000).all()
    assert generation[0].min() > 0.1
    assert (generation == generation[:, :1]).all()
    # The balance: what the transformer passes is what everybody draws, plus losses.
    drawn = sum(sent[name]["power_kw"].sum(axis=1) for name in ("pv", "load", "ev"))
    slack = sent["grid"]["slack_power_kw"].reshape(-1)
    np.testing.assert_allclose(slack, drawn + sent["grid"]["losses_kw"].reshape(-1), atol=1e-6)


def test_the_shipped_files_are_part_of_its_identity() -> None:
    scenario = read_scenario("mosaik-components").scenario()
    assert sorted(str(name) for _, name in scenario.input_files()) == [
        "mosaik-components.households.csv",
        "mosaik-components.weather.csv",
    ]


def _examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("place", range(5))
def test_the_tutorials_examples_are_valid(tmp_path: Path, place: int) -> None:
    examples = _examples()
    assert len(examples) == 5
    head = "name: example\nstart: 2022-01-18T11:00:00+01:00\nduration: 1h\nstep_size: 1min\n"
    path = tmp_path / "example.yaml"
    path.write_text(head + examples[place], encoding="utf-8")
    scenario = read_scenario(path).scenario()
    assert all(each.type.startswith("external") for each in scenario.simulators.values())
