"""Key performance indicators: pure functions of a record.

Models are recognised by what they record, not by their names: whoever has line currents is the
grid, whoever has an imbalance is the market. Steps without a solution (NaN) count for nothing,
except as unsolved. Each module here holds one family, with formulas and sources.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gridloom.scenarios.results.kpis.comfort import comfort_kpis, tells_comfort
from gridloom.scenarios.results.kpis.decisions import solve_kpis
from gridloom.scenarios.results.kpis.drive import congestion_kpis, negotiation_kpis
from gridloom.scenarios.results.kpis.energy import energy_kpis
from gridloom.scenarios.results.kpis.grid import grid_kpis
from gridloom.scenarios.results.kpis.jobs import has_jobs, job_kpis
from gridloom.scenarios.results.kpis.kpi import Kpi, read_kpis_csv, write_kpis_csv
from gridloom.scenarios.results.kpis.ledger import ledger_of
from gridloom.scenarios.results.kpis.market import market_kpis
from gridloom.scenarios.results.kpis.market_trades import DAY_AHEAD_PRICE, market_trades
from gridloom.scenarios.results.kpis.messages import message_kpis
from gridloom.scenarios.results.kpis.negotiation import negotiation_of
from gridloom.scenarios.results.kpis.nets import planned_nets_of
from gridloom.scenarios.results.kpis.operating_cost import operating_cost_kpis
from gridloom.scenarios.results.kpis.plan import plan_kpis
from gridloom.scenarios.results.kpis.rescheduling import rescheduling_kpis
from gridloom.scenarios.results.kpis.sessions import session_kpis
from gridloom.scenarios.results.kpis.storage import storage_kpis
from gridloom.scenarios.results.kpis.tariff import tariff_kpis
from gridloom.scenarios.results.kpis.transactive import transactive_kpis
from gridloom.scenarios.results.kpis.voltage import voltage_kpis
from gridloom.scenarios.results.recording import Recording, RecordParts, parts_of
from gridloom.simulators.signals import POSITION

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Kpi", "compute_kpis", "read_kpis_csv", "write_kpis_csv"]


def compute_kpis(record: "xr.DataTree") -> list[Kpi]:
    """Return all indicators that a record allows, in the order to print them.

    Where a record holds several markets or fleets, `Kpi.of` begins with the model's name.
    """
    parts = parts_of(record)
    negotiation = negotiation_of(record)
    kpis: list[Kpi] = []
    kpis += _operating_costs(parts)
    if negotiation is not None:
        kpis += transactive_kpis(negotiation, ledger_of(negotiation))
    kpis += _of_each(parts.markets, partial(market_kpis, clock=parts.clock))
    kpis += _of_each(parts.tariffs, tariff_kpis)
    nets = planned_nets_of(record)
    if nets is not None:
        kpis += congestion_kpis(nets)
    if parts.grid is not None:
        kpis += grid_kpis(parts.grid)
        kpis += voltage_kpis(parts.grid)
    kpis += _of_each(parts.storages, session_kpis)
    kpis += _of_each([device for device in parts.devices if has_jobs(device)], job_kpis)
    kpis += _of_each([device for device in parts.devices if tells_comfort(device)], comfort_kpis)
    kpis += energy_kpis(parts.devices)
    kpis += _of_each(parts.storages, storage_kpis)
    if nets is not None:
        kpis += negotiation_kpis(nets)
    kpis += message_kpis(record)
    kpis += solve_kpis(record)
    if parts.grid is not None:
        kpis += plan_kpis(record, parts.grid)
    if negotiation is not None:
        kpis += rescheduling_kpis(negotiation)
    return kpis


def _operating_costs(parts: RecordParts) -> list[Kpi]:
    """Return what it costs to run everything, where a single market publishes day-ahead prices."""
    published = [market for market in parts.markets if DAY_AHEAD_PRICE in market]
    if len(published) != 1 or len(parts.markets) > 1:
        return []
    (market,) = published
    steps = len(market.rows[POSITION.name])
    trades = market_trades(market, float(steps * market.step_s))
    return [] if trades is None else operating_cost_kpis(trades, parts.devices)


def _of_each(
    recordings: Sequence[Recording], indicators: Callable[[Recording, str], list[Kpi]]
) -> list[Kpi]:
    """Return the indicators of each model, of its name if it is not the only one of its kind."""
    several = len(recordings) > 1
    return [kpi for each in recordings for kpi in indicators(each, each.name if several else "")]
