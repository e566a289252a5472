"""Heat pumps, each with the building it heats."""

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from gridloom.simulators.building import AIR, Buildings, ThermalDynamics
from gridloom.simulators.comfort_band import ComfortBand
from gridloom.simulators.heat_gains import open_heat_gains
from gridloom.simulators.heat_pump_config import HeatPumpConfig
from gridloom.simulators.heated_buildings import HeatedBuildings, StepConditions
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.plants import opened
from gridloom.simulators.profiles.clock import LocalClock
from gridloom.simulators.profiles.forecast import ForecastConfig, interval_s, require_whole_steps
from gridloom.simulators.profiles.outdoor_temperature import open_outdoor_temperature
from gridloom.simulators.profiles.placement import per_element, points_at
from gridloom.simulators.profiles.playback import Playback
from gridloom.simulators.signals import (
    BASELINE_POWER,
    POWER,
    POWER_MAX,
    POWER_MIN,
    POWER_SETPOINT,
    REACTIVE_POWER,
)
from gridloom.simulators.steered import steered_ports
from gridloom.simulators.thermal_conditions import (
    ThermalConditions,
    ThermalSurroundings,
    WeatherErrors,
)
from gridloom.simulators.thermal_signals import (
    COEFFICIENT_OF_PERFORMANCE,
    HEAT,
    HEAT_GAIN,
    INDOOR_TEMPERATURE,
    MASS_TEMPERATURE,
    OUTDOOR_TEMPERATURE,
    TEMPERATURE_LIMIT_HIGH,
    TEMPERATURE_LIMIT_LOW,
)

_OF_EACH = (POWER, REACTIVE_POWER, INDOOR_TEMPERATURE, HEAT, HEAT_GAIN)
_FOR_CONTROLLERS = (POWER_MIN, POWER_MAX, BASELINE_POWER, MASS_TEMPERATURE)
_OF_ALL = (
    OUTDOOR_TEMPERATURE,
    COEFFICIENT_OF_PERFORMANCE,
    TEMPERATURE_LIMIT_LOW,
    TEMPERATURE_LIMIT_HIGH,
)


class HeatPump(Model):
    """Heat pumps, one at each connection point; they obey within what comfort allows.

    Setpoints are obeyed between the power that keeps the indoor air at its lower limit and the one
    that brings it to its upper limit by the end of the step, as far as the heat pump can: who
    plans within the limits is obeyed. Unasked, each would follow its own thermostat: that is its
    baseline, which the controller `thermostat` asks for.

    Temperatures are exact for conditions that keep their means over a step: see `building`.
    """

    Config = HeatPumpConfig

    def __init__(self, config: HeatPumpConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="heat_pump", owner=self.name, names=points, connection_points=points
        )
        self.until_s = -(-context.duration_s // config.step_size) * config.step_size
        """End of the last step."""
        self.rated_power_kw = per_element(
            config.rated_power_kw, points, "rated_power_kw", "heat pump"
        )
        """(heat pump,), electrical."""
        self._config = config
        self._buildings = opened("building", lambda: Buildings(config.building, context, points))
        self._actual, self._expected = _surroundings(config, context, points, self.until_s)
        self._comfort = ComfortBand(
            config.temperature_limits_c, config.set_back, LocalClock(context.start)
        )
        self._ports = (
            *steered_ports(self.elements, _OF_EACH, _FOR_CONTROLLERS),
            *(Port(signal=signal, direction=Direction.OUTPUT) for signal in _OF_ALL),
        )
        self._playback = Playback(self._conditions, config.step_size, self.until_s)
        self._now = self._playback.at(0)
        rng = context.rng("thermostat")
        self.initial_temperature_c = self._initial_temperature(rng)
        """(heat pump, node)"""
        self._initially_on = self._initial_switches(rng)
        self._heated = self._at_the_start(config.step_size)
        self._heated.meet(_met(self._now))

    @property
    def nodes(self) -> int:
        """How many temperatures each building has: 1 (1R1C) or 2 (2R2C: air and mass)."""
        return self._buildings.nodes

    def dynamics(self, interval_s: int) -> ThermalDynamics:
        """Return what becomes of temperatures over intervals of this length."""
        return self._buildings.dynamics(interval_s)

    def comfort_limits_c(self, interval_s: int) -> tuple[FloatArray, FloatArray]:
        """Return the limits of the indoor temperature at the ends of the run's intervals.

        Returns:
            Lowest and highest: (interval,) each. They are those of the interval's last step.

        Raises:
            ScenarioError: an interval is no whole number of steps.
        """
        require_whole_steps(interval_s, self.step_size)
        begins_s = np.arange(0, self.until_s, interval_s)
        return self._comfort.at(np.minimum(begins_s + interval_s, self.until_s) - self.step_size)

    def expected_conditions(self, interval_s: int) -> ThermalConditions:
        """Return what is expected day-ahead of the run's intervals, see `ThermalForecastConfig`.

        The last interval may be cut short by the end of the run.

        Raises:
            ScenarioError: an interval is no whole number of steps.
        """
        require_whole_steps(interval_s, self.step_size)
        return self._expected.means(0, self.until_s, interval_s)

    def actual_conditions(self, interval_s: int) -> ThermalConditions:
        """Return what will come true, for baselines and bounds with perfect information.

        Raises:
            ScenarioError: an interval is no whole number of steps.
        """
        require_whole_steps(interval_s, self.step_size)
        return self._actual.means(0, self.until_s, interval_s)

    def _conditions(self, start: int, stop: int) -> Outputs:
        """Return what the steps in [start, stop) meet."""
        met = self._actual.means(start, stop, self.step_size)
        return _by_signal(met, self._comfort.at(np.arange(start, stop, self.step_size)))

    def _initial_temperature(self, rng: np.random.Generator) -> FloatArray:
        """Return the temperatures at the start, all of a building alike: (heat pump, node)."""
        given, points = self._config.initial_temperature_c, self.elements.names
        low_c, high_c = _met(self._now).limits_c
        off_c = min(low_c + self._config.hysteresis_k, high_c)
        air_c = rng.uniform(low_c, off_c, len(points))
        if given is not None:
            air_c = per_element(given, points, "initial_temperature_c", "building")
        return np.repeat(air_c[:, np.newaxis], self.nodes, axis=1)

    def _initial_switches(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw which thermostats are on: with the share of time that steady heating takes."""
        met = _met(self._now)
        warmer_k = self.initial_temperature_c[:, AIR] - met.outdoor_temperature_c
        heat_kw = self._buildings.heat_loss_kw_per_k * warmer_k - met.heat_gain_kw
        share = heat_kw / (met.coefficient_of_performance * self.rated_power_kw)
        on: NDArray[np.bool_] = rng.random(len(self.elements)) < share
        return on

    def _at_the_start(self, interval_s: int) -> HeatedBuildings:
        """Return the buildings as they are at the start, to be stepped by ``interval_s``."""
        return HeatedBuildings(
            self.dynamics(interval_s),
            self.rated_power_kw,
            self._config.hysteresis_k,
            self.initial_temperature_c,
            on=self._initially_on,
        )

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        return self._told()

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        met = self._now
        power_kw = np.clip(inputs[POWER_SETPOINT.name], *self._heated.power_limits_kw)
        heat_kw = power_kw * met[COEFFICIENT_OF_PERFORMANCE.name]
        self._heated.heat(heat_kw)
        following = time + self.step_size
        if following < self.until_s:
            self._now = self._playback.at(following)
            self._heated.meet(_met(self._now))
        return {
            POWER.name: power_kw,
            REACTIVE_POWER.name: power_kw * self._config.tan_phi,
            HEAT.name: heat_kw,
            HEAT_GAIN.name: met[HEAT_GAIN.name],
            **{signal.name: np.asarray(met[signal.name]) for signal in _OF_ALL},
            **self._told(),
        }

    def _told(self) -> Outputs:
        """Return temperatures at the end of a step, and what is possible and wanted in the next."""
        temperature_c = self._heated.temperature_c
        lowest_kw, highest_kw = self._heated.power_limits_kw
        return {
            INDOOR_TEMPERATURE.name: temperature_c[:, AIR],
            MASS_TEMPERATURE.name: temperature_c[:, -1],
            POWER_MIN.name: lowest_kw,
            POWER_MAX.name: highest_kw,
            BASELINE_POWER.name: self._heated.wanted_kw,
        }

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        """Return what the thermostats are expected to draw, in the weather that is expected."""
        length_s = interval_s(ForecastConfig(), self.step_size)
        expected = self.expected_conditions(length_s)
        by_signal = _by_signal(expected, self.comfort_limits_c(length_s))
        heated = self._at_the_start(length_s)
        power_kw = np.empty_like(expected.heat_gain_kw)
        for row in range(len(power_kw)):
            heated.meet(_met({name: block[row] for name, block in by_signal.items()}))
            power_kw[row] = heated.wanted_kw
            heated.heat(heated.wanted_kw * expected.coefficient_of_performance[row])
        drawn_kw = power_kw if by_element else power_kw.sum(axis=1)
        reactive_kvar = drawn_kw * self._config.tan_phi
        return Forecast(interval_s=length_s, power_kw=drawn_kw, reactive_power_kvar=reactive_kvar)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        buildings = self._buildings
        columns = (
            ("rated_power_kw", self.rated_power_kw, "kW"),
            ("heat_loss_kw_per_k", buildings.heat_loss_kw_per_k, "kW/K"),
            ("heat_capacity_kwh_per_k", buildings.heat_capacity_kwh_per_k.sum(axis=1), "kWh/K"),
            ("initial_temperature_c", self.initial_temperature_c[:, AIR], "degC"),
        )
        of_each = (
            StaticVariable(name=name, values=values, dimensions=(self.elements.kind,), unit=unit)
            for name, values, unit in columns
        )
        source = StaticVariable(
            name="outdoor_temperature_source",
            values=np.array(self._actual.description),
            dimensions=(),
            long_name="where the outdoor temperature comes from",
        )
        return (*of_each, source)


def _surroundings(
    config: HeatPumpConfig, context: BuildContext, points: tuple[str, ...], until_s: int
) -> tuple[ThermalSurroundings, ThermalSurroundings]:
    """Open the surroundings as they will be, and as they are expected day-ahead."""
    actual = ThermalSurroundings(
        opened(
            "outdoor_temperature",
            lambda: open_outdoor_temperature(config.outdoor_temperature, context, until_s),
        ),
        config.coefficient_of_performance,
        opened("heat_gain", lambda: open_heat_gains(config.heat_gain, context, points, until_s)),
    )
    if config.forecast == "perfect":
        return actual, actual
    return actual, actual.expected(WeatherErrors(config.forecast, context, until_s))


def _by_signal(met: ThermalConditions, limits_c: tuple[FloatArray, FloatArray]) -> Outputs:
    """Return what intervals meet: (interval,) or (interval, heat pump) each."""
    low_c, high_c = limits_c
    return {
        OUTDOOR_TEMPERATURE.name: met.outdoor_temperature_c,
        COEFFICIENT_OF_PERFORMANCE.name: met.coefficient_of_performance,
        HEAT_GAIN.name: met.heat_gain_kw,
        TEMPERATURE_LIMIT_LOW.name: low_c,
        TEMPERATURE_LIMIT_HIGH.name: high_c,
    }


def _met(step: Outputs) -> StepConditions:
    """Return what a step meets, from its arrays by signal."""
    low_c, high_c = step[TEMPERATURE_LIMIT_LOW.name], step[TEMPERATURE_LIMIT_HIGH.name]
    return StepConditions(
        outdoor_temperature_c=float(step[OUTDOOR_TEMPERATURE.name]),
        coefficient_of_performance=float(step[COEFFICIENT_OF_PERFORMANCE.name]),
        heat_gain_kw=step[HEAT_GAIN.name],
        limits_c=(float(low_c), float(high_c)),
    )
