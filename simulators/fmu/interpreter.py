"""FMUs written in Python run in this interpreter: what they would get, and what they leave.

PythonFMU imports the FMU's module by the name in `resources/slavemodule.txt`, from a folder that it
adds to the search path.
"""

import sys
from pathlib import Path

from gridloom.simulators.errors import SimulatorError


def check_module(simulator: str, folder: Path) -> None:
    """Refuse an FMU whose module would not be imported, because another of its name is.

    Args:
        simulator: who has the FMU.
        folder: where it is unpacked.

    Raises:
        SimulatorError: the interpreter already has a module of this name and other content.
    """
    named = folder / "resources" / "slavemodule.txt"
    if not named.is_file():
        return
    name = named.read_text(encoding="utf-8").strip()
    present = _file_of(sys.modules.get(name))
    own = folder / "resources" / f"{name}.py"
    if name not in sys.modules or (present and present.is_file() and _same(present, own)):
        return
    raise SimulatorError(
        simulator,
        None,
        f"its FMU in Python is the module '{name}', but another module of that name is loaded "
        "already: rename its source, or give it 'placement: process'",
    )


def forget_modules(folder: Path) -> None:
    """Undo what FMUs in Python left behind: modules from ``folder``, and paths into it."""
    for name, module in list(sys.modules.items()):
        origin = _file_of(module)
        if origin is not None and folder in origin.parents:
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if folder not in Path(path).parents]


def _file_of(module: object) -> Path | None:
    """Return a module's file, without waking up modules that load when they are looked at."""
    origin = getattr(module, "__dict__", {}).get("__file__")
    return Path(origin) if isinstance(origin, str) else None


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
