"""What a planner foresees: stays, expectations, and the imbalance that is nobody's fault."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.milp.exogenous import Exogenous, resampled
from gridloom.controllers.milp.forecasting import ForecastForesight
from gridloom.controllers.milp.foresight import PerfectForesight
from gridloom.controllers.milp.stays import Stays, StorageRows, StorageTerms, storages_of
from gridloom.controllers.milp.whole_intervals import in_whole_intervals
from gridloom.controllers.milp.window import Window
from gridloom.simulators.battery import BatteryLimits
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import Forecast

FOREVER = 1e6


def stays_of(*rows: tuple[int, float, float, float, float], efficiency: float = 1.0) -> Stays:
    """Make stays of (place, begin, end, energy, required): 30 kWh vehicles, 6 kW, 9 to 24 kWh."""
    place, begin, end, energy, required = (
        np.array(column, dtype=float) for column in zip(*rows, strict=True)
    )
    count = len(rows)
    return Stays(
        place=place.astype(np.int64),
        begin_s=begin,
        end_s=end,
        energy_kwh=energy,
        required_kwh=required,
        lowest_kwh=np.full(count, 9.0),
        highest_kwh=np.full(count, 24.0),
        charging_kw=np.full(count, 6.0),
        discharging_kw=np.full(count, 3.0),
        charge_efficiency=efficiency,
    )


def window_of(now_s: int = 0, *, duration_s: int = 600, horizon_s: int | None = None) -> Window:
    return Window.at(now_s, interval_s=60, period_s=300, duration_s=duration_s, horizon_s=horizon_s)


def terms_of(*, reachable_at_end: bool = True, efficiency: float = 1.0) -> StorageTerms:
    return StorageTerms(
        point=np.arange(3),
        limits=BatteryLimits(
            state_of_charge_min=0.3,
            state_of_charge_max=0.8,
            charge_efficiency=efficiency,
            discharge_efficiency=efficiency,
        ),
        tan_phi=0.0,
        reachable_at_end=reachable_at_end,
        wear_eur_per_kwh=0.0,
    )


# Windows


def test_windows_of_a_receding_horizon_have_one_shape() -> None:
    windows = [window_of(now, horizon_s=400) for now in (0, 120, 300, 540)]
    assert {window.intervals for window in windows} == {15}  # 2 periods, and the current one
    assert [window.start_s for window in windows] == [0, 0, 300, 300]
    assert [window.end_s for window in windows] == [600] * 4


def test_what_is_over_and_what_lies_beyond_the_run_is_blank() -> None:
    window = window_of(420, horizon_s=300)
    assert (window.start_s, window.intervals) == (300, 10)
    cut = window.to_come(np.arange(1.0, 11.0))
    assert cut.tolist() == [0, 0, 8, 9, 10, 0, 0, 0, 0, 0]


# Stays and storages


def test_a_partial_interval_limits_the_mean_power_in_proportion() -> None:
    """By hand: 45 s of the second, 15 s of the fifth minute."""
    stays = stays_of((0, 75, 255, 20, 20))
    storages = storages_of(stays, StorageRows.of(stays, 1, 60), window_of(), terms_of())
    assert storages.charge_max_kw[0, :6].tolist() == [0, 4.5, 6, 6, 1.5, 0]
    assert storages.discharge_max_kw[0, :6].tolist() == [0, 2.25, 3, 3, 0.75, 0]
    assert np.flatnonzero(~np.isnan(storages.entering_kwh[0])).tolist() == [1]
    assert np.flatnonzero(storages.leaves[0]).tolist() == [4]


def test_what_is_required_is_asked_as_far_as_it_can_be_reached() -> None:
    """By hand: 6 kW for 3 min at 0.9 store 0.27 kWh."""
    stays = stays_of((0, 0, 180, 20, 20.2), (1, 0, 180, 20, 23), efficiency=0.9)
    storages = storages_of(stays, StorageRows.of(stays, 2, 60), window_of(), terms_of())
    assert storages.energy_min_kwh[:, 2] == pytest.approx([20.2, 20.27])
    assert (storages.energy_min_kwh[:, :2] == 9.0).all()


@pytest.mark.parametrize(("reachable", "least"), [(True, 21.0 - 6 / 12), (False, 9.0)])
def test_who_leaves_later_must_still_reach_it(reachable: bool, least: float) -> None:
    """By hand: five minutes at 6 kW are left after a window of ten."""
    stays = stays_of((0, 0, 900, 22, 21))
    terms = terms_of(reachable_at_end=reachable)
    storages = storages_of(stays, StorageRows.of(stays, 1, 60), window_of(), terms)
    assert storages.energy_min_kwh[0, -1] == pytest.approx(least)
    assert storages.leaves[0, -1]


def test_who_is_outside_the_bounds_need_not_jump_back() -> None:
    stays = stays_of((0, 0, 600, 26, 20), (1, 0, 600, 5, 5))
    storages = storages_of(stays, StorageRows.of(stays, 2, 60), window_of(), terms_of())
    assert storages.energy_max_kwh[:, 0].tolist() == [26, 24]
    assert storages.energy_min_kwh[:, 0].tolist() == [9, 5]


def test_vehicles_that_share_an_interval_are_different_storages() -> None:
    stays = stays_of((0, 0, 90, 20, 20), (0, 100, 400, 15, 15), (1, 0, 600, 10, 10))
    rows = StorageRows.of(stays, 2, 60)
    assert rows.of_stay.tolist() == [0, 2, 1]
    assert rows.place.tolist() == [0, 1, 0]
    storages = storages_of(stays, rows, window_of(), terms_of())
    assert storages.charge_max_kw[0, 1] == pytest.approx(3.0)
    assert storages.charge_max_kw[2, 1] == pytest.approx(2.0)


def test_vehicles_that_share_none_are_one_storage() -> None:
    stays = stays_of((0, 120, 400, 15, 15), (0, 0, 120, 20, 20))
    assert StorageRows.of(stays, 1, 60).of_stay.tolist() == [0, 0]


# Whole intervals


def test_a_vehicle_in_a_hurry_charges_in_the_intervals_it_is_there_for_in_part() -> None:
    """By hand: 11 min 40 s of 12 min at 6 kW; the whole minutes are 11, 40 s of the others needed.

    From 0:30 to 12:30: it charges 30 s on arrival and 10 s of the 30 s before departure.
    """
    stays = stays_of((0, 30, 750, 18, 18 + 700 / 600))
    left, partial = in_whole_intervals(stays, window_of(duration_s=900), 1)
    assert (left.begin_s[0], left.end_s[0]) == (60, 720)
    assert partial.power_kw[0, 0] == pytest.approx(6.0)
    assert partial.mean_kw[0, 0] == pytest.approx(3.0)
    assert partial.power_kw[0, 12] == pytest.approx(2.0)
    assert partial.mean_kw[0, 12] == pytest.approx(1.0)
    assert left.energy_kwh[0] == pytest.approx(18.05)
    assert left.required_kwh[0] == pytest.approx(18 + 700 / 600 - 1 / 60)


def test_a_vehicle_with_time_to_spare_is_idle_there() -> None:
    stays = stays_of((0, 30, 750, 18, 18.5), (1, 30, 5000, 18, 24))
    left, partial = in_whole_intervals(stays, window_of(duration_s=900), 2)
    assert not partial.power_kw.any()
    assert left.energy_kwh.tolist() == [18, 18]
    assert left.end_s.tolist() == [720, 5000]


def test_a_stay_without_a_whole_interval_is_no_storage() -> None:
    left, partial = in_whole_intervals(stays_of((0, 70, 100, 18, 20)), window_of(), 1)
    assert len(left) == 0
    assert partial.mean_kw[0].tolist() == [0, 3, 0, 0, 0, 0, 0, 0, 0, 0]


# Uncoordinated charging


def test_uncoordinated_charging_is_what_the_basic_controller_does(
    run_street: Callable[..., Any], street: Callable[..., Any], basic_text: str
) -> None:
    """Two independent ways: in closed form, and simulated with the fleet."""
    finished = run_street(text=basic_text)
    drawn = finished.outputs["ev"]["power_kw"].sum(axis=1).reshape(30, 6).mean(axis=1)
    case = street().models["charging"].case
    stays = PerfectForesight(case, {}).stays
    assert case.uncoordinated_kwh(stays) * 60 == pytest.approx(drawn, abs=1e-9)


def test_natural_imbalance_is_what_the_market_then_settles(
    run_street: Callable[..., Any], street: Callable[..., Any], basic_text: str
) -> None:
    settled = run_street(text=basic_text).imbalance_kwh
    planner = street().models["charging"]
    foresight = PerfectForesight(planner.case, planner.futures(60))
    assert foresight.uncoordinated_imbalance_kwh == pytest.approx(settled, abs=1e-9)


# Expectations


def test_means_over_other_intervals_are_exact() -> None:
    """By hand: 10-min means over quarters of an hour; after its end a series keeps its value."""
    values = np.array([6.0, 12.0, 0.0])
    assert resampled(values, 600, 900, 3) == pytest.approx([8.0, 4.0, 0.0])
    assert resampled(values, 600, 300, 4) == pytest.approx([6, 6, 12, 12])


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    st.sampled_from([60, 600, 900, 3600]),
    st.sampled_from([60, 300, 900]),
)
def test_resampling_keeps_energy(values: list[float], length_s: int, interval_s: int) -> None:
    given_kw = np.array(values)
    total_s = len(values) * length_s
    intervals = total_s // interval_s
    means = resampled(given_kw, length_s, interval_s, intervals)
    covered = np.repeat(given_kw, length_s // 60)[: intervals * interval_s // 60]
    assert means.sum() * interval_s == pytest.approx(covered.sum() * 60, abs=1e-6)


def test_a_measurement_is_forgotten_with_lead_time() -> None:
    """By hand: at the middle of the minutes after 60 s, 30 s and 90 s ahead."""
    expected = Exogenous(power_kw=np.full((1, 3), 2.0), reactive_power_kvar=np.zeros((1, 3)))
    blended = expected.blended((np.array([6.0]), np.array([1.0])), 60, 60, 90)
    weight = np.exp([-30 / 90, -90 / 90])
    assert blended.power_kw[0] == pytest.approx([2.0, *(2 + 4 * weight)])
    assert blended.reactive_power_kvar[0] == pytest.approx([0.0, *weight])


def forecasting(planner: Any, schedule: Forecast | None = None) -> ForecastForesight:
    case = planner.case
    return ForecastForesight(
        case, planner.forecasts(), schedule or case.fleet.forecast(), persistence_s=900
    )


def observation_of(planner: Any, **changes: Any) -> dict[str, Any]:
    observed = {port.name: port.blank() for port in planner.ports}
    return {**observed, **planner.case.fleet.initial_outputs(), **changes}


def test_vehicles_are_not_expected_twice(street: Callable[..., Any]) -> None:
    """What is seen is taken off the schedule; the rest, at 10-min means, is still to come."""
    planner = street("controllers.charging.foresight=forecast").models["charging"]
    case = planner.case
    foresight = forecasting(planner)
    observed = observation_of(planner)
    foresight.notice(0, observed, np.zeros(4))
    expected_kw = foresight.foresee(0, observed).problem.elsewhere_kw
    everybody = PerfectForesight(case, {}).stays
    unseen = everybody.where(everybody.begin_s > 0)
    assert set(unseen.place) == {2, 3}
    coming_kwh = unseen.uncoordinated_kwh(np.array([0.0, 600, 1200, 1800])).sum(axis=0)
    assert expected_kw.reshape(3, 10).mean(axis=1) == pytest.approx(coming_kwh * 6)


def test_it_looks_at_nothing_that_it_may_not_know(street: Callable[..., Any]) -> None:
    planner = street("controllers.charging.foresight=forecast").models["charging"]
    foresight = forecasting(planner, Forecast(interval_s=600, power_kw=np.zeros(3)))
    fleet = planner.case.fleet
    observed = observation_of(planner)
    fleet.sessions = None
    for model in planner.case.surroundings.models.values():
        model.future = None
    foresight.notice(0, observed, np.zeros(4))
    storages = foresight.foresee(0, observed).problem.storages
    # load 2 and load 3 come later, and nobody knows.
    assert storages.charge_max_kw.any(axis=1).tolist() == [True, True, False, False]


def test_past_steering_does_not_change_what_would_have_been(street: Callable[..., Any]) -> None:
    """The natural imbalance counts what vehicles would have drawn, not what they were made to."""
    planner = street(
        "controllers.charging.foresight=forecast", "controllers.charging.speculation=false"
    ).models["charging"]
    position_kwh = 6 * 300 / 3600

    def natural(drawn_kw: float) -> Any:
        foresight = forecasting(planner)
        observed = observation_of(planner)
        foresight.notice(0, observed, np.zeros(4))
        exogenous_kwh = 0.4
        allocated_kwh = exogenous_kwh + drawn_kw * 300 / 3600
        later = {**observed, "imbalance_kwh": np.asarray(allocated_kwh - position_kwh)}
        foresight.notice(300, later, np.array([drawn_kw, 0.0, 0.0, 0.0]))
        settlement = foresight.foresee(300, later).problem.settlement
        assert settlement.settled_kwh[0] == pytest.approx(allocated_kwh)
        return settlement.imbalance_min_kwh + settlement.imbalance_max_kwh

    assert natural(-8.0) == pytest.approx(natural(8.0))


def test_settled_periods_are_no_business_of_a_plan(street: Callable[..., Any]) -> None:
    planner = street().models["charging"]
    foresight = PerfectForesight(planner.case, planner.futures(60))
    observed = observation_of(planner, imbalance_kwh=np.asarray(-5.0))
    settlement = foresight.foresee(900, observed).problem.settlement
    assert settlement.settled_kwh == pytest.approx([settlement.position_kwh[0], 0.0])
    # By hand: 6 kW bought, two minutes gone.
    settlement = foresight.foresee(120, observed).problem.settlement
    assert settlement.settled_kwh == pytest.approx([-5.0 + 6 * 120 / 3600, 0.0])


def test_energy_in_the_vehicles_is_observed(street: Callable[..., Any]) -> None:
    planner = street().models["charging"]
    foresight = PerfectForesight(planner.case, planner.futures(60))
    stored = np.array([11.0, 9.5, np.nan, 13.0])
    problem = foresight.foresee(240, observation_of(planner, stored_energy_kwh=stored)).problem
    entering = problem.storages.entering_kwh
    assert entering[[0, 1, 3], 4].tolist() == [11.0, 9.5, 13.0]
    assert entering[2, 5] == pytest.approx(0.65 * 20)


def test_coarse_devices_need_coarse_intervals(street: Callable[..., Any]) -> None:
    case = street().models["charging"].case
    load = case.surroundings.models["load"]
    load.step_size = 900
    with pytest.raises(ScenarioError, match="'load'"):
        replace(case).require_consistent()
