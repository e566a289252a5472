"""All instances of one FMU: from the archive to numbers a step, and back to nothing."""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.fmu.archive import Archive
from gridloom.simulators.fmu.fmi2 import Fmi2Instance
from gridloom.simulators.fmu.fmi3 import Fmi3Instance
from gridloom.simulators.fmu.instance import Bank, Experiment, Instance, new_bank
from gridloom.simulators.fmu.interpreter import check_module, forget_modules
from gridloom.simulators.fmu.parameters import Start
from gridloom.simulators.fmu.wiring import Wire, Wiring
from gridloom.simulators.model import FloatArray, Inputs, Outputs


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where the values of one signal lie in a bank."""

    wire: Wire
    view: NDArray[Any]
    """(element,) of the bank's memory; (1,) for a model as a whole."""

    def put(self, ours: FloatArray) -> None:
        """Write a signal's values; where one is not known (NaN), the FMU keeps the last one."""
        theirs = self.wire.exchanged.outward(ours)
        known = ~np.isnan(theirs)
        if not self.wire.type.is_real:
            theirs = _whole(np.where(known, theirs, 0.0), self.view.dtype)
        np.copyto(self.view, theirs, where=known, casting="unsafe")

    def get(self) -> FloatArray:
        """Return the signal's values."""
        return self.wire.exchanged.inward(self.view.astype(np.float64))


class Population:
    """The running instances of an FMU; use `close`, whatever happens."""

    def __init__(self, name: str, archive: Archive, wiring: Wiring, instance_name: str) -> None:
        self._name = name
        self._instance_name = instance_name
        self._archive = archive
        self._wiring = wiring
        count = len(wiring.instances)
        self._inputs, self._received = _banks(wiring.receives, count, for_all=wiring.for_all)
        self._outputs, self._sent = _banks(wiring.sends, count, for_all=wiring.for_all)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._instances: list[Instance] = []

    def open(self, starts: Sequence[Start], experiment: Experiment, *, shown: bool) -> None:
        """Unpack the FMU once, then load, start and initialise every instance.

        Raises:
            SimulatorError: an instance failed; those before it are freed.
        """
        self._folder = tempfile.TemporaryDirectory(
            prefix="gridloom-fmu-", ignore_cleanup_errors=True
        )
        folder = Path(self._folder.name).resolve()
        kind = Fmi2Instance if self._archive.major_version == 2 else Fmi3Instance  # noqa: PLR2004
        by_row: defaultdict[int, list[Start]] = defaultdict(list)
        for start in starts:
            by_row[start.instance].append(start)
        try:
            self._unpack(folder)
            for row, element in enumerate(self._wiring.instances):
                label = f"{self._instance_name}.{element}" if element else self._instance_name
                self._instances.append(kind(self._archive, folder, label, shown=shown))
                self._open_one(row, by_row[row], experiment)
        except BaseException:
            self.close()
            raise

    def _unpack(self, folder: Path) -> None:
        try:
            self._archive.extract(folder)
        except Exception as error:
            raise SimulatorError(
                self._name, None, f"the FMU cannot be unpacked: {error}"
            ) from error
        check_module(self._name, folder)

    def _open_one(self, row: int, starts: Sequence[Start], experiment: Experiment) -> None:
        instance = self._instances[row]
        try:
            instance.start(starts, experiment)
            instance.connect(self._inputs, self._outputs, row)
            instance.read()
        except Exception as error:
            raise self._failure(row, None, instance.cause(error)) from error

    def step(self, time: int, step_s: int, parts: int, inputs: Inputs) -> Outputs:
        """Advance all instances by ``parts`` communication steps, together ``step_s``.

        Returns:
            The outputs at the end of the step, or means of the ends of its parts for signals
            whose cell method is 'mean'.
        """
        for terminal in self._received:
            terminal.put(inputs[terminal.wire.exchanged.signal.name])
        size = step_s // parts
        for row, instance in enumerate(self._instances):
            try:
                instance.write()
            except Exception as error:
                raise self._failure(row, time, instance.cause(error)) from error
        latest = self._advance(time, size)
        if parts == 1:
            return latest
        totals = dict(latest)
        for begin in range(time + size, time + step_s, size):
            latest = self._advance(begin, size)
            totals = {name: np.asarray(totals[name] + latest[name]) for name in latest}
        averaged = {
            each.wire.exchanged.signal.name
            for each in self._sent
            if each.wire.exchanged.signal.cell_method == "mean"
        }
        return {
            name: np.asarray(totals[name] / parts) if name in averaged else values
            for name, values in latest.items()
        }

    def _advance(self, time: int, size: int) -> Outputs:
        for row, instance in enumerate(self._instances):
            try:
                instance.do_step(time, size)
                instance.read()
            except Exception as error:
                raise self._failure(row, time, instance.cause(error)) from error
        return self.outputs(time)

    def outputs(self, time: int) -> Outputs:
        """Return what the instances last sent.

        Raises:
            SimulatorError: a value is not finite though its signal has to be.
        """
        latest: Outputs = {}
        for terminal in self._sent:
            signal = terminal.wire.exchanged.signal
            values = terminal.get()
            if not (signal.may_be_nan or np.isfinite(values).all()):
                self._refuse(terminal, values, time)
            latest[signal.name] = values
        return latest

    def close(self) -> None:
        """Terminate and free all instances, delete the folder; safe to call more than once."""
        instances, self._instances = self._instances, []
        callable_ = not any(instance.fatal for instance in instances)
        for instance in reversed(instances):
            instance.close(callable_=callable_)
        if self._folder is not None:
            forget_modules(Path(self._folder.name).resolve())
            self._folder.cleanup()
            self._folder = None

    def _refuse(self, terminal: Terminal, values: FloatArray, time: int) -> None:
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        variables = terminal.wire.variables
        variable = variables[place] if len(variables) > 1 else variables[0]
        instance = self._instances[0 if self._wiring.for_all else place]
        cause = f"its output '{variable.name}' is {values[place]:g}{instance.messages.tail()}"
        element = self._wiring.elements[place] if self._wiring.elements else ""
        raise SimulatorError(self._name, time, cause, element=element)

    def _failure(self, row: int, time: int | None, cause: str) -> SimulatorError:
        return SimulatorError(self._name, time, cause, element=self._wiring.instances[row])


def _banks(
    wires: Sequence[Wire], instances: int, *, for_all: bool
) -> tuple[list[Bank], list[Terminal]]:
    """Lay out the values of all signals, by type; banks in the order of first use."""
    banks: list[Bank] = []
    terminals: dict[str, Terminal] = {}
    for type_ in dict.fromkeys(wire.type.function for wire in wires):
        group = [wire for wire in wires if wire.type.function == type_]
        variables = [variable for wire in group for variable in wire.variables]
        references = [variable.reference for variable in variables]
        sizes = [sum(variable.size for variable in wire.variables) for wire in group]
        bank = new_bank(group[0].type, references, sum(sizes), instances)
        banks.append(bank)
        begin = 0
        for wire, size in zip(group, sizes, strict=True):
            row = bank.values[0, begin : begin + size]
            view = row if for_all else bank.values[:, begin]
            terminals[wire.exchanged.signal.name] = Terminal(wire=wire, view=view)
            begin += size
    return banks, [terminals[wire.exchanged.signal.name] for wire in wires]


def _whole(numbers: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return floating-point numbers as the integers, or truth values, that they stand for."""
    if dtype == np.bool_:
        return np.asarray(numbers != 0)
    limits = np.iinfo(dtype)
    highest = np.nextafter(float(limits.max) + 1.0, 0.0)  # the largest float below the limit
    return np.clip(np.rint(numbers), limits.min, highest).astype(dtype)
