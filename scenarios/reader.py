"""Reads scenario files, and the scenarios of records.

    YAML text -> tree with places -> merged with its base, variants and overrides -> Scenario

Everything that is wrong is reported at once, with file, line and column. A record may have been
sent by anybody: what it brings in from elsewhere is refused before anything of it is imported.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gridloom.scenarios.foreign_code import ForeignCodeError, foreign_code
from gridloom.scenarios.reading.checking import check_scenario
from gridloom.scenarios.reading.overrides import Override, read_overrides
from gridloom.scenarios.reading.record_source import is_record, read_record_source
from gridloom.scenarios.reading.sources import (
    Source,
    find_source,
    is_campaign,
    read_source,
    shipped_scenarios,
)
from gridloom.scenarios.reading.tree import Node, merge
from gridloom.scenarios.reading.variants import join_problems, variants_of, within_variant
from gridloom.scenarios.schema import Scenario
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError, listing, nearest

__all__ = ["ScenarioDocument", "read_scenario", "shipped_scenarios"]


def read_scenario(
    source: str | Path, overrides: Sequence[str] = (), *, allow_external: bool = False
) -> "ScenarioDocument":
    """Read a scenario with all its variants, or the one that a record is of.

    Args:
        source: path of a YAML file, the name of a shipped scenario, a record, or a run's folder.
        overrides: such as 'simulators.ev.rated_power_kw=11'; they hold for all variants,
            but for those that drop the model that is meant.
        allow_external: let a record import modules, start programs and so on, as a file may.

    Raises:
        ScenarioError: with everything that is wrong.
        ForeignCodeError: a record brings in foreign code, and that is not allowed.
    """
    path = find_source(source)
    return ScenarioDocument(
        read_record_source(path, allow_external=allow_external)
        if is_record(path)
        else _scenario_source(path),
        read_overrides(overrides),
        allow_external=allow_external,
    )


def _scenario_source(path: Path) -> Source:
    source = read_source(path)
    if is_campaign(source.tree):
        raise ScenarioError(
            Problem(
                message="this is a campaign, not a scenario",
                suggestion=f"gridloom batch {path} --dry-run",
                location=source.tree.location,
            )
        )
    return source


class ScenarioDocument:
    """A scenario file with all its variants, valid, and the places of everything in it."""

    def __init__(
        self,
        source: Source,
        overrides: Sequence[Override] = (),
        *,
        allow_external: bool = False,
    ) -> None:
        self.path = source.paths[0]
        self.folders = source.folders
        """Where relative file names are looked up: the file's folder, then those of its bases; of a
        record the folders that its run had, then its own."""
        self.is_record = source.recorded_folders is not None
        """Whether it is a record's scenario: somebody may have sent it."""
        self._order = {path: i for i, path in enumerate(source.paths)}
        self._tree = source.tree
        for each in overrides:
            if each.key[0] == "variants":
                self._tree = each.apply(self._tree)
        self._trees = self._resolve([each for each in overrides if each.key[0] != "variants"])
        if self.is_record and not allow_external:
            self._refuse_foreign_code()
        self._scenarios = self._check()

    @property
    def name(self) -> str:
        """The scenario's name."""
        return next(iter(self._scenarios.values())).name

    @property
    def title(self) -> str:
        """What the scenario with all its variants is about."""
        title = self._tree.child("title")
        return str(title.value) if title and title.value else self.name

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, in the file's order; empty if there are none."""
        return tuple(name for name in self._trees if name is not None)

    def scenario(self, variant: str | None = None) -> Scenario:
        """Return one variant, or the scenario itself if it has none.

        Raises:
            ScenarioError: there is no such variant, or there are some and none was named.
        """
        if variant in self._scenarios:
            return self._scenarios[variant]
        has_none = f"'{self.name}' has no variants"
        raise ScenarioError(
            Problem(
                message=f"there is no variant '{variant}'" if variant else "which variant?",
                expected=f"one of {listing(self.variants)}" if self.variants else has_none,
                suggestion=nearest(variant or "", self.variants),
                location=self._tree.locate(("variants",)),
            )
        )

    def locate(self, key: Key, variant: str | None = None) -> Location | None:
        """Return where ``key`` is written, or the nearest existing thing that should hold it.

        Args:
            key: path from the root of a scenario.
            variant: the variant that is meant; None for what is common to all.
        """
        return self._trees.get(variant, self._tree).locate(key) if key else None

    def complete(self, error: ScenarioError, variant: str | None = None) -> ScenarioError:
        """Return ``error`` with the place of every problem that has a key but no place."""
        return ScenarioError(
            *(
                within_variant(
                    self._tree, variant, replace(p, location=self.locate(p.key, variant))
                )
                if p.location is None
                else p
                for p in error.problems
            )
        )

    def _resolve(self, overrides: Sequence[Override]) -> dict[str | None, Node]:
        """Return the tree of each variant; of the document, by None, if it has no variants."""
        common = self._tree.without("variants")
        trees: dict[str | None, Node] = {
            name: merge(common, _naming(name, node))
            for name, node in variants_of(self._tree).items()
        }
        trees = trees or {None: common}
        for each in overrides:
            trees = {
                name: tree if _drops(tree, common, each.key) else each.apply(tree)
                for name, tree in trees.items()
            }
        return trees

    def foreign_code(self, variant: str | None = None) -> list[tuple[Key, str]]:
        """Return key and description of all that one variant brings in from elsewhere."""
        return foreign_code(self._trees.get(variant, self._tree).plain())

    def _refuse_foreign_code(self) -> None:
        found = dict(each for variant in self._trees for each in self.foreign_code(variant))
        if found:
            raise ForeignCodeError(str(self.path), list(found.items()), self._tree.location)

    def _check(self) -> dict[str | None, Scenario]:
        scenarios: dict[str | None, Scenario] = {}
        found: dict[str | None, Sequence[Problem]] = {}
        for name, tree in self._trees.items():
            try:
                scenarios[name] = check_scenario(tree, self.folders)
                found[name] = ()
            except ScenarioError as error:
                found[name] = error.problems
        problems = join_problems(self._tree, self._trees, found)
        if problems:
            raise ScenarioError(*sorted(problems, key=self._position))
        return scenarios

    def _position(self, problem: Problem) -> tuple[int, int, int]:
        place = problem.location
        if place is None:
            return (-1, 0, 0)
        return (self._order.get(place.file, len(self._order)), place.line, place.column)


def _drops(tree: Node, common: Node, key: Key) -> bool:
    """Whether a variant does without the model, common to the others, that a key belongs to."""
    model = key[:2]
    if key[0] not in ("simulators", "controllers") or len(key) == len(model):
        return False
    found, shared = tree.find(model), common.find(model)
    return shared is not None and (found is None or found.value is None)


def _naming(variant: str, overrides: Node) -> Node:
    """Return a variant's overrides together with its name."""
    entries = overrides.value if isinstance(overrides.value, dict) else {}
    name = Node(value=variant, location=overrides.location)
    return replace(overrides, value={**entries, "variant": name})
