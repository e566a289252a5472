"""The floor: the models of a case in a plain loop, without mosaik and without gridloom's coupling.

The same models and the same recorder; who hands what to whom is written out by hand, so that the
difference to a run is what coupling, checking, supervision and mosaik cost.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gridloom.scenarios.composition import Composition
from gridloom.scenarios.recorded_run import recorded_models
from gridloom.scenarios.results.record import RecordWriter, RunStatus
from gridloom.simulators.model import Direction, FloatArray, Model, Outputs
from gridloom.simulators.signals import POWER, POWER_SETPOINT, REACTIVE_POWER

_HEARD = ("power_max_kw", "energy_required_kwh")
"""What uncoordinated charging is told of the vehicles, a step late."""


class _Sum:
    """Adds up what devices draw, at the places of one input."""

    def __init__(self, receiver: Model, signal: Any, senders: list[Model]) -> None:
        (port,) = (
            p for p in receiver.ports if p.signal == signal and p.direction is Direction.INPUT
        )
        assert port.elements is not None
        places = port.elements.connection_points or port.elements.names
        self._size, row = len(places), {place: i for i, place in enumerate(places)}
        self._rows = {}
        for sender in senders:
            elements = next(p.elements for p in sender.ports if p.signal == signal)
            assert elements is not None
            at = elements.connection_points or elements.names
            self._rows[sender.name] = np.array([row[place] for place in at])
        self._name = signal.name

    def of(self, sent: dict[str, Outputs]) -> FloatArray:
        total = np.zeros(self._size)
        for name, rows in self._rows.items():
            total[rows] += sent[name][self._name]
        return total


def run_bare(composition: Composition, steps: int, record: Path) -> float:
    """Step a case of household load, PV, vehicles, grid and market; return the wall time.

    Args:
        composition: with models called load, pv, ev, charging, grid and market.
        steps: how many.
        record: file that is written.
    """
    load, pv, ev, charging, grid, market = (
        composition.models[name] for name in ("load", "pv", "ev", "charging", "grid", "market")
    )
    devices = sorted((load, pv, ev), key=lambda model: model.name)
    reactive = [m for m in devices if any(p.signal == REACTIVE_POWER for p in m.ports)]
    drawn, bought = _Sum(grid, POWER, devices), _Sum(market, POWER, devices)
    drawn_kvar = _Sum(grid, REACTIVE_POWER, reactive)
    sends_losses = any(p.name == "losses_kw" for p in market.ports)
    writer = RecordWriter(
        record,
        start=composition.scenario.start,
        models=recorded_models(composition),
        provenance={},
        compression=composition.scenario.record.compression,
        float32=composition.scenario.record.float32,
    )
    heard = ev.initial_outputs()
    step_s = composition.scenario.step_size
    begin = perf_counter()
    for time in range(0, steps * step_s, step_s):
        sent = {"load": load.step(time, {}), "pv": pv.step(time, {})}
        sent["charging"] = charging.step(time, {name: heard[name] for name in _HEARD})
        setpoints = {POWER_SETPOINT.name: sent["charging"][POWER_SETPOINT.name]}
        sent["ev"] = heard = ev.step(time, setpoints)
        power = {POWER.name: drawn.of(sent), REACTIVE_POWER.name: drawn_kvar.of(sent)}
        sent["grid"] = grid.step(time, power)
        losses = {"losses_kw": sent["grid"]["losses_kw"]} if sends_losses else {}
        sent["market"] = market.step(time, {POWER.name: bought.of(sent), **losses})
        for name, outputs in sent.items():
            writer.write(name, time, outputs)
        writer.advance(time + 1)
    writer.close(RunStatus.COMPLETE)
    return perf_counter() - begin
