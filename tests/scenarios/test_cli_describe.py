"""`gridloom describe`: order, loops, places and the diagram, word for word where they are known."""

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from gridloom.scenarios.supervision.placing import where_computed
from gridloom.simulators.external.config import ExternalConfig
from gridloom.simulators.load import Load
from gridloom.simulators.quantities import ModelConfig

Command = Callable[..., tuple[int, str, str]]

TINY = """
name: tiny
start: 2021-06-21T17:00:00+02:00
duration: 2min
step_size: 1min
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {constant_kw: 1}}
"""


def _section(out: str, title: str) -> str:
    """Return what follows a heading up to the next empty line, without blanks at line ends."""
    lines = [line.rstrip() for line in out.splitlines()]
    rest = lines[lines.index(title) + 1 :]
    return "\n".join(rest[: rest.index("")] if "" in rest else rest)


def _expected(text: str) -> str:
    return dedent(text).strip("\n")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.usefixtures("wide")
def test_order_and_loops_of_uncoordinated_charging(gridloom: Command) -> None:
    """The reference case: setpoints before vehicles before the grid; only the vehicles are heard.

    At time 0, twelve vehicles wait and the others come later: 0 or 7 kW, the rated power.
    """
    code, out, _ = gridloom("describe", "ademis-2021", "--variant", "basic")
    assert code == 0
    assert _section(out, "Order within a step") == _expected("""
        level  model     waits for     computed
        1      load      nobody        in this process
               pv        nobody        in this process
               charging  nobody        in this process
        2      ev        charging      in this process
        3      grid      ev, load, pv  in this process
               market    ev, load, pv  in this process
        Models of one level that are in different processes compute at the same time.
    """)
    assert _section(out, "Loops, opened where ~> stands") == _expected("""
        loop                        signal               arrives   at time 0
        charging -> ev ~> charging  energy_required_kwh  1s later  0 kWh
                                    power_max_kw         1s later  0 to 7 kW
    """)


@pytest.mark.usefixtures("wide")
def test_loops_of_the_multi_agent_system(gridloom: Command) -> None:
    """Its agents hear vehicles, lines and buses, and the party's imbalance, one step late."""
    code, out, _ = gridloom("describe", "ademis-2021", "--variant", "amas")
    assert code == 0
    loops = _section(out, "Loops, opened where ~> stands")
    ways = [line.split("  ")[0] for line in loops.splitlines() if "->" in line]
    assert ways == [
        "charging -> ev -> grid ~> charging",
        "charging -> ev ~> charging",
        "charging -> ev -> market ~> charging",
    ]
    rows = {row[0]: row[1:] for row in re.findall(r"(\w+) +(\d+s later) +(.+)", loops)}
    assert rows["line_current_a"] == ("1s later", "unknown")  # no power flow before the first
    assert rows["imbalance_kwh"] == ("1s later", "0 kWh")
    assert rows["energy_capacity_kwh"] == ("1s later", "30 kWh, some unknown")
    assert len(rows) == 13
    assert out.count("(closes a loop)") == 13


def test_models_that_are_stepped_together(gridloom: Command) -> None:
    """The grid waits for pv, which is elsewhere, so that all before them are stepped first."""
    fused = ("--set", "fuse=true")
    assert "Stepped together" not in gridloom("describe", "quickstart")[1]
    _, out, _ = gridloom("describe", "quickstart", *fused)
    assert "Stepped together: load, pv, charging, ev, grid, market.\n" in out
    _, out, _ = gridloom(
        "describe", "quickstart", *fused, "--set", "simulators.pv.placement=process"
    )
    assert "Stepped together: load, charging, ev.\nStepped together: grid, market.\n" in out


def test_without_loops(gridloom: Command, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    _, out, _ = gridloom("describe", "tiny.yaml")
    assert "Loops: none" in out
    assert "2      grid   load       in this process" in out


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({}, "in this process"),
        ({"placement": "process"}, "in a process of its own"),
        ({"placement": {"connect": "10.0.0.7:5678"}}, "at 10.0.0.7:5678"),
    ],
    ids=["here", "process", "connect"],
)
def test_where_a_model_is_computed(keys: dict[str, object], where: str) -> None:
    config: ModelConfig = Load.Config.model_validate(
        {"type": "load", "profile": {"constant_kw": 1}, **keys}
    )
    assert where_computed(config) == where


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        (
            {"command": ["julia", "my fleet.jl", "{address}"]},
            "by the program julia 'my fleet.jl' '{address}'",
        ),
        ({"connect": "10.0.0.7:5678"}, "by the foreign simulator at 10.0.0.7:5678"),
        ({"python": "mosaik_csv:CSV"}, "by mosaik_csv:CSV, in this process"),
        (
            {"python": "mosaik_csv:CSV", "placement": "process"},
            "by mosaik_csv:CSV, in a process of its own",
        ),
    ],
    ids=["command", "connect", "class here", "class in a process"],
)
def test_where_a_foreign_simulator_is_computed(keys: dict[str, object], where: str) -> None:
    config = ExternalConfig.model_validate(
        {
            "type": "external",
            "create": {"model": "House"},
            "kind": "house",
            "at": "all",
            "sends": {"power_kw": "P"},
            **keys,
        }
    )
    assert where_computed(config) == where


class TestDiagram:
    def test_it_is_a_flow_chart_of_models_and_couplings(
        self, gridloom: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "tiny.yaml").write_text(TINY)
        code, out, _ = gridloom("describe", "tiny.yaml", "--diagram", "-")
        assert code == 0
        assert out == (
            "flowchart LR\n"
            '    m0["grid<br/>Grid, every 1min<br/>in this process"]\n'
            '    m1["load<br/>Load, every 1min<br/>in this process"]\n'
            '    m1 -->|"power_kw, reactive_power_kvar"| m0\n'
        )

    def test_controllers_are_hexagons_and_delays_dashed(self, gridloom: Command) -> None:
        _, out, _ = gridloom("describe", "quickstart", "--diagram", "-")
        lines = [line.strip() for line in out.splitlines()]
        (hexagon,) = (line for line in lines if "{{" in line)
        assert hexagon == 'm5{{"charging<br/>Basic, every 1min<br/>in this process"}}'
        assert 'm5 -->|"power_setpoint_kw"| m3' in lines
        assert 'm3 -.->|"energy_required_kwh, power_max_kw, 1min later"| m5' in lines

    def test_it_is_written_to_a_file(self, gridloom: Command, tmp_path: Path) -> None:
        (tmp_path / "tiny.yaml").write_text(TINY)
        code, out, _ = gridloom("describe", "tiny.yaml", "--diagram", "tiny.mmd")
        assert (code, out) == (0, "tiny.mmd\n")
        assert (tmp_path / "tiny.mmd").read_text().startswith("flowchart LR\n")

    def test_a_file_that_cannot_be_written_is_bad_input(
        self, gridloom: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "tiny.yaml").write_text(TINY)
        code, _, err = gridloom("describe", "tiny.yaml", "--diagram", "nowhere/tiny.mmd")
        assert code == 2
        assert "cannot write the diagram 'nowhere/tiny.mmd'" in err

    def test_a_frame_is_around_those_stepped_together(self, gridloom: Command) -> None:
        changes = ("--set", "fuse=true", "--set", "simulators.pv.placement=process")
        _, out, _ = gridloom("describe", "quickstart", *changes, "--diagram", "-")
        frame = out.partition('subgraph together0["stepped together"]\n')[2].partition("    end\n")[
            0
        ]
        # All but pv, m2: what it sends has to come in before the grid, m0, and the market, m4.
        assert frame.split() == ["m1", "m5", "m3"]
        assert 'subgraph together1["stepped together"]\n        m0\n        m4\n    end' in out
