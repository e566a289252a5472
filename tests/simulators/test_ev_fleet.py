"""The EV fleet: energy kept to 1e-9 kWh, bounds, coming and going, schedule, records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gridloom.controllers.basic import Basic, BasicConfig
from gridloom.controllers.controller import ControlContext
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import BuildContext, FloatArray, Outputs

POINTS = ("LOAD1", "LOAD2", "LOAD3")


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "ev",
        "start": datetime(2021, 3, 24, 16, tzinfo=timezone(timedelta(hours=1))),
        "duration_s": 3600,
        "seed": 1,
        "connection_points": POINTS,
        "groups": {"west": ("LOAD3", "LOAD1")},
    }
    return BuildContext(**{**defaults, **changes})


def session(point: str, arrival: str, departure: str, state: float, **keys: Any) -> dict[str, Any]:
    return {
        "charging_point": point,
        "arrival": arrival,
        "departure": departure,
        "arrival_state_of_charge": state,
        **keys,
    }


def fleet_of(
    *sessions: Mapping[str, Any], context: BuildContext | None = None, **keys: Any
) -> EvFleet:
    config = {
        "type": "ev_fleet",
        "sessions": list(sessions),
        "energy_capacity_kwh": 10,
        "forecast": {"resolution": "10min"},
        **keys,
    }
    return EvFleet(EvFleetConfig.model_validate(config), context or context_of())


@dataclass(kw_only=True)
class History:
    """All outputs of a run: (step, charging point)."""

    times: Sequence[int]
    outputs: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        return self.outputs[name]


def run(fleet: EvFleet, setpoint_kw: float | FloatArray, until_s: int = 3600) -> History:
    """Step with constant setpoints, or one row of setpoints a step."""
    times = range(0, until_s, fleet.step_size)
    setpoints = np.broadcast_to(setpoint_kw, (len(times), len(fleet.elements)))
    steps: list[Outputs] = [
        fleet.step(time, {"power_setpoint_kw": setpoint})
        for time, setpoint in zip(times, setpoints, strict=True)
    ]
    return History(
        times=times, outputs={name: np.stack([step[name] for step in steps]) for name in steps[0]}
    )


def test_elements_are_the_chosen_connection_points() -> None:
    fleet = fleet_of(at="west")
    assert fleet.elements.names == fleet.elements.connection_points == ("LOAD3", "LOAD1")
    assert {port.name: port.recorded for port in fleet.ports} == {
        "power_setpoint_kw": True,
        "power_kw": True,
        "reactive_power_kvar": True,
        "state_of_charge": True,
        "plugged_in": True,
        "state_of_health": True,
        "power_min_kw": False,
        "power_max_kw": False,
        "energy_required_kwh": False,
        "departure_s": False,
        "stored_energy_kwh": False,
        "energy_capacity_kwh": False,
        "rated_charging_kw": False,
        "rated_discharging_kw": False,
        "required_state_of_charge": False,
    }


def test_without_a_grid_the_points_are_named() -> None:
    with pytest.raises(ScenarioError, match="expected: a list of names"):
        fleet_of(context=context_of(connection_points=None))


def test_a_fleet_without_sessions_does_nothing() -> None:
    fleet = fleet_of()
    history = run(fleet, 7.0, 10)
    assert not history["power_kw"].any()
    assert np.isnan(history["state_of_charge"]).all()
    assert not fleet.forecast().power_kw.any()


class TestComingAndGoing:
    def test_a_vehicle_is_plugged_in_from_its_arrival_until_its_departure(self) -> None:
        history = run(fleet_of(session("LOAD2", "10s", "20s", 0.5)), 7.0, 30)
        expected = [10 <= time < 20 for time in history.times]
        assert (history["plugged_in"][:, 1] == expected).all()
        assert ((history["power_kw"][:, 1] == 7) == expected).all()
        assert (np.isfinite(history["state_of_charge"][:, 1]) == expected).all()
        assert not history["plugged_in"][:, [0, 2]].any()

    def test_unplugged_means_no_power_no_state_and_nothing_to_ask_for(self) -> None:
        history = run(fleet_of(session("LOAD1", "10s", "20s", 0.5), v2g=True), -7.0, 30)
        away = history["plugged_in"][:, 0] == 0
        assert away.sum() == 20
        for name in ("power_kw", "reactive_power_kvar"):
            assert not history[name][away, 0].any()
        assert np.isnan(history["state_of_charge"][away, 0]).all()

    def test_what_is_possible_and_needed_is_told_for_the_next_step(self) -> None:
        """At the end of a step, who leaves then asks for nothing more, who comes then does."""
        history = run(fleet_of(session("LOAD1", "10s", "20s", 0.5), v2g=True), -7.0, 30)
        there_next = np.array([10 <= time + 1 < 20 for time in history.times])
        assert (history["plugged_in"][:, 0] == np.roll(there_next, 1)).all()
        for name in ("power_min_kw", "power_max_kw", "energy_required_kwh"):
            assert ((history[name][:, 0] != 0) == there_next).all(), name
        assert (np.isfinite(history["departure_s"][:, 0]) == there_next).all()

    def test_a_stay_of_just_the_time_needed_is_enough(self) -> None:
        """60 min at 10 kW for 10 kWh, in steps of 5 min: no step is lost to reaction."""
        fleet = fleet_of(
            session("LOAD1", "30min", "90min", 0.5, rated_power_kw=10, energy_capacity_kwh=50),
            charge_efficiency=1,
            required_state_of_charge=0.7,
            step_size="5min",
        )
        drawn_kwh = TestSchedule().draw(fleet, 300, 7200).sum() * 300 / 3600
        assert drawn_kwh == pytest.approx(10.0, abs=1e-9)

    @pytest.mark.parametrize(
        ("arrival", "departure", "plugged"),
        [
            ("0s", "180s", [0, 60, 120]),
            ("1s", "180s", [60, 120]),
            ("60s", "179s", [60]),
            ("60s", "181s", [60, 120]),
            ("61s", "119s", []),
            ("119s", "121s", []),
        ],
    )
    def test_only_whole_steps_count(self, arrival: str, departure: str, plugged: list[int]) -> None:
        fleet = fleet_of(session("LOAD1", arrival, departure, 0.5), step_size="60s")
        history = run(fleet, 7.0, 300)
        assert [
            t for t, on in zip(history.times, history["plugged_in"][:, 0], strict=True) if on
        ] == plugged
        assert (history["power_kw"][:, 0] > 0).sum() == len(plugged)

    def test_one_vehicle_follows_another_without_a_gap(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "10s", 0.2, energy_capacity_kwh=20),
            session("LOAD1", "10s", "20s", 0.9),
            session("LOAD1", "20s", "30s", 0.4, rated_power_kw=3),
            charge_efficiency=1,
        )
        history = run(fleet, 7.0, 40)
        assert history["plugged_in"][:, 0].tolist() == [1] * 30 + [0] * 10
        state = history["state_of_charge"][:, 0]
        # By hand: 7 kW for 10 s into 20 kWh, then 7 kW into 10 kWh, then 3 kW into 10 kWh.
        assert state[9] == pytest.approx(0.2 + 7 * 10 / 3600 / 20, abs=1e-12)
        assert state[10] == pytest.approx(0.9 + 7 / 3600 / 10, abs=1e-12)
        assert state[29] == pytest.approx(0.4 + 3 * 10 / 3600 / 10, abs=1e-12)
        assert history["departure_s"][:, 0].tolist()[5:30:10] == [10, 20, 30]

    def test_back_to_back_inside_a_step_leaves_that_step_empty(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "90s", 0.2),
            session("LOAD1", "90s", "5min", 0.9),
            step_size="60s",
        )
        history = run(fleet, 0.0, 300)
        np.testing.assert_array_equal(
            history["state_of_charge"][:, 0], [0.2, np.nan, 0.9, 0.9, 0.9]
        )

    def test_who_arrived_before_the_start_has_the_given_state_at_the_start(self) -> None:
        fleet = fleet_of(session("LOAD1", "-2h", "10min", 0.5))
        begin = fleet.initial_outputs()
        assert begin["plugged_in"].tolist() == [1, 0, 0]
        assert begin["state_of_charge"][0] == 0.5
        assert begin["departure_s"][0] == 600
        assert run(fleet, 0.0, 1)["state_of_charge"][0, 0] == 0.5

    def test_who_left_before_the_start_was_never_there(self) -> None:
        fleet = fleet_of(session("LOAD1", "-2h", "-1h", 0.5), session("LOAD1", "-1h", "1h", 0.25))
        assert fleet.initial_outputs()["state_of_charge"][0] == 0.25

    def test_who_leaves_after_the_end_stays(self) -> None:
        history = run(fleet_of(session("LOAD1", "0s", "9h", 0.5)), 0.0)
        assert history["plugged_in"][:, 0].all()
        assert (history["departure_s"][:, 0] == 9 * 3600).all()

    @pytest.mark.parametrize("departure", [600, 601, 659])
    def test_the_last_whole_step_before_the_departure_tells_the_state_it_leaves_with(
        self, departure: int
    ) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", f"{departure}s", 0.5), step_size="60s", charge_efficiency=0.9
        )
        history = run(fleet, 6.0)
        state = history["state_of_charge"][:, 0]
        last = [t for t in history.times if t + 60 <= departure][-1] // 60
        # By hand: ten whole minutes at 6 kW are 1 kWh, 0.9 of which reach the 10 kWh battery.
        assert state[last] == pytest.approx(0.59, abs=1e-12)
        assert np.isnan(state[last + 1 :]).all()


class TestPower:
    def test_setpoints_are_obeyed_as_far_as_the_battery_allows(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "1h", 0.799, required_state_of_charge=0.8),
            session("LOAD2", "0s", "1h", 0.5),
            session("LOAD3", "0s", "1h", 0.301),
            step_size="60s",
            v2g=True,
            discharge_power_kw=4,
            state_of_charge_limits=[0.3, 0.8],
            required_state_of_charge=0.7,
            charge_efficiency=0.8,
            discharge_efficiency=0.5,
        )
        charging = fleet.step(0, {"power_setpoint_kw": np.full(3, 99.0)})["power_kw"]
        # By hand: 0.001 x 10 kWh of room take 0.0125 kWh in a minute, which is 0.75 kW.
        np.testing.assert_allclose(charging, [0.75, 7, 7])
        fleet = fleet_of(
            session("LOAD3", "0s", "1h", 0.301),
            session("LOAD2", "0s", "1h", 0.5, rated_power_kw=3),
            session("LOAD1", "0s", "1h", 0.5),
            step_size="60s",
            v2g=True,
            discharge_power_kw=4,
            state_of_charge_limits=[0.3, 0.8],
            required_state_of_charge=0.7,
            discharge_efficiency=0.5,
        )
        feeding = fleet.step(0, {"power_setpoint_kw": np.full(3, -99.0)})["power_kw"]
        # By hand: 0.01 kWh of stock give 0.005 kWh in a minute, 0.3 kW; rated 4 and 3 kW.
        np.testing.assert_allclose(feeding, [-4, -3, -0.3])

    def test_what_is_told_as_possible_is_possible_in_the_next_step(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "1h", 0.79),
            v2g=True,
            step_size="60s",
            state_of_charge_limits=[0.3, 0.8],
        )
        told = fleet.initial_outputs()
        for time in range(0, 600, 60):
            outputs = fleet.step(time, {"power_setpoint_kw": told["power_max_kw"]})
            np.testing.assert_array_equal(outputs["power_kw"], told["power_max_kw"])
            told = outputs
        assert told["state_of_charge"][0] == pytest.approx(0.8, abs=1e-12)

    def test_without_v2g_power_is_never_negative(self) -> None:
        fleet = fleet_of(session("LOAD1", "0s", "1h", 0.9))
        history = run(fleet, -7.0, 60)
        assert not history["power_kw"].any()
        assert not np.signbit(history["power_kw"]).any()
        assert not history["power_min_kw"].any()

    def test_v2g_feeds_back_as_much_as_it_charges_unless_told_otherwise(self) -> None:
        fleet = fleet_of(session("LOAD1", "0s", "1h", 0.9, rated_power_kw=11), v2g=True)
        assert run(fleet, -99.0, 1)["power_kw"][0].tolist() == [-11, 0, 0]

    def test_reactive_power_is_tan_phi_times_active_power(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "1h", 0.5),
            session("LOAD2", "0s", "1h", 0.5),
            v2g=True,
            tan_phi=0.25,
        )
        outputs = fleet.step(0, {"power_setpoint_kw": np.array([4.0, -4.0, 4.0])})
        assert outputs["reactive_power_kvar"].tolist() == [1, -1, 0]

    def test_the_energy_required_is_what_must_be_drawn(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "1h", 0.5),
            session("LOAD2", "0s", "1h", 0.9),
            charge_efficiency=0.8,
        )
        # By hand: from 0.5 to 0.8 of 10 kWh are 3 kWh stored, 3.75 kWh drawn.
        np.testing.assert_allclose(
            fleet.initial_outputs()["energy_required_kwh"], [3.75, 0, 0], rtol=1e-12
        )

    def test_what_was_handed_out_stays_as_it_was(self) -> None:
        fleet = fleet_of(session("LOAD1", "0s", "5s", 0.5), session("LOAD1", "5s", "9s", 0.9))
        first = fleet.initial_outputs()
        kept = {name: array.copy() for name, array in first.items()}
        for array in first.values():
            array.setflags(write=False)  # as the adapter does
        outputs = []
        for time in range(12):
            outputs.append(fleet.step(time, {"power_setpoint_kw": np.full(3, 7.0)}))
            for array in outputs[-1].values():
                array.setflags(write=False)
        for name, array in kept.items():
            np.testing.assert_array_equal(first[name], array)
        states = [step["state_of_charge"][0] for step in outputs]
        assert len(set(states[:9])) == 9


def test_the_state_of_health_falls_with_use_alone() -> None:
    fleet = fleet_of(
        session("LOAD1", "0s", "10min", 0.5),
        session("LOAD2", "0s", "1h", 0.5),
        v2g=True,
        ageing={"cycle_life": 1000, "end_of_life_state_of_health": 0.8},
    )
    swing = 7.0 * np.sign(np.sin(np.arange(3600) / 60))[:, None]
    health = run(fleet, swing)["state_of_health"]
    assert (np.diff(health, axis=0) <= 0).all()
    assert (health[:, 2] == 1).all()
    assert health[-1, 1] < health[-1, 0] < 1
    # By hand: 7 kW for 10 min, of 2 x 1000 x 10 kWh that wear 0.2.
    assert 1 - health[600, 0] == pytest.approx(0.2 * (7 / 6) / 20000, rel=2e-3)


def test_sessions_are_recorded_as_a_static_table() -> None:
    fleet = fleet_of(session("LOAD3", "10min", "1h", 0.4), session("LOAD2", "-1h", "30min", 0.5))
    table = {variable.name: variable for variable in fleet.static()}
    assert table["session_charging_point"].values.tolist() == [1, 2]
    assert table["session_arrival_s"].values.tolist() == [-3600, 600]
    assert table["session_departure_s"].values.tolist() == [1800, 3600]
    assert table["session_arrival_state_of_charge"].values.tolist() == [0.5, 0.4]
    assert table["session_required_state_of_charge"].values.tolist() == [0.8, 0.8]
    assert table["session_energy_capacity_kwh"].values.tolist() == [10, 10]
    assert table["session_rated_power_kw"].values.tolist() == [7, 7]
    rated = table.pop("rated_power_kw")
    assert rated.dimensions == ("charging_point",)
    assert rated.values.tolist() == [7.0] * len(fleet.elements)
    assert {variable.dimensions for variable in table.values()} == {("session",)}
    assert table["session_energy_capacity_kwh"].unit == "kWh"


def test_sessions_that_cannot_be_satisfied_are_remarked() -> None:
    # By hand: 7 kW for an hour at 0.95 bring 10 kWh from 0.2 to 0.865, in ten minutes to 0.31.
    fleet = fleet_of(session("LOAD1", "0s", "1h", 0.2), session("LOAD2", "0s", "10min", 0.2))
    (remark,) = fleet.remarks()
    assert remark.startswith("1 of 2 sessions are too short")
    assert remark.endswith("LOAD2")
    assert fleet_of(session("LOAD1", "0s", "1h", 0.2)).remarks() == ()


# Sessions a charging point: gaps and stays in seconds, the state on arrival.
_STAYS = st.lists(
    st.tuples(st.integers(0, 150), st.integers(1, 300), st.floats(0.2, 0.9)), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(
    stays=st.tuples(_STAYS, _STAYS, _STAYS),
    first=st.integers(-300, 300),
    step=st.sampled_from([1, 7, 60]),
    efficiencies=st.tuples(st.floats(0.5, 1), st.floats(0.5, 1)),
    v2g=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_energy_is_conserved_and_bounds_hold_whoever_comes_and_goes(
    stays: tuple[list[tuple[int, int, float]], ...],
    first: int,
    step: int,
    efficiencies: tuple[float, float],
    v2g: bool,
    seed: int,
) -> None:
    sessions = []
    for point, intervals in zip(POINTS, stays, strict=True):
        time = first
        for gap, stay, state in intervals:
            begin, time = time + gap, time + gap + stay
            sessions.append(session(point, _text(begin), _text(time), state))
    fleet = fleet_of(
        *sessions,
        step_size=f"{step}s",
        v2g=v2g,
        state_of_charge_limits=[0.2, 0.9],
        charge_efficiency=efficiencies[0],
        discharge_efficiency=efficiencies[1],
    )
    until = 900 // step * step
    setpoints = np.random.default_rng(seed).uniform(-20, 20, size=(until // step, 3))
    history = run(fleet, setpoints, until)
    power = history["power_kw"]
    charged = np.maximum(power, 0).sum(axis=0) * step / 3600 * efficiencies[0]
    discharged = np.maximum(-power, 0).sum(axis=0) * step / 3600 / efficiencies[1]
    # Independent bookkeeping: from its arrival's state to what each session last told.
    stored = np.zeros(3)
    for row in sessions:
        begin, end = _seconds(row["arrival"]), _seconds(row["departure"])
        there = [t // step for t in range(0, until, step) if begin <= t and t + step <= end]
        if there:
            place = POINTS.index(row["charging_point"])
            last = history["state_of_charge"][there[-1], place]
            stored[place] += 10 * (last - row["arrival_state_of_charge"])
    np.testing.assert_allclose(charged - discharged, stored, atol=1e-9)
    states = history["state_of_charge"]
    assert np.nanmin(states, initial=0.5) >= 0.2 - 1e-12
    assert np.nanmax(states, initial=0.5) <= 0.9 + 1e-12
    assert v2g or (power >= 0).all()
    assert (np.isnan(states) == (history["plugged_in"] == 0)).all()
    assert not power[history["plugged_in"] == 0].any()


def _text(seconds: int) -> str:
    return f"{'-' if seconds < 0 else ''}{abs(seconds)}s"


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


class TestSchedule:
    """`forecast` is what uncoordinated charging draws, on average."""

    def draw(self, fleet: EvFleet, interval: int, until_s: int = 3600) -> FloatArray:
        """Return the mean power per interval when `Basic` controls the fleet in closed loop."""
        controller = Basic(
            BasicConfig.model_validate({"type": "basic", "controls": "ev"}),
            ControlContext(build=context_of(name="basic"), models={"ev": fleet}),
        )
        told, power = fleet.initial_outputs(), []
        for time in range(0, until_s, fleet.step_size):
            setpoints = controller.decide(time, told)
            told = fleet.step(time, setpoints)
            power.append(told["power_kw"].sum())
        mean: FloatArray = np.array(power).reshape(-1, interval // fleet.step_size).mean(axis=1)
        return mean

    def test_by_hand(self) -> None:
        # LOAD1: 3 kWh at 6 kW take 30 min from 0:05. LOAD2: 10 kW, leaves after 10 min.
        # LOAD3: full enough. 10-min means of 0-10: 6/2 + 10, 10-20 and 20-30: 6, 30-40: 6/2.
        fleet = fleet_of(
            session("LOAD1", "5min", "2h", 0.5, rated_power_kw=6),
            session("LOAD2", "0s", "10min", 0.1, rated_power_kw=10, energy_capacity_kwh=50),
            session("LOAD3", "0s", "1h", 0.8),
            charge_efficiency=1,
        )
        forecast = fleet.forecast()
        assert forecast.interval_s == 600
        np.testing.assert_allclose(forecast.power_kw, [13, 6, 6, 3, 0, 0], atol=1e-12)
        np.testing.assert_allclose(self.draw(fleet, 600), forecast.power_kw, atol=1e-9)

    @settings(max_examples=25, deadline=None)
    @given(stays=st.tuples(_STAYS, _STAYS, _STAYS), step=st.sampled_from([1, 5, 60]))
    def test_the_closed_loop_draws_exactly_it(
        self, stays: tuple[list[tuple[int, int, float]], ...], step: int
    ) -> None:
        sessions = []
        for point, intervals in zip(POINTS, stays, strict=True):
            time = 0
            for gap, stay, state in intervals:
                begin, time = time + gap, time + gap + stay
                sessions.append(session(point, _text(begin), _text(time), state))
        fleet = fleet_of(*sessions, step_size=f"{step}s", charge_efficiency=0.9)
        expected = fleet.forecast().power_kw
        drawn = self.draw(fleet, 600)
        # The controller is told who is there when its step begins: it loses no time. The last,
        # partial step has the schedule's energy, and intervals are whole steps.
        np.testing.assert_allclose(drawn, expected, atol=1e-9)

    def test_who_was_there_before_the_start_is_scheduled_from_the_start_on(self) -> None:
        fleet = fleet_of(
            *[session(p, "-30min", "3h", 0.3 + 0.1 * i) for i, p in enumerate(POINTS)],
            charge_efficiency=1,
        )
        # By hand: (5 + 4 + 3) kWh.
        expected = fleet.forecast().power_kw
        assert expected.sum() / 6 == pytest.approx(12, rel=1e-12)
        np.testing.assert_allclose(self.draw(fleet, 600), expected, atol=1e-9)

    def test_resolution_and_bias(self) -> None:
        fleet = fleet_of(
            session("LOAD1", "0s", "2h", 0.1, energy_capacity_kwh=100),
            forecast={"resolution": "25min", "relative_bias": 0.1},
        )
        forecast = fleet.forecast()
        # An hour takes three intervals of 25 min; the last reaches beyond the end.
        assert forecast.interval_s == 1500
        np.testing.assert_allclose(forecast.power_kw, [7.7, 7.7, 7.7], rtol=1e-12)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"state_of_charge_limits": [0.8, 0.3]}, "0.8 is not below 0.3"),
            (
                {"state_of_charge_limits": [0.3, 0.8], "required_state_of_charge": 0.9},
                r"required_state_of_charge 0\.9 is outside state_of_charge_limits \[0\.3, 0\.8\]",
            ),
            ({"discharge_power_kw": 4}, "needs v2g: true"),
            ({"charge_efficiency": 0}, "greater than 0"),
            ({"discharge_efficiency": 1.1}, "less than or equal to 1"),
            ({"energy_capacity_kwh": -10}, "greater than 0"),
            ({"tan_phi": float("nan")}, "finite number"),
            ({"sessions": 5}, "expected a list of sessions, 'file: sessions.csv'"),
            ({"sessions": "sessions.csv"}, "expected a list of sessions, 'file: sessions.csv'"),
            ({"sessions": {"path": "sessions.csv"}}, "expected a list of sessions, 'file: "),
            ({"sessions": {"generator": "home_chargin"}}, "home_charging"),
        ],
    )
    def test_contradictions_are_refused(self, keys: Mapping[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            EvFleetConfig.model_validate({"type": "ev_fleet", "sessions": [], **keys})

    @pytest.mark.parametrize(
        "sessions",
        [
            [session("LOAD1", "-90s", "2021-03-24T16:12:00+01:00", 0.5)],
            {"file": "sessions.csv", "delimiter": ";"},
            {"generator": "home_charging", "arrival": "17:15"},
            {
                "generator": "period_table",
                "period": "15min",
                "arrivals": {"west": [1]},
                "departures": {"west": [0]},
            },
        ],
    )
    def test_what_is_written_reads_back_as_the_same(self, sessions: object) -> None:
        config = EvFleetConfig.model_validate({"type": "ev_fleet", "sessions": sessions})
        assert EvFleetConfig.model_validate(config.model_dump(mode="json")) == config
        assert EvFleetConfig.model_validate(config.model_dump()) == config

    def test_the_model_names_its_configuration(self) -> None:
        assert EvFleet.Config is EvFleetConfig

    def test_generators_draw_for_the_fleet(self) -> None:
        fleet = EvFleet(
            EvFleetConfig.model_validate(
                {"type": "ev_fleet", "at": "west", "sessions": {"generator": "home_charging"}}
            ),
            context_of(start=datetime(2021, 3, 24, 0, tzinfo=timezone(timedelta(hours=1)))),
        )
        assert fleet.initial_outputs()["plugged_in"].tolist() == [1, 1]


def test_sessions_are_known_day_ahead_only_where_drivers_book() -> None:
    stay = session("LOAD1", "10min", "30min", 0.5)
    assert fleet_of(stay).booked is None
    booking = fleet_of(stay, forecast={"resolution": "10min", "bookings": True})
    assert booking.booked is booking.sessions
