"""A foreign simulator that speaks the mosaik API, in this process or elsewhere."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from typing_extensions import override

from gridloom.controllers.external_rounds import AgentStepper
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import GridloomError, Key, Problem, ScenarioError, SimulatorError
from gridloom.simulators.external.local import LocalPeer, as_failure
from gridloom.simulators.external.stepping import ForeignStepper, find_class
from gridloom.simulators.model import Inputs, Model, Outputs
from gridloom.simulators.remote.channel import Answer, refuse
from gridloom.simulators.remote.peer import (
    Peer,
    PeerFailure,
    Program,
    connect,
    spawn,
)


class ForeignRemote(RemoteModel):
    """A foreign simulator that speaks the mosaik API, in this process or elsewhere."""

    def __init__(
        self, model: Model, stepper: ForeignStepper, key: Key, supervisor: Supervisor
    ) -> None:
        foreign = stepper.model
        super().__init__(model, foreign.config, key, supervisor)
        self._foreign = foreign
        self._stepper = stepper
        self.is_here = foreign.config.python is not None and self.config.placement == "inprocess"

    @override
    async def _start(self) -> None:
        self._peer = await self._reach(self._stepper.answer)
        await self._stepper.start(self._peer)

    @override
    async def _set_up(self) -> None:
        assert self._peer is not None  # noqa: S101 -- `start` comes first
        await self._stepper.set_up(self._peer)

    @override
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        assert self._peer is not None  # noqa: S101 -- `start` comes first
        begin = perf_counter()  # the mosaik API does not tell computing from the way there
        try:
            return await self._stepper.advance(self._peer, time, arrays)
        finally:
            self.busy_s += perf_counter() - begin

    async def _reach(self, answer: Answer = refuse) -> Peer | LocalPeer:
        config = self._foreign.config
        timeout_s = float(config.start_timeout)
        if config.python is not None and self.is_here:
            found = self._class(config.python)
            with as_failure():
                return LocalPeer(found(), answer)
        if config.connect is not None:
            return await connect(
                config.connect, on_end=self._ended, timeout_s=timeout_s, answer=answer
            )
        command = config.command
        environment = dict(config.environment)
        if config.python is not None:
            runner = "gridloom.simulators.external.runner"
            command = (sys.executable, "-m", runner, config.python, "{address}")
            paths = [str(folder.resolve()) for folder in self._foreign.context.folders]
            given = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
            environment["PYTHONPATH"] = os.pathsep.join([*paths, *given.split(os.pathsep)])
        command = command or ()
        folder = next((f for f in self._foreign.context.folders if f.is_dir()), Path())
        _require_program(command[0], environment, folder)
        program = Program(command=command, environment=environment, folder=folder)
        return await spawn(program, on_end=self._ended, timeout_s=timeout_s, answer=answer)

    def _class(self, name: str) -> type[Any]:
        from gridloom.scenarios.types import first_on_path

        with first_on_path([str(folder.resolve()) for folder in self._foreign.context.folders]):
            return find_class(name)


class AgentRemote(ForeignRemote):
    """A foreign program that takes part in negotiations; its errors say in which round."""

    def __init__(
        self, model: Model, stepper: AgentStepper, key: Key, supervisor: Supervisor
    ) -> None:
        super().__init__(model, stepper, key, supervisor)
        self._agent = stepper
        self._asked = ""
        """In which round it was asked last; nothing if it is in a step of its own."""

    @override
    async def _negotiate(self, time: int, number: int, arrays: Inputs) -> Outputs:
        assert self._peer is not None  # noqa: S101 -- `start` comes first
        self._asked = self._agent.asked_in(number)
        begin = perf_counter()
        try:
            return await self._agent.negotiate(self._peer, time, number, arrays)
        except SimulatorError as error:
            cause = f"{self._asked}{error.cause}"
            raise SimulatorError(self.model.name, time, cause, element=error.element) from None
        finally:
            self.busy_s += perf_counter() - begin

    @override
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        self._asked = ""
        return await super()._advance(time, arrays)

    @override
    def _error(self, failure: PeerFailure) -> GridloomError:
        asked = PeerFailure(
            f"{self._asked}{failure.cause}", output=failure.output, remote=failure.remote
        )
        return super()._error(asked)


def _require_program(name: str, environment: Mapping[str, str], folder: Path) -> None:
    """Refuse a command that cannot be started.

    Raises:
        ScenarioError: no file of that name is found, or it is no program.
    """
    path = folder / name if Path(name).parent != Path() else Path(name)
    if shutil.which(path, path=environment.get("PATH")) is None:
        what = "cannot be executed" if (folder / name).exists() else "does not exist"
        raise ScenarioError(
            Problem(
                message=f"the program '{name}' {what}",
                key=("command",),
                expected="a program on the search path, or the path of one from the scenario's "
                "folder",
            )
        )
