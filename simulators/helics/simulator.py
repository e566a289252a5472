"""A federation of HELICS as a model: through it, federates in any language take part in a run."""

from typing import ClassVar

from typing_extensions import override

from gridloom.simulators.exchange.exchange import elements_of
from gridloom.simulators.helics.config import HelicsConfig
from gridloom.simulators.helics.federation import Federation
from gridloom.simulators.helics.variables import Variable, variables
from gridloom.simulators.model import BuildContext, Direction, Inputs, Model, Outputs, Port
from gridloom.simulators.quantities import ModelConfig


class HelicsFederation(Model):
    """Federates of HELICS, coupled to gridloom's models through gridloom's own federate.

    What the federation publishes at a time in [t, t + step_size) is what this model sends for the
    step at t, the last value counting; what it receives for that step is there for every federate
    that acts at t or later. Values hold until others come. Federates that publish initial values
    in HELICS' initialising mode tell controllers what holds at time 0.

    Nothing is started before the run begins.
    """

    Config: ClassVar[type[ModelConfig]] = HelicsConfig

    def __init__(self, config: HelicsConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        elements = elements_of(config, context)
        sends = variables(config, "sends", elements)
        receives = variables(config, "receives", elements)
        self._federation = Federation(config, context, sends=sends, receives=receives)
        self._initial: Outputs | None = None

        def ports(of: list[Variable], direction: Direction) -> tuple[Port, ...]:
            signals = (each.exchanged.signal for each in of)
            return tuple(Port(signal=s, direction=direction, elements=elements) for s in signals)

        self._ports = (*ports(receives, Direction.INPUT), *ports(sends, Direction.OUTPUT))

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def initial_outputs(self) -> Outputs:
        if self._initial is None:
            self._initial = self._federation.start()
        return self._initial

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        self.initial_outputs()  # starts the federation where nobody has asked yet
        return self._federation.step(time, inputs)

    @override
    def close(self) -> None:
        self._federation.close()
