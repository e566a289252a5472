"""What a population of devices answers to prices and targets: the contract of all operators."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray

IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ProximalRequest:
    """What a coordinator asks of all devices; one row of each array per leaf net.

    A device d with the last profile q, the weight w and the cost f answers with the minimiser of
    sum_t f(p_t) + price_t p_t + penalty/(2 w) (p_t - q_t - w target_t)^2 over what it can do. With
    the penalty 0 neither the target nor the last profile matters.
    """

    price_eur_per_kw: FloatArray
    """(L, T), of drawing 1 kW for an interval."""
    target_kw: FloatArray
    """(L, T), change of the profile that is asked for."""
    penalty_eur_per_kw2: float

    def __post_init__(self) -> None:
        if self.price_eur_per_kw.shape != self.target_kw.shape or self.target_kw.ndim != 2:  # noqa: PLR2004
            raise ValueError("price and target need the same shape (leaf nets, intervals)")
        if not self.penalty_eur_per_kw2 >= 0.0:
            raise ValueError("the penalty must not be negative")

    @cached_property
    def shift_kw(self) -> FloatArray:
        """(L, T), where the price and the target pull together, in kW per unit of weight."""
        return self.target_kw - self.price_eur_per_kw / self.penalty_eur_per_kw2


@dataclass(frozen=True, kw_only=True)
class LeafTotals:
    """Sums over the devices of each leaf net, to which populations add."""

    power_kw: FloatArray
    """(L, T)"""
    cost_eur: FloatArray
    """(L,), of contracts."""

    @classmethod
    def zeros(cls, leaves: int, intervals: int) -> "LeafTotals":
        """Return empty totals."""
        return cls(power_kw=np.zeros((leaves, intervals)), cost_eur=np.zeros(leaves))


class Population(ABC):
    """Devices of one kind, N of them, which look T intervals ahead."""

    intervals: int
    """T."""
    interval_h: float
    weight: FloatArray
    """(N,), how far a device follows a target, relative to others."""

    @property
    def count(self) -> int:
        """N."""
        return len(self.weight)

    def respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        *,
        devices: slice | None = None,
        answers: BoolArray | None = None,
    ) -> None:
        """Answer a request; slices that share no leaf net may answer at the same time in threads.

        Args:
            request: prices and targets.
            leaf: (N,), row of each device's leaf net in the request and the totals, ascending.
            profile_kw: (N, T), the last answers, which become the new ones; the first time and
                after `forget`, whatever they are.
            totals: gain the new profiles and their contract costs.
            devices: those that are looked at, see `leaf_slices`; all of them if None.
            answers: (N,), whether a device answers: else it keeps its profile; all do if None.
        """
        if profile_kw.shape != (self.count, self.intervals):
            raise ValueError(f"profiles need the shape {(self.count, self.intervals)}")
        if request.target_kw.shape[1] != self.intervals:
            raise ValueError(f"the request needs {self.intervals} intervals")
        begin, end, _ = (devices or slice(None)).indices(self.count)
        if end <= begin:
            return
        active = np.ones(self.count, np.bool_) if answers is None else answers
        self._respond(request, leaf, profile_kw, totals, (begin, end, active))

    @abstractmethod
    def _respond(
        self,
        request: ProximalRequest,
        leaf: IntArray,
        profile_kw: FloatArray,
        totals: LeafTotals,
        who: tuple[int, int, BoolArray],
    ) -> None:
        """Answer for the devices from the first to before the second, where the mask is set."""

    def contract_cost_eur(self, profile_kw: FloatArray) -> FloatArray:
        """Return what each device wants to be paid for a profile, (N,), apart from prices.

        Args:
            profile_kw: (N, T)
        """
        return np.zeros(len(profile_kw))

    def forget(self) -> None:
        """Drop what is remembered of the last answers, which only makes the next ones faster."""
        return


def leaf_slices(leaf: IntArray, parts: int) -> list[slice]:
    """Cut devices into slices of about the same length that share no leaf net.

    Args:
        leaf: (N,), leaf net of each device, ascending.
        parts: most slices there may be.
    """
    starts = np.concatenate(([0], np.flatnonzero(np.diff(leaf)) + 1, [len(leaf)]))
    wanted = np.linspace(0, len(leaf), parts + 1)
    cuts = np.unique(starts[np.abs(starts[:, None] - wanted).argmin(axis=0)])
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]
