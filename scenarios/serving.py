"""Serves models to runs: the process of `placement: process`, and `gridloom serve`."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gridloom.simulators.model import Model
from gridloom.simulators.remote.serving import serve_once


def _build(blueprint: Mapping[str, Any] | None) -> Model:
    from gridloom.scenarios.supervision.blueprint import build_served

    if blueprint is None:
        raise ValueError("expected a run of gridloom")
    return build_served(blueprint)


def main(address: str) -> None:
    """Serve the run that listens at ``address`` until it says stop or is gone."""
    host, _, port = address.rpartition(":")
    with suppress(KeyboardInterrupt, ConnectionError):
        asyncio.run(serve_once(host, int(port), _build))


if __name__ == "__main__":
    main(sys.argv[1])
