"""Cost at tariffs, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.tariff_signals import COST, EXPORTED, IMPORTED

CUSTOMERS = ("customer", ["H1", "H2"])


def _tariff(rows: Any, cost_eur: Any, *, imported_kwh: Any, exported_kwh: Any) -> Any:
    signals = {COST: cost_eur, IMPORTED: imported_kwh, EXPORTED: exported_kwh}
    signals = {signal: np.asarray(values, dtype=float) for signal, values in signals.items()}
    kinds = dict.fromkeys(signals, CUSTOMERS) if signals[COST].ndim > 1 else {}
    return rows(signals=signals, kinds=kinds, step_s=900)


def _each(rows: Any) -> Any:
    return _tariff(
        rows,
        [[0.1, 0.3], [0.4, -0.2]],
        imported_kwh=[[1, 1], [2, 1]],
        exported_kwh=[[0, 0], [0, 4]],
    )


def test_the_end_of_the_run_tells_the_cost_of_all_and_of_each(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(tariff=_each(rows))
    assert kpis["tariff_cost_eur", ""] == pytest.approx(0.2)
    assert kpis["tariff_cost_eur", "H1"] == pytest.approx(0.4)
    assert kpis["tariff_cost_eur", "H2"] == pytest.approx(-0.2)
    assert kpis["tariff_imported_kwh", ""] == 3
    assert kpis["tariff_exported_kwh", ""] == 4


def test_a_community_has_one_bill(evaluate: Any, rows: Any) -> None:
    community = _tariff(rows, [0.1, 0.3], imported_kwh=[1, 2], exported_kwh=[0, 0])
    assert evaluate(tariff=community) == {
        ("tariff_cost_eur", ""): 0.3,
        ("tariff_imported_kwh", ""): 2,
        ("tariff_exported_kwh", ""): 0,
    }


def test_several_tariffs_are_told_apart(evaluate: Any, rows: Any) -> None:
    community = _tariff(rows, [0.1, 0.3], imported_kwh=[1, 2], exported_kwh=[0, 0])
    kpis = evaluate(houses=_each(rows), together=community)
    assert kpis["tariff_cost_eur", "houses"] == pytest.approx(0.2)
    assert kpis["tariff_cost_eur", "houses H2"] == pytest.approx(-0.2)
    assert kpis["tariff_cost_eur", "together"] == pytest.approx(0.3)


def test_a_town_is_not_listed_house_by_house(evaluate: Any, rows: Any) -> None:
    houses = ("customer", [f"H{k}" for k in range(101)])
    kpis = evaluate(tariff=rows(signals={COST: np.ones((1, 101))}, kinds={COST: houses}))
    assert kpis == {("tariff_cost_eur", ""): 101}
