"""The grid: takes power at the connection points, sends voltages, currents and losses."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, reduce
from time import perf_counter
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.errors import (
    DivergenceError,
    SimulatorError,
    listing,
)
from gridloom.simulators.grid.choice import choose_engine
from gridloom.simulators.grid.config import GridConfig, OnDivergence
from gridloom.simulators.grid.engine import (
    FrugalEngine,
    NoSolutionError,
    PowerFlowSolution,
    unsolved,
)
from gridloom.simulators.grid.network import Network, read_network
from gridloom.simulators.grid.ports import ALL_FIELDS, FIELDS, grid_ports
from gridloom.simulators.grid.static import static_variables
from gridloom.simulators.grid.unbalance import (
    is_unbalanced,
    voltage_unbalance_percent,
    why_balanced,
)
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.phases import phase
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    LINE_LOADING,
    LINE_POWER,
    LOSSES,
    POWER,
    REACTIVE_POWER,
    SLACK_POWER,
    SLACK_REACTIVE_POWER,
    TRANSFORMER_LOADING,
    UNSOLVED,
    VOLTAGE,
    VOLTAGE_UNBALANCE,
    Signal,
)


class Grid(Model):
    """A grid whose power flow is solved anew at every step.

    Built from a network that is read, repaired and converted once; each step only changes the
    injections at the connection points. What a step cannot solve is never passed off as solved:
    the run ends, or the step's outputs are NaN (`on_divergence`).
    """

    Config: ClassVar[type[ModelConfig]] = GridConfig
    offers_connection_points: ClassVar[bool] = True
    connection_points: tuple[str, ...]

    def __init__(self, config: GridConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        with phase("network"):
            self.network = self._read(config, context)
        self.connection_points = self.network.connection_points.names
        self.unbalanced = self._solves_phases(config, self.network)
        """Whether three phases are solved."""
        self._why_balanced = "" if self.unbalanced else why_balanced(config.phases, self.network)
        self.voltage_limits_pu = config.voltage_limits_pu
        """Lowest and highest admissible voltage."""
        self._holds = config.on_divergence is OnDivergence.HOLD
        with phase("engine"):
            self._engine, self._solver = choose_engine(
                config.engine, self.network, unbalanced=self.unbalanced
            )
        # Now that the net may be at hand: what is kept of it spares the next run reading it.
        self._constants = static_variables(self.network, config.voltage_limits_pu)
        self._ports = grid_ports(context.name, self.network, unbalanced=self.unbalanced)
        self._taken = frozenset(p.name for p in self._ports if p.direction is Direction.OUTPUT)
        self._wanted = ALL_FIELDS
        mask = self.network.connection_points.phase_mask if self.unbalanced else np.ones((1, 1))
        self._phase_weights = mask / mask.sum(axis=1, keepdims=True)
        self._last_voltage_pu: FloatArray | None = None
        self._unsolved_steps = 0
        self._power_flow_s = 0.0

    def _read(self, config: GridConfig, context: BuildContext) -> Network:
        """Return the network that the configuration means."""
        return read_network(config, context)

    def _solves_phases(self, config: GridConfig, network: Network) -> bool:
        """Whether three phases are solved."""
        return is_unbalanced(config.phases, network)

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def take_outputs(self, names: frozenset[str]) -> None:
        self._taken = names
        self._wanted = frozenset(FIELDS[name] for name in names & FIELDS.keys())
        self._want(self._wanted)

    def _want(self, fields: frozenset[str]) -> None:
        if isinstance(self._engine, FrugalEngine):
            self._engine.want(fields)

    def solve_batch(
        self,
        power_kw: FloatArray,
        reactive_power_kvar: FloatArray,
        wanted: frozenset[str] = ALL_FIELDS,
    ) -> PowerFlowSolution:
        """Solve many power flows apart from any step, which they leave as it is.

        Args:
            power_kw: (time, connection_point), load convention.
            reactive_power_kvar: likewise.
            wanted: fields of interest; others may be NaN.

        Raises:
            ValueError: an injection is not finite.
        """
        self._want(wanted)
        try:
            return self._engine.solve_batch(power_kw, reactive_power_kvar)
        finally:
            self._want(self._wanted)

    @override
    def warm_up(self) -> None:
        nothing = np.zeros(len(self.connection_points))
        with suppress(NoSolutionError):  # the first step will say so
            self._engine.solve(nothing, nothing)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = inputs[POWER.name]
        reactive_kvar = inputs.get(REACTIVE_POWER.name)
        if reactive_kvar is None:
            reactive_kvar = np.zeros_like(power_kw)
        try:
            solution = self._solve(power_kw, reactive_kvar)
        except NoSolutionError as error:
            if not self._holds:
                raise self._divergence(time, power_kw, str(error)) from error
            self._unsolved_steps += 1
            return self._outputs(self._nothing_solved(), solved=False)
        except ValueError:
            self._require_finite(time, POWER, power_kw)
            self._require_finite(time, REACTIVE_POWER, reactive_kvar)
            raise
        return self._outputs(solution, solved=True)

    def _solve(self, power_kw: FloatArray, reactive_kvar: FloatArray) -> PowerFlowSolution:
        """Solve the power flow, and take the time of it."""
        begin = perf_counter()
        try:
            return self._engine.solve(power_kw, reactive_kvar)
        finally:
            self._power_flow_s += perf_counter() - begin

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._constants

    @override
    def summary(self) -> Mapping[str, float]:
        return {"unsolved_steps": float(self._unsolved_steps)}

    @override
    def wall_times_s(self) -> Mapping[str, float]:
        return {"power flow": self._power_flow_s}

    @override
    def remarks(self) -> tuple[str, ...]:
        """Return what was repaired, what solves it and simplifies what, and who has no supply."""
        solver = tuple(remark for remark in (self._solver, self._why_balanced) if remark)
        simplified = self._engine.simplifications
        return (*self.network.repairs, *solver, *simplified, *self._unsupplied)

    @cached_property
    def _unsupplied(self) -> tuple[str, ...]:
        """What to say of connection points that no external grid reaches."""
        dark = ~self._supplied_buses()[self.network.connection_points.bus]
        if not dark.any():
            return ()
        names = [
            name for name, is_dark in zip(self.connection_points, dark, strict=True) if is_dark
        ]
        remark = (
            f"no external grid reaches {len(names)} of {len(dark)} connection points, so that the "
            f"power of devices there is missing in the power flow: {listing(names)}"
        )
        return (remark,)

    def _supplied_buses(self) -> NDArray[np.bool_]:
        """Return which buses have a voltage: (bus,)."""
        if isinstance(self._engine, FrugalEngine):
            return self._engine.supplied_buses
        nothing = np.zeros(len(self.connection_points))
        try:
            voltage = self._engine.solve(nothing, nothing).bus_voltage_pu
        except NoSolutionError:  # the first step will say so
            return np.ones(len(self.network.bus_names), dtype=bool)
        supplied: NDArray[np.bool_] = np.logical_or.reduce(np.isfinite(voltage), axis=1)
        return supplied

    def _require_finite(self, time: int, signal: Signal, values: FloatArray) -> None:
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            first = int(bad[0])
            raise SimulatorError(
                self.name,
                time,
                f"{signal.name} is {values[first]} at {bad.size} connection point(s)",
                element=self.connection_points[first],
            )

    def _divergence(self, time: int, power_kw: FloatArray, cause: str) -> DivergenceError:
        """Return the error that names the bus most likely at fault."""
        total = f"{power_kw.sum():.1f} kW in all, no solution ({cause})"
        if self._last_voltage_pu is not None and np.isfinite(self._last_voltage_pu).any():
            lowest = np.nanmin(self._last_voltage_pu, axis=1, initial=np.inf)
            worst = int(np.argmin(lowest))
            why = f"lowest voltage at the last solved step: {lowest[worst]:.3f} pu; {total}"
        else:
            point = int(np.argmax(np.abs(power_kw)))
            worst = int(self.network.connection_points.bus[point])
            why = f"largest injection: {power_kw[point]:.1f} kW; {total}"
        element = f"bus '{self.network.bus_names[worst]}'"
        return DivergenceError(self.name, time, why, element=element)

    def _nothing_solved(self) -> PowerFlowSolution:
        network = self.network
        return unsolved(
            buses=len(network.bus_names),
            phases=3 if self.unbalanced else 1,
            lines=len(network.line_names),
            transformers=len(network.transformer_names),
        )

    def _outputs(self, solution: PowerFlowSolution, *, solved: bool) -> Outputs:
        magnitude = np.abs(solution.bus_voltage_pu)
        if solved:
            self._last_voltage_pu = magnitude
        at_points = self.network.connection_points.bus
        rated = self.network.line_rated_current_a
        outputs: dict[str, Callable[[], FloatArray]] = {
            VOLTAGE.name: lambda: (magnitude[at_points] * self._phase_weights).sum(axis=1),
            VOLTAGE_UNBALANCE.name: lambda: voltage_unbalance_percent(
                solution.bus_voltage_pu[at_points]
            ),
            BUS_VOLTAGE.name: lambda: magnitude,
            LINE_CURRENT.name: lambda: solution.line_current_a,
            LINE_POWER.name: lambda: solution.line_power_kw,
            LINE_LOADING.name: lambda: 100.0 * _highest(solution.line_current_a) / rated,
            TRANSFORMER_LOADING.name: lambda: solution.transformer_loading_percent,
            LOSSES.name: lambda: solution.losses_kw,
            SLACK_POWER.name: lambda: solution.slack_power_kw,
            SLACK_REACTIVE_POWER.name: lambda: solution.slack_reactive_power_kvar,
            UNSOLVED.name: lambda: np.asarray(0.0 if solved else 1.0),
        }
        return {name: output() for name, output in outputs.items() if name in self._taken}


def _highest(by_phase: FloatArray) -> FloatArray:
    """Return the maximum over the last axis, of few: columns at once are faster than rows."""
    columns = np.moveaxis(by_phase, -1, 0)
    highest: FloatArray = reduce(np.maximum, columns)
    return highest
