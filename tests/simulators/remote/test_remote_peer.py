"""Simulators in other processes: every wait has an end, and says why."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gridloom.simulators.quantities import Address
from gridloom.simulators.remote.frames import encode
from gridloom.simulators.remote.peer import Peer, PeerFailure, Program, connect, spawn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
DETECTED_S = 5.0
"""Upper bound; promised is a second, measured without load are a few tenths of it."""

BARE = """
import json, os, socket, sys, time
host, _, port = sys.argv[1].rpartition(":")
run = socket.create_connection((host, int(port)))
token = os.environ.get("GRIDLOOM_TOKEN")

def send(message):
    text = json.dumps(message).encode()
    run.sendall(len(text).to_bytes(4, "big") + text)

def take():
    header = run.recv(4, socket.MSG_WAITALL)
    if not header:
        sys.exit()
    return json.loads(run.recv(int.from_bytes(header, "big"), socket.MSG_WAITALL))

def serve():
    while True:
        kind, number, (method, args, kwargs) = take()
        if method == "stop":
            return
        send([1, number, os.getpid() if method == "pid" else method])
"""


def play(
    code: str, work: Callable[[Peer, list[PeerFailure]], Awaitable[None]], **keys: Any
) -> list[PeerFailure]:
    """Start a simulator, do something with it, stop it; return what was noticed by itself."""
    ended: list[PeerFailure] = []

    async def run() -> None:
        program = Program(command=[sys.executable, "-c", BARE + code, "{address}"], **keys)
        peer = await spawn(program, on_end=ended.append, timeout_s=30)
        try:
            await work(peer, ended)
        finally:
            await peer.stop(5)

    asyncio.run(run())
    return ended


def start(code: str, timeout_s: float = 30, **keys: Any) -> PeerFailure:
    """Return why a simulator cannot be started."""

    async def run() -> None:
        program = Program(command=[sys.executable, "-c", code, "{address}"], **keys)
        await spawn(program, on_end=lambda _: None, timeout_s=timeout_s)

    with pytest.raises(PeerFailure) as caught:
        asyncio.run(run())
    return caught.value


def test_answers_and_stops() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        assert await peer.call("step", timeout_s=30) == "step"
        assert await peer.stop(30) == ""

    assert play("serve()", work) == []


def test_killed_between_calls_is_noticed_by_itself() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        pid = await peer.call("pid", timeout_s=30)
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        while not ended and time.monotonic() - begin < 30:  # noqa: ASYNC110 -- nothing else tells
            await asyncio.sleep(0.005)
        seconds = time.monotonic() - begin
        assert seconds < DETECTED_S

    (failure,) = play("serve()", work)
    assert failure.cause.endswith("its process was killed by signal 9 (SIGKILL)")


def test_killed_within_a_call() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        begin = time.monotonic()
        with pytest.raises(PeerFailure) as caught:
            await peer.call("step", timeout_s=30)
        seconds = time.monotonic() - begin
        assert seconds < DETECTED_S
        cause = "it closed the connection: its process was killed by signal 9 (SIGKILL)"
        assert caught.value.cause == cause
        assert caught.value.output == "out of memory"

    play("take(); print('out of memory', flush=True); os.kill(os.getpid(), 9)", work)


def test_closes_the_connection_and_stays() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        with pytest.raises(PeerFailure, match=r"^it closed the connection$"):
            await peer.call("step", timeout_s=30)

    play("take(); run.close(); time.sleep(600)", work)


def test_forked_connection_outlives_the_simulator() -> None:
    """A child that holds the socket open does not hide the end of the process."""
    code = "take()\nif os.fork() == 0: time.sleep(600)\nos._exit(7)"

    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        begin = time.monotonic()
        with pytest.raises(PeerFailure, match="its process ended with exit code 7"):
            await peer.call("step", timeout_s=30)
        assert time.monotonic() - begin < DETECTED_S

    play(code, work)


@pytest.mark.parametrize("code", ["take(); time.sleep(600)", "time.sleep(600)"])
def test_hangs_and_is_killed_at_once(code: str) -> None:
    """It may even leave what it is sent unread, more than the system's buffers take."""

    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        begin = time.monotonic()
        with pytest.raises(PeerFailure) as caught:
            await peer.call("step", "x" * 30_000_000, timeout_s=1)
        assert caught.value.cause == "it did not answer 'step' within 1 s and was killed"
        assert await peer.stop(60) == ""
        assert time.monotonic() - begin < 20

    assert play(code, work) == []


def test_stop_has_an_end_where_nothing_is_read() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        call = asyncio.create_task(peer.call("step", "x" * 30_000_000, timeout_s=60))
        await asyncio.sleep(0.2)
        peer.interrupt()
        begin = time.monotonic()
        complaint = await peer.stop(1)
        assert complaint == "did not end within 1 s of being asked to, and was killed"
        assert time.monotonic() - begin < 10
        with pytest.raises(PeerFailure):
            await call

    play("time.sleep(600)", work)


def test_cancelled_stop_kills_the_simulator() -> None:
    pids: list[int] = []

    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        pids.append(await peer.call("pid", timeout_s=30))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await peer.stop(600)
        assert not os.path.exists(f"/proc/{pids[0]}")  # noqa: ASYNC240, PTH110

    play("serve(); time.sleep(600)", work)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("serve(); time.sleep(0.5)", ""),
        (
            "serve(); sys.exit('no space')",
            "did not end well: its process ended with exit code 1 (no space)",
        ),
        (
            "serve(); os.kill(os.getpid(), 11)",
            "did not end well: its process was killed by signal 11 (SIGSEGV)",
        ),
    ],
)
def test_how_stopping_went(code: str, complaint: str) -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        await peer.call("step", timeout_s=30)
        assert await peer.stop(30) == complaint

    play(code, work)


def test_what_cannot_be_sent() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        with pytest.raises(PeerFailure, match="it cannot be sent 'init': JSON cannot express it"):
            await peer.call("init", object(), timeout_s=30)
        assert await peer.call("step", timeout_s=30) == "step"

    play("serve()", work)


def test_does_not_connect() -> None:
    failure = start("import time; print('licence?', flush=True); time.sleep(600)", timeout_s=1)
    assert failure.cause == "it did not connect within 1 s"
    assert failure.output == "licence?"


def test_ends_before_it_connects() -> None:
    failure = start("import sys; sys.exit('no licence')")
    assert failure.cause == "its process ended with exit code 1 before it connected"
    assert failure.output == "no licence"


@pytest.mark.parametrize(
    "shown",
    ["None", "{'token': token[:-1] + '\\ud800'}", "{'token': [token]}"],
)
def test_without_the_token_nobody_gets_in(shown: str) -> None:
    code = f"send({shown}) if {shown} else None; time.sleep(600)"
    failure = start(BARE + code, timeout_s=1, shows_token=True)
    assert failure.cause.startswith("it did not connect within 1 s")


def test_with_the_token() -> None:
    async def work(peer: Peer, ended: list[PeerFailure]) -> None:
        assert await peer.call("step", timeout_s=30) == "step"

    play("send({'token': token}); serve()", work, shows_token=True)


def test_connection_of_another_program_is_refused(tmp_path: Path) -> None:
    """The right one comes later and is taken."""
    waits = (
        "import os, sys, time\n"
        "with open('address.new', 'w') as file: file.write(sys.argv[1])\n"
        "os.rename('address.new', 'address')\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
    )
    address, command = tmp_path / "address", [sys.executable, "-c", f"{waits}{BARE}serve()"]

    async def run() -> bytes:
        program = Program(command=[*command, "{address}"], folder=tmp_path)
        spawning = asyncio.create_task(spawn(program, on_end=lambda _: None, timeout_s=30))
        while not address.exists():  # noqa: ASYNC110 -- another process writes it
            await asyncio.sleep(0.02)
        host, _, port = address.read_text().rpartition(":")
        assert host == "127.0.0.1"
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(encode([1, 0, "I am the simulator"]))
        answered = await reader.read()
        writer.close()
        (tmp_path / "go").touch()
        peer = await spawning
        assert await peer.call("step", timeout_s=30) == "step"
        await peer.stop(30)
        return answered

    assert asyncio.run(run()) == b""


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def run() -> None:
        address = Address(host="127.0.0.1", port=port)
        await connect(address, on_end=lambda _: None, timeout_s=0.5)

    with pytest.raises(PeerFailure, match=f"nobody can be reached at 127.0.0.1:{port}"):
        asyncio.run(run())
