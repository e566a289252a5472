"""What a district exchanges with the world around it, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import POWER


def _devices(rows: Any, power_kw: Any, step_s: int) -> Any:
    power_kw = np.asarray(power_kw, dtype=float)
    names = [f"H{k + 1}" for k in range(power_kw.shape[1])]
    return rows(signals={POWER: power_kw}, kinds={POWER: ("house", names)}, step_s=step_s)


def test_houses_share_before_they_import(evaluate: Any, rows: Any) -> None:
    # Net 6, -3, -1 and 2 kW for 5 min each; the last step is in no whole window of 15 min.
    kpis = evaluate(
        load=_devices(rows, [[4, 2], [1, 0], [1, 2], [2, 2]], 300),
        pv=_devices(rows, [[0], [-4], [-4], [-2]], 300),
    )
    assert kpis["district_imported_kwh", ""] == pytest.approx((6 + 2) / 12)
    assert kpis["district_exported_kwh", ""] == pytest.approx((3 + 1) / 12)
    assert kpis["district_import_peak_15min_kw", ""] == pytest.approx(2 / 3)
    assert kpis["district_export_peak_15min_kw", ""] == 0.0
    # Of 10 kW of generation 4 are exported.
    assert kpis["self_consumption_percent", ""] == pytest.approx(60.0)


def test_peaks_are_those_of_a_quarter_of_an_hour(evaluate: Any, rows: Any) -> None:
    net_kw = np.zeros((45, 1))
    net_kw[2, 0], net_kw[20:35, 0] = 30.0, -4.0
    kpis = evaluate(house=_devices(rows, net_kw, 60))
    # By hand: 30 kW for one minute; of the windows from 15 and 30 min 10 and 5 min at 4 kW.
    assert kpis["district_import_peak_15min_kw", ""] == pytest.approx(2.0)
    assert kpis["district_export_peak_15min_kw", ""] == pytest.approx(4 * 10 / 15)


def test_steps_longer_than_a_quarter_of_an_hour(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(house=_devices(rows, [[3.0], [-5.0]], 3600))
    assert kpis["district_import_peak_15min_kw", ""] == 3.0
    assert kpis["district_export_peak_15min_kw", ""] == 5.0


def test_without_generation_there_is_no_district(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(load=_devices(rows, [[1.0]], 900))
    assert not any(name.startswith("district") for name, _ in kpis)
