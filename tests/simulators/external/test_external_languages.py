"""House loads in Java and in C (docs/examples), and simulators that listen.

Expected: P = V^2 * mean * (house + 1) * (1 + sin(2 pi t / 24 h) / 2), as the examples say.
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., dict[str, dict[str, Any]]]
Program = Callable[..., str]

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"

TEXT = """
name: case
start: 2021-06-21T12:00:00+02:00
duration: 4h
step_size: 30min
simulators:
  load:
    type: external
    {way}
    parameters: {{step_size: "{{step_size_s}}"}}
    create: {{model: House, parameters: {{mean_w: 800}}}}
    at: [a, b, c]
    kind: house
    receives:
      voltage_pu: "V[pu]"
    sends:
      power_kw: "P[W]"
  meter:
    type: external
    python: {meter}
    create: {{model: Device}}
    at: [b, a, c]
    sends: {{voltage_pu: P}}
"""
# In the order b, a, c; c is without supply at first, of which the load hears null: it counts 1.
METER = """
step_s = 1800
def value(self, e, a):
    i = self.entities.index(e)
    return None if i == 2 and self.time == 0 else 0.95 + 0.01 * i + self.time / 1e6
"""


def expected_kw() -> np.ndarray[Any, Any]:
    time = 1800.0 * np.arange(8)[:, None]
    voltage = np.array([0.96, 0.95, 0.97]) + time / 1e6
    voltage[0, 2] = 1
    rhythm = 1 + np.sin(2 * np.pi * time / 86400) / 2
    return np.asarray(voltage**2 * 0.8 * np.array([1, 2, 3]) * rhythm)


@pytest.fixture(scope="module")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("javac")
    if compiler is None or shutil.which("java") is None:
        pytest.skip("no Java compiler on this machine")
    folder = tmp_path_factory.mktemp("classes")
    source = EXAMPLES / "HouseLoad.java"
    subprocess.run([compiler, "-Xlint:all", "-Werror", "-d", folder, source], check=True)
    return folder


@pytest.fixture(scope="module")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    target = tmp_path_factory.mktemp("program") / "house_load"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2"]
    source = EXAMPLES / "house_load.c"
    subprocess.run([compiler, *strict, "-o", target, source, "-lm"], check=True)
    return target


@pytest.fixture(params=["java", "c"])
def command(request: pytest.FixtureRequest) -> str:
    if request.param == "java":
        return f"java -cp {request.getfixturevalue('java_classes')} HouseLoad {{address}}"
    return f"{request.getfixturevalue('c_program')} %(addr)s"


def test_each_value_is_that_of_the_formula(run: Run, program: Program, command: str) -> None:
    text = TEXT.format(way=f"command: '{command}'", meter=program(METER))
    power = run(text)["load"]["power_kw"]
    # Two libraries' sines may differ in their last bit.
    np.testing.assert_allclose(power, expected_kw(), rtol=1e-14)


def test_every_message_gets_its_reply(command: str) -> None:
    # By hand, what gridloom itself never sends: escapes, nesting, methods that are not there.
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        words = command.replace("{address}", address).replace("%(addr)s", address).split()
        process = subprocess.Popen(words)
        connection, _ = server.accept()

    def reply_to(text: str) -> Any:
        frame = text.encode()
        connection.sendall(len(frame).to_bytes(4, "big") + frame)
        answer = connection.makefile("rb")
        return json.loads(answer.read(int.from_bytes(answer.read(4), "big")))

    odd = r'{"mean \"\\\u00e9\n": [1, -2.5e-3, true, false, null, {}, [], [{}]]}'
    kind, number, meta = reply_to(f'[0, 7, ["init", ["simulator"], {odd}]]')
    assert (kind, number) == (1, 7)
    assert meta["models"]["House"]["attrs"] == ["P[W]", "V[pu]"]
    kind, number, failure = reply_to(' [ 0 , 123456789 , [ "fly" , [ ] , { } ] ] ')
    assert (kind, number) == (2, 123456789)
    assert failure[1] == "there is no method fly"
    assert reply_to('[0, 9, ["create", [2, "House"], {}]]')[2] == [
        {"eid": "House_0", "type": "House"},
        {"eid": "House_1", "type": "House"},
    ]
    with connection:
        stop = b'[0, 10, ["stop", [], {}]]'
        connection.sendall(len(stop).to_bytes(4, "big") + stop)
        assert process.wait(20) == 0


def test_a_source_beside_the_scenario_is_found_from_anywhere(
    run: Run, program: Program, tmp_path: Path, java_classes: Path
) -> None:
    shutil.copy(EXAMPLES / "HouseLoad.java", tmp_path)
    way = "command: java HouseLoad.java {address}\n    files: [HouseLoad.java]"
    power = run(TEXT.format(way=way, meter=program(METER)))["load"]["power_kw"]
    np.testing.assert_allclose(power, expected_kw(), rtol=1e-14)


@pytest.fixture
def listener(tmp_path: Path, program: Program) -> Iterator[str]:
    """A simulator of the mosaik API's own library that waits to be connected to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    module, _, name = program().partition(":")
    main = f"import mosaik_api_v3, {module}; mosaik_api_v3.start_simulation({module}.{name}())"
    process = subprocess.Popen(
        [sys.executable, "-c", main, "--remote", address], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    yield address
    try:
        assert process.wait(10) == 0  # it was told to stop, and did
    finally:
        process.kill()
        process.wait()


def test_a_simulator_that_listens_is_connected_to(run: Run, listener: str) -> None:
    text = f"""
name: case
start: 2021-06-21T12:00:00+02:00
duration: 3min
step_size: 1min
simulators:
  device:
    type: external
    connect: {listener}
    create: {{model: Device}}
    sends: {{x: P}}
    defines: {{x: {{unit: "1"}}}}
"""
    assert run(text)["device"]["x"].tolist() == [0, 60, 120]
