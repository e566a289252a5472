"""The imbalance without coordination, against simulations in which nobody coordinates."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.amas.natural_imbalance import NaturalImbalance
from gridloom.controllers.amas.settlement import Settlement
from gridloom.controllers.basic import Basic, BasicConfig
from gridloom.controllers.controller import ControlContext
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import BuildContext, FloatArray, Model, Outputs

FleetOf: TypeAlias = Callable[..., EvFleet]
MarketOf: TypeAlias = Callable[..., ImbalanceMarket]
SteadyOf: TypeAlias = Callable[..., Model]
Decide: TypeAlias = Callable[[int, Outputs], FloatArray]

HOUR_S = 3600
POINTS = ("h1", "h2", "h3")


def sessions() -> list[dict[str, Any]]:
    """Two that follow each other without a gap, one too short, one late, one that needs nothing."""
    rows = [
        ("h1", "0s", "20min", 0.60),
        ("h1", "20min", "80min", 0.55),
        ("h2", "5min", "8min", 0.50),
        ("h2", "31min", "2h", 0.65),
        ("h3", "-1h", "2h", 0.75),
    ]
    keys = ("charging_point", "arrival", "departure", "arrival_state_of_charge")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def imbalance_kwh(
    fleet: EvFleet, market: ImbalanceMarket, load: Model, decide: Decide
) -> list[float]:
    """Step all for an hour with these setpoints; return the running imbalance after each step."""
    told, after = fleet.initial_outputs(), []
    observed = {**told, **market.initial_outputs()}
    for time in range(0, HOUR_S, fleet.step_size):
        asked = {"power_setpoint_kw": decide(time, observed)}
        told = fleet.step(time, asked)
        drawn_kw = load.step(time, {})["power_kw"]
        settled = [told["power_kw"][i] for i, p in enumerate(POINTS) if p in market.portfolio]
        settlement = market.step(time, {"power_kw": np.array([*settled, *drawn_kw])})
        observed = {**told, **settlement}
        after.append(float(settlement["imbalance_kwh"]))
    return after


@pytest.mark.parametrize("portfolio", [POINTS, ("h1", "h3")])
@pytest.mark.parametrize("step_s", [1, 60])
def test_it_is_what_uncoordinated_charging_leaves(
    fleet_of: FleetOf,
    market_of: MarketOf,
    steady_of: SteadyOf,
    step_s: int,
    portfolio: tuple[str, ...],
) -> None:
    """Whatever the vehicles do meanwhile, at every step's end, those of the portfolio alone."""
    fleets = [
        fleet_of(*sessions(), step_size=f"{step_s}s", charge_efficiency=0.9) for _ in range(2)
    ]
    markets = [
        market_of(*portfolio, step_size=f"{step_s}s", position_kw=[6.0, -1.0, 3.0, 0.0])
        for _ in range(2)
    ]
    load = steady_of(lambda time: 1.0 + np.sin(time / 400.0), step_s, h1=2.0, h3=-3.0)
    start = datetime(2021, 3, 24, tzinfo=UTC)
    build = BuildContext(name="basic", start=start, duration_s=HOUR_S, seed=0)
    config = BasicConfig(type="basic", controls="ev", step_size=f"{step_s}s")
    basic = Basic(config, ControlContext(build=build, models={"ev": fleets[0]}))
    expected = imbalance_kwh(
        fleets[0], markets[0], load, lambda t, told: basic.decide(t, told)["power_setpoint_kw"]
    )

    rng = np.random.default_rng(1)
    in_portfolio = np.array([point in portfolio for point in POINTS])
    natural = NaturalImbalance(Settlement.of(markets[1]), in_portfolio, step_s)
    drawn_kw, found = np.zeros(3), []

    def erratic(time: int, told: Outputs) -> FloatArray:
        nonlocal drawn_kw
        found.append(natural.at(time, told, drawn_kw))
        drawn_kw = rng.uniform(told["power_min_kw"], told["power_max_kw"])
        return drawn_kw

    actual = imbalance_kwh(fleets[1], markets[1], load, erratic)
    assert np.abs(np.array(actual) - expected).max() > 0.1  # they did differ
    # What is told at the beginning of a step is the end of the last one.
    assert found[0] == 0.0
    np.testing.assert_allclose(found[1:], expected[:-1], atol=1e-9)
