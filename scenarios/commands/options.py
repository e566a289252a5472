"""Arguments and options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.phases import phase

if TYPE_CHECKING:
    from gridloom.scenarios.reader import ScenarioDocument

Source = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help="A shipped scenario's name, a YAML file, or a record."),
]
Overrides = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one key of the scenario, as in `--set simulators.ev.rated_power_kw=11`.",
    ),
]
Variant = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="Only this variant.")
]
AllowExternal = Annotated[
    bool,
    typer.Option("--allow-external", help="Let a record import modules and start programs."),
]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder below which each run gets its own.")
]


def read(source: str, overrides: list[str], *, allow_external: bool = False) -> "ScenarioDocument":
    """Read a scenario, a record's included.

    Raises:
        ScenarioError: it is not there, or wrong.
    """
    with phase("reading"):
        from gridloom.scenarios.reader import read_scenario

        return read_scenario(source, overrides, allow_external=allow_external)


def seconds_of(duration: str, option: str) -> int:
    """Return a duration in seconds.

    Raises:
        ScenarioError: what was given to ``option`` is none.
    """
    from gridloom.simulators.quantities import parse_duration

    try:
        return parse_duration(duration)
    except ValueError as error:
        raise ScenarioError(Problem(message=f"{option} {duration}: {error}")) from None
