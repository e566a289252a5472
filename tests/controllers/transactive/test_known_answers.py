"""Answers that need no computing: when they are known, and what they are."""

from typing import Any

import numpy as np

from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.controllers.transactive.known_answers import KnownAnswers


def request(buying: float, selling: float | None = None, later: Any = (30.0, 30.0)) -> Any:
    """Ask at prices of now, and the same later."""
    return FlexibilityRequest(
        round=1,
        start_s=0,
        interval_s=3600,
        buying_price_eur_per_mwh=np.array([buying, *later]),
        selling_price_eur_per_mwh=np.array([buying if selling is None else selling, *later]),
    )


HIGH, LOW = np.array([5.0, -5.0, 0.0]), np.array([1.0, -1.0, 0.0])


def known_answers() -> KnownAnswers:
    """Return what is known of an agent that draws 5 kW up to 40 EUR/MWh, and 1 kW from 60 on."""
    known = KnownAnswers()
    for price, profile in ((20.0, HIGH), (40.0, HIGH), (60.0, LOW)):
        assert known.find(request(price)) is None
        known.add(request(price), profile)
    return known


def test_between_equal_answers_it_is_known() -> None:
    known = known_answers()
    assert known.find(request(30.0)) is HIGH
    assert known.find(request(40.0)) is HIGH
    assert known.find(request(35.0, 25.0)) is HIGH


def test_between_different_answers_and_beyond_them_it_is_not() -> None:
    known = known_answers()
    for price in (50.0, 19.0, 61.0):
        assert known.find(request(price)) is None
    assert known.find(request(41.0, 25.0)) is None  # buying is beyond what is known
    assert known.find(request(30.0, 10.0)) is None


def test_the_profile_is_that_of_the_nearer_lower_price() -> None:
    known = known_answers()
    rebound = np.array([5.0, 0.0, -5.0])
    known.add(request(35.0), rebound)
    assert known.find(request(38.0)) is rebound
    assert known.find(request(34.0)) is HIGH


def test_other_prices_later_make_all_unknown() -> None:
    known = known_answers()
    assert known.find(request(30.0, later=(30.0, 31.0))) is None
    known.add(request(30.0, later=(30.0, 31.0)), LOW)
    assert known.find(request(30.0)) is None
    assert known.find(request(30.0, later=(30.0, 31.0))) is LOW


def test_a_new_negotiation_begins_with_nothing() -> None:
    known = known_answers()
    known.clear()
    assert known.find(request(40.0)) is None
