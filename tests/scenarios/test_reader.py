"""Reading valid scenarios: values, bases, variants, identity. Expectations follow from the text."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gridloom.scenarios.reader import ScenarioDocument, read_scenario, shipped_scenarios
from gridloom.scenarios.schema import RecordConfig
from gridloom.scenarios.types import KINDS, known_types
from gridloom.simulators.errors import Location, Problem, ScenarioError
from gridloom.simulators.quantities import InputFile

Read = Callable[..., ScenarioDocument]

HEAD = """
name: case
start: 2021-03-24T16:00:00+01:00
duration: 1h 30min
"""
MINIMAL = HEAD + "simulators: {dev: {type: reader_fakes:Device, rated_power_kw: 7}}\n"
RICH = (
    HEAD
    + """
title: A case
description: two lines
seed: 3
groups: {A: [LOAD1, LOAD2], 'no': [LOAD3]}
simulators:
  dev:
    type: reader_fakes:Device
    step_size: 15min
    rated_power_kw: 7
    limits: [0.1, 0.9]
    source: {file: prices.csv}
    visits:
      - {point: LOAD1, arrival: 12min}
  other: {type: 'reader_fakes:Device', rated_power_kw: 1e3, source: {generator: drawn}}
controllers:
  agent: {type: 'reader_fakes:Agent', controls: dev}
couplings: [{from: dev.power_kw, to: agent.power_kw}]
record: {compression: none, float32: true, signals: {dev: [power_kw]}}
"""
)
VARIANTS = (
    MINIMAL
    + """
title: Both
variants:
  slow:
  steered:
    title: Steered
    simulators: {dev: {rated_power_kw: 11}}
    controllers: {agent: {type: 'reader_fakes:Agent', controls: dev}}
"""
)


def test_minimal_scenario_has_the_stated_defaults(read: Read) -> None:
    scenario = read(MINIMAL).scenario()
    assert scenario.start == datetime(2021, 3, 24, 15, tzinfo=UTC)
    assert scenario.duration_s == 5400
    assert (scenario.seed, scenario.title, scenario.variant) == (0, "", None)
    assert (scenario.groups, scenario.controllers, scenario.couplings) == ({}, {}, ())
    assert scenario.record == RecordConfig(compression="gzip", float32=False, signals={})
    dev = scenario.simulators["dev"]
    assert (dev.type, dev.step_size) == ("reader_fakes:Device", 1)


def test_quoted_and_plain_time_stamps_mean_the_same(read: Read) -> None:
    quoted = MINIMAL.replace("2021-03-24T16:00:00+01:00", "'2021-03-24T15:00:00Z'")
    assert read(quoted).scenario().start == read(MINIMAL).scenario().start


@pytest.mark.parametrize("key", ["controllers", "groups", "couplings", "record", "variants"])
def test_key_with_nothing_below_it_means_its_default(read: Read, key: str) -> None:
    assert read(MINIMAL + f"{key}:\n").scenario() == read(MINIMAL).scenario()


def test_resolved_scenario_reads_back_equal(read: Read, tmp_path: Path) -> None:
    scenario = read(RICH).scenario()
    text = json.dumps(scenario.resolved(), ensure_ascii=False)
    again = read(text, name="again.yaml").scenario()
    assert again == scenario
    assert type(again.simulators["dev"]) is type(scenario.simulators["dev"])
    resolved = scenario.resolved()
    assert resolved["duration"] == "90min"
    assert resolved["simulators"]["dev"]["efficiency"] == 0.9
    assert resolved["couplings"] == [{"from": "dev.power_kw", "to": "agent.power_kw"}]


def test_resolved_variant_reads_back_equal_and_without_variants(read: Read) -> None:
    scenario = read(VARIANTS).scenario("steered")
    again = read(json.dumps(scenario.resolved()), name="again.yaml")
    assert again.variants == ()
    assert again.scenario() == scenario
    assert again.scenario().variant == "steered"


@pytest.mark.parametrize(
    ("signals", "recorded"),
    [
        ("all", {("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")}),
        ({}, {("a", "x"), ("b", "x")}),
        ({"a": ["y"]}, {("a", "y"), ("b", "x")}),
        ({"a": []}, {("b", "x")}),
    ],
)
def test_record_takes_all_the_named_or_the_default(
    signals: object, recorded: set[tuple[str, str]]
) -> None:
    config = RecordConfig.model_validate({"signals": signals})
    chosen = {
        (model, signal)
        for model in "ab"
        for signal in "xy"
        if config.records(model, signal, by_default=signal == "x")
    }
    assert chosen == recorded


# ── Identity ────────────────────────────────────────────────────────────────────────


def test_digest_follows_values_and_file_contents_and_nothing_else(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text("1,2\n", encoding="utf-8")
    digest = read(RICH).scenario().digest([tmp_path])
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
    defaults_written_out = RICH.replace("seed: 3", "seed: 3 # why not\nvariants:")
    assert read(defaults_written_out).scenario().digest([tmp_path]) == digest
    assert read(RICH, "seed=4").scenario().digest([tmp_path]) != digest
    (tmp_path / "prices.csv").write_text("1,3\n", encoding="utf-8")
    assert read(RICH).scenario().digest([tmp_path]) != digest


def test_input_files_are_found_wherever_they_are(read: Read, tmp_path: Path) -> None:
    scenario = read(RICH).scenario()
    assert scenario.input_files() == [
        (("simulators", "dev", "source", "file"), InputFile("prices.csv"))
    ]
    with pytest.raises(ScenarioError, match=r"source\.file: file 'prices\.csv' does not exist"):
        scenario.digest([tmp_path])


# ── Variants ────────────────────────────────────────────────────────────────────────


def test_variants_override_the_common_part(read: Read) -> None:
    document = read(VARIANTS)
    assert document.variants == ("slow", "steered")
    slow, steered = document.scenario("slow"), document.scenario("steered")
    assert slow.resolved()["simulators"]["dev"]["rated_power_kw"] == 7
    assert steered.resolved()["simulators"]["dev"]["rated_power_kw"] == 11
    assert (slow.title, steered.title, document.title) == ("Both", "Steered", "Both")
    assert (slow.variant, steered.variant) == ("slow", "steered")
    assert not slow.controllers
    assert document.scenario("slow") is slow


def test_unknown_variant_names_the_nearest(read: Read) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(VARIANTS).scenario("stered")
    assert "did you mean 'steered'?" in str(caught.value)
    assert "one of slow, steered" in str(caught.value)
    with pytest.raises(ScenarioError, match="which variant"):
        read(VARIANTS).scenario()
    with pytest.raises(ScenarioError, match="'case' has no variants"):
        read(MINIMAL).scenario("slow")


# ── Bases ───────────────────────────────────────────────────────────────────────────


def test_base_is_merged_deeply(read: Read, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "rich.yaml").write_text(RICH, encoding="utf-8")
    document = read(
        """
        base: shared/rich.yaml
        name: derived
        groups: {A: [LOAD9]}
        simulators: {dev: {limits: [0, 0.5], source: null}, other: null}
        controllers: {agent: {horizon: 2h}}
        """
    )
    scenario = document.scenario()
    assert scenario.name == "derived"
    assert scenario.groups == {"A": ("LOAD9",), "no": ("LOAD3",)}
    dev = scenario.resolved()["simulators"]["dev"]
    assert (dev["limits"], dev["source"], dev["rated_power_kw"]) == ([0, 0.5], None, 7)
    assert list(scenario.simulators) == ["dev"]
    assert scenario.resolved()["controllers"]["agent"]["horizon"] == "2h"
    assert document.folders == (tmp_path, tmp_path / "shared")


def test_base_of_a_base_lies_relative_to_it(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep.yaml").write_text(MINIMAL, encoding="utf-8")
    (tmp_path / "a" / "mid.yaml").write_text("base: b/deep.yaml\nseed: 5\n", encoding="utf-8")
    document = read("base: a/mid.yaml\nname: top\n")
    assert (document.scenario().seed, document.name) == (5, "top")
    assert document.folders == (tmp_path, tmp_path / "a", tmp_path / "a" / "b")


def test_base_may_be_a_shipped_scenario(read: Read) -> None:
    shipped, path = next(iter(shipped_scenarios().items()))
    document = read(f"base: {shipped}\nname: mine\n")
    assert document.name == "mine"
    assert document.folders[1] == path.parent


# ── Places ──────────────────────────────────────────────────────────────────────────


def test_builders_problems_get_their_place(read: Read, tmp_path: Path) -> None:
    document = read(RICH)
    lines = RICH.splitlines()

    def line(text: str) -> int:
        return next(i for i, content in enumerate(lines, 1) if text in content)

    key = ("simulators", "dev", "visits", 0, "arrival")
    assert document.locate(key) == Location(
        file=tmp_path / "case.yaml", line=line("arrival"), column=24
    )
    absent = document.locate(("simulators", "dev", "at"))
    assert absent is not None
    assert absent.line == line("dev:")
    error = document.complete(ScenarioError(Problem(message="late", key=key), Problem(message="?")))
    assert str(error).startswith(f"{document.locate(key)}: simulators.dev.visits[0].arrival: late")
    assert error.problems[1].location is None


def test_place_in_a_variant_is_in_the_variants_block(read: Read) -> None:
    document = read(VARIANTS)
    problem = Problem(message="bad", key=("simulators", "dev", "rated_power_kw"))
    error = document.complete(ScenarioError(problem), "steered")
    assert error.problems[0].key == ("variants", "steered", *problem.key)
    place, common = error.problems[0].location, document.locate(problem.key, "slow")
    assert place is not None
    assert common is not None
    assert common.line < place.line
    assert VARIANTS.splitlines()[place.line - 1].strip().startswith("simulators: {dev: {rated")


# ── Shipped scenarios ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenario_is_valid(name: str) -> None:
    document = read_scenario(name)
    for variant in document.variants or (None,):
        assert document.scenario(variant).simulators


def test_reading_imports_no_heavy_library() -> None:
    script = (
        "import sys\n"
        "from gridloom.scenarios.reader import read_scenario, shipped_scenarios\n"
        "from gridloom.scenarios.schema_export import scenario_schema\n"
        "for name in shipped_scenarios(): read_scenario(name)\n"
        "scenario_schema()\n"
        "heavy = {'pandapower', 'pandas', 'xarray', 'matplotlib', 'mosaik', 'scipy', 'numba',\n"
        "         'power_grid_model', 'simbench', 'pvlib', 'h5py'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
    assert all(known_types(kind) for kind in KINDS)


def test_the_scenarios_step_size_holds_for_models_without_their_own(read: Read) -> None:
    scenario = read("""
        name: street
        start: 2021-06-21T17:00:00+02:00
        duration: 1h
        step_size: 5min
        simulators:
          load: {type: "reader_fakes:Device", rated_power_kw: 1}
          heat: {type: "reader_fakes:Device", rated_power_kw: 1, step_size: 1min}
    """).scenario()
    assert scenario.simulators["load"].step_size == 300
    assert scenario.simulators["heat"].step_size == 60
