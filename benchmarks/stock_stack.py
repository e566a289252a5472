"""A case as a mosaik user builds it today: one scalar an entity, `runpp` every step.

mosaik with per-entity attributes, a grid simulator in the manner of mosaik-pandapower (write the
loads into the net, `runpp` or `runpp_3ph`, hand out one value a bus and line), and mosaik-hdf5 as
the recorder. Household load and PV are replayed from gridloom's own record, so that both stacks
solve the same problem; vehicles, controller and market are simulated anew.
"""

import warnings
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import mosaik_api_v3
import numpy as np
from mosaik_api_v3.types import InputData, Meta, OutputData, OutputRequest

from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pandapower_net import (
    add_loads,
    add_source_impedances,
    prepare_zero_sequence,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the stock stack is given: the network, the exogenous series and the sessions."""

    network: Network
    balanced: bool
    step_s: int
    load_kw: np.ndarray[Any, Any]
    """(time, house)."""
    load_kvar: np.ndarray[Any, Any]
    pv_kw: np.ndarray[Any, Any]
    """(time, house), generation negative."""
    sessions: dict[str, np.ndarray[Any, Any]]
    charge_efficiency: float
    position_kw: np.ndarray[Any, Any]
    """(time,)."""


class _Entities(mosaik_api_v3.Simulator):
    """A simulator with one mosaik entity a device."""

    model = "Device"
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def __init__(self, case: Case) -> None:
        attributes = [*self.inputs, *self.outputs]
        models = {self.model: {"public": True, "params": [], "attrs": attributes}}
        super().__init__({"api_version": "3.0", "type": "time-based", "models": models})  # type: ignore[typeddict-item]
        self.case = case
        self.values: dict[str, dict[str, float]] = {}
        self.ids: list[str] = []

    def init(self, sid: str, time_resolution: float = 1.0, **params: Any) -> Meta:
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        self.ids = [f"{self.model}_{i}" for i in range(num)]
        return [{"eid": eid, "type": model} for eid in self.ids]

    def get_data(self, outputs: OutputRequest) -> OutputData:
        return {eid: {a: self.values[eid][a] for a in attrs} for eid, attrs in outputs.items()}


class Houses(_Entities):
    """Household load, replayed."""

    model = "House"
    outputs = ("p_kw", "q_kvar")

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        row = time // self.case.step_s
        p_kw, q_kvar = self.case.load_kw[row], self.case.load_kvar[row]
        for i, eid in enumerate(self.ids):
            self.values[eid] = {"p_kw": float(p_kw[i]), "q_kvar": float(q_kvar[i])}
        return time + self.case.step_s


class Plants(_Entities):
    """PV plants, replayed."""

    model = "Plant"
    outputs = ("p_kw",)

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        for i, eid in enumerate(self.ids):
            self.values[eid] = {"p_kw": float(self.case.pv_kw[time // self.case.step_s, i])}
        return time + self.case.step_s


class Vehicles(_Entities):
    """Electric vehicles, one object's worth of numbers each."""

    model = "Vehicle"
    inputs = ("setpoint_kw",)
    outputs = ("p_kw", "soc", "missing_kwh", "plugged_in")

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        created = super().create(num, model, **params)
        sessions = self.case.sessions
        self.sessions: list[list[int]] = [[] for _ in range(num)]
        for row, point in enumerate(sessions["charging_point"]):
            self.sessions[int(point)].append(row)
        self.soc = [0.0] * num
        self.row = [-1] * num
        for i in range(num):
            self._plug(i, 0)
        return created

    def _plug(self, i: int, time: int) -> None:
        sessions = self.case.sessions
        for row in self.sessions[i]:
            if sessions["arrival_s"][row] <= time < sessions["departure_s"][row]:
                if self.row[i] != row:
                    self.row[i] = row
                    self.soc[i] = float(sessions["arrival_state_of_charge"][row])
                return
        self.row[i] = -1

    def initial(self, i: int) -> float:
        """Energy missing before the first step."""
        return self._missing_kwh(i)

    def _missing_kwh(self, i: int) -> float:
        row = self.row[i]
        if row < 0:
            return 0.0
        sessions = self.case.sessions
        gap = float(sessions["required_state_of_charge"][row]) - self.soc[i]
        stored_kwh = max(gap, 0.0) * float(sessions["energy_capacity_kwh"][row])
        return stored_kwh / self.case.charge_efficiency

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        sessions = self.case.sessions
        for i, eid in enumerate(self.ids):
            row, p_kw = self.row[i], 0.0
            if row >= 0:
                (asked,) = inputs[eid]["setpoint_kw"].values()
                p_kw = min(max(asked, 0.0), float(sessions["rated_power_kw"][row]))
                capacity = float(sessions["energy_capacity_kwh"][row])
                stored_kwh = p_kw * self.case.charge_efficiency * self.case.step_s / 3600
                self.soc[i] += stored_kwh / capacity
            self.values[eid] = {
                "p_kw": p_kw,
                "soc": self.soc[i],
                "plugged_in": float(row >= 0),
            }
            self._plug(i, time + self.case.step_s)  # chargers are told who comes next
            self.values[eid]["missing_kwh"] = self._missing_kwh(i)
        return time + self.case.step_s


class Chargers(_Entities):
    """Uncoordinated charging: one controller entity a vehicle."""

    model = "Charger"
    inputs = ("missing_kwh",)
    outputs = ("setpoint_kw",)

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        for eid in self.ids:
            (missing_kwh,) = inputs[eid]["missing_kwh"].values()
            self.values[eid] = {"setpoint_kw": min(7.0, missing_kwh * 3600 / self.case.step_s)}
        return time + self.case.step_s


class Market(_Entities):
    """Adds up the portfolio and compares it with its position."""

    model = "Market"
    inputs = ("p_kw",)
    outputs = ("imbalance_kwh",)
    imbalance_kwh = 0.0

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        if time % 900 == 0:
            self.imbalance_kwh = 0.0
        allocated_kw = sum(inputs[self.ids[0]]["p_kw"].values())
        self.imbalance_kwh += (
            (allocated_kw - float(self.case.position_kw[time // self.case.step_s]))
            * self.case.step_s
            / 3600
        )
        self.values[self.ids[0]] = {"imbalance_kwh": self.imbalance_kwh}
        return time + self.case.step_s


class PandapowerGrid(_Entities):
    """The grid in the manner of mosaik-pandapower: one entity a load, bus and line."""

    def __init__(self, case: Case) -> None:
        phases = [""] if case.balanced else ["_a", "_b", "_c"]
        self.bus_attributes = [f"vm_pu{phase}" for phase in phases]
        self.line_attributes = [f"i_a{phase}" for phase in phases]
        super().__init__(case)
        self.meta["models"] = {
            "Grid": {"public": True, "params": [], "attrs": []},
            "Load": {"public": False, "params": [], "attrs": ["p_kw", "q_kvar"]},
            "Bus": {"public": False, "params": [], "attrs": self.bus_attributes},
            "Line": {"public": False, "params": [], "attrs": self.line_attributes},
        }
        self.net, self.table = _net(case)

    def create(self, num: int, model: str, **params: Any) -> list[Any]:
        network = self.case.network
        children = [{"eid": f"load_{i}", "type": "Load"} for i in range(len(self.net[self.table]))]
        children += [{"eid": f"bus_{i}", "type": "Bus"} for i in range(len(network.bus_names))]
        children += [{"eid": f"line_{i}", "type": "Line"} for i in range(len(network.line_names))]
        return [{"eid": "grid", "type": "Grid", "children": children}]

    def step(self, time: int, inputs: InputData, max_advance: int) -> int:
        loads = self.net[self.table]
        for eid, attributes in inputs.items():
            i = int(eid.removeprefix("load_"))
            p_mw = sum(attributes["p_kw"].values()) * 1e-3
            q_mvar = sum(attributes["q_kvar"].values()) * 1e-3
            phase = "" if self.case.balanced else f"_{self.case.network.connection_points.phase[i]}"
            loads.at[i, f"p{phase}_mw"] = p_mw
            loads.at[i, f"q{phase}_mvar"] = q_mvar
        _solve(self.net, balanced=self.case.balanced)
        buses, lines = _results(self.net, self.case)
        for i, row in enumerate(buses):
            self.values[f"bus_{i}"] = dict(zip(self.bus_attributes, row, strict=True))
        for i, row in enumerate(lines):
            self.values[f"line_{i}"] = dict(zip(self.line_attributes, row, strict=True))
        return time + self.case.step_s


def _net(case: Case) -> tuple[Any, str]:
    """Return the net with one load a house, and the table that holds them.

    The same net that gridloom's pandapower engine solves: what is compared is the stack around it.
    """
    network = case.network
    net = deepcopy(network.net)
    for table in ("load", "asymmetric_load"):
        net[table] = net[table].iloc[:0]
    add_source_impedances(net)
    if not case.balanced:
        prepare_zero_sequence(net)
    add_loads(net, network, unbalanced=not case.balanced)
    return net, "load" if case.balanced else "asymmetric_load"


def _solve(net: Any, *, balanced: bool) -> None:
    import pandapower

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if balanced:
            pandapower.runpp(net)
        else:
            pandapower.runpp_3ph(net)


def _results(net: Any, case: Case) -> tuple[list[list[float]], list[list[float]]]:
    """Return voltages in pu and currents in A of the network's own buses and lines."""
    if case.balanced:
        buses, lines = net.res_bus[["vm_pu"]], net.res_line[["i_ka"]]
    else:
        buses = net.res_bus_3ph[["vm_a_pu", "vm_b_pu", "vm_c_pu"]]
        lines = net.res_line_3ph[["i_a_ka", "i_b_ka", "i_c_ka"]]
    n_bus, n_line = len(case.network.bus_names), len(case.network.line_names)
    return buses.to_numpy()[:n_bus].tolist(), (lines.to_numpy()[:n_line] * 1e3).tolist()


@dataclass(frozen=True, kw_only=True)
class StockRun:
    """What a run of the stock stack took, and what it found at its last step."""

    wall_s: float
    cpu_s: float
    bus_voltage_pu: np.ndarray[Any, Any]
    line_current_a: np.ndarray[Any, Any]


def run_stock(case: Case, steps: int, file: Path) -> StockRun:
    """Run the stock stack for some steps and record everything with mosaik-hdf5."""
    import mosaik
    from mosaik.starters import PythonStarter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mosaik-hdf5 imports the superseded mosaik-api
        from mosaik_hdf5 import MosaikHdf5

        grid = PandapowerGrid(case)
        world = mosaik.World({}, skip_greetings=True, configure_logging=False)

        def start(name: str, make: Any, **params: Any) -> Any:
            return world.start(PythonStarter(make), sim_id=name, **params)

        n = case.load_kw.shape[1]
        vehicles = Vehicles(case)
        houses = start("houses", lambda: Houses(case)).House.create(n)
        plants = start("plants", lambda: Plants(case)).Plant.create(n)
        cars = start("cars", lambda: vehicles).Vehicle.create(n)
        chargers = start("chargers", lambda: Chargers(case)).Charger.create(n)
        market = start("market", lambda: Market(case)).Market()
        net = start("grid", lambda: grid).Grid()
        recorder = start(
            "db", MosaikHdf5, step_size=case.step_s, duration=steps * case.step_s
        ).Database(filename=str(file))
        loads = [e for e in net.children if e.type == "Load"]
        for i in range(n):
            world.connect(chargers[i], cars[i], "setpoint_kw")
            world.connect(
                cars[i],
                chargers[i],
                "missing_kwh",
                time_shifted=True,
                initial_data={"missing_kwh": vehicles.initial(i)},
            )
            world.connect(houses[i], loads[i], "p_kw", "q_kvar")
            for device in (plants[i], cars[i]):
                world.connect(device, loads[i], "p_kw")
            for device in (houses[i], plants[i], cars[i]):
                world.connect(device, market, "p_kw")
            world.connect(houses[i], recorder, "p_kw", "q_kvar")
            world.connect(plants[i], recorder, "p_kw")
            world.connect(cars[i], recorder, "p_kw", "soc", "plugged_in")
        world.connect(market, recorder, "imbalance_kwh")
        for entity in net.children:
            if entity.type == "Bus":
                world.connect(entity, recorder, *grid.bus_attributes)
            elif entity.type == "Line":
                world.connect(entity, recorder, *grid.line_attributes)
        wall, cpu = perf_counter(), process_time()
        world.run(until=steps * case.step_s, print_progress=False)
        wall, cpu = perf_counter() - wall, process_time() - cpu
    buses, lines = _results(grid.net, case)
    return StockRun(
        wall_s=wall,
        cpu_s=cpu,
        bus_voltage_pu=np.array(buses),
        line_current_a=np.array(lines),
    )
