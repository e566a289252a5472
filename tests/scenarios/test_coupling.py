"""Couplings: inferred by place, added by hand, made late in loops, refused where they cannot be."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import pytest
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Controller, ControllerConfig
from gridloom.scenarios.coupling import Coupling, couple
from gridloom.scenarios.schema import CouplingConfig
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.market import ImbalanceMarket, ImbalanceMarketConfig
from gridloom.simulators.model import (
    BuildContext,
    Dimension,
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    DEPARTURE,
    IRRADIANCE,
    LOSSES,
    POWER,
    POWER_MAX,
    POWER_SETPOINT,
    REACTIVE_POWER,
    SLACK_POWER,
    VOLTAGE,
    Information,
    Signal,
)

IN, OUT = Direction.INPUT, Direction.OUTPUT


def context_of(name: str) -> BuildContext:
    start = datetime(2021, 1, 1, tzinfo=UTC)
    return BuildContext(
        name=name, start=start, duration_s=900, seed=0, connection_points=("a", "b", "c")
    )


class Box(Model):
    """A model that is nothing but its ports."""

    def __init__(self, name: str, *ports: Port, step_s: int = 1) -> None:
        super().__init__(context_of(name), step_s)
        self._ports = ports

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        return {}


def at(owner: str, *points: str, kind: str = "device", names: Sequence[str] = ()) -> ElementSet:
    named = tuple(names) or tuple(f"{owner}_{point}" for point in points)
    return ElementSet(kind=kind, owner=owner, names=named, connection_points=points)


def port(
    signal: Signal, direction: Direction, elements: ElementSet | None = None, **keys: Any
) -> Port:
    return Port(signal=signal, direction=direction, elements=elements, **keys)


def source(name: str, *points: str, signal: Signal = POWER, step_s: int = 1) -> Box:
    return Box(name, port(signal, OUT, at(name, *points)), step_s=step_s)


def grid(*points: str, name: str = "grid") -> Box:
    elements = at(name, *points, kind="connection_point", names=points)
    return Box(name, port(POWER, IN, elements), port(VOLTAGE, OUT, elements))


def explicit(start: str, end: str) -> CouplingConfig:
    return CouplingConfig.model_validate({"from": start, "to": end})


def couplings(*models: Model, configured: Sequence[CouplingConfig] = ()) -> list[Coupling]:
    return couple({model.name: model for model in models}, configured)


def ends(found: Sequence[Coupling]) -> list[tuple[str, str, int]]:
    return [(c.source, c.destination, c.shift_s) for c in found]


def problems(*models: Model, configured: Sequence[CouplingConfig] = ()) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        couplings(*models, configured=configured)
    return caught.value.problems


def sent(coupling: Coupling, *values: float) -> list[float]:
    transform = coupling.transform()
    array = np.array(values)
    received: FloatArray = array if transform is None else transform(array)
    return list(received.tolist())


class TestInference:
    def test_ports_of_a_signal_meet_at_their_connection_points(self) -> None:
        (one,) = couplings(source("pv", "c", "a"), grid("a", "b", "c"))
        assert (one.source, one.destination, one.output.name) == ("pv", "grid", "power_kw")
        assert sent(one, 1, 2) == [2, 0, 1]

    def test_the_same_places_in_the_same_order_need_no_transform(self) -> None:
        (one,) = couplings(source("pv", "a", "b"), grid("a", "b"))
        assert one.transform() is None

    def test_equal_names_at_other_places_are_reordered(self) -> None:
        # Two houses called after each other's connection points.
        elements = at("pv", "b", "a", names=("a", "b"))
        (one,) = couplings(Box("pv", port(POWER, OUT, elements)), grid("a", "b"))
        assert sent(one, 1, 2) == [2, 1]

    def test_powers_of_several_elements_at_one_place_add_up(self) -> None:
        (one,) = couplings(source("flats", "b", "b", "a", "b"), grid("a", "b"))
        assert sent(one, 1, 2, 3, 4) == [3, 7]

    def test_what_is_outside_a_partial_portfolio_does_not_count(self) -> None:
        (one,) = couplings(source("pv", "a", "b", "c"), grid("b", name="portfolio"))
        assert sent(one, 1, 2, 3) == [2]

    def test_a_voltage_reaches_all_elements_at_its_place_and_is_unknown_elsewhere(self) -> None:
        flats = Box("flats", port(VOLTAGE, IN, at("flats", "b", "x", "b")))
        network = Box("grid", port(VOLTAGE, OUT, at("grid", "a", "b")))
        (one,) = couplings(flats, network)
        np.testing.assert_array_equal(sent(one, 0.9, 1.1), [1.1, np.nan, 1.1])

    def test_several_sources_feed_one_input_in_the_order_of_their_names(self) -> None:
        models = [source("pv", "a"), grid("a"), source("ev", "a"), source("load", "a")]
        for order in (models, models[::-1]):
            assert ends(couplings(*order)) == [
                ("ev", "grid", 0),
                ("load", "grid", 0),
                ("pv", "grid", 0),
            ]

    def test_nothing_in_common_means_no_coupling(self) -> None:
        roof = Box("roof", port(POWER, IN, at("roof", "a"), required=False))
        assert couplings(source("pv", "b"), roof) == []
        assert couplings(source("pv", "a", signal=REACTIVE_POWER), roof) == []

    def test_single_values_meet_single_values(self) -> None:
        market = Box("market", port(LOSSES, IN))
        (one,) = couplings(Box("grid", port(LOSSES, OUT)), market)
        assert one.transform() is None
        assert problems(source("load", "a", signal=LOSSES), market)[0].message == (
            "nothing sends 'losses_kw' to 'market'"
        )

    def test_signals_of_elements_meet_at_the_very_same_elements_alone(self) -> None:
        # Both are at connection point a; a setpoint is for one of the two fleets.
        fleet = Box("fleet", port(POWER_SETPOINT, IN, at("fleet", "a"), required=False))
        twin = Box("sender", port(POWER_SETPOINT, OUT, at("other", "a")))
        assert couplings(fleet, twin) == []
        twin = Box("sender", port(POWER_SETPOINT, OUT, at("fleet", "a")))
        assert ends(couplings(fleet, twin)) == [("sender", "fleet", 0)]

    def test_arrays_with_other_dimensions_do_not_meet(self) -> None:
        phases = (Dimension(name="phase", labels=("a", "b", "c")),)
        sender = Box("pv", port(POWER, OUT, at("pv", "a"), dimensions=phases))
        receiver = Box("roof", port(POWER, IN, at("roof", "a"), required=False))
        assert couplings(sender, receiver) == []

    def test_further_dimensions_are_kept_in_sums(self) -> None:
        phases = (Dimension(name="phase", labels=("a", "b")),)
        sender = Box("pv", port(POWER, OUT, at("pv", "b", "a", "b"), dimensions=phases))
        receiver = Box("roof", port(POWER, IN, at("roof", "a", "b"), dimensions=phases))
        transform = couplings(sender, receiver)[0].transform()
        assert transform is not None
        values = np.array([[1.0, 2], [3, 4], [5, 6]])
        assert transform(values).tolist() == [[3, 4], [6, 8]]


class TestRefusals:
    def test_a_missing_source_names_the_fix(self) -> None:
        fleet = Box("ev", port(POWER_SETPOINT, IN, at("ev", "a", kind="charging_point")))
        (problem,) = problems(fleet)
        assert problem.key == ("simulators", "ev")
        assert problem.message == "nothing sends 'power_setpoint_kw' to 'ev'"
        assert problem.expected == (
            "a model with an output 'power_setpoint_kw' at its charging_points"
        )
        assert problem.suggestion == "add a controller, such as 'type: basic' with 'controls: ev'"

    def test_all_missing_sources_are_named_at_once(self) -> None:
        sun = Box("pv", port(IRRADIANCE, IN, at("pv", "a")))
        found = problems(grid("a"), sun)
        assert [(p.key, p.suggestion) for p in found] == [
            (("simulators", "grid"), ""),
            (("simulators", "pv"), ""),
        ]

    def test_optional_inputs_may_stay_without_a_source(self) -> None:
        assert couplings(Box("grid", port(POWER, IN, at("grid", "a"), required=False))) == []

    def test_two_sources_of_what_does_not_add_up_are_refused(self) -> None:
        heater = Box("heater", port(VOLTAGE, IN, at("heater", "a")))
        one = Box("one", port(VOLTAGE, OUT, at("one", "a")))
        two = Box("two", port(VOLTAGE, OUT, at("two", "a")))
        (problem,) = problems(heater, two, one)
        assert problem.key == ("simulators", "heater")
        assert problem.message == (
            "'one' and 'two' both send 'voltage_pu' to 'heater', and its values do not add up"
        )

    def test_several_voltages_at_one_place_are_refused(self) -> None:
        heater = Box("heater", port(VOLTAGE, IN, at("heater", "a")))
        meters = Box("meters", port(VOLTAGE, OUT, at("meters", "a", "a")))
        (problem,) = problems(heater, meters)
        assert problem.key == ("simulators", "heater")
        assert problem.message == (
            "several elements of 'meters' are where one device of 'heater' is, and voltage_pu "
            "from 'meters' does not add up"
        )

    def test_power_is_not_counted_twice(self) -> None:
        meters = Box("meters", port(POWER, IN, at("meters", "a", "a")))
        (problem,) = problems(source("pv", "a"), meters)
        assert problem.message.endswith("power_kw from 'pv' would be counted more than once")
        (problem,) = problems(
            source("pv", "a"), meters, configured=[explicit("pv.power_kw", "meters.power_kw")]
        )
        assert problem.key == ("couplings", 0)
        assert problem.message.endswith("power_kw from 'pv' would be counted more than once")

    @pytest.mark.parametrize(("step_s", "fits"), [(1, True), (5, True), (7, False), (60, False)])
    def test_a_market_must_not_miss_what_happens_between_its_steps(
        self, step_s: int, fits: bool
    ) -> None:
        market = ImbalanceMarket(
            ImbalanceMarketConfig.model_validate(
                {
                    "type": "imbalance_market",
                    "step_size": f"{step_s}s",
                    "settlement_period": "7min",
                    "position_kw": [0],
                    "prices": {"shortage_eur_per_mwh": [1], "surplus_eur_per_mwh": [1]},
                }
            ),
            context_of("market"),
        )
        models = (source("pv", "a", step_s=5), market)
        if fits:
            assert len(couplings(*models)) == 1
            return
        (problem,) = problems(*models)
        assert problem.key == ("simulators", "market", "step_size")
        assert "'pv' every 5s: some of the energy would not be settled" in problem.message


class TestExplicit:
    def test_it_replaces_what_the_ports_suggest(self) -> None:
        models = (source("pv", "a"), source("load", "a"), grid("a"))
        configured = [explicit("load.power_kw", "grid.power_kw")]
        assert ends(couplings(*models, configured=configured)) == [("load", "grid", 0)]

    def test_it_may_join_different_signals_of_one_unit_at_one_place(self) -> None:
        heater = Box("heater", port(POWER_MAX, IN, at("heater", "b", "a")))
        configured = [explicit("pv.power_kw", "heater.power_max_kw")]
        (one,) = couplings(source("pv", "a", "b"), heater, configured=configured)
        assert sent(one, 1, 2) == [2, 1]

    def test_elements_without_connection_points_meet_by_name(self) -> None:
        buses = ElementSet(kind="bus", owner="grid", names=("b1", "b2"))
        watched = ElementSet(kind="sensor", owner="tap", names=("b2",))
        models = (
            Box("grid", port(BUS_VOLTAGE, OUT, buses)),
            Box("tap", port(VOLTAGE, IN, watched)),
        )
        configured = [explicit("grid.bus_voltage_pu", "tap.voltage_pu")]
        (one,) = couplings(*models, configured=configured)
        assert sent(one, 0.9, 1.1) == [1.1]

    @pytest.mark.parametrize(
        ("start", "end", "key", "message", "suggestion"),
        [
            ("pvs.power_kw", "grid.power_kw", "from", "no model 'pvs'", "did you mean 'pv'?"),
            ("pv.power_kw", "gird.power_kw", "to", "no model 'gird'", "did you mean 'grid'?"),
            (
                "pv.power_mw",
                "grid.power_kw",
                "from",
                "'pv' has no output 'power_mw'",
                "did you mean 'power_kw'?",
            ),
            ("pv.power_kw", "grid.voltage_pu", "to", "'grid' has no input 'voltage_pu'", ""),
        ],
    )
    def test_unknown_names_get_the_nearest(
        self, start: str, end: str, key: str, message: str, suggestion: str
    ) -> None:
        (problem,) = problems(source("pv", "a"), grid("a"), configured=[explicit(start, end)])
        assert problem.key == ("couplings", 0, key)
        assert message in problem.message
        assert problem.suggestion == suggestion

    def test_all_misfits_are_named_at_once(self) -> None:
        phases = (Dimension(name="phase", labels=("a",)),)
        sender = Box(
            "sender",
            port(POWER, OUT, at("sender", "x")),
            port(REACTIVE_POWER, OUT, at("sender", "a")),
            port(POWER_MAX, OUT, at("sender", "a"), dimensions=phases),
            port(SLACK_POWER, OUT),
        )
        signals = ("power_kw", "reactive_power_kvar", "power_max_kw", "slack_power_kw")
        found = problems(
            sender,
            grid("a"),
            configured=[explicit(f"sender.{signal}", "grid.power_kw") for signal in signals],
        )
        assert [(p.key, p.message) for p in found] == [
            (("couplings", 0), "no element of 'sender' is where an element of 'grid' is"),
            (("couplings", 1), "reactive_power_kvar is in kvar, power_kw in kW"),
            (("couplings", 2), "power_max_kw and power_kw have different dimensions"),
            (
                ("couplings", 3),
                "one of slack_power_kw and power_kw is a single value, the other is not",
            ),
        ]

    def test_a_single_intensive_value_reaches_all_elements(self) -> None:
        # One weather station, three roofs; by its signal alone it would not be coupled.
        weather = Box("weather", port(IRRADIANCE, OUT))
        roofs = Box("pv", port(IRRADIANCE, IN, at("pv", "a", "c", "a"), required=False))
        assert couplings(weather, roofs) == []
        configured = [explicit("weather.irradiance_w_per_m2", "pv.irradiance_w_per_m2")]
        (one,) = couplings(weather, roofs, configured=configured)
        assert one.shift_s == 0
        transform = one.transform()
        assert transform is not None
        assert transform(np.array(640.0)).tolist() == [640, 640, 640]
        assert transform(np.array(np.nan)).tolist() == pytest.approx([np.nan] * 3, nan_ok=True)

    def test_a_single_value_with_a_further_dimension_reaches_all_elements_whole(self) -> None:
        hours = (Dimension(name="hour", labels=("1", "2")),)
        weather = Box("weather", port(IRRADIANCE, OUT, dimensions=hours))
        roofs = Box("pv", port(IRRADIANCE, IN, at("pv", "a", "b", "c"), dimensions=hours))
        configured = [explicit("weather.irradiance_w_per_m2", "pv.irradiance_w_per_m2")]
        (one,) = couplings(weather, roofs, configured=configured)
        transform = one.transform()
        assert transform is not None
        assert transform(np.array([1.0, 2.0])).tolist() == [[1, 2]] * 3

    def test_a_single_value_that_closes_a_loop_is_handed_over_late_to_all_elements(self) -> None:
        plants = Box(
            "pv", port(VOLTAGE, IN, at("pv", "a", "b")), port(POWER, OUT, at("pv", "a", "b"))
        )
        station = Box("grid", port(POWER, IN, at("grid", "a", "b")), port(VOLTAGE, OUT))
        configured = [explicit("grid.voltage_pu", "pv.voltage_pu")]
        found = couplings(plants, station, configured=configured)
        assert ends(found) == [("pv", "grid", 0), ("grid", "pv", 1)]
        assert sent(found[1], 1.02) == [1.02, 1.02]

    @pytest.mark.parametrize(
        ("sends", "receives"), [(POWER, POWER), (POWER, POWER_SETPOINT), (SLACK_POWER, POWER)]
    )
    def test_a_single_power_is_not_multiplied(self, sends: Signal, receives: Signal) -> None:
        sender = Box("one", port(sends, OUT))
        receiver = Box("many", port(receives, IN, at("many", "a", "b")))
        configured = [explicit(f"one.{sends.name}", f"many.{receives.name}")]
        (problem,) = problems(sender, receiver, configured=configured)
        assert problem.key == ("couplings", 0)
        assert problem.message.endswith("is a single value, the other is not")

    def test_elements_do_not_become_a_single_value(self) -> None:
        sensors = Box("sensors", port(IRRADIANCE, OUT, at("sensors", "a", "b")))
        configured = [explicit("sensors.irradiance_w_per_m2", "pv.irradiance_w_per_m2")]
        (problem,) = problems(sensors, Box("pv", port(IRRADIANCE, IN)), configured=configured)
        assert problem.message.endswith("is a single value, the other is not")

    def test_one_model_cannot_send_two_signals_to_one_input(self) -> None:
        sender = Box("pv", port(POWER, OUT, at("pv", "a")), port(POWER_MAX, OUT, at("pv", "a")))
        (problem,) = problems(
            sender,
            grid("a"),
            configured=[
                explicit("pv.power_kw", "grid.power_kw"),
                explicit("pv.power_max_kw", "grid.power_kw"),
            ],
        )
        assert problem.message == "'pv' sends two signals to 'power_kw' of 'grid'"


class Follower(Controller):
    """Observes and sets a power."""

    information: ClassVar[frozenset[Information]] = frozenset({Information.MEASUREMENTS})
    observes: ClassVar[tuple[Signal, ...]] = (POWER,)
    decides: ClassVar[tuple[Signal, ...]] = (POWER_SETPOINT,)

    @override
    def decide(self, time: int, observation: Inputs) -> Outputs:
        return {}


def fleet_of(name: str = "ev", step_s: int = 1) -> Box:
    elements = at(name, "a")
    return Box(
        name,
        port(POWER_SETPOINT, IN, elements),
        port(POWER, OUT, elements),
        port(DEPARTURE, OUT, elements),
        step_s=step_s,
    )


def follower_of(fleet: Model, name: str = "follower") -> Follower:
    config = ControllerConfig(type="follower", controls=fleet.name)
    context = ControlContext(build=context_of(name), models={fleet.name: fleet})
    return Follower(config, context)


class TestControllers:
    def test_what_they_observe_comes_one_step_of_the_source_late(self) -> None:
        fleet = fleet_of(step_s=60)
        found = couplings(fleet, follower_of(fleet), grid("a"))
        assert ends(found) == [("follower", "ev", 0), ("ev", "follower", 60), ("ev", "grid", 0)]

    def test_others_at_the_same_place_are_none_of_their_business(self) -> None:
        fleet, load = fleet_of(), source("load", "a")
        found = couplings(fleet, load, follower_of(fleet), grid("a"))
        assert [c.source for c in found if c.destination == "follower"] == ["ev"]

    def test_two_controllers_of_one_fleet_are_refused(self) -> None:
        fleet = fleet_of()
        (problem,) = problems(fleet, follower_of(fleet, "one"), follower_of(fleet, "two"))
        assert "'one' and 'two' both send 'power_setpoint_kw' to 'ev'" in problem.message

    def test_couplings_by_hand_cannot_tell_more_than_the_information_set_grants(self) -> None:
        class Timed(Follower):
            decides = (POWER_SETPOINT,)

        fleet = fleet_of()
        elements = at("ev", "a")
        clock = Signal(name="clock_s", unit="s", long_name="time of day")
        device = Box("ev", *fleet.ports, port(clock, OUT, elements))
        controller = Timed(
            ControllerConfig(type="timed", controls="ev"),
            ControlContext(build=context_of("timed"), models={"ev": device}),
        )
        controller._ports = (*controller._ports, port(clock, IN, elements))
        (problem,) = problems(
            device, controller, configured=[explicit("ev.departure_s", "timed.clock_s")]
        )
        assert problem.message == (
            "departure_s belongs to 'declared_departures', which 'timed' may not know"
        )


class TestLoops:
    def inverter(self, name: str, *, required: bool = True) -> Box:
        elements = at(name, "a")
        return Box(name, port(VOLTAGE, IN, elements, required=required), port(POWER, OUT, elements))

    def test_a_state_that_closes_a_loop_comes_one_step_late(self) -> None:
        # volt-watt: the voltage depends on the power, the power on the last voltage.
        for models in ([self.inverter("pv"), grid("a")], [grid("a"), self.inverter("pv")]):
            assert ends(couplings(*models)) == [("pv", "grid", 0), ("grid", "pv", 1)]

    def test_a_state_outside_any_loop_is_not_late(self) -> None:
        meter = Box("meter", port(VOLTAGE, IN, at("meter", "a")))
        assert ends(couplings(source("load", "a"), grid("a"), meter)) == [
            ("load", "grid", 0),
            ("grid", "meter", 0),
        ]

    def test_a_loop_of_powers_is_refused_because_power_may_not_be_late(self) -> None:
        one, two = at("one", "a"), at("two", "a")
        models = (
            Box("one", port(POWER, IN, one), port(REACTIVE_POWER, OUT, one)),
            Box("two", port(REACTIVE_POWER, IN, two), port(POWER, OUT, two)),
        )
        (problem,) = problems(*models)
        assert problem.key == ("couplings",)
        assert "wait for each other within one step" in problem.message

    def test_a_model_may_hear_itself_one_step_late(self) -> None:
        elements = at("ev", "a")
        device = Box("ev", port(POWER_SETPOINT, IN, elements), port(POWER_MAX, OUT, elements))
        configured = [explicit("ev.power_max_kw", "ev.power_setpoint_kw")]
        assert ends(couplings(device, configured=configured)) == [("ev", "ev", 1)]
