"""The table of cash flows that a report prints: whole cents that add up in every row and column."""

from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.kpis.ledger import bonuses_eur, in_cents, ledger_of
from gridloom.scenarios.results.kpis.negotiation import Negotiation
from gridloom.scenarios.results.wording import MINUS

_CENTS_PER_EUR = 100


@dataclass(frozen=True, kw_only=True)
class CashFlow:
    """What one payer pays less what it receives over the run, EUR as the report prints it."""

    payer: str
    role: str
    day_ahead: str
    real_time: str
    total: str
    bonus: str
    """What the bonus brings it; '' for coordinator and market."""


@dataclass(frozen=True, kw_only=True)
class CashFlows:
    """The table and what is to be said of it."""

    lines: tuple[CashFlow, ...]
    """One a payer, and their sums: zero, but for the bonuses."""
    coordinator: str
    unrepresented: str
    """Simulators whose deviations are the coordinator's, '' if there are none."""


def cash_flows(negotiation: Negotiation) -> CashFlows:
    """Return who paid whom in a run."""
    ledger = ledger_of(negotiation)
    day_ahead = in_cents(ledger.day_ahead_eur.sum(axis=0))
    real_time = in_cents(ledger.real_time_eur.sum(axis=0))
    bonus = in_cents(bonuses_eur(negotiation).sum(axis=0))
    bonuses = [_eur(cents) for cents in bonus] + ["", ""]
    roles = _roles(negotiation)
    lines = [
        _line(payer, roles[place], (day_ahead[place], real_time[place]), bonuses[place])
        for place, payer in enumerate(ledger.payers)
    ]
    sums = _line("sum", "", (day_ahead.sum(), real_time.sum()), _eur(bonus.sum()))
    return CashFlows(
        lines=(*lines, sums),
        coordinator=negotiation.coordinator,
        unrepresented=", ".join(negotiation.unrepresented),
    )


def _roles(negotiation: Negotiation) -> list[str]:
    parties = ["flexible" if p.is_flexible else "declares only" for p in negotiation.parties]
    return [*parties, "coordinator", "market"]


def _line(payer: str, role: str, cents: tuple[np.int64, np.int64], bonus: str) -> CashFlow:
    day_ahead, real_time = cents
    return CashFlow(
        payer=payer,
        role=role,
        day_ahead=_eur(day_ahead),
        real_time=_eur(real_time),
        total=_eur(day_ahead + real_time),
        bonus=bonus,
    )


def _eur(cents: np.int64) -> str:
    """Write cents as EUR.

    >>> _eur(np.int64(5)), _eur(np.int64(123456))
    ('0.05', '1234.56')
    """
    whole, rest = divmod(abs(int(cents)), _CENTS_PER_EUR)
    return f"{MINUS if cents < 0 else ''}{whole}.{rest:02d}"
