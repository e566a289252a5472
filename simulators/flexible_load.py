"""Demand that can be shifted in time."""

from typing import Annotated

import numpy as np
from pydantic import Field
from typing_extensions import override

from gridloom.simulators.load import DemandConfig, Load, LoadConfig
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
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Fraction, Positive
from gridloom.simulators.signals import (
    BASELINE_POWER,
    ENERGY_SHIFTED,
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    REACTIVE_POWER,
)
from gridloom.simulators.steered import steered_ports


class FlexibleLoadConfig(DemandConfig):
    """Demand that draws more or less than it would unasked."""

    power_limits: tuple[Fraction, Annotated[float, Field(ge=1, allow_inf_nan=False)]] = (0.5, 1.5)
    """Least and most that can be asked for, as shares of what would be drawn unasked."""
    rated_power_kw: Positive | None = None
    """Most that each draws, whatever its share; no limit unless given."""


class FlexibleLoad(Model):
    """Flexible demand, one at each connection point.

    What it would draw unasked, its baseline, is a `Load`. Setpoints are obeyed within shares of the
    baseline of their step. Nothing makes up for what was shifted: ``energy_shifted_kwh`` tells, and
    whoever steers it sees to its return. Reactive power keeps the baseline's ratio to active power.
    """

    Config = FlexibleLoadConfig

    def __init__(self, config: FlexibleLoadConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        keys = {key: getattr(config, key) for key in DemandConfig.model_fields}
        self._demand = Load(LoadConfig.model_construct(**keys), context)
        self._demand.take_outputs(frozenset({POWER.name, REACTIVE_POWER.name}))
        points = self._demand.elements.names
        self.elements = ElementSet(
            kind="flexible_load", owner=self.name, names=points, connection_points=points
        )
        self.power_limits = config.power_limits
        """Least and most that can be asked for, as shares of the baseline."""
        self.rated_power_kw = np.inf if config.rated_power_kw is None else config.rated_power_kw
        """Most that each draws; infinite where there is no limit."""
        self._ports = steered_ports(
            self.elements,
            (POWER, REACTIVE_POWER, ENERGY_SHIFTED),
            (POWER_MIN, POWER_MAX, BASELINE_POWER),
        )
        self._shifted_kwh = np.zeros(len(points))
        self._baseline = self._demand.step(0, {})
        self._envelope_kw = self._envelope()

    def _envelope(self) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest power of the next step: (flexible_load,) each."""
        # Sorted, because a profile may also feed in: then the larger share is the lower power.
        limits_kw = np.sort(np.outer(self.power_limits, self._baseline[POWER.name]), axis=0)
        lowest_kw, highest_kw = np.minimum(limits_kw, self.rated_power_kw)
        return lowest_kw, highest_kw

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return self._told()

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        unasked_kw = self._baseline[POWER.name]
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._envelope_kw)
        sent = {POWER.name: power_kw, REACTIVE_POWER.name: self._reactive_kvar(power_kw)}
        shifted_kwh = (power_kw - unasked_kw) * (self.step_size / SECONDS_PER_HOUR)
        self._shifted_kwh = self._shifted_kwh + shifted_kwh
        following = time + self.step_size
        if following < self._demand.until_s:
            self._baseline = self._demand.step(following, {})
            self._envelope_kw = self._envelope()
        return {**sent, **self._told()}

    def _reactive_kvar(self, power_kw: FloatArray) -> FloatArray:
        """Return reactive power in the baseline's ratio; where it draws none, the baseline's."""
        unasked_kw = self._baseline[POWER.name]
        share = np.ones(len(power_kw))
        np.divide(power_kw, unasked_kw, out=share, where=unasked_kw != 0.0)
        reactive: FloatArray = self._baseline[REACTIVE_POWER.name] * share
        return reactive

    def _told(self) -> Outputs:
        """Return what was shifted up to now, and what can be asked for in the next step."""
        lowest_kw, highest_kw = self._envelope_kw
        return {
            ENERGY_SHIFTED.name: self._shifted_kwh,
            POWER_MIN.name: lowest_kw,
            POWER_MAX.name: highest_kw,
            BASELINE_POWER.name: self._baseline[POWER.name],
        }

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return what was expected to be drawn unasked."""
        return self._demand.forecast(by_element=by_element)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._demand.static()
