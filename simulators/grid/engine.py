"""What every power flow engine does, whoever wrote the solver."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import isfinite
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray

ComplexArray: TypeAlias = NDArray[np.complex128]

PHASES = ("a", "b", "c")


class NoSolutionError(Exception):
    """The power flow has no solution for these injections; `Grid` decides what that means."""


@dataclass(frozen=True, kw_only=True)
class PowerFlowSolution:
    """One solved power flow, or a batch of them with one more axis in front.

    The axis `phase` has length 1 (balanced: a phase that stands for all three) or 3 (a, b, c).
    What has no supply (islands, behind open switches, out of service) is NaN, never 0.
    """

    bus_voltage_pu: ComplexArray
    """(bus, phase), phase to neutral, per unit of nominal."""
    line_current_a: FloatArray
    """(line, phase), magnitude, the larger of both ends."""
    line_power_kw: FloatArray
    """(line, phase), active power entering at the from end; balanced: all three phases'."""
    transformer_loading_percent: FloatArray
    """(transformer,), apparent power of the more loaded side over the rated power."""
    losses_kw: FloatArray
    """(), active power lost in lines, transformers and closed switches."""
    slack_power_kw: FloatArray
    """(), active power drawn from all external grids."""
    slack_reactive_power_kvar: FloatArray
    """(), reactive power drawn from all external grids."""


class PowerFlowEngine(Protocol):
    """Solves the power flow of one network for given injections at its connection points."""

    simplifications: tuple[str, ...]
    """What this engine represents differently from the network, in words."""

    def solve(self, power_kw: FloatArray, reactive_power_kvar: FloatArray) -> PowerFlowSolution:
        """Solve one power flow.

        Args:
            power_kw: (connection_point,), load convention; single-phase connection points draw
                all of it from their phase, others a third from each.
            reactive_power_kvar: (connection_point,), likewise.

        Raises:
            NoSolutionError: the power flow does not converge.
            ValueError: an injection is not finite.
        """
        ...

    def solve_batch(
        self, power_kw: FloatArray, reactive_power_kvar: FloatArray
    ) -> PowerFlowSolution:
        """Solve many power flows: (time, connection_point) in, an axis `time` in front out.

        Rows without a solution are NaN throughout.

        Raises:
            ValueError: an injection is not finite.
        """
        ...


@runtime_checkable
class FrugalEngine(PowerFlowEngine, Protocol):
    """An engine that does no more than it is asked for."""

    supplied_buses: NDArray[np.bool_]
    """(bus,), whether a source reaches it; known without solving anything."""

    def want(self, fields: frozenset[str]) -> None:
        """Learn which fields of solutions are of interest: others may be NaN from now on.

        Bus voltages are always there.
        """
        ...


def require_finite(power_kw: FloatArray, reactive_power_kvar: FloatArray) -> None:
    """Refuse injections that are not finite: solvers read NaN in ways of their own.

    power-grid-model keeps the previous value, which yields a finite, wrong solution.

    Raises:
        ValueError: some injection is NaN or infinite.
    """
    if isfinite(np.vdot(power_kw, power_kw) + np.vdot(reactive_power_kvar, reactive_power_kvar)):
        return  # at once: sums of squares are finite only if all of it is
    if not (np.isfinite(power_kw).all() and np.isfinite(reactive_power_kvar).all()):
        raise ValueError("injections must be finite")


def stacked(solutions: list[PowerFlowSolution]) -> PowerFlowSolution:
    """Return one batch made of single solutions."""
    return PowerFlowSolution(
        **{
            field.name: np.stack([getattr(solution, field.name) for solution in solutions])
            for field in fields(PowerFlowSolution)
        }
    )


def unsolved(buses: int, phases: int, lines: int, transformers: int) -> PowerFlowSolution:
    """Return the solution that says nothing: NaN throughout."""
    scalar = np.full((), np.nan)
    return PowerFlowSolution(
        bus_voltage_pu=np.full((buses, phases), complex(np.nan, np.nan)),
        line_current_a=np.full((lines, phases), np.nan),
        line_power_kw=np.full((lines, phases), np.nan),
        transformer_loading_percent=np.full(transformers, np.nan),
        losses_kw=scalar,
        slack_power_kw=scalar,
        slack_reactive_power_kvar=scalar,
    )


def solved_one_by_one(
    solve: Callable[[FloatArray, FloatArray], PowerFlowSolution],
    nothing: PowerFlowSolution,
    power_kw: FloatArray,
    reactive_power_kvar: FloatArray,
) -> PowerFlowSolution:
    """Return the solutions of many power flows, see `PowerFlowEngine.solve_batch`.

    Args:
        solve: solves one.
        nothing: stands for one that has no solution.
        power_kw: (power flow, connection point, ...).
        reactive_power_kvar: likewise.
    """

    def solved(power: FloatArray, reactive: FloatArray) -> PowerFlowSolution:
        try:
            return solve(power, reactive)
        except NoSolutionError:
            return nothing

    return stacked([solved(*both) for both in zip(power_kw, reactive_power_kvar, strict=True)])
