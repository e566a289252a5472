"""Instances of FMUs by FMI 3.0."""

import ctypes
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from gridloom.simulators.fmu.instance import Bank, Experiment, Instance, InstanceFailure
from gridloom.simulators.fmu.messages import fmi3_logger


class Fmi3Instance(Instance):
    """An instance by FMI 3.0 for co-simulation, without event mode or early return."""

    prefix = "fmi3"

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self._event, self._end, self._early = (ctypes.c_bool() for _ in range(3))
        self._reached = ctypes.c_double()

    @override
    def _load(self, **arguments: Any) -> Any:
        from fmpy.fmi3 import FMU3Slave

        return FMU3Slave(**arguments)

    @override
    def _instantiate(self, *, shown: bool) -> None:
        self._fmu.instantiate(loggingOn=shown, logMessage=fmi3_logger(self.messages))

    @override
    def _initialise(self, experiment: Experiment) -> None:
        self._fmu.enterInitializationMode(
            tolerance=experiment.tolerance, startTime=0.0, stopTime=experiment.stop_time_s
        )
        self._fmu.exitInitializationMode()

    @override
    def _mover(self, verb: str, bank: Bank, row: int) -> Callable[[], object]:
        return self._call(verb, bank, row, bank.values.shape[1])

    @override
    def do_step(self, time_s: float, size_s: float) -> None:
        fmu = self._fmu
        fmu.fmi3DoStep(
            fmu.component,
            time_s,
            size_s,
            True,  # noqa: FBT003 -- nobody will go back before this point
            ctypes.byref(self._event),
            ctypes.byref(self._end),
            ctypes.byref(self._early),
            ctypes.byref(self._reached),
        )
        if self._end.value:
            raise InstanceFailure("it asks to end the simulation")
        if self._early.value:
            raise InstanceFailure(f"it stopped early within the step, at {self._reached.value:g} s")
