"""What goes wrong in a federation ends the run with an error that says what, and leaves nothing.

Every test has a real broker and real federates on loopback. The stated times are bounds far above
what was measured; they tell a detection apart from a timeout.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.helics.simulator import HelicsFederation
from gridloom.simulators.remote.who_connects import _descendants

Build = Callable[..., HelicsFederation]
Write = Callable[..., str]

SENDS = {"sends": {"losses_kw": "answer"}, "receives": {"slack_power_kw": "question"}}
SENT = {"slack_power_kw": np.zeros(())}
# Publishes its time; tells its process id in a file, and does what {act} says at time 2.
STEADY = """
answer, asked = publication("answer"), subscription("question")
open(name + ".pid", "w").write(str(os.getpid()))
initialise()
publish(answer, -1.0)
begin()
for t in times():
    if t == 2:
        {act}
    publish(answer, t)
"""


def steps(model: HelicsFederation, until: int = 1000, *, begin: int = 0) -> None:
    for t in range(begin, until):
        model.step(t, SENT)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def broker_of(model: HelicsFederation) -> int:
    broker = model._federation._broker
    assert broker is not None
    _warden, pid, *_ = _descendants(broker._process.warden_pid)
    return pid


def ends_within(pids: list[int], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(is_running, pids)):
        time.sleep(0.02)
    return not any(map(is_running, pids))


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def test_no_broker(federation: Build) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    model = federation(broker={"address": address}, federates=1, start_timeout="1s", **SENDS)
    begin = time.monotonic()
    with pytest.raises(SimulatorError, match=rf"'fleet' failed: no broker listens at {address}"):
        model.initial_outputs()
    assert 0.9 < time.monotonic() - begin < 5.0


def test_what_listens_is_no_broker(federation: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        model = federation(broker={"address": address}, federates=1, start_timeout="1s", **SENDS)
        with pytest.raises(SimulatorError, match="does not answer as a broker of HELICS"):
            model.initial_outputs()
        begin = time.monotonic()
        model.close()
        assert time.monotonic() - begin < 5.0


def test_a_federate_never_joins(federation: Build, federate: Write, tmp_path: Path) -> None:
    steady = federate(STEADY.format(act="pass"))
    model = federation(steady, federates=2, start_timeout="2s", **SENDS)
    with pytest.raises(SimulatorError, match="1 of 2 federates have joined: peer"):
        model.initial_outputs()
    pids = [broker_of(model), int((tmp_path / "peer.pid").read_text())]
    model.close()
    assert ends_within(pids, 2.0)


def test_a_program_does_not_exist(federation: Build) -> None:
    model = federation("no-such-program --broker {broker}", **SENDS)
    with pytest.raises(SimulatorError, match="'no-such-program' cannot be started: No such file"):
        model.initial_outputs()


def test_a_program_fails_before_it_joins(federation: Build, federate: Write) -> None:
    model = federation(federate("sys.exit('no charging points in the file')\n"), **SENDS)
    with pytest.raises(SimulatorError, match=r"exit code 1(.|\n)*no charging points in the file"):
        model.initial_outputs()


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("raise ValueError('no battery')", r"exit code 1(.|\n)*ValueError: no battery"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"was killed by signal 9 \(SIGKILL\)"),
        ("h.helicsFederateDisconnect(federate); sys.exit()", "peer left the federation before"),
    ],
)
def test_a_federate_ends_in_mid_run(
    federation: Build, federate: Write, act: str, told: str
) -> None:
    """However fast the others step: none of them may go on with its last values."""
    model = federation(federate(STEADY.format(act=act)), duration_s=1000, **SENDS)
    model.initial_outputs()
    begin = time.monotonic()
    with pytest.raises(SimulatorError, match=told) as caught:
        steps(model)
    assert caught.value.time == 2
    assert caught.value.simulator == "fleet"
    assert time.monotonic() - begin < 3.0


def test_a_federate_fails_in_the_last_step(federation: Build, federate: Write) -> None:
    model = federation(federate(STEADY.format(act="sys.exit('late')")), duration_s=3, **SENDS)
    with pytest.raises(SimulatorError, match=r"at simulation time 2 s(.|\n)*late"):
        steps(model, 3)


def test_a_federate_may_end_in_the_last_step(federation: Build, federate: Write) -> None:
    act = "publish(answer, t); h.helicsFederateDisconnect(federate); sys.exit()"
    model = federation(federate(STEADY.format(act=act)), duration_s=3, **SENDS)
    steps(model, 2)
    assert model.step(2, SENT)["losses_kw"] == 2.0


def test_a_federate_that_runs_ahead_and_fails(federation: Build, federate: Write) -> None:
    """It receives nothing, so HELICS does not hold it back: the run ends when that is noticed."""
    ahead = STEADY.format(act="sys.exit('no battery')").replace(', subscription("question")', ", 0")
    model = federation(federate(ahead), duration_s=1000, sends=SENDS["sends"])
    with pytest.raises(SimulatorError, match="no battery"):
        steps(model)


def test_a_federate_that_runs_ahead_and_is_through(federation: Build, federate: Write) -> None:
    """HELICS delivers what it has published in its time, long after it has left."""
    ahead = STEADY.format(act="pass").replace(', subscription("question")', ", 0")
    model = federation(federate(ahead), duration_s=4, sends=SENDS["sends"])
    assert model.initial_outputs()["losses_kw"] == -1.0
    time.sleep(0.5)
    assert [float(model.step(t, {})["losses_kw"]) for t in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_a_federate_that_only_publishes_fails_between_fast_steps(
    federation: Build, federate: Write
) -> None:
    """No step takes long enough for its end to be noticed while gridloom waits."""
    ahead = STEADY.format(act="sys.exit(7)").replace(', subscription("question")', ", 0")
    model = federation(federate(ahead), duration_s=1000, sends=SENDS["sends"])
    model.step(0, {})
    (program,) = model._federation._programs
    assert program.wait(20) == 7
    with pytest.raises(SimulatorError, match="exit code 7") as caught:
        model.step(1, {})
    assert caught.value.time == 1


def test_a_federate_that_only_publishes_leaves_in_peace(
    federation: Build, federate: Write, caplog: pytest.LogCaptureFixture
) -> None:
    act = "h.helicsFederateDisconnect(federate); sys.exit()"
    ahead = STEADY.format(act=act).replace(', subscription("question")', ", 0")
    model = federation(federate(ahead), duration_s=6, sends=SENDS["sends"])
    model.step(0, {})
    (program,) = model._federation._programs
    assert program.wait(20) == 0
    assert [float(model.step(t, {})["losses_kw"]) for t in (1, 2, 3)] == [1.0, 1.0, 1.0]
    (record,) = caplog.records  # told once
    assert record.levelname == "WARNING"
    assert "peer.py" in record.getMessage()
    assert "ended at 1 s; after what is still to come, its last values hold" in record.getMessage()


def test_a_killed_federate_that_somebody_else_started(
    federation: Build, federate: Write, tmp_path: Path
) -> None:
    """Nobody sees its process end: HELICS' own heartbeat has to find out."""
    steady = federate(STEADY.format(act="time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)"))
    address = f"tcp://127.0.0.1:{_free_ports()}"
    broker = _start_broker(address)
    command = steady.format(python=sys.executable, broker=address, duration_s=1000).split()
    peer = subprocess.Popen(command, cwd=tmp_path)
    try:
        model = federation(broker={"address": address}, federates=1, duration_s=1000, **SENDS)
        model.initial_outputs()
        begin = time.monotonic()
        with pytest.raises(SimulatorError, match="lost comms with 'peer'"):
            steps(model)
        assert time.monotonic() - begin < 12.0
    finally:
        for process in (peer, broker):
            process.kill()
            process.wait()


def _free_ports() -> int:
    """Return a port that is free with the next one, outside the range that others are given."""
    for port in range(20_000 + os.getpid() % 5_000 * 2, 32_000, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no free ports")


def _start_broker(address: str) -> "subprocess.Popen[bytes]":
    import helics

    from gridloom.simulators.helics.library import broker_program

    return subprocess.Popen(
        [
            broker_program(helics),
            "--coretype=zmq",
            "--federates=2",
            f"--local_port={address.rsplit(':', 1)[1]}",
            "--tick=1s",
            "--loglevel=no_print",
        ]
    )


def test_a_federate_hangs(federation: Build, federate: Write, tmp_path: Path) -> None:
    steady = federate(STEADY.format(act="print('thinking', flush=True); time.sleep(1000)"))
    model = federation(steady, duration_s=1000, step_timeout="1s", **SENDS)
    model.initial_outputs()
    begin = time.monotonic()
    with pytest.raises(SimulatorError, match=r"peer did not finish the step(.|\n)*thinking") as e:
        steps(model)
    assert e.value.time == 2
    assert 0.9 < time.monotonic() - begin < 5.0
    pids = [broker_of(model), int((tmp_path / "peer.pid").read_text())]
    model.close()
    assert ends_within(pids, 2.0)


def test_of_two_federates_the_one_that_hangs_is_named(federation: Build, federate: Write) -> None:
    hanging = federate(STEADY.format(act="time.sleep(1000)"))
    other = federate(STEADY.format(act="pass").replace('"answer"', '"other"'), name="idle")
    keys = {"sends": {"losses_kw": "answer", "slack_power_kw": "other"}}
    keys["receives"] = {"irradiance_w_per_m2": "question"}
    model = federation(hanging, other, duration_s=1000, step_timeout="1s", **keys)
    sent = {"irradiance_w_per_m2": np.zeros(())}
    for t in range(2):
        model.step(t, sent)
    with pytest.raises(SimulatorError, match="at simulation time 2 s: peer did not finish"):
        model.step(2, sent)


def test_a_federate_is_stopped(federation: Build, federate: Write) -> None:
    """A process that answers nothing at all: neither HELICS nor its queries may hold gridloom."""
    steady = federate(STEADY.format(act="os.kill(os.getpid(), signal.SIGSTOP)"))
    model = federation(steady, duration_s=1000, step_timeout="1s", **SENDS)
    with pytest.raises(SimulatorError, match=r"did not finish the step \(waited 1s\)"):
        steps(model)


def test_the_broker_is_killed(federation: Build, federate: Write, tmp_path: Path) -> None:
    model = federation(federate(STEADY.format(act="pass")), duration_s=1000, **SENDS)
    model.step(0, SENT)
    os.kill(broker_of(model), signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(SimulatorError, match=r"the broker was killed by signal 9"):
        steps(model, begin=1)
    model.close()
    assert time.monotonic() - begin < 5.0
    assert ends_within([int((tmp_path / "peer.pid").read_text())], 2.0)


def test_interrupted_in_a_step(federation: Build, federate: Write, tmp_path: Path) -> None:
    """Ctrl-C while another federate computes is heard at once, and everything ends."""
    model = federation(federate(STEADY.format(act="time.sleep(1000)")), duration_s=1000, **SENDS)
    model.initial_outputs()
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        steps(model)
    pids = [broker_of(model), int((tmp_path / "peer.pid").read_text())]
    model.close()
    assert time.monotonic() - begin < 5.0
    assert ends_within(pids, 2.0)


def test_what_a_program_started_ends_with_it(
    federation: Build, federate: Write, tmp_path: Path
) -> None:
    """A federate's own child, which no one but its process group knows of."""
    act = (
        "open('child.pid', 'w').write("
        "str(__import__('subprocess').Popen(['sleep', '1000']).pid)); time.sleep(1000)"
    )
    model = federation(
        federate(STEADY.format(act=act)), duration_s=1000, step_timeout="1s", **SENDS
    )
    with pytest.raises(SimulatorError, match="did not finish"):
        steps(model)
    child = int((tmp_path / "child.pid").read_text())
    assert is_running(child)
    model.close()
    assert ends_within([child], 2.0)


def test_nothing_is_left_after_a_complete_run(
    federation: Build, federate: Write, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = federation(federate(STEADY.format(act="pass")), duration_s=3, **SENDS)
    steps(model, 3)
    pids = [broker_of(model), int((tmp_path / "peer.pid").read_text())]
    model.close()
    assert ends_within(pids, 2.0)
    assert capfd.readouterr() == ("", "")  # HELICS does not talk on gridloom's terminal
    model.close()  # a second time does nothing


def test_a_program_that_does_not_end(
    federation: Build, federate: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = STEADY.format(act="pass") + "time.sleep(1000)\n"
    model = federation(federate(body), duration_s=3, stop_timeout="1s", **SENDS)
    steps(model, 3)
    model.close()
    assert ends_within([int((tmp_path / "peer.pid").read_text())], 2.0)
    assert "still ran 1s after the last step" in caplog.text


TWO: dict[str, Any] = {"points": ("a", "b")}


@pytest.mark.parametrize(
    ("setting", "publishing", "keys", "told"),
    [
        (
            "v = publication('ev/P', h.HELICS_DATA_TYPE_VECTOR)",
            "h.helicsPublicationPublishVector(v, [1.0, 2.0, 3.0])",
            {**TWO, "sends": {"power_kw": "ev/P"}},
            "'ev/P' has 3 values, expected 2",
        ),
        (
            "v = publication('ev/P', h.HELICS_DATA_TYPE_VECTOR)",
            "h.helicsPublicationPublishVector(v, [1.0, math.nan])",
            {**TWO, "sends": {"power_kw": "ev/P"}},
            r"\(b\).*'ev/P' is nan, but power_kw must be finite",
        ),
        (
            "a, b = publication('a/P'), publication('b/P')",
            "publish(a, 1.0); publish(b, math.inf)",
            {**TWO, "sends": {"power_kw": "{element}/P"}},
            r"\(b\).*'b/P' is inf, but power_kw must be finite",
        ),
        (
            "a, b = publication('a/P'), publication('b/P')",
            "publish(a, 1.0)",
            {**TWO, "sends": {"power_kw": "{element}/P"}},
            r"\(b\).*nothing has been published as 'b/P' so far",
        ),
        (
            "a, b = publication('a/P'), publication('b/p')",
            "pass",
            {**TWO, "sends": {"power_kw": "{element}/P"}},
            r"\(b\) failed: no federate publishes 'b/P', did you mean 'b/p'\?",
        ),
        (
            "v = publication('ev/P', h.HELICS_DATA_TYPE_VECTOR)",
            "pass",
            {"sends": {"losses_kw": "ev/P"}},
            "'ev/P' is published as double_vector, expected a number",
        ),
        (
            "v = publication('ev/P', h.HELICS_DATA_TYPE_STRING)",
            "pass",
            {**TWO, "sends": {"power_kw": "ev/P"}},
            "'ev/P' is published as string, expected a vector",
        ),
        (
            "v = publication('ev/P', units='W')",
            "pass",
            {"sends": {"losses_kw": "ev/P"}},
            "'ev/P' is published in W, the scenario says kW",
        ),
    ],
)
def test_bad_values(
    federation: Build,
    federate: Write,
    setting: str,
    publishing: str,
    keys: dict[str, Any],
    told: str,
) -> None:
    body = f"{setting}\ninitialise()\nbegin()\nfor t in times():\n    {publishing}\n"
    model = federation(federate(body), **keys)
    with pytest.raises(SimulatorError, match=told):
        model.step(0, {})


def test_a_value_that_HELICS_cannot_carry_is_not_sent(federation: Build, federate: Write) -> None:  # noqa: N802
    """NaN goes through as it is: where a signal may be NaN, that means something."""
    body = (
        "v, asked = publication('answer'), subscription('question')\ninitialise()\nbegin()\n"
        "for t in times(): publish(v, float(math.isnan(get(asked))))\n"
    )
    model = federation(federate(body), **SENDS)
    assert model.step(0, {"slack_power_kw": np.array(np.nan)})["losses_kw"] == 1.0
