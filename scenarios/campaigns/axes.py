"""Reads the axes of a campaign file: what each value of an axis changes in the scenario."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial, singledispatchmethod
from glob import glob
from pathlib import Path, PurePath

from gridloom.scenarios.campaigns.base_scenario import BaseScenario, require_changeable
from gridloom.scenarios.campaigns.factor import Factor, Level, SameKeys
from gridloom.scenarios.campaigns.keys import keys_set, overrides_of, read_key, unit_of
from gridloom.scenarios.campaigns.labels import file_labels, label_of, label_text
from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.campaigns.problems import Problems
from gridloom.scenarios.campaigns.reading import CampaignFile
from gridloom.scenarios.campaigns.schema import (
    MOST_VALUES,
    AxisConfig,
    ChangesAxis,
    FilesAxis,
    PointsAxis,
    RangeAxis,
    SeedsAxis,
    SeedSeries,
    ValuesAxis,
    VariantsAxis,
)
from gridloom.scenarios.campaigns.spacing import range_length, range_numbers
from gridloom.scenarios.reading.overrides import Override
from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.reading.wording import describe
from gridloom.simulators.errors import (
    Key,
    Location,
    Problem,
    ScenarioError,
    dotted,
    listing,
    nearest,
)

IMPLICIT = "variant"
"""The axis of a scenario's variants where the campaign has none of its own."""


def variants_factor(scenario: BaseScenario, location: Location) -> Factor:
    """Return the axis of all variants of a scenario."""
    return _of_variants(IMPLICIT, scenario.variants, location)


def read_factor(name: str, campaign: CampaignFile, scenario: BaseScenario) -> Factor:
    """Return what an axis of a campaign file varies.

    Raises:
        ScenarioError: with everything that is wrong with it by itself.
    """
    return _Reader(name, campaign, scenario).factor(campaign.axes[name])


class _Reader:
    """Reads one axis."""

    def __init__(self, name: str, campaign: CampaignFile, scenario: BaseScenario) -> None:
        self._name = name
        self._key: Key = ("axes", name)
        self._campaign = campaign
        self._scenario = scenario
        self._node = campaign.tree.find(self._key) or campaign.tree

    @singledispatchmethod
    def factor(self, config: AxisConfig) -> Factor:
        """Return the factor of an axis of any kind."""
        raise NotImplementedError(type(config))

    @factor.register
    def _variants(self, config: VariantsAxis) -> Factor:
        known = self._scenario.variants
        chosen = known if config.variants == "all" else tuple(config.variants)
        if not known:
            raise self._refused("the scenario has no variants", "variants")
        wrong = [
            self._problem(
                f"there is no variant '{variant}'",
                "variants",
                i,
                expected=f"one of {listing(known)}",
                suggestion=nearest(variant, known),
            )
            for i, variant in enumerate(chosen)
            if variant not in known
        ]
        if wrong:
            raise ScenarioError(*wrong)
        self._require_distinct(chosen, "variants")
        return _of_variants(self._name, chosen, self._node.location)

    @factor.register
    def _changes(self, config: ChangesAxis) -> Factor:
        problems = Problems()
        levels = [problems.within(partial(self._change, label)) for label in config.changes]
        problems.require_none()
        return self._listed((), tuple(config.changes), [level or () for level in levels])

    def _change(self, label: str) -> Level:
        node = self._at("changes", label)
        if node.value is None:
            return ()
        if not isinstance(node.value, dict):
            given = describe(node.plain())
            raise self._refused(f"expected a mapping of changes, got {given}", "changes", label)
        require_changeable(node, (*self._key, "changes", label))
        return overrides_of(node)

    @factor.register
    def _points(self, config: PointsAxis) -> Factor:
        problems = Problems()
        found = [problems.within(partial(self._point, i)) for i in range(len(config.points))]
        problems.require_none()
        levels = [level or () for level in found]
        given = [point.get("label", i + 1) for i, point in enumerate(config.points)]
        labels = tuple(label_of(label) for label in given)
        self._require_distinct(labels, "points")
        keys = tuple(dict.fromkeys(dotted(each.key) for level in levels for each in level))
        return self._listed(keys, labels, levels)

    def _point(self, index: int) -> Level:
        node = self._at("points", index).without("label")
        entries = node.value if isinstance(node.value, dict) else {}
        if not entries:
            raise self._refused("sets nothing", "points", index)
        return tuple(
            Override(key=self._read_key(name, child.location, ("points", index)), value=child)
            for name, child in entries.items()
        )

    @factor.register
    def _values(self, config: ValuesAxis) -> Factor:
        named = isinstance(config.values, Mapping)
        parts: Iterable[str | int] = config.values if named else range(len(config.values))
        nodes = [self._at("values", part) for part in parts]
        labels = tuple(config.values) if named else tuple(label_of(node.plain()) for node in nodes)
        self._require_distinct(labels, "values")
        keys = self._keys(config.key)
        levels = [tuple(Override(key=key, value=node) for key in keys) for node in nodes]
        return self._listed(keys, labels, levels, self._unit(config.unit, keys))

    @factor.register
    def _range(self, config: RangeAxis) -> Factor:
        keys = self._keys(config.key)
        if range_length(config.range) > MOST_VALUES:
            raise self._refused(f"has more than {MOST_VALUES:,} numbers", "range")
        return self._numbers(keys, range_numbers(config.range), "range", config.unit)

    @factor.register
    def _files(self, config: FilesAxis) -> Factor:
        keys = self._keys(config.key)
        place = self._at("files").location
        several = not isinstance(config.files, str)
        patterns = config.files if several else [config.files]
        found: list[str] = []
        for i, pattern in enumerate(patterns):
            matching = _matching(str(pattern), self._campaign.path.parent)
            if not matching:
                raise self._refused(
                    f"no file matches '{pattern}'",
                    *(("files", i) if several else ("files",)),
                    expected=f"a pattern relative to {self._campaign.path.parent}",
                )
            found += matching
        names = sorted(dict.fromkeys(found))
        nodes = [Node(value=name, location=place) for name in names]
        levels = [tuple(Override(key=key, value=node) for key in keys) for node in nodes]
        return self._listed(keys, file_labels(names), levels, config.unit or "")

    @factor.register
    def _seeds(self, config: SeedsAxis) -> Factor:
        match config.seeds:
            case int(count):
                seeds: Sequence[int] = self._seed_series(count, None)
            case SeedSeries(count=count, first=first):
                seeds = self._seed_series(count, first)
            case listed:
                seeds = tuple(listed)
                self._require_distinct(seeds, "seeds")
        return self._numbers((("seed",),), seeds, "seeds", "")

    def _seed_series(self, count: int, first: int | None) -> Sequence[int]:
        begin = self._scenario.seed if first is None else first
        return tuple(range(begin, begin + count))

    # ── parts of factors ──────────────────────────────────────────────────────────────

    def _numbers(
        self, keys: Sequence[Key], numbers: Sequence[int | float], part: str, unit: str | None
    ) -> Factor:
        names = tuple(dotted(key) for key in keys)
        axis = Axis(
            name=self._name,
            keys=names,
            labels=tuple(numbers),
            unit=self._unit(unit, keys),
            is_seed=_repeats(names, numbers),
        )
        levels = SameKeys(keys, axis.labels, self._at(part).location)
        return self._factor(axis, levels, frozenset(keys))

    def _listed(
        self,
        keys: Sequence[Key | str],
        labels: tuple[Parameter, ...],
        levels: Sequence[Level],
        unit: str = "",
    ) -> Factor:
        names = tuple(key if isinstance(key, str) else dotted(key) for key in keys)
        is_seed = _repeats(names, (each.value.value for level in levels for each in level))
        axis = Axis(name=self._name, keys=names, labels=labels, unit=unit, is_seed=is_seed)
        return self._factor(axis, levels, keys_set(each for level in levels for each in level))

    def _factor(self, axis: Axis, levels: Sequence[Level], sets: frozenset[Key]) -> Factor:
        return Factor(
            axis=axis,
            levels=levels,
            sets=sets,
            location=self._node.location,
            key_location=self._at("key").location,
        )

    def _keys(self, given: str | Sequence[str]) -> list[Key]:
        if isinstance(given, str):
            return [self._read_key(given, self._at("key").location, ("key",))]
        problems = Problems()
        places = [(i, self._at("key", i).location) for i in range(len(given))]
        keys = [
            problems.within(partial(self._read_key, text, place, ("key", i)))
            for text, (i, place) in zip(given, places, strict=True)
        ]
        problems.require_none()
        return [key for key in keys if key is not None]

    def _read_key(self, text: str, location: Location, below: Key) -> Key:
        try:
            return read_key(text, location)
        except ScenarioError as error:
            raise error.below((*self._key, *below)) from error

    def _unit(self, given: str | None, keys: Sequence[Key]) -> str:
        return unit_of(keys[-1]) if given is None else given

    def _require_distinct(self, labels: Sequence[Parameter], part: str) -> None:
        first: dict[str, int] = {}
        for i, label in enumerate(labels):
            if first.setdefault(label_text(label), i) != i:
                raise self._refused(f"{label} is there twice", part, i)

    # ── places and problems ───────────────────────────────────────────────────────────

    def _at(self, *below: str | int) -> Node:
        """Return a part of the axis, or the nearest that should hold it."""
        node = self._node
        for part in below:
            node = node.child(part) or node
        return node

    def _problem(
        self, message: str, *below: str | int, expected: str = "", suggestion: str = ""
    ) -> Problem:
        return Problem(
            message=message,
            key=(*self._key, *below),
            expected=expected,
            suggestion=suggestion,
            location=self._at(*below).location,
        )

    def _refused(self, message: str, *below: str | int, expected: str = "") -> ScenarioError:
        return ScenarioError(self._problem(message, *below, expected=expected))


def _of_variants(name: str, variants: tuple[str, ...], location: Location) -> Factor:
    return Factor(
        axis=Axis(name=name, keys=(), labels=variants),
        levels=((),) * len(variants),
        sets=frozenset(),
        location=location,
        key_location=location,
        is_variant=True,
    )


def _repeats(names: Sequence[str], values: Iterable[object]) -> bool:
    """Whether an axis of these keys varies the seed alone, and all its values can be seeds."""
    return names == ("seed",) and all(type(value) is int and value >= 0 for value in values)


def _matching(pattern: str, folder: Path) -> list[str]:
    """Return the files that a pattern means, relative to ``folder`` as the pattern is."""
    found = glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 -- a pattern may be absolute
    return [PurePath(name).as_posix() for name in found if (folder / name).is_file()]
