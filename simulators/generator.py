"""Dispatchable generation: generators that run as they are asked to."""

from typing import Annotated, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import (
    BuildContext,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.plants import GeneratingConfig
from gridloom.simulators.profiles.forecast import flat_forecast
from gridloom.simulators.profiles.placement import (
    PerElement,
    PerElementOrZero,
    per_element,
    points_at,
)
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Finite
from gridloom.simulators.signals import (
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    REACTIVE_POWER,
)
from gridloom.simulators.steered import steered_ports

_KW_PER_MW = 1e3

BlockCosts: TypeAlias = Annotated[list[Finite], Field(min_length=1)]


class GeneratorConfig(GeneratingConfig):
    """Generators that run as they are asked to, within their limits and ramps."""

    at: str | list[str] = "all"
    """Connection points that have a generator: all, a group, a name or a list of these."""
    power_max_kw: PerElement
    """Most that each generates, positive."""
    power_min_kw: PerElementOrZero = 0.0
    """Least that each generates: it always runs."""
    ramp_kw_per_h: PerElement | None = None
    """Most by which generation changes in an hour, up or down; no limit unless given."""
    marginal_cost_eur_per_mwh: Finite | BlockCosts
    """Cost of one more MWh: a number, or one for each of equal blocks between least and most."""
    initial_power_kw: PerElementOrZero | None = None
    """Generation before the first step, from which it ramps; unless given `power_min_kw`."""

    @property
    def block_costs_eur_per_mwh(self) -> list[float]:
        """Cost of one more MWh in each block."""
        given = self.marginal_cost_eur_per_mwh
        return given if isinstance(given, list) else [given]

    @model_validator(mode="after")
    def _increasing_costs(self) -> Self:
        if (np.diff(self.block_costs_eur_per_mwh) < 0).any():
            raise ValueError("marginal_cost_eur_per_mwh decreases: the cheapest block comes first")
        return self


class Generator(Model):
    """Dispatchable generators, one at each connection point, stepped as arrays.

    Setpoints and powers are in load convention: a generator that feeds in 5 kW sends -5 kW. It
    obeys as far as its least and most power and its ramp from the last step allow, which it tells
    one step ahead.
    """

    Config = GeneratorConfig

    def __init__(self, config: GeneratorConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="generator", owner=self.name, names=points, connection_points=points
        )
        self.power_max_kw = self._of_each(config.power_max_kw, "power_max_kw")
        """(generator,), most that each generates, positive."""
        self.power_min_kw = self._of_each(config.power_min_kw, "power_min_kw")
        """(generator,), least that each generates, positive."""
        ramp = np.inf if config.ramp_kw_per_h is None else config.ramp_kw_per_h
        self.ramp_kw_per_h = self._of_each(ramp, "ramp_kw_per_h")
        """(generator,), infinite where there is no limit."""
        self.block_costs_eur_per_mwh = np.tile(config.block_costs_eur_per_mwh, (len(points), 1))
        """(generator, block), equal blocks between least and most power."""
        self.initial_power_kw = self.power_min_kw
        """(generator,), generation before the first step, positive."""
        if config.initial_power_kw is not None:
            self.initial_power_kw = self._of_each(config.initial_power_kw, "initial_power_kw")
        self._refuse_outside("power_min_kw", self.power_min_kw, 0.0)
        self._refuse_outside("initial_power_kw", self.initial_power_kw, self.power_min_kw)
        self._kvar_per_kw = config.kvar_per_kw
        self._duration_s = context.duration_s
        self._ramp_kw = self.ramp_kw_per_h * (self.step_size / SECONDS_PER_HOUR)
        self._ports = steered_ports(self.elements, (POWER, REACTIVE_POWER), (POWER_MIN, POWER_MAX))
        self._envelope_kw = self._reachable(-self.initial_power_kw)

    def _of_each(self, given: float | dict[str, float], key: str) -> FloatArray:
        return per_element(given, self.elements.names, key, "generator")

    def _refuse_outside(
        self, key: str, power_kw: FloatArray, lowest_kw: float | FloatArray
    ) -> None:
        """Refuse powers below ``lowest_kw`` or above the most that is generated."""
        outside = (power_kw < lowest_kw) | (power_kw > self.power_max_kw)
        if outside.any():
            named = listing([self.elements.names[row] for row in np.flatnonzero(outside)])
            raise ScenarioError(
                Problem(
                    message=f"{power_kw[outside][0]:g} kW is outside the limits of {named}",
                    key=(key,),
                    expected="power_min_kw <= initial_power_kw <= power_max_kw",
                )
            )

    def _reachable(self, power_kw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest power of the next step, load convention: (generator,) each."""
        lowest = np.maximum(power_kw - self._ramp_kw, -self.power_max_kw)
        highest = np.minimum(power_kw + self._ramp_kw, -self.power_min_kw)
        return lowest, highest

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return self._in_next_step()

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._envelope_kw)
        self._envelope_kw = self._reachable(power_kw)
        return {
            POWER.name: power_kw,
            REACTIVE_POWER.name: np.abs(power_kw) * self._kvar_per_kw,
            **self._in_next_step(),
        }

    def _in_next_step(self) -> Outputs:
        lowest_kw, highest_kw = self._envelope_kw
        return {POWER_MIN.name: lowest_kw, POWER_MAX.name: highest_kw}

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return the least power, load convention: nobody has asked for more yet."""
        return flat_forecast(
            0.0 - self.power_min_kw, self.step_size, self._duration_s, by_element=by_element
        )

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        columns = (
            ("generation_max_kw", self.power_max_kw, "kW", "most that is generated, positive"),
            ("generation_min_kw", self.power_min_kw, "kW", "least that is generated, positive"),
            ("ramp_kw_per_h", self.ramp_kw_per_h, "kW h-1", "most change of generation in an hour"),
            (
                "marginal_cost_eur_per_mwh",
                self.block_costs_eur_per_mwh,
                "EUR/MWh",
                "marginal cost in equal blocks between least and most generation",
            ),
        )
        dimensions = (self.elements.kind, "cost_block")
        return tuple(
            StaticVariable(
                name=name,
                values=values,
                dimensions=dimensions[: values.ndim],
                unit=unit,
                long_name=long_name,
            )
            for name, values, unit, long_name in columns
        )


def cost_eur(
    power_kw: FloatArray,
    *,
    power_min_kw: FloatArray,
    power_max_kw: FloatArray,
    block_costs_eur_per_mwh: FloatArray,
    hours: float,
) -> FloatArray:
    """Return what generation costs: its marginal cost, integrated from 0.

    The least power, which is always generated, costs as much a MWh as the first block.

    Args:
        power_kw: (..., generator), load convention: generation is negative.
        power_min_kw: (generator,), positive.
        power_max_kw: (generator,), positive.
        block_costs_eur_per_mwh: (generator, block), of equal blocks between least and most power.
        hours: how long the power is kept.

    Returns:
        Shaped like ``power_kw``.
    """
    generation_kw = np.maximum(-power_kw, 0.0)
    blocks = block_costs_eur_per_mwh.shape[1]
    width_kw = ((power_max_kw - power_min_kw) / blocks)[:, np.newaxis]
    begin_kw = power_min_kw[:, np.newaxis] + width_kw * np.arange(blocks)
    in_block_kw = np.clip(generation_kw[..., np.newaxis] - begin_kw, 0.0, width_kw)
    in_block_kw[..., 0] += np.minimum(generation_kw, power_min_kw)
    cost: FloatArray = (in_block_kw * block_costs_eur_per_mwh).sum(axis=-1) * (hours / _KW_PER_MW)
    return cost
