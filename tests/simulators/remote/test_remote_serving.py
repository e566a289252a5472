"""A model that is served: to the right ones, one after the other, whatever they do."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import pytest
from typing_extensions import override

from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import Address, ModelConfig
from gridloom.simulators.remote import gate, serving
from gridloom.simulators.remote.arrays import unpack
from gridloom.simulators.remote.peer import TOKEN_VARIABLE, Peer, PeerFailure, connect
from gridloom.simulators.signals import POWER

CONTEXT = BuildContext(name="it", start=datetime(2021, 6, 21, tzinfo=UTC), duration_s=10, seed=1)


class Devices(Model):
    """Two devices that send the time; the third step fails."""

    Config = ModelConfig
    closed: ClassVar[list["Devices"]] = []
    is_stuck = False
    """Whether it cannot be closed."""

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        elements = ElementSet(kind="device", owner=self.name, names=("a", "b"))
        return (Port(signal=POWER, direction=Direction.OUTPUT, elements=elements),)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {"power_kw": np.full(2, 1.0 / (3 - time))}

    @override
    def summary(self) -> dict[str, float]:
        return {"steps": np.int64(7)}  # type: ignore[dict-item] # NumPy's numbers are no JSON

    @override
    def close(self) -> None:
        self.closed.append(self)
        if self.is_stuck:
            raise RuntimeError("it is stuck")


def serve(work: Callable[[Address], Awaitable[None]], *, once: bool = False) -> None:
    """Serve the devices while ``work`` is going on."""

    async def run() -> None:
        address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(
            serving.serve(
                "127.0.0.1",
                0,
                lambda _: Devices(CONTEXT, 1),
                ready=lambda host, port: address.set_result(Address(host=host, port=port)),
                once=once,
            )
        )
        try:
            async with asyncio.timeout(60):
                await work(await address)
        finally:
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)

    Devices.closed.clear()
    asyncio.run(run())


async def reach(address: Address, **keys: Any) -> Peer:
    return await connect(address, on_end=lambda _: None, timeout_s=30, **keys)


async def ask(peer: Peer, method: str, *args: Any) -> Any:
    return await peer.call(method, *args, timeout_s=30)


def test_one_run_after_the_other_each_with_its_own_model() -> None:
    async def work(address: Address) -> None:
        for _ in range(2):
            peer = await reach(address)
            assert (await ask(peer, "init", "it"))["ports"] == [["power_kw", "output", [2]]]
            packed, _ = await ask(peer, "advance", 1, {})
            np.testing.assert_array_equal(unpack(packed)["power_kw"], [0.5, 0.5])
            assert await ask(peer, "summary") == {"steps": 7.0}
            assert await peer.stop(30) == ""

    serve(work)
    assert len(set(map(id, Devices.closed))) == 2


def test_failures_are_told_and_the_server_lives_on() -> None:
    async def work(address: Address) -> None:
        peer = await reach(address)
        with pytest.raises(PeerFailure, match=r"RuntimeError: 'advance' before 'init'"):
            await ask(peer, "advance", 0, {})
        await ask(peer, "init", "it")
        with pytest.raises(PeerFailure, match=r"RuntimeError: 'init' for the second time"):
            await ask(peer, "init", "it")
        with pytest.raises(PeerFailure, match=r"RuntimeError: there is no method '__class__'"):
            await ask(peer, "__class__")
        with pytest.raises(PeerFailure, match=r"ZeroDivisionError: float division by zero"):
            await ask(peer, "advance", 3, {})
        with pytest.raises(PeerFailure, match=r"these are no packed arrays"):
            await ask(peer, "advance", 1, {"power_kw": 5})
        await ask(peer, "advance", 1, {})
        await peer.stop(30)

    serve(work)
    assert len(Devices.closed) == 1


def test_run_that_is_killed_makes_room_for_the_next() -> None:
    async def work(address: Address) -> None:
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"\0\0\0\x20[0,0,[")  # half a message
        writer.transport.abort()
        killed = await reach(address)
        await ask(killed, "init", "it")
        killed._channel._writer.transport.abort()
        peer = await reach(address)
        await ask(peer, "init", "it")
        await peer.stop(30)
        await killed.stop(1)

    serve(work)
    assert len(Devices.closed) == 2


def test_who_says_nothing_does_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_SILENT_S", 0.2)

    async def work(address: Address) -> None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        peer = await reach(address)
        await ask(peer, "init", "it")
        assert await reader.read() == b""
        writer.close()
        await asyncio.sleep(0.5)
        await ask(peer, "advance", 1, {})  # who has asked something may take their time
        await peer.stop(30)

    serve(work)


@pytest.mark.parametrize(
    ("shown", "is_let_in"), [("s3cret", True), ("s3cre", False), ("", False), ("sécret", False)]
)
def test_token(monkeypatch: pytest.MonkeyPatch, shown: str, is_let_in: bool) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")

    async def work(address: Address) -> None:
        peer = await reach(address, token=shown)
        if is_let_in:
            await ask(peer, "init", "it")
        else:
            refusal = "PermissionError: this server wants the secret of GRIDLOOM_TOKEN"
            # However long the request is, it is not kept, and the answer comes.
            with pytest.raises(PeerFailure, match=refusal):
                await ask(peer, "init", "x" * 3_000_000)
        await peer.stop(30)

    serve(work)
    assert len(Devices.closed) == is_let_in


@pytest.mark.parametrize(
    "sent", [b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\3\xe8" + b"[" * 1000, b"\0\0\1\0[0,"]
)
def test_who_talks_nonsense_instead_of_a_secret_gets_no_answer(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")

    async def work(address: Address) -> None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        peer = await reach(address, token="s3cret")  # noqa: S106 -- of this test
        await ask(peer, "init", "it")
        await peer.stop(30)

    serve(work)


def test_who_comes_while_another_is_served_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_TURN_WAIT_S", 0.1)

    async def work(address: Address) -> None:
        first, second = await reach(address), await reach(address)
        await ask(first, "init", "it")
        with pytest.raises(PeerFailure, match="the server is busy with another run"):
            await ask(second, "init", "it")
        await second.stop(30)
        await first.stop(30)
        third = await reach(address)  # and once it is over, the next one is served
        await ask(third, "init", "it")
        await third.stop(30)

    serve(work)


def test_host_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a client whose host loses power would keep all others out."""
    accepted: list[asyncio.StreamWriter] = []

    def keep_alive(writer: asyncio.StreamWriter) -> None:
        gate.keep_alive(writer)
        accepted.append(writer)

    monkeypatch.setattr(serving, "keep_alive", keep_alive)

    async def work(address: Address) -> None:
        peer = await reach(address)
        await ask(peer, "init", "it")
        connection = accepted[0].get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
        await peer.stop(30)

    serve(work)


def test_once_ends_also_if_the_model_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Devices, "is_stuck", True)

    async def run() -> None:
        address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        served = asyncio.create_task(
            serving.serve(
                "127.0.0.1",
                0,
                lambda _: Devices(CONTEXT, 1),
                ready=lambda host, port: address.set_result(Address(host=host, port=port)),
                once=True,
            )
        )
        peer = await reach(await address)
        await ask(peer, "init", "it")
        await peer.stop(30)
        async with asyncio.timeout(30):
            await served

    asyncio.run(run())
    assert "the model could not be closed" in caplog.text
    assert "RuntimeError: it is stuck" in caplog.text


def test_once() -> None:
    async def work(address: Address) -> None:
        peer = await reach(address)
        await ask(peer, "init", "it")
        await peer.stop(30)
        with pytest.raises(PeerFailure, match="nobody can be reached"):
            await knock(address)

    async def knock(address: Address) -> None:
        while True:  # until the server has noticed
            peer = await connect(address, on_end=lambda _: None, timeout_s=0.3)
            await peer.stop(1)

    serve(work, once=True)
