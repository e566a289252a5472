"""What a negotiation at local prices came to: who paid what, and what was left to the market.

Source: Fattaheian-Dehkordi et al., CIRED 2020; how it is read: see the module `ledger`.
"""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.ledger import Ledger, bonuses_eur, gain_eur
from gridloom.scenarios.results.kpis.negotiation import Negotiation
from gridloom.scenarios.results.kpis.rounds import round_kpis
from gridloom.simulators.model import FloatArray

_GROUP = "Local market"
_PAYMENT = Indicator(
    name="net_payment_eur", unit="EUR", group=_GROUP, label="paid less received, all settlements"
)
_BALANCE = Indicator(
    name="mcu_balance_eur", unit="EUR", group=_GROUP, label="what the coordinator keeps"
)
_WORST_BALANCE = Indicator(
    name="mcu_balance_max_eur",
    unit="EUR",
    group=_GROUP,
    label="largest amount that the coordinator keeps or adds in one settlement",
)
_BONUS = Indicator(
    name="bonus_paid_eur",
    unit="EUR",
    group=_GROUP,
    label="bonuses to flexible agents",
    headline=True,
)
_RECEIVED = Indicator(
    name="bonus_received_eur",
    unit="EUR",
    group=_GROUP,
    label="bonus received (negative: paid)",
)
_GAIN = Indicator(
    name="gain_eur",
    unit="EUR",
    group=_GROUP,
    label="gain against trading its own deviations on the market",
)
_TRADED = Indicator(
    name="locally_traded_kwh",
    unit="kWh",
    group=_GROUP,
    label="deviations that made up for each other",
)
_REMAINING = Indicator(
    name="remaining_imbalance_percent",
    unit="percent",
    group=_GROUP,
    label="expected imbalance that remains after the negotiations",
    headline=True,
)


def transactive_kpis(negotiation: Negotiation, ledger: Ledger) -> list[Kpi]:
    """Return the indicators of a run's negotiations.

    - `net_payment_eur`: of each payer, day-ahead and real time; all add up to zero;
    - `mcu_balance_eur`: what the coordinator receives less what it pays;
    - `bonus_received_eur`: of each party, sum s b E, see `bonuses_eur`;
    - `bonus_paid_eur`: what all flexible parties receive of it;
    - `gain_eur`: of each party that is not flexible, see `gain_eur`;
    - `locally_traded_kwh`: in each interval, the smaller of all deviations up and all down;
    - `remaining_imbalance_percent`: sum |remaining| over sum |expected surplus|.
    """
    bonus_eur = bonuses_eur(negotiation).sum(axis=0)
    parties = negotiation.parties
    to_flexible = sum(
        value for value, party in zip(bonus_eur, parties, strict=True) if party.is_flexible
    )
    balance_eur = ledger.coordinator_balance_eur
    return [
        _BONUS.total(float(to_flexible)),
        _REMAINING.total(_remaining_percent(negotiation)),
        _TRADED.total(_locally_traded_kwh(negotiation)),
        _BALANCE.total(balance_eur.sum()),
        _WORST_BALANCE.total(np.abs(balance_eur).max()),
        *_parts(_PAYMENT, ledger.payers, ledger.paid_eur.sum(axis=0)),
        *_parts(_RECEIVED, [party.name for party in parties], bonus_eur),
        *(_GAIN.part(gain_eur(negotiation, p).sum(), p.name) for p in parties if not p.is_flexible),
        *round_kpis(negotiation.rounds),
    ]


def _parts(
    indicator: Indicator, names: tuple[str, ...] | list[str], values: FloatArray
) -> list[Kpi]:
    return [indicator.part(value, name) for name, value in zip(names, values, strict=True)]


def _remaining_percent(negotiation: Negotiation) -> float:
    expected_kwh = np.abs(negotiation.expected_surplus_kw) @ negotiation.hours
    remaining_kwh = np.abs(negotiation.remaining_surplus_kw) @ negotiation.hours
    return float(100.0 * remaining_kwh / expected_kwh) if expected_kwh > 0 else np.nan


def _locally_traded_kwh(negotiation: Negotiation) -> float:
    deviations_kwh = np.column_stack([negotiation.deviation_kwh(p) for p in negotiation.parties])
    up_kwh = np.maximum(deviations_kwh, 0.0).sum(axis=1)
    down_kwh = np.maximum(-deviations_kwh, 0.0).sum(axis=1)
    return float(np.minimum(up_kwh, down_kwh).sum())
