"""What the books of a campaign hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridloom.scenarios.campaigns.outcome import Fault, RunState
from gridloom.scenarios.campaigns.point import Axis, Parameter


@dataclass(frozen=True, kw_only=True)
class About:
    """What a campaign is."""

    name: str
    title: str
    file: str
    """Path of the campaign file."""
    axes: tuple[Axis, ...]
    gridloom_version: str
    description: str = ""
    scenario: str = ""
    """What is varied, as the campaign file names it."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What is laid on the scenario for all runs."""
    retries: int = 1
    """How often a run that failed is tried again."""


@dataclass(frozen=True, kw_only=True)
class IndexedRun:
    """One point of a campaign, and what became of its run; several points may share one."""

    number: int
    parameters: Mapping[str, Parameter]
    digest: str
    folder: str
    """Name of its folder below the campaign's `runs`."""
    state: RunState
    attempts: int
    """How many have come to an end."""
    fault: Fault | None
    reason: str
    detail: str
    wall_time_s: float | None
    peak_memory_bytes: int | None
    record_bytes: int | None
    worker: str
    changed: str
    """When its state changed last, ISO 8601, UTC; '' if never."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One point as it enters the books."""

    number: int
    parameters: Mapping[str, Parameter]
    digest: str
    folder: str
