"""A tariff: what customers, or a community of them, pay for the energy they draw and feed in.

It only measures: any number of tariffs may look at the same connection points, as when the bills of
single houses are to be compared with that of their community.
"""

from enum import StrEnum
from typing import Self

import numpy as np
from pydantic import model_validator
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
    StaticVariable,
)
from gridloom.simulators.prices import by_period
from gridloom.simulators.profiles.placement import points_at
from gridloom.simulators.quantities import (
    SECONDS_PER_HOUR,
    Duration,
    ModelConfig,
    format_duration,
)
from gridloom.simulators.signals import POWER
from gridloom.simulators.tariff_prices import Price, means_between, prices_by_period
from gridloom.simulators.tariff_signals import COST, EXPORT_PRICE, EXPORTED, IMPORT_PRICE, IMPORTED

_KWH_PER_MWH = 1000.0
_ROUNDING_EUR_PER_MWH = 1e-9


class Metering(StrEnum):
    """Whose energy is netted within a settlement period."""

    EACH = "each"
    """Each connection point has its own meter and bill."""
    COMMUNITY = "community"
    """All connection points share one: what one house feeds in, another draws for nothing."""


class TariffConfig(ModelConfig):
    """What customers pay for energy."""

    at: str | list[str] = "all"
    """Connection points of the customers: all, a group, a name or a list of these."""
    settles: Metering = Metering.EACH
    """Whether `each` connection point pays by itself, or the `community` with a common meter."""
    import_price_eur_per_mwh: Price
    """Paid for energy drawn, taxes and levies included: a number, one a settlement period, by
    local time of day (`{"07:00": 320, "22:00": 240}`), or a CSV file."""
    export_price_eur_per_mwh: Price = 0.0
    """Received for energy fed in, in the same forms; never above the import price."""
    settlement_period: Duration = 900
    """Time over which energy is netted; the first period begins with the scenario."""

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if self.settlement_period % self.step_size:
            raise ValueError(
                f"settlement_period {format_duration(self.settlement_period)} is not a multiple "
                f"of step_size {format_duration(self.step_size)}"
            )
        return self


class Tariff(Model):
    """Meters energy at connection points and tells what it costs.

    With the net energy E of a meter in a settlement period, load convention, and the prices of
    import and export, the period costs `import max(E, 0) - export max(-E, 0)`. Energies and cost
    run from the start; the period at hand counts as if it ended now. Prices may be negative, but
    export never earns more than import costs: one could import and export at once without limit.

    Prices are published: `prices_ahead` tells them for the whole run, and those of the next step
    are sent one step ahead.
    """

    Config = TariffConfig

    def __init__(self, config: TariffConfig, context: BuildContext) -> None:
        super().__init__(context, config.step_size)
        points = points_at(context, config.at)
        self.elements = ElementSet(
            kind="customer", owner=self.name, names=points, connection_points=points
        )
        self.settles = config.settles
        """Whose energy is netted."""
        self.settlement_period_s = config.settlement_period
        """Length of the settlement periods."""
        self._duration_s = context.duration_s
        self.import_price_eur_per_mwh = prices_by_period(
            config.import_price_eur_per_mwh,
            "import_price_eur_per_mwh",
            config.settlement_period,
            context,
        )
        """(settlement period,)"""
        self.export_price_eur_per_mwh = prices_by_period(
            config.export_price_eur_per_mwh,
            "export_price_eur_per_mwh",
            config.settlement_period,
            context,
        )
        """(settlement period,)"""
        self._refuse_arbitrage()
        meters = self._meters
        shape = () if meters is None else (len(meters),)
        self._net_kwh = np.zeros(shape)
        self._settled = {signal.name: np.zeros(shape) for signal in (IMPORTED, EXPORTED, COST)}
        """Up to the begin of the period at hand."""
        self._running = self._settled

    def _refuse_arbitrage(self) -> None:
        margin = self.import_price_eur_per_mwh - self.export_price_eur_per_mwh
        wrong = np.flatnonzero(margin < -_ROUNDING_EUR_PER_MWH)
        if len(wrong):
            first = wrong[0]
            since = format_duration(int(first) * self.settlement_period_s)
            raise ScenarioError(
                Problem(
                    message=f"export earns {self.export_price_eur_per_mwh[first]:g} EUR/MWh and "
                    f"import costs {self.import_price_eur_per_mwh[first]:g} in the settlement "
                    f"period that begins {since} after the start",
                    key=("export_price_eur_per_mwh",),
                    expected="an export price that is never above the import price",
                )
            )

    @property
    def customers(self) -> tuple[str, ...]:
        """Connection points that it meters."""
        return self.elements.names

    @property
    def _meters(self) -> ElementSet | None:
        """Who is settled; None for one common meter."""
        return None if self.settles is Metering.COMMUNITY else self.elements

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (
            Port(signal=POWER, direction=Direction.INPUT, elements=self.elements),
            *(
                Port(signal=signal, direction=Direction.OUTPUT, elements=self._meters)
                for signal in (IMPORTED, EXPORTED, COST)
            ),
            *(
                Port(signal=signal, direction=Direction.OUTPUT, recorded=False)
                for signal in (IMPORT_PRICE, EXPORT_PRICE)
            ),
        )

    @override
    def initial_outputs(self) -> Outputs:
        return self._running | self._told_prices(0)

    @override
    def step(self, time: int, inputs: Inputs) -> Outputs:
        if time % self.settlement_period_s == 0:
            self._settled = self._running
            self._net_kwh = np.zeros_like(self._net_kwh)
        drawn_kw = inputs[POWER.name]
        metered_kw = drawn_kw.sum() if self._meters is None else drawn_kw
        self._net_kwh = self._net_kwh + metered_kw * (self.step_size / SECONDS_PER_HOUR)
        period = time // self.settlement_period_s
        imported_kwh, exported_kwh = np.maximum(self._net_kwh, 0.0), np.maximum(-self._net_kwh, 0.0)
        paid_eur = imported_kwh * self.import_price_eur_per_mwh[period]
        earned_eur = exported_kwh * self.export_price_eur_per_mwh[period]
        current = {
            IMPORTED.name: imported_kwh,
            EXPORTED.name: exported_kwh,
            COST.name: (paid_eur - earned_eur) / _KWH_PER_MWH,
        }
        self._running = {
            name: np.asarray(before + current[name]) for name, before in self._settled.items()
        }
        return self._running | self._told_prices(time + self.step_size)

    def _told_prices(self, time: int) -> Outputs:
        """Return the prices of the step at ``time``, after the run's end those of the last."""
        last = len(self.import_price_eur_per_mwh) - 1
        period = min(time // self.settlement_period_s, last)
        return {
            IMPORT_PRICE.name: np.asarray(self.import_price_eur_per_mwh[period]),
            EXPORT_PRICE.name: np.asarray(self.export_price_eur_per_mwh[period]),
        }

    def prices_ahead(self, time: int, count: int, interval_s: int) -> tuple[FloatArray, FloatArray]:
        """Return the published prices of import and export: (interval,) each, EUR/MWh.

        Args:
            time: begin of the first interval, seconds since the start.
            count: how many intervals.
            interval_s: length of each; prices that change within one count with their share. Those
                of the last settlement period go on holding after the run's end.
        """
        bounds_s = time + np.arange(count + 1) * interval_s
        return (
            means_between(self.import_price_eur_per_mwh, self.settlement_period_s, bounds_s),
            means_between(self.export_price_eur_per_mwh, self.settlement_period_s, bounds_s),
        )

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        period_s = self.settlement_period_s
        start_s = np.arange(len(self.import_price_eur_per_mwh)) * period_s
        stop_s = np.minimum(start_s + period_s, self._duration_s)
        return (
            by_period("period_start_s", start_s, "s", "first second of the settlement period"),
            by_period("period_stop_s", stop_s, "s", "end of the settlement period, or of the run"),
            by_period(
                "tariff_import_eur_per_mwh",
                self.import_price_eur_per_mwh,
                "EUR/MWh",
                "price paid for energy drawn",
            ),
            by_period(
                "tariff_export_eur_per_mwh",
                self.export_price_eur_per_mwh,
                "EUR/MWh",
                "price received for energy fed in",
            ),
        )
