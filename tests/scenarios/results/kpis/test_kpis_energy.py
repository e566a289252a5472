"""Energies, self-consumption and battery use, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import POWER, STATE_OF_CHARGE, STATE_OF_HEALTH


def _devices(rows: Any, power_kw: Any, step_s: int = 60) -> Any:
    power_kw = np.asarray(power_kw, dtype=float)
    names = [f"H{k + 1}" for k in range(power_kw.shape[1])]
    return rows(signals={POWER: power_kw}, kinds={POWER: ("house", names)}, step_s=step_s)


def test_energy_by_device_class_in_load_convention(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(
        load=_devices(rows, [[1.0, 2.0], [3.0, 0.0]]),
        pv=_devices(rows, [[-6.0], [-3.0]]),
        ev=_devices(rows, [[5.0, -2.0], [0.0, 0.0]]),
    )
    assert kpis["consumed_kwh", "load"] == pytest.approx(6.0 / 60)
    assert ("injected_kwh", "load") not in kpis
    assert kpis["injected_kwh", "pv"] == pytest.approx(9.0 / 60)
    assert ("consumed_kwh", "pv") not in kpis
    assert kpis["consumed_kwh", "ev"] == pytest.approx(5.0 / 60)
    assert kpis["injected_kwh", "ev"] == pytest.approx(2.0 / 60)


def test_self_consumption_and_self_sufficiency(evaluate: Any, rows: Any) -> None:
    # Minute 1: C 4, G 6, local 4; minute 2: C 4, G 2, local 2. 6 of 8 kWmin each way
    kpis = evaluate(
        load=_devices(rows, [[4.0], [4.0]]),
        pv=_devices(rows, [[-6.0], [-2.0]]),
    )
    assert kpis["self_consumption_percent", ""] == pytest.approx(75.0)
    assert kpis["self_sufficiency_percent", ""] == pytest.approx(75.0)


def test_different_step_sizes_meet_at_every_instant(evaluate: Any, rows: Any) -> None:
    # PV feeds in 6 kW in one of two minutes while 3 kW are consumed throughout: half of it is
    # used at once. Means over 2 min (3 kW each) would say all of it is.
    kpis = evaluate(
        load=_devices(rows, [[3.0]], step_s=120),
        pv=_devices(rows, [[-6.0], [0.0]]),
    )
    assert kpis["self_consumption_percent", ""] == pytest.approx(50.0)
    assert kpis["self_sufficiency_percent", ""] == pytest.approx(50.0)


def test_step_sizes_that_do_not_divide_each_other(evaluate: Any, rows: Any) -> None:
    # Consumption 2 kW over [0, 4) and 0 over [4, 8); generation 1 kW over [0, 6), common [0, 6)
    kpis = evaluate(
        load=_devices(rows, [[2.0], [0.0]], step_s=4),
        pv=_devices(rows, [[-1.0]], step_s=6),
    )
    assert kpis["self_consumption_percent", ""] == pytest.approx(100 * 4 / 6)
    assert kpis["self_sufficiency_percent", ""] == pytest.approx(50.0)


def test_area_without_generation_has_no_self_consumption(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(load=_devices(rows, [[1.0]]))
    assert ("self_consumption_percent", "") not in kpis
    assert ("self_sufficiency_percent", "") not in kpis


def test_throughput_cycles_and_ageing(evaluate: Any, rows: Any) -> None:
    battery = rows(
        signals={
            POWER: np.array([[6.0, 0.0], [-6.0, 0.0], [0.0, 3.0]]),
            STATE_OF_CHARGE: np.full((3, 2), 0.5),
            STATE_OF_HEALTH: np.array([[1.0, 0.98], [0.999, 0.98], [0.998, 0.98]]),
        },
        kinds={
            POWER: ("battery", ["B1", "B2"]),
            STATE_OF_CHARGE: ("battery", ["B1", "B2"]),
            STATE_OF_HEALTH: ("battery", ["B1", "B2"]),
        },
        static={"energy_capacity_kwh": (("battery",), [10.0, 5.0])},
        step_s=600,
    )
    kpis = evaluate(storage=battery)
    # (6 + 6 + 3) kW over 10 min each
    assert kpis["battery_throughput_kwh", ""] == pytest.approx(2.5)
    assert kpis["battery_discharged_kwh", ""] == pytest.approx(1.0)
    assert kpis["equivalent_full_cycles", ""] == pytest.approx(2.5 / 30)
    assert kpis["state_of_health_lost_percent", ""] == pytest.approx(0.1)
