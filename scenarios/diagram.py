"""A composition as a Mermaid flow chart, which GitHub, GitLab and editors draw."""

from collections.abc import Mapping, Sequence

from gridloom.controllers.controller import Controller
from gridloom.scenarios.composition import Composition
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.fusing import groups_of
from gridloom.scenarios.supervision.placing import configs, where_computed
from gridloom.simulators.model import Model
from gridloom.simulators.quantities import format_duration

_LONGEST = 3
"""Signals that are named on an arrow; of more, the number is."""


def mermaid(composition: Composition) -> str:
    """Return the models and their couplings as Mermaid text.

    Boxes are simulators, hexagons controllers; a solid arrow arrives within the step, a dashed one
    as much later as it says; a frame is around those that are stepped together.
    """
    places = configs(composition.scenario)
    numbers = {name: f"m{i}" for i, name in enumerate(composition.models)}
    lines = ["flowchart LR"]
    for name, model in composition.models.items():
        text = _text(name, model, where_computed(places[name][1]))
        box = f'{{{{"{text}"}}}}' if isinstance(model, Controller) else f'["{text}"]'
        lines.append(f"    {numbers[name]}{box}")
    for number, group in enumerate(groups_of(composition)):
        lines.append(f'    subgraph together{number}["stepped together"]')
        lines += [f"        {numbers[name]}" for name in group]
        lines.append("    end")
    return "\n".join([*lines, *_arrows(numbers, composition.couplings)]) + "\n"


def _text(name: str, model: Model, place: str) -> str:
    kind = f"{type(model).__name__}, every {format_duration(model.step_size)}"
    return "<br/>".join(_quoted(line) for line in (name, kind, place))


def _arrows(numbers: Mapping[str, str], couplings: Sequence[Coupling]) -> list[str]:
    """Return one arrow for all signals that go the same way with the same delay."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for each in couplings:
        key = (each.source, each.destination, "" if each.arrives == "at once" else each.arrives)
        merged.setdefault(key, []).append(each.output.name)
    arrows = []
    for (source, destination, later), signals in sorted(merged.items()):
        text = ", ".join(signals) if len(signals) <= _LONGEST else f"{len(signals)} signals"
        arrow = "-.->" if later else "-->"
        label = _quoted(f"{text}, {later}" if later else text)
        arrows.append(f'    {numbers[source]} {arrow}|"{label}"| {numbers[destination]}')
    return arrows


def _quoted(text: str) -> str:
    """Return text as it may stand between Mermaid's quotation marks."""
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, entity)
    return text
