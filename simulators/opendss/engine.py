"""Power flow by OpenDSS: compiled once, then only the powers of loads change.

Every solution starts from the voltages without load, so that it does not depend on what was solved
before.
"""

import numpy as np

from gridloom.simulators.grid.engine import (
    ComplexArray,
    NoSolutionError,
    PowerFlowSolution,
    require_finite,
    solved_one_by_one,
    unsolved,
)
from gridloom.simulators.grid.network import Network
from gridloom.simulators.model import FloatArray
from gridloom.simulators.opendss.circuit import NOWHERE, Circuit, Conductors
from gridloom.simulators.opendss.file import DssNetwork, compile_circuit
from gridloom.simulators.opendss.session import CONSTANT_POWER_PU, ITERATIONS, refusal
from gridloom.simulators.opendss.writing import write_circuit


class OpenDssEngine:
    """Solves one network with OpenDSS, in a session of its own."""

    def __init__(self, network: Network, *, unbalanced: bool) -> None:
        """Write the network for OpenDSS, or compile the user's own files.

        Args:
            network: what to solve.
            unbalanced: three phases; otherwise one that stands for all.

        Raises:
            ScenarioError: dss-python is not installed, or OpenDSS cannot represent the network.
        """
        if isinstance(network, DssNetwork):
            self._circuit = compile_circuit(network.script)
        else:
            self._circuit = write_circuit(network, unbalanced=unbalanced)
        self.simplifications = self._circuit.remarks
        self._session = self._circuit.session
        self._network = network
        self._phases = self._circuit.bus_nodes.shape[1]
        self._whole = 1.0 if unbalanced else 3.0
        """What the circuit's powers are multiplied by: balanced, it has one phase of three."""
        self._loaded = np.flatnonzero(self._circuit.loads)
        self._find_branches(self._circuit)
        self._rated_kva = network.transformer_rated_power_kva
        at_points = self._circuit.bus_nodes[network.connection_points.bus]
        if unbalanced:
            at_points[~network.connection_points.phase_mask] = NOWHERE
        wanted = at_points != NOWHERE
        self._load_nodes = at_points[wanted]
        nominal_v = self._circuit.bus_nominal_v[network.connection_points.bus]
        self._load_nominal_v = np.broadcast_to(nominal_v[:, np.newaxis], wanted.shape)[wanted]

    def _find_branches(self, circuit: Circuit) -> None:
        """Find the rows of lines and transformers among the conductors."""
        lines = np.array([bool(name) for name in circuit.lines], dtype=bool)
        parts = [
            (row, circuit.shunt_sides.get(name), name)
            for row, names in enumerate(circuit.transformers)
            for name in names
        ]
        names = [name for name in circuit.lines if name]
        first_part, first_other = len(names), len(names) + len(parts)
        names += [*(name for _, _, name in parts), *circuit.others]
        self._conductors = Conductors.of(self._session, names)
        rows = [self._conductors.rows(end, len(names), self._phases) for end in (0, 1)]
        self._line_live = lines
        self._line_rows = [rows_of_end[:first_part] for rows_of_end in rows]
        element, terminal = self._conductors.element, self._conductors.terminal
        of_parts = (element >= first_part) & (element < first_other)
        of_parts &= self._conductors.phase != NOWHERE
        self._winding_rows = np.flatnonzero(of_parts)
        row_of = np.array([row for row, _, _ in parts], dtype=np.int64)
        side_of = np.array([-1 if side is None else side for _, side, _ in parts], dtype=np.int64)
        part = element[of_parts] - first_part
        side = np.where(side_of[part] < 0, np.minimum(terminal[of_parts], 1), side_of[part])
        self._winding_of = 3 * (2 * row_of[part] + side) + self._conductors.phase[of_parts]
        self._transformer_live = np.array([bool(names) for names in circuit.transformers], bool)

    def solve(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> PowerFlowSolution:
        """Solve one power flow; see `PowerFlowEngine.solve`."""
        require_finite(power_kw, reactive_power_kvar)
        self._inject(power_kw, reactive_power_kvar)
        self._run()
        voltage = np.asarray(self._session.ActiveCircuit.YNodeVarray).view(np.complex128)
        self._require_constant_power(voltage)
        return self._solution(voltage)

    def solve_batch(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        """Solve many power flows, one after the other; see `PowerFlowEngine.solve_batch`."""
        require_finite(power_kw, reactive_power_kvar)
        nothing = unsolved(
            buses=len(self._network.bus_names),
            phases=self._phases,
            lines=len(self._network.line_names),
            transformers=len(self._network.transformer_names),
        )
        return solved_one_by_one(self.solve, nothing, power_kw, reactive_power_kvar)

    def _inject(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> None:
        """Set the powers of all loads, which leaves the admittance matrix as it is."""
        loads = self._session.ActiveCircuit.Loads
        active = (power_kw[self._loaded] / self._whole).tolist()
        reactive = (reactive_power_kvar[self._loaded] / self._whole).tolist()
        numbers = self._circuit.loads[self._loaded].tolist()
        # dss-python has no call for all loads at once
        for number, kw, kvar in zip(numbers, active, reactive, strict=True):
            loads.idx = number
            loads.kW = kw
            loads.kvar = kvar

    def _run(self) -> None:
        self._session.YMatrix.SolutionInitialized = False  # start without load
        solution = self._session.ActiveCircuit.Solution
        try:
            solution.Solve()
        except refusal() as error:
            raise NoSolutionError(str(error).strip().splitlines()[0]) from error
        if not solution.Converged:
            raise NoSolutionError(f"OpenDSS did not converge in {ITERATIONS} iterations")

    def _require_constant_power(self, voltage: ComplexArray) -> None:
        """Refuse what OpenDSS found by letting loads draw something else."""
        per_unit = np.abs(voltage[self._load_nodes]) / self._load_nominal_v
        low, high = CONSTANT_POWER_PU
        if not ((per_unit > low) & (per_unit < high)).all():
            raise NoSolutionError(f"a voltage is not between {low} and {high} pu")

    def _solution(self, voltage: ComplexArray) -> PowerFlowSolution:
        nodes = self._circuit.bus_nodes
        at_buses = voltage[nodes] / self._circuit.bus_nominal_v[:, np.newaxis]
        at_buses[nodes == NOWHERE] = np.nan
        current, power_va = self._conductors.flows(voltage)
        ampere = np.maximum(*(_at(np.abs(current), rows) for rows in self._line_rows))
        entering_kw = 1e-3 * self._whole * _at(power_va.real, self._line_rows[0])
        slack = -self._whole * np.asarray(self._session.ActiveCircuit.TotalPower)
        return PowerFlowSolution(
            bus_voltage_pu=at_buses,
            line_current_a=self._all_lines(ampere),
            line_power_kw=self._all_lines(entering_kw),
            transformer_loading_percent=self._loading_percent(power_va),
            losses_kw=np.asarray(1e-3 * self._whole * power_va.real.sum()),
            slack_power_kw=np.asarray(slack[0]),
            slack_reactive_power_kvar=np.asarray(slack[1]),
        )

    def _all_lines(self, values: FloatArray) -> FloatArray:
        """Return values of lines with supply for all lines, NaN for the others."""
        whole = np.full((len(self._line_live), self._phases), np.nan)
        whole[self._line_live] = values
        return whole

    def _loading_percent(self, power_va: ComplexArray) -> FloatArray:
        """Return the apparent power, phase by phase, of the more loaded side over the rated one."""
        count = len(self._transformer_live)
        power = power_va[self._winding_rows]
        active, reactive = (
            np.bincount(self._winding_of, weights=part, minlength=6 * count)
            for part in (power.real, power.imag)
        )
        sides = np.hypot(active, reactive).reshape(count, 2, 3).sum(axis=2)
        apparent_kva = 1e-3 * self._whole * sides.max(axis=1)
        return np.where(self._transformer_live, 100.0 * apparent_kva / self._rated_kva, np.nan)


def _at(values: FloatArray, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> FloatArray:
    """Return the values at rows, 0 where there is no conductor."""
    return np.where(rows == NOWHERE, 0.0, values[rows])
