"""Compiled: the cheapest course of one state where nothing but prices counts (penalty 0).

What a device can do is a list of offers: each raises the state by an amount at a price per unit of
it, and adds power. As the state passes interval by interval, offers are taken for good, cheapest
first, where the state would fall below its bounds, and refused for good, most expensive first,
where it would rise above. In the end those are taken that pay for themselves. This is the forward
pass of the dynamic program with a staircase of marginal costs; amounts are weighted by what is left
of them in the last state, so that offers of different times compare.

    offers (4, O, T):  PRICE per unit of the last state; AMOUNT >= 0 of it; POWER, kW; TAKEN, kW

Inside, offers are numbered through, (4, O T): a number is never divided, which would take longest.
"""

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.one_state_kernel import FLOW, HIGHEST, LOWEST, WEIGHT
from gridloom.controllers.proximal.population import IntArray
from gridloom.simulators.model import FloatArray

PRICE, AMOUNT, POWER, TAKEN = 0, 1, 2, 3


@compiled
def _insert(
    book: IntArray, prices: FloatArray, head: int, tail: int, offer: int, price: float
) -> None:
    """Put an offer where it belongs by price, behind equal ones.

    Args:
        book: offers that are open, by ascending price, in [head, tail).
        prices: of these, likewise.
        head: see there.
        tail: see there.
        offer: its number.
        price: its price.
    """
    at = np.uint64(tail)  # unsigned: no index may count from the end
    one, least = np.uint64(1), np.uint64(head)
    while at > least and prices[at - one] > price:
        prices[at], book[at] = prices[at - one], book[at - one]
        at -= one
    prices[at], book[at] = price, offer


@compiled
def _refuse(
    offers: FloatArray, book: IntArray, head: int, tail: int, most: float, high: float
) -> tuple[int, float]:
    """Refuse the most expensive offers while the state may rise too high; return tail and most."""
    while most > high and tail > head:
        offer = book[tail - 1]
        amount, spare = offers[AMOUNT, offer], most - high
        if amount > spare:
            offers[POWER, offer] *= (amount - spare) / amount
            offers[AMOUNT, offer] = amount - spare
            return tail, high
        most -= amount
        tail -= 1
    return tail, most


@compiled
def _take(
    offers: FloatArray, book: IntArray, head: int, tail: int, least: float, low: float
) -> tuple[int, float]:
    """Take the cheapest offers while the state may fall too low; return head and least."""
    while least < low and head < tail:
        offer = book[head]
        amount, power, gap = offers[AMOUNT, offer], offers[POWER, offer], low - least
        if amount > gap:
            share = gap / amount
            offers[TAKEN, offer] += power * share
            offers[POWER, offer] = power * (1.0 - share)
            offers[AMOUNT, offer] = amount - gap
            return head, low
        offers[TAKEN, offer] += power
        least += amount
        head += 1
    return head, least


@compiled
def _take_paying(
    offers: FloatArray, book: IntArray, prices: FloatArray, head: int, tail: int
) -> None:
    """Take the offers that are left and pay for themselves."""
    for at in range(head, tail):
        if prices[at] < 0.0:
            offers[TAKEN, book[at]] += offers[POWER, book[at]]


@compiled
def dispatch(
    offers: FloatArray,
    course: FloatArray,
    count: int,
    initial: float,
    book: IntArray,
    prices: FloatArray,
) -> None:
    """Take the cheapest offers that keep the state within its bounds.

    Args:
        offers: see above; are used up.
        course: (.., T), see `one_state_kernel`: with bounds and weights, and as flow what the state
            changes by when no offer is taken, in units of the last state; the flow is set to the
            power of the offers taken.
        count: intervals.
        initial: state, in units of the last state.
        book: room for all offers.
        prices: likewise.
    """
    kinds, room = offers.shape[1], offers.shape[2]
    numbered = offers.reshape(4, kinds * room)
    head = tail = int(np.int64(0))  # no literal, for which all would be compiled once more
    least = most = initial
    for t in range(count):
        least += course[FLOW, t]
        most += course[FLOW, t]
        for kind in range(kinds):
            offers[TAKEN, kind, t] = 0.0
            if offers[AMOUNT, kind, t] > 0.0:
                _insert(book, prices, head, tail, kind * room + t, offers[PRICE, kind, t])
                most += offers[AMOUNT, kind, t]
                tail += 1
        low = course[LOWEST, t] * course[WEIGHT, t]
        high = course[HIGHEST, t] * course[WEIGHT, t]
        tail, most = _refuse(numbered, book, head, tail, most, high)
        head, least = _take(numbered, book, head, tail, least, low)
    _take_paying(numbered, book, prices, head, tail)
    for t in range(count):
        course[FLOW, t] = 0.0
        for kind in range(kinds):
            course[FLOW, t] += offers[TAKEN, kind, t]
