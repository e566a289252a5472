"""Campaigns: the runs that a campaign file asks for, made one after another as they are needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import prod
from pathlib import Path

from gridloom.scenarios.campaigns.axes import IMPLICIT, read_factor, variants_factor
from gridloom.scenarios.campaigns.base_scenario import BaseScenario, read_base_scenario
from gridloom.scenarios.campaigns.factor import Factor
from gridloom.scenarios.campaigns.point import Axis, Parameter, Point
from gridloom.scenarios.campaigns.problems import Problems
from gridloom.scenarios.campaigns.reading import (
    CampaignFile,
    read_campaign_file,
    shipped_campaigns,
)
from gridloom.scenarios.campaigns.schema import MOST_POINTS, RunSettings, VariantsAxis
from gridloom.scenarios.campaigns.value_check import value_problems
from gridloom.scenarios.reading.overrides import Override
from gridloom.simulators.errors import Key, Problem, ScenarioError, dotted, listing, nearest

__all__ = ["Campaign", "read_campaign", "shipped_campaigns"]


def read_campaign(source: str | Path, overrides: Sequence[str] = ()) -> "Campaign":
    """Read a campaign and check each value of its axes against the scenario.

    Args:
        source: path of a campaign file, or the name of a shipped campaign.
        overrides: of keys of the campaign file, such as 'axes.seed.seeds=3'.

    Raises:
        ScenarioError: with everything that is wrong.
    """
    file = read_campaign_file(source, overrides)
    return Campaign(file, read_base_scenario(file))


class Campaign:
    """Many runs of one scenario: all combinations of the values of its axes.

    The axes multiply in the file's order, the last varies fastest; zipped ones count as one, in the
    place of their first.
    """

    def __init__(self, file: CampaignFile, scenario: BaseScenario) -> None:
        self.name = file.config.name
        self.title = file.config.title or file.config.name
        self.description = file.config.description
        self.scenario = file.config.scenario
        """What is varied, as the file names it."""
        self.changes = file.config.changes
        """What is laid on the scenario for all runs."""
        self.path = file.path
        self.settings: RunSettings = file.config
        self._scenario = scenario
        self._factors = _factors(file, scenario)
        self._wheels = _wheels(file, self._factors)
        self._length = prod(wheel.length for wheel in self._wheels)
        if self._length > MOST_POINTS:
            message, expected = f"span {self._length:,} runs", f"at most {MOST_POINTS:,}"
            raise ScenarioError(_problem(file, ("axes",), message, expected))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What varies, in order."""
        return tuple(factor.axis for factor in self._factors)

    def __len__(self) -> int:
        return self._length

    def points(self, first: int = 1) -> Iterator[Point]:
        """Yield the points in order, from number ``first`` on."""
        return map(self.point, range(first, len(self) + 1))

    def point(self, number: int) -> Point:
        """Return one point.

        Args:
            number: from 1.

        Raises:
            ScenarioError: two axes do not go together, as where one removes the list that the other
                changes an item of.
        """
        places = self._places(number)
        parameters: dict[str, Parameter] = {}
        overrides: list[Override] = []
        variant: str | None = None
        for factor in self._factors:
            place = places[factor.axis.name]
            label = parameters[factor.axis.name] = factor.axis.labels[place]
            overrides += factor.levels[place]
            if factor.is_variant:
                variant = str(label)
        return Point(number, parameters, self._scenario.source(variant, overrides))

    def schemes(self, most: int) -> Iterator[Point]:
        """Yield the first point of each combination of variants and named changes.

        Args:
            most: of more combinations, as many are chosen, evenly spread.
        """
        choices = [wheel.length if wheel.is_scheme else 1 for wheel in self._wheels]
        all_of_them = prod(choices)
        chosen = min(most, all_of_them)
        for i in range(chosen):
            rest = i * all_of_them // chosen
            number, stride = 1, 1
            for wheel, choice in zip(reversed(self._wheels), reversed(choices), strict=True):
                rest, place = divmod(rest, choice)
                number += place * stride
                stride *= wheel.length
            yield self.point(number)

    def _places(self, number: int) -> dict[str, int]:
        """Return for each axis which of its values a point has, from 0."""
        places: dict[str, int] = {}
        rest = number - 1
        for wheel in reversed(self._wheels):
            rest, place = divmod(rest, wheel.length)
            places.update(dict.fromkeys(wheel.axes, place))
        return places


@dataclass(frozen=True)
class _Wheel:
    """Axes that turn together."""

    axes: tuple[str, ...]
    length: int
    is_scheme: bool
    """Whether one of them chooses among variants or named changes."""


def _wheels(file: CampaignFile, factors: Sequence[Factor]) -> list[_Wheel]:
    """Return the axes in order, zipped ones together."""
    group_of = {name: group for group in file.config.zip for name in group}
    groups: dict[tuple[str, ...], list[Axis]] = {}
    for factor in factors:
        name = factor.axis.name
        groups.setdefault(group_of.get(name, (name,)), []).append(factor.axis)
    return [
        _Wheel(names, len(axes[0].labels), is_scheme=any(not axis.keys for axis in axes))
        for names, axes in groups.items()
    ]


def _factors(file: CampaignFile, scenario: BaseScenario) -> list[Factor]:
    """Return what the axes vary, with the axis of variants that goes without saying.

    Raises:
        ScenarioError: with everything that is wrong with the axes and their values.
    """
    problems = Problems()
    read = {name: problems.within(partial(read_factor, name, file, scenario)) for name in file.axes}
    factors = [factor for factor in read.values() if factor is not None]
    if scenario.variants and not any(isinstance(a, VariantsAxis) for a in file.axes.values()):
        factors.insert(0, variants_factor(scenario, file.tree.locate(("scenario",))))
    problems.add(_axes_problems(file, factors))
    problems.add(_zip_problems(file, read))
    chosen = next((factor.axis.labels for factor in factors if factor.is_variant), None)
    variants = (None,) if chosen is None else tuple(str(label) for label in chosen)
    for factor in factors:
        problems.add(value_problems(factor, scenario, variants))
    problems.require_none()
    return factors


def _axes_problems(file: CampaignFile, factors: Sequence[Factor]) -> Iterator[Problem]:
    """Yield what is wrong with several axes together."""
    if not file.axes and not factors:
        expected = "at least one axis, or a scenario with variants"
        yield _problem(file, ("axes",), "there is none", expected)
    for one, other in combinations(factors, 2):
        if one.axis.name == other.axis.name:
            message = "the variants of the scenario are an axis of this name already"
            yield _problem(file, ("axes", IMPLICIT), message, "another name")
        elif one.is_variant and other.is_variant:
            message = f"axis '{one.axis.name}' chooses the variant already"
            yield _problem(file, ("axes", other.axis.name), message)
        elif common := _both_set(one, other):
            message = f"axis '{one.axis.name}' sets {dotted(common)} already"
            yield _problem(file, ("axes", other.axis.name), message)


def _both_set(one: Factor, other: Factor) -> Key | None:
    """Return a key that two axes set, one of them perhaps as part of something larger."""
    for a, b in ((one, other), (other, one)):
        for key in b.sets:
            above = next((key[:n] for n in range(1, len(key) + 1) if key[:n] in a.sets), None)
            if above is not None:
                return key
    return None


def _zip_problems(file: CampaignFile, factors: Mapping[str, Factor | None]) -> Iterator[Problem]:
    """Yield what is wrong with the groups of axes; None stands for an axis that is wrong itself."""
    seen: set[str] = set()
    for g, group in enumerate(file.config.zip):
        lengths: dict[str, int] = {}
        for i, name in enumerate(group):
            key = ("zip", g, i)
            if name not in factors:
                yield replace(
                    _problem(
                        file, key, f"there is no axis '{name}'", f"one of {listing([*factors])}"
                    ),
                    suggestion=nearest(name, factors),
                )
            elif name in seen:
                yield _problem(file, key, f"axis '{name}' is zipped already")
            elif factor := factors[name]:
                lengths[name] = len(factor.axis.labels)
            seen.add(name)
        if len(set(lengths.values())) > 1:
            counts = " and ".join(f"'{name}' has {length}" for name, length in lengths.items())
            yield _problem(file, ("zip", g), f"{counts} values", "axes of equal length")
        elif len(lengths) == len(group):
            yield from _zipped_seeds(file, g, [factors[name] for name in group])


def _zipped_seeds(
    file: CampaignFile, place: int, factors: Sequence[Factor | None]
) -> Iterator[Problem]:
    """Refuse seeds beside what is studied: with a seed of its own, no value would be repeated."""
    seeds = [factor.axis.name for factor in factors if factor and factor.axis.is_seed]
    if 0 < len(seeds) < len(factors):
        yield replace(
            _problem(file, ("zip", place), f"axis '{seeds[0]}' only repeats runs with other seeds"),
            suggestion="leave it out, and each value is repeated with each seed; an axis of "
            "`points` may set a seed beside other keys",
        )


def _problem(file: CampaignFile, key: Key, message: str, expected: str = "") -> Problem:
    return Problem(message=message, key=key, expected=expected, location=file.tree.locate(key))
