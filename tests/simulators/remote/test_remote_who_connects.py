"""Whose connection it is, as far as the system tells."""

import os
import socket
import subprocess
import sys

import pytest

from gridloom.simulators.remote.who_connects import connects_from

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

CONNECT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as there:
    there.recv(1)
"""
BY_A_CHILD = """
import subprocess, sys
subprocess.run([sys.executable, "-c", *sys.argv[1:]], check=True)
"""


@pytest.mark.parametrize("script", [[CONNECT], [BY_A_CHILD, CONNECT]], ids=["itself", "its child"])
def test_the_program_and_whatever_it_starts(script: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        command = [sys.executable, "-c", *script, str(server.getsockname()[1])]
        with subprocess.Popen(command) as program:
            connection, (_, port) = server.accept()
            with connection:
                assert connects_from(port, program.pid)
                assert connects_from(port, os.getpid())
                with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as other:
                    assert not connects_from(port, other.pid)
                    assert other.stdin is not None
                    other.stdin.close()
                    other.kill()


def test_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    assert not connects_from(port, os.getpid())
    assert not connects_from(port, 2**22)
