"""Which engine solves a network."""

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.config import EngineName
from gridloom.simulators.grid.engine import PowerFlowEngine
from gridloom.simulators.grid.network import Network


def build_engine(name: EngineName, network: Network, *, unbalanced: bool) -> PowerFlowEngine:
    """Return the engine of this name for a network.

    Raises:
        ScenarioError: the engine cannot solve this network.
    """
    return choose_engine(name, network, unbalanced=unbalanced)[0]


def choose_engine(
    name: EngineName, network: Network, *, unbalanced: bool
) -> tuple[PowerFlowEngine, str]:
    """Return the engine of this name for a network, and what to say of it, if anything.

    Raises:
        ScenarioError: the engine cannot solve this network.
    """
    if name in {EngineName.AUTO, EngineName.RADIAL}:
        return _radial_if_possible(name, network, unbalanced=unbalanced)
    if name is EngineName.PGM:
        from gridloom.simulators.grid.pgm import PowerGridModelEngine

        return PowerGridModelEngine(network, unbalanced=unbalanced), ""
    if name is EngineName.OPENDSS:
        from gridloom.simulators.opendss.engine import OpenDssEngine

        return OpenDssEngine(network, unbalanced=unbalanced), ""
    from gridloom.simulators.grid.pandapower import PandapowerEngine

    return PandapowerEngine(network, unbalanced=unbalanced), ""


def _radial_if_possible(
    name: EngineName, network: Network, *, unbalanced: bool
) -> tuple[PowerFlowEngine, str]:
    from gridloom.simulators.grid.conversion import convert
    from gridloom.simulators.grid.pgm import PowerGridModelEngine
    from gridloom.simulators.grid.radial.engine import NotRadialError, RadialEngine

    converted = convert(network, unbalanced=unbalanced)
    try:
        radial = RadialEngine(network, unbalanced=unbalanced, converted=converted)
    except NotRadialError as reason:
        if name is EngineName.RADIAL:
            raise ScenarioError(_not_radial(str(reason))) from reason
        engine = PowerGridModelEngine(network, unbalanced=unbalanced, converted=converted)
        return engine, f"solved by power-grid-model, as the network is not radial: {reason}"
    return radial, radial.description


def _not_radial(reason: str) -> Problem:
    return Problem(
        message=f"the radial engine cannot solve this network: {reason}",
        key=("engine",),
        expected="a tree of lines, transformers and closed switches under each external grid",
        suggestion="use 'engine: auto', which turns to power-grid-model where it must",
    )
