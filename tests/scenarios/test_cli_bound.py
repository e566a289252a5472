"""`gridloom bound` and `gridloom replay` as a user meets them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from gridloom.scenarios.bounds import ScenarioBounds, bounds_source, scenario_bounds
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.results.comparison.bounds import EnergyReference
from gridloom.simulators.errors import ScenarioError

Command: TypeAlias = Callable[..., tuple[int, str, str]]

STREET = """
name: street
start: 2021-06-21T17:00:00+02:00
duration: 15min
step_size: 30s
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}}
  load: {type: load, profile: {constant_kw: 1}}
  ev:
    type: ev_fleet
    v2g: true
    sessions:
      - {charging_point: load1, arrival: 0s, departure: 2h, arrival_state_of_charge: 0.6}
  market:
    type: imbalance_market
    position_kw: [4]
    prices: {shortage_eur_per_mwh: [100], surplus_eur_per_mwh: [60]}
variants:
  basic:
    controllers: {charging: {type: basic, controls: ev}}
  planned:
    controllers: {charging: {type: milp, controls: ev}}
"""


@pytest.fixture
def street(tmp_path: Path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(STREET)
    return path


@pytest.mark.parametrize("command", ["bound", "replay"])
def test_it_explains_itself(gridloom: Command, command: str) -> None:
    code, out, _ = gridloom(command, "--help")
    assert code == 0
    assert "--variant" in out


def test_bounds_are_printed_and_kept(gridloom: Command, street: Path, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "bounds.json"
    code, out, err = gridloom("bound", str(street), "--out", str(kept))
    assert (code, err) == (0, "")
    assert "energy-adjusted cost J without speculation" in out
    read = ScenarioBounds.read(kept)
    assert read == scenario_bounds(read_scenario(street), "basic")
    assert f"{read.bounds.energy_adjusted_cost_eur:.4f}" in out


def test_the_schedule_of_the_bound_is_checked(gridloom: Command, street: Path) -> None:
    """One vehicle and 1 kW a house in a grid for 200 kVA; then with ratings below that."""
    code, out, _ = gridloom("bound", str(street))
    assert code == 0
    told = " ".join(out.split())
    assert "A schedule that reaches J, in the AC power flow, means over 1min" in told
    assert "highest line loading" in told
    assert "It keeps the limits: the bound is attainable" in told
    ratings = "simulators.grid.line_ratings_a={line1: 1}"
    _, out, _ = gridloom("bound", str(street), "--set", ratings)
    assert "time with an overloaded line" in out
    assert "may not be attainable" in out


def test_bounds_of_before_schedules_were_checked_are_read(
    gridloom: Command, street: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "bounds.json"
    gridloom("bound", str(street), "--out", str(kept))
    new = ScenarioBounds.read(kept)
    content = json.loads(kept.read_text())
    del content["bounds"]["schedule"]
    kept.write_text(json.dumps(content))
    old = ScenarioBounds.read(kept)
    assert old.bounds == replace(new.bounds, schedule=None)
    assert new.certified().source == (
        old.certified().source
        + "; reached by a schedule that keeps the limits in the AC power flow"
    )
    content["bounds"]["schedule"] = {"x": 1}
    kept.write_text(json.dumps(content))
    with pytest.raises(ScenarioError, match="holds no bounds"):
        ScenarioBounds.read(kept)


def test_variants_share_their_bounds(street: Path) -> None:
    document = read_scenario(street)
    assert scenario_bounds(document, "basic") == scenario_bounds(document, "planned")


def test_comparisons_get_bounds_of_their_own_reference(street: Path, tmp_path: Path) -> None:
    """J moves with the reference's energy: 80 EUR/MWh on 2 kWh more are 0.16 EUR more."""
    source = bounds_source(read_scenario(street), tmp_path)
    plain = scenario_bounds(read_scenario(street), "basic").bounds
    assert plain.energy_value_eur_per_mwh == 80.0
    reference = EnergyReference(
        label="basic",
        price_eur_per_mwh=80.0,
        vehicle_energy_kwh=plain.uncoordinated_energy_kwh + 2.0,
    )
    moved = source(reference)
    assert moved is not None
    assert moved.energy_adjusted_cost_eur == pytest.approx(plain.energy_adjusted_cost_eur + 0.16)
    (kept,) = tmp_path.glob("street-bounds-*.json")
    written = kept.stat().st_mtime_ns
    assert source(reference) == moved
    assert kept.stat().st_mtime_ns == written


def test_another_price_is_another_bound(street: Path, tmp_path: Path) -> None:
    source = bounds_source(read_scenario(street), tmp_path)
    energy = scenario_bounds(read_scenario(street), "basic").bounds.uncoordinated_energy_kwh
    bounds = [
        source(EnergyReference(label="b", price_eur_per_mwh=price, vehicle_energy_kwh=energy))
        for price in (80.0, 50.0)
    ]
    assert bounds[0] != bounds[1]


def test_without_a_market_there_is_nothing_to_bound(
    gridloom: Command, street: Path, tmp_path: Path
) -> None:
    text = STREET[: STREET.index("  market:")] + STREET[STREET.index("variants:") :]
    street.write_text(text[: text.index("  planned:")])
    code, _, err = gridloom("bound", str(street))
    assert code == 2
    assert "no market" in err
    reference = EnergyReference(label="b", price_eur_per_mwh=1.0, vehicle_energy_kwh=1.0)
    assert bounds_source(read_scenario(street), tmp_path)(reference) is None


def test_a_plan_is_replayed(gridloom: Command, street: Path) -> None:
    code, out, err = gridloom("replay", str(street))
    assert (code, err) == (0, "")
    assert "street planned: plan in the AC power flow, means over 1min" in " ".join(out.split())
    assert "cosine similarity" in out
    assert "highest transformer loading" in out
    assert "lowest voltage" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay", "--variant", "basic"], "type milp"),
        (["replay", "--schedule", "absent.csv"], "absent.csv"),
        (["replay", "--interval", "1"], "duration with its unit"),
        (["bound", "--interval", "7min"], "divide"),
        (["bound", "--variant", "nobody"], "nobody"),
    ],
)
def test_mistakes_are_the_users(
    gridloom: Command, street: Path, arguments: list[str], told: str
) -> None:
    code, _, err = gridloom(arguments[0], str(street), *arguments[1:])
    assert code == 2
    assert told in err


def test_bounds_that_are_none_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "bounds.json"
    for content in ("", "[]", '{"bounds": {"x": 1}}'):
        wrong.write_text(content)
        with pytest.raises(ScenarioError, match="holds no bounds"):
            ScenarioBounds.read(wrong)


@pytest.mark.usefixtures("no_figures")
def test_compared_runs_are_measured_against_kept_bounds(
    gridloom: Command, street: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "bounds.json"
    gridloom("bound", str(street), "--out", str(kept))
    gridloom("run", str(street))
    runs = sorted(str(path.parent) for path in tmp_path.glob("outputs/*/record.h5"))
    assert len(runs) == 2
    _, without, _ = gridloom("compare", *runs)
    code, told, err = gridloom("compare", *runs, "--bounds", str(kept))
    assert (code, err) == (0, "")
    assert "gap closed" in told
    assert "gap closed" not in without
    code, _, err = gridloom("compare", *runs, "--bounds", str(kept), "--energy-price", "70")
    assert code == 2
    assert "80 EUR/MWh" in err
