"""Programs under the warden: their end is noticed and told, and nothing of them stays."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gridloom.simulators.remote.peer import TOKEN_VARIABLE
from gridloom.simulators.remote.process import ChildProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
GONE_S = 10.0
"""Upper bound; the warden gives a program a second between SIGTERM and SIGKILL."""
DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(sys.argv[1], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
"""

Run = Callable[..., ChildProcess]


@pytest.fixture
def python() -> Iterator[Run]:
    started: list[ChildProcess] = []

    def run(code: str, *arguments: str) -> ChildProcess:
        started.append(ChildProcess([sys.executable, "-c", code, *arguments]))
        return started[-1]

    yield run
    for each in started:
        each.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def wait_for_pid(path: Path) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(OSError, ValueError):
            return int(path.read_text())
        time.sleep(0.02)
    pytest.fail("the program did not start")


def gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_running(pid)


@pytest.mark.parametrize(
    ("code", "exit_code", "told"),
    [
        ("", 0, "its process ended with exit code 0"),
        ("import sys; sys.exit(3)", 3, "its process ended with exit code 3"),
        ("1 / 0", 1, "its process ended with exit code 1"),
        ("import os; os._exit(255)", 255, "its process ended with exit code 255"),
        (
            "import os; os.kill(os.getpid(), 9)",
            137,
            "its process was killed by signal 9 (SIGKILL)",
        ),
        ("import os; os.abort()", 134, "its process was killed by signal 6 (SIGABRT)"),
    ],
)
def test_how_it_ended(python: Run, code: str, exit_code: int, told: str) -> None:
    process = python(code)
    assert process.wait(30)
    assert process.exit_code() == exit_code
    assert process.how_it_ended() == told


def test_what_it_said_last(python: Run) -> None:
    process = python(
        "import sys\nfor i in range(9999): print(i)\nsys.exit('\\x1b[31mthe \\xff end')"
    )
    assert process.wait(30)
    lines = process.tail().splitlines()
    assert len(lines) == 20
    assert lines[0] == "9980"
    assert lines[-1].startswith("\\x1b[31mthe ")
    assert process.tail(lines=1) == lines[-1]


def test_the_secret_of_served_models_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    monkeypatch.setenv("OTHER", "passed on")
    code = f"import os; print(os.environ.get('{TOKEN_VARIABLE}'), os.environ['OTHER'])"
    for environment, seen in ((None, "None"), ({TOKEN_VARIABLE: "given"}, "given")):
        process = ChildProcess([sys.executable, "-c", code], environment=environment)
        assert process.wait(30)
        assert process.tail() == f"{seen} passed on"
        process.close()


def test_not_a_program(tmp_path: Path) -> None:
    process = ChildProcess([str(tmp_path / "nothing")])
    assert process.wait(30)
    assert process.exit_code() == 127
    assert f"cannot start '{tmp_path / 'nothing'}': No such file or directory" in process.tail()
    process.close()


def test_nothing_is_left_open_where_it_cannot_be_started(tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(OSError, match="nothing"):
        ChildProcess([sys.executable], folder=tmp_path / "nothing")
    assert open_files() == before


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_daemons_end_with_the_program(python: Run, tmp_path: Path, how: str) -> None:
    """Also those that left the session by forking twice, and do not listen to SIGTERM."""
    goes_on = "time.sleep(600)" if how == "kill" else ""
    until = (
        "while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read(): time.sleep(0.01)"
    )
    process = python(f"{DAEMON}\n{until}\n{goes_on}", str(tmp_path / "pid"))
    daemon = wait_for_pid(tmp_path / "pid")
    if how == "kill":
        assert is_running(daemon)
        process.kill()
    assert process.wait(30)
    assert gone_within(daemon, GONE_S)


def test_program_that_ignores_sigterm_is_killed(python: Run, tmp_path: Path) -> None:
    code = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN)\n"
    code += "with open(sys.argv[1], 'w') as file: file.write(str(os.getpid()))\ntime.sleep(600)"
    process = python(code, str(tmp_path / "pid"))
    pid = wait_for_pid(tmp_path / "pid")
    begin = time.monotonic()
    process.kill()
    assert not is_running(pid)
    assert time.monotonic() - begin < GONE_S
    assert process.how_it_ended() == "its process was killed by signal 9 (SIGKILL)"


def test_program_ends_with_its_warden(python: Run, tmp_path: Path) -> None:
    """Even if somebody kills the warden."""
    code = (
        "import os, sys, time\nwith open(sys.argv[1], 'w') as file: file.write(str(os.getpid()))\n"
    )
    process = python(f"{code}time.sleep(600)", str(tmp_path / "pid"))
    pid = wait_for_pid(tmp_path / "pid")
    os.kill(process.warden_pid, signal.SIGKILL)
    assert gone_within(pid, GONE_S)


def test_ctrl_c_is_not_for_the_program(python: Run) -> None:
    process = python("import time; print('ready'); time.sleep(1)")
    until = time.monotonic() + 30
    while process.tail() != "ready" and time.monotonic() < until:
        time.sleep(0.02)
    assert os.getsid(process.warden_pid) != os.getsid(0)
    os.kill(process.warden_pid, signal.SIGINT)
    os.kill(process.warden_pid, signal.SIGTERM)
    assert process.wait(30)
    assert process.exit_code() == 0


def test_no_zombie_and_no_file_is_left(python: Run) -> None:
    process = python("print('x')")
    process.close()
    assert not os.path.exists(f"/proc/{process.warden_pid}")  # noqa: PTH110
    assert process.tail() == ""
