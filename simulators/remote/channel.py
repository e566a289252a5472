"""Requests and replies over one connection, as the mosaik API frames them.

request [0, id, [method, args, kwargs]]    reply [1, id, result]    failure [2, id, [...]]
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from traceback import format_exception
from typing import Any, TypeAlias

from gridloom.simulators.remote.frames import FRAME_LIMIT_BYTES, FrameError, encode, read_frame
from gridloom.simulators.remote.text import printable

_REQUEST, _SUCCESS, _FAILURE = 0, 1, 2
_REPLY_PARTS = 3
_MOST_ANSWERS = 1000
"""Requests of the other side that may be unanswered at a time."""
_FLUSH_S = 1.0
"""Wall time for what is still to be sent when the conversation ends."""

Answer: TypeAlias = Callable[[str, list[Any], dict[str, Any]], Awaitable[Any]]
"""Answers what the other side asks: method, arguments, keyword arguments."""


Explain: TypeAlias = Callable[[Exception], list[str]]
"""Says what the other side is told of an exception: kind, message, further text."""


class RemoteFailure(Exception):  # noqa: N818 -- a reply of the other side, not an error of ours
    """The other side answered a request with a failure."""

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.traceback = traceback


class ChannelClosed(Exception):  # noqa: N818 -- an event that callers handle
    """The conversation is over; carries a sentence that says why."""


async def refuse(method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG001
    """Answer every request of the other side with a refusal."""
    raise RuntimeError(f"gridloom does not offer '{method}' to simulators")


def with_traceback(error: BaseException) -> list[str]:
    """Return kind, message and traceback of an exception, as mosaik's own simulators do."""
    return [type(error).__name__, str(error), *format_exception(error)]


class Channel:
    """One conversation. Must be made, used and closed within one event loop."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answer: Answer = refuse,
        explain: Explain = with_traceback,
        limit: int = FRAME_LIMIT_BYTES,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._explain = explain
        self._limit = limit
        self._ids = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._abandoned: set[int] = set()
        """Requests whose replies nobody waits for any more."""
        self._end: ChannelClosed | None = None
        self.closed = asyncio.Event()
        """Set once the conversation is over, whoever ended it."""
        self._answering: set[asyncio.Task[None]] = set()
        self._receiver = asyncio.create_task(self._receive())

    @property
    def end(self) -> ChannelClosed | None:
        """Why the conversation is over, or None while it lasts."""
        return self._end

    async def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Return the other side's reply to a request.

        Raises:
            RemoteFailure: the other side failed to do it.
            ChannelClosed: the conversation ended before the reply came.
            FrameError: the arguments cannot be expressed in JSON, or are too long.
        """
        if self._end is not None:
            raise self._end
        number = next(self._ids)
        frame = encode([_REQUEST, number, [method, args, kwargs]], self._limit)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        try:
            self._send(frame)  # without waiting until it has left: the reply tells that, too
            return await reply
        except asyncio.CancelledError:  # as after a time limit: the reply may come still
            self._abandoned.add(number)
            raise
        finally:
            self._waiting.pop(number, None)

    def tell(self, method: str) -> None:
        """Send a request whose reply nobody waits for."""
        if self._end is None:
            number = next(self._ids)
            self._abandoned.add(number)
            self._send(encode([_REQUEST, number, [method, [], {}]]))

    def interrupt(self) -> None:
        """Let every call that waits for a reply fail now; the conversation goes on."""
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(ChannelClosed("gridloom does not wait any longer"))
        self._abandoned.update(self._waiting)

    async def close(self) -> None:
        """End the conversation."""
        self._finish("gridloom closed the connection")
        self._receiver.cancel()
        for task in self._answering:
            task.cancel()
        with suppress(OSError, asyncio.CancelledError):
            await self._receiver
        self._writer.close()
        try:
            async with asyncio.timeout(_FLUSH_S):
                await self._writer.wait_closed()
        except TimeoutError:  # it does not read what it was sent
            self._writer.transport.abort()
        except OSError:
            pass

    def _send(self, frame: bytes) -> None:
        if self._writer.is_closing():
            self._finish("it closed the connection")
        else:
            self._writer.write(frame)

    async def _receive(self) -> None:
        try:
            while True:
                self._dispatch(await read_frame(self._reader, self._limit))
        except EOFError:
            self._finish("it closed the connection")
        except FrameError as error:
            self._finish(str(error))
        except OSError as error:
            self._finish(f"the connection broke ({error})")

    def _dispatch(self, message: object) -> None:
        """Hand a message to whom it belongs.

        Raises:
            FrameError: it is no message of the protocol.
        """
        if not (isinstance(message, list) and len(message) == _REPLY_PARTS):
            raise FrameError(f"it sent {_short(message)}, which is no message of the mosaik API")
        kind, number, content = message
        if kind == _REQUEST:
            self._take_request(number, content)
            return
        if not isinstance(number, int) or kind not in (_SUCCESS, _FAILURE):
            raise FrameError(f"it sent {_short(message)}, which is no message of the mosaik API")
        reply = self._waiting.get(number)
        if number in self._abandoned or (reply is not None and reply.done()):
            self._abandoned.discard(number)
            return
        if reply is None:
            raise FrameError(f"it replied to a request that nobody made: {_short(message)}")
        if kind == _SUCCESS:
            reply.set_result(content)
        else:
            reply.set_exception(_failure(content))

    def _take_request(self, number: object, content: object) -> None:
        match content:
            case [str(method), list(args), dict(kwargs)]:
                pass
            case _:
                raise FrameError(f"it sent a request that is none: {_short(content)}")
        if len(self._answering) >= _MOST_ANSWERS:
            raise FrameError(f"it asked {_MOST_ANSWERS} times without reading an answer")
        task = asyncio.create_task(self._reply(number, method, args, kwargs))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _reply(
        self, number: object, method: str, args: list[Any], kwargs: dict[str, Any]
    ) -> None:
        try:
            frame = encode(
                [_SUCCESS, number, await self._answer(method, args, kwargs)], self._limit
            )
        except Exception as error:  # noqa: BLE001 -- the other side is told, whatever it is
            frame = encode([_FAILURE, number, self._explain(error)])
        self._send(frame)
        with suppress(OSError):
            await self._writer.drain()

    def _finish(self, why: str) -> None:
        if self._end is None:
            self._end = ChannelClosed(why)
            self.closed.set()
            for reply in self._waiting.values():
                if not reply.done():
                    reply.set_exception(self._end)


def _failure(content: object) -> RemoteFailure:
    """Read the content of a failure: kind, message, lines of the traceback, as far as given."""
    listed = content if isinstance(content, list) and content else [content]
    parts = [printable(str(part)) for part in listed]
    if len(parts) == 1:
        parts = ["error", *parts]
    return RemoteFailure(parts[0], parts[1], "".join(parts[2:]).rstrip())


def _short(message: object, limit: int = 80) -> str:
    text = repr(message)
    return text if len(text) <= limit else f"{text[:limit]}..."
