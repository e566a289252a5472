"""Frames of the mosaik API: a length in four bytes, big endian, and a JSON text.

A frame that is longer than the limit, or no JSON, ends the conversation: whoever sent it cannot be
understood any more.
"""

import asyncio
import json
from typing import Any

FRAME_LIMIT_BYTES = 64 * 1024**2
"""Longest frame that is accepted."""
_HEADER_BYTES = 4
_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=True)


class FrameError(Exception):
    """What came, or was to be sent, is no frame; carries a sentence for the user."""


def encode(message: object, limit: int = FRAME_LIMIT_BYTES) -> bytes:
    """Return the frame of a message.

    Raises:
        FrameError: the message holds something that JSON cannot express, or is too long.
    """
    try:
        text = _encoder.encode(message).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameError(f"JSON cannot express it: {error}") from None
    if len(text) > limit:
        raise FrameError(f"it takes {len(text):,} bytes, a message may have {limit:,}")
    return len(text).to_bytes(_HEADER_BYTES, "big") + text


async def read_frame(reader: asyncio.StreamReader, limit: int = FRAME_LIMIT_BYTES) -> Any:
    """Return the next message.

    Raises:
        FrameError: the frame is too long, cut off, or no JSON.
        EOFError: the other side closed the connection between two frames.
    """
    try:
        header = await reader.readexactly(_HEADER_BYTES)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise FrameError("it closed the connection within a message") from None
        raise EOFError from None
    length = int.from_bytes(header, "big")
    if length > limit:
        raise FrameError(
            f"it announced a message of {length:,} bytes, {limit:,} are accepted: "
            "this is not the mosaik protocol, or far too much at once"
        )
    try:
        text = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise FrameError(
            f"it closed the connection within a message ({len(error.partial)} of {length} bytes)"
        ) from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"it sent a message that is no JSON ({error}): {text[:60]!r}") from None
