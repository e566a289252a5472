"""Every check passes for a simulator that is right, and fails for one that is wrong in just that.

What is right is what mosaik's documentation of the API says, and what mosaik's scheduler accepts.
"""

import sys
from types import ModuleType

import pytest

from gridloom.simulators.conformance import CHECKS, CheckOptions, Outcome, Report, check

OPTIONS = CheckOptions(steps=6, start_timeout_s=20, step_timeout_s=1, stop_timeout_s=0.5)
SHOWN_ELSEWHERE = ("handshake.connect", "shutdown.exit_code", "shutdown.children")
"""They need a process: see the tests at the end. Roles have a file of their own."""
DOUBTFUL = ("input.effect", "input.sources", "speed.steps")
"""Checks that warn; `data.types` does both."""


def outcomes(report: Report, outcome: Outcome) -> list[str]:
    return [each.check for each in report.findings if each.outcome is outcome]


def explained(report: Report) -> str:
    return "\n".join(f"{f.check}: {f.outcome}: {f.reason}" for f in report.findings)


def test_a_good_simulator_in_this_process_passes_everything(specimens: ModuleType) -> None:
    report = check(specimens.Boiler, OPTIONS)
    assert report.passed
    assert [f.check for f in report.findings] == list(CHECKS)
    not_applicable = outcomes(report, Outcome.NOT_APPLICABLE)
    assert not_applicable == ["shutdown.exit_code", "shutdown.children", "role.has", "role.values"]
    assert len(outcomes(report, Outcome.PASSED)) == len(CHECKS) - 4, explained(report)


def test_a_good_simulator_in_its_own_process_passes_everything(command: str) -> None:
    report = check(command, CheckOptions(steps=6, role="load"))
    assert not outcomes(report, Outcome.FAILED), explained(report)
    assert not outcomes(report, Outcome.NOT_APPLICABLE), explained(report)


def test_every_check_is_shown_to_fail(specimens: ModuleType) -> None:
    elsewhere = (*SHOWN_ELSEWHERE, "role.has", "role.values")
    assert {*specimens.WRONG, *specimens.DOUBTFUL, *elsewhere} == set(CHECKS)
    assert set(IN_PROCESS) == set(specimens.WRONG)


IN_PROCESS = [
    check
    for check in CHECKS
    if check not in (*SHOWN_ELSEWHERE, "input.effect", "speed.steps", "role.has", "role.values")
]


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_wrong_simulator_fails_that_check_alone(specimens: ModuleType, name: str) -> None:
    report = check(specimens.WRONG[name], OPTIONS)
    assert outcomes(report, Outcome.FAILED) == [name], explained(report)
    finding = report[name]
    assert finding.reason
    assert finding.hint
    assert not report.passed


@pytest.mark.parametrize("name", [*DOUBTFUL, "data.types"])
def test_what_is_doubtful_is_a_warning(specimens: ModuleType, name: str) -> None:
    report = check(specimens.DOUBTFUL[name], OPTIONS)
    assert outcomes(report, Outcome.WARNING) == [name], explained(report)
    assert report.passed


def test_a_next_step_between_seconds(specimens: ModuleType) -> None:
    report = check(specimens.FractionOfASecond, OPTIONS)
    assert outcomes(report, Outcome.FAILED) == ["step.next"]
    assert "60.5" in report["step.next"].reason


def test_a_step_without_max_advance_is_told_apart_from_one_that_fails(
    specimens: ModuleType,
) -> None:
    report = check(specimens.OldStep, OPTIONS)
    assert outcomes(report, Outcome.FAILED) == ["step.max_advance"], explained(report)


def test_one_entity_at_a_time_children_and_lists_are_in_order(specimens: ModuleType) -> None:
    report = check(specimens.Wide, OPTIONS)
    assert report.passed, explained(report)
    assert "one at a time" in report["create.number"].reason


def test_it_steps_with_inputs_where_it_cannot_do_without(specimens: ModuleType) -> None:
    """As mosaik-pv: everything else is checked all the same."""
    report = check(specimens.NeedsInput, OPTIONS)
    assert report["data.finite"].outcome is Outcome.PASSED
    assert report["repeat.same_data"].outcome is Outcome.PASSED
    assert report["input.effect"].outcome is Outcome.PASSED
    assert "P_set[kW]" in report["input.effect"].reason


@pytest.mark.parametrize("name", ["setup.done", "step.next", "data.complete", "create.ids"])
def test_a_check_that_fails_does_not_stop_the_others(specimens: ModuleType, name: str) -> None:
    report = check(specimens.WRONG[name], OPTIONS)
    passed = outcomes(report, Outcome.PASSED)
    assert len(passed) == len(CHECKS) - 5, explained(report)  # that one, and those not applicable


def test_several_sources_are_said_to_add_up(specimens: ModuleType) -> None:
    report = check(specimens.Boiler, OPTIONS)
    assert "add up" in report["input.sources"].reason


def test_it_never_connects(specimens: ModuleType) -> None:
    command = f"{sys.executable} -c 'import time; time.sleep(60)' {{address}}"
    report = check(command, CheckOptions(start_timeout_s=0.5))
    assert outcomes(report, Outcome.FAILED) == ["handshake.connect"]
    assert "0.5 s" in report["handshake.connect"].reason
    assert len(outcomes(report, Outcome.NOT_APPLICABLE)) == len(CHECKS) - 1


def test_it_ends_before_it_connects_and_its_last_words_are_kept() -> None:
    command = f"""{sys.executable} -c 'print("no such port"); raise SystemExit(4)' {{address}}"""
    report = check(command, CheckOptions(start_timeout_s=20))
    finding = report["handshake.connect"]
    assert finding.outcome is Outcome.FAILED
    assert "exit code 4" in finding.reason
    assert "no such port" in finding.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "failed", "words"),
    [
        ("EndsBadly", "shutdown.exit_code", "exit code 7"),
        ("LeavesAChild", "shutdown.children", "time.sleep(60)"),
        ("NeverEnds", "shutdown.ends", "1 s"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_the_end_of_its_process(command: str, name: str, failed: str, words: str) -> None:
    options = CheckOptions(steps=2, stop_timeout_s=1, step_timeout_s=5)
    report = check(command.replace("Boiler", name), options)
    assert outcomes(report, Outcome.FAILED) == [failed], explained(report)
    assert words in report[failed].reason


@pytest.mark.slow
def test_what_kills_the_process_is_no_clean_refusal(command: str) -> None:
    report = check(command.replace("Boiler", "CrashesOnText"), CheckOptions(steps=2))
    assert outcomes(report, Outcome.FAILED) == ["wrong.text"], explained(report)
    assert "signal 9" in report["wrong.text"].reason


def test_a_hanging_step_ends_every_wait(specimens: ModuleType) -> None:
    report = check(specimens.Hangs, CheckOptions(step_timeout_s=0.2, stop_timeout_s=0.2))
    assert "0.2 s" in report["step.answers"].reason
    assert "step.answers" in outcomes(report, Outcome.FAILED)
    assert report["data.finite"].outcome is Outcome.NOT_APPLICABLE
