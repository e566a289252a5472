"""What a balance responsible party's deviations from its position cost.

Source: Zafar et al., ISGT Europe 2021, eqs. (21) and (28), in load convention: a positive
imbalance is a shortage (the portfolio consumed more than planned).
"""

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import LocalTime
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import IMBALANCE

_COST = Indicator(
    name="imbalance_cost_eur",
    unit="EUR",
    group="Market",
    label="imbalance cost, eq. (21)",
    headline=True,
)
_SHORTAGE_COST = Indicator(
    name="shortage_cost_eur",
    unit="EUR",
    group="Market",
    label="cost of shortage only, eq. (28)",
    headline=True,
)
_SHORTAGE = Indicator(
    name="shortage_kwh", unit="kWh", group="Market", label="shortage", headline=True
)
_SURPLUS = Indicator(name="surplus_kwh", unit="kWh", group="Market", label="surplus", headline=True)
_IMBALANCE = Indicator(
    name="imbalance_kwh", unit="kWh", group="Market", label="imbalance, shortage less surplus"
)
_PERIOD_STOP = "period_stop_s"
_SHORTAGE_PRICE = "imbalance_price_shortage_eur_per_mwh"
_SURPLUS_PRICE = "imbalance_price_surplus_eur_per_mwh"
_KWH_PER_MWH = 1000.0
_DECIMALS_KWH = 9
_MOST_PERIODS = 200
"""Two days of quarters of an hour: nobody reads more of them one by one."""
_MOST_DAYS = 62


def market_kpis(market: Recording, of: str = "", clock: LocalTime | None = None) -> list[Kpi]:
    """Return imbalance energy and cost, in total and of each settlement period that began.

    Of more than 200 periods, local days take the place of periods, of more than 62 days months.

    With the imbalance E (kWh) at the end of each period, the price C- of shortage and C+ of
    surplus (EUR/MWh):

    - `imbalance_cost_eur` = sum C- max(E, 0) - C+ max(-E, 0), eq. (21);
    - `shortage_cost_eur` = sum C- max(E, 0), eq. (28).

    A period that the run cuts short is settled on what it has. A record without settlement
    periods or prices gives nothing.
    """
    if any(name not in market for name in (_PERIOD_STOP, _SHORTAGE_PRICE, _SURPLUS_PRICE)):
        return []
    imbalance_kwh, periods = period_imbalance_kwh(market)
    shortage_kwh, surplus_kwh = np.maximum(imbalance_kwh, 0.0), np.maximum(-imbalance_kwh, 0.0)
    shortage_eur = shortage_kwh * market.values(_SHORTAGE_PRICE)[periods] / _KWH_PER_MWH
    surplus_eur = surplus_kwh * market.values(_SURPLUS_PRICE)[periods] / _KWH_PER_MWH
    columns = (
        (_COST, shortage_eur - surplus_eur),
        (_SHORTAGE_COST, shortage_eur),
        (_SHORTAGE, shortage_kwh),
        (_SURPLUS, surplus_kwh),
        (_IMBALANCE, imbalance_kwh),
    )
    totals = [indicator.total(values.sum(), of) for indicator, values in columns]
    if not periods:
        return totals
    names, first = _parts(market, periods, clock)
    return totals + [
        indicator.part(value, f"{of} {name}".strip())
        for indicator, values in columns
        for name, value in zip(names, np.add.reduceat(values, first), strict=True)
    ]


def _parts(
    market: Recording, periods: list[int], clock: LocalTime | None
) -> tuple[list[str], NDArray[np.intp]]:
    """Return the parts of the run that are told apart, and the first settlement period of each.

    A part has the periods that end in it.
    """
    if len(periods) <= _MOST_PERIODS:
        return [f"period {period + 1}" for period in periods], np.arange(len(periods))
    last_s = (np.ceil(market.values(_PERIOD_STOP)[periods]) - 1.0).astype("timedelta64[s]")
    last = market.start[0] + last_s
    local = last if clock is None else clock.local(last)
    days, first = np.unique(local.astype("datetime64[D]"), return_index=True)
    if len(days) > _MOST_DAYS:
        days, first = np.unique(local.astype("datetime64[M]"), return_index=True)
    return [str(day) for day in days], first


def period_imbalance_kwh(market: Recording) -> tuple[FloatArray, list[int]]:
    """Return the imbalance at the end of each settlement period that began, and which they are.

    The recorded imbalance runs within a period, so its last row there is the period's.
    """
    running_kwh = running_imbalance_kwh(market)
    row_end_s = np.arange(1, len(running_kwh) + 1) * market.step_s
    last_row = np.searchsorted(row_end_s, market.values(_PERIOD_STOP), side="right") - 1
    begun = np.flatnonzero(np.diff(last_row, prepend=-1) > 0)
    return running_kwh[last_row[begun]], [int(period) for period in begun]


def running_imbalance_kwh(market: Recording) -> FloatArray:
    """Return the imbalance since each settlement period's start, at the end of every row.

    A sum of powers that cancel leaves some 1e-14 kWh, which is no imbalance: rounded to 1e-9.
    """
    running_kwh: FloatArray = np.round(market.values(IMBALANCE.name), _DECIMALS_KWH) + 0.0
    return running_kwh
