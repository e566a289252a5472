"""Feeders of any network, without a power flow behind them."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from typing_extensions import override

from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.network import Network, network_of
from gridloom.simulators.grid.static import static_variables
from gridloom.simulators.model import BuildContext, Inputs, Model, Outputs, Port, StaticVariable

FeederOf: TypeAlias = Callable[..., Feeder]


class Telling(Model):
    """A grid of which nothing is known but its constants."""

    def __init__(self, context: BuildContext, network: Network, *withheld: str) -> None:
        super().__init__(context, 1)
        self._told = tuple(
            told for told in static_variables(network, (0.9, 1.1)) if told.name not in withheld
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return ()

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._told

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        raise NotImplementedError


@pytest.fixture
def feeder_of(context: BuildContext) -> FeederOf:
    """Make the feeder of a network or pandapower net, from its constants but those withheld."""

    def make(network: Any, *withheld: str) -> Feeder:
        known = network if isinstance(network, Network) else network_of(network)
        return Feeder.of(Telling(context, known, *withheld))

    return make


@pytest.fixture
def switched_net() -> Any:
    """Source at 1, lines 1-2, 2-0 with an open switch and 0-1, load at 2, switch 0 beside 0-1."""
    import pandapower

    net = pandapower.create_empty_network()
    for _ in range(3):
        pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, 1)
    pandapower.create_load(net, 2, p_mw=0.0)
    for ends in ((1, 2), (2, 0), (0, 1)):
        pandapower.create_line_from_parameters(net, *ends, 1.0, 0.3, 0.1, 0.0, 0.2)
    pandapower.create_switch(net, 0, 1, et="b", closed=True)
    pandapower.create_switch(net, 2, 1, et="l", closed=False)
    return net
