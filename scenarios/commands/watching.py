"""The command that shows what is going on."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def watch(
    path: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of a run or a campaign, or a record."),
    ],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Default: any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Show a run or a campaign live in the browser, on this machine only; Ctrl-C ends it."""
    from gridloom.scenarios.live import serve_watch

    def announce(address: str) -> None:
        print(f"{path}: {address}", flush=True)
        if not path.exists():
            print(f"there is no {path} yet: the page waits for it", flush=True)
        if sys.stdout.isatty() and not no_browser:
            import webbrowser

            webbrowser.open(address)

    serve_watch(path, port, announce=announce)
