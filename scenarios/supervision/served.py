"""A model of gridloom that `gridloom serve`, or a process of our own, computes."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import Key
from gridloom.simulators.model import Inputs, Model, Outputs
from gridloom.simulators.quantities import Connect, ModelConfig
from gridloom.simulators.remote.arrays import pack, unpack
from gridloom.simulators.remote.peer import (
    TOKEN_VARIABLE,
    PeerFailure,
    Program,
    connect,
    spawn,
)
from gridloom.simulators.remote.serving import BLUEPRINT, port_table


class ServedRemote(RemoteModel):
    """A model of gridloom, built and stepped by `gridloom serve` or a process of our own."""

    def __init__(
        self,
        model: Model,
        config: ModelConfig,
        key: Key,
        supervisor: Supervisor,
        blueprint: Blueprint,
    ) -> None:
        super().__init__(model, config, key, supervisor)
        self._blueprint = blueprint

    @override
    async def summary(self) -> Mapping[str, float]:
        try:
            return dict(await self._call("summary"))
        except PeerFailure as failure:
            raise self._error(failure) from failure

    @override
    async def _start(self) -> None:
        timeout_s = float(self.config.start_timeout)
        placement = self.config.placement
        if isinstance(placement, Connect):
            token = os.environ.get(TOKEN_VARIABLE, "")
            self._peer = await connect(
                placement.connect, on_end=self._ended, timeout_s=timeout_s, token=token
            )
            blueprint = self._blueprint.with_files()
        else:
            command = (sys.executable, "-m", "gridloom.scenarios.serving", "{address}")
            program = Program(command=command, shows_token=True)
            self._peer = await spawn(program, on_end=self._ended, timeout_s=timeout_s)
            blueprint = self._blueprint
        answer = await self._peer.call(
            "init",
            self.model.name,
            timeout_s=timeout_s,
            time_resolution=1.0,
            **{BLUEPRINT: blueprint.as_json(self.model.name)},
        )
        theirs = answer.get("ports") if isinstance(answer, dict) else None
        if theirs != port_table(self.model):
            raise PeerFailure("it serves a model with other ports: is it the same gridloom?")
        self.initial_outputs = unpack(answer["initial_outputs"])
        await self._peer.call("setup_done", timeout_s=timeout_s)

    @override
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        said = self._read("advance", await self._call("advance", time, pack(arrays)))
        if said is None:
            raise PeerFailure("it answered nothing to 'advance'")
        return said

    @override
    async def _negotiate(self, time: int, number: int, arrays: Inputs) -> Outputs | None:
        answer = await self._call("negotiate", time, number, pack(arrays))
        return self._read("negotiate", answer)

    def _read(self, method: str, answer: Any) -> Outputs | None:
        """Return what an answer says, and note the time it took."""
        try:
            packed, busy_s = answer
            self.busy_s += float(busy_s)
            return None if packed is None else unpack(packed)
        except (TypeError, ValueError) as error:
            raise PeerFailure(f"its answer to '{method}' cannot be read: {error}") from error

    async def _call(self, method: str, *args: Any) -> Any:
        assert self._peer is not None  # noqa: S101 -- `start` comes first
        return await self._peer.call(method, *args, timeout_s=float(self.config.step_timeout))
