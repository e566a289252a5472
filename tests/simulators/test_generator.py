"""Dispatchable generators: limits, ramps, costs, what is told and recorded."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.generator import Generator, GeneratorConfig, cost_eur
from gridloom.simulators.model import BuildContext, FloatArray, Outputs

POINTS = ("g1", "g2")
SETPOINTS = arrays(float, (12, 2), elements=st.floats(-300, 300))


def generator_of(**keys: Any) -> Generator:
    context = BuildContext(
        name="dg",
        start=datetime(2021, 6, 21, tzinfo=UTC),
        duration_s=7200,
        seed=1,
        connection_points=POINTS,
    )
    config = {
        "type": "generator",
        "step_size": "15min",
        "power_max_kw": 100,
        "marginal_cost_eur_per_mwh": 60,
        **keys,
    }
    return Generator(GeneratorConfig.model_validate(config), context)


def run(generator: Generator, setpoints_kw: FloatArray) -> list[Outputs]:
    return [
        generator.step(row * generator.step_size, {"power_setpoint_kw": asked})
        for row, asked in enumerate(setpoints_kw)
    ]


def powers(generator: Generator, *setpoints_kw: float) -> list[float]:
    asked = np.repeat(np.array(setpoints_kw)[:, None], 2, axis=1)
    return [float(outputs["power_kw"][0]) for outputs in run(generator, asked)]


def test_it_obeys_within_its_limits() -> None:
    generator = generator_of(power_min_kw=20)
    # By hand, load convention: feeds in between 20 and 100 kW, and never draws.
    assert powers(generator, -50, -150, 0, 30, -20) == [-50, -100, -20, -20, -20]


def test_it_ramps_from_its_last_power() -> None:
    generator = generator_of(power_min_kw=20, ramp_kw_per_h=40)
    # By hand: 10 kW a quarter of an hour, from 20 kW on.
    assert powers(generator, -100, -100, -35, 0, 0) == [-30, -40, -35, -25, -20]


def test_it_ramps_from_its_initial_power() -> None:
    generator = generator_of(ramp_kw_per_h=40, initial_power_kw={"g1": 70, "g2": 0})
    outputs = generator.step(0, {"power_setpoint_kw": np.array([0.0, -100.0])})
    assert outputs["power_kw"].tolist() == [-60, -10]


def test_it_tells_what_it_can_do_next() -> None:
    generator = generator_of(power_min_kw={"g1": 0, "g2": 15}, ramp_kw_per_h={"g1": 40, "g2": 400})
    first = generator.initial_outputs()
    # By hand: 10 and 100 kW a step from 0 and 15 kW.
    assert first["power_min_kw"].tolist() == [-10, -100]
    assert first["power_max_kw"].tolist() == [0, -15]
    after = generator.step(0, {"power_setpoint_kw": np.array([-8.0, -100.0])})
    assert after["power_min_kw"].tolist() == [-18, -100]
    assert after["power_max_kw"].tolist() == [0, -15]


@given(asked_kw=SETPOINTS, ramp=st.one_of(st.none(), st.floats(1, 1000)), least=st.floats(0, 100))
def test_whatever_is_asked_for_limits_and_ramps_hold(
    asked_kw: FloatArray, ramp: float | None, least: float
) -> None:
    generator = generator_of(power_min_kw=least, ramp_kw_per_h=ramp)
    told = generator.initial_outputs()
    last_kw = -generator.initial_power_kw
    for asked, outputs in zip(asked_kw, run(generator, asked_kw), strict=True):
        power_kw = outputs["power_kw"]
        assert ((power_kw >= -100) & (power_kw <= -least)).all()
        assert (np.abs(power_kw - last_kw) <= (ramp or np.inf) / 4 + 1e-9).all()
        # As close to what was asked for as was told to be possible.
        clipped = np.clip(asked, told["power_min_kw"], told["power_max_kw"])
        np.testing.assert_array_equal(power_kw, clipped)
        last_kw, told = power_kw, outputs


def test_reactive_power() -> None:
    generator = generator_of(power_factor=0.8, reactive="injecting")
    outputs = generator.step(0, {"power_setpoint_kw": np.array([-40.0, 0.0])})
    # By hand: 40 kW at power factor 0.8 come with 30 kvar.
    np.testing.assert_allclose(outputs["reactive_power_kvar"], [-30, 0])


def test_it_is_expected_at_its_least_power() -> None:
    generator = generator_of(power_min_kw={"g1": 0, "g2": 15})
    forecast = generator.forecast(by_element=True)
    assert forecast.interval_s == 900
    assert forecast.power_kw.tolist() == [[0, -15]] * 8
    assert generator.forecast().power_kw.tolist() == [-15] * 8


class TestCosts:
    BLOCKS = np.array([[50.0, 70.0, 100.0]])

    def cost(self, *power_kw: float, hours: float = 1.0) -> list[float]:
        found = cost_eur(
            np.array(power_kw)[:, None],
            power_min_kw=np.array([10.0]),
            power_max_kw=np.array([100.0]),
            block_costs_eur_per_mwh=self.BLOCKS,
            hours=hours,
        )
        return [float(each) for each in found[:, 0]]

    def test_blocks_by_hand(self) -> None:
        # 10 kW least and blocks of 30 kW: [0, 40] at 50, [40, 70] at 70, [70, 100] at 100 EUR/MWh.
        expected = [0, 0.5, 2.0, 2.0 + 0.7, 2.0 + 2.1, 2.0 + 2.1 + 3.0]
        np.testing.assert_allclose(self.cost(0, -10, -40, -50, -70, -100), expected)
        np.testing.assert_allclose(self.cost(-50, hours=0.25), [2.7 / 4])

    @given(st.floats(0, 100), st.floats(0, 100))
    def test_cost_is_convex_and_rises_at_the_marginal_cost(self, one: float, two: float) -> None:
        low, middle, high = self.cost(-one, -(one + two) / 2, -two)
        assert middle <= (low + high) / 2 + 1e-12
        rise, kw = abs(high - low), abs(one - two)
        assert 0.05 * kw - 1e-12 <= rise <= 0.1 * kw + 1e-12

    def test_one_price_is_energy_times_price(self) -> None:
        generator = generator_of(power_min_kw=20, marginal_cost_eur_per_mwh=60)
        found = cost_eur(
            np.array([[-80.0, -20.0]]),
            power_min_kw=generator.power_min_kw,
            power_max_kw=generator.power_max_kw,
            block_costs_eur_per_mwh=generator.block_costs_eur_per_mwh,
            hours=2.0,
        )
        np.testing.assert_allclose(found, [[80 * 2 * 0.06, 20 * 2 * 0.06]])


def test_constants_are_recorded() -> None:
    generator = generator_of(power_min_kw=5, marginal_cost_eur_per_mwh=[40, 55])
    table = {variable.name: variable for variable in generator.static()}
    assert table["generation_max_kw"].values.tolist() == [100, 100]
    assert table["generation_min_kw"].values.tolist() == [5, 5]
    assert table["ramp_kw_per_h"].values.tolist() == [np.inf, np.inf]
    assert table["marginal_cost_eur_per_mwh"].values.tolist() == [[40, 55], [40, 55]]
    assert table["marginal_cost_eur_per_mwh"].dimensions == ("generator", "cost_block")
    # A name can be recorded once: constants are called otherwise than what is told every step.
    assert table.keys().isdisjoint(port.name for port in generator.ports)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"marginal_cost_eur_per_mwh": [50, 40]}, "decreases: the cheapest block comes first"),
        ({"marginal_cost_eur_per_mwh": []}, "at least 1 item"),
        ({"power_max_kw": 0}, "greater than 0"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        generator_of(**keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"power_min_kw": {"g1": 1, "g2": 101}},
            "power_min_kw: 101 kW is outside the limits of g2",
        ),
        (
            {"power_min_kw": 10, "initial_power_kw": 5},
            "initial_power_kw: 5 kW is outside the limits of g1, g2",
        ),
        ({"power_max_kw": {"g1": 10}}, "power_max_kw: nothing for g2"),
        ({"ramp_kw_per_h": {"g3": 10}}, "ramp_kw_per_h: no generator at g3"),
    ],
)
def test_errors_carry_their_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        generator_of(**keys)
    assert str(caught.value).startswith(message)


def test_it_runs_on_a_grid(record_of: Callable[..., dict[str, xr.Dataset]]) -> None:
    device = {
        "type": "generator",
        "at": ["load2"],
        "power_max_kw": 20,
        "ramp_kw_per_h": 60,
        "marginal_cost_eur_per_mwh": [50, 80],
    }
    everything = {"signals": "all"}
    recorded = record_of({"dg": device}, {"dg": -18}, record=everything)["dg"]
    # By hand: 5 kW more every 5 min.
    expected = np.minimum(5.0 * np.arange(1, 13), 18)
    np.testing.assert_allclose(recorded["power_kw"][:, 0], -expected)
    assert recorded["marginal_cost_eur_per_mwh"].shape == (1, 2)
