"""Overrides on the command line (`--set key=value`)."""

from collections.abc import Callable
from typing import Any

import pytest

from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.simulators.errors import Problem

Read = Callable[..., ScenarioDocument]
Problems = Callable[..., list[Problem]]

TEXT = """
name: case
start: 2021-03-24T16:00:00Z
duration: 1h
groups: {A: [LOAD1]}
simulators:
  dev:
    type: reader_fakes:Device
    rated_power_kw: 7
    count: 2
    visits: [{point: a, arrival: 1h}, {point: b, arrival: 2h}]
"""
VARIANTS = TEXT + "variants: {a: {seed: 5}, b: {simulators: {dev: {count: 3}}}}\n"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=9", ("seed",), 9),
        ("title=no", ("title",), "no"),
        ("title=a=b", ("title",), "a=b"),
        ("duration=2h", ("duration",), "2h"),
        ("simulators.dev.rated_power_kw=1e3", ("simulators", "dev", "rated_power_kw"), 1000.0),
        (
            "simulators.dev.visits[1].arrival=3h",
            ("simulators", "dev", "visits", 1, "arrival"),
            "3h",
        ),
        ("simulators.dev.visits.0.share=1", ("simulators", "dev", "visits", 0, "share"), 1),
        ("simulators.dev.visits[0]={share: 0}", ("simulators", "dev", "visits", 0, "share"), 0),
        ("simulators.dev.limits=[0, 0.5]", ("simulators", "dev", "limits"), [0, 0.5]),
        ("simulators.dev.shares.A=0.5", ("simulators", "dev", "shares", "A"), 0.5),
        ("simulators.dev.count=", ("simulators", "dev", "count"), 1),
        ("simulators.dev.count=null", ("simulators", "dev", "count"), 1),
        ("groups.B=[LOAD2]", ("groups", "B", 0), "LOAD2"),
        ("record.float32=true", ("record", "float32"), True),
    ],
)
def test_override_sets_one_key(
    read: Read, override: str, key: tuple[str | int, ...], value: object
) -> None:
    scenario = read(TEXT, override).scenario()
    found: Any = scenario.resolved()
    for part in key:
        found = found[part]
    assert found == value
    assert scenario.resolved()["simulators"]["dev"]["visits"][1]["point"] == "b"


def test_override_wins_over_every_variant(read: Read) -> None:
    document = read(VARIANTS, "seed=9", "simulators.dev.count=8")
    for variant in ("a", "b"):
        resolved = document.scenario(variant).resolved()
        assert (resolved["seed"], resolved["simulators"]["dev"]["count"]) == (9, 8)


def test_override_of_a_model_leaves_out_the_variants_that_drop_it(read: Read) -> None:
    other = "  other: {type: reader_fakes:Device, rated_power_kw: 1}\n"
    text = TEXT + other + "variants: {with: {}, without: {simulators: {dev: null}}}\n"
    document = read(text, "simulators.dev.count=8")
    assert document.scenario("with").resolved()["simulators"]["dev"]["count"] == 8
    assert "dev" not in document.scenario("without").resolved()["simulators"]


def test_a_variant_of_a_derived_scenario_drops_what_its_base_has() -> None:
    document = read_scenario("drive-39-schemes")
    assert document.variants == ("uncontrolled", "community", "amas", "mcu")
    controllers = document.scenario("amas").resolved()["controllers"]
    assert "drive" not in controllers
    assert controllers["battery_agent"]["type"] == "self_consumption"


def test_override_of_one_variant_leaves_the_others(read: Read) -> None:
    document = read(VARIANTS, "variants.b.seed=9", "variants.c={}")
    assert document.variants == ("a", "b", "c")
    assert [document.scenario(v).seed for v in document.variants] == [5, 9, 0]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "the value is missing"),
        ("=3", "this is no override"),
        ("a..b=1", "this is no override"),
        ("a[x]=1", "this is no override"),
        ("a b=1", "this is no override"),
        ("title=a: b: c", "a colon where no key can be"),
        ("title=[1, 2", "closing ']'"),
        ("base=other.yaml", "'base' can be given in the file only"),
        ("duration.x=1", "there is nothing below duration, which is a single value"),
        ("simulators.dev.visits[2].share=1", "simulators.dev.visits has no item 2"),
        ("simulators.dev.visits.first=1", "simulators.dev.visits has no item first"),
        ("sede=1", "unknown key"),
        ("simulators.dev.cuont=1", "unknown key"),
        ("simulators.dev.count=x", "expected a whole number, got text 'x'"),
        ("simulators.vde.count=1", "is missing"),
    ],
)
def test_wrong_override_is_located_on_the_command_line(
    problems: Problems, override: str, message: str
) -> None:
    (problem,) = problems(TEXT, override)
    assert message in problem.message
    assert str(problem.location) == f"--set {override}"
    assert str(problem).startswith(f"--set {override}: ")


def test_all_wrong_overrides_are_reported(problems: Problems) -> None:
    assert len(problems(TEXT, "seed", "=1", "duration=1h")) == 2
    assert len(problems(TEXT, "seed=x", "duration=1")) == 2
