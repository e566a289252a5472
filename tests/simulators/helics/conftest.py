"""Federations for tests: real brokers on loopback, and federates written with plain HELICS."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridloom.simulators.helics.config import HelicsConfig
from gridloom.simulators.helics.simulator import HelicsFederation
from gridloom.simulators.model import BuildContext

PEER = """
import math, os, signal, sys, time
import helics as h

name, period, until = sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
info = h.helicsCreateFederateInfo()
h.helicsFederateInfoSetCoreTypeFromString(info, sys.argv[5] if len(sys.argv) > 5 else "zmq")
h.helicsFederateInfoSetCoreInitString(info, f"--federates=1 --broker={sys.argv[1]}")
h.helicsFederateInfoSetFlagOption(info, h.HELICS_FLAG_UNINTERRUPTIBLE, True)
federate = h.helicsCreateValueFederate(name, info)


def publication(key, kind=h.HELICS_DATA_TYPE_DOUBLE, units=""):
    return h.helicsFederateRegisterGlobalPublication(federate, key, kind, units)


def subscription(key):
    return h.helicsFederateRegisterSubscription(federate, key, "")


publish, get = h.helicsPublicationPublishDouble, h.helicsInputGetDouble


def times():
    '''Every period from 0 on, as granted; then the end.'''
    k = 0
    while k * period < until:
        if k:
            assert h.helicsFederateRequestTime(federate, k * period) == k * period
        yield k * period
        k += 1
    h.helicsFederateRequestTime(federate, until)
    h.helicsFederateDisconnect(federate)


def initialise():
    h.helicsFederateEnterInitializingMode(federate)


def begin():
    h.helicsFederateEnterExecutingMode(federate)


"""
"""What all federates of the tests begin with: BROKER NAME PERIOD UNTIL [CORE_TYPE]."""

Federate = Callable[..., str]


@pytest.fixture
def federate(tmp_path: Path) -> Federate:
    """Write a federate's program; return the command that starts it."""

    def write(body: str, *, name: str = "peer", period: float = 1, core_type: str = "zmq") -> str:
        (tmp_path / f"{name}.py").write_text(PEER + body, encoding="utf-8")
        return f"{{python}} {name}.py {{broker}} {name} {period} {{duration_s}} {core_type}"

    return write


@pytest.fixture
def federation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., HelicsFederation]]:
    """Build federations that are closed after the test, in an empty working directory."""
    pytest.importorskip("helics")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    built: list[HelicsFederation] = []

    def build(*commands: str, points: tuple[str, ...] = (), duration_s: int = 4, **keys: Any):  # type: ignore[no-untyped-def] # noqa: ANN202
        config = HelicsConfig.model_validate(
            {
                "type": "helics",
                "commands": list(commands),
                "start_timeout": "20s",
                "step_timeout": "20s",
                "stop_timeout": "5s",
                **({"at": list(points)} if points else {}),
                **keys,
            }
        )
        context = BuildContext(
            name="fleet",
            start=datetime(2021, 6, 21, tzinfo=UTC),
            duration_s=duration_s,
            seed=1,
            folders=(tmp_path,),
            connection_points=points or None,
        )
        built.append(HelicsFederation(config, context))
        return built[-1]

    yield build
    for each in built:
        each.close()
    assert list(elsewhere.iterdir()) == []  # HELICS leaves no files behind
