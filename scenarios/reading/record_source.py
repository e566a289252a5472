"""Reads the scenario of a record, to run it again."""

from importlib.resources import files
from pathlib import Path

from typing_extensions import override

from gridloom.scenarios.reading.sources import Source
from gridloom.scenarios.reading.tree import tree_of
from gridloom.simulators.errors import Location, Problem, RecordError, ScenarioError

_SUFFIX = ".h5"


class RecordLocation(Location):
    """The place of everything in a record's scenario, which has no lines."""

    @override
    def __str__(self) -> str:
        return str(self.file)


def is_record(path: Path) -> bool:
    """Whether a path means a record: by its suffix, or as a run's folder."""
    return path.suffix == _SUFFIX or (path.is_dir() and _record_in(path).exists())


def read_record_source(path: Path, *, allow_external: bool = False) -> Source:
    """Read the scenario of a record as if it stood in a file beside it.

    Its files are looked up where the run found them, then beside the record. Where the run found
    them is what the record says, and anybody may have written it: unless foreign code is allowed,
    only folders below the working directory and that of the shipped scenarios count.

    Args:
        path: a record, or a run's folder.
        allow_external: whether files are looked up in any folder that the record names.

    Raises:
        ScenarioError: the file is no record, or its scenario is missing or malformed.
    """
    from gridloom.scenarios.results.record import recorded_scenario

    record = _record_in(path) if path.is_dir() else path
    try:
        recorded = recorded_scenario(record)
    except RecordError as error:
        raise ScenarioError(Problem(message=str(error))) from error
    folders = [each for each in recorded.folders if allow_external or _is_ours(each)]
    place = RecordLocation(file=record, line=1, column=1)
    return Source(
        tree=tree_of(recorded.scenario, place), paths=(record,), recorded_folders=tuple(folders)
    )


def _is_ours(folder: Path) -> bool:
    """Whether files may be looked up there because a record says so; does not touch the folder."""
    if folder == Path(str(files("gridloom.scenarios.library"))).resolve():
        return True
    here = Path.cwd()
    return here != here.parent and ".." not in folder.parts and folder.is_relative_to(here)


def _record_in(folder: Path) -> Path:
    from gridloom.scenarios.run_folder import RunFolder

    return RunFolder(folder).any_record()
