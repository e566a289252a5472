"""The broker of a federation: started on this machine, or reached where somebody else runs it."""

import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic, sleep
from urllib.parse import urlsplit

from gridloom.simulators.helics.processes import Program

_LOOPBACK = "127.0.0.1"
_LOOK_S = 0.02
_TRIES = 20
_PORTS = (10240, 32000)
_PORTS_OF_BROKER = 10
HEARTBEAT_S = 1
"""HELICS counts a core as lost after about four of these without an answer."""
MESSAGE_BYTES = 1 << 20
"""The core types tcp and tcp_ss lose the connection at a longer message; HELICS allows for 4096,
which an answer that lists fifty publications exceeds."""


def start_broker(program: str, core_type: str, federates: int) -> tuple[Program, str]:
    """Start a broker on loopback; return its program and its address.

    Args:
        program: path of `helics_broker`.
        core_type: how federates speak to it.
        federates: how many it waits for, gridloom's own included.

    Raises:
        OSError: it cannot be started.
    """
    port = _free_ports(_PORTS_OF_BROKER + 2 * federates)
    command = [
        program,
        f"--coretype={core_type}",
        f"--federates={federates}",
        f"--local_interface=tcp://{_LOOPBACK}",
        f"--local_port={port}",
        f"--tick={HEARTBEAT_S}s",
        f"--maxsize={MESSAGE_BYTES}",
        "--loglevel=error",
    ]
    return Program(command), f"tcp://{_LOOPBACK}:{port}"


def reach(address: str, until: float, look: Callable[[], None]) -> None:
    """Wait until somebody listens at an address.

    HELICS itself would try for several times its own timeout, without any way to stop it.

    Args:
        address: tcp://HOST:PORT.
        until: when to give up, as `time.monotonic` counts.
        look: called again and again while waiting; an exception it raises ends the wait.

    Raises:
        TimeoutError: nobody does by then.
    """
    parts = urlsplit(address)
    while True:
        left_s = until - monotonic()
        try:
            with socket.create_connection(
                (parts.hostname or "", parts.port or 0), max(left_s, 0.1)
            ):
                return
        except OSError:
            look()
        if left_s <= 0:
            raise TimeoutError
        sleep(_LOOK_S)


def _free_ports(count: int) -> int:
    """Return the first of so many neighbouring ports that are free.

    The broker takes two and gives the federates the next ones, so they are looked for apart from
    those that the operating system gives away, at random so that several runs do not meet.
    """
    for _ in range(_TRIES):
        first = secrets.choice(range(*_PORTS, count))
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.socket()).bind((_LOOPBACK, port))
            except OSError:
                continue
            return first
    raise OSError(f"no {count} neighbouring ports of {_LOOPBACK} are free")
