"""A simulator class in this process, its waits bounded as if it were in another.

Its methods run in a thread of their own. Whatever goes in and out passes through JSON, so that a
value which could not cross a socket is noticed here too.
"""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from gridloom.simulators.external.local import LocalPeer
from gridloom.simulators.remote.channel import Answer, RemoteFailure, with_traceback
from gridloom.simulators.remote.peer import PeerFailure

_Request: TypeAlias = tuple[str, list[Any], dict[str, Any], "asyncio.Future[Any]"]
_FINISH = "finalize"


class InProcessPeer:
    """Answers calls as a `Peer` does. A thread that hangs is left behind; it dies with us."""

    def __init__(self, simulator: type[Any], answer: Answer) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, args=(simulator, answer), daemon=True)
        self._thread.start()

    async def call(self, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """Return what the method returns.

        Raises:
            PeerFailure: it raised something, did not return in time, or returned what JSON cannot
                express.
        """
        args_copy, kwargs_copy = json.loads(json.dumps([args, kwargs]))
        reply: asyncio.Future[Any] = self._loop.create_future()
        self._requests.put((method, args_copy, kwargs_copy, reply))
        try:
            async with asyncio.timeout(timeout_s):
                text = await reply
        except TimeoutError:
            raise PeerFailure(f"it did not answer '{method}' within {timeout_s:g} s") from None
        return json.loads(text)

    async def stop(self, timeout_s: float) -> str:
        """Let the simulator finish; return what went wrong, or ''."""
        try:
            complaint: str = await self.call(_FINISH, timeout_s=timeout_s)
        except PeerFailure:
            return f"did not end within {timeout_s:g} s of being asked to"
        finally:
            self._requests.put(None)
        return complaint

    def _serve(self, simulator: type[Any], answer: Answer) -> None:
        """Run the simulator's methods, one after the other."""
        with asyncio.Runner() as runner:
            peer: LocalPeer | None = None
            while (request := self._requests.get()) is not None:
                method, args, kwargs, reply = request
                try:
                    if peer is None:
                        peer = LocalPeer(simulator(), answer, plain=False)
                    work = self._work(peer, method, args, kwargs)
                    outcome: Any = json.dumps(runner.run(work))
                except PeerFailure as failure:
                    outcome = failure
                except Exception as error:  # noqa: BLE001 -- whatever it raises is its failure
                    outcome = _failure(error)
                with suppress(RuntimeError):  # the check is over, nobody waits any more
                    self._loop.call_soon_threadsafe(_settle, reply, outcome)

    @staticmethod
    def _work(
        peer: LocalPeer, method: str, args: list[Any], kwargs: dict[str, Any]
    ) -> Coroutine[Any, Any, Any]:
        if method == _FINISH:
            return peer.stop(0)
        return peer.call(method, *args, timeout_s=0, **kwargs)


def _settle(reply: "asyncio.Future[Any]", outcome: object) -> None:
    if reply.done():
        return
    if isinstance(outcome, PeerFailure):
        reply.set_exception(outcome)
    else:
        reply.set_result(outcome)


def _failure(error: Exception) -> PeerFailure:
    kind, message, *rest = with_traceback(error)
    return PeerFailure(f"{kind}: {message}", remote=RemoteFailure(kind, message, "".join(rest)))
