"""Heat pumps of buildings with two temperatures: limits in and out of reach, and by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.population import LeafTotals, Population, ProximalRequest
from gridloom.controllers.proximal.two_mass_heat_pumps import TwoMassHeatPumps
from gridloom.simulators.model import FloatArray

Make = Callable[[str, np.random.Generator, int, int], Population]


def answer(pumps: Population, price: Any, target: Any = 0.0, penalty: float = 0.0) -> FloatArray:
    """Return the profiles of devices at one net, which drew nothing before."""
    shape = 1, pumps.intervals
    request = ProximalRequest(
        price_eur_per_kw=np.broadcast_to(np.asarray(price, float), shape).copy(),
        target_kw=np.broadcast_to(np.asarray(target, float), shape).copy(),
        penalty_eur_per_kw2=penalty,
    )
    profile = np.zeros((pumps.count, pumps.intervals))
    pumps.respond(request, np.zeros(pumps.count, np.int64), profile, LeafTotals.zeros(*shape))
    return profile


def responses(pumps: TwoMassHeatPumps, device: int) -> FloatArray:
    """Return how much each kW warms the air at the end of each interval: (interval, interval)."""
    count = pumps.intervals
    warms = np.zeros((count, count))
    for begin in range(count):
        state = pumps.heating_k_per_kw[device] * pumps.cop[begin]
        for t in range(begin, count):
            warms[t, begin] = state[0]
            state = pumps.transition[device] @ state
    return warms


def house(
    lower_k: Sequence[float], upper_k: Sequence[float], rated_kw: float = 2.0
) -> TwoMassHeatPumps:
    """A kWh warms the air 1 K, of which half is left after an hour, a quarter is in the mass."""
    return TwoMassHeatPumps(
        rated_power_kw=np.array([rated_kw]),
        transition=np.array([[[0.5, 0.25], [0.25, 0.75]]]),
        heating_k_per_kw=np.array([[1.0, 0.0]]),
        lower_k=np.array([lower_k]),
        upper_k=np.array([upper_k]),
        cop=np.ones(len(lower_k)),
        interval_h=1.0,
    )


def test_the_mass_gives_heat_back() -> None:
    """1, then 0.5, then 0.25 + 0.25/4 = 0.3125 K of 1 kWh: 1/0.3125 = 3.2 kWh or 1 for 1 K."""
    late = house([0.0, 0.0, 1.0], [9.0, 9.0, 9.0], rated_kw=4.0)
    assert answer(late, [1.0, 9.0, 3.1]) == pytest.approx(np.array([[0.0, 0.0, 1.0]]), abs=1e-7)
    assert answer(late, [1.0, 9.0, 3.3]) == pytest.approx(np.array([[3.2, 0.0, 0.0]]), abs=1e-7)


def test_a_target_is_shared_between_hours() -> None:
    """Wish 0; half of 1 K by the first hour: on (1, 0.5) p = 0.5 the nearest is (0.25, 0.5)/1.25.

    The air after two hours is p_2 + p_1/2.
    """
    profile = answer(house([0.0, 0.5], [9.0, 9.0]), 0.0, 0.0, 0.02)
    assert profile == pytest.approx(np.array([[0.2, 0.4]]), abs=1e-7)


def test_limits_that_can_be_kept_stay_as_they_are() -> None:
    kept = house([0.5, 0.5], [1.0, 1.0])
    assert kept.lower_k.tolist() == [[0.5, 0.5]]
    assert kept.upper_k.tolist() == [[1.0, 1.0]]


def test_limits_out_of_reach_are_widened_to_the_nearest_that_can_be_reached() -> None:
    """2 kW reach 2 K, then 3 K, above 2.5 K; no cooling: 4 K asked before, half is left of 2 K."""
    cold = house([3.0, 2.5], [9.0, 9.0])
    assert cold.lower_k == pytest.approx(np.array([[2.0, 2.5]]), abs=2e-5)
    hot = house([2.0, -1.0], [9.0, 0.3])
    assert hot.upper_k == pytest.approx(np.array([[9.0, 1.0]]), abs=2e-5)
    assert answer(hot, [1.0, -1.0]) == pytest.approx(np.array([[2.0, 0.0]]), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), intervals=st.integers(1, 24))
def test_only_what_cannot_be_kept_is_widened(
    seed: int, intervals: int, random_population: Make
) -> None:
    """By HiGHS: the limits can be kept, and the first one that was widened could not have been."""
    rng = np.random.default_rng(seed)
    given_limits = random_population("two_mass_heat_pumps", rng, 1, intervals)
    assert isinstance(given_limits, TwoMassHeatPumps)
    asked = rng.normal(0.0, 1.5, intervals).cumsum()
    lower, upper = asked - 0.2, asked + rng.uniform(0.0, 0.6)
    pumps = TwoMassHeatPumps(
        rated_power_kw=np.array([2.0]),
        transition=given_limits.transition,
        heating_k_per_kw=given_limits.heating_k_per_kw,
        lower_k=lower,
        upper_k=upper,
        cop=given_limits.cop,
        interval_h=0.25,
    )
    warms = responses(pumps, 0)

    def possible(low: FloatArray, high: FloatArray) -> bool:
        until = len(low)
        found = linprog(
            np.zeros(intervals),
            A_ub=np.vstack((warms[:until], -warms[:until])),
            b_ub=np.concatenate((high, -low)),
            bounds=(0.0, 2.0),
        )
        return bool(found.status == 0)

    assert possible(pumps.lower_k[0], pumps.upper_k[0])
    wider = (pumps.lower_k[0] < lower - 3e-5) | (pumps.upper_k[0] > upper + 3e-5)
    first = int(np.append(np.flatnonzero(wider), intervals)[0])
    if first < intervals:
        high = np.append(pumps.upper_k[0, :first], upper[first])
        assert not possible(np.append(pumps.lower_k[0, :first], lower[first]), high)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    intervals=st.integers(1, 96),
    penalty=st.sampled_from([0.0, 1e-4, 0.02, 1e6]),
)
def test_limits_hold(seed: int, intervals: int, penalty: float, random_population: Make) -> None:
    """To 1e-8 K, by the building's own responses; powers exactly."""
    rng = np.random.default_rng(seed)
    pumps = random_population("two_mass_heat_pumps", rng, 6, intervals)
    assert isinstance(pumps, TwoMassHeatPumps)
    price, target = rng.normal(0.03, 0.06, intervals), rng.normal(0.0, 2.0, intervals)
    profile = answer(pumps, price, target, penalty)
    assert (profile >= 0.0).all()
    assert (profile <= pumps.rated_power_kw[:, np.newaxis]).all()
    for device in range(6):
        warmth = responses(pumps, device) @ profile[device]
        assert (warmth >= pumps.lower_k[device] - 1e-8).all()
        assert (warmth <= pumps.upper_k[device] + 1e-8).all()


@pytest.mark.parametrize("penalty", [0.0, 0.02])
def test_masses_as_warm_as_the_air_are_one(penalty: float) -> None:
    """With one state that the second merely follows, the exact operator of `HeatPumps` judges."""
    rng = np.random.default_rng(6)
    kept, heating = rng.uniform(0.9, 0.99, 20), rng.uniform(0.1, 0.5, 20)
    lower = np.abs(rng.normal(0.0, 1.0, (20, 24)))
    both: dict[str, Any] = {
        "rated_power_kw": np.full(20, 2.0),
        "cop": rng.uniform(2.0, 4.0, 24),
        "interval_h": 0.25,
    }
    transition = np.zeros((20, 2, 2))
    transition[:, 0, 0], transition[:, 1, 0], transition[:, 1, 1] = kept, 0.05, 0.9
    two = TwoMassHeatPumps(
        transition=transition,
        heating_k_per_kw=np.stack((heating, 0.0 * heating), axis=1),
        lower_k=lower,
        upper_k=lower + 3.0,
        **both,
    )
    one = HeatPumps(
        persistence=kept,
        heating_k_per_kw=heating,
        outdoor_share=np.zeros(20),
        gain_k_per_kw=np.zeros(20),
        initial_c=np.zeros(20),
        limits=np.arange(20),
        lower_c=two.lower_k,
        upper_c=two.upper_k,
        outdoor_c=np.zeros(24),
        heat_gain_kw=np.zeros(24),
        **both,
    )
    price, target = rng.normal(0.03, 0.06, 24), rng.normal(0.0, 1.0, 24)
    profiles = [answer(pumps, price, target, penalty) for pumps in (one, two)]
    np.testing.assert_allclose(profiles[1], profiles[0], rtol=0.0, atol=1e-6)


def test_numbers_beyond_all_measure_are_refused() -> None:
    """A building that heats itself up a million times an hour has no answer, and it says so."""
    wild = house([0.0] * 8, [1.0] * 8)
    wild.transition[:] *= 1e6
    with pytest.raises(ArithmeticError, match="heat pump 0 found no answer"):
        answer(wild, -1.0)
