"""A simulator in another process, spoken to through the mosaik API, with every wait bounded.

Started by us (`spawn`: it connects back to a port of ours) or running already (`connect`). Whatever
goes wrong becomes one `PeerFailure` that says what happened, with the last lines the program wrote.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridloom.simulators.quantities import Address
from gridloom.simulators.remote.channel import Answer, Channel, ChannelClosed, RemoteFailure, refuse
from gridloom.simulators.remote.frames import FrameError, encode
from gridloom.simulators.remote.gate import Connection, Gate
from gridloom.simulators.remote.process import ChildProcess

TOKEN_VARIABLE = "GRIDLOOM_TOKEN"  # noqa: S105 -- the name of a variable, not a secret
"""Environment variable with the secret by which a served model and its run know each other."""
ADDRESS_PLACEHOLDERS = ("{address}", "%(addr)s")
"""What in a command stands for the address to connect to; the second is mosaik's own."""
_LOOPBACK = "127.0.0.1"
_POLL_S = 0.1
"""How often the end of a process is looked for: dead processes are noticed within a second."""
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True, kw_only=True)
class Program:
    """A simulator to be started, which connects back to gridloom."""

    command: Sequence[str]
    """Program and arguments; `{address}` or mosaik's `%(addr)s` become where to connect to."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables on top of gridloom's own."""
    folder: Path | None = None
    """Its working directory; by default gridloom's."""
    shows_token: bool = False
    """Whether it knows gridloom's handshake."""


class PeerFailure(Exception):  # noqa: N818 -- becomes a SimulatorError once name and time are known
    """A simulator in another process failed; carries the cause and what it said last."""

    def __init__(
        self, cause: str, *, output: str = "", remote: RemoteFailure | None = None
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.output = output
        """The last lines that the program wrote."""
        self.remote = remote
        """The failure that the simulator itself reported, if that is the reason."""


class Peer:
    """One conversation with one simulator; made by `spawn` or `connect`."""

    def __init__(
        self, channel: Channel, process: ChildProcess | None, on_end: Callable[[PeerFailure], None]
    ) -> None:
        self._channel = channel
        self._process = process
        self._on_end = on_end
        self._stopping = False
        self._watcher = asyncio.create_task(self._watch())

    async def call(self, method: str, /, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        """Return the simulator's reply.

        Raises:
            PeerFailure: it failed, died, talked nonsense, or did not reply in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._channel.call(method, *args, **kwargs)
        except FrameError as error:
            raise self._failure(f"it cannot be sent '{method}': {error}") from None
        except TimeoutError:
            raise await self._hangs(
                f"it did not answer '{method}' within {timeout_s:g} s"
            ) from None
        except RemoteFailure as failure:
            raise self._failure(f"{failure.kind}: {failure.message}", remote=failure) from None
        except ChannelClosed as closed:
            raise await self._lost(str(closed)) from None

    def interrupt(self) -> None:
        """Let every call that waits for a reply fail now; the conversation goes on."""
        self._channel.interrupt()

    async def stop(self, timeout_s: float) -> str:
        """Let the simulator finish, and end it.

        Returns:
            What did not go well, as a sentence, or ''.
        """
        self._stopping = True
        try:
            return "" if self._channel.end is not None else await self._finish(timeout_s)
        finally:  # also if nobody wants to wait any longer
            self._watcher.cancel()
            if self._process is not None:
                await asyncio.to_thread(self._process.close)
            await self._channel.close()

    async def _finish(self, timeout_s: float) -> str:
        """Ask the simulator to stop, and wait until it has; return what did not go well."""
        try:
            async with asyncio.timeout(timeout_s):
                self._channel.tell("stop")
                await self._channel.closed.wait()
                while self._process is not None and self._process.exit_code() is None:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_S / 10)  # no event tells the end of a process
        except TimeoutError:
            end = "killed" if self._process is not None else "left alone"
            return f"did not end within {timeout_s:g} s of being asked to, and was {end}"
        if self._process is None or not self._process.exit_code():
            return ""
        ended, said = self._process.how_it_ended(), self._process.tail(lines=1)
        return f"did not end well: {ended}" + (f" ({said})" if said else "")

    async def _hangs(self, cause: str) -> PeerFailure:
        """Return why the simulator is given up; kill it: it would not hear that it is to stop."""
        if self._process is None:
            return self._failure(cause)
        self._stopping = True
        await asyncio.to_thread(self._process.kill)
        return self._failure(f"{cause} and was killed")

    async def _watch(self) -> None:
        """Notice the end of the simulator also while nobody waits for its reply."""
        while self._channel.end is None and (
            self._process is None or self._process.exit_code() is None
        ):
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._channel.closed.wait()
        why = str(self._channel.end or "it ended while it was needed")
        failure = await self._lost(why)
        if not self._stopping:
            self._on_end(failure)

    async def _lost(self, why: str) -> PeerFailure:
        """Return why the conversation is over; wait a moment for the process to say more."""
        for _ in range(5):
            if self._process is None or self._process.exit_code() is not None:
                break
            await asyncio.sleep(_POLL_S)
        ended = self._process.how_it_ended() if self._process is not None else ""
        return self._failure(f"{why}: {ended}" if ended else why)

    def _failure(self, cause: str, remote: RemoteFailure | None = None) -> PeerFailure:
        output = self._process.tail() if self._process is not None else ""
        return PeerFailure(cause, output=output, remote=remote)


async def spawn(
    program: Program,
    *,
    on_end: Callable[[PeerFailure], None],
    timeout_s: float,
    answer: Answer = refuse,
) -> Peer:
    """Start a simulator that connects back to us.

    We listen on the loopback interface alone, for this one connection. It must come from the
    program just started: a gridloom simulator proves it with a one-time token, of any other the
    system tells whose connection it is (on Linux; elsewhere the first one counts).

    Args:
        program: what to start.
        on_end: called when the simulator ends while nobody waits for its reply.
        timeout_s: wall time until it must have connected.
        answer: answers what the simulator asks of us.

    Raises:
        PeerFailure: it cannot be started, ended, or did not connect in time.
    """
    token = secrets.token_hex(16) if program.shows_token else ""
    gate = Gate(token)
    server = await asyncio.start_server(gate.let_in, _LOOPBACK, 0, limit=_CHUNK_BYTES)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        process = _start(program, f"{host}:{port}", token)
        gate.warden_pid = process.warden_pid
        try:
            reader, writer = await _first(gate, process, timeout_s)
        except BaseException:
            await asyncio.to_thread(process.close)
            raise
    finally:
        server.close()
        gate.close()
    return Peer(Channel(reader, writer, answer=answer), process, on_end)


async def connect(
    address: Address,
    *,
    on_end: Callable[[PeerFailure], None],
    timeout_s: float,
    answer: Answer = refuse,
    token: str = "",
) -> Peer:
    """Connect to a simulator that listens.

    Args:
        address: where.
        on_end: called when the simulator ends while nobody waits for its reply.
        timeout_s: wall time until the connection must be there; tried again until then.
        answer: answers what the simulator asks of us.
        token: the secret that a served gridloom model asks for, if it does.

    Raises:
        PeerFailure: nobody listens there.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    reader, writer = await _reach(address, deadline)
    if token:
        writer.write(encode({"token": token}))
    return Peer(Channel(reader, writer, answer=answer), None, on_end)


async def _reach(address: Address, deadline: float) -> Connection:
    """Connect, trying again until the deadline: who listens may be starting just now."""
    cause = "no answer"
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.open_connection(address.host, address.port, limit=_CHUNK_BYTES)
        except TimeoutError:
            pass
        except OSError as error:
            cause = error.strerror or str(error)
        if asyncio.get_running_loop().time() + _POLL_S >= deadline:
            raise PeerFailure(f"nobody can be reached at {address} ({cause})")
        await asyncio.sleep(_POLL_S)


def _start(program: Program, address: str, token: str) -> ChildProcess:
    command = list(program.command)
    for placeholder in ADDRESS_PLACEHOLDERS:
        command = [part.replace(placeholder, address) for part in command]
    secret = {TOKEN_VARIABLE: token} if token else {}
    try:
        return ChildProcess(
            command, environment={**program.environment, **secret}, folder=program.folder
        )
    except OSError as error:
        raise PeerFailure(f"cannot start '{command[0]}': {error.strerror or error}") from None


async def _first(gate: Gate, process: ChildProcess, timeout_s: float) -> Connection:
    """Wait until the simulator has connected, its process has ended or the time is up."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not gate.admitted.done():
        if process.exit_code() is not None:
            cause = f"{process.how_it_ended()} before it connected"
            raise PeerFailure(cause, output=process.tail())
        if asyncio.get_running_loop().time() >= deadline:
            cause = f"it did not connect within {timeout_s:g} s"
            if gate.refused:
                cause += "; whoever did was no process of its command"
            raise PeerFailure(cause, output=process.tail())
        await asyncio.wait([gate.admitted], timeout=_POLL_S / 2)
    return gate.admitted.result()
