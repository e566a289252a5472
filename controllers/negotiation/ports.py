"""The ports by which a coordinator and its agents talk: the same signals, seen from both sides."""

from gridloom.controllers.negotiation.signals import (
    OFFER_POWER,
    ORDER_POWER,
    REQUEST_ARRIVES,
    REQUEST_BUYING_PRICE,
    REQUEST_PENALTY,
    REQUEST_ROUND,
    REQUEST_SELLING_PRICE,
    REQUEST_TARGET,
)
from gridloom.controllers.negotiation.terms import Terms
from gridloom.simulators.model import Direction, ElementSet, Port

_BY_INTERVAL = (REQUEST_BUYING_PRICE, REQUEST_SELLING_PRICE, REQUEST_TARGET)
_BY_NET = (REQUEST_PENALTY, REQUEST_ROUND)


def agents_ports(terms: Terms, agents: ElementSet) -> tuple[Port, ...]:
    """Return what agents receive of requests and orders, and send as offers."""
    asked, horizon = Direction.INPUT, (terms.horizon,)
    return (
        *_requests(terms, asked, required=False),
        Port(signal=REQUEST_ARRIVES, direction=asked, elements=agents, in_rounds=True),
        Port(
            signal=OFFER_POWER,
            direction=Direction.OUTPUT,
            elements=agents,
            dimensions=horizon,
            in_rounds=True,
        ),
        Port(signal=ORDER_POWER, direction=asked, elements=agents, dimensions=horizon),
    )


def coordinators_ports(terms: Terms, agents: ElementSet) -> tuple[Port, ...]:
    """Return what a coordinator sends as requests and orders, and receives of offers."""
    asks, horizon = Direction.OUTPUT, (terms.horizon,)
    return (
        *_requests(terms, asks, required=True),
        Port(signal=REQUEST_ARRIVES, direction=asks, elements=agents, in_rounds=True),
        Port(
            signal=OFFER_POWER,
            direction=Direction.INPUT,
            elements=agents,
            dimensions=horizon,
            in_rounds=True,
        ),
        Port(
            signal=ORDER_POWER,
            direction=asks,
            elements=agents,
            dimensions=horizon,
            recorded=False,
        ),
    )


def _requests(terms: Terms, direction: Direction, *, required: bool) -> tuple[Port, ...]:
    """Return what nets ask: some of it for each interval."""
    return tuple(
        Port(
            signal=signal,
            direction=direction,
            elements=terms.nets,
            dimensions=(terms.horizon,) if signal in _BY_INTERVAL else (),
            in_rounds=True,
            required=required,
        )
        for signal in (*_BY_INTERVAL, *_BY_NET)
    )
