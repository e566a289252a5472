"""Who waits for whom within a step, and where loops are opened: the graph of the couplings alone.

A coupling that is at once makes its destination wait for its source within the step. Others hand
over what was sent earlier, so that nobody waits, or belong to the rounds of a negotiation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Protocol, TypeVar


class Link(Protocol):
    """What of a coupling decides who waits."""

    @property
    def source(self) -> str:
        """Who sends."""

    @property
    def destination(self) -> str:
        """Who receives."""

    @property
    def at_once(self) -> bool:
        """Whether it is received within the step in which it is sent."""


LinkT = TypeVar("LinkT", bound=Link)


@dataclass(frozen=True)
class Loop(Generic[LinkT]):
    """A way through the couplings that comes back to where it began."""

    path: tuple[str, ...]
    """In the direction of the signals; the first is the last."""
    opened: tuple[LinkT, ...]
    """The couplings on the way that are not at once: without any, all would wait for each other."""


def waits_for(name: str, links: Iterable[Link]) -> tuple[str, ...]:
    """Return whom a model waits for before its step, by name."""
    return tuple(sorted({e.source for e in links if e.destination == name and e.at_once}))


def levels(names: Iterable[str], links: Sequence[Link]) -> list[tuple[str, ...]]:
    """Return the models in the order of their steps; those of one level can compute at once.

    A model is in the first level after all that it waits for.

    Raises:
        ValueError: some wait for each other.
    """
    left = {name: set(waits_for(name, links)) for name in names}
    found: list[tuple[str, ...]] = []
    while left:
        ready = tuple(name for name, before in left.items() if before.isdisjoint(left))
        if not ready:
            raise ValueError(f"{', '.join(left)} wait for each other within one step")
        found.append(ready)
        for name in ready:
            del left[name]
    return found


def loops(links: Sequence[LinkT]) -> list[Loop[LinkT]]:
    """Return a shortest loop through every coupling that is not at once and part of one.

    Of several loops through a coupling, one is preferred that no other coupling opens.
    """
    onwards = _destinations(links)
    at_once = _destinations([link for link in links if link.at_once])
    found: dict[frozenset[tuple[str, str]], Loop[LinkT]] = {}
    for link in links:
        if not link.at_once:
            start, end = link.destination, link.source
            way = _shortest(at_once, start, end) or _shortest(onwards, start, end)
            if way:
                path = (*way, link.destination)
                hops = frozenset(pairwise(path))
                on_it = (e for e in links if not e.at_once and (e.source, e.destination) in hops)
                found.setdefault(hops, Loop(path, tuple(on_it)))
    return list(found.values())


def companies(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    """Return those that are connected by pairs, directly or not, as one set each."""
    found = [frozenset([name]) for name in names]
    for pair in pairs:
        joined = [company for company in found if not company.isdisjoint(pair)]
        found = [company for company in found if company not in joined]
        found.append(frozenset[str]().union(*joined))
    return found


def _destinations(links: Iterable[Link]) -> dict[str, tuple[str, ...]]:
    """Return to whom each sends, in the order of the couplings."""
    found: dict[str, dict[str, None]] = {}
    for link in links:
        found.setdefault(link.source, {})[link.destination] = None
    return {source: tuple(destinations) for source, destinations in found.items()}


def _shortest(onwards: Mapping[str, Sequence[str]], start: str, end: str) -> tuple[str, ...]:
    """Return the shortest way from start to end, both included; () if there is none."""
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    frontier = [start]
    for here in frontier:  # grows while it is walked through: breadth first
        if here == end:
            return ways[here]
        for there in onwards.get(here, ()):
            if there not in ways:
                ways[there] = (*ways[here], there)
                frontier.append(there)
    return ()
