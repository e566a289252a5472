"""A program that answers requests does what the same agent in Python does, to the last bit."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError, SimulatorError

LOSSY = {"loss": 0.2, "drop_out": 0.2, "latency_s": 0.3}
HERE = {"python": "heater:Heater"}
APART = {"python": "heater:Heater", "placement": "process"}


def both(street: Any, west: dict[str, Any], east: dict[str, Any], **line: Any) -> dict[str, Any]:
    """Return the scenario with both agents as programs."""
    scenario: dict[str, Any] = street.scenario()
    scenario["controllers"] |= {
        "west": street.program("west", **west),
        "east": street.program("east", **east),
    }
    scenario["controllers"]["line"] |= line
    return scenario


def in_python(street: Any, **line: Any) -> dict[str, Any]:
    scenario: dict[str, Any] = street.scenario()
    scenario["controllers"]["line"] |= line
    return scenario


def require_same_as_in_python(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Fail unless a run with programs holds the same bytes as one with agents in Python."""
    assert {"west_heaters/power_kw", "line/negotiation_rounds", "line/messages"} <= ours.keys()
    assert theirs["west_heaters/power_kw"].std() > 0.01  # so that equality says something
    for name, values in ours.items():
        assert values.tobytes() == theirs[name].tobytes(), name


@pytest.mark.parametrize(
    ("west", "east", "line", "fuse"),
    [
        (HERE, {}, {}, False),
        (HERE, APART, {"placement": "process"}, True),
        pytest.param({}, APART, {"placement": "process"}, False, marks=pytest.mark.slow),
        pytest.param(HERE, HERE, {}, True, marks=pytest.mark.slow),
    ],
)
def test_it_answers_as_the_same_agent_in_python(
    street: Any, west: dict[str, Any], east: dict[str, Any], line: dict[str, Any], fuse: bool
) -> None:
    theirs = street.run(in_python(street))
    assert theirs["line/negotiation_rounds"].min() == 30  # of a bisection from 1000 to 1e-6
    ours = street.run(both(street, west, east, **line) | {"fuse": fuse})
    require_same_as_in_python(ours, theirs)


@pytest.mark.parametrize("kind", ["hybrid", "event-based"])
def test_whatever_its_type(street: Any, kind: str) -> None:
    programs = both(street, HERE, {"environment": {"TYPE": kind}})
    require_same_as_in_python(street.run(programs), street.run(in_python(street)))


def test_what_a_hybrid_one_leaves_out_holds(street: Any) -> None:
    """It answers the first price alone, 500 EUR/MWh: (0.7 - 0.5) / 0.05 kW."""
    silent = {"fault": "if told['round']: self.offered = None"}
    keys = {"environment": {"TYPE": "hybrid"}, "parameters": silent}
    found = street.run(both(street, HERE, keys) | {"duration": "1min"})
    assert found["east_heaters/power_kw"][0, 0] == pytest.approx(4.0)


def test_what_holds_does_so_for_one_negotiation(street: Any) -> None:
    silent = {"fault": "if time: self.offered = None"}
    keys = {"environment": {"TYPE": "hybrid"}, "parameters": silent}
    with pytest.raises(SimulatorError, match=r"time 60 s: in round 0 .* left out 'offer_power_kw'"):
        street.run(both(street, HERE, keys))


@pytest.mark.parametrize("seed", [1, 2])
def test_requests_and_orders_that_do_not_arrive(street: Any, seed: int) -> None:
    """Who misses the first request is told what it observes with the first that comes."""
    drawn = {"seed": seed}
    once = {"channel": LOSSY, "patience": None}  # nothing is repeated
    theirs = street.run(in_python(street, **once) | drawn)
    ours = street.run(both(street, HERE, {}, **once) | drawn)
    require_same_as_in_python(ours, theirs)
    perfect = street.run(in_python(street) | drawn)
    assert not np.allclose(theirs["east_heaters/power_kw"], perfect["east_heaters/power_kw"])


@pytest.fixture
def listening(street: Any) -> Iterator[str]:
    """Start the program beforehand; give the address at which it listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with subprocess.Popen(
        [sys.executable, "heater.py", address, "--remote"], cwd=street.folder
    ) as program:
        yield address
        try:
            program.wait(10)  # the run has told it to stop
        finally:
            program.kill()


def test_one_that_was_started_beforehand(street: Any, listening: str) -> None:
    ours = street.run(both(street, HERE, {"connect": listening}))
    require_same_as_in_python(ours, street.run(in_python(street)))


def test_what_it_is_told(street: Any) -> None:
    """Nothing but what it receives and knows, and of requests what its META names."""
    log = street.folder / "told.jsonl"
    source = (street.folder / "heater.py").read_text()
    begin = '        if "P" in told:'
    noting = (
        f"        import json\n        with open({str(log)!r}, 'a') as log:\n"
        "            log.write(json.dumps([time, max_advance, told]) + chr(10))\n"
    )
    (street.folder / "noting.py").write_text(source.replace(begin, noting + begin))
    noted = {"python": "noting:Heater", "schedule_kw": [float(n) for n in range(10)]}
    scenario = both(street, HERE, noted, width_eur_per_mwh=300)
    street.run(scenario)
    sys.modules.pop("noting")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    buying = "request_buying_price_eur_per_mwh"
    # A bisection of 1000 to 300 takes two rounds; then comes the order, 60 s before the next.
    assert [(at, until) for at, until, _ in calls] == [
        (at, until) for at in range(0, 600, 60) for until in (at, at, at + 59 if at < 540 else 600)
    ]
    first, second, order = (told for _, _, told in calls[24:27])  # of 480 s
    assert first.keys() == {"P", "round", "scheduled_power_kw", buying}
    assert second.keys() == {"round", buying}
    assert order.keys() == {"P", "order_power_kw"}
    assert (first["round"], second["round"]) == (0, 1)
    assert first[buying] == [500.0] * 4
    assert first["scheduled_power_kw"] == [8.0, 9.0, 0.0, 0.0]  # nothing after the end
    assert order["P"] == first["P"]
    assert len(order["order_power_kw"]) == 4


def test_without_a_coordinator_it_follows_its_schedule(street: Any) -> None:
    scenario = both(street, HERE, {"schedule_kw": [float(n) for n in range(10)]})
    for name in ("line", "expects"):
        del scenario["controllers"][name]
    found = street.run(scenario)
    assert found["east_heaters/power_kw"][:, 0].tolist() == [float(n) for n in range(10)]
    assert found["west_heaters/power_kw"].sum(1).tolist() == [2.0] * 10


def test_by_default_it_schedules_what_its_devices_expect(street: Any) -> None:
    scenario = both(street, HERE, HERE)
    scenario["simulators"]["east_heaters"]["forecast_kw"] = [1.0, 3.0]
    del scenario["controllers"]["east"]["schedule_kw"]
    found = street.run(scenario)
    assert found["east/scheduled_power_kw"][:, 0].tolist() == [1.0, 3.0] * 5


IN_ROUND = (
    "simulator 'east'{entity} failed at simulation time 120 s: in round 3 of the negotiation, "
    "asked for 4 values of 'offer_power_kw': "
)
OFFERED = " (heater)"


@pytest.mark.parametrize("way", [HERE, {}], ids=["here", "program"])
@pytest.mark.parametrize(
    ("fault", "entity", "cause"),
    [
        (
            "self.offered.pop()",
            OFFERED,
            "'offer_power_kw' has 3 values, expected 4, one an interval",
        ),
        ("self.offered = 1.5", OFFERED, "'offer_power_kw' is 1.5, expected a list of numbers"),
        (
            "self.offered[1] = float('nan')",
            OFFERED,
            "'offer_power_kw[1]', which is offer_power_kw, is not finite",
        ),
        (
            "self.offered[1] = '2 kW'",
            OFFERED,
            "'offer_power_kw[1]' is '2 kW', a str, expected a number",
        ),
        (
            "self.offered = None",
            OFFERED,
            "get_data left out 'offer_power_kw', which is offer_power_kw",
        ),
        ("raise RuntimeError('no idea')", "", "RuntimeError: no idea"),
        ("sys.exit(3)", "", "SystemExit: 3"),
        ("clock.sleep(100)", "", ""),
    ],
)
def test_faults_name_the_round(
    street: Any, way: dict[str, Any], fault: str, entity: str, cause: str
) -> None:
    if "sleep" in fault:
        hanging = "it hangs: its step takes longer than 1 s"
        cause = hanging if way else "it did not answer 'step' within 1 s and was killed"
    if "exit" in fault and not way:
        cause = ""  # how a program ends that calls sys.exit is its API's affair
    parameters = {"fault": f"if time == 120 and told['round'] == 3: {fault}"}
    programs = both(street, HERE, {"parameters": parameters, "step_timeout": "1s", **way})
    begin = time.monotonic()
    with pytest.raises(SimulatorError) as raised:
        street.run(programs)
    expected = IN_ROUND.format(entity=entity) + cause
    assert str(raised.value).lower().startswith(expected.lower()), raised.value
    assert raised.value.time == 120
    assert time.monotonic() - begin < 30


def test_a_next_step_between_two_of_its_own_is_refused_after_the_order(street: Any) -> None:
    source = (street.folder / "heater.py").read_text()
    (street.folder / "early.py").write_text(source.replace("return time + 60", "return time + 45"))
    early = {"python": "early:Heater"}
    with pytest.raises(SimulatorError, match="it wants its next step at 45 s, its model steps"):
        street.run(both(street, HERE, early))
    sys.modules.pop("early")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("fault", ["os._exit(7)", "clock.sleep(100)"])
def test_nothing_is_left_of_a_program_that_fails_in_a_round(street: Any, fault: str) -> None:
    noted = "open(f'pid.{os.getpid()}', 'w').close()"
    parameters = {"fault": f"{noted}\nif told['round'] == 1: {fault}"}
    faulty = {"parameters": parameters, "step_timeout": "1s", "stop_timeout": "1s"}
    healthy = {"parameters": {"fault": noted}}
    with pytest.raises(SimulatorError) as raised:
        street.run(both(street, healthy, faulty))
    assert str(raised.value).startswith(
        "simulator 'east' failed at simulation time 0 s: in round 1 of the negotiation, "
        "asked for 4 values of 'offer_power_kw': "
    )
    started = [path.suffix[1:] for path in street.folder.glob("pid.*")]
    assert len(started) == 2
    assert not any(Path("/proc", pid).exists() for pid in started)


@pytest.mark.parametrize(
    ("changed", "key", "message"),
    [
        (
            {"receives": {"stored_energy_kwh": "stored"}},
            "controllers.east.receives.stored_energy_kwh",
            "belongs to 'sessions_plugged_in', which it may not know",
        ),
        (
            {"receives": {"power_kw": "round"}},
            "controllers.east.receives.power_kw",
            "'round' is what a negotiation is told by",
        ),
        ({"schedule_kw": None}, "controllers.east.schedule_kw", "makes no forecast to schedule by"),
        ({"schedule_kw": [1, 2]}, "controllers.east.schedule_kw", "2 values for 10 intervals of"),
        ({"step_size": "2min"}, "controllers.east.step_size", "'line' negotiates every 1min"),
        ({"coordinator": "lime"}, "controllers.east.coordinator", "there is no coordinator 'lime'"),
        (
            {"create": {"model": "Mute"}, **HERE},
            "controllers.east.create.model",
            "the model 'Mute' has no attribute 'offer_power_kw'",
        ),
        (
            {"create": {"model": "Several"}, **HERE},
            "controllers.east.create.number",
            "'P' is one attribute of one entity, and there are 2",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    street: Any, changed: dict[str, Any], key: str, message: str
) -> None:
    path = street.folder / "heater.py"
    models = """
class Heater(Heater):
    def __init__(self):
        super().__init__()
        known = self.meta["models"]["Heater"] | {"params": []}
        self.meta["models"] |= {
            "Mute": known | {"attrs": ["P", "P_set", "order_power_kw"]}, "Several": known}

    def create(self, number, model, a=0, b=0):
        return [{"eid": f"heater{i}", "type": model} for i in range(2 if model == "Several" else 1)]

if __name__ =="""
    path.write_text(path.read_text().replace("if __name__ ==", models))
    east = street.program("east", **HERE) | changed
    scenario = street.scenario()
    scenario["controllers"]["east"] = {k: v for k, v in east.items() if v is not None}
    with pytest.raises(ScenarioError, match=message) as refused:
        street.run(scenario)
    assert key in str(refused.value)
