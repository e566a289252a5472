"""The shipped scenarios, and the reference case against what is known of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridloom
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario, shipped_scenarios
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.grid.simulator import Grid


@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_shipped_scenarios_are_valid_and_titled(name: str) -> None:
    document = read_scenario(name)
    assert document.name == name
    assert document.title != name


@pytest.fixture(scope="module")
def first_minutes(
    tmp_path_factory: pytest.TempPathFactory, undrawn: Callable[[], AbstractContextManager[None]]
) -> Iterator[Any]:
    """Record of 16:00-16:13 of the basic variant."""
    out = tmp_path_factory.mktemp("outputs")
    with undrawn():
        (finished,) = gridloom.run(
            "ademis-2021", out=out, overrides=["duration=13min"], variant="basic"
        )
    with gridloom.open_record(finished.folder.record) as record:
        yield record


def test_the_case_is_the_papers() -> None:
    """Numbers of Zafar et al. (2021): 55 of each, 28 arrivals, 17 departures, 65 A on LINE117."""
    document = read_scenario("ademis-2021")
    models = compose(document, document.scenario("basic")).models
    grid, ev = models["grid"], models["ev"]
    assert isinstance(grid, Grid)
    assert isinstance(ev, EvFleet)
    line = grid.network.line_names.index("LINE117")
    assert (grid.network.line_from_bus[line], grid.network.line_to_bus[line]) == (114, 118)
    assert grid.network.line_rated_current_a[line] == 65.0
    assert len(grid.connection_points) == len(ev.elements) == len(ev.sessions) == 55
    arrives, departs = ev.sessions.arrival_s, ev.sessions.departure_s
    throughout = (arrives <= 0) & (departs > 3600) & (ev.sessions.arrival_state_of_charge >= 0.7)
    assert throughout.sum() == 27
    assert (departs < 3600).sum() == 17


def test_uncoordinated_charging_overloads_line_117(first_minutes: Any) -> None:
    """The reason for the case: 12 vehicles at 7 kW behind a line of 65 A."""
    current_a = first_minutes["grid"]["line_current_a"].sel(line="LINE117").to_numpy()[:, 0]
    assert current_a[60:600].min() > 65.0
    assert current_a[740:].max() < 65.0


def test_energy_balance_at_every_step(first_minutes: Any) -> None:
    """What the source supplies is what is consumed, less what is generated, plus losses."""
    grid = first_minutes["grid"]
    drawn = sum(first_minutes[m]["power_kw"].to_numpy().sum(axis=1) for m in ("load", "pv", "ev"))
    balance = grid["slack_power_kw"].to_numpy() - grid["losses_kw"].to_numpy() - drawn
    assert len(balance) == 780
    np.testing.assert_allclose(balance, 0.0, atol=1e-6)


def test_the_transformer_carries_what_the_source_supplies(first_minutes: Any) -> None:
    """Nothing else is connected there; loading by definition, over the nameplate's 800 kVA."""
    grid = first_minutes["grid"]
    apparent_kva = np.hypot(grid["slack_power_kw"], grid["slack_reactive_power_kvar"])
    loading_percent = grid["transformer_loading_percent"].to_numpy()[:, 0]
    np.testing.assert_allclose(loading_percent, 100 * apparent_kva / 800, rtol=1e-6)


@pytest.mark.usefixtures("no_figures")
def test_only_the_flexible_part_depends_on_the_controller(tmp_path: Path) -> None:
    """Load and PV come from the seed alone: the same in every variant that will be compared."""
    minute = ["duration=1min"]
    (basic,) = gridloom.run("ademis-2021", out=tmp_path, overrides=minute, variant="basic")
    (amas,) = gridloom.run("ademis-2021", out=tmp_path, overrides=minute, variant="amas")
    minute.append("simulators.grid.phases=unbalanced")
    (phases,) = gridloom.run("ademis-2021", out=tmp_path, overrides=minute, variant="basic")
    with (
        gridloom.open_record(basic.folder.record) as balanced,
        gridloom.open_record(amas.folder.record) as coordinated,
        gridloom.open_record(phases.folder.record) as unbalanced,
    ):
        for model in ("load", "pv"):
            for other in (coordinated, unbalanced):
                np.testing.assert_array_equal(balanced[model]["power_kw"], other[model]["power_kw"])
        assert not np.array_equal(balanced["ev"]["power_kw"], coordinated["ev"]["power_kw"])
        assert unbalanced["grid"].sizes["phase"] == 3
        worst = unbalanced["grid"]["line_current_a"].sel(line="LINE117").max()
        assert float(worst) > float(balanced["grid"]["line_current_a"].sel(line="LINE117").max())
