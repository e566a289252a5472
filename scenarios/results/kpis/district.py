"""What a district exchanges with the world around it: all its connection points together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.kpis.interval_means import means_between
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.window_means import window_means
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

WINDOW_S = 900
"""Over which network operators bill peaks."""
_GROUP = "Energy"
_IMPORTED = Indicator(
    name="district_imported_kwh", unit="kWh", group=_GROUP, label="energy the district imports"
)
_EXPORTED = Indicator(
    name="district_exported_kwh", unit="kWh", group=_GROUP, label="energy the district exports"
)
_IMPORT_PEAK = Indicator(
    name="district_import_peak_15min_kw",
    unit="kW",
    group=_GROUP,
    label="peak import of the district, 15 min mean",
)
_EXPORT_PEAK = Indicator(
    name="district_export_peak_15min_kw",
    unit="kW",
    group=_GROUP,
    label="peak export of the district, 15 min mean",
)
PEAKS = frozenset({_IMPORT_PEAK.name, _EXPORT_PEAK.name})
"""Indicators which means over that window give exactly."""


def district_kpis(net_kw: Iterable[FloatArray], step_s: int) -> list[Kpi]:
    """Return energy and peaks of a district's exchange, without the losses of its grid.

    Energies count import and export of every step; peaks are those of means over 15 min, which the
    step may be longer than.

    Args:
        net_kw: (time,) of all connection points together, load convention; in order, stretch by
            stretch.
        step_s: seconds that each value holds.
    """
    hours = step_s / SECONDS_PER_HOUR
    imported_kw, exported_kw = 0.0, 0.0

    def accounted() -> Iterator[FloatArray]:
        nonlocal imported_kw, exported_kw
        for stretch_kw in net_kw:
            imported_kw += float(np.maximum(stretch_kw, 0.0).sum())
            exported_kw += float(np.maximum(-stretch_kw, 0.0).sum())
            yield stretch_kw[:, np.newaxis]

    mean_kw = window_means(accounted(), step_s, WINDOW_S)
    return [
        _IMPORTED.total(imported_kw * hours),
        _EXPORTED.total(exported_kw * hours),
        _IMPORT_PEAK.total(max(float(mean_kw.max()), 0.0)),
        _EXPORT_PEAK.total(max(float(-mean_kw.min()), 0.0)),
    ]


@dataclass(frozen=True, kw_only=True)
class DistrictPower:
    """Power of all devices together, without the losses of their grid."""

    edges: NDArray[np.datetime64]
    """(interval + 1,), UTC; the last interval ends with the run."""
    mean_kw: FloatArray
    """(interval,), load convention."""


def district_power(devices: Sequence[Recording]) -> DistrictPower:
    """Return the mean power of all devices over 15 min, as long as all of them have values."""
    end_s = min(len(device.start) * device.step_s for device in devices)
    edges_s = np.minimum(np.arange(-(-end_s // WINDOW_S) + 1.0) * WINDOW_S, end_s)
    mean_kw = np.zeros(len(edges_s) - 1)
    for device in devices:
        sums_kw = np.concatenate([np.nansum(b, axis=1) for b in device.blocks(POWER.name)])
        mean_kw += means_between(sums_kw, device.step_s, edges_s)
    edges = devices[0].start[0] + edges_s.astype("timedelta64[s]")
    return DistrictPower(edges=edges, mean_kw=mean_kw)
