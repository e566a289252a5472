"""Equation (34): the continuous reading, and what is wrong with the literal one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.amas.charging import Heard, change_kw, fading_kw
from gridloom.controllers.amas.config import AmasConfig

RATED_KW = 7.0
GAIN_KW = 0.05 * RATED_KW
"""Largest change of a vehicle's power in a second: 0.35 kW."""
RAMP_KW = 0.25
SHARES = st.floats(0.0, 1.0)
EVERYTHING: st.SearchStrategy[tuple[float, float, float, float]] = st.tuples(
    SHARES, st.floats(-1.0, 1.0), SHARES, SHARES
)
"""own, balance, lower, higher"""


def config_with(**keys: Any) -> AmasConfig:
    return AmasConfig.model_validate({"type": "amas", "controls": "ev", **keys})


def heard(
    own: float = 0.0,
    balance: float = 0.0,
    lower: float = 0.0,
    higher: float = 0.0,
    share: float = 1.0,
) -> Heard:
    one = {"own": own, "balance": balance, "lower": lower, "higher": higher, "share": share}
    return Heard(**{name: np.array([value]) for name, value in one.items()})


def change(
    knows: Heard, *, power_kw: float = 0.0, step_s: int = 1, rated_kw: float = RATED_KW, **keys: Any
) -> float:
    """Return the change of one vehicle's power; nobody counts as idle unless the test says so."""
    config = config_with(**{"idle_below": 0.0, **keys})
    return float(change_kw(knows, np.array([power_kw]), np.array([rated_kw]), config, step_s)[0])


class TestRoleAware:
    @given(EVERYTHING, st.integers(0, 3), st.floats(-1e-6, 1e-6))
    def test_little_more_criticality_changes_little(
        self, said: tuple[float, ...], which: int, little: float
    ) -> None:
        nearby = list(said)
        lowest = -1.0 if which == 1 else 0.0
        nearby[which] = min(max(nearby[which] + little, lowest), 1.0)
        # h falls by no more than 1.6 for 1 anywhere, the rest of the rule by no more than 3.
        assert abs(change(heard(*said)) - change(heard(*nearby))) <= 5.0 * GAIN_KW * 1e-6 + 1e-12

    @pytest.mark.parametrize("tie", [0.1, 0.3, 0.5, 0.8, 1.0])
    def test_nothing_happens_at_ties(self, tie: float) -> None:
        above, below = (heard(own=tie, lower=tie - side * 1e-9) for side in (0.0, 1.0))
        assert change(above) == pytest.approx(change(below), abs=1e-7)

    def test_relief_is_neither_damped_nor_ramped(self) -> None:
        # However urgent the request against it: h(1) = 0 of it is left, and the line gets it all,
        # 0.05 * 7 kW = 0.35 kW, which is more than the ramp's 0.25 kW.
        for own, balance in ((0.0, 0.0), (1.0, 0.0), (1.0, -1.0), (0.0, 1.0)):
            assert change(heard(own=own, balance=balance, lower=1.0)) == pytest.approx(-GAIN_KW)
        for balance in (0.0, 1.0, -1.0):
            assert change(heard(balance=balance, higher=1.0)) == pytest.approx(GAIN_KW)

    def test_requests_are_ramped(self) -> None:
        assert change(heard(own=1.0)) == RAMP_KW  # not 0.35 kW
        assert change(heard(balance=1.0)) == -RAMP_KW
        assert change(heard(balance=-1.0)) == RAMP_KW
        assert change(heard(own=0.5)) == pytest.approx(0.5 * GAIN_KW)

    def test_a_request_is_damped_by_the_line_that_it_would_burden(self) -> None:
        # By hand: h(0.5) = 0.8 exp(-0.2 ln(0.8 / 0.3) / 0.5) = 0.54036
        h = 0.8 * (0.3 / 0.8) ** 0.4
        asked = 0.4 * GAIN_KW
        assert change(heard(own=0.4, lower=0.5)) == pytest.approx(h * asked - 0.5 * GAIN_KW)
        assert change(heard(balance=0.4, higher=0.5)) == pytest.approx(0.5 * GAIN_KW - h * asked)
        # A request that relieves the line is not damped, but both together are one gain at most.
        assert change(heard(own=0.4, higher=0.5)) == pytest.approx(asked + 0.5 * GAIN_KW)
        assert change(heard(own=0.7, higher=0.9)) == pytest.approx(GAIN_KW)

    def test_who_must_charge_yields_less_to_a_shortage(self) -> None:
        # By hand: without need -0.5; with 0.6, h(0.6) = 0.8 exp(-0.3 * 1.96166) = 0.44412 and
        # 0.6 - 0.44412 * 0.5 = 0.37794.
        assert change(heard(balance=0.5)) == pytest.approx(-0.5 * GAIN_KW)
        found = change(heard(own=0.6, balance=0.5))
        assert found == pytest.approx(0.37794 * GAIN_KW, rel=1e-4)
        assert change(heard(own=1.0, balance=1.0)) == change(heard(own=1.0))

    def test_a_scarce_line_belongs_to_those_who_must_charge(self) -> None:
        # By hand at 0.9: h = 0.15; need 0.5 asks 0.075, a surplus of 1 asks (1 - 0.9)^2 = 0.0015.
        must = change(heard(own=0.5, balance=-1.0, lower=0.9))
        may = change(heard(balance=-1.0, lower=0.9))
        assert must == pytest.approx((0.075 - 0.9) * GAIN_KW)
        assert may == pytest.approx((0.0015 - 0.9) * GAIN_KW)
        # On a free line both ask for the same.
        assert change(heard(own=0.5, balance=-0.6)) == change(heard(balance=-0.6))

    @given(EVERYTHING, st.floats(0.0, 1.0), st.integers(1, 120))
    def test_nobody_changes_by_more_than_its_share(
        self, said: tuple[float, float, float, float], share: float, step_s: int
    ) -> None:
        own, balance, lower, higher = said
        found = change(heard(own, balance, lower, higher, share), step_s=step_s)
        assert abs(found) <= min(share, 0.05 * step_s) * RATED_KW + 1e-12

    def test_longer_steps_change_more_up_to_rated_power(self) -> None:
        assert change(heard(lower=0.5), step_s=10) == pytest.approx(-0.5 * 10 * GAIN_KW)
        assert change(heard(lower=0.5), step_s=60) == pytest.approx(-0.5 * RATED_KW)
        assert change(heard(own=1.0), step_s=10) == pytest.approx(10 * RAMP_KW)

    @given(EVERYTHING)
    def test_where_nobody_is_nothing_changes(self, said: tuple[float, ...]) -> None:
        assert change(heard(*said), rated_kw=0.0) == 0.0


class TestIdle:
    """Whoever hears of nobody critical gives its power up."""

    def test_power_decays(self) -> None:
        nearly = heard(own=0.019, balance=-0.019, lower=0.019, higher=0.019)
        for power_kw in (1.0, -1.0):
            # By hand: 20 % a second.
            found = change(nearly, power_kw=power_kw, idle_below=0.02)
            assert found == pytest.approx(-0.2 * power_kw)

    def test_two_seconds_are_twice_one_second(self) -> None:
        # By hand: 1 - 0.8^2 = 0.36, 1 - 0.8^10 = 0.892626.
        assert change(heard(), power_kw=1.0, step_s=2, idle_below=0.02) == pytest.approx(-0.36)
        found = change(heard(), power_kw=1.0, step_s=10, idle_below=0.02)
        assert found == pytest.approx(-0.892626, rel=1e-6)

    def test_no_faster_than_the_ramp_and_the_share(self) -> None:
        assert change(heard(), power_kw=5.0, idle_below=0.02) == -RAMP_KW
        assert change(heard(share=0.01), power_kw=5.0, idle_below=0.02) == pytest.approx(-0.07)

    @pytest.mark.parametrize("who", ["own", "balance", "lower", "higher"])
    def test_one_who_is_critical_is_enough(self, who: str) -> None:
        awake = change(heard(**{who: 0.02}), power_kw=5.0, idle_below=0.02)
        assert abs(awake) == pytest.approx(0.02 * GAIN_KW)

    def test_a_leak_concerns_those_without_need(self) -> None:
        content = change(heard(balance=0.5), power_kw=2.0, leak_per_s=0.1)
        in_need = change(heard(own=0.5), power_kw=2.0, leak_per_s=0.1)
        assert content == pytest.approx(-0.5 * GAIN_KW - 0.2)
        assert in_need == pytest.approx(0.5 * GAIN_KW)


class TestLiteral:
    """Why (34) as printed is not the default."""

    def test_it_jumps_at_ties(self) -> None:
        # By hand: +-0.5 h(0.5) 7 kW, h(0.5) = 0.54036: a jump of 3.7825 kW.
        up = change(heard(own=0.5, lower=0.5), rule="literal")
        down = change(heard(own=0.5, lower=0.5 + 1e-9), rule="literal")
        assert up == pytest.approx(0.5 * 0.54036 * RATED_KW, rel=1e-4)
        assert up - down == pytest.approx(3.7825, rel=1e-4)

    def test_a_line_at_its_limit_gets_no_relief_from_those_who_must_charge(self) -> None:
        assert change(heard(own=1.0, lower=1.0), rule="literal") == 0.0
        assert change(heard(own=1.0, lower=0.99), rule="literal") > 0.0

    def test_a_balanced_party_is_neither_side(self) -> None:
        assert change(heard(balance=0.4), rule="literal") == pytest.approx(-0.4 * RATED_KW)
        assert change(heard(balance=-0.4), rule="literal") == pytest.approx(0.4 * RATED_KW)


def test_power_fades_before_departure() -> None:
    # By hand: 10 s of fading end in the last step: 5 s before it half of 7 kW, absent: nothing.
    remaining_s = np.array([100.0, 11.0, 6.0, 1.0, 0.0, np.nan])
    allowed = fading_kw(np.full(6, RATED_KW), remaining_s, 10.0, 1)
    assert allowed == pytest.approx([7.0, 7.0, 3.5, 0.0, 0.0, 0.0])
