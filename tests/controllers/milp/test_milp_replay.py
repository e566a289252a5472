"""Plans in the AC power flow: the measure of the paper, and where they go wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.milp.replay import cosine_similarity, injections, replay_plan
from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.scenarios.replaying import replay_scenario
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid import schedule
from gridloom.simulators.grid.choice import build_engine
from gridloom.simulators.grid.config import EngineName
from gridloom.simulators.grid.extremes import Extreme


@pytest.fixture
def document(tmp_path: Path, street_text: str) -> Callable[..., ScenarioDocument]:
    def read(*overrides: str, text: str = street_text) -> ScenarioDocument:
        path = tmp_path / "street.yaml"
        path.write_text(text, encoding="utf-8")
        return read_scenario(path, overrides)

    return read


def value(extreme: Extreme | None) -> float:
    assert extreme is not None
    return extreme.value


def test_similarity_is_that_of_the_shape() -> None:
    x = np.array([1.0, 2.0, np.nan, 2.0])
    assert cosine_similarity(x, 3 * x) == pytest.approx(1.0)
    assert cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(0.5**0.5)
    assert np.isnan(cosine_similarity(np.zeros(2), np.ones(2)))


def test_both_models_agree_on_an_idle_grid(street: Callable[..., Any]) -> None:
    """What is left is the transformer's magnetisation."""
    grid = street().models["grid"]
    replay = replay_plan(grid, np.zeros((4, 3)), np.zeros((4, 3)), interval_s=60)
    assert value(replay.current_error_a) < 0.1
    assert value(replay.voltage_error_pu) < 2e-4
    assert replay.check.slack_power_kw.max() < 1.0
    assert replay.check.verdict.unsolved == 0


def test_extremes_tell_where_and_when(
    street: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a single power flow of power-grid-model; more of them than fit into one batch."""
    monkeypatch.setattr(schedule, "_MOST_BYTES", 100_000)
    grid = street().models["grid"]
    engine = build_engine(EngineName.PGM, grid.network, unbalanced=False)
    power_kw = np.full((4, 1500), 2.0)
    power_kw[3, 1200] = 40.0
    replay = replay_plan(grid, power_kw, np.zeros_like(power_kw), interval_s=10)
    single = engine.solve(power_kw[:, 1200], np.zeros(4))
    loading = 100 * single.line_current_a[:, 0] / grid.network.line_rated_current_a
    worst = replay.check.verdict.line_loading_percent
    assert worst is not None
    assert replay.current_error_a is not None
    assert worst.value == pytest.approx(loading.max())
    assert worst.element == grid.network.line_names[int(loading.argmax())]
    assert worst.time_s == replay.current_error_a.time_s == 12000
    assert replay.check.slack_power_kw[1200] == pytest.approx(float(single.slack_power_kw))
    assert len(replay.linear_slack_kw) == 1500


def test_vehicles_draw_while_they_are_there(street: Callable[..., Any]) -> None:
    planner = street("simulators.load.scale=0").models["charging"]
    power_kw, _ = injections(planner.case, planner.futures(60), np.full((4, 30), 6.0))
    # By hand: load 2 from 5 to 25 min, load 3 from 190 s on.
    assert power_kw[2].tolist() == [0.0] * 5 + [6.0] * 20 + [0.0] * 5
    assert power_kw[3, :5] == pytest.approx([0, 0, 0, 5.0, 6.0])


def test_a_plan_is_nearly_what_the_power_flow_says(
    document: Callable[..., ScenarioDocument],
) -> None:
    replay = replay_scenario(document()).replay
    assert replay.cosine_similarity > 0.99  # the paper: 0.99018, with losses
    assert value(replay.current_error_a) < 4.0
    assert replay.check.verdict.keeps_limits


def test_finer_replays_show_what_means_hide(document: Callable[..., ScenarioDocument]) -> None:
    means = replay_scenario(document()).replay
    steps = replay_scenario(document(), interval_s=10).replay
    assert len(steps.check.slack_power_kw) == 6 * len(means.check.slack_power_kw)
    finer, coarser = (value(r.check.verdict.line_loading_percent) for r in (steps, means))
    assert finer >= coarser - 1e-9
    in_minutes = steps.linear_slack_kw.reshape(-1, 6).mean(axis=1)
    assert in_minutes == pytest.approx(means.linear_slack_kw, abs=1e-9)


def test_a_plan_written_to_a_file_is_the_same(
    document: Callable[..., ScenarioDocument], street: Callable[..., Any], tmp_path: Path
) -> None:
    planner = street().models["charging"]
    planned = planner.plan_ahead()
    setpoints = planned.foreseen.setpoints_kw(planned.plan)
    table = tmp_path / "plan.csv"
    header = "time_s,load 0,load 1,load 2,load 3"
    rows = np.column_stack([np.arange(30) * 60, setpoints.T])
    np.savetxt(table, rows, delimiter=",", header=header, comments="", fmt="%.12g")
    from_file = replay_scenario(document(), schedule=table)
    assert from_file.source == str(table)
    direct = replay_scenario(document()).replay
    assert from_file.replay.check.slack_power_kw == pytest.approx(
        direct.check.slack_power_kw, abs=1e-6
    )


def test_what_cannot_be_replayed_is_said(
    document: Callable[..., ScenarioDocument], basic_text: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match="type milp"):
        replay_scenario(document(text=basic_text))
    with pytest.raises(ScenarioError, match="no file"):
        replay_scenario(document(), schedule=tmp_path / "absent.csv")
    with pytest.raises(ScenarioError, match="does not fit"):
        replay_scenario(document(), interval_s=40)
    short = tmp_path / "short.csv"
    short.write_text("time_s,load 0\n0,1\n60,2\n")
    with pytest.raises(ScenarioError, match="load 1"):
        replay_scenario(document(), schedule=short)
