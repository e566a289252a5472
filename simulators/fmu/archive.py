"""The file of an FMU: what it holds, and whether it can run here; nothing of it is run yet."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing
from gridloom.simulators.fmu.python_source import build_fmu
from gridloom.simulators.fmu.variables import Variable, described

_FILE: Key = ("file",)
_DESCRIPTION = "modelDescription.xml"
_SUPPORTED = ("2", "3")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An FMU that can run here: a ZIP file with a model description and a shared library."""

    content: Path | bytes
    """The file, or what would be in it."""
    major_version: int
    """Of the FMI standard: 2 or 3."""
    token: str
    """GUID (FMI 2) or instantiation token (FMI 3)."""
    model_identifier: str
    """Name of the shared library."""
    only_once: bool
    """Whether a process may have one instance at most."""
    log_categories: tuple[str, ...]
    variables: dict[str, Variable]
    remarks: tuple[str, ...]
    """What a user should know of the file."""

    def extract(self, folder: Path) -> None:
        """Write what the archive holds to ``folder``."""
        import fmpy

        with _opened(self.content) as file:
            fmpy.extract(file, folder)


def open_archive(path: Path) -> Archive:
    """Read an FMU, or the Python source of one, and check that it can run here.

    Raises:
        ScenarioError: FMPy is not installed, or the file is no FMU for co-simulation by FMI 2.0 or
            3.0 with a shared library for this platform.
    """
    _require_fmpy()
    content = build_fmu(path) if path.suffix == ".py" else path
    names = _names(content, path)
    description, nonconformity = _description(content, path)
    interface = _co_simulation(description)
    _check_platform(names, description.fmiMajorVersion, interface.modelIdentifier)
    return Archive(
        content=content,
        major_version=description.fmiMajorVersion,
        token=description.guid,
        model_identifier=interface.modelIdentifier,
        only_once=interface.canBeInstantiatedOnlyOncePerProcess,
        log_categories=tuple(category.name for category in description.logCategories),
        variables={each.name: described(each) for each in description.modelVariables},
        remarks=tuple(_remarks(path, nonconformity)),
    )


def _require_fmpy() -> None:
    try:
        import fmpy  # noqa: F401
    except ImportError as error:
        raise ScenarioError(
            Problem(
                message="FMUs run with FMPy, which is not installed",
                key=("type",),
                suggestion="pip install 'gridloom[fmi]'",
            )
        ) from error


def _opened(content: Path | bytes) -> BinaryIO:
    """Open the archive here: FMPy leaves open what it opens itself."""
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _names(content: Path | bytes, path: Path) -> tuple[str, ...]:
    try:
        with _opened(content) as file, zipfile.ZipFile(file) as archive:
            names = tuple(archive.namelist())
    except zipfile.BadZipFile as error:
        raise _refusal(f"'{path.name}' is no FMU: it is no ZIP archive") from error
    if _DESCRIPTION not in names:
        raise _refusal(f"'{path.name}' is no FMU: it holds no {_DESCRIPTION}")
    return names


def _description(content: Path | bytes, path: Path) -> tuple[Any, str]:
    """Return FMPy's model description, and how it departs from the standard, or ''.

    Many tools' FMUs depart from the schema in what does not matter here: that is a remark.
    """
    import fmpy
    from fmpy.model_description import ValidationError

    try:
        with _opened(content) as file:
            try:
                return fmpy.read_model_description(file), ""
            except ValidationError as error:
                lenient = fmpy.read_model_description(file, validate=False)
                return lenient, "; ".join(str(problem) for problem in error.problems[:3])
    except Exception as error:  # FMPy and lxml raise whatever they meet in a broken file
        raise _refusal(f"the {_DESCRIPTION} of '{path.name}' cannot be read: {error}") from error


def _co_simulation(description: Any) -> Any:
    """Return what the FMU says of its co-simulation."""
    if not description.fmiVersion.startswith(_SUPPORTED):
        raise _refusal(f"it is an FMU by FMI {description.fmiVersion}")
    if description.coSimulation is not None:
        return description.coSimulation
    kinds = {
        "model exchange": description.modelExchange,
        "scheduled execution": description.scheduledExecution,
    }
    offered = listing([kind for kind, interface in kinds.items() if interface is not None])
    raise _refusal(
        f"it is an FMU for {offered or 'nothing'}, which has no solver of its own",
        suggestion="export it for co-simulation",
    )


def _check_platform(names: Sequence[str], major_version: int, identifier: str) -> None:
    import fmpy

    here = fmpy.platform if major_version == 2 else fmpy.platform_tuple  # noqa: PLR2004
    if f"binaries/{here}/{identifier}{fmpy.sharedLibraryExtension}" in names:
        return
    folders = sorted({name.split("/")[1] for name in names if name.startswith("binaries/")} - {""})
    sources = any(name.startswith("sources/") and not name.endswith("/") for name in names)
    raise ScenarioError(
        Problem(
            message=f"the FMU has no shared library for this platform, {here}; it has "
            f"{listing(folders) or 'none'}",
            key=_FILE,
            expected=f"binaries/{here}/{identifier}{fmpy.sharedLibraryExtension} in the FMU",
            suggestion="it brings its C sources: compile them with FMPy, "
            "fmpy.util.compile_platform_binary"
            if sources
            else "",
        )
    )


def _remarks(path: Path, nonconformity: str) -> list[str]:
    if not nonconformity:
        return []
    return [f"the model description of '{path.name}' departs from the standard: {nonconformity}"]


def _refusal(message: str, suggestion: str = "") -> ScenarioError:
    return ScenarioError(
        Problem(
            message=message,
            key=_FILE,
            expected="an FMU for co-simulation, by FMI 2.0 or 3.0",
            suggestion=suggestion,
        )
    )
