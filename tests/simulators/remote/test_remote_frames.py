"""Frames: exact there and back, and whatever else comes is refused, in bounded memory."""

import asyncio
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.remote.frames import FRAME_LIMIT_BYTES, FrameError, encode, read_frame

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_MESSAGES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def read(sent: bytes, *, limit: int = FRAME_LIMIT_BYTES, ends: bool = True) -> Any:
    async def reading() -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        if ends:
            reader.feed_eof()
        async with asyncio.timeout(30):
            return await read_frame(reader, limit)

    return asyncio.run(reading())


@given(_MESSAGES)
def test_exact_there_and_back(message: Any) -> None:
    assert read(encode(message)) == message


@given(st.binary(max_size=200))
def test_garbage_is_refused(sent: bytes) -> None:
    try:
        read(sent, limit=100)
    except EOFError:
        assert sent == b""
    except FrameError as error:
        assert str(error).startswith("it ")  # noqa: PT017 -- a message by chance is none


@pytest.mark.parametrize("text", [b"{]", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b"", b'"\xc3'])
def test_no_json(text: bytes) -> None:
    with pytest.raises(FrameError, match="no JSON"):
        read(len(text).to_bytes(4, "big") + text)


@pytest.mark.parametrize("cut", [1, 3, 4, 7])
def test_closed_within_a_message(cut: int) -> None:
    with pytest.raises(FrameError, match="closed the connection within a message"):
        read(encode([1, 2, 3])[:cut])


def test_closed_between_messages() -> None:
    with pytest.raises(EOFError):
        read(b"")


def test_four_gibibytes_are_not_waited_for() -> None:
    """The header alone is enough; nothing is set aside for what it announces."""
    tracemalloc.start()
    with pytest.raises(FrameError, match=r"announced a message of 4,294,967,295 bytes"):
        read(b"\xff\xff\xff\xff", ends=False)
    assert tracemalloc.get_traced_memory()[1] < 1024**2
    tracemalloc.stop()


def test_announced_and_never_sent_takes_no_memory() -> None:
    tracemalloc.start()
    with pytest.raises(FrameError, match=r"\(3 of 67,?108,?864 bytes\)"):
        read(FRAME_LIMIT_BYTES.to_bytes(4, "big") + b"abc")
    assert tracemalloc.get_traced_memory()[1] < 1024**2
    tracemalloc.stop()


@pytest.mark.parametrize("message", [{1, 2}, {"a": object()}, b"x"])
def test_what_json_cannot_express_is_not_sent(message: object) -> None:
    with pytest.raises(FrameError, match="JSON cannot express it"):
        encode(message)


def test_endless_structures_are_not_sent() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(FrameError, match="JSON cannot express it"):
        encode(endless)


def test_too_long_is_not_sent() -> None:
    assert len(encode("x" * 8, limit=10)) == 14
    with pytest.raises(FrameError, match="it takes 11 bytes, a message may have 10"):
        encode("x" * 9, limit=10)
