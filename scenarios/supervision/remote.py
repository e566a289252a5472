"""Models that are computed elsewhere: served by gridloom in another process, or foreign."""

import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from typing_extensions import override

from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import GridloomError, Key, Problem, ScenarioError, SimulatorError
from gridloom.simulators.external.local import LocalPeer, as_failure
from gridloom.simulators.external.stepping import ForeignStepper, find_class
from gridloom.simulators.model import Inputs, Model, Outputs
from gridloom.simulators.quantities import Connect, ModelConfig
from gridloom.simulators.remote.arrays import pack, unpack
from gridloom.simulators.remote.channel import Answer, refuse
from gridloom.simulators.remote.failures import raised_anew
from gridloom.simulators.remote.peer import (
    TOKEN_VARIABLE,
    Peer,
    PeerFailure,
    Program,
    connect,
    spawn,
)
from gridloom.simulators.remote.serving import BLUEPRINT, port_table


class RemoteModel(ABC):
    """A model whose steps another process computes; the coroutines of one run."""

    def __init__(self, model: Model, config: ModelConfig, key: Key, supervisor: Supervisor) -> None:
        self.model = model
        self.config = config
        self._key = key
        self.busy_s = 0.0
        """Wall time spent in the model's steps; of a foreign simulator, also on the way to it."""
        self.is_here = False
        """Whether its steps block this very process: a foreign simulator's Python class."""
        self.complaint = ""
        """What did not go well at the end."""
        self.initial_outputs: Outputs = {}
        """What is known at time 0 before any step, see `Model.initial_outputs`."""
        self._supervisor = supervisor
        self._peer: Peer | LocalPeer | None = None
        self._time: int | None = None
        supervisor.watch(self)

    async def start(self) -> None:
        """Start the other side, or connect to it.

        Raises:
            GridloomError: it cannot be started, or is not what was expected.
        """
        try:
            await self._supervisor.unless_fault(self._start())
        except (PeerFailure, GridloomError) as failure:
            self._supervisor.check()  # whatever happened then is a consequence
            error = self._error(failure) if isinstance(failure, PeerFailure) else failure
            if isinstance(error, ScenarioError):
                error = error.below(self._key)
            self._supervisor.report(error)  # nobody else needs to start any more
            raise error from failure

    async def advance(self, time: int, arrays: Inputs) -> Outputs:
        """Let the other side step, and return what the model sends.

        Raises:
            GridloomError: it failed, or another simulator of the run did.
        """
        self._supervisor.check()
        self._time = time
        self._supervisor.time = time
        try:
            return await self._advance(time, arrays)
        except PeerFailure as failure:
            raise self._error(failure) from failure

    async def set_up(self) -> None:
        """Tell the other side that everything is connected."""
        try:
            await self._set_up()
        except PeerFailure as failure:
            raise self._error(failure) from failure

    async def summary(self) -> Mapping[str, float]:
        """Return the model's counters of the run."""
        return {}

    async def stop(self) -> None:
        """Let the other side finish, and end it; never fails."""
        peer, self._peer = self._peer, None
        if peer is None:
            return
        try:
            self.complaint = await peer.stop(float(self.config.stop_timeout))
        except Exception as error:  # noqa: BLE001 -- the others are to be stopped all the same
            self.complaint = f"could not be stopped: {type(error).__name__}: {error}"

    def interrupt(self) -> None:
        """Stop waiting for the other side."""
        if self._peer is not None:
            self._peer.interrupt()

    @abstractmethod
    async def _start(self) -> None:
        """Make `_peer`, and prepare it for `_advance`."""

    @abstractmethod
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        """Let the other side step."""

    async def _set_up(self) -> None:  # noqa: B027 -- a served model does not care
        """Tell the other side that everything is connected."""

    def _ended(self, failure: PeerFailure) -> None:
        """Note that the other side ended while nobody was waiting for it."""
        self._supervisor.report(self._error(failure))

    def _error(self, failure: PeerFailure) -> GridloomError:
        """Return what ends the run: the first fault, or this failure as an error with its time."""
        if self._supervisor.fault is not None:
            return self._supervisor.fault
        error: GridloomError | None = None
        if failure.remote is not None:
            error = raised_anew(self.model.name, failure.remote)
        if error is None:
            error = SimulatorError(self.model.name, self._time, failure.cause)
            if failure.remote is not None and failure.remote.traceback:
                error.add_note(_quoted("as it says itself", failure.remote.traceback))
        if failure.output:
            error.add_note(_quoted("what its process wrote last", failure.output))
        return error


class ServedRemote(RemoteModel):
    """A model of gridloom, built and stepped by `gridloom serve` or a process of our own."""

    def __init__(
        self,
        model: Model,
        config: ModelConfig,
        key: Key,
        supervisor: Supervisor,
        blueprint: Blueprint,
    ) -> None:
        super().__init__(model, config, key, supervisor)
        self._blueprint = blueprint

    @override
    async def summary(self) -> Mapping[str, float]:
        try:
            return dict(await self._call("summary"))
        except PeerFailure as failure:
            raise self._error(failure) from failure

    @override
    async def _start(self) -> None:
        timeout_s = float(self.config.start_timeout)
        placement = self.config.placement
        if isinstance(placement, Connect):
            token = os.environ.get(TOKEN_VARIABLE, "")
            self._peer = await connect(
                placement.connect, on_end=self._ended, timeout_s=timeout_s, token=token
            )
            blueprint = self._blueprint.with_files()
        else:
            command = (sys.executable, "-m", "gridloom.scenarios.serving", "{address}")
            program = Program(command=command, shows_token=True)
            self._peer = await spawn(program, on_end=self._ended, timeout_s=timeout_s)
            blueprint = self._blueprint
        answer = await self._peer.call(
            "init",
            self.model.name,
            timeout_s=timeout_s,
            time_resolution=1.0,
            **{BLUEPRINT: blueprint.as_json(self.model.name)},
        )
        theirs = answer.get("ports") if isinstance(answer, dict) else None
        if theirs != port_table(self.model):
            raise PeerFailure("it serves a model with other ports: is it the same gridloom?")
        self.initial_outputs = unpack(answer["initial_outputs"])

    @override
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        answer = await self._call("advance", time, pack(arrays))
        try:
            packed, busy_s = answer
            self.busy_s += float(busy_s)
            return unpack(packed)
        except (TypeError, ValueError) as error:
            raise PeerFailure(f"its answer to 'advance' cannot be read: {error}") from error

    async def _call(self, method: str, *args: Any) -> Any:
        assert self._peer is not None  # noqa: S101 -- `start` comes first
        return await self._peer.call(method, *args, timeout_s=float(self.config.step_timeout))


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


def _quoted(title: str, text: str) -> str:
    return "\n    ".join([f"{title}:", *text.splitlines()])
