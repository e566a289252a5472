"""What it costs to run the devices of a portfolio and to trade what it needs.

operating cost = day-ahead cost + imbalance cost + generation cost + storage wear

Payments within the portfolio cancel out and are no part of it.
"""

from collections.abc import Sequence

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.market_trades import MarketTrades, settled_eur
from gridloom.scenarios.results.kpis.several_steps import of_means
from gridloom.scenarios.results.record.statistics import NETTED_POWER
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.generator import cost_eur
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

_GROUP = "Costs"
_OPERATING = Indicator(
    name="operating_cost_eur",
    unit="EUR",
    group=_GROUP,
    label="operating cost: market, generation and wear",
    headline=True,
)
_DAY_AHEAD = Indicator(
    name="day_ahead_cost_eur", unit="EUR", group=_GROUP, label="energy bought day-ahead"
)
_GENERATION = Indicator(
    name="generation_cost_eur", unit="EUR", group=_GROUP, label="dispatchable generation"
)
_WEAR = Indicator(name="storage_wear_cost_eur", unit="EUR", group=_GROUP, label="wear of storage")
_MARGINAL_COST = "marginal_cost_eur_per_mwh"
_GENERATION_MIN, _GENERATION_MAX = "generation_min_kw", "generation_max_kw"
_THROUGHPUT_COST = "throughput_cost_eur_per_mwh"
_KWH_PER_MWH = 1000.0


def operating_cost_kpis(trades: MarketTrades, devices: Sequence[Recording]) -> list[Kpi]:
    """Return the operating cost and its parts; the imbalance cost is that of eq. (21).

    Args:
        trades: of the portfolio.
        devices: whatever has a power; those without a recorded cost of their own cost nothing.
    """
    day_ahead_eur = float(trades.position_kwh @ trades.day_ahead_eur_per_mwh) / _KWH_PER_MWH
    imbalance_eur = float(
        settled_eur(
            trades.imbalance_kwh, trades.buying_eur_per_mwh, trades.selling_eur_per_mwh
        ).sum()
    )
    generation = {d.name: generation_cost_eur(d) for d in devices if _MARGINAL_COST in d}
    wear = {d.name: wear_cost_eur(d) for d in devices if _THROUGHPUT_COST in d}
    own_eur = sum(generation.values()) + sum(wear.values())
    # Generation costs more the more there is of it at once, which means do not tell
    of_rows = [d for d in devices if d.name in generation]
    of_rows += [d for d in devices if d.name in wear and not d.tells_both_ways]
    kpis = of_means([_OPERATING.total(day_ahead_eur + imbalance_eur + own_eur)], *of_rows)
    kpis.append(_DAY_AHEAD.total(day_ahead_eur))
    for indicator, costs in ((_GENERATION, generation), (_WEAR, wear)):
        parts: list[Kpi] = []
        if costs:
            parts.append(indicator.total(sum(costs.values())))
        if len(costs) > 1:
            parts += [indicator.part(value, name) for name, value in costs.items()]
        kpis += of_means(parts, *(device for device in of_rows if device.name in costs))
    return kpis


def generation_cost_eur(generators: Recording) -> float:
    """Return what was generated, at its marginal cost."""
    static = {
        "power_min_kw": generators.values(_GENERATION_MIN),
        "power_max_kw": generators.values(_GENERATION_MAX),
        "block_costs_eur_per_mwh": generators.values(_MARGINAL_COST),
    }
    hours = generators.step_s / SECONDS_PER_HOUR
    return float(
        sum(
            cost_eur(np.nan_to_num(power_kw), hours=hours, **static).sum()
            for power_kw in generators.blocks(POWER.name)
        )
    )


def wear_cost_eur(storages: Recording) -> float:
    """Return the energy through the connection points, either way, at the cost of wear."""
    eur_per_mwh = storages.values(_THROUGHPUT_COST)
    hours = storages.step_s / SECONDS_PER_HOUR
    wear_eur = sum(
        (np.abs(np.nan_to_num(power_kw)) @ eur_per_mwh).sum() * hours / _KWH_PER_MWH
        for power_kw in storages.blocks(POWER.name)
    )
    if NETTED_POWER in storages:
        wear_eur += sum(
            2.0 * (np.nan_to_num(netted_kw) @ eur_per_mwh).sum() * hours / _KWH_PER_MWH
            for netted_kw in storages.blocks(NETTED_POWER)
        )
    return float(wear_eur)
