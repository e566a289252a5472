"""The mosaik adapter: what mosaik sees of a model, third parties at single houses, failures."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import mosaik
import mosaik_api_v3
import numpy as np
import pytest
from mosaik.starters import PythonStarter
from typing_extensions import override

from gridloom.simulators.checked_model import child_id
from gridloom.simulators.errors import SimulatorError
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
from gridloom.simulators.mosaik_adapter import POPULATION, ModelSimulator
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LOSSES,
    POWER,
    POWER_SETPOINT,
    VOLTAGE,
    Signal,
)

HOUSES = ElementSet(kind="house", owner="street", names=("h1", "h2"), connection_points=("a", "b"))
BUSES = ElementSet(kind="bus", owner="street", names=("b1", "b2", "b3"))
PHASES = (Dimension(name="phase", labels=("a", "b")),)


class Street(Model):
    """Receives power, setpoints and voltages at two houses, sends what it received."""

    def __init__(self, name: str = "street") -> None:
        context = BuildContext(
            name=name, start=datetime(2021, 1, 1, tzinfo=UTC), duration_s=60, seed=0
        )
        super().__init__(context, step_size=1)
        self.received: list[dict[str, FloatArray]] = []
        self.closed = 0

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        inputs = (POWER, POWER_SETPOINT, VOLTAGE)
        return (
            *(Port(signal=s, direction=Direction.INPUT, elements=HOUSES) for s in inputs),
            Port(signal=POWER, direction=Direction.OUTPUT, elements=HOUSES),
            Port(
                signal=BUS_VOLTAGE,
                direction=Direction.OUTPUT,
                elements=BUSES,
                dimensions=PHASES,
            ),
            Port(signal=LOSSES, direction=Direction.OUTPUT),
        )

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        self.received.append(dict(inputs))
        return {
            "power_kw": inputs["power_kw"] * 2,
            "bus_voltage_pu": np.arange(6.0).reshape(3, 2),
            "losses_kw": np.asarray(float(time)),
        }

    @override
    def close(self) -> None:
        self.closed += 1


def step(
    model: Model, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None, time: int = 7
) -> ModelSimulator:
    simulator = ModelSimulator(model)
    simulator.step(time, dict(inputs or {}), 0)  # type: ignore[arg-type]
    return simulator


class TestMeta:
    def test_the_population_has_every_port_and_each_kind_its_own(self) -> None:
        simulator = ModelSimulator(Street())
        assert simulator.meta["type"] == "time-based"
        described = simulator.meta["models"]
        assert set(described) == {POPULATION, "house", "bus"}
        assert described[POPULATION]["attrs"] == [
            "power_kw",
            "power_setpoint_kw",
            "voltage_pu",
            "bus_voltage_pu",
            "losses_kw",
        ]
        assert described["house"]["attrs"] == ["power_kw", "power_setpoint_kw", "voltage_pu"]
        assert described["bus"]["attrs"] == ["bus_voltage_pu"]
        assert [described[kind]["public"] for kind in (POPULATION, "house", "bus")] == [
            True,
            False,
            False,
        ]

    def test_the_population_has_a_child_an_element(self) -> None:
        (entity,) = ModelSimulator(Street()).create(1, POPULATION)
        assert entity["eid"] == entity["type"] == POPULATION
        assert [(child["eid"], child["type"]) for child in entity["children"]] == [
            ("house:h1", "house"),
            ("house:h2", "house"),
            ("bus:b1", "bus"),
            ("bus:b2", "bus"),
            ("bus:b3", "bus"),
        ]

    def test_there_is_one_population(self) -> None:
        simulator = ModelSimulator(Street())
        with pytest.raises(ValueError, match="exactly one population"):
            simulator.create(2, POPULATION)
        simulator.create(1, POPULATION)
        with pytest.raises(ValueError, match="exactly one population"):
            simulator.create(1, POPULATION)

    def test_ports_that_disagree_on_their_elements_are_refused(self) -> None:
        class Muddled(Street):
            @property
            @override
            def ports(self) -> tuple[Port, ...]:
                others = ElementSet(kind="house", owner="street", names=("h2", "h1"))
                return (
                    *super().ports,
                    Port(signal=VOLTAGE, direction=Direction.OUTPUT, elements=others),
                )

        with pytest.raises(ValueError, match="ports of 'street' disagree on its house elements"):
            ModelSimulator(Muddled())


class TestInputs:
    def test_what_nobody_sends_is_zero_or_unknown(self) -> None:
        model = Street()
        step(model)
        assert model.received[0]["power_kw"].tolist() == [0, 0]
        assert np.isnan(model.received[0]["voltage_pu"]).all()

    def test_sources_add_up_in_the_order_of_their_names(self) -> None:
        # In floating point (0.1 + 0.2) + 0.3 differs from 0.1 + (0.2 + 0.3) in the last bit.
        values = {"a.population": 0.1, "b.population": 0.2, "c.population": 0.3}
        for names in (list(values), list(values)[::-1]):
            model = Street()
            sources = {name: np.full(2, values[name]) for name in names}
            step(model, {POPULATION: {"power_kw": sources}})
            assert model.received[0]["power_kw"].tolist() == [(0.1 + 0.2) + 0.3] * 2

    def test_single_values_add_up_too(self) -> None:
        export = Signal(name="export_kw", unit="kW", long_name="export", extensive=True)

        class Meter(Street):
            @property
            @override
            def ports(self) -> tuple[Port, ...]:
                return (*super().ports, Port(signal=export, direction=Direction.INPUT))

        model = Meter()
        step(model, {POPULATION: {"export_kw": {"a.b": np.asarray(1.0), "c.d": 2.5}}})
        assert model.received[0]["export_kw"].shape == ()
        assert model.received[0]["export_kw"] == 3.5

    def test_arrays_are_read_only_and_nobody_s_own(self) -> None:
        model, own = Street(), np.array([1.0, 2.0])
        step(model, {POPULATION: {"power_kw": {"x.y": own}, "voltage_pu": {"x.y": [1.0, 1.0]}}})
        for array in model.received[0].values():
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 9
        own[0] = 5  # the sender's array is still its own to change

    def test_lists_are_understood(self) -> None:
        model = Street()
        step(model, {POPULATION: {"power_kw": {"remote.x": [1, 2]}}})
        assert model.received[0]["power_kw"].tolist() == [1, 2]

    def test_silence_of_event_based_sources_is_nothing(self) -> None:
        model = Street()
        silent = {"x.y": None}
        step(model, {POPULATION: {"power_kw": silent}, "house:h2": {"power_kw": silent}})
        assert model.received[0]["power_kw"].tolist() == [0, 0]

    def test_at_one_element_power_adds_and_other_signals_take_the_place(self) -> None:
        model = Street()
        step(
            model,
            {
                POPULATION: {
                    "power_kw": {"a.population": np.array([1.0, 2.0])},
                    "power_setpoint_kw": {"basic.population": np.array([7.0, 7.0])},
                },
                "house:h2": {
                    "power_kw": {"x.1": 10.0, "y.1": 0.5},
                    "power_setpoint_kw": {"x.1": 3.0},
                    "voltage_pu": {"x.1": 0.98},
                },
            },
        )
        received = model.received[0]
        assert received["power_kw"].tolist() == [1, 12.5]
        assert received["power_setpoint_kw"].tolist() == [7, 3]
        np.testing.assert_array_equal(received["voltage_pu"], [np.nan, 0.98])
        assert not any(array.flags.writeable for array in received.values())

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                {POPULATION: {"power_kw": {"x.y": np.zeros(3)}}},
                (
                    r"'street' failed .* 7 s: 'x.y' sends power_kw of shape \(3,\), "
                    r"expected \(2,\)"
                ),
            ),
            (
                {"house:h2": {"power_kw": {"x.y": [1, 2]}}},
                r"\(house:h2\) .* 'x.y' sends power_kw of shape \(2,\), expected \(\)",
            ),
            (
                {"house:h1": {"power_setpoint_kw": {"x.y": float("nan")}}},
                r"\(house:h1\) .* 'x.y' sends power_setpoint_kw not finite",
            ),
            (
                {POPULATION: {"power_setpoint_kw": {"x.y": np.zeros(2), "b.c": np.zeros(2)}}},
                "'b.c' and 'x.y' send power_setpoint_kw, which does not add up",
            ),
            (
                {POPULATION: {"losses_kw": {"x.y": 1.0}}},
                "'x.y' sends losses_kw, which is no input",
            ),
        ],
    )
    def test_what_does_not_fit_is_traced_to_its_sender(
        self, inputs: Mapping[str, Any], message: str
    ) -> None:
        with pytest.raises(SimulatorError, match=message):
            step(Street(), inputs)


class TestOutputs:
    def test_the_population_sends_arrays_its_children_numbers(self) -> None:
        simulator = step(Street(), {POPULATION: {"power_kw": {"x.y": np.array([1.0, 2.0])}}})
        answer = simulator.get_data(
            {
                POPULATION: ["power_kw", "losses_kw"],
                child_id("house", "h2"): ["power_kw"],
                child_id("bus", "b3"): ["bus_voltage_pu"],
            }
        )
        assert answer[POPULATION]["power_kw"].tolist() == [2, 4]
        assert answer[POPULATION]["losses_kw"] == 7
        assert answer["house:h2"]["power_kw"] == 4
        assert type(answer["house:h2"]["power_kw"]) is float
        assert answer["bus:b3"]["bus_voltage_pu"] == [4, 5]
        assert not answer[POPULATION]["power_kw"].flags.writeable

    def test_plain_numbers_become_arrays(self) -> None:
        class Plain(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                outputs = super().step(time, inputs)
                return {**outputs, "power_kw": [1, 2], "losses_kw": 3}  # type: ignore[dict-item]

        latest = step(Plain()).get_data({POPULATION: ["power_kw", "losses_kw"]})[POPULATION]
        assert latest["power_kw"].dtype == latest["losses_kw"].dtype == np.float64

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"power_kw": np.zeros(3)}, r"output power_kw has shape \(3,\), expected \(2,\)"),
            ({"losses_kw": np.zeros(1)}, r"output losses_kw has shape \(1,\), expected \(\)"),
            (
                {"power_kw": np.array([0, np.nan])},
                r"'street' \(house:h2\) failed at simulation time 7 s: output power_kw is not fin",
            ),
            ({"power_kw": np.array([np.inf, 0])}, r"\(house:h1\)"),
            ({"power_kw": "much"}, "no array of numbers"),
        ],
    )
    def test_wrong_outputs_are_traced_to_the_model_and_its_element(
        self, changes: Mapping[str, Any], message: str
    ) -> None:
        class Wrong(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                return {**super().step(time, inputs), **changes}

        with pytest.raises(SimulatorError, match=message):
            step(Wrong())

    def test_a_missing_output_is_named_with_the_nearest(self) -> None:
        class Misspelt(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                outputs = super().step(time, inputs)
                return {"power_kW": outputs.pop("power_kw"), **outputs}

        with pytest.raises(
            SimulatorError, match="output power_kw is missing, did you mean 'power_kW'"
        ):
            step(Misspelt())

    def test_nan_is_legal_where_the_signal_says_so(self) -> None:
        class Blackout(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                return {**super().step(time, inputs), "bus_voltage_pu": np.full((3, 2), np.nan)}

        step(Blackout())

    def test_a_model_without_a_return_is_told_so(self) -> None:
        class Silent(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                return None  # type: ignore[return-value]

        with pytest.raises(SimulatorError, match=r"'street' failed at .* 7 s: step returned None"):
            step(Silent())


class TestFailure:
    def test_an_exception_names_model_and_time_and_keeps_its_cause(self) -> None:
        class Broken(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                raise ZeroDivisionError("by nothing")

        with pytest.raises(SimulatorError) as caught:
            step(Broken())
        assert str(caught.value) == (
            "simulator 'street' failed at simulation time 7 s: ZeroDivisionError: by nothing"
        )
        assert caught.value.simulator == "street"
        assert caught.value.time == 7
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_gridloom_s_own_errors_pass_as_they_are(self) -> None:
        class Stuck(Street):
            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                raise SimulatorError("street", time, "stuck", element="h2")

        with pytest.raises(SimulatorError, match=r"^simulator 'street' \(h2\) failed .*: stuck$"):
            step(Stuck())

    def test_changing_an_array_that_was_handed_out_is_caught(self) -> None:
        class Careless(Street):
            state = np.zeros(2)

            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                self.state += 1
                return {**super().step(time, inputs), "power_kw": self.state}

        simulator = step(Careless())
        with pytest.raises(SimulatorError, match="read-only"):
            simulator.step(8, {}, 0)

    def test_finalizing_closes_the_model(self) -> None:
        model = Street()
        ModelSimulator(model).finalize()
        assert model.closed == 1

    def test_wall_time_is_counted(self) -> None:
        assert step(Street()).busy_s > 0


class ThirdParty(mosaik_api_v3.Simulator):
    """A simulator as anyone would write it: one value in, one value out."""

    def __init__(self) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            {
                "api_version": "3.0",
                "type": "time-based",
                "models": {"Device": {"public": True, "params": [], "attrs": ["P", "seen"]}},
            }
        )
        self.seen: list[Any] = []

    @override
    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:
        return self.meta

    @override
    def create(self, num: int, model: str, **model_params: Any) -> Any:
        return [{"eid": "device", "type": model}]

    @override
    def step(self, time: int, inputs: Any, max_advance: int) -> int:
        for sources in inputs.get("device", {}).values():
            self.seen += list(sources.values())
        return time + 1

    @override
    def get_data(self, outputs: Any) -> Any:
        return {"device": {"P": 5.0}}


@contextmanager
def world_of(
    **simulators: mosaik_api_v3.Simulator,
) -> Iterator[tuple[mosaik.World, dict[str, Any]]]:
    world = mosaik.World({}, cache=False, skip_greetings=True, configure_logging=False)
    factories = {}
    with world:
        for name, simulator in simulators.items():
            starter = PythonStarter(cast("Any", lambda s=simulator: s))
            factories[name] = world.start(starter, sim_id=name)
        yield world, factories


class TestInMosaik:
    def test_a_third_party_at_one_house_adds_to_it(self) -> None:
        street, load, device = Street(), Street("load"), ThirdParty()
        simulators = {"street": ModelSimulator(street), "load": ModelSimulator(load)}
        with world_of(**simulators, device=device) as (world, factories):
            population = getattr(factories["street"], POPULATION)()
            others = getattr(factories["load"], POPULATION)()
            appliance = factories["device"].Device()
            house = next(c for c in population.children if c.eid == child_id("house", "h2"))
            world.connect(others, population, "power_kw", transform=lambda array: array + 1)
            world.connect(appliance, house, ("P", "power_kw"))
            world.connect(
                house,
                appliance,
                ("power_kw", "seen"),
                time_shifted=1,
                initial_data={"power_kw": -1.0},
            )
            world.run(until=3, print_progress=False)
        # The loads send 1 kW each after the transform; the device sends 5 kW to the second house.
        assert [inputs["power_kw"].tolist() for inputs in street.received] == [[1, 6]] * 3
        # The device reads that house's output, twice what it receives, one step late.
        assert device.seen == [-1, 12, 12]
        assert street.closed == load.closed == 1
