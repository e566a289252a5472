"""One conversation with the simulator that is checked; every way it can fail has a name."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

from gridloom.simulators.conformance.in_process import InProcessPeer
from gridloom.simulators.conformance.options import CheckOptions
from gridloom.simulators.conformance.target import (
    AddressTarget,
    ClassTarget,
    CommandTarget,
    PythonTarget,
    Target,
)
from gridloom.simulators.remote.peer import (
    TOKEN_VARIABLE,
    Peer,
    PeerFailure,
    Program,
    connect,
    spawn,
)

SIMULATOR_ID = "checked"
SOURCE = "gridloom.check"
"""Full id of the entity from which the simulator receives everything."""
_WITNESS = Path(__file__).with_name("witness.py")
_HOST = (
    "import sys; from mosaik_api_v3 import start_simulation; from {module} import {name}; "
    "sys.exit(start_simulation({name}()))"
)
"""Runs a class in a process of its own as any other master would: gridloom's own runner forgives
what does not cross a socket elsewhere, such as NumPy's numbers."""
_SHORT_WAIT_S = 0.2
"""For a simulator that is known to hang."""
_ERROR = re.compile(r"[\w.]*(Error|Exception|error)\b.*: ")
"""How interpreters and virtual machines begin the line that says what was wrong."""

StepInputs: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Value by entity, attribute and source, as `step` takes them."""


class FailureKind(StrEnum):
    """How a call can fail."""

    REFUSED = "refused"
    """It answered with an error: it lives."""
    HUNG = "hung"
    """It did not answer in time."""
    LOST = "lost"
    """It is gone, or talks nonsense."""


class CallFailure(Exception):  # noqa: N818 -- an event that every check handles in its own way
    """A call to the simulator failed."""

    def __init__(self, kind: FailureKind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a simulator's process ended."""

    exit_code: int
    """Negative: the number of the signal that killed it."""
    left: Sequence[str]
    """Command lines of the processes that it left behind."""


class Session:
    """One instance of the simulator, from its start to its end."""

    def __init__(
        self, peer: Peer | InProcessPeer, options: CheckOptions, ending: Path | None
    ) -> None:
        self._peer = peer
        self._options = options
        self._ending = ending
        self._over: CallFailure | None = None

    @property
    def is_over(self) -> bool:
        """Whether it hangs, or is gone."""
        return self._over is not None

    async def init(self) -> Any:
        """Return the answer to `init`.

        Raises:
            CallFailure: there is none.
        """
        parameters = self._options.parameters
        limit_s = self._options.start_timeout_s
        return await self._call(
            "init", SIMULATOR_ID, timeout_s=limit_s, time_resolution=1.0, **parameters
        )

    async def create(self, number: int, model: str, **parameters: Any) -> Any:
        """Return the answer to `create`; raises as `init`."""
        limit_s = self._options.start_timeout_s
        return await self._call("create", number, model, timeout_s=limit_s, **parameters)

    async def set_up(self) -> None:
        """Tell it that everything is connected; raises as `init`."""
        await self._call("setup_done", timeout_s=self._options.start_timeout_s)

    async def step(self, time: int, inputs: StepInputs, *max_advance: int) -> Any:
        """Return the answer to `step`; raises as `init`."""
        limit_s = self._options.step_timeout_s
        return await self._call("step", time, inputs, *max_advance, timeout_s=limit_s)

    async def get_data(self, request: Mapping[str, Sequence[str]]) -> Any:
        """Return the answer to `get_data`; raises as `init`."""
        return await self._call("get_data", request, timeout_s=self._options.step_timeout_s)

    async def stop(self, timeout_s: float) -> str:
        """Let it finish; return what went wrong, or ''."""
        hangs = self._over is not None and self._over.kind is FailureKind.HUNG
        return await self._peer.stop(_SHORT_WAIT_S if hangs else timeout_s)

    def ending(self) -> Ending | None:
        """Return how its process ended by itself, once it was stopped; None where nobody knows."""
        if self._ending is None or not self._ending.exists():
            return None
        told = json.loads(self._ending.read_text(encoding="utf-8"))
        return Ending(exit_code=told["exit_code"], left=told["left"])

    async def _call(self, method: str, *args: Any, timeout_s: float, **kwargs: Any) -> Any:
        if self._over is not None:
            raise self._over
        begin = perf_counter()
        try:
            return await self._peer.call(method, *args, timeout_s=timeout_s, **kwargs)
        except PeerFailure as failure:
            hung = perf_counter() - begin >= timeout_s
            raise self._failure(failure, hung=hung) from failure
        except TypeError as error:
            raise CallFailure(FailureKind.REFUSED, f"it cannot be sent: {error}") from error

    def _failure(self, failure: PeerFailure, *, hung: bool) -> CallFailure:
        if failure.remote is not None:
            return CallFailure(FailureKind.REFUSED, failure.cause)
        kind = FailureKind.HUNG if hung else FailureKind.LOST
        self._over = CallFailure(kind, cause_of(failure))
        return self._over


def cause_of(failure: PeerFailure) -> str:
    """Return why it failed, with the last error that its process wrote, or else the last line."""
    lines = [line.strip() for line in failure.output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    last = (errors or lines or [""])[-1]
    return f"{failure.cause}, having written '{shortened(last, 300)}'" if last else failure.cause


async def open_session(
    target: Target, options: CheckOptions, folder: Path, start_timeout_s: float
) -> Session:
    """Start the simulator, or connect to it.

    Args:
        target: which simulator.
        options: its time limits and parameters.
        folder: an empty one, for what its process leaves to tell.
        start_timeout_s: until when it must have connected.

    Raises:
        PeerFailure: it cannot be started or reached.
    """
    if isinstance(target, ClassTarget):
        return Session(InProcessPeer(target.simulator, _answer), options, None)
    if isinstance(target, AddressTarget):
        peer = await connect(
            target.address,
            on_end=_ignore,
            timeout_s=start_timeout_s,
            answer=_answer,
            token=os.environ.get(TOKEN_VARIABLE, ""),
        )
        return Session(peer, options, None)
    ending = folder / "ending.json"
    program = Program(
        command=(sys.executable, "-I", "-S", str(_WITNESS), str(ending), *_command(target)),
    )
    peer = await spawn(program, on_end=_ignore, timeout_s=start_timeout_s, answer=_answer)
    return Session(peer, options, ending)


def shortened(text: str, limit: int = 160) -> str:
    """Return a text with what is beyond the limit left out."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()} ..."


def how_it_ended(ending: Ending) -> str:
    """Say how a process ended, as part of a sentence."""
    if ending.exit_code < 0:
        return f"its process was killed by signal {-ending.exit_code}"
    return f"its process ended with exit code {ending.exit_code}"


def _command(target: CommandTarget | PythonTarget) -> Sequence[str]:
    if isinstance(target, CommandTarget):
        return target.command
    module, _, name = target.name.partition(":")
    return (sys.executable, "-c", _HOST.format(module=module, name=name), "{address}")


def _ignore(failure: PeerFailure) -> None:
    """Let the next call notice that the simulator has ended."""


async def _answer(method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG001
    """Answer what a simulator may ask of mosaik, as in a scenario that has nothing else."""
    answers: dict[str, Any] = {"get_progress": 0.0, "get_related_entities": {}, "get_data": {}}
    if method not in (*answers, "set_data", "set_event"):
        raise RuntimeError(f"mosaik offers no method '{method}'")
    return answers.get(method)
