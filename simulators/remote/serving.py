"""The serving side: one gridloom model that answers the mosaik API over a connection.

Any mosaik master can step it, through `init`, `create`, `step` and `get_data`; gridloom itself
sends whole arrays and takes whole arrays back with one request a step (`advance`).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import Model
from gridloom.simulators.mosaik_adapter import ModelSimulator
from gridloom.simulators.remote.arrays import listed, pack, unpack
from gridloom.simulators.remote.channel import Channel
from gridloom.simulators.remote.failures import explain
from gridloom.simulators.remote.frames import FrameError, encode
from gridloom.simulators.remote.gate import keep_alive, knows
from gridloom.simulators.remote.peer import TOKEN_VARIABLE

BLUEPRINT = "gridloom"
"""Keyword of `init` that carries what the model is to be built from."""
_LIMIT_BYTES = 1024**2
_TOKEN_WAIT_S = 10.0
_log = logging.getLogger(__name__)
_TURN_WAIT_S = 5.0
"""How long a run waits for the one before it to be over."""
_SILENT_S = 10.0
"""Wall time until whoever connected must have asked something: others may be waiting."""

Build = Callable[[Mapping[str, Any] | None], Model]
"""Builds the model from the blueprint that `init` brought; None from a stock mosaik master."""


class ServedModel:
    """Answers requests for one model; built when `init` says from what."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._simulator: ModelSimulator | None = None
        self.is_asked = False
        """Whether any request has come."""
        self.stopped = asyncio.Event()
        self._methods: dict[str, Callable[..., Any]] = {
            "setup_done": lambda simulator: simulator.model.warm_up(),
            "create": ModelSimulator.create,
            "advance": _advance,
            "negotiate": _negotiate,
            "step": ModelSimulator.step,
            "get_data": lambda simulator, wanted: _listed(simulator.get_data(wanted)),
            "summary": lambda simulator: {
                n: float(v) for n, v in simulator.model.summary().items()
            },
        }

    async def answer(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Do what a request of the mosaik API asks for.

        Raises:
            Exception: whatever the model raises; the channel reports it to the other side.
        """
        self.is_asked = True
        if method == "stop":
            self.stopped.set()
            return None
        if method == "init":
            return self._init(kwargs)
        if self._simulator is None:
            raise RuntimeError(f"'{method}' before 'init'")
        if method not in self._methods:
            raise RuntimeError(f"there is no method '{method}'")
        return self._methods[method](self._simulator, *args, **kwargs)

    def close(self) -> None:
        """Release what the model holds."""
        if self._simulator is not None:
            self._simulator.finalize()

    def _init(self, kwargs: dict[str, Any]) -> Any:
        if self._simulator is not None:
            raise RuntimeError("'init' for the second time")
        simulator = ModelSimulator(self._build(kwargs.get(BLUEPRINT)))
        self._simulator = simulator
        model = simulator.model
        return {
            **simulator.meta,
            "ports": port_table(model),
            "initial_outputs": pack(model.initial_outputs()),
        }


def _advance(simulator: ModelSimulator, time: int, packed: dict[str, Any]) -> list[Any]:
    """Step on packed arrays, one an input port; return the outputs and the wall time it took."""
    begin = perf_counter()
    outputs = simulator.model.step(time, unpack(packed))
    return [pack(simulator.checked(outputs, time)), perf_counter() - begin]


def _negotiate(
    simulator: ModelSimulator, time: int, number: int, packed: dict[str, Any]
) -> list[Any]:
    """Take part in a round on packed arrays; return what the model says and the wall time."""
    begin = perf_counter()
    said = simulator.negotiate(time, number, unpack(packed))
    return [None if said is None else pack(said), perf_counter() - begin]


def port_table(model: Model) -> list[list[Any]]:
    """Return name, direction and shape of every port, to compare two builds of one model."""
    return [[port.name, str(port.direction), list(port.shape)] for port in model.ports]


async def serve_once(host: str, port: int, build: Build) -> None:
    """Connect to the run that started this process, and serve it until it says stop."""
    reader, writer = await asyncio.open_connection(host, port, limit=_LIMIT_BYTES)
    writer.write(encode({"token": os.environ.get(TOKEN_VARIABLE, "")}))
    await _converse(reader, writer, build)


async def serve(
    host: str, port: int, build: Build, *, ready: Callable[[str, int], None], once: bool = False
) -> None:
    """Listen, and serve one run after the other, each with a model of its own.

    Where the environment variable `GRIDLOOM_TOKEN` is set, whoever connects must show its value.

    Args:
        host: address to listen at.
        port: port to listen at; 0 for any that is free.
        build: makes the model.
        ready: told the address once connections are accepted.
        once: end after the first run.

    Raises:
        OSError: the address cannot be listened at.
    """
    over = asyncio.Event()
    turn = asyncio.Lock()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep_alive(writer)
        if not await _is_let_in(reader, writer):
            writer.close()
            return
        try:
            if await _gets(turn):
                try:
                    await _converse(reader, writer, build)
                finally:
                    turn.release()
            else:
                await _converse(reader, writer, _busy)
                return
        except Exception:  # noqa: BLE001 -- the next run is served all the same
            _log.exception("the model could not be closed")
        if once:
            over.set()

    server = await asyncio.start_server(take, host, port, limit=_LIMIT_BYTES)
    async with server:
        ready(*server.sockets[0].getsockname()[:2])
        await over.wait()


async def _gets(turn: asyncio.Lock) -> bool:
    """Wait for one's turn, but not for the whole run of another."""
    try:
        async with asyncio.timeout(_TURN_WAIT_S):
            return await turn.acquire()
    except TimeoutError:
        return False


def _busy(blueprint: Mapping[str, Any] | None) -> Model:  # noqa: ARG001
    """Build nothing: tell a run that it is not its turn.

    Raises:
        ScenarioError: always.
    """
    raise ScenarioError(
        Problem(
            message="the server is busy with another run",
            key=("placement", "connect"),
            suggestion="wait for that run to end, or start another server",
        )
    )


async def _is_let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Return whether whoever connected knows the secret, if there is one; else tell them."""
    secret = os.environ.get(TOKEN_VARIABLE, "")
    if not secret:
        return True
    try:
        async with asyncio.timeout(_TOKEN_WAIT_S):
            return await knows(
                secret, reader, writer, f"this server wants the secret of {TOKEN_VARIABLE}"
            )
    except (TimeoutError, EOFError, FrameError, OSError):
        return False


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, build: Build
) -> None:
    """Serve one connection until the other side stops, is gone, or never asks anything."""
    served = ServedModel(build)
    channel = Channel(reader, writer, answer=served.answer, explain=explain)
    ends = [asyncio.create_task(e.wait()) for e in (served.stopped, channel.closed)]
    try:
        await asyncio.wait(ends, timeout=_SILENT_S, return_when=asyncio.FIRST_COMPLETED)
        if served.is_asked:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        try:
            served.close()
        finally:
            await channel.close()


def _listed(answer: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return data by entity as the mosaik API has it."""
    return {
        entity: {name: listed(value) for name, value in values.items()}
        for entity, values in answer.items()
    }
