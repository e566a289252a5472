"""A user's own circuit file: what becomes of it, and what is said of its faults."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import DivergenceError, ScenarioError
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.opendss.config import OpenDssConfig
from gridloom.simulators.opendss.engine import OpenDssEngine
from gridloom.simulators.opendss.script import (
    _INCLUDING,
    _READING,
    _WRITING,
    _is_any,
    included_files,
)
from gridloom.simulators.opendss.simulator import OpenDss

CircuitOf: TypeAlias = Callable[..., OpenDss]

# An ideal source (1 GVA and more), one line of 0.1 + 0.05j ohm, one three-phase load.
TWO_BUSES = """
New Circuit.Two bus1=Source basekv=0.4 pu=1.0 angle=0 r1=0 x1=1e-9 r0=0 x0=1e-9
New Line.Cable bus1=Source bus2=End phases=3 r1=0.1 x1=0.05 r0=0.4 x0=0.2 c1=0 c0=0 length=1
~ normamps=200
New Load.House1 bus1=End phases=3 kV=0.4 kW=999 kvar=999 model=2 daily=default
"""
FEEDER = """
! a comment before the circuit
New Circuit.Street bus1=Source basekv=10 pu=1.02 angle=0
New Transformer.T1 buses=[Source Low] conns=[delta wye] kvs=[10 0.4] kvas=[250 250] xhl=4
New Line.Trunk bus1=Low bus2=Corner r1=2e-4 x1=8e-5 r0=8e-4 x0=3e-4 c1=0 c0=0 length=200 units=m
~ normamps=150
New Line.Lateral bus1=Corner.2 bus2=Yard.2 phases=1 r1=0.3 x1=0.1 c1=0 length=1 normamps=60
New Line.Spare bus1=Corner bus2=Low r1=0.1 x1=0.1 length=1 enabled=no
New Line.Gone bus1=Corner bus2=Nowhere r1=0.1 x1=0.1 length=1 enabled=no
New Load.Off bus1=Corner kV=0.4 kW=1 kvar=0 enabled=no
New Load.HouseA bus1=Corner.1 phases=1 kV=0.23 kW=1 kvar=0
New Load.Barn bus1=Yard.2 phases=1 kV=0.23 kW=1 kvar=0
New Load.Welder bus1=Corner.1.2 phases=1 conn=delta kV=0.4 kW=1 kvar=0
New Load.Shop bus1=Corner kV=0.4 kW=1 kvar=0
"""
BASES = "Set VoltageBases=[0.4]\nCalcVoltageBases\n"
FEEDER_BASES = "Set VoltageBases=[10 0.4]\nCalcVoltageBases\nSolve\n"

# What American feeders have: matrices in miles, regulators, a split-phase service transformer.
SUBSTATION = """
New object=circuit.Big basekv=115 bus1=Grid pu=1.01 MVAsc3=2000 MVAsc1=2100
New LineCode.mtx nphases=3 units=mi rmatrix=(0.3465 | 0.156 0.3375 | 0.158 0.1535 0.3414)
~ xmatrix=(1.0179 | 0.5017 1.0478 | 0.4236 0.3849 1.0348) cmatrix=[15 | -5 15.9 | -3 -1 14.3]
New Transformer.Sub buses=[Grid 650] conns=[delta wye] kvs=[115 4.16] kvas=[5000 5000] xhl=8
New Transformer.Reg1 phases=1 xhl=0.01 kvas=[1666 1666] buses=[650.1 60.1] kvs=[2.4 2.4]
~ taps=[1 1.0125]
New Transformer.Reg2 phases=1 xhl=0.01 kvas=[1666 1666] buses=[650.2 60.2] kvs=[2.4 2.4]
New Transformer.Reg3 phases=1 xhl=0.01 kvas=[1666 1666] buses=[650.3 60.3] kvs=[2.4 2.4]
New Line.Trunk bus1=60 bus2=671 linecode=mtx length=2000 units=ft
New Line.Switch bus1=671 bus2=672 switch=yes
New Reactor.Series bus1=672 bus2=680 r=0.1 x=0.2
New Capacitor.Bank bus1=671 kvar=100 kv=4.16
New Transformer.Service phases=1 windings=3 buses=[671.1 Home.1.0 Home.0.2] kvs=[2.4 .12 .12]
~ kvas=[25 25 25] %imag=.5 %noloadloss=.2 xhl=2 xht=2 xlt=1.3
New Load.Lamp bus1=Home.1 phases=1 kv=.12 kw=1 pf=.9
New Load.Range bus1=Home.1.2 phases=1 kv=.24 kw=1 pf=.9
New Load.Mill bus1=671 conn=delta kv=4.16 kw=1155 kvar=660
New Load.Shop bus1=680.3 phases=1 kv=2.4 kw=170 kvar=80 model=5
"""


def inputs(*power_kw: float) -> dict[str, FloatArray]:
    return {"power_kw": np.array(power_kw), "reactive_power_kvar": np.zeros(len(power_kw))}


@pytest.mark.parametrize("power_kw", [30.0, -60.0, 0.0])
def test_two_buses_follow_the_closed_form(power_kw: float, circuit_of: CircuitOf) -> None:
    """V2^4 + V2^2 (2 R P - V1^2) + |Z|^2 P^2 = 0 between phases, at unity power factor.

    30 kW: b = 2 * 0.1 * 30e3 - 400^2 = -154000, c = 0.0125 * 9e8 = 1.125e7,
    V2^2 = (154000 + sqrt(154000^2 - 4.5e7)) / 2 = 153926.91, V2 = 392.335 V = 0.980838 pu.
    """
    grid = circuit_of(TWO_BUSES)
    outputs = grid.step(0, inputs(power_kw))
    watts = 1e3 * power_kw
    b, c = 2 * 0.1 * watts - 400.0**2, (0.1**2 + 0.05**2) * watts**2
    voltage = np.sqrt((-b + np.sqrt(b**2 - 4 * c)) / 2)
    if power_kw == 30.0:
        assert voltage / 400 == pytest.approx(0.980838, abs=1e-6)
    current = abs(watts) / np.sqrt(3) / voltage
    losses_kw = 3e-3 * 0.1 * current**2
    assert outputs["voltage_pu"] == pytest.approx([voltage / 400], abs=1e-7)
    assert outputs["bus_voltage_pu"] == pytest.approx(
        np.repeat([[1.0], [voltage / 400]], 3, axis=1), abs=1e-7
    )
    assert outputs["line_current_a"] == pytest.approx(np.full((1, 3), current), abs=1e-4)
    assert outputs["line_loading_percent"] == pytest.approx([current / 2], abs=1e-4)  # of 200 A
    assert float(outputs["losses_kw"]) == pytest.approx(losses_kw, abs=1e-5)
    assert float(outputs["slack_power_kw"]) == pytest.approx(power_kw + losses_kw, abs=1e-4)
    reactive = 3e-3 * 0.05 * current**2
    assert float(outputs["slack_reactive_power_kvar"]) == pytest.approx(reactive, abs=1e-4)
    assert outputs["line_power_kw"].sum() == pytest.approx(power_kw + losses_kw, abs=1e-4)
    assert outputs["voltage_unbalance_percent"] == pytest.approx([0.0], abs=1e-6)


def test_settings_of_the_file_do_not_change_what_is_solved(circuit_of: CircuitOf) -> None:
    expected = circuit_of(TWO_BUSES).step(0, inputs(30.0))
    settings = "LoadMult=0.5 LoadModel=Admittance Tolerance=0.1 MaxIter=3 Mode=Daily"
    settings += " Algorithm=Newton Year=5 ControlMode=Time"
    bases = BASES + "".join(f"Set {setting}\n" for setting in settings.split()) + "Solve\n"
    found = circuit_of(TWO_BUSES, bases=bases).step(0, inputs(30.0))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-9, err_msg=name)


def test_names_are_spelled_as_in_the_file(circuit_of: CircuitOf) -> None:
    grid = circuit_of(FEEDER, bases=FEEDER_BASES)
    assert grid.connection_points == ("HouseA", "Barn", "Welder", "Shop")
    assert grid.network.bus_names == ("Source", "Low", "Corner", "Yard")
    assert grid.network.line_names == ("Trunk", "Lateral", "Spare")
    assert grid.network.transformer_names == ("T1",)
    assert grid.network.connection_points.phase == ("a", "b", "ab", "abc")
    assert grid.network.line_rated_current_a.tolist() == [150.0, 60.0, 400.0]  # OpenDSS's own 400


def test_each_load_draws_what_the_scenario_says(circuit_of: CircuitOf) -> None:
    """Loads in service only, whatever else the file gave them; the balance closes."""
    grid = circuit_of(FEEDER, bases=FEEDER_BASES)
    outputs = grid.step(0, inputs(2.0, 3.0, 5.0, 9.0))
    balance = float(outputs["slack_power_kw"] - outputs["losses_kw"])
    assert balance == pytest.approx(19.0, abs=1e-6)
    # the barn's line carries the barn alone: 3 kW at its own voltage, in phase b
    volts = outputs["voltage_pu"][1] * 400 / np.sqrt(3)
    assert outputs["line_current_a"][1] == pytest.approx([0, 3e3 / volts, 0], abs=1e-6)
    assert outputs["line_loading_percent"][1] == pytest.approx(100 * 3e3 / volts / 60, abs=1e-6)
    assert np.isnan(outputs["bus_voltage_pu"][3]).tolist() == [True, False, True]
    assert np.isfinite(outputs["voltage_pu"]).all()
    # the welder is between a and b: the mean of the two
    assert outputs["voltage_pu"][2] == pytest.approx(outputs["bus_voltage_pu"][2, :2].mean())
    assert np.isnan(outputs["line_current_a"][2]).all()  # the spare is out of service


def test_the_feeder_is_known_to_agents_and_planners(circuit_of: CircuitOf) -> None:
    feeder = Feeder.of(circuit_of(FEEDER, bases=FEEDER_BASES))
    feeder.require_radial()
    flows = feeder.branch_power(np.array([2.0, 3.0, 5.0, 9.0]))
    names = dict(zip(feeder.branch_names, flows, strict=True))
    assert names["Trunk"] == pytest.approx(19.0)
    assert names["Lateral"] == pytest.approx(3.0)
    assert names["T1"] == pytest.approx(19.0)
    # 200 m of 0.2 mohm each: OpenDSS takes r1 per unit of length
    static = {v.name: v.values for v in circuit_of(FEEDER, bases=FEEDER_BASES).static()}
    assert static["line_resistance_ohm"][0] == pytest.approx(200 * 2e-4)
    assert static["line_length_km"][0] == pytest.approx(0.2)
    # x of 4 % and r of 0.2 % a winding, OpenDSS's own, of 250 kVA
    assert static["transformer_reactance_pu"] == pytest.approx([0.04])
    assert static["transformer_resistance_pu"] == pytest.approx([0.004])
    assert static["source_voltage_pu"] == pytest.approx([1.02])


def test_the_linear_voltage_of_the_description_fits_the_circuit(circuit_of: CircuitOf) -> None:
    """Two ways to one voltage: planners' tangent from the description, OpenDSS's solution."""
    grid = circuit_of(TWO_BUSES)
    watts = 500.0  # small, so that the tangent is the curve
    solved = grid.step(0, inputs(watts / 1e3))["bus_voltage_pu"][1, 0]
    linear = Feeder.of(grid).bus_voltage_pu(np.array([watts / 1e3]), np.zeros(1))[1]
    assert linear == pytest.approx(solved, abs=1e-6)


def test_flows_are_those_that_opendss_itself_reports(circuit_of: CircuitOf) -> None:
    """gridloom finds all flows at once from admittances; OpenDSS's own, element by element."""
    bases = "Set VoltageBases=[115 4.16 .208]\nCalcVoltageBases\n"
    grid = circuit_of(SUBSTATION, bases=bases)
    outputs = grid.step(0, inputs(2.0, 3.0, 900.0, 150.0))
    engine = grid._engine
    assert isinstance(engine, OpenDssEngine)
    circuit = engine._session.ActiveCircuit
    assert float(outputs["losses_kw"]) == pytest.approx(1e-3 * circuit.Losses[0], abs=1e-6)
    drawn = float(outputs["slack_power_kw"] - outputs["losses_kw"])
    assert drawn == pytest.approx(1055.0, abs=1e-3)
    circuit.SetActiveElement("line.trunk")
    powers = np.array(circuit.ActiveCktElement.Powers)
    np.testing.assert_allclose(outputs["line_power_kw"][0], powers[:6:2], atol=1e-6)
    amperes = np.array(circuit.ActiveCktElement.CurrentsMagAng)[::2].reshape(2, 3).max(axis=0)
    np.testing.assert_allclose(outputs["line_current_a"][0], amperes, atol=1e-6)
    circuit.SetActiveElement("transformer.sub")
    sides = np.array(circuit.ActiveCktElement.Powers).reshape(2, 4, 2)
    apparent_kva = np.hypot(sides[..., 0], sides[..., 1]).sum(axis=1).max()
    assert outputs["transformer_loading_percent"][0] == pytest.approx(100 * apparent_kva / 5000)
    circuit.SetActiveBus("home")
    np.testing.assert_allclose(
        outputs["bus_voltage_pu"][-1, :2], circuit.ActiveBus.puVmagAngle[::2], atol=1e-9
    )


def test_branches_that_planners_do_not_know_are_counted(circuit_of: CircuitOf) -> None:
    """A series reactor and a transformer of three windings; single-phase regulators are known."""
    bases = "Set VoltageBases=[115 4.16 .208]\nCalcVoltageBases\n"
    grid = circuit_of(SUBSTATION, bases=bases)
    static = {variable.name: variable.values for variable in grid.static()}
    assert int(static["other_branches"]) == 2
    assert static["transformer_ratio_pu"] == pytest.approx([1.0, 1.0125, 1.0, 1.0])
    # 2000 ft of (0.3465 + 0.3375 + 0.3414) / 3 - (0.156 + 0.158 + 0.1535) / 3 ohm a mile
    assert static["line_resistance_ohm"][0] == pytest.approx(2000 / 5280 * 0.18597, rel=1e-4)
    with pytest.raises(ScenarioError, match="neither lines nor two-winding transformers"):
        Feeder.of(grid)


def test_coordinates_ratings_and_included_files(circuit_of: CircuitOf, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    load = "New Load.InPart bus1=End phases=1 kV=0.23 kW=0 kvar=0"
    (tmp_path / "parts" / "Loads.dss").write_text(load, encoding="utf-8")
    (tmp_path / "XY.csv").write_text("Source, 1.5, 2.5\nEnd, 3.5, 4.5\n", encoding="utf-8")
    bases = "Redirect parts/Loads.dss\nSet VoltageBases=[0.4]\nCalcVoltageBases\nBuscoords XY.csv\n"
    grid = circuit_of(TWO_BUSES, bases=bases, line_ratings_a={"Cable": 65})
    assert grid.connection_points == ("House1", "InPart")
    assert grid.network.bus_x.tolist() == [1.5, 3.5]
    assert grid.network.bus_y.tolist() == [2.5, 4.5]
    assert grid.network.line_rated_current_a.tolist() == [65.0]


def test_nothing_of_the_process_changes(circuit_of: CircuitOf, tmp_path: Path) -> None:
    before = Path.cwd(), dict(os.environ)
    grid = circuit_of(FEEDER, bases=FEEDER_BASES)
    grid.step(0, inputs(1.0, 1.0, 1.0, 1.0))
    assert (Path.cwd(), dict(os.environ)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["Master.dss"]


def test_models_do_not_share_a_circuit(circuit_of: CircuitOf) -> None:
    first = circuit_of(TWO_BUSES)
    before = first.step(0, inputs(30.0))["voltage_pu"]
    second = circuit_of(FEEDER, bases=FEEDER_BASES)
    second.step(0, inputs(1.0, 2.0, 3.0, 4.0))
    np.testing.assert_array_equal(first.step(60, inputs(30.0))["voltage_pu"], before)


def test_the_same_inputs_give_the_same_bits(circuit_of: CircuitOf) -> None:
    steps = np.random.default_rng(4).uniform(-5, 9, (4, 4))
    runs = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        grid = circuit_of(FEEDER, bases=FEEDER_BASES)
        runs.append({step: grid.step(60 * step, inputs(*steps[step])) for step in order})
    for step in range(4):
        for name, values in runs[0][step].items():
            np.testing.assert_array_equal(runs[1][step][name], values, err_msg=name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TWO_BUSES + "Frobnicate x\n", "Frobnicate"),
        (TWO_BUSES + "New Line.b bus1=End bus2=f linecode=nope\n", "nope"),
        (TWO_BUSES + "New Line.b bus1=End bus2=f rr1=3\n", "rr1"),
        (TWO_BUSES + "New Line.b bus1=End bus2=f r1=abc\n", "abc"),
        (TWO_BUSES + "Redirect nothere.dss\n", "nothere.dss"),
    ],
)
def test_faults_of_a_circuit_are_told(text: str, said: str, circuit_of: CircuitOf) -> None:
    with pytest.raises(ScenarioError) as raised:
        circuit_of(text)
    (problem,) = raised.value.problems
    assert problem.key == ("network", "file")
    assert "Master.dss" in problem.message
    assert said in problem.message


def test_a_file_without_a_circuit_is_told(circuit_of: CircuitOf) -> None:
    with pytest.raises(ScenarioError, match="it defines no circuit"):
        circuit_of("Clear\n", bases="")


def test_a_circuit_needs_base_voltages(circuit_of: CircuitOf) -> None:
    with pytest.raises(ScenarioError, match=r"no base voltage: Source, End[\s\S]*VoltageBases"):
        circuit_of(TWO_BUSES, bases="")


def test_a_circuit_must_not_write_files(circuit_of: CircuitOf, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as raised:
        circuit_of(TWO_BUSES + "! Export voltages\nexport currents\n")
    (problem,) = raised.value.problems
    assert problem.location is not None
    assert problem.location.line == (TWO_BUSES + "! Export voltages\n").count("\n") + 1
    assert [path.name for path in tmp_path.iterdir()] == ["Master.dss"]


@pytest.mark.parametrize(
    "line",
    [
        "Expor voltages x.csv",
        "sav circuit dir=x",
        "sh voltages",
        "EX,voltages,x.csv",
        "= export voltages",
        '"export" voltages x.csv',
        "dum",
        "estimate",
        "/* a\n*/ a remark\nexport voltages",
        "var @x=export\n@x voltages",
        "var @f=inc\nredirect @f.dss",
    ],
)
def test_abbreviated_commands_write_no_files(
    line: str, circuit_of: CircuitOf, tmp_path: Path
) -> None:
    """OpenDSS itself writes a file for each of these lines (dss-python 0.15.7).

    The last two by inc.dss; the last one if that is in the working directory.
    """
    (tmp_path / "inc.dss").write_text("export voltages", encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        circuit_of(TWO_BUSES, bases=f"{BASES}Solve\n{line}\n")
    (problem,) = raised.value.problems
    assert problem.key == ("network", "file")
    assert problem.location is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Master.dss", "inc.dss"]


@pytest.mark.parametrize(
    "line",
    [
        "Redir inc.dss",
        "c inc.dss",
        "red,file=inc.dss",
        "[redirect] (inc.dss) x",
        r"redirect .\inc.dss",
    ],
)
def test_what_an_abbreviated_command_includes_is_read(
    line: str, circuit_of: CircuitOf, tmp_path: Path
) -> None:
    part = tmp_path / "inc.dss"
    part.write_text("New Load.InPart bus1=End kV=0.4 kW=0 kvar=0\n", encoding="utf-8")
    assert circuit_of(TWO_BUSES + line + "\n").connection_points == ("House1", "InPart")
    assert included_files(tmp_path / "Master.dss") == (part,)
    part.write_text("export voltages\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"inc.dss:1:1[\s\S]*'export' writes files"):
        circuit_of(TWO_BUSES + line + "\n")


def test_abbreviations_are_those_of_opendss(circuit_of: CircuitOf) -> None:
    """It takes the first of its commands that begins with a word, unless one is that word."""
    engine = circuit_of(TWO_BUSES)._engine
    assert isinstance(engine, OpenDssEngine)
    executive = engine._session.Executive
    commands = [executive.Command(i + 1).lower() for i in range(executive.NumCommands)]
    known = _WRITING | _INCLUDING | _READING
    assert set(known) <= set(commands)
    words = {command[:n] for command in known for n in range(1, len(command) + 1)}
    meant = {
        word: word if word in commands else next(c for c in commands if c.startswith(word))
        for word in words
    }
    for table in (_WRITING, _INCLUDING, _READING):
        assert [word for word in words if meant[word] in table and not _is_any(word, table)] == []
        assert [word for word in words if meant[word] not in known and _is_any(word, table)] == []


def test_included_files_in_order(tmp_path: Path) -> None:
    """Recursively, from the folder of the file that names them, each once; no matter what lacks."""
    master, parts = tmp_path / "Master.dss", tmp_path / "parts"
    parts.mkdir()
    master.write_text(
        "Redirect parts/A.dss\nRedirect none.dss\n! Redirect C.dss\nBuscoords 'X Y.csv'\n"
        "Compile parts/A.dss\nredirect\nbusc gone.csv\n"
    )
    (parts / "A.dss").write_text("Redirect B.dss\nRedirect ../Master.dss\n")
    for path in (parts / "B.dss", tmp_path / "C.dss", tmp_path / "X Y.csv"):
        path.write_text("")
    expected = (parts / "A.dss", parts / "B.dss", tmp_path / "X Y.csv")
    assert included_files(master) == expected
    assert included_files(tmp_path / "nothing.dss") == ()


def test_wrong_overrides_name_the_lines_there_are(circuit_of: CircuitOf) -> None:
    with pytest.raises(ScenarioError, match="did you mean 'Cable'"):
        circuit_of(TWO_BUSES, line_ratings_a={"Cabel": 65})


@pytest.mark.parametrize(
    "keys",
    [{"phases": "balanced"}, {"background": "net"}, {"source_voltage_pu": 1.0}, {"engine": "pgm"}],
)
def test_keys_that_a_circuit_file_cannot_heed_are_refused(keys: dict[str, object]) -> None:
    config = {"type": "opendss", "network": {"file": "Master.dss"}, **keys}
    with pytest.raises(ValidationError):
        OpenDssConfig.model_validate(config)


def test_divergence_follows_the_rule_of_every_grid(circuit_of: CircuitOf) -> None:
    grid = circuit_of(TWO_BUSES)
    with pytest.raises(DivergenceError, match=r"bus 'End'[\s\S]*largest injection: 900.0 kW"):
        grid.step(0, inputs(900.0))
    held = circuit_of(TWO_BUSES, on_divergence="hold")
    solved = held.step(0, inputs(10.0))
    unsolved = held.step(60, inputs(900.0))
    assert float(unsolved.pop("unsolved")) == 1.0
    assert all(np.isnan(values).all() for values in unsolved.values())
    again = held.step(120, inputs(10.0))
    np.testing.assert_array_equal(again["bus_voltage_pu"], solved["bus_voltage_pu"])
    assert held.summary() == {"unsolved_steps": 1.0}


def test_generators_stay_as_they_are_and_are_told(circuit_of: CircuitOf) -> None:
    """5 kW generated where 5 kW are drawn: the source gives nothing."""
    generator = "New Generator.G bus1=End kV=0.4 kW=5 pf=1 model=1\n"
    grid = circuit_of(TWO_BUSES + generator)
    assert any("1 Generators" in remark for remark in grid.remarks())
    outputs = grid.step(0, inputs(5.0))
    assert float(outputs["slack_power_kw"]) == pytest.approx(0.0, abs=1e-3)


def test_regulators_do_not_move_from_step_to_step(circuit_of: CircuitOf) -> None:
    """A regulator that would raise the voltage: the ratio without load stays what it was."""
    control = "New RegControl.R transformer=T1 winding=2 vreg=125 band=1 ptratio=2\n"
    grid = circuit_of(FEEDER + control, bases="Set VoltageBases=[10 0.4]\nCalcVoltageBases\n")
    assert any("1 RegControls" in remark for remark in grid.remarks())
    grid.step(0, inputs(5.0, 5.0, 5.0, 5.0))
    outputs = grid.step(60, inputs(0.0, 0.0, 0.0, 0.0))
    # 1.02 pu at the source, and nothing drawn
    np.testing.assert_allclose(outputs["bus_voltage_pu"][1], 1.02, atol=1e-5)


def test_islands_are_told_and_not_a_number(circuit_of: CircuitOf) -> None:
    island = (
        "New Line.Far bus1=X bus2=Y r1=1 x1=1 length=1\nNew Load.Lost bus1=Y kV=0.4 kW=0 kvar=0\n"
    )
    grid = circuit_of(TWO_BUSES + island)
    assert any("no external grid reaches 1 of 2" in remark for remark in grid.remarks())
    outputs = grid.step(0, inputs(10.0, 5.0))
    assert np.isnan(outputs["voltage_pu"]).tolist() == [False, True]
    assert np.isnan(outputs["line_current_a"][1]).all()
    assert float(outputs["slack_power_kw"] - outputs["losses_kw"]) == pytest.approx(10.0, abs=1e-4)


def test_a_missing_file_is_told(context: BuildContext) -> None:
    config = OpenDssConfig.model_validate({"type": "opendss", "network": {"file": "none.dss"}})
    with pytest.raises(ScenarioError, match=r"network.file: file 'none.dss' does not exist"):
        OpenDss(config, context)
