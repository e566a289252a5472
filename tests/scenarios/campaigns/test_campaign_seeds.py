"""Which axes only repeat the experiment."""

from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.campaign import Campaign, read_campaign
from gridloom.simulators.errors import ScenarioError

POWER = "simulators.ev.rated_power_kw"


def campaign_of(folder: Path, axes: str) -> Campaign:
    path = folder / "study.yaml"
    path.write_text(f"name: study\nscenario: quickstart\n{axes}\n", encoding="utf-8")
    return read_campaign(path)


@pytest.mark.parametrize(
    "axis",
    [
        "{seeds: [1, 2, 3]}",
        "{key: seed, values: [1, 2, 3]}",
        "{key: seed, range: {from: 1, to: 3, step: 1}}",
        "{key: seed, values: {one: 1, two: 2, three: 3}}",
        "{points: [{seed: 1}, {seed: 2}, {seed: 3}]}",
    ],
)
def test_however_seeds_are_written_they_are_repetitions(tmp_path: Path, axis: str) -> None:
    campaign = campaign_of(tmp_path, f"axes: {{draw: {axis}}}")
    assert [each.is_seed for each in campaign.axes] == [True]
    assert [point.document.scenario().seed for point in campaign.points()] == [1, 2, 3]


@pytest.mark.parametrize(
    "axis",
    [
        f"{{key: {POWER}, values: [1, 2]}}",
        f"{{key: [seed, {POWER}], values: [1, 2]}}",
        f"{{points: [{{seed: 1, {POWER}: 3}}, {{seed: 2, {POWER}: 4}}]}}",
    ],
)
def test_who_changes_more_than_the_seed_repeats_nothing(tmp_path: Path, axis: str) -> None:
    campaign = campaign_of(tmp_path, f"axes: {{draw: {axis}}}")
    assert [each.is_seed for each in campaign.axes] == [False]


@pytest.mark.parametrize("value", ["-1", "often", "1.5", "true"])
def test_what_is_no_seed_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ScenarioError) as found:
        campaign_of(tmp_path, f"axes: {{draw: {{key: seed, values: [1, {value}]}}}}")
    (problem,) = found.value.problems
    assert problem.key == ("seed",)
    assert problem.location is not None
    assert problem.location.line == 3


@pytest.mark.parametrize("seeds", ["{seeds: 2}", "{key: seed, values: [5, 6]}"])
def test_seeds_are_not_walked_side_by_side_with_what_is_studied(tmp_path: Path, seeds: str) -> None:
    """Each power would have random numbers of its own, and nothing would be repeated."""
    axes: Any = f"axes: {{power: {{key: {POWER}, values: [3.7, 11]}}, draw: {seeds}}}"
    with pytest.raises(ScenarioError, match="axis 'draw' only repeats runs with other seeds"):
        campaign_of(tmp_path, f"{axes}\nzip: [[power, draw]]")
    assert len(campaign_of(tmp_path, axes)) == 4
