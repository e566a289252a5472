"""Which schemes can serve a scenario, and why the others cannot.

Each installed scheme is tried on each simulator with its default keys: it says itself what it
lacks. A coordinator is tried with an agent for every simulator that any type of agent can speak
for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gridloom.controllers.controller import ControlContext, Controller
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.coordinator import Coordinator
from gridloom.controllers.negotiation.terms import Terms
from gridloom.scenarios.composition import Composition
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.types import find_type, known_types
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, Model
from gridloom.simulators.quantities import format_duration


@dataclass(frozen=True, kw_only=True)
class Suitability:
    """What a scheme can do in a scenario."""

    scheme: str
    """Type of the controller."""
    serves: tuple[str, ...]
    """Simulators that it can control."""
    reason: str
    """Why it can serve none, or ''."""


def suitabilities(composition: Composition) -> list[Suitability]:
    """Return what each installed scheme can do in a scenario, by name."""
    found = {name: find_type("controllers", name) for name in known_types("controllers")}
    simulators = {n: m for n, m in composition.models.items() if not isinstance(m, Controller)}
    trial = _Trial(composition, simulators)
    agents: dict[str, Controller] = {}
    schemes: list[Suitability] = []
    coordinators = {name for name, each in found.items() if issubclass(each, Coordinator)}
    # Agents first: coordinators need them.
    for name in sorted(found, key=lambda name: (name in coordinators, name)):
        built, reason = trial.serves(name, found[name], agents)
        if issubclass(found[name], Agent):
            agents |= {f"{at}_agent": agent for at, agent in built.items()}
        schemes.append(Suitability(scheme=name, serves=tuple(built), reason=reason))
    return sorted(schemes, key=lambda each: each.scheme)


@dataclass(frozen=True)
class _Trial:
    """Builds schemes as if the scenario named them."""

    composition: Composition
    simulators: Mapping[str, Model]

    def serves(
        self, name: str, scheme: type[Any], agents: Mapping[str, Controller]
    ) -> tuple[dict[str, Controller], str]:
        """Return the scheme built on each simulator that it can control; else why not."""
        built: dict[str, Controller] = {}
        reasons: dict[str, str] = {}
        for at in self.simulators:
            try:
                built[at] = self._build(name, scheme, at, agents)
            except ScenarioError as error:
                reasons[at] = error.problems[0].message
            except ValidationError as error:
                missing = ", ".join(_missing(error))
                return {}, f"needs keys of its own: {missing}" if missing else str(error)
        return built, "" if built else _most_telling(reasons)

    def _build(
        self, name: str, scheme: type[Any], at: str, agents: Mapping[str, Controller]
    ) -> Controller:
        scenario = self.composition.scenario
        pace_s = max(scenario.step_size, self.simulators[at].step_size)
        keys = {"type": name, "controls": at, "step_size": format_duration(pace_s)}
        config = scheme.Config.model_validate(keys)
        coordinators: dict[str, Terms] = {}
        if issubclass(scheme, Coordinator):
            coordinators[name] = config.terms(name)
            agents = self._for(coordinators, agents)
        context = ControlContext(
            build=_context(self.composition, scenario, name),
            models=self.simulators,
            coordinators=coordinators,
            agents=agents,
        )
        controller: Controller = scheme(config, context)
        return controller

    def _for(
        self, coordinators: Mapping[str, Terms], agents: Mapping[str, Controller]
    ) -> dict[str, Controller]:
        """Return agents that were built on their own anew, on the coordinator's terms."""
        found: dict[str, Controller] = {}
        for name, agent in agents.items():
            (terms,) = coordinators.values()
            kind = type(agent)
            keys = {
                "type": name,
                "controls": agent.controlled.name,
                "step_size": format_duration(terms.interval_s),
            }
            context = ControlContext(
                build=_context(self.composition, self.composition.scenario, name),
                models=self.simulators,
                coordinators=coordinators,
            )
            found[name] = kind(kind.Config.model_validate(keys), context)  # type: ignore[arg-type]
        return found


def _context(composition: Composition, scenario: Scenario, name: str) -> BuildContext:
    return BuildContext(
        name=name,
        start=scenario.start,
        duration_s=scenario.duration_s,
        seed=scenario.seed,
        folders=composition.folders,
        connection_points=composition.connection_points,
        groups={group: tuple(members) for group, members in scenario.groups.items()},
    )


def _missing(error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        if each["type"] == "missing":
            yield ".".join(str(part) for part in each["loc"])


def _most_telling(reasons: Mapping[str, str]) -> str:
    """Return the reason that fewest simulators share: the others lack what it takes to be steered.

    Ties go to the first in the scenario's order.
    """
    texts = [reason.replace(f"'{at}'", "it") for at, reason in reasons.items()]
    if not texts:
        return "there is nothing to control"
    rarest = min(range(len(texts)), key=lambda index: (texts.count(texts[index]), index))
    at = list(reasons)[rarest]
    return f"{at}: {reasons[at]}"
