"""Imbalance energy and cost, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import IMBALANCE

PERIOD = ("settlement_period",)


def _market(rows: Any, imbalance_kwh: Any, stops_s: list[int], step_s: int = 1) -> Any:
    """Shortage costs 100 and 120 EUR/MWh, surplus earns 90 and 80."""
    starts_s = [0, *stops_s[:-1]]
    return rows(
        signals={IMBALANCE: np.asarray(imbalance_kwh, dtype=float)},
        static={
            "period_start_s": (PERIOD, starts_s),
            "period_stop_s": (PERIOD, stops_s),
            "imbalance_price_shortage_eur_per_mwh": (PERIOD, [100.0, 120.0, 110.0][: len(stops_s)]),
            "imbalance_price_surplus_eur_per_mwh": (PERIOD, [90.0, 80.0, 70.0][: len(stops_s)]),
        },
        step_s=step_s,
    )


def test_cost_by_equations_21_and_28(evaluate: Any, rows: Any) -> None:
    # Period 1 ends 2 kWh short: 2 * 0.100 = 0.20 EUR; period 2 with 1 kWh left over: -0.08 EUR
    kpis = evaluate(market=_market(rows, [0.5, 1.0, 2.0, -0.2, 0.1, -1.0], [3, 6]))
    assert kpis["imbalance_cost_eur", "period 1"] == pytest.approx(0.20)
    assert kpis["imbalance_cost_eur", "period 2"] == pytest.approx(-0.08)
    assert kpis["imbalance_cost_eur", ""] == pytest.approx(0.12)
    assert kpis["shortage_cost_eur", "period 2"] == 0.0
    assert kpis["shortage_cost_eur", ""] == pytest.approx(0.20)
    assert kpis["shortage_kwh", ""] == 2.0
    assert kpis["surplus_kwh", ""] == 1.0
    assert kpis["imbalance_kwh", ""] == 1.0
    assert kpis["imbalance_kwh", "period 2"] == -1.0


def test_powers_that_cancel_leave_no_imbalance(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(market=_market(rows, [0.5, 1.4e-14, -0.5, -1.4e-14], [2, 4]))
    for name in ("shortage_kwh", "surplus_kwh", "imbalance_cost_eur", "shortage_cost_eur"):
        assert kpis[name, ""] == 0.0


def test_period_cut_short_is_settled_on_what_it_has(evaluate: Any, rows: Any) -> None:
    # Rows of 60 s; the third period would last to 360 s but the record ends at 300 s
    kpis = evaluate(market=_market(rows, [1.0, 2.0, 1.0, 3.0, 4.0], [120, 240, 360], step_s=60))
    assert kpis["imbalance_kwh", "period 1"] == 2.0
    assert kpis["imbalance_kwh", "period 2"] == 3.0
    assert kpis["imbalance_kwh", "period 3"] == 4.0
    # 0.20 + 0.36 + 0.44 EUR, from 2 kWh at 100, 3 at 120 and 4 at 110 EUR/MWh
    assert kpis["imbalance_cost_eur", ""] == pytest.approx(1.0)


def test_period_that_never_began_is_left_out(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(market=_market(rows, [1.0, 2.0], [2, 4]))
    assert ("imbalance_kwh", "period 1") in kpis
    assert ("imbalance_kwh", "period 2") not in kpis


def test_several_markets_carry_their_names(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        north=_market(rows, [0.0, 1.0], [2]),
        south=_market(rows, [0.0, -1.0], [2]),
    )
    assert kpis["imbalance_cost_eur", "north"] == pytest.approx(0.1)
    assert kpis["imbalance_cost_eur", "south"] == pytest.approx(-0.09)
    assert kpis["imbalance_cost_eur", "north period 1"] == pytest.approx(0.1)
    assert ("imbalance_cost_eur", "") not in kpis


def test_market_without_prices_gives_nothing(evaluate: Any, rows: Any) -> None:
    assert evaluate(market=rows(signals={IMBALANCE: np.ones(3)})) == {}
