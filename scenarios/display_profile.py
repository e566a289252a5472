"""What `gridloom profile` prints."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.scenarios.profiling import Part, Profile
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.quantities import format_duration

_SMALL = 0.005
"""Share of the whole below which parts of parts are shown together."""
_OTHERS = "others"


def print_profile(profile: Profile) -> None:
    """Print one line a part; what is indented is part of the line above."""
    name = " ".join(part for part in (profile.scenario, profile.variant) if part)
    how = "stepped together" if profile.fuse else "stepped apart"
    title = (
        f"Where the time goes: {name}, {format_duration(profile.simulated_s)} in "
        f"{profile.steps} steps, models {how}"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("wall s", "ms a step", "share %", "CPU s"):
        table.add_column(heading, justify="right")
    for part in profile.parts:
        _add(table, profile, part, 0)
    _add(table, profile, Part(name="total", wall_s=profile.wall_s, cpu_s=profile.cpu_s), 0)
    console = Console()
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    console.print(table)


def write_profile(profile: Profile, target: str) -> None:
    """Write a profile as JSON to a file, or print it for '-'.

    Raises:
        ScenarioError: the file cannot be written.
    """
    text = json.dumps(profile.as_json(), indent=1)
    if target == "-":
        print(text)  # noqa: T201 -- for a pipe
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        message = f"cannot write the profile '{target}': {error.strerror}"
        raise ScenarioError(Problem(message=message)) from error
    print(target)  # noqa: T201


def _add(table: Table, profile: Profile, part: Part, depth: int) -> None:
    table.add_row(
        "  " * depth + escape(part.name),
        f"{part.wall_s:.3f}",
        f"{1e3 * part.wall_s / max(1, profile.steps):.3f}",
        f"{100 * part.wall_s / profile.wall_s:.1f}",
        "" if part.cpu_s is None else f"{part.cpu_s:.3f}",
    )
    for each in _shown(part.parts, _SMALL * profile.wall_s):
        _add(table, profile, each, depth + 1)


def _shown(parts: Sequence[Part], least_s: float) -> list[Part]:
    """Return the parts that matter, and all others as one."""
    large = [part for part in parts if abs(part.wall_s) >= least_s]
    small = [part for part in parts if abs(part.wall_s) < least_s]
    if not large or not small:
        return large
    known_s = [part.cpu_s for part in small if part.cpu_s is not None]
    others = Part(
        name=_OTHERS,
        wall_s=sum(part.wall_s for part in small),
        cpu_s=sum(known_s) if len(known_s) == len(small) else None,
    )
    return [*large, others]
