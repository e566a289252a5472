"""Answers of single devices, calculated by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.population import LeafTotals, Population, ProximalRequest
from gridloom.simulators.model import FloatArray

RHO = 0.02


def answer(
    device: Population, price: Sequence[float], target: Sequence[float], penalty: float = RHO
) -> FloatArray:
    """Return the profile of one device that drew nothing before."""
    request = ProximalRequest(
        price_eur_per_kw=np.array([price]),
        target_kw=np.array([target], float),
        penalty_eur_per_kw2=penalty,
    )
    profile, totals = np.zeros((1, len(price))), LeafTotals.zeros(1, len(price))
    device.respond(request, np.zeros(1, np.int64), profile, totals)
    alone: FloatArray = profile[0]
    return alone


def battery(
    intervals: int,
    *,
    initial_kwh: float = 0.0,
    charge_kw: float = 4.0,
    efficiency: float = 0.8,
    wear_eur_per_kwh: float = 0.0,
    stays: Stays | None = None,
) -> Batteries:
    """2 kWh, hourly."""
    return Batteries(
        charge_kw=np.array([charge_kw]),
        discharge_kw=np.array([4.0]),
        charge_efficiency=np.array([efficiency]),
        discharge_efficiency=np.array([efficiency]),
        lower_kwh=np.array([0.0]),
        upper_kwh=np.array([2.0]),
        initial_kwh=np.array([initial_kwh]),
        wear_eur_per_kwh=np.array([wear_eur_per_kwh]),
        stays=stays or Stays.always(np.zeros(1), intervals),
        intervals=intervals,
        interval_h=1.0,
    )


def stays_of(*stays: tuple[int, int, float, float]) -> Stays:
    """Begin, end, required and trip energy of each stay of one vehicle."""
    begin, end, required, trip = zip(*stays, strict=True)
    return Stays(
        first=np.array([0, len(stays)]),
        begin=np.array(begin),
        end=np.array(end),
        required_kwh=np.array(required, float),
        trip_kwh=np.array(trip, float),
    )


def test_plants_are_curtailed_to_where_price_and_target_pull() -> None:
    """-target - (price + c dt)/rho within what is available, twice the weight."""
    plant = Curtailable(
        available_kw=np.array([[3.0, 3.0, 3.0, 0.0]]),
        cost_eur_per_kwh=np.array([0.04]),
        interval_h=0.5,
        weight=np.array([2.0]),
    )
    profile = answer(plant, [-0.01, 0.05, -0.08, -0.01], [-0.5, 0.0, 0.0, -9.0])
    assert profile == pytest.approx([-2.0, -3.0, 0.0, 0.0])  # -1 + 2 (0.01 - 0.02)/0.02 = -2
    assert answer(plant, [0.0, -0.019, -0.021, 1.0], [0.0] * 4, 0.0).tolist() == [-3, -3, 0, 0]
    assert plant.contract_cost_eur(profile[None]) == pytest.approx([-5.0 * 0.04 * 0.5])


def test_a_deferrable_load_fills_the_valleys() -> None:
    """Wishes -1, -2, 0 and 4 kWh in hours: the water stands at 7/3 over the dearest."""
    load = Deferrable(
        rated_power_kw=np.array([3.0]),
        energy_kwh=np.array([4.0]),
        release=np.array([1.0]),
        deadline=np.array([4.0]),
        intervals=5,
        interval_h=1.0,
    )
    profile = answer(load, [0.0, 0.02, 0.04, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0, 9.0])
    assert profile == pytest.approx([0.0, 4 / 3, 1 / 3, 7 / 3, 0.0])


def test_a_job_uses_what_of_an_interval_is_in_its_window() -> None:
    """From 0.75 to 2.5 hours, 2 kW: ceilings of 0.5, 2 and 1 kW; of equals, the earlier."""
    load = Deferrable(
        rated_power_kw=np.array([2.0]),
        energy_kwh=np.array([3.0]),
        release=np.array([0.75]),
        deadline=np.array([2.5]),
        intervals=4,
        interval_h=1.0,
    )
    assert answer(load, [0.3, 0.2, 0.1, 0.0], [0.0] * 4, 0.0) == pytest.approx([0.0, 2.0, 1.0, 0.0])
    assert answer(load, [0.2, 0.2, 0.2, 0.0], [0.0] * 4, 0.0) == pytest.approx([0.5, 2.0, 0.5, 0.0])
    assert answer(load, [0.2] * 4, [-50.0, 50.0, 50.0, 0.0]) == pytest.approx([0.0, 2.0, 1.0, 0.0])


def test_a_job_out_of_reach_is_cut_to_what_can_be_done() -> None:
    load = Deferrable(
        rated_power_kw=np.array([2.0, 2.0]),
        energy_kwh=np.array([9.0, 9.0]),
        release=np.array([1.5, -3.0]),
        deadline=np.array([3.0, 9.0]),
        intervals=3,
        interval_h=0.5,
    )
    assert load.energy_kwh == pytest.approx([1.5, 3.0])


def test_a_battery_buys_cheap_and_sells_dear() -> None:
    """2 kWh take 2.5 kWh, give 1.6: worth it for 8 ct and 20 ct, not for 8 ct and 12 ct."""
    assert answer(battery(2), [0.08, 0.20], [0.0, 0.0], 0.0) == pytest.approx([2.5, -1.6])
    assert answer(battery(2), [0.08, 0.12], [0.0, 0.0], 0.0) == pytest.approx([0.0, 0.0])


def test_wear_must_pay_too() -> None:
    """A kWh of each kind costs 2 ct: 2.5 (8 + 2) < 1.6 (20 - 2) ct, but not with 4 ct."""
    worn = battery(2, wear_eur_per_kwh=0.02)
    assert answer(worn, [0.08, 0.20], [0.0, 0.0], 0.0) == pytest.approx([2.5, -1.6])
    assert worn.contract_cost_eur(np.array([[2.5, -1.6]])) == pytest.approx([4.1 * 0.02])
    worn = battery(2, wear_eur_per_kwh=0.04)
    assert answer(worn, [0.08, 0.20], [0.0, 0.0], 0.0) == pytest.approx([0.0, 0.0])


def test_a_full_battery_wastes_where_drawing_is_rewarded() -> None:
    """By turns: 0.8 c = d/0.8 and c + d = 4 kW, so c - d = 0.36/1.64 * 4 kW."""
    full = battery(1, initial_kwh=2.0)
    assert answer(full, [-0.05], [0.0], 0.0) == pytest.approx([0.36 * 4 / 1.64])
    assert answer(full, [-0.05], [0.0]) == pytest.approx([0.36 * 4 / 1.64])
    assert answer(full, [-0.01], [0.0]) == pytest.approx([0.5])  # the wish itself


def test_a_battery_shares_what_it_may_discharge() -> None:
    """Lossless, 2 kWh for wishes of 4 kWh: both 1 kW less."""
    cell = battery(2, initial_kwh=2.0, efficiency=1.0)
    assert answer(cell, [0.0, 0.0], [-3.0, -1.0]) == pytest.approx([-2.0, 0.0])
    assert answer(cell, [0.0, 0.0], [-2.5, -1.5]) == pytest.approx([-1.5, -0.5])


def test_a_vehicle_is_charged_when_it_leaves_and_away_on_its_trip() -> None:
    """1.6 kWh are needed after interval 1; 1 kWh is driven; at last 1 kWh must be there.

    2 kWh in all, in equal shares of the three equally cheap hours, would be too little to leave.
    """
    car = battery(5, stays=stays_of((0, 2, 1.6, 1.0), (3, 5, 1.0, 0.0)))
    profile = answer(car, [0.1, 0.1, 0.0, 0.1, 0.12], [0.0] * 5)
    assert profile == pytest.approx([1.0, 1.0, 0.0, 0.5, 0.0])
    assert answer(car, [0.1, 0.1, 0.0, 0.1, 0.12], [0.0, 0.0, 9.0, 0.0, 0.0])[2] == 0.0


def test_requirements_out_of_reach_are_lowered() -> None:
    car = battery(4, stays=stays_of((1, 1, 5.0, 0.0), (1, 2, 9.0, 3.0), (3, 3, 1.5, 0.7)))
    assert car.stays.required_kwh == pytest.approx([0.0, 2.0, 0.0])  # full, 2 kWh
    assert car.stays.trip_kwh == pytest.approx([0.0, 2.0, 0.0])  # all of it, of 3.7
    slow = battery(1, charge_kw=1.0, stays=stays_of((0, 1, 1.9, 0.5)))
    assert slow.stays.required_kwh == pytest.approx([0.8])
    assert answer(slow, [5.0], [0.0]) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("stay", "cause"),
    [
        ([(0, 5, 0.0, 0.0)], "within the horizon"),
        ([(-1, 2, 0.0, 0.0)], "within the horizon"),
        ([(2, 1, 0.0, 0.0)], "within the horizon"),
        ([(0, 2, 0.0, 0.0), (1, 3, 0.0, 0.0)], "overlap"),
        ([(2, 3, 0.0, 0.0), (0, 1, 0.0, 0.0)], "time order"),
    ],
)
def test_impossible_stays_are_refused(
    stay: list[tuple[int, int, float, float]], cause: str
) -> None:
    with pytest.raises(ValueError, match=cause):
        battery(4, stays=stays_of(*stay))


def building(initial_c: float, lower_c: Sequence[float], upper_c: float = 24.0) -> HeatPumps:
    """0.1 kW/K, time constant 10 h, 0 degrees outside, COP 3, at most 1 kW, hourly."""
    return HeatPumps.from_building(
        rated_power_kw=np.array([1.0]),
        heat_loss_kw_per_k=np.array([0.1]),
        heat_capacity_kwh_per_k=np.array([1.0]),
        gain_share=np.array([1.0]),
        initial_c=np.array([initial_c]),
        limits=np.array([0]),
        lower_c=np.array([lower_c], float),
        upper_c=np.full((1, len(lower_c)), upper_c),
        outdoor_c=np.zeros(len(lower_c)),
        heat_gain_kw=np.zeros(len(lower_c)),
        cop=np.full(len(lower_c), 3.0),
        interval_h=1.0,
    )


def test_holding_a_temperature_takes_what_is_lost() -> None:
    """20 K * 0.1 kW/K / COP 3, whatever it costs; heating earlier is dearer."""
    for penalty in (RHO, 0.0):
        profile = answer(building(20.0, [20.0] * 4), [0.1] * 4, [0.0] * 4, penalty)
        assert profile == pytest.approx([2 / 3] * 4)


def test_heat_is_stored_before_it_gets_dear() -> None:
    """An hour at a tenth of the price: e^0.1 times as much heat is needed there, at a gain."""
    pump = building(20.0, [0.0, 0.0, 20.0])
    profile = answer(pump, [0.5, 0.05, 0.5], [0.0] * 3, 0.0)
    left = np.exp(-0.1)
    heated = 3.0 * (1.0 - left) / 0.1
    last = (20.0 - 20.0 * left**3 - heated * left) / heated
    assert profile == pytest.approx([max(last - 1.0, 0.0) / left, 1.0, min(last, 1.0)])


def test_limits_out_of_reach_are_widened_to_what_can_be_reached() -> None:
    """The cold building heats fully until it is there: 15 e^-0.1 + 2.855 degrees after an hour."""
    pump = building(15.0, [20.0] * 12)
    assert answer(pump, [9.0] * 12, [0.0] * 12)[:3] == pytest.approx([1.0] * 3)
    left = np.exp(-0.1)
    assert pump.lower_c[pump.limits[0], 0] == pytest.approx(15.0 * left + 30.0 * (1.0 - left))
    assert pump.lower_c[0].tolist() == [20.0] * 12  # of others
    hot = building(26.0, [20.0] * 2)
    assert hot.upper_c[hot.limits[0], 0] == pytest.approx(24.0)  # 26 e^-0.1 = 23.5: in reach
    hot = building(30.0, [20.0] * 2)
    assert hot.upper_c[hot.limits[0], 0] == pytest.approx(30.0 * left)


def test_a_building_whose_start_is_forgotten_at_the_end_is_refused() -> None:
    """e^-70 is less than 1e-30."""
    with pytest.raises(ValueError, match="time constant is too short"):
        building(20.0, [20.0] * 700)
