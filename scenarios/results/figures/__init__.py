"""The figures of the report, in their order; what the record does not have is left out."""

from typing import TYPE_CHECKING

from gridloom.scenarios.results.figures.bonuses import bonuses_figure
from gridloom.scenarios.results.figures.convergence import convergence_figure
from gridloom.scenarios.results.figures.imbalance import imbalance_figure
from gridloom.scenarios.results.figures.indoor_temperature import indoor_temperature_figure
from gridloom.scenarios.results.figures.line_current import line_current_figure
from gridloom.scenarios.results.figures.local_price import local_price_figure
from gridloom.scenarios.results.figures.map import map_figure
from gridloom.scenarios.results.figures.net_power import net_power_figure
from gridloom.scenarios.results.figures.net_prices import net_prices_figure
from gridloom.scenarios.results.figures.power import power_figure
from gridloom.scenarios.results.figures.schedules import schedules_figure
from gridloom.scenarios.results.figures.state_of_charge import state_of_charge_figure
from gridloom.scenarios.results.figures.style import ReportFigure, figure_style
from gridloom.scenarios.results.figures.voltage import voltage_figure
from gridloom.scenarios.results.kpis.negotiation import Negotiation, negotiation_of
from gridloom.scenarios.results.kpis.nets import PlannedNets, planned_nets_of
from gridloom.scenarios.results.line_loading import line_loading
from gridloom.scenarios.results.recording import RecordParts, parts_of

if TYPE_CHECKING:
    import xarray as xr


def report_figures(record: "xr.DataTree") -> list[ReportFigure]:
    """Draw everything there is to see in a record."""
    with figure_style():
        drawn = _draw_all(parts_of(record), negotiation_of(record), planned_nets_of(record))
    return [figure for figure in drawn if figure is not None]


def _draw_all(
    parts: RecordParts, negotiation: Negotiation | None, nets: PlannedNets | None
) -> list[ReportFigure | None]:
    grid, clock = parts.grid, parts.clock
    loading = line_loading(grid) if grid else None
    return [
        line_current_figure(grid, loading, clock) if grid and loading else None,
        power_figure(parts),
        *(_of_negotiation(negotiation, parts) if negotiation else ()),
        *(_of_nets(nets, parts) if nets else ()),
        *(imbalance_figure(market, clock) for market in parts.markets),
        *(state_of_charge_figure(storage, clock) for storage in parts.storages),
        *(indoor_temperature_figure(device, clock) for device in parts.devices),
        voltage_figure(grid, clock) if grid else None,
        map_figure(grid, loading) if grid and loading else None,
    ]


def _of_negotiation(negotiation: Negotiation, parts: RecordParts) -> list[ReportFigure | None]:
    return [
        schedules_figure(negotiation, parts.clock),
        local_price_figure(negotiation, parts.clock),
        bonuses_figure(negotiation, [device.name for device in parts.devices]),
    ]


def _of_nets(nets: PlannedNets, parts: RecordParts) -> list[ReportFigure | None]:
    return [
        net_power_figure(nets, parts.clock),
        net_prices_figure(nets, parts.tariffs, parts.clock),
        convergence_figure(nets, parts.clock),
    ]
