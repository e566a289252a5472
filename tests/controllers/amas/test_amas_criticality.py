"""Equations (29)-(33) and (35) of Zafar et al., ISGT Europe 2021, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.controllers.amas.config import Damping
from gridloom.controllers.amas.criticality import (
    anticipated_criticality,
    balance_criticality,
    damping,
    loading_criticality,
    vehicle_criticality,
    voltage_loading,
)

NAN = np.nan
SHARES = st.floats(0.0, 1.0)


def h(criticality: float, shape: Damping | None = None) -> float:
    return float(damping(np.array([criticality]), shape or Damping())[0])


class TestLines:
    def test_a_line_is_critical_from_80_percent_of_its_rating_and_wholly_at_its_rating(
        self,
    ) -> None:
        current_a = np.array([0.0, 40.0, 52.0, 55.25, 58.5, 65.0, 90.0, NAN])
        # (29) by hand for 65 A: (I - 52) / 13 between 52 and 65 A, else 0 or 1.
        expected = [0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 0.0]
        assert loading_criticality(current_a / 65.0, 0.8) == pytest.approx(expected, abs=1e-12)

    def test_a_rise_announces_itself(self) -> None:
        criticality = np.array([0.5, 0.5, 0.95, 0.5, 0.0])
        rise_a = np.array([10.0, -10.0, 10.0, NAN, 10.0])
        # (30) by hand, K_l = 0.01: 0.5 + 0.1; falling: as it is; at most 1; unknown: as it is;
        # a content line announces nothing.
        expected = [0.6, 0.5, 1.0, 0.5, 0.0]
        found = anticipated_criticality(criticality, rise_a, 0.01)
        assert found == pytest.approx(expected, abs=1e-12)


class TestVoltages:
    def test_loading_is_the_distance_from_the_middle_of_the_band(self) -> None:
        below, above = voltage_loading(np.array([0.9, 0.92, 1.0, 1.08, 1.1, NAN]), (0.9, 1.1))
        assert below == pytest.approx([1.0, 0.8, 0.0, -0.8, -1.0, NAN], nan_ok=True)
        assert above == pytest.approx([-1.0, -0.8, 0.0, 0.8, 1.0, NAN], nan_ok=True)

    @pytest.mark.parametrize("limits_pu", [(0.94, 1.1), (1.0, 1.1), (0.85, 0.98)])
    def test_both_limits_are_limits_wherever_nominal_voltage_is(
        self, limits_pu: tuple[float, float]
    ) -> None:
        below, above = voltage_loading(np.array([*limits_pu, sum(limits_pu) / 2]), limits_pu)
        assert below == pytest.approx([1.0, -1.0, 0.0])
        assert above == pytest.approx([-1.0, 1.0, 0.0])


class TestBalance:
    def test_the_power_that_would_undo_the_deviation_over_100_kw(self) -> None:
        # (31)-(32) by hand: 5 kWh in 600 s are 30 kW: 0.3 of K_BRP = 100 kW, with the sign.
        assert balance_criticality(5.0, 600.0, 0.0, 100.0) == pytest.approx(0.3)
        assert balance_criticality(-5.0, 600.0, 0.0, 100.0) == pytest.approx(-0.3)

    def test_the_trend_counts_as_power(self) -> None:
        assert balance_criticality(5.0, 600.0, 10.0, 100.0) == pytest.approx(0.4)
        assert balance_criticality(5.0, 600.0, -30.0, 100.0) == pytest.approx(0.0)

    def test_nobody_is_more_critical_than_1(self) -> None:
        # 20 kWh in 60 s are 1200 kW.
        assert balance_criticality(20.0, 60.0, 0.0, 100.0) == 1.0
        assert balance_criticality(-20.0, 60.0, 0.0, 100.0) == -1.0


class TestVehicles:
    def test_the_share_of_rated_power_that_is_needed_until_departure(self) -> None:
        # (33) by hand: 12 min at 7 kW are 1.4 kWh, of which 1.358 kWh are 97 %.
        found = vehicle_criticality(np.array([1.358]), np.array([7.0]), np.array([720.0]))
        assert found == pytest.approx([0.97])

    def test_content_impossible_or_absent(self) -> None:
        missing_kwh = np.array([0.0, -1.0, 2.0, 2.0, 2.0, 0.0, 2.0])
        rated_kw = np.array([7.0, 7.0, 7.0, 7.0, 7.0, 0.0, 0.0])
        remaining_s = np.array([720.0, 720.0, 720.0, 0.0, -60.0, NAN, NAN])
        expected = [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
        found = vehicle_criticality(missing_kwh, rated_kw, remaining_s)
        assert found.tolist() == expected


class TestDamping:
    def test_at_the_ends_the_thresholds_and_between_them(self) -> None:
        # (35) by hand with 0.8 at 0.3 and 0.3 at 0.8: linear to 0.9 half way up to 0.3; half way
        # on, the geometric mean sqrt(0.8 * 0.3); linear to 0.15 half way from 0.8 to 1.
        expected = {0: 1.0, 0.15: 0.9, 0.3: 0.8, 0.55: 0.24**0.5, 0.8: 0.3, 0.9: 0.15, 1: 0.0}
        assert {at: h(at) for at in expected} == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("threshold", [0.3, 0.8])
    def test_it_is_continuous_at_its_thresholds(self, threshold: float) -> None:
        assert h(threshold - 1e-9) == pytest.approx(h(threshold), abs=1e-8)
        assert h(threshold + 1e-9) == pytest.approx(h(threshold), abs=1e-8)

    @given(
        st.tuples(SHARES, SHARES),
        st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)),
        st.tuples(st.floats(0.05, 0.45), st.floats(0.5, 0.95)),
    )
    def test_it_falls_whatever_its_shape(
        self,
        at: tuple[float, float],
        ends: tuple[float, float],
        thresholds: tuple[float, float],
    ) -> None:
        beta, alpha = sorted(ends)
        shape = Damping(
            alpha=alpha, beta=beta, threshold_low=thresholds[0], threshold_high=thresholds[1]
        )
        less, more = sorted(at)
        assert 0.0 <= h(more, shape) <= h(less, shape) + 1e-12 <= 1.0 + 2e-12

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"threshold_low": 0.8}, "threshold_low must be below threshold_high"),
            ({"alpha": 0.2}, "alpha must not be below beta"),
            ({"beta": 0.0}, "greater than 0"),
        ],
    )
    def test_shapes_that_do_not_fall_are_refused(
        self, keys: dict[str, float], message: str
    ) -> None:
        with pytest.raises(ValidationError, match=message):
            Damping.model_validate(keys)
