"""Which runs are of one case, and what the refusal says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from gridloom.scenarios.results.comparison import compared_run
from gridloom.scenarios.results.comparison.case import case_differences, differing_controls
from gridloom.simulators.errors import RecordError, ScenarioError


def test_only_what_is_not_the_schemes_makes_the_case() -> None:
    base = {
        "name": "street",
        "variant": "basic",
        "seed": 1,
        "step_size": "1s",
        "record": {"float32": False},
        "controllers": {"charging": {"type": "basic"}},
        "couplings": [{"from": "pv.power_kw", "to": "grid.power_kw"}],
    }
    other = {
        **base,
        "name": "road",
        "variant": "amas",
        "title": "Another",
        "step_size": "1min",
        "record": {"float32": True},
        "controllers": {"agents": {"type": "amas", "gain": 0.1}},
        "couplings": [
            {"from": "pv.power_kw", "to": "grid.power_kw"},
            {"from": "agents.power_setpoint_kw", "to": "ev.power_setpoint_kw"},
        ],
    }
    assert case_differences({"basic": base, "amas": other}) == []


def test_differences_name_key_and_values() -> None:
    found = case_differences(
        {
            "cold": {"seed": 1, "simulators": {"ev": {"rated_power_kw": 7}}},
            "mild": {"seed": 1, "simulators": {"ev": {"rated_power_kw": 7}}},
            "warm": {"seed": 2, "simulators": {"ev": {}, "pv": {"area_m2": 10}}},
        }
    )
    assert found == [
        "seed is 1 in 'cold' and 2 in 'warm'",
        "simulators.ev.rated_power_kw is 7 in 'cold' and none in 'warm'",
        "simulators.ev is none in 'cold' and {} in 'warm'",
        "simulators.pv.area_m2 is none in 'cold' and 10 in 'warm'",
    ]


def test_many_differences_are_counted() -> None:
    scenarios = {"a": {f"k{i}": 0 for i in range(9)}, "b": {f"k{i}": 1 for i in range(9)}}
    found = case_differences(scenarios, most=2)
    assert found == ["k0 is 0 in 'a' and 1 in 'b'", "k1 is 0 in 'a' and 1 in 'b'", "and 7 more"]


def test_controllers_are_told_apart_by_what_differs() -> None:
    scenarios = [
        {"controllers": {"c": {"type": "amas", "gain": 0.1, "rule": "literal"}}},
        {"controllers": {"c": {"type": "amas", "gain": 0.2, "rule": "literal"}}},
    ]
    assert differing_controls(scenarios) == ["gain=0.1", "gain=0.2"]


def test_runs_of_different_cases_are_refused(scheme: Any, compare: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        compare(scheme("basic"), scheme("amas", "amas", changes={"seed": 8}))
    (problem,) = caught.value.problems
    assert "seed is 7 in 'basic' and 8 in 'amas'" in problem.message
    assert "--anyway" in problem.suggestion


def test_anyway_compares_different_cases_and_says_so(scheme: Any, compare: Any) -> None:
    found = compare(scheme("basic"), scheme("amas", "amas", changes={"seed": 8}), anyway=True)
    assert found.warnings == (
        "The runs are not of one case: seed is 7 in 'basic' and 8 in 'amas'.",
    )


def test_a_run_that_failed_is_refused_unless_wanted(scheme: Any, compare: Any) -> None:
    failed = scheme("amas", "amas", attributes={"failure": "no solution"})
    failed["run_status"] = xr.DataArray(np.int8(2))
    with pytest.raises(ScenarioError, match="failed: no solution"):
        compare(scheme("basic"), failed)
    (warning,) = compare(scheme("basic"), failed, anyway=True).warnings
    assert warning.startswith("The run 'amas' is not complete")


def test_all_objections_are_told_at_once(scheme: Any, compare: Any) -> None:
    failed = scheme("amas", "amas", changes={"seed": 8})
    failed["run_status"] = xr.DataArray(np.int8(3))
    with pytest.raises(ScenarioError) as caught:
        compare(scheme("basic"), failed)
    assert len(caught.value.problems) == 2


def test_one_run_has_nothing_to_compare_with(scheme: Any, compare: Any) -> None:
    with pytest.raises(ScenarioError, match="1 run given"):
        compare(scheme("basic"), anyway=True)


def test_other_inputs_behind_the_same_scenario_are_noticed(scheme: Any, compare: Any) -> None:
    """Another content of a file does not show in the scenario, but in what its model did."""
    other = scheme("amas", "amas")
    other["load"]["power_kw"] = other["load"]["power_kw"] * 1.01
    (warning,) = compare(scheme("basic"), other).warnings
    assert warning.startswith("'load' did not do the same in 'basic' and 'amas'")


def test_what_controllers_steer_may_differ(scheme: Any, compare: Any) -> None:
    other = scheme("amas", "amas")
    other["ev"]["power_kw"] = other["ev"]["power_kw"] * 0.5
    assert compare(scheme("basic"), other).warnings == ()


def test_runs_recorded_differently_say_so(scheme: Any, compare: Any) -> None:
    other = scheme("amas", "amas")
    for name in ("grid", "ev"):
        other[name].attrs |= {"step_size_s": 900, "model_step_size_s": 1}
    (warning,) = compare(scheme("basic"), other).warnings
    assert warning.startswith(
        "'basic' and 'amas' are recorded differently ('grid': a row for each step and rows of "
        "15 min): indicators that are said to be of means"
    )


def test_labels_are_variants(scheme: Any, compare: Any) -> None:
    assert compare(scheme("basic"), scheme("amas", "amas")).labels == ["basic", "amas"]


def test_runs_of_one_variant_are_told_apart(scheme: Any, compare: Any) -> None:
    records = [scheme("amas", "amas", settings={"gain": gain}) for gain in (0.1, 0.2, 0.2)]
    assert compare(*records).labels == [
        "amas (gain=0.1)",
        "amas (gain=0.2) (digest-amas) (1)",
        "amas (gain=0.2) (digest-amas) (2)",
    ]


def test_a_record_of_nothing_is_refused(scheme: Any) -> None:
    with pytest.raises(RecordError, match="no results"):
        compared_run(scheme("basic", "basic", "nothing"), Path("r.h5"))


def test_the_same_runs_go_to_the_same_folder(scheme: Any, compare: Any) -> None:
    one, other = scheme("basic"), scheme("amas", "amas")
    name = compare(one, other).folder_name
    assert name.startswith("street-comparison-")
    assert compare(one, other).folder_name == name
    assert compare(other, one).folder_name != name
