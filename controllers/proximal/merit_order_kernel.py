"""Compiled: the cheapest course of one state where nothing but prices counts (penalty 0).

What a device can do is a list of offers: each raises the state by an amount at a price per unit of
it, and adds power. As the state passes interval by interval, offers are taken for good, cheapest
first, where the state would fall below its bounds, and refused for good, most expensive first,
where it would rise above. In the end those are taken that pay for themselves. This is the forward
pass of the dynamic program with a staircase of marginal costs; amounts are weighted by what is left
of them in the last state, so that offers of different times compare.

    offers (3, O, T):  PRICE per unit of the last state; AMOUNT >= 0 of it; POWER, kW
"""

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.one_state_kernel import FLOW, HIGHEST, LOWEST, WEIGHT
from gridloom.controllers.proximal.population import IntArray
from gridloom.simulators.model import FloatArray

PRICE, AMOUNT, POWER = 0, 1, 2


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
    at = tail
    while at > head and prices[at - 1] > price:
        prices[at], book[at] = prices[at - 1], book[at - 1]
        at -= 1
    prices[at], book[at] = price, offer


@compiled
def _refuse(
    offers: FloatArray, book: IntArray, head: int, tail: int, spare: float
) -> tuple[int, float]:
    """Refuse the most expensive offers, as much as is to spare; return the tail, what is left."""
    count = offers.shape[2]
    while spare > 0.0 and tail > head:
        kind, t = divmod(book[tail - 1], count)
        amount = offers[AMOUNT, kind, t]
        if amount > spare:
            offers[AMOUNT, kind, t] = amount - spare
            offers[POWER, kind, t] *= (amount - spare) / amount
            return tail, 0.0
        spare -= amount
        tail -= 1
    return tail, spare


@compiled
def _take(
    offers: FloatArray, book: IntArray, head: int, tail: int, gap: float, course: FloatArray
) -> tuple[int, float]:
    """Take the cheapest offers, as much as is missing; return the head, what is still missing."""
    count = offers.shape[2]
    while gap > 0.0 and head < tail:
        kind, t = divmod(book[head], count)
        amount = offers[AMOUNT, kind, t]
        if amount > gap:
            power = offers[POWER, kind, t] * gap / amount
            course[FLOW, t] += power
            offers[AMOUNT, kind, t] = amount - gap
            offers[POWER, kind, t] -= power
            return head, 0.0
        course[FLOW, t] += offers[POWER, kind, t]
        gap -= amount
        head += 1
    return head, gap


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
    head, tail = 0, 0
    least = most = initial
    for t in range(count):
        least += course[FLOW, t]
        most += course[FLOW, t]
        course[FLOW, t] = 0.0
        for kind in range(kinds):
            if offers[AMOUNT, kind, t] > 0.0:
                _insert(book, prices, head, tail, kind * room + t, offers[PRICE, kind, t])
                most += offers[AMOUNT, kind, t]
                tail += 1
        low, high = (
            course[LOWEST, t] * course[WEIGHT, t],
            course[HIGHEST, t] * course[WEIGHT, t],
        )
        if most > high:
            tail, over = _refuse(offers, book, head, tail, most - high)
            most = high + over
        if least < low:
            head, under = _take(offers, book, head, tail, low - least, course)
            least = low - under
    for at in range(head, tail):
        if prices[at] < 0.0:
            course[FLOW, book[at] % room] += offers[POWER, book[at] // room, book[at] % room]
