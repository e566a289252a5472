"""Power flow by pandapower itself: the reference that other engines are compared with.

Slower by more than an order of magnitude, but solves what power-grid-model does not represent, such
as voltage-controlled generators.
"""

import importlib.util
import warnings
from copy import deepcopy
from typing import Any

import numpy as np

from gridloom.simulators.grid.engine import (
    PHASES,
    ComplexArray,
    NoSolutionError,
    PowerFlowSolution,
    require_finite,
    solved_one_by_one,
    unsolved,
)
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pandapower_net import (
    add_loads,
    add_source_impedances,
    prepare_zero_sequence,
    supplied_branches,
)
from gridloom.simulators.model import FloatArray

_INJECTIONS = ("load", "sgen", "asymmetric_load", "asymmetric_sgen", "storage")
_TOLERANCE_MVA = 1e-10
"""Mismatch of a bus; pandapower's own 1e-8 leaves 0.4 W in the lines of a large LV feeder."""
_BALANCE_TOLERANCE = 1e-3


class PandapowerEngine:
    """Solves one network with `pandapower.runpp` or `runpp_3ph`."""

    def __init__(self, network: Network, *, unbalanced: bool) -> None:
        """Prepare a copy of the network.

        Args:
            network: what to solve.
            unbalanced: three phases (`runpp_3ph`); otherwise one that stands for all (`runpp`).

        Raises:
            ScenarioError: pandapower does not solve this network unbalanced.
        """
        from pandapower.topology import unsupplied_buses

        self.simplifications: tuple[str, ...] = ()
        self._network = network
        self._unbalanced = unbalanced
        self._net = deepcopy(network.net)
        if not network.keeps_background:
            for table in _INJECTIONS:
                self._net[table] = self._net[table].iloc[:0]
        self._source_lines = add_source_impedances(self._net)
        if unbalanced:
            prepare_zero_sequence(self._net)
        self._loads = add_loads(self._net, network, unbalanced=unbalanced)
        self._suffixes = [f"_{phase}" for phase in PHASES] if unbalanced else [""]
        off = self._net.bus.index[~self._net.bus["in_service"].astype(bool)]
        dead = [*unsupplied_buses(self._net), *off]
        supplied = ~np.isin(network.bus_index, dead)
        self._supplied = supplied
        self._line_supplied = supplied_branches(network, "line", ("from_bus", "to_bus"), supplied)
        self._transformer_supplied = supplied_branches(
            network, "trafo", ("hv_bus", "lv_bus"), supplied
        )
        if unbalanced:
            self._drop_unsupplied()

    def _drop_unsupplied(self) -> None:
        """Remove branches without supply, for which `runpp_3ph` returns NaN everywhere."""
        import pandapower.toolbox

        net = self._network.net
        pandapower.toolbox.drop_lines(self._net, net.line.index[~self._line_supplied])
        pandapower.toolbox.drop_trafos(self._net, net.trafo.index[~self._transformer_supplied])
        at_points = self._network.connection_points.bus
        self._net.asymmetric_load.loc[self._loads, "in_service"] = self._supplied[at_points]

    def solve(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> PowerFlowSolution:
        """Solve one power flow; see `PowerFlowEngine.solve`."""
        require_finite(power_kw, reactive_power_kvar)
        self._inject(power_kw, reactive_power_kvar)
        self._run()
        solution = self._solution()
        if not np.isfinite(solution.bus_voltage_pu[self._supplied]).all():
            raise NoSolutionError("pandapower returned values that are not finite")
        if self._unbalanced:
            self._require_balance()
        return solution

    def _require_balance(self) -> None:
        """Refuse what `runpp_3ph` returns where it ends far from any solution, without a word."""
        drawn_kw = 1e3 * self._power(self._net.res_bus_3ph, "p{}_mw", "q{}_mvar").real
        lost_kw = sum(
            1e3 * self._power(self._net[table], "pl{}_mw", "ql{}_mvar").real.sum()
            for table in ("res_line_3ph", "res_trafo_3ph")
        )
        missing_kw = abs(drawn_kw.sum() + lost_kw)
        if missing_kw > _BALANCE_TOLERANCE * (1.0 + np.abs(drawn_kw).sum()):
            raise NoSolutionError(f"pandapower's solution lacks {missing_kw:.3g} kW")

    def solve_batch(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        """Solve many power flows, one after the other; see `PowerFlowEngine.solve_batch`."""
        require_finite(power_kw, reactive_power_kvar)
        nothing = unsolved(
            buses=len(self._network.bus_names),
            phases=3 if self._unbalanced else 1,
            lines=len(self._network.line_names),
            transformers=len(self._network.transformer_names),
        )
        return solved_one_by_one(self.solve, nothing, power_kw, reactive_power_kvar)

    def _inject(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> None:
        if not self._unbalanced:
            self._net.load.loc[self._loads, "p_mw"] = 1e-3 * power_kw
            self._net.load.loc[self._loads, "q_mvar"] = 1e-3 * reactive_power_kvar
            return
        mask = self._network.connection_points.phase_mask
        share = 1e-3 * mask / mask.sum(axis=1, keepdims=True)
        for place, phase in enumerate(PHASES):
            loads = self._net.asymmetric_load
            loads.loc[self._loads, f"p_{phase}_mw"] = power_kw * share[:, place]
            loads.loc[self._loads, f"q_{phase}_mvar"] = reactive_power_kvar * share[:, place]

    def _run(self) -> None:
        import pandapower
        from scipy.sparse.linalg import MatrixRankWarning

        run = pandapower.runpp_3ph if self._unbalanced else pandapower.runpp
        with warnings.catch_warnings():
            # what pandapower's Newton-Raphson says on its way to infinity; `solve` checks for that
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", MatrixRankWarning)
            try:
                run(
                    self._net,
                    calculate_voltage_angles=True,
                    tolerance_mva=_TOLERANCE_MVA,
                    trafo_model="t" if self._unbalanced else "pi",  # runpp_3ph has no pi model
                    numba=importlib.util.find_spec("numba") is not None,
                )
            except pandapower.LoadflowNotConverged as error:
                raise NoSolutionError("Newton-Raphson did not converge") from error

    def _solution(self) -> PowerFlowSolution:
        suffix = "_3ph" if self._unbalanced else ""
        all_lines = self._net[f"res_line{suffix}"]
        trafo = self._net[f"res_trafo{suffix}"].reindex(self._network.net.trafo.index)
        lines = all_lines.reindex(self._network.net.line.index)
        slack = self._power(self._net[f"res_ext_grid{suffix}"], "p{}_mw", "q{}_mvar").sum()
        slack -= self._power(all_lines.loc[self._source_lines], "pl{}_mw", "ql{}_mvar").sum()
        lossy = [lines, trafo]
        if not self._unbalanced:
            lossy += [self._net[table] for table in ("res_trafo3w", "res_impedance", "res_dcline")]
            slack += self._power(self._slack_generators(), "p{}_mw", "q{}_mvar").sum()
        losses_mw = sum(table[f"pl{phase}_mw"].sum() for table in lossy for phase in self._suffixes)
        current = [
            np.fmax(lines[f"i{phase}_from_ka"], lines[f"i{phase}_to_ka"])
            for phase in self._suffixes
        ]
        entering = self._power(lines, "p{}_from_mw", "q{}_from_mvar").real
        return PowerFlowSolution(
            bus_voltage_pu=self._voltage(self._net[f"res_bus{suffix}"]),
            line_current_a=np.where(
                self._line_supplied[:, np.newaxis], 1e3 * np.column_stack(current), np.nan
            ),
            line_power_kw=np.where(self._line_supplied[:, np.newaxis], 1e3 * entering, np.nan),
            transformer_loading_percent=self._loading(trafo),
            losses_kw=np.asarray(1e3 * losses_mw),
            slack_power_kw=np.asarray(1e3 * slack.real),
            slack_reactive_power_kvar=np.asarray(1e3 * slack.imag),
        )

    def _slack_generators(self) -> Any:
        gen = self._net.gen
        return self._net.res_gen.loc[gen.index[gen["slack"].astype(bool)]]

    def _power(self, table: Any, active: str, reactive: str) -> ComplexArray:
        """Return complex power in MVA, (row, phase); 0 where pandapower has no value."""
        columns = [
            table[active.format(phase)].to_numpy() + 1j * table[reactive.format(phase)].to_numpy()
            for phase in self._suffixes
        ]
        power: ComplexArray = np.column_stack(columns).astype(np.complex128)
        return np.nan_to_num(power)

    def _voltage(self, table: Any) -> ComplexArray:
        buses = table.loc[self._network.bus_index]
        columns = [
            buses[f"vm{phase}_pu"].to_numpy()
            * np.exp(1j * np.radians(buses[f"va{phase}_degree"].to_numpy()))
            for phase in self._suffixes
        ]
        voltage = np.column_stack(columns)
        voltage[~self._supplied] = np.nan
        return voltage

    def _loading(self, trafo: Any) -> FloatArray:
        """Return the loading by apparent power; pandapower's own is by current."""
        high = np.abs(self._power(trafo, "p{}_hv_mw", "q{}_hv_mvar")).sum(axis=1)
        low = np.abs(self._power(trafo, "p{}_lv_mw", "q{}_lv_mvar")).sum(axis=1)
        rated_mva = 1e-3 * self._network.transformer_rated_power_kva
        loading: FloatArray = 100.0 * np.maximum(high, low) / rated_mva
        return np.where(self._transformer_supplied, loading, np.nan)
