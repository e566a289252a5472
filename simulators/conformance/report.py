"""What was found: one verdict a check, each with its reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from typing_extensions import override

CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "handshake.connect": "starts, and connects in time",
        "handshake.init": "answers init with a META",
        "meta.api_version": "says which version of the API it speaks",
        "meta.type": "is time-based, event-based or hybrid",
        "meta.models": "says what models, parameters and attributes it has",
        "meta.names": "no name is empty or given twice",
        "meta.events": "triggers and events suit its type",
        "create.number": "creates as many entities as asked",
        "create.ids": "every entity has an id of its own",
        "create.types": "entities are of declared types",
        "create.relations": "relations lead to entities it has",
        "create.unknown_model": "refuses an unknown model",
        "create.unknown_parameter": "refuses an unknown parameter",
        "setup.done": "accepts setup_done",
        "step.unconnected": "steps while nothing is connected to it",
        "step.answers": "every step comes to its end",
        "step.next": "the next step is an integer, and later",
        "step.max_advance": "accepts max_advance, and sends nothing from beyond",
        "data.complete": "get_data answers all it is asked",
        "data.only": "get_data answers nothing else",
        "data.types": "values are plain JSON numbers",
        "data.finite": "numbers are finite",
        "repeat.same_data": "a second instance sends the same, bit for bit",
        "input.effect": "inputs change what it sends",
        "input.sources": "takes an input from several sources",
        "wrong.entity": "survives an unknown entity",
        "wrong.attribute": "survives an unknown attribute",
        "wrong.text": "survives text in the place of a number",
        "speed.steps": "steps quickly against the time limit",
        "shutdown.ends": "ends in time when asked to",
        "shutdown.exit_code": "ends with exit code 0",
        "shutdown.children": "leaves no process behind",
        "role.has": "has what its role needs",
        "role.values": "sends values that suit its role",
    }
)
"""Every check and what it asks for, in the order of the report."""


class Outcome(StrEnum):
    """Verdict of a check, from good to bad."""

    NOT_APPLICABLE = "not applicable"
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"


_SEVERITY = {outcome: place for place, outcome in enumerate(Outcome)}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict of one check."""

    check: str
    """Its name, a key of `CHECKS`."""
    outcome: Outcome
    reason: str = ""
    """What was seen, as a sentence without a full stop."""
    hint: str = ""
    """What to do about it."""


class Findings:
    """The verdicts so far; of several on one check, the worst stands."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}

    def passed(self, check: str, reason: str = "") -> None:
        """Note that a check has passed."""
        self._note(Finding(check=check, outcome=Outcome.PASSED, reason=reason))

    def warned(self, check: str, reason: str, hint: str = "") -> None:
        """Note what is allowed, but probably not meant."""
        self._note(Finding(check=check, outcome=Outcome.WARNING, reason=reason, hint=hint))

    def failed(self, check: str, reason: str, hint: str) -> None:
        """Note that a check has failed."""
        self._note(Finding(check=check, outcome=Outcome.FAILED, reason=reason, hint=hint))

    def skipped(self, reason: str, *checks: str) -> None:
        """Note why checks say nothing of this simulator."""
        for check in checks:
            self._note(Finding(check=check, outcome=Outcome.NOT_APPLICABLE, reason=reason))

    def judge(self, check: str, reasons: Iterable[str], hint: str, *, good: str = "") -> None:
        """Note that a check has failed for the first of the reasons, or passed if there is none."""
        reason = next(iter(reasons), None)
        if reason is None:
            self.passed(check, good)
        else:
            self.failed(check, reason, hint)

    def has_failed(self, check: str) -> bool:
        """Whether a check has failed already."""
        found = self._found.get(check)
        return found is not None and found.outcome is Outcome.FAILED

    def complete(self, why_not: str) -> tuple[Finding, ...]:
        """Return a verdict on every check, in the order of the report."""
        self.skipped(why_not, *(check for check in CHECKS if check not in self._found))
        return tuple(self._found[check] for check in CHECKS)

    def _note(self, finding: Finding) -> None:
        before = self._found.get(finding.check)
        if before is None or _SEVERITY[finding.outcome] > _SEVERITY[before.outcome]:
            self._found[finding.check] = finding


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found out about a simulator."""

    target: str
    """What was checked."""
    findings: tuple[Finding, ...]
    """One a check, in the order of `CHECKS`."""
    snippet: str = ""
    """How it is named in a scenario file (YAML), as far as names and units tell; '' if it could
    not be found out."""

    @property
    def passed(self) -> bool:
        """Whether no check has failed."""
        return not self.count(Outcome.FAILED)

    def count(self, outcome: Outcome) -> int:
        """Return how many checks ended so."""
        return sum(finding.outcome is outcome for finding in self.findings)

    def __getitem__(self, check: str) -> Finding:
        return next(finding for finding in self.findings if finding.check == check)

    def as_json(self) -> dict[str, Any]:
        """Return the report in JSON's types."""
        return {
            "target": self.target,
            "passed": self.passed,
            "counts": {str(outcome): self.count(outcome) for outcome in Outcome},
            "checks": [
                {
                    "check": finding.check,
                    "title": CHECKS[finding.check],
                    "outcome": str(finding.outcome),
                    "reason": finding.reason,
                    "hint": finding.hint,
                }
                for finding in self.findings
            ],
            "snippet": self.snippet,
        }

    @override
    def __str__(self) -> str:
        """Return what has failed, or is doubtful, one line each."""
        told = [f for f in self.findings if f.outcome in (Outcome.FAILED, Outcome.WARNING)]
        lines = [f"{self.target}: {self.count(Outcome.FAILED)} checks failed"]
        return "\n".join([*lines, *(f"  {f.check}: {f.outcome}: {f.reason}" for f in told)])
