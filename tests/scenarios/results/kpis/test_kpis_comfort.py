"""Comfort of buildings, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import POWER
from gridloom.simulators.thermal_signals import (
    INDOOR_TEMPERATURE,
    TEMPERATURE_LIMIT_HIGH,
    TEMPERATURE_LIMIT_LOW,
)


def _houses(rows: Any, indoor_c: Any, low_c: Any, high_c: float = 22.0) -> Any:
    indoor_c = np.asarray(indoor_c, dtype=float)
    kind = ("heat_pump", [f"b{number}" for number in range(indoor_c.shape[1])])
    return rows(
        signals={
            POWER: np.zeros(indoor_c.shape),
            INDOOR_TEMPERATURE: indoor_c,
            TEMPERATURE_LIMIT_LOW: np.broadcast_to(np.float64(low_c), len(indoor_c)),
            TEMPERATURE_LIMIT_HIGH: np.full(len(indoor_c), high_c),
        },
        kinds={POWER: kind, INDOOR_TEMPERATURE: kind},
        step_s=900,
    )


def test_kelvin_hours_by_hand(evaluate: Any, rows: Any) -> None:
    # The limit rises from 17 to 20 °C: b0 is then 2 and 1 K too cold, b2 once 0.5 K too warm.
    indoor_c = [[17, 21, 22], [18, 21, 22.5], [19, 20, 22], [20, 20, 22]]
    kpis = evaluate(hp=_houses(rows, indoor_c, [17, 20, 20, 20]))
    assert kpis["too_cold_kelvin_hours", ""] == pytest.approx((2 + 1) / 4)
    assert kpis["too_warm_kelvin_hours", ""] == pytest.approx(0.5 / 4)
    assert kpis["too_cold_max_k", ""] == pytest.approx(2)
    assert kpis["too_warm_max_k", ""] == pytest.approx(0.5)
    assert kpis["buildings_outside_comfort", ""] == 2
    assert kpis["indoor_temperature_at_end_mean_c", ""] == pytest.approx(62 / 3)


@pytest.mark.parametrize(("deviation_k", "outside"), [(0.009, 0), (0.011, 1)])
def test_what_nobody_feels(evaluate: Any, rows: Any, deviation_k: float, outside: int) -> None:
    kpis = evaluate(hp=_houses(rows, [[20 - deviation_k], [20.0]], 20.0))
    assert kpis["buildings_outside_comfort", ""] == outside
    assert (kpis["too_cold_kelvin_hours", ""] > 0) == bool(outside)


def test_long_runs_are_judged_block_by_block(
    evaluate: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridloom.scenarios.results.recording._BLOCK_VALUES", 4)
    indoor_c = np.array([[20.0, 20], [19, 20], [20, 20], [18, 20], [20, 20]])
    kpis = evaluate(hp=_houses(rows, indoor_c, [20, 20, 20, 19, 20]))
    assert kpis["too_cold_kelvin_hours", ""] == pytest.approx((1 + 1) / 4)
    assert kpis["buildings_outside_comfort", ""] == 1
    assert kpis["indoor_temperature_at_end_mean_c", ""] == 20


def test_each_population_by_its_name(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(new=_houses(rows, [[20]], 20.0), old=_houses(rows, [[18]], 20.0))
    assert kpis["too_cold_max_k", "new"] == 0
    assert kpis["too_cold_max_k", "old"] == 2


def test_other_devices_have_no_comfort(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(load=rows(signals={POWER: [[1.0]]}, kinds={POWER: ("load", ["l"])}))
    assert ("too_cold_max_k", "") not in kpis
