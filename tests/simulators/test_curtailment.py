"""Plants that can be curtailed: what they feed in, tell and record, and what changes by default."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.simulators.checked_model import CheckedModel
from gridloom.simulators.curtailment import curtailed
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, Direction, FloatArray, Outputs
from gridloom.simulators.plants import Plants
from gridloom.simulators.pv import Pv, PvConfig
from gridloom.simulators.wind import Wind, WindConfig

POINTS = ("h1", "h2")
BRIGHT = {"constant_w_per_m2": 1000}
CLOUDY = {"generator": "widen_munkhammar", "latitude_deg": 52.5, "longitude_deg": 13.4}
NOBODY = np.full(2, np.nan)


def context_of(folder: Path | None = None) -> BuildContext:
    return BuildContext(
        name="pv",
        start=datetime(2021, 6, 21, 10, tzinfo=UTC),
        duration_s=3600,
        seed=1,
        connection_points=POINTS,
        folders=() if folder is None else (folder,),
    )


def pv_of(folder: Path | None = None, **keys: Any) -> Pv:
    return Pv(PvConfig.model_validate({"type": "pv", **keys}), context_of(folder))


def asked(plants: Plants, setpoint_kw: Any, time: int = 0) -> Outputs:
    return plants.step(time, {"power_setpoint_kw": np.array(setpoint_kw, dtype=float)})


def test_a_setpoint_is_the_most_that_is_fed_in() -> None:
    """10 m2 x 0.2 x 1 kW/m2 = 2 kW are available: at -1.5 kW the rest is curtailed."""
    pv = pv_of(irradiance=BRIGHT, efficiency=0.2, curtailable=True)
    outputs = asked(pv, [-1.5, -3.0])
    np.testing.assert_allclose(outputs["power_kw"], [-1.5, -2.0])
    np.testing.assert_allclose(outputs["curtailed_kw"], [0.5, 0.0])
    dark = asked(pv, [0.0, -0.0])
    assert dark["power_kw"].tolist() == [0.0, 0.0]
    assert not np.signbit(dark["power_kw"]).any()
    np.testing.assert_allclose(dark["curtailed_kw"], 2.0)


def test_nobody_can_be_asked_to_draw_power() -> None:
    outputs = asked(pv_of(irradiance=BRIGHT, curtailable=True), [5.0, 0.0])
    assert outputs["power_kw"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("direction", "sign"), [("absorbing", 1), ("injecting", -1)])
def test_reactive_power_follows(direction: str, sign: int) -> None:
    """By hand: at power factor 0.8, 3/4 of the active power: 0.9 kvar of 1.2 kW."""
    keys: dict[str, Any] = {
        "irradiance": BRIGHT,
        "efficiency": 0.2,
        "power_factor": 0.8,
        "reactive": direction,
    }
    outputs = asked(pv_of(**keys, curtailable=True), [-1.2, -9.0])
    np.testing.assert_allclose(outputs["reactive_power_kvar"], [sign * 0.9, sign * 1.5])


def test_what_each_feeds_in_by_profile(tmp_path: Path) -> None:
    """The inverter feeds in at most 2.5 of 3 kW; what exceeds it is not curtailed by anybody."""
    (tmp_path / "pv.csv").write_text("time_s,h1,h2\n0,1,3\n1800,0,0\n")
    pv = pv_of(tmp_path, profile={"file": "pv.csv"}, inverter_power_kw=2.5, curtailable=True)
    outputs = asked(pv, [-0.25, -9.0])
    assert outputs["power_kw"].tolist() == [-0.25, -2.5]
    assert outputs["curtailed_kw"].tolist() == [0.75, 0.0]
    dark = asked(pv, [-1.0, -1.0], time=1800)
    assert dark["power_kw"].tolist() == dark["curtailed_kw"].tolist() == [0.0, 0.0]


def test_without_a_controller_all_is_fed_in_to_the_last_bit() -> None:
    """In a whole hour, on the input that a model receives where nobody sends anything."""
    keys: dict[str, Any] = {"irradiance": CLOUDY, "power_factor": 0.95}
    plain, free = (CheckedModel(pv_of(**keys, curtailable=each)) for each in (False, True))
    assert np.isnan(free.blank_inputs()["power_setpoint_kw"]).all()
    for time in range(0, 3600, 7):
        ours, theirs = (each.advance(time, each.blank_inputs()) for each in (free, plain))
        for name, values in theirs.items():
            assert values.tobytes() == ours[name].tobytes(), name
        assert ours["curtailed_kw"].tolist() == [0.0, 0.0]


def test_ports_and_by_default_none_more() -> None:
    def ports(*, curtailable: bool) -> list[tuple[str, bool, bool]]:
        pv = pv_of(irradiance=BRIGHT, curtailable=curtailable)
        return [(p.name, p.direction is Direction.INPUT, p.recorded) for p in pv.ports]

    assert ports(curtailable=True) == [
        *ports(curtailable=False),
        ("power_setpoint_kw", True, True),
        ("curtailed_kw", False, True),
        ("power_min_kw", False, False),
    ]
    assert "curtailable" not in {port for port, _, _ in ports(curtailable=False)}
    assert "power_min_kw" not in pv_of(irradiance=BRIGHT).step(0, {})


def test_the_lowest_power_is_the_rating_where_there_is_one() -> None:
    inverters = {"h1": 5, "h2": 1}
    pv = pv_of(irradiance=BRIGHT, inverter_power_kw=inverters, curtailable=True)
    assert pv.initial_outputs()["power_min_kw"].tolist() == [-5, -1]
    assert asked(pv, [0, 0])["power_min_kw"].tolist() == [-5, -1]
    config = {
        "type": "wind",
        "wind_speed": {"constant_m_per_s": 20},
        "rated_power_kw": 7,
        "curtailable": True,
    }
    wind = Wind(WindConfig.model_validate(config), context_of())
    assert asked(wind, [-3, np.nan])["power_kw"].tolist() == [-3, -7]
    assert asked(wind, [0, 0])["power_min_kw"].tolist() == [-7, -7]


def test_else_what_was_available_last_whatever_was_curtailed(tmp_path: Path) -> None:
    """First what was expected day-ahead of the first quarter of an hour: 3/4 of what there is."""
    (tmp_path / "pv.csv").write_text("time_s,h1,h2\n0,1,3\n1800,2,4\n")
    forecast = {"relative_bias": -0.25, "resolution": "15min"}
    keys: dict[str, Any] = {
        "profile": {"file": "pv.csv"},
        "forecast": forecast,
        "step_size": "15min",
    }
    pv = pv_of(tmp_path, **keys, curtailable=True)
    assert pv.initial_outputs()["power_min_kw"].tolist() == [-0.75, -2.25]
    told = [asked(pv, [0, -1], time)["power_min_kw"].tolist() for time in (900, 1800)]
    assert told == [[-1, -3], [-2, -4]]


def test_expectations_are_of_what_is_available() -> None:
    """Curtailing them changes nothing that they expect, by persistence or day-ahead."""
    keys: dict[str, Any] = {"irradiance": CLOUDY, "step_size": "5min"}
    free, limited = (pv_of(**keys, curtailable=True) for _ in range(2))
    for time in range(0, 3600, 300):
        ours, theirs = asked(limited, [0, 0], time), asked(free, NOBODY, time)
        assert ours["expected_power_kw"].tobytes() == theirs["expected_power_kw"].tobytes()
    assert free.forecast().power_kw.tobytes() == pv_of(**keys).forecast().power_kw.tobytes()


def test_its_future_depends_on_others() -> None:
    assert pv_of(irradiance=BRIGHT, curtailable=True).future(900) is None
    assert pv_of(irradiance=BRIGHT).future(900) is not None


KILOWATTS = arrays(float, 5, elements=st.floats(-1e6, 1e6))


@given(available_kw=KILOWATTS, setpoint_kw=KILOWATTS, unasked=arrays(bool, 5))
def test_curtailment_keeps_its_promises(
    available_kw: FloatArray, setpoint_kw: FloatArray, unasked: Any
) -> None:
    given_kw = np.where(unasked, np.nan, setpoint_kw)
    available = {"power_kw": available_kw, "reactive_power_kvar": 0.3 * available_kw}
    found = curtailed(available, given_kw)
    power_kw, curtailed_kw = found["power_kw"], found["curtailed_kw"]
    assert (curtailed_kw >= 0).all()
    assert (power_kw >= available_kw).all()
    np.testing.assert_allclose(power_kw, available_kw + curtailed_kw, atol=1e-9)
    assert (power_kw[unasked] == available_kw[unasked]).all()
    limited = ~unasked & (setpoint_kw <= 0)
    assert (power_kw[limited] == np.maximum(available_kw, setpoint_kw)[limited]).all()
    np.testing.assert_allclose(
        found["reactive_power_kvar"], 0.3 * power_kw, rtol=1e-12, atol=1e-300
    )


STEADY_LIMIT = '''
import numpy as np

from gridloom.controllers.controller import Controller, ControllerConfig
from gridloom.simulators.signals import POWER_MIN, POWER_SETPOINT, Information


class LimitConfig(ControllerConfig):
    share: float


class Limit(Controller):
    """Asks each plant for a share of its rating."""

    Config = LimitConfig
    information = frozenset({Information.SESSIONS_PLUGGED_IN})
    observes = (POWER_MIN,)
    decides = (POWER_SETPOINT,)

    def __init__(self, config, context):
        super().__init__(config, context)
        self.share = config.share

    def decide(self, time, observation):
        return {POWER_SETPOINT.name: self.share * observation[POWER_MIN.name]}
'''
IN_THE_SUN = {"type": "pv", "irradiance": BRIGHT, "efficiency": 0.2, "inverter_power_kw": 2}


@pytest.fixture
def limiting(tmp_path: Path) -> Iterator[str]:
    """Return the type of a controller that lets through a share of every plant's rating."""
    (tmp_path / "limiting.py").write_text(STEADY_LIMIT, encoding="utf-8")
    yield "limiting:Limit"
    sys.modules.pop("limiting", None)


@pytest.mark.parametrize("fuse", [False, True])
def test_in_a_scenario_as_users_run_it(record_of: Any, limiting: str, fuse: bool) -> None:
    """Of 2 kW, a controller lets through a quarter; without one, all is fed in."""
    pv = {**IN_THE_SUN, "curtailable": True}
    limit = {"limit": {"type": limiting, "controls": "pv", "share": 0.25}}
    recorded = record_of({"pv": pv, "free": pv}, controllers=limit, fuse=fuse)
    np.testing.assert_allclose(recorded["pv"]["power_kw"], -0.5)
    np.testing.assert_allclose(recorded["pv"]["curtailed_kw"], 1.5)
    assert recorded["pv"]["curtailed_kw"].attrs["units"] == "kW"
    np.testing.assert_allclose(recorded["free"]["power_kw"], -2.0)
    assert not recorded["free"]["curtailed_kw"].any()


@pytest.mark.slow
def test_in_a_process_of_its_own(record_of: Any) -> None:
    pv = {**IN_THE_SUN, "curtailable": True, "placement": "process"}
    np.testing.assert_allclose(record_of({"pv": pv})["pv"]["power_kw"], -2.0)


def test_schemes_that_charge_are_refused(record_of: Any) -> None:
    basic = {"basic": {"type": "basic", "controls": "pv"}}
    with pytest.raises(ScenarioError, match="'pv' does not tell 'power_max_kw'"):
        record_of({"pv": {**IN_THE_SUN, "curtailable": True}}, controllers=basic)
