"""What all simulators of a run have in common: the first fault of any ends the run for all."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from gridloom.simulators.errors import GridloomError

_Result = TypeVar("_Result")


class Interruptible(Protocol):
    """Somebody who may be waiting for a simulator in another process."""

    def interrupt(self) -> None:
        """Stop waiting now."""


class Supervisor:
    """Knows the fault that ends a run, and whom to wake up when it comes."""

    def __init__(self) -> None:
        self.fault: GridloomError | None = None
        """What ends the run; None while all is well."""
        self.time = 0
        """Simulation time of the step that was begun last, in seconds."""
        self._waiting: list[Interruptible] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.Event | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell which event loop the run lives in."""
        self._loop = loop
        self._alarm = asyncio.Event()
        if self.fault is not None:
            self._alarm.set()

    def detach(self) -> None:
        """Note that the event loop is gone."""
        self._loop = None

    def watch(self, waiting: Interruptible) -> None:
        """Wake up this one too when a fault comes."""
        self._waiting.append(waiting)

    def report(self, fault: GridloomError) -> None:
        """End the run because of ``fault``; later ones are its consequences and make no difference.

        Must be called in the event loop of the run; see `report_soon` for everywhere else.
        """
        if self.fault is None:
            self.fault = fault
            if self._alarm is not None:
                self._alarm.set()
            for waiting in self._waiting:
                waiting.interrupt()

    def report_soon(self, fault: GridloomError) -> None:
        """End the run because of ``fault``, from a signal handler or another thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            self.fault = self.fault or fault
        else:
            loop.call_soon_threadsafe(self.report, fault)

    def check(self) -> None:
        """Raise the fault, if there is one."""
        if self.fault is not None:
            raise self.fault

    async def unless_fault(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what ``work`` returns, or raise the fault that comes before.

        For what takes long and happens rarely: starting a simulator.
        """
        assert self._alarm is not None  # noqa: S101 -- the run is attached to its loop first
        task = asyncio.create_task(work)
        alarm = asyncio.create_task(self._alarm.wait())
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                self.check()
            return await task
        finally:
            alarm.cancel()
