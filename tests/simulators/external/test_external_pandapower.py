"""mosaik-pandapower, unmodified from PyPI, as a scenario's grid; judged by gridloom's own grid.

It needs the superseded mosaik-api, which warns when it is imported, and with it pkg_resources
(setuptools < 81): in a process of its own the warnings disturb nobody.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., dict[str, dict[str, Any]]]

TEXT = """
name: street
start: 2021-06-21T12:00:00+02:00
duration: 45min
step_size: 15min
simulators:
  load:
    type: external
    python: mosaik_csv:CSV
    files: [loads.csv]
    parameters: {sim_start: "{start}", datafile: loads.csv}
    create: {model: Data}
    at: all
    kind: house
    sends:
      power_kw: {name: "P {element}", unit: kW}
      reactive_power_kvar: {name: "Q {element}", unit: kvar}
variants:
  own:
    simulators:
      grid:
        type: grid
        network: {file: street.json}
  foreign:
    simulators:
      grid:
        type: external_grid
        python: mosaik_pandapower.simulator:Pandapower
        placement: process
        files: [street.json]
        parameters: {step_size: "{step_size_s}", mode: pf}
        create: {model: Grid, parameters: {gridfile: street.json}}
        elements:
          load: {names: {0-house 1: house 1, 0-house 2: house 2, 0-house 3: house 3}}
          bus: {names: {0-bus 1: house 1, 0-bus 2: house 2, 0-bus 3: house 3}}
          line: {names: [0-line 1, 0-line 2, 0-line 3], connected: false}
          source: {names: [0-slack], connected: false}
        receives:
          power_kw: {name: p_mw, unit: MW, of: load}
          reactive_power_kvar: {name: q_mvar, unit: Mvar, of: load}
        sends:
          voltage_pu: {name: vm_pu, of: bus}
          line_loading_percent: {name: loading_percent, of: line}
          slack_power_kw: {name: p_mw, unit: MW, of: source}
"""
# One house feeds in; powers change from step to step. kW and kvar.
LOADS = """\
Date,P house 1,P house 2,P house 3,Q house 1,Q house 2,Q house 3
2021-06-21 12:00:00,4,-9.5,12,1,0,3
2021-06-21 12:15:00,6.5,20,30,0.5,4,6
2021-06-21 12:30:00,-15,-15,-15,0,0,-2
"""


@pytest.fixture
def street(tmp_path: Path) -> None:
    """Three houses behind a transformer, drawing nothing by themselves."""
    if find_spec("mosaik_pandapower") is None or find_spec("pkg_resources") is None:
        pytest.skip("mosaik-pandapower, or the setuptools < 81 that it needs, is not installed")
    pytest.importorskip("mosaik_csv")
    import pandapower

    net = pandapower.create_empty_network()
    slack = pandapower.create_bus(net, 10.0, name="slack")
    last = pandapower.create_bus(net, 0.4, name="busbar")
    pandapower.create_ext_grid(net, slack, vm_pu=1.02, name="external grid")
    pandapower.create_transformer(net, slack, last, "0.25 MVA 10/0.4 kV", name="transformer")
    for i in (1, 2, 3):
        bus = pandapower.create_bus(net, 0.4, name=f"bus {i}")
        pandapower.create_line(net, last, bus, 0.1, "NAYY 4x50 SE", name=f"line {i}")
        pandapower.create_load(net, bus, p_mw=0.0, name=f"house {i}")
        last = bus
    pandapower.to_json(net, str(tmp_path / "street.json"))
    (tmp_path / "loads.csv").write_text(LOADS)


def test_both_grids_agree(run: Run, street: None) -> None:
    foreign, own = run(TEXT, "foreign")["grid"], run(TEXT, "own")["grid"]
    # Two solvers (pandapower: Newton-Raphson to 1e-8 MVA; power-grid-model) on one network.
    np.testing.assert_allclose(foreign["voltage_pu"], own["voltage_pu"], rtol=0, atol=1e-6)
    spread = own["voltage_pu"].max() - own["voltage_pu"].min()
    assert spread > 0.02  # the agreement is about something
    loading = own["line_loading_percent"]
    np.testing.assert_allclose(foreign["line_loading_percent"], loading, rtol=0, atol=1e-3)
    slack = own["slack_power_kw"].reshape(3, 1)
    # pandapower counts what the external grid gives as positive, as gridloom does.
    np.testing.assert_allclose(foreign["slack_power_kw"], slack, rtol=0, atol=1e-3)
    # Losses are what the slack gives beyond the loads' sums 6.5, 56.5 and -45 kW.
    assert (own["slack_power_kw"] > [6.5, 56.5, -45]).all()


def test_a_misspelt_load_is_said(problems: Callable[..., Any], street: None) -> None:
    text = TEXT.replace("0-house 1: house 1", "0-hous 1: house 1")
    assert "variants:" in text
    text = text.replace(
        "variants:\n  own:\n    simulators:\n      grid:\n        type: grid\n"
        "        network: {file: street.json}\n",
        "variants:\n",
    )
    (problem,) = problems(text, "foreign")
    assert problem.message == "the simulator has no entity '0-hous 1'"
    assert problem.suggestion == "did you mean '0-house 1'?"
    assert problem.key[-3:] == ("elements", "load", "names")
