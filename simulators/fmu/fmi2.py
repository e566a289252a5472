"""Instances of FMUs by FMI 2.0."""

from collections.abc import Callable
from typing import Any

from typing_extensions import override

from gridloom.simulators.fmu.instance import Bank, Experiment, Instance, InstanceFailure
from gridloom.simulators.fmu.messages import fmi2_callbacks

_DISCARD, _PENDING = 2, 5
_TERMINATED = 3
"""fmi2StatusKind: whether the FMU asked for the end of the simulation."""


class Fmi2Instance(Instance):
    """An instance by FMI 2.0 for co-simulation."""

    prefix = "fmi2"

    @override
    def _load(self, **arguments: Any) -> Any:
        from fmpy.fmi2 import FMU2Slave

        return FMU2Slave(**arguments)

    @override
    def _instantiate(self, *, shown: bool) -> None:
        self._fmu.instantiate(callbacks=fmi2_callbacks(self.messages), loggingOn=shown)

    @override
    def _initialise(self, experiment: Experiment) -> None:
        self._fmu.setupExperiment(
            tolerance=experiment.tolerance, startTime=0.0, stopTime=experiment.stop_time_s
        )
        self._fmu.enterInitializationMode()
        self._fmu.exitInitializationMode()

    @override
    def _mover(self, verb: str, bank: Bank, row: int) -> Callable[[], object]:
        return self._call(verb, bank, row)

    @override
    def do_step(self, time_s: float, size_s: float) -> None:
        fmu = self._fmu
        try:
            fmu.fmi2DoStep(fmu.component, time_s, size_s, 1)
        except Exception as error:
            status = getattr(error, "status", None)
            if status == _PENDING:
                raise InstanceFailure("it steps asynchronously, which is not supported") from error
            if status == _DISCARD and self._asks_for_end():
                raise InstanceFailure("it asks to end the simulation") from error
            raise

    def _asks_for_end(self) -> bool:
        try:
            return bool(self._fmu.getBooleanStatus(_TERMINATED))
        except Exception:  # noqa: BLE001 -- FMUs need not answer
            return False
