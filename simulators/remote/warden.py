"""Starts one program and makes sure that nothing of it outlives gridloom.

Run as `python -I -S warden.py PROGRAM ARGUMENT...`; must import little, so that it starts at once.
The program becomes the leader of its own session. When it ends, or when standard input ends
(gridloom closed it, or was killed), everything that the program started is killed, also what left
its process group (Linux), and the warden ends with the program's exit code, or with 128 plus the
number of the signal that killed it.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

_GRACE_S = 1.0
"""Between SIGTERM and SIGKILL."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CANNOT_START = 127


def _prctl(option: int, value: int) -> None:
    """Call prctl(2) where there is one."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _start(command: list[str]) -> int:
    """Start the program, and return once it is one: before that it would not heed a signal."""
    started, exec_closes = os.pipe()
    child = os.fork()
    if child:
        os.close(exec_closes)
        os.read(started, 1)
        os.close(started)
        return child
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(each, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 -- no shell is meant
    except OSError as error:
        os.write(2, f"cannot start '{command[0]}': {error.strerror}\n".encode())
    os._exit(_CANNOT_START)


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _reap(leader: int) -> int | None:
    """Collect every child that has ended; return the leader's status if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == leader:
            found = status


def _children() -> list[int]:
    """Return our children, those adopted included (Linux)."""
    own, found = os.getpid(), []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208 -- pathlib is slow to import
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if parent == own:
                found.append(int(name))
    return found


def _end_all(leader: int, status: int | None) -> int | None:
    """Kill what is left of the program; return the leader's status."""
    _signal_group(leader, signal.SIGTERM)
    deadline = time.monotonic() + (_GRACE_S if status is None else 0.0)
    while status is None and time.monotonic() < deadline:
        time.sleep(0.01)
        status = _reap(leader)
    _signal_group(leader, signal.SIGKILL)
    for _ in range(100):
        ended = _reap(leader)
        status = ended if status is None else status
        left = _children()
        if not left and status is not None:
            break
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return status


def main(command: list[str]) -> int:
    """Watch over ``command``; return the exit code to end with."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # gridloom decides, through standard input
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    leader = _start(command)
    status = None
    while status is None:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
        status = _reap(leader)
        if 0 in ready and not os.read(0, 4096):
            break
    status = _end_all(leader, status)
    if status is None:
        return 128 + signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
