"""Agents of dispatchable generation: they run where a price pays for their marginal cost."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation
from gridloom.controllers.optimisation.writing import Numbers, Range, Rows, at_least, equal_to
from gridloom.controllers.transactive.deviation import (
    PENALTY_EUR_PER_MWH,
    deviation_numbers,
    padded,
    write_deviation,
)
from gridloom.controllers.transactive.optimising_agent import (
    OptimisingAgent,
    OptimisingAgentConfig,
    of_type,
)
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.generator import Generator
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import POWER, POWER_SETPOINT, Information, Signal


class GeneratorProgram:
    """Equations of a generator: it runs at its least power, and on top of that in blocks."""

    def __call__(self, rows: Rows) -> None:
        """Write them."""
        block = rows.block
        count, blocks = (len(block.power), len(block.output) // len(block.power))
        last = count - 1

        def drawn(t: int) -> object:
            return block.power[t] + sum(block.output[t, b] for b in range(blocks))

        write_deviation(rows)
        rows.write("drawn", drawn)
        rows.write("ramp", lambda t: block.power[t + 1] - block.power[t])
        rows.write("returned", lambda t: block.power[last] - block.above[t] + block.below[t])


class GeneratorAgent(OptimisingAgent):
    """One agent for each generator of a generator simulator.

    After the time it looks ahead it must be able to ramp back to its schedule.
    """

    Config = OptimisingAgentConfig
    information: ClassVar[frozenset[Information]] = frozenset(
        {Information.FORECAST, Information.MEASUREMENTS}
    )
    observes: ClassVar[tuple[Signal, ...]] = (POWER,)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    def __init__(self, config: OptimisingAgentConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self._generator = of_type(self.controlled, Generator, ["generator"])
        self._power_kw: FloatArray = -self._generator.initial_power_kw
        self._require_whole_ramps()
        self.schedule()

    def _require_whole_ramps(self) -> None:
        """Refuse devices that ramp within an interval: its mean power would miss the order."""
        generator = self._generator
        if generator.step_size < self.step_size and np.isfinite(generator.ramp_kw_per_h).any():
            pace = format_duration(self.step_size)
            raise ScenarioError(
                Problem(
                    message=f"'{generator.name}' ramps in steps of "
                    f"{format_duration(generator.step_size)}, and is scheduled every {pace}",
                    key=("step_size",),
                    expected=f"step_size: {pace} of '{generator.name}', or no ramp_kw_per_h",
                )
            )

    @override
    def formulation(self, row: int) -> GeneratorProgram:
        return GeneratorProgram()

    @override
    def numbers(self, row: int, begin: int, count: int) -> Numbers:
        generator = self._generator
        scheduled_kw = self.scheduled_kw(row, begin, count)
        inside = padded(np.ones(len(scheduled_kw)), count)
        least_kw, most_kw = generator.power_min_kw[row], generator.power_max_kw[row]
        costs = generator.block_costs_eur_per_mwh[row]
        in_block_kw = np.outer(inside, np.full(len(costs), (most_kw - least_kw) / len(costs)))
        numbers = deviation_numbers(scheduled_kw, count)
        numbers.variables |= {
            "power": self._power_range(row, inside),
            "output": (np.zeros_like(in_block_kw), in_block_kw),
            "above": at_least(np.zeros(1)),
            "below": at_least(np.zeros(1)),
        }
        ramp_kw = np.where(inside[1:] > 0, generator.ramp_kw_per_h[row] * self.hours, np.inf)
        numbers.rows |= {
            "drawn": equal_to(-least_kw * inside),
            "ramp": (-ramp_kw, ramp_kw),
            "returned": self._return_range(row, begin + len(scheduled_kw)),
        }
        penalty = np.full(1, PENALTY_EUR_PER_MWH * self.hours)
        numbers.costs |= {
            "output": np.broadcast_to(self.hours * costs, in_block_kw.shape),
            "above": penalty,
            "below": penalty,
        }
        numbers.offset = float(least_kw * costs[0] * self.hours * len(scheduled_kw))
        return numbers

    @override
    def observe(self, time: int, observation: Observation) -> None:
        if time > 0:  # before, nothing has been measured
            self._power_kw = observation[POWER.name].copy()

    def _power_range(self, row: int, inside: FloatArray) -> Range:
        """Return the limits of power; in the first interval by the ramp from the power now."""
        generator = self._generator
        lower = -generator.power_max_kw[row] * inside
        upper = -generator.power_min_kw[row] * inside
        ramp_kw = generator.ramp_kw_per_h[row] * self.hours
        lower[0] = max(lower[0], min(self._power_kw[row] - ramp_kw, upper[0]))
        upper[0] = min(upper[0], max(self._power_kw[row] + ramp_kw, lower[0]))
        return lower, upper

    def _return_range(self, row: int, end: int) -> Range:
        """Return from where the schedule of the first interval after the horizon can be reached."""
        if end == self.intervals:
            return np.full(1, -np.inf), np.full(1, np.inf)
        ramp_kw = self._generator.ramp_kw_per_h[row] * self.hours
        scheduled_kw = self._schedule_kw[row, end : end + 1]
        return scheduled_kw - ramp_kw, scheduled_kw + ramp_kw
