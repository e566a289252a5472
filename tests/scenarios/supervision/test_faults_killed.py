"""Simulators that are killed, and runs that are: noticed at once, and nothing is left behind."""

import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.record import RunStatus, record_status

Rows = Callable[[Path, str], list[float]]
DETECTED_S = 5.0
"""Upper bound; without load it is a tenth of it."""


def test_killed_within_a_step(case: Any, rows: Rows) -> None:
    step = "if now == 4: Path('killed').write_text(str(time.time())); os.kill(os.getpid(), 9)"
    ended = case.run(broken=case.foreign("broken", step=step), here=case.ours(at="b"))
    message = (
        "simulator 'broken' failed at simulation time 4 s: it closed the connection: "
        "its process was killed by signal 9 (SIGKILL)"
    )
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert record_status(ended.record) == (RunStatus.FAILED, message)
    assert rows(ended.record, "broken") == [0.0, 1.0, 2.0, 3.0]
    assert _detected_s(case, ended) < DETECTED_S


def test_killed_between_calls_while_another_computes(case: Any, rows: Rows) -> None:
    die = (
        "while not Path('busy').exists(): time.sleep(0.02)\n"
        "Path('killed').write_text(str(time.time()))\n"
        "os.kill(os.getpid(), 9)"
    )
    lurk = f"if now == 0: threading.Thread(target=lambda: exec({die!r}, globals())).start()"
    compute = "if now == 3: Path('busy').touch(); time.sleep(60)"
    ended = case.run(
        broken=case.foreign("broken", step=lurk),
        busy=case.foreign("busy", step=compute, at="b", stop_timeout="1s"),
    )
    assert ended.code == 3
    assert "error: simulator 'broken' failed at simulation time " in ended.err
    assert "its process was killed by signal 9 (SIGKILL)" in ended.err
    assert record_status(ended.record)[0] is RunStatus.FAILED
    assert rows(ended.record, "busy")[:2] == [0.0, 1.0]
    assert _detected_s(case, ended) < DETECTED_S


def test_kill_of_a_run_leaves_no_process_and_a_readable_record(case: Any, rows: Rows) -> None:
    """Not even programs that left their process group, or became a daemon by forking twice."""
    escape = (
        "if now == 0 and os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        Path('daemon').write_text(str(os.getpid()))\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "time.sleep(0.05)"
    )
    process = case.start(
        duration_s=36000,
        escaping=case.foreign("escaping", step=escape),
        served=case.ours(placement="process", at="b"),
        # More than a second of wall time passes, after which rows are flushed:
        here=case.ours(step="if now == 40: Path('far').write_text('x')", at="c"),
    )
    daemon = int(case.wait_for("daemon"))
    case.wait_for("far")
    assert daemon in case.processes()
    assert len(case.processes()) >= 6  # the run, two wardens, their programs, the daemon
    process.send_signal(signal.SIGKILL)
    assert case.gone_within(10.0)
    ended = case.end(process)
    assert ended.code == -signal.SIGKILL
    assert ended.err == ""
    recorded = rows(ended.record, "here")
    assert len(recorded) > 10
    assert recorded == [float(each) for each in range(len(recorded))]
    assert record_status(ended.record)[0] is RunStatus.RUNNING
    assert list(case.temporary.iterdir()) == []


def _detected_s(case: Any, ended: Any) -> float:
    """Return the wall time from the kill to the log's last word, which comes once all has ended."""
    stamp = next(line for line in ended.log.splitlines() if " ERROR " in line).partition(" ERROR")[
        0
    ]
    logged = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007 -- local time
    return logged - float(case.file("killed").read_text())
