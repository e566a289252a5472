"""Finds scenario files, and lays them on what they are based on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from gridloom.scenarios.reading.tree import Node, merge
from gridloom.scenarios.reading.wording import describe
from gridloom.scenarios.reading.yaml_source import read_yaml
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest

_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """The tree of a scenario file, merged with its bases, or that of a record's scenario."""

    tree: Node
    paths: tuple[Path, ...]
    """The file, its base, the base's base and so on."""
    recorded_folders: tuple[Path, ...] | None = None
    """Where the run of a record looked files up; None if this is no record."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where files are looked up: recorded folders, then those of the files; each once."""
        recorded = self.recorded_folders or ()
        return tuple(dict.fromkeys((*recorded, *(path.parent for path in self.paths))))


def shipped_scenarios() -> dict[str, Path]:
    """Return the scenarios that come with gridloom, by name."""
    library = Path(str(files("gridloom.scenarios.library")))
    return {path.stem: path for path in sorted(library.glob("*.yaml"))}


def find_source(source: str | Path, folder: Path | None = None) -> Path:
    """Return the file that ``source`` means: a path, or the name of a shipped scenario.

    Args:
        source: a path with the suffix .yaml, .yml or .h5, a run's folder, or a name.
        folder: where relative paths begin; by default the working directory.

    Raises:
        ScenarioError: there is no such file.
    """
    path = Path(source)
    shipped = shipped_scenarios()
    if path.suffix not in _SUFFIXES and str(source) in shipped:
        return shipped[str(source)]
    path = path if folder is None else folder / path
    if path.exists():
        return path
    raise ScenarioError(
        Problem(
            message=f"no such file: '{path}'",
            expected=f"a YAML file, a record, or a shipped scenario: {listing(list(shipped))}",
            suggestion=nearest(Path(source).stem, shipped),
        )
    )


def read_source(path: Path) -> Source:
    """Read a scenario file and everything it is based on.

    Raises:
        ScenarioError: a file is missing, is no YAML mapping, or is based on itself.
    """
    return _read(path, ())


def is_campaign(tree: Node) -> bool:
    """Whether a tree is a campaign's rather than a scenario's."""
    keys = tree.value if isinstance(tree.value, dict) else {}
    return bool({"axes", "scenario"} & keys.keys()) and not {"simulators", "base"} & keys.keys()


def _read(path: Path, above: Sequence[Path]) -> Source:
    tree = read_yaml(path)
    if tree.value is None:
        raise ScenarioError(
            Problem(
                message="the file is empty",
                expected="name, start, duration and simulators",
                location=tree.location,
            )
        )
    if not isinstance(tree.value, dict):
        raise ScenarioError(
            Problem(
                message=f"expected a mapping of keys, got {describe(tree.plain())}",
                suggestion="a scenario begins with 'name: my_scenario'",
                location=tree.location,
            )
        )
    base = tree.value.get("base")
    tree = tree.without("base")
    if base is None or base.value is None:
        return Source(tree=tree, paths=(path,))
    below = _base(base, path, (*above, path.resolve()))
    return Source(tree=_merged(below.tree, tree), paths=(path, *below.paths))


def _base(base: Node, path: Path, above: Sequence[Path]) -> Source:
    if not isinstance(base.value, str):
        raise _refusal(f"expected a file or a scenario's name, got {describe(base.plain())}", base)
    try:
        found = find_source(base.value, path.parent)
    except ScenarioError as error:
        missing = error.problems[0]
        raise _refusal(missing.message, base, missing) from error
    if found.resolve() in above:
        chain = " -> ".join(file.name for file in (*above, found))
        raise _refusal(f"a scenario cannot be based on itself ({chain})", base)
    return _read(found, above)


def _refusal(message: str, base: Node, like: Problem | None = None) -> ScenarioError:
    return ScenarioError(
        Problem(
            message=message,
            key=("base",),
            expected=like.expected if like else "",
            suggestion=like.suggestion if like else "",
            location=base.location,
        )
    )


def _merged(base: Node, over: Node) -> Node:
    """Return a scenario laid on its base; what a variant of its own drops remains to be dropped."""
    merged, theirs, ours = merge(base, over), base.child("variants"), over.child("variants")
    if ours is None or not isinstance(ours.value, dict):
        return merged
    known = theirs.value if theirs is not None and isinstance(theirs.value, dict) else {}
    new = {
        name: node
        for name, node in ours.value.items()
        if name not in known and node.value is not None
    }
    variants = merged.child("variants")
    if not new or variants is None or not isinstance(variants.value, dict):
        return merged
    entries = merged.value if isinstance(merged.value, dict) else {}
    kept = replace(variants, value={**variants.value, **new})
    return replace(merged, value={**entries, "variants": kept})
