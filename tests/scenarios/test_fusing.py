"""Models that are stepped together get and send, bit for bit, what they would apart."""

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from gridloom.scenarios import fusing
from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.coupling import Coupling
from gridloom.scenarios.fusing import fused_groups
from gridloom.scenarios.supervision.remote import RemoteModel
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.tracing import Tracing
from gridloom.scenarios.waiting import waits_for
from gridloom.simulators.errors import SimulatorError
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import Signal

POWER = Signal(name="power_kw", unit="kW", long_name="power", extensive=True)
STATE = Signal(name="state", unit="1", long_name="state", may_be_nan=True)
PRICE = Signal(name="price", unit="EUR", long_name="price")
SIGNALS = (POWER, STATE, PRICE)
POINTS = ("a", "b", "c", "d")


class Toy(Model):
    """Sends inexact functions of all it ever received; remembers what it received when."""

    def __init__(self, name: str, step_s: int, points: tuple[str, ...], *, knows: bool) -> None:
        start = datetime(2021, 1, 1, tzinfo=UTC)
        super().__init__(BuildContext(name=name, start=start, duration_s=60, seed=0), step_s)
        self._knows = knows
        self._memory = np.linspace(0.1, 0.7, len(points))
        elements = ElementSet(kind=name, owner=name, names=points, connection_points=points)
        self._ports = tuple(
            Port(
                signal=signal,
                direction=direction,
                elements=None if signal is PRICE else elements,
                required=False,
            )
            for direction in Direction
            for signal in SIGNALS
        )
        self.received: list[tuple[int, str, bytes]] = []
        self.left_out: frozenset[str] = frozenset()

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return self._ports

    def port(self, signal: Signal, direction: Direction) -> Port:
        return next(p for p in self._ports if p.signal is signal and p.direction is direction)

    @override
    def initial_outputs(self) -> Outputs:
        return {"power_kw": self._memory / 3, "price": np.array(1 / 3)} if self._knows else {}

    @override
    def take_outputs(self, names: frozenset[str]) -> None:
        self.left_out = frozenset(signal.name for signal in SIGNALS) - names

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        for name in sorted(inputs):
            array = inputs[name]
            assert isinstance(array, np.ndarray)
            assert not array.flags.writeable
            self.received.append((time, name, array.tobytes()))
        seen = inputs["power_kw"] + 0.3 * np.nan_to_num(inputs["state"]) + inputs["price"]
        self._memory = np.sin(0.7 * self._memory + 0.1 * seen + time)
        gone = np.where(self._memory > 0.9, np.nan, self._memory)
        sent = {"power_kw": self._memory, "state": gone, "price": np.asarray(self._memory.sum())}
        return {name: array for name, array in sent.items() if name not in self.left_out}


class Elsewhere(RemoteModel):
    """Stands in for another process: the same model, behind a pause for the event loop."""

    def __init__(self, model: Model, supervisor: Supervisor) -> None:
        config = ModelConfig(type="toy")
        super().__init__(model, config, ("simulators", model.name), supervisor)
        self.initial_outputs = model.initial_outputs()

    @override
    async def start(self) -> None:
        """Do nothing: the model is here."""

    @override
    async def _start(self) -> None:
        """Do nothing: the model is here."""

    @override
    async def _advance(self, time: int, arrays: Inputs) -> Outputs:
        await asyncio.sleep(0)
        return self.model.step(time, arrays)


Rows: TypeAlias = list[tuple[int, str, str, bytes]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Toy models and who sends what to whom."""

    steps_s: tuple[int, ...]
    points: tuple[tuple[str, ...], ...]
    links: tuple[tuple[int, int, Signal, bool], ...]
    """From, to, what, whether it comes late."""
    outside: frozenset[str] = frozenset()
    until_s: int = 13

    def models(self) -> dict[str, Toy]:
        return {
            f"m{i}": Toy(f"m{i}", step_s, points, knows=i % 2 == 0)
            for i, (step_s, points) in enumerate(zip(self.steps_s, self.points, strict=True))
        }

    def couplings(self, models: Mapping[str, Toy]) -> list[Coupling]:
        return [
            Coupling(
                source=f"m{source}",
                destination=f"m{destination}",
                output=models[f"m{source}"].port(signal, Direction.OUTPUT),
                input=models[f"m{destination}"].port(signal, Direction.INPUT),
                shift_s=self.steps_s[source] if late else 0,
            )
            for source, destination, signal, late in self.links
        ]

    def outcome(self, *, fuse: bool) -> tuple[Rows, dict[str, list[tuple[int, str, bytes]]]]:
        """Return what was sent, and what each model received."""
        models = self.models()
        rows: Rows = []

        def take(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
            rows.extend(
                (time, name, signal, outputs[name][signal].tobytes())
                for name in sorted(outputs)
                for signal in sorted(outputs[name])
            )

        supervisor = Supervisor()
        around = Surroundings(
            supervisor=supervisor,
            elsewhere={n: Elsewhere(models[n], supervisor) for n in sorted(self.outside)},
            fuse=fuse,
        )
        simulate(models, self.couplings(models), self.until_s, take, around)
        return rows, {name: model.received for name, model in models.items()}

    def reference(self) -> dict[str, list[tuple[int, str, bytes]]]:
        """Return what each model receives by the rules, in plain Python."""
        models = self.models()
        couplings = self.couplings(models)
        initial = {name: model.initial_outputs() for name, model in models.items()}
        sent: dict[tuple[str, int], Outputs] = {}
        order = [name for level in _levels(models, couplings) for name in level]
        for time in range(self.until_s):
            for name in order:
                model = models[name]
                if time % model.step_size == 0:
                    inputs = {
                        p.name: p.blank() for p in model.ports if p.direction is Direction.INPUT
                    }
                    fed: dict[str, list[FloatArray]] = {}
                    for each in sorted(couplings, key=lambda c: c.source):
                        if each.destination == name:
                            step_s = models[each.source].step_size
                            begun = (time - each.shift_s) // step_s * step_s
                            known = sent.get((each.source, begun), initial[each.source])
                            value = known.get(each.output.name, each.output.blank())
                            transform = each.transform() or np.asarray
                            fed.setdefault(each.input.name, []).append(transform(value))
                    inputs.update({key: _summed(values) for key, values in fed.items()})
                    for array in inputs.values():
                        array.setflags(write=False)
                    sent[name, time] = model.step(time, inputs)
        return {name: model.received for name, model in models.items()}


def _summed(values: Sequence[FloatArray]) -> FloatArray:
    total = values[0]
    for value in values[1:]:
        total = np.asarray(total + value)
    return total


def _levels(models: Iterable[str], couplings: Sequence[Coupling]) -> list[list[str]]:
    left, levels = set(models), []
    while left:
        ready = sorted(n for n in left if left.isdisjoint(waits_for(n, couplings)))
        levels.append(ready)
        left -= set(ready)
    return levels


@st.composite
def cases(draw: st.DrawFn, *, outside: bool) -> Case:
    count = draw(st.integers(1, 6))
    steps_s = tuple(draw(st.sampled_from([1, 2, 3, 4, 6])) for _ in range(count))
    points = tuple(
        tuple(draw(st.permutations(POINTS)))[: draw(st.integers(1, 4))] for _ in range(count)
    )
    order = draw(st.permutations(range(count)))
    links: dict[tuple[int, int, Signal], bool] = {}
    for _ in range(draw(st.integers(0, 10)) if count > 1 else 0):
        first, second = draw(st.tuples(*[st.integers(0, count - 1)] * 2))
        signal = draw(st.sampled_from(SIGNALS))
        # All values of a toy's elements add up or are spread, but NaN may stand for no state only.
        taken = any(d == order[second] and s is signal for _, d, s in links)
        if first != second and (signal is POWER or not taken):
            backward = first > second
            links[order[first], order[second], signal] = backward or draw(st.booleans())
    apart = draw(st.sets(st.integers(0, count - 1), min_size=1)) if outside else set()
    return Case(
        steps_s=steps_s,
        points=points,
        links=tuple((*ends, late) for ends, late in links.items()),
        outside=frozenset(f"m{i}" for i in apart),
    )


class TestSameValues:
    """Every input of every model at every step, and every row that is observed."""

    @given(cases(outside=False))
    @settings(max_examples=40)
    def test_all_together(self, case: Case) -> None:
        separate, fused = case.outcome(fuse=False), case.outcome(fuse=True)
        assert fused == separate
        assert fused[1] == case.reference()

    @given(cases(outside=True))
    @settings(max_examples=40)
    def test_some_elsewhere(self, case: Case) -> None:
        separate, fused = case.outcome(fuse=False), case.outcome(fuse=True)
        assert fused == separate
        assert fused[1] == case.reference()

    def test_three_sources_add_up_in_one_order_wherever_they_are(self) -> None:
        links = tuple((i, 3, POWER, False) for i in (2, 0, 1))
        case = Case(steps_s=(1, 2, 3, 1), points=(POINTS,) * 4, links=links)
        answers = [
            replace(case, outside=frozenset(outside)).outcome(fuse=fuse)[1]
            for outside in ((), ("m0",), ("m1", "m2"), ("m3",))
            for fuse in (False, True)
        ]
        assert all(answer == answers[0] for answer in answers)

    @pytest.mark.parametrize("name", ["type", "meta", "create", "population", "gridloom_fused_0"])
    def test_any_name_will_do(self, name: str) -> None:
        model = Toy(name, 1, POINTS, knows=False)
        simulate({name: model}, [], 3, lambda _t, _o: None, Surroundings(fuse=True))
        assert {time for time, _, _ in model.received} == {0, 1, 2}


@dataclass(frozen=True)
class Hop:
    """A coupling as far as groups care."""

    source: str
    destination: str
    at_once: bool


def hops(*ways: str) -> list[Hop]:
    """Read 'a>b>c', where '~' stands for a hop that comes late."""
    found = []
    for way in ways:
        names = way.replace("~", ">~").split(">")
        for here, there in pairwise(names):
            found.append(Hop(here.strip("~"), there.strip("~"), not there.startswith("~")))
    return found


class TestGroups:
    @pytest.mark.parametrize(
        ("ways", "outside", "expected"),
        [
            (["a>b>c"], "", ["abc"]),
            (["a>b>c"], "abc", []),
            (["a>b>c"], "b", ["a", "c"]),  # in, out, in
            (["a>b>c"], "a", ["bc"]),
            (["a>b>c"], "c", ["ab"]),
            (["a>b~c"], "b", ["ac"]),  # what comes late makes nobody wait
            (["a>x>b>y>c"], "xy", ["a", "b", "c"]),
            (["a>x>b", "c>b"], "x", ["ac", "b"]),  # as early as it can be
            (["a>x>y>b"], "xy", ["a", "b"]),  # two outside in a row are passed at once
            (["a>b~a"], "", ["ab"]),
            ([], "", ["abcxy"]),
        ],
    )
    def test_known_ones(self, ways: list[str], outside: str, expected: list[str]) -> None:
        couplings = hops(*ways)
        names = sorted({n for hop in couplings for n in (hop.source, hop.destination)} or "abcxy")
        found = fused_groups(names, couplings, frozenset(outside))
        assert ["".join(group) for group in found] == expected

    @given(cases(outside=True))
    def test_no_group_waits_for_itself(self, case: Case) -> None:
        models = case.models()
        couplings = case.couplings(models)
        groups = fused_groups(tuple(models), couplings, case.outside)
        group_of = {name: f"g{i}" for i, group in enumerate(groups) for name in group}
        assert sorted(group_of) == sorted(models.keys() - case.outside)
        hops = {
            (group_of.get(c.source, c.source), group_of.get(c.destination, c.destination))
            for c in couplings
            if not c.shift_s
        }
        left = {end for hop in hops for end in hop}
        outer = [(a, b) for a, b in hops if a != b]
        while left:
            free = {n for n in left if not any(b == n and a in left for a, b in outer)}
            assert free, "groups wait for each other"
            left -= free
        for group in groups:
            for place, name in enumerate(group):
                inside = set(waits_for(name, couplings)) & set(group)
                assert inside <= set(group[:place])


@dataclass
class Faulty:
    """Two toys, the second hears the first; what goes wrong, and the error it ends with."""

    change: Callable[[Toy], None]
    source: Signal = POWER
    destination: Signal = POWER
    points: tuple[str, ...] = POINTS
    late: bool = False
    errors: list[str] = field(default_factory=list)

    def error(self, *, fuse: bool) -> str:
        first = Toy("first", 1, self.points, knows=False)
        second = Toy("second", 1, POINTS, knows=False)
        self.change(first)
        coupling = Coupling(
            source="first",
            destination="second",
            output=first.port(self.source, Direction.OUTPUT),
            input=second.port(self.destination, Direction.INPUT),
            shift_s=int(self.late),
        )
        models = {"first": first, "second": second}
        with pytest.raises(SimulatorError) as caught:
            simulate(models, [coupling], 6, lambda _t, _o: None, Surroundings(fuse=fuse))
        return f"{caught.value}; {len(second.received)}"


def _sends(power: object) -> Callable[[Toy], None]:
    def change(toy: Toy) -> None:
        usual = toy.step

        def step(time: int, inputs: Inputs) -> Outputs:
            sent = usual(time, inputs)
            return {**sent, "power_kw": power} if time == 2 else sent  # type: ignore[dict-item]

        toy.step = step  # type: ignore[method-assign]

    return change


def _does(action: Callable[[], object]) -> Callable[[Toy], None]:
    def change(toy: Toy) -> None:
        usual = toy.step

        def step(time: int, inputs: Inputs) -> Outputs:
            if time == 2:
                action()
            return usual(time, inputs)

        toy.step = step  # type: ignore[method-assign]

    return change


def _knows(initial: object) -> Callable[[Toy], None]:
    def change(toy: Toy) -> None:
        toy.initial_outputs = lambda: {"power_kw": initial}  # type: ignore[method-assign,dict-item]

    return change


def _exit() -> None:
    raise SystemExit(5)


class TestSameErrors:
    @pytest.mark.parametrize(
        ("faulty", "message"),
        [
            (Faulty(_does(lambda: 1 / 0)), "at simulation time 2 s: ZeroDivisionError"),
            (Faulty(_does(_exit)), "at simulation time 2 s: SystemExit: 5"),
            (Faulty(_sends([np.nan] * 4)), "'first' (first:a) failed at simulation time 2 s"),
            (Faulty(_sends([1.0])), "output power_kw has shape (1,), expected (4,)"),
            (Faulty(_sends("much")), "output power_kw is no array of numbers"),
            (
                Faulty(_knows(np.full(4, np.nan)), late=True),
                "'first.population' sends power_kw not",
            ),
            (Faulty(_knows(np.zeros(3)), late=True), "of shape (3,), expected (4,)"),
            # What may be NaN meets what may not, which only values tell: at the latest step, too.
            (Faulty(lambda _: None, source=STATE), "'first.population' sends power_kw not finite"),
            # One point has no source, and no number stands for that.
            (
                Faulty(lambda _: None, source=STATE, points=("a",)),
                "'first.population' sends power_kw not finite",
            ),
        ],
    )
    def test_word_for_word(self, faulty: Faulty, message: str) -> None:
        separate = faulty.error(fuse=False)
        assert message in separate
        assert faulty.error(fuse=True) == separate

    def test_the_sink_ends_the_run(self) -> None:
        def take(time: int, outputs: object) -> None:
            if time == 2:
                raise OSError("disk full")

        toy = Toy("toy", 1, POINTS, knows=False)
        with pytest.raises(OSError, match="disk full"):
            simulate({"toy": toy}, [], 60, take, Surroundings(fuse=True))
        assert toy.received[-1][0] == 2


class TestOutputsThatNobodyTakes:
    @pytest.mark.parametrize("fuse", [False, True])
    def test_those_recorded_and_coupled_are_taken(self, fuse: bool) -> None:
        case = Case(steps_s=(1, 1), points=(POINTS,) * 2, links=((0, 1, PRICE, False),))
        models = case.models()
        observed = {"m0": ["state"], "m1": ["power_kw"]}
        seen: list[str] = []
        simulate(
            models,
            case.couplings(models),
            3,
            lambda _, o: seen.append(json.dumps({name: sorted(o[name]) for name in sorted(o)})),
            Surroundings(fuse=fuse, observed=observed),
        )
        assert models["m0"].left_out == {"power_kw"}  # the toy leaves out what nobody takes
        assert models["m1"].left_out == {"state", "price"}
        assert seen == ['{"m0": ["price", "state"], "m1": ["power_kw"]}'] * 3
        assert models["m1"].received == case.outcome(fuse=fuse)[1]["m1"][: 3 * 3]

    def test_by_default_all_are_taken(self) -> None:
        toy = Toy("toy", 1, POINTS, knows=False)
        toy.take_outputs = lambda _: pytest.fail("called")  # type: ignore[method-assign,assignment]
        rows: list[int] = []
        simulate({"toy": toy}, [], 2, lambda _t, o: rows.append(len(o["toy"])))
        assert rows == [3, 3]


def test_the_time_of_each_is_taken_as_well() -> None:
    case = Case(steps_s=(1, 2, 3), points=(POINTS,) * 3, links=((0, 1, POWER, False),))
    models = case.models()
    tracing = Tracing(log_duration_s=12)
    around = Surroundings(fuse=True, tracing=tracing)
    simulate(models, case.couplings(models), 12, lambda _t, _o: None, around)
    times = tracing.wall_times()
    assert {name: each.steps for name, each in times.models.items()} == {"m0": 12, "m1": 6, "m2": 4}
    assert all(each.step_s > 0 and each.transfer_s > 0 for each in times.models.values())
    assert math.isclose(sum(row.share for row in times.rows()[:-1]), 1.0)


def test_a_process_that_is_kept_waiting_still_gets_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time until the next pause has passed before the first step: as on a machine too busy."""
    monkeypatch.setattr(fusing, "_PAUSE_S", -1.0)
    rows: list[int] = []
    toy = Toy("toy", 1, POINTS, knows=False)

    simulate({"toy": toy}, [], 5, lambda time, _: rows.append(time), Surroundings(fuse=True))

    assert rows == [0, 1, 2, 3, 4]
