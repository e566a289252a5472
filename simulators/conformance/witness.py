"""Starts one program and writes down how it ended and what it left behind.

Run as `python -I -S witness.py FILE PROGRAM ARGUMENT...`. Between gridloom's warden, which would
kill what is left, and the simulator, so that it is seen before.
"""

import ctypes
import json
import os
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 0.5
"""Interpreters' own helpers may end a moment after the program."""
_CANNOT_START = 127


def _children() -> list[int]:
    """Return our children, those adopted included (Linux)."""
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208 -- light
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            if int(parent) == os.getpid() and state != b"Z":
                found.append(int(name))
    return found


def _command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"process {pid}"


def main(report: str, command: list[str]) -> int:
    """Run ``command``, write the report, and return the exit code to end with."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        code = subprocess.Popen(command).wait()  # noqa: S603 -- the command to be checked
    except OSError as error:
        print(f"cannot start '{command[0]}': {error.strerror}", file=sys.stderr)  # noqa: T201
        return _CANNOT_START
    deadline = time.monotonic() + _GRACE_S
    while (left := _children()) and time.monotonic() < deadline:
        time.sleep(0.02)
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump({"exit_code": code, "left": [_command_line(pid) for pid in left]}, file)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
