"""Which schemes can serve a scenario: what is claimed can be composed and run, reasons are true.

What is expected follows from what the shipped scenarios are made of: vehicles, a market, loads and
PV in all three; wind, a generator, storage and flexible loads in `mcu-2020` only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridloom.controllers.negotiation.agent import Agent
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.recorded_run import record_run
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.suitability import Suitability, suitabilities
from gridloom.scenarios.tracing import Tracing
from gridloom.scenarios.types import find_type, known_types
from gridloom.simulators.errors import ScenarioError

Command = Callable[..., tuple[int, str, str]]

VARIANTS = {"quickstart": None, "ademis-2021": "basic", "mcu-2020": "bisection"}
STEERS = {
    "quickstart": ("ev",),
    "ademis-2021": ("ev",),
    "mcu-2020": ("dg", "ess", "flexible", "ev"),
}
"""Simulators whose devices do nothing without setpoints."""
AGENTS = {
    "dg": "generator_agent",
    "ess": "storage_agent",
    "flexible": "flexible_load_agent",
    "ev": "ev_agent",
}
NEEDS_KEYS = "needs the keys create, information"
NO_HEAT_PUMP = "needs a simulator that tells indoor_temperature_c, mass_temperature_c"
NO_FLEXIBLE_LOAD = "needs a simulator that tells energy_shifted_kwh, baseline_power_kw"
HOUSEHOLDS = {
    "amas": ("ev",),
    "basic": ("ev",),
    "ev_agent": ("ev",),
    "external": NEEDS_KEYS,
    "external_agent": NEEDS_KEYS,
    "flexible_load_agent": NO_FLEXIBLE_LOAD,
    "generator_agent": "needs a simulator of type generator",
    "inflexible_agent": ("load", "pv"),
    "mcu": ("market",),
    "milp": ("ev",),
    "storage_agent": "needs a simulator of type storage",
}
MICROGRID = {
    "amas": ("ess", "ev"),
    "basic": ("ess", "ev"),
    "ev_agent": ("ev",),
    "external": NEEDS_KEYS,
    "external_agent": NEEDS_KEYS,
    "flexible_load_agent": ("flexible",),
    "generator_agent": ("dg",),
    "inflexible_agent": ("load", "wind", "pv"),
    "mcu": ("market",),
    "milp": "ev: intervals of 1min cut the steps of 'load', 1h, in two; "
    "interval should be a multiple of 1h",
    "storage_agent": ("ess",),
}
EXPECTED = {"quickstart": HOUSEHOLDS, "ademis-2021": HOUSEHOLDS, "mcu-2020": MICROGRID}
"""By scenario and scheme, the simulators that it serves, or why it serves none."""


def composed(name: str, *overrides: str) -> Composition:
    document = read_scenario(name, overrides)
    return compose(document, document.scenario(VARIANTS[name]))


def by_scheme(composition: Composition) -> dict[str, Suitability]:
    return {each.scheme: each for each in suitabilities(composition)}


@pytest.mark.parametrize("name", VARIANTS)
def test_schemes_serve_what_they_are_made_for(name: str) -> None:
    composition = composed(name)
    found = by_scheme(composition)
    said = {scheme: each.serves or each.reason for scheme, each in found.items()}
    assert {scheme: said[scheme] for scheme in EXPECTED[name]} == EXPECTED[name]
    assert list(found) == sorted(known_types("controllers"))
    assert all(bool(each.serves) != bool(each.reason) for each in found.values())


@pytest.mark.parametrize(
    ("name", "agents"),
    [
        ("quickstart", ("ev_agent", "inflexible_agent")),
        ("mcu-2020", (*sorted({*AGENTS.values(), "inflexible_agent"}),)),
    ],
)
def test_a_coordinator_is_told_with_the_agents_that_it_needs(
    name: str, agents: tuple[str, ...]
) -> None:
    found = by_scheme(composed(name))
    assert found.pop("mcu").agents == agents
    assert not any(each.agents for each in found.values())


def _served_by(name: str, scheme: str, at: str, *, beside: bool = True, **keys: str) -> Composition:
    """Compose a scenario anew in which a scheme controls ``at``, and others what is left."""
    document = read_scenario(name, ["duration=2h", "fuse=true"])
    scenario = document.scenario(VARIANTS[name])
    step_size = scenario.simulators[at].step_size
    types = {other: AGENTS[other] for other in STEERS[name] if beside} | {at: scheme}
    if scheme == "mcu":
        types |= {"load": "inflexible_agent", "pv": "inflexible_agent"}
    controllers = {
        f"{other}_control": find_type("controllers", kind).Config.model_validate(
            {"type": kind, "controls": other, "step_size": f"{step_size}s"}
            | (keys if other == at else {})
        )
        for other, kind in types.items()
    }
    return compose(document, scenario.model_copy(update={"controllers": controllers}))


CLAIMS = [
    (name, scheme, at)
    for name in ("quickstart", "mcu-2020")
    for scheme, serves in EXPECTED[name].items()
    if not isinstance(serves, str)
    for at in serves
]


@pytest.mark.parametrize(("name", "scheme", "at"), CLAIMS)
def test_what_is_said_to_serve_runs(name: str, scheme: str, at: str, tmp_path: Path) -> None:
    """Two hours: as much as it takes for setpoints to come back as measurements."""
    folder = RunFolder(tmp_path)
    with folder.claimed():
        record_run(_served_by(name, scheme, at), folder, Tracing())
    assert folder.partial_record.is_file()


@pytest.mark.parametrize(
    ("scheme", "at"),
    [
        (scheme, at)
        for scheme, serves in MICROGRID.items()
        if scheme not in ("external", "external_agent")
        for at in ("wind", "dg", "flexible", "market")
        if at not in serves
    ],
)
def test_what_is_not_said_to_serve_is_refused(scheme: str, at: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        _served_by("mcu-2020", scheme, at, beside=False)
    assert {problem.key[:2] for problem in caught.value.problems} == {
        ("controllers", f"{at}_control")
    }


def test_following_a_reason_helps() -> None:
    """`mcu-2020` has hourly steps: a MILP with intervals of an hour can plan for its vehicles."""
    composition = _served_by("mcu-2020", "milp", "ev", interval="1h")
    assert type(composition.models["ev_control"]).__name__ == "Milp"


def test_without_a_market_nobody_can_be_scheduled_by_prices(
    read: Callable[..., Any],
) -> None:
    document = read(
        "name: case\nstart: 2021-06-21T12:00:00Z\nduration: 1h\nstep_size: 15min\n"
        "simulators:\n"
        "  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}\n"
        "  battery: {type: storage, energy_capacity_kwh: 10, rated_power_kw: 5}\n"
        "controllers: {charging: {type: basic, controls: battery}}\n"
    )
    found = by_scheme(compose(document, document.scenario()))
    assert found["storage_agent"].reason == (
        "battery: there is no market whose prices it could schedule by; "
        "needs one simulator that publishes prices"
    )
    assert found["mcu"].reason == (
        "needs a simulator that tells buying_price_eur_per_mwh, selling_price_eur_per_mwh"
    )
    assert found["basic"].serves == ("battery",)


def test_what_is_tried_leaves_the_scenario_alone() -> None:
    composition = composed("mcu-2020", "duration=6h")
    agents = [model for model in composition.models.values() if isinstance(model, Agent)]
    before_kw = [agent.schedule_kw.copy() for agent in agents]
    suitabilities(composition)
    assert len(agents) == 7
    for agent, schedule_kw in zip(agents, before_kw, strict=True):
        assert (agent.schedule_kw == schedule_kw).all()


class TestPrinted:
    def test_a_row_a_scheme(self, gridloom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "120")
        code, out, _ = gridloom("describe", "quickstart", "--schemes")
        assert code == 0
        lines = [line.rstrip() for line in out.splitlines()]
        first = lines.index("Schemes") + 1
        assert lines[first : first + 1 + len(known_types("controllers"))] == [
            "scheme                       can control  note",
            "amas                         ev",
            "basic                        ev",
            "drive                        nothing      needs a simulator of type 'tariff'",
            "drive_deferrable_load_agent  nothing      needs a simulator of type deferrable_load",
            "drive_ev_agent               ev",
            f"drive_heat_pump_agent        nothing      {NO_HEAT_PUMP}",
            (
                "drive_pv_agent               nothing      needs a simulator that obeys "
                "power_setpoint_kw"
            ),
            "drive_storage_agent          nothing      needs a simulator of type storage",
            "ev_agent                     ev",
            "external                     nothing      needs the keys create, information",
            "external_agent               nothing      needs the keys create, information",
            f"flexible_load_agent          nothing      {NO_FLEXIBLE_LOAD}",
            "generator_agent              nothing      needs a simulator of type generator",
            "inflexible_agent             load, pv",
            "mcu                          market       together with ev_agent, inflexible_agent",
            "milp                         ev",
            "self_consumption             nothing      needs a simulator of type storage",
            "storage_agent                nothing      needs a simulator of type storage",
            (
                "thermostat                   nothing      needs a simulator that tells "
                "baseline_power_kw"
            ),
        ]

    def test_a_narrow_terminal_cuts_nothing_off(
        self, gridloom: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        _, out, _ = gridloom("describe", "mcu-2020", "--schemes")
        table = out[out.index("Schemes") :]
        assert max(map(len, table.splitlines())) <= 80
        assert "…" not in table
        for scheme in MICROGRID:
            assert f"\n{scheme} " in table

    def test_only_if_asked_for(self, gridloom: Command) -> None:
        assert "Schemes" not in gridloom("describe", "quickstart")[1]
