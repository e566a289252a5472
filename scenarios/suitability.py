"""Which schemes can serve a scenario, and why the others cannot.

Each installed scheme is tried on each simulator with its default keys: it says itself what it
lacks. A coordinator is tried with an agent for every simulator that any type of agent can speak
for; coordinators that are in the scenario do not count.
"""

from collections.abc import Mapping, Sequence
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
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import BuildContext, Direction
from gridloom.simulators.quantities import format_duration

_WHAT_IT_CONTROLS = ("controls",)
"""Key of problems that are due to the kind of the controlled devices."""


@dataclass(frozen=True, kw_only=True)
class Suitability:
    """What a scheme can do in a scenario."""

    scheme: str
    """Type of the controller."""
    serves: tuple[str, ...]
    """Simulators that it can control."""
    agents: tuple[str, ...] = ()
    """Types of the agents that it needs beside it, if it coordinates agents."""
    reason: str
    """Why it can serve none, or ''."""


def suitabilities(composition: Composition) -> list[Suitability]:
    """Return what each installed scheme can do in a scenario, by name."""
    found = {name: find_type("controllers", name) for name in known_types("controllers")}
    coordinators = {name for name, each in found.items() if issubclass(each, Coordinator)}
    trial = _Trial(composition)
    schemes: list[Suitability] = []
    # Agents first: coordinators need them.
    for name in sorted(found, key=lambda name: (name in coordinators, name)):
        serves, reason = trial.serves(name, found[name])
        if issubclass(found[name], Agent):
            trial.note_agent(name, found[name], serves)
        scheme, beside = found[name], set[str]()
        if issubclass(scheme, Coordinator):
            known = trial.agents[scheme.asks_for_targets]
            beside = {kind for kind, _ in known.values()}
        schemes.append(
            Suitability(
                scheme=name,
                serves=serves,
                agents=tuple(sorted(beside)) if serves else (),
                reason=reason,
            )
        )
    return sorted(schemes, key=lambda each: each.scheme)


class _Trial:
    """Builds schemes as if the scenario named them."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._simulators = {
            n: m for n, m in composition.models.items() if not isinstance(m, Controller)
        }
        self.agents: dict[bool, dict[str, tuple[str, type[Any]]]] = {False: {}, True: {}}
        """By whether they are asked for targets, and by simulator: the first type of agent that can
        then speak for it, and its class."""
        self._agents_on: dict[Terms, dict[str, Controller]] = {}
        """Agents that were built, by the terms on which they negotiate."""

    def note_agent(self, name: str, kind: type[Agent], serves: Sequence[str]) -> None:
        """Take note of the simulators that a type of agent can speak for."""
        for asked_for_targets, agents in self.agents.items():
            if kind.answers_targets == asked_for_targets or not kind.is_flexible:
                for at in serves:
                    agents.setdefault(at, (name, kind))

    def serves(self, name: str, scheme: type[Any]) -> tuple[tuple[str, ...], str]:
        """Return the simulators that a scheme can control; else why there is none."""
        serves: list[str] = []
        refusals: dict[str, Problem] = {}
        for at in self._simulators:
            try:
                self._build(name, scheme, at)
                serves.append(at)
            except ScenarioError as error:
                refusals[at] = error.problems[0]
            except ValidationError as error:
                return (), _of_its_keys(error)
        return tuple(serves), "" if serves else self._most_telling(scheme, refusals)

    def _build(self, name: str, scheme: type[Any], at: str) -> None:
        pace_s = max(self._composition.scenario.step_size, self._simulators[at].step_size)
        config = _config(name, scheme, at, pace_s)
        is_coordinator = issubclass(scheme, Coordinator)
        terms = config.terms(name, self._simulators) if is_coordinator else None
        fits = not self._lacking(scheme, at)  # otherwise it refuses whatever agents there are
        agents: Mapping[str, Controller] = {}
        if terms is not None and fits:
            agents = self._agents(terms, asked_for_targets=scheme.asks_for_targets)
        scheme(config, self._context(name, terms, agents))

    def _agents(self, terms: Terms, *, asked_for_targets: bool) -> dict[str, Controller]:
        """Return an agent for every simulator that one can speak for, on a coordinator's terms."""
        if terms not in self._agents_on:
            self._agents_on[terms] = {
                f"{at}_agent": kind(
                    _config(name, kind, at, terms.interval_s),
                    self._context(f"{at}_agent", terms, {}),
                )
                for at, (name, kind) in self.agents[asked_for_targets].items()
            }
        return self._agents_on[terms]

    def _context(
        self, name: str, terms: Terms | None, agents: Mapping[str, Controller]
    ) -> ControlContext:
        return ControlContext(
            build=_context(self._composition, self._composition.scenario, name),
            models=self._simulators,
            coordinators={} if terms is None else {terms.coordinator: terms},
            agents=agents,
        )

    def _most_telling(self, scheme: type[Any], refusals: Mapping[str, Problem]) -> str:
        """Return what it takes, said of the simulator that comes nearest to having it."""
        lacking = {at: self._lacking(scheme, at) for at in refusals}
        fitting = {at: problem for at, problem in refusals.items() if not lacking[at]}
        for at, problem in fitting.items():
            if problem.key != _WHAT_IT_CONTROLS:  # of the right kind; something else is wrong
                return f"{at}: {problem.message}{_wanted(problem)}"
        for at, problem in fitting.items():
            return f"needs {problem.expected}" if problem.expected else f"{at}: {problem.message}"
        if not refusals:
            return "there is nothing to control"
        fewest = min(lacking.values(), key=len)
        verbs = dict.fromkeys(verb for verb, _ in fewest)
        parts = (f"{v} {listing([name for verb, name in fewest if verb == v])}" for v in verbs)
        return f"needs a simulator that {' and '.join(parts)}"

    def _lacking(self, scheme: type[Any], at: str) -> list[tuple[str, str]]:
        """Return what a simulator's devices do not do that a scheme declares to need.

        Returns:
            Whether it is to tell or to obey, and the name of the signal.
        """
        has = {(port.direction, port.signal) for port in self._simulators[at].ports}
        needed = [("tells", Direction.OUTPUT, signal) for signal in getattr(scheme, "observes", ())]
        needed += [("obeys", Direction.INPUT, signal) for signal in getattr(scheme, "decides", ())]
        return [(verb, signal.name) for verb, way, signal in needed if (way, signal) not in has]


def _config(name: str, scheme: type[Any], at: str, pace_s: int) -> Any:
    """Return the default keys of a scheme, as its own class of configuration."""
    return scheme.Config.model_validate(
        {"type": name, "controls": at, "step_size": format_duration(pace_s)}
    )


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


def _wanted(problem: Problem) -> str:
    """Return what would have been accepted, as the rest of a sentence, or ''."""
    if not problem.expected:
        return ""
    key = ".".join(str(part) for part in problem.key if part != "type")
    return f"; {key} should be {problem.expected}" if key else f"; needs {problem.expected}"


def _of_its_keys(error: ValidationError) -> str:
    """Return which keys a scheme cannot do without."""
    missing = [
        ".".join(str(part) for part in each["loc"])
        for each in error.errors()
        if each["type"] == "missing"
    ]
    if not missing:
        return str(error)
    return f"needs {'the key' if len(missing) == 1 else 'the keys'} {listing(missing)}"
