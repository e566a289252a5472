"""Who may connect to the port at which gridloom waits for a simulator it has started."""

import asyncio
import secrets
from contextlib import suppress
from typing import TypeAlias

from gridloom.simulators.remote.frames import FrameError, read_frame
from gridloom.simulators.remote.who_connects import connects_from

_TOKEN_WAIT_S = 5.0

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gate:
    """Lets one connection in, the right one; made and used within one event loop."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.warden_pid: int | None = None
        """Whose descendants are ours, once that is known."""
        self.admitted: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self.refused = 0
        """How many were turned away."""
        self._asking: set[asyncio.Task[None]] = set()

    def let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Admit a connection, or close it."""
        task = asyncio.create_task(self._let_in(reader, writer))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Turn away whoever is still asking."""
        for task in self._asking:
            task.cancel()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_let_in = False
        try:
            if await self._is_ours(reader, writer) and not self.admitted.done():
                self.admitted.set_result((reader, writer))
                is_let_in = True
        finally:
            if not is_let_in:
                self.refused += 1
                writer.close()

    async def _is_ours(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self._token:
            with suppress(TimeoutError, EOFError, FrameError, ConnectionError):
                async with asyncio.timeout(_TOKEN_WAIT_S):
                    shown = await read_frame(reader, limit=1024)
                return shows(shown, self._token)
            return False
        peer = writer.get_extra_info("peername")
        if peer is None or self.warden_pid is None:
            return False
        return await asyncio.to_thread(connects_from, peer[1], self.warden_pid)


def shows(message: object, secret: str) -> bool:
    """Return whether a message is the one by which the other side shows that it knows a secret."""
    given = message.get("token") if isinstance(message, dict) else None
    if not isinstance(given, str):
        return False
    return secrets.compare_digest(given.encode(errors="replace"), secret.encode())
