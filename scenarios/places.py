"""Which elements of two ports are at one place."""

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import ElementSet, Port
from gridloom.simulators.signals import MeetsAt


def meet(output: Port, port: Port) -> bool:
    """Whether two ports of one signal speak of the same elements, or of a common place."""
    ours, theirs = port.elements, output.elements
    if ours is None or theirs is None or ours == theirs:
        return ours == theirs
    if output.signal.meets_at is MeetsAt.ELEMENT:
        return False
    return not set(ours.connection_points or ()).isdisjoint(theirs.connection_points or ())


def pairs(output: Port, port: Port) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (destination index, source index) of every pair of elements at one place.

    The same elements pair by themselves; others meet at their connection points, or by name where
    they have none.
    """
    ours, theirs = port.elements, output.elements
    if ours is None or theirs is None:
        raise ValueError("scalar ports have no elements to pair")
    if ours == theirs:
        return np.arange(len(ours)), np.arange(len(ours))
    places = _places(theirs)
    only = {place: i for i, place in enumerate(places)}
    if len(only) == len(places):  # the usual case: one source a place
        source = np.array([only.get(place, -1) for place in _places(ours)], dtype=np.int64)
        index = np.flatnonzero(source >= 0)
        return index, source[index]
    at: dict[str, list[int]] = {}
    for i, place in enumerate(places):
        at.setdefault(place, []).append(i)
    found = [(i, j) for i, place in enumerate(_places(ours)) for j in at.get(place, ())]
    index, taken = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return index, taken


def ambiguity(output: Port, port: Port) -> str:
    """Say why the pairs of two ports cannot be served, or ''.

    Power cannot reach several elements at one place, where it would be counted more than once;
    voltages of several elements at one place do not add up.
    """
    ours, theirs = port.elements, output.elements
    if ours is None or theirs is None:
        return ""
    index, taken = pairs(output, port)
    if output.signal.extensive:
        shared, one, several, why = taken, theirs, ours, "would be counted more than once"
    else:
        shared, one, several, why = index, ours, theirs, "does not add up"
    if len(np.unique(shared)) == len(shared):
        return ""
    return (
        f"several elements of '{several.owner}' are where one {one.kind} of '{one.owner}' is, and "
        f"{output.name} from '{theirs.owner}' {why}"
    )


def _places(elements: ElementSet) -> tuple[str, ...]:
    return elements.connection_points or elements.names
