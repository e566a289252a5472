"""FMUs to test with: one in C, compiled here, one by FMI 3.0 and the shipped example."""

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios import library
from gridloom.simulators.fmu.python_source import build_fmu
from gridloom.simulators.fmu.simulator import Fmu, FmuConfig
from gridloom.simulators.model import BuildContext

HERE = Path(__file__).parent


def new_model(file: Path, points: int = 2, **keys: Any) -> Fmu:
    """Build a model of which the caller disposes."""
    context = BuildContext(
        name="heat",
        start=datetime(2022, 1, 18, tzinfo=UTC),
        duration_s=3600,
        seed=1,
        folders=(file.parent,),
        connection_points=tuple(f"h{i}" for i in range(1, points + 1)),
    )
    config = FmuConfig.model_validate(
        {"type": "fmu", "file": file.name, "step_size": "1min", **keys}
    )
    return Fmu(config, context)


@pytest.fixture(scope="session")
def make() -> Callable[..., Fmu]:
    """Return a function that builds a model of which the caller disposes."""
    return new_model


@pytest.fixture
def build(request: pytest.FixtureRequest) -> Callable[..., Fmu]:
    """Return a function that builds models, which are closed after the test."""

    def built(file: Path, points: int = 2, **keys: Any) -> Fmu:
        model = new_model(file, points, **keys)
        request.addfinalizer(model.close)
        return model

    return built


@pytest.fixture(scope="session")
def probe_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared library of probe.c."""
    fmpy = pytest.importorskip("fmpy")
    compiler = shutil.which("cc")
    if compiler is None or fmpy.system != "linux":
        pytest.skip("the probe needs a C compiler, and Linux")
    path = tmp_path_factory.mktemp("probe") / "probe.so"
    headers = Path(fmpy.__file__).parent / "c-code"
    command = [compiler, "-shared", "-fPIC", "-O1", f"-I{headers}", "-o", str(path)]
    subprocess.run([*command, str(HERE / "probe.c")], check=True)
    return path


@pytest.fixture
def probe(probe_library: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that packs the probe, with replacements in its model description."""
    import fmpy

    def packed(replace: dict[str, str] | None = None, folder: str = fmpy.platform) -> Path:
        path = tmp_path / "probe.fmu"
        description = (HERE / "probe.xml").read_text()
        for old, new in (replace or {}).items():
            assert old in description
            description = description.replace(old, new)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("modelDescription.xml", description)
            archive.write(probe_library, f"binaries/{folder}/probe.so")
        return path

    return packed


def _built(source: Path, builder: str, folder: Path) -> Iterator[Path]:
    pytest.importorskip("fmpy")
    pytest.importorskip(builder)
    path = folder / f"{source.stem}.fmu"
    path.write_bytes(build_fmu(source))
    yield path


@pytest.fixture(scope="session")
def heat_pump(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped example (FMI 2.0)."""
    source = Path(library.__file__).parent / "heat_pump.py"
    yield from _built(source, "pythonfmu", tmp_path_factory.mktemp("heat_pump"))


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An FMU by FMI 3.0."""
    source = HERE / "fmi3_probe.py"
    yield from _built(source, "pythonfmu3", tmp_path_factory.mktemp("rooms"))
