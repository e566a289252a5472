"""Who may connect: to the port where gridloom waits for a simulator, and to a served model."""

import asyncio
import json
import re
import secrets
import socket
from contextlib import suppress
from typing import TypeAlias

from gridloom.simulators.remote.frames import (
    FRAME_LIMIT_BYTES,
    FrameError,
    encode,
    read_frame,
)
from gridloom.simulators.remote.who_connects import connects_from

_TOKEN_WAIT_S = 5.0
_HEADER_BYTES = 4
_OPENING_BYTES = 1024
"""What is kept of a message of somebody unknown: enough for a secret and a request's number."""
_DROP_BYTES = 64 * 1024
_REQUEST_NUMBER = re.compile(rb"\s*\[\s*0\s*,\s*(\d{1,18})\s*,")
_KEEP_ALIVE = (
    ("TCP_KEEPIDLE", 10),
    ("TCP_KEEPALIVE", 10),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
)
"""Options by name, as far as the system has them: who is silent is asked after 10 s, then every
5 s, and is gone after 3 questions. `TCP_KEEPALIVE` is what macOS calls `TCP_KEEPIDLE`."""

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


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system notice a host that has gone without a word, as after a power cut."""
    connection = writer.get_extra_info("socket")
    if connection is None:
        return
    with suppress(OSError):  # it works without
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            option = getattr(socket, name, None)
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def knows(
    secret: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: str
) -> bool:
    """Return whether whoever connected shows the secret; else fail their first request.

    Of their messages only the beginning is kept, whatever their length.

    Raises:
        FrameError: a message is too long.
        EOFError: they closed the connection.
        OSError: the connection broke.
    """
    opening = await _opening(reader)
    with suppress(ValueError, RecursionError):
        shown = json.loads(opening)
        if shows(shown, secret):
            return True
        if isinstance(shown, dict):  # a wrong secret: the request is still to come
            opening = await _opening(reader)
    request = _REQUEST_NUMBER.match(opening)
    if request is not None:
        writer.write(encode([2, int(request[1]), [PermissionError.__name__, refusal]]))
        await writer.drain()
        await _opening(reader)  # as their 'stop': they are to hear the reason before the end
    return False


async def _opening(reader: asyncio.StreamReader) -> bytes:
    """Return the beginning of the next message and drop the rest, or closing would break it off."""
    length = int.from_bytes(await reader.readexactly(_HEADER_BYTES), "big")
    if length > FRAME_LIMIT_BYTES:
        raise FrameError(f"it announced a message of {length:,} bytes")
    opening = await reader.readexactly(min(length, _OPENING_BYTES))
    left = length - len(opening)
    while left:
        dropped = await reader.read(min(left, _DROP_BYTES))
        if not dropped:
            raise EOFError
        left -= len(dropped)
    return opening
