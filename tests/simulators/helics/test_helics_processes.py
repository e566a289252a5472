"""Programs: their output, their exit, and the end of all they started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gridloom.simulators.helics.calls import BlockingCalls
from gridloom.simulators.helics.processes import Program, arguments


def python(script: str, folder: Path | None = None) -> Program:
    return Program([sys.executable, "-c", script], folder)


def test_the_last_lines_of_both_streams() -> None:
    program = python("import sys; print('\\n'.join(map(str, range(99)))); sys.exit('the end')")
    assert program.wait(10) == 1
    assert program.tail(3) == "97\n98\nthe end"
    program.kill()
    assert program.tail() == ""


def test_reading_does_not_disturb_writing() -> None:
    """Both share one file: a reader that moved its position would have output overwritten."""
    program = python("import time\nfor i in range(20): print(i, flush=True); time.sleep(0.01)")
    while program.exit_code is None:
        program.tail()
    assert program.tail(20).split() == [str(i) for i in range(20)]
    program.kill()


def test_it_runs_in_its_folder(tmp_path: Path) -> None:
    program = python("import os; print(os.getcwd())", tmp_path)
    program.wait(10)
    assert Path(program.tail()) == tmp_path
    program.kill()


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.2])
def test_killed_by_a_signal_however_little_of_it_has_started(after_s: float) -> None:
    program = python("import time; time.sleep(1000)")
    assert program.wait(after_s) is None
    program.kill()
    assert program.exit_code == 128 + 15  # SIGTERM was enough
    program.kill()  # a second time does nothing


def test_it_ends_with_an_interpreter_that_fails() -> None:
    script = (
        "from gridloom.simulators.helics.processes import Program\n"
        "program = Program(['sh', '-c', 'echo $$; exec sleep 1000'])\n"
        "while not program.tail(): pass\nprint(program.tail(), flush=True)\n1 / 0\n"
    )
    failed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "ZeroDivisionError" in failed.stderr
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the warden sees to it once the interpreter is gone
        try:
            os.kill(int(failed.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("the program lives on")


def test_arguments_leave_other_braces_alone() -> None:
    command = ["a b", "--json={x}", "{broker}/{step_size_s}"]
    assert arguments(command, {"broker": "tcp://h:1", "step_size_s": "60"}) == [
        "a b",
        "--json={x}",
        "tcp://h:1/60",
    ]
    assert arguments("run 'my file' {broker}", {"broker": "b"}) == ["run", "my file", "b"]


@pytest.fixture
def calls() -> BlockingCalls:
    return BlockingCalls("test")


def nothing() -> None: ...


def test_calls_return_and_raise(calls: BlockingCalls) -> None:
    assert calls.run(lambda: 7, time.monotonic() + 5, nothing) == 7

    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        calls.run(fail, time.monotonic() + 5, nothing)
    assert calls.end(5)


def test_a_call_is_given_up(calls: BlockingCalls) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        calls.run(lambda: time.sleep(1), begin + 0.1, nothing)
    assert time.monotonic() - begin < 0.9
    assert not calls.end(0.01)
    assert calls.end(5)


def test_looking_about_ends_a_call(calls: BlockingCalls) -> None:
    def look() -> None:
        raise InterruptedError

    waiting: Callable[[], None] = lambda: time.sleep(0.5)  # noqa: E731
    with pytest.raises(InterruptedError):
        calls.run(waiting, time.monotonic() + 60, look)
    assert calls.end(5)
