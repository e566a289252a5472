"""What agents agreed on and what came of it, taken from a record: who deviated, at which prices.

A record holds a negotiation if one of its controllers tells local prices (an MCU) and others tell
what they scheduled (its agents). Everything here is an array, so that what is computed of it, the
`ledger` above all, needs no record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.negotiation.signals import ROUNDS, SCHEDULED_POWER
from gridloom.controllers.transactive.signals import (
    BONUS,
    EXPECTED_SURPLUS,
    LOCAL_BUYING_PRICE,
    LOCAL_SELLING_PRICE,
    REMAINING_SURPLUS,
)
from gridloom.scenarios.results.kpis.decisions import controllers_of
from gridloom.scenarios.results.kpis.interval_means import means_between
from gridloom.scenarios.results.kpis.market_trades import MarketTrades, market_trades
from gridloom.scenarios.results.recording import Recording, parts_of
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

if TYPE_CHECKING:
    import xarray as xr

_TOLD = (
    BONUS.name,
    LOCAL_BUYING_PRICE.name,
    LOCAL_SELLING_PRICE.name,
    EXPECTED_SURPLUS.name,
    REMAINING_SURPLUS.name,
    ROUNDS.name,
)
_INFLEXIBLE = "inflexible_agent"
_DECIMALS_KW = 9


@dataclass(frozen=True, kw_only=True)
class Party:
    """The agents of one simulator's devices: whom the coordinator settles with."""

    name: str
    """Of the simulator."""
    is_flexible: bool
    """Whether prices move it."""
    scheduled_kw: FloatArray
    """(interval, row), day-ahead; a row is one agent with its device, or all of them together."""
    measured_kw: FloatArray
    """(interval, row), means."""

    @property
    def deviation_kw(self) -> FloatArray:
        """(interval, row), positive where more is consumed than scheduled."""
        # Means of powers that are as scheduled leave some 1e-13 kW, which is no deviation.
        deviation: FloatArray = np.round(self.measured_kw - self.scheduled_kw, _DECIMALS_KW) + 0.0
        return deviation


@dataclass(frozen=True, kw_only=True)
class Negotiation:
    """All negotiations of a run, one an interval."""

    coordinator: str
    market: str
    start: np.datetime64
    """UTC, when the run began."""
    edges_s: FloatArray
    """(interval + 1,), since the start; the last one is cut short where the run ends."""
    parties: tuple[Party, ...]
    """In the record's order of their devices."""
    bonus_eur_per_mwh: FloatArray
    """(interval,), like all that follows."""
    local_buying_eur_per_mwh: FloatArray
    """What consuming more than scheduled costs."""
    local_selling_eur_per_mwh: FloatArray
    """What consuming less than scheduled earns."""
    expected_surplus_kw: FloatArray
    remaining_surplus_kw: FloatArray
    rounds: FloatArray
    trades: MarketTrades
    unrepresented: tuple[str, ...] = ()
    """Simulators with devices that no agent speaks for."""

    @property
    def edges(self) -> NDArray[np.datetime64]:
        """(interval + 1,), UTC."""
        edges: NDArray[np.datetime64] = self.start + self.edges_s.astype("timedelta64[s]")
        return edges

    @property
    def hours(self) -> FloatArray:
        """(interval,), lengths."""
        hours: FloatArray = np.diff(self.edges_s) / SECONDS_PER_HOUR
        return hours

    @property
    def sign(self) -> FloatArray:
        """(interval,), -1 where a shortage was expected, else 1."""
        return np.where(self.expected_surplus_kw < 0, -1.0, 1.0)

    def deviation_kwh(self, party: Party) -> FloatArray:
        """(interval, row), energy beyond the schedule."""
        return party.deviation_kw * self.hours[:, np.newaxis]

    @property
    def hour(self) -> NDArray[np.intp]:
        """(interval,), in which hour of the run each begins, counted from 0."""
        return (self.edges_s[:-1] // SECONDS_PER_HOUR).astype(np.intp)


def negotiation_of(record: "xr.DataTree") -> Negotiation | None:
    """Return the negotiations that a record holds, or None.

    There are none without a coordinator that tells local prices, its market with settlement
    periods, and agents whose devices' powers are recorded such that an interval is a whole number
    of rows. Of several, the first is meant.
    """
    controllers = controllers_of(record)
    config = json.loads(record.attrs.get("scenario") or "{}").get("controllers", {})
    leader = next((c for c in controllers if all(name in c for name in _TOLD)), None)
    if leader is None:
        return None
    parts = parts_of(record)
    devices = {device.name: device for device in parts.devices}
    agents = {
        str(config.get(c.name, {}).get("controls")): c
        for c in controllers
        if SCHEDULED_POWER.name in c and _answers(config, c, leader)
    }
    market = next(
        (m for m in parts.markets if m.name == config.get(leader.name, {}).get("controls")), None
    )
    if market is None or not agents or agents.keys() - devices.keys():
        return None
    pairs = [(agents[name], meter) for name, meter in devices.items() if name in agents]
    if not all(each.divides(leader.step_s) for each in chain.from_iterable(pairs)):
        return None
    rows = _Rows.common((leader, market, *chain.from_iterable(pairs)), leader.step_s)
    trades = market_trades(rows.cut(market), rows.end_s)
    if trades is None:
        return None
    return Negotiation(
        coordinator=leader.name,
        market=market.name,
        start=leader.start[0],
        edges_s=rows.edges_s,
        parties=tuple(_party(agent, meter, rows) for agent, meter in pairs),
        trades=trades,
        unrepresented=tuple(name for name in devices if name not in agents),
        **rows.told(leader),
    )


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The time for which all of the models have rows."""

    edges_s: FloatArray
    """(interval + 1,)."""

    @classmethod
    def common(cls, recordings: Sequence[Recording], interval_s: int) -> "_Rows":
        """Return what all have; all are whole in a complete run."""
        end_s = min(len(r.start) * r.step_s for r in recordings)
        count = -(-end_s // interval_s)
        return cls(edges_s=np.minimum(np.arange(count + 1.0) * interval_s, end_s))

    @property
    def end_s(self) -> float:
        return float(self.edges_s[-1])

    def cut(self, recording: Recording) -> Recording:
        """Return the rows that begin before the end."""
        length = int(-(-self.end_s // recording.step_s))
        return replace(recording, rows=recording.rows.isel(time=slice(length)))

    def means(self, recording: Recording, variable: str) -> FloatArray:
        """Return a variable's mean in each interval, (interval, ...)."""
        return means_between(recording.values(variable), recording.step_s, self.edges_s)

    def told(self, leader: Recording) -> dict[str, FloatArray]:
        """Return what the coordinator told of each negotiation."""
        names = (
            "bonus_eur_per_mwh",
            "local_buying_eur_per_mwh",
            "local_selling_eur_per_mwh",
            "expected_surplus_kw",
            "remaining_surplus_kw",
            "rounds",
        )
        count = len(self.edges_s) - 1
        return {
            name: leader.values(signal)[:count] for name, signal in zip(names, _TOLD, strict=True)
        }


def _answers(config: Mapping[str, Any], agent: Recording, leader: Recording) -> bool:
    """Whether an agent answers this coordinator: it names it, or there is no other."""
    return config.get(agent.name, {}).get("coordinator") in {None, leader.name}


def _party(agent: Recording, meter: Recording, rows: _Rows) -> Party:
    scheduled_kw = rows.means(agent, SCHEDULED_POWER.name)
    measured_kw = rows.means(meter, POWER.name)
    if scheduled_kw.shape != measured_kw.shape:  # one agent speaks for several devices
        scheduled_kw = scheduled_kw.sum(axis=1, keepdims=True)
        measured_kw = measured_kw.sum(axis=1, keepdims=True)
    return Party(
        name=meter.name,
        is_flexible=agent.rows.attrs.get("model_type") != _INFLEXIBLE,
        scheduled_kw=scheduled_kw,
        measured_kw=measured_kw,
    )
