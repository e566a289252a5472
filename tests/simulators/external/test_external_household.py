"""mosaik-householdsim, unmodified from PyPI: houses that are children of one entity."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import SimulatorError

Run = Callable[..., dict[str, dict[str, Any]]]

# Two profiles in watts, a value every 15 min; three nodes of the grid `street` share them in turn.
PROFILES = """\
# meta
{"start_date": "2021-06-21 00:00", "resolution": 15, "unit": "W", "num_profiles": 2}
# id_list
{"street": ["node_1", "node_2", "node_3"],
 "other": ["node_9"]}
# attrs
num_hh,1,2
num_residents,2,5
# profiles
2021-06-21 00:00,210.5,1000
2021-06-21 00:15,220.25,1100
2021-06-21 00:30,230,1200
2021-06-21 00:45,240,1300
2021-06-21 01:00,250,1400
"""
TEXT = """
name: case
start: 2021-06-21T00:15:00+02:00
duration: 45min
step_size: 5min
simulators:
  load:
    type: external
    python: mosaik_components.household.mosaik:Simulator
    files: [profiles.txt]
    create:
      model: ResidentialLoads
      parameters: {sim_start: "{start}", profile_file: profiles.txt, grid_name: street}
    elements:
      house: {type: House, at: [a, b, c]}
    sends:
      power_kw: {name: P_out, unit: W}
      residents: {name: num_res}
    defines:
      residents: {unit: "1"}
"""
KILOWATTS = [[0.22025, 1.1, 0.22025], [0.23, 1.2, 0.23], [0.24, 1.3, 0.24]]
"""The rows from 00:15 on; the third house has the first profile again."""


# mosaik-householdsim leaves the closing of its file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path) -> Iterator[None]:
    pytest.importorskip("mosaik_components.household")
    (tmp_path / "profiles.txt").write_text(PROFILES)
    yield
    gc.collect()


def test_houses_draw_what_the_profiles_say(run: Run) -> None:
    load = run(TEXT)["load"]
    np.testing.assert_allclose(load["power_kw"], np.repeat(KILOWATTS, 3, axis=0), rtol=1e-15)
    assert load["residents"][-1].tolist() == [2, 5, 2]


def test_negative_loads_are_turned_round(run: Run) -> None:
    # pos_loads: false makes consumption negative: then generation counts positive there.
    text = TEXT.replace("    create:", "    parameters: {pos_loads: false}\n    create:")
    text = text.replace("unit: W", "unit: W, positive: generation")
    np.testing.assert_allclose(run(text)["load"]["power_kw"][0], KILOWATTS[0], rtol=1e-15)


def test_houses_can_be_named_one_by_one(run: Run) -> None:
    text = TEXT.replace("{type: House, at: [a, b, c]}", "{names: {House_1: x, House_0: y}}")
    assert run(text)["load"]["power_kw"][0].tolist() == pytest.approx([1.1, 0.22025], rel=1e-15)


def test_a_wrong_number_of_houses_is_said(problems: Callable[..., Any]) -> None:
    (problem,) = problems(TEXT.replace("at: [a, b, c]", "at: [a, b]"))
    assert problem.message == "the simulator created 3 entities of type 'House' for 2 elements"
    assert problem.key == ("simulators", "load", "elements", "house")
    assert problem.expected == "2 of them; it created 1 of 'ResidentialLoads', 3 of 'House'"


def test_an_unknown_grid_is_said_in_its_own_words(run: Run) -> None:
    with pytest.raises(SimulatorError) as caught:
        run(TEXT.replace("grid_name: street", "grid_name: stret"))
    assert caught.value.cause == 'ValueError: Invalid grid name "stret".'
    assert "as it says itself" in caught.value.__notes__[0]


def test_profiles_that_end_early_end_the_run(run: Run) -> None:
    with pytest.raises(SimulatorError) as caught:
        run(TEXT.replace("duration: 45min", "duration: 2h"))
    assert caught.value.time == 3600
    assert "out of range" in caught.value.cause


@pytest.mark.slow
def test_in_a_process_of_its_own_it_is_bit_equal(run: Run) -> None:
    there = run(TEXT.replace("    create:", "    placement: process\n    create:"))["load"]
    assert run(TEXT)["load"]["power_kw"].tobytes() == there["power_kw"].tobytes()
