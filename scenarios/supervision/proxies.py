"""How mosaik reaches the models: in this process on guard, elsewhere without ever hanging."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from mosaik.proxies import BaseProxy, LocalProxy
from mosaik.starters import Starter
from mosaik_api_v3 import MosaikProxy
from mosaik_api_v3.types import Meta
from typing_extensions import override

from gridloom.scenarios.supervision.guard import Guard, no_way_out
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.scenarios.tracing import Stopwatch
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.mosaik_adapter import ModelSimulator

_API_VERSION = [3, 0]
_Said = TypeVar("_Said")

MakeProxy: TypeAlias = Callable[[MosaikProxy], BaseProxy]


class SuppliedStarter(Starter):
    """Hands mosaik a proxy that gridloom has made."""

    api_version = None

    def __init__(self, make: MakeProxy) -> None:
        self._make = make

    @override
    async def start(self, sim_id: str, mosaik_remote: Any, mosaik_config: Any) -> BaseProxy:
        return self._make(mosaik_remote)

    @classmethod
    @override
    def from_starter_config(cls, starter_config: Any) -> Starter | None:
        return None


Negotiate: TypeAlias = Callable[[int, Inputs], Awaitable[None]]
"""Goes through the negotiation before a step, given its time and what its leader receives."""
Sent: TypeAlias = Callable[[int, Outputs], None]
"""Takes over what the model sent for the step that began at a time."""


class InProcessProxy(LocalProxy):
    """A simulator in this process, whose steps the watchdog times."""

    def __init__(
        self, simulator: ModelSimulator, mosaik_remote: MosaikProxy, guard: Guard, sent: Sent
    ) -> None:
        super().__init__(simulator, mosaik_remote)
        self._simulator = simulator
        self._guard = guard
        self._sent = sent
        self.negotiate: Negotiate | None = None
        """What comes before each step, if the model leads a negotiation."""

    async def say(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Return what the model says in a round of a negotiation."""
        return self._guard.round(time, number, arrays)

    @override
    async def send(self, request: Any) -> Any:
        method, args, kwargs = request
        simulator = self._simulator
        if method != "step":
            return getattr(simulator, method)(*args, **kwargs)
        time, inputs, _ = args
        if self.negotiate is not None:
            await self.negotiate(time, simulator.receive(inputs, time))
        next_step = self._guard.step(time, simulator.step, *args)
        self._sent(time, simulator.latest)
        return next_step

    @override
    async def stop(self) -> None:
        """Do nothing: the composer closes the models."""


class RemoteProxy(BaseProxy):
    """A model that is computed elsewhere; its ports and entities are known here."""

    def __init__(
        self,
        simulator: ModelSimulator,
        remote: RemoteModel,
        guard: tuple[Watchdog, Stopwatch],
        sent: Sent,
    ) -> None:
        super().__init__()
        self._sent = sent
        self._watchdog, self._stopwatch = guard
        self._simulator = simulator
        self._remote = remote
        self.negotiate: Negotiate | None = None
        """What comes before each step, if the model leads a negotiation."""

    async def say(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Return what the model says in a round of a negotiation."""
        self._stopwatch.begin(time)
        try:
            said = await self._watched(time, self._remote.negotiate(time, number, arrays))
            return self._simulator.checked_round(said, time)
        finally:
            self._stopwatch.end(self._remote.busy_s, is_step=False)

    @property
    @override
    def meta(self) -> Meta:
        return self._simulator.meta

    @override
    async def init(self, sid: str, **sim_params: Any) -> list[int]:
        return _API_VERSION  # the composer has started the other side before

    @override
    async def send(self, request: Any) -> Any:
        method, args, kwargs = request
        simulator = self._simulator
        if method == "step":
            time = args[0]
            if self.negotiate is not None:
                await self.negotiate(time, simulator.receive(args[1], time))
            self._stopwatch.begin(time)
            try:
                arrays = simulator.receive(args[1], time)
                outputs = await self._watched(time, self._remote.advance(time, arrays))
                simulator.busy_s = self._remote.busy_s
                next_step = simulator.accept(outputs, time)
            finally:
                self._stopwatch.end(self._remote.busy_s)
            self._sent(time, simulator.latest)
            return next_step
        if method == "setup_done":
            return await self._remote.set_up()
        return getattr(simulator, method)(*args, **kwargs)

    @override
    async def stop(self) -> None:
        """Do nothing: the composer stops the other side."""

    async def _watched(self, time: int, work: Awaitable[_Said]) -> _Said:
        """Return what the other side says; a class in this very process must not hang."""
        remote, name = self._remote, self._simulator.model.name
        if not remote.is_here:
            return await work
        self._watchdog.begin(name, time, float(remote.config.step_timeout))
        try:
            return await work
        except (SystemExit, KeyboardInterrupt) as error:
            raise no_way_out(error, name, time) from error
        finally:
            self._watchdog.end()
