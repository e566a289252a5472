"""The command line: `gridloom run|validate|describe|list|schema|report|recover|compare|...`."""

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

# One thread a solver: on small systems more threads only wait for each other. NumPy reads this when
# it is first imported; processes that a run starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")

import typer

from gridloom.simulators.errors import GridloomError, Problem, RecordError, ScenarioError
from gridloom.simulators.phases import phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridloom.scenarios.evaluation import WrittenComparison
    from gridloom.scenarios.reader import ScenarioDocument
    from gridloom.scenarios.runner import Run

_SELDOM = 50_000
"""New objects until the interpreter looks for garbage; its own default is 700 to 2,000."""

app = typer.Typer(
    name="gridloom",
    help="Co-simulation of smart-grid coordination: one grid, many controllers, comparable "
    "results.\n\nStart with `gridloom run quickstart`, then `gridloom list`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",  # "markdown" imports a parser for every --help
    pretty_exceptions_enable=False,
)

_Source = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help="A shipped scenario's name, a YAML file, or a record."),
]
_Overrides = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one key of the scenario, as in `--set simulators.ev.rated_power_kw=11`.",
    ),
]
_Variant = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="Only this variant.")
]
_AllowExternal = Annotated[
    bool,
    typer.Option("--allow-external", help="Let a record import modules and start programs."),
]
_Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder below which each run gets its own.")
]


@app.command()
def run(
    source: _Source,
    variant: _Variant = None,
    overrides: _Overrides = [],  # noqa: B006 -- typer reads the default, nobody changes it
    out: _Out = Path("outputs"),
    force: Annotated[
        bool, typer.Option("--force", help="Compute even if an identical run is complete.")
    ] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Tell where the wall time went, and write a time line.")
    ] = False,
    allow_external: _AllowExternal = False,
) -> None:
    """Run a scenario (all its variants), write record, KPIs and report, and compare variants."""
    from gridloom.scenarios.display import print_runs
    from gridloom.scenarios.progress import show_warnings
    from gridloom.scenarios.runner import run_variant
    from gridloom.scenarios.supervision.watchdog import may_end_process

    document = _read(source, overrides, allow_external=allow_external)
    chosen: list[str | None] = [variant] if variant else [*document.variants] or [None]
    with may_end_process(), show_warnings():
        runs = [run_variant(document, name, out, force=force, trace=trace) for name in chosen]
    with phase("printing"):
        print_runs(runs, _compared(document, runs, out) if len(runs) > 1 else None)
    if trace:
        from gridloom.scenarios.display_wall_times import print_wall_times

        print_wall_times(runs)


@app.command()
def profile(
    source: _Source,
    variant: _Variant = None,
    overrides: _Overrides = [],  # noqa: B006
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
    allow_external: _AllowExternal = False,
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
        raise typer.Exit(error.code) from None
    if json_file is None:
        print_profile(found)
    else:
        write_profile(found, json_file)


@app.command()
def validate(
    source: _Source,
    overrides: _Overrides = [],  # noqa: B006
    build: Annotated[
        bool,
        typer.Option("--build", help="Also read the grid and all files, as a run would (slower)."),
    ] = False,
    allow_external: _AllowExternal = False,
) -> None:
    """Check a scenario file with all its variants and say everything that is wrong with it."""
    document = _read(source, overrides, allow_external=allow_external)
    if build:
        from gridloom.scenarios.composition import compose

        for variant in document.variants or (None,):
            compose(document, document.scenario(variant))
    variants = f", variants: {', '.join(document.variants)}" if document.variants else ""
    print(f"{document.name}: valid ({document.path}{variants})")


@app.command()
def describe(
    source: _Source,
    variant: _Variant = None,
    overrides: _Overrides = [],  # noqa: B006
    diagram: Annotated[
        str | None,
        typer.Option(
            "--diagram", metavar="FILE", help="Write a Mermaid diagram instead; `-` prints it."
        ),
    ] = None,
    allow_external: _AllowExternal = False,
) -> None:
    """Show a scenario's models, places, couplings, order, loops, information and foreign code."""
    from gridloom.scenarios.display_description import print_description, write_diagram
    from gridloom.scenarios.foreign_code import ForeignCodeError, print_foreign_code

    try:
        document = _read(source, overrides, allow_external=allow_external)
    except ForeignCodeError as refused:  # to show it is what the user asks for
        print(f"{source}: shown no further without --allow-external")
        print_foreign_code(refused.found)
        return
    chosen = variant or next(iter(document.variants), None)
    if diagram is not None:
        write_diagram(document, chosen, diagram)
        return
    print_description(document, chosen)


@app.command(name="list")
def list_everything() -> None:
    """List the shipped scenarios and the types of simulators and controllers."""
    from gridloom.scenarios.display import print_inventory

    print_inventory()


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for completion and checks in an editor.

    Save it (`gridloom schema > gridloom.schema.json`) and start a scenario file with
    `# yaml-language-server: $schema=gridloom.schema.json`.
    """
    import json

    from gridloom.scenarios.schema_export import scenario_schema

    print(json.dumps(scenario_schema(), indent=2))


@app.command()
def report(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record.h5, or its folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Default: report.html beside the record."),
    ] = None,
) -> None:
    """Write the report of a record anew, be its run complete or not."""
    from gridloom.scenarios.results.kpis import compute_kpis
    from gridloom.scenarios.results.record import open_record
    from gridloom.scenarios.results.report import write_report
    from gridloom.scenarios.run_folder import RunFolder

    path = RunFolder(record).any_record() if record.is_dir() else record
    target = out or path.with_name("report.html")
    try:
        with open_record(path) as opened:
            write_report(opened, compute_kpis(opened), target)
    except RecordError as error:  # here, both files are the user's input
        raise ScenarioError(Problem(message=str(error))) from error
    print(target)


@app.command()
def recover(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record.h5, or its folder.")],
) -> None:
    """Repair the record of a run that was killed, so that any program for HDF5 opens it."""
    from gridloom.scenarios.results.record import recover_record
    from gridloom.scenarios.run_folder import RunFolder

    folder = RunFolder(record)
    unfinished = folder.partial_record
    path = record if not record.is_dir() else unfinished if unfinished.exists() else folder.record
    try:
        recovery = recover_record(path)
    except RecordError as error:  # as for `report`
        raise ScenarioError(Problem(message=str(error))) from error
    print(recovery)
    if recovery.changed:
        print(f"see it with: gridloom report {path}")


@app.command()
def compare(
    records: Annotated[
        list[Path], typer.Argument(metavar="RECORD...", help="Records, or folders of runs.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Default: outputs/SCENARIO-comparison-IDENTITY."),
    ] = None,
    energy_price: Annotated[
        float | None,
        typer.Option(
            "--energy-price",
            metavar="EUR_PER_MWH",
            help="Value of energy left in vehicles. Default: the mean of all imbalance prices.",
        ),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            "--published",
            metavar="FILE",
            help="Published values to print beside. Default: SCENARIO.published.csv, if there is "
            "one beside the scenario.",
        ),
    ] = None,
    bounds: Annotated[
        Path | None,
        typer.Option(
            "--bounds",
            metavar="FILE",
            help="Lower bounds of the case, as `gridloom bound SCENARIO --out FILE` writes them.",
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also compare different cases, and unfinished runs."),
    ] = False,
) -> None:
    """Compare runs of one case: costs, grid, vehicles, messages, computing times."""
    from gridloom.scenarios.bounds import kept_bounds
    from gridloom.scenarios.display import print_comparison
    from gridloom.scenarios.evaluation import compare as compare_records
    from gridloom.scenarios.results.comparison import ComparisonOptions

    options = ComparisonOptions(
        anyway=anyway,
        energy_price_eur_per_mwh=energy_price,
        bounds=None if bounds is None else kept_bounds(bounds),
    )
    print_comparison(compare_records(records, folder=out, published=published, options=options))


@app.command()
def bound(
    source: _Source,
    variant: _Variant = None,
    overrides: _Overrides = [],  # noqa: B006
    interval: Annotated[
        str,
        typer.Option(
            "--interval", metavar="DURATION", help="Of the means; shorter ones bound tighter."
        ),
    ] = "1min",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also write the bounds there, as JSON."),
    ] = None,
) -> None:
    """Compute what no scheme can undercut, knowing prices and future; variants hardly matter."""
    from gridloom.scenarios.bounds import scenario_bounds
    from gridloom.scenarios.display_planning import print_bounds

    document = _read(source, overrides)
    chosen = variant or next(iter(document.variants), None)
    found = scenario_bounds(document, chosen, interval_s=_seconds(interval, "--interval"))
    print_bounds(found)
    if out is not None:
        found.write(out)
        print(out)


@app.command()
def replay(
    source: _Source,
    variant: _Variant = None,
    overrides: _Overrides = [],  # noqa: B006
    schedule: Annotated[
        Path | None,
        typer.Option(
            "--schedule",
            metavar="FILE",
            help="CSV of setpoints in kW: times as in a profile, one column a charging point. "
            "Default: the plan of the variant.",
        ),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(
            "--interval", metavar="DURATION", help="Resolution. Default: the plan's intervals."
        ),
    ] = None,
) -> None:
    """Plan without running, and check the plan, or a schedule, in the AC power flow."""
    from gridloom.scenarios.display_planning import print_replay
    from gridloom.scenarios.replaying import replay_scenario

    interval_s = None if interval is None else _seconds(interval, "--interval")
    document = _read(source, overrides)
    print_replay(replay_scenario(document, variant, schedule=schedule, interval_s=interval_s))


@app.command()
def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A type such as pv, or a model of --scenario.")
    ],
    port: Annotated[
        int,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 for any that is free."),
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Address to listen at.")
    ] = "127.0.0.1",
    source: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="SCENARIO",
            help="Also serve its model to stock mosaik, which brings no scenario.",
        ),
    ] = None,
    variant: _Variant = None,
    once: Annotated[bool, typer.Option("--once", help="End after the first run.")] = False,
    allow_external: Annotated[
        bool,
        typer.Option("--allow-external", help="Let runs import foreign modules here, load FMUs."),
    ] = False,
) -> None:
    """Serve a model to runs elsewhere, which name it with `placement: {connect: HOST:PORT}`."""
    from gridloom.scenarios.serving import Service, run_service

    document = None if source is None else _read(source, [])
    service = Service.of(model, document, variant, allow_external=allow_external)
    run_service(
        service,
        host,
        port,
        once=once,
        ready=lambda at, on: print(f"serving {model} at {at}:{on}", flush=True),
    )


@app.command()
def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A command in quotation marks with {address} in it, host:port, or module:Class.",
        ),
    ],
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="pv, load, ev_fleet, grid, market, controller"),
    ] = None,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A parameter of init.")
    ] = [],  # noqa: B006
    parameters: Annotated[
        str, typer.Option("--parameters", metavar="JSON", help="Parameters of init.")
    ] = "{}",
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Default: the first public one.")
    ] = None,
    create: Annotated[
        str, typer.Option("--create", metavar="JSON", help="Parameters of the model.")
    ] = "{}",
    inputs: Annotated[
        str, typer.Option("--inputs", metavar="JSON", help="Inputs it needs, by attribute.")
    ] = "{}",
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1)] = 24,
    step_size: Annotated[str, typer.Option("--step-size", metavar="DURATION")] = "1min",
    start_timeout: Annotated[str, typer.Option("--start-timeout", metavar="DURATION")] = "60s",
    step_timeout: Annotated[str, typer.Option("--step-timeout", metavar="DURATION")] = "10s",
    stop_timeout: Annotated[str, typer.Option("--stop-timeout", metavar="DURATION")] = "10s",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the report there.")
    ] = None,
) -> None:
    """Check whether a simulator of any language keeps to the mosaik API, and how to couple it."""
    from gridloom.scenarios.check_options import options_of, write_report
    from gridloom.scenarios.display_conformance import print_conformance
    from gridloom.simulators.conformance import check as check_simulator

    options = options_of(
        role=role,
        settings=settings,
        json_texts={"parameters": parameters, "create": create, "inputs": inputs},
        model=model,
        steps=steps,
        step_size_s=_seconds(step_size, "--step-size"),
        start_timeout_s=_seconds(start_timeout, "--start-timeout"),
        step_timeout_s=_seconds(step_timeout, "--step-timeout"),
        stop_timeout_s=_seconds(stop_timeout, "--stop-timeout"),
    )
    report = check_simulator(target, options)
    print_conformance(report)
    if json_file is not None:
        write_report(report, json_file)
    if not report.passed:
        raise typer.Exit(3)


@app.command()
def new(
    what: Annotated[str, typer.Argument(metavar="simulator|controller|scenario")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of its files, as a Python module has it.")
    ],
    language: Annotated[
        str, typer.Option("--language", metavar="LANGUAGE", help="python or java")
    ] = "python",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where its files go.")] = Path(),
) -> None:
    """Write a working simulator, controller or scenario to start from, with its test."""
    from gridloom.scenarios.skeletons import write_skeleton

    for path in write_skeleton(what, name, language=language, folder=out):
        print(path)


def _seconds(duration: str, option: str) -> int:
    from gridloom.simulators.quantities import parse_duration

    try:
        return parse_duration(duration)
    except ValueError as error:
        raise ScenarioError(Problem(message=f"{option} {duration}: {error}")) from None


def _compared(
    document: "ScenarioDocument", runs: "Sequence[Run]", out: Path
) -> "WrittenComparison | None":
    """Compare the runs of a scenario's variants; a single run is spared what that imports."""
    from gridloom.scenarios.bounds import bounds_source
    from gridloom.scenarios.evaluation import compare_variants

    folders = [run.folder for run in runs]
    return compare_variants(folders, out, bounds=bounds_source(document, out))


def _read(source: str, overrides: list[str], *, allow_external: bool = False) -> "ScenarioDocument":
    with phase("reading"):
        from gridloom.scenarios.reader import read_scenario

        return read_scenario(source, overrides, allow_external=allow_external)


def _show_version(wanted: bool) -> None:
    if wanted:
        import gridloom

        print(f"gridloom {gridloom.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that come before a command."""


def main() -> None:
    """Run the command line; every error that gridloom raises on purpose becomes an exit code."""
    # What is imported lives to the end: looking for garbage in it takes a fifth of a short run.
    gc.set_threshold(_SELDOM)
    atexit.register(gc.freeze)
    try:
        app()
    except GridloomError as error:
        print("\n  ".join((f"error: {error}", *getattr(error, "__notes__", ()))), file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
