"""Who sends what to whom: couplings inferred from ports, and added by the scenario.

A port connects to the ports of the same signal at the same connection point. A port that the
scenario names under `couplings:` takes its sources from there alone. A controller is told of the
devices it controls and what it names of its surroundings; it steers the former alone. What closes a
loop is handed over one step late, and `gridloom describe` says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridloom.controllers.controller import Controller
from gridloom.scenarios.places import ambiguity, meet, pairs
from gridloom.scenarios.port_names import find_port, ports_of
from gridloom.scenarios.schema import CouplingConfig
from gridloom.simulators.errors import Key, Problem, ScenarioError
from gridloom.simulators.market import TakesPosition
from gridloom.simulators.model import Direction, FloatArray, Model, Outputs, Port
from gridloom.simulators.quantities import format_duration
from gridloom.simulators.signals import POWER_SETPOINT
from gridloom.simulators.tariff import Tariff


@dataclass(frozen=True, kw_only=True)
class Coupling:
    """One output port feeding one input port."""

    source: str
    """Model that sends."""
    destination: str
    output: Port
    input: Port
    shift_s: int = 0
    """How much later the destination receives it: 0, or the source's step size in a loop."""

    is_reply: bool = False
    """Whether it answers, within the rounds of a negotiation, what its destination asked."""

    @property
    def at_once(self) -> bool:
        """Whether the destination waits for the source within the step."""
        return not (self.shift_s or self.is_reply)

    @property
    def arrives(self) -> str:
        """When the destination receives it, in words."""
        if self.in_rounds:
            return "in each round"
        return f"{format_duration(self.shift_s)} later" if self.shift_s else "at once"

    @property
    def in_rounds(self) -> bool:
        """Whether it belongs to a negotiation."""
        return self.output.in_rounds

    @property
    def is_fed_back(self) -> bool:
        """Whether the value arrives one step late."""
        return self.shift_s > 0

    def transform(self) -> Callable[[FloatArray], FloatArray] | None:
        """Return the function that reorders the source's elements into the destination's.

        None where both speak of the same elements in the same order. Values of several elements
        that meet at one place add up (extensive signals); a value at one place reaches all the
        elements there (intensive signals), and NaN stands where there is none. A single value
        reaches all elements.
        """
        if self.input.elements is None:
            return None
        shape = self.input.shape
        if self.output.elements is None:
            return lambda value: np.full(shape, value)
        index, taken = pairs(self.output, self.input)
        in_order = np.arange(shape[0])
        if self.output.shape == shape and np.array_equal([index, taken], [in_order, in_order]):
            return None
        adds_up = self.output.signal.extensive
        if np.array_equal(index, in_order):  # one value each: nothing to add, nothing left out
            return lambda values: values[taken]
        if adds_up and len(np.unique(index)) < len(index):

            def gather(values: FloatArray) -> FloatArray:
                received = np.zeros(shape)
                np.add.at(received, index, values[taken])
                return received

            return gather
        elsewhere = 0.0 if adds_up else np.nan

        def spread(values: FloatArray) -> FloatArray:
            received = np.full(shape, elsewhere)
            received[index] = values[taken]
            return received

        return spread

    def initial(self, known: Outputs) -> FloatArray:
        """Return what the destination receives before the source has stepped, read-only.

        Args:
            known: the source's initial outputs.
        """
        value = known.get(self.output.name, self.output.blank())
        transform = self.transform()
        received = value if transform is None else transform(value)
        received.setflags(write=False)
        return received


def couple(models: Mapping[str, Model], configured: Sequence[CouplingConfig]) -> list[Coupling]:
    """Return all couplings of a scenario, ordered by destination, input and source.

    The order of the models in the scenario makes no difference.

    Raises:
        ScenarioError: a configured coupling names no port or does not fit, a required input has no
            source, sources contradict each other, or a loop cannot be opened.
    """
    explicit, problems = _explicit_couplings(models, configured)
    if problems:
        raise ScenarioError(*problems)
    taken = {(c.destination, c.input.name) for c in explicit}
    inferred = [c for c in _inferred(models) if (c.destination, c.input.name) not in taken]
    couplings = sorted([*explicit, *inferred], key=_order)
    problems = [
        *_missing_sources(models, couplings),
        *_contradictions(models, couplings),
        *_ambiguities(models, inferred),
        *_sampled_energy(models, couplings),
    ]
    if problems:
        raise ScenarioError(*problems)
    return _open_loops(models, couplings)


def _order(coupling: Coupling) -> tuple[str, ...]:
    return coupling.destination, coupling.input.name, coupling.source, coupling.output.name


def _inferred(models: Mapping[str, Model]) -> Iterator[Coupling]:
    """Yield the couplings that the ports' signals and places suggest."""
    outputs = [(name, port) for name, m in models.items() for port in ports_of(m, Direction.OUTPUT)]
    for name, model in models.items():
        for port in ports_of(model, Direction.INPUT):
            for source, output in outputs:
                fits = (output.signal, output.dimensions, output.in_rounds) == (
                    port.signal,
                    port.dimensions,
                    port.in_rounds,
                )
                if fits and _concerns(models, source, name, output) and meet(output, port):
                    yield Coupling(source=source, destination=name, output=output, input=port)


def _concerns(models: Mapping[str, Model], source: str, destination: str, output: Port) -> bool:
    """Whether what one model sends is any of another's business."""
    if output.in_rounds:
        return models[source].leads_rounds != models[destination].leads_rounds
    sender, receiver = models[source], models[destination]
    if isinstance(receiver, Controller):
        return receiver.listens_to(source, output.signal)
    if isinstance(sender, Controller):
        return sender.controlled.name == destination
    return source != destination


def _explicit_couplings(
    models: Mapping[str, Model], configured: Sequence[CouplingConfig]
) -> tuple[list[Coupling], list[Problem]]:
    couplings: list[Coupling] = []
    problems: list[Problem] = []
    for i, config in enumerate(configured):
        try:
            couplings.append(_explicit(models, config, ("couplings", i)))
        except ScenarioError as error:
            problems += error.problems
    return couplings, problems


def _explicit(models: Mapping[str, Model], configured: CouplingConfig, key: Key) -> Coupling:
    source, output = find_port(models, configured.source, Direction.OUTPUT, (*key, "from"))
    destination, port = find_port(models, configured.destination, Direction.INPUT, (*key, "to"))
    coupling = Coupling(source=source, destination=destination, output=output, input=port)
    problem = _misfit(coupling, models[destination])
    if problem:
        raise ScenarioError(Problem(message=problem, key=key))
    return coupling


def _misfit(coupling: Coupling, receiver: Model) -> str:
    """Say why a configured coupling is impossible, or ''."""
    output, port = coupling.output, coupling.input
    if output.signal.unit != port.signal.unit:
        return f"{output.name} is in {output.signal.unit}, {port.name} in {port.signal.unit}"
    if (output.dimensions, output.in_rounds) != (port.dimensions, port.in_rounds):
        alike = output.dimensions == port.dimensions
        how = (
            "are not both for the rounds of a negotiation" if alike else "have different dimensions"
        )
        return f"{output.name} and {port.name} {how}"
    if (output.elements is None) != (port.elements is None) and not _reaches_all(output, port):
        return f"one of {output.name} and {port.name} is a single value, the other is not"
    if not (output.elements is None or port.elements is None or len(pairs(output, port)[0])):
        return (
            f"no element of '{coupling.source}' is where an element of '{coupling.destination}' is"
        )
    if isinstance(receiver, Controller) and not receiver.may_know(output.signal):
        return (
            f"{output.name} belongs to '{output.signal.information}', which '{receiver.name}' may "
            f"not know"
        )
    return ambiguity(output, port)


def _reaches_all(output: Port, port: Port) -> bool:
    """Whether a single value may be handed to every element: a price or the weather, no power."""
    return output.elements is None and not (output.signal.extensive or port.signal.extensive)


def _missing_sources(
    models: Mapping[str, Model], couplings: Sequence[Coupling]
) -> Iterator[Problem]:
    fed = {(c.destination, c.input.name) for c in couplings}
    for name, model in models.items():
        for port in ports_of(model, Direction.INPUT):
            if port.required and (name, port.name) not in fed:
                where = f" at its {port.elements.kind}s" if port.elements else ""
                yield Problem(
                    message=f"nothing sends '{port.name}' to '{name}'",
                    key=_key(model),
                    expected=f"a model with an output '{port.name}'{where}",
                    suggestion=f"add a controller, such as 'type: basic' with 'controls: {name}'"
                    if port.signal == POWER_SETPOINT
                    else _differing(models, name, port),
                )


def _differing(models: Mapping[str, Model], receiver: str, port: Port) -> str:
    """Say who sends a quantity of the same name that is another one."""
    for name, model in models.items():
        for output in ports_of(model, Direction.OUTPUT):
            theirs, ours = output.signal, port.signal
            if output.name == port.name and theirs != ours:
                return (
                    f"'{name}' and '{receiver}' define '{port.name}' differently, in "
                    f"{theirs.unit} and in {ours.unit}: write the same under 'defines' of both"
                )
    return ""


def _contradictions(
    models: Mapping[str, Model], couplings: Sequence[Coupling]
) -> Iterator[Problem]:
    """Yield inputs with several sources whose values do not add up, or that cannot be told apart.

    mosaik tells the sources of one input apart by the model they come from.
    """
    for (name, signal), group in _by_input(couplings).items():
        sources = [c.source for c in group]
        twice = sorted({source for source in sources if sources.count(source) > 1})
        if twice:
            message = f"'{twice[0]}' sends two signals to '{signal}' of '{name}'"
            yield Problem(message=message, key=("couplings",), expected="one coupling of the two")
        elif len(group) > 1 and not group[0].input.signal.extensive:
            yield Problem(
                message=f"{' and '.join(repr(source) for source in sources)} both send "
                f"'{signal}' to '{name}', and its values do not add up",
                key=_key(models[name]),
                expected="a single source",
            )


def _ambiguities(models: Mapping[str, Model], couplings: Sequence[Coupling]) -> Iterator[Problem]:
    for coupling in couplings:
        problem = ambiguity(coupling.output, coupling.input)
        if problem:
            yield Problem(message=problem, key=_key(models[coupling.destination]))


def _by_input(couplings: Sequence[Coupling]) -> dict[tuple[str, str], list[Coupling]]:
    groups: dict[tuple[str, str], list[Coupling]] = {}
    for coupling in couplings:
        groups.setdefault((coupling.destination, coupling.input.name), []).append(coupling)
    return groups


def _sampled_energy(
    models: Mapping[str, Model], couplings: Sequence[Coupling]
) -> Iterator[Problem]:
    """Yield markets that would miss what their sources send between the markets' steps."""
    for name, model in models.items():
        if isinstance(model, TakesPosition | Tariff):
            steps = {
                c.source: models[c.source].step_size for c in couplings if c.destination == name
            }
            finer = [source for source, step_s in steps.items() if step_s % model.step_size]
            if finer:
                yield Problem(
                    message=f"it steps every {format_duration(model.step_size)}, "
                    f"'{finer[0]}' every {format_duration(steps[finer[0]])}: some of the energy "
                    "would not be settled",
                    key=(*_key(model), "step_size"),
                    expected="a step_size that divides those of all its sources",
                )


def _key(model: Model) -> Key:
    return ("controllers" if isinstance(model, Controller) else "simulators", model.name)


def _open_loops(models: Mapping[str, Model], couplings: Sequence[Coupling]) -> list[Coupling]:
    """Feed back one step late what controllers observe, but no order, and states that close a loop.

    States are intensive signals; powers must not be late, or energy would not be conserved.
    """
    # What a negotiation ends with is for the very step before which it took place.
    asked = {
        (c.source, c.destination)
        for c in couplings
        if c.in_rounds and models[c.source].leads_rounds
    }

    def late(coupling: Coupling) -> Coupling:
        return replace(coupling, shift_s=models[coupling.source].step_size)

    def opened_here(coupling: Coupling) -> Coupling:
        receiver = models[coupling.destination]
        if coupling.in_rounds:
            return replace(coupling, is_reply=receiver.leads_rounds)
        is_order = (coupling.source, coupling.destination) in asked
        return late(coupling) if isinstance(receiver, Controller) and not is_order else coupling

    opened = [opened_here(coupling) for coupling in couplings]
    for i, coupling in enumerate(opened):
        if _closes_loop(opened, coupling) and not coupling.output.signal.extensive:
            opened[i] = late(coupling)
    for coupling in opened:
        if _closes_loop(opened, coupling):
            raise ScenarioError(
                Problem(
                    message=f"'{coupling.source}' and '{coupling.destination}' wait for each "
                    f"other within one step (loop through {coupling.output.name})",
                    key=("couplings",),
                )
            )
    return opened


def _closes_loop(couplings: Sequence[Coupling], coupling: Coupling) -> bool:
    """Whether the source of ``coupling`` waits for its destination within one step."""
    if not coupling.at_once:
        return False
    seen, frontier = {coupling.destination}, [coupling.destination]
    while frontier:
        here = frontier.pop()
        if here == coupling.source:
            return True
        nearby = {c.destination for c in couplings if c.source == here and c.at_once}
        frontier += sorted(nearby - seen)
        seen |= nearby
    return False
