"""Commands that run scenarios."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridloom.scenarios.commands.options import AllowExternal, Out, Overrides, Source, Variant, read
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.phases import phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridloom.scenarios.evaluation import WrittenComparison
    from gridloom.scenarios.reader import ScenarioDocument
    from gridloom.scenarios.runner import Run


def run(
    source: Source,
    variant: Variant = None,
    overrides: Overrides = [],  # noqa: B006 -- typer reads the default, nobody changes it
    out: Out = Path("outputs"),
    force: Annotated[
        bool, typer.Option("--force", help="Compute even if an identical run is complete.")
    ] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Tell where the wall time went, and write a time line.")
    ] = False,
    allow_external: AllowExternal = False,
) -> None:
    """Run a scenario (all its variants), write record, KPIs and report, and compare variants."""
    from gridloom.scenarios.display import print_runs
    from gridloom.scenarios.progress import show_warnings
    from gridloom.scenarios.runner import run_variant
    from gridloom.scenarios.supervision.watchdog import may_end_process

    document = read(source, overrides, allow_external=allow_external)
    chosen: list[str | None] = [variant] if variant else [*document.variants] or [None]
    with may_end_process(), show_warnings():
        runs = [run_variant(document, name, out, force=force, trace=trace) for name in chosen]
    with phase("printing"):
        print_runs(runs, _compared(document, runs, out) if len(runs) > 1 else None)
    if trace:
        from gridloom.scenarios.display_wall_times import print_wall_times

        print_wall_times(runs)


def profile(
    source: Source,
    variant: Variant = None,
    overrides: Overrides = [],  # noqa: B006
    fuse: Annotated[
        bool | None,
        typer.Option(
            "--fuse/--separate",
            help="Step models together or apart. Default: as the scenario says.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Keep the run below it. Default: nowhere."),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write JSON instead; `-` prints it."),
    ] = None,
    allow_external: AllowExternal = False,
) -> None:
    """Run a scenario in a process of its own and show where its time went, imports and all.

    Of several variants, the first is run unless you name one. A long scenario need not run to its
    end: `gridloom profile ademis-2021 --set duration=2min`.
    """
    from gridloom.scenarios.display_profile import print_profile, write_profile
    from gridloom.scenarios.profiling import ProfiledRunError, profile_run

    changes = overrides if fuse is None else [*overrides, f"fuse={str(fuse).lower()}"]
    try:
        found = profile_run(source, changes, variant, out=out, allow_external=allow_external)
    except ProfiledRunError as error:  # it has said why
        if out is None and error.code != ScenarioError.exit_code:
            print("nothing of it is kept; --out DIR would", file=sys.stderr)
        raise typer.Exit(error.code) from None
    if json_file is None:
        print_profile(found)
    else:
        write_profile(found, json_file)


def _compared(
    document: "ScenarioDocument", runs: "Sequence[Run]", out: Path
) -> "WrittenComparison | None":
    """Compare the runs of a scenario's variants; a single run is spared what that imports."""
    from gridloom.scenarios.bounds import bounds_source
    from gridloom.scenarios.evaluation import compare_variants

    folders = [run.folder for run in runs]
    return compare_variants(folders, out, bounds=bounds_source(document, out))
