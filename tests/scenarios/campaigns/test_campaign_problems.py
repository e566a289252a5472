"""What is wrong with a campaign file, told at its place, once, and all of it at once.

Lines and columns are counted in the texts below; wordings are this project's own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from gridloom.scenarios.campaigns.campaign import read_campaign
from gridloom.simulators.errors import Problem, ScenarioError, dotted

Problems: TypeAlias = Callable[..., list[Problem]]

SCENARIO = """
name: case
start: 2021-03-24T16:00:00Z
duration: 1h
simulators:
  dev: {type: "reader_fakes:Device", visits: [{point: a, arrival: 1h}], rated_power_kw: 7}
  other: {type: "reader_fakes:Device", rated_power_kw: 1}
"""
SCHEMES = (
    SCENARIO
    + """
controllers:
  agent: {type: "reader_fakes:Agent", controls: dev}
variants:
  own: {controllers: {extra: {type: "reader_fakes:Agent", controls: dev}}}
  none: {controllers: {agent: null}, simulators: {other: null}}
"""
)
HEAD = "name: study\nscenario: case.yaml\naxes:\n"
"""Three lines: the first axis begins in line 4, at column 3."""


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """Return a function that tells what is wrong with a campaign."""
    (tmp_path / "case.yaml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "schemes.yaml").write_text(SCHEMES, encoding="utf-8")
    path = tmp_path / "campaign.yaml"

    def read(text: str, *overrides: str) -> list[Problem]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ScenarioError) as caught:
            read_campaign(path, overrides)
        return list(caught.value.problems)

    return read


def brief(problem: Problem) -> tuple[int, int, str, str]:
    assert problem.location is not None
    place = problem.location
    return place.line, place.column, dotted(problem.key), problem.message


POWER = "simulators.dev.rated_power_kw"


@pytest.mark.parametrize(
    ("axes", "expected", "hint"),
    [
        ("  p: {values: [2]}", (4, 3, "axes.p.key", "is missing"), ""),
        ("  p: {key: seed}", (4, 3, "axes.p", "has no values"), ""),
        ("  p: {key: seed, value: [2]}", (4, 3, "axes.p", "has no values"), "'values'"),
        ("  p: 3", (4, 3, "axes.p", "expected a mapping, got the number 3"), ""),
        ("  p: {}", (4, 3, "axes.p", "does not say what it varies"), ""),
        ("  p: {seed: 3}", (4, 3, "axes.p", "does not say what it varies"), "'seeds'"),
        ("  Power: {seeds: 3}", (4, 3, "axes.Power", "'Power' is no name for an axis"), "'power'"),
        (
            "  p: {seeds: 2, values: [1]}",
            (4, 3, "axes.p", "values and seeds exclude each other"),
            "",
        ),
        (
            "  p: {key: seed, values: []}",
            (4, 18, "axes.p.values", "must have at least 1 item, got 0"),
            "",
        ),
        ("  p: {seeds: 0}", (4, 7, "axes.p.seeds", "must be at least 1, got 0"), ""),
        ("  p: {seeds: [3, -1]}", (4, 18, "axes.p.seeds[1]", "must be at least 0, got -1"), ""),
        ("  p: {seeds: [3, 4, 3]}", (4, 21, "axes.p.seeds[2]", "3 is there twice"), ""),
        (
            "  p: {seeds: many}",
            (
                4,
                7,
                "axes.p.seeds",
                "expected a whole number or a list or a mapping, got text 'many'",
            ),
            "",
        ),
        (
            "  p: {key: seed, values: [1, 1.0]}",
            (4, 30, "axes.p.values[1]", "1.0 is there twice"),
            "",
        ),
        (
            "  p: {key: seed, range: {from: 1, to: 2}}",
            (4, 18, "axes.p.range", "needs either step or count"),
            "",
        ),
        (
            "  p: {key: seed, range: {from: 1, to: 2, step: -1}}",
            (4, 18, "axes.p.range", "a step of -1 does not lead from 1 to 2"),
            "",
        ),
        (
            "  p: {key: seed, range: {from: 1, to: 2, step: 0.3}}",
            (4, 18, "axes.p.range", "steps of 0.3 from 1 do not lead to 2"),
            "",
        ),
        (
            "  digest: {key: seed, values: [1, 2]}",
            (4, 3, "axes.digest", "'digest' is a column of every campaign's table"),
            "",
        ),
        (
            "  p: {key: seed, range: {from: 0, to: 2, count: 3, scale: log}}",
            (4, 18, "axes.p.range", "a logarithmic scale needs numbers greater than 0"),
            "",
        ),
        (
            "  p: {key: seed, range: {from: 0, to: 2, step: 1.0e-9}}",
            (4, 18, "axes.p.range", "has more than 10,000 numbers"),
            "",
        ),
        (
            "  p: {key: name, values: [a]}",
            (4, 7, "axes.p.key", "'name' cannot be changed by a campaign"),
            "",
        ),
        ("  p: {key: 'a b', values: [1]}", (4, 7, "axes.p.key", "'a b' is no key"), ""),
        (
            "  p: {key: simulators.dev.label, files: 'x/*.csv'}",
            (4, 34, "axes.p.files", "no file matches 'x/*.csv'"),
            "",
        ),
        (
            "  p: {variants: all}",
            (4, 7, "axes.p.variants", "the scenario has no variants"),
            "",
        ),
        (
            "  p: {changes: {a: 3}}",
            (4, 17, "axes.p.changes.a", "expected a mapping of changes, got the number 3"),
            "",
        ),
        (
            "  p: {changes: {a: {variants: {}}}}",
            (4, 21, "axes.p.changes.a.variants", "cannot be changed by a campaign"),
            "choose among variants",
        ),
        ("  p: {points: [{label: a}]}", (4, 16, "axes.p.points[0]", "sets nothing"), ""),
    ],
)
def test_an_axis_is_wrong(
    problems: Problems, axes: str, expected: tuple[int, int, str, str], hint: str
) -> None:
    (problem,) = problems(HEAD + axes)
    assert brief(problem) == expected
    assert hint in problem.suggestion


@pytest.mark.parametrize(
    ("axes", "expected", "hint"),
    [
        (
            f"  p: {{key: {POWER}, values: [3.7, -3, 11]}}",
            (4, 57, POWER, "must be greater than 0, got -3"),
            "",
        ),
        (
            f"  p:\n    key: {POWER}\n    values:\n      low: -1\n      high: 11",
            (7, 7, POWER, "must be greater than 0, got -1"),
            "",
        ),
        (
            f"  p: {{key: {POWER}, values: [three, four]}}",
            (4, 52, POWER, "expected a number, got text 'three'"),
            "",
        ),
        (
            "  p: {key: simulators.dev.rated_power_kwh, values: [1, 2, 3]}",
            (4, 7, "simulators.dev.rated_power_kwh", "unknown key"),
            "did you mean",
        ),
        (
            "  p: {values: [1, 2], key: simulators.devv.rated_power_kw}",
            (4, 23, "simulators.devv.rated_power_kw", "there is no simulator 'devv'"),
            "'dev'",
        ),
        ("  p: {key: duratoin, values: [1h]}", (4, 7, "duratoin", "unknown key"), "'duration'"),
        (
            "  p: {key: 'simulators.dev.visits[2].share', values: [1, 0]}",
            (4, 7, "simulators.dev.visits[2].share", "simulators.dev.visits has no item 2"),
            "",
        ),
        (
            f"  p: {{key: {POWER}.x, values: [1, 0]}}",
            (4, 7, f"{POWER}.x", f"there is nothing below {POWER}, which is a single value"),
            "",
        ),
        (
            "  p:\n    changes:\n      a: {simulators: {dev: {efficiency: 80}}}\n      b: {}",
            (6, 30, "simulators.dev.efficiency", "must be at most 1, got 80"),
            "0.8",
        ),
        (
            f"  p:\n    points:\n      - {{{POWER}: 3, seed: 1}}\n      - {{{POWER}: 3, seed: -1}}",
            (7, 44, "seed", "must be at least 0, got -1"),
            "",
        ),
    ],
)
def test_a_value_is_wrong(
    problems: Problems, axes: str, expected: tuple[int, int, str, str], hint: str
) -> None:
    """Once, however many runs have it: the axis of seeds makes fifty of each."""
    found = problems(f"{HEAD}{axes}\n  repetition: {{seeds: 50}}")
    told = [problem for problem in found if "sets seed already" not in problem.message]
    assert brief(told[0]) == expected
    assert hint in told[0].suggestion
    assert len({(p.location, p.message) for p in told}) == len(told)
    assert all("four" in p.message for p in told[1:])


def test_a_key_that_only_some_variants_have_is_wrong_in_the_others(problems: Problems) -> None:
    """`agent` is common, so the variant that drops it does without; `extra` is one's own."""
    text = "name: s\nscenario: schemes.yaml\naxes:\n"
    (problem,) = problems(f"{text}  p: {{key: controllers.extra.horizon, values: [1h, 2h]}}")
    assert brief(problem) == (
        4,
        7,
        "controllers.extra.horizon",
        "there is no controller 'extra' (in variant 'none')",
    )
    (problem,) = problems(
        f"{text}  v: {{variants: [none]}}\n  p: {{key: controllers.agent.horizon, values: [1h]}}"
    )
    assert brief(problem)[:2] == (5, 7)
    assert problem.message == "no variant of it has controllers.agent.horizon"


def test_axes_that_do_not_go_together(problems: Problems) -> None:
    found = problems(
        f"""{HEAD}  a: {{key: simulators.dev, values: [{{rated_power_kw: 3}}]}}
  b: {{key: {POWER}, values: [1, 2]}}
  c: {{key: simulators.other.rated_power_kw, values: [1, 2, 3]}}
  d: {{seeds: 2}}
  e: {{seeds: 3}}
zip: [[b, c], [d, b], [d, f]]
"""
    )
    assert [brief(problem) for problem in found] == [
        (5, 3, "axes.b", f"axis 'a' sets {POWER} already"),
        (8, 3, "axes.e", "axis 'd' sets seed already"),
        (9, 7, "zip[0]", "'b' has 2 and 'c' has 3 values"),
        (9, 19, "zip[1][1]", "axis 'b' is zipped already"),
        (9, 24, "zip[2][0]", "axis 'd' is zipped already"),
        (9, 27, "zip[2][1]", "there is no axis 'f'"),
    ]


def test_two_axes_of_variants(problems: Problems) -> None:
    text = "name: s\nscenario: schemes.yaml\naxes:\n"
    (one,) = problems(f"{text}  a: {{variants: all}}\n  b: {{variants: [own]}}")
    assert brief(one) == (5, 3, "axes.b", "axis 'a' chooses the variant already")
    (other,) = problems(f"{text}  variant: {{seeds: 2}}")
    assert brief(other)[:3] == (4, 3, "axes.variant")
    (unknown,) = problems(f"{text}  a: {{variants: [own, nome]}}")
    assert brief(unknown) == (4, 23, "axes.a.variants[1]", "there is no variant 'nome'")
    assert unknown.suggestion == "did you mean 'none'?"


def test_everything_is_told_at_once(problems: Problems) -> None:
    found = problems(
        """name: Study
scenario: case.yaml
timeout: 600
memory: 4
retries: -1
reports: 2
sizes: 3
axes:
  s: {seeds: 0}
  t: {key: seed}
"""
    )
    assert [brief(problem)[::2] for problem in found] == [
        (1, "name"),
        (3, "timeout"),
        (4, "memory"),
        (5, "retries"),
        (6, "reports"),
        (7, "sizes"),
        (9, "axes.s.seeds"),
        (10, "axes.t"),
    ]


def test_all_wrong_values_of_all_axes_are_told(problems: Problems) -> None:
    found = problems(
        f"{HEAD}  p: {{key: {POWER}, values: [1, -1, x]}}\n"
        "  e: {key: simulators.dev.efficiency, range: {from: 0.5, to: 2, step: 0.5}}\n"
    )
    assert [brief(problem) for problem in found] == [
        (4, 55, POWER, "must be greater than 0, got -1"),
        (4, 59, POWER, "expected a number, got text 'x'"),
        (5, 39, "simulators.dev.efficiency", "must be at most 1, got 1.5"),
        (5, 39, "simulators.dev.efficiency", "must be at most 1, got 2.0"),
    ]


@pytest.mark.parametrize("axes", ["", "axes:", "axes: {}"])
def test_nothing_varies(problems: Problems, axes: str) -> None:
    (problem,) = problems(f"name: s\nscenario: case.yaml\n{axes}")
    assert problem.message == "there is none"
    assert problem.key == ("axes",)


def test_too_many_runs(problems: Problems) -> None:
    (problem,) = problems(
        f"{HEAD}  s: {{seeds: 1000000}}\n  p: {{key: {POWER}, range: {{from: 1, to: 11, step: 1}}}}"
    )
    assert brief(problem) == (3, 1, "axes", "span 11,000,000 runs")


def test_the_scenario_is_wrong(problems: Problems, tmp_path: Path) -> None:
    """At the scenario's own place, or where the campaign sets it."""
    text = "name: s\nscenario: broken.yaml\naxes: {s: {seeds: 2}}\n"
    (missing,) = problems(text.replace("broken", "casse"))
    assert brief(missing)[:3] == (2, 1, "scenario")
    (tmp_path / "broken.yaml").write_text(SCENARIO.replace("7}", "-7}"), encoding="utf-8")
    (own,) = problems(text)
    assert own.location is not None
    assert (own.location.file.name, own.location.line) == ("broken.yaml", 6)
    (ours,) = problems(f"{text}set: {{duration: 2x}}\n".replace("broken", "case"))
    assert brief(ours)[:3] == (4, 7, "duration")
    (name,) = problems(f"{text}set: {{name: other}}\n".replace("broken", "case"))
    assert brief(name) == (4, 7, "set.name", "cannot be changed by a campaign")


def test_a_campaign_is_no_scenario(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(HEAD + "  s: {seeds: 2}", encoding="utf-8")
    (problem,) = problems("name: s\nscenario: other.yaml\naxes: {s: {seeds: 2}}")
    assert problem.message.endswith("other.yaml' is a campaign, no scenario file")


@pytest.mark.parametrize("source", ["quickstart", "case.yaml"])
def test_a_scenario_is_no_campaign(
    problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        read_campaign(source)
    (problem,) = caught.value.problems
    assert problem.message == f"'{source}' is a scenario, not a campaign"
    assert problem.suggestion == f"gridloom run {source}"


def test_there_is_no_such_campaign() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_campaign("streed")
    (problem,) = caught.value.problems
    assert problem.suggestion == "did you mean 'street'?"


def test_overrides_are_told_as_options(problems: Problems) -> None:
    (problem,) = problems(f"{HEAD}  s: {{seeds: 2}}", "axes.s.seeds=0")
    assert str(problem.location) == "--set axes.s.seeds=0"


def test_an_empty_file(problems: Problems) -> None:
    (problem,) = problems("# nothing\n")
    assert problem.message == "the file is empty"
    (listed,) = problems("- a\n")
    assert listed.message == "expected a mapping of keys, got a list"
