"""A class in a process of its own fails in the same words as in gridloom's process."""

from collections.abc import Callable

import pytest

from gridloom.simulators.errors import ScenarioError, SimulatorError

Run = Callable[..., dict[str, dict[str, object]]]
Program = Callable[..., str]

TEXT = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 4min
step_size: 1min
simulators:
  device:
    type: external
    python: {python}
    placement: {placement}
    create: {{model: Device}}
    sends: {{x: P}}
    defines: {{x: {{unit: '1'}}}}
"""
BOTH = pytest.mark.parametrize("placement", ["inprocess", "process"])


@BOTH
@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("nowhere:Sim", "'nowhere:Sim' cannot be imported: ModuleNotFoundError: No module named"),
        ("json:JSONDecoder", "'json:JSONDecoder' is no simulator of the mosaik API: it lacks init"),
    ],
)
def test_what_is_no_simulator_is_said_with_its_place(
    run: Run, python: str, message: str, placement: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(TEXT.format(python=python, placement=placement))
    (problem,) = caught.value.problems
    assert problem.key == ("simulators", "device", "python")
    assert problem.location is not None
    assert problem.location.line == 9
    assert problem.message.startswith(message)


@BOTH
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("def __init__(self): raise OSError('no licence')", "OSError: no licence"),
        ("def __init__(self): raise SystemExit(3)", "SystemExit: 3"),
        (
            "def init(self, sid, time_resolution): raise ValueError('no rate')",
            "ValueError: no rate",
        ),
        (
            "def init(self, sid, time_resolution, rate): pass",
            "TypeError: Sim.init() missing 1 required positional argument: 'rate'",
        ),
        ("def create(self, num, model): return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def setup_done(self): self.nothing", "AttributeError: 'Sim' object has no attribute"),
        ("def get_data(self, outputs): raise KeyError('P')", "KeyError: 'P'"),
        ("def value(self, e, a): return object", "'P' is <class 'object'>, a type, expected"),
    ],
)
def test_failures_of_the_simulator_are_told_in_its_words(
    run: Run, program: Program, body: str, cause: str, placement: str
) -> None:
    if placement == "process" and "object" in cause and "type" in cause:
        cause = "FrameError: JSON cannot express it: Object of type type is not JSON serializable"
    with pytest.raises(SimulatorError) as caught:
        run(TEXT.format(python=program(body), placement=placement))
    assert caught.value.cause.startswith(cause)
    notes = "\n".join(getattr(caught.value, "__notes__", []))
    assert "expected a number" in caught.value.cause or "as it says itself" in notes


def test_arrays_of_numpy_are_the_same_numbers_from_anywhere(run: Run, program: Program) -> None:
    device = program(
        """
        def value(self, e, a):
            import numpy
            return numpy.sqrt(numpy.array([2.0, self.time])) if a == "P" else numpy.float32(0.1)
        """
    )
    text = TEXT.replace("sends: {{x: P}}", "at: [a, b]\n    vector: true\n    sends: {{x: P}}")
    here, there = (
        run(text.format(python=device, placement=placement))
        for placement in ("inprocess", "process")
    )
    assert here["device"]["x"].tolist() == there["device"]["x"].tolist()  # type: ignore[attr-defined]


@BOTH
def test_a_parameter_may_be_called_anything(run: Run, program: Program, placement: str) -> None:
    device = program(
        """
        def init(self, sid, time_resolution, method, name, args):
            assert (method, name, args) == ("euler", "x", [1])
            return self.meta
        """
    )
    text = TEXT.format(python=device, placement=placement)
    run(text + "    parameters: {method: euler, name: x, args: [1]}\n")


def test_a_simulator_that_fails_to_finish_does_not_spoil_the_run(
    run: Run, program: Program
) -> None:
    device = program("def finalize(self): raise ValueError('too late')")
    with pytest.raises(AssertionError, match="did not end well: ValueError: too late"):
        run(TEXT.format(python=device, placement="inprocess"))  # the fixture checks complaints


def test_the_environment_reaches_what_is_started(run: Run, program: Program) -> None:
    device = program("def value(self, e, a): return float(__import__('os').environ['RATE'])")
    text = TEXT.format(python=device, placement="process")
    sent = run(text + "    environment: {RATE: '2.5'}\n")["device"]["x"]
    assert sent.tolist() == [2.5] * 4  # type: ignore[attr-defined]
