"""Models that another process computes, as a run sees them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import GridloomError, Key, ScenarioError, SimulatorError
from gridloom.simulators.external.local import LocalPeer
from gridloom.simulators.model import Inputs, Model, Outputs
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.remote.failures import raised_anew
from gridloom.simulators.remote.peer import (
    Peer,
    PeerFailure,
)


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

    async def negotiate(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Let the other side take part in a round, and return what the model says.

        Raises:
            GridloomError: it failed, or another simulator of the run did.
        """
        self._supervisor.check()
        self._time = time
        self._supervisor.time = time
        try:
            return await self._negotiate(time, number, arrays)
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

    async def _negotiate(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Let the other side take part in a round."""
        raise NotImplementedError("foreign simulators have no ports for rounds")

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


def _quoted(title: str, text: str) -> str:
    return "\n    ".join([f"{title}:", *text.splitlines()])
