"""The planner in the loop: what it plans is what happens, within what it may know."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.controllers.milp.config import MilpConfig
from gridloom.controllers.milp.controller import Milp
from gridloom.controllers.milp.planner import Planner
from gridloom.controllers.milp.solution import NoSolution, Status
from gridloom.simulators.errors import ScenarioError, SolveError
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import Information

KEY = "controllers.charging"


def at_departure(finished: Any) -> FloatArray:
    """Return state of charge less requirement of the vehicles that left within the run."""
    sessions = finished.composition.models["ev"].sessions
    left = sessions.departure_s <= 1800
    rows = sessions.departure_s[left].astype(int) // 10 - 1
    state = finished.outputs["ev"]["state_of_charge"][rows, sessions.charging_point[left]]
    short: FloatArray = state - sessions.required_state_of_charge[left]
    return short


def test_what_is_planned_is_what_happens(run_street: Callable[..., Any]) -> None:
    """With perfect foresight and means kept by the fleet, the plan's objective is the bill."""
    finished = run_street(f"{KEY}.objective=cost")
    planned = finished.outputs["charging"]["solve_objective_eur"][0]
    assert finished.cost_eur() == pytest.approx(planned, abs=1e-6)
    assert finished.outputs["charging"]["solve_status"][0] == 0.0


def test_vehicles_leave_with_what_they_need(run_street: Callable[..., Any]) -> None:
    assert (at_departure(run_street(f"{KEY}.objective=cost")) > -1e-6).all()


def test_without_terminal_condition_it_drains_who_leaves_later(
    run_street: Callable[..., Any],
) -> None:
    """Eq. (21) alone is best served by selling what the vehicle at load 3 needs at 17:40."""
    # By hand: 0.7 of 20 kWh less 8 kW for the 10 min after the run, at an efficiency of 0.95.
    reachable = 0.7 - 8 * 0.95 / 6 / 20
    drained = run_street(f"{KEY}.objective=cost", f"{KEY}.terminal=none")
    assert drained.outputs["ev"]["state_of_charge"][-1, 3] < reachable - 0.05
    kept = run_street(f"{KEY}.objective=cost")
    assert kept.outputs["ev"]["state_of_charge"][-1, 3] > reachable - 1e-6


def test_without_speculation_it_only_reduces_imbalances(
    run_street: Callable[..., Any], basic_text: str
) -> None:
    natural = run_street(text=basic_text).imbalance_kwh
    balanced = run_street(f"{KEY}.speculation=false").imbalance_kwh
    speculating = run_street().imbalance_kwh
    low, high = np.minimum(natural, 0) - 1e-6, np.maximum(natural, 0) + 1e-6
    assert ((low <= balanced) & (balanced <= high)).all()
    assert not ((low <= speculating) & (speculating <= high)).all()


def test_perfect_foresight_is_granted_by_name_only(street: Callable[..., Any]) -> None:
    perfect = street().models["charging"]
    assert perfect.granted == Milp.information | {Information.PERFECT}
    assert set(perfect.futures(60)) == {"load"}
    honest = street(f"{KEY}.foresight=forecast").models["charging"]
    assert honest.granted == Milp.information
    with pytest.raises(PermissionError):
        honest.futures(60)


def test_it_plans_as_often_as_told(run_street: Callable[..., Any]) -> None:
    finished = run_street(f"{KEY}.resolve_every=5min", f"{KEY}.resolve_on_arrival=false")
    told = finished.outputs["charging"]
    solved = np.isfinite(told["solve_status"])
    assert np.flatnonzero(solved).tolist() == [0, 5, 10, 15, 20, 25]
    assert (np.isfinite(told["solve_time_s"]) == solved).all()
    assert finished.composition.models["charging"].summary()["solves"] == 6
    # One message down to each of four charging points an interval, one up a plan.
    assert told["messages"].tolist() == [8.0 if s else 4.0 for s in solved]
    assert (told["message_bytes"] == 16 * told["messages"]).all()


def test_replanning_changes_nothing_when_nothing_is_uncertain(
    run_street: Callable[..., Any],
) -> None:
    once = run_street(f"{KEY}.objective=cost")
    again = run_street(f"{KEY}.objective=cost", f"{KEY}.resolve_every=5min")
    assert again.cost_eur() == pytest.approx(once.cost_eur(), abs=1e-5)


def test_forecasts_cost_more_than_knowing_but_nobody_is_left_behind(
    run_street: Callable[..., Any],
) -> None:
    honest = run_street(f"{KEY}.foresight=forecast", f"{KEY}.resolve_every=5min")
    perfect = run_street()
    assert (at_departure(honest) > -1e-6).all()
    value = 92.5e-3  # mean of the four prices
    assert honest.cost_eur() - value * honest.vehicle_energy_kwh() > (
        perfect.cost_eur() - value * perfect.vehicle_energy_kwh() - 1e-6
    )


def test_who_comes_unforeseen_waits_for_the_next_setpoint(run_street: Callable[..., Any]) -> None:
    """load 3 is taken at 190 s; without a new plan it then charges uncoordinated, if at all."""
    keys = (f"{KEY}.foresight=forecast", "simulators.ev.required_state_of_charge=0.9")
    power = run_street(*keys).outputs["ev"]["power_kw"]
    assert (power[19:24, 3] == 0).all()
    assert (power[24:60, 3] == 8.0).all()


def test_arrivals_bring_about_a_plan(run_street: Callable[..., Any]) -> None:
    told = run_street(f"{KEY}.foresight=forecast", f"{KEY}.resolve_every=15min").outputs["charging"]
    solved = np.flatnonzero(np.isfinite(told["solve_status"])).tolist()
    assert solved == [0, 4, 5, 15]  # load 3 comes at 190 s, load 2 at 300 s


def test_a_receding_horizon_is_enough_where_nothing_lies_beyond(
    run_street: Callable[..., Any],
) -> None:
    keys = (f"{KEY}.objective=cost", f"{KEY}.resolve_every=5min")
    whole = run_street(*keys)
    receding = run_street(*keys, f"{KEY}.horizon=30min")
    assert receding.cost_eur() == pytest.approx(whole.cost_eur(), abs=1e-5)


def test_it_tells_what_it_expects_of_the_grid(run_street: Callable[..., Any]) -> None:
    """Exact but for losses; currents and voltages of a short feeder are nearly linear."""
    finished = run_street()
    told, grid = finished.outputs["charging"], finished.outputs["grid"]

    def minutes(name: str) -> FloatArray:
        values = grid[name]
        means: FloatArray = values.reshape(30, 6, *values.shape[1:]).mean(axis=1)
        return means

    lossless = minutes("slack_power_kw") - minutes("losses_kw")
    assert told["planned_slack_power_kw"] == pytest.approx(lossless, abs=1e-6)
    assert told["planned_line_current_a"].shape == minutes("line_current_a").shape
    assert np.abs(told["planned_line_current_a"] - minutes("line_current_a")).max() < 4.0
    assert np.abs(told["planned_bus_voltage_pu"] - minutes("bus_voltage_pu")).max() < 2e-3
    total = told["planned_power_kw"].sum(axis=1)
    assert told["planned_slack_power_kw"] == pytest.approx(total, abs=1e-9)


def test_plans_are_checked_in_the_power_flow(run_street: Callable[..., Any]) -> None:
    """With perfect foresight a plan's means are the run's: of 10 s steps, nearly so in AC."""
    finished = run_street(f"{KEY}.resolve_every=10min")
    told, grid = finished.outputs["charging"], finished.outputs["grid"]
    solved = np.isfinite(told["solve_status"])
    for name in (
        "plan_line_loading_percent",
        "plan_transformer_loading_percent",
        "plan_voltage_low_pu",
        "plan_voltage_high_pu",
    ):
        assert (np.isfinite(told[name]) == solved).all()
    means = grid["line_loading_percent"].reshape(30, 6, -1).mean(axis=1).max(axis=1)
    assert told["planned_line_loading_percent"] == pytest.approx(means, abs=0.05)
    # The first plan is for the whole run.
    assert told["plan_line_loading_percent"][0] == pytest.approx(means.max(), abs=0.05)
    low_pu = grid["voltage_pu"].reshape(30, 6, -1).mean(axis=1).min()
    assert told["plan_voltage_low_pu"][0] == pytest.approx(low_pu, abs=1e-5)
    assert (told["plan_voltage_low_pu"][solved] < told["plan_voltage_high_pu"][solved]).all()
    summary = finished.composition.models["charging"].summary()
    assert summary["overloaded_plans"] == summary["unforeseen_overloads"] == 0


@pytest.mark.parametrize(
    ("key", "overloaded", "unforeseen"),
    [
        ("loading_limit=1", 2, 2),  # in AC, losses and the voltage's drop come on top
        ("loading_limit=0.9", 0, 0),
        ("network=none", 2, 0),
    ],
)
def test_overloads_that_plans_did_not_foresee_are_counted(
    run_street: Callable[..., Any], key: str, overloaded: int, unforeseen: int
) -> None:
    """The last of three plans is for two vehicles, which cannot overload the line."""
    finished = run_street(
        "simulators.grid.line_ratings_a={line_1_1: 22}",
        "simulators.market.position_kw=[30, 30]",
        f"{KEY}.resolve_every=10min",
        f"{KEY}.{key}",
    )
    summary = finished.composition.models["charging"].summary()
    assert summary["relaxed_solves"] == 0
    assert (summary["overloaded_plans"], summary["unforeseen_overloads"]) == (
        overloaded,
        unforeseen,
    )
    worst = finished.outputs["charging"]["plan_line_loading_percent"]
    assert np.count_nonzero(worst > 100) == overloaded


def test_checks_change_no_plan(run_street: Callable[..., Any]) -> None:
    """To the last bit; and nothing of them is told where they are not wanted."""
    keys = (f"{KEY}.foresight=forecast", f"{KEY}.resolve_every=10min")
    checked, unchecked = run_street(*keys), run_street(*keys, f"{KEY}.check_plans=false")
    assert checked.outputs["ev"].keys() == unchecked.outputs["ev"].keys()
    for name in ("ev", "grid"):
        for signal, values in checked.outputs[name].items():
            assert values.tobytes() == unchecked.outputs[name][signal].tobytes()
    told = checked.outputs["charging"].keys() - unchecked.outputs["charging"].keys()
    assert len(told) == 5
    assert "overloaded_plans" not in unchecked.composition.models["charging"].summary()


def test_limits_that_nothing_can_keep_are_relaxed_and_named(
    run_street: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="gridloom")
    finished = run_street(
        "simulators.grid.line_ratings_a={line_1_1: 5}",
        "simulators.load.power_factor=1",
        "simulators.ev.v2g=false",
    )
    told = finished.outputs["charging"]
    assert told["solve_status"][0] == 2.0
    # By hand: 2 kWh at 0.95 in 20 min are 6.3 kW; 0.95 of 5 A at 400 V leave 3.3 kW and less.
    missing_kwh = 2.0 - 0.95 * 3.3 / 3
    assert told["solve_relaxed"][0] > missing_kwh
    assert finished.composition.models["charging"].summary()["relaxed_solves"] == 1
    assert "load 0 leaves" in caplog.text
    # A vehicle gives way before a line does.
    assert finished.outputs["grid"]["line_loading_percent"].max() < 105


def test_without_any_plan_vehicles_charge_uncoordinated(
    run_street: Callable[..., Any], basic_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = NoSolution(status=Status.FAILED, cause="for the test", wall_s=0.0)
    monkeypatch.setattr(Planner, "solve", lambda *_: nothing)
    finished = run_street()
    assert finished.outputs["charging"]["solve_status"][0] == 3.0
    basic = run_street("controllers.charging.step_size=1min", text=basic_text)
    assert finished.outputs["ev"]["power_kw"] == pytest.approx(basic.outputs["ev"]["power_kw"])
    with pytest.raises(SolveError, match="for the test"):
        run_street(f"{KEY}.on_failure=stop")


@pytest.mark.slow
def test_equal_runs_whatever_the_hash_seed(tmp_path: Path) -> None:
    """All that is told but wall times, in two processes."""
    script = (
        "import hashlib, pathlib, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('c', {str(Path(__file__).parent / 'conftest.py')!r})\n"
        "c = u.module_from_spec(s); sys.modules['c'] = c; s.loader.exec_module(c)\n"
        "from gridloom.scenarios.reader import read_scenario\n"
        "from gridloom.scenarios.composition import compose\n"
        "p = pathlib.Path('street.yaml'); p.write_text(c.STREET)\n"
        "d = read_scenario(p, ['controllers.charging.foresight=forecast',\n"
        "                      'controllers.charging.resolve_every=10min'])\n"
        "r = c.run_composition(compose(d, d.scenario())).outputs\n"
        "h = hashlib.sha256()\n"
        "for m in sorted(r):\n"
        "    for n in sorted(r[m]):\n"
        "        if n != 'solve_time_s': h.update(r[m][n].tobytes())\n"
        "print(h.hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_scenario_is_validated_without_solvers(tmp_path: Path, street_text: str) -> None:
    path = tmp_path / "street.yaml"
    path.write_text(street_text)
    script = (
        "import sys\n"
        "from gridloom.scenarios.reader import read_scenario\n"
        f"read_scenario({str(path)!r})\n"
        "heavy = {'pyomo', 'highspy', 'pandapower', 'pandas', 'scipy', 'xarray'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def config(**keys: object) -> MilpConfig:
    return MilpConfig.model_validate({"type": "milp", "controls": "ev", **keys})


def test_it_steps_once_an_interval() -> None:
    assert config(step_size="1s").step_size == 60
    assert config(interval="5min").step_size == 300


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"interval": "60"}, "interval"),
        ({"resolve_every": "90s"}, "resolve_every is not a multiple"),
        ({"horizon": "1h"}, "needs resolve_every"),
        ({"horizon": "10min", "resolve_every": "20min"}, "before the next plan"),
        ({"loading_limit": 0}, "loading_limit"),
        ({"foresight": "clairvoyant"}, "foresight"),
    ],
)
def test_it_refuses_what_makes_no_sense(keys: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        config(**keys)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ((f"{KEY}.interval=25s",), "cut the steps"),
        ((f"{KEY}.interval=30min",), "do not divide settlement periods of 15min"),
        ((f"{KEY}.controls=load",), "controls"),
    ],
)
def test_it_refuses_what_does_not_fit(
    street: Callable[..., Any], overrides: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ScenarioError, match=told):
        street(*overrides)


def test_it_needs_a_market(street: Callable[..., Any], street_text: str) -> None:
    begin, end = street_text.index("  market:"), street_text.index("controllers:")
    with pytest.raises(ScenarioError, match="no market"):
        street(text=street_text[:begin] + street_text[end:])


def test_it_plans_without_a_grid(run_street: Callable[..., Any], street_text: str) -> None:
    begin, end = street_text.index("  grid:"), street_text.index("  load:")
    houses = "at: [load 0, load 1, load 2, load 3]"
    text = street_text[:begin] + street_text[end:]
    text = text.replace("type: load\n", f"type: load\n    {houses}\n")
    text = text.replace("type: ev_fleet\n", f"type: ev_fleet\n    {houses}\n")
    text = text.replace("imbalance_market\n", f"imbalance_market\n    {houses}\n")
    finished = run_street(f"{KEY}.objective=cost", text=text)
    planned = finished.outputs["charging"]["solve_objective_eur"][0]
    assert finished.cost_eur() == pytest.approx(planned, abs=1e-6)
    planner = finished.composition.models["charging"]
    assert planner.remarks() == ("there is no grid, whose limits plans could respect",)
    assert "planned_slack_power_kw" not in finished.outputs["charging"]
    assert "plan_line_loading_percent" not in finished.outputs["charging"]
