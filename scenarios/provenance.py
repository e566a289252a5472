"""What a record must say so that the run can be understood and repeated."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

from gridloom.scenarios.schema import Scenario

_DEPENDENCIES = (
    "dss-python",
    "dss_python_backend",
    "fmpy",
    "h5py",
    "helics",
    "highspy",
    "llvmlite",
    "mosaik",
    "mosaik-api-v3",
    "numba",
    "numpy",
    "pandapower",
    "pandas",
    "power-grid-model",
    "pvlib",
    "pydantic",
    "pyomo",
    "pythonfmu",
    "pythonfmu3",
    "scipy",
    "simbench",
    "xarray",
)

_DESCRIBE = ("-c", "core.fsmonitor=false", "describe", "--always", "--dirty", "--abbrev=12")


def provenance(
    scenario: Scenario, digest: str, folders: Sequence[Path], *, ask_git: bool = True
) -> dict[str, str]:
    """Return the root attributes of a record: scenario, versions, platform, revision.

    Args:
        scenario: what is run; written fully resolved, defaults included.
        digest: the identity of the run.
        folders: where the scenario's files were looked up.
        ask_git: whether to look up the revision of the scenario's folder. A repository's own
            configuration names programs that git starts: not in a folder somebody may have sent.
    """
    lies_in = folders[0] if folders and ask_git else None
    return {
        "title": scenario.title or scenario.name,
        "scenario_name": scenario.name,
        "variant": scenario.variant or "",
        "scenario": json.dumps(scenario.resolved(), ensure_ascii=False),
        "scenario_folders": json.dumps([str(folder.resolve()) for folder in folders]),
        "digest": digest,
        "seed": str(scenario.seed),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gridloom_version": version("gridloom"),
        "dependencies": json.dumps(dict(versions())),
        "platform": f"{platform.platform()}, Python {platform.python_version()}",
        "git_revision": _git_revision(lies_in) if lies_in is not None else "",
        "gridloom_git_revision": _git_revision(Path(__file__).resolve().parent),
    }


@cache
def versions() -> Mapping[str, str]:
    """Return the versions of the libraries that results depend on, by name."""
    found = {name: _version(name) for name in _DEPENDENCIES}
    return MappingProxyType({"python": platform.python_version(), **found})


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _git_revision(folder: Path) -> str:
    """Return the revision of the repository the scenario lies in, or '' outside of one."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *_DESCRIBE],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
