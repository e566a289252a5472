"""The model `OpenDss`: ports, where it stands in for `Grid`, and the shipped scenario."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext, Direction
from gridloom.simulators.opendss.config import OpenDssConfig
from gridloom.simulators.opendss.simulator import OpenDss

SCENARIO = Path(__file__).resolve().parents[3] / "scenarios" / "library" / "opendss.yaml"


def test_importing_the_model_is_light() -> None:
    code = (
        "import sys, gridloom.simulators.opendss.simulator;"
        "print([m for m in ('dss', 'pandapower', 'pandas', 'power_grid_model', 'scipy')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["type", "engine"])
def test_without_the_package_it_says_what_to_install(
    kind: str, context: BuildContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dss", None)  # what an absent package looks like
    keys = {"network": {"name": "simple_four_bus_system"}}
    build: Callable[[], Grid]
    if kind == "type":
        own = OpenDssConfig.model_validate({"type": "opendss", **keys})
        build = partial(OpenDss, own, context)
    else:
        config = GridConfig.model_validate({"type": "grid", "engine": "opendss", **keys})
        build = partial(Grid, config, context)
    with pytest.raises(ScenarioError) as raised:
        build()
    (problem,) = raised.value.problems
    assert problem.key == (kind,)
    assert "dss-python" in problem.message
    assert "gridloom[opendss]" in problem.suggestion


@pytest.mark.parametrize("phases", ["balanced", "unbalanced"])
def test_it_stands_in_for_the_grid(phases: str, context: BuildContext) -> None:
    """The same ports, constants and outputs, but for the solver's name."""
    keys = {
        "network": {"name": "ieee_european_lv"},
        "phases": phases,
        "line_ratings_a": {"LINE117": 65},
    }
    grid = Grid(GridConfig.model_validate({"type": "grid", **keys}), context)
    other = OpenDss(OpenDssConfig.model_validate({"type": "opendss", **keys}), context)
    assert other.offers_connection_points
    assert other.connection_points == grid.connection_points
    assert other.ports == grid.ports
    for one, two in zip(grid.static(), other.static(), strict=True):
        assert one.name == two.name
        np.testing.assert_array_equal(one.values, two.values)
    power = np.random.default_rng(8).uniform(-3, 6, 55)
    inputs = {"power_kw": power, "reactive_power_kvar": power / 4}
    found, expected = other.step(0, inputs), grid.step(0, inputs)
    assert found.keys() == expected.keys()
    for port in other.ports:
        if port.direction is Direction.OUTPUT:
            assert found[port.name].shape == port.shape
            np.testing.assert_allclose(
                found[port.name], expected[port.name], rtol=1e-6, atol=1e-3, err_msg=port.name
            )
    np.testing.assert_allclose(found["voltage_pu"], expected["voltage_pu"], rtol=0, atol=1e-6)


def test_the_shipped_scenario_compares_two_solvers() -> None:
    document = read_scenario(SCENARIO)
    assert list(document.variants) == ["opendss", "power-grid-model"]
    ours, theirs = (document.scenario(name).resolved() for name in document.variants)
    grids = ours["simulators"].pop("grid"), theirs["simulators"].pop("grid")
    differing = {key for key in grids[0] | grids[1] if grids[0].get(key) != grids[1].get(key)}
    assert differing == {"type", "engine"}
    ours.pop("variant")
    theirs.pop("variant")
    assert ours == theirs
