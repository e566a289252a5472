"""A foreign simulator is stepped exactly when stock mosaik steps it: mosaik itself is the judge."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mosaik
import numpy as np
import pytest

Run = Callable[..., dict[str, dict[str, Any]]]
Program = Callable[..., str]

# Writes down when it is stepped, and with what max_advance.
LISTENER = """
META = {"type": "%s", "models": {"Device": {
    "public": True, "params": [], "attrs": ["Q", "P"], %s}}}
def step(self, time, inputs, max_advance):
    with open(r"%s", "a") as log:
        print(time, max_advance, file=log)
    return %s
def get_data(self, outputs):
    return {entity: {"P": 1.0} for entity in outputs}
"""
SOURCE = "step_s = 300\ndef value(self, entity, attribute):\n    return float(self.time)"
SCENARIO = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 20min
step_size: 1min
simulators:
  listener:
    type: external
    python: {listener}
    create: {{model: Device}}
    sends: {{y: P}}
    receives: {{x: Q}}
    defines: {{x: {{unit: '1'}}, y: {{unit: '1'}}}}
  source:
    type: external
    step_size: 5min
    python: {source}
    create: {{model: Device}}
    sends: {{x: P}}
    defines: {{x: {{unit: '1'}}}}
"""


def steps_in_mosaik(listener: str, source: str) -> None:
    config: Any = {"Listener": {"python": listener}, "Source": {"python": source}}
    with mosaik.World(config, skip_greetings=True, configure_logging=False) as world:
        sender = world.start("Source").Device()
        heard = world.start("Listener").Device()
        world.connect(sender, heard, ("P", "Q"))
        world.run(until=1200, print_progress=False)


@pytest.mark.parametrize(
    ("kind", "trigger", "returned"),
    [
        ("hybrid", '"trigger": ["Q"]', "None"),
        ("hybrid", '"trigger": ["Q"]', "time + 240"),
        ("event-based", "", "None"),
        ("hybrid", '"trigger": []', "time + 420"),
        ("time-based", "", "time + 120"),
    ],
)
def test_it_is_stepped_when_mosaik_steps_it(  # noqa: PLR0913, PLR0917
    run: Run,
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    trigger: str,
    returned: str,
) -> None:
    logs = [tmp_path / "ours.txt", tmp_path / "theirs.txt"]
    ours, theirs = (program(LISTENER % (kind, trigger, log, returned)) for log in logs)
    source = program(SOURCE)
    run(SCENARIO.format(listener=ours, source=source))
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop(source.partition(":")[0], None)
    steps_in_mosaik(theirs, source)
    told, expected = (np.loadtxt(log, dtype=int, ndmin=2) for log in logs)
    assert told[:, 0].tolist() == expected[:, 0].tolist()
    assert told[:, 1].tolist() == expected[:, 1].tolist()
