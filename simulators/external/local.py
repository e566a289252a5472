"""A foreign simulator's Python class in this process, spoken to as if it were in another."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gridloom.simulators.errors import GridloomError
from gridloom.simulators.remote.channel import Answer, RemoteFailure, with_traceback
from gridloom.simulators.remote.peer import PeerFailure
from gridloom.simulators.remote.text import printable


class LocalPeer:
    """Calls the methods of a simulator object; failures look like those of a `Peer`."""

    def __init__(self, simulator: Any, answer: Answer, *, plain: bool = True) -> None:
        """Make a peer of a simulator.

        Args:
            simulator: the object whose methods are called.
            answer: answers what it asks of mosaik.
            plain: whether NumPy's numbers and arrays are taken as Python's.
        """
        self._simulator = simulator
        self._convert = _plain if plain else _as_it_is
        simulator.mosaik = _MosaikCalls(answer)

    async def call(self, method: str, /, *args: Any, timeout_s: float, **kwargs: Any) -> Any:  # noqa: ARG002
        """Return what the method returns, as it would come through a connection.

        The watchdog of the run bounds its time.

        Raises:
            PeerFailure: it raised something.
        """
        with as_failure():
            function = getattr(self._simulator, method)
            kwargs = _known_to(function, kwargs)
            if not inspect.isgeneratorfunction(function):
                return self._convert(function(*args, **kwargs))
            return self._convert(await _drive(function(*args, **kwargs)))

    def interrupt(self) -> None:
        """Do nothing: a call in this process is never waited for."""

    async def stop(self, timeout_s: float) -> str:  # noqa: ARG002
        """Let the simulator finish; return what went wrong, or ''."""
        try:
            self._simulator.finalize()
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- the others are to stop as well
            return f"did not end well: {type(error).__name__}: {error}"
        return ""


class _MosaikCalls:
    """What a simulator finds as `self.mosaik`: coroutines, which it yields or awaits."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)

        async def ask(*args: Any, **kwargs: Any) -> Any:
            return await self._answer(method, list(args), kwargs)

        return ask


def _plain(value: Any) -> Any:
    """Return a copy of a value with NumPy's numbers and arrays as Python's, as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _as_it_is(value: Any) -> Any:
    return value


async def _drive(generator: Any) -> Any:
    """Run a method that yields its requests to mosaik."""
    try:
        request = next(generator)
        while True:
            try:
                answer = await request
            except Exception as error:  # noqa: BLE001 -- the simulator may know what to do
                request = generator.throw(error)
            else:
                request = generator.send(answer)
    except StopIteration as end:
        return end.value


def _known_to(function: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out the time resolution where a simulator of API 2 does not know it."""
    if "time_resolution" not in kwargs:
        return kwargs
    parameters = inspect.signature(function).parameters.values()
    if any(p.name == "time_resolution" or p.kind is p.VAR_KEYWORD for p in parameters):
        return kwargs
    return {name: value for name, value in kwargs.items() if name != "time_resolution"}


@contextmanager
def as_failure() -> Iterator[None]:
    """Let whatever a simulator raises look as if it had come from another process.

    Raises:
        PeerFailure: it raised something, or wanted to end the process.
    """
    try:
        yield
    except GridloomError:  # the watchdog's
        raise
    except (Exception, SystemExit) as error:
        kind, message, *rest = (printable(part) for part in with_traceback(error))
        failure = RemoteFailure(kind, message, "".join(rest).rstrip())
        raise PeerFailure(f"{kind}: {message}", remote=failure) from error
