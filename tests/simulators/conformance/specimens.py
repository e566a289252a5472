# mypy: disable-error-code="explicit-override,no-untyped-call,override"
"""Simulators of the mosaik API to be checked: a good one, and one that is wrong for each check.

`Boiler` is right in every respect. `WRONG` names, for every check, a simulator that differs from it
in nothing but what that check looks for.
"""

import asyncio
import math
import random
import sys
import time as wall
from typing import Any, ClassVar

import mosaik_api_v3

META: dict[str, Any] = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        "Boiler": {
            "public": True,
            "params": ["capacity_kwh"],
            "attrs": ["P[kW]", "P_set[kW]", "stored[kWh]"],
        }
    },
}
STEP_S = 60


def meta(**changes: Any) -> dict[str, Any]:
    """Return the META of the boiler with changes to its model."""
    model = {**META["models"]["Boiler"], **changes}
    return {**META, "models": {"Boiler": model}}


class Boiler(mosaik_api_v3.Simulator):
    """Electric boilers that draw 2 kW, or the sum of their setpoints, until they are full."""

    META: ClassVar[dict[str, Any]] = META

    def __init__(self) -> None:
        super().__init__(self.META)
        self.boilers: dict[str, dict[str, float]] = {}

    def init(self, sid: str, time_resolution: float = 1.0, **parameters: Any) -> Any:
        return self.meta

    def create(self, num: int, model: str, **parameters: Any) -> Any:
        if model != "Boiler":
            raise ValueError(f"there is no model '{model}'")
        return self.created(num, **parameters)

    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        names = [f"boiler_{len(self.boilers) + i}" for i in range(num)]
        for name in names:
            self.boilers[name] = {"P[kW]": 0.0, "stored[kWh]": 0.0, "capacity": capacity_kwh}
        return [{"eid": name, "type": "Boiler", "rel": []} for name in names]

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        self.refuse_unknown(inputs)
        for name, boiler in self.boilers.items():
            wanted = sum(inputs.get(name, {}).get("P_set[kW]", {"": 2.0}).values())
            room_kw = (boiler["capacity"] - boiler["stored[kWh]"]) * 3600 / STEP_S
            boiler["P[kW]"] = min(max(wanted, 0.0), room_kw)
            boiler["stored[kWh]"] += boiler["P[kW]"] * STEP_S / 3600
        return time + STEP_S

    def refuse_unknown(self, inputs: Any) -> None:
        for name, attributes in inputs.items():
            if name not in self.boilers or set(attributes) - {"P_set[kW]"}:
                raise ValueError("unknown input")

    def get_data(self, outputs: Any) -> Any:
        return {
            name: {a: self.boilers[name][a] for a in wanted} for name, wanted in outputs.items()
        }


class InitRaises(Boiler):
    def init(self, sid: str, time_resolution: float = 1.0, **parameters: Any) -> Any:
        raise RuntimeError("no licence")


class NewerApi(Boiler):
    META: ClassVar[dict[str, Any]] = {**META, "api_version": "4.1"}


class UnknownType(Boiler):
    META: ClassVar[dict[str, Any]] = {**META, "type": "timebased"}


class AttributesAreNoList(Boiler):
    def __init__(self) -> None:
        super().__init__()
        tank: Any = {"public": False, "attrs": "level"}
        self.meta["models"] = {**META["models"], "Tank": tank}


class AttributeTwice(Boiler):
    META: ClassVar[dict[str, Any]] = meta(attrs=["P[kW]", "P_set[kW]", "stored[kWh]", "P[kW]"])


class TriggeredByTime(Boiler):
    META: ClassVar[dict[str, Any]] = meta(trigger=["P_set[kW]"])


class OneTooMany(Boiler):
    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        return super().created(num + (num > 1), capacity_kwh)


class SameIds(Boiler):
    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        self.boilers.clear()
        return super().created(num, capacity_kwh)


class UndeclaredType(Boiler):
    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        return [
            {**entity, "children": [{"eid": f"{entity['eid']}_tank", "type": "Tank"}]}
            for entity in super().created(num, capacity_kwh)
        ]


class RelatedToNobody(Boiler):
    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        return [{**entity, "rel": ["bus_7"]} for entity in super().created(num, capacity_kwh)]


class AnyModel(Boiler):
    def create(self, num: int, model: str, **parameters: Any) -> Any:
        return self.created(num, **parameters)


class AnyParameter(Boiler):
    def create(self, num: int, model: str, **parameters: Any) -> Any:
        return super().create(num, model)


class SetUpRaises(Boiler):
    def setup_done(self) -> None:
        raise RuntimeError("nothing is connected")


class NeedsInput(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        for name in self.boilers:
            inputs[name]["P_set[kW]"]
        return super().step(time, inputs, max_advance)


class FailsLater(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        if time >= 4 * STEP_S:
            raise RuntimeError("out of oil")
        return super().step(time, inputs, max_advance)


class StandsStill(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        super().step(time, inputs, max_advance)
        return time


class FractionOfASecond(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        return super().step(time, inputs, max_advance) + 0.5


class OldStep(Boiler):
    def step(self, time: int, inputs: Any) -> Any:
        return super().step(time, inputs, 0)


class AheadOfTime(Boiler):
    META: ClassVar[dict[str, Any]] = {**META, "type": "hybrid"}

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        self.horizon = time + 100 * STEP_S
        return super().step(time, inputs, max_advance)

    def get_data(self, outputs: Any) -> Any:
        return {**super().get_data(outputs), "time": self.horizon}


class LeavesOut(Boiler):
    def get_data(self, outputs: Any) -> Any:
        answer = super().get_data(outputs)
        return {name: {a: v for a, v in of.items() if a != "P[kW]"} for name, of in answer.items()}


class TellsAll(Boiler):
    def get_data(self, outputs: Any) -> Any:
        super().get_data(outputs)
        return {
            name: {"P[kW]": boiler["P[kW]"], "stored[kWh]": boiler["stored[kWh]"]}
            for name, boiler in self.boilers.items()
        }


class NumpyNumbers(Boiler):
    def get_data(self, outputs: Any) -> Any:
        import numpy as np

        answer = super().get_data(outputs)
        return {n: {a: np.float32(v) for a, v in of.items()} for n, of in answer.items()}


class Words(Boiler):
    def get_data(self, outputs: Any) -> Any:
        answer = super().get_data(outputs)
        return {n: {a: f"{v} kW" for a, v in of.items()} for n, of in answer.items()}


class NotANumber(Boiler):
    def get_data(self, outputs: Any) -> Any:
        answer = super().get_data(outputs)
        return {
            n: {a: v if v < 0.1 else math.nan for a, v in of.items()} for n, of in answer.items()
        }


class OneSourceOnly(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        for attributes in inputs.values():
            for sources in attributes.values():
                (_,) = sources
        return super().step(time, inputs, max_advance)


class Dice(Boiler):
    def get_data(self, outputs: Any) -> Any:
        answer = super().get_data(outputs)
        return {n: {a: v + random.random() for a, v in of.items()} for n, of in answer.items()}  # noqa: S311


class Deaf(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        self.refuse_unknown(inputs)
        return super().step(time, {}, max_advance)


class _Hangs(Boiler):
    """Hangs on an input of one kind."""

    def bad(self, inputs: Any) -> bool:
        raise NotImplementedError

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        if self.bad(inputs):
            wall.sleep(5)
        return super().step(time, inputs, max_advance)


class HangsOnEntity(_Hangs):
    def bad(self, inputs: Any) -> bool:
        return bool(set(inputs) - set(self.boilers))


class HangsOnAttribute(_Hangs):
    def bad(self, inputs: Any) -> bool:
        known = META["models"]["Boiler"]["attrs"]
        return any(set(attributes) - set(known) for attributes in inputs.values())


class HangsOnText(_Hangs):
    def bad(self, inputs: Any) -> bool:
        values = [v for of in inputs.values() for s in of.values() for v in s.values()]
        return any(isinstance(value, str) for value in values)


class HangsOnTwoSources(_Hangs):
    def bad(self, inputs: Any) -> bool:
        return any(len(sources) > 1 for of in inputs.values() for sources in of.values())


class CrashesOnText(HangsOnText):
    def bad(self, inputs: Any) -> bool:
        import os
        import signal

        if super().bad(inputs):
            os.kill(os.getpid(), signal.SIGKILL)
        return False


class Hangs(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        wall.sleep(5)


class Slow(Boiler):
    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        wall.sleep(0.12)
        return super().step(time, inputs, max_advance)


class NeverEnds(Boiler):
    def finalize(self) -> None:
        wall.sleep(20)


class EndsBadly(Boiler):
    def finalize(self) -> None:
        import os

        os._exit(7)


class LeavesAChild(Boiler):
    def finalize(self) -> None:
        import subprocess

        code = "import time; time.sleep(60)"
        subprocess.Popen([sys.executable, "-S", "-c", code])  # outlives us


class Wide(Boiler):
    """Two models in one, one of them below the other, many attributes, lists of numbers."""

    META: ClassVar[dict[str, Any]] = {
        "api_version": "3.0",
        "type": "hybrid",
        "models": {
            "Boiler": {"public": True, "params": [], "attrs": ["total"], "trigger": ["total"]},
            "Tank": {"public": False, "params": [], "attrs": ["levels"]},
        },
    }

    def created(self, num: int, capacity_kwh: float = 10.0) -> list[dict[str, Any]]:
        if num > 1 or self.boilers:
            raise ValueError("there is one boiler house")
        return [
            {
                **entity,
                "rel": ["tank_0"],
                "children": [{"eid": "tank_0", "type": "Tank", "rel": ["boiler_0"]}],
            }
            for entity in super().created(num)
        ]

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        return None

    def get_data(self, outputs: Any) -> Any:
        values = {"total": 3, "levels": [1.0, 2.0]}
        return {name: {a: values[a] for a in wanted} for name, wanted in outputs.items()}


class Pv(Boiler):
    """A PV plant, as mosaik-pv has it; power is positive."""

    META: ClassVar[dict[str, Any]] = {
        "api_version": "3.0",
        "type": "time-based",
        "models": {"PV": {"public": True, "params": [], "attrs": ["P[MW]", "DNI[W/m2]"]}},
    }
    DARK_MW = 0.0

    def create(self, num: int, model: str) -> Any:
        if model != "PV":
            raise ValueError(model)
        return [{**each, "type": "PV"} for each in self.created(num)]

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        for name, boiler in self.boilers.items():
            irradiance = sum(inputs.get(name, {}).get("DNI[W/m2]", {"": 0.0}).values())
            boiler["P[MW]"] = 6e-6 * irradiance + self.DARK_MW
        return time + 900

    def get_data(self, outputs: Any) -> Any:
        if any(set(wanted) != {"P[MW]"} for wanted in outputs.values()):
            raise ValueError("only P[MW] is an output")
        return super().get_data(outputs)


class MoonPv(Pv):
    DARK_MW = 1e-3


class Fleet(Boiler):
    """Charging points on the lists of one entity, as a vector simulator has them."""

    META: ClassVar[dict[str, Any]] = {
        "api_version": "3.0",
        "type": "time-based",
        "models": {
            "Fleet": {"public": True, "params": [], "attrs": ["P[kW]", "P_set[kW]", "soc", "vm_pu"]}
        },
    }
    CHARGE = 0.5

    def create(self, num: int, model: str) -> Any:
        if model != "Fleet" or num != 1 or self.boilers:
            raise ValueError("there is one fleet")
        self.boilers["fleet"] = {}
        return [{"eid": "fleet", "type": "Fleet"}]

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        wanted = inputs.get("fleet", {}).get("P_set[kW]", {"": [0.0, 0.0, 0.0]})
        (self.power,) = wanted.values()
        if len(self.power) != 3:
            raise ValueError("there are three charging points")
        return time + STEP_S

    def get_data(self, outputs: Any) -> Any:
        values = {"P[kW]": self.power, "soc": 3 * [self.CHARGE], "vm_pu": 3 * [0.98]}
        return {name: {a: values[a] for a in wanted} for name, wanted in outputs.items()}


class OverchargedFleet(Fleet):
    CHARGE = 50.0


WRONG: dict[str, type[Boiler]] = {
    "handshake.init": InitRaises,
    "meta.api_version": NewerApi,
    "meta.type": UnknownType,
    "meta.models": AttributesAreNoList,
    "meta.names": AttributeTwice,
    "meta.events": TriggeredByTime,
    "create.number": OneTooMany,
    "create.ids": SameIds,
    "create.types": UndeclaredType,
    "create.relations": RelatedToNobody,
    "create.unknown_model": AnyModel,
    "create.unknown_parameter": AnyParameter,
    "setup.done": SetUpRaises,
    "step.unconnected": NeedsInput,
    "step.answers": FailsLater,
    "step.next": StandsStill,
    "step.max_advance": AheadOfTime,
    "data.complete": LeavesOut,
    "data.only": TellsAll,
    "data.types": NumpyNumbers,
    "data.finite": NotANumber,
    "input.sources": HangsOnTwoSources,
    "repeat.same_data": Dice,
    "wrong.entity": HangsOnEntity,
    "wrong.attribute": HangsOnAttribute,
    "wrong.text": HangsOnText,
    "shutdown.ends": NeverEnds,
}
"""Wrong simulators that can be checked in this process, by the check that must fail."""
DOUBTFUL: dict[str, type[Boiler]] = {
    "input.effect": Deaf,
    "input.sources": OneSourceOnly,
    "speed.steps": Slow,
    "data.types": Words,
}
"""Simulators whose check ends with a warning."""


if __name__ == "__main__":
    host, _, port = sys.argv[2].rpartition(":")
    asyncio.run(mosaik_api_v3.run_as_client(globals()[sys.argv[1]](), host, int(port)))
