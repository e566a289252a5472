"""The composer: values at the right time, in any order of models, and clean ends."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest
from mosaik_api_v3.connection import RemoteException
from typing_extensions import override

from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.coupling import couple
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
from gridloom.simulators.signals import POWER, VOLTAGE

POINTS = ("a", "b")


class Relay(Model):
    """Sends its name's number plus the time as power; records what it receives when."""

    def __init__(
        self, name: str, step_s: int = 1, *, hears: bool = False, late: bool = False
    ) -> None:
        context = BuildContext(
            name=name, start=datetime(2021, 1, 1, tzinfo=UTC), duration_s=60, seed=0
        )
        super().__init__(context, step_s)
        self.elements = ElementSet(kind="relay", owner=name, names=POINTS, connection_points=POINTS)
        self.hears, self.late = hears, late
        self.received: list[tuple[int, float, float]] = []
        self.closed = 0

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        into, out = Direction.INPUT, Direction.OUTPUT
        signals = [(POWER, into), (VOLTAGE, out)] if self.hears else [(POWER, out)]
        if self.late:
            signals.append((VOLTAGE, into))
        return tuple(Port(signal=s, direction=d, elements=self.elements) for s, d in signals)

    @override
    def initial_outputs(self) -> Outputs:
        return {"voltage_pu": np.full(2, -1.0)} if self.hears else {}

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        power = float(inputs["power_kw"][0]) if self.hears else np.nan
        voltage = float(inputs["voltage_pu"][0]) if self.late else np.nan
        self.received.append((time, power, voltage))
        name = "voltage_pu" if self.hears else "power_kw"
        return {name: np.full(2, 1000.0 + time)}

    @override
    def close(self) -> None:
        self.closed += 1


Rows = list[tuple[int, dict[str, dict[str, list[float]]]]]


def run(*models: Model, until_s: int) -> Rows:
    rows: Rows = []

    def take(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
        row = {m: {n: array.tolist() for n, array in o.items()} for m, o in outputs.items()}
        rows.append((time, row))

    named = {model.name: model for model in models}
    simulate(named, couple(named, []), until_s, take)
    return rows


class TestTime:
    def test_every_step_is_handed_to_the_sink_with_all_outputs(self) -> None:
        rows = run(Relay("load"), Relay("grid", hears=True), until_s=3)
        assert rows == [
            (t, {"load": {"power_kw": [1000.0 + t] * 2}, "grid": {"voltage_pu": [1000.0 + t] * 2}})
            for t in range(3)
        ]

    def test_within_a_step_values_arrive_at_once(self) -> None:
        grid = Relay("grid", hears=True)
        run(Relay("load"), grid, until_s=4)
        assert [(t, power) for t, power, _ in grid.received] == [(t, 1000 + t) for t in range(4)]

    @pytest.mark.parametrize(("load_step", "grid_step"), [(1, 5), (5, 1), (2, 3), (10, 4)])
    def test_models_of_different_steps_see_the_latest_value(
        self, load_step: int, grid_step: int
    ) -> None:
        load, grid = Relay("load", load_step), Relay("grid", grid_step, hears=True)
        rows = run(grid, load, until_s=25)
        assert [time for time, _, _ in load.received] == list(range(0, 25, load_step))
        for time, power, _ in grid.received:
            assert power == 1000 + time // load_step * load_step
        tick = np.gcd(load_step, grid_step)
        assert [time for time, _ in rows] == list(range(0, 25, tick))
        for time, row in rows:
            assert row["load"]["power_kw"][0] == 1000 + time // load_step * load_step
            assert row["grid"]["voltage_pu"][0] == 1000 + time // grid_step * grid_step

    @pytest.mark.parametrize(("grid_step", "pv_step"), [(1, 1), (5, 1), (5, 5), (1, 5), (3, 2)])
    def test_a_loop_is_closed_with_the_newest_step_that_has_ended(
        self, grid_step: int, pv_step: int
    ) -> None:
        # A shift by the grid's step: with mosaik's cache, shifts of more than one go wrong.
        pv, grid = Relay("pv", pv_step, late=True), Relay("grid", grid_step, hears=True)
        run(pv, grid, until_s=30)
        for time, _, voltage in pv.received:
            ended = time // grid_step * grid_step - grid_step
            assert voltage == (-1 if ended < 0 else 1000 + ended)

    def test_a_duration_that_is_no_multiple_of_the_step_is_covered(self) -> None:
        load = Relay("load", 7)
        run(load, until_s=15)
        assert [time for time, _, _ in load.received] == [0, 7, 14]

    def test_models_without_outputs_are_there(self) -> None:
        class Sink(Relay):
            @property
            @override
            def ports(self) -> tuple[Port, ...]:
                return (Port(signal=POWER, direction=Direction.INPUT, elements=self.elements),)

        rows = run(Relay("load"), Sink("sink", hears=True), until_s=1)
        assert rows[0][1]["sink"] == {}

    def test_wall_time_is_told_by_model(self) -> None:
        around = Surroundings()
        simulate({"load": Relay("load")}, [], 3, lambda _t, _o: None, around)
        times = around.tracing.wall_times().models
        assert set(times) == {"load"}
        assert times["load"].steps == 3
        assert times["load"].step_s > 0


SCRIPT = """
import itertools, sys
import numpy as np
from datetime import datetime, UTC
from gridloom.controllers.basic import Basic, BasicConfig
from gridloom.controllers.controller import ControlContext
from gridloom.scenarios.composer import simulate
from gridloom.scenarios.coupling import couple
from gridloom.simulators.ev_config import EvFleetConfig
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.market import ImbalanceMarket, ImbalanceMarketConfig
from gridloom.simulators.model import BuildContext

points = tuple(f"h{i}" for i in range(7))

def context(name):
    return BuildContext(name=name, start=datetime(2021, 1, 1, 18, tzinfo=UTC), duration_s=1800,
                        seed=3, connection_points=points)

def models(order):
    sessions = {"generator": "home_charging"}
    built = {
        name: EvFleet(EvFleetConfig(type="ev_fleet", sessions=sessions, step_size="60s",
                                    charge_efficiency=0.93), context(name))
        for name in ("cars", "vans", "bikes")
    }
    built["market"] = ImbalanceMarket(ImbalanceMarketConfig(
        type="m", step_size="60s", position_kw=[1 / 3],
        prices={"shortage_eur_per_mwh": [9], "surplus_eur_per_mwh": [8]}), context("market"))
    for name in ("cars", "vans", "bikes"):
        built["basic_" + name] = Basic(
            BasicConfig(type="basic", controls=name, step_size="60s"),
            ControlContext(build=context("basic_" + name), models=dict(built)))
    return {name: built[name] for name in order(list(built))}

for order in (lambda n: n, lambda n: n[::-1], lambda n: n[3:] + n[:3]):
    lines = []
    def take(time, outputs):
        for model in sorted(outputs):
            for signal in sorted(outputs[model]):
                lines.append(f"{time} {model} {signal} {outputs[model][signal].tobytes().hex()}")
    named = models(order)
    simulate(named, couple(named, []), 1800, take)
    import hashlib
    print(hashlib.sha256("\\n".join(lines).encode()).hexdigest(), len(lines))
"""


def test_neither_the_order_of_models_nor_the_hash_seed_changes_a_bit() -> None:
    # Sums of three fleets with inexact powers differ in the last bit if their order does.
    answers = set()
    for seed in ("0", "1", "4242"):
        finished = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        answers |= set(finished.stdout.splitlines())
    assert len(answers) == 1
    # 30 steps of 3 fleets with 14 outputs, a market with 4, 3 controllers with 1.
    assert answers.pop().endswith(f" {30 * (42 + 4 + 3)}")


class Broken(Relay):
    """Fails in its third step."""

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        if time == 2:
            raise ZeroDivisionError("by nothing")
        return super().step(time, inputs)


class TestEnds:
    def test_models_are_closed_once(self) -> None:
        load, grid = Relay("load"), Relay("grid", hears=True)
        run(load, grid, until_s=3)
        assert (load.closed, grid.closed) == (1, 1)

    def test_a_failure_names_model_and_time_and_closes_all_models(
        self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        load, grid = Broken("load"), Relay("grid", hears=True)
        with pytest.raises(
            SimulatorError, match="'load' failed at simulation time 2 s: ZeroDivisionError: by noth"
        ):
            run(load, grid, until_s=60)
        assert (load.closed, grid.closed) == (1, 1)
        assert len(grid.received) <= 2
        gc.collect()  # asyncio complains of forgotten tasks when they are collected
        assert capfd.readouterr().err == ""
        assert caplog.text == ""

    def test_an_error_of_the_sink_ends_the_run(self) -> None:
        load = Relay("load")

        def take(time: int, outputs: object) -> None:
            if time == 2:
                raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            simulate({"load": load}, [], 60, take)
        assert load.closed == 1
        assert len(load.received) <= 4

    def test_an_interruption_reaches_the_caller(self) -> None:
        def take(time: int, outputs: object) -> None:
            raise KeyboardInterrupt

        load = Relay("load")
        with pytest.raises(KeyboardInterrupt):
            simulate({"load": load}, [], 60, take)
        assert load.closed == 1
        gc.collect()

    def test_a_run_that_does_not_reach_its_end_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # mosaik ends quietly when a remote simulator fails, so the composer looks how far it got.
        async def stop(*_args: object, **_keys: object) -> None:
            raise RemoteException("load", "Error", "gone")

        monkeypatch.setattr("mosaik.scheduler.run", stop)
        with pytest.raises(SimulatorError, match="the simulation stopped before its end"):
            run(Relay("load"), until_s=60)

    def test_the_next_run_is_not_disturbed(self) -> None:
        with pytest.raises(SimulatorError):
            run(Broken("load"), until_s=60)
        assert len(run(Relay("load"), until_s=3)) == 3


class TestEventLoop:
    def test_it_runs_where_a_loop_already_does_as_in_notebooks(self) -> None:
        threads: list[int] = []

        async def cell() -> int:
            named = {"load": Relay("load")}
            simulate(named, [], 3, lambda _t, _o: threads.append(threading.get_ident()))
            return len(threads)

        assert asyncio.run(cell()) == 3
        assert threading.get_ident() not in threads

    def test_elsewhere_it_stays_in_the_callers_thread(self) -> None:
        threads: list[int] = []
        simulate(
            {"load": Relay("load")}, [], 1, lambda _t, _o: threads.append(threading.get_ident())
        )
        assert threads == [threading.get_ident()]
