"""What a district exchanges with the world around it: all its connection points together."""

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.window_means import window_means
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR

_WINDOW_S = 900
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


def district_kpis(net_kw: FloatArray, step_s: int) -> list[Kpi]:
    """Return energy and peaks of a district's exchange, without the losses of its grid.

    Energies count import and export of every step; peaks are those of means over 15 min, which the
    step may be longer than.

    Args:
        net_kw: (time,), of all connection points together, load convention.
        step_s: seconds that each value holds.
    """
    hours = step_s / SECONDS_PER_HOUR
    mean_kw = window_means([net_kw[:, np.newaxis]], step_s, _WINDOW_S)
    return [
        _IMPORTED.total(np.maximum(net_kw, 0.0).sum() * hours),
        _EXPORTED.total(np.maximum(-net_kw, 0.0).sum() * hours),
        _IMPORT_PEAK.total(max(float(mean_kw.max()), 0.0)),
        _EXPORT_PEAK.total(max(float(-mean_kw.min()), 0.0)),
    ]
