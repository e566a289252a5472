"""What `gridloom profile` starts: `gridloom run`, and the wall times of its phases in a file.

python -m gridloom.scenarios.profiled_run TIMES.json SCENARIO [OPTIONS OF gridloom run]
"""

from time import perf_counter, process_time

BEGIN = perf_counter(), process_time()
"""When the interpreter was ready, and its CPU time until then."""

# What is imported from here on counts as imports.
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from gridloom.simulators.phases import Phases  # noqa: E402


def main() -> None:
    """Run the command line, and write the times however it ends."""
    target, *arguments = sys.argv[1:]
    sys.argv = ["gridloom", "run", *arguments]
    phases = Phases()
    try:
        with phases.watching():
            from gridloom.scenarios import cli

            cli.main()
    finally:
        times = {
            "ready": BEGIN,
            "phases": list(phases.spent().items()),
            "cpu_s": sum(os.times()[:4]),  # its own and that of processes it started
            "done_s": perf_counter(),
        }
        Path(target).write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main()
