"""The command line: `gridloom run|validate|describe|list|schema|report|compare|batch|...`."""

import atexit
import gc
import os
import sys
from typing import Annotated

# One thread a solver: on small systems more threads only wait for each other. NumPy reads this when
# it is first imported; processes that a run starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")

import typer

from gridloom.scenarios.commands import (
    batches,
    foreign,
    looking,
    planning,
    records,
    running,
    watching,
)
from gridloom.simulators.errors import GridloomError

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

app.command()(running.run)
app.command()(running.profile)
app.command()(looking.validate)
app.command()(looking.describe)
app.command(name="list")(looking.list_everything)
app.command()(looking.schema)
app.command()(records.report)
app.command()(records.recover)
app.command()(records.compare)
app.command()(batches.batch)
app.command()(batches.table)
app.command()(watching.watch)
app.command()(planning.bound)
app.command()(planning.replay)
app.command()(foreign.serve)
app.command()(foreign.check)
app.command()(foreign.new)


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
