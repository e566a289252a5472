"""What cannot be coupled without losing something is refused, and what is held is ours."""

from collections.abc import Callable
from typing import Any

import pytest

from gridloom.simulators.errors import ScenarioError

Run = Callable[..., dict[str, dict[str, Any]]]
Program = Callable[..., str]

HEAD = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 5min
step_size: 1min
simulators:
  device:
    type: external
    python: {python}
    placement: {placement}
    create: {{model: Device}}
"""


def test_two_signals_for_one_attribute(run: Run, program: Program) -> None:
    text = (
        HEAD
        + "    sends: {{x: P}}\n    receives: {{y: Q, z: Q}}\n"
        + "    defines: {{x: {{unit: '1'}}, y: {{unit: '1'}}, z: {{unit: '1'}}}}\n"
        + "  sender:\n    type: external\n    python: {python}\n    create: {{model: Device}}\n"
        + "    sends: {{y: P, z: Q}}\n    defines: {{y: {{unit: '1'}}, z: {{unit: '1'}}}}\n"
    )
    with pytest.raises(ScenarioError, match="'y' and 'z' are both told to 'Q' of 'Device_0'"):
        run(text.format(python=program(), placement="inprocess"))


def test_several_kinds_and_no_word_of_which(run: Run, program: Program) -> None:
    text = HEAD + (
        "    sends: {{power_kw: P}}\n    elements:\n"
        "      one: {{at: [a]}}\n      two: {{at: [b]}}\n"
    )
    with pytest.raises(ScenarioError, match="several kinds of elements"):
        run(text.format(python=program(), placement="inprocess"))


@pytest.mark.parametrize("placement", ["inprocess", "process"])
def test_a_list_that_the_simulator_goes_on_changing(
    run: Run, program: Program, placement: str
) -> None:
    """A value left out is held as it was sent, not as the simulator's list is by now."""
    python = program(
        """
        META = {"type": "hybrid", "models": {"Device": {
            "public": True, "params": [], "attrs": ["P"]}}}
        count = 0
        def step(self, time, inputs, max_advance):
            self.time, self.count = time, self.count + 1
            if self.count == 1:
                self.values = [1.0, 1.0]
            self.values[0] = self.values[1] = float(self.count)
            return time + 60
        def get_data(self, outputs):
            return {"Device_0": {"P": self.values}} if self.count == 1 else {}
        """
    )
    text = HEAD + "    vector: true\n    at: [a, b]\n    sends: {{power_kw: P}}\n"
    sent = run(text.format(python=python, placement=placement))["device"]["power_kw"]
    assert sent.tolist() == [[1.0, 1.0]] * 5


@pytest.mark.parametrize("placement", ["inprocess", "process"])
def test_numbers_of_numpy_are_numbers(run: Run, program: Program, placement: str) -> None:
    python = program(
        """
        def step(self, time, inputs, max_advance):
            import numpy as np
            self.time = time
            return np.int64(time + 60)
        def value(self, entity, attribute):
            import numpy as np
            return np.array(2.5)
        """
    )
    text = HEAD + "    at: [a]\n    sends: {{power_kw: P}}\n"
    sent = run(text.format(python=python, placement=placement))["device"]["power_kw"]
    assert sent.tolist() == [[2.5]] * 5
