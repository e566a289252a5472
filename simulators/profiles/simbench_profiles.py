"""SimBench's own profiles of loads and generators, 15 minutes, for the year 2016."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from typing_extensions import override

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.grid.connection_points import find_connection_points
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.clock import DailySeries, LocalClock
from gridloom.simulators.profiles.series import Series
from gridloom.simulators.quantities import Config
from gridloom.simulators.simbench_nets import read_simbench_net

_INTERVAL_S = 900
_ROWS_A_DAY = 96
_KW_PER_MW = 1000.0


class SimbenchProfile(Config):
    """Profiles of a SimBench grid (extra `simbench`), by the names of its connection points.

    SimBench's year is 2016; the scenario's local dates are looked up in it by month and day.
    """

    simbench: str
    """SimBench code of the grid, such as 1-LV-rural1--0-sw."""


class _Calendar2016(DailySeries):
    """A leap year of quarters of an hour, looked up by month and day."""

    def __init__(self, quarters: FloatArray, context: BuildContext, description: str) -> None:
        super().__init__(LocalClock(context.start), _INTERVAL_S, description)
        self._quarters = quarters

    @override
    def day(self, day: int) -> FloatArray:
        month_and_day = str(np.datetime64(day, "D"))[4:]
        same_day = np.datetime64(f"2016{month_and_day}", "D") - np.datetime64("2016-01-01", "D")
        first = int(same_day.astype(np.int64)) * _ROWS_A_DAY
        return self._quarters[first : first + _ROWS_A_DAY]


def open_simbench(
    config: SimbenchProfile, context: BuildContext, elements: Sequence[str], *, generation: bool
) -> tuple[Series, Series]:
    """Open active and reactive power of ``elements`` in kW and kvar.

    Loads are counted as consumption, generators (``generation``) as generation. Several at one
    connection point are added up.

    Raises:
        ScenarioError: simbench is not installed, does not know the code, or an element is missing.
    """
    net = read_simbench_net(config.simbench)
    kind = "sgen" if generation else "load"
    points = _points(net, kind)
    missing = [name for name in elements if name not in points]
    if missing:
        what = "generator" if generation else "load"
        raise ScenarioError(
            Problem(
                message=f"'{config.simbench}' has no {what} at {listing(missing)}",
                expected=f"elements among {listing(sorted(set(points)))}",
                suggestion=nearest(missing[0], points),
            )
        )
    member = np.array([[point == name for name in elements] for point in points], dtype=np.float64)
    source = f"SimBench {config.simbench}: {kind}"
    power, reactive = (
        _Calendar2016(quarters @ member, context, source) for quarters in _year(net, kind)
    )
    return power, reactive


def generating_points(config: SimbenchProfile) -> set[str]:
    """Return the connection points at which the grid has generators."""
    return set(_points(read_simbench_net(config.simbench), "sgen")) - {""}


def _points(net: Any, kind: str) -> list[str]:
    """Return the connection point of each load or sgen as the grid names it; '' out of service."""
    position = {int(bus): i for i, bus in enumerate(net.bus.index)}
    of_element = find_connection_points(net, position).of_element
    return [of_element.get((kind, int(index)), "") for index in net[kind].index]


def _year(net: Any, kind: str) -> tuple[FloatArray, FloatArray]:
    """Return P and Q of loads or generators in 2016: (quarter of an hour, load or sgen), kW."""
    import simbench

    absolute = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    order = net[kind].index
    power = absolute[kind, "p_mw"][order].to_numpy(dtype=np.float64) * _KW_PER_MW
    if (kind, "q_mvar") not in absolute:
        return power, np.zeros_like(power)
    return power, absolute[kind, "q_mvar"][order].to_numpy(dtype=np.float64) * _KW_PER_MW
