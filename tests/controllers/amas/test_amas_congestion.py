"""Who hears which line, transformer and bus: against walks along the paths of small networks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.congestion import CongestionAgents, Relief
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray, Outputs

nx: Any = pytest.importorskip("networkx")  # pandapower needs it

FeederOf: TypeAlias = Callable[..., Feeder]
ConfigOf: TypeAlias = Callable[..., AmasConfig]

SEEDS = range(5)
RATED_KW = 7.0
CRITICAL_FROM = 0.8


def net_of(*lines: tuple[int, int], loads: list[int], rated_ka: float = 0.065) -> Any:
    """A 0.4 kV net with its source at bus 0, these lines and these loads."""
    import pandapower

    net = pandapower.create_empty_network()
    for _ in range(1 + max(max(ends) for ends in lines)):
        pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, 0)
    for ends in lines:
        pandapower.create_line_from_parameters(net, *ends, 0.1, 0.3, 0.1, 0.0, rated_ka)
    for bus in loads:
        pandapower.create_load(net, bus, p_mw=0.0)
    return net


def random_tree(seed: int, buses: int = 30) -> Any:
    """Lines in any direction, some without a rating, and loads at some buses, the source's too."""
    rng = np.random.default_rng(seed)
    ends = []
    for child in range(1, buses):
        pair = [child, max(0, child - int(rng.integers(1, 4)))]
        rng.shuffle(pair)
        ends.append((pair[0], pair[1]))
    net = net_of(*ends, loads=[0, *rng.choice(buses, 12).tolist()])
    net.line["max_i_ka"] = rng.choice([0.05, 0.065, 0.2, np.nan], len(net.line))
    return net


def quiet(feeder: Feeder, phases: int = 1) -> dict[str, FloatArray]:
    """Return what a grid without any load tells."""
    return {
        "line_current_a": np.zeros((feeder.lines, phases)),
        "line_power_kw": np.zeros((feeder.lines, phases)),
        "bus_voltage_pu": np.ones((len(feeder.bus_names), phases)),
        "transformer_loading_percent": np.zeros(feeder.transformers),
    }


def busy(feeder: Feeder, phases: int, rng: np.random.Generator) -> Outputs:
    """Return measurements of which some are critical."""
    told = quiet(feeder, phases)
    shape = (feeder.lines, phases)
    rated_a = np.nan_to_num(feeder.line_rated_current_a, nan=50.0)[:, np.newaxis]
    told["line_current_a"] = rated_a * rng.uniform(0.0, 1.1, shape)
    told["line_power_kw"] = rng.uniform(-10.0, 10.0, shape)
    told["bus_voltage_pu"] = rng.uniform(0.905, 1.095, (len(feeder.bus_names), phases))
    return told


def agents_of(feeder: Feeder, config: AmasConfig, points: list[int] | None = None) -> Any:
    at = np.arange(len(feeder.point_names)) if points is None else np.array(points)
    return CongestionAgents(feeder, at, config)


def everybody(feeder: Feeder) -> FloatArray:
    return np.full(len(feeder.point_names), RATED_KW)


def paths(feeder: Feeder) -> Iterator[list[tuple[int, int]]]:
    """Yield the way from the source to each point: (branch, lower bus) one after the other."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(feeder.bus_names)))
    for branch in range(len(feeder.branch_from)):
        ends = int(feeder.branch_from[branch]), int(feeder.branch_to[branch])
        graph.add_edge(*ends, branch=branch)
    for bus in feeder.point_bus:
        walk = nx.shortest_path(graph, int(feeder.source_bus[0]), int(bus))
        yield [(graph.edges[ends]["branch"], ends[1]) for ends in pairwise(walk)]


def above(loading: float) -> float:
    """Return (29) for one loading."""
    critical = (loading - CRITICAL_FROM) / (1.0 - CRITICAL_FROM)
    return 0.0 if np.isnan(critical) else min(max(critical, 0.0), 1.0)


def said_to(
    feeder: Feeder, told: Outputs, way: list[tuple[int, int]], phase: int
) -> tuple[list[float], list[float]]:
    """Return all that a vehicle hears on one phase: calls for less, and for more."""
    less, more = [0.0], [0.0]
    for line, bus in way:
        criticality = above(told["line_current_a"][line, phase] / feeder.line_rated_current_a[line])
        away = 1.0 if feeder.branch_to[line] == bus else -1.0
        downwards = told["line_power_kw"][line, phase] * away >= 0.0
        (less if downwards else more).append(criticality)
        voltage = told["bus_voltage_pu"][bus, phase]
        less.append(above((1.0 - voltage) / 0.1))
        more.append(above((voltage - 1.0) / 0.1))
    return less, more


class TestAgainstPathWalks:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_balanced(self, seed: int, feeder_of: FeederOf, config_of: ConfigOf) -> None:
        feeder = feeder_of(random_tree(seed))
        told = busy(feeder, 1, np.random.default_rng(seed))
        relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
        calls = messages = 0
        for point, way in enumerate(paths(feeder)):
            less, more = said_to(feeder, told, way, 0)
            assert relief.lower[point] == pytest.approx(max(less), abs=1e-12)
            assert relief.higher[point] == pytest.approx(max(more), abs=1e-12)
            calls += max(*less, *more) > 0.0
            messages += int(np.count_nonzero(less) + np.count_nonzero(more))
        assert calls > 3
        # One from each agent to each vehicle below it, and to each its first share.
        assert relief.messages == messages + len(feeder.point_names)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_vehicle_hears_its_own_phases_alone(
        self, seed: int, feeder_of: FeederOf, config_of: ConfigOf
    ) -> None:
        rng = np.random.default_rng(seed)
        feeder = feeder_of(random_tree(seed))
        connected = np.eye(3, dtype=bool)[rng.integers(0, 3, len(feeder.point_names))]
        connected[0] = True
        feeder = replace(feeder, point_phases=connected)
        told = busy(feeder, 3, rng)
        relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
        messages = len(feeder.point_names)
        for point, way in enumerate(paths(feeder)):
            phases = np.flatnonzero(connected[point]).tolist()
            own = [said_to(feeder, told, way, phase) for phase in phases]
            assert relief.lower[point] == pytest.approx(max(max(less) for less, _ in own))
            assert relief.higher[point] == pytest.approx(max(max(more) for _, more in own))
            messages += int(sum(np.count_nonzero([*less, *more]) for less, more in own))
        assert relief.messages == messages


class TestLines:
    """Source 0 to 1, from there to 2 (a line that points at 1) and to 3; loads at 1, 2 and 3."""

    @pytest.fixture
    def feeder(self, feeder_of: FeederOf) -> Feeder:
        return feeder_of(net_of((0, 1), (2, 1), (1, 3), loads=[1, 2, 3]))

    def hears(self, feeder: Feeder, config: AmasConfig, line: int, power_kw: float) -> Relief:
        told = quiet(feeder)
        told["line_current_a"][line] = 58.5  # half critical
        told["line_power_kw"][line] = power_kw
        relief: Relief = agents_of(feeder, config).hear(told, everybody(feeder))
        return relief

    def test_those_downstream_hear_it(self, feeder: Feeder, config_of: ConfigOf) -> None:
        whole = self.hears(feeder, config_of(), 0, 40.0)
        assert whole.lower == pytest.approx([0.5, 0.5, 0.5])
        branch = self.hears(feeder, config_of(), 2, 40.0)
        assert branch.lower == pytest.approx([0.0, 0.0, 0.5])
        assert not np.any([whole.higher, branch.higher])

    def test_the_flow_and_not_the_line_says_which_way(
        self, feeder: Feeder, config_of: ConfigOf
    ) -> None:
        # Line 1 points at the source: what it carries downstream is negative.
        imports = self.hears(feeder, config_of(), 1, -40.0)
        exports = self.hears(feeder, config_of(), 1, 40.0)
        assert imports.lower == pytest.approx([0.0, 0.5, 0.0])
        assert exports.higher == pytest.approx([0.0, 0.5, 0.0])
        assert not np.any([imports.higher, exports.lower])

    def test_a_rise_is_heard_a_step_ahead(self, feeder: Feeder, config_of: ConfigOf) -> None:
        agents = agents_of(feeder, config_of())
        told = quiet(feeder)
        for current_a, expected in ((48.5, 0.0), (58.5, 0.6), (58.5, 0.5), (57.2, 0.4)):
            # (29) 0.5 at 58.5 A, 0.4 at 57.2 A; (30) adds 0.01 for each of the 10 A risen.
            told["line_current_a"][2] = current_a
            heard = agents.hear(told, everybody(feeder))
            assert heard.lower == pytest.approx([0.0, 0.0, expected])

    def test_what_it_was_told_may_change_afterwards(
        self, feeder: Feeder, config_of: ConfigOf
    ) -> None:
        agents, told = agents_of(feeder, config_of()), quiet(feeder)
        agents.hear(told, everybody(feeder))
        told["line_current_a"] += 58.5  # in place: arrays may not be kept beyond a step
        assert agents.hear(told, everybody(feeder)).lower[0] == pytest.approx(1.0)

    def test_absent_vehicles_get_no_messages(self, feeder: Feeder, config_of: ConfigOf) -> None:
        agents, told = agents_of(feeder, config_of()), quiet(feeder)
        told["line_current_a"][0] = 60.0
        there = np.array([RATED_KW, 0.0, RATED_KW])
        # By hand: two are told their share and hear line 0; then only line 0; then one comes: it
        # and the others get new shares, and all three hear line 0.
        assert agents.hear(told, there).messages == 4
        assert agents.hear(told, there).messages == 2
        assert agents.hear(told, everybody(feeder)).messages == 6

    def test_an_unsolved_step_leaves_everybody_content(
        self, feeder: Feeder, config_of: ConfigOf
    ) -> None:
        agents = agents_of(feeder, config_of())
        unknown = {name: np.full_like(values, np.nan) for name, values in quiet(feeder).items()}
        overloaded = quiet(feeder)
        overloaded["line_current_a"][2] = 58.5
        for told, expected in ((overloaded, 0.5), (unknown, 0.0), (overloaded, 0.5)):
            relief = agents.hear(told, everybody(feeder))
            assert relief.lower == pytest.approx([0.0, 0.0, expected])
            assert not relief.higher.any()
            assert np.isfinite(relief.share).all()

    def test_charging_points_may_be_some_of_the_connection_points_in_any_order(
        self, feeder: Feeder, config_of: ConfigOf
    ) -> None:
        told = quiet(feeder)
        told["line_current_a"][2] = 58.5
        relief = agents_of(feeder, config_of(), [2, 0]).hear(told, np.full(2, RATED_KW))
        assert relief.lower == pytest.approx([0.5, 0.0])
        assert relief.messages == 3

    def test_a_line_without_listeners_speaks_to_nobody(
        self, feeder: Feeder, config_of: ConfigOf
    ) -> None:
        told = quiet(feeder, phases=3)
        told["line_current_a"][:] = 60.0
        relief = agents_of(feeder, config_of()).hear(told, np.zeros(3))
        assert relief.messages == 0
        assert relief.share.tolist() == [1.0, 1.0, 1.0]


class TestMesh:
    """A ring of three equal lines: both loads are one line from the source, the third is on no
    shortest path."""

    def test_the_shortest_path_says_who_is_downstream(
        self, feeder_of: FeederOf, config_of: ConfigOf
    ) -> None:
        feeder = feeder_of(net_of((0, 1), (0, 2), (1, 2), loads=[1, 2]))
        assert not feeder.tree.is_radial
        for line, expected in ((0, [0.5, 0.0]), (1, [0.0, 0.5]), (2, [0.0, 0.0])):
            told = quiet(feeder)
            told["line_current_a"][line] = 58.5
            told["line_power_kw"][line] = 40.0
            relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
            assert relief.lower == pytest.approx(expected)
            assert not relief.higher.any()


class TestTransformers:
    """Two transformers side by side, a line (2-4 and 5-3) and a load below each, and 4-6 below."""

    @pytest.fixture
    def feeder(self, feeder_of: FeederOf) -> Feeder:
        import pandapower

        net = pandapower.create_empty_network()
        for kv in (20.0, 20.0, 0.4, 0.4, 0.4, 0.4, 0.4):
            pandapower.create_bus(net, vn_kv=kv)
        pandapower.create_ext_grid(net, 0)
        for ends in ((0, 1), (2, 4), (5, 3), (4, 6)):
            pandapower.create_line_from_parameters(net, *ends, 0.1, 0.3, 0.1, 0.0, 0.2)
        for low in (2, 3):
            pandapower.create_transformer(net, 1, low, "0.4 MVA 20/0.4 kV")
        for bus in (4, 5):
            pandapower.create_load(net, bus, p_mw=0.0)
        return feeder_of(net)

    @pytest.mark.parametrize(("transformer", "line", "away"), [(0, 1, 1.0), (1, 2, -1.0)])
    def test_only_its_own_side_hears_it_and_the_lines_below_say_which_way(
        self, feeder: Feeder, config_of: ConfigOf, transformer: int, line: int, away: float
    ) -> None:
        own = [0.75 * (side == transformer) for side in range(2)]
        for power_kw, lower, higher in ((300.0, own, [0.0, 0.0]), (-300.0, [0.0, 0.0], own)):
            told = quiet(feeder)
            told["transformer_loading_percent"][transformer] = 95.0  # (95 - 80) / 20
            told["line_power_kw"][line] = away * power_kw
            told["line_power_kw"][[0, 3]] = -9.0 * power_kw  # neither above it nor further below
            relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
            assert relief.lower == pytest.approx(lower)
            assert relief.higher == pytest.approx(higher)
            assert relief.messages == 1 + 2

    def test_all_phases_hear_it(self, feeder: Feeder, config_of: ConfigOf) -> None:
        feeder = replace(feeder, point_phases=np.eye(3, dtype=bool)[[0, 2]])
        told = quiet(feeder, phases=3)
        told["transformer_loading_percent"][:] = 90.0
        relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
        assert relief.lower == pytest.approx([0.5, 0.5])


class TestBuses:
    """Source 0, line to 1, line to 2; loads at both."""

    @pytest.fixture
    def feeder(self, feeder_of: FeederOf) -> Feeder:
        return feeder_of(net_of((0, 1), (1, 2), loads=[1, 2]))

    @pytest.mark.parametrize(
        ("bus", "voltage_pu", "lower", "higher"),
        [
            (2, 0.91, [0.0, 0.5], [0.0, 0.0]),  # 90 % of the way to 0.9: (0.9 - 0.8) / 0.2
            (1, 0.91, [0.5, 0.5], [0.0, 0.0]),
            (1, 1.10, [0.0, 0.0], [1.0, 1.0]),
            (2, 1.07, [0.0, 0.0], [0.0, 0.0]),
            (0, 1.10, [0.0, 0.0], [0.0, 0.0]),  # nobody can relieve the source's bus
        ],
    )
    def test_low_voltage_calls_for_less_and_high_for_more(
        self,
        feeder: Feeder,
        config_of: ConfigOf,
        bus: int,
        voltage_pu: float,
        lower: list[float],
        higher: list[float],
    ) -> None:
        told = quiet(feeder)
        told["bus_voltage_pu"][bus] = voltage_pu
        relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
        assert relief.lower == pytest.approx(lower)
        assert relief.higher == pytest.approx(higher)


class TestShares:
    def test_by_hand(self, feeder_of: FeederOf, config_of: ConfigOf) -> None:
        """65 A at 0.4 kV are 45.033 kVA, the band is 9.007 kVA, half of it 4.503 kVA."""
        feeder = feeder_of(net_of((0, 1), (1, 2), loads=[1, 2]))
        agents = agents_of(feeder, config_of(line_step=0.5))
        relief = agents.hear(quiet(feeder), everybody(feeder))
        assert relief.share == pytest.approx([4.5033 / 14] * 2, rel=1e-4)
        relief = agents.hear(quiet(feeder), np.array([0.0, 2.0]))
        assert relief.share == pytest.approx([1.0, 1.0])  # 2 kW are less than 4.5 kVA

    def test_by_hand_on_one_phase(self, feeder_of: FeederOf, config_of: ConfigOf) -> None:
        """A phase has a third: 1.5011 kVA; on c nobody, on b a third of 7 kW."""
        feeder = feeder_of(net_of((0, 1), loads=[1, 1]))
        feeder = replace(feeder, point_phases=np.array([[1, 0, 0], [1, 1, 1]], dtype=bool))
        agents = agents_of(feeder, config_of(line_step=0.5))
        relief = agents.hear(quiet(feeder, phases=3), everybody(feeder))
        # On a 7 + 7/3 kW listen, on b and c 7/3 kW.
        assert relief.share == pytest.approx([1.5011 / (7 + 7 / 3)] * 2, rel=1e-4)

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("phases", [1, 3])
    def test_all_listeners_together_change_a_line_by_its_step_at_most(
        self, seed: int, phases: int, feeder_of: FeederOf, config_of: ConfigOf
    ) -> None:
        config = config_of()
        rng = np.random.default_rng(seed)
        feeder = feeder_of(random_tree(seed))
        count = len(feeder.point_names)
        connected = np.eye(3, dtype=bool)[rng.integers(0, 3, count)]
        feeder = replace(feeder, point_phases=connected)
        rated_kw = rng.choice([0.0, 3.7, 11.0, 22.0], count)
        relief = agents_of(feeder, config).hear(quiet(feeder, phases), rated_kw)
        changed_kw = np.zeros((feeder.lines, phases))
        grants = np.ones((count, phases))
        spread = connected if phases == 3 else np.ones((count, 1), dtype=bool)
        ways = [[line for line, _ in way] for way in paths(feeder)]
        step_kva = config.line_step * 0.2 * feeder.branch_rated_kva / phases
        listening_kw = np.zeros((feeder.lines, phases))
        for point, way in enumerate(ways):
            listening_kw[way] += rated_kw[point] * spread[point]
            changed_kw[way] += relief.share[point] * rated_kw[point] * spread[point]
        limited = np.isfinite(step_kva)
        assert (changed_kw <= step_kva[:, np.newaxis] + 1e-9)[limited].all()
        for point, way in enumerate(ways):
            known = [line for line in way if limited[line]]
            for phase in np.flatnonzero(spread[point]):
                behind = listening_kw[known, phase]
                tight = step_kva[known][behind > 0] / behind[behind > 0]
                grants[point, phase] = min([1.0, *tight])
        assert relief.share == pytest.approx(grants.min(axis=1))
        assert (relief.share < 1.0).any()

    def test_where_no_line_is_nobody_is_limited(
        self, feeder_of: FeederOf, config_of: ConfigOf
    ) -> None:
        feeder = feeder_of(net_of((0, 1), loads=[0]))
        told = quiet(feeder)
        told["line_current_a"][0] = 65.0
        relief = agents_of(feeder, config_of()).hear(told, everybody(feeder))
        assert (relief.share.tolist(), relief.lower.tolist()) == ([1.0], [0.0])
