"""The package as users get it: declared whole, built as a wheel, run outside the repository."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = ("simulators", "controllers", "scenarios")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def _packages() -> set[str]:
    found = {"gridloom"}
    for folder in FOLDERS:
        for marker in (REPOSITORY / folder).rglob("__init__.py"):
            found.add(".".join(("gridloom", *marker.parent.relative_to(REPOSITORY).parts)))
    return found


def test_every_package_is_declared() -> None:
    """setuptools is told each package by name: a forgotten one is missing from the wheel only."""
    settings = PROJECT["tool"]["setuptools"]
    assert set(settings["packages"]) == _packages()
    assert set(settings["package-dir"]) == _packages()


def test_every_python_file_is_in_a_package() -> None:
    for folder in FOLDERS:
        for module in (REPOSITORY / folder).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tracked files, without network."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file() or source.is_symlink():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(source.readlink())
            else:
                target.write_bytes(source.read_bytes())
    built = tmp_path_factory.mktemp("wheel")
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=copy, check=True, capture_output=True)
    return next(built.glob("*.whl"))


def test_the_wheel_has_all_modules_and_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".html", ".typed"}:
                assert f"gridloom/{path.relative_to(REPOSITORY).as_posix()}" in inside


def test_the_wheel_runs_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = (
        "import gridloom; print(gridloom.__file__)\nfrom gridloom.scenarios.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", "quickstart"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    where, told = done.stdout.splitlines()
    assert where.startswith(str(tmp_path / "site"))
    assert told.startswith("quickstart: valid")
