"""Runs a simulator class in a process of its own: `python -m ... module:Class HOST:PORT`.

What the class does and how it fails is told as if it were in gridloom's process, also what goes
wrong before there is a simulator: its import, its constructor, its `init`.
"""

import asyncio
import math
import sys
from typing import Any

from gridloom.simulators.external.local import LocalPeer, as_failure
from gridloom.simulators.external.stepping import find_class
from gridloom.simulators.remote import failures
from gridloom.simulators.remote.channel import Channel
from gridloom.simulators.remote.peer import PeerFailure

_CHUNK_BYTES = 1024**2


class _Hosted:
    """Answers the requests of the master by calling the simulator, which `init` makes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._peer: LocalPeer | None = None
        self.channel: Channel | None = None
        """To the master; known before the first request comes."""
        self.stopped = asyncio.Event()

    async def answer(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Do what a request asks for.

        Raises:
            GridloomError: the class is no simulator.
            PeerFailure: the simulator failed.
        """
        if method == "stop":
            self.stopped.set()
            return None
        if self._peer is None:
            found = find_class(self._name)
            with as_failure():
                self._peer = LocalPeer(found(), self._ask)
        return await self._peer.call(method, *args, timeout_s=math.inf, **kwargs)

    async def finish(self) -> str:
        """Let the simulator finish; return what went wrong, or ''."""
        return "" if self._peer is None else await self._peer.stop(math.inf)

    async def _ask(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Hand what the simulator asks of mosaik on to the master."""
        assert self.channel is not None  # noqa: S101 -- set before any request is answered
        return await self.channel.call(method, *args, **kwargs)


def _explain(error: Exception) -> list[str]:
    """Say what went wrong in the words of whatever went wrong first."""
    if isinstance(error, PeerFailure) and error.remote is not None:
        return [error.remote.kind, error.remote.message, error.remote.traceback]
    return failures.explain(error)


async def _serve(name: str, host: str, port: int) -> str:
    """Serve one master until it says stop or is gone; return what went wrong at the end, or ''."""
    hosted = _Hosted(name)
    reader, writer = await asyncio.open_connection(host, port, limit=_CHUNK_BYTES)
    channel = hosted.channel = Channel(reader, writer, answer=hosted.answer, explain=_explain)
    ends = [asyncio.create_task(end.wait()) for end in (hosted.stopped, channel.closed)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    complaint = await hosted.finish()
    await channel.close()
    return complaint


def main(name: str, address: str) -> None:
    """Connect the simulator class ``name`` to the mosaik master that listens at ``address``."""
    host, _, port = address.rpartition(":")
    sys.exit(asyncio.run(_serve(name, host, int(port))) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
