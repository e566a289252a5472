"""What `gridloom batch --dry-run` prints: what would be run, and what that takes."""

import math
from collections.abc import Container, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.scenarios.campaigns.estimate import Estimate, size
from gridloom.scenarios.campaigns.index import PlannedRun
from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.results.wording import counted, span
from gridloom.simulators.errors import listing

if TYPE_CHECKING:
    from gridloom.scenarios.campaigns.campaign import Campaign

_SHOWN = 20
"""Runs in the list on a terminal."""
_DONE = "  complete"
_A_DAY_S = 86400


def print_plan(
    campaign: "Campaign",
    planned: Iterable[PlannedRun],
    *,
    complete: Container[str],
    show_all: bool,
) -> int:
    """Print what a campaign would run.

    Args:
        campaign: what is asked for.
        planned: its runs, in order; taken one by one.
        complete: folders of runs that are complete.
        show_all: list all runs, also on a terminal.

    Returns:
        How many distinct runs are not complete.
    """
    console = _console()
    console.print(f"{escape(campaign.title)} ({campaign.name})")
    console.print(_axes(campaign.axes))
    shown = len(campaign) if show_all or not console.is_terminal else _SHOWN
    is_done: dict[str, bool] = {}
    for run in planned:
        is_done[run.digest] = run.folder in complete
        if run.number <= shown:
            console.print(escape(_line(run)) + (_DONE if is_done[run.digest] else ""))
    if shown < len(campaign):
        console.print(f"... and {len(campaign) - shown:,} more: --all")
    done = sum(is_done.values())
    console.print(_counts(len(campaign), len(is_done), done))
    return len(is_done) - done


def print_estimate(found: Estimate) -> None:
    """Print what the runs take, what that is told from, and what the machine lacks."""
    console = _console()
    if math.isnan(found.wall_time_s):
        console.print(f"{counted(found.runs, 'run')} to compute; what they take is not known:")
    else:
        console.print(
            f"{counted(found.runs, 'run')} to compute, {found.workers} at a time: "
            f"about {_duration(found.wall_time_s)}, {size(found.disk_bytes)} on disk, "
            f"up to {size(found.peak_memory_bytes)} of memory for a run ({found.basis})"
        )
    for warning in found.warnings:
        console.print(f"warning: {escape(warning)}")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _axes(axes: tuple[Axis, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("axis", "values", "", "unit", "sets"):
        table.add_column(heading, justify="right" if heading == "values" else "left")
    for axis in axes:
        table.add_row(
            escape(axis.name),
            f"{len(axis.labels):,}",
            escape(_values(axis.labels)),
            "" if axis.unit == "1" else escape(axis.unit),
            escape(listing(axis.keys, limit=2)) or "variants or changes",
        )
    return table


def _values(labels: tuple[Parameter, ...]) -> str:
    most = 8
    shown = ", ".join(str(label) for label in labels[:most])
    return shown if len(labels) <= most else f"{shown}, ... {labels[-1]}"


def _line(run: PlannedRun) -> str:
    parameters = ", ".join(f"{name} {label}" for name, label in run.parameters.items())
    return f"{run.number:>6}  {parameters}  {run.folder}"


def _counts(points: int, distinct: int, complete: int) -> str:
    text = counted(points, "run")
    if distinct < points:
        text += (
            f", {distinct:,} of them distinct: the others change what their variant does without"
        )
    return f"{text}; {complete:,} complete" if complete else text


def _duration(seconds: float) -> str:
    if seconds < _A_DAY_S:
        return span(seconds)
    return f"{timedelta(seconds=round(seconds)) // timedelta(hours=1) / 24:.1f} days"
