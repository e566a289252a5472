"""Which branch supplies which bus: meshes, several sources, switches."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.simulators.grid.feeder import Feeder

nx: Any = pytest.importorskip("networkx")  # pandapower needs it

FeederOf: TypeAlias = Callable[..., Feeder]


def test_a_meshed_grid_is_supplied_along_the_least_impedance(feeder_of: FeederOf) -> None:
    """The CIGRE MV grid with its rings closed, two transformers from one source; networkx."""
    from pandapower.networks import create_cigre_network_mv

    net = create_cigre_network_mv(with_der=False)
    net.switch["closed"] = True
    feeder = feeder_of(net)
    tree = feeder.tree
    assert not tree.is_radial
    impedance = np.hypot(feeder.branch_resistance_pu_per_kw, feeder.branch_reactance_pu_per_kvar)
    graph = nx.MultiGraph()
    for branch, ends in enumerate(zip(feeder.branch_from, feeder.branch_to, strict=True)):
        graph.add_edge(*(int(end) for end in ends), weight=impedance[branch])
    shortest = nx.single_source_dijkstra_path_length(graph, int(feeder.source_bus[0]))
    walked = np.where(tree.depth > 0, impedance[tree.parent_branch[tree.order]], 0.0)
    for bus, distance in zip(tree.order, tree.path_sum(walked), strict=True):
        assert distance == pytest.approx(shortest[bus], rel=1e-12)
    assert len(tree.order) == len(feeder.bus_names)


def test_every_bus_belongs_to_the_nearest_of_two_sources(feeder_of: FeederOf) -> None:
    """Five equal lines in a row between two sources: the middle one is in no tree."""
    import pandapower

    net = pandapower.create_empty_network()
    for _ in range(6):
        pandapower.create_bus(net, vn_kv=0.4)
    for bus in range(5):
        pandapower.create_line_from_parameters(net, bus, bus + 1, 1.0, 0.3, 0.1, 0.0, 0.2)
    pandapower.create_load(net, 2, p_mw=0.0)
    for bus in (0, 5):
        pandapower.create_ext_grid(net, bus)
    tree = feeder_of(net).tree
    assert tree.downstream_sign.tolist() == [1.0, 1.0, 0.0, -1.0, -1.0]
    assert tree.order[tree.root].tolist() == [0, 0, 0, 5, 5, 5]
    assert not tree.is_radial


def test_switches_fuse_buses_and_open_lines(feeder_of: FeederOf, switched_net: Any) -> None:
    feeder = feeder_of(switched_net)
    assert feeder.bus_node.tolist() == [0, 0, 2]
    assert feeder.branch_in_service.tolist() == [True, False, True]
    assert feeder.tree.is_radial
    assert feeder.tree.order.tolist() == [0, 2]
    assert feeder.tree.parent_branch.tolist() == [-1, -1, 0]
    assert feeder.tree.parent_bus.tolist() == [-1, -1, 0]
    np.testing.assert_array_equal(feeder.branch_power(np.array([3.0])), [3.0, np.nan, 0.0])
    voltage = feeder.bus_voltage_pu(np.array([3.0]), np.zeros(1))
    np.testing.assert_allclose(voltage, [1.0, 1.0, 1.0 - 0.3 * 3000 / 400**2], rtol=1e-12)


def test_closing_the_ring_makes_it_meshed(feeder_of: FeederOf, switched_net: Any) -> None:
    switched_net.switch["closed"] = True
    assert not feeder_of(switched_net).tree.is_radial


def test_an_open_switch_between_buses_fuses_nothing(feeder_of: FeederOf, switched_net: Any) -> None:
    switched_net.switch["closed"] = False
    feeder = feeder_of(switched_net)
    assert feeder.bus_node.tolist() == [0, 1, 2]
    assert feeder.tree.parent_branch.tolist() == [2, -1, 0]


def test_a_chain_of_switches_fuses_all_its_buses(feeder_of: FeederOf) -> None:
    """Whatever the order of the switches; a bus out of service is not fused."""
    import pandapower

    net = pandapower.create_empty_network()
    for _ in range(8):
        pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, 7)
    pandapower.create_load(net, 7, p_mw=0.0)
    net.bus.loc[6, "in_service"] = False
    for one, other in ((5, 3), (1, 2), (4, 5), (2, 4), (6, 7), (0, 6)):
        pandapower.create_switch(net, one, other, et="b")
    feeder = feeder_of(net)
    assert feeder.bus_node.tolist() == [0, 1, 1, 1, 1, 1, 6, 7]
