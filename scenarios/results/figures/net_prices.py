"""Figure: what energy costs: by the tariff, at the nets, and because of their limits."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from gridloom.scenarios.results.figures.style import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    INK,
    SKY,
    VERMILLION,
    ReportFigure,
    at_time,
    legend_above,
    new_panels,
    step_line,
    svg_bytes,
    time_axis,
)
from gridloom.scenarios.results.kpis.nets import PlannedNets
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import LocalTime, number
from gridloom.simulators.model import FloatArray

_IMPORT, _EXPORT = "tariff_import_eur_per_mwh", "tariff_export_eur_per_mwh"
_HEIGHT_IN = 2.2
_MOST_NETS = 3
_NEGLIGIBLE_EUR_PER_MWH = 0.01


def net_prices_figure(
    nets: PlannedNets, tariffs: Sequence[Recording], clock: LocalTime
) -> ReportFigure:
    """Draw tariff and net prices; below them congestion prices, where there ever was one."""
    tariff = next((t for t in tariffs if t.name == nets.controls and _IMPORT in t), None)
    congested = _congested(nets)
    title = _title(nets, congested)
    several = len(nets.tree.roots) > 1
    return ReportFigure(
        key="net-prices",
        title=title,
        caption=(
            "EUR/MWh, for the interval that each negotiation was about. "
            + ("Top: " if congested else "Lines: ")
            + ("the tariff's import and export prices, and " if tariff else "")
            + ("the price that the nets ended with (line: mean; band: " if several else "the price")
            + ("lowest to highest)" if several else " that the outermost net ended with")
            + ". It is the import price while energy is drawn, the export price while it is fed "
            "in, and in between while the net shares what it has."
            + (
                " Bottom: the congestion price, by which the limit of a net changes the price "
                "below it: positive at import, negative at export, zero while the limit is kept "
                "without it."
                if congested
                else ""
            )
        ),
        alternative=f"Prices over time. {title}.",
        svg=_draw(nets, tariff, congested, clock),
    )


def _congested(nets: PlannedNets) -> list[int]:
    """Return the nets whose limits cost most, if any ever does."""
    sums = np.abs(nets.congestion_price_eur_per_mwh).sum(axis=1)
    order = np.argsort(-sums, kind="stable")[:_MOST_NETS]
    return [int(net) for net in order if sums[net] > _NEGLIGIBLE_EUR_PER_MWH]


def _title(nets: PlannedNets, congested: Sequence[int]) -> str:
    if not congested:
        outermost = nets.price_eur_per_mwh[nets.tree.roots]
        low, high = float(outermost.min()), float(outermost.max())
        return f"No limit has a price; that of energy is {number(low)} to {number(high)} EUR/MWh"
    price = np.abs(nets.congestion_price_eur_per_mwh)
    highest = congested[int(np.argmax(price[congested].max(axis=1)))]
    return (
        f"The limit of {nets.tree.names[highest]} is worth up to "
        f"{number(float(price[highest].max()))} EUR/MWh"
    )


def _draw(
    nets: PlannedNets, tariff: Recording | None, congested: Sequence[int], clock: LocalTime
) -> bytes:
    figure, panels = new_panels(2 if congested else 1, 1, _HEIGHT_IN)
    x = at_time(clock, nets.edges)
    if tariff is not None:
        _draw_tariff(panels[0], tariff, clock)
    price = nets.price_eur_per_mwh[nets.tree.roots]
    if len(price) > 1:
        low, high = (np.append(p, p[-1]) for p in (price.min(axis=0), price.max(axis=0)))
        panels[0].fill_between(x, low, high, step="post", color=SKY, alpha=0.4, lw=0)
    label = "nets, mean" if len(price) > 1 else nets.tree.names[nets.tree.roots[0]]
    step_line(panels[0], x, price.mean(axis=0), colour=BLUE, label=label, linewidth=1.8)
    for net, colour in zip(congested, CLASS_COLOURS[1:], strict=False):
        price_of_net = nets.congestion_price_eur_per_mwh[net]
        step_line(panels[1], x, price_of_net, colour=colour, label=nets.tree.names[net])
    for axes in panels:
        time_axis(axes, clock, nets.edges)
        legend_above(axes, 4)
        if axes is not panels[-1]:
            axes.set_xlabel("")
    panels[0].set_ylabel("price (EUR/MWh)")
    if congested:
        panels[1].axhline(0, color=GREY, linewidth=0.8)
        panels[1].set_ylabel("congestion price\n(EUR/MWh)")
    return svg_bytes(figure)


def _draw_tariff(axes: Axes, tariff: Recording, clock: LocalTime) -> None:
    seconds = np.append(tariff.values("period_start_s"), tariff.values("period_stop_s")[-1])
    x = at_time(clock, tariff.start[0] + seconds.astype("timedelta64[s]"))
    for name, colour, label in (
        (_IMPORT, VERMILLION, "tariff, import"),
        (_EXPORT, INK, "tariff, export"),
    ):
        price: FloatArray = tariff.values(name)
        step_line(axes, x, price, colour=colour, label=label, linewidth=1.0)
