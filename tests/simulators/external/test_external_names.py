"""Names, units and commands that cannot be meant are refused when the scenario is read."""

from pathlib import Path

import pytest

from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.errors import ScenarioError

SCENARIO = """
name: case
start: 2021-06-21T12:00:00Z
duration: 2min
step_size: 1min
simulators:
  m:
    type: external
    {source}
    create: {{model: Device}}
    at: [a]
    kind: {kind}
    sends: {{power_kw: {power}}}
    defines: {{{defined}: {{unit: W}}}}
"""
GOOD = {
    "source": "command: prog {address}",
    "kind": "roof",
    "power": "P",
    "defined": "heat_w",
}


def read(folder: Path, **changes: str) -> None:
    path = folder / "case.yaml"
    path.write_text(SCENARIO.format(**{**GOOD, **changes}))
    document = read_scenario(path)
    compose(document, document.scenario())


def test_the_case_itself_is_right(tmp_path: Path) -> None:
    read(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "'Häuser / x'"}, r"m\.kind: .* is no name"),
        ({"kind": "time"}, "'time' is no name"),
        ({"kind": "''"}, "is no name"),
        ({"defined": "'a/b'"}, "'a/b' is no name"),
        ({"defined": "power_kw"}, "'power_kw' is a signal of gridloom already, in kW"),
        ({"power": "{name: 'P[W]', unit: kW}"}, r"the name says \[W\] and 'unit' says kW"),
        ({"source": "command: prog {adress}"}, r"the command lacks \{address\}"),
        ({"source": "python: prog"}, "'prog' names no class"),
    ],
)
def test_one_clear_message(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as refused:
        read(tmp_path, **changes)
    assert "case.yaml:" in str(refused.value)


def test_an_index_in_brackets_is_no_unit(tmp_path: Path) -> None:
    read(tmp_path, power="{name: 'P[3]', unit: W}")
