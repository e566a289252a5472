"""Whether runs are of one case: the same scenario, apart from who controls and how.

A scheme is free to choose its controllers. Everything else (grid, devices, weather, prices, seed,
horizon) makes the case, and runs of different cases say nothing about schemes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NOT_OF_THE_CASE = frozenset(
    {"controllers", "description", "name", "record", "step_size", "title", "variant"}
)
"""Keys of a scenario that may differ; each simulator's own step size is part of the case."""
_LONGEST_VALUE = 40
_MOST_CONTROLS = 3


def case_differences(scenarios: Mapping[str, Mapping[str, Any]], most: int = 5) -> list[str]:
    """Say in what the first scenario and any other differ, beyond their controllers.

    Args:
        scenarios: resolved scenarios by the label of their run.
        most: how many differences to name; a last line counts the rest.

    Returns:
        lines such as "seed is 1 in 'cold' and 2 in 'warm'"; empty for runs of one case.
    """
    flat = {label: dict(_flat(_case(scenario))) for label, scenario in scenarios.items()}
    labels = list(flat)
    keys = dict.fromkeys(key for each in flat.values() for key in each)
    lines = []
    for key in keys:
        values = [flat[label].get(key) for label in labels]
        other = next((i for i, value in enumerate(values) if value != values[0]), None)
        if other is not None:
            lines.append(
                f"{key} is {_short(values[0])} in '{labels[0]}' "
                f"and {_short(values[other])} in '{labels[other]}'"
            )
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"and {more} more"]


def differing_controls(scenarios: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe each scenario's controllers by what they have not in common, '' where nothing.

    >>> differing_controls([{"controllers": {"c": {"gain": gain}}} for gain in (1, 2)])
    ['gain=1', 'gain=2']
    """
    flat = [dict(_flat(scenario.get("controllers", {}))) for scenario in scenarios]
    keys = dict.fromkeys(key for each in flat for key in each)
    differing = [key for key in keys if len({repr(each.get(key)) for each in flat}) > 1]
    differing = differing[:_MOST_CONTROLS]
    return [
        ", ".join(f"{key.rpartition('.')[2]}={_short(each.get(key))}" for key in differing)
        for each in flat
    ]


def _case(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a resolved scenario makes its case."""
    case = {key: value for key, value in scenario.items() if key not in _NOT_OF_THE_CASE}
    controllers = set(scenario.get("controllers", {}))
    case["couplings"] = [
        coupling
        for coupling in scenario.get("couplings", ())
        if not {str(end).partition(".")[0] for end in coupling.values()} & controllers
    ]
    return case


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and the values that are no mappings."""
    for name, value in tree.items():
        key = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping) and value:
            yield from _flat(value, key)
        else:
            yield key, value


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
