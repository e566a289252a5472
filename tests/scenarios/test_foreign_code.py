"""What counts as foreign in a scenario: found in plain values, whether they are valid or not."""

import json
import subprocess
import sys
from typing import Any

import pytest

from gridloom.scenarios.foreign_code import ForeignCodeError, foreign_code
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.reading.record_source import RecordLocation


@pytest.mark.parametrize(
    ("model", "key", "what"),
    [
        ({"type": "lure:Model"}, "type", 'imports the Python module "lure"'),
        ({"type": "a.b:C"}, "type", 'imports the Python module "a.b"'),
        ({"type": "fmu"}, "type", "runs the machine code of a Functional Mock-up Unit"),
        ({"type": "helics"}, "type", "takes part in a federation of HELICS"),
        (
            {"type": "fmu", "file": "a.fmu"},
            "type",
            'runs the machine code of a Functional Mock-up Unit, "a.fmu"',
        ),
        ({"type": "external", "command": "rm -r x"}, "command", 'starts the program "rm -r x"'),
        ({"command": ["rm", "x"]}, "command", 'starts the program ["rm", "x"]'),
        ({"type": "external", "python": "m:S"}, "python", 'runs the Python code "m:S"'),
        ({"type": "external", "connect": "h:1"}, "connect", 'connects to "h:1"'),
        ({"broker": {"address": "h:2"}}, "broker", 'uses the broker {"address": "h:2"}'),
        ({"commands": ["rm x"]}, "commands", 'starts the programs ["rm x"]'),
        (
            {"type": "opendss", "network": {"file": "Master.DSS"}},
            "file",
            'executes the script "Master.DSS"',
        ),
        ({"type": "pv", "placement": {"connect": "h:3"}}, "connect", 'connects to "h:3"'),
        ({"type": "pv", "weather": {"file": "/etc/hosts"}}, "file", 'reads "/etc/hosts"'),
        ({"type": "pv", "weather": {"file": r"C:\x.csv"}}, "file", r'reads "C:\\x.csv"'),
        ({"type": "pv", "weather": {"file": r"\\host\x"}}, "file", r'reads "\\\\host\\x"'),
        ({"type": "pv", "weather": {"file": "../x.csv"}}, "file", 'reads "../x.csv"'),
        ({"type": "pv", "weather": {"file": "a/../../x"}}, "file", 'reads "a/../../x"'),
        ({"type": "pv", "weather": {"file": r"a\..\x"}}, "file", r'reads "a\\..\\x"'),
        ({"type": "pv", "weather": {"file": "C:x.csv"}}, "file", 'reads "C:x.csv"'),
        ({"files": ["a.csv", "/b.csv"]}, 1, 'reads "/b.csv"'),
        # nothing in the text may steer the terminal it is shown on
        ({"command": "\x1b[2Jls"}, "command", r'starts the program "\u001b[2Jls"'),
    ],
)
@pytest.mark.parametrize("kind", ["simulators", "controllers"])
def test_is_foreign(kind: str, model: dict[str, Any], key: str | int, what: str) -> None:
    ((where, found),) = foreign_code({kind: {"it": model}})
    assert (*where[:2], where[-1]) == (kind, "it", key)
    assert found == what


@pytest.mark.parametrize(
    "model",
    [
        {"type": "pv", "command": None, "placement": "process", "commands": []},
        {"type": "load", "profile": {"file": "houses/loads.csv", "delimiter": ","}},
        {"type": "ev_fleet", "sessions": [{"arrival": "12min", "start": "2021-03-24T16:00:00"}]},
        {"type": "load", "profile": {"file": "a..b/c...csv"}, "at": ["bus..1", "5:30", "ab:c"]},
        {"type": ["lure:Model"]},
        {"type": None},
        None,
        "lure:Model",
    ],
)
def test_is_not_foreign(model: Any) -> None:
    assert foreign_code({"simulators": {"it": model}}) == []


@pytest.mark.parametrize("scenario", [None, [], 3, {}, {"simulators": []}, {"controllers": "x"}])
def test_what_is_no_scenario_has_nothing_foreign(scenario: Any) -> None:
    assert foreign_code(scenario) == []


def test_all_is_found_and_long_values_are_cut() -> None:
    found = foreign_code(
        {
            "simulators": {"a": {"type": "m:A", "command": "x" * 1000}},
            "controllers": {"b": {"type": "fmu", "placement": {"connect": "h:1"}}},
        }
    )
    assert [key for key, _ in found] == [
        ("simulators", "a", "type"),
        ("simulators", "a", "command"),
        ("controllers", "b", "type"),
        ("controllers", "b", "placement", "connect"),
    ]
    assert max(len(what) for _, what in found) < 160


@pytest.mark.parametrize("name", ["quickstart", "ademis-2021", "simbench-rural"])
def test_shipped_scenarios_have_nothing_foreign_as_written_and_as_recorded(name: str) -> None:
    document = read_scenario(name)
    for variant in document.variants or (None,):
        assert document.foreign_code(variant) == []
        assert foreign_code(json.loads(json.dumps(document.scenario(variant).resolved()))) == []


def test_error_lists_everything_and_ends_with_what_to_do(tmp_path: Any) -> None:
    place = RecordLocation(file=tmp_path / "record.h5", line=1, column=1)
    found = foreign_code({"simulators": {"a": {"type": "m:A"}, "b": {"command": "ls"}}})
    error = ForeignCodeError("record.h5", found, place)
    lines = str(error).splitlines()
    assert lines[:2] == [
        f'{place.file}: simulators.a.type: imports the Python module "m"',
        f'{place.file}: simulators.b.command: starts the program "ls"',
    ]
    assert lines[-1] == (
        "  hint: look at it with `gridloom describe record.h5`, then run it with --allow-external"
    )
    assert error.exit_code == 2


def test_looking_for_it_imports_no_model() -> None:
    script = (
        "import sys; from gridloom.scenarios.foreign_code import foreign_code\n"
        "foreign_code({'simulators': {'a': {'type': 'antigravity:X'}}})\n"
        "print({'antigravity', 'pandapower', 'h5py', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
