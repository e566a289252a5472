"""Commands for those who write or run simulators of their own."""

from pathlib import Path
from typing import Annotated

import typer

from gridloom.scenarios.commands.options import Variant, read, seconds_of


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
    variant: Variant = None,
    once: Annotated[bool, typer.Option("--once", help="End after the first run.")] = False,
    allow_external: Annotated[
        bool,
        typer.Option("--allow-external", help="Let runs import foreign modules here, load FMUs."),
    ] = False,
) -> None:
    """Serve a model to runs elsewhere, which name it with `placement: {connect: HOST:PORT}`."""
    from gridloom.scenarios.serving import Service, run_service

    document = None if source is None else read(source, [])
    service = Service.of(model, document, variant, allow_external=allow_external)
    run_service(
        service,
        host,
        port,
        once=once,
        ready=lambda at, on: print(f"serving {model} at {at}:{on}", flush=True),
    )


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
        step_size_s=seconds_of(step_size, "--step-size"),
        start_timeout_s=seconds_of(start_timeout, "--start-timeout"),
        step_timeout_s=seconds_of(step_timeout, "--step-timeout"),
        stop_timeout_s=seconds_of(stop_timeout, "--stop-timeout"),
    )
    report = check_simulator(target, options)
    print_conformance(report)
    if json_file is not None:
        write_report(report, json_file)
    if not report.passed:
        raise typer.Exit(3)


def new(
    what: Annotated[str, typer.Argument(metavar="simulator|controller|scenario|campaign")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of its files, as a Python module has it.")
    ],
    language: Annotated[
        str, typer.Option("--language", metavar="LANGUAGE", help="python or java")
    ] = "python",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where its files go.")] = Path(),
) -> None:
    """Write a working simulator, controller, scenario or campaign to start from."""
    from gridloom.scenarios.skeletons import write_skeleton

    for path in write_skeleton(what, name, language=language, folder=out):
        print(path)
