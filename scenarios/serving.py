"""Serves models to runs: the process of `placement: process`, and `gridloom serve`."""

import asyncio
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridloom.scenarios.foreign_code import foreign_code
from gridloom.simulators.errors import Problem, ScenarioError, dotted, nearest
from gridloom.simulators.model import Model
from gridloom.simulators.remote.peer import TOKEN_VARIABLE
from gridloom.simulators.remote.serving import serve, serve_once

if TYPE_CHECKING:
    from gridloom.scenarios.reader import ScenarioDocument
    from gridloom.scenarios.schema import Scenario


@dataclass(frozen=True, kw_only=True)
class Service:
    """What `gridloom serve` offers: models of one name or type, to one run after the other."""

    model: str
    """Name of a model in the scenario, or a type."""
    scenario: "Scenario | None" = None
    """What a stock mosaik master gets; a run of gridloom brings its own scenario."""
    folders: Sequence[Path] = ()
    """Where files and modules are looked up besides those that a run sends."""
    allow_external: bool = False
    """Whether what a run asks for may import foreign modules and load machine code."""

    @staticmethod
    def of(
        model: str,
        document: "ScenarioDocument | None",
        variant: str | None,
        *,
        allow_external: bool,
    ) -> "Service":
        """Return the service of a model, of a scenario if one is given.

        Raises:
            ScenarioError: the scenario has no such model, or there is no such type.
        """
        if document is None:
            from gridloom.scenarios.types import KINDS, known_types

            known = [name for kind in KINDS for name in known_types(kind)]
            _require(model, known, "type", "or give the scenario it is of with --scenario")
            return Service(model=model, folders=(Path.cwd(),), allow_external=allow_external)
        scenario = document.scenario(variant or next(iter(document.variants), None))
        _require(model, [*scenario.simulators, *scenario.controllers], "model", "")
        return Service(
            model=model,
            scenario=scenario,
            folders=document.folders,
            allow_external=allow_external,
        )

    def build(self, blueprint: Mapping[str, Any] | None) -> Model:
        """Build the model that a run asks for, or the scenario's own for a stock mosaik master.

        Raises:
            ScenarioError: it is not what is served here, or may not be built here.
        """
        from gridloom.scenarios.building import build_models
        from gridloom.scenarios.supervision.blueprint import build_served

        if blueprint is not None:
            self._require_offered(blueprint)
            return build_served(blueprint, self.folders)
        if self.scenario is None:
            raise ScenarioError(
                Problem(
                    message="the run brought no scenario",
                    expected="a run of gridloom, or 'gridloom serve' with --scenario",
                )
            )
        return build_models(self.scenario, self.folders)[self.model]

    def _require_offered(self, blueprint: Mapping[str, Any]) -> None:
        tree = blueprint.get("scenario")
        # Whoever asks chooses the names in a scenario: of a type, the name says nothing.
        name = blueprint.get("name")
        asked = name if self.scenario is not None else _type_of(tree, name)
        if asked != self.model:
            raise ScenarioError(
                Problem(
                    message=f"'{asked}' was asked for, and '{self.model}' is served here",
                    key=("placement", "connect"),
                )
            )
        if blueprint.get("folders"):
            raise ScenarioError(
                Problem(
                    message="a run may not say in which folders of the server files are looked up",
                    key=("placement", "connect"),
                    expected="a run that sends its files",
                )
            )
        foreign = [(key, what) for key, what in foreign_code(tree) if key[-1] != "connect"]
        if foreign and not self.allow_external:
            key, what = foreign[0]
            raise ScenarioError(
                Problem(
                    message=f"the server does not do this for others: {dotted(key)} {what}",
                    key=("placement", "connect"),
                    suggestion="start it with `gridloom serve --allow-external` if it may",
                )
            )


def run_service(
    service: Service, host: str, port: int, *, once: bool, ready: Callable[[str, int], None]
) -> None:
    """Serve until interrupted, or after the first run.

    Raises:
        ScenarioError: the address cannot be listened at, or is open to others without a secret.
    """
    if not _is_loopback(host) and not os.environ.get(TOKEN_VARIABLE):
        raise ScenarioError(
            Problem(
                message=f"whoever reaches {host} could use this server",
                expected=f"a secret in the environment variable {TOKEN_VARIABLE}, the same here "
                "and where `gridloom run` is called",
            )
        )
    try:
        asyncio.run(serve(host, port, service.build, ready=ready, once=once))
    except OSError as error:
        raise ScenarioError(
            Problem(
                message=f"cannot listen at {host}:{port}: {error.strerror or error}",
                suggestion="choose another --port, or 0 for any that is free",
            )
        ) from error


def main(address: str) -> None:
    """Serve the run that listens at ``address`` until it says stop or is gone."""
    host, _, port = address.rpartition(":")
    with suppress(KeyboardInterrupt, ConnectionError):
        asyncio.run(serve_once(host, int(port), _build_for_own_run))


def _build_for_own_run(blueprint: Mapping[str, Any] | None) -> Model:
    from gridloom.scenarios.supervision.blueprint import build_served

    if blueprint is None:
        raise ValueError("expected a run of gridloom")
    return build_served(blueprint, is_own_run=True)


def _type_of(scenario: Any, name: Any) -> str | None:
    """Return the type of the model of that name in a scenario of plain values, valid or not."""
    for kind in ("simulators", "controllers"):
        models = scenario.get(kind) if isinstance(scenario, dict) else None
        model = models.get(name) if isinstance(models, dict) else None
        if isinstance(model, dict):
            return str(model.get("type"))
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require(model: str, known: Sequence[str], what: str, hint: str) -> None:
    if model not in known:
        raise ScenarioError(
            Problem(
                message=f"there is no {what} '{model}'",
                expected=f"one of {', '.join(known)}",
                suggestion=nearest(model, known) or hint,
            )
        )


if __name__ == "__main__":
    main(sys.argv[1])
