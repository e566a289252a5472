"""One conversation: every request gets its answer or a reason, whatever the other side does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from gridloom.simulators.remote import channel as module
from gridloom.simulators.remote.channel import Channel, ChannelClosed, RemoteFailure
from gridloom.simulators.remote.frames import FrameError, encode, read_frame

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def conversation(other: Script, **keys: Any) -> AsyncIterator[Channel]:
    """Open a channel to somebody who does what the script says."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await other(reader, writer)
        except (asyncio.CancelledError, EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    async with server:
        channel = Channel(*await asyncio.open_connection(*server.sockets[0].getsockname()), **keys)
        try:
            async with asyncio.timeout(20):
                yield channel
        finally:
            await channel.close()


def talk(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await work()

    asyncio.run(run())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        _, number, content = await read_frame(reader)
        writer.write(encode([1, number, content]))


def says(*frames: bytes, then_waits: bool = True) -> Script:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.write(b"".join(frames))
        await writer.drain()
        if then_waits:
            await reader.read()

    return say


def test_replies_find_their_requests_in_any_order() -> None:
    async def reversed_pairs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests = [await read_frame(reader) for _ in range(3)]
        for _, number, content in reversed(requests):
            writer.write(encode([1, number, content]))
        await reader.read()

    async def work() -> None:
        async with conversation(reversed_pairs) as channel:
            calls = (channel.call("step", n, power_kw=n) for n in range(3))
            answers = await asyncio.gather(*calls)
            assert answers == [["step", [n], {"power_kw": n}] for n in range(3)]

    talk(work)


@pytest.mark.parametrize(
    ("content", "kind", "message", "traceback"),
    [
        (
            ["ValueError", "too hot", "line 1\n", "line 2\n"],
            "ValueError",
            "too hot",
            "line 1\nline 2",
        ),
        ("too hot", "error", "too hot", ""),
        (["too hot"], "error", "too hot", ""),
        ([], "error", "[]", ""),
        ([3, None], "3", "None", ""),
        (["E", "\x1b[31m\0"], "E", r"\x1b[31m\x00", ""),
    ],
)
def test_failures_as_far_as_they_are_told(
    content: Any, kind: str, message: str, traceback: str
) -> None:
    async def work() -> None:
        async with conversation(says(encode([2, 0, content]))) as channel:
            with pytest.raises(RemoteFailure) as caught:
                await channel.call("step")
            assert (caught.value.kind, caught.value.message) == (kind, message)
            assert caught.value.traceback == traceback

    talk(work)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (encode([1, 77, None]), "it replied to a request that nobody made: [1, 77, None]"),
        (encode([1, "0", None]), "it sent [1, '0', None], which is no message of the mosaik API"),
        (encode([3, 0, None]), "which is no message of the mosaik API"),
        (encode({"a": 1}), "which is no message of the mosaik API"),
        (encode([0, 0, ["f", 3, {}]]), "it sent a request that is none"),
        (encode([0, 0, ["f", [], []]]), "it sent a request that is none"),
        (encode([0, 0, [None, [], {}]]), "it sent a request that is none"),
        (encode([0, 0, 5]), "it sent a request that is none"),
        (b"\xff\xff\xff\xff", "it announced a message of 4,294,967,295 bytes"),
        (b"\0\0\0\x02{]", "it sent a message that is no JSON"),
    ],
)
def test_nonsense_ends_the_conversation_with_a_reason(sent: bytes, why: str) -> None:
    async def work() -> None:
        async with conversation(says(sent)) as channel:
            with pytest.raises(ChannelClosed) as caught:
                await channel.call("step")
            assert why in str(caught.value)
            with pytest.raises(ChannelClosed) as again:
                await channel.call("step")
            assert again.value is channel.end
            assert channel.closed.is_set()

    talk(work)


def test_closed_instead_of_a_reply() -> None:
    async def work() -> None:
        async with conversation(says(then_waits=False)) as channel:
            with pytest.raises(ChannelClosed, match="it closed the connection"):
                await channel.call("step")

    talk(work)


def test_reply_after_the_time_limit_is_no_nonsense() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, second = await read_frame(reader), await read_frame(reader)
        writer.write(encode([1, first[1], "late"]))
        writer.write(encode([1, second[1], "in time"]))
        await reader.read()

    async def work() -> None:
        async with conversation(late) as channel:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await channel.call("step")
            assert await channel.call("step") == "in time"

    talk(work)


def test_interrupted_calls_fail_at_once_and_the_conversation_goes_on() -> None:
    async def second_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, second = await read_frame(reader), await read_frame(reader)
        writer.write(encode([1, first[1], None]) + encode([1, second[1], "yes"]))
        await reader.read()

    async def work() -> None:
        async with conversation(second_only) as channel:
            waiting = asyncio.create_task(channel.call("step"))
            await asyncio.sleep(0.01)
            channel.interrupt()
            with pytest.raises(ChannelClosed, match="does not wait any longer"):
                await waiting
            assert await channel.call("step") == "yes"

    talk(work)


@pytest.mark.parametrize("argument", [object(), "x" * 200])
def test_what_cannot_be_sent_is_said_and_the_conversation_goes_on(argument: object) -> None:
    async def work() -> None:
        async with conversation(echo, limit=100) as channel:
            with pytest.raises(FrameError):
                await channel.call("init", argument)
            assert await channel.call("step") == ["step", [], {}]

    talk(work)


def test_who_asks_and_never_reads_is_not_answered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ANSWERS", 100)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(encode([0, 0, ["get_progress", [], {}]]) * 10)
            await writer.drain()

    async def reply(method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return "x" * 100_000

    async def work() -> None:
        async with conversation(flood, answer=reply) as channel:
            await channel.closed.wait()
            assert str(channel.end) == "it asked 100 times without reading an answer"

    talk(work)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("fine", [1, 9, "fine"]),
        ({1, 2}, [2, 9, "FrameError"]),  # what JSON cannot express
        (ValueError("no"), [2, 9, "ValueError"]),
    ],
)
def test_requests_of_the_other_side_are_answered_whatever_happens(
    answer: Any, expected: list[Any]
) -> None:
    heard: list[Any] = []

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode([0, 9, ["get_progress", [], {}]]))
        heard.append(await read_frame(reader))

    async def reply(method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def work() -> None:
        async with conversation(ask, answer=reply) as channel:
            await channel.closed.wait()

    talk(work)
    kind, number, content = heard[0]
    assert [kind, number, content[0] if kind == 2 else content] == expected
    json.dumps(heard)
