"""A street of four houses with vehicles, and short ways to plan, run and settle it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from gridloom.scenarios.composer import simulate
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import read_scenario
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.model import FloatArray

STREET = """
name: street
start: 2021-06-21T17:00:00+02:00
duration: 30min
step_size: 10s
seed: 1
simulators:
  grid:
    type: grid
    network:
      name: create_kerber_landnetz_freileitung_1
      arguments: {n_lines: 4, l_lines_in_km: 0.06}
  load:
    type: load
    profile: {generator: household}
    forecast: {resolution: 5min, relative_error_std: 0.2}
  ev:
    type: ev_fleet
    v2g: true
    energy_capacity_kwh: 20
    rated_power_kw: 8
    required_state_of_charge: 0.7
    state_of_charge_limits: [0.3, 0.9]
    forecast: {resolution: 10min}
    sessions:
      - {charging_point: load 0, arrival: 0s, departure: 20min, arrival_state_of_charge: 0.6}
      - {charging_point: load 1, arrival: 0s, departure: 2h, arrival_state_of_charge: 0.5}
      - {charging_point: load 2, arrival: 5min, departure: 25min, arrival_state_of_charge: 0.65}
      - {charging_point: load 3, arrival: 190s, departure: 40min, arrival_state_of_charge: 0.7}
  market:
    type: imbalance_market
    position_kw: [6, 9]
    prices: {shortage_eur_per_mwh: [100, 120], surplus_eur_per_mwh: [60, 90]}
controllers:
  charging: {type: milp, controls: ev}
"""

Recorded: TypeAlias = dict[str, dict[str, FloatArray]]
"""By model and signal: (step of the model, ...)."""


@dataclass(frozen=True)
class Finished:
    """A run in memory."""

    composition: Composition
    outputs: Recorded

    @property
    def imbalance_kwh(self) -> FloatArray:
        """(period,), at the end of each quarter of an hour."""
        running = self.outputs["market"]["imbalance_kwh"]
        market = self.composition.models["market"]
        last: FloatArray = running[900 // market.step_size - 1 :: 900 // market.step_size]
        return last

    def cost_eur(self) -> float:
        """Return the imbalance cost by eq. (21)."""
        told = {each.name: each.values for each in self.composition.models["market"].static()}
        shortage = np.asarray(told["imbalance_price_shortage_eur_per_mwh"], dtype=float)
        surplus = np.asarray(told["imbalance_price_surplus_eur_per_mwh"], dtype=float)
        left = self.imbalance_kwh
        return float((shortage * np.maximum(left, 0) - surplus * np.maximum(-left, 0)).sum() / 1e3)

    def vehicle_energy_kwh(self) -> float:
        """Return the energy in the vehicles, at departure or the end."""
        fleet = self.composition.models["ev"]
        assert isinstance(fleet, EvFleet)
        sessions = fleet.sessions
        state = self.outputs["ev"]["state_of_charge"]
        end_s = len(state) * fleet.step_size
        rows = np.minimum(sessions.departure_s, end_s).astype(int) // fleet.step_size - 1
        at_end = state[rows, sessions.charging_point]
        return float((at_end * sessions.energy_capacity_kwh).sum())


Compose: TypeAlias = Callable[..., Composition]
Run: TypeAlias = Callable[..., Finished]


@pytest.fixture
def street(tmp_path: Path) -> Compose:
    """Return a function that builds the street with overrides, such as 'duration=15min'."""

    def build(*overrides: str, text: str = STREET) -> Composition:
        path = tmp_path / "street.yaml"
        path.write_text(text, encoding="utf-8")
        document = read_scenario(path, overrides)
        return compose(document, document.scenario())

    return build


@pytest.fixture
def run_street(street: Compose) -> Run:
    """Return a function that runs the street with overrides."""

    def run(*overrides: str, text: str = STREET) -> Finished:
        return run_composition(street(*overrides, text=text))

    return run


def run_composition(composition: Composition) -> Finished:
    rows: dict[str, dict[str, list[FloatArray]]] = {name: {} for name in composition.models}

    def take(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
        for name, sent in outputs.items():
            if time % composition.models[name].step_size == 0:
                for signal, values in sent.items():
                    rows[name].setdefault(signal, []).append(np.array(values))

    duration_s = composition.scenario.duration_s
    simulate(composition.models, composition.couplings, duration_s, take)
    outputs = {
        name: {signal: np.array(values) for signal, values in sent.items()}
        for name, sent in rows.items()
    }
    return Finished(composition, outputs)


@pytest.fixture
def street_text() -> str:
    """The street's scenario."""
    return STREET


@pytest.fixture
def basic_text() -> str:
    """The street with uncoordinated charging."""
    return STREET.replace("type: milp", "type: basic")
