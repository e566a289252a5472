"""Batteries: eq. (12) by hand, no energy from nothing, bounds that hold, wear by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.battery import (
    Ageing,
    BatteryLimits,
    power_envelope,
    stored_energy_change,
    wear,
)
from gridloom.simulators.model import FloatArray

EFFICIENCIES = st.floats(0.05, 1.0)
SHARES = st.floats(0.0, 1.0)
POWERS = st.floats(0.0, 400.0)
STEPS = st.integers(1, 7200)


def limits_of(
    charge: float = 1.0, discharge: float = 1.0, low: float = 0.0, high: float = 1.0
) -> BatteryLimits:
    return BatteryLimits(
        state_of_charge_min=low,
        state_of_charge_max=high,
        charge_efficiency=charge,
        discharge_efficiency=discharge,
    )


def one(value: float) -> FloatArray:
    return np.array([value])


def test_a_charged_kwh_is_stored_less_its_loss_and_a_discharged_kwh_costs_its_loss() -> None:
    # By hand, eq. (12): 7 kW for 15 min at 0.9 stores 1.575 kWh; 4 kW given back for 15 min at
    # 0.8 takes 1 / 0.8 = 1.25 kWh from the store.
    change = stored_energy_change(limits_of(0.9, 0.8), np.array([7.0, -4.0, 0.0]), 900)
    np.testing.assert_allclose(change, [1.575, -1.25, 0.0], rtol=1e-14)


@given(energy=st.floats(0.001, 100), charge=EFFICIENCIES, discharge=EFFICIENCIES, step=STEPS)
def test_a_round_trip_never_creates_energy(
    energy: float, charge: float, discharge: float, step: int
) -> None:
    limits = limits_of(charge, discharge)
    hours = step / 3600
    stored = stored_energy_change(limits, one(energy / hours), step)
    returned = stored[0] * discharge  # what can be drawn until the store is as before
    taken = stored_energy_change(limits, one(-returned / hours), step)
    assert stored[0] + taken[0] == pytest.approx(0, abs=1e-9 * energy)
    # Closed form: the round trip returns eta_c eta_d of what was put in, never more.
    assert returned == pytest.approx(charge * discharge * energy, rel=1e-9)
    assert returned <= energy * (1 + 1e-12)


def test_the_envelope_is_the_rating_or_what_the_bounds_leave() -> None:
    # By hand, one hour, 10 kWh, bounds 0.2 to 0.8, efficiencies 0.5 and 0.8:
    # at 0.5: 3 kWh of room take 6 kW; 3 kWh of stock give 2.4 kW;
    # at 0.79: 0.1 kWh of room take 0.2 kW; 5.9 kWh of stock give 4.72 kW, rated 3.
    lowest, highest = power_envelope(
        limits_of(0.5, 0.8, 0.2, 0.8),
        np.array([0.5, 0.79]),
        np.array([10.0, 10.0]),
        np.array([3.0, 3.0]),
        np.array([7.0, 7.0]),
        3600,
    )
    np.testing.assert_allclose(lowest, [-2.4, -3.0])
    np.testing.assert_allclose(highest, [6.0, 0.2])


def test_outside_its_bounds_a_battery_may_only_move_back() -> None:
    lowest, highest = power_envelope(
        limits_of(low=0.3, high=0.8),
        np.array([0.2, 0.9]),
        np.array([10.0, 10.0]),
        np.array([7.0, 7.0]),
        np.array([7.0, 7.0]),
        60,
    )
    assert lowest.tolist() == [0, -7]
    assert highest.tolist() == [7, 0]


def test_zero_is_no_negative_zero() -> None:
    lowest, _ = power_envelope(limits_of(), one(0.5), one(10.0), one(0.0), one(7.0), 1)
    assert not np.signbit(lowest).any()


@given(
    bounds=st.tuples(SHARES, SHARES).map(sorted),
    begin=SHARES,
    charge=EFFICIENCIES,
    discharge=EFFICIENCIES,
    rated=st.tuples(POWERS, POWERS),
    capacity=st.floats(0.5, 200),
    setpoints=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    step=STEPS,
)
def test_whatever_is_asked_the_bounds_hold(  # noqa: PLR0917, PLR0913
    bounds: list[float],
    begin: float,
    charge: float,
    discharge: float,
    rated: tuple[float, float],
    capacity: float,
    setpoints: list[float],
    step: int,
) -> None:
    low, high = bounds
    limits = limits_of(charge, discharge, low, high)
    state = one(low + begin * (high - low))
    for setpoint in setpoints:
        envelope = power_envelope(limits, state, one(capacity), one(rated[0]), one(rated[1]), step)
        power = np.clip(one(setpoint), *envelope)
        assert -rated[0] <= power[0] <= rated[1]
        state = state + stored_energy_change(limits, power, step) / capacity
        assert low - 1e-12 <= state[0] <= high + 1e-12


def test_wear_is_linear_in_throughput() -> None:
    # By hand: 3000 cycles of 2 x 30 kWh wear 0.2; 7 kW for an hour is 7 / 180000 of that.
    loss = wear(Ageing(), np.array([7.0, -7.0, 0.0]), np.array([30.0, 30.0, 30.0]), 3600)
    np.testing.assert_allclose(loss, [0.2 * 7 / 180000, 0.2 * 7 / 180000, 0.0], rtol=1e-14)


def test_the_cycle_life_ends_at_the_end_of_life() -> None:
    # One cycle: 10 kWh in, 10 kWh out. 500 of them lead from 1 to 0.7 by definition.
    ageing = Ageing(cycle_life=500, end_of_life_state_of_health=0.7)
    in_and_out = wear(ageing, np.array([10.0, -10.0]), np.array([10.0, 10.0]), 3600).sum()
    assert 1 - 500 * in_and_out == pytest.approx(0.7, rel=1e-12)
