"""Simulators that cannot be started: one clear error in time, and nothing is written."""

import socket
import time
from typing import Any

import pytest


def _run(case: Any, gridloom: Any, model: Any, **others: Any) -> tuple[int, str]:
    case.write(it=model, **others)
    code, _, err = gridloom("run", "fault.yaml")
    left = [str(path.relative_to(case.folder)) for path in case.folder.glob("outputs/*/*")]
    assert not [name for name in left if "record" in name]
    return code, err


def test_never_connects(case: Any, gridloom: Any) -> None:
    begin = time.monotonic()
    start = "print('looking for a licence', flush=True); time.sleep(600)"
    code, err = _run(
        case,
        gridloom,
        case.foreign("it", start=start, start_timeout="2s"),
        healthy=case.foreign("healthy", at="b"),
    )
    assert code == 3
    assert err.startswith("error: simulator 'it' failed: it did not connect within 2 s\n")
    assert "\n    looking for a licence\n" in err
    assert case.file("healthy.finalized").exists()
    assert time.monotonic() - begin < 15
    assert case.gone_within(5)


def test_connects_and_never_answers(case: Any, gridloom: Any) -> None:
    code, err = _run(case, gridloom, case.foreign("it", init="time.sleep(600)", start_timeout="2s"))
    assert code == 3
    message = "simulator 'it' failed: it did not answer 'init' within 2 s and was killed"
    assert err.startswith(f"error: {message}\n")
    assert case.gone_within(5)


def test_ends_at_once_while_another_takes_its_time(case: Any, gridloom: Any) -> None:
    begin = time.monotonic()
    code, err = _run(
        case,
        gridloom,
        case.foreign("slow", start="time.sleep(600)", at="b"),
        other=case.foreign("other", start="sys.exit('no licence')"),
    )
    assert code == 3
    message = "its process ended with exit code 1 before it connected"
    assert err.startswith(f"error: simulator 'other' failed: {message}\n")
    assert "\n    no licence\n" in err
    assert time.monotonic() - begin < 30  # start_timeout is a minute
    assert case.gone_within(5)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-program", "{address}"], "the program 'no-such-program' does not exist"),
        (["./notes.txt", "{address}"], "the program './notes.txt' cannot be executed"),
    ],
)
def test_no_program(case: Any, gridloom: Any, command: list[str], message: str) -> None:
    case.file("notes.txt").write_text("no program")
    code, err = _run(case, gridloom, {**case.foreign("it"), "command": command})
    assert code == 2
    assert err.startswith("error: fault.yaml:")
    assert f": simulators.it.command: {message}" in err
    assert list(case.folder.glob("outputs/*")) == []


def test_nobody_listens(case: Any, gridloom: Any) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    model = case.foreign("it", connect=f"127.0.0.1:{port}", start_timeout="1s")
    del model["command"], model["environment"]
    code, err = _run(case, gridloom, model)
    assert code == 3
    assert err.startswith(
        f"error: simulator 'it' failed: nobody can be reached at 127.0.0.1:{port}"
    )


def test_lacks_what_the_scenario_names(case: Any, gridloom: Any) -> None:
    model = {**case.foreign("it"), "sends": {"power_kw": "Q"}}
    code, err = _run(case, gridloom, model)
    assert code == 2
    assert "fault.yaml:" in err
    assert "simulators.it.sends.power_kw: the simulator has no attribute 'Q' of 'Device'" in err
    assert list(case.folder.glob("outputs/*")) == []


def test_class_whose_constructor_fails(case: Any) -> None:
    code = "import foreign\nclass Sim(foreign.Foreign):\n    def __init__(self): 1 / 0\n"
    case.file("fails_at_birth.py").write_text(code)
    model = case.foreign("it", python="fails_at_birth:Sim")
    del model["command"], model["environment"]
    ended = case.run(it=model, here=case.ours(at="b"))
    message = "simulator 'it' failed: ZeroDivisionError: division by zero"
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert "fails_at_birth.py" in ended.err
    assert len(list(case.folder.glob("here.closed.*"))) == 1, "what was built is closed"
