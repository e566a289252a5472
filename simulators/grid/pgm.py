"""Power flow by power-grid-model: converted once, then only injections change.

Solves by iterative current, whose factorised matrix stays valid from step to step, and falls back
to Newton-Raphson where that does not converge.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.conversion import ConvertedNetwork, convert
from gridloom.simulators.grid.engine import (
    NoSolutionError,
    PowerFlowSolution,
    require_finite,
)
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pgm_components import constant_power_loads
from gridloom.simulators.grid.unsupported import unsupported
from gridloom.simulators.model import FloatArray

_TOLERANCE_PU = 1e-10
_ITERATIONS = 30
_WANTED = ("node", "line", "transformer", "three_winding_transformer", "link", "source")


class PowerGridModelEngine:
    """Solves one network with power-grid-model."""

    def __init__(
        self, network: Network, *, unbalanced: bool, converted: ConvertedNetwork | None = None
    ) -> None:
        """Convert the network.

        Args:
            network: what to solve.
            unbalanced: three phases; otherwise one that stands for all.
            converted: the network as `convert` returns it, if that is known.

        Raises:
            ScenarioError: power-grid-model cannot represent the network.
        """
        converted = converted or convert(network, unbalanced=unbalanced)
        self.simplifications = converted.simplifications
        self.newton_fallbacks = 0
        """How often iterative current did not converge."""
        self._unbalanced = unbalanced
        points = network.connection_points
        single = np.array([unbalanced and len(phase) == 1 for phase in points.phase], dtype=bool)
        self._rows = {"sym_load": np.flatnonzero(~single), "asym_load": np.flatnonzero(single)}
        self._phase = np.argmax(points.phase_mask[single], axis=1)
        arrays, next_id = dict(converted.arrays), converted.next_id
        self._ids: dict[str, NDArray[np.int32]] = {}
        for component, rows in self._rows.items():
            loads = constant_power_loads(component, next_id, converted.bus_ids[points.bus[rows]])
            next_id += len(loads)
            self._ids[component] = loads["id"].copy()
            background = arrays.get(component, loads[:0])
            arrays[component] = np.concatenate([background, loads])
        arrays = {component: array for component, array in arrays.items() if array.size}
        self._loading_percent = _loading_percent(network, arrays)
        self._wanted = [component for component in _WANTED if component in arrays]
        self._model = _model_of(arrays, converted.frequency_hz)
        self._dtypes = _output_dtypes(unbalanced=unbalanced)

    def solve(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> PowerFlowSolution:
        """Solve one power flow; see `PowerFlowEngine.solve`."""
        require_finite(power_kw, reactive_power_kvar)
        self._model.update(update_data=self._injections(power_kw, reactive_power_kvar))
        try:
            output = self._calculate("iterative_current")
        except _unsolvable():
            self.newton_fallbacks += 1
            try:
                output = self._calculate("newton_raphson")
            except _unsolvable() as error:
                raise NoSolutionError(str(error).strip().splitlines()[0]) from error
        solution = self._solution(output)
        if not np.isfinite(solution.slack_power_kw + solution.losses_kw):
            raise NoSolutionError("the solver returned values that are not finite")
        return solution

    def solve_batch(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        """Solve many power flows; see `PowerFlowEngine.solve_batch`."""
        require_finite(power_kw, reactive_power_kvar)
        output = self._calculate(
            "iterative_current",
            update_data=self._injections(power_kw, reactive_power_kvar),
            continue_on_batch_error=True,
        )
        with np.errstate(all="ignore"):  # failed rows hold anything
            solution = self._solution(output)
        failure = self._model.batch_error
        for row in () if failure is None else failure.failed_scenarios:
            self._solve_again(solution, int(row), power_kw[row], reactive_power_kvar[row])
        return solution

    def _solve_again(
        self,
        batch: PowerFlowSolution,
        row: int,
        power_kw: FloatArray,
        reactive_power_kvar: FloatArray,
    ) -> None:
        """Overwrite a failed row of a batch, which holds garbage, by a solution or NaN."""
        try:
            single: PowerFlowSolution | None = self.solve(power_kw, reactive_power_kvar)
        except NoSolutionError:
            single = None
        for name, values in vars(batch).items():
            values[row] = np.nan if single is None else getattr(single, name)

    def _calculate(self, method: str, **batch: Any) -> Any:
        return self._model.calculate_power_flow(
            symmetric=not self._unbalanced,
            error_tolerance=_TOLERANCE_PU,
            max_iterations=_ITERATIONS,
            calculation_method=method,
            output_component_types=self._wanted,
            **batch,
        )

    def _injections(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> Any:
        """Return update data, columnar; arrays may have an axis `time` in front."""
        update: dict[str, dict[str, NDArray[Any]]] = {}
        for component, rows in self._rows.items():
            if not rows.size:
                continue
            active, reactive = 1e3 * power_kw[..., rows], 1e3 * reactive_power_kvar[..., rows]
            if component == "asym_load":
                active, reactive = self._on_phase(active), self._on_phase(reactive)
            shape = power_kw.shape[:-1]
            ids = np.ascontiguousarray(np.broadcast_to(self._ids[component], (*shape, rows.size)))
            update[component] = {"id": ids, "p_specified": active, "q_specified": reactive}
        return update

    def _on_phase(self, values: FloatArray) -> FloatArray:
        phases = np.zeros((*values.shape, 3))
        phases[..., np.arange(values.shape[-1]), self._phase] = values
        return phases

    def _solution(self, output: Any) -> PowerFlowSolution:
        """Return what power-grid-model found in our units."""
        head = output["node"].shape[:-1]
        node, line, transformer, three_winding, link, source = (
            output.get(component, np.zeros((*head, 0), dtype=self._dtypes[component]))
            for component in _WANTED
        )
        flows = [branch[end] for branch in (line, transformer, link) for end in ("p_from", "p_to")]
        flows += [three_winding[end] for end in ("p_1", "p_2", "p_3")]
        losses_w = sum(self._total(flow).sum(axis=-1) for flow in flows)
        voltage = node["u_pu"] * np.exp(1j * node["u_angle"])
        current = np.maximum(line["i_from"], line["i_to"])
        loading = transformer["loading"] * self._loading_percent
        return PowerFlowSolution(
            bus_voltage_pu=self._supplied(voltage, node),
            line_current_a=self._supplied(current, line),
            line_power_kw=self._supplied(1e-3 * line["p_from"], line),
            transformer_loading_percent=_where_energized(loading, transformer),
            losses_kw=np.asarray(1e-3 * losses_w),
            slack_power_kw=np.asarray(1e-3 * self._total(source["p"]).sum(axis=-1)),
            slack_reactive_power_kvar=np.asarray(1e-3 * self._total(source["q"]).sum(axis=-1)),
        )

    def _total(self, values: FloatArray) -> FloatArray:
        """Return the sum over the phases; balanced values are totals already."""
        total: FloatArray = values.sum(axis=-1) if self._unbalanced else values
        return total

    def _supplied(self, values: NDArray[Any], component: NDArray[Any]) -> Any:
        """Return values with an axis `phase`, NaN where there is no supply."""
        return _where_energized(values if self._unbalanced else values[..., np.newaxis], component)


def _where_energized(values: NDArray[Any], component: NDArray[Any]) -> Any:
    """Return the values, NaN where there is no supply: power-grid-model says 0 there."""
    energized = component["energized"]
    if not energized.all():
        values[energized == 0] = np.nan
    return values


def _unsolvable() -> tuple[type[Exception], ...]:
    from power_grid_model.errors import (  # type: ignore[attr-defined]  # re-exports implicitly
        IterationDiverge,
        MaxIterationReached,
        SparseMatrixError,
    )

    return IterationDiverge, MaxIterationReached, SparseMatrixError


def _model_of(arrays: dict[str, NDArray[Any]], frequency_hz: float) -> Any:
    from power_grid_model import PowerGridModel
    from power_grid_model.errors import (  # type: ignore[attr-defined]  # re-exports implicitly
        PowerGridError,
    )

    try:
        return PowerGridModel(arrays, system_frequency=frequency_hz)
    except PowerGridError as error:
        raise ScenarioError(unsupported(str(error).strip().splitlines()[0])) from error


def _output_dtypes(*, unbalanced: bool) -> dict[str, np.dtype[Any]]:
    from power_grid_model import ComponentType, DatasetType, power_grid_meta_data

    kind = DatasetType.asym_output if unbalanced else DatasetType.sym_output
    return {name: power_grid_meta_data[kind][ComponentType(name)].dtype for name in _WANTED}


def _loading_percent(network: Network, arrays: dict[str, NDArray[Any]]) -> FloatArray:
    """Return what turns power-grid-model's loading into percent of our rated power."""
    if "transformer" not in arrays:
        return np.zeros(0)
    nominal_kva: FloatArray = 1e-3 * arrays["transformer"]["sn"]
    return 100.0 * nominal_kva / network.transformer_rated_power_kva
