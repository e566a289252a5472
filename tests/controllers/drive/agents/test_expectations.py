"""Forecasts by element, in the intervals of a negotiation."""

import numpy as np

from gridloom.controllers.drive.agents.expectations import means_by_element
from gridloom.simulators.market import average_over_periods
from gridloom.simulators.model import Forecast


def test_what_straddles_two_intervals_counts_for_each_by_hand() -> None:
    """Of 10 min each in quarters: 2/3 of the first value and 1/3 of the second, and so on."""
    power_kw = np.array([[3.0, 0.0], [6.0, 0.0], [9.0, -3.0]])
    means_kw = means_by_element(Forecast(interval_s=600, power_kw=power_kw), 900, 1800)
    np.testing.assert_allclose(means_kw, [[4.0, 8.0], [0.0, -2.0]])


def test_each_element_as_the_market_averages_their_sum() -> None:
    """Also where the run cuts the last interval short, and forecasts are longer than intervals."""
    rng = np.random.default_rng(1)
    for interval_s, length_s, duration_s in ((600, 900, 7500), (3600, 900, 10_000), (60, 60, 600)):
        count = -(-duration_s // interval_s)
        forecast = Forecast(interval_s=interval_s, power_kw=rng.normal(size=(count, 3)))
        total = Forecast(interval_s=interval_s, power_kw=forecast.power_kw.sum(axis=1))
        np.testing.assert_allclose(
            means_by_element(forecast, length_s, duration_s).sum(axis=0),
            average_over_periods(total, length_s, duration_s),
            atol=1e-12,
        )
