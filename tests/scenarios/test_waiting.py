"""Levels and loops: by hand for known graphs, by their properties and SciPy for any graph."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from gridloom.scenarios.waiting import levels, loops, waits_for


class Edge(NamedTuple):
    source: str
    destination: str
    shift_s: int = 0

    @property
    def at_once(self) -> bool:
        return not self.shift_s


NAMES = "abcdefg"
# A controller that hears its fleet and the grid of the step before, as in the reference case.
CASE = [
    Edge("ev", "charging", 1),
    Edge("grid", "charging", 1),
    Edge("charging", "ev"),
    Edge("ev", "grid"),
    Edge("load", "grid"),
]


def test_models_of_one_level_wait_for_earlier_levels_only() -> None:
    found = levels(["grid", "load", "ev", "charging"], CASE)
    assert found == [("load", "charging"), ("ev",), ("grid",)]


def test_whom_a_model_waits_for() -> None:
    assert waits_for("grid", CASE) == ("ev", "load")
    assert waits_for("charging", CASE) == ()


def test_every_loop_is_told_with_where_it_is_opened() -> None:
    found = {loop.path: loop.opened for loop in loops(CASE)}
    assert found == {
        ("charging", "ev", "charging"): (CASE[0],),
        ("charging", "ev", "grid", "charging"): (CASE[1],),
    }


def test_a_delay_outside_of_any_loop_is_no_loop() -> None:
    assert loops([Edge("load", "charging", 1), Edge("charging", "ev")]) == []


def test_a_loop_that_is_opened_twice_is_told_once() -> None:
    both = [Edge("a", "b", 1), Edge("b", "a", 5)]
    (loop,) = loops(both)
    assert loop.path[0] == loop.path[-1]
    assert set(loop.opened) == set(both)


def test_several_signals_open_one_loop() -> None:
    twice = [Edge("a", "b"), Edge("b", "a", 1), Edge("b", "a", 1)]
    (loop,) = loops(twice)
    assert len(loop.opened) == 2


def test_who_hears_himself_later_is_a_loop() -> None:
    assert [loop.path for loop in loops([Edge("a", "a", 1)])] == [("a", "a")]


def test_waiting_for_each_other_is_an_error() -> None:
    with pytest.raises(ValueError, match="a, b wait for each other"):
        levels(["a", "b", "c"], [Edge("a", "b"), Edge("b", "a")])


@st.composite
def graphs(draw: st.DrawFn) -> list[Edge]:
    """Any graph whose couplings at once make no cycle: they follow a random order of the models."""
    order = draw(st.permutations(NAMES))
    pairs = st.tuples(st.sampled_from(order), st.sampled_from(order), st.integers(0, 2))
    edges = []
    for source, destination, shift_s in draw(st.lists(pairs, max_size=16)):
        forward = order.index(source) < order.index(destination)
        edges.append(Edge(source, destination, shift_s if forward else shift_s + 1))
    return edges


@given(graphs())
def test_levels_respect_every_coupling_at_once(edges: list[Edge]) -> None:
    found = levels(NAMES, edges)
    place = {name: i for i, level in enumerate(found) for name in level}
    assert sorted(place) == sorted(NAMES)
    for edge in edges:
        assert edge.shift_s or place[edge.source] < place[edge.destination]
    for name, i in place.items():  # as early as possible
        assert i == max((place[source] + 1 for source in waits_for(name, edges)), default=0)


@given(graphs())
def test_every_loop_follows_couplings_and_is_opened(edges: list[Edge]) -> None:
    hops = {(edge.source, edge.destination) for edge in edges}
    for loop in loops(edges):
        assert loop.path[0] == loop.path[-1]
        on_it = set(pairwise(loop.path))
        assert on_it <= hops
        assert loop.opened
        assert {(edge.source, edge.destination) for edge in loop.opened} <= on_it


@given(graphs())
def test_no_delay_within_a_loop_is_left_out(edges: list[Edge]) -> None:
    """Both ends of a coupling are in one strongly connected component just if a loop holds it."""
    graph = np.zeros((len(NAMES), len(NAMES)))
    for edge in edges:
        graph[NAMES.index(edge.source), NAMES.index(edge.destination)] = 1
    _, labels = connected_components(graph, connection="strong")
    part = dict(zip(NAMES, labels, strict=True))
    late = {e for e in edges if e.shift_s and part[e.source] == part[e.destination]}
    assert {edge for loop in loops(edges) for edge in loop.opened} == late
