"""A run that is complete is shown again only if nothing that determines its results has changed."""

import sys
from pathlib import Path

import pytest

from gridloom.scenarios.identity import is_repeatable, run_digest
from gridloom.scenarios.reader import read_scenario

PLUG_IN = """
from helper import FACTOR
from typing import Any
from gridloom.simulators.model import Model
from gridloom.simulators.quantities import ModelConfig

class Mine(Model):
    Config = ModelConfig

    @property
    def ports(self):
        return ()

    def step(self, time, inputs):
        return {}
"""
EXTERNAL = """
name: case
start: 2021-06-21T12:00:00Z
duration: 2min
step_size: 1min
simulators:
  m:
    type: external
    %s
    create: {model: Device}
    at: [a]
    sends: {power_kw: P}
"""


def digest(path: Path) -> str:
    document = read_scenario(path)
    return run_digest(document.scenario(), document.folders)


@pytest.mark.parametrize("changed", ["identity_plug.py", "helper.py"])
def test_a_plug_in_counts_with_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    for loaded in ("identity_plug", "helper"):  # by the other case of this test
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    (tmp_path / "helper.py").write_text("FACTOR = 1\n")
    (tmp_path / "identity_plug.py").write_text(PLUG_IN)
    case = tmp_path / "case.yaml"
    case.write_text(
        "name: case\nstart: 2021-06-21T12:00:00Z\nduration: 2min\n"
        "simulators: {m: {type: 'identity_plug:Mine'}}\n"
    )
    before = digest(case)
    assert digest(case) == before
    (tmp_path / changed).write_text((tmp_path / changed).read_text() + "# another\n")
    assert digest(case) != before


def test_a_foreign_class_counts(tmp_path: Path) -> None:
    (tmp_path / "identity_foreign.py").write_text("class Sim: pass\n")
    case = tmp_path / "case.yaml"
    case.write_text(EXTERNAL % "python: identity_foreign:Sim")
    before = digest(case)
    (tmp_path / "identity_foreign.py").write_text("class Sim: power = 2\n")
    assert digest(case) != before


@pytest.mark.parametrize(
    ("source", "repeatable"),
    [
        ("python: anything:Sim", True),
        ("command: prog {address}", True),
        ("connect: 127.0.0.1:5670", False),
    ],
)
def test_what_others_run_may_have_changed(tmp_path: Path, source: str, repeatable: bool) -> None:
    case = tmp_path / "case.yaml"
    case.write_text(EXTERNAL % source)
    assert is_repeatable(read_scenario(case).scenario()) is repeatable
