"""A simulator that fails in a step ends the run: who, when, why; the others finish in order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.results.record import RunStatus, record_status

RAISES = "if now == 3: raise RuntimeError('out of fuel')"


def test_one_raises_and_the_others_finish(
    case: Any, rows: Callable[[Path, str], list[float]]
) -> None:
    ended = case.run(
        broken=case.foreign("broken", step=RAISES, at="a"),
        healthy=case.foreign("healthy", at="b"),
        served=case.ours(placement="process", at="c"),
        here=case.ours(at="d"),
    )
    message = "simulator 'broken' failed at simulation time 3 s: RuntimeError: out of fuel"
    assert ended.code == 3
    assert ended.err.startswith(f"error: {message}\n  as it says itself:\n    Traceback")
    assert "    RuntimeError: out of fuel\n" in ended.err
    assert f"the record so far: {ended.record.relative_to(case.folder)}" in ended.err
    assert record_status(ended.record) == (RunStatus.FAILED, message)
    assert rows(ended.record, "here")[:3] == [0.0, 1.0, 2.0]
    assert case.file("broken.finalized").exists()
    assert case.file("healthy.finalized").exists()
    assert len(list(case.folder.glob("here.closed.*"))) == 1
    assert len(list(case.folder.glob("served.closed.*"))) == 2  # one here, one in its process


def test_raises_in_a_process_of_its_own(case: Any) -> None:
    ended = case.run(served=case.ours(step=RAISES, placement="process"))
    message = "simulator 'served' failed at simulation time 3 s: RuntimeError: out of fuel"
    assert ended.code == 3
    assert ended.err.startswith(f"error: {message}\n")
    assert "ours_" in ended.err, "the traceback leads to the model's code"
    assert record_status(ended.record) == (RunStatus.FAILED, message)


def test_raises_as_a_class_in_this_process(case: Any) -> None:
    case.file("broken.py").write_text(
        "import foreign\n"
        "class Broken(foreign.Foreign):\n"
        "    def step(self, now, inputs, max_advance):\n"
        "        self.now = now\n"
        f"        {RAISES}\n"
        "        return now + 1\n"
    )
    model = case.foreign("broken", python="broken:Broken")
    del model["command"], model["environment"]
    ended = case.run(broken=model)
    message = "simulator 'broken' failed at simulation time 3 s: RuntimeError: out of fuel"
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert "broken.py" in ended.err
    assert case.file(".finalized").exists()


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            "errors.SimulatorError(model.name, now, 'no oil', element='pump')",
            "simulator 'it' (pump) failed at simulation time 3 s: no oil",
        ),
        (
            "errors.SolveError(model.name, now, 'infeasible', 'too much')",
            (
                "controller 'it' found no schedule at simulation time 3 s "
                "(solver status: infeasible): too much"
            ),
        ),
    ],
)
def test_errors_of_gridloom_read_the_same_from_elsewhere(
    case: Any, gridloom: Any, raised: str, message: str
) -> None:
    said = []
    for placement in ("inprocess", "process"):
        model = case.ours(step=f"if now == 3: raise {raised}", placement=placement)
        case.write(it=model)
        code, _, err = gridloom("run", "fault.yaml", "--out", placement)
        assert code == 3
        said.append(err.replace(placement, "").splitlines()[0])
    assert said == [f"error: {message}"] * 2


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            {"power": "float('nan') if now == 3 and entity == 'd1' else 0.0"},
            (
                "simulator 'it' (d1) failed at simulation time 3 s: 'P', which is power_kw, "
                "is not finite"
            ),
        ),
        (
            {"power": "10**400 if now == 3 else 0"},
            (
                "simulator 'it' (d0) failed at simulation time 3 s: 'P', which is power_kw, "
                "is not finite"
            ),
        ),
        (
            {"next": "now + 1.0 if now == 3 else now + 1"},
            (
                "simulator 'it' failed at simulation time 3 s: step returned 4.0 as the time of "
                "the next step, expected an integer"
            ),
        ),
    ],
)
def test_answers_that_do_not_fit(
    case: Any, gridloom: Any, says: dict[str, str], message: str
) -> None:
    """Every way in which they do not is tested in tests/simulators/external."""
    case.write(it=case.foreign("it", **says))
    code, _, err = gridloom("run", "fault.yaml")
    assert (code, err.partition("\n")[0]) == (3, f"error: {message}")
    assert case.file("it.finalized").exists()


def test_ends_the_program_from_within_a_step(case: Any) -> None:
    """`sys.exit(0)` in a model is no reason to report success."""
    ended = case.run(here=case.ours(step="if now == 3: sys.exit(0)"))
    message = "simulator 'here' failed at simulation time 3 s: SystemExit: 0"
    assert (ended.code, ended.err.partition("\n")[0]) == (3, f"error: {message}")
    assert record_status(ended.record) == (RunStatus.FAILED, message)


def test_message_that_no_terminal_and_no_file_can_take(case: Any, gridloom: Any) -> None:
    case.write(it=case.foreign("it", step=r"raise RuntimeError('a\0b\ud800c\x1b[31m')"))
    code, _, err = gridloom("run", "fault.yaml")
    assert code == 3
    assert not {"\0", "\x1b", "\ud800"} & set(err)
    (record,) = case.folder.glob("outputs/*/record.partial.h5")
    status, message = record_status(record)
    assert status is RunStatus.FAILED
    assert (
        message
        == r"simulator 'it' failed at simulation time 0 s: RuntimeError: a\x00b\ud800c\x1b[31m"
    )
