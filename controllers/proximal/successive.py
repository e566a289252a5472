"""Devices that take turns at one connection point, and answer as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from typing_extensions import override

from gridloom.controllers.proximal.population import (
    BoolArray,
    IntArray,
    LeafTotals,
    Population,
    ProximalRequest,
)
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Devices of one kind, each with the intervals that are its own: R of them."""

    population: Population
    place: IntArray
    """(R,), where each takes its turn, ascending."""
    begin: IntArray
    """(R,), first interval in which it may draw."""
    end: IntArray
    """(R,), interval after the last one."""

    def connected(self) -> BoolArray:
        """Return in which intervals it is whose turn: (R, T)."""
        interval = np.arange(self.population.intervals)
        begun: BoolArray = interval >= self.begin[:, np.newaxis]
        begun &= interval < self.end[:, np.newaxis]
        return begun


@dataclass(kw_only=True)
class Successive(Population):
    """Places at which devices come and go: a place draws what the one that is there draws.

    No two of them share an interval, so that their costs and constraints never meet in one: the
    operator of the sum is that of each device in its own intervals, exactly, and 0 in between.
    """

    turns: Sequence[Turns]
    count_of_places: int
    """N"""
    intervals: int
    interval_h: float
    weight: FloatArray = field(default_factory=lambda: np.empty(0))
    """(N,); the devices' own weights are those of their places."""

    def __post_init__(self) -> None:
        if len(self.weight) == 0:
            self.weight = np.ones(self.count_of_places)
        self._connected = [turns.connected() for turns in self.turns]
        self._refuse_sharing()

    def _refuse_sharing(self) -> None:
        present = np.zeros((self.count_of_places, self.intervals), np.int64)
        for turns, connected in zip(self.turns, self._connected, strict=True):
            _add_rows(present, turns.place, connected.astype(np.int64))
        if (present > 1).any():
            raise ValueError("two devices take their turns in the same interval")

    @override
    def contract_cost_eur(self, profile_kw: FloatArray) -> FloatArray:
        cost_eur = np.zeros(self.count_of_places)
        for turns, connected in zip(self.turns, self._connected, strict=True):
            own_kw = profile_kw[turns.place] * connected
            np.add.at(cost_eur, turns.place, turns.population.contract_cost_eur(own_kw))
        return cost_eur

    @override
    def forget(self) -> None:
        for turns in self.turns:
            turns.population.forget()

    @override
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        begin, end, active = who
        answer_kw = np.zeros((end - begin, self.intervals))
        for turns, connected in zip(self.turns, self._connected, strict=True):
            place = turns.place
            first, after = np.searchsorted(place, (begin, end))
            own = slice(int(first), int(after))
            own_kw = np.zeros(connected.shape)
            np.multiply(profile_kw[place[own]], connected[own], out=own_kw[own])
            turns.population.respond(
                request, leaf[place], own_kw, totals, devices=own, answers=active[place]
            )
            _add_rows(answer_kw, place[own] - begin, own_kw[own])
        asked = active[begin:end]
        profiles_kw, silent = profile_kw[begin:end], ~asked
        # Who keeps a profile also keeps what it has in nobody's turn.
        rest_kw = profiles_kw[silent] - answer_kw[silent]
        np.add.at(totals.power_kw, leaf[begin:end][silent], rest_kw)
        profiles_kw[asked] = answer_kw[asked]


def _add_rows(sums: FloatArray | IntArray, place: IntArray, values: FloatArray | IntArray) -> None:
    """Add rows to those of their places, ascending."""
    if not len(place):
        return
    first = np.flatnonzero(np.diff(place, prepend=-1))
    sums[place[first]] += np.add.reduceat(values, first, axis=0)
