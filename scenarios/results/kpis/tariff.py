"""What customers, or a community of them, paid for energy at a tariff."""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.tariff_signals import COST, EXPORTED, IMPORTED

_LISTED_AT_MOST = 100
_GROUP = "Tariffs"
_COST = Indicator(
    name="tariff_cost_eur",
    unit="EUR",
    group=_GROUP,
    label="cost of energy at the tariff",
    headline=True,
)
_IMPORTED = Indicator(
    name="tariff_imported_kwh", unit="kWh", group=_GROUP, label="energy bought at the tariff"
)
_EXPORTED = Indicator(
    name="tariff_exported_kwh", unit="kWh", group=_GROUP, label="energy sold at the tariff"
)


def tariff_kpis(tariff: Recording, of: str = "") -> list[Kpi]:
    """Return cost and energy at a tariff: of all customers, and the cost of each.

    They are the last recorded values, netted within each settlement period; one that the run cuts
    short is settled on what it has. More than a hundred customers are not listed.
    """
    totals = [
        indicator.total(_last(tariff, signal.name).sum(), of)
        for indicator, signal in ((_COST, COST), (_IMPORTED, IMPORTED), (_EXPORTED, EXPORTED))
        if signal.name in tariff
    ]
    cost_eur = _last(tariff, COST.name)
    if not 1 < cost_eur.size <= _LISTED_AT_MOST:
        return totals
    customers = tariff.names(str(tariff.rows[COST.name].dims[1]))
    return totals + [
        _COST.part(value, f"{of} {customer}".strip())
        for customer, value in zip(customers, cost_eur, strict=True)
    ]


def _last(tariff: Recording, variable: str) -> FloatArray:
    """Return the values at the end of the run: (customer,), or () of a community."""
    return np.asarray(tariff.rows[variable].isel(time=-1).to_numpy(), dtype=np.float64)
