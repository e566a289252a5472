"""Finds the ports that a scenario names."""

from collections.abc import Mapping

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import Direction, Model, Port


def ports_of(model: Model, direction: Direction) -> list[Port]:
    """Return a model's ports of one direction."""
    return [port for port in model.ports if port.direction is direction]


def find_port(
    models: Mapping[str, Model], text: str, direction: Direction, key: Key
) -> tuple[str, Port]:
    """Return model and port that a scenario calls ``text``, as in 'pv.power_kw'.

    Raises:
        ScenarioError: at ``key``: there is no such model, or it has no such port.
    """
    name, _, signal = text.partition(".")
    if name not in models:
        raise ScenarioError(
            Problem(
                message=f"there is no model '{name}'",
                key=key,
                expected=f"model.signal with a model among {listing(list(models))}",
                suggestion=nearest(name, models),
            )
        )
    ports = {port.name: port for port in ports_of(models[name], direction)}
    if signal not in ports:
        raise ScenarioError(
            Problem(
                message=f"'{name}' has no {direction} '{signal}'",
                key=key,
                expected=f"one of {listing(list(ports))}"
                if ports
                else f"a model with {direction}s",
                suggestion=nearest(signal, ports),
            )
        )
    return name, ports[signal]
