"""A run that crashes, hangs, eats memory or has bad input costs itself, and nothing else."""

from typing import Any

from gridloom.scenarios.campaigns.outcome import Fault, RunState
from gridloom.scenarios.results.record import RunStatus, open_record, record_status

STEPS = {
    "well": "",
    "segfault": "ctypes.string_at(0) if now == 5 else None",
    "exit": "os._exit(7) if now == 5 else None",
    "hog": "model.hog = np.ones(90_000_000) if now == 5 else 0; time.sleep(600 * (now == 5))",
    "fault": "raise errors.SimulatorError('devices', now, 'a fault of its own')",
    "well-too": "pass",
}
"""What the model does in its steps, by run; who waits is ended by others."""
EXPECTED = {
    "segfault": (Fault.CRASHED, "SIGSEGV"),
    "exit": (Fault.CRASHED, "exit code 7"),
    "hog": (Fault.MEMORY, "it took more than 0.6 GB"),
    "fault": (Fault.SIMULATION, "a fault of its own"),
}


def _changes(steps: dict[str, str]) -> dict[str, Any]:
    changes = {name: {"simulators": {"devices": {"step": code}}} for name, code in steps.items()}
    return {"kind": {"changes": changes}}


def test_faults_cost_their_own_runs_only(case: Any) -> None:
    """Each is recorded with its reason; the exit code says how many there were."""
    case.campaign(_changes(STEPS), retries=0, memory="0.6 GB")
    batched = case.batch()
    runs = {run.parameters["kind"]: run for run in case.runs}
    for name in ("well", "well-too"):
        assert runs[name].state is RunState.COMPLETE, batched.err
    for name, (fault, reason) in EXPECTED.items():
        run = runs[name]
        assert (run.state, run.fault, run.attempts) == (RunState.FAILED, fault, 1), run
        assert reason in run.reason
    assert batched.code == 10 + len(EXPECTED)
    assert f"2 of 6 runs complete, {len(EXPECTED)} failed" in batched.out
    assert "a fault of its own" in batched.out
    assert case.none_left()
    _faults_keep_what_was_recorded(case, runs["exit"])


def _faults_keep_what_was_recorded(case: Any, run: Any) -> None:
    """What is left of a run that failed can be read."""
    kept = case.results / "runs" / run.folder / "record.partial.h5"
    assert record_status(kept)[0] is RunStatus.RUNNING
    with open_record(kept) as record:
        assert "devices" in record.children


def test_a_run_that_takes_too_long_is_ended(case: Any) -> None:
    """However far it came: nothing here has to be done within the limit."""
    case.campaign(_changes({"hang": "time.sleep(600)"}), retries=0, timeout="1s")
    assert case.batch().code == 11
    (run,) = case.runs
    assert (run.state, run.fault) == (RunState.FAILED, Fault.TIMEOUT)
    assert "it took longer than 1 s" in run.reason
    assert case.none_left()


def test_runs_that_fail_are_tried_again_and_no_more(case: Any) -> None:
    """A fault that passes is mended by a retry; one that stays is told, and left at that."""
    tried = f"Path({str(case.folder / 'tried')!r})"
    once = f"if not {tried}.exists(): {tried}.touch(); os._exit(1)"
    steps = {"passing": once, "lasting": "os._exit(1)"}
    case.campaign(_changes(steps), retries=2)
    batched = case.batch()
    passing, lasting = case.runs
    assert (passing.state, passing.attempts) == (RunState.COMPLETE, 2)
    assert (lasting.state, lasting.attempts) == (RunState.FAILED, 3)
    assert batched.code == 11
    again = case.batch()
    assert [run.attempts for run in case.runs] == [2, 3]
    assert again.code == 11
    case.batch("--retry-failed")
    assert [run.attempts for run in case.runs] == [2, 3]


def test_the_first_failure_stops_a_batch_that_is_to_fail_fast(case: Any) -> None:
    steps = {"well": "", "fault": "1 / 0", "never": "pass"}
    case.campaign(_changes(steps), retries=0)
    batched = case.batch("--fail-fast")
    assert [run.state for run in case.runs] == [
        RunState.COMPLETE,
        RunState.FAILED,
        RunState.PENDING,
    ]
    assert batched.code == 11
    assert "division by zero" in batched.err
    assert case.none_left()
