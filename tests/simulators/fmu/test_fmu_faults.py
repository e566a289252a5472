"""FMUs that fail: who, when, why in the FMU's own words, and nothing left behind."""

import logging
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from gridloom.scenarios import library
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.fmu.archive import open_archive
from gridloom.simulators.fmu.fmi3 import Fmi3Instance
from gridloom.simulators.fmu.instance import InstanceFailure
from gridloom.simulators.fmu.simulator import Fmu

Probe = Callable[..., Path]
Build = Callable[..., Fmu]

TRIPPED = "the compressor of heat.h2 tripped at 300 s"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def run_until_it_fails(model: Fmu) -> SimulatorError:
    def run() -> None:
        for time in range(0, 3600, 60):
            model.step(time, {})

    with pytest.raises(SimulatorError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (1, "fmi2DoStep failed with status 3 (error)"),
        (2, "fmi2DoStep failed with status 2 (discard)"),
        (3, "it asks to end the simulation"),
        (4, "its output 'power_kw' is nan"),
        (5, "fmi2DoStep failed with status 4 (fatal)"),
        (6, "it steps asynchronously, which is not supported"),
    ],
    ids=["error", "discard", "end", "nan", "fatal", "pending"],
)
def test_an_instance_that_fails_is_named_with_its_last_words(
    probe: Probe, build: Build, tmp_path: Path, fault: int, cause: str
) -> None:
    journal = tmp_path / "journal.txt"
    model = build(
        probe(),
        points=3,
        at="all",
        parameters={
            "fault": fault,
            "fail_at": {"h1": -1, "h2": 300, "h3": -1},
            "journal": str(journal),
        },
        sends={"power_kw": "power_kw"},
    )
    error = run_until_it_fails(model)
    assert (error.simulator, error.element, error.time) == ("heat", "h2", 300)
    assert error.cause.startswith(cause)
    assert error.cause.endswith(f"[error] {TRIPPED}")
    model.close()
    told = journal.read_text().splitlines()
    # FMI 2.0.4, 2.1.3: after fmi2Fatal no instance may be called; after fmi2Error none terminates
    # the failed one (4.2.4), which is freed all the same.
    freed = 0 if cause.endswith("(fatal)") else 3
    assert sum(line.startswith("free") for line in told) == freed
    assert "terminate heat.h2" not in told or fault == 4
    assert not list((tmp_path / "temporary").iterdir())


def test_the_seventh_of_nine_that_cannot_start_frees_the_six(
    probe: Probe, build: Build, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.txt"
    faults = {f"h{i}": 9 if i == 7 else 0 for i in range(1, 10)}
    model = build(
        probe(),
        points=9,
        at="all",
        parameters={"fault": faults, "journal": str(journal)},
        sends={"power_kw": "power_kw"},
    )
    with pytest.raises(SimulatorError, match="EnterInitializationMode") as caught:
        model.initial_outputs()
    assert (caught.value.element, caught.value.time) == ("h7", None)
    told = journal.read_text().splitlines()
    freed = [line for line in told if line.startswith("free")]
    assert freed == [f"free heat.h{i}" for i in range(7, 0, -1)]
    ended = [line for line in told if line.startswith("terminate")]
    assert ended == [f"terminate heat.h{i}" for i in range(6, 0, -1)]
    assert not list((tmp_path / "temporary").iterdir())


def test_an_instance_that_is_refused_says_why(probe: Probe, build: Build, tmp_path: Path) -> None:
    before = Path.cwd()
    model = build(probe(), instance_name="refuses", sends={"power_kw": "power_kw"})
    with pytest.raises(SimulatorError, match="no licence for refuses"):
        model.step(0, {})
    assert Path.cwd() == before
    assert not list((tmp_path / "temporary").iterdir())


def test_a_library_that_is_none_is_told(probe: Probe, build: Build, tmp_path: Path) -> None:
    path = probe()
    with zipfile.ZipFile(path) as archive:
        description = archive.read("modelDescription.xml")
        (name,) = (each for each in archive.namelist() if each.startswith("binaries"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("modelDescription.xml", description)
        archive.writestr(name, b"no library")
    before = Path.cwd()
    model = build(path, sends={"power_kw": "power_kw"})
    with pytest.raises(SimulatorError, match="Failed to load shared library"):
        model.initial_outputs()
    assert Path.cwd() == before  # FMPy stays in the library's folder if loading fails
    assert not list((tmp_path / "temporary").iterdir())


def test_what_an_fmu_logs_is_shown_on_demand(
    probe: Probe, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="gridloom.simulators.fmu"):
        build(probe(), at="all", sends={"power_kw": "power_kw"}).initial_outputs()
        assert not caplog.messages
        build(probe(), at="all", logging=True, sends={"power_kw": "power_kw"}).initial_outputs()
    assert caplog.messages == [
        "heat.h1: [ok] made heat.h1",
        "heat.h2: [ok] made heat.h2",
    ]


@pytest.mark.parametrize(
    ("parameter", "cause"),
    [
        ("error_at", "fmi3DoStep failed with status 3 (error)"),
        ("end_at", "it asks to end the simulation"),
    ],
)
def test_fmi_3_tells_apart_how_a_step_ends(
    rooms: Path, build: Build, parameter: str, cause: str
) -> None:
    model = build(
        rooms,
        at="all",
        defines={"temperature_k": {"unit": "K"}},
        parameters={parameter: {"h1": 300, "h2": -1}, "label": "kitchen"},
        sends={"temperature_k": "one_temperature"},
    )
    error = run_until_it_fails(model)
    assert (error.element, error.time) == ("h1", 300)
    assert error.cause.startswith(cause)
    assert ("kitchen is on fire" in error.cause) == (parameter == "error_at")


def test_a_step_by_fmi_3_that_returns_early_is_a_failure(rooms: Path, tmp_path: Path) -> None:
    # PythonFMU3 hands on no early return: a stand-in for FMPy's object does, at 42 s.
    class Early:
        component = None

        def fmi3DoStep(self, *arguments: Any) -> int:  # noqa: N802 -- FMPy's name
            early, reached = arguments[-2:]
            early._obj.value = True
            reached._obj.value = 42.0
            return 0

    class Returning(Fmi3Instance):
        @override
        def _load(self, **arguments: Any) -> Any:
            return Early()

    instance = Returning(open_archive(rooms), tmp_path, "kitchen", shown=False)
    instance._fmu = instance._load()
    with pytest.raises(InstanceFailure, match="early within the step, at 42 s"):
        instance.do_step(0, 60)


def test_a_value_that_is_not_finite_may_pass_where_its_signal_allows(
    probe: Probe, build: Build
) -> None:
    model = build(
        probe(),
        parameters={"fault": 4, "fail_at": 0},
        sends={"voltage_pu": {"name": "power_kw", "scale": 1}},
    )
    assert np.isnan(model.step(0, {})["voltage_pu"])


def test_one_instance_for_all_names_the_connection_point_too(probe: Probe, build: Build) -> None:
    path = probe({'"echo_h2" valueReference="11"': '"echo_h2" valueReference="3"'})
    model = build(
        path,
        at="all",
        defines={"echo_w": {"unit": "W"}},
        parameters={"fault": 4, "fail_at": 60},
        sends={"echo_w": "echo_{element}"},
    )
    model.step(0, {})
    with pytest.raises(SimulatorError, match="'echo_h2' is nan") as caught:
        model.step(60, {})
    assert caught.value.element == "h2"


def test_an_archive_that_reaches_out_of_its_folder_is_not_unpacked(
    probe: Probe, build: Build, tmp_path: Path
) -> None:
    path = probe()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("/etc/evil", "no")
    model = build(path, sends={"power_kw": "power_kw"})
    with pytest.raises(SimulatorError, match="cannot be unpacked: Illegal path /etc/evil"):
        model.initial_outputs()
    assert not list((tmp_path / "temporary").iterdir())


def test_two_fmus_in_python_of_one_name_are_not_confused(
    heat_pump: Path, build: Build, tmp_path: Path
) -> None:
    # PythonFMU would run the first one's class for the second, and nobody would notice.
    source = Path(library.__file__).parent / "heat_pump.py"
    other = tmp_path / "heat_pump.py"
    other.write_text(source.read_text().replace("150.0", "151.0"))
    sends = {"power_kw": {"name": "power", "unit": "W"}}
    first, again, second = (build(file, sends=sends) for file in (heat_pump, source, other))
    first.initial_outputs()
    again.initial_outputs()
    with pytest.raises(SimulatorError, match="another module of that name"):
        second.initial_outputs()
    first.close()
    again.close()
    second.initial_outputs()
