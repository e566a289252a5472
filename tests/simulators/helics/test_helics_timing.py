"""Which value of a federation is seen in which step: against exchanges known in closed form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridloom.simulators.helics.simulator import HelicsFederation

Build = Callable[..., HelicsFederation]
Write = Callable[..., str]

# Publishes 1000 times what it was last sent, plus its own time.
ECHO = """
answer, asked = publication("answer"), subscription("question")
initialise()
publish(answer, -7.0)
begin()
for t in times():
    publish(answer, 1000 * get(asked) + t)
"""
KEYS = {"sends": {"losses_kw": "answer"}, "receives": {"slack_power_kw": "question"}}


def run(model: HelicsFederation, until: int) -> list[float]:
    """Send 1, 2, 3, ... in the steps; return the answers."""
    answers = []
    for number, time in enumerate(range(0, until, model.step_size), start=1):
        sent = model.step(time, {"slack_power_kw": np.array(float(number))})
        answers.append(float(sent["losses_kw"]))
    return answers


@pytest.mark.parametrize("core_type", ["zmq", "zmq_ss", "tcp", "tcp_ss"])
def test_an_answer_comes_in_the_step_of_its_question(
    federation: Build, federate: Write, core_type: str
) -> None:
    """What is sent for the step at t is there for a federate at t; its answer counts for t."""
    model = federation(
        federate(ECHO, core_type=core_type), duration_s=4, core_type=core_type, **KEYS
    )
    assert model.initial_outputs()["losses_kw"] == -7.0  # published in initialising mode
    assert run(model, 4) == [1000.0, 2001.0, 3002.0, 4003.0]


def test_a_federate_that_waits_for_current_values_sees_the_same(
    federation: Build, federate: Write
) -> None:
    """HELICS' flag for federates that want to come last at each time changes nothing."""
    flag = (
        "h.helicsFederateSetFlagOption(federate,"
        " h.HELICS_FLAG_WAIT_FOR_CURRENT_TIME_UPDATE, True)\n"
    )
    model = federation(federate(flag + ECHO), **KEYS)
    assert run(model, 4) == [1000.0, 2001.0, 3002.0, 4003.0]


def test_of_a_finer_federate_the_last_value_in_the_step_counts(
    federation: Build, federate: Write
) -> None:
    """At 0.75, 1.75, ...: it has heard the question of the step, and not yet the next one."""
    model = federation(federate(ECHO, period=0.25), **KEYS)
    assert run(model, 4) == [1000.75, 2001.75, 3002.75, 4003.75]


def test_values_of_a_coarser_federate_hold(federation: Build, federate: Write) -> None:
    """It acts at 0, 3 and 6 and hears the first, fourth and seventh question."""
    model = federation(federate(ECHO, period=3), duration_s=8, **KEYS)
    assert run(model, 8) == [1000.0] * 3 + [4003.0] * 3 + [7006.0] * 2


def test_values_hold_in_a_step_of_any_length(federation: Build, federate: Write) -> None:
    """gridloom's step of 5 s, a federate's of 2 s: at 0, 5, 10 it acts last at 4, 8, 14."""
    model = federation(federate(ECHO, period=2), duration_s=15, step_size="5s", **KEYS)
    assert run(model, 15) == [1004.0, 2008.0, 3014.0]


def test_two_federates_with_one_another(federation: Build, federate: Write) -> None:
    """A chain: the second takes what the first published a second ago (HELICS' own rule)."""
    first = federate(
        "out, asked = publication('a'), subscription('question')\ninitialise()\npublish(out, 0.0)\n"
        "begin()\nfor t in times():\n    publish(out, get(asked))\n",
        name="first",
    )
    second = federate(
        "out, asked = publication('answer'), subscription('a')\ninitialise()\npublish(out, 0.0)\n"
        "begin()\nfor t in times():\n    publish(out, 10 * get(asked))\n",
        name="second",
    )
    model = federation(first, second, **KEYS)
    assert run(model, 4) == [0.0, 10.0, 20.0, 30.0]


def test_a_federate_that_only_listens(federation: Build, federate: Write, tmp_path: Path) -> None:
    """Nothing is sent back; the listener hears every value at its time."""
    body = (
        "asked = subscription('question')\ninitialise()\nbegin()\n"
        "heard = [get(asked) for t in times()]\nopen('heard.txt', 'w').write(repr(heard))\n"
    )
    model = federation(federate(body), receives=KEYS["receives"])
    for time in range(4):
        assert model.step(time, {"slack_power_kw": np.array(10.0 + time)}) == {}
    model.close()
    assert (tmp_path / "heard.txt").read_text() == "[10.0, 11.0, 12.0, 13.0]"


def test_units_signs_and_vectors(federation: Build, federate: Write) -> None:
    """400 W fed in is -0.4 kW; a vector has the order of `at`."""
    body = (
        "power = [publication(f'pv/{name}/P') for name in 'ab']\n"
        "soc = publication('soc', h.HELICS_DATA_TYPE_VECTOR)\n"
        "limit = subscription('limits')\n"
        "initialise()\nbegin()\n"
        "for t in times():\n"
        "    limits = h.helicsInputGetVector(limit)\n"
        "    for each, value in zip(power, limits): publish(each, value)\n"
        "    h.helicsPublicationPublishVector(soc, [25.0, math.nan])\n"
    )
    model = federation(
        federate(body),
        points=("a", "b"),
        sends={
            "power_kw": {"name": "pv/{element}/P", "unit": "W", "positive": "generation"},
            "state_of_charge": {"name": "soc", "unit": "percent"},
        },
        receives={"power_setpoint_kw": {"name": "limits", "unit": "MW"}},
    )
    assert model.initial_outputs() == {}  # it publishes nothing before time 0
    sent = model.step(0, {"power_setpoint_kw": np.array([400_000.0, 800_000.0])})
    np.testing.assert_allclose(sent["power_kw"], [-0.4, -0.8])  # 400 MW, echoed as 400 W
    np.testing.assert_array_equal(sent["state_of_charge"], [0.25, np.nan])


@pytest.mark.parametrize("core_type", ["zmq", "tcp"])
def test_federations_in_one_process_are_apart(
    federation: Build, federate: Write, core_type: str
) -> None:
    """HELICS keeps its cores by process; here two federations at a time, and one after them."""
    command = federate(ECHO, core_type=core_type)
    one = federation(command, core_type=core_type, duration_s=2, **KEYS)
    two = federation(command, core_type=core_type, duration_s=2, **KEYS)
    sent = [{"slack_power_kw": np.array(float(n))} for n in range(4)]
    answers = [
        float(model.step(time, sent[n])["losses_kw"])
        for time, n, model in ((0, 0, one), (0, 1, two), (1, 2, one), (1, 3, two))
    ]
    assert answers == [0.0, 1000.0, 2001.0, 3001.0]
    one.close()
    two.close()
    assert run(federation(command, core_type=core_type, duration_s=2, **KEYS), 2) == [
        1000.0,
        2001.0,
    ]


@pytest.mark.parametrize("core_type", ["zmq", "tcp"])
def test_many_elements(federation: Build, federate: Write, core_type: str) -> None:
    """Answers that list 200 publications are longer than what HELICS' tcp allows for by default."""
    body = (
        "ins = [subscription(f'ev/e{i}/set') for i in range(100)]\n"
        "outs = [publication(f'ev/e{i}/P') for i in range(100)]\n"
        "initialise()\nbegin()\n"
        "for t in times():\n"
        "    for each, out in zip(ins, outs): publish(out, 2 * get(each))\n"
    )
    model = federation(
        federate(body, core_type=core_type),
        core_type=core_type,
        points=tuple(f"e{i}" for i in range(100)),
        sends={"power_kw": "ev/{element}/P"},
        receives={"power_setpoint_kw": "ev/{element}/set"},
    )
    asked_kw = np.arange(100.0)
    for time in range(4):
        sent = model.step(time, {"power_setpoint_kw": asked_kw + time})
        np.testing.assert_array_equal(sent["power_kw"], 2 * (asked_kw + time))
