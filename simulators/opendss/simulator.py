"""The grid as OpenDSS solves it: `type: opendss`."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.engine import PowerFlowSolution
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext, Outputs
from gridloom.simulators.opendss.config import OpenDssConfig
from gridloom.simulators.opendss.description import read_circuit
from gridloom.simulators.opendss.file import DssNetwork
from gridloom.simulators.opendss.session import require_opendss
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import VOLTAGE


class OpenDss(Grid):
    """A grid that OpenDSS solves: the user's own circuit file, or any network of `type: grid`.

    What it takes, sends and records is what `type: grid` does. The connection points of a circuit
    file are its loads, whose powers the scenario's models replace.
    """

    Config: ClassVar[type[ModelConfig]] = OpenDssConfig

    @override
    def _read(self, config: GridConfig, context: BuildContext) -> Network:
        require_opendss("type")  # before anything is read
        reads_circuit = isinstance(config, OpenDssConfig) and config.reads_circuit
        return read_circuit(config, context) if reads_circuit else super()._read(config, context)

    @override
    def _solves_phases(self, config: GridConfig, network: Network) -> bool:
        return isinstance(network, DssNetwork) or super()._solves_phases(config, network)

    @override
    def _outputs(self, solution: PowerFlowSolution, *, solved: bool) -> Outputs:
        """Return the grid's outputs; a bus of a circuit file may lack phases, which are NaN."""
        outputs = super()._outputs(solution, solved=solved)
        magnitude = np.abs(solution.bus_voltage_pu)[self.network.connection_points.bus]
        of_phases = np.where(self._phase_weights > 0, magnitude * self._phase_weights, 0.0)
        outputs[VOLTAGE.name] = of_phases.sum(axis=1)
        return outputs
