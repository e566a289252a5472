"""Segments of feeders, against walks along the paths of random networks."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.network import Network, network_of

nx: Any = pytest.importorskip("networkx")  # pandapower needs it

FeederOf: TypeAlias = Callable[..., Feeder]

SEEDS = range(6)
SOURCE = 7
LINE117 = 116


@pytest.fixture(params=SEEDS)
def grown(request: pytest.FixtureRequest, feeder_of: FeederOf) -> Feeder:
    return feeder_of(random_tree(request.param))


@pytest.fixture
def ieee(feeder_of: FeederOf, ieee_network: Network) -> Feeder:
    return feeder_of(ieee_network)


def random_tree(seed: int, buses: int = 40) -> Any:
    """Lines in any direction, some out of service, unknown ratings, and a few loads."""
    import pandapower

    rng = np.random.default_rng(seed)
    net = pandapower.create_empty_network()
    names = rng.permutation(buses)
    for _ in names:
        pandapower.create_bus(net, vn_kv=0.4)
    for child in range(1, buses):
        ends = [int(names[child]), int(names[max(0, child - int(rng.integers(1, 4)))])]
        rng.shuffle(ends)
        pandapower.create_line_from_parameters(
            net,
            *ends,
            length_km=1.0,
            c_nf_per_km=0.0,
            r_ohm_per_km=rng.uniform(0.1, 1.0),
            x_ohm_per_km=rng.uniform(0.1, 1.0),
            max_i_ka=rng.choice([0.1, 0.2, 0.3, np.nan]),
            in_service=bool(rng.random() > 0.03),
        )
    pandapower.create_ext_grid(net, SOURCE)
    for bus in (SOURCE, *rng.choice(buses, 9)):  # some buses twice
        pandapower.create_load(net, int(bus), p_mw=0.0)
    return net


def paths_to_points(feeder: Feeder) -> list[list[int] | None]:
    """Return the branches from the source to each point, or None, as networkx finds them."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(feeder.bus_names)))
    for branch in np.flatnonzero(feeder.branch_in_service):
        ends = int(feeder.branch_from[branch]), int(feeder.branch_to[branch])
        graph.add_edge(*ends, branch=int(branch))
    paths: list[list[int] | None] = []
    for bus in feeder.point_bus:
        if not nx.has_path(graph, int(feeder.source_bus[0]), int(bus)):
            paths.append(None)
            continue
        walk: list[int] = nx.shortest_path(graph, int(feeder.source_bus[0]), int(bus))
        paths.append([graph.edges[ends]["branch"] for ends in pairwise(walk)])
    return paths


def chains(feeder: Feeder) -> dict[frozenset[int], list[int]]:
    """Return the branches by the set of points downstream of each, from the source outward."""
    downstream: dict[int, set[int]] = defaultdict(set)
    paths = paths_to_points(feeder)
    for point, path in enumerate(paths):
        for branch in path or ():
            downstream[branch].add(point)
    alike: dict[frozenset[int], list[int]] = defaultdict(list)
    for path in paths:
        for branch in path or ():
            chain = alike[frozenset(downstream[branch])]
            if branch not in chain:
                chain.append(branch)
    return alike


def test_the_tree_tells_the_way_to_the_source(grown: Feeder) -> None:
    tree = grown.tree
    assert tree.is_radial
    for place, bus in enumerate(tree.order.tolist()):
        assert tree.place[bus] == place
        branch = int(tree.parent_branch[bus])
        if bus == grown.source_bus[0]:
            assert (branch, tree.parent_bus[bus], tree.depth[place]) == (-1, -1, 0)
            continue
        ends = [int(grown.branch_from[branch]), int(grown.branch_to[branch])]
        downwards = ends if tree.downstream_sign[branch] > 0 else ends[::-1]
        assert downwards == [tree.parent_bus[bus], bus]
        assert tree.place[tree.parent_bus[bus]] < place
        assert tree.subtree_end[tree.place[tree.parent_bus[bus]]] >= tree.subtree_end[place]
    unsupplied = np.setdiff1d(np.arange(len(grown.bus_names)), tree.order)
    assert (tree.parent_branch[unsupplied] == -1).all()
    assert (tree.parent_bus[unsupplied] == -1).all()


def test_segments_are_branches_with_the_same_points_downstream(grown: Feeder) -> None:
    segments = grown.segments
    expected = chains(grown)
    assert len(segments) == len(expected)
    found = {
        frozenset(np.flatnonzero(segments.of_branch == segment).tolist())
        for segment in range(len(segments))
    }
    assert found == {frozenset(chain) for chain in expected.values()}
    for points, chain in expected.items():
        segment = int(segments.of_branch[chain[0]])
        rows = slice(segments.first[segment], segments.first[segment] + len(chain))
        assert segments.branches[rows].tolist() == chain
        ones = np.isin(np.arange(len(grown.point_names)), list(points)).astype(float)
        assert segments.subtree_sum(ones)[segment] == len(points)
        assert segments.resistance_pu_per_kw[segment] == pytest.approx(
            grown.branch_resistance_pu_per_kw[chain].sum()
        )
        assert segments.reactance_pu_per_kvar[segment] == pytest.approx(
            grown.branch_reactance_pu_per_kvar[chain].sum()
        )
        assert segments.ratio[segment] == 1.0
        rated = grown.branch_rated_kva[chain]
        if np.isnan(rated).all():
            assert np.isnan(segments.rated_kva[segment])
            assert segments.rating_branch[segment] == -1
        else:
            assert segments.rated_kva[segment] == np.nanmin(rated)
            assert segments.rating_branch[segment] == chain[int(np.nanargmin(rated))]


def test_paths_of_segments_are_the_paths_of_branches(grown: Feeder) -> None:
    segments = grown.segments
    for point, path in enumerate(paths_to_points(grown)):
        expected = list(dict.fromkeys(int(segments.of_branch[branch]) for branch in path or ()))
        segment, walked = int(segments.of_point[point]), []
        while segment >= 0:
            walked.append(segment)
            above = int(segments.parent[segment])
            assert above < segment  # parents come first
            here = grown.bus_node[grown.source_bus[0]] if above < 0 else segments.bottom_bus[above]
            assert segments.top_bus[segment] == here
            segment = above
        assert walked[::-1] == expected
        if walked:
            assert segments.bottom_bus[walked[0]] == grown.point_bus[point]


def test_maxima_along_paths(grown: Feeder) -> None:
    """NaN stands for nothing known: it never hides a value."""
    segments = grown.segments
    rng = np.random.default_rng(5)
    of_branches = rng.uniform(0.0, 1.0, (grown.lines, 3))
    of_branches[rng.random(grown.lines) < 0.2] = np.nan
    largest = segments.path_maximum(segments.over_branches(of_branches))
    for point, path in enumerate(paths_to_points(grown)):
        if path and not np.isnan(of_branches[path]).all():
            expected = np.nanmax(of_branches[path], axis=0)
            np.testing.assert_array_equal(largest[segments.of_point[point]], expected)


def test_flows_are_what_is_drawn_downstream(grown: Feeder) -> None:
    drawn = np.random.default_rng(6).uniform(-1.0, 1.0, (len(grown.point_names), 2))
    expected = np.where(grown.tree.downstream_sign[:, np.newaxis] == 0, np.nan, np.zeros(2))
    for point, path in enumerate(paths_to_points(grown)):
        for branch in path or ():
            expected[branch] += grown.tree.downstream_sign[branch] * drawn[point]
    np.testing.assert_allclose(grown.branch_power(drawn), expected, atol=1e-12)


def test_voltages_add_up_along_paths(grown: Feeder) -> None:
    """V = V0 - sum of (r P + x Q) / V0 over the path, walked branch by branch."""
    grown = replace(grown, source_voltage_pu=np.array([1.04]))
    points = len(grown.point_names)
    drawn = np.random.default_rng(7).uniform(-1.0, 1.0, (2, points))
    sign = grown.tree.downstream_sign
    flow, reactive = (sign * grown.branch_power(values) for values in drawn)
    voltage = grown.bus_voltage_pu(*drawn)
    r, x = grown.branch_resistance_pu_per_kw, grown.branch_reactance_pu_per_kvar
    for bus, path in zip(grown.point_bus, paths_to_points(grown), strict=True):
        drop = None if path is None else (r * flow + x * reactive)[path].sum() / 1.04
        expected = np.nan if drop is None else 1.04 - drop
        assert voltage[bus] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_the_reference_feeder(ieee: Feeder) -> None:
    """38 houses behind LINE117 = buses 114-118; at bus 280 13 go to LINE286 and 23 to LINE287.

    Counted in the test feeder's own OpenDSS files (IEEE PES, European LV Test Feeder).
    """
    segments = ieee.segments
    houses = segments.subtree_sum(np.ones(len(ieee.point_names)))
    assert ieee.tree.is_radial
    assert (ieee.lines, ieee.transformers) == (905, 1)
    assert (ieee.branch_from[LINE117], ieee.branch_to[LINE117]) == (114, 118)
    assert houses[segments.of_branch[LINE117]] == 38
    assert segments.of_branch[LINE117 + 1] == -1  # LINE118 feeds nothing
    assert houses.max() == 55
    split = np.flatnonzero(ieee.branch_from == 280)
    assert split.tolist() == [285, 286]  # LINE286 and LINE287
    assert houses[segments.of_branch[split]].tolist() == [13, 23]


def test_the_lowest_rating_of_the_trunk(feeder_of: FeederOf, ieee_network: Network) -> None:
    """LINE117 with the paper's 65 A, among lines with 421 A: sqrt(3) 0.416 kV 65 A = 46.83 kVA."""
    network = network_of(ieee_network.net, line_ratings_a={"LINE117": 65.0})
    feeder = feeder_of(network)
    segment = feeder.segments.of_branch[LINE117]
    assert feeder.segments.rating_branch[segment] == LINE117
    assert feeder.segments.rated_kva[segment] == pytest.approx(46.835, abs=1e-3)
    assert feeder.branch_rated_kva[feeder.lines] == pytest.approx(800.0)  # the transformer
