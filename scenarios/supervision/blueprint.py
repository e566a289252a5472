"""What a model is built from in another process: the scenario, and the files it reads."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

from gridloom.scenarios.building import build_one
from gridloom.scenarios.identity import own_code
from gridloom.scenarios.reading.checking import check_scenario
from gridloom.scenarios.reading.tree import tree_of
from gridloom.scenarios.schema import Scenario
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError
from gridloom.simulators.model import BuildContext, Model
from gridloom.simulators.quantities import InputFiles


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Everything that determines a scenario's models."""

    scenario: Scenario
    folders: tuple[Path, ...]
    """Where relative file names are looked up."""
    points: tuple[str, ...] | None
    """The grid's connection points."""
    files: Mapping[str, bytes] | None = None
    """The files themselves by their names in the scenario, for another host."""

    def with_files(self) -> "Blueprint":
        """Return the blueprint with the content of all files, for a host that has none of them.

        Raises:
            ScenarioError: a file is named by an absolute path, which means nothing elsewhere.
        """
        files: dict[str, bytes] = {}
        for key, name in self.scenario.input_files():
            _require_relative(str(name), key)
            context = BuildContext(
                name=str(key[1]),
                start=self.scenario.start,
                duration_s=self.scenario.duration_s,
                seed=self.scenario.seed,
                folders=self.folders,
            )
            several = isinstance(name, InputFiles)
            for path in context.files(name) if several else [context.file(name, *key)]:
                files[_relative_name(path, str(name), self.folders)] = path.read_bytes()
        return replace(self, files=files)

    def as_json(self, name: str) -> dict[str, Any]:
        """Return what is sent to the process that is to build the model ``name``."""
        return {
            "version": version("gridloom"),
            "code": own_code().hex(),
            "name": name,
            "scenario": self.scenario.resolved(),
            "folders": [] if self.files is not None else [str(f.resolve()) for f in self.folders],
            "points": self.points,
            "files": {n: b64encode(c).decode("ascii") for n, c in (self.files or {}).items()},
        }


def build_served(
    blueprint: Mapping[str, Any], folders: Sequence[Path] = (), *, is_own_run: bool = False
) -> Model:
    """Build the model that a run asks for.

    Args:
        blueprint: what `Blueprint.as_json` made.
        folders: where files and modules are looked up besides.
        is_own_run: whether the run started this process, and may name any folder and file.

    Raises:
        ScenarioError: the run has another version of gridloom, names files of this host, or
            something does not fit.
    """
    if blueprint.get("code") != own_code().hex():
        raise ScenarioError(
            Problem(
                message=f"the run has gridloom {blueprint.get('version')} and this process "
                f"{version('gridloom')}, or their code differs",
                key=("placement",),
                suggestion="install the same gridloom on both sides: results would differ",
            )
        )
    points = blueprint["points"]
    with TemporaryDirectory(prefix="gridloom-") as temporary:
        sent = Path(temporary)
        for name, content in blueprint["files"].items():
            _require_relative(name, ("files",))
            target = sent / name
            if not target.resolve().is_relative_to(sent.resolve()):
                raise _not_below(name, ("files",))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b64decode(content))
        named = [Path(folder) for folder in blueprint["folders"]] if is_own_run else []
        places = [*named, sent, *folders]
        location = Location(file=Path("scenario"), line=1, column=1)
        scenario = check_scenario(tree_of(blueprint["scenario"], location), places)
        if not is_own_run:
            for key, file in scenario.input_files():
                _require_relative(str(file), key)
        return build_one(
            scenario, places, blueprint["name"], None if points is None else tuple(points)
        )


def _relative_name(path: Path, name: str, folders: Sequence[Path]) -> str:
    """Return the name under which the other host finds a file."""
    for folder in folders:
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return name


def _require_relative(name: str, key: Key) -> None:
    """Refuse names that lead out of the folder in which they are looked up, on any system."""
    windows = PureWindowsPath(name)  # splits at both separators
    if PurePosixPath(name).root or windows.anchor or ".." in windows.parts:
        raise _not_below(name, key)


def _not_below(name: str, key: Key) -> ScenarioError:
    return ScenarioError(
        Problem(
            message=f"'{name}' cannot be sent to another host",
            key=key,
            expected="a file below the scenario's folder, named by its relative path",
        )
    )
