"""Whether runs can be compared, and what a reader must know if they are compared anyway."""

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any

from gridloom.scenarios.results.comparison.case import case_differences
from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.record.layout import MODEL_STEP_SIZE, STEP_SIZE
from gridloom.scenarios.results.wording import counted, span
from gridloom.simulators.errors import Problem, ScenarioError

_ENERGIES = ("consumed_kwh", "injected_kwh")
_SAME = 1e-9
"""Relative difference that sums of equal numbers may have."""


def objections(runs: Sequence[ComparedRun]) -> list[Problem]:
    """Return why the runs should not be compared: unfinished ones, or several cases."""
    unfinished = [
        Problem(
            message=f"the run '{run.label}' is not complete ({run.incomplete}): its totals are "
            f"those of a shorter time",
            suggestion="run it again, or compare what there is with --anyway",
        )
        for run in runs
        if run.incomplete
    ]
    differences = case_differences({run.label: run.scenario for run in runs})
    if not differences:
        return unfinished
    other_case = Problem(
        message="the runs are not of one case: " + "; ".join(differences),
        expected="runs that differ in their controllers only",
        suggestion="compare them anyway with --anyway",
    )
    return [*unfinished, other_case]


def require_comparable(runs: Sequence[ComparedRun], *, anyway: bool = False) -> None:
    """Refuse runs that are too few, unfinished or of different cases.

    Args:
        runs: what is to be compared.
        anyway: accept unfinished runs and different cases.

    Raises:
        ScenarioError: with all that speaks against the comparison.
    """
    if len(runs) < 2:  # noqa: PLR2004
        raise ScenarioError(
            Problem(
                message=f"{counted(len(runs), 'run')} given, nothing to compare with",
                expected="two records or more, or folders of runs",
                suggestion="for a single run there is `gridloom report`",
            )
        )
    problems = [] if anyway else objections(runs)
    if problems:
        raise ScenarioError(*problems)


def warnings(runs: Sequence[ComparedRun]) -> list[str]:
    """Return what a reader of the comparison must know, one sentence each."""
    found = [f"{problem.message[0].upper()}{problem.message[1:]}." for problem in objections(runs)]
    for run in runs:
        unsolved = run.value("unsolved_steps")
        if unsolved > 0:
            found.append(
                f"'{run.label}' has {counted(int(unsolved), 'step')} without a power flow "
                "solution, which its numbers of the grid leave out."
            )
    found += _other_rows(runs)
    if not found:
        found += _other_inputs(runs)
    return found


def _other_rows(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Say which runs have rows that cover another time: indicators of means then differ by that."""
    first = runs[0]
    for run in runs[1:]:
        for model in [name for name in first.models if name in run.models]:
            lengths = [_row_length(each.models[model]) for each in (first, run)]
            if lengths[0] != lengths[1]:
                yield (
                    f"'{first.label}' and '{run.label}' are recorded differently ('{model}': "
                    f"{lengths[0]} and {lengths[1]}): indicators that are said to be of means, "
                    "and what is drawn of them, cannot be compared."
                )
                break


def _row_length(attributes: Mapping[str, Any]) -> str:
    """Return what a row of a model covers: only several steps make a difference."""
    covers_several = MODEL_STEP_SIZE in attributes
    return f"rows of {span(attributes[STEP_SIZE])}" if covers_several else "a row for each step"


def _other_inputs(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Say where devices that nobody controls did not do the same in all runs."""
    first = runs[0]
    controlled = {
        str(config.get("controls"))
        for run in runs
        for config in run.scenario.get("controllers", {}).values()
    }
    for device in first.parts.devices:
        if device.name in controlled:
            continue
        for run in runs[1:]:
            known = [
                e for e in _ENERGIES if (e, device.name) in first.kpis.keys() & run.kpis.keys()
            ]
            pairs = [(first.value(e, device.name), run.value(e, device.name)) for e in known]
            if any(not isclose(one, other, rel_tol=_SAME) for one, other in pairs):
                yield (
                    f"'{device.name}' did not do the same in '{first.label}' and '{run.label}' "
                    "although the scenario is the same: they read other files, or another version "
                    "of gridloom ran them."
                )
