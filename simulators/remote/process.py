"""A program that gridloom starts: its output kept, its end noticed, nothing of it left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from gridloom.simulators.remote.text import printable

_SECRET = "GRIDLOOM_TOKEN"  # noqa: S105 -- the name of a variable, not a secret
"""Variable that no program inherits (`peer.TOKEN_VARIABLE`): others need not know the secret."""
_WARDEN = Path(__file__).with_name("warden.py")
_TAIL_BYTES = 8192
_TAIL_LINES = 20
_KILL_WAIT_S = 5.0
_SIGNAL_BASE = 128
"""Exit codes above it are 128 plus the number of the signal that killed the program."""


class ChildProcess:
    """One running program with everything it starts.

    A warden (see `warden`) stands between gridloom and the program wherever the system has process
    groups: it ends the program with all its descendants when told so, and when gridloom is gone,
    killed -9 included. Both outputs of the program go to a temporary file, for `tail`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start ``command``.

        Args:
            command: program and arguments; no shell is involved.
            environment: variables on top of gridloom's own, of which all but the secret of served
                models (`GRIDLOOM_TOKEN`) are passed on.
            folder: working directory; by default gridloom's.

        Raises:
            OSError: it cannot be started.
        """
        self.command = tuple(command)
        inherited = {name: value for name, value in os.environ.items() if name != _SECRET}
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as we do
        watched = [sys.executable, "-I", "-S", str(_WARDEN)] if os.name == "posix" else []
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- the user's scenario names the program
                [*watched, *command],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env={**inherited, "PYTHONUNBUFFERED": "1", **(environment or {})},
                cwd=folder,
                start_new_session=True,  # Ctrl-C is gridloom's to handle
            )
        except BaseException:
            self._log.close()
            raise

    @property
    def warden_pid(self) -> int:
        """Process id of the warden, an ancestor of all that the program starts."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the program's exit code (128 plus n if signal n killed it), None while it runs."""
        return self._process.poll()

    def how_it_ended(self) -> str:
        """Return how the program ended as part of a sentence, or '' while it runs."""
        code = self.exit_code()
        if code is None:
            return ""
        if code > _SIGNAL_BASE:
            with suppress(ValueError):
                name = signal.Signals(code - _SIGNAL_BASE).name
                return f"its process was killed by signal {code - _SIGNAL_BASE} ({name})"
        return f"its process ended with exit code {code}"

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines that the program has written, standard error and output."""
        with suppress(OSError, ValueError):
            size = os.fstat(self._log.fileno()).st_size
            begin = max(0, size - _TAIL_BYTES)
            text = os.pread(self._log.fileno(), _TAIL_BYTES, begin).decode(errors="replace")
            return "\n".join(printable(line) for line in text.rstrip().splitlines()[-lines:])
        return ""

    def kill(self) -> None:
        """End the program and everything it has started, and wait until that is done."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if os.name != "posix":
            self._process.kill()
        try:
            self._process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the program has ended; return whether it did in time."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code() is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def close(self) -> None:
        """Kill whatever still runs and drop the output."""
        self.kill()
        self._log.close()
