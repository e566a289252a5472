"""The controller contract: information set, whom it observes and steers, what it sees when."""

from datetime import UTC, datetime
from typing import ClassVar

import numpy as np
import pytest
from typing_extensions import override

from gridloom.controllers.controller import (
    ControlContext,
    Controller,
    ControllerConfig,
    Observation,
    Setpoints,
)
from gridloom.scenarios.composer import simulate
from gridloom.scenarios.coupling import couple
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Forecast,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.signals import (
    DEPARTURE,
    IMBALANCE,
    LINE_CURRENT,
    POWER,
    POWER_MAX,
    POWER_SETPOINT,
    STATE_OF_CHARGE,
    Information,
    Signal,
)

POINTS = ("h1", "h2")
TOTAL = Signal(name="total_setpoint_kw", unit="kW", long_name="power asked of the whole fleet")


def context_of(name: str) -> BuildContext:
    start = datetime(2021, 1, 1, tzinfo=UTC)
    return BuildContext(name=name, start=start, duration_s=240, seed=0, connection_points=POINTS)


class Clock(Model):
    """Tells the end of its last step as its power; records the setpoints it is given.

    What it sends at step t is a number that nobody can know before t + step_size.
    """

    def __init__(self, name: str, step_s: int = 1) -> None:
        super().__init__(context_of(name), step_s)
        self.elements = ElementSet(
            kind="charging_point", owner=name, names=POINTS, connection_points=POINTS
        )
        self.setpoints: list[tuple[int, FloatArray, float]] = []

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        into, out = Direction.INPUT, Direction.OUTPUT
        return (
            Port(signal=POWER_SETPOINT, direction=into, elements=self.elements, required=False),
            Port(signal=TOTAL, direction=into, required=False),
            Port(signal=POWER, direction=out, elements=self.elements),
            Port(signal=IMBALANCE, direction=out),
        )

    @override
    def initial_outputs(self) -> Outputs:
        return {"power_kw": np.zeros(2), "imbalance_kwh": np.asarray(0.0)}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        asked = inputs["power_setpoint_kw"].copy()
        self.setpoints.append((time, asked, float(inputs["total_setpoint_kw"])))
        end = float(time + self.step_size)
        return {"power_kw": np.full(2, end), "imbalance_kwh": np.asarray(end)}


class Probe(Controller):
    """Records what it sees, asks for the time of its decision."""

    information: ClassVar[frozenset[Information]] = frozenset({Information.MEASUREMENTS})
    observes: ClassVar[tuple[Signal, ...]] = (POWER, IMBALANCE)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT, TOTAL)

    def __init__(self, config: ControllerConfig, context: ControlContext) -> None:
        super().__init__(config, context)
        self.seen: list[tuple[int, FloatArray, float]] = []

    @override
    def decide(self, time: int, observation: Observation) -> Setpoints:
        power, imbalance = observation["power_kw"], observation["imbalance_kwh"]
        assert not power.flags.writeable
        self.seen.append((time, power.copy(), float(imbalance)))
        return {"power_setpoint_kw": np.full(2, float(time)), "total_setpoint_kw": np.asarray(time)}


def probe_of(*simulators: Model, controls: str = "fleet", step_s: int = 1) -> Probe:
    config = ControllerConfig(type="probe", controls=controls, step_size=f"{step_s}s")
    models = {model.name: model for model in simulators}
    return Probe(config, ControlContext(build=context_of("probe"), models=models))


class Prophet(Clock):
    """Tells a forecast and a future, no imbalance."""

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return tuple(port for port in super().ports if port.signal is not IMBALANCE)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        outputs = super().step(time, inputs)
        return {POWER.name: outputs[POWER.name]}

    @override
    def forecast(self, *, by_element: bool = False) -> Forecast:
        assert by_element
        return Forecast(interval_s=900, power_kw=np.array([[1.0, 2.0]]))

    @override
    def future(self, interval_s: int) -> Outputs:
        return {POWER.name: np.array([[3.0, float(interval_s)]])}


def built(kind: type[Controller], *models: Model, name: str = "probe") -> Controller:
    """Build a controller of the first model."""
    context = ControlContext(build=context_of(name), models={m.name: m for m in models})
    return kind(ControllerConfig(type="probe", controls=models[0].name), context)


def run(*models: Model, until_s: int) -> None:
    named = {model.name: model for model in models}
    simulate(named, couple(named, []), until_s, lambda _time, _outputs: None)


class TestInformationSet:
    def test_observing_more_than_was_granted_is_refused_when_the_class_is_made(self) -> None:
        with pytest.raises(
            TypeError,
            match="Nosy observes 'departure_s' but its information set lacks 'declared_departures'",
        ):

            class Nosy(Probe):
                information = frozenset({Information.SESSIONS_PLUGGED_IN})
                observes = (STATE_OF_CHARGE, DEPARTURE)

    def test_granting_less_than_the_parent_observes_is_refused_too(self) -> None:
        with pytest.raises(TypeError, match="Blind observes 'power_kw'"):

            class Blind(Probe):
                information = frozenset({Information.FORECAST})

    def test_without_an_information_set_nothing_may_be_observed(self) -> None:
        with pytest.raises(TypeError, match="Bare observes 'power_max_kw'"):

            class Bare(Controller):
                observes = (POWER_MAX,)
                decides = ()

    def test_perfect_information_grants_everything(self) -> None:
        class Oracle(Probe):
            information = frozenset({Information.PERFECT})

        class Omniscient(Oracle):
            observes = (STATE_OF_CHARGE, DEPARTURE, POWER)

        assert built(Oracle, Clock("fleet")).may_know(DEPARTURE)
        assert not built(Probe, Clock("fleet")).may_know(DEPARTURE)

    def test_forecasts_and_the_future_are_told_to_those_who_were_granted_them(self) -> None:
        class Planner(Probe):
            information = frozenset({Information.MEASUREMENTS, Information.FORECAST})

        class Oracle(Probe):
            information = frozenset({Information.PERFECT})

        fleet, other = Clock("fleet"), Prophet("other")
        with pytest.raises(PermissionError, match="Probe may not know 'forecast'"):
            built(Probe, fleet, other).forecasts()
        with pytest.raises(PermissionError, match="Planner may not know 'perfect'"):
            built(Planner, fleet, other).futures(60)
        forecasts = built(Planner, fleet, other).forecasts()
        assert {name: f.power_kw.tolist() for name, f in forecasts.items()} == {"other": [[1, 2]]}
        futures = built(Oracle, fleet, other).futures(60)
        assert {name: f["power_kw"].tolist() for name, f in futures.items()} == {"other": [[3, 60]]}


class TestSurroundings:
    """What a controller is told of simulators that it does not control."""

    def test_powers_of_all_other_devices_add_up_at_connection_points(self) -> None:
        class Neighbour(Probe):
            observes = (IMBALANCE,)
            surroundings = (POWER, LINE_CURRENT)

        fleet, one, two = Clock("fleet"), Prophet("one"), Prophet("two")
        neighbour = built(Neighbour, fleet, one, two, name="neighbour")
        assert neighbour.hears(POWER)
        assert not neighbour.hears(LINE_CURRENT)
        named = {m.name: m for m in (fleet, one, two, neighbour)}
        heard = [
            (c.source, c.input.name, c.shift_s)
            for c in couple(named, [])
            if c.destination == "neighbour" and c.source != "fleet"
        ]
        assert heard == [("one", "power_kw", 1), ("two", "power_kw", 1)]

    def test_a_single_value_comes_from_the_one_who_tells_it(self) -> None:
        class Listener(Controller):
            information = frozenset({Information.MEASUREMENTS})
            observes = ()
            decides = ()
            surroundings = (IMBALANCE,)

            @override
            def decide(self, time: int, observation: Observation) -> Setpoints:
                assert float(observation["imbalance_kwh"]) == time
                return {}

        fleet, market = Prophet("fleet"), Clock("market")
        listener = built(Listener, fleet, market)
        assert listener.teller(IMBALANCE) is market
        run(fleet, market, listener, until_s=5)
        with pytest.raises(ScenarioError, match="'market' and 'second' both tell 'imbalance_kwh'"):
            built(Listener, fleet, market, Clock("second"))

    def test_one_port_cannot_tell_of_both_its_own_devices_and_others(self) -> None:
        with pytest.raises(TypeError, match="Confused would be told 'power_kw' twice"):

            class Confused(Probe):
                surroundings = (POWER,)

    def test_what_it_hears_must_be_granted(self) -> None:
        with pytest.raises(TypeError, match="observes 'departure_s'"):

            class Eavesdropper(Probe):
                surroundings = (DEPARTURE,)


class TestControls:
    def test_an_unknown_simulator_gets_the_nearest_name(self) -> None:
        with pytest.raises(ScenarioError) as caught:
            probe_of(Clock("fleet"), Clock("other"), controls="flet")
        (problem,) = caught.value.problems
        assert problem.key == ("controls",)
        assert problem.expected == "one of fleet, other"
        assert problem.suggestion == "did you mean 'fleet'?"

    def test_a_simulator_that_does_not_tell_what_is_needed_is_refused(self) -> None:
        class Curious(Probe):
            observes = (POWER, POWER_MAX)
            information = frozenset({Information.MEASUREMENTS, Information.SESSIONS_PLUGGED_IN})

        config = ControllerConfig(type="curious", controls="fleet")
        context = ControlContext(build=context_of("curious"), models={"fleet": Clock("fleet")})
        with pytest.raises(ScenarioError, match="'fleet' does not tell 'power_max_kw'"):
            Curious(config, context)

    def test_a_simulator_that_does_not_obey_is_refused(self) -> None:
        class Bossy(Probe):
            decides = (POWER_MAX,)

        config = ControllerConfig(type="bossy", controls="fleet")
        context = ControlContext(build=context_of("bossy"), models={"fleet": Clock("fleet")})
        with pytest.raises(ScenarioError, match="'fleet' does not obey 'power_max_kw'"):
            Bossy(config, context)

    def test_its_ports_mirror_the_controlled_devices(self) -> None:
        fleet = Clock("fleet")
        ports = [(p.name, p.direction, p.elements) for p in probe_of(fleet).ports]
        assert ports == [
            ("power_kw", Direction.INPUT, fleet.elements),
            ("imbalance_kwh", Direction.INPUT, None),
            ("power_setpoint_kw", Direction.OUTPUT, fleet.elements),
            ("total_setpoint_kw", Direction.OUTPUT, None),
        ]

    def test_it_observes_and_steers_the_controlled_devices_alone(self) -> None:
        # Both fleets have the same names at the same connection points and the same signals,
        # scalars included; only the second steps by 2, which would show.
        fleet, other = Clock("fleet"), Clock("other", 2)
        probe = probe_of(fleet, other)
        for models in ([fleet, other, probe], [probe, other, fleet]):
            named = {model.name: model for model in models}
            ends = {(c.source, c.destination) for c in couple(named, [])}
            assert ends == {("fleet", "probe"), ("probe", "fleet")}
        run(fleet, other, probe, until_s=4)
        assert [power.tolist() for _, power, _ in probe.seen] == [[0, 0], [1, 1], [2, 2], [3, 3]]
        assert [total for _, _, total in fleet.setpoints] == [0, 1, 2, 3]
        assert not any(asked.any() or total for _, asked, total in other.setpoints)


class TestNoLookAhead:
    """What is observed at t was complete at t; what is decided at t holds from t on."""

    @pytest.mark.parametrize(
        ("fleet_step", "own_step"), [(1, 1), (60, 1), (1, 60), (60, 60), (20, 30), (7, 5), (5, 7)]
    )
    def test_only_steps_that_have_ended_are_seen_and_the_newest_of_them(
        self, fleet_step: int, own_step: int
    ) -> None:
        fleet = Clock("fleet", fleet_step)
        probe = probe_of(fleet, step_s=own_step)
        run(fleet, probe, until_s=130)
        assert [time for time, _, _ in probe.seen] == list(range(0, 130, own_step))
        for time, power, imbalance in probe.seen:
            # The last end of a step at or before now; 0 is what was known at the start.
            newest = time // fleet_step * fleet_step
            assert power.tolist() == [newest, newest]
            assert imbalance == newest

    @pytest.mark.parametrize(("fleet_step", "own_step"), [(1, 1), (60, 1), (1, 60), (5, 7)])
    def test_a_setpoint_holds_from_its_decision_on(self, fleet_step: int, own_step: int) -> None:
        fleet = Clock("fleet", fleet_step)
        run(fleet, probe_of(fleet, step_s=own_step), until_s=130)
        for time, asked, total in fleet.setpoints:
            newest = time // own_step * own_step
            assert asked.tolist() == [newest, newest]
            assert total == newest
