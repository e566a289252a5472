"""Runs a simulator class in a process of its own: `python -m ... module:Class HOST:PORT`."""

import asyncio
import sys

from mosaik_api_v3 import run_as_client

from gridloom.simulators.external.stepping import find_class


def main(name: str, address: str) -> None:
    """Connect the simulator class ``name`` to the mosaik master that listens at ``address``."""
    host, _, port = address.rpartition(":")
    asyncio.run(run_as_client(find_class(name)(), host, int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
