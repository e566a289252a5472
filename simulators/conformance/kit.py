"""Runs all checks on one simulator, each on an instance of its own where it could do harm."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from gridloom.simulators.conformance.entities import (
    check_ids_of_two_calls,
    check_unknown_model,
    check_unknown_parameter,
)
from gridloom.simulators.conformance.first_run import check_first_instance
from gridloom.simulators.conformance.inputs import check_effect, check_sources
from gridloom.simulators.conformance.options import CheckOptions
from gridloom.simulators.conformance.repetition import check_repetition
from gridloom.simulators.conformance.report import Report
from gridloom.simulators.conformance.roles import check_role
from gridloom.simulators.conformance.session import CallFailure, shortened
from gridloom.simulators.conformance.snippet import snippet
from gridloom.simulators.conformance.subject import Subject
from gridloom.simulators.conformance.target import ClassTarget, Target, parse_target
from gridloom.simulators.conformance.wrong_inputs import (
    CHECKS_OF_WRONG_INPUTS,
    check_wrong_inputs,
)

_Family: TypeAlias = Callable[[Subject], Awaitable[None]]

_ON_STEPS: tuple[tuple[_Family, tuple[str, ...]], ...] = (
    (check_repetition, ("repeat.same_data",)),
    (check_effect, ("input.effect",)),
    (check_sources, ("input.sources",)),
    (check_wrong_inputs, CHECKS_OF_WRONG_INPUTS),
    (check_role, ("role.has", "role.values")),
)
"""What is checked on further instances, once the first one has made steps."""
_ON_CREATION: tuple[tuple[_Family, tuple[str, ...]], ...] = (
    (check_ids_of_two_calls, ()),
    (check_unknown_model, ("create.unknown_model",)),
    (check_unknown_parameter, ("create.unknown_parameter",)),
)


def check(target: str | type[Any], options: CheckOptions | None = None) -> Report:
    """Check a simulator of the mosaik API.

    A check that fails does not stop the others; no wait is without a limit.

    Args:
        target: a command line with `{address}`, `host:port`, `module:Class` (in a process of its
            own), or a class (in this process).
        options: time limits, parameters, role.

    Raises:
        ScenarioError: ``target`` is none of these.
    """
    named: Target = (
        ClassTarget(simulator=target) if isinstance(target, type) else parse_target(target)
    )
    with TemporaryDirectory(prefix="gridloom-check-") as folder:
        subject = Subject(target=named, options=options or CheckOptions(), folder=Path(folder))
        return asyncio.run(_check(subject))


async def _check(subject: Subject) -> Report:
    await check_first_instance(subject)
    if subject.entities:
        await _run(subject, _ON_CREATION)
    if subject.trace:
        await _run(subject, _ON_STEPS)
    findings = subject.findings.complete(subject.obstacle or "no step came to its end")
    found = snippet(subject) if subject.trace else ""
    return Report(target=str(subject.target), findings=findings, snippet=found)


async def _run(subject: Subject, families: tuple[tuple[_Family, tuple[str, ...]], ...]) -> None:
    for family, checks in families:
        if subject.obstacle:
            return
        try:
            await family(subject)
        except CallFailure as failure:
            reason = f"another instance could not be used: {shortened(failure.cause)}"
            subject.findings.skipped(reason, *checks)
