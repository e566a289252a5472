"""Trees of nets from networks: their limits, what is within what, and whose houses are where.

Where a network is pandapower's, its own tables and topology say what is expected; in the hand-made
one it is told from its drawing.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.controllers.drive.grid_nets import Congestion, nets_of
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.negotiation.terms import Net
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext

HOUSES = ("h1", "h2", "h3", "h4", "h5", "h6")
INF = np.inf


@pytest.fixture(scope="session")
def grid_named(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Grid]:
    """Make a grid from its keys `phases` and `network`."""

    def make(phases: str = "balanced", **network: str) -> Grid:
        context = BuildContext(
            name="grid",
            start=datetime(2024, 1, 1, tzinfo=UTC),
            duration_s=3600,
            seed=1,
            folders=(tmp_path_factory.getbasetemp(),),
        )
        return Grid(
            GridConfig.model_validate({"type": "grid", "network": network, "phases": phases}),
            context,
        )

    return make


@pytest.fixture(scope="module")
def two_feeders(grid_named: Callable[..., Grid], two_feeders_file: Path) -> Grid:
    return grid_named(file=str(two_feeders_file))


@pytest.fixture(scope="module")
def village(grid_named: Callable[..., Grid]) -> Grid:
    return grid_named(name="kb_extrem_dorfnetz_trafo")


def nets(grid: Grid | None, *customers: str, apart: bool = False, **keys: Any) -> Any:
    return nets_of(customers or HOUSES, grid, Congestion(**keys), apart=apart)


def within(tree: NetTree) -> dict[str, str]:
    """Return the name of the net around each."""
    return {
        name: tree.names[above] if above >= 0 else ""
        for name, above in zip(tree.names, tree.parent, strict=True)
    }


def limits(tree: NetTree) -> dict[str, float]:
    np.testing.assert_array_equal(tree.import_limit_kw, tree.export_limit_kw)
    return dict(zip(tree.names, tree.import_limit_kw.tolist(), strict=True))


def members(parts: tuple[Net, ...]) -> dict[str, set[str]]:
    assert len({net.name for net in parts}) == len(parts)
    return {net.name: set(net.points) for net in parts}


def refusal(grid: Grid | None, *customers: str, apart: bool = False, **keys: Any) -> Problem:
    with pytest.raises(ScenarioError) as caught:
        nets(grid, *customers, apart=apart, **keys)
    (problem,) = caught.value.problems
    return problem


class TestTwoFeeders:
    def test_heads_are_lines_of_several_houses_weaker_than_all_above(
        self, two_feeders: Grid
    ) -> None:
        """Ratings of 26, 15 and 15 kVA less a tenth; the weak line supplies a single house."""
        tree, parts = nets(two_feeders)
        assert within(tree) == {
            "community": "",
            "trafo": "community",
            "north": "trafo",
            "south": "trafo",
        }
        expected = {"community": INF, "trafo": 23.4, "north": 13.5, "south": 13.5}
        assert limits(tree) == pytest.approx(expected)
        assert members(parts) == {"north": {"h1", "h2", "h3"}, "south": {"h4", "h5", "h6"}}

    def test_all_lines(self, two_feeders: Grid) -> None:
        tree, parts = nets(two_feeders, points="all", margin=0.0)
        assert within(tree) == {
            "community": "",
            "trafo": "community",
            "north": "trafo",
            "south": "trafo",
            "south, other": "south",
            "weak": "south",
        }
        told = limits(tree)
        assert told["south, other"] == INF
        assert (told["trafo"], told["weak"]) == pytest.approx((26.0, 7.0))
        assert members(parts) == {
            "north": {"h1", "h2", "h3"},
            "south, other": {"h4", "h5"},
            "weak": {"h6"},
        }

    def test_those_named(self, two_feeders: Grid) -> None:
        tree, parts = nets(two_feeders, points=["weak", "north"])
        assert within(tree) == {
            "community": "",
            "community, other": "community",
            "north": "community",
            "weak": "community",
        }
        assert members(parts) == {
            "community, other": {"h4", "h5"},
            "north": {"h1", "h2", "h3"},
            "weak": {"h6"},
        }

    def test_a_limit_that_is_granted_replaces_the_rating_and_makes_a_point(
        self, two_feeders: Grid
    ) -> None:
        """No margin is taken off it; other points stay, though the transformer is now weaker."""
        tree, parts = nets(two_feeders, limits_kw={"trafo": 13.0, "weak": 4.0})
        expected = {"community": INF, "trafo": 13.0, "north": 13.5}
        expected |= {"south": 13.5, "south, other": INF, "weak": 4.0}
        assert limits(tree) == pytest.approx(expected)
        assert within(tree)["weak"] == "south"
        assert members(parts)["south, other"] == {"h4", "h5"}

    def test_customers_may_be_some_of_the_points(self, two_feeders: Grid) -> None:
        """South then supplies but one of them, and is no head; who is no customer is in no net."""
        tree, parts = nets(two_feeders, "h1", "h3", "h6")
        assert within(tree) == {
            "community": "",
            "trafo": "community",
            "trafo, other": "trafo",
            "north": "trafo",
        }
        assert members(parts) == {"trafo, other": {"h6"}, "north": {"h1", "h3"}}

    def test_a_point_without_customers_is_left_out(self, two_feeders: Grid) -> None:
        tree, parts = nets(two_feeders, "h1", "h2", points=["south", "north"])
        assert tree.names == ("community", "north")
        assert members(parts) == {"north": {"h1", "h2"}}

    def test_no_points_is_one_net_for_all(self, two_feeders: Grid) -> None:
        tree, parts = nets(two_feeders, points=[])
        assert limits(tree) == {"community": INF}
        assert members(parts) == {"community": set(HOUSES)}

    @pytest.mark.parametrize("keys", [{"points": ["nort"]}, {"limits_kw": {"nort": 3.0}}])
    def test_a_name_that_is_not_in_the_grid(self, two_feeders: Grid, keys: Any) -> None:
        problem = refusal(two_feeders, **keys)
        assert problem.key == ("congestion", *keys)
        assert "'nort' is not in the grid" in problem.message
        assert problem.suggestion == "did you mean 'north'?"
        assert "weak" in problem.expected


class TestWithoutLimits:
    def test_a_community_is_one_net(self) -> None:
        tree, parts = nets_of(HOUSES, None, None, apart=False)
        assert limits(tree) == {"community": INF}
        assert members(parts) == {"community": set(HOUSES)}

    def test_households_are_a_net_each_that_shares_nothing(self) -> None:
        tree, parts = nets_of(HOUSES, None, None, apart=True)
        assert limits(tree) == dict.fromkeys(HOUSES, INF)
        assert tree.parent.tolist() == [-1] * 6
        assert members(parts) == {house: {house} for house in HOUSES}


class TestRefusals:
    def test_households_share_no_limits(self, two_feeders: Grid) -> None:
        problem = refusal(two_feeders, apart=True)
        assert (problem.key, problem.expected) == (("congestion",), "balances: community")

    def test_no_grid(self) -> None:
        problem = refusal(None)
        assert problem.key == ("congestion",)
        assert "type grid" in problem.expected

    def test_single_phases_that_are_told_apart(self, grid_named: Callable[..., Grid]) -> None:
        """Limits are of three phases together: the IEEE feeder's houses have one each."""
        apart = grid_named(name="ieee_european_lv", phases="unbalanced")
        problem = refusal(apart, *apart.connection_points)
        assert problem.key == ("congestion",)
        assert "single phases" in problem.message
        assert "phases: balanced" in problem.expected

    def test_a_meshed_grid(
        self, grid_named: Callable[..., Grid], two_feeders_net: Any, tmp_path: Path
    ) -> None:
        import pandapower

        ends = (two_feeders_net.bus.index[two_feeders_net.bus.name == n][0] for n in "nw")
        pandapower.create_line_from_parameters(two_feeders_net, *ends, 0.05, 0.2, 0.08, 0.0, 0.05)
        pandapower.to_json(two_feeders_net, str(tmp_path / "ring.json"))
        problem = refusal(grid_named(file=str(tmp_path / "ring.json")))
        assert problem.key == ("congestion",)
        assert "meshed" in problem.message
        assert "radial" in problem.expected


def supplied(net: Any, table: str, row: int) -> set[str]:
    """Return which houses lose their supply without a line or transformer; says pandapower."""
    from pandapower.topology import connected_component, create_nxgraph

    graph = create_nxgraph(net, include_out_of_service=False)
    whole = net[table].loc[row]
    ends = ("from_bus", "to_bus") if table == "line" else ("hv_bus", "lv_bus")
    graph.remove_edge(*(whole[end] for end in ends), key=(table, row))
    reached = set(connected_component(graph, net.ext_grid.bus.iloc[0]))
    return {f"load {load}" for load, bus in net.load.bus.items() if bus not in reached}


class TestVillage:
    """Kerber's extreme village network: 117 houses, a transformer of 250 kVA."""

    @pytest.fixture(scope="class")
    @staticmethod
    def net() -> Any:
        from pandapower.networks import kb_extrem_dorfnetz_trafo

        return kb_extrem_dorfnetz_trafo()

    def test_heads_are_its_feeders(self, village: Grid, net: Any) -> None:
        tree, parts = nets(village, *village.connection_points)
        told, rated_a = limits(tree), dict(zip(net.line.name, 1e3 * net.line.max_i_ka, strict=True))
        assert told.pop("trafo 1") == pytest.approx(0.9 * 1e3 * net.trafo.sn_mva[0])
        houses, where = members(parts), within(tree)
        assert houses.pop("trafo 1, other") == {"load 116"}  # a feeder with a single house
        for line, points in houses.items():
            (row,) = net.line.index[net.line.name == line]
            assert points == supplied(net, "line", row)
            assert told[line] == pytest.approx(0.9 * np.sqrt(3) * 0.4 * rated_a[line])
            assert where[line] == "trafo 1"
        assert set().union(*houses.values()) | {"load 116"} == set(village.connection_points)
        assert len(houses) == 8

    def test_all_lines_nest_as_they_do_in_the_network(self, village: Grid, net: Any) -> None:
        """Of three houses on one feeder, and of one on another: sets by cutting each line."""
        customers = ("load 0", "load 1", "load 2", "load 110")
        tree, parts = nets(village, *customers, points="all")
        in_all = {name: set[str]() for name in tree.names}
        for part in parts:
            place = tree.names.index(part.name)
            while place >= 0:
                in_all[tree.names[place]] |= set(part.points)
                place = int(tree.parent[place])
        rows = {name: row for row, name in net.line.name.items()}
        lines = [name for name in tree.names if name in rows]
        assert len(lines) >= 6
        for name in lines:
            assert in_all[name] == supplied(net, "line", rows[name]) & set(customers)
        assert in_all["trafo 1"] == set(customers)


@pytest.mark.slow
def test_a_line_in_series_with_a_larger_transformer(grid_named: Callable[..., Grid]) -> None:
    """The IEEE European LV feeder: 55 houses behind its first cable and 800 kVA."""
    grid = grid_named(name="ieee_european_lv")
    tree, parts = nets(grid, *grid.connection_points)
    assert within(tree) == {"community": "", "LINE1": "community"}
    line = grid_constants(grid)["LINE1"]
    assert limits(tree)["LINE1"] == pytest.approx(0.9 * np.sqrt(3) * 0.416 * line)
    assert members(parts) == {"LINE1": set(grid.connection_points)}


def grid_constants(grid: Grid) -> dict[str, float]:
    """Return the rated current of each line, as the grid declares it."""
    told = {variable.name: variable.values for variable in grid.static()}
    names = next(p.elements.names for p in grid.ports if p.name == "line_current_a")  # type: ignore[union-attr]
    return dict(zip(names, np.asarray(told["line_rated_current_a"]).tolist(), strict=True))
