"""Widén and Munkhammar's distribution of the clear-sky index."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.simulators.profiles.clear_sky_index import NormalToIndex, decay_per_m, mixture


def test_parameters_by_hand() -> None:
    # Table I and eq. 9-14 at a mean index of 0.6, worked out by hand to four digits.
    sky = mixture(0.6)
    assert sky.cloudy_weight == pytest.approx(0.7510, abs=2e-4)
    assert sky.clear_mean == pytest.approx(1.0727, abs=2e-4)
    assert sky.cloudy_mean == pytest.approx(0.4433, abs=2e-4)
    assert sky.clear_std == pytest.approx(0.1943, abs=2e-4)
    assert sky.cloudy_std == pytest.approx(0.1494, abs=2e-4)
    assert decay_per_m(0.6) == pytest.approx(0.0043 * 0.24)
    assert decay_per_m(1.0) == 1e-5


@given(mean=st.floats(0.05, 1.0))
def test_the_mixture_has_the_mean_asked_for(mean: float) -> None:
    sky = mixture(mean)
    assert sky.mean == pytest.approx(mean, rel=1e-9)
    assert 0 < sky.cloudy_weight < 1
    assert min(sky.cloudy_std, sky.clear_std) > 0


@pytest.mark.parametrize("mean", [0.2, 0.6, 0.95])
def test_transformed_normal_numbers_have_the_distribution(mean: float) -> None:
    sky = mixture(mean)
    normal = np.random.default_rng(1).standard_normal(400_000)
    index = NormalToIndex(sky)(normal)
    # 400 000 draws: standard errors below 0.001. Cutting off at zero moves them by less than 0.002.
    assert index.mean() == pytest.approx(sky.mean, abs=0.003)
    assert index.std() == pytest.approx(sky.std, abs=0.003)
    for level in (0.3, 0.7, 1.1):
        assert (index <= level).mean() == pytest.approx(sky.cumulative(level), abs=0.003)


def test_ranks_are_kept_and_nothing_is_negative() -> None:
    index = NormalToIndex(mixture(0.3))(np.linspace(-8, 8, 1001))
    assert (np.diff(index) >= 0).all()
    assert index.min() >= 0


def test_the_median_is_the_median() -> None:
    sky = mixture(0.6)
    median = float(NormalToIndex(sky)(np.zeros(1))[0])
    assert sky.cumulative(median) == pytest.approx(0.5, abs=1e-4)
    assert math.isfinite(median)
