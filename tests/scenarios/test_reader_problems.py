"""What a hostile new user gets to read: every mistake, at its place, in plain words.

Lines and columns are counted in the texts below; wordings are this project's own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.reading.config_problems import check_config
from gridloom.scenarios.types import find_type
from gridloom.simulators.errors import Problem, ScenarioError, dotted
from gridloom.simulators.quantities import Config

Read = Callable[..., ScenarioDocument]
Problems = Callable[..., list[Problem]]

HEAD = "name: case\nstart: 2021-03-24T16:00:00Z\nduration: 1h\n"
DEVICE = HEAD + "simulators:\n  dev:\n    type: reader_fakes:Device\n    rated_power_kw: 7\n"
"""Seven lines: what follows begins in line 8, at column 5 if it belongs to the device."""


def brief(problem: Problem) -> tuple[int, int, str, str]:
    assert problem.location is not None
    return (
        problem.location.line,
        problem.location.column,
        dotted(problem.key),
        problem.message,
    )


# ── One value of a model ────────────────────────────────────────────────────────────

_SOURCE = "simulators.dev.source"


@pytest.mark.parametrize(
    ("given", "key", "message", "hint"),
    [
        ("efficiency: 80", "efficiency", "must be at most 1, got 80", "did you mean 0.8?"),
        ("efficiency: 250", "efficiency", "must be at most 1, got 250", ""),
        ("efficiency: -1", "efficiency", "must be at least 0, got -1", ""),
        ("efficiency: 95 %", "efficiency", "expected a number, got text '95 %'", "0.95?"),
        ("efficiency: '0,9'", "efficiency", "expected a number, got text '0,9'", "write 0.9"),
        ("efficiency: true", "efficiency", "expected a number, got true or false", ""),
        ("efficiency: .nan", "efficiency", "must be a finite number", ""),
        ("efficiency: [1]", "efficiency", "expected a number, got a list", ""),
        ("efficiency:", "efficiency", "expected a number, got nothing", ""),
        ("efficiency: 2x3", "efficiency", "expected a number, got text '2x3'", ""),
        ("limits: x [0, 1]", "limits", "expected a list, got text 'x [0, 1]'", ""),
        ("limits: {a: 1}", "limits", "expected a list, got a mapping", ""),
        ("count: 2.5", "count", "expected a whole number, got the number 2.5", ""),
        ("is_on: maybe", "is_on", "expected true or false, got text 'maybe'", ""),
        ("label: 19", "label", "expected text, got the number 19", "put it in quotes: '19'"),
        (
            "mode: lineer",
            "mode",
            "expected 'linear' or 'cubic', got text 'lineer'",
            "did you mean 'linear'?",
        ),
        ("at: 5", "at", "expected text or a list, got the number 5", ""),
        ("at: [a, 5]", "at[1]", "expected text, got the number 5", "put it in quotes: '5'"),
        (
            "step_size: 900",
            "step_size",
            "expected a duration with its unit, such as 1s, 15min, 1h or 2d, got the number 900",
            "write 900s for seconds, 900min for minutes",
        ),
        (
            "step_size: -5min",
            "step_size",
            "expected a duration with its unit, such as 1s, 15min, 1h or 2d, got text '-5min'",
            "",
        ),
        ("step_size: 0s", "step_size", "must be greater than 0, got 0s", ""),
        ("limits: [0.1]", "limits[1]", "is missing", ""),
        ("limits: [0.1, 20]", "limits[1]", "must be at most 1, got 20", "did you mean 0.2?"),
        ("limits: 0.1", "limits", "expected a list, got the number 0.1", "write [0.1]"),
        ("shares: {A: 7}", "shares.A", "must be at most 1, got 7", "did you mean 0.07?"),
        ("efficency: 1", "efficency", "unknown key", "did you mean 'efficiency'?"),
        ("power: 1", "power", "unknown key", ""),
        ("visits: [{point: a}]", "visits[0].arrival", "is missing", ""),
        ("visits: [{point: a, arival: 1h}]", "visits[0].arival", "unknown key", "'arrival'?"),
        ("source: {generator: drwn}", "source.generator", "unknown choice", "'drawn'?"),
        ("source: {generator: drawn, mean: 2}", "source.mean", "unknown key", "'mean_kw'?"),
        (
            "source: {generator: drawn, mean_kw: 2 kW}",
            "source.mean_kw",
            "expected a number, got text '2 kW'",
            "leave out the unit, which the key names: 2",
        ),
        ("source: {generator: fixed}", "source.value_kw", "is missing", ""),
        ("source: {file: a.csv, delimeter: ;}", "source.delimeter", "unknown key", "'delimiter'?"),
        ("source: {file: ''}", "source.file", "may not be empty", ""),
    ],
)
def test_wrong_value_is_explained(
    problems: Problems, given: str, key: str, message: str, hint: str
) -> None:
    (problem,) = problems(DEVICE + f"    {given}\n")
    assert dotted(problem.key) == f"simulators.dev.{key}"
    assert problem.message == message
    assert hint in problem.suggestion
    assert bool(hint) == bool(problem.suggestion)
    assert problem.location is not None
    assert problem.location.line == 8


def test_unit_that_is_not_the_keys_is_not_taken_for_it(problems: Problems) -> None:
    (problem,) = problems(DEVICE.replace("rated_power_kw: 7", "rated_power_kw: 7000 W"))
    assert problem.suggestion == "give the number in kW, without unit"


def test_misspelt_required_key_is_one_problem(problems: Problems) -> None:
    (problem,) = problems(DEVICE.replace("rated_power_kw", "rated_powr_kw"))
    assert brief(problem) == (7, 5, "simulators.dev.rated_powr_kw", "unknown key")
    assert problem.suggestion == "did you mean 'rated_power_kw'?"


def test_unknown_key_without_neighbour_lists_what_there_is(problems: Problems) -> None:
    (problem,) = problems(DEVICE + "    xyz: 1\n")
    assert problem.expected.startswith("one of at, efficiency, is_on")
    assert "rated_power_kw" not in problem.expected


def test_words_that_mean_true_or_false_are_taken_as_such(read: Read) -> None:
    scenario = read(DEVICE + "    is_on: no\n    label: no\n").scenario()
    dev = scenario.resolved()["simulators"]["dev"]
    assert (dev["is_on"], dev["label"]) == (False, "no")


_KEYS = ["at", "efficiency", "count", "limits", "source", "visits", "shares", "generator"]
_KEYS += ["mean_kw", "file", "point", "arrival", "step_size", "other"]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1h", "drawn", ""]),
    lambda child: (
        st.lists(child, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), child, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=5))
def test_any_configuration_is_valid_or_refused_with_keys_that_lead_somewhere(
    config: dict[str, Any],
) -> None:
    model = find_type("simulators", "reader_fakes:Device").Config
    try:
        check_config(model, {"type": "x", "rated_power_kw": 1, **config})
    except ScenarioError as error:
        assert error.problems  # noqa: PT017 -- either outcome is right
        for problem in error.problems:
            assert problem.key[0] in model.model_fields or problem.message == "unknown key"


def test_key_that_a_validator_made_up_is_reported_as_pydantic_does() -> None:
    class Odd(Config):
        x: int = 0

        @model_validator(mode="before")
        @classmethod
        def _replace(cls, given: object) -> object:
            return {"y": 1}

    with pytest.raises(ScenarioError) as caught:
        check_config(Odd, {})
    assert [(p.key, p.message) for p in caught.value.problems] == [(("y",), "unknown key")]


# ── Models ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "key", "message", "hint"),
    [
        ("x: {tpye: load}", "simulators.x.tpye", "unknown key", "did you mean 'type'?"),
        ("x: {}", "simulators.x.type", "is missing", ""),
        ("x: {type: 3}", "simulators.x.type", "expected the name of a type, got the number 3", ""),
        ("x: load", "simulators.x", "expected a mapping with 'type', got text 'load'", ""),
        ("x:", "simulators.x", "expected a mapping with 'type', got nothing", ""),
        ("x: {type: lod}", "simulators.x.type", "there is no simulator type 'lod'", "'load'?"),
        (
            "x: {type: basic}",
            "simulators.x.type",
            "there is no simulator type 'basic'",
            "'basic' belongs under 'controllers:'",
        ),
        (
            "EV fleet: {type: 'reader_fakes:Device', rated_power_kw: 1}",
            "simulators.EV fleet",
            "'EV fleet' is no name for a model",
            "did you mean 'ev_fleet'?",
        ),
        (
            "all: {type: 'reader_fakes:Device', rated_power_kw: 1}",
            "simulators.all",
            "'all' is no name for a model",
            "",
        ),
    ],
)
def test_wrong_model_is_explained(
    problems: Problems, given: str, key: str, message: str, hint: str
) -> None:
    (problem,) = problems(HEAD + f"simulators:\n  {given}\n")
    assert (dotted(problem.key), problem.message) == (key, message)
    assert hint in problem.suggestion
    assert problem.location is not None
    assert problem.location.line == 5


def test_error_in_a_plug_ins_validator_is_the_users_problem(problems: Problems) -> None:
    (problem,) = problems(HEAD + "simulators:\n  x: {type: 'reader_fakes:Stumbling', x: 5}\n")
    assert brief(problem)[:3] == (5, 3, "simulators.x")
    assert problem.message.startswith("cannot be understood: TypeError: object of type 'int'")


def test_models_share_one_name_space(problems: Problems) -> None:
    text = DEVICE + "controllers:\n  dev: {type: 'reader_fakes:Agent', controls: dev}\n"
    (problem,) = problems(text)
    assert brief(problem) == (9, 3, "controllers.dev", "a simulator is called 'dev' as well")


@pytest.mark.parametrize(
    ("simulators", "message"),
    [
        ("", "is missing: a scenario needs at least one simulator"),
        ("simulators:\n", "is missing: a scenario needs at least one simulator"),
        ("simulators: {}\n", "is missing: a scenario needs at least one simulator"),
        ("simulators: [a]\n", "expected a mapping of names to models, got a list"),
    ],
)
def test_scenario_without_simulators_is_refused(
    problems: Problems, simulators: str, message: str
) -> None:
    (problem,) = problems(HEAD + simulators)
    assert (problem.key, problem.message) == (("simulators",), message)


# ── The head of a scenario ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("replaced", "by", "message", "hint"),
    [
        ("name: case", "name: My Case", "'My Case' is no name", "did you mean 'my-case'?"),
        ("name: case", "name: 3", "expected text, got the number 3", "put it in quotes"),
        (
            "2021-03-24T16:00:00Z",
            "2021-03-24T16:00:00",
            "the time stamp lacks its time zone",
            "write 2021-03-24T16:00:00+01:00 for one hour ahead of UTC",
        ),
        ("2021-03-24T16:00:00Z", "2021-03-24", "the time stamp lacks its time zone", "Z for UTC"),
        ("2021-03-24T16:00:00Z", "2021-13-24T16:00Z", "expected a time stamp such as", ""),
        ("2021-03-24T16:00:00Z", "1616601600", "expected a time stamp such as", ""),
        ("duration: 1h", "duration: 3600", "expected a duration with its unit", "3600s for"),
        ("duration: 1h", "duration: -1h", "expected a duration with its unit", ""),
        ("duration: 1h", "duration: 1 hour", "expected a duration with its unit", ""),
        ("duration: 1h", "duration: 0h", "must be greater than 0, got 0", ""),
        ("duration: 1h", "duration: 1h\nseed: -1", "must be at least 0, got -1", ""),
        ("duration: 1h", "duration: 1h\nseed: true", "expected a number, got true or false", ""),
        ("duration: 1h", "duration: 1h\nvarients: {}", "unknown key", "did you mean 'variants'?"),
        ("duration: 1h", "duration: 1h\ngroups: {all: [a]}", "a group cannot be called 'all'", ""),
        ("duration: 1h", "duration: 1h\ngroups: {A: LOAD1}", "expected a list", "write [LOAD1]"),
        ("duration: 1h", "duration: 1h\ngroups: {A: []}", "must have at least 1 item, got 0", ""),
        ("duration: 1h", "duration: 1h\nrecord: {compression: zip}", "expected 'gzip' or", ""),
        ("duration: 1h", "duration: 1h\nrecord: {signals: al}", "or a mapping, got text 'al'", ""),
        (
            "duration: 1h",
            "duration: 1h\nrecord: {signals: {dve: [power_kw]}}",
            "there is no model 'dve'",
            "did you mean 'dev'?",
        ),
        (
            "duration: 1h",
            "duration: 1h\ncouplings: [{from: dev, to: dev.x}]",
            "expected a model and its signal, such as pv.power_kw, got text 'dev'",
            "",
        ),
        ("duration: 1h", "duration: 1h\ncouplings: [{form: a.b, to: a.c}]", "unknown key", "from"),
        ("duration: 1h", "duration: 1h\nvariants: [a]", "expected a mapping of names", ""),
        ("duration: 1h", "duration: 1h\nvariants: {A b: {}}", "'A b' is no name", "'a-b'?"),
        ("duration: 1h", "duration: 1h\nvariants: {a: 3}", "expected a mapping of overrides", ""),
        ("duration: 1h", "duration: 1h\nvariants: {a: {name: b}}", "cannot differ between", ""),
    ],
)
def test_wrong_head_is_explained(
    problems: Problems, replaced: str, by: str, message: str, hint: str
) -> None:
    (problem,) = problems(DEVICE.replace(replaced, by))
    assert message in problem.message
    assert hint in problem.suggestion
    assert problem.location is not None
    changed = [i for i, line in enumerate(DEVICE.splitlines(), 1) if replaced in line]
    assert problem.location.line == changed[0] + by.count("\n")


def test_misspelt_simulators_is_one_problem(problems: Problems) -> None:
    (problem,) = problems(DEVICE.replace("simulators", "simulatros"))
    assert brief(problem) == (4, 1, "simulatros", "unknown key")
    assert problem.suggestion == "did you mean 'simulators'?"


def test_all_problems_come_at_once_in_the_files_order(problems: Problems) -> None:
    text = """\
        titel: x
        start: 2021-03-24T16:00:00Z
        duration: 5
        simulators:
          a: {type: 'reader_fakes:Device', rated_power_kw: -1, count: x}
          b: {type: nothing}
        controllers:
          c: {type: 'reader_fakes:Agent'}
        """
    assert [brief(problem)[:3] for problem in problems(text)] == [
        (1, 1, "name"),
        (1, 1, "titel"),
        (3, 1, "duration"),
        (5, 36, "simulators.a.rated_power_kw"),
        (5, 56, "simulators.a.count"),
        (6, 7, "simulators.b.type"),
        (8, 3, "controllers.c.controls"),
    ]


def test_aliased_mistake_is_reported_once_where_it_is_written(problems: Problems) -> None:
    text = HEAD + (
        "simulators:\n"
        "  a: &a {type: 'reader_fakes:Device', rated_power_kw: x}\n"
        "  b: {<<: *a, count: 2}\n"
    )
    (problem,) = problems(text)
    assert brief(problem)[:2] == (5, 39)


# ── Variants ────────────────────────────────────────────────────────────────────────


def test_mistake_common_to_all_variants_is_reported_once(problems: Problems) -> None:
    (problem,) = problems(DEVICE + "    cuont: 1\nvariants: {a: {seed: 1}, b: {}}\n")
    assert brief(problem) == (8, 5, "simulators.dev.cuont", "unknown key")


def test_mistakes_in_two_variants_are_reported_where_they_are(problems: Problems) -> None:
    text = DEVICE + (
        "variants:\n"
        "  a:\n"
        "    simulators: {dev: {count: x}}\n"
        "  b:\n"
        "    sede: 1\n"
        "    controllers:\n"
        "      agent: {type: 'reader_fakes:Agent'}\n"
    )
    assert [brief(problem) for problem in problems(text)] == [
        (
            10,
            24,
            "variants.a.simulators.dev.count",
            "expected a whole number, got text 'x'",
        ),
        (12, 5, "variants.b.sede", "unknown key"),
        (14, 7, "variants.b.controllers.agent.controls", "is missing"),
    ]


def test_common_part_that_is_wrong_for_one_variant_names_it(problems: Problems) -> None:
    text = DEVICE + (
        "    is_on: true\n"
        "variants:\n"
        "  a: {}\n"
        "  b: {simulators: {dev: {type: 'reader_fakes:Agent', rated_power_kw: null}}}\n"
    )
    unknown, missing = problems(text)
    assert brief(unknown) == (8, 5, "simulators.dev.is_on", "unknown key (in variant 'b')")
    assert brief(missing) == (11, 20, "variants.b.simulators.dev.controls", "is missing")


def test_what_all_variants_lack_is_reported_once_in_the_common_part(problems: Problems) -> None:
    text = DEVICE.replace("    rated_power_kw: 7\n", "") + (
        "variants:\n  a: {simulators: {dev: {count: 1}}}\n  b: {simulators: {dev: {count: 2}}}\n"
    )
    (problem,) = problems(text)
    assert brief(problem) == (5, 3, "simulators.dev.rated_power_kw", "is missing")


def test_resolved_variant_cannot_have_variants(problems: Problems) -> None:
    (problem,) = problems(DEVICE + "variant: a\nvariants: {b: {}}\n")
    assert brief(problem)[:3] == (8, 1, "variant")


# ── Bases ───────────────────────────────────────────────────────────────────────────


def test_absent_base_is_located(problems: Problems) -> None:
    (problem,) = problems("name: x\nbase: ademis-2012\n")
    assert brief(problem)[:3] == (2, 1, "base")
    assert "no such file" in problem.message
    assert problem.suggestion == "did you mean 'ademis-2021'?"


def test_base_of_wrong_kind_is_refused(problems: Problems) -> None:
    (problem,) = problems("base: [a.yaml]\n")
    assert problem.message == "expected a file or a scenario's name, got a list"


def test_cycle_of_bases_is_refused(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("seed: 1\nbase: case.yaml\n", encoding="utf-8")
    (problem,) = problems("base: other.yaml\n")
    assert "case.yaml -> other.yaml -> case.yaml" in problem.message
    assert problem.location is not None
    assert (problem.location.file.name, problem.location.line) == ("other.yaml", 2)


def test_mistake_in_the_base_is_located_there(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(DEVICE + "    count: x\n", encoding="utf-8")
    first, second = problems("base: base.yaml\nseed: x\n")
    assert first.location is not None
    assert second.location is not None
    assert (first.location.file.name, first.location.line) == ("case.yaml", 2)
    assert (second.location.file.name, second.location.line) == ("base.yaml", 8)


def test_error_renders_place_key_expectation_and_hint(problems: Problems, tmp_path: Path) -> None:
    (problem,) = problems(DEVICE + "    efficiency: 80\n")
    assert str(problem) == (
        f"{tmp_path / 'case.yaml'}:8:5: simulators.dev.efficiency: must be at most 1, got 80\n"
        "  hint: did you mean 0.8?"
    )
