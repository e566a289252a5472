"""What a scenario may say of a federation, and what is refused before anything starts."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.helics.config import BrokerAddress, HelicsConfig
from gridloom.simulators.helics.library import load_helics
from gridloom.simulators.helics.simulator import HelicsFederation
from gridloom.simulators.model import BuildContext, Direction

SENDS = {"sends": {"power_kw": {"name": "ev/{element}/P", "unit": "W"}}}


def config_of(**keys: Any) -> HelicsConfig:
    return HelicsConfig.model_validate({"type": "helics", **keys})


def build(**keys: Any) -> HelicsFederation:
    context = BuildContext(
        name="fleet",
        start=datetime(2021, 6, 21, tzinfo=UTC),
        duration_s=60,
        seed=1,
        connection_points=("a", "b"),
    )
    return HelicsFederation(config_of(**keys), context)


def test_defaults() -> None:
    config = config_of(commands=["one {broker}", ["two", "{broker}"]], **SENDS)
    assert (config.broker, config.core_type, config.federate_name) == ("start", "zmq", "gridloom")
    assert config.other_federates == 2


def test_a_broker_of_ones_own() -> None:
    config = config_of(broker={"address": "tcp://10.0.0.7:23404"}, federates=3, **SENDS)
    assert config.broker == BrokerAddress(address="tcp://10.0.0.7:23404")
    assert config.other_federates == 3


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"federates": 1}, "nothing is exchanged"),
        (SENDS, "say how many 'federates' take part"),
        ({"commands": ["a", "b"], "federates": 1, **SENDS}, "2 commands start more than 1"),
        ({"broker": "stop", "federates": 1, **SENDS}, "expected start, or {address"),
        ({"broker": {"address": "127.0.0.1:1"}, "federates": 1, **SENDS}, "a broker's address"),
        ({"broker": {"address": "tcp://a"}, "federates": 1, **SENDS}, "a broker's address"),
        ({"core_type": "mpi", "federates": 1, **SENDS}, "'zmq'"),
        ({"federates": -1, **SENDS}, "greater than or equal to 0"),
    ],
)
def test_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        config_of(**keys)


def test_ports_follow_the_file() -> None:
    pytest.importorskip("helics")
    model = build(
        at="all", kind="heat_pump", federates=1, receives={"voltage_pu": "u/{element}"}, **SENDS
    )
    voltage, power = model.ports
    assert (voltage.name, voltage.direction) == ("voltage_pu", Direction.INPUT)
    assert (power.name, power.direction, power.shape) == ("power_kw", Direction.OUTPUT, (2,))
    assert power.elements is not None
    assert power.elements.kind == "heat_pump"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (SENDS, "'ev/{element}/P' speaks of elements, and there are none"),
        ({"sends": {"power_kw": {"name": "P", "of": "bus"}}}, "'of' means nothing"),
        ({"sends": {"power_kw": "P", "losses_kw": "P"}}, "'P' is named twice"),
        ({"sends": {"powre_kw": "P"}}, "did you mean 'power_kw'?"),
        ({"receives": {"power_kw": {"name": "P", "unit": "V"}}}, "'V' is a unit of voltage"),
    ],
)
def test_refused_by_the_model(keys: dict[str, Any], told: str) -> None:
    pytest.importorskip("helics")
    with pytest.raises(ScenarioError) as caught:
        build(federates=1, **keys)
    assert told in str(caught.value)
    assert caught.value.problems[0].key[0] in {"sends", "receives"}


def test_helics_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "helics", None)  # what Python itself does with absent ones
    with pytest.raises(ScenarioError) as caught:
        load_helics()
    assert 'pip install "gridloom[helics]"' in str(caught.value)


def test_there_is_no_broker_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("helics")
    monkeypatch.setattr("shutil.which", lambda *given, **keys: None)
    with pytest.raises(ScenarioError) as caught:
        build(at="all", federates=1, **SENDS)
    assert caught.value.problems[0].key == ("broker",)
    build(at="all", federates=1, broker={"address": "tcp://127.0.0.1:23404"}, **SENDS)


def test_nothing_starts_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gridloom validate --build` and `describe` build models, and must start nobody's programs."""
    pytest.importorskip("helics")
    started: list[object] = []
    record: Callable[..., None] = lambda *given, **keys: started.append(given)  # noqa: E731
    monkeypatch.setattr("subprocess.Popen.__init__", record)
    model = build(at="all", commands=["one {broker}"], **SENDS)
    assert model.ports
    model.close()
    assert started == []
