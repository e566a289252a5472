"""Scenarios in which local prices, schedules or orders would make no sense are refused."""

from typing import Any

import pytest

from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.errors import ScenarioError

PAYS_FOR_SURPLUS = (
    "{type: imbalance_market, day_ahead_eur_per_mwh: null, real_time: null, "
    "prices: {shortage_eur_per_mwh: [20], surplus_eur_per_mwh: [100]}}"
)


@pytest.mark.parametrize(
    ("variant", "overrides", "key", "message"),
    [
        (
            "bisection",
            [f"simulators.market={PAYS_FOR_SURPLUS}"],
            "controllers.mcu.controls",
            "pays more for a surplus than a shortage costs",
        ),
        (
            "bisection",
            ["controllers.mcu.controls=dg"],
            "controllers.mcu.controls",
            "'dg' is no market to trade on",
        ),
        (
            "bisection",
            [
                "simulators.market.settlement_period=30min",
                "simulators.market.step_size=30min",
                "simulators.market.day_ahead_eur_per_mwh=[60]",
            ],
            "controllers.mcu.step_size",
            "'market' settles every 30min",
        ),
        (
            "bisection",
            ["controllers.mcu.horizon=90min"],
            "controllers.mcu",
            "horizon 90min is not a multiple of step_size 1h",
        ),
        (
            "bisection",
            ["simulators.wind.step_size=15min"],
            "controllers.wind_agent.controls",
            "'wind' expects the next 15min",
        ),
        (
            "bisection",
            ["simulators.dg.step_size=15min"],
            "controllers.dg_agent.step_size",
            "'dg' ramps in steps of 15min, and is scheduled every 1h",
        ),
        (
            "bisection",
            ["controllers.ess_agent.final_state_of_charge=1"],
            "controllers.ess_agent.final_state_of_charge",
            "1 is outside the state_of_charge_limits of 'ess'",
        ),
        (
            "perfect",
            ["simulators.ev.forecast.bookings=false"],
            "controllers.mcu.rule",
            "'ev_agent' does not know beforehand who will come",
        ),
    ],
)
def test_what_does_not_fit(variant: str, overrides: list[str], key: str, message: str) -> None:
    """Each problem names the key to change; keys of pydantic's own end at the section."""
    with pytest.raises(ScenarioError, match=message) as raised:
        composed(variant, overrides)
    problems: list[Any] = list(raised.value.problems)
    assert any(key in ".".join(map(str, each.key)) for each in problems)


def composed(variant: str, overrides: list[str]) -> object:
    document = read_scenario("mcu-2020", overrides)
    return compose(document, document.scenario(variant))
