"""Makes gridloom's environment and runs its jobs: `python3 dev.py demo|test|lint`.

Needs nothing but Python 3.11 or later. `make demo` and `make test` call this file; on Windows call
it yourself: `py dev.py demo`.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
OLDEST = (3, 11)


def main() -> int:
    """Run the job named on the command line and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=("demo", "test", "lint", "install"))
    parser.add_argument("arguments", nargs="*", help="passed on to gridloom run or pytest")
    known, more = parser.parse_known_args()
    arguments = [*known.arguments, *more]
    if sys.version_info < OLDEST:
        print(f"gridloom needs Python {'.'.join(map(str, OLDEST))} or later, this is {sys.version}")
        return 2
    if known.job == "demo":
        install([])
        return run([gridloom(), "run", *(arguments or ["ademis-2021"])])
    if known.job == "test":
        install(["test"])
        return run([PYTHON, "-m", "pytest", *(arguments or ["-n", "2", "-m", "not slow"])])
    install(["test", "lint"] if known.job == "lint" else ["test", "lint", "benchmark"])
    return lint() if known.job == "lint" else 0


def lint() -> int:
    """Check style, types and import layers; return 0 if all are fine."""
    jobs = (
        [SCRIPTS / "ruff", "check", "."],
        [SCRIPTS / "ruff", "format", "--check", "."],
        [SCRIPTS / "mypy"],
        [SCRIPTS / "lint-imports"],
    )
    return max(run([*job]) for job in jobs)


def gridloom() -> Path:
    """Return the installed command."""
    return SCRIPTS / ("gridloom.exe" if os.name == "nt" else "gridloom")


def install(groups: list[str]) -> None:
    """Make the environment with the project and these dependency groups; quick when done before."""
    project = (ROOT / "pyproject.toml").read_bytes()
    for group in groups or [""]:
        stamp = ENVIRONMENT / f".installed-{group or 'project'}"
        identity = hashlib.sha256(project + sys.version.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == identity and PYTHON.exists():
            continue
        make_environment()
        pip_install(["-e", str(ROOT), *requirements(tomllib.loads(project.decode()), group)])
        stamp.write_text(identity)


def requirements(project: dict[str, object], group: str) -> list[str]:
    """Return what a dependency group of pyproject.toml asks for."""
    groups = project["dependency-groups"]
    wanted = groups.get(group, []) if isinstance(groups, dict) else []
    return [item for item in wanted if isinstance(item, str)]


def make_environment() -> None:
    """Create the virtual environment unless it is there."""
    if PYTHON.exists():
        return
    print(f"creating {ENVIRONMENT.relative_to(ROOT)} (once)", flush=True)
    if shutil.which("uv"):
        subprocess.run(["uv", "venv", "--quiet", str(ENVIRONMENT)], check=True)
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(ENVIRONMENT)], capture_output=True, check=False
    )
    if made.returncode:  # Debian's python3 comes without ensurepip
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", "--without-pip", str(ENVIRONMENT)],
            check=True,
        )


def pip_install(packages: list[str]) -> None:
    """Install into the environment with uv, its own pip, or Debian's."""
    print("installing (a minute or two the first time)", flush=True)
    if shutil.which("uv"):
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--python", str(PYTHON), *packages], check=True
        )
        return
    has_pip = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False)
    with tempfile.TemporaryDirectory() as folder:
        pip = ["-m", "pip"] if has_pip.returncode == 0 else [str(debian_pip(Path(folder)))]
        options = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([PYTHON, *pip, "install", *options, *packages], check=True)


def debian_pip(folder: Path) -> Path:
    """Fetch Debian's pip wheel, which runs without being installed, and return its entry point."""
    try:
        subprocess.run(
            ["apt-get", "download", "python3-pip-whl"], cwd=folder, check=True, capture_output=True
        )
        package = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder / "pip"], check=True)
        return next((folder / "pip").rglob("pip-*.whl")) / "pip"
    except (OSError, subprocess.CalledProcessError, StopIteration):
        sys.exit(
            "this Python has neither pip nor ensurepip: install uv, or your system's package for "
            "virtual environments (Debian, Ubuntu: apt install python3-venv), and try again"
        )


def run(command: list[str | Path]) -> int:
    """Run a command from the repository's folder and return its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
