"""Which models of a scenario are computed elsewhere, and how."""

import shlex
from collections.abc import Mapping, Sequence

from gridloom.controllers.external import ExternalController
from gridloom.controllers.external_agent import ExternalAgent
from gridloom.controllers.external_rounds import AgentStepper
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.foreign import AgentRemote, ForeignRemote
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.served import ServedRemote
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.errors import Key
from gridloom.simulators.external.config import ForeignSimulatorConfig
from gridloom.simulators.external.simulator import External
from gridloom.simulators.external.stepping import Arrival, ForeignStepper
from gridloom.simulators.model import Model
from gridloom.simulators.quantities import Connect, ModelConfig

_HERE, _APART = "in this process", "in a process of its own"


def models_elsewhere(
    models: Mapping[str, Model],
    couplings: Sequence[Coupling],
    blueprint: Blueprint,
    supervisor: Supervisor,
) -> dict[str, RemoteModel]:
    """Return the models that another process computes, by name."""
    found: dict[str, RemoteModel] = {}
    for name, (key, config) in configs(blueprint.scenario).items():
        model = models[name]
        arrivals = _arrivals(models, couplings, name)
        if isinstance(model, ExternalAgent):
            found[name] = AgentRemote(model, AgentStepper(model, arrivals), key, supervisor)
        elif isinstance(model, External | ExternalController):
            found[name] = ForeignRemote(model, ForeignStepper(model, arrivals), key, supervisor)
        elif config.placement != "inprocess":
            found[name] = ServedRemote(model, config, key, supervisor, blueprint)
    return found


def names_elsewhere(models: Mapping[str, Model], scenario: Scenario) -> frozenset[str]:
    """Return the names of the models that gridloom does not step in this process itself."""
    return frozenset(
        name
        for name, (_, config) in configs(scenario).items()
        if isinstance(models[name], External | ExternalController)
        or config.placement != "inprocess"
    )


def _arrivals(
    models: Mapping[str, Model], couplings: Sequence[Coupling], name: str
) -> dict[str, list[Arrival]]:
    """Return when each input of a model gets values."""
    found: dict[str, list[Arrival]] = {}
    for each in couplings:
        if each.destination == name and not each.in_rounds:
            arrival = Arrival(step_s=models[each.source].step_size, shift_s=each.shift_s)
            found.setdefault(each.input.name, []).append(arrival)
    return found


def configs(scenario: Scenario) -> dict[str, tuple[Key, ModelConfig]]:
    """Return key and configuration of every model by name."""
    return {
        name: ((kind, name), config)
        for kind, group in (
            ("simulators", scenario.simulators),
            ("controllers", scenario.controllers),
        )
        for name, config in group.items()
    }


def where_computed(config: ModelConfig) -> str:
    """Say where a model is computed, as in 'in this process'."""
    placement = config.placement
    if isinstance(config, ForeignSimulatorConfig):
        if config.command is not None:
            return f"by the program {shlex.join(config.command)}"
        if config.connect is not None:
            return f"by the foreign simulator at {config.connect}"
        return f"by {config.python}, {_HERE if placement == 'inprocess' else _APART}"
    if isinstance(placement, Connect):
        return f"at {placement.connect}"
    return _HERE if placement == "inprocess" else _APART
