"""Power flow of radial networks by a backward/forward sweep over the reduced tree.

Shirmohammadi et al., "A compensation-based power flow method for weakly meshed distribution and
transmission networks", IEEE Trans. Power Syst. 3(2), 1988, here in symmetrical components and with
all admittances absorbed, so that only constant power is iterated on. What does not converge near
the limit of what the network can carry is left to power-grid-model's Newton-Raphson.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.grid.conversion import ConvertedNetwork, convert
from gridloom.simulators.grid.engine import NoSolutionError, PowerFlowSolution, require_finite
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.grid.radial.assembly import assemble
from gridloom.simulators.grid.radial.tree import NotRadialError
from gridloom.simulators.model import FloatArray

__all__ = ["NotRadialError", "RadialEngine"]


class RadialEngine:
    """Solves one radial network."""

    def __init__(
        self, network: Network, *, unbalanced: bool, converted: ConvertedNetwork | None = None
    ) -> None:
        """Prepare the sweep.

        Args:
            network: what to solve.
            unbalanced: three phases; otherwise one that stands for all.
            converted: the network as `convert` returns it, if that is known.

        Raises:
            NotRadialError: the network does not qualify.
            ScenarioError: power-grid-model cannot represent the network.
        """
        self._network, self._unbalanced = network, unbalanced
        self._converted = converted or convert(network, unbalanced=unbalanced)
        self.simplifications = self._converted.simplifications
        self.newton_fallbacks = 0
        """How often the sweep did not converge."""
        self._model = assemble(network, self._converted, unbalanced=unbalanced)
        self.supplied_buses = self._model.supplied
        """(bus,), whether a source reaches it."""
        self._wants_flows = True
        phases = 3 if unbalanced else 1
        lines = (len(network.line_names), phases)
        shapes = (lines, lines, (len(network.transformer_names),), (3,))
        self._blank = (
            np.full((len(network.bus_names), phases), complex(np.nan, np.nan)),
            *(np.full(shape, np.nan) for shape in shapes),
        )

    @property
    def description(self) -> str:
        """What solves the network, in words."""
        buses, kept = int(self.supplied_buses.sum()), self._model.kept
        return f"solved by the radial sweep: {buses} buses reduced to {kept} nodes"

    def want(self, fields: frozenset[str]) -> None:
        """Learn which fields of solutions are of interest; others may be NaN from now on.

        Bus voltages are always there.
        """
        self._wants_flows = bool(fields - {"bus_voltage_pu"})

    def solve(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> PowerFlowSolution:
        """Solve one power flow; see `PowerFlowEngine.solve`."""
        require_finite(power_kw, reactive_power_kvar)
        batch, solved = self._sweep(power_kw[np.newaxis], reactive_power_kvar[np.newaxis])
        if not solved[0]:
            return self._fall_back(power_kw, reactive_power_kvar)
        return PowerFlowSolution(**{name: values[0] for name, values in batch.items()})

    def solve_batch(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        """Solve many power flows; see `PowerFlowEngine.solve_batch`."""
        require_finite(power_kw, reactive_power_kvar)
        batch, solved = self._sweep(power_kw, reactive_power_kvar)
        for row in np.flatnonzero(~solved):
            try:
                single = self._fall_back(power_kw[row], reactive_power_kvar[row])
            except NoSolutionError:
                continue  # it is NaN throughout
            for name, values in batch.items():
                values[row] = getattr(single, name)
        return PowerFlowSolution(**batch)

    def _sweep(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Return the fields of a `PowerFlowSolution`, NaN where not solved, and what is."""
        model, rows = self._model, len(power_kw)
        point = model.terminals.point
        drawn = np.empty((rows, len(point)), dtype=complex)
        drawn.real = power_kw.take(point, axis=1)
        drawn.imag = reactive_power_kvar.take(point, axis=1)
        drawn *= model.terminals.per_kw
        drawn += model.terminals.constant
        solved = np.empty(rows, dtype=bool)
        voltage, current, power, loading, totals = (_unknown(rows, like) for like in self._blank)
        self._solve_rows(
            drawn,
            *model.sweep,
            *model.tree,
            *model.flows,
            self._wants_flows,
            solved,
            voltage,
            current,
            power,
            loading,
            totals,
        )
        return {
            "bus_voltage_pu": voltage,
            "line_current_a": current,
            "line_power_kw": power,
            "transformer_loading_percent": loading,
            "losses_kw": totals[:, 0],
            "slack_power_kw": totals[:, 1],
            "slack_reactive_power_kvar": totals[:, 2],
        }, solved

    @cached_property
    def _solve_rows(self) -> Callable[..., None]:
        from gridloom.simulators.grid.radial.kernels import solve_rows

        kernel: Callable[..., None] = solve_rows
        return kernel

    def _fall_back(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        self.newton_fallbacks += 1
        return self._newton.solve(power_kw, reactive_power_kvar)

    @cached_property
    def _newton(self) -> PowerGridModelEngine:
        return PowerGridModelEngine(
            self._network, unbalanced=self._unbalanced, converted=self._converted
        )


def _unknown(rows: int, like: NDArray[Any]) -> NDArray[Any]:
    """Return copies of an array, as many as there are rows."""
    copies = np.empty((rows, *like.shape), dtype=like.dtype)
    copies[:] = like
    return copies
