"""Vehicles at departure, worked out by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.signals import STATE_OF_CHARGE

NAN = np.nan


def _fleet(rows: Any, charge: Any, sessions: Sequence[tuple[float, ...]], step_s: int = 60) -> Any:
    """Sessions as (charging point, arrival, departure, state at arrival); 0.7 of 30 kWh needed."""
    point, arrival, departure, at_arrival = zip(*sessions, strict=True)
    charge = np.asarray(charge, dtype=float)
    along = ("session",)
    return rows(
        signals={STATE_OF_CHARGE: charge},
        kinds={STATE_OF_CHARGE: ("charging_point", [f"CP{k}" for k in range(charge.shape[1])])},
        static={
            "session_charging_point": (along, np.array(point, dtype=np.int64)),
            "session_arrival_s": (along, np.array(arrival, dtype=float)),
            "session_departure_s": (along, np.array(departure, dtype=float)),
            "session_arrival_state_of_charge": (along, np.array(at_arrival)),
            "session_required_state_of_charge": (along, np.full(len(point), 0.7)),
            "session_energy_capacity_kwh": (along, np.full(len(point), 30.0)),
        },
        step_s=step_s,
    )


def test_state_of_charge_at_the_last_step_before_departure(evaluate: Any, rows: Any) -> None:
    # Rows end at 60, 120, 180, 240 s. CP0 leaves at 120 s (0.71), CP1 at 200 s: last end 180 s
    # (0.60), 0.1 * 30 = 3 kWh short; CP2 stays
    charge = [[0.5, 0.5, 0.2], [0.71, 0.55, 0.3], [NAN, 0.60, 0.4], [NAN, NAN, 0.5]]
    sessions = [(0, 0.0, 120.0, 0.4), (1, 0.0, 200.0, 0.4), (2, 0.0, 900.0, 0.1)]
    kpis = evaluate(ev=_fleet(rows, charge, sessions))
    assert kpis["sessions_departed", ""] == 2.0
    assert kpis["sessions_plugged_in_at_end", ""] == 1.0
    assert kpis["sessions_below_requirement", ""] == 1.0
    assert kpis["missing_energy_kwh", ""] == pytest.approx(3.0)
    assert kpis["missing_energy_max_kwh", ""] == pytest.approx(3.0)
    assert kpis["state_of_charge_at_departure_mean", ""] == pytest.approx(0.655)
    # 0.71 + 0.60 at departure and 0.5 at the end, of 30 kWh each
    assert kpis["vehicle_energy_kwh", ""] == pytest.approx(1.81 * 30)


def test_departure_with_the_end_of_the_run_is_judged(evaluate: Any, rows: Any) -> None:
    kpis = evaluate(ev=_fleet(rows, [[0.5], [0.6]], [(0, 0.0, 120.0, 0.4)]))
    assert kpis["sessions_departed", ""] == 1.0
    assert kpis["missing_energy_kwh", ""] == pytest.approx(3.0)


@pytest.mark.parametrize(("missing_kwh", "below"), [(0.019, 0.0), (0.021, 1.0)])
def test_what_no_meter_shows_is_not_missing(
    evaluate: Any, rows: Any, missing_kwh: float, below: float
) -> None:
    charge = np.full((2, 1), 0.7 - missing_kwh / 30)
    kpis = evaluate(ev=_fleet(rows, charge, [(0, 0.0, 120.0, 0.4)]))
    assert kpis["sessions_below_requirement", ""] == below
    assert kpis["missing_energy_kwh", ""] == pytest.approx(missing_kwh * below)


def test_two_vehicles_follow_each_other_at_one_charging_point(evaluate: Any, rows: Any) -> None:
    charge = [[0.7], [0.3], [0.5]]
    sessions = [(0, 0.0, 60.0, 0.6), (0, 60.0, 180.0, 0.2)]
    kpis = evaluate(ev=_fleet(rows, charge, sessions))
    assert kpis["sessions_below_requirement", ""] == 1.0
    assert kpis["missing_energy_kwh", ""] == pytest.approx(0.2 * 30)


def test_stay_of_less_than_a_step_leaves_as_it_came(evaluate: Any, rows: Any) -> None:
    # Comes at 70 s, leaves at 110 s; the row that ends at 60 s is not about it
    kpis = evaluate(ev=_fleet(rows, [[0.1], [NAN], [NAN]], [(0, 70.0, 110.0, 0.65)]))
    assert kpis["state_of_charge_at_departure_mean", ""] == 0.65


def test_sessions_outside_of_the_run_do_not_count(evaluate: Any, rows: Any) -> None:
    sessions = [(0, 600.0, 900.0, 0.4), (0, -900.0, -300.0, 0.4)]
    kpis = evaluate(ev=_fleet(rows, [[NAN], [NAN]], sessions))
    assert kpis["sessions_departed", ""] == 0.0
    assert kpis["sessions_plugged_in_at_end", ""] == 0.0
    assert np.isnan(kpis["state_of_charge_at_departure_mean", ""])


def test_battery_without_sessions_has_no_departures(evaluate: Any, rows: Any) -> None:
    battery = rows(
        signals={STATE_OF_CHARGE: np.full((2, 1), 0.5)},
        kinds={STATE_OF_CHARGE: ("battery", ["B1"])},
    )
    assert ("sessions_departed", "") not in evaluate(battery=battery)
