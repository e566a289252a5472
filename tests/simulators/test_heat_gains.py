"""Heat from people, appliances and the sun: ISO 13790's day, variation, aperture."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.heat_gains import (
    HeatGainConfig,
    HeatGains,
    open_heat_gains,
    share_of_mean,
)
from gridloom.simulators.model import BuildContext

POINTS = ("b1", "b2")
DAY_S = 86400


def gains_of(days: int = 1, seed: int = 1, later: int = 0, **keys: Any) -> HeatGains:
    context = BuildContext(
        name="hp",
        start=datetime(2021, 1, 10, tzinfo=UTC) + timedelta(days=later),
        duration_s=days * DAY_S,
        seed=seed,
    )
    config = HeatGainConfig.model_validate(keys)
    return open_heat_gains(config, context, POINTS, days * DAY_S)


def test_the_day_of_iso_13790() -> None:
    # Table G.8, Monday to Friday: (8 + 1), (20 + 1) and (2 + 6) W/m2; day means 9 and 2.67 W/m2.
    share = share_of_mean()
    mean = 9 + 64 / 24
    assert share.mean() == pytest.approx(1)
    np.testing.assert_allclose(share[[7, 16]], 9 / mean)
    np.testing.assert_allclose(share[[17, 22]], 21 / mean)
    np.testing.assert_allclose(share[[23, 0, 6]], 8 / mean)


def test_people_and_appliances() -> None:
    gains = gains_of(internal_kw={"b1": 0.5, "b2": 1}, internal_variation=0)
    hours = gains.means(0, DAY_S, 3600)
    np.testing.assert_allclose(hours, np.outer(share_of_mean(), [0.5, 1]))


def test_they_vary_around_their_mean() -> None:
    gains = gains_of(400, internal_kw=2, internal_variation=0.4)
    factors = gains.means(0, 400 * DAY_S, 3600) / np.tile(2 * share_of_mean(), 400).reshape(-1, 1)
    # 19200 draws: the standard errors are 0.003 of the mean and about 0.004 of the deviation.
    assert factors.mean() == pytest.approx(1, abs=0.012)
    assert factors.std() == pytest.approx(0.4, abs=0.016)
    assert abs(np.corrcoef(factors[:, 0], factors[:, 1])[0, 1]) < 0.04
    np.testing.assert_allclose(
        gains.internal.without_variation().means(0, DAY_S, DAY_S), [[2, 2]], rtol=1e-12
    )


def test_a_day_is_the_same_whenever_the_scenario_starts() -> None:
    days = gains_of(2).means(0, 2 * DAY_S, 3600)
    assert (gains_of(later=1).means(0, DAY_S, 3600) == days[24:]).all()
    assert (gains_of(seed=2).means(0, DAY_S, 3600) != days[:24]).all()


def test_the_sun_by_hand() -> None:
    gains = gains_of(
        internal_kw=0,
        solar_aperture_m2={"b1": 4, "b2": 0},
        irradiance={"constant_w_per_m2": 500},
    )
    assert gains.means(0, 1800, 900).tolist() == [[2, 0], [2, 0]]


@pytest.mark.parametrize(
    "keys", [{"solar_aperture_m2": 3}, {"irradiance": {"constant_w_per_m2": 500}}]
)
def test_aperture_and_irradiance_belong_together(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="need each other"):
        HeatGainConfig.model_validate(keys)


def test_errors_carry_their_key() -> None:
    with pytest.raises(ScenarioError, match=r"irradiance\.file: file 'sun.csv' does not exist"):
        gains_of(solar_aperture_m2=3, irradiance={"file": "sun.csv"})
    with pytest.raises(ScenarioError, match="internal_kw: nothing for b2"):
        gains_of(internal_kw={"b1": 0.2})
