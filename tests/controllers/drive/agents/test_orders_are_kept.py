"""Orders that devices can follow become their setpoints, whatever contracts grant."""

from typing import Any

import numpy as np


def test_wear_is_settled_in_the_negotiation_not_in_the_setpoint(
    drive_agent: Any, steered: Any
) -> None:
    """2 kW for an interval store 0.475 kWh, 1 kW takes 0.263: it ends no lower than it began."""
    agent = drive_agent("storage", 4, charge_efficiency=0.95, discharge_efficiency=0.95)
    run = steered(agent)
    run.answer(0, 50.0)
    order_kw = np.tile([2.0, 0.0, -1.0, 0.0], (3, 1))
    setpoint_kw = agent.setpoints(0, order_kw)["power_setpoint_kw"]
    np.testing.assert_allclose(setpoint_kw, 2.0, atol=1e-6)


def test_what_is_promised_comes_first(drive_agent: Any, steered: Any) -> None:
    """Ordered to feed in throughout, a battery ends no lower than it began; nearest by squares.

    By hand: with efficiencies of 1 the mean of the four powers must be 0, and the nearest to
    (-4, 0, 0, 0) is each a kilowatt higher.
    """
    agent = drive_agent("storage", 4, charge_efficiency=1.0, discharge_efficiency=1.0)
    run = steered(agent)
    run.answer(0, 50.0)
    setpoint_kw = agent.setpoints(0, np.tile([-4.0, 0.0, 0.0, 0.0], (3, 1)))["power_setpoint_kw"]
    np.testing.assert_allclose(setpoint_kw, -3.0, atol=1e-6)
