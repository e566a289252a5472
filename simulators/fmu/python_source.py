"""FMUs written in Python: built from their source by PythonFMU when a scenario starts.

So a scenario can name the readable source, whose content, unlike a built FMU's, is the same
wherever and whenever it is built: it counts in the scenario's identity.
"""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from gridloom.simulators.errors import Problem, ScenarioError

_LONGEST_S = 60


def build_fmu(source: Path) -> bytes:
    """Return the FMU that PythonFMU (FMI 2.0) or PythonFMU3 (FMI 3.0) builds from ``source``.

    Raises:
        ScenarioError: the builder is not installed, or it failed.
    """
    text = source.read_text(encoding="utf-8", errors="replace")
    builder = "pythonfmu3" if "pythonfmu3" in text else "pythonfmu"
    if find_spec(builder) is None:
        raise _refusal(
            f"'{source.name}' is built by {builder}, which is not installed",
            f"pip install {builder}, or: pip install 'gridloom[fmi]'",
        )
    with tempfile.TemporaryDirectory(prefix="gridloom-fmu-") as folder:
        # In a process of its own, because the builder imports the source and leaves it behind.
        command = [sys.executable, "-B", "-m", builder, "build"]
        command += ["-f", str(source.resolve()), "-d", folder]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise _refusal(f"{builder} builds '{source.name}' for over {_LONGEST_S} s") from error
        built = sorted(Path(folder).glob("*.fmu"))
        if done.returncode or len(built) != 1:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise _refusal(f"{builder} cannot build '{source.name}': {' '.join(last)}")
        return built[0].read_bytes()


def _refusal(message: str, suggestion: str = "") -> ScenarioError:
    return ScenarioError(
        Problem(
            message=message,
            key=("file",),
            expected="an FMU, or the Python source of one with a class for PythonFMU",
            suggestion=suggestion,
        )
    )
