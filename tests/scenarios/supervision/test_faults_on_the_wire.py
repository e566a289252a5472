"""Simulators that talk nonsense, strangers at the port, and runs within a running event loop."""

import asyncio
import os
import re
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.results.record import RunStatus, record_status

BARE = """
import json, os, socket, sys, time
host, _, port = sys.argv[1].rpartition(":")
run = socket.create_connection((host, int(port)))

def frame(text):
    return len(text).to_bytes(4, "big") + text

def take():
    length = int.from_bytes(run.recv(4, socket.MSG_WAITALL), "big")
    return json.loads(run.recv(length, socket.MSG_WAITALL))

META = {"api_version": "3.0", "type": "time-based",
        "models": {"Device": {"public": True, "params": [], "attrs": ["P"]}}}
ANSWERS = {"init": META, "create": [{"eid": "1", "type": "Device"}, {"eid": "2", "type": "Device"}]}
while True:
    kind, number, (method, args, kwargs) = take()
    if method == "step":
        break
    run.sendall(frame(json.dumps([1, number, ANSWERS.get(method)]).encode()))
"""


@pytest.mark.parametrize(
    ("nonsense", "message"),
    [
        ("frame(b'{]')", "it sent a message that is no JSON"),
        ("frame(b'[1, 77, 5]')", "it replied to a request that nobody made: [1, 77, 5]"),
        ("b'\\xff' * 4", "it announced a message of 4,294,967,295 bytes, 67,108,864 are accepted"),
        ("frame(b'x' * 100)[:50]", "it closed the connection within a message (46 of 100 bytes)"),
        ("frame(b'[0, 5, [\"f\", 3, 4]]')", "it sent a request that is none"),
        ("frame(b'[' * 100_000)", "it sent a message that is no JSON"),
    ],
)
def test_nonsense(case: Any, gridloom: Any, nonsense: str, message: str) -> None:
    case.file("bare.py").write_text(f"{BARE}\nrun.sendall({nonsense})\n")
    model = case.foreign("it", step_timeout="20s")
    model["command"][1] = "bare.py"
    case.write(it=model)
    code, _, err = gridloom("run", "fault.yaml")
    assert code == 3
    assert err.startswith(f"error: simulator 'it' failed at simulation time 0 s: {message}")
    folder = next(case.file("outputs").iterdir())
    status, said = record_status(folder / "record.partial.h5")
    assert status is RunStatus.FAILED
    assert message in said


def test_strangers_at_the_port(case: Any) -> None:
    """They come first and stay; the run goes on with the right one, and only on loopback."""
    case.file("later.py").write_text(
        "import os, sys, time, runpy\n"
        "name = os.environ['NAME']\n"
        "open(name + '.address', 'w').write(sys.argv[1])\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
        "sys.argv[0] = 'foreign.py'\n"
        "runpy.run_path('foreign.py', run_name='__main__')\n"
    )
    model = case.foreign("it", step="if now == 3: raise RuntimeError('enough')")
    model["command"][1] = "later.py"
    process = case.start(it=model)
    host, _, port = case.wait_for("it.address").rpartition(":")
    assert host == "127.0.0.1"
    assert _listening(int(port)) == {"0100007F"}
    strangers = [socket.create_connection((host, int(port))) for _ in range(3)]
    strangers[0].sendall((20).to_bytes(4, "big") + b'[1, 0, {"models":{}}]')
    case.file("go").touch()
    ended = case.end(process)
    for each in strangers:
        each.settimeout(20)
        with suppress(ConnectionResetError):
            assert each.recv(1) == b""
        each.close()
    case.require_clean(ended)
    message = "simulator 'it' failed at simulation time 3 s: RuntimeError: enough"
    assert ended.err.startswith(f"error: {message}\n"), "the right one was let in, and stepped"


def test_token_is_no_part_of_the_command_line(case: Any) -> None:
    step = (
        "Path('token').write_text(os.environ['GRIDLOOM_TOKEN'])\n"
        "while not Path('go').exists(): time.sleep(0.02)\n"
        "raise RuntimeError('enough')"
    )
    process = case.start(it=case.ours(step=step, placement="process"))
    token = case.wait_for("token")
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in case.processes()]
    case.file("go").touch()
    ended = case.end(process)
    assert "RuntimeError: enough" in ended.err
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert len(lines) == 3  # the run, the warden, the model
    assert not [line for line in lines if token.encode() in line]


def test_run_within_a_running_event_loop(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook."""
    from gridloom.scenarios.runner import run

    monkeypatch.chdir(case.folder)
    case.write(it=case.ours(placement="process"), other=case.foreign("other", at="b"))

    async def within() -> Any:
        return run("fault.yaml")

    (done,) = asyncio.run(within())
    assert record_status(done.folder.record)[0] is RunStatus.COMPLETE
    assert case.file("other.finalized").exists()
    assert threading.active_count() < 10
    assert os.getpid() not in case.processes()


def _listening(port: int) -> set[str]:
    """Return the addresses, as the kernel writes them, on which a port is listened at."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    lines += Path("/proc/net/tcp6").read_text().splitlines()[1:]
    found = [line.split() for line in lines]
    return {
        f[1].partition(":")[0]
        for f in found
        if f[3] == "0A" and int(f[1].rpartition(":")[2], 16) == port
    }
