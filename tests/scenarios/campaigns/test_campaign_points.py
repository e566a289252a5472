"""What a campaign file spans: products, zips, ranges, seeds, files, changes, points.

The outside judge of a point is what `gridloom run SCENARIO --variant V --set KEY=VALUE` would run:
both must have the same digest. Numbers of points and their order are counted by hand.
"""

import json
import pickle
import tracemalloc
from collections.abc import Callable
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.scenarios.campaigns.campaign import Campaign, read_campaign, shipped_campaigns
from gridloom.scenarios.campaigns.point import Point
from gridloom.scenarios.campaigns.schema import Range
from gridloom.scenarios.campaigns.spacing import range_numbers
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.reader import read_scenario, shipped_scenarios
from gridloom.simulators.errors import ScenarioError

Span: TypeAlias = Callable[..., Campaign]

DEVICES = """
name: case
start: 2021-03-24T16:00:00Z
duration: 1h
seed: 7
simulators:
  dev: {type: "reader_fakes:Device", rated_power_kw: 7}
  other: {type: "reader_fakes:Device", rated_power_kw: 1}
"""
SCHEMES = (
    DEVICES
    + """
controllers:
  agent: {type: "reader_fakes:Agent", controls: dev}
variants:
  own: {controllers: {agent: {horizon: 2h}}}
  none: {controllers: {agent: null}, simulators: {other: null}}
  seeded: {seed: 70}
"""
)


@pytest.fixture
def span(tmp_path: Path) -> Span:
    """Return a function that reads a campaign from its axes and other keys."""

    def read(
        axes: dict[str, Any], *overrides: str, scenario: str = DEVICES, **keys: Any
    ) -> Campaign:
        (tmp_path / "case.yaml").write_text(scenario, encoding="utf-8")
        content = {"name": "study", "scenario": "case.yaml", **keys, "axes": axes}
        path = tmp_path / "campaign.yaml"
        path.write_text(json.dumps(content), encoding="utf-8")  # YAML includes JSON
        return read_campaign(path, overrides)

    return read


def parameters(campaign: Campaign) -> list[tuple[Any, ...]]:
    return [tuple(point.parameters.values()) for point in campaign.points()]


def digest(point: Point) -> str:
    return point.document.scenario().digest(point.document.folders)


def digest_on_command_line(source: str | Path, variant: str | None, *overrides: str) -> str:
    document = read_scenario(source, overrides)
    return document.scenario(variant).digest(document.folders)


# ── what a point is ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("scenario", "variant", "key", "value"),
    [
        ("quickstart", None, "simulators.ev.rated_power_kw", 3.7),
        ("quickstart", None, "step_size", "5min"),
        ("quickstart", None, "simulators.load.forecast", {"relative_error_std": 0.3}),
        ("quickstart", None, "simulators.market.prices.shortage_eur_per_mwh[0]", 99),
        ("quickstart", None, "simulators.pv.forecast", None),
        ("ademis-2021", "amas", "simulators.ev.state_of_charge_limits", [0.2, 0.9]),
        ("ademis-2021", "milp", "controllers.charging.step_timeout", "90s"),
        ("ademis-2021-schemes", "mcu", "simulators.load.short_term", {"interval": "2min"}),
        ("drive-39", "congestion", "seed", 12),
        ("drive-39-schemes", "amas", "controllers.battery_agent.tracking", None),
    ],
)
def test_a_point_is_what_the_command_line_would_run(
    tmp_path: Path, scenario: str, variant: str | None, key: str, value: object
) -> None:
    """The last two keys belong to what the variant changes."""
    axes: dict[str, Any] = {"x": {"key": key, "values": [value]}}
    if variant is not None:
        axes["scheme"] = {"variants": [variant]}
    path = tmp_path / "campaign.yaml"
    path.write_text(json.dumps({"name": "c", "scenario": scenario, "axes": axes}), encoding="utf-8")
    (point,) = read_campaign(path).points()
    expected = digest_on_command_line(scenario, variant, f"{key}={json.dumps(value)}")
    assert digest(point) == expected
    assert point.document.name == read_scenario(scenario).name
    assert point.document.variants == ()
    assert point.document.scenario().variant == variant


def test_so_is_a_run_of_a_variant_that_drops_the_model(tmp_path: Path) -> None:
    key = "controllers.pv_agent.step_size"
    axes = {"x": {"key": key, "values": ["30min"]}, "scheme": {"variants": ["amas", "mcu"]}}
    path = tmp_path / "campaign.yaml"
    content = {"name": "c", "scenario": "drive-39-schemes", "axes": axes}
    path.write_text(json.dumps(content), encoding="utf-8")
    for point, variant in zip(read_campaign(path).points(), ("amas", "mcu"), strict=True):
        assert digest(point) == digest_on_command_line("drive-39-schemes", variant, f"{key}=30min")


def test_runs_of_both_are_the_same_run(tmp_path: Path) -> None:
    """By their identity, which knows the code and the libraries as well."""
    axes = {"scheme": {"variants": ["milp"]}, "seed": {"seeds": [5]}}
    path = tmp_path / "campaign.yaml"
    content = {"name": "c", "scenario": "ademis-2021", "axes": axes}
    path.write_text(json.dumps(content), encoding="utf-8")
    (point,) = read_campaign(path).points()
    told = read_scenario("ademis-2021", ["seed=5"])
    assert run_digest(point.document.scenario(), point.document.folders) == run_digest(
        told.scenario("milp"), told.folders
    )


def test_what_is_set_for_all_runs_is_laid_on_the_scenario_as_on_a_base(
    span: Span, tmp_path: Path
) -> None:
    """A variant's own value counts more, as in a scenario derived from the same base."""
    campaign = span(
        {"scheme": {"variants": ["own", "seeded"]}},
        scenario=SCHEMES,
        set={"seed": 3, "simulators": {"dev": {"efficiency": 0.5}}},
    )
    derived = tmp_path / "derived.yaml"
    changes = "{base: case.yaml, seed: 3, simulators: {dev: {efficiency: 0.5}}}"
    derived.write_text(changes, encoding="utf-8")
    expected = [digest_on_command_line(derived, variant) for variant in ("own", "seeded")]
    assert [digest(point) for point in campaign.points()] == expected
    assert [point.document.scenario().seed for point in campaign.points()] == [3, 70]


def test_files_are_looked_up_beside_the_campaign_first(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "case.yaml").write_text(DEVICES, encoding="utf-8")
    path = here / "campaign.yaml"
    content = {"name": "c", "scenario": "../there/case.yaml", "axes": {"seed": {"seeds": 1}}}
    path.write_text(json.dumps(content), encoding="utf-8")
    (point,) = read_campaign(path).points()
    assert [folder.resolve() for folder in point.source.folders] == [here, there]


def test_a_point_crosses_to_other_processes(span: Span) -> None:
    (point,) = span({"seed": {"seeds": 1}}).points()
    assert digest(pickle.loads(pickle.dumps(point))) == digest(point)  # noqa: S301


def test_what_is_wrong_together_only_is_told_with_the_point(span: Span, tmp_path: Path) -> None:
    """Either is fine alone; the run would end in the year 2200, for which calendars differ."""
    campaign = span(
        {
            "start": {"key": "start", "values": ["2199-12-31T00:00:00Z"]},
            "duration": {"key": "duration", "values": ["1h", "2d"]},
        }
    )
    one, other = campaign.points()
    assert one.document.scenario().start.year == 2199
    with pytest.raises(ScenarioError, match="beyond the year 2199") as caught:
        _ = other.document
    (problem,) = caught.value.problems
    assert problem.location is not None
    assert (problem.location.file, problem.key) == (tmp_path / "campaign.yaml", ("duration",))


# ── axes ────────────────────────────────────────────────────────────────────────────


def test_axes_multiply_and_the_last_varies_fastest(span: Span) -> None:
    campaign = span(
        {
            "power": {"key": "simulators.dev.rated_power_kw", "values": [3.7, 11]},
            "seed": {"seeds": 3},
        }
    )
    assert len(campaign) == 6
    assert parameters(campaign) == [(3.7, 7), (3.7, 8), (3.7, 9), (11, 7), (11, 8), (11, 9)]
    assert [point.number for point in campaign.points(5)] == [5, 6]
    assert [
        (s.simulators["dev"].rated_power_kw, s.seed)  # type: ignore[attr-defined]
        for s in (point.document.scenario() for point in campaign.points(3))
    ] == [(3.7, 9), (11, 7), (11, 8), (11, 9)]
    power, seed = campaign.axes
    assert (power.keys, power.unit, power.is_seed) == (
        ("simulators.dev.rated_power_kw",),
        "kW",
        False,
    )
    assert (seed.keys, seed.labels, seed.is_seed) == (("seed",), (7, 8, 9), True)


def test_zipped_axes_are_walked_side_by_side(span: Span) -> None:
    """They count as one axis, in the place of their first."""
    campaign = span(
        {
            "power": {"key": "simulators.dev.rated_power_kw", "values": [3.7, 11]},
            "seed": {"seeds": 2},
            "efficiency": {"key": "simulators.dev.efficiency", "values": [0.8, 0.9]},
        },
        zip=[["power", "efficiency"]],
    )
    assert len(campaign) == 4
    assert parameters(campaign) == [(3.7, 7, 0.8), (3.7, 8, 0.8), (11, 7, 0.9), (11, 8, 0.9)]


def test_variants_are_an_axis_where_the_campaign_has_none(span: Span) -> None:
    campaign = span({"seed": {"seeds": [1]}}, scenario=SCHEMES)
    assert [axis.name for axis in campaign.axes] == ["variant", "seed"]
    assert parameters(campaign) == [("own", 1), ("none", 1), ("seeded", 1)]
    alone = span({}, scenario=SCHEMES)
    assert [point.document.scenario().seed for point in alone.points()] == [7, 7, 70]


def test_chosen_variants_come_in_their_order(span: Span) -> None:
    campaign = span({"scheme": {"variants": ["none", "own"]}}, scenario=SCHEMES)
    assert parameters(campaign) == [("none",), ("own",)]
    everything = span({"scheme": {"variants": "all"}}, scenario=SCHEMES)
    assert parameters(everything) == [("own",), ("none",), ("seeded",)]


def test_a_key_that_a_variant_drops_makes_identical_runs(span: Span) -> None:
    campaign = span(
        {
            "scheme": {"variants": ["own", "none"]},
            "power": {"key": "simulators.other.rated_power_kw", "values": [1, 2, 3]},
        },
        scenario=SCHEMES,
    )
    digests = [digest(point) for point in campaign.points()]
    assert len(set(digests[:3])) == 3
    assert len(set(digests[3:])) == 1


def test_so_does_a_key_of_a_model_that_a_change_removes(span: Span) -> None:
    """Whichever of the two axes comes first."""
    axes = {
        "power": {"key": "simulators.other.rated_power_kw", "values": [1, 2]},
        "other": {"changes": {"with": {}, "without": {"simulators": {"other": None}}}},
    }
    for order in (list(axes), list(reversed(axes))):
        campaign = span({name: axes[name] for name in order})
        without = [p for p in campaign.points() if p.parameters["other"] == "without"]
        assert len({digest(point) for point in without}) == 1
        assert list(without[0].document.scenario().simulators) == ["dev"]
        assert len({digest(point) for point in campaign.points()}) == 3


def test_changes_are_laid_on_as_variants_are(span: Span, tmp_path: Path) -> None:
    small = {"simulators": {"dev": {"rated_power_kw": 3.7}}, "seed": 9}
    campaign = span({"house": {"changes": {"as-is": None, "small": small}}})
    as_is, changed = campaign.points()
    assert (campaign.axes[0].keys, campaign.axes[0].labels) == ((), ("as-is", "small"))
    assert digest(as_is) == digest_on_command_line(tmp_path / "case.yaml", None)
    assert digest(changed) == digest_on_command_line(
        tmp_path / "case.yaml", None, "simulators.dev.rated_power_kw=3.7", "seed=9"
    )


def test_listed_points_set_several_keys(span: Span, tmp_path: Path) -> None:
    campaign = span(
        {
            "pair": {
                "points": [
                    {"simulators.dev.rated_power_kw": 3.7, "seed": 4},
                    {"simulators.dev.rated_power_kw": 11, "seed": 5, "label": "large"},
                ]
            }
        }
    )
    assert parameters(campaign) == [(1,), ("large",)]
    assert campaign.axes[0].keys == ("simulators.dev.rated_power_kw", "seed")
    assert [digest(point) for point in campaign.points()] == [
        digest_on_command_line(
            tmp_path / "case.yaml", None, f"simulators.dev.rated_power_kw={power}", f"seed={seed}"
        )
        for power, seed in ((3.7, 4), (11, 5))
    ]


def test_several_keys_get_the_same_value(span: Span) -> None:
    campaign = span(
        {
            "power": {
                "key": ["simulators.dev.rated_power_kw", "simulators.other.rated_power_kw"],
                "values": [2, 3],
            }
        }
    )
    assert [
        [config.rated_power_kw for config in point.document.scenario().simulators.values()]  # type: ignore[attr-defined]
        for point in campaign.points()
    ] == [[2, 2], [3, 3]]


def test_values_are_called_by_themselves_or_by_given_labels(span: Span) -> None:
    key = "simulators.dev.limits"
    listed = span({"limits": {"key": key, "values": [[0.2, 0.8], None]}})
    assert listed.axes[0].labels == ("[0.2, 0.8]", "null")
    named = span({"limits": {"key": key, "values": {"narrow": [0.4, 0.6], "wide": [0, 1]}}})
    assert named.axes[0].labels == ("narrow", "wide")
    narrow = next(named.points()).document.scenario().simulators["dev"]
    assert narrow.limits == (0.4, 0.6)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "given", "unit"),
    [
        ("simulators.dev.rated_power_kw", None, "kW"),
        ("simulators.dev.rated_power_kw", "MW", "MW"),
        ("simulators.dev.efficiency", None, ""),
        ("simulators.dev.source.value_kw", None, "kW"),
    ],
)
def test_units_are_given_or_named_by_the_key(
    span: Span, key: str, given: str | None, unit: str
) -> None:
    axis = {"key": key, "values": [0.5]} | ({"unit": given} if given else {})
    scenario = DEVICES.replace(
        "rated_power_kw: 7", "rated_power_kw: 7, source: {generator: fixed, value_kw: 1}"
    )
    assert span({"x": axis}, scenario=scenario).axes[0].unit == unit


def test_files_are_sorted_and_called_by_their_stems(span: Span, tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    for name in ("b.csv", "a.csv", "c.txt", ".hidden.csv"):
        (folder / name).write_text(name, encoding="utf-8")
    scenario = DEVICES.replace("rated_power_kw: 7", "rated_power_kw: 7, source: {file: x.csv}")
    axis: dict[str, Any] = {"key": "simulators.dev.source.file", "files": "profiles/*.csv"}
    campaign = span({"profile": axis}, scenario=scenario)
    assert campaign.axes[0].labels == ("a", "b")
    names = [p.document.scenario().simulators["dev"].source.file for p in campaign.points()]  # type: ignore[attr-defined]
    assert names == ["profiles/a.csv", "profiles/b.csv"]
    assert len({digest(point) for point in campaign.points()}) == 2
    axis = {**axis, "files": ["profiles/c.*", "profiles/?.csv"]}
    assert span({"profile": axis}, scenario=scenario).axes[0].labels == ("a", "b", "c")
    (tmp_path / "a.csv").write_text("another", encoding="utf-8")
    axis = {**axis, "files": ["a.csv", "profiles/a.csv"]}
    assert span({"profile": axis}, scenario=scenario).axes[0].labels == ("a.csv", "profiles/a.csv")


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        (3, (7, 8, 9)),
        ([4, 1, 2], (4, 1, 2)),
        ({"count": 2, "first": 100}, (100, 101)),
        ({"count": 2}, (7, 8)),
    ],
)
def test_seeds_begin_with_the_scenarios_own(span: Span, given: Any, seeds: tuple[int, ...]) -> None:
    campaign = span({"seed": {"seeds": given}})
    assert campaign.axes[0].labels == seeds
    assert tuple(point.document.scenario().seed for point in campaign.points()) == seeds


def test_keys_of_the_campaign_file_can_be_overridden(span: Span) -> None:
    axes = {
        "seed": {"seeds": {"count": 20, "first": 5}},
        "power": {"key": "simulators.dev.rated_power_kw", "values": [1, 2]},
    }
    campaign = span(
        axes, "axes.seed.seeds=2", "axes.power=null", "set.duration=10min", "timeout=2h"
    )
    assert [axis.labels for axis in campaign.axes] == [(7, 8)]
    assert next(campaign.points()).document.scenario().duration_s == 600
    assert campaign.settings.timeout_s == 7200


def test_settings_of_runs(span: Span) -> None:
    bare = span({"seed": {"seeds": 1}}).settings
    assert (bare.timeout_s, bare.memory_bytes, bare.retries, bare.reports) == (None, None, 1, False)
    given = span(
        {"seed": {"seeds": 1}}, timeout="90min", memory="1.5 GiB", retries=0, reports=True
    ).settings
    assert (given.timeout_s, given.memory_bytes) == (5400, 3 * 2**29)
    assert (given.retries, given.reports) == (0, True)


# ── ranges ──────────────────────────────────────────────────────────────────────────


def numbers(**keys: Any) -> list[int | float]:
    given = {
        "from" if name == "first" else "to" if name == "last" else name: value
        for name, value in keys.items()
    }
    return list(range_numbers(Range.model_validate(given)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"first": 0, "last": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"first": 1, "last": 10, "step": 3}, [1, 4, 7, 10]),
        ({"first": 1, "last": 0, "step": -0.5}, [1.0, 0.5, 0.0]),
        ({"first": 0, "last": 1, "count": 4}, [0.0, 0.333333333333, 0.666666666667, 1.0]),
        ({"first": 0, "last": 12, "count": 4}, [0, 4, 8, 12]),
        ({"first": 1, "last": 1000, "count": 4, "scale": "log"}, [1, 10, 100, 1000]),
        ({"first": 0.01, "last": 1, "count": 3, "scale": "log"}, [0.01, 0.1, 1.0]),
        ({"first": 1, "last": 2, "count": 3, "scale": "log"}, [1.0, 1.41421356237, 2.0]),
    ],
)
def test_ranges_are_exact_as_written(given: dict[str, Any], expected: list[int | float]) -> None:
    """By hand; the square root of two to twelve digits."""
    found = numbers(**given)
    assert found == expected
    assert [type(number) for number in found] == [type(number) for number in expected]


@given(
    first=st.integers(-1000, 1000),
    steps=st.integers(1, 200),
    step=st.integers(1, 500),
    decimals=st.integers(1, 6),
)
def test_every_number_of_a_range_is_the_decimal_fraction_that_one_would_write(
    first: int, steps: int, step: int, decimals: int
) -> None:
    """Exact integers, with the decimal point moved by text: 3 -> 0.003."""

    def moved(number: int) -> float:
        digits = f"{abs(number):0{decimals + 1}d}"
        text = f"{digits[:-decimals]}.{digits[-decimals:]}"
        return float(f"-{text}" if number < 0 else text)

    found = numbers(first=moved(first), last=moved(first + steps * step), step=moved(step))
    assert found == [moved(first + i * step) for i in range(steps + 1)]


@given(first=st.floats(1e-6, 1e6), factor=st.floats(1.001, 1e6), count=st.integers(2, 50))
def test_logarithmic_ranges_have_one_ratio(first: float, factor: float, count: int) -> None:
    found = numbers(first=first, last=first * factor, count=count, scale="log")
    assert (found[0], found[-1], len(found)) == (first, first * factor, count)
    ratio = factor ** (1 / (count - 1))
    assert all(b / a == pytest.approx(ratio, rel=1e-9) for a, b in pairwise(found))


# ── size ────────────────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_points_are_the_product_of_the_axes(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    """By itertools.product, whose last factor varies fastest as well."""
    keys = [
        "simulators.dev.rated_power_kw",
        "simulators.other.rated_power_kw",
        "simulators.dev.count",
        "seed",
    ]
    folder = tmp_path_factory.mktemp("product")
    (folder / "case.yaml").write_text(DEVICES, encoding="utf-8")
    values = [list(range(1, length + 1)) for length in lengths]
    axes = {f"axis{i}": {"key": keys[i], "values": values[i]} for i in range(len(lengths))}
    content = {"name": "c", "scenario": "case.yaml", "axes": axes}
    (folder / "c.yaml").write_text(json.dumps(content), encoding="utf-8")
    campaign = read_campaign(folder / "c.yaml")
    assert parameters(campaign) == list(product(*values))
    assert [p.number for p in campaign.points()] == list(range(1, len(campaign) + 1))


def test_millions_of_points_are_spanned_without_listing_them(span: Span) -> None:
    """Listing them would take gigabytes and minutes; a whole axis of values may be listed."""
    tracemalloc.start()
    campaign = span(
        {
            "power": {
                "key": "simulators.dev.rated_power_kw",
                "range": {"from": 1, "to": 100, "step": 1},
            },
            "seed": {"seeds": 100_000},
        }
    )
    assert len(campaign) == 10_000_000
    assert [p.number for p in islice(campaign.points(), 3)] == [1, 2, 3]
    last = campaign.point(10_000_000)
    assert last.parameters == {"power": 100, "seed": 100_006}
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes / len(campaign) < 10  # a pointer to each would be 8, and what it points to


def test_schemes_are_the_first_points_of_variants_and_changes(span: Span) -> None:
    campaign = span(
        {
            "power": {"key": "simulators.dev.rated_power_kw", "values": [1, 2]},
            "scheme": {"variants": "all"},
            "house": {"changes": {"a": {}, "b": {"seed": 1}}},
            "rate": {"key": "simulators.dev.efficiency", "values": [0.1, 0.2, 0.3]},
        },
        scenario=SCHEMES,
    )
    found = [tuple(point.parameters.values()) for point in campaign.schemes(8)]
    assert found == [
        (1, scheme, house, 0.1) for scheme, house in product(("own", "none", "seeded"), "ab")
    ]
    assert [p.parameters["scheme"] for p in campaign.schemes(3)] == ["own", "none", "seeded"]


@pytest.mark.parametrize("name", sorted(shipped_campaigns()))
def test_shipped_campaigns_are_valid(name: str) -> None:
    campaign = read_campaign(name)
    assert campaign.name == name
    assert 20 <= len(campaign) <= 500
    assert campaign.title
    assert campaign.description
    assert any(axis.is_seed for axis in campaign.axes)
    for point in campaign.points():
        assert point.document.scenario().name in shipped_scenarios()
