"""What a grid must tell for its feeder to be known."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.network import Network, network_of

FeederOf: TypeAlias = Callable[..., Feeder]


def test_constants_that_are_not_told_are_named(feeder_of: FeederOf, switched_net: Any) -> None:
    with pytest.raises(ScenarioError, match="does not tell bus_node, line_reactance_ohm, so"):
        feeder_of(switched_net, "bus_node", "line_reactance_ohm")


@pytest.mark.parametrize("in_service", [True, False])
def test_three_winding_transformers_are_refused_in_service_only(
    feeder_of: FeederOf, switched_net: Any, in_service: bool
) -> None:
    import pandapower

    medium, high = (pandapower.create_bus(switched_net, vn_kv=kv) for kv in (10.0, 110.0))
    pandapower.create_transformer3w(
        switched_net, high, medium, 2, "63/25/38 MVA 110/20/10 kV", in_service=in_service
    )
    if not in_service:
        assert feeder_of(switched_net).tree.is_radial
        return
    with pytest.raises(ScenarioError, match="neither lines nor two-winding transformers"):
        feeder_of(switched_net)


def test_a_ratio_that_follows_a_table_is_refused(
    feeder_of: FeederOf, ieee_network: Network
) -> None:
    net = deepcopy(ieee_network.net)
    net.trafo["tap_dependency_table"] = True
    with pytest.raises(ScenarioError, match="does not tell transformer_ratio_pu of"):
        feeder_of(net)


def test_constants_that_contradict_each_other_are_refused(
    feeder_of: FeederOf, switched_net: Any
) -> None:
    network = network_of(switched_net)
    network.line_to_bus[0] = 3  # there are buses 0, 1 and 2
    with pytest.raises(ScenarioError, match="tells a line_to_bus that is no position of a bus"):
        feeder_of(network)
