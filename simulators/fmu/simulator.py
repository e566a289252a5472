"""FMUs as models: one instance at each connection point, or one for all."""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.exchange.exchange import PlacedExchangeConfig, elements_of
from gridloom.simulators.fmu.archive import open_archive
from gridloom.simulators.fmu.instance import Experiment
from gridloom.simulators.fmu.parameters import PerElement, start_values
from gridloom.simulators.fmu.population import Population
from gridloom.simulators.fmu.wiring import refuse_several, wire
from gridloom.simulators.model import BuildContext, Direction, Inputs, Model, Outputs, Port
from gridloom.simulators.quantities import Duration, InputFile, Positive, format_duration


class FmuConfig(PlacedExchangeConfig):
    """Keys of a population of FMUs."""

    file: InputFile
    """The FMU, or the Python source of one (PythonFMU), which is then built at the start."""
    parameters: dict[str, PerElement] = Field(default_factory=dict)
    """Values to start with, in the FMU's own units: one for all or one each by connection point."""
    tolerance: Positive | None = None
    """Relative tolerance of the FMU's own solver; its own choice unless given."""
    instance_name: Annotated[str, Field(min_length=1)] | None = None
    """What the FMU is told it is called, before the connection point; by default as here."""
    communication_step: Duration | None = None
    """Time between two exchanges, a divisor of `step_size`: powers are means over them."""
    logging: bool = False
    """Whether the FMU logs all it does, or only warnings and errors (if it tells them apart)."""

    @model_validator(mode="after")
    def _exchanges(self) -> Self:
        if not (self.sends or self.receives):
            raise ValueError("expected at least one of the keys sends, receives")
        return self


class Fmu(Model):
    """A Functional Mock-up Unit for co-simulation, by FMI 2.0 or 3.0.

    Nothing of the FMU runs until the simulation begins; it runs in this process unless `placement`
    says otherwise. The inputs of a step hold during the step. An output is the FMU's value at the
    end of a communication step; for signals whose cell method is 'mean', it stands for that step,
    and several of them in one step are averaged.

    Standard: FMI 2.0.4, sections 2.1 and 4.2; FMI 3.0, sections 2.2 and 4.2.
    """

    Config = FmuConfig

    def __init__(self, config: FmuConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        self._elements = elements_of(config, context)
        self._parts = _parts(config)
        path = context.file(config.file, "file")
        self._archive = open_archive(path)
        self._wiring = wire(config, self._archive, self._elements)
        refuse_several(self._archive, self._wiring)
        self._starts = start_values(config.parameters, self._archive, self._wiring, self._elements)
        self._experiment = Experiment(
            stop_time_s=float(context.duration_s), tolerance=config.tolerance
        )
        self._shown = config.logging
        self._instance_name = config.instance_name
        self._population: Population | None = None

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        ways = (
            (Direction.INPUT, self._wiring.receives),
            (Direction.OUTPUT, self._wiring.sends),
        )
        return tuple(
            Port(signal=each.exchanged.signal, direction=direction, elements=self._elements)
            for direction, wires in ways
            for each in wires
        )

    @override
    def initial_outputs(self) -> Outputs:
        return self._shaped(self._started().outputs(0))

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        outputs = self._started().step(time, self.step_size, self._parts, inputs)
        return self._shaped(outputs)

    @override
    def remarks(self) -> tuple[str, ...]:
        return self._archive.remarks

    @override
    def close(self) -> None:
        if self._population is not None:
            self._population.close()

    def _started(self) -> Population:
        """Return the instances, made at first use: reading a scenario runs no native code."""
        if self._population is None:
            population = Population(
                self.name, self._archive, self._wiring, self._instance_name or self.name
            )
            population.open(self._starts, self._experiment, shown=self._shown)
            self._population = population
        return self._population

    def _shaped(self, outputs: Outputs) -> Outputs:
        if self._elements is not None:
            return outputs
        return {name: np.reshape(values, ()) for name, values in outputs.items()}


def _parts(config: FmuConfig) -> int:
    """Return how many communication steps a step has."""
    if config.communication_step is None:
        return 1
    if config.step_size % config.communication_step == 0:
        return config.step_size // config.communication_step
    raise ScenarioError(
        Problem(
            message=f"{format_duration(config.communication_step)} does not divide the step of "
            f"{format_duration(config.step_size)}",
            key=("communication_step",),
            expected="a divisor of step_size",
        )
    )
