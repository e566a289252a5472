"""What a scenario says wrongly of a foreign simulator is said in one clear message, with its place.

Every case changes one thing in a scenario that runs.
"""

from collections.abc import Callable

import pytest

from gridloom.simulators.errors import Problem

Problems = Callable[..., tuple[Problem, ...]]
Program = Callable[..., str]
Case = tuple[str, str, str, str, str, str, int]

RIGHT = """\
name: case
start: 2021-06-21T12:00:00+02:00
duration: 4min
step_size: 1min
simulators:
  device:
    type: external
    python: {python}
    create: {{model: Device, parameters: {{gain: 2}}}}
    at: [a, b]
    kind: heater
    sends:
      power_kw: {{name: P, unit: W}}
    defines: {{x: {{unit: '1'}}}}
"""
PYTHON = "    python: {python}\n"
AT = "    at: [a, b]\n    kind: heater\n"
SENDS = "    sends:\n      power_kw: {{name: P, unit: W}}\n"
KEY = "simulators.device"


def case(
    old: str, new: str, key: str, message: str, *more: str | int
) -> tuple[str, str, str, str, str, str, int]:
    """What is replaced by what; key below the model; message; expected, suggestion and line."""
    texts = [text for text in more if isinstance(text, str)]
    (line,) = [number for number in more if isinstance(number, int)]
    expected, suggestion = [*texts, "", ""][:2]
    return old, new, key, message, expected, suggestion, line


CONFIGURATION = [
    case(PYTHON, "", "", "give exactly one of 'command', 'python' and 'connect'", 6),
    case(
        PYTHON,
        PYTHON + "    command: [prog, '{{address}}']\n",
        "",
        "give exactly one of 'command', 'python' and 'connect'",
        6,
    ),
    case(
        PYTHON,
        PYTHON + "    connect: 127.0.0.1:5555\n",
        "",
        "give exactly one of 'command', 'python' and 'connect'",
        6,
    ),
    case(
        PYTHON,
        "    command: prog {{address}}\n    placement: process\n",
        "",
        "'placement' is for 'python'; 'command' and 'connect' say where",
        6,
    ),
    case(
        PYTHON,
        PYTHON + "    environment: {{LANG: C}}\n",
        "",
        "'environment' is for what is started: 'command', or 'python' with 'placement: process'",
        6,
    ),
    case(
        PYTHON,
        PYTHON + "    parameters: {{time_resolution: 60}}\n",
        "",
        "'time_resolution' is not to be given: a step of time is 1 s, always",
        6,
    ),
    case(PYTHON, "    python: mosaik_csv.CSV\n", ".python", "*", "*", 8),
    case(
        PYTHON,
        "    command: prog '{{address}}\n",
        ".command",
        "cannot be split into words: No closing quotation",
        8,
    ),
    case(
        PYTHON,
        "    connect: localhost\n",
        ".connect",
        "expected a host and its port, such as 127.0.0.1:5678, got text 'localhost'",
        8,
    ),
    case(SENDS, "", "", "without 'sends' and 'receives' it is coupled to nothing", 6),
    case(
        AT,
        AT + "    elements: {{part: {{at: all}}}}\n",
        "",
        "give 'at' or 'elements', not both",
        6,
    ),
    case(
        AT,
        "    elements: {{part: {{}}}}\n",
        ".elements.part",
        "give exactly one of 'at' and 'names'",
        10,
    ),
    case(
        "power_kw: {{",
        "power_kv: {{",
        ".sends.power_kv",
        "'power_kv' is no signal of gridloom",
        "*",
        "did you mean 'power_kw'?",
        13,
    ),
    case(
        "power_kw: {{",
        "heat_demand: {{",
        ".sends.heat_demand",
        "'heat_demand' is no signal of gridloom",
        "*",
        "for a quantity of your own: defines: {heat_demand: {unit: ...}}",
        13,
    ),
    case(
        "unit: W",
        "unit: Mvar",
        ".sends.power_kw",
        "'Mvar' is a unit of reactive power, 'kW' one of active power",
        13,
    ),
    case("unit: W", "unit: hp", ".sends.power_kw", "the unit 'hp' is not known", 13),
    case(
        "name: P, unit: W",
        "name: 'P[degC]'",
        ".sends.power_kw",
        "'degC' is a unit of temperature, 'kW' one of active power",
        13,
    ),
    case("unit: W", "scale: 0", ".sends.power_kw", "a scale of 0 would lose every value", 13),
    case(
        "unit: W",
        "unit: W, scale: 2",
        ".sends.power_kw",
        "give 'unit' or 'scale', not both",
        13,
    ),
    case(
        "power_kw: {{name: P, unit: W}}",
        "voltage_pu: {{name: P, positive: generation}}",
        ".sends.voltage_pu",
        "'voltage_pu' has no direction, 'positive' means nothing for it",
        13,
    ),
    case(
        "unit: W",
        "unit: W, of: heatre",
        ".sends.power_kw.of",
        "there is no kind 'heatre' of elements",
        "one of heater",
        "did you mean 'heater'?",
        13,
    ),
    case(
        AT,
        "    elements: {{part: {{names: {{p0: a, p1: a}}}}}}\n",
        ".elements.part",
        "named twice: a",
        10,
    ),
    case(
        PYTHON,
        PYTHON + "    files: [nowhere.csv]\n",
        ".files[0]",
        "*",
        "a file's path, relative to the scenario file or absolute",
        9,
    ),
]
"""Found before anything runs."""

ABILITIES = [
    case(
        "model: Device",
        "model: Devise",
        ".create.model",
        "the simulator has no model 'Devise' that can be created",
        "one of Device",
        "did you mean 'Device'?",
        9,
    ),
    case(
        "model: Device, parameters: {{gain: 2}}",
        "model: Part",
        ".create.model",
        "the simulator has no model 'Part' that can be created",
        "one of Device",
        "",
        9,
    ),
    case(
        "gain: 2",
        "gian: 2",
        ".create.parameters.gian",
        "the model 'Device' has no parameter 'gian'",
        "one of gain",
        "did you mean 'gain'?",
        9,
    ),
    case(
        "name: P,",
        "name: P_sett,",
        ".sends.power_kw",
        "the simulator has no attribute 'P_sett' of 'Device'",
        "one of P, Q, P_set[W]",
        "did you mean 'P_set[W]'?",
        13,
    ),
    case(
        "name: P,",
        "name: 'P{{element}}',",
        ".sends.power_kw",
        "the simulator has no attribute 'Pa', 'Pb' of 'Device'",
        "one of P, Q, P_set[W]",
        "did you mean 'P'?",
        13,
    ),
    case(
        AT,
        "    elements: {{part: {{names: {{Device_0: a, Devise_1: b}}}}}}\n",
        ".elements.part.names",
        "the simulator has no entity 'Devise_1'",
        "one of Device_0",
        "did you mean 'Device_0'?",
        10,
    ),
    case(
        AT,
        "    elements: {{part: {{type: Part, at: [a, b]}}}}\n",
        ".elements.part",
        "the simulator created 0 entities of type 'Part' for 2 elements",
        "2 of them; it created 1 of 'Device'",
        10,
    ),
    case(
        "gain: 2}}",
        "gain: 2}}, number: 3",
        ".create.number",
        "the simulator created 3 entities of type 'Device' for 2 elements",
        "2 of them; it created 3 of 'Device'",
        9,
    ),
    case(
        "gain: 2}}}}\n" + AT,
        "gain: 2}}, number: 3}}\n",
        ".create.number",
        "'P' is one attribute of one entity, and there are 3 of 'Device'",
        9,
    ),
]
"""Found once the simulator says what it has."""


@pytest.mark.parametrize(
    ("old", "new", "key", "message", "expected", "suggestion", "line"), CONFIGURATION + ABILITIES
)
def test_one_clear_message(  # noqa: PLR0913, PLR0917
    problems: Problems,
    program: Program,
    old: str,
    new: str,
    key: str,
    message: str,
    expected: str,
    suggestion: str,
    line: int,
) -> None:
    assert old in RIGHT
    (problem,) = problems(RIGHT.replace(old, new).format(python=program()))
    text = "simulators.device" + key
    location = problem.location
    assert location is not None
    assert (location.file.name, location.line) == ("case.yaml", line)
    assert str(problem).startswith(f"{location}: {text}: ")
    assert message in (problem.message, "*")
    assert expected in (problem.expected, "*")
    assert problem.suggestion == suggestion


def test_the_unchanged_scenario_runs(
    run: Callable[..., dict[str, dict[str, object]]], program: Program
) -> None:
    assert "power_kw" in run(RIGHT.format(python=program()))["device"]


def test_everything_that_the_simulator_lacks_is_said_at_once(
    problems: Problems, program: Program
) -> None:
    text = RIGHT.replace("gain: 2", "loss: 2").replace("name: P,", "name: power,")
    found = problems(text.format(python=program()))
    assert [problem.key[2:] for problem in found] == [
        ("create", "parameters", "loss"),
        ("sends", "power_kw"),
    ]


@pytest.mark.parametrize("placement", ["inprocess", "process"])
@pytest.mark.parametrize(
    ("meta", "cause"),
    [
        ("None", "init returned None, expected a META with models"),
        ("{'models': []}", "init returned {'models': []}, expected a META with models"),
        ("{'api_version': '4.0', 'models': {}}", "it speaks version 4.0 of the mosaik API"),
        ("{'api_version': '3', 'type': 'x', 'models': {}}", "its type is 'x'"),
    ],
)
def test_what_is_no_meta_is_said(
    run: Callable[..., object], program: Program, placement: str, meta: str, cause: str
) -> None:
    from gridloom.simulators.errors import SimulatorError

    device = program(f"def init(self, sid, time_resolution=1): return {meta}")
    text = RIGHT.format(python=device) + f"    placement: {placement}\n"
    with pytest.raises(SimulatorError) as caught:
        run(text)
    assert cause in caught.value.cause


@pytest.mark.parametrize(
    ("created", "cause"),
    [
        ("None", "create returned None, expected a list of entities with eid and type"),
        ("[{'eid': 'a'}]", "create returned [{'eid': 'a'}], expected a list of entities"),
        (
            "[{'eid': 'a', 'type': 'Device'}, {'eid': 'a', 'type': 'Device'}]",
            "create returned 'a' twice",
        ),
    ],
)
def test_what_are_no_entities_is_said(
    run: Callable[..., object], program: Program, created: str, cause: str
) -> None:
    from gridloom.simulators.errors import SimulatorError

    device = program(f"def create(self, num, model, gain): return {created}")
    with pytest.raises(SimulatorError) as caught:
        run(RIGHT.format(python=device))
    assert cause in caught.value.cause


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("nowhere:Sim", "'nowhere:Sim' cannot be imported: ModuleNotFoundError"),
        ("json:Sim", "'json:Sim' cannot be imported: AttributeError"),
        ("json:JSONDecoder", "'json:JSONDecoder' is no simulator of the mosaik API: it lacks init"),
    ],
)
def test_what_is_no_simulator_is_said(problems: Problems, python: str, message: str) -> None:
    (problem,) = problems(RIGHT.format(python=python))
    assert problem.message.startswith(message)
    assert problem.location is not None
    assert problem.location.line == 8


def test_points_that_the_grid_lacks_are_said(problems: Problems, program: Program) -> None:
    grid = """\
  grid:
    type: grid
    network:
      name: create_kerber_landnetz_freileitung_1
      arguments: {{n_lines: 2, l_lines_in_km: 0.06}}
"""
    text = RIGHT.replace("simulators:\n", "simulators:\n" + grid)
    (problem, _) = problems(text.replace("[a, b]", "[laod 0, 'x']").format(python=program()))
    assert problem.message == "'laod 0' is not a connection point of the grid"
    assert problem.suggestion == "did you mean 'load 0'?"
    text = text.replace(AT, "    elements: {{part: {{names: {{Device_0: laod 1}}}}}}\n")
    (problem,) = problems(text.format(python=program()))
    assert problem.key == ("simulators", "device", "elements", "part", "names")
    assert problem.suggestion == "did you mean 'load 1'?"


def test_a_grid_without_connection_points_is_refused(problems: Problems, program: Program) -> None:
    text = RIGHT.replace("type: external", "type: external_grid")
    elements = "    elements: {{line: {{names: [Device_0], connected: false}}}}\n"
    (problem,) = problems(text.replace(AT, elements).format(python=program()))
    assert problem.key == ("simulators", "device", "elements")
    assert problem.message == "the grid has no connection points"
