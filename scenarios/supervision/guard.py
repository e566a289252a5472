"""Watches over every step that is computed in this process."""

import math
import signal
from collections.abc import Callable, Iterable
from typing import TypeVar

from gridloom.scenarios.run_folder import Interrupted
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.scenarios.tracing import Stopwatch
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import Inputs, Outputs
from gridloom.simulators.mosaik_adapter import ModelSimulator

_Result = TypeVar("_Result")


class Guard:
    """Sees to it that the steps of one model neither hang nor end this process, and times them."""

    def __init__(
        self,
        simulator: ModelSimulator,
        supervisor: Supervisor,
        watchdog: Watchdog,
        stopwatch: Stopwatch,
        limit_s: float = math.inf,
    ) -> None:
        """Begin to watch.

        Args:
            simulator: of the model.
            supervisor: knows whether the run has to end.
            watchdog: ends a step that takes longer than ``limit_s``.
            stopwatch: takes the time.
            limit_s: wall time that a step may take.
        """
        self._simulator = simulator
        self._name = simulator.model.name
        self._supervisor, self._watchdog, self._stopwatch = supervisor, watchdog, stopwatch
        self._limit_s = limit_s

    def step(self, time: int, work: Callable[..., _Result], *args: object) -> _Result:
        """Return what ``work``, the model's step for this simulation time, returns.

        Raises:
            SimulatorError: the step hangs, or the model called `sys.exit`.
            Interrupted: the user pressed Ctrl-C for the second time.
            GridloomError: what ends the run, or what ``work`` raises.
        """
        return self._watched(time, work, args, is_step=True)

    def round(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        """Return what the model says in a round of a negotiation; see `step` for what is raised."""
        args = (time, number, arrays)
        return self._watched(time, self._simulator.negotiate, args, is_step=False)

    def _watched(
        self, time: int, work: Callable[..., _Result], args: Iterable[object], *, is_step: bool
    ) -> _Result:
        supervisor = self._supervisor
        supervisor.check()
        supervisor.time = time
        self._watchdog.begin(self._name, time, self._limit_s)
        self._stopwatch.begin(time)
        try:
            return work(*args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise no_way_out(error, self._name, time) from error
        finally:
            self._stopwatch.end(self._simulator.busy_s, is_step=is_step)
            self._watchdog.end()


def no_way_out(error: BaseException, name: str, time: int) -> SimulatorError | Interrupted:
    """Return the error that ends the run in order, for one that would end this very process."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(signal.SIGINT, time)
    return SimulatorError(name, time, f"SystemExit: {error}")
