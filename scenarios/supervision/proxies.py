"""How mosaik reaches the models: in this process on guard, elsewhere without ever hanging."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from mosaik.proxies import BaseProxy, LocalProxy
from mosaik.starters import Starter
from mosaik_api_v3 import MosaikProxy
from mosaik_api_v3.types import Meta
from typing_extensions import override

from gridloom.scenarios.run_folder import Interrupted
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.scenarios.tracing import Stopwatch
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.mosaik_adapter import ModelSimulator

_API_VERSION = [3, 0]

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


class InProcessProxy(LocalProxy):
    """A simulator in this process, whose steps the watchdog times."""

    def __init__(
        self,
        simulator: ModelSimulator,
        mosaik_remote: MosaikProxy,
        guard: tuple[Supervisor, Watchdog, Stopwatch],
        limit_s: float,
    ) -> None:
        super().__init__(simulator, mosaik_remote)
        self._simulator = simulator
        self._supervisor, self._watchdog, self._stopwatch = guard
        self._limit_s = limit_s

    @override
    async def send(self, request: Any) -> Any:
        method, args, kwargs = request
        simulator = self._simulator
        if method != "step":
            return getattr(simulator, method)(*args, **kwargs)
        self._supervisor.check()
        time = args[0]
        self._supervisor.time = time
        self._watchdog.begin(simulator.model.name, time, self._limit_s)
        self._stopwatch.begin(time)
        try:
            with _no_way_out(simulator.model.name, time):
                return simulator.step(*args)
        finally:
            self._stopwatch.end(simulator.busy_s)
            self._watchdog.end()

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
    ) -> None:
        super().__init__()
        self._watchdog, self._stopwatch = guard
        self._simulator = simulator
        self._remote = remote

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
            self._stopwatch.begin(time)
            try:
                outputs = await self._advance(time, simulator.receive(args[1], time))
                simulator.busy_s = self._remote.busy_s
                return simulator.accept(outputs, time)
            finally:
                self._stopwatch.end(self._remote.busy_s)
        if method == "setup_done":
            return await self._remote.set_up()
        return getattr(simulator, method)(*args, **kwargs)

    @override
    async def stop(self) -> None:
        """Do nothing: the composer stops the other side."""

    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        remote, name = self._remote, self._simulator.model.name
        if not remote.is_here:
            return await remote.advance(time, arrays)
        self._watchdog.begin(name, time, float(remote.config.step_timeout))
        try:
            with _no_way_out(name, time):
                return await remote.advance(time, arrays)
        finally:
            self._watchdog.end()


@contextmanager
def _no_way_out(name: str, time: int) -> Iterator[None]:
    """Turn what would end this very process into errors that end the run in order.

    Raises:
        SimulatorError: the model called `sys.exit`.
        Interrupted: the user pressed Ctrl-C for the second time.
    """
    try:
        yield
    except SystemExit as error:
        raise SimulatorError(name, time, f"SystemExit: {error}") from error
    except KeyboardInterrupt as error:
        raise Interrupted(signal.SIGINT, time) from error
