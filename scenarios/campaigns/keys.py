"""Keys of a scenario as a campaign file names them, and what is laid on them."""

from collections.abc import Iterable, Iterator

from gridloom.scenarios.campaigns.base_scenario import FIXED, model_of
from gridloom.scenarios.reading.overrides import Override, read_overrides
from gridloom.scenarios.reading.tree import Node
from gridloom.scenarios.types import KINDS
from gridloom.simulators.errors import Key, Location, Problem, ScenarioError

_UNITS = {
    "eur_per_mwh": "EUR/MWh",
    "eur_per_kwh": "EUR/kWh",
    "eur_per_kw": "EUR/kW",
    "w_per_m2": "W m-2",
    "m_per_s": "m s-1",
    "percent": "percent",
    "kwh": "kWh",
    "mwh": "MWh",
    "kvar": "kvar",
    "kva": "kVA",
    "kw": "kW",
    "mw": "MW",
    "pu": "1",
    "deg": "degree",
    "ohm": "ohm",
    "m2": "m2",
    "km": "km",
    "m": "m",
    "kv": "kV",
    "v": "V",
    "a": "A",
    "s": "s",
    "eur": "EUR",
    "c": "degC",
    "k": "K",
}
"""Suffixes of keys and the units they stand for, as UDUNITS reads them; the first match counts."""


def read_key(text: str, location: Location) -> Key:
    """Read a key such as 'simulators.ev.sessions[3].arrival'.

    Raises:
        ScenarioError: it is none, or one that no axis can set.
    """
    expected = "a key of the scenario, such as simulators.ev.rated_power_kw"
    try:
        (override,) = read_overrides([f"{text}="])
    except ScenarioError:
        override = None
    if override is None or "=" in text or override.key[0] in FIXED:
        cannot = "cannot be changed by a campaign" if override and "=" not in text else "is no key"
        raise ScenarioError(
            Problem(message=f"'{text}' {cannot}", expected=expected, location=location)
        )
    return override.key


def unit_of(key: Key) -> str:
    """Return the unit that a key's suffix names, or ''.

    >>> unit_of(("simulators", "ev", "rated_power_kw"))
    'kW'
    """
    name = next((part for part in reversed(key) if isinstance(part, str)), "")
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(f"_{suffix}")), "")


def overrides_of(changes: Node) -> tuple[Override, ...]:
    """Return changes, written as a variant's are, with an override for each model."""
    return tuple(_overrides(changes))


def _overrides(changes: Node) -> Iterator[Override]:
    for name, child in _entries(changes):
        if name in KINDS and isinstance(child.value, dict):
            for model, node in _entries(child):
                yield Override(key=(name, model), value=node)
        else:
            yield Override(key=(name,), value=child)


def keys_set(overrides: Iterable[Override]) -> frozenset[Key]:
    """Return the keys whose values overrides replace or remove.

    Removing a model is none of them: what is to be set below it then is left out.
    """
    return frozenset(
        leaf
        for each in overrides
        if each.value.value is not None or model_of(each.key) != each.key
        for leaf in _leaves(each.key, each.value)
    )


def _leaves(key: Key, node: Node) -> Iterator[Key]:
    if not isinstance(node.value, dict):
        yield key
    for name, child in _entries(node):
        yield from _leaves((*key, name), child)


def _entries(node: Node) -> Iterable[tuple[str, Node]]:
    return node.value.items() if isinstance(node.value, dict) else ()
